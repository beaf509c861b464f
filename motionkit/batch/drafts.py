"""Draft a batch: check and quote every row, then add the items that are not there yet."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import IO, Any, Self

import attrs

from motionkit.batch.checks import Check
from motionkit.batch.inputs import Input
from motionkit.batch.plan import Plan, batch_id, where
from motionkit.batch.tables import Batches, BatchRecord, Item
from motionkit.client import Choose, Client, account_fingerprints, journal_of, preferred_choice
from motionkit.errors import BudgetExceeded, ConfigError, InvalidRequest
from motionkit.model.budget import Budget
from motionkit.model.labels import check_labels
from motionkit.model.money import AMOUNT, amount


class Draft:
    """A batch whose rows were all checked and quoted, and of which nothing was written.

    It holds a temporary file until it is saved or closed.

    Attributes:
        plan: What it is going to buy.
        unusable: Why it cannot be bought: an account has no key; None where all have.
    """

    def __init__(
        self,
        plan: Plan,
        batches: Batches,
        spool: IO[str],
        *,
        planned: int,
        via: str | None,
        options: Mapping[str, Any],
        accounts: Mapping[str, str],
        unusable: ConfigError | None,
    ) -> None:
        self.plan, self.unusable = plan, unusable
        self._planned = planned
        self._batches, self._spool = batches, spool
        self._via, self._options, self._accounts = via, dict(options), dict(accounts)

    def save(self, progress: Callable[[int], None] | None = None) -> BatchRecord:
        """Write the batch, and add the items that are not there; workers may begin with the first.

        Args:
            progress: Called with the number of items that are there, as it grows.

        Raises:
            ConfigError: An account has no key; nothing was written.
            BudgetExceeded: ``max_usd`` does not suffice; nothing was written.
            InvalidRequest: The batch was cancelled, or a key was taken meanwhile.
            JournalError: It cannot be written. The same call again continues.
        """
        if self.unusable is not None:
            raise self.unusable
        over = self.plan.over_budget()
        if over:
            raise BudgetExceeded(f"batch {self.plan.batch}: {over}")
        batch, total = self.plan.batch, self.plan.total
        record = self._batches.create(
            batch,
            via=self._via,
            out=self.plan.out,
            options=self._options,
            accounts=self._accounts,
            total=total,
        )
        if record.via != self._via:  # another planner made it since the check
            raise InvalidRequest(
                f"batch {batch} was planned with another via meanwhile",
                field="via",
                value=self._via,
                limit=str(record.via),
            )
        accounts = {**record.accounts, **self._accounts}
        record = self._batches.extend(batch, total=total, options=self._options, accounts=accounts)
        self._spool.seek(0)
        rows = (json.loads(line) for line in self._spool)
        # Those that another planner added since the check are compared once more, by `add`.
        missing = (
            Item(batch, *row, labels=labels) for *row, labels in rows if row[0] > self._planned
        )
        for there in self._batches.add(batch, missing):
            if progress is not None:
                progress(there)
        self.close()
        return self._batches.get(batch)

    def close(self) -> None:
        """Drop the temporary file."""
        self._spool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def draft(
    client: Client,
    rows: Input,
    *,
    out: str | os.PathLike[str],
    via: str | None = None,
    operation: str | None = "mimic",
    values: Mapping[str, Any] | None = None,
    max_usd: Decimal | str | None = None,
    labels: Mapping[str, str] | None = None,
    choose: Choose | None = None,
) -> Draft:
    """Check and quote the rows of a batch; nothing is sent or written, and no key is needed.

    Args:
        client: The accounts and the journal.
        rows: The rows, as `motionkit.batch.inputs.read` or `matrix` return them.
        out: The folder or URL of the files; it determines the batch.
        via: The target or route of rows that name none.
        operation: The operation or verb of rows that name none.
        values: Values of columns, for rows that give none.
        max_usd: The batch's budget in US dollars; that of an earlier run when None.
        labels: Labels of the rows' purchases, besides those of a row. A row that was planned keeps
            its own.

        choose: Which target of a route goes first; that of an earlier run when None.

    Raises:
        InvalidRows: Rows are wrong; all of them were read.
        InvalidRequest: The input or an argument is wrong.
        ConfigError: An account has another key or address than when the batch was planned.
    """
    address = where(out)
    limit = None if max_usd is None else amount(max_usd)
    if max_usd is not None and limit is None:
        raise InvalidRequest.expected("max_usd", max_usd, AMOUNT)
    batches = Batches.of(journal_of(client))
    record = batches.find(batch_id(address))
    if limit is None and record is not None and record.options.get("max_usd") is not None:
        limit = Decimal(record.options["max_usd"])
    if choose is None and record is not None:
        choose = record.options.get("choose")
    elif choose is not None and preferred_choice(client, via, choose) is None:
        raise InvalidRequest.expected("choose", choose, f"no choice: {via!r} is one target")
    spool = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - the draft closes it
    try:
        check = Check(
            client,
            batches,
            rows,
            record=record,
            out=address,
            via=via,
            operation=operation,
            values=values or {},
            labels=check_labels(labels or {}),
            choose=choose,
        )
        for line in check.items():
            spool.write(line)
        check.finish()
        accounts = account_fingerprints(client, check.vias)
        _same_accounts(record, accounts)
        options: dict[str, Any] = {
            "operation": operation,
            "source": rows.name,
            "max_usd": None if limit is None else str(limit),
            "choose": choose,
        }
        sandbox = any(client.config.account(name).in_sandbox for name in accounts)
        plan = check.plan(limit, _used(client, record, sandbox=sandbox))
        plan = attrs.evolve(plan, accounts=tuple(accounts))
        options |= {"sandbox": sandbox, "left": plan.left, "seconds": plan.seconds}
        return Draft(
            plan,
            batches,
            spool,
            planned=0 if record is None else record.planned,
            via=check.via,
            options=options,
            accounts=accounts,
            unusable=_unusable(client, plan),
        )
    except BaseException:
        spool.close()
        raise


def _used(client: Client, record: BatchRecord | None, *, sandbox: bool) -> Decimal:
    """Return what an earlier run spent and holds of its budget."""
    if record is None:
        return Decimal(0)
    budget = Budget(name=record.id, period="total", limit=Decimal(0), batch=record.id)
    status = journal_of(client).budget(budget, sandbox=sandbox)
    return status.spent + status.held


def _unusable(client: Client, plan: Plan) -> ConfigError | None:
    """Return what the first account without a key needs."""
    for name in plan.no_keys:
        try:
            client.account(name)
        except ConfigError as error:
            return error
    return None


def _same_accounts(record: BatchRecord | None, accounts: Mapping[str, str]) -> None:
    for name, fingerprint in accounts.items():
        if record is not None and record.accounts.get(name, fingerprint) != fingerprint:
            raise ConfigError(
                f"account {name!r} had another key or address when batch {record.id} was planned",
                hint="use that one, or plan a new batch with another out",
                account=name,
            )
