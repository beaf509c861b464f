"""The record of purchases on disk, written ahead of every paid call. Imports `model` and below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motionkit._support.exports import exports

if TYPE_CHECKING:
    from motionkit.journal.caches import Caches
    from motionkit.journal.checking import Checked, check_journal
    from motionkit.journal.copying import Copied, copy_journal
    from motionkit.journal.databases import located
    from motionkit.journal.entries import (
        Alike,
        Attempt,
        NewPurchase,
        PurchaseExists,
        PurchaseRecord,
        no_slot,
        retried,
        retry_key,
    )
    from motionkit.journal.journal import Journal, optional
    from motionkit.journal.listing import Filter
    from motionkit.journal.pruning import Prunable
    from motionkit.journal.statistics import (
        Observation,
        OfferKey,
        Stats,
        expected_seconds,
        observed_quote,
        summarise,
        timed,
        weights,
    )

__all__ = [
    "Alike",
    "Attempt",
    "Caches",
    "Checked",
    "Copied",
    "Filter",
    "Journal",
    "NewPurchase",
    "Observation",
    "OfferKey",
    "Prunable",
    "PurchaseExists",
    "PurchaseRecord",
    "Stats",
    "check_journal",
    "copy_journal",
    "expected_seconds",
    "located",
    "no_slot",
    "observed_quote",
    "optional",
    "retried",
    "retry_key",
    "summarise",
    "timed",
    "weights",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "motionkit.journal.caches": "Caches",
        "motionkit.journal.checking": "Checked check_journal",
        "motionkit.journal.copying": "Copied copy_journal",
        "motionkit.journal.databases": "located",
        "motionkit.journal.entries": (
            "Alike Attempt NewPurchase PurchaseExists PurchaseRecord no_slot retried retry_key"
        ),
        "motionkit.journal.journal": "Journal optional",
        "motionkit.journal.listing": "Filter",
        "motionkit.journal.pruning": "Prunable",
        "motionkit.journal.statistics": (
            "Observation OfferKey Stats expected_seconds observed_quote summarise timed weights"
        ),
    },
)
