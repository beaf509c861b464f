"""Errors, hints and notes at the edge of a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_support import Cli
from terminal import terminal

from motionkit.cli.wrapping import wrapped

WIDTHS = pytest.mark.parametrize("width", [24, 44, 80])
SENTENCE = (
    "the account 'pixverse' has 40 credits left, and this request costs up to 120 credits; top it "
    "up, or choose another target with --via"
)


@WIDTHS
@pytest.mark.parametrize("start", [0, 10, 17])
def test_a_text_is_wrapped_between_its_words(width: int, start: int) -> None:
    lines = wrapped(SENTENCE, width, start).split("\n")
    assert start + len(lines[0]) <= width
    assert all(len(line) <= width for line in lines[1:])
    assert " ".join(line.strip() for line in lines) == SENTENCE


def test_what_follows_a_label_begins_below_its_text() -> None:
    first, *rest = wrapped(SENTENCE, 44, 10).split("\n")
    assert not first.startswith(" ")
    assert rest
    assert all(line.startswith(" " * 10) and line[10] != " " for line in rest)


def test_an_indented_line_goes_on_indented() -> None:
    lines = wrapped("  " + SENTENCE, 44).split("\n")
    assert len(lines) > 2
    assert all(line.startswith("  ") and line[2] != " " for line in lines)


@WIDTHS
@pytest.mark.parametrize(
    "whole",
    [
        "/srv/films/2031/season-04/episode-11/scene-23/take-002-final.mp4",
        "0f3c9a52-7e44-4f0e-9d3c-0b1f6a2d9c11-0f3c9a52",
        "'motionkit batch retry --as summer-campaign --only failed --yes'",
        "('motionkit jobs show order-17 --json')",
    ],
)
def test_what_people_copy_stays_on_one_line(width: int, whole: str) -> None:
    text = f"the film of this job is kept there: {whole} and no other command fetches it"
    assert whole in wrapped(text, width, 10).replace("\n", "\0")


def test_a_quoted_path_with_blanks_stays_whole_where_it_fits() -> None:
    text = "cannot write the result of this purchase to '/srv/my films/out.mp4': it is a folder"
    assert "'/srv/my films/out.mp4':" in wrapped(text, 44, 10)


def test_a_long_quotation_is_wrapped_too() -> None:
    lines = wrapped(f"the vendor says '{SENTENCE.replace(chr(39), '')}'", 44).split("\n")
    assert all(len(line) <= 44 for line in lines)


def test_wide_letters_count_as_two_columns() -> None:
    from rich.cells import cell_len

    lines = wrapped("影片 " * 30, 44, 10).rstrip().split("\n")
    assert 10 + cell_len(lines[0]) <= 44
    assert all(cell_len(line.rstrip()) <= 44 for line in lines[1:])


@pytest.mark.parametrize("width", [44, 80])
def test_an_error_and_its_hint_are_wrapped_on_a_terminal(width: int, own_place: Path) -> None:
    name = "a-file-with-a-name-that-is-as-long-as-a-narrow-line-is.png"
    (own_place / name).write_text("text")
    argv = ("mimic", "--image", name, "--video", name, "--dry-run")
    with terminal(*argv, columns=width) as at:
        assert at.end() == 2
    lines = at.seen.splitlines()
    assert lines[0].startswith("error:    image:")
    assert len(lines) > 1
    assert name in at.seen
    assert all(len(line) <= width or name in line for line in lines), at.seen
    assert " ".join(line.strip() for line in lines).endswith("that we know by its content")


@pytest.mark.parametrize("width", [44, 80])
def test_a_question_is_wrapped_on_a_terminal(width: int, own_place: Path) -> None:
    file = own_place / "motionkit.toml"
    file.write_text('[accounts.pixverse]\nbase_url = "https://other.example"\n', "utf-8")
    with terminal("config", "trust", columns=width) as at:
        at.expect("[y/N]:")
        at.type("n")
        at.end()
    assert all(len(line) <= width or str(file) in line for line in at.seen.splitlines()), at.seen


@pytest.mark.parametrize("verb", [("quote", "mimic"), ("batch", "plan")])
def test_labelled_lines_of_a_result_are_wrapped_on_a_terminal_too(
    media: list[str], verb: tuple[str, ...]
) -> None:
    out = ("--out", "films") if verb[0] == "batch" else ()
    with terminal(*verb, *media, *out, columns=44) as at:
        assert at.end() == 0
    lines = at.seen.splitlines()
    long = [line for line in lines if len(line) > 44]
    assert all("https://" in line or "/films" in line or "checking rows" in line for line in long)
    assert any(line.startswith(" " * 10) and line.strip() for line in lines)


def test_nothing_is_wrapped_where_standard_error_is_no_terminal(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "44")
    ended = cli("mimic", "--image", "not-there.png", "--video", "not-there.mp4", "--dry-run")
    assert ended.code == 2
    error, *_ = ended.err.splitlines()
    assert len(error) > 44
