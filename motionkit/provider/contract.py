"""The contract between the core and a vendor adapter, as Protocols.

An adapter only translates. Retries, re-sends, the journal, routing and quotes belong to the core.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import attrs

from motionkit._support.redaction import LONGEST_SAID, printable
from motionkit.errors import Billed, MotionKitError, ProviderUnavailable
from motionkit.http import at_loopback
from motionkit.model.job import Job, Result, State, Status
from motionkit.model.money import Balance, Rates
from motionkit.model.probe import Facts
from motionkit.model.request import Request
from motionkit.model.submission import Call, Found, NotSeen, Resend, Submission
from motionkit.provider.fit import Fit, fit
from motionkit.provider.offers import Offer
from motionkit.provider.settings import AccountSettings, KeyHelp

if TYPE_CHECKING:
    from motionkit.http import RateLimiter


class Phase(enum.Enum):
    """The purpose of a call; it decides whether an error may have been billed."""

    UPLOAD = "upload"
    SUBMIT = "submit"
    POLL = "poll"
    RESULT = "result"
    BALANCE = "balance"
    FIND = "find"


_FREE = frozenset({Phase.UPLOAD, Phase.BALANCE})


@attrs.frozen
class ErrorRow:
    """The meaning of one vendor code.

    Attributes:
        error: The neutral class.
        meaning: The vendor's meaning, reworded; shown where the vendor sends no text.
        refuses: Whether the code proves that nothing was charged.
        hint: How to fix it.
        without_job: The class instead of `error` before there is a job.
        stale: Whether it refuses a reference to an upload, which may then be sent again.
        passing: Whether its cause is temporary, such as overload, so that a later attempt may
            succeed; `Busy` and `RateLimited` always are.
    """

    error: type[MotionKitError]
    meaning: str
    refuses: bool = True
    hint: str | None = None
    without_job: type[MotionKitError] | None = None
    stale: bool = False
    passing: bool = False


SERVER_ERRORS: Mapping[int, ErrorRow] = {
    500: ErrorRow(ProviderUnavailable, "the vendor failed", refuses=False),
    502: ErrorRow(ProviderUnavailable, "the gateway failed", refuses=False),
    503: ErrorRow(ProviderUnavailable, "the vendor is not available", refuses=False),
    504: ErrorRow(ProviderUnavailable, "the vendor timed out", refuses=False),
}
"""HTTP status of a server to error, for tables of vendors; none of them refuses."""


def billed_after(phase: Phase, *, refused: bool) -> Billed:
    """Decide whether an error in a phase may have been billed.

    Before the paid call: NO. On the paid call: NO for a refusal only. After a job id: never NO.
    """
    if phase in _FREE or (phase is Phase.SUBMIT and refused):
        return Billed.NO
    return Billed.UNKNOWN


class Uploads(Protocol):
    """What the core does for an adapter: retry and cache uploads, limit the rate of calls."""

    @property
    def limiter(self) -> RateLimiter | None:
        """The account's rate limiter, for each `Session` of the adapter; None without a limit."""

    @property
    def timeout(self) -> float:
        """Seconds for one upload of a local file; `UPLOAD_IDLE` without progress ends it too."""

    @property
    def stage(self) -> str | None:
        """The configured store of the user, where a request names none; see `staged`."""

    def put(self, account: str, slot: str, sha256: str | None, send: Callable[[], str]) -> str:
        """Return the vendor's reference to some content; upload it where necessary.

        Args:
            account: The fingerprint of the account that holds it.
            slot: Its kind; the same content may need one upload per kind.
            sha256: Of the content; None if submissions must not share the upload.
            send: Uploads once and returns the vendor's reference.
        """


@runtime_checkable
class Provider(Protocol):
    """A vendor's API, configured for one account."""

    name: ClassVar[str]
    settings: ClassVar[type[AccountSettings]]
    offers: ClassVar[Sequence[Offer]]
    resend: ClassVar[Resend]
    account: str
    rates: Rates

    def __init__(self, account: str, settings: Any, uploads: Uploads) -> None: ...

    @property
    def fingerprint(self) -> str:
        """A hash of key and origin that reveals neither."""

    def url(self, call: Any) -> str:
        """Return the full URL of a call, for display."""

    def prepare(self, fitted: Fit, *, dry: bool = False) -> Submission:
        """Upload the media and return the exact paid call. Free and repeatable.

        Args:
            fitted: The request, checked against one of the offers.
            dry: Do no I/O; use placeholders for uploads.

        Raises:
            MotionKitError: An upload failed, with ``billed=NO``.
        """

    def submit(self, submission: Submission, attempt_id: str) -> Job:
        """Send exactly one paid call, without retries.

        Raises:
            MotionKitError: With ``billed=NO`` only if nothing can have been charged.
        """

    def poll(self, job: Job) -> Status:
        """Return a job's status."""

    def result(self, job: Job) -> Result:
        """Return the result of a finished job.

        Raises:
            NotReady: It still runs.
        """

    def balance(self) -> Balance:
        """Return the account's balance.

        Raises:
            Unsupported: The key is right and may not read it, or the vendor shows none.
        """

    def close(self) -> None:
        """Close the connections."""


class Accounts(Protocol):
    """Every account's adapter and rate limiter."""

    def of(self, account: str) -> Provider:
        """Return an account's adapter.

        Raises:
            ConfigError: The account does not exist or has no key.
        """

    def keyless(self, account: str) -> Provider:
        """Return an adapter with a stand-in for the account's key: for what sends nothing.

        Raises:
            ConfigError: There is no such account, and no provider of its name for want of a key.
        """

    def limiter(self, account: str) -> RateLimiter | None:
        """Return an account's rate limiter; None without ``rpm``."""


@runtime_checkable
class SearchesHistory(Protocol):
    """A provider whose history can be searched for a submission that may have arrived."""

    def find(self, submission: Submission, since: float) -> Found | NotSeen:
        """Find the one job that this submission made since then (epoch seconds)."""


class HelpsWithKeys(Protocol):
    """A provider that says where its keys are made; nothing is said otherwise.

    Attributes:
        key_help: See `KeyHelp`.
    """

    key_help: ClassVar[KeyHelp]


class PollLimits(Protocol):
    """A provider with limits on polling; the core assumes 0 seconds and 1 call otherwise.

    Attributes:
        poll_floor: The vendor's least seconds between two polls of one job.
        poll_calls: Most HTTP calls of one poll: 2 where a finished job needs a second one.
    """

    poll_floor: ClassVar[float]
    poll_calls: ClassVar[int]


@runtime_checkable
class ShowsUsage(Protocol):
    """A provider that lists the account's charges, without our attempt ids."""

    def usage(self, since: float) -> tuple[Mapping[str, Any], ...]:
        """Return the vendor's charges since then (epoch seconds), as raw records.

        Evidence for people; it never resolves a purchase automatically.
        """


@attrs.frozen
class ListedPrice:
    """A model's price in a vendor's price list, without tiers: US dollars for one `unit`."""

    amount: Decimal
    unit: str


@runtime_checkable
class ListsPrices(Protocol):
    """A provider whose vendor has a price list to compare the offers with."""

    def listed_prices(self) -> Mapping[str, ListedPrice]:
        """Return the listed price of each model in the offers that has one."""


@runtime_checkable
class ShowsRefunds(Protocol):
    """A provider whose vendor lists refunds by job, apart from the job's status."""

    def refunded(self, job: Job) -> Decimal | None:
        """Return a job's listed refund, in the unit of its cost. Free and repeatable.

        None if none is listed, which may change later.
        """


@attrs.frozen
class CancelTerms:
    """What it means to cancel a job at a vendor.

    Attributes:
        charges: Whether a job that is cancelled in a state is charged; a state that is not named
            is `Billed.UNKNOWN`.
        source: The vendor's page.
        note: What else the user should know before, in one sentence.
    """

    charges: Mapping[State, Billed]
    source: str
    note: str = ""


@runtime_checkable
class Cancels(Protocol):
    """A provider whose vendor can cancel a job."""

    cancel_terms: ClassVar[CancelTerms]

    def cancel(self, job: Job) -> Status:
        """Ask the vendor once to cancel a job, and return what its response says about the job.

        The core polls the job right before, and never calls this for one that has ended: at some
        vendors the same call deletes a finished job. It polls again after a status that is not
        terminal, until the vendor reports the end.

        Returns:
            FAILED with ``cancelled=True`` only where the response says that the job is cancelled.
            A request that was merely accepted, or came too late, proves nothing: UNKNOWN, or the
            state that the response names.

        Raises:
            MotionKitError: The vendor did not answer, or refused; the job may still run.
        """


@attrs.frozen
class WebhookEvent:
    """A verified webhook event about a job.

    Attributes:
        job_id: The vendor's id, as text.
        state: The neutral state.
        content: The JSON content, from which the adapter makes a status.
    """

    job_id: str
    state: State
    content: Mapping[str, Any] = attrs.field(factory=dict, repr=False, hash=False)


@runtime_checkable
class Webhooks(Protocol):
    """A provider whose vendor sends webhooks when a job's state changes."""

    acknowledgement: ClassVar[bytes]
    """The exact body that the vendor expects under HTTP 200; otherwise it repeats the webhook."""

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        """Verify a webhook and return its event. No I/O but a read of the vendor's public keys.

        Args:
            headers: Upper and lower case are alike.
            body: The unchanged bytes.

        Raises:
            SignatureError: The signature is invalid or too old.
            ConfigError: The account has no secret to verify it.
        """

    def noticed(self, job: Job, notice: WebhookEvent) -> Status:
        """Return the status that `poll` would have returned."""


@runtime_checkable
class Lists(Protocol):
    """A provider with lists to look up: voices, styles, charges."""

    lists: Mapping[str, Callable[..., Sequence[Any]]]
    """Name to the method that fetches it: free and repeatable; its records have the vendor's own as
    ``raw``. Its keyword arguments are text; ``since`` and ``until`` are epoch seconds."""


@runtime_checkable
class ExpiresJobs(Protocol):
    """A provider whose vendor deletes jobs some time after their submit, finished or not."""

    retention: ClassVar[dt.timedelta]


@runtime_checkable
class ExpiresFiles(Protocol):
    """A provider whose vendor deletes result files after some time."""

    keeps_files: ClassVar[dt.timedelta]


@runtime_checkable
class Checks(Protocol):
    """A provider with rules across fields, which its offers cannot express."""

    def check(self, fitted: Fit) -> Sequence[str]:
        """Check a request whose fields fit its offer one by one, and return warnings. No I/O.

        Raises:
            InvalidRequest: Naming field, value and limit.
        """


def fit_at(provider: Provider, request: Request, offer: Offer, facts: Mapping[str, Facts]) -> Fit:
    """Fit a request to one of a provider's offers, by the provider's own rules too. No I/O.

    Args:
        provider: The account's adapter; its optional ``unpriced`` names vendor fields that never
            change a price.
        request: The request.
        offer: The offer.
        facts: The facts of each media argument.

    Raises:
        Unsupported: The target does not support a field.
        InvalidRequest: The target does not accept a value; names field, value and limit.
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
    """A provider that accepts models which its offers do not list."""

    def unlisted(self, operation: str, model: str) -> Offer | None:
        """Return an offer of unknown price for a model; None if the model cannot be reached.

        Its `evidence` is ``inferred``, so that a request has to confirm it with
        `allow_undocumented`.
        """


_PAID = Call("POST", "/", paid=True)


def base_url(provider: Provider) -> str:
    """Return the base URL of an account's API."""
    return provider.url(Call("GET", "/"))


def in_sandbox(provider: Provider) -> bool:
    """Return whether an account's paid calls go to a sandbox on this machine."""
    return at_loopback(provider.url(_PAID))


def references(value: Any) -> list[str]:
    """Return every number and text in a call's body, as text: any of them may be an id."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [found for one in value for found in references(one)]
    return [str(value)] if isinstance(value, int | str) else []


def job_ids(data: Any, names: Collection[str], call: Call) -> tuple[Any, ...]:
    """Return the job ids in the response to a paid call, at any depth.

    A vendor that names a job has made one, whatever code or HTTP status is beside it. Values for
    "no id" (null, 0, -1, empty text) do not count, nor do ids of the call itself: the response may
    repeat them.

    Args:
        data: The response.
        names: The vendor's field names for a job's id; case and underscores do not matter.
        call: The paid call.
    """

    def folded(name: Any) -> str:
        return str(name).replace("_", "").casefold()

    wanted = {folded(name) for name in names}
    nothing = {"", "0", "-1", *references(call.json)}
    found, left = [], [data]
    while left:
        value = left.pop()
        if isinstance(value, Mapping):
            found += [one for name, one in value.items() if folded(name) in wanted and one]
            left += value.values()
        elif isinstance(value, list):
            left += value
    return tuple(one for one in found if str(one).strip() not in nothing)


def vendor_error(
    row: ErrorRow,
    phase: Phase,
    *,
    message: str | None,
    context: Mapping[str, Any],
    contradicted: bool = False,
    **fields: Any,
) -> MotionKitError:
    """Return the error for a vendor's code in a phase.

    Args:
        row: From the adapter's table.
        phase: The purpose of the call.
        message: The vendor's own text, if any.
        context: Provider and account.
        contradicted: Whether the response contradicts the refusal, by a job id (see `job_ids`) or
            a second code; then it proves nothing.
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
        text += ", but the same response contradicts that"
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
