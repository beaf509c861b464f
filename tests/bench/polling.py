"""How many looks buy how little lateness: the schedule against its limits, on a simulated clock.

Pure arithmetic: no network, no sleep, the same numbers on every machine. Jobs take log-normal
seconds (median 132, sigma 0.3). The product of mean looks and mean lateness hardly depends on the
lateness that is wished; for looks at a fixed interval it is half the mean duration, whatever the
interval, and no schedule gets below the square of the integral of sqrt(f S / 2).
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
from collections.abc import Sequence

import attrs

from motionkit.polling import schedule
from motionkit.polling.schedule import DurationEstimate

MEDIAN, SIGMA = 132.0, 0.3
LATENESS = 2.0
OFFERED = 132.6
"""Seconds that the offer says."""
SERIES, JOBS, PAST = 20, 100, 20
"""Histories, jobs measured after each, and jobs in each."""


@attrs.frozen
class Measured:
    """Mean looks and mean lateness of some jobs.

    Attributes:
        looks: At a job, the first one at age 0 and the one that saw its end included.
        late: Seconds from the end to that look.
    """

    looks: float
    late: float

    @property
    def product(self) -> float:
        """Seconds."""
        return self.looks * self.late


def durations(number: int, *, median: float = MEDIAN, sigma: float = SIGMA) -> list[float]:
    """Return log-normal seconds, one from each of so many equally likely parts."""
    normal = statistics.NormalDist()
    return [median * math.exp(sigma * normal.inv_cdf((n + 0.5) / number)) for n in range(number)]


def follow(plan: schedule.Plan, seconds: float, chance: random.Random) -> tuple[int, float, float]:
    """Return the looks at one job, the age at the last one, and at the last but one."""
    looks, before, age = 1, 0.0, 0.0
    while age < seconds:
        gap = plan.after(age) - age
        before, age = age, age + gap * (1 + schedule.JITTER * chance.uniform(-1, 1))
        looks += 1
    return looks, age, before


def measure(belief: DurationEstimate, jobs: Sequence[float], chance: random.Random) -> Measured:
    """Follow jobs by what is believed of them."""
    plan = schedule.plan(belief, LATENESS)
    seen = [follow(plan, seconds, chance) for seconds in jobs]
    late = [age - seconds for (_, age, _), seconds in zip(seen, jobs, strict=True)]
    return Measured(statistics.fmean(looks for looks, _, _ in seen), statistics.fmean(late))


def learn(chance: random.Random, number: int = PAST) -> DurationEstimate:
    """Return what is believed after so many jobs, each seen only as its own looks saw it."""
    seen: list[tuple[float, float]] = []
    for _ in range(number):
        seconds = MEDIAN * math.exp(SIGMA * chance.gauss(0, 1))
        plan = schedule.plan(schedule.estimate(OFFERED, seen), LATENESS)
        _, age, before = follow(plan, seconds, chance)
        seen.append(((age + before) / 2, 1.0))
    return schedule.estimate(OFFERED, seen)


def over(beliefs: Sequence[DurationEstimate], median: float, chance: random.Random) -> Measured:
    """Follow jobs of one truth under several beliefs; return the means."""
    each = [measure(belief, durations(JOBS, median=median), chance) for belief in beliefs]
    return Measured(
        statistics.fmean(one.looks for one in each), statistics.fmean(one.late for one in each)
    )


def limit() -> float:
    """Return the product that no schedule gets below, in seconds."""
    normal, step, total = statistics.NormalDist(), 0.01, 0.0
    for n in range(1, 100_000):
        t = n * step
        z = math.log(t / MEDIAN) / SIGMA
        density = normal.pdf(z) / (t * SIGMA)
        total += math.sqrt(density * normal.cdf(-z) / 2) * step
    return total**2


def fixed() -> float:
    """Return the product of any fixed interval, its half look left out, in seconds."""
    return MEDIAN * math.exp(SIGMA**2 / 2) / 2


def main() -> None:
    """Print every figure beside its bar, the limit and the best fixed interval."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one object a line")
    options = parser.parse_args()
    chance = random.Random(1)  # noqa: S311 - a seed, not a secret
    learnt = [learn(chance) for _ in range(SERIES)]
    fresh = [schedule.estimate(OFFERED)] * SERIES
    known = [DurationEstimate(MEDIAN, SIGMA)] * SERIES
    rows = [
        ("law known exactly", known, 1.0, ""),
        (f"learned from {PAST} jobs", learnt, 1.0, "product <= 44 s"),
        ("first day, the offer's word alone", fresh, 1.0, "product <= 60 s"),
        ("truth twice as fast as learned", learnt, 0.5, "lateness <= 5.5 s"),
        ("truth twice as slow as learned", learnt, 2.0, "lateness <= 5.5 s"),
        ("truth twice as fast, first day", fresh, 0.5, "lateness <= 5.5 s"),
        ("truth twice as slow, first day", fresh, 2.0, "lateness <= 5.5 s"),
    ]
    least, interval = limit(), fixed()
    for name, beliefs, times, bar in rows:
        one = over(beliefs, MEDIAN * times, chance)
        told = {
            "of_limit": round(one.product / (least * times), 2),
            "of_fixed_interval": round(one.product / (interval * times), 2),
            "figure": name,
            "looks": round(one.looks, 2),
            "lateness_s": round(one.late, 2),
            "product_s": round(one.product, 1),
            "limit_s": round(least * times, 1),
            "bar": bar,
        }
        line = (
            "{of_limit:5.2f} of the limit, {of_fixed_interval:5.2f} of a fixed interval: {figure}: "
            "{looks} looks x {lateness_s} s = {product_s} s (limit {limit_s} s; {bar})"
        )
        print(json.dumps(told) if options.json else line.format(**told))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
