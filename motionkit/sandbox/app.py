"""The interface of a vendor's sandbox app, and its registry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from importlib.metadata import entry_points
from typing import Protocol, TypeAlias

import attrs
from aiohttp import web

from motionkit.sandbox.world import World

GROUP = "motionkit.sandboxes"
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


@attrs.frozen
class Route:
    """One endpoint of a vendor.

    Attributes:
        method: HTTP verb.
        path: aiohttp path pattern.
        handler: Returns the response.
        phases: The fault phases of a call; a function if they depend on the call.
    """

    method: str
    path: str
    handler: Handler
    phases: tuple[str, ...] | Callable[[web.Request], tuple[str, ...]]

    def phases_of(self, request: web.Request) -> tuple[str, ...]:
        """Return the phases of one call; the first one is counted in the ledger."""
        return self.phases if isinstance(self.phases, tuple) else self.phases(request)


class SandboxApp(Protocol):
    """One vendor's HTTP contract. Created with the world; opens its own default account.

    Attributes:
        name: The vendor's name in ledger, faults and accounts.
        unit: The unit of its money.
        pool: The pool of an account with a single balance.
        key_header: Request header that carries the API key.
    """

    name: str
    unit: str
    pool: str
    key_header: str

    @property
    def shapes(self) -> Collection[str]:
        """Return the values of the fault `shape`."""
        ...

    def routes(self) -> Iterable[Route]:
        """Return the endpoints."""
        ...

    def environment(self, base_url: str) -> Mapping[str, str]:
        """Return the environment variables that point a client at this sandbox."""
        ...


AppFactory: TypeAlias = Callable[[World], SandboxApp]


def installed_apps() -> list[AppFactory]:
    """Return the apps registered in the entry-point group, in the order of their names.

    Raises:
        RuntimeError: An entry point cannot be loaded; the text names it.
    """
    factories: list[AppFactory] = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            factories.append(point.load())
        except Exception as error:
            raise RuntimeError(
                f"sandbox {point.name!r} ({point.value}) cannot be loaded"
            ) from error
    return factories
