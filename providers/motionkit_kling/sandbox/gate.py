"""Common handling of every call: credentials, rate limit, handler, envelope."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import attrs
from aiohttp import web

from motionkit.sandbox import Account, Route, World
from motionkit.sandbox.hooks import is_loopback
from motionkit_kling.sandbox import tokens
from motionkit_kling.sandbox.codes import SHAPES, Refusal

VENDOR = "kling"
KEY_HEADER = "Authorization"
_SCHEME = "Bearer "
ABNORMAL, FOREIGN = "account", "ip"
"""In an account's `denied`: its state is abnormal (1100); its calls come from elsewhere (1304)."""
Phases: TypeAlias = tuple[str, ...] | Callable[[web.Request], tuple[str, ...]]


@attrs.frozen
class Call:
    """An authenticated call."""

    request: web.Request
    account: Account
    phases: tuple[str, ...]

    def origin(self) -> str:
        """Return the base URL of the vendor's files."""
        here = self.request.host
        if is_loopback(here.rpartition(":")[0] or here):
            return f"{self.request.scheme}://{here}"
        return "https://v16-kling-fdl.klingai.com"

    async def fields(self) -> dict[str, Any]:
        """Return the JSON object of the body; anything else is refused (1200)."""
        try:
            body = await self.request.json()
        except ValueError:
            raise Refusal(1200, "the body is not JSON") from None
        if self.request.content_type != "application/json" or not isinstance(body, dict):
            raise Refusal(1200, "the body has to be a JSON object, sent as application/json")
        return body


Handler: TypeAlias = Callable[[Call], Awaitable[object]]


@attrs.define(eq=False)
class Gate:
    """The common handling of the vendor's endpoints.

    Attributes:
        world: The sandbox's state.
        token_clock: Vendor time that tokens are verified against.
    """

    world: World
    token_clock: Callable[[], float]

    def route(
        self, method: str, path: str, phases: Phases, handler: Handler, *, legacy: bool = False
    ) -> Route:
        """Return a route whose handler returns the data of success or raises `Refusal`.

        Args:
            method: The HTTP method.
            path: Its path.
            phases: For faults.
            handler: Answers a call.
            legacy: Whether it takes tokens beside API keys.
        """

        async def serve(request: web.Request) -> web.StreamResponse:
            here = route.phases_of(request)
            body: Any = {"code": 0, "message": "SUCCEED", "request_id": self.world.uuid()}
            try:
                call = Call(request, self._account(request, legacy=legacy), here)
                self._admit(call)
                body["data"] = await handler(call)
            except Refusal as refusal:
                body |= {"code": refusal.code, "message": refusal.message}
                return web.json_response(body, status=refusal.status)
            shape = self.world.faults.take("shape", here, VENDOR)
            return web.json_response(body if shape is None else SHAPES[shape["shape"]](body))

        route = Route(method, path, serve, phases)
        return route

    def _account(self, request: web.Request, *, legacy: bool) -> Account:
        sent = request.headers.get(KEY_HEADER, "")
        if not sent.strip():
            raise Refusal(1001)
        if not sent.startswith(_SCHEME):
            raise Refusal(1000)
        credential = sent.removeprefix(_SCHEME)
        account = self.world.account(VENDOR, sent)
        token = tokens.is_token(credential)
        if account is not None and credential == account.key:
            return account
        if not legacy:
            raise Refusal(1002, "AK/SK is not supported by this API, use an API key")
        if not token:
            parts = credential.count(".") + 1 if "." in credential else 0
            raise Refusal(1002, f"The token was expected to have 3 parts, but got {parts}.")
        if account is None:
            raise Refusal(1002)
        tokens.verify(credential, account.key, self.token_clock())
        return account

    def _admit(self, call: Call) -> None:
        fault = self.world.faults.take("refuse", call.phases, VENDOR)
        if fault is not None:
            code = 1201 if fault["code"] is None else fault["code"]
            raise Refusal(code, fault["message"], status=fault["status"])
        for word, code in ((FOREIGN, 1304), (ABNORMAL, 1100)):
            if word in call.account.denied:
                raise Refusal(code)
        if call.account.over_rate(self.world.clock.now()) is not None:
            raise Refusal(1302)
