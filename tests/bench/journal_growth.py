"""The journal's part of a purchase, and of listings, at few and at many purchases.

``python tests/bench/journal_growth.py [--sizes 100 200000 1000000] [--postgresql] [--rounds N]``

The journal is filled with finished purchases by one statement, 30 s apart, for one account and one
route with budgets. Then purchases are made through `Journal`, each step timed: medians, in
milliseconds. Nothing waits for the disk, whose time does not depend on what is in the journal,
except with ``--sync``. ``--postgresql`` starts a server of its own, as the tests do.
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import motionkit as mk  # noqa: E402
from motionkit.journal import Alike, Filter, Journal, NewPurchase  # noqa: E402
from motionkit.journal import budget as budgets  # noqa: E402
from motionkit.model.budget import PERIODS, Budget  # noqa: E402
from motionkit.model.job import Job, State, Status  # noqa: E402
from motionkit.model.money import Basis, Cost, CostBasis, Quote, Unit  # noqa: E402
from motionkit.model.submission import Call, Submission  # noqa: E402
from motionkit.purchase.compare import Experience  # noqa: E402

Made = TypeVar("Made")
FINGERPRINT = "f" * 16
USD = Decimal("0.40")
QUOTE = Quote(USD, USD, USD, Unit.USD, USD, USD, USD, Basis.LISTED, "a page", None)
COST = Cost(USD, Unit.USD, USD, CostBasis.REPORTED)
LIMITS = tuple(
    Budget(name=f"{route}.{period}", period=period, limit=Decimal(10**9), route=route)
    for period in PERIODS
    for route in (None, "r")
)
SUBMISSION = Submission("fake", "shop", "mimic", "m1", Call("POST", "/paid", paid=True))
OLD = 7 * 86_400
"""Seconds before now at which the newest of the old purchases ended."""

_NUMBERS = (
    "WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM numbers WHERE i<:count)"
)
_CHANGED: dict[str, dict[str, str]] = {
    "purchases": {
        "key": "'old-' || i",
        "request": "'request-' || i",
        "created": "created-:old-30.0*i",
        "updated": "updated-:old-30.0*i",
        "reserved_at": "reserved_at-:old-30.0*i",
        "finished": "finished-:old-30.0*i",
        "counted": "NULL",
    },
    "attempts": {
        "key": "'old-' || i",
        "id": "'attempt-' || i",
        "created": "created-:old-30.0*i",
        "vendor_id": "'vendor-' || i",
    },
}


class Times:
    """What each step took."""

    def __init__(self) -> None:
        self.of: defaultdict[str, list[float]] = defaultdict(list)

    def take(self, step: str, call: Callable[[], Made]) -> Made:
        begun = time.perf_counter()
        made = call()
        self.of[step].append((time.perf_counter() - begun) * 1000)
        return made


def wanted(key: str) -> NewPurchase:
    return NewPurchase(
        key=key,
        request=key,
        via="r",
        description={"operation": "mimic", "image": "a.jpg", "video": "b.mp4"},
        quote=QUOTE,
        out=f"/films/{key}.mp4",
        route="r",
        budgets=LIMITS,
        alike=Alike((key,), frozenset({(FINGERPRINT, "m1")}), 3600),
    )


def buy(journal: Journal, past: Experience, key: str, times: Times) -> Job:
    """Take one purchase through its life."""
    purchase = wanted(key)
    times.take("statistics", past.past)
    times.take("same", lambda: journal.same(purchase.alike))
    times.take("budgets", lambda: journal.check_budgets(purchase))
    times.take("slots", lambda: journal.taken(FINGERPRINT))  # as `Slots.wait` asks once
    attempt = times.take(
        "intend",
        lambda: journal.intend(purchase, f"a-{key}", SUBMISSION, FINGERPRINT, slots=1_000_000),
    )
    attempt = times.take("sending", lambda: journal.sending(attempt))
    job = Job(
        id=f"v-{key}",
        provider="fake",
        account="shop",
        fingerprint=FINGERPRINT,
        operation="mimic",
        model="m1",
        key=key,
        attempt_id=attempt.id,
        submitted_at=dt.datetime.now(dt.UTC),
    )
    times.take("accepted", lambda: journal.accepted(attempt, job))
    now = dt.datetime.now(dt.UTC)
    times.take("running", lambda: journal.observed(job, Status(State.RUNNING, "1", now)))
    times.take("ended", lambda: journal.observed(job, Status(State.SUCCEEDED, "5", now), COST))
    times.take("delivered", lambda: journal.delivered(job, Path(f"/films/{key}.mp4"), "0" * 64))
    return job


_ROW = "UPDATE purchases SET updated=updated+1 WHERE key='template'"
BUY = ("statistics", "same", "budgets", "slots", "intend", "sending", "accepted", "ended")


def fill(journal: Journal, count: int) -> None:
    """Write finished purchases, copies of one that was made."""
    buy(journal, Experience(journal), "template", Times())
    for table, changed in _CHANGED.items():
        names = journal.store.query(f"SELECT * FROM {table} LIMIT 1")[0].keys()  # noqa: S608
        names = [name for name in names if name != "n"]
        values = ", ".join(changed.get(name, name) for name in names)
        with journal.store.writing(patience=600) as db:
            db.execute(
                f"{_NUMBERS} INSERT INTO {table} ({', '.join(names)}) SELECT {values}"  # noqa: S608
                f" FROM numbers, {table} WHERE key=:template",
                {"count": count, "old": OLD, "template": "template"},
            )
    if journal.store.shared:
        journal.store.execute("ANALYZE", {})  # as the server does on its own, some time later


def measure(journal: Journal, size: int, rounds: int) -> Times:
    times = Times()
    times.take("upgrade (once)", lambda: budgets.count_missing(journal.store))
    past = Experience(journal)
    times.take("statistics (first)", past.past)
    times.take("durations (once)", lambda: journal.durations(2000))
    for number in range(rounds):
        key = f"new-{size}-{number}"
        job = buy(journal, past, key, times)
        times.take("jobs show KEY", lambda key=key: journal.find(key))
        times.take("jobs show ID", lambda job=job: journal.find(job.id))
        times.take("jobs show BEGINNING", lambda: journal.find(f"old-{size}"))
        times.take("webhooks", lambda job=job: journal.ended([job]))
    for _ in range(3):
        times.take("jobs --open", lambda: journal.entries(Filter(open_only=True)))
        times.take("jobs, newest 50", lambda: journal.entries(newest=50))
        times.take(
            "one row",
            lambda: journal.store.execute(_ROW, {}),
        )
    return times


@contextmanager
def places(*, postgresql: bool, sync: bool) -> Iterator[Callable[[], Any]]:
    """Give a function that returns the place of a new journal."""
    with tempfile.TemporaryDirectory() as folder:
        if not postgresql:
            made = iter(range(1000))
            yield lambda: Path(folder) / f"{next(made)}.db"
            return
        import contextlib

        import postgres

        postgres.SETTINGS["fsync"] = "on" if sync else "off"
        server = postgres.Server.start()
        with contextlib.ExitStack() as stack:
            stack.callback(server.close)
            yield lambda: stack.enter_context(server.database())


def table(sizes: Sequence[int], found: Sequence[Times]) -> str:
    lines = [" " * 24 + "".join(f"{size:>14,}" for size in sizes)]
    medians = [{step: statistics.median(all_) for step, all_ in one.of.items()} for one in found]
    lines += [
        f"{step:<24}" + "".join(f"{one[step]:>14.2f}" for one in medians) for step in medians[0]
    ]
    totals = [sum(one[step] for step in BUY) for one in medians]
    lines.append("-" * len(lines[0]))
    lines.append(f"{'a purchase':<24}" + "".join(f"{total:>14.2f}" for total in totals))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 200_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--sync", action="store_true", help="wait for the disk, as in production")
    given = parser.parse_args()
    found = []
    with places(postgresql=given.postgresql, sync=given.sync) as place:
        for size in given.sizes:
            with Journal(place()) as journal:
                if not given.sync and not given.postgresql:
                    journal.store.query("PRAGMA synchronous=OFF")
                fill(journal, size)
                found.append(measure(journal, size, given.rounds))
    database = "PostgreSQL" if given.postgresql else "SQLite"
    print(f"motionkit {mk.__version__}, {database}: medians in ms\n")  # noqa: T201
    print(table(given.sizes, found))  # noqa: T201


if __name__ == "__main__":
    main()
