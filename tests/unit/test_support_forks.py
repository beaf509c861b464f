"""A forked child has locks that are free, and a journal of its own to the same file."""

from __future__ import annotations

import gc
import os
import threading
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE
from support import Clock, FakeProvider, FakeSettings, job

from motionkit._support import process
from motionkit._support.redaction import Secret
from motionkit.client.accounts import Accounts
from motionkit.config import Account, Config, Defaults
from motionkit.errors import JournalError
from motionkit.http.rate_limit import RateLimiter
from motionkit.journal.database import SQLiteStore
from motionkit.journal.journal import Journal
from motionkit.polling.durations import Durations, kind_of

ROW = "INSERT INTO cooldowns VALUES (?, '', '', '')"


def forked(work: Callable[[], bool]) -> int:
    """Fork a child that does some work and says whether it was good; return its process id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, from 3.12
        child = os.fork()
    if child == 0:
        good = False
        try:
            told: list[bool] = []
            worker = threading.Thread(target=lambda: told.append(work()), daemon=True)
            worker.start()
            worker.join(PATIENCE)
            good = told == [True]
        finally:
            os._exit(0 if good else 1)
    return child


def good(child: int) -> bool:
    return os.waitpid(child, 0)[1] == 0


def write(store: SQLiteStore, account: str) -> None:
    with store.writing() as db:
        db.execute(ROW, (account,))


def accounts(store: SQLiteStore) -> list[str]:
    return [row[0] for row in store.query("SELECT account FROM cooldowns ORDER BY account")]


def held_elsewhere(lock: Any) -> Callable[[], None]:
    """Hold a lock in another thread; return what ends that."""
    holding, release = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            holding.set()
            release.wait(PATIENCE)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(PATIENCE)

    def end() -> None:
        release.set()
        thread.join(PATIENCE)

    return end


# Locks.


def test_a_pacer_whose_lock_another_thread_held_counts_in_the_child() -> None:
    clock = Clock(1000.0)
    limiter = RateLimiter(1, clock, clock.sleep)
    end = held_elsewhere(limiter._lock)
    child = forked(lambda: limiter.acquire() == 0.0 and limiter.acquire() > 0.0)
    end()
    assert good(child)


def test_estimates_whose_lock_another_thread_held_are_there_in_the_child(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        timing = Durations(journal, 8.0)
        end = held_elsewhere(timing._lock)
        child = forked(lambda: timing.estimate(kind_of(job()), 60.0) is not None)
        end()
        assert good(child)


def test_adapters_that_another_thread_was_making_are_made_in_the_child(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        shop = Account("shop", "fake", FakeSettings(api_key=Secret("k" * 10), rpm=5))
        adapters = Accounts(
            Config(accounts={"shop": shop}, defaults=Defaults(), journal=None),
            {"fake": FakeProvider},
            journal.caches,
        )
        end = held_elsewhere(adapters._locks["shop"])
        child = forked(lambda: isinstance(adapters.of("shop"), FakeProvider))
        end()
        assert good(child)


def test_the_parents_lock_stays_locked_over_a_fork() -> None:
    lock = process.Lock()
    order: list[str] = []
    with lock:
        child = forked(lambda: True)
        other = threading.Thread(target=lambda: _note(lock, order))
        other.start()
        order.append("first")
    other.join(PATIENCE)
    assert good(child)
    assert order == ["first", "second"]


def _note(lock: process.Lock, order: list[str]) -> None:
    with lock:
        order.append("second")


def test_what_is_gone_is_told_of_no_fork() -> None:
    lock = process.Lock()
    ref = weakref.ref(lock)
    del lock
    gc.collect()
    assert ref() is None
    assert all(kept() is not None for kept in list(process._NOTIFIED))


# The journal.


def test_a_child_uses_the_journal_with_a_connection_of_its_own(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "journal.db")
    before = store.db

    def child() -> bool:
        write(store, "child")
        return store.db is not before and accounts(store) == ["child"]

    assert good(forked(child))
    write(store, "parent")
    assert accounts(store) == ["child", "parent"]
    store.close()


def test_what_a_child_writes_is_kept_when_its_parent_closes_the_journal(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "journal.db")
    first, closed = os.pipe(), os.pipe()

    def child() -> bool:
        write(store, "one")
        os.write(first[1], b"1")
        os.read(closed[0], 1)
        write(store, "two")
        return True

    running = forked(child)
    os.read(first[0], 1)
    store.close()
    os.write(closed[1], b"1")
    assert good(running)
    for end in (*first, *closed):
        os.close(end)
    again = SQLiteStore(tmp_path / "journal.db")
    assert accounts(again) == ["one", "two"]
    again.close()


def test_a_fork_waits_for_the_transaction_of_another_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SQLiteStore(tmp_path / "journal.db")
    writing, forking = threading.Event(), threading.Event()
    before_fork = store.file.before_fork

    def told() -> None:
        forking.set()
        before_fork()

    monkeypatch.setattr(store.file, "before_fork", told)

    def transact() -> None:
        with store.writing() as db:
            db.execute(ROW, ("thread",))
            writing.set()
            forking.wait(PATIENCE)

    thread = threading.Thread(target=transact)
    thread.start()
    assert writing.wait(PATIENCE)
    assert good(forked(lambda: accounts(store) == ["thread"]))
    thread.join(PATIENCE)
    assert accounts(store) == ["thread"]
    store.close()


def test_a_closed_journal_is_not_opened_by_a_fork(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "journal.db")
    store.close()

    def child() -> bool:
        with pytest.raises(JournalError):
            accounts(store)
        return True

    assert good(forked(child))
    with pytest.raises(JournalError):
        accounts(store)


def test_a_journal_is_found_again_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = SQLiteStore(Path("journal.db"))
    write(store, "parent")

    def child() -> bool:
        os.chdir("/")
        return accounts(store) == ["parent"]

    assert good(forked(child))
    store.close()


def test_a_journal_in_memory_says_in_a_child_that_it_stayed_behind() -> None:
    store = SQLiteStore(None)
    write(store, "parent")

    def child() -> bool:
        with pytest.raises(JournalError, match="stays with the process that made it"):
            accounts(store)
        store.close()
        return True

    assert good(forked(child))
    assert accounts(store) == ["parent"]
    store.close()
