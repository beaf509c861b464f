"""`batch run`: each row is bought once, whatever happens to the command."""

from __future__ import annotations

import csv
import json
import signal
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import click
import pytest
from cli_support import Account, Cli, ended, process, read_until
from patience import until

import motionkit as mk
from motionkit.batch import ItemState
from motionkit.cli import batch_report
from motionkit.cli.screen import Screen

ROWS = 4
OUT = ("--out", "films")
RUN = ("batch", "run", "items.csv", *OUT)


@pytest.fixture(autouse=True)
def items(media: list[str], own_place: Path) -> Path:
    """A table of four rows; jobs are polled often."""
    (own_place / "motionkit.toml").write_text("[defaults]\nlateness = 0.2\n")
    file = own_place / "items.csv"
    write(file, ROWS)
    return file


def write(file: Path, rows: int, **values: str) -> None:
    columns = {"image": "hero.png", "video": "dance.mp4", **values}
    lines = [",".join(["key", *columns])]
    lines += [",".join([f"order-{n}", *columns.values()]) for n in range(1, rows + 1)]
    file.write_text("\n".join(lines), "utf-8")


def films() -> list[str]:
    return sorted(path.name for path in Path("films").glob("*.mp4"))


def results() -> list[dict[str, str]]:
    with Path("films/results.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def batch_of(cli: Cli) -> str:
    (one,) = cli("batch", "status", "--json").data
    return str(one["batch"])


def test_a_run_buys_each_row_once_and_brings_files_and_a_table(cli: Cli, account: Account) -> None:
    told = cli(*RUN, "--yes")

    assert told.code == 0, told.err
    assert account.bought == (ROWS, ROWS, "160")
    assert len(films()) == ROWS
    table = Path("films/results.csv").absolute()
    assert told.out == f"{table}\n"
    assert [row["key"] for row in results()] == [f"order-{n}" for n in range(1, ROWS + 1)]
    assert {row["state"] for row in results()} == {"done"}
    assert "price     1.60 USD" in told.err
    assert "ended     4 of 4 done; 1.60 USD spent" in told.err

    again = cli(*RUN)

    assert (again.code, again.out) == (0, told.out)
    assert "nothing is left to do" in again.err
    assert account.bought == (ROWS, ROWS, "160")


def test_nothing_is_bought_without_one_confirmation(
    cli: Cli, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = cli(*RUN)
    assert told.code == 2
    assert "confirmation required: buy 4 items: up to 1.60 USD; pass --yes" in told.err

    asked: list[str] = []
    monkeypatch.setattr(Screen, "asks", property(lambda _: True))

    def no(question: str, **_: Any) -> None:
        asked.append(question)
        raise click.Abort

    monkeypatch.setattr("click.confirm", no)
    assert cli(*RUN).code == 1
    assert asked == ["buy 4 items: up to 1.60 USD?"]
    assert account.bought == (0, 0, "0")
    assert cli("batch", "status", "--json").data == []

    monkeypatch.setattr("click.confirm", lambda question, **_: not asked.append(question))
    assert cli(*RUN).code == 0
    assert cli(*RUN).code == 0
    assert len(asked) == 2


def test_rows_that_were_added_are_confirmed_and_bought_and_no_other(
    cli: Cli, account: Account, items: Path
) -> None:
    assert cli(*RUN, "--yes").code == 0
    write(items, ROWS + 1)
    told = cli(*RUN)
    assert told.code == 2
    assert "confirmation required: buy 1 item: up to 0.40 USD" in told.err
    assert cli(*RUN, "--yes").code == 0
    assert account.bought == (ROWS + 1, ROWS + 1, "200")


def test_a_killed_run_goes_on_where_it_was(cli: Cli, slow_account: Account) -> None:
    with process(*RUN, "--yes") as killed:
        until(lambda: slow_account.ledger["submits"] >= 2)
        killed.kill()
        killed.wait()
    slow_account.finish_jobs()
    with process(*RUN) as second:  # it was confirmed
        until(lambda: slow_account.bought[1] == ROWS)
        slow_account.finish_jobs()
        told = ended(second)

    assert told.code == 0, told.err
    assert slow_account.bought[1:] == (ROWS, "160")  # a call may have been sent twice
    assert len(films()) == ROWS


def test_ctrl_c_ends_a_run_in_order_and_says_how_to_go_on(cli: Cli, slow_account: Account) -> None:
    with process(*RUN, "--yes", "--json") as running:
        until(lambda: slow_account.bought[1] == ROWS)
        running.send_signal(signal.SIGINT)
        told = ended(running)
    assert told.code == 9, told.err
    batch = batch_of(cli)
    assert f"'motionkit batch run {batch}' continues; nothing is bought twice" in told.err
    assert (told.one["batch"], told.one["left"], told.one["exit_code"]) == (batch, ROWS, 9)
    assert told.one["results"] is None

    slow_account.finish_jobs()
    again = cli("batch", "run", batch)
    assert again.code == 0, again.err
    assert slow_account.bought == (ROWS, ROWS, "160")


def test_an_item_that_failed_is_told_and_bought_again_only_when_asked(
    cli: Cli, account: Account
) -> None:
    account.sandbox.fault("fail:submit")
    told = cli(*RUN, "--yes")
    assert told.code == 6
    assert "3 of 4 done, 1 failed" in told.err
    assert "failed    item " in told.err
    assert cli(*RUN).code == 6
    assert account.bought[1] == ROWS

    batch = batch_of(cli)
    assert cli("batch", "retry", batch, "--failed").code == 2  # it costs: confirmation required
    told = cli("batch", "retry", batch, "--failed", "--yes")
    assert (told.code, told.out) == (0, f"{batch}: 1 item to buy again\n")
    assert account.bought[1] == ROWS
    assert cli("batch", "run", batch).code == 0
    assert account.bought[1] == ROWS + 1
    assert {row["state"] for row in results()} == {"done"}


def test_an_item_that_was_refused_is_tried_again_under_the_same_key(
    cli: Cli, account: Account
) -> None:
    account.sandbox.fault("refuse:submit:code=400017")
    told = cli(*RUN, "--yes")
    assert told.code == 6
    assert "1 refused" in told.err
    batch = batch_of(cli)
    assert cli("batch", "retry", batch, "--refused", "--yes").code == 0
    assert cli("batch", "run", batch).code == 0
    assert account.bought[1:] == (ROWS, "160")
    assert sorted(row["key"] for row in results()) == [f"order-{n}" for n in range(1, ROWS + 1)]


def test_a_film_that_was_deleted_is_downloaded_again_on_demand_and_not_bought_again(
    cli: Cli, account: Account
) -> None:
    assert cli(*RUN, "--yes").code == 0
    film = Path("films") / films()[0]
    content = film.read_bytes()
    film.unlink()
    batch = batch_of(cli)
    assert "nothing is left to do" in cli("batch", "run", batch).err
    told = cli("batch", "retry", batch, "--missing")  # nothing is bought: nothing to confirm
    assert (told.code, told.out) == (0, f"{batch}: 1 file to download again\n")
    assert cli("batch", "run", batch).code == 0
    assert film.read_bytes() == content
    assert account.bought == (ROWS, ROWS, "160")


def test_an_uncertain_item_is_told_and_never_bought_again(
    cli: Cli, account: Account, own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("motionkit.purchase.submit.RESEND_PAUSE", 0.0)
    monkeypatch.setattr("motionkit.purchase.submit.resend_at", lambda *_: 0.0)
    account.sandbox.fault("accept_then_reset:submit:times=0")
    write(own_place / "items.csv", 1)
    told = cli(*RUN, "--yes")
    assert told.code == 10, told.err
    batch = batch_of(cli)
    before = account.bought
    told = cli("batch", "retry", batch, "--yes")
    assert (told.code, told.out) == (0, f"{batch}: 0 items to buy again\n")
    assert "1 uncertain item not retried: 'motionkit reconcile' resolves them" in told.err
    account.sandbox.clear_faults()
    assert cli("batch", "run", batch).code == 10
    assert account.bought == before

    assert cli("reconcile", "order-1", "--assume", "lost").code == 0
    assert cli("batch", "run", batch).code == 6  # refused: only a retry buys it
    assert account.bought == before


def test_a_cancelled_batch_buys_nothing_new_and_fetches_what_was_bought(
    cli: Cli, slow_account: Account, own_place: Path
) -> None:
    limited = own_place / "limited.toml"
    limited.write_text(
        '[accounts.pixverse]\napi_key = "${PIXVERSE_API_KEY}"\nmax_concurrent = 1\n'
        "[defaults]\nlateness = 0.2\n"
    )
    config = ("--config", limited)
    with process(*RUN, "--yes", "--concurrency", "1", *config) as running:
        until(lambda: slow_account.bought[1] == 1)
        batch = batch_of(cli)
        told = cli("batch", "cancel", batch, *config)
        assert told.code == 0
        assert "items cancelled" in told.out
        slow_account.finish_jobs()
        assert ended(running).code == 0
    assert slow_account.bought[1] == 1
    assert len(films()) == 1
    one = cli("batch", "status", batch, "--json").one
    assert (one["state"], one["counts"]["done"], one["counts"]["cancelled"]) == (
        "cancelled",
        1,
        ROWS - 1,
    )

    assert cli("batch", "retry", batch, "--cancelled", "--yes", *config).code == 0
    with process("batch", "run", batch, *config) as running:
        for done in range(2, ROWS + 1):
            until(lambda done=done: slow_account.bought[1] == done)
            slow_account.finish_jobs()
        assert ended(running).code == 0
    assert slow_account.bought == (ROWS, ROWS, "160")


def test_status_has_items_money_slots_rate_and_end(cli: Cli, account: Account) -> None:
    cli(*RUN, "--yes", "--max-usd", "5")
    batch = batch_of(cli)
    one = cli("batch", "status", batch[:4], "--json").one
    assert (one["state"], one["total"], one["left"], one["counts"]["done"]) == (
        "done",
        ROWS,
        0,
        ROWS,
    )
    amounts = [Decimal(one[name]) for name in ("spent_usd", "held_usd", "max_usd")]
    assert amounts == [Decimal("1.60"), Decimal(0), Decimal(5)]
    assert one["per_minute"] > 0
    assert [slots["account"] for slots in one["slots"]] == ["pixverse"]
    told = cli("batch", "status", batch)
    assert told.code == 0
    lines = dict(line.split(maxsplit=1) for line in told.out.splitlines())
    assert lines["items"] == "4 of 4 done"
    assert lines["money"] == "1.60 USD spent of 5.00 USD"
    assert lines["slots"] == "pixverse: 0 in use, max_concurrent not set"
    assert cli("batch", "status", batch, "--watch").code == 0


def test_the_end_is_shown_before_the_rate(cli: Cli, account: Account) -> None:
    cli(*RUN, "--yes")
    with mk.Batch.get(batch_of(cli)) as batch:
        found = batch.progress()
    now = datetime.now().astimezone()
    counts = {**found.counts, ItemState.PLANNED: 1}
    left = attrs.evolve(found, counts=counts, rate=2.0, ends=now + timedelta(hours=1))
    parts = batch_report.summary(left, now).split("; ")
    assert [part.split()[0] for part in parts[-2:]] == ["ends", "2"]


def test_a_batch_that_is_watched_ends_with_its_exit_code(cli: Cli, slow_account: Account) -> None:
    with process(*RUN, "--yes") as running:
        until(lambda: slow_account.bought[1] == ROWS)
        with process("batch", "status", batch_of(cli), "--watch", "--json") as watching:
            read_until(watching, f"0 of {ROWS} done")
            slow_account.finish_jobs()
            assert ended(running).code == 0
            told = ended(watching)
    assert told.code == 0
    assert told.one["counts"]["done"] == ROWS


def test_results_have_every_item_in_each_format(
    cli: Cli, account: Account, own_place: Path
) -> None:
    (own_place / "items.csv").write_text(
        "operation,video,prompt,key\n"
        '"modify","dance.mp4","=HYPERLINK(""http://evil.example"")",+1\n'
        "modify,dance.mp4,@selection is snow,order-2\n"
    )
    assert cli(*RUN, "--yes", "--via", "pixverse").code == 0, "the prompts are text"
    batch = batch_of(cli)
    shown = cli("batch", "results", batch).out.lstrip("\ufeff")
    cells = [cell for row in csv.reader(shown.splitlines()) for cell in row]
    assert not [cell for cell in cells if cell[:1] in {*"=+-@"}]
    assert "'+1" in cells
    rows = [
        json.loads(line)
        for line in cli("batch", "results", batch, "--format", "jsonl").out.splitlines()
    ]
    assert [row["key"] for row in rows] == ["+1", "order-2"]
    assert [row["state"] for row in rows] == ["done", "done"]

    assert cli("batch", "results", batch, "-o", "all.parquet").out == "all.parquet\n"
    parquet = pytest.importorskip("pyarrow.parquet")
    assert parquet.read_table("all.parquet").column("key").to_pylist() == ["+1", "order-2"]
    again = cli("batch", "results", batch, "-o", "all.parquet")
    assert again.code == 2
    assert cli("batch", "results", batch, "-o", "all.parquet", "--overwrite").code == 0
    assert cli("batch", "results", batch, "--format", "parquet").code == 2
    assert not list(Path().glob(".all*"))


@pytest.mark.parametrize("verb", ["status", "cancel", "retry", "results", "run"])
def test_a_batch_that_is_not_there_is_named(cli: Cli, account: Account, verb: str) -> None:
    told = cli("batch", verb, "b-0000")
    assert told.code == 2
    assert "no batch matches 'b-0000'" in told.err
    assert "hint:     'motionkit batch status' has them" in told.err


def test_the_options_of_a_plan_do_not_go_with_a_batch_that_has_them(
    cli: Cli, account: Account
) -> None:
    cli(*RUN, "--yes")
    batch = batch_of(cli)
    told = cli("batch", "run", batch, "--max-usd", "9")
    assert told.code == 2
    assert f"--max-usd: {batch} was planned with its own options" in told.err


def test_a_budget_that_is_used_up_stops_a_run_which_says_so(
    cli: Cli, account: Account, own_place: Path
) -> None:
    config = own_place / "motionkit.toml"
    config.write_text('[defaults]\nlateness = 0.2\nbudget_usd = { day = "0.90" }\n')
    told = cli(*RUN, "--yes", "--json")
    assert told.code == 9
    assert "2 of 4 done, 2 waiting" in told.err
    assert "defaults.budget_usd" in told.err
    assert account.bought == (2, 2, "80")
    *_, one = told.data
    assert (one["left"], one["exit_code"], one["results"]) == (2, 9, None)

    config.write_text("[defaults]\nlateness = 0.2\n")
    assert cli("batch", "run", batch_of(cli)).code == 0
    assert account.bought == (ROWS, ROWS, "160")


def test_a_watch_that_is_interrupted_leaves_the_batch_alone(
    cli: Cli, slow_account: Account
) -> None:
    with mk.Batch.plan("items.csv", out="films") as batch:
        with process("batch", "status", batch.id, "--watch") as watching:
            read_until(watching, f"0 of {ROWS} done")
            watching.send_signal(signal.SIGINT)
            told = ended(watching)
        assert (told.code, told.out) == (0, "")
        assert f"'motionkit batch status {batch.id}' shows it again" in told.err
        assert batch.progress().counts == {
            state: ROWS * (state is ItemState.PLANNED) for state in ItemState
        }


def test_what_passes_by_itself_is_not_said_of_each_item(cli: Cli, account: Account) -> None:
    account.sandbox.fault("refuse:submit:code=500044")
    account.sandbox.fault("http:poll:status=500:times=2")
    told = cli(*RUN, "--yes")
    assert told.code == 0
    assert "500044" not in told.err
    assert "poll of" not in told.err
    assert account.bought[1:] == (ROWS, "160")


def test_the_jobs_of_a_batch_have_its_labels(cli: Cli, account: Account, items: Path) -> None:
    write(items, 2, **{"label.shot": "12"})
    told = cli(*RUN, "--yes", "--label", "project=spring")
    assert told.code == 0, told.err
    jobs = cli("jobs", "--json").data
    assert [one["labels"] for one in jobs] == [{"project": "spring", "shot": "12"}] * 2
    told = cli("batch", "run", batch_of(cli), "--label", "project=x")
    assert (told.code, "--label: " in told.err) == (2, True)
