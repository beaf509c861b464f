"""When to look again: where jobs end, often; elsewhere, seldom; never beyond the caps."""

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
def learnt() -> list[DurationEstimate]:
    chance = random.Random(4)  # noqa: S311 - a seed, not a secret
    return [bench.learn(chance) for _ in range(6)]


def test_looks_times_lateness_is_near_the_limit_after_twenty_jobs(
    learnt: list[DurationEstimate], chance: random.Random
) -> None:
    assert bench.over(learnt, 132.0, chance).product <= 44.0


def test_looks_times_lateness_is_within_reach_on_the_first_day(chance: random.Random) -> None:
    assert bench.over([estimate(132.6)] * 5, 132.0, chance).product <= 60.0


@pytest.mark.parametrize("truth", [66.0, 264.0])
def test_a_wrong_belief_costs_seconds_and_not_minutes(
    learnt: list[DurationEstimate], chance: random.Random, truth: float
) -> None:
    assert bench.over(learnt, truth, chance).late <= 5.5
    assert bench.over([estimate(132.6)] * 5, truth, chance).late <= 5.5


def test_a_job_that_takes_ten_times_as_long_is_looked_at_by_the_longest_gap(
    chance: random.Random,
) -> None:
    assert bench.over([estimate(132.6)], 1320.0, chance).late <= schedule.LONGEST_GAP


@pytest.mark.parametrize("wished", [0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("median", [20.0, 132.0, 900.0])
def test_the_mean_lateness_is_the_wished_one(wished: float, median: float) -> None:
    made = plan(DurationEstimate(median, 0.3), wished)
    assert made.lateness == pytest.approx(wished, rel=0.05) or made.lateness < wished


def test_the_foretold_looks_and_lateness_are_those_that_come() -> None:
    belief = DurationEstimate(132.0, 0.3)
    made = plan(belief, 2.0)
    jobs = bench.durations(1840, sigma=0.3) + bench.durations(160, sigma=schedule.WIDE_SIGMA)
    dice = random.Random(1)  # noqa: S311 - a seed, not a secret
    seen = [bench.follow(made, seconds, dice) for seconds in jobs]
    late = sum(age - seconds for (_, age, _), seconds in zip(seen, jobs, strict=True)) / len(jobs)
    assert late == pytest.approx(made.lateness, rel=0.06)
    assert sum(looks for looks, _, _ in seen) / len(jobs) == pytest.approx(made.looks, rel=0.06)


def test_looks_lie_closest_where_jobs_usually_end() -> None:
    found = gaps(plan(DurationEstimate(132.0, 0.3), 2.0), 600.0)
    closest = min(found, key=lambda one: one[1])[0]
    assert 100 < closest < 264
    assert dict(found)[closest] < 5


# Bounds.


@pytest.mark.parametrize("lateness", [0.1, 0.5, 2.0, 10.0])
def test_no_gap_is_longer_than_the_longest_after_the_first_third(lateness: float) -> None:
    longest = min(schedule.LONGEST_GAP, schedule.GAP_OF_LATENESS * lateness)
    for age, gap in gaps(plan(DurationEstimate(132.0, 0.3), lateness), 5000.0):
        times = schedule.EARLY_GAPS if age < 132 * schedule.EARLY else 1.0
        assert gap <= longest * times * 1.05


def test_some_jobs_end_at_once_so_the_second_look_comes_soon() -> None:
    assert ages(plan(DurationEstimate(132.0, 0.3), 2.0), 1)[0] == pytest.approx(3.0, rel=0.1)


def test_a_vendors_floor_goes_before_the_wish() -> None:
    made = plan(DurationEstimate(132.0, 0.3), 0.5, floor=6.0)
    assert min(gap for _, gap in gaps(made, 600.0)) >= 5.99
    assert made.lateness > 0.5


def test_no_two_looks_are_closer_than_a_second_unless_less_lateness_is_wished() -> None:
    assert min(gap for _, gap in gaps(plan(DurationEstimate(2.0, 0.1), 2.0), 60.0)) >= 0.99
    assert min(gap for _, gap in gaps(plan(DurationEstimate(2.0, 0.1), 0.2), 60.0)) < 0.5


@pytest.mark.parametrize("share", [12.1, 24.2, 60.5, 242.0])
def test_scarce_calls_are_never_exceeded_and_cost_half_a_share_of_lateness(share: float) -> None:
    made = plan(DurationEstimate(132.0, 0.3), 2.0, share=share)
    assert min(gap for _, gap in gaps(made, 2000.0)) >= share * 0.9999
    assert made.lateness < max(share, 15.0) / 2 * 1.05


def test_plans_are_made_for_a_few_numbers_of_jobs() -> None:
    assert [schedule.stepped(n) for n in range(1, 5)] == [1.0, 2.0, 3.0, 4.0]
    assert len({schedule.stepped(n) for n in range(1, 10_001)}) < 60
    assert all(n <= schedule.stepped(n) <= n * 1.2001 for n in range(1, 1000))


def test_a_plan_is_made_once_for_all_jobs_of_a_belief() -> None:
    assert plan(DurationEstimate(77.0, 0.3), 2.0) is plan(DurationEstimate(77.0, 0.3), 2.0)


@pytest.mark.parametrize(("hint", "waited"), [(3.0, 3.0), (0.0, 0.1), (1e9, 120.0)])
def test_a_vendors_hint_is_kept_within_reason(hint: float, waited: float) -> None:
    assert backoff.wished(hint) == waited
    assert backoff.after_failure(7, hint=hint) == waited


def test_failed_looks_are_repeated_later_and_later_and_apart() -> None:
    pauses = [backoff.after_failure(n) for n in range(1, 9)]
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert set(pauses[4:]) == {15.0}
    assert backoff.after_failure(10_000) == 15.0
    assert backoff.after_failure(1, spread=0.0) == 0.5
    assert backoff.after_failure(1, spread=1.0) == 1.5


# Beliefs.


def test_before_anything_was_seen_the_offers_word_is_believed() -> None:
    assert estimate(132.6) == DurationEstimate(132.6, schedule.PRIOR_SIGMA)
    assert estimate(None) == DurationEstimate(schedule.VAGUE_SECONDS, schedule.VAGUE_SIGMA)


def test_many_jobs_outweigh_the_offers_word() -> None:
    made = estimate(132.6, [(seconds, 1.0) for seconds in bench.durations(300, median=60.0)])
    assert made.median == pytest.approx(60.0, rel=0.03)
    assert made.sigma == pytest.approx(0.3, rel=0.1)
    assert made.n == 300


def test_the_offers_word_is_worth_three_jobs() -> None:
    made = estimate(100.0, [(200.0, 1.0)] * 3)
    assert made.median == pytest.approx(math.sqrt(100.0 * 200.0))


def test_recent_jobs_weigh_more() -> None:
    old, new = (60.0, 0.1), (120.0, 1.0)
    assert estimate(60.0, [old] * 10 + [new] * 10).median > 95


def test_alike_as_the_jobs_were_the_belief_keeps_some_width() -> None:
    assert estimate(20.0, [(20.0, 1.0)] * 5000).sigma >= schedule.NARROWEST


def test_a_job_noticed_after_a_night_says_nothing() -> None:
    usual = [(seconds, 1.0) for seconds in bench.durations(20)]
    night = [(36_000.0, 1.0)] * 3
    assert estimate(132.6, usual + night) == estimate(132.6, usual)


def test_where_all_jobs_take_another_time_they_are_believed_and_not_the_offer() -> None:
    assert estimate(132.6, [(2.0, 1.0)] * 12).median < 5


@pytest.mark.parametrize("seconds", [0.0, -4.0])
def test_a_duration_that_cannot_be_is_passed_over(seconds: float) -> None:
    assert estimate(132.6, [(seconds, 1.0)]) == estimate(132.6)
