"""Files go up streamed and come down whole, or not at all."""

from __future__ import annotations

import base64
import email.parser
import email.policy
import hashlib
import io
import itertools
import os
import traceback
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import requests
from PIL import Image
from support import Peer, Scripted, Server, answer, clip, header, picture, refused_port

from motionkit import errors
from motionkit.errors import Billed, DownloadFailed, InvalidRequest, ProviderUnavailable
from motionkit.http import connection, retry
from motionkit.http import download as fetching
from motionkit.http.download import Downloaded, download
from motionkit.http.session import Session
from motionkit.model import containers, probe
from motionkit.model.media import Data, File
from motionkit.model.submission import Call
from motionkit.provider import form, multipart
from motionkit.provider.uploads import CarefulUploads, Stream

CLIP = clip(2.0)
OTHER = clip(2.5)
DIGEST = hashlib.sha256(CLIP).hexdigest()
CUT = len(CLIP) // 2


# Up.


def parsed(body: bytes, kind: str) -> list[tuple[str | None, str | None, str, bytes]]:
    """Read a multipart body with the standard library's mail parser."""
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    message = parser.parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    assert message.is_multipart()
    return [
        (
            part.get_param("name", header="content-disposition"),  # type: ignore[misc]
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


def whole(stream: Stream) -> bytes:
    out = b""
    while chunk := stream.read(1000):
        assert len(chunk) <= 1000
        out += chunk
    return out


@pytest.mark.parametrize(
    ("content", "filename", "kind"),
    [
        (CLIP, "upload.mp4", "video/mp4"),
        (picture("png"), "upload.png", "image/png"),
        (picture("jpeg"), "upload.jpeg", "image/jpeg"),
        (picture("webp"), "upload.webp", "image/webp"),
    ],
)
@pytest.mark.parametrize("as_file", [True, False])
def test_a_streamed_upload_equals_what_requests_would_send(
    content: bytes, filename: str, kind: str, as_file: bool, tmp_path: Path
) -> None:
    path = tmp_path / "private name.bin"
    path.write_bytes(content)
    value = File(path) if as_file else Data(content)
    stream, content_type = multipart("file", value, probe.inspect(value, "video"))
    length = len(stream)
    body = whole(stream)
    theirs = requests.Request(
        "POST", "https://h.example", files={"file": (filename, content, kind)}
    ).prepare()
    assert isinstance(theirs.body, bytes)
    assert parsed(body, content_type) == [("file", filename, kind, content)]
    assert parsed(body, content_type) == parsed(theirs.body, theirs.headers["Content-Type"])
    assert len(body) == length
    assert b"private" not in body


def test_each_upload_has_a_boundary_of_its_own() -> None:
    facts = probe.inspect(Data(CLIP), "video")
    assert multipart("f", Data(CLIP), facts)[1] != multipart("f", Data(CLIP), facts)[1]


@pytest.mark.parametrize("sizes", [[-1], [0, 10, -1], [1, 2, 3, 10**9, 10**9], [7] * 50_000])
def test_a_stream_gives_its_bytes_in_any_portion_and_then_ends(sizes: list[int]) -> None:
    facts = probe.inspect(Data(CLIP), "video")
    stream = Stream(b"before", Data(CLIP), b"after", facts)
    out = b""
    for size in sizes:
        out += stream.read(size)
        if len(out) == len(stream):
            break
    assert out + b"".join(stream) == b"before" + CLIP + b"after"
    assert stream.read() == b""
    assert stream.read(10) == b""


def test_a_stream_needs_a_size() -> None:
    with pytest.raises(TypeError, match="size"):
        Stream(b"", Data(b"x"), b"", probe.Facts("x"))


def test_a_big_file_is_sent_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "big.mp4"
    size = 96 * 1024 * 1024
    with path.open("wb") as out:
        out.truncate(size)
    digest = hashlib.sha256()
    for _ in range(96):
        digest.update(bytes(1024 * 1024))
    facts = probe.Facts("big.mp4", "video", "mp4", size=size, sha256=digest.hexdigest())
    stream, _ = multipart("file", File(path), facts)
    tracemalloc.start()
    try:
        sent = 0
        while chunk := stream.read(16 * 1024):
            sent += len(chunk)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sent == len(stream) > size
    assert peak < 4 * 1024 * 1024


@pytest.mark.parametrize(
    "later",
    [CLIP[:-1] + b"\xff", CLIP[:-10], CLIP + b"more", b""],
    ids=["changed", "shrunk", "grown", "emptied"],
)
def test_a_file_that_changes_before_it_is_sent_is_noticed(later: bytes, tmp_path: Path) -> None:
    path = tmp_path / "dance.mp4"
    path.write_bytes(CLIP)
    facts = probe.inspect(File(path), "video")
    stream, _ = multipart("file", File(path), facts)
    path.write_bytes(later)
    with pytest.raises(InvalidRequest, match=r"dance\.mp4 changed while it was sent"):
        whole(stream)


def test_a_file_that_changes_while_it_is_sent_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "dance.mp4"
    content = CLIP + bytes(3 * 1024 * 1024)
    path.write_bytes(content)
    facts = attrs.evolve(
        probe.inspect(File(path), "video"), sha256=hashlib.sha256(content).hexdigest()
    )
    stream, _ = multipart("file", File(path), facts)
    stream.read(300 * 1024)
    with path.open("r+b") as out:
        out.seek(2 * 1024 * 1024)
        out.write(b"edited")
    with pytest.raises(InvalidRequest) as caught:
        whole(stream)
    assert caught.value.field == "media"


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (Path.unlink, "No such file or directory"),
        (lambda path: (path.unlink(), path.mkdir()), "Is a directory"),
    ],
)
def test_a_file_that_is_gone_when_it_is_sent_is_a_fault_of_this_machine(
    harm: Callable[[Path], object], why: str, tmp_path: Path
) -> None:
    path = tmp_path / "dance.mp4"
    path.write_bytes(CLIP)
    stream, _ = multipart("file", File(path), probe.inspect(File(path), "video"))
    harm(path)
    with pytest.raises(InvalidRequest) as caught:
        whole(stream)
    assert caught.value.message == (
        f"dance.mp4 cannot be read any more: {why}; nothing was submitted"
    )


def test_a_streamed_upload_arrives_with_its_length(tmp_path: Path) -> None:
    path = tmp_path / "dance.mp4"
    path.write_bytes(CLIP)
    stream, kind = multipart("file", File(path), probe.inspect(File(path), "video"))
    with Scripted(answer()) as server:
        session = Session(
            provider="fake", account="shop", origins={"api": server.url}, auth={}, limiter=None
        )
        session.send(Call("POST", "/upload"), headers={"Content-Type": kind}, body=stream)
        session.close()
        (request,) = server.requests
    body = request.split(b"\r\n\r\n", 1)[1]
    assert header(request, "Content-Length") == str(len(stream)) == str(len(body))
    assert parsed(body, kind) == [("file", "upload.mp4", "video/mp4", CLIP)]


def test_a_form_carries_text_fields() -> None:
    body, kind = form({"url": "https://h.example/a?b=1", "more": "é"})
    assert parsed(body.read(), kind) == [
        ("url", None, "text/plain", b"https://h.example/a?b=1"),
        ("more", None, "text/plain", "é".encode()),
    ]


class Cache:
    """An upload cache in memory."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str, str], str] = {}

    def get_upload(self, fingerprint: str, slot: str, sha256: str) -> str | None:
        return self.held.get((fingerprint, slot, sha256))

    def put_upload(self, fingerprint: str, slot: str, sha256: str, token: str) -> None:
        self.held[fingerprint, slot, sha256] = token


def test_the_same_content_is_uploaded_once_an_account_and_slot() -> None:
    numbers = itertools.count(1)
    uploads = CarefulUploads(Cache())

    def send() -> str:
        return f"token {next(numbers)}"

    assert uploads.put("account a", "image", "sha 1", send) == "token 1"
    assert uploads.put("account a", "image", "sha 1", send) == "token 1"
    assert uploads.put("account b", "image", "sha 1", send) == "token 2"
    assert uploads.put("account a", "video", "sha 1", send) == "token 3"
    assert uploads.put("account a", "image", "sha 2", send) == "token 4"
    assert uploads.put("account a", "image", None, send) == "token 5"
    assert uploads.put("account a", "image", None, send) == "token 6"
    assert uploads.put("account a", "image", "sha 1", send) == "token 1"


def test_an_upload_is_tried_again_and_a_failed_one_is_not_remembered() -> None:
    cache = Cache()
    uploads = CarefulUploads(cache)
    failures: list[Exception] = [errors.ProviderUnavailable("again"), errors.RateLimited("again")]

    def send() -> str:
        if failures:
            raise failures.pop(0)
        return "token"

    assert uploads.put("a", "image", "s", send) == "token"
    failures = [errors.MediaRejected("never")]
    with pytest.raises(errors.MediaRejected):
        uploads.put("a", "image", "other", send)
    assert list(cache.held) == [("a", "image", "s")]


# Down.


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def full(body: bytes = CLIP, tag: str | None = '"one"', status: str = "200 OK") -> bytes:
    return answer(body, status, {"ETag": tag} if tag else {})


def cut(body: bytes = CLIP, tag: str | None = '"one"', at: int = CUT) -> bytes:
    return answer(body[:at], headers={"ETag": tag} if tag else {}, length=len(body))


def rest(
    body: bytes = CLIP, tag: str | None = '"one"', start: int = CUT, claims: int | None = None
) -> bytes:
    claimed = start if claims is None else claims
    named = {"Content-Range": f"bytes {claimed}-{len(body) - 1}/{len(body)}"}
    return answer(body[start:], "206 Partial Content", named | ({"ETag": tag} if tag else {}))


def test_a_file_arrives_whole_under_its_name(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folders" / "out.mp4"
    with Scripted(full()) as server:
        got = download(f"{server.url}/v.mp4?sig=1", target)
        (request,) = server.requests
    assert got == Downloaded(target, len(CLIP), DIGEST)
    assert target.read_bytes() == CLIP
    assert left(target.parent) == ["out.mp4"]
    assert request.startswith(b"GET /v.mp4?sig=1 HTTP/1.1\r\n")
    assert header(request, "Accept-Encoding") == "identity"
    assert header(request, "Range") is None
    assert header(request, "Cookie") is None


def test_a_download_that_broke_off_goes_on_where_it_stopped(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    seen: list[tuple[bool, int]] = []

    def going_on(request: bytes) -> bytes:
        part = tmp_path / "out.mp4.part"
        seen.append((target.exists(), part.stat().st_size))
        return rest()

    with Scripted(cut(), going_on) as server:
        got = download(server.url, target)
        second = server.requests[1]
    assert header(second, "Range") == f"bytes={CUT}-"
    assert header(second, "If-Range") == '"one"'
    assert seen == [(False, CUT)]
    assert got.sha256 == DIGEST
    assert target.read_bytes() == CLIP
    assert left(tmp_path) == ["out.mp4"]


@pytest.mark.parametrize(
    ("answers", "ranges"),
    [
        ([cut(), full(OTHER, '"two"')], [None, f"bytes={CUT}-"]),
        ([cut(), rest(OTHER, '"two"'), full(OTHER, '"two"')], [None, f"bytes={CUT}-", None]),
        ([cut(), rest(OTHER, start=0, claims=0), full(OTHER)], [None, f"bytes={CUT}-", None]),
        ([cut(tag=None), full(OTHER, None)], [None, None]),
        ([cut(), full(OTHER, None)], [None, f"bytes={CUT}-"]),
        ([cut(tag='W/"weak"'), full(OTHER)], [None, None]),
        ([full(b"", None, "503 Busy"), full(OTHER)], [None, None]),
        ([cut(), answer(b"", "416 Range Not Satisfiable"), full(OTHER)],
         [None, f"bytes={CUT}-", None]),
    ],
    ids=[
        "it changed and the server says so",
        "it changed and the server ignores If-Range",
        "the server sends another range",
        "the server names no version",
        "the server does not do ranges",
        "a weak version is no ground for a range",
        "it was busy",
        "the range is refused",
    ],
)  # fmt: skip
def test_what_cannot_be_gone_on_with_is_fetched_from_the_start(
    answers: list[bytes], ranges: list[str | None], tmp_path: Path
) -> None:
    target = tmp_path / "out.mp4"
    with Scripted(*answers) as server:
        download(server.url, target)
        assert [header(request, "Range") for request in server.requests] == ranges
    assert target.read_bytes() == OTHER
    assert left(tmp_path) == ["out.mp4"]


def test_a_part_that_another_run_left_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "out.mp4.part").write_bytes(b"of another time" * 10_000)
    with Scripted(full()) as server:
        download(server.url, tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_bytes() == CLIP


def test_a_chunked_answer_without_a_length_is_taken(tmp_path: Path) -> None:
    body = b"%x\r\n" % len(CLIP) + CLIP + b"\r\n0\r\n\r\n"
    with Scripted(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body) as server:
        assert download(server.url, tmp_path / "out.mp4").size == len(CLIP)


def _never_whole(peer: Peer) -> None:
    peer.request()
    peer.send(cut())


def _short_range(peer: Peer) -> None:
    request = peer.request()
    assert request is not None
    peer.send(cut() if header(request, "Range") is None else rest()[:-5])


def _html(peer: Peer) -> None:
    peer.request()
    peer.send(answer(b"<!DOCTYPE html><title>Sign in</title>", headers={"ETag": '"x"'}))


def _empty(peer: Peer) -> None:
    peer.request()
    peer.send(answer(b""))


def _reset(peer: Peer) -> None:
    peer.request()
    peer.reset()


def _unavailable(peer: Peer) -> None:
    peer.request()
    peer.send(answer(b"", "503 Busy", {"Connection": "close"}))


def _teapot(peer: Peer) -> None:
    peer.request()
    peer.send(answer(b"", "418 Teapot", {"Connection": "close"}))


@pytest.mark.parametrize(
    ("handler", "status"),
    [
        (_never_whole, None),
        (_empty, None),
        (_reset, None),
        (_unavailable, 503),
        (_teapot, 418),
    ],
)
def test_what_does_not_arrive_whole_fails_and_leaves_nothing(
    handler: Callable[[Peer], None], status: int | None, tmp_path: Path
) -> None:
    with Server(handler) as server:
        with pytest.raises(DownloadFailed) as caught:
            download(f"{server.url}/v.mp4?sig=planted", tmp_path / "out.mp4")
        assert server.connections <= 4
    assert left(tmp_path) == []
    assert caught.value.http_status == status
    assert caught.value.hint == "the paid result is kept; client.download(result, path) tries again"
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"<!DOCTYPE html><title>Sign in</title>", "an HTML page"),
        (b"\xef\xbb\xbf\n <html>", "an HTML page"),
        (b'{"error": "expired"}', "JSON"),
        (b'<?xml version="1.0"?><Error/>', "an XML document"),
        ("Nicht gefunden: é".encode() * 900, "text"),
    ],
)
def test_what_is_plainly_no_media_is_kept_beside_the_target(
    content: bytes, what: str, tmp_path: Path
) -> None:
    with Scripted(full(content)) as server, pytest.raises(DownloadFailed) as caught:
        download(server.url, tmp_path / "out.mp4")
    kept = tmp_path / "out.mp4.part"
    assert caught.value.message == (
        f"the file host delivered {what} instead of media; it is kept as {kept}: rename it if "
        "it is what you want"
    )
    assert kept.read_bytes() == content
    assert left(tmp_path) == ["out.mp4.part"]
    with Scripted(full()) as server:  # a later run is not in its own way
        download(server.url, tmp_path / "out.mp4")
    assert left(tmp_path) == ["out.mp4"]


def _half_a_picture() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((256, 256), 80).save(out, "jpeg")
    return out.getvalue()[: len(out.getvalue()) // 2]


@pytest.mark.parametrize(
    ("content", "name", "warning"),
    [
        (CLIP, "out.mp4", ""),
        (CLIP[:300], "out.mp4", "delivered as it is, but the file is cut short: it has 300 bytes"),
        (
            _half_a_picture(),
            "out.mp4",
            "delivered as it is, but the file looks like jpeg but cannot",
        ),
        (clip(kind="mpegts"), "out.ts", "delivered as it is: a ts file, which some programs"),
        (clip(kind="matroska"), "out.mkv", "delivered as it is: a mkv file, which some programs"),
        (b"\x00unknown\xff" * 50, "out.mp4", "delivered as it is: its format is not one that"),
        (b"\x89PNG\r\n\x1a\n" + bytes(90), "out.mp4", "delivered as it is, but the file looks"),
    ],
)
def test_a_paid_file_is_delivered_whatever_it_holds(
    content: bytes, name: str, warning: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Scripted(full(content)) as server:
        fetched = download(server.url, tmp_path / "out.mp4")
    assert fetched.path == tmp_path / name
    assert fetched.path.read_bytes() == content
    assert left(tmp_path) == [name]
    assert fetched.warning.startswith(warning)
    assert bool(fetched.warning) is bool(warning)
    assert fetched.warning in caplog.text


def test_a_paid_file_is_delivered_when_a_library_breaks_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise AssertionError("a fault of a library")

    monkeypatch.setattr("av.open", broken)
    with Scripted(full()) as server:
        fetched = download(server.url, tmp_path / "out.mp4")
    assert fetched.path.read_bytes() == CLIP
    assert fetched.warning == "delivered as it is, but it cannot be read"


def test_an_extension_is_kept_where_the_right_one_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out.ts").write_bytes(b"mine")
    with Scripted(full(clip(kind="mpegts"))) as server:
        assert download(server.url, tmp_path / "out.mp4").path == tmp_path / "out.mp4"
    assert (tmp_path / "out.ts").read_bytes() == b"mine"


def test_nobody_there_fails(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed):
        download(f"http://127.0.0.1:{refused_port()}/v.mp4", tmp_path / "out.mp4")
    assert left(tmp_path) == []


def test_an_existing_file_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"mine")
    with Scripted() as server:
        with pytest.raises(InvalidRequest, match="exists") as caught:
            download(server.url, target)
        assert server.connections == 0
    assert (caught.value.field, caught.value.value) == ("out", str(target))
    assert target.read_bytes() == b"mine"


def test_an_existing_file_is_replaced_when_that_is_wanted(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"mine")
    states: list[bytes] = []

    def serve(_: bytes) -> bytes:
        states.append(target.read_bytes())
        return full()

    with Scripted(serve) as server:
        download(server.url, target, overwrite=True)
    assert states == [b"mine"]
    assert target.read_bytes() == CLIP
    assert left(tmp_path) == ["out.mp4"]


def test_an_existing_file_stays_when_its_replacement_fails(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"mine")
    with Server(_html) as server, pytest.raises(DownloadFailed):
        download(server.url, target, overwrite=True)
    assert target.read_bytes() == b"mine"
    assert left(tmp_path) == ["out.mp4", "out.mp4.part"]


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"

    def serve(_: bytes) -> bytes:
        target.write_bytes(b"mine")
        return full()

    with Scripted(serve) as server, pytest.raises(DownloadFailed):
        download(server.url, target)
    assert target.read_bytes() == b"mine"


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_folder_is_no_target(overwrite: bool, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="is a folder"):
        download("https://h.example/v.mp4", tmp_path, overwrite=overwrite)


def test_a_folder_that_cannot_be_made_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DownloadFailed):
        download("https://h.example/v.mp4", tmp_path / "file" / "out.mp4")


def test_a_disk_that_is_full_fails_and_leaves_no_file_under_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    target = tmp_path / "out.mp4"
    with Scripted(full()) as server, pytest.raises(DownloadFailed, match="No space left on device"):
        download(server.url, target)
    assert not target.exists()


@pytest.mark.parametrize("status", ["401 No", "403 Expired", "404 Gone", "410 Gone"])
def test_an_expired_address_is_asked_for_anew(status: str, tmp_path: Path) -> None:
    with Scripted(answer(b"no", status), full()) as server:
        asked: list[int] = []

        def refresh() -> str:
            asked.append(1)
            return f"{server.url}/fresh"

        download(f"{server.url}/old", tmp_path / "out.mp4", refresh=refresh)
        assert [r.split(b" ")[1] for r in server.requests] == [b"/old", b"/fresh"]
    assert asked == [1]
    assert (tmp_path / "out.mp4").read_bytes() == CLIP


def test_an_address_that_expires_in_the_middle_is_fetched_anew_from_the_start(
    tmp_path: Path,
) -> None:
    with Scripted(cut(), answer(b"", "403 Expired"), full(OTHER, '"two"')) as server:
        download(server.url, tmp_path / "out.mp4", refresh=lambda: server.url)
        assert header(server.requests[2], "Range") is None
    assert (tmp_path / "out.mp4").read_bytes() == OTHER


def test_a_fresh_address_that_has_expired_too_fails(tmp_path: Path) -> None:
    with Scripted(answer(b"", "403 No"), answer(b"", "403 No")) as server:
        with pytest.raises(DownloadFailed) as caught:
            download(server.url, tmp_path / "out.mp4", refresh=lambda: server.url)
        assert len(server.requests) == 2
    assert caught.value.http_status == 403
    assert left(tmp_path) == []


def test_without_a_way_to_a_fresh_address_an_expired_one_fails(tmp_path: Path) -> None:
    with Scripted(answer(b"", "403 No")) as server, pytest.raises(DownloadFailed) as caught:
        download(server.url, tmp_path / "out.mp4")
    assert caught.value.http_status == 403


def test_an_error_of_asking_for_a_fresh_address_is_a_failed_download(tmp_path: Path) -> None:
    def refresh() -> str:
        raise errors.AuthenticationError("the key was withdrawn", http_status=401)

    with Scripted(answer(b"", "403 No")) as server, pytest.raises(DownloadFailed) as caught:
        download(server.url, tmp_path / "out.mp4", refresh=refresh)
    assert isinstance(caught.value.__cause__, errors.AuthenticationError)


def hop(number: int) -> bytes:
    return answer(b"", "302 Found", {"Location": f"/hop/{number}?sig=planted"})


def test_five_redirects_are_followed(tmp_path: Path) -> None:
    with Scripted(*[hop(n) for n in range(5)], full()) as server:
        download(f"{server.url}/start", tmp_path / "out.mp4")
        assert server.requests[-1].startswith(b"GET /hop/4?sig=planted ")
    assert (tmp_path / "out.mp4").read_bytes() == CLIP


def test_a_sixth_redirect_is_too_many(tmp_path: Path) -> None:
    with Scripted(*[hop(n) for n in range(9)]) as server:
        with pytest.raises(DownloadFailed, match="more than 5 times"):
            download(f"{server.url}/start", tmp_path / "out.mp4")
        assert len(server.requests) == 6
    assert left(tmp_path) == []


def test_a_redirect_to_another_loopback_server_is_followed(tmp_path: Path) -> None:
    with Scripted(full()) as other:
        to = answer(b"", "307 Temporary", {"Location": f"{other.url}/there"})
        with Scripted(to) as server:
            download(server.url, tmp_path / "out.mp4")
        assert len(other.requests) == 1


@pytest.mark.parametrize(
    "location",
    [
        "http://h.example/v.mp4?sig=planted",
        "file:///etc/hostname",
        "ftp://h.example/v.mp4",
        "https://user:planted@h.example/v.mp4",
        "https://[::1",
        "https://",
        "javascript:alert(1)",
    ],
)
def test_a_redirect_to_anything_but_https_or_loopback_fails(location: str, tmp_path: Path) -> None:
    with Scripted(answer(b"", "302 Found", {"Location": location})) as server:
        with pytest.raises(DownloadFailed) as caught:
            download(server.url, tmp_path / "out.mp4")
        assert len(server.requests) == 1
    assert "planted" not in str(caught.value)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "url", ["http://h.example/v.mp4", "file:///etc/hostname", "https://user:pw@h.example/v", ""]
)
def test_an_address_that_is_not_https_fails(url: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="is not https"):
        download(url, tmp_path / "out.mp4")


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(CLIP)
    + CLIP
    + b"\r\n0\r\n\r\n"
)


@pytest.mark.parametrize("told", [full(), CHUNKED], ids=["by its length", "by its bytes"])
def test_a_file_beyond_the_cap_fails_and_leaves_nothing(told: bytes, tmp_path: Path) -> None:
    with Scripted(told) as server:
        with pytest.raises(DownloadFailed, match=f"limit of|limit is {len(CLIP) - 1} bytes"):
            download(server.url, tmp_path / "out.mp4", limit=len(CLIP) - 1)
        assert len(server.requests) == 1
    assert left(tmp_path) == []


def test_a_file_at_the_cap_passes(tmp_path: Path) -> None:
    with Scripted(full()) as server:
        download(server.url, tmp_path / "out.mp4", limit=len(CLIP))


def test_a_slow_download_may_be_tried_again_after_more_than_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    real = retry.read

    def note(call: Callable[[], Any], **options: Any) -> Any:
        given.append(options.get("timeout"))
        return real(call, **options)

    monkeypatch.setattr(retry, "read", note)
    with Scripted(full()) as server:
        download(server.url, tmp_path / "out.mp4")
    assert given[0] is not None
    assert given[0] >= fetching.DOWNLOAD_TIMEOUT == 86_400.0


def _swallow(peer: Peer) -> None:
    peer.request()
    peer.send(answer())


class Ticking:
    """A clock that goes on by a second whenever it is read."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now


@pytest.mark.parametrize(("total", "arrives"), [(86_400.0, True), (600.0, False)])
def test_an_upload_runs_while_bytes_move_and_a_total_cuts_it(
    total: float, arrives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Ticking()
    monkeypatch.setattr(connection, "time", clock)
    content = bytes(8 * 1024 * 1024)
    facts = probe.Facts("big", size=len(content), sha256=hashlib.sha256(content).hexdigest())
    stream = Stream(b"", Data(content), b"", facts)
    with Server(_swallow) as server:
        session = Session(
            provider="fake", account="shop", origins={"api": server.url}, auth={}, limiter=None
        )
        try:
            answered = session.send(
                Call("POST", "/upload"), body=stream, timeout=total, idle=60.0
            ).status
        except ProviderUnavailable as error:
            answered = error.http_status
        session.close()
    assert (answered == 200) is arrives
    assert clock.now > 600


def test_an_upload_ends_when_nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(32 * 1024 * 1024)  # more than the buffers between hold
    facts = probe.Facts("big", size=len(content), sha256=hashlib.sha256(content).hexdigest())
    stream = Stream(b"", Data(content), b"", facts)
    with Server(Peer.hold) as server:
        session = Session(
            provider="fake", account="shop", origins={"api": server.url}, auth={}, limiter=None
        )
        with pytest.raises(ProviderUnavailable) as caught:
            session.send(Call("POST", "/upload"), body=stream, timeout=86_400.0, idle=0.5)
        session.close()
    assert caught.value.billed is Billed.NO


def test_an_error_of_a_download_shows_no_signed_link_even_with_locals(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{refused_port()}/v.mp4?sig=planted"
    with pytest.raises(DownloadFailed) as caught:
        download(url, tmp_path / "out.mp4", refresh=lambda: url)
    one: BaseException | None = caught.value
    while one is not None:
        if one.__traceback__ is not None:  # below this test's own frame
            one.__traceback__ = one.__traceback__.tb_next
        told = traceback.TracebackException.from_exception(one, capture_locals=True)
        assert "planted" not in "".join(told.format())
        one = one.__cause__


DATA = "data:video/mp4;base64," + base64.b64encode(CLIP).decode()


def test_an_enclosed_result_is_written_like_any_other(tmp_path: Path) -> None:
    got = download(DATA, tmp_path / "out.mp4")
    assert got == Downloaded(tmp_path / "out.mp4", len(CLIP), DIGEST)
    assert left(tmp_path) == ["out.mp4"]


def test_an_enclosed_result_beyond_the_cap_fails_with_few_words(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="limit of 100 bytes") as caught:
        download(DATA, tmp_path / "out.mp4", limit=100)
    assert len(str(caught.value)) < 200
    assert left(tmp_path) == []


# Whole or not, by the boxes.

BIG_BOX = (1).to_bytes(4) + b"mdat" + (16 + 5).to_bytes(8) + b"12345"
LAST_BOX = (0).to_bytes(4) + b"mdat" + b"up to the end"
MOOV = (8).to_bytes(4) + b"moov"


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (CLIP, True),
        (CLIP[:-1], False),
        (CLIP + b"\0", False),
        (CLIP + b"\0\0\0\x08free", True),
        (MOOV + BIG_BOX, True),
        (MOOV + BIG_BOX[:-1], False),
        (MOOV + LAST_BOX, True),
        (MOOV, False),
        (BIG_BOX, False),
        (MOOV + b"\0\0\0\x07mdat", False),
        (b"", False),
    ],
)
def test_boxes_tell_whether_a_film_is_whole(content: bytes, whole: bool) -> None:
    assert containers.is_whole(io.BytesIO(content), len(content)) is whole
