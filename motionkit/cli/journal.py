"""The verb `jobs`: what the journal knows."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

import motionkit as mk
from motionkit.cli import exit_codes
from motionkit.cli.format import (
    brief,
    charged,
    duration,
    in_world,
    plain,
    quoted,
    request_line,
    short,
    standing,
    target,
)
from motionkit.cli.options import ConfigFile, Json, Reference
from motionkit.cli.screen import Screen, decided
from motionkit.client import ExpiresFiles, registry
from motionkit.errors import ConfigError
from motionkit.journal import Attempt, PurchaseRecord
from motionkit.model import codec
from motionkit.model.job import State
from motionkit.model.money import both

_ABOUT = "about "
"""How a quote without bounds begins; here the '~' says it."""


def jobs(
    ctx: typer.Context,
    open_only: Annotated[
        bool, typer.Option("--open", help="Only those of which something is still owed.")
    ] = False,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """List the purchases in the journal, the newest last.

    AGE is the time since the purchase; a COST with '~' is the quote, as nothing is known yet.
    """
    if ctx.invoked_subcommand is not None:
        return exit_codes.DONE
    screen = Screen(json=json)
    with mk.Client(config) as client:
        everything = client.jobs.list()
        entries = client.jobs.list(open_only=True) if open_only else everything
    keys = [entry.key for entry in everything]
    screen.rows(
        [_data(entry) for entry in entries],
        ["KEY", "STATE", "AGE", "COST", "AT", "WHAT"],
        [_row(entry, keys) for entry in entries],
    )
    if not entries:
        screen.note("nothing is open" if open_only else "nothing was bought yet")
    return exit_codes.DONE


def show(ref: Reference, json: Json = False, config: ConfigFile = None) -> int:
    """Print all that the journal knows of one purchase."""
    screen = Screen(json=json)
    with mk.Client(config) as client:
        entry = client.jobs.get(ref)
    lines = [f"{name:<10} {plain(text)}" for name, text in _story(entry) if text]
    screen.answer(_data(entry), "\n".join(lines))
    return exit_codes.DONE


def _kept_until(entry: PurchaseRecord) -> datetime | None:
    """Return when the vendor may delete the file of a purchase that is not fetched yet.

    None where nothing is owed, where the file is here already, or where no vendor says.
    """
    job = entry.job
    if entry.state is not State.SUCCEEDED or entry.delivered or job is None or "spool" in job.data:
        return None
    try:
        provider = registry.load(job.provider)
    except ConfigError:
        return None
    keeps = provider.keeps_files if isinstance(provider, ExpiresFiles) else None
    return None if keeps is None else job.submitted_at + keeps


def _standing(entry: PurchaseRecord) -> list[str]:
    until = _kept_until(entry)
    kept = [] if until is None else [f"file kept until {until.date().isoformat()}"]
    return [standing(entry), *kept]


def _row(entry: PurchaseRecord, keys: list[str]) -> list[Any]:
    paid = entry.cost
    expected = f"~{quoted(entry.quote).removeprefix(_ABOUT)}"
    cost = both(paid.amount, paid.unit, paid.usd) if paid else expected
    return [
        short(entry.key, keys),
        _standing(entry),
        duration(max(0.0, time.time() - entry.created)),
        cost,
        in_world(target(entry), entry.sandbox),
        brief(entry.description),
    ]


def _data(entry: PurchaseRecord) -> dict[str, Any]:
    until = _kept_until(entry)
    return {
        "key": entry.key,
        "state": entry.state.value,
        "open": entry.open,
        "uncertain": entry.ambiguous,
        "job": entry.job.id if entry.job else None,
        "via": entry.via,
        "target": target(entry),
        "sandbox": entry.sandbox,
        "request": entry.description,
        "quote": codec.unstructure(entry.quote) if entry.quote else None,
        "cost": codec.unstructure(entry.cost) if entry.cost else None,
        "word": entry.word,
        "error": entry.error,
        "out": entry.out,
        "delivered": entry.delivered,
        "file_kept_until": until.isoformat(timespec="seconds") if until else None,
        "decision": entry.decision,
        "created": _moment(entry.created),
        "updated": _moment(entry.updated),
        "attempts": [_attempt(attempt) for attempt in entry.attempts],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "id": attempt.id,
        "account": attempt.account,
        "state": attempt.state,
        "sends": attempt.sends,
        "job": attempt.job.id if attempt.job else None,
        "error": attempt.error,
    }


def _story(entry: PurchaseRecord) -> list[tuple[str, str]]:
    quote, until = entry.quote, _kept_until(entry)
    told = [
        ("key", entry.key),
        ("state", standing(entry) + (f" (vendor says {entry.word!r})" if entry.word else "")),
        ("request", request_line(entry.description)),
        ("at", in_world(target(entry), entry.sandbox)),
        ("job", entry.job.id if entry.job else ""),
        ("quote", str(quote) if quote else "unknown"),
        ("cost", charged(entry.cost)),
        ("error", str(entry.error.get("message", "")) if entry.error else ""),
        ("wanted at", entry.out or ""),
        ("file", entry.delivered or ""),
        ("kept until", until.isoformat(timespec="seconds") if until else ""),
        ("bought", _moment(entry.created)),
        ("updated", _moment(entry.updated)),
    ]
    told += [("route", decided(row)) for row in entry.decision]
    for number, attempt in enumerate(entry.attempts, 1):
        text = f"{attempt.state} at {attempt.account}, sent {attempt.sends}x, id {attempt.id}"
        told.append((f"attempt {number}", text))
    return told


def _moment(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="seconds")
