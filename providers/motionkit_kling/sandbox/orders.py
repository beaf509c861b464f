"""Bodies of both APIs become orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias

import attrs

from motionkit.sandbox import State, World
from motionkit_kling.sandbox import models
from motionkit_kling.sandbox.codes import Refusal, invalid
from motionkit_kling.sandbox.gate import Call
from motionkit_kling.sandbox.inputs import Inputs
from motionkit_kling.sandbox.media import Limits
from motionkit_kling.sandbox.models import (
    CLIPS,
    CONTENTS,
    EFFECT,
    ELEMENT,
    FACE,
    MODES,
    OPTIONS,
    PICTURES,
    PRODUCTS,
    PROMPT_LENGTH,
    VOICE,
    WATERMARK,
    Field,
    Model,
    Values,
    read,
)
from motionkit_kling.sandbox.sessions import Sessions
from motionkit_kling.sandbox.tasks import FILE_LIFE, Order, Rounding, Shelf, Task, rounded

_MIB = 2**20
_NEW_PICTURE, _LEGACY_PICTURE = 50 * _MIB, 10 * _MIB
_OMNI = Limits(200 * _MIB, (700, 4553), (3.0, 15.5))
_Order: TypeAlias = Callable[..., Order]


class Orders:
    """Reads submits.

    Args:
        world: The sandbox's state.
        shelf: The tasks.
        sessions: The faces that were identified.
        rounding: How billed seconds are rounded.
        yields: Share of a motion reference that the result has.
    """

    def __init__(
        self, world: World, shelf: Shelf, sessions: Sessions, rounding: Rounding, yields: float
    ) -> None:
        self._world = world
        self._shelf = shelf
        self._sessions = sessions
        self._rounding = rounding
        self._yields = yields

    async def new(self, operation: str, name: str, model: Model, body: Mapping[str, Any]) -> Order:
        """Return the order of a call of the new API."""
        groups = {"options": Field("object", default={}), "settings": Field("object", default={})}
        if model.text_only:
            groups["prompt"] = Field(required=True, longest=PROMPT_LENGTH)
        else:
            groups["contents"] = Field("list", required=True)
        values = read(body, groups)
        settings = read(values["settings"], model.settings, "settings.")
        options = read(values["options"], OPTIONS, "options.")
        mark = read(options["watermark_info"], WATERMARK, "options.watermark_info.")
        found = _contents(values.get("contents", []), model)
        limits = _OMNI if operation == "omni-video" else Limits()
        if name == "kling-o1":
            limits = attrs.evolve(limits, seconds=(3.0, 10.0))
        if settings.get("character_orientation") == "image":
            limits = attrs.evolve(limits, seconds=(3.0, 10.0))
        _check_together(model, settings, found)
        inputs = Inputs(self._world, limits, _NEW_PICTURE)
        for kind, items in found.items():
            for item in items:
                if kind in CLIPS:
                    await inputs.clip(item["url"], f"contents.{kind}.url")
                elif kind in PICTURES:
                    await inputs.picture(item["url"], f"contents.{kind}.url")
        clip = any(kind in found for kind in CLIPS)
        sound = settings.get("audio") in {"native", "original"}
        rate = model.rate.units(
            settings["resolution"], sound=sound, clip=clip, voice="voice" in found
        )
        measured = "video" in found or "base_video" in found
        seconds = inputs.seconds if measured else float(settings["duration"])
        if "video" in found:
            seconds = max(3.0, seconds * self._yields)
        return Order(
            operation,
            name,
            model.version,
            legacy=False,
            values={**settings, "contents": found, "prompt": values.get("prompt")},
            seconds=seconds,
            resolution=settings["resolution"],
            units=rate * rounded(seconds, self._rounding),
            sound=sound,
            picture=inputs.shown,
            problem=inputs.problem,
            external_id=options["external_task_id"],
            callback=options["callback_url"],
            watermark=mark["enabled"],
            mean=model.mean,
            clip=clip,
        )

    async def legacy(self, call: Call, name: str, body: Mapping[str, Any]) -> Order:
        """Return the order of a call of the legacy API."""
        product = PRODUCTS[name]
        values = read(body, {**product.fields, **OPTIONS})
        inputs = Inputs(self._world, Limits(), _LEGACY_PICTURE)
        if values.get("character_orientation") == "image":
            inputs.limits = attrs.evolve(inputs.limits, seconds=(3.0, 10.0))
        for field in product.clips:
            await inputs.clip(values[field], field)
        for field in product.pictures:
            if values[field] is not None:
                await inputs.picture(values[field], field)
        mark = read(values["watermark_info"], WATERMARK, "watermark_info.")
        order = await self._legacy_order(call, name, values, inputs)
        return attrs.evolve(
            order,
            picture=order.picture or inputs.shown,
            problem=inputs.problem,
            external_id=values["external_task_id"],
            callback=values["callback_url"],
            watermark=mark["enabled"],
            mean=product.mean,
            clip=bool(product.clips),
        )

    async def _legacy_order(self, call: Call, name: str, values: Values, inputs: Inputs) -> Order:
        resolution = MODES[values.get("mode") or "std"]
        model = values.get("model_name") or name
        order = partial(
            Order,
            product=name,
            model=model,
            version=models.legacy_version(model),
            legacy=True,
            values=values,
        )
        if name == "effects":
            return order(
                seconds=await self._effect(values, inputs),
                resolution=resolution,
                units=models.EFFECT_PRICE,
            )
        if name == "video-extend":
            parent = self._parent(call, values["video_id"])
            seconds = parent.order.seconds + models.EXTENDED_SECONDS
            return order(
                seconds=seconds,
                resolution=parent.order.resolution,
                units=models.EXTEND_PRICE,
                parent=parent.video,
                picture=parent.order.picture,
            )
        if name == "advanced-lip-sync":
            seconds = await self._faces(call, values, inputs)
            steps = -(-rounded(seconds, "exact") // 5)
            return order(
                seconds=seconds, resolution="720p", units=steps * models.LIP_SYNC_STEP, sound=True
            )
        if name == "avatar/image2video":
            await inputs.sound(values, (2.0, 300.0))
            rate = models.AVATAR_RATE.units(resolution, sound=False, clip=False, voice=False)
            return order(
                seconds=inputs.seconds,
                resolution=resolution,
                units=rate * rounded(inputs.seconds, self._rounding),
                sound=True,
            )
        if name == "motion-control":
            return self._motion(order, values, inputs, resolution)
        return _frames(order, values, resolution)

    def _motion(self, order: _Order, values: Values, inputs: Inputs, resolution: str) -> Order:
        elements = values["element_list"] or []
        if len(elements) > 1 or (elements and values["model_name"] != "kling-v3"):
            raise invalid("element_list", elements)
        for element in elements:
            _known(element.get("element_id") if isinstance(element, dict) else element, "element")
        if elements and values["character_orientation"] != "video":
            raise Refusal(1201, "an element needs character_orientation 'video'")
        sound = values["keep_original_sound"] == "yes"
        seconds = max(3.0, inputs.seconds * self._yields)
        rate = models.legacy_rate("motion-control", values["model_name"])
        per_second = rate.units(resolution, sound=False, clip=True, voice=False)
        return order(
            version=f"{models.legacy_version(values['model_name'])}-motion-control",
            seconds=seconds,
            resolution=resolution,
            units=per_second * rounded(seconds, self._rounding),
            sound=sound,
        )

    async def _effect(self, values: Values, inputs: Inputs) -> float:
        given = read(values["input"], EFFECT, "input.")
        images = given["images"] if given["image"] is None else [given["image"]]
        if not images or (given["image"] is not None and given["images"] is not None):
            raise Refusal(1201, "input needs either image or images")
        if given["images"] is not None and len(images) != 2:
            raise invalid("input.images", images)
        for image in images:
            await inputs.picture(image, "input.image")
        return float(given["duration"])

    async def _faces(self, call: Call, values: Values, inputs: Inputs) -> float:
        session = self._sessions.get(call, values["session_id"])
        for face in values["face_choose"] or [None]:
            if not isinstance(face, dict):
                raise invalid("face_choose", values["face_choose"])
            chosen = read(face, FACE, "face_choose.")
            if chosen["face_id"] not in session.faces:
                raise invalid("face_choose.face_id", chosen["face_id"])
            await inputs.sound(chosen, (2.0, 60.0))
        return session.seconds

    def _parent(self, call: Call, video: str) -> Task:
        """Return the task whose video is extended: an own one, recent, of generation 1."""
        now = self._world.clock.now()
        for task in self._shelf.tasks(call.account):
            if task.video == video and task.state(now) is State.SUCCEEDED:
                if now >= (task.ends or now) + FILE_LIFE or not models.is_old(task.order.model):
                    break
                return task
        raise invalid("video_id", video)


def _contents(items: list[Any], model: Model) -> dict[str, list[Values]]:
    """Return the items of `contents` by their type."""
    found: dict[str, list[Values]] = {}
    for item in items:
        kind = str(item.get("type")) if isinstance(item, dict) else ""
        if kind not in model.inputs:
            raise invalid("contents.type", kind)
        fields = {name: value for name, value in item.items() if name != "type"}
        values = read(fields, CONTENTS[kind], f"contents.{kind}.")
        found.setdefault(kind, []).append(values)
        if len(found[kind]) > model.inputs[kind]:
            raise Refusal(1201, f"contents has more than {model.inputs[kind]} of type {kind}")
    for kind in model.required:
        if kind not in found:
            raise Refusal(1201, f"contents has to have an item of type {kind}")
    if not model.text_only and not found:
        raise Refusal(1201, "contents is empty")
    for kind in ("element", "voice"):
        for values in found.get(kind, ()):
            _known(values[f"{kind}_id"], kind)
    return found


def _known(value: object, kind: str) -> None:
    if value != (ELEMENT if kind == "element" else VOICE):
        raise Refusal(1201, f"{kind} not found: {value}")


def _check_together(model: Model, settings: Values, found: Mapping[str, Any]) -> None:
    """Refuse combinations that the vendor does not take."""
    if "last_frame" in found and "first_frame" not in found:
        raise Refusal(1201, "last_frame needs first_frame")
    if model.ends_at_1080 and "last_frame" in found and settings["resolution"] != "1080p":
        raise Refusal(1201, "first_frame with last_frame needs resolution 1080p")
    if "element" in found and settings.get("character_orientation") == "image":
        raise Refusal(1201, "an element needs character_orientation 'video'")
    if "feature_video" in found and settings["audio"] != "off":
        raise Refusal(1201, "feature_video needs audio 'off'")
    if "base_video" in found:
        if {"first_frame", "last_frame", "feature_video"} & set(found):
            raise Refusal(1201, "base_video goes without frames and feature_video")
        if settings["audio"] == "native":
            raise Refusal(1201, "base_video needs audio 'original' or 'off'")
    elif settings.get("audio") == "original" and "video" not in found:
        raise Refusal(1201, "audio 'original' needs base_video")


def _frames(order: _Order, values: Values, resolution: str) -> Order:
    """Return the order of a video from text or images."""
    model = values["model_name"]
    if "image" in values and values["image"] is None:
        raise Refusal(1201, "image is required")
    if model != "kling-v3" and values["duration"] not in {"5", "10"}:
        raise invalid("duration", values["duration"])
    sound = values["sound"] == "on"
    rate = models.legacy_rate("", model)
    per_second = rate.units(resolution, sound=sound, clip=False, voice=False)
    seconds = float(values["duration"])
    return order(
        seconds=seconds,
        resolution=resolution,
        units=per_second * Decimal(values["duration"]),
        sound=sound,
    )
