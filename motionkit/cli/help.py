"""Lay out the help screens: sections, columns, wrapped to the terminal. Imports no parser."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence

WIDEST = 100
"""Columns beyond which lines are hard to read."""

_TERM = 28
"""Characters of a term that still has its text beside it."""

Section = tuple[str, Sequence[tuple[str, str]]]
"""A title, and terms with their texts."""


def page(usage: str, text: str, sections: Iterable[Section], epilog: str = "") -> str:
    """Return a help screen.

    Args:
        usage: The command with its arguments.
        text: What it does: paragraphs, each on a line of its own.
        sections: The groups of options or of commands; empty ones are left out.
        epilog: Below the sections. A line that ends with a colon is a title, an indented one is
            kept as it is, and others are wrapped.
    """
    import shutil  # noqa: PLC0415 - most commands show no help

    width = min(shutil.get_terminal_size().columns, WIDEST)
    lines = [*_wrapped(f"{_bold('Usage:')} {usage}", width, hanging=" " * 4), ""]
    lines += [*_text(text, width), ""]
    for title, rows in sections:
        if rows:
            lines += [_bold(f"{title}:"), *_columns(rows, width), ""]
    lines += _text(epilog.strip(), width) if epilog else []
    return "\n".join(lines).rstrip()


def _text(text: str, width: int) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith(" ") or not line:
            yield line
        elif line.endswith(":"):
            yield _bold(line)
        else:
            yield from _wrapped(line, width)


def _columns(rows: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    column = max((len(term) for term, _ in rows if len(term) <= _TERM), default=0) + 4
    for term, text in rows:
        first, *rest = _wrapped(text, width - column) or [""]
        if len(term) + 4 > column:
            yield f"  {term}"
            rest = [first, *rest]
        else:
            yield f"  {term:<{column - 2}}{first}".rstrip()
        yield from (" " * column + line for line in rest)


def _wrapped(text: str, width: int, hanging: str = "") -> list[str]:
    import textwrap  # noqa: PLC0415 - most commands show no help

    return textwrap.wrap(
        text, width, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
    )


def _bold(text: str) -> str:
    """Return a title, in bold on a terminal."""
    terminal = sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return f"\x1b[1m{text}\x1b[0m" if terminal else text
