"""Tables as CSV on standard output, and questions before something is taken away."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Any

from motionkit.cli.format import reason
from motionkit.cli.screen import Screen
from motionkit.errors import DownloadFailed, InvalidRequest


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows as CSV for spreadsheets, as the results of a batch: no cell begins like a formula.

    UTF-8 with a byte order mark; None is an empty cell.

    Raises:
        DownloadFailed: Standard output cannot be written.
    """
    from motionkit.batch import safe_cell  # noqa: PLC0415 - not for other verbs

    def write(stream: IO[bytes]) -> None:
        text = io.TextIOWrapper(stream, "utf-8-sig", errors="backslashreplace", newline="")
        writer = csv.writer(text)
        writer.writerow(columns)
        for row in rows:
            writer.writerow([safe_cell(cell) for cell in row])
        text.flush()
        text.detach()

    to_output(write)


def to_output(write: Callable[[IO[bytes]], None]) -> None:
    """Write bytes to standard output.

    Raises:
        DownloadFailed: It cannot be written; a reader that has seen enough is no error.
    """
    try:
        sys.stdout.flush()
        write(sys.stdout.buffer)
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = io.StringIO()  # the reader has seen enough
    except OSError as error:
        raise DownloadFailed(f"cannot write to standard output: {reason(error)}") from error


def one_format(*, json: bool, csv: bool) -> None:
    """Refuse two formats at once.

    Raises:
        InvalidRequest: Both are asked for.
    """
    if json and csv:
        raise InvalidRequest("--json and --csv exclude each other", field="csv")


def confirm(screen: Screen, what: str, much: str = "", *, yes: bool) -> None:
    """Ask before something is done that costs or cannot be taken back.

    Args:
        screen: Where to ask.
        what: What is done, as a command: "prune 12 jobs".
        much: What it comes to.
        yes: Whether the user has agreed already.

    Raises:
        Abort: The user declined.
        InvalidRequest: There is no terminal to ask on.
    """
    text = f"{what}{f': {much}' if much else ''}"
    if yes:
        return
    if screen.asks:
        screen.confirm(f"{text}?")
        return
    raise InvalidRequest(
        f"confirmation required: {text}; pass --yes", field="yes", limit="--yes without a terminal"
    )
