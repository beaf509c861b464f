"""fal's queue: three words, a result that decides, no idempotency key, a history with payloads.

Vendor documentation: https://fal.ai/docs/documentation/model-apis/inference/queue
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import attrs

from motionkit.errors import Billed, PermissionDenied, Unsupported
from motionkit.model import media, probe
from motionkit.model.job import Job, Result, State, Status, utcnow
from motionkit.model.money import Balance, Rates, Unit, amount
from motionkit.model.submission import Call, Found, Never, NotSeen, Resend, Submission
from motionkit.provider import (
    AccountSettings,
    CancelTerms,
    Fit,
    KeyHelp,
    ListedPrice,
    MediaField,
    Offer,
    Phase,
    Response,
    Upload,
    Uploads,
    WebhookEvent,
    accepted_at,
    age_of,
    assemble,
    connect,
    content_of,
    load_offers,
    not_found,
    observed,
    succeeded,
    unlisted_offer,
)
from motionkit_fal import webhook
from motionkit_fal._tables import DONE, KEYS, NO_SCOPE, STATES, UNFINISHED, UNPRICED
from motionkit_fal._wire import Failure, ended, failure_of, files_of, responses
from motionkit_fal.history import Platform, platform
from motionkit_fal.settings import Settings
from motionkit_fal.uploads import Storage

HOSTS: Mapping[str, str] = {
    "api": "https://queue.fal.run",
    "upload": "https://rest.fal.ai",
    "platform": "https://api.fal.ai",
}
"""The host that serves each kind of call."""
_BACKUP = "https://queue.falrun.com"
"""The queue's other host: https://fal.ai/docs/documentation/model-apis/inference/reliability"""
_ENDPOINT = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)+", re.ASCII)
"""Valid endpoint ids: one is the path of the paid call."""
_SHORT_LIFE = dt.timedelta(minutes=6)
"""How long a result of 10 kB or more is kept; afterwards the history has it."""
_APP = "app"
"""Key in a job's data: the path of its requests."""


class Fal:
    """One account at fal.

    Args:
        account: The account's name.
        settings: Its configuration.
        uploads: The core's upload cache, and the account's rate limiter.
    """

    name: ClassVar[str] = "fal"
    settings: ClassVar[type[AccountSettings]] = Settings
    offers: ClassVar[Sequence[Offer]] = load_offers(__package__ or "motionkit_fal")
    resend: ClassVar[Resend] = Never()
    unpriced: ClassVar[Collection[str]] = UNPRICED.keys()
    key_help: ClassVar[KeyHelp] = KEYS
    acknowledgement: ClassVar[bytes] = webhook.ACKNOWLEDGEMENT
    retention: ClassVar[dt.timedelta] = dt.timedelta(days=30)
    """With its input and output: https://fal.ai/docs/documentation/model-apis/common-parameters"""
    keeps_files: ClassVar[dt.timedelta] = dt.timedelta(days=7)
    """At least: https://fal.ai/docs/documentation/model-apis/faq"""
    poll_calls: ClassVar[int] = 3
    """Status, result and, once for each model, the unit price."""
    cancel_terms: ClassVar[CancelTerms] = CancelTerms(
        {State.QUEUED: Billed.NO},
        "https://fal.ai/docs/documentation/model-apis/inference/queue",
        "a job that runs is only asked to stop, and may finish and be charged",
    )

    def __init__(self, account: str, settings: Settings, uploads: Uploads) -> None:
        self.account = account
        self.rates = Rates()
        self._uploads = uploads
        self._settings = settings
        auth = {"Authorization": settings.api_key.prefixed("Key ")}
        self._http = connect(self, settings, uploads, HOSTS, auth)
        self.fingerprint = self._http.fingerprint
        self._responses = responses(self._http.context)
        self._storage = Storage(self._http, self._responses, uploads)
        self._platform = Platform(self._send, self.fingerprint, settings.prices)
        self._webhook_keys = webhook.published(self._send)

    def url(self, call: Call) -> str:
        """Return a call's full URL."""
        return self._http.url(call)

    def prepare(self, fitted: Fit, *, dry: bool = False) -> Submission:
        """Upload the media that have no URL yet, and return the paid call.

        One kind of media is uploaded every time, so that its address identifies this submission in
        the history: the images, or the clip where there is no image.
        """
        kinds = {slot.kind for slot, _ in fitted.references.values()}
        own: media.Kind = "image" if "image" in kinds else "video"
        made = assemble(self, self._uploads, fitted, partial(self._upload, own), dry=dry)
        target = self._settings.webhook
        call = attrs.evolve(
            made.call,
            headers=self._headers(),
            query={} if target is None else {"fal_webhook": target},
        )
        return attrs.evolve(made, call=call, calls=(*made.calls[:-1], call))

    def _headers(self) -> dict[str, str]:
        """Return the headers of the paid call; the first promises the quoted model and price."""
        options = self._settings
        headers = {} if options.fallback else {"x-app-fal-disable-fallback": "true"}
        if options.no_retry:
            headers["X-Fal-No-Retry"] = "1"
        if options.start_timeout is not None:
            headers["X-Fal-Request-Timeout"] = f"{options.start_timeout:g}"
        return headers

    def submit(self, submission: Submission, attempt_id: str) -> Job:
        """Send the paid call once; fal has no attempt ids."""
        answer = self._http.send(submission.call)
        request_id, content = self._responses.submitted(answer, submission.call)
        app = self._app_of(content.get("status_url"), request_id)
        data = accepted_at(answer) | ({_APP: app} if app else {})
        return submission.job(
            request_id, fingerprint=self.fingerprint, attempt_id=attempt_id, data=data
        )

    def _app_of(self, url: Any, request_id: str) -> str | None:
        """Return the path of a job's requests from its status URL, if that is on the queue's host.

        The vendor asks clients to use the URLs of its response: the path of a request is not that
        of the endpoint. The host is never taken from there, since the key goes to it.
        """
        end = f"/requests/{request_id}/status"
        backup = (_BACKUP,) if self._settings.base_url is None else ()
        for base in (self._http.origins["api"], *backup):
            app = str(url).removeprefix(f"{base}/").removesuffix(end)
            if url == f"{base}/{app}{end}" and _ENDPOINT.fullmatch(app):
                return app
        return None

    def _reading(self, job: Job, suffix: str = "", method: str = "GET") -> Call:
        """Return a call about a job."""
        app = job.data.get(_APP) or "/".join(job.model.split("/")[:2])
        return Call(method, f"/{app}/requests/{job.id}{suffix}")

    def poll(self, job: Job) -> Status:
        """Poll a job; the status of a finished job carries its result."""
        call = self._reading(job, "/status")
        answer = self._http.send(call)
        if answer.status == 404:
            return self._forgotten(job, answer, call)
        content = self._responses.unwrap(answer, Phase.POLL, call)
        if content.get("status") == DONE:
            return self._finished(job, content)
        return observed(content.get("status"), STATES, content)

    def _finished(self, job: Job, status: Mapping[str, Any]) -> Status:
        """Read the result, which decides how a finished job ended."""
        call = self._reading(job)
        answer = self._http.send(call)
        if answer.status == 404:
            return self._forgotten(job, answer, call)
        good, units = 200 <= answer.status < 300, amount(answer.headers.get("x-fal-billable-units"))
        unwrap = self._responses.unwrap
        content = unwrap(answer, Phase.RESULT, call) if good else content_of(answer)
        if good and (files := files_of(content)):
            return succeeded(job, files, DONE, content, self._platform.cost(job.model, units))
        failure = Failure() if good else failure_of(content, answer.headers)
        if UNFINISHED in (failure.text or "").casefold():
            return Status(State.RUNNING, DONE, utcnow(), raw=content)
        told, raw = failure_of(status), content or status
        if end := ended(told, failure, answer.status, word=DONE, raw=raw, units=units):
            return end
        if good:
            return succeeded(job, (), DONE, content)
        raise self._responses.refusal(answer, Phase.RESULT, call, content)

    def _forgotten(self, job: Job, answer: Response, call: Call) -> Status:
        """Return the status of a job that the queue does not have.

        The queue keeps a result for minutes or an hour, the history for 30 days. A job is GONE if
        neither has it and 30 days are over on the vendor's clock.
        """
        age = age_of(job, answer)
        old = utcnow() - job.submitted_at >= _SHORT_LIFE
        asked = self._settings.history and old
        if asked and (found := self._platform.look_up(job)) is not None:
            return found
        message = self._responses.refusal(answer, Phase.POLL, call, {}).message
        if asked and age is not None and age >= self.retention:
            return Status(State.GONE, "404", utcnow(), message=message)
        return not_found("404", message)

    def result(self, job: Job) -> Result:
        """Return a finished job's result."""
        return self.poll(job).need_result(job)

    def cancel(self, job: Job) -> Status:
        """Ask once to cancel a job: a queued one is gone at once, a running one may finish."""
        call = self._reading(job, "/cancel", "PUT")
        answer = self._http.send(call)
        content = content_of(answer)
        word = str(content.get("status") or answer.status)
        late = answer.status == 400 and word == "ALREADY_COMPLETED"
        if not (late or 200 <= answer.status < 300):
            raise self._responses.refusal(answer, Phase.POLL, call, content)
        return Status(State.UNKNOWN, word, utcnow(), raw=content)

    def balance(self) -> Balance:
        """Return the credits, in US dollars.

        Raises:
            Unsupported: The key has the scope API; it may buy, and not read the balance.
        """
        call = platform("/v1/account/billing", {"expand": "credits"})
        try:
            content = self._send(call, Phase.BALANCE)
        except PermissionDenied as error:
            if error.code != NO_SCOPE:
                raise
            text = f"{self.account}: the balance is for keys with the scope ADMIN"
            raise Unsupported(
                text, hint=KEYS.console, billed=Billed.NO, **self._http.context
            ) from error
        found = content.get("credits")
        held = amount(found.get("current_balance")) if isinstance(found, Mapping) else None
        if held is None:
            raise self._responses.missing("current_balance", content, Phase.BALANCE)
        return Balance(held, Unit.USD, held, raw=content)

    def usage(self, since: float) -> tuple[Mapping[str, Any], ...]:
        """Return the account's charges since then; the key has to have the scope ADMIN."""
        return self._platform.charges(since)

    def listed_prices(self) -> Mapping[str, ListedPrice]:
        """Return the platform's unit price of each model in the offers."""
        return self._platform.listed(sorted({offer.model for offer in self.offers}))

    def find(self, submission: Submission, since: float) -> Found | NotSeen:
        """Search the request history for this submission."""
        return self._platform.find(submission, since) if self._settings.history else NotSeen()

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        """Verify a webhook delivery and return its event; reads the vendor's keys at most daily."""
        window = self._settings.webhook_window
        return webhook.read(headers, body, self._webhook_keys, window=window, **self._http.context)

    def noticed(self, job: Job, notice: WebhookEvent) -> Status:
        """Return the status that a delivery reports."""
        return webhook.status_of(job, notice.content)

    def unlisted(self, operation: str, model: str) -> Offer | None:
        """Return an offer for an unlisted endpoint: media under the names that most models use.

        Its price is unknown, and a request has to confirm it. A listed model supports only what its
        rows say.
        """
        if not _ENDPOINT.fullmatch(model):
            return None
        return unlisted_offer(
            self.offers,
            operation,
            model,
            path=f"/{model}",
            source=f"https://fal.ai/models/{model}",
        )

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def _send(self, call: Call, phase: Phase) -> Mapping[str, Any]:
        return self._responses.unwrap(self._http.send(call), phase, call)

    def _upload(
        self,
        own: media.Kind,
        slot: MediaField,
        reference: media.File | media.Data | media.Remote,
        facts: probe.Facts,
    ) -> Upload | None:
        """Upload a local file; the kind `own` every time."""
        if isinstance(reference, media.Remote):
            return None
        call = self._storage.call(facts)
        send = partial(self._storage.send, call, reference, facts)
        return Upload(call, send, shared=slot.kind != own)


__all__ = ["Fal", "Settings"]
