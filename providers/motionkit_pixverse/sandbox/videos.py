"""Status and result of a video: contract section 5.1."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from motionkit.sandbox import Job, Route, State
from motionkit.sandbox.clock import stamp
from motionkit.sandbox.faults import Fault
from motionkit_pixverse.sandbox.codes import Refusal
from motionkit_pixverse.sandbox.gate import VENDOR, Call, Gate
from motionkit_pixverse.sandbox.mimic import Output

_WORDS: Mapping[State, int] = {
    State.QUEUED: 5,
    State.RUNNING: 5,
    State.SUCCEEDED: 1,
    State.FAILED: 8,
    State.BLOCKED: 7,
    State.GONE: 6,
}
_UNKNOWN_WORD = 9  # the web backend's word, of contradictory meaning


class Videos:
    """`/video/result/{id}` and the finished files behind it."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """Return the status endpoint; asking for a finished job is also its result."""
        path = "/video/result/{id}"
        return [self._gate.route("GET", path, self._phases, self._result)]

    def _phases(self, request: web.Request) -> tuple[str, ...]:
        world = self._gate.world
        job = world.job(VENDOR, request.match_info["id"])
        done = job is not None and not world.state(job).open
        return ("poll", "result") if done else ("poll",)

    async def _result(self, call: Call) -> object:
        name = call.request.match_info["id"]
        if not name.isdecimal():
            raise Refusal(400013)
        world = self._gate.world
        job = world.job(VENDOR, name)
        if job is None or job.account is not call.account:
            raise Refusal(500008)
        self._lose(call, job)
        state = world.state(job)
        if state is State.GONE and job.details.get("gone_as") == "code":
            raise Refusal(500064)
        told = _told(job)
        told["status"] = _WORDS[state]
        fault = world.faults.take("unknown_word", call.phases, VENDOR)
        if fault is not None:
            told["status"] = int(fault["word"] or _UNKNOWN_WORD)
        elif state is State.SUCCEEDED:
            await self._publish(call, job.details["output"], told)
        return told

    def _lose(self, call: Call, job: Job) -> None:
        """Act out that a job is not there yet, or not any more."""
        world = self._gate.world

        def young(fault: Fault) -> bool:
            return fault["seconds"] is None or world.clock.now() < job.created + fault["seconds"]

        if world.faults.take("not_found", call.phases, VENDOR, young):
            raise Refusal(500008, "record not found")
        fault = world.faults.take("expire", call.phases, VENDOR)
        if fault is not None:
            job.gone = True
            job.details["gone_as"] = fault["form"]

    async def _publish(self, call: Call, output: Output, told: dict[str, object]) -> None:
        world = self._gate.world
        if world.faults.take("empty_url", call.phases, VENDOR):
            return
        world.files.put(output.path, output.file)
        told["size"] = len(await output.file.content())
        told["outputWidth"], told["outputHeight"] = output.size
        told["url"] = call.origin() + output.path


def _told(job: Job) -> dict[str, object]:
    output: Output | None = job.details.get("output")
    created = stamp(job.created)
    return {
        "id": int(job.id),
        "status": 5,
        "url": "",
        "prompt": "",
        "negative_prompt": "",
        "style": "",
        "seed": 0,
        "size": 0,
        "resolution_ratio": output.lines if output else 0,
        "outputWidth": 0,
        "outputHeight": 0,
        "has_audio": False,
        "credits": int(job.charged),
        "customer_paths": {},
        "create_time": created,
        "modify_time": stamp(job.created + job.lasts) if job.lasts is not None else created,
    }
