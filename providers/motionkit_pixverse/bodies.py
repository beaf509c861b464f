"""PixVerse's request bodies that are not flat: one function per operation.

A body has the names of the offer's ``fields``; fields that an offer maps to ``""`` are read from
the fitted values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from motionkit.provider import Fit

Body = dict[str, Any]


def shape(fitted: Fit, body: Body) -> Body:
    """Return the vendor's body for a fitted request whose fields are flat."""
    made = SHAPES.get(fitted.offer.operation)
    return body if made is None else made(fitted, body)


def _generation(fitted: Fit, body: Body) -> Body:
    """Turn on the switch of each track that has a text.

    The reference's table says ``lip_sync_switch``, its example ``lip_sync_tts_switch``: the name of
    the table is sent.
    """
    switches = {"sound_effect": "sound_effect_switch", "speech": "lip_sync_switch"}
    return body | {field: True for name, field in switches.items() if name in fitted.values}


def _effect(fitted: Fit, body: Body) -> Body:
    """Send one picture as ``img_id``, several as ``img_ids``; never both."""
    pictures = body.pop("img_ids")
    one = {"img_id": pictures[0]} if len(pictures) == 1 else {"img_ids": pictures}
    return _generation(fitted, body | one)


def _multi_transition(fitted: Fit, body: Body) -> Body:
    """Pair each picture with its transition; the last one has none: 0 seconds."""
    pictures = body.pop("img_ids")
    durations = (*fitted.values["durations"], 0)
    prompts = (*fitted.values.get("prompts", ("",) * len(durations)), "")
    items = [
        {"img_id": picture, "duration": seconds} | ({"prompt": prompt} if prompt else {})
        for picture, seconds, prompt in zip(pictures, durations, prompts, strict=False)
    ]
    return body | {"multi_transition": items}


def _reference_to_video(fitted: Fit, body: Body) -> Body:
    """Send each picture with name and kind; a name must be followed by a space in the prompt."""
    pictures = body.pop("img_ids")
    names = fitted.values["names"]
    kinds = fitted.values.get("kinds", ("subject",) * len(names))
    body["image_references"] = [
        {"type": kind, "img_id": picture, "ref_name": name}
        for kind, picture, name in zip(kinds, pictures, names, strict=True)
    ]
    if body["prompt"].endswith(tuple(f"@{name}" for name in names)):
        body["prompt"] += " "
    return body


def _modify(_: Fit, body: Body) -> Body:
    """Send masks that are URLs as ``mask_urls``."""
    if any("://" in mask for mask in body.get("mask_ids", ())):
        body["mask_urls"] = body.pop("mask_ids")
    return body


def _agent(_: Fit, body: Body) -> Body:
    """Send each picture as a reference, and the reference clip by its URL."""
    pictures = body.pop("img_ids", ())
    if pictures:
        body["img_references"] = [{"img_id": one} for one in pictures]
    if "video_references" in body:
        body["video_references"] = [{"video_url": body["video_references"]}]
    return body


def _music_video(fitted: Fit, body: Body) -> Body:
    """Send each picture as a reference, and timed words as records."""
    for field in ("img_references", "style_img_references"):
        if field in body:
            body[field] = [{"img_id": body[field]}]
    timed = fitted.values.get("timed_lyrics")
    return body | ({"lyric_timestamp": {"words": [word(one) for one in timed]}} if timed else {})


def word(text: str) -> dict[str, Any]:
    """Return a timed word, ``START END WORD``, as the vendor's record.

    Raises:
        ValueError: It is not one.
    """
    start, end, said = text.split(maxsplit=2)
    return {"start": _seconds(start), "end": _seconds(end), "word": said}


def _seconds(text: str) -> int | float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise ValueError(text)
    return int(seconds) if seconds.is_integer() else seconds


SHAPES: Mapping[str, Callable[[Fit, Body], Body]] = {
    "text_to_video": _generation,
    "image_to_video": _generation,
    "transition": _generation,
    "effect": _effect,
    "multi_transition": _multi_transition,
    "reference_to_video": _reference_to_video,
    "modify": _modify,
    "real_estate": _agent,
    "viral_recreation": _agent,
    "music_video": _music_video,
}
"""Operation to the function that builds its body. Other bodies are sent unchanged."""
