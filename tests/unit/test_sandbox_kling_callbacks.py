"""Kling's callbacks: the vendor's published vector, signatures, secrets, order, retries."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping

import pytest
from sandbox_kling_support import JOB_SECONDS, Client, legacy_motion, receiver

from motionkit_kling.sandbox import signature
from motionkit_kling.sandbox.app import SECRET

OLD = "whsec_b2xkLXNlY3JldC1vZi1hLXJvdGF0aW9uLTEyMw=="
VECTOR_BODY = (
    b'{"id":"1234567890","status":"succeeded","message":"",'
    b'"create_time":1781080778802,"update_time":1781080794151}'
)


def verify(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Verify a delivery as the vendor's page describes it."""
    if abs(time.time() - int(headers["webhook-timestamp"])) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    versions = (part.split(",", 1) for part in headers["webhook-signature"].split())
    return any(
        version == "v1" and hmac.compare_digest(given, wanted) for version, given in versions
    )


def test_the_vector_that_the_vendor_published() -> None:
    secret = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
    made = signature(secret, "9876543210", "1781080794", VECTOR_BODY)
    assert made == "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="


def test_each_change_is_reported_signed_and_equals_what_a_query_shows() -> None:
    with receiver() as inbox, Client() as kling:
        done = kling.done(callback_url=inbox.url, external_task_id="mine")
        assert [body["status"] for body in inbox.bodies()] == ["processing", "succeeded"]
        first, last = inbox.bodies()
        assert (first["outputs"], first["billing"]) == ([], [])
        assert last["external_id"] == "mine"
        assert last["billing"] == done["billing"]
        assert last["outputs"][0]["id"] == done["outputs"][0]["id"]
        assert all(verify(headers, body, SECRET) for headers, body in inbox.seen)
        assert len({headers["webhook-id"] for headers, _ in inbox.seen}) == 2


def test_a_changed_body_id_or_time_breaks_the_signature() -> None:
    with receiver() as inbox, Client() as kling:
        kling.done(callback_url=inbox.url)
    headers, body = inbox.seen[-1]
    assert verify(headers, body, SECRET)
    assert not verify(headers, body.replace(b"succeeded", b"failed"), SECRET)
    assert not verify(headers, body, OLD)
    stamp = str(int(headers["webhook-timestamp"]) - 1)
    for changed in ({"webhook-id": "1"}, {"webhook-timestamp": stamp}):
        assert not verify({**headers, **changed}, body, SECRET)


def test_during_a_rotation_two_signatures_are_sent() -> None:
    with receiver() as inbox, Client(secrets=(OLD, SECRET)) as kling:
        kling.done(callback_url=inbox.url)
    headers, body = inbox.seen[-1]
    assert len(headers["webhook-signature"].split()) == 2
    assert verify(headers, body, OLD)
    assert verify(headers, body, SECRET)


def test_without_a_secret_callbacks_are_unsigned() -> None:
    with receiver() as inbox, Client(secrets=()) as kling:
        kling.done(callback_url=inbox.url)
    assert inbox.seen
    assert not any(name.startswith("webhook-") for headers, _ in inbox.seen for name in headers)


def test_a_legacy_task_reports_in_its_own_words() -> None:
    with receiver() as inbox, Client() as kling:
        body = legacy_motion(callback_url=inbox.url, external_task_id="mine")
        kling.ask("POST", "/v1/videos/motion-control", kling.token(), json=body)
        kling.sandbox.advance(JOB_SECONDS + 1)
    assert [body["task_status"] for body in inbox.bodies()] == ["processing", "succeed"]
    last = inbox.bodies()[-1]
    assert last["task_info"] == {"external_task_id": "mine"}
    assert last["final_unit_deduction"] == "2.5"
    assert last["task_result"]["videos"][0]["url"]
    assert verify(*inbox.seen[-1], SECRET)


def test_a_failed_task_is_reported_with_its_reason() -> None:
    with receiver() as inbox, Client() as kling:
        kling.sandbox.fault("moderate:submit")
        kling.done(callback_url=inbox.url)
    last = inbox.bodies()[-1]
    assert (last["status"], last["message"]) == (
        "failed",
        "Failure to pass the risk control system",
    )


@pytest.mark.parametrize(
    ("course", "words"),
    [
        ("twice", ["processing", "processing", "succeeded", "succeeded"]),
        ("backwards", ["succeeded", "processing"]),
    ],
)
def test_changes_can_come_twice_or_backwards(course: str, words: list[str]) -> None:
    with receiver() as inbox, Client(course=course) as kling:
        kling.done(callback_url=inbox.url)
        kling.sandbox.advance(2)
    assert [body["status"] for body in inbox.bodies()] == words


def test_a_delivery_that_fails_is_tried_again_and_then_given_up() -> None:
    with receiver() as inbox, Client() as kling:
        inbox.status = 500
        kling.done(callback_url=inbox.url)
        kling.sandbox.advance(3600)
        states = [one["state"] for one in kling.sandbox.webhooks()["deliveries"]]
    assert states == ["given up", "given up"]
    assert len(inbox.seen) == 8


def test_a_callback_can_be_lost_and_an_address_elsewhere_gets_none() -> None:
    with receiver() as inbox, Client() as kling:
        kling.sandbox.fault("webhook_lost:submit")
        kling.done(callback_url=inbox.url)
        kling.done(callback_url="https://h.example/hook")
        assert kling.sandbox.webhooks()["deliveries"] == []
    assert inbox.seen == []
