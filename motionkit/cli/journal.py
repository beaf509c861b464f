"""The verb `jobs`: the content of the journal."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Annotated, Any

import motionkit as mk
from motionkit.cli import exit_codes
from motionkit.cli.format import (
    beginnings,
    brief,
    charged,
    duration,
    in_world,
    plain,
    quoted,
    request_line,
    short,
    state_of,
    target,
)
from motionkit.cli.options import ConfigFile, Json, Reference
from motionkit.cli.parameters import Option
from motionkit.cli.screen import Screen, decided
from motionkit.client import ExpiresFiles, registry
from motionkit.errors import ConfigError
from motionkit.journal import PurchaseRecord
from motionkit.model import codec
from motionkit.model.job import State
from motionkit.model.labels import shown_labels
from motionkit.model.money import both

_PART = 500
"""Jobs that are written at once."""
_ABOUT = "about "
"""The prefix of a quote without bounds; the '~' replaces it here."""


def jobs(
    open_only: Annotated[
        bool,
        Option("--open", help="Show only jobs that are running, uncertain or not downloaded."),
    ] = False,
    limit: Annotated[
        int | None, Option(min=1, metavar="N", help="Show only the newest N jobs.")
    ] = None,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """List the jobs in the journal, newest last.

    AGE is the time since the submit. A COST with '~' is the quote: the actual cost is unknown.
    """
    screen = Screen(json=json)
    widths: list[int] = []
    with mk.Client(config) as client:
        entries: Iterable[PurchaseRecord] = client.jobs.each(open_only=open_only)
        if limit is not None:
            entries = client.jobs.list(open_only=open_only, limit=limit)
        kinds, left = registry.operations(), iter(entries)
        part = list(islice(left, _PART))
        none = not part
        while part or none:
            # Each part is written as it is read: a journal may have a million jobs.
            ambiguous = client.jobs.ambiguous(beginnings(entry.key for entry in part))
            screen.rows(
                [_data(entry) for entry in part] if json else [],
                ["KEY", "STATE", "AGE", "COST", "AT", "WHAT"],
                [] if json else [_row(entry, ambiguous, kinds) for entry in part],
                widths,
            )
            if none:
                screen.note("no unfinished jobs" if open_only else "no jobs yet")
                break
            part = list(islice(left, _PART))
    return exit_codes.DONE


def show(ref: Reference, json: Json = False, config: ConfigFile = None) -> int:
    """Print everything that the journal has about one job."""
    screen = Screen(json=json)
    with mk.Client(config) as client:
        entry = client.jobs.get(ref)
    lines = [f"{name:<10} {plain(text)}" for name, text in _details(entry) if text]
    screen.answer(_data(entry), "\n".join(lines))
    return exit_codes.DONE


def _kept_until(entry: PurchaseRecord) -> datetime | None:
    """Return when the vendor may delete the file of a job that is not downloaded yet.

    None if there is nothing to download, or if the vendor documents no date.
    """
    job = entry.job
    if entry.state is not State.SUCCEEDED or entry.delivered or job is None or "spool" in job.data:
        return None
    keeps = _keeps_files(job.provider)
    return None if keeps is None else job.submitted_at + keeps


@lru_cache  # a list asks for each of its jobs, and looking for a provider reads the disk
def _keeps_files(name: str) -> timedelta | None:
    try:
        provider = registry.load(name)
    except ConfigError:
        return None
    return provider.keeps_files if isinstance(provider, ExpiresFiles) else None


def _row(
    entry: PurchaseRecord, ambiguous: Container[str], kinds: Sequence[type[mk.Request]]
) -> list[Any]:
    paid = entry.cost
    expected = f"~{quoted(entry.quote).removeprefix(_ABOUT)}"
    cost = both(paid.amount, paid.unit, paid.usd) if paid else expected
    until = _kept_until(entry)
    kept = [] if until is None else [f"file kept until {until.date().isoformat()}"]
    return [
        short(entry.key, ambiguous),
        [state_of(entry), *kept],
        duration(max(0.0, time.time() - entry.created)),
        cost,
        in_world(target(entry), entry.sandbox),
        brief(entry.description, kinds),
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
        "labels": entry.labels,
        "take": entry.take,
        "quote": codec.unstructure(entry.quote),
        "cost": codec.unstructure(entry.cost),
        "word": entry.word,
        "error": entry.error,
        "out": entry.out,
        "delivered": entry.delivered,
        "file_kept_until": until.isoformat(timespec="seconds") if until else None,
        "decision": entry.decision,
        "created": _moment(entry.created),
        "updated": _moment(entry.updated),
        "attempts": [
            {name: getattr(one, name) for name in ("id", "account", "state", "sends", "error")}
            | {"job": one.job.id if one.job else None}
            for one in entry.attempts
        ],
    }


def _details(entry: PurchaseRecord) -> list[tuple[str, str]]:
    quote, until = entry.quote, _kept_until(entry)
    details = [
        ("key", entry.key),
        ("state", state_of(entry) + (f" (vendor status {entry.word})" if entry.word else "")),
        ("request", request_line(entry.description)),
        ("take", "" if entry.take is None else str(entry.take)),
        ("labels", shown_labels(entry.labels)),
        ("at", in_world(target(entry), entry.sandbox)),
        ("job", entry.job.id if entry.job else ""),
        ("quote", str(quote) if quote else "unknown"),
        ("cost", charged(entry.cost)),
        ("error", str(entry.error.get("message", "")) if entry.error else ""),
        ("output", entry.out or ""),
        ("file", entry.delivered or ""),
        ("kept until", until.isoformat(timespec="seconds") if until else ""),
        ("submitted", _moment(entry.created)),
        ("updated", _moment(entry.updated)),
    ]
    details += [("route", decided(row)) for row in entry.decision]
    for number, attempt in enumerate(entry.attempts, 1):
        text = f"{attempt.state} at {attempt.account}, sent {attempt.sends}x, id {attempt.id}"
        details.append((f"attempt {number}", text))
    return details


def _moment(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="seconds")
