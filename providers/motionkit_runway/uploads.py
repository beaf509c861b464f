"""Upload a file: ask for a form, then POST its fields and the file to the storage that it names.

The storage needs no key, so none is sent there. An upload can be used for 24 hours, which is longer
than the core keeps one. Vendor documentation: https://docs.dev.runwayml.com/assets/uploads
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import attrs

from motionkit.model import media, probe
from motionkit.model.submission import Call
from motionkit.provider import (
    UPLOAD_IDLE,
    Phase,
    Responses,
    Session,
    Stream,
    Uploads,
    content_of,
    content_type,
    form,
    signed_address,
    upload_name,
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
    return media.Uploaded(f"data:{content_type(facts)};base64,{content}")


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
        body = {"filename": upload_name(facts), "type": "ephemeral"}
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
        if not isinstance(fields, Mapping):
            raise self.responses.missing("fields", {}, Phase.UPLOAD)
        body, kind = _form({name: str(value) for name, value in fields.items()}, content, facts)
        # No page names the storage's host.
        with signed_address(target, "POST", self.http, self.uploads) as (storage, post):
            stored = storage.send(
                post,
                body=body,
                headers={"Content-Type": kind, "Accept": "*/*"},
                timeout=self.uploads.timeout,
                idle=UPLOAD_IDLE,
            )
        if not 200 <= stored.status < 300:
            raise self.responses.refusal(stored, Phase.UPLOAD, post, content_of(stored))
        return address


def _form(
    fields: Mapping[str, str], content: media.File | media.Data, facts: probe.Facts
) -> tuple[Stream, str]:
    """Return a form whose last part is the file, and its content type."""
    written, kind = form(fields)
    boundary = kind.partition("boundary=")[2]
    end = f"--{boundary}--\r\n".encode()
    name = upload_name(facts)
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"'
    head = f"{part}\r\nContent-Type: {content_type(facts)}\r\n\r\n".encode()
    return Stream(written.read().removesuffix(end) + head, content, b"\r\n" + end, facts), kind
