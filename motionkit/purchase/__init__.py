"""From a request to a job, paid for once: targets, quotes, submission, fallback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motionkit._support.exports import exports

if TYPE_CHECKING:
    from motionkit.purchase.announcement import Announce, Announcement
    from motionkit.purchase.cancellation import Cancellation, Cancellations
    from motionkit.purchase.circuits import Circuit, Circuits
    from motionkit.purchase.compare import Comparison, ordered, with_balances, with_ratings
    from motionkit.purchase.jobs import JobFilters, Jobs, Reconciled
    from motionkit.purchase.orders import BuyOptions, Checkout, Explanation, Order
    from motionkit.purchase.shootout import ShootoutCell, ShootoutPlan, Shootouts
    from motionkit.purchase.slots import Slots
    from motionkit.purchase.submit import Submitters
    from motionkit.purchase.takes import Take, Takes, TakesPlan, numbered
    from motionkit.routing import Choose

__all__ = [
    "Announce",
    "Announcement",
    "BuyOptions",
    "Cancellation",
    "Cancellations",
    "Checkout",
    "Choose",
    "Circuit",
    "Circuits",
    "Comparison",
    "Explanation",
    "JobFilters",
    "Jobs",
    "Order",
    "Reconciled",
    "ShootoutCell",
    "ShootoutPlan",
    "Shootouts",
    "Slots",
    "Submitters",
    "Take",
    "Takes",
    "TakesPlan",
    "numbered",
    "ordered",
    "with_balances",
    "with_ratings",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "motionkit.purchase.announcement": "Announce Announcement",
        "motionkit.purchase.cancellation": "Cancellation Cancellations",
        "motionkit.purchase.circuits": "Circuit Circuits",
        "motionkit.purchase.compare": "Comparison ordered with_balances with_ratings",
        "motionkit.purchase.jobs": "JobFilters Jobs Reconciled",
        "motionkit.purchase.orders": "BuyOptions Checkout Explanation Order",
        "motionkit.purchase.shootout": "ShootoutCell ShootoutPlan Shootouts",
        "motionkit.purchase.slots": "Slots",
        "motionkit.purchase.submit": "Submitters",
        "motionkit.purchase.takes": "Take Takes TakesPlan numbered",
        "motionkit.routing": "Choose",
    },
)
