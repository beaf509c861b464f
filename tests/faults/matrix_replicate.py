"""The matrix of Replicate: no idempotency key, a list with inputs, data that lives for an hour.

Contract and rules are those of `matrix`. Four things differ from the other vendors: an input is
checked at submit and media in the run, one call answers status and result, a cancelled job may have
been paid, and after an hour a success has no film any more. HTTP 429 without a body is a gateway's
and refuses nothing.
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
    is_slow,
    owed,
    refused,
    uncertain,
)
from matrix_machine import machine_cases_of
from vendors.replicate import REFUSALS

from motionkit.errors import (
    AuthenticationError,
    Billed,
    ContentBlocked,
    InsufficientCredits,
    InvalidRequest,
    JobFailed,
    JobGone,
    JobNotFound,
    MediaRejected,
    PermissionDenied,
    ProtocolError,
    ProviderUnavailable,
    RateLimited,
    WaitTimeout,
)

REPLICATE = "replicate"
_case = partial(case_of, REPLICATE)
LOST = "accept_then_reset:submit"
GATEWAY = (
    "http:submit:status=429",
    "http:submit:status=429:retry_after=30",
    "http:submit:status=499",
)
"""Answers that may come from a gateway: they prove nothing."""
AMBIGUOUS = (408, 409, 410, 418, 425, 499, 500, 502, 503, 504, 529)
"""Statuses with which the vendor's own body does not prove that nothing was accepted."""
THROTTLED = 'http:submit:status=429:body={"detail": "Request was throttled. %s", "status": 429%s}'
WORDED: dict[str, Kind] = {
    "refuse:submit:status=402:message=You need to set up billing to run this model": (
        InsufficientCredits
    ),
    THROTTLED % ("Your rate limit resets in ~30s.", ""): RateLimited,
    THROTTLED % ("", ', "retry_after": 7'): RateLimited,
    THROTTLED % ("", ', "retry_after": "soon"'): RateLimited,
    THROTTLED % ("It is reduced while you have less than $5.0 in credit.", ""): RateLimited,
    'http:submit:status=404:body={"detail": "Not found"}': InvalidRequest,
    "http:submit:status=401": AuthenticationError,
    "http:submit:status=402": InsufficientCredits,
    "http:submit:status=403": PermissionDenied,
    "http:submit:status=404": InvalidRequest,
    "http:submit:status=422": InvalidRequest,
}
UPLOAD_REFUSALS: dict[str, Kind] = {
    "refuse:upload:status=400": InvalidRequest,
    "refuse:upload:status=401": AuthenticationError,
    "refuse:upload:status=402": InsufficientCredits,
    "refuse:upload:status=403": PermissionDenied,
    "refuse:upload:status=413": MediaRejected,
    "refuse:upload:status=422": InvalidRequest,
}
ODDITIES = (
    "not_found:poll",
    "not_found:result",
    "not_found:poll:seconds=30:times=0",
    "empty_url:result",
    "empty_url:result:times=2",
    "shape:result:shape=absent",
    "shape:result:shape=list:times=0",
    "shape:result:shape=object:times=0",
    "shape:result:shape=no_metrics:times=0",
    "shape:result:shape=strange_metrics:times=0",
    "foreign_status_url:poll:times=0",
    "http:result:status=404",
    "http:result:status=200:body=[]",
    "http:result:status=200:body={}",
    'http:result:status=500:body={"detail": "Internal server error", "status": 500}',
    'http:poll:status=200:body={"status": null}',
    'http:poll:status=200:body={"status": "succeeded"}',
    'http:poll:status=200:body={"status": "succeeded", "output": []}',
    'http:poll:status=200:body={"status": "succeeded", "output": 7, "metrics": 7}',
    'http:poll:status=429:body={"detail": "Your rate limit resets in ~99999s."}',
)
"""What a wait rides over."""
STRANGE_WORDS = ("queued", "cancelled", "SUCCEEDED", "error", "completed", "processing2", "null")
POLL_REFUSALS: dict[str, Kind] = {
    "refuse:poll:status=400": InvalidRequest,
    "refuse:poll:status=401": AuthenticationError,
    "refuse:poll:status=402": InsufficientCredits,
    "refuse:poll:status=403": PermissionDenied,
    "refuse:poll:status=422": InvalidRequest,
    "refuse:result:status=401": AuthenticationError,
    "refuse:result:status=403": PermissionDenied,
}
"""What ends a wait and no job."""
FAILURES: dict[str, tuple[Kind, Billed]] = {
    "fail:submit": (JobFailed, Billed.UNKNOWN),
    "fail:submit:message=The image was flagged as sensitive": (ContentBlocked, Billed.UNKNOWN),
    "moderate:submit": (ContentBlocked, Billed.UNKNOWN),
    "shape:submit:shape=fail_director": (JobFailed, Billed.UNKNOWN),
    "shape:submit:shape=fail_interrupted": (JobFailed, Billed.UNKNOWN),
    "shape:submit:shape=fail_memory": (JobFailed, Billed.UNKNOWN),
    "shape:submit:shape=fail_starting": (JobFailed, Billed.UNKNOWN),
    "shape:submit:shape=fail_unknown_code": (JobFailed, Billed.UNKNOWN),
    "shape:submit:shape=end_aborted": (JobFailed, Billed.NO),
}
"""What ends a job without a charge: what the vendor says of that, and does not."""
SILENT = (
    "history_lag:history:seconds=100000",
    *(f"{fault.format(phase='history')}:times=0" for fault in HICCUPS),
    *(f"refuse:history:status={code}:times=0" for code in (400, 401, 403, 404, 422, 429)),
    "shape:history:shape=no_input:times=0",
    "shape:history:shape=web:times=0",
    "http:history:status=200:body={}:times=0",
    'http:history:status=200:body={"results": null}:times=0',
    'http:history:status=200:body={"results": [null, 7, {}], "next": null}:times=0',
    'http:history:status=200:body={"results": [], "next": "http://127.0.0.1:9/v1"}:times=0',
)
"""What keeps a lost submit out of the list."""
HOURS = 7200.0
PAUSE = 7
"""Seconds that the sandbox's 429 asks for."""


def replicate_cases() -> Iterator[Case]:
    """Go through every case, in the order of a purchase's life."""
    yield from _plain()
    yield from _free_calls()
    yield from _paid_call()
    yield from _history()
    yield from _waiting()
    yield from _endings()
    yield from downloading(REPLICATE)
    yield from _machine()


def _plain() -> Iterator[Case]:
    yield _case((), delivered(), note="no fault")
    yield _case((), delivered(), note="no fault, media by URL", remote=True)
    yield _case((), refused(AuthenticationError, 0), note="wrong key", wrong_key=True)
    poor = (("balance", "0.01"),)
    yield _case((), refused(InsufficientCredits), note="poor", account=poor)
    low = (("balance", "3"),)
    yield _case((), delivered(), note="little credit", account=low)
    yield _case(
        (), refused(RateLimited), note="too many calls", account=(("rpm", 0), ("balance", "50"))
    )
    unbilled = (("denied", ["billing"]), ("balance", "50"))
    yield _case((), refused(InsufficientCredits), note="no billing", account=unbilled)
    denied = (("denied", ["wan-video/wan-2.2-animate-replace"]), ("balance", "50"))
    yield _case((), refused(PermissionDenied), note="model denied", account=denied)
    yield _case(
        (), refused(ProviderUnavailable, 0), unreachable=frozenset({1, 2, 3}), note="unreachable"
    )
    yield _case("foreign_status_url:submit", delivered())
    for shape in ("id_only", "no_urls"):
        yield _case(f"shape:submit:shape={shape}", delivered())
    yield _case("shape:submit:shape=no_id", delivered())


def _free_calls() -> Iterator[Case]:
    for phase in ("upload", "poll", "result"):
        for spec in HICCUPS:
            rare = is_slow(spec) or spec.startswith(("close", "redirect"))
            yield _case(spec.format(phase=phase), delivered(), soak=phase == "result" or rare)
        for spec, error in FOR_GOOD.items():
            fault = f"{spec.format(phase=phase)}:times=0"
            soak = phase == "result" or not spec.startswith(("reset", "http", "truncate"))
            if phase == "upload":
                yield _case(fault, refused(error, 0), soak=soak)
            else:
                yield _case(fault, owed(WaitTimeout), soak=soak)
    for fault, error in UPLOAD_REFUSALS.items():
        yield _case(fault, refused(error, 0))
        yield _case(f"{fault}:after=1", refused(error, 0), soak=True)
    for pause in ODD_PAUSES:
        soak = not pause.isdecimal()
        yield _case(f"http:poll:status=429:retry_after={pause}", delivered(), soak=soak)


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
        soak = code not in {402, 429}
        yield _case(("reset:submit", later), uncertain(jobs=0), soak=soak)
        yield _case((LOST, later), delivered(), soak=soak)
    for code in AMBIGUOUS:
        yield _case(f"refuse:submit:code={code}", uncertain(jobs=0))
    for fault, error in WORDED.items():
        yield _case(fault, refused(error))


def _history() -> Iterator[Case]:
    for spec in (*HICCUPS, "history_lag:{phase}:seconds=20", "history_lag:{phase}:seconds=50"):
        soak = is_slow(spec) or spec.startswith(("close", "redirect", "html"))
        yield _case((LOST, spec.format(phase="history")), delivered(), soak=soak)
    yield _case((LOST, "shape:history:shape=no_next:times=0"), delivered())
    for spec in SILENT:
        soak = is_slow(spec) or spec.startswith(("close", "redirect", "html", "truncate"))
        yield _case((LOST, spec), uncertain(jobs=1), again=End.DELIVERED, soak=soak)
        yield _case(("reset:submit", spec), uncertain(jobs=0), soak=True)
    lag = "history_lag:history:seconds=600"
    yield _case((LOST, lag), uncertain(1), aged=700.0, again=End.DELIVERED, note="shown later")
    # An hour later the list has its row, but no input: a candidate, and no proof.
    for silence in (lag, "refuse:history:status=403:times=0"):
        late = uncertain(1)
        yield _case((LOST, silence), late, aged=HOURS, again=End.UNCERTAIN, note="two hours later")
    yield _case((LOST, "twin:submit"), uncertain(jobs=1), again=End.UNCERTAIN)
    yield _case("twin:submit", delivered())
    # What somebody made on the website is never ours.
    yield _case((LOST, "shape:submit:shape=web_twin"), delivered())
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
        yield _case(f"{fault}:times=0", owed(WaitTimeout), soak=word not in {"queued", "error"})
    for fault, error in POLL_REFUSALS.items():
        yield _case(fault, owed(error))
    never = owed(ProtocolError, billed=Billed.YES)
    yield _case("empty_url:result:times=0", never)
    yield _case("shape:result:shape=absent:times=0", never)
    yield _case("not_found:poll:times=0", owed(JobNotFound))
    for fault in ("stuck:submit", "shape:submit:shape=cold"):
        yield _case(fault, owed(WaitTimeout, charges=0), again=End.OPEN)


def _endings() -> Iterator[Case]:
    for fate, (error, billed) in FAILURES.items():
        never = ended(error, billed, charges=0)
        yield _case(fate, never)
        yield _case((LOST, fate), never, soak="director" not in fate)
        yield _case(fate, never, idle=HOURS, note="two hours later", soak="fail_" in fate)
    # A deadline of the vendor's own while the job ran: nothing was made, and it is charged.
    canceled = ended(JobFailed, Billed.YES, charges=1)
    yield _case("shape:submit:shape=end_canceled", canceled)
    yield _case((LOST, "shape:submit:shape=end_canceled"), canceled)
    yield _case("shape:submit:shape=end_canceled", canceled, idle=HOURS, note="two hours later")
    # The paid film is gone: before the first look at it, or because nobody looked for an hour.
    gone = ended(JobGone, Billed.YES, charges=1)
    yield _case("expire:poll", gone)
    yield _case((LOST, "expire:poll"), gone)
    yield _case((), gone, idle=HOURS, note="two hours later")
    yield _case("http:poll:status=503:times=2", gone, idle=HOURS, note="two hours later")
    yield _case((), delivered(), idle=1500.0, note="25 minutes later")


def _machine() -> Iterator[Case]:
    """The pause that this vendor asks for is short, so that more calls fit into a wait."""
    for case in machine_cases_of(REPLICATE):
        expected = case.expected
        if "not waited out" in case.name:
            expected = attrs.evolve(expected, submits=(2, int(case.slot) // PAUSE + 1))
        yield attrs.evolve(case, expected=expected)


CASES = tuple(replicate_cases())
