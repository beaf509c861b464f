"""The operation `Mimic`: motion control."""

from __future__ import annotations

from typing import ClassVar

import attrs

from motionkit.model.media import Ref, ref
from motionkit.model.request import Request, takes


@attrs.frozen(repr=False)
class Mimic(Request):
    """Motion control: transfer the motion of a reference clip to a character image.

    Attributes:
        image: The character: a person or an animal, clearly visible.
        video: The reference clip: a person is its focus.
        quality: E.g. ``540p``; the target's default when None.
        prompt: Additional text prompt, if the target supports it.
        seed: For repeatable results, if the target supports it.
        keep_audio: Keep the reference clip's audio, if the target supports it.
        orientation: ``image`` or ``video``: the input that sets the framing, where supported.
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
