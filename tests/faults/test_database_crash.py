"""PostgreSQL dies and comes back in the middle of submits: every job is bought once and known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from ledger import Place
from nursery import Nursery, nursery
from patience import until
from postgres import Server
from vendors import VENDORS

from motionkit.journal import Journal
from motionkit.sandbox import Sandbox

API_KEY = "crashing-database-key-0123456789"
PROCESSES = 3


@pytest.fixture
def server(
    postgresql_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """Give a server that no other test uses."""
    del postgresql_server  # one can be had here
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = Server.start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def family() -> Iterator[list[Nursery]]:
    with ExitStack() as stack:
        yield [stack.enter_context(nursery()) for _ in range(PROCESSES)]


def _jobs(sandbox: Sandbox, provider: str) -> list[str]:
    vendor = sandbox.ledger()["vendors"][provider]["accounts"]["both"]
    return [job["id"] for job in vendor["jobs"]]


def _start(
    family: Sequence[Nursery], keys: Sequence[str], folder: Path, journal: Place, **vendor: Any
) -> None:
    for number, process in enumerate(family):
        process.start(
            do="many",
            api_key=API_KEY,
            folder=folder,
            state=folder / "state",
            journal=journal,
            keys=keys[number:] + keys[:number],  # every key is wanted by each of them
            **vendor,
        )


@pytest.mark.parametrize(
    "provider",
    [
        pytest.param(name, marks=() if vendor.first else pytest.mark.soak)
        for name, vendor in VENDORS.items()
    ],
)
@pytest.mark.parametrize(
    ("count", "crashes"), [(12, 2), pytest.param(150, 12, marks=pytest.mark.soak)]
)
def test_a_crash_of_the_database_doubles_nothing_and_loses_nothing(
    *,
    provider: str,
    count: int,
    crashes: int,
    server: Server,
    family: Sequence[Nursery],
    tmp_path: Path,
) -> None:
    keys = [f"order-{number}" for number in range(count)]
    with server.database() as journal, Sandbox(apps=[VENDORS[provider].sandbox]) as sandbox:
        Journal(journal).close()
        sandbox.add_account(provider, API_KEY, label="both", balance="1000000")
        _start(family, keys, tmp_path, journal, **VENDORS[provider].command(), url=sandbox.url)
        for crash in range(1, crashes + 1):
            reached = crash * count // (crashes + 1)
            until(lambda reached=reached: len(_jobs(sandbox, provider)) >= reached)  # type: ignore[misc]
            server.crash()
        told = [process.finish()["outcome"] for process in family]
        # A vendor without idempotency may leave a doubt, and a submit that waited too long was
        # not sent: the same commands again settle what can be settled.
        _start(family, keys, tmp_path, journal, **VENDORS[provider].command(), url=sandbox.url)
        again = [process.finish()["outcome"] for process in family]
        made = _jobs(sandbox, provider)
        with Journal(journal) as opened:
            entries = {entry.key: entry for entry in opened.entries()}
    _check(keys, entries, made, again, told)


def _check(
    keys: Sequence[str],
    entries: Mapping[str, Any],
    made: Sequence[str],
    again: Sequence[Mapping[str, Any]],
    told: Sequence[Mapping[str, Any]],
) -> None:
    assert sorted(entries) == sorted(keys)
    known = {key: entry.job.id for key, entry in entries.items() if entry.job}
    assert set(known.values()) <= set(made)
    unknown = set(made) - set(known.values())
    assert not unknown, f"paid jobs that the journal lost: {unknown}; {told}"
    assert len(made) == len(keys), f"{len(made)} jobs for {len(keys)} keys"
    for one in again:
        assert {key: outcome.get("job") for key, outcome in one.items()} == known, one
