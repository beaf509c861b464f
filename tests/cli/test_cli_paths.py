"""Any output path that the system takes works; any other is refused before anything is sent."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_support import Account, Cli
from patience import PATIENCE

import motionkit as mk
from motionkit.cli import delivery
from motionkit.client import check_target
from motionkit.errors import DownloadFailed, InvalidRequest, JournalError
from motionkit.http.partial_file import partial_path
from motionkit.journal import rows
from motionkit.provider import spool
from motionkit.sandbox import sample_picture

LATIN = os.fsdecode("h\u00e9ros".encode("latin-1"))
"""A name whose bytes are no UTF-8."""
LONGEST = f"{'x' * 251}.mp4"


def saved(name: str = ".") -> list[str]:
    return sorted(one.name for one in Path(name).iterdir())


@pytest.mark.parametrize(
    "out", [f"{LATIN}.mp4", f"{LATIN}/o.mp4", LONGEST, f"new/{LONGEST}", "a\nb\x1b[31m.mp4"]
)
def test_any_name_that_the_system_takes_gets_the_file_once(
    cli: Cli, account: Account, media: list[str], out: str
) -> None:
    argv = ["mimic", *media, "--out", out, "--json"]
    for _ in range(2):
        told = cli(*argv)
        assert told.code == 0
        assert told.one["file"] == str(Path(out).absolute())
    assert account.bought[0] == 1
    assert Path(out).stat().st_size > 0
    assert cli("jobs", "--json").one["delivered"] == str(Path(out).absolute())
    assert {*saved(str(Path(out).parent))} - {"hero.png", "dance.mp4"} == {Path(out).name}


def test_a_working_folder_whose_name_is_no_text_works_to_the_end(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = [one if one.startswith("--") else str(Path(one).absolute()) for one in media]
    Path(LATIN).mkdir()
    monkeypatch.chdir(LATIN)
    assert cli("submit", "mimic", *inside, "--out", "o.mp4", "--key", "k").code == 0
    assert cli("resume", "k", "--json").one["file"] == str(Path("o.mp4").absolute())
    assert cli("mimic", *inside, "--key", "k", "--out", "o.mp4", "--json").code == 0
    assert account.bought[0] == 1
    assert saved() == ["o.mp4"]


def test_a_path_that_is_no_text_is_printed_as_its_bytes(account: Account, media: list[str]) -> None:
    argv = [sys.executable, "-m", "motionkit", "mimic", *media, "--out", f"{LATIN}.mp4"]
    told = subprocess.run(argv, capture_output=True, timeout=PATIENCE, check=False)
    assert (told.returncode, told.stdout) == (0, b"h\xe9ros.mp4\n")


@pytest.mark.parametrize(
    ("out", "why"),
    [
        (f"{'x' * 252}.mp4", "File name too long"),
        (f"{'d' * 256}/o.mp4", "File name too long"),
        ("/".join(["d" * 200] * 30), "File name too long"),
        ("hero.png/o.mp4", "Not a directory"),
        ("loop/o.mp4", "Too many levels of symbolic links"),
        ("/proc/o.mp4", "No such file or directory"),
        ("/proc/nowhere/o.mp4", "No such file or directory"),
        ("pipe", "is not a regular file"),
        ("x.gif", "ends in .gif, and the result is a video; it takes .mp4, .m4v, .mov, .webm"),
        ("x.PNG", "ends in .png"),
        ("x.mkv", "ends in .mkv"),
        ("-", "'-' is not a file"),
    ],
)
@pytest.mark.parametrize("verb", [["mimic"], ["submit", "mimic"], ["mimic", "--dry-run"]])
def test_a_file_that_cannot_be_saved_is_refused_before_anything_is_sent(
    *, cli: Cli, account: Account, media: list[str], out: str, why: str, verb: list[str]
) -> None:
    Path("loop").symlink_to("loop")
    os.mkfifo("pipe")
    before = saved()
    told = cli(*verb, *media, "--out", out, "--json")
    assert told.code == 2
    assert why in told.err
    assert (account.ledger["calls"], saved()) == ({}, before)


def test_a_folder_that_takes_no_files_is_refused_before_anything_is_sent(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refused)  # as root, no folder refuses a file
    for out in ([], ["--out", "new/o.mp4"]):
        told = cli("mimic", *media, *out)
        assert told.code == 2
        assert "cannot be written: Permission denied" in told.err
    assert (account.ledger["calls"], saved()) == ({}, ["dance.mp4", "hero.png"])


@pytest.mark.parametrize("out", ["hero.png/o.mp4", "x.gif", f"{'x' * 252}.mp4"])
def test_python_refuses_such_a_file_too(account: Account, media: list[str], out: str) -> None:
    request = mk.Mimic(image="hero.png", video="dance.mp4")
    with mk.Client() as client, pytest.raises(InvalidRequest) as caught:
        client.submit(request, out=out)
    assert caught.value.field == "out"
    assert account.ledger["calls"] == {}


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("video", ["a.mp4", "a.MOV", "a", "a.v2", "a.bin"], ["a.gif", "a.png", "a.mp3", "a.avi"]),
        ("image", ["a.png", "a.JPG", "a.webp"], ["a.mp4", "a.gif", "a.tiff"]),
        ("audio", ["a.mp3", "a.wav"], ["a.mp4", "a.flac"]),
    ],
)
def test_an_ending_says_what_the_file_is(
    own_place: Path, kind: str, good: list[str], bad: list[str]
) -> None:
    for name in good:
        check_target(Path(name), overwrite=False, kind=kind)
    for name in bad:
        with pytest.raises(InvalidRequest, match="ends in"):
            check_target(Path(name), overwrite=False, kind=kind)
    assert saved() == []


def test_a_long_name_is_cut_where_something_is_added(own_place: Path) -> None:
    Path(LONGEST).touch()
    free = delivery.free(Path(LONGEST))
    assert free.name == f"{'x' * 249}-2.mp4"
    assert len(partial_path(Path(LONGEST)).name) < 100
    assert partial_path(Path("o.mp4")) == Path("o.mp4.part")


@pytest.mark.parametrize("path", ["/a/b.mp4", "/a/\u5317.mp4", f"/a%20b/{LATIN}/o.mp4"])
def test_the_journal_holds_any_path_as_utf_8(path: str) -> None:
    stored = rows.stored_path(path)
    stored.encode()
    assert rows.read_path(stored) == path


def test_a_text_of_several_that_is_no_utf_8_is_refused_by_name(cli: Cli, account: Account) -> None:
    Path("a.png").write_bytes(sample_picture())
    argv = ["reference", "--image", "a.png", "--name", LATIN, "--prompt", "@hero walks"]
    told = cli(*argv, "--json")
    assert (told.code, account.ledger["calls"]) == (2, {})
    assert "names holds bytes that are not UTF-8" in told.err


TEXTS = [
    (["mimic", "--key", LATIN], "key"),
    (["mimic", "--quality", LATIN], "quality"),
    (["mimic", "--extra", f"pixverse.seed={LATIN}"], "extra"),
    (["mimic", "--image", f"https://example.com/{LATIN}"], "image"),
]


@pytest.mark.parametrize(("options", "field"), TEXTS, ids=[field for _, field in TEXTS])
def test_a_text_that_is_no_utf_8_is_refused_by_name(
    *, cli: Cli, account: Account, media: list[str], options: list[str], field: str
) -> None:
    told = cli(options[0], *media, *options[1:], "--json")
    assert told.code == 2
    assert told.one["field"] == field
    assert "bytes that are not UTF-8" in told.err or "characters that no URL has" in told.err
    assert account.ledger["calls"] == {}


@pytest.mark.parametrize("verb", ["wait", "poll", "result", "resume"])
def test_a_job_is_not_called_by_what_is_no_text(cli: Cli, account: Account, verb: str) -> None:
    told = cli(verb, LATIN)
    assert told.code == 2
    assert "no job matches 'h\\udce9ros'" in told.err


def test_an_address_that_is_no_text_is_a_configuration_error(
    cli: Cli, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXVERSE_BASE_URL", f"{account.sandbox.url}/{LATIN}")
    told = cli("balance", "--json")
    assert (told.code, told.one["error"]) == (2, "ConfigError")


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch, own_place: Path) -> Path:
    """A folder of another user's; root could open a real one."""
    folder = own_place / "closed"
    folder.mkdir()

    def guarded(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any = ".", *args: Any, **kwargs: Any) -> Any:
            if isinstance(path, str | Path) and str(path).startswith(f"{folder}/"):
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return real(path, *args, **kwargs)

        return call

    for name in ("stat", "lstat", "open", "mkdir", "mknod", "listdir", "scandir"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name)))
    monkeypatch.setattr(io, "open", guarded(io.open))
    return folder


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ({"MOTIONKIT_JOURNAL": "closed/journal.db"}, 11),
        ({"MOTIONKIT_JOURNAL": "", "XDG_STATE_HOME": "closed"}, 11),
        ({"XDG_CONFIG_HOME": "closed"}, 2),
        ({"MOTIONKIT_CONFIG": "closed/motionkit.toml"}, 2),
        ({"MOTIONKIT_CONFIG": "key.toml"}, 2),
        ({}, 2),
    ],
    ids=["journal", "state", "configuration", "named", "key", "out"],
)
def test_a_path_of_another_user_is_named_in_one_sentence(
    *,
    cli: Cli,
    account: Account,
    media: list[str],
    closed: Path,
    setting: dict[str, str],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("key.toml").write_text('[accounts.pixverse]\napi_key = {file = "closed/key"}\n')
    for name, value in setting.items():
        monkeypatch.setenv(name, value and str(Path(value).absolute()))
    told = cli("mimic", *media, "--out", "o.mp4" if setting else closed / "o.mp4")
    assert told.code == code
    assert "Permission denied" in told.err
    assert str(closed) in told.err
    assert told.err.count("error:") == 1
    assert "unexpected" not in told.err
    assert account.ledger["calls"] == {}


def test_a_stored_answer_that_cannot_be_reached_is_none(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(closed))
    assert not spool.is_kept("an-attempt")
    with pytest.raises(DownloadFailed, match="Permission denied"):
        spool.open_kept("an-attempt")
    with pytest.raises(JournalError, match="Permission denied"):
        spool.create("an-attempt")


def test_a_delivered_file_that_cannot_be_reached_is_downloaded_elsewhere(
    cli: Cli, account: Account, media: list[str]
) -> None:
    assert cli("mimic", *media, "--out", "sub/o.mp4").code == 0
    Path("sub/o.mp4").unlink()
    Path("sub").rmdir()
    Path("sub").symlink_to("sub")
    told = cli("mimic", *media, "--out", "o.mp4")
    assert (told.code, account.bought[0]) == (0, 1)
    assert Path("o.mp4").stat().st_size > 0


@pytest.mark.parametrize("given", [b"\xe9", b"", None], ids=["bytes", "empty", "closed"])
def test_a_job_on_standard_input_that_cannot_be_read_is_refused(
    cli: Cli, account: Account, monkeypatch: pytest.MonkeyPatch, given: bytes | None
) -> None:
    stream = None if given is None else io.TextIOWrapper(io.BytesIO(given), "utf-8")
    monkeypatch.setattr("sys.stdin", stream)
    told = cli("wait", "-")
    assert told.code == 2
    assert "unexpected" not in told.err
