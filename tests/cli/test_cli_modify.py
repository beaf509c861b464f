"""Modify with masks selected first: two purchases, each announced, none of them made twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli_support import Account, Cli
from PIL import Image

from motionkit.model import probe
from motionkit.sandbox import sample_clip, sample_picture

SWAP = "@selection0 is swapped with @img0"


@pytest.fixture
def clip(own_place: Path) -> list[object]:
    (own_place / "hero.png").write_bytes(sample_picture())
    (own_place / "clip.mp4").write_bytes(sample_clip(4.0))
    return ["modify", "--video", "clip.mp4", "--image", "hero.png", "--prompt", SWAP]


def test_masks_are_selected_shown_saved_and_used(
    cli: Cli, account: Account, clip: list[object]
) -> None:
    told = cli(*clip, "--select", 0, "--out", "done.mp4")

    assert told.code == 0
    assert told.out == "done.mp4\n"
    assert account.bought == (2, 2, "42")
    assert "quote     2 credits = 0.02 USD" in told.err
    assert "then      modify: 40 credits = 0.40 USD" in told.err
    for line in ("mask 0    person      selected", "mask 1    object ", "mask 2    background "):
        assert line in told.err
    for name in ("done-mask-0.png", "done-mask-1.png", "done-mask-2.png", "done-keyframe.png"):
        assert name in told.err
        with Image.open(name) as picture:
            assert picture.format == "PNG"


def test_everything_is_announced_before_the_first_call_that_costs(
    cli: Cli, account: Account, clip: list[object]
) -> None:
    told = cli(*clip, "--select", 0).err
    assert told.index("modify: 40 credits") < told.index("2 credits = 0.02 USD")
    assert told.index("quote     2 credits") < told.index("submitted job mask_selection")
    assert told.index("quote     40 credits") < told.rindex("submitted job")


def test_a_repeated_command_pays_for_neither_again(
    cli: Cli, slow_account: Account, clip: list[object]
) -> None:
    first = cli(*clip, "--select", 0, "--out", "done.mp4", "--timeout", 0)
    second = cli(*clip, "--select", 0, "--out", "done.mp4", "--timeout", 0)

    assert (first.code, second.code) == (9, 9)
    assert slow_account.bought == (2, 2, "42")
    assert "saved earlier" in second.err
    slow_account.finish_jobs()
    assert cli(*clip, "--select", 0, "--out", "done.mp4").out == "done.mp4\n"
    assert slow_account.bought == (2, 2, "42")


def test_a_delivered_modification_is_run_again_and_changes_nothing(
    cli: Cli, account: Account, clip: list[object]
) -> None:
    line = [*clip, "--select", 0, "--key", "order-17", "--out", "done.mp4"]
    cli(*line)
    before = Path("done.mp4").stat().st_ino

    again = cli(*line)

    assert (again.code, again.out) == (0, "done.mp4\n")
    assert Path("done.mp4").stat().st_ino == before
    assert account.bought == (2, 2, "42")


def test_a_selection_that_failed_is_bought_again(
    cli: Cli, account: Account, clip: list[object]
) -> None:
    account.sandbox.fault("fail:submit")
    assert cli(*clip, "--select", 0, "--out", "done.mp4").code == 6
    assert cli(*clip, "--select", 0, "--out", "done.mp4").code == 0
    assert len(account.ledger["jobs"]) == 3
    assert cli(*clip, "--select", 0, "--out", "done.mp4").code == 0
    assert len(account.ledger["jobs"]) == 3


def test_another_mask_of_the_same_clip_needs_no_second_selection(
    cli: Cli, account: Account, clip: list[object]
) -> None:
    assert cli(*clip, "--select", 0, "--out", "one.mp4").code == 0
    assert cli(*clip, "--select", 1, "--out", "two.mp4").code == 0
    assert account.bought == (3, 3, "82")


def test_new_buys_both_again(cli: Cli, account: Account, clip: list[object]) -> None:
    cli(*clip, "--select", 0)
    cli(*clip, "--select", 0, "--new")
    assert account.bought == (4, 4, "84")


def test_the_selection_goes_by_the_users_key(
    cli: Cli, account: Account, clip: list[object]
) -> None:
    cli(*clip, "--select", 0, "--key", "order-17")
    keys = {row["key"] for row in cli("jobs", "--json").data}
    assert keys == {"order-17", "order-17-masks"}
    assert account.bought[2] == "42"


def test_several_masks_and_their_frame_go_with_the_request(
    cli: Cli, account: Account, clip: list[object]
) -> None:
    prompt = "@selection0 and @selection1 change places"
    told = cli("modify", "--video", "clip.mp4", "--prompt", prompt, *("--select", 2),
               *("--select", 0), "--keyframe", 5, "--json")  # fmt: skip
    masks, done = told.data
    ids = [mask["id"] for mask in masks["masks"]]
    (entry,) = [row for row in cli("jobs", "--json").data if row["key"] == done["key"]]

    assert entry["request"]["masks"] == [ids[2], ids[0]]
    assert entry["request"]["keyframe"] == 5
    assert [mask["selected"] for mask in masks["masks"]] == [True, False, True]
    assert masks["cost"]["amount"] == "2"
    assert account.bought[2] == "42"


def test_without_a_frame_the_one_that_the_vendor_chose_goes_on(
    cli: Cli, account: Account, clip: list[object]
) -> None:
    cli(*clip, "--select", 0)
    (entry,) = [r for r in cli("jobs", "--json").data if r["request"]["operation"] == "modify"]
    assert entry["request"]["keyframe"] == 1


def test_a_mask_that_is_not_there_is_told_before_the_modification_is_bought(
    cli: Cli, account: Account, clip: list[object]
) -> None:
    told = cli(*clip, "--select", 7, "--json")

    assert told.code == 2
    assert told.data[-1]["limit"] == "0 (person), 1 (object), 2 (background)"
    assert account.bought == (1, 1, "2")
    assert cli(*clip, "--select", 2).code == 0
    assert account.bought == (2, 2, "42")


def test_submit_selects_too_and_leaves(cli: Cli, slow_account: Account, clip: list[object]) -> None:
    told = cli("submit", *clip, "--select", 0, "--key", "order-17")
    assert (told.code, told.out) == (0, "order-17\n")
    assert slow_account.bought == (2, 2, "42")


def test_a_dry_run_shows_both_and_sends_nothing(
    cli: Cli, account: Account, clip: list[object]
) -> None:
    told = cli(*clip, "--select", 0, "--dry-run", "--json")
    first, second = told.data

    assert first["calls"][-1]["url"].endswith("/video/mask/selection")
    assert second["calls"][-1]["url"].endswith("/video/modify/generate")
    assert second["calls"][-1]["json"]["mask_ids"] == ["<mask 0>"]
    assert [row["quote"]["likely"] for row in told.data] == ["2", "40"]
    assert account.ledger["calls"] == {}


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--max-usd", "0.41"], 4, "together cost up to 0.42 USD"),
        (["--mask", "123"], 2, "either --select or --mask"),
        (["--key", ""], 2, "key '' is blank"),
        (["--quality", "1080p"], 2, "quality"),
        (["--out", "clip.mp4"], 2, "exists"),
        (["--via", "segmind"], 2, "does not support masks"),
    ],
)
def test_what_cannot_end_well_is_refused_before_the_masks_are_paid(  # noqa: PLR0917 - fixtures
    cli: Cli,
    account: Account,
    clip: list[object],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    code: int,
    sentence: str,
) -> None:
    monkeypatch.setenv("SEGMIND_API_KEY", "SG_0123456789abcdef")
    monkeypatch.setenv("SEGMIND_BASE_URL", account.sandbox.url)
    told = cli(*clip, "--select", 0, *options)

    assert told.code == code
    assert sentence in told.err
    assert account.bought == (0, 0, "0")


def test_a_price_to_be_confirmed_is_asked_about_before_the_masks_are_paid(
    cli: Cli, account: Account, clip: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("motionkit.cli.checkout.ASK_ABOVE", 0)
    told = cli(*clip, "--select", 0)
    assert (told.code, account.bought) == (2, (0, 0, "0"))
    assert "pass --yes" in told.err
    assert cli(*clip, "--select", 0, "--yes").code == 0


def test_a_selection_whose_masks_cannot_be_saved_buys_nothing_more(
    cli: Cli, account: Account, clip: list[object]
) -> None:
    account.sandbox.fault("http:download:status=404:times=0")
    told = cli(*clip, "--select", 0, "--out", "done.mp4")

    assert told.code == 11
    assert account.bought == (1, 1, "2")
    account.sandbox.clear_faults()
    assert cli(*clip, "--select", 0, "--out", "done.mp4").code == 0
    assert account.bought == (2, 2, "42")
    assert Path("done-mask-0.png").exists()


def test_the_masks_alone_are_listed_with_their_files(
    cli: Cli, account: Account, clip: list[object]
) -> None:
    told = cli("mask", "--video", "clip.mp4", "--out", "area.png")

    assert told.code == 0
    head, *rows = told.out.splitlines()
    assert head.split() == ["#", "NAME", "ID", "FILE"]
    assert [row.split()[:2] for row in rows] == [
        ["0", "person"],
        ["1", "object"],
        ["2", "background"],
        ["keyframe", "1"],  # no mask, so it has no number
    ]
    assert [row.split()[-1] for row in rows] == [
        "area.png",
        "area-2.png",
        "area-3.png",
        "area-4.png",
    ]
    assert account.bought == (1, 1, "2")


def test_every_output_is_in_the_json_with_its_id(
    cli: Cli, account: Account, clip: list[object]
) -> None:
    told = cli("mask", "--video", "clip.mp4", "--json").one

    assert [one["label"] for one in told["files"]] == ["person", "object", "background", "keyframe"]
    assert told["file"] == told["files"][0]["file"]
    assert Path(told["file"]).name == "clip.png"
    assert all(one["id"] and one["kind"] == "image" for one in told["files"])
    assert account.bought[2] == "2"


def test_a_picture_is_named_as_a_picture_also_when_it_is_resumed(
    cli: Cli, slow_account: Account, clip: list[object]
) -> None:
    template = ["image-template", "--template", 384268229671690, "--image", "hero.png", "--yes"]
    assert cli(*template, "--timeout", 0).code == 9
    slow_account.finish_jobs()
    told = cli("resume")
    assert told.code == 0
    assert Path(told.out.strip()).suffix == ".png"


@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--no-wait"]])
def test_each_file_is_read_once_per_command(
    cli: Cli,
    account: Account,
    clip: list[object],
    options: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[str] = []
    inspect = probe.inspect

    def counted(value: Any, name: str, **options: Any) -> probe.Facts:
        read.append(name)
        return inspect(value, name, **options)

    monkeypatch.setattr(probe, "inspect", counted)
    assert cli(*clip, "--select", 0, *options).code == 0
    assert sorted(read) == ["images[0]", "video"]
