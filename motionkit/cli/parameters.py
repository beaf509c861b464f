"""Make a command of a function whose parameters are annotated with options and arguments.

    def show(ref: Annotated[str, Argument(help="...")], limit: Annotated[int, Option(min=1)] = 50)

Types: text, numbers, `Path`, `bool`, `Literal`, lists of them (repeatable), each ``| None``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container, Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    NoReturn,
    Union,
    cast,
    get_args,
    get_origin,
)

import click

from motionkit.cli import help as screens

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

OPTIONS = "Options"
"""The section of options that name none."""


OFFERS: list[Callable[[click.Parameter, click.Context, str], list[CompletionItem]]] = []
"""What a shell offers for a value; `motionkit.cli.completion` adds it where a shell asks."""


class Declared:
    """How a parameter is read and explained; `Option` and `Argument` return it.

    Attributes:
        flags: The spellings of an option; of its parameter's name when empty.
        argument: Whether it is positional.
        help: What it is, for the help.
        metavar: What its value is called.
        min: The least number it takes.
        max: The largest number it takes.
        panel: The section of the help that lists it.
        callback: Given the value; returns another or raises `click.BadParameter`.
        parser: Makes the value of the text instead of the type.
        words: Whether an option takes all words up to the next option.
    """

    def __init__(self, *flags: str, argument: bool, **given: Any) -> None:
        self.flags = flags
        self.argument = argument
        self.help: str = given.get("help") or ""
        self.metavar: str | None = given.get("metavar")
        self.min: float | None = given.get("min")
        self.max: float | None = given.get("max")
        self.panel: str = given.get("panel") or OPTIONS
        self.callback: Callable[[Any], Any] | None = given.get("callback")
        self.parser: Callable[[str], Any] | None = given.get("parser")
        self.words: bool = given.get("words") or False


def Option(  # noqa: N802 - it stands where an annotation's class would
    *flags: str,
    help: str = "",  # noqa: A002 - the usual word
    metavar: str | None = None,
    min: float | None = None,  # noqa: A002 - the usual word
    max: float | None = None,  # noqa: A002 - the usual word
    panel: str = OPTIONS,
    callback: Callable[[Any], Any] | None = None,
    parser: Callable[[str], Any] | None = None,
    words: bool = False,
) -> Declared:
    """Declare an option; see `Declared`."""
    return Declared(
        *flags,
        argument=False,
        help=help,
        metavar=metavar,
        min=min,
        max=max,
        panel=panel,
        callback=callback,
        parser=parser,
        words=words,
    )


def Argument(  # noqa: N802 - it stands where an annotation's class would
    *,
    help: str = "",  # noqa: A002 - the usual word
    metavar: str | None = None,
) -> Declared:
    """Declare an argument; see `Declared`."""
    return Declared(argument=True, help=help, metavar=metavar)


class InvalidValue(click.BadParameter):
    """A value that a type does not take.

    Attributes:
        value: What was given.
        limit: What it takes; None where the message says it.
    """

    def __init__(self, message: str, value: str, limit: str | None = None, **where: Any) -> None:
        super().__init__(message, **where)
        self.value = value
        self.limit = limit


class _Number(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases only
    """A number within bounds."""

    def __init__(self, kind: type[int | float], declared: Declared) -> None:
        self.kind = kind
        self.name = "integer" if kind is int else "number"
        self.least, self.most = declared.min, declared.max

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | float:
        """Return the number."""

        def refuse(limit: str) -> NoReturn:
            raise InvalidValue(f"expected {limit}", str(value), limit, param=param, ctx=ctx)

        if not isinstance(value, str):
            return cast("int | float", value)
        try:
            number = self.kind(value.strip().removesuffix(".0") if self.kind is int else value)
        except ValueError:
            refuse("a whole number" if self.kind is int else "a number")
        # Not a number is below every bound and above it.
        if self.least is not None and not number >= self.least:
            refuse(f"at least {self.least:.12g}")
        if self.most is not None and not number <= self.most:
            refuse(f"at most {self.most:.12g}")
        return number


class _Parsed(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases only
    """A value that a function makes of the text."""

    name = "text"

    def __init__(self, parser: Callable[[str], Any]) -> None:
        self.parser = parser

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return what the function makes of it."""
        try:
            return self.parser(value) if isinstance(value, str) else value
        except click.BadParameter as error:
            error.param, error.ctx = error.param or param, error.ctx or ctx
            raise


class _Choice(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases only
    """One of several words: literals, or the values of an enumeration."""

    name = "choice"

    def __init__(self, words: Mapping[str, Any]) -> None:
        self.words = words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return what the word is for."""
        if value in self.words:
            return self.words[value]
        known = ", ".join(repr(one) for one in self.words)
        raise InvalidValue(f"{value!r} is not one of {known}", value, param=param, ctx=ctx)


class _Option(click.Option):
    """An option with its declaration."""

    declared: Declared

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return what a shell offers for its value."""
        return _completed(self, ctx, incomplete)


class _Argument(click.Argument):
    """An argument with its declaration."""

    declared: Declared

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return what a shell offers for it."""
        return _completed(self, ctx, incomplete)


def _completed(param: click.Parameter, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell asks for it

    if isinstance(param.type, _Choice):
        return [CompletionItem(one) for one in param.type.words if one.startswith(incomplete)]
    return OFFERS[-1](param, ctx, incomplete) if OFFERS else []


class Command(click.Command):
    """A verb: a function, and its help."""

    def __init__(self, name: str, function: Callable[..., Any], *, text: str, epilog: str) -> None:
        signature = inspect.signature(function, eval_str=True).parameters
        self._function = function
        self._lists = {one.name: one.default for one in signature.values() if _several(one)}
        super().__init__(
            name,
            callback=self.call,
            params=[_parameter(one) for one in signature.values()],
            help=text,
            epilog=epilog,
            context_settings=CONTEXT,
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; an option of several words stands before each of them."""
        several = {
            flag
            for one in self.params
            if isinstance(one, _Option) and one.declared.words
            for flag in one.opts
        }
        return super().parse_args(ctx, [*_repeated(args, several)] if several else args)

    def call(self, **values: Any) -> Any:
        """Call the function with the values of its parameters."""
        for name, default in self._lists.items():
            values[name] = list(values[name]) or (default if default is None else [])
        return self._function(**values)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help screen."""
        formatter.write(
            screens.page(usage(self, ctx), self.help or "", sections(self, ctx), self.epilog or "")
        )


def _repeated(args: list[str], several: Container[str]) -> Iterator[str]:
    """Yield arguments, ``--via A B`` as ``--via A --via B``."""
    flag, count = "", 0
    for number, one in enumerate(args):
        if one == "--":
            yield from args[number:]
            return
        if one.startswith("-") and one != "-":
            name = one.partition("=")[0]
            flag, count = (name if name in several else ""), int("=" in one)
        elif flag:
            if count:
                yield flag
            count += 1
        yield one


CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"]}
"""What every command has."""


def usage(command: click.Command, ctx: click.Context, *rest: str) -> str:
    """Return a command with its arguments."""
    words = [ctx.command_path, "[OPTIONS]"]
    for param in command.params:
        if isinstance(param, _Argument):
            name = _metavar(param) + "..." * (param.nargs == -1)
            words.append(name if param.required else f"[{name}]")
    return " ".join([*words, *rest])


def sections(command: click.Command, ctx: click.Context) -> list[screens.Section]:
    """Return the arguments and options of a command by section."""
    found: dict[str, list[tuple[str, str]]] = {"Arguments": [], OPTIONS: [], "Request": []}
    for param in command.get_params(ctx):
        if isinstance(param, _Argument):
            text = param.declared.help + "  [required]" * param.required
            found["Arguments"].append((_metavar(param), text))
        elif isinstance(param, _Option):
            rows = found.setdefault(param.declared.panel, [])
            rows.append((_term(param), param.declared.help + "  [required]" * param.required))
        elif isinstance(param, click.Option) and not param.hidden:
            found[OPTIONS].append((_term(param), param.help or ""))
    return list(found.items())


def _term(param: click.Option) -> str:
    short = [one for one in param.opts if not one.startswith("--")]
    long = [one for one in param.opts if one.startswith("--")]
    names = ", ".join([*short, *long])
    if param.secondary_opts:
        names = f"{names}/{', '.join(param.secondary_opts)}"
    return names if param.is_flag else f"{names} {_metavar(param)}"


def _metavar(param: click.Parameter) -> str:
    if param.metavar:
        return param.metavar
    if isinstance(param.type, _Choice):
        return "|".join(param.type.words)
    if isinstance(param, click.Argument):
        return (param.name or "").upper()
    if isinstance(param.type, _Number):
        return "N"
    return "FILE" if isinstance(param.type, click.Path) else "TEXT"


def _several(parameter: inspect.Parameter) -> bool:
    return get_origin(_plain(parameter)[0]) is list


def _plain(parameter: inspect.Parameter) -> tuple[Any, Declared]:
    """Return a parameter's type without ``| None``, and its declaration."""
    kind, declared = parameter.annotation, Declared(argument=False)
    if get_origin(kind) is Annotated:
        kind, *others = get_args(kind)
        (declared,) = others
        if not isinstance(declared, Declared):
            raise TypeError(f"{parameter.name}: {declared!r} is no Option or Argument")
    if get_origin(kind) in {Union, UnionType}:
        (kind,) = (one for one in get_args(kind) if one is not type(None))
    return kind, declared


def _parameter(parameter: inspect.Parameter) -> click.Parameter:
    kind, declared = _plain(parameter)
    required = parameter.default is inspect.Parameter.empty
    several = get_origin(kind) is list
    shared: dict[str, Any] = {
        "required": required,
        "metavar": declared.metavar,
        "callback": _callback(declared),
    }
    if not (required or several):
        shared["default"] = parameter.default
    made: _Option | _Argument
    if declared.argument:
        nargs = -1 if several else 1
        made = _Argument([parameter.name], type=_type(kind, declared), nargs=nargs, **shared)
    elif kind is bool:
        made = _Option(
            [parameter.name, *_switch(parameter, declared)],
            is_flag=True,
            help=declared.help,
            **shared,
        )
    else:
        flags = declared.flags or (_flag(parameter.name),)
        made = _Option(
            [parameter.name, *flags],
            type=_type(kind, declared),
            multiple=several,
            help=declared.help,
            **shared,
        )
    made.declared = declared
    return made


def _callback(
    declared: Declared,
) -> Callable[[click.Context, click.Parameter, Any], Any] | None:
    check = declared.callback
    return None if check is None else lambda _ctx, _param, value: check(value)


def _switch(parameter: inspect.Parameter, declared: Declared) -> Iterator[str]:
    """Yield the spellings of a switch; one that can be neither has a second that turns it off."""
    if declared.flags:
        yield from declared.flags
    else:
        yield f"{_flag(parameter.name)}/--no-{parameter.name.replace('_', '-')}"


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _type(kind: Any, declared: Declared) -> click.ParamType[Any] | None:
    if declared.parser is not None:
        return _Parsed(declared.parser)
    if get_origin(kind) is list:
        (kind,) = get_args(kind)
    if get_origin(kind) is Literal:
        return _Choice({one: one for one in get_args(kind)})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _Choice({str(one.value): one for one in kind})
    if kind in {int, float}:
        return _Number(kind, declared)
    return click.Path(path_type=Path) if kind is Path else click.STRING
