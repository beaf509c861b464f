"""A fast vendor on loopback, in a process of its own, that keeps the time.

It speaks as much of both vendors' wires as an adapter needs (Segmind's v2 and PixVerse's platform
API), answers from bytes made beforehand, and notes of every job when it finished, how often it was
polled, and when an answer first said that it is done. Lateness and polls are therefore measured
where no client can flatter itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import json
import math
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs

_VIDEO = "https://files.invalid/v.mp4"


def _answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    return (
        b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nServer: bench\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (status, len(body), body)
    )


def _resp(content: str) -> bytes:
    return _answer(b'{"ErrCode":0,"ErrMsg":"success","Resp":%b}' % content.encode())


ABSENT = _answer(b'{"error":"not found"}', b"404 Not Found")


@attrs.define
class Plan:
    """How jobs run from now on.

    Attributes:
        seconds: How long a job takes; with `sigma`, the mean of a log-normal law.
        sigma: Of the logarithm of a job's seconds.
        delay: Seconds of a round trip, added to every answer.
        seed: Of the durations.
    """

    seconds: float = 20.0
    sigma: float = 0.0
    delay: float = 0.0
    seed: int = 1

    def durations(self) -> Iterator[float]:
        draw = random.Random(self.seed)  # noqa: S311 - a bench wants the same jobs again
        median = self.seconds / math.exp(self.sigma**2 / 2)
        while True:
            yield median * math.exp(self.sigma * draw.gauss())


@attrs.define
class Kept:
    """What is noted of a job: when it ends, when that was first told, how often it was polled."""

    ends: float
    told: float | None = None
    polls: int = 0


class Vendor:
    """The state behind all connections."""

    def __init__(self) -> None:
        self.url = ""
        self.reset(Plan())

    def reset(self, plan: Plan) -> None:
        self.plan = plan
        self.jobs: dict[str, Kept] = {}
        self.calls = 0
        self._durations = plan.durations()
        self._ids = itertools.count(300_000_000_000_000_001)

    def told(self) -> dict[str, Any]:
        late = sorted(job.told - job.ends for job in self.jobs.values() if job.told is not None)
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "jobs": len(self.jobs),
            "done": len(late),
            "polls": sum(job.polls for job in self.jobs.values()),
            "calls": self.calls,
            "lateness": sum(late) / len(late) if late else None,
            "latest": late[-1] if late else None,
            "cpu": used.ru_utime + used.ru_stime,
        }

    def begin(self) -> str:
        name = str(next(self._ids))
        self.jobs[name] = Kept(time.monotonic() + self.plan.delay / 2 + next(self._durations))
        return name

    def _look(self, name: str) -> bool | None:
        """Count a poll; return whether the job is done, None when there is none."""
        job = self.jobs.get(name)
        if job is None:
            return None
        job.polls += 1
        now = time.monotonic()
        if now + self.plan.delay / 2 < job.ends:
            return False
        if job.told is None:
            job.told = now + self.plan.delay  # when the answer is there
        return True

    def respond(self, method: bytes, path: str, body: bytes) -> bytes:
        self.calls += 1
        if path.startswith("/openapi/"):
            return self._pixverse(method, path)
        if path.startswith("/v2/"):
            return self._segmind(method, path)
        if path == "/upload-asset":
            return _answer(b'{"file_urls":["%b"]}' % _VIDEO.encode())
        if path == "/_bench/plan":
            self.reset(Plan(**json.loads(body)))
            return _answer(b"{}")
        if path == "/_bench/told":
            return _answer(json.dumps(self.told()).encode())
        return ABSENT

    def _pixverse(self, method: bytes, path: str) -> bytes:
        if method == b"GET":
            name = path.rpartition("/")[2]
            done = self._look(name)
            if done is None:
                return _answer(b'{"ErrCode":500008,"ErrMsg":"record not found","Resp":null}')
            return _resp(
                f'{{"create_time":"2026-11-01T12:00:00Z","id":{name},"modify_time":'
                f'"2026-11-01T12:00:00Z","negative_prompt":"","outputHeight":540,"outputWidth":960,'
                f'"prompt":"","resolution_ratio":0,"seed":0,"size":{2_000_000 if done else 0},'
                f'"status":{1 if done else 5},"style":"","url":"{_VIDEO if done else ""}"}}'
            )
        if path.endswith("/upload"):
            return _resp('{"img_id":7,"media_id":8,"img_url":""}')
        return _resp(f'{{"video_id":{self.begin()},"credits":40}}')

    def _segmind(self, method: bytes, path: str) -> bytes:
        if method == b"POST":
            name = self.begin()
            return _answer(
                b'{"request_id":"%(n)b","status":"QUEUED",'
                b'"status_url":"%(u)b/v2/requests/%(n)b/status",'
                b'"response_url":"%(u)b/v2/requests/%(n)b"}'
                % {b"n": name.encode(), b"u": self.url.encode()}
            )
        name, _, last = path.removeprefix("/v2/requests/").partition("/")
        if last != "status":
            job = self.jobs.get(name)
            if job is None:
                return ABSENT
            return _answer(
                b'{"request_id":"%b","status":"COMPLETED","output":"%b",'
                b'"metrics":{"cost":0.42,"inference_time":20.1}}' % (name.encode(), _VIDEO.encode())
            )
        done = self._look(name)
        if done is None:
            return ABSENT
        return _answer(
            b'{"request_id":"%b","status":"%b"}'
            % (name.encode(), b"COMPLETED" if done else b"PROCESSING")
        )


class Wire(asyncio.Protocol):
    """One kept connection."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            at, length = head.lower().find(b"content-length:"), 0
            if at >= 0:
                length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + length:
                return
            body = self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            method, target, _ = head.split(b"\r\n", 1)[0].split(b" ")
            path = target.split(b"?", 1)[0].decode()
            answer = self._vendor.respond(method, path, body)
            delay = 0.0 if path.startswith("/_bench") else self._vendor.plan.delay
            if delay:
                asyncio.get_running_loop().call_later(delay, self._write, answer)
            else:
                self._write(answer)

    def _write(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


async def serve() -> None:
    """Serve until killed; print the port."""
    vendor = Vendor()
    server = await asyncio.get_running_loop().create_server(
        lambda: Wire(vendor), "127.0.0.1", 0, backlog=4096
    )
    port = server.sockets[0].getsockname()[1]
    vendor.url = f"http://127.0.0.1:{port}"
    print(port, flush=True)  # noqa: T201 - the parent reads it
    await server.serve_forever()


class Running:
    """A vendor in a process of its own, as the benches see it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def plan(self, **plan: float) -> None:
        """Forget all jobs and run new ones by a plan."""
        self._ask("POST", "/_bench/plan", json.dumps(plan))

    def told(self) -> dict[str, Any]:
        """Return what was noted since the last plan."""
        told: dict[str, Any] = json.loads(self._ask("GET", "/_bench/told"))
        return told

    def _ask(self, method: str, path: str, body: str = "") -> bytes:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc)
        with contextlib.closing(connection):
            connection.request(method, path, body)
            return connection.getresponse().read()


@contextlib.contextmanager
def running() -> Iterator[Running]:
    """Run a vendor in a process of its own."""
    command = [sys.executable, str(Path(__file__)), "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        try:
            yield Running(int(host.stdout.readline()))
        finally:
            host.kill()


if __name__ == "__main__":
    asyncio.run(serve())
