"""Keep secrets out of whatever a person or a file may see.

`Secret` is text that can be sent and not be shown. `redact` masks what servers echo: every
secret that this process has made known, and the query of any URL (signed links are secrets too).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self

MASK = "***"

_KNOWN: set[str] = set()
_URL_QUERY = re.compile(r"(://[^\s?#\"'<>]*)\?[^\s\"'<>]*")
_URL_USER = re.compile(r"(://)[^\s/@\"'<>]+@")
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

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (MASK,)


def redact(text: str) -> str:
    """Return the text without known secrets, URL queries and URL credentials."""
    for secret in sorted(_KNOWN, key=len, reverse=True):  # one may be the beginning of another
        text = text.replace(secret, MASK)
    return redact_urls(text)


def redact_urls(text: str) -> str:
    """Return the text with every URL's query and credentials masked."""
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
