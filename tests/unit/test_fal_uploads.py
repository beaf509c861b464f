"""fal's uploads: a signed address without the key, pinned hosts, parts, a file that changes."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
from scripted import HeldUploads

import motionkit as mk
from motionkit.errors import Billed, InsufficientCredits, InvalidRequest, ProtocolError
from motionkit.model import media, probe
from motionkit.model.job import State
from motionkit.model.submission import Submission
from motionkit.provider import fit_at, pick_offer, signed_address
from motionkit.sandbox import Sandbox, sample_clip, sample_picture
from motionkit_fal import uploads
from motionkit_fal.adapter import Fal, Settings
from motionkit_fal.sandbox import FalSandbox

KEY = "0f0e0d0c-sandbox:0123456789abcdef"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=[partial(FalSandbox, signed=True)], job_seconds=100) as running:
        yield running


@pytest.fixture
def fal(sandbox: Sandbox) -> Iterator[Fal]:
    made = Fal("studio", Settings(api_key=KEY, base_url=sandbox.url), HeldUploads())
    yield made
    made.close()


def prepared(fal: Fal, request: mk.Request, model: str | None = None) -> Submission:
    offer = pick_offer(fal.offers, request.operation, model, target="studio")
    facts = probe.inspect_all(request.media())
    return fal.prepare(fit_at(fal, request, offer, facts))


def mimic() -> mk.Request:
    return mk.Mimic(sample_picture(), sample_clip(2.0, height=64))


def ledger(sandbox: Sandbox) -> Any:
    return sandbox.ledger()["vendors"]["fal"]


def test_a_signed_address_gets_the_file_its_query_unchanged_and_no_key(
    fal: Fal, sandbox: Sandbox
) -> None:
    made = prepared(fal, mimic())
    assert made.call.json["image_url"].startswith(f"{sandbox.url}/files/b/")
    assert made.token == made.call.json["image_url"]
    fal.submit(made, "a")
    assert ledger(sandbox)["accounts"]["default"]["uploads"] == 2


def test_the_picture_is_uploaded_for_each_submission_and_the_clip_once(fal: Fal) -> None:
    first, second = prepared(fal, mimic()), prepared(fal, mimic())
    assert first.call.json["image_url"] != second.call.json["image_url"]
    assert first.call.json["video_url"] == second.call.json["video_url"]
    assert first.token != second.token


def test_without_a_picture_the_clip_is_what_tells_submissions_apart(fal: Fal) -> None:
    request = mk.Upscale(sample_clip(2.0, height=64))
    first, second = prepared(fal, request), prepared(fal, request)
    assert first.token is not None
    assert first.token != second.token


def test_media_given_as_urls_have_no_token(fal: Fal) -> None:
    made = prepared(fal, mk.Mimic("https://h.example/a.png", "https://h.example/b.mp4"))
    assert made.token is None
    assert made.call.json["image_url"] == "https://h.example/a.png"


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "ONE_PIECE", 1000)
    monkeypatch.setattr(uploads, "PART", 700)


def test_a_large_file_goes_in_parts_and_is_whole_again(
    fal: Fal, sandbox: Sandbox, small_parts: None
) -> None:
    made = prepared(fal, mimic())
    assert made.calls[0].path == "/storage/upload/initiate-multipart"
    fal.submit(made, "a")
    sandbox.advance(200)
    (job,) = ledger(sandbox)["accounts"]["default"]["jobs"]
    assert job["charge"] == "0.08", "the clip was read: two seconds at 480p"


def test_a_file_that_changes_between_its_parts_is_not_completed(
    fal: Fal, small_parts: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = tmp_path / "dance.mp4"
    clip.write_bytes(sample_clip(2.0, height=64))
    request = mk.Mimic(sample_picture(), clip)
    offer = pick_offer(fal.offers, "mimic", None, target="studio")
    fitted = fit_at(fal, request, offer, probe.inspect_all(request.media()))
    content = bytearray(clip.read_bytes())
    content[-1] ^= 1
    clip.write_bytes(content)
    with pytest.raises(InvalidRequest, match="changed while it was sent"):
        fal.prepare(fitted)


def test_a_file_that_goes_away_is_this_machines_fault_and_nothing_was_bought(
    fal: Fal, small_parts: None, tmp_path: Path
) -> None:
    clip = tmp_path / "dance.mp4"
    clip.write_bytes(sample_clip(2.0, height=64))
    request = mk.Mimic(sample_picture(), clip)
    offer = pick_offer(fal.offers, "mimic", None, target="studio")
    fitted = fit_at(fal, request, offer, probe.inspect_all(request.media()))
    clip.unlink()
    with pytest.raises(InvalidRequest, match="cannot be read any more") as caught:
        fal.prepare(fitted)
    assert caught.value.billed is Billed.NO


HOSTS = [
    ("https://v3b.fal.media/put/x", True),
    ("https://fal.media/put/x", True),
    ("https://storage.googleapis.com/bucket/x?X-Goog-Signature=a", True),
    ("https://evil.example/put/x", False),
    ("https://fal.media.evil.example/put/x", False),
    ("https://evilfal.media/put/x", False),
    ("https://v3b.fal.media:8443/put/x", False),
    ("http://v3b.fal.media/put/x", False),
    ("https://user@v3b.fal.media/put/x", False),
    ("https://169.254.169.254/put/x", False),
    ("http://127.0.0.1:9/put/x", False),
    ("", False),
]


@pytest.mark.parametrize(("target", "known"), HOSTS)
def test_a_file_goes_to_hosts_of_the_vendor_only(target: str, known: bool) -> None:
    fal = Fal("studio", Settings(api_key=KEY), HeldUploads())
    opened = signed_address(target, "PUT", fal._http, fal._uploads, "upload", hosts=uploads.HOSTS)
    if not known:
        with pytest.raises(ProtocolError, match="no usable address of the vendor's"), opened:
            raise AssertionError("nothing is sent")
    else:
        with opened as (http, call):
            assert http._auth == {}
            assert http.url(call) == target
    fal.close()


def test_a_job_that_does_not_start_in_the_time_of_the_account_ends_without_a_charge(
    sandbox: Sandbox,
) -> None:
    settings = Settings(api_key=KEY, base_url=sandbox.url, start_timeout=2, no_retry=True)
    fal = Fal("studio", settings, HeldUploads())
    made = prepared(fal, mimic())
    assert made.call.headers == {
        "x-app-fal-disable-fallback": "true",
        "X-Fal-No-Retry": "1",
        "X-Fal-Request-Timeout": "2",
    }
    job = fal.submit(made, "a")
    sandbox.advance(200)
    status = fal.poll(job)
    assert (status.state, status.code) == (State.FAILED, "request_timeout")
    assert status.billed is Billed.NO
    (run,) = ledger(sandbox)["accounts"]["default"]["jobs"]
    assert Decimal(run["charge"]) == 0
    fal.close()


def test_a_locked_account_cannot_upload_and_nothing_was_bought(sandbox: Sandbox) -> None:
    sandbox.add_account("fal", "poor:key", balance="0")
    fal = Fal("poor", Settings(api_key="poor:key", base_url=sandbox.url), HeldUploads())
    with pytest.raises(InsufficientCredits) as caught:
        prepared(fal, mimic())
    assert caught.value.billed is Billed.NO
    fal.close()


@pytest.mark.parametrize("reply", ["{}", '{"upload_url": 7, "file_url": "https://x.example/"}'])
def test_a_response_without_an_address_is_an_error(reply: str, fal: Fal, sandbox: Sandbox) -> None:
    sandbox.fault(f"http:upload:status=200:body={reply}:times=0")
    with pytest.raises(ProtocolError) as caught:
        prepared(fal, mimic())
    assert caught.value.billed is Billed.NO


def test_facts_of_a_missing_size_are_one_piece(fal: Fal) -> None:
    facts = probe.inspect(media.Data(sample_picture()), "image")
    assert fal._storage.call(attrs.evolve(facts, size=None)).path == "/storage/upload/initiate"
