"""All clients of a process share one connection to the journal; nothing else opens its file."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import ledger
import pytest
from ledger import Place, options_at
from support import job, submission

from motionkit.client import Client
from motionkit.errors import Billed, JournalError
from motionkit.journal import (
    Attempt,
    Journal,
    NewPurchase,
    PurchaseExists,
    database,
    files,
    postgres,
)
from motionkit.journal.database import SQLiteStore
from motionkit.model.job import State, Status, utcnow
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import ACCOUNT, client_for, sample_request

_OPENED: list[str] = []
_WATCHED: list[str] = []


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event == "open" and _WATCHED and isinstance(args[0], str | bytes | os.PathLike):
        name = os.fsdecode(args[0])
        if name.startswith(_WATCHED[0]):
            _OPENED.append(name)


sys.addaudithook(_audit)  # hears of every file that Python opens; SQLite opens its own in C


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def opened(path: Path) -> Iterator[list[str]]:
    _OPENED.clear()
    _WATCHED.append(str(path))
    yield _OPENED
    _WATCHED.clear()


def intend(journal: Journal, key: str = "order-17") -> Attempt:
    wanted = NewPurchase(key=key, request="r", via="shop", description={}, again=True)
    return journal.intend(wanted, f"attempt-{key}", submission(), "f" * 16)


OUTSIDE = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(*[row[0] for row in db.execute("SELECT key FROM purchases ORDER BY key")])
db.close()  # the last connection to a file deletes its log
"""


def seen_outside(path: Place) -> list[str]:
    """Return the keys that another process sees; it opens the journal and closes it."""
    if not isinstance(path, Path):
        return [key for (key,) in ledger.seen_outside(path, "SELECT key FROM purchases ORDER BY n")]
    command = [sys.executable, "-S", "-c", OUTSIDE, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


# Sharing.


def test_what_a_client_writes_is_seen_outside_after_a_second_client_and_another_process(
    database: Place,
) -> None:
    with Journal(database) as first, Journal(database):
        first.entries()
        assert seen_outside(database) == []  # and closes, like `motionkit jobs`
        intend(first)
        assert seen_outside(database) == ["order-17"]


def _keep(cells: list[Journal]) -> None:
    pass


def _close(cells: list[Journal]) -> None:
    cells[-2].close()


def _drop(cells: list[Journal]) -> None:
    del cells[:-1]
    gc.collect()


@pytest.mark.parametrize("leave", [_keep, _close, _drop])
def test_a_notebook_cell_that_is_run_three_times_keeps_the_locks(
    database: Place, leave: Callable[[list[Journal]], None]
) -> None:
    cells = [Journal(database)]
    for number in range(3):
        cells.append(Journal(database))
        leave(cells)
        seen_outside(database)
        intend(cells[-1], f"order-{number}")
        assert len(seen_outside(database)) == number + 1
    for cell in cells:
        cell.close()


KILLED = """
import sys
from contextlib import closing
from pathlib import Path
from motionkit.journal import Journal
from motionkit.journal import NewPurchase
from motionkit.model.submission import Call, Submission

first, second = Journal(sys.argv[1]), Journal(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
wanted = NewPurchase(key="order-17", request="r", via="shop", description={})
paid = Submission("fake", "shop", "mimic", "m1", Call("POST", "/paid", paid=True))
first.sending(first.intend(wanted, "attempt-1", paid, "f"))
print("sent", flush=True)
sys.stdin.readline()
"""


def test_a_key_outlives_the_kill_of_a_process_with_two_clients(database: Place) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        assert seen_outside(database) == []
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline() == "sent\n"
        assert seen_outside(database) == ["order-17"]
        child.send_signal(signal.SIGKILL)
    with Journal(database) as journal:
        assert journal.entry("order-17").attempts[0].sends == 1
        with pytest.raises(PurchaseExists):
            intend(journal)


def test_the_locks_hold_after_a_fork_in_parent_and_child(database: Place) -> None:
    with Journal(database) as first, Journal(database) as second:
        intend(first, "before")
        child = os.fork()
        if child == 0:
            good = False
            try:
                intend(second, "child")
                good = seen_outside(database) == ["before", "child"]
            finally:
                os._exit(0 if good else 1)
        assert os.waitpid(child, 0)[1] == 0
        intend(first, "parent")
        assert seen_outside(database) == ["before", "child", "parent"]


def test_twenty_threads_with_a_client_each_submit_one_key_once(
    tmp_path: Path, database: Place
) -> None:
    stage, start = MemoryStage(), threading.Barrier(20)
    told: list[Any] = []

    def work() -> None:
        try:
            start.wait()
            with Client(**options_at(stage, tmp_path, database)) as client:
                made = client.submit(sample_request(), via=ACCOUNT, key="hero")
            told.append(made.id)
        except BaseException as error:
            told.append(error)
            raise

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 20
    assert len(set(told)) == 1, told
    assert stage.bought() == 1


def test_nothing_but_sqlite_opens_the_journal(path: Path, opened: list[str]) -> None:
    with Journal(path) as first:
        intend(first)
        path.chmod(0o644)
        with Journal(path) as second:
            second.entries()
        child = os.fork()
        if child == 0:
            good = False
            try:
                first.entries()
                good = not opened
            finally:
                os._exit(0 if good else 1)
        assert os.waitpid(child, 0)[1] == 0
        first.entries()
    assert not opened
    with path.open("rb"):
        assert opened == [str(path)]  # it would have been heard


def test_a_path_and_a_link_to_it_are_one_journal(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path.name)
    with closing(SQLiteStore(link)) as one, closing(SQLiteStore(path)) as other:
        assert one.file is other.file
    hard = tmp_path / "hard.db"
    hard.hardlink_to(path)
    with closing(SQLiteStore(path)) as one, closing(SQLiteStore(hard)) as other:
        assert one.file is other.file


def test_the_file_is_closed_with_the_last_client(path: Path) -> None:
    first, second = Journal(path), Journal(path)
    first.close()
    first.close()
    with pytest.raises(JournalError, match="the journal is closed"):
        first.entries()
    intend(second)
    second.close()
    assert [p.name for p in path.parent.iterdir()] == ["journal.db"]


def test_a_client_that_is_dropped_lets_go_of_the_file(path: Path) -> None:
    journal = Journal(path)
    intend(journal)
    del journal
    gc.collect()
    assert [p.name for p in path.parent.iterdir()] == ["journal.db"]


def test_what_another_client_of_the_process_learns_is_noticed(
    database: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "CLOCK_READ", 0.0)
    with Journal(database) as one, Journal(database) as other:
        attempt = intend(one)
        assert one.accepted(attempt, job("42"))
        before = other.endings
        one.observed(job("42"), Status(State.SUCCEEDED, "1", utcnow()))
        assert other.endings != before


def test_readers_go_on_while_a_thread_waits_for_another_process_to_write(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = threading.Event()
    monkeypatch.setattr(database, "_SLICE", 0.01)
    with Journal(path) as journal:
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        real = journal.store.file.begin

        def begin(patience: float) -> sqlite3.Connection:
            waits.set()
            return real(patience)

        monkeypatch.setattr(journal.store.file, "begin", begin)
        writer = threading.Thread(target=intend, args=(journal,))
        writer.start()
        assert waits.wait(120)
        assert journal.entries() == []
        other.execute("ROLLBACK")
        other.close()
        writer.join()
        assert [entry.key for entry in journal.entries()] == ["order-17"]


# A file that is deleted or replaced.


def _delete(path: Path) -> None:
    path.unlink()


def _replace(path: Path) -> None:
    """Move a copy over it, as from a backup."""
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").replace(path)


def _move(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))


def _delete_log(path: Path) -> None:
    path.with_name("journal.db-wal").unlink()


def _delete_locks(path: Path) -> None:
    path.with_name("journal.db-shm").unlink()


def _delete_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


HARMS = [_delete, _replace, _move, _delete_log, _delete_locks, _delete_folder]


@pytest.mark.parametrize("harm", HARMS)
def test_a_journal_that_is_no_longer_in_its_place_refuses_every_paid_call(
    path: Path, harm: Callable[[Path], None]
) -> None:
    with Journal(path) as journal:
        waiting = intend(journal, "waiting")
        refused = intend(journal, "refused")
        journal.refused(refused, JournalError("no"))
        harm(path)
        calls: list[Callable[[], object]] = [
            lambda: intend(journal, "new"),
            lambda: journal.intend(
                NewPurchase(key="refused", request="r", via="shop", description={}),
                "attempt-2",
                submission(),
                "f" * 16,
                after_refusal=True,
            ),
            lambda: journal.sending(waiting),
            journal.entries,
        ]
        for call in calls:
            with pytest.raises(
                JournalError, match=r"is not the one that this process opened: .* meanwhile"
            ) as caught:
                call()
            assert caught.value.billed is Billed.NO
            assert "nothing is submitted until then" in (caught.value.hint or "")


def test_a_journal_that_is_deleted_during_the_write_refuses_the_paid_call(path: Path) -> None:
    with Journal(path) as journal:
        attempt = intend(journal)
        file = journal.store.file
        check, calls = file.check, []

        def late() -> None:
            calls.append(1)
            if len(calls) == 2:
                path.unlink()
            check()

        file.check = late  # type: ignore[method-assign]
        with pytest.raises(JournalError, match=r"journal\.db was deleted"):
            journal.sending(attempt)


def test_an_older_copy_that_is_written_over_the_journal_refuses_paid_calls(path: Path) -> None:
    copy = path.with_name("backup")
    with Journal(path) as journal:
        intend(journal)
    shutil.copy(path, copy)
    with Journal(path) as journal:
        for number in range(50):
            intend(journal, f"later-{number}")
    with Journal(path) as journal:
        intend(journal, "waiting")
        shutil.copy(copy, path)  # the same inode
        with pytest.raises(JournalError, match=r"journal\.db was overwritten by an older copy"):
            intend(journal, "later-7")


def test_a_journal_that_is_put_back_is_used_again(path: Path) -> None:
    aside = path.with_name("aside.db")
    with Journal(path) as journal:
        path.rename(aside)
        with pytest.raises(JournalError):
            intend(journal)
        aside.rename(path)
        intend(journal)


def test_a_client_refuses_to_submit_after_its_journal_was_deleted(tmp_path: Path) -> None:
    stage = MemoryStage()
    with client_for(stage, tmp_path) as client:
        client.submit(sample_request(), via=ACCOUNT, key="hero")
        (tmp_path / "journal.db").unlink()
        with pytest.raises(JournalError, match="was deleted") as caught:
            client.submit(sample_request(), via=ACCOUNT, key="again")
        assert caught.value.billed is Billed.NO
    assert stage.bought() == 1


def test_a_fork_opens_no_new_file_in_the_place_of_a_deleted_journal(path: Path) -> None:
    with Journal(path) as journal:
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        path.unlink()
        with pytest.raises(JournalError, match="was deleted"):
            intend(journal)
        assert not path.exists()


def test_a_new_client_uses_the_file_that_is_there_now(path: Path) -> None:
    with Journal(path) as old:
        intend(old)
        for file in path.parent.iterdir():
            file.unlink()
        with Journal(path) as new:
            intend(new)
            assert seen_outside(path) == ["order-17"]
        with pytest.raises(JournalError):
            old.entries()


# A file that is there and empty.


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "EMPTY_GRACE", 0.0)


@pytest.mark.usefixtures("impatient")
def test_an_empty_journal_that_was_there_is_warned_about(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.touch()
    with Journal(path) as journal:
        intend(journal)
    assert f"the journal {path} was empty (0 bytes): a new one begins in it" in caplog.text


@pytest.mark.usefixtures("impatient")
def test_a_new_journal_is_no_reason_to_warn(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), Journal(path), Journal(path):
        pass
    assert caplog.text == ""


@pytest.mark.parametrize("size", [None, 0])
@pytest.mark.usefixtures("impatient")
def test_no_new_journal_is_begun_over_the_log_of_a_lost_one(path: Path, size: int | None) -> None:
    """SQLite would delete the log, and with it all that was not yet in the file."""
    with Journal(path) as lost:
        intend(lost)
        if size is None:
            path.unlink()
        else:
            os.truncate(path, size)
        state = "missing" if size is None else r"empty \(0 bytes\)"
        log = path.with_name("journal.db-wal")
        with pytest.raises(JournalError, match=f"is {state}, and journal.db-wal beside it") as told:
            Journal(path)
        assert told.value.billed is Billed.NO
        assert "put a copy of the journal back" in (told.value.hint or "")
        assert log.stat().st_size > 0


# A place where no journal can be.


def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="it is a folder") as caught:
        Journal(tmp_path)
    assert "MOTIONKIT_JOURNAL" in (caught.value.hint or "")


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    """Make another /dev/null, which a mistake may change."""
    if os.geteuid() != 0:
        pytest.skip("only root makes devices")
    os.mknod(path, stat.S_IFCHR, os.makedev(1, 3))


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("make", [_pipe, _device])
def test_what_is_no_file_is_no_journal_and_keeps_its_mode(
    make: Callable[[Path], None], linked: bool, path: Path
) -> None:
    make(path)
    path.chmod(0o666)
    named = path
    if linked:
        named = path.with_name("link.db")
        named.symlink_to(path)
    with pytest.raises(JournalError, match="it is not a regular file"):
        Journal(named)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666


@pytest.mark.parametrize("part", files.LOG_PARTS)
def test_what_is_no_file_beside_a_journal_keeps_its_mode(part: str, path: Path) -> None:
    beside = path.with_name(path.name + part)
    beside.parent.mkdir(exist_ok=True)
    os.mkfifo(beside)
    beside.chmod(0o666)
    files.create(path)
    assert stat.S_IMODE(beside.stat().st_mode) == 0o666


@pytest.mark.parametrize("call", ["mknod", "mkdir", "stat"])
def test_a_place_without_permission_is_named_with_a_hint(
    call: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(os, call)

    def denied(name: Any, *args: Any, **named: Any) -> Any:
        if str(name).startswith(str(path.parent / "state")):
            raise PermissionError(13, "Permission denied", str(name))
        return real(name, *args, **named)

    monkeypatch.setattr(os, call, denied)
    with pytest.raises(JournalError, match=r"cannot open .*: Permission denied \(.*state") as told:
        Journal(path.parent / "state" / "journal.db")
    assert told.value.billed is Billed.NO
    assert "name a file in a local folder that you can write" in (told.value.hint or "")
    assert "Errno" not in str(told.value)


def test_a_place_whose_permission_is_lost_refuses_paid_calls(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal(path) as journal:
        real = os.stat

        def denied(one: Any, **named: Any) -> os.stat_result:
            if one in {path, str(path)}:
                raise PermissionError(13, "Permission denied", str(path))
            return real(one, **named)

        monkeypatch.setattr(os, "stat", denied)
        with pytest.raises(JournalError, match=r"cannot write ahead to the journal.*Permission"):
            intend(journal)


def test_without_mknod_the_file_is_made_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_root(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "mknod", only_root)
    for _ in range(2):
        with Journal(path) as journal:
            assert path.stat().st_mode & 0o777 == 0o600
            journal.entries()


def test_a_mount_whose_name_is_no_utf8_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    listed = tmp_path / "mounts"
    folder = os.fsencode(tmp_path / "state")
    listed.write_bytes(
        b"/dev/sdb1 /media/caf\xe9\\040x\x85y ext4 rw 0 0\n\nserver:/ " + folder + b" nfs4 rw 0 0\n"
    )
    monkeypatch.setattr(files, "MOUNTS", listed)
    Journal(tmp_path / "state" / "journal.db").close()
    assert "network file system" in caplog.text


def test_the_collector_waits_for_no_fork(path: Path) -> None:
    """It may run in a thread that holds what the fork waits for."""
    journal = Journal(path)
    intend(journal)
    file, forking, forked = journal.store.file, threading.Event(), threading.Event()

    def fork() -> None:
        file.before_fork()
        forking.set()
        forked.wait(120)
        file.after_fork(child=False)

    thread = threading.Thread(target=fork)
    thread.start()
    assert forking.wait(120)
    del journal
    gc.collect()
    assert file.closed
    assert [p.name for p in path.parent.iterdir()] == ["journal.db"]
    forked.set()
    thread.join()
    with Journal(path) as again:
        assert [entry.key for entry in again.entries()] == ["order-17"]
