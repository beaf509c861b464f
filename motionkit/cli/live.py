"""Live views of running jobs: a bar with the expected end, and a table of many.

A view is drawn anew a few times a second from the clock, because polls are further apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from motionkit._support.text import many
from motionkit.cli.format import plain
from motionkit.client import Shown

BAR = 24
"""Columns of a bar where the terminal is wide enough."""
_LEAST_BAR = 8
"""Columns below which a bar is left out."""
_BESIDE = 46
"""Columns that one job's state and time take beside its bar."""
_WIDE = 100
"""Columns from which a table has room for the targets beside the bars."""
_LARGEST_TABLE = 20
"""Rows of a table at most."""


def _bar(job: Shown, width: int) -> RenderableType:
    """Return a job's bar: full when nine of ten such jobs have ended, then it pulses."""
    if width < _LEAST_BAR or job.started is None:
        return Text("")
    late = job.longest is None or job.age >= job.longest
    return ProgressBar(
        total=None if late else job.longest,
        completed=job.age,
        width=width,
        pulse=late,
        animation_time=job.clock(),
    )


def _row(width: int) -> int:
    """Return the columns of a bar beside which `_BESIDE` columns are left."""
    return max(0, min(BAR, width - _BESIDE))


@attrs.define
class Line:
    """One job as a line."""

    job: Shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it."""
        bar = _row(options.max_width)
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(no_wrap=True)
        if bar >= _LEAST_BAR:
            table.add_column(width=bar, no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis")
        cells: list[RenderableType] = [Text(plain(self.job.state), "bold")]
        if bar >= _LEAST_BAR:
            cells.append(_bar(self.job, bar))
        table.add_row(*cells, Text(self.job.time()))
        yield table


@attrs.define
class Board:
    """Many jobs as a table, the first ones if it is too long, and a sum below."""

    jobs: Mapping[str, Shown]
    summary: Callable[[], str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it."""
        width = options.max_width
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        table.add_column("KEY", no_wrap=True, overflow="ellipsis", max_width=max(8, width // 5))
        table.add_column("STATE", no_wrap=True, min_width=len("downloading"))
        wide = width >= _WIDE
        bar = max(0, min(BAR, width - (80 if wide else 62)))
        if bar >= _LEAST_BAR:
            table.add_column("", width=bar, no_wrap=True)
        table.add_column("TIME", no_wrap=True, overflow="ellipsis", ratio=2)
        if wide:
            table.add_column("TARGET", no_wrap=True, overflow="ellipsis", ratio=1)
        room = max(1, min(_LARGEST_TABLE, console.height - 4))
        shown = list(self.jobs.values())
        for job in shown[:room]:
            cells: list[RenderableType] = [Text(plain(job.name)), Text(plain(job.state))]
            if bar >= _LEAST_BAR:
                cells.append(_bar(job, bar))
            cells.append(Text(job.time()))
            if wide:
                cells.append(Text(plain(job.target)))
            table.add_row(*cells)
        yield table
        rest = len(shown) - room
        more = f"; {many(rest, 'job')} not shown" if rest > 0 else ""
        yield Text(f"{self.summary()}{more}", "dim", no_wrap=True, overflow="ellipsis")
