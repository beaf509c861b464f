"""The verb `compare`: price, duration and output of each target, side by side."""

from __future__ import annotations

import csv
import shutil
import sys
import textwrap
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import attrs

import motionkit as mk
from motionkit._support.text import duration
from motionkit.cli import checkout, exit_codes
from motionkit.cli.format import held_data, likely, plain, quoted
from motionkit.cli.parameters import Option
from motionkit.cli.records import Targeting
from motionkit.cli.screen import Screen, error_data
from motionkit.client import Comparison
from motionkit.model import codec
from motionkit.model.money import Basis, both
from motionkit.model.request import Request

COLUMNS = ["TARGET", "QUOTE", "BASIS", "TAKES", "DELIVERS", "BALANCE"]
_NARROW = ["TARGET", "QUOTE", "TAKES", "BALANCE"]
_INDENT = "  "
"""Before what a target delivers, on the lines below its name."""
_GLUE = "\N{NO-BREAK SPACE}"
_DELIVERS = 40
"""The least columns of these lines."""
_RATING = "RATING"
"""The column before the balance, where a target of the table has ratings."""
_WIDE = 130
"""Columns of a terminal that shows all of a row in one line or two."""


@attrs.frozen(kw_only=True, eq=False)
class Comparing(Targeting):
    """The options of `compare`."""

    via: Annotated[
        str | None,
        Option(metavar="TARGET", help="A target or a route. Default: all offers of all accounts."),
    ] = None
    choose: Annotated[
        Literal["cheapest", "fastest", "first"],
        Option("--choose", help="What comes first; 'first' is the configured order."),
    ] = "cheapest"
    offline: Annotated[bool, Option("--offline", help="Do not query balances; send nothing.")] = (
        False
    )
    as_csv: Annotated[bool, Option("--csv", help="Output CSV.")] = False


def compare(kind: type[Request], values: dict[str, Any], options: Comparing) -> int:
    """Print a row per target."""
    screen = Screen(json=options.json)
    with mk.Client(options.config) as client:
        request = checkout.make(kind, values, options, client)
        with screen.busy("comparing targets" if options.offline else "querying balances"):
            rows = client.compare(
                request, via=options.via, choose=options.choose, balances=not options.offline
            )
        providers = checkout.keyless_providers(client, (row.account for row in rows if row.no_key))
    if options.as_csv:
        _write_csv(rows)
    else:
        offline = options.offline and not providers
        narrow = _is_narrow()
        columns = _NARROW if narrow else COLUMNS
        columns = columns[:-1] if offline else columns
        width = max((len(row.target) for row in rows), default=0)
        cells = [(_few(row, width) if narrow else _cells(row))[: len(columns)] for row in rows]
        if any(row.ratings for row in rows):
            at = len(columns) - (not offline)  # the balance stays last
            columns = [*columns[:at], _RATING, *columns[at:]]
            cells = [
                [*line[:at], _rated(row), *line[at:]] for row, line in zip(rows, cells, strict=True)
            ]
        screen.rows([_data(row) for row in rows], columns, cells)
        if narrow and not screen.json:
            screen.note("~ is not exact; a wider window, --csv or --json shows all")
            missing = dict.fromkeys(row.no_key for row in rows if row.no_key)
            if missing:
                screen.note(f"no key: {', '.join(missing)}")
        notes = [(row.target, found) for row in rows if (found := _notes(row))]
        if notes and not screen.json:
            screen.rows([], ["TARGET", "NOTES"], notes)
    for note in checkout.about_keys(providers):
        screen.note(note)
    return exit_codes.DONE


def _is_narrow() -> bool:
    """Return whether the terminal folds the whole table."""
    return sys.stdout.isatty() and shutil.get_terminal_size().columns < _WIDE


def price(row: Comparison) -> str:
    """Return the likely price of a target in US dollars, for a narrow column."""
    found = likely(row.quote)
    if found:
        return found
    failed = row.error is not None and row.no_key is None
    return "" if row.problem is not None or failed else "unknown"


def takes(row: Comparison) -> str:
    """Return how long a job of a target usually takes, for a narrow column."""
    if row.seconds is None or row.problem is not None:
        return "" if row.problem is not None else "?"
    return f"{round(row.seconds / 60)} min" if row.seconds >= 60 else duration(row.seconds)


def _few(row: Comparison, width: int) -> list[Any]:
    """Return the cells of a narrow terminal: the likely price, minutes, and what is missing.

    What is delivered is below the target. The notes below the table name each missing key.
    """
    held = row.balance
    cell: Any = "" if held is None else both(held.amount, held.unit, held.usd).split(" = ")
    delivers = row.delivery if row.problem is None else ""
    parts = delivers.replace(" ", _GLUE).replace(f",{_GLUE}", ", ")  # a line breaks between parts
    lines = textwrap.wrap(
        parts, max(width, _DELIVERS), initial_indent=_INDENT, subsequent_indent=_INDENT
    )
    lines = [line.replace(_GLUE, " ") for line in lines]
    return [[row.target, *lines], price(row), takes(row), "no key" if row.no_key else cell]


def _basis(row: Comparison) -> str:
    quote = row.quote
    if quote is None:
        return ""
    basis = f"observed n={quote.n}" if quote.basis is Basis.OBSERVED else quote.basis.value
    if quote.as_of is None:
        return basis
    age = (datetime.now(UTC).date() - quote.as_of).days
    return f"{basis}, {age} d old{' (!)' if row.old else ''}"


def _takes(row: Comparison) -> str:
    if row.seconds is None:
        return "?"
    tail = f", p90 {duration(row.p90)}" if row.p90 is not None else ""
    return f"{duration(row.seconds)}{tail}"


def _rated(row: Comparison) -> str:
    """Return the ratings of a target: ``4.3 of 5 (n=12)``."""
    return "" if row.rating is None else f"{row.rating:.1f} of 5 (n={row.ratings})"


def _notes(row: Comparison) -> list[str]:
    return [plain(note) for note in row.notes]


def _cells(row: Comparison) -> list[Any]:
    held = row.balance
    return [
        row.target,
        ""
        if row.problem is not None or (row.error is not None and row.no_key is None)
        else quoted(row.quote),
        _basis(row),
        _takes(row) if row.problem is None else "",
        row.delivery if row.problem is None else "",
        f"no key: {row.no_key}"
        if row.no_key
        else ""
        if held is None
        else both(held.amount, held.unit, held.usd),
    ]


def _data(row: Comparison) -> dict[str, Any]:
    return {
        "target": row.target,
        "quote": codec.unstructure(row.quote),
        "listed": codec.unstructure(row.listed),
        "old": row.old,
        "seconds": row.seconds,
        "p90": row.p90,
        "quality": row.quality,
        "delivers_seconds": row.delivers,
        "settings": row.settings,
        "min_clip_seconds": row.clip_limits[0],
        "max_clip_seconds": row.clip_limits[1],
        "defaults": row.defaults,
        "lacks": row.lacks,
        "clip_seconds": row.clip_seconds,
        "fits": row.problem is None,
        "problem": error_data(row.problem) if row.problem else None,
        "conversions": row.conversions,
        "warnings": row.warnings,
        "rating": row.rating,
        "ratings": row.ratings,
        "balance": held_data(row.balance),
        "suffices": row.suffices,
        "no_key": row.no_key,
        "error": error_data(row.error) if row.error else None,
    }


def _write_csv(rows: list[Comparison]) -> None:
    fields = [
        *("target", "unit", "low", "likely", "high", "usd_low", "usd_likely", "usd_high"),
        *("basis", "n", "source", "as_of", "old", "seconds", "p90", "quality"),
        *("delivers_seconds", "settings", "min_clip_seconds", "max_clip_seconds"),
        *("clip_seconds", "defaults", "lacks", "fits", "rating", "ratings"),
        *("balance", "balance_unit", "suffices", "no_key", "notes"),
    ]
    writer = csv.DictWriter(sys.stdout, fields, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        data = _data(row)
        held = data["balance"] or {}
        flat = {
            "settings": codec.dumps(row.settings),
            "defaults": codec.dumps(row.defaults),
            "lacks": " ".join(row.lacks),
            "balance": held.get("amount"),
            "balance_unit": held.get("unit"),
            "notes": "; ".join(_notes(row)),
        }
        writer.writerow({**(data["quote"] or {}), **data, **flat})
