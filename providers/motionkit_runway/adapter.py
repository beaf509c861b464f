"""Runway's developer API: tasks that report their cost, without dedupe, lists or webhooks.

Vendor documentation: https://docs.dev.runwayml.com/api
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import attrs

from motionkit.errors import (
    Billed,
    InvalidRequest,
    MotionKitError,
    ProviderUnavailable,
    Unsupported,
)
from motionkit.model import media, probe
from motionkit.model.job import Job, Result, State, Status, utcnow
from motionkit.model.money import Balance, Rates, Unit
from motionkit.model.submission import Call, Never, Resend, Submission
from motionkit.provider import (
    AccountSettings,
    CancelTerms,
    Fit,
    KeyHelp,
    MediaField,
    Offer,
    Phase,
    Upload,
    Uploads,
    assemble,
    connect,
    content_of,
    load_offers,
    not_found,
    path_id,
    refuse,
)
from motionkit_runway._tables import (
    KEYS,
    LONGEST_URL,
    PATHS,
    RATIOS,
    SHAPED,
    SHAPES,
    UNPRICED,
    VERSION,
    WAITING,
)
from motionkit_runway._wire import (
    credits_of,
    generations,
    held,
    nested,
    responses,
    status_of,
    unconfirmed,
)
from motionkit_runway.settings import Settings
from motionkit_runway.uploads import Storage, api, inlined

log = logging.getLogger("motionkit")

HOSTS: Mapping[str, str] = {"api": "https://api.dev.runwayml.com"}
"""The host of the API; the vendor's web product has others, and other credits."""
ORGANIZATION = api("GET", "/v1/organization")
_FRESH = dt.timedelta(seconds=5)
"""Age at which a poll no longer proves that a task waits: no model is that fast."""
_ASIDE = 10.0
"""Seconds for a call that a purchase does without."""
_FORMATS: Mapping[str, tuple[str, ...]] = {
    "image": ("jpeg", "png", "webp"),
    "video": ("mp4", "mov", "webm"),
}
_ASSETS = "https://docs.dev.runwayml.com/assets/inputs"


class Runway:
    """One account, which is an organization, at Runway.

    Args:
        account: The account's name.
        settings: Its configuration.
        uploads: The core's upload cache, and the account's rate limiter.
    """

    name: ClassVar[str] = "runway"
    settings: ClassVar[type[AccountSettings]] = Settings
    offers: ClassVar[Sequence[Offer]] = load_offers(__package__ or "motionkit_runway")
    resend: ClassVar[Resend] = Never()
    unpriced: ClassVar[Collection[str]] = UNPRICED.keys()
    key_help: ClassVar[KeyHelp] = KEYS
    poll_floor: ClassVar[float] = 5.0
    """Seconds between two polls of a task: https://docs.dev.runwayml.com/api"""
    poll_calls: ClassVar[int] = 1
    cancel_terms: ClassVar[CancelTerms] = CancelTerms(
        {State.RUNNING: Billed.YES},
        "https://docs.dev.runwayml.com/api",
        "only a task that waits is cancelled; the vendor deletes it, so what it cost in the end "
        "cannot be read any more",
    )

    def __init__(self, account: str, settings: Settings, uploads: Uploads) -> None:
        self.account = account
        self.rates = Rates(credit=settings.usd_per_credit)
        self._uploads = uploads
        auth = {"Authorization": settings.api_key.prefixed("Bearer ")}
        self._http = connect(self, settings, uploads, HOSTS, auth)
        self.fingerprint = self._http.fingerprint
        self._responses = responses(self._http.context)
        self._storage = Storage(self._http, self._responses, uploads)

    def url(self, call: Call) -> str:
        """Return a call's full URL."""
        return self._http.url(call)

    def prepare(self, fitted: Fit, *, dry: bool = False) -> Submission:
        """Upload local media, read the organization's numbers, and return the paid call."""
        small = {
            name: (slot, inlined(reference, fitted.facts[name]) or reference)
            for name, (slot, reference) in fitted.references.items()
        }
        fitted = attrs.evolve(fitted, references=small)
        made = assemble(self, self._uploads, fitted, self._upload, dry=dry, shape=_shape)
        paid = api("POST", made.call.path, made.call.json, paid=True)
        calls = (*made.calls[:-1], ORGANIZATION, paid)
        before = {} if dry else self._before()
        return attrs.evolve(made, call=paid, calls=calls, before=before)

    def _before(self) -> Mapping[str, Any]:
        """Return the numbers with which a person can tell later whether a lost submit arrived."""
        try:
            answer = self._http.send(ORGANIZATION, timeout=_ASIDE)
            content = self._responses.unwrap(answer, Phase.BALANCE, ORGANIZATION)
        except MotionKitError as error:
            log.info("the organization's numbers cannot be read: %s", error.message)
            return {}
        return _numbers("before the submit", content)

    def submit(self, submission: Submission, attempt_id: str) -> Job:
        """Send the paid call once; Runway has no attempt ids."""
        answer = self._http.send(submission.call)
        task, content = self._responses.submitted(answer, submission.call)
        return submission.job(
            task,
            fingerprint=self.fingerprint,
            attempt_id=attempt_id,
            cost=credits_of(content, "estimatedCost", self.rates),
        )

    def poll(self, job: Job) -> Status:
        """Poll a task; a finished one has its result and its cost."""
        call = api("GET", f"/v1/tasks/{job.id}")
        answer = self._http.send(call)
        if answer.status == 404:
            return self._not_found(call, content_of(answer))
        content = self._responses.unwrap(answer, Phase.POLL, call)
        return status_of(job, content, self.rates)

    def _not_found(self, call: Call, content: Mapping[str, Any]) -> Status:
        """Return the status of a task that is unknown, deleted or cancelled."""
        said = content.get("error")
        text = said if isinstance(said, str) else f"{call.path} was not found"
        return not_found("404", text, content)

    def result(self, job: Job) -> Result:
        """Return a finished task's result, with fresh addresses."""
        return self.poll(job).need_result(job)

    def cancel(self, job: Job) -> Status:
        """Delete a task that waits; its record is gone then.

        The same call deletes a finished task with its output. A running task may end at any moment
        and is charged all the same: it is not cancelled, nor is one whose poll took too long.

        Raises:
            Unsupported: It runs.
            ProviderUnavailable: It is not certain that it still waits.
        """
        asked, status = utcnow(), self.poll(job)
        if status.state.terminal:
            return status
        name = f"job {job.id} at {self.account}"
        about: dict[str, Any] = {**self._http.context, "billed": Billed.UNKNOWN, "job": job}
        if status.state is State.RUNNING:
            raise Unsupported(
                f"{name} is running and was not cancelled: it is charged all the same, and if it "
                "ended meanwhile, the vendor would delete its film",
                field="job",
                value=job.id,
                hint="end the wait (Ctrl-C) to stop waiting; client.wait(job) picks it up again",
                **about,
            )
        if status.word not in WAITING or utcnow() - asked > _FRESH:
            raise ProviderUnavailable(
                f"{name} was not cancelled: it is not certain that it still waits (vendor status "
                f"{status.word}), and if it has ended, the vendor would delete its film",
                hint="cancel it again",
                **about,
            )
        call = api("DELETE", f"/v1/tasks/{job.id}")
        answer = self._http.send(call)
        content = content_of(answer)
        if answer.status == 404:
            return self._not_found(call, content)
        if not 200 <= answer.status < 300:
            raise self._responses.refusal(answer, Phase.POLL, call, content)
        word = str(answer.status)
        return Status(
            State.FAILED,
            word,
            utcnow(),
            billed=Billed.UNKNOWN,
            cancelled=True,
            cost=unconfirmed(job),
        )

    def balance(self) -> Balance:
        """Return the organization's credits."""
        content = self._organization()
        found, rate = held(content), self.rates.credit
        if found is None:
            raise self._responses.missing("creditBalance", content, Phase.BALANCE)
        return Balance(found, Unit.CREDIT, None if rate is None else found * rate, raw=content)

    def _organization(self) -> Mapping[str, Any]:
        return self._read(ORGANIZATION)

    def _read(self, call: Call) -> Mapping[str, Any]:
        return self._responses.unwrap(self._http.send(call), Phase.BALANCE, call)

    def usage(self, since: float) -> tuple[Mapping[str, Any], ...]:
        """Return the organization's numbers now, and its credits by day and model since then.

        Other programs of the organization count, too; a refund of an earlier day is negative.
        """
        now = _numbers("now", self._organization())
        day = dt.datetime.fromtimestamp(since, dt.UTC).date().isoformat()
        days = self._read(api("POST", "/v1/organization/usage", {"startDate": day})).get("results")
        rows = days if isinstance(days, list) else []
        return (now, *(row for row in rows if isinstance(row, Mapping) and row.get("usedCredits")))

    def check(self, fitted: Fit) -> Sequence[str]:
        """Check what the offers cannot say: addresses, shapes, the prompt's length, the ratio.

        Raises:
            InvalidRequest: Naming field, value and limit.
        """
        model, prompt = fitted.offer.model, fitted.values.get("prompt")
        most = fitted.offer.lengths.get("prompt")
        if isinstance(prompt, str) and most is not None:
            count = len(prompt.encode("utf-16-le", "surrogatepass")) // 2
            if count > most:
                limit = f"at most {most:,} UTF-16 code units, not {count:,}"
                raise refuse(model, "prompt", prompt, limit)
        for name, (_, reference) in fitted.references.items():
            if isinstance(reference, media.Remote):
                _check_address(name, reference)
            if model in SHAPED:
                _check_shape(name, fitted.facts[name])
        return _check_ratio(fitted)

    def unlisted(self, operation: str, model: str) -> Offer | None:
        """Return an offer for a model that no row names: its media under their usual fields.

        Its price is unknown, and a request has to confirm it and name its other fields as extra.
        """
        known = any(offer.model == model for offer in self.offers)
        if operation not in PATHS or known or path_id(model) is None:
            return None
        path, fields = PATHS[operation]
        return Offer(
            operation,
            model,
            path,
            "https://docs.dev.runwayml.com/guides/models",
            fields={} if operation in {"mimic", "upscale"} else {"prompt": "promptText"},
            fixed={"model": model},
            media={
                name: MediaField(field, name, _FORMATS[name], urls=True)  # type: ignore[arg-type]
                for name, field in fields.items()
            },
            evidence="inferred",
        )

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def _upload(
        self,
        _: MediaField,
        reference: media.File | media.Data | media.Remote,
        facts: probe.Facts,
    ) -> Upload | None:
        """Upload a local file; any model takes its address."""
        if isinstance(reference, media.Remote):
            return None
        call = self._storage.call(facts)
        return Upload(call, partial(self._storage.send, call, reference, facts))


def _numbers(when: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return an organization's numbers as evidence."""
    return {
        "when": when,
        "at": utcnow().isoformat(timespec="seconds"),
        "creditBalance": content.get("creditBalance"),
        "dailyGenerations": generations(content),
    }


def _shape(fitted: Fit, body: dict[str, Any]) -> dict[str, Any]:
    """Return the vendor's body: nested, with the ratio of quality and aspect ratio."""
    ratios = _ratios(fitted)
    if ratios and "ratio" not in fitted.extra:
        body["ratio"] = ratios[_aspect(fitted, ratios) or next(iter(ratios))]
    return nested(body)


def _ratios(fitted: Fit) -> Mapping[str, str]:
    """Return the ratios of the request's quality, by aspect ratio; empty where it takes none."""
    if fitted.offer.fields.get("quality") != "":
        return {}
    return RATIOS[fitted.offer.model][str(fitted.values["quality"])]


def _aspect(fitted: Fit, ratios: Mapping[str, str]) -> str | None:
    """Return the aspect ratio asked for, or that nearest to the picture's; None if unknown."""
    if given := fitted.values.get("aspect_ratio"):
        return str(given)
    for name in ("image", "first_frame"):
        facts = fitted.facts.get(name)
        if facts is not None and facts.width and facts.height:
            shape = facts.width / facts.height
            return min(ratios, key=lambda one: max(_value(one) / shape, shape / _value(one)))
    return None


def _value(aspect: str) -> float:
    width, _, height = aspect.partition(":")
    return int(width) / int(height)


def _check_ratio(fitted: Fit) -> Sequence[str]:
    """Refuse an extra ratio of another quality, whose price is another; warn of a guess."""
    ratios, given = _ratios(fitted), fitted.extra.get("ratio")
    if not ratios or given in ratios.values():
        return ()
    if given is not None:
        limit = f"{', '.join(ratios.values())} with quality {fitted.values['quality']}"
        raise refuse(fitted.offer.model, "ratio", given, limit)
    if _aspect(fitted, ratios) is not None:
        return ()
    first = next(iter(ratios.values()))
    return (f"the picture's size is not known, so the film is {first}; an extra ratio changes it",)


def _check_address(name: str, reference: media.Remote) -> None:
    """Refuse a URL that the vendor does not fetch."""
    url = str(reference.url)
    host = url.removeprefix("https://").partition("/")[0].rpartition("@")[2]
    bare = host.partition(":")[0].replace(".", "").isdecimal() or host.startswith("[")
    why = None
    if not url.startswith("https://"):
        why = "an https:// URL"
    elif bare:
        why = "a URL with a domain, no IP address"
    elif len(url) > LONGEST_URL:
        why = f"at most {LONGEST_URL:,} characters, not {len(url):,}"
    if why is not None:
        raise InvalidRequest(
            f"{name}: the vendor does not fetch {reference.label}; it takes {why} ({_ASSETS})",
            field=name,
            value=reference.label,
            limit=why,
        )


def _check_shape(name: str, facts: probe.Facts) -> None:
    """Refuse a picture or clip that is too tall or too wide."""
    low, high = SHAPES
    if facts.width and facts.height and not low <= facts.width / facts.height <= high:
        raise InvalidRequest(
            f"{name}: {facts.label} is {facts.width} x {facts.height} pixels; the vendor takes a "
            f"width of {low:g} to {high:g} times the height ({_ASSETS})",
            field=name,
            value=f"{facts.width} x {facts.height}",
            limit=f"{low:g} to {high:g}",
        )


__all__ = ["VERSION", "Runway", "Settings"]
