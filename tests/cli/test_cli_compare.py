"""One request at every vendor in one table: what differs is named, at 80 columns too."""

from __future__ import annotations

import re

import pytest
from cli_support import Cli
from terminal import terminal
from vendors import VENDORS

from motionkit.provider import registry

BY_ADDRESS = ("--image", "https://media.invalid/face.png", "--video", "https://media.invalid/a.mp4")
OFFERS = {
    f"{name}/{offer.model}": offer
    for name in registry.names()
    for offer in registry.load(name).offers
    if offer.operation == "mimic"
}


@pytest.fixture(autouse=True)
def _without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in registry.names():
        monkeypatch.delenv(f"{name.upper()}_API_KEY", raising=False)


def test_a_request_that_fits_everywhere_has_a_row_for_every_model_of_every_vendor(cli: Cli) -> None:
    rows = cli("compare", "mimic", *BY_ADDRESS, "--json").data
    assert {row["target"] for row in rows} == set(OFFERS)
    assert {row["target"].partition("/")[0] for row in rows} >= set(VENDORS)
    for row in rows:
        offer = OFFERS[row["target"]]
        assert set(row["settings"]) == {"orientation", "keep_audio"} & set(offer.fields)
        assert not set(row["lacks"]) & set(row["settings"])
        if row["fits"]:
            assert row["max_clip_seconds"] == offer.media["video"].max_seconds
            assert row["quality"] == offer.defaults.get("quality") or "quality" not in offer.fields


def test_orientation_and_sound_are_named_in_the_same_words_for_every_vendor(cli: Cli) -> None:
    asked = ("--orientation", "image", "--keep-audio", "--json")
    rows = [row for row in cli("compare", "mimic", *BY_ADDRESS, *asked).data if row["fits"]]
    assert len({row["target"].partition("/")[0] for row in rows}) >= 2
    for row in rows:
        assert row["settings"] == {"orientation": "image", "keep_audio": True}
        assert row["max_clip_seconds"] in {None, 10.0}  # that orientation takes shorter clips
    table = cli("compare", "mimic", *BY_ADDRESS, *asked[:-1]).out
    assert table.count("orientation image, sound kept") == len(rows)


@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_narrow_terminal_no_line_is_folded_and_no_name_is_broken(columns: int) -> None:
    with terminal("compare", "mimic", *BY_ADDRESS, "--offline", columns=columns) as shown:
        assert shown.end() == 0
    table, _, rest = shown.seen[shown.seen.index("TARGET ") :].partition("~ is not exact")
    lines = [line.rstrip() for line in table.splitlines()]
    assert max(map(len, lines)) <= columns
    assert lines[0].split() == ["TARGET", "QUOTE", "TAKES", "BALANCE"]
    first = [line for line in lines[1:] if line and not line.startswith(" ")]
    assert {line.split()[0] for line in first} == set(OFFERS)
    assert all(line.endswith("no key") for line in first)
    assert any(re.fullmatch(r"  .*orientation video.*clip 3-30 s", line) for line in lines)
    told = " ".join(rest.split())
    for name in registry.names():
        assert f"no key for {name}: " in told
        assert f"{name.upper()}_API_KEY" in told


def test_unknown_prices_come_last_and_are_called_unknown(cli: Cli) -> None:
    rows = cli("compare", "mimic", *BY_ADDRESS, "--json").data
    able = [row for row in rows if row["fits"]]
    assert len(able) >= 20
    prices = [row["quote"] and row["quote"]["usd_likely"] for row in able]
    known = [price for price in prices if price is not None]
    assert prices == [*known, *[None] * (len(prices) - len(known))]
    table = cli("compare", "mimic", *BY_ADDRESS).out.splitlines()
    for row in able:
        if row["quote"] is None:
            line = next(one for one in table if one.startswith(f"{row['target']} "))
            assert "unknown" in line
