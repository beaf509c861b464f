"""The verbs on submitted jobs: poll, result, wait, resume."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import attrs
import click

import motionkit as mk
from motionkit.cli import delivery, exit_codes, hook
from motionkit.cli.checkout import settled_on_interrupt
from motionkit.cli.format import charged, reason, request_line, short, state_of
from motionkit.cli.options import (
    ConfigFile,
    Json,
    OnDone,
    Overwrite,
    Reference,
    References,
    Timeout,
    out_option,
)
from motionkit.cli.parameters import Argument
from motionkit.cli.resuming import Resuming
from motionkit.cli.screen import Screen
from motionkit.client import Client
from motionkit.errors import InvalidRequest, MotionKitError, SubmitUncertain
from motionkit.journal import PurchaseRecord
from motionkit.model.job import Job, KeyState


@attrs.frozen
class Named:
    """A job that a reference names, and its purchase if the journal has it."""

    job: Job
    entry: PurchaseRecord | None


def named(client: Client, reference: str) -> Named:
    """Return the job of a reference. Resolves nothing and sends nothing.

    Raises:
        InvalidRequest: No job or several match, or the submit was refused.
        SubmitUncertain: The purchase has no known job.
    """
    job = job_of(reference, file=False)  # a key comes before a file of its name
    try:
        entry = client.jobs.get(reference if job is None else job.key)
    except InvalidRequest:
        job = job or job_of(reference, file=True)
        if job is None:
            raise
        return Named(job, None)
    if job is not None:
        return Named(job, entry if entry.job == job else None)
    if entry.job is not None:
        return Named(entry.job, entry)
    if entry.state is KeyState.REFUSED:
        raise InvalidRequest(
            f"the submit of {entry.key} was refused; nothing was charged",
            field="job",
            value=reference,
        )
    raise SubmitUncertain(
        f"{entry.key} has no job yet: it is {entry.state.value}",
        key=entry.key,
        hint=f"'motionkit resume {short(entry.key)}' resolves it",
    )


def job_of(reference: str, *, file: bool) -> Job | None:
    """Return the job of JSON, ``-``, or with `file` of the file of that name; None otherwise."""
    if reference == "-":
        try:
            return Job.from_json(sys.stdin.read() if sys.stdin else "")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRequest(
                f"job: cannot read standard input: {reason(error)}", field="job", value="-"
            ) from error
    if reference.lstrip().startswith("{"):
        return Job.from_json(reference)
    if not file:
        return None
    try:
        return Job.from_json(Path(reference).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        path = reference.startswith(("/", "./", "../", "~")) or reference.endswith(".json")
        if not path:  # the keys of a batch have a slash, too
            return None
        raise InvalidRequest(
            f"job: cannot read {reference!r}: {reason(error)}", field="job", value=reference
        ) from error


def poll(ref: Reference, *, json: Json = False, config: ConfigFile = None) -> int:
    """Poll a job once and print its state.

    The exit code is 0 whatever the state.
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
    screen.note(f"job {job.id} at {job.account}: vendor status {status.word}")
    if status.message:
        screen.note(status.message)
    return exit_codes.DONE


def result(ref: Reference, *, json: Json = False, config: ConfigFile = None) -> int:
    """Print the URL of a finished job's file, and its cost.

    The URL needs no key and expires. Exit code 9 while the job runs.
    """
    screen = Screen(json=json)
    with mk.Client(config) as client:
        found = client.result(named(client, ref).job)
        screen.fact("cost", charged(found.cost))
        delivery.hand_over(screen, found, ())
    return exit_codes.DONE


def wait(
    refs: References,
    *,
    out: Annotated[
        str | None,
        out_option(
            help="Where to save the file: a file, a folder or a URL, with placeholders such as "
            "{key} and {ext}. Default: the file that the submit named; without one, only print the "
            "URL. Only with one REF.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    timeout: Timeout = None,
    on_done: OnDone = None,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Wait for a job and download its file, e.g. 'motionkit wait order-17 --out out.mp4'.

    Several jobs are waited for at once; each file goes where its submit said. The exit code is the
    highest of all.
    """
    screen, done = Screen(json=json), hook.Hook.parse(on_done)
    if out is not None and len(refs) > 1:
        raise InvalidRequest(
            f"out: {out!r} is for one file, and {len(refs)} jobs are named",
            field="out",
            value=out,
            limit="one REF with --out",
        )
    path = delivery.place(out, overwrite=overwrite)
    with mk.Client(config) as client:
        if len(refs) > 1:
            entries = {one.key: one for one in map(client.jobs.get, refs)}
            many = Resuming(screen, client, timeout, done=done, unnamed=False)
            return many.run(list(entries.values()))
        target = named(client, refs[0])
        kept = target.entry is not None
        with hook.on_failure(done, screen):
            result = delivery.wait(screen, client, target.job, timeout=timeout, kept=kept)
        files: tuple[Path | str, ...] = ()
        place: delivery.Place | None = path
        if path is None and target.entry is not None and target.entry.out:
            place = partial(delivery.output_of, result=result)
        if place is not None:
            result, files = delivery.fetch(screen, client, result, place, overwrite=overwrite)
        delivery.hand_over(screen, result, files)
        hook.delivered(done, screen, result, files)
    return exit_codes.DONE


def resume(
    refs: Annotated[
        list[str] | None,
        Argument(metavar="REF", help="The jobs. Default: all unfinished jobs."),
    ] = None,
    *,
    timeout: Timeout = None,
    on_done: OnDone = None,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Resume all unfinished jobs at once: resolve, wait, download. Never submits new ones.

    Each file is saved as its submit named it, or under a free name, as soon as its job ends. A job
    that fails, hangs, or is corrupt in the journal does not stop the others. The exit code is the
    highest of all.
    """
    screen, done = Screen(json=json), hook.Hook.parse(on_done)
    codes = [exit_codes.DONE]
    with mk.Client(config) as client:
        named = [client.jobs.get(ref) for ref in refs or ()]
        found = named or client.jobs.list(open_only=True, on_corrupt=screen.errors_into(codes))
        unfinished = list({one.key: one for one in found}.values())
        if not unfinished and not codes[1:]:
            screen.note("no unfinished jobs")
        if len(unfinished) > 1:
            return max(*codes, Resuming(screen, client, timeout, done=done).run(unfinished))
        for entry in unfinished:
            _attempt(screen, client, entry, timeout, codes, done=done)
    return max(codes)


def _attempt(
    screen: Screen,
    client: Client,
    entry: PurchaseRecord,
    timeout: float | None,
    codes: list[int],
    *,
    done: hook.Hook | None,
) -> None:
    screen.fact("resume", f"{entry.key}: {request_line(entry.description)}, {state_of(entry)}")
    try:
        with settled_on_interrupt(client, entry.key):
            job = client.jobs.resume(entry)
        result = delivery.wait(screen, client, job, timeout=timeout)
        files = delivery.fetch(screen, client, result, partial(delivery.output_of, result=result))
        delivery.hand_over(screen, *files)
        hook.delivered(done, screen, *files)
    except MotionKitError as error:
        hook.failed(done, screen, error)
        codes.append(screen.error(error))
        if isinstance(error.__context__, KeyboardInterrupt):
            raise click.exceptions.Exit(codes[-1]) from None
