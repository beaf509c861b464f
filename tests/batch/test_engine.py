"""The queue of items hands each to one worker, and what a dead worker had to the next."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from patience import PATIENCE, eventually

from motionkit._support.addresses import DatabaseAddress
from motionkit.batch import engine as queue
from motionkit.batch.engine import Delivery, Engine, Where, identity
from motionkit.errors import ConfigError, JournalError
from motionkit.journal.databases import located

dbos = pytest.importorskip("dbos")

NOW = 1_800_000_000.0


@pytest.fixture
def place(database: Path | str) -> Path | DatabaseAddress:
    """Give the place of a queue, on each database."""
    where = located(database)
    assert where is not None
    return queue.embedded(where) if isinstance(where, Path) else where


def work(
    place: Path | DatabaseAddress,
    play: Callable[[Engine], Awaitable[None]],
    body: Callable[[str, int], Awaitable[None]],
    concurrency: int = 4,
) -> None:
    async def worked() -> None:
        engine = Engine(place, "worker-1")
        try:
            engine.work(body, concurrency, keep=False)
            async with asyncio.timeout(PATIENCE):
                await play(engine)
        finally:
            await asyncio.to_thread(engine.close)

    asyncio.run(worked())


def executor(place: Path | DatabaseAddress) -> str:
    return queue.EMBEDDED if isinstance(place, Path) else "worker-1"


def test_every_item_is_done_once_and_no_more_at_once_than_was_asked_for(
    place: Path | DatabaseAddress,
) -> None:
    done: list[int] = []
    inside = most = 0

    async def body(batch: str, n: int) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        for _ in range(100):  # let the others come in
            await asyncio.sleep(0)
        inside -= 1
        assert batch == "b-1"
        done.append(n)

    async def play(engine: Engine) -> None:
        items = [("b-1", n, 0) for n in range(1, 13)]
        for _ in range(2):  # the second time they are there: no second run
            await asyncio.to_thread(engine.plan, items, NOW)
        await eventually(lambda: len(done) >= 12)
        ids = [identity(*item) for item in items]
        over = Delivery(Where.OVER, executor(place))
        await eventually(lambda: all(one == over for one in engine.find(ids).values()))
        assert len(engine.find(ids)) == 12
        engine.forget()
        assert engine.find(ids) == {}

    work(place, play, body)
    assert sorted(done) == list(range(1, 13))
    assert most <= 4


def test_a_retried_item_is_a_new_run_and_a_forgotten_one_too(place: Path | DatabaseAddress) -> None:
    done: list[int] = []

    async def body(batch: str, n: int) -> None:
        done.append(n)

    async def play(engine: Engine) -> None:
        for expected, tries in ((1, 0), (2, 1)):
            engine.plan([("b-1", 1, tries)], NOW)
            await eventually(lambda expected=expected: len(done) == expected)
        last = identity("b-1", 1, 1)
        await eventually(lambda: engine.find([last])[last].where is Where.OVER)
        engine.forget([last])
        engine.plan([("b-1", 1, 1)], NOW)
        await eventually(lambda: len(done) == 3)

    work(place, play, body)


def test_what_a_worker_had_taken_is_taken_up_by_the_next_before_anything_new(
    tmp_path: Path,
) -> None:
    place, begun, done = tmp_path / "batch.db", [], []

    async def stay(batch: str, n: int) -> None:
        begun.append(n)
        await asyncio.get_running_loop().create_future()

    async def kill(engine: Engine) -> None:
        engine.plan([("b-1", n, 0) for n in (7, 8)], NOW)
        await eventually(lambda: len(begun) == 2)
        engine.plan([("b-0", n, 0) for n in (1, 2)], NOW + 60)
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def body(batch: str, n: int) -> None:
        done.append(n)

    async def play(_: Engine) -> None:
        await eventually(lambda: len(done) == 4)

    work(place, kill, stay, concurrency=2)
    work(place, play, body, concurrency=1)
    assert set(done[:2]) == {7, 8}
    assert done[2:] == [1, 2]


def test_a_dead_workers_items_are_put_back_for_others(place: Path | DatabaseAddress) -> None:
    done: list[int] = []

    async def play(engine: Engine) -> None:
        engine.plan([("b-1", 1, 0)], NOW)
        await eventually(lambda: done == [1])
        assert engine.find([identity("b-1", 1, 0)])[identity("b-1", 1, 0)] == Delivery(
            Where.TAKEN, executor(place)
        )
        assert engine.take_over("somebody-else") == 0
        assert engine.take_over(executor(place)) == 1
        await eventually(lambda: done == [1, 1])

    async def body(batch: str, n: int) -> None:
        done.append(n)
        if len(done) == 1:
            await asyncio.get_running_loop().create_future()

    work(place, play, body)


def test_orphans_are_taken_up_although_every_place_is_taken_by_an_item_that_waits(
    place: Path | DatabaseAddress,
) -> None:
    begun: list[int] = []

    async def play(engine: Engine) -> None:
        engine.plan([("b-1", n, 0) for n in (1, 2)], NOW)
        await eventually(lambda: len(begun) == 2)
        assert engine.take_over(executor(place)) == 2
        await eventually(lambda: sorted(begun) == [1, 1, 2, 2])

    async def body(batch: str, n: int) -> None:
        begun.append(n)
        await asyncio.get_running_loop().create_future()

    async def stopped(engine: Engine) -> None:
        try:
            await play(engine)
        finally:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    work(place, stopped, body, concurrency=2)
    assert sorted(begun) == [1, 1, 2, 2]


def test_a_transaction_of_a_stopped_worker_ends_soon_and_no_url_has_the_password(
    postgresql: str,
) -> None:
    engine = Engine(located(postgresql), "worker-1")  # type: ignore[arg-type]
    made = engine._database()
    with made.begin() as connection:
        for name in ("idle_in_transaction_session_timeout", "lock_timeout"):
            assert connection.exec_driver_sql(f"SHOW {name}").scalar() == "10s"
    assert "planted" not in made.url.render_as_string(hide_password=False)
    engine.close()


def test_one_process_works_on_a_file_at_a_time_and_is_named_to_others(tmp_path: Path) -> None:
    engine = Engine(tmp_path / "batch.db", "worker-1")
    try:
        code = (
            "import sys; from pathlib import Path; from motionkit.batch.engine import Engine\n"
            "Engine(Path(sys.argv[1]), 'worker-2')"
        )
        told = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "batch.db")],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert "works on the batches of this journal" in told.stderr
        assert "(pid " in told.stderr
    finally:
        engine.close()
    Engine(tmp_path / "batch.db", "worker-3").close()


def test_the_queue_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    Engine(tmp_path / "batch.db", "worker-1").close()
    assert (tmp_path / "batch.db").stat().st_mode & 0o777 == 0o600


def test_a_queue_that_cannot_be_opened_is_a_journal_error(tmp_path: Path) -> None:
    (tmp_path / "batch.db").mkdir()
    with pytest.raises(JournalError, match=r"cannot open .*batch\.db"):
        Engine(tmp_path / "batch.db", "worker-1")


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="batches need dbos and fsspec") as caught:
        queue.require()
    assert "motionkit[batch]" in str(caught.value.hint)


def test_the_queue_lies_beside_its_journal() -> None:
    assert queue.embedded(Path("/s/journal.db")) == Path("/s/batch.db")
    assert queue.embedded(Path("/s/other.db")) == Path("/s/other-batch.db")


def test_dbos_writes_nothing_to_the_terminal_and_opens_no_port(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    done = []

    async def body(batch: str, n: int) -> None:
        done.append(n)

    async def play(engine: Engine) -> None:
        engine.plan([("b-1", 1, 0)], NOW)
        await eventually(lambda: done)

    before = threading.active_count()
    with caplog.at_level(logging.INFO, "motionkit"):
        work(tmp_path / "batch.db", play, body)
    assert capfd.readouterr() == ("", "")
    assert [one.message for one in caplog.records if one.name == "motionkit"] == []
    assert threading.active_count() - before < 30


def test_a_process_that_runs_dbos_itself_is_no_worker(tmp_path: Path) -> None:
    own = {
        "name": "somebody-else",
        "system_database_url": f"sqlite:///{tmp_path / 'own.db'}",
        "log_level": "ERROR",
    }
    dbos.DBOS(config=own)
    try:
        for launch in (lambda: None, dbos.DBOS.launch):
            launch()
            with pytest.raises(ConfigError, match="runs DBOS for something else"):
                work(tmp_path / "batch.db", _nothing, _idle)
    finally:
        dbos.DBOS.destroy(destroy_registry=True)


async def _nothing(_: Engine) -> None:
    """Play nothing."""


async def _idle(batch: str, n: int) -> None:
    """Do nothing."""
