"""Completion in bash, zsh and fish: verbs, options, and what the configuration and journal name.

A shell's prompt is no place for an error: what cannot be read is not offered.
"""

from __future__ import annotations

import contextlib
import io
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class, shell_complete

from motionkit.cli import front
from motionkit.cli.parameters import OFFERS
from motionkit.cli.verbs import ROWS, SUBMIT, VENDOR
from motionkit.errors import InvalidRequest

SHELLS = ("bash", "zsh", "fish")
_MOST = 50
"""Jobs that are offered: the newest."""
_ZSH = "fpath=(~/.zfunc $fpath); autoload -Uz compinit; compinit  # motionkit's completion"


def answer(program: click.Command, instruction: str) -> int:
    """Answer a shell that asks for completions; return the exit code.

    Args:
        program: The program.
        instruction: What the shell asks for, in the variable `front.COMPLETING`.
    """
    OFFERS.append(values)
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            return shell_complete(program, {}, "motionkit", front.COMPLETING, instruction)
        except Exception:  # noqa: BLE001 - whatever is wrong, another command reports it
            return 1


def script(program: click.Command, shell: str) -> str:
    """Return the script that a shell sources.

    Args:
        program: The program.
        shell: The shell's name; empty for that of ``$SHELL``.

    Raises:
        InvalidRequest: The shell is none of `SHELLS`.
    """
    kind = get_completion_class(_known(shell))
    if kind is None:  # pragma: no cover - click has all three
        raise AssertionError(shell)
    return kind(program, {}, "motionkit", front.COMPLETING).source()


def install(program: click.Command, shell: str) -> tuple[Path, str]:
    """Write the script where a shell finds it; return the file and what is left to do.

    Raises:
        InvalidRequest: The shell is none of `SHELLS`.
        OSError: The file cannot be written.
    """
    shell = _known(shell)
    home = Path.home()
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    file = {
        "bash": data / "bash-completion" / "completions" / "motionkit",
        "zsh": home / ".zfunc" / "_motionkit",
        "fish": config / "fish" / "completions" / "motionkit.fish",
    }[shell]
    text = script(program, shell)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    left = "start a new shell"
    if shell == "bash":
        left += "; it needs the package bash-completion"
    if shell == "zsh":
        startup = home / ".zshrc"
        before = startup.read_text("utf-8") if startup.exists() else ""
        if _ZSH not in before:
            with startup.open("a", encoding="utf-8") as stream:
                stream.write(f"{'' if before.endswith(chr(10)) or not before else chr(10)}{_ZSH}\n")
    return file, left


def _known(shell: str) -> str:
    found = shell or Path(os.environ.get("SHELL", "")).name
    if found not in SHELLS:
        raise InvalidRequest(
            f"shell: {found or 'unknown'!r} is not one of {', '.join(SHELLS)}",
            field="shell",
            value=found,
            limit=", ".join(SHELLS),
            hint="name it: --show-completion zsh",
        )
    return found


def values(param: click.Parameter, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Return what a parameter takes, by the name of its value or its own name."""
    metavar = (param.metavar or "").removesuffix("...")
    if metavar in _FILES:
        return [CompletionItem(incomplete, type=_FILES[metavar])]
    offered = _OFFERED.get(metavar) or _BY_NAME.get(param.name or "")
    if offered is None:
        return []
    return [
        CompletionItem(value, help=text)
        for value, text in offered(ctx, incomplete)
        if value.startswith(incomplete)
    ]


Offered = Iterable[tuple[str, str | None]]


def _config(ctx: click.Context) -> Any:
    from motionkit import config  # noqa: PLC0415 - a verb's name needs none

    return config.load(ctx.params.get("config"))


def _accounts(ctx: click.Context, _: str) -> Offered:
    return ((name, one.provider) for name, one in _config(ctx).accounts.items())


def _targets(ctx: click.Context, incomplete: str) -> Iterator[tuple[str, str | None]]:
    found = _config(ctx)
    account, slash, _ = incomplete.partition("/")
    if slash:  # only now: an adapter takes time to load
        for model in _offered(found.accounts[account].provider, lambda offer: [offer.model]):
            yield f"{account}/{model}", None
        return
    yield from ((name, "route") for name in found.routes)
    yield from ((name, one.provider) for name, one in found.accounts.items())


def _models(_: click.Context, __: str) -> Offered:
    return _of_all(lambda offer: [offer.model])


def _qualities(_: click.Context, __: str) -> Offered:
    return _of_all(lambda offer: [str(one) for one in offer.allowed.get("quality", ())])


def _of_all(read: Callable[[Any], list[str]]) -> Offered:
    from motionkit.client import registry  # noqa: PLC0415 - it loads the adapters

    found = [value for name in registry.names() for value in _offered(name, read)]
    return [(value, None) for value in dict.fromkeys(found)]


def _offered(provider: str, read: Callable[[Any], list[str]]) -> list[str]:
    from motionkit.client import registry  # noqa: PLC0415 - it loads an adapter

    return list(dict.fromkeys(x for one in registry.load(provider).offers for x in read(one)))


def _operations(_: click.Context, __: str) -> Offered:
    found = front.sections()
    return [row for title in (SUBMIT, VENDOR) for row in found[title].items() if row[0] not in ROWS]


def _jobs(ctx: click.Context, incomplete: str) -> Offered:
    return _rows(
        ctx,
        "SELECT key, state FROM purchases WHERE substr(key, 1, ?)=? ORDER BY created DESC LIMIT ?",
        incomplete,
    )


def _batches(ctx: click.Context, incomplete: str) -> Offered:
    return _rows(
        ctx,
        "SELECT id, NULL FROM batches WHERE substr(id, 1, ?)=? ORDER BY created DESC LIMIT ?",
        incomplete,
    )


def _rows(ctx: click.Context, query: str, beginning: str) -> Offered:
    """Read a journal in a file as it is: none is made, migrated or waited for."""
    place = _config(ctx).journal
    if not isinstance(place, Path) or not place.exists():
        return []
    with contextlib.closing(
        sqlite3.connect(f"{place.absolute().as_uri()}?mode=ro", uri=True, timeout=0.1)
    ) as db:
        return db.execute(query, (len(beginning), beginning, _MOST)).fetchall()


_FILES = {"FILE": "file", "FILES": "file", "ITEMS": "file", "DIR": "dir", "FOLDER": "dir"}
_OFFERED: dict[str, Callable[[click.Context, str], Offered]] = {
    "ACCOUNT": _accounts,
    "TARGET": _targets,
    "REF": _jobs,
    "KEY": _jobs,
    "BATCH": _batches,
    "VERB": _operations,
}
"""What is offered, by the name of the value."""
_BY_NAME: dict[str, Callable[[click.Context, str], Offered]] = {
    "model": _models,
    "operation": _operations,
    "quality": _qualities,
}
"""What is offered, by the name of the option."""
