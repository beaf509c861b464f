"""Buy through a route: gather the facts, ask the router, submit, record why.

`motionkit.routing` decides and does nothing; this module does and decides nothing. Each attempt
reads the account's balance first: an outage or an empty account shows before anything is uploaded,
where nothing can have been bought.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from motionkit import routing
from motionkit.config import Route
from motionkit.errors import (
    Billed,
    InvalidRequest,
    MotionKitError,
    NoTargetLeft,
    SubmitUncertain,
    Unsupported,
)
from motionkit.journal import Journal, NewPurchase, retry_key
from motionkit.model import budget, codec, money
from motionkit.model.job import Job
from motionkit.model.money import Balance, dollars
from motionkit.model.submission import Submission
from motionkit.purchase import cancellation
from motionkit.purchase.announcement import Announce, Announcement
from motionkit.purchase.circuits import Circuits
from motionkit.purchase.compare import RouteTarget
from motionkit.purchase.prepare import prepare
from motionkit.purchase.slots import Slots
from motionkit.purchase.submit import NoSlot, about

log = logging.getLogger("motionkit")

_CAPPED = frozenset({routing.Reason.PRICE_ABOVE_MAX, routing.Reason.PRICE_UNKNOWN_UNDER_CAP})


@attrs.define
class RouteBuyer:
    """One purchase through one route.

    Attributes:
        route: The rules, with the caller's cap and patience.
        places: Its targets, in its order.
        purchase: What to write ahead; its quote is the chosen target's.
        journal: Where everything is recorded.
        slots: How many jobs each account runs.
        sleep: How to wait; tests give their own.
        clock: Monotonic seconds; tests give their own.
        announce: Called before each submit.
        known: Whether the journal may hold the purchase's key.
        tried: The attempts so far.
        record: Why which target was taken, row by row.
    """

    route: Route
    places: Sequence[RouteTarget]
    purchase: NewPurchase
    journal: Journal
    slots: Slots
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    announce: Announce | None = None
    known: bool = False
    tried: list[routing.Tried] = attrs.field(factory=list)
    record: tuple[routing.Row, ...] = ()
    _errors: list[MotionKitError] = attrs.field(factory=list)
    _waited: dict[str, float] = attrs.field(factory=dict)
    _balances: dict[str, Balance] = attrs.field(factory=dict)
    _prepared: dict[str, Submission] = attrs.field(factory=dict)
    """By target: what was uploaded for it, kept while its slot is waited for."""
    _full: set[str] = attrs.field(factory=set)
    """The targets whose accounts had no free slot when the router last decided."""
    _circuits: Circuits = attrs.field(init=False, repr=False)
    _epoch: float = attrs.field(init=False)

    @_circuits.default
    def _of_the_journal(self) -> Circuits:
        return Circuits(self.journal.caches, self._now)

    @_epoch.default
    def _began(self) -> float:
        return time.time() - self.clock()

    def _now(self) -> float:
        """Return epoch seconds that advance as the monotonic clock does, which cannot be set."""
        return self._epoch + self.clock()

    def preview(self, *, poll: bool = False) -> routing.Decision:
        """Return what the router would do now.

        Args:
            poll: Poll the running jobs of accounts without a free slot; otherwise no vendor is
                asked anything.
        """
        # Before the budgets are read: a job that has ended may need less of one than it held.
        busy = [
            one.submitter is not None and self.slots.full(one.submitter, poll=poll)
            for one in self.places
        ]
        self._full = {one.target for one, full in zip(self.places, busy, strict=True) if full}
        breakers = self._circuits.by_account()
        return routing.decide(
            self.route,
            [
                self._candidate(place, breakers.get(place.holder, ()), busy=full)
                for place, full in zip(self.places, busy, strict=True)
            ],
            self.tried,
            now=self._now(),
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
            decision = self.preview(poll=True)
            self.record = routing.follow(self.record, decision)
            action = decision.action
            if isinstance(action, routing.Wait):
                self._tell(action)
                cancellation.sleep(action.seconds, self.sleep)
                self._waited[action.target] = self._waited.get(action.target, 0.0) + action.seconds
            elif isinstance(action, routing.Stop):
                self._write()
                raise self.refused(action)
            else:
                self._announce(action, decision)
                job = self._try(action)
                if job is not None:
                    return job

    def _announce(self, action: routing.Try, decision: routing.Decision) -> None:
        """Announce the next submit: its target, its price, and why earlier targets fell out."""
        place = self._place(action.target)
        names = {one.target: one.row.target for one in self.places}
        after = {
            names[row.target]: routing.SHORT[row.reason]
            for row in decision.rows
            if row.reason in routing.SHORT and row.target != action.target
        }
        quote = place.row.quote
        last = self.tried[-1] if self.tried else None
        failed = last is not None and last.stage is routing.Stage.WAIT
        # An announcement names a fallback itself: say it once.
        moved = self.announce is None and last is not None and last.target != place.target
        if last is not None and (failed or moved):
            price = "an unknown price" if quote is None else money.amounts(quote)
            log.info(
                "the job at %s failed; paying for another try at %s for %s"
                if failed
                else "nothing was bought at %s; trying %s for %s",
                last.target,
                place.target,
                price,
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
                error.decision = tuple(self.rows())
            raise

    def _place(self, target: str) -> RouteTarget:
        return next(place for place in self.places if place.target == target)

    def ended(self, job: Job, error: MotionKitError) -> None:
        """Record how a job that was bought here failed.

        Raises:
            MotionKitError: The route does not pay for another try.
        """
        self.tried.pop()  # the submit that went well is now this job's end
        bought = f"{job.account}/{job.model}"
        place = next(one for one in self.places if one.row.target == bought)
        self._note(place, routing.Stage.WAIT, error)
        decision = self.preview()
        self.record = routing.follow(self.record, decision)
        self._write()
        if isinstance(decision.action, routing.Stop):
            raise error
        self.purchase = attrs.evolve(
            self.purchase, key=retry_key(self.purchase.key, len(self.tried) + 1), again=True
        )
        self.known = True  # another process may have taken the retry's key

    def _tell(self, wait: routing.Wait) -> None:
        """Log once for each target that a submit waits for its slot, and for how long at most."""
        if wait.target in self._waited:
            return
        refusals = zip(self.tried, self._errors, strict=False)
        messages = [error.message for one, error in refusals if one.target == wait.target]
        log.info(
            "%s; nothing was bought, waiting up to %.0f s for a slot",
            about(wait.target, messages[-1] if messages else "no free slot"),
            self.route.wait_for_slot or 0.0,
        )

    def _try(self, action: routing.Try) -> Job | None:
        """Submit to a target; None when the facts changed or it failed, so that the router asks."""
        place = self._place(action.target)
        if action.probes and not self._circuits.claim(*place.holder, action.probes):
            return None  # another process was faster
        stage = routing.Stage.CANARY
        submitter, fitted = place.usable()
        provider = submitter.provider

        def prepared() -> Submission:
            made = prepare(provider, fitted) if fitted.recipes else provider.prepare(fitted)
            self._prepared[place.target] = made
            return made

        try:
            with contextlib.suppress(Unsupported):  # its key may not read it: the vendor decides
                if self._learn(place, provider.balance()):
                    return None  # it cannot pay: the router knows now, and nothing was uploaded
            stage = routing.Stage.PREPARE
            submission = self._prepared.get(place.target) or prepared()
            stage = routing.Stage.SUBMIT
            again, self.known = self.known, True
            purchase = attrs.evolve(self.purchase, quote=place.row.quote, sandbox=place.sandbox)
            # The router tries a full account where the wait is over: the vendor decides, if the
            # running jobs cannot be polled.
            lent = self.slots.unpolled(submitter) if place.target in self._full else 0
            job = submitter.submit(purchase, submission, prepared, again=again, slot=lent)
        except NoSlot as full:
            # Else another process was faster: the router sees the account as busy now.
            if place.target in self._full:
                self._note(place, stage, full.error, asked=False)
            return None
        except MotionKitError as error:
            self._note(place, stage, error)
            return None
        self.tried.append(
            routing.Tried(target=place.target, stage=stage, at=self._now(), quote=place.row.quote)
        )
        self._circuits.submitted(*place.holder)
        self._write()
        return job

    def _learn(self, place: RouteTarget, balance: Balance) -> bool:
        """Keep a balance; return whether it shows for the first time that it does not suffice."""
        account, _ = place.holder
        first = account not in self._balances
        self._balances[account] = balance
        return first and routing.suffices(balance, place.row.quote) is False

    def _note(
        self,
        place: RouteTarget,
        stage: routing.Stage,
        error: MotionKitError,
        *,
        asked: bool = True,
    ) -> None:
        """Record a failed attempt; `asked` says whether the vendor was asked."""
        self._errors.append(error)
        refused = stage is routing.Stage.SUBMIT and error.billed is Billed.NO
        passing = error.passing and refused  # the vendor answered the paid call, and said "later"
        self.tried.append(
            routing.Tried(
                target=place.target,
                stage=stage,
                at=self._now(),
                passing=passing,
                error=type(error),
                billed=error.billed,
                maybe_arrived=isinstance(error, SubmitUncertain),
                retry_after=error.retry_after,
                quote=place.row.quote,
            )
        )
        cause = routing.cause_of(type(error))
        if not asked:
            return
        if cause and error.billed is Billed.NO and (routing.CAUSES[cause].waitable or not passing):
            self._circuits.failed(*place.holder, error)

    def _candidate(
        self, place: RouteTarget, breakers: tuple[routing.Breaker, ...], *, busy: bool
    ) -> routing.Candidate:
        row = place.row
        problem = row.problem or row.error
        tightest = self._tightest(place)
        return routing.Candidate(
            target=place.target,
            problem=problem.message if problem else None,
            quote=row.quote,
            expected_seconds=row.seconds,
            balance=self._balances.get(place.holder[0]),
            breakers=breakers,
            busy=busy,
            waited=self._waited.get(place.target, 0.0),
            budget_left=tightest.left if tightest else None,
        )

    def _tightest(self, place: RouteTarget) -> budget.BudgetStatus | None:
        """Return the budget with the least left for a target; None without any."""
        found = [self.journal.budget(one, sandbox=place.sandbox) for one in self.purchase.budgets]
        return min(found, key=lambda one: one.left, default=None)

    def refused(self, stop: routing.Stop) -> MotionKitError:
        """Return what to raise when nothing more is tried."""
        if stop.attempt is not None:
            error = self._errors[stop.attempt]
        elif len(self.places) == 1 and self.places[0].row.problem is not None:
            error = self.places[0].row.problem
        else:
            rows = self.record or self.preview().rows
            # The last reason against each target: why it was preferred explains no failure.
            against = {row.target: row for row in rows if row.verdict is not routing.Verdict.CHOSEN}
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
                hints = {one.hint for one in attempts}  # one that helps at every target
                error = kind(text, hint=hints.pop() if len(hints) == 1 else None)
        error.decision = tuple(self.rows())
        return error

    def _why(self, row: routing.Row) -> str:
        """Explain a row's reason, with its numbers where it has some."""
        quote, cap = row.quote, self.route.max_usd
        if row.reason in _CAPPED and (over := budget.over_cap(quote, cap)):
            return over
        if (
            row.reason is routing.Reason.BUDGET_SPENT
            and quote is not None
            and quote.usd_high is not None
        ):
            tightest = self._tightest(self._place(row.target))
            return f"{tightest}; this may cost {dollars(quote.usd_high)}"
        return row.note or _clause(row.reason)

    def rows(self) -> list[Mapping[str, Any]]:
        """Return the record as JSON-able rows, each with its reason's sentence."""
        rows = codec.unstructure(self.record)
        return [
            {**row, "sentence": routing.SENTENCES[one.reason]}
            for row, one in zip(rows, self.record, strict=True)
        ]

    def _write(self) -> None:
        self.journal.decided(self.purchase.key, self.rows())


def _clause(reason: routing.Reason) -> str:
    """Return a reason's sentence as it follows a colon."""
    sentence = routing.SENTENCES[reason].removesuffix(".")
    return sentence[0].lower() + sentence[1:]
