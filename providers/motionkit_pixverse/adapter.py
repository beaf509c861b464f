"""PixVerse's platform API: numeric status codes, ``ErrCode`` inside HTTP 200, credits.

Vendor documentation: https://docs.platform.pixverse.ai
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

import attrs

from motionkit.errors import (
    InvalidRequest,
    JobGone,
    JobNotFound,
    MotionKitError,
    ProtocolError,
)
from motionkit.model import media, probe
from motionkit.model.job import Job, Result, State, Status, utcnow
from motionkit.model.money import Balance, Rates, Unit
from motionkit.model.submission import Call, Resend, SameId, Submission
from motionkit.provider import (
    UPLOAD_IDLE,
    UPLOAD_TIMEOUT,
    AccountSettings,
    Fit,
    KeyHelp,
    MediaField,
    Offer,
    Phase,
    Upload,
    Uploads,
    WebhookEvent,
    assemble,
    connect,
    form,
    load_offers,
    multipart,
    not_found,
    whole_number,
)
from motionkit_pixverse import bodies, results, rules, webhook
from motionkit_pixverse._tables import HINTS, KEYS, UNPRICED
from motionkit_pixverse._wire import credits_of, need_number, taken, unwrap
from motionkit_pixverse.lists import Library
from motionkit_pixverse.settings import Settings

log = logging.getLogger("motionkit")

HOSTS: Mapping[str, str] = {
    "international": "https://app-api.pixverse.ai",
    "cn": "https://app-api.pixverseai.cn",
}
"""Region to origin; a key is valid in one region."""

_TRACE = "Ai-trace-id"
_CLOCK_SKEW = 60.0
"""Seconds."""
_VERIFIED = frozenset({"music_video"})
"""Operations whose audio must be verified first."""
_UPLOADS: Mapping[media.Kind, tuple[str, ...]] = {
    "image": ("/openapi/v2/image/upload", "image", "image_url", "img_id", "ImgID"),
    "video": ("/openapi/v2/media/upload", "file", "file_url", "media_id"),
    "audio": ("/openapi/v2/media/upload", "file", "file_url", "media_id"),
}
"""Kind to path, file part, URL part, and the names of the id in the answer."""
_RECORDING = MediaField("audio_media_id", "audio", ("mp3", "wav", "m4a", "aac"))
"""The recording of a custom voice."""
_RECORDINGS = "a file, bytes, a URL or an upload"


class PixVerse:
    """One account at PixVerse.

    Args:
        account: The account's name.
        settings: Its configuration.
        uploads: The core's upload cache, with the account's rate limiter.
    """

    name: ClassVar[str] = "pixverse"
    settings: ClassVar[type[AccountSettings]] = Settings
    offers: ClassVar[Sequence[Offer]] = load_offers(__package__ or "motionkit_pixverse")
    resend: ClassVar[Resend] = SameId(window=120.0, times=2)
    """A repeated trace id creates no new video: https://docs.platform.pixverse.ai/quick-start-796052m0.
    No page says for how long. Ids that are repeated often are said to leave jobs at "generating",
    so there are only two re-sends: 15 s and 115 s after the first send."""
    unpriced: ClassVar[Collection[str]] = UNPRICED.keys()
    key_help: ClassVar[KeyHelp] = KEYS
    acknowledgement: ClassVar[bytes] = webhook.ACKNOWLEDGEMENT

    def __init__(self, account: str, settings: Settings, uploads: Uploads) -> None:
        self.account = account
        self._settings = settings
        self.rates = Rates(credit=settings.usd_per_credit)
        self._uploads = uploads
        hosts = {"api": HOSTS[settings.region]}
        self._http = connect(self, settings, uploads, hosts, {"API-KEY": settings.api_key})
        self.fingerprint = self._http.fingerprint
        library = Library(self._send, self._hold)
        self.lists = library.lists
        self.voices, self.styles = library.voices, library.styles
        self.templates, self.charges = library.templates, library.charges
        self.create_voice, self.delete_voice = library.create_voice, library.delete_voice

    def url(self, call: Call) -> str:
        """Return the full URL of a call."""
        return self._http.url(call)

    def prepare(self, fitted: Fit, *, dry: bool = False) -> Submission:
        """Upload the media and return the paid call."""
        fitted = webhook.calling(fitted, self._settings.webhook_id)
        made = assemble(self, self._uploads, fitted, self._place, dry=dry, shape=bodies.shape)
        return self._verified(made, dry=dry) if made.operation in _VERIFIED else made

    def check(self, fitted: Fit) -> Sequence[str]:
        """Check the rules across fields; see `rules`."""
        return rules.check(fitted)

    def submit(self, submission: Submission, attempt_id: str) -> Job:
        """Send the paid call once; the attempt id is the trace id that PixVerse deduplicates."""
        call, data = submission.call, {}
        answer = self._http.send(call, headers={_TRACE: attempt_id})
        name = results.place_of(submission.operation).id_name
        try:
            content = unwrap(answer, Phase.SUBMIT, self._http.context, call)
            if submission.operation in results.ANSWERED_AT_ONCE:
                job_id, data = f"{submission.operation}-{attempt_id}", {"answer": dict(content)}
            else:
                job_id = str(need_number(content, name, phase=Phase.SUBMIT, **self._http.context))
        except MotionKitError as error:
            if isinstance(error, InvalidRequest):
                hints = (HINTS.get((error.code, field)) for field in call.json or ())
                error.fill(hint=next(filter(None, hints), None))
            found = taken(answer, name, call)
            if found is None or submission.operation in results.ANSWERED_AT_ONCE:
                raise
            log.warning("%s: the answer names job %s nevertheless", error.message, found)
            job_id, content = str(found), {}
        return submission.job(
            job_id,
            fingerprint=self.fingerprint,
            attempt_id=attempt_id,
            cost=results.cost_of(content, self.rates),
            data=data,
        )

    def poll(self, job: Job) -> Status:
        """Poll a job; the status of a finished one includes its result."""
        if job.operation in results.ANSWERED_AT_ONCE:
            return results.answered(job, self.rates)
        path = f"{results.place_of(job.operation).path}/{job.id}"
        try:
            content = self._send(Call("GET", path), Phase.POLL)
        except JobNotFound as error:
            return not_found(error.code or "not found", error.message)
        except JobGone as error:
            return Status(State.GONE, error.code or "gone", utcnow(), raw=error.raw)
        return results.status_of(job, content, self.rates)

    def result(self, job: Job) -> Result:
        """Return the result of a finished job; PixVerse sends it with the status."""
        return self.poll(job).need_result(job)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        """Verify a webhook delivery and return its event."""
        key, window = self._settings.webhook_secret, self._settings.webhook_window
        return webhook.read(headers, body, key, window=window, **self._http.context)

    def noticed(self, job: Job, notice: WebhookEvent) -> Status:
        """Return the status that `poll` would have returned."""
        return results.status_of(job, notice.content, self.rates)

    def balance(self) -> Balance:
        """Return the monthly and package pools and their sum."""
        content = self._send(Call("GET", "/openapi/v2/account/balance"), Phase.BALANCE)
        pools = {name: self._pool(content, f"credit_{name}") for name in ("monthly", "package")}
        total = sum(pools.values(), Decimal(0))
        return Balance(total, Unit.CREDIT, results.dollars(total, self.rates), pools, raw=content)

    def usage(self, since: float) -> tuple[Mapping[str, Any], ...]:
        """Return the account's charges since then, as the vendor's rows."""
        return tuple(charge.raw for charge in self.charges(since=since - _CLOCK_SKEW))

    def refunded(self, job: Job) -> Decimal | None:
        """Return the credits that the usage statement lists as refunded for a job.

        The statement's rows are not documented; only rows that name the job count.
        https://docs.platform.pixverse.ai/usage-deduction-query-41209884e0
        """
        name = results.place_of(job.operation).id_name
        today = utcnow().replace(hour=0, minute=0, second=0, microsecond=0)
        since = min(today, job.submitted_at) - dt.timedelta(days=1)  # whole days, for any clock
        rows = self.charges(
            since=since.replace(hour=0, minute=0, second=0).timestamp(),
            until=(today + dt.timedelta(days=2)).timestamp(),
            status="refund",
        )
        amounts = [credits_of(row.credits) for row in rows if str(row.raw.get(name)) == job.id]
        known = [amount for amount in amounts if amount is not None]
        return sum(known, Decimal(0)) if known else None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _send(
        self, call: Call, phase: Phase, *, trace_id: str | None = None, **options: Any
    ) -> Mapping[str, Any]:
        headers = {_TRACE: trace_id or str(uuid.uuid4())}
        answer = self._http.send(call, headers=headers | options.pop("headers", {}), **options)
        return unwrap(answer, phase, self._http.context, call)

    def _pool(self, content: Mapping[str, Any], name: str) -> Decimal:
        """Return the credits in a pool; every answer has both."""
        amount = credits_of(content.get(name))
        if amount is None:
            raise ProtocolError(
                f"{self.account}: the answer has no usable {name}",
                raw=dict(content),
                **self._http.context,
            )
        return amount

    def _hold(self, recording: media.Ref) -> int:
        """Upload a recording outside of any request and return its id."""
        if isinstance(recording, media.Uploaded):
            return whole_number("audio", recording.id)
        if not isinstance(recording, media.File | media.Data | media.Remote):
            raise InvalidRequest(
                f"audio: {recording.label} is not a recording; it takes {_RECORDINGS}",
                field="audio",
                value=recording.label,
                limit=_RECORDINGS,
            )
        facts = probe.inspect(recording, "audio")
        send = self._upload(_RECORDING, recording, facts).send
        return int(self._uploads.put(self.fingerprint, _RECORDING.kind, facts.sha256, send))

    def _place(
        self,
        slot: MediaField,
        reference: media.File | media.Data | media.Remote,
        facts: probe.Facts,
    ) -> Upload | None:
        passed = slot.urls and isinstance(reference, media.Remote)
        return None if passed else self._upload(slot, reference, facts)

    def _upload(
        self,
        slot: MediaField,
        reference: media.File | media.Data | media.Remote,
        facts: probe.Facts,
    ) -> Upload:
        path, file_part, url_part, id_name, *aliases = _UPLOADS[slot.kind]
        remote = isinstance(reference, media.Remote)
        shown = facts.label if remote else facts.shown
        call = Call("POST", path, files={url_part if remote else file_part: shown})

        def send() -> str:
            body, kind = (
                form({url_part: reference.url})
                if isinstance(reference, media.Remote)
                else multipart(file_part, reference, facts)
            )
            content = self._send(
                call,
                Phase.UPLOAD,
                body=body,
                headers={"Content-Type": kind},
                timeout=UPLOAD_TIMEOUT if remote else self._uploads.timeout,
                idle=None if remote else UPLOAD_IDLE,
            )
            if slot.urls:
                return results.need_url(content, **self._http.context)
            names = (id_name, *aliases)
            return str(need_number(content, *names, phase=Phase.UPLOAD, **self._http.context))

        return Upload(call, send, shared=not slot.urls)  # the cache holds ids

    def _verified(self, submission: Submission, *, dry: bool) -> Submission:
        """Verify a song first; the vendor refuses an unverified one (701020). It is free."""
        body = {"audio_media_id": submission.call.json["audio_media_id"]}
        call = Call("POST", "/openapi/v2/audio/verification", json=body)

        def send() -> str:
            self._send(call, Phase.UPLOAD)
            return "verified"

        if not dry:
            self._uploads.put(self.fingerprint, "verification", None, send)
        return attrs.evolve(submission, calls=(*submission.calls[:-1], call, submission.call))
