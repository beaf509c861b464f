"""A server that accepts connections and answers nothing: calls end, and no paid job is lost."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from patience import PATIENCE
from postgres_proxy import Proxy
from support import job, submission

from motionkit.errors import Billed, ConfigError, JournalError, MotionKitError
from motionkit.journal import Attempt, Journal, NewPurchase, pending
from motionkit.journal.pending import Pending
from motionkit.model.job import KeyState, State

postgres = pytest.importorskip("motionkit.journal.postgres")

SILENCE = 0.3


@pytest.fixture
def proxy(postgresql: str) -> Iterator[Proxy]:
    with Proxy(postgresql) as relaying:
        yield relaying


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing longer than a moment."""
    monkeypatch.setattr(postgres, "SILENCE", SILENCE)
    monkeypatch.setattr(postgres, "BUSY_TIMEOUT", SILENCE)
    monkeypatch.setitem(postgres._CONNECTION, "connect_timeout", ("PGCONNECT_TIMEOUT", 2))
    monkeypatch.setattr(pending, "PAUSE", 0.01)
    monkeypatch.setattr(pending, "FIRST_TRY", 0.01)
    monkeypatch.setattr(pending, "SHARED_TRY", 0.05)


@pytest.fixture
def journal(proxy: Proxy) -> Iterator[Journal]:
    with Journal(proxy.address) as opened:
        yield opened


def intend(journal: Journal, key: str = "k") -> Attempt:
    wanted = NewPurchase(key=key, request=f"r-{key}", via="shop", description={})
    return journal.intend(wanted, f"a-{key}", submission(), "f" * 16)


def ended(call: Callable[[], object]) -> JournalError:
    """Return the error that a call ends with; a call that hangs fails the test."""
    found: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - it is the result
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "the call hangs"
    (error,) = found
    assert isinstance(error, JournalError), repr(error)
    return error


def test_a_read_of_a_silent_server_is_an_error_that_names_the_journal_and_the_time(
    journal: Journal, proxy: Proxy
) -> None:
    intend(journal)
    with proxy.silent():
        error = ended(lambda: journal.entry("k"))
    assert proxy.address.rpartition("@")[2] in str(error)
    assert "cannot read the journal" in str(error)
    assert "planted-password" not in f"{error} {error!r} {error.__cause__}"
    assert journal.entry("k").key == "k"


def test_nothing_is_sent_when_a_silent_server_cannot_be_written_to(
    journal: Journal, proxy: Proxy
) -> None:
    with proxy.silent():
        error = ended(lambda: intend(journal))
    assert error.billed is Billed.NO
    assert "nothing was sent" in str(error)


def test_a_job_that_was_paid_is_kept_on_this_machine_while_the_server_is_silent(
    journal: Journal, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    attempt = journal.sending(intend(journal))
    folder = journal.store.pending
    assert folder is not None
    with proxy.silent(), caplog.at_level(logging.WARNING):
        assert journal.accepted(attempt, job("v1", key="k", attempt_id=attempt.id))
        assert len(Pending(folder).paths()) == 1
    entry = journal.entry("k")
    assert entry.state is State.QUEUED
    assert entry.job is not None
    assert not folder.exists()


def test_a_purchase_whose_answer_was_lost_meanwhile_is_uncertain_and_can_be_resumed(
    journal: Journal, proxy: Proxy
) -> None:
    attempt = journal.sending(intend(journal))
    with proxy.silent():
        journal.uncertain(attempt, MotionKitError("the answer was lost"))
    entry = journal.entry("k")
    assert entry.state is KeyState.UNCERTAIN
    assert [one.id for one in entry.attempts] == [attempt.id]


def test_a_server_process_that_is_stopped_is_left_and_another_one_is_asked(
    postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "BUSY_TIMEOUT", PATIENCE)
    with Journal(postgresql) as journal:
        intend(journal)
        (connection,) = journal.store.pool._idle  # type: ignore[attr-defined]
        with stopped(connection.info.backend_pid):
            assert journal.entry("k").key == "k"
        assert connection.closed


@contextmanager
def stopped(process_id: int) -> Iterator[None]:
    """Stop a process while the block runs."""
    try:
        os.kill(process_id, signal.SIGSTOP)
    except PermissionError:
        pytest.skip("the server belongs to another user")
    try:
        yield
    finally:
        os.kill(process_id, signal.SIGCONT)


def test_waiting_for_a_lock_is_no_silence(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server waits for what is reserved, and says in time that it was in vain."""
    began, release = threading.Event(), threading.Event()

    def hold() -> None:
        with journal.store.writing(locks=[("request", "r")]):
            began.set()
            release.wait(PATIENCE)

    holder = threading.Thread(target=hold)
    holder.start()
    assert began.wait(PATIENCE)
    try:
        with (
            pytest.raises(JournalError, match="lock timeout"),
            journal.store.writing(locks=[("request", "r")], patience=4 * SILENCE),
        ):
            pass
    finally:
        release.set()
        holder.join()


@pytest.mark.parametrize("given", ["soon", "0", "-5", "nan", "1e9"])
def test_a_limit_that_is_no_number_of_seconds_is_refused(
    postgresql: str, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTIONKIT_JOURNAL_TIMEOUT", given)
    with pytest.raises(ConfigError, match=r"MOTIONKIT_JOURNAL_TIMEOUT: .* 1 to 3600 seconds"):
        Journal(postgresql)


def test_the_environment_sets_the_limit(postgresql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTIONKIT_JOURNAL_TIMEOUT", "7.5")
    with Journal(postgresql) as journal:
        (connection,) = journal.store.pool._idle  # type: ignore[attr-defined]
        assert connection.silence == 7.5
