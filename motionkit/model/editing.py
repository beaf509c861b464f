"""The operations that edit clips."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import attrs

from motionkit.model.media import Ref, ref, refs
from motionkit.model.request import Request, takes


def words(value: str | Iterable[str]) -> tuple[str, ...]:
    """Return the words of an argument of several; one alone is one of them."""
    return (value,) if isinstance(value, str) else tuple(value)


@attrs.frozen(repr=False)
class LipSync(Request):
    """Lip-sync a person in a clip to a recording, or to text in a voice.

    Attributes:
        video: The clip.
        audio: The recorded speech. Either this, or `text` and `voice`.
        text: The text to speak.
        voice: The id of the voice that speaks the text.
    """

    operation: ClassVar[str] = "lip_sync"
    verb: ClassVar[str] = "lipsync"

    video: Ref = attrs.field(converter=ref, metadata=takes("video"))
    audio: Ref | None = attrs.field(
        default=None,
        converter=attrs.converters.optional(ref),
        metadata=takes("audio"),
        kw_only=True,
    )
    text: str | None = attrs.field(default=None, kw_only=True)
    voice: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(repr=False)
class Restyle(Request):
    """Apply a style to a clip.

    Attributes:
        video: The clip.
        style: The id of a style in the vendor's list. Either this or `prompt`.
        prompt: A description of the style.
        seed: For repeatable results.
    """

    operation: ClassVar[str] = "restyle"
    verb: ClassVar[str] = "restyle"
    length_of: ClassVar[str | None] = "video"

    video: Ref = attrs.field(converter=ref, metadata=takes("video"))
    style: int | None = attrs.field(default=None, kw_only=True)
    prompt: str | None = attrs.field(default=None, kw_only=True)
    seed: int | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(repr=False)
class Modify(Request):
    """Edit a clip by a prompt: swap, add or remove subjects, replace text, change the style.

    Attributes:
        video: The clip.
        prompt: What to change. ``@selection0`` means the first mask, ``@img0`` the first image.
        images: Images that the prompt refers to.
        masks: Areas that the prompt refers to: ids of a mask selection, or public URLs of mask
            images; no files.
        keyframe: The frame that the masks were selected on.
        quality: E.g. ``540p``; the target's default when None.
        seed: For repeatable results.
    """

    operation: ClassVar[str] = "modify"
    verb: ClassVar[str] = "modify"
    length_of: ClassVar[str | None] = "video"

    video: Ref = attrs.field(converter=ref, metadata=takes("video"))
    prompt: str
    images: tuple[Ref, ...] = attrs.field(
        default=(), converter=refs, metadata=takes("image"), kw_only=True
    )
    masks: tuple[str, ...] = attrs.field(default=(), converter=words, kw_only=True)
    keyframe: int | None = attrs.field(default=None, kw_only=True)
    quality: str | None = attrs.field(default=None, kw_only=True)
    seed: int | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(repr=False)
class Swap(Request):
    """Replace a masked subject in a clip with another one.

    Attributes:
        video: The clip that the mask was selected on.
        image: The new subject.
        mask: What is replaced, by the id of a mask selection.
        keyframe: The frame that the mask was selected on.
        quality: E.g. ``540p``; the target's default when None.
    """

    operation: ClassVar[str] = "swap"
    verb: ClassVar[str] = "swap"
    length_of: ClassVar[str | None] = "video"

    video: Ref = attrs.field(converter=ref, metadata=takes("video"))
    image: Ref = attrs.field(converter=ref, metadata=takes("image"))
    mask: str = attrs.field(kw_only=True)
    keyframe: int = attrs.field(kw_only=True)
    quality: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(repr=False)
class Upscale(Request):
    """Increase the resolution of a clip.

    Attributes:
        video: The clip.
    """

    operation: ClassVar[str] = "upscale"
    verb: ClassVar[str] = "upscale"
    length_of: ClassVar[str | None] = "video"

    video: Ref = attrs.field(converter=ref, metadata=takes("video"))
