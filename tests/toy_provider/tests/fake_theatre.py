"""Toy Theatre on loopback, with its own clock, and mishaps on demand."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from motionkit.testing.stage import JOB_SECONDS, Situation

KEY = "toy-key-0123456789"

REFUSED = {
    Situation.INVALID: (422, "odd-size"),
    Situation.MEDIA_REJECTED: (422, "torn-prop"),
    Situation.CONTENT_BLOCKED: (451, "not-for-children"),
    Situation.FORBIDDEN: (403, "gallery-only"),
    Situation.NO_CREDITS: (402, "empty-purse"),
    Situation.BUSY: (409, "full-house"),
    Situation.RATE_LIMITED: (429, "hush"),
}
BROKEN_SUBMIT = {
    Situation.SUBMIT_5XX: (502, b"<h1>smoke</h1>"),
    Situation.SUBMIT_GARBAGE: (200, b"bravo!"),
}
BROKEN_POLL = {
    Situation.POLL_5XX: (503, b'{"oops": "fire"}'),
    Situation.POLL_GARBAGE: (200, b"[[["),
    Situation.POLL_RATE_LIMITED: (429, b'{"oops": "hush"}'),
    Situation.STRANGE_WORD: (200, b'{"act": "intermission"}'),
    Situation.NOT_FOUND: (404, b'{"oops": "no-such-play"}'),
}
ENDS = {
    Situation.JOB_FAILS: "tangled",
    Situation.JOB_BLOCKED: "curtain",
    Situation.JOB_GONE: "swept",
}
EARLY = 0.25
"""Of a play's time, spent backstage."""


class Theatre:
    """What the vendor knows; `seen` lists the calls that came, oldest first."""

    def __init__(self) -> None:
        self.url = ""
        self.now = 0.0
        self.arranged: list[Situation] = []
        self.plays: dict[str, tuple[float, str]] = {}
        self.props: set[str] = set()
        self.seen: list[str] = []
        self._numbers = itertools.count(1)

    def take(self, among: Mapping[Situation, Any]) -> Any:
        """Return what the first arranged situation of these means, once; None without one."""
        for situation in self.arranged:
            if situation in among:
                self.arranged.remove(situation)
                return among[situation]
        return None

    def answer(self, method: str, path: str, key: str, body: bytes) -> tuple[int, bytes]:
        """Answer one call."""
        self.seen.append(f"{method} {path}")
        if key != KEY:
            return _oops(401, "who-goes-there")
        match method, path.strip("/").split("/"):
            case "POST", ["v1", "props"]:
                prop = f"prop-{next(self._numbers)}"
                self.props.add(prop)
                return _says(200, prop=prop)
            case "POST", ["v1", "plays"]:
                return self._put_on(json.loads(body))
            case "GET", ["v1", "plays", play]:
                return self._look(play)
            case "GET", ["v1", "purse"]:
                return _says(200, usd=12.5)
        return _oops(404, "no-such-door")

    def _put_on(self, wish: Mapping[str, Any]) -> tuple[int, bytes]:
        refused = self.take(REFUSED)
        if refused is not None:
            return _oops(*refused)
        props = {wish[name] for name in ("puppet", "steps") if not wish[name].startswith("http")}
        if not props <= self.props or wish["puppet_kind"] != "string":
            return _oops(422, "torn-prop")
        play = f"play-{next(self._numbers)}"
        self.plays[play] = (self.now, self.take(ENDS) or "applause")
        return self.take(BROKEN_SUBMIT) or _says(200, play=play)

    def _look(self, play: str) -> tuple[int, bytes]:
        broken: tuple[int, bytes] | None = self.take(BROKEN_POLL)
        if broken is not None:
            return broken
        if play not in self.plays:
            return _oops(404, "no-such-play")
        begun, end = self.plays[play]
        if self.now < begun + JOB_SECONDS:
            early = self.now < begun + JOB_SECONDS * EARLY
            return _says(200, act="backstage" if early else "onstage")
        if end != "applause":
            return _says(200, act=end, because="a string broke")
        film = self.take({Situation.NO_OUTPUT: ""})
        film = f"{self.url}/films/{play}.mp4" if film is None else film
        return _says(200, act=end, film=film, spent=0.2)


def _says(status: int, **fields: Any) -> tuple[int, bytes]:
    return status, json.dumps(fields).encode()


def _oops(status: int, code: str) -> tuple[int, bytes]:
    return _says(status, oops=code, say=f"oh dear: {code}")


@contextmanager
def opened() -> Iterator[Theatre]:
    """Open a theatre on a free port of this machine, and close it afterwards."""
    theatre = Theatre()

    class Door(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            key = self.headers.get("Toy-Key", "")
            status, said = theatre.answer(self.command, self.path, key, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = answer  # noqa: N815 - names that the base class calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Door) as server:
        theatre.url = f"http://127.0.0.1:{server.server_port}"
        serving = threading.Thread(target=server.serve_forever, args=(0.005,))
        serving.start()
        try:
            yield theatre
        finally:
            server.shutdown()
            serving.join()
