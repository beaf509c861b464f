"""No statement of a purchase, of `jobs` or of statistics reads all purchases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from motionkit.client import BuyOptions, Client
from motionkit.config import Route
from motionkit.model.budget import Budget
from motionkit.purchase.compare import Experience
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import ACCOUNT, options_for, sample_request

SHORT = {
    "purchases_unfinished": "few are unfinished at a time",
    "purchases_created": "read in pages",
    "purchases_finished": "the newest of them",
    "purchases_uncounted": "empty but after an upgrade",
}
"""Indexes that may be walked from their beginning, and why that is short."""
SCAN = re.compile(r"SCAN (purchases|attempts|p|a)\b(?: USING (?:COVERING )?INDEX (\w+))?")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client with a route, and a budget of each kind."""
    options = options_for(MemoryStage(), tmp_path)
    limit = {"day": Decimal(50), "week": Decimal(60), "month": Decimal(70), "total": Decimal(99)}
    config = options["config"]
    options["config"] = attrs.evolve(
        config,
        defaults=attrs.evolve(config.defaults, budget_usd=limit, route_budgets="always"),
        routes={"r": Route(name="r", targets=(ACCOUNT,), budget_usd=limit)},
    )
    with Client(**options) as made:
        yield made


@contextmanager
def traced(client: Client) -> Iterator[list[str]]:
    """Collect the statements that the journal runs meanwhile."""
    run: list[str] = []
    db = client._journal.store.db  # type: ignore[attr-defined]
    db.set_trace_callback(run.append)
    try:
        yield run
    finally:
        db.set_trace_callback(None)


def long_scans(client: Client, statements: list[str]) -> dict[str, str]:
    """Return the statements that read a whole table or index, and what each reads."""
    found = {}
    for statement in dict.fromkeys(statements):
        if not re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", statement):
            continue
        for row in client._journal.store.query(f"EXPLAIN QUERY PLAN {statement}"):
            match = SCAN.match(row["detail"])
            if match and match[2] not in SHORT:
                found[statement] = row["detail"]
    return found


def test_a_scan_of_all_purchases_is_noticed(client: Client) -> None:
    with traced(client) as run:
        client._journal.store.query("SELECT COUNT(*) FROM purchases WHERE word='5'")
    assert list(long_scans(client, run).values()) == ["SCAN purchases"]


@pytest.mark.parametrize("via", ["r", ACCOUNT])
def test_a_purchase_from_submit_to_file_uses_indexes(
    client: Client, tmp_path: Path, via: str
) -> None:
    with traced(client) as run:
        job = client.submit(sample_request(), via=via)
        batch = Budget(name="batch", period="total", limit=Decimal(9), batch="b-1")
        client._order(
            sample_request(),
            BuyOptions(key="b-1/1", batch="b-1", item=1, budgets=(batch,), via=via),
        )
        client.submit(sample_request(), via=via)  # continues the first
        client.wait(job)
        client._journal.delivered(job, tmp_path / "film.mp4", "0" * 64)
        client.submit(sample_request(), via=via)  # continues the delivered one
    assert sum(text.startswith("INSERT INTO attempts") for text in run) == 2
    assert sum(text.startswith("INSERT INTO spent") for text in run) > 2
    assert long_scans(client, run) == {}


def test_jobs_and_statistics_use_indexes(client: Client) -> None:
    job = client.submit(sample_request(), via=ACCOUNT, key="order-17")
    client.wait(job)
    journal = client._journal
    with traced(client) as run:
        for reference in ("order-17", "order", job.id):
            assert client.jobs.get(reference).key == "order-17"
        client.jobs.list(open_only=True)
        client.jobs.list(limit=1)
        client.jobs.list(open_only=True, limit=1)
        client.jobs.ambiguous(["order-17"])
        client.compare(sample_request())
        client.budget()
        journal.running("f" * 16)
        journal.taken("f" * 16)
        journal.retries("order-17")
        journal.durations(2000)
        journal.has_succeeded(20, since=1.0)
        journal.ended([job])
        journal.bought(job)
        Experience(journal).past()
    assert len(run) > 15
    assert long_scans(client, run) == {}


def test_all_purchases_are_read_in_order_without_sorting_them(client: Client) -> None:
    client.submit(sample_request(), via=ACCOUNT)
    with traced(client) as run:
        list(client.jobs.each())
        list(client.jobs.each(open_only=True))
    plans = [
        row["detail"]
        for statement in run
        if " FROM purchases WHERE" in statement
        for row in client._journal.store.query(f"EXPLAIN QUERY PLAN {statement}")
    ]
    by_key = [
        "SEARCH purchases USING INDEX sqlite_autoindex_purchases_1 (key=?)",
        "LIST SUBQUERY 1",
        "SCAN json_each VIRTUAL TABLE INDEX 1:",
    ]
    assert plans == [
        "SEARCH purchases USING COVERING INDEX purchases_created ((created,key)>(?,?))",
        *by_key,
        "SCAN purchases USING INDEX purchases_unfinished",
        "USE TEMP B-TREE FOR ORDER BY",  # few are unfinished
        *by_key,
    ]
