"""The board shows the journal to the holder of its address alone, and all of it as text."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from board_support import HOST, TOKEN, Stand, stand

from motionkit.client import journal_of
from motionkit.errors import Billed, InvalidRequest, JobFailed
from motionkit.report.board import Board, film_name, key_of, serve
from motionkit.sandbox import sample_clip, sample_picture
from motionkit.testing.stage import Situation

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Stand]:
    with stand(tmp_path) as made:
        yield made


# Who may see it.


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "evil.test:8791",
        "127.0.0.1.evil.test:8791",
        "localhost.evil.test",
        "user@127.0.0.1",
        "127.0.0.1:8791, evil.test",
        "127.0.0.1/",
        "[::1",
        "8.8.8.8:8791",
        "",
    ],
)
def test_a_name_that_is_not_this_machine_is_refused(board: Stand, host: str) -> None:
    assert board.get("/{token}/", host=host).status == 421
    assert board.post(b"{}", host=host).status == 421


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:9", "localhost:8791", "LocalHost", "[::1]:8791", "127.1.2.3"]
)
def test_every_name_of_this_machine_is_served_at_any_port(board: Stand, host: str) -> None:
    assert board.get("/{token}/", host=host).status == 200


@pytest.mark.parametrize(
    "path", ["/", "/wrong/", "/TOKEN/events", "/x/film/YQ", "/x/static/board.js"]
)
def test_without_the_token_nothing_is_shown(board: Stand, path: str) -> None:
    board.submit("secret-key")
    answer = board.get(path)
    assert answer.status == 403
    assert "secret-key" not in answer.text
    assert TOKEN not in answer.text


def test_the_token_is_compared_in_constant_time(
    board: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("motionkit.report.board.hmac.compare_digest", compare)
    board.get("/wrong/")
    board.get("/wrong/events")
    board.get("/wrong/static/board.js")
    board.get("/wrong/film/YQ")
    assert compared == [(b"wrong", TOKEN.encode())] * 4


def test_each_board_has_a_token_of_its_own_that_cannot_be_guessed(board: Stand) -> None:
    made = [Board(board.board.feed, str, lambda _: None).token for _ in range(2)]
    assert len(set(made)) == 2
    assert all(len(one) >= 43 for one in made)  # 256 bits


@pytest.mark.parametrize(
    "path", ["/{token}/", "/wrong/", "/", "/{token}/static/board.css", "/{token}/nothing"]
)
def test_every_answer_has_the_headers_that_protect(board: Stand, path: str) -> None:
    headers = board.get(path).headers
    policy = dict(
        part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_a_name_that_is_refused_gets_the_headers_too(board: Stand) -> None:
    assert "content-security-policy" in board.get("/{token}/", host="evil.test").headers


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com"])  # noqa: S104
def test_an_address_that_other_machines_reach_is_refused(board: Stand, host: str) -> None:
    with pytest.raises(InvalidRequest, match=f"host: {re.escape(host)} .*other machines"):
        serve(board.board, host, 0, print)


# What it shows.


def test_the_page_needs_nothing_from_elsewhere_and_runs_no_script_of_its_own(board: Stand) -> None:
    board.submit("k1")
    page = board.page()
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)
    assert not re.search(r"\son\w+=", page)
    assert "style=" not in page
    assert re.findall(r"<script[^>]*>", page) == ['<script src="static/board.js" defer>']
    for name in re.findall(r"(?:src|href)=\"(static/[^\"]+)\"", page):
        assert board.get("/{token}/" + name).status == 200
    assert '<noscript><meta http-equiv="refresh"' in page


def test_what_a_user_or_a_vendor_wrote_is_text(board: Stand) -> None:
    board.client.submit(board.request(), via="stage", key=SCRIPT, labels={"note": SCRIPT})
    board.stage.arrange(Situation.JOB_FAILS)
    job = board.submit("failed")
    board.stage.pass_time(1000)
    board.client.poll(job)
    error = JobFailed(f"vendor says {SCRIPT} <img src=x onerror=alert(1)>", billed=Billed.NO)
    board.change(
        "UPDATE purchases SET word=:word, error=:error WHERE key='failed'",
        word=f'"><i>{SCRIPT}',
        error=json.dumps(error.to_dict()),
    )
    page = board.page()
    assert SCRIPT not in page
    assert "<img src=x" not in page
    assert "<i>" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3


def test_the_queue_has_states_and_expected_ends_and_the_first_to_end_is_first(
    board: Stand,
) -> None:
    board.submit("late")
    board.submit("early")
    board.change("UPDATE attempts SET job=REPLACE(job, '+00:00', '+00:30') WHERE key='early'")
    page = board.page()
    assert page.index(">early</b>") < page.index(">late</b>")
    row = page[page.index(">late</b>") :]
    assert re.search(r"expected <time datetime=\"[^\"]+\">\d\d:\d\d:\d\d UTC</time>", row)
    assert re.search(r'data-half="[\d.]+" data-nine="[\d.]+">\d+ s, about ', row)
    assert "longer than usual" in page[: page.index(">late</b>")]
    found = re.search(r'data-since="([\d.]+)" data-half="([\d.]+)"', row)
    assert found is not None
    since, half = map(float, found.groups())
    assert f'<progress max="{round(half - since, 3)}"' in row  # full where "left" comes to 0


def test_a_journal_that_cannot_be_read_at_first_is_said_on_the_page(board: Stand) -> None:
    board.submit("k1")
    board.change("UPDATE purchases SET quote='['||quote")  # what is spent cannot be told
    page = board.page()
    assert "Not up to date:" in page
    assert "is corrupt" in page
    board.change("UPDATE purchases SET quote=substr(quote,2)")
    page = board.page()
    assert "Not up to date:" not in page
    assert ">k1</b>" in page


def test_the_jobs_without_a_film_are_counted_over_the_days_of_their_list(board: Stand) -> None:
    board.stage.arrange(Situation.JOB_FAILS)
    job = board.submit("k1")
    board.stage.pass_time(1000)
    board.client.poll(job)
    almost = journal_of(board.client).now() - 7 * 86_400 + 60
    board.change("UPDATE purchases SET created=:at WHERE key='k1'", at=almost)
    page = board.page()
    assert ">k1</b>" in page
    assert "1 job in the last 7 days." in page


def test_what_needs_its_owner_comes_before_what_runs(board: Stand) -> None:
    board.submit("runs")
    board.stage.arrange(Situation.SUBMIT_5XX)
    with pytest.raises(Exception, match="server error"):
        board.submit("doubtful")
    page = board.page()
    assert page.index(">doubtful</b>") < page.index(">runs</b>")
    assert ">uncertain</span>" in page


def test_spend_budgets_and_circuits_are_those_of_the_client(
    board: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = board.submit("k1")
    board.stage.pass_time(1000)
    board.client.poll(job)
    fingerprint = board.client.account("stage").fingerprint
    journal_of(board.client).caches.put_cooldown(
        "stage",
        fingerprint,
        "credits",
        {
            "cause": "credits",
            "failures": 2,
            "until": 4e9,
            "probe_until": 0.0,
            "at": 1.0,
            "reason": "no <b>credits</b>",
        },
    )
    page = board.page()
    assert "0.20 USD" in page
    assert "circuit open" in page
    assert "credits, 2 failures; routes skip it until <time" in page
    assert "no &lt;b&gt;credits&lt;/b&gt;" in page
    assert "No budget is configured." in page


def test_ten_thousand_jobs_are_counted_and_the_newest_are_shown(board: Stand) -> None:
    board.submit("k0")
    columns = "request, via, description, state, ambiguous, created, updated, counted"
    board.change(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<9999)"  # noqa: S608
        f" INSERT INTO purchases (key, {columns})"
        " SELECT 'k'||i, 'r'||i, via, description, 'queued', 0, created+i, updated, ''"
        " FROM n JOIN purchases ON key='k0'"
    )
    page = board.page()
    assert "The newest 100 jobs of 10,000 unfinished" in page
    assert page.count('<li id="q-') == 100
    assert ">k9999</b>" in page
    assert ">k1</b>" not in page


def test_a_journal_that_cannot_be_read_is_said_and_the_last_state_stays(board: Stand) -> None:
    board.submit("k1")
    assert ">k1</b>" in board.page()
    board.change("UPDATE purchases SET quote='{' WHERE key='k1'")
    page = board.page()
    assert "Not up to date:" in page
    assert "is corrupt" in page
    assert ">k1</b>" in page


def test_a_job_that_is_corrupt_in_the_journal_is_said_and_the_others_are_shown(
    board: Stand,
) -> None:
    for key in ("odd", "k1"):
        board.submit(key)
    board.change("UPDATE purchases SET state='bogus' WHERE key='odd'")
    page = board.page()
    assert "Not shown:" in page
    assert "is corrupt: unknown state" in page
    assert ">k1</b>" in page
    assert ">odd</b>" not in page


def test_a_board_that_only_shows_has_no_buttons_and_refuses_actions(board: Stand) -> None:
    board.submit("k1")
    page = board.page()
    assert "<button" not in page
    assert "read-only" in page
    assert board.post(b'{"click": "1", "action": "cancel", "key": "k1"}').status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_pages_can_only_be_read(board: Stand, method: str) -> None:
    assert board.get("/{token}/", method).status == 405
    assert board.get("/{token}/events", method).status == 405


def test_reading_writes_nothing_and_sends_nothing(board: Stand, tmp_path: Path) -> None:
    job = board.submit("k1")
    board.stage.pass_time(1000)
    before = board.entry("k1")
    board.page()
    board.get("/{token}/film/YQ")
    assert board.get("/actions").status == 405
    assert board.entry("k1") == before
    assert before.job == job
    assert board.stage.bought() == 1


# Films.


def test_a_film_is_served_whole_and_in_parts(board: Stand, tmp_path: Path) -> None:
    content = sample_clip(1.0)
    film = tmp_path / "out.mp4"
    film.write_bytes(content)
    board.delivered("k1", film)
    whole = board.film("k1")
    assert (whole.status, whole.body) == (200, content)
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["accept-ranges"] == "bytes"
    assert "content-disposition" not in whole.headers
    size = len(content)
    for asked, begin, end in (
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=100-", 100, size),
        ("bytes=-7", size - 7, size),
        (f"bytes=5-{size * 9}", 5, size),
        (f"bytes=-{size * 9}", 0, size),
    ):
        part = board.film("k1", range=asked)
        assert (part.status, part.body) == (206, content[begin:end]), asked
        assert part.headers["content-range"] == f"bytes {begin}-{end - 1}/{size}"
        assert part.headers["content-length"] == str(end - begin)
    for asked in ("bytes=1-0", "bytes=-", "bytes=0-1,3-4", "items=0-1", "bytes=a-b", "bytes=0"):
        assert board.film("k1", range=asked).status == 200, asked
    for asked in (f"bytes={size}-", f"bytes={size + 5}-{size + 9}", "bytes=-0"):
        part = board.film("k1", range=asked)
        assert (part.status, part.body) == (416, b""), asked
        assert part.headers["content-range"] == f"bytes */{size}"


def test_a_part_of_another_version_of_the_film_is_not_mixed_in(
    board: Stand, tmp_path: Path
) -> None:
    film = tmp_path / "out.mp4"
    film.write_bytes(sample_clip(1.0))
    board.delivered("k1", film)
    tag = board.film("k1").headers["etag"]
    assert board.film("k1", range="bytes=0-9", if_range=tag).status == 206
    assert board.film("k1", range="bytes=0-9", if_range='"older"').status == 200


def test_a_head_request_has_the_size_and_no_content(board: Stand, tmp_path: Path) -> None:
    film = tmp_path / "out.png"
    film.write_bytes(sample_picture())
    board.delivered("k1", film)
    head = board.get("/{token}/film/" + film_name("k1"), "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(sample_picture()))
    assert head.headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2fetc%2fpasswd",
        "../../../etc/passwd",
        "%2e%2e/hero.png",
        "hero.png",
        film_name("/etc/passwd"),
        film_name("../hero.png"),
        film_name("k"),  # the beginning of a key is not the key
        film_name("k1") + "=",
        "!!!",
        "gA",
    ],
)
def test_only_what_the_journal_delivered_is_served(board: Stand, tmp_path: Path, name: str) -> None:
    film = tmp_path / "out.mp4"
    film.write_bytes(sample_clip(1.0))
    board.delivered("k1", film)
    assert board.get("/{token}/film/" + name).status == 404


def test_a_link_a_pipe_a_folder_or_another_file_in_a_films_place_is_not_served(
    board: Stand, tmp_path: Path
) -> None:
    film, other = tmp_path / "out.mp4", tmp_path / "other.mp4"
    other.write_bytes(sample_clip(1.0))
    film.symlink_to(other)
    board.delivered("k1", film)
    assert board.film("k1").status == 404
    film.unlink()
    os.mkfifo(film)
    assert board.film("k1").status == 404
    film.unlink()
    film.mkdir()
    assert board.film("k1").status == 404
    film.rmdir()
    film.write_text("-----BEGIN PRIVATE KEY-----\n")
    assert board.film("k1").status == 404
    film.unlink()
    assert board.film("k1").status == 404
    film.write_bytes(sample_clip(1.0))
    assert board.film("k1").status == 200


@pytest.mark.parametrize("place", ["s3://films/k1.mp4", "out.mp4", "../out.mp4", "/dev/zero"])
def test_a_place_that_is_no_absolute_path_of_a_file_is_not_served(board: Stand, place: str) -> None:
    board.delivered("k1", "/films/out.mp4")
    board.change("UPDATE purchases SET delivered=:place WHERE key='k1'", place=place)
    assert board.film("k1").status == 404
    assert board.get("/{token}/").status == 200


@pytest.mark.parametrize("key", ["k1", "b-7f3a/12", "ключ 1", "a" * 300, "x~1", " "])
def test_a_key_of_any_text_names_its_film(key: str) -> None:
    name = film_name(key)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", name)
    assert key_of(name) == key


@pytest.mark.parametrize("name", ["", "=", "a", "YQ=", "YR", "YQ\n", "ÿ", "////"])
def test_what_is_no_name_of_a_film_is_no_key(name: str) -> None:
    assert key_of(name) in (None, "")


def test_one_page_more_than_the_board_serves_is_told_so(
    board: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("motionkit.report.board._MOST_PAGES", 0)
    assert board.get("/{token}/events").status == 503


def test_only_the_boards_own_files_are_static(board: Stand) -> None:
    for name in ("board.py", "..%2fboard.py", "../board.py", "board.html"):
        assert board.get("/{token}/static/" + name).status == 404


def test_no_log_has_the_token(
    board: Stand, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        board.page()
        board.get("/{token}/nothing")
        board.post(b"{")
    out, err = capfd.readouterr()
    assert TOKEN not in caplog.text + out + err
    assert HOST not in out
