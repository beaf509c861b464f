"""`motionkit journal`: the journal as a whole, copied and checked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cli_support import Account, Cli


@pytest.fixture
def order(cli: Cli, account: Account, media: list[str]) -> str:
    assert cli("submit", "mimic", *media, "--key", "order-17").code == 0
    return "order-17"


def configured(cli: Cli) -> str:
    return str(
        next(row for row in cli("config", "check", "--json").data if row["kind"] == "journal")[
            "path"
        ]
    )


def test_a_journal_moves_into_postgresql_and_the_same_command_pays_nothing_there(
    cli: Cli,
    account: Account,
    order: str,
    media: list[str],
    *,
    postgresql: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copied = cli("journal", "copy", configured(cli), postgresql)
    assert copied.code == 0
    assert "purchases: 1 (1 new)" in copied.out
    assert "both journals agree" in copied.out
    again = cli("journal", "copy", configured(cli), postgresql, "--json").one
    assert again["new"]["purchases"] == 0
    assert "planted-password" not in f"{copied.out}{copied.err}{again}"

    monkeypatch.setenv("MOTIONKIT_JOURNAL", postgresql)
    assert "planted-password" not in configured(cli)
    jobs = len(account.ledger["jobs"])
    assert cli("mimic", *media, "--key", order, "--out", "film.mp4").code == 0
    assert len(account.ledger["jobs"]) == jobs
    checked = cli("journal", "check")
    assert (checked.code, "no problems" in checked.out) == (0, True)
    assert "planted-password" not in f"{checked.out}{checked.err}"


def test_a_check_says_what_is_wrong_and_ends_with_code_2(cli: Cli, order: str) -> None:
    assert cli("journal", "check").code == 0
    with closing(sqlite3.connect(configured(cli))) as db, db:
        db.execute("UPDATE purchases SET state='odd'")
    told = cli("journal", "check", "--json")
    assert told.code == 2
    assert told.one["ok"] is False
    assert told.one["problems"] == ["a corrupt purchase: order-17: unknown state 'odd'"]


@pytest.mark.parametrize("verb", [("copy", "none.db", "to.db"), ("check", "none.db")])
def test_a_journal_that_does_not_exist_is_not_made(cli: Cli, verb: tuple[str, ...]) -> None:
    told = cli("journal", *verb)
    assert told.code in {2, 11}
    assert "there is no journal none.db" in told.err
    assert not list(Path.cwd().glob("*.db"))


@pytest.mark.parametrize("address", ["mysql://u:s3cret@h/x", "postgresql://u:s3/cret@h/x"])
def test_an_address_that_is_no_journal_is_refused_without_its_password(
    cli: Cli, address: str, order: str
) -> None:
    told = cli("journal", "copy", configured(cli), address)
    assert told.code == 2
    assert "cret" not in f"{told.out}{told.err}"
