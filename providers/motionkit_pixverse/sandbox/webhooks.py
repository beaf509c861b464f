"""Notify a registered webhook when a job ends."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from functools import partial
from urllib.parse import urlencode

from motionkit.sandbox import Job, State, World
from motionkit.sandbox.hooks import Delivery, Hook
from motionkit_pixverse.sandbox.codes import Refusal
from motionkit_pixverse.sandbox.fields import Values
from motionkit_pixverse.sandbox.outputs import WORDS, Output

_MINUTE, _HOUR = 60.0, 3600.0
_RETRIES = (2.0, 10.0, 30.0, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 4 * _HOUR)
_MIB = 2**20  # a size in an example is 10.5, which is no count of bytes; its unit is not given


def wanted(world: World, values: Values) -> Hook | None:
    """Return the webhook that a body names; 400017 for one that is not registered."""
    name = values.get("webhook_id")
    if name is None:
        return None
    hook = world.hooks.get(str(name))
    if hook is None:
        raise Refusal(400017, "invalid param: webhook_id")
    return hook


def announce(world: World, job: Job, hook: Hook, origin: str) -> None:
    """Schedule the delivery for a job's end; a stuck job has none.

    Args:
        world: The sandbox's books.
        job: Just started.
        hook: The receiver.
        origin: Base URL of the file's URL.
    """
    if job.lasts is None:
        return
    due = job.created + job.lasts
    compose = partial(_compose, world, job, origin)
    world.hooks.expect(Delivery(hook, job.id, due, list(_RETRIES), compose, _acknowledged))


def _acknowledged(status: int, body: bytes) -> bool:
    return status == 200 and body == b"ok"


async def _compose(
    world: World, job: Job, origin: str, hook: Hook
) -> tuple[Mapping[str, str], bytes]:
    """Return headers and body, signed anew for every attempt.

    Whether a retry keeps its first timestamp was not found. The timestamp is of the real
    clock: a receiver compares it with its own, and the sandbox's time runs ahead.
    """
    news = await _news(world, job, origin)
    stamp, nonce = str(int(time.time())), world.uuid().replace("-", "")
    signed = "\n".join((stamp, nonce, _query(news, hook.order)))
    digest = hmac.new(hook.secret.encode(), signed.encode(), hashlib.sha256).digest()
    headers = {
        "Content-Type": "application/json",
        "Webhook-Timestamp": stamp,
        "Webhook-Nonce": nonce,
        "Webhook-Signature": base64.b64encode(digest).decode(),
        "Ai-Trace-Id": job.trace_id,
    }
    return headers, json.dumps(news).encode()


async def _news(world: World, job: Job, origin: str) -> dict[str, object]:
    output: Output = job.details["output"]
    state = world.state(job)
    url, size, has_audio = "", 0.0, False
    if state is State.SUCCEEDED:
        world.files.put(output.path, output.file)
        url, has_audio = origin + output.path, output.has_audio
        size = round(len(await output.file.content()) / _MIB, 3)
    return {
        "id": job.id,
        "status": WORDS[state],
        "url": url,
        "size": size,
        "has_audio": has_audio,
        "credits": int(job.charged),
    }


def _query(news: Mapping[str, object], order: str) -> str:
    """Return the fields as a query; numbers and booleans are written as JSON writes them."""
    pairs = {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in news.items()
    }
    return urlencode(sorted(pairs.items()) if order == "sorted" else list(pairs.items()))
