"""Segmind's models from the command line: one line for all of them, compared side by side."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from cli_support import Account, Cli

from motionkit.cli.screen import Screen
from motionkit.model import job as model
from motionkit.sandbox import Sandbox

CHARGES = {
    "pixverse-mimic": "0.5",
    "kling-2.6-pro-motion-control": "1.72",
    "kling-2.6-standard-motion-control": "0.94",
    "wan-animate": "1.57",
    "scail": "1.93",
    "p-video-animate": "0.41",
    "p-video-replace": "0.27",
}
"""Every model of motion transfer, and what the sandbox takes for four seconds."""


@pytest.fixture
def account(quick: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    label = uuid.uuid4().hex
    key = f"test-key-{label}"
    quick.add_account("segmind", key, label=label, balance="50")
    monkeypatch.setenv("SEGMIND_API_KEY", key)
    monkeypatch.setenv("SEGMIND_BASE_URL", quick.url)
    yield Account(quick, "segmind", label, key)
    quick.clear_faults()


@pytest.mark.parametrize("name", CHARGES)
def test_the_same_command_line_works_with_every_model(
    cli: Cli, account: Account, media: list[str], name: str
) -> None:
    told = cli("mimic", *media, "--via", f"segmind/{name}", "--out", "out.mp4", "--json", "--yes")

    assert told.code == 0
    assert Path("out.mp4").stat().st_size > 0
    assert (told.one["model"], Decimal(told.one["cost"]["usd"])) == (name, Decimal(CHARGES[name]))
    submits, jobs, charged = account.bought
    assert (submits, jobs, Decimal(charged)) == (1, 1, Decimal(CHARGES[name]))


def test_an_unlisted_model_needs_a_confirmation_and_a_cap_refuses_its_unknown_price(
    cli: Cli, account: Account, media: list[str]
) -> None:
    line = ["mimic", *media, "--via", "segmind/mock-inference", "--extra", "credits=0.2"]
    refused = cli(*line, "--yes")
    assert (refused.code, account.bought[0]) == (2, 0)
    assert "--allow-undocumented" in refused.err
    line.append("--allow-undocumented")

    capped = cli(*line, "--max-usd", "1", "--json")
    assert (capped.code, capped.one["error"]) == (4, "BudgetExceeded")
    assert account.bought[0] == 0

    told = cli(*line, "--yes", "--out", "out.mp4")
    assert told.code == 0
    assert "quote     unknown" in told.err
    assert "the names of mock-inference's fields are inferred" in told.err
    assert account.bought == (1, 1, "0.2")


def test_compare_tells_delivery_and_lacks_as_table_json_and_csv(
    cli: Cli, account: Account, media: list[str]
) -> None:
    line = ["compare", "mimic", *media, "--offline"]

    told = [row for row in cli(*line, "--json").data if row["no_key"] is None]
    rows = {row["target"].partition("/")[2]: row for row in told}
    assert set(rows) == set(CHARGES)
    assert rows["scail"]["quality"] == "576p"
    assert rows["scail"]["delivers_seconds"] == 4.0
    assert rows["scail"]["lacks"] == ["keep_audio", "orientation"]
    assert rows["wan-animate"]["defaults"]["quality"] == "480p"
    table = cli(*line).out
    assert "about 1.93 USD" in table
    assert "576p 4 s" in table
    assert "keep_audio" not in table  # nobody asked for it
    by_target = {row["target"]: row for row in csv.DictReader(io.StringIO(cli(*line, "--csv").out))}
    assert by_target["segmind/scail"]["delivers_seconds"] == "4.0"
    assert by_target["segmind/scail"]["lacks"] == "keep_audio orientation"


def test_at_80_columns_a_target_can_be_copied(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("motionkit.cli.screen.PIPE_WIDTH", 80)
    for line in (["compare", "mimic", *media], ["offers", "--timing", "--operation", "mimic"]):
        table = cli(*line).out
        words = {word for row in table.splitlines() for word in row.split()}
        assert {f"segmind/{name}" for name in CHARGES} <= words
        assert max(len(row.rstrip()) for row in table.splitlines()) <= 80


def test_offers_say_what_is_inferred_and_what_no_page_lists(cli: Cli) -> None:
    mimic = cli("offers", "--via", "segmind", "--operation", "mimic").out
    quality = {line.split()[0]: line.split()[1] for line in mimic.splitlines() if "a run" in line}
    assert quality["kling-2.6-pro-motion-control"] == "-"
    assert quality["wan-animate"] == "not"  # not listed
    assert quality["scail"] == "480/576/720p"
    assert re.search(r"^scail .* about 1\.93 USD a run +429 s", mimic, re.MULTILINE)

    images = cli("offers", "--via", "segmind", "--operation", "image_to_video").out
    lines = [line.split() for line in images.splitlines()]
    at = next(n for n, words in enumerate(lines) if words[:1] == ["seedance-2.0-fast"])
    assert lines[at + 1] == ["(inferred)"]


def test_a_quality_asked_for_is_unsupported_where_there_is_none(
    cli: Cli, account: Account, media: list[str]
) -> None:
    line = ["compare", "mimic", *media, "--quality", "540p", "--offline"]

    rows = {row["target"].partition("/")[2]: row for row in cli(*line, "--json").data}
    assert rows["kling-2.6-pro-motion-control"]["problem"]["error"] == "Unsupported"
    assert rows["scail"]["warnings"] == ["quality='540p' is delivered as '576p'"]


def test_a_file_that_is_not_fetched_says_until_when_it_is_kept(
    cli: Cli, account: Account, media: list[str]
) -> None:
    key = cli("mimic", *media, "--via", "segmind/scail", "--no-wait", "--yes").out.strip()
    assert cli("jobs", "--json").one["file_kept_until"] is None  # nothing to fetch yet
    assert "~1.93 USD" in cli("jobs").out
    assert cli("poll", key).out == "succeeded\n"

    told = cli("jobs", "--json").one
    day = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=7)
    assert told["file_kept_until"].startswith(str(day))
    assert f"file kept until {day}" in cli("jobs").out
    assert f"kept until {day}" in cli("jobs", "show", key).out

    assert cli("wait", key, "--out", "out.mp4").code == 0
    assert cli("jobs", "--json").one["file_kept_until"] is None


def test_a_wait_for_a_job_that_the_vendor_soon_forgets_says_so(
    cli: Cli, account: Account, media: list[str]
) -> None:
    sent = cli("submit", "mimic", *media, "--via", "segmind/scail", "--yes", "--json")
    job = model.Job.from_json(sent.out)
    old = attrs.evolve(job, submitted_at=job.submitted_at - dt.timedelta(minutes=50))

    told = cli("wait", old.to_json(), "--out", "out.mp4")

    assert told.code == 0
    assert "is 50 min old; the vendor keeps jobs for 60 min" in told.err


def test_an_average_without_bounds_is_asked_about_at_a_terminal(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Screen, "asks", property(lambda _: True))
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))

    told = cli("mimic", *media, "--via", "segmind/scail")

    assert "submit this for about 1.93 USD, without a known upper bound?" in told.err + told.out
    assert account.bought[0] == 0


def test_a_blocking_call_is_delivered_from_disk(
    cli: Cli, account: Account, media: list[str]
) -> None:
    Path("sync.toml").write_text(
        '[accounts.segmind]\napi_key = "${SEGMIND_API_KEY}"\nmode = "sync"\n'
        f'base_url = "{account.sandbox.url}"\n'
    )
    line = ["mimic", *media, "--via", "segmind/scail", "--config", "sync.toml"]

    told = cli(*line, "--yes", "--out", "out.mp4")

    assert told.code == 0
    assert account.bought == (1, 1, "1.93")
    assert "poll" not in account.ledger["calls"]
    (spooled,) = Path("../state/motionkit/spool").iterdir()
    assert spooled.read_bytes() == Path("out.mp4").read_bytes()
    key = cli("jobs", "--json").one["key"]
    assert cli("result", key, "--config", "sync.toml").out == f"{spooled.resolve().as_uri()}\n"


PAYLOAD = {
    "video_url": "https://segmind-resources.s3.amazonaws.com/input/pixverse-mimic-reference.mp4",
    "image_url": "https://segmind-resources.s3.amazonaws.com/input/pixverse-mimic-subject.png",
    "quality": "540p",
}
"""The example of https://www.segmind.com/models/pixverse-mimic/api."""


@pytest.mark.parametrize("quality", [None, "360p", "540p", "720p"])
def test_the_example_of_the_models_page_is_what_a_dry_run_would_send(
    cli: Cli, account: Account, quality: str | None
) -> None:
    line = ["mimic", "--image", PAYLOAD["image_url"], "--video", PAYLOAD["video_url"]]
    line += ["--via", "segmind", "--dry-run", "--json", "--yes"]  # a URL's seconds are unknown

    told = cli(*line, *(["--quality", quality] if quality else [])).one

    assert [(one["method"], one["url"], one["json"]) for one in told["calls"]] == [
        (
            "POST",
            f"{account.sandbox.url}/v2/pixverse-mimic",
            PAYLOAD | {"quality": quality or "540p"},
        )
    ]
    assert account.bought == (0, 0, "0")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--out", "-"], "'-' is not a file"),
        (["--out", "x.gif"], "ends in .gif, and the result is a video"),
        (["--out", "folder/X.MKV"], "ends in .mkv"),
        (["--prompt", ""], "prompt is blank"),
        (["--prompt", " "], "prompt is blank"),
        (["--prompt", "\udcff\udcfe"], "prompt holds bytes that are not UTF-8"),
        (["--negative-prompt", "a\udcff"], "negative_prompt holds bytes that are not UTF-8"),
        (["--key", "a\udcff"], "key holds bytes that are not UTF-8"),
    ],
)
@pytest.mark.parametrize("dry", [True, False])
def test_what_cannot_be_meant_is_refused_before_anything_is_paid(
    cli: Cli, account: Account, options: list[str], told: str, dry: bool
) -> None:
    line = ["generate", "--prompt", "rain", *options, "--via", "segmind"]
    ended = cli(*line, *(["--dry-run"] if dry else ["--no-wait", "--yes"]))
    assert ended.code == 2
    assert told in ended.err
    assert account.bought == (0, 0, "0")
    assert not Path("-").exists()
