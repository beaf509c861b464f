"""Concurrency slots: how many jobs an account runs, as far as the journal knows.

The journal counts them for all processes that share it, and refuses a submit for which there is no
slot. A caller that submits many jobs often polls none of them yet, and the journal would count them
as running for long. A submit that waits for a slot therefore polls them, on the schedule of any
wait.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from math import inf

import attrs

from motionkit.errors import MotionKitError
from motionkit.journal import Journal, PurchaseRecord, no_slot
from motionkit.model.job import Job, Status
from motionkit.purchase import cancellation
from motionkit.purchase.submit import Submitter

log = logging.getLogger("motionkit")

STEP = 5.0
"""Seconds between two counts of the running jobs."""


@attrs.frozen(eq=False, repr=False)
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
    """

    journal: Journal
    poll: Callable[[Job], Status]
    gap: Callable[[Job, float, int], float]
    age: Callable[[Job], float]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _due: dict[str, float] = attrs.field(factory=dict, init=False, repr=False, eq=False)
    """When each running job is polled next, by its key."""
    _unknown: set[str] = attrs.field(factory=set, init=False, repr=False, eq=False)
    """Keys of running jobs whose last poll failed: whether they still take a slot is not known."""

    def full(self, submitter: Submitter, *, poll: bool = False) -> bool:
        """Return whether all slots of an account are taken.

        Args:
            submitter: The account's.
            poll: Poll the running jobs where they are, until one has ended.
        """
        if submitter.slots is None or not self._taken(submitter):
            return False
        if not poll:
            return True
        self._poll(sorted(self._running(submitter), key=lambda entry: entry.created))
        return self._taken(submitter)

    def _taken(self, submitter: Submitter) -> bool:
        slots = submitter.slots
        return slots is not None and self.journal.taken(submitter.provider.fingerprint) >= slots

    def _running(self, submitter: Submitter) -> list[PurchaseRecord]:
        return self.journal.running(submitter.provider.fingerprint)

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

    def unpolled(self, submitter: Submitter) -> int:
        """Return how many jobs of an account could not be polled: they may have ended."""
        return sum(entry.key in self._unknown for entry in self._running(submitter))

    def wait(self, submitter: Submitter, deadline: float) -> int:
        """Wait until the journal counts a free slot.

        Where the running jobs cannot be polled, the vendor decides after the wait.

        Returns:
            How many jobs are to count as ended because they cannot be polled: usually none.

        Raises:
            Busy: The account still runs ``max_concurrent`` jobs; nothing was sent.
            MotionKitError: The wait was cancelled; nothing was bought.
        """
        logged = False
        while self.full(submitter, poll=True):
            left = deadline - self.clock()
            provider = submitter.provider
            if left <= 0:
                unpolled = self.unpolled(submitter)
                if unpolled:
                    return unpolled
                raise no_slot(provider.account, submitter.slots or 0, provider.name)
            if not logged:
                log.info(
                    "%s runs as many jobs as max_concurrent = %s: waiting up to %.0f s for a slot",
                    provider.account,
                    submitter.slots,
                    left,
                )
                logged = True
            cancellation.sleep(min(STEP, left), self.sleep)
        return 0
