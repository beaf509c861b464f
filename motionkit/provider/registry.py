"""Find providers by entry point: listing them imports none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from motionkit._support.plugins import EntryPoint, entry_points
from motionkit.errors import ConfigError

if TYPE_CHECKING:
    from motionkit.model.request import Request
    from motionkit.provider.contract import Provider
    from motionkit.provider.settings import AccountSettings, KeyHelp

GROUP = "motionkit.providers"
FIRST_GROUP = "motionkit.first"
"""The entry points that only name the providers that come first."""
SETTINGS_GROUP = "motionkit.settings"
"""The entry points of the classes of settings, so that reading a configuration loads no adapter."""
NEUTRAL_MEDIA: Mapping[str | None, frozenset[str]] = {
    "mimic": frozenset({"image", "video"}),
    "modify": frozenset({"images", "video"}),
    "image_to_video": frozenset({"image"}),
    "text_to_video": frozenset(),
    "transition": frozenset({"first_frame", "last_frame"}),
    "extend": frozenset({"video"}),
    "lip_sync": frozenset({"audio", "video"}),
    "restyle": frozenset({"video"}),
    "swap": frozenset({"image", "video"}),
    "upscale": frozenset({"video"}),
}
"""The fields that take media, by neutral operation: a list of jobs need not load the classes."""


def names() -> list[str]:
    """Return the names of the installed providers, without importing any.

    They are sorted after those of `FIRST_GROUP`: where several keys are in the environment, a
    command without a target goes to the first, and a new provider must not change which it is.
    """
    first = first_names()
    found = {point.name for point in entry_points(group=GROUP)}
    return sorted(found, key=lambda name: (name not in first, name))


def first_names() -> frozenset[str]:
    """Return the names of `FIRST_GROUP`."""
    return frozenset(point.name for point in entry_points(group=FIRST_GROUP))


def load(name: str) -> type[Provider]:
    """Import a provider.

    Raises:
        ConfigError: It is not installed, is installed twice, or cannot be imported.
    """
    found = {point.value: point for point in entry_points(group=GROUP, name=name)}
    if not found:
        known = ", ".join(names()) or "none"
        raise ConfigError(f"there is no provider {name!r}; installed are {known}")
    if len(found) > 1:
        claims = " and ".join(sorted(found))
        raise ConfigError(f"provider {name!r} is claimed by {claims}; uninstall one")
    loaded: type[Provider] = _import(found.popitem()[1], f"provider {name!r}")
    return loaded


def settings(name: str) -> type[AccountSettings]:
    """Return the class of a provider's settings, without its adapter where it says so.

    Raises:
        ConfigError: As `load`.
    """
    found = entry_points(group=SETTINGS_GROUP, name=name)
    if len(found) == 1 == len(entry_points(group=GROUP, name=name)):
        named: type[AccountSettings] = _import(found[0], f"the settings of {name!r}")
        return named
    return load(name).settings


def key_help(name: str) -> KeyHelp | None:
    """Return where a provider's keys are made; None where it does not say.

    Raises:
        ConfigError: As `load`.
    """
    from motionkit.provider.settings import KeyHelp  # noqa: PLC0415 - listing needs none

    found = getattr(load(name), "key_help", None)
    return found if isinstance(found, KeyHelp) else None


def operations() -> tuple[type[Request], ...]:
    """Return every class of request: the neutral ones, then those of installed providers.

    Raises:
        ConfigError: A provider's operations cannot be imported, or claim a verb that is taken.
    """
    # Imported here: who asks for the names of the providers needs no request.
    from motionkit.model.operations import OPERATIONS  # noqa: PLC0415
    from motionkit.model.request import OPERATIONS_GROUP  # noqa: PLC0415

    found: dict[str, type[Request]] = {kind.verb: kind for kind in OPERATIONS}
    for point in sorted(entry_points(group=OPERATIONS_GROUP), key=lambda one: one.name):
        for kind in _import(point, f"the operations of {point.name!r}"):
            if found.setdefault(kind.verb, kind) is not kind:
                raise ConfigError(
                    f"the operations of {point.name!r} claim the verb {kind.verb!r}, which is taken"
                )
    return tuple(found.values())


def media_names(operation: str | None) -> frozenset[str]:
    """Return the fields of an operation that take media; those of all where none is known.

    Raises:
        ConfigError: As `operations`, where no neutral operation has the name.
    """
    if operation in NEUTRAL_MEDIA:
        return NEUTRAL_MEDIA[operation]
    kinds = operations()
    own = [kind for kind in kinds if kind.operation == operation]
    return frozenset().union(*(kind.media_arguments() for kind in own or kinds))


def _import(point: EntryPoint, name: str) -> Any:
    try:
        return point.load()
    except Exception as error:
        why = str(error) or "its import failed"
        raise ConfigError(f"{name} ({point.value}) cannot be loaded: {why}") from error
