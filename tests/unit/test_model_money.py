"""Money as people read it: `print` of a quote, a cost and a balance."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import attrs
import pytest

from motionkit.model.money import Balance, Basis, Cost, CostBasis, Quote, Unit

FORTY, WORTH = Decimal(40), Decimal("0.400")
PAGE = "https://vendor.example/prices"
QUOTE = Quote(
    FORTY, FORTY, FORTY, Unit.CREDIT, WORTH, WORTH, WORTH, Basis.LISTED, PAGE, dt.date(2026, 11, 21)
)  # fmt: skip
UNBOUNDED: dict[str, Any] = dict.fromkeys(("low", "high", "usd_low", "usd_high"))


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, f"40 credits = 0.40 USD (listed, read 2026-11-21, {PAGE})"),
        ({"as_of": None}, f"40 credits = 0.40 USD (listed, {PAGE})"),
        (UNBOUNDED, f"about 40 credits = 0.40 USD (listed, read 2026-11-21, {PAGE})"),
        (
            {"basis": Basis.OBSERVED, "n": 5, "source": "the journal", "as_of": None,
             "low": Decimal(38), "usd_low": Decimal("0.38"), "high": None, "usd_high": None},
            "40 credits = 0.40 USD, from 38 credits = 0.38 USD to ? (observed (n=5), the journal)",
        ),
        (UNBOUNDED | {"likely": None, "usd_likely": None},
         f"unknown (listed, read 2026-11-21, {PAGE})"),
    ],
)  # fmt: skip
def test_a_quote_says_amount_dollars_basis_day_and_source(
    changes: dict[str, Any], shown: str
) -> None:
    assert str(attrs.evolve(QUOTE, **changes)) == shown


@pytest.mark.parametrize(
    ("cost", "shown"),
    [
        (Cost(Decimal(1), Unit.CREDIT, Decimal("0.01"), CostBasis.REPORTED),
         "1 credit = 0.01 USD (reported)"),
        (Cost(Decimal("2.50"), Unit.CREDIT, None, CostBasis.ASSUMED), "2.5 credits (assumed)"),
        (Cost(Decimal("0.5"), Unit.USD, Decimal("0.5"), CostBasis.REFUNDED),
         "0.50 USD (refunded)"),
    ],
)  # fmt: skip
def test_a_cost_says_amount_dollars_and_how_it_is_known(cost: Cost, shown: str) -> None:
    assert str(cost) == shown


def test_a_balance_says_amount_dollars_and_pools() -> None:
    held = Balance(FORTY, Unit.CREDIT, WORTH, {"monthly": Decimal(30), "package": Decimal(10)})
    assert str(held) == "40 credits = 0.40 USD (monthly 30, package 10)"
    assert str(attrs.evolve(held, pools={})) == "40 credits = 0.40 USD"
