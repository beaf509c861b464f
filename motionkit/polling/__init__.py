"""Follow jobs until they end: schedule, queue, engine, webhooks. `client` alone imports it."""

from motionkit.polling.durations import Durations
from motionkit.polling.engine import Engine
from motionkit.polling.observe import JobObserver, about
from motionkit.polling.schedule import Plan
from motionkit.polling.watch import Seconds, Waiter, Watcher, seconds, unwrap
from motionkit.polling.webhooks import Delivery, receive

__all__ = [
    "Delivery",
    "Durations",
    "Engine",
    "JobObserver",
    "Plan",
    "Seconds",
    "Waiter",
    "Watcher",
    "about",
    "receive",
    "seconds",
    "unwrap",
]
