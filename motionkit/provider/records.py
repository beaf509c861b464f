"""Read the records in vendors' responses: statuses, outputs, times, lists in pages."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from motionkit.errors import Billed
from motionkit.model.job import Job, Output, Result, State, Status, UnknownReason, utcnow
from motionkit.model.money import Cost
from motionkit.model.submission import Found, NotSeen, Submission

_SIZE = re.compile(r"\d{1,15}", re.ASCII)
_ADDRESSES = ("https://", "http://", "data:video/")
_STRANGE = (State.UNKNOWN, Billed.UNKNOWN)
_MILLISECONDS = 1e11
"""A larger number of epoch seconds is one of milliseconds: as seconds it is the year 5138."""

Cursor = TypeVar("Cursor")


def observed(
    word: Any, states: Mapping[str, tuple[State, Billed]], raw: Any, **fields: Any
) -> Status:
    """Return the status that a vendor's word means; UNKNOWN for a word that is not in the table.

    Args:
        word: The word, as received.
        states: The vendor's words, each with its state and whether a job in it is charged.
        raw: The vendor's response.
        **fields: Further fields of the status.
    """
    state, billed = states.get(word, _STRANGE) if isinstance(word, str) else _STRANGE
    doubt = UnknownReason.STRANGE_WORD if state is State.UNKNOWN else None
    return Status(state, str(word), utcnow(), doubt=doubt, billed=billed, raw=raw, **fields)


def succeeded(
    job: Job,
    outputs: tuple[Output, ...],
    word: str,
    raw: Any,
    cost: Cost | None = None,
    *,
    late: bool = False,
) -> Status:
    """Return the status of a job that its vendor reports as done; UNKNOWN without outputs.

    Args:
        job: The job.
        outputs: Its outputs, the main one first.
        word: The vendor's word.
        raw: The vendor's response.
        cost: The reported charge.
        late: It ended at an unknown time, so how long it took is not known.
    """
    now = utcnow()
    if not outputs:
        return Status(State.UNKNOWN, word, now, doubt=UnknownReason.NO_OUTPUT, raw=raw)
    seconds = None if late else (now - job.submitted_at).total_seconds()
    result = Result(job, outputs, cost, seconds, raw=raw)
    return Status(State.SUCCEEDED, word, now, billed=Billed.YES, result=result, raw=raw)


def not_found(word: str, message: str | None = None, raw: Any = None) -> Status:
    """Return the status of a job that its vendor does not have, or not yet: it proves no end.

    Args:
        word: The vendor's word.
        message: Its text.
        raw: Its response.
    """
    doubt = UnknownReason.NOT_FOUND
    return Status(State.UNKNOWN, word, utcnow(), doubt=doubt, message=message, raw=raw)


def outputs_of(value: Any, kind: str = "video") -> tuple[Output, ...]:
    """Return the outputs in a value, each address once.

    Args:
        value: An address, an object with one as ``url``, or a list of these; else there are none.
        kind: The kind of the outputs.
    """
    found: dict[str, Output] = {}
    for one in value if isinstance(value, list) else [value]:
        file: Any = one if isinstance(one, Mapping) else {"url": one}
        url, mime, size = file.get("url"), file.get("content_type"), str(file.get("file_size"))
        if isinstance(url, str) and url.startswith(_ADDRESSES):
            mime = mime if isinstance(mime, str) else None
            count = int(size) if _SIZE.fullmatch(size) else None
            found.setdefault(url, Output(url, kind, mime, size=count))
    return tuple(found.values())


def moment(value: Any) -> dt.datetime | None:
    """Return an aware UTC datetime from ISO text, epoch seconds or milliseconds; None otherwise."""
    text = str(value).strip()
    try:
        if text.replace(".", "", 1).isdecimal():
            seconds = float(text)
            seconds = seconds / 1000 if seconds >= _MILLISECONDS else seconds
            return dt.datetime.fromtimestamp(seconds, dt.UTC)
        when = dt.datetime.fromisoformat(text)
        return when.astimezone(dt.UTC) if when.tzinfo else when.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None


def read_pages(
    fetch: Callable[[Cursor | None], tuple[Any, Cursor | None, bool]], most: int
) -> tuple[list[Mapping[str, Any]], bool]:
    """Return the rows of a list, and whether these are all of them.

    Args:
        fetch: Reads the page at a cursor, None for the first one; returns its list of rows, the
            cursor of the next page, and whether there is one.
        most: Pages to read at most. A page without a list, or a next page without a new cursor,
            ends the reading too.
    """
    rows: list[Mapping[str, Any]] = []
    seen: list[Cursor | None] = [None]
    for _ in range(most):
        found, cursor, more = fetch(seen[-1])
        if not isinstance(found, list):
            break
        rows += [row for row in found if isinstance(row, Mapping)]
        if not more:
            return rows, True
        if cursor in seen:
            break
        seen.append(cursor)
    return rows, False


def has_input(sent: Any, wanted: Mapping[str, Any]) -> bool:
    """Return whether a history's record of an input has every field of ours, with its value."""
    return isinstance(sent, Mapping) and all(
        sent.get(name) == value for name, value in wanted.items()
    )


def only_match(
    jobs: Iterable[Job | None], submission: Submission, *, complete: bool
) -> Found | NotSeen:
    """Return the job of a submission if it is the only one; otherwise they are candidates.

    They are candidates too where the submission has no token, since another purchase may have the
    same input, and where the history was not read to its end.

    Args:
        jobs: The jobs in the history whose input is that of the submission; None is skipped.
        submission: The submission.
        complete: Whether the history was read to its end.
    """
    found = tuple({job.id: job for job in jobs if job is not None}.values())
    alone = complete and len(found) == 1 and submission.token is not None
    return Found(found[0]) if alone else NotSeen(found)
