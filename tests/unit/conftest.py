"""Fixtures of the core's unit tests: an environment that holds nothing of the machine's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
import stamina
from engine_support import clock, engine, vendor  # noqa: F401 - fixtures of the engine's tests

from motionkit._support import redaction
from motionkit.provider import registry

_OUTSIDE = ("PROXY", "proxy", "_API_KEY", "_BASE_URL", "CA_BUNDLE", "MOTIONKIT_", "NETRC")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drop proxies, keys and configuration that the machine may have."""
    for name in os.environ:
        if any(part in name for part in _OUTSIDE):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget afterwards the secrets that a test makes known."""
    monkeypatch.setattr(redaction, "_KNOWN", set(redaction._KNOWN))


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
