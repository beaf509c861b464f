"""Prices in credits, transcribed for the sandbox only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

_LINES = ("360p", "540p", "720p", "1080p")
ASSUMED = Decimal(10)
"""Assumed: multi-transition, swap, avatar, image template and agents have no published price."""
MASK = Decimal(2)
# One second of the reference or source video (sections 9.2 and 9.4).
MIMIC = {"360p": 9, "540p": 10, "720p": 12}
MODIFY = {"360p": 8, "540p": 10, "720p": 12}
MUSIC = {"720p": Decimal(15), "1080p": Decimal("22.5")}
RESTYLE, UPSCALE, SOUND, SPEECH = 10, 5, 2, 4
_SPEECH_BYTES = 15
_SEVERAL = 30

# One second of a clip: silent, with audio.
_PER_SECOND: Mapping[str, tuple[tuple[int, int], ...]] = {
    "v6": ((5, 7), (7, 9), (9, 12), (18, 23)),
    "c1": ((6, 8), (8, 10), (10, 13), (19, 24)),
}
_Row: TypeAlias = tuple[int | None, int | None, int | None, int | None]
# One clip by (seconds, variant), a number for each quality; None is not sold.
_V5_6: Mapping[tuple[int, str], _Row] = {
    (5, "silent"): (35, 35, 45, 75),
    (5, "audio"): (80, 80, 90, 150),  # 540p was charged 80 twice (section 15), 720p is 45 + 45
    (8, "silent"): (70, 70, 90, 150),
    (8, "audio"): (115, 115, 135, 195),
    (10, "silent"): (77, 77, 99, None),
    (10, "audio"): (122, 122, 144, None),
}
_V5_5: Mapping[tuple[int, str], _Row] = {
    (5, "silent"): (45, 45, 60, 120),
    (5, "audio"): (55, 55, 70, 130),
    (5, "multi silent"): (75, 75, 90, 150),
    (5, "multi audio"): (85, 85, 100, 160),
    (8, "silent"): (90, 90, 120, 240),
    (8, "audio"): (100, 100, 130, 250),
    (8, "multi silent"): (120, 120, 150, 270),
    (8, "multi audio"): (130, 130, 160, 280),
    (10, "silent"): (99, 99, 132, None),
    (10, "audio"): (109, 109, 142, None),
    (10, "multi silent"): (129, 129, 162, None),
    (10, "multi audio"): (139, 139, 172, None),
}
_V5: Mapping[tuple[int, str], _Row] = {
    (5, "silent"): (45, 45, 60, 120),
    (8, "silent"): (90, 90, 120, 240),
}
_V4: Mapping[tuple[int, str], _Row] = {
    (5, "silent"): (45, 45, 60, 120),
    (5, "fast"): (90, 90, 120, None),
    (8, "silent"): (90, 90, 120, None),
}
_PER_CLIP: Mapping[str, Mapping[tuple[int, str], _Row]] = {
    "v5.6": _V5_6,
    "v5.5": _V5_5,
    "v5": _V5,
    "v4.5": _V4,
    "v4": _V4,
    "v3.5": _V4,
}


def clip(
    model: str,
    quality: str,
    seconds: int,
    *,
    audio: bool = False,
    multi: bool = False,
    fast: bool = False,
) -> Decimal | None:
    """Return the price of a generated clip; None for a combination without a price.

    No surcharge for several clips of v6 is published.
    """
    line = _LINES.index(quality)
    if model in _PER_SECOND:
        return Decimal(_PER_SECOND[model][line][audio] * seconds)
    variant = "fast" if fast else "audio" if audio else "silent"
    if model == "v5.6" and multi:  # assumed: what several clips of v5.5 add
        single = clip(model, quality, seconds, audio=audio)
        return None if single is None else single + _SEVERAL
    row = _PER_CLIP[model].get((seconds, f"multi {variant}" if multi else variant))
    price = row[line] if row else None
    return None if price is None else Decimal(price)


def started(seconds: float) -> int:
    """Return the billed seconds, rounded up."""
    return math.ceil(round(seconds, 3))


def by_second(rate: Decimal | int, seconds: float) -> Decimal:
    """Return the price of a length at a rate, in whole credits."""
    return Decimal(math.ceil(rate * started(seconds)))


def spoken_seconds(text: str) -> int:
    """Return the seconds that a text counts for: 15 UTF-8 bytes cost like a second of audio."""
    return math.ceil(len(text.encode()) / _SPEECH_BYTES)
