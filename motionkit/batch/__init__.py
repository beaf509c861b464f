"""Batches: many requests, bought by any number of workers. Imports `client` and below."""

from motionkit.batch.batch import AsyncBatch, Batch, Progress, SlotUse
from motionkit.batch.checks import combinations
from motionkit.batch.drafts import Draft, draft
from motionkit.batch.inputs import (
    Input,
    InvalidRows,
    Problem,
    Problems,
    as_text,
    csv_rows,
    matrix,
    object_of,
    read,
)
from motionkit.batch.plan import Need, Plan, TargetPlan
from motionkit.batch.results import FORMATS, Format, ItemResult
from motionkit.batch.results import safe as safe_cell
from motionkit.batch.results import unsafe as unsafe_cell
from motionkit.batch.results import whole as whole_file
from motionkit.batch.results import write as write_results
from motionkit.batch.tables import Batches, BatchRecord, BatchState, Item, ItemState
from motionkit.batch.worker import Ended, Worker, healthy, run_batch

__all__ = [
    "FORMATS",
    "AsyncBatch",
    "Batch",
    "BatchRecord",
    "BatchState",
    "Batches",
    "Draft",
    "Ended",
    "Format",
    "Input",
    "InvalidRows",
    "Item",
    "ItemResult",
    "ItemState",
    "Need",
    "Plan",
    "Problem",
    "Problems",
    "Progress",
    "SlotUse",
    "TargetPlan",
    "Worker",
    "as_text",
    "combinations",
    "csv_rows",
    "draft",
    "healthy",
    "matrix",
    "object_of",
    "read",
    "run_batch",
    "safe_cell",
    "unsafe_cell",
    "whole_file",
    "write_results",
]
