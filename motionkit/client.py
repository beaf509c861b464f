"""The client: submit, poll, result, over every configured account.

A thin façade: adapters translate, `submission` cares for the paid call, the journal remembers.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import attrs

from motionkit import config as configuration
from motionkit import download as fetching
from motionkit import lists, registry, retry, schedule, spool, transfer, webhooks
from motionkit.compare import Row, ordered, with_balances
from motionkit.errors import (
    Billed,
    ConfigError,
    DownloadFailed,
    MotionKitError,
    WaitTimeout,
)
from motionkit.jobs import Jobs
from motionkit.journal import Journal
from motionkit.ledger import Entry
from motionkit.model import (
    DOUBT_ERRORS,
    STATE_ERRORS,
    Call,
    Doubt,
    Job,
    KeyState,
    Result,
    State,
    Status,
    utcnow,
)
from motionkit.money import Balance, Cost, CostBasis, Quote
from motionkit.operations import Request
from motionkit.orders import Desk, Explanation, Wish
from motionkit.provider import Forgets, Provider
from motionkit.submission import Submitter

log = logging.getLogger("motionkit")

DOUBT_GRACE: Mapping[Doubt, float] = {Doubt.NOT_FOUND: 120.0, Doubt.NO_OUTPUT: 60.0}
"""Seconds of nothing else after which a doubt ends a wait; the journal keeps the job open."""

OLD_SHARE = 0.75
"""Of the time that a vendor keeps a job, after which a wait warns."""

Seconds = float | dt.timedelta
Watcher = Callable[[Job, Status], None]


class Client:
    """Submit, poll and fetch paid jobs at any configured vendor.

    Args:
        config: A configuration, a file's path, or None to find one (else the environment).
        provider_classes: Adapter classes by provider name, over the installed ones.
        sleep: How to wait between polls; tests give their own.
        clock: Monotonic seconds; tests give their own.

    Raises:
        ConfigError: The configuration is wrong.
        JournalError: The ledger cannot be opened.
    """

    def __init__(
        self,
        config: configuration.Config | Path | str | None = None,
        *,
        provider_classes: Mapping[str, type[Provider]] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not isinstance(config, configuration.Config):
            config = configuration.load(Path(config) if config else None)
        self.config = config
        self._sleep = sleep
        self._clock = clock
        self._journal = Journal(config.journal)
        if config.journal is None:
            log.warning("the journal is off: a crash can lose a paid job")
        self._classes = dict(provider_classes or {})
        self._providers: dict[str, Provider] = {}
        self.jobs = Jobs(self._journal, self._submitter)
        self._desk = Desk(
            config, self._journal, self.jobs, self.account, self._submitter, self._sleep
        )

    # Before paying.

    def explain(self, request: Request, *, via: str | None = None) -> Explanation:
        """Return the exact HTTP requests of a submit, and the quote. Nothing is sent.

        Raises:
            InvalidRequest: The request does not fit the target.
        """
        return self._desk.explain(request, via)

    def quote(self, request: Request, *, via: str | None = None) -> Quote | None:
        """Return what a request is expected to cost; None when no price is known.

        Raises:
            InvalidRequest: The request does not fit the target.
        """
        return self._desk.quote(request, via)

    def compare(
        self, request: Request, *, via: str | None = None, balances: bool = True
    ) -> list[Row]:
        """Say what each target would cost, take and deliver, cheapest first.

        Args:
            request: What is wanted.
            via: A target or route; every offer of every account when None.
            balances: Ask each account once what it holds; without it nothing is sent at all.

        Returns:
            A row per target. One that cannot do it says why; a dead account carries its error.
        """
        rows = self._desk.rows(request, via)
        return ordered(with_balances(rows, self.balance) if balances else rows)

    def bought_before(
        self, request: Request, *, via: str | None = None, key: str | None = None
    ) -> Entry | None:
        """Return the purchase that the same `submit` would go on with, if any.

        Raises:
            InvalidRequest: The key names another request.
        """
        entry, _ = self._desk.known(request, Wish(via=via, key=key))
        return None if entry is None or entry.state is KeyState.REFUSED else entry

    # Paying, and after.

    def submit(
        self,
        request: Request,
        *,
        via: str | None = None,
        key: str | None = None,
        again: bool | None = None,
        max_usd: Decimal | str | None = None,
        out: Path | str | None = None,
        wait_for_slot: Seconds = 0.0,
    ) -> Job:
        """Upload, pay, and return the job. The same request or key never buys twice.

        Args:
            request: What is wanted.
            via: A target, ``account`` or ``account/model``, or a route; the route ``default``
                when None.
            key: Names this purchase; a key that exists returns its job. Without one, an identical
                request that is still open or not delivered returns its job.
            again: Buy although an identical request is open; by default only when `key` is given.
            max_usd: Refuse when the quote's high exceeds it or is unknown.
            out: Where the file is wanted later, for `motionkit resume`.
            wait_for_slot: Seconds to wait while the account is busy.

        Raises:
            SubmitUncertain: It may have arrived; nothing will be sent again by itself.
            MotionKitError: With ``billed=NO``: nothing was bought.
        """
        wish = Wish(
            via=via,
            key=key,
            again=again,
            max_usd=None if max_usd is None else Decimal(max_usd),
            out=None if out is None else Path(out),
            wait_for_slot=_seconds(wait_for_slot),
        )
        return self._desk.order(request, wish).job

    def poll(self, job: Job) -> Status:
        """Observe a job once; the free read is retried on transient errors.

        Raises:
            ConfigError: The job belongs to another account.
            MotionKitError: With the job, and never ``billed=NO``.
        """
        return self._observe(job, lambda provider: retry.read(lambda: provider.poll(job)))

    def result(self, job: Job) -> Result:
        """Return what a finished job gave.

        Raises:
            NotReady: It still runs.
            JobFailed, ContentBlocked, JobGone: It ended without a result.
        """
        status = self._noticed(job)
        if status is None:
            return self._asked(job)
        with _about(job):
            return self._with_cost(status.need_result(job))

    def wait(
        self, job: Job, *, timeout: Seconds | None = None, watch: Watcher | None = None
    ) -> Result:
        """Poll a job until it ends.

        A failing poll never ends the wait; only a terminal word, a refusal such as a wrong key, or
        the deadline does.

        Args:
            job: The job.
            timeout: Seconds, or a timedelta; the configured default when None.
            watch: Called with every observation.

        Raises:
            WaitTimeout: The deadline passed; the job still runs.
            JobNotFound, ProtocolError: Nothing but doubt was seen for its grace.
            JobFailed, ContentBlocked, JobGone: It ended without a result.
        """
        limit = _seconds(self.config.defaults.timeout if timeout is None else timeout)
        deadline = self._clock() + limit
        doubt, doubted_at, polls = None, 0.0, 0
        cause: MotionKitError | None = None
        forgets = _forgets(self._provider_of(job))
        while True:
            hint = None
            forgets = _unless_warned(job, forgets)
            try:
                status = self._noticed(job) or self._observe(job, lambda p: p.poll(job))
            except retry.TRANSIENT as error:
                cause, hint = error, error.retry_after
                log.info("poll of %s failed and is repeated: %s", job.id, error)
            else:
                if watch is not None:
                    watch(job, status)
                if status.state is State.SUCCEEDED:
                    return self._with_cost(status.result) if status.result else self._asked(job)
                if status.state.terminal:
                    raise status.error(job)
                now = self._clock()
                if status.doubt is not doubt:
                    doubt, doubted_at = status.doubt, now
                if (
                    doubt is not None
                    and doubt in DOUBT_GRACE
                    and now - doubted_at > DOUBT_GRACE[doubt]
                ):
                    raise _doubtful(job, doubt, status)
                hint = status.hint
            left = deadline - self._clock()
            if left > 0:  # the last poll comes at the deadline itself
                self._sleep(min(schedule.delay(polls, hint=hint), left))
                polls += 1
                continue
            raise WaitTimeout(
                f"job {job.id} at {job.account} did not end within {limit:g} s",
                provider=job.provider,
                account=job.account,
                billed=Billed.UNKNOWN,
                job=job,
            ) from cause

    def run(
        self,
        request: Request,
        *,
        via: str | None = None,
        key: str | None = None,
        max_usd: Decimal | str | None = None,
        timeout: Seconds | None = None,
        watch: Watcher | None = None,
    ) -> Result:
        """Choose, submit and wait; behind a route, fall back where nothing was bought.

        See `submit` and `wait`. `Result.path` names the targets that were tried.
        """
        wish = Wish(
            via=via,
            key=key,
            max_usd=None if max_usd is None else Decimal(max_usd),
            wait_for_slot=self.config.defaults.wait_for_slot,
        )
        order = self._desk.order(request, wish)
        job = order.job
        while True:
            try:
                return self.wait(job, timeout=timeout, watch=watch)
            except tuple(STATE_ERRORS.values()) as error:
                if order.buyer is None:
                    raise
                order.buyer.ended(job, error)  # raises unless the route pays for another try
                job = order.buyer.buy()

    def download(
        self, result: Result, path: Path | str, *, overwrite: bool = False, output: int = 0
    ) -> Path:
        """Fetch a result's main file, or another one; an expired address is asked for anew.

        Args:
            result: From `result`, `wait` or `run`.
            path: Where the file goes.
            overwrite: Replace an existing file.
            output: Which of `Result.outputs`; the purchase is delivered with the main one, 0.

        Raises:
            InvalidRequest: The file exists.
            DownloadFailed: It did not arrive; the result is still safe at the vendor.
        """
        job = result.job
        try:
            fetched = fetching.download(
                result.outputs[output].url,
                Path(path),
                overwrite=overwrite,
                refresh=lambda: self._asked(job).outputs[output].url,
                origin=self.account(job.account).url(Call("GET", "/")),
                kept=spool.opener(result),
            )
        except DownloadFailed as error:
            error.billed = Billed.YES  # there is a result, so it was paid for
            error.fill(job=job, provider=job.provider, account=job.account)
            raise
        if output == 0:
            self._journal.delivered(job.key, fetched.path.absolute(), fetched.sha256)
        return fetched.path

    def parse_webhook(
        self, account: str, headers: Mapping[str, str], body: bytes
    ) -> webhooks.Delivery:
        """Check a delivery and write what it says: waiting for that job asks the vendor no more.

        Args:
            account: Whose webhook it is.
            headers: Of the delivery, in any case.
            body: Exactly as it came.

        Returns:
            What it says. Answer it with HTTP 200 and `Delivery.acknowledgement`. The same delivery
            again changes nothing; a job that the journal does not have is kept for later.

        Raises:
            SignatureError: It does not come from the vendor, was changed, or is too old.
            ConfigError: The vendor sends none, or the account has no secret to check one with.
        """
        delivery = webhooks.receive(self.account(account), self._journal, headers, body)
        if delivery.job is not None and delivery.status is not None:
            self._seen(delivery.job, delivery.status)
        return delivery

    # Accounts.

    def account(self, name: str) -> Provider:
        """Return an account's adapter, for `balance` and vendor lists.

        Raises:
            ConfigError: There is no such account.
        """
        if name not in self._providers:
            account = self.config.account(name)
            made = self._classes.get(account.provider) or registry.load(account.provider)
            cache = transfer.CarefulUploads(self._journal.caches)
            self._providers[name] = made(name, account.settings, cache)
        return self._providers[name]

    def balance(self, name: str) -> Balance:
        """Return what an account holds."""
        provider = self.account(name)
        return retry.read(provider.balance)

    def look_up(self, name: str, wanted: str, **options: Any) -> Sequence[Any]:
        """Return the records of one of an account's lists; free.

        Args:
            name: The account.
            wanted: The list, e.g. ``voices``.
            **options: What to ask it by.

        Raises:
            ConfigError: The account has no lists.
            InvalidRequest: It has none of that name, or that one is not asked so.
        """
        return lists.look_up(self.account(name), wanted, options)

    def close(self) -> None:
        """Close connections and the journal."""
        for provider in self._providers.values():
            provider.close()
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Inside.

    def _submitter(self, account: str) -> Submitter:
        settings = self.config.account(account).settings
        return Submitter(
            self.account(account),
            self._journal,
            self._sleep,
            self._clock,
            window=settings.reconcile_window,
            slots=settings.max_concurrent,
        )

    def _provider_of(self, job: Job) -> Provider:
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

    def _observe(self, job: Job, ask: Callable[[Provider], Status]) -> Status:
        provider = self._provider_of(job)
        with _about(job):
            status = ask(provider)
        return self._seen(job, status)

    def _asked(self, job: Job) -> Result:
        """Return what the vendor says now that a job gave, fresh addresses included."""
        provider = self._provider_of(job)
        with _about(job):
            return self._with_cost(retry.read(lambda: provider.result(job)))

    def _noticed(self, job: Job) -> Status | None:
        """Return how a job ended, where its vendor has said so of its own accord."""
        status = webhooks.noticed(self._provider_of(job), self._journal, job)
        return None if status is None else self._seen(job, status)

    def _seen(self, job: Job, status: Status) -> Status:
        cost = self._with_cost(status.result).cost if status.result else None
        self._journal.observed(job, status, cost)
        return status

    def _with_cost(self, result: Result) -> Result:
        """Add what the journal knows: the path taken, and an assumed cost where none was told.

        Where the vendor does not say the cost, the quote stands in and is marked as assumed.
        """
        entry = self._journal.get(result.job.key)
        if entry is None:
            return result
        result = attrs.evolve(result, path=entry.path)
        quote = entry.quote
        if result.cost is not None or quote is None or quote.likely is None:
            return result
        cost = Cost(quote.likely, quote.unit, quote.usd_likely, CostBasis.ASSUMED)
        return attrs.evolve(result, cost=cost)


@contextmanager
def _about(job: Job) -> Iterator[None]:
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


def _doubtful(job: Job, doubt: Doubt, status: Status) -> MotionKitError:
    kind, billed = DOUBT_ERRORS[doubt]
    return kind(
        f"job {job.id} at {job.account}: for {DOUBT_GRACE[doubt]:g} s the vendor said nothing but "
        f"{status.word!r} ({doubt.value.replace('_', ' ')})",
        provider=job.provider,
        account=job.account,
        code=status.word,
        billed=billed,
        hint="the journal keeps the job open; 'motionkit resume' asks again",
        job=job,
        raw=status.raw,
    )


def _forgets(provider: Provider) -> dt.timedelta | None:
    return provider.retention if isinstance(provider, Forgets) else None


def _unless_warned(job: Job, forgets: dt.timedelta | None) -> dt.timedelta | None:
    """Warn once that the vendor will soon forget a job; return None from then on."""
    age = utcnow() - job.submitted_at
    if forgets is None or age < forgets * OLD_SHARE:
        return forgets
    log.warning(
        "job %s at %s is %.0f min old; the vendor keeps jobs for %.0f min, and may tell less later",
        job.id,
        job.account,
        age.total_seconds() / 60,
        forgets.total_seconds() / 60,
    )
    return None


def _seconds(value: Seconds) -> float:
    return value.total_seconds() if isinstance(value, dt.timedelta) else float(value)
