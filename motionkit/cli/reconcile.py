"""The verb `reconcile`: resolve uncertain submits by evidence or by the user's decision."""

from __future__ import annotations

import json as jsonlib
from enum import StrEnum
from typing import Annotated, Any

import motionkit as mk
from motionkit._support.redaction import redact_data
from motionkit.cli import exit_codes
from motionkit.cli.format import request_line, short, state_of
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.parameters import Argument, Option
from motionkit.cli.screen import Screen
from motionkit.client import Reconciled
from motionkit.errors import InvalidRequest, MotionKitError
from motionkit.model import codec
from motionkit.model.job import KeyState


class Assume(StrEnum):
    """A manual resolution."""

    LOST = "lost"
    CHARGED = "charged"


def reconcile(
    ref: Annotated[
        str | None, Argument(metavar="REF", help="The job. Default: all uncertain ones.")
    ] = None,
    *,
    assume: Annotated[
        Assume | None,
        Option(
            help="Resolve it manually: 'lost' (not charged; it may be submitted again) or "
            "'charged' (charged, but the result is out of reach). Needs REF."
        ),
    ] = None,
    adopt: Annotated[
        str | None,
        Option(metavar="JOB", help="Resolve it as this candidate, by job id. Needs REF."),
    ] = None,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Resolve uncertain submits with the vendor's records. Never submits.

    Shows the vendor's evidence. What it does not resolve stays uncertain until you pass --assume or
    --adopt. Exit code 10 while a submit remains uncertain.
    """
    if ref is None and (assume is not None or adopt is not None):
        raise InvalidRequest("--assume and --adopt need REF", field="ref")
    screen = Screen(json=json)
    codes = [exit_codes.DONE]
    with mk.Client(config) as client:
        unresolved = [KeyState.INTENDED, KeyState.UNCERTAIN]
        if ref:
            entries = [client.jobs.get(ref)]
        else:
            found = client.jobs.list(open_only=True, on_corrupt=screen.errors_into(codes))
            entries = [entry for entry in found if entry.state in unresolved]
        if not entries and not codes[1:]:
            screen.note("no uncertain jobs")
        for entry in entries:
            screen.fact("reconcile", f"{entry.key}: {request_line(entry.description)}")
            try:
                outcome = client.jobs.reconcile(
                    entry, assume=assume.value if assume else None, adopt=adopt
                )
            except MotionKitError as error:
                codes.append(screen.error(error))
                continue
            _show(screen, outcome)
            if outcome.entry.state in unresolved:
                codes.append(exit_codes.UNCERTAIN)
    return max(codes)


def _show(screen: Screen, outcome: Reconciled) -> None:
    entry = outcome.entry
    for note in outcome.notes:
        screen.note(note)
    for job in outcome.candidates:
        screen.fact("candidate", f"job {job.id} at {job.account}: matches, and no purchase owns it")
    for row in outcome.usage:
        screen.fact("usage", jsonlib.dumps(redact_data(row), default=str, ensure_ascii=False))
    data: dict[str, Any] = {
        "key": entry.key,
        "state": entry.state.value,
        "job": outcome.job.id if outcome.job else None,
        "candidates": [job.id for job in outcome.candidates],
        "usage": codec.unstructure(redact_data(list(outcome.usage))),
        "notes": outcome.notes,
    }
    screen.answer(data, f"{entry.key} {state_of(entry)}")
    if outcome.job is not None:
        screen.note(f"'motionkit resume {short(entry.key)}' downloads the result")
    elif entry.state in {KeyState.INTENDED, KeyState.UNCERTAIN}:
        screen.note(
            f"check the vendor's console, then run 'motionkit reconcile {short(entry.key)} "
            "--assume lost' or '--assume charged'"
        )
