"""The faces of motionkit for Python, `Client` and `AsyncClient`, and what a front end needs.

The command line imports from here what it shows of purchases, polling and providers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from motionkit._support.exports import exports

if TYPE_CHECKING:
    from motionkit.client.again import RetryPlan, plan_retry, retry
    from motionkit.client.aio import AsyncClient
    from motionkit.client.batching import Order, in_thread, order_again, poll_with
    from motionkit.client.batching import fetch as fetch_result
    from motionkit.client.batching import order as order_item
    from motionkit.client.batching import resume as resume_order
    from motionkit.client.batching import wait as wait_for
    from motionkit.client.client import Client
    from motionkit.client.diagnosis import Answered, ask, proxies
    from motionkit.client.expecting import Choose, Expected, journal_of
    from motionkit.client.expecting import expected as expected_target
    from motionkit.client.expecting import fingerprints as account_fingerprints
    from motionkit.client.expecting import preferred as preferred_choice
    from motionkit.client.expecting import wanted as wanted_choice
    from motionkit.client.following import follow, plan, plan_cancel, usual
    from motionkit.client.placing import Saved, alone, check_out, is_stored
    from motionkit.client.progress import Shown, usually
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
        ListedPrice,
        ListsPrices,
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
        ShootoutCell,
        ShootoutPlan,
        Take,
        TakesPlan,
        numbered,
    )

__all__ = [
    "CANCEL_TIMEOUT",
    "MAX_BODY",
    "Announcement",
    "Answered",
    "AsyncClient",
    "BuyOptions",
    "CancelOutcome",
    "CancelPlan",
    "CancelResult",
    "Choose",
    "Circuit",
    "Client",
    "Comparison",
    "Delivery",
    "Expected",
    "ExpiresFiles",
    "Explanation",
    "ListedPrice",
    "ListsPrices",
    "MediaField",
    "Offer",
    "Order",
    "Plan",
    "Price",
    "PriceRule",
    "Reconciled",
    "RetryPlan",
    "Saved",
    "ShootoutCell",
    "ShootoutPlan",
    "Shown",
    "Take",
    "TakesPlan",
    "Waiter",
    "account_fingerprints",
    "alone",
    "ask",
    "check_out",
    "check_target",
    "expected_target",
    "fetch_result",
    "fits",
    "follow",
    "in_thread",
    "inspect_media",
    "is_stored",
    "journal_of",
    "key_help",
    "list_names",
    "list_options",
    "numbered",
    "order_again",
    "order_item",
    "plan",
    "plan_cancel",
    "plan_retry",
    "poll_with",
    "preferred_choice",
    "proxies",
    "registry",
    "resume_order",
    "retry",
    "usual",
    "usually",
    "wait_for",
    "wanted_choice",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "motionkit.client.again": "RetryPlan plan_retry retry",
        "motionkit.client.aio": "AsyncClient",
        "motionkit.client.batching": (
            "Order in_thread order_again poll_with fetch_result=fetch order_item=order "
            "resume_order=resume wait_for=wait"
        ),
        "motionkit.client.client": "Client",
        "motionkit.client.expecting": (
            "Choose Expected journal_of account_fingerprints=fingerprints "
            "expected_target=expected preferred_choice=preferred wanted_choice=wanted"
        ),
        "motionkit.client.diagnosis": "Answered ask proxies",
        "motionkit.client.following": "follow plan plan_cancel usual",
        "motionkit.client.placing": "Saved alone check_out is_stored",
        "motionkit.client.progress": "Shown usually",
        "motionkit.http": "check_target fits",
        "motionkit.polling": (
            "CANCEL_TIMEOUT CancelOutcome CancelPlan CancelResult Delivery Plan Waiter"
        ),
        "motionkit.provider": (
            "MAX_BODY ExpiresFiles ListedPrice ListsPrices MediaField Offer Price PriceRule "
            "inspect_media key_help list_names list_options"
        ),
        "motionkit.provider.registry": "registry=",
        "motionkit.purchase": (
            "Announcement BuyOptions Circuit Comparison Explanation Reconciled ShootoutCell "
            "ShootoutPlan Take TakesPlan numbered"
        ),
    },
)
