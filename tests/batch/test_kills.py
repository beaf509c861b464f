"""Workers that die in the middle of anything lose no paid film, and buy none twice."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from farm import Farm, farm

pytest.importorskip("dbos")


def test_one_process_that_is_killed_and_run_again_makes_every_film_once(tmp_path: Path) -> None:
    with farm(tmp_path, tmp_path / "journal.db") as made:
        made.plan(12, 5)
        worker = made.start()
        made.reach(20)
        worker.send_signal(signal.SIGKILL)
        assert made.died(worker)
        assert made.finish(made.start()) == {"counts": {"done": 60}, "stopped": False}
        made.judge(60)


def _three_workers(made: Farm, total: int) -> None:
    """Let three workers do a batch, one of which dies in a submit and one in a wait."""
    submits = made.start(kill={"submit": 4})
    waits = made.start(kill={"wait": 6})
    lives = made.start()
    assert made.died(submits)
    assert made.died(waits)
    assert made.finish(lives)["counts"] == {"done": total}
    made.judge(total)


def test_of_three_workers_one_dies_in_a_submit_and_one_in_a_wait(
    tmp_path: Path, postgresql: str
) -> None:
    with farm(tmp_path, postgresql) as made:
        made.plan(12, 5)
        _three_workers(made, 60)
