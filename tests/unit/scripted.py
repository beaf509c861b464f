"""For unit tests of adapters: a vendor of scripted responses, and uploads without a journal."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import attrs
import pytest

from motionkit.errors import MotionKitError
from motionkit.http.response import Response
from motionkit.http.session import Session
from motionkit.model.submission import Call


class NoUploads:
    """What an adapter gets for a test that uploads nothing."""

    limiter = None
    timeout = 60.0
    stage = None

    def put(self, account: str, slot: str, sha256: str | None, send: Callable[[], str]) -> str:
        raise NotImplementedError


class HeldUploads(NoUploads):
    """Upload at once, and share what may be shared."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    def put(self, account: str, slot: str, sha256: str | None, send: Callable[[], str]) -> str:
        if sha256 is None:
            return send()
        return self.held.setdefault(sha256, self.held.get(sha256) or send())


@attrs.define
class Vendor:
    """Answers calls in their order, and notes them."""

    answers: list[Response | MotionKitError] = attrs.field(factory=list)
    calls: list[str] = attrs.field(factory=list)
    sent: list[Call] = attrs.field(factory=list)

    def will(self, status: int, body: Any, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append(Response(status, named, text))

    def send(self, session: Session, call: Call, **_: Any) -> Response:
        self.calls.append(f"{call.method} {session.url(call)}")
        self.sent.append(call)
        answer = self.answers.pop(0)
        if isinstance(answer, MotionKitError):
            raise answer
        return answer


Made = TypeVar("Made", bound=Vendor)


def scripted(vendor: Made, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Return a vendor to which every session sends."""

    def send(http: Session, call: Call, **options: Any) -> Response:
        return vendor.send(http, call, **options)

    monkeypatch.setattr(Session, "send", send)
    return vendor
