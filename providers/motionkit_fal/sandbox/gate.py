"""Authentication, scopes, rate limits and refusals."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import attrs
from aiohttp import web

from motionkit.sandbox import Account, Route, World
from motionkit.sandbox.hooks import is_loopback

VENDOR = "fal"
KEY_HEADER = "Authorization"
_SCHEME = "Key "
ADMIN = "admin"
"""In an account's `denied`: its key has the scope API only."""


class Refusal(Exception):
    """A call is refused, with a body of the queue: ``detail`` and perhaps ``error_type``."""

    def __init__(self, status: int, detail: Any, kind: str | None = None) -> None:
        super().__init__(status, detail)
        self.status = status
        self.body: dict[str, Any] = {"detail": detail}
        self.headers = {}
        if kind is not None:
            self.body["error_type"] = kind
            self.headers["X-Fal-Error-Type"] = kind


class PlatformRefusal(Refusal):
    """A call is refused, with a body of the platform's API."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(status, message)
        self.body = {"error": {"type": kind, "message": message}}


@attrs.frozen
class Call:
    """An authenticated call."""

    request: web.Request
    account: Account
    phases: tuple[str, ...]

    def origin(self, host: str | None = None) -> str:
        """Return the base URL of a vendor's host; on loopback the client's own stands for all."""
        here = self.request.host
        if is_loopback(here.rpartition(":")[0] or here):
            return f"{self.request.scheme}://{here}"
        return f"https://{host or here}"

    async def fields(self) -> dict[str, Any]:
        """Return the JSON object of the body."""
        try:
            sent = json.loads(await self.request.read() or b"{}")
        except ValueError:
            raise Refusal(400, "Invalid JSON body", "bad_request") from None
        if not isinstance(sent, dict):
            raise Refusal(400, "The body has to be an object", "bad_request")
        return sent


Handler: TypeAlias = Callable[[Call], Awaitable[web.StreamResponse]]


@attrs.define(eq=False)
class Gate:
    """Common behaviour of the vendor's endpoints.

    Attributes:
        world: The sandbox's state.
    """

    world: World

    def route(
        self,
        method: str,
        path: str,
        phases: tuple[str, ...],
        handler: Handler,
        *,
        admin: bool = False,
    ) -> Route:
        """Return a route for calls with a key; `admin` needs a key of that scope."""

        async def serve(request: web.Request) -> web.StreamResponse:
            try:
                call = self._admit(request, phases)
                if admin and ADMIN in call.account.denied:
                    raise PlatformRefusal(
                        403, "authorization_error", "This endpoint requires an ADMIN key"
                    )
                return await handler(call)
            except Refusal as refusal:
                headers = {"x-fal-request-id": self.world.uuid(), **refusal.headers}
                return web.json_response(refusal.body, status=refusal.status, headers=headers)

        return Route(method, path, serve, phases)

    def limit(self, account: Account) -> None:
        """Count a call against the account's rate.

        Raises:
            Refusal: The limit of this minute is reached.
        """
        if account.over_rate(self.world.clock.now()) is not None:
            raise Refusal(429, "Too many requests", "rate_limited")

    def _admit(self, request: web.Request, phases: tuple[str, ...]) -> Call:
        key = request.headers.get(KEY_HEADER, "")
        account = self.world.account(VENDOR, key) if key.startswith(_SCHEME) else None
        if account is None:
            raise Refusal(401, "Authentication is required to access this application")
        fault = self.world.faults.take("refuse", phases, VENDOR)
        if fault is not None:
            status = fault["status"] or fault["code"] or 400
            raise Refusal(status, fault["message"] or "Refused by the sandbox", _KINDS.get(status))
        return Call(request, account, phases)


_KINDS: Mapping[int, str] = {
    400: "bad_request",
    401: "auth_error",
    404: "not_found",
    500: "internal_error",
}
LOCKED = (
    "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
)
