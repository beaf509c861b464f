"""A sandbox for the command line's tests: an account and a journal of its own for each test."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_support import Account, Cli

from motionkit.sandbox import Sandbox, sample_clip, sample_picture

VENDOR = "pixverse"


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of the user's: no keys, no configuration, no journal, an empty working directory."""
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_BASE_URL"))]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("MOTIONKIT_CONFIG", raising=False)
    monkeypatch.setenv("MOTIONKIT_JOURNAL", str(tmp_path / "state" / "journal.db"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def open_account(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Account:
    label = uuid.uuid4().hex
    key = f"test-key-{label}"
    sandbox.add_account(VENDOR, key, label=label, balance="5000")
    monkeypatch.setenv("PIXVERSE_API_KEY", key)
    monkeypatch.setenv("PIXVERSE_BASE_URL", sandbox.url)
    return Account(sandbox, VENDOR, label, key)


@pytest.fixture
def account(quick: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    yield open_account(quick, monkeypatch)
    quick.clear_faults()


@pytest.fixture
def slow_account(endless: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    yield open_account(endless, monkeypatch)
    endless.clear_faults()


@pytest.fixture
def media(own_place: Path) -> list[str]:
    """The options that name a picture and a clip."""
    (own_place / "hero.png").write_bytes(sample_picture())
    (own_place / "dance.mp4").write_bytes(sample_clip(4.0, height=64))
    return ["--image", "hero.png", "--video", "dance.mp4"]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)
