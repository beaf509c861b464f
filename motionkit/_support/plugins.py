"""Find entry points without `importlib.metadata`, whose import takes longer than the search.

The files are those that the packaging standards name: ``entry_points.txt`` in the folder
``*.dist-info`` (or ``*.egg-info``) of each installed distribution. Where Python finds
distributions elsewhere, in archives or by another finder, `importlib.metadata` is asked.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from typing import Any, NamedTuple

_FOLDERS = (".dist-info", ".egg-info")


class EntryPoint(NamedTuple):
    """An object that an installed distribution offers.

    Attributes:
        name: Its name in the group.
        value: Where it is, "MODULE:ATTRIBUTE".
    """

    name: str
    value: str

    def load(self) -> Any:
        """Import it."""
        module, _, path = self.value.partition("[")[0].strip().partition(":")
        found = importlib.import_module(module.strip())
        for name in filter(None, path.strip().split(".")):
            found = getattr(found, name)
        return found


def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
    """Return the entry points of a group, all of them or those of one name."""
    found = _found_elsewhere(group) if _is_elsewhere() else list(_found(group))
    return [one for one in found if name is None or one.name == name]


def _is_elsewhere() -> bool:
    """Return whether distributions may be installed as anything but folders on the path."""
    finders = [one for one in sys.meta_path if hasattr(one, "find_distributions")]
    return finders != [PathFinder] or any(map(os.path.isfile, sys.path))


def _found_elsewhere(group: str) -> list[EntryPoint]:
    from importlib.metadata import entry_points as find  # noqa: PLC0415 - slow, and seldom needed

    return [EntryPoint(one.name, one.value) for one in find(group=group)]


def _found(group: str) -> Iterator[EntryPoint]:
    seen: set[str] = set()
    for folder in map(os.path.abspath, sys.path):
        try:
            texts = _installed(folder, os.stat(folder).st_mtime_ns)
        except OSError:
            continue
        for project, text in texts:
            # The first on the path hides others of the same name.
            if project not in seen:
                seen.add(project)
                yield from _listed(text, group)


@functools.lru_cache(maxsize=64)
def _installed(folder: str, _changed: int) -> list[tuple[str, str]]:
    """Return the distributions in a folder of one state, each with its ``entry_points.txt``.

    Several groups are asked for in a run, and the files are many.

    Raises:
        OSError: It is no folder, or cannot be read.
    """
    return [
        (name.rpartition(".")[0].partition("-")[0].lower().replace(".", "_"), _text(folder, name))
        for name in os.listdir(folder)
        if name.endswith(_FOLDERS)
    ]


def _text(folder: str, name: str) -> str:
    try:
        with open(os.path.join(folder, name, "entry_points.txt"), encoding="utf-8") as stream:
            return stream.read()
    except OSError:
        return ""


def _listed(text: str, group: str) -> Iterator[EntryPoint]:
    if f"[{group}]" not in text:
        return
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[]")
        elif section == group and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield EntryPoint(name.strip(), value.strip())
