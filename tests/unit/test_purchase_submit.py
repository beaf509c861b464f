"""One key's life, driven step by step by a scripted vendor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest
from ledger import Place, change, seen_outside, set_clock
from support import (
    PAID,
    Clock,
    FakeProvider,
    FindingProvider,
    Interrupted,
    job,
    submission,
)

from motionkit._support.process import Moment
from motionkit.errors import (
    Billed,
    Busy,
    InsufficientCredits,
    InvalidRequest,
    JournalError,
    MotionKitError,
    ProtocolError,
    ProviderUnavailable,
    RateLimited,
    SubmitUncertain,
)
from motionkit.http import NotSent, Untrusted
from motionkit.http.rate_limit import RateLimiter
from motionkit.journal import Journal, NewPurchase, PurchaseExists, PurchaseRecord
from motionkit.model.job import Job, KeyState, State, Status, utcnow
from motionkit.model.submission import Found, Never, NotSeen, SameId
from motionkit.purchase import submit as submission_module
from motionkit.purchase.submit import (
    EQUAL_REFUSALS,
    OTHER_PAUSE,
    PATIENCE,
    NoSlot,
    Submitter,
)

BOUGHT = NewPurchase(
    key="order-17", request="r1", via="shop", description={"operation": "mimic"}, again=True
)
START = 1_000_000.0


def lost(message: str = "connection reset") -> ProviderUnavailable:
    return ProviderUnavailable(message, account="shop", billed=Billed.UNKNOWN)


def refusal() -> Busy:
    return Busy("the limit is reached", code="500044", billed=Billed.NO)


def unsent() -> NotSent:
    return NotSent("connection refused", billed=Billed.NO)


class Bench:
    """A journal, a clock, and a submitter for a provider."""

    def __init__(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = place
        self.clock = Clock(START)
        set_clock(monkeypatch, lambda: self.time())  # noqa: PLW0108 - tests replace it
        self.journal = Journal(place)

    def time(self) -> float:
        return self.clock.now

    def submitter(self, provider: FakeProvider) -> Submitter:
        plain: Any = provider  # scripts change `resend`, a constant in the contract
        return Submitter(plain, self.journal, self.clock.sleep, self.clock, self.clock)

    def submit(self, provider: FakeProvider) -> Job:
        return self.submitter(provider).submit(BOUGHT, submission(), submission)

    def fail(self, provider: FakeProvider) -> Any:
        with pytest.raises(MotionKitError) as caught:
            self.submit(provider)
        return caught.value

    @property
    def entry(self) -> PurchaseRecord:
        return self.journal.entry("order-17")

    def own_elsewhere(self, vendor_id: str) -> None:
        other = self.journal.intend(
            attrs.evolve(BOUGHT, key="other"), "other", submission(), "f" * 16
        )
        assert self.journal.accepted(other, job(vendor_id, key="other"))


@pytest.fixture
def bench(database: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(database, monkeypatch)
    yield made
    made.journal.close()


def scripted(*steps: Any, resend: Any = None) -> FakeProvider:
    made = FakeProvider("shop", None, None, *steps)
    if resend is not None:
        made.resend = resend
    return made


# The good end.


def test_an_accepted_call_is_a_job_of_that_key_and_attempt(bench: Bench) -> None:
    provider = scripted(job("42"))
    got = bench.submit(provider)
    (attempt,) = bench.entry.attempts
    assert provider.sent == [attempt.id]
    assert provider.bodies == [{"img_id": 7}]
    assert (got.id, got.key, got.attempt_id) == ("42", "order-17", attempt.id)
    assert (bench.entry.state, bench.entry.ambiguous) == (State.QUEUED, False)
    assert bench.entry.job == got
    assert (attempt.sends, attempt.first_sent, attempt.state) == (1, START, "accepted")
    assert bench.clock.slept == []


def test_the_attempt_is_on_disk_and_counted_before_the_call_leaves(bench: Bench) -> None:
    provider = scripted(job("42"))
    on_disk: list[Any] = []

    def look(attempt_id: str) -> None:
        on_disk.extend(
            seen_outside(bench.place, "SELECT id, state, sends, first_sent FROM attempts")
        )
        on_disk.extend(seen_outside(bench.place, "SELECT key, state FROM purchases"))
        assert on_disk == [
            (attempt_id, "intended", 1, START),
            ("order-17", "intended"),
        ]

    provider.before = look
    bench.submit(provider)
    assert len(on_disk) == 2


def test_attempt_ids_are_uuids_and_differ(bench: Bench) -> None:
    first = scripted(job("42"))
    bench.submit(first)
    second = scripted(job("43"))
    bench.submitter(second).submit(attrs.evolve(BOUGHT, key="order-18"), submission(), submission)
    assert first.sent != second.sent
    for attempt_id in first.sent + second.sent:
        assert len(attempt_id) == 36
        assert attempt_id.count("-") == 4


def test_a_key_that_exists_is_not_bought_again(bench: Bench) -> None:
    bench.submit(scripted(job("42")))
    again = scripted(job("43"))
    with pytest.raises(PurchaseExists) as caught:
        bench.submit(again)
    assert caught.value.entry.job is not None
    assert caught.value.entry.job.id == "42"
    assert again.sent == []


# Nothing was bought.


@pytest.mark.parametrize("error", [refusal(), InsufficientCredits("none left"), unsent()])
def test_a_refusal_bought_nothing_and_comes_out_as_it_is(
    bench: Bench, error: MotionKitError
) -> None:
    provider = scripted(error)
    assert bench.fail(provider) is error
    assert error.billed is Billed.NO
    assert (bench.entry.state, bench.entry.ambiguous) == (KeyState.REFUSED, False)
    assert bench.entry.attempts[0].state == "refused"
    assert len(provider.sent) == 1
    assert bench.clock.slept == []


def test_a_new_attempt_after_a_refusal_has_a_new_attempt_id(bench: Bench) -> None:
    provider = scripted(refusal(), refusal(), job("42"))
    bench.fail(provider)
    submitter = bench.submitter(provider)
    with pytest.raises(Busy):
        submitter.submit(BOUGHT, submission(), submission, again=True)
    other = submission(call=attrs.evolve(PAID, json={"img_id": 8}))
    got = submitter.submit(BOUGHT, other, lambda: other, again=True)
    assert len(set(provider.sent)) == 3
    assert [a.id for a in bench.entry.attempts] == provider.sent
    assert [a.state for a in bench.entry.attempts] == ["refused", "refused", "accepted"]
    assert provider.bodies == [{"img_id": 7}, {"img_id": 7}, {"img_id": 8}]
    assert (got.key, got.attempt_id) == ("order-17", provider.sent[2])
    assert bench.entry.state is State.QUEUED


def test_a_job_is_not_bought_again_by_a_stale_entry(bench: Bench) -> None:
    provider = scripted(refusal(), job("42"), job("43"))
    bench.fail(provider)
    bench.submitter(provider).submit(BOUGHT, submission(), submission, again=True)
    with pytest.raises(PurchaseExists):
        bench.submitter(provider).submit(BOUGHT, submission(), submission, again=True)
    assert len(provider.sent) == 2


# Refused for a cause that passes.


def too_many() -> RateLimited:
    return RateLimited("too many calls", billed=Billed.NO, retry_after=7.0)


def overload() -> ProviderUnavailable:
    return ProviderUnavailable("high load", code="500069", billed=Billed.NO, passing=True)


@pytest.mark.parametrize("passing", [refusal, too_many, overload])
def test_a_refusal_for_a_passing_cause_is_waited_out_with_a_new_attempt(
    bench: Bench, passing: Any
) -> None:
    provider = scripted(passing(), passing(), job("42"))
    got = bench.submitter(provider).submit(
        BOUGHT, submission(), submission, deadline=bench.clock() + 600.0
    )
    assert got.id == "42"
    assert [a.id for a in bench.entry.attempts] == provider.sent
    assert len(set(provider.sent)) == 3
    assert [a.state for a in bench.entry.attempts] == ["refused", "refused", "accepted"]
    assert bench.clock.slept == ([7.0, 7.0] if passing is too_many else [5.0, 10.0])


@pytest.mark.parametrize("passing", [refusal, too_many, overload])
def test_a_refusal_for_a_passing_cause_is_waited_for_no_longer_than_was_allowed(
    bench: Bench, passing: Any
) -> None:
    errors = [passing() for _ in range(20)]
    provider = scripted(*errors)
    with pytest.raises(MotionKitError) as caught:
        bench.submitter(provider).submit(
            BOUGHT, submission(), submission, deadline=bench.clock() + 30.0
        )
    assert caught.value is errors[len(provider.sent) - 1]
    assert caught.value.billed is Billed.NO
    assert 15.0 <= bench.clock.now - START <= 30.0
    assert bench.entry.state is KeyState.REFUSED


@pytest.mark.parametrize("passing", [refusal, too_many])
def test_a_busy_account_is_waited_for_as_long_as_was_said(bench: Bench, passing: Any) -> None:
    provider = scripted(*[passing() for _ in range(40)], job("42"))
    got = bench.submitter(provider).submit(
        BOUGHT, submission(), submission, deadline=bench.clock() + 7200.0
    )
    assert got.id == "42"
    assert len(provider.sent) == 41


def test_an_overload_that_does_not_end_is_given_up(bench: Bench) -> None:
    provider = scripted(*[overload() for _ in range(40)], job("42"))
    with pytest.raises(ProviderUnavailable):
        bench.submitter(provider).submit(
            BOUGHT, submission(), submission, deadline=bench.clock() + 7200.0
        )
    assert len(provider.sent) == EQUAL_REFUSALS


def test_overloads_between_busy_answers_are_no_row_of_them(bench: Bench) -> None:
    row = [overload() for _ in range(EQUAL_REFUSALS - 1)]
    provider = scripted(*row, refusal(), *[overload() for _ in row], job("42"))
    got = bench.submitter(provider).submit(
        BOUGHT, submission(), submission, deadline=bench.clock() + 7200.0
    )
    assert got.id == "42"


@pytest.mark.parametrize(
    "final",
    [
        InsufficientCredits("none left"),
        ProviderUnavailable("an upload failed", billed=Billed.NO),
        unsent(),
    ],
)
def test_a_refusal_that_does_not_pass_is_not_waited_for(bench: Bench, final: Any) -> None:
    provider = scripted(final)
    with pytest.raises(type(final)):
        bench.submitter(provider).submit(
            BOUGHT, submission(), submission, deadline=bench.clock() + 600.0
        )
    assert bench.clock.slept == []


def test_what_may_have_arrived_is_never_bought_anew_because_its_cause_passes(
    bench: Bench,
) -> None:
    doubtful = RateLimited("429 with a job in it", billed=Billed.UNKNOWN)
    provider = scripted(*[doubtful] * 3)
    with pytest.raises(SubmitUncertain):
        bench.submitter(provider).submit(
            BOUGHT, submission(), submission, deadline=bench.clock() + 600.0
        )
    assert len(set(provider.sent)) == 1


# No free slot.


def full(bench: Bench) -> None:
    """Let another process take the account's only slot."""
    bench.own_elsewhere("41")


def at_most_one(bench: Bench, provider: FakeProvider, **more: Any) -> Submitter:
    return attrs.evolve(bench.submitter(provider), slots=1, **more)


def test_without_a_slot_nothing_is_written_or_sent(bench: Bench) -> None:
    full(bench)
    provider = scripted(job("42"))
    with pytest.raises(NoSlot) as caught:
        at_most_one(bench, provider).submit(BOUGHT, submission(), submission)
    assert caught.value.error.billed is Billed.NO
    assert caught.value.error.account == "shop"
    assert provider.sent == []
    assert bench.journal.get("order-17") is None


def test_a_slot_that_another_process_was_faster_to_take_is_waited_for_again(bench: Bench) -> None:
    provider = scripted(job("42"))
    waits: list[float] = []

    def wait() -> int:
        waits.append(bench.clock())
        if len(waits) == 1:
            full(bench)  # between the wait and the intention
        else:
            bench.journal.observed(job("41", key="other"), Status(State.FAILED, "w", utcnow()))
        return 0

    got = at_most_one(bench, provider).submit(
        BOUGHT, submission(), submission, deadline=bench.clock() + 60.0, slot=wait
    )
    assert got.id == "42"
    assert len(waits) == 2
    assert len(bench.entry.attempts) == 1


def test_a_slot_that_is_lost_when_the_wait_is_over_is_refused(bench: Bench) -> None:
    provider = scripted(job("42"))

    def wait() -> int:
        full(bench)
        return 0

    with pytest.raises(Busy, match="nothing was sent"):
        at_most_one(bench, provider).submit(
            BOUGHT, submission(), submission, deadline=bench.clock(), slot=wait
        )
    assert provider.sent == []


def test_a_job_that_does_not_count_leaves_the_vendor_to_decide(bench: Bench) -> None:
    full(bench)
    provider = scripted(job("42"))
    assert at_most_one(bench, provider).submit(BOUGHT, submission(), submission, slot=1).id == "42"


def test_a_submit_without_a_slot_leaves_its_call_of_the_minute_to_others(bench: Bench) -> None:
    full(bench)
    limiter = RateLimiter(1, bench.clock, bench.clock.sleep)
    submitter = at_most_one(bench, scripted(job("42")), limiter=limiter)
    with pytest.raises(NoSlot):
        submitter.submit(BOUGHT, submission(), submission)
    assert limiter.acquire() == 0.0


def test_a_wait_for_a_slot_comes_before_the_call_of_the_minute(bench: Bench) -> None:
    limiter = RateLimiter(1, bench.clock, bench.clock.sleep)

    def wait() -> int:
        assert limiter.acquire() == 0.0, "nothing is reserved yet"
        limiter.release()
        return 0

    submitter = at_most_one(bench, scripted(job("42")), limiter=limiter)
    assert submitter.submit(BOUGHT, submission(), submission, slot=wait).id == "42"


# It may have arrived: the same id again.


@pytest.mark.parametrize("losses", [1, 2])
def test_the_same_attempt_id_is_sent_again_until_the_vendor_answers(
    bench: Bench, losses: int
) -> None:
    provider = scripted(*[lost() for _ in range(losses)], job("42"))
    got = bench.submit(provider)
    assert len(provider.sent) == losses + 1
    assert set(provider.sent) == {bench.entry.attempts[0].id}
    assert provider.bodies == [{"img_id": 7}] * (losses + 1)
    assert got.attempt_id == provider.sent[0]
    assert (bench.entry.state, bench.entry.ambiguous) == (State.QUEUED, False)
    assert bench.entry.attempts[0].sends == losses + 1
    assert len(bench.entry.attempts) == 1
    assert bench.clock.slept == [15.0, pytest.approx(100.0)][:losses]


def test_what_may_have_arrived_is_on_disk_before_anything_is_sent_again(bench: Bench) -> None:
    provider = scripted(lost(), job("42"))
    states: list[Any] = []

    def look(_: str) -> None:
        entry = bench.entry
        states.append((entry.state, entry.ambiguous, entry.attempts[0].sends))

    provider.before = look
    bench.submit(provider)
    assert states == [(KeyState.INTENDED, False, 1), (KeyState.UNCERTAIN, True, 2)]


def assert_uncertain(bench: Bench, error: Any) -> None:
    assert type(error) is SubmitUncertain
    assert error.billed is Billed.UNKNOWN
    assert (error.key, error.provider, error.account) == ("order-17", "fake", "shop")
    entry = bench.entry
    assert (entry.state, entry.ambiguous, entry.job) == (KeyState.UNCERTAIN, True, None)
    assert entry.open
    assert entry.attempts[-1].state == "uncertain"


def test_it_is_sent_again_so_often_and_no_oftener(bench: Bench) -> None:
    provider = scripted(lost("1"), lost("2"), lost("3"), job("42"))
    error = bench.fail(provider)
    assert len(provider.sent) == 3
    assert_uncertain(bench, error)
    assert error.message.endswith("the vendor did not confirm it: 3")
    assert bench.entry.error is not None
    assert bench.entry.error["error"] == "SubmitUncertain"


@pytest.mark.parametrize(
    ("window", "sent"),
    [(120.0, 3), (4.0, 3), (3.9, 2), (2.0, 2), (1.9, 1), (0.0, 1)],
)
def test_nothing_is_sent_again_after_the_window(bench: Bench, window: float, sent: int) -> None:
    provider = scripted(*[lost() for _ in range(5)], resend=SameId(window, 2))
    assert_uncertain(bench, bench.fail(provider))
    assert len(provider.sent) == sent


def test_a_slow_call_counts_towards_the_window(bench: Bench) -> None:
    provider = scripted(lost(), job("42"), resend=SameId(60.0, 2))
    provider.before = lambda _: bench.clock.sleep(59.0)
    assert_uncertain(bench, bench.fail(provider))
    assert len(provider.sent) == 1


def test_a_later_refusal_does_not_make_it_unbought(bench: Bench) -> None:
    provider = scripted(lost(), InsufficientCredits("none left", code="500090"), job("42"))
    error = bench.fail(provider)
    assert len(provider.sent) == 2
    assert_uncertain(bench, error)
    assert error.code == "500090"
    with pytest.raises(PurchaseExists):
        bench.submitter(provider).submit(BOUGHT, submission(), submission, again=True)
    assert len(provider.sent) == 2


def test_a_resend_that_is_refused_for_a_passing_cause_is_made_once_more(bench: Bench) -> None:
    provider = scripted(lost(), refusal(), job("42"))
    assert bench.submit(provider).id == "42"
    assert set(provider.sent) == {bench.entry.attempts[0].id}


def test_refusals_for_a_passing_cause_leave_it_uncertain(bench: Bench) -> None:
    provider = scripted(lost(), refusal(), refusal(), job("42"))
    error = bench.fail(provider)
    assert_uncertain(bench, error)
    assert (error.code, len(provider.sent)) == ("500044", 3)


@pytest.mark.parametrize("kept", [unsent, lambda: Untrusted("the certificate is not valid")])
def test_resends_that_did_not_leave_do_not_count(
    bench: Bench, kept: Callable[[], MotionKitError]
) -> None:
    provider = scripted(lost(), *[kept() for _ in range(5)], lost(), job("42"))
    assert bench.submit(provider).id == "42"
    assert len(provider.sent) == 8
    assert bench.entry.attempts[0].sends == 3


@attrs.define
class Outage:
    """A vendor that takes the submit, and a network or gateway that fails from then on.

    Attributes:
        bench: Whose clock it runs on.
        seconds: How long it lasts, from the first send.
        error: What is met meanwhile.
        sent: Seconds from the first send to each further one.
        jobs: What the vendor has; it deduplicates for 120 s.
    """

    bench: Bench
    seconds: float
    error: Any
    sent: list[float] = attrs.field(factory=list)
    jobs: dict[str, float] = attrs.field(factory=dict)

    def provider(self) -> FakeProvider:
        made = scripted()
        plain: Any = made
        plain.submit = self.submit
        return made

    def submit(self, _: Any, attempt_id: str) -> Job:
        passed = self.bench.clock.now - START
        if not self.sent:
            self.sent.append(passed)
            self.jobs[attempt_id] = passed
            raise lost()
        error = self.error() if passed < self.seconds else None
        if not isinstance(error, NotSent):
            self.sent.append(passed)
            assert passed <= 120.0, "the vendor no longer deduplicates"
        if error is not None:
            raise error
        assert attempt_id in self.jobs
        return job("42")


@pytest.mark.parametrize("error", [unsent, lost])
@pytest.mark.parametrize("seconds", [1.0, 5.0, 10.0, 30.0, 60.0, 90.0, 110.0, 114.0])
def test_an_outage_within_the_window_ends_in_the_one_job(
    bench: Bench, error: Any, seconds: float
) -> None:
    outage = Outage(bench, seconds, error)
    assert bench.submit(outage.provider()).id == "42"
    assert len(outage.jobs) == 1
    assert len(outage.sent) <= 3
    assert bench.entry.state is State.QUEUED


@pytest.mark.parametrize("error", [unsent, lost])
def test_an_outage_beyond_the_window_is_uncertain(bench: Bench, error: Any) -> None:
    outage = Outage(bench, 130.0, error)
    assert_uncertain(bench, bench.fail(outage.provider()))
    assert len(outage.jobs) == 1
    assert bench.clock.now - START <= 121.0


@pytest.mark.parametrize("error", [unsent, lost])
@pytest.mark.parametrize("killed", [3.0, 40.0, 100.0])
@pytest.mark.parametrize("seconds", [10.0, 60.0, 110.0])
def test_an_outage_is_resumed_where_a_killed_process_stopped(
    bench: Bench, error: Any, seconds: float, killed: float
) -> None:
    outage = Outage(bench, seconds, error)
    sleep = bench.clock.sleep

    def die(pause: float) -> None:
        left = START + killed - bench.clock.now
        if pause >= left:
            sleep(left)
            raise Interrupted
        sleep(pause)

    provider = outage.provider()
    dying = attrs.evolve(bench.submitter(provider), sleep=die)
    try:
        dying.submit(BOUGHT, submission(), submission)
    except Interrupted:
        assert bench.entry.state is KeyState.UNCERTAIN
        assert bench.submitter(provider).settle(bench.entry).id == "42"
    assert bench.entry.job is not None
    assert len(outage.jobs) == 1


@pytest.mark.parametrize("by", [1.0, 3600.0])
def test_the_attempt_that_was_made_last_is_settled_although_the_clock_was_set_back(
    bench: Bench, by: float
) -> None:
    first, second, resumed = scripted(refusal()), scripted(KeyboardInterrupt()), scripted(job("42"))
    bench.fail(first)
    bench.clock.now -= by
    with pytest.raises(KeyboardInterrupt):
        bench.submitter(second).submit(BOUGHT, submission(), submission, again=True)
    assert bench.submitter(resumed).settle(bench.entry).id == "42"
    assert resumed.sent == second.sent  # the refused one's id would buy a second job
    assert [attempt.id for attempt in bench.entry.attempts] == first.sent + second.sent


def test_a_vendor_that_asks_for_a_pause_is_given_it_within_the_window(bench: Bench) -> None:
    asks = ProviderUnavailable("503", billed=Billed.UNKNOWN, retry_after=40.0)
    provider = scripted(asks, job("42"))
    bench.submit(provider)
    assert bench.clock.slept == [40.0]
    later = attrs.evolve(BOUGHT, key="order-18")
    asks.retry_after = 600.0
    provider.steps = [asks, job("43")]
    bench.submitter(provider).submit(later, submission(), submission)
    assert bench.clock.slept == [40.0, 115.0]


# It may have arrived: what counts as inside the window.


@attrs.define
class Clocks:
    """Wall and boot clock of a machine that is set, suspended and restarted."""

    wall: float = START
    uptime: float = 500.0
    boot: str = "boot-1"

    def moment(self) -> Moment:
        return Moment(self.wall, self.uptime, self.boot)

    def sleep(self, seconds: float) -> None:
        self.wall += seconds
        self.uptime += seconds


def on(clocks: Clocks, bench: Bench, provider: FakeProvider) -> Submitter:
    plain: Any = provider
    return Submitter(plain, bench.journal, clocks.sleep, lambda: 0.0, moment=clocks.moment)


def clock_set_back(clocks: Clocks) -> None:
    clocks.wall -= 3600.0


def clock_set_forward(clocks: Clocks) -> None:
    clocks.wall += 3600.0


def clock_nudged(clocks: Clocks) -> None:
    clocks.wall -= 0.5


def suspended(clocks: Clocks) -> None:
    clocks.sleep(125.0)


def restarted(clocks: Clocks) -> None:
    clocks.sleep(20.0)
    clocks.boot, clocks.uptime = "boot-2", 15.0


def suspended_behind_a_clock_set_back(clocks: Clocks) -> None:
    clocks.uptime += 3700.0
    clocks.wall += 100.0


EVENTS = {
    clock_set_back: 1,
    clock_set_forward: 1,
    clock_nudged: 2,
    suspended: 1,
    restarted: 1,
    suspended_behind_a_clock_set_back: 1,
}


@pytest.mark.parametrize(("event", "sends"), EVENTS.items())
def test_nothing_is_sent_again_when_the_clocks_leave_a_doubt_about_the_window(
    bench: Bench, event: Any, sends: int
) -> None:
    clocks, provider = Clocks(), scripted(Interrupted(), job("42"))
    with pytest.raises(Interrupted):
        on(clocks, bench, provider).submit(BOUGHT, submission(), submission)
    event(clocks)
    if sends == 1:
        with pytest.raises(SubmitUncertain):
            on(clocks, bench, provider).settle(bench.entry)
    else:
        assert on(clocks, bench, provider).settle(bench.entry).id == "42"
    assert len(provider.sent) == sends


@pytest.mark.parametrize("event", [suspended, clock_set_back])
def test_nothing_is_sent_again_after_a_pause_that_took_longer_than_it_was_to(
    bench: Bench, event: Any
) -> None:
    clocks, provider = Clocks(), scripted(lost(), job("42"))

    def sleep(seconds: float) -> None:
        clocks.sleep(seconds)
        event(clocks)

    with pytest.raises(SubmitUncertain):
        attrs.evolve(on(clocks, bench, provider), sleep=sleep).submit(
            BOUGHT, submission(), submission
        )
    assert len(provider.sent) == 1


def test_an_attempt_of_an_older_version_is_not_sent_again(bench: Bench) -> None:
    provider = scripted(Interrupted(), job("42"))
    with pytest.raises(Interrupted):
        bench.submit(provider)
    change(bench.journal, "UPDATE attempts SET uptime=NULL, boot=NULL")
    with pytest.raises(SubmitUncertain):
        bench.submitter(provider).settle(bench.entry)
    assert len(provider.sent) == 1


@pytest.mark.parametrize(("call_takes", "leaves"), [(0.0, [0.0, 60.0]), (61.0, [0.0])])
def test_a_resend_takes_its_turn_of_the_rate_limit_before_the_window_is_checked(
    bench: Bench, call_takes: float, leaves: list[float]
) -> None:
    limiter = RateLimiter(60, bench.clock, bench.clock.sleep)
    provider = scripted()
    sent: list[float] = []

    def submit(*_: Any) -> Job:
        with limiter.call():
            sent.append(bench.clock.now - START)
            bench.clock.sleep(call_takes)
        if len(sent) > 1:
            return job("42")
        raise lost()

    def sleep(seconds: float) -> None:
        bench.clock.sleep(seconds)
        if len(bench.clock.slept) < 3:  # the account's other calls take the rest of the minute
            for _ in range(59):
                with limiter.call():
                    pass

    plain: Any = provider
    plain.submit = submit
    submitter = attrs.evolve(bench.submitter(provider), sleep=sleep, limiter=limiter)
    if len(leaves) > 1:
        assert submitter.submit(BOUGHT, submission(), submission).id == "42"
    else:
        with pytest.raises(SubmitUncertain):
            submitter.submit(BOUGHT, submission(), submission)
        assert bench.clock.now == START + 63.0, "there is no use in waiting for that turn"
    assert sent == pytest.approx(leaves)


def test_an_answer_that_cannot_be_read_may_have_bought(bench: Bench) -> None:
    unreadable = ProtocolError("half a body", billed=Billed.UNKNOWN, http_status=200, raw={"a": 1})
    provider = scripted(*[unreadable] * 3)
    error = bench.fail(provider)
    assert_uncertain(bench, error)
    assert (error.http_status, error.raw) == (200, {"a": 1})
    assert error.__cause__ is unreadable


def test_a_replayed_answer_that_another_purchase_owns_is_not_taken(bench: Bench) -> None:
    bench.own_elsewhere("42")
    error = bench.fail(scripted(lost(), job("42")))
    assert_uncertain(bench, error)
    assert "42" in error.message
    other = bench.journal.entry("other")
    assert other.job is not None
    assert other.state is State.QUEUED


@pytest.mark.parametrize("vendor_id", ["4\x002", "4\ud8002"])
def test_a_job_whose_id_no_database_takes_is_uncertain_and_named(
    bench: Bench, vendor_id: str
) -> None:
    provider = scripted(job(vendor_id), resend=Never())
    error = bench.fail(provider)
    assert_uncertain(bench, error)
    assert f"the job {vendor_id!r}, no usable id" in error.message
    assert len(provider.sent) == 1


def test_a_vendor_without_idempotency_and_history_is_never_asked_twice(bench: Bench) -> None:
    provider = scripted(lost(), job("42"), resend=Never())
    assert_uncertain(bench, bench.fail(provider))
    assert len(provider.sent) == 1


def test_a_call_that_was_masked_on_disk_is_not_sent_again(bench: Bench) -> None:
    signed = attrs.evolve(PAID, json={"url": "https://h.example/a?sig=1"})
    provider = scripted(Interrupted(), job("42"))
    with pytest.raises(Interrupted):
        bench.submitter(provider).submit(
            BOUGHT, submission(call=signed), lambda: submission(call=signed)
        )
    with pytest.raises(SubmitUncertain):
        bench.submitter(provider).settle(bench.entry)
    assert len(provider.sent) == 1


@pytest.mark.parametrize("prompt", ["make it ***sparkle***", "***", "a?***"])
def test_asterisks_in_a_prompt_are_no_mask(bench: Bench, prompt: str) -> None:
    call = attrs.evolve(PAID, json={"prompt": prompt})
    provider = scripted(Interrupted(), job("42"))
    with pytest.raises(Interrupted):
        bench.submitter(provider).submit(
            BOUGHT, submission(call=call), lambda: submission(call=call)
        )
    assert bench.submitter(provider).settle(bench.entry).id == "42"
    assert provider.bodies == [{"prompt": prompt}] * 2


def test_asterisks_that_an_older_version_wrote_may_be_a_mask(bench: Bench) -> None:
    call = attrs.evolve(PAID, json={"prompt": "***"})
    provider = scripted(Interrupted(), job("42"))
    with pytest.raises(Interrupted):
        bench.submitter(provider).submit(
            BOUGHT, submission(call=call), lambda: submission(call=call)
        )
    change(bench.journal, "UPDATE attempts SET masked=NULL")
    with pytest.raises(SubmitUncertain):
        bench.submitter(provider).settle(bench.entry)
    assert len(provider.sent) == 1


# It may have arrived: the vendor's history.


def test_a_job_found_in_the_history_is_adopted(bench: Bench) -> None:
    provider = FindingProvider(lost(), history=[NotSeen(), NotSeen(), Found(job("42"))])
    got = bench.submit(provider)
    assert len(provider.sent) == 1
    assert provider.looks == [START] * 3
    assert bench.clock.slept == [5.0, 5.0]
    assert (got.id, got.key, got.attempt_id) == ("42", "order-17", provider.sent[0])
    assert (bench.entry.state, bench.entry.ambiguous) == (State.QUEUED, False)


def test_a_job_not_seen_is_no_proof_of_absence(bench: Bench) -> None:
    provider = FindingProvider(lost("reset by peer"), history=[NotSeen((job("7"), job("8")))] * 99)
    error = bench.fail(provider)
    assert_uncertain(bench, error)
    assert len(provider.sent) == 1
    assert len(provider.looks) == 13
    assert bench.clock.now == START + 60.0
    assert "reset by peer" in error.message


def test_a_found_job_that_another_purchase_owns_is_not_adopted(bench: Bench) -> None:
    bench.own_elsewhere("42")
    error = bench.fail(FindingProvider(lost(), history=[Found(job("42"))]))
    assert_uncertain(bench, error)


def test_a_job_that_another_purchase_owns_is_no_candidate(bench: Bench) -> None:
    bench.own_elsewhere("42")
    twins = NotSeen((job("42"), job("43")))
    provider = FindingProvider(lost(), history=[twins])
    assert bench.submit(provider).id == "43"
    provider.history = [twins]
    assert bench.submitter(provider).candidates(provider, submission(), START) == ()


def test_a_job_that_nothing_ties_to_the_submit_is_shown_and_not_adopted(bench: Bench) -> None:
    doubtful = NotSeen(doubtful=(job("42"),))
    provider = FindingProvider(lost(), history=[doubtful] * 99)
    assert_uncertain(bench, bench.fail(provider))
    shown = bench.submitter(provider).candidates(provider, submission(), START)
    assert [one.id for one in shown] == ["42"]


def test_a_history_that_cannot_be_read_is_looked_at_again(bench: Bench) -> None:
    history = [NotSent("no network"), ProviderUnavailable("503"), Found(job("42"))]
    assert bench.submit(FindingProvider(lost(), history=history)).id == "42"


def test_a_history_that_can_never_be_read_leaves_it_uncertain(bench: Bench) -> None:
    error = bench.fail(FindingProvider(lost(), history=[NotSent("no network")] * 99))
    assert_uncertain(bench, error)


# Crashes.


def test_a_crash_in_the_call_leaves_the_intention_and_resuming_sends_the_same_id(
    bench: Bench,
) -> None:
    provider = scripted(Interrupted(), job("42"))
    with pytest.raises(Interrupted):
        bench.submit(provider)
    left = bench.entry
    assert (left.state, left.ambiguous, left.open) == (KeyState.INTENDED, False, True)
    assert left.attempts[0].sends == 1
    bench.clock.now += 30
    got = bench.submitter(provider).settle(left)
    assert provider.sent == [left.attempts[0].id] * 2
    assert provider.bodies == [{"img_id": 7}] * 2
    assert (got.id, got.key, got.attempt_id) == ("42", "order-17", left.attempts[0].id)
    assert bench.entry.state is State.QUEUED


def test_a_crash_that_is_resumed_after_the_window_is_uncertain(bench: Bench) -> None:
    provider = scripted(Interrupted(), job("42"))
    with pytest.raises(Interrupted):
        bench.submit(provider)
    bench.clock.now += 119
    with pytest.raises(SubmitUncertain) as caught:
        bench.submitter(provider).settle(bench.entry)
    assert len(provider.sent) == 1
    assert_uncertain(bench, caught.value)


def test_a_crash_is_resumed_from_the_history_where_there_is_no_idempotency(bench: Bench) -> None:
    provider = FindingProvider(Interrupted(), history=[Found(job("42"))])
    with pytest.raises(Interrupted):
        bench.submit(provider)
    assert bench.submitter(provider).settle(bench.entry).id == "42"
    assert len(provider.sent) == 1


@pytest.mark.parametrize(("timeout", "waits"), [(None, 65), (600.0, 605)])
def test_another_process_is_left_alone_for_as_long_as_its_call_may_take(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, timeout: float | None, waits: float
) -> None:
    monkeypatch.setattr(Journal, "alive", lambda *_: True)
    made = bench.journal.intend(BOUGHT, "a1", submission(timeout=timeout), "f" * 16)
    bench.journal.sending(made)
    with pytest.raises(SubmitUncertain):
        bench.submitter(FindingProvider()).settle(bench.entry)
    first_look = next(n for n, pause in enumerate(bench.clock.slept) if pause != OTHER_PAUSE)
    assert sum(bench.clock.slept[:first_look]) == pytest.approx(waits, abs=2 * OTHER_PAUSE)


@pytest.mark.parametrize("sends", [0, 1])
def test_a_clock_that_was_set_back_makes_nobody_wait_longer_for_another_process(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    sends: int,
) -> None:
    monkeypatch.setattr(Journal, "alive", lambda *_: True)
    wall = [START]
    monkeypatch.setattr(bench, "time", lambda: wall[0])
    provider = FindingProvider(history=[Found(job("42"))])
    made = bench.journal.intend(BOUGHT, "a1", submission(), "f" * 16)
    if sends:
        bench.journal.sending(made, lambda: Moment(START, START, "given"))
    wall[0] -= 7200.0
    submitter = attrs.evolve(bench.submitter(provider), now=lambda: wall[0])
    with caplog.at_level("INFO", "motionkit"):
        if sends:
            assert submitter.settle(bench.entry).id == "42"
        else:
            with pytest.raises(NotSent):
                submitter.settle(bench.entry)
    assert bench.clock.now - START <= PATIENCE + 2 * OTHER_PAUSE
    told = [record.message for record in caplog.records if "another process" in record.message]
    assert told == [
        "another process may be in the middle of submitting order-17; waiting for it, 65 s at most"
    ]


def test_an_attempt_that_was_never_handed_over_bought_nothing_and_may_be_bought_now(
    bench: Bench,
) -> None:
    bench.journal.intend(BOUGHT, "a1", submission(), "f" * 16)
    provider = scripted(job("42"))
    with pytest.raises(NotSent) as caught:
        bench.submitter(provider).settle(bench.entry)
    assert caught.value.billed is Billed.NO
    assert provider.sent == []
    assert (bench.entry.state, bench.entry.ambiguous) == (KeyState.REFUSED, False)
    got = bench.submitter(provider).submit(BOUGHT, submission(), submission, again=True)
    assert (got.id, got.key) == ("42", "order-17")
    assert provider.sent != ["a1"]


@attrs.define
class Second:
    """Another thread that asks for the same key while the first is in the middle of it.

    Attributes:
        submitter: The second thread's.
        waiting: Set when it waits, or is done.
        got: What it came to.
    """

    submitter: Submitter
    waiting: threading.Event = attrs.field(factory=threading.Event)
    go_on: threading.Event = attrs.field(factory=threading.Event)
    got: list[Any] = attrs.field(factory=list)

    def settle(self, bench: Bench) -> None:
        def sleep(_: float) -> None:
            self.waiting.set()
            self.go_on.wait(PATIENCE_OF_TESTS)

        waiter = attrs.evolve(self.submitter, sleep=sleep)
        try:
            self.got.append(waiter.settle(bench.entry))
        except MotionKitError as error:
            self.got.append(error)
        finally:
            self.waiting.set()


PATIENCE_OF_TESTS = 120.0


@pytest.mark.parametrize("moment", ["between intention and call", "in the call"])
def test_a_thread_waits_for_the_thread_that_is_in_the_middle_of_the_same_key(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    provider = scripted(job("42"))
    second = Second(bench.submitter(provider))
    thread = threading.Thread(target=second.settle, args=(bench,))

    def meet(*_: Any) -> None:
        thread.start()
        assert second.waiting.wait(PATIENCE_OF_TESTS)

    if moment == "in the call":
        provider.before = meet
    else:
        intend = bench.journal.intend

        def preempted(*args: Any, **named: Any) -> Any:
            made = intend(*args, **named)
            meet()
            return made

        monkeypatch.setattr(bench.journal, "intend", preempted)
    try:
        bought = bench.submit(provider)
    finally:
        second.go_on.set()
        thread.join(PATIENCE_OF_TESTS)
    assert second.got == [bought]
    assert len(provider.sent) == 1
    assert not submission_module._IN_FLIGHT


def test_a_thread_waits_for_the_thread_that_sends_the_same_id_again(bench: Bench) -> None:
    provider = scripted(lost(), job("42"))
    second = Second(bench.submitter(provider))
    thread = threading.Thread(target=second.settle, args=(bench,))

    def sleep(_: float) -> None:
        thread.start()
        assert second.waiting.wait(PATIENCE_OF_TESTS)

    try:
        bought = attrs.evolve(bench.submitter(provider), sleep=sleep).submit(
            BOUGHT, submission(), submission
        )
    finally:
        second.go_on.set()
        thread.join(PATIENCE_OF_TESTS)
    assert second.got == [bought]
    assert len(provider.sent) == 2


def test_a_submit_that_is_refused_just_as_it_is_looked_at_is_no_interrupted_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read as intended, and is out of flight before the look that would show it there."""
    read = bench.journal.entry
    looks: list[KeyState] = []

    def entry(key: str) -> PurchaseRecord:
        record = read(key)
        looks.append(record.state)
        if len(looks) == 2:  # the first is the caller's
            first.set()
            assert refused.wait(PATIENCE_OF_TESTS)
        return record

    first, refused = threading.Event(), threading.Event()
    provider = scripted(Busy("5 jobs run"))
    second = Second(bench.submitter(provider))
    thread = threading.Thread(target=second.settle, args=(bench,))

    def meet(*_: Any) -> None:
        monkeypatch.setattr(bench.journal, "entry", entry)
        thread.start()
        assert first.wait(PATIENCE_OF_TESTS)

    provider.before = meet
    try:
        with pytest.raises(Busy):
            bench.submit(provider)
    finally:
        refused.set()
        thread.join(PATIENCE_OF_TESTS)
    assert looks[1] is KeyState.INTENDED
    assert isinstance(second.got[0], InvalidRequest)
    assert (bench.entry.state, bench.entry.ambiguous) == (KeyState.REFUSED, False)


def test_two_processes_that_resume_at_once_make_no_more_resends_than_one(bench: Bench) -> None:
    provider = scripted(lost(), *[lost() for _ in range(10)])
    other = bench.submitter(provider)
    met: list[Any] = []

    def sleep(seconds: float) -> None:
        if not met:
            met.append("the other one")
            attempt = attrs.evolve(bench.entry.attempts[-1], masked=False)
            with pytest.raises(SubmitUncertain):
                other._resolve(attempt, lost())
        else:
            bench.clock.sleep(seconds)

    with pytest.raises(SubmitUncertain):
        attrs.evolve(bench.submitter(provider), sleep=sleep).submit(
            BOUGHT, submission(), submission
        )
    assert len(provider.sent) == 3
    assert bench.entry.attempts[0].sends == 3


def test_an_uncertain_purchase_may_be_settled_again_and_again(bench: Bench) -> None:
    provider = FindingProvider(lost(), history=[NotSeen()] * 13)
    assert_uncertain(bench, bench.fail(provider))
    with pytest.raises(SubmitUncertain):
        bench.submitter(provider).settle(bench.entry)
    provider.history = [Found(job("42"))]
    assert bench.submitter(provider).settle(bench.entry).id == "42"
    assert len(provider.sent) == 1


def test_settling_is_marked_as_uncertain_before_anything_is_done(bench: Bench) -> None:
    provider = scripted(Interrupted(), Interrupted())
    with pytest.raises(Interrupted):
        bench.submit(provider)
    with pytest.raises(Interrupted):
        bench.submitter(provider).settle(bench.entry)
    assert (bench.entry.state, bench.entry.ambiguous) == (KeyState.UNCERTAIN, True)
    assert bench.entry.attempts[0].sends == 2


# The ledger fails.


def breaking(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise JournalError("cannot write to the journal: disk full")

    for name in names:
        monkeypatch.setattr(Journal, name, broken)


@pytest.mark.parametrize("name", ["intend", "sending"])
def test_without_a_ledger_nothing_is_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    breaking(monkeypatch, name)
    provider = scripted(job("42"))
    error = bench.fail(provider)
    assert type(error) is JournalError
    assert error.billed is Billed.NO
    assert provider.sent == []


def test_a_further_attempt_without_a_ledger_is_not_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = scripted(refusal(), job("42"))
    bench.fail(provider)
    breaking(monkeypatch, "intend")
    with pytest.raises(JournalError):
        bench.submitter(provider).submit(BOUGHT, submission(), submission, again=True)
    assert len(provider.sent) == 1


def test_a_job_that_cannot_be_written_comes_out_with_the_error(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking(monkeypatch, "accepted")
    error: Any = bench.fail(scripted(job("42")))
    assert type(error) is JournalError
    assert error.billed is Billed.YES
    assert error.job is not None
    assert (error.job.id, error.job.key) == ("42", "order-17")
    assert error.hint is not None
    begin, text = error.hint[:11], error.hint[11:]
    assert begin == "keep this: "
    assert Job.from_json(text) == error.job


def test_a_doubt_that_cannot_be_written_is_not_called_free(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking(monkeypatch, "uncertain")
    provider = scripted(lost(), job("42"))
    error = bench.fail(provider)
    assert type(error) is JournalError
    assert error.billed is Billed.UNKNOWN
    assert len(provider.sent) == 1


def test_a_resend_that_cannot_be_written_ahead_is_not_sent_and_not_called_free(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = scripted(lost(), job("42"))
    provider.before = lambda _: breaking(monkeypatch, "sending")
    error = bench.fail(provider)
    assert type(error) is JournalError
    assert error.billed is Billed.UNKNOWN
    assert len(provider.sent) == 1


def test_settling_without_a_ledger_sends_nothing_and_is_not_called_free(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = scripted(Interrupted(), job("42"))
    with pytest.raises(Interrupted):
        bench.submit(provider)
    entry = bench.entry
    breaking(monkeypatch, "uncertain")
    with pytest.raises(JournalError) as caught:
        bench.submitter(provider).settle(entry)
    assert caught.value.billed is Billed.UNKNOWN
    assert len(provider.sent) == 1


def test_an_attempt_that_leaves_while_it_is_settled_is_not_called_unsent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = scripted()
    submitter = bench.submitter(provider)
    attempt = bench.journal.intend(BOUGHT, "first", submission(), provider.fingerprint)
    seen = bench.entry
    read = iter([seen])  # its process is slow, and sends right after it was looked at

    def await_other(self: Submitter, key: str) -> PurchaseRecord:
        stale = next(read, None)
        if stale is None:
            return self.journal.entry(key)
        self.journal.sending(attempt)
        return stale

    monkeypatch.setattr(Submitter, "_await_other_process", await_other)
    with pytest.raises(SubmitUncertain):
        submitter.settle(seen)
    assert bench.entry.ambiguous
    assert provider.sent == []


# A vendor that deduplicates by an attempt's id, and lists it.


def listing(*steps: Any, history: Any = (), times: int = 1) -> FindingProvider:
    made = FindingProvider(*steps, history=history)
    made.resend = SameId(window=120.0, times=times)
    return made


def test_a_lost_submit_whose_id_is_listed_is_not_sent_again(bench: Bench) -> None:
    provider = listing(lost(), history=[NotSeen(), Found(job("42"))])
    assert bench.submit(provider).id == "42"
    assert len(provider.sent) == 1
    assert bench.clock.slept == [5.0]


def test_a_history_is_searched_for_the_attempts_id_where_the_vendor_knows_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = listing(lost())
    searched = []

    def find(submission: Any, since: float) -> Found:
        searched.append((submission.token, since))
        return Found(job("42"))

    monkeypatch.setattr(provider, "find", find)
    assert bench.submit(provider).id == "42"
    assert searched == [(provider.sent[0], START)]


def test_an_id_that_is_not_listed_is_sent_once_more_and_then_looked_for(bench: Bench) -> None:
    late = [*[NotSeen()] * 30, Found(job("42"))]
    provider = listing(lost(), lost("exists already"), history=late)
    assert bench.submit(provider).id == "42"
    assert provider.sent == [provider.sent[0]] * 2
    assert bench.entry.attempts[-1].sends == 2


def test_a_submit_that_neither_answers_nor_is_listed_stays_uncertain(bench: Bench) -> None:
    provider = listing(lost(), lost())
    assert_uncertain(bench, bench.fail(provider))
    assert len(provider.sent) == 2


def test_a_refused_re_send_does_not_hide_a_job_that_the_history_shows(bench: Bench) -> None:
    provider = listing(lost(), refusal(), history=[*[NotSeen()] * 30, Found(job("42"))])
    assert bench.submit(provider).id == "42"


def test_a_submit_that_is_resolved_both_ways_counts_as_alive_for_the_time_of_both(
    bench: Bench,
) -> None:
    submitter = bench.submitter(listing())
    assert submitter._longest(submission(), ours=True) == PATIENCE + 120.0 + 60.0
