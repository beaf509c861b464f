"""`motionkit sandbox -- COMMAND ...`: in the sandbox alone, with a journal of its own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from cli_support import Cli

from motionkit.cli import sandbox
from motionkit.errors import InvalidRequest
from motionkit.sandbox import Sandbox

TELL = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w')); sys.exit(7)"


def test_a_command_runs_with_the_sandbox_alone_and_its_exit_code_is_returned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = {"PIXVERSE_API_KEY": "my-own-key", "MOTIONKIT_CONFIG": "mine.toml"}
    for name, value in {**mine, "MOTIONKIT_JOURNAL": "mine.db"}.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "environment.json"
    code = sandbox.sandbox(command=[sys.executable, "-c", TELL, str(file)])
    seen = json.loads(file.read_text())
    assert code == 7
    assert "my-own-key" not in seen.values()
    assert seen["PIXVERSE_BASE_URL"].startswith("http://127.0.0.1:")
    assert seen["MOTIONKIT_JOURNAL"] not in {"", "mine.db"}
    assert not Path(seen["MOTIONKIT_JOURNAL"]).parent.exists()  # it ended with the sandbox
    assert not Path(seen["MOTIONKIT_CONFIG"]).exists()


@pytest.mark.parametrize(
    ("program", "why"), [("no-such-program", "No such file"), ("./plain.txt", "Permission denied")]
)
def test_a_command_that_cannot_run_is_an_invalid_request(program: str, why: str) -> None:
    Path("plain.txt").touch()
    with pytest.raises(InvalidRequest, match=f"command: cannot run '{program}': {why}"):
        sandbox.sandbox(command=[program])


@pytest.mark.parametrize(
    ("options", "field"),
    [(["--webhook", "http://[::1"], "webhook"), (["--host", "10.0.0.1"], "host")],
)
def test_an_address_beyond_loopback_is_refused_in_words(
    cli: Cli, options: list[str], field: str
) -> None:
    told = cli("sandbox", *options, "--json")
    assert told.code == 2
    assert told.one["field"] == field
    assert "loopback" in told.one["message"]


def test_the_environment_in_python_leaves_the_users_journal_alone_and_its_own_goes_with_it(
    media: list[str], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = Path(os.environ["MOTIONKIT_JOURNAL"])
    with Sandbox(speed=1000, job_seconds=1) as served:
        assert served.environment == served.environment
        for name, value in served.environment.items():
            monkeypatch.setenv(name, value)
        own = Path(served.environment["MOTIONKIT_JOURNAL"])
        assert cli("submit", "mimic", *media, "--via", "pixverse", "--key", "k1").code == 0
        assert own.is_file()
        assert "k1" in cli("jobs").out
    assert not own.parent.exists()
    assert not users.exists()


def test_two_sandboxes_have_a_journal_each() -> None:
    with Sandbox() as one, Sandbox() as other:
        assert one.environment["MOTIONKIT_JOURNAL"] != other.environment["MOTIONKIT_JOURNAL"]


def test_a_sandbox_that_does_not_run_has_no_environment_and_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Sandbox() as served:
        assert Path(served.environment["MOTIONKIT_JOURNAL"]).parent.parent == tmp_path
    with pytest.raises(RuntimeError, match="not running"):
        _ = served.environment
    assert not list(tmp_path.glob("motionkit-sandbox-*"))
