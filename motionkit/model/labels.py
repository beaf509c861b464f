"""Labels of a purchase: the user's own marks, for lists and sums; no vendor gets them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from motionkit._support.redaction import redact
from motionkit._support.text import is_text
from motionkit.errors import InvalidRequest

MOST, LONGEST = 16, 256
"""Labels of a purchase, and characters of a value, at most."""
_NAME = r"[A-Za-z0-9_.-]{1,64}"
_NAME_LIMIT = "1 to 64 letters, digits, '_', '.' or '-'"
_VALUE_LIMIT = f"at most {LONGEST} printable characters"


def check_labels(value: Mapping[str, str]) -> dict[str, str]:
    """Return labels in the order of their names, secrets in their values masked.

    Raises:
        InvalidRequest: A name or value is not allowed, or there are too many.
    """
    if not isinstance(value, Mapping):
        raise InvalidRequest.expected("labels", value, 'a mapping such as {"project": "x"}')
    if len(value) > MOST:
        raise InvalidRequest.expected("labels", len(value), f"at most {MOST} labels")
    for name, text in value.items():
        if not isinstance(name, str) or not re.fullmatch(_NAME, name):
            raise InvalidRequest.expected("a label's name", name, _NAME_LIMIT)
        allowed = isinstance(text, str) and is_text(text) and text.isprintable()
        if not allowed or len(text) > LONGEST:
            raise InvalidRequest.expected(f"label {name!r}", text, _VALUE_LIMIT)
    # As the journal has them: whatever shows or compares labels sees the same.
    return {name: redact(text) for name, text in sorted(value.items())}


def read_labels(given: Iterable[str], field: str = "label") -> dict[str, str]:
    """Return labels that are written as ``NAME=VALUE``, each.

    Args:
        given: The texts.
        field: The option or column that they come from.

    Raises:
        InvalidRequest: One is not written so or not allowed, or a name comes twice.
    """
    found: dict[str, str] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not equals:
            raise InvalidRequest.expected(field, one, "NAME=VALUE, e.g. project=spring")
        if name in found:
            raise InvalidRequest.expected(field, one, f"one value for {name!r}")
        found[name] = text
    return check_labels(found)


def shown_labels(labels: Mapping[str, str]) -> str:
    """Return labels as people read them: ``project=x, shot=12``."""
    return ", ".join(f"{name}={text}" for name, text in labels.items())
