"""The verbs of the operations: made of the classes of the requests."""

from __future__ import annotations

from collections.abc import Mapping

import motionkit as mk
from motionkit.cli.parameters import Command
from motionkit.cli.records import Ordering, Running, command, example, summary
from motionkit.client import registry
from motionkit.model.request import Request

_EPILOG = """
Examples:

  motionkit {name} {media} --out out.mp4
  motionkit {name} {media} --via ACCOUNT/MODEL --json
  motionkit {name} {media} --max-usd 1.50
  motionkit {name} {media} --dry-run

The price is shown first. Ctrl-C leaves the job running (exit code 9); the same command or \
'motionkit resume' picks it up without paying again. 'motionkit --help' lists the exit codes.
"""

CLASSES: Mapping[str, str] = {
    "mimic": "Mimic",
    "modify": "Modify",
    "animate": "ImageToVideo",
    "generate": "TextToVideo",
    "transition": "Transition",
    "extend": "Extend",
    "lipsync": "LipSync",
    "restyle": "Restyle",
    "swap": "Swap",
    "upscale": "Upscale",
}
"""The classes of the neutral operations by verb: a command loads its own."""


def buying(verb: str) -> Command | None:
    """Return the command that submits an operation, waits and downloads; None if there is none."""
    from motionkit.cli import buy  # noqa: PLC0415 - the help of other verbs does not need it

    kind = _kind(verb)
    if kind is None:
        return None
    epilog = _EPILOG.format(name=verb, media=example(kind))
    return Command(verb, command(kind, Running, buy.run), text=summary(kind), epilog=epilog)


def under(group: str, verb: str, added: str) -> Command | None:
    """Return an operation's subcommand of `submit`, `compare` or `quote`; None if there is none.

    Args:
        group: The name of the group.
        verb: The verb of the operation.
        added: What the help adds to the operation's summary.
    """
    kind = _kind(verb)
    if kind is None:
        return None
    if group == "submit":
        from motionkit.cli import buy  # noqa: PLC0415 - only the group's own verb

        act = command(kind, Ordering, buy.run)
    elif group == "quote":
        from motionkit.cli import quote  # noqa: PLC0415 - only the group's own verb

        act = command(kind, quote.Quoting, quote.quote)
    else:
        from motionkit.cli import compare  # noqa: PLC0415 - only the group's own verb

        act = command(kind, compare.Comparing, compare.compare)
    return Command(verb, act, text=f"{summary(kind)} {added}", epilog="")


def vendors() -> dict[str, str]:
    """Return the verbs of the installed providers' own operations, with their summaries.

    Raises:
        ConfigError: A provider's operations cannot be imported, or claim a verb that is taken.
    """
    return {kind.verb: summary(kind) for kind in registry.operations()[len(CLASSES) :]}


def _kind(verb: str) -> type[Request] | None:
    if verb in CLASSES:  # importing those of providers takes time
        found: type[Request] = getattr(mk, CLASSES[verb])
        return found
    return next((kind for kind in registry.operations() if kind.verb == verb), None)
