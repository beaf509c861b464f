"""Calls a minute: never one more than allowed, and spent well."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from queue import SimpleQueue

import attrs
import pytest
from engine_support import Vendor, numbered
from patience import PATIENCE
from support import Clock

from motionkit.http.rate_limit import RateLimiter
from motionkit.model.job import Job, Result
from motionkit.polling import schedule
from motionkit.polling.engine import Engine
from motionkit.polling.watch import Waiter


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


def most_in_a_minute(calls: list[float]) -> int:
    return max(sum(start <= call < start + 60.0 - 1e-6 for call in calls) for start in calls)


@pytest.mark.parametrize("rpm", [1, 2, 5, 60])
def test_no_minute_has_more_calls_than_allowed(clock: Clock, rpm: int) -> None:
    limiter = RateLimiter(rpm, clock, clock.sleep)
    calls = []
    for n in range(rpm * 6):
        clock.sleep(0.37 * (n % 3))
        with limiter.call():
            calls.append(clock())
    assert most_in_a_minute(calls) == rpm
    assert calls[-1] - calls[0] <= 60.0 * 6


def test_what_was_taken_and_not_used_is_given_back(clock: Clock) -> None:
    limiter = RateLimiter(2, clock, clock.sleep)
    assert limiter.acquire(2) == 0.0
    with limiter.call():
        pass
    assert limiter.acquire() > 0
    limiter.release()
    assert limiter.acquire() == 0.0
    assert limiter.acquire() == pytest.approx(60.0)


def test_what_was_taken_too_long_ago_is_taken_anew(clock: Clock) -> None:
    limiter = RateLimiter(1, clock, clock.sleep)
    assert limiter.acquire() == 0.0
    clock.sleep(100.0)
    with limiter.call():
        pass
    assert limiter.acquire() == pytest.approx(60.0)


def test_what_was_taken_a_moment_less_than_a_minute_ago_is_still_this_threads(
    clock: Clock,
) -> None:
    limiter = RateLimiter(1, clock, clock.sleep)
    assert limiter.acquire() == 0.0
    clock.sleep(60.0 - 5e-10)
    others: list[float] = []
    thread = threading.Thread(target=lambda: others.append(limiter.acquire()))
    thread.start()
    thread.join(PATIENCE)
    with limiter.call():
        pass
    assert len(others) == 1
    assert others[0] > 0.0


def test_what_was_taken_a_minute_ago_may_be_another_threads_by_now(clock: Clock) -> None:
    limiter = RateLimiter(1, clock, clock.sleep)
    assert limiter.acquire() == 0.0
    clock.sleep(60.0)
    thread = threading.Thread(target=limiter.wait)
    thread.start()
    thread.join(PATIENCE)
    began = clock()
    with limiter.call():
        assert clock() - began == pytest.approx(60.0)


def test_a_calls_minute_begins_with_its_answer(clock: Clock) -> None:
    limiter = RateLimiter(1, clock, clock.sleep)
    with limiter.call():
        clock.sleep(7.0)  # it arrives at some moment of these
    assert limiter.acquire() == pytest.approx(60.0)


def test_a_call_of_minutes_is_counted_when_it_comes_back(clock: Clock) -> None:
    limiter = RateLimiter(1, clock, clock.sleep)
    with limiter.call():
        clock.sleep(300.0)
    assert limiter.acquire() == pytest.approx(60.0)


def test_more_calls_than_a_minute_has_are_as_many_as_it_has(clock: Clock) -> None:
    assert RateLimiter(1, clock, clock.sleep).acquire(2) == 0.0


@attrs.define
class Limited:
    """An account whose polls take calls of a minute.

    Attributes:
        calls: The moment of each.
    """

    clock: Clock
    rpm: int
    number: int = 1
    calls: list[float] = attrs.field(factory=list)
    ended: dict[str, float] = attrs.field(factory=dict)

    def follow(self, jobs: Sequence[Job], seconds: float) -> dict[str, float]:
        """Return how late each job's end was noticed; all last so many seconds."""
        limiter = RateLimiter(self.rpm, self.clock, self.clock.sleep)
        vendor = Vendor(self.clock)
        vendor.ends = {one.id: self.clock() + seconds for one in jobs}

        def call(one: Job) -> None:
            done = self.clock() >= vendor.ends[one.id]
            for _ in range(self.number if done else 1):
                with limiter.call():
                    self.calls.append(self.clock())

        def gap(age: float, among: int) -> float:
            share = limiter.share(among, self.number)
            plan = schedule.plan(schedule.estimate(132.6), 2.0, share=share)
            return plan.after(age) - age

        vendor.before = call
        vendor.gaps = gap  # as a client's observer has it
        vendor.pause = lambda _: limiter.acquire(self.number)
        vendor.released = lambda _: limiter.release()
        engine = Engine(
            vendor,
            clock=self.clock,
            sleep=self.clock.sleep,
            spread=lambda: 0.5,
        )
        late: dict[str, float] = {}
        ended: SimpleQueue[Waiter] = SimpleQueue()

        def tell(waiter: Waiter) -> None:
            late[waiter.job.id] = self.clock() - vendor.ends[waiter.job.id]
            ended.put(waiter)

        engine.follow_all(jobs, 3600.0, tell)
        for _ in jobs:
            assert isinstance(ended.get(timeout=PATIENCE).outcome, Result)
        engine.close()
        return late


@pytest.mark.parametrize("seconds", [80.0, 100.0, 117.0, 132.0, 140.0, 171.0])
def test_one_job_at_five_calls_a_minute_is_noticed_within_fifteen_seconds(
    clock: Clock, seconds: float
) -> None:
    account = Limited(clock, rpm=5)
    (late,) = account.follow(numbered(1), seconds).values()
    assert late <= 15.0
    assert most_in_a_minute(account.calls) <= 5


@pytest.mark.parametrize("seconds", [80.0, 100.0, 117.0, 132.0, 140.0, 171.0])
def test_where_the_end_takes_a_second_call_there_is_one_left(clock: Clock, seconds: float) -> None:
    account = Limited(clock, rpm=5, number=2)
    (late,) = account.follow(numbered(1), seconds).values()
    assert late <= 15.0 + 1e-6
    assert most_in_a_minute(account.calls) <= 5


@pytest.mark.parametrize(("number", "jobs"), [(1, 5), (2, 5), (1, 30)])
def test_many_jobs_at_five_calls_a_minute_never_exceed_them(
    clock: Clock, number: int, jobs: int
) -> None:
    account = Limited(clock, rpm=5, number=number)
    late = account.follow(numbered(jobs), 132.0)
    assert most_in_a_minute(account.calls) <= 5
    assert max(late.values()) <= jobs * number * 12.1 + 61
