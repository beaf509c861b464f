"""Poll a job: check its status or result, price it, and record it in the journal."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from math import inf
from pathlib import Path

import attrs

from motionkit import journal as journals
from motionkit._support import telemetry
from motionkit.errors import Billed, ConfigError, MotionKitError
from motionkit.journal import Journal, PurchaseRecord, optional
from motionkit.model import events
from motionkit.model.job import STATE_ERRORS, Job, Result, State, Status, UnknownReason, utcnow
from motionkit.model.money import Cost, CostBasis, Unit, doubt, possible
from motionkit.polling import webhooks
from motionkit.polling.durations import Durations, kind_of
from motionkit.polling.schedule import VAGUE_SECONDS
from motionkit.provider import Accounts, Provider, ShowsRefunds, Webhooks, in_sandbox

log = logging.getLogger("motionkit")

SPARSE = 15.0
"""Seconds between two polls of one job from which a rate limit is worth a warning."""
COUNTED = 5.0
"""Seconds between two counts of the jobs that an account runs in all processes."""
NINE_OF_TEN = 1.2816
"""Standard deviations from the median, below which nine of ten values are."""
OLD_SHARE = 0.75
"""Share of the time for which a vendor keeps a job after which polling warns."""


@attrs.frozen
class JobObserver:
    """How a client polls jobs; a job's age runs on the monotonic clock."""

    accounts: Accounts
    journal: Journal
    durations: Durations
    clock: Callable[[], float] = time.monotonic
    sandbox_speed: float = 1.0
    _sparse: set[str] = attrs.field(factory=set)
    """Accounts whose rate limit was warned of."""
    _old: set[tuple[str, str]] = attrs.field(factory=set)
    """Jobs whose age was warned of."""
    _running: dict[tuple[str, str], float] = attrs.field(factory=dict)
    """The age at which a caller last saw a job running."""
    _accepted: dict[tuple[str, str], float] = attrs.field(factory=dict)
    """When each job was accepted, on the clock."""
    _webhooks: dict[str, bool] = attrs.field(factory=dict)
    """Whether an account's vendor sends webhooks."""
    _slots: dict[str, tuple[int, float]] = attrs.field(factory=dict)
    """How many jobs an account runs in all processes, and until when that is not counted again."""
    _told: dict[tuple[str, str], State] = attrs.field(factory=dict)
    """The last reported state of each job, until it ended."""
    _heard: list[Hashable] = attrs.field(factory=list)
    """The journal's token when it was last asked for jobs that ended."""

    def once(self, job: Job) -> Status:
        """Poll a job once; a poll that fails is not repeated."""
        return self.observe(job, lambda provider: provider.poll(job))

    def provider_of(self, job: Job) -> Provider:
        """Return the adapter of the account that paid for a job.

        Raises:
            ConfigError: The account has another key or base URL now.
        """
        provider = self.accounts.of(job.account)
        if provider.fingerprint != job.fingerprint:
            raise ConfigError(
                f"job {job.id} was submitted with a different API key or base URL than account "
                f"{job.account!r} uses now",
                hint="use the key and region that submitted it",
                account=job.account,
                job=job,
                billed=Billed.UNKNOWN,
            )
        return provider

    def observe(
        self, job: Job, ask: Callable[[Provider], Status], *, since_last: float | None = None
    ) -> Status:
        """Get a job's status by `ask` and record it; `since_last` is None outside the engine."""
        provider = self.provider_of(job)
        with about(job), _span("poll", job) as span:
            status = ask(provider)
            span.set(motionkit__state=status.state.value)
        status = self._with_cancelled(job, _with_refund(provider, job, status))
        if since_last is None:
            since_last = self._since_running(job, status)
        return self.record(job, status, since_last=since_last)

    def _with_cancelled(self, job: Job, status: Status) -> Status:
        """Return the end of a job that its vendor has cancelled and does not find any more."""
        if status.doubt is not UnknownReason.NOT_FOUND:
            return status
        with optional("whether a job was cancelled"):
            entry = self.journal.bought(job)
            if entry is not None and entry.cancelled:
                billed = Billed((entry.error or {}).get("billed", Billed.UNKNOWN.value))
                return attrs.evolve(
                    status, state=State.FAILED, doubt=None, billed=billed, cancelled=True
                )
        return status

    def record(self, job: Job, status: Status, *, since_last: float) -> Status:
        """Record a status that was polled, or reported by a webhook.

        `since_last` is the seconds since a poll saw it running; 0 for a webhook, sent at once.
        """
        entry: PurchaseRecord | None = None
        if status.state.terminal:
            with optional("the quote of a job that ended"):
                entry = self.journal.bought(job)
        cost = status.cost or _refund(job, status, entry)
        if status.result is not None:
            cost = self.priced(status.result).cost
        ended = self.journal.observed(job, status, cost, unseen=since_last)
        if ended and cost is not None and cost != job.cost:  # its submit warned of that one
            doubtful = doubt(cost, entry.quote if entry else None)
            if doubtful is not None:
                log.warning("job %s at %s: %s", job.id, job.account, doubtful)
        self._tell(job, status, cost, ended=ended)
        if ended and status.result is not None:
            age = self.age(job)
            if journals.timed(job, age, since_last):
                # It ended at any moment since the last poll: on average, halfway.
                self.durations.learn(job, age - since_last / 2)
        if status.state.terminal:
            self._accepted.pop((job.fingerprint, job.id), None)
        return status

    def _tell(self, job: Job, status: Status, cost: Cost | None, *, ended: bool) -> None:
        """Report a status: an end once in all processes, another state once in this one."""
        key, traits = (job.fingerprint, job.id), events.traits(job)
        telemetry.measure("motionkit.polls", motionkit__state=status.state.value, **traits)
        if status.state.terminal:
            changed = self._told.pop(key, None) is not None or ended
        else:
            changed = self._told.get(key) is not status.state
            self._told[key] = status.state
        if ended:
            failed = status.state in STATE_ERRORS
            error = type(status.error(job)).__name__ if failed else None
            age = self.age(job)
            telemetry.measure("gen_ai.client.operation.duration", age, error__type=error, **traits)
            events.count_charge(job, cost, job.cost)
        kind = events.StateChanged if changed else events.Progressed
        if (changed or not status.state.terminal) and events.wanted(kind):
            events.emit(self.event(job, status, kind, cost))

    def event(
        self,
        job: Job,
        status: Status,
        kind: type[events.StateChanged],
        cost: Cost | None = None,
    ) -> events.StateChanged | events.Progressed:
        """Return a status as an event."""
        expected, longest = self.usual(job)
        return kind(
            key=job.key,
            job=job,
            status=status,
            seconds=self.age(job),
            expected_seconds=expected,
            longest_seconds=longest,
            cost=cost,
            time=status.observed_at,
        )

    def usual(self, job: Job) -> tuple[float, float]:
        """Return the ages in seconds by which half and nine of ten such jobs have ended."""
        expected = self._expected(self.accounts.of(job.account), job)
        known = self.durations.estimate(kind_of(job), expected)
        return known.median, known.quantile(NINE_OF_TEN)

    def _expected(self, provider: Provider, job: Job) -> float | None:
        """Return the seconds that the offer states, as many times fewer as the sandbox is fast."""
        if (speed := self._speed(provider)) != 1.0:
            return (job.expected_seconds or VAGUE_SECONDS) / speed
        return job.expected_seconds

    def _speed(self, provider: Provider) -> float:
        """Return how many of the vendor's seconds pass in one: its limits are in these, too."""
        return self.sandbox_speed if self.sandbox_speed != 1.0 and in_sandbox(provider) else 1.0

    def _since_running(self, job: Job, status: Status) -> float:
        """Return the seconds since a caller last saw a job running; its whole age at first."""
        key, age = (job.fingerprint, job.id), self.age(job)
        since = age - self._running.pop(key, 0.0)
        if not status.state.terminal:
            self._running[key] = age
        return max(0.0, since)

    def reported(self, job: Job) -> Status | None:
        """Return the status in which a webhook reported that a job ended, if one did."""
        return webhooks.reported(self.provider_of(job), self.journal, job)

    def priced(self, result: Result) -> Result:
        """Add the path taken, and the quote as an assumed cost where the vendor reports none."""
        entry = None
        with optional("the quote and the path of a result"):
            entry = self.journal.bought(result.job)
        if entry is None:
            return result
        result = attrs.evolve(result, path=entry.path)
        if entry.delivered is not None and "://" not in entry.delivered:
            result.files[0] = Path(entry.delivered)
        quote = entry.quote
        if result.cost is not None or quote is None or quote.likely is None:
            return result
        cost = Cost(quote.likely, quote.unit, quote.usd_likely, CostBasis.ASSUMED)
        return attrs.evolve(result, cost=cost)

    # The engine's observer.

    def reserve(self, job: Job) -> float:
        """Reserve calls for a poll, or return how many seconds to wait."""
        limiter = self.accounts.limiter(job.account)
        return 0.0 if limiter is None else limiter.acquire(_calls(self.accounts.of(job.account)))

    def release(self, job: Job) -> None:
        """Give back the reserved calls that the poll did not make."""
        limiter = self.accounts.limiter(job.account)
        if limiter is not None:
            limiter.release()

    def poll(self, job: Job, since_last: float | None) -> Status:
        """Poll a job once and record its status; a webhook's report saves the call."""
        age = self.age(job)
        self._warn_of_age(job, age)
        self._reports(job.account)

        def ask(provider: Provider) -> Status:
            return webhooks.reported(provider, self.journal, job) or provider.poll(job)

        return self.observe(job, ask, since_last=age if since_last is None else since_last)

    def result(self, job: Job, status: Status) -> Result:
        """Return the result of a job that has just succeeded."""
        if status.result is not None:
            return self.priced(status.result)
        provider = self.provider_of(job)
        with about(job):
            return self.priced(provider.result(job))

    def hears(self, accounts: Collection[str]) -> bool:
        """Return whether a webhook may report the end of a job of one of the accounts.

        Only accounts that were polled count: making an adapter may take a command's time.
        """
        return any(self._webhooks.get(account) for account in accounts)

    def _reports(self, account: str) -> bool:
        if account not in self._webhooks:
            try:
                self._webhooks[account] = isinstance(self.accounts.of(account), Webhooks)
            except MotionKitError:  # the poll that cannot be made reports it
                return False
        return self._webhooks[account]

    def ended(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Return those of the jobs that the journal has seen end since this was last asked."""
        jobs = [job for job in jobs if self._reports(job.account)]
        if not jobs:
            return ()
        with optional("the reports of webhooks"):
            token = self.journal.endings
            if self._heard != [token]:
                self._heard[:] = [token]
                return self.journal.ended(jobs)
        return ()

    def gap(self, job: Job, age: float, among: int) -> float:
        """Return the seconds until the next poll of a job that still runs."""
        provider, limiter = self.accounts.of(job.account), self.accounts.limiter(job.account)
        share = 0.0
        if limiter is not None:
            among = max(among, self._running_anywhere(job.fingerprint))
            share = limiter.share(among, _calls(provider))
        if share > SPARSE:
            self._warn_of_limit(job.account, share, among)
        floor = float(getattr(provider, "poll_floor", 0.0)) / self._speed(provider)
        expected = self._expected(provider, job)
        plan = self.durations.plan(kind_of(job), expected, floor=floor, share=share)
        return plan.after(age) - age

    def _running_anywhere(self, fingerprint: str) -> int:
        """Return how many jobs an account runs: other processes poll theirs in the same minute."""
        counted, until = self._slots.get(fingerprint, (0, -inf))
        if self.clock() >= until:
            with optional("the jobs of other processes"):
                counted = self.journal.taken(fingerprint)
            self._slots[fingerprint] = counted, self.clock() + COUNTED
        return counted

    def accepted(self, job: Job) -> float:
        """Return when a job was accepted, on the clock.

        The wall clock is read once per job; from then on its age runs on the monotonic clock. A
        correction of the wall clock would age the job and be learned as a duration.
        """
        age = max(0.0, (utcnow() - job.submitted_at).total_seconds())
        return self._accepted.setdefault((job.fingerprint, job.id), self.clock() - age)

    def age(self, job: Job) -> float:
        """Return the seconds since a job was accepted."""
        accepted = self.accepted(job)
        return self.clock() - accepted

    # Warnings.

    def _warn_of_age(self, job: Job, age: float) -> None:
        """Warn once that the vendor will soon forget a job."""
        retention: dt.timedelta | None = getattr(self.accounts.of(job.account), "retention", None)
        if retention is None or (job.fingerprint, job.id) in self._old:
            return
        kept = retention.total_seconds()
        if age < kept * OLD_SHARE:
            return
        self._old.add((job.fingerprint, job.id))
        text = "job %s at %s is %.0f min old; the vendor keeps jobs for %.0f min"
        log.warning(text, job.id, job.account, age / 60, kept / 60)

    def scarce(self, account: str) -> tuple[str, ...]:
        """Return warnings for a quote where an account's rate limit makes polling sparse."""
        limiter = self.accounts.limiter(account)
        if limiter is None:
            return ()
        share = limiter.share(1, _calls(self.accounts.of(account)))
        if share <= SPARSE:
            return ()
        return (f"rpm = {limiter.rpm} allows a poll of a job every {share:.0f} s at best",)

    def _warn_of_limit(self, account: str, share: float, among: int) -> None:
        if account not in self._sparse:
            self._sparse.add(account)
            text = "%s: rpm allows a poll of each of %d jobs every %.0f s; ends are noticed late"
            log.warning(text, account, among, share)


def _refund(job: Job, status: Status, entry: PurchaseRecord | None) -> Cost | None:
    """Return a cost of 0 for a failed job that is documented or listed as not charged."""
    if status.state not in STATE_ERRORS or status.billed is not Billed.NO:
        return None
    charged = job.cost or (entry.cost if entry else None)
    quote = entry.quote if entry else None
    unit = charged.unit if charged else quote.unit if quote else Unit.USD
    return Cost(Decimal(0), unit, Decimal(0), CostBasis.REFUNDED)


def _with_refund(provider: Provider, job: Job, status: Status) -> Status:
    """Mark a failed job as not charged where its vendor lists the whole refund.

    A refund that cannot be read, or is not listed yet, leaves the charge that was reported.
    """
    if status.state is not State.FAILED or status.billed is not Billed.UNKNOWN or not job.cost:
        return status
    if not isinstance(provider, ShowsRefunds) or not possible(job.cost):
        return status
    try:
        listed = provider.refunded(job)
    except MotionKitError as error:
        log.info("job %s at %s: refunds cannot be read: %s", job.id, job.account, error.message)
        return status
    if listed is None or listed < job.cost.amount:
        return status
    return attrs.evolve(status, billed=Billed.NO)


def _span(name: str, job: Job) -> AbstractContextManager[telemetry.Span]:
    """Return the span of a call about a job."""
    return telemetry.span(
        f"{name} {job.model}",
        gen_ai__response__id=job.id,
        motionkit__key=job.key,
        **events.traits(job),
    )


def _calls(provider: Provider) -> int:
    return int(getattr(provider, "poll_calls", 1))


@contextmanager
def about(job: Job) -> Iterator[None]:
    """Attach the job to errors, and make sure they never claim ``billed=NO``.

    Only a terminal failure whose refund is documented or listed may claim it.
    """
    try:
        yield
    except MotionKitError as error:
        if error.billed is Billed.NO and not isinstance(error, tuple(STATE_ERRORS.values())):
            error.billed = Billed.UNKNOWN
        error.fill(job=job, provider=job.provider, account=job.account)
        raise
