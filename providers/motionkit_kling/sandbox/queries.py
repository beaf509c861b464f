"""Queries: tasks by id, by external id, and lists, of both APIs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from motionkit.sandbox import Route
from motionkit.sandbox.faults import Fault
from motionkit_kling.sandbox.codes import Refusal, invalid
from motionkit_kling.sandbox.gate import VENDOR, Call, Gate
from motionkit_kling.sandbox.models import PRODUCTS, Field, read
from motionkit_kling.sandbox.tasks import DAY, WORDS, Shelf, Task, milliseconds

_MOST_IDS, _LARGEST_PAGE = 20, 500
_FILTERS = {"status": frozenset(WORDS.values()), "product_type": {"video", "image", "try_on"}}
_LIST: Mapping[str, Field] = {
    "start_time": Field("any"),
    "end_time": Field("any"),
    "cursor": Field("any"),
    "limit": Field("any", default=100),
    "filters": Field("list", default=[]),
}
PHASES = ("poll", "result")
_BY_ID = "task_ids"


def _phases(request: web.Request) -> tuple[str, ...]:
    """Return the phases of a query: one by external id looks for a submit that was lost."""
    name = request.match_info.get("id")
    if name is None:
        return PHASES if _BY_ID in request.query else ("history",)
    return PHASES if name.isdecimal() and len(name) >= 18 else ("history",)


class Queries:
    """The endpoints that only read tasks.

    Args:
        gate: The gateway.
        shelf: The tasks.
    """

    def __init__(self, gate: Gate, shelf: Shelf) -> None:
        self._gate = gate
        self._shelf = shelf

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        route, product = self._gate.route, f"/v1/videos/{{product:{'|'.join(PRODUCTS)}}}"
        other = "/v1/videos/{rest:.+}"
        return [
            route("GET", "/tasks", _phases, self._by_ids),
            route("POST", "/tasks", ("history",), self._list),
            route("GET", product, ("history",), self._legacy_list, legacy=True),
            route("GET", f"{product}/{{id}}", _phases, self._one, legacy=True),
            route("GET", other, ("other",), self._wrong, legacy=True),
        ]

    async def _wrong(self, _call: Call) -> object:
        raise Refusal(1202)

    async def _by_ids(self, call: Call) -> list[dict[str, Any]]:
        asked = call.request.query
        given = [name for name in (_BY_ID, "external_task_ids") if asked.get(name)]
        if len(given) != 1:
            raise Refusal(1201, "either task_ids or external_task_ids is required")
        wanted = [part for part in asked[given[0]].split(",") if part]
        if len(wanted) > _MOST_IDS:
            raise Refusal(1201, f"{given[0]} cannot exceed {_MOST_IDS} in total")

        def named(task: Task) -> bool:
            return (task.id if given[0] == _BY_ID else task.order.external_id) in wanted

        return [self._new(call, task) for task in self._seen(call, named)]

    async def _list(self, call: Call) -> dict[str, Any]:
        values = read(await call.fields(), _LIST)
        now = self._gate.world.clock.now()
        size = whole(values["limit"], "limit")
        if not 1 <= size <= _LARGEST_PAGE:
            raise invalid("limit", size)
        first, last = window(values, milliseconds(now), int(30 * DAY * 1000))
        filters = _filters(values["filters"])
        cursor = values["cursor"]
        if cursor is not None:  # it keeps the times of its first page
            first, last, cursor = _cursor(cursor)

        def wanted(task: Task) -> bool:
            return (
                first <= milliseconds(task.created) <= last
                and WORDS[task.state(now)] in filters.get("status", WORDS.values())
                and "video" in filters.get("product_type", {"video"})
            )

        found = list(self._seen(call, wanted))
        start = cursor or 0
        rows = [self._new(call, task) for task in found[start : start + size]]
        more = len(found) > start + size
        after = f"{first}.{last}.{start + size}" if more else ""
        return {"result": rows, "count": len(rows), "next_cursor": after, "has_more": more}

    async def _one(self, call: Call) -> dict[str, Any]:
        product, name = call.request.match_info["product"], call.request.match_info["id"]
        external = PRODUCTS[product].by_external_id

        def named(task: Task) -> bool:
            own = task.order.legacy and task.order.product == product
            return own and (task.id == name or (external and task.order.external_id == name))

        found = self._seen(call, named)
        if not found:
            raise Refusal(1201, f"Task not found by id/external id: {name}")
        return self._legacy(call, found[0])

    async def _legacy_list(self, call: Call) -> list[dict[str, Any]]:
        product, asked = call.request.match_info["product"], call.request.query
        page = whole(asked.get("pageNum", "1"), "pageNum")
        size = whole(asked.get("pageSize", "30"), "pageSize")
        if not 1 <= page <= 1000 or not 1 <= size <= _LARGEST_PAGE:
            raise invalid("pageNum or pageSize", (page, size))

        def wanted(task: Task) -> bool:
            return task.order.legacy and task.order.product == product

        found = self._seen(call, wanted)[(page - 1) * size : page * size]
        return [self._legacy(call, task) for task in found]

    def _seen(self, call: Call, wanted: Callable[[Task], bool]) -> list[Task]:
        """Return the caller's tasks of a kind, the newest first, as far as the faults show them."""
        world = self._gate.world
        now = world.clock.now()
        lag = world.faults.take("history_lag", call.phases, VENDOR)
        found = [
            task
            for task in reversed(self._shelf.tasks(call.account))
            if wanted(task) and (lag is None or task.created <= now - lag["seconds"])
        ]
        if found and world.faults.take("expire", call.phases, VENDOR):
            for task in found:
                task.details["expired"] = True

        def young(fault: Fault) -> bool:
            newest = max(task.created for task in found)
            return fault["seconds"] is None or now < newest + fault["seconds"]

        if found and world.faults.take("not_found", call.phases, VENDOR, young):
            return []
        return [task for task in found if not task.details.get("expired")]

    def _new(self, call: Call, task: Task) -> dict[str, Any]:
        world = self._gate.world
        world.state(task)
        row = self._shelf.new(task, call.origin(), world.clock.now())
        return self._spoil(call, row, "status", row["outputs"])

    def _legacy(self, call: Call, task: Task) -> dict[str, Any]:
        world = self._gate.world
        world.state(task)
        row = self._shelf.legacy(task, call.origin(), world.clock.now())
        return self._spoil(call, row, "task_status", row.get("task_result", {}).get("videos", []))

    def _spoil(
        self, call: Call, row: dict[str, Any], word: str, outputs: list[dict[str, Any]]
    ) -> dict[str, Any]:
        take, here = self._gate.world.faults.take, call.phases
        if fault := take("unknown_word", here, VENDOR):
            row[word] = fault["word"] or "paused"
        if outputs and take("empty_url", here, VENDOR):
            for one in outputs:
                one["url"] = ""
        return row


def whole(value: object, what: str) -> int:
    """Return a number that may be written as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value)
    raise invalid(what, value)


def window(values: Mapping[str, Any], now: int, days: int) -> tuple[int, int]:
    """Return start and end in milliseconds; the time before now where they are absent."""
    last = now if values["end_time"] is None else whole(values["end_time"], "end_time")
    start = values["start_time"]
    first = last - days if start is None else whole(start, "start_time")
    if first > last:
        raise Refusal(1201, "start_time has to be before end_time")
    return first, last


def _cursor(value: object) -> tuple[int, int, int]:
    parts = str(value).split(".")
    if len(parts) != 3:
        raise invalid("cursor", value)
    first, last, start = (whole(part, "cursor") for part in parts)
    return first, last, start


def _filters(rows: list[Any]) -> dict[str, Any]:
    found = {}
    for row in rows:
        key = row.get("key") if isinstance(row, dict) else None
        values = row.get("values") if isinstance(row, dict) else None
        if key not in _FILTERS or not isinstance(values, list) or set(values) - _FILTERS[key]:
            raise invalid("filters", row)
        found[key] = set(values)
    return found
