"""JSON in and out of our own records: one cattrs converter, exact about types.

By default cattrs turns ``None`` into ``"None"`` and ``"7"`` into ``7``, which a journal must not.

A purchase reads and writes a handful of records, for which the import of cattrs and the code that
it generates take longer than all the rest. `_maker` makes those of data that fit to the letter;
cattrs decides on all other data, and says what does not fit where.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import json
import types
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs

from motionkit.errors import InvalidRequest

if TYPE_CHECKING:
    import cattrs

T = TypeVar("T")


class UnfitError(TypeError):
    """A value of another type; the message is the one that is expected."""


def _exact(words: str, *kinds: type) -> Any:
    def hook(value: Any, kind: Any) -> Any:
        if type(value) not in kinds:
            raise UnfitError(words)
        return kind(value)

    return hook


def _decimal(value: Any, _: type) -> Decimal:
    try:
        found = Decimal(value if type(value) is str else "NaN")
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise UnfitError("a decimal number as text")
    return found


def _moment(value: Any, _: type) -> dt.datetime:
    found = dt.datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise UnfitError("a time with its zone")
    return found


def _day(value: Any, _: type) -> dt.date:
    """Accept TOML's own dates as well as ISO text."""
    return value if type(value) is dt.date else dt.date.fromisoformat(value)


_SCALARS: Mapping[Any, Callable[[Any, Any], Any]] = {
    str: _exact("text", str),
    int: _exact("a whole number", int),
    bool: _exact("true or false", bool),
    float: _exact("a number", int, float),
    Decimal: _decimal,
    dt.datetime: _moment,
    dt.date: _day,
}
_objects = _exact("an object", dict)
_lists = _exact("a list", list)


@cache
def converter() -> cattrs.Converter:
    """Return the converter of motionkit's own records. Vendors' wire records have their own."""
    import cattrs  # noqa: PLC0415 - who reads no record does not need it

    made = cattrs.Converter(forbid_extra_keys=True)
    for kind, hook in _SCALARS.items():
        made.register_structure_hook(kind, hook)
    made.register_unstructure_hook(Decimal, str)
    made.register_unstructure_hook(dt.datetime, dt.datetime.isoformat)
    made.register_unstructure_hook(dt.date, dt.date.isoformat)
    made.register_structure_hook_func(  # cattrs would not check what may hold anything
        lambda kind: kind == Mapping[str, Any], lambda value, _: _objects(value, dict)
    )
    return made


_UNFIT = (TypeError, ValueError, ArithmeticError, LookupError, NameError)
"""What `_maker` and its results raise for what they do not take, and records for their values."""


@cache
def _maker(kind: Any) -> Callable[[Any], Any]:
    """Return what makes a value of a type, as `converter` does, of data that fit to the letter.

    Raises:
        TypeError, NameError: Only cattrs knows the type.
    """
    if kind in _SCALARS:
        scalar = _SCALARS[kind]
        return lambda data: scalar(data, kind)
    if kind is Any:
        return lambda data: data
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return lambda data: kind(_SCALARS[str](data, str))
    return _record_maker(kind) if attrs.has(kind) else _generic_maker(kind)


def _generic_maker(kind: Any) -> Callable[[Any], Any]:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        known = {(type(one), one): one for one in inner}
        return lambda data: known[type(data), data]
    if origin in {Union, types.UnionType} and len(inner) == 2 and inner[1] is types.NoneType:
        one = _maker(inner[0])
        return lambda data: None if data is None else one(data)
    if origin is Mapping and inner[0] is str:
        of = _maker(inner[1])
        return lambda data: {
            _SCALARS[str](name, str): of(value) for name, value in _objects(data, dict).items()
        }
    if origin is Sequence or (origin is tuple and inner[1:] == (...,)):
        every = _maker(inner[0])
        return lambda data: tuple(map(every, _lists(data, list)))
    if origin is tuple:
        return _row_maker(tuple(map(_maker, inner)))
    raise TypeError(f"{kind} is left to cattrs")


def _row_maker(each: tuple[Callable[[Any], Any], ...]) -> Callable[[Any], Any]:
    return lambda data: tuple(
        make(value) for make, value in zip(each, _lists(data, list), strict=True)
    )


def _record_maker(kind: type[Any]) -> Callable[[Any], Any]:
    hints = get_type_hints(kind)
    makers = {field.name: _maker(hints[field.name]) for field in attrs.fields(kind) if field.init}
    aliases = {field.name: field.alias or field.name for field in attrs.fields(kind)}

    def made(data: Any) -> Any:
        given = _objects(data, dict)
        return kind(**{aliases[name]: makers[name](value) for name, value in given.items()})

    return made


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dt.date):  # a datetime is one too
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


def _part(value: Any) -> Any:
    """Return what a part of a record is in JSON, as `converter` has it."""
    if attrs.has(type(value)):
        return _fields(value)
    if isinstance(value, enum.Enum):
        return value.value
    return dict(value) if isinstance(value, Mapping) else _plain(value)


def _fields(record: Any) -> dict[str, Any]:
    kind: Any = type(record)
    return {one.name: getattr(record, one.name) for one in attrs.fields(kind) if one.init}


_encoder = partial(json.JSONEncoder, sort_keys=True, separators=(",", ":"))
_dumps_whole = _encoder(default=_part).encode
dumps = _encoder(default=_plain).encode
"""Return compact, key-sorted JSON; Decimals and dates become text."""


def unstructure(record: Any) -> Any:
    """Return a record, or a collection with records, as plain JSON-able data."""
    return json.loads(json.dumps(record, default=_part))  # keeps the order of fields


def structure(data: Any, kind: type[T], *, by: cattrs.Converter | None = None) -> T:
    """Return the record that the data describes; with a converter that knows more types.

    Raises:
        InvalidRequest: Naming the path of what does not fit.
    """
    if by is None:
        with contextlib.suppress(*_UNFIT):
            wanted: Any = kind  # mypy: an unbound type is not hashable
            made: T = _maker(wanted)(data)
            return made
    import cattrs  # noqa: PLC0415 - see `converter`

    name = f"not a {kind.__name__}: " if attrs.has(kind) else ""
    if name and not isinstance(data, Mapping):
        raise InvalidRequest(f"{name}expected an object @ $", field=kind.__name__)
    try:
        return (by or converter()).structure(data, kind)
    except (cattrs.BaseValidationError, cattrs.StructureHandlerNotFoundError) as error:
        problems = "; ".join(cattrs.transform_error(error, format_exception=_said))
        raise InvalidRequest(f"{name}{problems}", field=kind.__name__) from error


def _said(error: BaseException, kind: Any) -> str:
    """Return the fault of a value in words, without the value."""
    import cattrs  # noqa: PLC0415 - see `converter`

    if isinstance(error, UnfitError):
        return f"expected {error}"
    if isinstance(error, InvalidRequest):
        return error.message
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        return f"unknown fields ({', '.join(sorted(error.extra_fields))})"
    if isinstance(error, KeyError):
        return "required field missing"
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return f"expected one of {', '.join(str(one.value) for one in kind)}"
    return "invalid value"


def pack(record: Any, **more: Any) -> str:
    """Return a record, and what else its object shall hold, as compact, key-sorted JSON."""
    return _dumps_whole({**_fields(record), **more})


def loads(text: str, kind: type[T], *, name: str, version: int) -> T:
    """Read a versioned record from JSON.

    Args:
        text: What a ``to_json`` wrote.
        kind: The record's class.
        name: What to call it in errors.
        version: The newest version that this program reads.

    Raises:
        InvalidRequest: Not JSON, not such a record, or written by a newer version.
    """
    return structure(versioned(text, name=name, version=version), kind)


def versioned(text: str, *, name: str, version: int) -> dict[str, Any]:
    """Return the object of a versioned record, without its version; see `loads`."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the {name} is not JSON", field=name) from error
    if not isinstance(data, dict):
        raise InvalidRequest(f"the {name} is not a JSON object", field=name)
    found = data.pop("version", None)
    if type(found) is not int or not 1 <= found <= version:
        shown = f"version {found}" if type(found) is int else "no valid field 'version'"
        known = "1" if version == 1 else f"1 to {version}"
        raise InvalidRequest(
            f"the {name} has {shown}; this motionkit reads version {known}",
            field="version",
            value=str(found),
            limit=f"1 to {version}",
        )
    return data
