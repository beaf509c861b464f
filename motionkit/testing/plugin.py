"""The pytest side of the contract suite: ``--record``, xfails with reasons, no real waiting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina

pytest.register_assert_rewrite("motionkit.testing.contract", "motionkit.testing.cassettes")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("motionkit")
    group.addoption(
        "--record",
        choices=("sandbox", "live"),
        help="record the cassettes again: from the local sandbox, or from the live service with "
        "keys of the environment (this costs money)",
    )
    group.addoption("--cassettes", metavar="DIR", help="the cassettes' folder (./cassettes)")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to record in several processes, which would share one port and account.

    Raises:
        UsageError: Both were asked for.
    """
    if config.getoption("--record") and config.getoption("numprocesses", default=None):
        raise pytest.UsageError("--record takes one process: omit -n, or pass -n 0")


def pytest_report_header(config: pytest.Config) -> str:
    """Return where the responses come from."""
    mode = config.getoption("--record")
    if mode:
        return f"motionkit: recording cassettes from the {mode}"
    return "motionkit: cassettes were recorded from motionkit's own sandbox, not from live vendors"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that a vendor cannot pass, with the reason of its contract class."""
    for item in items:
        cls = getattr(item, "cls", None)
        reasons = getattr(cls, "xfails", {})
        name = getattr(item, "originalname", item.name)
        reason = reasons.get(item.name) or reasons.get(name)
        if reason:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


@pytest.fixture(autouse=True)
def no_retry_waits() -> Iterator[None]:
    """Keep stamina's retries and remove their waiting."""
    with stamina.set_testing(True, attempts=4, cap=True):
        yield
