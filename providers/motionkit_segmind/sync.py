"""Segmind's v1 road: one blocking call whose answer is the film itself; for ``mode = "sync"``.

The answer comes once. It goes to a file before anything of it is read (`motionkit.provider.spool`),
and the job says where it lies, so that every process on this machine finds it finished. What it
cost stands in the headers. An answer that breaks off stays where it is, and whether the run was
billed is unknown. Vendor documentation: https://docs.segmind.com/docs/serverless-api
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping
from typing import IO, Any

import attrs

from motionkit.errors import Billed, MotionKitError, ProtocolError
from motionkit.model import probe
from motionkit.model.job import Job, Output, Result, State, Status, UnknownReason, utcnow
from motionkit.model.submission import Submission
from motionkit.provider import JSON_LIMIT, Phase, Response, Session, billed_after, spool
from motionkit_segmind._wire import ID, amount_of, cost_of, outputs_of, taken, unwrap

log = logging.getLogger("motionkit")

V1, V2 = "/v1/", "/v2/"
_SPOOL = "spool"
"""The job's own note of where its answer lies."""
_WORD = "COMPLETED"
"""Under HTTP 200 nothing else can have come; the vendor says no word here."""


def is_sync(submission: Submission) -> bool:
    """Tell whether a submission is bought by one blocking call."""
    return submission.call.path.startswith(V1)


def note(submission: Submission) -> dict[str, Any]:
    """Return what a job that the history shows must remember of how it was bought."""
    return {"mode": "sync"} if is_sync(submission) else {}


def was_sync(job: Job) -> bool:
    """Tell whether a job was bought by one blocking call: the queue need not know it."""
    return _SPOOL in job.data or job.data.get("mode") == "sync"


def is_spooled(job: Job) -> bool:
    """Tell whether a job's answer lies on this machine."""
    name = job.data.get(_SPOOL)
    return isinstance(name, str) and spool.is_kept(name)


@attrs.frozen
class Blocking:
    """One account's v1 calls.

    Attributes:
        http: The account's session.
        context: Provider and account, for errors.
        fingerprint: Of the account.
        timeout: Seconds that a call may take.
    """

    http: Session
    context: Mapping[str, Any]
    fingerprint: str
    timeout: float

    def buy(self, submission: Submission, attempt_id: str) -> Job:
        """Send the paid call once and keep what it answers.

        Raises:
            JournalError: The answer could not be kept; nothing was sent.
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
            with contextlib.suppress(OSError):  # what a full disk did not take is told above
                kept.close()
        return self._job(submission, attempt_id, answer)

    def _refused(self, submission: Submission, attempt_id: str, answer: Response) -> Job:
        """Return the job that an answer names in spite of its status.

        Raises:
            MotionKitError: It names none.
        """
        try:
            unwrap(answer, Phase.SUBMIT, self.context, submission.call)
        except MotionKitError as error:
            found = taken(answer, submission.call)
            if found is None:
                raise
            log.warning("%s: the answer names request %s all the same", error.message, found)
            return submission.job(
                found, fingerprint=self.fingerprint, attempt_id=attempt_id, data=note(submission)
            )
        raise AssertionError("no 2xx is unwrapped")  # pragma: no cover

    def _need_result(self, answer: Response, kept: IO[bytes]) -> None:
        """Refuse what is neither a whole film nor names one.

        Raises:
            ProtocolError: It may have been billed.
        """
        size = kept.seek(0, os.SEEK_END)
        kept.seek(0)
        kind, container = probe.sniff(kept.read(probe.SNIFF_BYTES))
        kept.seek(0)
        problem = ""
        if size == 0:
            problem = "is empty"
        elif container in {"mp4", "mov"} and not probe.boxes_fit(kept, size):
            problem = "broke off"  # a gateway that cuts a film may well tell what is left of it
        elif kind is None and not _named_in(kept):
            problem = "is no media and names none"
        if problem:
            raise ProtocolError(
                f"{self.context['account']}: the answer {problem}",
                http_status=answer.status,
                billed=billed_after(Phase.SUBMIT, refused=False),
                **self.context,
            )

    def _job(self, submission: Submission, attempt_id: str, answer: Response) -> Job:
        told = answer.headers.get("x-request-id", "")
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
            told if ID.fullmatch(told) else attempt_id,
            fingerprint=self.fingerprint,
            attempt_id=attempt_id,
            cost=cost_of(answer.headers, "x-cost"),
            data=data,
        )


def _told(error: MotionKitError, kept: IO[bytes], name: str) -> MotionKitError:
    """Let an error say where the broken answer lies; remove the file where nothing came."""
    if not (kept.tell() or os.fstat(kept.fileno()).st_size):
        spool.path(name).unlink(missing_ok=True)
        return error
    error.message = f"{error.message}; what came is kept in {spool.path(name)}"
    error.args = (error.message,)
    return error


def observe(job: Job) -> Status:
    """Return the state of a job whose answer lies here: it ended before it had a job."""
    name = job.data[_SPOOL]
    with spool.open_kept(name) as kept:
        kind, _ = probe.sniff(kept.read(probe.SNIFF_BYTES))
        size = kept.seek(0, os.SEEK_END)
        kept.seek(0)
        content_type = job.data.get("content_type")
        outputs = (
            _named_in(kept)
            if kind is None
            else (Output(spool.address(name), kind=kind, content_type=content_type, size=size),)
        )
    now, raw = utcnow(), dict(job.data)
    if not outputs:  # somebody has changed the file
        return Status(
            State.UNKNOWN, _WORD, now, doubt=UnknownReason.NO_OUTPUT, billed=Billed.YES, raw=raw
        )
    seconds = amount_of(job.data, "generation_time")
    result = Result(job, outputs, job.cost, None if seconds is None else float(seconds), raw=raw)
    return Status(State.SUCCEEDED, _WORD, now, billed=Billed.YES, result=result, raw=raw)


def _named_in(kept: IO[bytes]) -> tuple[Output, ...]:
    """Return the outputs that an answer in JSON names; none where it cannot be read."""
    text = kept.read(JSON_LIMIT + 1)
    if len(text) > JSON_LIMIT:
        return ()
    try:
        told = Response(200, {}, text).json()
    except ProtocolError:
        return ()
    return outputs_of(told if isinstance(told, Mapping) else {"output": told})


__all__ = ["Blocking", "is_spooled", "is_sync", "note", "observe", "was_sync"]
