"""Submits: orders become tasks."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

import attrs

from motionkit.sandbox import Account, Route, State
from motionkit.sandbox.faults import Fault
from motionkit_kling.sandbox.callbacks import Callbacks
from motionkit_kling.sandbox.codes import Refusal
from motionkit_kling.sandbox.gate import VENDOR, Call, Gate
from motionkit_kling.sandbox.media import check_address
from motionkit_kling.sandbox.models import MODELS, OPERATIONS, PRODUCTS
from motionkit_kling.sandbox.orders import Orders
from motionkit_kling.sandbox.tasks import BLOCKED, UNITS, USD, Order, Shelf, Task, pays_cash

_FAILED = "The task failed. Please try again later."  # the vendor's own texts are not on record
_SIGMA = 0.05


class Studio:
    """The endpoints that make tasks.

    Args:
        gate: The gateway.
        shelf: The tasks.
        callbacks: Reports changes.
        orders: Reads bodies.
        failures_cost: Failed tasks are charged.
        frees_failed: The external id of a failed task can be used again.
    """

    def __init__(
        self,
        gate: Gate,
        shelf: Shelf,
        callbacks: Callbacks,
        orders: Orders,
        *,
        failures_cost: bool,
        frees_failed: bool,
    ) -> None:
        self._gate = gate
        self._shelf = shelf
        self._callbacks = callbacks
        self._orders = orders
        self._failures_cost = failures_cost
        self._frees_failed = frees_failed

    def routes(self) -> list[Route]:
        """Return the endpoints; the model is in the path, or the product of the legacy API."""
        here = ("submit",)
        new = f"/{{operation:{'|'.join(OPERATIONS)}}}/{{model}}"
        return [
            self._gate.route("POST", new, here, self._new),
            self._gate.route("POST", "/v1/videos/{product:.+}", here, self._legacy, legacy=True),
        ]

    async def _new(self, call: Call) -> object:
        named = call.request.match_info
        model = MODELS.get((named["operation"], named["model"]))
        if model is None:
            raise Refusal(1203, f"model {named['model']} does not exist")
        body = await call.fields()
        order = await self._orders.new(named["operation"], named["model"], model, body)
        return self._take(call, order)

    async def _legacy(self, call: Call) -> object:
        name = call.request.match_info["product"]
        if name not in PRODUCTS:
            raise Refusal(1202)
        return self._take(call, await self._orders.legacy(call, name, await call.fields()))

    def _take(self, call: Call, order: Order) -> dict[str, Any]:
        """Start a task, subject to the active faults; return the answer.

        Raises:
            Refusal: 1201 for an external id in use, 1103 for a model that the account may not use,
                1102 without the money, 1303 without a free slot.
        """
        account = call.account
        take = partial(self._gate.world.faults.take, phases=call.phases, vendor=VENDOR)
        if order.external_id:
            account.note_trace(order.external_id)
        if order.callback:
            check_address(order.callback, "callback_url")
        first = self._first(account, order.external_id)
        again = None if first is None else take("dedupe")
        if first is not None and (again is None or again["mode"] == "error"):
            text = f"External_task_id {order.external_id} already exists"
            raise Refusal(1201, text) if again is None else Refusal(again["code"] or 1201)
        if first is not None and again is not None and again["mode"] == "replay":
            return self._shelf.accepted(first)
        price = self._price(order, take("cost"), account)
        if {order.model, f"{order.product}/{order.model}"} & account.denied:
            raise Refusal(1103)
        if self._free(account) < price:
            raise Refusal(1102)
        if self._running(account, order.version):
            raise Refusal(1303)
        stuck = again is not None and again["mode"] == "stuck"
        task = self._start(account, order, price, take, stuck=stuck)
        lost = take("webhook_lost")
        if order.callback and lost is None:
            self._callbacks.expect(task, order.callback, call.origin())
        if take("twin") and self._free(account) >= price:
            anonymous = attrs.evolve(order, external_id="")
            self._start(account, anonymous, price, lambda _: None, twin=True)
        return self._shelf.accepted(task)

    @staticmethod
    def _price(order: Order, fault: Fault | None, account: Account) -> Decimal:
        """Return the price in the account's money."""
        units = order.units if fault is None else Decimal(str(fault["usd"])) / USD
        return round(units * USD if pays_cash(account) else units, 6)

    def _first(self, account: Account, external_id: str) -> Task | None:
        """Return the task that has used an external id."""
        if not external_id:
            return None
        now = self._gate.world.clock.now()
        used = (
            task
            for task in self._shelf.tasks(account)
            if task.order.external_id == external_id
            and not (self._frees_failed and task.state(now) is State.FAILED)
        )
        return next(used, None)

    def _free(self, account: Account) -> Decimal:
        """Return what is left for a task: units fall at the end, so open tasks are reserved."""
        world = self._gate.world
        open_tasks = (task.price for task in self._shelf.tasks(account) if world.state(task).open)
        held = account.balance if pays_cash(account) else account.balances[UNITS]
        return held - sum(open_tasks, Decimal(0))

    def _running(self, account: Account, version: str) -> bool:
        """Return whether every slot of a model version is taken."""
        world = self._gate.world
        running = sum(
            task.order.version == version and world.state(task).open
            for task in self._shelf.tasks(account)
        )
        return account.concurrency is not None and running >= account.concurrency

    def _start(
        self,
        account: Account,
        order: Order,
        price: Decimal,
        take: Any,
        *,
        stuck: bool = False,
        twin: bool = False,
    ) -> Task:
        world = self._gate.world
        outcome, error = State.SUCCEEDED, ""
        fault: Fault | None
        if order.problem is not None:
            outcome, error = State.FAILED, order.problem
        elif fault := take("fail"):
            outcome, error = State.FAILED, fault["message"] or _FAILED
        elif fault := take("moderate"):
            outcome, error = State.BLOCKED, fault["message"] or BLOCKED
        lasts = world.lasting(order.mean, order.mean * _SIGMA)
        task = Task(
            str(world.number()),
            account,
            f"{order.product}/{order.model}",
            order.values,
            world.clock.now(),
            None if stuck or take("stuck") else lasts,
            price,
            queued=0.04 * lasts,
            outcome=outcome,
            on_account=False,
            trace_id=order.external_id,
            error=error,
            twin=twin,
            order=order,
            video=str(world.number()),
            failures_cost=self._failures_cost,
        )
        world.start(task)
        return task
