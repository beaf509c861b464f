"""`batch plan`: every row checked, all of it quoted, nothing bought."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cli_support import Account, Cli

import motionkit as mk
from motionkit.cli.batch import moment
from motionkit.errors import InvalidRequest
from motionkit.sandbox import sample_picture

ROWS = "image,video,quality\nhero.png,dance.mp4,540p\nhero.png,dance.mp4,360p\n"
LIMITED = '[accounts.pixverse]\napi_key = "${PIXVERSE_API_KEY}"\nmax_concurrent = 2\n'
OUT = ("--out", "films")


@pytest.fixture
def items(media: list[str], own_place: Path) -> str:
    """A table of two rows, for 40 and 36 credits."""
    (own_place / "items.csv").write_text(ROWS, "utf-8")
    return "items.csv"


@pytest.fixture
def limited(own_place: Path) -> str:
    file = own_place / "limited.toml"
    file.write_text(LIMITED, "utf-8")
    return "limited.toml"


def test_a_plan_has_price_targets_and_end_and_buys_nothing(
    cli: Cli, account: Account, items: str, limited: str
) -> None:
    told = cli("batch", "plan", items, *OUT, "--config", limited, "--max-usd", "5")
    assert told.code == 0
    lines = dict(line.split(maxsplit=1) for line in told.out.splitlines())
    assert lines["batch"].endswith("2 items of items.csv")
    assert lines["out"] == str(Path("films").absolute())
    assert lines["price"] == "0.76 USD"
    assert lines["target"].startswith(
        "pixverse/mimic (SANDBOX, loopback): 2 items, 0.76 USD; 2 at once, usually "
    )
    assert lines["budget"] == "5.00 USD"
    assert " in 2 min " in lines["ends"]
    assert told.err.endswith("nothing was bought\n")
    assert account.bought == (0, 0, "0")
    assert not Path("films").exists()
    assert cli("batch", "status").err.endswith("no batches yet\n")


def test_a_plan_as_json_has_amounts_as_text(cli: Cli, account: Account, items: str) -> None:
    plan = cli("batch", "plan", items, *OUT, "--json").one
    assert (plan["low"], plan["likely"], plan["high"]) == ("0.76", "0.76", "0.76")
    assert (plan["total"], plan["left"], plan["added"], plan["known"]) == (2, 2, 2, False)
    (target,) = plan["targets"]
    assert (target["target"], target["items"], target["high"]) == ("pixverse/mimic", 2, "0.76")


def test_a_price_that_nobody_knows_is_told_as_unknown(
    cli: Cli, account: Account, items: str
) -> None:
    extra = '"{""pixverse"": {""novel"": 1}}"'
    Path("items.csv").write_text(f"image,video,extra\nhero.png,dance.mp4,{extra}\n")
    told = cli("batch", "plan", items, *OUT)
    assert told.code == 0, told.err
    assert "unknown" in told.out


def test_files_of_patterns_make_every_combination(
    cli: Cli, account: Account, media: list[str], own_place: Path
) -> None:
    for name in ("anna.jpg", "ben.jpg"):
        (own_place / name).write_bytes(sample_picture())
    (own_place / "wave.mp4").write_bytes((own_place / "dance.mp4").read_bytes())
    matrix = ("--image", "*.jpg", "--image", "hero.png", "--video", "*.mp4")
    plan = cli("batch", "plan", *matrix, "--set", "quality=360p", *OUT, "--json").one
    assert (plan["total"], plan["likely"]) == (6, "2.16")


def test_what_an_earlier_end_takes_is_told(
    cli: Cli, account: Account, items: str, limited: str
) -> None:
    soon = (dt.datetime.now().astimezone() + dt.timedelta(days=3)).isoformat()
    (need,) = cli("batch", "plan", items, *OUT, "--config", limited, "--by", soon, "--json").one[
        "needs"
    ]
    assert need == {"account": "pixverse", "slots": 2, "needed": 1, "accounts": 1, "enough": True}
    told = cli("batch", "plan", items, *OUT, "--config", limited, "--by", soon)
    assert "1 of the 2 slots of pixverse suffice" in told.out


def test_all_invalid_rows_are_listed_at_once_with_row_and_column(
    cli: Cli, account: Account, items: str
) -> None:
    Path("items.csv").write_text(
        "image,video,quality\nhero.png,dance.mp4,9000p\nnope.png,dance.mp4,540p\n,dance.mp4,\n"
    )
    for verb in (["plan"], ["run", "--yes"]):
        told = cli("batch", *verb, items, *OUT)
        assert told.code == 2
        assert told.out == ""
        assert "items.csv: 3 problems in 3 rows\n" in told.err
        shown = [line.strip() for line in told.err.splitlines()]
        assert any(line.startswith("row 2") and "9000p" in line for line in shown)
        assert any(line.startswith("row 3, column image:") for line in shown)
        assert any(line.startswith("row 4, column image: it is missing") for line in shown)
    error = cli("batch", "plan", items, *OUT, "--json").one
    assert (error["exit_code"], error["count"], error["billed"]) == (2, 3, "no")
    assert {row for one in error["problems"] for row in one["rows"]} == {"row 2", "row 3", "row 4"}
    assert account.bought == (0, 0, "0")


def test_a_table_as_excel_writes_it_is_read(cli: Cli, account: Account, items: str) -> None:
    text = ROWS.replace(",", ";").replace("\n", "\r\n")
    Path("items.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert cli("batch", "plan", items, *OUT, "--json").one["likely"] == "0.76"


def test_a_batch_above_its_budget_is_refused_after_its_plan(
    cli: Cli, account: Account, items: str
) -> None:
    for verb in (["plan"], ["run", "--yes"]):
        told = cli("batch", *verb, items, *OUT, "--max-usd", "0.75")
        assert told.code == 4
        assert "expected to cost 0.76 USD, and max_usd is 0.75 USD" in told.err
    assert cli("batch", "status", "--json").data == []
    assert account.bought == (0, 0, "0")


@pytest.mark.parametrize(
    ("argv", "field", "text"),
    [
        (["items.csv"], "out", "--out FOLDER is missing"),
        (["items.csv", *OUT, "--image", "hero.png"], "items", "give either ITEMS, or --image"),
        ([*OUT], "items", "give either ITEMS, or --image"),
        (["nope.csv", *OUT], "items", "'nope.csv' cannot be read"),
        (["hero.png", *OUT], "items", "'hero.png' is not a table"),
        (["items.csv", "--out", "hero.png"], "out", "is a file"),
        (["items.csv", *OUT, "--set", "quality"], "set", "'quality' is not NAME=VALUE"),
        (["items.csv", *OUT, "--by", "noon"], "by", "expected a local time such as 18:00"),
        (["items.csv", *OUT, "--by", "2020-01-01T00:00"], "by", "a time that has not passed"),
        (["--image", "*.gif", *OUT], "image", "no file matches '*.gif'"),
    ],
)
def test_an_option_that_cannot_be_taken_is_named(
    cli: Cli, items: str, argv: list[str], field: str, text: str
) -> None:
    for verb in ("plan", "run"):
        told = cli("batch", verb, *argv, "--json")
        assert told.code == 2
        assert told.one["field"] == field
        assert text in told.one["message"]


BERLIN = ZoneInfo("Europe/Berlin")
NOON = dt.datetime(2026, 3, 28, 12, 0, tzinfo=BERLIN)  # the day before the clock goes forward


def berlin(wall: dt.datetime) -> dt.datetime:
    return wall.replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("18:00", "2026-03-28T18:00:00+01:00"),
        ("9:30", "2026-03-29T09:30:00+02:00"),
        ("12:00", "2026-03-29T12:00:00+02:00"),
        ("2026-03-30T09:00", "2026-03-30T09:00:00+02:00"),
        ("2026-03-28T13:00+00:00", "2026-03-28T13:00:00+00:00"),
    ],
)
def test_a_time_of_day_is_the_next_one_there(text: str, found: str) -> None:
    assert moment(text, NOON, berlin).isoformat() == found


@pytest.mark.parametrize("text", ["24:00", "7", "18:61", "tomorrow", "2026-03-28T11:59", ""])
def test_a_time_that_is_none_or_has_passed_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="by"):
        moment(text, NOON, berlin)


def test_a_route_that_may_fall_back_to_another_price_is_told_before_it_is_confirmed(
    cli: Cli, account: Account, items: str, own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGMIND_API_KEY", account.key)
    told = cli("batch", "run", items, *OUT)
    assert told.code == 2
    note = "where a route falls back, to segmind, its own price holds; --max-usd bounds"
    assert note in told.err
    assert "buy 2 items: about 0.76 USD, more where a route falls back" in told.err
    told = cli("batch", "run", items, *OUT, "--max-usd", "2")
    assert "buy 2 items: about 0.76 USD, never more than 2.00 USD in all" in told.err
    told = cli("batch", "run", items, *OUT, "--via", "pixverse")
    assert "buy 2 items: up to 0.76 USD" in told.err
    assert "falls back" not in told.err


def test_choose_decides_where_the_items_go_and_stays_with_the_batch(
    cli: Cli, account: Account, items: str, own_place: Path
) -> None:
    (own_place / "mine.toml").write_text(
        f'[accounts.pixverse]\napi_key = "{account.key}"\nbase_url = "{account.sandbox.url}"\n'
        f'[accounts.segmind]\napi_key = "{account.key}"\nbase_url = "{account.sandbox.url}"\n'
        '[routes.both]\ntargets = ["segmind/pixverse-mimic", "pixverse/mimic"]\n'
    )
    line = ["batch", "plan", items, "--via", "both", "--out", "films", "--config", "mine.toml"]
    told = cli(*line, "--choose", "cheapest", "--json")
    assert told.code == 0, told.err
    assert [one["target"] for one in told.one["targets"]] == ["pixverse/mimic"]
    assert [one["target"] for one in cli(*line, "--json").one["targets"]] == [
        "segmind/pixverse-mimic"
    ]
    for choose in ("cheapest", None):  # what it was planned with stays
        with mk.Batch.plan(
            items, out="films", via="both", choose=choose, config="mine.toml"
        ) as batch:
            assert batch.planned is not None
            assert [one.target for one in batch.planned.targets] == ["pixverse/mimic"]
    told = cli(*line[:3], "--via", "pixverse", "--out", "other", "--choose", "cheapest")
    assert told.code == 2
    assert "'pixverse' is one target" in told.err
    assert account.bought == (0, 0, "0")
