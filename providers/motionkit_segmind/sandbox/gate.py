"""Authentication, rate limits and refusals of the gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import attrs
from aiohttp import web

from motionkit.sandbox import Account, Route, World
from motionkit.sandbox.clock import stamp

VENDOR = "segmind"
KEY_HEADER = "x-api-key"
RESET_HEADER = "x-rate-limit-reset-at-utc"
_GATEWAY = ("/v1/", "/v2/")
_NO_KEY = "Missing Authorization or x-api-key in header"
_BAD_KEY = "Unauthorized. API key is invalid or may have expired..."
_WRONG_VERB = (
    "<!doctype html><html lang=en><title>405 Method Not Allowed</title>"
    "<h1>Method Not Allowed</h1>"
    "<p>The method is not allowed for the requested URL.</p></html>"
)
# Shapes of an error response that clients observed, beside the documented `error`.
ERROR_SHAPES: Mapping[str, Callable[[int, str], dict[str, Any]]] = {
    "detail": lambda _, text: {"detail": text},
    "message": lambda _, text: {"message": text},
    "auth": lambda status, text: {
        "error": "invalid_api_key",
        "error_description": text,
        "status_code": status,
    },
}


class Refusal(Exception):
    """The gateway refuses a call.

    Args:
        status: HTTP status.
        message: Text under `error`.
        reset: Vendor time at which a rate limit ends.
    """

    def __init__(self, status: int, message: str, reset: float | None = None) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.reset = reset


@attrs.frozen
class Call:
    """An authenticated call."""

    request: web.Request
    account: Account
    phases: tuple[str, ...]

    def origin(self) -> str:
        """Return the base URL that the client used: all URLs in responses are absolute."""
        return f"{self.request.scheme}://{self.request.host}"

    async def fields(self) -> dict[str, Any]:
        """Return the body's parameters, from JSON or a form."""
        if self.request.content_type == "multipart/form-data":
            return dict(await self.request.post())
        try:
            sent = await self.request.json()
        except ValueError:
            raise Refusal(400, "Request body is not valid JSON") from None
        if not isinstance(sent, dict):
            raise Refusal(400, "Request body must be a JSON object")
        return sent


Handler: TypeAlias = Callable[[Call], Awaitable[web.StreamResponse]]


@attrs.define(eq=False)
class Gate:
    """Common behaviour of the gateway's endpoints.

    Attributes:
        world: The sandbox's state.
        polls_count: The gateway's GETs count against the rate limit too; the vendor's pages
            leave it open. Uploads and history are on other hosts and do not count.
    """

    world: World
    polls_count: bool = True

    def route(
        self, method: str, path: str, phases: tuple[str, ...], handler: Handler
    ) -> list[Route]:
        """Return a route, and the route that refuses every other method with an HTML page."""
        polls = method == "GET" and path.startswith(_GATEWAY)

        async def serve(request: web.Request) -> web.StreamResponse:
            try:
                call = self._admit(request, phases)
                if polls and self.polls_count:
                    self.limit(call.account)
                return await handler(call)
            except Refusal as refusal:
                return self._refused(refusal, phases)

        async def wrong_verb(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=405, text=_WRONG_VERB, content_type="text/html")

        return [Route(method, path, serve, phases), Route("*", path, wrong_verb, ("other",))]

    def limit(self, account: Account) -> None:
        """Count a call against the account's rate.

        Raises:
            Refusal: The limit of this minute is reached.
        """
        reset = account.over_rate(self.world.clock.now())
        if reset is not None:
            raise Refusal(429, "Rate limit exceeded", reset)

    def _admit(self, request: web.Request, phases: tuple[str, ...]) -> Call:
        key = request.headers.get(KEY_HEADER, "")
        if not key:
            raise Refusal(401, _NO_KEY)
        account = self.world.account(VENDOR, key)
        if account is None:
            raise Refusal(401, _BAD_KEY)
        if request.method == "POST" and request.content_type not in {
            "application/json",
            "multipart/form-data",
        }:
            raise Refusal(406, "Invalid content type")
        fault = self.world.faults.take("refuse", phases, VENDOR)
        if fault is not None:
            status = fault["status"] or fault["code"] or 400
            reset = self.world.clock.now() + 60 if status == 429 else None
            raise Refusal(status, fault["message"] or "Refused by the sandbox", reset)
        return Call(request, account, phases)

    def _refused(self, refusal: Refusal, phases: tuple[str, ...]) -> web.Response:
        headers = {} if refusal.reset is None else {RESET_HEADER: stamp(refusal.reset)}
        shape = self.world.faults.take(
            "shape", phases, VENDOR, lambda fault: fault["shape"] in ERROR_SHAPES
        )
        body = {"error": refusal.message}
        if shape is not None:
            body = ERROR_SHAPES[shape["shape"]](refusal.status, refusal.message)
        return web.json_response(body, status=refusal.status, headers=headers)
