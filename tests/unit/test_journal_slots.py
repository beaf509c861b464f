"""The slots of an account: a submit takes one in the transaction of its intention, or nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from crowd import crowd
from support import job, submission

from motionkit.errors import Billed, Busy, MotionKitError, ProviderUnavailable
from motionkit.journal import Attempt, Journal, NewPurchase, PurchaseExists, schema
from motionkit.model import codec
from motionkit.model.job import KeyState, State, Status

FINGERPRINT = "f" * 16


@attrs.define
class Account:
    """An account's journal, on a clock that a test moves."""

    journal: Journal
    now: float = 50_000.0
    made: int = 0

    def intend(self, key: str | None = None, **how: Any) -> Attempt:
        self.made += 1
        name = key or f"k{self.made}"
        new = NewPurchase(key=name, request=name, via="shop", description={}, again=True)
        how = {"slots": 2, "lease": 100.0, **how}
        return self.journal.intend(
            new, f"a{self.made}", submission(), how.pop("fingerprint", FINGERPRINT), **how
        )

    def accepted(self, attempt: Attempt, vendor_id: str, **changes: Any) -> Any:
        made = job(vendor_id, key=attempt.key, fingerprint=FINGERPRINT, **changes)
        assert self.journal.accepted(attempt, made)
        return made

    @property
    def taken(self) -> int:
        return self.journal.taken(FINGERPRINT)


@pytest.fixture
def account(database: Path | str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with Journal(database) as journal:
        made = Account(journal)
        monkeypatch.setattr(type(journal.store), "now", lambda _: made.now)
        yield made


def ended(state: State) -> Status:
    return Status(state, "word", job("1").submitted_at)


def test_a_full_account_refuses_a_submit_before_anything_is_written(account: Account) -> None:
    account.intend()
    account.intend()
    with pytest.raises(Busy, match="max_concurrent = 2; nothing was sent") as caught:
        account.intend("third")
    assert caught.value.billed is Billed.NO
    assert account.journal.get("third") is None
    assert account.taken == 2
    account.intend("third", slots=3)


def test_an_account_without_a_limit_is_counted_and_not_refused(account: Account) -> None:
    for _ in range(3):
        account.intend(slots=None)
    assert account.taken == 3
    with pytest.raises(Busy):
        account.intend()


def test_accounts_do_not_take_each_others_slots(account: Account) -> None:
    account.intend(slots=1)
    account.intend(slots=1, fingerprint="e" * 16)


def test_a_key_that_exists_is_told_rather_than_a_full_account(account: Account) -> None:
    account.intend("one", slots=1)
    with pytest.raises(PurchaseExists):
        account.intend("one", slots=1)


def refused(account: Account, attempt: Attempt) -> None:
    account.journal.refused(attempt, Busy("full", billed=Billed.NO))


def unsent(account: Account, attempt: Attempt) -> None:
    assert account.journal.unsent(attempt, ProviderUnavailable("never left", billed=Billed.NO))


def succeeded(account: Account, attempt: Attempt) -> None:
    account.journal.observed(account.accepted(attempt, "1"), ended(State.SUCCEEDED))


def failed(account: Account, attempt: Attempt) -> None:
    account.journal.observed(account.accepted(attempt, "1"), ended(State.FAILED))


def gone(account: Account, attempt: Attempt) -> None:
    account.journal.observed(account.accepted(attempt, "1"), ended(State.GONE))


def assumed_lost(account: Account, attempt: Attempt) -> None:
    error = MotionKitError("lost")
    account.journal.uncertain(attempt, error)
    account.journal.assumed(account.journal.entry(attempt.key), error, None)


@pytest.mark.parametrize("end", [refused, unsent, succeeded, failed, gone, assumed_lost])
def test_a_submit_gives_its_slot_back_when_its_end_is_known(
    account: Account, end: Callable[[Account, Attempt], None]
) -> None:
    account.intend()
    end(account, account.intend())
    assert account.taken == 1
    account.intend()
    with pytest.raises(Busy):
        account.intend()


def intended(account: Account, attempt: Attempt) -> None:
    pass


def sent(account: Account, attempt: Attempt) -> None:
    account.journal.sending(attempt)


def uncertain(account: Account, attempt: Attempt) -> None:
    account.journal.uncertain(account.journal.sending(attempt), ProviderUnavailable("reset"))


@pytest.mark.parametrize("state", [intended, sent, uncertain])
def test_what_may_have_arrived_keeps_its_slot_until_its_time_is_over(
    account: Account, state: Callable[[Account, Attempt], None]
) -> None:
    state(account, account.intend(slots=1))
    account.now += 99.0
    with pytest.raises(Busy):
        account.intend(slots=1)
    account.now += 1.0
    account.intend(slots=1)


@pytest.mark.parametrize(("usual", "seconds"), [(None, 1800.0), (120.0, 1800.0), (500.0, 2500.0)])
def test_a_job_keeps_its_slot_until_it_counts_as_stalled(
    account: Account, usual: float | None, seconds: float
) -> None:
    account.accepted(account.intend(slots=1), "1", expected_seconds=usual)
    account.now += seconds - 1.0
    with pytest.raises(Busy):
        account.intend(slots=1)
    account.now += 1.0
    account.intend(slots=1)


def test_a_job_that_still_runs_keeps_its_slot(account: Account) -> None:
    account.journal.observed(account.accepted(account.intend(), "1"), ended(State.RUNNING))
    assert account.taken == 1


def test_an_acceptance_that_is_written_twice_takes_no_slot_for_a_job_that_has_ended(
    account: Account,
) -> None:
    attempt = account.intend()
    made = account.accepted(attempt, "1")
    account.journal.observed(made, ended(State.SUCCEEDED))
    account.accepted(attempt, "1")
    assert account.taken == 0


def test_a_further_attempt_after_a_refusal_needs_a_slot_too(account: Account) -> None:
    refused(account, account.intend("one", slots=1))
    account.intend("two", slots=1)
    with pytest.raises(Busy):
        account.intend("one", slots=1, after_refusal=True)
    assert account.journal.entry("one").state is KeyState.REFUSED
    assert len(account.journal.entry("one").attempts) == 1


def test_only_jobs_with_a_slot_are_polled_for_one(account: Account) -> None:
    account.intend("no job yet", slots=None)
    account.accepted(account.intend("runs", slots=None), "1")
    succeeded_one = account.accepted(account.intend("ended", slots=None), "2")
    account.journal.observed(succeeded_one, ended(State.SUCCEEDED))
    assert [entry.key for entry in account.journal.running(FINGERPRINT)] == ["runs"]
    account.now += 10_000.0
    assert account.journal.running(FINGERPRINT) == []


def test_a_process_is_named_in_its_attempts_where_others_can_see_its_heartbeat(
    account: Account,
) -> None:
    journal = account.journal
    attempt = account.intend()
    assert (attempt.worker == journal.workers.id) is journal.store.shared
    assert journal.entry(attempt.key).attempts[0].worker == attempt.worker
    journal.workers.start()
    assert (account.intend().worker == journal.workers.id) is journal.store.shared


# Older journals.


def test_jobs_that_an_older_version_left_running_take_slots(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    steps = schema.MIGRATIONS
    before = next(n for n, step in enumerate(steps) if "slot_until" in step)
    rows = {"runs": ("running", "1"), "done": ("succeeded", "2"), "no job": ("uncertain", None)}
    with sqlite3.connect(path) as old:
        for step in steps[:before]:
            for statement in step.split(";\n"):
                old.execute(statement)
        old.execute(f"PRAGMA user_version={before}")
        for key, (state, vendor_id) in rows.items():
            old.execute(
                "INSERT INTO purchases (key, request, via, description, state, created, updated)"
                " VALUES (?, 'r', 'shop', '{}', ?, 1000, 1000)",
                (key, state),
            )
            old.execute(
                "INSERT INTO attempts (id, key, account, fingerprint, submission, state, created,"
                " vendor_id) VALUES (?, ?, 'shop', ?, ?, 'accepted', 1000, ?)",
                (key, key, FINGERPRINT, codec.pack(submission()), vendor_id),
            )
    old.close()
    with Journal(path) as journal:
        found = journal.store.query("SELECT key, slot_until FROM attempts ORDER BY key")
    assert [tuple(row) for row in found] == [("done", None), ("no job", None), ("runs", 4600.0)]


# Many processes at once.


def test_six_processes_take_exactly_as_many_slots_as_there_are(database: Path | str) -> None:
    came = crowd(database, "slots", processes=6, times=10, slots=13)
    assert came == {"written": 13, "Busy": 47}


def test_one_key_from_twenty_processes_is_written_once(database: Path | str) -> None:
    assert crowd(database, "key", processes=20) == {"written": 1, "PurchaseExists": 19}


def test_one_request_from_twenty_processes_is_written_once(database: Path | str) -> None:
    assert crowd(database, "request", processes=20) == {"written": 1, "PurchaseExists": 19}


def test_thirty_processes_share_one_budget(database: Path | str) -> None:
    """5 USD hold twelve jobs of 0.40 USD, and no thirteenth."""
    came = crowd(database, "budget", processes=30)
    assert came == {"written": 12, "BudgetExceeded": 18}
