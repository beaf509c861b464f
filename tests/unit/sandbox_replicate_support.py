"""A bare client of Replicate's contract, and a receiver of its webhooks, for the sandbox tests."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs
import requests
from patience import PATIENCE

from motionkit.sandbox import Sandbox

KEY = "r8_sandbox0123456789abcdefghijklmnopqrst"
MODEL = "kwaivgi/kling-v3-motion-control"
BY_TIME = "wan-video/wan-2.2-animate-animation"
BODY = {
    "image": "https://h.example/hero.png",
    "video": "https://h.example/dance.mp4",
}
TIMED = {
    "character_image": "https://h.example/hero.png",
    "video": "https://h.example/dance.mp4",
}


class Client:
    """Speak the contract by hand, one connection pool, no retries."""

    def __init__(self, sandbox: Sandbox, key: str = KEY) -> None:
        self.base = f"{sandbox.url}/v1"
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str, **options: Any) -> requests.Response:
        url = path if path.startswith("http") else self.base + path
        return self.http.get(url, timeout=PATIENCE, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.http.post(self.base + path, timeout=PATIENCE, **options)

    def delete(self, path: str) -> requests.Response:
        return self.http.delete(self.base + path, timeout=PATIENCE)

    def submit(
        self, model: str = MODEL, *, headers: Mapping[str, str] | None = None, **fields: Any
    ) -> requests.Response:
        body = {"input": BODY, **fields}
        return self.post(f"/models/{model}/predictions", json=body, headers=headers)

    def run(self, version: str, **fields: Any) -> requests.Response:
        return self.post("/predictions", json={"version": version, **fields})

    def start(self, model: str = MODEL, **fields: Any) -> str:
        answer = self.submit(model, **fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def prediction(self, name: str) -> dict[str, Any]:
        told: dict[str, Any] = self.get(f"/predictions/{name}").json()
        return told

    def cancel(self, name: str) -> requests.Response:
        return self.post(f"/predictions/{name}/cancel")

    def upload(self, content: bytes, name: str = "file.mp4", mime: str = "video/mp4") -> str:
        answer = self.post("/files", files={"content": (name, content, mime)})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["urls"]["get"])

    def version(self, model: str) -> str:
        return str(self.get(f"/models/{model}").json()["latest_version"]["id"])


@contextlib.contextmanager
def talking(sandbox: Sandbox, key: str = KEY) -> Iterator[Client]:
    """Give a client, and close its connections."""
    client = Client(sandbox, key)
    yield client
    client.http.close()


def account(sandbox: Sandbox, label: str = "default") -> Mapping[str, Any]:
    """Return what the sandbox counted for an account."""
    found: Mapping[str, Any] = sandbox.ledger()["vendors"]["replicate"]["accounts"][label]
    return found


@attrs.define
class Received:
    """What a receiver of webhooks got, and the status that it answers with."""

    url: str
    seen: list[tuple[dict[str, str], bytes]] = attrs.field(factory=list)
    status: int = 200


@contextlib.contextmanager
def receiving() -> Iterator[Received]:
    """Receive webhooks on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.seen.append((dict(self.headers), body))
            self.send_response(received.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received = Received(f"http://127.0.0.1:{server.server_port}/hook?job=1")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield received
        server.shutdown()
        thread.join(PATIENCE)
