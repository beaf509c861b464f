"""Read a vendor's JSON responses by its tables: content, errors, and the jobs that they name.

Here are the rules that protect money, for every vendor that speaks JSON over HTTP:

- A response to a paid call is read strictly, any other leniently.
- Only an HTTP status or code of the vendor's tables refuses. 5xx never does, and 429 without a JSON
  object, which may be a gateway's, does only if `Fault.row` says so.
- A body that names a job is no refusal, nor is one that begins an object and cannot be parsed.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import attrs

from motionkit.errors import MotionKitError, ProtocolError, ProviderUnavailable
from motionkit.http import Response
from motionkit.model.job import Job, State
from motionkit.model.submission import Call
from motionkit.provider.contract import ErrorRow, Phase, WebhookEvent, job_ids, vendor_error
from motionkit.provider.records import moment

log = logging.getLogger("motionkit")

_PATH_ID = re.compile(r"(?!\.+$)[\w.:=+-]{1,200}", re.ASCII)
_ACCEPTED = "accepted"
"""Key in a job's data: when it was accepted, on the vendor's clock."""
_UNDOCUMENTED = ErrorRow(ProtocolError, "an undocumented HTTP status", refuses=False)
_SERVER_ERROR = ErrorRow(ProviderUnavailable, "the vendor failed", refuses=False)


def path_id(value: Any) -> str | None:
    """Return an id that can be a segment of a path; None for anything else."""
    return value if isinstance(value, str) and _PATH_ID.fullmatch(value) else None


def content_of(answer: Response) -> Mapping[str, Any]:
    """Return a response's JSON object, read leniently; an empty one if it has none."""
    try:
        return _object(answer, lenient=True)
    except ProtocolError:
        return {}


def webhook_event(
    body: bytes, field: str, state_of: Callable[[Mapping[str, Any]], State], **context: Any
) -> WebhookEvent:
    """Return the event in the body of a webhook that is verified already.

    Args:
        body: The body, a JSON object.
        field: The field of the job's id.
        state_of: Returns the state that the object reports.
        **context: Provider and account, for errors.

    Raises:
        ProtocolError: It has no usable id.
    """
    content = content_of(Response(200, {}, body))
    job_id = path_id(content.get(field))
    if job_id is None:
        raise ProtocolError(f"{context['account']}: the webhook has no {field}", **context)
    return WebhookEvent(job_id, state_of(content), content)


def accepted_at(answer: Response) -> dict[str, str]:
    """Return what a job's data records of its submit: when, on the vendor's clock, if known."""
    return {} if answer.date is None else {_ACCEPTED: answer.date.isoformat()}


def age_of(job: Job, answer: Response) -> dt.timedelta | None:
    """Return a job's age on the vendor's clock; None if either response had no time."""
    then = moment(job.data.get(_ACCEPTED))
    return None if then is None or answer.date is None else answer.date - then


@attrs.frozen
class Fault:
    """What an error body says.

    Attributes:
        code: The vendor's error code.
        text: Its text.
        row: What it means, where that is not what its HTTP status means.
        retry_after: Requested delay in seconds, where no standard header has it.
    """

    code: str | None = None
    text: str | None = None
    row: ErrorRow | None = None
    retry_after: float | None = None


@attrs.frozen
class Responses:
    """How an account's responses are read.

    Attributes:
        context: Provider and account, for errors.
        statuses: HTTP status to error.
        job_id: The field of the job's id in the response to a submit.
        job_names: All fields that identify a job there; a refusal has none of them.
        fault: Reads an error body; the call is the one that was sent.
        words: Status words (field ``status``) of accepted jobs; a refusal has none of them either.
        succeeds: Whether a response with a JSON object is a success, where a status of 2xx is not
            what decides.
        whole_id: Returns a job's id as text; None if it is not usable.
    """

    context: Mapping[str, Any]
    statuses: Mapping[int, ErrorRow]
    job_id: str
    job_names: Collection[str]
    fault: Callable[[Response, Mapping[str, Any], Call], Fault]
    words: Collection[str] = ()
    succeeds: Callable[[Response, Mapping[str, Any], Phase], bool] | None = None
    whole_id: Callable[[Any], str | None] = path_id

    def unwrap(self, answer: Response, phase: Phase, call: Call) -> Mapping[str, Any]:
        """Return the JSON object of a successful response.

        Raises:
            MotionKitError: See `refusal`.
            ProtocolError: A success has no JSON object.
        """
        paid, good = phase is Phase.SUBMIT, 200 <= answer.status < 300
        try:
            data = _object(answer, lenient=not paid)
        except ProtocolError as error:
            if good:
                raise self._strange(error.message, phase, answer.status) from error
            unread = paid and answer.opens_object
            raise self.refusal(answer, phase, call, {}, unread=unread) from error
        if good if self.succeeds is None else self.succeeds(answer, data, phase):
            return data
        raise self.refusal(answer, phase, call, data)

    def submitted(self, answer: Response, call: Call) -> tuple[str, Mapping[str, Any]]:
        """Return the id of the job that a paid call made, and the content of a success.

        An error, or a success without an id in its place, may still name exactly one whole id:
        then that job was made.

        Raises:
            MotionKitError: It names none. ``billed=NO`` only if nothing can have been charged.
        """
        named = self._named(answer, call)
        try:
            content = self.unwrap(answer, Phase.SUBMIT, call)
        except MotionKitError as error:
            if named is None:
                raise
            log.warning("%s: the response still names job %s", error.message, named)
            return named, {}
        found = self.whole_id(content.get(self.job_id)) or named
        if found is None:
            raise self.missing(self.job_id, content, Phase.SUBMIT)
        return found, content

    def _named(self, answer: Response, call: Call) -> str | None:
        """Return the id of the only job that a response names, at any depth and HTTP status."""
        try:
            ids = job_ids(answer.json(), {self.job_id}, call)
        except ProtocolError:
            return None
        return self.whole_id(ids[0]) if len(set(map(repr, ids))) == 1 else None

    def refusal(
        self,
        answer: Response,
        phase: Phase,
        call: Call,
        data: Mapping[str, Any],
        *,
        unread: bool = False,
    ) -> MotionKitError:
        """Return the error for a response that is not a success.

        Args:
            answer: The response.
            phase: The purpose of the call.
            call: The call that was sent.
            data: The JSON object of the response; empty if it has none.
            unread: The body begins an object that cannot be read: it may name a job.
        """
        fault = self.fault(answer, data, call)
        fallback = _SERVER_ERROR if answer.status >= 500 else _UNDOCUMENTED
        row = fault.row or self.statuses.get(answer.status, fallback)
        bare = answer.status == 429 and not data and fault.row is None
        if answer.status >= 500 or bare:
            row = attrs.evolve(row, refuses=False)
        word = data.get("status")
        works = isinstance(word, str) and word in self.words
        named = phase is Phase.SUBMIT and (works or bool(job_ids(data, self.job_names, call)))
        return vendor_error(
            row,
            phase,
            message=fault.text,
            context=self.context,
            contradicted=unread or named,
            code=fault.code,
            http_status=answer.status,
            retry_after=answer.retry_after or fault.retry_after,
            raw=dict(data) or None,
        )

    def missing(self, field: str, content: Mapping[str, Any], phase: Phase) -> MotionKitError:
        """Return the error for a success that does not have a field."""
        return self._strange(f"the response has no {field}", phase, raw=dict(content))

    def _strange(
        self, what: str, phase: Phase, status: int | None = None, raw: Any = None
    ) -> MotionKitError:
        row = ErrorRow(ProtocolError, what, refuses=False)
        context = self.context
        return vendor_error(row, phase, message=None, context=context, http_status=status, raw=raw)


def _object(answer: Response, *, lenient: bool) -> Mapping[str, Any]:
    data = answer.json(lenient=lenient)
    if not isinstance(data, Mapping):
        raise ProtocolError("the response is not a JSON object", http_status=answer.status)
    return data
