"""The command line. `main` is the entry point; the rest needs the extra `motionkit[cli]`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from motionkit.cli.front import COMPLETING, show

_NEEDED = frozenset({"click", "rich"})


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments without the program's name; when None, those of the process.

    Returns:
        The exit code; see `motionkit.cli.exit_codes`.
    """
    given = sys.argv[1:] if argv is None else list(argv)
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
