"""One exit code for each error class."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest

from motionkit import errors
from motionkit.cli import exit_codes
from motionkit.errors import MotionKitError

TABLE = {
    "MotionKitError": 1,
    "ConfigError": 2,
    "InvalidRequest": 2,
    "InvalidRows": 2,
    "Unsupported": 2,
    "AuthenticationError": 3,
    "PermissionDenied": 3,
    "SignatureError": 3,
    "InsufficientCredits": 4,
    "BudgetExceeded": 4,
    "MediaRejected": 5,
    "ContentBlocked": 5,
    "JobFailed": 6,
    "JobCancelled": 6,
    "JobGone": 6,
    "JobNotFound": 6,
    "Busy": 7,
    "RateLimited": 7,
    "ProviderUnavailable": 8,
    "NotSent": 8,
    "Untrusted": 2,
    "ProtocolError": 8,
    "NoTargetLeft": 8,
    "WaitTimeout": 9,
    "NotReady": 9,
    "SubmitUncertain": 10,
    "JournalError": 11,
    "DownloadFailed": 11,
}


def subclasses(kind: type[MotionKitError]) -> Iterator[type[MotionKitError]]:
    yield kind
    for sub in kind.__subclasses__():
        yield from subclasses(sub)


def public_classes() -> set[type[MotionKitError]]:
    for module in (
        *("batch.inputs", "client.client", "http.session", "provider.uploads", "http.download"),
        "cli.app",
    ):
        importlib.import_module(f"motionkit.{module}")
    return {
        kind
        for kind in subclasses(MotionKitError)
        if kind.__module__.startswith("motionkit.") and not kind.__name__.startswith("_")
    }


def test_every_error_class_has_one_code_in_the_table() -> None:
    assert {kind.__name__ for kind in public_classes()} == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_an_error_class_ends_with_its_code(name: str) -> None:
    (kind,) = [kind for kind in public_classes() if kind.__name__ == name]
    assert exit_codes.code_of(kind("x")) == TABLE[name]


def test_every_class_of_the_error_tree_is_named_by_itself() -> None:
    named = {kind for kind in public_classes() if kind.__module__ == errors.__name__}
    assert set(exit_codes.CODES) == named


def test_a_class_of_ones_own_ends_like_its_nearest_parent() -> None:
    class Stranger(errors.Busy):
        pass

    assert exit_codes.code_of(Stranger("x")) == 7
    assert exit_codes.code_of(ValueError("x")) == 1


def test_every_code_has_a_meaning() -> None:
    assert set(exit_codes.CODES.values()) | {0} == set(exit_codes.MEANINGS)
