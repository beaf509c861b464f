"""How soon others do what a killed worker had: ``python tests/bench/batch_recovery.py --kills 5``.

Three workers that call themselves three hosts share a journal on PostgreSQL; one after another is
killed with -9 and replaced. Prints, for each kill, the seconds until the first of its items is in
another worker's hands, and until all are. The server is that of the tests.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "batch")]

import psycopg  # noqa: E402 - the lines above say where what follows is found
from farm import Farm, farm  # noqa: E402
from postgres import Server  # noqa: E402

TAKEN = "SELECT workflow_uuid FROM dbos.workflow_status WHERE executor_id=%s AND status='PENDING'"
WORKER = "SELECT id FROM workers WHERE host=%s ORDER BY started DESC LIMIT 1"
OTHERS = (
    "SELECT count(*) FROM dbos.workflow_status WHERE workflow_uuid=ANY(%s)"
    " AND (status='PENDING' AND executor_id<>%s)"
)


def killed(
    made: Farm, db: psycopg.Connection[tuple[object, ...]], host: str
) -> tuple[float, float]:
    """Kill a host's worker, and return when others had the first and all of its items."""
    found = db.execute(WORKER, [host]).fetchone()
    assert found is not None
    worker = str(found[0])
    process = made.hosts[host]
    process.send_signal(signal.SIGKILL)
    process.wait()
    began = time.monotonic()
    orphans = [str(row[0]) for row in db.execute(TAKEN, [worker]).fetchall()]
    first = None
    while True:
        left = len(db.execute(TAKEN, [worker]).fetchall())
        given = db.execute(OTHERS, [orphans, worker]).fetchone()
        passed = time.monotonic() - began
        if first is None and given is not None and given[0]:
            first = passed
        if not left and first is not None:
            sys.stdout.write(f"{len(orphans)} items: first {first:.1f} s, all {passed:.1f} s\n")
            sys.stdout.flush()
            return first, passed
        time.sleep(0.1)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=5)
    told = parser.parse_args()
    server = Server.start()
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            server.database() as address,
            farm(Path(folder), address, slots=30, job_seconds=600.0, speed=20.0) as made,
            psycopg.connect(address, autocommit=True) as db,
        ):
            made.plan(30, 20)
            for host in ("one", "two", "three"):
                made.on(host)
            made.reach(5)
            waits = []
            for kill in range(told.kills):
                host = ("one", "two", "three")[kill % 3]
                waits.append(killed(made, db, host))
                made.on(host)
                made.reach(made.counts().get("done", 0) + 10)
            sys.stdout.write(
                f"worst of {told.kills}: first {max(one for one, _ in waits):.1f} s,"
                f" all {max(all_ for _, all_ in waits):.1f} s\n"
            )
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
