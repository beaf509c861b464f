"""What a purchase needs to know first: its target, its options, and what it would do."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from motionkit.errors import BudgetExceeded, InvalidRequest, Unsupported
from motionkit.model.job import Job
from motionkit.model.media import Generated
from motionkit.model.money import Quote
from motionkit.model.request import Request
from motionkit.model.submission import Call
from motionkit.provider import AcceptsUnlistedModels, Offer, Provider
from motionkit.provider import offers as offering
from motionkit.purchase.fallback import Announce


@attrs.frozen
class Explanation:
    """What a request would do, before anything is sent.

    Attributes:
        target: Account and model.
        calls: The HTTP requests in order; keys left out, placeholders for uploads.
        urls: The whole URL of each call.
        quote: What it is expected to cost; None when no price is known.
        warnings: What the user should know before paying.
        decision: Why which target of a route is taken, row by row; empty for a direct target.
        refused: The cap or budget that would refuse a submit now; None when it would pass.
        sandbox: Whether the account is in a sandbox on this machine.
    """

    target: str
    calls: tuple[Call, ...]
    urls: tuple[str, ...]
    quote: Quote | None
    warnings: tuple[str, ...]
    decision: tuple[Mapping[str, Any], ...] = ()
    refused: BudgetExceeded | None = None
    sandbox: bool = False


@attrs.frozen(kw_only=True)
class BuyOptions:
    """How a request is submitted; see `Client.submit`."""

    via: str | None = None
    key: str | None = None
    again: bool | None = None
    max_usd: Decimal | None = None
    out: Path | None = None
    wait_for_slot: float | None = None
    announce: Announce | None = None
    limited: bool = True
    """Whether caps and budgets apply; not where the purchase may exist already."""

    def __attrs_post_init__(self) -> None:
        """Refuse a blank key: an unset variable would buy every time.

        Raises:
            InvalidRequest: The key is blank.
        """
        if self.key is not None and not self.key.strip():
            raise InvalidRequest(
                f"key {self.key!r} is blank; it could not prevent a second purchase",
                field="key",
                value=self.key,
                limit="text that is not blank, or no key",
            )

    @property
    def buys_again(self) -> bool:
        """Whether to buy although an identical request is unfinished; an own key implies it."""
        return self.key is not None if self.again is None else self.again


@attrs.frozen
class Target:
    """One account, and the model that was named, if any."""

    account: str
    model: str | None
    provider: Provider

    def offer(self, request: Request) -> Offer:
        """Return the offer that this target means for a request.

        Raises:
            Unsupported: There is none.
            InvalidRequest: The request refers to a video that another account made.
        """
        for name, value in request.media().items():
            made = value.job if isinstance(value, Generated) else None
            if isinstance(made, Job) and made.fingerprint != self.provider.fingerprint:
                raise InvalidRequest(
                    f"{name}: job {made.id} was made by {made.provider} account {made.account!r}; "
                    f"{self.account!r} cannot refer to it",
                    field=name,
                    value=made.id,
                    limit="a job of the same account, or its downloaded file",
                )
        target = self.account + (f"/{self.model}" if self.model else "")
        try:
            return offering.pick(self.provider.offers, request.operation, self.model, target=target)
        except Unsupported:
            if self.model is None or not isinstance(self.provider, AcceptsUnlistedModels):
                raise
            row = self.provider.unlisted(request.operation, self.model)
            if row is None:
                raise
            return row
