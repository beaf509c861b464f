"""The settings of an account at Replicate. It imports no adapter: a configuration is read often."""

from __future__ import annotations

from typing import Any

import attrs

from motionkit.errors import ConfigError
from motionkit.provider import (
    AccountSettings,
    Secret,
    Untrusted,
    as_secret,
    is_given,
    untrusted,
)

WEBHOOK_WINDOW = 300.0
"""Maximum age of a delivery; the vendor leaves it to the receiver:
https://replicate.com/docs/topics/webhooks/verify-webhook"""
SHORTEST = 5.0
"""Seconds; the vendor refuses a shorter deadline:
https://replicate.com/docs/topics/predictions/create-a-prediction"""

LARGEST_INLINE = 256_000
"""Bytes of a file that the vendor advises to send as a data URL at most:
https://replicate.com/docs/topics/predictions/input-files"""
_LOOPBACK = ("http://127.0.0.1:", "http://localhost:")
"""For the sandbox; the vendor delivers to https only."""


def _is_deadline(_: object, field: attrs.Attribute[Any], value: float | None) -> None:
    if value is not None and not SHORTEST <= value < float("inf"):
        raise ConfigError(f"{field.name} is {value:g}; give at least {SHORTEST:g} seconds")


def _is_small(_: object, field: attrs.Attribute[Any], value: int) -> None:
    if not 0 <= value <= LARGEST_INLINE:
        raise ConfigError(f"{field.name} is {value:,}; give 0 to {LARGEST_INLINE:,} bytes")


def _is_https(_: object, field: attrs.Attribute[Any], value: str | None) -> None:
    if value is not None and not value.startswith(("https://", *_LOOPBACK)):
        raise ConfigError(f"{field.name} is {value!r}; give an https:// address")


@attrs.frozen(kw_only=True)
class Settings(AccountSettings):
    """Settings of ``[accounts.NAME]`` for Replicate.

    Attributes:
        history: Whether the list of predictions may be searched for a lost submit.
        cancel_after: Seconds after its creation at which the vendor ends a job: without a charge
            if it has not started, with the charge of a cancelled job if it runs.
        data_urls: Bytes up to which a file is sent in the call, as a data URL, instead of being
            uploaded. A submit without uploads cannot be found again if its response is lost.
        webhook: The address where the vendor reports finished jobs: https, and public.
        webhook_secret: The secret of deliveries, from the console; read from the vendor where it
            is not given.
        webhook_window: Maximum age of a delivery in seconds.
    """

    history: bool = attrs.field(default=True, metadata=untrusted(Untrusted.HIGHER))
    cancel_after: float | None = attrs.field(default=None, validator=_is_deadline)
    data_urls: int = attrs.field(default=0, validator=_is_small)
    webhook: str | None = attrs.field(default=None, validator=_is_https)
    webhook_secret: Secret | None = attrs.field(
        default=None, converter=as_secret, validator=is_given
    )
    webhook_window: float = attrs.field(default=WEBHOOK_WINDOW, metadata=untrusted(Untrusted.LOWER))
