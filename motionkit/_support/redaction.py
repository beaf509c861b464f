"""Keep secrets out of whatever a person or a file may see.

`Secret` is text that can be sent and not be shown, `Sealed` any value of that kind. `RedactedStr`
is text that is needed whole and may hold something secret, such as a signed link: it is shown
redacted. `redact` masks what servers echo: every registered secret, and the
query of any URL (signed links are secrets too).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, NoReturn, Self, TypeVar

T_co = TypeVar("T_co", covariant=True)

MASK = "***"
LONGEST_SAID = 300
"""Characters of a vendor's sentence that are repeated."""

_KNOWN: set[str] = set()
_BEGINNINGS: dict[str, set[str]] = {}
"""The same by their first characters."""
_FEW = 16
"""Secrets up to which each is looked for; a server may know those of thousands of customers."""
_URL_QUERY = re.compile(r"(://[^\s?#\"'<>]*)\?[^\s\"'<>]*")
_URL_USER = re.compile(r"(://)[^\s/@\"'<>]+@")
_TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}", re.ASCII)
"""A JSON Web Token: made for one call, so that it is never registered as a `Secret`."""
_CONTROLS = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Escape sequences whole, then what else steers a terminal, and lone surrogates."""
_SHORTEST_MASKED = 6
"""Characters: a shorter "secret" would mask ordinary words."""


class Sealed(Generic[T_co]):
    """A value that is handed on and never shown: it may hold secrets.

    ``repr``, ``str`` and formatting give the mask. It is no text and no container, so that JSON,
    CSV, concatenation, slices and the methods of strings have nothing to work on. A copy, shallow
    or deep, is the value itself. Pickling is refused, because a pickle is a file like any other.
    """

    __slots__ = ("_hold",)

    def __init__(self, value: T_co) -> None:
        def hold() -> T_co:
            return value

        # A debugger lists attributes, but not the variables that a closure holds.
        self._hold: Callable[[], T_co] = hold

    def reveal(self) -> T_co:
        """Return the value: the one explicit way to it."""
        return self._hold()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(
            f"a {type(self).__name__} is not pickled, because a pickle would hold the key: load "
            "the configuration again where it is needed (motionkit.config.load), or pass the key "
            "in the environment"
        )


class Secret(Sealed[str]):
    """Text that reaches the wire and nothing else.

    It is no ``str``. `encode` gives its value to whoever sends or signs with it; an HTTP library
    calls that on a header's value by itself. Two secrets of the same text are equal; a secret and
    a ``str`` never are.
    """

    __slots__ = ()

    def __init__(self, value: str) -> None:
        """Wrap the value, and make it known to `redact`."""
        super().__init__(value)
        if len(value) >= _SHORTEST_MASKED:
            _KNOWN.add(value)
            _BEGINNINGS.setdefault(value[:_SHORTEST_MASKED], set()).add(value)

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return the value as bytes, as ``str.encode`` does."""
        return self.reveal().encode(encoding, errors)

    def prefixed(self, scheme: str) -> Secret:
        """Return the secret with words before it: ``key.prefixed("Bearer ")`` for a header."""
        return Secret(scheme + self.reveal())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return self.reveal() == other.reveal()  # both are held here: there is nothing to time

    def __hash__(self) -> int:
        return hash((Secret, self.reveal()))


class RedactedStr(str):
    """A string that is whole in use and redacted where it is shown by ``repr``.

    That is how debuggers, crash reports and tracebacks with locals show it, in containers too. It
    stays a ``str``, unlike a `Secret`: a link is a result that callers print, store and open, and
    HTTP libraries take a proxy's address as text only.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(redact(str(self)))

    def __getitem__(self, key: Any) -> RedactedStr:
        return RedactedStr(super().__getitem__(key))  # debuggers show long text cut


def is_sensitive(text: str) -> bool:
    """Return whether the text contains a URL, a JSON Web Token or a registered secret."""
    return "://" in text or bool(_TOKEN.search(text)) or bool(_contained(text))


def _contained(text: str) -> list[str]:
    """Return the registered secrets that a text contains, the longest first."""
    known = tuple(_KNOWN)
    if len(known) > _FEW:
        size = _SHORTEST_MASKED
        begun = {text[at : at + size] for at in range(len(text) - size + 1)} & _BEGINNINGS.keys()
        known = tuple(one for beginning in begun for one in tuple(_BEGINNINGS[beginning]))
        known = tuple(one for one in known if one in _KNOWN)
    return sorted((one for one in known if one in text), key=len, reverse=True)


def guarded(value: Any) -> Any:
    """Return a JSON-like value with each sensitive string as a `RedactedStr`."""
    if isinstance(value, str):
        return RedactedStr(value) if is_sensitive(value) else value
    if isinstance(value, list):
        return [guarded(item) for item in value]
    return value


def redact(text: str) -> str:
    """Return the text without known secrets, tokens, URL queries and URL credentials."""
    for secret in _contained(text):  # one may be the beginning of another
        text = text.replace(secret, MASK)
    return redact_urls(_TOKEN.sub(MASK, text))


def printable(text: str, limit: int | None = None) -> str:
    """Return text, cut to a limit, without control characters; line breaks and tabs stay."""
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
