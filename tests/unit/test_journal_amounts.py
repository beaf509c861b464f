"""Refunds, doubtful amounts and unobserved durations, as journal, budgets and quotes see them."""

from __future__ import annotations

import datetime as dt
import json
import logging
import math
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
import time_machine
from ledger import Place, change, options_at, set_clock
from support import NOON, job, submission

from motionkit import routing
from motionkit.cli import masks
from motionkit.client.client import Client
from motionkit.errors import Billed, MotionKitError
from motionkit.journal import Journal, NewPurchase, timed
from motionkit.model import money
from motionkit.model.budget import Budget
from motionkit.model.job import Job, State, Status
from motionkit.model.money import Balance, Basis, Cost, CostBasis, Quote, Unit
from motionkit.polling import observe
from motionkit.polling.schedule import LONGEST_GAP
from motionkit.purchase import compare
from motionkit.purchase.compare import Experience
from motionkit.testing.memory import Memory, MemoryStage
from motionkit.testing.stage import (
    ACCOUNT,
    JOB_SECONDS,
    Situation,
    sample_request,
)

DAY = Budget(name="a budget", limit=Decimal("0.50"), period="total", route=None)


def usd_quote(amount: str) -> Quote:
    usd = Decimal(amount)
    return Quote(usd, usd, usd, Unit.USD, usd, usd, usd, Basis.LISTED, "a page", None)


def cost_of(amount: str, basis: CostBasis = CostBasis.REPORTED) -> Cost:
    return Cost(Decimal(amount), Unit.USD, Decimal(amount), basis)


@pytest.fixture
def journal(database: Place) -> Iterator[Journal]:
    with Journal(database) as opened:
        yield opened


def buy(journal: Journal, key: str, quoted: str = "0.40", cost: Cost | None = None) -> None:
    wanted = NewPurchase(key=key, request=key, via="shop", description={}, quote=usd_quote(quoted))
    attempt = journal.sending(journal.intend(wanted, f"a-{key}", submission(), "f" * 16))
    journal.accepted(attempt, attrs.evolve(job(key, key=key), cost=cost))


def used(journal: Journal) -> Decimal:
    status = journal.budget(DAY)
    return status.spent + status.held


@pytest.mark.parametrize("situation", [Situation.JOB_FAILS, Situation.JOB_BLOCKED])
def test_a_job_that_is_not_charged_costs_nothing_and_frees_its_budget(
    tmp_path: Path, database: Place, situation: Situation
) -> None:
    stage = MemoryStage()
    with Client(**options_at(stage, tmp_path, database)) as client:
        stage.arrange(situation)
        bought = client.submit(sample_request(), via=ACCOUNT, key="k")
        assert used(client._journal) > 0
        with pytest.raises(MotionKitError) as caught:
            client.wait(bought)
        entry = client.jobs.get("k")
        assert caught.value.billed is Billed.NO
        assert entry.cost == cost_of("0", CostBasis.REFUNDED)
        assert used(client._journal) == 0


def test_a_failure_that_may_be_charged_holds_what_it_reserved(journal: Journal) -> None:
    buy(journal, "k")
    journal.observed(job("k", key="k"), Status(State.FAILED, "8", NOON))
    assert used(journal) == Decimal("0.40")


@pytest.mark.parametrize("amount", ["-40", "1e22"])
def test_impossible_costs_are_kept_as_told_and_count_as_the_reservation(
    journal: Journal, amount: str
) -> None:
    buy(journal, "k", cost=cost_of(amount))
    kept = journal.entry("k").cost
    assert kept is not None
    assert str(kept.amount) == str(Decimal(amount))
    assert used(journal) == Decimal("0.40")


def test_a_charge_far_above_the_quote_counts_whole(journal: Journal) -> None:
    buy(journal, "k", cost=cost_of("40"))
    assert used(journal) == 40


@pytest.mark.parametrize(
    ("cost", "told"),
    [
        ("0.40", None),
        ("4.00", None),
        ("40", "far above the quote"),
        ("-40", "impossible"),
        ("1e22", "impossible"),
        ("NaN", "impossible"),
    ],
)
def test_a_doubtful_cost_is_said_to_be(cost: str, told: str | None) -> None:
    found = money.doubt(cost_of(cost), usd_quote("0.40"))
    assert found is None if told is None else told in str(found)


@pytest.mark.parametrize("amount", ["40", "-40"])
def test_a_doubtful_cost_is_warned_of(
    tmp_path: Path,
    database: Place,
    amount: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = MemoryStage()
    with Client(**options_at(stage, tmp_path, database)) as client:
        bought = client.submit(sample_request(), via=ACCOUNT, key="k")
        real = type(client._observer).priced
        dear = lambda looks, result: attrs.evolve(real(looks, result), cost=cost_of(amount))  # noqa: E731
        monkeypatch.setattr(type(client._observer), "priced", dear)
        with caplog.at_level(logging.WARNING, "motionkit"):
            client.wait(bought)
    assert any("far above" in text or "impossible" in text for text in caplog.messages)


@pytest.mark.parametrize("amount", ["40", "-40"])
def test_a_doubtful_cost_is_warned_of_when_the_submit_answers_with_it(
    tmp_path: Path,
    database: Place,
    amount: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage, submit = MemoryStage(), Memory.submit
    told = lambda self, *args: attrs.evolve(submit(self, *args), cost=cost_of(amount))  # noqa: E731
    monkeypatch.setattr(Memory, "submit", told)
    with Client(**options_at(stage, tmp_path, database)) as client:
        with caplog.at_level(logging.WARNING, "motionkit"):
            client.submit(sample_request(), via=ACCOUNT, key="k")
        kept = client.jobs.get("k").cost
        assert kept is not None
        assert kept.amount == Decimal(amount)
        assert used(client._journal) >= Decimal(0)
    assert [text for text in caplog.messages if "far above" in text or "impossible" in text]


def test_no_refund_is_read_into_an_impossible_charge() -> None:
    class Shop:
        def refunded(self, job: Job) -> Decimal:
            return Decimal(0)

    failed = Status(State.FAILED, "8", NOON)
    charged = attrs.evolve(job("k"), cost=cost_of("-40"))
    assert observe._with_refund(Shop(), charged, failed).billed is Billed.UNKNOWN  # type: ignore[arg-type]  # has what is used
    charged = attrs.evolve(job("k"), cost=cost_of("0"))
    assert observe._with_refund(Shop(), charged, failed).billed is Billed.NO  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(("cost", "spent"), [("0.30", "0.30"), ("-40", "0.40")])
def test_an_impossible_cost_of_a_selection_lifts_no_cap(
    journal: Journal, cost: str, spent: str
) -> None:
    buy(journal, "k", cost=cost_of(cost))
    assert masks._spent(journal.entry("k")) == Decimal(spent)


NO_AMOUNT = ["NaN", "sNaN", "Infinity", "-Infinity", "1e999", "1e-999", "9" * 4000]


@pytest.mark.parametrize("amount", NO_AMOUNT, ids=lambda text: text[:9])
@pytest.mark.parametrize("told", ["on acceptance", "with the result"])
def test_a_reported_cost_that_is_no_amount_leaves_every_record_readable(
    tmp_path: Path, database: Place, told: str, amount: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The purchase is neither lost nor free: it costs what its quote says."""
    stage, accepted, seen = MemoryStage(), Memory.submit, Memory.poll
    cost = cost_of(amount)

    def submit(self: Memory, *args: Any) -> Job:
        return attrs.evolve(accepted(self, *args), cost=cost)

    def poll(self: Memory, one: Job) -> Status:
        found = seen(self, one)
        if found.result is None:
            return found
        reported = cost if told == "with the result" else None
        return attrs.evolve(found, result=attrs.evolve(found.result, cost=reported))

    monkeypatch.setattr(Memory, "submit", submit)
    monkeypatch.setattr(Memory, "poll", poll)
    with Client(**options_at(stage, tmp_path, database)) as client:
        bought = client.submit(sample_request(), via=ACCOUNT, key="k")
        assert Job.from_json(bought.to_json()) == bought
        assert used(client._journal) == Decimal("0.20")
        result = client.wait(bought)
        (entry,) = client.jobs.list()
        assert entry.cost == result.cost == cost_of("0.20", CostBasis.ASSUMED)
        assert client.jobs.get("k").job == bought
        assert used(client._journal) == Decimal("0.20")


@pytest.mark.parametrize("amount", NO_AMOUNT, ids=lambda text: text[:9])
def test_dollars_that_are_no_amount_are_unknown_and_the_reported_credits_stay(
    journal: Journal, amount: str
) -> None:
    cost = Cost(Decimal(7), Unit.CREDIT, Decimal(amount), CostBasis.REPORTED)
    buy(journal, "k", cost=cost)
    journal.observed(job("k", key="k"), Status(State.SUCCEEDED, "1", NOON), cost)
    assert journal.entry("k").cost == attrs.evolve(cost, usd=None)
    assert used(journal) == Decimal("0.40")


HUGE = '{"amount":"1e22","unit":"usd","usd":"1e22","basis":"reported"}'
GARBAGE = (
    f"UPDATE purchases SET cost='{HUGE}' WHERE key='bad'",  # noqa: S608 - a literal
    "UPDATE purchases SET cost='nonsense' WHERE key='bad'",
    "UPDATE purchases SET cost='[]' WHERE key='bad'",
    "UPDATE purchases SET cost='{\"amount\":\"x\"}' WHERE key='bad'",
    "UPDATE purchases SET quote='{' WHERE key='bad'",
    "UPDATE purchases SET finished=:infinite WHERE key='bad'",
    "UPDATE attempts SET job='{}' WHERE key='bad'",
    "UPDATE attempts SET job='nonsense' WHERE key='bad'",
)


@pytest.mark.parametrize("garbage", GARBAGE)
def test_no_stored_row_stops_a_quote(tmp_path: Path, database: Place, garbage: str) -> None:
    stage = MemoryStage()
    with Client(**options_at(stage, tmp_path, database)) as client:
        for key in ("bad", "good"):
            client.wait(client.submit(sample_request(), via=ACCOUNT, key=key))
    change(database, garbage, infinite=math.inf)
    with Client(**options_at(stage, tmp_path, database)) as client:
        (row,) = client.compare(sample_request(), via=ACCOUNT)
        assert row.quote is not None
        assert row.quote.usd_high is not None
        assert row.quote.usd_high < 10
        assert client._journal.budget(DAY).spent < 10
        client.wait(client.submit(sample_request(), via=ACCOUNT, key="next"))


def test_free_jobs_make_no_price_of_nothing(tmp_path: Path, database: Place) -> None:
    stage = MemoryStage()
    with Client(**options_at(stage, tmp_path, database)) as client:
        listed = client.quote(sample_request(), via=ACCOUNT)
        for number in range(5):
            client.wait(client.submit(sample_request(), via=ACCOUNT, key=f"k{number}"))
    free = json.dumps({"amount": "0", "unit": "usd", "usd": "0", "basis": "reported"})
    change(database, "UPDATE purchases SET cost=:free", free=free)
    with Client(**options_at(stage, tmp_path, database)) as client:
        found = client.quote(sample_request(), via=ACCOUNT)
        assert listed is not None
        assert found is not None
        assert found.usd_high == listed.usd_high
        with pytest.raises(MotionKitError, match="max_usd"):
            client.submit(sample_request(), via=ACCOUNT, key="capped", max_usd="0.05")


def test_accounts_of_other_keys_or_origins_share_no_statistic(journal: Journal) -> None:
    buy(journal, "k", cost=cost_of("0.30"))
    journal.observed(job("k", key="k"), Status(State.SUCCEEDED, "1", NOON))
    (key,) = Experience(journal).past()
    assert key.fingerprint == job("k", key="k").fingerprint


@pytest.mark.parametrize(
    ("age", "unseen", "expected", "counts"),
    [
        (120.0, 5.0, 120.0, True),
        (120.0, 50.0, 120.0, True),
        (30.0, 30.0, 120.0, True),  # the first look at a job that is faster than usual
        (86_400.0, 86_400.0, 120.0, False),
        (86_400.0, 86_400.0, None, False),
        (86_400.0, 86_000.0, 120.0, False),
        (86_400.0, 60.0, 120.0, True),
    ],
)
def test_a_duration_counts_when_the_job_was_observed_around_its_end(
    age: float, unseen: float, expected: float | None, counts: bool
) -> None:
    one = attrs.evolve(job("k", key="k"), expected_seconds=expected)
    assert timed(one, age, unseen) is counts


def test_a_job_first_seen_a_day_later_teaches_no_duration(
    tmp_path: Path, database: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = MemoryStage()
    with Client(**options_at(stage, tmp_path, database)) as client:
        (before,) = client.compare(sample_request(), via=ACCOUNT)
        bought = client.submit(sample_request(), via=ACCOUNT, key="k")
        stage.pass_time(86_400)
        later = bought.submitted_at + dt.timedelta(days=1)
        monkeypatch.setattr("motionkit.polling.observe.utcnow", lambda: later)
        set_clock(monkeypatch, later.timestamp)
        client.wait(bought)
        (after,) = client.compare(sample_request(), via=ACCOUNT)
        assert (after.seconds, after.p90) == (before.seconds, None)
        assert client._journal.durations(10) == []
        assert client._durations._past in (None, {})


def test_jobs_that_are_waited_for_teach_their_duration(
    tmp_path: Path, database: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Polled at the usual pace, on clocks that move only while somebody sleeps."""
    stage = MemoryStage()
    options = options_at(stage, tmp_path, database)
    set_clock(monkeypatch, time.time)
    with time_machine.travel(NOON, tick=False) as world:

        def sleep(seconds: float, real: Any = options["sleep"]) -> None:
            real(seconds)
            world.shift(seconds)

        options["sleep"] = sleep
        with Client(**options) as client:
            for number in range(5):
                client.wait(client.submit(sample_request(), via=ACCOUNT, key=f"k{number}"))
            (row,) = client.compare(sample_request(), via=ACCOUNT)
            durations = [seconds for _, seconds, _ in client._journal.durations(10)]
    assert len(durations) == 5
    assert durations == pytest.approx([JOB_SECONDS] * 5, abs=LONGEST_GAP)
    assert row.p90 == pytest.approx(JOB_SECONDS, abs=LONGEST_GAP)


@pytest.mark.parametrize(
    ("held", "answer"), [("50", True), ("40", True), ("30", None), ("10", None), ("5", False)]
)
@pytest.mark.parametrize("unit", [Unit.CREDIT, Unit.USD])
def test_compare_and_the_router_agree_on_whether_a_balance_suffices(
    held: str, answer: bool | None, unit: Unit
) -> None:
    amounts = [Decimal(10), Decimal(20), Decimal(40)]
    usd = amounts if unit is Unit.USD else [None, None, None]
    quote = Quote(*amounts, unit, *usd, Basis.LISTED, "a page", None)  # type: ignore[arg-type]
    balance = Balance(Decimal(held), unit, Decimal(held) if unit is Unit.USD else None)
    assert routing.suffices(balance, quote) is answer
    row = compare.Comparison("a/m", quote=quote)
    (told,) = compare.with_balances([row], lambda _: balance)
    assert told.suffices is answer
