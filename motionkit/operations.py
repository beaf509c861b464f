"""What one can ask for: frozen requests that two vendors could serve.

A vendor-only operation lives with its vendor, as another subclass of `Request`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from motionkit.media import Facts, Kind, Ref, Remote, ref

_MEDIA = "motionkit.media"


def takes(kind: Kind) -> dict[str, Kind]:
    """Return the metadata of a field that takes a picture, a video or audio.

    Declare such a field as ``attrs.field(converter=ref, metadata=takes("video"))``.
    """
    return {_MEDIA: kind}


@attrs.frozen(kw_only=True)
class Request:
    """The open base of every request.

    Attributes:
        extra: Vendor options by provider, passed through unread:
            ``{"pixverse": {"webhook_id": "..."}}``. They never travel to another vendor.
    """

    operation: ClassVar[str]

    extra: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict, hash=False)

    def media(self) -> dict[str, Ref]:
        """Return the media arguments by field name, those that were given."""
        found = {
            field.name: getattr(self, field.name)
            for field in attrs.fields(type(self))
            if _MEDIA in field.metadata
        }
        return {name: value for name, value in found.items() if value is not None}

    def values(self) -> dict[str, Any]:
        """Return the other arguments by field name, those that were given."""
        found = {
            field.name: getattr(self, field.name)
            for field in attrs.fields(type(self))
            if _MEDIA not in field.metadata and field.name != "extra"
        }
        return {name: value for name, value in found.items() if value is not None}

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

    image: Ref = attrs.field(converter=ref, metadata=takes("image"), kw_only=False)
    video: Ref = attrs.field(converter=ref, metadata=takes("video"), kw_only=False)
    quality: str | None = attrs.field(default=None, kw_only=True)
    prompt: str | None = attrs.field(default=None, kw_only=True)
    seed: int | None = attrs.field(default=None, kw_only=True)
    keep_audio: bool | None = attrs.field(default=None, kw_only=True)
    orientation: str | None = attrs.field(default=None, kw_only=True)
