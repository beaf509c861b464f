"""The verbs, as a table: the help is written from it, and a verb's module loads when it is called.

To add a verb: write ``motionkit/cli/VERB.py`` with a function whose parameters are annotated with
`Option` and `Argument` of `motionkit.cli.parameters` (or one record of options), and add a row to
`PANELS` here: "MODULE:FUNCTION", and the first line of the function's docstring. A row of a
`Group` is a subcommand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Verb(NamedTuple):
    """A verb.

    Attributes:
        target: The module in `motionkit.cli` and its function, "MODULE:FUNCTION".
        summary: The first line of the function's docstring.
    """

    target: str
    summary: str


class Group(NamedTuple):
    """Several verbs under one name.

    Attributes:
        summary: What they do.
        verbs: The subcommands.
        target: The function that runs without a subcommand; empty where one is needed.
    """

    summary: str
    verbs: Mapping[str, Verb]
    target: str = ""


class PerOperation(NamedTuple):
    """A group with a subcommand per operation.

    Attributes:
        summary: What they do.
        added: What follows an operation's own summary.
    """

    summary: str
    added: str


Row = Verb | Group | PerOperation

SUBMIT = "Submit jobs"
VENDOR = "Vendor-specific operations"

OPERATIONS: Mapping[str, str] = {
    "mimic": "Motion control: transfer the motion of a reference clip to a character image.",
    "modify": (
        "Edit a clip by a prompt: swap, add or remove subjects, replace text, change the style."
    ),
    "animate": "Generate a clip from an image and a prompt (image-to-video).",
    "generate": "Generate a clip from a text prompt (text-to-video).",
    "transition": "Generate a transition between two images.",
    "extend": "Extend a clip.",
    "lipsync": "Lip-sync a person in a clip to a recording, or to text in a voice.",
    "restyle": "Apply a style to a clip.",
    "swap": "Replace a masked subject in a clip with another one.",
    "upscale": "Increase the resolution of a clip.",
}
"""The verbs of the neutral operations, with the first lines of their classes' docstrings."""

PANELS: Mapping[str, Mapping[str, Row]] = {
    "Set up": {
        "init": Verb(
            "init:init",
            "Ask for the vendors' keys, check them by the balance, and store them.",
        ),
        "doctor": Verb(
            "doctor:doctor",
            "Check the whole set-up: installation, configuration, keys, network, clocks, journal, "
            "disk.",
        ),
    },
    SUBMIT: {
        "submit": PerOperation(
            "Submit a job and exit without waiting. One subcommand per operation.",
            added="Does not wait.",
        ),
        "compare": PerOperation(
            "Compare price, duration and output per target. Submits nothing.",
            added="Submits nothing.",
        ),
        "quote": PerOperation(
            "Show what a request would cost. Needs no key; sends nothing.",
            added="Submits nothing.",
        ),
        "shootout": Verb(
            "shootout:shootout",
            "Buy the same request at several targets on purpose, to compare the results. Quotes "
            "first.",
        ),
    },
    VENDOR: {},
    "Many requests at once": {
        "worker": Verb(
            "worker:worker",
            "Do the items of all batches in the journal until Ctrl-C or SIGTERM.",
        ),
        "batch": Group(
            "Many requests at once: check, quote, confirm once, buy, collect. Never pays twice.",
            {
                "plan": Verb(
                    "batch:plan",
                    "Check every row, quote all of them, and say when they would end. "
                    "Buys nothing.",
                ),
                "run": Verb(
                    "batch:run",
                    "Check, quote and confirm a batch, then buy its items, wait for them, and "
                    "download.",
                ),
                "status": Verb(
                    "batch:status",
                    "Show how far a batch is: items, money, slots, rate, the expected end, "
                    "workers.",
                ),
                "cancel": Verb(
                    "batch:cancel",
                    "Buy nothing new for a batch. What was bought keeps running and is still "
                    "fetched.",
                ),
                "retry": Verb(
                    "batch:retry",
                    "Let workers buy items again that ended without a file. Default: failed, "
                    "blocked, refused.",
                ),
                "results": Verb(
                    "batch:results",
                    "Write a row per item: request, state, target, job, cost, duration, file, "
                    "digest, error.",
                ),
            },
        ),
    },
    "Manage jobs": {
        "poll": Verb("wait:poll", "Poll a job once and print its state."),
        "result": Verb("wait:result", "Print the URL of a finished job's file, and its cost."),
        "wait": Verb(
            "wait:wait",
            "Wait for a job and download its file, e.g. 'motionkit wait order-17 --out out.mp4'.",
        ),
        "resume": Verb(
            "wait:resume",
            "Resume all unfinished jobs at once: resolve, wait, download. Never submits new ones.",
        ),
        "cancel": Verb(
            "cancel:cancel",
            "Cancel a job, where its vendor can; else say that it still runs, and at which cost.",
        ),
        "reconcile": Verb(
            "reconcile:reconcile",
            "Resolve uncertain submits with the vendor's records. Never submits.",
        ),
        "webhook": Verb(
            "webhook:webhook",
            "Receive a vendor's webhooks until Ctrl-C: verify, write to the journal, acknowledge.",
        ),
        "board": Verb(
            "board:board",
            "Show the journal as a live page until Ctrl-C: queue, films, spend, budgets, accounts.",
        ),
        "jobs": Group(
            "List the jobs in the journal, newest last.",
            {
                "show": Verb(
                    "journal:show", "Print everything that the journal has about one job."
                ),
                "open": Verb("jobs:locate", "Print the path of a job's file."),
                "forget": Verb(
                    "jobs:forget",
                    "Give up a job that is uncertain, or whose file was never downloaded. Sends "
                    "nothing.",
                ),
                "prune": Verb("jobs:prune", "Take old finished jobs out of the journal."),
            },
            target="journal:jobs",
        ),
        "report": Verb(
            "report:report",
            "Write a page on which the results of each request play in step. Nothing is sent.",
        ),
        "journal": Group(
            "Check the journal, or copy it into another database.",
            {
                "copy": Verb(
                    "journals:copy",
                    "Copy a journal into another one: from a file into PostgreSQL, or back.",
                ),
                "check": Verb(
                    "journals:check",
                    "Read the whole journal and print what is wrong with it. Changes and repairs "
                    "nothing.",
                ),
            },
        ),
    },
    "For agents": {
        "mcp": Verb(
            "mcp:mcp",
            "Serve tools to an agent by the Model Context Protocol: quote, compare, submit, wait, "
            "...",
        ),
    },
    "Free look-ups": {
        "balance": Verb(
            "accounts:balance",
            "Print the balance of each account, in the vendor's unit and in US dollars.",
        ),
        "spend": Verb(
            "spend:spend",
            "Show what was spent, by day, account, route, model or label. Nothing is sent.",
        ),
        "ratings": Group(
            "List people's ratings of results, the newest rating last.",
            {
                "import": Verb(
                    "ratings:take",
                    "Write ratings that a report's page exported into the journal. Nothing is "
                    "sent.",
                ),
            },
            target="ratings:ratings",
        ),
        "budget": Verb(
            "budget:budget",
            "Show each budget: the limit, and the amounts spent, held and left in the current "
            "period.",
        ),
        "providers": Verb(
            "accounts:providers",
            "List the installed providers and the configured accounts, never a key.",
        ),
        "offers": Verb(
            "offers:offers",
            "List the models of the installed providers: qualities, prices with source and date, "
            "limits.",
        ),
        "list": Verb(
            "lists:look_up",
            "Query a vendor's lists: voices, styles, templates, charges. Free of charge.",
        ),
        "config": Group(
            "Validate and trust motionkit.toml, or print its JSON schema.",
            {
                "check": Verb(
                    "config:check",
                    "Show the configuration files in use and whether each account's key is "
                    "found, never the key.",
                ),
                "trust": Verb(
                    "config:trust",
                    "Trust a project's file: it may set keys, prices, caps and hosts, run "
                    "commands, read files.",
                ),
                "schema": Verb(
                    "config:schema",
                    "Print a JSON schema of motionkit.toml for editors; it covers the installed "
                    "providers.",
                ),
            },
        ),
    },
    "Try without keys or money": {
        "sandbox": Verb(
            "sandbox:sandbox",
            "Serve the vendors' APIs on this machine until Ctrl-C: no network, no charges.",
        ),
        "demo": Verb(
            "demo:demo",
            "Run one request at vendors of the local sandbox. No key, no files, no charges.",
        ),
    },
}
"""The verbs by the sections of the help; operations join the first two."""

ROWS: Mapping[str, Row] = {name: row for rows in PANELS.values() for name, row in rows.items()}
