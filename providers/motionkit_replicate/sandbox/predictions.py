"""Predictions: create by model, version or deployment, get, cancel, list."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import attrs
from aiohttp import web

from motionkit.sandbox import Route, State
from motionkit.sandbox.faults import Fault
from motionkit.sandbox.wire import SPOILED, elsewhere
from motionkit_replicate.sandbox.gate import (
    BILLING,
    CREDIT,
    VENDOR,
    VERSION,
    Call,
    Gate,
    Missing,
    Refusal,
    invalid,
    origin,
    page,
)
from motionkit_replicate.sandbox.jobs import DELIVERY, Prediction, reserved
from motionkit_replicate.sandbox.models import DEPLOYMENTS, MODELS, VERSIONS, Model, version_of
from motionkit_replicate.sandbox.storage import Asset, Storage
from motionkit_replicate.sandbox.webhooks import EVENTS, Notifier

_HOST = "replicate.delivery"
_QUICK = 5.0
_WEB_DAYS = 14
_INLINE_LIMIT = 6.4 * 2**20
_DIRECTOR = "Director: unexpected error handling prediction ({})"
FAILURES: Mapping[str, str] = {
    "fail_director": _DIRECTOR.format("E9828"),
    "fail_interrupted": "Prediction interrupted; please retry (code: PA)",
    "fail_memory": _DIRECTOR.format("E1001"),
    "fail_starting": _DIRECTOR.format("E6716"),
    "fail_unknown_code": _DIRECTOR.format("E0417"),
}
"""Errors of the platform, as they were seen; the last one is on no page."""
ENDS = frozenset({"end_canceled", "end_aborted", "cold"})
"""Ends by a deadline that is the vendor's own, and a machine that never starts."""
SUBMIT_SHAPES = {
    "id_only": ("id",),
    "no_id": ("model", "version", "input", "status", "created_at", "urls"),
    "no_urls": ("id", "model", "version", "input", "status", "created_at"),
}
RESULT_SHAPES = frozenset(
    {"list", "object", "absent", "no_metrics", "strange_metrics", "data_url", "foreign_output"}
)
HISTORY_SHAPES = frozenset({"no_input", "no_next", "web"})
_SENSITIVE = (
    "The input or output was flagged as sensitive. Please try again with different inputs. "
    "(E005) (bKZ3cSnRkw)"
)
_CRASH = "CUDA error: an illegal memory access was encountered"
_UNITS = {"s": 1, "m": 60, "h": 3600, "": 1}


@attrs.define
class _Fate:
    """The course of a run.

    Attributes:
        error: The text of a failure.
        outcome: Its end.
        lasts: Vendor seconds to its end; None if it never ends.
        wait: Vendor seconds before it starts; None takes a small part of `lasts`.
        limit: Vendor seconds to a deadline that the submit did not ask for.
    """

    error: str
    outcome: State
    lasts: float | None
    wait: float | None = None
    limit: float | None = None

    @property
    def queued(self) -> float:
        """Return the vendor seconds before it starts."""
        return 0.04 * (self.lasts or 0.0) if self.wait is None else self.wait


class Predictions:
    """The endpoints of predictions.

    Args:
        gate: The gateway.
        storage: The uploaded files.
        notifier: Reports predictions.
        size: Predictions in a page of the list.
        from_creation: The data of a prediction is removed an hour after its creation, unless it
            still runs then; otherwise an hour after its end.
        finishes: A running prediction that is cancelled finishes nevertheless.
    """

    def __init__(
        self,
        gate: Gate,
        storage: Storage,
        notifier: Notifier,
        size: int,
        *,
        from_creation: bool,
        finishes: bool,
    ) -> None:
        self._gate = gate
        self._storage = storage
        self._notifier = notifier
        self._size = size
        self._from_creation = from_creation
        self._finishes = finishes

    def routes(self) -> list[Route]:
        """Return the endpoints of predictions."""
        route, named = self._gate.route, "{owner}/{name}/predictions"
        submit, one = ("submit",), "/predictions/{id}"
        return [
            route("POST", "/predictions", submit, self._by_version),
            route("POST", f"/models/{named}", submit, self._by_model),
            route("POST", f"/deployments/{named}", submit, self._by_deployment),
            route("GET", "/predictions", ("history",), self._list),
            route("GET", one, self._phases, self._get),
            route("POST", f"{one}/cancel", ("cancel",), self._cancel),
        ]

    def _phases(self, request: web.Request) -> tuple[str, ...]:
        """Return the phases of a get: of an ended prediction it is the result too."""
        job = self._gate.world.job(VENDOR, request.match_info["id"])
        ended = job is not None and not self._gate.world.state(job).open
        return ("poll", "result") if ended else ("poll",)

    async def _by_version(self, call: Call) -> web.StreamResponse:
        fields = await call.fields()
        version = fields.pop("version", None)
        if version is None:
            raise invalid("required", "(root)", "version is required")
        owner, colon, digits = str(version).rpartition(":")
        if not colon and "/" in str(version):
            name = str(version)
            if name not in MODELS or not MODELS[name].official:
                raise Refusal(422, *VERSION)
            return await self._create(call, name, fields)
        name = VERSIONS.get(digits, "")
        if not name or owner not in {"", name}:
            raise Refusal(422, *VERSION)
        return await self._create(call, name, fields, version=digits)

    async def _by_model(self, call: Call) -> web.StreamResponse:
        name = "{owner}/{name}".format_map(call.request.match_info)
        if name not in MODELS or not MODELS[name].official:
            raise Refusal(404)
        return await self._create(call, name, await call.fields())

    async def _by_deployment(self, call: Call) -> web.StreamResponse:
        name = "{owner}/{name}".format_map(call.request.match_info)
        model = DEPLOYMENTS.get(name)
        if model is None:
            raise Refusal(404)
        fields, version = await call.fields(), version_of(model)
        return await self._create(call, model, fields, version=version, deployment=name)

    async def _create(
        self,
        call: Call,
        name: str,
        fields: dict[str, Any],
        *,
        version: str = "hidden",
        deployment: str | None = None,
    ) -> web.StreamResponse:
        account, world, model = call.account, self._gate.world, MODELS[name]
        if name in account.denied:
            raise Refusal(403)
        if "billing" in account.denied:
            raise Refusal(402, *BILLING)
        _check_top(fields)
        hold, limit = _prefers(call.request), _cancel_after(call.request)
        model.check(fields["input"])
        job = await self._job(call, name, model, fields["input"], limit)
        job.version, job.deployment = version, deployment
        free = account.balance - sum(
            (reserved(one) for one in world.jobs(account) if world.state(one).open), Decimal(0)
        )
        if free <= 0 or free < job.price:
            raise Refusal(402, *CREDIT)
        self._gate.limit(account)
        world.start(job)
        self._twin(call, job, free)
        if target := fields.get("webhook"):
            lost = world.faults.take("webhook_lost", call.phases, VENDOR) is not None
            self._notifier.expect(
                job,
                target,
                fields.get("webhook_events_filter"),
                partial(self._shown, call),
                lost=lost,
            )
        status = 201
        if hold is not None and not SPOILED.get():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(world.finished(job), hold / world.clock.speed)
            status = 202 if world.state(job).open else 201
        reply = self._shown(call, job)
        if fault := world.faults.take("foreign_status_url", call.phases, VENDOR):
            reply["urls"] = _foreign(call, fault, job)
        if shape := self._shape(call, SUBMIT_SHAPES):
            reply = {key: reply[key] for key in SUBMIT_SHAPES[shape]}
        return web.json_response(reply, status=status)

    def _twin(self, call: Call, job: Prediction, free: Decimal) -> None:
        """Make another prediction with the same input, by the API or by the web."""
        world = self._gate.world
        source = "web" if self._shape(call, {"web_twin"}) else "api"
        wanted = source == "web" or world.faults.take("twin", call.phases, VENDOR)
        if wanted and free >= 2 * job.price:
            name = self._gate.name()
            world.start(attrs.evolve(job, id=name, twin=True, source=source, details={}))

    async def _job(
        self, call: Call, name: str, model: Model, body: dict[str, Any], limit: float | None
    ) -> Prediction:
        world, assets = self._gate.world, await self._assets(call, body)
        clip = next((a.clip.seconds for a in assets.values() if a.clip and a.clip.seconds), None)
        fate = self._fate(call, model, body, assets)
        good = fate.outcome is State.SUCCEEDED
        by_time = model.per == "time"
        price = model.price(body, clip, max(0.0, (fate.lasts or 0.0) - fate.queued))
        if fault := world.faults.take("cost", call.phases, VENDOR):
            price = Decimal(str(fault["usd"]))
        job = Prediction(
            self._gate.name(),
            call.account,
            name,
            body,
            world.clock.now(),
            fate.lasts,
            price if good or by_time else Decimal(0),
            queued=fate.queued,
            outcome=fate.outcome,
            on_account=False,
            error=fate.error,
            word="succeeded" if good else "failed",
            billed=frozenset({State.FAILED, State.BLOCKED}) if by_time else frozenset(),
        )
        if good:
            picture = next((a for a in assets.values() if a.clip and a.clip.kind == "image"), None)
            path = f"{DELIVERY}/{world.uuid().replace('-', '')}/{self._gate.name()}.mp4"
            job.film(path, picture, model.seconds(body, clip))
        limit = fate.limit if limit is None else limit
        if limit is not None:
            job.deadline = job.created + limit
            if job.lasts is None or job.lasts > limit:
                late = job.queued >= limit
                job.end(job.deadline, "aborted" if late else "canceled", billed=not late)
        return job

    def _fate(
        self, call: Call, model: Model, body: Mapping[str, Any], assets: Mapping[str, Asset]
    ) -> _Fate:
        """Decide the course of a run: by its input, by faults, otherwise success."""
        world = self._gate.world
        take = partial(world.faults.take, phases=call.phases, vendor=VENDOR)
        lasts = world.lasting(model.mean, min(6.0, model.mean / 20))
        quick = min(lasts, _QUICK)
        if error := self._rejected(model, body, assets, 0.04 * lasts):
            return _Fate(error, State.FAILED, quick)
        if shape := self._shape(call, FAILURES):
            return _Fate(FAILURES[shape], State.FAILED, lasts)
        if fault := take("fail"):
            return _Fate(fault["message"] or _CRASH, State.FAILED, lasts)
        if fault := take("moderate"):
            return _Fate(fault["message"] or _SENSITIVE, State.BLOCKED, quick)
        fate = _Fate("", State.SUCCEEDED, lasts)
        ending = self._shape(call, ENDS)
        if ending == "cold":
            fate.lasts, fate.wait = None, float("inf")
        elif ending is not None:
            fate.limit = fate.queued / 2 if ending == "end_aborted" else lasts / 2
        elif take("stuck"):
            fate.lasts = None
        return fate

    async def _assets(self, call: Call, body: Mapping[str, Any]) -> dict[str, Asset]:
        found: dict[str, Asset] = {}
        for value in body.values():
            for one in value if isinstance(value, list) else [value]:
                asset = await self._storage.asset(call, one) if isinstance(one, str) else None
                if asset is not None:
                    found[one] = asset
        return found

    def _rejected(
        self, model: Model, body: Mapping[str, Any], assets: Mapping[str, Asset], queued: float
    ) -> str:
        """Return the error with which a run ends whose media is missing, inlined or too long."""
        starts = self._gate.world.clock.now() + queued
        for address, asset in assets.items():
            if not asset.lives(starts):
                return f"Failed to download the file {address}: 404 Not Found"
        if sum(len(one) for one in assets if one.startswith("data:")) > _INLINE_LIMIT:
            return FAILURES["fail_interrupted"]
        film = assets.get(str(body.get(model.clip)))
        if film is None or model.bounds is None:
            return ""
        if film.clip is None or film.clip.kind != "video":
            return "Cannot read the video"
        least, most = model.bounds(model.values(body))
        if not least - 0.2 <= film.clip.seconds <= most + 0.2:
            return f"Video duration must be between {least:g} and {most:g} seconds"
        return ""

    def _shown(self, call: Call, job: Prediction, when: float | None = None) -> dict[str, Any]:
        """Return a prediction as it is at vendor time `when`, and publish its output."""
        world = self._gate.world
        now = world.clock.now() if when is None else when
        removed = job.removal(from_creation=self._from_creation)
        shown = job.shown(call.api, origin(call.request, _HOST), now, removed)
        if shown["output"] is not None and job.output is not None:
            path, file = job.output
            file.expires = removed
            world.files.put(path, file)
        return shown

    def _find(self, call: Call) -> Prediction:
        world = self._gate.world
        job, now = world.job(VENDOR, call.request.match_info["id"]), world.clock.now()
        if not isinstance(job, Prediction) or job.account is not call.account:
            raise Missing

        def young(fault: Fault) -> bool:
            return fault["seconds"] is None or now < job.created + fault["seconds"]

        if world.faults.take("not_found", call.phases, VENDOR, young):
            raise Missing
        return job

    async def _get(self, call: Call) -> web.StreamResponse:
        job, world = self._find(call), self._gate.world
        ended = not world.state(job).open
        if ended and world.faults.take("expire", call.phases, VENDOR):
            job.wiped = world.clock.now()
            if job.output is not None:
                job.output[1].expires = job.wiped
        reply = self._shown(call, job)
        if fault := world.faults.take("foreign_status_url", call.phases, VENDOR):
            reply["urls"] = _foreign(call, fault, job)
        if fault := world.faults.take("unknown_word", call.phases, VENDOR):
            reply["status"] = fault["word"] or "paused"
        if reply["output"] is not None:
            if world.faults.take("empty_url", call.phases, VENDOR):
                reply["output"] = ""
            elif shape := self._shape(call, RESULT_SHAPES):
                await self._distort(call, reply, shape, job)
        return web.json_response(reply)

    async def _distort(
        self, call: Call, reply: dict[str, Any], shape: str, job: Prediction
    ) -> None:
        """Change a result into another form that was seen, or into one that was never."""
        url = reply["output"]
        if shape == "no_metrics":
            del reply["metrics"]
        elif shape == "strange_metrics":
            reply["metrics"] = {"video_output_duration_seconds": "five", "predict_time": None}
        elif shape == "data_url":
            reply["output"] = "data:video/mp4;base64,AAAA"
        elif shape == "foreign_output":
            reply["output"] = elsewhere(call.request, job.output[0] if job.output else "/")
        else:
            reply["output"] = {"list": [url], "object": {"video": url}, "absent": None}[shape]

    async def _cancel(self, call: Call) -> web.StreamResponse:
        """End a prediction: one that runs is charged, one that has not started is not."""
        job, world = self._find(call), self._gate.world
        state, now = world.state(job), world.clock.now()
        if state is State.QUEUED or (state is State.RUNNING and not self._finishes):
            job.end(now, "canceled", billed=state is State.RUNNING)
            self._notifier.end(job)
            world.settle()
            world.advance(0)  # wakes who waits for its end
        return web.json_response(self._shown(call, job))

    async def _list(self, call: Call) -> web.StreamResponse:
        asked, world = call.request.query, self._gate.world
        now = world.clock.now()
        after, before = _moment(asked, "created_after"), _moment(asked, "created_before")
        source = asked.get("source")
        if source not in {None, "web"}:
            raise invalid("enum", "source", 'source must be one of the following: "web"')
        oldest = now - _WEB_DAYS * 86400 if source else 0.0
        lag = world.faults.take("history_lag", call.phases, VENDOR)
        newest = now - (lag["seconds"] if lag else 0)
        shape = self._shape(call, HISTORY_SHAPES)
        rows = []
        for job in reversed(world.jobs(call.account)):
            when = datetime.fromtimestamp(job.created, UTC)
            if (
                isinstance(job, Prediction)
                and oldest <= job.created <= newest
                and source in {None, job.source}
                and (after is None or _floor(when) >= _floor(after))
                and (before is None or when < before)
            ):
                row = self._shown(call, job)
                if shape == "no_input":
                    row["input"] = {}
                elif shape == "web":
                    row["source"] = "web"
                rows.append((job.id, row))
        response = page(call, rows, self._size)
        if shape == "no_next":
            response = web.json_response({"results": [row for _, row in rows[: self._size]]})
        return response

    def _shape(self, call: Call, known: Any) -> str | None:
        fault = self._gate.world.faults.take(
            "shape", call.phases, VENDOR, lambda fault: fault["shape"] in known
        )
        return None if fault is None else str(fault["shape"])


def _foreign(call: Call, fault: Fault, job: Prediction) -> dict[str, str]:
    """Return a prediction's URLs on another host."""
    base = fault["url"] or elsewhere(call.request, "/v1")
    one = f"{base}/predictions/{job.id}"
    return {"cancel": f"{one}/cancel", "get": one, "web": one}


def _check_top(fields: Mapping[str, Any]) -> None:
    """Validate the fields beside the input.

    Raises:
        Refusal: One is missing, unknown or invalid.
    """
    known = {"input", "webhook", "webhook_events_filter", "stream"}
    for name in fields:
        if name not in known:
            text = f"Additional property {name} is not allowed"
            raise invalid("additional_property_not_allowed", "(root)", text)
    if "input" not in fields:
        raise invalid("required", "(root)", "input is required")
    if not isinstance(fields.get("stream", False), bool):
        raise invalid("invalid_type", "stream", "Invalid type. Expected: boolean")
    events = fields.get("webhook_events_filter", [])
    if not isinstance(events, list) or not set(map(str, events)) <= set(EVENTS):
        listed = ", ".join(f'"{one}"' for one in EVENTS)
        text = f"webhook_events_filter must be one of the following: {listed}"
        raise invalid("enum", "webhook_events_filter", text)
    target = fields.get("webhook", "https://")
    if not isinstance(target, str) or not Notifier.takes(target):
        raise invalid("format", "webhook", "webhook must be a valid HTTPS URL")


def _prefers(request: web.Request) -> float | None:
    """Return the seconds for which a submit is held; None if it is not."""
    text = request.headers.get("Prefer")
    if text is None:
        return None
    match = re.fullmatch(r"wait(?:=([0-9]{1,2}))?", text.strip())
    seconds = int(match[1] or 60) if match else 0
    if not 1 <= seconds <= 60:
        raise invalid("pattern", "Prefer", "Prefer must be wait or wait=1 to wait=60")
    return float(seconds)


def _cancel_after(request: web.Request) -> float | None:
    """Return the seconds to a prediction's deadline; None if it has none."""
    text = request.headers.get("Cancel-After")
    if text is None:
        return None
    if not re.fullmatch(r"(?:\d+(?:\.\d+)?[smh]?)+", text):
        raise invalid("pattern", "Cancel-After", "Cancel-After must be a duration such as 1m30s")
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh]?)", text)
    seconds = sum(float(many) * _UNITS[unit] for many, unit in parts)
    if not 5 <= seconds <= 86400:
        raise invalid("number_gte", "Cancel-After", "Cancel-After must be 5 seconds to 24 hours")
    return seconds


def _moment(asked: Mapping[str, str], name: str) -> datetime | None:
    text = asked.get(name)
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise invalid("format", name, f"{name} must be an ISO 8601 date-time") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _floor(when: datetime) -> datetime:
    """Return a time as it is shown, in whole milliseconds."""
    return when.replace(microsecond=when.microsecond // 1000 * 1000)
