"""People's ratings on the command line: imported, listed, and shown by `compare`."""

from __future__ import annotations

import csv
import io
import types
from pathlib import Path

import pytest
from cli_support import Account, Cli

FILE = (
    "key,stars,note,rated_at\n"
    'order-17,4,"the left hand slips, at 0:03",2026-11-27T12:00:00Z\n'
    "order-18,5,=cmd,2026-11-27T12:01:00+01:00\n"
)


@pytest.fixture
def results(cli: Cli, account: Account, media: list[str]) -> None:
    """Two results, without films on the disk."""
    for key in ("order-17", "order-18"):
        assert cli("submit", "mimic", *media, "--key", key).code == 0
    account.finish_jobs()
    for key in ("order-17", "order-18"):
        assert cli("poll", key).code == 0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "ratings.csv"
    made.write_text(FILE)
    return made


@pytest.mark.usefixtures("results")
def test_ratings_are_imported_listed_and_imported_again_without_a_change(
    cli: Cli, file: Path
) -> None:
    told = cli("ratings", "import", file)
    assert (told.code, told.out) == (0, "2 ratings: 2 new, 0 changed, 0 unchanged\n")
    assert cli("ratings", "import", file, "--json").one == {
        "new": 0,
        "changed": 0,
        "unchanged": 2,
        "older": 0,
        "skipped": {},
    }
    table = cli("ratings").out.splitlines()
    assert table[0].split("  ")[0] == "KEY"
    assert table[-1].split() == [
        *("order-17", "4", "of", "5", "2026-11-27", "12:00", "the", "left", "hand", "slips,"),
        *("at", "0:03"),
    ]
    assert [one["key"] for one in cli("ratings", "--json").data] == ["order-18", "order-17"]


@pytest.mark.usefixtures("results")
def test_what_is_listed_as_csv_or_json_can_be_imported_and_begins_no_formula(
    cli: Cli, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("ratings", "import", file)
    for form in ("--csv", "--json"):
        listed = cli("ratings", form).out
        if form == "--csv":
            rows = list(csv.DictReader(io.StringIO(listed.removeprefix("\ufeff"))))
            assert [one["note"] for one in rows] == ["'=cmd", "the left hand slips, at 0:03"]
        stream = types.SimpleNamespace(buffer=io.BytesIO(listed.encode()))
        monkeypatch.setattr("sys.stdin", stream)
        told = cli("ratings", "import", "-", "--json")
        assert (told.code, told.one["unchanged"]) == (0, 2)


@pytest.mark.usefixtures("results")
def test_wrong_rows_are_listed_and_nothing_is_written(cli: Cli, file: Path) -> None:
    file.write_text(f"{FILE}order-17,9,,2026-11-27T12:00:00Z\nnobody,3,,2026-11-27T12:00:00Z\n")
    told = cli("ratings", "import", file)
    assert told.code == 2
    assert "row 4, column stars: '9' is not a whole number from 1 to 5" in told.err
    assert "row 5, column key: 'nobody': the journal does not have it" in told.err
    assert "no ratings yet" in cli("ratings").err
    file.write_text(f"{FILE}nobody,3,,2026-11-27T12:00:00Z\n")
    told = cli("ratings", "import", file, "--skip-unknown")
    assert (told.code, told.out[:16]) == (0, "2 ratings: 2 new")
    assert "left out nobody: the journal does not have it" in told.err


@pytest.mark.usefixtures("results")
def test_compare_and_the_job_show_ratings_where_there_are_some(
    cli: Cli, file: Path, media: list[str]
) -> None:
    assert "RATING" not in cli("compare", "mimic", *media, "--offline").out
    cli("ratings", "import", file)
    for offline in ((), ("--offline",)):
        told = cli("compare", "mimic", *media, *offline)
        assert "RATING" in told.out.split("\n")[0].split()
        assert "4.5 of 5 (n=2)" in told.out
    rows = cli("compare", "mimic", *media, "--offline", "--json").data
    assert [(one["rating"], one["ratings"]) for one in rows if one["ratings"]] == [(4.5, 2)]
    assert {one["rating"] for one in rows if not one["ratings"]} <= {None}
    lines = cli("compare", "mimic", *media, "--offline", "--csv").out.splitlines()
    assert any(one["ratings"] == "2" for one in csv.DictReader(lines))
    # A rating is for the operation that made the result.
    assert "RATING" not in cli("compare", "generate", "--prompt", "x", "--offline").out
    assert "rating     4 of 5: the left hand slips, at 0:03" in cli("jobs", "show", "order-17").out
    assert cli("jobs", "show", "order-17", "--json").one["rating"]["stars"] == 4


@pytest.mark.usefixtures("results")
def test_ratings_are_found_by_account_and_age(cli: Cli, file: Path) -> None:
    cli("ratings", "import", file)
    assert len(cli("ratings", "--since", "1h", "--json").data) == 2
    told = cli("ratings", "--account", "nobody")
    assert (told.code, told.out) == (0, "")
    assert "no rating matches" in told.err


@pytest.mark.usefixtures("results")
def test_a_report_gives_its_numbers_as_data(cli: Cli, file: Path) -> None:
    cli("ratings", "import", file)
    told = cli("report", "--out", "page", "--json")
    figures = told.one["figures"]
    assert (told.code, figures["purchases"], figures["results"]) == (0, 2, 2)
    assert [(one["n"], one["mean"]) for one in figures["ratings"]] == [(2, 4.5)]
    spent = cli("spend", "--all", "--json").one
    assert figures["days"][0]["amounts"]["charged"] == spent["charged"]
