"""Output files behind signed addresses that end after a day; each look at a task makes new ones."""

from __future__ import annotations

import hashlib
import itertools

from aiohttp import web

from motionkit.sandbox import Route, World
from motionkit.sandbox.files import StoredFile
from motionkit_runway.sandbox.gate import VENDOR, Call

_FOLDER = "/task-outputs"
_HOST = "dnznrvs05pmza.cloudfront.net"
_DENIED = "<Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>"


class Outputs:
    """The host of the finished files.

    Args:
        world: The sandbox's state.
        life: Vendor seconds for which an address is valid.
    """

    def __init__(self, world: World, life: float) -> None:
        self._world = world
        self._life = life
        self._count = itertools.count(1)

    def routes(self) -> list[Route]:
        """Return the public files."""
        path = f"{_FOLDER}/{{id}}/{{name}}"
        return [Route(verb, path, self._serve, ("download",)) for verb in ("GET", "HEAD")]

    def address(self, call: Call, task: str, file: StoredFile) -> str:
        """Publish a task's file; return a fresh address of it."""
        path = f"{_FOLDER}/{task}/output.mp4"
        self._world.files.put(path, file)
        ends = int((self._world.clock.now() + self._life) * 1000)
        token = f"{ends:x}.{next(self._count)}"
        return f"{call.origin(_HOST)}{path}?_jwt={token}.{_signature(path, token)}"

    def delete(self, task: str) -> None:
        """Delete a task's file: no address leads to it any more."""
        path = f"{_FOLDER}/{task}/output.mp4"
        self._world.files.put(path, StoredFile(VENDOR, "video/mp4", b"", expires=0.0))

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        token, _, signature = request.query.get("_jwt", "").rpartition(".")
        if not token or signature != _signature(request.rel_url.raw_path, token):
            return _denied()
        if self._world.clock.now() * 1000 >= int(token.partition(".")[0], 16):
            return _denied()
        return await self._world.files.serve(request, VENDOR)


def _denied() -> web.Response:
    return web.Response(status=403, text=_DENIED, content_type="application/xml")


def _signature(path: str, token: str) -> str:
    return hashlib.sha256(f"{path} {token}".encode()).hexdigest()[:32]
