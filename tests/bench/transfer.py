"""Time large uploads and downloads against a bare ``requests`` loop that does the same work.

``python tests/bench/transfer.py [--megabytes N] [--rounds N]``. See README.md beside it.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import functools
import hashlib
import itertools
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import requests

from motionkit._support.redaction import Secret
from motionkit.http.download import download
from motionkit.http.session import Session
from motionkit.model import media, probe
from motionkit.model.submission import Call
from motionkit.provider import uploads
from motionkit.sandbox import sample_clip

MIB = 1 << 20
CHUNK = 192 * 1024
BAR = 1.3


# The other side, in a process of its own: it takes what comes and gives what is asked for.


def serve(content: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)  # noqa: T201 - the parent reads it
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=answer, args=(sock, content), daemon=True).start()


def answer(sock: socket.socket, content: Path) -> None:
    stream = sock.makefile("rb")
    while line := stream.readline():
        head = line
        while not head.endswith(b"\r\n\r\n"):
            head += stream.readline()
        if head.startswith(b"GET"):
            size = content.stat().st_size
            sock.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
            with content.open("rb") as source:
                sock.sendfile(source)
            continue
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        left, sink = int(length[1]) if length else 0, bytearray(MIB)
        while left > 0:
            left -= stream.readinto(memoryview(sink)[: min(left, MIB)]) or left
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


@contextlib.contextmanager
def served(content: Path) -> Iterator[str]:
    command = [sys.executable, __file__, "--serve", str(content)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        try:
            yield f"http://127.0.0.1:{host.stdout.readline().strip()}"
        finally:
            host.kill()


# What is compared: each pair does the same hashing, encoding and syncing.


BEFORE, AFTER = b'{"data_urls": ["data:video/mp4;base64,', b'"]}'


def ours_up(session: Session, path: Path, facts: probe.Facts, *, encoded: bool) -> None:
    if encoded:
        content = media.File(path)
        body, kind = uploads.Stream(BEFORE, content, AFTER, facts, encoded=True), "application/json"
    else:
        body, kind = uploads.multipart("file", media.File(path), facts)
    session.send(Call("POST", "/up"), headers={"Content-Type": kind}, body=body, timeout=600)


def bare_up(session: requests.Session, url: str, path: Path, *, encoded: bool) -> None:
    size = path.stat().st_size
    before = BEFORE if encoded else b"--b\r\n\r\n"
    after = AFTER if encoded else b"\r\n--b--\r\n"

    def pieces() -> Iterator[bytes]:
        digest = hashlib.sha256()
        yield before
        with path.open("rb") as source:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                yield base64.b64encode(chunk) if encoded else chunk
        yield after

    length = len(before) + ((size + 2) // 3 * 4 if encoded else size) + len(after)
    session.post(f"{url}/up", data=_Sized(pieces(), length), timeout=600).raise_for_status()


class _Sized:
    """An iterator with a length, so that requests does not send chunks."""

    def __init__(self, pieces: Iterator[bytes], length: int) -> None:
        self._pieces, self._length = pieces, length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


def ours_down(url: str, target: Path) -> None:
    target.unlink(missing_ok=True)
    download(f"{url}/down", target)


def bare_down(session: requests.Session, url: str, target: Path, *, synced: bool) -> None:
    target.unlink(missing_ok=True)
    digest = hashlib.sha256()
    with (
        session.get(f"{url}/down", stream=True, timeout=600) as response,
        target.open("wb") as out,
    ):
        for chunk in response.iter_content(CHUNK):
            digest.update(chunk)
            out.write(chunk)
        if synced:
            out.flush()
            os.fsync(out.fileno())


def timed(call: Callable[[], None]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def compare(folder: Path, megabytes: int, rounds: int) -> list[dict[str, object]]:
    clip = sample_clip(2.0)
    source = folder / "source.mp4"
    with source.open("wb") as out:
        out.write(clip + (8 + megabytes * MIB).to_bytes(4) + b"free")
        for _ in range(megabytes):
            out.write(os.urandom(MIB))
    facts = probe.inspect(media.File(source), "video")
    target = folder / "target.mp4"
    with served(source) as url, requests.Session() as bare:
        bare.trust_env = False
        ours = Session(
            provider="bench",
            account="bench",
            origins={"api": url},
            auth={"API-KEY": Secret("bench-key-0123456789")},
            limiter=None,
        )
        down = functools.partial(ours_down, url, target)
        pairs = {
            f"upload, {name}": (
                functools.partial(ours_up, ours, source, facts, encoded=encoded),
                functools.partial(bare_up, bare, url, source, encoded=encoded),
            )
            for name, encoded in (("multipart", False), ("base64", True))
        }
        pairs |= {
            f"download{note}": (
                down,
                functools.partial(bare_down, bare, url, target, synced=synced),
            )
            for note, synced in (("", True), (", the bare one not synced", False))
        }
        told = []
        for name, (mine, theirs) in pairs.items():
            mine(), theirs()
            taken: list[list[float]] = [[], []]
            for turn, index in itertools.product(range(rounds), (0, 1)):
                which = index ^ (turn % 2)  # who goes first alternates
                taken[which].append(timed((mine, theirs)[which]))
            left, right = (statistics.median(times) for times in taken)
            told.append(
                {
                    "what": name,
                    "ratio": round(left / right, 2),
                    "ours_s": round(left, 3),
                    "bare_s": round(right, 3),
                }
            )
        ours.close()
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", type=Path)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
    with tempfile.TemporaryDirectory() as folder:
        told = compare(Path(folder), options.megabytes, options.rounds)
    for row in told:
        if options.json:
            print(json.dumps(row))  # noqa: T201 - the answer
        else:
            print("{ratio:5.2f}x  {what:34} {ours_s:.3f} s to {bare_s:.3f} s".format(**row))  # noqa: T201


if __name__ == "__main__":
    main()
