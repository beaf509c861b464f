"""Processor time of verbs, interpreter included, against ``python -c "import requests"``.

Every command is a process of its own, the floor too. Rounds take turns, and all have their
bytecode. The journal has 40 jobs of the same request, which the dry run passes over. The vendor is
the sandbox, in this process, whose time does not count. A verb collects garbage seldom, as users'
do; the floor as Python does by default.
The ratio is that of the medians; the note has that of the minima.
``python tests/bench/startup.py [--rounds N] [--json]``
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

from figures import Figure, options, told

from motionkit.sandbox import Sandbox, sample_clip, sample_picture

JOBS = 40
MEDIA = ("--image", "hero.png", "--video", "dance.mp4", "--via", "pixverse")
Line = Callable[[], tuple[str, ...]]
FLOOR = "import requests"
VERBS: tuple[tuple[str, Line, float | None], ...] = (
    ("import motionkit", lambda: (), 0.5),
    ("motionkit --version", lambda: ("--version",), 0.5),
    ("motionkit --help", lambda: ("--help",), 0.5),
    ("motionkit jobs", lambda: ("jobs",), 1.5),
    ("motionkit jobs --json", lambda: ("jobs", "--json"), 1.5),
    ("motionkit mimic --dry-run", lambda: ("mimic", *MEDIA, "--dry-run", "--new"), 2.5),
    ("motionkit submit mimic", lambda: ("submit", "mimic", *MEDIA, "--key", uuid.uuid4().hex), 2.5),
    ("a completion of a verb", lambda: (), None),
)
LINES = {what: line for what, line, _ in VERBS}


def taken(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    """Return the processor seconds of a process."""
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as running:
        assert running.stderr is not None
        said = running.stderr.read()
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise SystemExit(f"{command} ended with {running.returncode}: {said.decode()}")
    return used.ru_utime + used.ru_stime


def measured(rounds: int, folder: Path, environment: dict[str, str]) -> dict[str, list[float]]:
    """Return the processor seconds of each command, in turns."""
    found: dict[str, list[float]] = {FLOOR: []} | {what: [] for what, _, _ in VERBS}

    def one(what: str, line: tuple[str, ...]) -> float:
        code = ["-c", what] if what.startswith("import ") else ["-m", "motionkit"]
        command = [sys.executable, *code]
        own = environment
        if what.startswith("a completion"):
            own = own | {"_MOTIONKIT_COMPLETE": "bash_complete"}
            own |= {"COMP_WORDS": "motionkit mi", "COMP_CWORD": "1"}
        return taken([*command, *line], folder, own)

    lines = [(FLOOR, tuple), *((what, line) for what, line, _ in VERBS)]
    for what, line in lines:  # makes the bytecode
        one(what, line())
    for _ in range(JOBS):
        one("motionkit submit mimic", LINES["motionkit submit mimic"]())
    for _ in range(rounds):
        for what, line in lines:
            found[what].append(one(what, line()))
    return found


def figures(rounds: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name, Sandbox(speed=1000) as sandbox:
        folder = Path(name)
        (folder / "hero.png").write_bytes(sample_picture())
        (folder / "dance.mp4").write_bytes(sample_clip(4.0, height=64))
        key = f"bench-{uuid.uuid4().hex}"
        sandbox.add_account("pixverse", key, label="bench", balance="5000000")
        kept = {name: os.environ[name] for name in ("PATH", "VIRTUAL_ENV") if name in os.environ}
        found = measured(
            rounds,
            folder,
            kept
            | {"HOME": name, "PIXVERSE_API_KEY": key, "PIXVERSE_BASE_URL": sandbox.url}
            | {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")},
        )
    median, least = statistics.median, min
    return [
        Figure(
            what=what,
            ours=round(median(found[what]) * 1e3, 1),
            floor=round(median(found[FLOOR]) * 1e3, 1),
            unit="ms of CPU",
            bar=bar,
            note=f"by the minima {least(found[what]) / least(found[FLOOR]):.2f} times",
        )
        for what, _, bar in VERBS
    ]


def main() -> None:
    chosen = options(__doc__).parse_args()
    told(figures(chosen.rounds or 15), as_json=chosen.json)


if __name__ == "__main__":
    main()
