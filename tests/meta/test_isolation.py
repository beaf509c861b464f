"""Tests leave the folders of the user who runs them alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from motionkit import config
from motionkit._support.system import state_folder, user_folder

ASK = """
from motionkit._support.system import state_folder, user_folder
print(state_folder())
print(user_folder("XDG_CONFIG_HOME"))
"""


def _asked() -> list[str]:
    told = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    return told.stdout.splitlines()


@pytest.fixture(scope="module")
def started_for_many() -> list[str]:
    return _asked()


def test_state_and_configuration_are_those_of_the_test_in_its_processes_too(
    own_folders: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert own_folders.is_relative_to(tmp_path_factory.getbasetemp())
    here = [state_folder(), user_folder("XDG_CONFIG_HOME")]
    assert here == [own_folders / "state" / "motionkit", own_folders / "config" / "motionkit"]
    assert _asked() == [str(path) for path in here]


def test_a_process_that_serves_many_tests_leaves_the_user_s_folders_alone(
    started_for_many: list[str], shared_folders: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert shared_folders.is_relative_to(tmp_path_factory.getbasetemp())
    assert started_for_many == [
        str(shared_folders / name / "motionkit") for name in ("state", "config")
    ]


def test_a_journal_that_no_test_placed_is_in_the_folder_of_the_test(
    own_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MOTIONKIT_CONFIG", "MOTIONKIT_JOURNAL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    assert config.load().journal == own_folders / "state" / "motionkit" / "journal.db"
