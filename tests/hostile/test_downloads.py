"""Whatever happens on the way, the file on disk is right or absent, never wrong or elsewhere."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import logging
import os
import random
import re
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina
from patience import PATIENCE
from rawhost import Pieces, RawHost
from rawhost import http as answer

from motionkit._support import system
from motionkit.errors import DownloadFailed
from motionkit.http import download as fetching
from motionkit.http.addresses import is_public
from motionkit.http.download import download
from motionkit.sandbox import sample_clip

ONE = sample_clip(1.0, height=64)
TWO = sample_clip(1.5, height=64)
CHANCE = random.Random(20)  # noqa: S311 - a seed, not a secret
LONG = TWO + (8 + 600_000).to_bytes(4) + b"free" + CHANCE.randbytes(600_000)


class Files:
    """A file host that breaks off where a test says, and may switch the file meanwhile.

    Args:
        content: The file.
        cuts: After how many bytes of each answer the connection ends, in order.
        then: The file from the second answer on.
        tags: Whether versions are named.
        honest: Whether If-Range is looked at.
        told: How the length is told: ``length``, ``chunks`` or ``close``.
    """

    def __init__(
        self,
        content: bytes,
        *cuts: int,
        then: bytes | None = None,
        tags: bool = True,
        honest: bool = True,
        told: str = "length",
    ) -> None:
        self.content = content
        self.cuts = list(cuts)
        self.then = content if then is None else then
        self.tags, self.honest, self.told = tags, honest, told

    def __call__(self, head: bytes) -> Pieces:
        content, self.content = self.content, self.then
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        found = re.search(rb"Range: bytes=(\d+)-", head)
        same = not self.honest or f"If-Range: {tag}".encode() in head
        start = int(found[1]) if found and same else 0
        rest = content[start:]
        headers = {"ETag": tag} if self.tags else {}
        status = "200 OK"
        if start:
            status = "206 Partial Content"
            headers["Content_Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if self.told == "chunks":
            headers["Transfer_Encoding"] = "chunked"
        length = len(rest) if self.told == "length" else None
        if self.told == "chunks":
            rest = b"".join(
                b"%x\r\n" % len(piece) + piece + b"\r\n"
                for piece in (rest[at : at + 5000] for at in range(0, len(rest), 5000))
            )
            rest += b"0\r\n\r\n"
        sent = rest[: self.cuts.pop(0)] if self.cuts else rest
        yield answer(length=length, status=status, **headers)
        yield sent


def left(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


CUTS = CHANCE.sample(range(1, len(LONG)), 20)


@pytest.mark.parametrize("told", ["length", "chunks", "close"])
@pytest.mark.parametrize("at", CUTS)
def test_a_download_that_is_cut_anywhere_is_right_in_the_end(
    at: int, told: str, tmp_path: Path
) -> None:
    with RawHost(Files(LONG, at, told=told)) as host:
        got = download(host.url, tmp_path / "out.mp4")
        assert len(host.heads) == 2
    assert left(tmp_path) == {"out.mp4": LONG}
    assert got.sha256 == hashlib.sha256(LONG).hexdigest()


@pytest.mark.parametrize("honest", [True, False], ids=["If-Range", "ignored"])
@pytest.mark.parametrize("tags", [True, False], ids=["tagged", "untagged"])
@pytest.mark.parametrize("at", CUTS)
def test_a_file_that_is_switched_in_the_middle_is_one_of_both(
    at: int, tags: bool, honest: bool, tmp_path: Path
) -> None:
    files = Files(LONG, at, then=ONE + LONG[len(ONE) :], tags=tags, honest=honest)
    with RawHost(files) as host:
        download(host.url, tmp_path / "out.mp4")
    assert left(tmp_path) == {"out.mp4": files.then}


@pytest.mark.parametrize("told", ["length", "chunks", "close"])
@pytest.mark.parametrize("at", CUTS[:7])
def test_a_download_that_is_always_cut_leaves_nothing(at: int, told: str, tmp_path: Path) -> None:
    files = Files(LONG, *[at] * 9, tags=False, told=told)
    with RawHost(files) as host, pytest.raises(DownloadFailed, match="the paid result is kept"):
        download(host.url, tmp_path / "out.mp4")
    assert left(tmp_path) == {}


def test_a_part_that_nobody_asked_for_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    named = {"Content_Range": f"bytes 0-{len(ONE) - 1}/{len(LONG)}", "ETag": '"x"'}
    partial = answer(ONE, "206 Partial Content", **named)
    with RawHost(lambda _: [partial]) as host, pytest.raises(DownloadFailed):
        download(host.url, tmp_path / "out.mp4")
    assert left(tmp_path) == {}


@pytest.mark.parametrize(
    "ranged",
    [
        "bytes {at}-{end}/999999999",
        "bytes {at}-{short}/{total}",
        "bytes 0-{end}/{total}",
        "bytes {at}-{end}/*",
        "items {at}-{end}/{total}",
        "",
    ],
)
def test_a_range_that_does_not_fit_is_not_appended(ranged: str, tmp_path: Path) -> None:
    at, total = 5000, len(LONG)
    told = ranged.format(at=at, end=total - 1, short=total - 2, total=total)

    def serve(head: bytes) -> Pieces:
        if b"Range" in head:
            named = {"ETag": '"x"', "Content_Range": told}
            return [answer(b"?" * (total - at), "206 Partial Content", **named)]
        cut = LONG[:at] if len(host.heads) == 1 else LONG
        return [answer(cut, length=total, ETag='"x"')]

    with RawHost(serve) as host:
        download(host.url, tmp_path / "out.mp4")
    assert left(tmp_path) == {"out.mp4": LONG}


def test_a_part_that_ends_before_its_range_does_is_gone_on_with(tmp_path: Path) -> None:
    total = len(LONG)

    def serve(head: bytes) -> Pieces:
        found = re.search(rb"Range: bytes=(\d+)-", head)
        if found is None:
            return [answer(LONG[:5000], length=total, ETag='"x"')]
        start = int(found[1])
        named = {"ETag": '"x"', "Content_Range": f"bytes {start}-{total - 1}/{total}"}
        piece = LONG[start : start + 400_000]
        return [answer(piece, "206 Partial Content", length=None, **named)]

    with RawHost(serve) as host:
        download(host.url, tmp_path / "out.mp4")
        assert len(host.heads) == 3
    assert left(tmp_path) == {"out.mp4": LONG}


def test_what_the_host_calls_the_file_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    evil = {
        "Content_Disposition": 'attachment; filename="../../evil.sh"',
        "Content_Location": "/etc/evil",
    }
    with RawHost(lambda _: [answer(ONE, **evil)]) as host:
        download(f"{host.url}/..%2f..%2fevil.mp4?name=../x", folder / "out.mp4")
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == [
        "folder",
        "folder/out.mp4",
    ]


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def watched(_: bytes) -> Iterator[bytes]:
        yield answer(length=len(LONG))
        for at in range(0, len(LONG), 100_000):
            seen.append(sorted(path.name for path in tmp_path.iterdir()))
            yield LONG[at : at + 100_000]

    with RawHost(watched) as host:
        download(host.url, tmp_path / "out.mp4")
    assert seen == [["out.mp4.part"]] * len(seen)
    assert left(tmp_path) == {"out.mp4": LONG}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_is_synced_before_it_has_its_name_and_its_folder_after(
    overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, synced = os.fsync, []

    def fsync(number: int) -> None:
        status = os.fstat(number)
        folder = stat.S_ISDIR(status.st_mode)
        synced.append(
            (None if folder else status.st_size, sorted(path.name for path in tmp_path.iterdir()))
        )
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    with RawHost(Files(ONE)) as host:
        download(host.url, tmp_path / "out.mp4", overwrite=overwrite)
    assert synced == [(len(ONE), ["out.mp4.part"]), (None, ["out.mp4"])]


# Two at once, and odd folders.


def test_two_downloads_to_one_file_do_not_mix(tmp_path: Path) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def slow(_: bytes) -> Iterator[bytes]:
        yield answer(length=len(ONE))
        yield ONE[:100]
        arrived.set()
        go_on.wait(PATIENCE)
        yield ONE[100:]

    target = tmp_path / "out.mp4"
    with RawHost(slow) as first, RawHost(lambda _: [answer(TWO)]) as second:
        thread = threading.Thread(target=download, args=(first.url, target))
        thread.start()
        assert arrived.wait(PATIENCE)
        with pytest.raises(DownloadFailed, match="in use by another download"):
            download(second.url, target)
        go_on.set()
        thread.join(PATIENCE)
    assert left(tmp_path) == {"out.mp4": ONE}


def test_many_downloads_to_one_file_leave_one_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    clips = [ONE, TWO, LONG]

    def fetch(url: str) -> None:
        for _ in range(10):
            with contextlib.suppress(DownloadFailed):
                download(url, target, overwrite=True)
            if target.exists():
                assert target.read_bytes() in clips

    with contextlib.ExitStack() as hosts:
        urls = [hosts.enter_context(RawHost(Files(clip))).url for clip in clips]
        threads = [threading.Thread(target=fetch, args=(url,)) for url in urls * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    (content,) = left(tmp_path).values()
    assert content in clips


def test_a_part_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    (tmp_path / "out.mp4.part").symlink_to(precious)
    with RawHost(Files(ONE)) as host, pytest.raises(DownloadFailed):
        download(host.url, tmp_path / "out.mp4")
    assert precious.read_bytes() == b"mine"


def test_a_part_that_is_a_hard_link_is_never_written(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    os.link(precious, tmp_path / "out.mp4.part")
    with RawHost(Files(ONE)) as host:
        download(host.url, tmp_path / "out.mp4")
    assert left(tmp_path) == {"precious": b"precious", "out.mp4": ONE}


def test_a_kill_between_link_and_unlink_costs_no_delivered_file(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    with RawHost(Files(ONE)) as host:
        download(host.url, target)
    os.link(target, tmp_path / "out.mp4.part")  # as the kill leaves it
    with RawHost(Files(TWO, *[1000] * 20)) as host, pytest.raises(DownloadFailed):
        download(host.url, target, overwrite=True)
    assert left(tmp_path) == {"out.mp4": ONE}
    os.link(target, tmp_path / "out.mp4.part")
    with RawHost(Files(TWO)) as host:
        download(host.url, target, overwrite=True)
    assert left(tmp_path) == {"out.mp4": TWO}


def test_a_part_that_is_a_pipe_is_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "out.mp4.part")
    with RawHost(Files(ONE)) as host, pytest.raises(DownloadFailed, match="is not a file"):
        download(host.url, tmp_path / "out.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4.part"]


def test_a_link_to_nothing_counts_as_a_file_that_exists(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Exception, match="exists"):
        download("https://h.example/v", tmp_path / "out.mp4")


def _no_links(*_: object, **__: object) -> None:
    raise OSError(1, "Operation not permitted")


@pytest.mark.parametrize("taken", [False, True])
def test_a_file_system_without_hard_links_serves_too(
    taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.mp4"

    def serve(_: bytes) -> Pieces:
        if taken:
            target.write_bytes(b"mine")
        return [answer(ONE)]

    monkeypatch.setattr(os, "link", _no_links)
    with RawHost(serve) as host:
        if taken:
            with pytest.raises(DownloadFailed, match="exists"):
                download(host.url, target)
        else:
            download(host.url, target)
    assert left(tmp_path) == {"out.mp4": b"mine" if taken else ONE}


def test_a_file_system_without_locks_serves_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(system.fcntl, "flock", no_locks)
    with RawHost(Files(ONE)) as host:
        download(host.url, tmp_path / "out.mp4")
    assert left(tmp_path) == {"out.mp4": ONE}


def test_a_part_that_is_taken_away_is_not_published(tmp_path: Path) -> None:
    def serve(_: bytes) -> Pieces:
        (tmp_path / "out.mp4.part").unlink()
        (tmp_path / "out.mp4.part").write_bytes(b"somebody else's")
        return [answer(ONE)]

    with RawHost(serve) as host, pytest.raises(DownloadFailed, match="removed or replaced"):
        download(host.url, tmp_path / "out.mp4")
    assert left(tmp_path) == {"out.mp4.part": b"somebody else's"}


# Where a download goes, and what it says of it.


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("64:ff9b::8.8.8.8", True),
        ("10.0.0.1", False),
        ("172.31.0.1", False),
        ("192.168.1.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("198.18.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - looked at, not bound
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::ffff:192.168.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("2002:c0a8:0001::", False),
        ("64:ff9b::a00:1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
    ],
)
def test_what_is_public_is_told_by_the_address(address: str, public: bool) -> None:
    assert is_public(address) is public


def pointing(monkeypatch: pytest.MonkeyPatch, **names: str) -> None:
    """Let names mean addresses."""
    real = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return real(names.get(str(name).partition(".")[0], host), *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_a_public_name_that_means_loopback_is_not_spoken_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pointing(monkeypatch, rebound="127.0.0.1")
    with RawHost(lambda _: [answer(ONE)]) as host:
        port = host.url.rpartition(":")[2]
        with pytest.raises(DownloadFailed, match="private network") as caught:
            download(f"https://rebound.example:{port}/v?sig=planted", tmp_path / "out.mp4")
        assert not any(host.heads)
    assert "planted" not in str(caught.value)
    assert left(tmp_path) == {}


def test_a_vendor_on_loopback_may_not_send_us_back_from_a_public_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pointing(monkeypatch, public="127.0.0.1")
    with RawHost(lambda _: [answer(ONE)]) as inner:
        port = inner.url.rpartition(":")[2]
        to = answer(b"", "302 Found", Location=f"https://public.example:{port}/")
        with RawHost(lambda _: [to]) as host, pytest.raises(DownloadFailed):
            download(host.url, tmp_path / "out.mp4")
        assert not any(inner.heads)


def test_a_vendor_in_the_open_may_not_send_us_to_loopback(tmp_path: Path) -> None:
    with RawHost(lambda _: [answer(ONE)]) as host:
        with pytest.raises(DownloadFailed):
            download(host.url, tmp_path / "out.mp4", origin="https://vendor.example")
        assert host.heads == []


def test_a_proxy_of_the_environment_is_used_and_its_credentials_are_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with RawHost(lambda _: [refusal]) as proxy:
        address = proxy.url.replace("http://", "http://somebody:planted-password@")
        monkeypatch.setenv("HTTPS_PROXY", address)
        with pytest.raises(DownloadFailed) as caught:
            download("https://h.example/v?sig=planted", tmp_path / "out.mp4")
        assert proxy.heads[0].startswith(b"CONNECT h.example:443 ")
        assert b"Proxy-Authorization: Basic " in proxy.heads[0]
    assert "planted" not in f"{caught.value!r} {caught.value} {caught.value.__cause__}"


def test_a_literal_address_is_refused_in_front_of_a_proxy_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RawHost(lambda _: []) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(DownloadFailed, match="private network"):
            download("https://10.0.0.1/v", tmp_path / "out.mp4")
        assert proxy.heads == []


def test_the_certificates_of_the_environment_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "no-such.pem"))
    with pytest.raises(DownloadFailed, match=r"no-such\.pem"):
        download("https://h.example/v", tmp_path / "out.mp4")


@pytest.mark.parametrize("status", ["200 OK", "500 Oops", "403 Expired"])
def test_debug_logs_hold_no_signed_query(
    status: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    signed = "/v.mp4?Signature=planted-signature&Expires=1"
    with (
        caplog.at_level(logging.DEBUG),
        RawHost(lambda _: [answer(ONE, status)]) as host,
        contextlib.suppress(DownloadFailed),
    ):
        download(host.url + signed, tmp_path / "out.mp4")
    assert "GET /v.mp4?***" in caplog.text  # it is logged, and masked
    printed = capsys.readouterr()
    assert "planted" not in caplog.text + printed.out + printed.err


def test_an_interrupted_download_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fetching, "_length", interrupt)
    with RawHost(Files(ONE)) as host, pytest.raises(KeyboardInterrupt):
        download(host.url, tmp_path / "out.mp4")
    assert left(tmp_path) == {}
    assert stamina.is_testing()
