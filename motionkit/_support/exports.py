"""Export names of a package's modules that load when a name is first used (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

Exports = tuple[Callable[[str], Any], Callable[[], list[str]]]


def exports(package: str, homes: Mapping[str, str]) -> Exports:
    """Return the functions ``__getattr__`` and ``__dir__`` of a package.

    The imports that a type checker reads are beside it, under ``if TYPE_CHECKING``.

    Args:
        package: The package's ``__name__``.
        homes: Modules and their exported names, separated by spaces; ``NAME=OTHER`` exports
            ``OTHER`` as ``NAME``, and ``NAME=`` the module.
    """
    found = {
        name: (module, of or (None if equals else name))
        for module, names in homes.items()
        for name, equals, of in (one.partition("=") for one in names.split())
    }

    def get(name: str) -> Any:
        if name not in found:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, of = found[name]
        value: Any = importlib.import_module(module)
        if of is not None:
            value = getattr(value, of)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted(found)
