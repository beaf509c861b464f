"""Keep secrets out of whatever a person or a file may see.

`Secret` is text that can be sent and not be shown. `Guarded` is text that is needed whole and may
hold something secret, such as a signed link: it is shown redacted. `redact` masks what servers
echo: every secret that this process has made known, and the query of any URL (signed links are
secrets too).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self

MASK = "***"
LONGEST_SAID = 300
"""Characters of a vendor's sentence that are repeated."""

_KNOWN: set[str] = set()
_URL_QUERY = re.compile(r"(://[^\s?#\"'<>]*)\?[^\s\"'<>]*")
_URL_USER = re.compile(r"(://)[^\s/@\"'<>]+@")
_CONTROLS = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Escape sequences whole, then what else steers a terminal, and halves of characters."""
_SHORTEST_MASKED = 6
"""Characters: a shorter "secret" would mask ordinary words."""


class Secret(str):
    """A string that reaches the wire and nothing else.

    It is a real ``str``, so an HTTP library can encode it; every way of showing it (``repr``,
    ``str``, formatting, pickling) gives the mask instead.
    """

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        """Make the value known to `redact` and return it wrapped."""
        made = super().__new__(cls, value)
        if len(value) >= _SHORTEST_MASKED:
            _KNOWN.add(value)
        return made

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __getitem__(self, key: Any) -> str:
        return str.__new__(Secret, super().__getitem__(key))  # debuggers show long text cut

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (MASK,)


class Guarded(str):
    """A string that is whole in use and redacted where it is shown by ``repr``.

    That is how debuggers, crash reports and tracebacks with locals show it, in containers too.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(redact(str(self)))

    def __getitem__(self, key: Any) -> Guarded:
        return Guarded(super().__getitem__(key))  # debuggers show long text cut


def telling(text: str) -> bool:
    """Tell whether a text holds an address, whose query may be a signature, or a known secret."""
    return "://" in text or any(secret in text for secret in tuple(_KNOWN))


def guarded(value: Any) -> Any:
    """Return a JSON-like value whose telling strings are `Guarded`; the others stay as they are."""
    if isinstance(value, str):
        return Guarded(value) if telling(value) else value
    if isinstance(value, list):
        return [guarded(item) for item in value]
    return value


def redact(text: str) -> str:
    """Return the text without known secrets, URL queries and URL credentials."""
    for secret in sorted(_KNOWN, key=len, reverse=True):  # one may be the beginning of another
        text = text.replace(secret, MASK)
    return redact_urls(text)


def printable(text: str, limit: int | None = None) -> str:
    """Return text without terminal codes, control characters and turned writing directions.

    Args:
        text: Somebody else's words. Line breaks and tabs stay.
        limit: Characters at most.
    """
    if limit is not None and len(text) > limit:
        text = f"{text[:limit]}..."
    return _CONTROLS.sub("", text)


def redact_urls(text: str) -> str:
    """Return the text with every URL's query and credentials masked."""
    if "://" not in text:
        return text
    text = _URL_USER.sub(rf"\1{MASK}@", text)
    return _URL_QUERY.sub(rf"\1?{MASK}", text)


def redact_data(value: Any) -> Any:
    """Return a JSON-like value with every string in it redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {name: redact_data(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_data(item) for item in value]
    return value
