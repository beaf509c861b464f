"""Registered webhooks and their deliveries, retried on the vendor's clock."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import aiohttp
import attrs

from motionkit.sandbox.clock import Clock, stamp

ORDERS = ("sorted", "given")
_PATIENCE = 5.0  # wall seconds for a receiver to answer
_SHOWN = 200  # characters of a response that are kept


def is_loopback(host: str | None) -> bool:
    """Return whether a host name is this machine."""
    if host is None or host.lower() in {"localhost", "localhost."}:
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@attrs.frozen
class Hook:
    """A registered webhook.

    Attributes:
        id: The name in a submit.
        url: Where it is delivered: loopback only.
        secret: The key of the signatures.
        order: Order of the keys in the signed text: "sorted", or as "given" in the body.
    """

    id: str
    url: str
    secret: str = attrs.field(repr=False)
    order: str = "sorted"


Compose: TypeAlias = Callable[[Hook], Awaitable[tuple[Mapping[str, str], bytes]]]


@attrs.define(eq=False)
class Delivery:
    """A delivery of one job's event to one webhook.

    Attributes:
        hook: The webhook.
        job_id: The job.
        due: Vendor time of the next attempt; None if there is none.
        delays: Vendor seconds from a failed attempt to the next one.
        compose: Returns headers and body of an attempt.
        accepts: Returns whether status and body acknowledge the delivery.
        state: waiting, delivered, lost or given up.
    """

    hook: Hook
    job_id: str
    due: float | None
    delays: list[float]
    compose: Compose
    accepts: Callable[[int, bytes], bool]
    state: str = "waiting"
    attempts: list[dict[str, Any]] = attrs.field(factory=list)

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return {
            "webhook": self.hook.id,
            "job": self.job_id,
            "state": self.state,
            "attempts": list(self.attempts),
            "next": None if self.due is None else stamp(self.due),
        }


class HookBook:
    """The registered webhooks and every delivery.

    Args:
        clock: The vendors' time.
        wake: Called when there is a new event to wait for.
    """

    def __init__(self, clock: Clock, wake: Callable[[], None]) -> None:
        self._clock = clock
        self._wake = wake
        self._hooks: dict[str, Hook] = {}
        self._deliveries: list[Delivery] = []
        self._turn = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    def register(self, fields: Mapping[str, Any]) -> Hook:
        """Register the webhook that an object describes: id, url, secret, order.

        Raises:
            ValueError: A field is missing, unknown or invalid, or the URL leaves this machine.
        """
        fields = {name: value for name, value in fields.items() if value is not None}
        known = [field.name for field in attrs.fields(Hook)]
        if unknown := set(fields) - set(known):
            raise ValueError(f"unknown webhook field {min(unknown)!r}; known: {', '.join(known)}")
        blank = {"id": "", "url": "", "secret": ""}
        hook = Hook(**{name: str(value) for name, value in (blank | fields).items()})
        if not (hook.id and hook.secret):
            raise ValueError("a webhook needs an id and a secret")
        try:
            target = urlsplit(hook.url)
        except ValueError:  # an IPv6 address without its bracket, say
            target = urlsplit("")
        if target.scheme != "http" or not is_loopback(target.hostname):
            raise ValueError(f"a webhook's url is http on loopback only, not {hook.url!r}")
        if hook.order not in ORDERS:
            raise ValueError(f"unknown order {hook.order!r}; known: {', '.join(ORDERS)}")
        self._hooks[hook.id] = hook
        return hook

    def get(self, name: str) -> Hook | None:
        """Return a registered webhook."""
        return self._hooks.get(name)

    def expect(self, delivery: Delivery) -> None:
        """Schedule a delivery."""
        self._deliveries.append(delivery)
        self._wake()

    def next_due(self) -> float | None:
        """Return the vendor time of the next attempt."""
        return min((one.due for one in self._deliveries if one.due is not None), default=None)

    def as_data(self) -> dict[str, Any]:
        """Return all webhooks and deliveries as JSON-able data, without the secrets."""
        return {
            "registered": [
                {"id": hook.id, "url": hook.url, "order": hook.order}
                for hook in self._hooks.values()
            ],
            "deliveries": [delivery.as_data() for delivery in self._deliveries],
        }

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Open the HTTP session of the deliveries."""
        timeout = aiohttp.ClientTimeout(total=_PATIENCE)
        async with aiohttp.ClientSession(timeout=timeout) as self._session:
            yield
        self._session = None

    async def deliver(self) -> None:
        """Make every attempt that is due, one after another in the order of their times.

        A retry is due relative to the attempt before it, so that a jump of the clock makes every
        attempt within it.
        """
        async with self._turn:
            while (delivery := self._due()) is not None:
                await self._attempt(delivery)

    def _due(self) -> Delivery | None:
        now = self._clock.now()
        waiting = [one for one in self._deliveries if one.due is not None and one.due <= now]
        return min(waiting, key=lambda one: one.due or 0.0, default=None)

    async def _attempt(self, delivery: Delivery) -> None:
        when, delivery.due = delivery.due or 0.0, None
        headers, body = await delivery.compose(delivery.hook)
        status, answer, error = await self._post(delivery.hook.url, headers, body)
        delivery.attempts.append(
            {
                "time": stamp(when),
                "status": status,
                "answer": answer[:_SHOWN].decode(errors="replace"),
                "error": error,
            }
        )
        if status is not None and delivery.accepts(status, answer):
            delivery.state = "delivered"
        elif delivery.delays:
            delivery.due = when + delivery.delays.pop(0)
        else:
            delivery.state = "given up"

    async def _post(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int | None, bytes, str]:
        if self._session is None:
            raise RuntimeError("the sandbox is not running")
        try:
            async with self._session.post(
                url, headers=headers, data=body, allow_redirects=False
            ) as response:
                return response.status, await response.read(), ""
        except TimeoutError:
            return None, b"", f"no answer within {_PATIENCE:g} s"
        except aiohttp.ClientError:
            return None, b"", "the connection failed"
