"""When to look at a job again: numbers in, numbers out.

A look costs a call, a late look costs waiting. Where the jobs of an offer usually end, looks lie
close together; before and long after, far apart. With the hazard h of a job's duration (the rate at
which a job that still runs ends), looks come at the rate sqrt(h / 2 mu): among all ways to spend
as many looks, this one notices the end soonest on average (Cauchy and Schwarz), and mu, the seconds
of lateness that one look is worth, is set so that the mean lateness is the wished one.

What an offer's jobs take is believed to be log-normal, with a twelfth of the weight on a much wider
law, so that a wrong belief costs looks and not an afternoon.
"""

from __future__ import annotations

import functools
import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

import attrs

FLOOR = 1.0
"""Least seconds between two looks at one job; less only where less lateness is wished."""
LONGEST_GAP = 15.0
"""Seconds: whatever is believed, a job is looked at so often."""
GAP_OF_LATENESS = 7.5
"""The longest gap in wished latenesses: who wants 0.5 s is not served with 15."""
EARLY, EARLY_GAPS = 1 / 3, 3.0
"""In this first part of the usual duration the longest gap is so many times as long..."""
MOMENT = 0.2
"""...after a second look this part of a longest gap after the first: some jobs end at once."""
FEW, STEP = 5, 1.2
"""So many jobs or more that share an account's calls are rounded up to powers of this."""
JITTER = 0.05
"""Share of a gap by which looks spread, so that jobs of one moment do not stay together."""

PRIOR_WEIGHT = 3.0
"""How many jobs the offer's own word on its usual duration is worth."""
PRIOR_SIGMA = 0.4
"""Spread of the logarithm that is believed before anything was seen."""
VAGUE_SECONDS, VAGUE_SIGMA = 60.0, 1.0
"""What is believed of an offer that does not say how long its jobs take."""
WIDE_SHARE, WIDE_SIGMA = 0.08, 1.0
"""Weight and spread of the wider law."""
OUTLIER = 1.6
"""Logarithm: a duration five times off the median was a machine asleep, not a job."""
NARROWEST = 0.05
"""Least spread that is believed, however alike the jobs were."""

_POINTS = 320
_TAIL = 4.0
_STEPS = 18
"""Halvings until mu is known."""


@attrs.frozen
class DurationEstimate:
    """What is believed of an offer's durations: log-normal, and a wider one around it.

    Attributes:
        median: Seconds.
        sigma: Spread of the logarithm.
        n: How many past jobs it rests on.
    """

    median: float
    sigma: float
    n: int = 0

    @property
    def mean(self) -> float:
        """The mean in seconds, the wider law left out."""
        return self.median * math.exp(self.sigma**2 / 2)


def estimate(expected: float | None, seen: Iterable[tuple[float, float]] = ()) -> DurationEstimate:
    """Return what an offer's own word and its past jobs lead to believe.

    Args:
        expected: The usual duration in seconds as the offer has it; None when it says nothing.
        seen: Seconds that past jobs took, each with its weight.
    """
    median = expected or VAGUE_SECONDS
    sigma = PRIOR_SIGMA if expected else VAGUE_SIGMA
    rows = sorted((math.log(seconds), weight) for seconds, weight in seen if seconds > 0)
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


@attrs.frozen(eq=False)
class Plan:
    """When jobs of one belief are looked at, by their age; shared by all of them.

    Attributes:
        belief: What it was made for.
        lateness: Mean seconds from a job's end to the look that sees it, if the belief is right.
        looks: Mean number of looks, the one at age 0 and the one that sees the end included.
        floor: Least seconds between two looks.
        gap: Most seconds between two looks.
    """

    belief: DurationEstimate
    lateness: float
    looks: float
    floor: float
    gap: float
    _ages: array[float] = attrs.field(repr=False)
    _counts: array[float] = attrs.field(repr=False)

    def after(self, age: float) -> float:
        """Return the age of the next look at a job that was looked at now, in seconds."""
        return _at(self._counts, self._ages, _at(self._ages, self._counts, age) + 1.0)

    def times(self, number: int) -> list[float]:
        """Return the ages of the first looks after the one at age 0."""
        ages, age = [], 0.0
        for _ in range(number):
            age = self.after(age)
            ages.append(age)
        return ages


def _at(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    """Return the rising line's y at an x; its last piece goes on for ever."""
    number = min(max(bisect_right(xs, x), 1), len(xs) - 1)
    left, right = xs[number - 1], xs[number]
    return ys[number - 1] + (x - left) / (right - left) * (ys[number] - ys[number - 1])


@attrs.frozen(eq=False)
class _Law:
    """A belief on a grid of ages: the share that has ended, and the hazard between points."""

    early: float
    ages: Sequence[float]
    ended: Sequence[float]
    hazard: Sequence[float]


def _law(belief: DurationEstimate) -> _Law:
    """Spread the grid evenly in the logarithm: every belief is as fine near its median."""
    sigma = max(belief.sigma, WIDE_SIGMA)
    width = 2 * _TAIL * sigma
    steps = [-_TAIL * sigma + width * n / (_POINTS - 1) for n in range(_POINTS)]
    ages = [0.0, *(belief.median * math.exp(x) for x in steps)]
    ended = [0.0]
    left = [1.0]
    for x in steps:
        narrow, wide = x / belief.sigma, x / sigma
        ended.append((1 - WIDE_SHARE) * _below(narrow) + WIDE_SHARE * _below(wide))
        left.append((1 - WIDE_SHARE) * _below(-narrow) + WIDE_SHARE * _below(-wide))
    hazard = [
        math.log(left[n] / left[n + 1]) / (ages[n + 1] - ages[n]) for n in range(len(ages) - 1)
    ]
    return _Law(belief.median * EARLY, ages, ended, hazard)


def _below(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


def _counts(law: _Law, mu: float, floor: float, gap: float) -> array[float]:
    """Return how many looks were made up to each age."""
    fastest, factor = 1 / floor, 1 / (2 * mu)
    soon = max(MOMENT * gap, floor) if law.early > 2 * gap else 0.0
    seldom = 1 / min(EARLY_GAPS * gap, max(gap, law.early - soon))
    counts = array("d", [0.0])
    total = 0.0
    for n, hazard in enumerate(law.hazard):
        age = law.ages[n]
        slowest = 1 / soon if age < soon else seldom if age < law.early else 1 / gap
        rate = min(max(math.sqrt(hazard * factor), slowest), fastest)
        total += rate * (law.ages[n + 1] - age)
        counts.append(total)
    return counts


def _outcome(law: _Law, counts: Sequence[float], gap: float) -> tuple[float, float]:
    """Return mean lateness and mean number of looks, if the law is right.

    Between two looks at a and b, what ends at t is (b - t) late: in sum, the area under the share
    that has ended since a.
    """
    area = [0.0]
    for n in range(1, len(law.ages)):
        width = law.ages[n] - law.ages[n - 1]
        area.append(area[-1] + width * (law.ended[n] + law.ended[n - 1]) / 2)
    late = looks = 0.0
    age = ended = below = 0.0
    number = 1
    while ended < 0.999 and number < counts[-1]:
        looks += 1 - ended
        then = _at(counts, law.ages, number)
        at = min(max(bisect_left(law.ages, then), 1), len(law.ages) - 1)
        share = (then - law.ages[at - 1]) / (law.ages[at] - law.ages[at - 1])
        ended_then = law.ended[at - 1] + share * (law.ended[at] - law.ended[at - 1])
        below_then = area[at - 1] + (then - law.ages[at - 1]) * (law.ended[at - 1] + ended_then) / 2
        late += below_then - below - ended * (then - age)
        age, ended, below = then, ended_then, below_then
        number += 1
    return late + (1 - ended) * gap / 2, 1 + looks


@functools.lru_cache(maxsize=256)
def plan(
    belief: DurationEstimate, lateness: float, *, floor: float = 0.0, share: float = 0.0
) -> Plan:
    """Return when to look, so that the mean lateness is the wished one.

    Args:
        belief: What is believed of the jobs.
        lateness: Wished mean seconds between a job's end and the look that sees it.
        floor: Least seconds between two looks that the vendor asks for.
        share: Seconds between two looks that the calls allowed a minute leave to each job; goes
            before both the wish and the longest gap.
    """
    floor = max(floor, share, min(FLOOR, lateness))
    gap = max(floor, min(LONGEST_GAP, GAP_OF_LATENESS * lateness))
    law = _law(belief)
    low, high = math.log(1e-9), math.log(1e9)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        late, _ = _outcome(law, _counts(law, math.exp(middle), floor, gap), gap)
        low, high = (low, middle) if late > lateness else (middle, high)
    counts = _counts(law, math.exp(low), floor, gap)
    late, looks = _outcome(law, counts, gap)
    return Plan(belief, late, looks, floor, gap, array("d", law.ages), counts)


def stepped(jobs: int) -> float:
    """Return a number of jobs, a large one rounded up, so that plans are made for a few only."""
    return float(jobs) if jobs < FEW else STEP ** math.ceil(math.log(jobs, STEP))
