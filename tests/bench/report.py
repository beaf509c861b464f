"""A report over 1,000 jobs with films: seconds, and memory of the whole process.

250 requests with four results each; films and clips are linked, not copied. The command runs as a
user runs it, in a process of its own: the memory is its largest resident set, interpreter and
libraries included; beside it, what Python allocated at most while the page was written.

``python tests/bench/report.py [--rounds N] [--jobs N] [--json]``
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from figures import ROUNDS, Figure, options, told

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "report"), str(HERE.parents[1])]

SECONDS, MEGABYTES = 10.0, 60.0
"""Bars."""
RESULTS = 4
"""Results of a request."""
MEASURED = """
import resource, subprocess, sys, time
begun = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""A process between: a child's largest resident set begins with that of who starts it."""
TRACED = """
import sys, tracemalloc
import motionkit as mk
from motionkit.report import write_report
with mk.Client(sys.argv[1]) as client:
    tracemalloc.start()
    made = write_report(client, sys.argv[2])
    print(tracemalloc.get_traced_memory()[1], made.jobs, made.films)
"""


def fill(folder: Path, jobs: int) -> Path:
    """Write a journal with delivered jobs; return a configuration that names it."""
    from shelf import Shelf

    from motionkit.sandbox import sample_clip, sample_picture

    clip = folder / "clip.mp4"
    clip.write_bytes(sample_clip(4.0))
    (folder / "hero.png").write_bytes(sample_picture())
    (folder / "films").mkdir()
    shelf = Shelf(folder)
    with shelf.client as client:
        client._journal.store.query("PRAGMA synchronous=OFF")
        for number in range(jobs):
            film = folder / "films" / f"order-{number}.mp4"
            os.link(clip, film)
            shelf.add(
                f"order-{number}",
                clip=clip,
                picture=folder / "hero.png",
                film=film,
                target=f"studio-{number % RESULTS}/mimic",
                description={"prompt": f"shot {number // RESULTS}: a walk along the sea"},
                labels={"project": "spring", "shot": str(number // RESULTS)},
                decided=True,
            )
    file = folder / "motionkit.toml"
    file.write_text(f'journal = "{folder / "journal.db"}"\n')
    file.chmod(0o600)
    return file


def run(file: Path, out: Path) -> tuple[float, float]:
    """Write a report by the command line; return seconds, and megabytes of its process."""
    command = [sys.executable, "-m", "motionkit", "report", "--config", file, "--out", out]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command], check=True, capture_output=True, text=True
    )
    seconds, peak = done.stdout.split()
    return float(seconds), float(peak) * (1 if sys.platform == "darwin" else 1024) / 1e6


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = fill(folder, chosen.jobs)
        rounds = [run(file, folder / "report") for _ in range(chosen.rounds or ROUNDS)]
        page = (folder / "report" / "index.html").stat().st_size
        traced = subprocess.run(
            [sys.executable, "-c", TRACED, file, folder / "traced"],
            check=True,
            capture_output=True,
            text=True,
        )
    peak, jobs, films = (int(one) for one in traced.stdout.split())
    if (jobs, films) != (chosen.jobs, chosen.jobs):
        sys.exit(f"{jobs} jobs and {films} films are on the page")
    what = f"report over {chosen.jobs:,} jobs"
    told(
        [
            Figure(
                what=f"{what}: time",
                ours=statistics.median(one for one, _ in rounds),
                unit="s",
                bar=SECONDS,
                note=f"a page of {page / 1e6:.1f} MB",
            ),
            Figure(
                what=f"{what}: memory of the process",
                ours=max(one for _, one in rounds),
                unit="MB",
                bar=MEGABYTES,
                note="the largest resident set, interpreter and libraries included",
            ),
            Figure(what=f"{what}: allocated by Python", ours=peak / 1e6, unit="MB"),
        ],
        as_json=chosen.json,
    )


if __name__ == "__main__":
    main()
