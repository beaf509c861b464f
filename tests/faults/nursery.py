"""Start the kill test's processes, and talk to them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
from patience import PATIENCE

_SCRIPT = Path(__file__).with_name("child.py")


@attrs.frozen
class Nursery:
    """A warm process that forks one process for each command."""

    _process: subprocess.Popen[str]

    def start(self, **command: Any) -> None:
        """Give a command without waiting for it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command, default=str) + "\n")
        self._process.stdin.flush()

    def finish(self) -> Mapping[str, Any]:
        """Wait for the command's last words."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the nursery has died"
        told: Mapping[str, Any] = json.loads(line)
        assert "crashed" not in told, told["crashed"]
        return told

    def run(self, **command: Any) -> Mapping[str, Any]:
        """Run a command to its end, its own or the one it was given."""
        self.start(**command)
        return self.finish()


@contextlib.contextmanager
def nursery() -> Iterator[Nursery]:
    """Start a nursery and end it."""
    quiet = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    with subprocess.Popen(
        [sys.executable, str(_SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=quiet,
    ) as process:
        yield Nursery(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(PATIENCE)
