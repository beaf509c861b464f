"""A batch for Python: plan it, run it, watch it, cancel it, retry it, read its results."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import attrs

from motionkit._support.displayed import Displayed
from motionkit.batch import child, inputs
from motionkit.batch import results as files
from motionkit.batch.drafts import draft
from motionkit.batch.inputs import Input
from motionkit.batch.plan import Plan, budgets_of
from motionkit.batch.results import Format, ItemResult
from motionkit.batch.tables import LEFT, Batches, BatchRecord, BatchState, ItemState
from motionkit.client import Choose, Client, journal_of, wanted_choice
from motionkit.config import Config
from motionkit.errors import InvalidRequest, MotionKitError
from motionkit.journal import WORKER_LEASE
from motionkit.model.budget import Budget, BudgetStatus
from motionkit.model.listing import Listing
from motionkit.model.money import dollars
from motionkit.storage import Place

P = ParamSpec("P")
T = TypeVar("T")

Rows = Input | str | os.PathLike[str] | Iterable[Mapping[str, Any]]
"""Where rows come from: a table's path, mappings, or `Batch.matrix`."""

_RATE_OVER = 600.0
"""Seconds of which the rate is the mean."""
_ENOUGH = 5
"""Ended jobs that make a rate; before, the end is estimated from usual durations."""


@attrs.frozen(repr=False)
class SlotUse(Displayed):
    """How many jobs an account runs.

    Attributes:
        account: The account's name.
        used: How many it runs, for whatever batch or program.
        limit: How many it may run at once; None without a limit.
    """

    account: str
    used: int
    limit: int | None


@attrs.frozen(kw_only=True, repr=False)
class Progress(Displayed):
    """How far a batch is.

    Attributes:
        batch: The batch's id.
        state: Its state.
        total: How many items it is going to have.
        planned: How many of them were added.
        counts: How many are in each state.
        spent: US dollars of finished purchases; where a vendor reported none, the reserved amount.
        held: US dollars that unfinished purchases reserve.
        budget: The use of ``max_usd``; None without.
        rate: Jobs that succeeded in a minute, over the last ten; None before any did.
        ends: When it is expected to end; None when that is unknown, or it has ended.
        slots: The use of each account that its items may go to.
        workers: How many processes with the journal beat: workers and clients.
    """

    batch: str
    state: BatchState
    total: int
    planned: int
    counts: Mapping[ItemState, int]
    spent: Decimal
    held: Decimal
    budget: BudgetStatus | None
    rate: float | None
    ends: dt.datetime | None
    slots: tuple[SlotUse, ...]
    workers: int

    def __shown__(self) -> Iterator[tuple[str, object]]:
        done = self.total - self.left
        yield "batch", self.batch
        yield "state", self.state
        yield "ended", f"{done:,} of {self.total:,} items"
        yield "items", [f"{one.value}: {many:,}" for one, many in self.counts.items() if many]
        yield "spent", dollars(self.spent)
        yield "held", dollars(self.held)
        yield "budget", self.budget
        yield "jobs per minute", self.rate
        yield "expected end", self.ends
        yield "slots", [f"{one.account}: {one.used} of {one.limit or 'any'}" for one in self.slots]
        yield "workers", self.workers

    @property
    def left(self) -> int:
        """How many items are to be finished, those included that are not added yet."""
        more = 0 if self.state is BatchState.CANCELLED else self.total - self.planned
        return more + sum(self.counts[state] for state in LEFT)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.left == 0


class Batch:
    """A batch in the journal: many requests, each bought once, by any number of workers.

    Make one by `plan` or `get`; use it as a context manager, or close it.

    Attributes:
        id: Its id; the beginning of it names it as well.
        planned: What `plan` found; None after `get`.
    """

    def __init__(self, client: Client, record: BatchRecord, planned: Plan | None = None) -> None:
        self._client = client
        self._journal = journal_of(client)
        self._batches = Batches.of(self._journal)
        self.id = record.id
        self.planned = planned

    @classmethod
    def plan(
        cls,
        rows: Rows,
        *,
        out: Path | str,
        via: str | None = None,
        choose: Choose | None = None,
        max_usd: Decimal | str | None = None,
        operation: str | None = "mimic",
        values: Mapping[str, Any] | None = None,
        config: Config | Path | str | None = None,
        provider_classes: Mapping[str, type[Any]] | None = None,
        confirm: Callable[[Plan], bool] | None = None,
        watch: Callable[[int], None] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Batch:
        """Check and quote every row, and write the batch; workers may begin at once.

        The same `out` is the same batch: what is there stays, and further rows are added.

        Args:
            rows: The path of a table (CSV, JSONL, Parquet), mappings, or `matrix`. Columns are the
                request's fields, ``operation``, ``via``, ``key``, ``out``, and ``label.NAME`` for a
                label.
            out: The folder of the files, or a URL of fsspec.
            via: The target or route of rows that name none.
            choose: Which target of a route goes first, as in `Client.submit`; rows that name a
                single target go there.
            max_usd: What the batch may spend, in US dollars.
            operation: The operation or verb of rows that name none.
            values: Values of columns, for rows that give none.
            config: As for `Client`.
            provider_classes: As for `Client`.
            confirm: Called with the plan before anything is written; false ends it.
            watch: Called with the number of items that were added, as it grows.
            labels: Labels of all purchases, as in `Client.submit`; those of a row go before them,
                and a row that was planned before keeps its own.

        Raises:
            InvalidRows: Rows are wrong; it names row and column of each. Nothing was written.
            BudgetExceeded: `max_usd` does not suffice; nothing was written.
            InvalidRequest: An argument is wrong, the rows of `out` are other ones, or `confirm`
                declined.
            ConfigError: The configuration is wrong, or not the one that the batch was planned with,
                or an account has no key; nothing was written.

        Examples:
            >>> batch = mk.Batch.plan("items.csv", out="results/", max_usd="50")
            >>> print(batch.id, batch.planned.likely, batch.progress().counts)
        """
        client = Client(config, provider_classes=provider_classes)
        try:
            with draft(
                client,
                inputs.read(rows),
                out=out,
                via=via,
                choose=wanted_choice(choose),
                operation=operation,
                values=values,
                max_usd=max_usd,
                labels=labels,
            ) as found:
                _require(found.plan, confirm)
                return cls(client, found.save(watch), found.plan)
        except BaseException:
            client.close()
            raise

    @staticmethod
    def matrix(**files: Iterable[str]) -> Input:
        """Return rows for every combination of media: each image with each video.

        Give patterns such as ``chars/*.jpg``, paths or URLs, by the request's field.

        Raises:
            InvalidRequest: A pattern matches no file.

        Examples:
            >>> rows = mk.Batch.matrix(image=["chars/*.jpg"], video=["clips/*.mp4"])
            >>> batch = mk.Batch.plan(rows, out="results/")
        """
        lists = {n: [one] if isinstance(one, str) else list(one) for n, one in files.items()}
        return inputs.matrix(lists)

    @classmethod
    def get(
        cls,
        reference: str,
        *,
        config: Config | Path | str | None = None,
        provider_classes: Mapping[str, type[Any]] | None = None,
    ) -> Batch:
        """Return the batch that an id, or its unambiguous beginning, names.

        Raises:
            InvalidRequest: None does, or several do.
        """
        client = Client(config, provider_classes=provider_classes)
        try:
            return cls(client, Batches.of(journal_of(client)).get(reference))
        except BaseException:
            client.close()
            raise

    @staticmethod
    def listed(*, config: Config | Path | str | None = None) -> Listing[BatchRecord]:
        """Return every batch of the journal, the newest first.

        Examples:
            >>> [record.id for record in mk.Batch.listed()]
        """
        with Client(config) as client:
            found = Batches.of(journal_of(client)).listed()
            return Listing(found, kind=BatchRecord, title="batches")

    @property
    def record(self) -> BatchRecord:
        """The batch as the journal has it now."""
        return self._batches.get(self.id)

    @property
    def config(self) -> Config:
        """The configuration that it uses."""
        return self._client.config

    def run(self, *, concurrency: int | None = None) -> Progress:
        """Work on the batch in a child process until nothing is left, and return how it ended.

        Uncertain items whose purchases were resolved are finished too. Nothing is bought a second
        time: the same call after a crash continues. The child reads the configuration itself, from
        the file or the environment.

        Args:
            concurrency: Items at once; the slots of the accounts and a quarter more when None.

        Raises:
            ConfigError: The extra ``motionkit[batch]`` is not installed, or the configuration was
                made in Python.
            MotionKitError: Items are left that nothing can be bought for at present, or the child
                broke off.

        Examples:
            >>> with mk.Batch.plan("items.csv", out="results/") as batch:
            ...     print(batch.run().counts)
        """
        place = child.place_of(self.config)
        self.resolve()
        halts = child.run(self.id, place, concurrency=concurrency)
        progress = self.progress()
        if halts and not progress.finished:
            raise next(iter(halts.values()))
        return progress

    def progress(self) -> Progress:
        """Return counts, money, rate and the expected end; cheap also for a million items."""
        record, counts = self.record, self._batches.counts(self.id)
        now = self._journal.store.now()
        used = self._used(record)
        rate = self._rate(record, now)
        found = Progress(
            batch=record.id,
            state=record.state,
            total=record.total,
            planned=record.planned,
            counts=counts,
            spent=used.spent,
            held=used.held,
            budget=used if budgets_of(record) else None,
            rate=rate,
            ends=None,
            slots=tuple(self._slots(record, now)),
            workers=self._workers(now),
        )
        seconds = self._seconds_left(record, found)
        if seconds is None:
            return found
        ends = dt.datetime.fromtimestamp(now + seconds, dt.UTC)
        return attrs.evolve(found, ends=ends)

    def _used(self, record: BatchRecord) -> BudgetStatus:
        budget = next(iter(budgets_of(record)), None) or Budget(
            name=f"batch:{record.id}", period="total", limit=Decimal(0), batch=record.id
        )
        return self._journal.budget(budget, sandbox=bool(record.options.get("sandbox")))

    def _rate(self, record: BatchRecord, now: float) -> float | None:
        since = max(now - _RATE_OVER, record.made)
        found = self._journal.store.query(
            "SELECT COUNT(*) AS jobs FROM purchases WHERE state='succeeded'"
            " AND finished IS NOT NULL AND finished>=:since AND batch=:batch",
            {"since": since, "batch": record.id},
        )
        jobs = found[0]["jobs"]
        return None if not jobs else float(jobs) * 60 / max(now - since, 1.0)

    def _slots(self, record: BatchRecord, now: float) -> Iterator[SlotUse]:
        for name, fingerprint in sorted(record.accounts.items()):
            found = self._journal.store.query(
                "SELECT COUNT(*) AS jobs FROM attempts"
                " WHERE fingerprint=:fingerprint AND slot_until>:now",
                {"fingerprint": fingerprint, "now": now},
            )
            account = self.config.accounts.get(name)
            limit = None if account is None else account.slots
            yield SlotUse(name, int(found[0]["jobs"]), limit)

    def _workers(self, now: float) -> int:
        found = self._journal.store.query(
            "SELECT COUNT(*) AS workers FROM workers WHERE seen>:alive",
            {"alive": now - WORKER_LEASE},
        )
        return int(found[0]["workers"])

    @staticmethod
    def _seconds_left(record: BatchRecord, found: Progress) -> float | None:
        if found.finished:
            return None
        if found.rate is not None and found.counts[ItemState.DONE] >= _ENOUGH:
            return found.left / found.rate * 60
        expected: float = record.options.get("seconds") or 0.0
        planned: int = record.options.get("left") or 0
        return expected * min(1.0, found.left / planned) if expected and planned else None

    def cancel(self) -> int:
        """Buy nothing new; what is bought is still fetched. Return how many items were cancelled.

        Examples:
            >>> mk.Batch.get("b-7f3a").cancel()
        """
        return self._batches.cancel(self.id)

    def retry(
        self,
        *,
        failed: bool = False,
        blocked: bool = False,
        refused: bool = False,
        cancelled: bool = False,
        missing: bool = False,
    ) -> int:
        """Plan items again that ended without a file, and return how many.

        What failed may have cost, and is bought again under a new key. What was refused cost
        nothing, and is tried again under the same key. What is done and `missing`, because its file
        is no longer in the folder, is only downloaded, while the vendor keeps it. What is uncertain
        is never retried: `Client.jobs.reconcile` resolves it. `run`, or a worker, then works on
        them.

        Examples:
            >>> batch = mk.Batch.get("b-7f3a")
            >>> batch.retry(failed=True), batch.run()
        """
        states = {
            ItemState.FAILED: failed,
            ItemState.BLOCKED: blocked,
            ItemState.REFUSED: refused,
            ItemState.CANCELLED: cancelled,
        }
        wanted = [state for state, given in states.items() if given]
        if not wanted and not missing:
            raise InvalidRequest(
                "retry: say which items",
                field="retry",
                limit="failed, blocked, refused, cancelled, missing",
            )
        count = self._batches.retry(self.id, wanted) if wanted else 0
        return count + (self._fetch_missing() if missing else 0)

    def _fetch_missing(self) -> int:
        place = Place(self.record.out)
        place.check()
        done = self._batches.items(self.id, [ItemState.DONE])
        return self._batches.fetch_again(self.id, (one for one in done if not place.has(one.file)))

    def resolve(self) -> int:
        """Let `run` finish uncertain items whose purchases were resolved, and return how many."""
        return self._batches.resolve(self.id)

    def results(self, states: Iterable[ItemState] | None = None) -> Iterator[ItemResult]:
        """Yield what became of each item, by number; a million take no memory.

        Examples:
            >>> for one in batch.results():
            ...     print(one.item, one.state, one.file, one.usd)
        """
        return files.results(self._batches, self._journal, self.id, states)

    def save_results(self, form: Format = "csv") -> str:
        """Write ``results.csv`` (or .jsonl, .parquet) beside the files; return where it is.

        The file is written whole, or not at all. In CSV no cell begins like a formula.
        """
        return files.save(self.results(), self.record, form)

    def _repr_html_(self) -> str:
        from motionkit._support import html  # noqa: PLC0415 - only a notebook draws it

        planned = "" if self.planned is None else self.planned._repr_html_()
        try:
            return self.progress()._repr_html_() + planned
        except MotionKitError as error:  # it is closed, or the journal cannot be read
            facts = [("batch", self.id), ("progress", f"unknown: {error.message}")]
            return html.table(facts, "Batch") + planned

    def close(self) -> None:
        """Close the journal."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _require(plan: Plan, confirm: Callable[[Plan], bool] | None) -> None:
    if confirm is not None and not confirm(plan):
        raise InvalidRequest(f"batch {plan.batch} was not confirmed: nothing was written")


def _coroutine(
    verb: Callable[Concatenate[Batch, P], T],
) -> Callable[Concatenate[AsyncBatch, P], Coroutine[Any, Any, T]]:
    """Return a batch's verb as a coroutine with the same parameters and docstring."""

    @functools.wraps(verb)
    async def call(self: AsyncBatch, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.to_thread(verb, self.batch, *args, **kwargs)

    return call


class AsyncBatch:
    """`Batch` for coroutines: each verb blocks a thread of the event loop's pool.

    Attributes:
        batch: The batch.
    """

    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    @classmethod
    async def plan(cls, rows: Rows, *, out: Path | str, **options: Any) -> AsyncBatch:
        """Plan a batch, as `Batch.plan` does."""
        return cls(await asyncio.to_thread(Batch.plan, rows, out=out, **options))

    @classmethod
    async def get(cls, reference: str, **options: Any) -> AsyncBatch:
        """Return a batch, as `Batch.get` does."""
        return cls(await asyncio.to_thread(Batch.get, reference, **options))

    run = _coroutine(Batch.run)
    progress = _coroutine(Batch.progress)
    cancel = _coroutine(Batch.cancel)
    retry = _coroutine(Batch.retry)
    resolve = _coroutine(Batch.resolve)
    save_results = _coroutine(Batch.save_results)

    def _repr_html_(self) -> str:
        return self.batch._repr_html_()

    async def results(self, states: Iterable[ItemState] | None = None) -> AsyncIterator[ItemResult]:
        """Yield what became of each item, as `Batch.results` does."""
        rows = self.batch.results(states)
        while (one := await asyncio.to_thread(next, rows, None)) is not None:
            yield one

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.batch.close)
