"""The sandbox's own endpoints: ledger, faults, clock, accounts, webhooks, files."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import quote

from aiohttp import web

from motionkit.sandbox.app import SandboxApp
from motionkit.sandbox.files import StoredFile
from motionkit.sandbox.ledger import ledger
from motionkit.sandbox.world import Account, World, open_account

_FIELDS: Mapping[str, Callable[[Any], Any]] = {
    "label": str,
    "balances": lambda pools: {name: Decimal(str(amount)) for name, amount in pools.items()},
    "concurrency": int,
    "rpm": int,
    "denied": frozenset,
    "spend_limit": lambda value: Decimal(str(value)),
}


def _read(name: str, value: Any) -> Any:
    try:
        return _FIELDS[name](value)
    except (ArithmeticError, AttributeError, TypeError, ValueError):
        shown = json.dumps(value, default=str)
        raise ValueError(f"account field {name}: invalid value {shown}") from None


class Admin:
    """Show the world and change it, for tests and for people with curl."""

    def __init__(self, world: World, apps: Sequence[SandboxApp]) -> None:
        self._world = world
        self._apps = {app.name: app for app in apps}

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the admin endpoints."""
        return [
            web.get("/_sandbox/ledger", self._ledger),
            web.get("/_sandbox/faults", self._faults),
            web.post("/_sandbox/faults", self._add_faults),
            web.delete("/_sandbox/faults", self._clear_faults),
            web.post("/_sandbox/clock", self._clock),
            web.post("/_sandbox/accounts", self._accounts),
            web.get("/_sandbox/webhooks", self._webhooks),
            web.post("/_sandbox/webhooks", self._add_webhook),
            web.put("/_sandbox/files/{name}", self._put_file),
            web.get("/_sandbox/files/{name}", partial(self._world.files.serve, vendor="")),
            web.route("*", "/_sandbox/elsewhere{tail:.*}", self._elsewhere),
        ]

    def publish(self, name: str, content: bytes) -> str:
        """Publish a file for vendors that fetch media by URL; return its path."""
        mime = mimetypes.guess_type(name)[0] or "application/octet-stream"
        path = f"/_sandbox/files/{quote(name, safe='')}"
        self._world.files.put(path, StoredFile("", mime, content))
        return path

    def add_account(self, fields: Mapping[str, Any]) -> Account:
        """Open the account that an object describes.

        Raises:
            ValueError: A field is missing, unknown or invalid.
        """
        fields = {key: value for key, value in fields.items() if value is not None}
        app = self._apps.get(vendor := fields.pop("vendor", ""))
        if app is None:
            raise ValueError(f"unknown vendor {vendor!r}; known: {', '.join(sorted(self._apps))}")
        key = fields.pop("key", None)
        if not isinstance(key, str) or not key:
            raise ValueError("an account needs a key")
        if not fields.get("balances"):
            fields["balances"] = {app.pool: fields.pop("balance", 0)}
        if unknown := set(fields) - set(_FIELDS):
            known = ", ".join(sorted([*_FIELDS, "balance"]))
            raise ValueError(f"unknown account field {min(unknown)!r}; known: {known}")
        values = {name: _read(name, value) for name, value in fields.items()}
        pools = values.pop("balances")
        return self._world.add_account(open_account(app.name, key, pools, **values))

    async def _ledger(self, _request: web.Request) -> web.Response:
        return web.json_response(ledger(self._world, self._apps.values()))

    async def _faults(self, _request: web.Request) -> web.Response:
        return web.json_response(self._world.faults.left())

    async def _add_faults(self, request: web.Request) -> web.Response:
        specs = await _json(request)
        with _refused():
            for spec in specs if isinstance(specs, list) else [specs]:
                self._world.faults.add(spec)
        return await self._faults(request)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._world.faults.clear()
        return await self._faults(request)

    async def _clock(self, request: web.Request) -> web.Response:
        seconds = (await _json(request, dict)).get("advance")
        with _refused():
            if type(seconds) not in {int, float}:
                raise ValueError(f"advance: {json.dumps(seconds)} is not a number of seconds")
            self._world.advance(seconds)
        await self._world.hooks.deliver()
        return await self._ledger(request)

    async def _accounts(self, request: web.Request) -> web.Response:
        fields = await _json(request, dict)
        with _refused():
            account = self.add_account(fields)
        return web.json_response({"vendor": account.vendor, "label": account.label})

    async def _webhooks(self, _request: web.Request) -> web.Response:
        return web.json_response(self._world.hooks.as_data())

    async def _add_webhook(self, request: web.Request) -> web.Response:
        fields = await _json(request, dict)
        with _refused():
            self._world.hooks.register(fields)
        return await self._webhooks(request)

    async def _put_file(self, request: web.Request) -> web.Response:
        path = self.publish(request.match_info["name"], await request.read())
        return web.json_response({"url": f"{request.scheme}://{request.host}{path}"})

    async def _elsewhere(self, request: web.Request) -> web.Response:
        """Answer as a host that is not the vendor's, and count the keys that arrive there."""
        headers = {app.key_header for app in self._apps.values()}
        self._world.keys_sent_elsewhere += any(header in request.headers for header in headers)
        return web.json_response({})


async def _json(request: web.Request, kind: type = object) -> Any:
    try:
        body = await request.json()
    except ValueError:
        raise web.HTTPBadRequest(text="the body is not JSON") from None
    if not isinstance(body, kind):
        raise web.HTTPBadRequest(text="the body is not a JSON object")
    return body


@contextmanager
def _refused() -> Iterator[None]:
    """Refuse the call with 400 and the reason where a value is invalid."""
    try:
        yield
    except ValueError as error:
        body = json.dumps({"error": str(error)})
        raise web.HTTPBadRequest(text=body, content_type="application/json") from error
