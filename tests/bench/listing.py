"""A filtered page of `jobs`, and `spend`, over 100,000 purchases in a SQLite file.

Processor time of what `motionkit jobs` asks of the journal, the count for its footer included: the
newest 50 that match, of purchases of which few or none do. The floor reads every row of the table
once with bare sqlite3. No index serves a filter, so that none makes a purchase dearer.

``python tests/bench/listing.py [--rounds N] [--jobs N] [--json]``
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from figures import ROUNDS, Figure, compared, options, taking_turns, told

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

BAR = 0.3
"""Seconds of processor time for a page."""
FEW = "UPDATE purchases SET state='failed', labels=:labels WHERE key LIKE 'old-%777'"


def page(client: Any, **filters: Any) -> int:
    """Ask what `motionkit jobs` asks; return how many jobs match."""
    found = client.jobs.list(limit=50, **filters)
    return client.jobs.count(**filters) if len(found) == 50 else len(found)


def asked(client: Any) -> Mapping[str, Callable[[], Any]]:
    """Return what is measured, by name."""
    return {
        "the newest 50": lambda: page(client),
        "--state failed --since 400d": lambda: page(client, state="failed", since="400d"),
        "--label project=spring": lambda: page(client, label={"project": "spring"}),
        "--account of no job": lambda: page(client, account="elsewhere"),
        "--search of no job": lambda: page(client, search="make it snow"),
        "--search of every job": lambda: page(client, search="B.MP4"),
        "all filters": lambda: page(
            client, state=["failed", "blocked"], since="400d", account="shop", route="r",
            label={"project": "spring"}, search="mimic",
        ),
        "spend by account": lambda: client.spend("account", since=None),
        "spend by day": lambda: client.spend("day", since="30d"),
    }  # fmt: skip


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--jobs", type=int, default=100_000)
    chosen = parser.parse_args()
    import journal_growth

    import motionkit as mk
    from motionkit.journal import Journal
    from motionkit.journal import budget as budgets

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "journal.db"
        with Journal(place) as journal:
            journal.store.query("PRAGMA synchronous=OFF")
            journal_growth.fill(journal, chosen.jobs)
            journal.store.execute(
                FEW, {"labels": json.dumps({"project": "spring"}, separators=(",", ":"))}
            )
            budgets.count_missing(journal.store)
        file = Path(folder) / "motionkit.toml"
        file.write_text(f'journal = "{place}"\n')
        file.chmod(0o600)
        bare = sqlite3.connect(place)
        with mk.Client(file) as client:
            calls = dict(asked(client))
            scan = "SELECT COUNT(*) FROM purchases WHERE timed=7"  # a column at the row's end
            calls["floor"] = lambda: bare.execute(scan).fetchone()
            taken = taking_turns(calls, rounds=chosen.rounds or ROUNDS, times=1)
        bare.close()
    found = []
    for name, seconds in taken.items():
        if name == "floor":
            continue
        ours, floor = compared(seconds, taken["floor"])
        spend = name.startswith("spend")
        found.append(
            Figure(
                what=f"{'' if spend else 'jobs: '}{name}, of {chosen.jobs:,}",
                ours=round(statistics.median(seconds), 4) if spend else round(ours, 4),
                floor=round(floor, 4),
                unit="s of CPU",
                bar=None if spend else BAR,
                absolute=True,
            )
        )
    told(found, as_json=chosen.json)


if __name__ == "__main__":
    main()
