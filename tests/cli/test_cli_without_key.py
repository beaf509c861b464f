"""Without a key: prices and requests from the installed tables; a purchase says what is missing."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from pathlib import Path

import pytest
from cli_support import Account, Cli
from terminal import terminal

import motionkit as mk
from motionkit import http
from motionkit.errors import ConfigError, InvalidRequest, MotionKitError
from motionkit.provider import key_help, registry

KEYS = {name: f"{name.upper()}_API_KEY" for name in registry.names()}


@pytest.fixture(autouse=True)
def silence(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be sent where no sandbox has an account for the test."""
    if "account" in request.fixturenames:
        return

    def send(*_: object, **__: object) -> None:
        raise AssertionError("something was sent without a key")

    monkeypatch.setattr(http.Session, "send", send)


def test_every_installed_provider_says_where_its_keys_are_made() -> None:
    for name in registry.names():
        found = key_help(name)
        assert found is not None
        assert found.console.startswith("https://")


def test_compare_names_the_missing_variable_in_each_row_and_the_console_once(
    cli: Cli, media: list[str]
) -> None:
    told = cli("compare", "mimic", *media)
    assert told.code == 0, told.err
    assert "40 credits = 0.40 USD" in told.out
    table = told.out.partition("NOTES")[0].splitlines()
    rows = [row for row in table[1:] if row.partition("/")[0] in KEYS]
    assert len([row for row in rows if row.startswith(("pixverse/", "segmind/"))]) == 8
    for row in rows:
        if " px" in row or "the vendor takes" in row:
            continue  # why a model does not take these media
        vendor = row.partition("/")[0]
        assert row.rstrip().endswith(f"no key: {KEYS[vendor]}")
    for name in KEYS:
        known = key_help(name)
        assert known is not None
        assert told.err.count(known.console) == 1
        assert f"'motionkit init {name}'" in told.err
    data = cli("compare", "mimic", *media, "--json").data
    assert {row["no_key"] for row in data} == set(KEYS.values())
    assert all(row["balance"] is None for row in data)
    assert all(row["quote"] for row in data if row["target"].startswith(("pixverse/", "segmind/")))
    table = list(csv.DictReader(io.StringIO(cli("compare", "mimic", *media, "--csv").out)))
    assert {row["no_key"] for row in table} == set(KEYS.values())


def test_rows_without_a_key_come_after_those_that_can_be_bought(
    cli: Cli, account: Account, media: list[str]
) -> None:
    rows = cli("compare", "mimic", *media, "--json").data
    assert rows[0]["target"] == "pixverse/mimic"
    assert rows[0]["balance"]["amount"] == "5000"
    assert rows[0]["no_key"] is None
    assert {row["no_key"] for row in rows[1:]} == {*KEYS.values()} - {"PIXVERSE_API_KEY"}
    told = cli("compare", "mimic", *media)
    assert "no key for segmind" in told.err
    assert "no key for pixverse" not in told.err


def test_an_account_of_a_file_whose_variable_is_not_set_is_priced_all_the_same(
    cli: Cli, account: Account, media: list[str], own_place: Path
) -> None:
    file = own_place / "mine.toml"
    file.write_text(
        '[accounts.good]\nprovider = "pixverse"\napi_key = "${PIXVERSE_API_KEY}"\n'
        '[accounts.night]\nprovider = "segmind"\napi_key = "${NIGHT_KEY}"\n'
        '[accounts.filed]\nprovider = "segmind"\napi_key = { file = "nowhere" }\n'
    )
    rows = cli("compare", "mimic", *media, "--json", "--config", file).data
    missing = {row["target"].partition("/")[0]: row["no_key"] for row in rows}
    assert missing == {"good": None, "night": "NIGHT_KEY", "filed": "file nowhere"}
    assert all(row["quote"] for row in rows)


def test_quote_prints_target_and_price_and_what_is_missing(cli: Cli, media: list[str]) -> None:
    told = cli("quote", "mimic", *media, "--via", "segmind/wan-animate")
    assert told.code == 0
    assert "at        segmind/wan-animate" in told.out
    assert "quote     about 1.57 USD" in told.out
    assert "no key    SEGMIND_API_KEY" in told.out
    one = cli("quote", "mimic", *media, "--json").one
    assert (one["target"], one["no_key"]) == ("pixverse/mimic", "PIXVERSE_API_KEY")
    assert one["quote"]["usd_high"] == "0.40"


def test_quote_with_a_key_says_nothing_of_keys_and_buys_nothing(
    cli: Cli, account: Account, media: list[str]
) -> None:
    told = cli("quote", "mimic", *media)
    assert told.code == 0
    assert "0.40 USD" in told.out
    assert "no key" not in told.out + told.err
    assert account.bought == (0, 0, "0")


def test_a_dry_run_shows_the_requests_and_says_that_a_real_run_stops(
    cli: Cli, media: list[str]
) -> None:
    told = cli("mimic", *media, "--dry-run")
    assert told.code == 0, told.err
    assert "(charged)" in told.out
    assert "no key    PIXVERSE_API_KEY; a real run stops before any upload" in told.out
    assert "https://platform.pixverse.ai/api-key" in told.err
    one = cli("mimic", *media, "--dry-run", "--json", "--via", "segmind/scail", "--yes").one
    assert one["no_key"] == "SEGMIND_API_KEY"


def test_a_purchase_without_any_key_names_variables_consoles_and_init(
    cli: Cli, media: list[str]
) -> None:
    for verb in (["mimic"], ["submit", "mimic"]):
        told = cli(*verb, *media, "--yes")
        assert told.code == 2
        assert "no account is configured: set PIXVERSE_API_KEY or SEGMIND_API_KEY" in told.err
        assert "https://platform.pixverse.ai/api-key (pixverse)" in told.err
        assert "https://cloud.segmind.com/console/api-keys (segmind)" in told.err
        assert "'motionkit init'" in told.err


def test_a_purchase_at_an_account_without_a_key_names_its_own(
    cli: Cli, account: Account, media: list[str]
) -> None:
    told = cli("mimic", *media, "--via", "segmind", "--yes")
    assert told.code == 2
    assert "no key for 'segmind': set SEGMIND_API_KEY" in told.err
    assert "keys are made at https://cloud.segmind.com/console/api-keys" in told.err
    assert "'motionkit init segmind'" in told.err
    assert "quote" not in told.err  # there is no question about what cannot be bought


def test_a_batch_is_planned_without_a_key(cli: Cli, media: list[str]) -> None:
    told = cli("batch", "plan", *media, "--out", "films")
    assert told.code == 0, told.err
    assert "price     0.40 USD" in told.out
    assert "no key    pixverse: PIXVERSE_API_KEY" in told.out
    assert "https://platform.pixverse.ai/api-key" in told.err
    one = cli("batch", "plan", *media, "--out", "films", "--via", "segmind/scail", "--json").one
    assert one["no_keys"] == {"segmind": "SEGMIND_API_KEY"}


def test_a_route_of_a_batch_prefers_an_account_with_a_key(
    cli: Cli, account: Account, media: list[str], own_place: Path
) -> None:
    (own_place / "mine.toml").write_text(
        '[accounts.night]\nprovider = "pixverse"\napi_key = "${NIGHT_KEY}"\nmax_concurrent = 3\n'
        '[accounts.good]\nprovider = "pixverse"\napi_key = "${PIXVERSE_API_KEY}"\n'
        '[routes.both]\ntargets = ["night", "good"]\n'
    )
    plan = ("batch", "plan", *media, "--out", "films", "--config", "mine.toml", "--json")
    one = cli(*plan, "--via", "both").one
    assert [target["target"] for target in one["targets"]] == ["good/mimic"]
    assert one["no_keys"] == {}
    one = cli(*plan, "--via", "night").one
    assert [target["slots"] for target in one["targets"]] == [3]
    assert one["no_keys"] == {"night": "NIGHT_KEY"}


@pytest.mark.parametrize("via", [(), ("--via", "segmind/scail")])
def test_a_batch_without_a_key_is_refused_before_it_is_written(
    cli: Cli, media: list[str], via: tuple[str, ...]
) -> None:
    told = cli("batch", "run", *media, "--out", "films", *via, "--yes")
    assert told.code == 2
    assert "no key for " in told.err
    assert "keys are made at https://" in told.err
    assert not Path("films").exists()
    assert not mk.Batch.listed()
    rows = mk.Batch.matrix(image=[media[1]], video=[media[3]])
    with pytest.raises(ConfigError, match="no key for"):
        mk.Batch.plan(rows, out="films", via=via[1] if via else None)
    assert not mk.Batch.listed()


def test_python_quotes_without_a_key_and_does_not_submit(media: list[str]) -> None:
    request = mk.Mimic(image=media[1], video=media[3])
    with mk.Client() as client:
        quote = client.quote(request)
        assert quote is not None
        assert quote.usd_high == Decimal("0.40")
        assert client.explain(request, via="segmind").no_key == "SEGMIND_API_KEY"
        assert {row.no_key for row in client.compare(request)} == set(KEYS.values())
        for via in (None, "pixverse", "segmind/scail"):
            with pytest.raises(ConfigError, match=rf"set ({'|'.join(KEYS.values())})") as caught:
                client.submit(request, via=via, key=f"key-{via}")
            assert "keys are made at https://" in str(caught.value.hint)
        assert not client.jobs.list()


def test_on_a_narrow_terminal_no_variable_is_broken_and_the_notes_name_each(
    media: list[str],
) -> None:
    with terminal("compare", "mimic", *media, "--offline") as at:
        at.expect("no key for segmind")
        assert at.end() == 0
    shown = at.seen[at.seen.index("TARGET") :]
    lines = [line.rstrip() for line in shown.splitlines()]
    row = r"segmind/kling-2\.6-standard-motion-control +~0\.94 USD +10 min +no key"
    assert any(re.fullmatch(row, line) for line in lines)
    table = lines[: next(n for n, line in enumerate(lines) if line.startswith("~"))]
    assert max(map(len, table)) <= 80
    missing = " ".join(lines).partition("no key: ")[2]
    assert all(missing.count(variable) == 1 for variable in KEYS.values())


# What a route prefers, on the command line.

ROUTE = """
[accounts.pixverse]
api_key = "${PIXVERSE_API_KEY}"
[accounts.segmind]
api_key = "${PIXVERSE_API_KEY}"
[routes.both]
targets = ["segmind/wan-animate", "pixverse/mimic", "segmind/p-video-animate"]
"""


@pytest.mark.parametrize(
    ("choose", "target"),
    [
        ([], "segmind/wan-animate"),
        (["--choose", "first"], "segmind/wan-animate"),
        (["--choose", "cheapest"], "segmind/p-video-animate"),
        (["--choose", "fastest"], "segmind/p-video-animate"),
    ],
)
def test_choose_decides_which_target_of_a_route_goes_first(
    *,
    cli: Cli,
    media: list[str],
    own_place: Path,
    monkeypatch: pytest.MonkeyPatch,
    choose: list[str],
    target: str,
) -> None:
    monkeypatch.setenv("PIXVERSE_API_KEY", "sk-never-sent")
    file = own_place / "mine.toml"
    file.write_text(ROUTE)
    line = [*media, "--via", "both", "--config", file, *choose, "--json"]
    assert cli("quote", "mimic", *line).one["target"] == target
    assert cli("mimic", *line, "--dry-run", "--yes").data[0]["target"] == target


def test_compare_orders_its_rows_as_asked(cli: Cli, media: list[str]) -> None:
    def targets(*more: str) -> list[str]:
        told = cli("compare", "mimic", *media, "--offline", "--json", *more)
        return [row["target"] for row in told.data]

    assert targets()[0] == "segmind/p-video-animate"
    assert targets("--choose", "fastest")[0] == "segmind/p-video-replace"
    assert targets("--choose", "first")[0] == "pixverse/mimic"


def test_choose_without_a_route_is_refused(cli: Cli, media: list[str]) -> None:
    told = cli("quote", "mimic", *media, "--via", "segmind", "--choose", "cheapest")
    assert told.code == 2
    assert "choose: 'segmind' is one target" in told.err
    told = cli("mimic", *media, "--choose", "dearest")
    assert told.code == 2
    assert "cheapest" in told.err
    with mk.Client() as client, pytest.raises(InvalidRequest, match="choose"):
        client.quote(mk.Mimic(image=media[1], video=media[3]), choose="best")  # type: ignore[arg-type]


def test_choose_changes_nothing_of_what_was_bought(
    cli: Cli, account: Account, media: list[str]
) -> None:
    first = cli("submit", "mimic", *media, "--yes", "--json")
    assert first.code == 0, first.err
    again = cli("submit", "mimic", *media, "--yes", "--json", "--choose", "cheapest")
    assert again.one["id"] == first.one["id"]
    assert account.bought[0] == 1


def test_nothing_installed_is_said(monkeypatch: pytest.MonkeyPatch, media: list[str]) -> None:
    monkeypatch.setattr(registry, "names", list)
    with mk.Client() as client, pytest.raises(MotionKitError, match="no account is configured"):
        client.quote(mk.Mimic(image=media[1], video=media[3]))
