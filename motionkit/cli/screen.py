"""The screen: progress on standard error, the answer on standard output."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from motionkit._support.redaction import redact
from motionkit.cli import exit_codes
from motionkit.cli.format import duration, plain
from motionkit.cli.hints import hint_of
from motionkit.errors import Billed, MotionKitError
from motionkit.model import codec
from motionkit.model.job import Job, Status

PIPE_WIDTH = 240
"""Columns where nobody looks at a terminal: wide enough that no cell is folded."""

_WHOLE = frozenset({"TARGET"})
"""Columns that are not folded: their words are copied into the next command."""


_VERDICTS = {"passed_over": "not tried", "ruled_out": "ruled out"}
"""What a decision's rows say to people, where it is not the word in the journal."""


class _Progress(Console):
    """A console whose closed pipe ends nothing: what was bought ends as it ended."""

    def on_broken_pipe(self) -> None:
        """Write nothing more."""
        self.quiet = True


_ERR = _Progress(stderr=True, highlight=False)
"""One console, so that lines go above a live line and not into it."""

_LIVE: list[Progress] = []
"""The live lines that are shown now."""

_BILLED: Mapping[Billed, str] = {
    Billed.YES: "this was billed, or will be",
    Billed.UNKNOWN: "this may have been billed",
}


@attrs.frozen
class Screen:
    """Where a verb writes.

    Attributes:
        json: Whether the answer is one JSON object a line.
        quiet: Whether no live line is shown: another one is, already.
    """

    json: bool = False
    quiet: bool = False

    @property
    def asks(self) -> bool:
        """Whether somebody sits there and can answer a question."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def note(self, text: str, *, style: str = "") -> None:
        """Write a line of progress."""
        _ERR.print(Text(plain(text), style), soft_wrap=True)

    def fact(self, name: str, text: str, *, style: str = "") -> None:
        """Write a line of progress that has a name."""
        line = Text.assemble((f"{name:<9} ", "bold"), (plain(text), style))
        _ERR.print(line, soft_wrap=True)

    def answer(self, data: Mapping[str, Any], text: str) -> None:
        """Write an answer: the data with ``--json``, else the text."""
        self.write(codec.dumps(data) if self.json else text)

    def write(self, text: str) -> None:
        """Write a line to standard output.

        Where that is closed or full the exit code stays that of the verb: it may have paid.
        """
        try:
            print(text, flush=True)  # noqa: T201 - standard output
        except OSError as error:
            sys.stdout = io.StringIO()  # what follows goes nowhere
            if not isinstance(error, BrokenPipeError):
                self.note(f"standard output cannot be written: {error.strerror or error}")

    def rows(
        self, data: Sequence[Mapping[str, Any]], columns: Sequence[str], cells: Sequence[Any]
    ) -> None:
        """Write a list: an object a line with ``--json``, else a table.

        Args:
            data: The rows as data.
            columns: The table's heads.
            cells: The table's rows, texts in the order of the heads.
        """
        if self.json:
            for row in data:
                self.answer(row, "")
            return
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for head in columns:
            table.add_column(head, overflow="fold", no_wrap=head in _WHOLE)
        for row in cells:
            table.add_row(*(_cell(cell) for cell in row))
        width = None if sys.stdout.isatty() else PIPE_WIDTH
        Console(highlight=False, width=width).print(table)

    def error(self, error: MotionKitError) -> int:
        """Write what went wrong, and return the exit code."""
        code = exit_codes.code_of(error)
        if self.json:
            self.answer({**as_data(error), "exit_code": code}, "")
        for row in error.decision:
            self.fact("route", decided(row))
        self.fact("error:", error.message, style="red")
        if hint := hint_of(error):
            self.fact("hint:", hint)
        if error.billed in _BILLED:
            self.fact("money:", _BILLED[error.billed], style="yellow")
        return code

    def unexpected(self, error: Exception) -> int:
        """Write what nobody foresaw, without secrets, and return the exit code."""
        name, message = type(error).__name__, redact(str(error))
        if self.json:
            failed = {"error": name, "message": message, "exit_code": exit_codes.UNEXPECTED}
            self.answer(failed, "")
        self.fact("error:", f"{name}: {message}", style="red")
        self.fact("hint:", "run 'motionkit --debug ...' for a traceback and report it")
        return exit_codes.UNEXPECTED

    @contextmanager
    def busy(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show that something goes on: a live line on a terminal, nothing otherwise.

        Yields:
            A function that changes the line's text.
        """
        if self.quiet or not _ERR.is_terminal:
            yield lambda _: None
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=_ERR, transient=True) as progress:
            task = progress.add_task(plain(text), total=None)
            _LIVE.append(progress)
            try:
                yield lambda now: progress.update(task, description=plain(now))
            finally:
                _LIVE.remove(progress)

    def confirm(self, question: str) -> None:
        """Ask a yes-or-no question; live lines pause meanwhile.

        Raises:
            Abort: The answer is no.
        """
        for live in _LIVE:
            live.stop()
        try:
            typer.confirm(question, abort=True, err=True)
        finally:
            for live in _LIVE:
                live.start()

    @contextmanager
    def following(self, job: Job) -> Iterator[Callable[[Job, Status], None]]:
        """Show a job's states as they come.

        Yields:
            What `Client.wait` takes as its watcher.
        """
        usual = f", usually {duration(job.expected_seconds)}" if job.expected_seconds else ""
        seen: list[tuple[str, str]] = []
        with self.busy(f"waiting for job {job.id}{usual}") as change:

            def watch(job: Job, status: Status) -> None:
                state = (status.state.value, status.word)
                if seen[-1:] == [state]:
                    return
                seen.append(state)
                change(f"{state[0]}{usual}")
                age = max(0.0, (status.observed_at - job.submitted_at).total_seconds())
                self.fact(f"{state[0]}", f"after {duration(age)} (vendor says {status.word!r})")

            yield watch


def replace_unwritable() -> None:
    """Let standard output replace characters that its encoding lacks, instead of failing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def as_data(error: MotionKitError) -> dict[str, Any]:
    """Return an error as data, with its command-line hint and the key of its purchase."""
    data = error.to_dict()
    if hint := hint_of(error):
        data["hint"] = hint
    if error.job is not None and error.job.key:
        data.setdefault("key", error.job.key)
    return data


def decided(row: Mapping[str, Any]) -> str:
    """Return one row of a route's decision as a sentence: "ACCOUNT skipped: ...".

    Args:
        row: A row as in `Entry.decision`: target, verdict, sentence.
    """
    return f"{row['target']} {_VERDICTS.get(row['verdict'], row['verdict'])}: {row['sentence']}"


def _plain(cause: str) -> str:
    """Return the message of an error that stamina logged as ``repr``: its class is for programs."""
    shown = re.fullmatch(r"""\w+\((['"])(.*)\1\)""", cause, re.DOTALL)
    return shown[2] if shown else cause


class Reports(logging.Handler):
    """Show what the library logs (a poll repeated, the journal switched off) as progress."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.INFO)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; a retry is told by what caused it."""
        cause = getattr(record, "stamina.caused_by", None)
        if cause is None:
            self._screen.note(record.getMessage(), style="dim")
        else:
            pause = getattr(record, "stamina.wait_for", 0.0)
            self._screen.note(f"trying again in {pause:.1f} s: {_plain(cause)}", style="dim")


@contextmanager
def reporting(screen: Screen) -> Iterator[None]:
    """Send the library's log to the screen for a while."""
    handler = Reports(screen)
    loggers = [logging.getLogger(name) for name in ("motionkit", "stamina")]
    before = [(logger, logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, level, propagate in before:
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate


def _cell(value: Any) -> Text:
    """Return a table cell; a line break in ours is kept, one of a vendor's is not."""
    lines = value if isinstance(value, list) else [value]
    return Text("\n".join(plain(line) for line in lines))
