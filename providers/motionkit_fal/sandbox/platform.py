"""The platform's API: request history, prices, charges, balance."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from aiohttp import web

from motionkit.sandbox import Job, Route, State
from motionkit.sandbox.clock import stamp
from motionkit.sandbox.ledger import money
from motionkit_fal.sandbox.gate import VENDOR, Call, Gate, PlatformRefusal
from motionkit_fal.sandbox.models import MODELS

_MOST_ENDPOINTS = 50
_BILLED_LATE = 60.0


class Platform:
    """The platform's endpoints.

    Args:
        gate: The gateway.
        input_kept: Whether rows have the payloads.
    """

    def __init__(self, gate: Gate, input_kept: bool) -> None:
        self._gate = gate
        self._input_kept = input_kept

    def routes(self) -> list[Route]:
        """Return the platform's endpoints."""
        route, models = self._gate.route, "/v1/models"
        return [
            route("GET", f"{models}/pricing", ("list",), self._prices),
            route("POST", f"{models}/pricing/estimate", ("list",), self._estimate),
            route("GET", f"{models}/requests/by-endpoint", ("history",), self._history),
            route("GET", f"{models}/billing-events", ("list",), self._events, admin=True),
            route("GET", "/v1/account/billing", ("balance",), self._billing, admin=True),
        ]

    async def _prices(self, call: Call) -> web.StreamResponse:
        rows = []
        for name in _endpoints(call):
            if name not in MODELS:
                raise PlatformRefusal(404, "not_found", f"No such endpoint: {name}")
            model = MODELS[name]
            rows.append(
                {
                    "endpoint_id": name,
                    "unit_price": float(model.unit_price),
                    "unit": model.unit,
                    "currency": "USD",
                }
            )
        return web.json_response({"prices": rows, "next_cursor": None, "has_more": False})

    async def _estimate(self, call: Call) -> web.StreamResponse:
        fields = await call.fields()
        total = Decimal(0)
        for name, asked in fields.get("endpoints", {}).items():
            if name not in MODELS:
                raise PlatformRefusal(404, "not_found", f"No such endpoint: {name}")
            total += MODELS[name].unit_price * Decimal(str(asked["unit_quantity"]))
        reply = {"estimate_type": fields.get("estimate_type"), "total_cost": float(total)}
        return web.json_response({**reply, "currency": "USD"})

    async def _history(self, call: Call) -> web.StreamResponse:
        asked, world = call.request.query, self._gate.world
        names = _endpoints(call)
        first, last = _window(asked, world.clock.now())
        size = _count(asked, "limit", 50)
        if size > 100:
            raise PlatformRefusal(400, "validation_error", "limit must be at most 100")
        lag = world.faults.take("history_lag", call.phases, VENDOR)
        newest = world.clock.now() - (lag["seconds"] if lag else 0)
        rows = [
            self._row(call, job, payloads=asked.get("expand") == "payloads")
            for job in reversed(world.jobs(call.account))
            if job.created <= newest
            and job.model in names
            and first <= datetime.fromtimestamp(job.created, UTC) < last
            and asked.get("request_id") in {None, job.id}
        ]
        return _page(call, "items", rows, size)

    def _row(self, call: Call, job: Job, *, payloads: bool) -> dict[str, Any]:
        state = self._gate.world.state(job)
        done = not state.open
        failure = job.details["failure"]
        status = failure.status if failure else 200
        ended = job.created + (job.lasts or 0)
        row: dict[str, Any] = {
            "request_id": job.id,
            "endpoint_id": job.model,
            "sent_at": stamp(job.created),
            "started_at": None if state is State.QUEUED else stamp(job.created + job.queued),
            "ended_at": stamp(ended) if done else None,
            "status_code": status if done else None,
            "duration": job.lasts if done else None,
        }
        if payloads and self._input_kept and job.details["input"]:
            row["json_input"] = job.body
            row["json_output"] = self._output(call, job) if done else None
        return row

    def _output(self, call: Call, job: Job) -> Mapping[str, Any]:
        if job.details["failure"]:
            body: Mapping[str, Any] = job.details["failure"].body
            return body
        output = job.details["output"]
        self._gate.world.files.put(output.path, output.file)
        url = call.origin("v3b.fal.media") + output.path
        return {"video": {"url": url, "content_type": "video/mp4"}}

    async def _events(self, call: Call) -> web.StreamResponse:
        world = self._gate.world
        world.settle()
        wanted = set(call.request.query.getall("request_id", ()))
        rows = [
            {
                "request_id": job.id,
                "endpoint_id": job.model,
                "timestamp": stamp(job.created + (job.lasts or 0)),
                "output_units": float(job.charged / MODELS[job.model].unit_price),
                "unit_price": float(MODELS[job.model].unit_price),
                "percent_discount": 0,
                "cost_total": float(job.charged),
                "cost_estimate_nano_usd": int(job.charged * 10**9),
            }
            for job in world.jobs(call.account)
            if job.charged
            and world.clock.now() >= job.created + (job.lasts or 0) + _BILLED_LATE
            and (not wanted or job.id in wanted)
        ]
        return _page(call, "billing_events", rows, 10_000)

    async def _billing(self, call: Call) -> web.StreamResponse:
        held = {"current_balance": float(money(call.account.balance)), "currency": "USD"}
        expands = call.request.query.get("expand") == "credits"
        return web.json_response(
            {"username": call.account.label, **({"credits": held} if expands else {})}
        )


def _endpoints(call: Call) -> list[str]:
    names: list[str] = call.request.query.getall("endpoint_id", [])
    if not 1 <= len(names) <= _MOST_ENDPOINTS:
        raise PlatformRefusal(400, "validation_error", "endpoint_id must be given 1 to 50 times")
    return names


def _window(asked: Mapping[str, str], now: float) -> tuple[datetime, datetime]:
    """Return start and end; the last day if they are not given."""
    today = datetime.fromtimestamp(now, UTC) + timedelta(seconds=1)
    try:
        last = datetime.fromisoformat(asked.get("end", today.isoformat()))
        first = datetime.fromisoformat(asked.get("start", (last - timedelta(days=1)).isoformat()))
    except ValueError:
        raise PlatformRefusal(400, "validation_error", "start and end must be ISO 8601") from None
    if first >= last:
        raise PlatformRefusal(400, "validation_error", "start must be before end")
    return first, last


def _count(asked: Mapping[str, str], name: str, default: int) -> int:
    text = asked.get(name, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise PlatformRefusal(400, "validation_error", f"{name} must be a positive integer")
    return int(text)


def _page(call: Call, name: str, rows: list[Any], size: int) -> web.Response:
    """Return a page of rows and the cursor of the next one."""
    start = _count(call.request.query, "cursor", 1) - 1
    more = len(rows) > start + size
    after = str(start + size + 1) if more else None
    return web.json_response(
        {name: rows[start : start + size], "next_cursor": after, "has_more": more}
    )
