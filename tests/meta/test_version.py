"""The version has one source, which the build reads."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import motionkit as mk

ROOT = Path(__file__).parents[2]


def test_the_version_is_that_of_the_distribution() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert config["project"]["dynamic"] == ["version"]
    assert config["tool"]["hatch"]["version"]["path"] == "motionkit/__init__.py"
    assert mk.__version__ == version("motionkit")


def test_the_version_takes_no_search_of_the_installed_distributions() -> None:
    code = (
        "import sys, motionkit as mk; mk.__version__; sys.exit('importlib.metadata' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_version_is_text_to_a_type_checker() -> None:
    stated: str = mk.__version__
    assert stated
