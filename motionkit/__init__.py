"""One provider-neutral interface to paid motion-control, modify and image-to-video APIs.

Submit, poll, result; never pay twice, never lose a paid job. Names load when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motionkit import errors as errors
    from motionkit.batch.batch import AsyncBatch as AsyncBatch
    from motionkit.batch.batch import Batch as Batch
    from motionkit.batch.worker import Worker as Worker
    from motionkit.client.aio import AsyncClient as AsyncClient
    from motionkit.client.client import Client as Client
    from motionkit.client.placing import Saved as Saved
    from motionkit.config.loading import Config as Config
    from motionkit.errors import Billed as Billed
    from motionkit.errors import MotionKitError as MotionKitError
    from motionkit.journal.entries import PurchaseRecord as PurchaseRecord
    from motionkit.model.budget import BudgetStatus as BudgetStatus
    from motionkit.model.editing import LipSync as LipSync
    from motionkit.model.editing import Modify as Modify
    from motionkit.model.editing import Restyle as Restyle
    from motionkit.model.editing import Swap as Swap
    from motionkit.model.editing import Upscale as Upscale
    from motionkit.model.events import Delivered as Delivered
    from motionkit.model.events import Event as Event
    from motionkit.model.events import Failed as Failed
    from motionkit.model.events import Progressed as Progressed
    from motionkit.model.events import StateChanged as StateChanged
    from motionkit.model.events import Submitted as Submitted
    from motionkit.model.generation import Extend as Extend
    from motionkit.model.generation import ImageToVideo as ImageToVideo
    from motionkit.model.generation import TextToVideo as TextToVideo
    from motionkit.model.generation import Transition as Transition
    from motionkit.model.job import Job as Job
    from motionkit.model.job import KeyState as KeyState
    from motionkit.model.job import Output as Output
    from motionkit.model.job import Result as Result
    from motionkit.model.job import State as State
    from motionkit.model.job import Status as Status
    from motionkit.model.listing import Listing as Listing
    from motionkit.model.listing import Records as Records
    from motionkit.model.media import Generated as Generated
    from motionkit.model.media import Uploaded as Uploaded
    from motionkit.model.mimic import Mimic as Mimic
    from motionkit.model.money import Balance as Balance
    from motionkit.model.money import Cost as Cost
    from motionkit.model.money import Quote as Quote
    from motionkit.model.rating import Rating as Rating
    from motionkit.model.request import Request as Request
    from motionkit.model.spending import Amounts as Amounts
    from motionkit.model.spending import Spend as Spend
    from motionkit.polling.cancel import CancelOutcome as CancelOutcome
    from motionkit.polling.cancel import CancelResult as CancelResult
    from motionkit.polling.webhooks import Delivery as Delivery
    from motionkit.purchase.announcement import Announcement as Announcement
    from motionkit.purchase.circuits import Circuit as Circuit
    from motionkit.purchase.compare import Comparison as Comparison
    from motionkit.purchase.orders import Explanation as Explanation
    from motionkit.purchase.shootout import ShootoutCell as ShootoutCell
    from motionkit.purchase.shootout import ShootoutPlan as ShootoutPlan
    from motionkit.purchase.takes import Take as Take
    from motionkit.purchase.takes import TakesPlan as TakesPlan

__version__ = "0.1.0"

_HOMES = {
    "batch.batch": ("AsyncBatch", "Batch"),
    "batch.worker": ("Worker",),
    "client.aio": ("AsyncClient",),
    "client.client": ("Client",),
    "client.placing": ("Saved",),
    "config.loading": ("Config",),
    "errors": ("Billed", "MotionKitError"),
    "journal.entries": ("PurchaseRecord",),
    "model.budget": ("BudgetStatus",),
    "model.editing": ("LipSync", "Modify", "Restyle", "Swap", "Upscale"),
    "model.events": (*("Delivered", "Event", "Failed", "Progressed", "StateChanged", "Submitted"),),
    "model.generation": ("Extend", "ImageToVideo", "TextToVideo", "Transition"),
    "model.job": ("Job", "KeyState", "Output", "Result", "State", "Status"),
    "model.listing": ("Listing", "Records"),
    "model.media": ("Generated", "Uploaded"),
    "model.mimic": ("Mimic",),
    "model.money": ("Balance", "Cost", "Quote"),
    "model.rating": ("Rating",),
    "model.request": ("Request",),
    "model.spending": ("Amounts", "Spend"),
    "polling.cancel": ("CancelOutcome", "CancelResult"),
    "polling.webhooks": ("Delivery",),
    "purchase.announcement": ("Announcement",),
    "purchase.circuits": ("Circuit",),
    "purchase.compare": ("Comparison",),
    "purchase.orders": ("Explanation",),
    "purchase.shootout": ("ShootoutCell", "ShootoutPlan"),
    "purchase.takes": ("Take", "TakesPlan"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}
"""Public name to the module that holds it (PEP 562)."""

__all__ = [  # noqa: PLE0604 - a sorted list of names, spelled out in _HOME
    *sorted([*_HOME, "errors"]),
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name == "errors":
        return importlib.import_module("motionkit.errors")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"motionkit.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
