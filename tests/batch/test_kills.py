"""Workers that die in the middle of anything lose no paid film, and buy none twice."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest
from farm import Farm, farm
from postgres import Server

pytest.importorskip("dbos")

FROZEN = 45.0
"""Seconds for which a worker is stopped: others take over from it, and it comes back."""
OUTAGE = 5.0
"""Seconds without a database."""


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


@pytest.mark.soak
def test_three_workers_make_thirty_pictures_dance_five_dances_once_each(
    tmp_path: Path, postgresql: str
) -> None:
    with farm(tmp_path, postgresql, slots=40) as made:
        made.plan(30, 5)
        _three_workers(made, 150)


@pytest.mark.soak
def test_one_process_is_killed_twice_in_the_middle_of_150_rows(tmp_path: Path) -> None:
    with farm(tmp_path, tmp_path / "journal.db") as made:
        made.plan(30, 5)
        for done in (40, 90):
            worker = made.start()
            made.reach(done)
            worker.send_signal(signal.SIGKILL)
            assert made.died(worker)
        assert made.finish(made.start(), 900.0)["counts"] == {"done": 150}
        made.judge(150)


@pytest.mark.soak
def test_500_items_survive_three_hosts_that_die_and_freeze_and_a_database_that_crashes(
    tmp_path: Path, postgresql_server: Server
) -> None:
    with (
        postgresql_server.database() as address,
        farm(tmp_path, address, slots=20) as made,
    ):
        made.plan(100, 5)
        hosts = ("one", "two", "three")
        first = {host: made.start(host=host) for host in hosts}
        made.reach(40)
        first["one"].send_signal(signal.SIGKILL)
        assert made.died(first["one"])
        another = made.start(host="one", kill={"submit": 5})
        waits = made.start(host="four", kill={"wait": 5})
        assert made.died(another)
        assert made.died(waits)
        frozen = first["two"]
        frozen.send_signal(signal.SIGSTOP)
        threading.Event().wait(FROZEN)  # meant to expire
        frozen.send_signal(signal.SIGCONT)
        with postgresql_server.outage():
            threading.Event().wait(OUTAGE)  # meant to expire
        for host in ("two", "three"):
            assert made.finish(first[host], 900.0)["counts"] == {"done": 500}
        made.judge(500)
