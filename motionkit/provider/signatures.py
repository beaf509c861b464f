"""Verify webhooks: bounded bodies, their headers and age, signatures in constant time."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from motionkit.errors import ConfigError, InvalidRequest, MotionKitError, SignatureError

if TYPE_CHECKING:
    from motionkit._support.redaction import Secret

MAX_BODY = 64 * 1024
"""Bytes of a webhook's body; a status and a URL take a few hundred."""
CLOCK_SKEW = 300.0
"""Maximum seconds by which a timestamp may be ahead of this clock."""
LIFE = 24 * 3600.0
"""Seconds for which a vendor's published keys are kept."""
PAUSE = 60.0
"""Seconds between two reads of them, whatever arrives meanwhile."""
_LONGEST = 512
"""Characters of a header."""
MILLISECONDS = 13
"""Digits of a timestamp in milliseconds."""

Key = TypeVar("Key")


def same(signature: str, expected: bytes) -> bool:
    """Compare a sender's signature in constant time; an empty expected one never matches."""
    return bool(expected) and hmac.compare_digest(
        signature.encode("utf-8", "surrogatepass"), expected
    )


def check_size(body: bytes) -> None:
    """Refuse a body that is too large, before it is hashed.

    Raises:
        InvalidRequest: It is not bytes: text may have other bytes than the ones that were signed.
        SignatureError: It is larger than `MAX_BODY` bytes.
    """
    if not isinstance(body, bytes):
        raise InvalidRequest.expected("body", body, "the webhook's body as bytes, unchanged")
    if len(body) > MAX_BODY:
        raise SignatureError(
            f"the webhook's body has {len(body)} bytes; at most {MAX_BODY} are accepted"
        )


@contextlib.contextmanager
def verifying(body: bytes, **context: Any) -> Iterator[None]:
    """Check a webhook's size, and turn each ValueError of the block into a SignatureError.

    Args:
        body: The webhook's body.
        **context: Provider and account, for errors.

    Raises:
        SignatureError: The block refused the webhook, or it is too large.
    """
    try:
        check_size(body)
        yield
    except SignatureError as error:
        raise error.fill(**context) from None
    except ValueError as error:
        raise SignatureError(f"{context['account']}: webhook refused: {error}", **context) from None


def header(headers: Mapping[str, str], wanted: str) -> str:
    """Return the only header of a name (in lower case).

    Raises:
        ValueError: It is missing, repeated, too long, or not printable ASCII.
    """
    found = [value for name, value in headers.items() if name.lower() == wanted]
    if len(found) != 1 or not found[0]:
        raise ValueError(f"{wanted} is missing or repeated")
    if len(found[0]) > _LONGEST or not (found[0].isascii() and found[0].isprintable()):
        raise ValueError(f"{wanted} is not printable ASCII of at most {_LONGEST} characters")
    return found[0]


def check_age(stamp: str, window: float, now: float) -> None:
    """Refuse a timestamp that is too old, or comes from the future.

    Args:
        stamp: Epoch seconds, or milliseconds with 13 digits.
        window: Maximum age in seconds.
        now: Epoch seconds.

    Raises:
        ValueError: It is refused.
    """
    if len(stamp) > MILLISECONDS or not stamp.isdecimal():
        raise ValueError("the timestamp is not a number of seconds or milliseconds")
    age = now - (int(stamp) / 1000 if len(stamp) == MILLISECONDS else int(stamp))
    if age > window:
        raise ValueError(f"it is {age:.0f} s old; {window:.0f} s are allowed")
    if age < -CLOCK_SKEW:
        raise ValueError(f"it comes from {-age:.0f} s in the future; check this machine's clock")


def check_standard(
    headers: Mapping[str, str], body: bytes, secret: Secret, *, window: float, now: float
) -> None:
    """Verify a webhook by the scheme of https://www.standardwebhooks.com.

    HMAC-SHA256 signs ``id.timestamp.body``; the header may have several signatures, of which those
    of version 1 count.

    Args:
        headers: The webhook's headers, in any case.
        body: Its body, unchanged.
        secret: The secret: base64 after ``whsec_``.
        window: Maximum age in seconds.
        now: Epoch seconds.

    Raises:
        ConfigError: The secret is not base64.
        ValueError: The signature is invalid, or the webhook is too old; see `verifying`.
    """
    try:
        key = base64.b64decode(secret.encode().removeprefix(b"whsec_"), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise ConfigError("the webhook secret is not base64 after 'whsec_'")
    number, stamp, given = (
        header(headers, f"webhook-{name}") for name in ("id", "timestamp", "signature")
    )
    message = b".".join([number.encode(), stamp.encode(), body])
    expected = base64.b64encode(hmac.digest(key, message, hashlib.sha256))
    marked = [one.removeprefix("v1,") for one in given.split(" ") if one.startswith("v1,")]
    if not any(same(one, expected) for one in marked):
        raise ValueError("the signature is invalid")
    check_age(stamp, window, now)


@attrs.define(eq=False, repr=False)
class PublishedKeys(Generic[Key]):
    """The keys that a vendor publishes for its webhooks.

    They are read once in `LIFE`, and again for a webhook that none of them verifies, but at most
    once in `PAUSE`.

    Attributes:
        fetch: Reads them.
        clock: Monotonic seconds.
    """

    fetch: Callable[[], Sequence[Key]]
    clock: Callable[[], float] = time.monotonic
    _held: tuple[Key, ...] = attrs.field(default=(), init=False)
    _read: float | None = attrs.field(default=None, init=False)
    _tried: float | None = attrs.field(default=None, init=False)

    def check(self, verify: Callable[[Key], None]) -> None:
        """Verify a webhook by any of the keys.

        Args:
            verify: Raises ValueError if a key does not verify it.

        Raises:
            ValueError: None of them does, or there are none.
            MotionKitError: There are none yet, and they cannot be read.
        """
        reason = ValueError("the vendor's keys are not known")
        for again in (False, True):
            for key in self._current(again=again):
                try:
                    verify(key)
                except ValueError as error:
                    reason = error
                else:
                    return
        raise reason

    def _current(self, *, again: bool) -> Sequence[Key]:
        now = self.clock()
        fresh = self._read is not None and now - self._read < LIFE
        waits = self._tried is not None and now - self._tried < PAUSE
        if (fresh and not again) or waits:
            return self._held if fresh else ()
        self._tried = now
        try:
            found = self.fetch()
        except MotionKitError:
            if fresh:
                return self._held
            raise
        self._held, self._read = tuple(found), now
        return self._held
