"""What to do next, in commands: the hints of `motionkit.errors` speak to Python."""

from __future__ import annotations

from collections.abc import Mapping

from motionkit import errors

HINTS: Mapping[type[errors.MotionKitError], str] = {
    errors.InsufficientCredits: "top up the account, or choose another target with --via",
    errors.SubmitUncertain: "it is never submitted anew automatically; see 'motionkit jobs'",
    errors.JobFailed: "repeat its submit with --new, without --key, to submit a new job",
    errors.WaitTimeout: "the job still runs; 'motionkit resume' picks it up",
    errors.DownloadFailed: "the paid result is kept; 'motionkit resume' downloads it again",
}
"""The command-line hint of a class, where an error has the class's own hint."""

COMMANDS: Mapping[str, str] = {
    "mk.Batch.listed()": "'motionkit batch status'",
    "mk.Batch.retry()": "'motionkit batch retry'",
    "client.budget()": "'motionkit budget'",
    "client.jobs.reconcile": "'motionkit reconcile'",
    "client.jobs.resume": "'motionkit resume'",
    "client.wait(job)": "'motionkit resume'",
    "allow_undocumented=True": "--allow-undocumented",
    "overwrite=True": "--overwrite",
    "skip_unfit=True": "--skip-unfit",
    "fit=True": "--fit",
    "stage='s3://BUCKET/FOLDER'": "--stage s3://BUCKET/FOLDER",
}
"""The command for a call that the hint of one error names."""


def hint_of(error: errors.MotionKitError) -> str | None:
    """Return an error's hint for the command line; None where there is none."""
    hint = error.hint
    if hint is None or hint == error.default_hint:
        return next((HINTS[kind] for kind in type(error).__mro__ if kind in HINTS), hint)
    for call, command in COMMANDS.items():
        hint = hint.replace(call, command)
    return hint


def sentence(error: errors.MotionKitError) -> str:
    """Return an error's message and its command-line hint as one sentence."""
    hint = hint_of(error)
    return f"{error.message} ({hint})" if hint else error.message
