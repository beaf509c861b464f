"""What the journal holds, as values: purchases, their attempts, their entries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs

from motionkit._support.process import Moment
from motionkit._support.redaction import MASK
from motionkit.model import codec
from motionkit.model.budget import Budget
from motionkit.model.job import Job, KeyState, State, Submission
from motionkit.model.money import Cost, Quote

STALLED_AFTER = 1800.0
"""Seconds: no job is called stalled before."""
STALLED_TIMES = 5
"""Times its usual duration."""


_RETRY = re.compile(r"(.+?)(?:~[0-9]+)+", re.DOTALL)


def retry_key(key: str, number: int) -> str:
    """Return the key of a purchase that is paid because an earlier job of that key failed."""
    return f"{retried(key) or key}~{number}"


def retried(key: str) -> str | None:
    """Return the key that a paid retry's key belongs to; None when it is none."""
    found = _RETRY.fullmatch(key)
    return None if found is None else found[1]


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
        first_sent: When first, epoch seconds.
        job: What it bought.
        error: What went wrong, JSON-able.
        owner: The process that made it.
        uptime: The first send on the clock of `process.Moment`.
        boot: What `uptime` counts from.
        masked: Whether a part of `submission` was masked; None where an older version wrote it.
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
    masked: bool | None = False

    @property
    def whole(self) -> bool:
        """Whether the submission can be sent again from here: nothing in it had to be masked."""
        if self.masked is None:
            return MASK not in codec.dumps(codec.unstructure(self.submission))
        return not self.masked

    @property
    def first(self) -> Moment | None:
        """When it was first handed to the network; None where that is not known on both clocks."""
        if self.first_sent is None or self.uptime is None or self.boot is None:
            return None
        return Moment(self.first_sent, self.uptime, self.boot)


@attrs.frozen
class PurchaseRecord:
    """One purchase as the journal has it.

    Attributes:
        key: Its name.
        request: The request's fingerprint.
        via: Target or route as the user named it.
        description: The request for people, JSON-able.
        state: Where it stands.
        ambiguous: Whether something may have been bought without our knowing.
        quote: What it was expected to cost.
        cost: What it did cost.
        error: What went wrong last.
        word: The vendor's last word.
        out: Where the user wants the file.
        delivered: Where the file is.
        sha256: Of that file.
        created: Epoch seconds.
        updated: Epoch seconds.
        attempts: In the order made.
        finished: When we saw it end, epoch seconds.
        timed: Whether it was observed around its end, so that its duration counts.
        decision: Why which target was taken, row by row.
        sandbox: Whether its last attempt went to a sandbox on this machine; None where an older
            version wrote it.
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

    @property
    def job(self) -> Job | None:
        """The job that was bought, if any."""
        return next((a.job for a in reversed(self.attempts) if a.job), None)

    @property
    def submitted(self) -> float:
        """When its last attempt was first sent, or else when it was written; epoch seconds."""
        sent = self.attempts[-1].first_sent if self.attempts else None
        return self.created if sent is None else sent

    @property
    def path(self) -> tuple[str, ...]:
        """The targets that were tried, in order; the last one took it."""
        tried = [row["target"] for row in self.decision if row["verdict"] in {"failed", "chosen"}]
        if not tried and self.job is not None:
            tried = [f"{self.job.account}/{self.job.model}"]
        return tuple(dict.fromkeys(tried))

    def stalled(self, now: float) -> bool:
        """Tell whether a job runs far longer than usual; the vendor may have forgotten it.

        Args:
            now: Epoch seconds.
        """
        job = self.job
        if job is None or not isinstance(self.state, State) or self.state.terminal:
            return False
        usual = job.expected_seconds or 0.0
        return now - job.submitted_at.timestamp() > max(STALLED_AFTER, STALLED_TIMES * usual)

    @property
    def open(self) -> bool:
        """Whether something is still owed: a state to learn, or a file to fetch."""
        if self.state is State.SUCCEEDED:
            return self.delivered is None
        if isinstance(self.state, KeyState):
            return self.state is not KeyState.REFUSED
        return not self.state.terminal


@attrs.frozen
class Alike:
    """Which earlier purchases an identical request goes on with instead of buying.

    Attributes:
        requests: The request's fingerprint, and those that earlier versions gave it.
        sellers: Where it would be bought now: an account's fingerprint and a model, and an
            account's name and a model. A finished purchase counts where one of them sold it.
        since: Epoch seconds; what was delivered counts if it was submitted since then.
    """

    requests: tuple[str, ...]
    sellers: frozenset[tuple[str, str]] = frozenset()
    since: float = float("inf")

    def holds(self, entry: PurchaseRecord) -> bool:
        """Tell whether a purchase of such a request stands for another one.

        What is unfinished or uncertain does, wherever it was bought.
        """
        job = entry.job
        if entry.state is not State.SUCCEEDED or job is None:
            return entry.open
        if (job.fingerprint, job.model) in self.sellers:
            return entry.delivered is None or entry.submitted >= self.since
        return entry.delivered is None and (job.account, job.model) in self.sellers


@attrs.frozen(kw_only=True)
class NewPurchase:
    """What `Journal.intend` writes ahead of the first paid call of a key.

    Attributes:
        key: Its name.
        request: The request's fingerprint.
        via: Target or route as the user named it.
        description: The request for people, JSON-able.
        quote: What it is expected to cost.
        out: Where the user wants the file.
        again: Buy although an identical request is still open, or was bought not long ago.
        route: The route that buys; None for a direct target.
        budgets: The limits that it counts against; its quote must fit into each.
        alike: Which purchases it would repeat.
        sandbox: Whether it goes to a sandbox on this machine.
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


class PurchaseExists(Exception):
    """The key is in the journal already, or an identical request is open there."""

    def __init__(self, entry: PurchaseRecord) -> None:
        super().__init__(entry.key)
        self.entry = entry
