"""The verb `list`: what can be looked up, and what it says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cli_support import Account, Cli

from motionkit.sandbox import Sandbox


def test_without_a_name_it_says_which_lists_there_are(cli: Cli, account: Account) -> None:
    rows = cli("list", "--json").data
    assert {row["list"]: row["where"] for row in rows} == {
        "voices": ["kind", "endpoint"],
        "styles": [],
        "templates": ["type"],
        "charges": ["since", "until", "status", "what"],
    }
    assert all(row["what"] for row in rows)
    assert cli("list", "pixverse", "--json").data == rows
    assert account.ledger["calls"] == {}


def test_a_list_is_a_table_or_objects_with_what_the_vendor_said(cli: Cli, account: Account) -> None:
    table = cli("list", "pixverse", "voices").out.splitlines()
    rows = cli("list", "pixverse", "voices", "--json").data

    assert table[0].split() == ["ID", "NAME"]
    assert ["7", "Harper"] in [line.split() for line in table]
    assert {"id": "7", "name": "Harper", "raw": {"speaker_id": "7", "name": "Harper"}} in rows
    assert account.ledger["calls"] == {"list": 2}


@pytest.fixture
def punctual(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A sandbox whose clock is not days ahead: charges are asked for up to tomorrow."""
    with Sandbox(speed=20, job_seconds=1) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield


def test_lists_name_options_and_the_zone_of_times(
    cli: Cli, punctual: None, media: list[str]
) -> None:
    assert "the styles for 'restyle --style'" in cli("list").out
    assert cli("mimic", *media).code == 0
    assert cli("list", "pixverse", "charges").out.startswith("AT (UTC)")


def test_charges_are_those_since_an_age(cli: Cli, punctual: None, media: list[str]) -> None:
    assert cli("mimic", *media, "--via", "pixverse").code == 0
    (row,) = cli("list", "pixverse", "charges", "--since", "7d", "--json").data
    assert (row["what"], row["credits"], row["status"]) == ("mimic", "40", "consume")
    refunds = cli("list", "pixverse", "charges", "--where", "status=refund")
    assert (refunds.code, refunds.out) == (0, "")
    assert "the list is empty" in refunds.err


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["pixverse", "songs"], "it has voices, styles, templates, charges"),
        (["pixverse", "voices", "--where", "kind=loud"], "all, custom, system"),
        (["pixverse", "voices", "--where", "kind"], "is not NAME=VALUE"),
        (["pixverse", "voices", "--since", "7d"], "it has kind, endpoint"),
        (
            ["pixverse", "charges", "--since", "yesterday"],
            "invalid value for since: 'yesterday'; expected an age such as 90m, 12h, 30d or 4w",
        ),
        (["pixverse", "charges", "--where", "until=soon"], "expected an age such as"),
        (["nobody", "voices"], "there is no account 'nobody'"),
        (["segmind", "voices"], "has no lists"),
        (["segmind"], "error:    account segmind has no lists\n"),
    ],
)
def test_what_cannot_be_looked_up_says_what_can(
    cli: Cli,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    argv: list[str],
    sentence: str,
) -> None:
    monkeypatch.setenv("SEGMIND_API_KEY", "SG_0123456789abcdef")
    monkeypatch.setenv("SEGMIND_BASE_URL", account.sandbox.url)
    told = cli("list", *argv)
    assert told.code == 2
    assert sentence in told.err
    assert account.ledger["calls"] == {}


def test_where_no_account_is_configured_it_says_so(cli: Cli) -> None:
    told = cli("list")
    assert told.code == 2
    assert "no account is configured" in told.err


def test_where_no_account_has_lists_it_names_those_that_were_looked_at(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGMIND_API_KEY", "SG_0123456789abcdef")
    told = cli("list")
    assert told.code == 2
    assert "no configured account has lists (configured: segmind)\n" in told.err
