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
    UNCERTAIN --not a byte left-> UNCERTAIN      that re-send does not count
    UNCERTAIN --found alone-----> job            a single job with our token that nobody else owns
    UNCERTAIN --refusal---------> UNCERTAIN      a lost job may be what holds the slot

Nothing but a job leads out of UNCERTAIN by itself. Whether an answer is a refusal is the vendor
table's word (`billed=NO` on the error); whether a byte left is the connection's.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from motionkit._support import backoff, process
from motionkit._support.process import Moment
from motionkit.errors import (
    Billed,
    InvalidRequest,
    JournalError,
    MotionKitError,
    SubmitUncertain,
)
from motionkit.http import CALL_TIMEOUT, NotSent, RateLimiter, departing, retry
from motionkit.journal import Attempt, Journal, NewPurchase, PurchaseExists, PurchaseRecord
from motionkit.model.job import Job, KeyState
from motionkit.model.submission import Found, SameId, Submission
from motionkit.provider import Provider, SearchesHistory
from motionkit.provider.contract import references
from motionkit.purchase import cancellation

log = logging.getLogger("motionkit")

RESEND_PAUSE = 2.0
"""Seconds at least before the same attempt id goes out again."""
LONGEST_RESEND_PAUSE = 30.0
"""Seconds to which that doubles while nothing leaves."""
FIRST_RESEND, LAST_RESEND = 1 / 8, 23 / 24
"""Shares of a vendor's window after which the first and the last re-send leave."""
TAIL_PAUSE = 1.0
"""Seconds between two tries at the very end of the window, while nothing leaves."""
FIND_PAUSE = 5.0
"""Seconds between two looks into a vendor's history."""
MARGIN = 5.0
"""Seconds for what surrounds a paid call."""
PATIENCE = CALL_TIMEOUT + MARGIN
"""Seconds after which no live process can still be in the middle of a paid call of usual length."""
OTHER_PAUSE = 0.5
"""Seconds between two looks at what another process does."""

EQUAL_REFUSALS = 12
"""So often an account may refuse for a passing cause in a row; some of them never pass."""

_IN_FLIGHT: set[str] = set()
"""Attempts that a thread of this process is in the middle of."""
os.register_at_fork(after_in_child=_IN_FLIGHT.clear)  # the parent's threads stay with the parent


@contextmanager
def _in_flight(attempt_id: str) -> Iterator[None]:
    """Mark an attempt as one that a thread of this process is in the middle of.

    The mark is set before the journal shows the attempt to other threads: in between, one of them
    would take it for an attempt that a crash left behind.
    """
    _IN_FLIGHT.add(attempt_id)
    try:
        yield
    finally:
        _IN_FLIGHT.discard(attempt_id)


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


def resend_at(number: int, resend: SameId) -> float:
    """Return after how many seconds since the first send a re-send is due.

    The re-sends are spread over the window in a geometric row: the first is early, because most
    outages are short, and the last is as late as the vendor still deduplicates.

    Args:
        number: Which re-send, counted from 1.
        resend: The vendor's rule.
    """
    if resend.times == 1:
        return resend.window * LAST_RESEND
    step = (LAST_RESEND / FIRST_RESEND) ** (1 / (resend.times - 1))
    return float(resend.window * FIRST_RESEND * step ** (number - 1))


def about(account: str, text: str) -> str:
    """Return what is said of an account, with its name in front once."""
    return text if text.startswith(f"{account}:") else f"{account}: {text}"


@attrs.define
class _Window:
    """The time in which a vendor takes an attempt id that it has had before for the same submit.

    Attributes:
        resend: The vendor's rule.
        first: When the id was first sent; None when nobody knows exactly.
        moment: The present.
        least: Seconds that have passed in any case: those that were slept.
    """

    resend: SameId
    first: Moment | None
    moment: Callable[[], Moment]
    least: float = 0.0

    def passed(self) -> float | None:
        """Return the seconds since the first send, None when nobody can tell."""
        passed = None if self.first is None else self.moment().since(self.first)
        return None if passed is None else max(passed, self.least)

    def is_open(self, after: float = 0.0) -> bool:
        """Tell whether the window is certainly open, now or after some seconds."""
        passed = self.passed()
        return passed is not None and passed + after <= self.resend.window

    def pause(self, counted: int, unsent: int, hint: float | None) -> float | None:
        """Return the seconds until the same id may go out again, None when it may not any more.

        Args:
            counted: Re-sends so far of which something left.
            unsent: Tries in a row of which nothing left; they do not count, and are repeated with
                backoff.
            hint: Seconds that the vendor asked for.
        """
        passed = self.passed()
        if passed is None or counted >= self.resend.times:
            return None
        left = self.resend.window * LAST_RESEND - passed
        if unsent:
            backoff = min(RESEND_PAUSE * 2.0 ** min(unsent - 1, 10), LONGEST_RESEND_PAUSE)
            pause = min(backoff, max(left, TAIL_PAUSE))
        else:
            pause = max(resend_at(counted + 1, self.resend) - passed, RESEND_PAUSE)
        pause = max(pause, min(hint or 0.0, left))
        return pause if self.is_open(pause) else None

    def check(self) -> None:
        """Have the last word before the first byte.

        Raises:
            TimeoutError: The window is over: the vendor might take a re-send for a new submit.
        """
        if not self.is_open():
            raise TimeoutError(f"the {self.resend.window:g} s for a re-send are over")


@attrs.frozen
class Submitter:
    """Drive one account's submissions through the states above.

    Attributes:
        provider: The account's adapter.
        journal: Where every step is written ahead.
        sleep: How to wait; tests give their own.
        clock: Monotonic seconds; tests give their own.
        now: Epoch seconds; tests give their own.
        window: Seconds for which a vendor's history is asked.
        slots: How many jobs the account runs at once; None when nobody said.
        limiter: Counts the account's calls; None when nobody limits them.
        moment: The present on two clocks, which the time of a first send is compared with; made
            of `now` and `clock` where those are given.
    """

    provider: Provider
    journal: Journal
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    window: float = 60.0
    slots: int | None = None
    limiter: RateLimiter | None = None
    moment: Callable[[], Moment] = attrs.field()

    @moment.default
    def _clocks(self) -> Callable[[], Moment]:
        if self.now is time.time:
            return lambda: process.moment()  # noqa: PLW0108 - tests replace it
        return lambda: Moment(self.now(), self.clock(), "given")

    def buy(
        self,
        purchase: NewPurchase,
        prepare: Callable[[], Submission],
        *,
        earlier: PurchaseRecord | None = None,
        wait_for_slot: float = 0.0,
    ) -> Job:
        """Make the paid call of a key.

        Args:
            purchase: What to write ahead of it.
            prepare: Makes the submission; called again when the vendor refuses a reference to an
                upload that it no longer keeps.
            earlier: The key's entry, when all its attempts so far were refused.
            wait_for_slot: Seconds to wait while the account refuses for a cause that passes: it is
                busy, or the vendor is overloaded or asks for fewer calls. Each further try is a new
                attempt.

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
            if self.limiter is not None:  # wait before the journal says that a call may leave now
                self.limiter.wait()
            cancellation.check()  # from the intention on it is never cancelled
            try:
                return self._attempt(purchase, earlier, submission)
            except MotionKitError as error:
                if error.billed is Billed.NO and error.passing:
                    refusals += 1
                    pause = backoff.slot_delay(refusals, hint=error.retry_after)
                    if refusals >= EQUAL_REFUSALS or self.clock() + pause > deadline:
                        raise
                    log.info(
                        "%s; nothing was bought, waiting up to %.0f s for a slot, asking again in "
                        "%.0f s",
                        about(self.provider.account, error.message),
                        deadline - self.clock(),
                        pause,
                    )
                    cancellation.sleep(pause, self.sleep)
                elif error.stale and not fresh:
                    fresh = True
                    sent = references(submission.call.json)
                    self.journal.caches.forget_uploads(self.provider.fingerprint, sent)
                    submission = prepare()
                else:
                    raise
            earlier = self.journal.entry(purchase.key)

    def _attempt(
        self, purchase: NewPurchase, earlier: PurchaseRecord | None, submission: Submission
    ) -> Job:
        """Write a new attempt ahead, and send it."""
        attempt_id = new_attempt_id()
        made = (attempt_id, submission, self.provider.fingerprint)
        with _in_flight(attempt_id):
            if earlier is not None:
                attempt = self.journal.intend_again(purchase, *made)
            else:
                attempt = self.journal.intend(purchase, *made)
            return self._send(attempt)

    def settle(self, entry: PurchaseRecord) -> Job:
        """Go on with a purchase that a crash or a bad answer left open. Buys nothing new.

        Raises:
            SubmitUncertain: It still cannot be told.
            NotSent: The call was never handed to the network; the key may be bought now.
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
            if self.journal.unsent(attempt, unsent):  # `sending` refuses to go on from there
                raise unsent
            return self.settle(self.journal.entry(entry.key))  # its process was only slow
        cause = SubmitUncertain(f"the submit of {entry.key} was interrupted", key=entry.key)
        with _in_flight(attempt.id), _not_free():
            self.journal.uncertain(attempt, cause)
            return self._clear_up(attempt, cause)

    def _await_other_process(self, key: str) -> PurchaseRecord:
        """Return the entry once nobody else can be in the middle of its paid call.

        Another process is left alone for as long as a call may take, a thread of this one until it
        has cleared up as well. What the wall clock says can shorten that, never lengthen it.
        """
        started, slept = self.clock(), 0.0
        while True:
            entry = self.journal.entry(key)
            attempt = entry.attempts[-1]
            ours = attempt.id in _IN_FLIGHT
            if entry.state is KeyState.INTENDED:
                busy = ours or process.alive(attempt.owner)
            else:
                busy = ours and entry.state is KeyState.UNCERTAIN
            patience = self._patience(attempt, ours=ours)
            age = self.now() - (attempt.first_sent or entry.updated)
            if not busy or max(self.clock() - started, slept, age) > patience:
                return entry
            if not slept:
                log.info(
                    "another %s may be in the middle of submitting %s; waiting for it, %.0f s at "
                    "most",
                    "thread" if ours else "process",
                    key,
                    patience - max(age, 0.0),
                )
            self.sleep(OTHER_PAUSE)
            slept += OTHER_PAUSE

    def _patience(self, attempt: Attempt, *, ours: bool) -> float:
        own = attempt.submission.timeout
        call = PATIENCE if own is None else own + MARGIN
        if not ours:
            return call
        resend = self.provider.resend
        return call + (resend.window if isinstance(resend, SameId) else self.window)

    def _send(self, attempt: Attempt) -> Job:
        attempt = self.journal.sending(attempt, self.moment())
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

    def _clear_up(self, attempt: Attempt, cause: MotionKitError) -> Job:
        """Look for positive evidence of an attempt that may have arrived."""
        resend = self.provider.resend
        try:
            if isinstance(resend, SameId):
                job, cause = self._send_same_id(attempt, resend, cause)
            else:
                job = self._find(attempt)
        except PurchaseExists as taken:  # another process has settled it meanwhile
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
        """Send the same attempt id again while the vendor takes it for the same submit."""
        window = _Window(resend, attempt.first, self.moment)
        window.least = window.passed() or 0.0
        unsent = 0
        while attempt.whole:
            attempt = self._counted(attempt)
            pause = window.pause(attempt.sends - 1, unsent, cause.retry_after)
            if pause is None:
                break
            log.info(
                "%s did not confirm the submit of %s; sending the same id again in %.0f s",
                attempt.account,
                attempt.key,
                pause,
            )
            self.sleep(pause)
            window.least += pause
            if not self._take_turn(window):
                break
            try:
                attempt = self.journal.sending(attempt, self.moment())
            except PurchaseExists as taken:
                if taken.entry.state is not KeyState.UNCERTAIN:
                    raise
                continue  # another process has just sent it
            try:
                with departing(window.check):
                    return self.provider.submit(attempt.submission, attempt.id), cause
            except NotSent as error:
                cause = error
                attempt = self.journal.not_sent(attempt)
                unsent += 1
            except MotionKitError as error:
                cause, unsent = error, 0
                self.journal.uncertain(attempt, error)
                if error.billed is Billed.NO and not error.passing:
                    break  # the vendor answers and refuses; asking again would not tell more
        return None, cause

    def _counted(self, attempt: Attempt) -> Attempt:
        """Return an attempt with the sends that the journal has by now, other processes' too."""
        entry = self.journal.entry(attempt.key)
        if entry.job is not None:
            raise PurchaseExists(entry)
        return attrs.evolve(attempt, sends=entry.attempts[-1].sends)

    def _take_turn(self, window: _Window) -> bool:
        """Take one of the account's calls for this thread; False when the window is over first."""
        if self.limiter is None:
            return window.is_open()
        while pause := self.limiter.acquire():
            if not window.is_open(pause):
                return False
            self.sleep(pause)
            window.least += pause
        if not window.is_open():
            self.limiter.release()
            return False
        return True

    def _find(self, attempt: Attempt) -> Job | None:
        """Ask the vendor's history for a while; it lags."""
        if not isinstance(self.provider, SearchesHistory):
            return None
        since = attempt.first_sent or self.now()
        deadline = self.clock() + self.window
        while True:
            entry = self.journal.entry(attempt.key)
            if entry.job is not None:
                raise PurchaseExists(entry)
            job = self._look(self.provider, attempt.submission, since)
            if job is not None:
                return job
            if self.clock() + FIND_PAUSE > deadline:
                return None
            self.sleep(FIND_PAUSE)

    def candidates(
        self, provider: SearchesHistory, submission: Submission, since: float
    ) -> tuple[Job, ...]:
        """Return the jobs in the vendor's history that look like a submission and nobody owns.

        Raises:
            MotionKitError: The history cannot be asked.
        """
        found = retry.read(lambda: provider.find(submission, since))
        seen = (found.job,) if isinstance(found, Found) else found.candidates
        return tuple(job for job in seen if not self.journal.owns(job.fingerprint, job.id))

    def _look(self, provider: SearchesHistory, submission: Submission, since: float) -> Job | None:
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
