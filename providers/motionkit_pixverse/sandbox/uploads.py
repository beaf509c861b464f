"""Uploads of pictures, clips and recordings."""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import IO

import attrs
from aiohttp import BodyPartReader

from motionkit.sandbox import Route
from motionkit.sandbox.files import StoredFile
from motionkit.sandbox.media import Clip, probe
from motionkit_pixverse.sandbox.codes import Refusal
from motionkit_pixverse.sandbox.gate import VENDOR, Call, Gate

MIB = 2**20
_FORM = "application/x-www-form-urlencoded"
_IMAGE_TYPES = {"image/png", "image/jpeg", "image/webp"}
_VIDEO_TYPES = {"video/mp4", "video/quicktime", "video/webm"}
_SUFFIXES = {"video/mp4": "mp4", "video/quicktime": "mov", "video/webm": "webm"}
_IMAGE_BYTES, _IMAGE_SIDE = 20 * MIB - 1, 10_000  # "less than 20 MB"
# The reference says 50 MB, the guides 100 MB (section 3.2): only sizes above both are refused.
_MEDIA_BYTES, _VIDEO_SIDE = 100 * MIB, 1920
_SECONDS = {"video": 30.0, "audio": 360.0}  # songs of music videos have up to 360 s (section 15)
_UNSEEN_SECONDS = 5.0  # assumed length of a clip from a URL, which is not fetched


@attrs.frozen
class Upload:
    """An uploaded file of an account."""

    owner: str
    clip: Clip
    content: bytes | None = attrs.field(repr=False)

    @property
    def seconds(self) -> float:
        """The length in seconds; assumed for a URL."""
        return self.clip.seconds or _UNSEEN_SECONDS


class Uploads:
    """`/image/upload` and `/media/upload`."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """Return the upload endpoints."""
        return [
            self._gate.route("POST", "/image/upload", ("upload",), self._image, word="Success"),
            self._gate.route("POST", "/media/upload", ("upload",), self._media),
        ]

    async def _image(self, call: Call) -> object:
        async with _part(call, "image", _IMAGE_BYTES, Refusal(500030)) as (content, url):
            clip = await asyncio.to_thread(probe, content) if content else _from_url(url)
            if clip is None:
                raise Refusal(500031)
            if clip.mime not in _IMAGE_TYPES:
                raise Refusal(500032)
            if max(clip.width, clip.height) > _IMAGE_SIDE:
                raise Refusal(500030)
            fault = self._gate.world.faults.take("moderate", call.phases, VENDOR)
            if fault is not None:
                raise Refusal(500052, fault["message"], lower_case=True)
            number, address = self._keep(call, clip, content, url)
        return {"img_id": number, "img_url": address}

    async def _media(self, call: Call) -> object:
        too_large = Refusal(400017, "file is larger than 100MB")
        async with _part(call, "file", _MEDIA_BYTES, too_large) as (content, url):
            clip = await asyncio.to_thread(probe, content) if content else _from_url(url)
            if clip is None or (clip.kind != "audio" and clip.mime not in _VIDEO_TYPES):
                raise Refusal(400017, "unsupported media type")
            if clip.seconds > (longest := _SECONDS[clip.kind]):
                raise Refusal(400017, f"media is longer than {longest:g} seconds")
            if max(clip.width, clip.height) > _VIDEO_SIDE:
                raise Refusal(400017, "video is larger than 1920 pixels")
            fault = self._gate.world.faults.take("moderate", call.phases, VENDOR)
            if fault is not None:
                raise Refusal(500063, fault["message"])
            number, address = self._keep(call, clip, content, url)
        return {"media_id": number, "media_type": clip.kind, "url": address}

    def _keep(self, call: Call, clip: Clip, content: IO[bytes] | None, url: str) -> tuple[int, str]:
        world = self._gate.world
        number = world.number()
        held = None
        if content is not None:
            content.seek(0)
            held = content.read()
            suffix = _SUFFIXES.get(clip.mime, clip.mime.partition("/")[2])
            path = f"/media/upload%2F{world.uuid()}.{suffix}"
            world.files.put(path, StoredFile(VENDOR, clip.mime, held))
            url = call.origin() + path
        world.keep(VENDOR, str(number), Upload(call.account.key, clip, held))
        return number, url


@asynccontextmanager
async def _part(
    call: Call, name: str, limit: int, too_large: Refusal
) -> AsyncIterator[tuple[IO[bytes] | None, str]]:
    """Read a file part or its `_url` twin; an empty one counts as not sent (section 1.7)."""
    if call.request.content_type == _FORM:
        yield None, await _form_url(call, name)
        return
    if call.request.content_type != "multipart/form-data":
        raise Refusal(400013)
    with SpooledTemporaryFile(max_size=4 * MIB) as spool:
        try:
            size, url = await _parts(call, name, spool, limit)
        except ValueError:
            raise Refusal(400013) from None
        if size > limit:
            raise too_large
        if not size and not url:
            raise Refusal(400011)
        if size and url:
            raise Refusal(400017)
        yield (spool if size else None), url


async def _parts(call: Call, name: str, spool: IO[bytes], limit: int) -> tuple[int, str]:
    """Read a file into the spool; return its size, and the URL of its twin."""
    size, url = 0, ""
    async for part in await call.request.multipart():
        if not isinstance(part, BodyPartReader):
            raise Refusal(400013)
        if part.name == name:
            size += await _copy(part, spool, limit)
        elif part.name == f"{name}_url":
            url = (await part.text()).strip()
        else:
            await part.release()
    return size, url


async def _form_url(call: Call, name: str) -> str:
    """Return the URL in a form, as the vendor's own client sends it (section 15)."""
    url = str((await call.request.post()).get(f"{name}_url", "")).strip()
    if not url:
        raise Refusal(400011)
    return url


async def _copy(part: BodyPartReader, spool: IO[bytes], limit: int) -> int:
    """Stream a part to the spool and return its size; bytes beyond the limit are dropped."""
    size = 0
    while chunk := await part.read_chunk(64 * 1024):
        size += len(chunk)
        if size <= limit:
            spool.write(chunk)
    return size


def _from_url(url: str) -> Clip | None:
    """Derive the type of a URL from its name; it is not fetched."""
    if not url.startswith(("http://", "https://")):
        raise Refusal(500042)
    mime, _ = mimetypes.guess_type(url.partition("?")[0])
    return Clip(mime) if mime else None
