"""The faces of motionkit for Python, `Client` and `AsyncClient`, and what a front end needs.

The command line imports from here what it shows of purchases, polling and providers.
"""

from motionkit.client.client import Client
from motionkit.client.following import follow, plan, plan_cancel
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
)

__all__ = [
    "CANCEL_TIMEOUT",
    "MAX_BODY",
    "Announcement",
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
    "Waiter",
    "check_target",
    "fits",
    "follow",
    "inspect_media",
    "key_help",
    "list_names",
    "list_options",
    "plan",
    "plan_cancel",
    "registry",
]
