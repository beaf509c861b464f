"""Check a body field by field, and name what is wrong in the words of Zod's issues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs

Path: TypeAlias = tuple[str | int, ...]


@attrs.frozen
class Reference:
    """A media file that a body names: where in it, of which kind, by which URI."""

    path: Path
    kind: str
    uri: str


@attrs.define
class Findings:
    """What a check of one body found."""

    issues: list[dict[str, Any]] = attrs.field(factory=list)
    media: list[Reference] = attrs.field(factory=list)

    def issue(self, path: Path, code: str, message: str, **more: Any) -> None:
        """Add one error."""
        self.issues.append({"code": code, "path": list(path), "message": message, **more})


Check: TypeAlias = Callable[[Findings, Any, Path], None]


@attrs.frozen
class Field:
    """One field of an object: its check, whether it is required, the value if it is left out."""

    check: Check
    required: bool = False
    default: Any = None


def must(check: Check) -> Field:
    """Return a required field."""
    return Field(check, required=True)


def may(check: Check, default: Any = None) -> Field:
    """Return an optional field."""
    return Field(check, default=default)


def text(most: int | None = None) -> Check:
    """Return a check of a text that is not empty; its length counts UTF-16 units."""

    def check(findings: Findings, value: Any, path: Path) -> None:
        if not isinstance(value, str):
            _wrong_type(findings, path, "string", value)
        elif not value:
            findings.issue(path, "too_small", "String must contain at least 1 character(s)")
        elif most is not None and len(value.encode("utf-16-le", "surrogatepass")) > 2 * most:
            findings.issue(path, "too_big", f"String must contain at most {most} character(s)")

    return check


def choice(*values: Any) -> Check:
    """Return a check of a value among some."""

    def check(findings: Findings, value: Any, path: Path) -> None:
        if not any(type(value) is type(one) and value == one for one in values):
            listed = " | ".join(repr(one) for one in values)
            more = {"options": list(values), "received": value}
            findings.issue(path, "invalid_enum_value", f"Expected {listed}", **more)

    return check


def number(low: float, high: float, *, whole: bool = False) -> Check:
    """Return a check of a number's bounds, both of them allowed."""

    def check(findings: Findings, value: Any, path: Path) -> None:
        known = isinstance(value, int | float) and not isinstance(value, bool)
        if not known or (whole and value != int(value)):
            _wrong_type(findings, path, "integer" if whole else "number", value)
        elif value < low:
            findings.issue(path, "too_small", f"Number must be at least {low:g}", minimum=low)
        elif value > high:
            findings.issue(path, "too_big", f"Number must be at most {high:g}", maximum=high)

    return check


def whole(low: int, high: int) -> Check:
    """Return a check of an integer's bounds, both of them allowed."""
    return number(low, high, whole=True)


def flag(findings: Findings, value: Any, path: Path) -> None:
    """Check a boolean."""
    if not isinstance(value, bool):
        _wrong_type(findings, path, "boolean", value)


def media(kind: str) -> Check:
    """Return a check of a URI of media; what it leads to is looked at later."""

    def check(findings: Findings, value: Any, path: Path) -> None:
        if not isinstance(value, str):
            _wrong_type(findings, path, "string", value)
        else:
            findings.media.append(Reference(path, kind, value))

    return check


def array(of: Check, most: int) -> Check:
    """Return a check of a list with at most `most` entries."""

    def check(findings: Findings, value: Any, path: Path) -> None:
        if not isinstance(value, list):
            _wrong_type(findings, path, "array", value)
            return
        if len(value) > most:
            findings.issue(path, "too_big", f"Array must contain at most {most} element(s)")
        for at, one in enumerate(value):
            of(findings, one, (*path, at))

    return check


def either(*checks: Check) -> Check:
    """Return a check that one of several has to pass; if none does, the last one's errors count."""

    def check(findings: Findings, value: Any, path: Path) -> None:
        for one in checks:
            tried = Findings()
            one(tried, value, path)
            if not tried.issues:
                break
        findings.issues += tried.issues
        findings.media += tried.media

    return check


def record(fields: Mapping[str, Field], *, lax: bool = False) -> Check:
    """Return a check of an object; unknown keys are errors unless it is lax."""

    def check(findings: Findings, value: Any, path: Path) -> None:
        if not isinstance(value, dict):
            _wrong_type(findings, path, "object", value)
            return
        for name, field in fields.items():
            if name in value:
                field.check(findings, value[name], (*path, name))
            elif field.required:
                findings.issue((*path, name), "invalid_type", "Required", received="undefined")
        unknown = sorted(set(value) - set(fields))
        if unknown and not lax:
            listed = ", ".join(repr(name) for name in unknown)
            text = f"Unrecognized key(s) in object: {listed}"
            findings.issue(path, "unrecognized_keys", text, keys=unknown)

    return check


def tagged(key: str, kinds: Mapping[str, Mapping[str, Field]]) -> Check:
    """Return a check of an object whose fields depend on the value of one of them."""
    checks = {name: record({key: must(choice(name)), **rest}) for name, rest in kinds.items()}

    def check(findings: Findings, value: Any, path: Path) -> None:
        if not isinstance(value, dict):
            _wrong_type(findings, path, "object", value)
        elif isinstance(kind := value.get(key), str) and kind in checks:
            checks[kind](findings, value, path)
        else:
            listed = " | ".join(repr(name) for name in kinds)
            text = f"Invalid discriminator value. Expected {listed}"
            findings.issue((*path, key), "invalid_union_discriminator", text, options=list(kinds))

    return check


def _wrong_type(findings: Findings, path: Path, expected: str, value: Any) -> None:
    received = "null" if value is None else type(value).__name__
    text = f"Expected {expected}, received {received}"
    findings.issue(path, "invalid_type", text, expected=expected, received=received)
