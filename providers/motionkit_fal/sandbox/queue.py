"""The queue: submit, status, result, cancel."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import attrs
from aiohttp import web

from motionkit.sandbox import Account, Job, Route, State
from motionkit.sandbox.faults import Fault
from motionkit.sandbox.files import StoredFile
from motionkit.sandbox.ledger import money
from motionkit.sandbox.media import result_size, result_video
from motionkit.sandbox.wire import elsewhere
from motionkit_fal.sandbox.gate import LOCKED, VENDOR, Call, Gate, Refusal
from motionkit_fal.sandbox.models import MODELS, Model
from motionkit_fal.sandbox.storage import FILES, Asset
from motionkit_fal.sandbox.webhooks import Signer

_QUICK = 0.5
_RETENTION = 3600.0
_LONGEST_FILM = 30.0
_FILE_DAYS = 7 * 86400
_STEP = 0.2
SUBMIT_SHAPES = {"id_only": ("request_id",), "no_id": ("status", "queue_position")}
RESULT_SHAPES = frozenset({"absent", "list", "no_units", "bare_file"})
FAILURES: Mapping[str, tuple[int, Any, str | None]] = {
    "fail_platform": (503, "Runner disconnected", "runner_disconnected"),
    "fail_list": (422, None, None),
    "fail_text": (422, "Generation failed", None),
    "fail_empty": (200, "Runner disconnected", "runner_disconnected"),
}
"""How a failed job shows: HTTP status, text and error type. The last one has the error in its
status, and a result of 200 with an empty object."""
_OWNERS = "|".join(sorted({name.split("/")[0] for name in MODELS}))
_BLOCKED = {
    "loc": ["body", "prompt"],
    "msg": "The content could not be processed because it contained material flagged by a checker.",
    "type": "content_policy_violation",
    "url": "https://docs.fal.ai/errors#content_policy_violation",
    "input": None,
    "ctx": {"extra_info": {"reason": "sexual"}},
}


@attrs.frozen
class Output:
    """A job's result, rendered on first access."""

    path: str
    file: StoredFile


@attrs.define
class Failure:
    """How a job ends that does not succeed."""

    status: int
    body: dict[str, Any]
    error: str | None = None
    kind: str | None = None


class Queue:
    """The queue's endpoints.

    Args:
        gate: The gateway.
        signer: Reports finished jobs.
        finishes: A running job that is cancelled finishes nevertheless.
        full_urls: Responses name the whole endpoint id in their URLs.
    """

    def __init__(self, gate: Gate, signer: Signer, finishes: bool, full_urls: bool) -> None:
        self._gate = gate
        self._signer = signer
        self._finishes = finishes
        self._full_urls = full_urls

    def routes(self) -> list[Route]:
        """Return the queue's endpoints; a request under any other path is refused (405)."""
        route, app = self._gate.route, f"/{{owner:{_OWNERS}}}/{{app}}"
        here = [app, *([f"{app}/{{rest:.+}}"] if self._full_urls else [])]
        one = "requests/{id}"
        return [
            *(route("GET", f"{path}/{one}/status", ("poll",), self._status) for path in here),
            *(route("PUT", f"{path}/{one}/cancel", ("cancel",), self._cancel) for path in here),
            *(route("GET", f"{path}/{one}", ("result",), self._result) for path in here),
            route("GET", f"/{{owner:{_OWNERS}}}/{{rest:.+}}", ("other",), self._wrong),
            route("POST", f"/{{owner:{_OWNERS}}}/{{rest:.+}}", ("submit",), self._submit),
        ]

    async def _wrong(self, _call: Call) -> web.StreamResponse:
        raise Refusal(405, "Method Not Allowed")

    async def _submit(self, call: Call) -> web.StreamResponse:
        owner, rest = call.request.match_info["owner"], call.request.match_info["rest"]
        name = f"{owner}/{rest}"
        model = MODELS.get(name)
        if model is None:
            raise Refusal(404, f'Application "{rest.split("/")[0]}" not found', "not_found")
        account = call.account
        if name in account.denied:
            raise Refusal(401, f'Cannot access application "{name}"')
        fields = await call.fields()
        self._gate.limit(account)
        self._queue_length(call)
        job = self._job(call, name, model, fields)
        if self._free(account) < job.price:
            raise Refusal(403, LOCKED)
        world = self._gate.world
        world.start(job)
        if target := call.request.query.get("fal_webhook"):
            self._signer.expect(job, target, self._outcome(call, job))
        if world.faults.take("twin", call.phases, VENDOR) and self._free(account) >= job.price:
            world.start(attrs.evolve(job, id=world.uuid(), twin=True, details=dict(job.details)))
        reply = {
            "status": "IN_QUEUE",
            "request_id": job.id,
            "queue_position": 0,
            **self._addresses(call, job),
        }
        shape = self._shape(call, SUBMIT_SHAPES)
        if shape is not None:
            reply = {key: reply[key] for key in SUBMIT_SHAPES[shape]}
        return web.json_response(reply, headers={"x-fal-request-id": job.id})

    def _queue_length(self, call: Call) -> None:
        most = call.request.query.get("fal_max_queue_length", "")
        if most.isdecimal() and self._gate.world.running(call.account) > int(most):
            raise Refusal(429, "The queue is longer than fal_max_queue_length", "queue_full")

    def _free(self, account: Account) -> Decimal:
        """Return the balance minus what running jobs will cost."""
        world = self._gate.world
        reserved = (job.price for job in world.jobs(account) if world.state(job).open)
        return account.balance - sum(reserved, Decimal(0))

    def _job(self, call: Call, name: str, model: Model, fields: dict[str, Any]) -> Job:
        world = self._gate.world
        take = partial(world.faults.take, phases=call.phases, vendor=VENDOR)
        lasts: float | None = world.lasting(model.mean, min(6.0, model.mean / 20))
        failure, outcome = self._rejected(call, model, fields), State.FAILED
        if failure is not None:
            lasts = min(lasts or _QUICK, _QUICK)
        elif fault := take("fail"):
            failure = _failed("fail_platform", fault["message"])
        elif shape := self._shape(call, FAILURES):
            failure = _failed(shape, None)
        elif take("moderate"):
            failure, outcome = Failure(422, {"detail": [_BLOCKED]}), State.BLOCKED
        else:
            outcome = State.SUCCEEDED
        if take("stuck"):
            lasts = None
        queued = 0.04 * (lasts or 0)
        limit = call.request.headers.get("X-Fal-Request-Timeout")
        if limit is not None and queued > float(limit):
            lasts = queued = float(limit)
            outcome = State.FAILED
            failure = Failure(504, *_platform("Request timed out", "request_timeout"))
        clip = self._clip_seconds(call, fields)
        price = (
            Decimal(0)
            if failure and failure.status == 422
            else self._price(call, model, fields, clip)
        )
        job = Job(
            world.uuid(),
            call.account,
            name,
            fields,
            world.clock.now(),
            lasts,
            price,
            queued=queued,
            outcome=outcome,
            on_account=False,
            error=failure.error or "" if failure else "",
            details={
                "failure": failure,
                "input": call.request.headers.get("X-Fal-Store-IO") != "0",
            },
        )
        if failure is None:
            job.details["output"] = self._output(call, job, model, clip)
        return job

    def _price(
        self, call: Call, model: Model, fields: Mapping[str, Any], clip: float | None
    ) -> Decimal:
        fault = self._gate.world.faults.take("cost", call.phases, VENDOR)
        return model.price(fields, clip) if fault is None else Decimal(str(fault["usd"]))

    def _rejected(self, call: Call, model: Model, fields: Mapping[str, Any]) -> Failure | None:
        """Return the failure of an input that the run rejects, not the submit.

        An address of our storage whose file has expired fails; one that another sandbox gave is
        taken on trust, as any other address is.
        """
        if problem := model.problem(fields):
            return Failure(422, {"detail": [problem]})
        world = self._gate.world
        for name, value in fields.items():
            path = self._own(call, value)
            if path and world.upload(VENDOR, path) and world.files.get(path) is None:
                item = {"loc": ["body", name], "type": "file_download_error", "input": value}
                item["msg"] = "Failed to download the file"
                return Failure(422, {"detail": [item]})
        return None

    def _own(self, call: Call, value: Any) -> str | None:
        """Return the path of an address of this vendor's storage; None for any other value."""
        if not isinstance(value, str) or not value.startswith(call.origin("v3b.fal.media")):
            return None
        path = urlsplit(value).path
        return path if path.startswith(FILES) else None

    def _assets(self, call: Call, fields: Mapping[str, Any]) -> list[Asset]:
        paths = filter(None, (self._own(call, value) for value in fields.values()))
        found = (self._gate.world.upload(VENDOR, path) for path in paths)
        return [asset for asset in found if asset is not None and asset.clip is not None]

    def _clip_seconds(self, call: Call, fields: Mapping[str, Any]) -> float | None:
        clips = (asset.clip for asset in self._assets(call, fields))
        return next((clip.seconds for clip in clips if clip and clip.seconds), None)

    def _output(self, call: Call, job: Job, model: Model, clip: float | None) -> Output:
        """Plan the video: the picture's shape, the seconds of the clip or of the duration."""
        world, assets = self._gate.world, self._assets(call, job.body)
        picture = next((a for a in assets if a.clip and a.clip.kind == "image"), None)
        lines = str(model.value(job.body, "resolution") or "720p").removesuffix("p")
        size = result_size(picture.clip if picture else None, int(lines))
        seconds = min(model.seconds(job.body, clip), _LONGEST_FILM)
        make = partial(result_video, picture.content if picture else None, seconds, size)
        path = f"{FILES}/{world.uuid()[:8]}/{world.uuid()}_output.mp4"
        return Output(path, StoredFile(VENDOR, "video/mp4", make, job.created + _FILE_DAYS))

    def _addresses(self, call: Call, job: Job) -> dict[str, str]:
        """Return a job's URLs, on a foreign host if a fault says so."""
        fault = self._gate.world.faults.take("foreign_status_url", call.phases, VENDOR)
        base = call.origin("queue.fal.run")
        if fault is not None:
            base = fault["url"] or elsewhere(call.request, "")
        app = job.model if self._full_urls else "/".join(job.model.split("/")[:2])
        one = f"{base}/{app}/requests/{job.id}"
        return {"response_url": one, "status_url": f"{one}/status", "cancel_url": f"{one}/cancel"}

    def _find(self, call: Call) -> Job:
        info, world = call.request.match_info, self._gate.world
        job, now = world.job(VENDOR, info["id"]), world.clock.now()
        missing = Refusal(404, "Request not found", "not_found")
        if job is None or job.account is not call.account:
            raise missing
        app = f"{info['owner']}/{info['app']}"
        over = job.lasts is not None and now >= job.created + job.lasts + _RETENTION
        if over or "/".join(job.model.split("/")[:2]) != app:
            raise missing
        if world.faults.take("expire", call.phases, VENDOR):
            job.details["expired"] = True

        def young(fault: Fault) -> bool:
            return fault["seconds"] is None or now < job.created + fault["seconds"]

        if job.details.get("expired") or world.faults.take("not_found", call.phases, VENDOR, young):
            raise missing
        return job

    async def _status(self, call: Call) -> web.StreamResponse:
        job = self._find(call)
        world = self._gate.world
        response_url = self._addresses(call, job)["response_url"]
        reply: dict[str, Any] = {"request_id": job.id, "response_url": response_url}
        fault = world.faults.take("unknown_word", call.phases, VENDOR)
        state = world.state(job)
        if fault is not None:
            return web.json_response({"status": fault["word"] or "PAUSED", **reply}, status=202)
        if state.open:
            word = "IN_QUEUE" if state is State.QUEUED else "IN_PROGRESS"
            more = {"queue_position": 0} if state is State.QUEUED else {"logs": self._logs(call)}
            return web.json_response({"status": word, **reply, **more}, status=202)
        failure: Failure | None = job.details["failure"]
        reply |= {"logs": self._logs(call), "metrics": {"inference_time": job.lasts}}
        if failure is not None and failure.error is not None:
            reply |= {"error": failure.error, "error_type": failure.kind}
        return web.json_response({"status": "COMPLETED", **reply})

    def _logs(self, call: Call) -> list[dict[str, str]] | None:
        if call.request.query.get("logs") not in {"1", "true", "True"}:
            return None
        return [{"message": "running", "timestamp": "", "level": "INFO", "source": "run"}]

    async def _result(self, call: Call) -> web.StreamResponse:
        job = self._find(call)
        if self._gate.world.state(job).open:
            raise Refusal(400, "Request is still in progress", "bad_request")
        status, body = self._outcome(call, job)
        headers = {"x-fal-request-id": job.id}
        failure: Failure | None = job.details["failure"]
        if failure is not None:
            if failure.kind is not None and status >= 400:
                headers["X-Fal-Error-Type"] = failure.kind
            return web.json_response(body, status=status, headers=headers)
        unit = MODELS[job.model].unit_price
        headers["X-Fal-Billable-Units"] = money(job.charged / unit)
        film = await job.details["output"].file.content()
        body = {**body, "video": {**body["video"], "file_size": len(film)}}
        if self._gate.world.faults.take("empty_url", call.phases, VENDOR):
            body["video"]["url"] = ""
        shape = self._shape(call, RESULT_SHAPES)
        if shape == "absent":
            body = {"video": None}
        elif shape == "list":
            body = {"videos": [body["video"]]}
        elif shape == "bare_file":
            body = {"video": {"url": body["video"]["url"], "content_type": None}}
        elif shape == "no_units":
            del headers["X-Fal-Billable-Units"]
        return web.json_response(body, headers=headers)

    def _outcome(self, call: Call, job: Job) -> tuple[int, dict[str, Any]]:
        """Return the HTTP status and the body that a finished job's result has."""
        failure: Failure | None = job.details["failure"]
        if failure is not None:
            return failure.status, failure.body
        output: Output = job.details["output"]
        self._gate.world.files.put(output.path, output.file)
        name = output.path.rpartition("/")[2]
        url = call.origin("v3b.fal.media") + output.path
        return 200, {"video": {"url": url, "content_type": "video/mp4", "file_name": name}}

    async def _cancel(self, call: Call) -> web.StreamResponse:
        job = self._find(call)
        world = self._gate.world
        state, now = world.state(job), world.clock.now()
        if not state.open:
            return web.json_response({"status": "ALREADY_COMPLETED"}, status=400)
        if state is State.QUEUED or not self._finishes:
            job.lasts = now - job.created + (0 if state is State.QUEUED else _STEP)
            job.outcome = State.FAILED
            body, error, kind = _platform("The request was cancelled", "client_cancelled")
            job.details["failure"] = Failure(499, body, error, kind)
        if state is State.QUEUED:
            return web.json_response({"status": "OK"})
        return web.json_response({"status": "CANCELLATION_REQUESTED"}, status=202)

    def _shape(self, call: Call, known: Any) -> str | None:
        fault = self._gate.world.faults.take(
            "shape", call.phases, VENDOR, lambda fault: fault["shape"] in known
        )
        return None if fault is None else str(fault["shape"])


def _platform(text: str, kind: str) -> tuple[dict[str, Any], str, str]:
    return {"detail": text, "error_type": kind}, text, kind


def _failed(style: str, message: str | None) -> Failure:
    """Return a failure in one of the styles that were seen."""
    status, text, kind = FAILURES[style]
    text = message or text
    if style == "fail_list":
        item = {"loc": ["body"], "msg": message or "No media", "type": "no_media_generated"}
        return Failure(status, {"detail": [item]})
    if kind is None:
        return Failure(status, {"detail": text})
    body, error, kind = _platform(text, kind)
    return Failure(status, {} if status == 200 else body, error, kind)
