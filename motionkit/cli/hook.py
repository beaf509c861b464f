"""``--on-done COMMAND``: run a program of the user's when a job has ended.

The journal is settled before, so nothing that the program does changes a purchase: its failure is
a warning, never the exit code. No shell is involved: what a key or a file is called is an argument
of the program, whatever characters it has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from motionkit.cli.format import reason
from motionkit.cli.screen import Screen
from motionkit.errors import InvalidRequest, JobCancelled, MotionKitError
from motionkit.model.job import STATE_ERRORS, Job, Result, State
from motionkit.model.money import Cost, shown

PLACEHOLDERS = ("key", "state", "file", "cost", "job")
_PLACEHOLDER = r"\{([^{}]*)\}"


@attrs.frozen(eq=False, repr=False)
class Hook:
    """A command line with placeholders."""

    words: tuple[str, ...]

    @classmethod
    def parse(cls, text: str | None) -> Hook | None:
        """Return the hook of an option; None without one.

        Raises:
            InvalidRequest: It cannot be split, names no program, or has an unknown placeholder.
        """
        if text is None:
            return None
        import shlex  # noqa: PLC0415 - few commands have a hook
        import shutil  # noqa: PLC0415 - few commands have a hook

        try:
            words = tuple(shlex.split(text))
        except ValueError as error:
            raise _refused(text, f"cannot be split: {error}", "a command line") from None
        if not words or shutil.which(words[0]) is None:
            name = repr(words[0]) if words else "nothing"
            raise _refused(text, f"there is no program {name}", "a program that can be run")
        limit = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
        for name in re.findall(_PLACEHOLDER, text):
            if name not in PLACEHOLDERS:
                raise _refused(text, f"there is no placeholder {{{name}}}", limit)
        return cls(words)

    def run(
        self,
        screen: Screen,
        job: Job,
        state: str,
        file: str = "",
        cost: Cost | None = None,
    ) -> None:
        """Run the program and wait for it; a failure is a warning.

        What the program writes to its standard output goes to standard error: this command's own
        output has the file, or JSON.
        """
        import subprocess  # noqa: PLC0415 - few commands have a hook

        values = {
            "key": job.key,
            "state": state,
            "file": file,
            "cost": "" if cost is None else shown(cost.amount, cost.unit),
            "job": job.id,
        }
        words = [re.sub(_PLACEHOLDER, lambda found: values[found[1]], word) for word in self.words]
        try:
            with screen.paused():
                done = subprocess.run(  # noqa: S603 - the user's own program, without a shell
                    words, stdin=subprocess.DEVNULL, stdout=2, check=False
                )
        except KeyboardInterrupt:
            why = "was interrupted"
        except (OSError, ValueError) as error:
            why = f"cannot be run: {reason(error) if isinstance(error, OSError) else error}"
        else:
            if done.returncode == 0:
                return
            why = f"ended with {done.returncode}"
        screen.fact("warning", f"--on-done {words[0]} {why}; the purchase is not affected")


def _refused(text: str, why: str, limit: str) -> InvalidRequest:
    return InvalidRequest(f"on_done: {why}", field="on_done", value=text, limit=limit)


def delivered(
    hook: Hook | None, screen: Screen, result: Result, files: Sequence[Path | str]
) -> None:
    """Run the hook for a job that succeeded; its file may be behind a URL."""
    if hook is not None:
        first = files[0] if files else ""
        file = str(first.absolute()) if isinstance(first, Path) else first
        hook.run(screen, result.job, State.SUCCEEDED.value, file, result.cost)


def failed(hook: Hook | None, screen: Screen, error: BaseException) -> None:
    """Run the hook where an error means that a job ended; a wait that ended means no such thing."""
    if hook is None or not isinstance(error, tuple(STATE_ERRORS.values())):
        return
    if isinstance(error, MotionKitError) and isinstance(error.job, Job):
        ended = next(one for one, kind in STATE_ERRORS.items() if isinstance(error, kind))
        state = "cancelled" if isinstance(error, JobCancelled) else ended.value
        hook.run(screen, error.job, state)


@contextmanager
def on_failure(hook: Hook | None, screen: Screen) -> Iterator[None]:
    """Run the hook where the block raises that a job ended without a result."""
    try:
        yield
    except MotionKitError as error:
        failed(hook, screen, error)
        raise
