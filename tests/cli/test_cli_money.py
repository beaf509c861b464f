"""Jobs by the hundred and money in view, as a user sees them."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from cli_support import Account, Cli
from ledger import change

import motionkit as mk
from motionkit import config
from motionkit.cli.screen import Screen

NARROW = 80


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns, as far as the cells of tables go."""
    monkeypatch.setattr(Screen, "columns", property(lambda _: NARROW))


@pytest.fixture
def orders(cli: Cli, account: Account, media: list[str]) -> Account:
    """One delivered, one failed and one refused job, and one whose file is not fetched."""
    done = ("--label", "project=spring", "--out", "done.mp4")
    assert cli("mimic", *media, "--key", "done", *done).code == 0
    account.sandbox.fault("fail:submit")
    assert cli("mimic", *media, "--key", "bad", "--quality", "360p").code == 6
    account.sandbox.fault("refuse:submit:code=400017")
    assert cli("submit", "mimic", *media, "--key", "no", "--quality", "720p").code == 2
    assert cli("submit", "mimic", *media, "--key", "order-1").code == 0
    assert cli("wait", "order-1").code == 0  # names no file: nothing is saved
    return account


def keys(rows: list[dict[str, Any]]) -> list[str]:
    return [row["key"] for row in rows]


def everything(statement: str, **values: Any) -> None:
    place = config.load().journal
    assert isinstance(place, Path)
    change(place, statement, **values)


def test_jobs_are_narrowed_by_every_option(cli: Cli, orders: Account) -> None:
    for given, found in {
        ("--state", "failed"): ["bad"],
        ("--state", "failed", "--state", "refused"): ["bad", "no"],
        ("--open",): ["order-1"],
        ("--label", "project=spring"): ["done"],
        ("--search", "DONE.MP4"): ["done"],
        ("--account", "pixverse", "--limit", "2"): ["no", "order-1"],
        ("--route", "default"): [],  # one account alone is a direct target
        ("--since", "1h", "--all"): ["done", "bad", "no", "order-1"],
        ("--since", "2100-01-01"): [],
    }.items():
        assert keys(cli("jobs", *given, "--json").data) == found, given
    none = cli("jobs", "--state", "gone")
    assert (none.code, none.out) == (0, "")
    assert "no job matches" in none.err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--state", "done"), "invalid value for state: 'done'; expected one of intended"),
        (("--since", "soon"), "invalid value for since: 'soon'; expected an age such as 90m"),
        (("--label", "spring"), "expected NAME=VALUE"),
        (("--all", "--limit", "3"), "--all and --limit exclude each other"),
        (("--csv", "--json"), "--json and --csv exclude each other"),
    ],
)
@pytest.mark.usefixtures("account")
def test_an_option_that_cannot_be_read_is_refused(
    cli: Cli, given: tuple[str, ...], words: str
) -> None:
    told = cli("jobs", *given)
    assert (told.code, words in f"{told.err}{told.out}") == (2, True)


@pytest.mark.usefixtures("orders")
def test_a_footer_says_how_many_more_there_are_and_how_to_see_them(cli: Cli) -> None:
    told = cli("jobs", "--limit", "3")
    assert "1 older of 4 jobs not shown: --all or --limit N shows more" in told.err
    assert len(told.out.splitlines()) == 4
    assert "not shown" not in cli("jobs", "--all").err + cli("jobs", "--limit", "4").err


@pytest.mark.usefixtures("orders", "narrow")
def test_a_terminal_of_80_columns_takes_every_row_in_one_line(cli: Cli) -> None:
    everything("UPDATE purchases SET delivered=:path WHERE key='done'", path=f"/f/{'x' * 90}.mp4")
    told = cli("jobs")
    lines = [line.rstrip() for line in told.out.splitlines()]
    assert lines[0].split() == ["KEY", "STATE", "AGE", "COST", "TARGET", "FILE"]
    assert len(lines) == 5
    assert max(map(len, lines)) <= NARROW
    assert lines[1].endswith("x...")
    assert "not downloaded" in lines[4]
    assert "pixverse/mimic*" in lines[1]
    assert "* in a SANDBOX on this machine" in told.err


@pytest.mark.usefixtures("orders", "narrow")
def test_a_long_target_is_cut_so_that_a_row_stays_in_one_line_of_80_columns(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("motionkit.cli.journal.target", lambda _: "segmind-two/wan-animate-replace")
    everything("UPDATE purchases SET delivered='/f/order-17.mp4' WHERE key='done'")
    lines = [line.rstrip() for line in cli("jobs").out.splitlines()]
    assert len(lines) == 5
    assert max(map(len, lines)) <= NARROW
    assert "order-17.mp4" in lines[1]
    assert "...*" in lines[1]


@pytest.mark.usefixtures("orders")
def test_a_files_name_is_cut_only_where_no_column_is_left(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Screen, "columns", property(lambda _: 100))
    everything("UPDATE purchases SET delivered='/f/order-17-dances.mp4' WHERE key='done'")
    assert "order-17-dances.mp4" in cli("jobs").out


@pytest.mark.usefixtures("orders")
def test_csv_is_for_spreadsheets_and_begins_no_formula(cli: Cli) -> None:
    everything("UPDATE purchases SET delivered='=1+1' WHERE key='done'")
    told = cli("jobs", "--all", "--csv")
    assert told.code == 0
    first, *rest = list(csv.reader(io.StringIO(told.out.removeprefix("\ufeff"))))
    rows = {row[0]: dict(zip(first, row, strict=True)) for row in rest}
    assert list(rows) == ["done", "bad", "no", "order-1"]
    assert rows["done"]["file"] == "'=1+1"
    assert (rows["done"]["cost"], rows["done"]["unit"], rows["done"]["usd"]) == (
        "40", "credit", "0.40",
    )  # fmt: skip
    assert rows["done"]["labels"] == "project=spring"
    assert rows["no"]["state"] == "refused"


@pytest.mark.usefixtures("account")
def test_show_lists_the_candidates_of_an_ambiguous_beginning(cli: Cli, media: list[str]) -> None:
    for key in ("order-17", "order-18", "other"):
        cli("submit", "mimic", *media, "--key", key)
    told = cli("jobs", "show", "order")
    assert told.code == 2
    assert [line.split()[0] for line in told.out.splitlines()] == ["KEY", "order-17", "order-18"]
    assert "2 jobs match 'order': order-17, order-18" in told.err
    assert cli("jobs", "show", "order", "--json").one["error"] == "InvalidRequest"


# Files.


@pytest.mark.usefixtures("orders")
def test_open_prints_the_path_of_a_file_or_why_there_is_none(cli: Cli) -> None:
    told = cli("jobs", "open", "done")
    assert (told.code, told.out) == (0, f"{Path('done.mp4').absolute()}\n")
    Path("done.mp4").unlink()
    for key, code, words in (
        ("done", 11, "is no longer there"),
        ("order-1", 11, "order-1 has no file: it is succeeded, not downloaded"),
        ("bad", 6, "bad has no file: it is failed"),
        ("no", 2, "no has no file: it is refused; nothing was bought"),
    ):
        told = cli("jobs", "open", key)
        assert (told.code, told.out) == (code, ""), key
        assert words in told.err
    assert "'motionkit wait order-1 --out FILE' downloads it" in cli("jobs", "open", "order-1").err


def test_open_of_a_running_job_ends_with_code_9(
    cli: Cli, slow_account: Account, media: list[str]
) -> None:
    cli("submit", "mimic", *media, "--key", "order-1")
    assert cli("jobs", "open", "order-1").code == 9


# Given up.


def test_forget_says_what_it_means_for_the_money_and_asks(cli: Cli, orders: Account) -> None:
    before = cli("spend", "--json").data
    told = cli("jobs", "forget", "order-1")
    assert told.code == 2
    assert "it was charged, and stays so: 40 credits = 0.40 USD (reported)" in told.err
    assert "confirmation required" in told.err
    assert keys(cli("jobs", "--open", "--json").data) == ["order-1"]
    told = cli("jobs", "forget", "order-1", "--yes")
    assert (told.code, told.out) == (0, "order-1: given up\n")
    assert cli("jobs", "--open", "--json").data == []
    assert "succeeded, given up" in cli("jobs").out
    assert cli("spend", "--json").data == before
    assert "nothing to give up" in cli("jobs", "forget", "bad", "--yes").err


def test_forget_of_an_uncertain_submit_says_what_is_held(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("motionkit.purchase.submit.RESEND_PAUSE", 0.0)
    monkeypatch.setattr("motionkit.purchase.submit.resend_at", lambda *_: 0.0)
    account.sandbox.fault("accept_then_reset:submit:times=0")
    assert cli("submit", "mimic", *media, "--key", "order-1").code == 10
    told = cli("jobs", "forget", "order-1", "--yes")
    assert told.code == 0
    assert "it may have been charged; 0.40 USD is held for it, and counts as spent" in told.err
    (row,) = cli("spend", "--json").data
    assert (row["charged"], row["assumed"], row["uncertain"]) == ("40", "40", "0")
    assert cli("jobs", "--open", "--json").data == []


# Pruned.


def test_prune_says_what_goes_and_what_it_cost_and_asks(cli: Cli, orders: Account) -> None:
    everything("UPDATE purchases SET updated=updated-8640000")
    spent = cli("spend", "--by", "model", "--json").data
    told = cli("jobs", "prune", "--older-than", "90d")
    assert told.code == 2
    assert "3 jobs (1 failed, 1 refused, 1 succeeded), unchanged since" in told.err
    assert (
        "40 credits charged, 36 credits refunded in the sandbox; 'motionkit spend' keeps it"
        in told.err
    )
    assert "confirmation required: prune 3 jobs; pass --yes" in told.err
    assert len(cli("jobs", "--json").data) == 4

    told = cli("jobs", "prune", "--older-than", "90d", "--yes", "--json").one
    assert told["pruned"] == 3
    assert keys(cli("jobs", "--json").data) == ["order-1"]
    assert cli("spend", "--by", "model", "--json").data == spent
    assert cli("journal", "check").code == 0
    assert "'done' was pruned from the journal on" in cli("jobs", "show", "done").err
    assert cli("jobs", "prune", "--older-than", "90d").out == "0 jobs pruned\n"


def test_a_key_that_was_pruned_is_not_bought_again(
    cli: Cli, orders: Account, media: list[str]
) -> None:
    everything("UPDATE purchases SET updated=updated-8640000")
    cli("jobs", "prune", "--older-than", "90d", "--yes")
    bought = orders.bought
    told = cli("mimic", *media, "--key", "done")
    assert told.code == 2
    assert "the key 'done' was bought before, and pruned from the journal on" in told.err
    assert orders.bought == bought
    assert cli("submit", "mimic", *media, "--key", "no").code == 0  # nothing was bought under it


@pytest.mark.usefixtures("orders")
def test_prune_keeps_what_an_identical_request_would_return(cli: Cli) -> None:
    told = cli("jobs", "prune", "--older-than", "3d", "--yes")
    assert told.code == 2
    assert "3d is less than remember" in told.err


# Spent.


def test_spend_adds_up_by_what_is_asked(cli: Cli, orders: Account) -> None:
    told = cli("spend", "--by", "account")
    assert told.code == 0
    lines = told.out.splitlines()
    assert lines[0] == "SANDBOX, loopback:"
    assert lines[1].split() == [
        *("ACCOUNT", "UNIT", "JOBS", "SUBMITTED", "CHARGED", "REFUNDED", "HELD", "UNCERTAIN")
    ]
    assert lines[2].split() == ["pixverse", "credits", "3", "116", "80", "36", "0", "0"]
    assert lines[4].split() == [
        "total",
        "in",
        "USD",
        "USD",
        "3",
        "1.16",
        "0.80",
        "0.36",
        "0.00",
        "0.00",
    ]
    assert max(map(len, lines)) <= NARROW
    assert orders.bought[2] == "116"

    by_label = cli("spend", "--by", "label", "--label-name", "project", "--json").data
    assert {row["name"]: row["charged"] for row in by_label} == {"spring": "40", None: "40"}
    assert {row["name"] for row in cli("spend", "--by", "route", "--json").data} == {None}
    day = cli("spend")
    assert "DAY (UTC)" in day.out
    rows = csv.DictReader(io.StringIO(cli("spend", "--csv").out.removeprefix("\ufeff")))
    (row,) = rows
    assert (row["charged"], row["charged_usd"], row["sandbox"]) == ("80", "0.80", "True")


@pytest.mark.usefixtures("orders")
def test_spend_says_of_assumed_charges_what_budgets_count_for_them(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a budget the two amounts differ, and nothing else says why."""
    real, asked = mk.Client.spend, []

    def spend(client: mk.Client, *args: Any, **options: Any) -> Any:
        asked.append(args)
        rows = real(client, *args, **options)
        half = attrs.evolve(rows[0].amounts, assumed=Decimal(40))
        rows[0] = attrs.evolve(rows[0], amounts=half)
        return rows

    monkeypatch.setattr(mk.Client, "spend", spend)
    told = cli("spend", "--by", "account")
    assert asked
    assert (
        "of CHARGED in the sandbox, 40 credits are assumed: the vendor reported no charge; the "
        "quote's likely amount counts here, and its upper bound against budgets" in told.err
    )


@pytest.mark.usefixtures("account")
def test_spend_of_nothing_says_since_when(cli: Cli) -> None:
    told = cli("spend")
    assert (told.code, told.out) == (0, "")
    assert "nothing was submitted since 30d" in told.err
    assert cli("spend", "--label-name", "project").code == 2
    assert cli("spend", "--by", "colour").code == 2
    assert cli("spend", "--since", "soon").code == 2


def test_the_help_of_jobs_has_examples_below_its_commands(cli: Cli) -> None:
    told = cli("jobs", "--help").out
    assert told.index("prune") < told.index("motionkit jobs --state failed --state blocked")
