"""Serve the board: a live page over the journal, on loopback, for the holder of its address.

Nothing is shown or done without the token that the address has. Names that lead elsewhere are
refused (DNS rebinding), other sites' pages can neither read nor post, and nothing of the page is
loaded from another host or run from the text of a vendor.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import json
import re
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from typing import Any, Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.responses import StreamingResponse as Stream
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from motionkit._support.hosts import is_loopback
from motionkit._support.system import on_signals
from motionkit.client import Client, journal_of
from motionkit.errors import InvalidRequest
from motionkit.report.board_actions import Actions
from motionkit.report.board_feed import Feed
from motionkit.report.board_films import FilmResponse, no_film, open_film
from motionkit.report.board_page import BoardReader

TOKEN_HEADER = "X-Motionkit-Token"  # noqa: S105 - its name
"""The header that an action needs, with the token of the address."""
_STATIC: Mapping[str, str] = {
    "style.css": "text/css",
    "board.css": "text/css",
    "board.js": "text/javascript",
    "board.svg": "image/svg+xml",
}
_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the address has the token
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?")
"""A Host header: an address of IPv6, or another name; and a port."""
_MOST_PAGES = 64
"""Connected pages at most; each holds a connection."""
_MOST_BYTES = 10_000
"""Bytes of an action's request."""
_GRACE = 3
"""Seconds for answers that are being sent when the server stops."""
_REFUSED = "open the whole address that 'motionkit board' has printed: it has a token\n"


class Answers(Protocol):
    """What acts for the page."""

    async def post(self, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
        """Begin or confirm an action, and return what to show of it.

        Raises:
            InvalidRequest: It is no such action, or may not be done.
        """
        ...


class Board:
    """The board as an ASGI application.

    Args:
        feed: The state, and its changes.
        page: Returns the whole page as HTML; called in a thread.
        film: Returns the path that the journal delivered a purchase's film to, by its key; in a
            thread. None without one.
        actions: What acts for the page; None for a board that only shows.
        token: What the address has; random when None.
    """

    def __init__(
        self,
        feed: Feed,
        page: Callable[[], str],
        film: Callable[[str], str | None],
        actions: Answers | None = None,
        *,
        token: str | None = None,
    ) -> None:
        self.feed, self.token = feed, token or secrets.token_urlsafe(32)
        self._page, self._film, self._actions = page, film, actions
        self.loop: asyncio.AbstractEventLoop | None = None
        routes = [
            Route("/{token}/", self._show),
            Route("/{token}/events", self._events),
            Route("/{token}/film/{name}", self._send_film),
            Route("/{token}/static/{name}", self._send_static),
            Route("/actions", self._act, methods=["POST"]),
        ]
        handlers = {404: _no_page}
        app = Starlette(routes=routes, exception_handlers=handlers)
        app.router.redirect_slashes = False  # a redirect would name the token
        self.app: ASGIApp = Guard(app)

    def stop(self) -> None:
        """End `serve`, from any thread; it ends within moments."""
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.feed.close)

    async def _show(self, request: Request) -> Response:
        self._check(request.path_params["token"])
        await self.feed.refresh()
        return HTMLResponse(await asyncio.to_thread(self._page))

    async def _events(self, request: Request) -> Response:
        self._check(request.path_params["token"])
        if self.feed.pages >= _MOST_PAGES:
            return PlainTextResponse("too many pages are open", status_code=503)
        after = request.headers.get("last-event-id") or request.query_params.get("after")
        return Stream(self.feed.events(after), media_type="text/event-stream")

    async def _send_film(self, request: Request) -> Response:
        self._check(request.path_params["token"])
        key = key_of(request.path_params["name"])
        path = None if key is None else await asyncio.to_thread(self._film, key)
        found = None if path is None else await asyncio.to_thread(open_film, path)
        if found is None:
            return no_film()
        return FilmResponse(*found, request.headers, body=request.method != "HEAD")

    async def _send_static(self, request: Request) -> Response:
        self._check(request.path_params["token"])
        name = request.path_params["name"]
        if name not in _STATIC:
            raise HTTPException(404)
        content = await asyncio.to_thread(_static, name)
        return Response(content, media_type=_STATIC[name])

    async def _act(self, request: Request) -> Response:
        if self._actions is None:
            return _refused(403, "this board only shows: start it with --allow-actions")
        self._check(request.headers.get(TOKEN_HEADER.lower(), ""))
        if not _is_own(request.headers):
            return _refused(403, "an action comes from the board's own page")
        try:
            wanted = json.loads(await _body(request))
        except (ValueError, RecursionError):
            wanted = None
        if not isinstance(wanted, dict):
            return _refused(400, "an action is an object of JSON")
        try:
            return JSONResponse(await self._actions.post(wanted))
        except InvalidRequest as error:
            return _refused(409, str(error))

    def _check(self, given: str) -> None:
        """Compare in a time that tells nothing of the token.

        Raises:
            HTTPException: It is another one.
        """
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            raise HTTPException(403, _REFUSED)


class Guard:
    """Refuse names that are not this machine, and put the headers that protect on every answer.

    A page of another site whose name suddenly leads to 127.0.0.1 comes with that name as Host.
    Any port is right: a tunnel has its own. Starlette's `TrustedHostMiddleware` has no answer 421,
    and one list of names more; `is_loopback` is what the project calls this machine.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        app = self._app
        if not _is_this_machine(Headers(scope=scope).getlist("host")):
            app = PlainTextResponse("this name is not this machine's\n", status_code=421)
        await app(scope, receive, guarded)


def _is_this_machine(hosts: list[str]) -> bool:
    found = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    return found is not None and is_loopback(found[1] or found[2])


def _is_own(headers: Headers) -> bool:
    """Return whether a request comes from a page of this very server."""
    own = f"http://{headers.get('host', '')}"
    return (
        headers.get("origin") == own
        and headers.get("sec-fetch-site", "same-origin") == "same-origin"
        and headers.get("content-type", "").partition(";")[0].strip() == "application/json"
    )


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise HTTPException(413)
    return body


def _refused(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status_code=status)


async def _no_page(request: Request, _: Exception) -> Response:
    status = 403 if request.url.path == "/" else 404
    return PlainTextResponse(_REFUSED, status_code=status)


def _static(name: str) -> bytes:
    return resources.files("motionkit.report").joinpath("static", name).read_bytes()


def film_name(key: str) -> str:
    """Return the name of a purchase's film in addresses."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def key_of(name: str) -> str | None:
    """Return the key that `film_name` was given; None for any other text."""
    try:
        key = base64.urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode()
    except ValueError:
        return None
    return key if film_name(key) == name else None


@contextmanager
def board_of(client: Client, *, acts: bool = False, token: str | None = None) -> Iterator[Board]:
    """Give the board of a client's journal.

    Args:
        client: The accounts and the journal; closed at the end where the board acts, so that what
            is waited for ends.
        acts: Whether the page may cancel, resume and retry.
        token: What the address has; random when None.

    Examples:
        >>> with board_of(client) as board:
        ...     serve(board, "127.0.0.1", 8791, print)
    """
    journal = journal_of(client)
    reader = BoardReader(client, film_name)
    acting = None

    def changes() -> Hashable:
        # What this process writes does not change the token of a SQLite file.
        return journal.endings, time.monotonic() if acting is not None and acting.busy else 0.0

    feed = Feed(reader.read, changes, reader.problem)
    if acts:
        acting = reader.acting = Actions(client, feed.mark)
    board = Board(feed, lambda: reader.page(feed), reader.film, acting, token=token)
    try:
        yield board
    finally:
        if acting is not None:
            acting.stop()
            client.close()
            acting.join()


class _Server(uvicorn.Server):
    """A server that leaves signals to who runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: uvicorn would raise them again when it has stopped."""
        yield


def serve(board: Board, host: str, port: int, began: Callable[[str], None]) -> None:
    """Serve a board until Ctrl-C or SIGTERM, or until its `stop`.

    Args:
        board: The board.
        host: A loopback address of this machine.
        port: The port; 0 picks a free one.
        began: Called with the address once the server accepts connections.

    Raises:
        InvalidRequest: Other machines can reach `host`.
        OSError: The port is in use.
    """
    if not is_loopback(host):
        raise InvalidRequest(
            f"host: {host} can be reached by other machines, and the board is for this one",
            field="host",
            value=host,
            limit="a loopback address, such as 127.0.0.1",
            hint="forward the port with 'ssh -L' to see it from another machine",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        shown = f"[{host}]" if ":" in host else host
        began(f"http://{shown}:{listener.getsockname()[1]}/{board.token}/")
        asyncio.run(_serve(board, listener))


async def _serve(board: Board, listener: socket.socket) -> None:
    config = uvicorn.Config(
        board.app,
        lifespan="off",
        log_level="error",
        access_log=False,  # the addresses have the token
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE,
    )
    server = _Server(config)

    def stop(_: int) -> None:
        board.feed.close()
        server.should_exit = True

    board.loop = asyncio.get_running_loop()
    main = threading.current_thread() is threading.main_thread()  # no other one gets signals
    numbers = (signal.SIGINT, signal.SIGTERM) if main else ()
    undo = on_signals(board.loop, numbers, stop)
    reading = asyncio.create_task(board.feed.run())
    reading.add_done_callback(lambda _: stop(0))  # a page that no longer changes would deceive
    try:
        await server.serve(sockets=[listener])
    finally:
        undo()
        board.loop = None
        board.feed.close()
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
