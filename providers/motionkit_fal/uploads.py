"""Upload a file: ask for an address, then PUT the file there, in parts if it is large.

The address is signed and needs no key, so none is sent there. Vendor documentation:
https://fal.ai/docs/documentation/model-apis/fal-cdn; the parts are those of the official client
(@fal-ai/client 1.10.1).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs

from motionkit.errors import ConfigError, InvalidRequest, ProtocolError
from motionkit.model import containers, media, probe
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
        http: The account's session, which has the origin ``rest``.
        responses: How the account's responses are read.
        uploads: The core's limiter and timeout.
    """

    http: Session
    responses: Responses
    uploads: Uploads

    def call(self, facts: probe.Facts) -> Call:
        """Return the call that asks for an address."""
        large = (facts.size or 0) > ONE_PIECE
        extension = facts.container or "bin"
        return Call(
            "POST",
            f"{_START}-multipart" if large else _START,
            origin="rest",
            query={"storage_type": "fal-cdn-v3"},
            json={"file_name": f"upload.{extension}", "content_type": _mime(facts)},
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
        if not isinstance(target, str) or not _is_address(address):
            raise self._strange("has no upload_url or no file_url")
        with_key, path, query = self._pinned(target)
        try:
            if call.path == _START:
                body = Stream(b"", content, b"", facts)
                self._put(with_key, Call("PUT", path, query=query), body, _mime(facts))
            else:
                self._put_parts(with_key, path, query, content, facts)
        finally:
            with_key.close()
        return str(address)

    def _pinned(self, target: str) -> tuple[Session, str, dict[str, str]]:
        """Return a session without the key for a signed address, its path and its query."""
        origin = self.http.origins["rest"]
        parts = urlsplit(target)
        host = parts.hostname or ""
        known = any(host == one or host.endswith(f".{one}") for one in HOSTS)
        public = parts.scheme == "https" and known and parts.port in {None, 443}
        if not public and f"{parts.scheme}://{parts.netloc}" != _origin(origin):
            raise self._strange("names a host that is not the vendor's")
        try:
            keyless = Session(
                provider=self.responses.context["provider"],
                account=self.responses.context["account"],
                origins={"api": f"{parts.scheme}://{parts.netloc}"},
                auth={},
                limiter=self.uploads.limiter,
            )
        except ConfigError as error:
            raise self._strange("names no usable address") from error
        return keyless, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))

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

    def _put_parts(
        self,
        http: Session,
        path: str,
        query: Mapping[str, str],
        content: media.File | media.Data,
        facts: probe.Facts,
    ) -> None:
        """Send the parts one by one; complete the upload only if the file did not change."""
        parts: list[dict[str, Any]] = []
        digest = hashlib.sha256()
        with probe.open_content(content) as source:
            while block := source.read(PART):
                digest.update(block)
                number = len(parts) + 1
                call = Call("PUT", f"{path}/{number}", query=query)
                answer = self._put(http, call, io.BytesIO(block), _mime(facts))
                parts.append({"partNumber": number, "etag": _etag(answer)})
        if digest.hexdigest() != facts.sha256:
            raise InvalidRequest(
                f"{facts.label} changed while it was sent; nothing was submitted",
                field="media",
                value=facts.label,
            )
        done = Call("POST", f"{path}/complete", query=query, json={"parts": parts})
        self._put(http, done, None, "application/json")

    def _strange(self, what: str) -> ProtocolError:
        context = self.responses.context
        return ProtocolError(f"{context['account']}: the upload's response {what}", **context)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("https://", "http://"))


def _mime(facts: probe.Facts) -> str:
    return containers.CONTENT_TYPES.get(facts.container or "", "application/octet-stream")


def _etag(answer: Response) -> str | None:
    """Return a part's tag: the official clients read it from the body or from the head."""
    tag = answer.headers.get("etag") or content_of(answer).get("etag")
    return tag if isinstance(tag, str) else None
