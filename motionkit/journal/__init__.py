"""The record of purchases on disk, written ahead of every paid call."""

from motionkit.journal.entries import Attempt, PurchaseRecord, retried

__all__ = ["Attempt", "PurchaseRecord", "retried"]
