"""The list of an account's predictions, which repeats the input of each for an hour.

Vendor documentation: https://replicate.com/docs/reference/http#predictions.list
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs

from motionkit.model.job import Job
from motionkit.model.submission import Call, Found, NotSeen, Submission
from motionkit.provider import Phase, has_input, moment, only_match, path_id, read_pages

PREDICTIONS = "/v1/predictions"
_PAGES = 30
"""Pages of 100."""
_CLOCK_SKEW = dt.timedelta(minutes=2)
_STEP = dt.timedelta(minutes=10)


@attrs.frozen
class History:
    """One account's predictions.

    Attributes:
        send: Sends a call of this account and returns the response's object.
        fingerprint: The account's fingerprint.
    """

    send: Callable[[Call, Phase], Mapping[str, Any]]
    fingerprint: str

    def find(self, submission: Submission, since: float) -> Found | NotSeen:
        """Search for the prediction whose input equals this submission's.

        Only an input with an address that this submission alone has (its token) is unique;
        otherwise matches are candidates. So is a prediction of the model whose input is deleted by
        now.
        """
        start = dt.datetime.fromtimestamp(since, dt.UTC) - _CLOCK_SKEW
        rows, complete = self._rows(start)
        ours = [row for row in rows if _may_be(row, submission, start)]
        sent = submission.call.json.get("input", {}).items()
        wanted = {name: value for name, value in sent if not _is_data_url(value)}
        same = [row for row in ours if has_input(row.get("input"), wanted)]
        emptied = [row for row in ours if row.get("data_removed") is True and row not in same]
        found = only_match(
            (self._job(row, submission) for row in same), submission, complete=complete
        )
        if isinstance(found, Found) or not emptied:
            return found
        others = (self._job(row, submission) for row in emptied)
        return attrs.evolve(found, doubtful=tuple(job for job in others if job is not None))

    def _rows(self, start: dt.datetime) -> tuple[list[Mapping[str, Any]], bool]:
        """Return the predictions since a moment, rounded down, so that a search can be repeated."""
        after = start - (start - dt.datetime.fromtimestamp(0, dt.UTC)) % _STEP
        query = {"created_after": after.isoformat().replace("+00:00", "Z")}

        def fetch(cursor: str | None) -> tuple[Any, str | None, bool]:
            call = Call("GET", PREDICTIONS, query=query if cursor is None else _query_of(cursor))
            page = self.send(call, Phase.FIND)
            following = page.get("next")
            return page.get("results"), following, following is not None

        return read_pages(fetch, _PAGES)

    def _job(self, row: Mapping[str, Any], submission: Submission) -> Job | None:
        job_id = path_id(row.get("id"))
        if job_id is None:
            return None
        return submission.job(job_id, fingerprint=self.fingerprint, attempt_id="")


def _is_data_url(value: Any) -> bool:
    """Return whether a value is a data URL, or a list of them: the list may not repeat it."""
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, str) and first.startswith("data:")


def _query_of(cursor: Any) -> dict[str, str]:
    """Return the query of the next page's address; the key goes to no host that it may name."""
    try:
        return dict(parse_qsl(urlsplit(str(cursor)).query, keep_blank_values=True))
    except ValueError:
        return {}


def _may_be(row: Mapping[str, Any], submission: Submission, start: dt.datetime) -> bool:
    """Return whether a prediction can be of a submission, whatever its input."""
    model = submission.model.partition(":")[0]
    named = "/" not in model or model.startswith("deployments/") or row.get("model") == model
    by_api = row.get("source") in (None, "api")
    return named and by_api and (moment(row.get("created_at")) or start) >= start
