"""Callbacks: a task's changes, signed as Standard Webhooks where a secret was made.

https://kling.ai/document-api/api/get-started/callback: signed since 2026-08-07. Retries and order
are not documented; the sandbox tries a few times.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal, TypeAlias

from motionkit.sandbox.hooks import Delivery, Hook
from motionkit_kling.sandbox.tasks import Shelf, Task

_PREFIX = "whsec_"
_DELAYS = (10.0, 60.0, 600.0)
_MOMENT = 1e-3  # just after a change
Course: TypeAlias = Literal["once", "twice", "backwards"]


def signature(secret: str, delivery: str, timestamp: str, body: bytes) -> str:
    """Return one signature of a delivery, with its version."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = f"{delivery}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class Callbacks:
    """Reports the changes of tasks.

    Args:
        shelf: The tasks.
        secrets: The webhook secrets of the console, two during a rotation; none leaves callbacks
            unsigned.
        course: Each change is reported "once" or "twice", or the end before the start.
    """

    def __init__(self, shelf: Shelf, secrets: Sequence[str], course: Course) -> None:
        self._shelf = shelf
        self._secrets = tuple(secrets)
        self._course = course

    def expect(self, task: Task, url: str, origin: str) -> None:
        """Schedule the reports of a task; an address off this machine is dropped."""
        world = self._shelf.world
        try:
            hook = world.hooks.register({"id": task.id, "url": url, "secret": "none"})
        except ValueError:
            return
        if task.ends is None:
            return
        started = task.created + task.queued
        changes = [(started, started + _MOMENT), (task.ends, task.ends + _MOMENT)]
        if self._course == "backwards":
            changes = [(task.ends, task.ends + _MOMENT), (task.ends + 1.0, started + _MOMENT)]
        elif self._course == "twice":
            changes = [change for change in changes for _ in range(2)]
        for due, moment in changes:
            compose = partial(self._compose, task, origin, moment)
            world.hooks.expect(
                Delivery(hook, task.id, due, list(_DELAYS), compose, lambda status, _: status < 300)
            )

    async def _compose(
        self, task: Task, origin: str, moment: float, _hook: Hook
    ) -> tuple[Mapping[str, str], bytes]:
        """Return headers and body. The timestamp is the real time, which a receiver compares."""
        self._shelf.world.settle()
        view = self._shelf.legacy if task.order.legacy else self._shelf.new
        body = json.dumps(view(task, origin, moment), separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json"}
        if self._secrets:
            name, stamp = str(self._shelf.world.number()), str(int(time.time()))
            signed = " ".join(signature(secret, name, stamp, body) for secret in self._secrets)
            headers |= {
                "webhook-id": name,
                "webhook-timestamp": stamp,
                "webhook-signature": signed,
            }
        return headers, body
