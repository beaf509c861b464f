"""Run the sandbox: in a background thread, or in the foreground for the command line."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, TypeVar

from aiohttp import web

from motionkit.sandbox.admin import Admin
from motionkit.sandbox.app import AppFactory, SandboxApp, installed_apps
from motionkit.sandbox.clock import Clock
from motionkit.sandbox.faults import Fault, FaultBook, Spec
from motionkit.sandbox.hooks import is_loopback
from motionkit.sandbox.ledger import ledger
from motionkit.sandbox.wire import endpoint
from motionkit.sandbox.world import World

T = TypeVar("T")
_JOURNAL, _SPEED = "MOTIONKIT_JOURNAL", "MOTIONKIT_SANDBOX_SPEED"
_LARGEST_BODY = 256 * 2**20  # a clip of 100 MB as base64 inside JSON must still pass


class Sandbox:
    """Every vendor's wire contract on one loopback port.

    Args:
        host: Loopback address to listen on.
        port: Port to listen on; 0 picks a free one.
        speed: Vendor seconds per real second.
        faults: The initial faults, as text or objects.
        apps: Vendors to serve; the installed ones when None.
        seed: Makes ids and durations repeatable; None makes ids unique across sandboxes.
        job_seconds: Vendor seconds that every job takes; drawn at random when None.
        webhooks: The initial webhooks: id, url, secret and order, as for `add_webhook`.

    Raises:
        FaultError: A fault is unknown.
        ValueError: The host or a webhook's URL is not on loopback.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float = 1.0,
        faults: Iterable[Spec] = (),
        apps: Iterable[AppFactory] | None = None,
        seed: int | None = 0,
        job_seconds: float | None = None,
        webhooks: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        if not is_loopback(host):
            raise ValueError(f"the sandbox listens on loopback only, not on {host!r}")
        self._address = (host, port)
        self._base: str | None = None
        vendors: set[str] = set()
        shapes: set[str] = set()
        book = FaultBook(vendors, shapes)
        self._world = World(Clock(speed), book, seed=seed, job_seconds=job_seconds)
        factories = installed_apps() if apps is None else apps
        self._apps: list[SandboxApp] = [factory(self._world) for factory in factories]
        vendors.update(app.name for app in self._apps)
        shapes.update(*(app.shapes for app in self._apps))
        self._admin = Admin(self._world, self._apps)
        for spec in faults:
            book.add(spec)
        for webhook in webhooks:
            self._world.hooks.register(webhook)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._own: TemporaryDirectory[str] | None = None
        self._making = threading.Lock()

    @property
    def url(self) -> str:
        """Return the base URL, once the sandbox runs."""
        if self._base is None:
            raise RuntimeError("the sandbox is not running: use it as a context manager")
        return self._base

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment variables that point clients at this sandbox.

        They include a journal of its own, in a temporary folder that is removed with the sandbox,
        so that its jobs stay out of the user's journal, and the sandbox's speed, so that clients
        expect its jobs to end sooner by that factor.
        """
        variables = {
            _JOURNAL: str(Path(self._folder().name) / "journal.db"),
            _SPEED: f"{self._world.clock.speed:g}",
        }
        for app in self._apps:
            variables.update(app.environment(self.url))
        return variables

    def _folder(self) -> TemporaryDirectory[str]:
        """Return the folder of the sandbox's journal; create it if missing."""
        _ = self.url  # a sandbox that does not run leaves none behind
        with self._making:
            if self._own is None:
                # A client may still write while it is removed: the folder is then left behind.
                self._own = TemporaryDirectory(
                    prefix="motionkit-sandbox-", ignore_cleanup_errors=True
                )
            return self._own

    @property
    def accounts(self) -> dict[str, dict[str, str]]:
        """Return the API keys by vendor and label."""
        return self._call(
            lambda: {
                app.name: {account.label: account.key for account in self._world.accounts(app.name)}
                for app in self._apps
            }
        )

    def add_account(self, vendor: str, key: str, **fields: Any) -> str:
        """Open an account and return its label.

        Args:
            vendor: Name of the vendor.
            key: The API key.
            fields: label, balance or balances, concurrency, rpm, denied, spend_limit.
        """
        account = {"vendor": vendor, "key": key, **fields}
        return self._call(lambda: self._admin.add_account(account).label)

    def publish(self, name: str, content: bytes) -> str:
        """Publish a file, for vendors that fetch media by URL only; return the URL."""
        return f"{self.url}{self._call(partial(self._admin.publish, name, content))}"

    def ledger(self) -> dict[str, Any]:
        """Return the calls, jobs and charges so far."""
        return self._call(partial(ledger, self._world, self._apps))

    def fault(self, spec: Spec) -> Fault:
        """Add a fault."""
        return self._call(partial(self._world.faults.add, spec))

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._call(self._world.faults.clear)

    def advance(self, seconds: float) -> None:
        """Move vendor time forward by `seconds`; return when the webhooks due by then are sent.

        Run their receiver in another thread or process: this call waits for its responses.
        """
        self._call(partial(self._world.advance, seconds))
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._world.hooks.deliver(), self._loop).result()

    def add_webhook(self, id: str, url: str, secret: str, order: str = "sorted") -> None:  # noqa: A002 - the admin endpoint's word
        """Register a webhook, as a vendor's console would.

        Args:
            id: The name in a submit.
            url: Where it is delivered: http on loopback.
            secret: The key of the signatures.
            order: Order of the keys in the signed text: "sorted" or "given".
        """
        fields = {"id": id, "url": url, "secret": secret, "order": order}
        self._call(partial(self._world.hooks.register, fields))

    def webhooks(self) -> dict[str, Any]:
        """Return the registered webhooks and every delivery with its attempts."""
        return self._call(self._world.hooks.as_data)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Serve in a background thread; return when the port is open."""
        if self._thread is not None:
            raise RuntimeError("a sandbox runs once; create another one")
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(ready,), name="sandbox", daemon=True
        )
        self._thread.start()
        ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def close(self) -> None:
        """Stop serving, hanging connections included, and wait for the thread to end."""
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join()

    def serve_forever(self, ready: Callable[[Sandbox], None] = lambda _: None) -> None:
        """Serve in the foreground until SIGINT or SIGTERM.

        Args:
            ready: Called once the port is open.
        """

        async def main() -> None:
            loop = asyncio.get_running_loop()
            stop = asyncio.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                try:
                    loop.add_signal_handler(number, stop.set)
                except NotImplementedError:  # Windows
                    signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
            await self._serve(stop, lambda: ready(self))

        asyncio.run(main())

    def _run(self, ready: threading.Event) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            self._stop = asyncio.Event()
            await self._serve(self._stop, ready.set)

        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self._failure = error
        finally:
            self._loop = None
            ready.set()

    async def _serve(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        application = web.Application(client_max_size=_LARGEST_BODY)
        application.add_routes(self._admin.routes())
        application.on_response_prepare.append(self._date)
        for app in self._apps:
            for route in app.routes():
                handler = endpoint(self._world, app, route)
                application.router.add_route(route.method, route.path, handler)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        open_at_the_end: list[asyncio.Transport] = []

        async def remember(_: web.Application) -> None:
            connections = [] if runner.server is None else runner.server.connections
            open_at_the_end.extend(one.transport for one in connections if one.transport)

        application.on_shutdown.append(remember)
        await runner.setup()
        host, port = self._address
        async with self._world.delivering():
            try:
                await web.TCPSite(runner, host, port).start()
                port = runner.addresses[0][1]
                self._base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
                ready()
                await stop.wait()
            finally:
                self._world.stop()
                self._base = None
                with self._making:
                    if self._own is not None:
                        self._own.cleanup()
                        self._own = None
                await runner.cleanup()
                for transport in open_at_the_end:
                    transport.abort()  # closed only, it would wait for a client that reads no more
                await asyncio.sleep(0)  # their sockets are closed

    async def _date(self, _: web.Request, response: web.StreamResponse) -> None:
        """Set the date of a response by the vendors' clock."""
        response.headers["Date"] = formatdate(self._world.clock.now(), usegmt=True)

    def _call(self, action: Callable[[], T]) -> T:
        """Call the action on the server's loop, or in this thread if the server does not run."""
        loop = self._loop
        if loop is None:
            return action()

        async def act() -> T:
            return action()

        return asyncio.run_coroutine_threadsafe(act(), loop).result()
