"""Plan a batch of N rows from 35 files, and read what status reads: run by hand.

    python tests/bench/batch_plan.py [ROWS] [--distinct] [--journal ADDRESS]

30 pictures with 5 clips, each row with a key of its own. With ``--distinct`` each row has a prompt
of its own too, so that no quote of an earlier row helps. Prints seconds and memory of each part.
"""

from __future__ import annotations

import argparse
import csv
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from motionkit.batch import draft, read
from motionkit.batch.tables import Batches, ItemState
from motionkit.client import Client
from motionkit.client.expecting import journal_of
from motionkit.journal.databases import located
from motionkit.testing import samples
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import options_for


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long the block took, and the most memory so far."""
    begin, cpu = time.perf_counter(), time.process_time()
    yield
    took, own = time.perf_counter() - begin, time.process_time() - cpu
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    tell(f"{what:<44} {took:9.2f} s  {own:9.2f} s CPU  {most:7.0f} MB at most")


def tell(line: str) -> None:
    """Print a line now."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def table(folder: Path, rows: int, *, distinct: bool) -> Path:
    """Write the media and the table."""
    for n in range(30):
        (folder / f"c{n}.png").write_bytes(samples.PICTURE + bytes(n))
    for n in range(5):
        (folder / f"v{n}.mp4").write_bytes(samples.CLIP + (b"\0\0\0\x08free" * n))
    path = folder / "items.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["operation", "image", "video", "quality", "key", "extra"])
        for n in range(rows):
            extra = f'{{"memory": {{"note": "{n}"}}}}' if distinct else ""
            quality = ("360p", "540p", "720p")[n // 150 % 3]
            writer.writerow(
                ["mimic", f"c{n % 30}.png", f"v{n // 30 % 5}.mp4", quality, f"k-{n}", extra]
            )
    return path


def main() -> None:
    """Plan, plan again, and read the progress."""
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", type=int, nargs="?", default=100_000)
    parser.add_argument("--distinct", action="store_true")
    parser.add_argument("--journal", help="A PostgreSQL address instead of a file.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = table(folder, given.rows, distinct=given.distinct)
        options = options_for(MemoryStage(), folder)
        if given.journal:
            where = located(given.journal)
            options["config"] = attrs.evolve(options["config"], journal=where)
        with Client(**options) as client:
            batches = Batches.of(journal_of(client))
            with timed(f"check and quote {given.rows:,} rows"):
                found = draft(client, read(path), out=folder / "out")
            with timed("add the items"):
                record = found.save()
            with timed("check and quote again, with what is there"):
                draft(client, read(path), out=folder / "out").close()
            with timed("counts by state"):
                counts = batches.counts(record.id)
            with timed("the first 1,000 that are left"):
                batches.left(record.id)
            assert counts[ItemState.PLANNED] == given.rows
            with timed("cancel"):
                batches.cancel(record.id)
            with timed("counts by state"):
                batches.counts(record.id)
        journal = folder / "journal.db"
        if journal.exists():
            tell(f"journal: {journal.stat().st_size / 2**20:,.0f} MB")


if __name__ == "__main__":
    main()
