"""Validate arguments before anything is uploaded, paid or waited for.

A function takes the argument's name and value, returns the value as the client uses it, and
raises `InvalidRequest` with both and with what is expected.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from motionkit import polling, purchase
from motionkit.config import Config, load
from motionkit.errors import ConfigError, InvalidRequest
from motionkit.model.job import Job
from motionkit.model.labels import check_labels
from motionkit.model.money import AMOUNT, amount

if TYPE_CHECKING:
    from motionkit.config import AccountsGiven, DefaultsGiven, JournalGiven, RoutesGiven
    from motionkit.model.request import Request
    from motionkit.polling import Seconds
    from motionkit.purchase import BuyOptions, Choose

T = TypeVar("T")

_EXPECTED: dict[str, str] = {
    "Job": "a Job, as submit and Job.from_json return it",
    "Request": "a request, such as motionkit.Mimic",
    "Result": "a Result, as wait and result return it",
    "bytes": "bytes",
    "str": "text",
}


def of(kind: type[T], name: str, value: object) -> T:
    """Return a value of one type."""
    if not isinstance(value, kind):
        raise InvalidRequest.expected(name, value, _EXPECTED[kind.__name__])
    return value


def optional(check: Callable[[str, Any], T], name: str, value: Any) -> T | None:
    """Return what a check of this module returns; None stays None."""
    return None if value is None else check(name, value)


def text(name: str, value: str) -> str:
    """Return a text."""
    return of(str, name, value)


def jobs(value: Iterable[Job]) -> list[Job]:
    """Return jobs as a list."""
    if not isinstance(value, Iterable):
        raise InvalidRequest.expected("jobs", value, "jobs in a list or another iterable")
    return [of(Job, f"jobs[{index}]", job) for index, job in enumerate(value)]


def several(kind: type[T], name: str, value: T | Iterable[T]) -> list[T]:
    """Return one value or several of one type as a list that is not empty."""
    given = [value] if isinstance(value, kind) else value
    if not isinstance(given, Iterable) or not (found := list(given)):
        raise InvalidRequest.expected(name, value, f"{_EXPECTED[kind.__name__]}, or a list of such")
    return [of(kind, f"{name}[{index}]", one) for index, one in enumerate(found)]


def path(name: str, value: Path | str) -> Path:
    """Return a path."""
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise InvalidRequest.expected(name, value, "the path of a file")
    return Path(value)


def headers(value: Mapping[str, str]) -> Mapping[str, str]:
    """Return HTTP headers; the mappings of web frameworks are no common class."""
    if not callable(getattr(value, "items", None)):
        raise InvalidRequest.expected("headers", value, "a mapping of HTTP headers")
    return value


def _out(request: Request, value: Path | str) -> str:
    """Return where a request's result is to be saved, as the journal has it."""
    from motionkit.client import placing  # noqa: PLC0415 - loads where a place is named

    return placing.check_out(value, overwrite=True, kind=request.delivers).text


def dollars(name: str, value: Decimal | str) -> Decimal:
    """Return an amount of US dollars."""
    found = amount(value)
    if found is None:
        raise InvalidRequest.expected(name, value, AMOUNT)
    return found


def duration(name: str, value: Seconds) -> float:
    """Return a duration in seconds."""
    try:
        converted = polling.seconds(value)
    except (OverflowError, TypeError, ValueError):
        converted = math.nan
    if math.isnan(converted) or converted < 0:
        raise InvalidRequest.expected(name, value, "seconds, or a timedelta, at least 0")
    return converted


def callback(name: str, value: T) -> T:
    """Return a function."""
    if not callable(value):
        raise InvalidRequest.expected(name, value, "a function of an event, or of job and status")
    return value


def index(name: str, value: int, count: int) -> int:
    """Return an index into a list of `count` items."""
    if type(value) is not int or not 0 <= value < count:
        limit = f"0 to {count - 1}" if count > 1 else "0, the only one"
        raise InvalidRequest.expected(name, value, limit)
    return value


def choice(name: str, value: Choose) -> Choose:
    """Return what a route is to prefer."""
    if value not in get_args(purchase.Choose):
        raise InvalidRequest.expected(
            name, value, " or ".join(map(repr, get_args(purchase.Choose)))
        )
    return value


def configuration(
    config: Config | Path | str | None,
    *,
    accounts: AccountsGiven | None,
    routes: RoutesGiven | None,
    defaults: DefaultsGiven | None,
    journal: JournalGiven | None,
) -> Config:
    """Return the configuration of a client.

    Raises:
        ConfigError: It is wrong, or given twice.
    """
    given = {"accounts": accounts, "routes": routes, "defaults": defaults, "journal": journal}
    if isinstance(config, Config):
        for name, one in given.items():
            if one is not None:
                raise ConfigError(f"{name} is given besides a configuration, which has it")
        return config
    where = path("config", config) if config else None
    return load(where, accounts=accounts, routes=routes, defaults=defaults, journal=journal)


def options(
    request: Request,
    via: str | None,
    *,
    choose: Choose | None = None,
    key: str | None = None,
    max_usd: Decimal | str | None = None,
    out: Path | str | None = None,
    wait_for_slot: Seconds | None = None,
    labels: Mapping[str, str] | None = None,
    **others: Any,
) -> BuyOptions:
    """Return how a request is submitted; the request is checked too."""
    from motionkit.model.request import Request  # noqa: PLC0415 - who lists jobs makes none

    of(Request, "request", request)
    return purchase.BuyOptions(
        via=optional(text, "via", via),
        choose=optional(choice, "choose", choose),
        key=optional(text, "key", key),
        max_usd=optional(dollars, "max_usd", max_usd),
        out=None if out is None else _out(request, out),
        wait_for_slot=optional(duration, "wait_for_slot", wait_for_slot),
        labels={} if labels is None else check_labels(labels),
        **others,
    )
