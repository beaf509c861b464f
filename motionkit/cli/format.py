"""Format values for people: prices, durations, untrusted text."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Container, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from motionkit import client
from motionkit.model.money import Balance, Cost, Quote, amounts, dollars

if TYPE_CHECKING:
    from motionkit.journal import PurchaseRecord

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # titles, links, clipboard
    r"|\x1b.?",
    re.DOTALL,
)
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_GENERATED = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SHORT = 8
_DISTINCTIVE = ("quality", "prompt", "text", "page")
_NAMED = ("template", "style")
"""Distinctive values that are shown with their names, because they may be numbers."""


def plain(text: object) -> str:
    """Return the text as one line that is safe to print on a terminal.

    Escape sequences, control characters and bidirectional overrides are dropped.
    """
    kept = _ESCAPES.sub("", str(text)).replace("\r", " ").replace("\n", " ").replace("\t", " ")
    return "".join(
        letter
        for letter in kept
        if unicodedata.category(letter) != "Cc" and letter not in _DIRECTION
    )


def reason(error: OSError | UnicodeError) -> str:
    """Return why a file cannot be read or written."""
    if isinstance(error, UnicodeError):
        return "not UTF-8 text"
    name = "" if error.filename is None else f"{error.filename}: "
    return f"{name}{error.strerror or 'input/output error'}"


def quoted(quote: Quote | None) -> str:
    """Return a quote's amounts."""
    return "unknown" if quote is None else amounts(quote)


def likely(quote: Quote | None) -> str:
    """Return a quote's likely US dollars in few columns, marked where they are not exact."""
    if quote is None or quote.usd_likely is None:
        return ""
    exact = quote.low == quote.high == quote.likely
    return f"{'' if exact else '~'}{dollars(quote.usd_likely)}"


def charged(cost: Cost | None) -> str:
    """Return a cost with its basis."""
    return "unknown" if cost is None else str(cost)


def held_data(balance: Balance | None) -> dict[str, Any] | None:
    """Return a balance as data."""
    if balance is None:
        return None
    return {"amount": balance.amount, "unit": balance.unit.value, "usd": balance.usd}


def age(seconds: float) -> str:
    """Return how long ago something was, in one unit."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size * (2 if unit == "d" else 1):
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def request_line(description: Mapping[str, Any]) -> str:
    """Return a request as one line: operation, media and values."""
    rest = dict(description)
    operation = rest.pop("operation", "?")
    return plain(f"{operation} " + " ".join(f"{name}={listed(one)}" for name, one in rest.items()))


def media_of(description: Mapping[str, Any]) -> dict[str, str]:
    """Return the media of a request description by field."""
    names = _media_names(description.get("operation"))
    return {name: str(one) for name, one in description.items() if name.partition("[")[0] in names}


@lru_cache  # a list asks for each of its jobs, and the operations of vendors are read from the disk
def _media_names(operation: str | None) -> frozenset[str]:
    return client.registry.media_names(operation)


def brief(description: Mapping[str, Any]) -> str:
    """Return a short description of a request: operation, media and distinctive values."""
    parts = [str(description.get("operation", "?")), *media_of(description).values()]
    parts += [listed(description[name]) for name in _DISTINCTIVE if name in description]
    parts += [f"{name}={listed(description[name])}" for name in _NAMED if name in description]
    return plain(" ".join(parts))


def listed(value: object) -> str:
    """Return a value of a request, a list separated by commas."""
    if isinstance(value, list | tuple):
        return ",".join(str(one) for one in value)
    return str(value)


def state_of(entry: PurchaseRecord) -> str:
    """Return the state of a purchase."""
    return entry.state_text(time.time())


def target(entry: PurchaseRecord) -> str:
    """Return account and model of a purchase; without a job, the target that the user named."""
    return f"{entry.job.account}/{entry.job.model}" if entry.job else entry.via


def in_world(name: str, sandbox: bool | None) -> str:
    """Return a target's or an account's name, marked where it is in a sandbox on this machine."""
    return f"{name} (SANDBOX, loopback)" if sandbox else name


def beginnings(keys: Iterable[str]) -> list[str]:
    """Return the first 8 characters of each generated key."""
    return [key[:_SHORT] for key in keys if _GENERATED.fullmatch(key)]


def short(key: str, ambiguous: Container[str] = ()) -> str:
    """Return the first 8 characters of a generated key, else the key.

    Args:
        key: The key of a purchase.
        ambiguous: Beginnings of several keys: they are not shortened.
    """
    return key if key[:_SHORT] in ambiguous or not _GENERATED.fullmatch(key) else key[:_SHORT]
