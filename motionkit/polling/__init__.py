"""Follow jobs until they end: schedule, queue, engine, webhooks. `client` alone imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motionkit._support.exports import exports

if TYPE_CHECKING:
    from motionkit.polling.cancel import (
        CANCEL_TIMEOUT,
        CancelOutcome,
        CancelPlan,
        CancelResult,
    )
    from motionkit.polling.cancel import cancel as cancel_job
    from motionkit.polling.cancel import plan as plan_cancel
    from motionkit.polling.durations import Durations
    from motionkit.polling.engine import Engine
    from motionkit.polling.notify import Notifier, Watch
    from motionkit.polling.observe import JobObserver, about
    from motionkit.polling.schedule import Plan
    from motionkit.polling.watch import Seconds, Waiter, Watcher, seconds, unwrap
    from motionkit.polling.webhooks import Delivery, receive

__all__ = [
    "CANCEL_TIMEOUT",
    "CancelOutcome",
    "CancelPlan",
    "CancelResult",
    "Delivery",
    "Durations",
    "Engine",
    "JobObserver",
    "Notifier",
    "Plan",
    "Seconds",
    "Waiter",
    "Watch",
    "Watcher",
    "about",
    "cancel_job",
    "plan_cancel",
    "receive",
    "seconds",
    "unwrap",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "motionkit.polling.cancel": (
            "CANCEL_TIMEOUT CancelOutcome CancelPlan CancelResult cancel_job=cancel "
            "plan_cancel=plan"
        ),
        "motionkit.polling.durations": "Durations",
        "motionkit.polling.engine": "Engine",
        "motionkit.polling.notify": "Notifier Watch",
        "motionkit.polling.observe": "JobObserver about",
        "motionkit.polling.schedule": "Plan",
        "motionkit.polling.watch": "Seconds Waiter Watcher seconds unwrap",
        "motionkit.polling.webhooks": "Delivery receive",
    },
)
