"""Every installed provider is in the shared tests, and keeps the same contract as the others."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from vendors import VENDORS

from motionkit.provider import registry
from motionkit.sandbox import Sandbox
from motionkit.testing.contract import ProviderContract

ROOT = Path(__file__).parents[2]
EACH = sum(
    math.prod(len(mark.args[1]) for mark in getattr(test, "pytestmark", ()))
    for name, test in vars(ProviderContract).items()
    if name.startswith("test_")
)
"""Tests of the contract for each class: some are tried with every refusal or hiccup."""
COUNT = """
import json, sys, pytest

class Collected:
    def pytest_collection_finish(self, session):
        rows = [
            {
                "file": item.path.stem,
                "class": item.cls.__name__ if item.cls else "",
                "bases": [base.__name__ for base in item.cls.__mro__] if item.cls else [],
                "provider": getattr(getattr(item.cls, "provider_class", None), "name", ""),
                "test": item.name,
                "marks": {m.name: m.kwargs.get("reason", "") for m in item.iter_markers()},
            }
            for item in session.items
        ]
        print("ROWS" + json.dumps(rows))

options = ["--collect-only", "-qq", "-p", "no:cacheprovider"]
sys.exit(pytest.main([*options, *sys.argv[1:]], [Collected()]))
"""


@pytest.fixture(scope="module")
def collected() -> list[dict[str, object]]:
    """Return every test of the contract that pytest collects, of every vendor."""
    files = [ROOT / "tests" / "contract" / f"test_{name}.py" for name in registry.names()]
    command = [sys.executable, "-c", COUNT, *map(str, files)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [one for one in done.stdout.splitlines() if one.startswith("ROWS")]
    rows: list[dict[str, object]] = json.loads(line.removeprefix("ROWS"))
    return [row for row in rows if "ProviderContract" in row["bases"]]  # type: ignore[operator]


def test_every_provider_with_a_sandbox_has_a_record_of_the_shared_tests() -> None:
    assert set(VENDORS) == set(registry.names())
    with Sandbox() as sandbox:
        assert set(sandbox.accounts) == set(VENDORS)


def test_the_record_and_the_adapter_agree_on_what_may_be_sent_again() -> None:
    for name, vendor in VENDORS.items():
        adapter = vendor.adapter
        assert vendor.resends is (type(adapter.resend).__name__ == "SameId"), name
        if not vendor.resends:
            assert vendor.history is hasattr(adapter, "find"), name


def test_the_contract_is_the_same_number_of_tests_for_every_vendor(
    collected: list[dict[str, object]],
) -> None:
    classes = Counter((str(row["provider"]), str(row["class"])) for row in collected)
    assert set(classes.values()) == {EACH}
    assert {provider for provider, _ in classes} == set(registry.names())
    names = {str(row["test"]) for row in collected}
    assert len(names) == EACH, "every class has the same tests"


def test_every_vendor_keeps_the_contract_live_and_from_recordings(
    collected: list[dict[str, object]],
) -> None:
    for name in registry.names():
        bases = {str(base) for row in collected if row["provider"] == name for base in row["bases"]}  # type: ignore[attr-defined]
        assert {"SandboxContract", "CassetteContract"} <= bases, name


def test_no_test_of_the_contract_is_skipped_and_an_xfail_names_the_vendors_page(
    collected: list[dict[str, object]],
) -> None:
    for row in collected:
        marks = row["marks"]
        assert isinstance(marks, dict)
        about = f"{row['provider']}: {row['class']}.{row['test']}"
        assert not {"skip", "skipif", "soak"} & set(marks), about
        if "xfail" in marks:
            assert "https://" in marks["xfail"], about
