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
from motionkit.model.job import Job, Result, State, Status, UnknownReason, utcnow
from motionkit.model.submission import Call, Found, NotSeen, Submission
from motionkit.provider import Phase
from motionkit_segmind._tables import HISTORY_STATES
from motionkit_segmind._wire import ID, cost_of, error_text, moderated, outputs_of
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
        jobs = {
            job.id: job
            for row in self._rows(submission.model, start)
            if (job := self._same(row, submission)) is not None
        }
        found = tuple(jobs.values())
        alone = len(found) == 1 and submission.token is not None
        return Found(found[0]) if alone else NotSeen(found)

    def _rows(self, model: str, start: dt.datetime) -> list[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = []
        query = {
            "per_page": str(_PER_PAGE),
            "from_date": start.date().isoformat(),
            "to_date": (utcnow().date() + dt.timedelta(days=1)).isoformat(),
            "model_name": model,
            "sort_by": "model_created",
            "sort_order": "desc",
        }
        for page in range(1, _PAGES + 1):
            call = Call("GET", _PATH, origin="history", query=query | {"page": str(page)})
            content = self.send(call, Phase.FIND)
            named = (content.get(name) for name in ("data", "requests", "items", "results"))
            found: list[Any] = next((one for one in named if isinstance(one, list)), [])
            rows += [row for row in found if isinstance(row, Mapping)]
            if len(found) < _PER_PAGE:
                break
        return rows

    def _same(self, row: Mapping[str, Any], submission: Submission) -> Job | None:
        """Return the job of a row whose body equals this submission's."""
        sent = row.get("request_body")
        request_id = row.get("request_id")
        if not isinstance(sent, Mapping) or not isinstance(request_id, str):
            return None
        if not ID.fullmatch(request_id):
            return None
        body = submission.call.json
        if any(sent.get(name) != value for name, value in body.items()):
            return None
        return submission.job(
            request_id, fingerprint=self.fingerprint, attempt_id="", data=note(submission)
        )


def _status(job: Job, row: Mapping[str, Any]) -> Status:
    now, word = utcnow(), str(row.get("model_status"))
    state = HISTORY_STATES.get(word, State.UNKNOWN)
    if state is State.SUCCEEDED:
        outputs = outputs_of({"output": row.get("generation_url")})
        if not outputs:
            return Status(State.UNKNOWN, word, now, doubt=UnknownReason.NO_OUTPUT, raw=row)
        result = Result(job, outputs, cost_of(row, "credits_deduction"), raw=row)
        return Status(state, word, now, billed=Billed.YES, result=result, raw=row)
    if state is State.FAILED:
        message = error_text(row)
        state = State.BLOCKED if moderated(message) else state
        return Status(state, word, now, billed=Billed.NO, message=message, raw=row)
    doubt = UnknownReason.STRANGE_WORD if state is State.UNKNOWN else None
    return Status(state, word, now, doubt=doubt, raw=row)


__all__ = ["History"]
