"""Validate a body: in the gateway before the run, or in the run itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from motionkit_segmind.sandbox.gate import Refusal
from motionkit_segmind.sandbox.models import Kind, Model

_ABSENT: tuple[object, ...] = (None, "", [])
_IS: Mapping[Kind, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "list of strings": lambda value: (
        isinstance(value, list) and all(isinstance(part, str) for part in value)
    ),
    "list of objects": lambda value: (
        isinstance(value, list) and all(isinstance(part, dict) for part in value)
    ),
}


def check(model: Model, fields: Mapping[str, Any]) -> None:
    """Validate as the gateway does before the model runs.

    Raises:
        Refusal: A required parameter is missing (400); an unknown name or value (406).
    """
    for name, parameter in model.parameters.items():
        if parameter.required and fields.get(name) in _ABSENT:
            raise Refusal(400, f"{name} is a required field")
    for name, value in fields.items():
        if name not in model.parameters:
            raise Refusal(406, f"Invalid parameter: {name}")
        choices = model.parameters[name].choices
        if choices and value is not None and value not in choices:
            known = ", ".join(str(choice) for choice in choices)
            raise Refusal(406, f"Invalid value for {name}: must be one of {known}")


def noticed(model: Model, fields: Mapping[str, Any]) -> str:
    """Return the error that only the run reports, or an empty text."""
    for name, value in fields.items():
        problem = "" if value is None else _problem(model, name, value)
        if problem:
            return problem
    for group in model.needs:
        if all(fields.get(name) in _ABSENT for name in group):
            kind = model.parameters[group[0]].kind
            return f"{' or '.join(group)} is Mandatory and must be {kind}"
    for name, value in model.five_seconds.items():
        if fields.get(name) == value and model.value(fields, "duration") != 5:
            return f"{name} {value} is only available with duration 5"
    return f"{model.quality} is not valid" if model.lines(fields) is None else ""


def _problem(model: Model, name: str, value: Any) -> str:
    """Return what the run says of one value, or an empty text."""
    row = model.parameters[name]
    if not _IS[row.kind](value):
        return f"{name} must be {row.kind}"
    if row.span and not row.span[0] <= value <= row.span[1]:
        return f"{name} must be between {row.span[0]} and {row.span[1]}"
    if row.most is not None and len(value) > row.most:
        return f"{name} must have at most {row.most} items"
    return ""
