"""Webhooks by the scheme of standard-webhooks, with one secret for each account."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from motionkit.sandbox import Account
from motionkit.sandbox.hooks import Delivery, Hook, is_loopback
from motionkit_replicate.sandbox.gate import Gate
from motionkit_replicate.sandbox.jobs import Prediction

EVENTS = ("start", "output", "logs", "completed")
_DEFAULT = ("output", "completed")
_DELAYS = (10.0, 60.0, 300.0)


def secret_of(account: Account) -> str:
    """Return the secret of an account's webhooks."""
    digest = hashlib.sha256(f"webhooks {account.key}".encode()).digest()[:24]
    return "whsec_" + base64.b64encode(digest).decode()


def signed(secret: str, message: str, when: str, body: bytes) -> str:
    """Return the signature of a delivery, with its version."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{message}.{when}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()


class Notifier:
    """Reports predictions to the addresses in their submits.

    Args:
        gate: The gateway.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    @staticmethod
    def takes(target: str) -> bool:
        """Return whether an address may be given: https, or http on this machine."""
        try:
            parts = urlsplit(target)
        except ValueError:
            return False
        return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))

    def expect(
        self,
        job: Prediction,
        target: str,
        events: Iterable[str] | None,
        shown: Callable[[Prediction, float], Mapping[str, Any]],
        *,
        lost: bool,
    ) -> None:
        """Schedule the reports of a prediction; an address off this machine gets none."""
        book = self._gate.world.hooks
        fields = {"id": job.id, "url": target, "secret": secret_of(job.account)}
        try:
            hook = book.register(fields)
        except ValueError:
            return
        deliveries: dict[str, Delivery] = {}
        wanted = _DEFAULT if events is None else tuple(events)
        for event in EVENTS:
            if event not in wanted or (event == "completed" and job.word == "aborted"):
                continue
            due = None if lost else _due(job, event)
            compose = self._composer(job, event, shown)
            one = Delivery(hook, job.id, due, list(_DELAYS), compose, lambda code, _: code < 300)
            one.state = "lost" if lost else "waiting"
            deliveries[event] = one
            book.expect(one)
        job.details["deliveries"] = deliveries

    def end(self, job: Prediction) -> None:
        """Report the end of a prediction now: it was cancelled."""
        for event, one in job.details.get("deliveries", {}).items():
            if one.attempts or one.state != "waiting":
                continue
            one.due = _due(job, event)
            if one.due is None:
                one.state = "lost"

    def _composer(
        self,
        job: Prediction,
        event: str,
        shown: Callable[[Prediction, float], Mapping[str, Any]],
    ) -> Callable[[Hook], Any]:
        message = f"msg_{self._gate.name()}"

        async def compose(hook: Hook) -> tuple[Mapping[str, str], bytes]:
            when = job.created + (job.queued if event in {"start", "logs"} else job.lasts or 0)
            told = dict(shown(job, when))
            if event == "output":
                told |= {"status": "processing"}
                for name in ("completed_at", "metrics"):
                    told.pop(name, None)
            body = json.dumps(told).encode()
            stamped = str(int(self._gate.world.clock.now()))
            headers = {
                "Content-Type": "application/json",
                "webhook-id": message,
                "webhook-timestamp": stamped,
                "webhook-signature": signed(hook.secret, message, stamped, body),
            }
            return headers, body

        return compose


def _due(job: Prediction, event: str) -> float | None:
    """Return the vendor time of an event; None if it never comes."""
    lasts = float("inf") if job.lasts is None else job.lasts
    if event in {"start", "logs"}:
        return job.created + job.queued if job.queued < lasts else None
    if job.lasts is None or (event == "output" and job.word != "succeeded"):
        return None
    return job.created + job.lasts
