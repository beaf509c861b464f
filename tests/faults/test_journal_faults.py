"""The journal is locked, deleted, replaced or away around a paid call: one job, none lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from harness import JOB_SECONDS, KEY, known
from ledger import Outage, Place, Writer, options_at
from vendors import VENDORS

from motionkit.client.client import Client
from motionkit.errors import Billed, JournalError, MotionKitError, SubmitUncertain
from motionkit.journal import database as sqlite
from motionkit.journal import pending, postgres
from motionkit.model.job import Job
from motionkit.model.request import Request
from motionkit.purchase import submit as submission
from motionkit.sandbox import Sandbox
from motionkit.testing.sandboxed import sandbox_stage


@attrs.define
class Harm:
    """What happens to the journal, and how it ends."""

    journal: Place
    _writer: Writer | None = None
    _outage: Outage | None = None

    @property
    def file(self) -> Path:
        """The journal, where it is a file."""
        assert isinstance(self.journal, Path)
        return self.journal

    def lock(self) -> None:
        """Write to it from elsewhere, without end."""
        self._writer = Writer(self.journal)

    def leave(self) -> None:
        """Let the database end its connections, and take no new ones."""
        assert isinstance(self.journal, str)
        self._outage = Outage(self.journal)

    def delete(self) -> None:
        """Delete the file."""
        self.file.unlink()

    def delete_all(self) -> None:
        """Delete the file and what SQLite laid beside it."""
        for file in self.file.parent.glob("journal.db*"):
            if file.is_file():
                file.unlink()

    def replace(self) -> None:
        """Put a copy over it."""
        copy = self.file.with_name("copy")
        shutil.copy(self.file, copy)
        copy.replace(self.file)

    def end(self) -> None:
        """Release the lock; do with the log of a lost journal as its error says."""
        if self._writer is not None:
            self._writer.release()
        if self._outage is not None:
            self._outage.end()
        if isinstance(self.journal, Path) and not self.journal.exists():
            self.delete_all()


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, seconds in (
        (sqlite, "BUSY_TIMEOUT", 0.05),
        (postgres, "BUSY_TIMEOUT", 0.05),
        (postgres, "PAUSE", 0.01),
        (pending, "FIRST_TRY", 0.02),
        (pending, "KEPT_TRY", 0.05),
        (pending, "SHARED_TRY", 0.05),
        (pending, "PAUSE", 0.01),
        (submission, "FIND_PAUSE", 0.01),
    ):
        monkeypatch.setattr(module, name, seconds)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(
        apps=[vendor.sandbox for vendor in VENDORS.values()], job_seconds=JOB_SECONDS
    ) as made:
        yield made


HARMS: Mapping[str, list[Callable[[Harm], None]]] = {
    "sqlite": [Harm.lock, Harm.delete, Harm.delete_all, Harm.replace],
    "postgresql": [Harm.lock, Harm.leave],
}
MOMENTS = ("before", "after", "lost")
"""Before the paid call; after its answer; and after an answer that the network lost."""


def _harmed(
    patch: pytest.MonkeyPatch, provider: str, moment: str, harm: Callable[[], None]
) -> None:
    adapter = VENDORS[provider].adapter
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


def _submitted(client: Client, request: Request, via: str) -> object:
    """Return the id of the job, or what the error says of the money."""
    try:
        return client.submit(request, via=via, key=KEY).id
    except (JournalError, SubmitUncertain) as doubt:
        return doubt.billed


def _deliver(client: Client, request: Request, via: str, target: Path) -> Job:
    job = client.submit(request, via=via, key=KEY)
    client.download(client.wait(job), target)
    return job


@pytest.mark.parametrize(
    "provider",
    [
        pytest.param(name, marks=() if vendor.first else pytest.mark.soak)
        for name, vendor in VENDORS.items()
    ],
)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(
    ("database", "what"),
    [(name, harm) for name, harms in HARMS.items() for harm in harms],
    indirect=["database"],
)
def test_one_job_and_none_lost(
    *,
    provider: str,
    moment: str,
    what: Callable[[Harm], None],
    sandbox: Sandbox,
    database: Place,
    tmp_path: Path,
) -> None:
    label = tmp_path.name
    sandbox.add_account(provider, f"key-of-{label}", label=label, balance="1000")
    stage = sandbox_stage(VENDORS[provider].adapter, {}, sandbox)
    settings = VENDORS[provider].account(
        api_key=f"key-of-{label}", base_url=stage.settings.base_url, reconcile_window=0.1
    )
    request, via = VENDORS[provider].request(), VENDORS[provider].via
    harm = Harm(database)
    options = options_at(stage, tmp_path, database, settings)

    def jobs() -> list[Any]:
        made: list[Any] = sandbox.ledger()["vendors"][provider]["accounts"][label]["jobs"]
        return made

    with Client(**options) as client, pytest.MonkeyPatch.context() as patch:
        client.jobs.list()
        if moment == "before":
            what(harm)
            with pytest.raises(JournalError) as caught:
                client.submit(request, via=via, key=KEY)
            assert caught.value.billed is Billed.NO
            assert jobs() == []
        else:
            _harmed(patch, provider, moment, lambda: what(harm))
            if moment == "after":
                bought = client.submit(request, via=via, key=KEY)
                assert [job["id"] for job in jobs()] == [bought.id]
            else:
                told = _submitted(client, request, via)
                assert len(jobs()) == 1
                assert told in {Billed.UNKNOWN, jobs()[0]["id"]}  # or found in its history
    harm.end()
    with Client(**options) as client:
        try:
            done = _deliver(client, request, via, tmp_path / "out.mp4")
        except SubmitUncertain:
            assert moment == "lost"
        else:
            assert [job["id"] for job in jobs()] == [done.id]
        assert len(jobs()) == 1
        assert known(jobs()[0], client.jobs.get(KEY))
