"""The tokens of the legacy API: JWT of an access key, signed with a secret key.

Documentation, 2024-12 to 2026-03: header HS256 and JWT, claims ``iss``, ``exp`` and ``nbf``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from motionkit_kling.sandbox.codes import Refusal

_LIFE, _EARLY = 1800, 5
_ACCESS = "AK-"


def access_key(key: str) -> str:
    """Return the access key of the account that has an API key."""
    return _ACCESS + key


def secret_key(key: str) -> str:
    """Return the secret key of the account that has an API key."""
    return hashlib.sha256(f"secret of {key}".encode()).hexdigest()[:32]


def token(access: str, secret: str, now: float) -> str:
    """Return a token as the vendor's sample code makes it."""
    claims = {"iss": access, "exp": int(now) + _LIFE, "nbf": int(now) - _EARLY}
    signed = ".".join(_coded(part) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{signed}.{_mac(signed, secret)}"


def is_token(credential: str) -> bool:
    """Return whether a credential has the three parts of a token."""
    return credential.count(".") == 2


def named_by(credential: str) -> str:
    """Return the API key of the account whose access key a token names; any other text as it is."""
    if not is_token(credential):
        return credential
    issuer = _read(credential.split(".")[1]).get("iss")
    named = isinstance(issuer, str) and issuer.startswith(_ACCESS)
    return str(issuer).removeprefix(_ACCESS) if named else credential


def verify(credential: str, key: str, now: float) -> None:
    """Verify the token of an account.

    Raises:
        Refusal: It is invalid (1002), not valid yet (1003) or expired (1004).
    """
    head, claims, mac = credential.split(".")
    header, values = _read(head), _read(claims)
    until, since = values.get("exp"), values.get("nbf", 0)
    if header.get("alg") != "HS256" or header.get("typ") != "JWT":
        raise Refusal(1002, "Authorization is invalid: the header of the token")
    if not hmac.compare_digest(_mac(f"{head}.{claims}", secret_key(key)), mac):
        raise Refusal(1002, "Authorization is invalid: signature verification failed")
    if type(until) is not int or type(since) is not int:
        raise Refusal(1002, "Authorization is invalid: exp and nbf have to be whole seconds")
    if now < since:
        raise Refusal(1003)
    if now >= until:
        raise Refusal(1004)


def _mac(signed: str, secret: str) -> str:
    return _text(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())


def _coded(part: dict[str, Any]) -> str:
    return _text(json.dumps(part, separators=(",", ":")).encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _read(part: str) -> dict[str, Any]:
    """Return a part of a token; nothing where it is no JSON object."""
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
