"""The words and records of a routing decision; `motionkit.routing.router` makes them.

Every reason has a sentence for people. Rows are JSON-able: a journal keeps them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import attrs

from motionkit._support import html
from motionkit.errors import Billed, MotionKitError
from motionkit.model.money import Balance, Quote
from motionkit.routing.circuit_breaker import CAUSES, Breaker

Error = type[MotionKitError]


class _Named(enum.Enum):
    @staticmethod
    def _generate_next_value_(name: str, *_: object) -> str:
        return name.lower()


class Choose(_Named):
    """How a route prefers among the targets that can take a request."""

    FIRST = enum.auto()
    CHEAPEST = enum.auto()
    FASTEST = enum.auto()


class OnBusy(_Named):
    """What a route does while a target can take no job at the moment."""

    WAIT = enum.auto()
    """Wait for it, then fall back."""
    NEXT = enum.auto()
    """Try the next one; wait only when no other one is left."""


class Stage(_Named):
    """How far an attempt came: the stage where it failed, or else the last one that went well."""

    PREPARE = enum.auto()
    CANARY = enum.auto()
    SUBMIT = enum.auto()
    RUN = enum.auto()
    WAIT = enum.auto()
    DOWNLOAD = enum.auto()


class Verdict(_Named):
    """What became of a target."""

    CHOSEN = enum.auto()
    WAITING = enum.auto()
    PASSED_OVER = enum.auto()
    RULED_OUT = enum.auto()
    FAILED = enum.auto()


class Reason(_Named):
    """Why; `sentence` says it to people."""

    CHOSEN_FIRST = enum.auto()
    CHEAPEST = enum.auto()
    FASTEST = enum.auto()
    HALF_OPEN_PROBE = enum.auto()
    LAST_RESORT = enum.auto()
    PAID_RETRY = enum.auto()
    BUSY_WAITED_FOR = enum.auto()
    STANDS_BY = enum.auto()
    NOT_REACHED = enum.auto()
    NOT_CAPABLE = enum.auto()
    PRICE_ABOVE_MAX = enum.auto()
    PRICE_UNKNOWN_UNDER_CAP = enum.auto()
    BUDGET_SPENT = enum.auto()
    NO_CREDITS = enum.auto()
    COOLING_DOWN = enum.auto()
    BUSY_PASSED_OVER = enum.auto()
    BUSY_TRIED_AGAIN = enum.auto()
    FELL_BACK_UNAVAILABLE = enum.auto()
    FELL_BACK_BUSY = enum.auto()
    FELL_BACK_RATE_LIMITED = enum.auto()
    FELL_BACK_CREDITS = enum.auto()
    FELL_BACK_AUTHENTICATION = enum.auto()
    FELL_BACK_PERMISSION = enum.auto()
    FAILED_PAID = enum.auto()
    STOP_MAYBE_BOUGHT = enum.auto()
    STOP_JOB_RUNNING = enum.auto()
    STOP_WAIT_TIMEOUT = enum.auto()
    STOP_SUCCEEDED = enum.auto()
    STOP_RESULT_SAFE = enum.auto()
    STOP_BILLED = enum.auto()
    STOP_NOT_IN_FALL_BACK_ON = enum.auto()
    STOP_INVALID_EVERYWHERE = enum.auto()
    STOP_OVER_BUDGET = enum.auto()
    STOP_NO_CREDITS = enum.auto()
    STOP_ALL_BUSY = enum.auto()
    STOP_ONLY_TARGET = enum.auto()
    NO_TARGET_LEFT = enum.auto()

    @property
    def sentence(self) -> str:
        """The reason in one sentence."""
        return SENTENCES[self]


SENTENCES: Mapping[Reason, str] = {
    Reason.CHOSEN_FIRST: "It is the first of the route that can take the request now.",
    Reason.CHEAPEST: "It is the cheapest that can take the request now.",
    Reason.FASTEST: "It is the fastest that can take the request now.",
    Reason.HALF_OPEN_PROBE: "Its cooldown is over, and this try tells whether it works again.",
    Reason.LAST_RESORT: "It is cooling down, but nothing else is left to try.",
    Reason.PAID_RETRY: "An earlier job failed, and the route pays for another try.",
    Reason.BUSY_WAITED_FOR: "It takes no job at the moment, and the route waits for it.",
    Reason.STANDS_BY: "It could take the request, and comes after the one preferred.",
    Reason.NOT_REACHED: "The matter was settled before its turn came.",
    Reason.NOT_CAPABLE: "It cannot express or deliver what the request asks for.",
    Reason.PRICE_ABOVE_MAX: "Its quote's high exceeds max_usd.",
    Reason.PRICE_UNKNOWN_UNDER_CAP: "Its price is unknown, and there is a cap to keep.",
    Reason.BUDGET_SPENT: "Its quote's high exceeds what is left of the budget.",
    Reason.NO_CREDITS: "Its account holds less than the request costs.",
    Reason.COOLING_DOWN: "Its account failed a moment ago and is left alone for a while.",
    Reason.BUSY_PASSED_OVER: "It takes no job at the moment, and the route waits no longer for it.",
    Reason.BUSY_TRIED_AGAIN: "It took no job, so nothing was bought; it is asked again later.",
    Reason.FELL_BACK_UNAVAILABLE: "It did not answer usably, and nothing was bought.",
    Reason.FELL_BACK_BUSY: "It was at its limit of running jobs, and nothing was bought.",
    Reason.FELL_BACK_RATE_LIMITED: "It refused for too many calls, and nothing was bought.",
    Reason.FELL_BACK_CREDITS: "Its account cannot pay, and nothing was bought.",
    Reason.FELL_BACK_AUTHENTICATION: "It does not accept the key, and nothing was bought.",
    Reason.FELL_BACK_PERMISSION: "The account may not do this, and nothing was bought.",
    Reason.FAILED_PAID: "The job failed, and the route allows another paid try.",
    Reason.STOP_MAYBE_BOUGHT: "A submit may have arrived; another try could be paid twice.",
    Reason.STOP_JOB_RUNNING: "An attempt or its job is still under way, so nothing else is tried.",
    Reason.STOP_WAIT_TIMEOUT: "The deadline passed while the job ran; it may still be billed.",
    Reason.STOP_SUCCEEDED: "The job succeeded.",
    Reason.STOP_RESULT_SAFE: "The result is paid for and safe at the vendor; its file is not here.",
    Reason.STOP_BILLED: "It was charged, or may have been, and no further paid try is allowed.",
    Reason.STOP_NOT_IN_FALL_BACK_ON: "The route does not fall back on this kind of failure.",
    Reason.STOP_INVALID_EVERYWHERE: "No target of the route can take this request.",
    Reason.STOP_OVER_BUDGET: "Every target that could take the request costs more than is allowed.",
    Reason.STOP_NO_CREDITS: "No account of the route can pay for this request.",
    Reason.STOP_ALL_BUSY: "No target that could take the request takes a job at the moment.",
    Reason.STOP_ONLY_TARGET: "The route's only target failed.",
    Reason.NO_TARGET_LEFT: "Every target of the route was tried or ruled out.",
}

SHORT: Mapping[Reason, str] = {
    Reason.NOT_CAPABLE: "cannot take the request",
    Reason.PRICE_ABOVE_MAX: "costs more than max_usd",
    Reason.PRICE_UNKNOWN_UNDER_CAP: "unknown price under a cap",
    Reason.BUDGET_SPENT: "over budget",
    Reason.NO_CREDITS: "too few credits",
    Reason.COOLING_DOWN: "failed a short while ago",
    Reason.BUSY_PASSED_OVER: "busy",
    Reason.BUSY_TRIED_AGAIN: "busy",
    Reason.FELL_BACK_UNAVAILABLE: "no usable answer",
    Reason.FELL_BACK_BUSY: "busy",
    Reason.FELL_BACK_RATE_LIMITED: "rate limited",
    Reason.FELL_BACK_CREDITS: "too few credits",
    Reason.FELL_BACK_AUTHENTICATION: "wrong key",
    Reason.FELL_BACK_PERMISSION: "not permitted",
    Reason.FAILED_PAID: "its job failed",
}
"""Why a target fell out of a route, in a few words."""

VERDICTS: Mapping[Reason, Verdict] = {
    **dict.fromkeys(
        (
            Reason.CHOSEN_FIRST,
            Reason.CHEAPEST,
            Reason.FASTEST,
            Reason.HALF_OPEN_PROBE,
            Reason.LAST_RESORT,
            Reason.PAID_RETRY,
            Reason.STOP_SUCCEEDED,
            Reason.STOP_RESULT_SAFE,
        ),
        Verdict.CHOSEN,
    ),
    **dict.fromkeys(
        (Reason.BUSY_WAITED_FOR, Reason.STOP_JOB_RUNNING, Reason.STOP_WAIT_TIMEOUT),
        Verdict.WAITING,
    ),
    **dict.fromkeys(
        (Reason.STANDS_BY, Reason.NOT_REACHED, Reason.COOLING_DOWN, Reason.BUSY_PASSED_OVER),
        Verdict.PASSED_OVER,
    ),
}
"""Any other reason means FAILED for an attempt and RULED_OUT for a target that was not tried."""


def _words(words: Iterable[str]) -> frozenset[str]:
    return frozenset(words)


@attrs.frozen(kw_only=True)
class Rules:
    """A route's rules, as in the configuration."""

    choose: Choose = attrs.field(default=Choose.FIRST, converter=Choose)
    max_usd: Decimal | None = None
    wait_for_slot: float = 0.0
    on_busy: OnBusy = attrs.field(default=OnBusy.WAIT, converter=OnBusy)
    fall_back_on: frozenset[str] = attrs.field(default=frozenset(CAUSES), converter=_words)
    paid_retries: int = 0


@attrs.frozen(kw_only=True)
class Candidate:
    """What is known of one target now.

    Attributes:
        target: As the route names it.
        problem: Why it cannot take the request; None when it can.
        quote: What it should cost.
        expected_seconds: From submit to the end.
        suffices: Whether the account can pay; None when unknown.
        breakers: The account's cooldowns.
        busy: Whether all slots of the account are known to be taken.
        waited: Seconds that were waited for this target in this run.
        budget_left: US dollars that may still be spent here; None without a budget.
    """

    target: str
    problem: str | None = None
    quote: Quote | None = None
    expected_seconds: float | None = None
    suffices: bool | None = None
    breakers: tuple[Breaker, ...] = ()
    busy: bool = False
    waited: float = 0.0
    budget_left: Decimal | None = None


@attrs.frozen(kw_only=True)
class Tried:
    """One attempt of this run.

    Attributes:
        target: As the route names it.
        stage: Where it failed; else the last stage that went well.
        at: When that was, epoch seconds.
        error: The class of what went wrong.
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
    """Prepare, call the free canary, and submit there.

    Attributes:
        target: Where.
        probes: Causes whose breakers are HALF_OPEN: to be claimed first, and the facts read again
            when another process was faster.
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
        attempt: Index of the attempt that settled it, whose own error is the one to raise (under
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


@attrs.frozen
class Decision:
    """What to do next, and what became of every target so far."""

    action: Action
    rows: tuple[Row, ...]

    def _repr_html_(self) -> str:
        return html.grid(
            ("target", "verdict", "why", "note"),
            [(row.target, row.verdict.value, row.reason.sentence, row.note) for row in self.rows],
        )


def suffices(balance: Balance | None, quote: Quote | None) -> bool | None:
    """Say whether a balance pays for a quote's high; None when unknown or between low and high."""
    if balance is None or quote is None:
        return None
    same = balance.unit is quote.unit
    held = balance.amount if same else balance.usd
    low, high = (quote.low, quote.high) if same else (quote.usd_low, quote.usd_high)
    if held is not None and high is not None and held >= high:
        return True
    return False if held is not None and low is not None and held < low else None


def follow(record: Sequence[Row], decision: Decision) -> tuple[Row, ...]:
    """Return a record of decisions with what one more of them says anew.

    Args:
        record: The rows so far, oldest first.
        decision: The next one.
    """
    rows = list(record)
    for row in decision.rows:
        last = next((old for old in reversed(rows) if old.target == row.target), None)
        told = last is not None and (last.verdict, last.reason) == (row.verdict, row.reason)
        if row not in rows and not told:
            rows.append(row)
    return tuple(rows)
