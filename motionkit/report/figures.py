"""The numbers of a report: prices of delivered seconds, times, spend, failures and ratings.

They are read from the journal purchase by purchase, so that memory depends on how many targets,
reasons and days there are. Money is `Decimal`. What does not count for a number is counted beside
it, so that a page can say so.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, Unpack

import attrs

from motionkit.journal import PurchaseRecord, paid_of, quantile
from motionkit.model import codec
from motionkit.model.job import KeyState, State
from motionkit.model.money import EXACT, Unit
from motionkit.model.rating import Rating
from motionkit.model.spending import Paid, Spend, Sums
from motionkit.report.views import purchase_view

if TYPE_CHECKING:
    from motionkit.client import Client
    from motionkit.purchase import JobFilters

MOST_LABELS = 4
"""Labels by whose values the spend is added up: those that most purchases have."""
_TRACKED = 16
"""Labels whose values are added up; the first ones."""
_PAGE = 500
_STEP = Decimal("0.000001")
_ZERO = Decimal(0)
_LONGEST_REASON, _SHORTEST_NAME = 200, 6
_NUMBERS = re.compile(r"\b[0-9a-f]{8,}\b|\b[0-9]{5,}\b|[0-9a-f]{8}-[0-9a-f-]{27}")
"""Ids in a vendor's sentence: they would make every reason another one."""
_CANCELLED = "cancelled"
_ENDED = frozenset({State.FAILED, State.BLOCKED, State.GONE, KeyState.REFUSED})


@attrs.frozen(order=True)
class Target:
    """Account and model, in a sandbox on this machine or not.

    Attributes:
        sandbox: Whether it is in a sandbox.
        name: ``account/model``.
    """

    sandbox: bool
    name: str


@attrs.frozen(kw_only=True)
class SecondPrice:
    """What a delivered second cost at a target, by one unit and one kind of evidence.

    Attributes:
        target: The target.
        unit: The unit of `amount`.
        assumed: Whether the vendors reported no charge, so that the quotes' likely amounts stand
            in; False for reported charges.
        jobs: How many results.
        seconds: Their duration together.
        measured: How many of them have it from their file; the others from what was ordered.
        amount: What they cost together.
        usd: The same in US dollars; None where the value of a credit was unknown for one of them.
    """

    target: Target
    unit: Unit
    assumed: bool
    jobs: int
    seconds: Decimal
    measured: int
    amount: Decimal
    usd: Decimal | None

    @property
    def per_second(self) -> Decimal:
        """Cost of a second, in `unit`, rounded to millionths."""
        return _each(self.amount, self.seconds)

    @property
    def usd_per_second(self) -> Decimal | None:
        """Cost of a second in US dollars, rounded to millionths; None where unknown."""
        return None if self.usd is None else _each(self.usd, self.seconds)


@attrs.frozen(kw_only=True)
class Wait:
    """Seconds from submit to result at a target, of results that were observed as they came.

    Attributes:
        target: The target.
        n: How many results.
        p50: The median.
        p90: The 90th percentile.
    """

    target: Target
    n: int
    p50: float
    p90: float


@attrs.frozen(kw_only=True)
class Failure:
    """Purchases that ended without a result for the same reason.

    Attributes:
        kind: ``blocked``, ``failed``, ``gone``, ``refused`` or ``cancelled``.
        reason: What the vendor or the library said, without ids.
        jobs: How many.
    """

    kind: str
    reason: str
    jobs: int


@attrs.frozen(kw_only=True)
class TargetStars:
    """The ratings of a target's results.

    Attributes:
        target: The target.
        n: How many were rated.
        mean: The mean of the stars, 1 to 5.
    """

    target: Target
    n: int
    mean: float


@attrs.frozen(kw_only=True)
class Figures:
    """The numbers of some purchases.

    Attributes:
        purchases: How many there are.
        results: How many of them gave a result.
        unfinished: How many still run, or were not sent yet.
        uncertain: How many may have been charged without a known outcome; they are no failures,
            and their money is in no price.
        prices: What a delivered second cost, by target, unit and evidence.
        unknown_length: Results without a known duration; they are in no price.
        unpriced: Results whose cost and quote are unknown; they are in no price.
        free: Results that cost nothing, by free credits or a refund; they are in no price.
        waits: The time to a result, by target.
        unobserved: Results whose end was not observed as it came; they are in no time.
        failures: What ended without a result, the most frequent first.
        days: Spend by UTC day, as `Client.spend`.
        labels: Spend by the values of each label, as `Client.spend`; the labels that most purchases
            have.
        more_labels: Labels that are left out.
        ratings: The ratings, by target.
        pruned: Purchases that were pruned from the journal; they are in no number.
    """

    purchases: int
    results: int
    unfinished: int
    uncertain: int
    prices: tuple[SecondPrice, ...]
    unknown_length: int
    unpriced: int
    free: int
    waits: tuple[Wait, ...]
    unobserved: int
    failures: tuple[Failure, ...]
    days: tuple[Spend, ...]
    labels: Mapping[str, tuple[Spend, ...]]
    more_labels: tuple[str, ...]
    ratings: tuple[TargetStars, ...]
    pruned: int

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON-able values; amounts are text."""
        data: dict[str, Any] = codec.unstructure(self)
        for row, price in zip(data["prices"], self.prices, strict=True):
            each, usd = price.per_second, price.usd_per_second
            row["per_second"] = f"{each:f}"
            row["usd_per_second"] = None if usd is None else f"{usd:f}"
        return data


def read_figures(
    client: Client,
    keys: Iterable[str] | None = None,
    *,
    headers: bool = True,
    **filters: Unpack[JobFilters],
) -> Figures:
    """Return the numbers of purchases in the journal. Nothing is sent.

    Args:
        client: Whose journal is read.
        keys: Their whole keys; unknown ones are left out. All that `filters` choose when None.
        headers: Whether to read the headers of films for their duration; without, what was ordered
            counts.
        **filters: Which purchases; as in `Client.jobs.list`.

    Raises:
        JournalError: The journal cannot be read, or a purchase in it is corrupt.

    Examples:
        >>> for price in read_figures(client, since="30d").prices:
        ...     print(price.target.name, price.usd_per_second, price.jobs)
    """
    counts = Counts()
    for page in _pages(client, keys, filters):
        rated = client.jobs.ratings_of([record.key for record in page])
        for record in page:
            counts.add(record, film_seconds(record) if headers else None, rated.get(record.key))
    return counts.figures(pruned=client.jobs.pruned())


def _pages(
    client: Client, keys: Iterable[str] | None, filters: JobFilters
) -> Iterator[Sequence[PurchaseRecord]]:
    if keys is None:
        records = client.jobs.each(**filters)
        while page := list(islice(records, _PAGE)):
            yield page
        return
    left = iter(keys)
    while some := list(islice(left, _PAGE)):
        yield client.jobs.of_keys(some)


def film_seconds(record: PurchaseRecord) -> float | None:
    """Return the duration of a purchase's film by the file's own headers; None where unknown."""
    if record.state is not State.SUCCEEDED or record.delivered is None:
        return None
    film = purchase_view(record, now=0.0).film
    return None if film is None else film.seconds


@attrs.define
class _Price:
    jobs: int = 0
    measured: int = 0
    seconds: Decimal = _ZERO
    amount: Decimal = _ZERO
    usd: Decimal | None = _ZERO


class Counts:
    """Adds purchases up, one by one."""

    def __init__(self) -> None:
        self._states: Counter[str] = Counter()
        self._apart: Counter[str] = Counter()
        self._prices: defaultdict[tuple[Target, Unit, bool], _Price] = defaultdict(_Price)
        self._waits: defaultdict[Target, array[float]] = defaultdict(lambda: array("d"))
        self._failures: Counter[tuple[str, str]] = Counter()
        self._labels: Counter[str] = Counter()
        self._days = Sums("day")
        self._by_label: dict[str, Sums] = {}
        self._stars: defaultdict[Target, Counter[int]] = defaultdict(Counter)

    def add(
        self, record: PurchaseRecord, film: float | None = None, rating: Rating | None = None
    ) -> None:
        """Add a purchase.

        Args:
            record: The purchase.
            film: The duration of its film, in seconds, by the file's own headers; None where it is
                unknown, and what was ordered counts.
            rating: Its rating, if any.
        """
        self._states["purchases"] += 1
        self._spend(record)
        if record.ambiguous or record.state is KeyState.UNCERTAIN:
            self._states["uncertain"] += 1
        elif record.state in _ENDED:
            kind = _CANCELLED if record.cancelled else record.state.value
            self._failures[kind, reason_of(record)] += 1
        elif record.state is not State.SUCCEEDED:
            self._states["unfinished"] += 1
        if record.state is State.SUCCEEDED:
            self._result(record, film, rating)

    def _spend(self, record: PurchaseRecord) -> None:
        self._labels.update(list(record.labels))
        for name in record.labels:
            if name not in self._by_label and len(self._by_label) < _TRACKED:
                self._by_label[name] = self._days.together("label")  # what does not have it
        paid = paid_of(record)
        if paid is None:
            return
        sandbox = bool(record.sandbox)
        at = record.created if record.reserved_at is None else record.reserved_at
        self._days.add(
            dt.datetime.fromtimestamp(at, dt.UTC).date().isoformat(), paid, sandbox=sandbox
        )
        for name, sums in self._by_label.items():
            sums.add(record.labels.get(name), paid, sandbox=sandbox)

    def _result(self, record: PurchaseRecord, film: float | None, rating: Rating | None) -> None:
        self._states["results"] += 1
        view = purchase_view(record, now=0.0, headers=False)
        target = Target(view.sandbox, view.target)
        if view.seconds_taken is None:
            self._apart["unobserved"] += 1
        else:
            self._waits[target].append(view.seconds_taken)
        if rating is not None:
            self._stars[target][rating.stars] += 1
        seconds = _duration(film) or _duration(view.seconds_asked)
        paid = paid_of(record)
        if paid is None or record.ambiguous:
            return  # counted as uncertain
        if not paid.priced:
            self._apart["unpriced"] += 1
        elif not paid.amounts.charged:
            self._apart["free"] += 1
        elif seconds is None:
            self._apart["unknown_length"] += 1
        else:
            assumed = bool(paid.amounts.assumed)
            price = self._prices[target, paid.unit, assumed]
            _add(price, paid, seconds, measured=_duration(film) is not None)

    def figures(self, *, pruned: int = 0) -> Figures:
        """Return the numbers.

        Args:
            pruned: How many purchases were pruned from the journal.
        """
        names = [name for name, _ in self._labels.most_common()]
        shown = [name for name in names if name in self._by_label][:MOST_LABELS]
        return Figures(
            purchases=self._states["purchases"],
            results=self._states["results"],
            unfinished=self._states["unfinished"],
            uncertain=self._states["uncertain"],
            prices=tuple(self._listed_prices()),
            unknown_length=self._apart["unknown_length"],
            unpriced=self._apart["unpriced"],
            free=self._apart["free"],
            waits=tuple(self._listed_waits()),
            unobserved=self._apart["unobserved"],
            failures=tuple(
                Failure(kind=kind, reason=reason, jobs=jobs)
                for (kind, reason), jobs in sorted(
                    self._failures.items(), key=lambda one: (-one[1], one[0])
                )
            ),
            days=tuple(self._days.rows()),
            labels={name: tuple(self._by_label[name].rows()) for name in shown},
            more_labels=tuple(name for name in names if name not in shown),
            ratings=tuple(self._listed_ratings()),
            pruned=pruned,
        )

    def _listed_prices(self) -> Iterator[SecondPrice]:
        """Yield the prices: real targets first, then the cheapest; unknown dollars last."""
        made = [
            SecondPrice(
                target=target,
                unit=unit,
                assumed=assumed,
                jobs=one.jobs,
                seconds=one.seconds,
                measured=one.measured,
                amount=one.amount,
                usd=one.usd,
            )
            for (target, unit, assumed), one in self._prices.items()
        ]

        def order(row: SecondPrice) -> tuple[Any, ...]:
            usd = row.usd_per_second
            return row.target.sandbox, usd is None, usd or row.per_second, row.target, row.assumed

        yield from sorted(made, key=order)

    def _listed_waits(self) -> Iterator[Wait]:
        """Yield the times: real targets first, then the fastest."""
        made = []
        for target, times in self._waits.items():
            weighed = [(one, 1.0) for one in times]
            p50, p90 = quantile(weighed, 0.5), quantile(weighed, 0.9)
            made.append(Wait(target=target, n=len(times), p50=p50, p90=p90))
        yield from sorted(made, key=lambda row: (row.target.sandbox, row.p50, row.target))

    def _listed_ratings(self) -> Iterator[TargetStars]:
        """Yield the ratings: real targets first, then the best."""
        made = [
            TargetStars(
                target=target,
                n=stars.total(),
                mean=sum(one * count for one, count in stars.items()) / stars.total(),
            )
            for target, stars in self._stars.items()
        ]
        yield from sorted(made, key=lambda row: (row.target.sandbox, -row.mean, row.target))


def _add(price: _Price, paid: Paid, seconds: Decimal, *, measured: bool) -> None:
    price.jobs += 1
    price.measured += measured
    price.seconds = EXACT.add(price.seconds, seconds)
    price.amount = EXACT.add(price.amount, paid.amounts.charged)
    known = price.usd is not None and paid.usd is not None
    price.usd = EXACT.add(price.usd, paid.usd.charged) if known else None  # type: ignore[arg-type,union-attr]


def _duration(seconds: float | None) -> Decimal | None:
    """Return a duration that can be divided by."""
    if seconds is None or not math.isfinite(seconds) or seconds <= 0:
        return None
    return Decimal(str(seconds))


def _each(amount: Decimal, seconds: Decimal) -> Decimal:
    return (amount / seconds).quantize(_STEP).normalize() + 0


def reason_of(record: PurchaseRecord) -> str:
    """Return why a purchase ended without a result, in words that other purchases share."""
    error = record.error or {}
    text = " ".join(str(error.get("message") or "no reason is recorded").split())
    job = record.job
    names = [record.key]
    if job is not None:
        text = text.removeprefix(f"job {job.id} at {job.account} ")
        names.append(job.id)
    for name in names:
        if len(name) >= _SHORTEST_NAME:  # a shorter one may be part of what the vendor says
            text = text.replace(name, "...")
    text = _NUMBERS.sub("...", text)
    provider = job.provider if job is not None else error.get("provider")
    if provider and not text.startswith(f"{provider}:"):
        text = f"{provider}: {text}"
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}..."


def days_between(first: str, last: str) -> Iterable[dt.date]:
    """Yield each day from one to another, both as ISO dates."""
    day, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    while day <= end:
        yield day
        day += dt.timedelta(days=1)
