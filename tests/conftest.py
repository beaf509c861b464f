"""Shared by all tests; at the end of a run that played them, the fault tests' summary."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import attrs
import pytest
from postgres import NoServer, Server
from summary import Killed, Summary, Tally

from motionkit.sandbox import Sandbox

pytest_plugins = ["motionkit.testing.plugin"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A script that runs the tests in the background ignores Ctrl-C; so would what they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Where it is set, each of the many processes that the tests start would compile the library anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

if "FAKETIME" in os.environ:
    # libfaketime looks into the C environment in every timed wait of every thread, and adding a
    # variable moves that environment: a crash. What tests set is for Python alone, then; the
    # programs that they start are given `os.environ`.
    os.putenv = os.unsetenv = lambda *_: None  # type: ignore[assignment]
    _start = subprocess.Popen.__init__

    def _start_with_environment(self: Any, *args: Any, env: Any = None, **kwargs: Any) -> None:
        _start(self, *args, env=dict(os.environ) if env is None else env, **kwargs)

    subprocess.Popen.__init__ = _start_with_environment  # type: ignore[method-assign]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run play a few cases of each test."""
    parser.addoption(
        "--cases",
        type=int,
        metavar="N",
        help="Play N cases of each parametrized test, spread evenly over all of them.",
    )


@pytest.hookimpl(trylast=True)  # after what is marked was left out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the other cases."""
    most = config.getoption("--cases")
    if most is None:
        return
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
    played = {
        cases[len(cases) * number // most] for cases in tests.values() for number in range(most)
    }
    config.hook.pytest_deselected(items=[item for item in items if item not in played])
    items[:] = [item for item in items if item in played]


_PLACES = itertools.count()


def _leave_the_user_s(place: Path, patch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE", "CONFIG", "STATE"):
        patch.setenv(f"XDG_{name}_HOME", str(place / name.lower()))


@pytest.fixture(scope="session", autouse=True)
def shared_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep what fixtures of many tests start out of the user's own folders."""
    place = tmp_path_factory.getbasetemp() / "user"
    with pytest.MonkeyPatch.context() as patch:
        _leave_the_user_s(place, patch)
        yield place


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep state and configuration out of the user's own folders, child processes included.

    A folder of its own for each test, made by whoever needs it; tests of the defaults undo it.
    """
    place = tmp_path_factory.getbasetemp() / f"user-{next(_PLACES)}"
    _leave_the_user_s(place, monkeypatch)
    return place


SUMMARY = pytest.StashKey[Summary]()


def _summary(config: pytest.Config) -> Summary:
    return config.stash.setdefault(SUMMARY, Summary())


@pytest.fixture(scope="session")
def tally(pytestconfig: pytest.Config) -> Tally:
    """Return where the cases of the matrix are counted."""
    return _summary(pytestconfig).matrix


@pytest.fixture(scope="session")
def killed(pytestconfig: pytest.Config) -> Killed:
    """Return where the kills are counted."""
    return _summary(pytestconfig).kills


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print what the cases came to."""
    lines = _summary(config).lines()
    if lines:
        terminalreporter.section("faults")
    for line in lines:
        terminalreporter.write_line(line)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which a job was bought twice or lost, whatever its tests say."""
    summary = _summary(session.config)
    if hasattr(session.config, "workeroutput"):  # of pytest-xdist: the first process sums up
        session.config.workeroutput["faults"] = attrs.asdict(summary)
    elif summary.failed:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a process of pytest-xdist has counted."""
    told = getattr(node, "workeroutput", {}).get("faults")
    if told is not None:
        _summary(node.config).add(told)


@pytest.fixture(scope="session")
def quick() -> Iterator[Sandbox]:
    """Jobs are done at the first poll; at a higher speed its clock would soon be days ahead."""
    with Sandbox(speed=1, job_seconds=0.001) as running:
        yield running


@pytest.fixture(scope="session")
def endless() -> Iterator[Sandbox]:
    """Jobs end when a test moves the clock, and not before."""
    with Sandbox(speed=1, job_seconds=3600) as running:
        yield running


_REQUIRE = "MOTIONKIT_TESTS_REQUIRE_POSTGRESQL"
REQUIRED = bool(os.environ.get(_REQUIRE))  # read now: tests get an environment without it
"""Whether a test on PostgreSQL that cannot run is a failure, as in `.ci/run`."""


@pytest.fixture(scope="session")
def postgresql_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Give the server of this run, which the processes of pytest-xdist share."""
    folder = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        folder = folder.parent
    try:
        server = Server.share(folder / "postgresql.json")
    except NoServer as error:
        if REQUIRED:
            pytest.fail(f"{_REQUIRE} is set: {error}")
        pytest.skip(str(error))
    yield server
    server.close()


@pytest.fixture
def postgresql(
    postgresql_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Give the address of an empty PostgreSQL database."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))  # for what it cannot take
    with postgresql_server.database() as address:
        yield address


NewJournal = Callable[[Path], AbstractContextManager[Path | str]]


@pytest.fixture(params=["sqlite", "postgresql"])
def new_journal(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> NewJournal:
    """Give a function from a folder to the place of a new journal; for tests that need many."""
    if request.param == "sqlite":
        return lambda folder: nullcontext(folder / "journal.db")
    server: Server = request.getfixturevalue("postgresql_server")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return lambda _: server.database()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Give the place of a new journal: a path for SQLite, an address for PostgreSQL."""
    if request.param == "sqlite":
        return tmp_path / "journal.db"
    address: str = request.getfixturevalue("postgresql")
    return address
