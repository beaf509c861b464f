"""``--on-done``: a program of the user's, without a shell, after all else; it changes nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from cli_support import Account, Cli

from motionkit.cli import main

NOTE = "import json, sys; json.dump(sys.argv[2:], open(sys.argv[1], 'w'))"


@pytest.fixture
def program(tmp_path: Path) -> str:
    """A command line that notes its arguments in a file."""
    script = tmp_path / "note it.py"
    script.write_text(NOTE)
    return f"{sys.executable} '{script}' '{tmp_path / 'told.json'}'"


def told(tmp_path: Path) -> list[str]:
    found = json.loads((tmp_path / "told.json").read_text())
    assert isinstance(found, list)
    return found


def test_it_is_told_key_state_file_cost_and_job(
    cli: Cli, account: Account, media: list[str], program: str, tmp_path: Path
) -> None:
    argv = ["mimic", *media, "--key", "a b; rm -rf", "--out", "o ut.mp4", "--via", "pixverse"]
    done = cli(*argv, "--on-done", program + " {key} {state} {file} '{cost}' x{job}x", "--json")
    assert done.code == 0, done.err
    (job,) = account.ledger["jobs"]
    assert told(tmp_path) == [
        "a b; rm -rf",
        "succeeded",
        str(Path("o ut.mp4").absolute()),
        "40 credits",
        f"x{job['id']}x",
    ]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("verb", ["wait", "resume"])
def test_wait_and_resume_have_it_too(
    cli: Cli, media: list[str], program: str, tmp_path: Path, verb: str
) -> None:
    cli("submit", "mimic", *media, "--key", "k", "--out", "k.mp4", "--via", "pixverse")
    assert cli(verb, "k", "--on-done", program + " {key} {state}").code == 0
    assert told(tmp_path) == ["k", "succeeded"]


def test_a_failed_job_has_ended_too(
    cli: Cli, account: Account, media: list[str], program: str, tmp_path: Path
) -> None:
    account.sandbox.fault("fail:submit")
    done = cli("mimic", *media, "--via", "pixverse", "--on-done", program + " {state} [{file}]")
    assert done.code == 6
    assert told(tmp_path) == ["failed", "[]"]


def test_a_wait_that_is_over_is_no_end_of_the_job(
    cli: Cli, slow_account: Account, media: list[str], program: str, tmp_path: Path
) -> None:
    argv = ["mimic", *media, "--via", "pixverse", "--timeout", "0"]
    assert cli(*argv, "--on-done", program).code == 9
    assert not (tmp_path / "told.json").exists()


@pytest.mark.parametrize("command", ["false", f"{sys.executable} -c 'raise SystemExit(3)'"])
def test_its_failure_is_a_warning_and_not_the_exit_code(
    cli: Cli, account: Account, media: list[str], command: str
) -> None:
    done = cli("mimic", *media, "--via", "pixverse", "--out", "o.mp4", "--on-done", command)
    assert done.code == 0
    assert Path("o.mp4").is_file()
    assert "warning" in done.err
    assert "the purchase is not affected" in done.err
    assert done.out == "o.mp4\n"


def test_what_it_prints_does_not_reach_standard_output(
    capfd: pytest.CaptureFixture[str], account: Account, media: list[str]
) -> None:
    argv = ["mimic", *media, "--via", "pixverse", "--out", "o.mp4", "--on-done", "echo {state}"]
    assert main(argv) == 0
    out, err = capfd.readouterr()
    assert out == "o.mp4\n"
    assert "succeeded\n" in err


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("", "there is no program nothing"),
        ("'", "cannot be split"),
        ("no-such-program-of-anyones {key}", "there is no program 'no-such-program-of-anyones'"),
        ("echo {secret}", "there is no placeholder {secret}"),
        ("echo {}", "there is no placeholder {}"),
    ],
)
def test_a_command_that_cannot_run_is_refused_before_anything_is_bought(
    cli: Cli, account: Account, media: list[str], command: str, why: str
) -> None:
    done = cli("mimic", *media, "--via", "pixverse", "--on-done", command, "--json")
    assert done.code == 2
    assert done.one["field"] == "on_done"
    assert why in done.one["message"]
    assert account.bought[0] == 0


def test_a_key_that_looks_like_a_placeholder_is_not_replaced(
    cli: Cli, account: Account, media: list[str], program: str, tmp_path: Path
) -> None:
    argv = ["mimic", *media, "--key", "{state}", "--via", "pixverse", "--on-done"]
    assert cli(*argv, program + " {key}").code == 0
    assert told(tmp_path) == ["{state}"]
