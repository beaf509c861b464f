"""Upload a file: ask for an address, then PUT the file there, in parts if it is large.

The address is signed and needs no key, so none is sent there. Vendor documentation:
https://fal.ai/docs/documentation/model-apis/fal-cdn; the parts are those of the official client
(@fal-ai/client 1.10.1).
"""

from __future__ import annotations

import io
from typing import Any

import attrs

from motionkit.model import media, probe
from motionkit.model.submission import Call
from motionkit.provider import (
    UPLOAD_IDLE,
    Body,
    Phase,
    Response,
    Responses,
    Session,
    Stream,
    Uploads,
    content_of,
    content_type,
    signed_address,
    upload_name,
)

ONE_PIECE = 90 * 1024 * 1024
"""Bytes; the official client sends a larger file in parts."""
PART = 10 * 1024 * 1024
"""Bytes of a part, as in the official client."""
HOSTS = ("fal.media", "fal.ai", "storage.googleapis.com")
"""Hosts, with their subdomains, that a signed address may name."""
_START = "/storage/upload/initiate"


@attrs.frozen
class Storage:
    """One account's uploads.

    Attributes:
        http: The account's session, which has the origin ``upload``.
        responses: How the account's responses are read.
        uploads: The core's limiter and timeout.
    """

    http: Session
    responses: Responses
    uploads: Uploads

    def call(self, facts: probe.Facts) -> Call:
        """Return the call that asks for an address."""
        large = (facts.size or 0) > ONE_PIECE
        return Call(
            "POST",
            f"{_START}-multipart" if large else _START,
            origin="upload",
            query={"storage_type": "fal-cdn-v3"},
            json={"file_name": upload_name(facts), "content_type": content_type(facts)},
            files={"file": facts.shown},
        )

    def send(self, call: Call, content: media.File | media.Data, facts: probe.Facts) -> str:
        """Upload a file once and return its address.

        Raises:
            MotionKitError: With ``billed=NO``.
        """
        answer = self.http.send(attrs.evolve(call, files={}))
        reply = self.responses.unwrap(answer, Phase.UPLOAD, call)
        target, address = reply.get("upload_url"), reply.get("file_url")
        if not isinstance(address, str) or not address.startswith(("https://", "http://")):
            raise self.responses.missing("file_url", {}, Phase.UPLOAD)
        body, own = Stream(b"", content, b"", facts), self.http
        with signed_address(target, "PUT", own, self.uploads, "upload", hosts=HOSTS) as (http, put):
            if call.path == _START:
                self._put(http, put, body, content_type(facts))
            else:
                self._put_parts(http, put, body, content_type(facts))
        return address

    def _put(self, http: Session, call: Call, body: Body | None, mime: str) -> Response:
        answer = http.send(
            call,
            body=body,
            headers={"Content-Type": mime, "Accept": "*/*"},
            timeout=self.uploads.timeout,
            idle=UPLOAD_IDLE,
        )
        if not 200 <= answer.status < 300:
            raise self.responses.refusal(answer, Phase.UPLOAD, call, {})
        return answer

    def _put_parts(self, http: Session, put: Call, body: Stream, mime: str) -> None:
        """Send the parts one by one; complete the upload only if the file did not change."""
        parts: list[dict[str, Any]] = []
        for number, block in enumerate(body.parts(PART), 1):
            call = attrs.evolve(put, path=f"{put.path}/{number}")
            answer = self._put(http, call, io.BytesIO(block), mime)
            parts.append({"partNumber": number, "etag": _etag(answer)})
        done = Call("POST", f"{put.path}/complete", query=put.query, json={"parts": parts})
        self._put(http, done, None, "application/json")


def _etag(answer: Response) -> str | None:
    """Return a part's tag: the official clients read it from the body or from the head."""
    tag = answer.headers.get("etag") or content_of(answer).get("etag")
    return tag if isinstance(tag, str) else None
