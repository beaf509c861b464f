"""Cassettes: recorded HTTP responses, matched by body and scrubbed of secrets.

vcrpy records them. In addition, bodies are matched (multipart by fields and file digests, since
boundaries are random), secrets are scrubbed before they are written, the head of each file says
where, when and with which version it was recorded, and a replay opens no socket. A replay runs at
the time of the recording, because requests contain dates.
"""

from __future__ import annotations

import datetime as dt
import email.parser
import email.policy
import hashlib
import json
import re
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast
from unittest import mock

import time_machine
import vcr
import vcr.request
import vcr.stubs
import vcr.stubs.urllib3_stubs
from vcr.serializers import yamlserializer

from motionkit.errors import ConfigError
from motionkit.http import (
    TrackedHTTPConnection,
    TrackedHTTPPool,
    TrackedHTTPSConnection,
    TrackedHTTPSPool,
)

REQUEST_HEADERS = frozenset({"content-type", "accept"})
"""The recorded headers of a request."""
RESPONSE_HEADERS = frozenset(
    {"content-type", "retry-after", "x-rate-limit-reset-at-utc", "content-length", "location"}
)
"""The recorded headers of a response; an adapter that reads others names them."""
_SIGNED = re.compile(rb"(https?://[^\s\"'?\\]+)\?[^\s\"'\\]*")
_ACCOUNT = re.compile(rb'("account_id"\s*:\s*)"?\d+"?')
_FORM = rb"policy|x-amz-signature|x-amz-credential|x-amz-security-token"
_FORM_FIELD = re.compile(rb'("(?:' + _FORM + rb')"\s*:\s*)"[^"]*"', re.IGNORECASE)
_FORM_PART = re.compile(rb'(name="(?:' + _FORM + rb')"\r\n\r\n)[^\r]*', re.IGNORECASE)
"""Fields of the signed form of an upload to a storage, in a response and in the form."""
_BOUNDARY = re.compile(r"multipart/form-data; boundary=(\S+)")
_FIXED_BOUNDARY = "recorded"
_MATCH_ON = ["method", "scheme", "host", "port", "path", "query", "whole_body"]


class _VCRTrackedHTTP(
    vcr.stubs.urllib3_stubs.VCRRequestsHTTPConnection  # type: ignore[misc]  # vcrpy is untyped
):
    _baseclass = TrackedHTTPConnection


class _VCRTrackedHTTPS(
    vcr.stubs.urllib3_stubs.VCRRequestsHTTPSConnection  # type: ignore[misc]  # vcrpy is untyped
):
    _baseclass = TrackedHTTPSConnection


class BlockedSocketError(RuntimeError):
    """A replayed test tried to open a connection."""


@contextmanager
def no_sockets() -> Iterator[None]:
    """Refuse every connection."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise BlockedSocketError("replayed tests open no socket")

    with (
        mock.patch.object(socket.socket, "connect", refuse),
        mock.patch.object(socket.socket, "connect_ex", refuse),
        mock.patch.object(socket, "getaddrinfo", refuse),
    ):
        yield


def head(path: Path) -> dict[str, str]:
    """Return the head of a cassette.

    Raises:
        ConfigError: The cassette or its head is missing.
    """
    if not path.is_file():
        raise ConfigError(f"{path.name} is not recorded; run pytest --record=sandbox")
    recorded = yamlserializer.deserialize(path.read_text("utf-8")).get("recorded")
    if not isinstance(recorded, dict):
        raise ConfigError(f"{path.name} does not say where it was recorded")
    return cast("dict[str, str]", recorded)


def recorded_at(path: Path) -> dt.datetime:
    """Return when the recording of a cassette began; noon UTC where only the day is known.

    Raises:
        ConfigError: The cassette or its head is missing.
    """
    when = dt.datetime.fromisoformat(head(path)["when"])
    return when if when.tzinfo else when.replace(hour=12, tzinfo=dt.UTC)


class _Headed:
    """vcrpy's YAML with a head."""

    def __init__(self, where: str, origin: str) -> None:
        self._recorded = {
            "where": where,
            "origin": origin,
            "when": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "motionkit": version("motionkit"),
        }

    def serialize(self, cassette: dict[str, Any]) -> str:
        """Return the text of the file."""
        head = yamlserializer.serialize({"recorded": self._recorded})
        return cast("str", head + yamlserializer.serialize(cassette))

    @staticmethod
    def deserialize(text: str) -> Any:
        """Return the content of the file."""
        return yamlserializer.deserialize(text)


@contextmanager
def replaying(path: Path, headers: Collection[str] = ()) -> Iterator[None]:
    """Replay a cassette at the time of its recording; `headers` are as for `recording`.

    Raises:
        AssertionError: An interaction was recorded and not played.
        ConfigError: The cassette or its head is missing.
    """
    recorder = _recorder("none", _Headed("", ""), headers)
    with (
        time_machine.travel(recorded_at(path)),
        no_sockets(),
        recorder.use_cassette(str(path)) as cassette,
    ):
        yield
    unplayed = [
        pair[0] for at, pair in enumerate(cassette.data) if not cassette.play_counts.get(at)
    ]
    left = [f"{request.method} {request.path}" for request in unplayed]
    assert not left, f"recorded and not played: {left}"


@contextmanager
def recording(
    path: Path, *, where: str, origin: str, headers: Collection[str] = ()
) -> Iterator[None]:
    """Record a new cassette; `headers` are further headers of responses, in lower case."""
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _recorder("all", _Headed(where, origin), headers).use_cassette(str(path)):
        yield
    if not path.exists():  # a test without calls has an empty cassette
        empty = {"version": 1, "interactions": []}
        path.write_text(_Headed(where, origin).serialize(empty), "utf-8")


def _recorder(mode: str, serializer: _Headed, headers: Collection[str]) -> Any:
    recorder = vcr.VCR(
        record_mode=mode,
        serializer="headed",
        decode_compressed_response=True,
        before_record_request=_scrubbed_request,
        before_record_response=partial(_scrubbed_response, RESPONSE_HEADERS | {*headers}),
        custom_patches=(
            (TrackedHTTPPool, "ConnectionCls", _VCRTrackedHTTP),
            (TrackedHTTPSPool, "ConnectionCls", _VCRTrackedHTTPS),
        ),
    )
    recorder.register_serializer("headed", serializer)
    recorder.register_matcher("whole_body", _same_body)
    recorder.match_on = _MATCH_ON
    return recorder


def _scrubbed_request(request: Any) -> Any:
    if "/_sandbox/" in request.path:
        return None
    headers = {
        name: value for name, value in request.headers.items() if name.lower() in REQUEST_HEADERS
    }
    body = request.body_bytes
    boundary = _BOUNDARY.search(str(headers.get("Content-Type", "")))
    if boundary is not None:  # a fixed one keeps recordings comparable
        headers["Content-Type"] = f"multipart/form-data; boundary={_FIXED_BOUNDARY}"
        body = body.replace(boundary[1].encode(), _FIXED_BOUNDARY.encode())
        body = _FORM_PART.sub(rb"\1scrubbed", body)
    return vcr.request.Request(request.method, request.uri, body, headers)


def _scrubbed_response(kept: Collection[str], response: dict[str, Any]) -> dict[str, Any]:
    response["headers"] = {
        name: values for name, values in response["headers"].items() if name.lower() in kept
    }
    body = _SIGNED.sub(rb"\1", response["body"]["string"])
    body = _FORM_FIELD.sub(rb'\1"scrubbed"', body)
    response["body"]["string"] = _ACCOUNT.sub(rb"\g<1>100000001", body)
    return response


def _same_body(one: Any, other: Any) -> None:
    left, right = _content(one), _content(other)
    assert left == right, f"{left} != {right}"


def _content(request: Any) -> Any:
    """Return a comparable body: JSON, form fields and digests, or bytes."""
    body = request.body_bytes or b""
    kind = str(request.headers.get("Content-Type", ""))
    if kind.startswith("application/json"):
        return json.loads(body)
    if kind.startswith("multipart/form-data"):
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
            f"Content-Type: {kind}\r\n\r\n".encode() + body
        )
        return sorted(_part(part) for part in message.iter_parts())
    return body


def _part(part: Any) -> tuple[str, ...]:
    content = part.get_payload(decode=True) or b""
    return (
        str(part.get_param("name", header="content-disposition")),
        str(part.get_filename()),
        str(part.get_content_type()),
        hashlib.sha256(content).hexdigest(),
    )
