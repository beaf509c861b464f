"""What follows a payment outlives a journal that cannot take it at that moment."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ledger import Place, Writer, options_at, pending_folder, seen_outside
from patience import PATIENCE
from support import NOON, job, submission

from motionkit._support.redaction import Secret
from motionkit.client.client import Client
from motionkit.errors import Billed, Busy, JournalError, ProviderUnavailable
from motionkit.journal import Attempt, Journal, NewPurchase, PurchaseExists, pending, postgres
from motionkit.journal import database as sqlite
from motionkit.journal.pending import Pending
from motionkit.model.job import Job, KeyState, State, Status
from motionkit.testing.memory import Memory, MemoryStage
from motionkit.testing.stage import (
    ACCOUNT,
    JOB_SECONDS,
    client_for,
    sample_request,
)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "FIRST_TRY", 0.01)
    monkeypatch.setattr(pending, "KEPT_TRY", 0.02)
    monkeypatch.setattr(pending, "SHARED_TRY", 0.02)
    monkeypatch.setattr(pending, "LAST_TRY", 0.05)
    monkeypatch.setattr(pending, "PAUSE", 0.01)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(database: Place) -> Iterator[Journal]:
    with Journal(database) as opened:
        yield opened


@pytest.fixture
def client(stage: MemoryStage, database: Place, tmp_path: Path) -> Iterator[Client]:
    with Client(**options_at(stage, tmp_path, database)) as made:
        yield made


def sent(journal: Journal, key: str = "k1", attempt: str = "a1") -> Attempt:
    wanted = NewPurchase(key=key, request="r1", via="shop", description={"prompt": "x"}, again=True)
    return journal.sending(journal.intend(wanted, attempt, submission(), "f" * 16))


def hurry(patch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for a journal that somebody else writes to."""
    for module in (sqlite, postgres):
        patch.setattr(module, "BUSY_TIMEOUT", 0.01)


def files(place: Place, suffix: str = ".json") -> list[Path]:
    return sorted(pending_folder(place).glob(f"*{suffix}"))


# A job.


def locked_after_payment(
    monkeypatch: pytest.MonkeyPatch, harm: Callable[[], None]
) -> Callable[[], None]:
    """Let something happen to the journal between the vendor's yes and our writing it down."""
    real = Memory.submit

    def submit(self: Memory, *args: Any) -> Job:
        made = real(self, *args)
        harm()
        return made

    monkeypatch.setattr(Memory, "submit", submit)
    return lambda: monkeypatch.setattr(Memory, "submit", real)


def test_a_job_that_a_locked_journal_cannot_take_is_kept_beside_it_and_goes_in_later(
    client: Client, stage: MemoryStage, database: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks: list[Writer] = []
    locked_after_payment(monkeypatch, lambda: locks.append(Writer(database)))
    made = client.submit(sample_request(), via=ACCOUNT, key="hero")
    (kept,) = files(database)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert Job.from_json(json.loads(kept.read_bytes())["job"]) == made
    assert client.jobs.get("hero").job is None  # not yet; and reading is not hindered
    locks[0].release()
    entry = client.jobs.get("hero")
    assert (entry.state, entry.job) == (State.QUEUED, made)
    assert not kept.parent.exists()
    assert client.submit(sample_request(), via=ACCOUNT, key="hero") == made
    assert stage.bought() == 1


def test_a_record_whose_file_cannot_be_removed_hinders_nobody(
    client: Client,
    database: Place,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    locks: list[Writer] = []
    locked_after_payment(monkeypatch, lambda: locks.append(Writer(database)))
    made = client.submit(sample_request(), via=ACCOUNT, key="hero")

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Pending, "remove", refused)
    locks[0].release()
    assert client.jobs.get("hero").job == made
    assert client.jobs.get("hero").job == made
    assert "Permission denied" in caplog.text


def test_a_job_is_written_as_soon_as_the_lock_ends(
    client: Client, database: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks: list[Writer] = []
    seen: list[int] = []

    def released(_: float) -> None:
        seen.append(len(files(database)))
        locks[0].release()

    monkeypatch.setattr(
        pending,
        "time",
        types.SimpleNamespace(
            time=lambda: 1.0, monotonic=lambda: 0.0, time_ns=lambda: 1, sleep=released
        ),
    )
    locked_after_payment(monkeypatch, lambda: locks.append(Writer(database)))
    made = client.submit(sample_request(), via=ACCOUNT, key="hero")
    assert seen == [1]  # kept, while it is tried again
    assert not files(database)
    rows = seen_outside(database, "SELECT state, vendor_id FROM attempts")
    assert rows == [("accepted", made.id)]


def test_a_job_outlives_the_kill_of_its_process_while_the_journal_is_locked(
    database: Place,
) -> None:
    Journal(database).close()
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            journal = Journal(database)
            attempt = sent(journal)
            os.write(ready[1], b".")
            os.read(go[0], 1)
            journal.accepted(attempt, job("42", key="k1"))
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    assert os.read(ready[0], 1)
    lock = Writer(database)
    os.write(go[1], b".")
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    for end in (*ready, *go):
        os.close(end)
    lock.release()
    with Journal(database) as journal:
        entry = journal.entry("k1")
    assert entry.job == job("42", key="k1")
    assert entry.state is State.QUEUED
    assert not files(database)


def test_a_job_whose_journal_was_deleted_comes_into_the_next_one_with_its_purchase(
    stage: MemoryStage, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client_for(stage, tmp_path) as client:
        over = locked_after_payment(monkeypatch, path.unlink)
        made = client.submit(sample_request(), via=ACCOUNT, key="hero")
        over()
        with pytest.raises(JournalError, match="was deleted"):
            client.submit(sample_request(), via=ACCOUNT, key="another")
    assert not path.exists()
    for part in ("-wal", "-shm"):  # as the error of an orphaned log says
        path.with_name(path.name + part).unlink(missing_ok=True)
    with client_for(stage, tmp_path) as client:
        entry = client.jobs.get("hero")
        assert (entry.state, entry.job) == (State.QUEUED, made)
        assert entry.quote is not None
        assert client.submit(sample_request(), via=ACCOUNT, key="hero") == made
    assert stage.bought() == 1


def test_a_job_that_can_be_kept_nowhere_is_in_the_error(
    client: Client,
    database: Place,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*_: Any) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Pending, "put", full)
    locks: list[Writer] = []
    locked_after_payment(monkeypatch, lambda: locks.append(Writer(database)))
    with pytest.raises(JournalError, match=r"database is locked|lock timeout") as caught:
        client.submit(sample_request(), via=ACCOUNT, key="hero")
    assert caught.value.billed is Billed.YES
    assert caught.value.job is not None
    assert caught.value.job.id in (caught.value.hint or "")
    assert "Do not end this process" in caplog.text
    assert caught.value.job.id in caplog.text
    locks[0].release()


def test_no_secret_and_no_signed_query_is_in_a_record(database: Place, journal: Journal) -> None:
    echo = "sk-planted-0123456789"
    Secret(echo)
    signed = "https://h.example/x?Signature=c2lnbmVk"
    wanted = NewPurchase(
        key="k1", request="r1", via="shop", description={"video": signed, "e": echo}
    )
    ready = submission(warnings=(signed, echo))
    attempt = journal.sending(journal.intend(wanted, "a1", ready, "f" * 16))
    lock = Writer(database)
    told = ProviderUnavailable(f"{signed} {echo}", raw={"e": echo})
    journal.uncertain(attempt, told)
    journal.accepted(attempt, job("42", key="k1"))
    content = b"".join(file.read_bytes() for file in files(database))
    lock.release()
    assert b"https://h.example/x?***" in content
    assert b"c2lnbmVk" not in content
    assert b"planted" not in content


# What else follows a payment.


def test_a_refusal_that_a_locked_journal_cannot_take_is_no_doubt_later(
    journal: Journal, database: Place
) -> None:
    attempt = sent(journal)
    lock = Writer(database)
    journal.refused(attempt, Busy("full", billed=Billed.NO))
    assert journal.entry("k1").state is KeyState.INTENDED
    lock.release()
    entry = journal.entry("k1")
    assert (entry.state, entry.ambiguous) == (KeyState.REFUSED, False)


def test_the_end_and_the_file_of_a_job_are_kept_too(
    journal: Journal, database: Place, tmp_path: Path
) -> None:
    thing = job("42", key="k1")
    assert journal.accepted(sent(journal), thing)
    lock = Writer(database)
    assert journal.observed(thing, Status(State.SUCCEEDED, "1", NOON))
    journal.delivered(thing, tmp_path / "out.mp4", "ab" * 32)
    assert len(files(database)) == 2
    lock.release()
    entry = journal.entry("k1")
    assert (entry.state, entry.delivered) == (State.SUCCEEDED, str(tmp_path / "out.mp4"))


def test_everything_of_one_purchase_goes_in_in_its_order(journal: Journal, database: Place) -> None:
    thing = job("42", key="k1")
    attempt = sent(journal)
    lock = Writer(database)
    journal.uncertain(attempt, ProviderUnavailable("reset"))
    journal.accepted(attempt, thing)
    journal.observed(thing, Status(State.FAILED, "8", NOON))
    assert len(files(database)) == 3
    lock.release()
    entry = journal.entry("k1")
    assert (entry.state, entry.job, entry.ambiguous) == (State.FAILED, thing, False)


def test_a_job_that_still_runs_is_observed_while_the_journal_is_locked(
    journal: Journal,
    database: Place,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hurry(monkeypatch)
    thing = job("42", key="k1")
    assert journal.accepted(sent(journal), thing)
    lock = Writer(database)
    with caplog.at_level("INFO"):
        assert journal.observed(thing, Status(State.RUNNING, "5", NOON)) is False
    (said,) = [one for one in caplog.records if one.message.endswith("job 42 is running")]
    assert re.search("(database is locked|lock timeout)", said.message)
    assert said.levelname == "INFO"  # it passes, and the next poll writes it
    assert not files(database)
    lock.release()


@pytest.mark.parametrize("word", ["decided", "not_sent"])
def test_what_nothing_depends_on_ends_no_purchase(
    word: str, journal: Journal, database: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch)
    attempt = sent(journal)
    lock = Writer(database)
    if word == "decided":
        journal.decided("k1", [])
    else:
        assert journal.not_sent(attempt) == attempt  # it counts
    lock.release()


# Records that come late, or make no sense.


def test_a_record_that_comes_late_says_nothing_of_a_further_attempt(
    journal: Journal, database: Place
) -> None:
    """A crash between the commit and the removal of the file leaves a record that was applied."""
    attempt = sent(journal)
    lock = Writer(database)
    journal.refused(attempt, Busy("full"))
    (kept,) = files(database)
    content = kept.read_bytes()
    lock.release()
    assert journal.entry("k1").state is KeyState.REFUSED
    wanted = NewPurchase(key="k1", request="r1", via="shop", description={}, again=True)
    journal.intend(wanted, "a2", submission(), "f" * 16, after_refusal=True)
    kept.parent.mkdir()
    kept.write_bytes(content)
    assert journal.entry("k1").state is KeyState.INTENDED
    assert not files(database)
    with pytest.raises(PurchaseExists):
        journal.intend(wanted, "a3", submission(), "f" * 16, after_refusal=True)


def test_a_job_is_adopted_twice_without_harm(journal: Journal, database: Place) -> None:
    attempt = sent(journal)
    lock = Writer(database)
    journal.accepted(attempt, job("42", key="k1"))
    (kept,) = files(database)
    content = kept.read_bytes()
    lock.release()
    before = journal.entry("k1")
    kept.parent.mkdir()
    kept.write_bytes(content)
    assert journal.entry("k1") == before
    assert not files(database)


def test_a_job_that_belongs_to_another_purchase_is_said_and_kept(
    journal: Journal, database: Place, caplog: pytest.LogCaptureFixture
) -> None:
    attempt = sent(journal)
    lock = Writer(database)
    journal.accepted(attempt, job("42", key="k1"))
    (kept,) = files(database)
    content = kept.read_bytes()
    kept.unlink()
    lock.release()
    journal.accepted(sent(journal, "k2", "a2"), job("42", key="k2"))
    kept.write_bytes(content)
    assert journal.entry("k1").job is None
    assert journal.entry("k2").job is not None
    assert "belongs to another one already; it is kept as" in caplog.text
    assert len(files(database, ".kept")) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"7", b"\xff", b"{}", b'{"version": 1}',
        b'{"version": 1, "kind": "nothing", "about": "x"}',
        b'{"version": 1, "kind": "accepted", "about": "x", "job": "{}", "rows": {}}',
        b'{"version": 1, "kind": "accepted", "about": "x", "rows": [7]}',
        b'{"version": 1, "kind": "accepted", "about": "x", "rows": {"purchases": {"key": null}}}',
    ],
)  # fmt: skip
def test_a_record_that_makes_no_sense_is_set_aside_and_hinders_nothing(
    content: bytes, database: Place, caplog: pytest.LogCaptureFixture
) -> None:
    Journal(database).close()
    folder = pending_folder(database)
    folder.mkdir(parents=True)
    (folder / "1.json").write_bytes(content)
    with Journal(database) as journal:
        sent(journal)
        assert [entry.key for entry in journal.entries()] == ["k1"]
    assert "the journal cannot take" in caplog.text
    assert [file.name for file in folder.iterdir()] == ["1.kept"]


def test_a_record_of_a_newer_motionkit_is_left_to_it(
    database: Place, caplog: pytest.LogCaptureFixture
) -> None:
    Journal(database).close()
    folder = pending_folder(database)
    folder.mkdir(parents=True)
    (folder / "1.json").write_text('{"version": 2}')
    with Journal(database) as journal:
        assert journal.entries() == []
    assert "a newer motionkit reads it" in caplog.text
    assert len(files(database)) == 1


def test_records_that_cannot_be_read_are_an_error_of_the_journal(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied")

    path.with_name("journal.db-pending").mkdir()
    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(
        JournalError, match=r"journal\.db-pending cannot be read: Permission denied"
    ):
        Journal(path)


def test_a_paid_job_is_delivered_although_its_journal_was_deleted(
    stage: MemoryStage, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client_for(stage, tmp_path) as client:
        over = locked_after_payment(monkeypatch, path.unlink)
        made = client.submit(sample_request(), via=ACCOUNT, key="hero")
        over()
        stage.pass_time(JOB_SECONDS + 1)
        assert client.poll(made).state is State.SUCCEEDED
        assert client.wait(made).job.id == made.id
        assert client.result(made).job.id == made.id
    for part in ("-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)
    with client_for(stage, tmp_path) as client:
        assert client.jobs.get("hero").state is State.SUCCEEDED


HUGE = 2**70


@pytest.mark.parametrize("at", [[1], {"s": 1}, HUGE], ids=["list", "object", "huge"])
def test_a_record_with_a_value_that_fits_no_column_keeps_neither_the_journal_nor_another_record(
    journal: Journal, database: Place, at: Any
) -> None:
    sent(journal)
    good = {"kind": "accepted", "about": "job 42", "at": 1.0, "attempt": "a1", "key": "k1"}
    good |= {"job": job("42", key="k1", attempt_id="a1").to_json()}
    folder = Pending(pending_folder(database))
    bad = folder.put({**good, "at": at})
    folder.put(good)
    assert journal.entry("k1").state is State.QUEUED
    assert files(database) == []
    fits = at == HUGE and not isinstance(database, Path)  # a number of any size is a moment there
    assert files(database, ".kept") == ([] if fits else [bad.with_suffix(".kept")])


def test_a_write_that_other_threads_of_the_process_hold_up_is_no_failure(path: Path) -> None:
    held, over = threading.Event(), threading.Event()
    with Journal(path) as journal:
        store = journal.store
        assert isinstance(store, sqlite.SQLiteStore)

        def hold() -> None:
            with store.file.lock:
                held.set()
                over.wait(0.2)  # meant to expire, long after the patience of a first try

        attempt = sent(journal)
        other = threading.Thread(target=hold)
        other.start()
        assert held.wait(PATIENCE)
        assert journal.accepted(attempt, job("42", key="k1"))
        written = files(path)
        other.join(PATIENCE)
        entry = journal.get("k1")
        assert entry is not None
        assert entry.state is State.QUEUED
    assert not written
