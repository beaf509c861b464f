"""Credits and request history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from aiohttp import web

from motionkit.sandbox import Job, Route, State
from motionkit.sandbox.clock import stamp
from motionkit_segmind.sandbox.gate import VENDOR, Call, Gate, Refusal

_PATH = "/inference-request/request-history"
_LONGEST = timedelta(days=31)
_WORDS: Mapping[State, str] = {
    State.QUEUED: "PENDING",
    State.RUNNING: "PENDING",
    State.SUCCEEDED: "COMPLETED",
    State.FAILED: "FAILED",
    State.BLOCKED: "FAILED",
}
_SORT_BY = ("model_created", "model_name", "credits_deduction")
# The response's shape is not documented: `data` is the default, faults select the others.
HISTORY_SHAPES: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "bare_list": lambda page: page["data"],
    "requests": lambda page: {"requests": page["data"], "total": page["total"]},
    "results": lambda page: {"results": page["data"], "total": page["total"]},
    "repeated": lambda page: {**page, "data": [row for row in page["data"] for _ in range(2)]},
}


class History:
    """An account's credits and its requests of any age."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """Return the account's reading endpoints."""
        route = self._gate.route
        return [
            *route("GET", "/v1/get-user-credits", ("balance",), self._credits),
            *route("GET", _PATH, ("history",), self._page),
            *route("GET", _PATH + "/{id}", ("history",), self._one),
        ]

    async def _credits(self, call: Call) -> web.StreamResponse:
        held = {pool: float(amount) for pool, amount in call.account.balances.items()}
        return web.json_response({"credits": 0.0, "free-credits": 0.0, **held})

    async def _page(self, call: Call) -> web.StreamResponse:
        asked = call.request.query
        page, size = _count(asked, "page", 1), _count(asked, "per_page", 20)
        if size > 100:
            raise Refusal(400, "per_page must be between 1 and 100")
        first, last = self._window(asked)
        status, name = asked.get("status"), asked.get("model_name", "")
        if status not in {None, "COMPLETED", "FAILED", "PENDING"}:
            raise Refusal(400, "status must be one of COMPLETED, FAILED, PENDING")
        by, order = asked.get("sort_by", _SORT_BY[0]), asked.get("sort_order", "desc")
        if by not in _SORT_BY or order not in {"asc", "desc"}:
            raise Refusal(400, "sort_by or sort_order is not valid")
        rows = [
            row
            for job in self._visible(call)
            if first <= datetime.fromtimestamp(job.created, UTC).date() <= last
            and name in job.model
            and status in {None, (row := self._row(call, job))["model_status"]}
        ]
        rows.sort(key=lambda row: row[by] or 0, reverse=order == "desc")
        reply = {
            "data": rows[(page - 1) * size : page * size],
            "page": page,
            "per_page": size,
            "total": len(rows),
        }
        shape = self._gate.world.faults.take(
            "shape", call.phases, VENDOR, lambda fault: fault["shape"] in HISTORY_SHAPES
        )
        return web.json_response(HISTORY_SHAPES[shape["shape"]](reply) if shape else reply)

    async def _one(self, call: Call) -> web.StreamResponse:
        name = call.request.match_info["id"]
        for job in self._visible(call):
            if job.id == name:
                return web.json_response(self._row(call, job))
        raise Refusal(404, f"Request {name} not found")

    def _window(self, asked: Mapping[str, str]) -> tuple[date, date]:
        today = datetime.fromtimestamp(self._gate.world.clock.now(), UTC).date()
        try:
            last = date.fromisoformat(asked.get("to_date", today.isoformat()))
            week = (last - timedelta(days=7)).isoformat()
            first = date.fromisoformat(asked.get("from_date", week))
        except ValueError:
            raise Refusal(400, "dates must be given as YYYY-MM-DD") from None
        if not timedelta(0) <= last - first <= _LONGEST:
            raise Refusal(400, "the date window may span at most 31 days")
        return first, last

    def _visible(self, call: Call) -> list[Job]:
        """Return the account's jobs, latest first, without those that a lag fault hides."""
        world = self._gate.world
        lag = world.faults.take("history_lag", call.phases, VENDOR)
        newest = world.clock.now() - (lag["seconds"] if lag else 0)
        return [job for job in reversed(world.jobs(call.account)) if job.created <= newest]

    def _row(self, call: Call, job: Job) -> dict[str, Any]:
        state = self._gate.world.state(job)
        done = not state.open
        output = job.details.get("output") if state is State.SUCCEEDED else None
        if output is not None:
            self._gate.world.files.put(output.path, output.file)
        ended = job.created + (job.lasts or 0)
        return {
            "request_id": job.id,
            "model_name": job.model,
            "model_status": _WORDS[state],
            "credits_deduction": float(job.charged),
            "request_body": job.body,
            "generation_url": call.origin() + output.path if output else None,
            "latency_ms": round(1000 * (job.lasts or 0)) if done else None,
            "model_created": stamp(job.created),
            "model_updated": stamp(ended if done else job.created),
            "error": job.error if done and job.error else None,
        }


def _count(asked: Mapping[str, str], name: str, default: int) -> int:
    text = asked.get(name, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise Refusal(400, f"{name} must be a positive integer")
    return int(text)
