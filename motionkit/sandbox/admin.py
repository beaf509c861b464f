"""The sandbox's own endpoints under `/_sandbox/`: ledger, faults, clock, accounts, webhooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from motionkit.sandbox.app import SandboxApp
from motionkit.sandbox.ledger import ledger
from motionkit.sandbox.world import Account, World, open_account

_LIMITS: Mapping[str, Callable[[Any], Any]] = {
    "concurrency": int,
    "rpm": int,
    "denied": frozenset,
    "spend_limit": lambda value: Decimal(str(value)),
}


class Admin:
    """Look into the world and change it, for tests and for people with curl."""

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
            web.route("*", "/_sandbox/elsewhere{tail:.*}", self._elsewhere),
        ]

    def add_account(self, told: Mapping[str, Any]) -> Account:
        """Open the account that an object describes.

        Raises:
            ValueError: A field is missing, unknown or unreadable.
        """
        fields = {key: value for key, value in told.items() if value is not None}
        app = self._apps.get(vendor := fields.pop("vendor", ""))
        if app is None:
            raise ValueError(f"unknown vendor {vendor!r}; known: {', '.join(sorted(self._apps))}")
        key = fields.pop("key", None)
        if not isinstance(key, str) or not key:
            raise ValueError("an account needs a key")
        pools = fields.pop("balances", None) or {app.pool: fields.pop("balance", 0)}
        label = fields.pop("label", None)
        if unknown := set(fields) - set(_LIMITS):
            raise ValueError(
                f"unknown account field {min(unknown)!r}; known: balance, balances, label, "
                f"{', '.join(sorted(_LIMITS))}"
            )
        try:
            limits = {name: _LIMITS[name](value) for name, value in fields.items()}
            account = open_account(app.name, key, pools, label=label, **limits)
        except (InvalidOperation, TypeError) as error:
            raise ValueError(f"an amount or limit cannot be read: {error}") from error
        return self._world.add_account(account)

    async def _ledger(self, _request: web.Request) -> web.Response:
        return web.json_response(ledger(self._world, self._apps.values()))

    async def _faults(self, _request: web.Request) -> web.Response:
        return web.json_response(self._world.faults.left())

    async def _add_faults(self, request: web.Request) -> web.Response:
        specs = await _json(request)
        for spec in specs if isinstance(specs, list) else [specs]:
            try:
                self._world.faults.add(spec)
            except (TypeError, ValueError) as error:
                return _refused(error)
        return await self._faults(request)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._world.faults.clear()
        return await self._faults(request)

    async def _clock(self, request: web.Request) -> web.Response:
        told = await _json(request)
        try:
            self._world.advance(float(told["advance"]))
        except (KeyError, TypeError, ValueError) as error:
            return _refused(error)
        await self._world.hooks.deliver()
        return await self._ledger(request)

    async def _accounts(self, request: web.Request) -> web.Response:
        told = await _json(request)
        try:
            account = self.add_account(told)
        except (AttributeError, ValueError) as error:
            return _refused(error)
        return web.json_response({"vendor": account.vendor, "label": account.label})

    async def _webhooks(self, _request: web.Request) -> web.Response:
        return web.json_response(self._world.hooks.told())

    async def _add_webhook(self, request: web.Request) -> web.Response:
        told = await _json(request)
        try:
            self._world.hooks.register(told)
        except (AttributeError, TypeError, ValueError) as error:
            return _refused(error)
        return await self._webhooks(request)

    async def _elsewhere(self, request: web.Request) -> web.Response:
        """Stand for a host that is not the vendor's, and notice a key that arrives there."""
        headers = {app.key_header for app in self._apps.values()}
        self._world.keys_sent_elsewhere += any(header in request.headers for header in headers)
        return web.json_response({})


async def _json(request: web.Request) -> Any:
    try:
        return await request.json()
    except ValueError:
        raise web.HTTPBadRequest(text="the body is not JSON") from None


def _refused(error: Exception) -> web.Response:
    return web.json_response({"error": str(error) or type(error).__name__}, status=400)
