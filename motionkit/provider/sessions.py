"""Sessions of an account: at the vendor's hosts, and without the key at signed addresses."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from motionkit._support.redaction import Secret
from motionkit.errors import Billed, ConfigError, ProtocolError
from motionkit.http import Session
from motionkit.model.submission import Call
from motionkit.provider.settings import AccountSettings

if TYPE_CHECKING:
    from motionkit.provider.contract import Provider, Uploads


def connect(
    provider: Provider,
    settings: AccountSettings,
    uploads: Uploads,
    hosts: Mapping[str, str],
    auth: Mapping[str, Secret],
) -> Session:
    """Return the session of an account, at the vendor's hosts or where its settings say.

    Args:
        provider: The adapter, which has its name and that of the account already.
        settings: ``NAME_url`` overrides the origin NAME, and `base_url` those without one.
        uploads: The core's limiter.
        hosts: Origin name to ``https://host``.
        auth: Authentication headers.
    """
    base = settings.base_url
    return Session(
        provider=provider.name,
        account=provider.account,
        origins={
            name: getattr(settings, f"{name}_url", None) or base or host
            for name, host in hosts.items()
        },
        auth=auth,
        limiter=uploads.limiter,
    )


@contextlib.contextmanager
def signed_address(
    url: Any,
    method: str,
    own: Session,
    uploads: Uploads,
    origin: str = "api",
    *,
    hosts: Collection[str] = (),
) -> Iterator[tuple[Session, Call]]:
    """Open a session without the key for an address that a vendor signed, and make its call.

    The address has to be at one of `hosts`, or on the host of the account's own origin.

    Args:
        url: The address, as received.
        method: The HTTP verb.
        own: The account's session.
        uploads: The core's limiter.
        origin: The account's origin that named the address.
        hosts: The vendor's hosts, with their subdomains, over https; if empty, all with a public
            name.

    Raises:
        ProtocolError: It is no such address.
    """
    context = own.context
    home = urlsplit(own.origins[origin])
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        host, usual = parts.hostname or "", parts.port in {None, 443}
        named = "." in host and not host.replace(".", "").isdecimal()
        known = any(f".{host}".endswith(f".{one}") for one in hosts) if hosts else named
        public = known and usual and parts.scheme == "https"
        here = (parts.scheme, host) == (home.scheme, home.hostname)
        origins = {"api": f"{parts.scheme}://{parts.netloc}"} if public or here else {"api": ""}
        session = Session(**context, origins=origins, auth={}, limiter=uploads.limiter)
    except (ConfigError, ValueError) as error:
        text = f"{own.account}: the upload's response names no usable address of the vendor's"
        raise ProtocolError(text, billed=Billed.NO, **context) from error
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    try:
        yield session, Call(method, parts.path or "/", query=query)
    finally:
        session.close()
