"""JSON in and out of our own records: one configured cattrs converter.

Exact on purpose: cattrs by default turns ``None`` into ``"None"`` and ``"7"`` into ``7``, and a
ledger must not.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import attrs
import cattrs

from motionkit.errors import InvalidRequest

T = TypeVar("T")


def _exact(kind: type) -> Any:
    def hook(value: Any, _: type) -> Any:
        if type(value) is not kind:
            raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
        return value

    return hook


def _number(value: Any, _: type) -> float:
    if type(value) not in {int, float}:
        raise TypeError(f"expected a number, got {type(value).__name__}")
    return float(value)


def _decimal(value: Any, _: type) -> Decimal:
    if type(value) is not str:
        raise TypeError(f"expected a decimal as text, got {type(value).__name__}")
    try:
        found = Decimal(value)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise ValueError(f"not a decimal: {value!r}")
    return found


def _moment(value: Any, _: type) -> dt.datetime:
    found = dt.datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError(f"a time without its zone: {value!r}")
    return found


def _mapping(value: Any, _: type) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, got {type(value).__name__}")
    return dict(value)


def _day(value: Any, _: type) -> dt.date:
    """Accept TOML's own dates as well as ISO text."""
    return value if type(value) is dt.date else dt.date.fromisoformat(value)


def _make_converter() -> cattrs.Converter:
    made = cattrs.Converter(forbid_extra_keys=True)
    for kind in (str, int, bool):
        made.register_structure_hook(kind, _exact(kind))
    made.register_structure_hook(float, _number)
    made.register_structure_hook(Decimal, _decimal)
    made.register_unstructure_hook(Decimal, str)
    made.register_structure_hook(dt.datetime, _moment)
    made.register_unstructure_hook(dt.datetime, lambda moment: moment.isoformat())
    made.register_structure_hook(dt.date, _day)
    made.register_unstructure_hook(dt.date, lambda day: day.isoformat())
    made.register_structure_hook_func(
        # cattrs has no reason to touch what is declared as anything
        lambda kind: kind == Mapping[str, Any],
        _mapping,
    )
    return made


converter = _make_converter()
"""The converter of motionkit's own records. Vendors' wire records have their own."""


def unstructure(value: Any) -> Any:
    """Return a record as plain JSON-able data."""
    return converter.unstructure(value)


def structure(data: Any, kind: type[T]) -> T:
    """Return the record that the data describes.

    Raises:
        InvalidRequest: Naming the path of what does not fit.
    """
    if attrs.has(kind) and not isinstance(data, Mapping):
        raise InvalidRequest(
            f"not a {kind.__name__}: expected an object, got {type(data).__name__} @ $",
            field=kind.__name__,
        )
    try:
        return converter.structure(data, kind)
    except cattrs.BaseValidationError as error:
        raise InvalidRequest(
            f"not a {kind.__name__}: {'; '.join(cattrs.transform_error(error))}",
            field=kind.__name__,
        ) from error


def dumps(data: Any) -> str:
    """Return compact, key-sorted JSON; Decimals and dates become text."""
    return _ENCODER.encode(data)


def pack(record: Any) -> str:
    """Return a record as compact, key-sorted JSON."""
    return _ENCODER.encode(converter.unstructure(record))


def dumps_all(data: Iterable[Any]) -> list[str]:
    """Return `dumps` of each."""
    return [_ENCODER.encode(one) for one in data]


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
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the {name} is not JSON: {error}", field=name) from error
    if not isinstance(data, dict):
        raise InvalidRequest(f"the {name} is not a JSON object", field=name)
    found = data.pop("version", None)
    if type(found) is not int or not 1 <= found <= version:
        raise InvalidRequest(
            f"the {name} has version {found!r}; this motionkit reads 1 to {version}",
            field="version",
            value=str(found),
            limit=f"1 to {version}",
        )
    return structure(data, kind)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal | dt.datetime | dt.date):
        return str(value) if isinstance(value, Decimal) else value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain)

__all__ = ["converter", "dumps", "loads", "pack", "structure", "unstructure"]
