"""The results of a batch: a row for each item, as CSV, JSON Lines or Parquet.

CSV is for spreadsheets: UTF-8 with a byte order mark, and no cell begins like a formula. A cell
that would begin with ``=``, ``+``, ``-``, ``@``, a tab or a line break gets an apostrophe before
it, as does a line or a part after a semicolon or tab within a cell: some spreadsheets split there.
That also changes a key such as ``-1``; JSON Lines and Parquet have every value as it is.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Literal

import attrs

from motionkit._support.displayed import Displayed
from motionkit.batch.cells import request_of
from motionkit.batch.inputs import need, need_parquet
from motionkit.batch.tables import Batches, BatchRecord, Item, ItemState
from motionkit.errors import InvalidRequest
from motionkit.journal import Journal, PurchaseRecord, retried
from motionkit.model.job import KeyState, State
from motionkit.model.money import Cost, CostBasis
from motionkit.storage import Place, is_url

Format = Literal["csv", "jsonl", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "jsonl", "parquet")
_PAGE = 500
_ROW_GROUP = 50_000
"""Rows that a Parquet file holds together, and that are in memory at once."""

_SIGNS = r"[=+\-@\uff1d\uff0b\uff0d\uff20]"
_BEGINS = re.compile(rf"\s*{_SIGNS}|[\t\r\n]")
_WITHIN = re.compile(rf"([;\t\r\n])(?={_SIGNS})")
_SAVED = re.compile(rf"([;\t\r\n])'(?={_SIGNS})")


@attrs.frozen(kw_only=True, repr=False)
class ItemResult(Displayed):
    """What became of one item.

    Attributes:
        item: Its number.
        key: The key of its purchase; of the last one, where it was bought again.
        request: The request in short, JSON.
        state: The item's state, as text.
        target: ``account/model`` where it was bought; None before.
        job: The vendor's id of the job; None without one.
        cost: What all its purchases cost, in `unit`; None where that is unknown.
        unit: ``credit`` or ``usd``; None where its purchases have different ones.
        usd: What all its purchases cost, in US dollars; None where that is unknown.
        basis: How that is known: ``reported``, ``refunded``, ``assumed``, or ``quoted`` for a
            purchase whose cost is not known yet.
        seconds: How long its job took.
        file: Its file, below the batch's folder; None where there is none.
        sha256: That file's digest.
        error: Why there is no file.
        hint: What to do about it.
    """

    item: int
    key: str
    request: str
    state: str
    target: str | None = None
    job: str | None = None
    cost: Decimal | None = None
    unit: str | None = None
    usd: Decimal | None = None
    basis: str | None = None
    seconds: float | None = None
    file: str | None = None
    sha256: str | None = None
    error: str | None = None
    hint: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able values; amounts are text."""
        fields = attrs.asdict(self)
        return {n: str(v) if isinstance(v, Decimal) else v for n, v in fields.items()}


COLUMNS = tuple(one.name for one in attrs.fields(ItemResult))


def results(
    batches: Batches,
    journal: Journal,
    batch: str,
    states: Iterable[ItemState] | None = None,
) -> Iterator[ItemResult]:
    """Yield the results of a batch by number, read in pages.

    Args:
        batches: The batches.
        journal: The purchases.
        batch: The batch's id.
        states: Only items in one of these states.
    """
    wanted = None if states is None else list(states)
    after = 0
    while page := list(batches.items(batch, wanted, after, _PAGE)):
        after = page[-1].n
        bought = {record.key: record for record in journal.readable([one.key for one in page])}
        for item in page:
            yield _result(item, _purchases(journal, item, bought.get(item.key)))


def _purchases(journal: Journal, item: Item, record: PurchaseRecord | None) -> list[PurchaseRecord]:
    """Return everything that was bought for an item, the last one last."""
    again = record is not None and record.state in {State.FAILED, State.BLOCKED, State.GONE}
    if not item.tries and not again:
        return [] if record is None else [record]
    first = retried(item.key) or item.key
    earlier = journal.get(first)
    return [*([] if earlier is None else [earlier]), *journal.retries(first)]


def _result(item: Item, purchases: list[PurchaseRecord]) -> ItemResult:
    paid = [one for one in purchases if one.state is not KeyState.REFUSED]
    last = (paid or purchases)[-1] if purchases else None
    made = ItemResult(
        item=item.n,
        key=item.key if last is None else last.key,
        request=_described(item),
        state=item.state.value,
        file=item.out if item.state is ItemState.DONE else None,
        error=_said(item.error, "message"),
        hint=_said(item.error, "hint"),
    )
    if last is None:
        return made
    job = last.job
    ended = last.finished
    return attrs.evolve(
        made,
        target=last.path[-1] if last.path else None,
        job=None if job is None else job.id,
        seconds=None
        if job is None or ended is None
        else round(max(0.0, ended - job.submitted_at.timestamp()), 1),
        sha256=last.sha256 if item.state is ItemState.DONE else None,
        error=made.error or _said(last.error, "message"),
        hint=made.hint or _said(last.error, "hint"),
        **_charged(paid),
    )


def _described(item: Item) -> str:
    try:
        described = request_of(item.request).describe()
    except InvalidRequest:  # its operation is not installed here
        described = {"item": item.n}
    return json.dumps(described, ensure_ascii=False, default=str)


def _said(error: Mapping[str, Any] | None, name: str) -> str | None:
    value = None if error is None else error.get(name)
    return None if value is None else str(value)


def _charged(purchases: Iterable[PurchaseRecord]) -> dict[str, Any]:
    """Return what purchases cost together: an unknown part makes the sum unknown."""
    costs = [(one.cost or _quoted(one), one.cost is not None) for one in purchases]
    known = [cost for cost, _ in costs if cost is not None]
    if not known:
        return {}
    whole = len(known) == len(costs)
    units = {cost.unit for cost in known}
    dollars = [cost.usd for cost in known if cost.usd is not None]
    bases = [cost.basis.value if final else "quoted" for cost, final in costs if cost is not None]
    rank = ("quoted", CostBasis.ASSUMED.value, CostBasis.REPORTED.value, CostBasis.REFUNDED.value)
    return {
        "cost": sum((one.amount for one in known), Decimal(0))
        if whole and len(units) == 1
        else None,
        "unit": next(iter(units)).value if len(units) == 1 else None,
        "usd": sum(dollars, Decimal(0)) if whole and len(dollars) == len(known) else None,
        "basis": min(bases, key=rank.index),
    }


def _quoted(record: PurchaseRecord) -> Cost | None:
    """Return what a purchase is expected to cost while its cost is not known."""
    quote = record.quote
    if quote is None or quote.likely is None:
        return None
    return Cost(quote.likely, quote.unit, quote.usd_likely, CostBasis.ASSUMED)


# Files.


def safe(value: Any) -> str:
    """Return a value as a cell that no spreadsheet takes for a formula; empty for None."""
    if value is None:
        return ""
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    text = _WITHIN.sub(r"\1'", text)
    return f"'{text}" if _BEGINS.match(text) else text


def unsafe(cell: str) -> str:
    """Return the text that `safe` wrote as a cell, without the apostrophes that it added.

    A text that has such an apostrophe of its own loses it.
    """
    text = cell[1:] if cell.startswith("'") and _BEGINS.match(cell[1:]) else cell
    return _SAVED.sub(r"\1", text)


def write(rows: Iterable[ItemResult], stream: IO[bytes], form: Format) -> None:
    """Write results to a binary stream in a format.

    Raises:
        InvalidRequest: There is no such format.
        ConfigError: It is Parquet, and the extra ``motionkit[parquet]`` is not installed.
    """
    writer = _WRITERS.get(form)
    if writer is None:
        raise InvalidRequest.expected("format", form, f"one of {', '.join(FORMATS)}")
    writer(rows, stream)


def _write_csv(rows: Iterable[ItemResult], stream: IO[bytes]) -> None:
    text = io.TextIOWrapper(stream, "utf-8-sig", errors="backslashreplace", newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([safe(getattr(row, name)) for name in COLUMNS])
    text.flush()
    text.detach()


def _write_json_lines(rows: Iterable[ItemResult], stream: IO[bytes]) -> None:
    for row in rows:
        line = json.dumps(row.to_dict(), ensure_ascii=False)
        stream.write(f"{line}\n".encode("utf-8", "backslashreplace"))


def _write_parquet(rows: Iterable[ItemResult], stream: IO[bytes]) -> None:
    parquet = need_parquet()
    import pyarrow as pa  # noqa: PLC0415 - optional extra

    kinds = {"item": pa.int64(), "seconds": pa.float64()}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    with parquet.ParquetWriter(stream, schema) as writer:
        group: list[dict[str, Any]] = []
        for row in rows:
            group.append(row.to_dict())
            if len(group) >= _ROW_GROUP:
                writer.write_table(pa.Table.from_pylist(group, schema))
                group = []
        writer.write_table(pa.Table.from_pylist(group, schema))


_WRITERS: Mapping[str, Callable[[Iterable[ItemResult], IO[bytes]], None]] = {
    "csv": _write_csv,
    "jsonl": _write_json_lines,
    "parquet": _write_parquet,
}


def save(rows: Iterable[ItemResult], record: BatchRecord, form: Format = "csv") -> str:
    """Write ``results.csv`` (or .jsonl, .parquet) beside the files of a batch, whole or not at all.

    Returns:
        Its path or URL.

    Raises:
        ConfigError: The folder is a URL, and the extra ``motionkit[batch]`` is not installed.
        InvalidRequest: It cannot be written there.
    """
    if form not in FORMATS:
        raise InvalidRequest.expected("format", form, f"one of {', '.join(FORMATS)}")
    name = f"results.{form}"
    place = Place(record.out).address(name)
    try:
        with whole(place) as stream:
            write(rows, stream, form)
    except OSError as error:
        why = error.strerror or str(error)
        raise InvalidRequest(
            f"out: {place!r} cannot be written: {why}", field="out", value=place
        ) from error
    return place


@contextmanager
def whole(place: str) -> Iterator[IO[bytes]]:
    """Give a stream whose content replaces a file when the block ends without an error."""
    # The whole content first: a store behind a URL may keep what was written before an error.
    if is_url(place):
        with tempfile.TemporaryFile() as content:
            yield content
            content.seek(0)
            with need("fsspec", "a URL as out", "batch").open(place, "wb") as stream:
                while part := content.read(1 << 20):
                    stream.write(part)
        return
    path = Path(place)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    part_file = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        mask = os.umask(0)
        os.umask(mask)
        part_file.chmod(0o666 & ~mask)
        part_file.replace(path)
    except BaseException:
        part_file.unlink(missing_ok=True)
        raise
