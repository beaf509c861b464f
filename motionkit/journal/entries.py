"""The journal's records: purchases, their attempts, and what is asked of them."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import attrs

from motionkit._support.displayed import Displayed
from motionkit._support.process import Moment
from motionkit._support.redaction import MASK
from motionkit.errors import Billed, Busy, JobCancelled, JournalError
from motionkit.model import codec
from motionkit.model.budget import Budget
from motionkit.model.job import Job, KeyState, State
from motionkit.model.media import MediaRecord, Place
from motionkit.model.money import Cost, Quote, amounts, both, columns
from motionkit.model.submission import Submission

STALLED_AFTER = 1800.0
"""Seconds before which no job counts as stalled."""
STALLED_TIMES = 5
"""A stalled job runs longer than this many times its usual duration."""
SUBMIT_LEASE = 300.0
"""Seconds for which a submit takes a slot, where its caller names no other time."""

UNDELIVERED = "succeeded, not downloaded"
GIVEN_UP = "succeeded, given up"
"""The state, for people, of a purchase whose file was not saved, or was given up."""

CHECK = "'motionkit journal check' lists what is wrong with the journal"
"""The hint of an error about a corrupt row."""

OnCorrupt = Callable[[JournalError], None]
"""What is called with the error of each purchase that is corrupt, where the others are read on."""

_RETRY = re.compile(r"(.+?)(?:~[0-9]+)+", re.DOTALL)


def retry_key(key: str, number: int) -> str:
    """Return the key of a paid retry: a purchase made because an earlier job of that key failed.

    The number is higher than the key's own, which a run after a crash may begin with.
    """
    first = retried(key)
    own = 0 if first is None else int(key.rpartition("~")[2])
    return f"{first or key}~{max(number, own + 1)}"


def retried(key: str) -> str | None:
    """Return the key that a paid retry's key belongs to; None for any other key."""
    match = _RETRY.fullmatch(key)
    return None if match is None else match[1]


def stalled_after(job: Job) -> float:
    """Return the seconds after which a job counts as stalled, and no longer takes a slot."""
    return max(STALLED_AFTER, STALLED_TIMES * (job.expected_seconds or 0.0))


@attrs.frozen
class Attempt:
    """One paid call for a key.

    Attributes:
        id: The attempt id that goes on the wire.
        key: The purchase.
        account: The account that pays.
        fingerprint: That account's fingerprint.
        submission: The exact call.
        state: A `KeyState` value, or ``accepted``.
        sends: How often it was handed to the network.
        first_sent: When that was first, in epoch seconds on the clock of `Journal.now`.
        job: Its job, once the vendor has accepted it.
        error: Why it has none, JSON-able.
        owner: The process that wrote it.
        uptime: The first send on the clock of `process.Moment`.
        boot: The boot that `uptime` counts from.
        wall: The first send on its process's own clock, where `first_sent` is on a shared one.
        masked: Whether a part of `submission` was masked; None where an older version wrote it.
        worker: The id under which that process beats; None where it does not.
    """

    id: str
    key: str
    account: str
    fingerprint: str
    submission: Submission
    state: str
    sends: int = 0
    first_sent: float | None = None
    job: Job | None = None
    error: Mapping[str, Any] | None = None
    owner: str | None = None
    uptime: float | None = None
    boot: str | None = None
    wall: float | None = None
    masked: bool | None = False
    worker: str | None = None

    @property
    def whole(self) -> bool:
        """Whether the submission can be re-sent from the journal: nothing in it was masked."""
        if self.masked is None:
            return MASK not in codec.pack(self.submission)
        return not self.masked

    @property
    def first(self) -> Moment | None:
        """The first send on both clocks; None where one of them is unknown."""
        if self.first_sent is None or self.uptime is None or self.boot is None:
            return None
        if self.wall is None:
            return Moment(self.first_sent, self.uptime, self.boot)
        return Moment(self.wall, self.uptime, self.boot, self.first_sent)


@attrs.frozen(repr=False)
class PurchaseRecord(Displayed):
    """One purchase in the journal.

    Attributes:
        key: Its key.
        request: The request's fingerprint.
        via: Target or route as the user named it.
        description: The request for people, JSON-able.
        state: The state of its submit, or of its job once there is one.
        ambiguous: Whether an attempt may have arrived without confirmation.
        quote: What it was expected to cost.
        cost: What it cost.
        error: The last error, JSON-able.
        word: The vendor's last status.
        out: The file that the user asked for.
        delivered: The file on disk.
        sha256: That file's digest.
        created: Epoch seconds.
        updated: Epoch seconds.
        attempts: Oldest first.
        finished: When its job ended, as observed; epoch seconds.
        timed: Whether it was observed around its end, so that its duration counts.
        decision: Why which target was chosen, row by row.
        sandbox: Whether its last attempt went to a sandbox on this machine; None where an older
            version wrote it.
        batch: The batch that it was made for, if any.
        item: That batch's row.
        labels: The labels that it was submitted with.
        take: Which of several takes it is, from 1; None where one was asked for.
        forgotten: When its owner gave up a file that was never downloaded, in epoch seconds.
        route: The route that chose its target; None for a direct target.
        reserved_at: When its price was last reserved, in epoch seconds: sums count it on that UTC
            day. None where a very old version wrote it.
        media: The media of its request; None where an older version wrote it.
    """

    key: str
    request: str
    via: str
    description: Mapping[str, Any]
    state: State | KeyState
    ambiguous: bool
    quote: Quote | None
    cost: Cost | None
    error: Mapping[str, Any] | None
    word: str | None
    out: str | None
    delivered: str | None
    sha256: str | None
    created: float
    updated: float
    attempts: tuple[Attempt, ...]
    finished: float | None = None
    timed: bool = True
    decision: tuple[Mapping[str, Any], ...] = ()
    sandbox: bool | None = None
    batch: str | None = None
    item: int | None = None
    labels: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    take: int | None = None
    forgotten: float | None = None
    route: str | None = None
    reserved_at: float | None = None
    media: tuple[MediaRecord, ...] | None = None

    __columns__: ClassVar[tuple[str, ...]] = (
        *("key", "state", "open", "uncertain", "created", "finished", "target", "route", "sandbox"),
        *("quoted_usd", "cost", "unit", "usd", "basis", "labels", "file", "job", "request"),
        *("error", "batch", "take"),
    )

    def __shown__(self) -> Iterator[tuple[str, object]]:
        from motionkit._support import html  # noqa: PLC0415 - only a notebook draws it

        local = self.delivered is not None and "://" not in self.delivered
        yield "file", html.film(self.delivered) if local and self.delivered else self.delivered
        yield "key", self.key
        yield "state", self.state_text(time.time())
        yield "vendor status", self.word
        yield "at", self.target
        yield "sandbox", "yes" if self.sandbox else None
        yield "job", self.job and self.job.id
        yield "request", self.description
        yield "take", self.take
        yield "labels", self.labels
        yield "quote", self.quote
        yield "cost", self.cost
        yield "error", (self.error or {}).get("message")
        yield "path", " → ".join(self.path)
        yield "decision", [f"{row.get('target')}: {row.get('sentence')}" for row in self.decision]
        yield "submitted", _moment(self.created)
        yield "updated", _moment(self.updated)

    def __cells__(self) -> Mapping[str, object]:
        cost, quote = self.cost, self.quote
        about = f"about {amounts(quote)}" if quote is not None and quote.likely else None
        media = {f"{name}: {one}" for name, one in self.description.items() if name != "operation"}
        return {
            "key": self.key,
            "state": self.state_text(time.time()),
            "submitted": _moment(self.created),
            "cost": about if cost is None else both(cost.amount, cost.unit, cost.usd),
            "target": f"{self.target}{' (SANDBOX)' if self.sandbox else ''}",
            "file": self.delivered,
            "request": ", ".join([str(self.description.get("operation", "?")), *sorted(media)]),
            "error": (self.error or {}).get("message"),
        }

    def __record__(self) -> Mapping[str, object]:
        quote, finished = self.quote, self.finished
        return {
            "key": self.key,
            "state": self.state,
            "open": self.open,
            "uncertain": self.ambiguous,
            "created": _moment(self.created),
            "finished": None if finished is None else _moment(finished),
            "target": self.target,
            "route": self.route,
            "sandbox": self.sandbox,
            "quoted_usd": quote and quote.usd_likely,
            **columns(self.cost),
            "labels": self.labels,
            "file": self.delivered,
            "job": self.job and self.job.id,
            "request": self.description,
            "error": (self.error or {}).get("message"),
            "batch": self.batch,
            "take": self.take,
        }

    @property
    def target(self) -> str:
        """Account and model of its job; without a job, the target as the user named it."""
        job = self.job
        return self.via if job is None else f"{job.account}/{job.model}"

    @property
    def job(self) -> Job | None:
        """Its job, if there is one."""
        return next((a.job for a in reversed(self.attempts) if a.job), None)

    @property
    def unsent(self) -> bool:
        """Whether it is written and nothing of it has left yet."""
        return self.state is KeyState.INTENDED and self.attempts[-1].sends == 0

    @property
    def family(self) -> str | None:
        """The key of its takes, which its own key begins with; None where it is no take."""
        if self.take is None:
            return None
        return (retried(self.key) or self.key).removesuffix(f"-{self.take}")

    @property
    def submitted(self) -> float:
        """When its last attempt was first sent, else when it was written; epoch seconds."""
        sent = self.attempts[-1].first_sent if self.attempts else None
        return self.created if sent is None else sent

    @property
    def path(self) -> tuple[str, ...]:
        """The targets that were tried, in order; the last one accepted it."""
        tried = [row["target"] for row in self.decision if row["verdict"] in {"failed", "chosen"}]
        if not tried and self.job is not None:
            tried = [f"{self.job.account}/{self.job.model}"]
        return tuple(dict.fromkeys(tried))

    @property
    def cancelled(self) -> bool:
        """Whether its job, or its submit before it left, was cancelled."""
        ended = self.state in {State.FAILED, KeyState.REFUSED}
        return ended and (self.error or {}).get("error") == JobCancelled.__name__

    def stalled(self, now: float) -> bool:
        """Return whether the job runs far longer than usual; the vendor may have forgotten it.

        Args:
            now: Epoch seconds.
        """
        job = self.job
        if job is None or not isinstance(self.state, State) or self.state.terminal:
            return False
        return now - job.submitted_at.timestamp() > stalled_after(job)

    def state_text(self, now: float) -> str:
        """Return the state for people: ``succeeded, not downloaded``, ``running, stalled``.

        Args:
            now: Epoch seconds; tells what is stalled.
        """
        if self.state is State.SUCCEEDED and self.delivered is None:
            return UNDELIVERED if self.forgotten is None else GIVEN_UP
        if self.cancelled:
            return "cancelled"
        if self.ambiguous and self.state is not KeyState.UNCERTAIN:
            return f"{self.state.value}, uncertain"
        return f"{self.state.value}, stalled" if self.stalled(now) else self.state.value

    @property
    def open(self) -> bool:
        """Whether the purchase is unfinished: still running, or neither downloaded nor given up."""
        if self.state is State.SUCCEEDED:
            return self.delivered is None and self.forgotten is None
        if isinstance(self.state, KeyState):
            return self.state is not KeyState.REFUSED
        return not self.state.terminal


def _moment(epoch: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(epoch, dt.UTC)


@attrs.frozen(eq=False, repr=False)
class Alike:
    """Which earlier purchases an identical request continues instead of submitting again.

    Attributes:
        requests: The request's fingerprint, and those that earlier versions gave it.
        sellers: Where it would be submitted now: an account's fingerprint and a model, and an
            account's name and a model. A finished purchase counts only at one of them.
        remember: Seconds after its submit for which a delivered purchase counts.
        owners: The fingerprints of the accounts whose purchases count at all; None for all.
    """

    requests: tuple[str, ...]
    sellers: frozenset[tuple[str, str]] = frozenset()
    remember: float = 0.0
    owners: frozenset[str] | None = None

    def owns(self, record: PurchaseRecord) -> bool:
        """Return whether one of the accounts made a purchase."""
        return self.owners is None or record.attempts[-1].fingerprint in self.owners

    def holds(self, record: PurchaseRecord, now: float) -> bool:
        """Return whether an identical request continues a purchase.

        It always continues an unfinished or uncertain one, wherever that was submitted.

        Args:
            record: The purchase.
            now: Epoch seconds, on the journal's clock.
        """
        if not self.owns(record):
            return False
        job = record.job
        if record.state is not State.SUCCEEDED or job is None:
            return record.open
        if record.delivered is None and record.forgotten is not None:
            return False
        if (job.fingerprint, job.model) in self.sellers:
            return record.delivered is None or self.remembers(record.submitted, now)
        return record.delivered is None and (job.account, job.model) in self.sellers

    def remembers(self, submitted: float, now: float) -> bool:
        """Return whether a delivered purchase of that moment still counts."""
        return self.remember > 0 and submitted >= now - self.remember


@attrs.frozen(kw_only=True, eq=False, repr=False)
class NewPurchase:
    """What `Journal.intend` writes ahead of the first paid call of a key.

    Attributes:
        key: Its key.
        request: The request's fingerprint.
        via: Target or route as the user named it.
        description: The request for people, JSON-able.
        quote: What it is expected to cost.
        out: The file that the user asked for.
        again: Submit although an identical request is unfinished, or was submitted recently.
        route: The route that chose the target; None for a direct target.
        budgets: The limits that it counts against; its quote must fit into each.
        alike: Which purchases it would repeat.
        sandbox: Whether it goes to a sandbox on this machine.
        batch: The batch that it is made for.
        item: The number of that batch's item.
        labels: The user's own marks of it; those of a refused purchase stay unless there are new
            ones.
        take: Which of several takes it is, from 1; None where one is asked for.
        renews: When the purchase that is submitted again was cancelled, its `updated`; one that was
            cancelled after that is refused.
        media: Where the media of the request are.
    """

    key: str
    request: str
    via: str
    description: Mapping[str, Any]
    quote: Quote | None = None
    out: str | None = None
    again: bool = False
    route: str | None = None
    budgets: tuple[Budget, ...] = ()
    alike: Alike = attrs.field(
        default=attrs.Factory(lambda self: Alike((self.request,)), takes_self=True)
    )
    sandbox: bool = False
    batch: str | None = None
    item: int | None = None
    labels: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    take: int | None = None
    renews: float | None = None
    media: tuple[Place, ...] = ()


def no_slot(account: str, slots: int, provider: str | None = None) -> Busy:
    """Return the refusal of a submit for which the account has no free slot."""
    return Busy(
        f"{account} runs as many jobs as max_concurrent = {slots}; nothing was sent",
        provider=provider,
        account=account,
        billed=Billed.NO,
        hint="wait until a job ends, or raise wait_for_slot",
    )


class PurchaseExists(Exception):
    """The key is in the journal already, or an identical request is unfinished there."""

    def __init__(self, entry: PurchaseRecord) -> None:
        super().__init__(entry.key)
        self.entry = entry
