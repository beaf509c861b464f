"""What a page shows of a purchase is what the journal has of it, in words for people."""

from __future__ import annotations

import datetime as dt
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

import motionkit as mk
from motionkit.errors import Billed, JobFailed, SubmitUncertain
from motionkit.journal import Attempt, PurchaseRecord
from motionkit.model.media import MediaRecord
from motionkit.model.money import Basis, CostBasis, Unit
from motionkit.model.submission import Call, Submission
from motionkit.report import Tone, purchase_view, request_views
from motionkit.sandbox import sample_clip

NOW = 1_800_000_000.0
QUOTE = mk.Quote(
    *(Decimal(one) for one in ("40", "48", "60")),
    Unit.CREDIT,
    *(Decimal(one) for one in ("0.40", "0.48", "0.60")),
    Basis.LISTED,
    "https://prices.test/list",
    dt.date(2026, 11, 1),
)
COST = mk.Cost(Decimal(48), Unit.CREDIT, Decimal("0.48"), CostBasis.REPORTED)
MEDIA = (
    MediaRecord("image", "image", "hero.png", "/media/hero.png", "a" * 64),
    MediaRecord("video", "video", "dance.mp4", "/media/dance.mp4", "b" * 64),
)


def record(**changes: Any) -> PurchaseRecord:
    submission = Submission(
        "shop", "studio", "mimic", "m1", Call("POST", "/jobs"), quality="540p", clip_seconds=4.0
    )
    job = attrs.evolve(
        submission.job("7", fingerprint="f" * 16, attempt_id="a1"),
        key="k1",
        submitted_at=dt.datetime.fromtimestamp(NOW - 100, dt.UTC),
    )
    attempt = Attempt("a1", "k1", "studio", "f" * 16, submission, "accepted", 1, NOW - 100, job)
    made = PurchaseRecord(
        key="k1",
        request="r1",
        via="studio",
        description={"operation": "mimic", "image": "hero.png", "video": "dance.mp4"},
        state=mk.State.SUCCEEDED,
        ambiguous=False,
        quote=QUOTE,
        cost=COST,
        error=None,
        word="5",
        out=None,
        delivered=None,
        sha256=None,
        created=NOW - 101,
        updated=NOW,
        attempts=(attempt,),
        finished=NOW - 40,
        media=MEDIA,
    )
    return attrs.evolve(made, **changes)


def test_a_delivered_purchase_says_target_money_time_and_the_files_own_size(tmp_path: Path) -> None:
    film = tmp_path / "out.mp4"
    film.write_bytes(sample_clip())
    view = purchase_view(record(delivered=str(film)), now=NOW)
    assert (view.target, view.state_text, view.tone) == ("studio/m1", "succeeded", Tone.GOOD)
    assert view.cost is not None
    assert view.quote is not None
    assert view.cost.text == "48 credits = 0.48 USD"
    assert view.cost.basis_text == "reported by the vendor"
    assert view.price_text == "48 credits = 0.48 USD (reported)"
    assert (view.quote.basis, view.quote.source) == ("listed", "https://prices.test/list")
    assert (view.seconds_taken, view.seconds_asked) == (60.0, 4.0)
    assert (view.quality_asked, view.quality_sent) == (None, "540p")
    assert view.film is not None
    assert view.film.present
    assert view.film.size == len(sample_clip())
    assert view.film.pixels == "270 × 480"  # noqa: RUF001


def test_pixels_and_seconds_of_headers_are_those_that_a_decoder_finds(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    film = tmp_path / "out.mp4"
    film.write_bytes(sample_clip(3.0))
    view = purchase_view(record(delivered=str(film)), now=NOW).film
    assert view is not None
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        assert (view.width, view.height) == (stream.width, stream.height)
        assert view.seconds == pytest.approx(float(stream.duration * stream.time_base))


@pytest.mark.parametrize(
    ("changes", "text", "tone"),
    [
        ({}, "succeeded, not downloaded", Tone.DOUBT),
        ({"forgotten": NOW}, "succeeded, given up", Tone.QUIET),
        ({"state": mk.State.RUNNING}, "running", Tone.BUSY),
        ({"state": mk.State.UNKNOWN}, "unknown", Tone.DOUBT),
        ({"state": mk.State.BLOCKED}, "blocked", Tone.BAD),
        ({"state": mk.KeyState.UNCERTAIN, "ambiguous": True}, "uncertain", Tone.DOUBT),
        ({"state": mk.State.FAILED, "ambiguous": True}, "failed, uncertain", Tone.DOUBT),
        ({"state": mk.KeyState.REFUSED}, "refused", Tone.QUIET),
    ],
)
def test_each_state_has_words_and_no_unknown_one_counts_as_failed(
    changes: dict[str, Any], text: str, tone: Tone
) -> None:
    view = purchase_view(record(**changes), now=NOW)
    assert (view.state_text, view.tone) == (text, tone)


def test_what_may_have_been_charged_is_never_called_free() -> None:
    lost = {"state": mk.KeyState.UNCERTAIN, "ambiguous": True, "cost": None}
    error = SubmitUncertain("the connection broke", key="k1").to_dict()
    view = purchase_view(record(**lost, error=error), now=NOW)
    assert (view.free, view.uncertain, view.billed) == (False, True, "unknown")
    assert view.price_text.endswith("(quoted)")
    refused = record(state=mk.KeyState.REFUSED, cost=None)
    assert purchase_view(refused, now=NOW).price_text == "nothing: it was refused"
    may = attrs.evolve(refused, ambiguous=True)
    assert purchase_view(may, now=NOW).price_text.endswith("(quoted)")


def test_how_long_a_job_usually_takes_is_not_said_of_a_sandbox_with_its_own_speed() -> None:
    made = record()
    (attempt,) = made.attempts
    assert attempt.job is not None
    attempt = attrs.evolve(attempt, job=attrs.evolve(attempt.job, expected_seconds=133.0))
    real, there = (attrs.evolve(made, attempts=(attempt,), sandbox=one) for one in (False, True))
    assert purchase_view(real, now=NOW).seconds_expected == 133.0
    assert purchase_view(there, now=NOW).seconds_expected is None


def test_a_failed_purchase_says_what_the_vendor_said_and_whether_it_was_charged() -> None:
    error = JobFailed("job 7 failed: <b>bad</b>", billed=Billed.YES).to_dict()
    view = purchase_view(record(state=mk.State.FAILED, error=error), now=NOW)
    assert (view.problem, view.billed) == ("job 7 failed: <b>bad</b>", "yes")


def test_a_pipe_in_the_place_of_a_film_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "out.mp4")
    film = purchase_view(record(delivered=str(tmp_path / "out.mp4")), now=NOW).film
    assert film is not None
    assert not film.present


def test_a_file_that_is_gone_or_in_a_store_is_not_present(tmp_path: Path) -> None:
    gone = purchase_view(record(delivered=str(tmp_path / "gone.mp4")), now=NOW).film
    store = purchase_view(record(delivered="s3://films/k1.mp4"), now=NOW).film
    assert gone is not None
    assert store is not None
    assert (gone.present, gone.name) == (False, "gone.mp4")
    assert (store.present, store.path, store.place) == (False, None, "s3://films/k1.mp4")


def test_the_same_request_at_two_targets_and_its_takes_are_one_group() -> None:
    asked = {"operation": "mimic", "image": "hero.png", "video": "dance.mp4"}
    records = [
        record(),
        record(key="k2", via="other", request="r2"),
        record(key="t-1", take=1, description={**asked, "seed": 7}),
        record(key="t-2", take=2, description={**asked, "seed": 8}),
        record(key="k3", description={**asked, "quality": "720p"}),
        record(key="k4", media=(MEDIA[0], attrs.evolve(MEDIA[1], sha256="c" * 64))),
        record(key="old", media=None),
    ]
    groups = [[one.key for one in found.purchases] for found in request_views(records, now=NOW)]
    assert groups == [["k1", "k2", "t-1", "t-2"], ["k3"], ["k4"], ["old"]]


def test_a_purchase_of_an_older_version_says_why_its_media_are_not_shown() -> None:
    (request,) = request_views([record(media=None)], now=NOW)
    assert "older motionkit" in request.media_note
    assert ("video", "dance.mp4") in request.values
