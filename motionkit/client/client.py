"""The client: submit, poll, result, over every configured account.

A thin façade: adapters translate, `submission` cares for the paid call, the journal remembers.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import attrs

from motionkit import config as configuration
from motionkit.client import arguments
from motionkit.client.accounts import Accounts
from motionkit.errors import Billed, DownloadFailed, MotionKitError
from motionkit.http import download as fetching
from motionkit.http import retry
from motionkit.journal import Journal, PurchaseRecord
from motionkit.model.budget import BudgetStatus
from motionkit.model.job import STATE_ERRORS, Job, KeyState, Result, State, Status
from motionkit.model.money import Balance, Quote
from motionkit.model.probe import Facts
from motionkit.model.request import Request
from motionkit.model.submission import Call
from motionkit.polling import (
    Delivery,
    Durations,
    Engine,
    JobObserver,
    Seconds,
    Watcher,
    about,
    receive,
)
from motionkit.provider import Provider, lookups, spool
from motionkit.purchase import (
    Announce,
    BuyOptions,
    Cancellations,
    Checkout,
    Circuit,
    Circuits,
    Explanation,
    Jobs,
    Order,
    Row,
    Slots,
    Submitters,
    ordered,
    with_balances,
)

log = logging.getLogger("motionkit")


class Client:
    """Submit, poll and fetch paid jobs at any configured vendor.

    Args:
        config: A configuration, a file's path, or None to find one (else the environment).
        provider_classes: Adapter classes by provider name, over the installed ones.
        sleep: How to wait between polls; tests give their own.
        clock: Monotonic seconds; tests give their own.
        spread: From 0 to 1, at random: how looks at jobs spread; tests give their own.

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
        spread: Callable[[], float] = random.random,
    ) -> None:
        if not isinstance(config, configuration.Config):
            config = configuration.load(Path(config) if config else None)
        self.config = config
        self._sleep = sleep
        self._clock = clock
        self._journal = Journal(config.journal)
        self._circuits = Circuits(self._journal.caches)
        if config.journal is None:
            log.warning("the journal is off: a crash can lose a paid job")
        self._adapters = Accounts(
            config, dict(provider_classes or {}), self._journal.caches, sleep=sleep, clock=clock
        )
        submitters = Submitters(config, self._adapters, self._journal, sleep, clock)
        self.jobs = Jobs(self._journal, submitters)
        self.timing = Durations(self._journal, config.defaults.lateness)
        self._observer = JobObserver(self._adapters, self._journal, self.timing, clock=clock)
        self.desk = Checkout(
            config,
            self._journal,
            self.jobs,
            submitters,
            Slots(
                self._journal,
                self._observer.once,
                self._observer.gap,
                self._observer.age,
                sleep,
                clock,
            ),
            sleep,
            clock,
        )
        self.cancellations = Cancellations()
        self.engine = Engine(
            self._observer,
            clock=clock,
            sleep=sleep,
            spread=spread,
        )

    # Before paying.

    def explain(
        self,
        request: Request,
        *,
        via: str | None = None,
        max_usd: Decimal | str | None = None,
        besides: Decimal | str | None = None,
        limited: bool = True,
        facts: Mapping[str, Facts] | None = None,
    ) -> Explanation:
        """Return the exact HTTP requests of a submit, and the quote. Nothing is sent.

        Args:
            request: What is wanted.
            via: As `submit` takes it.
            max_usd: As `submit` takes it. What it or a budget would refuse is
                `Explanation.refused`.
            besides: US dollars that are going to be spent on another purchase before this one;
                budgets must hold both.
            limited: Whether caps and budgets count in the choice of a route's target.
            facts: The media's facts, for a caller that has just read them with
                `motionkit.client.inspect_media`; the files are read when None.

        Raises:
            InvalidRequest: The request does not fit the target.
            MotionKitError: No target of the route can take it, or each costs too much.
        """
        wish = BuyOptions(via=via, max_usd=arguments.dollars("max_usd", max_usd), limited=limited)
        more = arguments.dollars("besides", besides) or Decimal(0)
        found = self.desk.explain(request, wish, besides=more, facts=facts)
        scarce = self._observer.scarce(found.target.partition("/")[0])
        return attrs.evolve(found, warnings=(*found.warnings, *scarce))

    def quote(self, request: Request, *, via: str | None = None) -> Quote | None:
        """Return what a request is expected to cost; None when no price is known.

        Raises:
            InvalidRequest: The request does not fit the target.
        """
        return self.desk.quote(request, via)

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
        rows = self.desk.rows(request, via)
        return ordered(with_balances(rows, self.balance) if balances else rows)

    def bought_before(
        self,
        request: Request,
        *,
        via: str | None = None,
        key: str | None = None,
        facts: Mapping[str, Facts] | None = None,
    ) -> PurchaseRecord | None:
        """Return the purchase that the same `submit` would go on with, if any.

        Args:
            request: What is wanted.
            via: As `submit` takes it.
            key: As `submit` takes it.
            facts: As `explain` takes it.

        Raises:
            InvalidRequest: The key names another request.
        """
        entry = self.desk.known(request, BuyOptions(via=via, key=key), facts)
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
        wait_for_slot: Seconds | None = None,
        announce: Announce | None = None,
        facts: Mapping[str, Facts] | None = None,
    ) -> Job:
        """Upload, pay, and return the job. The same request or key never buys twice.

        While the account runs as many jobs as it may, or its vendor refuses for another cause that
        passes, it waits. Closing the client ends that wait, and nothing is bought.

        Args:
            request: What is wanted.
            via: A target, ``account`` or ``account/model``, or a route; the route ``default``
                when None.
            key: Names this purchase; a key that exists returns its job, after a paid retry the one
                that was paid last. Without one, an identical request that is unfinished or
                uncertain returns its job, wherever it was bought; so does one that was bought at
                the same target within ``remember`` of ``[defaults]``, which is logged.
            again: Buy although there is such a job; by default only when `key` is given.
            max_usd: Refuse when the quote's high exceeds it or is unknown.
            out: Where the file is wanted later, for `motionkit resume`.
            wait_for_slot: Seconds to wait for a slot; 0 refuses at once. The route's, or that of
                ``[defaults]``, when None.
            announce: Called with target and price before each submit; what it raises ends the
                purchase, with nothing bought. A fallback may cost more than the first target:
                `max_usd`, the route's ``max_usd`` and budgets alone bound it.
            facts: As `explain` takes it. A file that has changed since is refused at its upload.

        Raises:
            SubmitUncertain: It may have arrived; nothing will be sent again by itself.
            MotionKitError: With ``billed=NO``: nothing was bought.
        """
        wish = BuyOptions(
            via=via,
            key=key,
            again=again,
            max_usd=arguments.dollars("max_usd", max_usd),
            out=None if out is None else Path(out),
            wait_for_slot=(
                None if wait_for_slot is None else arguments.span("wait_for_slot", wait_for_slot)
            ),
            announce=announce,
        )
        with self.cancellations.call():
            return self.desk.order(request, wish, facts).job

    def poll(self, job: Job) -> Status:
        """Observe a job once; the free read is retried on transient errors.

        Raises:
            ConfigError: The job belongs to another account.
            MotionKitError: With the job, and never ``billed=NO``.
        """
        return self._observer.observe(job, lambda provider: retry.read(lambda: provider.poll(job)))

    def result(self, job: Job) -> Result:
        """Return what a finished job gave.

        Raises:
            NotReady: It still runs.
            JobFailed, ContentBlocked, JobGone: It ended without a result.
        """
        status = self._observer.reported(job)
        if status is None:
            return self._asked(job)
        with about(job):
            return self._observer.priced(status.need_result(job))

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
        return self.engine.wait(job, self.limit(timeout), watch)

    def wait_all(
        self, jobs: Iterable[Job], *, timeout: Seconds | None = None
    ) -> list[Result | MotionKitError]:
        """Wait for many jobs at once, with a few threads for all of them.

        Args:
            jobs: The jobs.
            timeout: Seconds for each, or a timedelta; the configured default when None.

        Returns:
            In the order of the jobs, what each gave, or the error that `wait` would have raised.
        """
        given = list(jobs)
        found = dict(self.engine.outcomes(given, self.limit(timeout)))
        return [found[number] for number in range(len(given))]

    def as_completed(
        self, jobs: Iterable[Job], *, timeout: Seconds | None = None
    ) -> Iterator[tuple[Job, Result | MotionKitError]]:
        """Wait for many jobs at once and give each as it ends; looking begins with the first.

        Args:
            jobs: The jobs.
            timeout: Seconds for each, or a timedelta; the configured default when None.

        Yields:
            A job, and what it gave or the error that `wait` would have raised.
        """
        given = list(jobs)
        for number, ending in self.engine.outcomes(given, self.limit(timeout)):
            yield given[number], ending

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
        self.limit(timeout)  # what cannot be waited for is refused before anything is bought
        order = self.order(request, via=via, key=key, max_usd=max_usd)
        job = order.job
        while True:
            try:
                return self.wait(job, timeout=timeout, watch=watch)
            except tuple(STATE_ERRORS.values()) as error:
                job = self.order_again(order, job, error)

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
            InvalidRequest: The file exists, or there is no such output.
            DownloadFailed: It did not arrive; the result is still safe at the vendor.
        """
        job = result.job
        try:
            fetched = fetching.download(
                _address(result, output),
                Path(path),
                overwrite=overwrite,
                refresh=lambda: _address(self._asked(job), output),
                origin=self.account(job.account).url(Call("GET", "/")),
                kept=spool.opener(result),
            )
        except DownloadFailed as error:
            error.billed = Billed.YES  # there is a result, so it was paid for
            error.fill(job=job, provider=job.provider, account=job.account)
            raise
        if output == 0:
            self._journal.delivered(job, fetched.path.absolute(), fetched.sha256)
        return fetched.path

    def parse_webhook(self, account: str, headers: Mapping[str, str], body: bytes) -> Delivery:
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
        delivery = receive(self.account(account), self._journal, headers, body)
        if delivery.job is not None and delivery.status is not None:
            self._observer.record(delivery.job, delivery.status, since_last=0.0)
        return delivery

    # Accounts.

    def account(self, name: str) -> Provider:
        """Return an account's adapter, for `balance` and vendor lists.

        Raises:
            ConfigError: There is no such account.
        """
        return self._adapters.of(name)

    def balance(self, name: str) -> Balance:
        """Return what an account holds. An answer closes the circuits that it disproves."""
        provider = self.account(name)
        held = retry.read(provider.balance)
        self._circuits.answered(name, provider.fingerprint, pays=held.amount > 0)
        return held

    def circuits(self) -> list[Circuit]:
        """Return the open circuits: accounts that routes skip for a while, and why.

        Nothing is sent. A route skips an account only for a cause that it falls back on.

        Circuits of a key that an account no longer has are left out, where the key is known
        without asking a file or a command for it.
        """
        return [one for one in self._circuits.all() if self._concerns(one)]

    def _concerns(self, circuit: Circuit) -> bool:
        account = self.config.accounts.get(circuit.account)
        if account is None:
            return False
        unread = account.key is not None and account.key.ready is None
        return unread or self.account(account.name).fingerprint == circuit.fingerprint

    def reset_circuits(self, account: str) -> int:
        """Let routes try an account again at once, and return how many circuits were closed.

        Raises:
            ConfigError: There is no such account.
        """
        return self._circuits.reset(self.config.account(account).name)

    def budget(self) -> list[BudgetStatus]:
        """Return how much of every configured budget is spent, held and left.

        The budgets of ``[defaults]`` come first, then each route's. Nothing is sent. Purchases in
        a sandbox on this machine are counted apart: where accounts of both kinds are configured,
        each budget comes twice, for the real accounts first.
        """
        worlds = sorted({one.in_sandbox for one in self.config.accounts.values()}) or [False]
        return [
            self._journal.budget(one, sandbox=sandbox)
            for one in self.config.budgets()
            for sandbox in worlds
        ]

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
        return lookups.look_up(self.account(name), wanted, options)

    def close(self) -> None:
        """End every wait with `WaitTimeout`, and close connections and the journal.

        The jobs still run; the journal has them, and another client goes on with them. A submit
        of another thread that waits for a slot ends with a `MotionKitError`: nothing was bought.
        One that does not wait comes to its end first.
        """
        self.cancellations.end_waits("the client was closed")
        self.cancellations.join()
        self.engine.close()
        self._adapters.close()
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Inside; the engine, the desk and the timing are there for `AsyncClient` and the command line.

    def order(
        self,
        request: Request,
        *,
        via: str | None,
        key: str | None,
        max_usd: Decimal | str | None,
    ) -> Order:
        """Buy as `run` does; the order can try again where its route pays for it."""
        wish = BuyOptions(
            via=via,
            key=key,
            max_usd=arguments.dollars("max_usd", max_usd),
        )
        with self.cancellations.call():
            return self.desk.order(request, wish)

    def order_again(self, order: Order, job: Job, error: MotionKitError) -> Job:
        """Buy again after a job that went wrong, where its route pays for it."""
        with self.cancellations.call():
            return order.next(job, error)

    def limit(self, timeout: Seconds | None) -> float:
        """Return the seconds that a wait may take."""
        return arguments.span(
            "timeout", self.config.defaults.timeout if timeout is None else timeout
        )

    def _asked(self, job: Job) -> Result:
        """Return what the vendor says now that a job gave, fresh addresses included."""
        status = self.poll(job)
        if status.state is State.SUCCEEDED:
            return retry.read(lambda: self._observer.result(job, status))
        with about(job):
            return status.need_result(job)


def _address(result: Result, output: int) -> str:
    """Return where one of a result's files can be fetched."""
    return result.outputs[arguments.place("output", output, len(result.outputs))].url
