"""What the README says of speed stands in BENCHMARKS.md."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RATIO = re.compile(r"\b\d+\.\d\dx")


def section() -> str:
    readme = (ROOT / "README.md").read_text("utf-8")
    return readme.split("<!-- figures -->\n")[1].split("<!-- end of figures -->")[0]


def test_the_readme_quotes_ratios_that_were_measured() -> None:
    quoted = RATIO.findall(section())
    measured = set(RATIO.findall((ROOT / "BENCHMARKS.md").read_text("utf-8")))
    assert len(quoted) >= 5
    assert set(quoted) <= measured


def test_the_benchmarks_say_where_they_were_measured_and_name_no_host() -> None:
    text = (ROOT / "BENCHMARKS.md").read_text("utf-8")
    assert re.search(r"^- \d{4}-\d\d-\d\d, motionkit ", text, re.MULTILINE)
    assert re.search(r"^- Python 3\.\d+\.\d+, requests ", text, re.MULTILINE)
    assert re.search(r"^- \d+ cores \(", text, re.MULTILINE)
    assert "## Bars that are missed" in text
    assert not re.search(r"\b\d+\.\d+\.\d+\.\d+\b|localhost|/home/|/root/|/tmp/", text)


@pytest.mark.parametrize("bench", ["calls", "imports"])
def test_a_bench_still_runs_and_tells_figures(bench: str) -> None:
    command = [sys.executable, str(ROOT / "tests" / "bench" / f"{bench}.py")]
    done = subprocess.run(
        [*command, "--rounds", "1", "--json"], capture_output=True, text=True, check=True
    )
    figures = [json.loads(line) for line in done.stdout.splitlines()]
    assert any(figure["bar"] is not None for figure in figures)
    for figure in figures:
        assert figure["ours"] > 0
        assert figure["what"] in (ROOT / "BENCHMARKS.md").read_text("utf-8")
