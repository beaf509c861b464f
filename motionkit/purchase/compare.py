"""Fit and quote targets, side by side, before anything is paid."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from motionkit import journal as journals
from motionkit import routing
from motionkit._support.displayed import Displayed
from motionkit._support.text import duration
from motionkit.errors import ConfigError, InvalidRequest, MotionKitError, Unsupported
from motionkit.journal import Journal, PurchaseRecord
from motionkit.model.money import Balance, Quote, Rates, amounts, both, dollars
from motionkit.model.probe import Facts
from motionkit.model.request import Request
from motionkit.provider import Fit, Offer, fit_at, quote_fit
from motionkit.purchase.submit import Submitter
from motionkit.routing import Choose

if TYPE_CHECKING:
    from motionkit.journal import Observation, OfferKey, Stats
    from motionkit.model.rating import Means

_CENT = Decimal("0.01")
OLD_AFTER = dt.timedelta(days=90)
"""The age from which a price is flagged as old."""
_WORKERS = 16
_OPEN = {"orientation": "takes an orientation", "keep_audio": "can keep sound"}
"""The settings of a target, and how one is named whose value is left to the vendor."""
_SOUND = {True: "sound kept", False: "sound dropped"}

log = logging.getLogger("motionkit")


@attrs.frozen(repr=False)
class Comparison(Displayed):
    """What one target would cost and deliver for a request.

    Attributes:
        target: ``account/model``.
        quote: What it is expected to cost; None when unknown.
        listed: The offer's own price, without past jobs.
        seconds: How long a job usually takes.
        p90: 90th percentile of past durations, in seconds; None without past jobs.
        quality: The quality that will be delivered.
        delivers: Seconds of the new clip, where known.
        settings: ``orientation`` and ``keep_audio``, of those that the target can be told: the
            request's value, or the offer's own; None where the vendor's default is not on record.
        clip_limits: The least and the most seconds of the clip that the target takes with them;
            None where the vendor states none.
        defaults: The offer's values for what the request leaves open.
        lacks: The request's fields that the target does not support.
        clip_seconds: The length of the clip whose seconds are billed.
        problem: Why the target cannot do it; None when it can.
        warnings: What the user should know before paying.
        balance: What the account holds; None when it was not or could not be asked.
        suffices: Whether that covers the quote's high; False only when it is below its low, None
            in between and when either is unknown.
        error: Why the account cannot be used.
        no_key: What has to hold the account's key and does not, such as ``VENDOR_API_KEY``; None
            where the key is there. Price and limits are those of the installed tables.
        old: Whether the price was read more than 90 days ago.
        conversions: What is made of which medium before its upload, and what a cut saves.
        rating: The mean of the stars that people gave results of this target for this operation,
            1 to 5; None where none was rated. Results of a sandbox count for sandboxes only.
        ratings: How many results of it were rated.
    """

    target: str
    quote: Quote | None = None
    listed: Quote | None = None
    seconds: float | None = None
    p90: float | None = None
    quality: str | None = None
    delivers: float | None = None
    settings: Mapping[str, Any] = attrs.field(factory=dict, hash=False)
    clip_limits: tuple[float | None, float | None] = (None, None)
    defaults: Mapping[str, Any] = attrs.field(factory=dict, hash=False)
    lacks: tuple[str, ...] = ()
    clip_seconds: float | None = None
    problem: InvalidRequest | None = None
    warnings: tuple[str, ...] = ()
    balance: Balance | None = None
    suffices: bool | None = None
    error: MotionKitError | None = None
    old: bool = False
    conversions: tuple[str, ...] = ()
    no_key: str | None = None
    rating: float | None = None
    ratings: int = 0

    __columns__: ClassVar[tuple[str, ...]] = (
        *("target", "unit", "low", "likely", "high", "usd_low", "usd_likely", "usd_high"),
        *("basis", "n", "source", "as_of", "old", "seconds", "p90", "quality"),
        *("delivers_seconds", "settings", "min_clip_seconds", "max_clip_seconds"),
        *("clip_seconds", "defaults", "lacks", "fits"),
        *("rating", "ratings"),
        *("balance", "balance_unit", "balance_usd", "suffices", "no_key", "notes"),
    )

    @property
    def account(self) -> str:
        """The account's name."""
        return self.target.partition("/")[0]

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know of the target, as sentences: what is missing comes last."""
        notes = [*self.conversions, *self.warnings]
        if self.problem is not None:
            notes.append(self.problem.message)
        if self.error is not None and self.no_key is None:
            notes.append(self.error.message)
        if self.suffices is False:
            notes.append("the balance does not cover the quote's upper bound")
        return tuple(notes)

    @property
    def delivery(self) -> str:
        """What is delivered, in words: ``720p 4 s, orientation video, sound kept, clip 3-30 s``."""
        clip = None if self.delivers is None else f"{self.delivers:g} s"
        parts = [" ".join(word for word in (self.quality, clip) if word)]
        for name, value in self.settings.items():
            if value is None:
                parts.append(_OPEN[name])
            else:
                parts.append(_SOUND[value] if name == "keep_audio" else f"{name} {value}")
        least, most = self.clip_limits
        if most is not None:
            parts.append(f"clip {f'{least:g}-' if least else 'up to '}{most:g} s")
        return ", ".join(part for part in parts if part)

    def __shown__(self) -> Iterator[tuple[str, object]]:
        yield "target", self.target
        quote = self.quote
        if self.problem is None:
            yield "quote", "unknown" if quote is None else amounts(quote)
            yield "basis", quote and f"{quote.basis.value}{f' n={quote.n}' if quote.n else ''}"
            yield "price read", quote and quote.as_of
            yield "takes", None if self.seconds is None else duration(self.seconds)
            yield "9 of 10 within", None if self.p90 is None else duration(self.p90)
            yield "delivers", self.delivery
        held = self.balance
        yield "balance", held and both(held.amount, held.unit, held.usd)
        yield "no key", self.no_key
        stars = self.rating
        yield "rating", None if stars is None else f"{stars:.1f} of 5 (n={self.ratings})"
        yield "does not support", ", ".join(self.lacks)
        yield "notes", self.notes

    def __cells__(self) -> Mapping[str, object]:
        left_out = {"price read", "does not support"}  # so that the row fits beside a notebook
        return {name: value for name, value in self.__shown__() if name not in left_out}

    def __record__(self) -> Mapping[str, object]:
        quote, held = self.quote, self.balance
        names = ("unit", "low", "likely", "high", "usd_low", "usd_likely", "usd_high", "basis", "n")
        return {
            "target": self.target,
            **{name: quote and getattr(quote, name) for name in (*names, "source", "as_of")},
            "old": self.old,
            "seconds": self.seconds,
            "p90": self.p90,
            "quality": self.quality,
            "delivers_seconds": self.delivers,
            "settings": self.settings,
            "min_clip_seconds": self.clip_limits[0],
            "max_clip_seconds": self.clip_limits[1],
            "clip_seconds": self.clip_seconds,
            "defaults": self.defaults,
            "lacks": self.lacks,
            "fits": self.problem is None,
            "rating": self.rating,
            "ratings": self.ratings,
            "balance": held and held.amount,
            "balance_unit": held and held.unit,
            "balance_usd": held and held.usd,
            "suffices": self.suffices,
            "no_key": self.no_key,
            "notes": self.notes,
        }


@attrs.frozen(eq=False, repr=False)
class RouteTarget:
    """One target, fitted and quoted.

    Attributes:
        target: As the route or the caller names it.
        row: What it would cost and deliver.
        submitter: The account's; None when the account cannot be used.
        fitted: The request as its offer takes it; None where it does not fit.
        sandbox: Whether its account is in a sandbox on this machine.
        holder: The account, and the fingerprint of its key and origin.
    """

    target: str
    row: Comparison
    submitter: Submitter | None = None
    fitted: Fit | None = None
    sandbox: bool = attrs.field(init=False)
    holder: tuple[str, str] = attrs.field(init=False)

    @sandbox.default
    def _in_sandbox(self) -> bool:
        return self.submitter is not None and self.submitter.sandbox

    @holder.default
    def _of_the_account(self) -> tuple[str, str]:
        provider = None if self.submitter is None else self.submitter.provider
        return self.target.partition("/")[0], "" if provider is None else provider.fingerprint

    def usable(self) -> tuple[Submitter, Fit]:
        """Return the account's submitter and what it would submit.

        Raises:
            MotionKitError: The request does not fit, or the account cannot be used.
        """
        submitter, fitted = self.priced()
        if submitter.unusable is not None:
            raise submitter.unusable
        return submitter, fitted

    def priced(self) -> tuple[Submitter, Fit]:
        """Return the same where the account has no key too: it can be quoted, and not submitted.

        Raises:
            MotionKitError: The request does not fit, or nothing is known of the account.
        """
        if self.submitter is None or self.fitted is None:
            raise self.row.problem or self.row.error or ConfigError(f"{self.target} is not usable")
        return self.submitter, self.fitted


Past = Mapping["OfferKey", "Stats"]


_NEWS = 20
"""Past jobs for each of which one more changes the statistics too little to make them anew."""


class Experience:
    """The statistics of finished purchases, by offer.

    Each purchase is read once, and they are made anew once a twentieth more jobs have ended: the
    first twenty jobs change them one by one.
    """

    def __init__(self, journal: Journal, limit: int = 2000) -> None:
        self._journal = journal
        self._limit = limit
        self._seen: dict[tuple[str, float], Observation | None] = {}
        self._last: float | None = None
        """When the newest of them ended."""
        self._token: Hashable = None
        self._past: Past = {}

    def past(self) -> Past:
        """Return the statistics of now."""
        token = self._journal.endings
        if token != self._token:
            if self._is_outdated():
                self._learn()
            self._token = token
        return self._past

    def _is_outdated(self) -> bool:
        """Return whether enough jobs have ended since the newest one that counts."""
        few = len(self._seen) // _NEWS
        return few <= 1 or self._journal.has_succeeded(few, self._last)

    def _learn(self) -> None:
        newest = self._journal.succeeded(self._limit)
        if len(newest) == len(self._seen) and all(one in self._seen for one in newest):
            return
        unread = [key for key, ended in newest if (key, ended) not in self._seen]
        entries = self._journal.readable(unread) if unread else []
        read = {entry.key: _observation(entry) for entry in entries}
        self._seen = {one: self._seen.get(one, read.get(one[0])) for one in newest}
        self._last = newest[0][1] if newest else None
        self._past = journals.summarise(filter(None, self._seen.values()))


def _observation(entry: PurchaseRecord) -> Observation | None:
    """Return one purchase for the statistics; None without a job of its own that has ended."""
    attempt = next((a for a in reversed(entry.attempts) if a.job is not None), None)
    if attempt is None or attempt.job is None or entry.finished is None:
        return None
    job, sent = attempt.job, attempt.submission
    # A quote without amounts was for something that the offer does not price, such as an extra.
    unpriced = entry.quote is not None and entry.quote.likely is None
    return journals.Observation(
        offer=journals.OfferKey(job.fingerprint, job.operation, job.model, sent.quality),
        ended=entry.finished,
        clip_seconds=sent.clip_seconds,
        cost=None if unpriced else entry.cost,
        seconds=entry.finished - job.submitted_at.timestamp() if entry.timed else None,
    )


def assess(
    request: Request,
    offer: Offer,
    submitter: Submitter,
    facts: Mapping[str, Facts],
    *,
    name: str,
    past: Past,
) -> RouteTarget:
    """Fit a request to one offer and quote it; nothing is sent."""
    provider = submitter.provider
    target = f"{provider.account}/{offer.model}"
    able = {*offer.fields, *offer.media}
    lacks = tuple(name for name in request.arguments() if name not in able)
    try:
        fitted = fit_at(provider, request, offer, facts)
    except InvalidRequest as error:
        refused = Comparison(
            target,
            problem=error,
            lacks=lacks,
            error=submitter.unusable,
            no_key=submitter.missing or None,
        )
        return RouteTarget(name, refused, submitter)
    listed, given = quote_fit(fitted, provider.rates), fitted.values
    seen = None
    if past:
        made = provider.fingerprint, offer.operation, offer.model, fitted.quality
        seen = past.get(journals.OfferKey(*made))
    by_second = offer.price is not None and any(c.per == "second" for c in offer.price.cells)
    # A price per second of an unknown clip stays unknown: other clips were shorter or longer.
    # So does that of extra options that the offer does not price.
    knowable = not fitted.unpriced and (listed is None or listed.likely is not None)
    quote = listed
    if seen is not None and knowable:
        quote = journals.observed_quote(
            listed,
            seen,
            per_second=by_second,
            seconds=fitted.clip_seconds,
            rates=provider.rates,
        )
    today = dt.datetime.now(dt.UTC).date()
    usual = None if offer.expected_seconds is None else offer.expected_seconds / submitter.speed
    row = Comparison(
        target,
        quote=quote,
        listed=listed,
        seconds=usual if seen is None else journals.expected_seconds(usual, seen),
        p90=seen.durations.p90 if seen is not None and seen.durations else None,
        quality=fitted.quality,
        delivers=fitted.seconds,
        settings={name: given.get(name) for name in _OPEN if name in offer.fields},
        clip_limits=clip_limits(offer, request.length_of, given),
        defaults={
            name: value
            for name, value in offer.defaults.items()
            if getattr(request, name, None) in (None, ())
        },
        lacks=lacks,
        clip_seconds=fitted.clip_seconds,
        warnings=fitted.warnings,
        old=quote is not None and quote.as_of is not None and today - quote.as_of > OLD_AFTER,
        conversions=tuple(_conversions(fitted, listed, provider.rates)) if fitted.recipes else (),
        error=submitter.unusable,
        no_key=submitter.missing or None,
    )
    return RouteTarget(name, row, submitter, fitted)


def clip_limits(
    offer: Offer, argument: str | None, values: Mapping[str, Any]
) -> tuple[float | None, float | None]:
    """Return the least and the most seconds of a clip that an offer takes with some values."""
    slot = offer.media.get(argument or "")
    if slot is None:
        return None, None
    slot, _ = slot.under(values)
    return slot.min_seconds, slot.max_seconds


def _conversions(fitted: Fit, listed: Quote | None, rates: Rates) -> Iterator[str]:
    """Say what is made of media, and what a cut saves at the offer's own price."""
    for name, recipe in fitted.recipes.items():
        yield f"{name}: {recipe}"
        whole, price = recipe.whole, fitted.offer.price
        if whole is None or recipe.seconds is None or price is None or price.seconds_of != name:
            continue
        text = f"{recipe.seconds:.1f} s instead of {whole:.1f} s"
        uncut = quote_fit(attrs.evolve(fitted, clip_seconds=whole, clip_seconds_high=whole), rates)
        more, less = (None if one is None else one.usd_likely for one in (uncut, listed))
        if more is not None and less is not None and more > less:
            yield f"{text}: saves {dollars((more - less).quantize(_CENT))}"


def with_balances(rows: Sequence[Comparison], ask: Callable[[str], Balance]) -> list[Comparison]:
    """Ask every account for its balance, once each and at the same time.

    Returns:
        The rows; those of an account that failed carry its error. One without a key is not asked,
        and one whose key may not read the balance has none.
    """
    accounts = list(dict.fromkeys(row.account for row in rows if row.no_key is None))

    def answer(account: str) -> Balance | MotionKitError:
        try:
            return ask(account)
        except MotionKitError as error:
            return error

    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - a purchase asks one account

    with ThreadPoolExecutor(min(_WORKERS, max(1, len(accounts)))) as pool:
        answers = dict(zip(accounts, pool.map(answer, accounts), strict=True))
    return [
        row
        if row.no_key is not None or isinstance(held := answers[row.account], Unsupported)
        else attrs.evolve(row, error=held)
        if isinstance(held, MotionKitError)
        else attrs.evolve(row, balance=held, suffices=routing.suffices(held, row.quote))
        for row in rows
    ]


def with_ratings(
    rows: Sequence[Comparison], means: Means, in_sandbox: Callable[[str], bool]
) -> list[Comparison]:
    """Return the rows with the ratings of their targets.

    Args:
        rows: The rows.
        means: The mean ratings of the request's operation.
        in_sandbox: Whether an account is in a sandbox on this machine.
    """

    def rated(row: Comparison) -> Comparison:
        account, _, model = row.target.partition("/")
        stars = means.get((account, model, in_sandbox(account)))
        return row if stars is None else attrs.evolve(row, rating=stars.mean, ratings=stars.n)

    return [rated(row) for row in rows] if means else list(rows)


def ordered(rows: Sequence[Comparison], choose: Choose = "cheapest") -> list[Comparison]:
    """Return the rows that can do it first, then those of accounts without a key, then the others.

    Args:
        rows: The rows, in the order of accounts and offers.
        choose: What goes first among them; unknown prices and durations go last.
    """

    def rank(row: Comparison) -> tuple[bool, bool, bool, float]:
        likely = None if row.quote is None else row.quote.usd_likely
        by = {"cheapest": likely, "fastest": row.seconds, "first": 0.0}[choose]
        return row.problem is not None, row.no_key is not None, by is None, float(by or 0)

    return sorted(rows, key=rank)
