"""The matrix of Runway: no attempt id, no list of tasks, one call for state and result.

Contract and rules are those of `matrix`. Three things differ from the other vendors: what may have
arrived stays uncertain, for nothing can be asked for it; a task that fails says itself whether its
credits are kept; and tasks above the tier's limit wait at the vendor instead of being refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import attrs
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
    owed,
    refused,
    uncertain,
)
from matrix_machine import CUTS, EVENTS, machine_cases_of
from vendors.runway import REFUSALS

from motionkit.errors import (
    AuthenticationError,
    Billed,
    ContentBlocked,
    InsufficientCredits,
    InvalidRequest,
    JobCancelled,
    JobFailed,
    JobNotFound,
    PermissionDenied,
    ProtocolError,
    ProviderUnavailable,
    RateLimited,
    WaitTimeout,
)

RUNWAY = "runway"
_case = partial(case_of, RUNWAY)
LOST = "accept_then_reset:submit"
FEW = ("reset", "http:{phase}:status=503", "truncate:{phase}")
DAYS = 3 * 86400.0
GATEWAY = (
    "http:submit:status=429",
    "http:submit:status=429:retry_after=30",
    "http:submit:status=499",
)
"""Answers that may come from a gateway: they prove nothing."""
AMBIGUOUS = (408, 409, 410, 413, 418, 422, 425, 499, 500, 502, 503, 504, 529)
"""Statuses with which the vendor's own body does not prove that nothing was accepted."""
NO_CREDITS = "You do not have enough credits to run this task."
WORDED: dict[str, Kind] = {
    f"refuse:submit:status=400:message={NO_CREDITS}": InsufficientCredits,
    "refuse:submit:status=400:message=you need ENOUGH CREDITS for this": InsufficientCredits,
    "refuse:submit:status=429:message=You have exceeded the generations of a day": RateLimited,
    "refuse:submit:status=403:message=Model variant act_two is not available.": PermissionDenied,
    "http:submit:status=401": AuthenticationError,
    "http:submit:status=403": PermissionDenied,
    "http:submit:status=404": InvalidRequest,
    "http:submit:status=400": InvalidRequest,
}
NO_ID = ("shape:submit:shape=no_id", "accept_then_http:submit:status=200:body=[]")
"""Accepted, and the answer names no task: nobody can tell which one it is."""
UPLOAD_REFUSALS: dict[str, Kind] = {
    "refuse:upload:status=400": InvalidRequest,
    "refuse:upload:status=401": AuthenticationError,
    "refuse:upload:status=403": PermissionDenied,
}
ODDITIES = (
    "not_found:poll",
    "not_found:poll:seconds=30:times=0",
    "empty_url:poll",
    "empty_url:poll:times=2",
    "shape:poll:shape=no_output",
    "shape:poll:shape=blank_output",
    "shape:poll:shape=two_outputs:times=0",
    "shape:poll:shape=null_progress:times=0",
    "http:poll:status=404",
    "http:poll:status=410",
    "http:poll:status=200:body=[]",
    "http:poll:status=200:body={}",
    'http:poll:status=200:body={"status": null}',
    'http:poll:status=200:body={"status": "SUCCEEDED"}',
    'http:poll:status=200:body={"status": "SUCCEEDED", "output": [null, 7, {}]}',
    'http:poll:status=503:body={"error": "no healthy upstream"}',
)
"""What a wait rides over."""
STRANGE_WORDS = ("SUCCESS", "succeeded", "Failed", "CANCELLING", "RUNNING_2", "null", "PAUSED")
POLL_REFUSALS: dict[str, Kind] = {
    "refuse:poll:status=400": InvalidRequest,
    "refuse:poll:status=401": AuthenticationError,
    "refuse:poll:status=403": PermissionDenied,
}
"""What ends a wait where it comes again, for no code tells it from a gateway's; and no job."""
SHAPE = "shape:submit:shape="
FAILURES: dict[str, tuple[Kind, Billed]] = {
    "fail:submit": (JobFailed, Billed.NO),
    "moderate:submit": (ContentBlocked, Billed.YES),
    f"{SHAPE}safety_input_text": (ContentBlocked, Billed.YES),
    f"{SHAPE}safety_input_new": (ContentBlocked, Billed.YES),
    f"{SHAPE}safety_output": (ContentBlocked, Billed.NO),
    f"{SHAPE}safety_output_kept": (ContentBlocked, Billed.YES),
    f"{SHAPE}safety_prompt": (ContentBlocked, Billed.NO),
    f"{SHAPE}preprocessing": (JobFailed, Billed.NO),
    f"{SHAPE}bad_output": (JobFailed, Billed.NO),
    f"{SHAPE}asset_invalid": (JobFailed, Billed.NO),
    f"{SHAPE}third_party": (JobFailed, Billed.NO),
    f"{SHAPE}internal_kept": (JobFailed, Billed.YES),
    f"{SHAPE}null_code": (JobFailed, Billed.NO),
    f"{SHAPE}no_code": (JobFailed, Billed.NO),
    f"{SHAPE}strange_code": (JobFailed, Billed.NO),
    f"{SHAPE}cancelled": (JobCancelled, Billed.NO),
    f"{SHAPE}canceled": (JobCancelled, Billed.NO),
    f"{SHAPE}cancelled_kept": (JobCancelled, Billed.YES),
}
"""How a task ends, and what its own cost says: moderation may keep the credits or not."""
UNSTATED: dict[str, tuple[Kind, Billed, int]] = {
    "fail:submit": (JobFailed, Billed.NO, 0),
    "moderate:submit": (ContentBlocked, Billed.UNKNOWN, 1),
    f"{SHAPE}safety_output_kept": (ContentBlocked, Billed.UNKNOWN, 1),
    f"{SHAPE}safety_prompt": (ContentBlocked, Billed.UNKNOWN, 0),
    f"{SHAPE}no_code": (JobFailed, Billed.UNKNOWN, 0),
    f"{SHAPE}null_code": (JobFailed, Billed.UNKNOWN, 0),
    f"{SHAPE}strange_code": (JobFailed, Billed.UNKNOWN, 0),
    f"{SHAPE}cancelled": (JobCancelled, Billed.UNKNOWN, 0),
}
"""The same where the body has no cost, as before August 2026: the page's word, or nobody knows."""


def runway_cases() -> Iterator[Case]:
    """Go through every case, in the order of a purchase's life."""
    yield from _plain()
    yield from _free_calls()
    yield from _paid_call()
    yield from _uploads()
    yield from _waiting()
    yield from _endings()
    yield from downloading(RUNWAY)
    yield from _machine()


def _lost(spec: str, jobs: int = 1, **rest: object) -> Case:
    """Return a case whose paid call may have arrived: nothing is asked, nothing is sent again."""
    return _case(spec, uncertain(jobs), **{"again": End.UNCERTAIN, **rest})


def _plain() -> Iterator[Case]:
    yield _case((), delivered(), note="no fault")
    yield _case((), delivered(), note="no fault, media by URL", remote=True)
    yield _case((), refused(AuthenticationError, 0), note="wrong key", wrong_key=True)
    poor = (("balance", "1"),)
    yield _case((), refused(InsufficientCredits), note="poor", account=poor)
    closed = (("denied", ["act_two"]), ("balance", "1000"))
    yield _case((), refused(PermissionDenied), note="model not available", account=closed)
    full = (("concurrency", 1), ("balance", "1000"))
    yield _case((), delivered(), note="throttled", account=full, neighbour="foreign")
    rate = (("rpm", 0), ("balance", "1000"))
    yield _case((), refused(RateLimited, 0), note="too many uploads", account=rate)
    yield _case((), delivered(), note="too many uploads, media by URL", account=rate, remote=True)
    yield _case(
        (), refused(ProviderUnavailable, 0), unreachable=frozenset({1, 2, 3}), note="unreachable"
    )
    yield _case("shape:submit:shape=id_only", delivered())
    yield _case("twin:submit", delivered())
    for neighbour in ("own", "foreign"):
        yield _case((), delivered(), neighbour=neighbour, note=neighbour)


def _free_calls() -> Iterator[Case]:
    """The core's own doing, which other vendors' cases cover: a default run plays a few."""
    for phase in ("upload", "poll", "balance"):
        for spec in HICCUPS:
            yield _case(spec.format(phase=phase), delivered(), soak=not spec.startswith(FEW))
        for spec, error in FOR_GOOD.items():
            fault = f"{spec.format(phase=phase)}:times=0"
            soak = not spec.startswith(FEW)
            if phase == "upload":
                yield _case(fault, refused(error, 0), soak=soak)
            elif phase == "balance":
                yield _case(fault, delivered(), balance=error, soak=soak)
            else:
                yield _case(fault, owed(WaitTimeout), soak=soak)
    for fault, error in UPLOAD_REFUSALS.items():
        yield _case(fault, refused(error, 0))
    for pause in ODD_PAUSES:
        yield _case(f"http:poll:status=429:retry_after={pause}", delivered(), soak=True)
    yield _case("refuse:balance:status=401", delivered(), balance=AuthenticationError)
    yield _case("refuse:balance:status=403:times=0", delivered(), balance=PermissionDenied)


def _paid_call() -> Iterator[Case]:
    for faults, jobs in (((*BEFORE, *GATEWAY), 0), (AFTER, 1)):
        for fault in faults:
            yield _lost(fault, jobs)
            yield _lost(f"{fault}:times=0", jobs, soak=True)
    yield from map(_lost, NO_ID)
    for code, error in REFUSALS.items():
        yield _case(f"refuse:submit:code={code}", refused(error))
        # A second paid call would be a second purchase: the refusal must never even be asked for.
        later = f"refuse:submit:code={code}:after=1:times=0"
        for moment, jobs in (("reset:submit", 0), (LOST, 1)):
            case = _case((moment, later), uncertain(jobs), again=End.UNCERTAIN)
            yield attrs.evolve(case, soak=code != 429)
    for code in AMBIGUOUS:
        yield _lost(f"refuse:submit:code={code}", jobs=0)
    for fault, error in WORDED.items():
        yield _case(fault, refused(error))
    for seconds in (60.0, DAYS):
        yield _lost(LOST, aged=seconds, note=f"{seconds:g} s later")
        yield _lost("reset:submit", jobs=0, aged=seconds, note=f"{seconds:g} s later")
    for neighbour in ("own", "foreign"):
        # An identical task of somebody else is never taken for ours.
        yield _lost(LOST, neighbour=neighbour, note=neighbour)
        yield _lost("reset:submit", jobs=0, neighbour=neighbour, note=neighbour)
    yield _lost(LOST, remote=True, note="media by URL")
    yield _case((LOST, "twin:submit"), uncertain(1), again=End.UNCERTAIN)
    # The numbers before the paid call are evidence, and nothing that it waits for.
    for usage, error in (
        ("http:balance:status=500:times=0", ProviderUnavailable),
        ("http:balance:status=200:body=[]:times=0", ProtocolError),
    ):
        yield _case((LOST, usage), uncertain(1), again=End.UNCERTAIN, balance=error)


def _uploads() -> Iterator[Case]:
    stale = "shape:submit:shape=expired_upload"
    yield _case(stale, delivered(submits=2))
    yield _case((stale, "accept_then_reset:submit:after=1"), uncertain(1, 2), again=End.UNCERTAIN)
    yield _case((stale, "reset:submit:after=1"), uncertain(0, 2), again=End.UNCERTAIN)


def _waiting() -> Iterator[Case]:
    for fault in ODDITIES:
        yield _case(fault, delivered())
    for word in STRANGE_WORDS:
        fault = f"unknown_word:poll:word={word}"
        yield _case(fault, delivered())
        yield _case(f"{fault}:times=0", owed(WaitTimeout), soak=word != "succeeded")
    for fault, error in POLL_REFUSALS.items():
        yield _case(fault, delivered())
        yield _case(f"{fault}:times=0", owed(error))
    never = owed(ProtocolError, billed=Billed.YES)
    yield _case("empty_url:poll:times=0", never)
    yield _case("shape:poll:shape=blank_output:times=0", never)
    yield _case("not_found:poll:times=0", owed(JobNotFound))
    yield _case("expire:poll", owed(JobNotFound), again=End.OPEN)
    yield _case("stuck:submit", owed(WaitTimeout), again=End.OPEN)


def _endings() -> Iterator[Case]:
    for fate, (error, billed) in FAILURES.items():
        kept = int(billed is Billed.YES)
        yield _case(fate, ended(error, billed, charges=kept))
        lost = attrs.evolve(uncertain(1), charges=kept)
        yield _case((LOST, fate), lost, again=End.UNCERTAIN, soak="moderate" not in fate)
        later = ended(error, billed, charges=kept)
        yield _case(fate, later, idle=DAYS, note="days later", soak="fail" not in fate)
    for fate, (error, billed, charges) in UNSTATED.items():
        silent = "shape:poll:shape=no_costs:times=0"
        yield _case((fate, silent), ended(error, billed, charges=charges))
    yield _case("shape:poll:shape=no_costs:times=0", delivered())
    # The addresses of a film end after a day; each poll has fresh ones.
    yield _case((), delivered(), idle=DAYS, note="days later")
    yield _case(("not_found:poll", "http:poll:status=503"), delivered(), idle=DAYS, note="days")


def _machine() -> Iterator[Case]:
    """What befalls the machine: what may have arrived stays uncertain, whatever the clock says."""
    for case in machine_cases_of(RUNWAY):
        if LOST not in case.faults:
            yield case
    for seconds in CUTS:
        note = f"network cut for {seconds:g} s"
        yield _lost(LOST, outage=seconds, note=note, soak=seconds != 10.0)
        yield _lost("reset:submit", jobs=0, outage=seconds, note=note, soak=seconds != 10.0)
    for event in EVENTS:
        yield _lost(LOST, event=event, note=event, soak=event != "suspended")


CASES = tuple(runway_cases())
