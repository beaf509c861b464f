"""PixVerse endpoint by endpoint: the documentation, the adapter and the sandbox agree."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import motionkit as mk
from motionkit.http.response import Response
from motionkit.model.job import Job, utcnow
from motionkit.model.media import Remote
from motionkit.model.operations import LipSync, Mimic, Request
from motionkit.model.submission import Call
from motionkit.provider import fit_at, registry
from motionkit.provider.fit import inspect
from motionkit.sandbox import Sandbox
from motionkit_pixverse.adapter import PixVerse, Settings
from motionkit_pixverse.operations import MusicVideo
from motionkit_pixverse.sandbox import PixVerseSandbox

ROOT = Path(__file__).parents[2]
PREFIX = "/openapi/v2"

CATALOGUE: dict[str, str] = {
    "POST /image/upload": "documented",
    "POST /media/upload": "documented",
    "POST /video/text/generate": "documented",
    "POST /video/img/generate": "documented",
    "POST /video/transition/generate": "documented",
    "POST /video/multi_transition/generate": "documented",
    "POST /video/extend/generate": "documented",
    "POST /video/lip_sync/generate": "documented",
    "GET /video/lip_sync/tts_list": "documented",
    "GET /video/tts_speaker": "observed",
    "POST /video/tts_speaker": "observed",
    "DELETE /video/tts_speaker/{speaker_id}": "observed",
    "POST /video/fusion/generate": "documented",
    "POST /video/restyle/generate": "documented",
    "GET /video/restyle/list": "documented",
    "POST /video/mask/selection": "documented",
    "POST /video/swap/generate": "documented",
    "POST /video/sound_effect/generate": "documented",
    "POST /video/mimic/generate": "documented",
    "POST /video/modify/generate": "documented",
    "POST /video/upscale/generate": "observed",
    "POST /video/avatar/generate": "observed",
    "POST /video/agent/generate": "observed",
    "POST /audio/verification": "observed",
    "POST /video/music_mv_agent/generate": "observed",
    "GET /video/effects/templates/list": "observed",
    "POST /image/template/generate": "documented",
    "GET /image/result/{id}": "documented",
    "GET /video/result/{id}": "documented",
    "GET /account/balance": "documented",
    "POST /account/billing/usage-detail": "observed",
}
"""Every endpoint of the platform API, and what it rests on."""

ROW = re.compile(
    r"^\| `((?:GET|POST|DELETE) /[^`]+)` \| (.+?) \| (.+?) \| (documented|observed)\b.* \|$",
    re.MULTILINE,
)


def rows() -> list[tuple[str, str, str, str]]:
    return ROW.findall((ROOT / "docs" / "providers" / "pixverse.md").read_text("utf-8"))


def test_the_documentation_lists_every_endpoint_and_what_it_rests_on() -> None:
    assert {endpoint: evidence for endpoint, _, _, evidence in rows()} == CATALOGUE
    assert len(rows()) == len(CATALOGUE)


def test_the_documented_operations_and_verbs_are_those_of_the_offers() -> None:
    kinds = {kind.operation: kind for kind in registry.operations()}
    sold: dict[str, set[tuple[str, str]]] = {}
    for offer in PixVerse.offers:
        kind = kinds[offer.operation]
        endpoint = f"POST {offer.path.removeprefix(PREFIX)}"
        sold.setdefault(endpoint, set()).add((kind.__name__, kind.verb))
    for endpoint, operation, verb, _ in rows():
        for name, word in sold.pop(endpoint, ()):
            assert f"`{name}`" in operation
            assert f"`{word}`" in verb
    assert not sold


def test_what_is_only_observed_is_marked_so_in_every_row_of_the_offers() -> None:
    for offer in PixVerse.offers:
        if CATALOGUE[f"POST {offer.path.removeprefix(PREFIX)}"] == "observed":
            assert offer.evidence == "observed", (offer.operation, offer.model)


def test_the_sandbox_serves_every_endpoint_and_no_other() -> None:
    with Sandbox() as sandbox:
        world = sandbox._world
        served = {
            f"{route.method} {route.path.removeprefix(PREFIX)}"
            for route in PixVerseSandbox(world).routes()
            if route.path.startswith(PREFIX)
        }
    assert {re.sub(r"\{\w+\}", "{}", one) for one in served} == {
        re.sub(r"\{\w+\}", "{}", one) for one in CATALOGUE
    }


class Once:
    """Uploads that are simply sent."""

    limiter = None

    def put(self, account: str, slot: str, sha256: str | None, send: Callable[[], str]) -> str:
        return send()


ANSWER = {
    **dict.fromkeys(
        ("img_id", "media_id", "video_id", "image_id", "credit_monthly", "credit_package"), 1
    ),
    "status": 5,
    "speaker_id": "9",
    "items": [],
    "data": [],
    "effect_items": [],
}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the endpoints that the adapter has called so far."""
    called: set[str] = set()

    def send(_: Any, call: Call, **__: Any) -> Response:
        called.add(f"{call.method} {call.path.removeprefix(PREFIX)}")
        return Response(200, {}, json.dumps({"ErrCode": 0, "Resp": ANSWER}).encode())

    monkeypatch.setattr("motionkit.http.session.Session.send", send)
    return called


def test_the_adapter_calls_every_endpoint_and_no_other(seen: set[str]) -> None:
    made = PixVerse("acme", Settings(api_key="key-0123456789"), Once())
    by_operation = {offer.operation: offer for offer in PixVerse.offers}
    far = Remote("https://example.com/a")
    requests: list[Request] = [Mimic(far, far), LipSync(far, audio=far), MusicVideo(far)]
    for request in requests:
        offer = by_operation[request.operation]
        made.prepare(fit_at(made, request, offer, inspect(request)))
    for offer in PixVerse.offers:
        job = Job(
            id="1",
            provider="pixverse",
            account="acme",
            fingerprint=made.fingerprint,
            operation=offer.operation,
            model=offer.model,
            key="k",
            attempt_id="a",
            submitted_at=utcnow(),
        )
        made.poll(job)
        seen.add(f"POST {offer.path.removeprefix(PREFIX)}")
    made.balance()
    made.voices()
    made.voices(endpoint="old")
    made.create_voice("me", mk.Uploaded("1"))
    made.delete_voice("9")
    made.styles()
    made.templates()
    made.charges()
    named = {"/result/1": "/result/{id}", "/tts_speaker/9": "/tts_speaker/{speaker_id}"}
    told = seen
    for number, name in named.items():
        told = {re.sub(rf"{number}$", name, one) for one in told}
    assert told == set(CATALOGUE)
