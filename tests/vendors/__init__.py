"""The vendors that the shared tests run over: one file each, found by listing this folder.

A file ``tests/vendors/NAME.py`` defines `VENDOR`, a `record.Vendor`, and `PROBES` of the settings
that no vendor before it has; its cases of the fault matrix are `CASES` of a file
``tests/faults/matrix_NAME.py``. CONTRIBUTING.md says how a vendor is added.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping

import pytest

from vendors.record import Probe, Vendor

_SHARED = {"answers", "record"}
_MODULES = {
    found.name: importlib.import_module(f"{__name__}.{found.name}")
    for found in pkgutil.iter_modules(__path__)
    if found.name not in _SHARED
}


def _order(name: str) -> tuple[bool, str]:
    vendor = getattr(_MODULES[name], "VENDOR", None)
    return vendor is None or not vendor.first, name


NAMES = sorted(_MODULES, key=_order)
"""Every vendor, those first that a command without a target goes to."""
VENDORS: Mapping[str, Vendor] = {
    name: _MODULES[name].VENDOR for name in NAMES if hasattr(_MODULES[name], "VENDOR")
}
"""The records of the vendors."""
PROBES: Mapping[str, Mapping[str, Probe]] = {
    name: getattr(_MODULES[name], "PROBES", {}) for name in NAMES
}
"""The settings that a vendor is the first to have, and what SECURITY.md says of each."""
DATABASES = ("sqlite", "postgresql")


def on_both(quick: Callable[[str, Vendor], bool]) -> list[object]:
    """Return ``(database, provider)`` for a test over both databases and every vendor.

    Args:
        quick: Tells what a default run plays; the rest is `soak`.
    """
    return [
        pytest.param(
            database,
            name,
            id=f"{database}-{name}",
            marks=() if quick(database, vendor) else pytest.mark.soak,
        )
        for database in DATABASES
        for name, vendor in VENDORS.items()
    ]
