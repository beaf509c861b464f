"""Look things up at a vendor, by the names that the vendor's adapter gives its lists."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

from motionkit.errors import ConfigError, InvalidRequest
from motionkit.http import with_retries
from motionkit.provider.contract import Lists, Provider

LONGEST = 600.0
"""Seconds for all tries at one list; some are read page by page."""
_MOMENTS = frozenset({"since", "until"})
"""Options that are epoch seconds; every other one is text."""


def names_of(provider: Provider) -> Mapping[str, str]:
    """Return the lists that an account has, each with what it is."""
    if not isinstance(provider, Lists):
        return {}
    return {
        name: (inspect.getdoc(fetch) or name).partition("\n")[0].removeprefix("Return ").rstrip(".")
        for name, fetch in provider.lists.items()
    }


def options_of(provider: Provider, name: str) -> tuple[str, ...]:
    """Return what a list can be asked by.

    Raises:
        ConfigError: The account has no lists.
        InvalidRequest: It has none of that name.
    """
    if not isinstance(provider, Lists):
        raise ConfigError(f"account {provider.account!r} has no lists", account=provider.account)
    if name not in provider.lists:
        known = ", ".join(provider.lists)
        raise InvalidRequest(
            f"account {provider.account!r} has no list {name!r}; it has {known}",
            field="name",
            value=name,
            limit=known,
        )
    return tuple(inspect.signature(provider.lists[name]).parameters)


def look_up(provider: Provider, name: str, options: Mapping[str, Any]) -> Sequence[Any]:
    """Return a list's records; free, retried on transient errors.

    Args:
        provider: The account's adapter.
        name: Of the list.
        options: What to ask it by.

    Raises:
        ConfigError: The account has no lists.
        InvalidRequest: It has none of that name, or that one is not asked so.
    """
    able = options_of(provider, name)
    for option, value in options.items():
        if option not in able:
            raise InvalidRequest(
                f"the list {name!r} is not asked by {option!r}; "
                f"it is asked by {', '.join(able) or 'nothing'}",
                field=option,
                value=str(value),
                limit=", ".join(able),
            )
        _check(name, option, value)
    assert isinstance(provider, Lists)  # noqa: S101 - `options_of` has seen to it
    fetch = provider.lists[name]
    return with_retries(lambda: fetch(**options), timeout=LONGEST)


def _check(name: str, option: str, value: Any) -> None:
    """Refuse what is neither text nor, for a moment, a number; None stands for the default."""
    moment = option in _MOMENTS
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if value is None or (fits if moment else isinstance(value, str)):
        return
    limit = "a moment in epoch seconds" if moment else "text"
    raise InvalidRequest(
        f"{option}={value!r} is nothing to ask the list {name!r} by; it takes {limit}",
        field=option,
        value=str(value),
        limit=limit,
    )
