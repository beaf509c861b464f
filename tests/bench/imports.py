"""Processor time of ``import motionkit`` and one `Mimic` against ``import requests``.

Each is an interpreter of its own, and what a bare one takes is taken off. All have their bytecode.
``python tests/bench/imports.py [--rounds N] [--json]``
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from figures import Figure, children_cpu, compared, options, told

BARE = "pass"
FLOOR = "import requests"
OURS = "import motionkit as mk; mk.Mimic(image='hero.png', video='dance.mp4')"
ATTRS = "import attrs"
CLIENT = "import motionkit as mk; mk.Client"


def started(code: str, environment: dict[str, str]) -> float:
    """Return the processor seconds of an interpreter that runs some code."""
    before = children_cpu()
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    return children_cpu() - before


def figures(rounds: int) -> list[Figure]:
    codes = (BARE, FLOOR, OURS, ATTRS, CLIENT)
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        taken: dict[str, list[float]] = {code: [] for code in codes}
        for code in codes:
            started(code, environment)  # makes the bytecode
        for _ in range(rounds):
            for code in codes:
                taken[code].append(started(code, environment))
    net = {
        code: [max(0.0, a - b) for a, b in zip(times, taken[BARE], strict=True)]
        for code, times in taken.items()
    }
    made = []
    for what, code, bar, note in (
        ("import motionkit and make a Mimic", OURS, 0.5, "most of it is attrs"),
        ("import attrs alone", ATTRS, None, ""),
        ("load the client", CLIENT, None, "sqlite3 with it"),
    ):
        ours, base = compared(net[code], net[FLOOR])
        made.append(
            Figure(
                what=what,
                ours=round(ours * 1e3, 1),
                floor=round(base * 1e3, 1),
                unit="ms of CPU, net",
                bar=bar,
                note=note,
            )
        )
    return made


def main() -> None:
    chosen = options(__doc__).parse_args()
    told(figures(chosen.rounds or 15), as_json=chosen.json)


if __name__ == "__main__":
    main()
