"""The faces of motionkit for Python, `Client` and `AsyncClient`, and what a front end needs.

The command line imports from here what it shows of purchases, polling and providers.
"""

from motionkit.client.client import Client
from motionkit.http import check_target
from motionkit.polling import Delivery, Plan, Waiter
from motionkit.provider import ExpiresFiles, MediaField, Offer, Price, PriceRule, registry
from motionkit.provider.fit import inspect as inspect_media
from motionkit.provider.lookups import names_of as list_names
from motionkit.provider.lookups import options_of as list_options
from motionkit.provider.signatures import MAX_BODY
from motionkit.purchase import Announcement, BuyOptions, Circuit, Explanation, Reconciled, Row

__all__ = [
    "MAX_BODY",
    "Announcement",
    "BuyOptions",
    "Circuit",
    "Client",
    "Delivery",
    "ExpiresFiles",
    "Explanation",
    "MediaField",
    "Offer",
    "Plan",
    "Price",
    "PriceRule",
    "Reconciled",
    "Row",
    "Waiter",
    "check_target",
    "inspect_media",
    "list_names",
    "list_options",
    "registry",
]
