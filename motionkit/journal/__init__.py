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
        GIVEN_UP,
        UNDELIVERED,
        Alike,
        Attempt,
        NewPurchase,
        OnCorrupt,
        PurchaseExists,
        PurchaseRecord,
        no_slot,
        retried,
        retry_key,
    )
    from motionkit.journal.journal import Journal, optional
    from motionkit.journal.listing import Filter
    from motionkit.journal.postgres import connect as connect_postgres
    from motionkit.journal.pruning import Prunable
    from motionkit.journal.rows import labels_of, masked, read_path, stored_path
    from motionkit.journal.spending import paid_of
    from motionkit.journal.statistics import (
        DEFAULT_SECONDS,
        Observation,
        OfferKey,
        Stats,
        expected_seconds,
        observed_quote,
        quantile,
        summarise,
        timed,
        weights,
    )
    from motionkit.journal.workers import LEASE as WORKER_LEASE

__all__ = [
    "DEFAULT_SECONDS",
    "GIVEN_UP",
    "UNDELIVERED",
    "WORKER_LEASE",
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
    "OnCorrupt",
    "Prunable",
    "PurchaseExists",
    "PurchaseRecord",
    "Stats",
    "check_journal",
    "connect_postgres",
    "copy_journal",
    "expected_seconds",
    "labels_of",
    "located",
    "masked",
    "no_slot",
    "observed_quote",
    "optional",
    "paid_of",
    "quantile",
    "read_path",
    "retried",
    "retry_key",
    "stored_path",
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
            "GIVEN_UP UNDELIVERED Alike Attempt NewPurchase OnCorrupt PurchaseExists PurchaseRecord"
            " no_slot retried retry_key"
        ),
        "motionkit.journal.journal": "Journal optional",
        "motionkit.journal.listing": "Filter",
        "motionkit.journal.pruning": "Prunable",
        "motionkit.journal.postgres": "connect_postgres=connect",
        "motionkit.journal.rows": "labels_of masked read_path stored_path",
        "motionkit.journal.spending": "paid_of",
        "motionkit.journal.statistics": (
            "DEFAULT_SECONDS Observation OfferKey Stats expected_seconds observed_quote quantile "
            "summarise timed weights"
        ),
        "motionkit.journal.workers": "WORKER_LEASE=LEASE",
    },
)
