"""What goes wrong around a look leaves nobody waiting: interrupts, and no more threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import attrs
import pytest
from engine_support import Vendor, numbered, together
from patience import PATIENCE, until
from support import Clock

from motionkit.model.job import Job, Result
from motionkit.polling.engine import Engine
from motionkit.polling.watch import Waiter

NO_THREAD = "can't start new thread"


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def vendor(clock: Clock) -> Vendor:
    return Vendor(clock, ends={"shop-0": 1015.0, "shop-1": 1015.0})


@pytest.fixture
def engine(vendor: Vendor, clock: Clock) -> Iterator[Engine]:
    made = Engine(vendor, clock=clock, sleep=clock.sleep, spread=lambda: 0.5)
    yield made
    made.close()


# Interrupts.


@attrs.define
class Interrupted:
    """Something that is called, and interrupts the caller once.

    Attributes:
        call: What is called.
        left: Calls until then.
    """

    call: Callable[..., Any]
    left: int

    def __call__(self, *args: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self.call(*args)


@pytest.mark.parametrize(
    ("where", "call"),
    [
        (name, call)
        for name, calls in (("_clock", 16), ("_sleep", 2), ("_turn", 3), ("_turned", 3))
        for call in range(1, calls + 1)
    ],
)
def test_an_interrupted_wait_leaves_nothing_behind(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, where: str, call: int
) -> None:
    one = numbered(1)[0]
    with monkeypatch.context() as patch:
        patch.setattr(engine, where, Interrupted(getattr(engine, where), call))
        with pytest.raises(KeyboardInterrupt):
            engine.wait(one, 900.0)
    until(lambda: not engine._pursuits)
    assert isinstance(engine.wait(one, 900.0), Result)


def test_an_interrupted_wait_goes_on_for_those_who_joined_it(
    engine: Engine, vendor: Vendor
) -> None:
    one = numbered(1)[0]
    told: SimpleQueue[Waiter] = SimpleQueue()
    looks = iter([True])

    def join(job: Job) -> None:
        if next(looks, False):
            engine.follow(job, 900.0, told.put)
            engine._conclude = Interrupted(engine._conclude, 1)  # type: ignore[method-assign]

    vendor.before = join
    with pytest.raises(KeyboardInterrupt):
        engine.wait(one, 900.0)
    assert isinstance(told.get(timeout=PATIENCE).ending, Result)


def test_jobs_that_break_off_while_they_are_followed_are_followed_by_nobody(
    engine: Engine,
) -> None:
    def jobs() -> Iterator[Job]:
        yield from numbered(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.follow_all(jobs(), 900.0, lambda _: None)
    until(lambda: not engine._pursuits)


# No more threads.


@pytest.fixture
def exhausted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Let no thread start; what is given lets them start again."""

    def fail(_: threading.Thread) -> None:
        raise RuntimeError(NO_THREAD)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        yield patch.undo


def test_who_gets_no_thread_is_not_followed_and_may_try_again(
    engine: Engine, exhausted: Callable[[], None]
) -> None:
    jobs = numbered(2)
    for follow in (
        lambda: engine.follow(jobs[0], 900.0, lambda _: None),
        lambda: engine.follow_all(jobs, 900.0, lambda _: None),
        lambda: list(engine.endings(jobs, 900.0)),
    ):
        with pytest.raises(RuntimeError, match=NO_THREAD):
            follow()
    until(lambda: not engine._pursuits)
    assert not engine._threads
    assert engine._agenda.first is None
    exhausted()
    assert all(isinstance(ending, Result) for _, ending in together(engine, jobs))


def test_an_engine_that_got_no_thread_can_be_closed(
    engine: Engine, exhausted: Callable[[], None]
) -> None:
    with pytest.raises(RuntimeError, match=NO_THREAD):
        engine.follow(numbered(1)[0], 900.0, lambda _: None)
    engine.close()
    exhausted()


@pytest.mark.usefixtures("exhausted")
def test_a_wait_needs_no_thread_though_another_who_joined_it_got_none(engine: Engine) -> None:
    one = numbered(1)[0]
    refused: list[str] = []

    def join(*_: Any) -> None:
        with pytest.raises(RuntimeError) as caught:
            engine.follow(one, 900.0, lambda _: None)
        refused.append(str(caught.value))

    assert isinstance(engine.wait(one, 900.0, join), Result)
    assert refused[:2] == [NO_THREAD] * 2
    until(lambda: not engine._pursuits)


@pytest.mark.usefixtures("exhausted")
def test_who_joined_during_a_look_is_told_that_there_is_no_thread(
    engine: Engine, vendor: Vendor
) -> None:
    one = numbered(1)[0]
    told: list[Waiter] = []
    vendor.before = lambda job: void(engine.follow(job, 900.0, told.append))
    with pytest.raises(RuntimeError, match=NO_THREAD):
        engine.wait(one, 900.0)
    assert [str(waiter.ending) for waiter in told] == [NO_THREAD]
    until(lambda: not engine._pursuits)


def void(_: object) -> None:
    """Take a value that nobody wants."""


def test_where_no_further_thread_can_be_had_the_others_do_its_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looking, release = threading.Event(), threading.Event()

    def hang(_: Job) -> None:
        looking.set()
        release.wait(PATIENCE)

    vendor = Vendor(time.monotonic, before=hang, ends={"shop-0": 0.0, "shop-1": 0.0})
    engine = Engine(vendor)
    told: SimpleQueue[Waiter] = SimpleQueue()
    first, second = numbered(2)
    engine.follow(first, 900.0, told.put)
    assert looking.wait(PATIENCE)

    def fail(_: threading.Thread) -> None:
        raise RuntimeError(NO_THREAD)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        engine.follow(second, 900.0, told.put)
    release.set()
    assert all(isinstance(told.get(timeout=PATIENCE).ending, Result) for _ in range(2))
    engine.close()
