"""Wait for several takes at once, and again for those that their route submits again."""

from __future__ import annotations

from collections.abc import Sequence

from motionkit.errors import MotionKitError
from motionkit.model.job import STATE_ERRORS, Job, Result
from motionkit.purchase import Order

_FAILED = tuple(STATE_ERRORS.values())
"""The errors after which a route may pay for another attempt."""


class TakesRun:
    """The takes of one call, from their orders to their results.

    Args:
        orders: For each take its order, or why it has none.

    Attributes:
        jobs: The jobs to wait for.
    """

    def __init__(self, orders: Sequence[Order | MotionKitError]) -> None:
        self._orders = orders
        self._waited = [one for one in orders if isinstance(one, Order)]
        self._endings: dict[int, Result | MotionKitError] = {}
        self.jobs: tuple[Job, ...] = tuple(one.job for one in self._waited)

    def ended(self, number: int, ending: Result | MotionKitError) -> None:
        """Record how the job at an index of `jobs` ended."""
        self._endings[id(self._waited[number])] = ending

    def failed(self) -> list[tuple[Order, Job, MotionKitError]]:
        """Return the orders whose jobs failed, when all have ended; `jobs` is empty then."""
        found: list[tuple[Order, Job, MotionKitError]] = []
        for order, job in zip(self._waited, self.jobs, strict=True):
            ending = self._endings[id(order)]
            if isinstance(ending, MotionKitError) and isinstance(ending, _FAILED):
                found.append((order, job, ending))
        self._waited, self.jobs = [], ()
        return found

    def bought_again(self, order: Order, job: Job) -> None:
        """Record that a take was submitted again."""
        self._waited.append(order)
        self.jobs = (*self.jobs, job)

    def over(self, order: Order, error: MotionKitError) -> None:
        """Record that a take is not submitted again."""
        self._endings[id(order)] = error

    def results(self) -> list[Result | MotionKitError]:
        """Return the result or the error of each take."""
        return [self._endings[id(one)] if isinstance(one, Order) else one for one in self._orders]
