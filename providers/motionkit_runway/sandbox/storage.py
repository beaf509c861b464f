"""Uploads that live for a day: a form of signed fields, filled in at the storage's host."""

from __future__ import annotations

import asyncio
import hashlib
import io
from typing import Any

import attrs
from aiohttp import BodyPartReader, web

from motionkit.sandbox import Account, Route
from motionkit.sandbox.media import Clip, probe
from motionkit_runway.sandbox.gate import VENDOR, Call, Gate, Refusal, invalid
from motionkit_runway.sandbox.schema import Findings, choice, must, record, text

SCHEME = "runway://"
_HOST = "runway-uploads.s3.amazonaws.com"
_DAY = 86400.0
_SMALLEST, _LARGEST = 512, 200 * 2**20
_BODY = record({"filename": must(text(255)), "type": must(choice("ephemeral"))})


@attrs.define(eq=False)
class Asset:
    """An upload; it has no content before the form arrives.

    Attributes:
        account: Who announced it.
        form: The fields that the storage expects, in this order, before the file.
        expires: Vendor time at which it is gone.
    """

    account: Account
    form: dict[str, str]
    expires: float
    content: bytes | None = attrs.field(default=None, repr=False)
    clip: Clip | None = None


class Storage:
    """`POST /v1/uploads`, and the storage's own host."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """Return the endpoints; the storage needs no key and refuses one."""
        return [
            *self._gate.routes("/v1/uploads", {"POST": (self._announce, "upload")}),
            Route("POST", "/ephemeral-uploads/{id}", self._store, ("put",)),
        ]

    def asset(self, account: Account, uri: str) -> Asset | None:
        """Return an account's upload, if its bytes are here and its day is not over."""
        found: Asset | None = self._gate.world.upload(VENDOR, uri)
        if found is None or found.account is not account or found.content is None:
            return None
        return found if self._gate.world.clock.now() < found.expires else None

    def expire(self, account: Account, uri: str) -> None:
        """End the life of an account's upload."""
        found = self.asset(account, uri) if uri.startswith(SCHEME) else None
        if found is not None:
            found.expires = self._gate.world.clock.now()

    async def _announce(self, call: Call) -> web.StreamResponse:
        fields = await call.fields()
        findings = Findings()
        _BODY(findings, fields, ())
        name = str(fields.get("filename"))
        if not findings.issues and (len(name) < 3 or not all(name.rpartition(".")[::2])):
            findings.issue(("filename",), "custom", "A name of 3 characters with an extension")
        if findings.issues:
            raise invalid(findings.issues)
        world, account = self._gate.world, call.account
        if not account.balance and not account.charged:
            raise Refusal(403, "Uploads are open to organizations that bought credits.")
        if account.over_rate(world.clock.now()) is not None:
            raise Refusal(429, "Too many uploads. Try again later.")
        uri, key = f"{SCHEME}{world.uuid()}", world.uuid()
        policy = hashlib.sha256(key.encode()).hexdigest()
        form = {"key": f"ephemeral/{key}", "policy": policy, "x-amz-signature": policy[::-1]}
        asset = Asset(account, form, world.clock.now() + _DAY)
        world.keep(VENDOR, uri, asset)
        world.keep(VENDOR, key, asset)
        url = f"{call.origin(_HOST)}/ephemeral-uploads/{key}"
        return web.json_response({"uploadUrl": url, "fields": form, "runwayUri": uri})

    async def _store(self, request: web.Request) -> web.StreamResponse:
        """Take a form whose file comes last."""
        found: Asset | None = self._gate.world.upload(VENDOR, request.match_info["id"])
        sent: dict[str, str] = {}
        content: bytes | None = None
        late = False
        if request.content_type == "multipart/form-data":
            async for part in await request.multipart():
                if not isinstance(part, BodyPartReader):
                    continue
                late = late or content is not None
                if part.name == "file":
                    content = bytes(await part.read())
                else:
                    sent[part.name or ""] = await part.text()
        else:
            await request.read()
        if found is None or "Authorization" in request.headers:
            return _refused(403, "AccessDenied")
        if content is None or late:
            return _refused(400, "InvalidArgument")
        if {name: sent.get(name) for name in found.form} != found.form:
            return _refused(403, "SignatureDoesNotMatch")
        if not _SMALLEST <= len(content) <= _LARGEST:
            return _refused(400, "EntityTooLarge" if len(content) > _LARGEST else "EntityTooSmall")
        found.clip = await asyncio.to_thread(probe, io.BytesIO(content))
        found.content = content
        return web.Response(status=204)


def _refused(status: int, code: str) -> web.Response:
    body: Any = f"<Error><Code>{code}</Code></Error>"
    return web.Response(status=status, text=body, content_type="application/xml")
