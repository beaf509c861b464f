"""The engine's threads: as many as are needed, fair between accounts, over forks and closing."""

from __future__ import annotations

import itertools
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue

import pytest
from engine_support import Vendor, numbered, together
from patience import PATIENCE, until
from support import Clock, job

from motionkit.errors import WaitTimeout
from motionkit.model.job import Job, Result
from motionkit.polling import engine as engines
from motionkit.polling import queue
from motionkit.polling.engine import Engine
from motionkit.polling.queue import LEAST, MOST, AccountQueue, PollQueue
from motionkit.polling.watch import Waiter, WatchedJob

# News from the journal.


@pytest.mark.parametrize("while_polling", [False, True])
def test_an_end_that_the_journal_saw_is_polled_for_at_once_and_not_when_planned(
    while_polling: bool,
) -> None:
    vendor = Vendor(time.monotonic, gaps=lambda *_: 1e6)
    seen = vendor.news["shop-0"] = threading.Event()
    engine = Engine(vendor)

    def begin(polled: Job) -> None:
        if polled.id == "shop-0" and not seen.is_set():
            vendor.ends["shop-0"] = 0.0  # from the next poll on
            seen.set()
            watched = engine._watched[polled.fingerprint, polled.id]
            if while_polling:
                until(lambda: watched.ended_meanwhile)

    vendor.before, vendor.ends["shop-0"] = begin, 1e12
    ended: SimpleQueue[Waiter] = SimpleQueue()
    engine.follow_all(numbered(2), 1e6, ended.put)
    assert isinstance(ended.get(timeout=PATIENCE).outcome, Result)
    assert len(vendor.times("shop-0")) == 2
    engine.close()


# Fairness and threads.


def due(account: str, number: int, moment: float = 0.0) -> WatchedJob:
    return WatchedJob(job(f"{account}-{number}", account=account), moment, 0.0, moment)


def test_accounts_take_turns() -> None:
    queue = PollQueue()
    for account, number in (("big", 1000), ("small", 2)):
        for n in range(number):
            queue.put(due(account, n))
    first = [queue.take(0.0) for _ in range(4)]
    assert [p.job.account for p in first if p] == ["big", "small", "big", "small"]


def test_an_account_at_its_limit_blocks_no_other() -> None:
    queue = PollQueue()
    for n in range(10):
        queue.put(due("stuck", n))
    for _ in range(LEAST):
        assert queue.take(0.0) is not None
    assert queue.take(0.0) is None
    queue.put(due("other", 1))
    other = queue.take(0.0)
    assert other is not None
    assert other.job.account == "other"
    queue.account("stuck").done(1.0, None, 0.0)
    assert queue.take(0.0) is not None


def test_polls_that_hang_hold_up_no_other_job() -> None:
    queue = PollQueue()
    for n in range(MOST + 1):
        queue.put(due("stuck", n))
    for _ in range(LEAST):
        assert queue.take(0.0) is not None
    assert queue.first == 0.5
    assert queue.take(0.4) is None
    for moment in itertools.count(1):
        if not any(queue.take(0.5 * moment) for _ in range(LEAST)):
            break
        assert queue.running <= MOST
    assert queue.running == MOST
    assert queue.first is None


def test_a_poll_may_take_what_polls_take_and_ten_seconds_at_most() -> None:
    line = AccountQueue()
    assert line.patience == 10.0
    for seconds, patience in ((0.01, 2.0), (0.2, 4.0), (3.0, 10.0)):
        line.started.append(0.0)
        line.done(1.0, seconds, 0.0)
        assert line.patience == patience


def test_what_is_not_due_is_not_taken() -> None:
    queue = PollQueue()
    queue.put(due("a", 1, 5.0))
    assert queue.take(4.9) is None
    assert queue.first == 5.0
    assert queue.take(5.0) is not None


def test_a_new_entry_makes_the_old_one_void() -> None:
    queue = PollQueue()
    one = due("a", 1, 5.0)
    queue.put(one)
    one.due = 2.0
    queue.put(one)
    assert queue.take(2.0) is one
    assert queue.take(9.0) is None
    queue.put(one)
    queue.drop(one)
    assert queue.first is None


@pytest.mark.parametrize(
    ("seconds", "rate", "least", "most"),
    [
        (0.001, 500.0, LEAST, LEAST),
        (0.1, 550.0, 55, MOST),
        (0.1, 30.0, LEAST, 8),
        (10.0, 1000.0, MOST, MOST),
    ],
)
def test_as_many_polls_are_allowed_as_are_under_way(
    seconds: float, rate: float, least: int, most: int
) -> None:
    line = AccountQueue()
    for n in range(400):
        line.started.append(0.0)
        line.done(n / rate, seconds, 0.0)
    assert least <= line.limit <= most


def test_threads_that_hinder_each_other_are_not_made_more() -> None:
    line = AccountQueue()
    for n in range(400):
        line.started.append(0.0)
        line.done(n / 1000, 0.001 if n % 20 == 0 else 0.05, 0.0)
    assert line.limit == LEAST


def test_unanswered_polls_allow_no_more() -> None:
    line = AccountQueue()
    for n in range(400):
        line.started.append(0.0)
        line.done(float(n), None, 0.0)
    assert line.limit == LEAST
    assert line.running == 0


def test_a_pause_for_the_rate_limit_is_no_answered_poll(
    vendor: Vendor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[float | None] = []
    done = AccountQueue.done

    def note(line: AccountQueue, now: float, seconds: float | None, started: float) -> None:
        told.append(seconds)
        done(line, now, seconds, started)

    monkeypatch.setattr(AccountQueue, "done", note)
    pauses = iter([5.0, 5.0, 0.0])
    vendor.before = lambda _: clock.sleep(0.25)
    vendor.ends["shop-0"] = 0.0
    vendor.pause = lambda _: next(pauses)
    together(Engine(vendor, clock=clock, sleep=clock.sleep), numbered(1))
    assert told == [None, None, 0.25]


@pytest.fixture
def real() -> Iterator[Callable[[Vendor], Engine]]:
    """Make engines on the real clock."""
    made: list[Engine] = []

    def make(vendor: Vendor) -> Engine:
        made.append(Engine(vendor))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_thread_that_breaks_lets_another_do_its_work(
    real: Callable[[Vendor], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken: list[str] = []

    class Breaking(Vendor):
        def ended(self, jobs: Sequence[Job]) -> list[Job]:
            if not broken:
                broken.append("once")
                raise RuntimeError("a bug")
            return []

    vendor = Breaking(time.monotonic, gaps=lambda _age, _among: 0.01)
    engine = real(vendor)
    monkeypatch.setattr(engines, "NEWS_EVERY", 0.0)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    engine._news_due = 0.0
    vendor.ends |= {"shop-0": 0.0, "shop-1": 0.0}
    first = engine.follow(numbered(2)[0], PATIENCE, lambda _: None)
    until(lambda: broken == ["once"])
    until(lambda: not engine._threads)
    second: SimpleQueue[Waiter] = SimpleQueue()
    engine.follow(numbered(2)[1], PATIENCE, second.put)
    assert isinstance(second.get(timeout=PATIENCE).outcome, Result)
    until(lambda: isinstance(first.outcome, Result))


def test_a_vendor_stuck_in_connect_delays_no_other(
    real: Callable[[Vendor], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    # However long the quick ones take: no stuck poll counts as hung and makes room for another.
    monkeypatch.setattr(queue, "_HANGS", PATIENCE)
    release = threading.Event()

    def connect(one: Job) -> None:
        if one.account == "stuck":
            release.wait(PATIENCE)

    vendor = Vendor(time.monotonic, gaps=lambda *_: 0.001, before=connect)
    vendor.ends = {one.id: 0.0 for one in numbered(40, "quick")}
    engine = real(vendor)
    stuck: SimpleQueue[Waiter] = SimpleQueue()
    for one in numbered(40, "stuck"):
        engine.follow(one, 900.0, stuck.put)
    ended = together(engine, numbered(40, "quick"))
    assert all(isinstance(ending, Result) for _, ending in ended)
    assert stuck.empty()
    assert len(engine._threads) <= LEAST + LEAST + 1
    release.set()


def test_closing_ends_waits_while_polls_are_under_way(
    real: Callable[[Vendor], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "LAST_CALLS", 0.05)
    release, looking = threading.Event(), threading.Event()

    def hang(_: Job) -> None:
        looking.set()
        release.wait(PATIENCE)

    engine = real(Vendor(time.monotonic, before=hang))
    told: SimpleQueue[Waiter] = SimpleQueue()
    for one in numbered(20):
        engine.follow(one, 900.0, told.put)
    assert looking.wait(PATIENCE)
    engine.close()
    endings = [told.get(timeout=PATIENCE).outcome for _ in range(20)]
    assert all(isinstance(ending, WaitTimeout) for ending in endings)
    assert "closed" in str(endings[0])
    release.set()
    with pytest.raises(WaitTimeout):
        engine.wait(numbered(1)[0], 900.0)


def test_closing_ends_a_wait_in_another_thread(
    real: Callable[[Vendor], Engine],
) -> None:
    engine = real(Vendor(time.monotonic, gaps=lambda *_: 3600.0))
    looked = threading.Event()
    ended: SimpleQueue[str] = SimpleQueue()

    def wait() -> None:
        try:
            engine.wait(numbered(1)[0], 900.0, lambda *_: looked.set())
        except WaitTimeout as error:
            ended.put(str(error))

    threading.Thread(target=wait, daemon=True).start()
    assert looked.wait(PATIENCE)
    engine.close()
    assert "closed" in ended.get(timeout=PATIENCE)


def test_after_a_close_nobody_is_left_waiting(engine: Engine) -> None:
    engine.close()
    told: list[Waiter] = []
    engine.follow(numbered(1)[0], 900.0, told.append)
    assert isinstance(told[0].outcome, WaitTimeout)


def test_threads_without_work_end(
    real: Callable[[Vendor], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "REST", 0.01)
    vendor = Vendor(time.monotonic, gaps=lambda *_: 0.001)
    vendor.ends = {one.id: 0.0 for one in numbered(40)}
    engine = real(vendor)
    together(engine, numbered(40))
    for thread in list(engine._threads):
        thread.join(PATIENCE)
    assert not engine._threads
    together(engine, numbered(40))  # and come back


# Clocks and forks.


def test_the_wall_clock_may_jump(
    engine: Engine, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.ends["shop-0"] = 1015.0
    jumps = iter(range(0, 10**9, 86_400))
    monkeypatch.setattr(time, "time", lambda: float(next(jumps)))
    engine.wait(numbered(1)[0], 900)
    assert vendor.times("shop-0") == [1000.0, 1010.0, 1020.0]


def test_after_a_suspend_every_job_is_polled_once_before_any_is_given_up(
    engine: Engine, vendor: Vendor, clock: Clock
) -> None:
    def suspend(_: Job) -> None:
        if len(vendor.polls) == 3:
            clock.now += 36_000

    vendor.before = suspend
    vendor.ends = {one.id: 20_000.0 for one in numbered(3)}
    ended = together(engine, numbered(3), limit=900.0)
    kinds = sorted(type(ending).__name__ for _, ending in ended)
    assert kinds == ["Result", "Result", "WaitTimeout"]


def test_a_forked_child_starts_with_an_engine_of_its_own(
    real: Callable[[Vendor], Engine],
) -> None:
    vendor = Vendor(time.monotonic, gaps=lambda *_: 0.01)
    engine = real(vendor)
    told: SimpleQueue[Waiter] = SimpleQueue()
    engine.follow(numbered(1)[0], 900.0, told.put)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, from 3.12
        child = os.fork()
    if child == 0:
        inherited = told.get(timeout=PATIENCE)
        vendor.ends["shop-1"] = 0.0
        ended = together(engine, numbered(2)[1:])
        good = isinstance(inherited.outcome, WaitTimeout) and isinstance(ended[0][1], Result)
        os._exit(0 if good else 1)
    _, code = os.waitpid(child, 0)
    assert code == 0
    assert told.empty()
    vendor.ends["shop-0"] = 0.0
    assert isinstance(told.get(timeout=PATIENCE).outcome, Result)
