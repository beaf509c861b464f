"""A request prepared for one target, and the means to recover a submit without a response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from motionkit.model.job import Job, utcnow
from motionkit.model.money import Cost


@attrs.frozen
class Call:
    """One HTTP request as it will be or was sent, keys left out.

    Attributes:
        method: The HTTP verb.
        origin: Which of the account's configured origins, e.g. ``api`` or ``upload``.
        path: Path on that origin.
        headers: Beyond authentication and attempt id.
        query: URL parameters.
        json: The JSON body.
        files: For uploads, form field to a description such as ``hero.png (44100 bytes)``.
        paid: Whether this is the paid call.
    """

    method: str
    path: str
    origin: str = "api"
    headers: Mapping[str, str] = attrs.field(factory=dict)
    query: Mapping[str, str] = attrs.field(factory=dict)
    json: Any = None
    files: Mapping[str, str] = attrs.field(factory=dict)
    paid: bool = False


@attrs.frozen
class Submission:
    """A request prepared for one target: validated, media uploaded, the exact paid call.

    Free and repeatable to make; JSON-able, so that a re-send after a crash sends the same bytes.

    Attributes:
        provider: The vendor adapter.
        account: The account that would pay.
        operation: E.g. ``mimic``.
        model: The vendor's model.
        call: The paid call.
        calls: Every request that making and sending it takes, in order, for people to read.
        token: A unique text of this submission, to find it again in a vendor's history. Where the
            vendor deduplicates by the attempt's id (`SameId`), `find` gets that id here.
        expected_seconds: The offer's usual duration, in seconds.
        quality: The quality to be delivered, where the offer has one.
        clip_seconds: The length of the clip whose seconds are billed, where known.
        warnings: Facts to know before paying.
        timeout: Seconds that the paid call may take, where that is not the usual time.
        before: The account's usage before the paid call: evidence for people where the vendor has
            no history, so that only its numbers change.
    """

    provider: str
    account: str
    operation: str
    model: str
    call: Call
    calls: tuple[Call, ...] = ()
    token: str | None = None
    expected_seconds: float | None = None
    quality: str | None = None
    clip_seconds: float | None = None
    warnings: tuple[str, ...] = ()
    timeout: float | None = None
    before: Mapping[str, Any] = attrs.field(factory=dict, hash=False)

    def job(
        self,
        vendor_id: str,
        *,
        fingerprint: str,
        attempt_id: str,
        cost: Cost | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> Job:
        """Return the job that the vendor made of this submission, accepted now.

        Args:
            vendor_id: The vendor's id, as text.
            fingerprint: Of the account that paid.
            attempt_id: Of the paid call.
            cost: The reported charge.
            data: Further values that the adapter needs to find the job again.
        """
        return Job(
            id=vendor_id,
            provider=self.provider,
            account=self.account,
            fingerprint=fingerprint,
            operation=self.operation,
            model=self.model,
            key="",  # the core knows which purchase it was
            attempt_id=attempt_id,
            submitted_at=utcnow(),
            cost=cost,
            expected_seconds=self.expected_seconds,
            data=data or {},
        )


@attrs.frozen
class SameId:
    """The vendor deduplicates: the same attempt id may be sent again for a while.

    Attributes:
        window: Seconds since the first send in which a re-send is allowed.
        times: How often at most; a try of which not a byte left does not count. They are spread
            over the window.
    """

    window: float
    times: int


@attrs.frozen
class Never:
    """The vendor has no idempotency key: a call that may have arrived is never sent again."""


Resend = SameId | Never


@attrs.frozen
class Found:
    """The vendor's history shows exactly one job of this submission."""

    job: Job


@attrs.frozen
class NotSeen:
    """The vendor's history shows no such job *yet*; this is never proof of absence.

    Attributes:
        candidates: Similar jobs, when there are several.
        doubtful: Jobs that nothing ties to the submission: a user may choose one of them.
    """

    candidates: tuple[Job, ...] = ()
    doubtful: tuple[Job, ...] = ()
