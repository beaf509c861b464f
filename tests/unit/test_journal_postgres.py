"""What the driver for PostgreSQL does that no file has to: translation, connections, clocks."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import attrs
import pytest
from patience import PATIENCE, until
from support import job, submission

from motionkit._support import process
from motionkit._support.process import Moment
from motionkit.errors import Billed, BudgetExceeded, ConfigError, JournalError
from motionkit.journal import Attempt, Journal, NewPurchase, PurchaseExists
from motionkit.model.budget import Budget
from motionkit.model.job import KeyState
from motionkit.model.money import Basis, Quote, Unit

psycopg = pytest.importorskip("psycopg")
postgres = pytest.importorskip("motionkit.journal.postgres")

DOLLAR = Decimal(1)
PRICE = Quote(
    DOLLAR,
    DOLLAR,
    DOLLAR,
    Unit.USD,
    DOLLAR,
    DOLLAR,
    DOLLAR,
    basis=Basis.LISTED,
    source="a test",
    as_of=None,
)


@pytest.fixture
def journal(postgresql: str) -> Iterator[Journal]:
    with Journal(postgresql) as opened:
        yield opened


def wanted(key: str = "k1", request: str = "r", **changes: object) -> NewPurchase:
    made = NewPurchase(key=key, request=request, via="shop", description={})
    return attrs.evolve(made, **changes)  # type: ignore[arg-type]


def intend(journal: Journal, key: str = "k1", request: str = "r", **changes: object) -> Attempt:
    return journal.intend(wanted(key, request, **changes), f"attempt-{key}", submission(), "f" * 16)


# Translation.

EACH = "SELECT value FROM json_array_elements_text(CAST(%(keys)s AS json)) AS each(value)"


@pytest.mark.parametrize(
    ("statement", "translated"),
    [
        ("SELECT :a, :b", ("SELECT %(a)s, %(b)s", True)),
        ("SELECT ':a' || \":b\" || :c", ("SELECT ':a' || \":b\" || %(c)s", True)),
        ("SELECT 'it''s :a' || :b", ("SELECT 'it''s :a' || %(b)s", True)),
        ("SELECT :a::text", ("SELECT %(a)s::text", True)),
        ("SELECT 'a'::text -- :b", ("SELECT 'a'::text -- :b", False)),
        ("SELECT 7 % 2", ("SELECT 7 % 2", False)),
        ("SELECT :a % 2, '100%'", ("SELECT %(a)s %% 2, '100%%'", True)),
        ("ORDER BY rowid", ("ORDER BY n", False)),
        ("SELECT 'rowid', rowids", ("SELECT 'rowid', rowids", False)),
        (
            "IN (SELECT value FROM json_each(:keys))",
            ("=ANY(ARRAY(SELECT json_array_elements_text(CAST(%(keys)s AS json))))", True),
        ),
        (
            "a NOT IN (SELECT value FROM json_each(:keys))",
            ("a <>ALL(ARRAY(SELECT json_array_elements_text(CAST(%(keys)s AS json))))", True),
        ),
        ("SELECT value FROM json_each(:keys) WHERE 1=1", (f"{EACH} WHERE 1=1", True)),
        ("CAST(:a AS REAL)", ("CAST(%(a)s AS DOUBLE PRECISION)", True)),
    ],
)
def test_a_statement_is_translated_and_its_literals_are_not(
    statement: str, translated: tuple[str, bool]
) -> None:
    assert postgres.translated(statement) == translated


def test_a_migration_is_translated_without_its_comments() -> None:
    step = (
        "-- REAL; TEXT\nALTER TABLE a ADD COLUMN b INTEGER;\nCREATE TABLE c (\n  d TEXT -- REAL\n)"
    )
    assert postgres.migration(step) == [
        "ALTER TABLE a ADD COLUMN b BIGINT",
        'CREATE TABLE c (\n  d TEXT COLLATE "C" \n)',
    ]


# Locks.


def test_two_identical_requests_at_once_are_one_purchase(postgresql: str) -> None:
    together = threading.Barrier(8, timeout=120)

    def one(number: int) -> str:
        with Journal(postgresql) as own:
            together.wait()
            try:
                intend(own, f"k{number}")
            except PurchaseExists as exists:
                return exists.entry.key
            return f"k{number}"

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(8)))) == 1


def test_purchases_at_once_never_exceed_a_budget(postgresql: str) -> None:
    budget = Budget(name="defaults.budget_usd", period="day", limit=Decimal(3))
    together = threading.Barrier(8, timeout=120)

    def one(number: int) -> bool:
        with Journal(postgresql) as own:
            together.wait()
            try:
                intend(own, f"k{number}", f"r{number}", quote=PRICE, budgets=(budget,))
            except BudgetExceeded:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(8))) == 3
    with Journal(postgresql) as own:
        assert own.budget(budget).held == 3


def test_a_lock_that_is_held_too_long_is_an_error_before_anything_is_paid(
    journal: Journal, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "BUSY_TIMEOUT", 0.2)
    with (
        Journal(postgresql) as other,
        other.store.writing(locks=[("request", "r")]),
        pytest.raises(JournalError, match="lock timeout") as caught,
    ):
        intend(journal)
    assert caught.value.billed is Billed.NO
    intend(journal)


def test_an_attempt_that_was_handed_over_meanwhile_is_not_written_as_unsent(
    journal: Journal, postgresql: str
) -> None:
    attempt = intend(journal)
    with Journal(postgresql) as other, ThreadPoolExecutor(1) as pool:
        with other.store.writing() as db:  # `sending`, not yet committed
            db.execute("UPDATE attempts SET sends=1 WHERE id=:id", {"id": attempt.id})
            settled = pool.submit(journal.unsent, attempt, JournalError("interrupted"))
            until(lambda: other_waits(db))
        assert settled.result() is False
    assert journal.entry("k1").state is KeyState.INTENDED


def other_waits(db: object) -> bool:
    found = db.execute(  # type: ignore[attr-defined]
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname=current_database() AND wait_event_type='Lock'"
    )
    return bool(found.fetchone()[0])


# Connections.


def test_a_block_that_fails_leaves_nothing(journal: Journal) -> None:
    def write() -> None:
        with journal.store.writing() as db:
            db.execute("INSERT INTO notices VALUES ('f', 'v', 's', '{}')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert not journal.store.query("SELECT * FROM notices")


def test_a_thread_reads_inside_its_transaction_what_it_wrote_and_others_do_not(
    journal: Journal,
) -> None:
    question = "SELECT vendor_id FROM notices"
    with journal.store.writing() as db, ThreadPoolExecutor(1) as pool:
        db.execute("INSERT INTO notices VALUES ('f', 'v', 's', '{}')")
        assert [tuple(row) for row in journal.store.query(question)] == [("v",)]
        assert pool.submit(journal.store.query, question).result() == []


def test_a_connection_that_the_server_ended_is_replaced(journal: Journal, postgresql: str) -> None:
    intend(journal)
    end_others(postgresql)
    assert journal.entry("k1").key == "k1"
    end_others(postgresql)
    intend(journal, "k2", "r2")


def end_others(address: str) -> None:
    with psycopg.connect(address, autocommit=True) as own:
        own.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid<>pg_backend_pid() AND datname=current_database()"
        )


def test_a_forked_child_has_connections_of_its_own(journal: Journal) -> None:
    intend(journal)
    child = os.fork()
    if not child:
        try:
            intend(journal, "k2", "r2")
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the exit code says it
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert {entry.key for entry in journal.entries()} == {"k1", "k2"}


def test_a_client_that_is_collected_in_the_middle_of_a_fork_holds_nobody_up(
    postgresql: str,
) -> None:
    journal = Journal(postgresql)
    pool = journal.store.pool  # type: ignore[attr-defined]
    pool.before_fork()
    del journal
    gc.collect()
    pool.after_fork(child=False)
    assert pool.closed


def test_a_child_forked_inside_a_transaction_of_another_thread_does_not_end_it(
    journal: Journal,
) -> None:
    inside, forked = threading.Event(), threading.Event()

    def write() -> None:
        with journal.store.writing() as db:
            db.execute("INSERT INTO notices VALUES ('f', 'v', 's', '{}')")
            inside.set()
            forked.wait()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        inside.wait()
        child = os.fork()
        if not child:
            try:
                os._exit(len(journal.store.query("SELECT * FROM notices")))
            except BaseException:  # noqa: BLE001 - the exit code says it
                os._exit(9)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        forked.set()
        writing.result()
    assert len(journal.store.query("SELECT * FROM notices")) == 1


def test_a_closed_journal_says_so_and_leaves_no_connection(
    postgresql: str,
) -> None:
    journal = Journal(postgresql)
    intend(journal)
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.entries()
    with psycopg.connect(postgresql) as own:
        mine = "SELECT count(*) FROM pg_stat_activity WHERE application_name='motionkit'"

        def left() -> bool:
            own.rollback()
            return bool(own.execute(f"{mine} AND datname=current_database()").fetchone()[0])

        until(lambda: not left())


def test_more_threads_than_connections_take_turns(
    postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "MOST_CONNECTIONS", 2)
    with Journal(postgresql) as journal, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: intend(journal, f"k{n}", f"r{n}"), range(24)))
        assert len(list(journal.entries())) == 24


def test_a_heartbeat_does_not_wait_for_connections_that_other_threads_hold(
    postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "MOST_CONNECTIONS", 1)
    with (
        Journal(postgresql) as journal,
        ThreadPoolExecutor(1) as pool,
        journal.store.writing(locks=[("route", "r")]),
    ):
        pool.submit(journal.workers.beat).result(PATIENCE)
        assert [one.id for one in journal.workers.listed()] == [journal.workers.id]


def test_a_newer_schema_is_refused(postgresql: str) -> None:
    Journal(postgresql).close()
    with psycopg.connect(postgresql, autocommit=True) as own:
        own.execute("UPDATE schema SET version=99")
    with pytest.raises(JournalError, match="schema 99; this motionkit knows"):
        Journal(postgresql)


def test_processes_that_open_a_new_database_at_once_make_one_journal(postgresql: str) -> None:
    together = threading.Barrier(6, timeout=120)

    def one(_: int) -> object:
        together.wait()
        with Journal(postgresql) as own:
            return own.store.pending

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(one, range(6)))) == 1


LOCKS = "(SELECT count(*) FROM pg_locks WHERE locktype='advisory' AND pid=pg_backend_pid())"


def test_nothing_of_a_transaction_stays_in_its_session(journal: Journal) -> None:
    """A pooler such as pgbouncer hands the session to another client then."""
    settings = ("lock_timeout", "idle_in_transaction_session_timeout", "synchronous_commit")
    question = f"SELECT {', '.join(f'current_setting({one!r})' for one in settings)}"
    before = tuple(journal.store.query(question)[0])
    with journal.store.writing(locks=[("request", "r")], durable=False) as db:
        assert tuple(db.execute(question).fetchone())[:0:-1] == ("off", "10s")
        assert db.execute(f"SELECT {LOCKS}").fetchone()[0] > 0
    assert tuple(journal.store.query(question)[0]) == before
    left = f"SELECT {LOCKS}, (SELECT count(*) FROM pg_prepared_statements)"  # noqa: S608 - a constant
    assert tuple(journal.store.query(left)[0]) == (0, 0)


PLANS = "SELECT count(*) AS kept FROM pg_prepared_statements"


def buy_some(journal: Journal) -> int:
    """Make purchases; return how many plans their connection keeps."""
    for number in range(5):
        journal.sending(intend(journal, f"k{number}", f"r{number}"))
    return int(journal.store.query(PLANS)[0]["kept"])


def test_a_connection_to_the_server_keeps_the_plans_of_statements(journal: Journal) -> None:
    assert buy_some(journal) > 3


def test_a_connection_through_a_pooler_keeps_no_plan(
    postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psycopg.ConnectionInfo, "backend_pid", property(lambda _: 1))
    with Journal(postgresql) as journal:
        assert buy_some(journal) == 0


def test_a_plan_that_was_kept_survives_a_new_column(journal: Journal) -> None:
    intend(journal)
    for _ in range(5):
        journal.entry("k1")
    journal.store.execute("ALTER TABLE purchases ADD COLUMN later TEXT", {})
    assert journal.entry("k1").key == "k1"


def test_the_database_is_not_asked_for_its_clock_again_within_seconds(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "CLOCK_KEPT", 120.0)
    first = journal.now()
    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Connection, "execute", lambda *_, **__: pytest.fail("asked"))
        assert 0 <= journal.now() - first < 120


def test_a_clock_that_was_read_before_the_machine_slept_is_read_again(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`time.monotonic` does not count the sleep of a machine."""
    monkeypatch.setattr(postgres, "CLOCK_KEPT", 120.0)
    monkeypatch.setattr(journal.store, "_reading", None)
    execute, moment = psycopg.Connection.execute, process.moment
    asked: list[str] = []

    def sleeps(self: Any, statement: Any, *args: Any, **how: Any) -> Any:
        answer = execute(self, statement, *args, **how)
        if "clock_timestamp" in str(statement):
            asked.append(str(statement))
        return answer

    monkeypatch.setattr(psycopg.Connection, "execute", sleeps)
    monkeypatch.setattr(
        process,
        "moment",
        lambda: attrs.evolve(moment(), uptime=moment().uptime + 3600.0 * len(asked)),
    )
    with journal.store.writing():
        pass
    for _ in range(2):
        journal.store.clock()
    assert len(asked) == 3


def test_what_precedes_a_paid_call_is_on_the_disk_whatever_the_servers_default(
    journal: Journal, postgresql: str
) -> None:
    database = postgresql.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(postgresql, autocommit=True) as own:
        own.execute(f"ALTER DATABASE {database} SET synchronous_commit=off")
    with Journal(postgresql) as opened, opened.store.writing() as db:
        assert db.execute("SHOW synchronous_commit").fetchone()[0] == "on"
    with psycopg.connect(postgresql, autocommit=True) as own:
        own.execute(f"ALTER DATABASE {database} SET synchronous_commit=remote_apply")
    with Journal(postgresql) as opened, opened.store.writing() as db:
        assert db.execute("SHOW synchronous_commit").fetchone()[0] == "remote_apply"


@pytest.fixture
def worker(postgresql: str) -> Iterator[str]:
    """Give the address of a role with the permissions that the documentation names."""
    Journal(postgresql).close()
    name = f"worker_{uuid4().hex}"
    with psycopg.connect(postgresql, autocommit=True) as own:
        own.execute(f"CREATE ROLE {name} LOGIN")
        own.execute(f"GRANT USAGE ON SCHEMA public TO {name}")
        own.execute(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}"
        )
        yield postgresql.replace("//postgres:", f"//{name}:")
        own.execute(f"DROP OWNED BY {name}")
        own.execute(f"DROP ROLE {name}")


def test_a_role_with_the_documented_permissions_does_everything_but_upgrade(
    worker: str, postgresql: str
) -> None:
    with Journal(worker) as journal:
        attempt = journal.sending(intend(journal, quote=PRICE))
        assert journal.accepted(attempt, job("v1", key="k1", attempt_id=attempt.id))
        calls = journal.calls("f" * 16, 60.0, time.monotonic)
        assert calls is not None
        assert calls.take(1, 5)[0] == 0
        journal.caches.put_upload("f", "image", "sha", "token")
        journal.workers.beat()
    with psycopg.connect(postgresql, autocommit=True) as own:
        own.execute("UPDATE schema SET version=version-1")
    with pytest.raises(JournalError, match=r"must be owner|permission denied") as caught:
        Journal(worker)
    assert "permission" in (caught.value.hint or "")


# Clocks.


def test_moments_are_the_servers(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    real = process.moment()
    ahead = Moment(real.wall + 3600, real.uptime, real.boot)
    monkeypatch.setattr(process, "moment", lambda: ahead)
    sent = journal.sending(intend(journal))
    assert sent.first_sent is not None
    assert abs(sent.first_sent - journal.now()) < 60
    assert journal.entry("k1").attempts[0].first == sent.first


@pytest.mark.parametrize(
    ("later", "passed"),
    [
        (Moment(160.0, 5.0, "another", 1060.0), 60.0),
        (Moment(160.0, 5.0, "another", 1055.0), None),  # the shared clock was set
        (Moment(150.0, 5.0, "another", 1060.0), None),  # the machines' clocks disagree
        (Moment(160.0, 5.0, "another", 990.0), None),
        (Moment(160.0, 5.0, "another"), None),  # the database cannot be reached
        (Moment(160.0, 7060.0, "one", 1055.0), 60.0),
    ],
)
def test_a_window_is_judged_on_another_machine_only_by_clocks_that_agree(
    later: Moment, passed: float | None
) -> None:
    assert later.since(Moment(100.0, 7000.0, "one", 1000.0)) == passed


def test_the_clock_of_a_server_that_is_away_is_estimated(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise psycopg.OperationalError("away")

    journal.now()
    journal.store.pool.drop_idle()  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setattr(postgres, "CLOCK_KEPT", 0.0)
        patch.setattr(psycopg.Connection, "connect", away)
        assert abs(journal.now() - time.time()) < 60
        assert journal.store.clock() is None


def test_a_token_changes_with_each_end_and_each_commit_of_another(
    journal: Journal, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "CLOCK_READ", 0.0)
    first = journal.endings
    journal.store.count_end()
    second = journal.endings
    with Journal(postgresql) as other:
        intend(other)
    assert len({first, second, journal.endings}) == 3


# What is accepted.


def test_a_job_has_one_owner_also_when_two_processes_write_it_at_once(postgresql: str) -> None:
    together = threading.Barrier(4, timeout=120)

    def one(number: int) -> bool:
        with Journal(postgresql) as own:
            attempt = own.sending(intend(own, f"k{number}", f"r{number}"))
            together.wait()
            return own.accepted(attempt, job("v1", key=f"k{number}", attempt_id=attempt.id))

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(one, range(4))) == [False, False, False, True]


# Addresses.


def test_an_address_that_libpq_cannot_read_is_refused_without_its_password() -> None:
    with pytest.raises(ConfigError) as caught:
        Journal("postgresql://u:geheim@h/d?nonsense=hush")
    assert "geheim" not in str(caught.value)
    assert "hush" not in str(caught.value)


ELSEWHERE = """
from motionkit.journal import Journal
with Journal("postgresql://") as journal:
    print([entry.key for entry in journal.entries()], journal.store.place)
    print(journal.store.query("SHOW application_name")[0][0])
"""


def test_libpqs_own_variables_say_where_the_database_is(postgresql: str) -> None:
    """They are read in C, where a test's own environment may differ: see `conftest`."""
    with Journal(postgresql) as journal:
        intend(journal)
    parts = urlsplit(postgresql)
    query = parse_qs(parts.query)
    named = {
        "PGHOST": query["host"][0],
        "PGPORT": query["port"][0],
        "PGUSER": "postgres",
        "PGDATABASE": parts.path[1:],
        "PGAPPNAME": "a test",
    }
    told = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        env={**os.environ, **named},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.splitlines() == ["['k1'] postgresql://", "a test"]


WITHOUT_DRIVER = """
import sys
sys.modules["psycopg"] = None
from motionkit.errors import ConfigError
from motionkit.journal import Journal
try:
    Journal("postgresql://u:s3cret-word@h/d")
except ConfigError as error:
    print(error)
"""


def test_a_missing_driver_is_named_with_the_extra_that_brings_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DRIVER], capture_output=True, text=True, check=True
    )
    assert "pip install 'motionkit[postgres]'" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr
