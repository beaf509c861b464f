"""Run the command line on a terminal of its own, and type there."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import pytest
from patience import PATIENCE


@attrs.define
class Terminal:
    """A command on a terminal.

    Attributes:
        seen: Everything that the terminal has shown, escape sequences left out.
    """

    _running: subprocess.Popen[bytes]
    _master: int
    seen: str = ""
    _read: int = 0

    def expect(self, text: str) -> None:
        """Read until the text appears after what was expected before."""
        while text not in self.seen[self._read :]:
            if not self._more():
                pytest.fail(f"{text!r} did not come; there was {self.seen!r}")
        self._read = self.seen.index(text, self._read) + len(text)

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._master, f"{line}\n".encode())

    def end(self) -> int:
        """Wait for the command, and return its exit code."""
        while self._more():
            pass
        return self._running.wait(PATIENCE)

    def _more(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], PATIENCE)
        if not ready:
            return False
        try:
            text = os.read(self._master, 65536).decode(errors="replace")
        except OSError:  # the command has closed the terminal
            return False
        self.seen += re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", text).replace("\r", "")
        return bool(text)


@contextmanager
def terminal(*argv: object, columns: int = 80) -> Iterator[Terminal]:
    """Run a command line on a terminal of 24 lines; it never outlives the block."""
    master, slave = os.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "LINES": "24", "TERM": "xterm"}
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "motionkit", *(str(one) for one in argv)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
        ) as running:
            os.close(slave)
            try:
                yield Terminal(running, master)
            finally:
                if running.poll() is None:
                    running.kill()
    finally:
        os.close(master)
