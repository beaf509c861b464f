"""The verb `sandbox`: serve the vendors' APIs on this machine, in the foreground."""

from __future__ import annotations

import os
import shlex
import subprocess
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

from motionkit.cli import exit_codes
from motionkit.cli.options import Json
from motionkit.cli.parameters import Argument, Option
from motionkit.cli.screen import Screen
from motionkit.cli.serving import listening, need_extra
from motionkit.client import registry
from motionkit.config import documented
from motionkit.errors import InvalidRequest

if TYPE_CHECKING:
    from motionkit.sandbox import Sandbox

_PORT = 8787
_WEBHOOK_ID, _WEBHOOK_SECRET = "sandbox-webhook", "sandbox-webhook-secret"


def sandbox_module() -> Any:
    """Import the sandbox, which needs an extra."""
    return need_extra("motionkit.sandbox", "sandbox", "the sandbox")


def _run(sandbox: Sandbox, command: list[str], folder: Path) -> int:
    """Run a command in the sandbox's environment and return its exit code."""
    variables = {name for vendor in registry.names() for name in documented(vendor)}
    plain = {
        name: value
        for name, value in os.environ.items()
        if name not in variables and not name.startswith("MOTIONKIT_")
    }
    config = folder / "motionkit.toml"
    config.touch(0o600)  # an empty file stops the search for a project's file
    own = {"MOTIONKIT_CONFIG": str(config), "XDG_CONFIG_HOME": str(folder)}
    try:
        code = subprocess.call(command, env={**plain, **sandbox.environment, **own})  # noqa: S603 - the user's own command
    except OSError as error:
        raise InvalidRequest(
            f"command: cannot run {command[0]!r}: {error.strerror}",
            field="command",
            value=command[0],
        ) from error
    return code if code >= 0 else 128 - code


def sandbox(
    *,
    host: Annotated[str, Option(help="Loopback address to listen on.")] = "127.0.0.1",
    command: Annotated[
        list[str] | None,
        Argument(metavar="-- COMMAND", help="Run this command in the sandbox and exit with it."),
    ] = None,
    port: Annotated[
        int, Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = _PORT,
    speed: Annotated[
        float, Option(min=0.001, help="Time acceleration factor; 1 is real time.")
    ] = 20.0,
    fault: Annotated[
        list[str] | None,
        Option(
            metavar="SPEC",
            help="A fault to inject, NAME:PHASE[:PARAMETER=VALUE]..., e.g. "
            "accept_then_reset:submit. Repeatable.",
        ),
    ] = None,
    webhook: Annotated[
        str | None, Option(metavar="URL", help="Send webhooks to this URL, on loopback only.")
    ] = None,
    json: Json = False,
) -> int:
    """Serve the vendors' APIs on this machine until Ctrl-C: no network, no charges.

    Prints the environment variables to set. The journal is deleted with the sandbox.

    With '-- COMMAND ...', runs the command in the sandbox, without your keys and configuration,
    and exits with its code.

    GET /_sandbox/ledger reports submits, jobs and charges.
    """
    screen = Screen(json=json)
    module = sandbox_module()

    def ready(served: Sandbox) -> None:
        variables = served.environment
        lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        screen.answer(variables, "\n".join(lines))
        screen.note(
            f"the sandbox serves {served.url} at {speed:g} times real time; Ctrl-C stops it"
        )
        if webhook is not None:
            screen.note(
                f"webhooks are sent to {webhook}: webhook_id = '{_WEBHOOK_ID}', "
                f"webhook_secret = '{_WEBHOOK_SECRET}'"
            )

    field = "host"
    try:
        served: Sandbox = module.Sandbox(
            host=host,
            port=0 if command and port == _PORT else port,
            speed=speed,
            faults=fault or (),
            seed=None,
        )
        if webhook is not None:
            field = "webhook"
            served.add_webhook(_WEBHOOK_ID, webhook, _WEBHOOK_SECRET)
    except ValueError as error:  # the sandbox's own sentences
        field = "fault" if isinstance(error, module.FaultError) else field
        raise InvalidRequest(f"{field}: {error}", field=field) from error
    with listening(host, port):
        served.start() if command else served.serve_forever(ready)
    if command:
        with closing(served), TemporaryDirectory(prefix="motionkit-sandbox-") as folder:
            return _run(served, command, Path(folder))
    screen.note("the sandbox stopped")
    return exit_codes.DONE
