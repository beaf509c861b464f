"""The settings of an account at Kling. It imports no adapter: a configuration is read often."""

from __future__ import annotations

from decimal import Decimal

import attrs

from motionkit.provider import (
    AccountSettings,
    Secret,
    Untrusted,
    as_decimal,
    as_secret,
    is_address,
    is_given,
    untrusted,
)

WEBHOOK_WINDOW = 300.0
"""Maximum age of a delivery: https://kling.ai/document-api/api/get-started/callback"""


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

    access_key: Secret | None = attrs.field(default=None, converter=as_secret, validator=is_given)
    usd_per_unit: Decimal = attrs.field(default=Decimal("0.14"), converter=as_decimal)
    webhook: str | None = attrs.field(default=None, validator=is_address)
    webhook_secret: Secret | None = attrs.field(
        default=None, converter=as_secret, validator=is_given
    )
    webhook_window: float = attrs.field(default=WEBHOOK_WINDOW, metadata=untrusted(Untrusted.LOWER))
