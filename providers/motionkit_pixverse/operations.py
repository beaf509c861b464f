"""PixVerse's own operations, in addition to the neutral ones of `motionkit.model.operations`.

Where the vendor nests records in lists, a request has parallel tuples: the command line takes those
as repeated options.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from motionkit.model.media import Kind, Ref, ref, refs
from motionkit.model.operations import Generation, words
from motionkit.model.request import Request, takes


def _whole(value: int | tuple[int, ...] | list[int]) -> tuple[int, ...]:
    """Return a tuple of one or several numbers."""
    return (value,) if isinstance(value, int) else tuple(value)


@attrs.frozen
class Effect(Generation):
    """Apply one of the vendor's effects (video templates) to images.

    Attributes:
        template: The effect's number; it is activated in the vendor's console first.
        images: The images that the effect takes: one, or several in its order.
        prompt: What happens.
    """

    operation: ClassVar[str] = "effect"
    verb: ClassVar[str] = "effect"

    template: int
    images: tuple[Ref, ...] = attrs.field(converter=refs, metadata=takes("image"))
    prompt: str


@attrs.frozen
class MultiTransition(Request):
    """Generate transitions through two to seven images.

    Attributes:
        images: The images, in order.
        durations: Seconds from each image to the next: one fewer than images, 30 in total.
        prompts: What happens on the way to the next image: none, or one for each duration; an
            empty one says nothing.
        quality: E.g. ``540p``; the target's default when None.
    """

    operation: ClassVar[str] = "multi_transition"
    verb: ClassVar[str] = "multi-transition"

    images: tuple[Ref, ...] = attrs.field(converter=refs, metadata=takes("image"))
    durations: tuple[int, ...] = attrs.field(converter=_whole)
    prompts: tuple[str, ...] = attrs.field(default=(), converter=words, kw_only=True)
    quality: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class ReferenceToVideo(Request):
    """Generate a clip with subjects and backgrounds from images that the prompt names.

    Attributes:
        images: The images.
        names: The name of each image: the prompt has ``@hero`` and a space for ``hero``.
        prompt: What to show; names every image.
        kinds: ``subject`` or ``background`` for each image; all subjects when left out.
        quality: E.g. ``540p``; the target's default when None.
        duration: Seconds of the new clip; the target's default when None.
        aspect_ratio: E.g. ``16:9``; the target's default when None.
        audio: Generate audio.
        seed: For repeatable results.
    """

    operation: ClassVar[str] = "reference_to_video"
    verb: ClassVar[str] = "reference"

    images: tuple[Ref, ...] = attrs.field(converter=refs, metadata=takes("image"))
    names: tuple[str, ...] = attrs.field(converter=words)
    prompt: str
    kinds: tuple[str, ...] = attrs.field(default=(), converter=words, kw_only=True)
    quality: str | None = attrs.field(default=None, kw_only=True)
    duration: int | None = attrs.field(default=None, kw_only=True)
    aspect_ratio: str | None = attrs.field(default=None, kw_only=True)
    audio: bool | None = attrs.field(default=None, kw_only=True)
    seed: int | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class SoundEffect(Request):
    """Add a sound effect to a clip.

    Attributes:
        video: The clip.
        prompt: The sound to generate; the vendor chooses when None.
        keep_audio: Keep the clip's original audio.
    """

    operation: ClassVar[str] = "sound_effect"
    verb: ClassVar[str] = "sound"

    video: Ref = attrs.field(converter=ref, metadata=takes("video"))
    prompt: str | None = attrs.field(default=None, kw_only=True)
    keep_audio: bool | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class MaskSelection(Request):
    """Select masks in a clip's frame: people, objects and background, to swap or modify.

    It is billed, and answered at once.

    Attributes:
        video: The clip that will be changed.
        keyframe: The frame; the target's default when None.
    """

    operation: ClassVar[str] = "mask_selection"
    delivers: ClassVar[Kind] = "image"
    verb: ClassVar[str] = "mask"

    video: Ref = attrs.field(converter=ref, metadata=takes("video"))
    keyframe: int | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class ImageTemplate(Request):
    """Apply one of the vendor's image templates to images.

    Attributes:
        template: The template's number; it is activated in the vendor's console first.
        images: The images that the template takes.
    """

    operation: ClassVar[str] = "image_template"
    delivers: ClassVar[Kind] = "image"
    verb: ClassVar[str] = "image-template"

    template: int
    images: tuple[Ref, ...] = attrs.field(converter=refs, metadata=takes("image"))


@attrs.frozen
class Avatar(Request):
    """Animate a portrait to speak a recording, or text in a voice.

    Attributes:
        image: The portrait.
        audio: The recording to speak. Either this, or `text` and `voice`.
        text: The text to speak.
        voice: The id of the voice.
        quality: E.g. ``540p``; the target's default when None.
    """

    operation: ClassVar[str] = "avatar"
    verb: ClassVar[str] = "avatar"

    image: Ref = attrs.field(converter=ref, metadata=takes("image"))
    audio: Ref | None = attrs.field(
        default=None,
        converter=attrs.converters.optional(ref),
        metadata=takes("audio"),
        kw_only=True,
    )
    text: str | None = attrs.field(default=None, kw_only=True)
    voice: str | None = attrs.field(default=None, kw_only=True)
    quality: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(kw_only=True)
class RealEstate(Request):
    """Generate a clip of a property from its web page, or from text and images.

    Attributes:
        page: The URL of the property's page. Either this, or images and a prompt.
        images: At least five images of the property.
        prompt: What to say about it.
        mode: ``property_tour`` or ``ad_house_tour``, if the target takes it.
        language: ``en-US``, ``zh-CN`` or ``auto``.
        duration: Seconds of an ``ad_house_tour``: 15 or 30.
        style: The style of an ``ad_house_tour``: ``cozy`` or ``pov``.
        quality: E.g. ``720p``; the vendor chooses when None.
        aspect_ratio: E.g. ``16:9``; the vendor chooses when None.
        presence: How much of the presenter is shown: ``none``, ``low``, ``medium`` or ``high``.
    """

    operation: ClassVar[str] = "real_estate"
    verb: ClassVar[str] = "real-estate"

    page: str | None = None
    images: tuple[Ref, ...] = attrs.field(default=(), converter=refs, metadata=takes("image"))
    prompt: str | None = None
    mode: str | None = None
    language: str | None = None
    duration: int | None = None
    style: str | None = None
    quality: str | None = None
    aspect_ratio: str | None = None
    presence: str | None = None


@attrs.frozen
class ViralRecreation(Request):
    """Recreate the pacing of a reference clip with your own images (viral agent).

    Attributes:
        video: The reference clip: 2 to 30 seconds, 640 to 1,920 pixels a side.
        images: One to five images of what the new clip shows.
        prompt: What to show.
        quality: ``720p`` or ``1080p``; the target's default when None.
        aspect_ratio: E.g. ``9:16``; the vendor chooses when None.
    """

    operation: ClassVar[str] = "viral_recreation"
    verb: ClassVar[str] = "viral"

    video: Ref = attrs.field(converter=ref, metadata=takes("video"))
    images: tuple[Ref, ...] = attrs.field(converter=refs, metadata=takes("image"))
    prompt: str
    quality: str | None = attrs.field(default=None, kw_only=True)
    aspect_ratio: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class MusicVideo(Request):
    """Generate a music video for a song.

    Attributes:
        audio: The song: 10 to 360 seconds, 15 MB at most.
        aspect_ratio: E.g. ``16:9``; the target's default when None.
        quality: ``720p`` or ``1080p``; the target's default when None.
        lyrics: The song's lyrics.
        timed_lyrics: The lyrics word by word: start and end in seconds, then the word, e.g.
            ``0.5 0.9 hello``. They take precedence over `lyrics`.
        image: The character.
        style_image: An image of the style.
        style: The video's style, e.g. ``Cinematic``; ``Custom`` follows the images.
        music_style: The song's style, e.g. ``Pop``.
        captions: Show captions.
        lip_sync: Sing in lip sync; it fails for instrumental songs.
        seed: For repeatable results.
    """

    operation: ClassVar[str] = "music_video"
    verb: ClassVar[str] = "music-video"

    audio: Ref = attrs.field(converter=ref, metadata=takes("audio"))
    aspect_ratio: str | None = attrs.field(default=None, kw_only=True)
    quality: str | None = attrs.field(default=None, kw_only=True)
    lyrics: str | None = attrs.field(default=None, kw_only=True)
    timed_lyrics: tuple[str, ...] = attrs.field(default=(), converter=words, kw_only=True)
    image: Ref | None = attrs.field(
        default=None,
        converter=attrs.converters.optional(ref),
        metadata=takes("image"),
        kw_only=True,
    )
    style_image: Ref | None = attrs.field(
        default=None,
        converter=attrs.converters.optional(ref),
        metadata=takes("image"),
        kw_only=True,
    )
    style: str | None = attrs.field(default=None, kw_only=True)
    music_style: str | None = attrs.field(default=None, kw_only=True)
    captions: bool | None = attrs.field(default=None, kw_only=True)
    lip_sync: bool | None = attrs.field(default=None, kw_only=True)
    seed: int | None = attrs.field(default=None, kw_only=True)


OPERATIONS: tuple[type[Request], ...] = (
    Effect,
    MultiTransition,
    ReferenceToVideo,
    SoundEffect,
    MaskSelection,
    ImageTemplate,
    Avatar,
    RealEstate,
    ViralRecreation,
    MusicVideo,
)
"""The operations that the entry point registers."""
