"""The ledger is written ahead, shared safely, and takes nothing back."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
from ledger import Place, Writer, change, content, seen_outside, set_clock, statements
from patience import PATIENCE
from support import NOON, PAID, job, submission

from motionkit._support import process
from motionkit._support.redaction import Secret
from motionkit.errors import (
    Billed,
    BudgetExceeded,
    Busy,
    InvalidRequest,
    JobCancelled,
    JournalError,
    MotionKitError,
    ProviderUnavailable,
    SubmitUncertain,
)
from motionkit.journal import (
    Alike,
    Attempt,
    Journal,
    NewPurchase,
    PurchaseExists,
    PurchaseRecord,
    database,
    files,
    retry_key,
    schema,
)
from motionkit.journal.database import FileConnection, SQLiteStore
from motionkit.model import codec
from motionkit.model.budget import Budget
from motionkit.model.job import KeyState, Output, Result, State, Status
from motionkit.model.money import Basis, Cost, CostBasis, Quote, Unit
from motionkit.model.operations import Mimic
from motionkit.model.submission import Submission
from motionkit.purchase.circuits import Circuits
from motionkit.routing import circuit_breaker

QUOTE = Quote(
    Decimal(94), Decimal(100), Decimal(100), Unit.CREDIT,
    Decimal("0.94"), Decimal("1.00"), Decimal("1.00"), Basis.LISTED,
    "https://vendor.example/prices", dt.date(2026, 11, 21), notes=("rounded",),
)  # fmt: skip
COST = Cost(Decimal(100), Unit.CREDIT, Decimal("1.00"), CostBasis.REPORTED)


def purchase(key: str = "k1", request: str = "r1", **changes: Any) -> NewPurchase:
    return attrs.evolve(
        NewPurchase(
            key=key, request=request, via="shop", description={"operation": "mimic"}, again=True
        ),
        **changes,
    )


def seen(state: State, word: str = "w", **changes: Any) -> Status:
    return attrs.evolve(Status(state, word, NOON), **changes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def journal(database: Place) -> Iterator[Journal]:
    """Give a journal in a file, and another time one in a PostgreSQL database."""
    with Journal(database) as opened:
        yield opened


@pytest.fixture
def in_file(path: Path) -> Iterator[Journal]:
    with Journal(path) as opened:
        yield opened


def intended(journal: Journal, key: str = "k1", attempt: str = "a1", **changes: Any) -> Attempt:
    return journal.intend(purchase(key, **changes), attempt, submission(), "f" * 16)


def bought(journal: Journal, key: str, attempt: str, vendor_id: str) -> Attempt:
    made = intended(journal, key, attempt)
    assert journal.accepted(made, job(vendor_id, key=key, attempt_id=attempt))
    return made


# The file.


@pytest.mark.usefixtures("in_file")
def test_the_file_and_what_sqlite_lays_beside_it_are_the_users_alone(path: Path) -> None:
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "journal.db", "journal.db-shm", "journal.db-wal",
    ]  # fmt: skip
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_every_commit_is_synced(in_file: Journal) -> None:
    assert isinstance(in_file.store, SQLiteStore)
    assert in_file.store.db.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
    assert in_file.store.db.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_a_journal_in_memory_makes_no_file(home: Path) -> None:
    with Journal(None) as journal:
        intended(journal)
        assert journal.entry("k1").state is KeyState.INTENDED
    assert list(home.iterdir()) == []


def test_what_was_written_is_there_for_the_next_process(database: Place) -> None:
    with Journal(database) as journal:
        made = journal.intend(
            purchase(quote=QUOTE, out="/tmp/out.mp4"), "a1", submission(), "f" * 16  # noqa: S108
        )  # fmt: skip
        sent = journal.sending(made)
        thing = job("42", key="k1", attempt_id="a1", cost=COST)
        journal.accepted(sent, thing)
    with Journal(database) as journal:
        entry = journal.entry("k1")
    (attempt,) = entry.attempts
    owner = process.identity()
    assert attempt == attrs.evolve(sent, state="accepted", job=thing, owner=owner)
    assert attempt.submission == submission()
    assert attempt.whole
    assert (entry.request, entry.via, entry.out) == ("r1", "shop", "/tmp/out.mp4")  # noqa: S108
    assert entry.description == {"operation": "mimic"}
    assert entry.quote == QUOTE
    assert entry.cost == COST
    assert entry.job == thing
    assert entry.state is State.QUEUED
    assert not entry.ambiguous
    assert entry.open


# Writing ahead.


def test_an_intention_is_visible_to_others_before_intend_returns(
    journal: Journal, database: Place
) -> None:
    intended(journal)
    assert seen_outside(database, "SELECT key, id, state, sends FROM attempts") == [
        ("k1", "a1", "intended", 0)
    ]
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            (
                "import sys; from motionkit.journal.journal import Journal\n"
                "with Journal(sys.argv[1]) as j: e = j.entry('k1')\n"
                "print(e.state.name, [a.id for a in e.attempts])"
            ),
            str(database),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "INTENDED ['a1']\n"


def test_each_sending_is_counted_and_the_first_is_dated(journal: Journal) -> None:
    first = journal.sending(intended(journal))
    second = journal.sending(first)
    assert (first.sends, second.sends) == (1, 2)
    assert first.first_sent == second.first_sent is not None
    (kept,) = journal.entry("k1").attempts
    assert (kept.sends, kept.first_sent) == (2, first.first_sent)


def test_a_key_that_exists_is_taken_and_nothing_is_written(journal: Journal) -> None:
    intended(journal)
    with pytest.raises(PurchaseExists) as caught:
        journal.intend(purchase("k1", "another request"), "a2", submission(), "f" * 16)
    assert caught.value.entry.key == "k1"
    assert caught.value.entry.request == "r1"
    assert [a.id for a in journal.entry("k1").attempts] == ["a1"]


def test_an_identical_request_under_another_key_is_found_and_nothing_is_written(
    journal: Journal,
) -> None:
    intended(journal, "k1", again=False)
    with pytest.raises(PurchaseExists) as caught:
        intended(journal, "k2", "a2", again=False)
    assert caught.value.entry.key == "k1"
    assert [entry.key for entry in journal.entries()] == ["k1"]
    intended(journal, "k3", "a3", again=True)
    intended(journal, "k4", "a4", again=False, request="r2")


def test_an_identical_request_is_looked_for_when_nobody_else_can_write_any_more(
    in_file: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process writes the request after this one began to write, and before it may."""
    other, journal = Writer(path), in_file
    assert isinstance(journal.store, SQLiteStore)
    begin, waits = journal.store.file.begin, threading.Event()

    def announced(patience: float) -> sqlite3.Connection:
        waits.set()
        return begin(patience)

    monkeypatch.setattr(journal.store.file, "begin", announced)
    outcome: list[object] = []

    def submit() -> None:
        try:
            outcome.append(intended(journal, "ours", again=False))
        except PurchaseExists as taken:
            outcome.append(taken.entry.key)

    thread = threading.Thread(target=submit)
    thread.start()
    assert waits.wait(120)
    other.execute(
        "INSERT INTO purchases (key, request, via, description, state, created, updated)"
        " VALUES ('theirs', 'r1', 'shop', '{}', 'queued', 1, 1)"
    )
    other.commit()
    thread.join()
    assert outcome == ["theirs"]


def test_an_identical_request_of_eight_processes_is_written_once(journal: Journal) -> None:
    ready, go = os.pipe(), os.pipe()
    children = []
    for number in range(8):
        child = os.fork()
        if child == 0:
            code = 2
            try:
                os.write(ready[1], b".")
                os.read(go[0], 1)
                intended(journal, f"k{number}", f"a{number}", again=False)
                code = 0
            except PurchaseExists:
                code = 1
            finally:
                os._exit(code)
        children.append(child)
    for _ in children:
        os.read(ready[0], 1)
    os.write(go[1], b"." * len(children))
    ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    for end in (*ready, *go):
        os.close(end)
    assert sorted(ended) == [0] + [1] * 7
    assert len(journal.entries()) == 1


def _written_off(journal: Journal, attempt: Attempt) -> None:
    journal.refused(attempt, ProviderUnavailable("interrupted before anything left"))


def _assumed_lost(journal: Journal, attempt: Attempt) -> None:
    journal.uncertain(attempt, ProviderUnavailable("reset"))
    journal.assumed(journal.entry("k1"), SubmitUncertain("lost", key="k1"), None)


def _job_found(journal: Journal, attempt: Attempt) -> None:
    journal.accepted(attempt, job("42", key="k1"))


@pytest.mark.parametrize("settle", [_written_off, _assumed_lost, _job_found])
def test_an_attempt_that_another_process_settled_meanwhile_is_not_sent(
    journal: Journal, settle: Any
) -> None:
    """It slept, with a suspended lid say, between writing the attempt ahead and sending it."""
    sleeper = intended(journal)
    settle(journal, sleeper)
    with pytest.raises(PurchaseExists):
        journal.sending(sleeper)
    assert journal.entry("k1").attempts[0].sends == 0


def test_an_attempt_id_is_never_used_twice(journal: Journal) -> None:
    intended(journal, "k1", "a1")
    with pytest.raises(JournalError) as caught:
        intended(journal, "k2", "a1")
    assert caught.value.billed is Billed.NO
    with pytest.raises(InvalidRequest):
        journal.entry("k2")


# Refusals.


def test_a_refused_key_may_be_tried_again_under_a_new_attempt(journal: Journal) -> None:
    journal.refused(intended(journal), Busy("full", code="500044"))
    entry = journal.entry("k1")
    assert (entry.state, entry.open) == (KeyState.REFUSED, False)
    assert entry.error is not None
    assert (entry.error["error"], entry.error["code"]) == ("Busy", "500044")
    again = journal.intend(
        purchase(), "a2", submission(account="other"), "e" * 16, after_refusal=True
    )
    entry = journal.entry("k1")
    assert (entry.state, entry.error) == (KeyState.INTENDED, None)
    assert [(a.id, a.state, a.account, a.fingerprint) for a in entry.attempts] == [
        ("a1", "refused", "shop", "f" * 16),
        ("a2", "intended", "other", "e" * 16),
    ]
    assert again.id == "a2"


def _intended(journal: Journal, attempt: Attempt) -> None:
    pass


def _sent(journal: Journal, attempt: Attempt) -> None:
    journal.sending(attempt)


def _uncertain(journal: Journal, attempt: Attempt) -> None:
    journal.uncertain(attempt, ProviderUnavailable("reset"))


def _uncertain_then_refused(journal: Journal, attempt: Attempt) -> None:
    journal.uncertain(attempt, ProviderUnavailable("reset"))
    journal.refused(attempt, Busy("full"))


def _accepted(journal: Journal, attempt: Attempt) -> None:
    journal.accepted(attempt, job("42", key="k1"))


def _succeeded(journal: Journal, attempt: Attempt) -> None:
    _accepted(journal, attempt)
    journal.observed(job("42", key="k1"), seen(State.SUCCEEDED))


def _failed(journal: Journal, attempt: Attempt) -> None:
    _accepted(journal, attempt)
    journal.observed(job("42", key="k1"), seen(State.FAILED))


@pytest.mark.parametrize(
    "lead",
    [_intended, _sent, _uncertain, _uncertain_then_refused, _accepted, _succeeded, _failed],
)
def test_a_further_attempt_needs_a_refusal_without_any_doubt(journal: Journal, lead: Any) -> None:
    lead(journal, intended(journal))
    before = journal.entry("k1")
    with pytest.raises(PurchaseExists) as caught:
        journal.intend(purchase(), "a2", submission(), "f" * 16, after_refusal=True)
    assert caught.value.entry == before
    assert journal.entry("k1") == before


def test_a_further_attempt_looks_for_an_identical_request_too(journal: Journal) -> None:
    """It was submitted under another key while this one waited for a slot."""
    journal.refused(intended(journal, again=False), Busy("full"))
    intended(journal, "k2", "a2", again=False)
    with pytest.raises(PurchaseExists) as caught:
        journal.intend(purchase(again=False), "a3", submission(), "f" * 16, after_refusal=True)
    assert caught.value.entry.key == "k2"
    assert [a.id for a in journal.entry("k1").attempts] == ["a1"]


def test_a_doubt_forbids_a_further_attempt_whatever_the_state_says(journal: Journal) -> None:
    journal.refused(intended(journal), Busy("full"))
    change(journal, "UPDATE purchases SET ambiguous=1")
    with pytest.raises(PurchaseExists):
        journal.intend(purchase(), "a2", submission(), "f" * 16, after_refusal=True)
    assert [a.id for a in journal.entry("k1").attempts] == ["a1"]


def test_what_may_have_arrived_stays_uncertain_after_a_later_refusal(journal: Journal) -> None:
    attempt = intended(journal)
    journal.uncertain(attempt, ProviderUnavailable("reset"))
    assert journal.entry("k1").ambiguous
    journal.refused(attempt, Busy("full"))
    entry = journal.entry("k1")
    assert (entry.state, entry.ambiguous, entry.open) == (KeyState.UNCERTAIN, True, True)


def test_only_a_job_clears_an_ambiguity(journal: Journal) -> None:
    attempt = intended(journal)
    journal.uncertain(attempt, SubmitUncertain("reset", key="k1"))
    journal.uncertain(attempt, SubmitUncertain("still", key="k1"))
    assert journal.accepted(attempt, job("42", key="k1"))
    entry = journal.entry("k1")
    assert (entry.state, entry.ambiguous, entry.error) == (State.QUEUED, False, None)
    assert entry.attempts[0].error is None


@pytest.mark.parametrize("kind", ["refused", "uncertain"])
def test_a_job_is_not_taken_back_by_a_slower_process(journal: Journal, kind: str) -> None:
    attempt = intended(journal)
    journal.accepted(attempt, job("42", key="k1"))
    getattr(journal, kind)(attempt, ProviderUnavailable("reset"))
    entry = journal.entry("k1")
    assert (entry.state, entry.ambiguous) == (State.QUEUED, False)
    assert entry.attempts[0].state == "accepted"
    assert entry.job is not None


# Jobs.


def test_one_vendor_id_has_one_owner(journal: Journal) -> None:
    bought(journal, "k1", "a1", "42")
    second = intended(journal, "k2", "a2")
    assert journal.accepted(second, job("42", key="k2")) is False
    entry = journal.entry("k2")
    assert (entry.state, entry.job) == (KeyState.INTENDED, None)
    assert journal.entry("k1").job is not None


def test_the_same_vendor_id_at_another_account_is_another_job(journal: Journal) -> None:
    bought(journal, "k1", "a1", "42")
    other = journal.intend(purchase("k2"), "a2", submission(), "e" * 16)
    assert journal.accepted(other, job("42", key="k2", fingerprint="e" * 16))


def test_accepting_the_same_job_twice_is_no_harm(journal: Journal) -> None:
    attempt = bought(journal, "k1", "a1", "42")
    assert journal.accepted(attempt, job("42", key="k1"))
    assert journal.entry("k1").state is State.QUEUED


def test_an_attempt_keeps_its_first_job(journal: Journal) -> None:
    attempt = bought(journal, "k1", "a1", "42")
    assert journal.accepted(attempt, job("43", key="k1")) is False
    entry = journal.entry("k1")
    assert entry.job is not None
    assert entry.job.id == "42"
    assert journal.job("f" * 16, "43") is None


TERMINAL = [State.SUCCEEDED, State.FAILED, State.BLOCKED, State.GONE]


@pytest.mark.parametrize("last", TERMINAL)
@pytest.mark.parametrize("later", list(State))
def test_a_terminal_state_is_never_taken_back(journal: Journal, last: State, later: State) -> None:
    attempt = bought(journal, "k1", "a1", "42")
    journal.observed(job("42", key="k1"), seen(last, "last"), COST)
    journal.observed(job("42", key="k1"), seen(later, "later"), attrs.evolve(COST, usd=None))
    assert journal.accepted(attempt, job("42", key="k1"))
    entry = journal.entry("k1")
    if (last, later) == (State.GONE, State.SUCCEEDED):  # a history answered after all
        assert (entry.state, entry.word) == (later, "later")
        return
    assert (entry.state, entry.word, entry.cost) == (last, "last", COST)
    assert entry.open is (last is State.SUCCEEDED)


@pytest.mark.parametrize("last", [State.FAILED, State.BLOCKED, State.GONE])
def test_a_result_that_turns_up_wins_over_any_other_end(journal: Journal, last: State) -> None:
    bought(journal, "k1", "a1", "42")
    it = job("42", key="k1")
    journal.observed(it, seen(last, "last"))
    came = attrs.evolve(seen(State.SUCCEEDED, "1"), result=Result(it, (Output("https://h/v"),)))
    assert journal.observed(it, came, COST)
    entry = journal.entry("k1")
    assert (entry.state, entry.word, entry.cost, entry.error) == (State.SUCCEEDED, "1", COST, None)
    assert entry.open


def test_an_observation_without_a_cost_leaves_the_cost_that_is_known(journal: Journal) -> None:
    bought(journal, "k1", "a1", "42")
    journal.observed(job("42", key="k1"), seen(State.RUNNING, "5"), COST)
    for state in (State.UNKNOWN, State.GONE, State.SUCCEEDED):
        journal.observed(job("42", key="k1"), seen(state, state.name))
        entry = journal.entry("k1")
        assert (entry.state, entry.cost) == (state, COST)


def test_a_job_ended_when_it_was_first_seen_to_end(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    set_clock(monkeypatch, lambda: now[0])
    bought(journal, "k1", "a1", "42")
    for state, at in ((State.RUNNING, 1010.0), (State.GONE, 1020.0), (State.SUCCEEDED, 1030.0)):
        now[0] = at
        journal.observed(job("42", key="k1"), seen(state, state.name))
    entry = journal.entry("k1")
    assert (entry.state, entry.finished, entry.updated) == (State.SUCCEEDED, 1020.0, 1030.0)


def test_observations_follow_one_another_and_keep_the_cost(journal: Journal) -> None:
    bought(journal, "k1", "a1", "42")
    for state in (State.RUNNING, State.UNKNOWN, State.QUEUED):
        journal.observed(job("42", key="k1"), seen(state, state.name), COST)
        journal.observed(job("42", key="k1"), seen(state, state.name))
        entry = journal.entry("k1")
        assert (entry.state, entry.word, entry.cost, entry.open) == (state, state.name, COST, True)


def test_a_failure_keeps_its_error_and_its_bill(journal: Journal) -> None:
    bought(journal, "k1", "a1", "42")
    journal.observed(
        job("42", key="k1"), seen(State.BLOCKED, "7", billed=Billed.NO, message="policy")
    )
    entry = journal.entry("k1")
    assert entry.error is not None
    assert (entry.error["error"], entry.error["billed"], entry.error["job"]) == (
        "ContentBlocked",
        "no",
        "42",
    )


@pytest.mark.parametrize("state", [State.FAILED, State.BLOCKED, State.GONE])
def test_only_a_job_that_succeeded_counts_in_statistics(journal: Journal, state: State) -> None:
    for number, end in enumerate((state, State.SUCCEEDED)):
        bought(journal, f"k{number}", f"a{number}", str(number))
        journal.observed(job(str(number), key=f"k{number}"), seen(end, end.name))
    assert [key for key, _ in journal.succeeded(10)] == ["k1"]


def test_a_delivered_result_is_owed_no_more(journal: Journal) -> None:
    bought(journal, "k1", "a1", "42")
    journal.observed(job("42", key="k1"), seen(State.SUCCEEDED))
    assert journal.entry("k1").open
    journal.delivered(job("42", key="k1"), Path("/out/a.mp4"), "ab" * 32)
    entry = journal.entry("k1")
    assert (entry.delivered, entry.sha256, entry.open) == ("/out/a.mp4", "ab" * 32, False)


# Looking things up.


@pytest.fixture
def stocked(journal: Journal) -> Journal:
    bought(journal, "order-17", "a1", "901")
    bought(journal, "order-170", "a2", "902")
    bought(journal, "order-2", "a3", "903")
    bought(journal, "902", "a4", "904")
    return journal


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ("order-17", "order-17"),
        ("order-170", "order-170"),
        ("order-2", "order-2"),
        ("901", "order-17"),
        ("903", "order-2"),
        ("904", "902"),
        ("902", "902"),
    ],
)
def test_a_purchase_is_found_by_key_beginning_or_job_id(
    stocked: Journal, reference: str, key: str
) -> None:
    assert stocked.find(reference).key == key


@pytest.mark.parametrize("reference", ["order-", "o", "order-1", "nothing", "90", "%", "order_17"])
def test_an_ambiguous_or_unknown_reference_is_refused(stocked: Journal, reference: str) -> None:
    if reference == "90":
        assert stocked.find(reference).key == "902"
        return
    with pytest.raises(InvalidRequest) as caught:
        stocked.find(reference)
    assert (caught.value.field, caught.value.value) == ("job", reference)
    counted = {"order-": "3 jobs match", "o": "3 jobs match", "order-1": "2 jobs match"}
    assert counted.get(reference, "no job matches") in caught.value.message


@pytest.mark.parametrize(("key", "vendor_id"), [("90", "77"), ("other", "90")])
def test_a_whole_key_or_job_id_goes_before_the_beginning_of_another_key(
    stocked: Journal, key: str, vendor_id: str
) -> None:
    """Otherwise ``90`` could name the purchase ``902``, or be refused as ambiguous."""
    bought(stocked, key, "a5", vendor_id)
    assert stocked.find("90").key == key


def test_an_ambiguous_reference_names_its_candidates_and_an_empty_one_names_nothing(
    stocked: Journal,
) -> None:
    with pytest.raises(InvalidRequest, match=r"2 jobs match 'order-1': order-17, order-170$"):
        stocked.find("order-1")
    for number in range(10):
        bought(stocked, f"many-{number}", f"b{number}", f"8{number}")
    with pytest.raises(InvalidRequest, match=r"10 jobs match 'many': many-0, .*many-4 and 5 more$"):
        stocked.find("many")
    with pytest.raises(InvalidRequest, match="no job matches ''"):
        stocked.find("")


def test_a_job_id_at_two_accounts_is_ambiguous(journal: Journal) -> None:
    for key, fingerprint in (("k1", "f"), ("k1~1", "g")):
        attempt = journal.intend(purchase(key), key, submission(), fingerprint)
        journal.accepted(attempt, attrs.evolve(job("42", key=key), fingerprint=fingerprint))
    with pytest.raises(InvalidRequest, match="2 jobs match '42': k1, k1~1"):
        journal.find("42")


def test_an_unknown_key_is_refused(journal: Journal) -> None:
    with pytest.raises(InvalidRequest, match="no key 'k9'"):
        journal.entry("k9")


def test_purchases_are_listed_oldest_first(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter([30.0, 10.0, 20.0])
    set_clock(monkeypatch, lambda: next(ticks))
    intended(journal, "k1", "a1", request="same")
    intended(journal, "k2", "a2", request="other")
    intended(journal, "k3", "a3", request="same")
    assert [e.key for e in journal.entries()] == ["k2", "k3", "k1"]


# What is wrong with the file.


def test_a_journal_of_a_newer_program_is_refused_and_left_alone(path: Path) -> None:
    with Journal(path) as journal:
        intended(journal)
        journal.store.db.execute("PRAGMA user_version=99")
    with pytest.raises(JournalError, match="has schema 99; this motionkit knows") as caught:
        Journal(path)
    assert caught.value.hint == "upgrade motionkit, or name another journal in the configuration"
    assert seen_outside(path, "SELECT count(*) FROM purchases") == [(1,)]


@pytest.mark.parametrize("content", [b"this is no database" * 100, bytes(4096) + b"x"])
def test_a_corrupt_file_is_said_to_be_one_and_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(JournalError, match="cannot open the journal") as caught:
        Journal(path)
    assert str(path) in caught.value.message
    assert path.read_bytes() == content


def test_a_file_that_is_corrupt_inside_is_said_to_be_one(path: Path) -> None:
    with Journal(path) as journal:
        for number in range(50):
            intended(journal, f"k{number}", f"a{number}")
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))
    with pytest.raises(JournalError), Journal(path) as journal:
        intended(journal, "new", "new")


@pytest.mark.parametrize(
    ("column", "value"),
    [("state", "bogus"), ("quote", "{"), ("quote", '{"low": 7}'), ("description", "["),
     ("cost", "[]"), ("error", "not json")],
)  # fmt: skip
def test_a_row_that_makes_no_sense_is_said_to_be_corrupt(
    journal: Journal, column: str, value: str
) -> None:
    intended(journal)
    change(journal, f"UPDATE purchases SET {column}=:value", value=value)  # noqa: S608 - from the table
    with pytest.raises(JournalError, match="cannot read the journal"):
        journal.entry("k1")


def test_a_row_that_makes_no_sense_hides_no_other_where_its_error_is_taken(
    journal: Journal,
) -> None:
    for key in ("k1", "k2", "k3"):
        intended(journal, key, f"attempt of {key}")
    change(journal, "UPDATE purchases SET state='bogus' WHERE key='k2'")
    for read in (journal.entries, partial(journal.entries, newest=3), journal.each):
        with pytest.raises(JournalError, match="'k2' is corrupt: unknown state 'bogus'"):
            list(read())
        errors: list[JournalError] = []
        assert [one.key for one in read(on_corrupt=errors.append)] == ["k1", "k3"]
        assert ["'k2' is corrupt" in one.message for one in errors] == [True]
    # Whoever is told of none concludes that nothing was bought.
    with pytest.raises(JournalError, match="'k2' is corrupt"):
        journal.candidates("k", 5)


def test_a_folder_that_cannot_be_written_is_said_to_be_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "mknod", read_only)
    with pytest.raises(JournalError, match="Read-only file system") as caught:
        Journal(path)
    assert caught.value.billed is Billed.NO


def test_a_file_in_the_place_of_the_folder_is_an_error_of_the_journal(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(JournalError, match="cannot open the journal"):
        Journal(tmp_path / "state" / "journal.db")


def test_a_file_that_becomes_read_only_refuses_to_write_ahead(in_file: Journal) -> None:
    journal = in_file
    assert isinstance(journal.store, SQLiteStore)
    journal.store.db.execute("PRAGMA query_only=ON")
    with pytest.raises(JournalError, match="cannot write ahead to the journal") as caught:
        intended(journal)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("nothing was sent")
    journal.store.db.execute("PRAGMA query_only=OFF")
    intended(journal)


def test_a_lock_held_by_another_ends_as_an_error_and_heals(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.05)
    with Journal(path) as journal:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="database is locked"):
            intended(journal)
        assert journal.entries() == []  # reading is not hindered
        journal.close()
        with pytest.raises(JournalError, match="cannot open the journal"):
            Journal(path)
        other.execute("ROLLBACK")
        other.close()
    with Journal(path) as journal:
        intended(journal)


def test_a_full_disk_is_an_error_and_heals(in_file: Journal) -> None:
    journal = in_file
    assert isinstance(journal.store, SQLiteStore)
    pages = journal.store.db.execute("PRAGMA page_count").fetchone()[0]
    journal.store.db.execute(f"PRAGMA max_page_count={pages}")
    big = submission(warnings=("x" * 100_000,))
    with pytest.raises(JournalError, match="full"):
        journal.intend(purchase(), "a1", big, "f" * 16)
    journal.store.db.execute("PRAGMA max_page_count=1000000")
    assert journal.entries() == []
    intended(journal)


def test_a_commit_that_fails_leaves_the_journal_usable(path: Path) -> None:
    class Failing(FileConnection):
        fail = False

        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            if sql == "COMMIT" and self.fail:
                type(self).fail = False
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(sql, *args)

    with Journal(path) as journal:
        assert isinstance(journal.store, SQLiteStore)
        failing = sqlite3.connect(path, isolation_level=None, factory=Failing)
        failing.row_factory = sqlite3.Row
        failing.execute("SELECT * FROM purchases")  # so that the log stays where it is
        journal.store.db.close()
        journal.store.file.connection = failing
        Failing.fail = True
        with pytest.raises(JournalError, match="disk I/O error"):
            intended(journal)
        assert journal.entries() == []
        intended(journal)
        assert [e.key for e in journal.entries()] == ["k1"]


def test_a_closed_journal_is_an_error_and_not_a_crash(database: Place) -> None:
    journal = Journal(database)
    journal.close()
    with pytest.raises(JournalError):
        intended(journal)
    with pytest.raises(JournalError):
        journal.entries()


# Sharing.


def test_threads_share_one_journal_and_one_wins_each_key(journal: Journal) -> None:
    start = threading.Barrier(4)
    outcomes: list[str] = []

    def work(worker: int) -> None:
        start.wait()
        for number in range(10):
            try:
                intended(journal, f"k{number}", f"a{worker}-{number}")
                outcomes.append("won")
            except PurchaseExists as taken:
                outcomes.append(f"lost to {len(taken.entry.attempts)}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["lost to 1"] * 30 + ["won"] * 10
    assert len(journal.entries()) == 10


WORKER = """
import sys
from motionkit.journal import (Journal)
from motionkit.journal import (PurchaseExists, NewPurchase)
from motionkit.model.submission import Call, Submission
paid = Call("POST", "/buy", paid=True)
won = 0
with Journal(sys.argv[1]) as journal:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(25):
        wanted = NewPurchase(key=f"k{number}", request="r", via="", description={}, again=True)
        ready = Submission("fake", "shop", "mimic", "m1", paid)
        try:
            journal.intend(wanted, f"{sys.argv[2]}-{number}", ready, "f")
            won += 1
        except PurchaseExists:
            pass
print(won)
"""


def test_processes_share_one_journal_and_one_wins_each_key(database: Place) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(database), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    won = [int(worker.communicate(timeout=PATIENCE)[0]) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    assert sum(won) == 25
    with Journal(database) as journal:
        entries = journal.entries()
    assert len(entries) == 25
    assert all(len(entry.attempts) == 1 for entry in entries)


# The upload cache.


def test_an_upload_is_remembered_for_its_lifetime(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    set_clock(monkeypatch, lambda: now[0])
    journal.caches.put_upload("f", "image", "aa", "token 1")
    assert journal.caches.get_upload("f", "image", "aa") == "token 1"
    for other in (("g", "image", "aa"), ("f", "video", "aa"), ("f", "image", "bb")):
        assert journal.caches.get_upload(*other) is None
    now[0] += 6 * 3600 - 1
    assert journal.caches.get_upload("f", "image", "aa") == "token 1"
    now[0] += 1
    assert journal.caches.get_upload("f", "image", "aa") is None
    journal.caches.put_upload("f", "image", "aa", "token 2")
    assert journal.caches.get_upload("f", "image", "aa") == "token 2"


# Secrets.


def test_no_secret_and_no_signed_query_is_in_the_journal(database: Place) -> None:
    planted = Secret("sk-planted-0123456789")
    signed = "https://h.example/clip.mp4?Signature=c2lnbmVk"
    request = Mimic("https://h.example/hero.png?Signature=c2lnbmVk", signed, prompt=f"as {signed}")
    call = attrs.evolve(PAID, json={"video_url": signed, "echo": planted.encode().decode()})
    echo = planted.encode().decode()
    ready: Submission = submission(call=call, calls=(call,), warnings=(f"uses {signed} {echo}",))
    with Journal(database) as journal:
        made = journal.intend(purchase(description=request.describe()), "a1", ready, "f" * 16)
        assert made.submission == ready  # this process can still send it
        journal.uncertain(made, ProviderUnavailable(f"at {signed}", hint=echo, raw={"echo": echo}))
        journal.accepted(made, job("42", key="k1"))
        journal.observed(job("42", key="k1"), seen(State.FAILED, "8", message=f"{signed} {echo}"))
        entry: PurchaseRecord = journal.entry("k1")
        assert not entry.attempts[0].whole  # a masked call must not be sent again
        held = content(database)
    assert b"https://h.example/clip.mp4?***" in held
    assert b"c2lnbmVk" not in held
    assert b"planted" not in held


# What older programs wrote.


def test_a_journal_of_an_older_program_is_brought_up_to_date(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as old:
        for statement in schema.MIGRATIONS[0].split(";\n"):
            old.execute(statement)
        old.execute("PRAGMA user_version=1")
        old.execute(
            "INSERT INTO purchases (key, request, via, description, state, created, updated)"
            " VALUES ('k1', 'r1', 'shop', '{}', 'intended', 1, 1)"
        )
        old.execute(
            "INSERT INTO attempts (id, key, account, fingerprint, submission, state, created)"
            " VALUES ('a1', 'k1', 'shop', 'f', ?, 'intended', 1)",
            (codec.dumps(codec.unstructure(submission())),),
        )
    old.close()
    with Journal(path) as journal:
        entry = journal.entry("k1")
        assert entry.state is KeyState.INTENDED
        assert entry.attempts[0].submission == submission()
        assert entry.attempts[0].owner is None
        version = journal.store.db.execute("PRAGMA user_version").fetchone()[0]
        assert version == schema.SCHEMA_VERSION == len(schema.MIGRATIONS)
    Journal(path).close()


def test_what_an_older_journal_reserved_counts_since_it_was_written(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as old:
        for step in schema.MIGRATIONS[:4]:
            for statement in step.split(";\n"):
                old.execute(statement)
        old.execute("PRAGMA user_version=4")
        old.execute(
            "INSERT INTO purchases (key, request, via, description, state, created, updated,"
            " route, reserved) VALUES ('k1', 'r1', 'shop', '{}', 'queued', 100, 100, 'day', '0.4')"
        )
    old.close()
    with Journal(path) as journal:
        assert used(journal, budget("1")) == Decimal("0.4")
        ((at,),) = journal.store.query("SELECT reserved_at FROM purchases")
    assert at == 100


def test_a_journal_without_labels_gets_their_columns(path: Path) -> None:
    steps = schema.MIGRATIONS
    before = next(n for n, step in enumerate(steps) if "labels" in step)
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as old:
        for step in steps[:before]:
            for statement in step.split(";\n"):
                old.execute(statement)
        old.execute(f"PRAGMA user_version={before}")
        old.execute(
            "INSERT INTO purchases (key, request, via, description, state, created, updated)"
            " VALUES ('k1', 'r1', 'shop', '{}', 'intended', 1, 1)"
        )
    old.close()
    with Journal(path) as journal:
        assert (journal.entry("k1").labels, journal.entry("k1").take) == ({}, None)
        intended(journal, "k2", "a2", labels={"project": "x"}, take=2)
        assert (journal.entry("k2").labels, journal.entry("k2").take) == ({"project": "x"}, 2)


# Labels.


def test_a_purchase_keeps_its_labels_and_says_which_take_it_is(journal: Journal) -> None:
    labels = {"project": "Frühling", "shot": "12"}
    intended(journal, "k1-1", labels=labels, take=1)
    intended(journal, "k2", "a2")
    assert (journal.entry("k1-1").labels, journal.entry("k1-1").take) == (labels, 1)
    assert (journal.entry("k2").labels, journal.entry("k2").take) == ({}, None)
    stored = journal.store.query("SELECT labels FROM purchases ORDER BY key")
    assert [one["labels"] for one in stored] == [
        r'{"project":"Fr\u00fchling","shot":"12"}',
        None,
    ]


def test_a_secret_in_a_label_is_masked(journal: Journal) -> None:
    planted = Secret("sk-planted-0123456789")
    intended(journal, labels={"note": planted.encode().decode()})
    assert journal.entry("k1").labels == {"note": "***"}


@pytest.mark.parametrize("given", [{}, {"project": "new"}])
def test_a_refused_purchase_takes_new_labels_and_keeps_old_ones_without_any(
    journal: Journal, given: dict[str, str]
) -> None:
    attempt = intended(journal, labels={"project": "old"})
    journal.refused(attempt, ProviderUnavailable("down", billed=Billed.NO))
    again = purchase(labels=given)
    journal.intend(again, "a2", submission(), "f" * 16, after_refusal=True)
    assert journal.entry("k1").labels == (given or {"project": "old"})


# Where the file lies.


@pytest.mark.parametrize(
    ("mounts", "warned"),
    [
        ("server:/x {parent} nfs4 rw 0 0\n", True),
        ("sshfs#h:/ {parent} fuse.sshfs rw 0 0\n", True),
        ("/dev/sda1 {parent} ext4 rw 0 0\n", False),
        ("server:/x / nfs4 rw 0 0\n/dev/sda1 {parent} ext4 rw 0 0\n", False),
        ("server:/x {parent}-not nfs4 rw 0 0\n", False),
    ],
)
def test_a_network_file_system_is_warned_about(
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    mounts: str,
    warned: bool,
) -> None:
    listed = tmp_path / "mounts"
    listed.write_text(f"/dev/root / ext4 rw 0 0\n{mounts.format(parent=tmp_path / 'state')}")
    monkeypatch.setattr(files, "MOUNTS", listed)
    Journal(tmp_path / "state" / "journal.db").close()
    assert ("network file system" in caplog.text) is warned


def test_a_file_that_was_open_to_others_is_closed_to_them(path: Path) -> None:
    Journal(path).close()
    path.chmod(0o644)
    Journal(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


# Budgets.


def priced(usd: str) -> Quote:
    amount = Decimal(usd)
    return attrs.evolve(QUOTE, usd_low=amount, usd_likely=amount, usd_high=amount)


def budget(usd: str, period: str = "total", route: str | None = "day") -> Budget:
    return Budget(name="limit", period=period, limit=Decimal(usd), route=route)


def used(journal: Journal, one: Budget) -> Decimal:
    status = journal.budget(one)
    return status.spent + status.held


def test_a_budget_holds_reservations_and_then_what_things_did_cost(journal: Journal) -> None:
    limits = (budget("1.00"),)

    def buy(key: str, usd: str) -> Attempt:
        wanted = purchase(key, quote=priced(usd), route="day", budgets=limits)
        return journal.intend(wanted, f"a-{key}", submission(), "f" * 16)

    first = buy("k1", "0.60")
    with pytest.raises(
        BudgetExceeded,
        match=r"0\.40 USD of 1\.00 USD in total left \(0",
    ):
        buy("k2", "0.60")
    second = buy("k3", "0.40")
    journal.refused(second, Busy("full", billed=Billed.NO))
    buy("k4", "0.40")
    cheap = attrs.evolve(COST, amount=Decimal(10), usd=Decimal("0.10"))
    assert journal.accepted(first, job("42", key="k1", cost=cheap))
    buy("k5", "0.50")
    with pytest.raises(BudgetExceeded):
        buy("k6", "0.01")


def test_an_assumed_cost_lifts_no_reservation(journal: Journal) -> None:
    """Nobody but the vendor knows what it charged; until it says so, the quote's high is held."""
    made = intended(journal, quote=priced("0.60"), route="day")
    assumed = attrs.evolve(COST, usd=Decimal("0.10"), basis=CostBasis.ASSUMED)
    assert journal.accepted(made, job("42", key="k1", cost=assumed))
    assert used(journal, budget("9")) == Decimal("0.60")
    journal.observed(job("42", key="k1"), seen(State.SUCCEEDED), assumed)
    assert used(journal, budget("9")) == Decimal("0.60")
    told = attrs.evolve(assumed, basis=CostBasis.REPORTED)
    late = intended(journal, "k2", "a2", quote=priced("0.60"), route="day")
    assert journal.accepted(late, job("43", key="k2", cost=told))
    assert used(journal, budget("9")) == Decimal("0.70")


def test_a_further_attempt_reserves_its_price_again(journal: Journal) -> None:
    limits = (budget("1.00"),)
    wanted = purchase("k1", quote=priced("0.60"), route="day", budgets=limits)
    made = journal.intend(wanted, "a1", submission(), "f" * 16)
    journal.refused(made, Busy("full", billed=Billed.NO))
    intended(journal, "k2", "a2", quote=priced("0.60"), route="day")
    with pytest.raises(BudgetExceeded, match=r"0\.40 USD of 1\.00 USD"):
        journal.intend(wanted, "a3", submission(), "f" * 16, after_refusal=True)
    assert journal.entry("k1").state is KeyState.REFUSED
    dearer = attrs.evolve(wanted, quote=priced("0.40"))
    journal.intend(dearer, "a3", submission(), "f" * 16, after_refusal=True)
    assert used(journal, budget("9")) == Decimal("1.00")


@pytest.mark.parametrize(("wanted", "kept"), [("/b.mp4", "/b.mp4"), (None, "/a.mp4")])
def test_a_further_attempt_delivers_to_where_the_file_is_wanted_now(
    journal: Journal, wanted: str | None, kept: str
) -> None:
    made = journal.intend(purchase("k1", out="/a.mp4"), "a1", submission(), "f" * 16)
    journal.refused(made, Busy("full", billed=Billed.NO))
    journal.intend(purchase("k1", out=wanted), "a2", submission(), "f" * 16, after_refusal=True)
    assert journal.entry("k1").out == kept


def test_an_unknown_price_is_refused_under_a_budget(journal: Journal) -> None:
    wanted = purchase("k1", route="day", budgets=(budget("100"),))
    with pytest.raises(BudgetExceeded, match="the price is unknown"):
        journal.intend(wanted, "a1", submission(), "f" * 16)
    assert journal.entries() == []


def test_a_key_counts_in_the_period_in_which_its_price_was_reserved_last(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day's budget of 0.50 holds one job of 0.40, whenever its key was first refused."""
    now, midnight = [1000.0], 86400.0
    set_clock(monkeypatch, lambda: now[0])

    limit = budget("0.50", "day")

    def wanted(key: str) -> NewPurchase:
        return purchase(key, quote=priced("0.40"), route="day", budgets=(limit,))

    for key in ("k1", "k2", "k3"):
        made = journal.intend(wanted(key), f"a-{key}", submission(), "f" * 16)
        journal.refused(made, Busy("full", billed=Billed.NO))
    now[0] = midnight + 1
    made = journal.intend(wanted("k1"), "b-k1", submission(), "f" * 16, after_refusal=True)
    assert used(journal, limit) == Decimal("0.40")
    for key in ("k2", "k3"):
        with pytest.raises(
            BudgetExceeded, match=r"0\.10 USD of 0\.50 .* until 1970-01-03 00:00 UTC"
        ):
            journal.intend(wanted(key), f"b-{key}", submission(), "f" * 16, after_refusal=True)
    assert journal.accepted(made, job("42", key="k1", cost=COST))
    assert used(journal, limit) == Decimal("1.00")
    assert journal.entry("k1").created == 1000.0


def test_a_key_counts_against_the_route_that_submitted_it_last(journal: Journal) -> None:
    made = intended(journal, quote=priced("0.40"), route="first")
    journal.refused(made, Busy("full", billed=Billed.NO))
    again = purchase(quote=priced("0.40"), route="second")
    journal.intend(again, "a2", submission(), "f" * 16, after_refusal=True)
    counted = [used(journal, budget("1", route=name)) for name in ("first", "second")]
    assert counted == [0, Decimal("0.40")]


SPENDER = """
import sys
from decimal import Decimal
from motionkit.model.budget import Budget
from motionkit.errors import BudgetExceeded
from motionkit.journal import Journal
from motionkit.journal import NewPurchase
from motionkit.model.submission import Call, Submission
from motionkit.model.money import Basis, Quote, Unit

usd = Decimal("0.40")
quote = Quote(usd, usd, usd, Unit.USD, usd, usd, usd, Basis.LISTED, "page", None)
with Journal(sys.argv[1]) as journal:
    print("ready", flush=True)
    sys.stdin.readline()
    wanted = NewPurchase(
        key=sys.argv[2], request=sys.argv[2], via="day", description={}, quote=quote,
        route="day", budgets=(Budget(name="five", period="total", limit=Decimal(5), route="day"),),
    )
    try:
        paid = Call("POST", "/paid", paid=True)
        journal.intend(wanted, sys.argv[2], Submission("fake", "shop", "mimic", "m1", paid), "f")
        print("bought")
    except BudgetExceeded:
        print("refused")
"""


def test_twenty_processes_share_one_budget(database: Place) -> None:
    """5 USD hold twelve jobs of 0.40 USD, and no thirteenth."""
    Journal(database).close()
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", SPENDER, str(database), f"k{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(20)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()
    said = [worker.communicate()[0].strip() for worker in workers]
    assert sorted(said) == ["bought"] * 12 + ["refused"] * 8


def test_paid_retries_come_in_the_order_in_which_they_were_bought_whatever_the_clock_said(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, now in {"k": 2000.0, "k~2": 3000.0, "k~3": 1000.0}.items():
        set_clock(monkeypatch, lambda now=now: now)
        intended(journal, key, f"attempt {key}")
    assert [entry.key for entry in journal.retries("k")] == ["k~2", "k~3"]


# What it costs.


@pytest.mark.parametrize(
    ("ask", "queries"),
    [
        (lambda journal: journal.entries(), 3),
        (lambda journal: journal.running("f" * 16), 2),
        (lambda journal: [journal.same(Alike(("r1",)))], 3),
        (lambda journal: journal.retries("k"), 2),
    ],
    ids=["entries", "running", "same", "retries"],
)
def test_reading_many_purchases_takes_as_many_queries_however_many_there_are(
    journal: Journal, ask: Callable[[Journal], list[PurchaseRecord]], queries: int
) -> None:
    for number in range(20):
        bought(journal, f"k~{number}", f"a{number}", f"{number}")
    with statements(journal) as run:
        records = ask(journal)
    assert records
    assert all(record.job is not None for record in records)
    assert len([one for one in run if "clock_timestamp" not in one]) == queries


def test_each_purchase_is_read_with_its_own_attempts_in_their_order(journal: Journal) -> None:
    for key in ("k1", "k2"):
        for number in range(3):
            made = journal.intend(
                purchase(key),
                f"{key}-{9 - number}",
                submission(),
                "f" * 16,
                after_refusal=number > 0,
            )
            journal.refused(made, MotionKitError("full", billed=Billed.NO))
    assert [[one.id for one in record.attempts] for record in journal.entries()] == [
        ["k1-9", "k1-8", "k1-7"],
        ["k2-9", "k2-8", "k2-7"],
    ]


def test_a_success_closes_all_circuits_of_an_account_in_one_transaction(journal: Journal) -> None:
    circuits = Circuits(journal.caches)
    errors = [one.errors[0]("no") for one in circuit_breaker.CAUSES.values()]
    for error in errors:
        circuits.failed("pixverse", "f" * 16, error)
        circuits.failed("other", "e" * 16, error)
    assert len(circuits.of("pixverse", "f" * 16)) == len(circuit_breaker.CAUSES) > 1
    with statements(journal) as run:
        circuits.submitted("pixverse", "f" * 16)
    assert len([one for one in run if one.startswith("DELETE")]) == 1
    assert run.count("COMMIT") == 1
    assert not circuits.of("pixverse", "f" * 16)
    assert len(circuits.of("other", "e" * 16)) == len(circuit_breaker.CAUSES)


def test_where_no_circuit_is_open_a_success_writes_nothing(journal: Journal) -> None:
    with statements(journal) as run:
        Circuits(journal.caches).submitted("pixverse", "f" * 16)
    assert len(run) == 1


def test_a_free_answer_closes_only_the_circuits_that_it_disproves(journal: Journal) -> None:
    circuits = Circuits(journal.caches)
    for one in circuit_breaker.CAUSES.values():
        circuits.failed("pixverse", "f" * 16, one.errors[0]("no"))
    circuits.answered("pixverse", "f" * 16, pays=False)
    left = {cause for cause, one in circuit_breaker.CAUSES.items() if not one.answer_closes}
    assert set(circuits.of("pixverse", "f" * 16)) == left
    circuits.answered("pixverse", "f" * 16, pays=True)
    left = {cause for cause in left if not circuit_breaker.CAUSES[cause].money}
    assert set(circuits.of("pixverse", "f" * 16)) == left


@pytest.mark.parametrize(
    ("key", "number", "expected"),
    [("k", 2, "k~2"), ("k~2", 3, "k~3"), ("k~2", 2, "k~3"), ("k~5", 2, "k~6"), ("a~b", 2, "a~b~2")],
)
def test_a_paid_retrys_key_is_never_the_one_that_it_follows(
    key: str, number: int, expected: str
) -> None:
    assert retry_key(key, number) == expected


# Cancelled before anything left.


def test_a_refused_purchase_is_cancelled_until_it_is_submitted_again(journal: Journal) -> None:
    journal.refused(intended(journal), Busy("full"))
    stale = journal.entry("k1")
    assert not stale.cancelled
    assert journal.cancelled(stale, JobCancelled("not wanted any more"))
    assert journal.entry("k1").cancelled
    assert journal.entry("k1").state is KeyState.REFUSED
    renewed = purchase(renews=journal.entry("k1").updated)
    journal.intend(renewed, "a2", submission(), "f" * 16, after_refusal=True)
    assert not journal.entry("k1").cancelled
    assert not journal.cancelled(stale, JobCancelled("not wanted any more"))
    assert journal.entry("k1").state is KeyState.INTENDED


def test_a_purchase_that_was_cancelled_meanwhile_is_not_submitted_again(journal: Journal) -> None:
    journal.refused(intended(journal), Busy("full"))
    journal.cancelled(journal.entry("k1"), JobCancelled("not wanted any more"))
    earlier = purchase(renews=journal.entry("k1").updated - 1.0)
    for one in (purchase(), earlier):
        with pytest.raises(PurchaseExists) as caught:
            journal.intend(one, "a2", submission(), "f" * 16, after_refusal=True)
        assert caught.value.entry.cancelled
    assert [one.id for one in journal.entry("k1").attempts] == ["a1"]


def test_what_may_have_arrived_is_not_cancelled_here(journal: Journal) -> None:
    attempt = intended(journal)
    journal.sending(attempt)
    journal.uncertain(attempt, SubmitUncertain("lost", key="k1"))
    assert not journal.cancelled(journal.entry("k1"), JobCancelled("not wanted any more"))
    assert journal.entry("k1").state is KeyState.UNCERTAIN


def test_a_statement_whose_result_is_not_read_undoes_its_transaction_where_it_fails(
    database: Place,
) -> None:
    changed = "UPDATE purchases SET via='other' WHERE key='k1'"
    with Journal(database) as journal:
        intended(journal)

        def send(*statements: str) -> None:
            with journal.store.writing() as db:
                for statement in statements:
                    db.send(statement)

        with pytest.raises(JournalError):
            send(changed, "INSERT INTO purchases (key) VALUES ('k1')", changed)
        assert journal.entry("k1").via != "other"
        send(changed)
        assert journal.entry("k1").via == "other"
