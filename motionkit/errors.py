"""Every error that motionkit raises.

A subclass exists only where a caller would act differently:

    MotionKitError
    |- ConfigError            the configuration is wrong; nothing was sent
    |- InvalidRequest         a field is wrong; found locally or refused by the vendor
    |  `- Unsupported         this target does not support the field
    |- MediaRejected          the vendor rejects this image, video or audio
    |- ContentBlocked         moderation blocked the request or its result
    |- AuthenticationError    invalid key, or the key of another region or account
    |- PermissionDenied       plan, team or template restriction
    |- InsufficientCredits    the account's balance is too low
    |- BudgetExceeded         max_usd or a budget would be exceeded; nothing was sent
    |- Busy                   the account's concurrency limit; waiting helps
    |- RateLimited            too many requests; see retry_after
    |- ProviderUnavailable    network error, 5xx, overload
    |- ProtocolError          the vendor's response cannot be interpreted
    |- SubmitUncertain        the submit may have arrived; never submitted anew automatically
    |- NoTargetLeft           every target of the route failed or was ruled out
    |- JobFailed              the job ran and failed
    |  `- JobCancelled        it was cancelled; no route pays for another try
    |- JobGone                the vendor no longer keeps the job
    |- JobNotFound            the vendor does not know the job, or does not show it yet
    |- NotReady               the job is still running
    |- WaitTimeout            the wait's deadline passed; the job still runs and may be billed
    |- DownloadFailed         the download failed; the vendor still has the result
    |- JournalError           the local journal is missing, locked, full or corrupt
    `- SignatureError         a webhook whose signature is not the vendor's

"The API refused" and "the job failed" are different classes on purpose.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

from motionkit._support.displayed import Displayed
from motionkit._support.redaction import printable, redact, redact_data

_LONGEST_SHOWN = 60
"""Characters of an argument's value that a message shows."""
_MOST_BITS = 4096
"""Of an integer that a message shows."""


class Billed(enum.Enum):
    """Whether the vendor charged for the failed call."""

    NO = "no"
    """Not charged: it is safe to submit elsewhere."""
    YES = "yes"
    """Charged, or going to be."""
    UNKNOWN = "unknown"
    """Unknown. Never submit anew automatically: that may pay twice."""


class MotionKitError(Displayed, Exception):
    """The base class of every motionkit error.

    Args:
        message: What happened and, where known, how to fix it.
        provider: The registered name of the vendor's adapter.
        account: The name of the configured account.
        code: The vendor's error code or status, as text.
        http_status: The HTTP status of the response.
        hint: What to do next, in one sentence; the class's default when None.
        billed: Whether the vendor charged.
        retry_after: Seconds to wait before another try.
        job: The `motionkit.Job`, where there is one. Untyped, because errors are imported by the
            module that defines it.
        raw: The vendor's raw response, secrets masked.
        stale: Whether the vendor refused a reference to an upload that it no longer keeps.
        passing: Whether the refusal is temporary, so that the same call may succeed later; the
            class's default when None.

    `decision` has a row per target of a route, with its verdict and the reason.
    """

    default_hint: ClassVar[str | None] = None
    passes: ClassVar[bool] = False
    """Whether errors of this class are temporary by default."""

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        account: str | None = None,
        code: str | None = None,
        http_status: int | None = None,
        hint: str | None = None,
        billed: Billed = Billed.NO,
        retry_after: float | None = None,
        job: Any = None,
        raw: Any = None,
        stale: bool = False,
        passing: bool | None = None,
    ) -> None:
        self.message = printable(redact(message))
        self.provider = provider
        self.account = account
        self.code = code
        self.http_status = http_status
        self.hint = redact(hint) if hint else self.default_hint
        self.billed = billed
        self.retry_after = retry_after
        self.job = job
        self.raw = redact_data(raw)
        self.stale = stale
        self.passing = self.passes if passing is None else passing
        self.decision: tuple[Mapping[str, Any], ...] = ()
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, dict(self.__dict__))

    def fill(self, **fields: Any) -> Self:
        """Set the fields that are None, and return the error itself.

        An adapter raises an error with the fields it knows; the core adds account and job.
        """
        for name, value in fields.items():
            if getattr(self, name) is None:
                setattr(self, name, redact_data(value))
        return self

    def __shown__(self) -> Iterator[tuple[str, object]]:
        facts = self.to_dict()
        facts.pop("error")  # the title says it
        yield from ((name.replace("_", " "), value) for name, value in facts.items())
        yield "decision", [f"{row.get('target')}: {row.get('sentence')}" for row in self.decision]

    def _repr_html_(self) -> str:
        from motionkit._support import html  # noqa: PLC0415 - only a notebook draws it

        return html.table(self.__shown__(), type(self).__name__)

    def __cells__(self) -> Mapping[str, object]:
        job = self.job
        return {
            "key": job.key if job else None,
            "target": f"{job.account}/{job.model}" if job else self.account,
            "state": type(self).__name__,
            "error": self.message,
            "charged": self.billed,
        }

    def __record__(self) -> Mapping[str, object]:
        return {**(self.job.__record__() if self.job else {}), **self.to_dict()}

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-compatible values: ``billed`` as text, the job as its id."""
        shown = {
            "error": type(self).__name__,
            "message": self.message,
            "provider": self.provider,
            "account": self.account,
            "code": self.code,
            "http_status": self.http_status,
            "hint": self.hint,
            "billed": self.billed.value,
            "retry_after": self.retry_after,
            "job": self.job.id if self.job else None,
        }
        return {name: value for name, value in shown.items() if value is not None}


def _rebuild(cls: type[MotionKitError], message: str, state: Mapping[str, Any]) -> MotionKitError:
    """Unpickle an error without calling a subclass's constructor."""
    error = cls.__new__(cls, message)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class ConfigError(MotionKitError):
    """The configuration is wrong: a missing key, an unknown account, invalid TOML."""


class InvalidRequest(MotionKitError):
    """A field of the request is wrong; found before sending, or refused by the vendor.

    Args:
        message: A sentence that names field, value and limit.
        field: The name of the field.
        value: The given value, as text.
        limit: The allowed values, as text.
        **rest: The fields of `MotionKitError`.
    """

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        value: str | None = None,
        limit: str | None = None,
        **rest: Any,
    ) -> None:
        super().__init__(message, **rest)
        self.field = field
        self.value = redact(value) if value is not None else None
        self.limit = limit

    @classmethod
    def expected(cls, name: str, value: object, limit: str) -> Self:
        """Return the error of an argument whose value is of the wrong kind or out of range.

        Args:
            name: The argument.
            value: What was given; text and numbers are shown, other values by their type.
            limit: What is expected.
        """
        scalar = value is None or isinstance(value, str | int | float)
        scalar = scalar or type(value).__module__ in {"datetime", "decimal"}
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            scalar = False  # Python refuses to write it in decimal
        kind = type(value).__name__
        given = str(value) if scalar else f"{'an' if kind[0] in 'AEIOUaeiou' else 'a'} {kind}"
        shown = given if len(given) <= _LONGEST_SHOWN else f"{given[:_LONGEST_SHOWN]}..."
        shown = repr(shown) if isinstance(value, str) else shown
        message = f"invalid value for {name}: {shown}; expected {limit}"
        return cls(message, field=name, value=given, limit=limit)

    def to_dict(self) -> dict[str, Any]:
        """Return the base fields with field, value and limit."""
        own = {"field": self.field, "value": self.value, "limit": self.limit}
        return super().to_dict() | {name: v for name, v in own.items() if v is not None}


class Unsupported(InvalidRequest):
    """The target does not support the field."""


class MediaRejected(MotionKitError):
    """The vendor rejects this image, video or audio."""


class ContentBlocked(MotionKitError):
    """Moderation blocked the request or its result."""

    default_hint = "change the prompt or the media; the vendor's content policy applies"


class AuthenticationError(MotionKitError):
    """The key is invalid, or belongs to another region or account."""

    default_hint = "check the account's api_key and region"


class PermissionDenied(MotionKitError):
    """The plan, team or template does not allow this."""


class InsufficientCredits(MotionKitError):
    """The account's balance is too low."""

    default_hint = "top up the account, or choose another target with via"


class BudgetExceeded(MotionKitError):
    """The quote exceeds ``max_usd`` or a budget; nothing was sent."""


class Busy(MotionKitError):
    """The account's concurrency limit is reached; waiting helps."""

    default_hint = "wait for a running job to end, then try again"
    passes = True


class RateLimited(MotionKitError):
    """Too many requests; ``retry_after`` has the vendor's delay, where it sent one."""

    passes = True


class ProviderUnavailable(MotionKitError):
    """A network error, a 5xx response, or an overloaded vendor."""


class ProtocolError(MotionKitError):
    """The vendor's response cannot be interpreted."""


class SubmitUncertain(MotionKitError):
    """The submit may have arrived; it is never submitted anew automatically.

    Args:
        message: What happened.
        key: The key of the purchase in the journal.
        **rest: The fields of `MotionKitError`.
    """

    default_hint = "it is never submitted anew automatically; client.jobs.reconcile asks the vendor"

    def __init__(self, message: str, *, key: str | None = None, **rest: Any) -> None:
        super().__init__(message, **({"billed": Billed.UNKNOWN} | rest))
        self.key = key

    def to_dict(self) -> dict[str, Any]:
        """Return the base fields with the key."""
        return super().to_dict() | ({"key": self.key} if self.key else {})


class NoTargetLeft(MotionKitError):
    """Every target of the route failed or was ruled out.

    Args:
        message: The reason against each target.
        attempts: The error of each target, in the order tried.
        **rest: The fields of `MotionKitError`.
    """

    def __init__(
        self, message: str, *, attempts: Sequence[MotionKitError] = (), **rest: Any
    ) -> None:
        super().__init__(message, **rest)
        self.attempts = tuple(attempts)


class JobFailed(MotionKitError):
    """The job ran and failed."""


class JobCancelled(JobFailed):
    """The purchase was cancelled: its job, as the vendor confirms, or its submit before it left."""

    default_hint = "submit it again with a key of its own to make it after all"


class JobGone(MotionKitError):
    """The vendor no longer keeps the job."""


class JobNotFound(MotionKitError):
    """The vendor does not know the job, or does not show it yet."""


class NotReady(MotionKitError):
    """The job is still running; poll again."""


class WaitTimeout(MotionKitError):
    """The wait's deadline passed; the job still runs and may be billed."""

    default_hint = "the job still runs; client.wait(job) picks it up"


class DownloadFailed(MotionKitError):
    """The download failed; the vendor still has the result."""

    default_hint = "the paid result is kept; client.download(result, path) tries again"


class JournalError(MotionKitError):
    """The local journal is missing, locked, full or corrupt."""


class SignatureError(MotionKitError):
    """The signature of a webhook is not the vendor's."""
