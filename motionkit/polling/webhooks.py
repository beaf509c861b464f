"""Receive webhooks: verify them, and record the jobs that they report as ended.

The report is kept under the vendor's job id whether or not the journal has that job yet: a webhook
may be faster than the response to the submit. A wait looks there before it polls the vendor; a
webhook that never comes changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import attrs

from motionkit._support.displayed import Displayed
from motionkit._support.redaction import redact_data
from motionkit.errors import ConfigError
from motionkit.journal import Journal, optional
from motionkit.model.job import Job, State, Status
from motionkit.provider import Provider, WebhookEvent, Webhooks

log = logging.getLogger("motionkit")


@attrs.frozen(repr=False)
class Delivery(Displayed):
    """A webhook whose signature is valid.

    Attributes:
        account: The account's name.
        job_id: The vendor's id of the job.
        state: The job's state.
        acknowledgement: The response body that the vendor expects under HTTP 200, to the byte.
        job: The job; None when this journal has none of that id.
        status: The status that `poll` would have returned.
        repeated: Whether the journal knew it already.
    """

    account: str
    job_id: str
    state: State
    acknowledgement: bytes
    job: Job | None = None
    status: Status | None = None
    repeated: bool = False


def receive(
    provider: Provider, journal: Journal, headers: Mapping[str, str], body: bytes
) -> Delivery:
    """Verify a webhook, its body unchanged, and keep what it reports.

    Raises:
        SignatureError: The signature is invalid; nothing was kept.
        ConfigError: The vendor sends no webhooks, or the account has no secret to verify them.
    """
    if not isinstance(provider, Webhooks):
        raise ConfigError(f"{provider.name} sends no webhooks", account=provider.account)
    event = provider.parse_webhook(headers, body)
    delivery = Delivery(provider.account, event.job_id, event.state, provider.acknowledgement)
    known = journal.caches.get_notice(provider.fingerprint, event.job_id)
    _keep(journal, provider.fingerprint, event)
    job = journal.job(provider.fingerprint, event.job_id)
    if job is None:
        log.info("webhook for job %s at %s: not in this journal", event.job_id, provider.account)
        return attrs.evolve(delivery, repeated=known is not None)
    entry = journal.bought(job)
    repeated = entry is not None and entry.state is event.state
    return attrs.evolve(delivery, job=job, status=provider.noticed(job, event), repeated=repeated)


def _keep(journal: Journal, fingerprint: str, event: WebhookEvent) -> None:
    """Keep the report that a job ended; a success replaces a failure.

    A signed link is not kept: then the job is polled instead.
    """
    if not event.state.terminal:
        return
    if redact_data(event.content) == event.content:
        journal.caches.put_notice(
            fingerprint,
            event.job_id,
            event.state.value,
            event.content,
            over=event.state is State.SUCCEEDED,
        )
    elif event.state is State.SUCCEEDED:
        journal.caches.forget_notice(fingerprint, event.job_id)


def reported(provider: Provider, journal: Journal, job: Job) -> Status | None:
    """Return the status in which a webhook reported that a job ended, if one did."""
    if not isinstance(provider, Webhooks):
        return None
    kept = entry = None
    with optional("what a webhook reported"):
        kept = journal.caches.get_notice(provider.fingerprint, job.id)
        entry = None if kept is None else journal.bought(job)
    if kept is None:
        return None
    word, content = kept
    state = State(word)
    if state is not State.SUCCEEDED and entry is not None and entry.state is State.SUCCEEDED:
        return None  # a poll has seen its result since
    status = provider.noticed(job, WebhookEvent(job.id, state, content))
    return status if status.state.terminal else None
