"""A batch's budget: it counts what was submitted for the batch, and nothing else."""

from __future__ import annotations

from decimal import Decimal

import pytest

from motionkit.client import BuyOptions, Client
from motionkit.errors import BudgetExceeded
from motionkit.model.budget import Budget
from motionkit.model.job import Job
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import sample_request


def limit(batch: str, usd: str) -> Budget:
    return Budget(name=f"batch:{batch}", period="total", limit=Decimal(usd), batch=batch)


def submit(client: Client, key: str, *budgets: Budget, batch: str | None = None) -> Job:
    options = BuyOptions(key=key, batch=batch, item=1, budgets=budgets)
    return client._order(sample_request(), options).job


def test_a_batch_spends_no_more_than_its_budget(client: Client, stage: MemoryStage) -> None:
    budget = limit("b-1", "0.45")  # each costs 0.20
    submit(client, "direct")
    submit(client, "b-2/1", limit("b-2", "0.20"), batch="b-2")
    for n in (1, 2):
        submit(client, f"b-1/{n}", budget, batch="b-1")
    with pytest.raises(BudgetExceeded, match=r"batch:b-1: 0\.05 USD of 0\.45 USD in total left"):
        submit(client, "b-1/3", budget, batch="b-1")
    assert stage.bought() == 4
    assert client._journal.budget(budget).held == Decimal("0.40")


def test_a_purchase_names_its_batch_and_item(client: Client) -> None:
    submit(client, "b-1/1", batch="b-1")
    row = client._journal.store.query("SELECT batch, item FROM purchases")[0]
    assert (row["batch"], row["item"]) == ("b-1", 1)
