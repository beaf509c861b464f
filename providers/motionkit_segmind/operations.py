"""Operations that only Segmind offers, beside the neutral ones of `motionkit.model.operations`."""

from __future__ import annotations

from typing import ClassVar

import attrs

from motionkit.model.media import Ref, ref
from motionkit.model.request import Request, takes


@attrs.frozen
class LivePortrait(Request):
    """Transfer the facial motion of one clip to the face in another clip.

    Attributes:
        video: The clip whose face is animated.
        driving_video: The clip whose facial motion is transferred.
    """

    operation: ClassVar[str] = "live_portrait"
    verb: ClassVar[str] = "live-portrait"
    length_of: ClassVar[str | None] = "driving_video"

    video: Ref = attrs.field(converter=ref, metadata=takes("video"))
    driving_video: Ref = attrs.field(converter=ref, metadata=takes("video"))


OPERATIONS: tuple[type[Request], ...] = (LivePortrait,)
"""Registered in the entry-point group ``motionkit.operations``."""

__all__ = ["OPERATIONS", "LivePortrait"]
