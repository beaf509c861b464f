"""Count each call and apply the wire faults around the vendor's own handler."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextvars import ContextVar
from typing import cast

import attrs
from aiohttp import web

from motionkit.sandbox.app import Handler, Route, SandboxApp
from motionkit.sandbox.faults import WIRE, Fault
from motionkit.sandbox.world import World

SPOILED: ContextVar[bool] = ContextVar("spoiled", default=False)
"""Whether the response to the call never arrives, so that a handler need not wait."""
_ACCEPTED = "accept_then_"
_BEFORE = frozenset({"close", "hang", "http", "html", "redirect"})
"""Faults that replace the handler; those named ``accept_then_...`` follow it."""
_HTML = "<html><head><title>{0}</title></head><body><h1>{0}</h1><hr>gateway</body></html>"
_DRIP = 16  # first bytes that arrive at once, so that the response has visibly begun


def endpoint(world: World, app: SandboxApp, route: Route) -> Handler:
    """Return the handler of a route with the counting and the wire faults around it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handle(request)
        except ConnectionError:  # the client has gone
            return web.Response()

    async def handle(request: web.Request) -> web.StreamResponse:
        world.settle()
        phases = route.phases_of(request)
        key = request.headers.get(app.key_header, "")
        if "download" in phases:
            world.files.keys_sent[app.name] += bool(key)
        else:
            (world.account(app.name, key) or world.stranger(app.name)).calls[phases[0]] += 1
        fault = world.faults.take(WIRE, phases, app.name)
        SPOILED.set(fault is not None and fault.name.startswith(_ACCEPTED))
        if fault is None:
            return await route.handler(request)
        if fault.name == "reset":
            return await _Spoiler(world, request, fault, web.Response()).reset()
        response: web.StreamResponse = web.Response()
        if fault.name in _BEFORE:  # read it all: an early response looks like a broken connection
            async for _ in request.content.iter_any():
                pass
        else:
            response = await route.handler(request)
        act = getattr(_Spoiler(world, request, fault, response), fault.name.removeprefix(_ACCEPTED))
        return cast("web.StreamResponse", await act())

    return answer


@attrs.frozen
class _Spoiler:
    """A call that a fault spoils: one method per wire fault.

    Attributes:
        world: The world.
        request: The call.
        fault: The fault.
        response: The handler's response; empty if the fault replaces the handler.
    """

    world: World
    request: web.Request
    fault: Fault
    response: web.StreamResponse

    async def reset(self) -> web.StreamResponse:
        """Send a TCP reset: abort without lingering."""
        if self.request.transport is not None:
            connection = self.request.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.request.transport.abort()
        return web.Response()

    async def close(self) -> web.StreamResponse:
        if self.request.transport is not None:
            self.request.transport.close()
        return web.Response()

    async def hang(self) -> web.StreamResponse:
        await self.world.stopping.wait()
        return await self.close()

    async def http(self) -> web.StreamResponse:
        pause = self.fault["retry_after"]
        headers = {} if pause is None else {"Retry-After": pause}
        return web.Response(status=self.fault["status"], text=self.fault["body"], headers=headers)

    async def html(self) -> web.StreamResponse:
        status = self.fault["status"]
        page = _HTML.format(f"{status} Bad Gateway")
        return web.Response(status=status, text=page, content_type="text/html")

    async def redirect(self) -> web.StreamResponse:
        target = self.fault["to"] or elsewhere(self.request)
        return web.Response(status=self.fault["status"], headers={"Location": target})

    async def truncate(self) -> web.StreamResponse:
        body = self._body()
        half = body[: max(1, len(body) // 2)]
        if self.fault["cut"] == "body":
            status, headers = self._head()
            return web.Response(status=status, headers=headers, body=half)
        await (await self._begun(len(body))).write(half)
        return await self.close()

    async def oversize(self) -> web.StreamResponse:
        """Put blanks before the body: still the same JSON, but far too large."""
        body, left = self._body(), self.fault["bytes"]
        response = await self._begun(left + len(body))
        while left:
            piece = b" " * min(left, 2**16)
            await response.write(piece)
            left -= len(piece)
        await response.write(body)
        return response

    async def slow(self) -> web.StreamResponse:
        """Send one byte per pause until the client or the sandbox gives up."""
        body = self._body()
        response = await self._begun(len(body))
        await response.write(body[:_DRIP])
        for at in range(_DRIP, len(body)):
            try:
                await asyncio.wait_for(self.world.stopping.wait(), self.fault["seconds"])
            except TimeoutError:
                await response.write(body[at : at + 1])
            else:
                return await self.close()
        return response

    def _body(self) -> bytes:
        body = self.response.body if isinstance(self.response, web.Response) else None
        return body if isinstance(body, bytes) else b"null"

    def _head(self) -> tuple[int, dict[str, str]]:
        headers = dict(self.response.headers)
        headers.pop("Content-Length", None)
        return self.response.status, headers

    async def _begun(self, length: int) -> web.StreamResponse:
        """Return a response of the length, its head sent."""
        status, headers = self._head()
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = length
        await response.prepare(self.request)
        return response


def elsewhere(request: web.Request, path: str | None = None) -> str:
    """Return a URL of this server under another host name: another origin for a client.

    Args:
        request: The call that is answered.
        path: Path of the URL; None takes the path of the call.
    """
    path = request.rel_url.raw_path if path is None else path
    host = "localhost" if request.url.host != "localhost" else "127.0.0.1"
    return f"http://{host}:{request.url.port}/_sandbox/elsewhere{path}"
