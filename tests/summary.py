"""What the fault tests came to, for the last lines of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs


@attrs.define
class Tally:
    """What all cases of the matrix together came to."""

    cases: int = 0
    jobs_expected: int = 0
    jobs_seen: int = 0
    charges_expected: int = 0
    charges_seen: int = 0
    doubled: int = 0
    lost: int = 0
    broken_promises: int = 0
    beyond_prevention: int = 0

    def line(self) -> str:
        """Return the summary."""
        text = (
            f"fault matrix: {self.cases} cases; jobs expected {self.jobs_expected}, seen "
            f"{self.jobs_seen}; charges expected {self.charges_expected}, seen "
            f"{self.charges_seen}; doubled {self.doubled}, lost {self.lost}"
        )
        if self.broken_promises:
            text += (
                f" (and {self.beyond_prevention} jobs that nobody can prevent, in "
                f"{self.broken_promises} cases where the vendor breaks its documented "
                "deduplication)"
            )
        return text


@attrs.define
class Killed:
    """What the kill test came to.

    Attributes:
        events: Events of an undisturbed run, by vendor.
        tried: Runs that were killed.
        ended: How they ended, and how often.
        doubled: Jobs beyond the first.
        lost: Jobs that the journal cannot lead to.
    """

    events: dict[str, int] = attrs.field(factory=dict)
    tried: int = 0
    ended: dict[str, int] = attrs.field(factory=dict)
    doubled: int = 0
    lost: int = 0

    def line(self) -> str:
        """Return the summary."""
        events = ", ".join(f"{name} {count}" for name, count in self.events.items())
        ended = ", ".join(f"{count} {name}" for name, count in sorted(self.ended.items()))
        return (
            f"kill test: events of a run: {events or 'not measured'}; killed {self.tried} times: "
            f"{ended}; doubled {self.doubled}, lost {self.lost}"
        )


@attrs.frozen
class Summary:
    """Both."""

    matrix: Tally = attrs.field(factory=Tally)
    kills: Killed = attrs.field(factory=Killed)

    def lines(self) -> list[str]:
        """Return what is to be printed."""
        told = [self.matrix.line()] if self.matrix.cases else []
        return told + ([self.kills.line()] if self.kills.tried else [])

    def add(self, told: Mapping[str, Mapping[str, Any]]) -> None:
        """Add what another process has counted; `attrs.asdict` of its summary."""
        for mine, theirs in ((self.matrix, told["matrix"]), (self.kills, told["kills"])):
            for name, value in theirs.items():
                counted = getattr(mine, name)
                if name == "events":  # of one run, measured by each
                    counted |= value
                elif isinstance(value, Mapping):
                    setattr(mine, name, dict(Counter(counted) + Counter(value)))
                else:
                    setattr(mine, name, counted + value)

    @property
    def failed(self) -> bool:
        """Whether a job was bought twice or lost."""
        counts = (self.matrix, self.kills)
        return any(count.doubled or count.lost for count in counts)
