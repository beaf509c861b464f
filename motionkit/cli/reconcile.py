"""The verb `reconcile`: purchases of which nobody can tell, the evidence, and the user's word."""

from __future__ import annotations

import json as jsonlib
from enum import StrEnum
from typing import Annotated, Any

import typer

import motionkit as mk
from motionkit._support.redaction import redact_data
from motionkit.cli import exit_codes
from motionkit.cli.format import request_line, short, standing
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.screen import Screen
from motionkit.client import Reconciled
from motionkit.errors import InvalidRequest, MotionKitError
from motionkit.model import codec
from motionkit.model.job import KeyState


class Assume(StrEnum):
    """What the user knows from elsewhere."""

    LOST = "lost"
    CHARGED = "charged"


def reconcile(
    ref: Annotated[
        str | None,
        typer.Argument(metavar="[REF]", help="One purchase; all that are in doubt otherwise."),
    ] = None,
    *,
    assume: Annotated[
        Assume | None,
        typer.Option(
            help="What you know from elsewhere: 'lost' (nothing was bought, it may be bought "
            "again) or 'charged' (it was paid for and is not to be had). Needs REF.",
        ),
    ] = None,
    adopt: Annotated[
        str | None,
        typer.Option(metavar="JOB", help="The candidate that it is, by its id. Needs REF."),
    ] = None,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Settle purchases that may or may not have been bought; buy nothing.

    The vendor is asked, and what it says is shown. What it cannot settle stays as it is until you
    say --assume or --adopt. Exit code 10 while something remains in doubt.
    """
    if ref is None and (assume is not None or adopt is not None):
        raise InvalidRequest("--assume and --adopt are about one purchase: name it", field="ref")
    screen = Screen(json=json)
    codes = [exit_codes.DONE]
    with mk.Client(config) as client:
        doubtful = [KeyState.INTENDED, KeyState.UNCERTAIN]
        entries = (
            [client.jobs.get(ref)]
            if ref
            else [entry for entry in client.jobs.list() if entry.state in doubtful]
        )
        if not entries:
            screen.note("nothing is in doubt")
        for entry in entries:
            screen.fact("reconcile", f"{entry.key}: {request_line(entry.description)}")
            try:
                told = client.jobs.reconcile(
                    entry, assume=assume.value if assume else None, adopt=adopt
                )
            except MotionKitError as error:
                codes.append(screen.error(error))
                continue
            _show(screen, told)
            if told.entry.state in doubtful:
                codes.append(exit_codes.UNCERTAIN)
    return max(codes)


def _show(screen: Screen, told: Reconciled) -> None:
    entry = told.entry
    for note in told.notes:
        screen.note(note)
    for job in told.candidates:
        screen.fact("candidate", f"job {job.id} at {job.account}: looks the same, nobody owns it")
    for row in told.usage:
        screen.fact("usage", jsonlib.dumps(redact_data(row), default=str, ensure_ascii=False))
    data: dict[str, Any] = {
        "key": entry.key,
        "state": entry.state.value,
        "job": told.job.id if told.job else None,
        "candidates": [job.id for job in told.candidates],
        "usage": codec.unstructure(redact_data(list(told.usage))),
        "notes": told.notes,
    }
    screen.answer(data, f"{entry.key} {standing(entry)}")
    if told.job is not None:
        screen.note(f"'motionkit resume {short(entry.key)}' fetches the result")
    elif entry.state in {KeyState.INTENDED, KeyState.UNCERTAIN}:
        screen.note(
            f"look at the vendor's console, then say 'motionkit reconcile {short(entry.key)} "
            "--assume lost' or '--assume charged'"
        )
