"""Toy Theatre's words and codes, each with what it means here."""

from __future__ import annotations

from collections.abc import Mapping

from motionkit.errors import (
    AuthenticationError,
    Billed,
    Busy,
    ContentBlocked,
    InsufficientCredits,
    InvalidRequest,
    JobNotFound,
    MediaRejected,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
)
from motionkit.model.job import State
from motionkit.provider import ErrorRow

ACTS: Mapping[str, tuple[State, Billed]] = {
    "backstage": (State.QUEUED, Billed.UNKNOWN),
    "onstage": (State.RUNNING, Billed.UNKNOWN),
    "applause": (State.SUCCEEDED, Billed.YES),
    "tangled": (State.FAILED, Billed.NO),
    "curtain": (State.BLOCKED, Billed.UNKNOWN),
    "swept": (State.GONE, Billed.UNKNOWN),
}
"""How far a play is, and whether it is paid for: https://toy.invalid/docs/acts."""

OOPS: Mapping[str, ErrorRow] = {
    "who-goes-there": ErrorRow(AuthenticationError, "the key opens no door"),
    "odd-size": ErrorRow(InvalidRequest, "there is no stage of that size"),
    "torn-prop": ErrorRow(MediaRejected, "a prop cannot be used"),
    "not-for-children": ErrorRow(ContentBlocked, "the play is not for children"),
    "gallery-only": ErrorRow(PermissionDenied, "the ticket does not cover this"),
    "empty-purse": ErrorRow(InsufficientCredits, "the purse is empty"),
    "full-house": ErrorRow(Busy, "every stage is taken"),
    "hush": ErrorRow(RateLimited, "too many calls", hint="call less often"),
    "no-such-play": ErrorRow(JobNotFound, "the play is not on the bill", refuses=False),
    "fire": ErrorRow(ProviderUnavailable, "the house was cleared in mid-scene", refuses=False),
}
"""Why a call did not work: https://toy.invalid/docs/oops."""
