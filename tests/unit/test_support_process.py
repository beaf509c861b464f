"""Moments: how much time has passed, where two clocks agree on it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from motionkit._support import process
from motionkit._support.process import Moment

EARLIER = Moment(wall=1_000.0, uptime=50.0, boot="b1")


@pytest.mark.parametrize(
    ("later", "passed"),
    [
        (Moment(1_030.0, 80.0, "b1"), 30.0),
        (Moment(1_031.5, 80.0, "b1"), 31.5),
        (Moment(1_028.5, 80.0, "b1"), 30.0),
        (Moment(1_032.1, 80.0, "b1"), None),
        (Moment(1_027.9, 80.0, "b1"), None),
        (Moment(1_030.0, 80.0, "b2"), None),
        (Moment(1_000.0, 49.9, "b1"), None),
        (Moment(4_630.0, 3_680.0, "b1"), 3_630.0),
    ],
)
def test_time_has_passed_where_both_clocks_of_one_boot_agree(
    later: Moment, passed: float | None
) -> None:
    assert later.since(EARLIER) == passed


def test_another_process_of_the_same_boot_counts_from_the_same_moment() -> None:
    before = process.moment()
    script = (
        "from motionkit._support.process import moment as now; m = now(); "
        "print(m.wall, m.uptime, m.boot)"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    ).stdout.split()
    between = Moment(float(told[0]), float(told[1]), told[2])
    first, second = between.since(before), process.moment().since(between)
    assert first is not None
    assert second is not None
    assert first > 0
    assert second > 0


def test_without_a_boot_id_each_process_stands_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "BOOT_ID", tmp_path / "missing")
    process._boot_id.cache_clear()
    try:
        mine = process.moment()
        assert process.moment().since(mine) is not None
        process._boot_id.cache_clear()  # as a second process would find it
        assert process.moment().since(mine) is None
    finally:
        process._boot_id.cache_clear()


def test_a_process_that_has_ended_is_not_alive() -> None:
    host = process.identity().rpartition(":")[0]
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert process.alive(f"{host}:{other.pid}")
        other.send_signal(signal.SIGKILL)
        other.wait(120)
    assert not process.alive(f"{host}:{other.pid}")
    assert not process.alive(f"{host}:{os.getpid()}"), "this process is not another one"
    assert process.alive("elsewhere:1")
