"""The neutral operations: frozen requests that two vendors could serve.

A vendor-only operation lives with its vendor, as another subclass of `Request`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import attrs

from motionkit.model.media import Ref, ref, refs
from motionkit.model.request import Request, argument, takes

__all__ = [
    "OPERATIONS",
    "Extend",
    "Generation",
    "ImageToVideo",
    "LipSync",
    "Mimic",
    "Modify",
    "Request",
    "Restyle",
    "Swap",
    "TextToVideo",
    "Transition",
    "Upscale",
    "argument",
    "words",
]


def words(value: str | Iterable[str]) -> tuple[str, ...]:
    """Return the words of an argument of several; one alone is one of them."""
    return (value,) if isinstance(value, str) else tuple(value)


@attrs.frozen
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


@attrs.frozen(kw_only=True)
class Generation(Request):
    """What requests for a new clip have in common; a target takes some of it.

    Attributes:
        quality: E.g. ``540p``; the target's default when None.
        duration: Seconds of the new clip; the target's default when None.
        seed: For repeatable results.
        negative_prompt: What not to show.
        motion: ``normal`` or ``fast``.
        style: A style of the target, e.g. ``anime``.
        camera: A camera movement of the target, e.g. ``zoom_in``.
        audio: Generate audio.
        multi_clip: Cut between several shots.
        thinking: Let the vendor work on the prompt first: ``enabled``, ``disabled`` or ``auto``.
        sound_effect: The prompt of a sound effect to add.
        speech: The text that a person in the clip speaks.
        voice: The id of the voice that speaks it.
    """

    quality: str | None = None
    duration: int | None = None
    seed: int | None = None
    negative_prompt: str | None = None
    motion: str | None = None
    style: str | None = None
    camera: str | None = None
    audio: bool | None = None
    multi_clip: bool | None = None
    thinking: str | None = None
    sound_effect: str | None = None
    speech: str | None = None
    voice: str | None = None


@attrs.frozen
class TextToVideo(Generation):
    """Generate a clip from a text prompt (text-to-video).

    Attributes:
        prompt: What to show.
        aspect_ratio: E.g. ``16:9``; the target's default when None.
    """

    operation: ClassVar[str] = "text_to_video"
    verb: ClassVar[str] = "generate"

    prompt: str
    aspect_ratio: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class ImageToVideo(Generation):
    """Generate a clip from an image and a prompt (image-to-video).

    Attributes:
        image: The first frame.
        prompt: What happens.
        aspect_ratio: E.g. ``16:9``, if the target does not use the image's own.
    """

    operation: ClassVar[str] = "image_to_video"
    verb: ClassVar[str] = "animate"

    image: Ref = attrs.field(converter=ref, metadata=takes("image"))
    prompt: str
    aspect_ratio: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class Transition(Generation):
    """Generate a transition between two images.

    Attributes:
        first_frame: The first frame.
        last_frame: The last frame.
        prompt: What happens in between.
    """

    operation: ClassVar[str] = "transition"
    verb: ClassVar[str] = "transition"

    first_frame: Ref = attrs.field(converter=ref, metadata=takes("image"))
    last_frame: Ref = attrs.field(converter=ref, metadata=takes("image"))
    prompt: str


@attrs.frozen
class Extend(Generation):
    """Extend a clip.

    Attributes:
        video: The clip.
        prompt: What happens next.
    """

    operation: ClassVar[str] = "extend"
    verb: ClassVar[str] = "extend"

    video: Ref = attrs.field(converter=ref, metadata=takes("video"))
    prompt: str


@attrs.frozen
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


@attrs.frozen
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


@attrs.frozen
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


@attrs.frozen
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


@attrs.frozen
class Upscale(Request):
    """Increase the resolution of a clip.

    Attributes:
        video: The clip.
    """

    operation: ClassVar[str] = "upscale"
    verb: ClassVar[str] = "upscale"
    length_of: ClassVar[str | None] = "video"

    video: Ref = attrs.field(converter=ref, metadata=takes("video"))


OPERATIONS: tuple[type[Request], ...] = (
    Mimic,
    Modify,
    ImageToVideo,
    TextToVideo,
    Transition,
    Extend,
    LipSync,
    Restyle,
    Swap,
    Upscale,
)
"""Every neutral operation; providers add their own through an entry point."""
