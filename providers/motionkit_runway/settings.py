"""The settings of an account at Runway. It imports no adapter: a configuration is read often."""

from __future__ import annotations

from decimal import Decimal

import attrs

from motionkit.provider import (
    AccountSettings,
    as_decimal,
)


@attrs.frozen(kw_only=True)
class Settings(AccountSettings):
    """Settings of ``[accounts.NAME]`` for Runway.

    Attributes:
        usd_per_credit: US dollars; 0.01 is the vendor's price of a credit.
    """

    usd_per_credit: Decimal = attrs.field(default=Decimal("0.01"), converter=as_decimal)
