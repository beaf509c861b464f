"""Pages of lists; page numbers are text in a query, text or integers in a body."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

from motionkit_pixverse.sandbox.codes import Refusal
from motionkit_pixverse.sandbox.fields import require

T = TypeVar("T")
SIZES = (10, 20, 50, 100)


def page(
    fields: Mapping[str, Any],
    rows: Sequence[T],
    *,
    names: tuple[str, str] = ("page_num", "page_size"),
    sizes: Collection[int] | None = None,
    required: bool = False,
) -> list[T]:
    """Return one page of a list.

    Args:
        fields: The query or body with page number and size.
        rows: The whole list.
        names: What they are called.
        sizes: Sizes that a page may have; None takes any above 0.
        required: Refuse a missing one (400011), else the first page of ten is shown.
    """
    number, size = (_number(fields.get(name), name, required=required) for name in names)
    number, size = number or 1, size or SIZES[0]
    require(number >= 1 and size >= 1, names[0])
    require(sizes is None or size in sizes, names[1])
    first = (number - 1) * size
    return list(rows[first : first + size])


def _number(value: object, name: str, *, required: bool) -> int | None:
    if value in (None, ""):
        if required:
            raise Refusal(400011, f"{name} is empty")
        return None
    text = str(value)
    if not text.removeprefix("-").isdecimal():
        raise Refusal(400013)
    return int(text)
