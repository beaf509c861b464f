"""What the verbs that serve share: optional imports, and ports that cannot be opened."""

from __future__ import annotations

import errno
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from motionkit.errors import ConfigError, InvalidRequest

_OPTIONAL = {
    *("PIL", "aiohttp", "av", "jinja2", "markupsafe", "mcp", "mcp_types", "pydantic"),
    *("starlette", "uvicorn"),
}
"""Packages that an extra installs; any other that is missing is a fault."""


def need_extra(module: str, extra: str, what: str) -> Any:
    """Import a module that needs an extra.

    Raises:
        ConfigError: The extra is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in _OPTIONAL:
            raise
        raise ConfigError(
            f"{what} needs the extra {extra!r}: pip install 'motionkit[{extra}]'"
        ) from error


@contextmanager
def listening(host: str, port: int) -> Iterator[None]:
    """Turn the error of an address that cannot be opened into one that names the option.

    Raises:
        InvalidRequest: The port is in use, or the address is not this machine's.
    """
    try:
        yield
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise InvalidRequest(
            f"port: {port} on {host} is in use"
            if taken
            else f"host: cannot listen on {host}:{port}: {error.strerror}",
            field="port" if taken else "host",
            value=f"{host}:{port}",
            hint="choose another with --port; 0 picks a free port" if taken else None,
        ) from error
