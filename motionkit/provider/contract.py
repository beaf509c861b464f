"""The contract between the core and a vendor adapter, as Protocols.

An adapter translates; it decides nothing. Retries, re-sends, journal, routing and quotes are the
core's work, once.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Protocol, runtime_checkable

import attrs

from motionkit._support.redaction import LONGEST_SAID, Secret, printable
from motionkit.errors import Billed, ConfigError, MotionKitError
from motionkit.http import RateLimiter, at_loopback
from motionkit.model.job import Job, Result, State, Status
from motionkit.model.money import Balance, Rates
from motionkit.model.operations import Request
from motionkit.model.probe import Facts
from motionkit.model.submission import Call, Found, NotSeen, Resend, Submission
from motionkit.provider.fit import Fit, fit
from motionkit.provider.offers import Offer


def api_key(value: str | Secret) -> Secret:
    """Return a key as a secret, blanks at its ends stripped.

    Raises:
        ConfigError: It is empty or has control characters in it; the message does not echo it.
    """
    stripped = (value.reveal() if isinstance(value, Secret) else value).strip()
    if not stripped:
        raise ConfigError("api_key is empty")
    if not stripped.isprintable() or not stripped.isascii():
        raise ConfigError("api_key has characters that cannot stand in an HTTP header")
    return Secret(stripped)


class Untrusted(enum.Enum):
    """What a configuration file that was merely found in a project folder may do with a setting.

    Without its word (see `untrusted`) a provider's setting is `NOTHING`.
    """

    ANY = "any value"
    LOWER = "only lower"
    HIGHER = "only higher"
    FEWER = "only fewer"
    PART = "only a part of yours, in your order"
    ADDED = "only in what it adds"
    NOTHING = "nothing"


def untrusted(rule: Untrusted) -> dict[str, Any]:
    """Return the metadata of a settings field that say what an untrusted file may do with it."""
    return {"untrusted": rule}


def is_origin(field: str) -> bool:
    """Tell whether a setting of that name holds an address."""
    return field == "url" or field.endswith("_url")


def _at_least_one(_: object, field: attrs.Attribute[Any], value: int | None) -> None:
    if value is not None and value < 1:
        raise ConfigError(f"{field.name} is {value}; give at least 1")


@attrs.frozen(kw_only=True)
class AccountSettings:
    """What every account's configuration may hold; a provider's own class adds to it.

    A number above a limit of `motionkit.config.tables` is refused. `untrusted` marks what a
    project's file may do with a setting; a provider's unmarked ones are the user's alone.

    Attributes:
        api_key: The vendor's key.
        base_url: Stands for all origins of the vendor.
        max_concurrent: Jobs that the vendor runs at once for this account.
        rpm: Calls a minute that the vendor allows.
        reconcile_window: Seconds for which the vendor's history is asked for a submit that may have
            arrived.
    """

    api_key: Secret = attrs.field(converter=api_key)
    base_url: str | None = None
    max_concurrent: int | None = attrs.field(
        default=None, validator=_at_least_one, metadata=untrusted(Untrusted.LOWER)
    )
    rpm: int | None = attrs.field(
        default=None, validator=_at_least_one, metadata=untrusted(Untrusted.LOWER)
    )
    reconcile_window: float = attrs.field(default=60.0, metadata=untrusted(Untrusted.HIGHER))


class Phase(enum.Enum):
    """What a call was for; errors mean different money in each."""

    UPLOAD = "upload"
    SUBMIT = "submit"
    POLL = "poll"
    RESULT = "result"
    BALANCE = "balance"
    FIND = "find"


_FREE = frozenset({Phase.UPLOAD, Phase.BALANCE})


@attrs.frozen
class ErrorRow:
    """What one of a vendor's codes means.

    Attributes:
        error: The neutral class.
        meaning: The vendor's meaning, in our words; shown when the vendor sends no text.
        refuses: Whether the vendor says with it that nothing was bought.
        hint: How to fix it, where one can say.
        without_job: The class instead of `error` while there is no job to speak of.
        stale: Whether it refuses a reference to an upload, which may then be sent again.
        passing: Whether it refuses for a cause that passes, such as overload, so that a new attempt
            makes sense after a while; `Busy` and `RateLimited` always do.
    """

    error: type[MotionKitError]
    meaning: str
    refuses: bool = True
    hint: str | None = None
    without_job: type[MotionKitError] | None = None
    stale: bool = False
    passing: bool = False


def billed_after(phase: Phase, *, refused: bool) -> Billed:
    """Say whether an error in a phase left a charge: the one place that decides it.

    Before any paid call left: NO. On the paid call: NO for a refusal only. After a job id: never
    NO.
    """
    if phase in _FREE or (phase is Phase.SUBMIT and refused):
        return Billed.NO
    return Billed.UNKNOWN


class Uploads(Protocol):
    """What the core does for an adapter: uploads are retried and cached, calls are limited."""

    @property
    def limiter(self) -> RateLimiter | None:
        """The account's rate limiter, for each `Session` of the adapter; None without a limit."""

    def put(self, account: str, slot: str, sha256: str | None, send: Callable[[], str]) -> str:
        """Return the vendor's reference of that content, sending it if need be.

        Args:
            account: The fingerprint of the account that holds it.
            slot: What it is for; the same content may need another upload for another slot.
            sha256: Of the content; None when it may not be shared between submissions.
            send: Upload once and return the vendor's reference.
        """


@runtime_checkable
class Provider(Protocol):
    """One configured use of a vendor's API."""

    name: ClassVar[str]
    settings: ClassVar[type[AccountSettings]]
    offers: ClassVar[Sequence[Offer]]
    resend: ClassVar[Resend]
    account: str
    rates: Rates

    def __init__(self, account: str, settings: Any, uploads: Uploads) -> None: ...

    @property
    def fingerprint(self) -> str:
        """Identify key and origin without holding either."""

    def url(self, call: Any) -> str:
        """Return the whole URL of one of this provider's calls, for people to read."""

    def prepare(self, fitted: Fit, *, dry: bool = False) -> Submission:
        """Upload the media and return the exact paid call. Free and repeatable.

        Args:
            fitted: The request as one of the offers takes it; it was checked before.
            dry: Do no I/O; placeholders stand for uploads.

        Raises:
            MotionKitError: An upload failed, with ``billed=NO``.
        """

    def submit(self, submission: Submission, attempt_id: str) -> Job:
        """Send exactly one paid call, with no retry inside.

        Raises:
            MotionKitError: With ``billed=NO`` only when nothing can have been bought.
        """

    def poll(self, job: Job) -> Status:
        """Observe a job once."""

    def result(self, job: Job) -> Result:
        """Return what a finished job gave.

        Raises:
            NotReady: It still runs.
        """

    def balance(self) -> Balance:
        """Return what the account holds."""

    def close(self) -> None:
        """Let go of connections."""


class Accounts(Protocol):
    """Every account's adapter and rate limiter."""

    def of(self, account: str) -> Provider:
        """Return an account's adapter.

        Raises:
            ConfigError: There is no such account, or it has no key.
        """

    def limiter(self, account: str) -> RateLimiter | None:
        """Return an account's rate limiter; None where no ``rpm`` is set."""


@runtime_checkable
class SearchesHistory(Protocol):
    """A provider whose history can be searched for a submission that may have arrived."""

    def find(self, submission: Submission, since: float) -> Found | NotSeen:
        """Look for exactly one job of this submission made since then (epoch seconds)."""


class PollLimits(Protocol):
    """What a provider may say about being polled; the core takes 0 seconds and 1 call otherwise.

    Attributes:
        poll_floor: Least seconds between two polls of one job that the vendor asks for.
        poll_calls: HTTP calls that a poll makes at most: 2 where a finished job takes a second one.
    """

    poll_floor: ClassVar[float]
    poll_calls: ClassVar[int]


@runtime_checkable
class ShowsUsage(Protocol):
    """A provider that can tell what the account was charged for, without naming our attempts."""

    def usage(self, since: float) -> tuple[Mapping[str, Any], ...]:
        """Return the vendor's own charges since then (epoch seconds), as it words them.

        Evidence for people: it never settles a purchase by itself.
        """


@runtime_checkable
class ShowsRefunds(Protocol):
    """A provider whose vendor lists refunds by job, where a failure does not mention them."""

    def refunded(self, job: Job) -> Decimal | None:
        """Return how much the vendor lists as given back for a job, in the unit of its cost.

        Free and repeatable. None where no refund of this job is listed: it may come later.
        """


@attrs.frozen
class WebhookEvent:
    """What a vendor said of a job of its own accord, once it has proved that it was the vendor.

    Attributes:
        job_id: The vendor's id, as text.
        state: What it means here.
        content: What it says, JSON-able; the adapter makes a status of it.
    """

    job_id: str
    state: State
    content: Mapping[str, Any] = attrs.field(factory=dict, repr=False, hash=False)


@runtime_checkable
class Webhooks(Protocol):
    """A provider whose vendor calls when the state of a job changes."""

    acknowledgement: ClassVar[bytes]
    """What the vendor wants to read under HTTP 200, to the byte; else it calls again."""

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        """Return what a delivery says. No I/O.

        Args:
            headers: In any case.
            body: Exactly as it came.

        Raises:
            SignatureError: It does not come from the vendor, was changed, or is too old.
            ConfigError: The account has no secret to check it with.
        """

    def noticed(self, job: Job, notice: WebhookEvent) -> Status:
        """Return the status that `poll` would have given."""


@runtime_checkable
class Lists(Protocol):
    """A provider with lists to look things up in: voices, styles, charges."""

    lists: Mapping[str, Callable[..., Sequence[Any]]]
    """Name to the method that fetches it: free, repeatable, records with what the vendor says as
    ``raw``. Its keyword arguments are text; ``since`` and ``until`` are moments in epoch
    seconds."""


@runtime_checkable
class ExpiresJobs(Protocol):
    """A provider whose vendor forgets a job some time after its submit, finished or not."""

    retention: ClassVar[dt.timedelta]


@runtime_checkable
class ExpiresFiles(Protocol):
    """A provider whose vendor deletes result files some time after they were made."""

    keeps_files: ClassVar[dt.timedelta]


@runtime_checkable
class Checks(Protocol):
    """A provider with rules across fields, which a row of data cannot say."""

    def check(self, fitted: Fit) -> Sequence[str]:
        """Check a request that fits its offer field by field; do no I/O.

        Returns:
            What the user should know before paying.

        Raises:
            InvalidRequest: Naming field, value and limit.
        """


def fit_at(provider: Provider, request: Request, offer: Offer, facts: Mapping[str, Facts]) -> Fit:
    """Fit a request to one of a provider's offers, by its own rules across fields too. No I/O.

    Args:
        provider: The account's adapter. Its ``unpriced``, where it has one, names vendor fields
            that never change a price.
        request: What is wanted.
        offer: The row.
        facts: What is known of each media argument.

    Raises:
        Unsupported: A field that this target does not support.
        InvalidRequest: A value that it does not take; names field, value and limit.
    """
    return fit(
        request,
        offer,
        facts,
        provider.check if isinstance(provider, Checks) else None,
        extra=request.extra.get(provider.name, {}),
        unpriced=getattr(provider, "unpriced", ()),
    )


@runtime_checkable
class AcceptsUnlistedModels(Protocol):
    """A provider that can reach models which its offers do not list."""

    def unlisted(self, operation: str, model: str) -> Offer | None:
        """Return a row made for a model, its price unknown; None when it cannot be reached."""


def in_sandbox(provider: Provider) -> bool:
    """Tell whether an account's paid calls go to this machine: to a sandbox, for no money."""
    return at_loopback(provider.url(Call("POST", "/", paid=True)))


def references(value: Any) -> list[str]:
    """Return what may refer to something in a call's body, as text: every number and text in it."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [found for one in value for found in references(one)]
    return [str(value)] if isinstance(value, int | str) else []


def job_ids(data: Any, names: Collection[str], call: Call) -> tuple[Any, ...]:
    """Return what the answer to a paid call holds under the names of a job's id, at any depth.

    A vendor that names a job has made one, whatever code or HTTP status is beside it. What means
    "no id" (null, 0, -1, empty text) is not an id, and neither is what the call itself refers to:
    an answer may repeat that.

    Args:
        data: The answer.
        names: The vendor's names for a job's id; neither case nor underscores matter.
        call: The paid call.
    """
    wanted = {_folded(name) for name in names}
    nothing = {"", "0", "-1", *references(call.json)}
    found = []
    left = [data]
    while left:
        value = left.pop()
        if isinstance(value, Mapping):
            found += [one for name, one in value.items() if _folded(name) in wanted and one]
            left += value.values()
        elif isinstance(value, list):
            left += value
    return tuple(one for one in found if str(one).strip() not in nothing)


def _folded(name: Any) -> str:
    return str(name).replace("_", "").casefold()


def vendor_error(
    row: ErrorRow,
    phase: Phase,
    *,
    message: str | None,
    context: Mapping[str, Any],
    contradicted: bool = False,
    **fields: Any,
) -> MotionKitError:
    """Build the error that a vendor's code means in a phase.

    Args:
        row: From the adapter's table.
        phase: What the call was for.
        message: The vendor's own text, if any.
        context: Provider and account.
        contradicted: Whether the same answer also says otherwise: a job id beside the refusal, or
            two codes. Then it refuses nothing; see `job_ids`.
        **fields: Code, HTTP status, retry_after, raw, job.
    """
    code = fields.get("code")
    text = f"{context['account']}: {row.meaning}"
    message = printable(message or "", LONGEST_SAID)
    if message and message.casefold() != row.meaning.casefold():
        text += f" (the vendor says {message!r})"
    if code is not None:
        text += f" [{code}]"
    if contradicted:
        text += ", but the same answer contradicts that"
    early = phase in _FREE or phase is Phase.SUBMIT
    kind = row.without_job if early and row.without_job else row.error
    return kind(
        text,
        hint=row.hint,
        billed=billed_after(phase, refused=row.refuses and not contradicted),
        stale=row.stale and phase is Phase.SUBMIT and not contradicted,
        passing=row.passing or None,
        **context,
        **fields,
    )
