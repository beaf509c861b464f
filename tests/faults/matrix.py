"""The fault matrix: what goes wrong, in which phase, at which vendor, and what must come of it.

Everything here is data. A row of a table is crossed with the faults and vendors that it names; what
must come of it is a literal, or follows one of the rules below. The expectations are a second
reading of the vendors' pages and of the invariants: nothing is imported from an adapter.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence

import attrs
from vendors import pixverse, segmind

from motionkit.errors import (
    AuthenticationError,
    Billed,
    Busy,
    ContentBlocked,
    DownloadFailed,
    InsufficientCredits,
    InvalidRequest,
    JobFailed,
    JobGone,
    JobNotFound,
    MediaRejected,
    MotionKitError,
    PermissionDenied,
    ProtocolError,
    ProviderUnavailable,
    RateLimited,
    SubmitUncertain,
    WaitTimeout,
)

PIXVERSE, SEGMIND = "pixverse", "segmind"
BOTH = (PIXVERSE, SEGMIND)
"""The vendors of this file; every other one has a file of its own, ``matrix_NAME.py``."""
Kind = type[MotionKitError]


class End(enum.Enum):
    """How a purchase stands when the program has done what it can."""

    DELIVERED = "the file is here"
    REFUSED = "nothing was bought"
    UNCERTAIN = "nobody can tell, and the journal says so"
    OPEN = "the job is known and something is still owed"
    ENDED = "the vendor ended the job without a film"


@attrs.frozen(kw_only=True)
class Expected:
    """What must come of a case.

    Attributes:
        end: How the purchase stands.
        error: What the user is told, if anything; exactly this class.
        billed: What the error says of the money.
        submits: Paid calls that reach the vendor, at least and at most.
        jobs: Jobs that the vendor has then, foreign twins left out.
        charges: Jobs that are paid for in the end, refunds taken off.
    """

    end: End
    error: Kind | tuple[Kind, ...] | None = None
    billed: Billed | None = None
    submits: tuple[int, int] = (1, 1)
    jobs: int = 1
    charges: int = 1


@attrs.frozen(kw_only=True)
class Case:
    """One purchase under faults.

    Attributes:
        name: The test's id.
        provider: The vendor.
        faults: The sandbox's faults.
        expected: What must come of it.
        again: How the same command ends when the faults are over; None leaves it to the rules.
        balance: What asking for the balance first must raise; None when it must answer.
        unreachable: Which of the paid calls cannot even connect, counted from 1.
        remote: Give media as URLs, so that no upload tells two submissions apart.
        neighbour: An identical job made before: by this journal, or by somebody else.
        account: Fields of the vendor's account.
        wrong_key: Use a key that the vendor does not know.
        idle: Seconds between the submit and the wait, on every clock.
        aged: Seconds that pass between a failed submit and the same command again.
        sync: Buy with one blocking call, at a vendor that has one.
        slot: Seconds that a submit waits while the vendor refuses for a cause that passes.
        outage: Seconds from the first paid call in which no further one gets through.
        gateway: The HTTP status that is met meanwhile; 0 where nothing can connect.
        event: What befalls the clocks after the first paid call.
        journal: What befalls the journal, and when.
        soak: Leave it out of a default run.
        broken_promise: The vendor breaks its own documented word here; what it makes beyond the
            one job cannot be prevented and is counted apart.
    """

    name: str
    provider: str
    faults: tuple[str, ...] = ()
    expected: Expected
    again: End | None = None
    balance: Kind | None = None
    unreachable: frozenset[int] = frozenset()
    remote: bool = False
    neighbour: str | None = None
    account: tuple[tuple[str, object], ...] = ()
    wrong_key: bool = False
    idle: float = 0.0
    aged: float = 0.0
    sync: bool = False
    slot: float = 0.0
    outage: float = 0.0
    gateway: int = 0
    event: str = ""
    journal: str = ""
    soak: bool = False
    broken_promise: bool = False


def delivered(submits: int = 1) -> Expected:
    """One job, one charge, one file."""
    return Expected(end=End.DELIVERED, submits=(submits, submits))


def refused(error: Kind, submits: int = 1) -> Expected:
    """Nothing was bought, and the error says so."""
    return Expected(
        end=End.REFUSED,
        error=error,
        billed=Billed.NO,
        submits=(submits, submits),
        jobs=0,
        charges=0,
    )


def uncertain(jobs: int, submits: int = 1, most: int | None = None) -> Expected:
    """Nobody can tell: the error is SubmitUncertain, never ``billed=NO``."""
    return Expected(
        end=End.UNCERTAIN,
        error=SubmitUncertain,
        billed=Billed.UNKNOWN,
        submits=(submits, most or submits),
        jobs=jobs,
        charges=jobs,
    )


def owed(
    error: Kind | tuple[Kind, ...], *, charges: int = 1, billed: Billed = Billed.UNKNOWN
) -> Expected:
    """The job is known and stays open in the journal."""
    return Expected(end=End.OPEN, error=error, billed=billed, charges=charges)


def ended(error: Kind, billed: Billed, *, charges: int) -> Expected:
    """A terminal word of the vendor."""
    return Expected(end=End.ENDED, error=error, billed=billed, charges=charges)


# Rule 1, the paid call. A fault strikes before the vendor accepted anything, or after. PixVerse
# deduplicates: the same attempt id goes out again, at most twice. Segmind does not: its history is
# asked, and what it does not show stays uncertain.

BEFORE = (
    "reset:submit",
    "close:submit",
    "http:submit:status=500",
    "http:submit:status=502",
    "http:submit:status=503:retry_after=1",
    "http:submit:status=504",
    "http:submit:status=500:body=null",
    'http:submit:status=500:body={"error": "insufficient memory"}',
    "http:submit:status=408",
    "http:submit:status=409",
    "http:submit:status=418",
    "http:submit:status=425",
    "http:submit:status=200",
    "http:submit:status=200:body=[]",
    "http:submit:status=200:body={}",
    "http:submit:status=204",
    "html:submit",
    "html:submit:status=200",
    "redirect:submit",
    "redirect:submit:status=301",
    "redirect:submit:status=303",
    "hang:submit",
)
AFTER = (
    "accept_then_reset:submit",
    "accept_then_close:submit",
    "accept_then_http:submit:status=500",
    "accept_then_http:submit:status=502",
    "accept_then_http:submit:status=503:retry_after=1",
    "accept_then_http:submit:status=504",
    "accept_then_http:submit:status=200",
    "accept_then_html:submit",
    "accept_then_html:submit:status=200",
    "accept_then_hang:submit",
    "truncate:submit",
    "truncate:submit:cut=connection",
    "oversize:submit:bytes=8400000",
    "slow:submit:seconds=3",
)
OFTEN = (
    "reset:submit",
    "http:submit:status=500",
    "html:submit",
    "accept_then_reset:submit",
    "accept_then_http:submit:status=502",
    "truncate:submit",
)
"""Faults whose repetitions belong to a default run; the others are repeated in the soak run."""
SLOW = ("hang", "slow", "oversize")
"""Faults that cost wall time: their repetitions are left to the soak run."""

MAYBE_ARRIVED = {
    (PIXVERSE, "before"): delivered(submits=2),
    (PIXVERSE, "after"): delivered(submits=2),
    (SEGMIND, "before"): uncertain(jobs=0),
    (SEGMIND, "after"): delivered(submits=1),
}
MAYBE_ARRIVED_TWICE = {
    (PIXVERSE, "before"): delivered(submits=3),
    (PIXVERSE, "after"): delivered(submits=3),
    (SEGMIND, "before"): uncertain(jobs=0),
    (SEGMIND, "after"): delivered(submits=1),
}
MAYBE_ARRIVED_ALWAYS = {
    (PIXVERSE, "before"): uncertain(jobs=0, submits=3),
    (PIXVERSE, "after"): uncertain(jobs=1, submits=3),
    (SEGMIND, "before"): uncertain(jobs=0),
    (SEGMIND, "after"): delivered(submits=1),
}

# Rule 2, refusals. Nothing was bought, the class is the table's, and the same command afterwards
# buys with a new attempt id.

REFUSALS = {PIXVERSE: pixverse.REFUSALS, SEGMIND: segmind.REFUSALS}
ONE_OF_EACH_CLASS = frozenset({400017, 10001, 500020, 500030, 500044, 500063, 500069, 500090})
WORDED_REFUSALS: dict[str, dict[str, Kind]] = {
    PIXVERSE: {
        "http:submit:status=429": RateLimited,
        "http:submit:status=429:retry_after=30": RateLimited,
        "http:submit:status=401": AuthenticationError,
        "http:submit:status=403": PermissionDenied,
        "refuse:submit:code=400017:status=200": InvalidRequest,
        "refuse:submit:code=500044:status=200": Busy,
        "refuse:submit:code=500090:status=400": InsufficientCredits,
    },
    SEGMIND: {
        "http:submit:status=429": RateLimited,
        "http:submit:status=429:retry_after=30": RateLimited,
        "http:submit:status=401": AuthenticationError,
        "http:submit:status=403": PermissionDenied,
        "http:submit:status=404": InvalidRequest,
        "http:submit:status=422": InvalidRequest,
        "refuse:submit:status=406:message=Insufficient credits. Balance: 0": InsufficientCredits,
        "refuse:submit:status=406:message=Team spend limit reached": InsufficientCredits,
        "refuse:submit:status=406:message=Invalid content type": ProtocolError,
        "refuse:submit:status=406:message=quality must be one of 360p": InvalidRequest,
    },
}
STALE_UPLOADS: dict[str, frozenset[int]] = {
    PIXVERSE: frozenset({400032, 500008}),
    SEGMIND: frozenset(),
}
"""Refusals of a reference to an upload: it is sent once more, and a new attempt is made."""
AMBIGUOUS_CODES = {PIXVERSE: (500100, 99999, 123456, 500999, 600001, -1), SEGMIND: ()}
"""Codes with which the vendor does not say that nothing was bought, or says what nobody knows."""

# Rule 3, free calls. A read or an upload that fails a while is repeated; one that fails for good
# costs nothing more, and a job stays open in the journal.

HICCUPS = (
    "reset:{phase}",
    "close:{phase}",
    "http:{phase}:status=500",
    "http:{phase}:status=502",
    "http:{phase}:status=503:retry_after=2",
    "http:{phase}:status=504",
    "http:{phase}:status=429",
    "http:{phase}:status=429:retry_after=7",
    "html:{phase}",
    "html:{phase}:status=200",
    "truncate:{phase}",
    "truncate:{phase}:cut=connection",
    "oversize:{phase}:bytes=8400000",
    "redirect:{phase}",
    "hang:{phase}",
    "slow:{phase}:seconds=0.5",
)
ODD_PAUSES = ("0", "soon", "-1", "1.5", "Wed, 21 Oct 2015 07:28:00 GMT", "99999999", "9" * 400)
"""Values of Retry-After that are no sane number of seconds; none may end a wait."""
FREE_PHASES = {
    PIXVERSE: ("upload", "poll", "result", "balance"),
    SEGMIND: ("upload", "poll", "result", "balance"),
}
FOR_GOOD: dict[str, Kind] = {
    "reset:{phase}": ProviderUnavailable,
    "close:{phase}": ProviderUnavailable,
    "http:{phase}:status=500": ProviderUnavailable,
    "http:{phase}:status=503:retry_after=2": ProviderUnavailable,
    "http:{phase}:status=429": RateLimited,
    "html:{phase}": ProviderUnavailable,
    "truncate:{phase}": ProtocolError,
    "truncate:{phase}:cut=connection": ProviderUnavailable,
    "oversize:{phase}:bytes=8400000": ProtocolError,
    "redirect:{phase}": ProtocolError,
    "hang:{phase}": ProviderUnavailable,
    "slow:{phase}:seconds=0.5": ProviderUnavailable,
}

UPLOAD_REFUSALS: dict[str, dict[str, Kind]] = {
    PIXVERSE: {
        "refuse:upload:code=500030": MediaRejected,
        "refuse:upload:code=500032": MediaRejected,
        "refuse:upload:code=500052": ContentBlocked,
        "refuse:upload:code=500054": ContentBlocked,
        "refuse:upload:code=400012": AuthenticationError,
        "refuse:upload:code=500020": PermissionDenied,
        "moderate:upload": ContentBlocked,
    },
    SEGMIND: {
        "refuse:upload:status=400": InvalidRequest,
        "refuse:upload:status=401": AuthenticationError,
        "refuse:upload:status=403": PermissionDenied,
        "refuse:upload:status=406": InsufficientCredits,
    },
}

POLL_ODDITIES: dict[str, tuple[str, ...]] = {
    PIXVERSE: (
        "refuse:poll:code=500069",
        "refuse:poll:code=500100",
        "refuse:poll:code=99999",
        "refuse:poll:code=123456",
        "refuse:poll:code=500041",
        "not_found:poll",
        "not_found:poll:seconds=30:times=0",
        "refuse:poll:code=500008",
        "refuse:poll:code=400017:message=record not found",
        "empty_url:poll",
        "empty_url:poll:times=3",
        "shape:poll:shape=string_code:times=0",
        "shape:poll:shape=lower_case:times=0",
        "shape:poll:shape=string_ids:times=0",
        "shape:poll:shape=no_credit:times=0",
        "shape:poll:shape=null_resp",
        "shape:poll:shape=no_resp",
        "shape:poll:shape=list",
    ),
    SEGMIND: (
        "not_found:poll",
        "not_found:poll:seconds=30:times=0",
        "not_found:result",
        "empty_url:result",
        "empty_url:result:times=3",
        "foreign_status_url:poll:times=0",
        "shape:poll:shape=no_cost:times=0",
        "shape:result:shape=output_only:times=0",
        "shape:result:shape=video_only:times=0",
        "shape:result:shape=list:times=0",
        "shape:result:shape=no_cost:times=0",
        "shape:result:shape=base64:times=0",
        "shape:result:shape=absent",
        "shape:result:shape=bytes",
    ),
}
"""What a wait rides over."""
STRANGE_WORDS = {
    PIXVERSE: ("0", "2", "3", "4", "9", "10", "11", "99", "-1", "-8", "100000000000000000000"),
    SEGMIND: ("ON_HOLD", "completed", "failed", "Failed", "CANCELLED", "ERROR", "TIMEOUT", "null"),
}
POLL_REFUSALS: dict[str, dict[str, Kind]] = {
    PIXVERSE: {
        "refuse:poll:code=400012": AuthenticationError,
        "refuse:poll:code=10001": AuthenticationError,
        "refuse:poll:code=500020": PermissionDenied,
        "refuse:poll:code=400017": InvalidRequest,
    },
    SEGMIND: {
        "refuse:poll:status=400": InvalidRequest,
        "refuse:poll:status=401": AuthenticationError,
        "refuse:poll:status=403": PermissionDenied,
        "refuse:result:status=403": PermissionDenied,
    },
}
"""What ends a wait and no job: the journal keeps it open, and it is delivered later."""

SUBMIT_SHAPES = {
    PIXVERSE: {
        "string_code": 1,
        "lower_case": 1,
        "string_ids": 1,
        "credits": 1,
        "no_credit": 1,
        "null_resp": 2,
        "no_resp": 2,
        "list": 1,
    },
    SEGMIND: {"id_only": 1, "no_urls": 1},
}
"""Outline of an accepted submit's answer, and how many paid calls it takes to have the job."""

DOWNLOADS = (
    "cut:download",
    "cut:download:times=3",
    "cut:download:bytes=0",
    "cut:download no_range:download",
    "cut:download changed:download:after=1",
    "changed:download",
    "no_range:download",
    "reset:download",
    "close:download",
    "hang:download",
    "slow:download:seconds=0.5",
    "http:download:status=500",
    "http:download:status=503:retry_after=1",
    "http:download:status=429",
    "http:download:status=403",
    "http:download:status=404",
    "http:download:status=410",
    "http:download:status=416",
    "html:download",
)
"""What a download rides over."""
DOWNLOADS_THAT_FAIL = (
    "http:download:status=403:times=0",
    "http:download:status=404:times=0",
    "http:download:status=500:times=0",
    "http:download:status=429:times=0",
    "html:download:status=200",
    "html:download:times=0",
    "reset:download:times=0",
    "cut:download:bytes=0:times=0",
    "cut:download:bytes=8:times=0 no_range:download",
    "redirect:download",
    "redirect:download:to=http://127.0.0.1:9/elsewhere:times=0",
)

# Rule 4, the vendor's history. It is read, so hiccups are ridden over; what it does not show, or
# shows twice, is never taken for an answer.

HISTORY_FOUND = (
    *(fault.format(phase="history") for fault in HICCUPS),
    "shape:history:shape=requests:times=0",
    "shape:history:shape=results:times=0",
    "shape:history:shape=repeated:times=0",
    "history_lag:history:seconds=20",
    "history_lag:history:seconds=50",
)
HISTORY_SILENT = (
    "history_lag:history:seconds=100000",
    *(f"{fault.format(phase='history')}:times=0" for fault in HICCUPS if ":times" not in fault),
    *(f"refuse:history:status={code}:times=0" for code in (400, 401, 403, 404, 406, 410, 422, 429)),
    "http:history:status=200:body={}:times=0",
    'http:history:status=200:body={"data": null}:times=0',
    'http:history:status=200:body={"data": [null, 7, {}]}:times=0',
)


def all_cases() -> list[Case]:
    """Return every case, in the order of a purchase's life."""
    made = [
        *_plain(),
        *_free_calls(),
        *_paid_call(),
        *_refusals(),
        *_pairs(),
        *_dedupe(),
        *_history(),
        *_not_sent(),
        *_waiting(),
        *_endings(),
        *(case for provider in BOTH for case in downloading(provider)),
        *_pairs_of_ambiguity(),
    ]
    names = [case.name for case in made]
    if len(set(names)) != len(names):
        raise ValueError("two cases have one name")
    return made


def case_of(provider: str, faults: Sequence[str] | str, expected: Expected, **rest: object) -> Case:
    """Return a case named after its provider, its faults and an optional ``note``."""
    specs = (faults,) if isinstance(faults, str) else tuple(faults)
    note = rest.pop("note", "")
    name = "-".join(filter(None, (provider, *(_short(spec) for spec in specs), str(note))))
    return Case(name=name, provider=provider, faults=specs, expected=expected, **rest)  # type: ignore[arg-type]


def _short(spec: str) -> str:
    return spec if len(spec) < 70 else f"{spec[:60]}~{len(spec)}"


def is_slow(spec: str) -> bool:
    """Return whether a fault costs wall time."""
    return spec.removeprefix("accept_then_").startswith(SLOW)


def _plain() -> Iterator[Case]:
    for provider in BOTH:
        yield case_of(provider, (), delivered(), note="no fault")
        yield case_of(provider, (), delivered(), note="no fault, media by URL", remote=True)
        yield case_of(
            provider, (), refused(AuthenticationError, 0), note="wrong key", wrong_key=True
        )
        poor = (("balance", "0.01"),)
        yield case_of(provider, (), refused(InsufficientCredits), note="poor", account=poor)
    full = (("concurrency", 1), ("balance", "1000"))
    yield case_of(
        PIXVERSE,
        (),
        refused(Busy),
        note="every slot taken",
        account=full,
        neighbour="foreign",
        again=End.DELIVERED,
    )
    rate = (("rpm", 2), ("balance", "1000"))
    yield case_of(PIXVERSE, (), refused(RateLimited), note="too many calls", account=rate)
    for calls in (2, 3):  # the submit uses one of them up; a poll and the result need two
        rate = (("rpm", calls), ("balance", "1000"))
        yield case_of(SEGMIND, (), delivered(), note=f"{calls} calls a minute", account=rate)
    denied = (("denied", ["pixverse-mimic"]), ("balance", "50"))
    yield case_of(
        SEGMIND,
        (),
        refused(PermissionDenied),
        note="model denied",
        account=denied,
        again=End.REFUSED,
    )


def _free_calls() -> Iterator[Case]:
    for provider in BOTH:
        for phase in FREE_PHASES[provider]:
            for spec in HICCUPS:
                fault = spec.format(phase=phase)
                same = provider == PIXVERSE and phase == "result"  # one endpoint answers both
                rare = is_slow(spec) or "=50" in spec or spec.startswith(("close", "redirect"))
                late = same or (phase in {"result", "balance"} and rare)
                yield case_of(provider, fault, delivered(), soak=late)
                if not is_slow(spec):
                    for times in (2, 3):
                        yield case_of(provider, f"{fault}:times={times}", delivered(), soak=True)
            yield from _for_good(provider, phase)
        for fault, error in UPLOAD_REFUSALS[provider].items():
            yield case_of(provider, fault, refused(error, 0))
            yield case_of(provider, f"{fault}:after=1", refused(error, 0), soak=True)
        for pause in ODD_PAUSES:
            # Before anything is paid, a pause of years is the caller's to decide on.
            endless = pause.isdecimal() and float(pause) > 3600
            upload = refused(RateLimited, 0) if endless else delivered()
            fault = f"http:upload:status=429:retry_after={pause}"
            yield case_of(provider, fault, upload, soak=not endless)
            yield case_of(provider, f"http:poll:status=429:retry_after={pause}", delivered())
    yield case_of(PIXVERSE, "refuse:upload:code=500041", delivered())
    yield case_of(PIXVERSE, "refuse:upload:code=500069", delivered())
    yield case_of(PIXVERSE, "refuse:balance:code=400012", delivered(), balance=AuthenticationError)
    yield case_of(SEGMIND, "refuse:balance:status=401", delivered(), balance=AuthenticationError)


def _for_good(provider: str, phase: str) -> Iterator[Case]:
    for spec, error in FOR_GOOD.items():
        fault = f"{spec.format(phase=phase)}:times=0"
        soak = is_slow(spec) or phase == "result" or (phase == "balance" and "http" not in spec)
        if phase == "upload":
            yield case_of(provider, fault, refused(error, 0), soak=soak)
        elif phase == "balance":
            yield case_of(provider, fault, delivered(), balance=error, soak=soak)
        else:
            yield case_of(provider, fault, owed(WaitTimeout), soak=soak)


def _paid_call() -> Iterator[Case]:
    for provider in BOTH:
        for moment, faults in (("before", BEFORE), ("after", AFTER)):
            for fault in faults:
                often = provider == PIXVERSE and fault in OFTEN
                once, twice, always = (
                    rule[provider, moment]
                    for rule in (MAYBE_ARRIVED, MAYBE_ARRIVED_TWICE, MAYBE_ARRIVED_ALWAYS)
                )
                yield case_of(provider, fault, once)
                yield case_of(provider, f"{fault}:times=2", twice, soak=not often)
                yield case_of(provider, f"{fault}:times=0", always, soak=not often)
        for shape, submits in SUBMIT_SHAPES[provider].items():
            yield case_of(provider, f"shape:submit:shape={shape}", delivered(submits))
        yield case_of(provider, "foreign_status_url:submit", delivered())
    for aged in (130.0, 4000.0):  # beyond the 120 seconds for which the same id may go out again
        for fault in ("reset:submit:times=0", "accept_then_reset:submit:times=0"):
            yield case_of(
                PIXVERSE,
                fault,
                uncertain(jobs=int("accept" in fault), submits=3),
                note=f"{aged:g} s later",
                aged=aged,
                again=End.UNCERTAIN,
            )


def _refusals() -> Iterator[Case]:
    for provider in BOTH:
        for code, error in REFUSALS[provider].items():
            fault = f"refuse:submit:code={code}"
            if code in STALE_UPLOADS[provider]:
                yield case_of(provider, fault, delivered(submits=2))
                yield case_of(provider, f"{fault}:times=2", refused(error, submits=2))
            else:
                yield case_of(provider, fault, refused(error))
        for fault, error in WORDED_REFUSALS[provider].items():
            yield case_of(provider, fault, refused(error))
        for code in AMBIGUOUS_CODES[provider]:
            # The vendor replays its first answer to an id, so asking again tells nothing new.
            yield case_of(provider, f"refuse:submit:code={code}", uncertain(jobs=0, submits=3))
    for code in AMBIGUOUS_CODES[PIXVERSE]:  # a code that refuses nothing, with a familiar message
        fault = f"refuse:submit:code={code}:message=record not found"
        yield case_of(PIXVERSE, fault, uncertain(jobs=0, submits=3))


def _pairs() -> Iterator[Case]:
    """Maybe arrived, then each refusal: sticky, whatever the vendor says next."""
    for code in REFUSALS[PIXVERSE]:
        soak = code not in ONE_OF_EACH_CLASS
        lost = uncertain(jobs=0, submits=2, most=3)
        refusal = f"refuse:submit:code={code}:times=0"
        yield case_of(PIXVERSE, ("reset:submit", refusal), lost, soak=soak)
        kept = uncertain(jobs=1, submits=2, most=3)
        answer = f"dedupe:submit:mode=error:code={code}"
        yield case_of(PIXVERSE, ("accept_then_reset:submit", answer), kept, soak=soak)
    for status in (401, 403, 429):
        for first, jobs in (("reset:submit", 0), ("accept_then_http:submit:status=500", 1)):
            second = f"http:submit:status={status}:times=0:after=1"
            if jobs:  # the wire's own order: the first fault is used up by the first call
                second = f"http:submit:status={status}:times=0"
            yield case_of(
                PIXVERSE,
                (first, second.removesuffix(":after=1")),
                uncertain(jobs=jobs, submits=2, most=3),
            )
    for code in AMBIGUOUS_CODES[PIXVERSE]:
        yield case_of(
            PIXVERSE,
            ("reset:submit", f"refuse:submit:code={code}:times=0"),
            uncertain(jobs=0, submits=3),
        )
    for code in REFUSALS[SEGMIND]:
        # A second paid call would be a second purchase: the refusal must never even be asked for.
        later = f"refuse:submit:code={code}:after=1:times=0"
        soak = code != 429
        yield case_of(SEGMIND, ("reset:submit", later), uncertain(jobs=0), soak=soak)
        yield case_of(SEGMIND, ("accept_then_reset:submit", later), delivered(), soak=soak)


def _dedupe() -> Iterator[Case]:
    spoiled = "accept_then_reset:submit"
    yield case_of(PIXVERSE, (spoiled, "dedupe:submit:mode=replay"), delivered(2))
    yield case_of(PIXVERSE, (spoiled, "dedupe:submit:mode=error"), uncertain(1, 2, 3))
    yield case_of(
        PIXVERSE,
        (spoiled, "dedupe:submit:mode=stuck"),
        attrs.evolve(owed(WaitTimeout), submits=(2, 2), jobs=2),
        again=End.OPEN,
        broken_promise=True,
    )
    yield case_of(
        PIXVERSE,
        (spoiled, "dedupe:submit:mode=new"),
        attrs.evolve(delivered(2), jobs=2, charges=2),
        broken_promise=True,
    )
    yield case_of(PIXVERSE, ("reset:submit", "dedupe:submit:mode=new"), delivered(2))
    yield case_of(PIXVERSE, ("twin:submit", spoiled), delivered(2))


def _history() -> Iterator[Case]:
    lost = "accept_then_reset:submit"
    for spec in HISTORY_FOUND:
        yield case_of(SEGMIND, (lost, spec), delivered())
    for spec in HISTORY_SILENT:
        yield case_of(
            SEGMIND, (lost, spec), uncertain(jobs=1), again=End.DELIVERED, soak=is_slow(spec)
        )
        yield case_of(SEGMIND, ("reset:submit", spec), uncertain(jobs=0), soak=True)
    yield case_of(SEGMIND, (lost, "history_lag:history:seconds=600"), uncertain(1), aged=700.0,
                again=End.DELIVERED, note="shown later")  # fmt: skip
    yield case_of(SEGMIND, (lost, "twin:submit"), uncertain(jobs=1), again=End.UNCERTAIN)
    yield case_of(SEGMIND, "twin:submit", delivered())
    yield case_of(
        SEGMIND, lost, uncertain(1), remote=True, again=End.UNCERTAIN, note="media by URL"
    )
    for neighbour in ("own", "foreign"):
        # The picture is uploaded afresh, so a neighbour's identical job is told apart ...
        yield case_of(SEGMIND, "reset:submit", uncertain(0), neighbour=neighbour, note=neighbour)
        yield case_of(SEGMIND, lost, delivered(), neighbour=neighbour, note=neighbour)
        # ... but media given as URLs have nothing in them that is ours alone.
        yield case_of(
            SEGMIND,
            "reset:submit",
            uncertain(0),
            neighbour=neighbour,
            remote=True,
            note=f"{neighbour}, media by URL",
        )
    yield case_of(
        SEGMIND,
        lost,
        uncertain(1),
        neighbour="foreign",
        remote=True,
        again=End.UNCERTAIN,
        note="foreign, media by URL",
    )


def _not_sent() -> Iterator[Case]:
    """Not one byte left: nothing arrived, whatever the exception looks like."""
    for provider in BOTH:
        yield case_of(
            provider,
            (),
            refused(ProviderUnavailable, 0),
            unreachable=frozenset({1, 2, 3}),
            note="unreachable",
        )
    for moment in ("reset:submit", "accept_then_reset:submit"):
        jobs = int("accept" in moment)
        yield case_of(
            PIXVERSE, moment, delivered(2), unreachable=frozenset({2}), note="then unreachable"
        )
        yield case_of(
            PIXVERSE,
            moment,
            uncertain(jobs, 1),
            unreachable=frozenset(range(2, 30)),
            note="then unreachable for good",
        )


def _waiting() -> Iterator[Case]:
    for provider in BOTH:
        for fault in POLL_ODDITIES[provider]:
            yield case_of(provider, fault, delivered())
        for word in STRANGE_WORDS[provider]:
            fault = f"unknown_word:poll:word={word}"
            yield case_of(provider, fault, delivered())
            soak = word not in {"9", "0", "ON_HOLD", "completed"}
            yield case_of(provider, f"{fault}:times=0", owed(WaitTimeout), soak=soak)
        for fault, error in POLL_REFUSALS[provider].items():
            yield case_of(provider, fault, owed(error))
        phase = "poll" if provider == PIXVERSE else "result"
        never = owed(ProtocolError, billed=Billed.YES)
        yield case_of(provider, f"empty_url:{phase}:times=0", never)
        yield case_of(provider, "not_found:poll:times=0", owed(JobNotFound))
        yield case_of(
            provider,
            "stuck:submit",
            owed(WaitTimeout, charges=int(provider == PIXVERSE)),
            again=End.OPEN,
        )
    yield case_of(SEGMIND, "not_found:result:times=0", owed(JobNotFound))
    yield case_of(
        SEGMIND, "shape:result:shape=absent:times=0", owed(ProtocolError, billed=Billed.YES)
    )
    yield case_of(SEGMIND, "shape:result:shape=bytes:times=0", owed(WaitTimeout))


def _endings() -> Iterator[Case]:
    for form in ("status", "code"):
        for phase in ("poll", "result"):
            yield case_of(
                PIXVERSE,
                f"expire:{phase}:form={form}",
                ended(JobGone, Billed.UNKNOWN, charges=1),
            )
    yield case_of(PIXVERSE, "fail:submit", ended(JobFailed, Billed.NO, charges=0))
    yield case_of(PIXVERSE, "moderate:submit", ended(ContentBlocked, Billed.NO, charges=0))
    yield case_of(SEGMIND, "fail:submit", ended(JobFailed, Billed.NO, charges=0))
    yield case_of(SEGMIND, "moderate:submit", ended(ContentBlocked, Billed.NO, charges=0))
    for lost, submits in (("accept_then_reset:submit", 2), ("truncate:submit", 2)):
        for fate, error in (("fail:submit", JobFailed), ("moderate:submit", ContentBlocked)):
            refunded = ended(error, Billed.NO, charges=0)
            yield case_of(
                PIXVERSE, (lost, fate), attrs.evolve(refunded, submits=(submits, submits))
            )
            yield case_of(SEGMIND, (lost, fate), refunded)
    # Segmind forgets after an hour; its history does not.
    yield case_of(SEGMIND, (), delivered(), idle=7200.0, note="two hours later")
    yield case_of(SEGMIND, "expire:poll", delivered(), idle=7200.0, note="two hours later")
    yield case_of(
        SEGMIND, "fail:submit", ended(JobFailed, Billed.NO, charges=0), idle=7200.0,
        note="two hours later",
    )  # fmt: skip
    yield case_of(
        SEGMIND,
        "refuse:history:status=404",
        ended(JobGone, Billed.UNKNOWN, charges=1),
        idle=7200.0,
        again=End.DELIVERED,
        note="two hours later",
    )
    for fault in ("http:history:status=503:times=2", "html:history", "reset:history"):
        yield case_of(SEGMIND, fault, delivered(), idle=7200.0, note="two hours later")
    yield case_of(SEGMIND, "expire:poll", owed(JobNotFound), again=End.OPEN)


def downloading(provider: str) -> Iterator[Case]:
    """Spoil downloads; PixVerse's cases cover in a default run what others leave to the soak."""
    for faults in DOWNLOADS:
        soak = provider != PIXVERSE and not faults.startswith(("cut", "http"))
        yield case_of(provider, tuple(faults.split()), delivered(), soak=soak)
    for faults in DOWNLOADS_THAT_FAIL:
        failed = owed(DownloadFailed, billed=Billed.YES)
        yield case_of(provider, tuple(faults.split(" ")), failed, soak=provider != PIXVERSE)


def _pairs_of_ambiguity() -> Iterator[Case]:
    """Two spoiled answers in a row: one attempt id at PixVerse, one paid call at Segmind."""
    for first in (*BEFORE, *AFTER):
        for second in (*BEFORE, *AFTER):
            if first == second or is_slow(first) or is_slow(second):
                continue
            yield case_of(PIXVERSE, (first, second), delivered(3), soak=True)
            moment = "after" if first in AFTER else "before"
            yield case_of(SEGMIND, (first, second), MAYBE_ARRIVED[SEGMIND, moment], soak=True)


CASES = tuple(all_cases())
