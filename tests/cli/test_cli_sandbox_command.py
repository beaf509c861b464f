"""`motionkit sandbox -- COMMAND ...`: in the sandbox alone, with a journal of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from motionkit.cli import serve
from motionkit.errors import InvalidRequest

TELL = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w')); sys.exit(7)"


def test_a_command_runs_with_the_sandbox_alone_and_its_exit_code_is_returned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = {"PIXVERSE_API_KEY": "my-own-key", "MOTIONKIT_CONFIG": "mine.toml"}
    for name, value in {**mine, "MOTIONKIT_JOURNAL": "mine.db"}.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "environment.json"
    code = serve.sandbox(command=[sys.executable, "-c", TELL, str(file)])
    seen = json.loads(file.read_text())
    assert code == 7
    assert "my-own-key" not in seen.values()
    assert seen["PIXVERSE_BASE_URL"].startswith("http://127.0.0.1:")
    assert seen["MOTIONKIT_JOURNAL"] not in {"", "mine.db"}
    assert not Path(seen["MOTIONKIT_JOURNAL"]).parent.exists()  # it ended with the sandbox
    assert not Path(seen["MOTIONKIT_CONFIG"]).exists()


def test_a_command_that_is_not_there_is_an_invalid_request() -> None:
    with pytest.raises(InvalidRequest, match="command: 'no-such-program' is not found"):
        serve.sandbox(command=["no-such-program"])
