"""Workers in processes of their own: they stop cleanly, go on, and refuse what they must not do."""

from __future__ import annotations

import signal
from pathlib import Path

import attrs
import pytest
from farm import BATCH, Farm, farm
from patience import until

from motionkit.batch import worker as workers
from motionkit.batch.tables import Batches, BatchState
from motionkit.batch.worker import Worker, concurrency_of, healthy
from motionkit.client.client import Client
from motionkit.errors import BudgetExceeded, ConfigError, InvalidRequest

pytest.importorskip("dbos")


def jobs(made: Farm) -> int:
    """Count what the vendor has."""
    return len(made.account["jobs"])


def known(made: Farm) -> int:
    """Count what the journal has as accepted."""
    with Client(made.config()) as client:
        return sum(one.job is not None for one in client.jobs.list())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_worker_cleanly_and_the_next_run_goes_on(
    number: signal.Signals, tmp_path: Path
) -> None:
    with farm(tmp_path, tmp_path / "journal.db", job_seconds=240.0) as made:
        made.plan(4, 5)
        worker = made.start()
        until(lambda: known(made) >= 3)
        worker.send_signal(number)
        told = made.finish(worker)
        assert told["stopped"] is True
        assert told["counts"].get("running", 0) >= 3
        with Client(made.config()) as client:
            assert client._journal.workers.listed() == []
            assert not [one for one in client.jobs.list() if one.job is None]
        assert made.finish(made.start())["counts"] == {"done": 20}
        made.judge(20)


def test_a_second_signal_ends_the_process_at_once(tmp_path: Path) -> None:
    with farm(tmp_path, tmp_path / "journal.db") as made:
        made.sandbox.fault("hang:submit")
        made.plan(1, 1)
        worker = made.start()
        until(lambda: made.counts() == {"running": 1})
        worker.send_signal(signal.SIGINT)
        until(lambda: worker.poll() is not None or worker.send_signal(signal.SIGINT))
        assert worker.returncode == -signal.SIGINT


def test_a_queue_that_is_lost_costs_nothing(tmp_path: Path) -> None:
    with farm(tmp_path, tmp_path / "journal.db") as made:
        made.plan(2, 5)
        worker = made.start(concurrency=2)
        until(lambda: known(made) >= 2)
        worker.kill()
        assert made.died(worker)
        for path in tmp_path.glob("batch.db*"):
            path.unlink()
        assert made.finish(made.start())["counts"] == {"done": 10}
        made.judge(10)


def test_a_worker_for_one_batch_buys_nothing_for_another_one(tmp_path: Path) -> None:
    with farm(tmp_path, tmp_path / "journal.db") as made:
        made.plan(2, 2, batch="b-another1")
        worker = made.start(batch="b-another1", concurrency=1)
        until(lambda: known(made) >= 1)
        worker.kill()
        assert made.died(worker)
        before = made.counts("b-another1")
        made.plan(1, 2)
        assert made.finish(made.start())["counts"] == {"done": 2}
        after = made.counts("b-another1")
        assert after["planned"] == before["planned"]
        assert sum(after.values()) == 4


def test_a_batch_that_cannot_pay_ends_with_the_reason_and_its_items_planned(
    tmp_path: Path,
) -> None:
    with farm(tmp_path, tmp_path / "journal.db") as made:
        made.plan(1, 5, max_usd="0.00")
        ended = Worker(made.config(), batch=BATCH).run()
        assert ended.left == 5
        assert not ended.stopped
        assert isinstance(ended.halts["pixverse"], BudgetExceeded)
        assert jobs(made) == 0


def test_a_worker_refuses_a_batch_that_was_planned_with_another_key(tmp_path: Path) -> None:
    with farm(tmp_path, tmp_path / "journal.db") as made:
        made.plan(1, 1)
        with Client(made.config()) as client:
            client._journal.store.execute(
                "UPDATE batches SET accounts=:accounts", {"accounts": '{"pixverse": "another"}'}
            )
        with pytest.raises(ConfigError, match="has another key or base URL than batch"):
            Worker(made.config()).run()


def test_a_worker_buys_nothing_for_a_batch_whose_files_it_cannot_write(tmp_path: Path) -> None:
    with farm(tmp_path, tmp_path / "journal.db") as made:
        made.plan(1, 1)
        with Client(made.config()) as client:
            client._journal.store.execute(
                "UPDATE batches SET out=:out", {"out": "unheard-of://bucket/films"}
            )
        with pytest.raises(ConfigError, match=r"cannot write to .*: Protocol not known"):
            Worker(made.config()).run()
        assert made.counts() == {"planned": 1}


def test_a_worker_refuses_blocking_calls_with_a_shared_journal(
    tmp_path: Path, postgresql: str
) -> None:
    with farm(tmp_path, postgresql) as made:
        with made.config_file.open("a", encoding="utf-8") as stream:
            stream.write(
                '[accounts.segmind]\napi_key = "segmind-key-0123456789"\nmode = "sync"\n'
                f'base_url = "{made.sandbox.url}"\n'
            )
        with pytest.raises(ConfigError, match=r"mode = 'sync' keeps results on this machine"):
            Worker(made.config()).run()


def test_a_worker_says_at_once_what_it_cannot_work_with(tmp_path: Path) -> None:
    with farm(tmp_path, tmp_path / "journal.db") as made:
        config = made.config()
        with pytest.raises(ConfigError, match="batches need a journal"):
            Worker(attrs.evolve(config, journal=None))
        for wrong in (0, -1, True, 1.5):
            with pytest.raises(InvalidRequest, match="invalid value for concurrency"):
                Worker(config, concurrency=wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest, match="no batch matches"):
            Worker(config, batch="b-missing").run()
        assert concurrency_of(config) == 18  # 15 slots and a quarter
        unlimited = attrs.evolve(
            config.accounts["pixverse"],
            settings=attrs.evolve(config.accounts["pixverse"]._settings, max_concurrent=None),
        )
        config = attrs.evolve(config, accounts={"pixverse": unlimited})
        assert concurrency_of(config) == workers.MOST_CONCURRENCY


def test_a_machine_is_healthy_while_a_worker_beats_there(tmp_path: Path) -> None:
    with farm(tmp_path, tmp_path / "journal.db") as made:
        assert not healthy(made.config())
        worker = made.start(batch=None)
        until(lambda: healthy(made.config()))
        worker.kill()
        assert made.died(worker)
        assert not healthy(made.config())


def test_a_service_does_what_is_planned_later_and_ends_batches(tmp_path: Path) -> None:
    with farm(tmp_path, tmp_path / "journal.db") as made:
        worker = made.start(batch=None)
        until(lambda: healthy(made.config()))
        made.plan(2, 2)

        def state() -> BatchState:
            with Client(made.config()) as client:
                return Batches(client._journal.store).get(BATCH).state

        until(lambda: state() is BatchState.DONE)
        worker.send_signal(signal.SIGTERM)
        assert made.finish(worker) == {"counts": {}, "stopped": True}
        made.judge(4)


def test_a_batch_whose_planner_was_killed_is_left_when_the_rest_is_done(tmp_path: Path) -> None:
    with farm(tmp_path, tmp_path / "journal.db") as made:
        made.plan(1, 2)
        with Client(made.config()) as client:
            Batches(client._journal.store).extend(BATCH, total=9)
        patience = "from motionkit.batch import worker; worker.PLANNING = 0.5"
        assert made.finish(made.start(first=patience))["counts"] == {"done": 2}
        with Client(made.config()) as client:
            assert Batches(client._journal.store).get(BATCH).state is BatchState.PLANNING
