"""The verb `budget`: amounts spent, held and left."""

from __future__ import annotations

from motionkit.cli import exit_codes
from motionkit.cli.format import in_world
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.screen import Screen
from motionkit.client import Client
from motionkit.model.budget import BudgetStatus, period_words
from motionkit.model.money import dollars


def budget(json: Json = False, config: ConfigFile = None) -> int:
    """Show each budget: the limit, and the amounts spent, held and left in the current period.

    Held is the upper bound of unfinished jobs. Periods begin and end in UTC. Jobs in a sandbox on
    this machine are counted separately.
    """
    screen = Screen(json=json)
    with Client(config) as client:
        found = client.budget()
    if not found:
        screen.note("no budget is configured; set budget_usd in [defaults] or in a route")
        return exit_codes.DONE
    screen.rows(
        [_data(one) for one in found],
        ["BUDGET", "LIMIT", "SPENT", "HELD", "LEFT", "UNTIL (UTC)"],
        [_cells(one) for one in found],
    )
    return exit_codes.DONE


def _data(one: BudgetStatus) -> dict[str, object]:
    amounts = {f"{name}_usd": getattr(one, name) for name in ("limit", "spent", "held", "left")}
    period = {"period": one.period, "since": one.since, "until": one.until}
    return {"budget": one.name, "sandbox": one.sandbox, **period, **amounts}


def _cells(one: BudgetStatus) -> list[str]:
    return [
        in_world(one.name, one.sandbox),
        f"{dollars(one.limit)} {period_words(one.period)}",
        *(dollars(amount) for amount in (one.spent, one.held, one.left)),
        "no end" if one.until is None else f"{one.until:%Y-%m-%d %H:%M}",
    ]
