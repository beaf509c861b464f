"""The record of purchases on disk, written ahead of every paid call. Imports `model` and below."""

from motionkit.journal.caches import Caches
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
    "Journal",
    "NewPurchase",
    "Observation",
    "OfferKey",
    "PurchaseExists",
    "PurchaseRecord",
    "Stats",
    "expected_seconds",
    "no_slot",
    "observed_quote",
    "optional",
    "retried",
    "retry_key",
    "summarise",
    "timed",
    "weights",
]
