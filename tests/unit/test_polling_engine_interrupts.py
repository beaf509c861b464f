"""What goes wrong around a poll leaves nobody waiting: interrupts, and no more threads."""

from __future__ import annotations

import signal
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

from motionkit.errors import Billed, WaitTimeout
from motionkit.model.job import Job, Result
from motionkit.polling.engine import Engine
from motionkit.polling.watch import Waiter

NO_THREAD = "can't start new thread"


@pytest.fixture
def vendor(clock: Clock) -> Vendor:
    return Vendor(clock, ends={"shop-0": 1015.0, "shop-1": 1015.0})


# Interrupts.


def test_ctrl_c_ends_a_wait_at_once_and_leaves_nothing_behind() -> None:
    """The next poll is an hour away; a wait that ended by its own deadline would raise that."""
    vendor = Vendor(time.monotonic, gaps=lambda *_: 3600.0)
    engine = Engine(vendor)
    main = threading.main_thread().ident
    assert main == threading.get_ident()

    def press() -> None:
        until(lambda: bool(vendor.polls))
        until(lambda: all(not one.polling for one in engine._watched.values()))
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        engine.wait(numbered(1)[0], PATIENCE)
    assert not engine._watched
    engine.close()


def test_ctrl_c_during_a_poll_does_not_wait_for_its_response() -> None:
    release = threading.Event()
    main = threading.main_thread().ident
    assert main == threading.get_ident()

    def hang(_: Job) -> None:
        signal.pthread_kill(main, signal.SIGINT)
        release.wait(PATIENCE)

    engine = Engine(Vendor(time.monotonic, before=hang))
    with pytest.raises(KeyboardInterrupt):
        engine.wait(numbered(1)[0], PATIENCE)
    assert not release.is_set()
    release.set()
    until(lambda: not engine._watched)
    engine.close()


@attrs.define
class Interrupted:
    """Something that is called, and interrupts the main thread once.

    Attributes:
        call: What is called.
        left: Calls of the main thread until then.
    """

    call: Callable[..., Any]
    left: int

    def __call__(self, *args: Any) -> Any:
        if threading.current_thread() is threading.main_thread():
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self.call(*args)


@pytest.mark.parametrize(
    ("where", "call"), [("_clock", 1), ("_clock", 2), ("_put", 1), ("_attend", 1), ("_begin", 1)]
)
def test_an_interrupted_wait_leaves_nothing_behind(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, where: str, call: int
) -> None:
    one = numbered(1)[0]
    with monkeypatch.context() as patch:
        patch.setattr(engine, where, Interrupted(getattr(engine, where), call))
        with pytest.raises(KeyboardInterrupt):
            engine.wait(one, 900.0)
    until(lambda: not engine._watched)
    assert isinstance(engine.wait(one, 900.0), Result)


def test_an_interrupted_wait_goes_on_for_those_who_joined_it(
    engine: Engine, vendor: Vendor
) -> None:
    one = numbered(1)[0]
    ended: SimpleQueue[Waiter] = SimpleQueue()

    def interrupt(*_: object) -> None:
        engine.follow(one, 900.0, ended.put)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.wait(one, 900.0, interrupt)
    assert isinstance(ended.get(timeout=PATIENCE).outcome, Result)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_whatever_a_poll_raises_comes_out_where_somebody_waits(
    engine: Engine, vendor: Vendor, error: type[BaseException]
) -> None:
    def fail(_: Job) -> None:
        raise error

    vendor.before = fail
    with pytest.raises(error):
        engine.wait(numbered(1)[0], 900.0)
    vendor.before = lambda _: None
    assert isinstance(engine.wait(numbered(1)[0], 900.0), Result)


def test_jobs_that_break_off_while_they_are_followed_are_followed_by_nobody(
    engine: Engine,
) -> None:
    def jobs() -> Iterator[Job]:
        yield from numbered(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.follow_all(jobs(), 900.0, lambda _: None)
    until(lambda: not engine._watched)


# No more threads.


@pytest.fixture
def exhausted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Let no thread start; what is given lets them start again."""

    def fail(_: threading.Thread) -> None:
        raise RuntimeError(NO_THREAD)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        yield patch.undo


def test_who_gets_no_thread_hears_that_the_job_continues_and_may_wait_again(
    engine: Engine, exhausted: Callable[[], None]
) -> None:
    jobs = numbered(2)
    ended: list[Waiter] = []
    engine.follow(jobs[0], 900.0, ended.append)
    engine.follow_all(jobs, 900.0, ended.append)
    with pytest.raises(WaitTimeout) as caught:
        engine.wait(jobs[0], 900.0)
    outcomes = [
        caught.value,
        *(waiter.outcome for waiter in ended),
        *(outcome for _, outcome in engine.outcomes(jobs, 900.0)),
    ]
    assert len(outcomes) == 6
    for outcome in outcomes:
        assert isinstance(outcome, WaitTimeout)
        assert "can start no thread; the job continues at the vendor" in outcome.message
        assert outcome.job in jobs
        assert outcome.billed is Billed.UNKNOWN
        assert "client.wait(job)" in str(outcome.hint)
        assert isinstance(outcome.__cause__, RuntimeError)
    assert not engine._watched
    assert not engine._threads
    assert engine._queue.first is None
    exhausted()
    assert all(isinstance(ending, Result) for _, ending in together(engine, jobs))


def test_an_engine_that_got_no_thread_can_be_closed(
    engine: Engine, exhausted: Callable[[], None]
) -> None:
    engine.follow(numbered(1)[0], 900.0, lambda _: None)
    engine.close()
    exhausted()


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
    assert all(isinstance(told.get(timeout=PATIENCE).outcome, Result) for _ in range(2))
    engine.close()
