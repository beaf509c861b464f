"""The tables of batches: adding, counting, cancelling, retrying, on the journal's database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from motionkit.batch import tables
from motionkit.batch.tables import Batches, BatchRecord, BatchState, Item, ItemState
from motionkit.errors import ContentBlocked, InvalidRequest
from motionkit.journal import Journal
from motionkit.model.job import KeyState, State

BATCH = "b-00000001"


@pytest.fixture
def journal(database: Path | str) -> Iterator[Journal]:
    with Journal(database) as opened:
        yield opened


@pytest.fixture
def batches(journal: Journal) -> Batches:
    return Batches.of(journal)


def made(batches: Batches, total: int, batch: str = BATCH) -> BatchRecord:
    return batches.create(
        batch, via="studio", out="/films", options={"operation": "mimic"}, accounts={}, total=total
    )


def rows(first: int, last: int, batch: str = BATCH) -> list[Item]:
    return [
        Item(batch, n, f"{batch}/{n}", '{"prompt":"x"}', f"{n:064x}", None, f"{n}.mp4")
        for n in range(first, last + 1)
    ]


def filled(batches: Batches, total: int, batch: str = BATCH) -> None:
    made(batches, total, batch)
    assert list(batches.add(batch, rows(1, total, batch)))[-1:] == [total]


def bought(journal: Journal, key: str, state: str, *, ambiguous: int = 0) -> None:
    journal.store.execute(
        "INSERT INTO purchases (key, request, via, description, state, ambiguous, created, updated)"
        " VALUES (:key, 'r', 'studio', '{}', :state, :ambiguous, 1.0, 1.0)",
        {"key": key, "state": state, "ambiguous": ambiguous},
    )


def test_items_are_added_in_chunks_and_the_batch_opens_with_the_last(batches: Batches) -> None:
    made(batches, 2500)
    seen = [(upto, batches.get(BATCH)) for upto in batches.add(BATCH, rows(1, 2500))]
    assert [upto for upto, _ in seen] == [1000, 2000, 2500]
    assert [record.planned for _, record in seen] == [1000, 2000, 2500]
    assert [record.state for _, record in seen] == [
        BatchState.PLANNING,
        BatchState.PLANNING,
        BatchState.OPEN,
    ]
    assert [item.n for item in batches.items(BATCH)] == list(range(1, 2501))


def test_a_killed_planner_goes_on_where_it_stopped_and_workers_see_what_is_there(
    batches: Batches,
) -> None:
    made(batches, 3000)
    planner = batches.add(BATCH, rows(1, 3000))
    next(planner)
    planner.close()  # killed between two transactions
    assert batches.get(BATCH).planned == 1000
    assert len(batches.left(BATCH, limit=5000)) == 1000
    batches.put(BATCH, 7, ItemState.RUNNING)
    batches.put(BATCH, 7, ItemState.DONE)
    made(batches, 3000)
    assert list(batches.add(BATCH, rows(1, 3000))) == [1000, 2000, 3000]
    assert batches.counts(BATCH)[ItemState.PLANNED] == 2999
    assert batches.item(BATCH, 7).state is ItemState.DONE


def test_two_planners_at_once_add_each_item_once(batches: Batches) -> None:
    made(batches, 2000)
    one, two = batches.add(BATCH, rows(1, 2000)), batches.add(BATCH, rows(1, 2000))
    for _ in range(2):
        next(one)
        next(two)
    assert batches.counts(BATCH)[ItemState.PLANNED] == 2000
    assert batches.get(BATCH).state is BatchState.OPEN


def test_a_key_of_another_batch_is_refused_with_its_item(batches: Batches) -> None:
    filled(batches, 3)
    made(batches, 2, "b-00000002")
    mine = Item("b-00000002", 1, f"{BATCH}/3", "{}", None, None, None)
    with pytest.raises(InvalidRequest, match="belongs to item 3 of batch b-00000001"):
        list(batches.add("b-00000002", [mine]))
    assert batches.get("b-00000002").planned == 0


def test_a_batch_is_found_by_the_beginning_of_its_id_unless_several_are(batches: Batches) -> None:
    for batch in ("b-aa11", "b-aa22", "b-bb33"):
        made(batches, 1, batch)
    assert batches.get("b-bb").id == "b-bb33"
    assert batches.get("b-aa11").id == "b-aa11"
    with pytest.raises(InvalidRequest, match="2 batches match 'b-aa': b-aa11, b-aa22"):
        batches.get("b-aa")
    for nothing in ("b-zz", "", "%"):
        with pytest.raises(InvalidRequest, match="no batch matches"):
            batches.get(nothing)
    assert {record.id for record in batches.listed()} == {"b-aa11", "b-aa22", "b-bb33"}


def test_an_item_that_has_ended_keeps_its_state_and_a_cancelled_one_is_not_begun(
    batches: Batches,
) -> None:
    filled(batches, 3)
    assert batches.put(BATCH, 1, ItemState.RUNNING)
    assert batches.put(BATCH, 1, ItemState.BLOCKED, error=ContentBlocked("no"))
    assert not batches.put(BATCH, 1, ItemState.RUNNING)
    assert not batches.put(BATCH, 1, ItemState.DONE)
    item = batches.item(BATCH, 1)
    assert item.state is ItemState.BLOCKED
    assert item.error is not None
    assert item.error["error"] == "ContentBlocked"
    assert batches.put(BATCH, 2, ItemState.RUNNING)
    assert batches.cancel(BATCH) == 1
    assert not batches.put(BATCH, 3, ItemState.RUNNING)
    assert batches.put(BATCH, 2, ItemState.DONE)
    assert batches.get(BATCH).state is BatchState.CANCELLED
    assert batches.counts(BATCH)[ItemState.CANCELLED] == 1


def test_a_cancelled_batch_takes_no_further_items(batches: Batches) -> None:
    made(batches, 3000)
    planner = batches.add(BATCH, rows(1, 3000))
    next(planner)
    batches.cancel(BATCH)
    with pytest.raises(InvalidRequest, match="was cancelled"):
        next(planner)
    assert batches.counts(BATCH) == dict.fromkeys(ItemState, 0) | {ItemState.CANCELLED: 1000}


@pytest.mark.parametrize(
    ("purchase", "key"),
    [
        (State.FAILED.value, f"{BATCH}/1~2"),
        (State.BLOCKED.value, f"{BATCH}/1~2"),
        (State.GONE.value, f"{BATCH}/1~2"),
        (KeyState.REFUSED.value, f"{BATCH}/1"),
        (State.SUCCEEDED.value, f"{BATCH}/1"),
        (State.RUNNING.value, f"{BATCH}/1"),
        (None, f"{BATCH}/1"),
    ],
)
def test_a_retry_is_a_new_purchase_only_where_the_old_one_may_have_cost(
    journal: Journal, batches: Batches, purchase: str | None, key: str
) -> None:
    filled(batches, 1)
    batches.put(BATCH, 1, ItemState.FAILED)
    assert batches.finish(BATCH)
    if purchase is not None:
        bought(journal, f"{BATCH}/1", purchase)
    assert batches.retry(BATCH, [ItemState.FAILED]) == 1
    item = batches.item(BATCH, 1)
    assert (item.key, item.state, item.tries) == (key, ItemState.PLANNED, 1)
    assert batches.get(BATCH).state is BatchState.OPEN


def test_each_further_retry_has_a_key_of_its_own(journal: Journal, batches: Batches) -> None:
    filled(batches, 1)
    for key in (f"{BATCH}/1", f"{BATCH}/1~2", f"{BATCH}/1~3"):
        assert batches.item(BATCH, 1).key == key
        assert tables.same_key(f"{BATCH}/1", key)
        bought(journal, key, State.FAILED.value)
        batches.put(BATCH, 1, ItemState.FAILED)
        assert batches.retry(BATCH, [ItemState.FAILED]) == 1


@pytest.mark.parametrize("state", [ItemState.FAILED, ItemState.REFUSED])
def test_a_purchase_that_is_not_resolved_is_never_retried(
    journal: Journal, batches: Batches, state: ItemState
) -> None:
    filled(batches, 2)
    bought(journal, f"{BATCH}/1", KeyState.UNCERTAIN.value, ambiguous=1)
    bought(journal, f"{BATCH}/2", State.FAILED.value, ambiguous=1)
    for n in (1, 2):
        batches.put(BATCH, n, state)
    assert batches.retry(BATCH, [state]) == 0
    assert batches.counts(BATCH)[state] == 2


@pytest.mark.parametrize("state", [ItemState.UNCERTAIN, ItemState.DONE, ItemState.RUNNING])
def test_only_items_without_a_file_that_are_resolved_can_be_retried(
    batches: Batches, state: ItemState
) -> None:
    filled(batches, 1)
    with pytest.raises(InvalidRequest, match=f"{state.value} items are not retried"):
        batches.retry(BATCH, [ItemState.FAILED, state])


def test_cancelled_items_are_planned_again_on_demand(batches: Batches) -> None:
    filled(batches, 2)
    batches.cancel(BATCH)
    assert batches.retry(BATCH, [ItemState.CANCELLED]) == 2
    assert batches.get(BATCH).state is BatchState.OPEN
    assert [item.key for item in batches.left(BATCH)] == [f"{BATCH}/1", f"{BATCH}/2"]


def test_an_uncertain_item_goes_on_once_its_purchase_is_resolved(
    journal: Journal, batches: Batches
) -> None:
    filled(batches, 3)
    bought(journal, f"{BATCH}/1", KeyState.UNCERTAIN.value, ambiguous=1)
    bought(journal, f"{BATCH}/2", State.RUNNING.value)
    bought(journal, f"{BATCH}/3", KeyState.REFUSED.value)
    for n in (1, 2, 3):
        batches.put(BATCH, n, ItemState.UNCERTAIN)
    assert batches.finish(BATCH)
    assert batches.resolve(BATCH) == 2
    assert [item.state for item in batches.items(BATCH)] == [
        ItemState.UNCERTAIN,
        ItemState.PLANNED,
        ItemState.REFUSED,
    ]
    assert batches.get(BATCH).state is BatchState.OPEN


def test_a_batch_is_done_when_nothing_is_planned_or_running(batches: Batches) -> None:
    filled(batches, 2)
    batches.put(BATCH, 1, ItemState.DONE)
    assert not batches.finish(BATCH)
    batches.put(BATCH, 2, ItemState.RUNNING)
    assert not batches.finish(BATCH)
    batches.put(BATCH, 2, ItemState.FAILED)
    assert batches.finish(BATCH)
    assert batches.get(BATCH).state is BatchState.DONE


def test_items_are_read_in_pages_by_state_from_a_number_on(batches: Batches) -> None:
    filled(batches, 2300)
    for n in (5, 1200, 2299):
        batches.put(BATCH, n, ItemState.DONE)
    assert [item.n for item in batches.items(BATCH, [ItemState.DONE])] == [5, 1200, 2299]
    assert [item.n for item in batches.items(BATCH, [ItemState.DONE], after=5, limit=1)] == [1200]
    assert [item.n for item in batches.left(BATCH, after=1199, limit=2)] == [1201, 1202]
    assert batches.counts(BATCH)[ItemState.DONE] == 3


def test_a_batch_that_grows_is_planned_again(batches: Batches) -> None:
    filled(batches, 2)
    assert batches.get(BATCH).state is BatchState.OPEN
    assert batches.extend(BATCH, total=3).state is BatchState.PLANNING
    list(batches.add(BATCH, rows(3, 3)))
    assert batches.get(BATCH).state is BatchState.OPEN
    assert batches.extend(BATCH, total=1).total == 3
