"""Status and result of a run."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from motionkit.sandbox import Job, Route, State
from motionkit.sandbox.faults import Fault
from motionkit_segmind.sandbox.gate import VENDOR, Call, Gate, Refusal
from motionkit_segmind.sandbox.inference import Output, addresses

_RETENTION = 3600.0  # from the submit, not from the outcome
_WORDS: Mapping[State, str] = {
    State.QUEUED: "QUEUED",
    State.RUNNING: "PROCESSING",
    State.SUCCEEDED: "COMPLETED",
    State.FAILED: "FAILED",
    State.BLOCKED: "FAILED",  # content blocks have no separate state
}
_UNKNOWN_WORD = "ON_HOLD"
# Shapes of a finished result that clients observed, by what remains of `output` and `video`.
RESULT_SHAPES = frozenset(
    {"absent", "base64", "bytes", "list", "no_cost", "output_only", "video_only"}
)


class Polls:
    """The three endpoints that read a run.

    Args:
        gate: The gateway.
        sync: Runs of v1 are found as well.
    """

    def __init__(self, gate: Gate, sync: bool) -> None:
        self._gate = gate
        self._sync = sync

    def routes(self) -> list[Route]:
        """Return the reading endpoints; all of them share one record."""
        route = self._gate.route
        return [
            *route("GET", "/v2/requests/{id}/status", ("poll",), self._status),
            *route("GET", "/v2/requests/{id}", ("result",), self._result),
            *route("GET", "/v1/requests/{id}", ("result",), self._result),
        ]

    def _find(self, call: Call) -> Job:
        name = call.request.match_info["id"]
        world = self._gate.world
        missing = Refusal(404, f"Request {name} not found")
        job = world.job(VENDOR, name)
        now = world.clock.now()
        if job is None or job.account is not call.account or now - job.created >= _RETENTION:
            raise missing
        if job.details.get("sync") and not self._sync:
            raise missing
        if world.faults.take("expire", call.phases, VENDOR):
            job.details["expired"] = True
        if job.details.get("expired"):
            raise missing

        def young(fault: Fault) -> bool:
            return fault["seconds"] is None or now < job.created + fault["seconds"]

        if world.faults.take("not_found", call.phases, VENDOR, young):
            raise missing
        return job

    async def _status(self, call: Call) -> web.StreamResponse:
        job = self._find(call)
        fault = self._gate.world.faults.take("unknown_word", call.phases, VENDOR)
        if fault is not None:
            return web.json_response(self._open(call, job, fault["word"] or _UNKNOWN_WORD))
        state = self._gate.world.state(job)
        if state is not State.SUCCEEDED:
            return self._unfinished(call, job, state)
        reply = {"status": _WORDS[state], "request_id": job.id, "metrics": _metrics(job)}
        if self._shape(call, "no_cost"):
            reply["metrics"] = {"inference_time": _metrics(job)["inference_time"]}
        return web.json_response(reply)

    async def _result(self, call: Call) -> web.StreamResponse:
        job = self._find(call)
        state = self._gate.world.state(job)
        if state is not State.SUCCEEDED:
            return self._unfinished(call, job, state)
        output: Output = job.details["output"]
        film = await output.file.content()
        self._gate.world.files.put(output.path, output.file)
        url = call.origin() + output.path
        if self._gate.world.faults.take("empty_url", call.phases, VENDOR):
            url = ""
        reply = {
            "status": _WORDS[state],
            "request_id": job.id,
            "error": None,
            "output": url,
            "video": {
                "url": url,
                "content_type": "video/mp4",
                "file_name": output.path.rpartition("/")[2],
                "file_size": str(len(film)),
            },
            "metrics": _metrics(job),
        }
        return self._shaped(call, reply, film)

    def _shaped(self, call: Call, reply: dict[str, Any], film: bytes) -> web.Response:
        shape = self._shape(call)
        if shape == "bytes":
            return web.Response(body=film, content_type="video/mp4")
        if shape == "no_cost":
            reply["metrics"] = {"inference_time": reply["metrics"]["inference_time"]}
        elif shape == "list":
            reply["output"] = [reply["output"]]
        elif shape == "base64":
            reply["output"] = base64.b64encode(film).decode()
        if shape in {"absent", "video_only"}:
            del reply["output"]
        if shape in {"absent", "base64", "list", "output_only"}:
            del reply["video"]
        return web.json_response(reply)

    def _shape(self, call: Call, *only: str) -> str | None:
        known = only or RESULT_SHAPES
        fault = self._gate.world.faults.take(
            "shape", call.phases, VENDOR, lambda fault: fault["shape"] in known
        )
        return None if fault is None else str(fault["shape"])

    def _unfinished(self, call: Call, job: Job, state: State) -> web.Response:
        if state.open:
            return web.json_response(self._open(call, job, _WORDS[state]))
        metrics = _metrics(job)
        reply = {
            "status": _WORDS[state],
            "request_id": job.id,
            "error": job.error,
            "metrics": {
                key: metrics[key] for key in ("inference_time", "queue_time", "total_time")
            },
        }
        return web.json_response(reply, status=422)

    def _open(self, call: Call, job: Job, word: str) -> dict[str, Any]:
        urls = addresses(self._gate, call, job)
        del urls["poll_url"]
        return {"status": word, "request_id": job.id, **urls, "metrics": {}}


def _metrics(job: Job) -> dict[str, float]:
    lasts = job.lasts or 0.0
    return {
        "cost": float(job.charged),
        "remaining_credits": float(job.account.balance),
        "inference_time": round(lasts - job.queued, 3),
        "queue_time": round(job.queued, 3),
        "total_time": round(lasts, 3),
    }
