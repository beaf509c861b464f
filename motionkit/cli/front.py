"""The program's own help and version, which need neither the parser nor a verb."""

from __future__ import annotations

from collections.abc import Mapping

import motionkit
from motionkit._support.plugins import entry_points
from motionkit.cli import exit_codes
from motionkit.cli.help import page
from motionkit.cli.output import replace_unwritable, write
from motionkit.cli.verbs import OPERATIONS, PANELS, ROWS, SUBMIT, VENDOR
from motionkit.errors import MotionKitError

COMPLETING = "_MOTIONKIT_COMPLETE"
"""The variable in which a shell asks for completions."""

OPTIONS: Mapping[str, str] = {
    "--debug": "Show a traceback on errors.",
    "--version": "Print the version.",
    "--install-completion": "Install completion for bash, zsh or fish. Default: your shell.",
    "--show-completion": "Print the script of completion instead, to source it yourself.",
}
"""The options in front of the verb."""

_ABOUT = (
    "Paid motion-control and video APIs behind one command: submit, wait, download. Never pay "
    "twice."
)
_EPILOG = f"""
Examples:

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

Exit codes:

{exit_codes.table()}
"""


def show(argv: list[str]) -> bool:
    """Print the help or the version if the command line asks for nothing else.

    Returns:
        Whether it did: False for another command line, and where the output cannot be written.
    """
    if argv == ["--version"]:
        text = motionkit.__version__
    elif argv in ([], ["-h"], ["--help"]):
        try:
            text = screen()
        except MotionKitError:  # the program reports it
            return False
    else:
        return False
    replace_unwritable()
    error = write(text)
    return error is None or isinstance(error, BrokenPipeError)


def screen() -> str:
    """Return the program's help screen.

    Raises:
        ConfigError: The operations of a provider cannot be imported.
    """
    named = [(name + " [SHELL]" * name.endswith("-completion"), OPTIONS[name]) for name in OPTIONS]
    options = [*named, ("-h, --help", "Show this message and exit.")]
    panels = [(title, [*rows.items()]) for title, rows in sections().items()]
    return page(
        "motionkit [OPTIONS] COMMAND [ARGS]...", _ABOUT, [("Options", options), *panels], _EPILOG
    )


def sections() -> dict[str, dict[str, str]]:
    """Return every verb with its summary, by the sections of the help.

    Raises:
        ConfigError: The operations of a provider cannot be imported.
    """
    found = {
        title: {name: row.summary for name, row in rows.items()} for title, rows in PANELS.items()
    }
    found[SUBMIT] = {**OPERATIONS, **found[SUBMIT]}
    found[VENDOR] = {**vendors(), **found[VENDOR]}
    return found


def vendors() -> dict[str, str]:
    """Return the verbs of the installed providers' own operations, with their summaries.

    A provider says them in a table of its own. Without one, its operations are imported.

    Raises:
        ConfigError: They cannot be imported.
    """
    tables = entry_points(group="motionkit.verbs")
    having = {one.name for one in entry_points(group="motionkit.operations")}
    if having - {one.name for one in tables}:
        from motionkit.cli import operations  # noqa: PLC0415 - slow, and seldom needed

        return operations.vendors()
    found: dict[str, str] = {}
    for one in sorted(tables):
        found |= one.load()
    return {verb: text for verb, text in found.items() if verb not in ROWS}
