"""The numbers of a report are those of the journal, and what does not count is counted beside."""

from __future__ import annotations

import datetime as dt
import json
import types
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

import motionkit as mk
from motionkit.errors import Billed, ContentBlocked, InsufficientCredits, JobFailed, SubmitUncertain
from motionkit.journal import Attempt, Journal, NewPurchase, PurchaseRecord
from motionkit.model.job import KeyState, State, Status
from motionkit.model.money import Basis, Cost, CostBasis, Quote, Unit
from motionkit.model.rating import Rating
from motionkit.model.submission import Call, Submission
from motionkit.purchase import Jobs
from motionkit.report import figures, read_figures
from motionkit.report.figures import Counts, Failure, Target, Wait, reason_of
from motionkit.sandbox import sample_clip

NOW = 1_800_000_000.0
DAY = 86_400.0
QUOTE = Quote(Decimal(30), Decimal(40), Decimal(60), Unit.CREDIT, Decimal("0.30"), Decimal("0.40"),
              Decimal("0.60"), Basis.LISTED, "a page", None)  # fmt: skip


def cost(amount: str, basis: CostBasis = CostBasis.REPORTED, *, usd: bool = True) -> Cost:
    return Cost(Decimal(amount), Unit.CREDIT, Decimal(amount) / 100 if usd else None, basis)


def record(key: str = "k1", model: str = "m1", **changes: Any) -> PurchaseRecord:
    """A result of 4 ordered seconds for 40 credits, after 60 seconds."""
    submission = Submission(
        "shop", "studio", "mimic", model, Call("POST", "/jobs"), clip_seconds=4.0
    )
    job = attrs.evolve(
        submission.job("7", fingerprint="f" * 16, attempt_id="a1"),
        key=key,
        submitted_at=dt.datetime.fromtimestamp(NOW, dt.UTC),
    )
    attempt = Attempt("a1", key, "studio", "f" * 16, submission, "accepted", 1, NOW, job)
    made = PurchaseRecord(
        key=key,
        request="r1",
        via="studio",
        description={"operation": "mimic"},
        state=State.SUCCEEDED,
        ambiguous=False,
        quote=QUOTE,
        cost=cost("40"),
        error=None,
        word="5",
        out=None,
        delivered=None,
        sha256=None,
        created=NOW - 1,
        updated=NOW,
        attempts=(attempt,),
        finished=NOW + 60,
        reserved_at=NOW - 1,
    )
    return attrs.evolve(made, **changes)


def counted(*records: PurchaseRecord, films: dict[str, float] | None = None) -> figures.Figures:
    counts = Counts()
    for one in records:
        counts.add(one, (films or {}).get(one.key))
    return counts.figures()


M1, M2 = Target(sandbox=False, name="studio/m1"), Target(sandbox=False, name="studio/m2")


def test_a_delivered_second_costs_what_all_results_cost_together() -> None:
    found = counted(
        record("k1"), record("k2", cost=cost("80"), attempts=record("k2").attempts),
        films={"k2": 8.0},
    )  # fmt: skip
    (price,) = found.prices
    assert (price.target, price.unit, price.assumed, price.jobs) == (M1, Unit.CREDIT, False, 2)
    assert (price.amount, price.seconds, price.measured) == (Decimal(120), Decimal("12.0"), 1)
    assert (price.per_second, price.usd_per_second) == (Decimal(10), Decimal("0.1"))


def test_reported_charges_and_assumed_ones_are_prices_of_their_own() -> None:
    found = counted(
        record("k1"), record("k2", cost=None), record("k3", cost=cost("20", CostBasis.ASSUMED))
    )
    assert [(one.assumed, one.jobs, one.amount) for one in found.prices] == [
        (True, 2, Decimal(60)),
        (False, 1, Decimal(40)),
    ]


def test_the_cheapest_target_is_first_and_one_of_unknown_dollars_last() -> None:
    found = counted(
        record("k1", "m1"),
        record("k2", "m2", cost=cost("4")),
        record("k3", "m3", cost=cost("1", usd=False)),
        record("k4", "m4", cost=cost("1"), sandbox=True),
    )
    assert [one.target.name for one in found.prices] == [
        *("studio/m2", "studio/m1", "studio/m3", "studio/m4")
    ]
    assert [one.target.sandbox for one in found.prices] == [False, False, False, True]
    assert found.prices[2].usd_per_second is None
    assert found.prices[2].per_second == Decimal("0.25")


def test_what_is_in_no_price_is_counted_beside_it() -> None:
    no_length = attrs.evolve(record("k").attempts[0].submission, clip_seconds=None)
    without = (attrs.evolve(record("k").attempts[0], submission=no_length),)
    found = counted(
        record("length", attempts=without),
        record("price", quote=None, cost=None),
        record("free", cost=cost("0")),
        record("back", cost=cost("0", CostBasis.REFUNDED)),
        record("doubt", ambiguous=True, cost=None),
        record("runs", state=State.RUNNING, cost=None, finished=None),
        record("sent", state=KeyState.UNCERTAIN, cost=None, finished=None, ambiguous=True),
        record("strange", state=State.UNKNOWN, cost=None, finished=None),
    )
    assert found.prices == ()
    assert (found.unknown_length, found.unpriced, found.free, found.uncertain) == (1, 1, 2, 2)
    assert (found.purchases, found.results, found.unfinished) == (8, 5, 2)
    assert found.failures == ()  # neither uncertain nor unknown is a failure


def test_the_length_of_a_film_is_read_from_its_file(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(sample_clip(2.0))
    seconds = figures.film_seconds(record(delivered=str(film)))
    assert seconds == pytest.approx(2.0, abs=0.1)
    assert figures.film_seconds(record(delivered=str(tmp_path / "gone.mp4"))) is None
    assert figures.film_seconds(record()) is None


def test_times_are_those_of_results_that_were_observed_as_they_came() -> None:
    records = [record(f"k{n}", finished=NOW + n) for n in range(1, 12)]
    records += [record("late", timed=False), record("m2", "m2", finished=NOW + 5)]
    records.append(record("no", state=State.FAILED, finished=NOW + 900))
    found = counted(*records)
    assert found.waits == (
        Wait(target=M2, n=1, p50=5.0, p90=5.0),
        Wait(target=M1, n=11, p50=6.0, p90=10.0),
    )
    assert found.unobserved == 1


def failed(key: str, state: State | KeyState, error: mk.MotionKitError) -> PurchaseRecord:
    return record(key, state=state, cost=None, error=error.to_dict(), finished=None)


def test_failures_are_grouped_by_what_the_vendor_says_without_ids() -> None:
    job = record().job
    assert job is not None

    def why(kind: type[mk.MotionKitError], text: str) -> mk.MotionKitError:
        return kind(text, provider="shop", billed=Billed.UNKNOWN, job=job)

    blocked = "job 7 at studio was blocked (vendor status 7): request 0123456789abcdef is unsafe"
    found = counted(
        failed("k1", State.BLOCKED, why(ContentBlocked, blocked)),
        failed("k2", State.BLOCKED, why(ContentBlocked, blocked.replace("0123", "9876"))),
        failed("k3", State.FAILED, why(JobFailed, "job 7 at studio failed (vendor status 8)")),
        failed("k4", State.FAILED, why(mk.errors.JobCancelled, "job 7 at studio was cancelled")),
        failed("k5", State.GONE, why(mk.errors.JobGone, "job 7 at studio is gone")),
        failed("k6", KeyState.REFUSED, InsufficientCredits("shop: the balance is too low")),
        attrs.evolve(
            failed("k7", KeyState.REFUSED, SubmitUncertain("lost", key="k7")), ambiguous=True
        ),
    )
    assert found.failures == (
        Failure(
            kind="blocked",
            reason="shop: was blocked (vendor status 7): request ... is unsafe",
            jobs=2,
        ),
        Failure(kind="cancelled", reason="shop: was cancelled", jobs=1),
        Failure(kind="failed", reason="shop: failed (vendor status 8)", jobs=1),
        Failure(kind="gone", reason="shop: is gone", jobs=1),
        Failure(kind="refused", reason="shop: the balance is too low", jobs=1),
    )
    assert found.uncertain == 1


def test_a_failure_without_a_word_and_one_with_many_have_a_reason() -> None:
    assert reason_of(record(state=State.FAILED)) == "shop: no reason is recorded"
    long = reason_of(record(error={"message": "x" * 5000}))
    assert long.endswith("x...")
    assert len(long) < 250


def test_ratings_are_added_up_by_target() -> None:
    counts = Counts()
    for number, stars in enumerate((5, 4, 4)):
        counts.add(record(f"k{number}"), None, Rating(f"k{number}", stars))
    counts.add(record("other", "m2"), None, Rating("other", 5))
    counts.add(record("unrated"))
    found = counts.figures().ratings
    assert [(one.target, one.n, one.mean) for one in found] == [(M2, 1, 5.0), (M1, 3, 13 / 3)]


def test_the_labels_that_most_jobs_have_are_added_up_and_the_others_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(figures, "MOST_LABELS", 1)
    found = counted(
        record("k0"),
        record("k1", labels={"shot": "1"}),
        record("k2", labels={"project": "spring", "shot": "2"}),
        record("k3", labels={"project": "spring"}),
        record("k4", labels={"project": "autumn"}),
    )
    assert found.more_labels == ("shot",)
    rows = found.labels["project"]
    assert {one.name: (one.jobs, one.amounts.charged) for one in rows} == {
        "spring": (2, Decimal(80)),
        None: (2, Decimal(80)),
        "autumn": (1, Decimal(40)),
    }


@pytest.fixture
def client(database: Path | str) -> Iterator[Any]:
    """What the figures read of a client, over a journal with purchases of every kind."""

    def none() -> Any:
        raise AssertionError("figures need no account")

    with Journal(database) as journal:
        for number in range(7):
            key, labels = f"k{number}", {"project": "a" if number % 2 else "b"}
            made = NewPurchase(
                key=key, request=key, via="studio", description={}, again=True, quote=QUOTE,
                labels=labels if number else {}, sandbox=number == 6,
            )  # fmt: skip
            submission = record(key).attempts[0].submission
            attempt = journal.intend(made, f"a-{key}", submission, "f" * 16)
            job = attrs.evolve(
                submission.job(f"v{number}", fingerprint="f" * 16, attempt_id=attempt.id), key=key
            )
            if number == 5:
                journal.uncertain(attempt, SubmitUncertain("lost", key=key))
                continue
            assert journal.accepted(attempt, job)
            states = {1: State.FAILED, 2: State.RUNNING}
            state = states.get(number, State.SUCCEEDED)
            journal.observed(
                job,
                Status(state, "5", job.submitted_at),
                cost(f"{number}0") if state is State.SUCCEEDED else None,
            )
            journal.store.execute(
                "UPDATE purchases SET reserved_at=:at WHERE key=:key",
                {"at": NOW - number // 2 * DAY, "key": key},
            )
        jobs = Jobs(journal, none)
        jobs.rate("k3", 4)
        yield types.SimpleNamespace(jobs=jobs, journal=journal)


def test_the_spend_of_a_report_is_that_of_the_verb_spend(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "_PAGE", 2)
    found = read_figures(client)
    assert list(found.days) == client.journal.spend("day")
    assert list(found.labels["project"]) == client.journal.spend("label", label="project")
    assert len({one.name for one in found.days}) > 2
    assert (found.purchases, found.unfinished, found.uncertain) == (7, 1, 1)
    assert [one.jobs for one in found.failures] == [1]
    assert [(one.n, one.mean) for one in found.ratings] == [(1, 4.0)]


def test_figures_are_of_the_keys_or_of_the_filters_that_are_asked_for(client: Any) -> None:
    assert read_figures(client, ["k3", "k4", "none"]).purchases == 2
    assert read_figures(client, []).purchases == 0
    assert read_figures(client, label={"project": "a"}).purchases == 3
    assert read_figures(client, state="failed", headers=False).failures[0].jobs == 1


def test_what_was_pruned_is_in_no_number_and_is_counted(client: Any) -> None:
    assert read_figures(client).pruned == 0
    assert client.journal.prune(client.journal.now() + 10).jobs == 1
    found = read_figures(client)
    assert (found.purchases, found.pruned, found.failures) == (6, 1, ())


def test_the_numbers_are_data_too(client: Any) -> None:
    data = read_figures(client).to_dict()
    text = json.loads(json.dumps(data))
    assert text == data
    assert text["purchases"] == 7
    assert {one["per_second"] for one in text["prices"]} == {"8.75", "15"}
    assert text["days"][0]["amounts"]["charged"].isdigit()
