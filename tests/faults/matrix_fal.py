"""The matrix of fal's queue: no idempotency key, a history with payloads, a result that decides.

Contract and rules are those of `matrix`. Three things differ from the other vendors: a rejected
input ends the job and not the submit, a finished job may have failed, and HTTP 429 without a body
is a gateway's and refuses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from matrix import (
    AFTER,
    BEFORE,
    FOR_GOOD,
    HICCUPS,
    ODD_PAUSES,
    Case,
    End,
    Kind,
    case_of,
    delivered,
    downloading,
    ended,
    is_slow,
    owed,
    refused,
    uncertain,
)
from matrix_machine import machine_cases_of
from vendors.fal import REFUSALS

from motionkit.errors import (
    AuthenticationError,
    Billed,
    ContentBlocked,
    InsufficientCredits,
    InvalidRequest,
    JobFailed,
    JobGone,
    JobNotFound,
    PermissionDenied,
    ProtocolError,
    ProviderUnavailable,
    RateLimited,
    WaitTimeout,
)

FAL = "fal"
_case = partial(case_of, FAL)
LOST = "accept_then_reset:submit"
GATEWAY = (
    "http:submit:status=429",
    "http:submit:status=429:retry_after=30",
    "http:submit:status=499",
)
"""Answers that may come from a gateway: they prove nothing."""
AMBIGUOUS = (402, 408, 409, 410, 413, 418, 425, 499, 500, 502, 503, 504, 529)
"""Statuses with which the vendor's own body does not prove that nothing was accepted."""
LOCKED = "refuse:submit:status=403:message=User is locked. Reason: {}"
WORDED: dict[str, Kind] = {
    LOCKED.format("Exhausted balance. Top up your balance."): InsufficientCredits,
    LOCKED.format("User budget exceeded"): InsufficientCredits,
    LOCKED.format("Add a payment method"): InsufficientCredits,
    LOCKED.format("Admin lock"): PermissionDenied,
    "http:submit:status=401": AuthenticationError,
    "http:submit:status=403": PermissionDenied,
    "http:submit:status=404": InvalidRequest,
    "http:submit:status=422": InvalidRequest,
}
UPLOAD_REFUSALS: dict[str, Kind] = {
    "refuse:upload:status=400": InvalidRequest,
    "refuse:upload:status=401": AuthenticationError,
    "refuse:upload:status=403": PermissionDenied,
    "refuse:upload:status=403:message=User is locked. Reason: Exhausted balance": (
        InsufficientCredits
    ),
}
ODDITIES = (
    "not_found:poll",
    "not_found:result",
    "not_found:poll:seconds=30:times=0",
    "empty_url:result",
    "empty_url:result:times=2",
    "shape:result:shape=absent",
    "shape:result:shape=list:times=0",
    "shape:result:shape=bare_file:times=0",
    "shape:result:shape=no_units:times=0",
    "http:result:status=404",
    "http:result:status=422",
    "http:result:status=200:body=[]",
    'http:result:status=400:body={"detail": "Request is still in progress"}',
    'http:result:status=500:body={"detail": "Internal error", "error_type": "internal_error"}',
    'http:result:status=503:body={"detail": "no healthy upstream"}',
    'http:poll:status=200:body={"status": null}',
    "http:list:status=500:times=0",
    "http:list:status=200:body={}:times=0",
)
"""What a wait rides over."""
STRANGE_WORDS = ("FAILED", "CANCELED", "completed", "ERROR", "IN_PROGRESS_2", "null")
POLL_REFUSALS: dict[str, Kind] = {
    "refuse:poll:status=400": InvalidRequest,
    "refuse:poll:status=401": AuthenticationError,
    "refuse:poll:status=403": PermissionDenied,
    "refuse:result:status=401": AuthenticationError,
    "refuse:result:status=403": PermissionDenied,
}
"""What ends a wait and no job."""
FAILURES: dict[str, tuple[Kind, Billed]] = {
    "fail:submit": (JobFailed, Billed.NO),
    "moderate:submit": (ContentBlocked, Billed.UNKNOWN),
    "shape:submit:shape=fail_list": (JobFailed, Billed.UNKNOWN),
    "shape:submit:shape=fail_text": (JobFailed, Billed.UNKNOWN),
    "shape:submit:shape=fail_empty": (JobFailed, Billed.NO),
}
SILENT = (
    "history_lag:history:seconds=100000",
    *(f"{fault.format(phase='history')}:times=0" for fault in HICCUPS),
    *(f"refuse:history:status={code}:times=0" for code in (400, 401, 403, 404, 422, 429)),
    "http:history:status=200:body={}:times=0",
    'http:history:status=200:body={"items": null}:times=0',
    'http:history:status=200:body={"items": [null, 7, {}], "has_more": true}:times=0',
)
HOURS = 7200.0
MONTH = 31 * 86400.0


def fal_cases() -> Iterator[Case]:
    """Go through every case, in the order of a purchase's life."""
    yield from _plain()
    yield from _free_calls()
    yield from _paid_call()
    yield from _history()
    yield from _waiting()
    yield from _endings()
    yield from downloading(FAL)
    yield from machine_cases_of(FAL)


def _plain() -> Iterator[Case]:
    yield _case((), delivered(), note="no fault")
    yield _case((), delivered(), note="no fault, media by URL", remote=True)
    yield _case((), refused(AuthenticationError, 0), note="wrong key", wrong_key=True)
    poor = (("balance", "0.01"),)
    yield _case((), refused(InsufficientCredits), note="poor", account=poor)
    yield _case(
        (), refused(RateLimited), note="too many calls", account=(("rpm", 0), ("balance", "50"))
    )
    scope = (("denied", ["admin"]), ("balance", "50"))
    yield _case((), delivered(), note="a key without the scope ADMIN", account=scope)
    yield _case(
        (), refused(ProviderUnavailable, 0), unreachable=frozenset({1, 2, 3}), note="unreachable"
    )
    yield _case("foreign_status_url:submit", delivered())
    yield _case("foreign_status_url:poll:times=0", delivered())
    yield _case("shape:submit:shape=id_only", delivered())
    yield _case("shape:submit:shape=no_id", delivered())


def _free_calls() -> Iterator[Case]:
    for phase in ("upload", "poll", "result", "balance"):
        for spec in HICCUPS:
            rare = is_slow(spec) or spec.startswith(("close", "redirect"))
            late = phase in {"result", "balance"} and rare
            yield _case(spec.format(phase=phase), delivered(), soak=late)
        for spec, error in FOR_GOOD.items():
            fault = f"{spec.format(phase=phase)}:times=0"
            soak = is_slow(spec) or phase == "result" or (phase == "balance" and "http" not in spec)
            if phase == "upload":
                yield _case(fault, refused(error, 0), soak=soak)
            elif phase == "balance":
                yield _case(fault, delivered(), balance=error, soak=soak)
            else:
                yield _case(fault, owed(WaitTimeout), soak=soak)
    for fault, error in UPLOAD_REFUSALS.items():
        yield _case(fault, refused(error, 0))
        yield _case(f"{fault}:after=1", refused(error, 0), soak=True)
    for pause in ODD_PAUSES:
        yield _case(f"http:poll:status=429:retry_after={pause}", delivered())
    yield _case("refuse:balance:status=401", delivered(), balance=AuthenticationError)


def _paid_call() -> Iterator[Case]:
    for fault in (*BEFORE, *GATEWAY):
        yield _case(fault, uncertain(jobs=0))
        yield _case(f"{fault}:times=0", uncertain(jobs=0), soak=True)
    for fault in AFTER:
        yield _case(fault, delivered())
        yield _case(f"{fault}:times=0", delivered(), soak=True)
    for code, error in REFUSALS.items():
        yield _case(f"refuse:submit:code={code}", refused(error))
        # A second paid call would be a second purchase: the refusal must never even be asked for.
        later = f"refuse:submit:code={code}:after=1:times=0"
        soak = code != 429
        yield _case(("reset:submit", later), uncertain(jobs=0), soak=soak)
        yield _case((LOST, later), delivered(), soak=soak)
    for code in AMBIGUOUS:
        yield _case(f"refuse:submit:code={code}", uncertain(jobs=0))
    for fault, error in WORDED.items():
        yield _case(fault, refused(error))


def _history() -> Iterator[Case]:
    for spec in (*HICCUPS, "history_lag:{phase}:seconds=20", "history_lag:{phase}:seconds=50"):
        yield _case((LOST, spec.format(phase="history")), delivered(), soak=is_slow(spec))
    for spec in SILENT:
        yield _case((LOST, spec), uncertain(jobs=1), again=End.DELIVERED, soak=is_slow(spec))
        yield _case(("reset:submit", spec), uncertain(jobs=0), soak=True)
    lag = "history_lag:history:seconds=600"
    yield _case((LOST, lag), uncertain(1), aged=700.0, again=End.DELIVERED, note="shown later")
    yield _case((LOST, "twin:submit"), uncertain(jobs=1), again=End.UNCERTAIN)
    yield _case("twin:submit", delivered())
    yield _case(LOST, uncertain(1), remote=True, again=End.UNCERTAIN, note="media by URL")
    for neighbour in ("own", "foreign"):
        # The picture is uploaded afresh, so a neighbour's identical job is told apart ...
        yield _case("reset:submit", uncertain(0), neighbour=neighbour, note=neighbour)
        yield _case(LOST, delivered(), neighbour=neighbour, note=neighbour)
        # ... but media given as URLs have nothing in them that is ours alone.
        note = f"{neighbour}, media by URL"
        yield _case("reset:submit", uncertain(0), neighbour=neighbour, remote=True, note=note)


def _waiting() -> Iterator[Case]:
    for fault in ODDITIES:
        yield _case(fault, delivered())
    for word in STRANGE_WORDS:
        fault = f"unknown_word:poll:word={word}"
        yield _case(fault, delivered())
        yield _case(f"{fault}:times=0", owed(WaitTimeout), soak=word not in {"FAILED", "completed"})
    for fault, error in POLL_REFUSALS.items():
        yield _case(fault, owed(error))
    never = owed(ProtocolError, billed=Billed.YES)
    yield _case("empty_url:result:times=0", never)
    yield _case("shape:result:shape=absent:times=0", never)
    yield _case("not_found:poll:times=0", owed(JobNotFound))
    yield _case("stuck:submit", owed(WaitTimeout, charges=0), again=End.OPEN)


def _endings() -> Iterator[Case]:
    for fate, (error, billed) in FAILURES.items():
        never = ended(error, billed, charges=0)
        yield _case(fate, never)
        yield _case((LOST, fate), never)
        yield _case(fate, never, idle=HOURS, note="two hours later", soak="empty" in fate)
    # The queue forgets after an hour; the history does not for a month.
    yield _case((), delivered(), idle=HOURS, note="two hours later")
    yield _case("expire:poll", delivered(), idle=HOURS, note="two hours later")
    yield _case("http:history:status=503:times=2", delivered(), idle=HOURS, note="two hours later")
    missing = "refuse:history:status=404:times=0"
    yield _case(missing, owed(JobNotFound), idle=HOURS, again=End.DELIVERED, note="two hours later")
    gone = ended(JobGone, Billed.UNKNOWN, charges=1)
    yield _case(missing, gone, idle=MONTH, again=End.OPEN, note="a month later")
    yield _case("expire:poll", owed(JobNotFound), again=End.OPEN)


CASES = tuple(fal_cases())
