"""The verbs on the configuration itself: check, trust, schema."""

from __future__ import annotations

import json as stdjson
from pathlib import Path
from typing import Annotated, Any

import typer

import motionkit as mk
from motionkit import config
from motionkit.cli import exit_codes
from motionkit.cli.hints import sentence
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.screen import Screen, as_data
from motionkit.config import FILE_NAME, File, Origin, Route
from motionkit.errors import ConfigError, InvalidRequest, MotionKitError
from motionkit.model import codec
from motionkit.model.budget import period_words
from motionkit.model.money import both, dollars

verbs = typer.Typer(help="Look at motionkit.toml: check it, trust it, teach it to an editor.")

_ORIGINS = {
    Origin.OWN: "your own",
    Origin.NAMED: "named by you",
    Origin.FOUND: "found in a project folder",
}


@verbs.command()
def check(
    online: Annotated[
        bool, typer.Option("--online", help="Ask each account for its balance; that is free.")
    ] = False,
    json: Json = False,
    config_file: ConfigFile = None,
) -> int:
    """Say which files are used, and whether each account's key is found; never the key.

    A key's command is run to see whether it gives one.
    """
    screen = Screen(json=json)
    _show_files(screen, config.find_files(config_file))
    found = config.load(config_file)
    place = None if found.journal is None else str(found.journal)
    screen.rows(
        [{"kind": "journal", "path": place}],
        ["JOURNAL"],
        [[place or "off: a crash can lose a job"]],
    )
    code = _show_accounts(screen, found, online=online)
    if found.routes:
        screen.rows(
            [{"kind": "route", **codec.unstructure(route)} for route in found.routes.values()],
            ["ROUTE", "TARGETS", "CHOOSE", "A JOB AT MOST", "BUDGET", "FALLS BACK ON"],
            [_route_row(route) for route in found.routes.values()],
        )
    if not found.accounts:
        raise ConfigError(
            "no account is configured", hint="'motionkit providers' names the keys to set"
        )
    return code


@verbs.command("trust")
def trust_file(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="The file; the one found upwards otherwise."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> int:
    """Let a project's file set keys, prices, caps and hosts, run commands and read files.

    Shows what in it needs that, and asks. It holds until the file changes.
    """
    screen = Screen(json=json)
    given = _to_trust(file)
    asked = config.findings(given, config.beneath(given)) if given.origin is Origin.FOUND else []
    told: dict[str, Any] = {
        "file": str(given.path.resolve()),
        "sha256": given.sha256,
        "settings": [{"path": one.dotted, "does": one.does, "is": one.shown} for one in asked],
    }
    if not asked:
        why = "" if given.origin is Origin.FOUND else f" ({_ORIGINS[given.origin]})"
        screen.answer({**told, "trusted": True}, f"{given.path} needs no trust{why}")
        return exit_codes.DONE
    for one in asked:
        screen.fact(one.dotted, f"{one.does}: {one.shown}")
    if not yes:
        if not screen.asks:
            raise InvalidRequest(
                f"nobody is there to say whether {given.path} is to be trusted",
                hint="read the file, then add --yes",
                field="yes",
            )
        typer.confirm(f"trust {given.path} as it is now?", abort=True, err=True)
    store = config.trust_file(given)
    screen.answer({**told, "trusted": True}, f"{given.path} is trusted until it changes")
    screen.fact("store", str(store))
    return exit_codes.DONE


@verbs.command("schema")
def print_schema() -> int:
    """Print a JSON schema of motionkit.toml, for editors; it knows the installed providers."""
    print(stdjson.dumps(config.json_schema(), indent=2))  # noqa: T201 - standard output
    return exit_codes.DONE


def _to_trust(file: Path | None) -> File:
    if file is not None:
        given = config.read_file(file, Origin.FOUND)
        return config.read_file(file, Origin.OWN) if config.is_own(given.path) else given
    found = config.find_files()
    if not found:
        raise ConfigError(
            f"there is no {FILE_NAME} in this folder or above it", hint="name the file"
        )
    return found[0]


def _show_files(screen: Screen, files: list[File]) -> None:
    if not files:
        screen.note("no motionkit.toml; the keys in the environment make the accounts")
        return
    data = []
    for file in files:
        needs = []
        if file.origin is Origin.FOUND:
            needs = [one.dotted for one in config.findings(file, config.beneath(file))]
        data.append(
            {
                "kind": "file",
                "path": str(file.path),
                "origin": file.origin.value,
                "trusted": config.is_trusted(file),
                "needs_trust": needs,
            }
        )
    cells = [
        [row["path"], _ORIGINS[file.origin], _trust_words(file, row)]
        for file, row in zip(files, data, strict=True)
    ]
    screen.rows(data, ["FILE", "HOW", "TRUST"], cells)


def _trust_words(file: File, row: dict[str, Any]) -> str:
    if file.origin is not Origin.FOUND:
        return "needs none"
    if row["trusted"]:
        return "trusted as it is"
    needs = ", ".join(row["needs_trust"])
    return f"not trusted, and needed for {needs}" if needs else "not trusted; needs none"


def _show_accounts(screen: Screen, found: config.Config, *, online: bool) -> int:
    """Show the accounts, and return the worst exit code."""
    codes, data, cells = [exit_codes.DONE], [], []
    for account in found.accounts.values():
        row: dict[str, Any] = {
            "kind": "account",
            "account": account.name,
            "provider": account.provider,
            "key_source": "given" if account.key is None else account.key.source,
            "key_found": True,
            "origins": dict(account.origins),
        }
        try:
            _ = account.settings
        except ConfigError as error:
            row |= {"key_found": False, "error": as_data(error)}
            codes.append(exit_codes.code_of(error))
        said = row.get("error", {}).get("message")
        if said and account.key is not None:
            said = said.removeprefix(str(account.key.spot)).lstrip(" .:")
        cells.append(
            [
                account.name,
                account.provider,
                row["key_source"],
                f"no: {said}" if said else "yes",
                [f"{name} {address}" for name, address in account.origins.items()]
                or "the vendor's",
            ]
        )
        data.append(row)
    columns = ["ACCOUNT", "PROVIDER", "KEY FROM", "FOUND", "ADDRESS"]
    if online and data:
        columns.append("BALANCE")
        with mk.Client(found) as client, screen.busy("asking for balances"):
            for row, line in zip(data, cells, strict=True):
                code, told = _ask(client, row)
                codes.append(code)
                line.append(told)
    if data:
        screen.rows(data, columns, cells)
    return max(codes)


def _ask(client: mk.Client, row: dict[str, Any]) -> tuple[int, str]:
    """Ask one account's balance into its row, and return the exit code and the words."""
    if not row["key_found"]:
        return exit_codes.DONE, "not asked"
    try:
        held = client.balance(row["account"])
    except MotionKitError as error:
        row["error"] = as_data(error.fill(account=row["account"], provider=row["provider"]))
        return exit_codes.code_of(error), f"error: {sentence(error)}"
    row["balance"] = {"amount": held.amount, "unit": held.unit.value, "usd": held.usd}
    return exit_codes.DONE, both(held.amount, held.unit, held.usd)


def _route_row(route: Route) -> list[Any]:
    budget = [f"{dollars(usd)} {period_words(period)}" for period, usd in route.budget_usd.items()]
    return [
        route.name,
        list(route.targets),
        route.choose,
        "no limit" if route.max_usd is None else dollars(route.max_usd),
        budget or "no limit",
        ", ".join(route.fall_back_on) or "nothing",
    ]
