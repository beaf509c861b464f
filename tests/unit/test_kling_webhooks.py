"""Kling's callbacks: the published vector, what proves nothing, and what a task says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs
import pytest

import motionkit as mk
from motionkit.errors import ConfigError, InvalidRequest, ProtocolError, SignatureError
from motionkit.model.job import State, UnknownReason
from motionkit.model.submission import Call, Submission
from motionkit.provider import Secret, WebhookEvent
from motionkit.sandbox import Sandbox
from motionkit.testing.sandboxed import sandbox_stage
from motionkit.testing.stage import ACCOUNT, client_for
from motionkit_kling import webhook
from motionkit_kling.adapter import Kling, Settings
from motionkit_kling.sandbox import KlingSandbox
from motionkit_kling.sandbox.app import SECRET as SANDBOX_SECRET

SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="  # the page's
STAMP = 1_781_080_794
BODY = (
    b'{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,'
    b'"update_time":1781080794151}'
)
SIGNATURE = "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="
FILM = "https://v16-kling-fdl.klingai.com/out.mp4"


def sign(body: bytes, secret: str = SECRET, stamp: int = STAMP) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"9876543210.{stamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def headers(signature: str = SIGNATURE, stamp: int = STAMP) -> dict[str, str]:
    return {
        "Webhook-Id": "9876543210",
        "webhook-timestamp": str(stamp),
        "WEBHOOK-SIGNATURE": signature,
    }


def read(
    given: dict[str, str] | None = None,
    body: bytes = BODY,
    *,
    secret: str | None = SECRET,
    now: float = STAMP,
) -> WebhookEvent:
    return webhook.read(
        headers() if given is None else given,
        body,
        None if secret is None else Secret(secret),
        window=300.0,
        now=lambda: now,
        provider="kling",
        account="studio",
    )


def test_the_pages_own_example_is_accepted() -> None:
    assert sign(BODY) == SIGNATURE
    event = read()
    assert (event.job_id, event.state) == ("1234567890", State.UNKNOWN), "it names no output"


def test_one_of_two_signatures_is_enough_while_the_secret_is_replaced() -> None:
    other = sign(BODY, "whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVyMTI=")
    assert read(headers(f"{other} {SIGNATURE}")).job_id == "1234567890"
    assert read(headers(f"{SIGNATURE} {other}")).job_id == "1234567890"


@pytest.mark.parametrize(
    ("given", "body", "now"),
    [
        (headers("v1,AAAA"), BODY, STAMP),
        (headers(SIGNATURE.removeprefix("v1,")), BODY, STAMP),
        (headers(SIGNATURE.replace("v1,", "v2,")), BODY, STAMP),
        (headers(), BODY.replace(b"succeeded", b"failed"), STAMP),
        (headers(stamp=STAMP + 1), BODY, STAMP),
        (headers(), BODY, STAMP + 301),
        (headers(), BODY, STAMP - 301),
        ({}, BODY, STAMP),
    ],
    ids=["forged", "no version", "version", "body", "time", "old", "future", "unsigned"],
)
def test_what_proves_nothing_is_refused(given: dict[str, str], body: bytes, now: float) -> None:
    with pytest.raises(SignatureError) as caught:
        read(given, body, now=now)
    assert (caught.value.provider, caught.value.account) == ("kling", "studio")


@pytest.mark.parametrize("now", [STAMP - 300, STAMP + 300])
def test_five_minutes_either_way_are_accepted(now: float) -> None:
    assert read(now=now).job_id == "1234567890"


def test_without_a_secret_the_error_says_where_to_make_one() -> None:
    with pytest.raises(ConfigError, match="no webhook_secret") as caught:
        read(secret=None)
    assert "console" in (caught.value.hint or "")


@pytest.mark.parametrize("secret", ["whsec_", "whsec_***", "nonsense!"])
def test_a_secret_of_another_form_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(secret=secret)
    assert "nonsense" not in str(caught.value)


def test_text_instead_of_bytes_and_large_bodies_are_refused() -> None:
    with pytest.raises(InvalidRequest):
        read(body="{}")  # type: ignore[arg-type]
    with pytest.raises(SignatureError):
        read(body=b" " * 70_000)


@pytest.mark.parametrize("body", [b"[]", b"{}", b"nonsense", b'{"id": null}', b'{"id": "../x"}'])
def test_a_signed_callback_without_a_task_is_a_fault_of_the_vendor(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(headers(sign(body)), body)


def adapter() -> Kling:
    class Uploads:
        limiter = None
        timeout = 60.0
        stage = None

    return Kling("studio", Settings(api_key="planted-key", webhook_secret=SECRET), Uploads())  # type: ignore[arg-type]


def noticed(content: dict[str, Any]) -> Any:
    body = json.dumps(content).encode()
    event = read(headers(sign(body)), body)
    paid = Call("POST", "/motion-control/kling-3.0", json={}, paid=True)
    order = Submission("kling", "studio", "mimic", "kling-3.0", paid)
    status = adapter().noticed(order.job("7", fingerprint="f", attempt_id="a"), event)
    assert status.state is event.state
    return status


BILLED = [{"charge_type": "unit", "package_type": "video", "amount": "4.5"}]


@pytest.mark.parametrize(
    "content",
    [
        {
            "id": "7",
            "status": "succeeded",
            "outputs": [{"type": "video", "url": FILM}],
            "billing": BILLED,
        },
        {
            "task_id": "7",
            "task_status": "succeed",
            "task_result": {"videos": [{"id": "8", "url": FILM}]},
            "final_unit_deduction": "4.5",
        },
    ],
    ids=["new", "legacy"],
)
def test_a_callback_of_either_api_carries_the_result(content: dict[str, Any]) -> None:
    status = noticed(content)
    assert status.state is State.SUCCEEDED
    assert status.result.url == FILM
    assert f"{status.result.cost.amount}" == "4.5"


def test_a_callback_of_a_change_moves_the_job_and_ends_nothing() -> None:
    assert noticed({"id": "7", "status": "processing"}).state is State.RUNNING
    strange = noticed({"id": "7", "status": "resting"})
    assert (strange.state, strange.doubt) == (State.UNKNOWN, UnknownReason.STRANGE_WORD)
    empty = noticed({"id": "7", "status": "succeeded", "outputs": []})
    assert (empty.state, empty.doubt) == (State.UNKNOWN, UnknownReason.NO_OUTPUT)


def test_a_failure_is_told_with_its_reason() -> None:
    status = noticed({"id": "7", "status": "failed", "message": "Failure to pass the risk control"})
    assert (status.state, status.message) == (
        State.BLOCKED,
        "Failure to pass the risk control",
    )


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """Return the address of a server that notes what is sent to it, and its notes."""
    notes: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            notes.append((dict(self.headers), body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(webhook.ACKNOWLEDGEMENT)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook", notes
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("model", ["kling-3.0", "kling-v3"])
def test_a_job_reports_its_way_to_the_account_that_asked_for_it(
    model: str, receiver: tuple[str, list[tuple[dict[str, str], bytes]]], tmp_path: Path
) -> None:
    address, notes = receiver
    with Sandbox(apps=[KlingSandbox], job_seconds=60.0) as sandbox:
        settings = Settings(
            api_key=sandbox.environment["KLING_API_KEY"],
            base_url=sandbox.url,
            webhook=address,
            webhook_secret=SANDBOX_SECRET,
        )
        stage = attrs.evolve(sandbox_stage(Kling, {}, sandbox), settings=settings)
        with client_for(stage, tmp_path) as client:
            request = mk.Mimic("https://media.invalid/hero.png", "https://media.invalid/d.mp4")
            job = client.submit(request, via=f"{ACCOUNT}/{model}")
            sandbox.advance(120.0)
            kling = client.account(ACCOUNT, Kling)
            events = [kling.parse_webhook(given, body) for given, body in notes]
            assert {event.job_id for event in events} == {job.id}
            assert [event.state for event in events][-1] is State.SUCCEEDED
            status = kling.noticed(job, events[-1])
            assert status.result is not None
            assert status.result.cost == client.result(job).cost
            forged = notes[-1][1].replace(b"succe", b"faile")
            with pytest.raises(SignatureError):
                kling.parse_webhook(notes[-1][0], forged)
