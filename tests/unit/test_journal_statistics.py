"""Observed prices and durations: literal jobs, literal answers."""

from __future__ import annotations

import datetime as dt
import random
import statistics
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionkit.journal.statistics import (
    Durations,
    Observation,
    OfferKey,
    Stats,
    expected_seconds,
    observed_quote,
    quantile,
    summarise,
    weights,
)
from motionkit.model.money import Basis, Cost, CostBasis, Quote, Rates, Unit

DAY = 86_400.0
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC).timestamp()
OFFER = OfferKey("vendor", "mimic", "dancer", "540p")
RATES = Rates(credit=Decimal("0.01"))
LISTED = Quote(
    low=Decimal(95),
    likely=Decimal(100),
    high=Decimal(120),
    unit=Unit.CREDIT,
    usd_low=Decimal("0.95"),
    usd_likely=Decimal("1.00"),
    usd_high=Decimal("1.20"),
    basis=Basis.LISTED,
    source="a page",
    as_of=dt.date(2026, 1, 2),
)


def job(
    amount: str | None = None,
    *,
    ago: float = 0.0,
    basis: CostBasis = CostBasis.REPORTED,
    unit: Unit = Unit.CREDIT,
    **fields: Any,
) -> Observation:
    """Return a job that ended so many days ago."""
    cost = None if amount is None else Cost(Decimal(amount), unit, None, basis)
    return Observation(**{"offer": OFFER, "ended": NOON - ago * DAY, "cost": cost} | fields)


def stats(*jobs: Observation) -> Stats:
    return summarise(jobs)[OFFER]


def per_run(*jobs: Observation) -> tuple[Decimal, Decimal, Decimal, int]:
    prices = stats(*jobs).per_run
    assert prices is not None
    return prices.low, prices.mean, prices.high, prices.n


# Weights.


def test_a_weight_halves_every_thirty_days_before_the_newest() -> None:
    moments = [NOON - 60 * DAY, NOON, NOON - 30 * DAY, NOON - 15 * DAY]
    assert weights(moments) == pytest.approx([0.25, 1.0, 0.5, 0.70710678])
    assert weights([]) == []


def test_jobs_of_one_day_weigh_the_same() -> None:
    assert weights([NOON, NOON - 0.99 * DAY]) == [1.0, 1.0]
    assert weights([NOON, NOON - DAY])[1] < 1


@pytest.mark.parametrize(
    ("rows", "share", "expected"),
    [
        ([(5.0, 1.0)], 0.5, 5.0),
        ([(10.0, 1.0), (20.0, 1.0)], 0.5, 15.0),
        ([(30.0, 1.0), (10.0, 1.0), (20.0, 1.0)], 0.5, 20.0),
        ([(10.0, 3.0), (20.0, 1.0)], 0.5, 10.0),
        ([(10.0, 1.0), (20.0, 3.0)], 0.5, 20.0),
        ([(float(n), 1.0) for n in range(1, 11)], 0.9, 9.5),
        ([(float(n), 1.0) for n in range(1, 10)], 0.9, 9.0),
        ([(1.0, 1.0), (2.0, 1.0)], 0.0, 1.0),
        ([(1.0, 1.0), (2.0, 1.0)], 1.0, 2.0),
    ],
)
def test_a_quantile_is_where_that_share_of_the_weight_is_reached(
    rows: list[tuple[float, float]], share: float, expected: float
) -> None:
    assert quantile(rows, share) == expected


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=30))
def test_with_equal_weights_it_is_the_common_median(values: list[int]) -> None:
    rows = [(float(value), 1.0) for value in values]
    assert quantile(rows, 0.5) == statistics.median(values)


# Prices.


def test_five_jobs_of_one_day_give_their_arithmetic_mean_exactly() -> None:
    amounts = ["1.90", "2.03", "2.11", "1.75", "2.36"]
    jobs = [job(amount, ago=n / 10) for n, amount in enumerate(amounts)]
    assert per_run(*jobs) == (Decimal("1.75"), Decimal("2.03"), Decimal("2.36"), 5)


def test_a_job_of_a_month_ago_weighs_half() -> None:
    assert per_run(job("3"), job("6", ago=30)) == (3, 4, 6, 2)


def test_a_job_of_long_ago_stops_to_bound_the_price() -> None:
    jobs = [job("1"), job("2"), job("90", ago=300)]
    low, mean, high, n = per_run(*jobs)
    assert (low, high, n) == (1, 2, 3)
    assert mean == Decimal(3162) / 2049  # 300 days weigh 1 of 1024


def test_one_odd_job_among_forty_is_no_bound() -> None:
    low, _, high, _ = per_run(*[job("2")] * 38, job("1"), job("9"))
    assert (low, high) == (2, 2)


def test_a_price_by_the_second_is_all_the_money_over_all_the_seconds() -> None:
    prices = stats(job("100", clip_seconds=10.0), job("60", clip_seconds=5.0)).per_second
    assert prices is not None
    assert (prices.low, prices.high, prices.n) == (10, 12, 2)
    assert prices.mean == Decimal(160) / 15


def test_seconds_are_rounded_up_as_the_vendor_bills_them() -> None:
    prices = stats(job("50", clip_seconds=4.2)).per_second
    assert prices is not None
    assert prices.mean == 10


def test_a_clip_of_unknown_or_no_length_has_no_price_by_the_second() -> None:
    found = stats(job("50"), job("60", clip_seconds=0.0), job("70", clip_seconds=7.0))
    assert found.per_second is not None
    assert (found.per_second.mean, found.per_second.n) == (10, 1)
    assert found.per_run is not None
    assert (found.per_run.mean, found.per_run.n) == (60, 3)


@pytest.mark.parametrize(
    "odd",
    [
        job("0", basis=CostBasis.REFUNDED),
        job("500", basis=CostBasis.ASSUMED),
        job(None),
        job("500", unit=Unit.USD, ago=1),
        job("500", offer=OfferKey("vendor", "mimic", "dancer", "720p")),
    ],
    ids=["refunded", "assumed", "silent", "unit", "offer"],
)
def test_what_is_no_price_does_not_count_as_one(odd: Observation) -> None:
    assert per_run(job("40"), odd, job("60")) == (40, 50, 60, 2)


def test_jobs_that_cost_nothing_are_counted_apart_and_are_no_price() -> None:
    assert per_run(job("0"), job("60")) == (60, 60, 60, 1)
    assert stats(job("0"), job("60"), job("0")).free == 2
    assert stats(job("0")).per_run is None


@pytest.mark.parametrize("amount", ["-40", "1e22", "1e999", "NaN", "Infinity", "-Infinity", "sNaN"])
def test_impossible_costs_are_no_price(amount: str) -> None:
    assert per_run(job(amount), job("60")) == (60, 60, 60, 1)


def test_durations_and_moments_that_cannot_be_do_not_count() -> None:
    told = stats(job(seconds=float("nan")), job(seconds=-3.0), job(seconds=60.0), job("1"))
    assert told.durations == Durations(60.0, 60.0, 1)
    nowhen = attrs.evolve(job("900"), ended=float("inf"))
    assert per_run(job("60"), nowhen) == (60, 60, 60, 1)


def test_the_newest_jobs_unit_is_the_units_of_all() -> None:
    found = stats(job("200", ago=3), job("2", unit=Unit.USD))
    assert found.unit is Unit.USD
    assert found.per_run is not None
    assert (found.per_run.mean, found.per_run.n) == (2, 1)


# Durations.


def test_durations_are_a_median_and_a_p90_of_what_succeeded() -> None:
    jobs = [job(seconds=float(n)) for n in range(10, 110, 10)]
    found = stats(*jobs, job())
    assert found.durations == Durations(median=55.0, p90=95.0, n=10)


def test_recent_durations_weigh_more() -> None:
    found = stats(job(seconds=10.0), job(seconds=90.0, ago=30), job(seconds=80.0, ago=61))
    assert found.durations == Durations(median=10.0, p90=90.0, n=3)


def test_an_expected_duration_is_observed_else_offered() -> None:
    assert expected_seconds(132.6, stats(job(seconds=50.0))) == 50.0
    assert expected_seconds(132.6, stats(job("1"))) == 132.6
    assert expected_seconds(None, None) is None


# Offers.


def test_each_offer_has_its_own() -> None:
    other = OfferKey("vendor", "mimic", "dancer")
    found = summarise([job("1", ago=2), job("1", ago=1), job("5", offer=other)])
    assert list(found) == [OFFER, other]
    assert found[OFFER].last_seen == NOON - DAY
    assert summarise([]) == {}


def test_the_order_of_the_jobs_does_not_matter() -> None:
    jobs = [job(str(n), ago=n, seconds=float(n), clip_seconds=3.0) for n in range(30)]
    shuffled = random.Random(7).sample(jobs, len(jobs))  # noqa: S311 - an order, not a secret
    first, second = stats(*jobs), stats(*shuffled)
    assert first.durations == second.durations
    assert first.per_run is not None
    assert second.per_run is not None
    assert second.per_run.mean == pytest.approx(first.per_run.mean)
    assert (first.per_run.low, first.per_run.high) == (second.per_run.low, second.per_run.high)


# Quotes.


def by_second(
    *jobs: Observation, quote: Quote | None = LISTED, seconds: float | None = 10.0
) -> Any:
    return observed_quote(quote, stats(*jobs), per_second=True, seconds=seconds, rates=RATES)


def test_five_jobs_make_an_observed_quote() -> None:
    amounts = ("81", "86", "84", "83", "91")
    jobs = [job(amount, clip_seconds=9.5, ago=n * 0.2) for n, amount in enumerate(amounts)]
    assert by_second(*jobs) == Quote(
        low=Decimal(81),
        likely=Decimal(85),
        high=Decimal(120),  # the listed one: an observed high is never below it
        unit=Unit.CREDIT,
        usd_low=Decimal("0.81"),
        usd_likely=Decimal("0.85"),
        usd_high=Decimal("1.20"),
        basis=Basis.OBSERVED,
        source="this journal",
        as_of=dt.date(2026, 3, 1),
        n=5,
        notes=("mean of 5 jobs, recent ones weigh more",),
    )


def test_other_lengths_cost_by_their_whole_seconds() -> None:
    jobs = [job("30", clip_seconds=3.0)] * 5
    assert by_second(*jobs, seconds=6.1).likely == 70


def test_a_division_leaves_no_dust() -> None:
    jobs = [job("1", clip_seconds=3.0)] * 5
    assert str(by_second(*jobs, seconds=3.0).likely) == "1"
    assert str(by_second(*jobs, seconds=300.0).likely) == "100"
    assert str(by_second(*jobs, seconds=1.0).likely) == "0.333333"


def test_one_job_is_the_likely_price_but_does_not_narrow_the_bounds() -> None:
    found = by_second(job("110", clip_seconds=10.0))
    assert (found.low, found.likely, found.high, found.n) == (95, 110, 120, 1)
    assert found.notes[1] == "under 5 jobs, low and high keep the listed bounds"
    found = by_second(job("150", clip_seconds=10.0))
    assert (found.low, found.likely, found.high) == (95, 150, 150)


def test_without_a_listed_quote_a_handful_of_jobs_bounds_nothing() -> None:
    found = by_second(job("110", clip_seconds=10.0), quote=None)
    assert (found.low, found.likely, found.high, found.usd_high) == (None, 110, None, None)
    assert found.notes[1] == "under 5 jobs, low and high keep the unknown bounds"
    found = by_second(*[job("110", clip_seconds=10.0)] * 5, quote=None)
    assert (found.low, found.likely, found.high, found.usd_high) == (110, 110, 110, Decimal("1.10"))


def test_an_average_without_bounds_gets_none_from_a_handful_of_jobs() -> None:
    average = attrs.evolve(LISTED, low=None, high=None, usd_low=None, usd_high=None)
    found = by_second(job("110", clip_seconds=10.0), quote=average)
    assert (found.low, found.likely, found.high, found.usd_high) == (None, 110, None, None)


def test_under_an_unknown_length_a_cap_cannot_pass() -> None:
    found = by_second(*[job("110", clip_seconds=10.0)] * 9, seconds=None)
    assert (found.low, found.likely, found.high, found.usd_high) == (None, 110, None, None)
    assert found.basis is Basis.OBSERVED


def test_a_price_by_the_run_ignores_the_length() -> None:
    jobs = [job("40", clip_seconds=3.0), job("60", clip_seconds=30.0)] * 3
    found = observed_quote(LISTED, stats(*jobs), per_second=False, seconds=99.0, rates=RATES)
    assert found is not None
    assert (found.low, found.likely, found.high, found.n) == (40, 50, 120, 6)


def test_a_unit_of_unknown_worth_has_no_dollars() -> None:
    found = observed_quote(
        LISTED, stats(job("40")), per_second=False, seconds=None, rates=Rates(credit=None)
    )
    assert found is not None
    assert (found.likely, found.usd_likely, found.usd_high) == (40, None, None)


def test_bounds_in_another_unit_are_not_mixed_in() -> None:
    found = observed_quote(
        LISTED, stats(job("2", unit=Unit.USD)), per_second=False, seconds=None, rates=RATES
    )
    assert found is not None
    assert (found.unit, found.high, found.usd_high) == (Unit.USD, 2, 2)


@pytest.mark.parametrize("known", [None, stats(job(seconds=5.0)), stats(job("50"))])
def test_with_nothing_to_go_by_the_quote_stays(known: Stats | None) -> None:
    found = observed_quote(LISTED, known, per_second=True, seconds=10.0, rates=RATES)
    assert found is LISTED


def test_the_date_is_that_of_the_newest_priced_job() -> None:
    found = by_second(job("9", clip_seconds=1.0, ago=3), job(seconds=5.0))
    assert found.as_of == dt.date(2026, 2, 26)


@given(
    st.lists(
        st.tuples(st.decimals("0.01", "500", places=2), st.floats(0, 400)), min_size=5, max_size=40
    )
)
def test_low_likely_and_high_are_in_order_and_within_what_was_paid(
    paid: list[tuple[Decimal, float]],
) -> None:
    jobs = [job(str(amount), ago=ago, clip_seconds=2.0) for amount, ago in paid]
    found = by_second(*jobs, quote=None, seconds=2.0)
    amounts = [amount for amount, _ in paid]
    dust = Decimal("0.000001")
    assert min(amounts) - dust <= found.low <= found.likely <= found.high <= max(amounts) + dust
