"""Free calls are tried again when that may help."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import stamina
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from motionkit import errors
from motionkit.errors import MotionKitError
from motionkit.http import retry


class Call:
    """Fail with the given errors in turn, then answer."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


@pytest.mark.parametrize(
    "kind",
    [errors.ProviderUnavailable, errors.RateLimited, errors.ProtocolError],
)
@pytest.mark.parametrize("failures", [1, 2, 3])
def test_a_transient_error_is_tried_again(kind: type[MotionKitError], failures: int) -> None:
    call = Call(*[kind("again") for _ in range(failures)])
    assert retry.read(call) == "answer"
    assert call.made == failures + 1


def test_a_subclass_of_a_transient_error_is_tried_again() -> None:
    from motionkit.http import NotSent

    call = Call(NotSent("no bytes"))
    assert retry.read(call) == "answer"
    assert call.made == 2


def test_after_four_tries_the_last_error_comes_out() -> None:
    failures = [errors.ProviderUnavailable(f"try {n}") for n in range(1, 9)]
    call = Call(*failures)
    with pytest.raises(errors.ProviderUnavailable, match="try 4"):
        retry.read(call)
    assert call.made == 4


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidRequest("no"),
        errors.AuthenticationError("no"),
        errors.InsufficientCredits("no"),
        errors.Busy("no"),
        errors.ContentBlocked("no"),
        errors.JobNotFound("no"),
        errors.NotReady("no"),
        errors.JobFailed("no"),
        errors.SubmitUncertain("no"),
        errors.JournalError("no"),
        errors.DownloadFailed("no"),
        MotionKitError("no"),
        ValueError("a bug is no bad network"),
        OSError("neither is a full disk"),
    ],
)
def test_any_other_error_comes_out_at_once(error: Exception) -> None:
    call = Call(error)
    with pytest.raises(type(error)) as caught:
        retry.read(call)
    assert caught.value is error
    assert call.made == 1


@pytest.fixture
def waits() -> Iterator[list[float]]:
    """Collect the waits that stamina plans."""
    planned: list[float] = []

    def note(details: RetryDetails) -> None:
        planned.append(details.wait_for)

    set_on_retry_hooks([note])
    yield planned
    set_on_retry_hooks(None)


@pytest.fixture
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pass over the waiting, keep what was planned."""
    monkeypatch.setattr(time, "sleep", lambda _: None)


@pytest.mark.usefixtures("real_retries", "no_sleep")
@pytest.mark.parametrize("asked", [0.0, 3.0, 30.0])
def test_what_the_vendor_asks_for_is_waited(asked: float, waits: list[float]) -> None:
    call = Call(errors.RateLimited("slow down", retry_after=asked))
    assert retry.read(call) == "answer"
    assert waits == [asked]


@pytest.mark.usefixtures("real_retries", "no_sleep")
def test_without_a_wish_of_the_vendor_waits_are_short_and_jittered(waits: list[float]) -> None:
    call = Call(*[errors.ProviderUnavailable("again") for _ in range(3)])
    assert retry.read(call) == "answer"
    assert len(waits) == 3
    assert all(0 < wait <= 10.0 for wait in waits)


@pytest.mark.parametrize("asked", [30.5, 3600.0])
def test_a_longer_wish_is_left_to_the_caller(asked: float) -> None:
    call = Call(errors.RateLimited("come back tomorrow", retry_after=asked))
    with pytest.raises(errors.RateLimited) as caught:
        retry.read(call)
    assert caught.value.retry_after == asked
    assert call.made == 1


@pytest.mark.usefixtures("real_retries")
def test_the_total_deadline_ends_the_tries() -> None:
    call = Call(*[errors.ProviderUnavailable("again") for _ in range(9)])
    with pytest.raises(errors.ProviderUnavailable):
        retry.read(call, timeout=0.05)
    assert call.made < 4


def test_retries_can_be_switched_off_by_the_user() -> None:
    call = Call(errors.ProviderUnavailable("again"))
    stamina.set_active(False)
    try:
        with pytest.raises(errors.ProviderUnavailable):
            retry.read(call)
    finally:
        stamina.set_active(True)
    assert call.made == 1
