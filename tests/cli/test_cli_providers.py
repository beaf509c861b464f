"""`motionkit providers`: what is installed and configured, and whom routes skip for a while."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_support import Account, Cli


@pytest.fixture
def file(own_place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = own_place / "both.toml"
    monkeypatch.setenv("MOTIONKIT_CONFIG", str(path))
    return path


def configure(file: Path, account: Account, *, key: str) -> None:
    """Write two accounts of one vendor, the first with this key, and a route over both."""
    origin = f'provider = "pixverse"\nbase_url = "{account.sandbox.url}"\n'
    file.write_text(
        f'[accounts.first]\napi_key = "{key}"\n{origin}'
        f'[accounts.second]\napi_key = "{account.key}"\n{origin}'
        '[routes.both]\ntargets = ["first", "second"]\nfall_back_on = ["authentication"]\n'
    )


def typo(account: Account) -> str:
    """Return a key that is wrong for one test alone: the sandbox is shared."""
    return f"sk-with-a-typo-{account.label}"


@pytest.fixture
def opened(cli: Cli, account: Account, file: Path, media: list[str]) -> Account:
    """An account whose circuit is open for a wrong key."""
    configure(file, account, key=typo(account))
    assert cli("submit", "mimic", *media, "--via", "both", "--key", "k1").code == 0
    return account


def test_open_circuits_are_listed_with_their_reason_and_time(cli: Cli, opened: Account) -> None:
    told = cli("providers")
    (row,) = [one for one in cli("providers", "--json").data if one["provider"] == "pixverse"]

    assert told.code == 0
    assert "authentication" in told.out
    assert "UNTIL (UTC)" in told.out
    assert "--reset ACCOUNT" in told.err
    (circuit,) = row["circuits"]
    assert (circuit["account"], circuit["cause"], circuit["failures"]) == (
        *("first", "authentication"),
        1,
    )
    assert circuit["open"]
    assert circuit["reason"] in told.out
    assert circuit["since"] < circuit["until"]
    assert typo(opened) not in told.out + told.err


def test_reset_closes_an_accounts_circuits(cli: Cli, opened: Account) -> None:
    told = cli("providers", "--reset", "first")

    assert (told.code, told.out) == (0, "first: 1 circuit closed\n")
    assert "UNTIL" not in cli("providers").out
    assert cli("providers", "--reset", "first", "--json").one == {"account": "first", "closed": 0}
    assert cli("providers", "--reset", "frist").code == 2


def test_a_corrected_key_has_no_circuit_and_online_checks_and_balances_close_one(
    cli: Cli, opened: Account, file: Path
) -> None:
    configure(file, opened, key=opened.key)
    assert "UNTIL" not in cli("providers").out

    configure(file, opened, key=typo(opened))
    assert "UNTIL" in cli("providers").out
    assert cli("balance", "first").code == 3
    assert "UNTIL" in cli("providers").out
    opened.sandbox.add_account("pixverse", typo(opened), label="typo", balance="100")
    assert cli("config", "check", "--online").code == 0
    assert "UNTIL" not in cli("providers").out


def test_without_a_journal_no_circuit_is_known_and_none_is_made(
    cli: Cli, account: Account, tmp_path: Path
) -> None:
    assert cli("providers").code == 0
    assert not (tmp_path / "state" / "journal.db").exists()
