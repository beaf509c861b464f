"""Why a target is chosen, skipped or failed; every reason has a sentence for people."""

from __future__ import annotations

import enum
from collections.abc import Mapping


class _Named(enum.Enum):
    @staticmethod
    def _generate_next_value_(name: str, *_: object) -> str:
        return name.lower()


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
    """Why; `SENTENCES` explains it."""

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
    STOP_CANCELLED = enum.auto()
    STOP_NOT_IN_FALL_BACK_ON = enum.auto()
    STOP_INVALID_EVERYWHERE = enum.auto()
    STOP_OVER_BUDGET = enum.auto()
    STOP_NO_CREDITS = enum.auto()
    STOP_ALL_BUSY = enum.auto()
    STOP_ONLY_TARGET = enum.auto()
    NO_TARGET_LEFT = enum.auto()


SENTENCES: Mapping[Reason, str] = {
    Reason.CHOSEN_FIRST: "It is the first of the route that can take the request now.",
    Reason.CHEAPEST: "It is the cheapest that can take the request now.",
    Reason.FASTEST: "It is the fastest that can take the request now.",
    Reason.HALF_OPEN_PROBE: "It failed before; this submit shows whether it works again.",
    Reason.LAST_RESORT: "It failed a short while ago, but no other target is left.",
    Reason.PAID_RETRY: "An earlier job failed, and the route pays for another try.",
    Reason.BUSY_WAITED_FOR: "It takes no job at the moment, and the route waits for it.",
    Reason.STANDS_BY: "It can take the request; another target is preferred.",
    Reason.NOT_REACHED: "The purchase ended before this target was tried.",
    Reason.NOT_CAPABLE: "It does not support what the request asks for.",
    Reason.PRICE_ABOVE_MAX: "Its quote's high exceeds max_usd.",
    Reason.PRICE_UNKNOWN_UNDER_CAP: "Its price is unknown; refused because a limit is set.",
    Reason.BUDGET_SPENT: "Its quote's high exceeds what is left of the budget.",
    Reason.NO_CREDITS: "Its account holds less than the request costs.",
    Reason.COOLING_DOWN: "Its account failed a short while ago and is skipped for now.",
    Reason.BUSY_PASSED_OVER: "It takes no job at the moment, and the wait for a slot is over.",
    Reason.BUSY_TRIED_AGAIN: "It took no job, so nothing was bought; it is tried again later.",
    Reason.FELL_BACK_UNAVAILABLE: "The vendor was unavailable, and nothing was bought.",
    Reason.FELL_BACK_BUSY: "It was at its limit of running jobs, and nothing was bought.",
    Reason.FELL_BACK_RATE_LIMITED: "The vendor's rate limit was reached, and nothing was bought.",
    Reason.FELL_BACK_CREDITS: "Its account cannot pay, and nothing was bought.",
    Reason.FELL_BACK_AUTHENTICATION: "The vendor rejected the key, and nothing was bought.",
    Reason.FELL_BACK_PERMISSION: "The account lacks the permission, and nothing was bought.",
    Reason.FAILED_PAID: "The job failed, and the route allows another paid try.",
    Reason.STOP_MAYBE_BOUGHT: "A submit may have arrived; another one could be paid twice.",
    Reason.STOP_JOB_RUNNING: "An attempt or its job is unfinished, so nothing else is tried.",
    Reason.STOP_WAIT_TIMEOUT: "The deadline passed while the job ran; it may still be billed.",
    Reason.STOP_SUCCEEDED: "The job succeeded.",
    Reason.STOP_RESULT_SAFE: "The result is paid and kept by the vendor; it is not downloaded yet.",
    Reason.STOP_BILLED: "It was charged, or may have been, and no further paid try is allowed.",
    Reason.STOP_CANCELLED: "It was cancelled, so nothing else is tried.",
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
    Reason.FELL_BACK_UNAVAILABLE: "unavailable",
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
