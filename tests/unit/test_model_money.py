"""Money as people write it, and read it: `print` of a quote, a cost and a balance."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import click
import pytest

from motionkit.cli import options
from motionkit.client import arguments
from motionkit.errors import InvalidRequest
from motionkit.model import money
from motionkit.model.budget import over_cap
from motionkit.model.money import Balance, Basis, Cost, CostBasis, Quote, Unit

ROOM = Path(money.__file__).parents[1]
ALONE = re.compile(r"\{[a-z_.]*unit\.value\}|\{[^{}\"]*\} USD\b")
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


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("2.50", Decimal("2.50")),
        (3, Decimal(3)),
        (Decimal("0.10"), Decimal("0.10")),
        ("0", Decimal(0)),
        ("-1", None),
        ("nan", None),
        ("Infinity", None),
        ("1e99999999999999999999", None),
        ("1e999999", None),
        ("999999999999999999", Decimal(999999999999999999)),
        ("cheap", None),
        ("", None),
        (True, None),
        (None, None),
        ((0, (1,), 0), None),
    ],
)
def test_an_amount_is_a_number_of_at_least_nothing_whoever_gives_it(
    given: Any, read: Decimal | None
) -> None:
    assert money.amount(given) == read
    if read is None and given is not None:
        with pytest.raises(InvalidRequest, match=r"an amount of US dollars such as 2\.50"):
            arguments.dollars("max_usd", given)
    if read is None and isinstance(given, str):
        with pytest.raises(click.BadParameter, match=r"an amount of US dollars such as 2\.50"):
            options.usd(given)


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("0", "0.00 USD"),
        ("0.4", "0.40 USD"),
        ("2", "2.00 USD"),
        ("0.625", "0.625 USD"),
        ("0.03750", "0.0375 USD"),
        ("0.00625", "0.00625 USD"),
        ("0.000034", "0.000034 USD"),
        ("0.3333333333333", "0.3333 USD"),
        ("0.0000000123", "0.000000012 USD"),
        ("0E-12", "0.00 USD"),
        ("1E+3", "1000.00 USD"),
        ("-0.4", "-0.40 USD"),
        ("-0.123456789", "-0.1235 USD"),
    ],
)
def test_dollars_have_two_decimals_or_as_many_as_the_amount_has(amount: str, said: str) -> None:
    assert money.dollars(Decimal(amount)) == said
    assert f"{money.number(Decimal(amount), Unit.USD)} {money.noun(Unit.USD)}" == said


def test_a_cap_is_said_with_the_same_decimals_as_the_price() -> None:
    why = over_cap(attrs.evolve(QUOTE, usd_high=Decimal("0.4")), Decimal("0.3"))
    assert why == "the quote's high of 0.40 USD exceeds max_usd of 0.30 USD"


def test_a_cost_that_is_no_amount_is_called_impossible() -> None:
    endless = Cost(Decimal("1e999999"), Unit.CREDIT, None, CostBasis.REPORTED)
    assert "a cost of 1E+999999 credits is impossible" in (money.doubt(endless, None) or "")


def test_no_screen_words_an_amount_on_its_own() -> None:
    """An f-string with a unit's value, or with USD behind a value, is another way to say money."""
    found = [
        f"{path.name}: {match}"
        for path in sorted(ROOM.rglob("*.py"))
        if path.name != "money.py" and "sandbox" not in path.parts
        for match in ALONE.findall(path.read_text("utf-8"))
    ]
    assert not found
