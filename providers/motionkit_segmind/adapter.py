"""Segmind's v2 API: words, failure under HTTP 422, dollars, no idempotency key, an hour's memory.

Vendor documentation: https://docs.segmind.com/docs/serverless-api/async-inference
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

import attrs

from motionkit import media, transfer
from motionkit.assembly import Upload, assemble
from motionkit.errors import Billed, JobNotFound, ProtocolError
from motionkit.http import Session
from motionkit.model import (
    Call,
    Doubt,
    Found,
    Job,
    Never,
    NotSeen,
    Resend,
    Result,
    State,
    Status,
    Submission,
    utcnow,
)
from motionkit.money import Balance, Rates, Unit
from motionkit.offers import Offer, Slot, load_offers
from motionkit.operations import Request
from motionkit.provider import AccountSettings, Phase, Uploads, billed_after
from motionkit_segmind._tables import HISTORY_STATES, MODERATION_WORDS, STATES
from motionkit_segmind._wire import cost_of, error_text, outputs_of, unwrap

HOSTS: Mapping[str, str] = {
    "api": "https://api.segmind.com",
    "upload": "https://workflows-api.segmind.com",
    "history": "https://api.spotprod.segmind.com",
}
"""What is asked for to the host that answers it."""

RETENTION = dt.timedelta(hours=1)
"""Results are kept for an hour from the submit; then only the history knows them."""
_HISTORY = "/inference-request/request-history"
_HISTORY_PAGES = 5
_ID = re.compile(r"(?!\.+$)[\w.:=+-]{1,200}", re.ASCII)
"""What can be a request's id: it becomes a step of a path."""
_CLOCK_SKEW = dt.timedelta(seconds=30)
_STRANGE = (State.UNKNOWN, Billed.UNKNOWN)


@attrs.frozen(kw_only=True)
class Settings(AccountSettings):
    """What ``[accounts.NAME]`` may hold for Segmind.

    Attributes:
        upload_url: Origin of uploads, over `base_url`.
        history_url: Origin of the request history, over `base_url`.
        history: Whether the request history may be asked.
    """

    upload_url: str | None = None
    history_url: str | None = None
    history: bool = True


class Segmind:
    """One account at Segmind.

    Args:
        account: The account's name.
        settings: Its configuration.
        uploads: The core's care for uploads.
    """

    name: ClassVar[str] = "segmind"
    settings: ClassVar[type[AccountSettings]] = Settings
    offers: ClassVar[Sequence[Offer]] = load_offers(__package__ or "motionkit_segmind")
    resend: ClassVar[Resend] = Never()

    def __init__(self, account: str, settings: Settings, uploads: Uploads) -> None:
        self.account = account
        self.rates = Rates()
        self._uploads = uploads
        self._history = settings.history
        self._context: dict[str, Any] = {"provider": self.name, "account": account}
        base = settings.base_url
        self._http = Session(
            provider=self.name,
            account=account,
            origins={
                "api": base or HOSTS["api"],
                "upload": settings.upload_url or base or HOSTS["upload"],
                "history": settings.history_url or base or HOSTS["history"],
            },
            auth={"x-api-key": settings.api_key},
        )

    @property
    def fingerprint(self) -> str:
        """Identify key and origin without holding either."""
        return self._http.fingerprint

    def url(self, call: Call) -> str:
        """Return a call's whole URL."""
        return self._http.url(call)

    def prepare(self, request: Request, offer: Offer, *, dry: bool = False) -> Submission:
        """Validate, upload what is not an address yet, and return the paid call."""
        return assemble(self, self._uploads, request, offer, self._upload, dry=dry)

    def submit(self, submission: Submission, attempt_id: str) -> Job:
        """Send the paid call once; the vendor knows no attempt ids."""
        content = self._send(submission.call, Phase.SUBMIT)
        request_id = content.get("request_id")
        if not isinstance(request_id, str) or not _ID.fullmatch(request_id):
            raise ProtocolError(
                f"{self.account}: the answer has no request_id",
                billed=billed_after(Phase.SUBMIT, refused=False),
                raw=dict(content),
                **self._context,
            )
        return submission.job(request_id, fingerprint=self.fingerprint, attempt_id=attempt_id)

    def poll(self, job: Job) -> Status:
        """Observe a job; a finished one's status carries its result."""
        try:
            content = self._send(_reading(job, "/status"), Phase.POLL, stated=True)
            if content.get("status") == "COMPLETED":  # the result has the last word
                content = self._send(_reading(job), Phase.RESULT, stated=True)
        except JobNotFound as error:
            return self._forgotten(job, error)
        return self._status(job, content)

    def result(self, job: Job) -> Result:
        """Return what a finished job gave."""
        return self.poll(job).need_result(job)

    def balance(self) -> Balance:
        """Return paid and free credits, both US dollars, and their sum."""
        content = self._send(Call("GET", "/v1/get-user-credits"), Phase.BALANCE)
        found = {name: cost_of(content, name) for name in ("credits", "free-credits")}
        pools = {name: cost.amount for name, cost in found.items() if cost is not None}
        if "credits" not in pools:
            raise ProtocolError(
                f"{self.account}: the answer has no credits", raw=dict(content), **self._context
            )
        total = sum(pools.values(), Decimal(0))
        return Balance(total, Unit.USD, total, pools, raw=content)

    def find(self, submission: Submission, since: float) -> Found | NotSeen:
        """Look in the request history for what only this submission contains.

        Media given as addresses are nobody's alone: jobs that look alike are candidates then.
        """
        start = dt.datetime.fromtimestamp(since, dt.UTC) - _CLOCK_SKEW
        jobs = {
            job.id: job
            for row in self._rows(submission.model, start)
            if (job := self._same(row, submission)) is not None
        }
        found = tuple(jobs.values())
        alone = len(found) == 1 and submission.token is not None
        return Found(found[0]) if alone else NotSeen(found)

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def _send(
        self, call: Call, phase: Phase, *, stated: bool = False, **options: Any
    ) -> Mapping[str, Any]:
        return unwrap(self._http.send(call, **options), phase, self._context, stated=stated)

    def _upload(
        self,
        slot: Slot,
        reference: media.File | media.Data | media.Remote,
        facts: media.Facts,
    ) -> Upload | None:
        """Upload a local file; the picture afresh each time, so that its address is ours alone."""
        if isinstance(reference, media.Remote):
            return None
        shown = f"data URL of {facts.label} ({facts.size} bytes)"
        call = Call("POST", "/upload-asset", origin="upload", files={"data_urls": shown})

        def send() -> str:
            content = self._send(
                call,
                Phase.UPLOAD,
                body=transfer.data_urls(reference, facts),
                headers={"Content-Type": "application/json"},
                timeout=transfer.UPLOAD_TIMEOUT,
            )
            urls = content.get("file_urls") or content.get("urls")  # pages and SDK disagree
            if not isinstance(urls, list) or not urls or not isinstance(urls[0], str):
                raise ProtocolError(
                    f"{self.account}: the upload's answer has no address", **self._context
                )
            return urls[0]

        return Upload(call, send, shared=slot.kind != "image")

    def _status(self, job: Job, content: Mapping[str, Any]) -> Status:
        now = utcnow()
        word = content.get("status")
        state, billed = STATES.get(word, _STRANGE) if isinstance(word, str) else _STRANGE
        message = error_text(content) if state is State.FAILED else None
        doubt = Doubt.STRANGE_WORD if state is State.UNKNOWN else None
        result = None
        if state is State.FAILED and _moderated(message):
            state = State.BLOCKED
        elif state is State.SUCCEEDED:
            outputs = outputs_of(content)
            if outputs:
                metrics = content.get("metrics")
                cost = cost_of(metrics) if isinstance(metrics, Mapping) else None
                seconds = (now - job.submitted_at).total_seconds()
                result = Result(job, outputs, cost, seconds, raw=content)
            else:
                state, doubt = State.UNKNOWN, Doubt.NO_OUTPUT
        return Status(
            state,
            str(word),
            now,
            doubt=doubt,
            billed=billed,
            message=message,
            result=result,
            raw=content,
        )

    def _forgotten(self, job: Job, error: JobNotFound) -> Status:
        """Tell a job that is not visible from one that the vendor keeps in its history only."""
        now = utcnow()
        word = error.code or "404"
        unseen = Status(State.UNKNOWN, word, now, doubt=Doubt.NOT_FOUND, message=error.message)
        if now - job.submitted_at < RETENTION:
            return unseen
        gone = Status(State.GONE, word, now, message=error.message)
        if not self._history:
            return gone
        call = Call("GET", f"{_HISTORY}/{job.id}", origin="history")
        try:
            row = self._send(call, Phase.POLL)
        except JobNotFound:
            return gone
        return self._from_history(job, row, now)

    def _from_history(self, job: Job, row: Mapping[str, Any], now: dt.datetime) -> Status:
        row = row.get("data") if isinstance(row.get("data"), Mapping) else row  # type: ignore[assignment]
        word = str(row.get("model_status"))
        state = HISTORY_STATES.get(word, State.UNKNOWN)
        outputs = outputs_of({"output": row.get("generation_url")})
        if state is State.SUCCEEDED and outputs:
            cost = cost_of(row, "credits_deduction")
            result = Result(job, outputs, cost, raw=row)
            return Status(state, word, now, billed=Billed.YES, result=result, raw=row)
        if state is State.SUCCEEDED:
            return Status(State.UNKNOWN, word, now, doubt=Doubt.NO_OUTPUT, raw=row)
        if state is State.FAILED:
            message = error_text(row)
            state = State.BLOCKED if _moderated(message) else state
            return Status(state, word, now, billed=Billed.NO, message=message, raw=row)
        doubt = Doubt.STRANGE_WORD if state is State.UNKNOWN else None
        return Status(state, word, now, doubt=doubt, raw=row)

    def _rows(self, model: str, start: dt.datetime) -> list[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = []
        query = {
            "per_page": "100",
            "from_date": start.date().isoformat(),
            "to_date": (utcnow().date() + dt.timedelta(days=1)).isoformat(),
            "model_name": model,
            "sort_by": "model_created",
            "sort_order": "desc",
        }
        for page in range(1, _HISTORY_PAGES + 1):
            call = Call("GET", _HISTORY, origin="history", query=query | {"page": str(page)})
            content = self._send(call, Phase.FIND)
            found = next(
                (
                    v
                    for v in (content.get(n) for n in ("data", "requests", "items", "results"))
                    if isinstance(v, list)
                ),
                [],
            )
            rows += [row for row in found if isinstance(row, Mapping)]
            if len(found) < 100:
                break
        return rows

    def _same(self, row: Mapping[str, Any], submission: Submission) -> Job | None:
        """Return a row's job if the row is of this submission."""
        sent = row.get("request_body")
        request_id = row.get("request_id")
        if not isinstance(sent, Mapping) or not isinstance(request_id, str):
            return None
        if not _ID.fullmatch(request_id):
            return None
        body = submission.call.json
        if any(sent.get(name) != value for name, value in body.items()):
            return None
        return submission.job(request_id, fingerprint=self.fingerprint, attempt_id="")


def _reading(job: Job, suffix: str = "") -> Call:
    """Return the call that reads a job; its URL is made from the id, never taken from an answer."""
    return Call("GET", f"/v2/requests/{job.id}{suffix}")


def _moderated(message: str | None) -> bool:
    folded = (message or "").casefold()
    return any(word in folded for word in MODERATION_WORDS)


__all__ = ["Segmind", "Settings"]
