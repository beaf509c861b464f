"""Make records of what TOML says, exact about keys and types.

TOML has types, so nothing is converted silently: ``"60"`` is no number, and an amount of money is
text, because a TOML fraction is a binary one. Every error names the place and what to write there.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import math
import operator
import types
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs
import cattrs

from motionkit._support.redaction import Secret
from motionkit.config.files import Spot
from motionkit.errors import ConfigError

Record = TypeVar("Record")

_REFUSALS = (TypeError, ValueError, ArithmeticError, LookupError)
"""What a converter or a validator raises for a value that it does not take."""

_WORDS: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number, 0 or more",
    float: "a number, 0 or more",
    str: "text in quotes",
    Decimal: 'an amount as text in quotes, such as "2.50"',
}


LIMITS: Mapping[Any, int] = {int: 1_000_000, float: 100_000_000, Decimal: 1_000_000}
"""The largest number of each type; of seconds, that is three years."""
PLACES = 12
"""Digits after an amount's decimal point."""
ENTRIES = 100
"""Accounts, routes, and entries of a list: each is looked up among what is installed."""
_LONGEST_COMPARED = 80
"""Characters of a word for which a similar one is looked for; it takes quadratic time."""


def words(hint: Any) -> str:
    """Return what to write for a type, as the user would say it."""
    if get_origin(hint) is Literal:
        return f"one of {', '.join(repr(one) for one in get_args(hint))}"
    if is_union(hint):
        return " or ".join(words(one) for one in get_args(hint))
    if is_list(hint):
        return f"a list of which each is {words(get_args(hint)[0])}"
    if is_table(hint):
        return f"a table of which each value is {words(get_args(hint)[1])}"
    return _WORDS.get(bare(hint), _WORDS[str])


def bare(hint: Any) -> Any:
    """Return a type without its ``| None``: leaving a key out is how TOML says None."""
    if is_union(hint):
        rest = [one for one in get_args(hint) if one is not type(None)]
        return functools.reduce(operator.or_, rest)
    return hint


def is_union(hint: Any) -> bool:
    """Tell whether a type, made `bare`, is still a choice of several."""
    return get_origin(hint) in {Union, types.UnionType}


def is_list(hint: Any) -> bool:
    """Tell whether a type is ``tuple[X, ...]``, which TOML writes as a list."""
    return get_origin(hint) is tuple


def is_table(hint: Any) -> bool:
    """Tell whether a type is ``Mapping[K, V]``, which TOML writes as a table."""
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
    """Make a record.

    Args:
        kind: An attrs class.
        data: What TOML says, by the class's field names.
        spot: Where it stands.
        also: Keys that may stand there too and are read elsewhere.
        given: Values that are ready; they go before the data.
        quiet: Fields whose values an error must not show.

    Raises:
        ConfigError: Naming the place, what is wrong and what to write; all problems at once.
    """
    given = given or {}
    fields = {field.name: field for field in attrs.fields(kind) if field.init}  # type: ignore[arg-type]  # the caller gives an attrs class
    known_keys(data, [*also, *(name for name in fields if name not in given)], spot)
    hints = get_type_hints(kind)
    values, problems = dict(given), []
    for name in (name for name in data if name in fields and name not in given):
        try:
            made = value(hints[name], data[name], spot / name, quiet=name in quiet)
            values[name] = _converted(fields[name], made, spot / name)
        except ConfigError as error:
            problems.append(error.message)
    missing = [
        name
        for name, field in fields.items()
        if name not in values and name not in data and field.default is attrs.NOTHING
    ]
    problems += [f"{spot / name} is missing; give {words(bare(hints[name]))}" for name in missing]
    if problems:
        raise ConfigError("; ".join(problems))
    try:
        return kind(**values)
    except ConfigError as error:
        raise ConfigError(f"{spot}: {error.message}") from None
    except _REFUSALS as error:
        told = error.args[0] if error.args else "has a value that cannot be used"
        raise ConfigError(f"{spot}: {told}") from None


def value(hint: Any, given: Any, spot: Spot, *, quiet: bool = False) -> Any:
    """Make one value of a type.

    Args:
        hint: The type.
        given: What TOML says.
        spot: Where it stands.
        quiet: Whether an error must not show the value.

    Raises:
        ConfigError: Naming the place and what to write there.
    """
    kind = bare(hint)
    if get_origin(kind) is Literal:
        return _choice(get_args(kind), given, spot, quiet=quiet)
    if is_union(kind) or is_list(kind) or is_table(kind):
        return _composed(kind, given, spot, quiet=quiet)
    if kind in _WORDS:
        return _plain(kind, given, spot)
    if kind is Secret:
        return Secret(_plain(str, given, spot))
    if isinstance(kind, type) and issubclass(kind, str):
        return _plain(str, given, spot)
    try:  # a type of a provider's own
        return cattrs.structure(given, kind)
    except (cattrs.BaseValidationError, cattrs.StructureHandlerNotFoundError, *_REFUSALS):
        raise ConfigError(f"{spot} has a value that cannot be used") from None


def table(data: Mapping[str, Any], key: str, spot: Spot) -> Mapping[str, Any]:
    """Return the table under a key; an empty one when there is none.

    Raises:
        ConfigError: It is no table.
    """
    found = data.get(key, {})
    if not isinstance(found, Mapping):
        raise ConfigError(f"{spot / key} is not a table")
    return found


def known_keys(data: Mapping[str, Any], known: Iterable[str], spot: Spot) -> None:
    """Refuse keys that nobody reads.

    Raises:
        ConfigError: Naming the first such key, the known ones and the nearest of them.
    """
    known = list(known)
    for key in data:
        if key not in known:
            raise ConfigError(
                f"{spot / key} is not a key that we know; known are {', '.join(known)}"
                f"{nearest(key, known)}"
            )


def need_few(entries: Collection[Any], spot: Spot) -> None:
    """Refuse more entries than are read.

    Raises:
        ConfigError: Naming place and limit.
    """
    if len(entries) > ENTRIES:
        raise ConfigError(f"{spot} has {len(entries):,} entries; the limit is {ENTRIES}")


def need_name(name: str, spot: Spot, what: str) -> None:
    """Refuse a name that could not be told from a target, or not be read.

    Args:
        name: Of an account or a route.
        spot: Where it stands.
        what: What it names, with its article.

    Raises:
        ConfigError: It has a slash, blanks at its ends or unprintable characters, or is empty.
    """
    if "/" in name:
        raise ConfigError(f"{spot}: {what}'s name has no '/'")
    if not name or not name.isprintable() or name != name.strip():
        raise ConfigError(f"{spot}: {what}'s name is printable text without blanks at its ends")


def nearest(word: str, among: Iterable[str]) -> str:
    """Return a half-sentence with the nearest of some words; empty when none is near."""
    if len(word) > _LONGEST_COMPARED:
        return ""
    among = (one for one in among if len(one) <= _LONGEST_COMPARED)
    close = difflib.get_close_matches(word, list(among), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _composed(kind: Any, given: Any, spot: Spot, *, quiet: bool) -> Any:
    if is_union(kind):
        for one in get_args(kind):
            with contextlib.suppress(ConfigError):
                return value(one, given, spot, quiet=quiet)
        raise _wrong(spot, given, kind)
    if is_list(kind):
        if type(given) is not list:
            raise _wrong(spot, given, kind)
        need_few(given, spot)
        item = get_args(kind)[0]
        *lead, last = spot.path
        places = (attrs.evolve(spot, path=(*lead, f"{last}[{n}]")) for n in range(len(given)))
        return tuple(value(item, one, place) for one, place in zip(given, places, strict=True))
    if not isinstance(given, Mapping):
        raise _wrong(spot, given, kind)
    names, content = get_args(kind)
    if get_origin(names) is Literal:
        known_keys(given, get_args(names), spot)
    return {name: value(content, one, spot / name) for name, one in given.items()}


def _plain(kind: type[Any], given: Any, spot: Spot) -> Any:
    if kind is Decimal:
        return _amount(given, spot)
    if type(given) is not kind and not (kind is float and type(given) is int):
        raise _wrong(spot, given, kind)
    try:
        made = kind(given)
    except OverflowError:  # a whole number beyond every float
        raise _wrong(spot, given, kind) from None
    if kind in {int, float}:
        if not 0 <= made < math.inf:
            raise _wrong(spot, given, kind)
        _need_within(made, given, kind, spot)
    return made


def _need_within(made: Any, given: Any, kind: type[Any], spot: Spot) -> None:
    if made > LIMITS[kind]:
        raise ConfigError(
            f"{spot} is {_shown(given)}, above the limit of {LIMITS[kind]:,}; give {words(kind)}"
        )


def _amount(given: Any, spot: Spot) -> Decimal:
    if type(given) is not str:
        raise _wrong(spot, given, Decimal)
    try:
        amount = Decimal(given)
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite() or amount < 0:
        raise ConfigError(f"{spot} is not an amount; give {_WORDS[Decimal]}")
    if amount > LIMITS[Decimal]:
        raise ConfigError(
            f"{spot} is above the limit of {LIMITS[Decimal]:,}; give {_WORDS[Decimal]}"
        )
    exponent = amount.as_tuple().exponent
    if not (isinstance(exponent, int) and abs(exponent) <= PLACES):
        raise ConfigError(
            f"{spot} has more than {PLACES} digits after its decimal point, which is the limit; "
            f"give {_WORDS[Decimal]}"
        )
    return amount


def _choice(choices: tuple[Any, ...], given: Any, spot: Spot, *, quiet: bool) -> Any:
    if any(type(given) is type(one) and given == one for one in choices):
        return given
    literal = type(given) is str and not quiet and len(given) <= _LONGEST_COMPARED
    shown = repr(given) if literal else _shown(given)
    near = "" if quiet else nearest(str(given), [str(one) for one in choices])
    listed = ", ".join(repr(one) for one in choices)
    raise ConfigError(f"{spot} is {shown}; give one of {listed}{near}")


def _wrong(spot: Spot, given: Any, kind: Any) -> ConfigError:
    return ConfigError(f"{spot} is {_shown(given)}; give {words(kind)}")


def _shown(given: Any) -> str:
    """Say what was given; text not literally, for somebody may have put a key there."""
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, int) and given.bit_length() > 64:
        return "a whole number of more than 64 bits"
    if isinstance(given, int | float):
        return str(given)
    if isinstance(given, Mapping):
        return "a table"
    kinds: Mapping[type, str] = {str: "text", list: "a list"}
    return kinds.get(type(given), f"a {type(given).__name__}")


def _converted(field: attrs.Attribute[Any], made: Any, spot: Spot) -> Any:
    """Try what a record's own converter does, because its errors do not name the field."""
    if not callable(field.converter):
        return made
    try:
        return field.converter(made)
    except ConfigError as error:
        raise ConfigError(f"{spot}: {error.message}") from None
    except _REFUSALS:
        raise ConfigError(f"{spot} has a value that cannot be used") from None
