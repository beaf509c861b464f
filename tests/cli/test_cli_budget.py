"""What is spent, held and left of each budget, as a user sees it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cli_support import Account, Cli


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """No midnight comes between two purchases, nor the end of a month."""
    stopped = dt.datetime(2026, 11, 18, 12, tzinfo=dt.UTC).timestamp()
    monkeypatch.setattr("motionkit.journal.database.SQLiteStore.now", lambda _: stopped)


@pytest.fixture
def limited(slow_account: Account, monkeypatch: pytest.MonkeyPatch, own_place: Path) -> Account:
    """An account under three budgets."""
    path = own_place / "limits.toml"
    path.write_text(f"""
[accounts.pixverse]
api_key = "{slow_account.key}"
base_url = "{slow_account.sandbox.url}"
[defaults]
wait_for_slot = 0
budget_usd = {{ day = "0.90", total = "20.00" }}
[routes.cheap]
targets = ["pixverse"]
budget_usd = {{ month = "5.00" }}
""")
    monkeypatch.setenv("MOTIONKIT_CONFIG", str(path))
    return slow_account


def test_every_budget_is_shown_with_what_is_spent_held_and_left(
    cli: Cli, limited: Account, media: list[str]
) -> None:
    for key, via in (("k1", "pixverse"), ("k2", "cheap")):
        assert cli("submit", "mimic", *media, "--via", via, "--key", key).code == 0

    shown = cli("budget")
    rows = cli("budget", "--json").data

    assert shown.code == 0
    assert shown.out.splitlines()[0].split() == [
        *("BUDGET", "LIMIT", "(USD)", "SPENT", "HELD", "LEFT", "RESETS", "(UTC)")
    ]
    assert "0.90 a day" in shown.out
    assert "never" in shown.out
    used = {row["budget"] + " " + row["period"]: row for row in rows}
    assert {name: row["left_usd"] for name, row in used.items()} == {
        "defaults.budget_usd day": "0.10",
        "defaults.budget_usd total": "19.20",
        "routes.cheap.budget_usd month": "4.60",
    }
    day = used["defaults.budget_usd day"]
    assert (day["limit_usd"], day["spent_usd"], day["held_usd"]) == ("0.90", "0.80", "0")
    assert (day["since"], day["until"]) == (
        "2026-11-18T00:00:00+00:00",
        "2026-11-19T00:00:00+00:00",
    )
    assert used["defaults.budget_usd total"]["until"] is None


def test_a_purchase_beyond_a_budget_says_how_much_of_which_is_left_until_when(
    cli: Cli, limited: Account, media: list[str]
) -> None:
    for key in ("k1", "k2"):
        cli("submit", "mimic", *media, "--via", "pixverse", "--key", key)

    told = cli("submit", "mimic", *media, "--via", "pixverse", "--key", "k3")

    assert told.code == 4
    assert (
        "defaults.budget_usd: 0.10 USD of 0.90 USD a day left until 2026-11-19 00:00 UTC"
        in told.err
    )
    assert limited.bought == (2, 2, "80")


def test_without_a_budget_it_is_said_how_to_set_one(cli: Cli, account: Account) -> None:
    told = cli("budget")

    assert (told.code, told.out) == (0, "")
    assert "set budget_usd in [defaults]" in told.err
