"""The journal's face: what was bought, and going on with it."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from motionkit.errors import SubmitUncertain
from motionkit.journal import Journal
from motionkit.ledger import Entry
from motionkit.model import Job
from motionkit.submission import Submitter


@attrs.frozen
class Jobs:
    """What the journal holds; `Client.jobs` is one of these."""

    _journal: Journal
    _submitter: Callable[[str], Submitter]

    def list(self, *, open_only: bool = False) -> list[Entry]:
        """Return the purchases, oldest first."""
        return [e for e in self._journal.entries() if e.open or not open_only]

    def get(self, reference: str) -> Entry:
        """Return the purchase that a key, the beginning of one, or a job id names.

        Raises:
            InvalidRequest: Nothing matches, or several do.
        """
        return self._journal.find(reference)

    def resume(self, entry: Entry) -> Job:
        """Return a purchase's job, settling an interrupted submit if need be. Buys nothing new.

        Raises:
            SubmitUncertain: Nobody can tell whether it was bought.
        """
        if entry.job is not None:
            return entry.job
        attempt = entry.attempts[-1]
        submitter = self._submitter(attempt.account)
        if submitter.provider.fingerprint != attempt.fingerprint:
            raise SubmitUncertain(
                f"{entry.key} may have arrived at another key or origin than account "
                f"{attempt.account!r} has now",
                key=entry.key,
                account=attempt.account,
            )
        return submitter.settle(entry)
