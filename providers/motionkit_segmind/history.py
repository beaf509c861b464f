"""The request history: an account's requests of any age, with their states and costs.

Its response is not documented, so rows are read from every key that was observed. The official SDK
has its URLs: https://docs.segmind.com/docs/sdks/python
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from motionkit.errors import Billed, JobNotFound
from motionkit.model.job import Job, State, Status, UnknownReason, utcnow
from motionkit.model.submission import Call, Found, NotSeen, Submission
from motionkit.provider import Phase, has_input, only_match, path_id, read_pages, succeeded
from motionkit_segmind._tables import HISTORY_STATES
from motionkit_segmind._wire import cost_of, error_text, files_of, moderated
from motionkit_segmind.sync import note

_PATH = "/inference-request/request-history"
_PAGES = 5
_PER_PAGE = 100
_CLOCK_SKEW = dt.timedelta(seconds=30)

Send = Callable[[Call, Phase], Mapping[str, Any]]
"""Send a call of a phase and return the response's object."""


@attrs.frozen
class History:
    """One account's request history.

    Attributes:
        send: Sends a call of this account.
        fingerprint: The account's fingerprint.
    """

    send: Send
    fingerprint: str

    def look_up(self, job: Job) -> Status | None:
        """Return a job's status from the history; None if it is not there."""
        try:
            reply = self.send(Call("GET", f"{_PATH}/{job.id}", origin="history"), Phase.POLL)
        except JobNotFound:
            return None
        inner = reply.get("data")
        return _status(job, inner if isinstance(inner, Mapping) else reply)

    def find(self, submission: Submission, since: float) -> Found | NotSeen:
        """Search for the request whose body equals this submission's.

        A request with media given as URLs is not unique, so matches are only candidates then.
        """
        start = dt.datetime.fromtimestamp(since, dt.UTC) - _CLOCK_SKEW
        rows, complete = self._rows(submission.model, start)
        jobs = (self._same(row, submission) for row in rows)
        return only_match(jobs, submission, complete=complete)

    def _rows(self, model: str, start: dt.datetime) -> tuple[list[Mapping[str, Any]], bool]:
        query = {
            "per_page": str(_PER_PAGE),
            "from_date": start.date().isoformat(),
            "to_date": (utcnow().date() + dt.timedelta(days=1)).isoformat(),
            "model_name": model,
            "sort_by": "model_created",
            "sort_order": "desc",
        }

        def fetch(page: int | None) -> tuple[Any, int, bool]:
            number = page or 1
            call = Call("GET", _PATH, origin="history", query=query | {"page": str(number)})
            content = self.send(call, Phase.FIND)
            named = (content.get(name) for name in ("data", "requests", "items", "results"))
            found: list[Any] = next((one for one in named if isinstance(one, list)), [])
            return found, number + 1, len(found) >= _PER_PAGE

        return read_pages(fetch, _PAGES)

    def _same(self, row: Mapping[str, Any], submission: Submission) -> Job | None:
        """Return the job of a row whose body equals this submission's."""
        request_id = path_id(row.get("request_id"))
        if request_id is None or not has_input(row.get("request_body"), submission.call.json):
            return None
        return submission.job(
            request_id, fingerprint=self.fingerprint, attempt_id="", data=note(submission)
        )


def _status(job: Job, row: Mapping[str, Any]) -> Status:
    now, word = utcnow(), str(row.get("model_status"))
    state = HISTORY_STATES.get(word, State.UNKNOWN)
    if state is State.SUCCEEDED:
        files = files_of({"output": row.get("generation_url")})
        return succeeded(job, files, word, row, cost_of(row, "credits_deduction"), late=True)
    if state is State.FAILED:
        message = error_text(row)
        state = State.BLOCKED if moderated(message) else state
        return Status(state, word, now, billed=Billed.NO, message=message, raw=row)
    doubt = UnknownReason.STRANGE_WORD if state is State.UNKNOWN else None
    return Status(state, word, now, doubt=doubt, raw=row)


__all__ = ["History"]
