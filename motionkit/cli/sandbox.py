"""The verb `sandbox`: serve the vendors' contracts on this machine, in the foreground."""

from __future__ import annotations

import errno
import importlib
import os
import shlex
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from motionkit.cli import exit_codes
from motionkit.cli.options import Json
from motionkit.cli.screen import Screen
from motionkit.client import registry
from motionkit.config import documented
from motionkit.errors import ConfigError, InvalidRequest

if TYPE_CHECKING:
    from motionkit.sandbox import Sandbox

_PORT = 8787
_EXTRA = frozenset({"aiohttp", "av"})
_WEBHOOK_ID, _WEBHOOK_SECRET = "sandbox-webhook", "sandbox-webhook-secret"


def sandbox_module() -> Any:
    """Import the sandbox; it comes with an extra.

    Raises:
        ConfigError: The extra is not installed.
    """
    try:
        return importlib.import_module("motionkit.sandbox")
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        raise ConfigError(
            "the sandbox needs the extra 'sandbox': pip install 'motionkit[sandbox]'"
        ) from error


def _run(made: Sandbox, command: list[str], folder: Path) -> int:
    """Run a command with the sandbox's environment alone, and return its exit code."""
    with made as served:
        variables = {name for vendor in registry.names() for name in documented(vendor)}
        plain = {
            name: value
            for name, value in os.environ.items()
            if name not in variables and not name.startswith("MOTIONKIT_")
        }
        config = folder / "motionkit.toml"
        config.touch(0o600)  # an empty file: no project's file is looked for
        own = {"MOTIONKIT_CONFIG": str(config), "XDG_CONFIG_HOME": str(folder)}
        try:
            code = subprocess.call(command, env={**plain, **served.environment, **own})  # noqa: S603 - the user's own command
        except FileNotFoundError as error:
            raise InvalidRequest(
                f"command: {command[0]!r} is not found", field="command", value=command[0]
            ) from error
    return code if code >= 0 else 128 - code


def sandbox(
    *,
    host: Annotated[str, typer.Option(help="Loopback address to listen on.")] = "127.0.0.1",
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- COMMAND ...]", help="Run this in the sandbox; it ends with the command."
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = _PORT,
    speed: Annotated[
        float,
        typer.Option(min=0.001, help="Vendor seconds in one second here; 1 is as slow as life."),
    ] = 20.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC",
            help="name:phase[:parameter=value]..., e.g. accept_then_reset:submit. Repeatable.",
        ),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Tell ends of jobs to this address, on loopback only."),
    ] = None,
    json: Json = False,
) -> int:
    """Serve the vendors' contracts on this machine until Ctrl-C: no network, no money.

    Prints the environment variables to set; their journal is deleted with the sandbox.

    With ``-- COMMAND ...``, runs the command in the sandbox, without your keys or configuration,
    and returns its exit code.

    GET /_sandbox/ledger reports submits, jobs and charges.
    """
    screen = Screen(json=json)
    module = sandbox_module()

    def ready(served: Sandbox) -> None:
        told = served.environment
        lines = [f"export {name}={shlex.quote(value)}" for name, value in told.items()]
        screen.answer(told, "\n".join(lines))
        screen.note(
            f"the sandbox serves {served.url} at {speed:g} times real speed; Ctrl-C ends it"
        )
        if webhook is not None:
            screen.note(
                f"webhooks go to {webhook}: webhook_id = {_WEBHOOK_ID!r}, "
                f"webhook_secret = {_WEBHOOK_SECRET!r}"
            )

    try:
        made: Sandbox = module.Sandbox(
            host=host,
            port=0 if command and port == _PORT else port,
            speed=speed,
            faults=fault or (),
            seed=None,
        )
    except ValueError as error:
        name = "fault" if isinstance(error, module.FaultError) else "host"
        raise InvalidRequest(f"{name}: {error}", field=name) from error
    if webhook is not None:
        try:
            made.add_webhook(_WEBHOOK_ID, webhook, _WEBHOOK_SECRET)
        except ValueError as error:
            raise InvalidRequest(f"webhook: {error}", field="webhook", value=webhook) from error
    try:
        if command:
            with TemporaryDirectory(prefix="motionkit-sandbox-") as folder:
                return _run(made, command, Path(folder))
        made.serve_forever(ready)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise InvalidRequest(
            f"port: {port} on {host} is taken",
            field="port",
            value=str(port),
            hint="give another with --port; 0 takes a free one",
        ) from error
    screen.note("the sandbox ended")
    return exit_codes.DONE
