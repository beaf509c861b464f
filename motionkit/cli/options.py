"""The options of the verbs, as data: each field of a record becomes an option.

A record of options is an attrs class whose annotations carry the options' help texts. The options
of an operation come from its request class: names and types from the fields, help from the
docstring.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import click

from motionkit.cli.parameters import Argument, Option
from motionkit.model.money import AMOUNT, amount

if TYPE_CHECKING:
    pass

request_option: Callable[..., Any] = partial(Option, panel="Request")
money_option: Callable[..., Any] = partial(Option, panel="Target and price")
file_option: Callable[..., Any] = partial(Option, panel="File and waiting")


def usd(text: str) -> Decimal:
    """Parse an amount of US dollars.

    Raises:
        BadParameter: The text is not an amount of at least 0.
    """
    found = amount(text)
    if found is None:
        raise click.BadParameter(f"{text!r} is not {AMOUNT}")
    return found


def _file(path: str | None) -> str | None:
    """Refuse ``-``: standard output has the path of the file, or JSON.

    Raises:
        BadParameter: It is refused.
    """
    if path == "-":
        raise click.BadParameter("'-' is not a file, and results go to files only; name a file")
    return path


out_option: Callable[..., Any] = partial(file_option, metavar="FILE", callback=_file)
PLACES = (
    "A file, a folder, or a URL such as s3://bucket/films/; names may hold placeholders such as "
    "{key}, {model}, {date} and {ext}"
)


Json = Annotated[bool, Option("--json", help="Output JSON Lines.")]
ConfigFile = Annotated[
    Path | None,
    Option("--config", metavar="FILE", help="The motionkit.toml to use. Default: search for it."),
]
Yes = Annotated[
    bool,
    money_option("--yes", "-y", help="Skip confirmation, which a non-interactive run cannot give."),
]
Timeout = Annotated[
    float | None,
    file_option(
        min=0,
        metavar="SECONDS",
        help="Maximum time to wait; the job keeps running after that. Default: 'timeout' in the "
        "configuration, else 1800.",
    ),
]
Out = Annotated[
    str | None,
    out_option(
        help=f"Where to save the file. {PLACES}. Default: a new file named after the inputs."
    ),
]
OnDone = Annotated[
    str | None,
    file_option(
        metavar="COMMAND",
        help="Run this program when a job has ended, e.g. 'notify-send {key} {state}'. No shell; "
        "{key}, {state}, {file}, {cost} and {job} are replaced. Its failure is a warning and "
        "changes no exit code.",
    ),
]
Overwrite = Annotated[bool, file_option("--overwrite", help="Replace the file if it exists.")]
Extra = Annotated[
    list[str] | None,
    request_option(
        metavar="NAME=VALUE",
        help="Vendor-specific option, passed through unvalidated; VALUE is parsed as JSON if "
        "possible. PROVIDER.NAME=VALUE names the provider. Repeatable.",
    ),
]
References = Annotated[
    list[str],
    Argument(
        metavar="REF",
        help="Keys or their beginnings, or vendors' job ids; a single one may be a job as JSON: "
        "inline, in a file, or '-' for standard input.",
    ),
]
Reference = Annotated[
    str,
    Argument(
        metavar="REF",
        help="A key or its beginning, a vendor's job id, or a job as JSON: inline, in a file, or "
        "'-' for standard input.",
    ),
]


Label = Annotated[
    list[str] | None,
    file_option(
        "--label",
        metavar="NAME=VALUE",
        help="A mark of your own, kept with the job in the journal and never sent: "
        "--label project=spring. A job that is resumed keeps its labels. Repeatable.",
    ),
]
Choose = Annotated[
    Literal["cheapest", "fastest", "first"] | None,
    money_option(
        "--choose",
        help="Which target of the route goes first. Default: 'choose' in the configuration, else "
        "the first that can.",
    ),
]
Via = Annotated[
    str | None,
    money_option(
        metavar="TARGET",
        help="ACCOUNT, ACCOUNT/MODEL or a route. Default: the route 'default': every account "
        "in order, unless configured otherwise.",
    ),
]
Select = Annotated[
    list[int] | None,
    request_option(
        "--select",
        metavar="N",
        min=0,
        help="The number of the mask that @selection0 in the prompt means; a second one is "
        "@selection1. Masks are selected first, billed separately, and saved beside the file. "
        "'motionkit mask' only shows them. Repeatable.",
    ),
]
