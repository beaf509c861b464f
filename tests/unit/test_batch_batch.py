"""A batch for Python: planned, watched, cancelled, retried, read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from batch_support import media, mimic, table

import motionkit as mk
from motionkit.batch import BatchState, InvalidRows, ItemState, Plan
from motionkit.batch.tables import Batches
from motionkit.client.expecting import journal_of
from motionkit.errors import BudgetExceeded, InvalidRequest
from motionkit.journal import Journal
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import options_for

ROWS = [mimic(quality="360p"), mimic(quality="540p"), mimic(quality="720p")]


@pytest.fixture
def given(stage: MemoryStage, tmp_path: Path, home: Path) -> dict[str, Any]:
    """Give configuration and adapters of a stage, and stand in a folder with media."""
    media(home, "a.png", "b.mp4")
    options = options_for(stage, tmp_path)
    return {name: options[name] for name in ("config", "provider_classes")}


@pytest.fixture
def batch(given: dict[str, Any]) -> Iterator[mk.Batch]:
    with mk.Batch.plan(ROWS, out="out", max_usd="1.00", **given) as planned:
        yield planned


def put(batch: mk.Batch, n: int, state: ItemState) -> None:
    assert Batches.of(batch._journal).put(batch.id, n, state)


def bought(batch: mk.Batch, n: int) -> mk.Job:
    """Buy an item, as a worker does."""
    options = mk.client.BuyOptions(
        key=f"{batch.id}/{n}", batch=batch.id, item=n, out=None, wait_for_slot=0.0
    )
    request = mk.Mimic("a.png", "b.mp4", quality=ROWS[n - 1]["quality"])
    return batch._client._order(request, options).job


def test_a_table_becomes_a_batch_that_its_id_or_the_beginning_of_it_names(
    given: dict[str, Any], home: Path
) -> None:
    path = table(home, "image,video", "a.png,b.mp4")
    with mk.Batch.plan(path, out=home / "out", via="stage", **given) as planned:
        assert planned.planned is not None
        assert planned.planned.likely == Decimal("0.20")
    with mk.Batch.get(planned.id[:5], **given) as found:
        assert (found.id, found.planned) == (planned.id, None)
        assert found.record.via == "stage"


def test_a_matrix_is_planned_with_every_combination(given: dict[str, Any], home: Path) -> None:
    media(home, *(f"chars/{n}.png" for n in range(30)), *(f"clips/{n}.mp4" for n in range(5)))
    rows = mk.Batch.matrix(image="chars/*.png", video=["clips/*.mp4"])
    with mk.Batch.plan(rows, out="out", **given) as planned:
        assert planned.record.total == 150


def test_a_plan_that_is_not_confirmed_writes_nothing(given: dict[str, Any]) -> None:
    seen: list[Plan] = []

    def decline(plan: Plan) -> bool:
        seen.append(plan)
        return False

    with pytest.raises(InvalidRequest, match="was not confirmed"):
        mk.Batch.plan(ROWS, out="out", confirm=decline, **given)
    assert [plan.left for plan in seen] == [3]
    with Journal(given["config"].journal) as journal:
        assert Batches.of(journal).listed() == []


def test_invalid_rows_and_a_budget_that_does_not_suffice_close_the_journal(
    given: dict[str, Any],
) -> None:
    with pytest.raises(InvalidRows, match="column video"):
        mk.Batch.plan([{"image": "a.png"}], out="out", **given)
    with pytest.raises(BudgetExceeded):
        mk.Batch.plan(ROWS, out="out", max_usd="0.10", **given)


def test_progress_counts_items_and_money_and_expects_the_end(
    batch: mk.Batch, stage: MemoryStage
) -> None:
    first = batch.progress()
    assert (first.total, first.left, first.finished) == (3, 3, False)
    assert (first.spent, first.held, first.rate) == (Decimal(0), Decimal(0), None)
    assert first.ends is not None  # from how long such jobs usually take
    bought(batch, 1)
    put(batch, 1, ItemState.RUNNING)
    running = batch.progress()
    assert running.counts[ItemState.RUNNING] == 1
    assert (running.spent, running.held) == (Decimal(0), Decimal("0.20"))
    assert running.budget is not None
    assert running.budget.left == Decimal("0.80")
    stage.pass_time(1000)
    assert batch._client.wait(bought(batch, 1)).cost is not None
    put(batch, 1, ItemState.DONE)
    for n in (2, 3):
        put(batch, n, ItemState.REFUSED)
    ended = batch.progress()
    assert (ended.spent, ended.held) == (Decimal("0.20"), Decimal(0))
    assert (ended.left, ended.finished, ended.ends) == (0, True, None)
    assert ended.rate is not None


def test_a_notebook_shows_the_progress_and_the_plan_of_a_batch(given: dict[str, Any]) -> None:
    with mk.Batch.plan(ROWS, out="<out>", **given) as planned:
        shown = planned._repr_html_()
        assert "0 of 3 items" in shown
        assert "Plan of a batch" in shown
        assert "&lt;out&gt;" in shown
        assert "<out>" not in shown
        with mk.Batch.get(planned.id, **given) as found:
            assert "Plan" not in found._repr_html_()
            assert mk.AsyncBatch(found)._repr_html_() == found._repr_html_()
    assert planned.id in planned._repr_html_()  # of a closed one too
    listed = mk.Batch.listed(config=given["config"])
    assert isinstance(listed, mk.Listing)
    assert [row["batch"] for row in listed.to_dict()] == [planned.id]


def test_the_rate_tells_the_end_once_enough_jobs_ended(
    given: dict[str, Any], stage: MemoryStage
) -> None:
    rows = [mimic(key=f"k{n}") for n in range(20)]
    with mk.Batch.plan(rows, out="out", **given) as planned:
        store = planned._journal.store
        now = store.now()
        store.execute("UPDATE batches SET made=:made", {"made": now - 3600.0})
        for n in range(1, 11):
            store.execute(
                "INSERT INTO purchases (key, request, via, description, state, created, updated,"
                " finished, batch, item) VALUES (:key, 'r', 's', '{}', 'succeeded', 1.0, 1.0,"
                " :finished, :batch, :n)",
                {"key": f"k{n}", "finished": now - 1.0, "batch": planned.id, "n": n},
            )
            put(planned, n, ItemState.DONE)
        progress = planned.progress()
        assert progress.rate == pytest.approx(1.0)
        assert progress.ends is not None
        assert progress.ends.timestamp() - now == pytest.approx(600.0, abs=60.0)


def test_a_cancelled_batch_has_only_what_was_begun_left(batch: mk.Batch) -> None:
    put(batch, 1, ItemState.RUNNING)
    assert batch.cancel() == 2
    progress = batch.progress()
    assert (progress.state, progress.left) == (BatchState.CANCELLED, 1)
    assert batch.retry(cancelled=True) == 2
    assert batch.progress().left == 3


def test_a_retry_says_which_items(batch: mk.Batch) -> None:
    put(batch, 1, ItemState.REFUSED)
    put(batch, 2, ItemState.BLOCKED)
    with pytest.raises(InvalidRequest, match="say which items"):
        batch.retry()
    assert batch.retry(refused=True) == 1
    assert batch.retry(blocked=True, failed=True) == 1


def test_results_are_read_and_saved_beside_the_files(batch: mk.Batch, home: Path) -> None:
    put(batch, 2, ItemState.REFUSED)
    assert [(one.item, one.state) for one in batch.results()] == [
        (1, "planned"),
        (2, "refused"),
        (3, "planned"),
    ]
    assert [one.item for one in batch.results([ItemState.REFUSED])] == [2]
    place = batch.save_results()
    assert place == str(home / "out" / "results.csv")
    assert len(Path(place).read_text(encoding="utf-8-sig").splitlines()) == 4


def test_the_same_verbs_are_coroutines(given: dict[str, Any], home: Path) -> None:
    async def use() -> list[int]:
        async with await mk.AsyncBatch.plan(ROWS, out="out", **given) as planned:
            assert (await planned.progress()).left == 3
            assert await planned.cancel() == 3
            assert await planned.retry(cancelled=True) == 3
            assert await planned.resolve() == 0
            assert await planned.save_results("jsonl") == str(home / "out" / "results.jsonl")
            found = await mk.AsyncBatch.get(planned.batch.id, **given)
            async with found:
                return [one.item async for one in found.results()]

    assert asyncio.run(use()) == [1, 2, 3]


def test_progress_counts_the_processes_that_beat(batch: mk.Batch) -> None:
    journal = journal_of(batch._client)
    before = batch.progress().workers
    now = journal.store.now()
    for name, seen in (("alive", now), ("dead", now - 3600)):
        journal.store.execute(
            "INSERT INTO workers (id, host, pid, machine, version, started, seen)"
            " VALUES (:id, 'h', 1, 'm', '1', :seen, :seen)",
            {"id": name, "seen": seen},
        )
    assert batch.progress().workers == before + 1
