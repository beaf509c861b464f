"""The client: submit, poll and fetch jobs over every configured account.

It validates arguments and connects the rooms: adapters translate, `purchase` submits, the journal
records, `polling` waits.
"""

from __future__ import annotations

import logging
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

import attrs

from motionkit import http, polling, purchase
from motionkit import provider as adapters
from motionkit._support import process, telemetry
from motionkit._support.process import once
from motionkit.client import arguments
from motionkit.errors import (
    Billed,
    ConfigError,
    DownloadFailed,
    InvalidRequest,
    MotionKitError,
)
from motionkit.journal import Journal, PurchaseRecord
from motionkit.model.budget import BudgetStatus
from motionkit.model.job import STATE_ERRORS, Job, KeyState, Result, State, Status
from motionkit.model.listing import Listing, Records
from motionkit.model.moments import Since, moment
from motionkit.model.money import Balance, Quote

if TYPE_CHECKING:
    from motionkit.client.accounts import Accounts
    from motionkit.client.notebook import Board
    from motionkit.client.placing import Saved
    from motionkit.config import AccountsGiven, Config, DefaultsGiven, JournalGiven, RoutesGiven
    from motionkit.http import Downloaded
    from motionkit.model.probe import Facts
    from motionkit.model.request import Request
    from motionkit.model.spending import Spend, SpendBy
    from motionkit.polling import (
        CancelResult,
        Delivery,
        Notifier,
        Seconds,
        Watch,
    )
    from motionkit.provider import Provider
    from motionkit.purchase import (
        Announce,
        BuyOptions,
        Choose,
        Circuit,
        Comparison,
        Explanation,
        Jobs,
        Order,
        ShootoutCell,
        ShootoutPlan,
        Take,
        TakesPlan,
    )

AdapterT = TypeVar("AdapterT", bound="Provider")

log = logging.getLogger("motionkit")


class Client:
    """Submit, poll and fetch paid jobs at any configured vendor.

    Every verb raises `InvalidRequest` for an argument that it cannot take, before anything is
    uploaded or paid, and `MotionKitError` for what goes wrong; ``error.billed`` says whether money
    was spent. One client serves many threads.

    Args:
        config: A configuration, a file's path, or None to find one (else the environment).
        accounts: The accounts by name, with the keys of a file's ``[accounts.NAME]``, or as a
            provider's settings. No file is read then. Of the environment, only the provider's
            ``..._BASE_URL`` counts, for an account without an address, and ``MOTIONKIT_JOURNAL``
            where `journal` is not given. The client continues only what these keys have bought.
        routes: Routes by name, as in a file; over those of the file, if one is read.
        defaults: As ``[defaults]`` of a file; over those of the file, if one is read.
        journal: A path, ``postgresql://...``, or False for none; as in a file when None.
        provider_classes: Adapter classes by provider name, over the installed ones.
        sleep: How to wait between polls; for tests.
        clock: Monotonic seconds; for tests.
        spread: From 0 to 1, at random: spreads the polls of many jobs; for tests.

    Attributes:
        config: The configuration.
        jobs: The purchases in the journal.

    Raises:
        ConfigError: The configuration is wrong.
        JournalError: The journal cannot be opened.
    """

    def __init__(
        self,
        config: Config | Path | str | None = None,
        *,
        accounts: AccountsGiven | None = None,
        routes: RoutesGiven | None = None,
        defaults: DefaultsGiven | None = None,
        journal: JournalGiven | None = None,
        provider_classes: Mapping[str, type[Provider]] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self.config = config = arguments.configuration(
            config, accounts=accounts, routes=routes, defaults=defaults, journal=journal
        )
        self._journal = Journal(config.journal)
        if config.journal is None:
            log.warning("the journal is off: a crash can lose a paid job")
        self._classes = dict(provider_classes or {})
        self._sleep, self._clock, self._spread = sleep, clock, spread
        self._closing, self._closed = process.Lock(), False
        self._cancellations = purchase.Cancellations()
        self.jobs: Jobs = purchase.Jobs(self._journal, lambda: self._submitters)

    # The parts, made when they are first used: who reads the journal loads no adapter.

    @once
    def _circuits(self) -> purchase.Circuits:
        return purchase.Circuits(self._journal.caches)

    @once
    def _accounts(self) -> Accounts:
        from motionkit.client.accounts import Accounts  # noqa: PLC0415 - it loads the adapters' room

        journal = self._journal
        return Accounts(
            self.config, self._classes, journal.caches, self._clock, self._sleep, journal
        )

    @once
    def _submitters(self) -> purchase.Submitters:
        return purchase.Submitters(
            self.config, self._accounts, self._journal, self._sleep, self._clock
        )

    @once
    def _durations(self) -> polling.Durations:
        return polling.Durations(self._journal, self.config.defaults.lateness)

    @once
    def _observer(self) -> polling.JobObserver:
        return polling.JobObserver(
            self._accounts,
            self._journal,
            self._durations,
            clock=self._clock,
            sandbox_speed=self.config.sandbox_speed,
        )

    @once
    def _checkout(self) -> purchase.Checkout:
        sleep, clock = self._sleep, self._clock
        slots = purchase.Slots(  # the observer loads where one is waited for: few purchases do
            self._journal,
            lambda job: self._observer.once(job),  # noqa: PLW0108
            lambda job, age, among: self._observer.gap(job, age, among),  # noqa: PLW0108
            lambda job: self._observer.age(job),  # noqa: PLW0108
            sleep,
            clock,
        )
        return purchase.Checkout(
            self.config, self._journal, self.jobs, self._submitters, slots, sleep, clock
        )

    @once
    def _takes(self) -> purchase.Takes:
        return purchase.Takes(self._checkout)

    @once
    def _shootouts(self) -> purchase.Shootouts:
        return purchase.Shootouts(self._checkout)

    @once
    def _engine(self) -> polling.Engine:
        made = polling.Engine(
            self._observer, clock=self._clock, sleep=self._sleep, spread=self._spread
        )
        with self._closing:  # a client that was closed meanwhile has none that waits
            if self._closed:
                made.close()
            kept: polling.Engine = self.__dict__.setdefault("_engine", made)
        return kept

    # Before paying.

    def explain(
        self,
        request: Request,
        *,
        via: str | None = None,
        choose: Choose | None = None,
        max_usd: Decimal | str | None = None,
        besides: Decimal | str | None = None,
        limited: bool = True,
        facts: Mapping[str, Facts] | None = None,
    ) -> Explanation:
        """Return the exact HTTP requests of a submit, and the quote. Nothing is sent.

        It needs no key: `Explanation.no_key` names the variable that a submit would stop for.

        Args:
            request: What to make.
            via: As in `submit`.
            choose: As in `submit`.
            max_usd: As in `submit`. `Explanation.refused` holds the refusal of this cap, or of a
                budget.
            besides: US dollars that another purchase will spend before this one; budgets must hold
                both.
            limited: Whether caps and budgets count in the choice of a route's target.
            facts: The facts of the media, from `motionkit.client.inspect_media`; the files are
                read when None.

        Raises:
            InvalidRequest: The request does not fit the target.
            MotionKitError: No target of the route can take it, or each costs too much.

        Examples:
            >>> explanation = client.explain(request, via="studio", max_usd="1.00")
            >>> print(explanation.target, explanation.quote, explanation.refused)
        """
        options = arguments.options(request, via, choose=choose, max_usd=max_usd, limited=limited)
        more = arguments.optional(arguments.dollars, "besides", besides) or Decimal(0)
        found = self._checkout.explain(request, options, besides=more, facts=facts)
        if found.no_key is not None:
            return found  # its job cannot be polled either
        account = found.target.partition("/")[0]
        if self._accounts.limiter(account) is None:
            return found
        scarce = self._observer.scarce(account)
        return attrs.evolve(found, warnings=(*found.warnings, *scarce))

    def quote(
        self, request: Request, *, via: str | None = None, choose: Choose | None = None
    ) -> Quote | None:
        """Return the expected price of a request; None when no price is known. Nothing is sent.

        It needs no key. `request`, `via` and `choose` are as in `submit`.

        Raises:
            InvalidRequest: The request does not fit the target.

        Examples:
            >>> quote = client.quote(request, via="studio")
            >>> print(quote.usd_likely, quote.usd_high, quote.basis.value)
        """
        return self._checkout.quote(request, arguments.options(request, via, choose=choose))

    def compare(
        self,
        request: Request,
        *,
        via: str | None = None,
        choose: Choose = "cheapest",
        balances: bool = True,
    ) -> Listing[Comparison]:
        """Return what each target would charge, how long it would take, and what it would deliver.

        Args:
            request: What to make.
            via: A target or route; every offer of every account when None, also of the installed
                providers without a key where no file has accounts.
            choose: What goes first: the ``cheapest``, the ``fastest``, or the ``first`` in the
                order of accounts and offers.
            balances: Ask each account once for its balance; nothing is sent when false.

        Returns:
            A row per target. A target that cannot do it has a ``problem``, an account that does not
            answer has an ``error``, one without a key a ``no_key``; they come last.

        Examples:
            >>> for row in client.compare(request, balances=False):
            ...     print(row.target, row.quote, row.seconds, row.problem)
        """
        options = arguments.options(request, via, choose=choose)
        rows = self._checkout.rows(request, options.via)
        rows = purchase.with_balances(rows, self.balance) if balances else rows
        means = self._journal.mean_ratings(request.operation)
        rows = purchase.with_ratings(rows, means, self._is_in_sandbox)
        found = purchase.ordered(rows, choose)
        return Listing(found, kind=purchase.Comparison, title="targets")

    def _is_in_sandbox(self, account: str) -> bool:
        known = self.config.accounts.get(account)
        return known is not None and known.in_sandbox

    def bought_before(
        self,
        request: Request,
        *,
        via: str | None = None,
        key: str | None = None,
        facts: Mapping[str, Facts] | None = None,
    ) -> PurchaseRecord | None:
        """Return the purchase that the same `submit` would continue; None when it would buy.

        `request`, `via` and `key` are as in `submit`, `facts` as in `explain`.

        Raises:
            InvalidRequest: The key names another request.

        Examples:
            >>> earlier = client.bought_before(request, via="studio")
            >>> print("new" if earlier is None else earlier.key)
        """
        entry = self._checkout.known(request, arguments.options(request, via, key=key), facts)
        return None if entry is None or entry.state is KeyState.REFUSED else entry

    # Paying, and after.

    def submit(
        self,
        request: Request,
        *,
        via: str | None = None,
        choose: Choose | None = None,
        key: str | None = None,
        again: bool | None = None,
        max_usd: Decimal | str | None = None,
        out: Path | str | None = None,
        wait_for_slot: Seconds | None = None,
        announce: Announce | None = None,
        facts: Mapping[str, Facts] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Job:
        """Upload, pay, and return the job. The same request or key never buys twice.

        It waits for a slot while the account runs as many jobs as it may, or its vendor refuses
        for another temporary cause. Closing the client ends that wait, and nothing is bought.

        Args:
            request: What to make.
            via: A target, ``account`` or ``account/model``, or a route; the route ``default``
                when None.
            choose: Which target of the route goes first: ``first``, ``cheapest`` or ``fastest``;
                what the configuration says when None. Refused for a single target.
            key: Names this purchase; a key that exists returns its job, after a paid retry the one
                that was paid last. Without a key, an identical request that is unfinished or
                uncertain returns its job, wherever it was bought; so does one that was bought at
                the same target within ``remember`` of ``[defaults]``, which is logged.
            again: Buy although there is such a job; by default only when `key` is given.
            max_usd: Refuse when the quote's high exceeds it or is unknown.
            out: Where `motionkit resume` and `deliver` save the file: a path, a folder or a URL,
                with or without placeholders; refused where no file can be saved.
            wait_for_slot: Seconds to wait for a slot, or a timedelta; 0 refuses at once. The
                route's, or that of ``[defaults]``, when None.
            announce: Called with target and price before each submit; what it raises ends the
                purchase, with nothing bought. A fallback may cost more than the first target:
                only `max_usd`, the route's ``max_usd`` and budgets limit it.
            facts: As in `explain`. A file that has changed since is refused at its upload.
            labels: Your own marks, such as ``{"project": "spring"}``, which the journal keeps for
                lists and sums. No vendor gets them, and they do not make another request: a job
                that is returned keeps the labels that it was bought with.

        Raises:
            SubmitUncertain: It may have arrived; it is never submitted anew automatically.
            MotionKitError: With ``billed=NO``: nothing was bought.

        Examples:
            >>> job = client.submit(request, via="studio", key="order-17", max_usd="1.50")
            >>> result = client.wait(job)
        """
        options = arguments.options(
            request,
            via,
            choose=choose,
            key=key,
            again=again,
            max_usd=max_usd,
            out=out,
            wait_for_slot=wait_for_slot,
            announce=announce,
            labels=labels,
        )
        return self._order(request, options, facts).job

    def plan_takes(
        self,
        request: Request,
        takes: int,
        *,
        via: str | None = None,
        choose: Choose | None = None,
        key: str | None = None,
        again: bool | None = None,
        max_usd: Decimal | str | None = None,
        facts: Mapping[str, Facts] | None = None,
    ) -> TakesPlan:
        """Return what `submit_takes` would continue and buy, and at which price. Nothing is sent.

        The arguments are those of `submit_takes`: `request`, `takes`, `via`, `choose`, `key`,
        `again`, `max_usd`, and `facts`.

        Raises:
            InvalidRequest: A take does not fit the target, or a key names another request.
            MotionKitError: No target of the route can take it.

        Examples:
            >>> plan = client.plan_takes(request, 3, via="studio", max_usd="3.00")
            >>> print(len(plan.missing), plan.high, plan.refused)
        """
        options = arguments.options(
            request, via, choose=choose, key=key, again=again, max_usd=max_usd
        )
        return self._takes.plan(request, takes, options, facts)

    def submit_takes(
        self,
        request: Request,
        takes: int,
        *,
        via: str | None = None,
        choose: Choose | None = None,
        key: str | None = None,
        again: bool | None = None,
        max_usd: Decimal | str | None = None,
        out: Path | str | None = None,
        wait_for_slot: Seconds | None = None,
        announce: Announce | None = None,
        facts: Mapping[str, Facts] | None = None,
        labels: Mapping[str, str] | None = None,
        decided: Callable[[Take, Job | MotionKitError], object] | None = None,
    ) -> Listing[Job | MotionKitError]:
        """Buy variations of a request on purpose, each as a purchase of its own.

        They are quoted together before the first one is bought. The same call again returns the
        jobs of those that were bought, and buys the rest; with more takes, it buys those that are
        new. A plain purchase of the same request is not a take. Where the request has a seed, the
        takes get it and the ones that follow: seed, seed + 1, ...

        Args:
            request: What to make.
            takes: How many, from 1 to 50.
            via: As in `submit`.
            choose: As in `submit`.
            key: Names the takes together: they are bought under ``KEY-1``, ``KEY-2``, ... Without
                one, the takes of the same request that are unfinished, or were bought within
                ``remember``, are continued; a take whose job failed is then bought again.
            again: Buy new takes although there are some.
            max_usd: What all takes together may cost, those bought before included; refused before
                the first one is bought.
            out: As in `submit`; each take has its number in its file's name: ``film-2.mp4``.
            wait_for_slot: As in `submit`, for each take.
            announce: As in `submit`.
            facts: As in `submit`.
            labels: As in `submit`.
            decided: Called with each take as soon as its job or error is known.

        Returns:
            For each take its job, or why it has none. The first that cannot be bought ends the
            buying: the error of each later one says so, with ``billed=NO``. A take that is
            uncertain since an earlier call stays so, and the others are bought.

        Raises:
            BudgetExceeded: `max_usd` or a budget does not hold all takes; nothing was bought.
            MotionKitError: As `submit`, before the first take is bought.

        Examples:
            >>> for job in client.submit_takes(request, 3, via="studio", key="order-17"):
            ...     print(job.key if isinstance(job, mk.Job) else job)
        """
        options = arguments.options(
            request,
            via,
            choose=choose,
            key=key,
            again=again,
            max_usd=max_usd,
            out=out,
            wait_for_slot=wait_for_slot,
            announce=announce,
            labels=labels,
        )
        orders = self._order_takes(request, takes, options, facts, decided)
        jobs = (one if isinstance(one, MotionKitError) else one.job for one in orders)
        return Listing(jobs, title="takes")

    def run_takes(
        self,
        request: Request,
        takes: int,
        *,
        via: str | None = None,
        key: str | None = None,
        max_usd: Decimal | str | None = None,
        timeout: Seconds | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Listing[Result | MotionKitError]:
        """Submit takes and wait for all of them at once.

        `request`, `takes`, `via`, `key`, `max_usd` and `labels` are as in `submit_takes`, `timeout`
        is for each take, as in `wait`.

        Returns:
            For each take its result, or the error of its submit or of its job.

        Raises:
            MotionKitError: As `submit_takes`, before the first take is bought.

        Examples:
            >>> for film in client.run_takes(request, 2, via="studio", max_usd="3.00"):
            ...     print(film.url if isinstance(film, mk.Result) else film)
        """
        options = arguments.options(request, via, key=key, max_usd=max_usd, labels=labels)
        self._limit(timeout)  # refused, if it has to be, before anything is bought
        orders = self._order_takes(request, takes, options)
        from motionkit.client.takes import TakesRun  # noqa: PLC0415 - few buy several takes

        taken = TakesRun(orders)
        while taken.jobs:
            for number, ending in self._outcomes(list(taken.jobs), self._limit(timeout)):
                taken.ended(number, ending)
            for order, job, error in taken.failed():
                try:
                    taken.bought_again(order, self._order_again(order, job, error))
                except MotionKitError as refused:
                    taken.over(order, refused)
        return Listing(taken.results(), title="takes")

    def plan_shootout(
        self,
        requests: Request | Iterable[Request],
        via: str | Iterable[str],
        *,
        key: str | None = None,
        max_usd: Decimal | str | None = None,
        labels: Mapping[str, str] | None = None,
        skip_unfit: bool = False,
    ) -> ShootoutPlan:
        """Return what a shootout would continue and buy, and at which price. Nothing is sent.

        It needs no key. The arguments are those of `shootout`: `requests`, `via`, `key`, `max_usd`,
        `labels`, and `skip_unfit`.

        Raises:
            InvalidRequest: A medium cannot be read, or a cell was bought in the shootout of that
                name with other contents or parameters.
            ConfigError: There is no such account or route.

        Examples:
            >>> plan = client.plan_shootout(requests, ["studio", "team"], key="spring")
            >>> for cell in plan.cells:
            ...     print(cell.target, cell.quote, cell.problem)
        """
        from motionkit.model.request import Request  # noqa: PLC0415 - who lists jobs makes none

        wanted = arguments.several(Request, "requests", requests)
        vias = arguments.several(str, "via", via)
        options = arguments.options(wanted[0], vias[0], key=key, max_usd=max_usd, labels=labels)
        return self._shootouts.plan(
            wanted,
            vias,
            key=options.key,
            max_usd=options.max_usd,
            labels=options.labels,
            skip_unfit=skip_unfit,
        )

    def submit_shootout(
        self,
        plan: ShootoutPlan,
        *,
        out: Path | str | None = None,
        wait_for_slot: Seconds | None = None,
        decided: Callable[[ShootoutCell, Job | MotionKitError], object] | None = None,
    ) -> Listing[Job | MotionKitError]:
        """Buy the cells of a plan that are missing, each as a purchase of its own.

        A cell that cannot be bought does not keep the others from it. Cells whose account is busy
        are bought last.

        Args:
            plan: From `plan_shootout`. A cell that costs more meanwhile is refused where the cap
                does not hold it; nothing is bought twice, however old the plan is.
            out: As in `submit`, with placeholders such as ``films/{inputs}-{target}.{ext}``.
            wait_for_slot: As in `submit`, for each cell.
            decided: Called with each cell as soon as its job or error is known.

        Returns:
            For each cell of the plan its job, or why it has none.

        Raises:
            MotionKitError: `ShootoutPlan.refused`, or an account has no key; nothing was bought.

        Examples:
            >>> plan = client.plan_shootout(requests, ["studio", "team"], max_usd="3.00")
            >>> jobs = client.submit_shootout(plan, out="films/{inputs}-{target}.{ext}")
        """
        options = arguments.options(
            plan.cells[0].request, None, out=out, wait_for_slot=wait_for_slot
        )
        found: dict[int, Job | MotionKitError] = {}
        with self._cancellations.call():
            for cell, one in self._shootouts.order(
                plan, out=options.out, wait_for_slot=options.wait_for_slot
            ):
                ending = one if isinstance(one, MotionKitError) else one.job
                found[cell.number] = ending
                if decided is not None:
                    decided(cell, ending)
        return Listing((found[number] for number in sorted(found)), title="cells")

    def shootout(
        self,
        requests: Request | Iterable[Request],
        via: str | Iterable[str],
        *,
        key: str | None = None,
        max_usd: Decimal | str | None = None,
        timeout: Seconds | None = None,
        labels: Mapping[str, str] | None = None,
        skip_unfit: bool = False,
    ) -> Listing[tuple[ShootoutCell, Result | MotionKitError]]:
        """Buy the same requests at several targets on purpose, and wait for all results.

        Each request at each target is a purchase of its own, and stays at that target: nothing
        falls back. The same call again buys nothing twice; with more requests or targets it buys
        the new cells. Each purchase has the label ``shootout`` with the name of the shootout.

        Args:
            requests: What to make: one or several.
            via: The targets, ``account`` or ``account/model``; a route stands for all of its
                targets.
            key: The name of the shootout, which the keys of its purchases begin with. Under it, a
                file that has changed is refused. Without one, the keys are made from contents,
                parameters and targets alone.
            max_usd: What all cells together may cost, those bought before included; refused before
                the first one is bought.
            timeout: For each job, as in `wait`.
            labels: As in `submit`.
            skip_unfit: Leave out the cells whose target cannot take the request, which are refused
                otherwise.

        Returns:
            Each cell with its result, or with the error of its submit or its job.

        Raises:
            MotionKitError: As `plan_shootout` and `submit_shootout`, before the first is bought.

        Examples:
            >>> for cell, film in client.shootout(requests, ["studio", "team"], max_usd="3.00"):
            ...     print(cell.target, film.url if isinstance(film, mk.Result) else film)
        """
        self._limit(timeout)  # refused, if it has to be, before anything is bought
        plan = self.plan_shootout(
            requests, via, key=key, max_usd=max_usd, labels=labels, skip_unfit=skip_unfit
        )
        bought = self.submit_shootout(plan)
        jobs = [one for one in bought if isinstance(one, Job)]
        return Listing(plan.ended(bought, self.wait_all(jobs, timeout=timeout)), title="cells")

    def poll(self, job: Job) -> Status:
        """Poll a job once, free of charge; transient errors are retried.

        Raises:
            ConfigError: The account has another key or base URL than the one that paid.
            MotionKitError: With the job, and never ``billed=NO``.

        Examples:
            >>> status = client.poll(job)
            >>> print(status.state, status.state.terminal)
        """
        arguments.of(Job, "job", job)
        return self._observer.observe(job, lambda at: http.with_retries(lambda: at.poll(job)))

    def result(self, job: Job) -> Result:
        """Return the result of a finished job.

        Raises:
            NotReady: It still runs.
            JobFailed, ContentBlocked, JobGone: It ended without a result.

        Examples:
            >>> if client.poll(job).state is mk.State.SUCCEEDED:
            ...     print(client.result(job).url)
        """
        status = self._observer.reported(arguments.of(Job, "job", job))
        if status is None:
            return self._asked(job)
        with polling.about(job):
            return self._observer.priced(status.need_result(job))

    def wait(
        self, job: Job, *, timeout: Seconds | None = None, watch: Watch | None = None
    ) -> Result:
        """Poll a job until it ends, and return its result.

        A failing poll does not end the wait; only a terminal state, a refusal such as a wrong key,
        or the deadline does. In a notebook, a bar shows state, age and expected end, unless `watch`
        is given.

        Args:
            job: The job.
            timeout: Seconds, or a timedelta; the configured default when None.
            watch: Called in this thread with each `motionkit.Event`: `StateChanged` and
                `Progressed` at the polls, `Failed` before an error is raised. A function of two
                arguments gets job and status at every poll instead. One that raises is logged and
                not called again; the wait continues.

        Raises:
            WaitTimeout: The deadline passed, the client was closed, or no thread can be started
                to poll; the job still runs, and waiting again continues.
            JobNotFound, ProtocolError: The vendor reported nothing usable for too long.
            JobFailed, ContentBlocked, JobGone: It ended without a result.

        Examples:
            >>> result = client.wait(job, timeout=900)
            >>> print(result.url, result.cost)
        """
        arguments.of(Job, "job", job)
        return self._followed(job, self._limit(timeout), self._notifier(watch))

    def wait_all(
        self, jobs: Iterable[Job], *, timeout: Seconds | None = None
    ) -> Listing[Result | MotionKitError]:
        """Wait for many jobs at once, with a few threads for all of them.

        Returns, in the order of `jobs`, each one's result, or the error that `wait` would raise.
        `timeout` is for each job, as in `wait`. In a notebook, a table shows the progress.

        Examples:
            >>> for ended in client.wait_all([job], timeout=900):
            ...     print(ended.url if isinstance(ended, mk.Result) else ended)
        """
        given = arguments.jobs(jobs)
        found = dict(self._outcomes(given, self._limit(timeout)))
        return Listing((found[number] for number in range(len(given))), title="results")

    def as_completed(
        self, jobs: Iterable[Job], *, timeout: Seconds | None = None
    ) -> Iterator[tuple[Job, Result | MotionKitError]]:
        """Wait for many jobs at once and yield each as it ends; polling begins with the first.

        Yields a job of `jobs`, and its result or the error that `wait` would raise. `timeout` is
        for each job, as in `wait`.

        Examples:
            >>> for job, ended in client.as_completed([job]):
            ...     print(job.id, ended)
        """
        given = arguments.jobs(jobs)
        endings = self._engine.outcomes(given, self._limit(timeout))
        return ((given[number], ending) for number, ending in endings)

    def run(
        self,
        request: Request,
        *,
        via: str | None = None,
        choose: Choose | None = None,
        key: str | None = None,
        max_usd: Decimal | str | None = None,
        timeout: Seconds | None = None,
        watch: Watch | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Result:
        """Submit and wait; a route falls back to its next target where nothing was bought.

        `request`, `via`, `choose`, `key`, `max_usd` and `labels` are as in `submit`, `timeout` and
        `watch` as in `wait`.
        `Result.path` names the targets that were tried.

        Raises:
            MotionKitError: As `submit` and `wait` raise it.

        Examples:
            >>> result = client.run(request, via="studio", max_usd="1.50")
            >>> client.download(result, "out.mp4")
        """
        options = arguments.options(
            request, via, choose=choose, key=key, max_usd=max_usd, labels=labels
        )
        limit, notify = self._limit(timeout), self._notifier(watch)  # before anything is bought
        order = self._order(request, options)
        job = order.job
        while True:
            try:
                if notify is not None:
                    notify.submitted(job)
                return self._followed(job, limit, notify)
            except tuple(STATE_ERRORS.values()) as error:
                job = self._order_again(order, job, error)

    def cancel(
        self, job: Job | PurchaseRecord | str, *, timeout: Seconds | None = None
    ) -> CancelResult:
        """Cancel a job at its vendor, or a purchase of which nothing has left yet.

        A job counts as cancelled only when its vendor says so; until then it is polled on. What
        has not left is cancelled here, free of charge, be it a submit of another thread that waits
        for a slot, or one that another process is about to send. A route does not pay for another
        try of what was cancelled.

        Args:
            job: The job; or the purchase, as a record of `jobs` or by its key.
            timeout: Seconds, or a timedelta, to wait for the vendor's confirmation; 10 when None.

        Raises:
            Unsupported: The vendor cannot cancel a job; it continues, at the cost that is named.
            SubmitUncertain: There is no job, and the submit may have arrived.
            InvalidRequest: No purchase has that key.
            MotionKitError: The vendor refused or did not answer; the job may still run.

        Examples:
            >>> ended = client.cancel(job)
            >>> print(ended.outcome.value, ended.billed.value, ended.cost)
        """
        wait = polling.CANCEL_TIMEOUT if timeout is None else timeout
        limit, not_sent = arguments.duration("timeout", wait), polling.CancelOutcome.NOT_SENT
        if isinstance(job, str):
            key, waited = job, self._cancellations.cancel(job, f"{job} was cancelled")
            try:
                job = self.jobs.get(key)
            except InvalidRequest as error:
                if not waited:
                    if not self.jobs.candidates(key):
                        error.hint = (
                            "a submit of another process that waits for a slot is in the journal "
                            "only once it has one: end it there; nothing is charged"
                        )
                    raise
                return polling.CancelResult(not_sent, key, billed=Billed.NO)
        if isinstance(job, PurchaseRecord):
            entry = job if job.job is not None else self.jobs.cancel_unsent(job)
            if entry.job is None:
                return polling.CancelResult(not_sent, entry.key, billed=Billed.NO)
            job = entry.job
        arguments.of(Job, "job", job)
        return polling.cancel_job(self._observer, self._engine, job, limit)

    def download(
        self, result: Result, path: Path | str, *, overwrite: bool = False, output: int = 0
    ) -> Path:
        """Save a result's main file, or another one; an expired URL is renewed.

        Args:
            result: From `result`, `wait` or `run`.
            path: Where the file goes.
            overwrite: Replace an existing file.
            output: Index into `Result.outputs`; 0 is the main file, which marks the purchase as
                delivered.

        Returns:
            The path.

        Raises:
            InvalidRequest: The file exists, or there is no such output.
            DownloadFailed: It did not arrive; the result is still safe at the vendor.

        Examples:
            >>> path = client.download(result, "dance.mp4", overwrite=True)
            >>> print(path.stat().st_size)
        """
        job = arguments.of(Result, "result", result).job
        fetched = self._fetch(result, path, overwrite=overwrite, output=output)
        result.files[output] = fetched.path.absolute()
        if output == 0:
            self._journal.delivered(job, fetched.path.absolute(), fetched.sha256)
            _events().delivered(job, fetched.path.absolute(), result.cost)
        return fetched.path

    def deliver(
        self,
        result: Result,
        out: Path | str | None = None,
        *,
        overwrite: bool = False,
        output: int = 0,
    ) -> Saved:
        """Save a file by a name with placeholders, in a folder, or in a store behind a URL.

        What goes to a store is downloaded and checked first. Where the store fails, the file is
        kept on this machine, and the same call again sends it without another download.

        Args:
            result: From `result`, `wait` or `run`.
            out: A path, a folder or a URL of fsspec such as ``s3://bucket/{key}.{ext}``, with or
                without placeholders; the one that the submit named when None.
            overwrite: Replace an existing file. Without it a name with placeholders gets a number,
                and a file of a chosen name is refused.
            output: Index into `Result.outputs`, as in `download`.

        Raises:
            InvalidRequest: The file exists, a placeholder is not known, or no place was named.
            DownloadFailed: It did not arrive; the message names the file where it is kept here.
            ConfigError: No installed package can write to the URL.

        Examples:
            >>> saved = client.deliver(result, "films/{date}-{key}.{ext}")
            >>> print(saved.place, saved.sha256)
        """
        from motionkit import storage  # noqa: PLC0415 - loads where a place is named
        from motionkit.client import placing  # noqa: PLC0415

        job = arguments.of(Result, "result", result).job
        entry = self._journal.bought(job)
        number = arguments.index("output", output, len(result.outputs))
        if out is not None:
            place = placing.check_out(out, overwrite=True)
        elif entry is not None and entry.out:
            place = storage.Out.recorded(entry.out)
        else:
            raise InvalidRequest("out: the submit named no place", field="out", limit="a place")

        def fetch(path: Path, *, overwrite: bool = True) -> Downloaded:
            return self._fetch(result, path, overwrite=overwrite, output=number)

        values, ending = placing.values_of(job, entry), storage.suffix(result.outputs[number])
        if not place.url:
            path = placing.local_path(place, values, ending, overwrite=overwrite)
            fetched = fetch(path, overwrite=overwrite)
            path = fetched.path.absolute()
            saved = placing.Saved(str(path), fetched.size, fetched.sha256, path)
        else:
            kept = placing.kept_folder(job, number)
            try:
                saved = placing.send(place, values, ending, fetch, kept=kept, overwrite=overwrite)
            except DownloadFailed as error:
                error.billed = Billed.YES  # there is a result, so it was paid for
                error.fill(job=job, provider=job.provider, account=job.account)
                raise
        if saved.path is not None:
            result.files[number] = saved.path
        if number == 0:
            self._journal.delivered(job, saved.place, saved.sha256)
            _events().delivered(job, saved.path or saved.place, result.cost)
        if saved.path is None:
            placing.forget(placing.kept_folder(job, number))
        return saved

    def parse_webhook(self, account: str, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Verify a webhook and record the status that it reports; a wait for that job then ends.

        Args:
            account: The account that it is for.
            headers: Its HTTP headers, in any case.
            body: Its body, byte for byte.

        Returns:
            The job and its status. Answer with HTTP 200 and `Delivery.acknowledgement`. A repeated
            webhook changes nothing; one about a job that the journal does not have is kept.

        Raises:
            SignatureError: It does not come from the vendor, was changed, or is too old.
            ConfigError: The vendor sends none, or the account has no secret to verify it with.
        """
        arguments.of(bytes, "body", body)
        given = arguments.headers(headers)
        delivery = polling.receive(self.account(account), self._journal, given, body)
        if delivery.job is not None and delivery.status is not None:
            self._observer.record(delivery.job, delivery.status, since_last=0.0)
        return delivery

    # Accounts.

    @overload
    def account(self, name: str) -> Provider: ...

    @overload
    def account(self, name: str, kind: type[AdapterT]) -> AdapterT: ...

    def account(self, name: str, kind: type[Provider] | None = None) -> Provider:
        """Return an account's adapter, which has the vendor's own lists.

        Args:
            name: The account.
            kind: The adapter's class, which a type checker then knows.

        Raises:
            ConfigError: There is no such account, or it has an adapter of another class.
        """
        adapter = self._accounts.of(name)
        if kind is not None and kind not in type(adapter).__mro__:
            raise ConfigError(
                f"account {name!r} has the adapter {type(adapter).__name__} of provider "
                f"{adapter.name!r}, not {getattr(kind, '__name__', kind)}",
                account=name,
            )
        return adapter

    def balance(self, name: str) -> Balance:
        """Return what an account holds. An answer closes the circuits that it disproves.

        Raises:
            ConfigError: There is no such account.
            MotionKitError: The vendor does not answer, or refuses the key.

        Examples:
            >>> balance = client.balance("studio")
            >>> print(balance.amount, balance.unit, balance.usd)
        """
        provider = self.account(name)
        held = http.with_retries(provider.balance)
        self._circuits.answered(name, provider.fingerprint, pays=held.amount > 0)
        return held

    def circuits(self) -> Listing[Circuit]:
        """Return the open circuits: accounts that routes skip for a while, and why.

        Nothing is sent. A route skips an account only for a cause that it falls back on. Circuits
        of an account's former key are left out, unless a file or a command would have to be asked
        for the present one.

        Examples:
            >>> for one in client.circuits():
            ...     print(one.account, one.cause, one.until)
        """
        found = (one for one in self._circuits.all() if self._concerns(one))
        return Listing(found, kind=purchase.Circuit, title="open circuits")

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

    def budget(self) -> Listing[BudgetStatus]:
        """Return how much of every configured budget is spent, held and left. Nothing is sent.

        The budgets of ``[defaults]`` come first, then each route's. Purchases in a sandbox on this
        machine are counted separately: where accounts of both kinds are configured, each budget
        comes twice, for the real accounts first.

        Examples:
            >>> for one in client.budget():
            ...     print(one.name, one.spent, one.held, one.limit)
        """
        worlds = sorted({one.in_sandbox for one in self.config.accounts.values()}) or [False]
        found = (
            self._journal.budget(one, sandbox=sandbox)
            for one in self.config.budgets()
            for sandbox in worlds
        )
        return Listing(found, kind=BudgetStatus, title="budgets")

    def spend(
        self,
        by: SpendBy = "day",
        *,
        since: Since | None = "30d",
        label: str | None = None,
    ) -> Listing[Spend]:
        """Return what the purchases in the journal came to. Nothing is sent.

        Each purchase is in exactly one of four amounts: ``charged``, ``refunded``, ``held`` (it is
        unfinished) or ``uncertain`` (it may have been charged); see `Spend`. Credits and dollars
        are in rows of their own, and so are purchases in a sandbox on this machine.

        Args:
            by: ``day`` (in UTC, as budgets count), ``account``, ``route``, ``model`` or ``label``.
            since: An age such as ``30d`` or a timedelta, a date, or a time; all of the UTC day in
                which it is counts. Everything when None.
            label: The label by whose values it is added up, with ``by="label"``; by all labels of
                a purchase together when None.

        Returns:
            A row for each name and unit: days in their order, others by what they came to, the
            most first.

        Raises:
            InvalidRequest: An argument cannot be read.
            JournalError: The journal cannot be read, or a purchase in it is corrupt.

        Examples:
            >>> for row in client.spend("account", since="7d"):
            ...     print(row.name, row.amounts.charged, row.unit.value, row.usd)
        """
        from motionkit.model.spending import SPEND_BY, Spend  # noqa: PLC0415 - only here

        if by not in SPEND_BY:
            raise InvalidRequest.expected("by", by, f"one of {', '.join(SPEND_BY)}")
        if label is not None and by != "label":
            raise InvalidRequest.expected("label", label, 'None, except with by="label"')
        arguments.optional(arguments.text, "label", label)
        first = None if since is None else moment("since", since, self._journal.now())
        found = self._journal.spend(by, since=first, label=label)
        return Listing(found, kind=Spend, title=f"spend by {by}")

    def look_up(self, /, name: str, wanted: str, **options: Any) -> Sequence[Any]:
        """Return the records of one of an account's lists; free of charge.

        Args:
            name: The account.
            wanted: The list, e.g. ``voices``.
            **options: Filters of that list.

        Raises:
            ConfigError: The account has no lists.
            InvalidRequest: It has no list of that name, or the list has no such filter.
        """
        found = adapters.look_up(self.account(name), wanted, options)
        kind = Listing if isinstance(found, list) else Records
        return kind(found, title=wanted)

    def close(self) -> None:
        """End every wait with `WaitTimeout`, and close connections and the journal.

        The jobs still run; the journal has them, and another client can resume them. A submit that
        waits for a slot ends with a `MotionKitError`: nothing was bought. One that does not wait
        completes first.
        """
        self._cancellations.end_waits("the client was closed")
        self._cancellations.join()
        with self._closing:
            self._closed = True
            engine, accounts = Client._engine.made(self), Client._accounts.made(self)
        if engine is not None:
            engine.close()
        if accounts is not None:
            accounts.close()
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Inside.

    def _order(
        self, request: Request, options: BuyOptions, facts: Mapping[str, Facts] | None = None
    ) -> Order:
        """Submit; the order can fall back where its route pays for it."""
        with self._cancellations.call(options.key):
            return self._checkout.order(request, options, facts)

    def _order_takes(
        self,
        request: Request,
        takes: int,
        options: BuyOptions,
        facts: Mapping[str, Facts] | None = None,
        decided: Callable[[Take, Job | MotionKitError], object] | None = None,
    ) -> list[Order | MotionKitError]:
        """Submit takes; each order can fall back where its route pays for it."""
        found: dict[int, Order | MotionKitError] = {}
        with self._cancellations.call():
            plan = self._takes.plan(request, takes, options, facts)
            for take, one in self._takes.order(plan, options, facts):
                found[take.number] = one
                if decided is not None:
                    decided(take, one if isinstance(one, MotionKitError) else one.job)
        return [found[number] for number in sorted(found)]

    def _order_again(self, order: Order, job: Job, error: MotionKitError) -> Job:
        """Submit again after a job that failed, where its route pays for it."""
        with self._cancellations.call():
            return order.next(job, error)

    def _fetch(
        self, result: Result, path: Path | str, *, overwrite: bool, output: int = 0
    ) -> Downloaded:
        """Save a result's file, without a word in the journal."""
        job = result.job
        try:
            with telemetry.span(
                f"download {job.model}", gen_ai__response__id=job.id, **_events().traits(job)
            ):
                return http.download_file(
                    _address(result, output),
                    arguments.path("path", path),
                    overwrite=overwrite,
                    refresh=lambda: _address(self._asked(job), output),
                    origin=adapters.base_url(self.account(job.account)),
                    kept=adapters.spool_opener(result),
                )
        except DownloadFailed as error:
            error.billed = Billed.YES  # there is a result, so it was paid for
            error.fill(job=job, provider=job.provider, account=job.account)
            raise

    def _notifier(self, watch: Watch | None) -> Notifier | None:
        """Return the notifier of a `watch` callback."""
        if watch is None:
            return None
        return polling.Notifier(self._observer, arguments.callback("watch", watch))

    def _followed(self, job: Job, limit: float, notify: Notifier | None) -> Result:
        """Wait for a job, and report the end to its `watch`; without, a notebook displays it."""
        with self._displayed([job] if notify is None else []) as board:
            try:
                result = self._engine.wait(job, limit, board.watch if board else notify)
            except MotionKitError as error:
                if notify is not None:
                    notify.failed(job, error)
                if board is not None:
                    board.ended(0, error)
                raise
            if board is not None:
                board.ended(0, result)
            return result

    def _outcomes(
        self, jobs: Sequence[Job], limit: float
    ) -> Iterator[tuple[int, Result | MotionKitError]]:
        """Wait for jobs and yield numbers and outcomes; a notebook displays them meanwhile."""
        with self._displayed(jobs) as board:
            watch = board.watch if board else None
            for number, outcome in self._engine.outcomes(jobs, limit, watch):
                if board is not None:
                    board.ended(number, outcome)
                yield number, outcome

    def _displayed(self, jobs: Sequence[Job]) -> AbstractContextManager[Board | None]:
        """Display the progress of jobs during a block, in a notebook alone."""
        if "IPython" not in sys.modules:
            return nullcontext()
        from motionkit.client import notebook  # noqa: PLC0415 - for those who have IPython

        return notebook.displayed(self._observer, jobs)

    def _limit(self, timeout: Seconds | None) -> float:
        """Return the seconds that a wait may take."""
        default = self.config.defaults.timeout
        return arguments.duration("timeout", default if timeout is None else timeout)

    def _asked(self, job: Job) -> Result:
        """Ask the vendor for a job's result, with fresh URLs."""
        status = self.poll(job)
        if status.state is State.SUCCEEDED:
            return http.with_retries(lambda: self._observer.result(job, status))
        with polling.about(job):
            return status.need_result(job)


def _events() -> Any:
    from motionkit.model import events  # noqa: PLC0415 - a list of jobs reports none

    return events


def _address(result: Result, output: int) -> str:
    """Return the URL of one of a result's files."""
    return result.outputs[arguments.index("output", output, len(result.outputs))].url
