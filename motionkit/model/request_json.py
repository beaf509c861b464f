"""Requests as JSON: one line that another process can submit, strict when it is read.

Media are references and stay so: nothing is opened here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_origin, get_type_hints

import attrs

from motionkit.errors import InvalidRequest
from motionkit.model import codec
from motionkit.model.job import Job
from motionkit.model.media import Data, File, Generated, Ref, Remote, Uploaded

REQUEST_VERSION = 1
"""The version that `pack` writes; older ones are read, newer ones refused."""
R = TypeVar("R")

_FORMS = "an object with path, url, upload, generated or job"


def pack(request: Any) -> str:
    """Return a request as one line of JSON.

    Raises:
        InvalidRequest: It holds bytes, or a value that JSON cannot hold.
    """
    fields: dict[str, Any] = {}
    media = type(request).media_kinds()
    for field in attrs.fields(type(request)):
        value = getattr(request, field.name)
        default = field.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class, whatever its stub says
            default = default.factory()
        if value == default:
            continue
        if field.name in media:
            several = isinstance(value, tuple)
            found = [_form(one, field.name) for one in (value if several else (value,))]
            value = found if several else found[0]
        fields[field.name] = value
    fields |= {"version": REQUEST_VERSION, "operation": request.operation}
    try:
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(
            f"the request holds a value that is not JSON: {error}",
            field="extra",
            limit="text, numbers, true, false, null, lists and objects",
        ) from error


def _form(value: Ref, name: str) -> Mapping[str, Any]:
    if isinstance(value, Data):
        raise InvalidRequest(
            f"{name} is bytes in memory, which a request's JSON does not hold",
            field=name,
            value=value.label,
            limit="a path, a URL, or what the vendor has",
            hint="save them to a file, and give its path",
        )
    if isinstance(value, File):
        # Whoever reads it may have another working directory.
        return {"path": os.path.abspath(value.path)}  # noqa: PTH100 - no link is followed
    if isinstance(value, Remote):
        return {"url": str(value.url)}
    if isinstance(value, Uploaded):
        return {"upload": value.id}
    made = value.job
    return {"generated": made} if isinstance(made, str) else {"job": json.loads(made.to_json())}


def read(text: str, kind: type[R], kinds: Mapping[str, type[Any]]) -> R:
    """Read a request that `pack` wrote.

    Args:
        text: The JSON.
        kind: The class that it must be of.
        kinds: The classes by operation.

    Raises:
        InvalidRequest: It is no such request, or a newer version wrote it.
    """
    data = codec.versioned(text, name="request", version=REQUEST_VERSION)
    operation = data.pop("operation", None)
    found = kinds.get(operation) if isinstance(operation, str) else None
    if found is None:
        raise InvalidRequest(
            "the request has no operation that is installed here",
            field="operation",
            value=str(operation),
            limit=", ".join(sorted(kinds)),
        )
    if not issubclass(found, kind):
        raise InvalidRequest(
            f"the request is {operation}, not {getattr(kind, 'operation', 'of that kind')}",
            field="operation",
            value=operation,
        )
    for name, hint in get_type_hints(found).items():
        if get_origin(hint) is tuple and not isinstance(data.get(name, []), list):
            raise InvalidRequest(f"{operation}: expected a list @ $.{name}", field=name)
    return codec.structure(data, found, by=_CONVERTER)


def _reference(value: Any, _: Any) -> Ref:
    """Return the reference that an object means."""
    alone = isinstance(value, dict) and len(value) == 1
    name, said = next(iter(value.items())) if alone else ("", None)
    if name == "job" and isinstance(said, dict):
        return Generated(Job.from_json(json.dumps(said)))
    make = _MAKE.get(name)
    if make is None or not isinstance(said, str) or not said:
        raise codec.UnfitError(_FORMS)
    return make(said)


def _number(value: Any, _: Any) -> Any:
    """Return a number as it is: 2 as 2.0 would be another request's fingerprint."""
    if type(value) not in {int, float}:
        raise codec.UnfitError("a number")
    return value


_MAKE: Mapping[str, Callable[[str], Ref]] = {
    "path": lambda text: File(Path(text)),
    "url": Remote,
    "upload": Uploaded,
    "generated": Generated,
}
_CONVERTER = codec.converter().copy()
_CONVERTER.register_structure_hook_func(lambda kind: kind == Ref, _reference)
_CONVERTER.register_structure_hook_func(
    lambda kind: kind == Ref | None,
    lambda value, kind: None if value is None else _reference(value, kind),
)
_CONVERTER.register_structure_hook(float, _number)
