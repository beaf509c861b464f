"""Bad input: one clear sentence, the right exit code, and the vendor hears nothing."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from cli_support import Account, Cli

from motionkit.sandbox import sample_clip


def missing(path: Path) -> None:
    path.unlink(missing_ok=True)


def folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("this is not a video\n" * 10)


def heic(path: Path) -> None:
    path.write_bytes(struct.pack(">I4s4sI", 20, b"ftyp", b"heic", 0) + b"mif1" + bytes(200))


def long_clip(path: Path) -> None:
    path.write_bytes(sample_clip(31.0, height=64, fps=1))


def wide_clip(path: Path) -> None:
    made = io.BytesIO()
    with av.open(made, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=1)
        stream.width, stream.height, stream.pix_fmt = 4000, 32, "yuv420p"
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame(4000, 32, "yuv420p")))
        container.mux(stream.encode(None))
    path.write_bytes(made.getvalue())


def large_clip(path: Path) -> None:
    """A clip that plays, followed by an empty box up to 101 MB; the file is sparse."""
    clip = sample_clip(1.0, height=64)
    with path.open("wb") as out:
        out.write(clip)
        out.write(struct.pack(">I4s", 101_000_000 - len(clip), b"free"))
        out.truncate(101_000_000)


FILES: list[tuple[str, Callable[[Path], None], str]] = [
    ("image", missing, "image: there is no file 'hero.png'"),
    ("video", missing, "video: there is no file 'dance.mp4'"),
    ("video", folder, "video: 'dance.mp4' is a folder, not a file"),
    ("image", empty, "image: 'hero.png' is empty (0 bytes)"),
    (
        "video",
        text,
        "video: dance.mp4 is neither a picture, a video nor audio that we know by its content",
    ),
    ("image", heic, "image: hero.png is heic; the vendor takes jpeg, png, webp"),
    (
        "video",
        long_clip,
        "video: dance.mp4 has a length of 31.0 seconds; the vendor takes at most 30",
    ),
    (
        "video",
        wide_clip,
        "video: dance.mp4 has a width of 4,000 pixels; the vendor takes at most 1,920 pixels",
    ),
    (
        "video",
        large_clip,
        "video: dance.mp4 has a size of 101,000,000 bytes; the vendor takes at most 100,000,000",
    ),
]

OPTIONS: list[tuple[list[str], int, str]] = [
    (["--quality", "1080p"], 2, "quality='1080p' is not offered by mimic; it takes 360p, 540p"),
    (["--seed", "7"], 2, "mimic does not support seed=7; it takes"),
    (["--via", "pixvers"], 2, "there is no account or route 'pixvers'; accounts are: pixverse"),
    (["--via", "pixverse/v9"], 2, "pixverse/v9 does not offer mimic with v9; it has mimic"),
    (["--max-usd", "0.39"], 4, "the quote's high of 0.40 USD exceeds max_usd of 0.39 USD"),
    (["--max-usd", "nan"], 2, "'nan' is not an amount of US dollars such as 2.50"),
    (["--out", "taken.mp4"], 2, "out: 'taken.mp4' exists; name another file or allow"),
    (["--out", "{keys}.mp4"], 2, "out: {keys} in '{keys}.mp4' is no placeholder"),
    (["--extra", "webhook"], 2, "extra: 'webhook' is not NAME=VALUE"),
    (["--new", "--key", "k"], 2, "--new creates its own key"),
    (["--qualty", "540p"], 2, "No such option: --qualty"),
    (["--timeout", "-1"], 2, "--timeout"),
]


@pytest.mark.parametrize(("field", "spoil", "sentence"), FILES)
def test_a_bad_file_is_refused_before_anything_is_sent(
    *,
    cli: Cli,
    account: Account,
    media: list[str],
    field: str,
    spoil: Callable[[Path], None],
    sentence: str,
) -> None:
    spoil(Path(media[media.index(f"--{field}") + 1]))

    told = cli("mimic", *media, "--json")

    assert told.code == 2
    assert sentence in told.err
    assert told.err.count("error:") == 1
    assert told.one["error"] == "InvalidRequest"
    assert told.one["field"] == field
    assert told.one["exit_code"] == 2
    assert (account.ledger["calls"], account.bought) == ({}, (0, 0, "0"))


@pytest.mark.parametrize(("options", "code", "sentence"), OPTIONS)
def test_a_bad_option_is_refused_before_anything_is_sent(
    *, cli: Cli, account: Account, media: list[str], options: list[str], code: int, sentence: str
) -> None:
    Path("taken.mp4").write_bytes(b"mine")

    told = cli("mimic", *media, *options)

    assert told.code == code
    assert sentence in told.err
    assert told.out == ""
    assert (account.ledger["calls"], account.bought) == ({}, (0, 0, "0"))
    assert Path("taken.mp4").read_bytes() == b"mine"


@pytest.mark.parametrize("options", [[], ["--via", "pixverse"]])
def test_without_a_key_the_variable_to_set_is_named(
    cli: Cli, media: list[str], options: list[str]
) -> None:
    told = cli("mimic", *media, *options)

    assert told.code == 2
    assert "PIXVERSE_API_KEY" in told.err


def test_a_wrong_key_is_an_authentication_error(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXVERSE_API_KEY", "a-key-that-nobody-has")

    told = cli("mimic", *media)

    assert told.code == 3
    assert "a-key-that-nobody-has" not in told.err
    assert account.bought == (0, 0, "0")


def test_a_media_address_has_to_be_https(cli: Cli, account: Account, media: list[str]) -> None:
    told = cli("mimic", "--image", "http://example.com/a.png", *media[2:])

    assert told.code == 2
    assert "image: 'http://example.com/a.png' is not https" in told.err
    assert account.bought == (0, 0, "0")


@pytest.mark.parametrize(
    ("value", "limit"), [("1" * 5000, "4300 digits"), ("[" * 100_000, "nesting")]
)
def test_an_extra_value_beyond_the_limits_is_refused_in_words(
    cli: Cli, account: Account, media: list[str], value: str, limit: str
) -> None:
    told = cli("mimic", *media, "--extra", f"pixverse.seed={value}", "--json")
    assert told.code == 2
    assert (told.one["field"], told.one["value"]) == ("extra", f"pixverse.seed={value[:26]}...")
    assert limit in told.one["limit"]
    assert len(told.err) < 400
    assert account.bought == (0, 0, "0")
