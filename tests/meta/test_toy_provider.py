"""A newcomer's provider, installed from a distribution of its own, is found and keeps the contract.

The toy was written from the guide to adding a provider alone. It goes into an environment of its
own that sees the running one's packages, so that nothing is downloaded.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import site
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import motionkit
from motionkit.testing.contract import ProviderContract

TOY = Path(__file__).parents[1] / "toy_provider"
CORE = Path(motionkit.__file__).parent
LEAST = 36
"""Tests that the contract had when the toy was written; it only grows."""


class Environment:
    """A virtual environment, and a folder outside the checkout to run it in."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"
        self.work.mkdir()
        self.prefix = folder / "env"
        names = {"base": str(self.prefix), "platbase": str(self.prefix)}
        self.packages = Path(sysconfig.get_path("purelib", "venv", names))
        self.python = Path(sysconfig.get_path("scripts", "venv", names)) / "python"
        bare = [sys.executable, "-m", "venv", "--without-pip", self.prefix]
        subprocess.run(bare, check=True)
        lines = [f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages()]
        (self.packages / "running.pth").write_text("".join(lines), "utf-8")

    def run(self, *arguments: str | Path) -> str:
        """Run its interpreter and return what it printed; a failure shows everything."""
        hidden = ("PYTEST_", "PYTHONPATH", "PIP_", "MOTIONKIT_")
        kept = {name: v for name, v in os.environ.items() if not name.startswith(hidden)}
        done = subprocess.run(
            [self.python, *arguments],
            cwd=self.work,
            env=kept | {"TOY_API_KEY": "toy-key-0123456789"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Return an environment with the toy in it, built from a copy of its source."""
    folder = tmp_path_factory.mktemp("newcomer")
    source = shutil.copytree(TOY, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    made = Environment(folder)
    quiet = ("--quiet", "--disable-pip-version-check", "--no-index", "--no-deps")
    made.run("-m", "pip", "install", *quiet, "--no-build-isolation", source)
    return made


def contract_tests() -> int:
    """Return how many tests the contract gives to every provider, parameters counted."""
    return sum(
        math.prod(
            len(mark.args[1])
            for mark in getattr(function, "pytestmark", ())
            if mark.name == "parametrize"
        )
        for name, function in vars(ProviderContract).items()
        if name.startswith("test_")
    )


def test_a_provider_of_another_distribution_is_found_by_its_entry_point(
    environment: Environment,
) -> None:
    program = "from motionkit import registry as r; print(*r.names(), r.load('toy').__module__)"
    *names, module = environment.run("-c", program).split()
    assert "toy" in names
    assert module == "motionkit_toy.adapter"
    where = environment.run("-c", "import motionkit_toy; print(motionkit_toy.__file__)")
    assert Path(where.strip()).is_relative_to(environment.packages)


def test_its_account_is_made_from_the_environment(environment: Environment) -> None:
    program = "from motionkit.config import from_environment as f; print(f().account('toy'))"
    said = environment.run("-c", program)
    assert "provider='toy'" in said
    assert "toy-key" not in said


def test_it_keeps_the_whole_contract_outside_the_checkout(environment: Environment) -> None:
    tests = shutil.copytree(
        TOY / "tests", environment.work / "tests", ignore=shutil.ignore_patterns("__pycache__")
    )
    alone = ("-p", "motionkit.testing.plugin", "-p", "no:cacheprovider", "--rootdir", tests)
    said = environment.run("-m", "pytest", *alone, "-q", "-rp", "-W", "error", tests)
    assert re.fullmatch(r"\d+ passed in .*", said.splitlines()[-1]), said  # and nothing else
    kept = re.findall(r"^PASSED .*::TestToy::", said, re.MULTILINE)
    assert len(kept) >= contract_tests() >= LEAST


def test_the_core_does_not_know_the_newcomer() -> None:
    naming = [
        path.relative_to(CORE)
        for path in CORE.rglob("*")
        if path.suffix in {".py", ".toml", ".typed", ".md"}
        and re.search(r"\btoy\b|motionkit_toy", path.read_text("utf-8"), re.IGNORECASE)
    ]
    assert not naming
