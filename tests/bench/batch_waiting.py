"""What a worker holds while 10,000 of its items wait: ``python tests/bench/batch_waiting.py``.

The items are bought at the sandbox, whose jobs last longer than the measurement. Prints threads
and memory of the worker's process, idle and with all items waiting, and what it wrote meanwhile. A
job's first poll finds it running, which is written once. After that nothing changes, and what is
written is the worker's heartbeat, and with ``--rpm`` a row for each call, for all who share it.
Options: ``--items``, ``--postgresql ADDRESS`` (else SQLite), ``--rpm`` (else none), ``--seconds``
of each of ``--readings``.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "batch")]

from farm import BATCH, Farm, farm  # noqa: E402 - found by the line above

from motionkit.batch.tables import Batches  # noqa: E402
from motionkit.client.client import Client  # noqa: E402

FIGURES = ("Threads", "VmRSS")


def figures(process: int) -> dict[str, int]:
    """Return the number of threads and the resident memory in MB."""
    lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith(FIGURES)}
    return {"threads": found["Threads"], "MB": found["VmRSS"] // 1024}


def cpu(process: int) -> float:
    """Return the seconds of CPU that a process used."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def written(process: int) -> int:
    """Return how many bytes a process has had written to disk."""
    lines = Path(f"/proc/{process}/io").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def bought(made: Farm) -> int:
    """Return how many items the vendor has as jobs."""
    return len(made.account["jobs"])


def unpolled(made: Farm) -> int:
    """Return how many jobs the journal has not seen running yet."""
    with Client(made.config()) as client:
        (row,) = client._journal.store.query(
            "SELECT COUNT(*) AS jobs FROM purchases WHERE state='queued'"
        )
    return int(row["jobs"])


@contextmanager
def working(made: Farm, concurrency: int) -> Iterator[subprocess.Popen[str]]:
    """Run a worker on the batch."""
    worker = made.start(concurrency=concurrency)
    try:
        yield worker
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.communicate()


def show(what: str, **values: object) -> None:
    """Print a line of figures."""
    sys.stdout.write(f"{what:<28}" + "  ".join(f"{k} {v}" for k, v in values.items()) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--postgresql")
    parser.add_argument("--rpm", type=int, help="the account's requests per minute")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--readings", type=int, default=4)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal = told.postgresql or folder / "journal.db"
        with farm(
            folder, journal, job_seconds=1e6, speed=1.0, slots=told.items, rpm=told.rpm
        ) as made:
            made.plan(1, 1)
            with working(made, told.items) as worker:
                while bought(made) < 1:
                    time.sleep(0.5)
                time.sleep(5.0)
                show("idle (one item waits)", **figures(worker.pid))
            began = time.monotonic()
            made.more(told.items)
            with working(made, told.items) as worker:
                peak: dict[str, int] = {}
                while bought(made) < told.items:
                    time.sleep(2.0)
                    peak = {
                        key: max(value, peak.get(key, 0))
                        for key, value in figures(worker.pid).items()
                    }
                buying = time.monotonic() - began
                show("while buying, at most", **peak, seconds=round(buying))
                while left := unpolled(made):
                    before = written(worker.pid)
                    time.sleep(told.seconds)
                    kilobytes = (written(worker.pid) - before) // 1024
                    show(f"{left} not polled yet", **figures(worker.pid), written=f"{kilobytes} kB")
                for _ in range(told.readings):
                    before, used = written(worker.pid), cpu(worker.pid)
                    time.sleep(told.seconds)
                    show(
                        f"{told.items} items wait",
                        **figures(worker.pid),
                        written=f"{(written(worker.pid) - before) // 1024} kB",
                        cpu=f"{(cpu(worker.pid) - used) / told.seconds:.1%}",
                    )
            with Client(made.config()) as client:
                counts = Batches(client._journal.store).counts(BATCH)
            show("items", **{state.value: count for state, count in counts.items() if count})


if __name__ == "__main__":
    sys.exit(main())
