"""What the README says of speed stands in BENCHMARKS.md."""

from __future__ import annotations

import re
from pathlib import Path

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
