"""A bare client of Segmind's contract for the sandbox tests."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import requests
from patience import PATIENCE

from motionkit.sandbox import Sandbox

KEY = "SG_0123456789abcdef"
SLUG = "pixverse-mimic"
BODY = {
    "video_url": "https://example.org/dance.mp4",
    "image_url": "https://example.org/hero.png",
}


class Client:
    """Speak the contract by hand, one connection pool, no retries."""

    def __init__(self, sandbox: Sandbox, key: str = KEY) -> None:
        self.base = sandbox.url
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["x-api-key"] = key

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.http.get(self.base + path, timeout=PATIENCE, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.http.post(self.base + path, timeout=PATIENCE, **options)

    def submit(self, **fields: Any) -> requests.Response:
        return self.post(f"/v2/{SLUG}", json={**BODY, **fields})

    def start(self, **fields: Any) -> str:
        name = self.submit(**fields).json()["request_id"]
        assert isinstance(name, str)
        return name

    def status(self, name: str) -> requests.Response:
        return self.get(f"/v2/requests/{name}/status")

    def result(self, name: str) -> requests.Response:
        return self.get(f"/v2/requests/{name}")

    def upload(self, mime: str, content: bytes) -> str:
        data_url = f"data:{mime};base64,{base64.b64encode(content).decode()}"
        told = self.post("/upload-asset", json={"data_urls": [data_url]}).json()
        url = told["file_urls"][0]
        assert isinstance(url, str)
        return url


def talking(sandbox: Sandbox, key: str = KEY) -> Iterator[Client]:
    client = Client(sandbox, key)
    yield client
    client.http.close()


def account(sandbox: Sandbox, label: str = "default") -> dict[str, Any]:
    found = sandbox.ledger()["vendors"]["segmind"]["accounts"][label]
    assert isinstance(found, dict)
    return found
