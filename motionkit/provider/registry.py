"""Find providers by entry point: listing names imports nothing, a broken one says its name."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from motionkit.errors import ConfigError
from motionkit.model.operations import OPERATIONS, Request
from motionkit.provider.contract import Provider

GROUP = "motionkit.providers"
OPERATIONS_GROUP = "motionkit.operations"
"""Where a provider names the request classes that only it serves."""


def names() -> list[str]:
    """Return the names of the installed providers, sorted, without importing any."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def load(name: str) -> type[Provider]:
    """Import a provider.

    Raises:
        ConfigError: There is none of that name, two claim it, or it cannot be imported.
    """
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise ConfigError(
            f"there is no provider {name!r}; installed are {', '.join(names()) or 'none'}"
        )
    if len({point.value for point in found}) > 1:
        raise ConfigError(f"provider {name!r} is claimed by {_claims(found)}; uninstall one")
    loaded: type[Provider] = _import(found[0], f"provider {name!r}")
    return loaded


def operations() -> tuple[type[Request], ...]:
    """Return every kind of request: the neutral ones, then those of installed providers.

    Raises:
        ConfigError: A provider's operations cannot be imported, or their words are taken.
    """
    found: dict[str, type[Request]] = {kind.verb: kind for kind in OPERATIONS}
    for point in sorted(entry_points(group=OPERATIONS_GROUP), key=lambda one: one.name):
        for kind in _import(point, f"the operations of {point.name!r}"):
            if found.setdefault(kind.verb, kind) is not kind:
                raise ConfigError(
                    f"the operations of {point.name!r} claim the verb {kind.verb!r}, which is taken"
                )
    return tuple(found.values())


def _import(point: EntryPoint, name: str) -> Any:
    try:
        return point.load()
    except Exception as error:
        raise ConfigError(
            f"{name} ({point.value}) cannot be loaded: {type(error).__name__}: {error}"
        ) from error


def _claims(found: list[EntryPoint]) -> str:
    return " and ".join(sorted(point.value for point in found))
