"""When to poll a job next: numbers in, numbers out.

A poll costs a call; a late poll costs waiting. Polling is dense around the duration that a job
typically takes, and sparse before and after. The best density at an age is proportional to the
square root of the hazard there (the rate at which a job that still runs ends). For log-normal
durations the steps below come within a few percent of that optimum, for any median, spread and
target delay; ``tests/bench/polling.py`` measures it.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_right
from collections.abc import Iterable, Sequence

import attrs

FLOOR = 1.0
"""Least seconds between two polls of one job; less only for a shorter target delay."""
LONGEST_GAP = 15.0
"""Most seconds between two polls, whatever the estimate says."""
LONGEST_EARLY_GAP = 45.0
"""The same in the first third of the median, where almost no job ends."""
GAP_OF_DELAY = 7.5
"""Most seconds between two polls, in target delays: 15 s do not serve a target of 0.5 s."""
JITTER = 0.05
"""Share of a gap by which polls are spread, so that jobs of one moment do not stay together."""

DENSE = 1.5
"""The gap where jobs typically end, in target delays; an end is noticed half a gap late."""
EARLY, BEFORE, NEAR, AFTER = 15.0, 4.0, 1.5, 2.5
"""The gaps elsewhere, in dense ones: at first, before, near, and after the typical duration."""
BEFORE_FROM, NEAR_FROM, DENSE_FROM, AFTER_FROM = -2.5, -1.6, -0.7, 3.5
"""Where those gaps begin: standard deviations of the logarithm from the median."""
EARLY_SHARE = 1 / 3
"""Where the early gaps end at the latest, in medians: some jobs take half the usual time."""
LAST = 10.0
"""Multiple of the median duration at which dense polling ends at the latest: vague estimates have
a very long tail."""
EARLY_POLL = 4.0
"""Dense gaps that must fit into the early part for a second poll soon: some jobs fail at once."""

PRIOR_WEIGHT = 3.0
"""How many jobs the duration that the offer states is worth."""
PRIOR_SIGMA = 0.4
"""Standard deviation of the logarithm before any job was observed."""
VAGUE_SECONDS, VAGUE_SIGMA = 60.0, 1.0
"""The estimate for an offer that states no duration."""
OUTLIER = 1.6
"""Logarithm: a duration five times off the median was a machine asleep, not a job."""
NARROWEST = 0.05
"""Least standard deviation that is assumed, however alike the jobs were."""

_SAMPLES = 100
_NORMAL = statistics.NormalDist()


@attrs.frozen
class DurationEstimate:
    """How long the jobs of an offer take: a log-normal distribution.

    Attributes:
        median: Seconds.
        sigma: Standard deviation of the logarithm.
        n: How many past jobs it is based on.
    """

    median: float
    sigma: float
    n: int = 0

    @property
    def mean(self) -> float:
        """The mean in seconds."""
        return self.median * math.exp(self.sigma**2 / 2)

    def quantile(self, z: float) -> float:
        """Return the seconds at a number of standard deviations from the median."""
        return self.median * math.exp(z * self.sigma)


def estimate(expected: float | None, past: Iterable[tuple[float, float]] = ()) -> DurationEstimate:
    """Estimate durations from the offer's seconds, and those of past jobs by weight."""
    median = expected or VAGUE_SECONDS
    sigma = PRIOR_SIGMA if expected else VAGUE_SIGMA
    rows = sorted((math.log(seconds), weight) for seconds, weight in past if seconds > 0)
    middle = _middle([*rows, (math.log(median), PRIOR_WEIGHT)])
    rows = [(x, weight) for x, weight in rows if abs(x - middle) <= OUTLIER]
    if not rows:
        return DurationEstimate(median, sigma)
    prior = min(max(math.log(median), middle - OUTLIER), middle + OUTLIER)
    weight = math.fsum(w for _, w in rows)
    total = PRIOR_WEIGHT + weight
    mu = (PRIOR_WEIGHT * prior + math.fsum(w * x for x, w in rows)) / total
    around = PRIOR_WEIGHT * (sigma**2 + (prior - mu) ** 2)
    variance = (around + math.fsum(w * (x - mu) ** 2 for x, w in rows)) / total
    spread = math.sqrt(variance * (1 + 1 / total))  # the median itself is not known exactly
    return DurationEstimate(math.exp(mu), max(spread, NARROWEST), len(rows))


def _middle(rows: Sequence[tuple[float, float]]) -> float:
    half = math.fsum(weight for _, weight in rows) / 2
    reached = 0.0
    for x, weight in sorted(rows):
        reached += weight
        if reached >= half:
            return x
    return rows[-1][0]


@attrs.frozen
class Plan:
    """When jobs of one estimate are polled, by their age.

    Attributes:
        estimate: The durations that it is made for.
        steps: Ages, rising from 0, and the seconds between two polls from each one on.
    """

    estimate: DurationEstimate
    steps: tuple[tuple[float, float], ...]

    def after(self, age: float) -> float:
        """Return the age of the next poll of a job that was polled now, in seconds."""
        current = bisect_right(self.steps, (age, math.inf)) - 1
        # No gap reaches over the start of a denser step: jobs would end there unnoticed.
        return min(max(start, age + gap) for start, gap in self.steps[current:])

    def times(self, number: int) -> list[float]:
        """Return the ages of the first polls after the one at age 0."""
        ages, age = [], 0.0
        for _ in range(number):
            age = self.after(age)
            ages.append(age)
        return ages

    def expected(self) -> tuple[float, float]:
        """Return the mean number of polls and the mean detection delay in seconds.

        The polls include the one at age 0 and the one that sees the end. Both hold if the estimate
        is right.
        """
        age, polls, total, late = 0.0, 1, 0, 0.0
        for n in range(_SAMPLES):  # equally likely durations, the shortest first
            seconds = self.estimate.quantile(_NORMAL.inv_cdf((n + 0.5) / _SAMPLES))
            while age < seconds:
                age, polls = self.after(age), polls + 1
            total, late = total + polls, late + age - seconds
        return total / _SAMPLES, late / _SAMPLES


def plan(
    durations: DurationEstimate, delay: float, *, floor: float = 0.0, share: float = 0.0
) -> Plan:
    """Return when to poll, so that the mean detection delay is at most the target.

    Args:
        durations: How long the jobs take.
        delay: Target mean seconds between a job's end and the poll that sees it.
        floor: Least seconds between two polls that the vendor asks for.
        share: Seconds between two polls that the rate limit leaves to each job; overrides both
            the target and the longest gap.
    """
    floor = max(floor, share, min(FLOOR, delay))
    longest = min(LONGEST_GAP, GAP_OF_DELAY * delay)
    longest_early = longest * LONGEST_EARLY_GAP / LONGEST_GAP
    # Short jobs end within a few seconds of each other: gaps longer than that spread buy nothing.
    dense = min(DENSE * delay, durations.sigma * durations.median)
    before = min(durations.quantile(BEFORE_FROM), EARLY_SHARE * durations.median)
    steps = [
        (0.0, EARLY * dense, longest_early),
        (before, BEFORE * dense, longest),
        (durations.quantile(NEAR_FROM), NEAR * dense, longest),
        (durations.quantile(DENSE_FROM), dense, longest),
        (min(durations.quantile(AFTER_FROM), LAST * durations.median), AFTER * dense, longest),
    ]
    if EARLY_POLL * dense < before:
        steps[:1] = [(0.0, dense, longest), (dense / 2, EARLY * dense, longest_early)]
    return Plan(durations, tuple((age, max(floor, min(gap, most))) for age, gap, most in steps))
