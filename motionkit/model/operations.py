"""What one can ask for: frozen requests that two vendors could serve.

A vendor-only operation lives with its vendor, as another subclass of `Request`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import attrs

from motionkit.model.media import Ref, ref, refs
from motionkit.model.request import Request, takes

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
    "words",
]


def words(value: str | Iterable[str]) -> tuple[str, ...]:
    """Return the words of an argument of several; one alone is one of them."""
    return (value,) if isinstance(value, str) else tuple(value)


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


@attrs.frozen(kw_only=True)
class Generation(Request):
    """What requests for a new clip have in common; a target takes some of it.

    Attributes:
        quality: E.g. ``540p``; the target's default when None.
        duration: Seconds of the new clip; the target's default when None.
        seed: For repeatable results.
        negative_prompt: What not to show.
        motion: ``normal`` or ``fast``.
        style: A look that the target names, e.g. ``anime``.
        camera: A camera movement that the target names, e.g. ``zoom_in``.
        audio: Make sound with the picture.
        multi_clip: Cut between several shots.
        thinking: Let the vendor work on the prompt first: ``enabled``, ``disabled`` or ``auto``.
        sound_effect: Words for a sound effect to add.
        speech: Words that a person in the clip says.
        voice: Who says them: a voice's id.
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
    """Make a clip from words.

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
    """Animate a picture.

    Attributes:
        image: The first frame.
        prompt: What happens.
        aspect_ratio: E.g. ``16:9``, where a target does not take the picture's own.
    """

    operation: ClassVar[str] = "image_to_video"
    verb: ClassVar[str] = "animate"

    image: Ref = attrs.field(converter=ref, metadata=takes("image"))
    prompt: str
    aspect_ratio: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class Transition(Generation):
    """Make a clip that leads from one picture to another.

    Attributes:
        first_frame: Where it begins.
        last_frame: Where it ends.
        prompt: What happens in between.
    """

    operation: ClassVar[str] = "transition"
    verb: ClassVar[str] = "transition"

    first_frame: Ref = attrs.field(converter=ref, metadata=takes("image"))
    last_frame: Ref = attrs.field(converter=ref, metadata=takes("image"))
    prompt: str


@attrs.frozen
class Extend(Generation):
    """Make a clip longer.

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
    """Let the person in a clip speak: a recording, or words in a voice.

    Attributes:
        video: The clip.
        audio: What is spoken, recorded. Either this, or `text` and `voice`.
        text: What is spoken, as words.
        voice: Who says the words: a voice's id.
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
    """Give a clip another look.

    Attributes:
        video: The clip.
        style: A look that the vendor lists, by its id. Either this or `prompt`.
        prompt: The look in words.
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
    """Edit a clip by words: swap, add or remove subjects, replace text, change the look.

    Attributes:
        video: The clip.
        prompt: What to change. ``@selection0`` means the first mask, ``@img0`` the first picture.
        images: Pictures that the prompt refers to.
        masks: Areas that the prompt refers to, by the ids of a mask selection.
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
    """Put another subject into a clip, in the place of a mask.

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
    """Give a clip more pixels.

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
