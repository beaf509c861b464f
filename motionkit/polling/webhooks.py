"""Webhooks: what a vendor says of its own accord goes where an observation goes.

A delivery counts once its vendor has proved itself. How a job ended is kept under the vendor's id,
whether or not the journal has that job yet: the webhook may be faster than the answer to the
submit. Waiting for a job looks there before it asks the vendor; a webhook that never comes changes
nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import attrs

from motionkit._support.redaction import redact_data
from motionkit.errors import ConfigError
from motionkit.journal import Journal, optional
from motionkit.model.job import Job, State, Status
from motionkit.provider import Provider, WebhookEvent, Webhooks

log = logging.getLogger("motionkit")


@attrs.frozen
class Delivery:
    """A webhook that proved to come from its vendor.

    Attributes:
        account: Whose it is.
        job_id: The vendor's id of the job.
        state: What the vendor says of it.
        acknowledgement: What the vendor wants to read under HTTP 200, to the byte.
        job: The job; None when this journal has none of that id.
        status: What `poll` would have said of it.
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
    """Check a delivery and keep what it says.

    Args:
        provider: The account's adapter.
        journal: Where the job is looked up.
        headers: Of the delivery, in any case.
        body: Exactly as it came.

    Raises:
        SignatureError: It does not come from the vendor; nothing was kept.
        ConfigError: The vendor sends none, or the account has no secret to check one with.
    """
    if not isinstance(provider, Webhooks):
        raise ConfigError(f"{provider.name} sends no webhooks", account=provider.account)
    notice = provider.parse_webhook(headers, body)
    told = Delivery(provider.account, notice.job_id, notice.state, provider.acknowledgement)
    known = journal.caches.get_notice(provider.fingerprint, notice.job_id)
    _keep(journal, provider.fingerprint, notice)
    job = journal.job(provider.fingerprint, notice.job_id)
    if job is None:
        log.info("webhook for job %s at %s: not in this journal", notice.job_id, provider.account)
        return attrs.evolve(told, repeated=known is not None)
    entry = journal.bought(job)
    repeated = entry is not None and entry.state is notice.state
    return attrs.evolve(told, job=job, status=provider.noticed(job, notice), repeated=repeated)


def _keep(journal: Journal, fingerprint: str, notice: WebhookEvent) -> None:
    """Keep how a job ended; a signed link may not lie in the file, so that one is asked for.

    A success goes over a failure that was told before.
    """
    if not notice.state.terminal:
        return
    if redact_data(notice.content) == notice.content:
        journal.caches.put_notice(
            fingerprint,
            notice.job_id,
            notice.state.value,
            notice.content,
            over=notice.state is State.SUCCEEDED,
        )
    elif notice.state is State.SUCCEEDED:
        journal.caches.forget_notice(fingerprint, notice.job_id)


def noticed(provider: Provider, journal: Journal, job: Job) -> Status | None:
    """Return how a job ended as far as its vendor said so of its own accord."""
    if not isinstance(provider, Webhooks):
        return None
    kept = entry = None
    with optional("what a webhook said"):
        kept = journal.caches.get_notice(provider.fingerprint, job.id)
        entry = None if kept is None else journal.bought(job)
    if kept is None:
        return None
    word, content = kept
    told = State(word)
    if told is not State.SUCCEEDED and entry is not None and entry.state is State.SUCCEEDED:
        return None  # a poll has seen its result since
    status = provider.noticed(job, WebhookEvent(job.id, told, content))
    return status if status.state.terminal else None
