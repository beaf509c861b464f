"""The verb `spend`: the cost of the purchases in the journal."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

from motionkit._support.text import many
from motionkit.cli import exit_codes
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.parameters import Option
from motionkit.cli.screen import Screen
from motionkit.cli.tables import one_format, write_csv
from motionkit.client import Client
from motionkit.errors import InvalidRequest
from motionkit.model.money import Unit, noun, number, shown
from motionkit.model.spending import ASSUMED, Amounts, Spend, totals

_KINDS = ("submitted", "charged", "refunded", "held", "uncertain")
_COLUMNS = ("UNIT", "JOBS", *(kind.upper() for kind in _KINDS))


class By(StrEnum):
    """The groups of the sums."""

    DAY = "day"
    ACCOUNT = "account"
    ROUTE = "route"
    MODEL = "model"
    LABEL = "label"


_NAMELESS = {By.ROUTE: "(no route)", By.LABEL: "(no label)"}


def spend(
    by: Annotated[By, Option(help="What is added up in one row.")] = By.DAY,
    *,
    since: Annotated[
        str,
        Option(
            metavar="WHEN",
            help="From that UTC day on: an age such as 12h or 30d, a date or an ISO time.",
        ),
    ] = "30d",
    every: Annotated[bool, Option("--all", help="From the first purchase on.")] = False,
    label_name: Annotated[
        str | None,
        Option(
            metavar="NAME",
            help="With --by label: add up by the values of this label. Default: all labels of a "
            "job together.",
        ),
    ] = None,
    as_csv: Annotated[bool, Option("--csv", help="Output CSV for spreadsheets.")] = False,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Show what was spent, by day, account, route, model or label. Nothing is sent.

    SUBMITTED is the sum of the four columns after it; each job is in one of them. CHARGED: reported
    by the vendor; where it reported nothing, the quote's likely amount, which a note tells apart.
    REFUNDED: charged and given back. HELD: the upper bound of unfinished jobs. UNCERTAIN: the upper
    bound of submits that may have been charged.

    Credits and dollars are not added up, and jobs in a sandbox are shown apart. Days are UTC, as
    budgets count.

    Examples:
      motionkit spend --since 7d
      motionkit spend --by account --all --csv
      motionkit spend --by label --label-name project --since 2026-11-01
    """
    one_format(json=json, csv=as_csv)
    if label_name is not None and by is not By.LABEL:
        raise InvalidRequest("--label-name needs --by label", field="label_name")
    screen = Screen(json=json)
    with Client(config) as client:
        rows = client.spend(by.value, since=None if every else since, label=label_name)
    data = rows.to_dict()
    if as_csv:
        write_csv(Spend.__columns__, (list(row.values()) for row in data))
        return exit_codes.DONE
    if json:
        screen.rows(data, [], [])
        return exit_codes.DONE
    if not rows:
        screen.note("nothing was submitted" + ("" if every else f" since {since}"))
    for sandbox in (False, True):
        own = [row for row in rows if row.sandbox is sandbox]
        if own:
            if sandbox:
                screen.write(("\n" if len(own) < len(rows) else "") + "SANDBOX, loopback:")
            _table(screen, by, own)
    _notes(screen, rows)
    return exit_codes.DONE


def _table(screen: Screen, by: By, rows: Sequence[Spend]) -> None:
    cells = [_cells(row.name or _NAMELESS.get(by, "(unknown)"), row) for row in rows]
    sums = totals(rows)
    cells += [_cells("total", row) for row in sums]
    known = [row.usd for row in sums]
    if len(sums) > 1 or sums[0].unit is not Unit.USD:
        whole = None if None in known else sum((one for one in known if one), Amounts())
        jobs = sum(row.jobs for row in sums)
        row = ["total in USD", "USD", f"{jobs:,}"]
        cells.append(
            row + (["unknown"] * len(_KINDS) if whole is None else _shown(whole, Unit.USD))
        )
    head = "DAY (UTC)" if by is By.DAY else by.value.upper()
    screen.rows([], [head, *_COLUMNS], cells, numbers=_COLUMNS[1:])


def _cells(name: str, row: Spend) -> list[str]:
    return [name, noun(row.unit), f"{row.jobs:,}", *_shown(row.amounts, row.unit)]


def _shown(amounts: Amounts, unit: Unit) -> list[str]:
    return [number(getattr(amounts, kind), unit) for kind in _KINDS]


def _notes(screen: Screen, rows: Sequence[Spend]) -> None:
    for row in totals(rows):
        where = " in the sandbox" * row.sandbox
        if row.amounts.assumed:
            screen.note(
                f"of CHARGED{where}, {shown(row.amounts.assumed, row.unit)} are assumed: {ASSUMED}"
            )
        if row.unpriced:
            screen.note(f"{many(row.unpriced, 'job')}{where} with an unknown price: counted as 0")
