"""One key's life: from an intention to a job, to a refusal, or to an honest "we cannot tell".

::

    (no key) --intend-----------> INTENDED
    INTENDED --job id-----------> job            the vendor accepted it
    INTENDED --not a byte left--> REFUSED        nothing was bought
    INTENDED --refusal----------> REFUSED        nothing was bought
    INTENDED --anything else----> UNCERTAIN      it may have arrived
    INTENDED --crash, restart---> UNCERTAIN      a paid call may have left before the crash
    REFUSED  --new attempt id---> INTENDED
    UNCERTAIN --same id again---> job            only where the vendor deduplicates, in its window
    UNCERTAIN --found alone-----> job            only a single job that no other purchase owns
    UNCERTAIN --refusal---------> UNCERTAIN      a lost job may be what holds the slot

Nothing but a job leads out of UNCERTAIN by itself. Whether an answer is a refusal is the vendor
table's word (`billed=NO` on the error); whether a byte left is the connection's.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from motionkit.errors import Billed, JournalError, MotionKitError, SubmitUncertain
from motionkit.http import NotSent
from motionkit.journal import Journal
from motionkit.ledger import Attempt, Entry, Purchase
from motionkit.model import Found, Job, NotSeen, SameId, Submission
from motionkit.provider import Finds, Provider

RESEND_PAUSE = 2.0
"""Seconds before the same attempt id goes out again."""
FIND_PAUSE = 5.0
"""Seconds between two looks into a vendor's history."""
RECONCILE_WINDOW = 60.0
"""Seconds for which a vendor's history is asked for a submit that may have arrived."""


log = logging.getLogger("motionkit")


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


@attrs.frozen
class Submitter:
    """Drive one account's submissions through the states above.

    Attributes:
        provider: The account's adapter.
        journal: Where every step is written ahead.
        sleep: How to wait; tests give their own.
        clock: Epoch seconds; tests give their own.
        window: Seconds for which a vendor's history is asked.
    """

    provider: Provider
    journal: Journal
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time
    window: float = RECONCILE_WINDOW

    def buy(self, purchase: Purchase, submission: Submission) -> Job:
        """Make the first paid call of a key.

        Raises:
            KeyTaken: The key exists already; nothing was sent.
            SubmitUncertain: It may have arrived and could not be settled.
            MotionKitError: ``billed=NO``: nothing was bought.
        """
        attempt = self.journal.intend(
            purchase, new_attempt_id(), submission, self.provider.fingerprint
        )
        return self._send(attempt)

    def buy_again(self, entry: Entry, submission: Submission) -> Job:
        """Make a further paid call of a key whose earlier ones were all refused.

        Raises:
            KeyTaken: The key is no longer refused; nothing was sent.
            SubmitUncertain: It may have arrived and could not be settled.
            MotionKitError: ``billed=NO``: nothing was bought.
        """
        attempt = self.journal.intend_again(
            entry.key, new_attempt_id(), submission, self.provider.fingerprint
        )
        return self._send(attempt)

    def settle(self, entry: Entry) -> Job:
        """Go on with a purchase that a crash or a bad answer left open.

        Raises:
            SubmitUncertain: It still cannot be told.
        """
        attempt = entry.attempts[-1]
        cause = SubmitUncertain(f"the submit of {entry.key} was interrupted", key=entry.key)
        with _not_free():
            self.journal.uncertain(attempt, cause)
            return self._clear_up(attempt, cause)

    def _send(self, attempt: Attempt) -> Job:
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
            return self._own(attempt, job)

    def _clear_up(self, attempt: Attempt, cause: MotionKitError) -> Job:
        """Look for positive evidence of an attempt that may have arrived."""
        resend = self.provider.resend
        if isinstance(resend, SameId):
            job, cause = self._send_same_id(attempt, resend, cause)
        else:
            job = self._find(attempt)
        if job is not None:
            return self._own(attempt, job)
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
            if first is not None and self.clock() + RESEND_PAUSE > first + resend.window:
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
        if not isinstance(self.provider, Finds):
            return None
        deadline = self.clock() + self.window
        while True:
            try:
                found = self.provider.find(attempt.submission, attempt.first_sent or self.clock())
            except MotionKitError as error:  # a look that failed tells as little as NotSeen
                log.info("history of %s cannot be read: %s", attempt.account, error)
                found = NotSeen()
            if isinstance(found, Found):
                return found.job
            if self.clock() + FIND_PAUSE > deadline:
                return None
            self.sleep(FIND_PAUSE)

    def _own(self, attempt: Attempt, job: Job) -> Job:
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
