"""What is large passes through without being held: peak memory is measured in another process."""

from __future__ import annotations

import itertools
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from patience import PATIENCE
from rawhost import Pieces, RawHost, chunked, http

from motionkit.sandbox import sample_clip

pytestmark = pytest.mark.soak  # peak memory depends on what else the machine does

WEIGH = Path(__file__).with_name("weigh.py")
MIB = 1 << 20
LARGE = 100 * MIB
FILLER = bytes(MIB)


def rise(kind: str, answering: Callable[[bytes], Pieces], size: int, folder: Path) -> int:
    """Return how much peak memory rose, in bytes."""
    with RawHost(answering) as host:
        command = [sys.executable, str(WEIGH), kind, host.url, str(size), str(folder)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def asked(head: bytes) -> int:
    return int(head.split(b" ")[1].strip(b"/"))


def json_body(head: bytes) -> Iterator[bytes]:
    size = asked(head)
    yield http(length=size)
    yield from itertools.repeat(b"[" * MIB, size // MIB)


def json_chunks(head: bytes) -> Iterator[bytes]:
    yield from chunked(itertools.repeat(b"[" * MIB, asked(head) // MIB))


def bomb(head: bytes) -> Iterator[bytes]:
    made = zlib.compressobj(9, wbits=31)
    zeros = (made.compress(FILLER) for _ in range(asked(head) // MIB))
    yield from chunked(itertools.chain(zeros, [b""]), {"Content-Encoding": "gzip"})


def packed(size: int) -> bytes:
    made = zlib.compressobj(9, wbits=31)
    return b"".join(made.compress(FILLER) for _ in range(size // MIB)) + made.flush()


def whole_bomb(size: int) -> Callable[[bytes], Pieces]:
    """Give a bomb whose every byte is there at once, so that nothing waits for it.

    Its length is not told: ten gigabytes are ten megabytes in gzip, which would be refused.
    """
    bombs = {MIB: packed(MIB), size: packed(size)}
    return lambda head: [http(bombs[asked(head)], length=None, Content_Encoding="gzip")]


@pytest.mark.parametrize(
    ("answering", "size"),
    [(json_body, 1 << 30), (json_chunks, 1 << 30), (bomb, 10 << 30)],
    ids=["1 GB of JSON, announced", "1 GB of JSON, in chunks", "10 GB in gzip"],
)
def test_an_answer_without_end_is_not_held(
    answering: Callable[[bytes], Pieces], size: int, tmp_path: Path
) -> None:
    assert rise("read", answering, size, tmp_path) < 32 * MIB


def test_a_bomb_that_arrives_at_once_is_not_held(tmp_path: Path) -> None:
    assert rise("read", whole_bomb(256 * MIB), 256 * MIB, tmp_path) < 32 * MIB


def test_a_bomb_of_ten_gigabytes_that_arrives_at_once_is_not_held(tmp_path: Path) -> None:
    assert rise("read", whole_bomb(10 << 30), 10 << 30, tmp_path) < 32 * MIB


@pytest.mark.parametrize("kind", ["multipart", "base64"])
def test_a_large_upload_is_not_held(kind: str, tmp_path: Path) -> None:
    assert rise(kind, lambda _: [http(b"{}")], LARGE, tmp_path) < 16 * MIB


def test_a_large_download_is_not_held(tmp_path: Path) -> None:
    clip = sample_clip(1.0, height=64)

    def film(head: bytes) -> Iterator[bytes]:
        """Give a clip and an empty box of the asked length behind it."""
        size = asked(head)
        yield http(length=len(clip) + 8 + size, Content_Type="video/mp4")
        yield clip + (8 + size).to_bytes(4) + b"free"
        yield from itertools.repeat(FILLER, size // MIB)

    assert rise("download", film, LARGE, tmp_path) < 16 * MIB
    assert (tmp_path / f"{LARGE}.mp4").stat().st_size == len(clip) + 8 + LARGE
