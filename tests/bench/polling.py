"""Polls x detection delay: the schedule against its limits, on a simulated clock.

Pure arithmetic: no network, no sleep, the same numbers on every machine. Jobs take log-normal
seconds (median 132 or 30, sigma 0.3). The product of mean polls and mean detection delay hardly
depends on the wished delay; for a fixed interval it is half the mean duration, whatever the
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
SHORT = 30.0
"""Median seconds of short jobs."""
DELAY, LOOSE = 2.0, 8.0
"""Wished seconds between a job's end and the poll that sees it: the default, and a longer one."""
OFFERED = 132.6 / MEDIAN
"""The duration that the offer states, in medians."""
SERIES, JOBS, PAST = 20, 100, 20
"""Histories, jobs measured after each, and jobs in each."""


@attrs.frozen
class Measured:
    """Mean polls and mean detection delay of some jobs.

    Attributes:
        polls: Per job, the first one at age 0 and the one that saw its end included.
        delay: Seconds from the end to that poll.
    """

    polls: float
    delay: float

    @property
    def product(self) -> float:
        """Seconds."""
        return self.polls * self.delay


def durations(number: int, *, median: float = MEDIAN, sigma: float = SIGMA) -> list[float]:
    """Return log-normal seconds, one from each of so many equally likely parts."""
    normal = statistics.NormalDist()
    return [median * math.exp(sigma * normal.inv_cdf((n + 0.5) / number)) for n in range(number)]


def follow(plan: schedule.Plan, seconds: float, chance: random.Random) -> tuple[int, float, float]:
    """Return the number of polls of one job, and the ages at the last one and the one before."""
    polls, before, age = 1, 0.0, 0.0
    while age < seconds:
        gap = plan.after(age) - age
        before, age = age, age + gap * (1 + schedule.JITTER * chance.uniform(-1, 1))
        polls += 1
    return polls, age, before


def measure(
    estimate: DurationEstimate, jobs: Sequence[float], chance: random.Random, wished: float = DELAY
) -> Measured:
    """Follow jobs by an estimate of their durations."""
    plan = schedule.plan(estimate, wished)
    followed = [follow(plan, seconds, chance) for seconds in jobs]
    delays = [age - seconds for (_, age, _), seconds in zip(followed, jobs, strict=True)]
    return Measured(statistics.fmean(polls for polls, _, _ in followed), statistics.fmean(delays))


def learn(
    chance: random.Random, number: int = PAST, *, median: float = MEDIAN, wished: float = DELAY
) -> DurationEstimate:
    """Return the estimate after so many jobs, each known only as its own polls saw it."""
    past: list[tuple[float, float]] = []
    for _ in range(number):
        seconds = median * math.exp(SIGMA * chance.gauss(0, 1))
        plan = schedule.plan(schedule.estimate(OFFERED * median, past), wished)
        _, age, before = follow(plan, seconds, chance)
        past.append(((age + before) / 2, 1.0))
    return schedule.estimate(OFFERED * median, past)


def over(
    estimates: Sequence[DurationEstimate],
    median: float,
    chance: random.Random,
    wished: float = DELAY,
) -> Measured:
    """Follow the same jobs by several estimates; return the means."""
    jobs = durations(JOBS, median=median)
    each = [measure(estimate, jobs, chance, wished) for estimate in estimates]
    return Measured(
        statistics.fmean(one.polls for one in each), statistics.fmean(one.delay for one in each)
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
    """Return the product of any fixed interval, its half poll left out, in seconds."""
    return MEDIAN * math.exp(SIGMA**2 / 2) / 2


def main() -> None:
    """Print every figure beside its bar, the limit and the best fixed interval."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one object a line")
    options = parser.parse_args()
    chance = random.Random(1)  # noqa: S311 - a seed, not a secret
    learned = [learn(chance) for _ in range(SERIES)]
    fresh = [schedule.estimate(OFFERED * MEDIAN)] * SERIES
    exact = [DurationEstimate(MEDIAN, SIGMA)] * SERIES
    short = [learn(chance, median=SHORT) for _ in range(SERIES)]
    loose = [learn(chance, median=SHORT, wished=LOOSE) for _ in range(SERIES)]
    rows = [
        ("distribution known exactly", exact, MEDIAN, DELAY, ""),
        (f"learned from {PAST} jobs", learned, MEDIAN, DELAY, "product <= 44 s"),
        ("first day, the offer's duration alone", fresh, MEDIAN, DELAY, "product <= 60 s"),
        ("jobs twice as fast as learned", learned, MEDIAN / 2, DELAY, "delay <= 5.5 s"),
        ("jobs twice as slow as learned", learned, MEDIAN * 2, DELAY, "delay <= 5.5 s"),
        ("jobs twice as fast, first day", fresh, MEDIAN / 2, DELAY, "delay <= 5.5 s"),
        ("jobs twice as slow, first day", fresh, MEDIAN * 2, DELAY, "delay <= 5.5 s"),
        (f"jobs of {SHORT:g} s", short, SHORT, DELAY, "product <= 13 s"),
        (f"jobs of {SHORT:g} s, {LOOSE:g} s wished", loose, SHORT, LOOSE, "product <= 26 s"),
    ]
    least, interval = limit(), fixed()
    for name, estimates, median, wished, bar in rows:
        one = over(estimates, median, chance, wished)
        scale = median / MEDIAN
        figures = {
            "of_limit": round(one.product / (least * scale), 2),
            "of_fixed_interval": round(one.product / (interval * scale), 2),
            "figure": name,
            "polls": round(one.polls, 2),
            "delay_s": round(one.delay, 2),
            "product_s": round(one.product, 1),
            "limit_s": round(least * scale, 1),
            "bar": bar,
        }
        line = (
            "{of_limit:5.2f} of the limit, {of_fixed_interval:5.2f} of a fixed interval: {figure}: "
            "{polls} polls x {delay_s} s = {product_s} s (limit {limit_s} s; {bar})"
        )
        print(json.dumps(figures) if options.json else line.format(**figures))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
