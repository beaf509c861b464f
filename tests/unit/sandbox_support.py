"""A bare client for the sandbox tests: requests and nothing of motionkit's own HTTP."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any, Self

import requests

from motionkit.sandbox import Sandbox, sample_clip, sample_picture

CLIP = sample_clip(1.5, height=120)
PICTURE = sample_picture()


def until(condition: Callable[[], object]) -> None:
    """Ask again until something is so; fail after five seconds."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it never came to pass"


class Client:
    """Speak PixVerse's contract by hand, one connection pool, no retries."""

    def __init__(self, sandbox: Sandbox, key: str = "sandbox-pixverse-key") -> None:
        self.base = f"{sandbox.url}/openapi/v2"
        self.http = requests.Session()
        self.http.trust_env = False
        self.key = key

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def headers(self, trace: str | None = None) -> dict[str, str]:
        return {"API-KEY": self.key, "Ai-trace-id": trace or str(uuid.uuid4())}

    def get(self, path: str, **options: Any) -> requests.Response:
        options = {"headers": self.headers(), "timeout": 5, **options}
        return self.http.get(self.base + path, **options)

    def post(self, path: str, trace: str | None = None, **options: Any) -> requests.Response:
        options = {"headers": self.headers(trace), "timeout": 5, **options}
        return self.http.post(self.base + path, **options)

    def upload(self, name: str, content: bytes, filename: str = "x") -> requests.Response:
        path = "/image/upload" if name == "image" else "/media/upload"
        return self.post(path, files={name: (filename, content)})

    def order(self, quality: str = "540p") -> dict[str, Any]:
        """Upload both files and return the body of a submit."""
        picture = self.upload("image", PICTURE).json()["Resp"]["img_id"]
        clip = self.upload("file", CLIP).json()["Resp"]["media_id"]
        return {"img_id": picture, "video_media_id": clip, "quality": quality}

    def submit(self, order: dict[str, Any], trace: str | None = None) -> requests.Response:
        return self.post("/video/mimic/generate", trace, json=order)

    def start(self, order: dict[str, Any] | None = None, trace: str | None = None) -> int:
        number = self.submit(order or self.order(), trace).json()["Resp"]["video_id"]
        assert isinstance(number, int)
        return number

    def result(self, number: int) -> dict[str, Any]:
        told = self.get(f"/video/result/{number}").json()
        assert told["ErrCode"] == 0, told
        resp = told["Resp"]
        assert isinstance(resp, dict)
        return resp
