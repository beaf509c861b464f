"""Toy Theatre's API, translated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from motionkit.errors import JobNotFound
from motionkit.model.job import Job, Result, State, Status
from motionkit.model.media import Data, File, Remote
from motionkit.model.money import Balance, Cost, CostBasis, Rates, Unit, amount
from motionkit.model.probe import Facts
from motionkit.model.submission import Call, Never, Resend, Submission
from motionkit.provider import (
    UPLOAD_IDLE,
    AccountSettings,
    Fault,
    Fit,
    MediaField,
    Offer,
    Phase,
    Response,
    Responses,
    Upload,
    Uploads,
    assemble,
    connect,
    load_offers,
    multipart,
    not_found,
    observed,
    outputs_of,
    succeeded,
)
from motionkit_toy._tables import ACTS, OOPS

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
        key = {"Toy-Key": settings.api_key}
        self._session = connect(self, settings, uploads, {"api": ORIGIN}, key)
        self._responses = Responses(
            self._session.context,
            {},
            job_id="play",
            job_names={"play"},
            fault=_fault,
            succeeds=_succeeds,
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
            if not isinstance(prop := said.get("prop"), str):
                raise self._responses.missing("prop", said, Phase.UPLOAD)
            return prop

        return Upload(call, send)

    def submit(self, submission: Submission, attempt_id: str) -> Job:
        """Put on one play."""
        answer = self._session.send(submission.call)
        play, _ = self._responses.submitted(answer, submission.call)
        return submission.job(play, fingerprint=self.fingerprint, attempt_id=attempt_id)

    def poll(self, job: Job) -> Status:
        """Look at the stage once."""
        try:
            said = self._ask(Call("GET", f"/v1/plays/{job.id}"), Phase.POLL)
        except JobNotFound as error:
            return not_found(error.code or "", raw=error.raw)
        status = observed(said.get("act"), ACTS, said, message=said.get("because"))
        if status.state is not State.SUCCEEDED:
            return status
        return succeeded(job, outputs_of(said.get("film")), status.word, said, _cost(said))

    def result(self, job: Job) -> Result:
        """Return a finished play's film."""
        return self.poll(job).need_result(job)

    def balance(self) -> Balance:
        """Return what the purse holds."""
        said = self._ask(Call("GET", "/v1/purse"), Phase.BALANCE)
        held = amount(said.get("usd"))
        if held is None:
            raise self._responses.missing("usd", said, Phase.BALANCE)
        return Balance(held, Unit.USD, held, raw=said)

    def close(self) -> None:
        """Let go of connections."""
        self._session.close()

    def _ask(self, call: Call, phase: Phase, **options: Any) -> Mapping[str, Any]:
        """Send one call and return what the theatre said to it, if it worked."""
        return self._responses.unwrap(self._session.send(call, **options), phase, call)


def _succeeds(answer: Response, said: Mapping[str, Any], _: Phase) -> bool:
    """Return whether an answer is a success: an error has a code, whatever its status."""
    return answer.status == 200 and "oops" not in said


def _fault(_: Response, said: Mapping[str, Any], __: Call) -> Fault:
    """Return what an error body says."""
    code, text = said.get("oops"), said.get("say")
    code = code if isinstance(code, str) else None
    return Fault(code, text if isinstance(text, str) else None, OOPS.get(code or ""))


def _cost(said: Mapping[str, Any]) -> Cost | None:
    """Return what a play took from the purse."""
    spent = amount(said.get("spent"))
    return None if spent is None else Cost(spent, Unit.USD, spent, CostBasis.REPORTED)
