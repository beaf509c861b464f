"""Helpers of the core's unit tests: a scripted server, small media, a scripted provider."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import re
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any, ClassVar, Literal, Self

import attrs
import av
from patience import PATIENCE
from PIL import Image

from motionkit.model.job import Job, Result, Status
from motionkit.model.money import Balance, Rates
from motionkit.model.submission import Call, Found, Never, NotSeen, Resend, SameId, Submission
from motionkit.provider import AccountSettings, Fit, Offer, Untrusted, untrusted
from motionkit.routing import Route
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import ACCOUNT, JOB_SECONDS, Situation

# A server whose every byte the test decides.


class Peer:
    """One accepted connection."""

    def __init__(
        self, sock: socket.socket, stopped: threading.Event, holds: threading.Event
    ) -> None:
        self.sock = sock
        self.stopped = stopped
        self.holds = holds
        self._stream = sock.makefile("rb")

    def request(self) -> bytes | None:
        """Read one whole request; None when the other side has closed."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self._stream.readline()
            if not line:
                return None
            head += line
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        return head + (self._stream.read(int(length[1])) if length else b"")

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def drip(self, data: bytes, pause: float = 0.02) -> None:
        """Send byte after byte until the test ends."""
        self.holds.set()
        for byte in data:
            if self.stopped.wait(pause):
                return
            with contextlib.suppress(OSError):  # the other side has had enough
                self.sock.sendall(bytes([byte]))
        self.holds.clear()

    def hold(self) -> None:
        """Keep the connection open and silent until the test ends."""
        self.holds.set()
        self.stopped.wait(PATIENCE)
        self.holds.clear()

    def reset(self) -> None:
        """Break the connection off with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self) -> None:
        self._stream.close()
        self.sock.close()


Handler = Callable[[Peer], None]


class Server:
    """A loopback server with one thread a connection."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._stopped = threading.Event()
        self._holds = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self._socks: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def holding(self) -> bool:
        """Whether a peer has begun to drip or to keep silent, and goes on with it."""
        return self._holds.wait(PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._socks.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        peer = Peer(sock, self._stopped, self._holds)
        try:
            with contextlib.suppress(OSError, ValueError):
                self._handler(peer)
        finally:
            peer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(PATIENCE)
        for sock in self._socks:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)


class Scripted(Server):
    """Answer the requests, over all connections, with the given answers in order."""

    def __init__(self, *answers: bytes | Callable[[bytes], bytes]) -> None:
        self._answers = list(answers)
        self.requests: list[bytes] = []
        super().__init__(self._answer)

    def _answer(self, peer: Peer) -> None:
        while (request := peer.request()) is not None:
            self.requests.append(request)
            answer = self._answers.pop(0)
            data = answer(request) if callable(answer) else answer
            peer.send(data)
            if b"connection: close" in data.split(b"\r\n\r\n")[0].lower():
                return


def answer(
    body: bytes = b"{}",
    status: str = "200 OK",
    headers: Mapping[str, str] | None = None,
    length: int | None = None,
) -> bytes:
    """Build an HTTP answer; with `length`, one that breaks off there."""
    named = {"Content-Length": str(len(body) if length is None else length), **(headers or {})}
    if length is not None and length != len(body):
        named["Connection"] = "close"
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


def header(request: bytes, name: str) -> str | None:
    """Return a header of a raw request."""
    head = request.split(b"\r\n\r\n")[0] + b"\r\n"
    found = re.search(rf"(?im)^{re.escape(name)}: *(.*?)\r$".encode(), head)
    return found[1].decode() if found else None


def refused_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


# Small media.


@cache
def clip(
    seconds: float = 1.0, *, width: int = 64, height: int = 48, rate: int = 10, kind: str = "mp4"
) -> bytes:
    """Encode a black clip of MPEG-4 pictures."""
    out = io.BytesIO()
    with av.open(out, "w", format=kind) as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, rate)
        for number in range(round(seconds * rate)):
            frame = av.VideoFrame(width, height, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


@cache
def picture(kind: str = "png", width: int = 32, height: int = 16) -> bytes:
    """Encode a grey picture."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), (120, 120, 120)).save(out, kind)
    return out.getvalue()


# Records.

NOON = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)
PAID = Call("POST", "/buy", json={"img_id": 7}, paid=True)


def job(identity: str = "900000000000000001", **changes: Any) -> Job:
    made = Job(
        id=identity,
        provider="fake",
        account="shop",
        fingerprint="f" * 16,
        operation="mimic",
        model="m1",
        key="",
        attempt_id="",
        submitted_at=NOON,
    )
    return attrs.evolve(made, **changes)


def submission(**changes: Any) -> Submission:
    made = Submission("fake", "shop", "mimic", "m1", PAID, (PAID,), token="ours-alone")
    return attrs.evolve(made, **changes)


# A provider that does what a test says.


class Interrupted(BaseException):
    """Stands for `kill -9` in the middle of a paid call."""


@attrs.frozen(kw_only=True)
class FakeSettings(AccountSettings):
    region: Literal["international", "cn"] = attrs.field(
        default="international", metadata=untrusted(Untrusted.ADDED)
    )
    usd_per_credit: Decimal = attrs.field(default=Decimal("0.01"), converter=Decimal)
    patience: float = attrs.field(default=60.0, metadata=untrusted(Untrusted.LOWER))


class FakeProvider:
    """Answer each paid call with the next step of a script: a job, or an exception to raise."""

    name: ClassVar[str] = "fake"
    settings: ClassVar[type[AccountSettings]] = FakeSettings
    offers: ClassVar[Sequence[Offer]] = ()
    resend: Resend = SameId(window=120.0, times=2)
    fingerprint = "f" * 16
    rates = Rates()

    def __init__(
        self, account: str = "shop", settings: Any = None, uploads: Any = None, *steps: Any
    ) -> None:
        self.account = account
        self.steps = list(steps)
        self.sent: list[str] = []
        self.bodies: list[Any] = []
        self.before: Callable[[str], None] = lambda _: None

    def submit(self, submission: Submission, attempt_id: str) -> Job:
        self.before(attempt_id)
        self.sent.append(attempt_id)
        self.bodies.append(submission.call.json)
        step = self.steps.pop(0)
        if isinstance(step, BaseException):
            raise step
        assert isinstance(step, Job)
        return step

    def url(self, call: Any) -> str:
        return f"https://fake.example{call.path}"

    def prepare(self, fitted: Fit, *, dry: bool = False) -> Submission:
        raise NotImplementedError

    def poll(self, job: Job) -> Status:
        raise NotImplementedError

    def result(self, job: Job) -> Result:
        raise NotImplementedError

    def balance(self) -> Balance:
        raise NotImplementedError

    def close(self) -> None:
        pass


class FindingProvider(FakeProvider):
    """A vendor without an idempotency key, whose history can be searched."""

    resend: Resend = Never()

    def __init__(self, *steps: Any, history: Sequence[Any] = ()) -> None:
        super().__init__("shop", None, None, *steps)
        self.history = list(history)
        self.looks: list[float] = []

    def find(self, submission: Submission, since: float) -> Found | NotSeen:
        self.looks.append(since)
        seen = self.history.pop(0) if self.history else NotSeen()
        if isinstance(seen, BaseException):
            raise seen
        assert isinstance(seen, Found | NotSeen)
        return seen


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


# A job that fails, and a route that pays for another.


def fail_first(options: dict[str, Any], stage: MemoryStage) -> None:
    """Let jobs fail until the first has ended; route `r` pays for one more try of each."""
    route = Route(name="r", targets=(ACCOUNT,), paid_retries=1)
    options["config"] = attrs.evolve(options["config"], routes={"r": route})
    stage.arrange(Situation.JOB_FAILS)
    passing = options["clock"].passing

    def mend(seconds: float) -> None:
        passing(seconds)
        if stage.vendor.now >= JOB_SECONDS:
            stage.vendor.pending.clear()

    options["clock"].passing = mend
