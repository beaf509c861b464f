"""The options of the verbs, as data: what a record's fields are, its command line takes.

A record of options is an attrs class whose annotations carry the option's help. The options of an
operation come from its request class: names and types from the fields, help from the docstring.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import attrs
import typer

from motionkit.model.media import Ref
from motionkit.model.request import Request

_MEDIA_HELP = "A file or an https:// address."
REQUEST_PANEL, _MONEY_PANEL, _FILE_PANEL = "Request", "Where and for how much", "File and waiting"


def usd(text: str) -> Decimal:
    """Read an amount of US dollars.

    Raises:
        BadParameter: It is none.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite() or amount < 0:
        raise typer.BadParameter(f"{text!r} is not an amount of US dollars such as 2.50")
    return amount


Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON object a line.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="motionkit.toml; found by itself otherwise."),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="Wait at most so long; the job runs on. Default: the configured one, 1800.",
        rich_help_panel=_FILE_PANEL,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Where the file goes. Default: a new name made of the media's names.",
        rich_help_panel=_FILE_PANEL,
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace the file if it exists.", rich_help_panel=_FILE_PANEL),
]
Reference = Annotated[
    str,
    typer.Argument(
        metavar="REF",
        help="A key, the beginning of one, a vendor's job id; or a job as JSON: "
        "inline, a file, '-' for standard input.",
    ),
]


@attrs.frozen(kw_only=True)
class Common:
    """What nearly every verb takes."""

    json: Json = False
    config: ConfigFile = None


@attrs.frozen(kw_only=True)
class Buying(Common):
    """What every verb that buys takes."""

    via: Annotated[
        str | None,
        typer.Option(
            metavar="TARGET",
            help="ACCOUNT, ACCOUNT/MODEL or a route. Default: the route 'default', which is every "
            "account in order unless it is configured.",
            rich_help_panel=_MONEY_PANEL,
        ),
    ] = None
    key: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Your name for this purchase; one that exists is not bought again, and the file "
            "that it delivered stays.",
            rich_help_panel=_MONEY_PANEL,
        ),
    ] = None
    new: Annotated[
        bool,
        typer.Option(
            "--new",
            help="Buy again although the same request is unfinished or was bought not long ago "
            "('remember' in the configuration, 7 days).",
            rich_help_panel=_MONEY_PANEL,
        ),
    ] = False
    max_usd: Annotated[
        Decimal | None,
        typer.Option(
            parser=usd,
            metavar="USD",
            help="Refuse when the quote's high exceeds it or is unknown.",
            rich_help_panel=_MONEY_PANEL,
        ),
    ] = None
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            "-y",
            help="Do not ask. Otherwise a terminal asks above 5 USD, when the price is unknown, "
            "and before a fallback costs more than was announced; without a terminal all three are "
            "refused. A dearer fallback without asking takes --max-usd.",
            rich_help_panel=_MONEY_PANEL,
        ),
    ] = False
    wait_for_slot: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Wait at most so long while the account runs as many jobs as it may, or its "
            "vendor refuses for another passing cause; 0 refuses at once. Default: the configured "
            "one, 600.",
            rich_help_panel=_FILE_PANEL,
        ),
    ] = None
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Show the HTTP requests and the quote; send nothing. Caps, budgets and the file's "
            "name are checked: the exit code is that of a real run that is refused for them.",
            rich_help_panel=_MONEY_PANEL,
        ),
    ] = False
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Say why which target was taken, row by row.",
            rich_help_panel=_MONEY_PANEL,
        ),
    ] = False
    extra: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A vendor's own option, sent unread; VALUE is JSON where it can be. "
            "PROVIDER.NAME=VALUE names the provider. Repeatable.",
            rich_help_panel=REQUEST_PANEL,
        ),
    ] = None


@attrs.frozen(kw_only=True)
class Ordering(Buying):
    """What a verb takes that buys and leaves."""

    out: Out = None


@attrs.frozen(kw_only=True)
class Running(Buying):
    """What a verb takes that buys, waits and fetches."""

    out: Out = None
    overwrite: Overwrite = False
    timeout: Timeout = None
    no_wait: Annotated[
        bool,
        typer.Option(
            "--no-wait", help="Print the job and leave; it runs on.", rich_help_panel=_FILE_PANEL
        ),
    ] = False


Act = Callable[[type[Request], dict[str, Any], Any], int]


def command(request: type[Request], options: type[Common], act: Act) -> Callable[..., int]:
    """Return a function whose signature is the request's fields and then the options' fields.

    Args:
        request: The operation.
        options: The record of the verb's own options.
        act: Called with the request class, the values given for its fields, and the options.
    """
    asked = _request_parameters(request)
    own = _option_parameters(options)

    def run(**given: Any) -> int:
        values = {one.name: given[one.name] for one in asked if given[one.name] is not None}
        return act(request, values, options(**{one.name: given[one.name] for one in own}))

    run.__signature__ = inspect.Signature([*asked, *own])  # type: ignore[attr-defined]  # PEP 362
    run.__annotations__ = {one.name: one.annotation for one in (*asked, *own)}
    return run


def summary(request: type[Request]) -> str:
    """Return the first line of a request's docstring."""
    return (inspect.getdoc(request) or request.operation).partition("\n")[0]


def example(request: type[Request]) -> str:
    """Return the options that a request cannot do without, as one would write them."""
    hints = get_type_hints(request)
    needed = [field for field in attrs.fields(request) if field.default is attrs.NOTHING]
    told = []
    for field in needed:
        hint = hints[field.name]
        told.append(f"{_flag(field, hint)} {field.name if _takes_media(hint) else 'VALUE'}")
    return " ".join(told)


def _request_parameters(request: type[Request]) -> list[inspect.Parameter]:
    hints = get_type_hints(request)
    helps = _attribute_help(request)
    made = []
    for field in sorted(attrs.fields(request), key=lambda one: one.default is not attrs.NOTHING):
        if field.name == "extra":
            continue
        hint = hints[field.name]
        media, several = _takes_media(hint), get_origin(hint) is tuple
        told = [helps.get(field.name, "")]
        told += [_MEDIA_HELP] if media else []
        told += ["Repeatable."] if several else []
        option = typer.Option(
            *([_flag(field, hint)] if several else []),
            help=" ".join(told).strip(),
            rich_help_panel=REQUEST_PANEL,
            metavar="FILE" if media else None,
        )
        kind: Any = str if media else hint
        if several:
            kind = list[str] if media else list[get_args(hint)[0]]  # type: ignore[misc]  # known when it runs
            kind = kind if field.default is attrs.NOTHING else kind | None
        made.append(_parameter(field, Annotated[kind, option]))
    return made


def _takes_media(hint: Any) -> bool:
    """Tell whether a field's type is a medium, several, or one that may be left out."""
    return hint in {Ref, Ref | None, tuple[Ref, ...]}


def _flag(field: attrs.Attribute[Any], hint: Any) -> str:
    """Return a field's option; several values are given one at a time."""
    name = field.name.removesuffix("s") if get_origin(hint) is tuple else field.name
    return f"--{name.replace('_', '-')}"


def _option_parameters(options: type[Common]) -> list[inspect.Parameter]:
    hints = get_type_hints(options, include_extras=True)
    return [_parameter(field, hints[field.name]) for field in attrs.fields(options)]


def _parameter(field: attrs.Attribute[Any], annotation: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.default is attrs.NOTHING else field.default
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _attribute_help(request: type[Request]) -> dict[str, str]:
    """Read the attributes' lines of a docstring; without docstrings the help is shorter."""
    found: list[tuple[str, str]] = []
    for kind in reversed(request.__mro__):
        _, _, told = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")
        found += re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", told, re.MULTILINE)
    # The docstrings speak to Python; a command line has no None.
    words = {name: text.replace("``", "'").replace(" when None", "") for name, text in found}
    return {name: " ".join(text.split()) for name, text in words.items()}
