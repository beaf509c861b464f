"""Wrap a line for a terminal at its words; what people copy stays on one line."""

from __future__ import annotations

import re
from collections.abc import Iterator

_NARROW = 40
"""Columns below which a continued line is hardly indented."""

_PIECE = re.compile(
    r"""(?P<space>\s*)
    (?P<piece>
        [(\[]*(?P<quoted>'[^']+'|"[^"]+")\S*  # a command, or a path with blanks
        |\S+
    )""",
    re.VERBOSE,
)
_COMMAND = re.compile(r"""[(\[]*['"]motionkit\s""")


def wrapped(text: str, width: int, start: int = 0) -> str:
    """Return a line of text with line ends at words.

    A word that is longer than a line is not divided: a path or a key can be copied from the
    terminal. The same holds for a quoted command, and for other quoted text that fits a line.

    Args:
        text: The text, without line ends.
        width: Columns of the terminal.
        start: Columns in front of the text on its first line, as of a label.
    """
    indent = min(start or len(text) - len(text.lstrip()), 10 if width >= _NARROW else 2)
    lines, line, used = [], "", start
    for space, piece in _pieces(text, width - indent):
        wide = _columns(piece)
        if (line.strip() or used > indent) and used + len(space) + wide > width:
            lines.append(line)
            line, used = " " * indent + piece, indent + wide
        else:
            line += space + piece
            used += len(space) + wide
    return "\n".join([*lines, line])


def _pieces(text: str, room: int) -> Iterator[tuple[str, str]]:
    """Yield what stays together, each with the blanks in front of it."""
    for match in _PIECE.finditer(text):
        space, piece = match["space"], match["piece"]
        if match["quoted"] is None or _COMMAND.match(piece) or _columns(piece) <= room:
            yield space, piece
            continue
        for word in piece.split():
            yield space, word
            space = " "


def _columns(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - few texts have wide letters

    return cell_len(text)
