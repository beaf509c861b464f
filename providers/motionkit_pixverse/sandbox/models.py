"""The models behind text, image, effects, transition, extend and fusion."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

import attrs

from motionkit_pixverse.sandbox import prices
from motionkit_pixverse.sandbox.codes import Refusal
from motionkit_pixverse.sandbox.fields import (
    NEGATIVE,
    QUALITY,
    SEED,
    SPEECH,
    Field,
    Values,
    require,
)

_SQUARE = ("16:9", "4:3", "1:1", "3:4", "9:16")
_WIDE = (*_SQUARE, "2:3", "3:2", "21:9")
_SHORT, _LONG, _FREE = (5, 8), (5, 8, 10), range(1, 16)
_CAMERAS = frozenset(
    {
        *("horizontal_left", "horizontal_right", "vertical_up", "vertical_down", "zoom_in"),
        *("zoom_out", "auto_camera", "crane_up", "quickly_zoom_in", "quickly_zoom_out"),
        *("smooth_zoom_in", "camera_rotation", "robo_arm", "super_dolly_out", "whip_pan"),
        *("hitchcock", "left_follow", "right_follow", "pan_left", "pan_right", "fix_bg"),
        "default",  # a name in the vendor's own client (section 15), as is the style realistic
    }
)
_STYLES = ("anime", "3d_animation", "clay", "comic", "cyberpunk", "realistic")


@attrs.frozen
class Model:
    """One row: the fields and values of a model."""

    durations: Collection[int]
    ratios: Collection[str] = _SQUARE
    fast: bool = False
    cameras: bool = False
    styles: bool = False
    picture_styles: bool = False
    audio: bool = False
    multi: bool = False
    thinking: bool = False
    sound_effect: bool = False


MODELS = {
    "v3.5": Model(_SHORT, fast=True, styles=True, sound_effect=True),
    "v4": Model(_SHORT, fast=True, cameras=True, sound_effect=True),
    "v4.5": Model(_SHORT, fast=True, cameras=True, sound_effect=True),
    "v5": Model(_SHORT, sound_effect=True),
    "v5.5": Model(_LONG, audio=True, multi=True, thinking=True),
    # Several clips and thinking of v5.6, thinking of v6, styles with a picture: third-party texts
    # only (section 15).
    "v5.6": Model(_LONG, audio=True, multi=True, thinking=True),
    "v6": Model(_FREE, _WIDE, audio=True, multi=True, thinking=True, picture_styles=True),
    "c1": Model(_FREE, _WIDE, audio=True, picture_styles=True),
}
_FAST = ", ".join(name for name, model in MODELS.items() if model.fast)
MOTION = Field("motion_mode", "text", allowed=("normal", "fast"))
STYLE = Field("style", "text", allowed=_STYLES)
TEMPLATE = Field("template_id", "id")
AUDIO = Field("generate_audio_switch", "flag")
RATIO = Field("aspect_ratio", "text", required=True, allowed=_WIDE)
# Fields of every generation with a model, except the prompt.
COMMON = (
    Field("model", "text", required=True, allowed=MODELS),
    Field("duration", "whole", required=True),
    QUALITY,
    SEED,
    MOTION,
)
# Further fields of text-to-video, image-to-video and effects.
SWITCHES = (
    NEGATIVE,
    AUDIO,
    STYLE,
    Field("camera_movement", "text", allowed=_CAMERAS),
    TEMPLATE,
    Field("generate_multi_clip_switch", "flag"),
    Field("thinking_type", "text", allowed=("enabled", "disabled", "auto")),
)
# The schema and its example disagree on the name of the lip-sync switch: both are accepted.
TRACKS = (
    Field("sound_effect_switch", "flag"),
    Field("sound_effect_content", "text"),
    Field("lip_sync_switch", "flag"),
    Field("lip_sync_tts_switch", "flag"),
    *SPEECH,
)


def check(values: Values, *, picture: bool = False) -> Decimal:
    """Return the price of a clip after checking every switch against the model.

    Raises:
        Refusal: 400017 names the field that does not fit.
    """
    model, name = MODELS[values["model"]], values["model"]
    audio = bool(values.get("generate_audio_switch"))
    multi = bool(values.get("generate_multi_clip_switch"))
    fast, template = values.get("motion_mode") == "fast", values.get("template_id")
    require(values["duration"] in model.durations, f"duration of {name}")
    ratio = values.get("aspect_ratio")
    require(ratio is None or ratio in model.ratios, f"aspect_ratio of {name}")
    require(not fast or model.fast, f"motion_mode fast is for {_FAST} only")
    styles = model.styles or (picture and model.picture_styles)
    rules = (
        ("generate_audio_switch", audio, model.audio),
        ("generate_multi_clip_switch", multi, model.multi),
        ("style", values.get("style"), styles),
        ("camera_movement", values.get("camera_movement"), model.cameras and not template),
        ("thinking_type", values.get("thinking_type"), model.thinking),
        ("sound_effect_switch", values.get("sound_effect_switch"), model.sound_effect or template),
    )
    for switch, asked, possible in rules:
        require(not asked or possible, f"{switch} of {name}")
    price = prices.clip(
        name, values["quality"], values["duration"], audio=audio, multi=multi, fast=fast
    )
    if price is None:  # the list leaves it out: 10 s or v4's 8 s in 1080p, fast beyond 5 s
        raise Refusal(400017, "invalid param: quality with duration and motion_mode")
    return price + _tracks(values)


def _tracks(values: Values) -> Decimal:
    """Return the price of sound and speech; assumed: the prices of their own endpoints."""
    price = Decimal(0)
    if values.get("sound_effect_switch"):
        price += prices.by_second(prices.SOUND, values["duration"])
    if values.get("lip_sync_switch") or values.get("lip_sync_tts_switch"):
        text = values["lip_sync_tts_content"]
        if not text or not values["lip_sync_tts_speaker_id"]:
            raise Refusal(400011, "lip_sync_tts_content or lip_sync_tts_speaker_id is empty")
        price += prices.by_second(prices.SPEECH, prices.spoken_seconds(text))
    return price


def has_sound(values: Values) -> bool:
    """Return whether a switch asks for audio."""
    switches = (
        *("generate_audio_switch", "sound_effect_switch"),
        *("lip_sync_switch", "lip_sync_tts_switch"),
    )
    return any(values.get(switch) for switch in switches)
