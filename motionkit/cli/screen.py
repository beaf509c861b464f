"""The screen: progress on standard error, results on standard output."""

from __future__ import annotations

import io
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import zip_longest
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

import attrs
import click

from motionkit._support.redaction import redact
from motionkit._support.text import duration, verdict_text
from motionkit.cli import exit_codes, output
from motionkit.cli.format import plain, reason
from motionkit.cli.hints import hint_of
from motionkit.client import Shown, usually
from motionkit.errors import Billed, MotionKitError
from motionkit.model import codec
from motionkit.model.job import STATE_ERRORS, Job, utcnow

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.progress import Progress
    from rich.text import Text

    from motionkit.model.events import Event

PIPE_WIDTH = 240
"""Columns without a terminal: wide enough that no cell is folded."""

_PAUSE = 30.0
"""Seconds between two lines of progress without a terminal."""

_CHOICE = "[resume]:"
"""The longest choice behind a question."""

_WHOLE = frozenset({"TARGET"})
"""Columns that are not folded: people copy their values into the next command."""


class _Forgiving(io.TextIOBase):
    """Standard error, dropping what its device does not take: a job may have been charged."""

    def __init__(self, file: IO[str]) -> None:
        super().__init__()
        self._file = file

    def write(self, text: str) -> int:
        """Write, or drop the text."""
        with suppress(OSError, ValueError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or drop what was written."""
        with suppress(OSError, ValueError):
            self._file.flush()

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._file.isatty()

    def fileno(self) -> int:
        """Return its descriptor."""
        return self._file.fileno()


@cache
def _err() -> Console:
    """Return the one console of all screens, so that rich keeps lines above live lines."""
    from rich import console  # noqa: PLC0415 - a line of text does not need it

    class Quiet(console.Console):
        """A console that goes quiet on a closed pipe: the exit code stays that of the verb."""

        @property  # type: ignore[misc]  # never assigned
        def file(self) -> IO[str]:
            """Standard error of this moment."""
            return cast("IO[str]", _Forgiving(super().file))

    return Quiet(stderr=True, highlight=False)


def _is_plain() -> bool:
    """Return whether standard error certainly is no terminal; rich knows the rest."""
    return sys.stderr is None or not (sys.stderr.isatty() or _FORCING & os.environ.keys())


_FORCING = frozenset({"FORCE_COLOR", "TTY_COMPATIBLE"})
"""Variables that make rich take what is no terminal for one."""


def _say(*parts: tuple[str, str], whole: bool = False) -> None:
    """Write a line of parts with their styles to standard error, above live lines.

    On a terminal the last part is wrapped at words, unless the line is to stay whole.
    """
    texts = [(plain(text), style) for text, style in parts]
    if _is_plain() and not _LIVE:
        if sys.stderr is not None:
            _Forgiving(sys.stderr).write("".join(text for text, _ in texts) + "\n")
        return

    from rich import text as styles  # noqa: PLC0415 - see `_err`

    *labels, (text, style) = texts
    if not whole:
        text = _wrapped(text, sum(len(label) for label, _ in labels))
    _err().print(styles.Text.assemble(*labels, (text, style)), soft_wrap=True)


def _wrapped(text: str, start: int = 0) -> str:
    """Return a text for standard error, wrapped at words if that is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        return text
    from motionkit.cli.wrapping import wrapped  # noqa: PLC0415 - only a terminal has an edge

    return wrapped(text, _err().width, start)


_LIVE: list[Progress | Live] = []
"""The live lines on display."""


def _views() -> ModuleType:
    """Return the module of the live views, which rich draws."""
    from motionkit.cli import live  # noqa: PLC0415 - see `_err`

    return live


def _moves() -> bool:
    """Return whether standard error is a terminal whose cursor can be moved."""
    return not _is_plain() and _err().is_terminal and not _err().is_dumb_terminal


_BILLED: Mapping[Billed, str] = {
    Billed.YES: "this was charged, or will be",
    Billed.UNKNOWN: "this may have been charged",
}


@attrs.frozen(eq=False, repr=False)
class Screen:
    """The output of a verb.

    Attributes:
        json: Whether results are JSON Lines.
        quiet: Whether to show no live line, because another one is on display.
        events: Whether ``--json`` writes events before the result.
    """

    json: bool = False
    quiet: bool = False
    events: bool = True

    @property
    def asks(self) -> bool:
        """Whether the user can be asked for confirmation."""
        # A program that is started without standard streams has None in their places.
        return all(one is not None and one.isatty() for one in (sys.stdin, sys.stderr))

    @property
    def columns(self) -> int:
        """The width of a table on standard output."""
        if sys.stdout is None or not sys.stdout.isatty():
            return PIPE_WIDTH
        from rich.console import Console  # noqa: PLC0415 - see `rows`

        return Console(file=sys.stdout, force_terminal=True).width

    def note(self, text: str, *, style: str = "") -> None:
        """Write a line of progress."""
        _say((text, style))

    def command(self, text: str) -> None:
        """Write a command to copy, as it is however narrow the terminal is."""
        _say((text, ""), whole=True)

    def fact(self, name: str, text: str, *, style: str = "") -> None:
        """Write a line of progress with a label."""
        _say((f"{name:<9} ", "bold"), (text, style))

    def answer(self, data: Mapping[str, Any], text: str) -> None:
        """Write a result: the data with ``--json``, else the text."""
        self.write(codec.dumps(data) if self.json else text)

    def write(self, text: str) -> bool:
        """Write a line to standard output; return False if the device does not take it.

        If it is closed or full, the exit code stays that of the verb, which may have been charged.
        """
        error = output.write(text)
        if error is None or isinstance(error, BrokenPipeError):
            return True
        self.note(f"cannot write to standard output: {reason(error)}")
        return False

    def rows(
        self,
        data: Sequence[Mapping[str, Any]],
        columns: Sequence[str],
        cells: Sequence[Any],
        widths: list[int] | None = None,
        *,
        numbers: Container[str] = (),
    ) -> None:
        """Write a list: JSON Lines with ``--json``, else a table.

        Args:
            data: The rows as data.
            columns: The heads of the table.
            cells: The rows of the table.
            widths: Where a long list is written in parts: empty for the first, and handed on to the
                others, which have no head and are at least as wide.
            numbers: The heads of columns that are aligned to the right.
        """
        if self.json:
            for row in data:
                self.answer(row, "")
            return
        self.write(self._table(sys.stdout, columns, cells, widths, numbers))

    def table(
        self, columns: Sequence[str], cells: Sequence[Any], *, numbers: Container[str] = ()
    ) -> None:
        """Write a table of progress to standard error; its parameters are those of `rows`."""
        if sys.stderr is not None:
            text = self._table(sys.stderr, columns, cells, None, numbers)
            _Forgiving(sys.stderr).write(f"{text}\n")

    def _table(
        self,
        stream: IO[str] | None,
        columns: Sequence[str],
        cells: Sequence[Any],
        widths: list[int] | None,
        numbers: Container[str],
    ) -> str:
        """Return a table for a stream; see `rows`."""
        if not _is_terminal(stream) and "FORCE_COLOR" not in os.environ:
            texts = [[_text(cell) for cell in row] for row in cells]
            table = _simple(columns, texts, widths, numbers)
            if table is not None:
                return table
        return self._drawn(stream, columns, cells, widths, numbers)

    def _drawn(
        self,
        stream: IO[str] | None,
        columns: Sequence[str],
        cells: Sequence[Any],
        widths: list[int] | None,
        numbers: Container[str],
    ) -> str:
        """Return a table by rich; see `rows`."""
        from rich.console import Console  # noqa: PLC0415 - JSON does not need it
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        terminal, drawn = _is_terminal(stream), io.StringIO()
        console = Console(
            file=drawn,
            force_terminal=terminal or None,
            width=None if terminal else PIPE_WIDTH,
            highlight=False,
        )
        made = [[_cell(cell) for cell in row] for row in cells]
        least = [0] * len(columns)
        if widths is not None:
            longest = [console.measure(Text(head)).maximum for head in columns]
            for texts in made:
                lengths = [console.measure(text).maximum for text in texts]
                longest = list(map(max, longest, lengths))
            if widths and sum(widths) + 2 * len(widths) <= console.width:
                least = widths
        table = Table(
            box=None,
            pad_edge=False,
            header_style="bold",
            padding=(0, 2, 0, 0),
            show_header=not widths,
        )
        for head, width in zip(columns, least, strict=True):
            table.add_column(
                head,
                overflow="fold",
                no_wrap=head in _WHOLE,
                min_width=width or None,
                justify="right" if head in numbers else "left",
            )
        for texts in made:
            table.add_row(*texts)
        if widths is not None:
            widths[:] = map(max, longest, widths or longest)
        console.print(table)
        return drawn.getvalue().removesuffix("\n")

    def error(self, error: MotionKitError) -> int:
        """Write an error and return its exit code."""
        code = exit_codes.code_of(error)
        if self.json:
            told = {"event": "error", "time": utcnow(), **error_data(error)}
            self.answer({**told, "exit_code": code}, "")
        for row in error.decision:
            self.fact("route", decided(row))
        first, *rest = error.message.splitlines() or [""]
        self.fact("error:", first, style="red")
        for line in rest:  # what is wrong with each row of a batch
            self.note(line, style="red")
        if hint := hint_of(error):
            self.fact("hint:", hint)
        if money := _money(error):
            self.fact("money:", money, style="yellow")
        return code

    def errors_into(self, codes: list[int]) -> Callable[[MotionKitError], None]:
        """Return a function that writes an error and adds its exit code to a list."""
        return lambda error: codes.append(self.error(error))

    def unexpected(self, error: Exception) -> int:
        """Write an unexpected error without secrets and return the exit code."""
        name, message = type(error).__name__, redact(str(error))
        if self.json:
            failed = {
                "event": "error",
                "time": utcnow(),
                "error": name,
                "message": message,
                "exit_code": exit_codes.UNEXPECTED,
            }
            self.answer(failed, "")
        shown = reason(error) if isinstance(error, OSError) else f"unexpected error: {message}"
        self.fact("error:", redact(shown), style="red")
        self.fact("hint:", "report it with the traceback that 'motionkit --debug ...' shows")
        return exit_codes.UNEXPECTED

    @contextmanager
    def busy(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show a live line on a terminal, nothing otherwise.

        Yields:
            A function that sets the text of the line.
        """
        if self.quiet or not _moves():
            yield lambda _: None
            return
        from rich.progress import (  # noqa: PLC0415 - only a terminal shows it
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=_err(), transient=True) as progress:
            task = progress.add_task(plain(text), total=None)
            _LIVE.append(progress)
            try:
                yield lambda now: progress.update(task, description=plain(now))
            finally:
                _LIVE.remove(progress)

    @contextmanager
    def counting(
        self, total: int, *, clock: Callable[[], float] = time.monotonic
    ) -> Iterator[Callable[[int, str], None]]:
        """Show a bar on a terminal; elsewhere a line when the block begins, and now and then.

        Args:
            total: What `done` comes to in the end.
            clock: Seconds of a clock that only goes forward.

        Yields:
            A function that takes how many are done, and what to say of it.
        """
        if self.quiet or not _moves():
            yield _Lines(self, clock)
            return
        from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415 - see `busy`
        from rich.table import Column  # noqa: PLC0415 - see `busy`

        # Where the line is too narrow for the text, it continues on the next, from word to word.
        said = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=False))
        columns = (BarColumn(bar_width=24), said)
        with Progress(*columns, console=_err(), transient=True) as progress:
            task = progress.add_task("", total=total)
            _LIVE.append(progress)
            try:
                yield lambda done, text: progress.update(
                    task, completed=done, description=plain(text)
                )
            finally:
                _LIVE.remove(progress)

    def confirm(self, question: str) -> None:
        """Ask a yes-or-no question; live lines pause meanwhile.

        Raises:
            Abort: The answer is no.
        """
        if not self.agreed(question):
            raise click.Abort

    def agreed(self, question: str, *, default: bool = False) -> bool:
        """Ask a yes-or-no question and return the answer; live lines pause meanwhile."""
        with self.paused():
            return click.confirm(_question(question), default=default, err=True)

    def asked(self, question: str, *, default: str, hidden: bool = False) -> str:
        """Ask for a text and return it; live lines pause meanwhile.

        Args:
            question: The question.
            default: The answer of an empty line.
            hidden: Whether what is typed stays invisible.
        """
        with self.paused():
            answer: str = click.prompt(
                _question(question),
                default=default,
                show_default=bool(default),
                hide_input=hidden,
                err=True,
            )
            return answer

    @contextmanager
    def following(
        self,
        job: Job,
        usual: tuple[float, float],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> Iterator[Callable[[Event], None]]:
        """Show the states of a job as they change, and how long it has run.

        Args:
            job: The job.
            usual: By which ages half and nine of ten of such jobs have ended, in seconds.
            clock: Seconds of a clock that only goes forward.

        Yields:
            A watcher for `Client.wait`.
        """
        from motionkit.model import events  # noqa: PLC0415 - for those who wait

        shown = Shown(job.key, "waiting", "", *usual, clock)
        shown.aged(max(0.0, (utcnow() - job.submitted_at).total_seconds()))
        lines = _Lines(self, clock, next=clock() + _PAUSE)
        seen: list[tuple[str, str]] = []

        def watch(event: Event) -> None:
            self.event(event)
            if not isinstance(event, events.StateChanged):
                return
            status = event.status
            state = (status.state.value, status.word)
            shown.state = state[0]
            shown.aged(event.seconds)
            if seen[-1:] == [state]:
                lines(0, f"{state[0]} {shown.time()}")
                return
            # An end that the first poll finds may be long past: the job's age is not its time.
            aged = bool(seen) or not status.state.terminal
            after = f"after {duration(event.seconds)} " if aged else ""
            often = "" if seen or status.state.terminal else f", {usually(*usual)}"
            seen.append(state)
            self.fact(state[0], f"{after}(vendor status {status.word}){often}")

        with self._live(lambda: _views().Line(shown)):
            yield watch

    @contextmanager
    def board(
        self, jobs: Mapping[str, Shown], summary: Callable[[], str]
    ) -> Iterator[Callable[[], None]]:
        """Show many jobs as a live table; elsewhere their sum, now and then.

        Args:
            jobs: The jobs by key; the caller changes them while they are shown.
            summary: Returns their sum.

        Yields:
            A function to call when something has changed.
        """
        lines = _Lines(self, time.monotonic, next=time.monotonic() + _PAUSE)
        with self._live(lambda: _views().Board(jobs, summary)) as drawn:
            yield (lambda: None) if drawn else (lambda: lines(0, summary()))

    @contextmanager
    def _live(self, view: Callable[[], RenderableType]) -> Iterator[bool]:
        """Draw a view again and again during the block, on a terminal that can move its cursor.

        Yields:
            Whether it is drawn.
        """
        if self.quiet or not _moves():
            yield False
            return
        from rich.live import Live  # noqa: PLC0415 - see `busy`

        with Live(view(), console=_err(), refresh_per_second=4, transient=True) as drawn:
            _LIVE.append(drawn)
            try:
                yield True
            finally:
                _LIVE.remove(drawn)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Take live views off the screen during the block."""
        for one in _LIVE:
            one.stop()
        try:
            yield
        finally:
            for one in _LIVE:
                one.start()

    def event(self, event: Event) -> None:
        """Write an event with ``--json``, except the end of a command: that is its answer."""
        if self.json and self.events and event.name != "error":
            from motionkit.model.events import as_data  # noqa: PLC0415 - for those who wait

            self.answer(as_data(event), "")


def labelled(lines: Iterable[tuple[str, str]]) -> str:
    """Return lines with labels for standard output, wrapped at words if that is a terminal."""
    texts = [(f"{name:<9} ", plain(text)) for name, text in lines]
    if sys.stdout is not None and sys.stdout.isatty():
        from motionkit.cli.wrapping import wrapped  # noqa: PLC0415 - only a terminal has an edge

        width = Screen().columns
        texts = [(label, wrapped(text, width, len(label))) for label, text in texts]
    return "\n".join(label + text for label, text in texts)


def _question(text: str) -> str:
    """Return a question wrapped at words; click puts the choice behind it."""
    return _wrapped(f"{plain(text)} {_CHOICE}").removesuffix(_CHOICE).rstrip(" ")


@attrs.define(eq=False, repr=False)
class _Lines:
    """Progress for a log file: a line when something changed, at most one in `_PAUSE` seconds."""

    _screen: Screen
    _clock: Callable[[], float]
    _said: str = ""
    _next: float = attrs.field(default=float("-inf"), alias="next")

    def __call__(self, _: int, text: str) -> None:
        """Write the line, unless it is too soon or says what the last one said."""
        if not self._screen.quiet and text != self._said and self._clock() >= self._next:
            self._said, self._next = text, self._clock() + _PAUSE
            self._screen.note(text)


def _money(error: MotionKitError) -> str | None:
    """Return whether it was charged, and how much its submit reported; None before a job."""
    ended = error.job is not None and isinstance(error, tuple(STATE_ERRORS.values()))
    if error.billed is Billed.NO:
        return "nothing was charged (refunded)" if ended else None
    if ended and error.job is not None and error.job.cost is not None:
        return f"{_BILLED[error.billed]}: {error.job.cost}"
    return _BILLED[error.billed]


def trace(text: str) -> None:
    """Write a traceback to standard error."""
    _err().file.write(text)


def error_data(error: MotionKitError) -> dict[str, Any]:
    """Return an error as data, with its command-line hint and the key of its purchase."""
    data = error.to_dict()
    if hint := hint_of(error):
        data["hint"] = hint
    if error.job is not None and error.job.key:
        data.setdefault("key", error.job.key)
    return data


def decided(row: Mapping[str, Any]) -> str:
    """Return a row of `PurchaseRecord.decision` as a sentence: "ACCOUNT not tried: ..."."""
    return f"{row['target']} {verdict_text(row['verdict'])}: {row['sentence']}"


def _plain(cause: str) -> str:
    """Return the message of an error that stamina logged as ``repr``."""
    shown = re.fullmatch(r"""\w+\((['"])(.*)\1\)""", cause, re.DOTALL)
    return shown[2] if shown else cause


class Reports(logging.Handler):
    """Show the log of the library (retries, a journal that is off) as progress."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.INFO)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; a retry with its cause."""
        if record.name == "motionkit.events":  # for programs; people read the screen's own lines
            return
        cause = getattr(record, "stamina.caused_by", None)
        if cause is None:
            self._screen.note(record.getMessage(), style="dim")
        else:
            pause = getattr(record, "stamina.wait_for", 0.0)
            self._screen.note(f"retrying in {pause:.1f} s: {_plain(cause)}", style="dim")


@contextmanager
def reporting(screen: Screen) -> Iterator[None]:
    """Send the library's log to the screen inside the block."""
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


@contextmanager
def warnings_only() -> Iterator[None]:
    """Show no more of the log than warnings inside the block.

    With many items there is always one whose poll is repeated or whose account is busy.
    """
    loggers = [logging.getLogger(name) for name in ("motionkit", "stamina")]
    before = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in before:
            logger.setLevel(level)


def _is_terminal(stream: IO[str] | None) -> bool:
    return stream is not None and stream.isatty()


class Styled(NamedTuple):
    """A text of a table with a style of rich."""

    text: str
    style: str


def styled(text: object, style: str) -> Styled:
    """Return a text of a table with a style of rich."""
    return Styled(str(text), style)


def _text(value: Any) -> str:
    """Return the text of a table's cell: a list becomes lines, None is empty."""
    if isinstance(value, Styled):
        return plain(value.text)
    lines = value if isinstance(value, list) else [value]
    return "\n".join(plain("" if line is None else line) for line in lines)


def _simple(
    columns: Sequence[str],
    texts: Sequence[Sequence[str]],
    widths: list[int] | None,
    numbers: Container[str],
) -> str | None:
    """Return a table without a terminal, as rich draws it there; None where only rich can.

    Most of a short command's time would be rich's. Where a letter may be wide, or a row is too
    long, rich measures and folds.
    """
    if not all(text.isascii() for row in texts for text in row):
        return None
    lines = [[text.split("\n") for text in row] for row in texts]
    longest = [
        max(map(len, [head, *(line for row in lines for line in row[place])]))
        for place, head in enumerate(columns)
    ]
    if widths and sum(widths) + 2 * len(widths) <= PIPE_WIDTH:
        longest = list(map(max, longest, widths))
    if sum(longest) + 2 * len(longest) > PIPE_WIDTH:
        return None
    if not widths:
        lines.insert(0, [[head] for head in columns])
    if widths is not None:
        widths[:] = longest
    right = [head in numbers for head in columns]
    return "\n".join(
        "  ".join(
            one.rjust(width) if to_right else one.ljust(width)
            for one, width, to_right in zip(parts, longest, right, strict=True)
        )
        for row in lines
        for parts in zip_longest(*row, fillvalue="")
    )


def _cell(value: Any) -> Text:
    """Return a table's cell for rich."""
    from rich import text as styles  # noqa: PLC0415 - see `Screen.rows`

    return styles.Text(_text(value), value.style if isinstance(value, Styled) else "")
