"""Heartbeats: who is dead, who may say so, and who takes over."""

from __future__ import annotations

import gc
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from patience import PATIENCE, until
from support import Clock, submission

from motionkit._support import process
from motionkit.errors import JournalError
from motionkit.journal import Attempt, Journal, NewPurchase
from motionkit.journal.workers import Workers

LEASE = 10.0
ELSEWHERE = "another machine"


@pytest.fixture
def journal(database: Path | str) -> Iterator[Journal]:
    with Journal(database) as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    """Return the database's clock."""
    return Clock(50_000.0)


@pytest.fixture
def judge(journal: Journal, clock: Clock) -> Workers:
    """Return this process, which has beaten for a whole lease."""
    made = Workers(journal.store, LEASE, clock)
    beat_for(made, clock, LEASE)
    return made


def beat_for(one: Workers, clock: Clock, seconds: float) -> None:
    """Beat as a heart does, and let the time pass in between."""
    one.beat()
    for _ in range(round(seconds / 2)):
        clock.now += 2.0
        one.beat()


def listed_elsewhere(
    journal: Journal, seen: float, name: str = "other", machine: str = ELSEWHERE, pid: int = 1
) -> str:
    """Write the heartbeat of another process."""
    journal.store.execute(
        "INSERT INTO workers (id, host, pid, machine, version, started, seen)"
        " VALUES (:id, 'web', :pid, :machine, '1', :seen, :seen)",
        {"id": name, "pid": pid, "machine": machine, "seen": seen},
    )
    return name


def names(workers: Workers) -> list[str]:
    return [one.id for one in workers.dead()]


# Who is dead.


def test_a_process_is_dead_when_its_beat_is_older_than_the_lease(
    journal: Journal, judge: Workers, clock: Clock
) -> None:
    other = listed_elsewhere(journal, clock.now)
    clock.now += 9.9
    judge.beat()
    beat_for(judge, clock, LEASE)
    journal.store.execute("UPDATE workers SET seen=:now WHERE id='other'", {"now": clock.now - 9.9})
    assert judge.alive(other)
    assert names(judge) == []
    journal.store.execute(
        "UPDATE workers SET seen=:now WHERE id='other'", {"now": clock.now - 10.1}
    )
    assert not judge.alive(other)
    assert names(judge) == [other]


def test_a_process_that_is_not_listed_is_dead(judge: Workers) -> None:
    assert not judge.alive("never heard of")


def test_this_process_is_not_another_one(judge: Workers, journal: Journal, clock: Clock) -> None:
    second = Workers(journal.store, LEASE, clock)
    second.beat()
    assert judge.id != second.id
    assert not judge.alive(judge.id)
    assert not judge.alive(second.id), "another client of this process"
    clock.now += 100.0
    beat_for(judge, clock, LEASE)
    assert names(judge) == []
    assert not judge.claim(second.id)


def test_a_beat_from_before_the_clock_was_set_back_keeps_nobody_alive(
    journal: Journal, judge: Workers, clock: Clock
) -> None:
    other = listed_elsewhere(journal, clock.now)
    clock.now -= 3600.0
    judge.beat()
    assert judge.alive(other), "nobody has beaten since"
    beat_for(judge, clock, LEASE)
    assert not judge.alive(other)


# Who may say so.


def test_who_has_not_beaten_for_a_whole_lease_calls_nobody_dead(
    journal: Journal, clock: Clock
) -> None:
    other = listed_elsewhere(journal, clock.now - 1000.0)
    fresh = Workers(journal.store, LEASE, clock)
    assert fresh.alive(other)
    beat_for(fresh, clock, LEASE - 2.0)
    assert fresh.alive(other)
    assert fresh.alive("not listed")
    assert fresh.dead() == []
    assert not fresh.claim(other)
    beat_for(fresh, clock, 2.0)
    assert not fresh.alive(other)


def test_after_an_outage_the_first_to_come_back_calls_nobody_dead(
    journal: Journal, judge: Workers, clock: Clock
) -> None:
    other = listed_elsewhere(journal, clock.now)
    clock.now += 45.0  # neither could beat
    assert judge.alive(other)
    judge.beat()
    assert judge.alive(other)
    assert judge.dead() == []
    beat_for(judge, clock, LEASE - 2.0)
    assert judge.alive(other)
    beat_for(judge, clock, 2.0)
    assert not judge.alive(other), "it had a lease to come back in"


def test_a_beat_that_comes_a_little_late_is_no_break(journal: Journal, clock: Clock) -> None:
    other = listed_elsewhere(journal, clock.now - 1000.0)
    one = Workers(journal.store, LEASE, clock)
    one.beat()
    for _ in range(3):
        clock.now += 4.0
        one.beat()
    assert not one.alive(other)


# On one machine.


def test_a_process_of_this_machine_is_dead_as_soon_as_it_has_ended(
    journal: Journal, clock: Clock
) -> None:
    one = Workers(journal.store, LEASE, clock)
    one.beat()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        other = listed_elsewhere(journal, clock.now, machine=process.machine(), pid=child.pid)
        assert one.alive(other)
        child.send_signal(signal.SIGKILL)
        child.wait(PATIENCE)
    assert not one.alive(other)
    assert names(one) == [other]
    assert one.claim(other)


def test_a_process_id_of_this_machine_means_nothing_in_another_container(
    journal: Journal, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = Workers(journal.store, LEASE, clock)
    one.beat()
    here = process.machine()
    monkeypatch.setattr(process, "PID_NAMESPACE", tmp_path)
    assert process.machine() != here
    other = listed_elsewhere(journal, clock.now, machine=here, pid=2**30)
    assert one.alive(other)


# Whose attempt it is.


def an_attempt(journal: Journal, **changes: Any) -> Attempt:
    new = NewPurchase(key="k1", request="r1", via="shop", description={})
    made = journal.intend(new, "a1", submission(), "f" * 16)
    return attrs.evolve(made, owner="elsewhere:1", **changes)


def test_on_a_shared_journal_an_attempts_process_is_known_by_its_heartbeat(
    journal: Journal, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = Workers(journal.store, LEASE, clock)
    monkeypatch.setattr(workers, "start", lambda: None)
    monkeypatch.setattr(journal, "workers", workers)
    beat_for(workers, clock, LEASE)
    attempt = an_attempt(journal, worker=listed_elsewhere(journal, clock.now))
    assert journal.alive(attempt)
    beat_for(workers, clock, LEASE + 2.0)
    assert journal.alive(attempt) is not journal.store.shared, "a file's processes share a machine"


def test_an_attempt_without_a_heartbeat_is_known_by_its_process_id(journal: Journal) -> None:
    attempt = an_attempt(journal, worker=None)
    assert journal.alive(attempt)
    assert not journal.alive(attrs.evolve(attempt, owner=process.identity()))


def test_who_asks_on_a_shared_journal_begins_to_beat(journal: Journal) -> None:
    assert not journal.workers.running
    attempt = an_attempt(journal, worker="other")
    journal.workers.stop()
    assert journal.alive(attempt)
    assert journal.workers.running is journal.store.shared


def test_a_closed_journal_is_not_listed(database: Path | str) -> None:
    with Journal(database) as first:
        first.workers.start()
    with Journal(database) as second:
        assert second.workers.listed() == []


# Who takes over.


def test_only_one_of_two_peers_takes_over(journal: Journal, judge: Workers, clock: Clock) -> None:
    peer = Workers(journal.store, LEASE, clock)
    other = listed_elsewhere(journal, clock.now - 1000.0)
    judge.beat()
    peer.beat()
    for _ in range(5):
        clock.now += 2.0
        judge.beat()
        peer.beat()
    assert names(judge) == names(peer) == [other]
    assert [judge.claim(other), peer.claim(other)] == [True, False]
    assert not peer.alive(other)
    assert names(peer) == []


def test_a_process_that_beats_again_meanwhile_is_not_claimed(
    journal: Journal, judge: Workers, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = listed_elsewhere(journal, clock.now - 1000.0)
    select = judge._select

    def slow(*asked: Any) -> Any:
        found = select(*asked)
        journal.store.execute("UPDATE workers SET seen=:now WHERE id='other'", {"now": clock.now})
        return found

    monkeypatch.setattr(judge, "_select", slow)
    assert not judge.claim(other)
    assert other in [one.id for one in judge.listed()]


def test_who_was_claimed_and_only_slept_is_listed_again(
    journal: Journal, judge: Workers, clock: Clock
) -> None:
    journal.store.execute("DELETE FROM workers WHERE id=:id", {"id": judge.id})
    judge.beat()
    assert [one.id for one in judge.listed()] == [judge.id]


CLAIMER = """
import sys
from motionkit.journal import Journal
from motionkit.journal.workers import Workers
now = [0.0]
one = Workers(Journal(sys.argv[1]).store, 10.0, lambda: now[0])
for moment in range(0, 12, 2):
    now[0] = 50_000.0 + moment
    one.beat()
sys.stdin.readline()
print(sum(one.claim(f"dead-{n}") for n in range(15)), flush=True)
"""


def test_three_processes_share_the_dead_between_them(
    journal: Journal, database: Path | str
) -> None:
    for number in range(15):
        listed_elsewhere(journal, 1000.0, f"dead-{number}")
    peers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMER, str(database)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for one in peers:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    assert sum(int(one.communicate(timeout=PATIENCE)[0]) for one in peers) == 15


# The heart.


def test_a_heart_beats_until_it_is_stopped_and_is_removed_then(journal: Journal) -> None:
    workers = Workers(journal.store, lease=0.05)
    workers.start()
    (first,) = workers.listed()
    assert (first.id, first.pid, first.host) == (workers.id, os.getpid(), process.host())
    until(lambda: workers.listed()[0].seen > first.seen)
    heart = workers._heart
    assert heart is not None
    workers.start()
    assert workers._heart is heart, "it has one"
    workers.stop()
    assert workers.listed() == []
    heart.join(PATIENCE)
    assert not heart.is_alive()
    assert workers.listed() == []


def test_a_heart_survives_any_error(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    workers = Workers(journal.store, lease=0.05)
    workers.start()
    failing = iter([JournalError("the database is away"), KeyError("odd"), RuntimeError("worse")])
    failed: list[BaseException] = []
    beat = Workers._beat

    def sometimes(self: Workers, *, first: bool = False) -> None:
        for error in failing:
            failed.append(error)
            raise error
        beat(self, first=first)

    with caplog.at_level(logging.WARNING, "motionkit"):
        monkeypatch.setattr(Workers, "_beat", sometimes)
        until(lambda: len(failed) == 3)
        last = workers.listed()[0].seen
        until(lambda: workers.listed()[0].seen > last)
    assert len(caplog.messages) == 1, "it is told once"
    workers.stop()


def test_a_start_whose_first_beat_fails_raises(journal: Journal) -> None:
    workers = Workers(journal.store, LEASE)
    journal.close()
    with pytest.raises(JournalError):
        workers.start()
    assert not workers.running


def test_a_client_that_is_dropped_without_closing_it_stops_beating(journal: Journal) -> None:
    workers = Workers(journal.store, lease=0.05)
    workers.start()
    heart = workers._heart
    assert heart is not None
    del workers
    gc.collect()
    heart.join(PATIENCE)
    assert not heart.is_alive()


def test_a_forked_child_is_another_worker_and_beats_when_it_begins_to(journal: Journal) -> None:
    workers = Workers(journal.store, lease=60.0)
    workers.start()
    parent = workers.id
    child = os.fork()
    if child == 0:
        bad = workers.id == parent or workers.running or not workers.alive(parent)
        workers.start()
        bad = bad or len(workers.listed()) != 2
        workers.stop()
        os._exit(bad)
    assert os.waitpid(child, 0)[1] == 0
    assert workers.running
    assert [one.id for one in workers.listed()] == [parent]
    workers.stop()


def test_processes_that_ended_long_ago_are_forgotten(journal: Journal, clock: Clock) -> None:
    listed_elsewhere(journal, clock.now - 25 * 3600.0, "old")
    listed_elsewhere(journal, clock.now - 3600.0, "new")
    workers = Workers(journal.store, LEASE, clock)
    workers.start()
    assert {one.id for one in workers.listed()} == {"new", workers.id}
    workers.stop()


def test_many_threads_start_one_heart(journal: Journal) -> None:
    workers = Workers(journal.store, lease=60.0)
    before = threading.active_count()
    threads = [threading.Thread(target=workers.start) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(PATIENCE)
    assert threading.active_count() == before + 1
    workers.stop()
