"""The rows of PixVerse's lists; see `lists` for their vendor pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs


@attrs.frozen
class Voice:
    """A text-to-speech voice: `LipSync.voice` takes the id."""

    id: str
    name: str
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)


@attrs.frozen
class Style:
    """A style for `Restyle.style`; id and name as far as the row has them."""

    id: int | None
    name: str
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)


@attrs.frozen
class Template:
    """An effect or image template; id and name as far as the row has them.

    Attributes:
        type: The vendor's type, ``1`` or ``2``.
    """

    id: int | None
    name: str
    type: str
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)


@attrs.frozen
class Charge:
    """A charge or refund, as far as the row has it.

    Attributes:
        at: The vendor's timestamp (UTC).
        what: The creation type.
        credits: The amount.
        status: ``consume`` or ``refund``.
    """

    at: str = attrs.field(metadata={"zone": "UTC"})
    what: str
    credits: str
    status: str
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
