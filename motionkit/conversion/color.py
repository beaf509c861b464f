"""High dynamic range as standard: a table of colors for the ``lut3d`` filter of FFmpeg.

BT.2100 (PQ and HLG), BT.2408 for the brightness of white, BT.2087 for the primaries. Up to a knee
brightness stays as it is; what is brighter than white is compressed, so that clouds keep a shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

_SIZE = 33
"""Points on each side of the table."""
_WHITE = 203.0
"""Candelas per square meter of white, BT.2408."""
_PEAK = 1000.0
"""Candelas per square meter of the brightest that keeps a shape."""
_KNEE = 0.7
_GAMMA = 2.2
_LUMA = (0.2627, 0.678, 0.0593)
_PRIMARIES = (
    (1.6605, -0.5876, -0.0728),
    (-0.1246, 1.1329, -0.0083),
    (-0.0182, -0.1006, 1.1187),
)
"""BT.2020 to BT.709, BT.2087."""

_Color = tuple[float, float, float]


def _pq(value: float) -> float:
    """Return the candelas per square meter of a PQ signal, BT.2100 table 4."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = value ** (1 / m2)
    return float(10_000 * (max(power - c1, 0.0) / (c2 - c3 * power)) ** (1 / m1))


def _hlg(value: float) -> float:
    """Return the scene light of an HLG signal, BT.2100 table 5."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return value * value / 3 if value <= 0.5 else (math.exp((value - c) / a) + b) / 12


def _shown_pq(color: _Color) -> _Color:
    return color


def _shown_hlg(color: _Color) -> _Color:
    """Return the light of a display of 1,000 candelas per square meter."""
    luma = sum(share * one for share, one in zip(_LUMA, color, strict=True))
    factor = _PEAK * luma**0.2
    red, green, blue = (one * factor for one in color)
    return red, green, blue


_SIGNALS: Mapping[str, tuple[Callable[[float], float], Callable[[_Color], _Color]]] = {
    "pq": (_pq, _shown_pq),
    "hlg": (_hlg, _shown_hlg),
}


def _compressed(value: float) -> float:
    """Return light relative to white, at most 1."""
    if value <= _KNEE:
        return value
    over, most = (value - _KNEE) / (1 - _KNEE), (_PEAK / _WHITE - _KNEE) / (1 - _KNEE)
    over = min(over, most)
    return _KNEE + (1 - _KNEE) * over * (1 + over / most**2) / (1 + over)


def _standard(color: _Color) -> _Color:
    """Return the BT.709 signal of light in candelas per square meter with BT.2020 primaries."""
    light = [one / _WHITE for one in color]
    brightest = max(light)
    if brightest > 0:
        factor = _compressed(brightest) / brightest
        light = [one * factor for one in light]
    mixed = (sum(a * b for a, b in zip(row, light, strict=True)) for row in _PRIMARIES)
    red, green, blue = (min(max(one, 0.0), 1.0) ** (1 / _GAMMA) for one in mixed)
    return red, green, blue


def cube(signal: str) -> str:
    """Return the table for ``pq`` or ``hlg`` signals with BT.2020 primaries, as a .cube file."""
    light, shown = _SIGNALS[signal]
    steps = [light(number / (_SIZE - 1)) for number in range(_SIZE)]
    lines = [f"LUT_3D_SIZE {_SIZE}"]
    for blue in steps:
        for green in steps:
            for red in steps:
                r, g, b = _standard(shown((red, green, blue)))
                lines.append(f"{r:.5f} {g:.5f} {b:.5f}")
    return "\n".join(lines) + "\n"
