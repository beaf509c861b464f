"""Segmind's v1 API for ``mode = "sync"``: one blocking call whose response is the video.

The response arrives once. It is stored in a file before it is parsed (`motionkit.provider.spool`),
and the job names that file, so that every process on this machine finds it. Headers hold the cost.
A truncated response is kept, and whether the run was billed is unknown. Vendor documentation: https://docs.segmind.com/docs/serverless-api
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import IO, Any

import attrs

from motionkit.errors import Billed, MotionKitError, ProtocolError
from motionkit.model import containers
from motionkit.model.job import Job, Output, Result, State, Status, UnknownReason, utcnow
from motionkit.model.money import amount
from motionkit.model.submission import Submission
from motionkit.provider import (
    JSON_LIMIT,
    Phase,
    Response,
    Responses,
    Session,
    billed_after,
    path_id,
    spool,
)
from motionkit_segmind._wire import cost_of, files_of

V1, V2 = "/v1/", "/v2/"
_SPOOL = "spool"
"""Key in a job's data: the name of the stored response."""
_WORD = "COMPLETED"
"""The status word of a stored response: the vendor sends none with the video."""


def is_sync(submission: Submission) -> bool:
    """Return whether a submission is one blocking call."""
    return submission.call.path.startswith(V1)


def note(submission: Submission) -> dict[str, Any]:
    """Return what a job found in the history records of its mode."""
    return {"mode": "sync"} if is_sync(submission) else {}


def was_sync(job: Job) -> bool:
    """Return whether a job was one blocking call: polls may not find it."""
    return _SPOOL in job.data or job.data.get("mode") == "sync"


def is_spooled(job: Job) -> bool:
    """Return whether a job's response is stored on this machine."""
    name = job.data.get(_SPOOL)
    return isinstance(name, str) and spool.is_kept(name)


@attrs.frozen
class Blocking:
    """One account's v1 calls.

    Attributes:
        http: The account's session.
        responses: How the account's responses are read.
        fingerprint: The account's fingerprint.
        timeout: Timeout of a call in seconds.
    """

    http: Session
    responses: Responses
    fingerprint: str
    timeout: float

    def buy(self, submission: Submission, attempt_id: str) -> Job:
        """Send the paid call once and store its response.

        Raises:
            JournalError: The response file could not be created; nothing was sent.
            MotionKitError: ``billed=NO`` for a refusal only.
        """
        kept = spool.create(attempt_id)
        try:
            answer = self.http.send(
                submission.call,
                headers={"Accept": "*/*"},
                timeout=submission.timeout or self.timeout,
                sink=kept,
            )
            if not 200 <= answer.status < 300:
                return self._refused(submission, attempt_id, answer)
            spool.settle(kept, attempt_id)
            self._need_result(answer, kept)
        except MotionKitError as error:
            raise _told(error, kept, attempt_id) from error.__cause__
        finally:
            with contextlib.suppress(OSError):  # a full disk was reported above
                kept.close()
        return self._job(submission, attempt_id, answer)

    def _refused(self, submission: Submission, attempt_id: str, answer: Response) -> Job:
        """Return the job that a refusal still names.

        Raises:
            MotionKitError: It names none.
        """
        found, _ = self.responses.submitted(answer, submission.call)
        return submission.job(
            found, fingerprint=self.fingerprint, attempt_id=attempt_id, data=note(submission)
        )

    def _need_result(self, answer: Response, kept: IO[bytes]) -> None:
        """Reject a response that is no complete video and names none.

        Raises:
            ProtocolError: It may have been billed.
        """
        size = kept.seek(0, os.SEEK_END)
        kind, container = containers.sniff(kept)
        problem = ""
        if size == 0:
            problem = "is empty"
        elif container in {"mp4", "mov"} and not containers.is_whole(kept, size):
            problem = "is truncated"  # a gateway may send a content length that matches the cut
        elif kind is None and not _named_in(kept):
            problem = "is no media and names none"
        if problem:
            context = self.responses.context
            raise ProtocolError(
                f"{context['account']}: the response {problem}",
                http_status=answer.status,
                billed=billed_after(Phase.SUBMIT, refused=False),
                **context,
            )

    def _job(self, submission: Submission, attempt_id: str, answer: Response) -> Job:
        request_id = answer.headers.get("x-request-id")
        data = {
            name: value
            for name, value in (
                (_SPOOL, attempt_id),
                ("content_type", answer.headers.get("content-type")),
                ("generation_time", answer.headers.get("x-generation-time")),
                ("remaining_credits", answer.headers.get("x-remaining-credits")),
            )
            if value is not None
        }
        return submission.job(
            path_id(request_id) or attempt_id,
            fingerprint=self.fingerprint,
            attempt_id=attempt_id,
            cost=cost_of(answer.headers, "x-cost"),
            data=data,
        )


def _told(error: MotionKitError, kept: IO[bytes], name: str) -> MotionKitError:
    """Add the path of a partial response to an error; remove an empty file."""
    if not (kept.tell() or os.fstat(kept.fileno()).st_size):
        spool.path(name).unlink(missing_ok=True)
        return error
    error.message = f"{error.message}; the partial response is kept in {spool.path(name)}"
    error.args = (error.message,)
    return error


def observe(job: Job) -> Status:
    """Return the status of a job whose response is stored on this machine."""
    name = job.data[_SPOOL]
    with spool.open_kept(name) as kept:
        kind, _ = containers.sniff(kept)
        size = kept.seek(0, os.SEEK_END)
        kept.seek(0)
        content_type = job.data.get("content_type")
        outputs = (
            _named_in(kept)
            if kind is None
            else (Output(spool.address(name), kind=kind, content_type=content_type, size=size),)
        )
    now, raw = utcnow(), dict(job.data)
    if not outputs:  # the file was changed
        return Status(
            State.UNKNOWN, _WORD, now, doubt=UnknownReason.NO_OUTPUT, billed=Billed.YES, raw=raw
        )
    seconds = amount(job.data.get("generation_time"))
    result = Result(job, outputs, job.cost, None if seconds is None else float(seconds), raw=raw)
    return Status(State.SUCCEEDED, _WORD, now, billed=Billed.YES, result=result, raw=raw)


def _named_in(kept: IO[bytes]) -> tuple[Output, ...]:
    """Return the outputs that a JSON response names; none if it is unparsable."""
    text = kept.read(JSON_LIMIT + 1)
    if len(text) > JSON_LIMIT:
        return ()
    try:
        content = Response(200, {}, text).json(lenient=True)
    except ProtocolError:
        return ()
    return files_of(content if isinstance(content, Mapping) else {"output": content})


__all__ = ["Blocking", "is_spooled", "is_sync", "note", "observe", "was_sync"]
