"""The command line. `main` is the entry point; the rest needs the extra `motionkit[cli]`."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from motionkit.cli.front import COMPLETING, show

_NEEDED = frozenset({"click", "rich"})


_LIVE_OBJECTS = 100_000
"""New objects before the collector looks for cycles among them; by Python's default some 1,000."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments without the program's name. When None they are those of the process,
            which is then taken to run nothing else: it collects garbage less often.

    Returns:
        The exit code; see `motionkit.cli.exit_codes`.
    """
    if argv is not None:
        return _run(list(argv))
    with _seldom_collected():
        return _run(sys.argv[1:])


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Let the process make many objects between two collections, and end without one.

    Imports make objects that stay: to search them for garbage again and again, and once more at
    the end of the process, takes a fifth of the time of a verb. What a long verb leaves in cycles
    is still collected.
    """
    gc.set_threshold(_LIVE_OBJECTS)
    try:
        yield
    finally:
        gc.freeze()


def _run(given: list[str]) -> int:
    if COMPLETING not in os.environ and show(given):
        return 0
    try:
        from motionkit.cli.app import run  # noqa: PLC0415 - the extra may be missing
    except ModuleNotFoundError as error:
        if error.name not in _NEEDED:
            raise
        sys.stderr.write(
            "error: the command line needs the extra 'cli': pip install 'motionkit[cli]'\n"
        )
        return 2
    return run(given)
