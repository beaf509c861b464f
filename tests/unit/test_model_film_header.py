"""Pixels, seconds and rate of a film come from its headers, without a decoder."""

from __future__ import annotations

import io
import struct

import pytest

from motionkit.model.containers import FilmHeader, film_header
from motionkit.sandbox import sample_clip

CLIP = sample_clip(2.0, height=160, fps=24)
QUARTER = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 160 << 16, 0, 1 << 30)
"""The matrix of a film that is shown turned by a quarter."""


def header(content: bytes) -> FilmHeader:
    return film_header(io.BytesIO(content))


def test_a_film_says_its_pixels_seconds_and_rate() -> None:
    found = header(CLIP)
    assert (found.width, found.height) == (90, 160)
    assert found.seconds == pytest.approx(2.0)
    assert found.rate == pytest.approx(24.0)


def test_a_film_that_is_turned_has_the_pixels_that_are_shown() -> None:
    at = CLIP.index(b"tkhd") + 4 + 40
    found = header(CLIP[:at] + QUARTER + CLIP[at + 36 :])
    assert (found.width, found.height) == (160, 90)


@pytest.mark.parametrize(
    "content",
    [b"", b"no film", CLIP[:200], CLIP.replace(b"tkhd", b"free"), CLIP.replace(b"stsz", b"free")],
    ids=["empty", "text", "cut", "no track header", "no sample sizes"],
)
def test_what_headers_do_not_say_stays_unknown(content: bytes) -> None:
    found = header(content)
    assert None in found
    assert found.width is None or found.width == 90


def test_a_file_with_sound_alone_has_no_film() -> None:
    sound = CLIP.replace(b"vide", b"soun")
    assert header(sound) == FilmHeader()
