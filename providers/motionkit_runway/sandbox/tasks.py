"""Tasks: submit, look, cancel or delete; the queue in front of them, and their money."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

import attrs
from aiohttp import web

from motionkit.sandbox import Account, Job, Route, State
from motionkit.sandbox.clock import stamp
from motionkit.sandbox.faults import Fault
from motionkit.sandbox.files import StoredFile
from motionkit.sandbox.media import result_size, result_video
from motionkit_runway.sandbox.endings import ENDINGS, Ending
from motionkit_runway.sandbox.gate import NO_CREDITS, VENDOR, Call, Gate, Refusal, invalid
from motionkit_runway.sandbox.inputs import Inputs, Media, facts, picture, unusable
from motionkit_runway.sandbox.models import ENDPOINTS, NAMES, Facts, Model
from motionkit_runway.sandbox.outputs import Outputs
from motionkit_runway.sandbox.schema import Findings, Path, record

POOL = "credits"
DAY = 86400.0
SUBMIT_SHAPES = frozenset({"no_id", "id_only", "list", "id_in_task"})
EXPIRED = frozenset({"expired_upload"})
END_SHAPES = frozenset({"partial", *ENDINGS})
POLL_SHAPES = frozenset({"no_costs", "no_output", "blank_output", "two_outputs", "null_progress"})
_PENDING = 0.04
_LONGEST_FILM = 30.0
_WORDS = {State.QUEUED: "PENDING", State.RUNNING: "RUNNING", State.SUCCEEDED: "SUCCEEDED"}


@attrs.define(eq=False, kw_only=True)
class Task(Job):
    """A job whose credits are held at the submit and settled at its end.

    Attributes:
        keeps: Credits that are kept at the end; the rest goes back.
        runs: Vendor seconds from its start to its end; None for a stuck one.
        starts: Vendor time at which a slot is free for it; it is throttled until then.
        ending: How it ends if it does not succeed.
        file: Its output.
        refunded_at: Vendor time at which its credits went back.
    """

    keeps: Decimal
    runs: float | None
    starts: float = math.inf
    ending: Ending | None = None
    file: StoredFile
    refunded_at: float | None = None

    @property
    def end(self) -> float:
        """Return the vendor time of its end."""
        return math.inf if self.lasts is None else self.created + self.lasts

    def start(self, when: float) -> None:
        """Give it a slot from a vendor time on."""
        self.starts = when
        waits = when - self.created
        self.queued = waits + _PENDING * (self.runs or 0)
        self.lasts = None if self.runs is None or waits == math.inf else waits + self.runs

    def settle(self, now: float) -> None:
        """Give back what is not kept, once, when it has ended."""
        if self.settled or self.state(now).open:
            return
        self.settled = True
        back = self.charged - self.keeps
        if back > 0:
            self.account.balances[POOL] += back
            self.account.refunded += back
            self.refunded, self.refunded_at = back, min(now, self.end)


@attrs.frozen
class Order:
    """A checked body."""

    name: str
    model: Model
    body: Mapping[str, Any]
    media: Mapping[Path, Media]
    facts: Facts

    @property
    def estimate(self) -> Decimal:
        """Return the most that it may charge."""
        return self.model.estimate(self.facts)


class Tasks:
    """The endpoints of generations and of their tasks.

    Args:
        gate: The gateway.
        inputs: Resolves media.
        outputs: Has the finished files.
        daily: Generations in 24 hours of an account, by its number of concurrent ones.
        costs: Whether bodies have `estimatedCost` and `cost`, which they have since August 2026.
    """

    def __init__(
        self, gate: Gate, inputs: Inputs, outputs: Outputs, daily: Mapping[int, int], costs: bool
    ) -> None:
        self._gate = gate
        self._inputs = inputs
        self._outputs = outputs
        self._daily = daily
        self._costs = costs

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        one = {"GET": (self._look, "poll result"), "DELETE": (self._delete, "cancel")}
        paths = [
            self._gate.routes(
                f"/v1/{endpoint}", {"POST": (partial(self._create, endpoint), "submit")}
            )
            for endpoint in ENDPOINTS
        ]
        paths.append(self._gate.routes("/v1/tasks/{id}", one))
        return [route for routes in paths for route in routes]

    async def _create(self, endpoint: str, call: Call) -> web.StreamResponse:
        fields = await call.fields()
        if self._shape(call, EXPIRED) is not None:
            self._inputs.expire(call.account, fields)
        order = await self.order(call.account, endpoint, fields)
        task = self.begin(call, order)
        reply = {"id": task.id, **self._cost(estimatedCost=task.price)}
        shape = self._shape(call, SUBMIT_SHAPES)
        if shape == "no_id":
            del reply["id"]
        elif shape == "id_only":
            reply = {"id": task.id}
        elif shape == "id_in_task":
            reply = {"task": {"id": task.id, "status": "PENDING"}}
        return web.json_response([reply] if shape == "list" else reply)

    async def order(self, account: Account, endpoint: str, body: Mapping[str, Any]) -> Order:
        """Return a checked body.

        Raises:
            Refusal: A field is wrong.
        """
        key, models = ENDPOINTS[endpoint]
        name = body.get(key)
        model = models.get(name) if isinstance(name, str) else None
        findings = Findings()
        if model is None or not isinstance(name, str):
            listed = " | ".join(repr(known) for known in models)
            text = f"Invalid discriminator value. Expected {listed}"
            findings.issue((key,), "invalid_union_discriminator", text)
            raise invalid(findings.issues)
        rest = {field: value for field, value in body.items() if field != key}
        record(model.fields)(findings, rest, ())
        media = await self._inputs.resolve(account, findings)
        if not findings.issues and (missing := model.needs(model.values(rest))):
            findings.issue((missing,), "custom", "Invalid together with the other fields")
        if findings.issues:
            raise invalid(findings.issues)
        public = NAMES.get(endpoint, name)
        return Order(public, model, rest, media, facts(model, rest, media))

    def begin(self, call: Call, order: Order) -> Task:
        """Start a task.

        Raises:
            Refusal: The account may not, or cannot pay for it.
        """
        account, world = call.account, self._gate.world
        if order.name in account.denied:
            raise Refusal(403, f"Model variant {order.name} is not available.")
        task = self._task(call, order)
        if account.balance < task.price:
            raise Refusal(400, NO_CREDITS, docs=True)
        cap = self.daily(account)
        if cap is not None and len(self.today(account)) >= cap:
            raise Refusal(429, "You have exceeded the number of generations allowed in a day.")
        world.start(task)
        if world.faults.take("twin", call.phases, VENDOR) and account.balance >= task.price:
            world.start(attrs.evolve(task, id=world.uuid(), twin=True))
        self._schedule(account)
        return task

    def daily(self, account: Account) -> int | None:
        """Return how many generations an account may create in 24 hours; None without a limit."""
        if account.concurrency is None:
            return None
        rows = sorted(self._daily)
        return self._daily[next((one for one in rows if one >= account.concurrency), rows[-1])]

    def today(self, account: Account) -> list[Task]:
        """Return the tasks that an account created in the last 24 hours."""
        since = self._gate.world.clock.now() - DAY
        return [task for task in self.tasks(account) if task.created > since]

    def tasks(self, account: Account) -> list[Task]:
        """Return an account's tasks in the order of their creation."""
        return [job for job in self._gate.world.jobs(account) if isinstance(job, Task)]

    def _task(self, call: Call, order: Order) -> Task:
        world = self._gate.world
        take = partial(world.faults.take, phases=call.phases, vendor=VENDOR)
        price, keeps = order.estimate, order.model.cost(order.facts)
        if fault := take("cost"):
            keeps = Decimal(round(100 * fault["usd"]))
            price = max(price, keeps)
        shape = self._shape(call, END_SHAPES)
        ending = self._ending(call, order, shape)
        if shape == "partial":
            keeps = Decimal(int(keeps / 2))
        if ending is not None:
            keeps = Decimal(math.ceil(price * ending.kept))
        runs: float | None = world.lasting(order.model.mean, min(6.0, order.model.mean / 20))
        if take("stuck"):
            runs = None
        return Task(
            id=world.uuid(),
            account=call.account,
            model=order.name,
            body=dict(order.body),
            created=world.clock.now(),
            lasts=None,
            price=max(price, keeps),
            outcome=ending.state if ending else State.SUCCEEDED,
            error=ending.prose if ending else "",
            keeps=keeps,
            runs=runs,
            ending=ending,
            file=_film(order),
        )

    def _ending(self, call: Call, order: Order, shape: str | None) -> Ending | None:
        """Return how a task fails; None if it succeeds."""
        if problem := unusable(order.model, order.media):
            return attrs.evolve(ENDINGS["asset_invalid"], prose=problem)
        for fault, name in (("fail", "internal"), ("moderate", "safety_input_image")):
            if found := self._gate.world.faults.take(fault, call.phases, VENDOR):
                ending = ENDINGS[name]
                return attrs.evolve(ending, prose=found["message"] or ending.prose)
        return ENDINGS.get(shape or "")

    def _schedule(self, account: Account) -> None:
        """Give the tasks that wait their slots, in the order of their creation."""
        now = self._gate.world.clock.now()
        tasks = self.tasks(account)
        ends = [task.end for task in tasks if task.starts <= now < task.end and not task.gone]
        for task in tasks:
            if task.gone or task.starts <= now:
                continue
            held = sorted((end for end in ends if end > now), reverse=True)
            most = account.concurrency
            free = most is None or len(held) < most
            task.start(now if free or most is None else held[most - 1] if most else math.inf)
            ends.append(task.end)

    async def _look(self, call: Call) -> web.StreamResponse:
        task, world = self._find(call), self._gate.world
        state, now = world.state(task), world.clock.now()
        fault = world.faults.take("unknown_word", call.phases, VENDOR)
        reply: dict[str, Any] = {"id": task.id, "createdAt": stamp(task.created)}
        shape = self._shape(call, POLL_SHAPES)
        if fault is not None:
            reply["status"] = fault["word"] or "PAUSED"
        elif state.open:
            word = "THROTTLED" if now < task.starts else _WORDS[state]
            reply |= {"status": word, **self._cost(estimatedCost=task.price)}
            if word == "RUNNING":
                reply["progress"] = _progress(task, now)
        elif task.ending is not None:
            reply |= {"status": task.ending.word, **task.ending.body()}
            reply |= self._cost(cost=task.keeps)
        else:
            output = [self._outputs.address(call, task.id, task.file)]
            if shape == "no_output" or world.faults.take("empty_url", call.phases, VENDOR):
                output = []
            elif shape == "blank_output":
                output = [""]
            elif shape == "two_outputs":
                output *= 2
            reply |= {"status": "SUCCEEDED", "output": output, **self._cost(cost=task.keeps)}
        if shape == "no_costs":
            reply.pop("cost", None)
            reply.pop("estimatedCost", None)
        elif shape == "null_progress" and "progress" in reply:
            reply["progress"] = None
        return web.json_response(reply)

    async def _delete(self, call: Call) -> web.StreamResponse:
        task, world = self._find(call), self._gate.world
        state, now = world.state(task), world.clock.now()
        if state.open:
            task.keeps = task.charged if state is State.RUNNING else Decimal(0)
            task.lasts = now - task.created
            task.starts = min(task.starts, now)
        task.gone = True
        task.settle(now)
        self._outputs.delete(task.id)
        self._schedule(task.account)
        return web.Response(status=204)

    def _find(self, call: Call) -> Task:
        world = self._gate.world
        task, now = world.job(VENDOR, call.name), world.clock.now()
        missing = Refusal(404, "Task not found")
        if not isinstance(task, Task) or task.account is not call.account or task.gone:
            raise missing
        if world.faults.take("expire", call.phases, VENDOR):
            task.gone = True
            raise missing

        def young(fault: Fault) -> bool:
            return fault["seconds"] is None or now < task.created + fault["seconds"]

        if world.faults.take("not_found", call.phases, VENDOR, young):
            raise missing
        return task

    def _cost(self, **amounts: Decimal) -> dict[str, Any]:
        """Return a cost's field, unless the bodies are of the older form."""
        return {
            name: {"credits": as_json(amount)} for name, amount in amounts.items() if self._costs
        }

    def _shape(self, call: Call, known: frozenset[str]) -> str | None:
        fault = self._gate.world.faults.take(
            "shape", call.phases, VENDOR, lambda fault: fault["shape"] in known
        )
        return None if fault is None else str(fault["shape"])


def as_json(amount: Decimal) -> int | float:
    """Return credits as a number of JSON."""
    return int(amount) if amount == int(amount) else float(amount)


def _progress(task: Task, now: float) -> float:
    begun = task.created + task.queued
    if task.lasts is None or task.end <= begun:
        return 0.0
    return round(min(0.99, (now - begun) / (task.end - begun)), 2)


def _film(order: Order) -> StoredFile:
    """Plan the video: the first picture, in the ratio and for the seconds that were asked for."""
    shown = picture(order.media.values())
    sides = [
        int(side) for side in str(order.facts.values.get("ratio")).split(":") if side.isdecimal()
    ]
    size = (sides[0], sides[1]) if len(sides) == 2 and min(sides) > 100 else None
    if size is None:
        size = result_size(shown.clip if shown else None, order.facts.lines)
    seconds = min(order.model.output_seconds(order.facts), _LONGEST_FILM)
    make = partial(result_video, shown.content if shown else None, seconds, size)
    return StoredFile(VENDOR, "video/mp4", make)
