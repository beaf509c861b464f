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
from motionkit.sandbox.wire import SPOILED, elsewhere
from motionkit_segmind.sandbox.assets import Asset
from motionkit_segmind.sandbox.checks import check, noticed
from motionkit_segmind.sandbox.gate import RESET_HEADER, VENDOR, Call, Gate, Refusal
from motionkit_segmind.sandbox.models import MODELS, Model

_SIGMA = 6.0
_QUICK = 0.24  # a bad parameter that only the model rejects
_BLOCKED = 21.0  # observed for moderation
_UNSEEN_SECONDS = 5.0
_LONGEST_FILM = 30.0
_FILE_DAYS = 7 * 86400
SUBMIT_SHAPES = {"id_only": ("request_id",), "no_urls": ("request_id", "status")}


@attrs.frozen
class Output:
    """A job's result, rendered on first access."""

    path: str
    file: StoredFile


class Inference:
    """Both ways to submit a run."""

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
        reply = {"request_id": job.id, "status": "QUEUED", **addresses(self._gate, call, job)}
        shape = self._gate.world.faults.take(
            "shape", call.phases, VENDOR, lambda fault: fault["shape"] in SUBMIT_SHAPES
        )
        if shape is not None:
            reply = {key: reply[key] for key in SUBMIT_SHAPES[shape["shape"]]}
        return web.json_response(reply)

    async def _wait(self, call: Call) -> web.StreamResponse:
        """Respond with the video itself; headers hold the cost."""
        job = await self._accept(call, sync=True)
        if SPOILED.get():
            return web.Response()
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
            "x-seed-value": str(job.body.get("seed") or 0),
            "x-request-id": job.id,
            RESET_HEADER: stamp((call.account.recent or [world.clock.now()])[0] + 60),
        }
        film = await output.file.content()
        if job.body.get("base64"):  # inferred: the page does not show the response
            return web.Response(text=base64.b64encode(film).decode(), headers=headers)
        return web.Response(body=film, content_type="video/mp4", headers=headers)

    async def _accept(self, call: Call, *, sync: bool = False) -> Job:
        """Validate in the order of the vendor and start the job."""
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
        check(model, fields)
        assets = self._assets(call, fields)
        price = self._price(call, model, fields, assets)
        self._afford(call, price)
        self._gate.limit(account)
        job = self._job(call, slug, fields, price)
        job.details["sync"] = sync
        if not job.error:
            job.details["output"] = self._output(job, model, assets)
        self._gate.world.start(job)
        twin = self._gate.world.faults.take("twin", call.phases, VENDOR)
        if twin is not None and self._free(account) >= price:
            name, details = self._gate.world.uuid(), dict(job.details)
            self._gate.world.start(attrs.evolve(job, id=name, twin=True, details=details))
        return job

    def _free(self, account: Account) -> Decimal:
        """Return the balance minus what running jobs reserve."""
        world = self._gate.world
        reserved = (job.price for job in world.jobs(account) if world.state(job).open)
        return account.balance - sum(reserved, Decimal(0))

    def _afford(self, call: Call, price: Decimal) -> None:
        """Refuse a run whose estimated cost exceeds the unreserved balance."""
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
        lasts = self._lasting(model, fields)
        error = noticed(model, fields)
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

    def _price(
        self, call: Call, model: Model, fields: dict[str, Any], assets: list[Asset]
    ) -> Decimal:
        """Return the cost of a run: the model's price, or that of a fault."""
        price = model.price(fields, _clip_seconds(assets))
        fault = self._gate.world.faults.take("cost", call.phases, VENDOR)
        return price if fault is None else Decimal(str(fault["usd"]))

    def _lasting(self, model: Model, fields: dict[str, Any]) -> float | None:
        value = fields.get(model.seconds_from)
        if isinstance(value, int | float):
            return float(value)
        return self._gate.world.lasting(model.mean, min(_SIGMA, model.mean / 20))

    def _assets(self, call: Call, fields: dict[str, Any]) -> list[Asset]:
        """Return the uploads behind our own URLs; other URLs are never fetched."""
        found = []
        for value in fields.values():
            for url in value if isinstance(value, list) else [value]:
                if isinstance(url, str) and url.startswith(call.origin()):
                    path = url.removeprefix(call.origin())
                    found.append(self._gate.world.upload(VENDOR, path))
        return [asset for asset in found if asset]

    def _output(self, job: Job, model: Model, assets: list[Asset]) -> Output:
        """Plan the video: length of the clip or `duration`, in the requested shape."""
        world, fields = self._gate.world, job.body
        asset = next((a for a in assets if a.clip and a.clip.kind == "image"), None)
        picture = asset.content if asset else _inline(fields.get("image"))
        ratio = model.value(fields, "aspect_ratio")
        frame = _frame(ratio) or (asset.clip if asset else None)
        size = result_size(frame, model.lines(fields) or 0)
        seconds = _clip_seconds(assets) or _asked_seconds(model.value(fields, "duration"))
        make = partial(result_video, picture, seconds, size)
        expires = job.created + (job.lasts or 0) + _FILE_DAYS
        path = f"/generations/{world.uuid()}.mp4"
        return Output(path, StoredFile(VENDOR, "video/mp4", make, expires))


def addresses(gate: Gate, call: Call, job: Job) -> dict[str, str]:
    """Return a job's three URLs, on a foreign host if a fault says so."""
    fault = gate.world.faults.take("foreign_status_url", call.phases, VENDOR)
    base = call.origin()
    if fault is not None:
        base = fault["url"] or elsewhere(call.request, "")
    return {
        "poll_url": f"{base}/v1/requests/{job.id}",
        "status_url": f"{base}/v2/requests/{job.id}/status",
        "response_url": f"{base}/v2/requests/{job.id}",
    }


def _inline(text: object) -> bytes | None:
    """Read base64, bare or as a data URL; what is neither is left to the sample picture."""
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text.rpartition(",")[2], validate=True)
    except binascii.Error:
        return None


def _clip_seconds(assets: list[Asset]) -> float | None:
    """Return the length of the first uploaded clip, if there is one."""
    return next((a.clip.seconds for a in assets if a.clip and a.clip.seconds), None)


def _asked_seconds(value: object) -> float:
    """Return a duration that was asked for, as far as a film of it can be made."""
    if isinstance(value, str) and value.isdecimal():  # some models take text
        value = int(value)
    if isinstance(value, int | float) and value > 0:
        return min(float(value), _LONGEST_FILM)
    return _UNSEEN_SECONDS


def _frame(ratio: object) -> Clip | None:
    """Return something of a ratio's shape (`16:9`), if it is one."""
    across, _, down = str(ratio).partition(":")
    if not (across.isdecimal() and down.isdecimal()):
        return None
    return Clip("image/png", int(across), int(down))
