"""A bare client of Runway's contract for the sandbox tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import requests
from patience import PATIENCE

from motionkit.sandbox import Sandbox, sample_clip, sample_picture

KEY = "key_" + "0123456789abcdef" * 2
VERSION = "2024-11-06"
PICTURE = sample_picture()
CLIP = sample_clip(3.5, height=120)
ACT_TWO = {
    "model": "act_two",
    "character": {"type": "image", "uri": "https://media.example/hero.png"},
    "reference": {"type": "video", "uri": "https://media.example/dance.mp4"},
}
GEN = {
    "model": "gen4.5",
    "promptImage": "https://media.example/hero.png",
    "promptText": "She waves.",
    "ratio": "720:1280",
    "duration": 5,
}


class Client:
    """Speak the contract by hand, one connection pool, no retries."""

    def __init__(self, sandbox: Sandbox, key: str = KEY) -> None:
        self.base = f"{sandbox.url}/v1"
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers.update({"Authorization": f"Bearer {key}", "X-Runway-Version": VERSION})

    def call(self, verb: str, path: str, **options: Any) -> requests.Response:
        return self.http.request(verb, self.base + path, timeout=PATIENCE, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.call("POST", path, **options)

    def submit(self, endpoint: str = "character_performance", **fields: Any) -> requests.Response:
        body = {"character_performance": ACT_TWO, "image_to_video": GEN}.get(endpoint, {})
        return self.post(f"/{endpoint}", json={**body, **fields})

    def start(self, endpoint: str = "character_performance", **fields: Any) -> str:
        accepted = self.submit(endpoint, **fields)
        assert accepted.status_code == 200, accepted.text
        name = accepted.json()["id"]
        assert isinstance(name, str)
        return name

    def task(self, name: str) -> dict[str, Any]:
        told = self.get(f"/tasks/{name}")
        assert told.status_code == 200, told.text
        body = told.json()
        assert isinstance(body, dict)
        return body

    def delete(self, name: str) -> int:
        return self.call("DELETE", f"/tasks/{name}").status_code

    def announce(self, filename: str = "dance.mp4", **more: Any) -> requests.Response:
        body = {"filename": filename, "type": "ephemeral", **more}
        return self.post("/uploads", json=body)

    def upload(self, filename: str, content: bytes) -> str:
        told = self.announce(filename).json()
        sent = fill_in(told, content)
        assert sent.status_code == 204, sent.text
        uri = told["runwayUri"]
        assert isinstance(uri, str)
        return uri

    def organization(self) -> dict[str, Any]:
        body = self.get("/organization").json()
        assert isinstance(body, dict)
        return body


def fill_in(told: dict[str, Any], content: bytes, **options: Any) -> requests.Response:
    """Send an announced upload to the storage, without a key."""
    files = {"file": ("name", content)}
    return requests.post(
        told["uploadUrl"], data=told["fields"], files=files, timeout=PATIENCE, **options
    )


def talking(sandbox: Sandbox, key: str = KEY) -> Iterator[Client]:
    client = Client(sandbox, key)
    yield client
    client.http.close()


def account(sandbox: Sandbox, label: str = "default") -> dict[str, Any]:
    found = sandbox.ledger()["vendors"]["runway"]["accounts"][label]
    assert isinstance(found, dict)
    return found
