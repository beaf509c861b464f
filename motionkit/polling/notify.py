"""Call the `watch` callback of a job; an error that it raises is logged only."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any

from motionkit.errors import MotionKitError
from motionkit.model.events import Event, Failed, Progressed, StateChanged, Submitted
from motionkit.model.job import Job, State, Status
from motionkit.polling.observe import JobObserver

log = logging.getLogger("motionkit")

Watch = Callable[[Event], object] | Callable[[Job, Status], object]
"""What ``watch=`` takes: a function of an event, or of a job and its status at every poll."""

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def takes_events(watch: Callable[..., object]) -> bool:
    """Return whether a callback takes one argument, an event; otherwise job and status."""
    try:
        parameters = list(inspect.signature(watch).parameters.values())
    except (TypeError, ValueError):  # some builtins have no signature
        return False
    if any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in parameters):
        return False
    needed = [
        one
        for one in parameters
        if one.kind in _POSITIONAL and one.default is inspect.Parameter.empty
    ]
    return len(needed) == 1


class Notifier:
    """Calls one callback for one job after the other.

    Args:
        observer: Makes events of statuses.
        watch: The callback. After it has raised, it is not called any more.
    """

    def __init__(self, observer: JobObserver, watch: Watch) -> None:
        self._observer = observer
        self._watch: Callable[..., object] | None = watch
        self._events = takes_events(watch)
        self._last: tuple[str, State] | None = None

    def __call__(self, job: Job, status: Status) -> None:
        """Report a polled status."""
        seen = job.id, status.state
        kind = Progressed if seen == self._last else StateChanged
        self._last = seen
        if not self._events:
            self._call(job, status)
        elif self._watch is not None:
            cost = status.result.cost if status.result else None
            self._call(self._observer.event(job, status, kind, cost))

    def submitted(self, job: Job) -> None:
        """Report a job that was submitted now, or earlier by the same request."""
        self._tell(Submitted(key=job.key, job=job, cost=job.cost))

    def failed(self, job: Job, error: MotionKitError) -> None:
        """Report an error that ended a wait."""
        self._tell(Failed(key=job.key, job=job, error=error))

    def _tell(self, event: Event) -> None:
        if self._events:
            self._call(event)

    def _call(self, *values: Any) -> None:
        if self._watch is None:
            return
        try:
            self._watch(*values)
        except Exception as error:  # noqa: BLE001 - the job is paid: a callback must not end its wait
            self._watch = None
            log.warning(
                "watch raised %s and is not called any more; the wait continues: %s",
                type(error).__name__,
                error,
            )
