"""The fault tests' summary, printed at the end of a run that played them."""

from __future__ import annotations

import pytest
from summary import Killed, Summary, Tally

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


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which a job was bought twice or lost, whatever its tests say."""
    if _summary(session.config).failed:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
