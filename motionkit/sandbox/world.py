"""The state of the sandbox: accounts, jobs, uploads, files and money, shared by all apps."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import uuid
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

import attrs

from motionkit.sandbox.clock import Clock
from motionkit.sandbox.faults import FaultBook
from motionkit.sandbox.files import FileStore
from motionkit.sandbox.hooks import HookBook

ZERO = Decimal(0)


class State(StrEnum):
    """State of a job; the apps translate it into their vendor's word."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BLOCKED = "blocked"
    GONE = "gone"

    @property
    def open(self) -> bool:
        """Return whether the job may still change."""
        return self in {State.QUEUED, State.RUNNING}


def mask(key: str) -> str:
    """Return a label for a key that does not reveal it."""
    return f"key-{hashlib.sha256(key.encode()).hexdigest()[:8]}"


@attrs.define(eq=False)
class Account:
    """One API key with its money, limits and counters."""

    vendor: str
    key: str = attrs.field(repr=False)
    label: str
    balances: dict[str, Decimal]
    concurrency: int | None = None
    rpm: int | None = None
    denied: frozenset[str] = frozenset()
    spend_limit: Decimal | None = None
    charged: Decimal = ZERO
    refunded: Decimal = ZERO
    calls: Counter[str] = attrs.field(factory=Counter)
    trace_ids: list[str] = attrs.field(factory=list)
    reused_trace_ids: int = 0
    recent: deque[float] = attrs.field(factory=deque)

    @property
    def balance(self) -> Decimal:
        """Return the sum of all pools."""
        return sum(self.balances.values(), ZERO)

    def draw(self, amount: Decimal) -> dict[str, Decimal]:
        """Take `amount` from the pools in their order; return the part of each."""
        drawn = {}
        left = amount
        for pool, held in self.balances.items():
            drawn[pool] = min(held, left)
            left -= drawn[pool]
        if left:
            raise ValueError(f"{self.label} holds less than {amount}")
        for pool, part in drawn.items():
            self.balances[pool] -= part
        self.charged += amount
        return drawn

    def note_trace(self, trace_id: str) -> None:
        """Record a trace id, and count a reused one."""
        if trace_id in self.trace_ids:
            self.reused_trace_ids += 1
        self.trace_ids.append(trace_id)

    def over_rate(self, now: float) -> float | None:
        """Count a call; if the limit is exceeded, return when the oldest call leaves the minute."""
        while self.recent and self.recent[0] <= now - 60:
            self.recent.popleft()
        if self.rpm is not None and len(self.recent) >= self.rpm:
            return (self.recent[0] if self.recent else now) + 60
        self.recent.append(now)
        return None


@attrs.define(eq=False)
class Job:
    """One accepted submit and its predetermined course.

    Attributes:
        queued: Vendor seconds in the queue.
        lasts: Vendor seconds from the submit to the outcome; None for a stuck job.
        on_account: Charged at submit (True) or at completion (False).
        refunds: Outcomes that refund the charge.
        details: The app's own data about the job.
    """

    id: str
    account: Account
    model: str
    body: Any
    created: float
    lasts: float | None
    price: Decimal
    queued: float = 0.0
    outcome: State = State.SUCCEEDED
    on_account: bool = True
    refunds: frozenset[State] = frozenset()
    trace_id: str = ""
    error: str = ""
    twin: bool = False
    gone: bool = False
    charged: Decimal = ZERO
    refunded: Decimal = ZERO
    settled: bool = False
    details: dict[str, Any] = attrs.field(factory=dict)
    _drawn: dict[str, Decimal] = attrs.field(factory=dict)

    def state(self, now: float) -> State:
        """Return the state at vendor time `now`."""
        if self.gone:
            return State.GONE
        age = now - self.created
        if self.lasts is not None and age >= self.lasts:
            return self.outcome
        return State.QUEUED if age < self.queued else State.RUNNING

    def _charge(self) -> None:
        self._drawn = self.account.draw(self.price)
        self.charged = self.price

    def begin(self) -> None:
        """Charge a job that is charged at submit."""
        if self.on_account:
            self._charge()

    def settle(self, now: float) -> None:
        """Charge or refund once, as the outcome requires."""
        state = self.state(now)
        if self.settled or state.open:
            return
        self.settled = True
        if not self.on_account and state is State.SUCCEEDED:
            self._charge()
        elif state in self.refunds and self.charged:
            for pool, part in self._drawn.items():
                self.account.balances[pool] += part
            self.refunded = self.charged
            self.account.refunded += self.refunded


class World:
    """The state behind the HTTP endpoints. Not thread-safe: it is used on the server's loop.

    Args:
        clock: The vendors' time.
        seed: Makes ids and durations repeatable.
        job_seconds: Vendor seconds that every job takes; drawn at random when None.
        faults: The active faults.
    """

    def __init__(
        self,
        clock: Clock,
        faults: FaultBook,
        *,
        seed: int | None = 0,
        job_seconds: float | None = None,
    ) -> None:
        self.clock = clock
        self.faults = faults
        self.files = FileStore(clock, faults)
        self.job_seconds = job_seconds
        self.stopping = asyncio.Event()
        self._turn = asyncio.Event()
        self.hooks = HookBook(clock, self._wake)
        self.keys_sent_elsewhere = 0
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose, guards nothing
        self._number = 400_000_000_000_000_000
        self._accounts: dict[str, dict[str, Account]] = {}
        self._strangers: dict[str, Account] = {}
        self._named_by: dict[str, Callable[[str], str]] = {}
        self._jobs: dict[str, dict[str, Job]] = {}
        self._unsettled: list[Job] = []
        self._uploads: dict[tuple[str, str], Any] = {}

    def advance(self, seconds: float) -> None:
        """Move vendor time forward and wake the waiters."""
        self.clock.advance(seconds)
        self._wake()

    def stop(self) -> None:
        """Release everything that hangs or waits."""
        self.stopping.set()
        self._wake()

    def _wake(self) -> None:
        turn, self._turn = self._turn, asyncio.Event()
        turn.set()

    async def finished(self, job: Job) -> bool:
        """Wait for a job's outcome; False when the sandbox stops before it."""
        while self.state(job).open and not self.stopping.is_set():
            await self._rest(None if job.lasts is None else job.created + job.lasts)
        return not self.state(job).open

    @contextlib.asynccontextmanager
    async def delivering(self) -> AsyncIterator[None]:
        """Deliver webhooks when they are due, inside the block."""
        async with self.hooks.open():
            task = asyncio.create_task(self._deliver())
            try:
                yield
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _deliver(self) -> None:
        while not self.stopping.is_set():
            await self.hooks.deliver()
            await self._rest(self.hooks.next_due())

    async def _rest(self, until: float | None) -> None:
        """Wait for a vendor time or a change of state."""
        turn = self._turn.wait()
        wait = None if until is None else (until - self.clock.now()) / self.clock.speed
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(turn, wait)

    def add_account(self, account: Account) -> Account:
        """Add an account; it replaces one with the same key."""
        self._accounts.setdefault(account.vendor, {})[account.key] = account
        return account

    def read_keys(self, vendor: str, named_by: Callable[[str], str]) -> None:
        """Read the key of an account from what a vendor's calls send, such as a signed token."""
        self._named_by[vendor] = named_by

    def account(self, vendor: str, key: str) -> Account | None:
        """Return the account of a key, a scheme such as ``Bearer`` before it left out, or None."""
        key = key.rpartition(" ")[2]
        return self._accounts.get(vendor, {}).get(self._named_by.get(vendor, str)(key))

    def stranger(self, vendor: str) -> Account:
        """Return the account that counts calls with a missing or wrong key."""
        return self._strangers.setdefault(vendor, Account(vendor, "", "unknown", {}))

    def accounts(self, vendor: str) -> Iterator[Account]:
        """Yield a vendor's accounts in the order of their opening."""
        yield from self._accounts.get(vendor, {}).values()

    def number(self) -> int:
        """Return a new id of 18 digits, odd and above 2**53, so that a float cannot hold it."""
        self._number += 2 * self._random.randrange(1, 10**9)
        return self._number | 1

    def uuid(self) -> str:
        """Return a new UUID."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def lasting(self, mean: float, sigma: float) -> float:
        """Return a random duration in vendor seconds, or the fixed one."""
        if self.job_seconds is not None:
            return self.job_seconds
        return max(mean / 2, self._random.gauss(mean, sigma))

    def keep(self, vendor: str, name: str, upload: object) -> None:
        """Store a client's upload under the vendor's name for it."""
        self._uploads[vendor, name] = upload

    def upload(self, vendor: str, name: str) -> Any:
        """Return an upload by its name, or None."""
        return self._uploads.get((vendor, name))

    def start(self, job: Job) -> Job:
        """Record an accepted job and charge what is charged at submit."""
        job.begin()
        self._jobs.setdefault(job.account.vendor, {})[job.id] = job
        self._unsettled.append(job)
        return job

    def settle(self) -> None:
        """Charge and refund the jobs that ended."""
        now = self.clock.now()
        for job in self._unsettled:
            job.settle(now)
        self._unsettled = [job for job in self._unsettled if not job.settled]

    def job(self, vendor: str, name: str) -> Job | None:
        """Return a job by its id."""
        return self._jobs.get(vendor, {}).get(name)

    def state(self, job: Job) -> State:
        """Return a job's state now; its charges match that state."""
        now = self.clock.now()
        job.settle(now)
        return job.state(now)

    def jobs(self, account: Account) -> list[Job]:
        """Return an account's jobs in the order of their submission."""
        return [
            job for job in self._jobs.get(account.vendor, {}).values() if job.account is account
        ]

    def running(self, account: Account, slot_seconds: float | None = None) -> int:
        """Count an account's open jobs; older ones than `slot_seconds` hold no slot."""
        now = self.clock.now()
        return sum(
            job.state(now).open and (slot_seconds is None or now - job.created < slot_seconds)
            for job in self.jobs(account)
        )


def open_account(
    vendor: str, key: str, pools: Mapping[str, object], *, label: str = "", **limits: Any
) -> Account:
    """Return a new account; amounts may be text, int or Decimal."""
    balances = {pool: Decimal(str(amount)) for pool, amount in pools.items()}
    return Account(vendor, key, label or mask(key), balances, **limits)
