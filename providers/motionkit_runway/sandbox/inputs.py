"""The media of a body: what a URI may be, and what is known of the file behind it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
import ipaddress
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import attrs

from motionkit.sandbox import Account
from motionkit.sandbox.media import Clip, probe
from motionkit_runway.sandbox.models import Facts, Model
from motionkit_runway.sandbox.schema import Findings, Path, Reference
from motionkit_runway.sandbox.storage import SCHEME, Storage

_LONGEST_DATA_URI = 5 * 2**20
_SHORTEST_URL, _LONGEST_URL = 13, 2048
_DATA_URI = re.compile(r"data:(image|video|audio)/[\w.+-]+;base64,")
_TYPES = {"image": ("image/png", "image/jpeg", "image/webp")}


@attrs.frozen
class Media:
    """One media file of a body.

    Attributes:
        content: Its bytes, if they were sent here.
        clip: What they are; None if that is unreadable, or unknown because they are elsewhere.
        here: Whether they were sent here.
    """

    reference: Reference
    content: bytes | None = attrs.field(default=None, repr=False)
    clip: Clip | None = None
    here: bool = False


class Inputs:
    """Resolve the media of a body.

    Args:
        storage: Has the uploads.
        late: An upload that is missing or too old fails the task, and not the submit.
    """

    def __init__(self, storage: Storage, late: bool) -> None:
        self._storage = storage
        self._late = late

    async def resolve(self, account: Account, findings: Findings) -> dict[Path, Media]:
        """Return the media by their path in the body; add what is wrong with a URI."""
        found = [await self._one(account, findings, one) for one in findings.media]
        return {one.reference.path: one for one in found}

    def expire(self, account: Account, body: object) -> None:
        """End the life of every upload that a body names."""
        if isinstance(body, dict | list):
            for value in body.values() if isinstance(body, dict) else body:
                self.expire(account, value)
        elif isinstance(body, str):
            self._storage.expire(account, body)

    async def _one(self, account: Account, findings: Findings, one: Reference) -> Media:
        if one.uri.startswith(SCHEME):
            asset = self._storage.asset(account, one.uri)
            if asset is not None:
                return Media(one, asset.content, asset.clip, here=True)
            if not self._late:
                findings.issue(one.path, "custom", "The upload does not exist or has expired")
            return Media(one, here=True)
        if one.uri.startswith("data:"):
            return await _inline(findings, one)
        if not _SHORTEST_URL <= len(one.uri) <= _LONGEST_URL:
            text = f"A URL has {_SHORTEST_URL} to {_LONGEST_URL} characters"
            findings.issue(one.path, "custom", text)
        elif not _is_public(one.uri):
            findings.issue(one.path, "custom", "Only HTTPS URLs with a domain name are supported")
        return Media(one)


async def _inline(findings: Findings, one: Reference) -> Media:
    if len(one.uri) > _LONGEST_DATA_URI:
        text = f"A data URI has at most {_LONGEST_DATA_URI} characters"
        findings.issue(one.path, "too_big", text, maximum=_LONGEST_DATA_URI)
        return Media(one)
    head = _DATA_URI.match(one.uri)
    if head is None or head.group(1) != one.kind:
        findings.issue(one.path, "custom", f"Expected data:{one.kind}/...;base64,")
        return Media(one)
    try:
        content = base64.b64decode(one.uri[head.end() :], validate=True)
    except (ValueError, binascii.Error):
        findings.issue(one.path, "custom", "The data is not valid base64")
        return Media(one)
    clip = await asyncio.to_thread(probe, io.BytesIO(content))
    return Media(one, content, clip, here=True)


def _is_public(uri: str) -> bool:
    """Return whether a URL is https with a domain name."""
    try:
        host = urlsplit(uri).hostname
    except ValueError:
        return False
    if not uri.startswith("https://") or not host or "." not in host:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


def source(model: Model, media: Mapping[Path, Media]) -> Clip | None:
    """Return the clip in the model's source field."""
    found = media.get(model.source)
    return found.clip if found else None


def facts(model: Model, body: Mapping[str, object], media: Mapping[Path, Media]) -> Facts:
    """Return what the price of a body depends on."""
    pictures = [one for one in media.values() if one.reference.kind == "image"]
    moving = [one for one in media.values() if one.reference.kind != "image"]
    seconds = sum(one.clip.seconds for one in moving if one.clip)
    return Facts(model.values(body), source(model, media), len(pictures), seconds)


def unusable(model: Model, media: Mapping[Path, Media]) -> str | None:
    """Return why a task cannot use its media; None if it can, as far as they were sent here."""
    for one in media.values():
        if one.here and (reason := _reason(model, one)):
            return f"{'.'.join(map(str, one.reference.path))}: {reason}"
    return None


def _reason(model: Model, one: Media) -> str | None:
    clip, kind = one.clip, one.reference.kind
    if clip is None:
        return "the asset could not be read"
    if clip.kind != kind or clip.mime not in _TYPES.get(kind, (clip.mime,)):
        return f"expected {kind}, got {clip.mime}"
    low, high = model.shapes
    if clip.height and not low <= clip.width / clip.height <= high:
        return f"the aspect ratio has to be between {low:g} and {high:g}"
    least, most = model.seconds
    if one.reference.path == model.source and not least <= clip.seconds <= most + 0.05:
        return f"the duration has to be between {least:g} and {most:g} seconds"
    return None


def picture(media: Iterable[Media]) -> Media | None:
    """Return the first picture that was sent here, or else the first clip."""
    known = [one for one in media if one.clip and one.content]
    return next((one for one in known if one.reference.kind == "image"), next(iter(known), None))
