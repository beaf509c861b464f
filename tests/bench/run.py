"""Run every bench and write BENCHMARKS.md and the README's figures.

``python tests/bench/run.py [--many] [--quick] [--only NAME]... [--out FILE]``
"""

from __future__ import annotations

import argparse
import ast
import datetime as dt
import json
import os
import platform
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from figures import Figure, told

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BENCHES = ("calls", "imports", "startup", "polling", "jobs", "listing", "transfer")
LIBRARIES = ("requests", "urllib3", "attrs", "cattrs", "stamina", "httpx", "segmind")
PEERS = ("fal-client", "replicate", "openai", "litellm")
QUICK: Mapping[str, Sequence[str]] = {
    "calls": ["--rounds", "5"],
    "imports": ["--rounds", "5"],
    "startup": ["--rounds", "3"],
    "jobs": ["--rounds", "1", "--jobs", "200"],
    "listing": ["--rounds", "3", "--jobs", "10000"],
    "transfer": ["--rounds", "3", "--megabytes", "20"],
}
"""For a look whether everything runs; such figures are not written."""
MARK = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- end of figures -->)", re.DOTALL)
QUOTES: tuple[tuple[str, Mapping[str, str]], ...] = (
    (
        (
            "A poll takes {poll.times} of the processor time of"
            " `requests.Session().get(url).json()`; a submit, with its journal synced to the disk"
            " three times, {submit.times}."
        ),
        {"poll": "poll, whole adapter (pixverse)", "submit": "submit, journal on disk"},
    ),
    (
        "`import motionkit` and making a request takes {made.times} of `import requests`.",
        {"made": "import motionkit and make a Mimic"},
    ),
    (
        (
            "1,000 jobs at once take {cpu.times} of the processor time of a thread a job with"
            " `requests`, {threads.ours:g} threads and {memory.ours:g} MB; a job's end is noticed"
            " {late.ours:g} s later on average."
        ),
        {
            "cpu": "1000 jobs, motionkit: CPU",
            "threads": "1000 jobs, motionkit: threads",
            "memory": "1000 jobs, motionkit: memory above idle",
            "late": "1000 jobs, motionkit: mean lateness",
        },
    ),
    (
        (
            "After 20 jobs of an offer, polls x detection delay is {learned.times} the limit of any"
            " schedule; any fixed interval gets {fixed.times}."
        ),
        {
            "learned": "polls x detection delay, learned from 20 jobs",
            "fixed": "polls x detection delay, any fixed interval",
        },
    ),
    (
        (
            "An upload of 100 MB takes {up.times} the time of a bare loop over `requests`, a"
            " download {down.times}."
        ),
        {"up": "upload, multipart", "down": "download"},
    ),
)
"""What the README says, from the figures of those names."""


def rows(name: str, arguments: Sequence[str]) -> Iterator[Figure]:
    """Run a bench in a process of its own and return its figures."""
    command = [sys.executable, str(HERE / f"{name}.py"), "--json", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    for text in done.stdout.splitlines():
        row: dict[str, Any] = json.loads(text)
        yield from _TOLD[name](row) if name in _TOLD else [Figure(**row)]


def _transfer(row: Mapping[str, Any]) -> Iterator[Figure]:
    alike = "not synced" not in row["what"]
    yield Figure(
        what=row["what"],
        ours=row["ours_s"],
        floor=row["bare_s"],
        unit="s",
        bar=1.3 if alike else None,
    )


def _polling(row: Mapping[str, Any]) -> Iterator[Figure]:
    judged, _, bar = row["bar"].removesuffix(" s").partition(" <= ")
    product = {
        "what": f"polls x detection delay, {row['figure']}",
        "floor": row["limit_s"],
        "unit": "s",
    }
    note = f"{row['polls']} polls x {row['delay_s']} s; the floor is the limit of any schedule"
    limit = float(bar) if judged == "product" else None
    yield Figure(**product, ours=row["product_s"], bar=limit, absolute=True, note=note)
    if limit is not None and "learned" in row["figure"]:
        fixed = round(row["product_s"] / row["of_fixed_interval"], 1)
        yield Figure(
            **product | {"what": "polls x detection delay, any fixed interval"}, ours=fixed
        )
    if judged == "delay":
        what = f"mean detection delay, {row['figure']}"
        yield Figure(what=what, ours=row["delay_s"], unit="s", bar=float(bar))


_TOLD: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Figure]]] = {
    "transfer": _transfer,
    "polling": _polling,
}
"""Benches that have words of their own."""


def machine() -> list[str]:
    """Say what was measured on, without any name."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    named = [f"{name} {version(name)}" for name in LIBRARIES if installed(name)]
    absent = [name for name in (*LIBRARIES, *PEERS) if not installed(name)]
    return [
        f"- {dt.datetime.now(dt.UTC).date()}, motionkit {version('motionkit')}",
        f"- {os.cpu_count()} cores ({model[1] if model else platform.machine()}), {memory:.0f} GB",
        f"- {platform.system()} {platform.release().split('-')[0]}",
        f"- Python {platform.python_version()}, {', '.join(named)}",
        f"- not installed, so not measured: {', '.join(absent) or 'nothing'}",
    ]


def installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def page(found: Mapping[str, Sequence[Figure]]) -> str:
    """Return BENCHMARKS.md."""
    text = [
        "# Benchmarks",
        "",
        "Written by `python tests/bench/run.py --many`; do not edit. A ratio is ours over the",
        "floor, both measured in the same run. Figures are medians of five rounds at least. What",
        "each bench does stands at the top of `tests/bench/NAME.py`.",
        "",
        *machine(),
    ]
    for name, figures in found.items():
        text += ["", f"## {name}", "", summary(name), ""]
        text += ["| ratio | what | ours | floor | bar | |", "|---|---|---|---|---|---|"]
        text += [line(figure) for figure in figures]
    missed = [one for figures in found.values() for one in figures if one.met is False]
    text += ["", "## Bars that are missed", ""]
    text += [f"- {one.what}: {shown(one)} where {one.bar:g} is the bar"
             f"{f' ({one.note})' if one.note else ''}" for one in missed] or ["None."]  # fmt: skip
    return "\n".join(text) + "\n"


def summary(name: str) -> str:
    """Return the first paragraph of a bench's docstring."""
    doc = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text("utf-8"))) or name
    return doc.split("\n\n")[0]


def shown(one: Figure) -> str:
    """Return a figure as it is compared with its bar."""
    return one.times if one.judged == one.ratio else f"{one.ours:g} {one.unit}".strip()


def line(one: Figure) -> str:
    floor = "" if one.floor is None else f"{one.floor:g}"
    bar = "" if one.bar is None else f"{'>=' if one.least else '<='} {one.bar:g}"
    verdict = {None: "", True: "reached", False: "**missed**"}[one.met]
    said = "; ".join(filter(None, (verdict, one.note)))
    return f"| {one.times} | {one.what} | {one.ours:g} {one.unit} | {floor} | {bar} | {said} |"


def quoted(figures: Sequence[Figure]) -> str:
    """Return the README's sentences, those whose figures were all measured."""
    by_name = {one.what: one for one in figures}
    return "".join(
        f"{line}\n"
        for text, names in QUOTES
        if all(what in by_name for what in names.values())
        for line in textwrap.wrap(
            "- " + text.format(**{name: by_name[what] for name, what in names.items()}),
            width=100,
            subsequent_indent="  ",
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--many", action="store_true", help="10,000 jobs too; takes minutes")
    parser.add_argument("--quick", action="store_true", help="few and small; writes nothing")
    parser.add_argument(
        "--only", action="append", choices=BENCHES, help="this bench; writes nothing"
    )
    chosen = parser.parse_args()
    names = [name for name in chosen.only or BENCHES if (HERE / f"{name}.py").exists()]
    found = {}
    for name in names:
        arguments = list(QUICK.get(name, ())) if chosen.quick else []
        arguments += ["--many"] if chosen.many and name == "jobs" else []
        found[name] = list(rows(name, arguments))
        told(found[name], as_json=False)
    if chosen.quick or chosen.only:
        return
    (ROOT / "BENCHMARKS.md").write_text(page(found), "utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    sentences = quoted([one for figures in found.values() for one in figures])
    (ROOT / "README.md").write_text(MARK.sub(lambda _: sentences, readme), "utf-8")


if __name__ == "__main__":
    main()
