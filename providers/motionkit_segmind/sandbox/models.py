"""The models that the sandbox runs, one row each: contract section 9.

Prices and durations are published averages of a run. No list price is public. For a clip that was
uploaded, `pixverse-mimic` costs the upstream rate times an observed markup.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, TypeAlias

import attrs

_MARKUP = Decimal("1.25")
_PIXVERSE_RATES = {"360p": Decimal("0.09"), "540p": Decimal("0.10"), "720p": Decimal("0.12")}
_UNKNOWN_MEAN = 60.0
_UNKNOWN_LINES = 720

Kind: TypeAlias = Literal["string", "integer", "number", "boolean", "list of strings"]


@attrs.frozen
class Parameter:
    """One parameter of a model.

    Attributes:
        kind: Its JSON type; only the run rejects another type.
        required: The gateway refuses a body without it, even if the page shows a default.
        default: The value if it is absent.
        choices: Declared values, checked before the model runs.
        span: Smallest and largest number; only the run rejects others.
    """

    kind: Kind = "string"
    required: bool = False
    default: str | int | bool | None = None
    choices: tuple[str | int, ...] = ()
    span: tuple[int, int] | None = None


@attrs.frozen
class Model:
    """One slug.

    Attributes:
        average: USD for a run.
        mean: Mean vendor seconds from submit to outcome.
        parameters: Its parameters by name.
        loose: No table of parameters is known: any further field of any type passes.
        needs: Groups of which the run needs one parameter each, though no page says so.
        quality: Parameter whose value (`540p`) gives the short side of the result in pixels.
        rates: USD per second of an uploaded clip, by quality.
        cost_from: Parameter that sets the cost of the run.
        seconds_from: Parameter that sets how long the run takes.
        retired: The gateway refuses it (HTTP 410).
    """

    average: Decimal = attrs.field(converter=Decimal)
    mean: float = _UNKNOWN_MEAN
    parameters: Mapping[str, Parameter] = attrs.field(factory=dict)
    loose: bool = False
    needs: tuple[tuple[str, ...], ...] = ()
    quality: str = ""
    rates: Mapping[str, Decimal] = attrs.field(factory=dict)
    cost_from: str = ""
    seconds_from: str = ""
    retired: bool = False

    def value(self, fields: Mapping[str, object], name: str) -> object:
        """Return the value sent under a name, or the default."""
        sent = fields.get(name)
        if sent is None and name in self.parameters:
            return self.parameters[name].default
        return sent

    def lines(self, fields: Mapping[str, object]) -> int | None:
        """Return the result's short side in pixels; None for an invalid quality."""
        value = self.value(fields, self.quality)
        if value is None:
            return _UNKNOWN_LINES
        text = str(value).removesuffix("p")
        return int(text) if text.isdecimal() and 0 < int(text) <= 2160 else None

    def price(self, fields: Mapping[str, object], seconds: float | None) -> Decimal:
        """Return the cost of a run in USD; `seconds` is None for a clip that was not uploaded."""
        value = fields.get(self.cost_from)
        if isinstance(value, int | float):
            return Decimal(str(value))
        if not self.rates or seconds is None:
            return self.average
        rate = self.rates[str(self.value(fields, self.quality))]
        return rate * math.ceil(round(seconds, 3))


_TEXT = Parameter()
_MUST = Parameter(required=True)
_FLAG = Parameter("boolean")
_SEED = Parameter("integer")
_KLING_CONTROL: Mapping[str, Parameter] = {
    "prompt": _MUST,
    "character_orientation": Parameter(default="video", choices=("video", "image")),
    "image_url": _TEXT,
    "video_url": _TEXT,
    "keep_original_sound": Parameter("boolean", default=True),
}
_P_VIDEO: Mapping[str, Parameter] = {
    "resolution": Parameter(default="720p"),
    "turbo": _FLAG,
    "save_audio": _FLAG,
    "ignore_audio": _FLAG,
    "target_fps": Parameter(default="original"),
    "instruction_prompt": _TEXT,
    "seed": _SEED,
    "disable_safety_checker": _FLAG,
}
# The quality values of the older PixVerse models are not known: any number of pixels passes.
_PIXVERSE_VIDEO: Mapping[str, Parameter] = {
    "prompt": _MUST,
    "duration": Parameter("integer", required=True, choices=(5, 8)),
    "quality": _MUST,
    "aspect_ratio": _TEXT,
    "image_url": _TEXT,
    "negative_prompt": _TEXT,
    "seed": _SEED,
}
_RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "2:3", "3:2", "21:9")

MODELS: Mapping[str, Model] = {
    "pixverse-mimic": Model(
        "2.03",
        132.61,
        {
            "video_url": _MUST,
            "image_url": _TEXT,
            "image": _TEXT,
            "quality": Parameter(default="540p", choices=("360p", "540p", "720p")),
        },
        needs=(("image_url", "image"),),
        quality="quality",
        rates={quality: rate * _MARKUP for quality, rate in _PIXVERSE_RATES.items()},
    ),
    "kling-2.6-pro-motion-control": Model(
        "1.72", 595, _KLING_CONTROL, needs=(("image_url",), ("video_url",))
    ),
    "kling-2.6-standard-motion-control": Model(
        "0.94", 576, _KLING_CONTROL, needs=(("image_url",), ("video_url",))
    ),
    "wan-animate": Model(
        "1.57",
        412,
        {
            "input_video": _MUST,
            "mode": Parameter(required=True, default="replace", choices=("animation", "replace")),
            "prompt": _MUST,
            "reference_image": _TEXT,
            "resolution": Parameter(default="480p"),  # the page's list is not known
            "seed": _SEED,
            "base64": _FLAG,
        },
        needs=(("reference_image",),),
        quality="resolution",
    ),
    "scail": Model(
        "1.93",
        429,
        {
            "input_video": _MUST,
            "prompt": _MUST,
            "reference_image": _MUST,
            "resolution": Parameter(default="576p", choices=("480p", "576p", "720p")),
            "seed": _SEED,
            "base64": _FLAG,
        },
        quality="resolution",
    ),
    "p-video-animate": Model(
        "0.41", 90, {"image": _MUST, "video": _MUST, **_P_VIDEO}, quality="resolution"
    ),
    "p-video-replace": Model(
        "0.27",
        63,
        {"video": _TEXT, "images": Parameter("list of strings"), **_P_VIDEO},
        needs=(("video",), ("images",)),
        quality="resolution",
    ),
    "pixverse-v6": Model(
        "0.42",
        64,
        {
            "prompt": _MUST,
            "duration": Parameter("integer", required=True, default=5, span=(1, 15)),
            "quality": Parameter(
                required=True, default="540p", choices=("360p", "540p", "720p", "1080p")
            ),
            "aspect_ratio": Parameter(choices=_RATIOS),
            "image_url": _TEXT,
            "negative_prompt": _TEXT,
            "motion_mode": _TEXT,
            "generate_audio_switch": Parameter("boolean", default=True),
            "thinking_type": _TEXT,
        },
        quality="quality",
    ),
    "pixverse-5-video": Model(
        "0.63",
        69,
        {
            **_PIXVERSE_VIDEO,
            "motion_mode": Parameter(required=True, choices=("normal",)),
            "sound_effect_switch": _FLAG,
            "lip_sync_switch": _FLAG,
        },
        quality="quality",
    ),
    "pixverse-4.5-video": Model(
        "0.58",
        46,
        {
            **_PIXVERSE_VIDEO,
            "motion_mode": Parameter(required=True, choices=("normal", "fast")),
        },
        quality="quality",
    ),
    # Only the average price of these is known.
    **{
        slug: Model(average, loose=True)
        for slug, average in {
            "pixverse-image2video": "0.55",
            "pixverse-5-extend": "0.66",
            "pixverse-5-transition": "0.50",
            "pixverse-lipsync": "0.31",
            "live-portrait": "0.055",
            "motionctrl-svd": "0.089",
            "kling-2.6": "1.11",
            "kling-3-pro-image2video": "1.94",
            "kling-2.5-turbo": "0.57",
            "wan-2.2-i2v-fast": "0.088",
            "wan-2.5-i2v": "0.86",
            "wan-2.6-i2v": "1.18",
            "wan2.7-i2v": "0.625",
            "seedance-2.0": "1.21",
            "hailuo-2.3": "0.53",
        }.items()
    },
    # The vendor's test model; inferred: its `credits` are the price in USD.
    "mock-inference": Model("0.01", 5, loose=True, cost_from="credits", seconds_from="sleep"),
    # Which slugs are retired is not known; this one represents them.
    "sandbox-retired": Model("1", retired=True),
}
