"""The rooms of the core and the arrows between them: ``python -m tests.meta.rooms`` prints them.

A room is a sub-package or a top-level module of `motionkit`. An arrow goes from a room to a file of
another room that it imports, lazy and type-only imports counted.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "motionkit"

FLOORS: tuple[tuple[str, ...], ...] = (
    ("_support",),
    ("errors",),
    ("model",),
    ("conversion", "http", "journal", "routing", "storage"),
    ("provider",),
    ("config", "polling"),
    ("purchase",),
    ("client",),
    ("batch",),
    ("mcp", "report"),
    ("cli", "testing"),
)
"""Lowest first: a room imports from the floors below its own only."""

_BASE = frozenset({"_support", "errors", "model"})

MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "_support": frozenset(),
    "errors": frozenset({"_support"}),
    "model": frozenset({"_support", "errors"}),
    "conversion": _BASE,
    "http": _BASE,
    "journal": _BASE,
    "routing": _BASE,
    "storage": _BASE,
    "provider": _BASE | {"http", "storage"},
    "config": _BASE | {"http", "provider", "routing"},
    "polling": _BASE | {"http", "journal", "provider"},
    "purchase": _BASE
    | {"config", "conversion", "http", "journal", "provider", "routing", "storage"},
    "client": _BASE | {"config", "http", "journal", "polling", "provider", "purchase", "storage"},
    "batch": _BASE | {"client", "config", "http", "journal", "storage"},
    "mcp": _BASE | {"client", "journal", "storage"},
    "report": _BASE | {"batch", "client", "config", "journal", "purchase"},
    "cli": _BASE | {"batch", "client", "config", "journal", "mcp", "report", "sandbox", "storage"},
    "testing": _BASE | {"client", "config", "http", "provider", "sandbox"},
}
"""The rooms that a room may import; everyone may import the public names of `motionkit`."""

FACES_ONLY = frozenset(MAY_IMPORT) - {"client", "config"}
"""Rooms that import another room by its face, ``motionkit.ROOM``, and not by its files.

The other two import ``provider.registry``, so that who lists providers loads no contract.
"""

FILES = frozenset({"_support", "model"})
"""Rooms without a face: their files are imported."""

APART = frozenset({"__init__", "__main__", "sandbox"})
"""`__init__` names what is public, `__main__` starts ``cli``; ``sandbox`` speaks HTTP only."""


def files() -> Iterator[Path]:
    """Yield every file of the core."""
    return iter(sorted(CORE.rglob("*.py")))


def module(path: Path) -> str:
    """Return a file's module name."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room(name: str) -> str:
    """Return the room of a module of the core."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports(path: Path) -> set[str]:
    """Return the modules of the core that a file imports anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("motionkit.")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "motionkit":
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if _is_module(whole) else str(node.module))
    return found


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def graph() -> dict[str, set[str]]:
    """Return each module of the core with those that it imports."""
    return {module(path): imports(path) for path in files()}


def arrows() -> set[tuple[str, str]]:
    """Return the arrows: a room, and a file of another room that it imports."""
    return {
        (room(source), target)
        for source, targets in graph().items()
        for target in targets
        if room(source) not in APART and room(target) not in {room(source), "__init__"}
    }


def upward() -> list[str]:
    """Return the imports that do not go down."""
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    return sorted(
        f"{source} imports {target}"
        for source, targets in graph().items()
        for target in targets
        if room(source) not in APART
        and room(target) != room(source)
        and (
            room(target) in APART - {"sandbox"}
            or floor.get(room(target), -1) >= floor[room(source)]
        )
    )


def forbidden() -> list[str]:
    """Return the arrows that `MAY_IMPORT` or `FACES_ONLY` does not allow."""
    return sorted(
        f"{source} imports {target}"
        for source, target in arrows()
        if room(target) not in MAY_IMPORT[source]
        or (
            source in FACES_ONLY
            and room(target) not in FILES
            and target != f"motionkit.{room(target)}"
        )
    )


def circle() -> tuple[str, ...]:
    """Return modules that import each other in a circle; empty when there is none."""
    edges, done = graph(), set()

    def visit(name: str, trail: tuple[str, ...]) -> tuple[str, ...]:
        if name in trail:
            return (*trail[trail.index(name) :], name)
        if name in done:
            return ()
        for target in sorted(edges.get(name, ())):
            found = visit(target, (*trail, name))
            if found:
                return found
        done.add(name)
        return ()

    return next((found for found in (visit(name, ()) for name in sorted(edges)) if found), ())


def main() -> None:
    """Print floors, arrows and what is wrong with them."""
    drawn = arrows()
    for names in reversed(FLOORS):
        for name in names:
            targets = sorted(target for source, target in drawn if source == name)
            print(f"{name}: {len(targets)} arrows")
            for target in targets:
                print(f"    -> {target.removeprefix('motionkit.')}")
    print(f"rooms and files of other rooms: {len(drawn)} arrows")
    print(f"rooms: {len({(a, room(b)) for a, b in drawn})} arrows")
    print(f"circle: {' -> '.join(circle()) or 'none'}")
    print(f"forbidden: {'; '.join(forbidden()) or 'none'}")
    print(f"upward: {'; '.join(upward()) or 'none'}")


if __name__ == "__main__":
    main()
