"""The exit code of each error class, as data."""

from __future__ import annotations

from collections.abc import Mapping

from motionkit import errors

DONE = 0
UNEXPECTED = 1
USAGE = 2
STILL_RUNNING = 9
UNCERTAIN = 10
STORAGE = 11

MEANINGS: Mapping[int, str] = {
    DONE: "done",
    UNEXPECTED: "unexpected error, or stopped before a submit",
    USAGE: "usage, configuration or invalid request",
    3: "authentication or permission",
    4: "insufficient credits, or a cap or budget exceeded",
    5: "media rejected or content blocked",
    6: "job failed or gone",
    7: "busy or rate limited",
    8: "provider unavailable, protocol error or no target left",
    STILL_RUNNING: "deadline passed or interrupted; the job still runs",
    UNCERTAIN: "submit uncertain: it may have been charged",
    STORAGE: "local storage: journal, disk or download",
}

CODES: Mapping[type[errors.MotionKitError], int] = {
    errors.MotionKitError: UNEXPECTED,
    errors.ConfigError: USAGE,
    errors.InvalidRequest: USAGE,
    errors.Unsupported: USAGE,
    errors.AuthenticationError: 3,
    errors.PermissionDenied: 3,
    errors.SignatureError: 3,  # the sender is not authenticated
    errors.InsufficientCredits: 4,
    errors.BudgetExceeded: 4,
    errors.MediaRejected: 5,
    errors.ContentBlocked: 5,
    errors.JobFailed: 6,
    errors.JobCancelled: 6,
    errors.JobGone: 6,
    errors.JobNotFound: 6,
    errors.Busy: 7,
    errors.RateLimited: 7,
    errors.ProviderUnavailable: 8,
    errors.ProtocolError: 8,
    errors.NoTargetLeft: 8,
    errors.WaitTimeout: STILL_RUNNING,
    errors.NotReady: STILL_RUNNING,
    errors.SubmitUncertain: UNCERTAIN,
    errors.JournalError: STORAGE,
    errors.DownloadFailed: STORAGE,
}


def code_of(error: BaseException) -> int:
    """Return the exit code of the most specific class of an error that has one."""
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), UNEXPECTED)


def table() -> str:
    """Return the codes and their meanings for the help, one per line."""
    return "\n".join(f"  {code:>2}  {meaning}" for code, meaning in MEANINGS.items())
