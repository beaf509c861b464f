"""The verbs on the configuration: check, trust, schema."""

from __future__ import annotations

import json as stdjson
from pathlib import Path
from typing import Annotated, Any

import motionkit as mk
from motionkit import config
from motionkit.cli import exit_codes
from motionkit.cli.format import held_data
from motionkit.cli.hints import sentence
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.parameters import Argument, Option
from motionkit.cli.screen import Screen, error_data
from motionkit.config import FILE_NAME, File, Origin, Route
from motionkit.errors import ConfigError, InvalidRequest, MotionKitError
from motionkit.model import codec
from motionkit.model.budget import period_words
from motionkit.model.money import both, dollars

_ORIGINS = {
    Origin.OWN: "your own file",
    Origin.NAMED: "named explicitly",
    Origin.FOUND: "found in a project folder",
}


def check(
    online: Annotated[
        bool, Option("--online", help="Query each account's balance; free of charge.")
    ] = False,
    json: Json = False,
    config_file: ConfigFile = None,
) -> int:
    """Show the configuration files in use and whether each account's key is found, never the key.

    The command of a key is run to check that it returns one.
    """
    screen = Screen(json=json)
    _show_files(screen, config.find_files(config_file))
    found = config.load(config_file)
    path = None if found.journal is None else str(found.journal)
    screen.rows(
        [{"kind": "journal", "path": path}], ["JOURNAL"], [[path or "off: a crash can lose a job"]]
    )
    code = _show_accounts(screen, found, online=online)
    if found.routes:
        screen.rows(
            [{"kind": "route", **codec.unstructure(route)} for route in found.routes.values()],
            ["ROUTE", "TARGETS", "CHOOSE", "A JOB AT MOST", "BUDGET", "FALLS BACK ON"],
            [_route_row(route) for route in found.routes.values()],
        )
    if not found.accounts:
        raise config.no_account()
    return code


def trust(
    file: Annotated[
        Path | None,
        Argument(metavar="FILE", help="The file. Default: the one in this folder or above it."),
    ] = None,
    yes: Annotated[bool, Option("--yes", "-y", help="Skip confirmation.")] = False,
    json: Json = False,
) -> int:
    """Trust a project's file: it may set keys, prices, caps and hosts, run commands, read files.

    The .env beside it is trusted with it. Shows the settings that need trust and asks for
    confirmation. Trust ends when a file changes.
    """
    screen = Screen(json=json)
    given = _to_trust(file)
    asked = config.findings(given, config.beneath(given)) if given.origin is Origin.FOUND else []
    files: list[Any] = [given] if asked else []
    if (dotenv := config.untrusted_dotenv(given)) is not None:
        files.append(dotenv)
        asked += config.dotenv_findings(dotenv)
    data: dict[str, Any] = {
        "file": str(given.path.resolve()),
        "sha256": given.sha256,
        "settings": [{"path": one.dotted, "does": one.does, "is": one.shown} for one in asked],
    }
    if not files:
        why = "" if given.origin is Origin.FOUND else f" ({_ORIGINS[given.origin]})"
        screen.answer({**data, "trusted": True}, f"{given.path} does not need trust{why}")
        return exit_codes.DONE
    for one in asked:
        screen.fact(one.dotted, f"{one.does}: {one.shown}")
    named = " and ".join(str(one.path) for one in files)
    if not yes:
        if not screen.asks:
            raise InvalidRequest(
                f"{named} is not trusted: confirmation required; read it, then pass --yes",
                field="yes",
            )
        screen.confirm(f"trust the current content of {named}?")
    store = [config.trust_file(one) for one in files][-1]
    screen.answer({**data, "trusted": True}, f"{named} is trusted until it changes")
    screen.fact("store", str(store))
    return exit_codes.DONE


def schema() -> int:
    """Print a JSON schema of motionkit.toml for editors; it covers the installed providers."""
    written = Screen().write(stdjson.dumps(config.json_schema(), indent=2))
    return exit_codes.DONE if written else exit_codes.STORAGE


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
        screen.note("no motionkit.toml; accounts come from the keys in the environment")
        return
    data, cells = [], []
    for file in files:
        found = file.origin is Origin.FOUND
        asked = config.findings(file, config.beneath(file)) if found else ()
        row = {
            "kind": "file",
            "path": str(file.path),
            "origin": file.origin.value,
            "trusted": config.is_trusted(file),
            "needs_trust": [one.dotted for one in asked],
        }
        data.append(row)
        cells.append([row["path"], _ORIGINS[file.origin], _trust_text(file, row)])
    screen.rows(data, ["FILE", "HOW", "TRUST"], cells)


def _trust_text(file: File, row: dict[str, Any]) -> str:
    if file.origin is not Origin.FOUND:
        return "not needed"
    if row["trusted"]:
        return "trusted"
    needs = ", ".join(row["needs_trust"])
    return f"not trusted, but required by {needs}" if needs else "not trusted; not needed"


def _show_accounts(screen: Screen, found: config.Config, *, online: bool) -> int:
    """Show the accounts and return the highest exit code."""
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
            row |= {"key_found": False, "error": error_data(error)}
            codes.append(exit_codes.code_of(error))
        problem = row.get("error", {}).get("message")
        if problem and account.key is not None:
            problem = problem.removeprefix(str(account.key.spot)).lstrip(" .:")
        cells.append(
            [
                account.name,
                account.provider,
                row["key_source"],
                f"no: {problem}" if problem else "yes",
                [f"{name} {address}" for name, address in account.origins.items()]
                or "the vendor's",
            ]
        )
        data.append(row)
    columns = ["ACCOUNT", "PROVIDER", "KEY FROM", "FOUND", "ADDRESS"]
    if online and data:
        columns.append("BALANCE")
        with mk.Client(found) as client, screen.busy("querying balances"):
            for row, line in zip(data, cells, strict=True):
                code, text = _ask(client, row)
                codes.append(code)
                line.append(text)
    if data:
        screen.rows(data, columns, cells)
    return max(codes)


def _ask(client: mk.Client, row: dict[str, Any]) -> tuple[int, str]:
    """Query one account's balance into its row; return the exit code and the cell."""
    if not row["key_found"]:
        return exit_codes.DONE, "not queried"
    try:
        held = client.balance(row["account"])
    except MotionKitError as error:
        row["error"] = error_data(error.fill(account=row["account"], provider=row["provider"]))
        return exit_codes.code_of(error), f"error: {sentence(error)}"
    row["balance"] = held_data(held)
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
