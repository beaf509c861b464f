"""The models that the sandbox runs, one row each: fields, prices, usual times.

A second reading of the vendor's pages and of the types of its official JavaScript client. Where no
price is on record, the sandbox charges one of its own, so that something is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import attrs

SOME_SECONDS = 5.0
"""Length of a clip that was not uploaded here."""


@attrs.frozen
class Field:
    """One field of a model's input: its type, whether it is required, its values, its bounds."""

    kind: str = "string"
    required: bool = False
    default: Any = None
    choices: tuple[Any, ...] = ()
    span: tuple[float, float] | None = None


@attrs.frozen
class Model:
    """One endpoint.

    Attributes:
        fields: Its input.
        rate: Dollars of a second, or of a run, for an input.
        unit: What its list price counts.
        mean: Usual vendor seconds of a job.
        lax: Unknown fields are ignored; otherwise they end the job with HTTP 422.
        per_run: Whether `rate` is of a run.
        duration: The field with the seconds of the output; otherwise the clip has them.
    """

    fields: Mapping[str, Field]
    rate: Callable[[Mapping[str, Any]], Decimal]
    unit: str = "seconds"
    mean: float = 120.0
    lax: bool = False
    per_run: bool = False
    duration: str | None = None

    def value(self, body: Mapping[str, Any], name: str) -> Any:
        """Return a field's value, or its default."""
        sent = body.get(name)
        return self.fields[name].default if sent is None and name in self.fields else sent

    def values(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of all fields."""
        return {name: self.value(body, name) for name in self.fields}

    def seconds(self, body: Mapping[str, Any], clip: float | None) -> float:
        """Return the seconds of the output."""
        if self.duration is not None:
            return float(self.value(body, self.duration))
        return SOME_SECONDS if clip is None else clip

    def price(self, body: Mapping[str, Any], clip: float | None) -> Decimal:
        """Return the charge of a run; seconds count as they are, not rounded up."""
        rate = self.rate(self.values(body))
        if self.per_run:
            return rate
        return rate * Decimal(str(round(self.seconds(body, clip), 3)))

    @property
    def unit_price(self) -> Decimal:
        """Return the figure of the price list: the price with every default, without tiers."""
        return self.rate(self.values({}))

    def problem(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the first error that a run reports of its input, as an item of ``detail``."""
        for name, known in self.fields.items():
            if known.required and body.get(name) is None:
                return _detail(name, "missing", "Field required", None)
        for name, value in body.items():
            if (field := self.fields.get(name)) is None:
                if self.lax:
                    continue
                return _detail(name, "extra_forbidden", "Extra inputs are not permitted", value)
            if value is None:
                continue
            if not _IS[field.kind](value):
                return _detail(name, f"{field.kind}_type", f"Input should be {field.kind}", value)
            if field.choices and value not in field.choices:
                listed = " or ".join(repr(one) for one in field.choices)
                return _detail(name, "literal_error", f"Input should be {listed}", value)
            if field.span and not field.span[0] <= value <= field.span[1]:
                return _detail(name, "less_than_equal", f"Input should be in {field.span}", value)
        return None


def _detail(name: str, kind: str, text: str, value: Any) -> dict[str, Any]:
    url = f"https://docs.fal.ai/errors#{kind}"
    return {"loc": ["body", name], "msg": text, "type": kind, "url": url, "input": value}


_IS: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
}


def flat(amount: str) -> Callable[[Mapping[str, Any]], Decimal]:
    """Return a price without tiers."""
    return lambda _: Decimal(amount)


def tiers(field: str, **amounts: str) -> Callable[[Mapping[str, Any]], Decimal]:
    """Return a price by the value of one field."""
    return lambda values: Decimal(amounts[f"p{values[field]}"])


def _pixverse(values: Mapping[str, Any]) -> Decimal:
    silent = {"360p": "0.025", "540p": "0.035", "720p": "0.045", "1080p": "0.090"}
    loud = {"360p": "0.035", "540p": "0.045", "720p": "0.060", "1080p": "0.115"}
    return Decimal((loud if values["generate_audio_switch"] else silent)[values["resolution"]])


def _pixverse_5_6(values: Mapping[str, Any]) -> Decimal:
    five = {"360p": "0.35", "540p": "0.35", "720p": "0.45", "1080p": "0.75"}
    silent = Decimal(five[values["resolution"]])
    silent *= {"5": Decimal(1), "8": Decimal(2), "10": Decimal("2.2")}[values["duration"]]
    sound = Decimal("0.75" if values["resolution"] == "1080p" else "0.45")
    return silent + sound if values["generate_audio_switch"] else silent


def _sound(silent: str, loud: str) -> Callable[[Mapping[str, Any]], Decimal]:
    return lambda values: Decimal(loud if values["generate_audio"] else silent)


_TEXT, _MUST = Field(), Field(required=True)
_NUMBER, _WHOLE, _FLAG, _ON = (
    Field("float"),
    Field("int"),
    Field("bool"),
    Field("bool", default=True),
)
_OFF = Field("bool", default=False)
_PAIR = {"image_url": _MUST, "video_url": _MUST}
_ORIENTATION = Field(required=True, choices=("image", "video"))
_KLING_2_6 = {
    **_PAIR,
    "character_orientation": _ORIENTATION,
    "keep_original_sound": _ON,
    "prompt": _TEXT,
}
_KLING_3 = {**_KLING_2_6, "elements": Field("list")}
_WAN_ANIMATE = {
    **_PAIR,
    "resolution": Field(default="480p", choices=("480p", "580p", "720p")),
    "guidance_scale": _NUMBER,
    "num_inference_steps": _WHOLE,
    "shift": Field("float", span=(1, 10)),
    "seed": _WHOLE,
    "use_turbo": _FLAG,
    "enable_safety_checker": _FLAG,
    "enable_output_safety_checker": _FLAG,
    "video_quality": Field(choices=("low", "medium", "high", "maximum")),
    "video_write_mode": Field(choices=("fast", "balanced", "small")),
    "return_frames_zip": _FLAG,
}
_WAN_PRICE = tiers("resolution", p480p="0.04", p580p="0.06", p720p="0.08")
_ONE_TO_ALL = {
    **_PAIR,
    "prompt": _MUST,
    "negative_prompt": _MUST,
    "resolution": Field(default="480p", choices=("480p", "580p", "720p")),
}
_ONE_PRICE = tiers("resolution", p480p="0.06", p580p="0.09", p720p="0.12")
_MAREY = {
    "prompt": _MUST,
    "video_url": _MUST,
    "reference_image_url": _TEXT,
    "first_frame_image_url": _TEXT,
    "negative_prompt": _TEXT,
    "seed": _WHOLE,
}
_STYLES = ("anime", "3d_animation", "clay", "comic", "cyberpunk")
_SIZES = ("360p", "540p", "720p", "1080p")
_V6 = {
    "prompt": _MUST,
    "duration": Field("int", default=5, span=(1, 15)),
    "resolution": Field(default="720p", choices=_SIZES),
    "generate_audio_switch": _OFF,
    "negative_prompt": _TEXT,
    "seed": _WHOLE,
    "style": Field(choices=_STYLES),
}
_V6_NEW = {
    **_V6,
    "generate_multi_clip_switch": _FLAG,
    "thinking_type": Field(choices=("enabled", "disabled", "auto")),
}
_RATIO = Field(choices=("16:9", "4:3", "1:1", "3:4", "9:16", "2:3", "3:2", "21:9"))
_KLING_VIDEO = {
    "start_image_url": _MUST,
    "end_image_url": _TEXT,
    "generate_audio": _ON,
    "negative_prompt": _TEXT,
}
_K, _P = "fal-ai/kling-video", "fal-ai/pixverse"
_VOICES = (
    *("Emily", "James", "Isabella", "Liam", "Chloe", "Adrian", "Harper", "Ava", "Sophia"),
    *("Julia", "Mason", "Jack", "Oliver", "Ethan", "Auto"),
)

_EDIT = {"prompt": _MUST, "video_url": _MUST}
_SIZED = Field(default="1080p", choices=("720p", "1080p"))
_AUDIO = Field(default="auto", choices=("auto", "origin"))
_O3_EDIT = {
    **_EDIT,
    "image_urls": Field("list"),
    "elements": Field("list"),
    "keep_audio": _ON,
    "shot_type": Field(choices=("customize",)),
}

MODELS: Mapping[str, Model] = {
    "decart/lucy-restyle": Model(
        {
            **_EDIT,
            "sync_mode": _OFF,
            "enhance_prompt": _ON,
            "seed": _WHOLE,
            "resolution": Field(default="720p"),
        },
        flat("0.01"),
    ),
    "fal-ai/luma-dream-machine/ray-2-flash/modify": Model(
        {
            "video_url": _MUST,
            "image_url": _TEXT,
            "prompt": _TEXT,
            "mode": Field(
                default="flex_1",
                choices=tuple(
                    f"{kind}_{step}"
                    for kind in ("adhere", "flex", "reimagine")
                    for step in (1, 2, 3)
                ),
            ),
        },
        flat("0.12"),
    ),
    "fal-ai/wan/v2.7/edit-video": Model(
        {
            **_EDIT,
            "reference_image_url": _TEXT,
            "resolution": _SIZED,
            "aspect_ratio": Field(choices=("16:9", "9:16", "1:1", "4:3", "3:4")),
            "duration": Field("int", default=0, span=(0, 10)),
            "audio_setting": _AUDIO,
            "seed": Field("int", span=(0, 2**31 - 1)),
            "enable_safety_checker": _ON,
        },
        flat("0.10"),
    ),
    "alibaba/happy-horse/video-edit": Model(
        {
            **_EDIT,
            "reference_image_urls": Field("list"),
            "resolution": _SIZED,
            "audio_setting": _AUDIO,
            "seed": Field("int", span=(0, 2**31 - 1)),
            "enable_safety_checker": _ON,
        },
        tiers("resolution", p720p="0.28", p1080p="0.56"),
    ),
    f"{_K}/o3/standard/video-to-video/edit": Model(_O3_EDIT, flat("0.126")),
    f"{_K}/o3/pro/video-to-video/edit": Model(_O3_EDIT, flat("0.168")),
    f"{_K}/v2.6/standard/motion-control": Model(_KLING_2_6, flat("0.07"), mean=600),
    f"{_K}/v2.6/pro/motion-control": Model(_KLING_2_6, flat("0.112"), mean=600),
    f"{_K}/v3/standard/motion-control": Model(_KLING_3, flat("0.126"), mean=300),
    f"{_K}/v3/pro/motion-control": Model(_KLING_3, flat("0.168"), mean=300),
    "fal-ai/wan/v2.2-14b/animate/move": Model(_WAN_ANIMATE, _WAN_PRICE, mean=375),
    "fal-ai/wan/v2.2-14b/animate/replace": Model(_WAN_ANIMATE, _WAN_PRICE, mean=375),
    "fal-ai/wan-motion": Model(
        {
            **_PAIR,
            "prompt": _TEXT,
            "acceleration": Field(choices=("none", "regular")),
            "adapt_motion": _FLAG,
            "enhance_identity": _FLAG,
            "enable_safety_checker": _FLAG,
            "seed": _WHOLE,
        },
        flat("0.06"),
    ),
    "fal-ai/bytedance/dreamactor/v2": Model({**_PAIR, "trim_first_second": _ON}, flat("0.10")),
    "fal-ai/steady-dancer": Model(
        {
            "image_url": Field(default="demo"),
            "video_url": Field(default="demo"),
            "prompt": Field(default="A person dancing with smooth and natural movements."),
            "resolution": Field(default="576p", choices=("480p", "576p", "720p")),
            "aspect_ratio": Field(choices=("auto", "16:9", "9:16", "1:1")),
            "preserve_audio": _ON,
            "num_frames": _WHOLE,
            "frames_per_second": Field("int", span=(5, 24)),
            "seed": _WHOLE,
        },
        flat("0.05"),
        lax=True,
    ),
    "fal-ai/scail": Model(
        {
            **_PAIR,
            "prompt": _MUST,
            "multi_character": _FLAG,
            "resolution": Field(default="512p", choices=("512p",)),
            "num_inference_steps": _WHOLE,
        },
        flat("0.20"),
    ),
    "fal-ai/scail-2": Model({**_PAIR, "prompt": _MUST}, flat("0.20")),
    "fal-ai/one-to-all-animation/14b": Model(_ONE_TO_ALL, _ONE_PRICE),
    "fal-ai/one-to-all-animation/1.3b": Model(_ONE_TO_ALL, _ONE_PRICE),
    "moonvalley/marey/motion-transfer": Model(_MAREY, flat("0.30")),
    "moonvalley/marey/pose-transfer": Model(_MAREY, flat("0.30")),
    f"{_P}/v6/image-to-video": Model(
        {**_V6_NEW, "image_url": _MUST}, _pixverse, mean=64, duration="duration"
    ),
    f"{_P}/v6/text-to-video": Model(
        {**_V6_NEW, "aspect_ratio": _RATIO}, _pixverse, mean=64, duration="duration"
    ),
    f"{_P}/v6/transition": Model(
        {**_V6_NEW, "first_image_url": _MUST, "end_image_url": _TEXT, "aspect_ratio": _RATIO},
        _pixverse,
        mean=64,
        duration="duration",
    ),
    f"{_P}/v6/extend": Model({**_V6, "video_url": _MUST}, _pixverse, mean=64, duration="duration"),
    f"{_P}/v5.6/transition": Model(
        {
            **_V6_NEW,
            "duration": Field(default="5", choices=("5", "8", "10")),
            "first_image_url": _MUST,
            "end_image_url": _TEXT,
            "aspect_ratio": _RATIO,
        },
        _pixverse_5_6,
        unit="videos",
        mean=64,
        per_run=True,
        duration="duration",
    ),
    f"{_P}/lipsync": Model(
        {
            "video_url": _MUST,
            "audio_url": _TEXT,
            "text": _TEXT,
            "voice_id": Field(default="Auto", choices=_VOICES),
        },
        flat("0.04"),
    ),
    f"{_K}/v2.6/pro/image-to-video": Model(
        {
            **_KLING_VIDEO,
            "prompt": _MUST,
            "duration": Field(default="5", choices=("5", "10")),
            "voice_ids": Field("list"),
        },
        _sound("0.07", "0.14"),
        duration="duration",
    ),
    f"{_K}/v3/pro/image-to-video": Model(
        {
            **_KLING_VIDEO,
            "prompt": _TEXT,
            "duration": Field(default="5", choices=tuple(str(one) for one in range(3, 16))),
            "elements": Field("list"),
            "multi_prompt": Field("list"),
            "cfg_scale": _NUMBER,
            "shot_type": _TEXT,
        },
        _sound("0.112", "0.168"),
        duration="duration",
    ),
    "fal-ai/topaz/upscale/video": Model(
        {
            "video_url": _MUST,
            "upscale_factor": _NUMBER,
            "model": _TEXT,
            "target_fps": _WHOLE,
            "H264_output": _FLAG,
        },
        flat("0.02"),
    ),
}
