"""Look up a vendor's lists, such as voices and styles, by name."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

from motionkit.errors import ConfigError, InvalidRequest
from motionkit.http import with_retries
from motionkit.provider.contract import Lists, Provider

LONGEST = 600.0
"""Seconds for all attempts to read one list; some have pages."""
_MOMENTS = frozenset({"since", "until"})
"""Options in epoch seconds; the others are text."""


def names_of(provider: Provider) -> Mapping[str, str]:
    """Return the names of an account's lists, each with its description."""
    if not isinstance(provider, Lists):
        return {}
    return {
        name: (inspect.getdoc(fetch) or name).partition("\n")[0].removeprefix("Return ").rstrip(".")
        for name, fetch in provider.lists.items()
    }


def options_of(provider: Provider, name: str) -> tuple[str, ...]:
    """Return the filters of a list.

    Raises:
        ConfigError: The account has no lists.
        InvalidRequest: It has no list of that name.
    """
    if not isinstance(provider, Lists):
        raise ConfigError(f"account {provider.account!r} has no lists", account=provider.account)
    if name not in provider.lists:
        known = ", ".join(provider.lists)
        text = f"account {provider.account!r} has no list {name!r}; it has {known}"
        raise InvalidRequest(text, field="name", value=name, limit=known)
    return tuple(inspect.signature(provider.lists[name]).parameters)


def look_up(provider: Provider, name: str, options: Mapping[str, Any]) -> Sequence[Any]:
    """Return a list's records by filters; free, retried on transient errors.

    Raises:
        ConfigError: The account has no lists.
        InvalidRequest: It has no list of that name, or a filter is invalid.
    """
    able = options_of(provider, name)
    for option, value in options.items():
        if option not in able:
            known = ", ".join(able) or "none"
            text = f"list {name!r} has no filter {option!r}; it has {known}"
            raise InvalidRequest(text, field=option, value=str(value), limit=known)
        _check(name, option, value)
    assert isinstance(provider, Lists)  # noqa: S101 - `options_of` checked it
    fetch = provider.lists[name]
    return with_retries(lambda: fetch(**options), timeout=LONGEST)


def _check(name: str, option: str, value: Any) -> None:
    """Require text or, for a moment, a number; None means the default."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    moment = option in _MOMENTS
    if value is None or (number and math.isfinite(value) if moment else isinstance(value, str)):
        return
    limit = "a moment in epoch seconds" if moment else "text"
    text = f"invalid filter {option}={str(value)!r} for list {name!r}; expected {limit}"
    raise InvalidRequest(text, field=option, value=str(value), limit=limit)
