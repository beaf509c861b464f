"""The matrix of blocking calls: Segmind's v1, whose one answer is the film.

The paid call is all that there is: no job before the answer, nothing to poll after it. What breaks
off is looked for in the history, as it is for a queued run; contract and rules are those of
`matrix`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
from matrix import (
    AFTER,
    BEFORE,
    REFUSALS,
    SEGMIND,
    WORDED_REFUSALS,
    Case,
    End,
    Expected,
    delivered,
    ended,
    owed,
    refused,
    uncertain,
)

from motionkit.errors import (
    AuthenticationError,
    Billed,
    ContentBlocked,
    InsufficientCredits,
    JobFailed,
    ProviderUnavailable,
    RateLimited,
    WaitTimeout,
)

SLOW = ("hang", "slow", "oversize")
LOST = "accept_then_reset:submit"


def sync_cases() -> Iterator[Case]:
    """Go through every case of a blocking call."""
    yield _case((), delivered(), note="no fault")
    yield _case((), delivered(), note="no fault, media by URL", remote=True)
    yield _case((), refused(AuthenticationError, 0), note="wrong key", wrong_key=True)
    yield _case((), refused(InsufficientCredits), note="poor", account=(("balance", "0.01"),))
    yield _case(
        (),
        refused(ProviderUnavailable, 0),
        unreachable=frozenset({1, 2, 3}),
        note="unreachable",
    )
    yield _case(
        (),
        refused(RateLimited),
        note="too many calls",
        account=(("rpm", 0), ("balance", "1000")),
    )
    yield from _paid_call()
    yield from _refusals()
    yield from _endings()
    yield from _history()


def _paid_call() -> Iterator[Case]:
    for fault in BEFORE:
        yield _case(fault, uncertain(jobs=0))
        yield _case(f"{fault}:times=0", uncertain(jobs=0), soak=True)
    for fault in AFTER:
        yield _case(fault, delivered())
        yield _case(f"{fault}:times=0", delivered(), soak=True)


def _refusals() -> Iterator[Case]:
    for code, error in REFUSALS[SEGMIND].items():
        yield _case(f"refuse:submit:code={code}", refused(error))
        # A second paid call would be a second purchase: the refusal must never even be asked for.
        later = f"refuse:submit:code={code}:after=1:times=0"
        soak = code != 429
        yield _case(("reset:submit", later), uncertain(jobs=0), soak=soak)
        yield _case((LOST, later), delivered(), soak=soak)
    for fault, error in WORDED_REFUSALS[SEGMIND].items():
        yield _case(fault, refused(error))


def _endings() -> Iterator[Case]:
    """A run that fails answers 500, which alone tells nothing; the history tells the rest."""
    fates = (("fail:submit", JobFailed), ("moderate:submit", ContentBlocked))
    for fate, error in fates:
        never = ended(error, Billed.NO, charges=0)
        yield _case(fate, never)
        yield _case((LOST, fate), never)
    yield _case("stuck:submit", owed(WaitTimeout, charges=0), again=End.OPEN)


def _history() -> Iterator[Case]:
    for spec in ("reset:history", "http:history:status=503:retry_after=2"):
        yield _case((LOST, spec), delivered())
    for spec in ("http:history:status=500:times=0", "refuse:history:status=404:times=0"):
        yield _case((LOST, spec), uncertain(jobs=1), again=End.DELIVERED)
        cut = "truncate:submit:cut=connection"
        yield _case((cut, spec), uncertain(jobs=1), again=End.DELIVERED)
        yield _case(("reset:submit", spec), uncertain(jobs=0))
    yield _case((LOST, "twin:submit"), uncertain(jobs=1), again=End.UNCERTAIN)
    yield _case("twin:submit", delivered())
    yield _case(LOST, uncertain(1), remote=True, again=End.UNCERTAIN, note="media by URL")
    for neighbour in ("own", "foreign"):
        yield _case("reset:submit", uncertain(0), neighbour=neighbour, note=neighbour)
        yield _case(LOST, delivered(), neighbour=neighbour, note=neighbour)


def _case(faults: Sequence[str] | str, expected: Expected, **rest: object) -> Case:
    specs = (faults,) if isinstance(faults, str) else tuple(faults)
    note = str(rest.pop("note", ""))
    name = "-".join(filter(None, (f"{SEGMIND} sync", *specs, note)))
    case = Case(name=name, provider=SEGMIND, faults=specs, expected=expected, sync=True)
    return attrs.evolve(case, **rest)


SYNC_CASES = tuple(sync_cases())
