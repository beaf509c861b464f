"""The configuration reference has every key, made from the classes that read the file."""

from __future__ import annotations

import importlib.util
import json
import re
from typing import Any

import pytest
from blocks import ROOT

import motionkit as mk
from motionkit.cli import main

PAGE = ROOT / "docs" / "configuration.md"


@pytest.fixture(scope="module")
def hooks() -> Any:
    """Return the hook, loaded by its path as MkDocs does."""
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def keys(schema: Any) -> set[str]:
    """Return every key of the file that a schema describes, at any depth but budgets' periods."""
    found: set[str] = set()
    records = [
        schema["properties"]["defaults"],
        schema["properties"]["routes"]["additionalProperties"],
        *(one for name, one in schema["definitions"].items() if name.startswith("account-")),
    ]
    for record in records:
        found |= set(record["properties"])
    return found | {"journal"}


def test_the_page_has_a_row_for_every_key_of_every_installed_class(
    hooks: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "schema"]) == 0
    wanted = keys(json.loads(capsys.readouterr().out))
    page = hooks.on_page_markdown(PAGE.read_text("utf-8"))
    assert set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE)) == wanted
    assert "<!-- settings:" not in page


def test_every_row_says_what_the_key_takes_and_means(hooks: Any) -> None:
    for section in hooks.sections():
        for row in hooks.table(section).splitlines()[2:]:
            _, key, value, _, meaning, _ = (cell.strip() for cell in re.split(r"(?<!\\)\|", row))
            assert value, key
            assert meaning, key


def test_an_unknown_section_and_an_unknown_form_are_errors(hooks: Any) -> None:
    with pytest.raises(KeyError):
        hooks.on_page_markdown("<!-- settings: nowhere -->")
    with pytest.raises(ValueError, match="no words"):
        hooks.value({"type": "strange"})


def test_the_defaults_of_the_page_are_those_of_a_client(hooks: Any, accounts: Any) -> None:
    with mk.Client() as client:
        for name, said in hooks.sections()["defaults"].items():
            if "default" in said:
                assert getattr(client.config.defaults, name) == said["default"]
