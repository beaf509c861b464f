"""Replicate's uploads, data URLs, deadlines and webhooks, against its sandbox."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from sandbox_replicate_support import receiving
from scripted import HeldUploads

import motionkit as mk
from motionkit.errors import (
    Billed,
    InsufficientCredits,
    InvalidRequest,
    MediaRejected,
    SignatureError,
)
from motionkit.http.response import Response
from motionkit.http.session import Session
from motionkit.model import media, probe
from motionkit.model.job import State
from motionkit.model.submission import Call, Found, NotSeen, Submission
from motionkit.provider import fit_at, pick_offer
from motionkit.sandbox import Sandbox, sample_clip, sample_picture
from motionkit_replicate.adapter import Replicate, Settings
from motionkit_replicate.sandbox import ReplicateSandbox

KEY = "r8_sandbox0123456789abcdefghijklmnopqrst"
WAN = "wan-video/wan-2.2-animate-replace"
BY_VERSION = "wan-video/wan-2.2-animate-animation"
VERSION = "d6b167d60fdadef11966e5824b19b9c0fc7597d663192c278e67e9d1f2dbbf48"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=[ReplicateSandbox], job_seconds=100) as running:
        yield running


def adapter(sandbox: Sandbox, **settings: Any) -> Replicate:
    return Replicate(
        "studio", Settings(api_key=KEY, base_url=sandbox.url, **settings), HeldUploads()
    )


@pytest.fixture
def replicate(sandbox: Sandbox) -> Iterator[Replicate]:
    made = adapter(sandbox)
    yield made
    made.close()


def prepared(
    replicate: Replicate, request: mk.Request | None = None, model: str = WAN, *, dry: bool = False
) -> Submission:
    request = request or mimic()
    offer = pick_offer(replicate.offers, request.operation, model, target="studio")
    facts = probe.inspect_all(request.media())
    return replicate.prepare(fit_at(replicate, request, offer, facts), dry=dry)


def mimic(**fields: Any) -> mk.Request:
    return mk.Mimic(sample_picture(), sample_clip(2.0, height=64), **fields)


def account(sandbox: Sandbox) -> Any:
    return sandbox.ledger()["vendors"]["replicate"]["accounts"]["default"]


def test_every_file_is_uploaded_for_each_submission_because_the_vendor_keeps_it_an_hour(
    replicate: Replicate, sandbox: Sandbox
) -> None:
    first, second = prepared(replicate), prepared(replicate)
    for name in ("character_image", "video"):
        one, other = first.call.json["input"][name], second.call.json["input"][name]
        assert one.startswith(f"{sandbox.url}/v1/files/")
        assert one != other
    assert account(sandbox)["uploads"] == 4
    assert first.token in first.call.json["input"].values()


def test_a_lost_submit_is_found_by_the_address_of_its_upload(
    replicate: Replicate, sandbox: Sandbox
) -> None:
    mine, other = prepared(replicate), prepared(replicate)
    job = replicate.submit(mine, "a")
    replicate.submit(other, "b")
    found = replicate.find(mine, job.submitted_at.timestamp() - 5)
    assert isinstance(found, Found)
    assert found.job.id == job.id
    sandbox.advance(2 * 3600)
    late = replicate.find(mine, job.submitted_at.timestamp() - 5)
    assert isinstance(late, NotSeen)
    assert len(late.doubtful) == 2, "their inputs are deleted after an hour"
    assert late.candidates == ()


def test_urls_are_passed_on_and_identify_nothing(replicate: Replicate, sandbox: Sandbox) -> None:
    request = attrs.evolve(
        mimic(), image="https://h.example/a.png", video="https://h.example/b.mp4"
    )
    made = prepared(replicate, request)
    assert made.token is None
    assert made.call.json["input"]["character_image"] == "https://h.example/a.png"
    assert account(sandbox)["uploads"] == 0


def test_a_file_that_changes_while_it_is_sent_stops_the_purchase(
    replicate: Replicate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "dance.mp4"
    file.write_bytes(sample_clip(2.0, height=64))

    def send(_: Session, call: Call, *, body: Any, **__: Any) -> Response:
        assert call.path == "/v1/files"
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        body.read()
        raise AssertionError("it was sent whole")

    monkeypatch.setattr(Session, "send", send)
    with pytest.raises(InvalidRequest, match="changed while it was sent") as caught:
        prepared(replicate, attrs.evolve(mimic(), image="https://h.example/a.png", video=file))
    assert caught.value.billed is Billed.NO


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("refuse:upload:status=413", MediaRejected),
        ("refuse:upload:status=402", InsufficientCredits),
    ],
)
def test_a_refused_upload_is_free(
    fault: str, error: type[Exception], replicate: Replicate, sandbox: Sandbox
) -> None:
    sandbox.fault(fault)
    with pytest.raises(error) as caught:
        prepared(replicate)
    assert getattr(caught.value, "billed", None) is Billed.NO


@pytest.mark.parametrize(
    "reply", [{}, {"urls": 7}, {"urls": {}}, {"urls": {"get": 7}}, {"urls": {"get": "files/x"}}]
)
def test_an_upload_without_an_address_is_an_error_and_free(
    reply: Any, replicate: Replicate, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Response(201, {}, str(reply).replace("'", '"').encode())
    monkeypatch.setattr(Session, "send", lambda *_, **__: answer)
    with pytest.raises(mk.errors.ProtocolError, match=r"no urls\.get") as caught:
        prepared(replicate)
    assert caught.value.billed is Billed.NO


# Data URLs.


def test_small_files_go_into_the_call_as_data_urls_where_the_settings_say_so(
    sandbox: Sandbox,
) -> None:
    replicate = adapter(sandbox, data_urls=256_000)
    request = mimic()
    made = prepared(replicate, request)
    sent = made.call.json["input"]
    for name, kind in (("character_image", "image/png"), ("video", "video/mp4")):
        head, _, text = sent[name].partition(",")
        assert head == f"data:{kind};base64"
        whole = request.media()["image" if name == "character_image" else name]
        assert isinstance(whole, media.Data)
        assert base64.b64decode(text) == whole.content
    assert made.token is None
    assert [one.path for one in made.calls] == [made.call.path]
    replicate.submit(made, "a")
    assert account(sandbox)["uploads"] == 0
    assert account(sandbox)["submits"] == 1
    replicate.close()


def test_a_larger_file_is_uploaded_and_still_identifies_the_submission(sandbox: Sandbox) -> None:
    replicate = adapter(sandbox, data_urls=len(sample_picture()))
    made = prepared(replicate)
    sent = made.call.json["input"]
    assert sent["character_image"].startswith("data:image/png;base64,")
    assert made.token == sent["video"]
    job = replicate.submit(made, "a")
    assert isinstance(replicate.find(made, job.submitted_at.timestamp() - 5), Found)
    replicate.close()


def test_a_dry_run_reads_no_file_for_a_data_url(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "hero.png"
    file.write_bytes(sample_picture())
    replicate = adapter(sandbox, data_urls=256_000)
    made = prepared(replicate, attrs.evolve(mimic(), image=file), dry=True)
    assert made.call.json["input"]["character_image"] == "data:image/png;base64,..."
    replicate.close()


def test_a_file_that_changed_is_not_sent_as_a_data_url(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "hero.png"
    file.write_bytes(sample_picture())
    replicate = adapter(sandbox, data_urls=256_000)
    request = attrs.evolve(mimic(), image=file)
    offer = pick_offer(replicate.offers, "mimic", WAN, target="studio")
    fitted = fit_at(replicate, request, offer, probe.inspect_all(request.media()))
    file.write_bytes(sample_picture()[:-1] + b"x")
    with pytest.raises(InvalidRequest, match="changed while it was sent"):
        replicate.prepare(fitted)
    replicate.close()


# The paid call.


def test_no_submit_asks_the_vendor_to_hold_the_connection(replicate: Replicate) -> None:
    assert prepared(replicate).call.headers == {}


def test_a_version_goes_beside_the_input_and_a_price_by_time_has_a_deadline(
    replicate: Replicate, sandbox: Sandbox
) -> None:
    call = prepared(replicate, model=BY_VERSION).call
    assert call.path == "/v1/predictions"
    assert call.json["version"] == VERSION
    assert set(call.json) == {"input", "version"}
    assert call.headers == {"Cancel-After": "1800s"}
    for wanted, sent in ((60, "60s"), (7200, "1800s")):
        other = adapter(sandbox, cancel_after=wanted)
        assert prepared(other, model=BY_VERSION).call.headers == {"Cancel-After": sent}
        assert prepared(other).call.headers == {"Cancel-After": f"{wanted}s"}
        other.close()


def test_an_account_with_a_webhook_asks_for_the_end_only(sandbox: Sandbox) -> None:
    replicate = adapter(sandbox, webhook="https://h.example/hook")
    body = prepared(replicate).call.json
    assert body["webhook"] == "https://h.example/hook"
    assert body["webhook_events_filter"] == ["completed"]
    assert "webhook" not in body["input"]
    replicate.close()


def test_a_webhook_is_verified_by_the_secret_that_the_vendor_tells(sandbox: Sandbox) -> None:
    with receiving() as received:
        replicate = adapter(sandbox, webhook=received.url)
        job = replicate.submit(prepared(replicate), "a")
        sandbox.advance(200)
    ((headers, body),) = received.seen
    event = replicate.parse_webhook(headers, body)
    assert (event.job_id, event.state) == (job.id, State.SUCCEEDED)
    said, polled = replicate.noticed(job, event), replicate.poll(job)
    assert said.result is not None
    assert polled.result is not None
    assert said.result.url == polled.result.url
    assert said.result.cost == polled.result.cost
    with pytest.raises(SignatureError):
        replicate.parse_webhook(headers, body + b" ")
    replicate.close()


@pytest.mark.parametrize(
    ("width", "height", "good"), [(400, 1000, True), (400, 1001, False), (1001, 400, False)]
)
def test_a_picture_is_at_most_two_and_a_half_times_as_long_as_wide(
    *, width: int, height: int, good: bool, replicate: Replicate
) -> None:
    request = mk.Mimic(sample_picture(), sample_clip(4.0, height=400))
    offer = pick_offer(replicate.offers, "mimic", None, target="studio")
    facts = probe.inspect_all(request.media())
    facts["image"] = attrs.evolve(facts["image"], width=width, height=height)
    if good:
        fit_at(replicate, request, offer, facts)
        return
    with pytest.raises(InvalidRequest, match=r"1:2\.5 to 2\.5:1") as caught:
        fit_at(replicate, request, offer, facts)
    assert (caught.value.field, caught.value.value) == ("image", f"{width} x {height} pixels")
