"""A reader that has gone ends a command quietly; a full disk is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE


def run_into(target: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run a command whose standard output is a closed pipe or a full disk."""
    program = (
        "import os, sys\n"
        "from motionkit.cli import main\n"
        "if sys.argv[1] == 'pipe':\n"
        "    read, write = os.pipe()\n"
        "    os.close(read)\n"
        "else:\n"
        "    write = os.open(sys.argv[1], os.O_WRONLY)\n"
        "os.dup2(write, 1)\n"
        "sys.exit(main(sys.argv[2:]))\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program, target, *argv],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize(
    "argv", [["--help"], ["--version"], ["providers"], ["offers"], ["config", "schema"]]
)
def test_a_closed_pipe_ends_a_command_quietly(argv: list[str], own_place: Path) -> None:
    told = run_into("pipe", *argv)
    assert told.returncode == 0
    assert "Traceback" not in told.stderr
    assert "error" not in told.stderr.lower()


def test_a_schema_that_the_disk_does_not_take_is_an_error(own_place: Path) -> None:
    told = run_into("/dev/full", "config", "schema")
    assert told.returncode == 11
    assert told.stderr == "cannot write to standard output: No space left on device\n"


def test_a_table_that_the_disk_does_not_take_is_told(own_place: Path) -> None:
    told = run_into("/dev/full", "providers")
    assert (told.returncode, "Traceback" in told.stderr) == (0, False)
    assert "No space left on device" in told.stderr
