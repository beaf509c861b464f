"""What comes after a purchase changes neither its end nor its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_support import Account
from patience import PATIENCE

from motionkit.sandbox import sample_picture

STREAMS = [
    ("pipe:1", []),
    ("/dev/full:1", ["--json"]),
    ("/dev/full:2", []),
    ("/dev/full:1,2", ["--json"]),
    ("closed:0,1,2", []),
]
"""What is in the place of which standard streams."""
ODD = "h\u00e9ros-\u5317\u4eac-\U0001f600"


def run_into(target: str, *argv: str, encoding: str = "utf-8") -> subprocess.CompletedProcess[str]:
    """Run a command whose standard output is a closed pipe, a full disk, or closed."""
    program = (
        "import os, sys\n"
        "what, _, places = sys.argv[1].partition(':')\n"
        "for place in map(int, (places or '1').split(',')):\n"
        "    if what == 'closed':\n"
        "        os.close(place)\n"
        "        continue\n"
        "    if what == 'pipe':\n"
        "        read, write = os.pipe()\n"
        "        os.close(read)\n"
        "    else:\n"
        "        write = os.open(what, os.O_WRONLY)\n"
        "    os.dup2(write, place)\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'motionkit', *sys.argv[2:]])\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program, target, *argv],
        capture_output=True,
        text=True,
        encoding=encoding,
        errors="replace",
        env={**os.environ, "PYTHONIOENCODING": encoding},
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


@pytest.mark.parametrize(("streams", "json"), STREAMS, ids=[streams for streams, _ in STREAMS])
def test_a_purchase_ends_well_wherever_its_output_goes(
    account: Account, media: list[str], streams: str, json: list[str]
) -> None:
    for _ in range(2):  # the same command again submits nothing
        told = run_into(streams, "mimic", *media, "--out", "out.mp4", *json)
        assert told.returncode == 0
        assert "Traceback" not in told.stderr
        assert "unexpected" not in told.stderr
    assert account.bought[0] == 1
    assert Path("out.mp4").stat().st_size > 0
    assert run_into(streams, "jobs", *json).returncode == 0


@pytest.mark.parametrize(
    ("encoding", "json"), [("cp1252", []), ("gbk", []), ("ascii", []), ("ascii", ["--json"])]
)
def test_a_console_without_a_files_letters_shows_the_rest(
    account: Account, media: list[str], encoding: str, json: list[str]
) -> None:
    Path(f"{ODD}.png").write_bytes(sample_picture())
    argv = ["mimic", "--image", f"{ODD}.png", *media[2:], "--out", f"{ODD}.mp4", *json]
    for command in (argv, ["jobs", *json]):
        told = run_into("pipe:0", *command, encoding=encoding)
        assert (told.returncode, "Traceback" in told.stderr) == (0, False)
        assert told.stdout
    assert account.bought[0] == 1
    assert Path(f"{ODD}.mp4").stat().st_size > 0
    if not json:
        assert run_into("pipe:0", *argv, encoding=encoding).stdout == (
            f"{ODD}.mp4\n".encode(encoding, "replace").decode(encoding)
        )
