"""What one can ask for: frozen requests that two vendors could serve.

A vendor-only operation lives with its vendor, as another subclass of `Request`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import attrs

from motionkit.media import Facts, Kind, Ref, Remote, ref, refs

_MEDIA = "motionkit.media"


def takes(kind: Kind) -> dict[str, Kind]:
    """Return the metadata of a field that takes a picture, a video or audio.

    Declare such a field as ``attrs.field(converter=ref, metadata=takes("video"))``, one that takes
    several with ``refs``.
    """
    return {_MEDIA: kind}


def argument(name: str) -> str:
    """Return the request's field that a name of `Request.media` belongs to: ``images[0]``'s."""
    return name.partition("[")[0]


@attrs.frozen(kw_only=True)
class Request:
    """The open base of every request.

    Attributes:
        extra: Vendor options by provider, passed through unread:
            ``{"pixverse": {"webhook_id": "..."}}``. They never travel to another vendor.
    """

    operation: ClassVar[str]
    """The neutral name, e.g. ``image_to_video``; offers and the journal have it."""
    verb: ClassVar[str]
    """The command line's word for it."""

    extra: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict, hash=False)

    def media(self) -> dict[str, Ref]:
        """Return the media arguments that were given, by field name: ``image``, ``images[0]``."""
        found: dict[str, Ref] = {}
        for field in attrs.fields(type(self)):
            if _MEDIA not in field.metadata:
                continue
            value = getattr(self, field.name)
            if isinstance(value, tuple):
                found |= {f"{field.name}[{place}]": one for place, one in enumerate(value)}
            elif value is not None:
                found[field.name] = value
        return found

    @classmethod
    def media_arguments(cls) -> frozenset[str]:
        """Return the names of the fields that take media."""
        return frozenset(field.name for field in attrs.fields(cls) if _MEDIA in field.metadata)

    def values(self) -> dict[str, Any]:
        """Return the other arguments by field name, those that were given."""
        found = {
            field.name: getattr(self, field.name)
            for field in attrs.fields(type(self))
            if _MEDIA not in field.metadata and field.name != "extra"
        }
        return {name: value for name, value in found.items() if value not in (None, ())}

    def describe(self) -> dict[str, Any]:
        """Return a short JSON-able description for people and the journal, signatures masked."""
        labels = {name: value.label for name, value in self.media().items()}
        return {"operation": self.operation, **labels, **self.values()}

    def fingerprint(self, facts: Mapping[str, Facts], via: str) -> str:
        """Return what makes two requests identical: operation, values, media content, target.

        Args:
            facts: What is known of each media argument.
            via: The target or route as the user named it.
        """
        import hashlib  # noqa: PLC0415 - OpenSSL loads when there is something to digest

        from motionkit import codec  # noqa: PLC0415 - cattrs loads when first needed

        content = {
            name: facts[name].sha256 or f"{type(value).__name__}:{_identity(value)}"
            for name, value in self.media().items()
        }
        named = {"operation": self.operation, "via": via, "media": content, "extra": self.extra}
        text = codec.dumps({**named, "values": self.values()})
        return hashlib.sha256(text.encode()).hexdigest()


def _identity(value: Ref) -> str:
    return value.url if isinstance(value, Remote) else getattr(value, "id", value.label)


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
