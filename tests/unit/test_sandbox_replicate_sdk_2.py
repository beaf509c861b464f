"""The official SDK 2.x has the distribution name of 1.x, so it runs from a folder of its own."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE

pytest.importorskip("replicate")  # for what both versions need
HERE = Path(__file__).parent
TESTS = HERE / "replicate_sdk_2.py"
WANTED = ("replicate==2.0.0b4", "distro>=1.7,<2", "sniffio>=1.3")
"""The SDK, and what it needs beyond 1.x."""
OUTSIDE = {
    name: value
    for name, value in os.environ.items()
    if name not in {"LD_PRELOAD", "FAKETIME", "PYTHONPATH"}
}
"""The environment before tests change it: pip needs the registry's settings, and today's date."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with the SDK; where the registry does not answer, say so and skip."""
    target = tmp_path / "sdk"
    quiet = ("--quiet", "--no-input", "--no-cache-dir", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "install", *quiet, "--no-deps", "--target", target]
    done = subprocess.run(
        [*command, *WANTED],
        env=OUTSIDE,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
        pytest.skip(f"{WANTED[0]} cannot be installed: {last}")
    return target


def test_the_next_major_version_of_the_sdk_runs_unmodified_too(folder: Path) -> None:
    tree = ast.parse(TESTS.read_text("utf-8"))
    names = [one.name for one in tree.body if isinstance(one, ast.FunctionDef)]
    count = sum(name.startswith("test_") for name in names)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", TESTS],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.search(r"(\d+) passed", done.stdout)
    assert told, done.stdout
    assert int(told[1]) == count >= 12
