"""The verb `list`: query a vendor's lists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import attrs

import motionkit as mk
from motionkit.cli import exit_codes
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.parameters import Argument, Option
from motionkit.cli.screen import Screen
from motionkit.client import Client, list_names, list_options, registry
from motionkit.config import no_account
from motionkit.errors import ConfigError, InvalidRequest
from motionkit.model.job import utcnow
from motionkit.model.moments import moment

_RAW = "raw"
_FIELD = re.compile(r"`(\w+)\.(\w+)`")
"""A field of a request in the description of a list, which addresses Python."""


def look_up(
    account: Annotated[
        str | None,
        Argument(metavar="ACCOUNT", help="The account. Default: all that have lists."),
    ] = None,
    name: Annotated[
        str | None,
        Argument(metavar="NAME", help="The list. Default: show the names of all lists."),
    ] = None,
    *,
    where: Annotated[
        list[str] | None,
        Option(metavar="NAME=VALUE", help="A filter of the list. Repeatable."),
    ] = None,
    since: Annotated[
        str | None,
        Option(
            metavar="WHEN",
            help="Show only entries since then: an age such as 90m, 12h or 7d, a date or an ISO "
            "time (UTC where no zone is named).",
        ),
    ] = None,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Query a vendor's lists: voices, styles, templates, charges. Free of charge.

    Without NAME, shows the available lists and their filters; 'motionkit list ACCOUNT voices' shows
    one of them. With --json, each row has the vendor's full record as 'raw'.
    """
    screen = Screen(json=json)
    with mk.Client(config) as client:
        if account is None or name is None:
            _names(screen, client, account)
            return exit_codes.DONE
        rows = client.look_up(account, name, **_filters(where or (), since))
    _show(screen, rows)
    return exit_codes.DONE


def _names(screen: Screen, client: Client, account: str | None) -> None:
    names = [account] if account else list(client.config.accounts)
    rows = []
    for one in names:
        provider = client.account(one)
        for name, what in list_names(provider).items():
            filters = list_options(provider, name)
            shown = _FIELD.sub(_as_option, what)
            rows.append({"account": one, "list": name, "what": shown, "where": list(filters)})
    if not names:
        raise no_account()
    if not rows:
        raise ConfigError(
            f"account {account} has no lists"
            if account
            else f"no configured account has lists (configured: {', '.join(names)})",
            account=account,
        )
    screen.rows(
        rows,
        ["ACCOUNT", "LIST", "WHAT", "WHERE"],
        [[row["account"], row["list"], row["what"], ", ".join(row["where"])] for row in rows],
    )


def _as_option(field: re.Match[str]) -> str:
    """Return the command-line option for a field of a request."""
    verb = next((one.verb for one in registry.operations() if one.__name__ == field[1]), None)
    return f"'{verb} --{field[2].replace('_', '-')}'" if verb else field[0]


def _filters(where: Sequence[str], since: str | None) -> dict[str, Any]:
    now = utcnow().timestamp()
    filters: dict[str, Any] = {}
    for one in where:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise InvalidRequest(
                f"where: {one!r} is not NAME=VALUE", field="where", value=one, limit="NAME=VALUE"
            )
        filters[name] = moment(name, value, now) if name in {"since", "until"} else value
    if since is not None:
        filters["since"] = moment("since", since, now)
    return filters


def _show(screen: Screen, rows: Sequence[Any]) -> None:
    data = [attrs.asdict(row) for row in rows]
    if not data:
        screen.note("the list is empty")
        return
    heads = [name for name in data[0] if name != _RAW]
    # A row with no known field is shown as the vendor sent it.
    cells = [
        [row[name] for name in heads]
        if any(row[name] for name in heads)
        else [row.get(_RAW), *[""] * (len(heads) - 1)]
        for row in data
    ]
    zones = {field.name: field.metadata.get("zone") for field in attrs.fields(type(rows[0]))}
    titles = [f"{name.upper()} ({zones[name]})" if zones[name] else name.upper() for name in heads]
    screen.rows(data, titles, cells)
