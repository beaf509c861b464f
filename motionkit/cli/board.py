"""The verb `board`: a live page of the journal, on this machine."""

from __future__ import annotations

from typing import Annotated

import motionkit as mk
from motionkit.cli import exit_codes
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.parameters import Option
from motionkit.cli.screen import Screen
from motionkit.cli.serving import listening, need_extra

_PORT = 8791


def board(
    *,
    allow_actions: Annotated[
        bool,
        Option(
            "--allow-actions",
            help="Let the page cancel, resume and buy again; a price is shown and confirmed first.",
        ),
    ] = False,
    host: Annotated[str, Option(help="Loopback address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = _PORT,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Show the journal as a live page until Ctrl-C: queue, films, spend, budgets, accounts.

    Prints the page's address. It has a token: without it, nothing is shown. Only this machine can
    reach it. The page changes when the journal does, whichever process writes it, and sends
    nothing to vendors; with --allow-actions, only what you click.

    Examples:
      motionkit board
      motionkit board --allow-actions --port 0
    """
    screen = Screen(json=json)
    serving = need_extra("motionkit.report.board", "board", "the board")
    with mk.Client(config) as client, serving.board_of(client, acts=allow_actions) as made:

        def began(address: str) -> None:
            screen.answer({"address": address}, address)
            what = "acts when you click" if allow_actions else "only shows"
            screen.note(f"the board {what}; keep the address to yourself; Ctrl-C stops it")

        with listening(host, port):
            serving.serve(made, host, port, began)
    screen.note("the board stopped")
    return exit_codes.DONE
