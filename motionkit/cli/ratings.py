"""The verbs `ratings` and `ratings import`: what people thought of results."""

from __future__ import annotations

import sys
from datetime import UTC
from typing import Annotated, Any

from motionkit._support.text import many
from motionkit.cli import exit_codes
from motionkit.cli.format import beginnings, plain, short
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.parameters import Argument, Option
from motionkit.cli.screen import Screen
from motionkit.cli.tables import one_format, write_csv
from motionkit.client import Client
from motionkit.model.labels import read_labels
from motionkit.model.rating import FIELDS, MOST_STARS, Rating

_HEADS = ("KEY", "STARS", "RATED (UTC)", "NOTE")
_NAMED = 20
"""Skipped keys that are named one by one."""


def ratings(
    *,
    since: Annotated[
        str | None,
        Option(
            metavar="WHEN",
            help="Show only ratings of jobs that were submitted since then: an age such as 12h or "
            "30d, a date or an ISO time (UTC where no zone is named).",
        ),
    ] = None,
    account: Annotated[
        str | None, Option(metavar="NAME", help="Show only ratings of jobs of this account.")
    ] = None,
    label: Annotated[
        list[str] | None,
        Option(metavar="NAME=VALUE", help="Show only ratings of jobs with this label. Repeatable."),
    ] = None,
    as_csv: Annotated[bool, Option("--csv", help="Output CSV for spreadsheets.")] = False,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """List people's ratings of results, the newest rating last.

    'motionkit report' writes a page on which results are watched side by side and rated; 'motionkit
    ratings import' takes what it exports. 'motionkit compare' shows the mean of each target.

    Examples:
      motionkit ratings
      motionkit ratings --label project=spring --csv
      motionkit ratings import ratings.csv
    """
    one_format(json=json, csv=as_csv)
    given: dict[str, Any] = {"since": since, "account": account}
    filters = {name: value for name, value in given.items() if value is not None}
    if label:
        filters["label"] = read_labels(label)
    screen = Screen(json=json)
    with Client(config) as client:
        found = client.jobs.ratings(**filters)
        keys = client.jobs.ambiguous(beginnings(one.key for one in found))
    if as_csv:
        write_csv(FIELDS, ([one.to_dict()[name] for name in FIELDS] for one in found))
    elif found:
        rows = [_cells(one, short(one.key, keys)) for one in found]
        screen.rows([one.to_dict() for one in found], _HEADS, rows)
    if not found:
        screen.note("no rating matches" if filters else "no ratings yet")
    return exit_codes.DONE


def _cells(rating: Rating, key: str) -> list[str]:
    at = f"{rating.rated_at.astimezone(UTC):%Y-%m-%d %H:%M}"
    return [key, f"{rating.stars} of {MOST_STARS}", at, plain(rating.note)]


def take(
    file: Annotated[
        str,
        Argument(
            metavar="FILE",
            help="CSV, a JSON list of objects, or JSON Lines; '-' reads standard input.",
        ),
    ],
    *,
    skip_unknown: Annotated[
        bool,
        Option(
            "--skip-unknown",
            help="Leave out jobs that the journal does not have, or that have no result.",
        ),
    ] = False,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Write ratings that a report's page exported into the journal. Nothing is sent.

    Each row has a key, stars from 1 to 5, a note, and rated_at: a time with its zone, such as
    2026-11-27T12:00:00Z. The same file again changes nothing, and a newer rating of a job wins.
    Where a row is wrong, all that is wrong is listed, and nothing is written.

    Examples:
      motionkit ratings import ratings.csv
      motionkit ratings import - < ratings.json
    """
    from motionkit.report import import_ratings  # noqa: PLC0415 - `ratings` reads no file

    screen = Screen(json=json)
    with Client(config) as client:
        found = import_ratings(
            client, sys.stdin.buffer if file == "-" else file, skip_unknown=skip_unknown
        )
    rated = found.rated
    counts = {
        "new": rated.new,
        "changed": rated.changed,
        "unchanged": rated.unchanged,
        "older": rated.older,
    }
    said = [f"{counts[name]:,} {name}" for name in ("new", "changed", "unchanged")]
    if rated.older:
        said.append(f"{rated.older:,} older than what the journal has")
    total = sum(counts.values())
    text = f"{many(total, 'rating')}: {', '.join(said)}" if total else "no ratings"
    screen.answer({**counts, "skipped": dict(found.skipped)}, text)
    for key, why in list(found.skipped.items())[:_NAMED]:
        screen.note(f"left out {plain(key)}: {why}")
    if len(found.skipped) > _NAMED:
        screen.note(f"left out {len(found.skipped) - _NAMED:,} more")
    if found.columns:
        screen.note(f"not read: {', '.join(map(plain, found.columns))}")
    return exit_codes.DONE
