"""Count each call and act out the wire faults around the vendor's own handler."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

from aiohttp import web

from motionkit.sandbox.app import Handler, Route, SandboxApp
from motionkit.sandbox.faults import WIRE, Fault
from motionkit.sandbox.world import World

SPOILED: ContextVar[bool] = ContextVar("spoiled", default=False)
"""Whether the answer to the call will never arrive: a handler that would wait need not."""
_ACCEPTED = "accept_then_"
_HTML = "<html><head><title>{0}</title></head><body><h1>{0}</h1><hr>gateway</body></html>"
_DRIP = 16  # bytes in front that arrive at once, so that the answer has visibly begun


def endpoint(world: World, app: SandboxApp, route: Route) -> Handler:
    """Return the handler of a route with the counting and the wire faults around it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await act_out(request)
        except ConnectionError:  # the client has gone; there is nobody left to answer
            return web.Response()

    async def act_out(request: web.Request) -> web.StreamResponse:
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
            return _reset(request)
        await _drain(request, fault)
        act = _ACTS[fault.name.removeprefix(_ACCEPTED)]
        before = not SPOILED.get() and fault.name in _BEFORE
        return await act(world, request, fault, None if before else await route.handler(request))

    return answer


async def _drain(request: web.Request, fault: Fault) -> None:
    """Read what was sent, so that an early answer is not taken for a broken connection."""
    if fault.name in _BEFORE:
        async for _ in request.content.iter_any():
            pass


def _reset(request: web.Request) -> web.Response:
    """Send a TCP reset: an abort with nothing left to linger for."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response()


async def _act_reset(
    _world: World, request: web.Request, _fault: Fault, _answer: web.StreamResponse | None
) -> web.StreamResponse:
    return _reset(request)


async def _act_close(
    _world: World, request: web.Request, _fault: Fault, _answer: web.StreamResponse | None
) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()
    return web.Response()


async def _act_hang(
    world: World, request: web.Request, fault: Fault, answer: web.StreamResponse | None
) -> web.StreamResponse:
    await world.stopping.wait()
    return await _act_close(world, request, fault, answer)


async def _act_http(
    _world: World, _request: web.Request, fault: Fault, _answer: web.StreamResponse | None
) -> web.StreamResponse:
    waiting = fault["retry_after"]
    headers = {} if waiting is None else {"Retry-After": waiting}
    return web.Response(status=fault["status"], text=fault["body"], headers=headers)


async def _act_html(
    _world: World, _request: web.Request, fault: Fault, _answer: web.StreamResponse | None
) -> web.StreamResponse:
    page = _HTML.format(f"{fault['status']} Bad Gateway")
    return web.Response(status=fault["status"], text=page, content_type="text/html")


async def _act_redirect(
    _world: World, request: web.Request, fault: Fault, _answer: web.StreamResponse | None
) -> web.StreamResponse:
    target = fault["to"] or elsewhere(request)
    return web.Response(status=fault["status"], headers={"Location": target})


async def _act_truncate(
    _world: World, request: web.Request, fault: Fault, answer: web.StreamResponse | None
) -> web.StreamResponse:
    body = _body(answer)
    half = body[: max(1, len(body) // 2)]
    if fault["cut"] == "body":
        return _again(answer, half)
    response = _stream(answer, len(body))
    await response.prepare(request)
    await response.write(half)
    return await _act_close(_world, request, fault, response)


async def _act_oversize(
    _world: World, request: web.Request, fault: Fault, answer: web.StreamResponse | None
) -> web.StreamResponse:
    """Put blanks before the answer: still the same JSON, only far too much of it."""
    body = _body(answer)
    response = _stream(answer, fault["bytes"] + len(body))
    await response.prepare(request)
    left, blanks = fault["bytes"], b" " * 2**16
    while left:
        piece = blanks[:left]
        await response.write(piece)
        left -= len(piece)
    await response.write(body)
    return response


async def _act_slow(
    world: World, request: web.Request, fault: Fault, answer: web.StreamResponse | None
) -> web.StreamResponse:
    """Let the body drip, one byte in each pause, until the client or the sandbox gives up."""
    body = _body(answer)
    response = _stream(answer, len(body))
    await response.prepare(request)
    await response.write(body[:_DRIP])
    for at in range(_DRIP, len(body)):
        try:
            await asyncio.wait_for(world.stopping.wait(), fault["seconds"])
        except TimeoutError:
            await response.write(body[at : at + 1])
        else:
            return await _act_close(world, request, fault, response)
    return response


_Act = Callable[
    [World, web.Request, Fault, web.StreamResponse | None], Awaitable[web.StreamResponse]
]
_ACTS: dict[str, _Act] = {
    "reset": _act_reset,
    "close": _act_close,
    "hang": _act_hang,
    "http": _act_http,
    "html": _act_html,
    "redirect": _act_redirect,
    "truncate": _act_truncate,
    "oversize": _act_oversize,
    "slow": _act_slow,
}
_BEFORE = frozenset({"close", "hang", "http", "html", "redirect"})


def _body(answer: web.StreamResponse | None) -> bytes:
    body = answer.body if isinstance(answer, web.Response) else None
    return body if isinstance(body, bytes) else json.dumps(None).encode()


def _again(answer: web.StreamResponse | None, body: bytes) -> web.Response:
    status, headers = _head(answer)
    return web.Response(status=status, headers=headers, body=body)


def _stream(answer: web.StreamResponse | None, length: int) -> web.StreamResponse:
    status, headers = _head(answer)
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = length
    return response


def _head(answer: web.StreamResponse | None) -> tuple[int, dict[str, str]]:
    if answer is None:
        return 200, {"Content-Type": "application/json"}
    kept = {name: text for name, text in answer.headers.items() if name != "Content-Length"}
    return answer.status, kept


def elsewhere(request: web.Request, path: str | None = None) -> str:
    """Return a URL of this server under another host name: another origin for a client.

    Args:
        request: The call that is answered.
        path: Path of the URL; None takes the path of the call.
    """
    path = request.rel_url.raw_path if path is None else path
    host = "localhost" if request.url.host != "localhost" else "127.0.0.1"
    return f"http://{host}:{request.url.port}/_sandbox/elsewhere{path}"
