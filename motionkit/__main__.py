"""`python -m motionkit` and the command `motionkit`: a process that runs one command line."""

from __future__ import annotations

import atexit
import gc
import os
import sys

from motionkit.cli import main

_LIVE_OBJECTS = 100_000
"""New objects before the collector looks for cycles among them; by Python's default some 1,000.

Imports make objects that stay: to search them for garbage again and again takes a fifth of the time
of a verb. What a long verb leaves in cycles is still collected.
"""


class _End:
    """Ends the process once all that was to happen at its end has: nothing is taken apart.

    To free each object by itself takes some 10 ms. Registered first, it runs after every other
    function of `atexit`, when the threads have ended.
    """

    code: int | None = None
    """The exit code; None, for an end that is not ours, leaves it to Python."""

    def __call__(self) -> None:
        if self.code is None or sys.flags.dev_mode:
            return  # `python -X dev` shows what was left open
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (AttributeError, OSError, ValueError):
            return  # closed, or on a full disk: Python says so
        os._exit(self.code)


def program() -> int:
    """Run the command line of this process, which runs nothing else; return the exit code."""
    end = _End()
    atexit.register(end)
    gc.set_threshold(_LIVE_OBJECTS)
    end.code = main()
    return end.code


if __name__ == "__main__":
    sys.exit(program())
