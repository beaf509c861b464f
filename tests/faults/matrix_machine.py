"""The matrix of what befalls the machine: outages that last, clocks, suspension, the journal.

Contract and rules are those of `matrix`; time is the case's own. PixVerse takes a trace id for the
same submit for 120 s; the case's re-sends leave 15 s and 115 s after the first, or as soon as
something can leave again.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from matrix import BOTH, PIXVERSE, SEGMIND, Case, End, Expected, delivered, refused, uncertain

from motionkit.errors import Busy, JournalError, ProviderUnavailable, RateLimited

LOST = "accept_then_reset:submit"
CUTS = (1.0, 10.0, 30.0, 60.0, 90.0, 110.0)
"""Seconds of an outage that end in the one job."""
QUICK_CUTS = (10.0, 60.0, 110.0)
BEYOND = 130.0
EVENTS = ("set back", "set forward", "suspended", "restarted")
PASSING = {
    PIXVERSE: {
        "refuse:submit:code=500044": Busy,
        "refuse:submit:code=500069": ProviderUnavailable,
        "http:submit:status=429": RateLimited,
        "http:submit:status=429:retry_after=30": RateLimited,
    },
    SEGMIND: {
        "refuse:submit:code=429": RateLimited,
        "http:submit:status=429": RateLimited,
        "http:submit:status=429:retry_after=30": RateLimited,
    },
}
"""Refusals that pass; and what is raised when they do not."""


def machine_cases() -> Iterator[Case]:
    """Go through every case of a machine in trouble."""
    yield from _outages()
    yield from _clocks()
    yield from _journals()
    yield from _passing()


def _case(provider: str, note: str, expected: Expected, fault: str = "", **rest: object) -> Case:
    faults = (fault,) if fault else ()
    name = "-".join(filter(None, (provider, note, fault)))
    return Case(name=name, provider=provider, faults=faults, expected=expected, **rest)  # type: ignore[arg-type]


def _outages() -> Iterator[Case]:
    for moment, jobs in ((LOST, 1), ("reset:submit", 0)):
        for seconds in (*CUTS, BEYOND):
            soak = seconds not in {*QUICK_CUTS, BEYOND} or not jobs
            beyond = seconds == BEYOND
            again = End.UNCERTAIN if beyond else None
            yield _case(
                PIXVERSE,
                f"network cut for {seconds:g} s",
                uncertain(jobs, 1) if beyond else delivered(2),
                moment,
                outage=seconds,
                again=again,
                soak=soak,
            )
            resends = 2 if seconds < 15.0 else 3
            for status in (502, 504):
                yield _case(
                    PIXVERSE,
                    f"{status} for {seconds:g} s",
                    uncertain(jobs, 3) if beyond else delivered(resends),
                    moment,
                    outage=seconds,
                    gateway=status,
                    again=again,
                    soak=soak or status != 502,
                )
    for seconds in QUICK_CUTS:
        # The history is asked for 60 s; what it could not be asked for is found the next time.
        beyond = seconds > 60.0
        yield _case(
            SEGMIND,
            f"network cut for {seconds:g} s",
            uncertain(1) if beyond else delivered(),
            LOST,
            outage=seconds,
            again=End.DELIVERED if beyond else None,
        )


def _clocks() -> Iterator[Case]:
    for event in EVENTS:
        note = f"clock {event}" if event.startswith("set") else event
        for provider in BOTH:
            yield _case(provider, note, delivered(), event=event, soak=provider == SEGMIND)
        for moment, jobs in ((LOST, 1), ("reset:submit", 0)):
            yield _case(
                PIXVERSE,
                note,
                uncertain(jobs, 1),
                moment,
                event=event,
                again=End.UNCERTAIN,
                soak=not jobs,
            )
        lagging = _case(SEGMIND, note, delivered(), LOST, event=event)
        yield attrs.evolve(lagging, faults=(LOST, "history_lag:history:seconds=20"))


def _journals() -> Iterator[Case]:
    for provider in BOTH:
        nothing = refused(JournalError, 0)
        for journal in ("deleted before", "locked for good"):
            yield _case(provider, f"journal {journal}", nothing, journal=journal)
        for journal in (
            "locked a while",
            "locked in the call",
            "locked for good in the call",
            "deleted in the call",
        ):
            yield _case(provider, f"journal {journal}", delivered(), journal=journal)


def _passing() -> Iterator[Case]:
    for provider in BOTH:
        for fault, error in PASSING[provider].items():
            yield _case(provider, "waited out", delivered(3), f"{fault}:times=2", slot=600.0)
            yield _case(
                provider,
                "not waited out",
                attrs.evolve(refused(error), submits=(2, 8)),
                f"{fault}:times=0",
                slot=100.0,
                soak=provider == SEGMIND,
            )


MACHINE_CASES = tuple(machine_cases())


def machine_cases_of(provider: str) -> Iterator[Case]:
    """What befalls the machine ends as at the other vendor without attempt ids, Segmind."""
    for case in MACHINE_CASES:
        if case.provider == SEGMIND and not any("http:submit" in one for one in case.faults):
            name = case.name.replace(SEGMIND, provider, 1)
            yield attrs.evolve(case, provider=provider, name=name)
