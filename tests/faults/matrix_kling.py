"""The matrix of Kling: the attempt id is the task's own id at the vendor, which takes it once.

Contract and rules are those of `matrix`. Four things differ from the other vendors. A lost submit
is looked for by its attempt id for two minutes, and then sent once more under that id, to which
"already exists" is good news. HTTP 429 is money, an account or an address as often as it is speed.
One code, 1201, means five things. Clips have to be at an address; the media here are.
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
from vendors.kling import REFUSALS

from motionkit.errors import (
    AuthenticationError,
    Billed,
    Busy,
    ContentBlocked,
    DownloadFailed,
    InsufficientCredits,
    InvalidRequest,
    JobFailed,
    JobNotFound,
    JournalError,
    PermissionDenied,
    ProtocolError,
    ProviderUnavailable,
    RateLimited,
    WaitTimeout,
)

KLING = "kling"
_case = partial(case_of, KLING)
LOST, CUT = "accept_then_reset:submit", "reset:submit"
AMBIGUOUS = (5000, 5001, 5002, 9999, 1299, 42)
"""Codes with which the vendor does not say that nothing was made, or says what nobody knows."""
GATEWAY = ("http:submit:status=429", "http:submit:status=429:retry_after=30")
"""Answers without the vendor's envelope: they may come from a gateway, and prove nothing."""
WORDED: dict[str, Kind] = {
    "refuse:submit:code=1201:message=voice not found, 17": InvalidRequest,
    "refuse:submit:code=1201:message=element not found, 17": InvalidRequest,
    "refuse:submit:code=1201:message=Task not found by id/external id, 17": InvalidRequest,
    "refuse:submit:code=1102:message=Account balance not enough": InsufficientCredits,
    "refuse:submit:code=1303:status=200": Busy,
    "refuse:submit:code=1302:status=400": RateLimited,
    "refuse:submit:code=1102:status=200": InsufficientCredits,
    "refuse:submit:code=1304:status=403": PermissionDenied,
    "refuse:submit:code=1002:message=The token was expected to have 3 parts, but got 0.": (
        AuthenticationError
    ),
    "http:submit:status=401": AuthenticationError,
    "http:submit:status=403": PermissionDenied,
}
ARRIVED = "refuse:submit:code=1201:message=External_task_id x already exists"
"""A refusal that proves that a send has arrived; here it is a lie, and no task is ever shown."""
SUBMIT_SHAPES = ("text_code", "number_ids", "no_times", "no_status", "no_external", "no_billing")
"""Outlines of an accepted submit's answer with which it is understood."""
LOST_SHAPES = ("coded", "coded_empty", "no_data", "null_data", "no_code", "no_id", "list")
"""Outlines that tell no task, or deny it: the task is found by its attempt id."""
FINISHED = (
    *("text_code", "number_ids", "no_times", "no_external", "no_duration"),
    *("image_first", "stranger"),
)
"""Outlines of a finished task's answer with which it is delivered."""
ODDITIES = (
    *(f"shape:poll:shape={shape}" for shape in ("coded", "no_data", "null_data", "no_code")),
    *(f"shape:poll:shape={shape}" for shape in ("no_id", "no_status", "no_outputs", "list")),
    "shape:poll:shape=null_outputs:times=2",
    "not_found:poll",
    "not_found:poll:seconds=30:times=0",
    "empty_url:poll",
    "empty_url:poll:times=2",
    *(f"refuse:poll:code={code}" for code in (5000, 5001, 5002, 1302, 9999)),
    'http:poll:status=200:body={"code": 0, "data": []}',
    'http:poll:status=200:body={"code": 0, "data": [null, 7, {}]}',
    'http:poll:status=200:body={"code": null}',
)
"""What a wait rides over."""
STRANGE_WORDS = (
    *("succeed_2", "SUCCEEDED", "Failed", "cancelled", "deleted", "partial", "null", "expired"),
    *("submitted_2", "paused"),
)
POLL_REFUSALS: dict[str, Kind] = {
    "refuse:poll:code=1000": AuthenticationError,
    "refuse:poll:code=1002": AuthenticationError,
    "refuse:poll:code=1100": PermissionDenied,
    "refuse:poll:code=1103": PermissionDenied,
    "refuse:poll:code=1304": PermissionDenied,
    "refuse:poll:code=1201:message=task_ids value 'x' is invalid": InvalidRequest,
}
"""What ends a wait and no job."""
FAILURES: dict[str, tuple[Kind, Billed]] = {
    "fail:submit": (JobFailed, Billed.UNKNOWN),
    "fail:submit:message=The resolution or aspect ratio of the input image is invalid.": (
        JobFailed,
        Billed.UNKNOWN,
    ),
    "moderate:submit": (ContentBlocked, Billed.UNKNOWN),
    "moderate:submit:message=triggering the content risk control of the platform": (
        ContentBlocked,
        Billed.UNKNOWN,
    ),
}
SILENT = (
    "history_lag:history:seconds=100000",
    *(f"{fault.format(phase='history')}:times=0" for fault in HICCUPS),
    *(f"refuse:history:code={code}:times=0" for code in (1002, 1100, 1103, 1201, 1302, 5000)),
    "http:history:status=200:body={}:times=0",
    'http:history:status=200:body={"code": 0, "data": null}:times=0',
    'http:history:status=200:body={"code": 0, "data": [null, 7, {}]}:times=0',
    "shape:history:shape=no_external:times=0",
)
"""With these the vendor does not show a lost task."""
CUTS = (1.0, 10.0, 60.0, 110.0)
BEYOND = 130.0
EVENTS = ("set back", "set forward", "suspended", "restarted")
PASSING: dict[str, Kind] = {
    "refuse:submit:code=1303": Busy,
    "refuse:submit:code=1302": RateLimited,
}
DAY, MONTH = 86400.0, 31 * 86400.0


def kling_cases() -> Iterator[Case]:
    """Go through every case, in the order of a purchase's life."""
    yield from _plain()
    yield from _free_calls()
    yield from _paid_call()
    yield from _second_send()
    yield from _found()
    yield from _waiting()
    yield from _endings()
    yield from downloading(KLING)
    yield from _machine()
    yield from _pairs()


def _plain() -> Iterator[Case]:
    yield _case((), delivered(), note="no fault")
    yield _case((), refused(AuthenticationError), note="wrong key", wrong_key=True)
    poor = (("balance", "4.4"),)
    yield _case((), refused(InsufficientCredits), note="poor", account=poor)
    for note, fields, error in (
        ("every slot taken", (("concurrency", 0),), Busy),
        ("too many calls", (("rpm", 0),), RateLimited),
        ("model denied", (("denied", ["motion-control/kling-3.0"]),), PermissionDenied),
        ("an abnormal account", (("denied", ["account"]),), PermissionDenied),
        ("an address that is not in the list", (("denied", ["ip"]),), PermissionDenied),
    ):
        yield _case((), refused(error), note=note, account=(*fields, ("balance", "50")))
    yield _case(
        (), refused(ProviderUnavailable, 0), unreachable=frozenset({1, 2, 3}), note="unreachable"
    )
    for neighbour in ("own", "foreign"):
        yield _case((), delivered(), neighbour=neighbour, note=neighbour)
    for shape in SUBMIT_SHAPES:
        yield _case(f"shape:submit:shape={shape}", delivered())


def _free_calls() -> Iterator[Case]:
    for phase in ("poll", "result", "balance"):
        for spec in HICCUPS:
            rare = is_slow(spec) or "=50" in spec or spec.startswith(("close", "redirect"))
            late = phase == "result" or (phase == "balance" and rare)  # one endpoint answers both
            yield _case(spec.format(phase=phase), delivered(), soak=late)
        for spec, error in FOR_GOOD.items():
            fault = f"{spec.format(phase=phase)}:times=0"
            soak = is_slow(spec) or phase == "result" or (phase == "balance" and "http" not in spec)
            if phase == "balance":
                yield _case(fault, delivered(), balance=error, soak=soak)
            else:
                yield _case(fault, owed(WaitTimeout), soak=soak)
    for pause in ODD_PAUSES:
        yield _case(f"http:poll:status=429:retry_after={pause}", delivered())
    for code in (1002, 1004):
        fault = f"refuse:balance:code={code}:times=0"
        yield _case(fault, delivered(), balance=AuthenticationError)


def _paid_call() -> Iterator[Case]:
    """One task per key, and two paid calls at most, whatever is lost and how often."""
    for fault in (*BEFORE, *GATEWAY):
        yield _case(fault, delivered(2))
        yield _case(f"{fault}:times=0", uncertain(jobs=0, submits=2), soak=is_slow(fault))
    for fault in AFTER:
        yield _case(fault, delivered())
        yield _case(f"{fault}:times=0", delivered(), soak=is_slow(fault))
    for shape in LOST_SHAPES:
        yield _case(f"shape:submit:shape={shape}", delivered())
    for code, error in REFUSALS.items():
        yield _case(f"refuse:submit:code={code}", refused(error))
    for fault, error in WORDED.items():
        yield _case(fault, refused(error))
    for code in AMBIGUOUS:
        yield _case(f"refuse:submit:code={code}", delivered(2))
        yield _case(f"refuse:submit:code={code}:times=0", uncertain(jobs=0, submits=2))


def _second_send() -> Iterator[Case]:
    """A refusal of the second send proves nothing of the first one, except "already exists"."""
    for code in (*REFUSALS, *AMBIGUOUS):
        refusal = f"refuse:submit:code={code}:times=0"
        soak = code not in {1002, 1102, 1201, 1301, 1302, 1303, 5000}
        yield _case((CUT, refusal), uncertain(jobs=0, submits=2), soak=soak)
        # The task is shown after the second send only, which is refused.
        late = "history_lag:history:seconds=140"
        answer = f"dedupe:submit:mode=error:code={code}"
        yield _case((LOST, late, answer), delivered(2), soak=soak, note="shown late")
        hidden = "history_lag:history:seconds=100000"
        kept = uncertain(jobs=1, submits=2)
        yield _case((LOST, hidden, answer), kept, again=End.DELIVERED, soak=soak, note="not shown")
    yield _case((LOST, "history_lag:history:seconds=140"), delivered(2))
    hidden = "history_lag:history:seconds=100000"
    yield _case((LOST, hidden), uncertain(1, 2), again=End.DELIVERED, note="exists, and not shown")
    yield _case((LOST, hidden, "dedupe:submit:mode=replay"), delivered(2))
    yield _case((CUT, ARRIVED), uncertain(0, 2), note="which is a lie")
    yield _case((ARRIVED,), delivered(2), note="which is a lie, on a first send")
    broken = attrs.evolve(delivered(2), jobs=2, charges=2)
    mode = "dedupe:submit:mode=new"
    yield _case((LOST, hidden, mode), broken, broken_promise=True, note="a broken promise")
    for moment, jobs in ((CUT, 0), (LOST, 1)):
        for aged in (130.0, 4000.0):
            yield _case(
                (f"{moment}:times=0", hidden),
                uncertain(jobs, 2),
                aged=aged,
                again=End.DELIVERED if jobs else End.UNCERTAIN,
                note=f"{aged:g} s later",
            )
        unreachable = frozenset(range(2, 40))
        expected = delivered() if jobs else uncertain(0, 1)
        yield _case(moment, expected, unreachable=unreachable, note="then unreachable for good")
    yield _case(CUT, delivered(2), unreachable=frozenset({2}), note="then unreachable once")


def _found() -> Iterator[Case]:
    """A lost task is found by its attempt id, and by nothing else."""
    for spec in (*HICCUPS, "history_lag:{phase}:seconds=20", "history_lag:{phase}:seconds=50"):
        yield _case((LOST, spec.format(phase="history")), delivered(), soak=is_slow(spec))
    for spec in SILENT:
        lost = uncertain(jobs=1, submits=2)
        yield _case((LOST, spec), lost, again=End.DELIVERED, soak=is_slow(spec))
        yield _case((CUT, spec), delivered(2), soak=True)
    shown = "shape:history:shape={}:times=0"
    for shape in ("stranger", "number_ids", "text_code", "no_status", "no_times"):
        yield _case((LOST, shown.format(shape)), delivered())
    for neighbour in ("own", "foreign"):
        yield _case(LOST, delivered(), neighbour=neighbour, note=neighbour)
        yield _case(CUT, delivered(2), neighbour=neighbour, note=neighbour)
        yield _case(f"{CUT}:times=0", uncertain(0, 2), neighbour=neighbour, note=neighbour)
    yield _case((LOST, "twin:submit"), delivered())
    yield _case("twin:submit", delivered())


def _waiting() -> Iterator[Case]:
    for shape in FINISHED:
        yield _case(f"shape:poll:shape={shape}:times=0", delivered())
    for fault in ODDITIES:
        yield _case(fault, delivered())
    for word in STRANGE_WORDS:
        fault = f"unknown_word:poll:word={word}"
        yield _case(fault, delivered())
        yield _case(f"{fault}:times=0", owed(WaitTimeout), soak=word not in {"Failed", "deleted"})
    for fault, error in POLL_REFUSALS.items():
        yield _case(fault, owed(error))
    never = owed(ProtocolError, billed=Billed.YES)
    for fault in ("empty_url:poll", "shape:poll:shape=no_outputs"):
        yield _case(f"{fault}:times=0", never)
    yield _case("not_found:poll:times=0", owed(JobNotFound))
    yield _case("expire:poll", owed(JobNotFound), again=End.OPEN)
    yield _case("stuck:submit", owed(WaitTimeout, charges=0), again=End.OPEN)


def _endings() -> Iterator[Case]:
    for fate, (error, billed) in FAILURES.items():
        never = ended(error, billed, charges=0)
        yield _case(fate, never)
        yield _case((LOST, fate), never)
        yield _case((CUT, fate), attrs.evolve(never, submits=(2, 2)))
        yield _case(fate, never, idle=DAY, note="a day later", soak="message" in fate)
    yield _case((), delivered(), idle=DAY, note="a day later")
    # The files are cleared after 30 days, and the record names one that is gone.
    late = owed(DownloadFailed, billed=Billed.YES)
    yield _case((), late, idle=MONTH, again=End.OPEN, note="a month later")


def _machine() -> Iterator[Case]:
    """What befalls the machine: outages that last, clocks, suspension, the journal."""
    for moment, jobs in ((LOST, 1), (CUT, 0)):
        for seconds in (*CUTS, BEYOND):
            beyond = seconds == BEYOND
            soak = seconds in {1.0, 60.0}
            note = f"network cut for {seconds:g} s"
            # Neither a look nor the second send gets through meanwhile.
            cut = delivered() if jobs else uncertain(0, 1) if beyond else delivered(2)
            yield _case(moment, cut, outage=seconds, note=note, soak=soak)
            for status in (502, 504):
                note = f"{status} for {seconds:g} s"
                met = uncertain(0, 2) if beyond and not jobs else delivered(1 if jobs else 2)
                soaks = soak or status != 502
                yield _case(moment, met, outage=seconds, gateway=status, note=note, soak=soaks)
    for event in EVENTS:
        note = f"clock {event}" if event.startswith("set") else event
        yield _case((), delivered(), event=event, note=note)
        yield _case(LOST, delivered(), event=event, note=note)
        # The window of a second send may be over: then there is none.
        yield _case(CUT, uncertain(0, 1), event=event, note=note)
    nothing = refused(JournalError, 0)
    for journal in ("deleted before", "locked for good"):
        yield _case((), nothing, journal=journal, note=f"journal {journal}")
    for journal in (
        *("locked a while", "locked in the call", "locked for good in the call"),
        "deleted in the call",
    ):
        yield _case((), delivered(), journal=journal, note=f"journal {journal}")
    for fault, error in PASSING.items():
        waited = {"slot": 600.0, "note": "waited out"}
        yield _case(f"{fault}:times=2", delivered(3), **waited)
        given_up = attrs.evolve(refused(error), submits=(2, 8))
        yield _case(f"{fault}:times=0", given_up, slot=100.0, note="not waited out")
    for code in (1100, 1101, 1102, 1304):  # HTTP 429 all the same, and waiting mends none of them
        fault = f"refuse:submit:code={code}:times=0"
        yield _case(fault, refused(REFUSALS[code]), slot=600.0, note="never waited for")


def _pairs() -> Iterator[Case]:
    """Two spoiled answers in a row."""
    for first in (*BEFORE, *AFTER):
        for second in (*BEFORE, *AFTER):
            if first == second or is_slow(first) or is_slow(second):
                continue
            if first in AFTER:
                yield _case((first, second), delivered(), soak=True)
            else:
                arrived = second in AFTER
                end = delivered(2) if arrived else uncertain(0, 2)
                yield _case((first, second), end, soak=True)


CASES = tuple(kling_cases())
