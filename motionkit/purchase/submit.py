"""Submit one key's paid call: to a job, to a refusal, or to an honest "unknown".

::

    (no key) --intend-----------> INTENDED
    INTENDED --job id-----------> job            the vendor accepted it
    INTENDED --no byte left-----> REFUSED        nothing was charged
    INTENDED --refusal----------> REFUSED        nothing was charged
    INTENDED --anything else----> UNCERTAIN      it may have arrived
    INTENDED --crash, restart---> UNCERTAIN      a paid call may have left before the crash
    INTENDED --crash, unsent----> REFUSED        the journal shows that it was never handed over
    REFUSED  --new attempt id---> INTENDED
    UNCERTAIN --same id again---> job            only where the vendor deduplicates, in its window
    UNCERTAIN --no byte left----> UNCERTAIN      that re-send does not count
    UNCERTAIN --one match-------> job            the only job in the history with our token, or id
    UNCERTAIN --refusal---------> UNCERTAIN      a lost job may be what takes the slot

Only a job, or the user, leads out of UNCERTAIN. The vendor's table decides whether an answer is a
refusal (`billed=NO` on the error); the connection decides whether a byte left.

Every step is on the disk before the one that it announces, so that a crash (``kill -9``, a power
cut) at any instruction leaves at least as much in the journal as can have happened:

==================================  ==================  ==========================================
crash                               in the journal      on the next run with that key
==================================  ==================  ==========================================
before the intention is written,    nothing             submits: only free uploads can have left
uploads included (`Checkout`)
before `Journal.sending` is         INTENDED, no send   REFUSED, then submits with a new id
written
from then on, until the answer      INTENDED, one send  UNCERTAIN, whether or not a byte left:
is written                                              re-send, history, or the user
after the answer is written         job or REFUSED      polls the job; or submits with a new id
==================================  ==================  ==========================================

In the other order, send first and write afterwards, a crash in between would leave a paid job
without a trace, and the next run would pay again.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from math import inf
from typing import TYPE_CHECKING, Any

import attrs

from motionkit import http
from motionkit._support import backoff, system, telemetry
from motionkit._support.process import Moment
from motionkit._support.text import is_name
from motionkit.config import Config
from motionkit.errors import (
    Billed,
    Busy,
    ConfigError,
    InvalidRequest,
    JobCancelled,
    JournalError,
    MotionKitError,
    RateLimited,
    SubmitUncertain,
)
from motionkit.http import (
    CALL_TIMEOUT,
    NotSent,
    Untrusted,
    with_retries,
)
from motionkit.journal import Attempt, Journal, NewPurchase, PurchaseExists, PurchaseRecord
from motionkit.model import events
from motionkit.model.job import Job, KeyState
from motionkit.model.money import doubt
from motionkit.model.submission import Found, NotSeen, SameId, Submission
from motionkit.provider import Accounts, Provider, SearchesHistory, in_sandbox, references
from motionkit.purchase import cancellation

if TYPE_CHECKING:
    from motionkit.http import RateLimiter

log = logging.getLogger("motionkit")

RESEND_PAUSE = 2.0
"""Minimum seconds before a re-send."""
LONGEST_RESEND_PAUSE = 30.0
"""Seconds up to which the pause doubles while no byte leaves."""
FIRST_RESEND, LAST_RESEND = 1 / 8, 23 / 24
"""Shares of a vendor's window after which the first and the last re-send leave."""
TAIL_PAUSE = 1.0
"""Seconds between two tries at the very end of the window, while no byte leaves."""
FIND_PAUSE = 5.0
"""Seconds between two requests for a vendor's history."""
MARGIN = 5.0
"""Seconds for the journal writes around a paid call."""
PATIENCE = CALL_TIMEOUT + MARGIN
"""Seconds after which no live process can still be in the middle of a paid call of usual length."""
OTHER_PAUSE = 0.5
"""Seconds between two checks of what another process has written."""

EQUAL_REFUSALS = 12
"""Temporary refusals in a row after which the submit gives up; some of them never end.

A busy account and a rate limit do not count: the submit waits for them until its deadline.
"""

_IN_FLIGHT: set[str] = set()
"""Attempts that a thread of this process is submitting."""
system.at_fork(after_in_child=_IN_FLIGHT.clear)  # the parent's threads stay with the parent


@contextmanager
def _in_flight(attempt_id: str) -> Iterator[None]:
    """Mark an attempt that this thread is submitting.

    The mark is set before the journal shows the attempt to other threads: otherwise one of them
    could mistake it for an attempt that a crash left behind, and resolve it.
    """
    _IN_FLIGHT.add(attempt_id)
    try:
        yield
    finally:
        _IN_FLIGHT.discard(attempt_id)


def in_flight(attempt_id: str) -> bool:
    """Return whether a thread of this process is submitting an attempt, or resolving it."""
    return attempt_id in _IN_FLIGHT


class NoSlot(Exception):
    """The journal counts no free slot; nothing was written or sent, and `error` says so."""

    def __init__(self, error: Busy) -> None:
        super().__init__(error.message)
        self.error = error


@contextmanager
def _not_free() -> Iterator[None]:
    """Correct `billed` of a journal error that follows a paid call.

    Before the call such an error means that nothing was sent, so its default is NO.
    """
    try:
        yield
    except JournalError as error:
        if error.billed is Billed.NO:
            error.billed = Billed.UNKNOWN
        raise


def _warned(job: Job, purchase: NewPurchase) -> Job:
    """Return a job; warn of a charge that is impossible, or far above the quote."""
    doubtful = None if job.cost is None else doubt(job.cost, purchase.quote)
    if doubtful is not None:
        log.warning("job %s at %s: %s", job.id, job.account, doubtful)
    return job


def new_attempt_id() -> str:
    """Return a fresh attempt id; a UUID, as vendors' pages ask for."""
    return str(uuid.uuid4())


def not_sent(key: str, account: str | None = None) -> JobCancelled:
    """Return the error of a purchase that was cancelled before anything of it left."""
    return JobCancelled(
        f"{key} was cancelled before anything was sent; nothing was charged", account=account
    )


def _unless_cancelled(
    exists: PurchaseExists, key: str, account: str
) -> PurchaseExists | JobCancelled:
    """Return why a key was not submitted: another one was faster, or it was cancelled."""
    entry = exists.entry
    cancelled = entry.key == key and entry.state is KeyState.REFUSED and entry.cancelled
    return not_sent(key, account) if cancelled else exists


def resend_at(number: int, resend: SameId) -> float:
    """Return how many seconds after the first send a re-send is due.

    The re-sends are spread geometrically over the window: the first is early, because most outages
    are short, and the last is as late as the vendor still deduplicates.
    """
    if resend.times == 1:
        return resend.window * LAST_RESEND
    step = (LAST_RESEND / FIRST_RESEND) ** (1 / (resend.times - 1))
    return float(resend.window * FIRST_RESEND * step ** (number - 1))


def about(account: str, text: str) -> str:
    """Return a message that begins with the account's name, once."""
    return text if text.startswith(f"{account}:") else f"{account}: {text}"


@attrs.define(eq=False, repr=False)
class _Window:
    """The time after the first send in which a vendor still deduplicates an attempt id.

    After it, a re-send may buy a second job. The window is therefore closed whenever it is not
    certain that it is open: after a reboot, on another machine, or when a clock was set meanwhile.

    Attributes:
        resend: The vendor's rule.
        first: When the id was first sent; None when that is not known on both clocks.
        moment: Returns the present.
        least: Seconds that have passed in any case: those that were slept.
    """

    resend: SameId
    first: Moment | None
    moment: Callable[[], Moment]
    least: float = 0.0

    def passed(self) -> float | None:
        """Return the seconds since the first send, None when they are unknown."""
        passed = None if self.first is None else self.moment().since(self.first)
        return None if passed is None else max(passed, self.least)

    def is_open(self, after: float = 0.0) -> bool:
        """Return whether the window is certainly open, now or after some seconds."""
        passed = self.passed()
        return passed is not None and passed + after <= self.resend.window

    def may_resend_in(self, counted: int, unsent: int, hint: float | None) -> float | None:
        """Decide whether a lost submit may be re-sent, and return the seconds until then.

        Args:
            counted: Re-sends so far that may have arrived.
            unsent: Tries in a row of which no byte left; they do not count, and are repeated with
                backoff.
            hint: The vendor's ``Retry-After``, in seconds.

        Returns:
            None when it may never be re-sent again.
        """
        passed = self.passed()
        if passed is None or counted >= self.resend.times:
            return None
        left = self.resend.window * LAST_RESEND - passed
        if unsent:
            doubled = min(RESEND_PAUSE * 2.0 ** min(unsent - 1, 10), LONGEST_RESEND_PAUSE)
            pause = min(doubled, max(left, TAIL_PAUSE))
        else:
            pause = max(resend_at(counted + 1, self.resend) - passed, RESEND_PAUSE)
        pause = max(pause, min(hint or 0.0, left))
        return pause if self.is_open(pause) else None

    def check(self) -> None:
        """Check the window again, right before the first byte leaves.

        Connecting and the TLS handshake take time after `may_resend_in` decided.

        Raises:
            TimeoutError: The window is closed: the vendor might take a re-send for a new submit.
        """
        if not self.is_open():
            raise TimeoutError(f"the {self.resend.window:g} s for a re-send are over")


@attrs.frozen(eq=False, repr=False)
class Submitter:
    """Drive one account's submits through the states above.

    Attributes:
        provider: The account's adapter.
        journal: The journal.
        sleep: Waits; injectable.
        clock: Returns monotonic seconds; injectable.
        now: Returns epoch seconds; injectable.
        window: Seconds for which a vendor's history is searched.
        slots: How many jobs the account runs at once; None when unlimited or unknown.
        limiter: The account's rate limiter; None without a limit.
        unusable: Why it cannot submit: its account has no key. It fits and quotes all the same.
        missing: What has to hold that key, in a word.
        sandbox: Whether its paid calls go to a sandbox on this machine.
        speed: Seconds of the vendor's time in one second: 1, except in a sandbox.
        moment: Returns the present on two clocks, to compare with a first send; derived from `now`
            and `clock` where those are injected.
    """

    provider: Provider
    journal: Journal
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    window: float = 60.0
    slots: int | None = None
    limiter: RateLimiter | None = None
    unusable: ConfigError | None = None
    missing: str = ""
    sandbox: bool = False
    speed: float = 1.0
    moment: Callable[[], Moment] = attrs.field()

    @moment.default
    def _clocks(self) -> Callable[[], Moment]:
        if self.now is time.time:
            return self.journal.moment
        return lambda: Moment(self.now(), self.clock(), "given")

    def submit(
        self,
        purchase: NewPurchase,
        submission: Submission,
        prepare: Callable[[], Submission],
        *,
        again: bool = False,
        deadline: float = -inf,
        slot: Callable[[], int] | int = 0,
    ) -> Job:
        """Make the paid call of a key.

        Args:
            purchase: What to write ahead of it.
            submission: The call.
            prepare: Returns the call with new uploads, when the vendor refuses a reference to one
                that it no longer keeps.
            again: Whether the journal may have the key, all its attempts refused.
            deadline: By the clock: until then it is submitted again while the account refuses for
                a passing cause: it is busy, the vendor is overloaded, or the rate limit is
                reached. Each further try is a new attempt.
            slot: How many of the account's jobs do not count against its slots; or a function that
                waits for a free slot and returns that. It is called again when another process was
                faster.

        Raises:
            NoSlot: The account has no free slot, and `slot` is no function.
            PurchaseExists: Another process has submitted the key, or an identical request is
                unfinished; nothing was sent.
            SubmitUncertain: It may have arrived, and that could not be resolved.
            MotionKitError: ``billed=NO``: nothing was charged.
        """
        # What sends is loaded before anything is written ahead, so that only the network can fail.
        from motionkit.http import check_before_sending  # noqa: F401, PLC0415

        refusals, overloads, fresh = 0, 0, False
        while True:
            lent = slot() if callable(slot) else slot
            try:
                return _warned(self._once(purchase, submission, again=again, lent=lent), purchase)
            except NoSlot as full:
                if not callable(slot):
                    raise
                if self.clock() >= deadline:
                    raise full.error from None
                continue  # another process was faster
            except MotionKitError as error:
                # A new attempt id may buy again, so only a certain `billed=NO` leads to one; all
                # else was resolved under the same id in `_resolve`, or ends as uncertain.
                if error.billed is Billed.NO and error.passing:
                    refusals += 1
                    overloads = 0 if isinstance(error, Busy | RateLimited) else overloads + 1
                    pause = backoff.slot_delay(refusals, hint=error.retry_after)
                    if overloads >= EQUAL_REFUSALS or self.clock() + pause > deadline:
                        raise
                    log.info(
                        "%s; nothing was bought, waiting up to %.0f s for a slot; next try in "
                        "%.0f s",
                        about(self.provider.account, error.message),
                        deadline - self.clock(),
                        pause,
                    )
                    cancellation.sleep(pause, self.sleep)
                    if self.journal.entry(purchase.key).cancelled:
                        raise not_sent(purchase.key, self.provider.account) from None
                elif error.stale and not fresh:
                    fresh = True
                    sent = references(submission.call.json)
                    self.journal.caches.forget_uploads(self.provider.fingerprint, sent)
                    submission = prepare()
                else:
                    raise
            again = True  # the refused attempt is in the journal

    def _once(
        self, purchase: NewPurchase, submission: Submission, *, again: bool, lent: int
    ) -> Job:
        """Wait for the rate limit, and make an attempt."""
        if self.unusable is not None:
            raise self.unusable
        # A free slot was seen before: without one, a call of the minute would be lost. All waits
        # come before the intention. One after it would look like a call in progress to other
        # processes, and from the intention on a submit is never cancelled.
        limiter = self.limiter
        if limiter is not None:
            limiter.wait()
        try:
            cancellation.check()
            return self._attempt(purchase, submission, again=again, lent=lent)
        finally:
            if limiter is not None:
                limiter.release()  # a call that was not made

    def _attempt(
        self, purchase: NewPurchase, submission: Submission, *, again: bool, lent: int
    ) -> Job:
        """Write a new attempt ahead, and send it.

        Raises:
            NoSlot: All slots but the `lent` ones are taken; nothing was written.
        """
        attempt_id = new_attempt_id()
        with _in_flight(attempt_id):
            try:
                attempt = self.journal.intend(
                    purchase,
                    attempt_id,
                    submission,
                    self.provider.fingerprint,
                    after_refusal=again,
                    slots=None if self.slots is None else self.slots + lent,
                    lease=self._longest(submission, ours=True),
                )
            except Busy as error:  # the journal's: the vendor was not asked
                error.fill(provider=self.provider.name)
                raise NoSlot(error) from error
            except PurchaseExists as exists:
                raise _unless_cancelled(exists, purchase.key, self.provider.account) from None
            return self._send(attempt)

    def settle(self, record: PurchaseRecord) -> Job:
        """Resolve a purchase that a crash or an unusable answer left without a job or a refusal.

        Never submits a new attempt.

        Raises:
            SubmitUncertain: It is still unknown whether the submit arrived.
            NotSent: The call was never handed to the network; the key may be submitted now.
            InvalidRequest: It was refused; nothing was charged.
        """
        record = self._await_other_process(record.key)
        if record.job is not None:
            return record.job
        if record.state is KeyState.REFUSED:
            raise InvalidRequest(
                f"{record.key} was refused; nothing was charged", field="key", value=record.key
            )
        attempt = record.attempts[-1]
        if attempt.sends == 0:
            unsent = NotSent(
                f"the submit of {record.key} was interrupted before anything was sent; nothing was "
                "charged",
                provider=self.provider.name,
                account=attempt.account,
            )
            # Its process may live and be slow. Once this is written, `Journal.sending` stops it;
            # where it was faster, nothing is written here, and its attempt counts.
            if self.journal.unsent(attempt, unsent):
                raise unsent
            return self.settle(self.journal.entry(record.key))
        # The journal cannot show whether the call left between `sending` and the crash.
        cause = SubmitUncertain(f"the submit of {record.key} was interrupted", key=record.key)
        with _in_flight(attempt.id), _not_free():
            self.journal.uncertain(attempt, cause)
            return self._resolve(attempt, cause)

    def _await_other_process(self, key: str) -> PurchaseRecord:
        """Return the record once no other thread or process can be in the middle of its paid call.

        Waits for another process as long as a call may take, and for a thread of this one until it
        has resolved its attempt too. The wall clock can shorten that wait, never lengthen it.
        """
        started, slept = self.clock(), 0.0
        while True:
            record = self.journal.entry(key)
            attempt = record.attempts[-1]
            ours = attempt.id in _IN_FLIGHT
            if record.state is KeyState.INTENDED:
                busy = ours or self.journal.alive(attempt)
            else:
                busy = ours and record.state is KeyState.UNCERTAIN
            patience = self._longest(attempt.submission, ours=ours)
            age = self._journals_now() - (attempt.first_sent or record.updated)
            if not busy and record.state is KeyState.INTENDED:
                # It may have ended, and written how, before its process was checked.
                latest = self.journal.entry(key)
                if latest != record:
                    continue
            if not busy or max(self.clock() - started, slept, age) > patience:
                return record
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

    def _journals_now(self) -> float:
        """Return the present on the clock of the journal's moments."""
        return self.journal.now() if self.now is time.time else self.now()

    def _longest(self, submission: Submission, *, ours: bool) -> float:
        """Return the seconds for which a paid call may be made; with `ours`, resolved too."""
        own = submission.timeout
        call = PATIENCE if own is None else own + MARGIN
        if not ours:
            return call
        resend = self.provider.resend
        if not isinstance(resend, SameId):
            return call + self.window
        looks = self.window if isinstance(self.provider, SearchesHistory) else 0.0
        return call + resend.window + looks

    def _send(self, attempt: Attempt) -> Job:
        """Send an attempt for the first time."""
        # The journal has the send before the network does. Killed between the two, the attempt
        # counts as sent and costs a check; the other way round it would be paid for twice.
        try:
            attempt = self.journal.sending(attempt, self.moment)
        except PurchaseExists as exists:
            raise _unless_cancelled(exists, attempt.key, attempt.account) from None
        try:
            with self._span(attempt) as span:
                job = self.provider.submit(attempt.submission, attempt.id)
                span.set(gen_ai__response__id=job.id)
        except MotionKitError as error:
            if error.billed is Billed.NO:
                self.journal.refused(attempt, error)
                self._failed(attempt, error, "refused")
                raise
            # A time-out, a broken connection, an unreadable or unknown answer: the vendor may have
            # accepted and charged. From here on only evidence counts.
            with _not_free():
                self.journal.uncertain(attempt, error)
                return self._resolve(attempt, error)
        with _not_free():
            return self.adopt(attempt, job)

    def _span(
        self, attempt: Attempt, *, resend: bool = False
    ) -> AbstractContextManager[telemetry.Span]:
        """Return the span of a paid call."""
        submission = attempt.submission
        return telemetry.span(
            f"generate_content {submission.model}",
            gen_ai__operation__name="generate_content",
            gen_ai__provider__name=self.provider.name,
            gen_ai__request__model=submission.model,
            motionkit__operation=submission.operation,
            motionkit__account=attempt.account,
            motionkit__key=attempt.key,
            motionkit__resend=resend or None,
        )

    def _failed(self, attempt: Attempt, error: MotionKitError, outcome: str) -> None:
        """Tell of a submit that was refused, or is uncertain."""
        events.emit(events.Failed(key=attempt.key, error=error))
        telemetry.measure(
            "motionkit.submits",
            gen_ai__provider__name=self.provider.name,
            gen_ai__request__model=attempt.submission.model,
            motionkit__account=attempt.account,
            motionkit__outcome=outcome,
            error__type=type(error).__name__,
        )

    def _resolve(self, attempt: Attempt, cause: MotionKitError) -> Job:
        """Find the job of an attempt that may have arrived, by re-sending its id or in the history.

        A missing job proves nothing: histories lag, and a re-send can get lost too. Without
        evidence the purchase stays uncertain for the user to resolve.
        """
        resend = self.provider.resend
        try:
            job = None
            if isinstance(resend, SameId):
                job, cause = self._resend(attempt, resend, cause)
            if job is None:
                job = self._find(attempt)
        except PurchaseExists as exists:  # another process has resolved it meanwhile
            job = exists.entry.job
            if job is not None:
                return job
        if job is not None:
            return self.adopt(attempt, job)
        uncertain = SubmitUncertain(
            f"{attempt.account}: the submit may have arrived, and the vendor did not confirm it: "
            f"{cause.message}",
            key=attempt.key,
            provider=self.provider.name,
            account=attempt.account,
            code=cause.code,
            http_status=cause.http_status,
            raw=cause.raw,
        )
        self.journal.uncertain(attempt, uncertain)
        self._failed(attempt, uncertain, "uncertain")
        raise uncertain from cause

    def _resend(
        self, attempt: Attempt, resend: SameId, cause: MotionKitError
    ) -> tuple[Job | None, MotionKitError]:
        """Re-send a lost submit under the same attempt id, while the vendor deduplicates it.

        `SameId` of the adapter allows it, `_Window.may_resend_in` decides it, and `_Window.check`
        holds back the first byte where the window has closed since.

        Returns:
            The job, if the vendor answered with one, and the last error.
        """
        window = _Window(resend, attempt.first, self.moment)
        window.least = window.passed() or 0.0
        unsent = 0
        # The journal masks secrets. With a mask in it, the call would be another one than the
        # vendor has seen under this id.
        while attempt.whole:
            attempt = self._with_sends(attempt)
            pause = window.may_resend_in(attempt.sends - 1, unsent, cause.retry_after)
            if pause is None:
                break
            log.info(
                "%s did not confirm the submit of %s; re-sending the same id in %.0f s",
                attempt.account,
                attempt.key,
                pause,
            )
            if (job := self._wait(attempt, pause, window)) is not None:
                return job, cause
            if not self._acquire(window):
                break
            try:
                attempt = self.journal.sending(attempt, self.moment)  # ahead, as in `_send`
            except PurchaseExists as exists:
                if exists.entry.state is not KeyState.UNCERTAIN:
                    raise
                continue  # another process has just re-sent it: count again, and wait
            try:
                with http.check_before_sending(window.check), self._span(attempt, resend=True):
                    return self.provider.submit(attempt.submission, attempt.id), cause
            except (NotSent, Untrusted) as error:
                cause = error
                attempt = self.journal.not_sent(attempt)
                unsent += 1
            except MotionKitError as error:
                cause, unsent = error, 0
                self.journal.uncertain(attempt, error)
                # A refusal now does not prove that the first send was refused: that one may have
                # become the job that takes the slot. It ends the re-sends, not the doubt.
                if error.billed is Billed.NO and not error.passing:
                    break
        return None, cause

    def _wait(self, attempt: Attempt, pause: float, window: _Window) -> Job | None:
        """Wait before a re-send, and look in the history meanwhile: a look cannot buy."""
        step, since = pause, attempt.first_sent or self.now()
        while True:
            if isinstance(self.provider, SearchesHistory):
                step = min(pause, FIND_PAUSE)
                job = self._only_match(self.provider, self.searched(attempt), since)
                if job is not None:
                    return job
            if pause <= 0:
                return None
            self.sleep(step)
            window.least += step
            pause -= step

    def _with_sends(self, attempt: Attempt) -> Attempt:
        """Return an attempt with the current number of sends, other processes' included.

        Raises:
            PurchaseExists: The purchase has a job by now.
        """
        record = self.journal.entry(attempt.key)
        if record.job is not None:
            raise PurchaseExists(record)
        return attrs.evolve(attempt, sends=record.attempts[-1].sends)

    def _acquire(self, window: _Window) -> bool:
        """Acquire a call from the rate limiter; False when the window closes first."""
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
        """Search the vendor's history for `window` seconds: new jobs appear in it late."""
        if not isinstance(self.provider, SearchesHistory):
            return None
        since = attempt.first_sent or self.now()
        deadline = self.clock() + self.window
        while True:
            self._with_sends(attempt)  # raises when another process has found it
            job = self._only_match(self.provider, self.searched(attempt), since)
            if job is not None:
                return job
            if self.clock() + FIND_PAUSE > deadline:
                return None
            self.sleep(FIND_PAUSE)

    def searched(self, attempt: Attempt) -> Submission:
        """Return what a history is searched for; a vendor that deduplicates lists attempts' ids."""
        known = isinstance(self.provider.resend, SameId)
        return attrs.evolve(attempt.submission, token=attempt.id) if known else attempt.submission

    def candidates(
        self,
        provider: SearchesHistory,
        submission: Submission,
        since: float,
        *,
        doubtful: bool = True,
    ) -> tuple[Job, ...]:
        """Return the jobs in the vendor's history that match a submission and have no owner.

        Args:
            provider: The account's adapter.
            submission: The submission.
            since: When it was first sent.
            doubtful: Whether jobs that only may match are included.

        Raises:
            MotionKitError: The history cannot be read.
        """
        found = with_retries(lambda: provider.find(submission, since))
        jobs = (found.job,) if isinstance(found, Found) else found.candidates
        if doubtful and isinstance(found, NotSeen):
            jobs += found.doubtful
        return tuple(job for job in jobs if self.journal.job(job.fingerprint, job.id) is None)

    def _only_match(
        self, provider: SearchesHistory, submission: Submission, since: float
    ) -> Job | None:
        """Return the one job in the vendor's history that can only be this submission's."""
        try:
            jobs = self.candidates(provider, submission, since, doubtful=False)
        except MotionKitError as error:  # no evidence, either way
            log.info("the history of %s cannot be read: %s", self.provider.account, error)
            return None
        # Without our token in it, even a single match may belong to another user of the account.
        return jobs[0] if len(jobs) == 1 and submission.token is not None else None

    def adopt(self, attempt: Attempt, job: Job) -> Job:
        """Write that this is an attempt's job.

        Raises:
            SubmitUncertain: Another purchase owns that job, or no database takes its id.
            JournalError: It carries the job, which must not be lost.
        """
        job = attrs.evolve(job, key=attempt.key, attempt_id=attempt.id)
        if not is_name(job.id):
            raise self._unknown(
                attempt, f"the vendor answered with the job {job.id!r}, no usable id"
            )
        try:
            owned = self.journal.accepted(attempt, job)
        except JournalError as error:
            error.billed = Billed.YES
            error.fill(job=job, hint=f"keep this: {job.to_json()}")
            raise
        # The vendor deduplicated another attempt, or a user adopted the job elsewhere. One of two
        # purchases was charged, and it is not known which.
        if not owned:
            raise self._unknown(
                attempt, f"the vendor answered with job {job.id}, which another purchase owns"
            )
        events.submitted(job)
        return job

    def _unknown(self, attempt: Attempt, why: str) -> SubmitUncertain:
        """Write that it is unknown what a charge bought; return the error to raise."""
        uncertain = SubmitUncertain(
            f"{attempt.account}: {why}",
            key=attempt.key,
            provider=self.provider.name,
            account=attempt.account,
        )
        self.journal.uncertain(attempt, uncertain)
        return uncertain


@attrs.frozen(eq=False, repr=False)
class Submitters:
    """The submitter of each account, made when it is first needed.

    Attributes:
        config: The accounts' settings.
        accounts: Their adapters and rate limiters.
        journal: Where every step is written ahead.
        sleep: How to wait; tests give their own.
        clock: Monotonic seconds; tests give their own.
    """

    config: Config
    accounts: Accounts
    journal: Journal
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _made: dict[str, Submitter] = attrs.field(factory=dict, init=False, repr=False, eq=False)

    def of(self, account: str) -> Submitter:
        """Return an account's submitter.

        Raises:
            ConfigError: There is no such account, or it has no key.
        """
        made = self._made.get(account)
        if made is None:
            provider = self.accounts.of(account)
            settings = self.config.accounts[account].settings
            made = self._made[account] = Submitter(
                provider,
                self.journal,
                self.sleep,
                self.clock,
                window=settings.reconcile_window,
                slots=settings.max_concurrent,
                limiter=self.accounts.limiter(account),
                **self._world(provider),
            )
        return made

    def keyless(self, account: str, error: ConfigError) -> Submitter:
        """Return a submitter that fits and quotes and does not submit, for want of a key.

        Args:
            account: The account.
            error: Why its key is not there.

        Raises:
            ConfigError: There is no such account, and no provider of its name for want of a key.
        """
        known = self.config.known(account)
        provider = self.accounts.keyless(account)
        return Submitter(
            provider,
            self.journal,
            unusable=error,
            missing=known.missing,
            slots=known.keyless.max_concurrent,
            **self._world(provider),
        )

    def _world(self, provider: Provider) -> dict[str, Any]:
        """Return whether an account is in a sandbox, and its speed."""
        sandbox = in_sandbox(provider)
        return {"sandbox": sandbox, "speed": self.config.sandbox_speed if sandbox else 1.0}
