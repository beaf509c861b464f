"""When to poll next: densely where jobs end, sparsely elsewhere, never beyond the bounds."""

from __future__ import annotations

import math
import random

import pytest
from engine_support import load

from motionkit._support import backoff
from motionkit.polling import schedule
from motionkit.polling.schedule import DurationEstimate, estimate, plan

bench = load("polling")


def ages(made: schedule.Plan, number: int) -> list[float]:
    return made.times(number)


def gaps(made: schedule.Plan, until: float) -> list[tuple[float, float]]:
    """Return the age before each gap, and its length."""
    found, age = [], 0.0
    while age < until:
        then = made.after(age)
        found.append((age, then - age))
        age = then
    return found


# What the numbers are worth.


def test_the_limit_is_that_of_the_point_density() -> None:
    assert bench.limit() == pytest.approx(35.2, abs=0.05)
    assert bench.fixed() == pytest.approx(69.0, abs=0.05)


@pytest.fixture
def chance() -> random.Random:
    """Give every test the same numbers, whichever runs first."""
    return random.Random(4)  # noqa: S311 - a seed, not a secret


@pytest.fixture(scope="module")
def learned() -> list[DurationEstimate]:
    chance = random.Random(4)  # noqa: S311 - a seed, not a secret
    return [bench.learn(chance) for _ in range(12)]


def test_polls_times_delay_is_near_the_limit_after_twenty_jobs(
    learned: list[DurationEstimate], chance: random.Random
) -> None:
    assert bench.over(learned, 132.0, chance).product <= 44.0


def test_polls_times_delay_is_within_reach_on_the_first_day(chance: random.Random) -> None:
    assert bench.over([estimate(132.6)] * 5, 132.0, chance).product <= 60.0


@pytest.mark.parametrize("median", [66.0, 264.0])
def test_a_wrong_estimate_costs_seconds_and_not_minutes(
    learned: list[DurationEstimate], chance: random.Random, median: float
) -> None:
    assert bench.over(learned, median, chance).delay <= 5.5
    assert bench.over([estimate(132.6)] * 5, median, chance).delay <= 5.5


@pytest.mark.parametrize(("wished", "product"), [(2.0, 13.0), (8.0, 26.0)])
def test_short_jobs_are_not_polled_as_if_they_were_long(
    chance: random.Random, wished: float, product: float
) -> None:
    learned = [bench.learn(chance, median=30.0, wished=wished) for _ in range(6)]
    one = bench.over(learned, 30.0, chance, wished)
    assert one.product <= product
    assert one.delay <= wished


def test_a_job_that_takes_ten_times_as_long_is_polled_by_the_longest_gap(
    chance: random.Random,
) -> None:
    assert bench.over([estimate(132.6)], 1320.0, chance).delay <= schedule.LONGEST_GAP


@pytest.mark.parametrize("wished", [0.5, 1.0, 2.0, 5.0, 10.0])
@pytest.mark.parametrize("median", [5.0, 20.0, 132.0, 900.0])
@pytest.mark.parametrize("sigma", [0.05, 0.3, 1.0])
def test_the_mean_delay_is_the_wished_one_or_less(
    wished: float, median: float, sigma: float
) -> None:
    _, delay = plan(DurationEstimate(median, sigma), wished).expected()
    assert delay <= wished * 1.05


def test_the_expected_polls_and_delay_are_those_that_come() -> None:
    made = plan(DurationEstimate(132.0, 0.3), 2.0)
    dice = random.Random(1)  # noqa: S311 - a seed, not a secret
    one = bench.measure(made.estimate, bench.durations(2000), dice)
    assert made.expected() == pytest.approx((one.polls, one.delay), rel=0.06)


def test_polling_is_densest_where_jobs_typically_end() -> None:
    found = gaps(plan(DurationEstimate(132.0, 0.3), 2.0), 600.0)
    closest = min(found, key=lambda one: one[1])[0]
    assert 100 < closest < 264
    assert dict(found)[closest] < 5


# Bounds.


@pytest.mark.parametrize("wished", [0.1, 0.5, 2.0, 10.0])
@pytest.mark.parametrize("sigma", [0.05, 0.3, 1.0])
def test_no_gap_is_longer_than_the_longest_after_the_first_third(
    wished: float, sigma: float
) -> None:
    longest = min(schedule.LONGEST_GAP, schedule.GAP_OF_DELAY * wished)
    for age, gap in gaps(plan(DurationEstimate(132.0, sigma), wished), 5000.0):
        assert gap <= longest * (3.0 if age < 132 / 3 else 1.0) + 1e-9


@pytest.mark.parametrize("median", [3.0, 30.0, 132.0])
def test_no_gap_reaches_over_the_start_of_denser_polling(median: float) -> None:
    made = plan(DurationEstimate(median, 0.3), 2.0)
    for start, gap in made.steps[1:-1]:
        for age in (0.0, start * 0.5, start * 0.99):
            assert made.after(age) <= max(start, age + gap)


def test_some_jobs_end_at_once_so_the_second_poll_comes_soon() -> None:
    assert ages(plan(DurationEstimate(132.0, 0.3), 2.0), 2) == [3.0, 44.0]
    assert ages(plan(DurationEstimate(30.0, 0.3), 2.0), 1)[0] > 8.0


def test_jobs_of_an_unknown_duration_are_not_polled_densely_for_ever() -> None:
    made = plan(estimate(None), 2.0)
    assert made.after(700.0) - 700.0 == 7.5
    assert made.after(500.0) - 500.0 == 3.0


def test_a_vendors_floor_goes_before_the_wish() -> None:
    made = plan(DurationEstimate(132.0, 0.3), 0.5, floor=6.0)
    assert min(gap for _, gap in gaps(made, 600.0)) >= 5.99
    assert made.expected()[1] > 0.5


def test_no_two_polls_are_closer_than_a_second_unless_less_delay_is_wished() -> None:
    assert min(gap for _, gap in gaps(plan(DurationEstimate(2.0, 0.1), 2.0), 60.0)) >= 0.99
    assert min(gap for _, gap in gaps(plan(DurationEstimate(2.0, 0.1), 0.2), 60.0)) < 0.5


@pytest.mark.parametrize("share", [12.1, 24.2, 60.5, 242.0])
def test_scarce_calls_are_never_exceeded(share: float) -> None:
    made = plan(DurationEstimate(132.0, 0.3), 2.0, share=share)
    assert min(gap for _, gap in gaps(made, 2000.0)) >= share * 0.9999


@pytest.mark.parametrize("share", [12.1, 24.2, 60.5, 242.0])
def test_scarce_calls_cost_about_half_a_share_of_delay(chance: random.Random, share: float) -> None:
    made = plan(DurationEstimate(132.0, 0.3), 2.0, share=share)
    jobs = [chance.uniform(60.0, 2000.0) for _ in range(500)]
    late = sum(bench.follow(made, seconds, chance)[1] - seconds for seconds in jobs) / len(jobs)
    assert late < max(share, 15.0) / 2 * 1.05


@pytest.mark.parametrize(("hint", "waited"), [(3.0, 3.0), (0.0, 0.1), (1e9, 120.0)])
def test_a_vendors_hint_is_kept_within_reason(hint: float, waited: float) -> None:
    assert backoff.wished(hint) == waited
    assert backoff.after_failure(7, hint=hint) == waited


def test_failed_polls_are_repeated_later_and_later_and_apart() -> None:
    pauses = [backoff.after_failure(n) for n in range(1, 9)]
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert set(pauses[4:]) == {15.0}
    assert backoff.after_failure(10_000) == 15.0
    assert backoff.after_failure(1, spread=0.0) == 0.5
    assert backoff.after_failure(1, spread=1.0) == 1.5


# Estimates.


def test_before_any_job_the_offers_duration_is_assumed() -> None:
    assert estimate(132.6) == DurationEstimate(132.6, schedule.PRIOR_SIGMA)
    assert estimate(None) == DurationEstimate(schedule.VAGUE_SECONDS, schedule.VAGUE_SIGMA)


def test_many_jobs_outweigh_the_offers_duration() -> None:
    made = estimate(132.6, [(seconds, 1.0) for seconds in bench.durations(300, median=60.0)])
    assert made.median == pytest.approx(60.0, rel=0.03)
    assert made.sigma == pytest.approx(0.3, rel=0.1)
    assert made.n == 300


def test_the_offers_duration_is_worth_three_jobs() -> None:
    made = estimate(100.0, [(200.0, 1.0)] * 3)
    assert made.median == pytest.approx(math.sqrt(100.0 * 200.0))


def test_recent_jobs_weigh_more() -> None:
    old, new = (60.0, 0.1), (120.0, 1.0)
    assert estimate(60.0, [old] * 10 + [new] * 10).median > 95


def test_alike_as_the_jobs_were_the_estimate_keeps_some_width() -> None:
    assert estimate(20.0, [(20.0, 1.0)] * 5000).sigma >= schedule.NARROWEST


def test_a_job_noticed_after_a_night_does_not_count() -> None:
    usual = [(seconds, 1.0) for seconds in bench.durations(20)]
    night = [(36_000.0, 1.0)] * 3
    assert estimate(132.6, usual + night) == estimate(132.6, usual)


def test_where_all_jobs_take_another_time_they_outweigh_the_offer() -> None:
    assert estimate(132.6, [(2.0, 1.0)] * 12).median < 5


@pytest.mark.parametrize("seconds", [0.0, -4.0])
def test_an_impossible_duration_is_ignored(seconds: float) -> None:
    assert estimate(132.6, [(seconds, 1.0)]) == estimate(132.6)
