"""Choose among a route's targets: facts and attempts in; try, wait or stop out. No I/O, no clock.

1. The past comes first. After a submit that may have arrived nothing else is tried, whatever
   follows it; nor while a job runs, after the deadline, or after a success.
2. After an attempt that failed without a charge, the next target follows if the cause is among the
   route's ``fall_back_on``. A job that failed uses up one of the ``paid_retries``.
3. Then come capability, price (``max_usd``, budget) and credits, in this order, and the route's
   preference among the targets that are left; equal ones keep the route's order.
4. What an account is *expected* to refuse (no credits, an open circuit, no slot) counts only where
   the route falls back on that refusal. Elsewhere the target is tried, and its error is raised.
5. An open circuit changes the order, never the outcome: the last target left is tried anyway.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

import attrs

from motionkit import errors as e
from motionkit._support import backoff
from motionkit._support.displayed import Displayed
from motionkit.errors import Billed
from motionkit.model.money import Balance, Quote
from motionkit.routing.circuit_breaker import CAUSES, Breaker, Error, Gate, cause_of
from motionkit.routing.reasons import SENTENCES, VERDICTS, Reason, Stage, Verdict
from motionkit.routing.route import Choose, Route

T = TypeVar("T")

WAIT_STEP = 5.0
"""Seconds: the longest single wait, after which the facts are read again."""

SHORTEST_PAUSE = 1.0
"""Seconds before a busy account is tried again, whatever its ``Retry-After``."""

_BEFORE_JOB = (Stage.PREPARE, Stage.CANARY, Stage.SUBMIT)
_WITH_JOB = (Stage.RUN, Stage.WAIT)
_ENDINGS = (e.JobFailed, e.JobGone, e.ContentBlocked)
_WORTH_PAYING_AGAIN = (e.JobFailed, e.JobGone)

_WENT_WELL: Mapping[Stage, Reason] = {
    **dict.fromkeys((*_BEFORE_JOB, Stage.RUN), Reason.STOP_JOB_RUNNING),
    Stage.WAIT: Reason.STOP_SUCCEEDED,
    Stage.DOWNLOAD: Reason.STOP_SUCCEEDED,
}
_ENDED_BY: Mapping[Error, Reason] = {
    e.SubmitUncertain: Reason.STOP_MAYBE_BOUGHT,
    e.WaitTimeout: Reason.STOP_WAIT_TIMEOUT,
    e.DownloadFailed: Reason.STOP_RESULT_SAFE,
    e.NotReady: Reason.STOP_JOB_RUNNING,
    e.JobNotFound: Reason.STOP_JOB_RUNNING,
    e.JobCancelled: Reason.STOP_CANCELLED,
}
_OWED: Mapping[tuple[Stage, Billed], Reason] = {
    **{(stage, Billed.UNKNOWN): Reason.STOP_MAYBE_BOUGHT for stage in _BEFORE_JOB},
    **{(stage, Billed.YES): Reason.STOP_BILLED for stage in _BEFORE_JOB},
    **{(stage, billed): Reason.STOP_JOB_RUNNING for stage in _WITH_JOB for billed in Billed},
    **{(Stage.DOWNLOAD, billed): Reason.STOP_RESULT_SAFE for billed in Billed},
}
"""Why a route stops after an error, by what may exist at the vendor by then."""
_RULED_OUT_LATE: Mapping[Error, Reason] = {
    e.Unsupported: Reason.NOT_CAPABLE,
    e.BudgetExceeded: Reason.BUDGET_SPENT,
}
"""Errors that rule out one target only, at whatever stage they are raised."""
_STOPS = (
    Reason.STOP_MAYBE_BOUGHT,
    Reason.STOP_JOB_RUNNING,
    Reason.STOP_WAIT_TIMEOUT,
    Reason.STOP_SUCCEEDED,
    Reason.STOP_RESULT_SAFE,
    Reason.STOP_BILLED,
    Reason.STOP_CANCELLED,
    Reason.STOP_NOT_IN_FALL_BACK_ON,
)
"""What ends a route, by precedence."""
_RULED_OUT_ERRORS: Mapping[Reason, tuple[Error, Reason]] = {
    Reason.NOT_CAPABLE: (e.InvalidRequest, Reason.STOP_INVALID_EVERYWHERE),
    **dict.fromkeys(
        (Reason.PRICE_ABOVE_MAX, Reason.PRICE_UNKNOWN_UNDER_CAP, Reason.BUDGET_SPENT),
        (e.BudgetExceeded, Reason.STOP_OVER_BUDGET),
    ),
    Reason.NO_CREDITS: (e.InsufficientCredits, Reason.STOP_NO_CREDITS),
    **dict.fromkeys((Reason.BUSY_PASSED_OVER, Reason.COOLING_DOWN), (e.Busy, Reason.STOP_ALL_BUSY)),
}
"""How a route ends when all its targets are ruled out for the same reason."""
_NOTHING_LEFT = (e.NoTargetLeft, Reason.NO_TARGET_LEFT)
_OPEN = frozenset({None, Reason.BUSY_TRIED_AGAIN, Reason.FAILED_PAID})
"""Outcomes of a target's last attempt after which it is considered again; None: no attempt."""
_READY = frozenset({Reason.STANDS_BY})
_SKIPPED = frozenset({Reason.COOLING_DOWN, Reason.BUSY_PASSED_OVER})
_FELL_BACK = {word: Reason(f"fell_back_{word}") for word in CAUSES}
_PREFERRED: Mapping[Choose, tuple[Reason, Callable[[Candidate], Decimal | float | None]]] = {
    "first": (Reason.CHOSEN_FIRST, lambda _: 0.0),
    "cheapest": (Reason.CHEAPEST, lambda one: one.quote.usd_likely if one.quote else None),
    "fastest": (Reason.FASTEST, lambda one: one.expected_seconds),
}
"""Why the first one is chosen, and what ranks the targets: lower goes first, unknown last."""


@attrs.frozen(kw_only=True)
class Candidate:
    """What is known of one target now.

    Attributes:
        target: As the route names it.
        problem: Why it cannot take the request; None when it can.
        quote: What it should cost.
        expected_seconds: From submit to the end.
        balance: What the account holds; None when it was not asked.
        breakers: The account's open circuits.
        busy: Whether all slots of the account are known to be taken.
        waited: Seconds waited so far for a slot of this target.
        budget_left: US dollars that may still be spent here; None without a budget.
    """

    target: str
    problem: str | None = None
    quote: Quote | None = None
    expected_seconds: float | None = None
    balance: Balance | None = None
    breakers: tuple[Breaker, ...] = ()
    busy: bool = False
    waited: float = 0.0
    budget_left: Decimal | None = None


@attrs.frozen(kw_only=True)
class Tried:
    """One attempt of this purchase.

    Attributes:
        target: As the route names it.
        stage: Where it failed; else the last stage that succeeded.
        at: When that was, epoch seconds.
        error: The class of its error.
        billed: Whether it left a charge, as the error says.
        maybe_arrived: Whether its submit may have arrived and no job was found; this never lapses.
        retry_after: What the vendor asked for, in seconds.
        passing: Whether the vendor refused it for a cause that passes, such as its own load.
        quote: What it was expected to cost.
    """

    target: str
    stage: Stage
    at: float
    error: Error | None = None
    billed: Billed = Billed.NO
    maybe_arrived: bool = False
    retry_after: float | None = None
    passing: bool = False
    quote: Quote | None = None


@attrs.frozen
class Try:
    """Read the balance, prepare, and submit there.

    Attributes:
        target: Where.
        probes: Causes whose breakers are HALF_OPEN. Claim them first; read the facts again when
            another process was faster.
    """

    target: str
    probes: tuple[str, ...] = ()


@attrs.frozen
class Wait:
    """Wait for a target's slot, add the seconds to its `waited`, read the facts, decide again."""

    seconds: float
    target: str


@attrs.frozen
class Stop:
    """Try nothing more.

    Attributes:
        reason: Why.
        error: What to raise; None when there is nothing to raise.
        attempt: Index of the attempt that caused it, whose own error is the one to raise (under
            STOP_MAYBE_BOUGHT as a `SubmitUncertain`); None when no single attempt did.
    """

    reason: Reason
    error: Error | None = None
    attempt: int | None = None


Action = Try | Wait | Stop


@attrs.frozen
class Row:
    """What became of one target, why, at which quote, and when (epoch seconds); JSON-able."""

    target: str
    verdict: Verdict
    reason: Reason
    quote: Quote | None
    at: float
    note: str = ""


@attrs.frozen(repr=False)
class Decision(Displayed):
    """What to do next, and what became of every target so far."""

    action: Action
    rows: tuple[Row, ...]

    def _repr_html_(self) -> str:
        from motionkit._support import html  # noqa: PLC0415 - only a notebook draws it

        return html.decisions(
            {
                "target": row.target,
                "verdict": row.verdict,
                "sentence": SENTENCES[row.reason],
                "note": row.note,
            }
            for row in self.rows
        )


def suffices(balance: Balance | None, quote: Quote | None) -> bool | None:
    """Return whether a balance covers a quote's high; None when unknown or between low and high."""
    if balance is None or quote is None:
        return None
    same = balance.unit is quote.unit
    held = balance.amount if same else balance.usd
    low, high = (quote.low, quote.high) if same else (quote.usd_low, quote.usd_high)
    if held is not None and high is not None and held >= high:
        return True
    return False if held is not None and low is not None and held < low else None


def follow(record: Sequence[Row], decision: Decision) -> tuple[Row, ...]:
    """Return a record of decisions with the new rows of one more.

    Args:
        record: The rows so far, oldest first.
        decision: The next one.
    """
    rows = list(record)
    for row in decision.rows:
        last = next((old for old in reversed(rows) if old.target == row.target), None)
        same = last is not None and (last.verdict, last.reason) == (row.verdict, row.reason)
        if row not in rows and not same:
            rows.append(row)
    return tuple(rows)


def decide(
    route: Route,
    candidates: Sequence[Candidate],
    tried: Sequence[Tried] = (),
    *,
    now: float,
) -> Decision:
    """Return what to do next for one purchase.

    Args:
        route: Its rules; its targets are the candidates.
        candidates: Every target, in the route's order, with fresh facts.
        tried: The attempts of this purchase so far, in order.
        now: Epoch seconds.
    """
    case = _Case(route, tuple(candidates), tuple(tried), now)
    if route.on_busy == "next":
        hasty = attrs.evolve(case, route=attrs.evolve(route, wait_for_slot=0.0)).decide()
        if not isinstance(hasty.action, Stop):
            return hasty
    return case.decide()


def _lookup(table: Mapping[Error, T], error: Error) -> T | None:
    return next((table[kind] for kind in error.__mro__ if kind in table), None)


def _owed(one: Tried) -> Reason | None:
    """Return what may exist at the vendor after an attempt; None when it is over for good."""
    if one.maybe_arrived:
        return Reason.STOP_MAYBE_BOUGHT
    if one.error is None:
        return _WENT_WELL[one.stage]
    ended = one.stage in _WITH_JOB and issubclass(one.error, _ENDINGS)
    return _lookup(_ENDED_BY, one.error) or (None if ended else _OWED.get((one.stage, one.billed)))


@attrs.frozen
class _Case:
    route: Route
    candidates: tuple[Candidate, ...]
    tried: tuple[Tried, ...]
    now: float

    def decide(self) -> Decision:
        past = self._history()
        notes: dict[str, Reason] = {}
        gone = {one.target for one in self.tried}
        found = next((stop for stop in _STOPS if stop in past), None)
        if found is None:
            action = self._choose(past, notes)
        else:
            action = self._stopped(past.index(found), found)
            for one in (one for one in self.candidates if one.target not in gone):
                notes[one.target] = self._obstacle(one) or Reason.NOT_REACHED
        rows = [
            Row(one.target, VERDICTS.get(why, Verdict.FAILED), why, one.quote, one.at)
            for one, why in zip(self.tried, past, strict=True)
        ]
        for one in self.candidates:
            why = notes.get(one.target, Reason.STANDS_BY)
            if one.target in gone and why is Reason.STANDS_BY:
                continue  # its attempts have rows of their own
            verdict = VERDICTS.get(why, Verdict.RULED_OUT)
            rows.append(Row(one.target, verdict, why, one.quote, self.now, one.problem or ""))
        return Decision(action, tuple(rows))

    # What happened.

    def _history(self) -> list[Reason]:
        past: list[Reason] = []
        for index, one in enumerate(self.tried):
            left = self.route.paid_retries - past.count(Reason.FAILED_PAID)
            past.append(_owed(one) or self._after(index, one.error or e.MotionKitError, left))
        return past

    def _after(self, index: int, error: Error, paid_retries: int) -> Reason:
        """Judge an attempt that is over for good: refused, or its job ended."""
        if issubclass(error, _WORTH_PAYING_AGAIN) and paid_retries > 0:
            return Reason.FAILED_PAID
        if self.tried[index].billed is not Billed.NO:
            return Reason.STOP_BILLED
        word = cause_of(error)
        if word is None:
            return _lookup(_RULED_OUT_LATE, error) or Reason.STOP_NOT_IN_FALL_BACK_ON
        if _busy_word(self.tried[index]) and self._may_ask_again(index):
            return Reason.BUSY_TRIED_AGAIN
        covered = word in self.route.fall_back_on
        return _FELL_BACK[word] if covered else Reason.STOP_NOT_IN_FALL_BACK_ON

    def _stopped(self, index: int, reason: Reason) -> Stop:
        uncertain = reason is Reason.STOP_MAYBE_BOUGHT
        return Stop(reason, e.SubmitUncertain if uncertain else self.tried[index].error, index)

    # Waiting.

    def _patience(self, one: Candidate) -> float:
        return max((self.route.wait_for_slot or 0.0) - one.waited, 0.0)

    def _pauses(self, target: str, end: int) -> list[float]:
        """Return the pause after each of a target's busy answers among the first attempts."""
        busy = [one for one in self.tried[:end] if one.target == target and _busy_word(one)]
        return [
            max(backoff.slot_delay(number, hint=one.retry_after), SHORTEST_PAUSE)
            for number, one in enumerate(busy, 1)
        ]

    def _may_ask_again(self, index: int) -> bool:
        """Whether ``wait_for_slot`` has room for the pauses so far and the rest of the last one."""
        past = self.tried[index]
        pauses = self._pauses(past.target, index + 1)
        asked = any(one.target == past.target for one in self.tried[index + 1 :])
        return sum(pauses) <= (self.route.wait_for_slot or 0.0) and any(
            asked or past.at + pauses[-1] - self.now <= self._patience(one)
            for one in self.candidates
            if one.target == past.target
        )

    def _holds(self, one: Candidate) -> Iterable[tuple[float, str]]:
        """Yield until when a target is busy, and the cause."""
        if one.busy:
            yield self.now + min(WAIT_STEP, self._patience(one) or WAIT_STEP), "busy"
        own = [past for past in self.tried if past.target == one.target and _busy_word(past)]
        for past, pause in zip(own, self._pauses(one.target, len(self.tried)), strict=True):
            yield past.at + pause, _busy_word(past)
        for breaker in [] if own else one.breakers:  # our own attempts opened them
            if CAUSES[breaker.cause].waitable:
                yield breaker.shut_until, breaker.cause

    # What is left.

    def _obstacle(self, one: Candidate) -> Reason | None:
        """Return what rules out a target, whatever the others are; None for a usable one."""
        if one.problem is not None:
            return Reason.NOT_CAPABLE
        high = one.quote.usd_high if one.quote else None
        for cap, reason in (
            (self.route.max_usd, Reason.PRICE_ABOVE_MAX),
            (one.budget_left, Reason.BUDGET_SPENT),
        ):
            if cap is not None and (high is None or high > cap):
                return Reason.PRICE_UNKNOWN_UNDER_CAP if high is None else reason
        if suffices(one.balance, one.quote) is False and "credits" in self.route.fall_back_on:
            return Reason.NO_CREDITS
        shut = {Gate.OPEN, Gate.PROBING}
        rests = any(b.gate(self.now) in shut for b in self._counted(one.breakers))
        return Reason.COOLING_DOWN if rests else None

    def _counted(self, breakers: Iterable[Breaker]) -> list[Breaker]:
        """Return the breakers of causes that the route falls back on, and that no wait helps."""
        words = self.route.fall_back_on
        return [b for b in breakers if b.cause in words and not CAUSES[b.cause].waitable]

    def _preferred(self, ones: Iterable[Candidate]) -> list[Candidate]:
        _, rank = _PREFERRED[self.route.choose]
        return sorted(ones, key=lambda one: ((value := rank(one)) is None, value or 0))

    def _enter(self, one: Candidate) -> Try | Wait | None:
        """Return what to do at a usable target; None to skip it as busy."""
        holds = [(until, word) for until, word in self._holds(one) if until > self.now]
        wait = max((until for until, _ in holds), default=self.now) - self.now
        if 0 < wait <= self._patience(one):
            return Wait(min(wait, WAIT_STEP), one.target)
        if any(word in self.route.fall_back_on for _, word in holds):
            return None
        counted = self._counted(one.breakers)
        probes = [
            b.cause
            for b in one.breakers
            if b.gate(self.now) is Gate.HALF_OPEN and (b in counted or CAUSES[b.cause].waitable)
        ]
        return Try(one.target, tuple(probes))

    def _choose(self, past: Sequence[Reason], notes: dict[str, Reason]) -> Action:
        """Return the next action, and note the reason of every target that was considered."""
        last = dict(zip((one.target for one in self.tried), past, strict=True))
        times = Counter(one.target for one in self.tried)
        weighed = self._preferred(one for one in self.candidates if last.get(one.target) in _OPEN)
        for one in weighed:
            notes[one.target] = self._obstacle(one) or Reason.STANDS_BY
        fresh = [one for one in weighed if last.get(one.target) is not Reason.FAILED_PAID]
        again = sorted((one for one in weighed if one not in fresh), key=lambda o: times[o.target])
        unused = [one for one in fresh if one.target not in last and not one.busy]
        preferred, _ = _PREFERRED[self.route.choose]
        turns = itertools.chain(  # lazily: the second line reads what the loop noted for the first
            ((one, preferred) for one in fresh if notes[one.target] in _READY),
            ((one, Reason.LAST_RESORT) for one in unused if notes[one.target] in _SKIPPED),
            ((one, Reason.PAID_RETRY) for one in again if notes[one.target] in _READY | _SKIPPED),
        )
        for one, turn in turns:
            resort = turn is Reason.LAST_RESORT
            action = Try(one.target) if resort else self._enter(one)
            if action is None:
                notes[one.target] = Reason.BUSY_PASSED_OVER
                continue
            if isinstance(action, Wait):
                notes[one.target] = Reason.BUSY_WAITED_FOR
            elif Reason.FAILED_PAID in past:
                notes[one.target] = Reason.PAID_RETRY
            else:
                notes[one.target] = Reason.HALF_OPEN_PROBE if action.probes else turn
            return action
        return self._exhausted(past, notes)

    def _exhausted(self, past: Sequence[Reason], notes: Mapping[str, Reason]) -> Stop:
        if Reason.FAILED_PAID in past:
            index = max(i for i, why in enumerate(past) if why is Reason.FAILED_PAID)
            free = self.tried[index].billed is Billed.NO
            reason = Reason.STOP_NOT_IN_FALL_BACK_ON if free else Reason.STOP_BILLED
            return self._stopped(index, reason)
        if self.tried and len(self.candidates) == 1:
            return self._stopped(len(self.tried) - 1, Reason.STOP_ONLY_TARGET)
        whys = {*past, *notes.values()} - {Reason.NOT_CAPABLE} or {Reason.NOT_CAPABLE}
        ends = {_RULED_OUT_ERRORS.get(why, _NOTHING_LEFT) for why in whys}
        error, reason = ends.pop() if len(ends) == 1 else _NOTHING_LEFT
        return Stop(reason, error)


def _busy_word(one: Tried) -> str:
    """Return the cause of a refusal where waiting helps against it, else nothing."""
    word = cause_of(one.error) if one.error else None
    return word if word and (CAUSES[word].waitable or one.passing) else ""
