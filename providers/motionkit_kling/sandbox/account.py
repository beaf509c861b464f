"""The account: packs of units, twelve hours late, and the deductions of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from motionkit.sandbox import Account, Route
from motionkit.sandbox.ledger import money
from motionkit_kling.sandbox.codes import Refusal, invalid
from motionkit_kling.sandbox.gate import Call, Gate
from motionkit_kling.sandbox.models import Field, read
from motionkit_kling.sandbox.queries import whole, window
from motionkit_kling.sandbox.sessions import Sessions
from motionkit_kling.sandbox.tasks import CASH, DAY, UNITS, Shelf, milliseconds, pays_cash

LATE = 12 * 3600.0
_PACK_LIFE = 90 * DAY
_BILLING: Mapping[str, Field] = {
    "start_time": Field("any"),
    "end_time": Field("any"),
    "cursor": Field("any"),
    "limit": Field("any", default=100),
    "filters": Field("list", default=[]),
}
_SOUND = {True: "on", False: "off"}


class Accounts:
    """The endpoints of the account.

    Args:
        gate: The gateway.
        shelf: The tasks.
        sessions: The sessions, which cost something as well.
        one_a_second: Costs are refused (1302) when asked for twice within a second.
    """

    def __init__(self, gate: Gate, shelf: Shelf, sessions: Sessions, *, one_a_second: bool) -> None:
        self._gate = gate
        self._shelf = shelf
        self._sessions = sessions
        self._one_a_second = one_a_second
        self._asked: dict[str, float] = {}
        self._opened = gate.world.clock.now() - DAY

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        route = self._gate.route
        return [
            route("GET", "/account/costs", ("balance",), self._costs, legacy=True),
            route("POST", "/account/billing/package", ("list",), self._packs, legacy=True),
            route("POST", "/account/billing/balance", ("list",), self._cash, legacy=True),
        ]

    async def _costs(self, call: Call) -> dict[str, Any]:
        asked, account, now = call.request.query, call.account, self._gate.world.clock.now()
        for name in ("start_time", "end_time"):
            if name not in asked:
                raise Refusal(1201, f"{name} is required")
        first, last = (whole(asked[name], name) for name in ("start_time", "end_time"))
        if first > last:
            raise Refusal(1201, "start_time has to be before end_time")
        before = self._asked.get(account.key, now - 1.0)
        self._asked[account.key] = now
        if self._one_a_second and now < before + 1.0:
            raise Refusal(1302)
        self._gate.world.settle()
        packs = [
            self._pack(account, number, pool, held, now)
            for number, (pool, held) in enumerate(account.balances.items(), 1)
            if pool != CASH
        ]
        wanted = asked.get("resource_pack_name")
        listed = [
            pack
            for pack in packs
            if wanted in {None, pack["resource_pack_name"]}
            and first < pack["invalid_time"]
            and last >= pack["purchase_time"]
        ]
        return {"code": 0, "msg": "success", "resource_pack_subscribe_infos": listed}

    def _pack(
        self, account: Account, number: int, pool: str, held: Decimal, now: float
    ) -> dict[str, Any]:
        late = sum((paid for when, paid in self._paid(account, pool) if when > now - LATE), held)
        total = sum((paid for _, paid in self._paid(account, pool)), held)
        bought, ends = self._opened, self._opened + _PACK_LIFE
        status = "online" if late > 0 else "runOut"
        slots = 5 if account.concurrency is None else account.concurrency
        return {
            "resource_pack_name": f"{pool.capitalize()}-{slots}Con-{money(total)}Units",
            "resource_pack_id": f"{number:032x}",
            "resource_pack_type": "decreasing_total",
            "total_quantity": float(total),
            "remaining_quantity": float(late),
            "purchase_time": milliseconds(bought),
            "effective_time": milliseconds(bought),
            "invalid_time": milliseconds(ends),
            "status": "expired" if now >= ends else status,
        }

    def _paid(self, account: Account, pool: str) -> list[tuple[float, Decimal]]:
        """Return the deductions of a pack: when, and how much."""
        if pool != UNITS:
            return []
        tasks = [(task.ends or 0.0, task.charged) for task in self._shelf.tasks(account)]
        return [*tasks, *((one.made, one.charged) for one in self._sessions.of(account))]

    async def _packs(self, call: Call) -> dict[str, Any]:
        return await self._rows(call, cash=False)

    async def _cash(self, call: Call) -> dict[str, Any]:
        return await self._rows(call, cash=True)

    async def _rows(self, call: Call, *, cash: bool) -> dict[str, Any]:
        """Return one row per deduction, the newest first; other accounts have none of this kind."""
        values, world = read(await call.fields(), _BILLING), self._gate.world
        size = whole(values["limit"], "limit")
        if not 1 <= size <= 500:
            raise invalid("limit", size)
        first, last = window(values, milliseconds(world.clock.now()), int(30 * DAY * 1000))
        start = whole(values["cursor"] or 0, "cursor")
        world.settle()
        rows = self._deductions(call.account, cash=cash)
        rows = [row for row in reversed(rows) if first <= row["deduction_time"] <= last]
        more = len(rows) > start + size
        return {
            "result": rows[start : start + size],
            "count": len(rows[start : start + size]),
            "next_cursor": str(start + size) if more else "",
            "has_more": more,
        }

    def _deductions(self, account: Account, *, cash: bool) -> list[dict[str, Any]]:
        if pays_cash(account) is not cash:
            return []
        done = [task for task in self._shelf.tasks(account) if task.charged]
        done.sort(key=lambda task: task.ends or 0.0)
        kind, held = ("balance", CASH) if cash else ("unit", UNITS)
        left = account.balances.get(held, account.balance)
        left += sum((task.charged for task in done), Decimal(0))
        rows = []
        for task in done:
            order, before, left = task.order, left, left - task.charged
            rows.append(
                {
                    "task_id": task.id,
                    "api_key_name": account.label,
                    "product_function": order.product,
                    "model_name": order.model,
                    "resolution": order.resolution,
                    "duration": f"{order.seconds:g}",
                    "refer_video_input": order.clip,
                    "video_sound": _SOUND[order.sound],
                    "deduction_time": milliseconds(task.ends or 0.0),
                    "deduction_amount": money(task.charged),
                    f"{kind}_before": money(before),
                    f"{kind}_after": money(left),
                    **({"list_price": money(task.charged), "currency": "USD"} if cash else {}),
                }
            )
        return rows
