"""HTTP as motionkit needs it: what left, what came, within a deadline, within bounds.

Built on requests' transport adapters (``HTTPAdapter.send``), not on its sessions: no redirect is
followed, no cookie kept, no ``.netrc`` read, so a key goes to the configured origins and nowhere
else. The connections themselves note what left; see `motionkit.connection`.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import hashlib
import ipaddress
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Protocol, cast
from urllib.parse import quote, urlencode, urlsplit

import attrs
import requests
import urllib3.exceptions

from motionkit.connection import Transport, Watch, watching
from motionkit.errors import Billed, ConfigError, ProtocolError, ProviderUnavailable
from motionkit.model import Call
from motionkit.redaction import Secret, redact

JSON_LIMIT = 8 * 1024 * 1024
"""Bytes: a larger answer is refused."""
CONNECT_TIMEOUT = 10.0
"""Seconds to connect."""
CALL_TIMEOUT = 60.0
"""Seconds for a whole call that carries no file."""
MAX_RETRY_AFTER = 86_400
"""Seconds: a body that asks for more is not taken seriously."""
MAX_NESTING = 100
"""Levels of JSON; deeper is hostile."""
USER_AGENT = "motionkit"
_POOL_SIZE = 32
_CHUNK = 64 * 1024


class NotSent(ProviderUnavailable):
    """Not one byte of the request left: nothing can have arrived."""


class Body(Protocol):
    """A request body that is read as it is sent."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; empty at the end."""

    def __iter__(self) -> Iterator[bytes]: ...


@attrs.frozen
class Answer:
    """What came back: status, headers, the whole body (bounded)."""

    status: int
    headers: Mapping[str, str]
    body: bytes = attrs.field(repr=False)

    def json(self) -> Any:
        """Return the body as JSON: integers lossless, fractions as Decimal.

        Raises:
            ProtocolError: It is not JSON, nested too deeply, or has NaN in it.
        """
        try:
            if _nesting(self.body) > MAX_NESTING:
                raise ProtocolError(
                    f"the answer is nested deeper than {MAX_NESTING} levels",
                    http_status=self.status,
                )
            return json.loads(
                self.body.decode("utf-8"), parse_float=Decimal, parse_constant=_refuse_constant
            )
        except (ValueError, RecursionError) as error:
            raise ProtocolError(
                f"the answer (HTTP {self.status}) is not JSON: {error}", http_status=self.status
            ) from error

    @property
    def retry_after(self) -> float | None:
        """Seconds that the answer asks for: ``Retry-After`` as a number or date, or in the body."""
        value = self.headers.get("retry-after", "").strip()
        if value.isdecimal():
            return float(value)
        try:
            when = email.utils.parsedate_to_datetime(value)
        except (ValueError, TypeError):
            return self._retry_after_in_body()
        if when.tzinfo is None:
            when = when.replace(tzinfo=dt.UTC)
        return max(0.0, (when - dt.datetime.now(dt.UTC)).total_seconds())

    def _retry_after_in_body(self) -> float | None:
        if self.status < 400:
            return None
        try:
            data = self.json()
        except ProtocolError:
            return None
        value = data.get("retry_after") if isinstance(data, Mapping) else None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            return None
        return float(value) if 0 <= value < MAX_RETRY_AFTER else None


def _nesting(body: bytes) -> int:
    """Guess the nesting cheaply, brackets in strings included; the decoder has its own limit."""
    if body.count(b"[") + body.count(b"{") <= MAX_NESTING:
        return 0
    depth = deepest = 0
    for byte in body:
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def is_loopback(host: str | None) -> bool:
    """Tell whether a host name is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def checked_origin(url: str, *, field: str) -> str:
    """Return an origin without a trailing slash.

    Raises:
        ConfigError: It is not ``https://host`` (plain ``http`` is for loopback only).
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that hold no address
        parts = urlsplit("")
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
    if not parts.hostname or not secure or parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigError(f"{field}: {redact(url)!r} is not https://host (http on loopback only)")
    return url.rstrip("/")


class Session:
    """One account's way to its vendor: origins, authentication, pooled connections.

    Args:
        provider: The vendor adapter's name, for errors.
        account: The account's name, for errors.
        origins: Origin name (``api``, ``upload``, ...) to ``https://host``.
        auth: Authentication headers; sent to those origins only.
    """

    def __init__(
        self,
        *,
        provider: str,
        account: str,
        origins: Mapping[str, str],
        auth: Mapping[str, Secret],
    ) -> None:
        self.provider = provider
        self.account = account
        self.origins = {
            name: checked_origin(url, field=f"accounts.{account}.{name}")
            for name, url in origins.items()
        }
        self._auth = dict(auth)
        self._adapter = Transport(pool_connections=4, pool_maxsize=_POOL_SIZE)
        self._environment = {name: _environment(url) for name, url in self.origins.items()}

    @property
    def fingerprint(self) -> str:
        """Identify key and origin without holding either: 16 hexadecimal digits."""
        digest = hashlib.sha256(f"{self.provider}\n{self.origins['api']}".encode())
        for name, secret in sorted(self._auth.items()):
            digest.update(f"\n{name}:".encode() + secret.encode())
        return digest.hexdigest()[:16]

    def url(self, call: Call) -> str:
        """Return the whole URL of a call."""
        query = f"?{urlencode(call.query)}" if call.query else ""
        return f"{self.origins[call.origin]}{quote(call.path, safe='/%~')}{query}"

    def send(
        self,
        call: Call,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        timeout: float = CALL_TIMEOUT,
    ) -> Answer:
        """Send one request, once.

        A paid call gets a connection of its own: a kept one may be dead already, and then nobody
        can tell whether the request arrived.

        Args:
            call: What to send.
            headers: More headers, e.g. the attempt id.
            body: A stream with a length, instead of the call's JSON.
            timeout: Seconds for everything, connecting to the last byte.

        Returns:
            The answer, whatever its HTTP status.

        Raises:
            NotSent: Nothing left this machine.
            ProviderUnavailable: Something left and no whole answer came.
            ProtocolError: The answer exceeds 8 MiB.
        """
        prepared = requests.Request(
            call.method,
            self.url(call),
            headers={
                "User-Agent": USER_AGENT,
                "Accept": "application/json",
                **call.headers,
                **(headers or {}),
                **self._auth,
            },
            json=call.json if body is None else None,
            data=cast("Any", body),
        ).prepare()
        adapter = Transport(pool_connections=1, pool_maxsize=1) if call.paid else self._adapter
        try:
            with watching(timeout) as watch:
                return self._exchange(adapter, prepared, call, watch)
        finally:
            if call.paid:
                adapter.close()

    def _exchange(
        self, adapter: Transport, prepared: requests.PreparedRequest, call: Call, watch: Watch
    ) -> Answer:
        where = f"{self.account}: {call.method} {call.path}"
        context: dict[str, Any] = {"provider": self.provider, "account": self.account}
        try:
            response = adapter.send(
                prepared,
                stream=True,
                timeout=(min(CONNECT_TIMEOUT, watch.remaining()), watch.remaining()),
                **self._environment[call.origin],
            )
            try:
                body = _bounded_body(response, where)
            finally:
                response.close()
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            OSError,
            ValueError,
        ) as error:
            kind, what = (
                (ProviderUnavailable, "no whole answer") if watch.sent else (NotSent, "not sent")
            )
            billed = Billed.UNKNOWN if call.paid and watch.sent else Billed.NO
            text = f"{where}: {what}: {_reason(error)}"
            raise kind(text, billed=billed, **context) from error
        except ProtocolError as error:
            error.billed = Billed.UNKNOWN if call.paid else Billed.NO
            error.fill(**context)
            raise
        return Answer(
            response.status_code,
            {name.lower(): value for name, value in response.headers.items()},
            body,
        )

    def close(self) -> None:
        """Close the pooled connections."""
        self._adapter.close()


def _environment(origin: str) -> dict[str, Any]:
    """Return proxies and certificates as the environment asks; loopback needs neither."""
    if is_loopback(urlsplit(origin).hostname):
        return {"proxies": {}, "verify": True}
    with requests.Session() as session:
        settings = session.merge_environment_settings(origin, {}, None, None, None)
    return {"proxies": settings["proxies"], "verify": settings["verify"]}


def _bounded_body(response: requests.Response, where: str) -> bytes:
    body = bytearray()
    for chunk in response.raw.stream(_CHUNK, decode_content=True):
        body += chunk
        if len(body) > JSON_LIMIT:
            raise ProtocolError(
                f"{where}: the answer exceeds {JSON_LIMIT} bytes", http_status=response.status_code
            )
    return bytes(body)


def _reason(error: BaseException) -> str:
    """Return the innermost cause as text; the outer layers repeat URLs and object addresses."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return f"{type(error).__name__}: {error}"
