"""Limits of an account hold for all processes: its slots, and its calls of a minute."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from nursery import Nursery, nursery
from vendors import VENDORS, on_both

from motionkit.journal import Journal
from motionkit.sandbox import Sandbox

API_KEY = "limited-key-0123456789"
SLOTS = 5
PLACES = on_both(lambda database, vendor: vendor.first)
RPM = 100


@pytest.fixture(scope="module")
def three() -> Iterator[list[Nursery]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(nursery()) for _ in range(3)]


def account(sandbox: Sandbox, provider: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = sandbox.ledger()["vendors"][provider]["accounts"]["limited"]
    return found


@pytest.mark.parametrize(("database", "provider"), PLACES, indirect=["database"])
@pytest.mark.parametrize("count", [6, pytest.param(60, marks=pytest.mark.soak)])
def test_three_processes_never_run_more_jobs_than_an_account_may(
    database: Path | str, provider: str, count: int, three: list[Nursery], tmp_path: Path
) -> None:
    """The vendor refuses none: each submit became a job, so none came while its slots were full."""
    with Sandbox(apps=[VENDORS[provider].sandbox]) as sandbox:
        sandbox.add_account(provider, API_KEY, label="limited", balance="100000", concurrency=SLOTS)
        for number, process in enumerate(three):
            process.start(
                do="many",
                **VENDORS[provider].command(max_concurrent=SLOTS),
                api_key=API_KEY,
                url=sandbox.url,
                folder=tmp_path,
                journal=str(database),
                keys=[f"order-{number}-{one}" for one in range(count)],
            )
        told = [process.finish()["outcome"] for process in three]
        ledger = account(sandbox, provider)
    outcomes = Counter(next(iter(one)) for each in told for one in each.values())
    assert outcomes == {"job": 3 * count}, told
    assert len(ledger["jobs"]) == 3 * count
    assert ledger["submits"] == 3 * count
    with Journal(database) as journal:
        assert all(len(entry.attempts) == 1 for entry in journal.entries())


@pytest.mark.soak
@pytest.mark.parametrize("provider", [name for name, one in VENDORS.items() if one.balance])
def test_three_processes_make_no_more_calls_in_a_minute_than_an_account_may(
    database: Path | str, provider: str, three: list[Nursery], tmp_path: Path
) -> None:
    """The vendor refuses none of them, and two minutes and a moment hold three times as many."""
    with Sandbox(apps=[VENDORS[provider].sandbox]) as sandbox:
        sandbox.add_account(provider, API_KEY, label="limited", balance="1000", rpm=RPM)
        for process in three:
            process.start(
                do="ask",
                **VENDORS[provider].command(rpm=RPM),
                api_key=API_KEY,
                url=sandbox.url,
                folder=tmp_path,
                journal=str(database),
                seconds=130,
            )
        told = sum((Counter(process.finish()["outcome"]) for process in three), Counter[str]())
    assert set(told) == {"answered"}
    assert told["answered"] >= 3 * RPM
