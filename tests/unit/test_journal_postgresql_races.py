"""What two transactions of PostgreSQL can do to each other, and never with a file of SQLite.

One transaction sees what others commit between two of its statements. Each test holds one of them
back at the worst moment.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ledger import change
from patience import PATIENCE, until
from support import job, submission

from motionkit.errors import Billed, Busy, JournalError, MotionKitError, SubmitUncertain
from motionkit.journal import (
    Attempt,
    Journal,
    NewPurchase,
    PurchaseExists,
    PurchaseRecord,
    budget,
    outcomes,
    pending,
    postgres,
)
from motionkit.journal.postgres import migration
from motionkit.journal.schema import MIGRATIONS, SCHEMA_VERSION
from motionkit.model.job import KeyState
from motionkit.model.money import Basis, Quote, Unit


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records that a shared journal cannot take are kept in the state folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


class Apart(threading.Thread):
    """A call in a thread of its own; `result` waits for what it returned or raised."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self._told: Any = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._told = self._call()
        except BaseException as error:  # noqa: BLE001 - `result` raises it
            self._error = error

    def result(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive()
        if self._error is not None:
            raise self._error
        return self._told


def await_waiting(db: psycopg.Connection[Any], count: int = 1) -> None:
    """Wait until so many transactions of the database wait for a lock."""

    def waiting() -> int:
        (found,) = db.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname=current_database() AND wait_event_type='Lock'"
        ).fetchone() or (0,)
        return int(found)

    until(lambda: waiting() >= count)


def test_a_process_that_waits_for_another_to_make_the_tables_uses_those(postgresql: str) -> None:
    with psycopg.connect(postgresql) as other:
        other.execute("SELECT pg_advisory_xact_lock(1835728896,0)")
        with psycopg.connect(postgresql, autocommit=True) as watch:
            opening = Apart(lambda: Journal(postgresql))
            await_waiting(watch)
        other.execute("CREATE TABLE schema (version BIGINT NOT NULL, journal TEXT NOT NULL)")
        other.execute("INSERT INTO schema VALUES (%s, 'a-name')", (SCHEMA_VERSION,))
        for step in MIGRATIONS:
            for statement in migration(step):
                other.execute(statement)
    with opening.result() as journal:
        assert journal.entries() == []


def hold(patch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Hold the next change of a purchase back when it is written, but not committed.

    Returns:
        Events: one is set when the change waits there, the other one lets it go on.
    """
    there, go_on = threading.Event(), threading.Event()
    real = postgres.Session._run

    def run(session: postgres.Session, statement: str, values: Any) -> Any:
        told = real(session, statement, values)
        changes = statement.startswith(("UPDATE purchases", "INSERT INTO attempts"))
        if changes and not there.is_set():
            there.set()
            assert go_on.wait(PATIENCE)
        return told

    patch.setattr(postgres.Session, "_run", run)
    patch.setattr(postgres, "_IDLE", int(PATIENCE * 1000))  # the machine may be loaded
    return there, go_on


def intend(
    journal: Journal,
    number: int,
    key: str = "order-17",
    *,
    after_refusal: bool = False,
    **purchase: Any,
) -> Attempt:
    wanted = NewPurchase(key=key, request="r", via="shop", description={}, again=True, **purchase)
    return journal.intend(
        wanted, f"attempt-{number}", submission(), "f" * 16, after_refusal=after_refusal
    )


def test_a_late_refusal_of_an_earlier_attempt_does_not_refuse_the_one_that_is_being_written(
    postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = Busy("no free slot", billed=Billed.NO)
    with (
        Journal(postgresql) as journal,
        Journal(postgresql) as other,
        psycopg.connect(postgresql, autocommit=True) as watch,
    ):
        first = intend(journal, 1)
        journal.refused(first, refusal)
        there, go_on = hold(monkeypatch)
        again = Apart(lambda: intend(journal, 2, after_refusal=True))
        assert there.wait(PATIENCE)
        # Its answer was lost on the way to the database, so it is written once more.
        late = Apart(lambda: other.refused(first, refusal))
        await_waiting(watch)
        go_on.set()
        again.result()
        late.result()
        assert journal.entry("order-17").state is KeyState.INTENDED
        with pytest.raises(PurchaseExists):
            intend(other, 3, after_refusal=True)


def test_of_two_purchases_that_are_given_one_job_at_once_only_one_owns_it(
    postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        Journal(postgresql) as journal,
        Journal(postgresql) as other,
        psycopg.connect(postgresql, autocommit=True) as watch,
    ):
        first, second = intend(journal, 1, "one"), intend(journal, 2, "two")
        there, go_on = hold(monkeypatch)
        one = Apart(lambda: journal.accepted(first, job("42")))
        assert there.wait(PATIENCE)
        two = Apart(lambda: other.accepted(second, job("42")))
        await_waiting(watch)
        go_on.set()
        assert one.result() is True
        assert two.result() is False
        assert journal.entry("two").job is None


def resolve_as_lost(journal: Journal, seen: PurchaseRecord) -> None:
    journal.assumed(seen, SubmitUncertain("resolved manually as lost", key=seen.key), None)


def test_what_a_user_resolves_on_an_old_view_leaves_a_newer_attempt_alone(
    database: Path | str,
) -> None:
    with Journal(database) as journal:
        journal.uncertain(intend(journal, 1), MotionKitError("no answer"))
        seen = journal.entry("order-17")
        resolve_as_lost(journal, seen)
        second = journal.sending(intend(journal, 2, after_refusal=True))
        resolve_as_lost(journal, seen)
        assert journal.entry("order-17").state is KeyState.INTENDED
        assert journal.accepted(second, job("42"))


def test_what_a_user_resolves_leaves_an_attempt_alone_that_is_being_written(
    postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        Journal(postgresql) as journal,
        Journal(postgresql) as other,
        psycopg.connect(postgresql, autocommit=True) as watch,
    ):
        journal.uncertain(intend(journal, 1), MotionKitError("no answer"))
        seen = journal.entry("order-17")
        resolve_as_lost(journal, seen)
        there, go_on = hold(monkeypatch)
        again = Apart(lambda: intend(journal, 2, after_refusal=True))
        assert there.wait(PATIENCE)
        late = Apart(lambda: resolve_as_lost(other, seen))
        await_waiting(watch)
        go_on.set()
        again.result()
        late.result()
        assert journal.entry("order-17").state is KeyState.INTENDED


def test_a_process_that_runs_while_a_newer_motionkit_changes_the_tables_writes_nothing_more(
    database: Path | str,
) -> None:
    with Journal(database) as journal:
        sent = journal.sending(intend(journal, 1))
        change(database, NEWER[isinstance(database, Path)])
        with pytest.raises(JournalError, match=r"schema 99; .* end this process"):
            intend(journal, 2, "order-18")
        # What was paid is kept for the newer one.
        assert journal.accepted(sent, job("42"))
        assert journal.store.pending is not None
        assert [path.suffix for path in journal.store.pending.iterdir()] == [".json"]


NEWER = ("UPDATE schema SET version=99", "PRAGMA user_version=99")


def test_the_tables_are_not_changed_while_a_transaction_writes(
    postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        Journal(postgresql) as journal,
        psycopg.connect(postgresql, autocommit=True) as watch,
    ):
        there, go_on = hold(monkeypatch)
        writing = Apart(lambda: intend(journal, 1))
        assert there.wait(PATIENCE)
        change(postgresql, "UPDATE schema SET version=version-1")
        monkeypatch.setattr(postgres, "MIGRATIONS", (*MIGRATIONS[:-1], "SELECT 1"))
        opening = Apart(lambda: Journal(postgresql))
        await_waiting(watch)
        go_on.set()
        assert writing.result().key == "order-17"
        opening.result().close()


def test_an_error_that_was_caught_inside_a_transaction_does_not_look_like_a_commit(
    postgresql: str,
) -> None:
    with Journal(postgresql) as journal:
        with (
            pytest.raises(JournalError, match="the transaction was undone"),
            journal.store.writing() as db,
            contextlib.suppress(psycopg.Error),
        ):
            db.execute("SELECT 1/0")
        assert journal.entries() == []


def test_a_schema_that_is_made_later_does_not_hide_the_journal(
    postgresql: str, caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg.connect(postgresql, autocommit=True) as own:
        with Journal(postgresql) as journal:
            intend(journal, 1)
        own.execute('CREATE SCHEMA "later"')
        with Journal(f"{postgresql}&options=-csearch_path%3Dlater,public") as journal:
            assert journal.entry("order-17")
        assert not caplog.records
        with Journal(f"{postgresql}&options=-csearch_path%3Dlater") as journal:
            assert journal.entries() == []
        assert "which has another one already (public.schema)" in caplog.text


PRICE = Quote(
    Decimal(1), Decimal(1), Decimal(1), Unit.USD, Decimal(1), Decimal(1), Decimal(1),
    Basis.LISTED, "a page", None,
)  # fmt: skip


def test_records_that_were_kept_are_taken_without_holding_up_each_others_purchases(
    postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two transactions that wait for each other would end one of them: a submit, say."""
    refusal = Busy("no free slot", billed=Billed.NO)
    spends: dict[str, Any] = {"route": "best", "quote": PRICE}
    with (
        Journal(postgresql) as journal,
        Journal(postgresql) as other,
        Journal(postgresql) as elsewhere,
    ):
        elsewhere.store.pending = None  # on another machine
        first = intend(journal, 1, "one", **spends)
        second = intend(journal, 2, "two", **spends)
        journal.refused(second, refusal)
        with monkeypatch.context() as patch:
            patch.setattr(pending, "SHARED_TRY", 0.0)
            patch.setattr(outcomes, "apply", fail)
            journal.refused(first, refusal)
            journal.refused(second, refusal)  # once more: its answer was lost
        there, go_on, taken, take = threading.Event(), threading.Event(), [], pending._take

        def hold_back_the_second(*args: Any) -> bool:
            taken.append(args)
            if len(taken) == 2:
                there.set()
                assert go_on.wait(PATIENCE)
            return take(*args)

        monkeypatch.setattr(pending, "_take", hold_back_the_second)
        monkeypatch.setattr(postgres, "_IDLE", int(PATIENCE * 1000))
        adopting = Apart(lambda: pending.adopt(other.store, None))
        assert there.wait(PATIENCE)
        intend(elsewhere, 3, "two", after_refusal=True, **spends)
        go_on.set()
        adopting.result()
        assert journal.entry("one").state is KeyState.REFUSED
        assert journal.entry("two").state is KeyState.INTENDED
        assert budget.verify(journal.store) == []


def fail(*_: object) -> bool:
    raise psycopg.OperationalError("the server is away")
