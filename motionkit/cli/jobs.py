"""The verbs `jobs open`, `jobs forget` and `jobs prune`, for finished jobs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from motionkit._support.text import many
from motionkit.cli import exit_codes
from motionkit.cli.format import quoted, short, state_of
from motionkit.cli.options import ConfigFile, Json, Reference, Yes
from motionkit.cli.parameters import Option
from motionkit.cli.screen import Screen
from motionkit.cli.tables import confirm
from motionkit.client import Client
from motionkit.errors import (
    Billed,
    DownloadFailed,
    InvalidRequest,
    NotReady,
    SubmitUncertain,
)
from motionkit.journal import Prunable, PurchaseRecord
from motionkit.model.job import STATE_ERRORS, KeyState, State
from motionkit.model.money import dollars, shown
from motionkit.model.spending import Spend
from motionkit.storage import is_url


def locate(ref: Reference, *, json: Json = False, config: ConfigFile = None) -> int:
    """Print the path of a job's file.

    Exit code 11 where the file is not downloaded or no longer there, 9 while the job runs, 10 while
    its submit is uncertain, 5 or 6 where it ended without a file. Nothing is sent.

    Examples:
      motionkit jobs open order-17
      mpv "$(motionkit jobs open order-17)"
    """
    screen = Screen(json=json)
    with Client(config) as client:
        entry = client.jobs.get(ref)
    place = entry.delivered
    if place is None:
        raise _without_file(entry)
    if not is_url(place) and not Path(place).is_file():
        raise DownloadFailed(
            f"the file {place} of {entry.key} is no longer there",
            billed=Billed.YES,
            job=entry.job,
            hint=f"'motionkit wait {short(entry.key)} --out FILE' downloads it again, while the "
            "vendor keeps it",
        )
    screen.answer({"key": entry.key, "file": place, "sha256": entry.sha256}, place)
    return exit_codes.DONE


def _without_file(entry: PurchaseRecord) -> Exception:
    """Return the reason why a job has no file."""
    said = f"{entry.key} has no file: it is {state_of(entry)}"
    key, job = short(entry.key), entry.job
    if entry.ambiguous or entry.state in {KeyState.INTENDED, KeyState.UNCERTAIN}:
        hint = f"'motionkit resume {key}' resolves it"
        return SubmitUncertain(said, key=entry.key, billed=Billed.UNKNOWN, hint=hint)
    if entry.state is KeyState.REFUSED:
        return InvalidRequest(f"{said}; nothing was bought", field="ref", value=entry.key)
    if entry.state is State.SUCCEEDED:
        hint = f"'motionkit wait {key} --out FILE' downloads it"
        return DownloadFailed(said, billed=Billed.YES, job=job, hint=hint)
    if isinstance(entry.state, State) and entry.state in STATE_ERRORS:
        kind = STATE_ERRORS[entry.state]
        return kind(said, billed=Billed.UNKNOWN, job=job, hint=f"see 'motionkit jobs show {key}'")
    return NotReady(said, billed=Billed.UNKNOWN, job=job, hint=f"'motionkit wait {key}' waits")


def forget(
    ref: Reference, *, yes: Yes = False, json: Json = False, config: ConfigFile = None
) -> int:
    """Give up a job that is uncertain, or whose file was never downloaded. Sends nothing.

    It is no longer listed as unfinished, 'motionkit resume' leaves it alone, and the same request
    is submitted anew. What it cost stays spent, and what may have been charged counts as spent. It
    asks first. 'motionkit reconcile' looks for evidence instead.

    Examples:
      motionkit jobs forget order-17
    """
    screen = Screen(json=json)
    with Client(config) as client:
        entry = client.jobs.get(ref)
        if entry.open and (entry.state is State.SUCCEEDED or isinstance(entry.state, KeyState)):
            screen.fact("money", _consequence(entry), style="yellow")
            confirm(screen, f"give up {short(entry.key)}, which is {state_of(entry)}", yes=yes)
        now = client.jobs.forget(entry)
    data = {"key": now.key, "state": now.state.value, "open": now.open, "given_up": not now.open}
    screen.answer(data, f"{now.key}: {'nothing was charged' if _free(now) else 'given up'}")
    return exit_codes.DONE


def _free(entry: PurchaseRecord) -> bool:
    return entry.state is KeyState.REFUSED and not entry.ambiguous


def _consequence(entry: PurchaseRecord) -> str:
    """Return the consequence of giving up a purchase for its cost."""
    if entry.state is State.SUCCEEDED:
        much = f"{quoted(entry.quote)}, as quoted" if entry.cost is None else str(entry.cost)
        return f"it was charged, and stays so: {much}"
    if not any(attempt.sends for attempt in entry.attempts):
        return "it was never sent: nothing was charged, and what budgets hold for it is free again"
    high = None if entry.quote is None else entry.quote.usd_high
    much = "an unknown amount" if high is None else dollars(high)
    return f"it may have been charged; {much} is held for it, and counts as spent from now on"


def prune(
    older_than: Annotated[
        str,
        Option(
            metavar="AGE",
            help="Only jobs that did not change for that long, such as 90d; or since a date.",
        ),
    ],
    *,
    yes: Yes = False,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Take old finished jobs out of the journal.

    Finished are jobs that are delivered, given up, failed, blocked, gone or refused. Unfinished and
    uncertain ones stay, and so do those of batches. No file is deleted. It says what goes, and asks
    first.

    'motionkit spend' and 'motionkit budget' show the same before and after, and a key that bought
    something stays taken; requests, file names and job ids are gone.

    Examples:
      motionkit jobs prune --older-than 90d
      motionkit jobs prune --older-than 2026-01-01 --yes
    """
    screen = Screen(json=json)
    with Client(config) as client:
        found = client.jobs.prunable(older_than)
        if found.jobs:
            day = datetime.fromtimestamp(found.before, UTC)
            screen.fact("prune", f"{_listed(found)}, unchanged since {day:%Y-%m-%d %H:%M} UTC")
            screen.fact("money", f"{_spent(found.spend)}; 'motionkit spend' keeps it")
            confirm(screen, f"prune {many(found.jobs, 'job')}", yes=yes)
            found = client.jobs.prune(datetime.fromtimestamp(found.before, UTC))
    data: dict[str, Any] = {"pruned": found.jobs, "states": found.states}
    screen.answer(data, f"{many(found.jobs, 'job')} pruned")
    return exit_codes.DONE


def _listed(found: Prunable) -> str:
    states = ", ".join(f"{count:,} {state}" for state, count in found.states.items())
    return f"{many(found.jobs, 'job')} ({states})"


def _spent(rows: Iterable[Spend]) -> str:
    """Return the cost of jobs, for each unit, apart for the sandbox."""
    return (
        "; ".join(", ".join(_amounts(row)) + " in the sandbox" * row.sandbox for row in rows)
        or "nothing was charged"
    )


def _amounts(row: Spend) -> list[str]:
    charged = f"{shown(row.amounts.charged, row.unit)} charged"
    more = row.amounts.refunded
    return [charged, f"{shown(more, row.unit)} refunded"] if more else [charged]
