"""A reader's machine for each page: a folder with media, and accounts at one sandbox for all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from accounts import Accounts, open_accounts
from blocks import SHELL_PATH

from motionkit.sandbox import Sandbox, sample_clip, sample_picture

PICTURES = ("hero.png", "anna.png", "ben.png", "cleo.png")
CLIPS = ("dance.mp4", "clip.mp4")


@pytest.fixture(scope="session")
def media() -> dict[str, bytes]:
    """Return the files that the pages name."""
    picture, clip = sample_picture(), sample_clip(4.0, height=64)
    return {**dict.fromkeys(PICTURES, picture), **dict.fromkeys(CLIPS, clip)}


@pytest.fixture
def reader(media: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a reader's folder: with media, and without any configuration."""
    for name in [name for name in os.environ if name.startswith(("MOTIONKIT_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MOTIONKIT_JOURNAL", str(tmp_path / "state" / "journal.db"))
    monkeypatch.setenv("PATH", SHELL_PATH)
    folder = tmp_path / "work"
    folder.mkdir()
    for name, content in media.items():
        (folder / name).write_bytes(content)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def accounts(quick: Sandbox, reader: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Accounts]:
    """Return a reader's accounts at the quick sandbox."""
    yield open_accounts(quick, monkeypatch)
    quick.clear_faults()


@pytest.fixture
def slow_accounts(
    endless: Sandbox, reader: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Accounts]:
    """Return a reader's accounts at the sandbox whose jobs run on."""
    yield open_accounts(endless, monkeypatch)
    endless.clear_faults()
