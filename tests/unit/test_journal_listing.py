"""Purchases found by what people remember of them, on both databases; what is given up."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from ledger import Place, change
from support import NOON, job, submission

from motionkit import AsyncClient
from motionkit.client import Client
from motionkit.errors import Billed, InvalidRequest, SubmitUncertain
from motionkit.journal import Filter, Journal, NewPurchase, PurchaseRecord, pending, pruning
from motionkit.model.job import KeyState, State, Status
from motionkit.model.money import Basis, Cost, CostBasis, Quote, Unit
from motionkit.model.spending import Amounts, Spend
from motionkit.testing.memory import Memory, MemoryStage
from motionkit.testing.stage import ACCOUNT, options_for, sample_request

USD = Decimal("0.40")
CREDIT = Cost(Decimal(40), Unit.CREDIT, USD, CostBasis.REPORTED)
QUOTE = Quote(Decimal(30), Decimal(40), Decimal(60), Unit.CREDIT, Decimal("0.30"), USD,
              Decimal("0.60"), Basis.LISTED, "a page", None)  # fmt: skip


@pytest.fixture
def journal(database: Place) -> Iterator[Journal]:
    with Journal(database) as opened:
        yield opened


def bought(
    journal: Journal, key: str, *, account: str = "shop", cost: Cost | None = None, **more: Any
) -> Any:
    """Buy something whose job runs; return the job."""
    usual: dict[str, Any] = {"description": {"operation": "mimic"}, "quote": QUOTE}
    made = NewPurchase(key=key, request=key, via="shop", again=True, **{**usual, **more})
    prepared = attrs.evolve(submission(), account=account)
    attempt = journal.intend(made, f"a-{key}", prepared, "f" * 16)
    running = attrs.evolve(
        job(f"v-{key}", key=key, attempt_id=attempt.id), account=account, cost=cost
    )
    assert journal.accepted(attempt, running)
    return running


def ended(journal: Journal, running: Any, state: State, cost: Cost | None = None) -> None:
    journal.observed(running, Status(state, "5", NOON), cost)


def keys(found: list[PurchaseRecord]) -> list[str]:
    return [one.key for one in found]


@pytest.fixture
def several(journal: Journal) -> Journal:
    """Six purchases, the oldest first."""
    ended(
        journal, bought(journal, "k1", labels={"project": "spring", "shot": "1"}), State.SUCCEEDED
    )
    ended(journal, bought(journal, "k2", account="studio", route="r"), State.FAILED)
    bought(journal, "k3", labels={"project": 'a "quoted" 100%_name'})
    bought(journal, "k4", description={"operation": "modify", "prompt": "Make it SNOW in Köln"})
    made = NewPurchase(key="k5", request="k5", via="shop", description={}, again=True)
    attempt = journal.intend(made, "a-k5", submission(), "f" * 16)
    journal.uncertain(attempt, SubmitUncertain("lost", key="k5", billed=Billed.UNKNOWN))
    ended(journal, bought(journal, "k6", out="/films/50%_off.mp4"), State.SUCCEEDED)
    journal.delivered(
        job("v-k6", key="k6", attempt_id="a-k6"), Path("/films/50%_off.mp4"), "0" * 64
    )
    for number in range(1, 7):
        change(journal, f"UPDATE purchases SET created={1000.0 * number} WHERE key='k{number}'")  # noqa: S608
    return journal


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (Filter(), "k1 k2 k3 k4 k5 k6"),
        (Filter(open_only=True), "k1 k3 k4 k5"),
        (Filter(states=("failed",)), "k2"),
        (Filter(states=("failed", "uncertain")), "k2 k5"),
        (Filter(states=("gone",)), ""),
        (Filter(since=3000.0), "k3 k4 k5 k6"),
        (Filter(account="studio"), "k2"),
        (Filter(account="stud"), ""),
        (Filter(route="r"), "k2"),
        (Filter(labels={"project": "spring"}), "k1"),
        (Filter(labels={"project": "spring", "shot": "1"}), "k1"),
        (Filter(labels={"project": "spring", "shot": "2"}), ""),
        (Filter(labels={"project": "Spring"}), ""),
        (Filter(labels={"shot": "spring"}), ""),
        (Filter(labels={"project": 'a "quoted" 100%_name'}), "k3"),
        (Filter(search="make it snow"), "k4"),
        (Filter(search="Köln"), "k4"),
        (Filter(search="K3"), "k3"),
        (Filter(search="50%_OFF"), "k6"),
        (Filter(search="%"), "k3 k6"),
        (Filter(search='"quoted"'), "k3"),
        (Filter(search="v-k2"), "k2"),
        (Filter(search="v-k1"), "k1"),
        (Filter(search="-k1"), ""),
        (Filter(search="make_it"), ""),
        (Filter(search="snow", open_only=True, since=4000.0, states=("queued",)), "k4"),
        (Filter(search="snow", open_only=True, since=4001.0), ""),
    ],
)
def test_purchases_are_found_by_every_filter_alone_and_together(
    several: Journal, which: Filter, found: str
) -> None:
    assert keys(several.entries(which)) == found.split()
    assert keys(several.entries(which, newest=2)) == found.split()[-2:]
    assert several.count(which) == len(found.split())


def test_filters_from_python_take_states_ages_and_times(client: Client) -> None:
    running = client.submit(sample_request(), via=ACCOUNT, key="order-17", labels={"a": "b"})
    for given in (State.QUEUED, "queued", [State.QUEUED, KeyState.UNCERTAIN]):
        assert keys(client.jobs.list(state=given)) == ["order-17"]
    assert client.jobs.list(state="refused") == []
    assert keys(client.jobs.list(since="1h", account=running.account, label={"a": "b"})) == [
        "order-17"
    ]
    assert keys(list(client.jobs.each(since=dt.timedelta(hours=1), search="ORDER"))) == ["order-17"]
    assert client.jobs.count(since=dt.datetime(2100, 1, 1, tzinfo=dt.UTC)) == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"state": "done"}, "state: 'done'; expected one of intended, uncertain"),
        ({"state": 7}, "state"),
        ({"since": "soon"}, "since: 'soon'; expected an age"),
        ({"search": "a\0b"}, "search"),
        ({"account": 7}, "account: 7; expected text"),
        ({"label": {"a b": "c"}}, "label"),
        ({"limit": 0}, "limit is 0"),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused_by_name(
    client: Client, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        client.jobs.list(**given)


def test_a_misspelt_filter_is_an_error_as_with_any_argument(client: Client) -> None:
    with pytest.raises(TypeError, match="sate"):
        client.jobs.list(sate="failed")  # type: ignore[call-arg]


# Money.


def test_each_purchase_is_in_one_amount_by_what_is_known_of_it(journal: Journal) -> None:
    ended(journal, bought(journal, "reported", cost=CREDIT), State.SUCCEEDED, CREDIT)
    ended(journal, bought(journal, "silent"), State.SUCCEEDED)
    refund = Cost(Decimal(0), Unit.CREDIT, Decimal(0), CostBasis.REFUNDED)
    ended(journal, bought(journal, "refunded", cost=CREDIT), State.FAILED, refund)
    ended(journal, bought(journal, "free"), State.FAILED, refund)
    bought(journal, "held")
    bought(journal, "priceless", quote=None)
    dollars = attrs.evolve(CREDIT, unit=Unit.USD, amount=USD)
    ended(journal, bought(journal, "dollars", cost=dollars), State.SUCCEEDED, dollars)
    unknown = attrs.evolve(CREDIT, usd=None)
    ended(journal, bought(journal, "rateless", account="b", cost=unknown), State.SUCCEEDED, unknown)
    lost = NewPurchase(key="lost", request="l", via="shop", description={}, again=True, quote=QUOTE)
    attempt = journal.intend(lost, "a-lost", submission(), "f" * 16)
    journal.uncertain(attempt, SubmitUncertain("lost", key="lost", billed=Billed.UNKNOWN))
    no = NewPurchase(key="no", request="n", via="shop", description={}, again=True, quote=QUOTE)
    journal.refused(journal.intend(no, "a-no", submission(), "f" * 16), InvalidRequest("no"))

    rows = {(row.name, row.unit): row for row in journal.spend("account")}
    assert set(rows) == {("shop", Unit.CREDIT), ("shop", Unit.USD), ("b", Unit.CREDIT)}
    credits_ = rows["shop", Unit.CREDIT]
    assert credits_.amounts == Amounts(
        charged=Decimal(80), assumed=Decimal(40), refunded=Decimal(40), held=Decimal(60),
        uncertain=Decimal(60),
    )  # fmt: skip
    assert credits_.amounts.submitted == 240
    assert credits_.usd is not None
    assert credits_.usd.submitted == Decimal("2.40")
    assert (credits_.jobs, credits_.unpriced) == (6, 0)
    dollar = rows["shop", Unit.USD]
    assert (dollar.amounts, dollar.usd) == (Amounts(charged=USD), Amounts(charged=USD))
    assert (dollar.jobs, dollar.unpriced) == (2, 1)
    assert (rows["b", Unit.CREDIT].amounts.charged, rows["b", Unit.CREDIT].usd) == (40, None)


def test_spend_counts_the_utc_days_on_which_budgets_reserved(journal: Journal) -> None:
    for key, at in (
        ("a", "2026-11-26T23:59:59"),
        ("b", "2026-11-27T00:00"),
        ("c", "2026-11-27T09:00"),
    ):
        bought(journal, key, cost=CREDIT, labels={"project": key})
        moment = dt.datetime.fromisoformat(f"{at}+00:00").timestamp()
        change(journal, "UPDATE purchases SET created=1, reserved_at=:at WHERE key=:key",
               at=moment, key=key)  # fmt: skip
    spent = {row.name: row.amounts.charged for row in journal.spend("day")}
    assert spent == {"2026-11-26": 40, "2026-11-27": 80}
    noon = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC).timestamp()
    assert {row.name for row in journal.spend("day", since=noon)} == {"2026-11-27"}
    assert {row.name for row in journal.spend("label", label="project", since=noon)} == {"b", "c"}
    assert {row.name for row in journal.spend("label")} == {"project=a", "project=b", "project=c"}
    assert {row.name for row in journal.spend("label", label="shot")} == {None}


def test_what_is_pruned_keeps_its_money_in_its_world_and_its_key(journal: Journal) -> None:
    for key, sandbox in (("real", False), ("play", True)):
        made = bought(journal, key, cost=CREDIT, sandbox=sandbox, labels={"project": key})
        ended(journal, made, State.SUCCEEDED, CREDIT)
        journal.delivered(made, Path(f"/films/{key}.mp4"), "0" * 64)
    bought(journal, "running", cost=CREDIT)
    before = {by: journal.spend(by) for by in ("day", "account", "route", "model", "label")}
    now = journal.now() + 10
    would = journal.prunable(now)
    assert (would.jobs, dict(would.states)) == (2, {"succeeded": 2})
    assert journal.prune(now) == would
    assert journal.prune(now).jobs == 0
    assert {by: journal.spend(by) for by in before} == before
    assert keys(journal.entries()) == ["running"]
    assert journal.store.query("SELECT COUNT(*) AS n FROM attempts")[0]["n"] == 1
    assert journal.pruned_on("real") is not None
    assert journal.pruned_on("running") is None
    with pytest.raises(InvalidRequest, match="'real' was pruned from the journal on 20"):
        journal.find("real")


def test_what_is_unfinished_uncertain_or_of_a_batch_is_never_pruned(several: Journal) -> None:
    several.store.execute(
        "INSERT INTO batches (id, made, options, accounts, total, planned, state)"
        " VALUES ('b-1', 1, '{}', '{}', 1, 1, 'done')"
    )
    ended(several, bought(several, "b-1/1", batch="b-1", item=1), State.FAILED)
    assert several.prune(several.now() + 10).states == {"failed": 1, "succeeded": 1}
    assert keys(several.entries()) == ["k1", "k3", "k4", "k5", "b-1/1"]


def test_a_refused_key_that_is_submitted_again_while_it_is_pruned_stays(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("old", "new"):
        made = NewPurchase(key=key, request=key, via="shop", description={}, again=True)
        attempt = journal.intend(made, f"a-{key}", submission(), "f" * 16)
        journal.refused(attempt, InvalidRequest("no"))
    read = pruning._pages

    def meanwhile(store: Any, before: float) -> Iterator[Any]:
        for page in read(store, before):
            assert len(page) == 2
            again = NewPurchase(key="new", request="new", via="shop", description={}, again=True)
            journal.intend(again, "a-new-2", submission(), "f" * 16, after_refusal=True)
            yield page

    monkeypatch.setattr(pruning, "_pages", meanwhile)
    assert journal.prune(journal.now() + 10).states == {"refused": 1}
    (left,) = journal.entries()
    assert [one.id for one in left.attempts] == ["a-new", "a-new-2"]
    assert journal.pruned_on("old") is None  # nothing was bought under it


def test_a_late_record_of_a_pruned_purchase_does_not_bring_it_back(journal: Journal) -> None:
    made = bought(journal, "k", cost=CREDIT)
    rows = {
        table: dict(zip(row.keys(), row, strict=True))
        for table in ("purchases", "attempts")
        for row in journal.store.query(f"SELECT * FROM {table} WHERE key='k'")  # noqa: S608
    }
    ended(journal, made, State.FAILED)
    spent = journal.spend("account")
    assert journal.prune(journal.now() + 10).jobs == 1
    with journal.store.writing() as db:
        pending._insert_missing(db, rows)
    assert journal.entries() == []
    assert journal.spend("account") == spent


def test_spend_is_a_coroutine_of_the_async_client(stage: MemoryStage, tmp_path: Path) -> None:
    async def spent() -> list[Spend]:
        async with AsyncClient(**options_for(stage, tmp_path)) as client:
            await client.wait(await client.submit(sample_request(), via=ACCOUNT))
            return await client.spend("account", since=dt.timedelta(days=1))

    (row,) = asyncio.run(spent())
    assert (row.name, row.jobs) == (ACCOUNT, 1)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"by": "colour"}, "by: 'colour'; expected one of day, account, route, model, label"),
        ({"by": "day", "label": "project"}, "label"),
        ({"by": "label", "label": 7}, "label"),
        ({"since": "soon"}, "since: 'soon'"),
    ],
)
def test_spend_refuses_what_it_cannot_read(
    client: Client, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        client.spend(**given)


# Given up.


def test_a_file_that_is_given_up_is_no_longer_unfinished_and_stays_paid(
    client: Client, stage: MemoryStage
) -> None:
    made = client.submit(sample_request(), via=ACCOUNT)
    client.wait(made)
    spent = client.spend()
    given = client.jobs.forget(client.jobs.list()[0])
    assert (given.open, given.state) == (False, State.SUCCEEDED)
    assert given.forgotten is not None
    assert client.jobs.list(open_only=True) == []
    assert client.spend() == spent
    assert client.submit(sample_request(), via=ACCOUNT) != made  # an identical request is new
    assert client.wait(made).url  # the vendor still has it


def test_a_submit_that_never_left_is_given_up_free_of_charge(client: Client) -> None:
    journal = client._journal
    made = NewPurchase(key="k", request="r", via=ACCOUNT, description={}, again=True, quote=QUOTE)
    journal.intend(made, "a-k", submission(), "f" * 16)
    assert client.jobs.forget(journal.entry("k")).state is KeyState.REFUSED
    assert client.spend() == []


def test_an_uncertain_submit_that_is_given_up_counts_as_charged(client: Client) -> None:
    journal = client._journal
    made = NewPurchase(key="k", request="r", via=ACCOUNT, description={}, again=True, quote=QUOTE)
    attempt = journal.sending(journal.intend(made, "a-k", submission(), "f" * 16))
    journal.uncertain(attempt, SubmitUncertain("lost", key="k", billed=Billed.UNKNOWN))
    given = client.jobs.forget(journal.entry("k"))
    assert (given.open, given.ambiguous, given.state) == (False, False, State.GONE)
    (row,) = client.spend("model")
    assert row.amounts == Amounts(charged=Decimal(40), assumed=Decimal(40))


@pytest.mark.parametrize(("kind", "step"), [(Journal, "sending"), (Memory, "submit")])
def test_a_submit_that_is_in_progress_is_not_given_up(
    client: Client, stage: MemoryStage, monkeypatch: pytest.MonkeyPatch, kind: type, step: str
) -> None:
    """Its job may be known in the next moment, and an identical request would buy another."""
    real = getattr(kind, step)

    def meanwhile(self: object, *args: Any) -> Any:
        with pytest.raises(InvalidRequest, match="k is being submitted now"):
            client.jobs.forget(client.jobs.get("k"))
        return real(self, *args)

    monkeypatch.setattr(kind, step, meanwhile)
    made = client.submit(sample_request(), via=ACCOUNT, key="k")
    assert client.jobs.get("k").state is State.QUEUED
    assert client.submit(sample_request(), via=ACCOUNT) == made
    assert stage.bought() == 1


def test_what_has_changed_since_the_user_looked_is_not_given_up(client: Client) -> None:
    journal = client._journal
    made = NewPurchase(key="k", request="r", via=ACCOUNT, description={}, again=True, quote=QUOTE)
    attempt = journal.sending(journal.intend(made, "a-k", submission(), "f" * 16))
    journal.uncertain(attempt, SubmitUncertain("lost", key="k", billed=Billed.UNKNOWN))
    seen = journal.entry("k")
    assert journal.accepted(attempt, job("v-k", key="k", attempt_id=attempt.id))
    with pytest.raises(InvalidRequest, match="queued by now, no longer uncertain; it was not"):
        client.jobs.forget(seen)
    assert journal.entry("k").open


def test_a_submit_that_another_process_makes_is_not_given_up(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = client._journal
    made = NewPurchase(key="k", request="r", via=ACCOUNT, description={}, again=True, quote=QUOTE)
    journal.sending(journal.intend(made, "a-k", submission(), "f" * 16))
    monkeypatch.setattr(Journal, "alive", lambda *_: True)
    with pytest.raises(InvalidRequest, match="k is being submitted now"):
        client.jobs.forget(journal.entry("k"))


def test_what_runs_or_is_over_is_not_given_up(client: Client, stage: MemoryStage) -> None:
    client.submit(sample_request(), via=ACCOUNT, key="k")
    with pytest.raises(InvalidRequest, match="k is queued; only what is uncertain"):
        client.jobs.forget(client.jobs.get("k"))
    client.wait(client.jobs.resume(client.jobs.get("k")))
    client.jobs.forget(client.jobs.get("k"))
    change(client._journal, "UPDATE purchases SET delivered='/films/k.mp4'")
    with pytest.raises(InvalidRequest, match="its file is downloaded; there is nothing to give up"):
        client.jobs.forget(client.jobs.get("k"))


def test_pruning_within_the_time_in_which_a_request_is_remembered_is_refused(
    client: Client,
) -> None:
    with pytest.raises(InvalidRequest, match="older_than: 6d is less than remember = 604800 s"):
        client.jobs.prune("6d")
    assert client.jobs.prune("7d").jobs == 0
