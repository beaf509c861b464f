"""Toy Theatre's API, translated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

import attrs

from motionkit.errors import JobNotFound, MotionKitError, ProtocolError
from motionkit.model.job import Job, Output, Result, State, Status, UnknownReason, utcnow
from motionkit.model.media import Data, File, Remote
from motionkit.model.money import Balance, Cost, CostBasis, Rates, Unit
from motionkit.model.probe import Facts
from motionkit.model.submission import Call, Never, Resend, Submission
from motionkit.provider import (
    CALL_TIMEOUT,
    UPLOAD_IDLE,
    AccountSettings,
    Body,
    ErrorRow,
    Fit,
    MediaField,
    Offer,
    Phase,
    Response,
    Session,
    Upload,
    Uploads,
    assemble,
    load_offers,
    multipart,
    vendor_error,
)
from motionkit_toy._tables import ACTS, OOPS, SERVER_ERROR, UNREADABLE

ORIGIN = "https://api.toy.invalid"


@attrs.frozen(kw_only=True)
class Settings(AccountSettings):
    """A Toy Theatre account; it needs no key of its own beyond those of every account."""


class Toy:
    """One account at Toy Theatre."""

    name: ClassVar[str] = "toy"
    settings: ClassVar[type[AccountSettings]] = Settings
    offers: ClassVar[Sequence[Offer]] = load_offers(__package__)
    resend: ClassVar[Resend] = Never()

    def __init__(self, account: str, settings: Settings, uploads: Uploads) -> None:
        self.account = account
        self.rates = Rates()
        self._uploads = uploads
        self._session = Session(
            provider=self.name,
            account=account,
            origins={"api": settings.base_url or ORIGIN},
            auth={"Toy-Key": settings.api_key},
            limiter=uploads.limiter,
        )

    @property
    def fingerprint(self) -> str:
        """Identify key and origin without holding either."""
        return self._session.fingerprint

    def url(self, call: Call) -> str:
        """Return a call's whole URL."""
        return self._session.url(call)

    def prepare(self, fitted: Fit, *, dry: bool = False) -> Submission:
        """Hand in the props and return the paid call."""
        return assemble(self, self._uploads, fitted, self._prop, dry=dry)

    def _prop(
        self, slot: MediaField, reference: File | Data | Remote, facts: Facts
    ) -> Upload | None:
        if isinstance(reference, Remote):
            return None
        call = Call("POST", "/v1/props", files={"prop": f"{facts.label} ({facts.size} bytes)"})

        def send() -> str:
            body, kind = multipart("prop", reference, facts)
            said = self._ask(
                call,
                Phase.UPLOAD,
                headers={"Content-Type": kind},
                body=body,
                timeout=self._uploads.timeout,
                idle=UPLOAD_IDLE,
            )
            return self._text(said, "prop", Phase.UPLOAD)

        return Upload(call, send)

    def submit(self, submission: Submission, attempt_id: str) -> Job:
        """Put on one play."""
        said = self._ask(submission.call, Phase.SUBMIT)
        play = self._text(said, "play", Phase.SUBMIT)
        return submission.job(play, fingerprint=self.fingerprint, attempt_id=attempt_id)

    def poll(self, job: Job) -> Status:
        """Look at the stage once."""
        try:
            said = self._ask(Call("GET", f"/v1/plays/{job.id}"), Phase.POLL, job=job)
        except JobNotFound as error:
            word = error.code or ""
            return Status(
                State.UNKNOWN, word, utcnow(), doubt=UnknownReason.NOT_FOUND, raw=error.raw
            )
        word = self._text(said, "act", Phase.POLL, job=job)
        if word not in ACTS:
            return Status(State.UNKNOWN, word, utcnow(), doubt=UnknownReason.STRANGE_WORD, raw=said)
        state, billed = ACTS[word]
        if state is not State.SUCCEEDED:
            return Status(
                state, word, utcnow(), billed=billed, message=said.get("because"), raw=said
            )
        if not said.get("film"):
            return Status(State.UNKNOWN, word, utcnow(), doubt=UnknownReason.NO_OUTPUT, raw=said)
        film = Output(self._text(said, "film", Phase.POLL, job=job), content_type="video/mp4")
        spent = self._dollars(said, "spent", Phase.POLL, job=job)
        cost = Cost(spent, Unit.USD, spent, CostBasis.REPORTED)
        result = Result(job, (film,), cost, raw=said)
        return Status(state, word, utcnow(), billed=billed, result=result, raw=said)

    def result(self, job: Job) -> Result:
        """Return a finished play's film."""
        return self.poll(job).need_result(job)

    def balance(self) -> Balance:
        """Return what the purse holds."""
        said = self._ask(Call("GET", "/v1/purse"), Phase.BALANCE)
        held = self._dollars(said, "usd", Phase.BALANCE)
        return Balance(held, Unit.USD, held, raw=said)

    def close(self) -> None:
        """Let go of connections."""
        self._session.close()

    def _ask(
        self,
        call: Call,
        phase: Phase,
        *,
        job: Job | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        timeout: float = CALL_TIMEOUT,
        idle: float | None = None,
    ) -> Mapping[str, Any]:
        """Send one call and return what the theatre said to it, if it worked."""
        answer = self._session.send(call, headers=headers, body=body, timeout=timeout, idle=idle)
        said = _object(answer)
        if said is not None and answer.status == 200 and "oops" not in said:
            return said
        code = said.get("oops") if said else None
        row = OOPS.get(str(code)) or (SERVER_ERROR if answer.status >= 500 else UNREADABLE)
        raise self._error(row, phase, said=said, code=code, answer=answer, job=job)

    def _text(
        self, said: Mapping[str, Any], field: str, phase: Phase, *, job: Job | None = None
    ) -> str:
        value = said.get(field)
        if not isinstance(value, str) or not value:
            raise self._error(UNREADABLE, phase, said=said, job=job)
        return value

    def _dollars(
        self, said: Mapping[str, Any], field: str, phase: Phase, *, job: Job | None = None
    ) -> Decimal:
        value = said.get(field)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self._error(UNREADABLE, phase, said=said, job=job)
        return Decimal(value)

    def _error(
        self,
        row: ErrorRow,
        phase: Phase,
        *,
        said: Any,
        code: Any = None,
        answer: Response | None = None,
        job: Job | None = None,
    ) -> MotionKitError:
        told = said.get("say") if isinstance(said, Mapping) else None
        return vendor_error(
            row,
            phase,
            message=told if isinstance(told, str) else None,
            context={"provider": self.name, "account": self.account},
            code=None if code is None else str(code),
            http_status=answer.status if answer else None,
            retry_after=answer.retry_after if answer else None,
            job=job,
            raw=said,
        )


def _object(answer: Response) -> Mapping[str, Any] | None:
    """Return an answer that is a JSON object; None when it is anything else."""
    try:
        said = answer.json()
    except ProtocolError:
        return None
    return said if isinstance(said, dict) else None
