"""The faces of motionkit for Python, `Client` and `AsyncClient`, and what a front end needs.

The command line imports from here what it shows of purchases, polling and providers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from motionkit._support.exports import exports

if TYPE_CHECKING:
    from motionkit.client.client import Client
    from motionkit.client.diagnosis import Answered, ask, proxies
    from motionkit.client.following import follow, plan, plan_cancel, usual
    from motionkit.client.placing import Saved, check_out, is_stored
    from motionkit.http import check_target, fits
    from motionkit.polling import (
        CANCEL_TIMEOUT,
        CancelOutcome,
        CancelPlan,
        CancelResult,
        Delivery,
        Plan,
        Waiter,
    )
    from motionkit.provider import (
        MAX_BODY,
        ExpiresFiles,
        MediaField,
        Offer,
        Price,
        PriceRule,
        inspect_media,
        key_help,
        list_names,
        list_options,
        registry,
    )
    from motionkit.purchase import (
        Announcement,
        BuyOptions,
        Circuit,
        Comparison,
        Explanation,
        Reconciled,
        Take,
        TakesPlan,
        numbered,
    )

__all__ = [
    "CANCEL_TIMEOUT",
    "MAX_BODY",
    "Announcement",
    "Answered",
    "BuyOptions",
    "CancelOutcome",
    "CancelPlan",
    "CancelResult",
    "Circuit",
    "Client",
    "Comparison",
    "Delivery",
    "ExpiresFiles",
    "Explanation",
    "MediaField",
    "Offer",
    "Plan",
    "Price",
    "PriceRule",
    "Reconciled",
    "Saved",
    "Take",
    "TakesPlan",
    "Waiter",
    "ask",
    "check_out",
    "check_target",
    "fits",
    "follow",
    "inspect_media",
    "is_stored",
    "key_help",
    "list_names",
    "list_options",
    "numbered",
    "plan",
    "plan_cancel",
    "proxies",
    "registry",
    "usual",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "motionkit.client.client": "Client",
        "motionkit.client.diagnosis": "Answered ask proxies",
        "motionkit.client.following": "follow plan plan_cancel usual",
        "motionkit.client.placing": "Saved check_out is_stored",
        "motionkit.http": "check_target fits",
        "motionkit.polling": (
            "CANCEL_TIMEOUT CancelOutcome CancelPlan CancelResult Delivery Plan Waiter"
        ),
        "motionkit.provider": (
            "MAX_BODY ExpiresFiles MediaField Offer Price PriceRule inspect_media "
            "key_help list_names list_options"
        ),
        "motionkit.provider.registry": "registry=",
        "motionkit.purchase": (
            "Announcement BuyOptions Circuit Comparison Explanation Reconciled Take TakesPlan "
            "numbered"
        ),
    },
)
