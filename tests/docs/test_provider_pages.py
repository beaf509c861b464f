"""The pages of the providers say what the adapters' tables say."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Mapping

import pytest
from blocks import ROOT
from vendors import VENDORS

import motionkit.model
import motionkit.testing
from motionkit import errors, provider
from motionkit.provider import ErrorRow

_ROW = re.compile(
    r"^\| `?(?P<code>(?:HTTP )?\d{3,6})`? \| `(?P<error>\w+)` \| (?P<meaning>.+) \|"
    r" (?P<refused>yes|no: unknown) \|$",
    re.MULTILINE,
)


def page(name: str) -> str:
    return (ROOT / "docs" / "providers" / f"{name}.md").read_text("utf-8")


def rows(table: Mapping[int, ErrorRow], before: str = "") -> set[tuple[str, str, str, str]]:
    return {
        (
            f"{before}{code}",
            row.error.__name__,
            row.meaning,
            "yes" if row.refuses else "no: unknown",
        )
        for code, row in table.items()
    }


@pytest.mark.parametrize("name", VENDORS)
def test_a_providers_page_has_every_error_code_and_its_meaning(name: str) -> None:
    tables = VENDORS[name].tables
    codes = getattr(tables, "ERRORS", {})
    expected = rows(codes) | rows(tables.STATUSES, "HTTP " if codes else "")
    found = _ROW.findall(page(name))
    assert set(found) == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize("name", VENDORS)
def test_a_providers_page_has_every_status_and_its_state(name: str) -> None:
    text = page(name)
    for word, (state, _) in VENDORS[name].tables.STATES.items():
        state_name = getattr(state, "name", "")
        assert re.search(rf"^\| `{word}`.* \| `{state_name}`", text, re.MULTILINE), word


@pytest.mark.parametrize(
    "name", [name for name, vendor in VENDORS.items() if vendor.documented_models]
)
def test_a_providers_page_has_every_model_and_host(name: str) -> None:
    text, adapter = page(name), VENDORS[name].adapter
    hosts: Mapping[str, str] = sys.modules[adapter.__module__].HOSTS
    assert {offer.model for offer in adapter.offers if f"`{offer.model}`" not in text} == set()
    assert {host for host in hosts.values() if host not in text} == set()


def guide() -> str:
    return (ROOT / "docs" / "adding-a-provider.md").read_text("utf-8")


def test_the_guide_names_classes_that_are_where_it_says() -> None:
    modules = [
        importlib.import_module(f"{package.__name__}.{found.name}")
        for package in (motionkit.model, motionkit.testing)
        for found in pkgutil.iter_modules(package.__path__)
    ]
    classes = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z]\w+)?)[(.`]", guide()))
    missing = {
        name
        for name in classes
        if not any(hasattr(module, name) for module in (provider, errors, *modules))
    }
    assert classes >= {"ErrorRow", "Session", "State"}
    assert missing == set()


def test_the_guide_has_every_optional_ability_with_its_members() -> None:
    rows = re.findall(r"^\| `([A-Z]\w+)` \| (.+?) \| .+ \|$", guide(), re.MULTILINE)
    documented = {name: set(re.findall(r"`(\w+)`", members)) for name, members in rows}
    contracts = {name: getattr(provider, name) for name in provider.__all__}
    optional = {
        name: {one for one in {*vars(face), *face.__annotations__} if not one.startswith("_")}
        for name, face in contracts.items()
        if getattr(face, "_is_protocol", False)
        and name not in {"Accounts", "Body", "Provider", "Uploads"}
    }
    assert documented == optional
