"""One store of tasks for both APIs, and how each of them shows a task."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any, Literal, TypeAlias

import attrs
from aiohttp import web

from motionkit.sandbox import Account, Job, Route, State, World
from motionkit.sandbox.files import StoredFile
from motionkit.sandbox.ledger import money
from motionkit.sandbox.media import result_size, result_video
from motionkit_kling.sandbox.gate import KEY_HEADER, VENDOR
from motionkit_kling.sandbox.media import Asset

DAY = 86400.0
FILE_LIFE = 30 * DAY
FILES = "/kling-cdn"
USD = Decimal("0.14")
UNITS, CASH = "video", "balance"
"""The pool of units for videos, and that of an account that pays in dollars."""
_LONGEST_FILM = 30.0
_SHARPEST = 1080
_LINK_KEY = b"kling-sandbox-links"
BLOCKED = "Failure to pass the risk control system"
Rounding: TypeAlias = Literal["exact", "nearest", "ceil"]
WORDS: Mapping[State, str] = {
    State.QUEUED: "submitted",
    State.RUNNING: "processing",
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.BLOCKED: "failed",
}
LEGACY_WORDS: Mapping[State, str] = {**WORDS, State.SUCCEEDED: "succeed"}


def rounded(seconds: float, rounding: Rounding) -> Decimal:
    """Return the seconds that are charged."""
    exact = Decimal(str(round(seconds, 3)))
    if rounding == "exact":
        return exact
    if rounding == "ceil":
        return Decimal(math.ceil(exact))
    return max(Decimal(1), exact.quantize(Decimal(1), ROUND_HALF_UP))


@attrs.frozen
class Order:
    """A valid submission.

    Attributes:
        product: The operation: the first part of the path, or the legacy product.
        model: The model's name as sent.
        version: What the limit of parallel tasks counts.
        legacy: Whether it came through the legacy API.
        values: Its fields.
        seconds: Length of the result.
        resolution: The result's, as the new API words it.
        units: The price.
        sound: Whether the result has sound.
        picture: What the result shows.
        problem: Why the task will fail.
        external_id: The client's own id; empty if none.
        callback: Where changes are reported; empty if nowhere.
        watermark: Whether there is a second file with a watermark.
        mean: Usual vendor seconds of a task.
        parent: The video that it extends.
        clip: Whether a clip is among the inputs.
    """

    product: str
    model: str
    version: str
    legacy: bool
    values: Mapping[str, Any]
    seconds: float
    resolution: str
    units: Decimal
    sound: bool = False
    picture: Asset | None = None
    problem: str | None = None
    external_id: str = ""
    callback: str = ""
    watermark: bool = False
    mean: float = 90.0
    parent: str = ""
    clip: bool = False


@attrs.define(eq=False)
class Task(Job):
    """A task of either API.

    Attributes:
        order: What was asked.
        video: The id of its result.
        failures_cost: Whether it is charged although it fails.
    """

    order: Order = attrs.field(kw_only=True)
    video: str = attrs.field(kw_only=True)
    failures_cost: bool = attrs.field(kw_only=True, default=False)

    def settle(self, now: float) -> None:
        """Charge at the end, in units or dollars."""
        if self.failures_cost and not self.settled and self.state(now) is State.FAILED:
            self._charge()
        super().settle(now)

    @property
    def ends(self) -> float | None:
        """Return the vendor time of its end."""
        return None if self.lasts is None else self.created + self.lasts

    def changed(self, now: float) -> float:
        """Return the vendor time of its last change."""
        state = self.state(now)
        if state is State.QUEUED:
            return self.created
        return self.created + (self.queued if state.open else self.lasts or 0.0)

    @property
    def path(self) -> str:
        """Return the path of its file."""
        return f"{FILES}/{self.video}.mp4"


def pays_cash(account: Account) -> bool:
    """Return whether an account pays in dollars."""
    return UNITS not in account.balances


class Shelf:
    """Tasks as their owners see them, and the files of their results.

    Args:
        world: The sandbox's state.
        link_life: Vendor seconds for which the address of a result works; a query gives a new one.
    """

    def __init__(self, world: World, link_life: float) -> None:
        self.world = world
        self._link_life = link_life

    def tasks(self, account: Account) -> list[Task]:
        """Return an account's tasks in the order of their submission."""
        return [job for job in self.world.jobs(account) if isinstance(job, Task)]

    def routes(self) -> list[Route]:
        """Return the routes of the files."""
        path = f"{FILES}/{{name}}"
        return [Route(method, path, self._serve, ("download",)) for method in ("GET", "HEAD")]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        """Serve a file without a key, as long as its address is valid."""
        if KEY_HEADER in request.headers:
            return web.Response(status=400, text="<Error>InvalidArgument: Authorization</Error>")
        until, asked = request.query.get("Expires", ""), request.query.get("Signature", "")
        path = request.rel_url.raw_path
        whole = until.isdecimal() and hmac.compare_digest(_signature(path, int(until)), asked)
        if not whole or self.world.clock.now() >= int(until):
            return web.Response(status=403, text="<Error>AccessDenied</Error>")
        return await self.world.files.serve(request, VENDOR)

    def link(self, origin: str, task: Task, mark: str = "") -> str:
        """Publish a task's file; return an address that works for a while."""
        path, ends = task.path.replace(".mp4", f"{mark}.mp4"), task.ends or task.created
        if self.world.files.get(path) is None:
            order = task.order
            lines = min(_SHARPEST, int(order.resolution.removesuffix("p").replace("4k", "2160")))
            picture = order.picture
            size = result_size(picture.clip if picture else None, lines)
            make = partial(
                result_video,
                picture.content if picture else None,
                min(order.seconds, _LONGEST_FILM),
                size,
                sound=order.sound,
            )
            self.world.files.put(path, StoredFile(VENDOR, "video/mp4", make, ends + FILE_LIFE))
        until = math.ceil(min(self.world.clock.now() + self._link_life, ends + FILE_LIFE))
        return f"{origin}{path}?Expires={until}&Signature={_signature(path, until)}"

    def outputs(self, task: Task, origin: str) -> list[dict[str, Any]]:
        """Return the results of a task that succeeded, without their type."""
        mark = self.link(origin, task, "-watermark") if task.order.watermark else ""
        return [
            {
                "id": task.video,
                "url": self.link(origin, task),
                "watermark_url": mark,
                "duration": f"{round(task.order.seconds, 3):g}",
            }
        ]

    def new(self, task: Task, origin: str, now: float) -> dict[str, Any]:
        """Return a task as the new API shows it."""
        state = task.state(now)
        done = state is State.SUCCEEDED
        row = {
            "id": task.id,
            "status": WORDS[state],
            "message": "" if state.open else task.error,
            **self._times(task, now, "create_time", "update_time"),
            **({"external_id": task.order.external_id} if task.order.external_id else {}),
            "outputs": [],
            "billing": _billing(task) if not state.open else [],
        }
        if done:
            row["outputs"] = [{"type": "video", **one} for one in self.outputs(task, origin)]
        return row

    def legacy(self, task: Task, origin: str, now: float) -> dict[str, Any]:
        """Return a task as the legacy API shows it."""
        state, order = task.state(now), task.order
        info: dict[str, Any] = {}
        if order.parent:
            info["parent_video"] = {"id": order.parent}
        if order.external_id:
            info["external_task_id"] = order.external_id
        row: dict[str, Any] = {
            "task_id": task.id,
            "task_status": LEGACY_WORDS[state],
            "task_status_msg": "" if state.open else task.error,
            "task_info": info,
            **self._times(task, now, "created_at", "updated_at"),
        }
        if state is State.SUCCEEDED:
            row["task_result"] = {"videos": self.outputs(task, origin)}
        if not state.open and pays_cash(task.account):
            paid = money(task.charged)
            row["final_balance_deduction"] = {"quota": paid, "list_price": paid}
        elif not state.open:
            row["final_unit_deduction"] = money(task.charged)
        return row

    def accepted(self, task: Task) -> dict[str, Any]:
        """Return the answer to a submit."""
        now, order = task.created, task.order
        if order.legacy:
            info = {"external_task_id": order.external_id} if order.external_id else {}
            return {
                "task_id": task.id,
                "task_status": LEGACY_WORDS[State.QUEUED],
                "task_info": info,
                **self._times(task, now, "created_at", "updated_at"),
            }
        return {
            "id": task.id,
            "status": WORDS[State.QUEUED],
            **self._times(task, now, "create_time", "update_time"),
            **({"external_id": order.external_id} if order.external_id else {}),
        }

    @staticmethod
    def _times(task: Task, now: float, made: str, changed: str) -> dict[str, int]:
        return {made: milliseconds(task.created), changed: milliseconds(task.changed(now))}


View: TypeAlias = Callable[[Task, str, float], dict[str, Any]]


def milliseconds(when: float) -> int:
    """Return a vendor time as the vendor writes it."""
    return int(when * 1000)


def _billing(task: Task) -> list[dict[str, Any]]:
    if not task.charged:
        return []
    paid = money(task.charged)
    if pays_cash(task.account):
        return [
            {
                "charge_type": "cash",
                "cash_type": "balance",
                "amount": paid,
                "currency": "USD",
                "list_price": paid,
            }
        ]
    return [{"charge_type": "unit", "package_type": "video", "amount": paid}]


def _signature(path: str, until: int) -> str:
    return hmac.new(_LINK_KEY, f"{path} {until}".encode(), hashlib.sha256).hexdigest()[:32]
