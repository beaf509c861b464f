"""The verbs that submit: one function for every operation, with and without waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

import motionkit as mk
from motionkit import client as clients
from motionkit import storage
from motionkit.cli import checkout, delivery, hook
from motionkit.cli.format import short
from motionkit.cli.records import Running
from motionkit.cli.screen import Screen
from motionkit.client import Client, inspect_media
from motionkit.model.job import Result
from motionkit.model.probe import Facts
from motionkit.model.request import Request


def run(kind: type[Request], values: dict[str, Any], options: Running) -> int:
    """Submit; wait and download unless the options say otherwise."""
    screen, done = Screen(json=options.json), hook.Hook.parse(options.on_done)
    with mk.Client(options.config) as client:
        request = checkout.make(kind, values, options, client)
        facts = inspect_media(request)  # once: the media may be large
        if options.dry_run:
            _dry(options)(screen, client, request, options, facts)
            return 0
        if options.takes is not None:
            from motionkit.cli import takes  # noqa: PLC0415 - few commands buy several

            return takes.run(screen, client, request, options, facts, done=done)
        if options.select:
            from motionkit.cli import masks  # noqa: PLC0415 - few commands select masks

            request, options = masks.select(screen, client, request, options, facts)
        if options.no_wait:
            _submit(screen, client, request, options, facts)
        else:
            with hook.on_failure(done, screen):
                result, files = deliver(screen, client, request, options, facts)
            delivery.hand_over(screen, result, files)
            hook.delivered(done, screen, result, files)
    return 0


def _dry(options: Running) -> Callable[..., None]:
    if options.takes is not None:
        from motionkit.cli import takes  # noqa: PLC0415 - few commands buy several

        return takes.dry_run
    if options.select:
        from motionkit.cli import masks  # noqa: PLC0415 - few commands select masks

        return masks.dry_run
    return _dry_run


def deliver(
    screen: Screen, client: Client, request: Request, options: Running, facts: Mapping[str, Facts]
) -> tuple[Result, tuple[Path | str, ...]]:
    """Submit a request or resume its job, wait for it, and download its files.

    A job that was delivered before changes nothing if its file still exists.
    """
    earlier = checkout.continued(client, request, options, facts)
    if earlier is not None and checkout.finished(earlier):
        checkout.tell_earlier(screen, earlier, options)
        out = delivery.parsed(options.out)
        return delivery.again(screen, client, earlier, out, overwrite=options.overwrite)
    out = delivery.place(options.out, overwrite=options.overwrite, kind=request.delivers)
    if out is None:
        out = delivery.default_target(request.describe(), kind=request.delivers)
        clients.check_target(out, overwrite=options.overwrite, kind=request.delivers)
    job = checkout.buy(
        screen, client, request, options, out=delivery.text_of(out), facts=facts, earlier=earlier
    )
    result = delivery.wait(screen, client, job, timeout=options.timeout)
    if options.out is None and isinstance(
        out, Path
    ):  # another command may have created the file meanwhile
        out = delivery.free(delivery.fitting(out, request.describe(), result))
    return delivery.fetch(screen, client, result, out, overwrite=options.overwrite)


def _submit(
    screen: Screen, client: Client, request: Request, options: Running, facts: Mapping[str, Facts]
) -> None:
    """Submit a request or resume its job; print the job in the form that ``wait -`` accepts."""
    earlier = checkout.continued(client, request, options, facts)
    out = delivery.parsed(options.out)
    if not (earlier and checkout.finished(earlier)):
        out = delivery.place(options.out, overwrite=options.overwrite, kind=request.delivers)
    named = None if out is None else delivery.text_of(out)
    silent = attrs.evolve(screen, events=False)  # the job alone is what 'wait -' reads
    job = checkout.buy(silent, client, request, options, out=named, facts=facts, earlier=earlier)
    screen.write(job.to_json() if screen.json else job.key)
    if not screen.json:
        screen.note(f"'motionkit wait {short(job.key)} --out FILE' downloads the result")


def _dry_run(
    screen: Screen, client: Client, request: Request, options: Running, facts: Mapping[str, Facts]
) -> None:
    """Print the requests, and raise the errors that a real run raises before it sends anything."""
    earlier = checkout.continued(client, request, options, facts)
    if earlier is not None:
        checkout.tell_earlier(screen, earlier, options)
    out = delivery.parsed(options.out)
    if earlier is None or not checkout.finished(earlier):
        delivery.place(options.out, overwrite=options.overwrite, kind=request.delivers)
    elif isinstance(out, Path | None) and not storage.is_url(earlier.delivered or ""):
        delivery.again_target(earlier, out, overwrite=options.overwrite)
    if earlier is not None:
        checkout.dry_resume(screen, request, earlier)
        return
    explanation = client.explain(
        request, via=options.via, choose=options.choose, max_usd=options.max_usd, facts=facts
    )
    checkout.dry_run(screen, request, explanation, options)
    checkout.tell_keys(screen, client, explanation)
    if explanation.refused is not None:
        raise explanation.refused
    checkout.confirm(screen, [explanation.quote], options)
