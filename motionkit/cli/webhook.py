"""The verb `webhook`: receive a vendor's webhooks in the foreground."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import attrs

import motionkit as mk
from motionkit._support.system import on_signals
from motionkit.cli import exit_codes
from motionkit.cli.format import short
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.parameters import Option
from motionkit.cli.screen import Screen
from motionkit.cli.serving import listening, need_extra
from motionkit.client import MAX_BODY, Client, Delivery, registry
from motionkit.errors import ConfigError, MotionKitError, SignatureError

if TYPE_CHECKING:
    from aiohttp import web

_PATIENCE = 30.0
"""Seconds for a body to arrive."""
_GRACE = 5.0
"""Seconds for deliveries that are in progress when the receiver stops."""


def webhook(
    account: Annotated[
        str | None,
        Option(metavar="NAME", help="The account. Default: the only one with webhooks."),
    ] = None,
    host: Annotated[
        str,
        Option(help="Address to listen on. Other machines cannot reach a loopback address."),
    ] = "127.0.0.1",
    port: Annotated[
        int, Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = 8788,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Receive a vendor's webhooks until Ctrl-C: verify, write to the journal, acknowledge.

    Requests to any URL path are accepted. Waits for the job in other processes end within about a
    second, without a poll of it. The vendor calls from outside: put a tunnel or a proxy
    in front.
    """
    screen = Screen(json=json)
    with mk.Client(config) as client:
        receiver = _Receiver(screen, client, account or _only_account(client))
        receiver.check()
        web = need_extra("aiohttp.web", "webhook", "receiving webhooks")
        with listening(host, port):
            asyncio.run(receiver.serve(web, host, port))
    screen.note("the receiver stopped")
    return exit_codes.DONE


def _only_account(client: Client) -> str:
    names = [
        name
        for name, account in client.config.accounts.items()
        if hasattr(registry.load(account.provider), "parse_webhook")
    ]
    if len(names) != 1:
        raise ConfigError(
            f"several accounts have webhooks: {', '.join(names)}"
            if names
            else "no configured account has webhooks",
            hint="choose one with --account" if names else "'motionkit providers' lists the keys",
        )
    return names[0]


@attrs.frozen
class _Receiver:
    """One account's receiver."""

    screen: Screen
    client: Client
    account: str

    def check(self) -> None:
        """Check that the account can receive webhooks.

        Raises:
            ConfigError: The vendor sends none, or the account has no secret.
        """
        try:
            self.client.parse_webhook(self.account, {}, b"")
        except SignatureError:
            return

    async def serve(self, web: Any, host: str, port: int) -> None:
        """Serve until SIGINT or SIGTERM."""
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        on_signals(loop, (signal.SIGINT, signal.SIGTERM), lambda _: stop.set())
        application = web.Application(client_max_size=MAX_BODY)

        async def take(request: web.Request) -> web.Response:
            try:
                async with asyncio.timeout(_PATIENCE):
                    body = await request.read()  # aiohttp answers a larger one with 413
            except TimeoutError:
                return web.Response(status=408)
            status, content = await asyncio.to_thread(self._take, request.headers, body)
            return web.Response(status=status, body=content)

        application.router.add_post("/{path:.*}", take)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=_GRACE)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            bound = runner.addresses[0][1]
            shown = f"[{host}]" if ":" in host else host
            self.screen.note(
                f"receiving webhooks of {self.account} at http://{shown}:{bound}; Ctrl-C stops it"
            )
            await stop.wait()
        finally:
            await runner.cleanup()

    def _take(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Return HTTP status and body for a delivery."""
        try:
            delivery = self.client.parse_webhook(self.account, headers, body)
        except SignatureError as error:
            self.screen.note(error.message, style="yellow")
            return 401, b"signature"
        except MotionKitError as error:  # the vendor retries, and the disk may have recovered
            self.screen.error(error)
            return 500, b"not now"
        data, line = _report(delivery)
        self.screen.answer(data, line)
        return 200, delivery.acknowledgement


def _report(delivery: Delivery) -> tuple[dict[str, Any], str]:
    """Return a delivery as data and as a line."""
    job, status = delivery.job, delivery.status
    data = {
        "account": delivery.account,
        "job": delivery.job_id,
        "state": delivery.state.value,
        "known": job is not None,
        "repeated": delivery.repeated,
        "key": job.key if job else None,
        "operation": job.operation if job else None,
    }
    whose = f"{job.operation}, key {short(job.key)}" if job else "not in this journal"
    line = f"{delivery.state.value:<9} job {delivery.job_id} at {delivery.account}: {whose}"
    if status is not None and status.message:
        data["message"] = status.message
    return data, line + (" (again)" if delivery.repeated else "")
