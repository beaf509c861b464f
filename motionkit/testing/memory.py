"""A provider in memory, without a network, and its stage."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

import attrs

from motionkit.errors import AuthenticationError, Billed, MotionKitError
from motionkit.model import media, probe
from motionkit.model.job import Job, Output, Result, State, Status, UnknownReason, utcnow
from motionkit.model.money import Balance, Cost, CostBasis, Rates, Unit
from motionkit.model.submission import Call, Never, Resend, Submission
from motionkit.provider import (
    AccountSettings,
    Fit,
    MediaField,
    Offer,
    Phase,
    Secret,
    Upload,
    Uploads,
    assemble,
    billed_after,
    parse_offers,
)
from motionkit.testing.stage import AMBIGUOUS, HICCUPS, JOB_SECONDS, REFUSALS, Situation

OFFERS = """
[[offer]]
operation = "mimic"
model = "memory"
default = true
path = "/mimic"
source = "motionkit.testing.memory"
expected_seconds = 120
fields = { quality = "quality" }
defaults = { quality = "540p" }
allowed = { quality = ["360p", "540p", "720p"] }
[offer.media.image]
field = "image"
kind = "image"
formats = ["png", "jpeg"]
[offer.media.video]
field = "video"
kind = "video"
formats = ["mp4"]
max_seconds = 30
[offer.price]
unit = "usd"
basis = "listed"
source = "motionkit.testing.memory"
as_of = 2026-11-21
seconds_of = "video"
cells = [{ per = "second", amount = "0.10" }]
"""

_AFTERWARDS: Mapping[Situation, Status] = {
    Situation.JOB_FAILS: Status(State.FAILED, "failed", utcnow(), billed=Billed.NO),
    Situation.JOB_BLOCKED: Status(State.BLOCKED, "blocked", utcnow(), billed=Billed.NO),
    Situation.JOB_GONE: Status(State.GONE, "gone", utcnow()),
}
_ONCE: Mapping[Situation, Status] = {
    Situation.STRANGE_WORD: Status(
        State.UNKNOWN, "odd", utcnow(), doubt=UnknownReason.STRANGE_WORD
    ),
    Situation.NOT_FOUND: Status(State.UNKNOWN, "404", utcnow(), doubt=UnknownReason.NOT_FOUND),
}


@attrs.define
class Vendor:
    """The vendor of all `Memory` adapters of one test."""

    keys: set[str] = attrs.field(factory=lambda: {"memory-key-0123456789"})
    now: float = 0.0
    jobs: dict[str, tuple[float, set[Situation]]] = attrs.field(factory=dict)
    pending: list[Situation] = attrs.field(factory=list)
    charged: Decimal = Decimal(0)
    numbers: Any = attrs.field(factory=lambda: itertools.count(400_000_000_000_000_001))

    def take(self, among: Mapping[Situation, Any]) -> Situation | None:
        """Remove and return the first arranged situation among these."""
        for situation in self.pending:
            if situation in among:
                self.pending.remove(situation)
                return situation
        return None


@attrs.frozen(kw_only=True)
class Settings(AccountSettings):
    """A memory account's settings, with its vendor."""

    vendor: Vendor = attrs.field(factory=Vendor, repr=False)


class Memory:
    """One account at a vendor in this process."""

    name: ClassVar[str] = "memory"
    settings: ClassVar[type[AccountSettings]] = Settings
    offers: ClassVar[Sequence[Offer]] = parse_offers(OFFERS, name="memory")
    resend: ClassVar[Resend] = Never()

    def __init__(self, account: str, settings: Settings, uploads: Uploads) -> None:
        self.account = account
        self.rates = Rates()
        self._key = settings.api_key
        self._vendor = settings.vendor
        self._uploads = uploads
        self.fingerprint = f"memory-{sum(self._key.encode()):012d}"

    def url(self, call: Call) -> str:
        """Return a call's whole URL."""
        return f"https://memory.invalid{call.path}"

    def prepare(self, fitted: Fit, *, dry: bool = False) -> Submission:
        """Upload the media; the reference of an upload is its digest."""
        return assemble(self, self._uploads, fitted, self._upload, dry=dry)

    def _upload(
        self,
        slot: MediaField,
        reference: media.File | media.Data | media.Remote,
        facts: probe.Facts,
    ) -> Upload | None:
        if isinstance(reference, media.Remote):
            return None
        call = Call("POST", "/uploads", files={slot.kind: facts.label})
        return Upload(call, lambda: facts.sha256 or "")

    def submit(self, submission: Submission, attempt_id: str) -> Job:
        """Create a job, or refuse as arranged."""
        self._authenticate(Phase.SUBMIT)
        refusal = self._vendor.take(REFUSALS)
        if refusal is not None:
            raise self._error(REFUSALS[refusal], Phase.SUBMIT, refused=True, situation=refusal)
        doubt = self._vendor.take(AMBIGUOUS)
        number = str(next(self._vendor.numbers))
        fate = {situation for situation in self._vendor.pending if situation in _AFTERWARDS}
        self._vendor.jobs[number] = (self._vendor.now + JOB_SECONDS, fate)
        if doubt is not None:
            raise self._error(AMBIGUOUS[doubt], Phase.SUBMIT, refused=False, situation=doubt)
        return submission.job(number, fingerprint=self.fingerprint, attempt_id=attempt_id)

    def poll(self, job: Job) -> Status:
        """Poll a job."""
        self._authenticate(Phase.POLL)
        hiccup = self._vendor.take(HICCUPS)
        if hiccup is not None:
            raise self._error(HICCUPS[hiccup], Phase.POLL, refused=False, situation=hiccup)
        once = self._vendor.take(_ONCE)
        if once is not None:
            return attrs.evolve(_ONCE[once], observed_at=utcnow())
        due, fate = self._vendor.jobs[job.id]
        if self._vendor.now < due:
            return Status(State.RUNNING, "running", utcnow())
        for situation in fate:
            return attrs.evolve(_AFTERWARDS[situation], observed_at=utcnow())
        if self._vendor.take({Situation.NO_OUTPUT: None}):
            return Status(State.UNKNOWN, "done", utcnow(), doubt=UnknownReason.NO_OUTPUT)
        cost = Cost(Decimal("0.20"), Unit.USD, Decimal("0.20"), CostBasis.REPORTED)
        result = Result(job, (Output("https://memory.invalid/out.mp4"),), cost)
        return Status(State.SUCCEEDED, "done", utcnow(), billed=Billed.YES, result=result)

    def result(self, job: Job) -> Result:
        """Return a finished job's result."""
        return self.poll(job).need_result(job)

    def balance(self) -> Balance:
        """Return the balance."""
        self._authenticate(Phase.BALANCE)
        return Balance(Decimal(100), Unit.USD, Decimal(100))

    def close(self) -> None:
        """Close nothing."""

    def _authenticate(self, phase: Phase) -> None:
        if not any(self._key.encode() == known.encode() for known in self._vendor.keys):
            raise self._error(AuthenticationError, phase, refused=True, situation=None)

    def _error(
        self,
        kind: type[MotionKitError],
        phase: Phase,
        *,
        refused: bool,
        situation: Situation | None,
    ) -> MotionKitError:
        return kind(
            situation.value if situation else "the key is unknown",
            provider=self.name,
            account=self.account,
            billed=billed_after(phase, refused=refused),
        )


@attrs.define
class MemoryStage:
    """A stage in memory."""

    vendor: Vendor = attrs.field(factory=Vendor, repr=False)
    provider_class: type[Any] = Memory

    @property
    def settings(self) -> AccountSettings:
        """Settings of the valid account."""
        return Settings(api_key=Secret("memory-key-0123456789"), vendor=self.vendor)

    def bought(self) -> int:
        """Return the vendor's number of jobs."""
        return len(self.vendor.jobs)

    def arrange(self, situation: Situation) -> None:
        """Make the vendor behave so next."""
        self.vendor.pending.append(situation)

    def pass_time(self, seconds: float) -> None:
        """Advance the vendor's time."""
        self.vendor.now += seconds

    def wrong_key(self) -> AccountSettings:
        """Return settings with an invalid key."""
        return Settings(api_key=Secret("wrong-key-0123456789"), vendor=self.vendor)
