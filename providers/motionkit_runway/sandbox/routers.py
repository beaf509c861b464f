"""Model Routers: saved settings by which the vendor picks the model, dry runs, and their log."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import attrs
from aiohttp import web

from motionkit.sandbox import Account, Route
from motionkit.sandbox.clock import stamp
from motionkit_runway.sandbox.gate import Call, Gate, Refusal, invalid
from motionkit_runway.sandbox.models import ENDPOINTS, public_names
from motionkit_runway.sandbox.schema import (
    Findings,
    array,
    choice,
    either,
    flag,
    may,
    media,
    must,
    number,
    record,
    text,
    whole,
)
from motionkit_runway.sandbox.tasks import Order, Tasks, as_json

_SLUG = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_CAP = either(choice(None), whole(1, 10**6))
_SETTINGS = record(
    {
        "optimizeFor": may(choice("cost", "latency", "quality")),
        "maxCreditsPerGeneration": may(
            either(
                choice(None), record({"video": may(_CAP), "image": may(_CAP), "audio": may(_CAP)})
            )
        ),
        "models": may(
            record(
                {
                    "mode": must(choice("allow_new_except", "allowlist_only")),
                    "ids": must(array(text(), 200)),
                }
            )
        ),
        "fallback": may(record({"onCapacity": may(flag)})),
        "schemaVersion": may(choice(1)),
    }
)
_CREATE = record(
    {
        "slug": must(text(64)),
        "name": may(text()),
        "description": may(text()),
        "settings": may(_SETTINGS),
    }
)
_UPDATE = record(
    {
        "name": may(text()),
        "description": may(either(choice(None), text())),
        "settings": may(_SETTINGS),
    }
)
_KEYFRAME = {"uri": must(media("image"))}
_INPUT = {
    "promptText": may(text(6000)),
    "negativePrompt": may(text()),
    "referenceImages": may(
        array(
            record(
                {"uri": must(media("image")), "role": must(choice("first", "last", "reference"))}
            ),
            4,
        )
    ),
    "referenceVideos": may(
        array(record({"uri": must(media("video")), "role": must(choice("source", "reference"))}), 4)
    ),
    "referenceAudio": may(array(record({"uri": must(media("audio"))}), 4)),
    "keyframes": may(
        array(
            either(
                record({**_KEYFRAME, "seconds": must(number(0, 30))}),
                record({**_KEYFRAME, "at": must(number(0, 1))}),
            ),
            5,
        )
    ),
    "aspectRatio": may(choice("16:9", "9:16", "1:1", "4:3", "3:4", "21:9")),
    "resolution": may(choice("480p", "720p", "1080p", "4k")),
    "duration": may(whole(1, 60)),
    "audio": may(flag),
    "seed": may(whole(0, 4294967295)),
    "contentModeration": may(record({"publicFigureThreshold": may(choice("auto", "low"))})),
}
_GENERATE = record({"configId": must(text()), "input": must(record(_INPUT)), "dryRun": may(flag)})
_LINES = {"480p": 480, "720p": 720, "1080p": 1080, "4k": 2160}
_PASSED_ON = ("promptText", "negativePrompt", "duration", "audio", "seed", "contentModeration")


@attrs.define(eq=False)
class Router:
    """A saved router, and what it routed."""

    id: str
    account: Account
    slug: str
    name: str
    description: str | None
    settings: dict[str, Any]
    created: str
    updated: str
    version: int = 1
    log: list[dict[str, Any]] = attrs.field(factory=list)

    def as_data(self) -> dict[str, Any]:
        """Return it as the vendor shows it."""
        return {
            "id": self.id,
            "slug": self.slug,
            "name": self.name,
            "description": self.description,
            "settings": {"schemaVersion": 1, **self.settings},
            "version": self.version,
            "createdAt": self.created,
            "updatedAt": self.updated,
        }


class Routers:
    """`/v1/routers` and `POST /v1/generate/video`."""

    def __init__(self, gate: Gate, tasks: Tasks) -> None:
        self._gate = gate
        self._tasks = tasks
        self._routers: dict[str, Router] = {}

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        one = {
            "GET": (self._show, "list"),
            "PATCH": (self._update, "list"),
            "DELETE": (self._delete, "list"),
        }
        both = {"GET": (self._list, "list"), "POST": (self._create, "list")}
        return [
            *self._gate.routes("/v1/routers", both),
            *self._gate.routes("/v1/routers/{id}", one),
            *self._gate.routes("/v1/routers/{id}/requests", {"GET": (self._log, "history")}),
            *self._gate.routes("/v1/generate/video", {"POST": (self._generate, "submit")}),
        ]

    def _now(self) -> str:
        return stamp(self._gate.world.clock.now())

    async def _create(self, call: Call) -> web.StreamResponse:
        fields = await call.fields()
        findings = Findings()
        _CREATE(findings, fields, ())
        slug = str(fields.get("slug"))
        if not findings.issues and not _SLUG.fullmatch(slug):
            findings.issue(("slug",), "invalid_string", f"Expected {_SLUG.pattern}")
        if not findings.issues and any(one.slug == slug for one in self._of(call.account)):
            findings.issue(("slug",), "custom", "The slug is taken")
        _check_models(findings, fields.get("settings"))
        if findings.issues:
            raise invalid(findings.issues)
        now = self._now()
        router = Router(
            self._gate.world.uuid(),
            call.account,
            slug,
            fields.get("name", slug),
            fields.get("description"),
            {"optimizeFor": "cost", **fields.get("settings", {})},
            now,
            now,
        )
        self._routers[router.id] = router
        return web.json_response(router.as_data())

    async def _list(self, call: Call) -> web.StreamResponse:
        return _page(call, [one.as_data() for one in self._of(call.account)])

    async def _show(self, call: Call) -> web.StreamResponse:
        return web.json_response(self._find(call).as_data())

    async def _update(self, call: Call) -> web.StreamResponse:
        router, fields = self._find(call), await call.fields()
        findings = Findings()
        _UPDATE(findings, fields, ())
        _check_models(findings, fields.get("settings"))
        if findings.issues:
            raise invalid(findings.issues)
        router.name = fields.get("name", router.name)
        router.description = fields.get("description", router.description)
        if settings := fields.get("settings"):
            merged = {**router.settings, **settings}
            router.settings = {key: one for key, one in merged.items() if one is not None}
            router.version += 1
        router.updated = self._now()
        return web.json_response(router.as_data())

    async def _delete(self, call: Call) -> web.StreamResponse:
        del self._routers[self._find(call).id]
        return web.Response(status=204)

    async def _log(self, call: Call) -> web.StreamResponse:
        return _page(call, self._find(call).log[::-1])

    def _of(self, account: Account) -> list[Router]:
        return [one for one in self._routers.values() if one.account is account]

    def _find(self, call: Call) -> Router:
        router = self._routers.get(call.name)
        if router is None or router.account is not call.account:
            raise Refusal(404, "Router not found")
        return router

    async def _generate(self, call: Call) -> web.StreamResponse:
        fields = await call.fields()
        findings = Findings()
        _GENERATE(findings, fields, ())
        if findings.issues:
            raise invalid(findings.issues)
        slug, wanted = fields["configId"], fields["input"]
        router = next((one for one in self._of(call.account) if one.slug == slug), None)
        if router is None:
            raise Refusal(404, "Router config not found", code="router_config_not_found")
        dry = bool(fields.get("dryRun"))
        story: list[dict[str, Any]] = []
        found = [order async for order in self._able(call.account, wanted)]
        story.append(_stage("capability", found))
        found = [order for order in found if _is_open(router, order.name)]
        story.append(_stage("allow_deny", found))
        ceiling = (router.settings.get("maxCreditsPerGeneration") or {}).get("video")
        found = [order for order in found if ceiling is None or order.estimate <= ceiling]
        story.append(_stage("price", found))
        if not found:
            emptied = next(one["filter"] for one in story if not one["models"])
            more: dict[str, Any] = {"pipeline": story, "emptiedBy": [emptied]}
            if not dry:
                self._note(router, "no_eligible_model", None, None, more)
            text = "No model is eligible for this request"
            raise Refusal(400, text, code="no_eligible_model", **more)
        order = min(found, key=lambda one: (one.estimate, one.name))
        routing = _routing(router, order, wanted, ceiling)
        if dry:
            return web.json_response({"dryRun": True, "routing": routing})
        task = self._tasks.begin(call, order)
        story.append({"type": "rank", "outcome": "cost"})
        self._note(router, "routed", order, task.id, {"pipeline": story, "emptiedBy": []})
        return web.json_response({"id": task.id, "routing": routing})

    async def _able(self, account: Account, wanted: Mapping[str, Any]) -> AsyncIterator[Order]:
        """Yield an order of each model that can do what is wanted."""
        for endpoint, body in _bodies(wanted):
            for name in ENDPOINTS[endpoint][1]:
                for sized in _sized(endpoint, name, body, wanted):
                    try:
                        yield await self._tasks.order(account, endpoint, {**sized, "model": name})
                    except Refusal:
                        continue
                    break

    def _note(
        self,
        router: Router,
        status: str,
        order: Order | None,
        task: str | None,
        more: Mapping[str, Any],
    ) -> None:
        world = self._gate.world
        router.log.append(
            {
                "id": world.uuid(),
                "createdAt": self._now(),
                "requestId": world.uuid(),
                "status": status,
                "model": order.name if order else None,
                "provider": _provider(order.name) if order else None,
                "taskId": task,
                "estimatedCredits": as_json(order.estimate) if order else None,
                "reason": "The model with the lowest estimated cost." if order else None,
                "reasonCode": "lowest_cost" if order else None,
                **more,
            }
        )


def _check_models(findings: Findings, settings: Any) -> None:
    """Refuse the names of models that there are not."""
    listed = settings.get("models") if isinstance(settings, dict) else None
    names = listed.get("ids") if isinstance(listed, dict) else None
    for at, name in enumerate(names if isinstance(names, list) else ()):
        if name not in public_names():
            findings.issue(("settings", "models", "ids", at), "custom", "Unknown model")


def _is_open(router: Router, name: str) -> bool:
    models = router.settings.get("models") or {"mode": "allow_new_except", "ids": ()}
    return (name in models["ids"]) is (models["mode"] == "allowlist_only")


def _stage(name: str, orders: list[Order]) -> dict[str, Any]:
    return {"type": "filter", "filter": name, "models": sorted(order.name for order in orders)}


def _bodies(wanted: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each endpoint with the body that means the input there, its size left out."""
    body = {name: wanted[name] for name in _PASSED_ON if name in wanted}
    pictures, clips = wanted.get("referenceImages", []), wanted.get("referenceVideos", [])
    frames = [
        {"uri": one["uri"], "position": one["role"]}
        for one in pictures
        if one["role"] != "reference"
    ]
    loose = [{"uri": one["uri"]} for one in pictures if one["role"] == "reference"]
    guides = [{"type": "video", "uri": one["uri"]} for one in clips if one["role"] == "reference"]
    sources = [one["uri"] for one in clips if one["role"] == "source"]
    if loose:
        body["references"] = loose
    if guides:
        body["referenceVideos"] = guides
    if sounds := wanted.get("referenceAudio"):
        body["referenceAudio"] = [{"type": "audio", **one} for one in sounds]
    if sources and not frames:
        if keyframes := wanted.get("keyframes"):
            body["keyframes"] = keyframes
        yield "video_to_video", {**body, "videoUri": sources[0]}
        yield "video_to_video", {**body, "promptVideo": sources[0]}
    elif frames and not sources:
        yield "image_to_video", {**body, "promptImage": frames}
    elif not sources and not wanted.get("keyframes"):
        yield "text_to_video", body


def _sized(
    endpoint: str, name: str, body: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the body with each size that may be what is wanted, in the model's words."""
    fields = ENDPOINTS[endpoint][1][name].fields
    full = dict(body)
    if "duration" in fields and fields["duration"].required:
        full.setdefault("duration", 5)
    resolution, aspect = wanted.get("resolution", "720p"), wanted.get("aspectRatio", "16:9")
    if "resolution" in fields:
        full["resolution"] = resolution
    elif "ratio" not in fields and "resolution" in wanted:
        return
    if "ratio" not in fields:
        if "aspectRatio" not in wanted:
            yield full
        return
    words = [_pixels(aspect, resolution), aspect, f"auto_{resolution}"]
    for word in words if endpoint == "text_to_video" or "aspectRatio" in wanted else words[::-1]:
        yield {**full, "ratio": word}
    if not wanted.keys() & {"resolution", "aspectRatio"}:
        yield full


def _pixels(aspect: str, resolution: str) -> str:
    across, down = (int(side) for side in aspect.split(":"))
    lines = _LINES[resolution]
    if across == down:
        return {720: "960:960", 1080: "1440:1440"}.get(lines, f"{lines}:{lines}")
    longer = round(lines * max(across, down) / min(across, down))
    return f"{longer}:{lines}" if across > down else f"{lines}:{longer}"


def _provider(name: str) -> str:
    known = {"kling": "kling", "seedance": "bytedance", "veo": "google", "gemini": "google"}
    return next((word for start, word in known.items() if name.startswith(start)), "runway")


def _routing(
    router: Router, order: Order, wanted: Mapping[str, Any], ceiling: int | None
) -> dict[str, Any]:
    return {
        "model": order.name,
        "provider": _provider(order.name),
        "configId": router.slug,
        "resolvedSettings": {
            "optimizeFor": router.settings["optimizeFor"],
            "priceCeiling": ceiling,
        },
        "resolvedInput": {
            "duration": order.model.output_seconds(order.facts),
            "ratio": str(order.facts.values.get("ratio", "1280:720")),
            "resolution": wanted.get("resolution", "720p"),
        },
        "estimatedCost": {"credits": as_json(order.estimate)},
    }


def _page(call: Call, rows: list[dict[str, Any]]) -> web.Response:
    """Return one page of rows."""
    limit, cursor = call.request.query.get("limit", ""), call.request.query.get("cursor", "0")
    if not limit.isdecimal() or not 1 <= int(limit) <= 100 or not cursor.isdecimal():
        issue = {"code": "invalid_type", "path": ["limit"], "message": "Expected 1 to 100"}
        raise invalid([issue])
    start, end = int(cursor), int(cursor) + int(limit)
    more = end < len(rows)
    reply = {"data": rows[start:end], "hasMore": more, "nextCursor": str(end) if more else None}
    return web.json_response(reply)
