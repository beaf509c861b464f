"""Helpers of the engine's tests: a vendor on a simulated clock, and the benches as modules."""

from __future__ import annotations

import importlib.util
import math
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import Any

import attrs
import pytest
from patience import PATIENCE
from support import Clock, job

from motionkit.model.job import Job, Output, Result, State, Status, utcnow
from motionkit.polling.engine import Engine
from motionkit.polling.watch import Waiter


@attrs.define
class Vendor:
    """Jobs that end when their time has come; every poll is recorded.

    Attributes:
        clock: The vendor's and the engine's.
        ends: Job id to the moment when it ends.
        gaps: Seconds until the next poll, by age and number of jobs followed.
        pause: Seconds to wait for the rate limit.
        released: Called when a poll is over.
        before: Called at the beginning of each poll; may raise or block.
        polls: Moment and job id of every poll.
        since_last: What each poll was told of the one before.
        news: Job id to an event that is set when the journal has seen the job end.
    """

    clock: Callable[[], float]
    ends: dict[str, float] = attrs.field(factory=dict)
    gaps: Callable[[float, int], float] = lambda _age, _among: 10.0
    pause: Callable[[Job], float] = lambda _: 0.0
    released: Callable[[Job], None] = lambda _: None
    before: Callable[[Job], None] = lambda _: None
    says: Status = attrs.field(factory=lambda: Status(State.RUNNING, "5", utcnow()))
    polls: list[tuple[float, str]] = attrs.field(factory=list)
    since_last: list[float | None] = attrs.field(factory=list)
    news: dict[str, threading.Event] = attrs.field(factory=dict)

    def reserve(self, job: Job) -> float:
        return self.pause(job)

    def release(self, job: Job) -> None:
        self.released(job)

    def poll(self, job: Job, since_last: float | None) -> Status:
        now = self.clock()
        self.polls.append((now, job.id))
        self.since_last.append(since_last)
        ends = self.ends.get(job.id, math.inf)
        self.before(job)
        if now < ends:
            return self.says
        result = Result(job, (Output("https://x.invalid/a.mp4"),))
        return Status(State.SUCCEEDED, "1", utcnow(), result=result)

    def result(self, job: Job, status: Status) -> Result:
        assert status.result is not None
        return status.result

    def hears(self, accounts: Collection[str]) -> bool:
        return bool(self.news)

    def ended(self, jobs: Sequence[Job]) -> list[Job]:
        return [job for job in jobs if job.id in self.news and self.news[job.id].is_set()]

    def gap(self, job: Job, age: float, among: int) -> float:
        return self.gaps(age, among)

    def age(self, job: Job) -> float:
        return 0.0

    def times(self, identity: str) -> list[float]:
        return [moment for moment, seen in self.polls if seen == identity]


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def vendor(clock: Clock) -> Vendor:
    return Vendor(clock)


@pytest.fixture
def engine(vendor: Vendor, clock: Clock) -> Iterator[Engine]:
    made = Engine(vendor, clock=clock, sleep=clock.sleep, spread=lambda: 0.5)
    yield made
    made.close()


@contextmanager
def standing(engine: Engine) -> Iterator[None]:
    """Let no time pass while jobs are handed over."""
    with engine._lock:
        yield


def together(engine: Engine, jobs: Sequence[Job], limit: float = 1e6) -> list[tuple[Job, Any]]:
    """Follow jobs from one moment; return them with their outcomes as they end."""
    ended: SimpleQueue[Waiter] = SimpleQueue()
    engine.follow_all(jobs, limit, ended.put)
    return [(waiter.job, waiter.outcome) for waiter in (ended.get(timeout=PATIENCE) for _ in jobs)]


def numbered(number: int, account: str = "shop") -> list[Job]:
    return [job(f"{account}-{n}", account=account) for n in range(number)]


def load(name: str) -> ModuleType:
    """Return one of the benches as a module."""
    path = Path(__file__).parents[1] / "bench" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"bench_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
