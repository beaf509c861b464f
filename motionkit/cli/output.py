"""Standard output: written at once, and never in the way of a verb's exit code."""

from __future__ import annotations

import codecs
import io
import sys

_REPLACE = "motionkit.replace"


def write(text: str) -> OSError | None:
    """Write a line to standard output; return the error if the device does not take it.

    Everything that follows is dropped then.
    """
    try:
        print(text, flush=True)  # noqa: T201 - standard output
    except OSError as error:
        sys.stdout = io.StringIO()
        return error
    return None


def replace_unwritable() -> None:
    """Make standard output replace the characters that its encoding does not have.

    The bytes of a file's name that are no text stay as they are.
    """
    codecs.register_error(_REPLACE, _replaced)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=_REPLACE)


def _replaced(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    # Python stands for the byte 0xE9 of a name by U+DCE9.
    codes = (ord(letter) - 0xDC00 for letter in text)
    return bytes(code if 0x80 <= code <= 0xFF else ord("?") for code in codes), error.end
