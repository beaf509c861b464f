"""Follow jobs until they end: schedule, queue, engine, webhooks. `client` alone imports it."""

from motionkit.polling.cancel import (
    CANCEL_TIMEOUT,
    CancelOutcome,
    CancelPlan,
    CancelResult,
    cancel,
)
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
    "cancel",
    "plan_cancel",
    "receive",
    "seconds",
    "unwrap",
]
