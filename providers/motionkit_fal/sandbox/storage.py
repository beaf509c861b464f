"""Uploads: a signed address and a PUT, in parts if large; and the CDN's own way, with a token."""

from __future__ import annotations

import asyncio
import hashlib
import io

import attrs
from aiohttp import web

from motionkit.sandbox import Route
from motionkit.sandbox.clock import stamp
from motionkit.sandbox.files import StoredFile
from motionkit.sandbox.media import Clip, probe
from motionkit_fal.sandbox.gate import LOCKED, VENDOR, Call, Gate, Refusal

FILES = "/files/b"
_TOKEN = "sandbox-cdn-token"  # noqa: S105 - guards nothing
_LIFE = 300.0
_FILE_DAYS = 7 * 86400
_CDN = "v3b.fal.media"


@attrs.frozen
class Asset:
    """An uploaded file and its media facts."""

    content: bytes = attrs.field(repr=False)
    clip: Clip | None


@attrs.define(eq=False)
class _Pending:
    """An upload that was announced."""

    path: str
    mime: str
    large: bool
    parts: dict[int, bytes] = attrs.field(factory=dict)


class Storage:
    """The storage's REST endpoints and the CDN.

    Args:
        gate: The gateway.
        signed: The address of an upload has a signature as its query.
    """

    def __init__(self, gate: Gate, signed: bool) -> None:
        self._gate = gate
        self._signed = signed
        self._pending: dict[str, _Pending] = {}

    def routes(self) -> list[Route]:
        """Return the upload endpoints; what is signed needs no key and refuses one."""
        start, here = "/storage/upload/initiate", ("upload",)
        return [
            self._gate.route("POST", start, here, self._initiate),
            self._gate.route("POST", f"{start}-multipart", here, self._initiate),
            self._gate.route("POST", "/storage/auth/token", here, self._token),
            Route("PUT", "/put/{id}", self._put, ("put",)),
            Route("PUT", "/put/{id}/{number}", self._put_part, ("put",)),
            Route("POST", "/put/{id}/complete", self._complete, ("put",)),
            Route("POST", "/files/upload", self._cdn, ("put",)),
        ]

    async def _initiate(self, call: Call) -> web.StreamResponse:
        fields = await call.fields()
        if call.account.balance <= 0:
            raise Refusal(403, LOCKED)
        name, mime = str(fields.get("file_name", "")), str(fields.get("content_type", ""))
        if not name or not mime:
            raise Refusal(422, "file_name and content_type are required")
        world = self._gate.world
        upload = world.uuid()
        path = f"{FILES}/{upload[:8]}/{world.uuid()}_{name}"
        large = call.request.path.endswith("-multipart")
        self._pending[upload] = _Pending(path, mime, large)
        base = call.origin(_CDN)
        url = f"{base}/put/{upload}{'?signature=a%2Fb%3D&expires=3600' if self._signed else ''}"
        return web.json_response({"upload_url": url, "file_url": base + path})

    def _announced(self, request: web.Request, *, large: bool) -> _Pending | None:
        """Return an announced upload, if the signature is whole and no key came along."""
        whole = request.query.get("signature") == ("a/b=" if self._signed else None)
        if "Authorization" in request.headers or not whole:
            return None
        pending = self._pending.get(request.match_info["id"])
        return pending if pending is not None and pending.large is large else None

    async def _put(self, request: web.Request) -> web.StreamResponse:
        content, pending = await request.read(), self._announced(request, large=False)
        if pending is None:
            return web.Response(status=403, text="<Error>SignatureDoesNotMatch</Error>")
        await self._keep(pending.path, pending.mime, content)
        return web.Response()

    async def _put_part(self, request: web.Request) -> web.StreamResponse:
        content, pending = await request.read(), self._announced(request, large=True)
        number = request.match_info["number"]
        if pending is None or not number.isdecimal():
            return web.Response(status=403, text="<Error>SignatureDoesNotMatch</Error>")
        pending.parts[int(number)] = content
        return web.json_response({"partNumber": int(number), "etag": _tag(content)})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        pending = self._announced(request, large=True)
        if pending is None:
            return web.Response(status=403, text="<Error>SignatureDoesNotMatch</Error>")
        said = {one["partNumber"]: one["etag"] for one in (await request.json())["parts"]}
        if said != {number: _tag(part) for number, part in pending.parts.items()}:
            return web.Response(status=400, text="<Error>InvalidPart</Error>")
        whole = b"".join(pending.parts[number] for number in sorted(pending.parts))
        await self._keep(pending.path, pending.mime, whole)
        return web.Response()

    async def _token(self, call: Call) -> web.StreamResponse:
        if call.account.balance <= 0:
            raise Refusal(403, LOCKED)
        expires = stamp(self._gate.world.clock.now() + _LIFE)
        reply = {"token": _TOKEN, "token_type": "Bearer", "base_url": call.origin("v3.fal.media")}
        return web.json_response({**reply, "expires_at": expires})

    async def _cdn(self, request: web.Request) -> web.StreamResponse:
        content = await request.read()
        if request.headers.get("Authorization") != f"Bearer {_TOKEN}":
            return web.json_response({"detail": "Invalid token"}, status=401)
        name = request.headers.get("X-Fal-File-Name", "file")
        path = f"{FILES}/{self._gate.world.uuid()[:8]}/{name}"
        await self._keep(path, request.content_type, content)
        here = Call(request, self._gate.world.stranger(VENDOR), ())
        return web.json_response({"access_url": here.origin(_CDN) + path})

    async def _keep(self, path: str, mime: str, content: bytes) -> None:
        clip = await asyncio.to_thread(probe, io.BytesIO(content))
        world = self._gate.world
        world.keep(VENDOR, path, Asset(content, clip))
        expires = world.clock.now() + _FILE_DAYS
        world.files.put(path, StoredFile(VENDOR, mime, content, expires))


def _tag(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
