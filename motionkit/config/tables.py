"""Make records of what TOML says, exact about keys and types.

TOML has types, so nothing is converted silently: ``"60"`` is no number, and an amount of money is
text, because a TOML fraction is a binary one. `motionkit.model.codec` knows the types, this module
the limits and the words. Every `ConfigError` names the place and what to write there.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import math
import operator
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs

from motionkit._support.redaction import Secret
from motionkit.config.files import Spot
from motionkit.errors import ConfigError, InvalidRequest
from motionkit.model import codec

Record = TypeVar("Record")

_WORDS: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number, 0 or more",
    float: "a number, 0 or more",
    str: "text in quotes",
    Decimal: 'an amount as text in quotes, such as "2.50"',
}

_KINDS: Mapping[type, str] = {
    str: "text",
    list: "a list",
    dict: "a table",
    dt.date: "a date",
    dt.time: "a time",
    dt.datetime: "a date with its time",
}

LIMITS: Mapping[Any, int] = {int: 1_000_000, float: 100_000_000, Decimal: 1_000_000}
"""The largest number of each type; of seconds, that is three years."""
PLACES = 12
"""Digits after an amount's decimal point."""
ENTRIES = 100
"""Accounts, routes, and entries of a list: each is looked up among what is installed."""
_LONGEST_COMPARED = 80
"""Characters of a word that is compared with similar ones; comparing takes quadratic time."""
_REFUSALS = (TypeError, ValueError, ArithmeticError, LookupError)
"""What a converter or a validator raises for a value that it does not take."""


def words(hint: Any) -> str:
    """Return what to write for a type."""
    if get_origin(hint) is Literal:
        return f"one of {', '.join(repr(one) for one in get_args(hint))}"
    if is_union(hint):
        return " or ".join(words(one) for one in get_args(hint))
    if is_list(hint):
        return f"a list of which each is {words(get_args(hint)[0])}"
    if is_table(hint):
        return f"a table of which each value is {words(get_args(hint)[1])}"
    is_text = isinstance(hint, type) and issubclass(hint, str | Secret)
    return _WORDS.get(hint, _WORDS[str] if is_text else "what its provider documents")


def bare(hint: Any) -> Any:
    """Return a type without its ``| None``: leaving a key out is how TOML says None."""
    if is_union(hint):
        rest = [one for one in get_args(hint) if one is not type(None)]
        return functools.reduce(operator.or_, rest)
    return hint


def is_union(hint: Any) -> bool:
    """Return whether a type, made `bare`, is still a choice of several."""
    return get_origin(hint) in {Union, types.UnionType}


def is_list(hint: Any) -> bool:
    """Return whether a type is ``tuple[X, ...]``, which TOML writes as a list."""
    return get_origin(hint) is tuple


def is_table(hint: Any) -> bool:
    """Return whether a type is ``Mapping[K, V]``, which TOML writes as a table."""
    return get_origin(hint) is Mapping


def record(
    kind: type[Record],
    data: Mapping[str, Any],
    spot: Spot,
    *,
    also: Iterable[str] = (),
    given: Mapping[str, Any] | None = None,
    quiet: Collection[str] = (),
) -> Record:
    """Make a record, or raise one error with all its problems.

    Args:
        kind: An attrs class.
        data: A table, by the class's field names.
        spot: Its place.
        also: Keys that are allowed there and read elsewhere.
        given: Values that are ready; they go before the data.
        quiet: Fields whose values an error must not show.
    """
    values, problems = dict(given or {}), []
    fields = [one for one in attrs.fields(kind) if one.init and one.name not in values]  # type: ignore[arg-type]  # the caller gives an attrs class
    known_keys(data, [*also, *(field.name for field in fields)], spot)
    hints = get_type_hints(kind)
    for field in fields:
        name = field.name
        at, hint = spot / name, hints[name]
        try:
            if name in data:
                one = value(hint, data[name], at, quiet=name in quiet)
                # A record's own converter does not name the field in its errors.
                convert = field.converter
                values[name] = _made(at, convert, one) if callable(convert) else one
            elif field.default is attrs.NOTHING:
                problems.append(f"{at} is missing; give {words(bare(hint))}")
        except ConfigError as error:
            problems.append(error.message)
    if problems:
        raise ConfigError("; ".join(problems))
    made: Record = _made(spot, kind, **values)
    return made


def value(hint: Any, given: Any, spot: Spot, *, quiet: bool = False) -> Any:
    """Make one value of a type; an error does not show a `quiet` one."""
    kind = bare(hint)
    inner = get_args(kind)
    if get_origin(kind) is Literal:
        return _choice(kind, given, spot, quiet=quiet)
    if is_union(kind):
        for one in inner:
            with contextlib.suppress(ConfigError):
                return value(one, given, spot, quiet=quiet)
    elif is_list(kind):
        if type(given) is list:
            need_few(given, spot)
            return tuple(value(inner[0], one, spot / number) for number, one in enumerate(given))
    elif is_table(kind):
        if isinstance(given, Mapping):
            if get_origin(inner[0]) is Literal:
                known_keys(given, get_args(inner[0]), spot)
            return {name: value(inner[1], one, spot / name) for name, one in given.items()}
    elif kind is Secret:
        return Secret(value(str, given, spot))
    else:
        with contextlib.suppress(InvalidRequest, *_REFUSALS):
            return _limited(kind, codec.structure(given, kind), spot)
    is_text = kind is Decimal and type(given) is str
    said = "not an amount" if is_text else shown(given)
    raise ConfigError(f"{spot} is {said}; give {words(kind)}")


def table(data: Mapping[str, Any], key: str, spot: Spot) -> Mapping[str, Any]:
    """Return the table under a key; an empty one when there is none."""
    found = data.get(key, {})
    if not isinstance(found, Mapping):
        raise ConfigError(f"{spot / key} is not a table")
    return found


def known_keys(data: Mapping[str, Any], known: Collection[str], spot: Spot) -> None:
    """Refuse unknown keys, with the known ones and the nearest of them."""
    for key in data:
        if key not in known:
            raise ConfigError(
                f"{spot / key} is not a key that we know; known are {', '.join(known)}"
                f"{nearest(key, known)}"
            )


def need_few(entries: Collection[Any], spot: Spot) -> None:
    """Refuse more than `ENTRIES`."""
    if len(entries) > ENTRIES:
        raise ConfigError(f"{spot} has {len(entries):,} entries; the limit is {ENTRIES}")


def need_name(name: str, spot: Spot, what: str) -> None:
    """Refuse a name, of `what` with its article, that could be a target's or cannot be read."""
    if "/" in name:
        raise ConfigError(f"{spot}: {what}'s name has no '/'")
    if not name or not name.isprintable() or name != name.strip():
        raise ConfigError(f"{spot}: {what}'s name is printable text without blanks at its ends")


def nearest(word: str, among: Iterable[str]) -> str:
    """Return a half-sentence with the most similar word; empty when none is similar."""
    if len(word) > _LONGEST_COMPARED:
        return ""
    among = (one for one in among if len(one) <= _LONGEST_COMPARED)
    import difflib  # noqa: PLC0415 - only for this error

    close = difflib.get_close_matches(word, list(among), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _limited(kind: Any, made: Any, spot: Spot) -> Any:
    if kind not in LIMITS:
        return made
    if not 0 <= made < math.inf:
        raise ValueError("below 0, or no number")
    problem = None
    if made > LIMITS[kind]:
        problem = f"is above the limit of {LIMITS[kind]:,}"
    elif kind is Decimal and abs(made.as_tuple().exponent) > PLACES:
        problem = f"has more than {PLACES} digits after its decimal point, which is the limit"
    if problem:
        raise ConfigError(f"{spot} {problem}; give {words(kind)}")
    return made


def _choice(kind: Any, given: Any, spot: Spot, *, quiet: bool) -> Any:
    choices = get_args(kind)
    if any(type(given) is type(one) and given == one for one in choices):
        return given
    literal = type(given) is str and not quiet and len(given) <= _LONGEST_COMPARED
    said = repr(given) if literal else shown(given)
    near = "" if quiet else nearest(str(given), [str(one) for one in choices])
    raise ConfigError(f"{spot} is {said}; give {words(kind)}{near}")


def shown(given: Any) -> str:
    """Return what TOML says, in words; text not literally, because it may hold a key."""
    if isinstance(given, int) and given.bit_length() > 64:
        return "a whole number of more than 64 bits"
    if isinstance(given, int | float):
        return str(given).lower()
    return _KINDS[type(given)] if given != "" else "empty text"


def _made(spot: Spot, make: Callable[..., Any], /, *given: Any, **fields: Any) -> Any:
    """Call what may refuse its values in its own words."""
    try:
        return make(*given, **fields)
    except ConfigError as error:
        raise ConfigError(f"{spot}: {error.message}") from None
    except _REFUSALS:
        raise ConfigError(f"{spot} has a value that cannot be used") from None
