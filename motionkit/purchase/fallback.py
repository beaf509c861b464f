"""Buy through a route: gather the facts, ask the router, make the attempt, write down why.

The router decides and does nothing; this does and decides nothing. Each attempt asks the account
for its balance first: an outage or an empty account shows before anything is uploaded, and where
nothing can have been bought.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs

from motionkit.config import Route
from motionkit.errors import (
    Billed,
    InvalidRequest,
    MotionKitError,
    NoTargetLeft,
    SubmitUncertain,
)
from motionkit.journal import Journal, NewPurchase, retry_key
from motionkit.model import codec, money
from motionkit.model.budget import BudgetStatus, over_cap
from motionkit.model.job import Job
from motionkit.model.money import Balance, Quote, dollars
from motionkit.model.submission import Submission
from motionkit.provider import Fit, in_sandbox
from motionkit.purchase import cancellation, circuits, compare, slots
from motionkit.purchase.submit import Submitter, about
from motionkit.routing import circuit_breaker, router

from motionkit.routing import (
    Choose,
    OnBusy,
    Reason,
    Row,
    Stage,
    Stop,
    Tried,
    Try,
    Verdict,
    Wait,
)

log = logging.getLogger("motionkit")

_CAPPED = frozenset({Reason.PRICE_ABOVE_MAX, Reason.PRICE_UNKNOWN_UNDER_CAP})


@attrs.frozen
class RouteTarget:
    """One target of a route, with what is known of it.

    Attributes:
        target: As the route names it.
        row: What it would cost and deliver.
        submitter: Of its account; None when the account cannot be used.
        fitted: The request as its offer takes it; None where it does not fit.
        account: The account's name.
        fingerprint: Of the account's key and origin; empty when the account cannot be used.
        sandbox: Whether its account is in a sandbox on this machine.
    """

    target: str
    row: compare.Row
    submitter: Submitter | None = None
    fitted: Fit | None = None
    account: str = attrs.field(init=False)
    fingerprint: str = attrs.field(init=False)
    sandbox: bool = attrs.field(init=False)

    @account.default
    def _account(self) -> str:
        return self.target.partition("/")[0]

    @fingerprint.default
    def _fingerprint(self) -> str:
        return "" if self.submitter is None else self.submitter.provider.fingerprint

    @sandbox.default
    def _in_sandbox(self) -> bool:
        return self.submitter is not None and in_sandbox(self.submitter.provider)


@attrs.frozen(kw_only=True)
class Announcement:
    """One submit right before it is made: where, and for how much.

    Attributes:
        target: Account and model.
        quote: What it is expected to cost; None when no price is known.
        after: The route's targets that fell out so far, each with the reason in a few words, such
            as ``wrong key`` or ``busy``. Nothing was bought at any of them.
        max_usd: The cap that the price keeps: the caller's or the route's; None without one.
        sandbox: Whether the account is in a sandbox on this machine.
    """

    target: str
    quote: Quote | None
    after: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    max_usd: Decimal | None = None
    sandbox: bool = False


Announce = Callable[[Announcement], object]
"""Called before each submit; what it raises ends the purchase, and nothing is bought."""


class Prepared:
    """A submission and its uploads, kept while a slot is waited for.

    Args:
        make: Makes the submission; called again when the uploads are stale.
    """

    def __init__(self, make: Callable[[], Submission]) -> None:
        self._make = make
        self._submission = make()

    def ready(self) -> Callable[[], Submission]:
        """Return what `Submitter.submit` calls: the submission first, afterwards a new one."""
        given = False

        def prepare() -> Submission:
            nonlocal given
            if given:
                self._submission = self._make()
            given = True
            return self._submission

        return prepare


@attrs.define
class RouteBuyer:
    """One purchase through one route.

    Attributes:
        route: The rules.
        places: Its targets, in its order.
        purchase: What to write ahead; its quote is the chosen target's.
        journal: Where everything is kept.
        slots: Who knows how many jobs an account runs.
        patience: Seconds to wait for a slot of each target.
        sleep: How to wait; tests give their own.
        now: Epoch seconds; tests give their own.
        announce: Called before each submit.
        tried: The attempts so far.
        record: Why which target was taken, row by row.
        known: Whether the journal may hold the purchase's key.
    """

    route: Route
    places: Sequence[RouteTarget]
    purchase: NewPurchase
    journal: Journal
    slots: slots.Slots
    patience: float = 0.0
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    announce: Announce | None = None
    tried: list[Tried] = attrs.field(factory=list)
    record: tuple[Row, ...] = ()
    known: bool = True
    _errors: list[MotionKitError] = attrs.field(factory=list)
    _waited: dict[str, float] = attrs.field(factory=dict)
    _balances: dict[str, Balance] = attrs.field(factory=dict)
    _prepared: dict[str, Prepared] = attrs.field(factory=dict)
    """By target: what is ready to be sent, kept while its slot is waited for."""

    _circuits: circuits.Circuits = attrs.field(init=False, repr=False)

    @_circuits.default
    def _of_the_journal(self) -> circuits.Circuits:
        return circuits.Circuits(self.journal.caches, self.now)

    @property
    def rules(self) -> decisions.Rules:
        """The route's rules as the router takes them."""
        route = self.route
        return decisions.Rules(
            choose=Choose(route.choose),
            max_usd=route.max_usd,
            wait_for_slot=self.patience,
            on_busy=OnBusy(route.on_busy),
            fall_back_on=route.fall_back_on,
            paid_retries=route.paid_retries,
        )

    def preview(self) -> decisions.Decision:
        """Return what the router would do now; nothing is asked of any vendor."""
        return router.decide(
            self.rules,
            [self._candidate(place) for place in self.places],
            self.tried,
            now=self.now(),
        )

    def buy(self) -> Job:
        """Try targets in the router's order until one accepts.

        Raises:
            PurchaseExists: Another process was faster; nothing was sent.
            SubmitUncertain: One may have accepted; nothing else is tried.
            NoTargetLeft: Every target was tried or ruled out; it carries each attempt's error.
            MotionKitError: What the route does not fall back on.
        """
        while True:
            for place in self.places:
                if place.submitter is not None:
                    self.slots.notice(place.submitter)
            decision = self.preview()
            self.record = decisions.follow(self.record, decision)
            action = decision.action
            if isinstance(action, Wait):
                self._tell(action)
                cancellation.sleep(action.seconds, self.sleep)
                self._waited[action.target] = self._waited.get(action.target, 0.0) + action.seconds
            elif isinstance(action, Stop):
                self._write()
                raise self.refused(action)
            else:
                self._announce(action, decision)
                job = self._try(action)
                if job is not None:
                    return job

    def _announce(self, action: Try, decision: decisions.Decision) -> None:
        """Say where the next submit goes, for how much, and why not elsewhere."""
        place = self._place(action.target)
        names = {one.target: one.row.target for one in self.places}
        after = {
            names[row.target]: decisions.SHORT[row.reason]
            for row in decision.rows
            if row.reason in decisions.SHORT and row.target != action.target
        }
        quote = place.row.quote
        last = self.tried[-1] if self.tried else None
        failed = last is not None and last.stage is Stage.WAIT
        # An announcement names a fallback itself: say it once.
        moved = self.announce is None and last is not None and last.target != place.target
        if last is not None and (failed or moved):
            told = "an unknown price" if quote is None else money.amounts(quote)
            log.info(
                "the job at %s failed; paying for another try at %s for %s"
                if failed
                else "nothing was bought at %s; trying %s for %s",
                last.target,
                place.target,
                told,
            )
        if self.announce is None:
            return
        try:
            self.announce(
                Announcement(
                    target=place.row.target,
                    quote=quote,
                    after=after,
                    max_usd=self.route.max_usd,
                    sandbox=place.sandbox,
                )
            )
        except BaseException as error:
            self._write()
            if isinstance(error, MotionKitError):
                error.decision = tuple(self.told())
            raise

    def _place(self, target: str) -> RouteTarget:
        return next(place for place in self.places if place.target == target)

    def ended(self, job: Job, error: MotionKitError) -> None:
        """Take note of how a job that was bought here went wrong.

        Raises:
            MotionKitError: The route does not pay for another try.
        """
        self.tried.pop()  # the submit that went well is now this job's end
        self._note(self._place_of(job), Stage.WAIT, error)
        decision = self.preview()
        self.record = decisions.follow(self.record, decision)
        self._write()
        if isinstance(decision.action, Stop):
            raise error
        self.purchase = attrs.evolve(
            self.purchase, key=retry_key(self.purchase.key, len(self.tried) + 1), again=True
        )
        self.known = True  # another process may have taken the retry's key

    def _tell(self, wait: Wait) -> None:
        """Say once for each target that it is waited for, and for how long at most."""
        if wait.target in self._waited:
            return
        refusals = zip(self.tried, self._errors, strict=False)
        said = [error.message for one, error in refusals if one.target == wait.target]
        log.info(
            "%s; nothing was bought, waiting up to %.0f s for a slot",
            about(wait.target, said[-1] if said else "it runs as many jobs as it may"),
            self.patience,
        )

    def _try(self, action: Try) -> Job | None:
        place = self._place(action.target)
        if place.submitter is None or place.fitted is None:
            return None
        if not self._circuits.claim(place.account, place.fingerprint, action.probes):
            return None  # another process was faster
        stage = Stage.CANARY
        provider, submitter = place.submitter.provider, place.submitter
        try:
            if self._learn(place, provider.balance()):
                return None  # it cannot pay: the router knows now, and nothing was uploaded
            stage = Stage.PREPARE
            prepared = self._prepared.get(place.target)
            if prepared is None:
                make = functools.partial(provider.prepare, place.fitted)
                prepared = self._prepared[place.target] = Prepared(make)
            stage = Stage.SUBMIT
            earlier = self.journal.get(self.purchase.key) if self.known else None
            self.known = True
            purchase = attrs.evolve(self.purchase, quote=place.row.quote, sandbox=place.sandbox)
            job = submitter.submit(purchase, prepared.ready(), earlier=earlier)
        except MotionKitError as error:
            self._note(place, stage, error)
            return None
        self.tried.append(
            Tried(target=place.target, stage=stage, at=self.now(), quote=place.row.quote)
        )
        self._circuits.submitted(place.account, place.fingerprint)
        self._write()
        return job

    def _learn(self, place: RouteTarget, balance: Balance) -> bool:
        """Keep a balance; tell whether it shows for the first time that it does not suffice."""
        first = place.account not in self._balances
        self._balances[place.account] = balance
        return first and decisions.suffices(balance, place.row.quote) is False

    def _note(self, place: RouteTarget, stage: Stage, error: MotionKitError) -> None:
        self._errors.append(error)
        now = self.now()
        refused = stage is Stage.SUBMIT and error.billed is Billed.NO
        passing = error.passing and refused  # the vendor answered the paid call, and said "later"
        self.tried.append(
            Tried(
                target=place.target,
                stage=stage,
                at=now,
                passing=passing,
                error=type(error),
                billed=error.billed,
                maybe_arrived=isinstance(error, SubmitUncertain),
                retry_after=error.retry_after,
                quote=place.row.quote,
            )
        )
        cause = circuit_breaker.cause_of(type(error))
        waits = cause is not None and circuit_breaker.CAUSES[cause].waitable
        if cause is not None and error.billed is Billed.NO and (waits or not passing):
            self._circuits.failed(place.account, place.fingerprint, error)

    def _candidate(self, place: RouteTarget) -> decisions.Candidate:
        row = place.row
        problem = row.problem or row.error
        balance = self._balances.get(place.account)
        tightest = self._tightest(place)
        return decisions.Candidate(
            target=place.target,
            problem=problem.message if problem else None,
            quote=row.quote,
            expected_seconds=row.seconds,
            suffices=decisions.suffices(balance, row.quote),
            breakers=self._breakers(place),
            busy=place.submitter is not None and self.slots.full(place.submitter),
            waited=self._waited.get(place.target, 0.0),
            budget_left=tightest.left if tightest else None,
        )

    def _breakers(self, place: RouteTarget) -> tuple[circuit_breaker.Breaker, ...]:
        if place.submitter is None:
            return ()
        return tuple(self._circuits.of(place.account, place.fingerprint).values())

    def _tightest(self, place: RouteTarget) -> BudgetStatus | None:
        """Return the budget of which the least is left for a target; None without any."""
        budgets = self.purchase.budgets
        found = [self.journal.budget(one, sandbox=place.sandbox) for one in budgets]
        return min(found, key=lambda one: one.left, default=None)

    def _place_of(self, job: Job) -> RouteTarget:
        where = f"{job.account}/{job.model}"
        return next(place for place in self.places if place.row.target == where)

    def refused(self, stop: Stop) -> MotionKitError:
        """Return what to raise when nothing more is tried."""
        if stop.attempt is not None:
            error = self._errors[stop.attempt]
        elif len(self.places) == 1 and self.places[0].row.problem is not None:
            error = self.places[0].row.problem
        else:
            rows = self.record or self.preview().rows
            # The last reason against each target: why it was preferred explains no failure.
            against = {row.target: row for row in rows if row.verdict is not Verdict.CHOSEN}
            kind = stop.error or NoTargetLeft
            text = "; ".join(f"{row.target}: {self._why(row)}" for row in against.values() or rows)
            if len(self.places) > 1:
                text = f"route {self.route.name!r}: {_clause(stop.reason)}. {text}"
            attempts = tuple(self._errors) or tuple(
                place.row.problem for place in self.places if place.row.problem is not None
            )
            if issubclass(kind, NoTargetLeft):
                error = kind(text, attempts=attempts)
            elif issubclass(kind, InvalidRequest) and len(attempts) == 1:
                error = attempts[0]
            else:
                error = kind(text)
        error.decision = tuple(self.told())
        return error

    def _why(self, row: Row) -> str:
        """Say a row's reason with its numbers, where it has some."""
        quote, cap = row.quote, self.route.max_usd
        if row.reason in _CAPPED and (over := over_cap(quote, cap)):
            return over
        if row.reason is Reason.BUDGET_SPENT and quote is not None and quote.usd_high is not None:
            tightest = self._tightest(self._place(row.target))
            return f"{tightest}; this may cost {dollars(quote.usd_high)}"
        return row.note or _clause(row.reason)

    def told(self) -> list[Mapping[str, Any]]:
        """Return the record as JSON-able rows, each with its reason's sentence."""
        return [{**codec.unstructure(row), "sentence": row.reason.sentence} for row in self.record]

    def _write(self) -> None:
        self.journal.decided(self.purchase.key, self.told())


def _clause(reason: Reason) -> str:
    """Return a reason's sentence as it stands after a colon."""
    sentence = reason.sentence.removesuffix(".")
    return sentence[0].lower() + sentence[1:]
