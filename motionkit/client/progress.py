"""A job on display: its state, its age, and when it is expected to end."""

from __future__ import annotations

import time
from collections.abc import Callable

import attrs

from motionkit._support.text import duration


@attrs.define(eq=False, repr=False)
class Shown:
    """A job on display.

    Attributes:
        name: Its key, short.
        state: Its state, or what is done for it.
        target: Account and model.
        expected: Half of all such jobs have ended by that age, in seconds; None where unknown.
        longest: Nine of ten have.
        clock: Seconds of a clock that only goes forward.
        started: When it was accepted, on that clock; None while it has no job.
    """

    name: str
    state: str
    target: str = ""
    expected: float | None = None
    longest: float | None = None
    clock: Callable[[], float] = time.monotonic
    started: float | None = None

    def aged(self, seconds: float) -> None:
        """Set its age."""
        self.started = self.clock() - seconds

    @property
    def age(self) -> float:
        """Its age in seconds."""
        return 0.0 if self.started is None else max(0.0, self.clock() - self.started)

    def time(self) -> str:
        """Return its age, and when it is expected to end."""
        return "" if self.started is None else progress(self.age, self.expected, self.longest)


def progress(age: float, expected: float | None, longest: float | None) -> str:
    """Return a job's age, and when it is expected to end: "1 min, about 40 s left".

    Args:
        age: Seconds.
        expected: Half of all such jobs have ended by that age.
        longest: Nine of ten have.
    """
    if expected is None or longest is None:
        return duration(age)
    if age < expected:
        return f"{duration(age)}, about {duration(expected - age)} left"
    if age < longest:
        return f"{duration(age)}, 9 of 10 end by {duration(longest)}"
    return f"{duration(age)}, longer than usual"


def usually(expected: float, longest: float) -> str:
    """Return how long such jobs take."""
    return f"usually {duration(expected)}, 9 of 10 within {duration(longest)}"
