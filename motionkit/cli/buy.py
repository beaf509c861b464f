"""The verbs that submit: one function for every operation, with and without waiting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import motionkit as mk
from motionkit.cli import checkout, delivery, masks
from motionkit.cli.format import short
from motionkit.cli.options import Ordering, Running
from motionkit.cli.screen import Screen
from motionkit.client import Client, check_target, inspect_media
from motionkit.model.job import Job, Result
from motionkit.model.operations import Request


def run(kind: type[Request], values: dict[str, Any], options: Running) -> int:
    """Submit, wait, download."""
    screen = Screen(json=options.json)
    with mk.Client(options.config) as client:
        request = checkout.make(kind, values, options, client)
        if options.dry_run:
            named = options.out or delivery.default_target(request.describe())
            out = options.out if options.no_wait else named
            _dry_run(screen, client, request, options, out)
            return 0
        if isinstance(options, masks.SelectingRun) and options.select:
            request, options = masks.select(screen, client, request, options)
        if options.no_wait:
            _submit(screen, client, request, options, overwrite=options.overwrite)
        else:
            result, files = deliver(screen, client, request, options)
            delivery.hand_over(screen, result, files)
    return 0


def deliver(
    screen: Screen, client: Client, request: Request, options: Running
) -> tuple[Result, tuple[Path, ...]]:
    """Submit a request or resume its job, wait for it, and download its files.

    A job that was delivered before changes nothing if its file still exists.
    """
    facts = inspect_media(request)
    earlier = checkout.continued(client, request, options, facts)
    if earlier is not None and checkout.finished(earlier):
        checkout.tell_earlier(screen, earlier, options)
        return delivery.again(screen, client, earlier, options.out, overwrite=options.overwrite)
    out = options.out or delivery.default_target(request.describe())
    check_target(out, overwrite=options.overwrite)
    job = checkout.buy(screen, client, request, options, out=out, facts=facts, earlier=earlier)
    result = delivery.wait(screen, client, job, timeout=options.timeout)
    if options.out is None:  # another command may have created the file meanwhile
        out = delivery.free(delivery.fitting(out, request.describe(), result))
    return delivery.fetch(screen, client, result, out, overwrite=options.overwrite)


def order(kind: type[Request], values: dict[str, Any], options: Ordering) -> int:
    """Submit and exit."""
    screen = Screen(json=options.json)
    with mk.Client(options.config) as client:
        request = checkout.make(kind, values, options, client)
        if options.dry_run:
            _dry_run(screen, client, request, options, options.out)
            return 0
        if isinstance(options, masks.SelectingOrder) and options.select:
            request, options = masks.select(screen, client, request, options)
        _submit(screen, client, request, options)
    return 0


def _submit(
    screen: Screen,
    client: Client,
    request: Request,
    options: Ordering | Running,
    *,
    overwrite: bool = False,
) -> None:
    """Submit a request or resume its job, and print the job."""
    facts = inspect_media(request)
    earlier = checkout.continued(client, request, options, facts)
    if options.out is not None and not (earlier and checkout.finished(earlier)):
        check_target(options.out, overwrite=overwrite)
    job = checkout.buy(
        screen, client, request, options, out=options.out, facts=facts, earlier=earlier
    )
    _hand_over_job(screen, job)


def _dry_run(
    screen: Screen, client: Client, request: Request, options: Ordering | Running, out: Path | None
) -> None:
    """Print the requests, and raise the errors that a real run raises before it sends anything.

    Args:
        screen: Where to print.
        client: The client.
        request: The request.
        options: The options of the verb.
        out: The output file; None where nothing would be downloaded and no file was named.
    """
    overwrite = isinstance(options, Running) and options.overwrite
    if isinstance(options, masks.Selecting) and options.select:
        masks.dry_run(screen, client, request, options, out)
        return
    facts = inspect_media(request)
    earlier = checkout.continued(client, request, options, facts)
    if earlier is not None:
        checkout.tell_earlier(screen, earlier, options)
        if checkout.finished(earlier):
            delivery.again_target(earlier, options.out, overwrite=overwrite)
        elif out is not None:
            check_target(out, overwrite=overwrite)
        checkout.dry_resume(screen, request, earlier)
        return
    if out is not None:
        check_target(out, overwrite=overwrite)
    explanation = client.explain(request, via=options.via, max_usd=options.max_usd, facts=facts)
    checkout.dry_run(screen, request, explanation, options)
    if explanation.refused is not None:
        raise explanation.refused
    checkout.confirm(screen, [explanation.quote], options)


def _hand_over_job(screen: Screen, job: Job) -> None:
    """Print the job: with ``--json`` in the form that `motionkit wait -` takes, else its key."""
    if screen.json:
        screen.write(job.to_json())
    else:
        screen.answer({}, job.key)
        screen.note(f"'motionkit wait {short(job.key)} --out FILE' downloads the result")
