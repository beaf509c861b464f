"""Two processes on one journal: no lock shows, nothing is lost, one key buys once."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from ledger import Place
from matrix import PIXVERSE
from nursery import Nursery, nursery
from vendors import VENDORS, on_both

from motionkit.client.client import Client
from motionkit.journal.journal import Journal
from motionkit.model.operations import Mimic
from motionkit.sandbox import Sandbox, sample_clip, sample_picture

API_KEY = "two-processes-key-0123456789"
MANY = on_both(lambda database, vendor: vendor.first)
ONCE = on_both(lambda database, vendor: vendor.first or database == "sqlite")


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Nursery, Nursery]]:
    with nursery() as one, nursery() as other:
        yield one, other


def _buy_at_once(
    pair: tuple[Nursery, Nursery],
    sandbox: Sandbox,
    provider: str,
    *,
    folder: Path,
    journal: Place,
    keys: tuple[Sequence[str], Sequence[str]],
) -> list[Mapping[str, Any]]:
    sandbox.add_account(provider, API_KEY, label="both", balance="100000")
    for process, wanted in zip(pair, keys, strict=True):
        process.start(
            do="many",
            **VENDORS[provider].command(),
            api_key=API_KEY,
            url=sandbox.url,
            folder=folder,
            journal=journal,
            keys=wanted,
        )
    return [process.finish()["outcome"] for process in pair]


def _made(sandbox: Sandbox, provider: str) -> list[str]:
    jobs = sandbox.ledger()["vendors"][provider]["accounts"]["both"]["jobs"]
    return [job["id"] for job in jobs]


@pytest.mark.parametrize(("database", "provider"), MANY, indirect=["database"])
@pytest.mark.parametrize("count", [40, pytest.param(200, marks=pytest.mark.soak)])
def test_many_jobs_of_two_processes_are_all_in_the_journal(
    provider: str, count: int, pair: tuple[Nursery, Nursery], tmp_path: Path, database: Place
) -> None:
    keys = [f"order-{number}" for number in range(count)]
    with Sandbox(apps=[VENDORS[provider].sandbox]) as sandbox:
        told = _buy_at_once(
            pair, sandbox, provider, folder=tmp_path, journal=database, keys=(keys[::2], keys[1::2])
        )
        made = _made(sandbox, provider)
    errors = [outcome for one in told for outcome in one.values() if "error" in outcome]
    assert not errors
    bought = {key: outcome["job"] for one in told for key, outcome in one.items()}
    assert sorted(bought) == sorted(keys)
    assert sorted(bought.values()) == sorted(made)
    with Journal(database) as journal:
        entries = {entry.key: entry.job.id for entry in journal.entries() if entry.job}
    assert entries == bought


@pytest.mark.parametrize(("database", "provider"), ONCE, indirect=["database"])
@pytest.mark.parametrize("count", [10, pytest.param(100, marks=pytest.mark.soak)])
def test_one_key_from_two_processes_buys_once(
    provider: str, count: int, pair: tuple[Nursery, Nursery], tmp_path: Path, database: Place
) -> None:
    keys = [f"order-{number}" for number in range(count)]
    with Sandbox(apps=[VENDORS[provider].sandbox]) as sandbox:
        told = _buy_at_once(
            pair, sandbox, provider, folder=tmp_path, journal=database, keys=(keys, keys)
        )
        made = _made(sandbox, provider)
    _check_once(database, keys, told, made)


def _check_once(
    place: Place, keys: Sequence[str], told: Sequence[Mapping[str, Any]], made: Sequence[str]
) -> None:
    with Journal(place) as journal:
        entries = {entry.key: entry for entry in journal.entries()}
    assert sorted(entries) == sorted(keys)
    assert len(made) == len(keys), "one job for each key"
    assert all(len(entry.attempts) == 1 for entry in entries.values())
    for one in told:
        wrong = [o for o in one.values() if "error" in o and o["error"] != "SubmitUncertain"]
        assert not wrong
    known = {key: entry.job.id for key, entry in entries.items() if entry.job}
    assert sorted(known.values()) == sorted(made), "every job has its key"
    said = Counter((key, o["job"]) for one in told for key, o in one.items() if "job" in o)
    assert set(said) <= set(known.items())
    assert all(any("job" in one[key] for one in told) for key in keys)


THIRD = """
import sys
import motionkit as mk

with mk.Client() as client:
    request = mk.Mimic(image=sys.argv[1], video=sys.argv[2], quality="540p")
    print(client.submit(request, via="pixverse", key="order-17").id)
"""


def test_one_key_of_two_clients_and_another_process_buys_once(
    tmp_path: Path, database: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`motionkit jobs` opens and closes the journal in between, while both clients have it open."""
    picture, clip = tmp_path / "hero.png", tmp_path / "dance.mp4"
    picture.write_bytes(sample_picture())
    clip.write_bytes(sample_clip())
    monkeypatch.setenv("MOTIONKIT_JOURNAL", str(database))
    monkeypatch.chdir(tmp_path)
    with Sandbox(apps=[VENDORS[PIXVERSE].sandbox]) as sandbox:
        sandbox.add_account(PIXVERSE, API_KEY, label="both", balance="100000")
        monkeypatch.setenv("PIXVERSE_API_KEY", API_KEY)
        monkeypatch.setenv("PIXVERSE_BASE_URL", f"{sandbox.url}")
        with Client() as first, Client() as second:
            assert first.jobs.list() == second.jobs.list() == []
            outside = [sys.executable, "-m", "motionkit", "jobs"]
            subprocess.run(outside, check=True, capture_output=True)
            request = Mimic(image=str(picture), video=str(clip), quality="540p")
            made = first.submit(request, via=PIXVERSE, key="order-17")
            third = subprocess.run(
                [sys.executable, "-c", THIRD, str(picture), str(clip)],
                check=True,
                capture_output=True,
                text=True,
            )
            assert third.stdout.strip() == made.id
            assert second.submit(request, via=PIXVERSE, key="order-17") == made
        assert _made(sandbox, PIXVERSE) == [made.id]
