"""The settings of an account at PixVerse. It imports no adapter: a configuration is read often."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import attrs

from motionkit.provider import (
    AccountSettings,
    Secret,
    Untrusted,
    as_decimal,
    as_secret,
    is_given,
    untrusted,
)

REPLAY_WINDOW = 6 * 3600.0
"""Maximum age of a delivery in seconds: the eighth and last retry comes 5 h 21 min after the first,
and no page says that it is signed anew."""


@attrs.frozen(kw_only=True)
class Settings(AccountSettings):
    """The settings of an account at PixVerse, in ``[accounts.NAME]``.

    Attributes:
        region: ``international`` or ``cn``.
        usd_per_credit: US dollars; 0.01 is the pack price, memberships pay less.
        webhook_secret: The webhook's secret from the console; verifies deliveries.
        webhook_id: The webhook's id from the console; sent with every request that accepts it.
        webhook_window: Maximum age of a delivery in seconds; the last retry comes after 5.4 hours.
    """

    region: Literal["international", "cn"] = attrs.field(
        default="international", metadata=untrusted(Untrusted.ADDED)
    )
    usd_per_credit: Decimal = attrs.field(default=Decimal("0.01"), converter=as_decimal)
    webhook_secret: Secret | None = attrs.field(
        default=None, converter=as_secret, validator=is_given
    )
    webhook_id: str | None = None
    webhook_window: float = attrs.field(default=REPLAY_WINDOW, metadata=untrusted(Untrusted.LOWER))
