"""Replicate's predictions API: six words, no idempotency key, a list with inputs for an hour.

Vendor documentation: https://replicate.com/docs/topics/predictions
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import attrs

from motionkit.errors import Billed, InvalidRequest, Unsupported
from motionkit.model import containers, media, probe
from motionkit.model.job import Job, Result, State, Status
from motionkit.model.money import Balance, Rates
from motionkit.model.submission import Call, Found, Never, NotSeen, Resend, Submission
from motionkit.provider import (
    UPLOAD_IDLE,
    AccountSettings,
    CancelTerms,
    Fit,
    KeyHelp,
    MediaField,
    Offer,
    Phase,
    Session,
    Stream,
    Upload,
    Uploads,
    WebhookEvent,
    accepted_at,
    assemble,
    load_offers,
    multipart,
    not_found,
    unlisted_offer,
)
from motionkit_replicate import webhook
from motionkit_replicate._tables import (
    CREDIT,
    KEYS,
    LONGEST_RUN,
    RUN_PRICES,
    UNPRICED,
    VALUES,
    VERSIONS,
)
from motionkit_replicate._wire import name_field, responses, status_of
from motionkit_replicate.history import PREDICTIONS, History
from motionkit_replicate.settings import Settings

HOSTS: Mapping[str, str] = {"api": "https://api.replicate.com"}
"""The only host that the key goes to."""
_VERSION = re.compile(r"([\w.-]+/[\w.-]+:)?[0-9a-f]{64}", re.ASCII)
_MODEL = re.compile(r"(deployments/)?[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


class Replicate:
    """One account at Replicate.

    Args:
        account: The account's name.
        settings: Its configuration.
        uploads: The core's limits of uploads, and the account's rate limiter.
    """

    name: ClassVar[str] = "replicate"
    settings: ClassVar[type[AccountSettings]] = Settings
    offers: ClassVar[Sequence[Offer]] = load_offers(__package__ or "motionkit_replicate")
    resend: ClassVar[Resend] = Never()
    unpriced: ClassVar[Collection[str]] = UNPRICED.keys()
    key_help: ClassVar[KeyHelp] = KEYS
    acknowledgement: ClassVar[bytes] = webhook.ACKNOWLEDGEMENT
    retention: ClassVar[dt.timedelta] = dt.timedelta(hours=1)
    """https://replicate.com/docs/topics/predictions/data-retention"""
    keeps_files: ClassVar[dt.timedelta] = dt.timedelta(hours=1)
    """The same page; it does not say whether the hour begins with the job or with its end."""
    cancel_terms: ClassVar[CancelTerms] = CancelTerms(
        {State.RUNNING: Billed.YES},
        "https://replicate.com/changelog",
        "a job that runs is charged when it is cancelled",
    )

    def __init__(self, account: str, settings: Settings, uploads: Uploads) -> None:
        self.account = account
        self.rates = Rates()
        self._uploads = uploads
        self._settings = settings
        self._context: dict[str, Any] = {"provider": self.name, "account": account}
        base = settings.base_url or HOSTS["api"]
        self._http = Session(
            provider=self.name,
            account=account,
            # the vendor's own clients disagree on whether their base URL has the version
            origins={"api": base.rstrip("/").removesuffix("/v1")},
            auth={"Authorization": settings.api_key.prefixed("Bearer ")},
            limiter=uploads.limiter,
        )
        self.fingerprint = self._http.fingerprint
        self._responses = responses(self._context)
        self._history = History(self._send, self.fingerprint)
        self._webhook_keys = webhook.published(settings.webhook_secret, self._send)

    def url(self, call: Call) -> str:
        """Return a call's full URL."""
        return self._http.url(call)

    def prepare(self, fitted: Fit, *, dry: bool = False) -> Submission:
        """Upload the media that have no URL yet, and return the paid call.

        The addresses of the uploads identify this submission in the list of predictions.
        """
        fitted = self._with_data_urls(fitted, dry=dry)
        made = assemble(self, self._uploads, fitted, self._upload, dry=dry, shape=_worded)
        body: dict[str, Any] = {"input": made.call.json}
        model = made.model
        if made.call.path == PREDICTIONS:
            body["version"] = VERSIONS.get(model, model)
        if self._settings.webhook is not None:
            body["webhook"] = self._settings.webhook
            body["webhook_events_filter"] = ["completed"]
        call = attrs.evolve(made.call, json=body, headers=self._headers(model))
        return attrs.evolve(made, call=call, calls=(*made.calls[:-1], call))

    def _headers(self, model: str) -> dict[str, str]:
        """Return the deadline of a job, if any; a price by the time of a run needs one."""
        wanted = self._settings.cancel_after
        if model in RUN_PRICES:
            wanted = min(wanted or LONGEST_RUN, LONGEST_RUN)
        return {} if wanted is None else {"Cancel-After": f"{wanted:.0f}s"}

    def submit(self, submission: Submission, attempt_id: str) -> Job:
        """Send the paid call once, without waiting for the job; there are no attempt ids."""
        call = submission.call
        answer = self._http.send(call)
        try:
            job_id, _ = self._responses.submitted(answer, call)
        except InvalidRequest as error:
            name_field(error, submission, self._offer(submission.operation, submission.model))
            raise
        return submission.job(
            job_id,
            fingerprint=self.fingerprint,
            attempt_id=attempt_id,
            data=accepted_at(answer),
        )

    def poll(self, job: Job) -> Status:
        """Poll a job; the response of a finished job holds its result."""
        call = Call("GET", f"{PREDICTIONS}/{job.id}")
        answer = self._http.send(call)
        if answer.status == 404:
            message = self._responses.refusal(answer, Phase.POLL, call, {}).message
            return not_found("404", message)
        return self._status(job, self._responses.unwrap(answer, Phase.POLL, call))

    def result(self, job: Job) -> Result:
        """Return a finished job's result."""
        return self.poll(job).need_result(job)

    def cancel(self, job: Job) -> Status:
        """Ask once to cancel a job; the response is the job as it is then."""
        call = Call("POST", f"{PREDICTIONS}/{job.id}/cancel")
        return self._status(job, self._send(call, Phase.POLL))

    def balance(self) -> Balance:
        """Check the key by a free call; the API shows no balance.

        Raises:
            Unsupported: The key is right.
        """
        self._send(Call("GET", "/v1/account"), Phase.BALANCE)
        text = f"{self.account}: the API shows no balance"
        raise Unsupported(text, hint=f"see {CREDIT}", billed=Billed.NO, **self._context)

    def find(self, submission: Submission, since: float) -> Found | NotSeen:
        """Search the list of predictions for this submission."""
        return self._history.find(submission, since) if self._settings.history else NotSeen()

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        """Verify a webhook and return its event; reads the account's secret if it is not set."""
        window = self._settings.webhook_window
        return webhook.read(headers, body, self._webhook_keys, window=window, **self._context)

    def noticed(self, job: Job, notice: WebhookEvent) -> Status:
        """Return the status that a webhook reports."""
        return self._status(job, notice.content)

    def unlisted(self, operation: str, model: str) -> Offer | None:
        """Return an offer for an unlisted model: media under the names that most models use.

        ``OWNER/NAME`` is an official model, ``OWNER/NAME:VERSION`` a version of any, and
        ``deployments/OWNER/NAME`` a deployment. The price is unknown, and a request has to confirm
        it.
        """
        if _VERSION.fullmatch(model):
            path = PREDICTIONS
        elif _MODEL.fullmatch(model):
            kind = "" if model.startswith("deployments/") else "models/"
            path = f"/v1/{kind}{model}/predictions"
        else:
            return None
        offer = unlisted_offer(
            self.offers,
            operation,
            model,
            path=path,
            source=f"https://replicate.com/{model.partition(':')[0]}",
        )
        if offer is None:
            return None
        named = {name: attrs.evolve(slot, field=slot.kind) for name, slot in offer.media.items()}
        return attrs.evolve(offer, media=named)

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def _send(self, call: Call, phase: Phase) -> Mapping[str, Any]:
        return self._responses.unwrap(self._http.send(call), phase, call)

    def _offer(self, operation: str, model: str) -> Offer | None:
        rows = (one for one in self.offers if one.operation == operation and one.model == model)
        return next(rows, None)

    def _status(self, job: Job, content: Mapping[str, Any]) -> Status:
        return status_of(job, content, self._offer(job.operation, job.model))

    def _with_data_urls(self, fitted: Fit, *, dry: bool) -> Fit:
        """Return a fitted request whose small files are data URLs, if the settings say so."""
        most, references = self._settings.data_urls, dict(fitted.references)
        for name, (slot, reference) in fitted.references.items():
            facts = fitted.facts[name]
            if not isinstance(reference, media.File | media.Data):
                continue
            if not most or facts.size is None or facts.size > most:
                continue
            kind = containers.CONTENT_TYPES.get(facts.container or "", "application/octet-stream")
            before = f"data:{kind};base64,".encode()
            body = b"..." if dry else Stream(b"", reference, b"", facts, encoded=True).read()
            references[name] = slot, media.Remote((before + body).decode())
        return attrs.evolve(fitted, references=references)

    def _upload(
        self,
        _: MediaField,
        reference: media.File | media.Data | media.Remote,
        facts: probe.Facts,
    ) -> Upload | None:
        """Upload a local file for this submission only: the vendor keeps it for an hour."""
        if isinstance(reference, media.Remote):
            return None
        call = Call("POST", "/v1/files", files={"content": facts.shown})
        return Upload(call, partial(self._send_file, call, reference, facts), shared=False)

    def _send_file(self, call: Call, content: media.File | media.Data, facts: probe.Facts) -> str:
        """Upload a file once and return its address."""
        body, kind = multipart("content", content, facts)
        answer = self._http.send(
            attrs.evolve(call, files={}),
            body=body,
            headers={"Content-Type": kind},
            timeout=self._uploads.timeout,
            idle=UPLOAD_IDLE,
        )
        reply = self._responses.unwrap(answer, Phase.UPLOAD, call)
        urls = reply.get("urls")
        address = urls.get("get") if isinstance(urls, Mapping) else None
        if not isinstance(address, str) or not address.startswith(("https://", "http://")):
            raise self._responses.missing("urls.get", reply, Phase.UPLOAD)
        return address


def _worded(fitted: Fit, body: dict[str, Any]) -> dict[str, Any]:
    """Return a body with the vendor's words for neutral values."""
    words = VALUES.get(fitted.offer.model, {})
    return {
        name: words[name].get(value, value) if name in words else value
        for name, value in body.items()
    }


__all__ = ["Replicate", "Settings"]
