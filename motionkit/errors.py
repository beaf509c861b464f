"""Every error that motionkit raises.

A subclass exists only where a caller would act differently:

    MotionKitError
    |- ConfigError            the configuration is wrong; nothing was sent
    |- InvalidRequest         a field is wrong; found here or refused by the vendor
    |  `- Unsupported         this target cannot express that field
    |- MediaRejected          the vendor refuses this picture or clip
    |- ContentBlocked         moderation
    |- AuthenticationError    key wrong, or of another region or account
    |- PermissionDenied       plan, team or template restriction
    |- InsufficientCredits    the account cannot pay for this
    |- BudgetExceeded         max_usd or a route's budget
    |- Busy                   the account's concurrency limit; waiting helps
    |- RateLimited            too many calls; see retry_after
    |- ProviderUnavailable    network, 5xx, overload
    |- ProtocolError          an answer that we cannot understand
    |- SubmitUncertain        the submit may have arrived; never re-sent by itself
    |- NoTargetLeft           every target of the route was tried or ruled out
    |- JobFailed              the job ran and failed
    |- JobGone                the vendor no longer has the job
    |- JobNotFound            the vendor does not know the job, or not yet
    |- NotReady               still running
    |- WaitTimeout            our deadline passed; the job still runs and may be billed
    |- DownloadFailed         the result is safe at the vendor, the file is not here yet
    |- JournalError           the local ledger is missing, locked, full or corrupt
    `- SignatureError         a webhook that is not from the vendor

"The API refused" and "the job failed" are different classes on purpose.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from motionkit._support.redaction import printable, redact, redact_data


class Billed(enum.Enum):
    """Whether an error left a charge behind."""

    NO = "no"
    """Nothing was bought: safe to try elsewhere."""
    YES = "yes"
    """The vendor charged, or will."""
    UNKNOWN = "unknown"
    """We cannot tell: never buy again by yourself."""


class MotionKitError(Exception):
    """The base of every error of motionkit.

    Args:
        message: What happened and, where one can tell, how to fix it.
        provider: The vendor adapter, as registered.
        account: The configured account's name.
        code: The vendor's own code, as text.
        http_status: The HTTP status of the answer.
        hint: What to do next, one sentence.
        billed: Whether money was spent.
        retry_after: Seconds after which another try makes sense.
        job: The `motionkit.Job` in question, when there is one; values below the errors know no
            class of theirs.
        raw: The vendor's raw answer, keys masked.
        stale: Whether a reference to an upload was refused: the vendor no longer keeps it.
        passing: Whether it is a refusal whose cause passes, so that the same call may be accepted
            later; None for what the class says.

    Behind a route, `decision` tells row by row what became of each target.
    """

    default_hint: ClassVar[str | None] = None
    passes: ClassVar[bool] = False
    """Whether what this class is about passes when one waits."""

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
        """Set fields that are still empty, and return the error itself.

        An adapter raises what it knows; the core adds account and job on the way out.
        """
        for name, value in fields.items():
            if getattr(self, name) is None:
                setattr(self, name, redact_data(value))
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able values (``billed`` as a word, the job as its id)."""
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
    """The configuration is wrong: missing key, unknown account, bad TOML."""


class InvalidRequest(MotionKitError):
    """A field of the request is wrong, found before sending or refused by the vendor.

    Args:
        message: One sentence that names field, value and limit.
        field: The request's field.
        value: What was given, as text.
        limit: What is allowed, as text.
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

    def to_dict(self) -> dict[str, Any]:
        """Return the base fields with field, value and limit."""
        own = {"field": self.field, "value": self.value, "limit": self.limit}
        return super().to_dict() | {name: v for name, v in own.items() if v is not None}


class Unsupported(InvalidRequest):
    """This target cannot express that field."""


class MediaRejected(MotionKitError):
    """The vendor refuses this picture or clip."""


class ContentBlocked(MotionKitError):
    """Moderation stopped the request or its result."""

    default_hint = "change the prompt or the media; the vendor's content policy applies"


class AuthenticationError(MotionKitError):
    """The key is wrong, or belongs to another region or account."""

    default_hint = "check the account's api_key and region"


class PermissionDenied(MotionKitError):
    """The plan, team or template does not allow this."""


class InsufficientCredits(MotionKitError):
    """The account cannot pay for this."""

    default_hint = "top up the account, or name another target with --via"


class BudgetExceeded(MotionKitError):
    """The quote exceeds ``max_usd`` or a route's budget; nothing was sent."""


class Busy(MotionKitError):
    """The account's concurrency limit is reached; waiting helps."""

    default_hint = "wait for a running job to end, then try again"
    passes = True


class RateLimited(MotionKitError):
    """Too many calls; ``retry_after`` says when to go on, if the vendor did."""

    passes = True


class ProviderUnavailable(MotionKitError):
    """The network, a 5xx, or the vendor's overload."""


class ProtocolError(MotionKitError):
    """The vendor's answer cannot be understood."""


class SubmitUncertain(MotionKitError):
    """The submit may have arrived: it is never sent again by itself.

    Args:
        message: What happened.
        key: The purchase in the journal.
        **rest: The fields of `MotionKitError`.
    """

    default_hint = "nothing will be bought again by itself; see 'motionkit jobs'"

    def __init__(self, message: str, *, key: str | None = None, **rest: Any) -> None:
        super().__init__(message, **({"billed": Billed.UNKNOWN} | rest))
        self.key = key

    def to_dict(self) -> dict[str, Any]:
        """Return the base fields with the key."""
        return super().to_dict() | ({"key": self.key} if self.key else {})


class NoTargetLeft(MotionKitError):
    """Every target of the route was tried or ruled out.

    Args:
        message: The short story.
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


class JobGone(MotionKitError):
    """The vendor had the job and no longer keeps it."""


class JobNotFound(MotionKitError):
    """The vendor does not know the job, or does not know it yet."""


class NotReady(MotionKitError):
    """The job still runs; poll again."""


class WaitTimeout(MotionKitError):
    """Our deadline passed; the job still runs and may be billed."""

    default_hint = "the job still runs; 'motionkit resume' or client.wait(job) picks it up"


class DownloadFailed(MotionKitError):
    """The result is safe at the vendor, the file is not here yet."""

    default_hint = "the paid result is kept; 'motionkit resume' fetches it again"


class JournalError(MotionKitError):
    """The local ledger is missing, locked, full or corrupt."""


class SignatureError(MotionKitError):
    """A webhook that does not come from the vendor."""
