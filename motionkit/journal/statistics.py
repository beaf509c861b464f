"""Statistics of past jobs: observed prices and durations per offer. Numbers in, numbers out.

Which jobs count, and for what:

- Only jobs that succeeded are given: a failed or refunded one is no price of zero, and it ended
  early or late for its own reasons.
- For the price, only a cost that the vendor reported counts; an assumed cost is our own quote. A
  cost of 0 was paid with free credits: it is counted separately and is no price.
- Impossible costs, durations and times (negative, not finite, absurdly large) do not count.
- For a price per second, only a job whose reference clip has a known length counts. Lengths are
  rounded up to whole seconds, as in a listed quote.
- For the duration, only a job that was observed around its end counts (`timed`).

A job's weight halves every `HALF_LIFE` days that it is older than the newest one of its offer. Days
are whole, so that the jobs of one day weigh the same and their mean is the arithmetic one.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import TypeVar

import attrs

from motionkit.model.job import Job
from motionkit.model.money import Basis, Cost, CostBasis, Quote, Rates, Unit, possible

HALF_LIFE = 30.0
"""Days after which a job weighs half as much."""
DAY = 86_400.0
"""Seconds."""
LOW, HIGH = 0.05, 0.95
"""Weighted quantiles for the bounds of a price: the extremes, up to some twenty jobs."""
ENOUGH = 5
"""Jobs whose spread suffices; with fewer, the quote's own bounds widen it."""
SOURCE = "this journal"
"""What an observed quote names as its source."""

_STEP = Decimal("0.000001")
"""Observed amounts are rounded to this, in the vendor's unit."""

UNSEEN_SHARE = 0.5
"""Of a job's duration: unobserved for longer, its end is too uncertain to count."""
DEFAULT_SECONDS = 120.0
"""The usual duration of a job whose offer gives none."""

Number = TypeVar("Number", Decimal, float)


@attrs.frozen
class OfferKey:
    """What was submitted: jobs with the same key are compared with each other.

    The account's fingerprint is part of it: another key or origin may have other prices, and jobs
    of a local sandbox say nothing of a vendor.
    """

    fingerprint: str
    operation: str
    model: str
    quality: str | None = None


@attrs.frozen(kw_only=True)
class Observation:
    """One job that succeeded, as the journal has it.

    Attributes:
        offer: What was submitted, at the quality that was delivered.
        ended: When it ended, epoch seconds.
        clip_seconds: Length of the clip whose seconds are billed; None when unknown or irrelevant.
        cost: What it cost, and how we know.
        seconds: From submit to the end.
    """

    offer: OfferKey
    ended: float
    clip_seconds: float | None = None
    cost: Cost | None = None
    seconds: float | None = None


@attrs.frozen
class Prices:
    """What was paid, by the second or by the run, in the unit of its `Stats`.

    Attributes:
        low: The `LOW` weighted quantile.
        mean: The weighted sum of what was paid, divided by that of seconds or runs.
        high: The `HIGH` weighted quantile.
        n: How many jobs.
        last: When the newest of them ended, epoch seconds.
    """

    low: Decimal
    mean: Decimal
    high: Decimal
    n: int
    last: float


@attrs.frozen
class Durations:
    """How long jobs took from submit to the end, in seconds, weighted."""

    median: float
    p90: float
    n: int


@attrs.frozen
class Stats:
    """Statistics of one offer.

    Attributes:
        offer: The offer.
        unit: The unit of `per_second` and `per_run`: the newest job's; other units do not count.
        per_second: Price per billed second.
        per_run: Price per job, whatever its length.
        durations: From submit to the end.
        last_seen: When the newest job that counts ended, epoch seconds.
        free: How many jobs cost nothing; they do not count in the prices.
    """

    offer: OfferKey
    unit: Unit | None
    per_second: Prices | None
    per_run: Prices | None
    durations: Durations | None
    last_seen: float
    free: int = 0


def summarise(observations: Iterable[Observation]) -> dict[OfferKey, Stats]:
    """Return the statistics of every offer with a successful job."""
    groups: dict[OfferKey, list[Observation]] = {}
    for seen in observations:
        if math.isfinite(seen.ended):
            groups.setdefault(seen.offer, []).append(seen)
    return {offer: _stats(offer, group) for offer, group in groups.items()}


def observed_quote(
    quote: Quote | None,
    stats: Stats | None,
    *,
    per_second: bool,
    seconds: float | None,
    rates: Rates,
) -> Quote | None:
    """Estimate the price of a request from what similar jobs cost.

    The high is never below the quote's own: past jobs may have been shorter, or paid with free
    credits, and caps compare with it. With fewer than `ENOUGH` jobs, low is at most the quote's
    own, and both are unknown where those are: a few jobs give no bounds. Where the price is per
    second and the clip's length is unknown, low and high are unknown too, so that a cap refuses.

    Args:
        quote: The offer's own quote.
        stats: Of that offer.
        per_second: Whether the offer's price is per second of a clip.
        seconds: That clip's length; None when unknown.
        rates: The account's exchange rates.

    Returns:
        A quote with basis OBSERVED; the given one where no job counts.
    """
    by_second = per_second and seconds is not None
    prices = None if stats is None else stats.per_second if by_second else stats.per_run
    if stats is None or stats.unit is None or prices is None:
        return quote
    times = _whole(seconds) if by_second and seconds is not None else Decimal(1)
    rate = rates.usd(stats.unit)
    likely = _round(prices.mean * times)
    low: Decimal | None = None
    high: Decimal | None = None
    notes = ["the price of 1 job"]
    if prices.n > 1:
        notes = [f"mean of {prices.n} jobs, recent ones weigh more"]
    if per_second and not by_second:
        notes.append("the clip's length is unknown: these jobs had clips of any length")
    else:
        low = min(_round(prices.low * times), likely)
        high = max(_round(prices.high * times), likely)
        floor = _high_in(quote, stats.unit, rate)
        if floor is not None:
            high = max(high, floor)
        elif quote is not None and quote.high is not None:
            return quote  # no rate between the two units is configured
        if prices.n < ENOUGH and (quote is None or quote.unit is stats.unit):
            low = None if quote is None or quote.low is None else min(low, quote.low)
            high = None if quote is None or quote.high is None else high
            basis = "unknown" if quote is None else quote.basis.value
            notes.append(f"under {ENOUGH} jobs, low and high keep the {basis} bounds")
    if stats.free:
        jobs = "1 job" if stats.free == 1 else f"{stats.free} jobs"
        notes.append(f"without {jobs} that cost nothing")

    def dollars(amount: Decimal | None) -> Decimal | None:
        return None if amount is None or rate is None else amount * rate

    return Quote(
        low,
        likely,
        high,
        stats.unit,
        dollars(low),
        dollars(likely),
        dollars(high),
        basis=Basis.OBSERVED,
        source=SOURCE,
        as_of=dt.datetime.fromtimestamp(prices.last, dt.UTC).date(),
        n=prices.n,
        notes=tuple(notes),
    )


def _high_in(quote: Quote | None, unit: Unit, rate: Decimal | None) -> Decimal | None:
    """Return a quote's high in a unit, None where it is unknown or cannot be converted."""
    if quote is None or quote.unit is unit:
        return None if quote is None else quote.high
    return quote.usd_high / rate if quote.usd_high is not None and rate else None


def expected_seconds(offered: float | None, stats: Stats | None) -> float | None:
    """Return a job's usual duration in seconds: the observed median, else the offer's."""
    return stats.durations.median if stats is not None and stats.durations else offered


def timed(job: Job, age: float, unseen: float) -> bool:
    """Return whether a job's duration counts: the job was observed around its end.

    Args:
        job: The job.
        age: Seconds from its submit to the poll that found it ended.
        unseen: Seconds between that poll and the one before.
    """
    usual = max(age - unseen / 2, job.expected_seconds or DEFAULT_SECONDS)
    return unseen <= UNSEEN_SHARE * usual


def weights(moments: Sequence[float]) -> list[float]:
    """Return each moment's weight: 1 for the newest day, half for every `HALF_LIFE` days before."""
    newest = max(moments, default=0.0)
    return [0.5 ** (math.floor((newest - moment) / DAY) / HALF_LIFE) for moment in moments]


def quantile(weighed: Iterable[tuple[Number, float]], share: float) -> Number:
    """Return the value below which a share of the weight lies.

    Where the share falls exactly between two values, it is their middle: with equal weights and a
    share of one half this is the common median.
    """
    rows = sorted(weighed, key=lambda row: row[0])
    wanted = share * math.fsum(weight for _, weight in rows)
    reached = 0.0
    for number, (value, weight) in enumerate(rows, 1):
        reached += weight
        if number < len(rows) and math.isclose(reached, wanted):
            return (value + rows[number][0]) / 2
        if reached > wanted:
            return value
    return rows[-1][0]


def _stats(offer: OfferKey, group: Sequence[Observation]) -> Stats:
    reported = [
        (seen, seen.cost)
        for seen in group
        if seen.cost is not None and seen.cost.basis is CostBasis.REPORTED and possible(seen.cost)
    ]
    priced = [(seen, cost) for seen, cost in reported if cost.amount]
    unit = max(priced, key=lambda row: row[0].ended)[1].unit if priced else None
    paid = [(seen, cost.amount) for seen, cost in priced if cost.unit is unit]
    return Stats(
        offer=offer,
        unit=unit,
        per_second=_prices(
            (amount, _whole(seen.clip_seconds), seen.ended)
            for seen, amount in paid
            if seen.clip_seconds and 0 < seen.clip_seconds < math.inf
        ),
        per_run=_prices((amount, Decimal(1), seen.ended) for seen, amount in paid),
        durations=_durations(group),
        free=len(reported) - len(priced),
        last_seen=max(seen.ended for seen in group),
    )


def _prices(paid: Iterable[tuple[Decimal, Decimal, float]]) -> Prices | None:
    """Return the price of one second or run, from what each job cost, how many it bought, when."""
    rows = list(paid)
    if not rows:
        return None
    ends = [ended for _, _, ended in rows]
    heavy = weights(ends)
    exact = [(Decimal(w), cost, bought) for w, (cost, bought, _) in zip(heavy, rows, strict=True)]
    spent = sum((weight * cost for weight, cost, _ in exact), Decimal(0))
    each = [(cost / bought, w) for w, (cost, bought, _) in zip(heavy, rows, strict=True)]
    return Prices(
        low=quantile(each, LOW),
        mean=spent / sum((weight * bought for weight, _, bought in exact), Decimal(0)),
        high=quantile(each, HIGH),
        n=len(rows),
        last=max(ends),
    )


def _durations(group: Iterable[Observation]) -> Durations | None:
    timed = [
        (seen.seconds, seen.ended)
        for seen in group
        if seen.seconds is not None and 0 <= seen.seconds < math.inf
    ]
    if not timed:
        return None
    heavy = weights([ended for _, ended in timed])
    rows = [(seconds, weight) for (seconds, _), weight in zip(timed, heavy, strict=True)]
    return Durations(quantile(rows, 0.5), quantile(rows, 0.9), len(rows))


def _whole(seconds: float) -> Decimal:
    return Decimal(str(seconds)).to_integral_value(ROUND_CEILING)


def _round(amount: Decimal) -> Decimal:
    """Return an amount rounded to `_STEP`, without trailing zeros."""
    return amount.quantize(_STEP).normalize() + 0
