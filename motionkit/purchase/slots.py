"""Concurrency slots: how many jobs an account runs, as far as the journal knows.

A caller that submits many jobs often polls none of them yet, and the journal would count them as
running for ever. A submit that waits for a slot therefore polls them, on the schedule of any wait.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from math import inf

import attrs

from motionkit.errors import Billed, Busy, MotionKitError
from motionkit.journal import Journal, PurchaseRecord
from motionkit.model.job import Job, Status
from motionkit.purchase import cancellation
from motionkit.purchase.submit import Submitter

log = logging.getLogger("motionkit")

STEP = 5.0
"""Seconds between two counts of the running jobs."""


@attrs.frozen
class Slots:
    """The slots of every account of a client.

    Attributes:
        journal: Where the jobs are.
        poll: Polls a job once, and records its status.
        gap: Returns the seconds until the next poll of a running job, from its age and the number
            of jobs that run.
        age: Returns the seconds since a job was accepted.
        sleep: How to wait.
        clock: Monotonic seconds.
        now: Epoch seconds; tests give their own.
    """

    journal: Journal
    poll: Callable[[Job], Status]
    gap: Callable[[Job, float, int], float]
    age: Callable[[Job], float]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    _due: dict[str, float] = attrs.field(factory=dict, init=False, repr=False, eq=False)
    """When each running job is polled next, by its key."""
    _unknown: set[str] = attrs.field(factory=set, init=False, repr=False, eq=False)
    """Keys of running jobs whose last poll failed: whether they still take a slot is not known."""

    def full(self, submitter: Submitter, *, poll: bool = False) -> bool:
        """Return whether the journal's running jobs take all slots of an account."""
        if submitter.slots is None or len(self._running(submitter)) < submitter.slots:
            return False
        if not poll:
            return True
        self._poll(sorted(self._running(submitter), key=lambda entry: entry.created))
        return len(self._running(submitter)) >= submitter.slots

    def _running(self, submitter: Submitter) -> list[PurchaseRecord]:
        """Return what takes a slot: a stalled job no longer counts."""
        now = self.now()
        running = self.journal.running(submitter.provider.fingerprint)
        return [entry for entry in running if not entry.stalled(now)]

    def _poll(self, running: Sequence[PurchaseRecord]) -> None:
        """Poll the jobs that are due, until one of them has ended."""
        for entry in running:
            job = entry.job
            if job is None or self._due.get(entry.key, -inf) > self.clock():
                continue
            gap = STEP
            try:
                ended = self.poll(job).state.terminal
                self._unknown.discard(entry.key)
                if ended:
                    self._due.pop(entry.key, None)
                    return  # one slot is all that is asked for
                gap = max(self.gap(job, self.age(job), len(running)), STEP)
            except MotionKitError as error:  # the account stays full until a poll shows otherwise
                log.info("job %s at %s could not be polled: %s", job.id, job.account, error.message)
                self._unknown.add(entry.key)
            self._due[entry.key] = self.clock() + gap

    def wait(self, submitter: Submitter, deadline: float) -> None:
        """Wait until the journal counts a free slot.

        Where the running jobs cannot be polled, the vendor decides after the wait.

        Raises:
            Busy: The account still runs ``max_concurrent`` jobs; nothing was sent.
            MotionKitError: The wait was cancelled; nothing was bought.
        """
        logged = False
        while self.full(submitter, poll=True):
            left = deadline - self.clock()
            provider = submitter.provider
            limit = f"{provider.account} runs as many jobs as max_concurrent = {submitter.slots}"
            if left <= 0:
                if any(entry.key in self._unknown for entry in self._running(submitter)):
                    return
                raise Busy(
                    f"{limit}; nothing was sent",
                    provider=provider.name,
                    account=provider.account,
                    billed=Billed.NO,
                    hint="wait until a job ends, or raise wait_for_slot",
                )
            if not logged:
                log.info("%s: waiting up to %.0f s for a slot", limit, left)
                logged = True
            cancellation.sleep(min(STEP, left), self.sleep)
