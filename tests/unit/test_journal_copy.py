"""A journal is copied between databases as it is, and a check finds what is wrong with one."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from support import job, submission

from motionkit.errors import JournalError, MotionKitError
from motionkit.journal import (
    Journal,
    NewPurchase,
    check_journal,
    copy_journal,
    copying,
    located,
    pending,
)
from motionkit.journal.pending import Pending
from motionkit.model.budget import Budget
from motionkit.model.job import State, Status
from motionkit.model.money import Basis, Quote, Unit

DOLLAR = Decimal(1)
PRICE = Quote(
    *(DOLLAR, DOLLAR, DOLLAR, Unit.USD, DOLLAR, DOLLAR, DOLLAR),
    basis=Basis.LISTED,
    source="a test",
    as_of=None,
)
ALL = Budget(name="defaults.budget_usd", period="total", limit=Decimal(100))


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_PAGE", 3)


@pytest.fixture(params=["into PostgreSQL", "out of PostgreSQL", "between files"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, Any]:
    """Give the places of two journals: from, to."""
    file = tmp_path / "from.db"
    if request.param == "between files":
        return file, tmp_path / "to.db"
    server = located(request.getfixturevalue("postgresql"))
    return (file, server) if request.param == "into PostgreSQL" else (server, file)


def purchase(key: str, **changes: Any) -> NewPurchase:
    made = NewPurchase(key=key, request=f"r-{key}", via="shop", description={}, quote=PRICE)
    return attrs.evolve(made, **changes)


def buy(journal: Journal, key: str, **changes: Any) -> None:
    attempt = journal.intend(purchase(key, **changes), f"a-{key}", submission(), "f" * 16)
    attempt = journal.sending(attempt)
    assert journal.accepted(attempt, job(f"v-{key}", key=key, attempt_id=attempt.id))


def fill(journal: Journal) -> None:
    """Write purchases of many kinds, with two attempts among them, and what is beside them."""
    for number in range(8):
        buy(journal, f"order-{number}")
    buy(journal, "order-1~1")
    buy(journal, "order-1~10", out="/a/film \N{SNOWMAN}\t\\N\n\\.mp4")
    buy(journal, "order-1~2", sandbox=True)
    refused = journal.intend(purchase("again"), "a-again-1", submission(), "f" * 16)
    journal.refused(journal.sending(refused), MotionKitError("no"))
    again = journal.intend(
        purchase("again"), "a-again-0", submission(), "f" * 16, after_refusal=True
    )
    journal.uncertain(journal.sending(again), MotionKitError("perhaps"))
    journal.intend(purchase("only intended"), "a-only", submission(), "f" * 16)
    journal.caches.put_upload("f", "image", "sha", "token")
    journal.caches.put_cooldown("shop", "f", "busy", {"since": 1.5})
    journal.caches.put_notice("f" * 16, "v-order-1", "succeeded", {"a": 1}, over=True)
    with journal.store.writing() as db:
        db.execute(
            "INSERT INTO batches (id, made, via, out, options, accounts, total, planned, state)"
            " VALUES ('b-1', 1.25, 'shop', 'out', '{}', '{}', 7, 7, 'open')"
        )
        for n in range(7):
            db.execute(
                "INSERT INTO items (batch, n, key, request, state, updated)"
                " VALUES ('b-1', :n, :key, '{}', 'planned', 0.1)",
                {"n": n, "key": f"b-1/{n}"},
            )


def test_a_copy_has_everything_and_a_second_one_adds_nothing(pair: tuple[Any, Any]) -> None:
    source, target = pair
    with Journal(source) as journal:
        fill(journal)
        wanted, spent = list(journal.entries()), journal.budget(ALL)
    first = copy_journal(source, target)
    assert first.rows == first.new
    assert first.rows == {
        "purchases": 13,
        "attempts": 14,
        "batches": 1,
        "items": 7,
        "uploads": 1,
        "pruned": 0,
        "ratings": 0,
        "cooldowns": 1,
        "notices": 1,
    }
    second = copy_journal(source, target)
    assert (second.rows, second.digest) == (first.rows, first.digest)
    assert not any(second.new.values())
    with Journal(target) as journal:
        assert list(journal.entries()) == wanted
        assert journal.budget(ALL) == spent
        assert spent.held == Decimal(12)
        assert [one.key for one in journal.retries("order-1")] == [
            *("order-1~1", "order-1~10", "order-1~2")
        ]
        assert journal.caches.get_upload("f", "image", "sha") == "token"
        assert len(journal.caches.cooldowns()) == 1
        assert [one.id for one in journal.entry("again").attempts] == ["a-again-1", "a-again-0"]
    assert check_journal(target).problems == ()


def fail(journal: Journal, key: str) -> None:
    running = journal.entry(key).job
    assert running is not None
    journal.observed(running, Status(State.FAILED, "8", running.submitted_at))


def test_a_copy_has_what_is_left_of_pruned_purchases(pair: tuple[Any, Any]) -> None:
    source, target = pair
    with Journal(source) as journal:
        fill(journal)
        fail(journal, "order-1")
        spent, used = journal.spend("account"), journal.budget(ALL)
        assert journal.prune(journal.now() + 10).jobs == 1
    assert copy_journal(source, target).new["pruned"] == 1
    assert not any(copy_journal(source, target).new.values())
    with Journal(target) as journal:
        assert (journal.spend("account"), journal.budget(ALL)) == (spent, used)
        assert journal.pruned_on("order-1") is not None
    assert check_journal(target).problems == ()


@pytest.mark.parametrize("first", [True, False])
def test_a_purchase_that_was_pruned_in_one_of_two_journals_is_refused(
    pair: tuple[Any, Any], *, first: bool
) -> None:
    source, target = pair
    with Journal(source) as journal:
        fill(journal)
        fail(journal, "order-1")
    copy_journal(source, target)
    with Journal(source if first else target) as journal:
        assert journal.prune(journal.now() + 10).jobs == 1
    with pytest.raises(JournalError, match="order-1"):
        copy_journal(source, target)


def test_a_copy_that_was_interrupted_is_continued(
    pair: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = pair
    with Journal(source) as journal:
        fill(journal)

    def stop(table: str, done: int) -> None:
        if (table, done) == ("purchases", 6):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_journal(source, target, stop)
    with Journal(target) as journal:
        assert len(list(journal.entries())) == 6
    done = copy_journal(source, target)
    assert (done.rows["purchases"], done.new["purchases"]) == (13, 7)


def _another_state(journal: Journal) -> None:
    journal.refused(
        journal.intend(purchase("order-5"), "a-x", submission(), "f" * 16), MotionKitError("no")
    )


def _another_attempt(journal: Journal) -> None:
    buy(journal, "order-5")
    with journal.store.writing() as db:
        db.execute("UPDATE attempts SET account='another' WHERE key='order-5'")
        db.execute("UPDATE purchases SET created=7, updated=7, reserved_at=7 WHERE key='order-5'")


@pytest.mark.parametrize("change", [_another_state, _another_attempt])
def test_a_key_with_other_content_is_refused_before_anything_is_written(
    pair: tuple[Any, Any], change: Callable[[Journal], None]
) -> None:
    source, target = pair
    with Journal(source) as journal:
        fill(journal)
        with journal.store.writing() as db:
            db.execute(
                "UPDATE purchases SET created=7, updated=7, reserved_at=7 WHERE key='order-5'"
            )
            db.execute("UPDATE attempts SET created=7, first_sent=7, uptime=7 WHERE key='order-5'")
    with Journal(target) as journal:
        change(journal)
    with pytest.raises(JournalError, match=r"same key but other content.*order-5"):
        copy_journal(source, target)
    with Journal(target) as journal:
        assert [entry.key for entry in journal.entries()] == ["order-5"]


def test_a_journal_may_be_copied_into_one_with_other_purchases(pair: tuple[Any, Any]) -> None:
    source, target = pair
    with Journal(source) as journal:
        fill(journal)
    with Journal(target) as journal:
        buy(journal, "theirs")
    copy_journal(source, target)
    with Journal(target) as journal:
        assert len(list(journal.entries())) == 14
        assert journal.budget(ALL).held == Decimal(13)


def test_a_job_that_another_purchase_has_there_is_refused(pair: tuple[Any, Any]) -> None:
    source, target = pair
    with Journal(source) as journal:
        buy(journal, "order-1")
    with Journal(target) as journal:
        attempt = journal.sending(journal.intend(purchase("k"), "a-k", submission(), "f" * 16))
        assert journal.accepted(attempt, job("v-order-1", key="k", attempt_id="a-k"))
    with pytest.raises(JournalError, match="cannot copy to the journal"):
        copy_journal(source, target)
    with Journal(target) as journal:
        assert [entry.key for entry in journal.entries()] == ["k"]


def test_a_journal_is_not_copied_without_the_records_that_it_has_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "from.db"
    with Journal(source) as journal:
        buy(journal, "k")
        folder = journal.store.pending
        assert folder is not None
    Pending(folder).put({"kind": "of a newer version", "version": 99})
    with pytest.raises(JournalError, match="has records that"):
        copy_journal(source, tmp_path / "to.db")
    assert not (tmp_path / "to.db").exists()


def test_a_journal_is_not_copied_onto_itself(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="the same"):
        copy_journal(tmp_path / "a.db", tmp_path / "a.db")


# What a check finds.


def test_a_sound_journal_has_no_problems(database: Path | str) -> None:
    with Journal(database) as journal:
        fill(journal)
    found = check_journal(located(database))
    assert found.problems == ()
    assert (found.purchases, found.attempts) == (13, 14)


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        ("UPDATE purchases SET quote='{' WHERE key='order-1'", "a corrupt purchase: order-1: "),
        ("UPDATE purchases SET state='odd' WHERE key='order-1'", "a corrupt purchase: order-1: "),
        ("UPDATE purchases SET counted='' WHERE key='order-1'", "order-1 counts as nothing"),
        ("UPDATE spent SET held='7' WHERE span='day'", "7.00 USD held"),
        ("UPDATE attempts SET job=NULL WHERE key='order-1'", "job is missing: order-1"),
        ("UPDATE attempts SET job=NULL WHERE key='order-1'", "without its job: a-order-1"),
        ("UPDATE items SET state='done' WHERE n=3", "without a purchase: b-1/3"),
        ("DELETE FROM attempts WHERE key='order-1'", "without an attempt: order-1"),
    ],
)
def test_a_check_finds_damage(damage: str, finding: str, database: Path | str) -> None:
    with Journal(database) as journal:
        fill(journal)
        with journal.store.writing() as db:
            db.execute(damage)
    assert any(finding in problem for problem in check_journal(located(database)).problems)


def test_a_check_names_records_that_wait_and_leaves_them(database: Path | str) -> None:
    with Journal(database) as journal:
        buy(journal, "k")
        folder = journal.store.pending
        assert folder is not None
    Pending(folder).put({"kind": pending.outcomes.DELIVERED, "about": "a file"})
    (folder / "older.kept").touch()
    problems = check_journal(located(database)).problems
    assert f"1 record waits in {folder}: the next use of the journal takes them" in problems
    assert f"the journal could not take the record {folder / 'older.kept'}" in problems
    assert len(Pending(folder).paths()) == 1


def test_a_check_makes_no_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        check_journal(tmp_path / "none.db")
    assert not list(tmp_path.iterdir())


def test_a_copy_takes_a_few_statements_for_a_page_and_not_one_for_each_row(
    postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Purchases that no counter has yet, as after an upgrade, are counted by the page too."""
    from motionkit.journal import postgres

    sent: list[str] = []
    run = postgres.Session._run

    def listed(self: Any, statement: str, values: Any) -> Any:
        sent.append(statement)
        return run(self, statement, values)

    monkeypatch.setattr(postgres.Session, "_run", listed)
    monkeypatch.setattr(copying, "_PAGE", 500)
    source = tmp_path / "from.db"
    with Journal(source) as journal:
        for number in range(40):
            buy(journal, f"order-{number:02}")
        with journal.store.writing() as db:
            db.execute("UPDATE purchases SET counted=NULL WHERE key<'order-20'")
            db.execute("DELETE FROM spent")
    Journal(located(postgresql)).close()
    sent.clear()
    copied = copy_journal(source, located(postgresql))
    assert copied.new["purchases"] == 40
    writes = [one for one in sent if one.startswith(("INSERT INTO purchases", "UPDATE purchases"))]
    assert len(writes) == 1
    assert len(sent) < 40
    with Journal(located(postgresql)) as journal:
        assert journal.budget(ALL).held == 40
    assert check_journal(located(postgresql)).problems == ()
