"""The verb `offers`: every row, condensed for a terminal, whole as JSON."""

from __future__ import annotations

import re

import pytest
from cli_support import Cli

from motionkit.cli.screen import PIPE_WIDTH
from motionkit.provider import registry


def test_every_row_that_a_provider_sells_is_in_the_json(cli: Cli) -> None:
    rows = cli("offers", "--json").data
    sold = [(name, offer) for name in registry.names() for offer in registry.load(name).offers]

    assert len(rows) == len(sold)
    (row,) = [row for row in rows if (row["operation"], row["model"]) == ("mimic", "mimic")]
    assert row["qualities"] == ["360p", "540p", "720p"]
    assert row["price"]["basis"] == "listed"
    assert row["price"]["source"].startswith("https://")
    assert row["limits"]["video"]["max_seconds"] == 30
    assert row["evidence"] == "documented"


def test_the_table_has_every_model_with_its_price_source_and_day(cli: Cli) -> None:
    shown = cli("offers", "--operation", "mimic").out

    assert re.search(
        r"^mimic \* +360/540/720p +9/10/12 credits a second +133 s", shown, re.MULTILINE
    )
    assert "mimic at pixverse\n" in shown
    assert re.search(r"^  listed, read 20\d\d-\d\d-\d\d, https://", shown, re.MULTILINE)
    assert "estimated, read 20" in shown


def test_prices_stand_in_the_order_of_the_qualities_by_duration_and_switch(cli: Cli) -> None:
    shown = cli("offers", "--operation", "text_to_video", "--model", "v5.6").out

    assert "5s:35/35/45/75, 8s:70/70/90/150, 10s:77/77/99 credits a run" in shown
    assert "audio 5s:80/80/90/150?, 8s:115/115/135/195, 10s:122/122/144" in shown
    assert shown.index("5s:35") < shown.index("audio 5s:80")


def test_operations_with_the_same_models_and_prices_share_a_table(cli: Cli) -> None:
    shown = cli("offers", "--via", "pixverse").out
    assert "image_to_video, text_to_video at pixverse" in shown
    assert len(re.findall(r"^v5\.6 ", shown, re.MULTILINE)) < len(
        [row for row in cli("offers", "--json").data if row["model"] == "v5.6"]
    )


def test_what_is_not_documented_is_marked(cli: Cli) -> None:
    rows = cli("offers", "--json").data
    marked = [row for row in rows if row["evidence"] != "documented"]
    assert marked
    for row in marked:
        shown = cli("offers", "--operation", row["operation"], "--model", row["model"])
        assert f"({row['evidence']})" in shown.out
        assert "undocumented" in shown.err


def test_one_model_shows_its_limits(cli: Cli) -> None:
    shown = cli("offers", "--via", "pixverse/v6", "--operation", "generate").out
    assert "  v6: prompt: at most 5000 characters\n" in shown
    assert "  v6: duration: 1 to 15\n" in shown
    mimic = cli("offers", "--model", "mimic").out
    assert "  mimic: video: mp4/mov, 100 MB, 1920 px, 30 s\n" in mimic
    assert "at most" not in cli("offers", "--operation", "generate").out


LIP_SYNC = {
    (name, "lip_sync")
    for name in registry.names()
    if any(offer.operation == "lip_sync" for offer in registry.load(name).offers)
}


@pytest.mark.parametrize(
    ("options", "want"),
    [
        (["--operation", "lipsync"], LIP_SYNC),
        (["--operation", "lip_sync"], LIP_SYNC),
        (["--via", "segmind", "--operation", "mimic"], {("segmind", "mimic")}),
        (["--model", "c1", "--operation", "extend"], set()),
        (["--via", "segmind", "--model", "v6"], set()),
    ],
)
def test_rows_are_chosen_by_operation_verb_target_and_model(
    cli: Cli, options: list[str], want: set[tuple[str, str]]
) -> None:
    rows = cli("offers", *options, "--json").data
    assert {(row["provider"], row["operation"]) for row in rows} == want
    shown = cli("offers", *options)
    assert shown.code == 0
    assert ("no matching offers" in shown.err) is not bool(want)


def test_the_table_of_a_terminal_of_80_columns_is_not_cut(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("motionkit.cli.screen.PIPE_WIDTH", 80)
    assert PIPE_WIDTH > 80
    table = [line for line in cli("offers").out.splitlines() if not line.startswith("  ")]
    assert max(len(line.rstrip()) for line in table) <= 80
    assert "…" not in "".join(table)
    assert any("credits a second" in line for line in table)


def test_an_unknown_target_is_a_usage_error(cli: Cli) -> None:
    assert cli("offers", "--via", "nobody").code == 2


@pytest.mark.parametrize(
    ("field", "value", "among"),
    [
        ("model", "nosuch", {"v6", "mimic", "wan-animate"}),
        ("operation", "juggle", {"mimic", "lipsync", "music-video"}),
        ("via", "segmind/v6", {"segmind/scail"}),
        ("via", "/nosuch", {"/v6", "/scail"}),
    ],
)
@pytest.mark.parametrize("form", [["--json"], ["--json", "--timing"]])
def test_an_unknown_name_is_a_usage_error_that_says_the_known_ones(
    cli: Cli, field: str, value: str, among: set[str], form: list[str]
) -> None:
    told = cli("offers", f"--{field}", value, *form)
    assert told.code == 2
    assert (told.one["field"], told.one["value"]) == (field, value)
    assert among <= set(told.one["limit"].split(", "))
    assert f"{field}: no offer matches '{value}'; known: " in told.err
    assert cli("offers", f"--{field}", value).out == ""


def test_an_unknown_operation_is_told_each_operation_once(cli: Cli) -> None:
    known = cli("offers", "--operation", "juggle", "--json").one["limit"].split(", ")
    assert not {name.replace("-", "_") for name in known if "-" in name} & set(known)
    assert "lip_sync" not in known
    assert cli("offers", "--operation", "lip_sync").code == 0


def test_an_unknown_model_is_told_the_models_of_the_operation(cli: Cli) -> None:
    limit = cli("offers", "--operation", "mimic", "--model", "zz", "--json").one["limit"]
    offers = [row["model"] for row in cli("offers", "--operation", "mimic", "--json").data]
    assert limit.split(", ") == sorted(set(offers))


def test_what_nobody_offers_has_no_heading(cli: Cli) -> None:
    told = cli("offers", "--model", "c1", "--operation", "extend", "--timing")
    assert (told.code, told.out) == (0, "")
    assert "no matching offers" in told.err


def test_the_timing_of_an_offer_that_says_none_is_not_guessed(cli: Cli) -> None:
    table = cli("offers", "--via", "pixverse", "--timing").out.splitlines()
    rows = {line.split()[1]: re.split(r"  +", line)[2:6] for line in table[1:]}
    assert rows["mask_selection"] == ["?", "none", "?", "?"]
    assert rows["mimic"][:2] == ["2 min 13 s", "none: documented"]
