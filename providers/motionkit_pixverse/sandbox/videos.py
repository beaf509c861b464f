"""Status and result of a video or a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from motionkit.sandbox import Job, Route, State
from motionkit.sandbox.clock import stamp
from motionkit.sandbox.faults import Fault
from motionkit_pixverse.sandbox.codes import Refusal
from motionkit_pixverse.sandbox.gate import VENDOR, Call, Gate
from motionkit_pixverse.sandbox.outputs import WORDS, Output

_UNKNOWN_WORD = 9  # a status of the web backend, of contradictory meaning


_PATHS: Mapping[str, object] = {
    "ext_info": "",
    "agent_info": "",
    "cameo_id_list": None,
    "duration_type": "",
    "fusion_id_list": None,
    "model_evaluator": "",
    "customer_img_paths": [],
}
_NOT_SEEN = ("size", "style", "resolution_ratio", "customer_paths")
"""Documented, and in no observed answer (section 15)."""
_REPEATED = ("prompt", "negative_prompt", "style", "seed")


class Videos:
    """`/video/result/{id}`, `/image/result/{id}`, and the finished files behind them."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """Return the status endpoints; the status of a finished job includes its result."""
        return [
            self._gate.route("GET", path, self._phases, handler, word="Success")
            for path, handler in (
                ("/video/result/{id}", self._video),
                ("/image/result/{id}", self._picture),
            )
        ]

    def _phases(self, request: web.Request) -> tuple[str, ...]:
        world = self._gate.world
        job = world.job(VENDOR, request.match_info["id"])
        done = job is not None and not world.state(job).open
        return ("poll", "result") if done else ("poll",)

    async def _video(self, call: Call) -> object:
        content = await self._result(call, pictures=False, missing=Refusal(500008))
        if self._gate.result_fields == "observed":
            content = {name: value for name, value in content.items() if name not in _NOT_SEEN}
        return content

    async def _picture(self, call: Call) -> object:
        # Clients met this for ids that the account may not see (section 1.5).
        missing = Refusal(400017, "invalid media")
        content = await self._result(call, pictures=True, missing=missing)
        job = self._gate.world.job(VENDOR, call.request.match_info["id"])
        body = job.body if job and isinstance(job.body, dict) else {}
        names = ("id", "negative_prompt", "style", "size", "resolution_ratio", "has_audio")
        kept = {name: value for name, value in content.items() if name not in names}
        return {
            "image_id": content["id"],
            **kept,
            "prompt_translate": "",
            "template_id": body.get("template_id") or 0,
            "customer_paths": {**_PATHS, "gen_img_req_img_ids": body.get("img_ids") or []},
        }

    async def _result(self, call: Call, *, pictures: bool, missing: Refusal) -> dict[str, Any]:
        name = call.request.match_info["id"]
        if not name.isdecimal():
            raise Refusal(400013)
        world = self._gate.world
        job = world.job(VENDOR, name)
        if job is None or job.account is not call.account or _is_picture(job) is not pictures:
            raise missing
        self._lose(call, job)
        state = world.state(job)
        if state is State.GONE and job.details.get("gone_as") == "code":
            raise Refusal(500064)
        content = _content(job)
        content["status"] = WORDS[state]
        fault = world.faults.take("unknown_word", call.phases, VENDOR)
        if fault is not None:
            content["status"] = int(fault["word"] or _UNKNOWN_WORD)
        elif state.open:  # there already, and 404 until the end (section 15)
            output: Output | None = job.details.get("output")
            content["url"] = call.origin() + output.path if output else ""
        elif state is State.SUCCEEDED:
            await self._publish(call, job.details["output"], content)
        return content

    def _lose(self, call: Call, job: Job) -> None:
        """Apply the faults `not_found` and `expire`."""
        world = self._gate.world

        def young(fault: Fault) -> bool:
            return fault["seconds"] is None or world.clock.now() < job.created + fault["seconds"]

        if world.faults.take("not_found", call.phases, VENDOR, young):
            raise Refusal(500008, "record not found")
        fault = world.faults.take("expire", call.phases, VENDOR)
        if fault is not None:
            job.gone = True
            job.details["gone_as"] = fault["form"]

    async def _publish(self, call: Call, output: Output, content: dict[str, Any]) -> None:
        world = self._gate.world
        if world.faults.take("empty_url", call.phases, VENDOR):
            return
        world.files.put(output.path, output.file)
        content["size"] = len(await output.file.content())
        content["outputWidth"], content["outputHeight"] = output.size
        content["has_audio"] = output.has_audio
        content["url"] = call.origin() + output.path


def _is_picture(job: Job) -> bool | None:
    """Return whether a job makes a picture; None for one answered at once."""
    output: Output | None = job.details.get("output")
    if output is None:
        return None if job.model == "swap_mask" else False
    return output.is_picture


def _content(job: Job) -> dict[str, Any]:
    output: Output | None = job.details.get("output")
    created = stamp(job.created)
    asked = job.body if isinstance(job.body, dict) else {}
    repeated = {name: asked.get(name) or (0 if name == "seed" else "") for name in _REPEATED}
    return {
        "id": int(job.id),
        "status": 5,
        "url": "",
        **repeated,
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
