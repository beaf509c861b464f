"""A bare client of Kling for the sandbox's tests, after the vendor's sample code.

The sample makes its token with PyJWT and sends JSON; nothing here is motionkit's.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

import attrs
import jwt
import requests
from patience import PATIENCE

from motionkit.sandbox import Sandbox, sample_clip, sample_picture
from motionkit_kling.sandbox import KlingSandbox, access_key, secret_key

KEY = "rich"
PICTURE = base64.b64encode(sample_picture()).decode()
FACE, DANCE = "https://h.example/hero.png", "https://h.example/dance.mp4"
MOTION = "/motion-control/kling-3.0"
MONTH = 30 * 86400
JOB_SECONDS = 100.0
STILL = 1e-6
"""Speed of a vendor whose time passes only where a test moves it."""


def encode_jwt_token(ak: str, sk: str, now: float) -> str:
    """Make a token as the vendor's sample code does."""
    headers = {"alg": "HS256", "typ": "JWT"}
    payload = {"iss": ak, "exp": int(now) + 1800, "nbf": int(now) - 5}
    return jwt.encode(payload, sk, headers=headers)


def motion(**settings: Any) -> dict[str, Any]:
    """Return a body of motion control."""
    contents = [
        {"type": "image", "url": FACE},
        {"type": "video", "url": DANCE},
        {"type": "prompt", "text": "dance"},
    ]
    return {"contents": contents, "settings": {"character_orientation": "video", **settings}}


def legacy_motion(**fields: Any) -> dict[str, Any]:
    """Return a body of motion control of the legacy API."""
    body = {"image_url": FACE, "video_url": DANCE, "character_orientation": "video", "mode": "std"}
    return {**body, **fields}


def text(**settings: Any) -> dict[str, Any]:
    """Return a body of text to video."""
    return {"prompt": "a fox in the snow", "settings": settings}


class Client:
    """A rich account without a limit of slots, at a sandbox of its own."""

    def __init__(self, sandbox: Sandbox | None = None, key: str = KEY, **switches: Any) -> None:
        self.http = requests.Session()
        self.http.trust_env = False
        self.key = key
        self.own = sandbox is None
        apps = [lambda world: KlingSandbox(world, **switches)]
        self.sandbox = sandbox or Sandbox(apps=apps, job_seconds=JOB_SECONDS, speed=STILL)
        if self.own:
            self.sandbox.start()
            self.sandbox.add_account("kling", KEY, label="rich", balance=1000)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        if self.own:
            self.sandbox.close()

    def call(self, method: str, path: str, bearer: str | None = None, **rest: Any) -> Any:
        headers = {"Authorization": f"Bearer {bearer or self.key}"}
        options = {"headers": headers, "timeout": PATIENCE, **rest}
        return self.http.request(method, self.sandbox.url + path, **options)

    def ask(self, method: str, path: str, bearer: str | None = None, **rest: Any) -> Any:
        """Return the data of a call that succeeds."""
        answer = self.call(method, path, bearer, **rest)
        body = answer.json()
        assert (answer.status_code, body["code"], body["message"]) == (200, 0, "SUCCEED"), body
        return body["data"]

    def refused(self, method: str, path: str, bearer: str | None = None, **rest: Any) -> Any:
        """Return status, code and message of a call that is refused and costs nothing."""
        before = self.account()["charged"]
        answer = self.call(method, path, bearer, **rest)
        body = answer.json()
        assert body["code"] != 0, body
        assert "data" not in body
        assert self.account()["charged"] == before
        return answer.status_code, body["code"], body["message"]

    def submit(self, path: str = MOTION, body: Any = None, **options: Any) -> Any:
        body = motion() if body is None else body
        return self.ask("POST", path, json={**body, **({"options": options} if options else {})})

    def task(self, name: str) -> Any:
        """Return a task by its id, which has to be there."""
        (found,) = self.ask("GET", f"/tasks?task_ids={name}")
        return found

    def done(self, path: str = MOTION, body: Any = None, **options: Any) -> Any:
        """Submit a task and return it when it has ended."""
        name = self.submit(path, body, **options)["id"]
        self.sandbox.advance(JOB_SECONDS + 1)
        return self.task(name)

    def token(self, shift: float = 0.0) -> str:
        """Return a token by a clock that is so many seconds ahead of the vendor's."""
        now = self.sandbox._world.clock.now() + shift
        return encode_jwt_token(access_key(KEY), secret_key(KEY), now)

    def account(self, label: str = "rich") -> Any:
        return self.sandbox.ledger()["vendors"]["kling"]["accounts"][label]


class Files:
    """A server of a client's own media, as a public store would be."""

    def __init__(self, **files: bytes) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = files.get(self.path.strip("/").partition(".")[0])
                outer.asked.append(self.path)
                self.send_response(404 if content is None else 200)
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_: object) -> None:
                pass

        self.asked: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def clip(seconds: float, height: int = 640) -> bytes:
    """Return a clip whose sides are large enough."""
    return sample_clip(seconds, height=height)


@attrs.define
class Inbox:
    """What a receiver was sent, and how it answers."""

    url: str = ""
    status: int = 200
    seen: list[tuple[Mapping[str, str], bytes]] = attrs.field(factory=list)

    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.seen]


@contextlib.contextmanager
def receiver() -> Iterator[Inbox]:
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            inbox.seen.append((headers, body))
            self.send_response(inbox.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        inbox.url = f"http://127.0.0.1:{server.server_port}/hook"
        yield inbox
        server.shutdown()
