"""``--out`` with placeholders, a folder, or a store; ``--fit``, ``--start`` and ``--seconds``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import fsspec
import pytest
from cli_support import Account, Cli
from fsspec.implementations.memory import MemoryFileSystem

from motionkit.errors import DownloadFailed
from motionkit.sandbox import sample_clip
from motionkit.storage import Place


@pytest.fixture(autouse=True)
def empty_store() -> Iterator[None]:
    MemoryFileSystem.store.clear()
    yield
    MemoryFileSystem.store.clear()


def objects() -> list[str]:
    found: list[str] = fsspec.filesystem("memory").find("/")
    return found


def test_a_name_is_filled_in_and_the_same_command_finds_its_file(
    cli: Cli, account: Account, media: list[str], own_place: Path
) -> None:
    command = ["mimic", *media, "--key", "order/17", "--out", "films/{model}-{key}.{ext}"]
    done = cli(*command)
    assert (done.code, done.out) == (0, f"{own_place}/films/mimic-order_17.mp4\n")
    again = cli(*command)
    assert (again.code, again.out) == (0, done.out)
    assert [one.name for one in (own_place / "films").iterdir()] == ["mimic-order_17.mp4"]
    assert account.bought[1] == 1


def test_a_folder_gets_names_of_the_media_and_numbers(
    cli: Cli, account: Account, media: list[str], own_place: Path
) -> None:
    (own_place / "films").mkdir()
    names = [Path(cli("mimic", *media, "--new", "--out", "films").out.strip()).name]
    names.append(Path(cli("mimic", *media, "--new", "--out", "films/").out.strip()).name)
    assert names == ["hero-dance.mp4", "hero-dance-2.mp4"]


def test_an_unknown_placeholder_buys_nothing(cli: Cli, account: Account, media: list[str]) -> None:
    done = cli("mimic", *media, "--out", "{keys}.mp4")
    assert done.code == 2
    assert "{keys} in '{keys}.mp4' is no placeholder; known are {key}, {model}" in done.err
    assert "twice: {{ or }}" in done.err
    assert cli("mimic", *media, "--out", "{keys}.mp4", "--dry-run").code == 2
    assert account.bought == (0, 0, "0")


def test_a_store_gets_the_file_and_the_url_is_printed(
    cli: Cli, account: Account, media: list[str], own_place: Path
) -> None:
    command = ["mimic", *media, "--out", "memory://bucket/{inputs}.{ext}"]
    done = cli(*command, "--json")
    assert done.code == 0
    assert done.one["url"] == "memory://bucket/hero-dance.mp4"
    again = cli(*command)
    assert (again.code, again.out) == (0, "memory://bucket/hero-dance.mp4\n")
    assert objects() == ["/bucket/hero-dance.mp4"]
    assert sorted(one.name for one in own_place.iterdir()) == ["dance.mp4", "hero.png"]
    MemoryFileSystem.store.clear()  # somebody removed it: it is put there again
    assert cli(*command).code == 0
    assert objects() == ["/bucket/hero-dance.mp4"]
    assert account.bought[1] == 1


def test_an_object_that_exists_is_refused_before_anything_is_bought(
    cli: Cli, account: Account, media: list[str]
) -> None:
    fsspec.filesystem("memory").pipe("/bucket/a.mp4", b"mine")
    done = cli("mimic", *media, "--out", "memory://bucket/a.mp4")
    assert done.code == 2
    assert "memory://bucket/a.mp4' exists" in done.err
    assert account.bought == (0, 0, "0")
    assert cli("mimic", *media, "--out", "memory://bucket/a.mp4", "--overwrite").code == 0


@pytest.mark.parametrize("verb", [["resume"], ["wait", "order-17"]])
def test_a_store_that_failed_gets_the_file_later_without_another_charge(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch, verb: list[str]
) -> None:
    def fail(*_: Any, **__: Any) -> NoReturn:
        raise DownloadFailed("memory://bucket/a.mp4 was not written: access denied")

    with monkeypatch.context() as patch:
        patch.setattr(Place, "put", fail)
        failed = cli("mimic", *media, "--key", "order-17", "--out", "memory://bucket/{key}.{ext}")
    assert failed.code == 11
    assert "access denied; the file is kept as " in failed.err
    kept = Path(failed.err.split("the file is kept as ")[1].split("\n")[0].strip())
    assert kept.is_file()
    done = cli(*verb)
    assert (done.code, done.out) == (0, "memory://bucket/order-17.mp4\n")
    assert not kept.exists()
    assert account.bought[1] == 1


def test_a_clip_is_cut_and_the_quote_says_what_that_saves(
    cli: Cli, account: Account, media: list[str], own_place: Path
) -> None:
    dry = cli("mimic", *media, "--start", "1", "--seconds", "2", "--dry-run", "--json")
    assert dry.code == 0
    assert dry.one["quote"]["likely"] == "20"
    assert dry.one["conversions"][1] == "2.0 s instead of 4.0 s: saves 0.20 USD"
    assert "dance.mp4 (converted first)" in str(dry.one["calls"])
    done = cli("mimic", *media, "--start", "1", "--seconds", "2", "--out", "a.mp4")
    assert done.code == 0
    assert "convert   2.0 s instead of 4.0 s: saves 0.20 USD" in done.err
    assert account.bought == (1, 1, "20")


def test_a_clip_that_is_too_long_is_refused_with_the_option_that_fits_it(
    cli: Cli, account: Account, media: list[str], own_place: Path
) -> None:
    (own_place / "long.mp4").write_bytes(sample_clip(32.0, height=64))
    long = ["--image", "hero.png", "--video", "long.mp4"]
    refused = cli("mimic", *long)
    assert refused.code == 2
    assert "--fit makes a copy that fits" in refused.err
    dry = cli("mimic", *long, "--fit", "--dry-run", "--json")
    assert dry.code == 0
    assert dry.one["quote"]["likely"] == "300"


def test_verbs_without_a_clip_have_no_options_to_cut_one(cli: Cli) -> None:
    assert "--start" not in cli("animate", "--help").out
    assert "--fit" in cli("animate", "--help").out
    assert "--fit" not in cli("generate", "--help").out
    assert "--start" in cli("mimic", "--help").out
