"""Connections to the database are lost at the worst moments, and no job and no money with them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import pytest
from postgres_proxy import Proxy
from support import job, submission

from motionkit.errors import Billed, JournalError, MotionKitError
from motionkit.journal import Attempt, Journal, NewPurchase, PurchaseExists, pending
from motionkit.journal.pending import Pending
from motionkit.model.job import KeyState, State, Status, utcnow

postgres = pytest.importorskip("motionkit.journal.postgres")

Cut = Callable[[Proxy, int], None]


@pytest.fixture
def proxy(postgresql: str) -> Iterator[Proxy]:
    with Proxy(postgresql) as relaying:
        yield relaying


@pytest.fixture
def journal(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    monkeypatch.setattr(pending, "PAUSE", 0.01)
    monkeypatch.setattr(postgres, "PREPARED_AFTER", None)  # the proxy reads the statements
    with Journal(proxy.address) as opened:
        yield opened


@pytest.fixture(params=[Proxy.cut_before_commit, Proxy.cut_after_commit], ids=["before", "after"])
def cut(request: pytest.FixtureRequest) -> Cut:
    made: Cut = request.param
    return made


def intend(journal: Journal, key: str = "k", *, after_refusal: bool = False) -> Attempt:
    wanted = NewPurchase(key=key, request=f"r-{key}", via="shop", description={})
    attempt_id = f"a-{key}{'-2' * after_refusal}"
    return journal.intend(wanted, attempt_id, submission(), "f" * 16, after_refusal=after_refusal)


def sent(journal: Journal, key: str = "k") -> Attempt:
    return journal.sending(intend(journal, key))


def test_an_intention_that_may_not_be_written_is_an_error_and_costs_nothing(
    journal: Journal, proxy: Proxy, cut: Cut
) -> None:
    cut(proxy, 2)
    with pytest.raises(JournalError, match="write ahead to") as caught:
        intend(journal)
    assert proxy.cuts == 2
    assert caught.value.billed is Billed.NO
    assert "nothing was sent" in str(caught.value)
    try:
        attempt = intend(journal)
    except PurchaseExists as exists:  # it was written: unsent, so it may be given up
        (attempt,) = exists.entry.attempts
        assert attempt.sends == 0
        assert journal.unsent(attempt, MotionKitError("interrupted"))
        attempt = intend(journal, after_refusal=True)
    assert journal.sending(attempt).sends == 1


def test_an_intention_that_was_not_confirmed_is_written_exactly_once_and_takes_one_slot(
    journal: Journal, proxy: Proxy, cut: Cut
) -> None:
    cut(proxy, 1)
    attempt = intend(journal)
    assert proxy.cuts == 1
    (stored,) = journal.entry("k").attempts
    assert (stored.id, stored.sends) == (attempt.id, 0)
    assert journal.taken(attempt.fingerprint) == 1
    assert journal.sending(attempt).sends == 1


def test_a_send_that_was_not_confirmed_is_written_exactly_once_and_goes_on(
    journal: Journal, proxy: Proxy, cut: Cut
) -> None:
    attempt = intend(journal)
    cut(proxy, 1)
    attempt = journal.sending(attempt)
    assert proxy.cuts == 1
    assert attempt.sends == 1
    (stored,) = journal.entry("k").attempts
    assert (stored.sends, stored.first) == (1, attempt.first)


def test_a_resend_that_was_not_confirmed_is_not_made(
    journal: Journal, proxy: Proxy, cut: Cut
) -> None:
    attempt = sent(journal)
    journal.uncertain(attempt, MotionKitError("lost"))
    cut(proxy, 1)
    with pytest.raises(JournalError) as caught:
        journal.sending(attempt)
    assert caught.value.billed is Billed.NO


def test_an_accepted_job_is_in_the_journal_whatever_happens_to_connections(
    journal: Journal, proxy: Proxy, cut: Cut
) -> None:
    attempt = sent(journal)
    cut(proxy, 3)
    assert journal.accepted(attempt, job("v1", key="k", attempt_id=attempt.id))
    assert proxy.cuts == 3
    entry = journal.entry("k")
    assert entry.state is State.QUEUED
    assert entry.job is not None
    assert entry.job.id == "v1"
    assert journal.store.pending is not None
    assert not journal.store.pending.exists()


@pytest.mark.parametrize(
    ("write", "state"),
    [(Journal.refused, KeyState.REFUSED), (Journal.uncertain, KeyState.UNCERTAIN)],
)
def test_an_outcome_without_a_job_is_written_too(
    journal: Journal,
    proxy: Proxy,
    cut: Cut,
    write: Callable[[Journal, Attempt, MotionKitError], None],
    state: KeyState,
) -> None:
    attempt = sent(journal)
    cut(proxy, 2)
    write(journal, attempt, MotionKitError("no"))
    assert proxy.cuts == 2
    assert journal.entry("k").state is state


def test_an_end_is_written_too(journal: Journal, proxy: Proxy, cut: Cut) -> None:
    attempt = sent(journal)
    made = job("v1", key="k", attempt_id=attempt.id)
    journal.accepted(attempt, made)
    cut(proxy, 2)
    journal.observed(made, Status(State.FAILED, "no", utcnow(), message="no"))
    assert proxy.cuts == 2
    assert journal.entry("k").state is State.FAILED


def test_a_job_is_kept_on_this_machine_while_the_database_is_away(
    journal: Journal,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(pending, "FIRST_TRY", 0.01)
    monkeypatch.setattr(pending, "SHARED_TRY", 0.05)
    attempt = sent(journal)
    with proxy.down(), caplog.at_level(logging.WARNING):
        assert journal.accepted(attempt, job("v1", key="k", attempt_id=attempt.id))
        assert journal.store.pending is not None
        assert len(Pending(journal.store.pending).paths()) == 1
    assert "is kept in" in caplog.text
    assert "planted-password" not in caplog.text
    entry = journal.entry("k")
    assert entry.state is State.QUEUED
    assert entry.job is not None
    assert not journal.store.pending.exists()


def test_a_job_is_written_as_soon_as_the_database_is_back(journal: Journal, proxy: Proxy) -> None:
    attempt = sent(journal)
    folder = journal.store.pending
    assert folder is not None
    written = threading.Event()

    def accept() -> None:
        journal.accepted(attempt, job("v1", key="k", attempt_id=attempt.id))
        written.set()

    with proxy.down():
        accepting = threading.Thread(target=accept)
        accepting.start()
        while not folder.exists():
            assert not written.is_set()
    accepting.join()
    assert journal.entry("k").state is State.QUEUED
    assert not folder.exists()


def test_a_read_waits_for_a_database_that_comes_back(journal: Journal, proxy: Proxy) -> None:
    intend(journal)
    with proxy.down():
        found: list[str] = []
        reading = threading.Thread(target=lambda: found.append(journal.entry("k").key))
        reading.start()
        assert not found
    reading.join()
    assert found == ["k"]


def test_a_database_that_cannot_be_reached_is_named_at_once_and_without_its_password(
    proxy: Proxy,
) -> None:
    with proxy.down(), pytest.raises(JournalError, match="cannot open the journal") as caught:
        Journal(proxy.address)
    told = f"{caught.value} {caught.value!r} {caught.value.__cause__}"
    assert "planted-password" not in told
    assert proxy.address.rpartition("@")[2] in told


def test_a_wrong_database_is_named_without_the_password(postgresql: str) -> None:
    wrong = postgresql.replace("/test_", "/no_such_")
    with pytest.raises(JournalError, match="does not exist") as caught:
        Journal(wrong)
    assert "planted-password" not in f"{caught.value} {caught.value.__cause__}"
