"""Whatever is shown of an account on this machine, or of a job there, says SANDBOX."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_support import Account, Cli
from ledger import change

from motionkit import config
from motionkit.provider import registry

MARKED = "pixverse/mimic (SANDBOX, loopback)"


def forget_the_account(monkeypatch: pytest.MonkeyPatch, folder: Path, journal: Path) -> None:
    """Name another account at the vendor's own address instead."""
    path = folder / "other.toml"
    path.write_text(
        f'journal = "{journal}"\n'
        '[accounts.real]\nprovider = "pixverse"\napi_key = "no-key-of-ours"\n'
    )
    monkeypatch.setenv("MOTIONKIT_CONFIG", str(path))
    monkeypatch.delenv("PIXVERSE_API_KEY")
    monkeypatch.delenv("PIXVERSE_BASE_URL")


def test_jobs_of_the_sandbox_are_marked_although_their_account_is_not_configured_any_more(
    cli: Cli,
    account: Account,
    media: list[str],
    own_place: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journal = config.load().journal
    assert journal is not None
    assert cli("submit", "mimic", *media, "--key", "k1").code == 0
    forget_the_account(monkeypatch, own_place, journal)

    assert "SANDBOX" in cli("jobs").out
    assert cli("jobs", "--json").one["sandbox"] is True
    assert f"at         {MARKED}" in cli("jobs", "show", "k1").out.splitlines()
    assert cli("jobs", "show", "k1", "--json").one["sandbox"] is True
    assert "SANDBOX" not in cli("providers").out


def test_a_purchase_of_an_older_version_has_no_mark(
    cli: Cli, account: Account, media: list[str]
) -> None:
    assert cli("submit", "mimic", *media, "--key", "k1").code == 0
    change(config.load().journal, "UPDATE purchases SET sandbox=NULL")

    assert "SANDBOX" not in cli("jobs").out + cli("jobs", "show", "k1").out
    assert cli("jobs", "--json").one["sandbox"] is None


def test_accounts_on_this_machine_are_marked(cli: Cli, account: Account) -> None:
    assert "pixverse (SANDBOX, loopback)" in cli("providers").out
    rows = {row["provider"]: row["sandbox"] for row in cli("providers", "--json").data}
    assert rows == {name: ["pixverse"] * (name == "pixverse") for name in registry.names()}


def test_a_dry_run_is_marked(cli: Cli, account: Account, media: list[str]) -> None:
    assert MARKED in cli("submit", "mimic", *media, "--dry-run").out
    assert cli("submit", "mimic", *media, "--dry-run", "--json").one["sandbox"] is True


def test_the_vendors_own_address_has_no_mark(
    cli: Cli, media: list[str], own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own_place / "real.toml"
    path.write_text('[accounts.pixverse]\napi_key = "no-key-of-ours"\n')
    monkeypatch.setenv("MOTIONKIT_CONFIG", str(path))

    assert "SANDBOX" not in cli("providers").out + cli("submit", "mimic", *media, "--dry-run").out
    assert cli("submit", "mimic", *media, "--dry-run", "--json").one["sandbox"] is False
