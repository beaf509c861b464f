"""Each dependency has a lower bound, and CI installs exactly those."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

import pytest
from lowest import declared, lowest

ROOT = Path(__file__).parents[2]


def test_every_runtime_dependency_has_a_lower_bound_that_the_installed_version_keeps() -> None:
    for requirement in declared():
        name, _, version = lowest(requirement).partition("==")
        package = name.partition("[")[0]
        installed = [int(part) for part in re.findall(r"\d+", importlib.metadata.version(package))]
        assert installed >= [int(part) for part in version.split(".")], name


def test_a_requirement_without_a_lower_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="no lower bound"):
        lowest("requests")


def test_ci_runs_a_purchase_and_the_fast_tests_with_the_lowest_versions() -> None:
    run = (ROOT / ".ci" / "run").read_text("utf-8")
    step = run[run.index("the lowest declared versions") :]
    assert "$(python -m tests.meta.lowest)" in step
    assert "motionkit demo" in step
    tests = re.findall(r"tests/[a-z]+/test_\w+\.py", step)
    assert {path.split("/")[1] for path in tests} == {"unit", "cli"}
    assert all((ROOT / path).is_file() for path in tests)
