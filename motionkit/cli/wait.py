"""The verbs that go on with what was bought: poll, result, wait, resume."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import attrs
import typer

import motionkit as mk
from motionkit.cli import delivery, exit_codes
from motionkit.cli.checkout import settled_on_interrupt
from motionkit.cli.format import charged, request_line, short, standing
from motionkit.cli.options import ConfigFile, Json, Out, Overwrite, Reference, Timeout
from motionkit.cli.resuming import Resuming
from motionkit.cli.screen import Screen
from motionkit.client import Client, check_target
from motionkit.errors import InvalidRequest, MotionKitError, SubmitUncertain
from motionkit.journal import PurchaseRecord
from motionkit.model.job import Job, KeyState


@attrs.frozen
class Named:
    """What a reference names: a job, and its purchase when the journal here has it."""

    job: Job
    entry: PurchaseRecord | None


def named(client: Client, reference: str) -> Named:
    """Return the job of a reference. Settles nothing and sends nothing.

    Args:
        client: The client.
        reference: A key, its beginning, a job id; or JSON, a file of it, ``-``.

    Raises:
        InvalidRequest: It names nothing, several, or a purchase that was refused.
        SubmitUncertain: Its purchase has no job, or none that we know of.
    """
    job = _given_job(reference)
    try:
        entry = client.jobs.get(reference if job is None else job.key)
    except InvalidRequest:
        job = job or _job_in_file(reference)
        if job is None:
            raise
        return Named(job, None)
    if job is not None:
        return Named(job, entry if entry.job == job else None)
    if entry.job is not None:
        return Named(entry.job, entry)
    if entry.state is KeyState.REFUSED:
        raise InvalidRequest(
            f"{entry.key} was refused; nothing was bought", field="job", value=reference
        )
    raise SubmitUncertain(
        f"{entry.key} has no job yet: it is {entry.state.value}",
        key=entry.key,
        hint=f"'motionkit resume {short(entry.key)}' settles it",
    )


def _given_job(reference: str) -> Job | None:
    """Return the job in what cannot be a key: JSON, ``-``, a path with a folder or suffix."""
    if reference == "-":
        return Job.from_json(sys.stdin.read())
    if reference.lstrip().startswith("{"):
        return Job.from_json(reference)
    if "/" not in reference and not reference.endswith(".json"):
        return None
    try:
        return Job.from_json(Path(reference).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(
            f"job: {reference!r} cannot be read: {error}", field="job", value=reference
        ) from error


def _job_in_file(reference: str) -> Job | None:
    """Return the job in a file whose name could have been a key; None without such a file."""
    try:
        return Job.from_json(Path(reference).read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def poll(ref: Reference, *, json: Json = False, config: ConfigFile = None) -> int:
    """Look at a job once and print its state.

    Exit code 0 whatever the state: the look succeeded.
    """
    screen = Screen(json=json)
    with mk.Client(config) as client:
        job = named(client, ref).job
        status = client.poll(job)
    data = {
        "key": job.key,
        "job": job.id,
        "account": job.account,
        "state": status.state.value,
        "word": status.word,
        "doubt": status.doubt.value if status.doubt else None,
        "message": status.message,
        "observed_at": status.observed_at,
    }
    screen.answer(data, status.state.value)
    screen.note(f"job {job.id} at {job.account}: the vendor says {status.word!r}")
    if status.message:
        screen.note(status.message)
    return exit_codes.DONE


def result(ref: Reference, *, json: Json = False, config: ConfigFile = None) -> int:
    """Print the address of a finished job's file, and its cost.

    The address needs no key and expires. Exit code 9 while the job runs.
    """
    screen = Screen(json=json)
    with mk.Client(config) as client:
        found = client.result(named(client, ref).job)
        screen.fact("cost", charged(found.cost))
        delivery.hand_over(screen, found, ())
    return exit_codes.DONE


def wait(
    ref: Reference,
    *,
    out: Out = None,
    overwrite: Overwrite = False,
    timeout: Timeout = None,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Wait for a job and fetch its file.

    The file goes to --out, or where the purchase wanted it; with neither, its address is printed.
    """
    screen = Screen(json=json)
    if out is not None:
        check_target(out, overwrite=overwrite)
    with mk.Client(config) as client:
        what = named(client, ref)
        kept = what.entry is not None
        done = delivery.wait(screen, client, what.job, timeout=timeout, kept=kept)
        path = out
        if path is None and what.entry is not None and what.entry.out:
            path = delivery.owed_target(what.entry, done)
        files: tuple[Path, ...] = ()
        if path is not None:
            files = delivery.fetch(screen, client, done, path, overwrite=overwrite)
        delivery.hand_over(screen, done, files)
    return exit_codes.DONE


def resume(
    refs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REF]...", help="These purchases; all open ones otherwise."),
    ] = None,
    *,
    timeout: Timeout = None,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Resume all unfinished purchases at once: resolve, wait, download. Never submits new ones.

    A file goes where its purchase wanted it, or under a free name like it, as soon as its job ends.
    One that fails or hangs does not stop the others. The exit code is the highest of all.
    """
    screen = Screen(json=json)
    with mk.Client(config) as client:
        named = [client.jobs.get(ref) for ref in refs or ()]
        owed = list({one.key: one for one in named or client.jobs.list(open_only=True)}.values())
        if not owed:
            screen.note("nothing is open")
        if len(owed) > 1:
            return Resuming(screen, client, timeout).run(owed)
        codes = [exit_codes.DONE]
        for entry in owed:
            _attempt(screen, client, entry, timeout, codes)
    return max(codes)


def _attempt(
    screen: Screen, client: Client, entry: PurchaseRecord, timeout: float | None, codes: list[int]
) -> None:
    screen.fact("resume", f"{entry.key}: {request_line(entry.description)}, {standing(entry)}")
    try:
        _deliver(screen, client, entry, timeout)
    except MotionKitError as error:
        codes.append(screen.error(error))
        if isinstance(error.__context__, KeyboardInterrupt):
            raise typer.Exit(codes[-1]) from None


def _deliver(screen: Screen, client: Client, entry: PurchaseRecord, timeout: float | None) -> None:
    with settled_on_interrupt(client, entry.key):
        job = client.jobs.resume(entry)
    done = delivery.wait(screen, client, job, timeout=timeout)
    if entry.delivered and Path(entry.delivered).is_file():
        files: tuple[Path, ...] = (Path(entry.delivered),)
        done = attrs.evolve(done, outputs=done.outputs[:1])  # where the others went nobody wrote
    else:
        files = delivery.fetch(screen, client, done, delivery.owed_target(entry, done))
    delivery.hand_over(screen, done, files)
