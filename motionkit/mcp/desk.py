"""What the tools do: requests from JSON, one budget for all they buy, files in one folder."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from motionkit._support.redaction import redact_data
from motionkit.client import (
    AsyncClient,
    Comparison,
    Explanation,
    check_target,
    in_thread,
    is_stored,
    journal_of,
    order_item,
    registry,
)
from motionkit.errors import (
    BudgetExceeded,
    InvalidRequest,
    JournalError,
    MotionKitError,
    SubmitUncertain,
    WaitTimeout,
)
from motionkit.journal import PurchaseRecord
from motionkit.model import codec
from motionkit.model.budget import Budget, BudgetStatus
from motionkit.model.job import Job, KeyState, State, Status
from motionkit.model.money import Balance, dollars, rests_on
from motionkit.model.request import Request
from motionkit.model.spending import Spend
from motionkit.storage import Out, is_url, literal

__all__ = ["Desk", "Tell"]

Tell = Callable[[float, float | None, str], Awaitable[None]]
"""Called with seconds since the submit, the seconds expected in all if known, and a sentence."""

_MOST_LISTED = 50


@attrs.frozen
class Price:
    """What a submit would cost at most, in US dollars, and the question to the user."""

    usd_high: Decimal
    question: str


@attrs.define
class Desk:
    """The state of one server.

    Attributes:
        client: The accounts and the journal.
        budget: What all purchases of this server may cost together, in US dollars.
        scope: The name under which the journal counts them.
        root: The only folder whose files may be sent, and where results are saved.
    """

    client: AsyncClient
    budget: Decimal
    scope: str
    root: Path

    # Before paying.

    def request(self, operation: str, fields: Mapping[str, Any]) -> Request:
        """Return the request that an operation's or verb's name and its fields describe.

        Raises:
            InvalidRequest: There is no such operation or field, a field is missing, or a file is
                outside the server's folder.
        """
        kinds = {name: one for one in registry.operations() for name in (one.operation, one.verb)}
        kind = kinds.get(operation)
        if kind is None:
            raise InvalidRequest(
                f"operation: there is no {operation!r}",
                field="operation",
                value=operation,
                limit=", ".join(sorted({one.verb for one in kinds.values()})),
            )
        known = {one.name: one for one in attrs.fields(kind) if one.init}
        for name in fields:
            if name not in known:
                raise InvalidRequest(
                    f"fields: {kind.verb} has no {name!r}",
                    field=name,
                    limit=", ".join(known),
                )
        missing = [
            one.name
            for one in known.values()
            if one.default is attrs.NOTHING and one.name not in fields
        ]
        if missing:
            raise InvalidRequest(
                f"fields: {kind.verb} needs {', '.join(missing)}",
                field=missing[0],
                limit="a value",
            )
        media = kind.media_arguments()
        given = {
            name: self._within(name, value) if name in media else value
            for name, value in fields.items()
        }
        return kind(**given)

    def _within(self, field: str, value: Any) -> Any:
        """Return a medium as given, with a relative path as one of the server's folder."""
        if isinstance(value, list | tuple):
            return tuple(self._within(field, one) for one in value)
        if not isinstance(value, str) or "://" in value:
            return value
        return str(self.file(field, value))

    def file(self, field: str, name: str) -> Path:
        """Return the path of a file in the server's folder.

        Raises:
            InvalidRequest: It is outside: an agent may send and write files of that folder alone.
        """
        root = self.root.resolve()
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise InvalidRequest(
                f"{field}: {name!r} is outside the folder of this server",
                field=field,
                value=name,
                limit=f"a file in {root}",
            )
        return path

    async def explain(self, request: Request, via: str | None) -> tuple[Explanation, BudgetStatus]:
        """Return what a submit would send and cost, and the state of this server's budget there."""
        found = await self.client.explain(request, via=via)
        return found, self.status(sandbox=found.sandbox)

    def status(self, *, sandbox: bool) -> BudgetStatus:
        """Return what this server has spent and holds of its budget."""
        return journal_of(self.client).budget(self._budget(), sandbox=sandbox)

    def _budget(self) -> Budget:
        return Budget(name="--budget-usd", period="total", limit=self.budget, batch=self.scope)

    async def price(self, request: Request, via: str | None, key: str | None) -> Price | None:
        """Return the price that a submit needs consent to; None where it buys nothing.

        Raises:
            BudgetExceeded: It is above what is left of a budget, or is unknown.
            MotionKitError: No target can take the request.
        """
        if await self.client.bought_before(request, via=via, key=key) is not None:
            return None
        if not self.budget:
            raise BudgetExceeded(
                "this server only quotes: it has no budget",
                hint="start it with 'motionkit mcp --budget-usd AMOUNT' to let it buy",
            )
        found, status = await self.explain(request, via)
        if found.refused is not None:
            raise found.refused
        high = None if found.quote is None else found.quote.usd_high
        if found.quote is None or high is None:
            raise BudgetExceeded(f"{found.target} has no known price; a budget cannot hold it")
        status.require(high)
        upto = "" if found.quote.usd_low == high else "up to "
        return Price(
            high,
            f"Buy {request.verb} at {found.target} for {upto}{dollars(high)} "
            f"({rests_on(found.quote)})? The budget has {dollars(status.left)} left.",
        )

    async def offers(self) -> dict[str, Any]:
        """Return what can be asked for: accounts with their models, routes, operations, fields."""
        config = self.client.config
        adapters = {
            name: registry.load(account.provider) for name, account in config.accounts.items()
        }
        return {
            "accounts": {
                name: sorted({offer.model for offer in adapter.offers})
                for name, adapter in adapters.items()
            },
            "routes": {name: list(route.targets) for name, route in config.routes.items()},
            "operations": {
                kind.verb: {
                    "fields": list(kind.arguments()),
                    "media": sorted(kind.media_arguments()),
                    "accounts": [
                        name
                        for name, adapter in adapters.items()
                        if any(one.operation == kind.operation for one in adapter.offers)
                    ],
                }
                for kind in registry.operations()
            },
        }

    async def balances(self, account: str | None) -> list[dict[str, Any]]:
        """Return what one account or all of them hold; an error is a row of its own."""
        names = list(self.client.config.accounts) if account is None else [account]
        return [held(name, await self._balance(name)) for name in names]

    async def _balance(self, name: str) -> Balance | MotionKitError:
        try:
            return await self.client.balance(name)
        except MotionKitError as error:
            return error

    async def budgets(self) -> list[dict[str, Any]]:
        """Return this server's budget in each world that its accounts are in, and all others."""
        accounts = self.client.config.accounts.values()
        worlds = sorted({one.in_sandbox for one in accounts}) or [False]
        own = [self.status(sandbox=sandbox) for sandbox in worlds]
        return [limit(one) for one in (*own, *await self.client.budget())]

    # Paying, and after.

    async def buy(
        self,
        request: Request,
        *,
        via: str | None,
        key: str | None,
        cap: Decimal | None,
        out: Path | None,
    ) -> Job:
        """Submit within the budget; the same request or key returns its job.

        Args:
            request: What to make.
            via: A target or a route.
            key: Names the purchase.
            cap: The price that was agreed to, in US dollars; no target may cost more.
            out: Where the file goes.
        """
        bought = await order_item(
            self.client,
            request,
            via=via,
            key=key,
            out=out,
            max_usd=cap,
            batch=self.scope,
            budgets=(self._budget(),),
        )
        return bought.job

    async def entry(self, reference: str) -> PurchaseRecord:
        """Return the purchase that a key or job id names; one that was interrupted is resolved.

        Raises:
            InvalidRequest: Nothing matches, or several do.
        """
        found = await in_thread(self.client, self.client.jobs.get, reference)
        if found.job is None and found.state is KeyState.INTENDED:
            # What its submit came to is in the journal, whether it was bought or not.
            with contextlib.suppress(MotionKitError):
                await in_thread(self.client, self.client.jobs.resume, found)
            found = await in_thread(self.client, self.client.jobs.get, reference)
        return found

    async def unfinished(self) -> tuple[list[PurchaseRecord], list[JournalError]]:
        """Return the newest purchases that run, are uncertain, or whose file was not fetched.

        Also returns the errors of those that are corrupt in the journal.
        """
        corrupt: list[JournalError] = []

        def newest() -> list[PurchaseRecord]:
            return self.client.jobs.list(
                open_only=True, limit=_MOST_LISTED, on_corrupt=corrupt.append
            )

        return await in_thread(self.client, newest), corrupt

    async def poll(self, reference: str) -> PurchaseRecord:
        """Poll a job that still runs once, and return its purchase."""
        found = await self.entry(reference)
        if found.job is not None and not ended(found):
            await self.client.poll(found.job)
            found = await in_thread(self.client, self.client.jobs.get, reference)
        return found

    async def wait(self, reference: str, seconds: float, tell: Tell) -> PurchaseRecord:
        """Wait for a job so long at most, save its file, and return its purchase.

        Raises:
            MotionKitError: It ended without a result; the time being over is no error.
        """
        found = await self.entry(reference)
        job = _need_job(found)
        if await asyncio.to_thread(_is_there, found):
            return found
        changes: asyncio.Queue[Status] = asyncio.Queue()
        teller = asyncio.create_task(_tell(job, changes, tell))
        try:
            result = await self.client.wait(
                job, timeout=seconds, watch=lambda _, status: changes.put_nowait(status)
            )
        except WaitTimeout:
            return await self.entry(reference)
        finally:
            teller.cancel()
        found = await self.entry(reference)
        if not await asyncio.to_thread(_is_there, found):  # a command may have saved it meanwhile
            await self.client.deliver(result, await asyncio.to_thread(self._place, found))
        return await self.entry(reference)

    def _place(self, entry: PurchaseRecord) -> str:
        """Return where a file goes, with placeholders; a file that is there already is kept."""
        if entry.out is None:
            # A placeholder's value is a name without folders: an agent chooses its keys.
            return f"{literal(str(self.root.resolve()))}/{{key}}.{{ext}}"
        out = Out.recorded(entry.out)
        path = out.path
        if path is None or not path.exists():
            return out.text
        return f"{literal(str(path.with_suffix('')))}-{{job}}{literal(path.suffix)}"

    def out(self, request: Request, name: str | None, *, continued: bool) -> Path | None:
        """Return where a result goes, checked before anything is bought.

        Raises:
            InvalidRequest: It is outside the server's folder, or no file can be saved there.
        """
        if name is None:
            return None
        path = self.file("out", name)
        if not continued:
            check_target(path, overwrite=False, kind=request.delivers)
        return path


def _is_there(entry: PurchaseRecord) -> bool:
    """Return whether the file is where it was delivered.

    Raises:
        DownloadFailed: It is in a store that does not answer.
    """
    place = entry.delivered
    if place is None:
        return False
    return is_stored(place) if is_url(place) else Path(place).is_file()


def ended(entry: PurchaseRecord) -> bool:
    """Return whether a purchase's job has ended, as last observed."""
    return isinstance(entry.state, State) and entry.state.terminal


def _need_job(entry: PurchaseRecord) -> Job:
    if entry.job is not None:
        return entry.job
    if entry.state is KeyState.REFUSED and not entry.ambiguous:
        raise InvalidRequest(f"the submit of {entry.key} was refused", field="key", value=entry.key)
    raise SubmitUncertain(
        f"{entry.key} has no job yet: its submit is {entry.state.value}",
        key=entry.key,
        hint="'motionkit reconcile' shows the evidence",
    )


async def _tell(job: Job, changes: asyncio.Queue[Status], tell: Tell) -> None:
    """Pass on states as they are seen; a client that hears none of them changes nothing."""
    began = job.submitted_at.timestamp()
    while True:
        status = await changes.get()
        with contextlib.suppress(OSError, RuntimeError, ConnectionError):
            await tell(max(0.0, time.time() - began), job.expected_seconds, status.state.value)


# As JSON.


def purchase(entry: PurchaseRecord) -> dict[str, Any]:
    """Return a purchase, without what is signed or secret."""
    job = entry.job
    error = entry.error or {}
    found = {
        "key": entry.key,
        "state": entry.state.value,
        "target": f"{job.account}/{job.model}" if job else entry.via,
        "job": job.id if job else None,
        "operation": entry.description.get("operation"),
        "uncertain": entry.ambiguous,
        "quote": codec.unstructure(entry.quote),
        "cost": codec.unstructure(entry.cost),
        "error": error.get("message"),
        "file": entry.delivered,
    }
    return plain({name: value for name, value in found.items() if value is not None})


def compared(rows: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Return the rows of a comparison."""
    return [
        plain(
            {
                "target": row.target,
                "quote": codec.unstructure(row.quote),
                "seconds": row.seconds,
                "quality": row.quality,
                "warnings": list(row.warnings),
                "problem": str(row.problem or row.error) if row.problem or row.error else None,
            }
        )
        for row in rows
    ]


def held(name: str, found: Balance | MotionKitError) -> dict[str, Any]:
    """Return what an account holds, or why that is not known."""
    if isinstance(found, MotionKitError):
        return plain({"account": name, "error": str(found)})
    return plain({"account": name, "amount": found.amount, "unit": found.unit.value})


def sums(row: Spend) -> dict[str, Any]:
    """Return what some purchases came to, in the vendor's unit and in US dollars."""
    found: dict[str, Any] = {
        row.by: row.name,
        "sandbox": row.sandbox,
        "jobs": row.jobs,
        "unit": row.unit.value,
        **attrs.asdict(row.amounts),
        "usd": None if row.usd is None else attrs.asdict(row.usd),
    }
    return plain(found)


def limit(status: BudgetStatus) -> dict[str, Any]:
    """Return the state of a budget."""
    return plain(
        {
            "name": status.name,
            "period": status.period,
            "limit_usd": status.limit,
            "spent_usd": status.spent,
            "held_usd": status.held,
            "left_usd": status.left,
            "sandbox": status.sandbox,
        }
    )


def plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as JSON takes it: amounts as text, no secret."""
    return {name: redact_data(json.loads(codec.dumps(value))) for name, value in record.items()}
