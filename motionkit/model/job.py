"""Jobs: their states, what a poll observed, and their results.

Money is `decimal.Decimal`, vendor ids are text (they exceed 2**53), times are aware UTC datetimes,
durations are seconds. A value keeps the vendor's response as ``raw``.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import attrs

from motionkit._support.displayed import Displayed
from motionkit._support.redaction import LONGEST_SAID, printable, redact
from motionkit._support.text import duration
from motionkit.errors import (
    Billed,
    ContentBlocked,
    JobCancelled,
    JobFailed,
    JobGone,
    JobNotFound,
    MotionKitError,
    NotReady,
    ProtocolError,
)
from motionkit.model.money import Cost, both, columns, recorded

JOB_VERSION = 1
"""The version that `Job.to_json` writes; older ones are read, newer ones refused."""
_LONGEST_WORD = 100
"""Characters of a vendor's status word that are kept."""


class State(enum.Enum):
    """The state of a job."""

    QUEUED = "queued"
    """Accepted, waiting for a worker."""
    RUNNING = "running"
    """A worker has it."""
    UNKNOWN = "unknown"
    """An unrecognised status, or a job that is not visible yet. Not a failure."""
    SUCCEEDED = "succeeded"
    """Finished, with outputs."""
    FAILED = "failed"
    """Ran and failed."""
    BLOCKED = "blocked"
    """Moderation stopped it."""
    GONE = "gone"
    """The vendor no longer keeps it."""

    @property
    def terminal(self) -> bool:
        """Whether the vendor will never report another state."""
        return self in _TERMINAL


_TERMINAL = frozenset({State.SUCCEEDED, State.FAILED, State.BLOCKED, State.GONE})

STATE_ERRORS: Mapping[State, type[MotionKitError]] = {
    State.FAILED: JobFailed,
    State.BLOCKED: ContentBlocked,
    State.GONE: JobGone,
}


_ENDINGS = {
    State.FAILED: "failed",
    State.BLOCKED: "was blocked by moderation",
    State.GONE: "is no longer kept by the vendor",
}


class KeyState(enum.Enum):
    """The state of a purchase in the journal while it has no job."""

    INTENDED = "intended"
    """An attempt may leave now."""
    UNCERTAIN = "uncertain"
    """An attempt may have arrived; this is not known yet."""
    REFUSED = "refused"
    """Nothing was charged."""


class UnknownReason(enum.Enum):
    """Why an observation is UNKNOWN although the vendor answered."""

    NOT_FOUND = "not_found"
    """The vendor does not have the id, or not yet."""
    NO_OUTPUT = "no_output"
    """The vendor reports success and gives no output."""
    STRANGE_WORD = "strange_word"
    """A status word outside the vendor's table."""


DOUBT_ERRORS: Mapping[UnknownReason, tuple[type[MotionKitError], Billed]] = {
    UnknownReason.NOT_FOUND: (JobNotFound, Billed.UNKNOWN),
    UnknownReason.NO_OUTPUT: (ProtocolError, Billed.YES),
}
"""The error of a doubt that lasts for its grace period; a strange word ends no wait."""


@attrs.frozen(repr=False)
class Job(Displayed):
    """The handle of one paid submission: enough to resume in another process, without a secret.

    Attributes:
        id: The vendor's id, as text.
        provider: The vendor adapter that made it.
        account: The configured account that paid.
        fingerprint: Identifies the account's key and origin without holding either.
        operation: E.g. ``mimic``.
        model: The vendor's model.
        key: The purchase it belongs to.
        attempt_id: The paid call that made it.
        submitted_at: When the vendor accepted it.
        cost: The charge that the vendor reported on acceptance, if any.
        expected_seconds: The offer's usual duration, in seconds.
        data: Further values that the adapter needs to find the job again.
    """

    id: str
    provider: str
    account: str
    fingerprint: str
    operation: str
    model: str
    key: str
    attempt_id: str
    submitted_at: dt.datetime
    cost: Cost | None = attrs.field(default=None, converter=attrs.converters.optional(recorded))
    expected_seconds: float | None = None
    data: Mapping[str, Any] = attrs.field(factory=dict, hash=False)

    def __str__(self) -> str:
        return f"{self.id} at {self.account}/{self.model}"

    def __shown__(self) -> Iterator[tuple[str, object]]:
        yield "key", self.key
        yield "job", str(self)
        yield "operation", self.operation
        yield "submitted", self.submitted_at
        usual = self.expected_seconds
        yield "usual time of the offer", None if usual is None else duration(usual)
        yield "charged", self.cost

    def __record__(self) -> Mapping[str, object]:
        return {
            "key": self.key,
            "job": self.id,
            "target": f"{self.account}/{self.model}",
            "operation": self.operation,
            "submitted": self.submitted_at,
            **columns(self.cost),
        }

    def to_json(self) -> str:
        """Return the job as one line of JSON, versioned, without any secret."""
        from motionkit.model import codec  # noqa: PLC0415 - cattrs loads when first needed

        return codec.pack(self, version=JOB_VERSION)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a job that `to_json` wrote.

        Raises:
            InvalidRequest: The text is not such a job, or a newer version wrote it.
        """
        from motionkit.model import codec  # noqa: PLC0415 - cattrs loads when first needed

        return codec.loads(text, cls, name="job", version=JOB_VERSION)


@attrs.frozen(repr=False)
class Output(Displayed):
    """One file that a job made.

    Attributes:
        url: Its address, which needs no key and expires.
        kind: ``video``, ``image`` or ``audio``.
        label: Its subject, where a job makes several: ``person``.
        id: The vendor's id, where it has one of its own.
        content_type: As the vendor says.
        width: Pixels.
        height: Pixels.
        size: Bytes.
    """

    url: str = attrs.field(repr=False)
    kind: str = "video"
    content_type: str | None = None
    width: int | None = None
    height: int | None = None
    size: int | None = None
    label: str | None = None
    id: str | None = None


@attrs.frozen(repr=False)
class Result(Displayed):
    """The result of a finished job.

    Attributes:
        job: The job.
        outputs: The files, the main one first.
        cost: Its cost; None when the vendor reports none and nothing was quoted.
        seconds: From submit to the observed end.
        path: The targets that were tried, in order; the last one made the result.
        raw: The vendor's response.
        files: Where its files are on this machine, by their number in `outputs`. `download` and
            `deliver` note it here; where the journal knows of an earlier download of the main file,
            that is here too.
    """

    job: Job
    outputs: tuple[Output, ...]
    cost: Cost | None = attrs.field(default=None, converter=recorded)
    seconds: float | None = None
    path: tuple[str, ...] = ()
    raw: Any = attrs.field(default=None, repr=False, eq=False)
    # What the job made does not change, and where it was saved is known only later.
    files: dict[int, Path] = attrs.field(factory=dict, init=False, eq=False, repr=False)

    @property
    def url(self) -> str:
        """The main output's address."""
        return self.outputs[0].url

    def __shown__(self) -> Iterator[tuple[str, object]]:
        from motionkit._support import html  # noqa: PLC0415 - only a notebook draws it

        for number, output in enumerate(self.outputs):
            name = output.label or (output.kind if len(self.outputs) == 1 else f"file {number}")
            place = self.files.get(number)
            yield name, _MISSING if place is None else html.film(place)
        yield "job", self.job
        yield "key", self.job.key
        yield "path", " → ".join(self.path)
        yield "cost", self.cost
        yield "took", None if self.seconds is None else duration(self.seconds)

    def __cells__(self) -> Mapping[str, object]:
        cost = self.cost
        return {
            "key": self.job.key,
            "target": f"{self.job.account}/{self.job.model}",
            "state": State.SUCCEEDED,
            "cost": None if cost is None else both(cost.amount, cost.unit, cost.usd),
            "took": None if self.seconds is None else duration(self.seconds),
            "file": self.files.get(0),
        }

    def __record__(self) -> Mapping[str, object]:
        return {
            **self.job.__record__(),
            "state": State.SUCCEEDED,
            **columns(self.cost),
            "seconds": self.seconds,
            "file": self.files.get(0),
        }


_MISSING = "not on this machine; client.download(result, path) saves it"


def _said(text: str | None) -> str | None:
    return None if text is None else printable(redact(text), LONGEST_SAID)


def _word(text: str) -> str:
    return printable(redact(text), _LONGEST_WORD)


@attrs.frozen(repr=False)
class Status(Displayed):
    """One observation of a job.

    Attributes:
        state: The neutral state.
        word: The vendor's own word or number, as text.
        observed_at: The time of the observation.
        doubt: Why the state is UNKNOWN, when it is.
        billed: For a terminal failure, whether it was charged.
        message: The vendor's message.
        code: The vendor's code for a failure, as text.
        hint: Seconds until the vendor wants the next poll.
        result: The result, where the vendor's status response already holds it.
        raw: The vendor's response.
        cancelled: For FAILED, whether it ended because it was cancelled.
        cost: For a terminal failure, what was charged, where the vendor says it.
    """

    state: State
    word: str = attrs.field(converter=_word)
    observed_at: dt.datetime
    doubt: UnknownReason | None = None
    billed: Billed = Billed.UNKNOWN
    message: str | None = attrs.field(default=None, converter=_said)
    code: str | None = None
    hint: float | None = None
    result: Result | None = attrs.field(default=None, repr=False)
    raw: Any = attrs.field(default=None, repr=False, eq=False)
    cancelled: bool = False
    cost: Cost | None = attrs.field(default=None, converter=recorded)

    def __shown__(self) -> Iterator[tuple[str, object]]:
        yield "state", self.state
        yield "vendor status", self.word
        yield "observed", self.observed_at
        yield "in doubt", self.doubt and self.doubt.value.replace("_", " ")
        if self.state in STATE_ERRORS:
            yield "charged", self.billed
            yield "cancelled", self.cancelled
        yield "message", self.message
        yield "code", self.code
        yield "next poll in seconds", self.hint

    def need_result(self, job: Job) -> Result:
        """Return the result of this observation.

        Raises:
            NotReady: The job still runs, as far as known.
            JobFailed, ContentBlocked, JobGone: It ended without one.
        """
        if self.result is not None:
            return self.result
        if self.state in STATE_ERRORS:
            raise self.error(job)
        unknown = self.state is State.UNKNOWN
        raise NotReady(
            self._sentence(
                job, "is not known to have ended" if unknown else f"is {self.state.value}"
            ),
            provider=job.provider,
            account=job.account,
            billed=Billed.UNKNOWN,
            job=job,
            raw=self.raw,
        )

    def error(self, job: Job) -> MotionKitError:
        """Return the error that a terminal failure means for this job."""
        cancelled = self.cancelled and self.state is State.FAILED
        text = self._sentence(job, "was cancelled" if cancelled else _ENDINGS[self.state])
        kind = JobCancelled if cancelled else STATE_ERRORS[self.state]
        return kind(
            f"{text}: {self.message}" if self.message else text,
            provider=job.provider,
            account=job.account,
            code=self.code or self.word,
            billed=self.billed,
            job=job if self.cost is None else attrs.evolve(job, cost=self.cost),
            raw=self.raw,
        )

    def _sentence(self, job: Job, what: str) -> str:
        status = f" (vendor status {self.word})" if self.word else ""
        return f"job {job.id} at {job.account} {what}{status}"


def utcnow() -> dt.datetime:
    """Return the present as an aware UTC datetime."""
    return dt.datetime.now(dt.UTC)
