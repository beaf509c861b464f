"""A stage: one account with a vendor behind it that can be asked to behave in certain ways."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import attrs

import motionkit as mk
from motionkit.client import Client
from motionkit.config import Account, Config, Defaults
from motionkit.errors import (
    AuthenticationError,
    Busy,
    ContentBlocked,
    InsufficientCredits,
    InvalidRequest,
    MediaRejected,
    MotionKitError,
    PermissionDenied,
    ProtocolError,
    ProviderUnavailable,
    RateLimited,
)
from motionkit.provider import AccountSettings, Provider
from motionkit.testing import samples


class Situation(enum.Enum):
    """What a vendor can be asked to do next."""

    JOB_FAILS = "the next job fails"
    JOB_BLOCKED = "moderation stops the next job"
    JOB_GONE = "the vendor drops the job"
    STRANGE_WORD = "the next observation has a status word that nobody documents"
    NOT_FOUND = "the next observation does not find the job"
    NO_OUTPUT = "the job is done and has no output yet"
    INVALID = "the submit is refused for a wrong value"
    MEDIA_REJECTED = "the submit is refused for its media"
    CONTENT_BLOCKED = "the submit is refused by moderation"
    FORBIDDEN = "the submit is refused by the plan"
    NO_CREDITS = "the submit is refused for lack of credits"
    BUSY = "the submit is refused by the concurrency limit"
    RATE_LIMITED = "the submit is refused for too many calls"
    SUBMIT_5XX = "the submit answers a server error without a known refusal"
    SUBMIT_GARBAGE = "the submit answers what nobody can read"
    POLL_5XX = "the next observation answers a server error"
    POLL_GARBAGE = "the next observation answers what nobody can read"
    POLL_RATE_LIMITED = "the next observation is refused for too many calls"


REFUSALS: Mapping[Situation, type[MotionKitError]] = {
    Situation.INVALID: InvalidRequest,
    Situation.MEDIA_REJECTED: MediaRejected,
    Situation.CONTENT_BLOCKED: ContentBlocked,
    Situation.FORBIDDEN: PermissionDenied,
    Situation.NO_CREDITS: InsufficientCredits,
    Situation.BUSY: Busy,
    Situation.RATE_LIMITED: RateLimited,
}
"""A refused submit: nothing was bought."""

WRONG_KEY_ERROR: type[MotionKitError] = AuthenticationError

AMBIGUOUS: Mapping[Situation, type[MotionKitError]] = {
    Situation.SUBMIT_5XX: ProviderUnavailable,
    Situation.SUBMIT_GARBAGE: ProtocolError,
}
"""A submit that may have arrived."""

HICCUPS: Mapping[Situation, type[MotionKitError]] = {
    Situation.POLL_5XX: ProviderUnavailable,
    Situation.POLL_GARBAGE: ProtocolError,
    Situation.POLL_RATE_LIMITED: RateLimited,
}
"""An observation that fails and says nothing of the job."""


class Stage(Protocol):
    """What the contract suite plays on. One is made afresh for each test."""

    @property
    def provider_class(self) -> type[Provider]:
        """The adapter under test."""

    @property
    def settings(self) -> AccountSettings:
        """Settings of an account that the vendor knows."""

    def bought(self) -> int | None:
        """Return how many jobs the vendor has made; None when nobody can tell."""

    def arrange(self, situation: Situation) -> None:
        """Make the vendor do this next.

        Raises:
            LookupError: This vendor cannot be brought to it.
        """

    def pass_time(self, seconds: float) -> None:
        """Let the vendor's time go by."""

    def wrong_key(self) -> AccountSettings:
        """Return settings with a key that the vendor does not know."""


@attrs.define
class Time:
    """A clock that moves when somebody sleeps on it, and takes the vendor's along."""

    passing: Callable[[float], None]
    now: float = 0.0

    def __call__(self) -> float:
        """Return the seconds passed."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let the seconds pass at once."""
        self.now += seconds
        self.passing(seconds)


JOB_SECONDS = 120.0
"""Vendor seconds that every job on a stage takes."""
ACCOUNT = "stage"


def options_for(
    stage: Stage, folder: Path, settings: AccountSettings | None = None
) -> dict[str, Any]:
    """Return what `Client` and `AsyncClient` take, for `client_for`."""
    time = Time(stage.pass_time)
    name = stage.provider_class.name
    account = Account(ACCOUNT, name, settings or stage.settings)
    return {
        "config": Config(
            accounts={ACCOUNT: account}, defaults=Defaults(), journal=folder / "journal.db"
        ),
        "provider_classes": {name: stage.provider_class},
        "sleep": time.sleep,
        "clock": time,
        "spread": lambda: 0.5,
    }


def client_for(stage: Stage, folder: Path, settings: AccountSettings | None = None) -> Client:
    """Return a client with the stage's account, a journal in the folder, and the stage's time."""
    return Client(**options_for(stage, folder, settings))


def sample_request(**values: object) -> mk.Request:
    """Return the request that stages take unless they say otherwise."""
    given: dict[str, object] = {"quality": "540p", **values}
    return mk.Mimic(samples.PICTURE, samples.CLIP, **given)  # type: ignore[arg-type]
