"""The journal is locked, deleted or replaced around a paid call: one job, and it is not lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from harness import ADAPTERS, APPS, JOB_SECONDS, KEY, known
from matrix import BOTH

from motionkit.client.client import Client
from motionkit.errors import Billed, JournalError, MotionKitError, SubmitUncertain
from motionkit.journal import database, pending
from motionkit.model.job import Job
from motionkit.purchase import submit as submission
from motionkit.sandbox import Sandbox
from motionkit.testing.sandboxed import sandbox_stage
from motionkit.testing.stage import ACCOUNT, client_for, sample_request


@attrs.define
class Harm:
    """What happens to the journal, and how it ends."""

    journal: Path
    _db: sqlite3.Connection | None = None

    def lock(self) -> None:
        """Write to it from elsewhere, without end."""
        self._db = sqlite3.connect(self.journal, isolation_level=None, check_same_thread=False)
        self._db.execute("BEGIN IMMEDIATE")

    def delete(self) -> None:
        """Delete the file."""
        self.journal.unlink()

    def delete_all(self) -> None:
        """Delete the file and what SQLite laid beside it."""
        for file in self.journal.parent.glob("journal.db*"):
            if file.is_file():
                file.unlink()

    def replace(self) -> None:
        """Put a copy over it."""
        copy = self.journal.with_name("copy")
        shutil.copy(self.journal, copy)
        copy.replace(self.journal)

    def end(self) -> None:
        """Release the lock; do with the log of a lost journal as its error says."""
        if self._db is not None:
            self._db.close()
        if not self.journal.exists():
            self.delete_all()


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, seconds in (
        (database, "BUSY_TIMEOUT", 0.05),
        (pending, "FIRST_TRY", 0.02),
        (pending, "KEPT_TRY", 0.05),
        (pending, "PAUSE", 0.01),
        (submission, "FIND_PAUSE", 0.01),
    ):
        monkeypatch.setattr(module, name, seconds)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=APPS, job_seconds=JOB_SECONDS) as made:
        yield made


HARMS: list[Callable[[Harm], None]] = [Harm.lock, Harm.delete, Harm.delete_all, Harm.replace]
MOMENTS = ("before", "after", "lost")
"""Before the paid call; after its answer; and after an answer that the network lost."""


def _harmed(
    patch: pytest.MonkeyPatch, provider: str, moment: str, harm: Callable[[], None]
) -> None:
    adapter = ADAPTERS[provider]
    real = adapter.submit

    def submit(self: Any, *args: Any) -> Job:
        try:
            made: Job = real(self, *args)
        finally:
            harm()
        if moment == "lost":
            raise MotionKitError("the connection was reset", billed=Billed.UNKNOWN)
        return made

    patch.setattr(adapter, "submit", submit)


def _submitted(client: Client) -> object:
    """Return the id of the job, or what the error says of the money."""
    try:
        return client.submit(sample_request(), via=ACCOUNT, key=KEY).id
    except (JournalError, SubmitUncertain) as doubt:
        return doubt.billed


def _deliver(client: Client, target: Path) -> Job:
    job = client.submit(sample_request(), via=ACCOUNT, key=KEY)
    client.download(client.wait(job), target)
    return job


@pytest.mark.parametrize("provider", BOTH)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("what", HARMS)
def test_one_job_and_none_lost(
    provider: str,
    moment: str,
    what: Callable[[Harm], None],
    sandbox: Sandbox,
    tmp_path: Path,
) -> None:
    label = tmp_path.name
    sandbox.add_account(provider, f"key-of-{label}", label=label, balance="1000")
    stage = sandbox_stage(ADAPTERS[provider], {}, sandbox)
    settings = attrs.evolve(stage.settings, api_key=f"key-of-{label}", reconcile_window=0.1)
    harm = Harm(tmp_path / "journal.db")

    def jobs() -> list[Any]:
        made: list[Any] = sandbox.ledger()["vendors"][provider]["accounts"][label]["jobs"]
        return made

    with client_for(stage, tmp_path, settings) as client, pytest.MonkeyPatch.context() as patch:
        client.jobs.list()
        if moment == "before":
            what(harm)
            with pytest.raises(JournalError) as caught:
                client.submit(sample_request(), via=ACCOUNT, key=KEY)
            assert caught.value.billed is Billed.NO
            assert jobs() == []
        else:
            _harmed(patch, provider, moment, lambda: what(harm))
            if moment == "after":
                bought = client.submit(sample_request(), via=ACCOUNT, key=KEY)
                assert [job["id"] for job in jobs()] == [bought.id]
            else:
                told = _submitted(client)
                assert len(jobs()) == 1
                assert told in {Billed.UNKNOWN, jobs()[0]["id"]}  # or found in its history
    harm.end()
    with client_for(stage, tmp_path, settings) as client:
        try:
            done = _deliver(client, tmp_path / "out.mp4")
        except SubmitUncertain:
            assert moment == "lost"
        else:
            assert [job["id"] for job in jobs()] == [done.id]
        assert len(jobs()) == 1
        assert known(jobs()[0], client.jobs.get(KEY))
