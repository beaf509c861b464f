"""Run the command line in this process or in another, and look at the vendor's ledger."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest
from patience import PATIENCE, bounded

from motionkit.cli import main
from motionkit.sandbox import Sandbox


@attrs.frozen
class Ended:
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every line that ``--json`` printed."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def data(self) -> list[dict[str, Any]]:
        """What ``--json`` printed, without the events on the way to a result."""
        passing = {"submitted", "state", "progress"}
        return [row for row in self.events if row.get("event") not in passing]

    @property
    def one(self) -> dict[str, Any]:
        """The one object that ``--json`` printed."""
        (only,) = self.data
        return only


@attrs.frozen
class Cli:
    """Run command lines in this process."""

    capsys: pytest.CaptureFixture[str]

    def __call__(self, *argv: object) -> Ended:
        code = main([str(one) for one in argv])
        return Ended(code, *self.capsys.readouterr())


@attrs.frozen
class Account:
    """One account at the sandbox, as the vendor sees it."""

    sandbox: Sandbox
    vendor: str
    label: str
    key: str

    @property
    def ledger(self) -> dict[str, Any]:
        told = self.sandbox.ledger()["vendors"][self.vendor]["accounts"][self.label]
        assert isinstance(told, dict)
        return told

    @property
    def bought(self) -> tuple[int, int, str]:
        """Paid calls, jobs, and what was charged."""
        told = self.ledger
        return told["submits"], len(told["jobs"]), told["charged"]

    def finish_jobs(self) -> None:
        """Let vendor time pass until every job has ended."""
        self.sandbox.advance(3600)


@contextmanager
def process(*argv: object) -> Iterator[subprocess.Popen[str]]:
    """Run the command line in a process of its own; it never outlives the test."""
    with (
        subprocess.Popen(
            [sys.executable, "-m", "motionkit", *(str(one) for one in argv)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running,
        bounded(running),
    ):
        yield running


def read_until(running: subprocess.Popen[str], text: str) -> str:
    """Read a process's progress up to the line that has the text; the watchdog bounds it."""
    assert running.stderr is not None
    read = ""
    for line in running.stderr:
        read += line
        if text in line:
            return read
    pytest.fail(f"{text!r} did not come; there was {read!r}")


def ended(running: subprocess.Popen[str]) -> Ended:
    out, err = running.communicate(timeout=PATIENCE)
    return Ended(running.returncode, out, err)
