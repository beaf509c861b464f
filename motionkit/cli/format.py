"""Values as people read them: prices, time, text that came from elsewhere."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from motionkit.client import registry
from motionkit.journal import PurchaseRecord
from motionkit.model.job import KeyState, State
from motionkit.model.money import Cost, Quote, amounts
from motionkit.model.request import argument

UNDELIVERED = "succeeded, not fetched"

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # titles, links, clipboard
    r"|\x1b.?",
    re.DOTALL,
)
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_MINTED = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SHORT = 8
_TELLING = ("quality", "prompt", "text", "page")
_NAMED = ("template", "style")
"""Values that a request is known by; numbers among them say what they are."""


def plain(text: object) -> str:
    """Return one line of text without terminal codes: vendors' words reach a terminal through it.

    Escape sequences, control characters and those that turn the writing direction are dropped.
    """
    kept = _ESCAPES.sub("", str(text)).replace("\r", " ").replace("\n", " ").replace("\t", " ")
    return "".join(
        letter for letter in kept if unicodedata.category(letter) != "Cc" and letter not in _TURNING
    )


def quoted(quote: Quote | None) -> str:
    """Return a quote's amounts."""
    return "unknown" if quote is None else amounts(quote)


def charged(cost: Cost | None) -> str:
    """Return a cost and how we know it."""
    return "unknown" if cost is None else str(cost)


def duration(seconds: float) -> str:
    """Return seconds in the unit that suits them."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d"


def request_line(description: Mapping[str, Any]) -> str:
    """Return a request in one line: its operation, media and values."""
    rest = dict(description)
    operation = rest.pop("operation", "?")
    return plain(f"{operation} " + " ".join(f"{name}={listed(one)}" for name, one in rest.items()))


def media_of(description: Mapping[str, Any]) -> dict[str, str]:
    """Return the media of a request by their names, from `Request.describe` or the journal."""
    kinds = registry.operations()
    own = [kind for kind in kinds if kind.operation == description.get("operation")]
    names = frozenset().union(*(kind.media_arguments() for kind in own or kinds))
    return {name: str(one) for name, one in description.items() if argument(name) in names}


def brief(description: Mapping[str, Any]) -> str:
    """Return what tells a request from others: operation, media, quality, words, what it is of."""
    told = [str(description.get("operation", "?")), *media_of(description).values()]
    told += [listed(description[name]) for name in _TELLING if name in description]
    told += [f"{name}={listed(description[name])}" for name in _NAMED if name in description]
    return plain(" ".join(told))


def listed(value: object) -> str:
    """Return a value of a request; several with commas between them."""
    if isinstance(value, list | tuple):
        return ",".join(str(one) for one in value)
    return str(value)


def standing(entry: PurchaseRecord) -> str:
    """Return where a purchase stands."""
    if entry.state is State.SUCCEEDED and entry.delivered is None:
        return UNDELIVERED
    if entry.ambiguous and entry.state is not KeyState.UNCERTAIN:
        return f"{entry.state.value}, uncertain"
    word: str = entry.state.value
    return f"{word}, stalled" if entry.stalled(time.time()) else word


def target(entry: PurchaseRecord) -> str:
    """Return account and model of a purchase, or what the user named when nothing was bought."""
    return f"{entry.job.account}/{entry.job.model}" if entry.job else entry.via


def in_world(name: str, sandbox: bool | None) -> str:
    """Return a target's or an account's name; one in a sandbox on this machine says so.

    Args:
        name: Account and model, or the account.
        sandbox: Whether it is in a sandbox; None where nobody knows.
    """
    return f"{name} (SANDBOX, loopback)" if sandbox else name


def short(key: str, keys: Iterable[str] = ()) -> str:
    """Return a minted key's beginning when it names no other; a key of the user's own whole."""
    if not _MINTED.fullmatch(key):
        return key
    alike = [other for other in keys if other.startswith(key[:_SHORT])]
    return key[:_SHORT] if len(alike) <= 1 else key
