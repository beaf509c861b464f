"""The version has one source, the project's metadata."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import motionkit as mk

ROOT = Path(__file__).parents[2]


def test_the_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert mk.__version__ == version("motionkit") == project["version"]


def test_the_version_is_read_only_when_somebody_asks() -> None:
    code = "import sys, motionkit; sys.exit('importlib.metadata' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_version_is_text_to_a_type_checker() -> None:
    stated: str = mk.__version__
    assert stated
