"""The walls of the codebase, held up by tests."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import rooms
import tomli
from rooms import CORE, ROOT

import motionkit
from motionkit.provider import registry

PROVIDERS = ROOT / "providers"

ADAPTER_FILES = ["__init__.py", "offers.toml", "_tables.py", "adapter.py"]
OPTIONAL_FILES = [
    *("offers_models.toml", "offers_prices.toml", "_wire.py", "operations.py", "rules.py"),
    *("settings.py", "verbs.py"),
    *("bodies.py", "results.py", "lists.py", "records.py", "history.py", "sync.py", "webhook.py"),
    *("uploads.py", "signing.py"),
    *("sandbox", "py.typed"),
]


def provider_names() -> list[str]:
    return sorted(path.name.removeprefix("motionkit_") for path in PROVIDERS.glob("motionkit_*"))


def modules(top: Path) -> Iterator[Path]:
    return (path for path in sorted(top.rglob("*.py")))


def imports(path: Path, *, lazy: bool) -> set[str]:
    """Return the modules of motionkit that a file imports; `lazy` adds those inside functions."""
    tree = ast.parse(path.read_text("utf-8"))
    nodes = ast.walk(tree) if lazy else (n for n in tree.body)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("motionkit")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("motionkit"):
            if node.module == "motionkit":
                found |= {f"motionkit.{alias.name}" for alias in node.names}
            else:
                found.add(node.module or "")
    return found


def test_the_top_of_the_core_holds_rooms_alone() -> None:
    entries = {path.name for path in CORE.iterdir()} - {"__pycache__", "py.typed"}
    floors = {name for names in rooms.FLOORS for name in names} | rooms.APART
    assert {name.removesuffix(".py") for name in entries} == floors
    assert len(entries) <= 21  # eighteen, and `batch`, `mcp` and `report`, edges above the client


def test_every_room_says_what_is_inside() -> None:
    for path in CORE.glob("*/__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path


def test_imports_between_rooms_go_down_only() -> None:
    assert not rooms.upward()


def test_a_room_imports_the_rooms_that_it_may_and_the_command_line_their_faces() -> None:
    assert set(rooms.MAY_IMPORT) == {name for names in rooms.FLOORS for name in names}
    assert not rooms.forbidden()


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert not rooms.circle()


def test_the_sandbox_imports_nothing_of_the_core() -> None:
    targets = {
        t for name, found in rooms.graph().items() for t in found if rooms.room(name) == "sandbox"
    }
    assert {rooms.room(target) for target in targets} <= {"sandbox"}


def test_the_core_imports_no_provider() -> None:
    for path in modules(CORE):
        assert not any(name.startswith("motionkit_") for name in imports(path, lazy=True)), path


ADAPTERS = [*sorted(PROVIDERS.glob("motionkit_*")), ROOT / "tests/toy_provider/motionkit_toy"]
ADAPTERS_IMPORT = re.compile(r"motionkit\.(provider|errors|model(\.\w+)?)")


@pytest.mark.parametrize("package", ADAPTERS, ids=lambda path: path.name)
def test_an_adapter_imports_from_three_rooms_of_the_core_only(package: Path) -> None:
    found = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(package)
        if "sandbox" not in path.relative_to(package).parts
        for name in imports(path, lazy=True)
        if name.split(".")[0] == "motionkit" and not ADAPTERS_IMPORT.fullmatch(name)
    }
    assert not found


def test_the_core_names_no_vendor() -> None:
    """Neither in code nor in docstrings and comments."""
    names = "|".join(provider_names())
    pattern = re.compile(rf"(?<![a-z])({names})(?![a-z])", re.IGNORECASE)  # "fal" is in "false"
    for path in modules(CORE):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            assert not pattern.search(line), f"{path}:{number}: {line}"


def test_a_providers_sandbox_reads_the_contract_for_itself() -> None:
    for name in provider_names():
        package = f"motionkit_{name}"
        for path in modules(PROVIDERS / package / "sandbox"):
            foreign = [
                target
                for target in imports(path, lazy=True)
                if target.startswith(package) and not target.startswith(f"{package}.sandbox")
            ]
            assert not foreign, f"{path.name} imports {foreign}"
            assert "offers.toml" not in path.read_text("utf-8")


def test_providers_folders_entry_points_packages_cassettes_and_readme_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    readme = (ROOT / "README.md").read_text("utf-8")
    names = provider_names()
    assert sorted(project["project"]["entry-points"]["motionkit.providers"]) == names
    assert sorted(project["project"]["entry-points"]["motionkit.sandboxes"]) == names
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert packages == ["motionkit", *(f"providers/motionkit_{name}" for name in names)]
    assert sorted(project["tool"]["check-wheel-contents"]["toplevel"]) == sorted(
        ["motionkit", *(f"motionkit_{name}" for name in names)]
    )
    assert sorted(path.name for path in (ROOT / "cassettes").iterdir() if path.is_dir()) == names
    for name in names:
        assert re.search(rf"^\| `{name}` \|", readme, re.MULTILINE), f"README has no row of {name}"
        assert (ROOT / "tests" / "contract" / f"test_{name}.py").is_file()


def test_the_installed_entry_points_are_those_of_the_project() -> None:
    assert sorted(registry.names()) == provider_names()
    assert registry.names()[:2] == ["pixverse", "segmind"]
    assert sorted(p.name for p in entry_points(group="motionkit.sandboxes")) == provider_names()


@pytest.mark.parametrize("path", sorted(PROVIDERS.glob("*/offers*.toml")), ids=lambda one: one.name)
def test_both_parsers_of_offers_read_the_same(path: Path) -> None:
    text = path.read_text("utf-8")
    assert tomli.loads(text) == tomllib.loads(text)


def test_every_provider_has_the_same_files() -> None:
    for name in provider_names():
        found = {
            path.name
            for path in (PROVIDERS / f"motionkit_{name}").iterdir()
            if path.name != "__pycache__"
        }
        assert found >= {*ADAPTER_FILES, "py.typed"}, name
        assert found <= {*ADAPTER_FILES, *OPTIONAL_FILES}, name


def test_providers_is_no_package() -> None:
    assert not (PROVIDERS / "__init__.py").exists()


@pytest.mark.parametrize("name", motionkit.__all__)
def test_every_public_name_loads(name: str) -> None:
    assert getattr(motionkit, name) is not None


def test_public_names_are_sorted_and_known_to_type_checkers() -> None:
    assert motionkit.__all__ == sorted(motionkit.__all__)
    tree = ast.parse((CORE / "__init__.py").read_text("utf-8"))
    typed = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("motionkit")
        for alias in node.names
        if alias.asname
    }
    assert typed == set(motionkit.__all__)
