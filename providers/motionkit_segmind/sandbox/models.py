"""The models that the sandbox runs, one row each.

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

Kind: TypeAlias = Literal[
    "string", "integer", "number", "boolean", "list of strings", "list of objects"
]


@attrs.frozen
class Parameter:
    """One parameter of a model.

    Attributes:
        kind: Its JSON type; only the run rejects another type.
        required: The gateway refuses a body without it, even if the page shows a default.
        default: The value if it is absent.
        choices: Declared values, checked before the model runs.
        span: Smallest and largest number; only the run rejects others.
        most: Largest number of list items; only the run rejects more.
    """

    kind: Kind = "string"
    required: bool = False
    default: str | int | bool | None = None
    choices: tuple[str | int, ...] = ()
    span: tuple[float, float] | None = None
    most: int | None = None


@attrs.frozen
class Model:
    """One slug.

    Attributes:
        average: USD for a run.
        mean: Mean vendor seconds from submit to outcome.
        parameters: Its parameters by name.
        five_seconds: Values that exist only with `duration` 5; only the run rejects others.
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
    five_seconds: Mapping[str, str] = attrs.field(factory=dict)
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
        text = str(value).removesuffix("p").removesuffix("P")
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
_NUMBER = Parameter("number")
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
_RATIOS_5 = ("16:9", "4:3", "1:1", "3:4", "9:16")
_QUALITIES = ("360p", "540p", "720p", "1080p")
_SECONDS_5_8 = Parameter("integer", required=True, default=5, choices=(5, 8))
_MOTION = Parameter(required=True, default="normal", choices=("normal", "fast"))
_PIXVERSE_VIDEO: Mapping[str, Parameter] = {
    "prompt": _MUST,
    "duration": _SECONDS_5_8,
    "quality": Parameter(required=True, default="540p", choices=_QUALITIES),
    "aspect_ratio": Parameter(default="16:9", choices=_RATIOS_5),
    "image_url": _TEXT,
    "negative_prompt": _TEXT,
    "seed": _SEED,
}
_ONLY_5_SECONDS = {"quality": "1080p", "motion_mode": "fast"}
_CFG = Parameter("number", span=(0, 1))
_KLING_3: Mapping[str, Parameter] = {
    "start_image_url": _MUST,
    "prompt": _TEXT,
    "end_image_url": _TEXT,
    "duration": Parameter(default="5", choices=tuple(str(number) for number in range(3, 16))),
    "aspect_ratio": Parameter(default="16:9", choices=("16:9", "9:16", "1:1")),
    "cfg_scale": _CFG,
    "generate_audio": _FLAG,
    "negative_prompt": _TEXT,
    "elements": Parameter("list of objects"),
}
_SEEDANCE: Mapping[str, Parameter] = {
    "prompt": _MUST,
    "first_frame_url": _TEXT,
    "last_frame_url": _TEXT,
    "reference_images": Parameter("list of strings", most=9),
    "duration": Parameter("integer", span=(4, 15)),
    "resolution": Parameter(choices=("480p", "720p")),
    "aspect_ratio": _TEXT,
    "generate_audio": _FLAG,
    "seed": _SEED,
    "return_last_frame": _FLAG,
}
_HAILUO: Mapping[str, Parameter] = {
    "prompt": _MUST,
    "duration": Parameter("integer", default=6, choices=(6, 10)),
    "prompt_optimizer": _FLAG,
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
        "0.41",
        90,
        {
            "image": _MUST,
            "video": _MUST,
            **_P_VIDEO,
            "resolution": Parameter(default="720p", choices=("720p", "1080p")),
        },
        quality="resolution",
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
        five_seconds=_ONLY_5_SECONDS,
    ),
    "pixverse-4.5-video": Model(
        "0.58",
        46,
        {**_PIXVERSE_VIDEO, "motion_mode": _MOTION},
        quality="quality",
        five_seconds=_ONLY_5_SECONDS,
    ),
    # Section 15 and the pages that it names.
    "pixverse-text2video": Model(
        "0.428",
        44.2,
        {
            "prompt": _MUST,
            "aspect_ratio": Parameter(required=True, default="16:9", choices=_RATIOS_5),
            "duration": _SECONDS_5_8,
            "motion_mode": _MOTION,
            "quality": Parameter(default="540p", choices=_QUALITIES),
            "seed": _SEED,
            "negative_prompt": _TEXT,
        },
        quality="quality",
        five_seconds=_ONLY_5_SECONDS,
    ),
    "pixverse-image2video": Model(
        "0.55",
        parameters={
            "image_url": _MUST,
            "prompt": _MUST,
            "duration": _SECONDS_5_8,
            "motion_mode": Parameter(required=True),
            "quality": _TEXT,
            "seed": _SEED,
            "negative_prompt": _TEXT,
        },
        quality="quality",
    ),
    "pixverse-5-extend": Model(
        "0.66",
        parameters={
            "video_url": _MUST,
            "prompt": _MUST,
            "duration": Parameter("integer", required=True),
            "motion_mode": _MUST,
            "quality": _MUST,
        },
        quality="quality",
    ),
    "pixverse-5-transition": Model(
        "0.50",
        76.7,
        {
            "first_frame_url": _MUST,
            "last_frame_url": _MUST,
            "duration": _SECONDS_5_8,
            "motion_mode": _MUST,
            "prompt": _TEXT,
            "quality": _TEXT,
            "seed": _SEED,
            "sound_effect_switch": _FLAG,
            "sound_effect_content": _TEXT,
            "lip_sync_switch": _FLAG,
        },
        quality="quality",
    ),
    "kling-2.6": Model(
        "1.11",
        123.3,
        {
            "prompt": _MUST,
            "duration": _TEXT,
            "mode": _TEXT,
            "aspect_ratio": _TEXT,
            "generate_audio": _FLAG,
            "cfg_scale": _CFG,
            "negative_prompt": _TEXT,
        },
    ),
    "kling-3-pro-image2video": Model("1.94", parameters=_KLING_3),
    "kling-3-standard-image2video": Model("1.24", 108.6, _KLING_3),
    "kling-2.5-turbo": Model(
        "0.57",
        parameters={
            "image_url": _TEXT,
            "prompt": _TEXT,
            "duration": Parameter(choices=("5", "10")),
            "mode": _TEXT,
            "cfg_scale": _CFG,
            "aspect_ratio": _TEXT,
        },
    ),
    "wan-2.2-i2v-fast": Model(
        "0.088",
        parameters={
            "prompt": _MUST,
            "image": _MUST,
            "num_frames": Parameter("integer"),
            "resolution": Parameter(default="480p"),
            "go_fast": _FLAG,
        },
        quality="resolution",
    ),
    "wan-2.5-i2v": Model(
        "0.86",
        parameters={
            "prompt": _MUST,
            "image": _MUST,
            "duration": Parameter(default="5"),
            "resolution": _TEXT,
        },
        quality="resolution",
    ),
    "wan-2.6-i2v": Model(
        "1.18",
        129.1,
        {
            "prompt": _MUST,
            "image": _MUST,
            "duration": Parameter("integer"),
            "resolution": _TEXT,
            "multi_shots": _FLAG,
            "negative_prompt": _TEXT,
            "enable_prompt_expansion": _FLAG,
            "audio": _TEXT,
        },
        quality="resolution",
    ),
    "wan2.7-i2v": Model(
        "0.625",
        137.7,
        {
            "prompt": _MUST,
            "image": _TEXT,
            "resolution": Parameter(default="720P"),
            "duration": Parameter("integer", span=(2, 15)),
            "audio_url": _TEXT,
            "negative_prompt": _TEXT,
        },
        quality="resolution",
    ),
    "seedance-2.0": Model("1.21", 163.1, _SEEDANCE, quality="resolution"),
    "seedance-2.0-mini": Model(
        "0.40",
        146.8,
        {
            **_SEEDANCE,
            "reference_videos": Parameter("list of strings"),
            "reference_audios": Parameter("list of strings"),
            "skip_moderation": _FLAG,
        },
        quality="resolution",
    ),
    "hailuo-2.3": Model(
        "0.53",
        parameters={
            **_HAILUO,
            "first_frame_image": _TEXT,
            "resolution": Parameter(default="768p", choices=("768p", "1080p")),
        },
        quality="resolution",
    ),
    "hailuo-2.3-fast": Model(
        "0.39",
        113.3,
        {
            **_HAILUO,
            "first_frame_image": _MUST,
            "resolution": Parameter(default="1080p", choices=("768p", "1080p")),
        },
        quality="resolution",
    ),
    "kling-o1-video-to-video-edit": Model(
        "1.28",
        223.4,
        {
            "prompt": _MUST,
            "video_url": _MUST,
            "elements": Parameter("list of objects"),
            "image_urls": Parameter("list of strings"),
            "keep_audio": _FLAG,
        },
    ),
    "kling-o3-video2video-edit": Model(
        "2.31",
        210.2,
        {
            "prompt": _MUST,
            "video_url": _MUST,
            "aspect_ratio": Parameter(default="16:9"),
            "mode": Parameter(default="pro"),
            "duration": Parameter(default="5"),
            "keep_audio": _FLAG,
        },
    ),
    "live-portrait-video-to-video": Model(
        "0.279",
        74.6,
        {
            "input_video": _MUST,
            "driving_video": _MUST,
            "dsize": Parameter("integer"),
            "scale": _NUMBER,
            "driving_audio": _FLAG,
            "vx_ratio": _NUMBER,
            "vy_ratio": _NUMBER,
            "input_face_index": Parameter("integer"),
            "drive_face_index": Parameter("integer"),
            "crop_drive_face": _FLAG,
            "lip_zero": _FLAG,
            "lip_zero_threshold": _NUMBER,
            "eye_retargeting": _FLAG,
            "eyes_retargeting_multiplier": _NUMBER,
            "lip_retargeting": _FLAG,
            "lip_retargeting_multiplier": _NUMBER,
            "stitching": _FLAG,
            "relative": _FLAG,
            "mismatch_method": _TEXT,
            "video_frame_load_cap": Parameter("integer"),
            "base64": _FLAG,
        },
    ),
    # The pages of these were not available, or only in part; their fields are inferred.
    "pixverse-lipsync": Model("0.31", parameters={"video_url": _MUST, "audio_url": _MUST}),
    "seedance-2.0-fast": Model("0.77", 86.7, _SEEDANCE, quality="resolution"),
    "wan2.7-videoedit": Model("0.625", parameters={"prompt": _MUST, "video_url": _MUST}),
    # The vendor's test model; inferred: its `credits` are the price in USD. `sleep` and `credits`
    # are known; the others let a request of any kind reach it.
    "mock-inference": Model(
        "0.01",
        5,
        {
            "sleep": _NUMBER,
            "credits": _NUMBER,
            "prompt": _TEXT,
            "image_url": _TEXT,
            "video_url": _TEXT,
        },
        cost_from="credits",
        seconds_from="sleep",
    ),
    # Which slugs are retired is not known; this one represents them.
    "sandbox-retired": Model("1", retired=True),
}
