"""The models that the sandbox runs, one row each: fields, prices, usual times.

A second reading of the vendor's model pages. Where no price is on record, the sandbox charges one
of its own, so that something is counted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from motionkit_replicate.sandbox.gate import Refusal, invalid

SOME_SECONDS = 5.0
"""Length of a clip that was not uploaded here."""
MADE = "2026-01-15T09:30:00.000000Z"
Values: TypeAlias = Mapping[str, Any]


@attrs.frozen
class Field:
    """One field of a model's input: its type, whether it is required, its values, its bounds.

    Attributes:
        kind: The word of its JSON schema.
        uri: It is an address: http, https or data.
        span: Least and greatest number; for a list, of its items.
    """

    kind: str = "string"
    required: bool = False
    default: Any = None
    choices: tuple[Any, ...] = ()
    span: tuple[float, float] | None = None
    uri: bool = False

    def problem(self, name: str, value: Any) -> Refusal | None:
        """Return what is wrong with a value."""
        where = f"input.{name}"
        if not _IS[self.kind](value):
            given = next((word for word, fits in _GIVEN if fits(value)), "null")
            return invalid(
                "invalid_type", where, f"Invalid type. Expected: {self.kind}, given: {given}"
            )
        if self.choices and value not in self.choices:
            listed = ", ".join(_quoted(one) for one in self.choices)
            return invalid("enum", where, f"{name} must be one of the following: {listed}")
        if self.span and (problem := self._out_of_span(where, value)):
            return problem
        addresses = value if isinstance(value, list) else [value]
        if self.uri and not all(str(one).startswith(_ADDRESSES) for one in addresses):
            return invalid("format", where, "Does not match format 'uri'")
        return None

    def _out_of_span(self, where: str, value: Any) -> Refusal | None:
        least, most = self.span or (0, 0)
        if isinstance(value, list):
            if len(value) < least:
                return invalid(
                    "array_min_items", where, f"Array must have at least {least:g} items"
                )
            if len(value) > most:
                return invalid("array_max_items", where, f"Array must have at most {most:g} items")
            return None
        if value < least:
            return invalid("number_gte", where, f"Must be greater than or equal to {least:g}")
        if value > most:
            return invalid("number_lte", where, f"Must be less than or equal to {most:g}")
        return None

    def schema(self, name: str, order: int) -> dict[str, Any]:
        """Return its part of the model's schema."""
        shown: dict[str, Any] = {
            "type": self.kind,
            "title": name.replace("_", " ").title(),
            "x-order": order,
        }
        if self.default is not None:
            shown["default"] = self.default
        if self.choices:
            shown["enum"] = list(self.choices)
        if self.kind == "array":
            shown["items"] = {"type": "string", **({"format": "uri"} if self.uri else {})}
        elif self.uri:
            shown["format"] = "uri"
        if self.span:
            words = ("minItems", "maxItems") if self.kind == "array" else ("minimum", "maximum")
            shown |= dict(zip(words, self.span, strict=True))
        return shown


@attrs.frozen
class Model:
    """One model.

    Attributes:
        fields: Its input.
        rate: Dollars of an output second, of a run or of a second of run time.
        per: What `rate` is of: second, run or time.
        metrics: Names of billing quantities, and the fields that they repeat.
        duration: The field with the seconds of the output; otherwise the clip has them.
        clip: The field with the driving clip.
        bounds: Least and greatest seconds of the clip, for an input.
        official: It needs no version.
        version: The first digits of its version, where they are on record.
        mean: Usual vendor seconds of a job.
    """

    fields: Mapping[str, Field]
    rate: Callable[[Values], Decimal]
    per: str = "second"
    metrics: Mapping[str, str] = attrs.field(factory=dict)
    duration: str | None = None
    clip: str = "video"
    bounds: Callable[[Values], tuple[float, float]] | None = None
    official: bool = True
    version: str = ""
    mean: float = 120.0

    def values(self, body: Values) -> dict[str, Any]:
        """Return the values of all fields; where one is not given, its default."""
        return {name: body.get(name, field.default) for name, field in self.fields.items()}

    def seconds(self, body: Values, clip: float | None) -> float:
        """Return the seconds of the output."""
        if self.duration == "num_frames":
            return float(self.values(body)["num_frames"]) / 16
        if self.duration is not None:
            return float(self.values(body)[self.duration])
        return SOME_SECONDS if clip is None else clip

    def price(self, body: Values, clip: float | None, run: float) -> Decimal:
        """Return the charge of a run that succeeds; seconds are not rounded up."""
        rate = self.rate(self.values(body))
        if self.per == "run":
            return rate
        many = run if self.per == "time" else self.seconds(body, clip)
        return rate * Decimal(str(round(many, 3)))

    def tiers(self, body: Values) -> dict[str, Any]:
        """Return the billing quantities that choose the price."""
        values = self.values(body)
        return {name: values[field] for name, field in self.metrics.items()}

    def check(self, body: Any) -> None:
        """Validate an input as the vendor does, at submit.

        Raises:
            Refusal: A field is missing, unknown or invalid; every one is named.
        """
        if not isinstance(body, dict):
            raise invalid("invalid_type", "input", "Invalid type. Expected: object")
        found = [
            invalid("required", "input", f"{name} is required")
            for name, field in self.fields.items()
            if field.required and name not in body
        ]
        for name, value in body.items():
            field = self.fields.get(name)
            if field is None:
                text = f"Additional property {name} is not allowed"
                found.append(invalid("additional_property_not_allowed", "input", text))
            elif problem := field.problem(name, value):
                found.append(problem)
        if found:
            rows = [row for one in found for row in one.body["invalid_fields"]]
            text = "".join(one.body["detail"] for one in found)
            raise Refusal(422, "Input validation failed", text, invalid_fields=rows)

    def schema(self) -> dict[str, Any]:
        """Return its OpenAPI document, as far as clients read it."""
        parts = {
            name: field.schema(name, order)
            for order, (name, field) in enumerate(self.fields.items())
        }
        body: dict[str, Any] = {"type": "object", "title": "Input", "properties": parts}
        body["required"] = [name for name, field in self.fields.items() if field.required]
        output = {"type": "string", "title": "Output", "format": "uri"}
        return {
            "openapi": "3.0.2",
            "info": {"title": "Cog", "version": "0.1.0"},
            "paths": {},
            "components": {"schemas": {"Input": body, "Output": output}},
        }


def version_of(name: str) -> str:
    """Return the 64 digits of a model's newest version: made up, but for the first on record."""
    known = MODELS[name].version
    return known + hashlib.sha256(name.encode()).hexdigest()[len(known) :]


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_ADDRESSES = ("https://", "http://", "data:")
_IS: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": _is_whole,
    "number": lambda value: _is_whole(value) or isinstance(value, float),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
}
_GIVEN = (*_IS.items(), ("object", lambda value: isinstance(value, dict)))


def flat(amount: str) -> Callable[[Values], Decimal]:
    """Return a price without tiers."""
    return lambda _: Decimal(amount)


def tiers(field: str, amounts: Mapping[str, str]) -> Callable[[Values], Decimal]:
    """Return a price by the value of one field."""
    return lambda values: Decimal(amounts[values[field]])


def _pixverse(values: Values) -> Decimal:
    silent = {"360p": "0.05", "540p": "0.07", "720p": "0.09", "1080p": "0.18"}
    loud = {"360p": "0.07", "540p": "0.09", "720p": "0.12", "1080p": "0.23"}
    return Decimal((loud if values["generate_audio_switch"] else silent)[values["quality"]])


def _kling_o1(values: Values) -> Decimal:
    filmed = values["reference_video"] is not None
    table = {"std": ("0.084", "0.126"), "pro": ("0.112", "0.168")}
    return Decimal(table[values["mode"]][filmed])


def _omni(values: Values) -> Decimal:
    table = {"standard": ("0.168", "0.224"), "pro": ("0.224", "0.28"), "4k": ("0.42", "0.42")}
    return Decimal(table[values["mode"]][bool(values["generate_audio"])])


def _kling_bounds(values: Values) -> tuple[float, float]:
    return 3.0, 10.0 if values["character_orientation"] == "image" else 30.0


_TEXT, _MUST = Field(), Field(required=True)
_FILE, _MUST_FILE = Field(uri=True), Field(uri=True, required=True)
_WHOLE, _FLAG = Field("integer"), Field("boolean")
_ON, _OFF = Field("boolean", default=True), Field("boolean", default=False)
_FULL = Field(default="720p", choices=("720p", "1080p"))
_VARIANT, _LINES = {"model_variant": "mode"}, {"resolution_target": "resolution"}


def _kling(mode: str) -> Model:
    fields = {
        "image": _MUST_FILE,
        "video": _MUST_FILE,
        "prompt": Field(default=""),
        "mode": Field(default=mode, choices=("std", "pro")),
        "character_orientation": Field(default="image", choices=("image", "video")),
        "keep_original_sound": _ON,
    }
    price = tiers("mode", {"std": "0.07", "pro": "0.12"})
    return Model(fields, price, metrics=_VARIANT, bounds=_kling_bounds, mean=270)


_WAN_ANIMATE = {
    "video": _MUST_FILE,
    "character_image": _MUST_FILE,
    "resolution": Field(default="720", choices=("720", "480")),
    "frames_per_second": Field("integer", default=24, span=(5, 60)),
    "go_fast": _ON,
    "merge_audio": _OFF,
    "seed": _WHOLE,
}
_PRUNA = {
    "instruction_prompt": _TEXT,
    "resolution": _FULL,
    "target_fps": Field(default="original", choices=("original", "24", "48")),
    "save_audio": _ON,
    "seed": _WHOLE,
    "turbo": _OFF,
}
_PRUNA_PRICE = tiers("resolution", {"720p": "0.03", "1080p": "0.06"})
_SIZES = ("360p", "540p", "720p", "1080p")
_V6_MAX = {
    "prompt": _MUST,
    "image": _FILE,
    "quality": Field(default="720p", choices=_SIZES),
    "duration": Field("integer", default=5, choices=(5, 8, 10, 15)),
    "aspect_ratio": Field(default="16:9", choices=("16:9", "9:16", "1:1")),
    "negative_prompt": _TEXT,
    "seed": _WHOLE,
    "generate_audio_switch": _OFF,
    "generate_multi_clip_switch": _OFF,
}
_V6 = {**_V6_MAX, "quality": Field(default="540p", choices=_SIZES), "last_frame_image": _FILE}
_V5_6 = {
    **_V6,
    "duration": Field("integer", default=5, choices=(5, 8, 10)),
    "thinking_type": Field(default="auto", choices=("auto", "enabled", "disabled")),
}
del _V5_6["generate_multi_clip_switch"]
_V6_METRICS = {"resolution_target": "quality", "with_audio": "generate_audio_switch"}


MODELS: Mapping[str, Model] = {
    "kwaivgi/kling-v3-motion-control": _kling("pro"),
    "kwaivgi/kling-v2.6-motion-control": _kling("std"),
    "bytedance/dreamactor-m2.0": Model(
        {"image": _MUST_FILE, "video": _MUST_FILE, "cut_first_second": _ON},
        flat("0.05"),
        bounds=lambda _: (0.0, 30.0),
    ),
    "wan-video/wan-2.2-animate-replace": Model(
        _WAN_ANIMATE, tiers("resolution", {"480": "0.02", "720": "0.05"}), metrics=_LINES
    ),
    "wan-video/wan-2.2-animate-animation": Model(
        _WAN_ANIMATE,
        flat("0.003"),
        per="time",
        official=False,
        version="d6b167d60fdadef11966e5824b19b9c0fc7597d663192c278e67e9d1f2dbbf48",
        mean=200,
    ),
    "prunaai/p-video-animate": Model(
        {
            "video": _MUST_FILE,
            "image": _MUST_FILE,
            **_PRUNA,
            "disable_safety_checker": _OFF,
            "ignore_audio": _OFF,
        },
        _PRUNA_PRICE,
        metrics=_LINES,
        version="cb935d44",
        mean=60,
    ),
    "prunaai/p-video-replace": Model(
        {
            "video": _MUST_FILE,
            "images": Field("array", uri=True, span=(1, 4)),
            **_PRUNA,
            "image_strength": Field("number"),
            "last_frame_guidance": _FLAG,
        },
        _PRUNA_PRICE,
        metrics=_LINES,
        version="0125cb96",
        mean=60,
    ),
    "pixverse/pixverse-v6": Model(_V6, _pixverse, metrics=_V6_METRICS, duration="duration"),
    "pixverse/pixverse-v6-max": Model(_V6_MAX, _pixverse, metrics=_V6_METRICS, duration="duration"),
    "pixverse/pixverse-v5.6": Model(
        _V5_6, _pixverse, metrics=_V6_METRICS, duration="duration", version="716a21c0"
    ),
    "pixverse/lipsync": Model({"video": _MUST_FILE, "audio": _MUST_FILE}, flat("0.04")),
    "kwaivgi/kling-o1": Model(
        {
            "prompt": _MUST,
            "mode": Field(default="pro", choices=("std", "pro")),
            "duration": Field("integer", default=5, span=(3, 10)),
            "start_image": _FILE,
            "end_image": _FILE,
            "reference_images": Field("array", uri=True, span=(0, 7)),
            "reference_video": _FILE,
            "video_reference_type": Field(default="feature", choices=("feature", "base")),
            "keep_original_sound": _ON,
        },
        _kling_o1,
        metrics=_VARIANT,
        duration="duration",
        clip="reference_video",
    ),
    "kwaivgi/kling-v3-omni-video": Model(
        {
            "prompt": _MUST,
            "mode": Field(default="pro", choices=("standard", "pro", "4k")),
            "duration": Field("integer", default=5, span=(3, 15)),
            "start_image": _FILE,
            "end_image": _FILE,
            "reference_images": Field("array", uri=True, span=(0, 7)),
            "reference_video": _FILE,
            "video_reference_type": Field(default="feature", choices=("feature", "base")),
            "keep_original_sound": _ON,
            "generate_audio": _OFF,
            "multi_prompt": _TEXT,
        },
        _omni,
        metrics={**_VARIANT, "with_audio": "generate_audio"},
        duration="duration",
        clip="reference_video",
    ),
    "alibaba/happyhorse-1.0": Model(
        {
            "prompt": _TEXT,
            "image": _FILE,
            "duration": Field("integer", default=5, span=(3, 15)),
            "resolution": Field(default="1080p", choices=("720p", "1080p")),
        },
        tiers("resolution", {"720p": "0.14", "1080p": "0.28"}),
        metrics=_LINES,
        duration="duration",
    ),
    "runwayml/aleph-2": Model(
        {
            "video": _MUST_FILE,
            "prompt": _MUST,
            "keyframe_images": Field("array", uri=True, span=(0, 5)),
            "keyframe_positions": Field("array"),
        },
        flat("0.336"),
        bounds=lambda _: (2.0, 30.0),
    ),
    "runwayml/gen-4.5": Model(
        {
            "prompt": _MUST,
            "image": _FILE,
            "duration": Field("integer", default=5, choices=(5, 10)),
        },
        flat("0.12"),
        duration="duration",
    ),
    "wan-video/wan-2.7-videoedit": Model(
        {
            "video": _MUST_FILE,
            "prompt": _TEXT,
            "reference_image": _FILE,
            "resolution": _FULL,
        },
        flat("0.10"),
        metrics=_LINES,
        bounds=lambda _: (2.0, 10.0),
    ),
    "wan-video/wan-2.2-i2v-fast": Model(
        {
            "image": _MUST_FILE,
            "prompt": _MUST,
            "resolution": Field(default="480p", choices=("480p", "720p")),
            "num_frames": Field("integer", default=81, span=(81, 121)),
        },
        tiers("resolution", {"480p": "0.05", "720p": "0.11"}),
        per="run",
        metrics=_LINES,
        duration="num_frames",
    ),
}
VERSIONS: Mapping[str, str] = {version_of(name): name for name in MODELS}
HARDWARE: Mapping[str, str] = {
    "cpu": "CPU",
    "gpu-t4": "Nvidia T4 GPU",
    "gpu-l40s": "Nvidia L40S GPU",
    "gpu-a100-large": "Nvidia A100 (80GB) GPU",
    "gpu-h100": "Nvidia H100 GPU",
}
DEPLOYMENTS: Mapping[str, str] = {"sandbox/animate": "wan-video/wan-2.2-animate-animation"}
"""Own deployments of the default account, and the models whose newest version they run."""
