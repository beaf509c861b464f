"""Authentication, rate limits and refusals in the vendor's form of a problem."""

from __future__ import annotations

import base64
import json
import math
import string
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias
from urllib.parse import urlencode

import attrs
from aiohttp import web

from motionkit.sandbox import Account, Route, World
from motionkit.sandbox.hooks import is_loopback

VENDOR = "replicate"
KEY_HEADER = "Authorization"
_SCHEMES = ("Bearer ", "Token ")
_SIGNS = string.digits + string.ascii_lowercase
_LOW = Decimal(5)
_LOW_PAUSE = 10.0
CREDIT = (
    "Insufficient credit",
    (
        "You have insufficient credit to run this model. Go to "
        "https://replicate.com/account/billing#billing to purchase credit. Once you purchase "
        "credit, please wait a few minutes before trying again."
    ),
)
BILLING = (
    "Billing required",
    (
        "You need to set up billing to run this model. Go to "
        "https://replicate.com/account/billing#billing to set up billing."
    ),
)
VERSION = (
    "Invalid version or not permitted",
    "The specified version does not exist (or perhaps you don't have permission to use it?)",
)
_PROBLEMS: Mapping[int, tuple[str, str]] = {
    400: ("Bad request", "The request could not be read"),
    401: ("Unauthenticated", "You did not pass a valid authentication token"),
    402: CREDIT,
    403: ("Forbidden", "You do not have permission to perform this action"),
    404: ("Not found", "The requested resource could not be found."),
    422: VERSION,
    500: ("Internal server error", "Internal server error"),
}
_THROTTLED = "Request was throttled. Your rate limit resets in ~{}s."
_REDUCED = (
    "Request was throttled. Your rate limit for creating predictions is reduced to 6 requests per "
    "minute with a burst of 1 requests while you have less than $5.0 in credit. "
    "Your rate limit resets in ~{}s."
)


class Refusal(Exception):
    """A call is refused: title, detail and status, and perhaps more members."""

    def __init__(self, status: int, title: str = "", detail: str = "", **more: Any) -> None:
        super().__init__(status, title)
        known = _PROBLEMS.get(status, ("", ""))
        self.status = status
        self.body = {
            "title": title or known[0],
            "detail": detail or known[1],
            "status": status,
            **more,
        }


class Missing(Refusal):
    """A refusal that has a detail only."""

    def __init__(self, status: int = 404, detail: str = "Not found") -> None:
        super().__init__(status)
        self.body = {"detail": detail}


class Throttled(Refusal):
    """Too many calls: without a title, the pause in the body."""

    def __init__(self, seconds: float, detail: str = _THROTTLED) -> None:
        super().__init__(429)
        pause = max(1, math.ceil(seconds))
        self.body = {"detail": detail.format(pause), "status": 429, "retry_after": pause}


def invalid(kind: str, field: str, text: str) -> Refusal:
    """Return the refusal of one invalid field."""
    rows = [{"type": kind, "field": field, "description": text}]
    return Refusal(422, "Input validation failed", f"- {field}: {text}\n", invalid_fields=rows)


@attrs.frozen
class Call:
    """An authenticated call."""

    request: web.Request
    account: Account
    phases: tuple[str, ...]

    @property
    def api(self) -> str:
        """Return the API's base URL for the client."""
        return origin(self.request, "api.replicate.com") + "/v1"

    async def fields(self) -> dict[str, Any]:
        """Return the JSON object of the body."""
        try:
            sent = json.loads(await self.request.read() or b"{}")
        except ValueError:
            raise Refusal(400, "Bad request", "The request body is not valid JSON") from None
        if not isinstance(sent, dict):
            raise invalid("invalid_type", "(root)", "Invalid type. Expected: object")
        return sent


def origin(request: web.Request, host: str) -> str:
    """Return the base URL of a vendor's host; on loopback the client's own stands for all."""
    here = request.host
    if is_loopback(here.rpartition(":")[0] or here):
        return f"{request.scheme}://{here}"
    return f"https://{host}"


Handler: TypeAlias = Callable[[Call], Awaitable[web.StreamResponse]]


class Gate:
    """Common behaviour of the vendor's endpoints.

    Args:
        world: The sandbox's state.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._last: dict[str, float] = {}

    def route(
        self,
        method: str,
        path: str,
        phases: tuple[str, ...] | Callable[[web.Request], tuple[str, ...]],
        handler: Handler,
    ) -> Route:
        """Return a route for calls with a token."""

        async def serve(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(self._admit(request, route.phases_of(request)))
            except Refusal as refusal:
                text = json.dumps(refusal.body) + "\n"
                kind = "application/problem+json" if "title" in refusal.body else "application/json"
                return web.Response(status=refusal.status, text=text, content_type=kind)

        route = Route(method, f"/v1{path}", serve, phases)
        return route

    def name(self) -> str:
        """Return a new id of 26 lower-case letters and digits."""
        number, signs = int((self.world.uuid() + self.world.uuid()).replace("-", ""), 16), []
        for _ in range(26):
            number, one = divmod(number, len(_SIGNS))
            signs.append(_SIGNS[one])
        return "".join(signs)

    def limit(self, account: Account) -> None:
        """Count a submit against the account's rate, which is lower with little credit.

        Raises:
            Throttled: The limit is reached.
        """
        now = self.world.clock.now()
        until = account.over_rate(now)
        if until is not None:
            raise Throttled(until - now)
        last = self._last.get(account.key)
        if account.balance < _LOW and last is not None and now < last + _LOW_PAUSE:
            raise Throttled(last + _LOW_PAUSE - now, _REDUCED)
        self._last[account.key] = now

    def _admit(self, request: web.Request, phases: tuple[str, ...]) -> Call:
        key = request.headers.get(KEY_HEADER, "")
        account = self.world.account(VENDOR, key) if key.startswith(_SCHEMES) else None
        if account is None:
            raise Refusal(401)
        fault = self.world.faults.take("refuse", phases, VENDOR)
        if fault is not None:
            status = fault["status"] or fault["code"] or 400
            if status == 429:
                raise Throttled(7, fault["message"] or _THROTTLED)
            raise Refusal(status, detail=fault["message"] or "")
        return Call(request, account, phases)


def page(call: Call, rows: Sequence[tuple[str, Any]], size: int) -> web.Response:
    """Return one page of named rows, newest first, with the URLs of its neighbours.

    A cursor names the row next to its page, so that a new row moves nothing.
    """
    names = [name for name, _ in rows]
    start = 0
    if cursor := call.request.query.get("cursor"):
        try:
            side, _, name = base64.b64decode(cursor, validate=True).decode().partition("=")
            at = names.index(name)
        except ValueError:
            raise Refusal(400, "Bad request", "Invalid cursor") from None
        start = at + 1 if side == "p" else max(0, at - size)
    shown = rows[start : start + size]

    def neighbour(side: str, name: str) -> str:
        mark = base64.b64encode(f"{side}={name}".encode()).decode()
        asked = {**call.request.query, "cursor": mark}
        path = call.request.path.removeprefix("/v1")
        return f"{call.api}{path}?{urlencode(asked)}"

    more = start + size < len(rows)
    return web.json_response(
        {
            "next": neighbour("p", shown[-1][0]) if more else None,
            "previous": neighbour("r", shown[0][0]) if start and shown else None,
            "results": [row for _, row in shown],
        }
    )
