"""Motion control, apart from the other operations: asking for it loads none of them."""

from __future__ import annotations

from typing import ClassVar

import attrs

from motionkit.model.media import Ref, ref
from motionkit.model.request import Request, takes


@attrs.frozen
class Mimic(Request):
    """Motion control: put the motion of a reference clip onto a character picture.

    Attributes:
        image: The character: a person or an animal, clearly visible.
        video: The reference clip: a person is its focus.
        quality: E.g. ``540p``; the target's default when None.
        prompt: What else to say, where a target takes it.
        seed: For repeatable results, where a target takes it.
        keep_audio: Keep the reference clip's sound, where a target takes it.
        orientation: ``image`` or ``video``: whose framing rules, where a target takes it.
    """

    operation: ClassVar[str] = "mimic"
    verb: ClassVar[str] = "mimic"
    length_of: ClassVar[str | None] = "video"

    image: Ref = attrs.field(converter=ref, metadata=takes("image"))
    video: Ref = attrs.field(converter=ref, metadata=takes("video"))
    quality: str | None = attrs.field(default=None, kw_only=True)
    prompt: str | None = attrs.field(default=None, kw_only=True)
    seed: int | None = attrs.field(default=None, kw_only=True)
    keep_audio: bool | None = attrs.field(default=None, kw_only=True)
    orientation: str | None = attrs.field(default=None, kw_only=True)
