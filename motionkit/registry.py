"""Find providers by entry point: listing names imports nothing, a broken one says its name."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from motionkit.errors import ConfigError
from motionkit.provider import Provider

GROUP = "motionkit.providers"


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
    try:
        loaded: type[Provider] = found[0].load()
    except Exception as error:
        raise ConfigError(
            f"provider {name!r} ({found[0].value}) cannot be loaded: "
            f"{type(error).__name__}: {error}"
        ) from error
    return loaded


def _claims(found: list[EntryPoint]) -> str:
    return " and ".join(sorted(point.value for point in found))
