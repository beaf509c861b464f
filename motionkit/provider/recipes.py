"""Plan how media are cut and made to fit one offer; nothing is converted here."""

from __future__ import annotations

import math
from fractions import Fraction

from motionkit.errors import ConfigError, InvalidRequest
from motionkit.model import media
from motionkit.model.probe import Details, Facts
from motionkit.model.recipe import Recipe, megabytes
from motionkit.model.request import Request
from motionkit.provider.offers import MediaField

FASTEST = Fraction(60)
"""Frames per second at most of what is made: slow motion is recorded with 240."""
_USUAL = tuple(Fraction(one, 1001) for one in (24_000, 30_000, 60_000)) + tuple(
    Fraction(one) for one in (24, 25, 30, 50, 60)
)
_NEAR = 0.001
"""Share by which a measured rate may differ from the usual one that it means."""
_OVER = 0.1
"""Seconds by which a wanted part may run over the end: lengths are shown rounded."""
_CODECS = frozenset({"h264", "hevc"})
_WEB_CODECS = frozenset({"vp8", "vp9", "av1"})
_FILMS = ("mp4", "mov")
_SOUNDS = ("mp3", "m4a", "wav")
_PICTURES = ("jpeg", "png", "webp")
"""What can be written, the best first."""


def plan(
    name: str, request: Request, reference: media.Ref, slot: MediaField, facts: Facts
) -> Recipe | None:
    """Return how a medium is converted for one field of an offer; None if it is sent as it is.

    Raises:
        InvalidRequest: It cannot be cut, or not be made to fit; names field, value and limit.
        ConfigError: What converts media is not installed.
    """
    cut = request.cut() if name == request.clip_argument() else None
    if cut is None and not request.fit:
        return None
    if not isinstance(reference, media.File | media.Data):
        if cut is None:
            return None
        raise InvalidRequest(
            f"{name}: {reference.label} is not on this machine, so it cannot be cut",
            field=name,
            value=reference.label,
            limit="a file, or no start and seconds",
        )
    if facts.kind != slot.kind or facts.container == "heic":
        return None  # refused as it is: a picture is no film
    if facts.details is None:
        if not facts.missing:
            raise InvalidRequest(f"{name}: its facts are without details", field=name)
        if facts.missing.startswith("measuring"):
            raise ConfigError(
                "media cannot be cut or made to fit without PyAV and Pillow",
                hint="install them: pip install 'motionkit[media]'",
            )
        return None
    if facts.kind == "image":
        return _picture(slot, facts, facts.details)
    return _clip(request, cut, slot, facts, facts.details)


def _too_large(slot: MediaField, facts: Facts) -> list[str]:
    if slot.max_bytes is None or facts.size is None or facts.size <= slot.max_bytes:
        return []
    return [f"at most {megabytes(slot.max_bytes)}"]


def _too_wide(slot: MediaField, details: Details) -> list[str]:
    most = slot.max_side
    if most is None or max(details.width or 0, details.height or 0) <= most:
        return []
    return [f"at most {most:,} pixels wide or high"]


def _picture(slot: MediaField, facts: Facts, details: Details) -> Recipe | None:
    why = [] if facts.container in slot.formats else [f"as {', '.join(slot.formats)}"]
    why += _too_wide(slot, details) + _too_large(slot, facts)
    why += ["turned upright"] if details.turned else []
    why += [] if details.plain else ["in 8 bits per color, RGB"]
    if not why:
        return None
    possible = [one for one in _PICTURES if one in slot.formats]
    if details.alpha:
        possible = [one for one in possible if one != "jpeg"] or possible
    if not possible:
        return None
    container = facts.container if facts.container in possible else possible[0]
    if container == "png" and _too_large(slot, facts):
        container = possible[0] if possible[0] == "jpeg" else possible[-1]
    width, height = _scaled(slot, details, even=False)
    return Recipe(
        source=facts,
        container=container,
        width=width,
        height=height,
        max_bytes=slot.max_bytes,
        why=tuple(why),
    )


def _scaled(slot: MediaField, details: Details, *, even: bool) -> tuple[int, int]:
    """Return the pixels of what is made: as they are, or scaled down to the largest side."""
    width, height = details.width or 1, details.height or 1
    longest = max(width, height)
    share = 1.0 if slot.max_side is None else min(1.0, slot.max_side / longest)
    step = 2 if even else 1
    return tuple(  # type: ignore[return-value]  # two of two
        max(step, round(one * share) // step * step) for one in (width, height)
    )


def _rate(details: Details) -> Fraction:
    """Return the frames per second of what is made: constant, and the usual ones exactly."""
    rate = details.rate or Fraction(30)
    near = min(_USUAL, key=lambda one: abs(one - rate))
    rate = near if abs(near - rate) <= rate * _NEAR else rate.limit_denominator(1001)
    while rate > FASTEST:
        rate /= 2
    return rate


def _clip(
    request: Request,
    cut: tuple[float, float | None] | None,
    slot: MediaField,
    facts: Facts,
    details: Details,
) -> Recipe | None:
    start, length = _part(cut, facts)
    whole = facts.seconds or 0.0
    why = [] if cut is None else ["cut"]
    most = slot.max_seconds
    longest = length if cut is not None else max(length, facts.seconds_high or 0.0)
    if request.fit:
        if most is not None and longest > most:
            why.append(f"at most {most:g} s")
            length = min(length, float(most))
        why += _needed(slot, facts, details)
    if not why:
        return None
    asked = None if cut is None else min(whole, most or whole)
    if facts.kind == "audio":
        possible = [one for one in _SOUNDS if one in slot.formats]
        if not possible:
            return None
        return Recipe(
            source=facts,
            container=facts.container if facts.container in possible else possible[0],
            start=start,
            seconds=math.floor(length * 1000) / 1000,
            max_bytes=slot.max_bytes,
            why=tuple(why),
            whole=asked,
        )
    container = next((one for one in _FILMS if one in slot.formats), None)
    if container is None:
        return None
    rate = _rate(details)
    # Started seconds are billed: a frame more than the length could cost a second more.
    frames = max(1, math.floor(length * rate + Fraction(1, 1000)))
    limits = slot if request.fit else MediaField(slot.field, slot.kind, slot.formats)
    width, height = _scaled(limits, details, even=True)
    return Recipe(
        source=facts,
        container=container,
        start=start,
        seconds=round(float(frames / rate), 3),
        frames=frames,
        rate=rate,
        width=width,
        height=height,
        max_bytes=slot.max_bytes,
        why=tuple(why),
        whole=asked,
    )


def _needed(slot: MediaField, facts: Facts, details: Details) -> list[str]:
    """Return what about a clip a target may not take, besides its length."""
    why = [] if facts.container in slot.formats else [f"as {', '.join(slot.formats)}"]
    why += _too_wide(slot, details) + _too_large(slot, facts)
    if facts.kind != "video":
        return why
    why += ["turned upright"] if details.turned else []
    usual = _WEB_CODECS if facts.container == "webm" else _CODECS
    if facts.codec not in usual:
        why.append("as h264")
    elif not details.plain:
        why.append("in 8 bits per color")
    return why


def _part(cut: tuple[float, float | None] | None, facts: Facts) -> tuple[float, float]:
    """Return the start and the length of the part that a request names.

    Raises:
        InvalidRequest: The clip is shorter.
    """
    whole = facts.seconds or 0.0
    if cut is None:
        return 0.0, whole
    start, seconds = cut
    if start >= whole:
        raise InvalidRequest(
            f"start={start:g} is not in {facts.label}, which is {whole:g} s long",
            field="start",
            value=f"{start:g}",
            limit=f"less than {whole:g} s",
        )
    left = whole - start
    if seconds is not None and seconds > left + _OVER:
        most = f"{math.floor(left * 100) / 100:g} s"
        raise InvalidRequest(
            f"seconds={seconds:g} from {start:g} s on runs over the end of {facts.label}, which is "
            f"{whole:g} s long: {most} are left",
            field="seconds",
            value=f"{seconds:g}",
            limit=f"at most {most}",
        )
    return start, left if seconds is None else min(seconds, left)
