"""What every bench shares: a figure beside its floor, medians, and the time that a process used."""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import attrs

ROUNDS = 5
"""Fewest rounds of which a median is taken."""


@attrs.frozen(kw_only=True)
class Figure:
    """One line of a report.

    Attributes:
        what: What was measured.
        ours: The figure itself.
        floor: The same of what it is measured against, in the same run.
        unit: Of both.
        bar: What it should reach: the ratio where there is a floor, else the figure.
        absolute: Whether the bar is for the figure although there is a floor.
        least: Whether more is better.
        note: What else to know; for a missed bar, what the limit is.
    """

    what: str
    ours: float
    floor: float | None = None
    unit: str = ""
    bar: float | None = None
    absolute: bool = False
    least: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times the floor it is."""
        return None if not self.floor else self.ours / self.floor

    @property
    def times(self) -> str:
        """The ratio as it is written; empty where there is no floor."""
        return "" if self.ratio is None else f"{self.ratio:.2f}x"

    @property
    def met(self) -> bool | None:
        """Whether the bar is reached; None when there is none."""
        if self.bar is None:
            return None
        judged = self.judged
        return judged >= self.bar if self.least else round(judged, 2) <= self.bar

    @property
    def judged(self) -> float:
        """What the bar is for."""
        return self.ours if self.absolute or self.ratio is None else self.ratio


def told(figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print figures: one JSON object a line, or ratios first for people."""
    for figure in figures:
        if as_json:
            print(json.dumps(attrs.asdict(figure)))  # noqa: T201 - the answer
            continue
        ratio = "      " if figure.ratio is None else f"{figure.ratio:5.2f}x"
        bar = (
            "" if figure.bar is None else f" (bar {figure.bar:g}{'' if figure.met else ', MISSED'})"
        )
        floor = "" if figure.floor is None else f" to {figure.floor:.6g}"
        print(f"{ratio}  {figure.what}: {figure.ours:.6g}{floor} {figure.unit}{bar}")  # noqa: T201


def options(doc: str | None) -> argparse.ArgumentParser:
    """Return the arguments that every bench takes."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--rounds", type=int, default=None, help="odd; medians are taken of them")
    parser.add_argument("--json", action="store_true", help="one object a line")
    return parser


def cpu(call: Callable[[], object], times: int) -> float:
    """Return the processor seconds of one call, in this process alone."""
    begun = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - begun) / times


def taking_turns(
    calls: Mapping[str, Callable[[], object]], *, rounds: int, times: int
) -> dict[str, list[float]]:
    """Return the processor seconds of each call, round by round; who goes first changes."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        cpu(call, times)
    order = list(calls)
    for _ in range(rounds):
        for name in order:
            taken[name].append(cpu(calls[name], times))
        order.append(order.pop(0))
    return taken


def compared(mine: Sequence[float], floor: Sequence[float]) -> tuple[float, float]:
    """Return the medians of both such that their quotient is the median of the rounds' quotients.

    What else the machine does slows both of one round alike, so rounds are compared pairwise.
    """
    ratio = statistics.median(a / b for a, b in zip(mine, floor, strict=True))
    base = statistics.median(floor)
    return ratio * base, base


def children_cpu() -> float:
    """Return the processor seconds of the children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
