"""One key's life: from an intention to a job, to a refusal, or to an honest "we cannot tell".

::

    (no key) --intend-----------> INTENDED
    INTENDED --job id-----------> job            the vendor accepted it
    INTENDED --not a byte left--> REFUSED        nothing was bought
    INTENDED --refusal----------> REFUSED        nothing was bought
    INTENDED --anything else----> UNCERTAIN      it may have arrived
    INTENDED --crash, restart---> UNCERTAIN      a paid call may have left before the crash
    INTENDED --crash, unsent----> REFUSED        the journal says that it was never handed over
    REFUSED  --new attempt id---> INTENDED
    UNCERTAIN --same id again---> job            only where the vendor deduplicates, in its window
    UNCERTAIN --found alone-----> job            a single job with our token that nobody else owns
    UNCERTAIN --refusal---------> UNCERTAIN      a lost job may be what holds the slot

Nothing but a job leads out of UNCERTAIN by itself. Whether an answer is a refusal is the vendor
table's word (`billed=NO` on the error); whether a byte left is the connection's.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs

from motionkit import process, retry, schedule
from motionkit.errors import (
    Billed,
    Busy,
    InvalidRequest,
    JournalError,
    MotionKitError,
    SubmitUncertain,
)
from motionkit.http import CALL_TIMEOUT, NotSent
from motionkit.journal import Journal
from motionkit.ledger import Attempt, Entry, KeyTaken, Purchase
from motionkit.model import Found, Job, KeyState, SameId, Submission
from motionkit.pacing import Pacer
from motionkit.provider import Finds, Provider

log = logging.getLogger("motionkit")

RESEND_PAUSE = 2.0
"""Seconds before the same attempt id goes out again."""
FIND_PAUSE = 5.0
"""Seconds between two looks into a vendor's history."""
MARGIN = 5.0
"""Seconds for what surrounds a paid call."""
PATIENCE = CALL_TIMEOUT + MARGIN
"""Seconds after which no live process can still be in the middle of a paid call of usual length."""
OTHER_PAUSE = 0.5
"""Seconds between two looks at what another process does."""

EQUAL_REFUSALS = 12
"""So often an account may be busy in a row; some refusals depend on the content and stay."""

_IN_FLIGHT: set[str] = set()
"""Attempts that a thread of this process is in the middle of."""


@contextmanager
def _not_free() -> Iterator[None]:
    """Keep a failure of the ledger after the paid call from passing for "nothing was bought"."""
    try:
        yield
    except JournalError as error:
        if error.billed is Billed.NO:
            error.billed = Billed.UNKNOWN
        raise


def new_attempt_id() -> str:
    """Return a fresh attempt id; a UUID, as vendors' pages ask for."""
    return str(uuid.uuid4())


def _references(value: Any) -> list[str]:
    """Return what may stand for uploads in a submission's body, as text."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [found for one in value for found in _references(one)]
    return [str(value)] if isinstance(value, int | str) else []


@attrs.frozen
class Submitter:
    """Drive one account's submissions through the states above.

    Attributes:
        provider: The account's adapter.
        journal: Where every step is written ahead.
        sleep: How to wait; tests give their own.
        clock: Monotonic seconds; tests give their own.
        now: Epoch seconds; what the journal's moments are compared with.
        window: Seconds for which a vendor's history is asked.
        slots: How many jobs the account runs at once; None when nobody said.
        pacer: Counts the account's calls; None when nobody limits them.
    """

    provider: Provider
    journal: Journal
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    window: float = 60.0
    slots: int | None = None
    pacer: Pacer | None = None

    def buy(
        self,
        purchase: Purchase,
        prepare: Callable[[], Submission],
        *,
        earlier: Entry | None = None,
        wait_for_slot: float = 0.0,
    ) -> Job:
        """Make the paid call of a key.

        Args:
            purchase: What to write ahead of it.
            prepare: Makes the submission; called again when the vendor refuses a reference to an
                upload that it no longer keeps.
            earlier: The key's entry, when all its attempts so far were refused.
            wait_for_slot: Seconds to wait while the account is busy.

        Raises:
            KeyTaken: The key stands elsewhere by now, or an identical request is open; nothing was
                sent.
            SubmitUncertain: It may have arrived and could not be settled.
            MotionKitError: ``billed=NO``: nothing was bought.
        """
        submission = prepare()
        deadline = self.clock() + wait_for_slot
        refusals, fresh = 0, False
        while True:
            if self.pacer is not None:  # wait before the journal says that a call may leave now
                self.pacer.wait()
            attempt = self._intend(purchase, earlier, submission)
            try:
                return self._send(attempt)
            except Busy as error:
                refusals += 1
                pause = schedule.slot_delay(refusals, hint=error.retry_after)
                if refusals >= EQUAL_REFUSALS or self.clock() + pause > deadline:
                    raise
                log.info("%s is busy; asking again in %.0f s", attempt.account, pause)
                self.sleep(pause)
            except MotionKitError as error:
                if not error.stale or fresh:
                    raise
                fresh = True
                sent = _references(submission.call.json)
                self.journal.caches.forget_uploads(attempt.fingerprint, sent)
                submission = prepare()
            earlier = self.journal.entry(purchase.key)

    def _intend(self, purchase: Purchase, earlier: Entry | None, submission: Submission) -> Attempt:
        made = (new_attempt_id(), submission, self.provider.fingerprint)
        if earlier is not None:
            return self.journal.intend_again(purchase, *made)
        return self.journal.intend(purchase, *made)

    def settle(self, entry: Entry) -> Job:
        """Go on with a purchase that a crash or a bad answer left open. Buys nothing new.

        Raises:
            SubmitUncertain: It still cannot be told.
            ProviderUnavailable: ``billed=NO``: the call was never handed to the network.
            InvalidRequest: It was refused; nothing was bought.
        """
        entry = self._await_other_process(entry.key)
        if entry.job is not None:
            return entry.job
        if entry.state is KeyState.REFUSED:
            raise InvalidRequest(
                f"{entry.key} was refused; nothing was bought", field="key", value=entry.key
            )
        attempt = entry.attempts[-1]
        if attempt.sends == 0:
            unsent = NotSent(
                f"the submit of {entry.key} was interrupted before anything left; nothing was "
                "bought",
                provider=self.provider.name,
                account=attempt.account,
            )
            self.journal.refused(attempt, unsent)  # `sending` refuses to go on from there
            raise unsent
        cause = SubmitUncertain(f"the submit of {entry.key} was interrupted", key=entry.key)
        with _not_free():
            self.journal.uncertain(attempt, cause)
            return self._clear_up(attempt, cause)

    def _await_other_process(self, key: str) -> Entry:
        """Return the entry once no live process can be in the middle of its paid call."""
        while True:
            entry = self.journal.entry(key)
            attempt = entry.attempts[-1]
            since = attempt.first_sent or entry.updated
            busy = attempt.id in _IN_FLIGHT or process.alive(attempt.owner)
            own = attempt.submission.timeout
            patience = PATIENCE if own is None else own + MARGIN
            if entry.state is not KeyState.INTENDED or not busy or self.now() > since + patience:
                return entry
            self.sleep(OTHER_PAUSE)

    def _send(self, attempt: Attempt) -> Job:
        _IN_FLIGHT.add(attempt.id)
        try:
            attempt = self.journal.sending(attempt)
            try:
                job = self.provider.submit(attempt.submission, attempt.id)
            except MotionKitError as error:
                if error.billed is Billed.NO:
                    self.journal.refused(attempt, error)
                    raise
                with _not_free():
                    self.journal.uncertain(attempt, error)
                    return self._clear_up(attempt, error)
            with _not_free():
                return self.adopt(attempt, job)
        finally:
            _IN_FLIGHT.discard(attempt.id)

    def _clear_up(self, attempt: Attempt, cause: MotionKitError) -> Job:
        """Look for positive evidence of an attempt that may have arrived."""
        resend = self.provider.resend
        try:
            if isinstance(resend, SameId):
                job, cause = self._send_same_id(attempt, resend, cause)
            else:
                job = self._find(attempt)
        except KeyTaken as taken:  # another process has settled it meanwhile
            job = taken.entry.job
            if job is not None:
                return job
        if job is not None:
            return self.adopt(attempt, job)
        told = SubmitUncertain(
            f"{attempt.account}: the submit may have arrived, and the vendor did not confirm it: "
            f"{cause.message}",
            key=attempt.key,
            provider=self.provider.name,
            account=attempt.account,
            code=cause.code,
            http_status=cause.http_status,
            raw=cause.raw,
        )
        self.journal.uncertain(attempt, told)
        raise told from cause

    def _send_same_id(
        self, attempt: Attempt, resend: SameId, cause: MotionKitError
    ) -> tuple[Job | None, MotionKitError]:
        while attempt.whole and attempt.sends <= resend.times:
            first = attempt.first_sent
            if first is not None and self.now() + RESEND_PAUSE > first + resend.window:
                break
            self.sleep(RESEND_PAUSE)
            attempt = self.journal.sending(attempt)
            try:
                return self.provider.submit(attempt.submission, attempt.id), cause
            except MotionKitError as error:
                cause = error
                self.journal.uncertain(attempt, error)
                if error.billed is Billed.NO and not isinstance(error, NotSent):
                    break  # the vendor answers and refuses; asking again would not tell more
        return None, cause

    def _find(self, attempt: Attempt) -> Job | None:
        """Ask the vendor's history for a while; it lags."""
        if not isinstance(self.provider, Finds):
            return None
        since = attempt.first_sent or self.now()
        deadline = self.clock() + self.window
        while True:
            entry = self.journal.entry(attempt.key)
            if entry.job is not None:
                raise KeyTaken(entry)
            job = self._look(self.provider, attempt.submission, since)
            if job is not None:
                return job
            if self.clock() + FIND_PAUSE > deadline:
                return None
            self.sleep(FIND_PAUSE)

    def candidates(self, provider: Finds, submission: Submission, since: float) -> tuple[Job, ...]:
        """Return the jobs in the vendor's history that look like a submission and nobody owns.

        Raises:
            MotionKitError: The history cannot be asked.
        """
        found = retry.read(lambda: provider.find(submission, since))
        seen = (found.job,) if isinstance(found, Found) else found.candidates
        return tuple(job for job in seen if not self.journal.owns(job.fingerprint, job.id))

    def _look(self, provider: Finds, submission: Submission, since: float) -> Job | None:
        """Return the one job in the vendor's history that is ours and nobody else's."""
        try:
            free = self.candidates(provider, submission, since)
        except MotionKitError as error:  # the history cannot be asked now; that proves nothing
            log.info("the history of %s did not answer: %s", self.provider.account, error)
            return None
        return free[0] if len(free) == 1 and submission.token is not None else None

    def adopt(self, attempt: Attempt, job: Job) -> Job:
        """Write that an attempt bought this job.

        Raises:
            SubmitUncertain: Another purchase owns that job.
            JournalError: It carries the job, which must not be lost.
        """
        job = attrs.evolve(job, key=attempt.key, attempt_id=attempt.id)
        try:
            owned = self.journal.accepted(attempt, job)
        except JournalError as error:
            error.billed = Billed.YES
            error.fill(job=job, hint=f"keep this: {job.to_json()}")
            raise
        if not owned:
            told = SubmitUncertain(
                f"{attempt.account}: the vendor answered with job {job.id}, which another "
                "purchase owns",
                key=attempt.key,
                provider=self.provider.name,
                account=attempt.account,
            )
            self.journal.uncertain(attempt, told)
            raise told
        return job
