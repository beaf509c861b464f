"""JSON in and out of our own records: one cattrs converter, exact about types.

By default cattrs turns ``None`` into ``"None"`` and ``"7"`` into ``7``, which a journal must not.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

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


@cache
def converter() -> cattrs.Converter:
    """Return the converter of motionkit's own records. Vendors' wire records have their own."""
    import cattrs  # noqa: PLC0415 - who reads no record does not need it

    made = cattrs.Converter(forbid_extra_keys=True)
    made.register_structure_hook(str, _exact("text", str))
    made.register_structure_hook(int, _exact("a whole number", int))
    made.register_structure_hook(bool, _exact("true or false", bool))
    made.register_structure_hook(float, _exact("a number", int, float))
    for kind, hook, plain in (
        (Decimal, _decimal, str),
        (dt.datetime, _moment, dt.datetime.isoformat),
        (dt.date, _day, dt.date.isoformat),
    ):
        made.register_structure_hook(kind, hook)
        made.register_unstructure_hook(kind, plain)
    objects = _exact("an object", dict)
    made.register_structure_hook_func(  # cattrs would not check what may hold anything
        lambda kind: kind == Mapping[str, Any], lambda value, _: objects(value, dict)
    )
    return made


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dt.date):  # a datetime is one too
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


def unstructure(record: Any) -> Any:
    """Return a record as plain JSON-able data."""
    return None if record is None else converter().unstructure(record)


dumps = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain).encode
"""Return compact, key-sorted JSON; Decimals and dates become text."""


def structure(data: Any, kind: type[T], *, by: cattrs.Converter | None = None) -> T:
    """Return the record that the data describes; with a converter that knows more types.

    Raises:
        InvalidRequest: Naming the path of what does not fit.
    """
    import cattrs  # noqa: PLC0415 - see `converter`

    name = f"not a {kind.__name__}: " if attrs.has(kind) else ""
    if name and not isinstance(data, Mapping):
        raise InvalidRequest(f"{name}expected an object @ $", field=kind.__name__)
    try:
        return (by or converter()).structure(data, kind)
    except cattrs.BaseValidationError as error:
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
    return dumps({**converter().unstructure(record), **more})


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
