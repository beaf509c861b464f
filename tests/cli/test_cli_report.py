"""The verb `report`: one page of what was bought, which replaces nothing of anybody else's."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import pytest
from cli_support import Account, Cli

from motionkit.cli import exit_codes
from motionkit.cli.screen import Screen
from motionkit.report import page


@pytest.fixture
def bought(cli: Cli, account: Account, media: list[str]) -> Account:
    """Two purchases, one with a label."""
    wanted = (["--key", "order-17", "--label", "project=spring"], ["--key", "order-18"])
    for number, options in enumerate(wanted):
        ended = cli("mimic", *media, *options, "--quality", f"{540 + 180 * number}p", "--yes")
        assert ended.code == exit_codes.DONE, ended.err
    return account


def test_it_writes_a_page_of_all_jobs_and_prints_its_path(
    cli: Cli, bought: Account, own_place: Path
) -> None:
    ended = cli("report")
    assert ended.code == exit_codes.DONE
    file = own_place / "motionkit-report" / "index.html"
    assert ended.out.strip() == str(file)
    assert "2 requests, 2 jobs, 2 films" in ended.err
    assert file.read_text("utf-8").count("<video") == 4


def test_it_takes_keys_labels_a_title_and_one_file(
    cli: Cli, bought: Account, own_place: Path
) -> None:
    told = cli("report", "order-17", "--inline", "one.html", "--title", "Spring", "--json").one
    assert (told["jobs"], told["films"], told["missing"]) == (1, 1, 0)
    assert told["file"] == str(own_place / "one.html")
    assert "<title>Spring</title>" in (own_place / "one.html").read_text("utf-8")
    assert cli("report", "--label", "project=spring", "--out", "r", "--json").one["jobs"] == 1
    assert cli("report", "--since", "1h", "--out", "r", "--copy", "--json").one["jobs"] == 2
    assert len(list((own_place / "r" / "films").iterdir())) == 2


def test_where_nothing_matches_it_says_what_was_asked_for_and_writes_nothing(
    cli: Cli, bought: Account, own_place: Path
) -> None:
    ended = cli("report", "--label", "project=autumn", "--state", "failed")
    assert ended.code == exit_codes.USAGE
    assert "no job matches" in ended.err
    assert "label project=autumn" in ended.err
    assert not (own_place / "motionkit-report").exists()


def test_it_replaces_its_own_page_and_no_other_file(
    cli: Cli, bought: Account, own_place: Path
) -> None:
    (own_place / "site").mkdir()
    (own_place / "site" / "index.html").write_text("mine")
    ended = cli("report", "--out", "site")
    assert ended.code == exit_codes.USAGE
    assert "--overwrite" in ended.err
    assert (own_place / "site" / "index.html").read_text() == "mine"
    assert cli("report", "--out", "site", "--overwrite").code == exit_codes.DONE
    assert cli("report", "--out", "site").code == exit_codes.DONE


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--out", "a", "--inline", "b.html"], "--out and --inline"),
        (["--inline", "b.html", "--copy"], "leave --copy out"),
        (["--since", "yesterday"], "since"),
        (["--state", "lost"], "state"),
        (["--label", "spring"], "NAME=VALUE"),
        (["order-17", "--since", "7d"], "exclude each other"),
        (["nothing"], "no job matches 'nothing'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    cli: Cli, bought: Account, own_place: Path, argv: list[str], words: str
) -> None:
    before = sorted(own_place.iterdir())
    ended = cli("report", *argv)
    assert ended.code == exit_codes.USAGE
    assert words in ended.err
    assert sorted(own_place.iterdir()) == before


def test_films_that_are_too_large_for_one_file_are_refused_with_the_way_out(
    cli: Cli, bought: Account, own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "LARGEST_INLINE", 1000)
    ended = cli("report", "--inline", "one.html")
    assert ended.code == exit_codes.USAGE
    assert "one file holds at most 1.0 kB" in ended.err
    assert "folder" in ended.err
    assert not (own_place / "one.html").exists()


@pytest.mark.parametrize("found", [True, False])
def test_it_opens_the_page_and_says_where_no_browser_is(
    cli: Cli, bought: Account, own_place: Path, monkeypatch: pytest.MonkeyPatch, found: bool
) -> None:
    opened: list[str] = []

    def open_page(url: str) -> bool:
        opened.append(url)
        return found

    monkeypatch.setattr(webbrowser, "open", open_page)
    ended = cli("report", "--open")
    assert ended.code == exit_codes.DONE
    assert opened == [(own_place / "motionkit-report" / "index.html").as_uri()]
    assert ("no browser was found" in ended.err) is not found


@pytest.mark.parametrize("agrees", [True, False])
def test_on_a_terminal_it_asks_before_it_replaces_another_file(
    cli: Cli, bought: Account, own_place: Path, monkeypatch: pytest.MonkeyPatch, agrees: bool
) -> None:
    (own_place / "one.html").write_text("mine")
    asked: list[str] = []

    def agreed(_: Screen, question: str) -> bool:
        asked.append(question)
        return agrees

    monkeypatch.setattr(Screen, "asks", True)
    monkeypatch.setattr(Screen, "agreed", agreed)
    ended = cli("report", "--inline", "one.html")
    assert asked == ["replace one.html, which no report wrote?"]
    assert ((own_place / "one.html").read_text("utf-8") == "mine") is not agrees
    assert (ended.code == exit_codes.DONE) is agrees
