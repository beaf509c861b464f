"""Fixtures of the core's unit tests: an environment that holds nothing of the machine's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
import stamina
from engine_support import clock, engine, vendor  # noqa: F401 - fixtures of the engine's tests
from isolation import clean_environment, own_secrets  # noqa: F401 - fixtures

from motionkit.client import Client
from motionkit.provider import registry
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import client_for

Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Give a function that makes the named entry points the only ones that are installed."""

    def only(*points: tuple[str, str]) -> None:
        found = EntryPoints(EntryPoint(name, value, registry.GROUP) for name, value in points)
        monkeypatch.setattr(registry, "entry_points", found.select)

    return only


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty folder that is home, state and configuration folder too."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def real_retries() -> Iterator[None]:
    """Let stamina plan its waits as in production; elsewhere in tests it does not wait."""
    with stamina.set_testing(False):
        yield


@pytest.fixture
def stage() -> MemoryStage:
    return MemoryStage()


@pytest.fixture
def client(stage: MemoryStage, tmp_path: Path) -> Iterator[Client]:
    with client_for(stage, tmp_path) as made:
        yield made
