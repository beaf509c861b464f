"""Uploaded files: kept for an hour, usable as input by their address."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import io
import json
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import attrs
from aiohttp import BodyPartReader, web

from motionkit.sandbox import Account, Route
from motionkit.sandbox.clock import stamp
from motionkit.sandbox.media import Clip, probe
from motionkit_replicate.sandbox.gate import Call, Gate, Missing, Refusal, invalid, page

FILE_LIFE = 3600.0
SIGNING = b"sandbox-files"
"""Signs the addresses of downloads."""
_LARGEST = 100 * 10**6
_PATH = "/v1/files/"


@attrs.define(eq=False)
class Asset:
    """An uploaded file, or one inside a data URL, with its media facts."""

    content: bytes = attrs.field(repr=False)
    clip: Clip | None
    account: Account | None = None
    data: dict[str, Any] = attrs.field(factory=dict)
    expires: float = float("inf")
    deleted: bool = False

    def lives(self, when: float) -> bool:
        """Return whether the file can be read at vendor time `when`."""
        return not self.deleted and when < self.expires


class Storage:
    """The endpoints of files.

    Args:
        gate: The gateway.
        size: Files in a page of the list.
    """

    def __init__(self, gate: Gate, size: int) -> None:
        self._gate = gate
        self._size = size
        self._assets: dict[str, Asset] = {}

    def routes(self) -> list[Route]:
        """Return the endpoints of files."""
        route, one, here = self._gate.route, "/files/{id}", ("file",)
        return [
            route("POST", "/files", ("upload",), self._create),
            route("GET", "/files", here, self._list),
            route("GET", one, here, self._get),
            route("DELETE", one, here, self._delete),
            Route("GET", f"{_PATH}{{id}}/download", self._download, here),
        ]

    async def asset(self, call: Call, value: str) -> Asset | None:
        """Return the file of an address: in a data URL or uploaded here; None for any other."""
        if value.startswith("data:"):
            head, _, text = value.partition(",")
            raw = unquote_to_bytes(text)
            try:
                content = base64.b64decode(raw) if head.endswith(";base64") else raw
            except binascii.Error:
                content = b""
            return Asset(content, await asyncio.to_thread(probe, io.BytesIO(content)))
        if not value.startswith(call.api + "/files/"):
            return None
        asset = self._assets.get(urlsplit(value).path.removeprefix(_PATH))
        if asset is not None and asset.account is not call.account:
            return Asset(b"", None, deleted=True)
        return asset

    async def _create(self, call: Call) -> web.StreamResponse:
        if not call.request.content_type.startswith("multipart/"):
            raise Refusal(400, "Bad request", "The body has to be multipart/form-data")
        content: bytes | None = None
        texts = {"filename": "", "type": "", "metadata": "{}"}
        async for part in await call.request.multipart():
            if not isinstance(part, BodyPartReader):
                raise Refusal(400, "Bad request", "A part is itself multipart")
            if part.name == "content":
                texts["filename"] = texts["filename"] or part.filename or "file"
                texts["type"] = texts["type"] or part.headers.get("Content-Type", "")
                content = bytes(await part.read())
            elif part.name in texts:
                texts[part.name] = (await part.text()).strip()
            else:
                text = f"Additional property {part.name} is not allowed"
                raise invalid("additional_property_not_allowed", "(root)", text)
        if content is None:
            raise invalid("required", "(root)", "content is required")
        if len(content) >= _LARGEST:
            raise Missing(413, "Files must be less than 100MB in size")
        try:
            metadata = json.loads(texts["metadata"])
        except ValueError:
            raise invalid("invalid_type", "metadata", "Invalid type. Expected: object") from None
        clip = await asyncio.to_thread(probe, io.BytesIO(content))
        now, file = self._gate.world.clock.now(), self._gate.name()
        digest = hashlib.sha256(content).hexdigest()
        data = {
            "id": file,
            "name": texts["filename"],
            "content_type": texts["type"] or "application/octet-stream",
            "size": len(content),
            "etag": digest[:32],
            "checksums": {"sha256": digest},
            "metadata": metadata,
            "created_at": stamp(now),
            "expires_at": stamp(now + FILE_LIFE),
        }
        asset = Asset(content, clip, call.account, data, now + FILE_LIFE)
        self._assets[file] = asset
        return web.json_response(_shown(call, asset), status=201)

    async def _list(self, call: Call) -> web.StreamResponse:
        rows = [
            (name, _shown(call, asset))
            for name, asset in reversed(self._assets.items())
            if asset.account is call.account and asset.lives(self._gate.world.clock.now())
        ]
        return page(call, rows, self._size)

    async def _get(self, call: Call) -> web.StreamResponse:
        return web.json_response(_shown(call, self._find(call)))

    async def _delete(self, call: Call) -> web.StreamResponse:
        self._find(call).deleted = True
        return web.Response(status=204)

    def _find(self, call: Call) -> Asset:
        asset = self._assets.get(call.request.match_info["id"])
        now = self._gate.world.clock.now()
        if asset is None or asset.account is not call.account or not asset.lives(now):
            raise Missing
        return asset

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """Serve a file to who has a signed address: it takes the place of a token."""
        asked, name = request.query, request.match_info["id"]
        asset, now = self._assets.get(name), self._gate.world.clock.now()
        if asset is None or asset.account is None or not asset.lives(now):
            return web.json_response({"detail": "Not found"}, status=404)
        expiry = asked.get("expiry", "0")
        wanted = signed(asset.account.label, name, expiry)
        whole = asked.get("owner") == asset.account.label and asked.get("signature") == wanted
        if not whole or not expiry.isdecimal() or int(expiry) < now:
            return web.json_response({"detail": "Invalid signature"}, status=403)
        return web.Response(body=asset.content, content_type=asset.data["content_type"])


def signed(owner: str, file: str, expiry: object) -> str:
    """Return the signature of a download's address."""
    text = f"{owner} {file} {expiry}".encode()
    return base64.b64encode(hmac.new(SIGNING, text, hashlib.sha256).digest()).decode()


def _shown(call: Call, asset: Asset) -> dict[str, Any]:
    return {**asset.data, "urls": {"get": f"{call.api}/files/{asset.data['id']}"}}
