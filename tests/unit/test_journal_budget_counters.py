"""The counters of budgets always say what the purchases add up to."""

from __future__ import annotations

import datetime as dt
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import attrs
import pytest
import time_machine
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support import NOON, job, submission

from motionkit.errors import Billed, Busy, JournalError, SubmitUncertain
from motionkit.journal import Attempt, Journal, NewPurchase
from motionkit.journal import budget as budgets
from motionkit.journal.rows import unpacked
from motionkit.model.budget import PERIODS, Budget
from motionkit.model.job import KeyState, State, Status
from motionkit.model.money import EXACT, Basis, Cost, CostBasis, Quote, Unit, possible

BEGIN = dt.datetime(2026, 1, 30, 12, tzinfo=dt.UTC)
FINGERPRINTS = {"a": "f" * 16, "b": "e" * 16}
LIMITS = tuple(
    Budget(name="limit", period=period, limit=Decimal(10), **whose)
    for period in PERIODS
    for whose in (
        {},
        {"route": "r"},
        {"route": "r", "accounts": ("a",)},
        {"route": "s", "accounts": ("a", "b")},
        {"batch": "b-1"},
    )
)
SINCE = (
    "SELECT key, cost, reserved, state, route, batch FROM purchases"
    " WHERE reserved_at>=:since AND state<>'refused' AND COALESCE(sandbox,0)=:sandbox"
)


def added_up(journal: Journal, budget: Budget, now: float, *, sandbox: bool) -> list[Decimal]:
    """Return what is spent and held, from every purchase: the rule, without counters."""
    spent = held = Decimal(0)
    values = {"since": budget.since(now), "sandbox": sandbox}
    for row in journal.store.query(SINCE, values):
        attempts = journal.store.query(
            "SELECT account FROM attempts WHERE key=:key", {"key": row["key"]}
        )
        direct = row["route"] is None and any(one["account"] in budget.accounts for one in attempts)
        if budget.batch is not None:
            if row["batch"] != budget.batch:
                continue
        elif budget.route is not None and row["route"] != budget.route and not direct:
            continue
        cost = unpacked(row["cost"], Cost)
        known = cost is not None and cost.usd is not None and possible(cost)
        if known and cost.basis is not CostBasis.ASSUMED:
            spent = EXACT.add(spent, cost.usd)
        elif State.__members__.get(row["state"].upper(), State.RUNNING).terminal:
            spent = EXACT.add(spent, Decimal(row["reserved"] or 0))
        else:
            held = EXACT.add(held, Decimal(row["reserved"] or 0))
    return [spent, held]


def check(journal: Journal, now: float) -> None:
    assert budgets.verify(journal.store) == []
    for limit in LIMITS:
        for sandbox in (False, True):
            status = journal.budget(limit, sandbox=sandbox)
            assert [status.spent, status.held] == added_up(journal, limit, now, sandbox=sandbox)


prices = st.sampled_from([None, "0", "0.40", "1.1", "0.000000000000000000000000000000000003"])
costs = st.builds(
    lambda usd, basis: Cost(
        Decimal(usd or 0), Unit.USD, None if usd is None else Decimal(usd), basis
    ),
    st.sampled_from([None, "0", "0.25", "7", "-4", "1e22", "0.0000000000000000000000000001"]),
    st.sampled_from(CostBasis),
)
buys = st.tuples(
    st.just("buy"),
    st.sampled_from([None, "r", "s"]),
    st.sampled_from(["a", "b"]),
    prices,
    st.booleans(),
    st.sampled_from([None, "b-1", "b-2"]),
)
steps = st.one_of(
    buys,
    buys,
    buys,
    st.tuples(st.just("refuse"), st.integers(0, 2)),
    st.tuples(st.just("doubt"), st.integers(0, 2)),
    st.tuples(st.just("accept"), st.integers(0, 2), st.none() | costs),
    st.tuples(st.just("observe"), st.integers(0, 2), st.sampled_from(State), st.none() | costs),
    st.tuples(st.just("assume"), st.integers(0, 2), st.none() | costs),
    st.tuples(st.just("later"), st.sampled_from([3600, 86_400, 3 * 86_400, 20 * 86_400])),
)
"""What happens to one of the last purchases; a bought one may be the new attempt of a refused."""


BUY = ("buy", "r", "a", "0.40", False, "b-1")
PAID = Cost(Decimal("0.25"), Unit.USD, Decimal("0.25"), CostBasis.REPORTED)
REFUND = Cost(Decimal(0), Unit.USD, Decimal(0), CostBasis.REFUNDED)


def quote(usd: str | None) -> Quote | None:
    if usd is None:
        return None
    amount = Decimal(usd)
    return Quote(
        amount, amount, amount, Unit.USD, amount, amount, amount, Basis.LISTED, "a page", None
    )


class Clock(Protocol):
    """What moves on between two steps."""

    def shift(self, delta: float) -> None:
        """Move it by some seconds."""


class Walk:
    """One journal, and the attempts in it."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.attempts: list[Attempt] = []

    def take(self, step: tuple[Any, ...], clock: Clock) -> None:
        name, *rest = step
        if name == "later":
            clock.shift(rest[0])
        elif name == "buy":
            self.buy(*rest)
        elif self.attempts:
            attempt = self.attempts[-1 - rest[0] % len(self.attempts)]
            getattr(self, name)(attempt, *rest[1:])

    def buy(
        self, route: str | None, account: str, usd: str | None, sandbox: bool, batch: str | None
    ) -> None:
        refused = [
            one.key
            for one in self.attempts
            if self.journal.entry(one.key).state is KeyState.REFUSED
        ]
        number = len(self.attempts)
        key = refused[-1] if refused else f"k{number}"
        wanted = NewPurchase(
            key=key,
            request=key,
            via="x",
            description={},
            quote=quote(usd),
            route=route,
            sandbox=sandbox,
            batch=batch,
        )
        call = attrs.evolve(submission(), account=account)
        made = self.journal.intend(
            wanted, f"id{number}", call, FINGERPRINTS[account], after_refusal=bool(refused)
        )
        self.attempts.append(made)

    def refuse(self, attempt: Attempt) -> None:
        self.journal.refused(attempt, Busy("full", billed=Billed.NO))

    def doubt(self, attempt: Attempt) -> None:
        self.journal.uncertain(attempt, SubmitUncertain("lost", key=attempt.key))

    def accept(self, attempt: Attempt, cost: Cost | None) -> None:
        self.journal.accepted(attempt, attrs.evolve(self.job(attempt), cost=cost))

    def observe(self, attempt: Attempt, state: State, cost: Cost | None) -> None:
        self.journal.accepted(
            attempt, self.job(attempt)
        )  # most have one by now; it changes nothing
        self.journal.observed(self.job(attempt), Status(state, state.value, NOON), cost)

    def assume(self, attempt: Attempt, cost: Cost | None) -> None:
        record = self.journal.entry(attempt.key)
        self.journal.assumed(record, SubmitUncertain("resolved", key=attempt.key), cost)

    @staticmethod
    def job(attempt: Attempt):  # noqa: ANN205 - the helper's
        found = job(f"v-{attempt.id}", key=attempt.key)
        return attrs.evolve(found, fingerprint=attempt.fingerprint, attempt_id=attempt.id)


@settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, min_size=15, max_size=25))
@example([BUY, ("observe", 0, State.SUCCEEDED, None)])
@example([BUY, ("observe", 0, State.RUNNING, None), ("observe", 0, State.FAILED, None)])
@example([BUY, ("observe", 0, State.FAILED, None), ("observe", 0, State.FAILED, REFUND)])
@example([BUY, ("doubt", 0), ("assume", 0, None)])
@example([BUY, ("doubt", 0), ("accept", 0, PAID)])
@example([BUY, ("refuse", 0), ("later", 86_400), BUY])
def test_whatever_happens_to_purchases_the_counters_are_their_sum(
    taken: list[tuple[Any, ...]],
) -> None:
    with time_machine.travel(BEGIN, tick=False) as clock, Journal(None) as journal:
        walk = Walk(journal)
        for step in taken:
            walk.take(step, clock)
        check(journal, time.time())
        uncounted = "SELECT 1 FROM purchases WHERE counted IS NULL"
        assert journal.store.query(uncounted) == []


@settings(deadline=None, max_examples=15)
@given(st.lists(steps, min_size=5, max_size=15))
def test_purchases_of_an_older_version_are_counted_before_a_budget_is_read(
    taken: list[tuple[Any, ...]],
) -> None:
    with time_machine.travel(BEGIN, tick=False) as clock, Journal(None) as journal:
        walk = Walk(journal)
        for step in taken:
            walk.take(step, clock)
        with journal.store.writing() as db:
            db.execute("UPDATE purchases SET counted=NULL", {})
            db.execute("DELETE FROM spent", {})
        check(journal, time.time())


@pytest.fixture
def journal(database: Path | str) -> Iterator[Journal]:
    with Journal(database) as opened:
        yield opened


class Still:
    """A clock that nothing moves: the database has its own."""

    def shift(self, delta: float) -> None:
        """Leave it as it is."""


def test_the_counters_are_the_sum_of_all_purchases_on_every_database(journal: Journal) -> None:
    walk = Walk(journal)

    @settings(deadline=None, max_examples=6, database=None)
    @given(st.lists(steps, min_size=5, max_size=12))
    def more(taken: list[tuple[Any, ...]]) -> None:
        for step in taken:
            walk.take(step, Still())
        check(journal, journal.store.now())

    more()


def test_threads_that_change_one_counter_at_once_lose_nothing(journal: Journal) -> None:
    """And none waits for another that waits for it."""
    cost = Cost(Decimal(1), Unit.USD, Decimal("0.30"), CostBasis.REPORTED)

    def work(thread: int) -> None:
        for number in range(4):
            attempt = bought(journal, f"k{thread}-{number}")
            mine = attrs.evolve(job(attempt.key, key=attempt.key), attempt_id=attempt.id)
            journal.accepted(attempt, mine)
            journal.observed(mine, Status(State.SUCCEEDED, "5", NOON), cost)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    total = Budget(name="limit", period="total", limit=Decimal(99), route="r")
    assert journal.budget(total).spent == 32 * Decimal("0.30")
    assert budgets.verify(journal.store) == []


def bought(journal: Journal, key: str, usd: str = "0.40", budget: Budget | None = None) -> Attempt:
    limits = () if budget is None else (budget,)
    wanted = NewPurchase(
        key=key, request=key, via="r", description={}, quote=quote(usd), route="r", budgets=limits
    )
    return journal.intend(wanted, f"a-{key}", submission(), "f" * 16)


def test_a_key_that_is_submitted_again_does_not_count_against_itself_twice(
    journal: Journal,
) -> None:
    """Also where an older version had not counted it."""
    half = Budget(name="half", period="total", limit=Decimal("0.50"), route="r")
    journal.refused(bought(journal, "k"), Busy("full", billed=Billed.NO))
    journal.store.execute("UPDATE purchases SET counted=NULL", {})
    again = NewPurchase(
        key="k",
        request="k",
        via="r",
        description={},
        quote=quote("0.40"),
        route="r",
        budgets=(half,),
    )
    journal.intend(again, "a2", submission(), "f" * 16, after_refusal=True)
    assert journal.budget(half).held == Decimal("0.40")
    journal.check_budgets(again)  # of this key itself nothing counts


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            "UPDATE spent SET held='7' WHERE span='day'",
            r"of route r for the day from \d+-\d+-\d+ has 0\.00 USD spent and 7\.00 USD held",
        ),
        ("UPDATE purchases SET state='refused'", "k counts as "),
    ],
)
def test_a_counter_that_differs_is_found(journal: Journal, change: str, found: str) -> None:
    bought(journal, "k")
    journal.store.execute(change, {})
    (difference,) = budgets.verify(journal.store)
    assert re.search(found, difference)


def test_a_reservation_that_cannot_be_read_stops_purchases_under_a_budget_only(
    journal: Journal,
) -> None:
    limit = Budget(name="limit", period="total", limit=Decimal(9), route="r")
    attempt = bought(journal, "broken")
    journal.store.execute("UPDATE purchases SET reserved='x', counted=NULL", {})
    with pytest.raises(JournalError, match="'broken' is corrupt: what it reserved"):
        bought(journal, "k1", budget=limit)
    assert journal.get("k1") is None
    assert "'broken' is corrupt" in budgets.verify(journal.store)[0]
    bought(journal, "k2")
    cost = Cost(Decimal(1), Unit.USD, Decimal("0.30"), CostBasis.REPORTED)
    journal.accepted(attempt, attrs.evolve(job("v1", key="broken"), cost=cost))
    assert journal.budget(limit).spent == Decimal("0.30")  # what it cost is known now


def test_a_purchase_kept_beside_another_journal_counts_in_the_one_that_takes_it(
    tmp_path: Path,
) -> None:
    """Its row comes with what it counted there; the counters do not."""
    limit = Budget(name="limit", period="total", limit=Decimal(9), route="r")
    with Journal(tmp_path / "old.db") as old:
        attempt = bought(old, "k")
        rows = {
            table: dict(old.store.query(f"SELECT * FROM {table}")[0])  # noqa: S608
            for table in ("purchases", "attempts")
        }
    record = {
        "version": 1,
        "kind": "uncertain",
        "about": "k",
        "at": 1.0,
        "attempt": attempt.id,
        "key": "k",
        "error": "{}",
        "rows": rows,
    }
    path = tmp_path / "new.db"
    Journal(path).close()
    folder = tmp_path / "new.db-pending"
    folder.mkdir()
    (folder / "1.json").write_text(json.dumps(record))
    with Journal(path) as journal:
        assert journal.entry("k").state is KeyState.UNCERTAIN
        assert journal.budget(limit).held == Decimal("0.40")
        assert budgets.verify(journal.store) == []
