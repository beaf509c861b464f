"""A stage: one account at a vendor whose behaviour can be arranged."""

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
    """A behaviour of the vendor that can be arranged."""

    JOB_FAILS = "the next job fails"
    JOB_BLOCKED = "moderation blocks the next job"
    JOB_GONE = "the vendor drops the job"
    STRANGE_WORD = "the next poll has an undocumented status"
    NOT_FOUND = "the next poll does not find the job"
    NO_OUTPUT = "the job is finished and has no output yet"
    INVALID = "the submit is refused for an invalid value"
    MEDIA_REJECTED = "the submit is refused for its media"
    CONTENT_BLOCKED = "the submit is refused by moderation"
    FORBIDDEN = "the submit is refused by the plan"
    NO_CREDITS = "the submit is refused for lack of credits"
    BUSY = "the submit is refused by the concurrency limit"
    RATE_LIMITED = "the submit is refused by the rate limit"
    SUBMIT_5XX = "the submit gets a server error without a known refusal"
    SUBMIT_GARBAGE = "the submit gets an unreadable response"
    POLL_5XX = "the next poll gets a server error"
    POLL_GARBAGE = "the next poll gets an unreadable response"
    POLL_RATE_LIMITED = "the next poll is refused by the rate limit"


REFUSALS: Mapping[Situation, type[MotionKitError]] = {
    Situation.INVALID: InvalidRequest,
    Situation.MEDIA_REJECTED: MediaRejected,
    Situation.CONTENT_BLOCKED: ContentBlocked,
    Situation.FORBIDDEN: PermissionDenied,
    Situation.NO_CREDITS: InsufficientCredits,
    Situation.BUSY: Busy,
    Situation.RATE_LIMITED: RateLimited,
}
"""A refused submit: nothing is charged."""

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
"""A failed poll, which says nothing about the job."""


class Stage(Protocol):
    """The environment of a contract test. Each test has its own."""

    @property
    def provider_class(self) -> type[Provider]:
        """The adapter under test."""

    @property
    def settings(self) -> AccountSettings:
        """Settings of a valid account."""

    def bought(self) -> int | None:
        """Return the vendor's number of jobs; None if unknown."""

    def arrange(self, situation: Situation) -> None:
        """Make the vendor behave so next.

        Raises:
            LookupError: It cannot be arranged at this vendor.
        """

    def pass_time(self, seconds: float) -> None:
        """Advance the vendor's time."""

    def wrong_key(self) -> AccountSettings:
        """Return settings with an invalid key."""


@attrs.define
class Time:
    """A clock that sleeping advances, together with the vendor's time."""

    passing: Callable[[float], None]
    now: float = 0.0

    def __call__(self) -> float:
        """Return the seconds passed."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Advance both clocks."""
        self.now += seconds
        self.passing(seconds)


JOB_SECONDS = 120.0
"""Vendor seconds that every job on a stage takes."""
ACCOUNT = "stage"


def options_for(
    stage: Stage, folder: Path, settings: AccountSettings | None = None
) -> dict[str, Any]:
    """Return the arguments of `Client` and `AsyncClient` for a stage."""
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
    """Return a client with the stage's account and time, and a journal in the folder."""
    return Client(**options_for(stage, folder, settings))


def sample_request(*, long: bool = False, **values: object) -> mk.Request:
    """Return a small valid request; `long` with a clip of four seconds instead of two."""
    given: dict[str, object] = {"quality": "540p", **values}
    clip = samples.LONG_CLIP if long else samples.CLIP
    return mk.Mimic(samples.PICTURE, clip, **given)  # type: ignore[arg-type]
