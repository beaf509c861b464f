"""Sign calls of the legacy API with a pair of keys: a JWT for each call, by the vendor's clock.

Vendor page: https://kling.ai/document-api/api/get-started/authentication. A token is valid from 5
seconds before it is made, so a clock that is fast makes tokens that are not valid yet, and one that
is slow makes tokens that have expired. Each response's ``Date`` shows how far this machine's clock
is off; tokens are made for the vendor's time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable

import attrs

from motionkit.provider import Response, Secret

LIFE = 1800
"""Seconds for which a token is valid."""
EARLY = 5
"""Seconds before its making from which it is."""
NOT_VALID = frozenset({1003, 1004})
"""Codes of a token that is not valid yet, or no longer."""


def _part(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")


def token(access_key: Secret, secret_key: Secret, now: float) -> str:
    """Return the token of a call that is made now, in seconds of the vendor's time."""
    head = {"alg": "HS256", "typ": "JWT"}
    claims = {"iss": access_key.reveal(), "exp": int(now) + LIFE, "nbf": int(now) - EARLY}
    signed = b".".join(
        _part(json.dumps(one, separators=(",", ":")).encode()) for one in (head, claims)
    )
    digest = hmac.digest(secret_key.encode(), signed, hashlib.sha256)
    return (signed + b"." + _part(digest)).decode()


@attrs.define
class Signer:
    """The tokens of one pair of keys.

    Attributes:
        access_key: Names the account.
        secret_key: Signs.
        clock: Returns epoch seconds by this machine's clock.
        ahead: Seconds by which the vendor's clock is ahead; None until a response showed it.
    """

    access_key: Secret
    secret_key: Secret
    clock: Callable[[], float] = time.time
    ahead: float | None = None

    def headers(self) -> dict[str, str]:
        """Return the header that authorizes one call."""
        now = self.clock() + (self.ahead or 0.0)
        return {"Authorization": f"Bearer {token(self.access_key, self.secret_key, now)}"}

    def learn(self, answer: Response) -> None:
        """Compare the clocks; a response without ``Date`` shows nothing."""
        if answer.date is not None:
            self.ahead = answer.date.timestamp() - self.clock()

    @property
    def off(self) -> str:
        """How far this machine's clock is off, as an error says it."""
        if self.ahead is None:
            return "the vendor's responses show no time to compare this machine's clock with"
        way = "slow" if self.ahead > 0 else "fast"
        return f"this machine's clock is {abs(self.ahead):.0f} s {way}, by the vendor's"
