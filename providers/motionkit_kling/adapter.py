"""Kling's own API: a submit is accepted once per attempt id, and found again by it.

Vendor documentation: https://kling.ai/document-api/api/video/motion-control. An API key calls the
new API, whose paths name the model, and the legacy one under ``/v1``; a pair of keys signs calls of
the legacy one only.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar

import attrs

from motionkit.errors import (
    AuthenticationError,
    InvalidRequest,
    JobNotFound,
    MotionKitError,
    ProtocolError,
    Unsupported,
)
from motionkit.model import media, probe
from motionkit.model.job import Job, Result, Status, utcnow
from motionkit.model.money import Balance, Rates, Unit, amount
from motionkit.model.submission import Call, Found, NotSeen, Resend, SameId, Submission
from motionkit.provider import (
    STAGE,
    AccountSettings,
    Fit,
    KeyHelp,
    MediaField,
    Offer,
    Phase,
    Response,
    Secret,
    Session,
    Upload,
    Uploads,
    WebhookEvent,
    assemble,
    load_offers,
    not_found,
    staged,
)
from motionkit_kling import webhook
from motionkit_kling._tables import KEYS, OTHER_PACKS, UNPRICED
from motionkit_kling._wire import Task, already_exists, code_of, responses, tasks_of
from motionkit_kling.bodies import Inlined, filled, is_legacy, names_id, shape, with_id
from motionkit_kling.settings import Settings
from motionkit_kling.signing import EARLY, NOT_VALID, Signer

log = logging.getLogger("motionkit")

HOSTS: Mapping[str, str] = {"api": "https://api-singapore.klingai.com"}
"""The international host; that of China has accounts and keys of its own."""
_PATH = "path"
"""Key in a job's data: the path of its paid call; the legacy API finds a task under it only."""
_YEAR = dt.timedelta(days=365)


class Kling:
    """One account at Kling.

    Args:
        account: The account's name.
        settings: Its configuration.
        uploads: The core's upload cache, the account's rate limiter and its store for clips.
    """

    name: ClassVar[str] = "kling"
    settings: ClassVar[type[AccountSettings]] = Settings
    offers: ClassVar[Sequence[Offer]] = load_offers(__package__ or "motionkit_kling")
    resend: ClassVar[Resend] = SameId(window=120.0, times=1)
    """A used id was refused at once and after 13 minutes, as observed by others in 2026-09."""
    unpriced: ClassVar[Collection[str]] = UNPRICED.keys()
    key_help: ClassVar[KeyHelp] = KEYS
    acknowledgement: ClassVar[bytes] = webhook.ACKNOWLEDGEMENT
    retention: ClassVar[dt.timedelta] = dt.timedelta(days=30)
    keeps_files: ClassVar[dt.timedelta] = dt.timedelta(days=30)
    """https://kling.ai/document-api/api/video/motion-control"""
    poll_floor: ClassVar[float] = 1.0
    """As the vendor's own client polls; no page says it."""

    def __init__(self, account: str, settings: Settings, uploads: Uploads) -> None:
        self.account = account
        self.rates = Rates(credit=settings.usd_per_unit)
        self._uploads = uploads
        self._settings = settings
        self._context: dict[str, Any] = {"provider": self.name, "account": account}
        self._responses = {one: responses(self._context, legacy=one) for one in (False, True)}
        key, pair = settings.api_key, settings.access_key
        session = partial(
            Session,
            provider=self.name,
            account=account,
            origins={"api": settings.base_url or HOSTS["api"]},
            limiter=uploads.limiter,
        )
        self._signer: Signer | None = None
        if pair is None:
            self._http = session(auth={"Authorization": key.prefixed("Bearer ")})
            self.fingerprint = self._http.fingerprint
        else:  # each call has a token of its own, and the account is still the same
            self._http = session(auth={})
            self._signer = Signer(pair, key)
            both = Secret(f"{pair.reveal()}:{key.reveal()}")
            self.fingerprint = session(auth={"Authorization": both}).fingerprint

    def url(self, call: Call) -> str:
        """Return a call's full URL."""
        return call.path if call.origin == STAGE else self._http.url(call)

    def prepare(self, fitted: Fit, *, dry: bool = False) -> Submission:
        """Put clips into the user's store, and return the paid call; its id is added to be sent."""
        references = {
            name: (slot, _inlined(reference, fitted.facts[name]))
            for name, (slot, reference) in fitted.references.items()
        }
        fitted = attrs.evolve(fitted, references=references)
        made = assemble(self, self._uploads, fitted, partial(self._upload, fitted), dry=dry)
        body = shape(fitted, made.call.json, self._settings.webhook)
        call = attrs.evolve(made.call, json=body)
        return attrs.evolve(made, call=call, calls=(*made.calls[:-1], call), token=None)

    def _upload(
        self,
        fitted: Fit,
        slot: MediaField,
        reference: media.File | media.Data | media.Remote,
        facts: probe.Facts,
    ) -> Upload | None:
        """Put a clip of this machine into the user's store; the vendor has none."""
        if isinstance(reference, media.Remote):
            return None
        return staged(self._uploads, fitted.request, slot, reference, facts)

    def submit(self, submission: Submission, attempt_id: str) -> Job:
        """Send the paid call once, with the attempt's id.

        The vendor refuses an id that it has, which proves that an earlier send has arrived: that
        send's task is the job.
        """
        path = submission.call.path
        call = attrs.evolve(
            submission.call, json=with_id(path, filled(submission.call.json), attempt_id)
        )
        answer = self._send(call)
        try:
            with self._clock_explained():
                task_id, _ = self._responses[is_legacy(path)].submitted(answer, call)
        except MotionKitError as error:
            arrived = self._arrived(path, attempt_id) if already_exists(error) else None
            if arrived is None:
                raise
            task_id = arrived
        return self._job(submission, task_id, attempt_id)

    def _job(self, submission: Submission, task_id: str, attempt_id: str) -> Job:
        return submission.job(
            task_id,
            fingerprint=self.fingerprint,
            attempt_id=attempt_id,
            data={_PATH: submission.call.path},
        )

    def _arrived(self, path: str, attempt_id: str) -> str | None:
        """Return the task of an attempt that the vendor has; None if it cannot be read yet."""
        try:
            found = self._task(path, attempt_id, external=True)
        except MotionKitError as error:
            log.info("%s: the task of attempt %s cannot be read", error.message, attempt_id)
            return None
        return None if found is None else found.id

    def _task(self, path: str, wanted: str, *, external: bool = False) -> Task | None:
        """Return a task by its id, or by an attempt's; None if the vendor does not show it.

        Args:
            path: The path of its paid call.
            wanted: The id.
            external: Whether it is an attempt's.
        """
        if self._signer is None and (external or not is_legacy(path)):
            name = "external_task_ids" if external else "task_ids"
            call = Call("GET", "/tasks", query={name: wanted})
        else:
            call = Call("GET", f"{path}/{wanted}")
        try:
            data = self._read(call, Phase.POLL)
        except JobNotFound:
            return None
        for task in tasks_of(data, self._settings.usd_per_unit):
            # The legacy API does not repeat every attempt's id, but shows one task by its path.
            alone = call.path != "/tasks" and isinstance(data, Mapping)
            named = task.external_id or (wanted if alone else None)
            if wanted == (named if external else task.id):
                return task
        return None

    def poll(self, job: Job) -> Status:
        """Poll a job; the status of a finished job carries its result."""
        task = self._task(str(job.data.get(_PATH) or ""), job.id)
        if task is None:
            return not_found("")
        return task.status(job)

    def result(self, job: Job) -> Result:
        """Return a finished job's result."""
        return self.poll(job).need_result(job)

    def find(self, submission: Submission, since: float) -> Found | NotSeen:  # noqa: ARG002 - an id has no time
        """Find the task of an attempt by the attempt's id, which is the submission's token."""
        attempt_id = submission.token
        if attempt_id is None:
            return NotSeen()
        task = self._task(submission.call.path, attempt_id, external=True)
        if task is None:
            return NotSeen()
        return Found(self._job(submission, task.id, attempt_id))

    def balance(self) -> Balance:
        """Return what is left for videos in the packs in use, as it was up to 12 hours ago.

        Raises:
            Unsupported: No pack is in use: the account may pay in money, which the vendor does not
                show, and whether it can is for the vendor to say.
        """
        end = utcnow().replace(minute=0, second=0, microsecond=0) + dt.timedelta(hours=1)
        query = {
            name: str(int(one.timestamp()) * 1000)
            for name, one in (("start_time", end - _YEAR), ("end_time", end))
        }
        call = Call("GET", "/account/costs", query=query)
        data = self._read(call, Phase.BALANCE)
        rows = data.get("resource_pack_subscribe_infos") if isinstance(data, Mapping) else None
        if not isinstance(rows, list) or code_of(data.get("code", 0)) != 0:
            raise ProtocolError(
                f"{self.account}: the response has no resource packs", raw=data, **self._context
            )
        pools: dict[str, Decimal] = {}
        for row in rows:
            left = amount(row.get("remaining_quantity")) if isinstance(row, Mapping) else None
            if left is not None and row.get("status") == "online":
                name = f"{row.get('resource_pack_name')}, up to 12 h ago"
                if not any(word in name.casefold() for word in OTHER_PACKS):
                    pools[name] = pools.get(name, Decimal(0)) + left
        if not pools:
            raise Unsupported(
                f"{self.account}: no resource pack for videos is in use, and the vendor shows no "
                "balance in money",
                hint=f"see {KEYS.console}",
                **self._context,
            )
        total = sum(pools.values(), Decimal(0))
        return Balance(total, Unit.CREDIT, total * self._settings.usd_per_unit, pools, raw=data)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        """Verify a callback and return its event."""
        settings = self._settings
        return webhook.read(
            headers, body, settings.webhook_secret, window=settings.webhook_window, **self._context
        )

    def noticed(self, job: Job, notice: WebhookEvent) -> Status:
        """Return the status that a callback reports."""
        (task,) = tasks_of(notice.content, self._settings.usd_per_unit)
        return task.status(job)

    def check(self, fitted: Fit) -> Sequence[str]:
        """Check what no row can say: who may call a model, and where clips are.

        Raises:
            InvalidRequest: Naming field, value and limit.
        """
        offer, extra = fitted.offer, fitted.extra
        if self._signer is not None and not is_legacy(offer.path):
            raise self._for_api_keys(offer)
        if names_id(extra):
            raise InvalidRequest(
                "extra: external_task_id is the id of the attempt, by which a lost submit is found",
                field="extra",
                value="external_task_id",
                limit="other fields",
            )
        for group, kind in (("contents", list), ("settings", dict), ("options", dict)):
            if group in extra and not isinstance(extra[group], kind):
                raise InvalidRequest.expected(f"extra {group}", extra[group], f"a {kind.__name__}")
        for name, (slot, reference) in fitted.references.items():
            facts = fitted.facts[name]
            if slot.kind == "video" and isinstance(reference, media.File | media.Data):
                staged(self._uploads, fitted.request, slot, reference, facts)
        return ()

    def _for_api_keys(self, offer: Offer) -> Unsupported:
        """Return why a pair of keys cannot call a model of the new API."""
        rows = [one for one in self.offers if one.operation == offer.operation]
        models = [one.model for one in rows if is_legacy(one.path)]
        limit = ", ".join(models) or "no model of this operation"
        return Unsupported(
            f"{self.account}: {offer.model} is of the new API, which takes API keys only; "
            f"access_key and its secret key can call {limit}",
            field="model",
            value=offer.model,
            limit=limit,
            hint=f"make an API key at {KEYS.console} and remove access_key, or name one of these",
        )

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def _send(self, call: Call) -> Response:
        """Send a call; a signed read is repeated once where its token was made for another time.

        The vendor's time is known before a signed call that is paid: its token is right at once.
        """
        signer = self._signer
        if signer is None:
            return self._http.send(call)
        if call.paid and signer.ahead is None:
            try:
                self._send(Call("GET", call.path, query={"pageNum": "1", "pageSize": "1"}))
            except MotionKitError as error:
                log.info("the vendor's time could not be read: %s", error.message)
        before = signer.ahead or 0.0
        answer = self._http.send(call, headers=signer.headers())
        signer.learn(answer)
        differs = abs((signer.ahead or 0.0) - before) >= EARLY - 1
        if answer.status == 401 and differs and not call.paid:
            answer = self._http.send(call, headers=signer.headers())
        return answer

    def _read(self, call: Call, phase: Phase) -> Any:
        """Return the ``data`` of a call's response."""
        answer = self._send(call)
        with self._clock_explained():
            return self._responses[is_legacy(call.path)].unwrap(answer, phase, call).get("data")

    @contextmanager
    def _clock_explained(self) -> Iterator[None]:
        """Say how far this machine's clock is off where a token was made for another time."""
        try:
            yield
        except AuthenticationError as error:
            if self._signer is not None and code_of(error.code) in NOT_VALID:
                error.message += f"; {self._signer.off}"
            raise


def _inlined(reference: media.Ref, facts: probe.Facts) -> media.Ref:
    """Return a picture or a recording of this machine as the text that its Base64 replaces."""
    if not isinstance(reference, media.File | media.Data) or facts.kind == "video":
        return reference
    return media.Generated(Inlined(reference, facts))  # its text is passed on as it is


__all__ = ["Kling", "Settings"]
