"""The settings of an account at Kling. It imports no adapter: a configuration is read often."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from motionkit.errors import ConfigError
from motionkit.provider import AccountSettings, Secret, Untrusted, untrusted

WEBHOOK_WINDOW = 300.0
"""Maximum age of a delivery: https://kling.ai/document-api/api/get-started/callback"""


def _amount(value: Decimal | str) -> Decimal:
    return Decimal(value)  # a function of Python: attrs parses the signature of one of C, slowly


def _secret(value: str | Secret | None) -> Secret | None:
    """Return a secret without surrounding blanks."""
    if value is None:
        return None
    return Secret((value.reveal() if isinstance(value, Secret) else value).strip())


def _is_given(_: object, field: attrs.Attribute[Any], value: Secret | None) -> None:
    if value is not None and not value.reveal():
        raise ConfigError(f"{field.name} is empty")


def _is_address(_: object, field: attrs.Attribute[Any], value: str | None) -> None:
    if value is not None and not value.startswith(("https://", "http://")):
        raise ConfigError(f"{field.name} is {value!r}; give an address such as https://host/path")


@attrs.frozen(kw_only=True)
class Settings(AccountSettings):
    """Settings of ``[accounts.NAME]`` for Kling.

    Attributes:
        access_key: The access key of a pair, whose secret key is the `api_key`: calls are then
            signed with both, and only the legacy API takes them.
        usd_per_unit: US dollars; 0.14 is the vendor's price of a unit.
        webhook: The address where the vendor reports each change of a job; it has to be public.
        webhook_secret: The webhook secret from the console; verifies deliveries.
        webhook_window: Maximum age of a delivery in seconds.
    """

    access_key: Secret | None = attrs.field(default=None, converter=_secret, validator=_is_given)
    usd_per_unit: Decimal = attrs.field(default=Decimal("0.14"), converter=_amount)
    webhook: str | None = attrs.field(default=None, validator=_is_address)
    webhook_secret: Secret | None = attrs.field(
        default=None, converter=_secret, validator=_is_given
    )
    webhook_window: float = attrs.field(default=WEBHOOK_WINDOW, metadata=untrusted(Untrusted.LOWER))
