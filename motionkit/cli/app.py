"""The program: its verbs, its help, and the handling of errors that end it."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Annotated, Any, cast

import attrs
import typer

from motionkit._support.redaction import redact
from motionkit.cli import (
    accounts,
    batch,
    budget,
    buy,
    compare,
    config,
    demo,
    exit_codes,
    journal,
    journals,
    lists,
    mcp,
    offers,
    reconcile,
    sandbox,
    wait,
    webhook,
    worker,
)
from motionkit.cli.options import Ordering, Running, command, example, paragraphs, summary
from motionkit.cli.screen import Screen, replace_unwritable, reporting, trace
from motionkit.client import registry
from motionkit.errors import InvalidRequest, MotionKitError
from motionkit.model.operations import OPERATIONS

UsageError = cast("type[Exception]", typer.BadParameter.__bases__[0])
"""The base of typer's usage errors, of which it exports only this subclass."""

_INTERRUPTED = 130
"""The code that typer returns for Ctrl-C where no verb catches it."""

_SUBMIT = "Submit jobs"
_VENDOR = "Vendor-specific operations"
_BATCH = "Many requests at once"
_MANAGE = "Manage jobs"
_AGENTS = "For agents"
_LOOK_UP = "Free look-ups"
_TRY = "Try without keys or money"

_EPILOG = f"""
[bold]Examples[/bold]

  motionkit demo
  motionkit mimic --image hero.png --video dance.mp4 --out out.mp4
  motionkit mimic --image hero.png --video dance.mp4 --dry-run
  motionkit modify --video clip.mp4 --prompt "make it snow" --out snow.mp4
  motionkit offers --operation modify
  motionkit submit mimic --image hero.png --video dance.mp4 --key order-17
  motionkit wait order-17 --out out.mp4
  motionkit resume
  motionkit batch run --image 'chars/*.jpg' --video 'clips/*.mp4' --out films/

Prices are shown before anything is charged. Repeating a command resumes its job instead of \
paying again. Progress goes to standard error, results to standard output. Times are in seconds.

[bold]Exit codes[/bold]

{exit_codes.table()}
"""

_RUN_EPILOG = """
[bold]Examples[/bold]

  motionkit {name} {media} --out out.mp4
  motionkit {name} {media} --via ACCOUNT/MODEL --json
  motionkit {name} {media} --max-usd 1.50
  motionkit {name} {media} --dry-run

The price is shown first. Ctrl-C leaves the job running (exit code 9); the same command or \
'motionkit resume' picks it up without paying again. 'motionkit --help' lists the exit codes.
"""


@attrs.define
class Settings:
    """The options in front of the verb."""

    debug: bool = False


app = typer.Typer(
    name="motionkit",
    help="Paid motion-control and video APIs behind one command: submit, wait, download. Never pay "
    "twice.",
    epilog=_EPILOG,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _root(
    ctx: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback on errors.")] = False,
    shown: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    ctx.ensure_object(Settings).debug = debug
    if shown:
        typer.echo(version("motionkit"))
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


_submit = typer.Typer(help="Submit a job and exit without waiting. One subcommand per operation.")
_compare = typer.Typer(help="Compare price, duration and output per target. Submits nothing.")
_jobs = typer.Typer()

for _kind in registry.operations():
    _epilog = _RUN_EPILOG.format(name=_kind.verb, media=example(_kind))
    _panel = _SUBMIT if _kind in OPERATIONS else _VENDOR
    app.command(_kind.verb, help=summary(_kind), epilog=_epilog, rich_help_panel=_panel)(
        command(_kind, Running, buy.run)
    )
    _sum = summary(_kind)
    _submit.command(_kind.verb, help=f"{_sum} Does not wait.", short_help=_sum)(
        command(_kind, Ordering, buy.run)
    )
    _compare.command(_kind.verb, help=f"{_sum} Submits nothing.", short_help=_sum)(
        command(_kind, compare.Comparing, compare.compare)
    )

app.add_typer(_submit, name="submit", rich_help_panel=_SUBMIT)
app.add_typer(_compare, name="compare", rich_help_panel=_SUBMIT)
app.add_typer(batch.verbs, name="batch", rich_help_panel=_BATCH)
_VERBS: Mapping[str, tuple[Callable[..., int], ...]] = {
    _BATCH: (worker.worker,),
    _MANAGE: (wait.poll, wait.result, wait.wait, wait.resume, reconcile.reconcile, webhook.webhook),
    _AGENTS: (mcp.mcp,),
    _LOOK_UP: (accounts.balance, budget.budget, accounts.providers, offers.offers),
    _TRY: (sandbox.sandbox, demo.demo),
}
for _panel, _verbs in _VERBS.items():
    for _verb in _verbs:
        app.command(help=paragraphs(_verb), rich_help_panel=_panel)(_verb)
_jobs.callback(help=paragraphs(journal.jobs), invoke_without_command=True)(journal.jobs)
_jobs.command(help=paragraphs(journal.show))(journal.show)
app.add_typer(_jobs, name="jobs", rich_help_panel=_MANAGE)
for _verb in (journals.copy, journals.check):
    journals.verbs.command(help=paragraphs(_verb))(_verb)
app.add_typer(journals.verbs, name="journal", rich_help_panel=_MANAGE)
app.command("list", help=paragraphs(lists.look_up), rich_help_panel=_LOOK_UP)(lists.look_up)
for _verb in (config.check, config.trust, config.schema):
    config.verbs.command(help=paragraphs(_verb))(_verb)
app.add_typer(config.verbs, name="config", rich_help_panel=_LOOK_UP)


def run(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code.

    Args:
        argv: The arguments without the program's name.
    """
    # Read before the verb parses its options, so that usage errors are JSON too.
    screen = Screen(json="--json" in argv)
    settings = Settings()
    replace_unwritable()
    try:
        with reporting(screen):
            code: Any = app(list(argv), prog_name="motionkit", standalone_mode=False, obj=settings)
    except UsageError as error:
        code = screen.error(_usage(error))
    except SystemExit:  # rich and click raise it when the reader of the help has gone
        code = exit_codes.DONE
    except typer.Abort:
        screen.note("stopped; nothing further was submitted")
        code = exit_codes.UNEXPECTED
    except MotionKitError as error:
        _trace(settings)
        code = screen.error(error)
    except Exception as error:  # noqa: BLE001 - a bug is reported in one sentence, without a traceback
        _trace(settings)
        code = screen.unexpected(error)
    if code == _INTERRUPTED:
        screen.note("interrupted; 'motionkit jobs --open' lists unfinished jobs")
        code = exit_codes.UNEXPECTED
    return code if isinstance(code, int) else exit_codes.DONE


_EXPECTED: Mapping[str, str] = {
    "float_parsing": "a number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "greater_than_equal": "at least {ge:.12g}",
    "less_than_equal": "at most {le:.12g}",
}
"""What an option takes, by the type of pydantic's error."""


def _usage(error: Exception) -> InvalidRequest:
    """Return a usage error with option, value and limit; the hint names the verb that was typed."""
    said = cast("Any", error)
    hint = f"see '{said.ctx.command_path if said.ctx else 'motionkit'} --help'"
    faults = getattr(error.__cause__, "errors", None)
    option = getattr(said, "param", None)
    if faults is None or option is None:
        return InvalidRequest(said.format_message(), hint=hint)
    fault = faults()[0]
    name, value = max(option.opts, key=len), str(fault["input"])
    limit = _EXPECTED.get(fault["type"], "").format(**fault.get("ctx", {}))
    why = f"expected {limit}" if limit else fault["msg"].removeprefix("Value error, ").rstrip(".")
    return InvalidRequest(
        f"invalid value for {name}: {value!r}; {why}",
        field=option.name,
        value=value,
        limit=limit or None,
        hint=hint,
    )


def _trace(settings: Settings) -> None:
    if settings.debug:
        trace(redact(traceback.format_exc()))
