"""The sandbox itself: time, money, faults on the wire, files, the admin endpoints."""

from __future__ import annotations

import ast
import io
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import pytest
import requests
from patience import PATIENCE, until
from sandbox_support import CLIP, PICTURE, Client

from motionkit.sandbox import FaultError, Sandbox, app
from motionkit.sandbox.faults import KINDS, WIRE, FaultBook
from motionkit.sandbox.ledger import money
from motionkit.sandbox.media import (
    probe,
    result_picture,
    result_size,
    result_video,
    sample_clip,
    sample_picture,
)
from motionkit_pixverse.sandbox import PixVerseSandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=[PixVerseSandbox]) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with Client(sandbox) as talking:
        yield talking


def account(sandbox: Sandbox) -> dict[str, Any]:
    found = sandbox.ledger()["vendors"]["pixverse"]["accounts"]["default"]
    assert isinstance(found, dict)
    return found


# Media


def frames(film: bytes) -> list[bytes]:
    with av.open(io.BytesIO(film), "r") as container:
        return [bytes(frame.planes[0]) for frame in container.decode(video=0)]


def test_a_result_is_h264_in_mp4_with_its_index_in_front_and_shows_motion() -> None:
    film = result_video(PICTURE, 1.5, (180, 320))
    clip = probe(io.BytesIO(film))
    assert clip is not None
    assert (clip.mime, clip.codec, clip.width, clip.height) == ("video/mp4", "h264", 180, 320)
    assert clip.seconds == pytest.approx(1.5, abs=0.05)
    assert film.index(b"moov") < film.index(b"mdat")
    first, *_, last = frames(film)
    assert first != last


SIGN = (
    " ####  ###  #   # ####  ####   ###  #   #",
    "#     #   # ##  # #   # #   # #   # #   #",
    "#     #   # # # # #   # #   # #   #  # # ",
    " ###  ##### # # # #   # ####  #   #   #  ",
    "    # #   # #  ## #   # #   # #   #  # # ",
    "    # #   # #   # #   # #   # #   # #   #",
    "####  #   # #   # ####  ####   ###  #   #",
)


@pytest.mark.parametrize("kind", ["film", "picture"])
@pytest.mark.parametrize(
    ("size", "dot", "left", "top"),
    [
        ((640, 360), 4, 230, 304),
        ((540, 960), 8, 90, 850),
        ((360, 640), 5, 68, 570),
        ((90, 160), 1, 22, 144),
        ((160, 90), 1, 56, 76),
    ],
)
def test_every_frame_of_a_result_says_sandbox(
    size: tuple[int, int], dot: int, left: int, top: int, kind: str
) -> None:
    make = {"film": result_video(PICTURE, 0.25, size), "picture": result_picture(PICTURE, size)}
    shown = []
    with av.open(io.BytesIO(make[kind]), "r") as container:
        for frame in container.decode(video=0):
            plane = frame.reformat(format="gray").planes[0]
            grey, line = bytes(plane), plane.line_size
            rows = [line * (top + dot * (2 + row) + dot // 2) for row in range(7)]
            columns = [left + dot * (2 + column) + dot // 2 for column in range(41)]
            shown.append(tuple("".join(" #"[grey[y + x] > 128] for x in columns) for y in rows))
    assert set(shown) == {SIGN}
    assert len(shown) == (6 if kind == "film" else 1)


def test_an_unreadable_picture_is_replaced_by_the_sample() -> None:
    assert probe(io.BytesIO(result_video(b"not a picture", 0.5, (90, 160)))) is not None


def test_a_result_is_framed_like_its_picture_with_the_quality_on_the_short_side() -> None:
    wide = probe(io.BytesIO(CLIP))
    assert wide is not None
    assert result_size(wide, 540) == (540, 952)  # 68x120
    assert result_size(None, 360) == (360, 640)


def test_the_samples_are_a_picture_and_a_clip_that_moves() -> None:
    picture, clip = probe(io.BytesIO(sample_picture())), probe(io.BytesIO(sample_clip(1.0)))
    assert picture is not None
    assert clip is not None
    assert (picture.mime, picture.seconds) == ("image/png", 0.0)
    assert (clip.mime, clip.seconds) == ("video/mp4", 1.0)
    assert len(set(frames(sample_clip(1.0)))) > 6


def test_a_look_into_something_else_finds_nothing() -> None:
    assert probe(io.BytesIO(b"<html>no film at all</html>" * 50)) is None
    assert probe(io.BytesIO(b"")) is None


# Faults as text


def test_a_fault_is_read_from_text_and_from_an_object_alike() -> None:
    book = FaultBook({"pixverse"})
    text = book.read("redirect:poll:to=http://127.0.0.1:9/a?b=c:times=3:vendor=pixverse")
    same = {"name": "redirect", "phase": "poll", "to": "http://127.0.0.1:9/a?b=c", "times": 3}
    assert text.as_data() == book.read({**same, "vendor": "pixverse"}).as_data()
    assert text["to"] == "http://127.0.0.1:9/a?b=c"


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("explode:submit", "known: accept_then_close, accept_then_hang"),
        ("stuck:poll", "unknown phase of stuck 'poll'; known: submit"),
        ("stuck", "known: submit"),
        ("http:poll:colour=red", "unknown parameter of http 'colour'; known: after, body"),
        ("http:poll:status=many", "status='many' is invalid"),
        ("dedupe:submit:mode=maybe", "known: error, new, replay, stuck"),
        ("reset:submit:vendor=acme", "unknown vendor 'acme'; known: pixverse"),
        ("shape:poll:shape=round", "known: list"),
        ("reset:submit:times=-1", "at least 0"),
    ],
)
def test_an_unknown_fault_is_refused_with_a_list_of_what_is_known(spec: str, says: str) -> None:
    with pytest.raises(FaultError) as refused:
        FaultBook({"pixverse"}, {"list"}).read(spec)
    assert says in str(refused.value)


def test_every_fault_of_the_table_can_be_written_and_read() -> None:
    book = FaultBook(set(), {"list"})
    for name, kind in KINDS.items():
        for phase in kind.phases:
            shape = ":shape=list" if name == "shape" else ""
            assert book.read(f"{name}:{phase}{shape}").phase == phase


def test_a_fault_lets_calls_pass_then_fires_as_often_as_told() -> None:
    book = FaultBook({"acme"})
    book.add("reset:poll:after=1:times=2")
    fired = [book.take(WIRE, ("poll",), "acme") is not None for _ in range(5)]
    assert fired == [False, True, True, False, False]
    assert book.left() == []


def test_a_fault_of_one_vendor_leaves_the_others_alone() -> None:
    book = FaultBook({"acme", "other"})
    book.add("reset:poll:vendor=acme")
    assert book.take(WIRE, ("poll",), "other") is None
    assert book.take(WIRE, ("poll",), "acme") is not None


# Faults on the wire


@pytest.mark.parametrize("fault", ["reset", "close"])
def test_a_line_broken_before_accepting_leaves_no_job(
    sandbox: Sandbox, client: Client, fault: str
) -> None:
    order = client.order()
    sandbox.fault(f"{fault}:submit")
    with pytest.raises(requests.ConnectionError):
        client.submit(order)
    assert account(sandbox)["submits"] == 1
    assert account(sandbox)["jobs"] == []


@pytest.mark.parametrize("fault", ["accept_then_reset", "accept_then_close"])
def test_a_line_broken_after_accepting_leaves_a_charged_job(
    sandbox: Sandbox, client: Client, fault: str
) -> None:
    order = client.order()
    sandbox.fault(f"{fault}:submit")
    with pytest.raises(requests.ConnectionError):
        client.submit(order, "trace-of-the-lost-one")
    (job,) = account(sandbox)["jobs"]
    assert (job["state"], job["charge"]) == ("running", "20")
    assert account(sandbox)["trace_ids"][-1] == "trace-of-the-lost-one"


def raw_answer(sandbox: Sandbox) -> bytes:
    """Ask for the balance over a socket of our own and read to the end of the line."""
    address = urlsplit(sandbox.url)
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as line:
        line.sendall(
            b"GET /openapi/v2/account/balance HTTP/1.1\r\nHost: sandbox\r\n"
            b"API-KEY: sandbox-pixverse-key\r\nAi-trace-id: raw\r\n\r\n"
        )
        answer = b""
        while chunk := line.recv(65536):
            answer += chunk
    return answer


def test_a_reset_is_a_tcp_reset_and_a_close_is_a_silent_end(sandbox: Sandbox) -> None:
    sandbox.fault("reset:balance")
    with pytest.raises(ConnectionResetError):
        raw_answer(sandbox)
    sandbox.fault("close:balance")
    assert raw_answer(sandbox) == b""


def test_a_hanging_answer_keeps_the_line_open() -> None:
    with Sandbox(apps=[PixVerseSandbox]) as sandbox, Client(sandbox) as client:
        order = client.order()
        sandbox.fault("accept_then_hang:submit")
        with pytest.raises(requests.ReadTimeout):
            client.post("/video/mimic/generate", json=order, timeout=0.2)  # meant to expire
        until(lambda: len(account(sandbox)["jobs"]) == 1)


def test_a_client_that_waits_on_a_hanging_answer_is_let_go_at_the_end() -> None:
    with Sandbox(apps=[PixVerseSandbox], faults=["hang:balance"]) as sandbox:
        seen: list[object] = []

        def ask() -> None:
            with Client(sandbox) as client:
                try:
                    seen.append(client.get("/account/balance", timeout=PATIENCE))
                except requests.ConnectionError as error:
                    seen.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        until(lambda: account(sandbox)["calls"])
    asking.join(PATIENCE)
    assert len(seen) == 1
    assert isinstance(seen[0], requests.ConnectionError)


def test_a_5xx_stands_before_or_after_accepting_as_it_is_told(
    sandbox: Sandbox, client: Client
) -> None:
    order = client.order()
    sandbox.fault("http:submit:status=500:body=oops")
    before = client.submit(order)
    assert (before.status_code, before.text, account(sandbox)["jobs"]) == (500, "oops", [])
    sandbox.fault("accept_then_http:submit:status=504")
    assert client.submit(order).status_code == 504
    assert len(account(sandbox)["jobs"]) == 1


def test_429_comes_with_and_without_retry_after(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("http:balance:status=429:retry_after=7")
    sandbox.fault("http:balance:status=429")
    told, silent = client.get("/account/balance"), client.get("/account/balance")
    assert (told.status_code, told.headers["Retry-After"]) == (429, "7")
    assert (silent.status_code, "Retry-After" in silent.headers) == (429, False)


def test_html_comes_instead_of_json(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("html:balance")
    answer = client.get("/account/balance")
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert answer.text.startswith("<html>")


def test_json_is_cut_in_the_body_or_with_the_connection(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("truncate:balance")
    with pytest.raises(requests.JSONDecodeError):
        client.get("/account/balance").json()
    sandbox.fault("truncate:balance:cut=connection")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        client.get("/account/balance")


def test_json_grows_to_the_size_asked_for(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("oversize:balance:bytes=9000000")
    answer = client.get("/account/balance")
    assert len(answer.content) > 9_000_000
    assert answer.json()["ErrCode"] == 0


def test_a_slow_body_drips(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("slow:balance:seconds=0.001")
    assert client.get("/account/balance").json()["ErrCode"] == 0
    sandbox.fault("slow:balance:seconds=60")
    with pytest.raises(requests.ConnectionError):
        client.get("/account/balance", timeout=0.1)  # meant to expire


def test_a_redirect_leads_to_another_origin_that_notices_keys(
    sandbox: Sandbox, client: Client
) -> None:
    sandbox.fault("redirect:balance:status=302")
    answer = client.get("/account/balance", allow_redirects=False)
    target = answer.headers["Location"]
    assert answer.status_code == 302
    assert urlsplit(target).hostname == "localhost"
    assert sandbox.ledger()["keys_sent_elsewhere"] == 0
    client.http.get(target, headers=client.headers(), timeout=PATIENCE)
    assert sandbox.ledger()["keys_sent_elsewhere"] == 1


# Files


@pytest.fixture
def film(sandbox: Sandbox, client: Client) -> str:
    number = client.start()
    sandbox.advance(300)
    url = client.result(number)["url"]
    assert isinstance(url, str)
    return url


def test_a_file_is_served_whole_by_head_and_by_range(client: Client, film: str) -> None:
    whole = client.http.get(film, timeout=PATIENCE)
    head = client.http.head(film, timeout=PATIENCE)
    size = len(whole.content)
    assert (whole.status_code, whole.headers["Content-Type"]) == (200, "video/mp4")
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert (head.headers["Content-Length"], head.content) == (str(size), b"")
    for asked, start, end in [("100-199", 100, 200), (f"{size - 5}-", size - 5, size)]:
        part = client.http.get(film, headers={"Range": f"bytes={asked}"}, timeout=PATIENCE)
        assert part.status_code == 206
        assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
        assert part.content == whole.content[start:end]
    tail = client.http.get(film, headers={"Range": "bytes=-7"}, timeout=PATIENCE)
    assert tail.content == whole.content[-7:]
    beyond = client.http.get(film, headers={"Range": f"bytes={size}-"}, timeout=PATIENCE)
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")


def test_a_range_of_a_changed_file_is_answered_with_the_whole_new_one(
    sandbox: Sandbox, client: Client, film: str
) -> None:
    old = client.http.get(film, timeout=PATIENCE)
    resume = {"Range": "bytes=10-", "If-Range": old.headers["ETag"]}
    assert client.http.get(film, headers=resume, timeout=PATIENCE).status_code == 206
    sandbox.fault("changed:download")
    new = client.http.get(film, headers=resume, timeout=PATIENCE)
    assert new.status_code == 200
    assert new.headers["ETag"] != old.headers["ETag"]
    assert new.content != old.content
    assert probe(io.BytesIO(new.content)) is not None


def test_a_server_without_ranges_sends_all_of_it_every_time(
    sandbox: Sandbox, client: Client, film: str
) -> None:
    sandbox.fault("no_range:download")
    for _ in range(2):
        answer = client.http.get(film, headers={"Range": "bytes=10-"}, timeout=PATIENCE)
        assert (answer.status_code, "Accept-Ranges" in answer.headers) == (200, False)


def test_a_download_is_cut_after_so_many_bytes(sandbox: Sandbox, client: Client, film: str) -> None:
    sandbox.fault("cut:download:bytes=500")
    with client.http.get(film, stream=True, timeout=PATIENCE) as answer:
        assert answer.raw.read(500) == client.http.get(film, timeout=PATIENCE).content[:500]
        with pytest.raises(requests.packages.urllib3.exceptions.HTTPError):  # type: ignore[attr-defined]
            answer.raw.read()


def test_a_download_may_be_refused_or_be_a_web_page(
    sandbox: Sandbox, client: Client, film: str
) -> None:
    sandbox.fault("http:download:status=403")
    sandbox.fault("html:download:status=200")
    assert client.http.get(film, timeout=PATIENCE).status_code == 403
    assert client.http.get(film, timeout=PATIENCE).text.startswith("<html>")
    assert client.http.get(film.replace("openapi", "closed"), timeout=PATIENCE).status_code == 404


def test_a_key_sent_to_a_file_host_is_noticed(sandbox: Sandbox, client: Client, film: str) -> None:
    client.http.get(film, timeout=PATIENCE)
    assert sandbox.ledger()["vendors"]["pixverse"]["keys_sent_to_files"] == 0
    client.http.get(film, headers={"api-key": "anything"}, timeout=PATIENCE)
    assert sandbox.ledger()["vendors"]["pixverse"]["keys_sent_to_files"] == 1


# Admin and server


def ask_admin(method: str, url: str, **options: Any) -> requests.Response:
    return requests.request(method, url, timeout=PATIENCE, **options)


def test_the_admin_endpoints_do_over_http_what_the_methods_do(sandbox: Sandbox) -> None:
    admin = f"{sandbox.url}/_sandbox"
    added = ask_admin(
        "POST", f"{admin}/faults", json=["reset:poll", {"name": "stuck", "phase": "submit"}]
    )
    assert [fault["name"] for fault in added.json()] == ["reset", "stuck"]
    assert ask_admin("DELETE", f"{admin}/faults").json() == []
    refused = ask_admin("POST", f"{admin}/faults", json="explode:submit")
    assert (refused.status_code, "known:" in refused.json()["error"]) == (400, True)
    opened = ask_admin(
        "POST",
        f"{admin}/accounts",
        json={"vendor": "pixverse", "key": "k2", "label": "poor", "balance": 5},
    )
    assert opened.json() == {"vendor": "pixverse", "label": "poor"}
    before = ask_admin("GET", f"{admin}/ledger").json()["time"]
    assert ask_admin("POST", f"{admin}/clock", json={"advance": 3600}).json()["time"] > before
    assert sandbox.accounts["pixverse"]["poor"] == "k2"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("clock", {"advance": -5}),
        ("clock", {}),
        ("clock", []),
        ("accounts", {"vendor": "acme", "key": "x"}),
        ("accounts", {"vendor": "pixverse"}),
        ("accounts", {"vendor": "pixverse", "key": "x", "colour": "red"}),
        ("accounts", {"vendor": "pixverse", "key": "x", "balance": "much"}),
        ("accounts", {"vendor": "pixverse", "key": "x", "balances": [1]}),
        ("accounts", {"vendor": "pixverse", "key": "x", "rpm": {}}),
        ("webhooks", "hello"),
    ],
)
def test_the_admin_endpoints_refuse_invalid_bodies_in_words(
    sandbox: Sandbox, path: str, body: object
) -> None:
    answer = ask_admin("POST", f"{sandbox.url}/_sandbox/{path}", json=body)
    assert answer.status_code == 400
    assert answer.text
    assert not re.search("<class|Error|argument|NoneType", answer.text)


def test_the_ledger_names_accounts_by_label_and_never_shows_a_key(sandbox: Sandbox) -> None:
    sandbox.add_account("pixverse", "a-secret-key", balance="1.50")
    text = ask_admin("GET", f"{sandbox.url}/_sandbox/ledger").text
    assert "a-secret-key" not in text
    assert "sandbox-pixverse-key" not in text
    assert '"balance": "1.5"' in text


def test_the_same_seed_gives_the_same_ids_and_durations() -> None:
    def story(seed: int | None) -> tuple[int, float]:
        with Sandbox(apps=[PixVerseSandbox], seed=seed) as sandbox, Client(sandbox) as client:
            number = client.start()
            told = client.result(number)
            start, end = (
                datetime.fromisoformat(told[name]) for name in ("create_time", "modify_time")
            )
            return number, round((end - start).total_seconds(), 1)

    first = story(3)
    assert first == story(3)
    assert first != story(4)
    assert story(None)[0] != story(None)[0]
    assert 110 < first[1] < 155


def test_speed_makes_vendor_time_pass_faster() -> None:
    with (
        Sandbox(apps=[PixVerseSandbox], speed=100_000, job_seconds=500) as sandbox,
        Client(sandbox) as client,
    ):
        number = client.start()
        until(lambda: client.result(number)["status"] == 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_foreground_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    script = (
        "from motionkit.sandbox import Sandbox\n"
        "Sandbox(apps=[]).serve_forever(lambda sandbox: print(sandbox.url, flush=True))"
    )
    command = [sys.executable, "-W", "error", "-c", script]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as serving:
        assert serving.stdout is not None
        url = serving.stdout.readline().strip()
        assert ask_admin("GET", f"{url}/_sandbox/ledger").json()["vendors"] == {}
        serving.send_signal(number)
        _, complaints = serving.communicate(timeout=PATIENCE)
    assert (serving.returncode, complaints) == (0, "")


def test_a_port_in_use_is_reported_to_the_caller(sandbox: Sandbox) -> None:
    port = urlsplit(sandbox.url).port
    assert port is not None
    with pytest.raises(OSError, match="address already in use"):
        Sandbox(apps=[PixVerseSandbox], port=port).start()


def test_only_loopback_is_served() -> None:
    with pytest.raises(ValueError, match="loopback"):
        Sandbox(host="0.0.0.0", apps=[])  # noqa: S104 - the very address that is refused


def test_a_sandbox_that_does_not_run_has_no_url() -> None:
    sandbox = Sandbox(apps=[PixVerseSandbox])
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.url


def test_installed_apps_come_from_the_entry_point_group(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name, value = "broken", "nowhere:Nothing"

        def load(self) -> object:
            raise ImportError(self.value)

    asked: list[str] = []

    def entry_points(group: str) -> list[Point]:
        asked.append(group)
        return [Point()]

    monkeypatch.setattr(app, "entry_points", entry_points)
    with pytest.raises(RuntimeError, match="'broken'"):
        app.installed_apps()
    assert asked == ["motionkit.sandboxes"]


def test_money_is_written_in_plain_digits() -> None:
    assert [money(Decimal(text)) for text in ("1E+3", "2.030", "0", "100")] == [
        "1000", "2.03", "0", "100",
    ]  # fmt: skip


ROOT = Path(__file__).parents[2]


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return found | {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }


def test_the_sandbox_is_a_second_reading_that_shares_no_code_with_the_first() -> None:
    generic = sorted((ROOT / "motionkit/sandbox").glob("*.py"))
    vendors = sorted((ROOT / "providers").glob("*/sandbox/*.py"))
    assert generic
    assert vendors
    for path in generic + vendors:
        ours = {name for name in imported(path) if name.startswith("motionkit")}
        own = "motionkit.sandbox" if path in generic else f"{path.parts[-3]}.sandbox"
        assert all(name.startswith(("motionkit.sandbox", own)) for name in ours), path


def test_the_generic_part_names_no_vendor() -> None:
    vendors = [path.name.removeprefix("motionkit_") for path in (ROOT / "providers").glob("m*")]
    for path in (ROOT / "motionkit/sandbox").glob("*.py"):
        words = set(re.findall(r"[a-z]+", path.read_text().lower()))
        assert not words & set(vendors), path
