"""How a task ends that does not succeed, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from motionkit.sandbox import State

_HELD = Decimal(1)
_BACK = Decimal(0)


@attrs.frozen
class Ending:
    """An ending.

    Attributes:
        word: The status.
        code: The failure code; None is null in the body.
        prose: The sentence for people.
        kept: The part of the held credits that is kept.
        coded: Whether the body has a failure code at all.
    """

    word: str = "FAILED"
    code: str | None = None
    prose: str = "An unexpected error occurred."
    kept: Decimal = _BACK
    coded: bool = True

    @property
    def state(self) -> State:
        """Return the neutral outcome."""
        return State.BLOCKED if "SAFETY" in (self.code or "") else State.FAILED

    def body(self) -> dict[str, Any]:
        """Return its fields in the body of a task."""
        if self.word != "FAILED":
            return {}
        return {"failure": self.prose, **({"failureCode": self.code} if self.coded else {})}


_MODERATED = "The input did not pass our content moderation."
ENDINGS: Mapping[str, Ending] = {
    "safety_input_text": Ending(code="SAFETY.INPUT.TEXT", prose=_MODERATED, kept=_HELD),
    "safety_input_image": Ending(code="SAFETY.INPUT.IMAGE", prose=_MODERATED, kept=_HELD),
    "safety_input_video": Ending(code="SAFETY.INPUT.VIDEO", prose=_MODERATED, kept=_HELD),
    "safety_input_new": Ending(code="SAFETY.INPUT.VIDEO.LIKENESS.7", prose=_MODERATED, kept=_HELD),
    "safety_output": Ending(code="SAFETY.OUTPUT.VIDEO", prose="The output was moderated."),
    "safety_output_kept": Ending(
        code="SAFETY.OUTPUT.VIDEO", prose="The output was moderated.", kept=_HELD
    ),
    "safety_prompt": Ending(code="INPUT_PREPROCESSING.SAFETY.TEXT", prose=_MODERATED),
    "preprocessing": Ending(code="INPUT_PREPROCESSING.INTERNAL"),
    "bad_output": Ending(code="INTERNAL.BAD_OUTPUT.CODE01", prose="The output was of low quality."),
    "asset_invalid": Ending(code="ASSET.INVALID", prose="An asset could not be used."),
    "third_party": Ending(code="THIRD_PARTY.UNAVAILABLE"),
    "internal": Ending(code="INTERNAL"),
    "internal_kept": Ending(code="INTERNAL", kept=_HELD),
    "null_code": Ending(),
    "no_code": Ending(coded=False),
    "strange_code": Ending(code="WEATHER.CLOUDY"),
    "cancelled": Ending("CANCELLED"),
    "canceled": Ending("CANCELED"),
    "cancelled_kept": Ending("CANCELLED", kept=_HELD),
}
"""By the name of a `shape` of the submit. The vendor's pages disagree about output moderation."""
