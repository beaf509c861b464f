"""What a notebook shows: the numbers, escaped, and no signed address."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import attrs

from motionkit.model.job import Job, Output, Result, utcnow
from motionkit.model.money import Basis, Cost, CostBasis, Quote, Unit
from motionkit.routing import SENTENCES, Decision, Reason, Row, Stop, Verdict

QUOTE = Quote(
    Decimal(36), Decimal(40), None, Unit.CREDIT, Decimal("0.36"), Decimal("0.40"), None,
    Basis.LISTED, "https://vendor.example/<prices>", dt.date(2026, 11, 21), notes=("a & b",),
)  # fmt: skip
JOB = Job("7", "fake", "shop", "f" * 16, "mimic", "m1", "k", "a", utcnow())


def test_a_quote_shows_both_units_and_what_is_unknown() -> None:
    shown = QUOTE._repr_html_()
    assert "40 credits = 0.40 USD" in shown
    assert "unknown" in shown
    assert "&lt;prices&gt;" in shown
    assert "a &amp; b" in shown
    assert "n=" not in shown
    assert "observed n=5" in attrs.evolve(QUOTE, basis=Basis.OBSERVED, n=5)._repr_html_()


def test_a_result_shows_path_and_cost_and_hides_the_signature() -> None:
    cost = Cost(Decimal("0.5"), Unit.USD, Decimal("0.5"), CostBasis.REPORTED)
    made = Result(JOB, (Output("https://h.example/a.mp4?sig=planted"),), cost, 12.0, ("a", "b"))
    shown = made._repr_html_()
    assert "a → b" in shown
    assert "0.50 USD (reported)" in shown
    assert "planted" not in shown
    enclosed = attrs.evolve(made, outputs=(Output("data:video/mp4;base64,AAAA"),))
    assert "AAAA" not in enclosed._repr_html_()


def test_a_decision_shows_every_row_with_its_sentence() -> None:
    rows = (Row("<a>", Verdict.FAILED, Reason.FELL_BACK_BUSY, None, 0.0, "note"),)
    shown = Decision(Stop(Reason.NO_TARGET_LEFT), rows)._repr_html_()
    assert "&lt;a&gt;" in shown
    assert SENTENCES[Reason.FELL_BACK_BUSY] in shown
