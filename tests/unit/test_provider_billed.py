"""Once there is a job, no error says that nothing was bought, unless its end says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import job

from motionkit.errors import (
    AuthenticationError,
    Billed,
    ConfigError,
    ContentBlocked,
    InvalidRequest,
    JobFailed,
    JobGone,
    JobNotFound,
    MotionKitError,
    PermissionDenied,
    ProtocolError,
    ProviderUnavailable,
    RateLimited,
)
from motionkit.http import NotSent
from motionkit.polling.observe import about
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import ACCOUNT, client_for, sample_request

CALLS = (
    AuthenticationError,
    ConfigError,
    InvalidRequest,
    JobNotFound,
    NotSent,
    PermissionDenied,
    ProtocolError,
    ProviderUnavailable,
    RateLimited,
)
"""What a call about a job may end in."""
ENDS = (JobFailed, ContentBlocked, JobGone)
"""What the job itself may end in: the vendor's page may say that it is refunded."""


@pytest.mark.parametrize("kind", CALLS)
def test_an_error_about_a_job_never_says_that_nothing_was_bought(
    kind: type[MotionKitError],
) -> None:
    thing = job("42")
    with pytest.raises(kind) as caught, about(thing):
        raise kind("refused", billed=Billed.NO)
    assert caught.value.billed is Billed.UNKNOWN
    assert caught.value.job == thing


@pytest.mark.parametrize("kind", [*CALLS, *ENDS])
def test_an_error_about_a_job_that_was_charged_stays_charged(kind: type[MotionKitError]) -> None:
    with pytest.raises(kind) as caught, about(job("42")):
        raise kind("?", billed=Billed.YES)
    assert caught.value.billed is Billed.YES


@pytest.mark.parametrize("kind", ENDS)
def test_the_end_of_a_job_may_say_that_it_was_refunded(kind: type[MotionKitError]) -> None:
    with pytest.raises(kind) as caught, about(job("42")):
        raise kind("refunded", billed=Billed.NO)
    assert caught.value.billed is Billed.NO


@pytest.mark.parametrize("verb", ["poll", "result", "wait"])
@pytest.mark.parametrize("kind", [AuthenticationError, PermissionDenied, InvalidRequest])
def test_a_client_never_says_that_a_job_was_not_bought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, kind: type[MotionKitError]
) -> None:
    with client_for(MemoryStage(), tmp_path) as client:
        bought = client.submit(sample_request(), via=ACCOUNT)

        def refuse(*_: Any) -> None:
            raise kind("refused", billed=Billed.NO)

        monkeypatch.setattr(client.account(ACCOUNT), "poll", refuse)
        with pytest.raises(kind) as caught:
            getattr(client, verb)(bought)
    assert caught.value.billed is Billed.UNKNOWN
    assert caught.value.job == bought
