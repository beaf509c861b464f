"""A room's names load when they are first used, and they are those that a type checker sees."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import motionkit

CORE = Path(motionkit.__file__).parent
FACES = sorted(
    path.parent.name for path in CORE.glob("*/__init__.py") if "exports(" in path.read_text("utf-8")
)


def typed(room: str) -> dict[str, tuple[str, str]]:
    """Return the names that a type checker sees, with their modules and their names there."""
    found = {}
    for node in ast.walk(ast.parse((CORE / room / "__init__.py").read_text("utf-8"))):
        if isinstance(node, ast.If):
            for line in node.body:
                assert isinstance(line, ast.ImportFrom)
                module = line.module or ""
                found |= {one.asname or one.name: (module, one.name) for one in line.names}
    return found


@pytest.mark.parametrize("room", FACES)
def test_a_room_exports_what_a_type_checker_sees(room: str) -> None:
    face = importlib.import_module(f"motionkit.{room}")
    assert dir(face) == sorted(face.__all__) == sorted(typed(room))
    for name, (module, of) in typed(room).items():
        home = importlib.import_module(module)
        assert getattr(face, name) is getattr(home, of), name


@pytest.mark.parametrize("room", FACES)
def test_no_exported_name_is_that_of_a_file_of_the_room(room: str) -> None:
    # Importing the file would put the module in the place of the name.
    files = {path.stem for path in (CORE / room).glob("*.py")}
    assert not files & set(typed(room))


@pytest.mark.parametrize("room", FACES)
def test_a_name_that_a_room_does_not_have_is_an_attribute_error(room: str) -> None:
    with pytest.raises(AttributeError, match=f"'motionkit.{room}' has no attribute 'nothing'"):
        _ = importlib.import_module(f"motionkit.{room}").nothing
