"""The circuit breakers of accounts, stored in the journal's file and shared by all processes.

A circuit belongs to an account and the fingerprint of its key and origin: another key starts with
closed circuits. `motionkit.routing` decides when one opens, and for how long.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import attrs

from motionkit._support import telemetry
from motionkit._support.displayed import Displayed
from motionkit.errors import JournalError, MotionKitError
from motionkit.journal import Caches
from motionkit.model import codec
from motionkit.routing import CAUSES, Breaker, Cause, cause_of, claim, trip

log = logging.getLogger("motionkit")

_SHOWN = 200
"""Characters of a vendor's message that are stored."""


@attrs.frozen(kw_only=True, repr=False)
class Circuit(Displayed):
    """One account that routes skip for a while, because it failed.

    Attributes:
        account: The account.
        fingerprint: Of the key and the origin that failed.
        cause: The kind of failure, a word of ``fall_back_on``.
        reason: The message of the last failure.
        failures: How many in a row.
        since: When the last failure came, in UTC.
        until: When a submit through a route may try the account again, in UTC.
    """

    account: str
    fingerprint: str
    cause: str
    reason: str
    failures: int
    since: dt.datetime
    until: dt.datetime

    def __shown__(self) -> Iterator[tuple[str, object]]:
        for name in ("account", "cause", "reason", "failures", "since", "until"):
            yield name, getattr(self, name)

    @property
    def open(self) -> bool:
        """Whether routes skip the account now; afterwards one submit probes it."""
        return dt.datetime.now(dt.UTC) < self.until


@attrs.frozen(eq=False, repr=False)
class Circuits:
    """The circuits of a journal.

    Attributes:
        caches: Their table.
        now: Epoch seconds; injectable.
    """

    caches: Caches
    now: Callable[[], float] = time.time

    def of(self, account: str, fingerprint: str) -> dict[str, Breaker]:
        """Return an account's breakers by cause."""
        return {one.cause: one for one in self.by_account().get((account, fingerprint), ())}

    def by_account(self) -> dict[tuple[str, str], tuple[Breaker, ...]]:
        """Return the breakers of every account and fingerprint that has some."""
        found: dict[tuple[str, str], tuple[Breaker, ...]] = {}
        for account, fingerprint, _, state in self.caches.cooldowns():
            breaker = codec.structure(dict(state), Breaker)
            found[account, fingerprint] = (*found.get((account, fingerprint), ()), breaker)
        return found

    def failed(self, account: str, fingerprint: str, error: MotionKitError) -> None:
        """Open a circuit, or keep it open for longer, after a failure that was not billed."""
        cause = cause_of(type(error))
        if cause is None:
            return
        with _optional(account):
            before = self.of(account, fingerprint).get(cause)
            after = trip(
                before,
                cause,
                now=self.now(),
                retry_after=error.retry_after,
                reason=error.message[:_SHOWN],
            )
            self.caches.put_cooldown(account, fingerprint, cause, codec.unstructure(after))
        telemetry.measure(
            "motionkit.circuit.openings", motionkit__account=account, motionkit__cause=cause
        )

    def claim(self, account: str, fingerprint: str, causes: Iterable[str]) -> bool:
        """Claim the probes of half-open circuits; False when another process was faster."""
        before = self.of(account, fingerprint)
        for cause in causes:
            after = claim(before[cause], now=self.now()) if cause in before else None
            # Compare and swap: of several processes one probes the account.
            if after is None or not self.caches.swap_cooldown(
                account,
                fingerprint,
                cause,
                codec.unstructure(before[cause]),
                codec.unstructure(after),
            ):
                return False
        return True

    def submitted(self, account: str, fingerprint: str) -> None:
        """Close every circuit of an account that has accepted a submit."""
        self._close(account, fingerprint, lambda _: True)

    def answered(self, account: str, fingerprint: str, *, pays: bool) -> None:
        """Close the circuits that the response to a free call disproves.

        Args:
            account: The account.
            fingerprint: Of its key and origin.
            pays: Whether the response shows a balance above zero.
        """
        self._close(account, fingerprint, lambda one: one.answer_closes or (pays and one.money))

    def _close(self, account: str, fingerprint: str, which: Callable[[Cause], bool]) -> None:
        closing = {cause for cause, one in CAUSES.items() if which(one)}
        with _optional(account):
            # Read first: nearly always every circuit is closed, and a commit costs a disk write.
            stored = {cause for _, _, cause, _ in self.caches.cooldowns(account, fingerprint)}
            if closing & stored:
                self.caches.drop_cooldowns(account, fingerprint, closing)

    def all(self) -> list[Circuit]:
        """Return every circuit that is not closed, by account."""
        return [
            Circuit(
                account=account,
                fingerprint=fingerprint,
                cause=breaker.cause,
                reason=breaker.reason,
                failures=breaker.failures,
                since=dt.datetime.fromtimestamp(breaker.at, dt.UTC),
                until=dt.datetime.fromtimestamp(breaker.until, dt.UTC),
            )
            for (account, fingerprint), breakers in self.by_account().items()
            for breaker in breakers
        ]

    def reset(self, account: str) -> int:
        """Close all circuits of an account, of every key, and return how many there were."""
        return self.caches.drop_cooldowns(account)


@contextmanager
def _optional(account: str) -> Iterator[None]:
    """Log a journal that cannot be written: its error must not hide a job or another error."""
    try:
        yield
    except JournalError as error:
        log.warning("%s; the circuit breakers of account %s are unchanged", error.message, account)
