"""Upload a file: ask for a form, then POST its fields and the file to the storage that it names.

The storage needs no key, so none is sent there. An upload can be used for 24 hours, which is longer
than the core keeps one. Vendor documentation: https://docs.dev.runwayml.com/assets/uploads
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs

from motionkit.errors import ConfigError, ProtocolError
from motionkit.model import containers, media, probe
from motionkit.model.submission import Call
from motionkit.provider import (
    UPLOAD_IDLE,
    Phase,
    Responses,
    Session,
    Stream,
    Uploads,
    content_of,
    form,
)
from motionkit_runway._tables import LEAST_UPLOAD, VERSION


def api(method: str, path: str, json: Any = None, *, paid: bool = False) -> Call:
    """Return a call of the API, with the version that every call names."""
    return Call(method, path, headers={"X-Runway-Version": VERSION}, json=json, paid=paid)


def inlined(reference: media.Ref, facts: probe.Facts) -> media.Uploaded | None:
    """Return a file that is too small for an upload as a data URI; None for any other."""
    if not isinstance(reference, media.File | media.Data):
        return None
    if facts.size is None or facts.size >= LEAST_UPLOAD:
        return None
    with probe.open_content(reference) as source:
        content = base64.b64encode(source.read()).decode()
    return media.Uploaded(f"data:{_mime(facts)};base64,{content}")


@attrs.frozen
class Storage:
    """One account's uploads.

    Attributes:
        http: The account's session.
        responses: How its responses are read.
        uploads: The core's limiter and timeout.
    """

    http: Session
    responses: Responses
    uploads: Uploads

    def call(self, facts: probe.Facts) -> Call:
        """Return the call that asks for a form."""
        body = {"filename": _name(facts), "type": "ephemeral"}
        return attrs.evolve(api("POST", "/v1/uploads", body), files={"file": facts.shown})

    def send(self, call: Call, content: media.File | media.Data, facts: probe.Facts) -> str:
        """Upload a file once and return its address, ``runway://...``.

        Raises:
            MotionKitError: With ``billed=NO``.
        """
        answer = self.http.send(attrs.evolve(call, files={}))
        reply = self.responses.unwrap(answer, Phase.UPLOAD, call)
        target, fields, address = (reply.get(one) for one in ("uploadUrl", "fields", "runwayUri"))
        if not isinstance(address, str) or not address.startswith("runway://"):
            raise self.responses.missing("runwayUri", {}, Phase.UPLOAD)
        if not isinstance(target, str) or not isinstance(fields, Mapping):
            raise self.responses.missing("uploadUrl or no fields", {}, Phase.UPLOAD)
        storage, post = self._storage(target)
        body, kind = _form({name: str(value) for name, value in fields.items()}, content, facts)
        try:
            stored = storage.send(
                post,
                body=body,
                headers={"Content-Type": kind, "Accept": "*/*"},
                timeout=self.uploads.timeout,
                idle=UPLOAD_IDLE,
            )
        finally:
            storage.close()
        if not 200 <= stored.status < 300:
            raise self.responses.refusal(stored, Phase.UPLOAD, post, content_of(stored))
        return address

    def _storage(self, target: str) -> tuple[Session, Call]:
        """Return a session without the key for the storage's address, and the call.

        No page names its host, so any with a public name is accepted; on this machine only where
        the API is here, too.
        """
        context = self.responses.context
        parts, own = urlsplit(target), urlsplit(self.http.origins["api"])
        host = parts.hostname or ""
        named = "." in host and not host.replace(".", "").isdecimal() and parts.scheme == "https"
        origin = f"{parts.scheme}://{parts.netloc}" if named or host == own.hostname else ""
        try:
            keyless = Session(
                provider=context["provider"],
                account=context["account"],
                origins={"api": origin},
                auth={},
                limiter=self.uploads.limiter,
            )
        except ConfigError as error:
            text = f"{context['account']}: the upload's response names no usable address"
            raise ProtocolError(text, **context) from error
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return keyless, Call("POST", parts.path or "/", query=query)


def _form(
    fields: Mapping[str, str], content: media.File | media.Data, facts: probe.Facts
) -> tuple[Stream, str]:
    """Return a form whose last part is the file, and its content type."""
    written, kind = form(fields)
    boundary = kind.partition("boundary=")[2]
    end = f"--{boundary}--\r\n".encode()
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{_name(facts)}"'
    head = f"{part}\r\nContent-Type: {_mime(facts)}\r\n\r\n".encode()
    return Stream(written.read().removesuffix(end) + head, content, b"\r\n" + end, facts), kind


def _name(facts: probe.Facts) -> str:
    return f"upload.{facts.container or 'bin'}"


def _mime(facts: probe.Facts) -> str:
    return containers.CONTENT_TYPES.get(facts.container or "", "application/octet-stream")
