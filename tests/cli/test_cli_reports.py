"""What the library logs reaches people as sentences, not as Python."""

from __future__ import annotations

import logging

import pytest

from motionkit.cli.screen import Screen, decided, reporting
from motionkit.errors import ProviderUnavailable


@pytest.mark.parametrize(
    "message", ["pixverse: HTTP 502", "pixverse: it said 'no'", 'pixverse: it said "no"']
)
def test_a_retry_is_told_by_the_errors_message_without_its_class(
    capsys: pytest.CaptureFixture[str], message: str
) -> None:
    cause = repr(ProviderUnavailable(message))
    with reporting(Screen(json=False)):
        logging.getLogger("stamina").warning(
            "retry", extra={"stamina.caused_by": cause, "stamina.wait_for": 0.84}
        )
    assert capsys.readouterr().err == f"retrying in 0.8 s: {message}\n"


@pytest.mark.parametrize(
    ("verdict", "shown"),
    [("passed_over", "not tried"), ("ruled_out", "ruled out"), ("chosen", "chosen")],
)
def test_a_routes_decision_is_shown_in_words(verdict: str, shown: str) -> None:
    row = {"target": "pixverse", "verdict": verdict, "sentence": "It costs more."}
    assert decided(row) == f"pixverse {shown}: It costs more."
