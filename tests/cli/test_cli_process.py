"""The process of a command line: how it ends, and with which exit code."""

from __future__ import annotations

import subprocess
import sys

import pytest

PATIENCE = 180
STEPS = """
import atexit, gc, sys, threading
from motionkit import __main__ as process

class Left:
    def __del__(self):
        print("taken apart")

left = Left()
process.main = lambda: {main}
{before}
code = process.program()
atexit.register(print, "registered later")
threading.Thread(target=print, args=("thread",)).start()
sys.exit(code)
"""


def ended(main: str, before: str = "", *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-c", STEPS.format(main=main, before=before)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("code", [0, 3, 75])
def test_a_process_does_all_that_was_to_happen_at_its_end_and_takes_nothing_apart(
    code: int,
) -> None:
    done = ended(f"print('no line end', end=' ') or {code}")
    assert (done.returncode, done.stderr) == (code, "")
    assert "no line end" in done.stdout
    assert "thread" in done.stdout
    assert "registered later" in done.stdout
    assert "taken apart" not in done.stdout


def test_development_mode_ends_as_python_does_and_shows_what_was_left_open() -> None:
    done = ended("7", "", "-X", "dev")
    assert done.returncode == 7
    assert "taken apart" in done.stdout


@pytest.mark.parametrize(("main", "code"), [("sys.exit(9)", 9), ("1 // 0", 1)])
def test_an_end_that_is_not_the_command_line_s_keeps_its_code(main: str, code: int) -> None:
    done = ended(main)
    assert done.returncode == code
    assert ("ZeroDivisionError" in done.stderr) is (code == 1)
    assert "taken apart" in done.stdout


def test_output_that_cannot_be_written_at_the_end_is_told_by_python() -> None:
    done = ended("sys.stdout.write('lost') and 0", "sys.stdout = open('/dev/full', 'w')")
    assert "No space left" in done.stderr


def test_only_a_process_of_its_own_collects_garbage_seldom() -> None:
    told = "print(gc.get_threshold()[0] > 10_000, gc.isenabled()) or 0"
    assert "True True" in ended(told).stdout
    alone = (
        "import gc; from motionkit.cli import main; before = gc.get_threshold();"
        "main(['--version']); print(gc.get_threshold() == before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", alone], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert done.stdout.splitlines()[-1] == "True"
