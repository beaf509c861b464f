"""What a submit is about to do, for who may still stop it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import attrs

from motionkit._support.displayed import Displayed
from motionkit.model.money import Quote


@attrs.frozen(kw_only=True, repr=False)
class Announcement(Displayed):
    """One submit right before it is made: where, and for how much.

    Attributes:
        target: Account and model.
        quote: What it is expected to cost; None when no price is known.
        after: The route's targets that fell out so far, each with the reason in a few words, such
            as ``wrong key`` or ``busy``. Nothing was bought at any of them.
        max_usd: The cap that the price keeps: the caller's or the route's; None without one.
        sandbox: Whether the account is in a sandbox on this machine.
    """

    target: str
    quote: Quote | None
    after: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    max_usd: Decimal | None = None
    sandbox: bool = False


Announce = Callable[[Announcement], object]
"""Called before each submit; what it raises ends the purchase, and nothing is bought."""
