"""Segmind's v2 API: failures under HTTP 422, no idempotency key, results kept for one hour.

Vendor documentation: https://docs.segmind.com/docs/serverless-api/async-inference
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

import attrs

from motionkit.errors import JobNotFound
from motionkit.model import media, probe
from motionkit.model.job import Job, Result, State, Status, utcnow
from motionkit.model.money import Balance, Rates, Unit
from motionkit.model.submission import Call, Found, Never, NotSeen, Resend, Submission
from motionkit.provider import (
    UPLOAD_IDLE,
    AccountSettings,
    Fit,
    KeyHelp,
    MediaField,
    Offer,
    Phase,
    Response,
    Stream,
    Upload,
    Uploads,
    accepted_at,
    age_of,
    assemble,
    connect,
    content_type,
    load_offers,
    not_found,
    observed,
    succeeded,
    unlisted_offer,
)
from motionkit_segmind._tables import KEYS, STATES, UNPRICED
from motionkit_segmind._wire import cost_of, error_text, files_of, moderated, responses
from motionkit_segmind.history import History
from motionkit_segmind.settings import Settings
from motionkit_segmind.sync import V1, V2, Blocking, is_spooled, is_sync, observe, was_sync

HOSTS: Mapping[str, str] = {
    "api": "https://api.segmind.com",
    "upload": "https://workflows-api.segmind.com",
    "history": "https://api.spotprod.segmind.com",
}
"""The host that serves each kind of call."""
_SLUG = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", re.ASCII)
"""Valid model names: a name becomes a path segment."""
_NO_MODELS = frozenset({"requests", "get-user-credits"})
"""Path segments that look like a model but are other endpoints."""
_STORED: Mapping[media.Kind, tuple[str, ...]] = {
    "image": ("jpeg", "png", "webp", "gif"),
    "video": ("mp4", "mov", "webm"),
    "audio": ("mp3",),
}
"""Formats that the storage accepts: https://docs.segmind.com/api-reference/segmind-storage"""
_SPEAKS = frozenset({State.FAILED, State.BLOCKED, State.UNKNOWN})
"""States in which the vendor's text says what happened."""


class Segmind:
    """One account at Segmind.

    Args:
        account: The account's name.
        settings: Its configuration.
        uploads: The core's upload cache, and the account's rate limiter.
    """

    name: ClassVar[str] = "segmind"
    settings: ClassVar[type[AccountSettings]] = Settings
    offers: ClassVar[Sequence[Offer]] = load_offers(__package__ or "motionkit_segmind")
    resend: ClassVar[Resend] = Never()
    unpriced: ClassVar[Collection[str]] = UNPRICED.keys()
    key_help: ClassVar[KeyHelp] = KEYS
    retention: ClassVar[dt.timedelta] = dt.timedelta(hours=1)
    """Counted from the submit: https://docs.segmind.com/docs/serverless-api/async-inference"""
    keeps_files: ClassVar[dt.timedelta] = dt.timedelta(days=7)
    poll_calls: ClassVar[int] = 2

    def __init__(self, account: str, settings: Settings, uploads: Uploads) -> None:
        self.account = account
        self.rates = Rates()
        self._uploads = uploads
        self._asks_history = settings.history
        self._mode = settings.mode
        self._http = connect(self, settings, uploads, HOSTS, {"x-api-key": settings.api_key})
        self.fingerprint = self._http.fingerprint
        self._missed: dict[str, float] = {}
        self._history = History(self._send, self.fingerprint)
        self._responses = responses(self._http.context)
        self._blocking = Blocking(
            self._http, self._responses, self.fingerprint, settings.sync_timeout
        )

    def url(self, call: Call) -> str:
        """Return a call's full URL."""
        return self._http.url(call)

    def prepare(self, fitted: Fit, *, dry: bool = False) -> Submission:
        """Upload the media that have no URL yet, and return the paid call."""
        if self._mode == "sync":
            path = fitted.offer.path.replace(V2, V1, 1)
            fitted = attrs.evolve(fitted, offer=attrs.evolve(fitted.offer, path=path))
        made = assemble(self, self._uploads, fitted, self._upload, dry=dry)
        return attrs.evolve(made, timeout=self._blocking.timeout) if is_sync(made) else made

    def submit(self, submission: Submission, attempt_id: str) -> Job:
        """Send the paid call once; Segmind has no attempt ids."""
        if is_sync(submission):
            return self._blocking.buy(submission, attempt_id)
        answer = self._http.send(submission.call)
        request_id, _ = self._responses.submitted(answer, submission.call)
        return submission.job(
            request_id,
            fingerprint=self.fingerprint,
            attempt_id=attempt_id,
            data=accepted_at(answer),
        )

    def poll(self, job: Job) -> Status:
        """Poll a job; the status of a finished job carries its result."""
        if is_spooled(job):
            return observe(job)
        call = _reading(job, "/status")
        answer = self._http.send(call)
        try:
            content = self._responses.unwrap(answer, Phase.POLL, call)
            if content.get("status") == "COMPLETED":  # the result decides
                call = _reading(job)
                answer = self._http.send(call)
                content = self._responses.unwrap(answer, Phase.RESULT, call)
        except JobNotFound as error:
            return self._forgotten(job, error, answer)
        self._missed.pop(job.id, None)
        return self._status(job, content)

    def result(self, job: Job) -> Result:
        """Return a finished job's result."""
        return self.poll(job).need_result(job)

    def balance(self) -> Balance:
        """Return paid and free credits, both US dollars, and their sum."""
        content = self._send(Call("GET", "/v1/get-user-credits"), Phase.BALANCE)
        found = {name: cost_of(content, name) for name in ("credits", "free-credits")}
        pools = {name: cost.amount for name, cost in found.items() if cost is not None}
        if "credits" not in pools:
            raise self._responses.missing("credits", content, Phase.BALANCE)
        total = sum(pools.values(), Decimal(0))
        return Balance(total, Unit.USD, total, pools, raw=content)

    def find(self, submission: Submission, since: float) -> Found | NotSeen:
        """Search the request history for this submission."""
        return self._history.find(submission, since) if self._asks_history else NotSeen()

    def check(self, fitted: Fit) -> Sequence[str]:
        """Warn of values that the model's page does not list."""
        offer, values = fitted.offer, fitted.values
        return [
            f"{name}={values[name]!r}: {offer.model}'s page does not list this value"
            for name in ("quality", "duration")
            if name not in {*offer.allowed, *offer.ranges}
            and values.get(name) not in {None, offer.defaults.get(name)}
        ]

    def unlisted(self, operation: str, model: str) -> Offer | None:
        """Return an offer for an unlisted model: media under the names that most models use.

        Its price is unknown, and a request has to confirm it. A listed model supports only what its
        rows say.
        """
        if model in _NO_MODELS or not _SLUG.fullmatch(model):
            return None
        return unlisted_offer(
            self.offers,
            operation,
            model,
            path=f"{V2}{model}",
            source=f"https://www.segmind.com/models/{model}/api",
            formats=_STORED,
        )

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def _send(self, call: Call, phase: Phase, **options: Any) -> Mapping[str, Any]:
        return self._responses.unwrap(self._http.send(call, **options), phase, call)

    def _upload(
        self,
        slot: MediaField,
        reference: media.File | media.Data | media.Remote,
        facts: probe.Facts,
    ) -> Upload | None:
        """Upload a local file; pictures every time, so that the address identifies one job."""
        if isinstance(reference, media.Remote):
            return None
        shown = f"data URL of {facts.shown}"
        call = Call("POST", "/upload-asset", origin="upload", files={"data_urls": shown})

        def send() -> str:
            content = self._send(
                call,
                Phase.UPLOAD,
                body=_data_urls(reference, facts),
                headers={"Content-Type": "application/json"},
                timeout=self._uploads.timeout,
                idle=UPLOAD_IDLE,
            )
            urls = content.get("file_urls") or content.get("urls")  # pages and SDK disagree
            if not isinstance(urls, list) or not urls or not isinstance(urls[0], str):
                raise self._responses.missing("file_urls", content, Phase.UPLOAD)
            return urls[0]

        return Upload(call, send, shared=slot.kind != "image")

    def _status(self, job: Job, content: Mapping[str, Any]) -> Status:
        seen, message = observed(content.get("status"), STATES, content), error_text(content)
        if seen.state is State.SUCCEEDED:
            metrics = content.get("metrics")
            cost = cost_of(metrics) if isinstance(metrics, Mapping) else None
            seen = succeeded(job, files_of(content), seen.word, content, cost)
        elif seen.state is State.FAILED and moderated(message):
            seen = attrs.evolve(seen, state=State.BLOCKED)
        return attrs.evolve(seen, message=message if seen.state in _SPEAKS else None)

    def _forgotten(self, job: Job, error: JobNotFound, answer: Response) -> Status:
        """Return the status of a job that a poll did not find.

        This machine's clock decides only whether to search the history. A job is GONE if the
        history does not have it either and its retention is over on the vendor's clock. If the
        vendor sent no time, retention counts from the first poll that did not find the job.
        """
        now = utcnow()
        word = error.code or "404"
        missing = time.monotonic() - self._missed.setdefault(job.id, time.monotonic())
        age = age_of(job, answer)
        over = (dt.timedelta(seconds=missing) if age is None else age) >= self.retention
        old = over or now - job.submitted_at >= self.retention
        asks = self._asks_history and (old or was_sync(job))
        found = self._history.look_up(job) if asks else None
        if found is not None:
            return found
        if asks and over:
            return Status(State.GONE, word, now, message=error.message)
        return not_found(word, error.message)


def _data_urls(content: media.File | media.Data, facts: probe.Facts) -> Stream:
    """Return a streamed ``{"data_urls": ["data:...;base64,..."]}`` body with one file.

    https://docs.segmind.com/api-reference/segmind-storage accepts files as data URLs only.
    """
    before = f'{{"data_urls": ["data:{content_type(facts)};base64,'.encode()
    return Stream(before, content, b'"]}', facts, encoded=True)


def _reading(job: Job, suffix: str = "") -> Call:
    """Return the call that reads a job; its URL is built from the id, never from a response."""
    return Call("GET", f"/v2/requests/{job.id}{suffix}")


__all__ = ["Segmind", "Settings"]
