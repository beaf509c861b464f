"""The verb `worker`: do the items of batches, in the foreground."""

from __future__ import annotations

from typing import Annotated

import motionkit as mk
from motionkit.cli import exit_codes
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.parameters import Option
from motionkit.cli.screen import Screen, warnings_only


def worker(
    concurrency: Annotated[
        int | None,
        Option(
            min=1,
            metavar="N",
            help="Items at once. Default: the accounts' slots and a quarter more, at most 200. "
            "Workers that share a journal use the number that was given last.",
        ),
    ] = None,
    health: Annotated[
        bool,
        Option(
            "--health",
            help="Only check that a worker of this machine runs, by its heartbeat in the journal. "
            "Exit code 1 if none does; 11 if the journal cannot be read.",
        ),
    ] = False,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Do the items of all batches in the journal until Ctrl-C or SIGTERM.

    Any number of workers share a journal on PostgreSQL, on any machines; a journal on SQLite has
    one at a time. Stopping lets submits under way end; another worker, or the next start,
    continues with the rest. What is killed is taken over by another worker within 20 seconds.
    """
    screen = Screen(json=json)
    if health:
        from motionkit.batch import healthy  # noqa: PLC0415 - not for other verbs

        well = healthy(config)
        text = "a worker of this machine runs" if well else "no worker of this machine runs"
        screen.answer({"healthy": well}, text)
        return exit_codes.DONE if well else exit_codes.UNEXPECTED
    working = mk.Worker(config, concurrency=concurrency)
    screen.note("working on the batches of the journal; Ctrl-C stops it")
    with warnings_only():
        working.run()
    screen.note("the worker stopped")
    return exit_codes.DONE
