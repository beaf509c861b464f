"""Submit: `POST /v2/{slug}` queues, `POST /v1/{slug}` waits. Contract sections 2 and 3.1."""

from __future__ import annotations

import base64
import binascii
from decimal import Decimal
from functools import partial
from typing import Any

import attrs
from aiohttp import web

from motionkit.sandbox import Account, Job, Route, State
from motionkit.sandbox.clock import stamp
from motionkit.sandbox.files import StoredFile
from motionkit.sandbox.ledger import money
from motionkit.sandbox.media import Clip, result_size, result_video
from motionkit.sandbox.wire import elsewhere
from motionkit_segmind.sandbox.assets import Asset
from motionkit_segmind.sandbox.gate import VENDOR, Call, Gate, Refusal
from motionkit_segmind.sandbox.models import MODELS, Model

_SIGMA = 6.0
_QUICK = 0.24  # a bad parameter that only the model notices
_BLOCKED = 21.0  # observed for moderation
_UNSEEN_SECONDS = 5.0
_FILE_DAYS = 7 * 86400
SUBMIT_SHAPES = {"id_only": ("request_id",), "no_urls": ("request_id", "status")}


@attrs.frozen
class Output:
    """What a job will show; made only when it is looked at."""

    path: str
    file: StoredFile


class Inference:
    """Both ways to buy a run."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """Return the paid endpoints."""
        return [
            *self._gate.route("POST", "/v2/{slug}", ("submit",), self._queue),
            *self._gate.route("POST", "/v1/{slug}", ("submit",), self._wait),
        ]

    async def _queue(self, call: Call) -> web.StreamResponse:
        job = await self._accept(call)
        told = {"request_id": job.id, "status": "QUEUED", **addresses(self._gate, call, job)}
        shape = self._gate.world.faults.take(
            "shape", call.phases, VENDOR, lambda fault: fault["shape"] in SUBMIT_SHAPES
        )
        if shape is not None:
            told = {key: told[key] for key in SUBMIT_SHAPES[shape["shape"]]}
        return web.json_response(told)

    async def _wait(self, call: Call) -> web.StreamResponse:
        """Answer with the film itself; what it cost stands in the headers."""
        job = await self._accept(call)
        world = self._gate.world
        if not await world.finished(job):
            raise Refusal(504, "Gateway Timeout")
        if job.outcome is not State.SUCCEEDED:
            raise Refusal(500, job.error)
        output: Output = job.details["output"]
        headers = {
            "x-cost": money(job.charged),
            "x-remaining-credits": money(job.account.balance),
            "x-generation-time": f"{job.lasts or 0:.2f}",
            "x-seed-value": "0",
            "x-request-id": job.id,
            "x-rate-limit-reset-at-utc": stamp(world.clock.now() + 60),
        }
        film = await output.file.content()
        return web.Response(body=film, content_type="video/mp4", headers=headers)

    async def _accept(self, call: Call) -> Job:
        """Check in the order of contract section 12 and enter the job."""
        slug = call.request.match_info["slug"]
        model = MODELS.get(slug)
        if model is None:
            raise Refusal(404, "Model information not found")
        if model.retired:
            raise Refusal(410, f"Model {slug} has been retired")
        account = call.account
        if slug in account.denied:
            raise Refusal(403, "Your team is not allowed to use this model")
        fields = await call.fields()
        quality = _checked(model, fields)
        price = model.price(quality, self._seconds(call, model, fields))
        self._afford(call, price)
        self._gate.limit(account)
        job = self._job(call, slug, fields, price)
        if not job.error:
            job.details["output"] = self._output(call, model, fields, quality)
        self._gate.world.start(job)
        twin = self._gate.world.faults.take("twin", call.phases, VENDOR)
        if twin is not None and self._free(account) >= price:
            name, details = self._gate.world.uuid(), dict(job.details)
            self._gate.world.start(attrs.evolve(job, id=name, twin=True, details=details))
        return job

    def _free(self, account: Account) -> Decimal:
        """Return the balance without what running jobs will cost."""
        world = self._gate.world
        reserved = (job.price for job in world.jobs(account) if world.state(job).open)
        return account.balance - sum(reserved, Decimal(0))

    def _afford(self, call: Call, price: Decimal) -> None:
        """Reserve the estimated cost: what runs already is spoken for."""
        account, free = call.account, self._free(call.account)
        if free < price:
            raise Refusal(
                406, f"Insufficient credits. Balance: {money(free)}, required: {money(price)}"
            )
        spent = account.charged + account.balance - free
        if account.spend_limit is not None and spent + price > account.spend_limit:
            raise Refusal(406, "Team spend limit reached")

    def _job(self, call: Call, slug: str, fields: dict[str, Any], price: Decimal) -> Job:
        world, model = self._gate.world, MODELS[slug]
        take = partial(world.faults.take, phases=call.phases, vendor=VENDOR)
        lasts: float | None = world.lasting(model.mean, _SIGMA)
        error = _noticed_by_the_model(model, fields)
        outcome = State.FAILED if error else State.SUCCEEDED
        if error:
            lasts = min(lasts or _QUICK, _QUICK)
        elif fault := take("fail"):
            outcome, error = State.FAILED, fault["message"] or "Inference failed"
        elif fault := take("moderate"):
            outcome = State.BLOCKED
            error = fault["message"] or "Request blocked: content_policy_violation"
            lasts = min(lasts or _BLOCKED, _BLOCKED)
        if take("stuck"):
            lasts = None
        return Job(
            world.uuid(),
            call.account,
            slug,
            fields,
            world.clock.now(),
            lasts,
            price,
            queued=0.04 * (lasts or 0),
            outcome=outcome,
            on_account=False,
            error=error,
        )

    def _asset(self, call: Call, url: object) -> Asset | None:
        """Return the upload behind one of our own URLs; others are never looked at."""
        found: Asset | None = None
        if isinstance(url, str) and url.startswith(call.origin()):
            found = self._gate.world.upload(VENDOR, url.removeprefix(call.origin()))
        return found

    def _seconds(self, call: Call, model: Model, fields: dict[str, Any]) -> float | None:
        asset = self._asset(call, fields.get(model.clip))
        return asset.clip.seconds if asset and asset.clip and asset.clip.seconds else None

    def _output(self, call: Call, model: Model, fields: dict[str, Any], quality: str) -> Output:
        world = self._gate.world
        asset = next(
            (found for name in model.picture if (found := self._asset(call, fields.get(name)))),
            None,
        )
        picture = asset.content if asset else _inline(fields.get(model.inline))
        clip: Clip | None = asset.clip if asset else None
        size = result_size(clip, model.lines[quality])
        seconds = self._seconds(call, model, fields) or _UNSEEN_SECONDS
        make = partial(result_video, picture, seconds, size)
        expires = world.clock.now() + model.mean + _FILE_DAYS
        path = f"/generations/{world.uuid()}.mp4"
        return Output(path, StoredFile(VENDOR, "video/mp4", make, expires))


def addresses(gate: Gate, call: Call, job: Job) -> dict[str, str]:
    """Return a job's three URLs, on a stranger's host if a fault says so."""
    fault = gate.world.faults.take("foreign_status_url", call.phases, VENDOR)
    base = call.origin()
    if fault is not None:
        base = fault["url"] or elsewhere(call.request, "")
    return {
        "poll_url": f"{base}/v1/requests/{job.id}",
        "status_url": f"{base}/v2/requests/{job.id}/status",
        "response_url": f"{base}/v2/requests/{job.id}",
    }


def _checked(model: Model, fields: dict[str, Any]) -> str:
    """Check what the gateway checks before the model runs; return the quality."""
    for name, parameter in model.parameters.items():
        if parameter.required and not fields.get(name):
            raise Refusal(400, f"{name} is a required field")
    for name, value in fields.items():
        if name not in model.parameters:
            raise Refusal(406, f"Invalid parameter: {name}")
        choices = model.parameters[name].choices
        if choices and value is not None and value not in choices:
            raise Refusal(406, f"Invalid value for {name}: must be one of {', '.join(choices)}")
    return fields.get(model.quality) or model.parameters[model.quality].default or ""


def _noticed_by_the_model(model: Model, fields: dict[str, Any]) -> str:
    """Return the error that only the run brings up, or nothing."""
    for name, value in fields.items():
        if value is not None and not isinstance(value, str):
            return f"{name} must be string"
    if not any(fields.get(name) for name in model.picture):
        return f"{' or '.join(model.picture)} is Mandatory and must be string"
    return ""


def _inline(text: object) -> bytes | None:
    """Read base64, bare or as a data URL; what is neither is left to the sample picture."""
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text.rpartition(",")[2], validate=True)
    except binascii.Error:
        return None
