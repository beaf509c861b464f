"""The program: its verbs, its help, and the handling of errors that end it."""

from __future__ import annotations

import importlib
import inspect
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

import motionkit as mk
from motionkit.cli import exit_codes, front
from motionkit.cli import help as screens
from motionkit.cli.output import replace_unwritable
from motionkit.cli.parameters import CONTEXT, Command, InvalidValue, sections, usage
from motionkit.cli.verbs import OPERATIONS, ROWS, Group, PerOperation, Verb
from motionkit.errors import InvalidRequest, MotionKitError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_EXAMPLES = "\n\nExamples:\n"
"""What begins the last part of a docstring, which comes below the options."""


class _Group(click.Group):
    """A group whose subcommands load when they are called."""

    def __init__(self, name: str, summary: str, function: Callable[..., Any] | None = None) -> None:
        own = None if function is None else _command(name, function)
        super().__init__(
            name,
            help=summary if own is None else own.help,
            epilog=None if own is None else own.epilog,
            params=[] if own is None else own.params,
            callback=None if own is None else self._alone,
            invoke_without_command=own is not None,
            context_settings=CONTEXT,
            no_args_is_help=False,
        )
        self._own = own

    def _alone(self, **values: Any) -> Any:
        """Run the group's own function where no subcommand is called."""
        if self._own is None or click.get_current_context().invoked_subcommand is not None:
            return None
        return self._own.call(**values)

    def rows(self) -> Mapping[str, Mapping[str, str]]:
        """Return the subcommands with their summaries, by the sections of the help."""
        raise NotImplementedError

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the subcommands."""
        return [name for rows in self.rows().values() for name in rows]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the subcommands and options that a shell offers, without loading them."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell asks

        found = [
            CompletionItem(name, help=text)
            for rows in self.rows().values()
            for name, text in rows.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return a subcommand and its arguments.

        Raises:
            UsageError: There is no such subcommand; the error names those that are alike.
        """
        name, *rest = args
        found = self.get_command(ctx, name)
        if found is not None:
            return name, found, rest
        if name.startswith("-"):  # click has a sentence on options
            return super().resolve_command(ctx, args)
        from difflib import get_close_matches  # noqa: PLC0415 - only for this error

        alike = " or ".join(repr(one) for one in get_close_matches(name, self.list_commands(ctx)))
        raise click.UsageError(
            f"No such command {name!r}." + f" Did you mean {alike}?" * bool(alike), ctx
        )

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help screen."""
        listed = self.rows().items()
        formatter.write(
            screens.page(
                usage(self, ctx, "COMMAND", "[ARGS]..."),
                self.help or "",
                [*sections(self, ctx), *((title, [*rows.items()]) for title, rows in listed)],
                self.epilog or "",
            )
        )


class _Verbs(_Group):
    """A group with the subcommands of a row."""

    def __init__(self, name: str, row: Group) -> None:
        super().__init__(name, row.summary, _function(row.target) if row.target else None)
        self._row = row

    def rows(self) -> Mapping[str, Mapping[str, str]]:
        """Return the subcommands with their summaries."""
        return {"Commands": {name: row.summary for name, row in self._row.verbs.items()}}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a subcommand."""
        row = self._row.verbs.get(cmd_name)
        return None if row is None else _command(cmd_name, _function(row.target))


class _PerOperation(_Group):
    """A group with a subcommand per operation."""

    def __init__(self, name: str, row: PerOperation) -> None:
        super().__init__(name, row.summary)
        self._row = row

    def rows(self) -> Mapping[str, Mapping[str, str]]:
        """Return the operations with their summaries."""
        return {"Commands": {**OPERATIONS, **front.vendors()}}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make a subcommand."""
        from motionkit.cli import operations  # noqa: PLC0415 - not for other verbs

        return operations.under(self.name or "", cmd_name, self._row.added)


class _Program(_Group):
    """The program."""

    def rows(self) -> Mapping[str, Mapping[str, str]]:
        """Return the verbs with their summaries, by the sections of the help."""
        return front.sections()

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help screen."""
        formatter.write(front.screen())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a verb."""
        row = ROWS.get(cmd_name)
        if row is None:
            from motionkit.cli import operations  # noqa: PLC0415 - not for other verbs

            return operations.buying(cmd_name)
        if isinstance(row, Verb):
            return _command(cmd_name, _function(row.target))
        return _Verbs(cmd_name, row) if isinstance(row, Group) else _PerOperation(cmd_name, row)


def _function(target: str) -> Callable[..., Any]:
    """Import a verb's function."""
    module, _, name = target.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(f"motionkit.cli.{module}"), name)
    return function


def _command(name: str, function: Callable[..., Any]) -> Command:
    """Return a function as a command; its docstring is the help."""
    text, _, examples = (inspect.getdoc(function) or "").partition(_EXAMPLES)
    lines = "\n\n".join(" ".join(one.split()) for one in text.split("\n\n"))
    epilog = f"Examples:\n\n{examples}" if examples else ""
    if "options" in inspect.signature(function).parameters:
        from motionkit.cli.records import spread  # noqa: PLC0415 - most verbs take no record

        function = spread(function)
    return Command(name, function, text=lines, epilog=epilog)


class Settings:
    """The options in front of the verb."""

    debug = False


def _shells(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    from motionkit.cli.completion import SHELLS  # noqa: PLC0415 - only a shell asks for it

    return [shell for shell in SHELLS if shell.startswith(incomplete)]


def _root(
    *, debug: bool, version: bool, install_completion: str | None, show_completion: str | None
) -> None:
    ctx = click.get_current_context()
    ctx.ensure_object(Settings).debug = debug
    if version:
        click.echo(mk.__version__)
        ctx.exit()
    if show_completion is not None or install_completion is not None:
        _complete(show_completion, install_completion)
        ctx.exit()
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _complete(shown: str | None, installed: str | None) -> None:
    from motionkit.cli import completion  # noqa: PLC0415 - not for other verbs

    if installed is None:
        click.echo(completion.script(app, shown or ""))
        return
    file, left = completion.install(app, installed)
    click.echo(f"completion is in {file}; {left}")


app = _Program("motionkit", "")
app.callback = _root
app.invoke_without_command = True
app.params = [
    click.Option([name], is_flag=False, flag_value="", help=text, shell_complete=_shells)
    if name.endswith("-completion")
    else click.Option([name], is_flag=True, help=text)
    for name, text in front.OPTIONS.items()
]


def run(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code.

    Args:
        argv: The arguments without the program's name.
    """
    if front.COMPLETING in os.environ:
        from motionkit.cli import completion  # noqa: PLC0415 - only a shell asks for it

        return completion.answer(app, os.environ[front.COMPLETING])
    from motionkit.cli.screen import Screen, reporting  # noqa: PLC0415

    # Read before the verb parses its options, so that usage errors are JSON too.
    screen = Screen(json="--json" in argv)
    settings = Settings()
    replace_unwritable()
    try:
        with reporting(screen):
            code: Any = app(list(argv), prog_name="motionkit", standalone_mode=False, obj=settings)
    except click.UsageError as error:
        code = screen.error(_usage(error))
    except SystemExit:  # rich and click raise it when the reader of the help has gone
        code = exit_codes.DONE
    except click.Abort as error:
        interrupted = isinstance(error.__cause__, KeyboardInterrupt)
        screen.note(_INTERRUPTED if interrupted else "stopped; nothing further was submitted")
        code = exit_codes.UNEXPECTED
    except MotionKitError as error:
        _trace(settings)
        code = screen.error(error)
    except Exception as error:  # noqa: BLE001 - a bug is reported in one sentence, without a traceback
        _trace(settings)
        code = screen.unexpected(error)
    return code if isinstance(code, int) else exit_codes.DONE


_INTERRUPTED = "interrupted; 'motionkit jobs --open' lists unfinished jobs"


def _usage(error: click.UsageError) -> InvalidRequest:
    """Return a usage error with option, value and limit; the hint names the verb that was typed."""
    hint = f"see '{error.ctx.command_path if error.ctx else 'motionkit'} --help'"
    if isinstance(error, click.NoSuchOption):  # click's own sentence differs by its release
        alike = (
            f" (Possible options: {', '.join(error.possibilities)})" if error.possibilities else ""
        )
        return InvalidRequest(f"No such option: {error.option_name}{alike}", hint=hint)
    if not isinstance(error, InvalidValue) or error.param is None:
        return InvalidRequest(error.format_message(), hint=hint)
    name = max(error.param.opts, key=len)
    return InvalidRequest(
        f"invalid value for {name}: {error.value!r}; {error.message}",
        field=error.param.name,
        value=error.value,
        limit=error.limit,
        hint=hint,
    )


def _trace(settings: Settings) -> None:
    if settings.debug:
        from motionkit._support.redaction import redact  # noqa: PLC0415
        from motionkit.cli.screen import trace  # noqa: PLC0415

        trace(redact(traceback.format_exc()))
