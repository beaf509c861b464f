"""Authentication, the version header, refusals, and the order in which a call is checked."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeAlias

import attrs
from aiohttp import web

from motionkit.sandbox import Account, Route, World
from motionkit.sandbox.hooks import is_loopback

VENDOR = "runway"
KEY_HEADER = "Authorization"
VERSION_HEADER = "X-Runway-Version"
VERSION = "2024-11-06"
DOCS = "https://docs.dev.runwayml.com/api"
NO_CREDITS = "You do not have enough credits to run this task."
_SCHEME = "Bearer "
_INVALID_BODY = "Validation of body failed"


class Refusal(Exception):
    """A call is refused: nothing is created, nothing is charged."""

    def __init__(self, status: int, error: str, *, docs: bool = False, **more: Any) -> None:
        super().__init__(status, error)
        self.status = status
        self.body = {"error": error, **more, **({"docUrl": DOCS} if docs else {})}


def invalid(issues: Iterable[Mapping[str, Any]]) -> Refusal:
    """Return the refusal of a body, with everything that is wrong with it."""
    return Refusal(400, _INVALID_BODY, docs=True, issues=list(issues))


@attrs.frozen
class Call:
    """An authenticated call."""

    request: web.Request
    account: Account
    phases: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return the id in the path."""
        return self.request.match_info["id"]

    def origin(self, host: str) -> str:
        """Return the base URL of a vendor's host; on loopback the client's own stands for all."""
        here = self.request.host
        if is_loopback(here.rpartition(":")[0] or here):
            return f"{self.request.scheme}://{here}"
        return f"https://{host}"

    async def fields(self) -> dict[str, Any]:
        """Return the JSON object of the body."""
        text = await self.request.read()
        try:
            sent = json.loads(text or b"{}")
        except ValueError:
            raise Refusal(400, "Invalid JSON in the request body") from None
        if not isinstance(sent, dict):
            issue = {"code": "invalid_type", "path": [], "message": "Expected object"}
            raise invalid([issue])
        return sent


Handler: TypeAlias = Callable[[Call], Awaitable[web.StreamResponse]]


@attrs.define(eq=False)
class Gate:
    """Common behaviour of the vendor's endpoints.

    Attributes:
        world: The sandbox's state.
    """

    world: World

    def routes(self, path: str, handlers: Mapping[str, tuple[Handler, str | None]]) -> list[Route]:
        """Return the routes of a path.

        Args:
            path: aiohttp path pattern.
            handlers: Handler and phases, separated by blanks, by HTTP verb; any other verb is
                refused with 405.
        """
        routes = [
            Route(verb, path, self._serve(handler, phases), phases)
            for verb, (handler, named) in handlers.items()
            for phases in [tuple((named or "other").split())]
        ]
        return [*routes, Route("*", path, self._serve(_wrong_verb, ("other",)), ("other",))]

    def _serve(
        self, handler: Handler, phases: tuple[str, ...]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(self._admit(request, phases))
            except Refusal as refusal:
                return web.json_response(refusal.body, status=refusal.status)

        return serve

    def _admit(self, request: web.Request, phases: tuple[str, ...]) -> Call:
        key = request.headers.get(KEY_HEADER, "")
        account = self.world.account(VENDOR, key) if key.startswith(_SCHEME) else None
        if account is None:
            raise Refusal(401, "You did not provide a valid API key.", docs=True)
        if request.headers.get(VERSION_HEADER) != VERSION:
            text = f"The {VERSION_HEADER} header is missing or names an unknown version."
            raise Refusal(400, text, docs=True)
        fault = self.world.faults.take("refuse", phases, VENDOR)
        if fault is not None:
            status = fault["status"] or fault["code"] or 400
            raise Refusal(status, fault["message"] or "Refused by the sandbox")
        return Call(request, account, phases)


async def _wrong_verb(_call: Call) -> web.StreamResponse:
    raise Refusal(405, "Method not allowed")
