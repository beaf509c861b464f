"""Every public value of motionkit, made with planted markup, signed addresses and a key."""

from __future__ import annotations

import datetime as dt
import enum
import inspect
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

import motionkit as mk
from motionkit import batch, purchase
from motionkit.batch.plan import TargetPlan
from motionkit.batch.tables import BatchRecord
from motionkit.provider import Offer

EVIL = "<script>alert(1)"  # without a slash, so that it is a file's name too
SIGNED = "https://h.example/a.mp4?sig=SIGNATURE"
KEY = "planted-key-0123456789"
NOW = dt.datetime(2026, 11, 27, 20, 15, tzinfo=dt.UTC)

# What holds no text of its own, and why.
SERVICES = {
    *("Client", "AsyncClient", "Worker"),  # they do things
    *("Batch", "AsyncBatch"),  # test_batch_batch.py: they read a journal
    "Config",  # below: it is made from tables
    *("errors", "Event"),  # a module, and a union of classes that are here
    *("Listing", "Records"),  # below
    "Request",  # the base of those that are here
}
TEXTLESS = (mk.Amounts, mk.Cost)
"""Values of numbers and words alone."""
MORE = (
    *(batch.Progress, batch.ItemResult, TargetPlan, BatchRecord),
    *(batch.Plan, batch.SlotUse, purchase.Reconciled, Offer),
)
"""Values that methods of public classes return, and that have no public name."""


def public() -> Iterator[type]:
    for name in mk.__all__:
        if name in SERVICES:
            continue
        kind = getattr(mk, name)
        if not issubclass(kind, enum.Enum):  # `repr` names a word
            yield kind
    for name in dir(mk.errors):
        kind = getattr(mk.errors, name)
        if inspect.isclass(kind) and issubclass(kind, mk.MotionKitError):
            yield kind
    yield from MORE


def hints(kind: type) -> dict[str, Any]:
    """Return the types of a class's fields, by what its bases' modules know."""
    names: dict[str, Any] = {name: getattr(mk, name) for name in mk.__all__}
    names["Job"] = mk.Job
    return typing.get_type_hints(kind, localns=names)


def planted(hint: Any, name: str, depth: int = 0) -> Any:  # noqa: PLR0911 - a table of types
    """Return a value of a type, with markup, a signed address and a key in each text of it."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        some = [one for one in parts if one is not type(None)]
        known = [one for one in some if one is str or attrs.has(one)] or some
        return planted(known[0], name, depth)
    if origin is typing.Literal:
        return parts[0]
    if origin is tuple:
        return tuple(planted(one, name, depth + 1) for one in parts if one is not Ellipsis)
    if origin is Sequence:
        return (planted(parts[0], name, depth + 1),)
    if origin is not None and issubclass(origin, Mapping):
        if parts[1] is Any:
            return {"target": EVIL, "verdict": EVIL, "sentence": f"{EVIL} {KEY}", "at": SIGNED}
        if inspect.isclass(parts[0]) and issubclass(parts[0], enum.Enum):
            return {one: planted(parts[1], name, depth + 1) for one in parts[0]}
        return {planted(parts[0], name): planted(parts[1], name, depth + 1)}
    plain: dict[Any, Any] = {
        str: f"{EVIL} {name} {KEY} {SIGNED}",
        bool: True,
        int: 3,
        float: 2.5,
        bytes: EVIL.encode(),
        Decimal: Decimal("1.50"),
        dt.datetime: NOW,
        dt.date: NOW.date(),
        Path: Path(f"/{EVIL}"),
        Any: {"raw": f"{EVIL} {KEY}"},
    }
    if hint in plain:
        return plain[hint]
    if inspect.isclass(hint) and issubclass(hint, enum.Enum):
        return next(iter(hint))
    return make(hint, depth + 1)


def make(kind: type, depth: int = 0) -> Any:
    """Return an instance of a public class with planted texts."""
    if issubclass(kind, BaseException):
        error = kind(f"{EVIL} {KEY}", account=EVIL, code=EVIL, hint=f"{EVIL} {SIGNED}")
        error.decision = ({"target": EVIL, "sentence": EVIL},)
        return error
    kind = mk.Mimic if kind is mk.Request else kind
    known = hints(kind)
    given = {}
    for field in attrs.fields(kind):
        if not field.init:
            continue
        optional = field.default is not attrs.NOTHING
        if optional and (depth > 2 or field.name in {"start", "seconds", "extra"}):
            continue
        given[field.alias] = planted(known[field.name], field.name, depth)
    return kind(**given)
