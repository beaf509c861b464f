"""Records of options: each field of a record becomes an option.

A record of options is an attrs class whose annotations carry the options' help texts. The options
of an operation come from its request class: names and types from the fields, help from the
docstring.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

import attrs

from motionkit import config
from motionkit.cli.options import (
    PLACES,
    Choose,
    ConfigFile,
    Extra,
    Json,
    Label,
    OnDone,
    Out,
    Overwrite,
    Select,
    Timeout,
    Via,
    file_option,
    money_option,
    out_option,
    request_option,
    usd,
)
from motionkit.model.labels import read_labels

if TYPE_CHECKING:
    from motionkit.model.request import Request


_ENDINGS = {"image": ".png", "video": ".mp4", "audio": ".mp3"}
_MEDIA_HELP = "A file, an https:// URL, job:KEY_OR_ID, id:ID or upload:ID."


@attrs.frozen(kw_only=True, eq=False, init=False, repr=False)
class Common:
    """The options that most verbs have."""

    json: Json = False
    config: ConfigFile = None


@attrs.frozen(kw_only=True, eq=False, init=False, repr=False)
class Targeting(Common):
    """The options of every verb that takes a request."""

    via: str | None = None
    extra: Extra = None


@attrs.frozen(kw_only=True, eq=False, init=False, repr=False)
class Buying(Targeting):
    """The options of every verb that submits."""

    via: Via = None
    choose: Choose = None
    key: Annotated[
        str | None,
        money_option(
            metavar="NAME",
            help="An idempotency key of your choice: reusing it resumes the job instead of "
            "submitting again, and keeps the delivered file.",
        ),
    ] = None
    new: Annotated[
        bool,
        money_option(
            "--new",
            help="Submit again even if the same request is unfinished or was submitted recently "
            "('remember' in the configuration, else 7 days).",
        ),
    ] = False
    max_usd: Annotated[
        Decimal | None,
        money_option(
            parser=usd,
            metavar="USD",
            help="Refuse if the quote's upper bound exceeds this or is unknown.",
        ),
    ] = None
    yes: Annotated[
        bool,
        money_option(
            "--yes",
            "-y",
            help="Skip confirmation. Without it, a terminal asks above 5.00 USD, at an unknown "
            "price and before a fallback costs more than quoted; non-interactive runs refuse all "
            "three. A fallback that costs more needs --max-usd as well.",
        ),
    ] = False
    wait_for_slot: Annotated[
        float | None,
        file_option(
            min=0,
            metavar="SECONDS",
            help="Maximum time to wait for a free concurrency slot, or for another temporary "
            "refusal to pass; 0 refuses at once. Default: 'wait_for_slot' in the "
            "configuration, else 600.",
        ),
    ] = None
    label: Label = None
    dry_run: Annotated[
        bool,
        money_option(
            "--dry-run",
            help="Show the HTTP requests and the quote; send nothing. Needs no key. Caps, budgets "
            "and the output file are checked, with the exit code of a real run that they would "
            "stop.",
        ),
    ] = False
    explain: Annotated[
        bool,
        money_option("--explain", help="Show why each target was chosen, skipped or ruled out."),
    ] = False

    labels: dict[str, str] = attrs.field(init=False)
    """What ``--label`` says; a wrong one is refused before anything else is done."""

    @labels.default
    def _read(self) -> dict[str, str]:
        return read_labels(self.label or ())


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Running(Buying):
    """The options of a verb that submits, waits and downloads."""

    out: Out = None
    overwrite: Overwrite = False
    timeout: Timeout = None
    no_wait: Annotated[
        bool, file_option("--no-wait", help="Print the job and exit; the job keeps running.")
    ] = False
    on_done: OnDone = None
    select: Select = None
    takes: Annotated[
        int | None,
        money_option(
            min=1,
            max=50,
            metavar="N",
            help="Buy N variations, each under a key of its own (KEY-1, KEY-2, ...) and into a "
            "numbered file; a --seed is counted up. --max-usd holds for all of them together. The "
            "same command again resumes them; a higher N buys those that are new.",
        ),
    ] = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Ordering(Running):
    """The options of a verb that submits and exits."""

    out: Annotated[
        str | None,
        out_option(
            help=f"Where 'motionkit wait' and 'motionkit resume' will save the file. {PLACES}."
        ),
    ] = None
    overwrite: bool = False
    timeout: float | None = None
    no_wait: bool = True
    on_done: str | None = None


Act = Callable[["type[Request]", dict[str, Any], Any], int]


def command(request: type[Request], options: type[Common], act: Act) -> Callable[..., int]:
    """Return a function whose parameters are the request's fields, then the options' fields.

    Args:
        request: The operation.
        options: The record of the verb's own options.
        act: Called with the request class, the given values of its fields, and the options.
    """
    fields = _request_parameters(request)
    own = _option_parameters(options)
    if not {"masks", "keyframe"} <= set(request.arguments()):
        own = [one for one in own if one.name != "select"]

    def run(**given: Any) -> int:
        values = {one.name: given[one.name] for one in fields if given[one.name] is not None}
        return act(request, values, options(**{one.name: given[one.name] for one in own}))

    run.__signature__ = inspect.Signature([*fields, *own])  # type: ignore[attr-defined]  # PEP 362
    run.__annotations__ = {one.name: one.annotation for one in (*fields, *own)}
    return run


def spread(act: Callable[..., int]) -> Callable[..., int]:
    """Return a function whose parameters are the fields of the record that `act` takes.

    A function that takes no record, a parameter named ``options``, is returned as it is.
    """
    options = get_type_hints(act).get("options")
    if options is None:
        return act
    own = _option_parameters(options)

    def run(**given: Any) -> int:
        return act(options(**given))

    run.__signature__ = inspect.Signature(own)  # type: ignore[attr-defined]  # PEP 362
    run.__annotations__ = {one.name: one.annotation for one in own}
    return run


def summary(request: type[Request]) -> str:
    """Return the first line of a request's docstring."""
    return (inspect.getdoc(request) or request.operation).partition("\n")[0]


def example(request: type[Request]) -> str:
    """Return the required options of a request as a command line."""
    hints = get_type_hints(request)
    needed = [field for field in attrs.fields(request) if field.default is attrs.NOTHING]
    media = request.media_kinds()
    return " ".join(
        f"{_flag(field, hints[field.name])} "
        + (f"{field.name}{_ENDINGS[media[field.name]]}" if field.name in media else "VALUE")
        for field in needed
    )


def _request_parameters(request: type[Request]) -> list[inspect.Parameter]:
    hints = get_type_hints(request)
    helps = config.attribute_help(request)  # it addresses Python, which has None and backticks
    parameters = []
    kinds = request.media_kinds()
    left_out = {"extra"} | ({"start", "seconds"} if request.clip_argument() is None else set())
    left_out |= set() if kinds else {"fit"}
    for field in sorted(attrs.fields(request), key=lambda one: one.default is not attrs.NOTHING):
        if field.name in left_out:
            continue
        hint = hints[field.name]
        media, several = field.name in kinds, get_origin(hint) is tuple
        sentences = [helps.get(field.name, "").replace("`", "'").replace(" when None", "")]
        sentences += [_MEDIA_HELP] if media else []
        sentences += ["Repeatable."] if several else []
        option = request_option(
            *([_flag(field, hint)] if several or hint is bool else []),
            help=" ".join(sentences).strip(),
            metavar="FILE" if media else None,
        )
        kind: Any = str if media else hint
        if several:
            kind = list[str] if media else list[get_args(hint)[0]]  # type: ignore[misc]  # known when it runs
            kind = kind if field.default is attrs.NOTHING else kind | None
        parameters.append(_parameter(field, Annotated[kind, option]))
    return parameters


def _flag(field: attrs.Attribute[Any], hint: Any) -> str:
    """Return a field's option; a repeatable one is in the singular."""
    name = field.name.removesuffix("s") if get_origin(hint) is tuple else field.name
    return f"--{name.replace('_', '-')}"


def _option_parameters(options: type[Common]) -> list[inspect.Parameter]:
    """Return the parameters of a record; a field without an option keeps its default."""
    hints = get_type_hints(options, include_extras=True)
    fields = [one for one in attrs.fields(options) if get_origin(hints[one.name]) is Annotated]
    return [_parameter(field, hints[field.name]) for field in fields]


def _parameter(field: attrs.Attribute[Any], annotation: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.default is attrs.NOTHING else field.default
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )
