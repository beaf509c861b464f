"""Operations and models, one row each: fields, inputs, prices.

A second reading of the vendor's pages of 2026-09-20. Prices are units; a unit is 0.14 US dollars.
Where no price is on record, the sandbox charges one of its own, so that something is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from motionkit_kling.sandbox.codes import Refusal, invalid

PROMPT_LENGTH = 2500
ELEMENT, VOICE = "829836802793406551", "829824295735410756"
"""The one element and the one voice that exist here; others are refused as unknown (1201)."""
LINES: Mapping[str, int] = {"720p": 720, "1080p": 1080, "4k": 2160}
MODES: Mapping[str, str] = {"std": "720p", "pro": "1080p", "4k": "4k"}
"""The words of the legacy API for the resolutions."""
Values: TypeAlias = dict[str, Any]


@attrs.frozen
class Field:
    """One field: its type, whether it is required, its values, its bounds.

    Attributes:
        kind: text, whole, number, flag, object, list or any.
        default: The value where it is absent.
        longest: Characters of a text.
        span: Least and most of a number.
    """

    kind: str = "text"
    required: bool = False
    default: Any = None
    choices: tuple[Any, ...] = ()
    longest: int | None = None
    span: tuple[float, float] | None = None


_IS: Mapping[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "whole": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "flag": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "list": lambda value: isinstance(value, list),
    "any": lambda _: True,
}


def read(body: Mapping[str, Any], rows: Mapping[str, Field], where: str = "") -> Values:
    """Return the fields of the rows, defaults filled in.

    Raises:
        Refusal: A field is unknown, missing or invalid (1201).
    """
    for name in body:
        if name not in rows:
            raise Refusal(1201, f"{where}{name} is not a parameter of this API")
    values: Values = {}
    for name, row in rows.items():
        value = body.get(name)
        if value is None:
            if row.required:
                raise Refusal(1201, f"{where}{name} is required")
            values[name] = row.default
            continue
        if not _IS[row.kind](value) or (row.choices and value not in row.choices):
            raise invalid(f"{where}{name}", value)
        if row.longest is not None and len(value) > row.longest:
            raise Refusal(1201, f"{where}{name} exceeds {row.longest} characters")
        if row.span is not None and not row.span[0] <= value <= row.span[1]:
            raise invalid(f"{where}{name}", value)
        values[name] = value
    return values


Rates: TypeAlias = Mapping[str, str]


@attrs.frozen
class Rate:
    """Units of a second by resolution: silent, with sound, with a clip as input, with a voice.

    A resolution that a row does not have is not offered.
    """

    silent: Rates
    sound: Rates | None = None
    clip: Rates | None = None
    voice: Rates | None = None

    def units(self, resolution: str, *, sound: bool, clip: bool, voice: bool) -> Decimal:
        """Return the units of a second."""
        rates = self.silent
        if clip and self.clip is not None:
            rates = self.clip
        elif voice and self.voice is not None:
            rates = self.voice
        elif sound and self.sound is not None:
            rates = self.sound
        if resolution not in rates:
            raise Refusal(1201, f"resolution {resolution!r} is not supported with these settings")
        return Decimal(rates[resolution])


@attrs.frozen
class Model:
    """One model of one operation of the new API.

    Attributes:
        version: What the limit of parallel tasks counts.
        settings: Its `settings`.
        inputs: The types of its `contents`, with the most of each.
        required: The types that it has to have.
        rate: Its price.
        mean: Usual vendor seconds of a task.
        text_only: The input is the field `prompt`, without `contents`.
        ends_at_1080: A first and a last frame together need 1080p.
    """

    version: str
    settings: Mapping[str, Field]
    inputs: Mapping[str, int]
    required: Collection[str]
    rate: Rate
    mean: float = 90.0
    text_only: bool = False
    ends_at_1080: bool = False


def _tiers(*units: str) -> Rates:
    return dict(zip(("720p", "1080p", "4k"), units, strict=False))


_RATIO = Field(default="16:9", choices=("16:9", "9:16", "1:1"))
_SOUND = Field(default="off", choices=("native", "off"))
_TWO = Field(default="720p", choices=("720p", "1080p"))
_THREE = Field(default="720p", choices=("720p", "1080p", "4k"))
_LONG = Field("whole", default=5, span=(3, 15))
_FIVE_OR_TEN = Field("whole", default=5, choices=(5, 10))
_SHOTS = Field("flag", default=True)
_MOTION = {
    "character_orientation": Field(required=True, choices=("image", "video")),
    "audio": Field(default="original", choices=("original", "off")),
    "resolution": _TWO,
}
_PAIR = {"image": 1, "video": 1, "prompt": 1}
_PRICES = {
    "kling-3.0-turbo": Rate(_tiers("0.8", "1.0")),
    "kling-3.0": Rate(_tiers("0.6", "0.8", "3.0"), _tiers("0.9", "1.2", "3.0")),
    "kling-2.6": Rate(_tiers("0.3", "0.5"), {"1080p": "1.0"}, voice={"1080p": "1.2"}),
    "kling-2.5-turbo": Rate(_tiers("0.3", "0.5")),
}
_VIDEO_SETTINGS: Mapping[str, Mapping[str, Field]] = {
    "kling-3.0-turbo": {"resolution": _TWO, "duration": _LONG, "audio": _SOUND},
    "kling-3.0": {
        "resolution": _THREE,
        "duration": _LONG,
        "audio": _SOUND,
        "multi_shot": _SHOTS,
    },
    "kling-2.6": {"resolution": _TWO, "duration": _FIVE_OR_TEN, "audio": _SOUND},
    "kling-2.5-turbo": {"resolution": _TWO, "duration": _FIVE_OR_TEN, "audio": _SOUND},
}
_FRAMES: Mapping[str, Mapping[str, int]] = {
    "kling-3.0-turbo": {"prompt": 1, "first_frame": 1},
    "kling-3.0": {"prompt": 1, "first_frame": 1, "last_frame": 1, "element": 3},
    "kling-2.6": {"prompt": 1, "first_frame": 1, "last_frame": 1, "voice": 2},
    "kling-2.5-turbo": {"prompt": 1, "first_frame": 1, "last_frame": 1},
}
_OMNI = {
    "prompt": 1,
    "first_frame": 1,
    "last_frame": 1,
    "refer_image": 7,
    "feature_video": 1,
    "base_video": 1,
    "element": 3,
}


def _omni(rate: Rate, resolution: Field, seconds: tuple[int, int], version: str) -> Model:
    settings = {
        "resolution": resolution,
        "aspect_ratio": _RATIO,
        "duration": Field("whole", default=5, span=seconds),
        "audio": Field(default="off", choices=("native", "original", "off")),
        **({"multi_shot": _SHOTS} if version == "kling-3.0-omni" else {}),
    }
    return Model(version, settings, _OMNI, (), rate)


MODELS: Mapping[tuple[str, str], Model] = {
    ("motion-control", "kling-3.0"): Model(
        "kling-3.0-motion-control",
        _MOTION,
        {**_PAIR, "element": 1},
        ("image", "video"),
        Rate(_tiers("0.9", "1.2")),
        mean=580.0,
    ),
    ("motion-control", "kling-2.6"): Model(
        "kling-2.6-motion-control",
        _MOTION,
        _PAIR,
        ("image", "video"),
        Rate(_tiers("0.5", "0.8")),
        mean=580.0,
    ),
    **{
        ("text-to-video", name): Model(
            name, {**settings, "aspect_ratio": _RATIO}, {}, (), _PRICES[name], text_only=True
        )
        for name, settings in _VIDEO_SETTINGS.items()
    },
    **{
        ("image-to-video", name): Model(
            name,
            settings,
            _FRAMES[name],
            ("first_frame",),
            _PRICES[name],
            ends_at_1080=name in {"kling-2.6", "kling-2.5-turbo"},
        )
        for name, settings in _VIDEO_SETTINGS.items()
    },
    ("omni-video", "kling-3.0-omni"): _omni(
        Rate(
            _tiers("0.6", "0.8", "3.0"),
            _tiers("0.8", "1.0", "3.0"),
            _tiers("0.9", "1.2", "3.0"),
        ),
        _THREE,
        (3, 15),
        "kling-3.0-omni",
    ),
    ("omni-video", "kling-o1"): _omni(
        Rate(_tiers("0.6", "0.8"), clip=_tiers("0.9", "1.2")), _TWO, (3, 10), "kling-o1"
    ),
}
"""The models of the new API by operation and name."""
OPERATIONS = tuple(dict.fromkeys(operation for operation, _ in MODELS))

CONTENTS: Mapping[str, Mapping[str, Field]] = {
    "prompt": {"text": Field(required=True, longest=PROMPT_LENGTH)},
    "element": {"element_id": Field(required=True), "id": Field()},
    "voice": {"voice_id": Field(required=True), "id": Field()},
    **{
        name: {"url": Field(required=True)}
        for name in (
            *("image", "video", "first_frame", "last_frame", "refer_image"),
            *("feature_video", "base_video"),
        )
    },
}
"""The fields of an item of `contents` beside its type."""
CLIPS = ("video", "feature_video", "base_video")
PICTURES = ("image", "first_frame", "last_frame", "refer_image")
WATERMARK = {"enabled": Field("flag", default=False)}
OPTIONS: Mapping[str, Field] = {
    "callback_url": Field(default=""),
    "external_task_id": Field(default=""),
    "watermark_info": Field("object", default={}),
}

_PROMPT, _MUST = Field(longest=PROMPT_LENGTH, default=""), Field(required=True)
_MODE = Field(default="std", choices=("std", "pro"))
_MODE_4K = Field(default="std", choices=("std", "pro", "4k"))
_TEXT_SECONDS = Field(default="5", choices=tuple(str(seconds) for seconds in range(3, 16)))
_LEGACY_NAMES: Mapping[str, str] = {
    "kling-v3": "kling-3.0",
    "kling-v2-6": "kling-2.6",
    "kling-v2-5-turbo": "kling-2.5-turbo",
}
_OLD_NAMES = ("kling-v1", "kling-v1-5", "kling-v1-6")
OLD_RATE = Rate(_tiers("0.2", "0.35"))
"""Price of the models of generation 1; the page has none any more."""
_VIDEO = {
    "model_name": Field(default="kling-v1", choices=(*_OLD_NAMES, *_LEGACY_NAMES)),
    "prompt": _PROMPT,
    "negative_prompt": _PROMPT,
    "mode": _MODE_4K,
    "duration": _TEXT_SECONDS,
    "cfg_scale": Field("number", default=0.5, span=(0, 1)),
    "sound": Field(default="off", choices=("on", "off")),
    "camera_control": Field("object"),
}


@attrs.frozen
class Product:
    """One operation of the legacy API.

    Attributes:
        fields: The flat body, options left out.
        clips: Fields with the address of a clip.
        pictures: Fields with a picture.
        sounds: Fields with a sound.
        by_external_id: Whether a task is found by its external id as well.
        mean: Usual vendor seconds of a task.
    """

    fields: Mapping[str, Field]
    clips: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    sounds: tuple[str, ...] = ()
    by_external_id: bool = True
    mean: float = 90.0


PRODUCTS: Mapping[str, Product] = {
    "motion-control": Product(
        {
            "model_name": Field(default="kling-v2-6", choices=("kling-v2-6", "kling-v3")),
            "image_url": _MUST,
            "video_url": _MUST,
            "character_orientation": Field(required=True, choices=("image", "video")),
            "mode": Field(required=True, choices=("std", "pro")),
            "keep_original_sound": Field(default="yes", choices=("yes", "no")),
            "prompt": _PROMPT,
            "element_list": Field("list"),
        },
        clips=("video_url",),
        pictures=("image_url",),
        mean=580.0,
    ),
    "text2video": Product(
        {**_VIDEO, "prompt": attrs.evolve(_PROMPT, required=True), "aspect_ratio": _RATIO}
    ),
    "image2video": Product(
        {**_VIDEO, "image": Field(), "image_tail": Field()}, pictures=("image", "image_tail")
    ),
    "video-extend": Product({"video_id": _MUST, "prompt": _PROMPT}),
    "avatar/image2video": Product(
        {
            "image": _MUST,
            "audio_id": Field(),
            "sound_file": Field(),
            "prompt": _PROMPT,
            "mode": _MODE,
        },
        pictures=("image",),
        sounds=("sound_file",),
    ),
    "advanced-lip-sync": Product(
        {"session_id": _MUST, "face_choose": Field("list", required=True)}, by_external_id=False
    ),
    "effects": Product({"effect_scene": _MUST, "input": Field("object", required=True)}),
}
"""The operations of the legacy API that the contract has fields for, by their path."""
FACE: Mapping[str, Field] = {
    "face_id": _MUST,
    "audio_id": Field(),
    "sound_file": Field(),
    "sound_start_time": Field("whole", default=0, span=(0, 10**7)),
    "sound_end_time": Field("whole", span=(1, 10**7)),
    "sound_insert_time": Field("whole", default=0, span=(0, 10**7)),
    "sound_volume": Field("number", default=1, span=(0, 2)),
    "original_audio_volume": Field("number", default=1, span=(0, 2)),
}
EFFECT: Mapping[str, Field] = {
    "image": Field(),
    "images": Field("list"),
    "model_name": Field(),
    "mode": _MODE,
    "duration": Field(default="5", choices=("5", "10")),
}
FACES: Mapping[str, Field] = {"video_id": Field(), "video_url": Field()}
SESSION_PRICE = Decimal("0.05")
EXTENDED_SECONDS = 5.0
EFFECT_PRICE, EXTEND_PRICE = Decimal(2), Decimal(2)  # not on the page of prices
AVATAR_RATE = Rate(_tiers("0.4", "0.8"))
LIP_SYNC_STEP = Decimal("0.5")  # of 5 seconds


def legacy_version(name: str) -> str:
    """Return the version of a legacy model name."""
    return _LEGACY_NAMES.get(name, name)


def is_old(name: str) -> bool:
    """Return whether a legacy model is of generation 1, whose videos can be extended."""
    return name in _OLD_NAMES


def legacy_rate(product: str, name: str) -> Rate:
    """Return the price of a legacy model."""
    version = legacy_version(name)
    if product == "motion-control":
        return MODELS[product, version].rate
    return _PRICES.get(version, OLD_RATE)
