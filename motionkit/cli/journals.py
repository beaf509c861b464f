"""The verbs `journal copy` and `journal check`: the journal as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import attrs

from motionkit import config
from motionkit._support.addresses import DatabaseAddress
from motionkit.cli import exit_codes
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.parameters import Argument
from motionkit.cli.screen import Screen
from motionkit.errors import InvalidRequest
from motionkit.journal import check_journal, copy_journal, located

PLACE = "A file, or a PostgreSQL database: postgresql://HOST/DATABASE."


def copy(
    source: Annotated[str, Argument(metavar="FROM", help=PLACE)],
    target: Annotated[str, Argument(metavar="TO", help=f"{PLACE} Made if need be.")],
    json: Json = False,
) -> int:
    """Copy a journal into another one: from a file into PostgreSQL, or back.

    Stop all programs that use either of them first. Repeating the command continues an interrupted
    copy. At the end, every row is read from both and compared. A job that TO has with other content
    is refused before anything is written.

    Processes on this machine can see a password in an address: name it in PGPASSWORD or in a
    password file instead.
    """
    screen = Screen(json=json)
    first, second = located(source), located(target)
    if isinstance(first, Path) and not first.exists():
        raise InvalidRequest(f"there is no journal {source}", field="FROM", value=source)
    with screen.busy("reading") as show:
        done = copy_journal(first, second, lambda table, rows: show(f"{table}: {rows} rows"))
    counts = [
        f"{table + ':':<11}{done.rows[table]} ({new} new)"
        for table, new in sorted(done.new.items(), key=lambda one: -done.rows[one[0]])
        if done.rows[table]
    ]
    screen.answer(
        {"from": str(first), "to": str(second), **attrs.asdict(done)},
        "\n".join([*counts, f"both journals agree (SHA-256 {done.digest})"]),
    )
    return exit_codes.DONE


def check(
    journal: Annotated[
        str | None, Argument(metavar="JOURNAL", help=f"{PLACE} Default: the configured one.")
    ] = None,
    json: Json = False,
    config_file: ConfigFile = None,
) -> int:
    """Read the whole journal and print what is wrong with it. Changes and repairs nothing.

    Exit code 2 when something is wrong.
    """
    screen = Screen(json=json)
    where: Path | DatabaseAddress | None = (
        config.load(config_file).journal if journal is None else located(journal)
    )
    with screen.busy("reading the journal"):
        found = check_journal(where)
    jobs = "1 purchase" if found.purchases == 1 else f"{found.purchases} purchases"
    data: dict[str, Any] = {**attrs.asdict(found), "ok": not found.problems}
    problems = len(found.problems)
    verdict = "no problems" if not problems else "1 problem" if problems == 1 else ""
    text = [
        f"{found.place}: schema {found.schema}, {jobs}, {found.attempts} attempts",
        *found.problems,
        *found.notes,
        verdict or f"{problems} problems",
    ]
    screen.answer(data, "\n".join(text))
    return exit_codes.USAGE if problems else exit_codes.DONE
