"""Segmind's blocking calls: the answer is on disk before anything of it is read."""

from __future__ import annotations

import datetime as dt
import json
import os
import stat
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from support import Scripted, answer, refused_port

import motionkit as mk
from motionkit.config import Account, Config, Defaults
from motionkit.errors import (
    AuthenticationError,
    Billed,
    DownloadFailed,
    InsufficientCredits,
    InvalidRequest,
    JournalError,
    MotionKitError,
    ProtocolError,
    ProviderUnavailable,
    SubmitUncertain,
)
from motionkit.http import NotSent, session
from motionkit.model.job import Job, Output, Result, State, UnknownReason, utcnow
from motionkit.model.submission import Call, Submission
from motionkit.provider import fit_at, spool
from motionkit.provider.fit import inspect
from motionkit.sandbox import Sandbox
from motionkit.testing import samples
from motionkit_segmind.adapter import Segmind, Settings

FILM = samples.CLIP + (20_000).to_bytes(4) + b"free" + bytes(19_992)
ATTEMPT = "5f0c2d5e-0000-4000-8000-000000000001"
BODY = {"image_url": "https://h.example/a.png", "video_url": "https://h.example/b.mp4"}
SUBMISSION = Submission(
    "segmind",
    "acme",
    "mimic",
    "p-video-animate",
    Call("POST", "/v1/p-video-animate", json=BODY, paid=True),
    token="https://h.example/a.png",
    timeout=5.0,
)
HEADERS = {
    "Content-Type": "video/mp4",
    "x-cost": "0.41",
    "x-remaining-credits": "9.59",
    "x-request-id": "r-1",
    "x-generation-time": "33.5",
}

pytestmark = pytest.mark.usefixtures("home")


class Once:
    """Uploads that are simply sent."""

    limiter = None

    def put(self, account: str, slot: str, sha256: str | None, send: Callable[[], str]) -> str:
        return send()


def adapter(url: str, **settings: Any) -> Segmind:
    made = Settings(api_key="key-0123456789", base_url=url, mode="sync", **settings)
    return Segmind("acme", made, Once())


def bought(*answers: bytes, submission: Submission = SUBMISSION) -> tuple[Job, Segmind]:
    with Scripted(*answers) as server:
        made = adapter(server.url)
        return made.submit(submission, ATTEMPT), made


def broken(*answers: bytes) -> MotionKitError:
    """Return the error of a submit that may have been billed."""
    with pytest.raises(MotionKitError) as caught:
        bought(*answers)
    assert caught.value.billed is Billed.UNKNOWN
    return caught.value


def unbounded(body: bytes) -> bytes:
    """Build an answer that ends where the connection does."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nConnection: close\r\n\r\n" + body


def kept() -> Path:
    return spool.path(ATTEMPT)


# A whole answer.


def test_the_film_is_kept_for_its_owner_alone_and_its_headers_tell_the_cost() -> None:
    job, made = bought(answer(FILM, headers=HEADERS))
    assert kept().read_bytes() == FILM
    assert stat.S_IMODE(kept().stat().st_mode) == 0o600
    assert stat.S_IMODE(kept().parent.stat().st_mode) == 0o700
    assert (job.id, job.attempt_id) == ("r-1", ATTEMPT)
    assert job.cost is not None
    assert job.cost.usd == Decimal("0.41")
    assert job.data == {
        "spool": ATTEMPT,
        "content_type": "video/mp4",
        "generation_time": "33.5",
        "remaining_credits": "9.59",
    }
    result = made.result(Job.from_json(job.to_json()))  # the server is gone: nothing is asked
    assert result.url == kept().as_uri()
    assert result.cost == job.cost
    assert result.seconds == 33.5
    (output,) = result.outputs
    assert (output.kind, output.size, output.content_type) == ("video", len(FILM), "video/mp4")


def test_the_call_goes_to_v1_and_takes_any_kind_of_answer() -> None:
    with Scripted(answer(FILM, headers=HEADERS)) as server:
        adapter(server.url).submit(SUBMISSION, ATTEMPT)
        (request,) = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/p-video-animate HTTP/1.1")
    assert b"Accept: */*" in head
    assert json.loads(body) == BODY


def test_every_model_is_bought_so_in_sync_mode_and_has_the_time_it_takes() -> None:
    made = adapter("https://gate.example", sync_timeout=240.0)
    for offer in made.offers:
        if offer.operation == "mimic":
            request = mk.Mimic("https://h.example/a.png", "https://h.example/b.mp4")
            submission = made.prepare(fit_at(made, request, offer, inspect(request)))
            assert submission.call.path == f"/v1/{offer.model}"
            assert submission.timeout == 240.0


@pytest.mark.parametrize("told", ["../../x", "", "a/b", "x" * 300])
def test_what_is_no_id_is_not_taken_for_one(told: str) -> None:
    job, _ = bought(answer(FILM, headers=HEADERS | {"x-request-id": told}))
    assert job.id == ATTEMPT


@pytest.mark.parametrize("told", ["free", "-1", "NaN", ""])
def test_a_cost_that_is_no_amount_is_unknown(told: str) -> None:
    job, _ = bought(answer(FILM, headers=HEADERS | {"x-cost": told}))
    assert job.cost is None


def test_a_film_without_a_length_counts_when_its_boxes_fill_it() -> None:
    job, made = bought(unbounded(FILM))
    assert made.poll(job).state is State.SUCCEEDED


@pytest.mark.parametrize(
    ("told", "urls"),
    [
        ({"output": "https://f.example/a.mp4"}, ["https://f.example/a.mp4"]),
        ({"video": {"url": "https://f.example/a.mp4"}}, ["https://f.example/a.mp4"]),
        (["https://f.example/a.mp4"], ["https://f.example/a.mp4"]),
    ],
)
def test_an_answer_in_json_names_its_file(told: Any, urls: list[str]) -> None:
    text = json.dumps(told).encode()
    job, made = bought(answer(text, headers=HEADERS | {"Content-Type": "application/json"}))
    assert kept().read_bytes() == text
    assert [output.url for output in made.result(job).outputs] == urls


def test_an_answer_that_somebody_has_changed_is_a_doubt() -> None:
    job, made = bought(answer(FILM, headers=HEADERS))
    kept().write_bytes(b"{}")
    status = made.poll(job)
    assert (status.state, status.doubt, status.billed) == (
        State.UNKNOWN,
        UnknownReason.NO_OUTPUT,
        Billed.YES,
    )


@pytest.mark.parametrize("field", [b'"seed": NaN', b'"seed": 1e400', b'"prompt": 1, "prompt": 2'])
def test_a_field_that_nobody_needs_never_hides_what_was_paid_for(field: bytes) -> None:
    text = b'{"output": "https://images.segmind.com/generations/a.mp4", %s}' % field
    job, made = bought(answer(text, headers=HEADERS | {"Content-Type": "application/json"}))
    (output,) = made.result(job).outputs
    assert output.url == "https://images.segmind.com/generations/a.mp4"


# A broken one.


def test_an_answer_that_breaks_off_may_have_been_billed_and_what_came_is_named() -> None:
    error = broken(answer(FILM[:10_000], headers=HEADERS, length=len(FILM)))
    assert isinstance(error, ProviderUnavailable)
    assert str(kept()) in error.message
    assert kept().read_bytes() == FILM[:8192]  # in pieces; the last one did not come whole


BROKEN = {
    "cut": (unbounded(FILM[:500]), "is truncated"),
    "cut in its length": (answer(FILM[:500], headers=HEADERS), "is truncated"),
    "empty": (answer(b"", headers=HEADERS), "is empty"),
    "html": (answer(b"<html>busy</html>", headers=HEADERS), "is no media and names none"),
    "nothing": (answer(b"{}"), "is no media and names none"),
    "no JSON": (answer(b"not json"), "is no media and names none"),
    "a local file": (answer(b'{"output": "file:///etc/passwd"}'), "is no media and names none"),
    "nested": (answer(b"[" * 10_000), "is no media and names none"),
    "large": (answer(b" " * (session.JSON_LIMIT + 1)), "is no media and names none"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_whole_film_may_have_been_billed(name: str) -> None:
    reply, what = BROKEN[name]
    error = broken(reply)
    assert isinstance(error, ProtocolError)
    assert what in error.message
    assert (str(kept()) in error.message) is kept().exists() is (name != "empty")


@pytest.mark.parametrize("reply", [answer(FILM, headers=HEADERS), unbounded(FILM)])
def test_an_answer_beyond_every_film_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, reply: bytes
) -> None:
    monkeypatch.setattr(session, "SINK_LIMIT", 10_000)
    assert "exceeds 10000 bytes" in broken(reply).message
    assert not kept().exists() or kept().stat().st_size <= 10_000


def test_a_full_disk_is_no_proof_of_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    error = broken(answer(FILM, headers=HEADERS))
    assert isinstance(error, JournalError)
    assert "No space left" in error.message


@pytest.mark.parametrize(
    ("status", "kind", "billed"),
    [
        ("401 Unauthorized", AuthenticationError, Billed.NO),
        ("406 Not Acceptable", InsufficientCredits, Billed.NO),
        ("422 Unprocessable", InvalidRequest, Billed.NO),
        ("500 Oops", ProviderUnavailable, Billed.UNKNOWN),
        ("302 Found", ProtocolError, Billed.UNKNOWN),
    ],
)
def test_a_refusal_leaves_no_file(status: str, kind: type[MotionKitError], billed: Billed) -> None:
    with pytest.raises(kind) as caught:
        bought(answer(b'{"error": "told why"}', status))
    assert "told why" in caught.value.message
    assert caught.value.billed is billed
    assert not kept().exists()


def test_where_nothing_left_nothing_is_kept_and_nothing_was_bought() -> None:
    with pytest.raises(NotSent) as caught:
        adapter(f"http://127.0.0.1:{refused_port()}").submit(SUBMISSION, ATTEMPT)
    assert caught.value.billed is Billed.NO
    assert not kept().exists()


def test_where_no_answer_can_be_kept_nothing_is_bought() -> None:
    kept().parent.parent.mkdir(parents=True)
    kept().parent.write_text("in the way")
    with Scripted() as server:
        with pytest.raises(JournalError) as caught:
            adapter(server.url).submit(SUBMISSION, ATTEMPT)
        assert server.connections == 0
    assert caught.value.billed is Billed.NO


# Where it lies.


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "", ".", "a/b", "a\0b"])
def test_a_job_cannot_name_a_file_outside_the_folder(name: str) -> None:
    job = SUBMISSION.job("r", fingerprint="f", attempt_id="a", data={"spool": name})
    with pytest.raises(DownloadFailed):
        adapter("https://gate.example").poll(job)


def test_a_link_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(FILM)
    kept().parent.mkdir(parents=True)
    kept().symlink_to(secret)
    with pytest.raises(DownloadFailed):
        spool.open_kept(ATTEMPT)
    with pytest.raises(JournalError):
        spool.create(ATTEMPT)


def test_an_answer_that_is_not_here_is_asked_for_in_queue_and_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job, _ = bought(answer(FILM, headers=HEADERS))
    kept().unlink()
    asked: list[bytes] = []

    def history(request: bytes) -> bytes:
        asked.append(request)
        row = {"model_status": "COMPLETED", "generation_url": "https://f.example/a.mp4"}
        return answer(json.dumps(row).encode())

    with Scripted(answer(b'{"error": "?"}', "404 Not Found"), history) as server:
        status = adapter(server.url).poll(job)
    assert status.state is State.SUCCEEDED
    assert asked[0].startswith(b"GET /inference-request/request-history/r-1 ")


# Through the client, against the sandbox.


def client_of(sandbox: Sandbox, journal: Path) -> mk.Client:
    key = sandbox.environment["SEGMIND_API_KEY"]
    settings = Settings(api_key=key, base_url=sandbox.url, mode="sync", reconcile_window=0.1)
    config = Config(
        accounts={"segmind": Account("segmind", "segmind", settings)},
        defaults=Defaults(),
        journal=journal,
    )
    return mk.Client(config)


def test_a_blocking_call_is_bought_once_and_fetched_from_disk_in_another_process(
    tmp_path: Path,
) -> None:
    request = mk.Mimic(samples.PICTURE, samples.CLIP)
    with Sandbox(speed=1000, job_seconds=30) as sandbox:
        with client_of(sandbox, tmp_path / "journal.db") as client:
            job = client.submit(request, via="segmind/p-video-animate", key="k")
        with client_of(sandbox, tmp_path / "journal.db") as client:
            result = client.wait(client.jobs.get("k").job)
            path = client.download(result, tmp_path / "out.mp4")
            entry = client.jobs.get("k")
        told = sandbox.ledger()["vendors"]["segmind"]["accounts"]["default"]
    assert path.read_bytes() == spool.path(job.attempt_id).read_bytes()
    assert entry.sha256
    assert entry.delivered == str(path)
    assert entry.cost is not None
    assert entry.cost.usd == Decimal("0.41")
    assert (told["submits"], [one["id"] for one in told["jobs"]]) == (1, [job.id])
    assert set(told["calls"]) == {"upload", "submit"}


def test_a_broken_answer_is_settled_by_the_history_or_stays_uncertain(tmp_path: Path) -> None:
    request = mk.Mimic(samples.PICTURE, samples.CLIP)
    with (
        Sandbox(speed=1000, job_seconds=30) as sandbox,
        client_of(sandbox, tmp_path / "journal.db") as client,
    ):
        sandbox.fault("truncate:submit")
        job = client.submit(request, via="segmind/p-video-animate", key="k1")
        result = client.wait(job)
        assert result.cost is not None
        assert client.download(result, tmp_path / "out.mp4").stat().st_size > 0
        sandbox.fault("truncate:submit")
        sandbox.fault("http:history:status=503:times=0")
        with pytest.raises(SubmitUncertain) as caught:
            client.submit(request, via="segmind/p-video-animate", key="k2")
        broken_off = spool.path(client.jobs.get("k2").attempts[0].id)
    assert str(broken_off) in caught.value.message
    assert broken_off.stat().st_size > 0


def test_no_vendors_word_opens_a_file_of_this_machine(tmp_path: Path) -> None:
    with (
        Sandbox(speed=1000, job_seconds=30) as sandbox,
        client_of(sandbox, tmp_path / "journal.db") as client,
    ):
        job = client.submit(
            mk.Mimic(samples.PICTURE, samples.CLIP), via="segmind/p-video-animate", key="k"
        )
        foreign = tmp_path / "mine.mp4"
        foreign.write_bytes(FILM)
        for owner in (job, attrs.evolve(job, data={})):
            result = Result(owner, (Output(foreign.as_uri()),))
            with pytest.raises(DownloadFailed, match="not https"):
                client.download(result, tmp_path / "out.mp4")
        unowned = attrs.evolve(job, data={})
        with pytest.raises(DownloadFailed, match="not https"):
            client.download(
                Result(unowned, (Output(spool.address(job.attempt_id)),)), tmp_path / "out.mp4"
            )
    assert not (tmp_path / "out.mp4").exists()


def test_a_job_of_a_blocking_call_has_no_hour() -> None:
    job, made = bought(answer(FILM, headers=HEADERS))
    old = attrs.evolve(job, submitted_at=utcnow() - dt.timedelta(days=3))
    assert made.poll(old).state is State.SUCCEEDED
