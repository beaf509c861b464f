"""The verb `budget`: amounts spent, held and left, and when each budget begins anew."""

from __future__ import annotations

from typing import Any

from motionkit.cli import exit_codes
from motionkit.cli.format import in_world
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.screen import PIPE_WIDTH, Screen, styled
from motionkit.client import Client
from motionkit.model.budget import BudgetStatus, period_words
from motionkit.model.money import Unit, number


def budget(json: Json = False, config: ConfigFile = None) -> int:
    """Show each budget: the limit, and the amounts spent, held and left in the current period.

    SPENT is what vendors reported, and the upper bound of finished jobs of which they reported
    nothing. HELD is the upper bound of unfinished and uncertain jobs. Periods begin and end in UTC.
    Jobs in a sandbox on this machine are counted separately. 'motionkit spend' shows more.
    """
    screen = Screen(json=json)
    with Client(config) as client:
        found = client.budget()
    if not found:
        screen.note("no budget is configured; set budget_usd in [defaults] or in a route")
        return exit_codes.DONE
    narrow = screen.columns < PIPE_WIDTH
    screen.rows(
        found.to_dict(),
        ["BUDGET", "LIMIT (USD)", "SPENT", "HELD", "LEFT", "RESETS (UTC)"],
        [_cells(one, narrow=narrow) for one in found],
        numbers=["SPENT", "HELD", "LEFT"],
    )
    if narrow and not json and any(one.sandbox for one in found):
        screen.note("* in a SANDBOX on this machine", style="dim")
    return exit_codes.DONE


def _cells(one: BudgetStatus, *, narrow: bool) -> list[Any]:
    left = number(one.left, Unit.USD)
    name = one.name.removesuffix(".budget_usd") if narrow else one.name
    short = one.left < one.limit / 5
    return [
        name + "*" * one.sandbox if narrow else in_world(name, one.sandbox),
        f"{number(one.limit, Unit.USD)} {period_words(one.period)}",
        number(one.spent, Unit.USD),
        number(one.held, Unit.USD),
        styled(left, "red" if one.left <= 0 else "yellow") if short else left,
        "never" if one.until is None else f"{one.until:%Y-%m-%d %H:%M}",
    ]
