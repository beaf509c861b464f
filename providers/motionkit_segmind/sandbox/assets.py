"""Uploads: `POST /upload-asset`."""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
import mimetypes
from typing import Literal, TypeAlias

import attrs
from aiohttp import web

from motionkit.sandbox import Route
from motionkit.sandbox.files import StoredFile
from motionkit.sandbox.media import Clip, probe
from motionkit_segmind.sandbox.gate import VENDOR, Call, Gate, Refusal

UploadAnswer: TypeAlias = Literal["file_urls", "urls", "both"]
_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "video/mp4": ".mp4"}


@attrs.frozen
class Asset:
    """An uploaded file and its media facts."""

    mime: str
    content: bytes = attrs.field(repr=False)
    clip: Clip | None


class Assets:
    """`/upload-asset`.

    Args:
        gate: The gateway.
        answer: Key of the URLs in the response: the SDK reads `file_urls`, the docs show `urls`.
    """

    def __init__(self, gate: Gate, answer: UploadAnswer) -> None:
        self._gate = gate
        self._answer = answer

    def routes(self) -> list[Route]:
        """Return the upload endpoint."""
        return self._gate.route("POST", "/upload-asset", ("upload",), self._upload)

    async def _upload(self, call: Call) -> web.StreamResponse:
        data_urls = (await call.fields()).get("data_urls")
        if not isinstance(data_urls, list) or not data_urls:
            raise Refusal(400, "data_urls must be a non-empty list")
        assets = [await asyncio.to_thread(_read, data_url) for data_url in data_urls]
        if None in assets:
            raise Refusal(400, "data_urls must hold base64 data URLs")
        urls = [call.origin() + self._keep(asset) for asset in assets if asset]
        reply: dict[str, object] = {"message": "Files uploaded successfully"}
        if self._answer != "urls":
            reply["file_urls"] = urls
        if self._answer != "file_urls":
            reply["urls"] = urls
        return web.json_response(reply)

    def _keep(self, asset: Asset) -> str:
        world = self._gate.world
        suffix = _SUFFIXES.get(asset.mime) or mimetypes.guess_extension(asset.mime) or ".bin"
        path = f"/assets/{world.uuid()}{suffix}"
        world.keep(VENDOR, path, asset)
        world.files.put(path, StoredFile(VENDOR, asset.mime, asset.content))
        return path


def _read(data_url: object) -> Asset | None:
    if not isinstance(data_url, str) or not data_url.startswith("data:"):
        return None
    head, separator, text = data_url.partition(";base64,")
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    if not separator or not content:
        return None
    return Asset(head.removeprefix("data:"), content, probe(io.BytesIO(content)))
