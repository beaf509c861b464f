"""The operations that generate new clips."""

from __future__ import annotations

from typing import ClassVar

import attrs

from motionkit.model.media import Ref, ref
from motionkit.model.request import Request, takes


@attrs.frozen(kw_only=True, repr=False)
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


@attrs.frozen(repr=False)
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


@attrs.frozen(repr=False)
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


@attrs.frozen(repr=False)
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


@attrs.frozen(repr=False)
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
