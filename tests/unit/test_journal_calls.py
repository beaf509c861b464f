"""Calls a minute over several processes: exactly as many as allowed."""

from __future__ import annotations

import json
import logging
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from patience import PATIENCE
from support import Clock

from motionkit.http.rate_limit import ALONE, WINDOW, RateLimiter
from motionkit.journal import Journal
from motionkit.journal.calls import CallsFile

FINGERPRINT = "f" * 16


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


class Machine:
    """Limiters of several clients with one journal, each on a connection of its own."""

    def __init__(self, place: Path | str, clock: Clock) -> None:
        self.place = place
        self.clock = clock
        self.journals: list[Journal] = []

    @property
    def file(self) -> Path:
        assert isinstance(self.place, Path)
        return self.place.with_name("journal.db-calls")

    def files(self) -> list[Path]:
        return list(self.file.parent.glob("journal.db-calls*"))

    def limiter(self, rpm: int, fingerprint: str = FINGERPRINT) -> RateLimiter:
        journal = Journal(self.place)
        self.journals.append(journal)
        limiter = RateLimiter(rpm, self.clock, self.clock.sleep)
        limiter.shared = journal.calls(fingerprint, WINDOW, self.clock)
        return limiter

    def close(self) -> None:
        for journal in self.journals:
            journal.close()


@pytest.fixture
def machine(database: Path | str, clock: Clock) -> Iterator[Machine]:
    """Give the clients of one journal, on either database."""
    made = Machine(database, clock)
    yield made
    made.close()


@pytest.fixture
def local(tmp_path: Path, clock: Clock) -> Iterator[Machine]:
    """Give the clients of a journal in a file."""
    made = Machine(tmp_path / "journal.db", clock)
    yield made
    made.close()


def most_in_a_minute(calls: Sequence[float]) -> int:
    return max(sum(start <= call < start + 60.0 - 1e-6 for call in calls) for start in calls)


@pytest.mark.parametrize("rpm", [1, 2, 5, 60])
def test_no_minute_has_more_calls_than_allowed_whoever_makes_them(
    machine: Machine, clock: Clock, rpm: int
) -> None:
    limiters = [machine.limiter(rpm) for _ in range(3)]
    chance = random.Random(rpm)  # noqa: S311
    calls = []
    for n in range(rpm * 6):
        clock.sleep(0.37 * (n % 3))
        with chance.choice(limiters).call():
            calls.append(clock())
            clock.sleep(chance.random())
    assert most_in_a_minute(calls) == rpm


def test_accounts_do_not_count_each_others_calls(machine: Machine) -> None:
    assert machine.limiter(1).acquire() == 0.0
    assert machine.limiter(1, "e" * 16).acquire() == 0.0


def test_a_wait_ends_when_the_other_processs_oldest_call_is_a_minute_old(
    machine: Machine, clock: Clock
) -> None:
    one, other = machine.limiter(2), machine.limiter(2)
    with one.call():
        clock.sleep(7.0)  # its minute begins with its response
    clock.sleep(3.0)
    with other.call():
        pass
    assert one.acquire() == pytest.approx(57.0)
    assert other.acquire(2) == pytest.approx(60.0)


def test_what_one_process_gives_back_another_may_take(machine: Machine) -> None:
    one, other = machine.limiter(2), machine.limiter(2)
    assert one.acquire(2) == 0.0
    assert other.acquire() > 0.0
    one.release()
    assert other.acquire(2) == 0.0


def test_a_call_reserved_a_minute_ago_may_be_another_processs_by_now(
    machine: Machine, clock: Clock
) -> None:
    one, other = machine.limiter(1), machine.limiter(1)
    assert one.acquire() == 0.0
    clock.sleep(60.0)
    assert other.acquire() == 0.0
    began = clock()
    with one.call():
        assert clock() - began == pytest.approx(60.0)


def test_a_call_reserved_half_a_minute_ago_counts_from_its_start(
    machine: Machine, clock: Clock
) -> None:
    one, other = machine.limiter(1), machine.limiter(1)
    assert one.acquire() == 0.0
    clock.sleep(30.0)
    with one.call():
        clock.sleep(40.0)
        assert other.acquire() == pytest.approx(20.0)


def test_a_call_of_minutes_is_counted_for_all_when_it_comes_back(
    machine: Machine, clock: Clock
) -> None:
    one, other = machine.limiter(1), machine.limiter(1)
    with one.call():
        clock.sleep(300.0)
        assert other.acquire() == 0.0, "nobody knows that it is on its way"
    assert machine.limiter(2).acquire() == pytest.approx(60.0), "both count"


def test_a_call_that_ends_late_changes_no_other_calls_row(machine: Machine, clock: Clock) -> None:
    one, other = machine.limiter(1), machine.limiter(1)
    with one.call():
        clock.sleep(61.0)
        assert other.acquire() == 0.0
        clock.sleep(30.0)
    # The other's call counts from its own start, and this one from its end.
    assert machine.limiter(2).acquire() == pytest.approx(30.0)


def test_after_the_clock_was_set_back_a_call_waits_no_longer_than_a_minute(
    machine: Machine, clock: Clock
) -> None:
    assert machine.limiter(1).acquire() == 0.0
    clock.now = 10.0  # another boot
    assert machine.limiter(1).acquire() == pytest.approx(60.0)


def test_a_journal_in_memory_counts_in_memory() -> None:
    assert Journal(None).calls(FINGERPRINT, WINDOW, time.monotonic) is None


# What happens to the file.


def test_the_file_is_its_owners_alone_and_beside_the_journal(local: Machine) -> None:
    local.limiter(1).wait()
    assert local.file.stat().st_mode & 0o777 == 0o600


def test_an_account_without_a_limit_makes_no_file(local: Machine) -> None:
    local.limiter(1)
    assert not local.file.exists()


def test_a_file_that_is_deleted_is_made_again_and_shared_again(local: Machine) -> None:
    one, other = local.limiter(2), local.limiter(2)
    one.wait()
    other.wait()
    for path in local.files():
        path.unlink()
    assert local.limiter(2).acquire(2) == 0.0
    assert local.limiter(2).acquire() > 0.0
    assert local.file.exists()


def test_a_damaged_file_is_replaced(local: Machine, caplog: pytest.LogCaptureFixture) -> None:
    local.file.write_bytes(b"this is no database" * 100)
    one, other = local.limiter(1), local.limiter(1)
    assert one.acquire() == 0.0
    assert other.acquire() > 0.0
    assert caplog.messages == []


def test_without_the_file_the_limit_holds_within_the_process_and_is_told_once(
    local: Machine, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    local.file.mkdir()
    limiter = local.limiter(2)
    calls = []
    for _ in range(8):
        with limiter.call():
            calls.append(clock())
    assert most_in_a_minute(calls) == 2
    warned = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert len(warned) == 1
    assert "rpm = 2 holds within this process only" in warned[0].getMessage()

    local.file.rmdir()
    clock.sleep(WINDOW + ALONE)
    assert limiter.acquire(2) == 0.0
    assert local.limiter(2).acquire() > 0.0, "it counts for all again"


def test_a_call_whose_count_fails_at_its_end_keeps_its_answer(local: Machine) -> None:
    limiter = local.limiter(1)
    with limiter.call():
        for path in local.files():
            path.unlink()
        local.file.mkdir()


def test_a_child_does_not_make_the_calls_that_its_parent_reserved(
    machine: Machine, clock: Clock
) -> None:
    limiter = machine.limiter(1)
    assert limiter.acquire() == 0.0
    child = os.fork()
    if child == 0:
        began = clock()
        with limiter.call():
            os._exit(0 if clock() - began == pytest.approx(60.0) else 1)
    assert os.waitpid(child, 0)[1] == 0
    began = clock()
    with limiter.call():
        assert clock() == began


# Several processes.

TAKER = """
import sys
from motionkit.journal import Journal
place, limit, tries = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
calls = Journal(place).calls("f" * 16, 60.0, lambda: 1000.0)
sys.stdin.readline()
print(sum(bool(calls.take(1, limit)[1]) for _ in range(tries)), flush=True)
"""


def test_three_processes_at_once_take_exactly_as_many_calls_as_there_are(
    database: Path | str,
) -> None:
    takers = [
        subprocess.Popen(
            [sys.executable, "-c", TAKER, str(database), "97", "60"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for one in takers:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    taken = [int(one.communicate(timeout=PATIENCE)[0]) for one in takers]
    assert sum(taken) == 97
    assert max(taken) <= 60


CALLER = """
import json, sys, threading, time
from motionkit.http.rate_limit import WINDOW, RateLimiter
from motionkit.journal import Journal
place, rpm, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
limiter = RateLimiter(rpm)
limiter.shared = Journal(place).calls("f" * 16, WINDOW, time.monotonic)
until, arrived = time.monotonic() + seconds, []
def call():
    while time.monotonic() < until:
        if limiter.acquire():
            time.sleep(0.05)
            continue
        with limiter.call():
            time.sleep(0.003)
            arrived.append(time.monotonic())
            time.sleep(0.003)
threads = [threading.Thread(target=call) for _ in range(4)]
[one.start() for one in threads]
[one.join() for one in threads]
print(json.dumps(arrived))
"""


@pytest.mark.soak
def test_three_processes_make_exactly_as_many_calls_in_any_minute(database: Path | str) -> None:
    callers = [
        subprocess.Popen(
            [sys.executable, "-c", CALLER, str(database), "100", "150"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    calls = sorted(at for one in callers for at in json.loads(one.communicate(timeout=600)[0]))
    assert most_in_a_minute(calls) == 100
    assert len(calls) == 300


def test_the_table_is_never_synced_to_the_disk(tmp_path: Path) -> None:
    with CallsFile(tmp_path / "journal.db").writing() as db:
        assert db.execute("PRAGMA synchronous").fetchone()[0] == 0
