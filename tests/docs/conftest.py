"""A reader's machine for each page: a folder with media, and accounts at one sandbox for all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from blocks import SHELL_PATH

from motionkit.sandbox import Sandbox, sample_clip, sample_picture

PICTURES = ("hero.png", "anna.png", "ben.png", "cleo.png")
CLIPS = ("dance.mp4", "clip.mp4")


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Jobs are done at the first poll."""
    with Sandbox(speed=1000, job_seconds=1) as running:
        yield running


@pytest.fixture(scope="session")
def media() -> dict[str, bytes]:
    """Return the files that the pages name."""
    picture, clip = sample_picture(), sample_clip(4.0, height=64)
    return {**dict.fromkeys(PICTURES, picture), **dict.fromkeys(CLIPS, clip)}


@pytest.fixture
def reader(
    sandbox: Sandbox, media: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Return a reader's folder: with media, an account at each vendor, and nothing else."""
    for name in [name for name in os.environ if name.startswith(("MOTIONKIT_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MOTIONKIT_JOURNAL", str(tmp_path / "state" / "journal.db"))
    monkeypatch.setenv("PATH", SHELL_PATH)
    for vendor in sandbox.accounts:
        label = uuid.uuid4().hex
        sandbox.add_account(vendor, f"test-key-{label}", label=label, balance="5000")
        monkeypatch.setenv(f"{vendor.upper()}_API_KEY", f"test-key-{label}")
        monkeypatch.setenv(f"{vendor.upper()}_BASE_URL", sandbox.url)
    folder = tmp_path / "work"
    folder.mkdir()
    for name, content in media.items():
        (folder / name).write_bytes(content)
    monkeypatch.chdir(folder)
    yield folder
    sandbox.clear_faults()
