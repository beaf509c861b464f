"""Many jobs at once, on a clock that moves only when somebody sleeps on it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from queue import SimpleQueue

import attrs
import pytest
from engine_support import Vendor, load, numbered, standing, together
from patience import PATIENCE, until
from support import Clock

from motionkit.errors import (
    AuthenticationError,
    ConfigError,
    InvalidRequest,
    JobFailed,
    JobNotFound,
    MotionKitError,
    ProviderUnavailable,
    RateLimited,
    WaitTimeout,
)
from motionkit.http import Untrusted
from motionkit.http.connection import bounded
from motionkit.model.job import Job, Result, State, Status, UnknownReason, utcnow
from motionkit.polling import schedule
from motionkit.polling.engine import Engine
from motionkit.polling.watch import Waiter

# One job.


def test_a_job_is_polled_at_once_and_then_when_the_plan_says(
    engine: Engine, vendor: Vendor
) -> None:
    vendor.ends["shop-0"] = 1025.0
    result = engine.wait(numbered(1)[0], 900)
    assert result.url == "https://x.invalid/a.mp4"
    assert vendor.times("shop-0") == [1000.0, 1010.0, 1020.0, 1030.0]


def test_a_poll_knows_how_long_ago_the_last_one_was(engine: Engine, vendor: Vendor) -> None:
    vendor.ends["shop-0"] = 1015.0
    engine.wait(numbered(1)[0], 900)
    assert vendor.since_last == [None, 10.0, 10.0]


def test_polls_spread_by_a_twentieth_of_the_gap(vendor: Vendor, clock: Clock) -> None:
    vendor.ends |= {"shop-0": 1005.0, "shop-1": 1005.0}
    for spread, moment in ((0.0, 1009.5), (1.0, 1010.5)):
        clock.now = 1000.0
        vendor.polls.clear()
        with_spread = Engine(vendor, clock=clock, sleep=clock.sleep, spread=lambda s=spread: s)  # type: ignore[misc]  # the loop's own
        assert len(list(with_spread.outcomes(numbered(2), 900))) == 2
        assert vendor.times("shop-0")[1] == pytest.approx(moment)


def test_a_job_alone_has_nobody_to_avoid(vendor: Vendor, clock: Clock) -> None:
    vendor.ends["shop-0"] = 1005.0
    with_spread = Engine(vendor, clock=clock, sleep=clock.sleep, spread=lambda: 1.0)
    with_spread.wait(numbered(1)[0], 900)
    assert vendor.times("shop-0")[1] == pytest.approx(1010.0)


def test_the_last_poll_of_a_wait_comes_at_its_deadline(engine: Engine, vendor: Vendor) -> None:
    with pytest.raises(WaitTimeout, match="did not end within 25 s"):
        engine.wait(numbered(1)[0], 25)
    assert vendor.times("shop-0") == [1000.0, 1010.0, 1020.0, 1025.0]


def test_a_wait_for_a_status_that_is_not_known_says_so_and_not_that_the_job_runs(
    engine: Engine, vendor: Vendor
) -> None:
    strange = Status(State.UNKNOWN, "CANCELLED", utcnow(), doubt=UnknownReason.STRANGE_WORD)
    vendor.says = attrs.evolve(strange, message="by the team's owner")
    with pytest.raises(WaitTimeout) as caught:
        engine.wait(numbered(1)[0], 25)
    assert "'CANCELLED' (by the team's owner) is not known, so it may have ended" in str(
        caught.value.message
    )
    assert "still runs" not in str(caught.value)


def test_a_status_that_became_known_again_is_not_told(engine: Engine, vendor: Vendor) -> None:
    running = vendor.says
    vendor.says = Status(State.UNKNOWN, "ODD", utcnow(), doubt=UnknownReason.STRANGE_WORD)

    def running_later(_: Job) -> None:
        if len(vendor.polls) > 1:
            vendor.says = running

    vendor.before = running_later
    with pytest.raises(WaitTimeout) as caught:
        engine.wait(numbered(1)[0], 25)
    assert "ODD" not in str(caught.value)


def test_a_wait_without_time_polls_once(engine: Engine, vendor: Vendor) -> None:
    with pytest.raises(WaitTimeout):
        engine.wait(numbered(1)[0], 0)
    assert len(vendor.polls) == 1


def test_a_vendors_hint_goes_before_the_plan(engine: Engine, vendor: Vendor) -> None:
    vendor.says = attrs.evolve(vendor.says, hint=3.0)
    vendor.ends["shop-0"] = 1003.0
    engine.wait(numbered(1)[0], 900)
    assert vendor.times("shop-0") == [1000.0, pytest.approx(1003.0)]


@pytest.mark.parametrize(
    ("kind", "retry_after", "pauses"),
    [
        (ProviderUnavailable, None, [1.0, 2.0, 4.0]),
        (RateLimited, 30.0, [30.0, 30.0, 30.0]),
    ],
)
def test_a_failed_poll_is_requeued_and_says_nothing_of_the_job(
    engine: Engine,
    vendor: Vendor,
    kind: type[MotionKitError],
    retry_after: float | None,
    pauses: list[float],
) -> None:
    failing = [kind("no", retry_after=retry_after) for _ in range(3)]

    def fail(_: Job) -> None:
        if failing:
            raise failing.pop()

    vendor.before = fail
    vendor.ends["shop-0"] = 0.0
    engine.wait(numbered(1)[0], 900)
    moments = vendor.times("shop-0")
    assert [b - a for a, b in itertools.pairwise(moments)] == pauses


def test_a_time_out_names_what_kept_failing(engine: Engine, vendor: Vendor) -> None:
    def fail(_: Job) -> None:
        raise ProviderUnavailable("down")

    vendor.before = fail
    with pytest.raises(WaitTimeout) as caught:
        engine.wait(numbered(1)[0], 60)
    assert isinstance(caught.value.__cause__, ProviderUnavailable)


@pytest.mark.parametrize("error", [AuthenticationError("wrong key"), ValueError("a bug")])
def test_any_other_error_ends_the_wait(engine: Engine, vendor: Vendor, error: Exception) -> None:
    def fail(_: Job) -> None:
        raise error

    vendor.before = fail
    with pytest.raises(type(error)) as caught:
        engine.wait(numbered(1)[0], 900)
    assert caught.value is error


@pytest.mark.parametrize(
    ("error", "polls"),
    [
        (lambda: AuthenticationError("a page", http_status=403), 3),
        (lambda: InvalidRequest("a page", http_status=410), 3),
        (lambda: Untrusted("the certificate of a captive portal"), 3),
        (lambda: ConfigError("there is no such account"), 1),
        (lambda: AuthenticationError("the vendor's word", http_status=401, code="10003"), 1),
    ],
)
def test_a_page_without_the_vendors_code_ends_a_wait_when_it_comes_three_times(
    error: Callable[[], MotionKitError], polls: int, engine: Engine, vendor: Vendor
) -> None:
    def fail(_: Job) -> None:
        raise error()

    vendor.before = fail
    with pytest.raises((AuthenticationError, ConfigError, InvalidRequest)):
        engine.wait(numbered(1)[0], 900)
    assert len(vendor.polls) == polls


def test_a_page_between_two_answers_says_nothing_of_the_job(engine: Engine, vendor: Vendor) -> None:
    said = itertools.cycle([True, True, False])

    def fail(_: Job) -> None:
        if next(said):
            raise AuthenticationError("a page", http_status=403)

    vendor.before = fail
    vendor.ends["shop-0"] = 1200.0
    assert engine.wait(numbered(1)[0], 900).job.id == "shop-0"


def test_each_unanswered_poll_lets_the_next_one_take_longer(engine: Engine, vendor: Vendor) -> None:
    given: list[float] = []

    def fail(_: Job) -> None:
        given.append(bounded(60.0))
        if len(given) < 6:
            raise ProviderUnavailable("hangs")

    vendor.before = fail
    vendor.ends["shop-0"] = 0.0
    engine.wait(numbered(1)[0], 900)
    assert given == [10.0, 20.0, 40.0, 60.0, 60.0, 60.0]


def test_a_terminal_failure_ends_the_wait(engine: Engine, vendor: Vendor) -> None:
    vendor.says = Status(State.FAILED, "8", utcnow())
    with pytest.raises(JobFailed):
        engine.wait(numbered(1)[0], 900)


def test_doubt_ends_the_wait_after_its_grace_and_only_when_nothing_else_was_seen(
    engine: Engine, vendor: Vendor, clock: Clock
) -> None:
    running = vendor.says
    unseen = Status(State.UNKNOWN, "404", utcnow(), doubt=UnknownReason.NOT_FOUND)

    def change(_: Job) -> None:
        vendor.says = running if clock() == 1100.0 else unseen

    vendor.before = change
    with pytest.raises(JobNotFound):
        engine.wait(numbered(1)[0], 900)
    assert clock() == 1240.0  # from 1110 on for more than 120 s


def test_watchers_see_every_status_in_the_callers_thread(engine: Engine, vendor: Vendor) -> None:
    vendor.ends["shop-0"] = 1015.0
    seen: list[tuple[State, threading.Thread]] = []
    engine.wait(
        numbered(1)[0],
        900,
        lambda _, status: seen.append((status.state, threading.current_thread())),
    )
    assert [state for state, _ in seen] == [State.RUNNING, State.RUNNING, State.SUCCEEDED]
    assert {thread for _, thread in seen} == {threading.current_thread()}


# Many jobs.


def test_jobs_are_polled_in_the_order_in_which_they_are_due(engine: Engine, vendor: Vendor) -> None:
    for number, one in enumerate(numbered(5)):
        vendor.ends[one.id] = 1000.0 + 7 * number
    ended = together(engine, numbered(5))
    moments = [moment for moment, _ in vendor.polls]
    assert moments == sorted(moments)
    assert [one.id for one, _ in ended][:2] == ["shop-0", "shop-1"]
    assert all(isinstance(ending, Result) for _, ending in ended)


def test_one_that_fails_does_not_hold_up_the_others(engine: Engine, vendor: Vendor) -> None:
    def fail(one: Job) -> None:
        if one.id == "shop-0":
            raise ProviderUnavailable("down")

    vendor.before = fail
    vendor.ends = {one.id: 1005.0 for one in numbered(9)}
    ended = {one.id: ending for one, ending in together(engine, numbered(9), limit=100.0)}
    assert isinstance(ended.pop("shop-0"), WaitTimeout)
    assert all(isinstance(ending, Result) for ending in ended.values())
    assert {vendor.times(name)[-1] for name in ended} == {1010.0}


def test_two_who_wait_for_one_job_share_its_polls(engine: Engine, vendor: Vendor) -> None:
    vendor.ends["shop-0"] = 1015.0
    one = numbered(1)[0]
    ended = together(engine, [one, one])
    assert [ending for _, ending in ended] == [ended[0][1]] * 2
    assert len(vendor.polls) == 3


def test_each_who_waits_has_a_deadline_of_its_own(
    engine: Engine, vendor: Vendor, clock: Clock
) -> None:
    vendor.ends["shop-0"] = 1015.0
    told: SimpleQueue[tuple[float, Waiter]] = SimpleQueue()
    with standing(engine):
        for limit in (900.0, 5.0):
            engine.follow(numbered(1)[0], limit, lambda waiter: told.put((clock(), waiter)))
    first, second = (told.get(timeout=PATIENCE) for _ in range(2))
    assert isinstance(first[1].outcome, WaitTimeout)
    assert first[0] == 1005.0
    assert isinstance(second[1].outcome, Result)


def test_a_job_that_is_waited_for_may_be_followed_too(engine: Engine, vendor: Vendor) -> None:
    vendor.ends["shop-0"] = 1050.0
    one = numbered(1)[0]
    ended: SimpleQueue[Waiter] = SimpleQueue()

    def join(_: Job) -> None:
        if len(vendor.polls) == 1:
            engine.follow(one, 900.0, ended.put)

    vendor.before = join
    result = engine.wait(one, 900.0)
    assert ended.get(timeout=PATIENCE).outcome == result
    moments = vendor.times("shop-0")
    assert len(moments) == len(set(moments)) == 6


def test_a_clock_that_breaks_ends_the_waits_with_its_error(vendor: Vendor, clock: Clock) -> None:
    def fail(_: float) -> None:
        raise RuntimeError("no more time")

    engine = Engine(vendor, clock=clock, sleep=fail)
    with pytest.raises(RuntimeError, match="no more time"):
        engine.wait(numbered(1)[0], 900.0)
    assert not engine._watched


def test_a_waiter_who_leaves_ends_nobody_elses_wait(engine: Engine, vendor: Vendor) -> None:
    vendor.ends["shop-0"] = 1015.0
    one = numbered(1)[0]
    told: SimpleQueue[Waiter] = SimpleQueue()
    left: list[Waiter] = []
    with standing(engine):
        leaving = engine.follow(one, 900.0, left.append)
        engine.follow(one, 900.0, told.put)
        engine.leave(leaving)
    assert isinstance(told.get(timeout=PATIENCE).outcome, Result)
    assert not left


def test_a_job_that_nobody_waits_for_is_not_polled(engine: Engine, vendor: Vendor) -> None:
    vendor.ends["shop-1"] = 1100.0
    with standing(engine):
        leaving = engine.follow(numbered(1)[0], 900.0, lambda _: None)
        engine.leave(leaving)
    together(engine, numbered(2)[1:])
    assert vendor.times("shop-0") == []
    with standing(engine):  # the thread that notified has done its work
        until(lambda: not engine._watched)


def test_ten_thousand_jobs_are_followed_by_one_thread(
    engine: Engine, vendor: Vendor, clock: Clock
) -> None:
    bench = load("polling")
    plan = schedule.plan(schedule.DurationEstimate(132.0, 0.3), 8.0)
    vendor.gaps = lambda age, _: plan.after(age) - age
    jobs = numbered(10_000)
    for one, seconds in zip(jobs, bench.durations(10_000), strict=True):
        vendor.ends[one.id] = clock() + seconds
    before = threading.active_count()
    late = 0.0
    ended: SimpleQueue[tuple[float, Waiter]] = SimpleQueue()
    engine.follow_all(jobs, 1800.0, lambda waiter: ended.put((clock(), waiter)))
    for _ in jobs:
        moment, waiter = ended.get(timeout=PATIENCE)
        assert isinstance(waiter.outcome, Result)
        late += moment - vendor.ends[waiter.job.id]
    assert threading.active_count() - before <= 1
    assert late / len(jobs) < 8.0
    assert len(vendor.polls) / len(jobs) < plan.expected()[0] + 1
