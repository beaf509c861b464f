"""The verb `mcp`: serve motionkit's tools to an agent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import motionkit as mk
from motionkit._support.text import many
from motionkit.cli import exit_codes
from motionkit.cli.options import ConfigFile
from motionkit.cli.parameters import Option
from motionkit.cli.screen import Screen
from motionkit.cli.serving import listening, need_extra
from motionkit.errors import InvalidRequest
from motionkit.model.money import AMOUNT, amount, dollars


def mcp(
    *,
    budget_usd: Annotated[
        str,
        Option(
            metavar="USD",
            help="What all purchases of this server may cost together. With 0 it only quotes.",
        ),
    ] = "0",
    folder: Annotated[
        Path | None,
        Option(
            metavar="FOLDER",
            help="The only folder whose files are sent, and where results are saved. "
            "Default: the current one.",
        ),
    ] = None,
    http: Annotated[
        bool,
        Option("--http", help="Serve streamable HTTP at /mcp instead of standard input."),
    ] = False,
    host: Annotated[str, Option(help="With --http: an address of this machine.")] = ("127.0.0.1"),
    port: Annotated[
        int, Option(min=0, max=65535, help="With --http: the port; 0 picks a free one.")
    ] = 8790,
    config: ConfigFile = None,
) -> int:
    """Serve tools to an agent by the Model Context Protocol: quote, compare, submit, wait, ...

    Without --budget-usd nothing can be bought. Each purchase is confirmed by the user in the
    agent's program, or by the agent where its program cannot ask. The budget is of one start of
    the server; budgets of the configuration hold as well. Purchases of an earlier start continue:
    their keys work with status, wait and result.
    """
    limit = amount(budget_usd)
    if limit is None:
        raise InvalidRequest.expected("budget_usd", budget_usd, AMOUNT)
    root = Path.cwd() if folder is None else folder
    if not root.is_dir():
        raise InvalidRequest(
            f"folder: {str(root)!r} is no folder", field="folder", value=str(root), limit="a folder"
        )
    serving = need_extra("motionkit.mcp", "mcp", "serving an agent")
    screen = Screen(json=False)
    client = mk.AsyncClient(config)

    def began(where: str) -> None:
        unfinished = client.jobs.count(open_only=True)
        screen.note(
            f"serving {where}; budget {dollars(limit)}{'' if limit else ': it only quotes'}; "
            f"files in {root}; {many(unfinished, 'unfinished purchase')} in the journal"
        )

    try:
        server = serving.make_server(client, budget=limit, root=root)
        if http:
            with listening(host, port):
                serving.serve_http(server, host, port, began)
        else:
            began("standard input")
            serving.serve_stdio(server)
    finally:
        asyncio.run(client.close())
    return exit_codes.DONE
