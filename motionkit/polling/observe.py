"""Looking at jobs: one observation or result, checked, priced, and written down."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

import attrs

from motionkit.errors import Billed, ConfigError, MotionKitError
from motionkit.http import RateLimiter
from motionkit.journal import Journal, PurchaseRecord, optional, timed
from motionkit.model.job import STATE_ERRORS, Job, Result, State, Status, utcnow
from motionkit.model.money import Cost, CostBasis, Unit, doubt
from motionkit.polling import schedule, webhooks
from motionkit.polling.durations import Timing, kind_of
from motionkit.provider import Provider, ShowsRefunds, Webhooks

log = logging.getLogger("motionkit")

WORTH_A_WORD = 15.0
"""Seconds between two looks at one job from which a limit of calls is worth a warning."""


OLD_SHARE = 0.75
"""Of the time that a vendor keeps a job, after which a look warns."""


@attrs.frozen
class JobObserver:
    """How a client looks at jobs; see `motionkit.polling.watch.Observer`.

    Attributes:
        account: Returns an account's adapter.
        limiter: Returns what counts an account's calls; None where nobody set a limit.
        journal: Where observations are written.
        timing: What is believed of durations.
        clock: Monotonic seconds; a job's age runs on it.
    """

    account: Callable[[str], Provider]
    limiter: Callable[[str], RateLimiter | None]
    journal: Journal
    timing: Timing
    clock: Callable[[], float] = time.monotonic
    _warned: set[str] = attrs.field(factory=set)
    _old: set[tuple[str, str]] = attrs.field(factory=set)
    _told: dict[str, bool] = attrs.field(factory=dict)
    _running: dict[tuple[str, str], float] = attrs.field(factory=dict)
    """The age at which a caller last saw a job running."""
    _ages: dict[tuple[str, str], tuple[float, float]] = attrs.field(factory=dict)
    """A job's age when it was first asked for, and when that was by the clock."""

    def provider_of(self, job: Job) -> Provider:
        """Return the adapter of the account that paid for a job.

        Raises:
            ConfigError: The account has another key or origin now.
        """
        provider = self.account(job.account)
        if provider.fingerprint != job.fingerprint:
            raise ConfigError(
                f"job {job.id} was paid by another key or origin than account {job.account!r} "
                "has now",
                hint="use the key and region that submitted it",
                account=job.account,
                job=job,
                billed=Billed.UNKNOWN,
            )
        return provider

    def observe(
        self,
        job: Job,
        ask: Callable[[Provider], Status],
        *,
        unseen: float | None = None,
    ) -> Status:
        """Observe a job once and write it down.

        Args:
            job: The job.
            ask: Ask its account's adapter.
            unseen: Seconds since it was last seen running; None for a caller that looks by itself.
        """
        provider = self.provider_of(job)
        with about(job):
            status = ask(provider)
        status = _with_refund(provider, job, status)
        since = self._unseen(job, status) if unseen is None else unseen
        return self.seen(job, status, unseen=since)

    def seen(self, job: Job, status: Status, *, unseen: float) -> Status:
        """Write down what was observed of a job, or what its vendor said of its own accord.

        Args:
            job: The job.
            status: What it is.
            unseen: Seconds for which nobody had looked; 0 when the vendor told at once.
        """
        entry: PurchaseRecord | None = None
        if status.state.terminal:
            with optional("the quote of a job that ended"):
                entry = self.journal.bought(job)
        cost = self.priced(status.result).cost if status.result else _refund(job, status, entry)
        ended = self.journal.observed(job, status, cost, unseen=unseen)
        told = None if cost is None or not ended else doubt(cost, entry.quote if entry else None)
        if told is not None:
            log.warning("job %s at %s: %s", job.id, job.account, told)
        if ended and status.result is not None:
            age = self.age(job)
            if timed(job, age, unseen):
                self.timing.learn(job, age - unseen / 2)
        if status.state.terminal:
            self._ages.pop((job.fingerprint, job.id), None)
        return status

    def _unseen(self, job: Job, status: Status) -> float:
        """Return the seconds since a caller last saw a job running; all its life at first."""
        name, age = (job.fingerprint, job.id), self.age(job)
        since = age - self._running.pop(name, 0.0)
        if not status.state.terminal:
            self._running[name] = age
        return max(0.0, since)

    def noticed(self, job: Job) -> Status | None:
        """Return how a job ended, where its vendor has said so of its own accord."""
        return webhooks.noticed(self.provider_of(job), self.journal, job)

    def priced(self, result: Result) -> Result:
        """Add what the journal knows: the path taken, and an assumed cost where none was told.

        Where the vendor does not say the cost, the quote stands in and is marked as assumed.
        """
        entry = None
        with optional("the quote and the path of a result"):
            entry = self.journal.bought(result.job)
        if entry is None:
            return result
        result = attrs.evolve(result, path=entry.path)
        quote = entry.quote
        if result.cost is not None or quote is None or quote.likely is None:
            return result
        cost = Cost(quote.likely, quote.unit, quote.usd_likely, CostBasis.ASSUMED)
        return attrs.evolve(result, cost=cost)

    # What the engine asks for.

    def look(self, job: Job, unseen: float | None) -> Status:
        """Observe a job once and write it down; the vendor is not asked where it has told."""
        age = self.age(job)
        self._warn_of_age(job, age)
        since = age if unseen is None else unseen

        def ask(provider: Provider) -> Status:
            told = self._is_told(job.account)
            return (told and webhooks.noticed(provider, self.journal, job)) or provider.poll(job)

        return self.observe(job, ask, unseen=since)

    def _is_told(self, account: str) -> bool:
        """Tell whether an account's vendor may say something of its own accord; asked often."""
        if account not in self._told:
            self._told[account] = isinstance(self.account(account), Webhooks)
        return self._told[account]

    def result(self, job: Job, status: Status) -> Result:
        """Return what a job gave that was just seen to have succeeded."""
        if status.result is not None:
            return self.priced(status.result)
        provider = self.provider_of(job)
        with about(job):
            return self.priced(provider.result(job))

    def gap(self, job: Job, age: float, among: int) -> float:
        """Return the seconds until the next look at a job that still runs."""
        provider, limiter = self.account(job.account), self.limiter(job.account)
        share = 0.0 if limiter is None else limiter.share(schedule.stepped(among), _calls(provider))
        if share > WORTH_A_WORD:
            self._warn(job.account, share, among)
        floor = float(getattr(provider, "poll_floor", 0.0))
        plan = self.timing.plan(kind_of(job), job.expected_seconds, floor=floor, share=share)
        return plan.after(age) - age

    def age(self, job: Job) -> float:
        """Return the seconds since a job was accepted.

        The wall clock is read once for a job; from then on its age runs on a clock that nobody
        sets, so that a correction neither ages a job nor teaches a duration that never was.
        """
        now = self.clock()
        first = max(0.0, (utcnow() - job.submitted_at).total_seconds())
        age, since = self._ages.setdefault((job.fingerprint, job.id), (first, now))
        return age + now - since

    def turn(self, job: Job) -> float:
        """Take what a look needs of the calls a minute; else the seconds after which to ask."""
        limiter = self.limiter(job.account)
        if limiter is None:
            return 0.0
        return limiter.acquire(_calls(self.account(job.account)))

    def turned(self, job: Job) -> None:
        """Give back what the look did not need."""
        limiter = self.limiter(job.account)
        if limiter is not None:
            limiter.release()

    def _warn_of_age(self, job: Job, age: float) -> None:
        """Warn once that the vendor will soon forget a job."""
        retention: dt.timedelta | None = getattr(self.account(job.account), "retention", None)
        if retention is None or (job.fingerprint, job.id) in self._old:
            return
        kept = retention.total_seconds()
        if age < kept * OLD_SHARE:
            return
        self._old.add((job.fingerprint, job.id))
        log.warning(
            "job %s at %s is %.0f min old; the vendor keeps jobs for %.0f min, and may tell less "
            "later",
            job.id,
            job.account,
            age / 60,
            kept / 60,
        )

    def scarce(self, account: str) -> tuple[str, ...]:
        """Return what to know before paying where an account's calls a minute are few."""
        limiter = self.limiter(account)
        if limiter is None:
            return ()
        share = limiter.share(1, _calls(self.account(account)))
        if share <= WORTH_A_WORD:
            return ()
        return (f"rpm = {limiter.rpm} allows a look at a job every {share:.0f} s at best",)

    def _warn(self, account: str, share: float, among: int) -> None:
        if account not in self._warned:
            self._warned.add(account)
            log.warning(
                "%s: rpm allows a look at each of %d jobs every %.0f s; ends are noticed late",
                account,
                among,
                share,
            )


def _refund(job: Job, status: Status, entry: PurchaseRecord | None) -> Cost | None:
    """Return a cost of 0 for a job that ended in a state documented or seen as not charged."""
    if status.state not in STATE_ERRORS or status.billed is not Billed.NO:
        return None
    charged = job.cost or (entry.cost if entry else None)
    quote = entry.quote if entry else None
    unit = charged.unit if charged else quote.unit if quote else Unit.USD
    return Cost(Decimal(0), unit, Decimal(0), CostBasis.REFUNDED)


def _with_refund(provider: Provider, job: Job, status: Status) -> Status:
    """Return the status of a failed job, not charged where its vendor lists the whole refund.

    Only a listed refund changes anything: what cannot be read, or is not there yet, leaves the
    charge that was reported.
    """
    if status.state is not State.FAILED or status.billed is not Billed.UNKNOWN or not job.cost:
        return status
    if not isinstance(provider, ShowsRefunds):
        return status
    try:
        listed = provider.refunded(job)
    except MotionKitError as error:
        log.info("job %s at %s: refunds cannot be read: %s", job.id, job.account, error.message)
        return status
    if listed is None or listed < job.cost.amount:
        return status
    return attrs.evolve(status, billed=Billed.NO)


def _calls(provider: Provider) -> int:
    return int(getattr(provider, "poll_calls", 1))


@contextmanager
def about(job: Job) -> Iterator[None]:
    """Let an error say which job it is about, and never that nothing was bought.

    Only a terminal failure whose refund is documented or was seen may say so.
    """
    try:
        yield
    except MotionKitError as error:
        if error.billed is Billed.NO and not isinstance(error, tuple(STATE_ERRORS.values())):
            error.billed = Billed.UNKNOWN
        error.fill(job=job, provider=job.provider, account=job.account)
        raise


__all__ = ["WORTH_A_WORD", "JobObserver", "about"]
