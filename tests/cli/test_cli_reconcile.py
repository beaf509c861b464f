"""Purchases in doubt: the evidence is shown, the user has the last word, nothing is bought."""

from __future__ import annotations

import pytest
from cli_support import Account, Cli

from motionkit.model.job import KeyState, State
from motionkit.purchase import submit
from motionkit.purchase.jobs import _STANDS

MAYBE = ["--key", "order-17", "--quality", "360p", "--out", "out.mp4"]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submit, "RESEND_PAUSE", 0.0)
    monkeypatch.setattr(submit, "resend_at", lambda *_: 0.0)


@pytest.fixture
def in_doubt(cli: Cli, account: Account, media: list[str]) -> Account:
    """A submit that was lost three times before anything was accepted."""
    account.sandbox.fault("reset:submit:times=3")
    told = cli("mimic", *media, *MAYBE)
    assert told.code == 10
    assert "may have arrived" in told.err
    assert account.bought == (3, 0, "0")
    return account


def test_what_the_vendor_cannot_settle_is_left_to_the_user(cli: Cli, in_doubt: Account) -> None:
    told = cli("reconcile", "--json")
    assert told.code == 10
    assert told.one["state"] == "uncertain"
    assert told.one["job"] is None
    assert told.one["usage"] == []
    assert "--assume lost" in told.err
    assert in_doubt.bought == (3, 0, "0")


def test_the_same_command_again_does_not_buy_beside_it(
    cli: Cli, in_doubt: Account, media: list[str]
) -> None:
    told = cli("mimic", *media, *MAYBE)
    assert told.code == 10
    assert in_doubt.bought == (3, 0, "0")


def test_what_is_said_to_be_lost_may_be_bought_again(
    cli: Cli, in_doubt: Account, media: list[str]
) -> None:
    told = cli("reconcile", "order-17", "--assume", "lost", "--json")
    assert (told.code, told.one["state"]) == (0, "refused")
    told = cli("mimic", *media, *MAYBE)
    assert told.code == 0
    assert in_doubt.bought == (4, 1, "36")


def test_what_is_said_to_be_charged_is_closed_with_its_quote(cli: Cli, in_doubt: Account) -> None:
    told = cli("reconcile", "order-17", "--assume", "charged", "--json")
    assert (told.code, told.one["state"]) == (0, "gone")
    told = cli("jobs", "show", "order-17", "--json")
    assert told.one["cost"] == {"amount": "36", "unit": "credit", "usd": "0.36", "basis": "assumed"}
    assert not told.one["open"]
    assert cli("reconcile").code == 0


def test_the_vendors_own_charges_are_shown_and_settle_nothing(
    cli: Cli, slow_account: Account, media: list[str]
) -> None:
    sandbox = slow_account.sandbox
    sandbox.fault("accept_then_reset:submit")
    sandbox.fault("reset:submit:times=0")
    assert cli("mimic", *media, *MAYBE).code == 10
    told = cli("reconcile", "order-17", "--json")
    assert told.code == 10
    assert len(told.one["usage"]) == 1
    assert told.one["job"] is None


@pytest.mark.parametrize(
    "options", [["--assume", "lost"], ["--adopt", "1"], ["order-17", "--adopt", "1"]]
)
def test_a_word_without_a_purchase_or_a_candidate_is_refused(
    cli: Cli, in_doubt: Account, options: list[str]
) -> None:
    assert cli("reconcile", *options).code == 2


def test_a_purchase_that_succeeded_has_nothing_to_reconcile(
    cli: Cli, account: Account, media: list[str]
) -> None:
    assert cli("mimic", *media, "--key", "anna").code == 0
    told = cli("reconcile", "anna")
    assert told.code == 2
    assert "anna has succeeded; there is nothing to reconcile" in told.err


def test_every_state_of_a_purchase_that_is_certain_has_a_sentence() -> None:
    uncertain = {KeyState.INTENDED, KeyState.UNCERTAIN}
    assert set(_STANDS) == {*State, *KeyState} - uncertain


def test_nothing_in_doubt_says_so(cli: Cli, account: Account) -> None:
    told = cli("reconcile")
    assert (told.code, told.out) == (0, "")
    assert "no uncertain jobs" in told.err
