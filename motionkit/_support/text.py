"""Check what a text can be used for."""

from __future__ import annotations


def is_text(value: str) -> bool:
    """Return whether a text can be sent: undecodable bytes of a command line cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_name(value: str) -> bool:
    """Return whether a text can name something in every database: it has no NUL character."""
    return is_text(value) and "\0" not in value
