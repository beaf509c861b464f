"""The board in a browser: it is updated without a reload, and acts when asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from browsing import MILLISECONDS, NewPage

import motionkit as mk
from motionkit.client import journal_of
from motionkit.report.board import board_of, serve
from motionkit.sandbox import Sandbox, sample_clip, sample_picture

SCRIPT = "<script>alert(1)</script>"


@attrs.define
class Live:
    """A board at the sandbox, served in a thread of this process."""

    sandbox: Sandbox
    client: mk.Client
    folder: Path
    address: str
    board: Any

    def submit(self, key: str, **options: Any) -> mk.Job:
        request = mk.Mimic(self.folder / "hero.png", self.folder / "dance.mp4")
        return self.client.submit(request, via="pixverse", key=key, **options)

    def film(self, key: str) -> None:
        """Buy a job, and save its film."""
        job = self.submit(key, out=self.folder / f"{key.strip('</>()')[:8]}.mp4")
        self.client.deliver(self.client.wait(job))
        self.changed()

    def changed(self) -> None:
        """Say that the journal has changed: another process would change the database's token."""
        self.board.feed.mark()

    @property
    def submits(self) -> int:
        accounts = self.sandbox.ledger()["vendors"]["pixverse"]["accounts"].values()
        return sum(one["submits"] for one in accounts)


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    with Sandbox(speed=1, job_seconds=0.001) as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("MOTIONKIT_JOURNAL", str(tmp_path / "journal.db"))
        monkeypatch.delenv("MOTIONKIT_CONFIG", raising=False)
        monkeypatch.chdir(tmp_path)
        (tmp_path / "hero.png").write_bytes(sample_picture())
        (tmp_path / "dance.mp4").write_bytes(sample_clip(4.0))
        with mk.Client() as client, board_of(client, acts=True) as board:
            addresses: list[str] = []
            ready = threading.Event()

            def began(address: str) -> None:
                addresses.append(address)
                ready.set()

            server = Served(board, began)
            server.start()
            assert ready.wait(MILLISECONDS / 1000)
            try:
                yield Live(sandbox, client, tmp_path, addresses[0], board)
            finally:
                server.stop()


class Served(threading.Thread):
    """`serve` in a thread; a thread gets no signals, so the feed's end stops it."""

    def __init__(self, board: Any, began: Callable[[str], None]) -> None:
        super().__init__(daemon=True)
        self._board, self._began = board, began

    def run(self) -> None:
        serve(self._board, "127.0.0.1", 0, self._began)

    def stop(self) -> None:
        self._board.stop()
        self.join(MILLISECONDS / 1000)
        assert not self.is_alive()


def opened(page: Any, live: Live) -> Any:
    page.goto(live.address)
    page.wait_for_selector('#live[data-state="live"]')
    return page


def test_a_job_that_is_submitted_appears_and_moves_to_the_films(
    live: Live, new_page: NewPage
) -> None:
    page = opened(new_page(), live)
    assert "Nothing is unfinished" in page.inner_text("#queue-note")
    job = live.submit("k1", out=live.folder / "k1.mp4")
    live.changed()
    page.wait_for_selector("#queue li:has-text('k1')")
    assert page.inner_text("#queue .state") == "queued"
    live.client.deliver(live.client.wait(job))
    live.changed()
    page.wait_for_selector("#films li:has-text('k1') video")
    page.wait_for_selector("#queue li", state="detached")
    assert page.inner_text("#tiles div:has-text('succeeded') dd") == "1"


def test_a_film_plays_and_goes_on_while_the_page_changes(live: Live, new_page: NewPage) -> None:
    live.film("k1")
    page = opened(new_page(), live)
    page.wait_for_selector("#films video")
    page.evaluate("async () => { const v = document.querySelector('video'); await v.play(); }")
    live.film("k2")
    page.wait_for_selector("#films li:has-text('k2')")
    state = page.evaluate(
        "() => { const v = document.querySelector('#films li:nth-child(2) video');"
        " return [v.paused, v.readyState >= 2, v.videoWidth]; }"
    )
    assert state[:2] == [False, True]
    assert state[2] > 0


def test_a_page_that_lost_its_connection_shows_what_it_missed(
    live: Live, new_page: NewPage
) -> None:
    page = opened(new_page(), live)
    page.context.set_offline(True)
    live.board.feed._wake()
    live.submit("missed")
    live.changed()
    page.context.set_offline(False)
    page.wait_for_selector("#queue li:has-text('missed')")
    page.wait_for_selector('#live[data-state="live"]')


def test_text_of_users_and_vendors_is_text(live: Live, new_page: NewPage) -> None:
    page = new_page()
    page.on("dialog", lambda _: pytest.fail("a script of a name ran"))
    live.sandbox.fault("fail:submit:times=1:message=<img src=x onerror=alert(1)><b>no</b>")
    job = live.submit(SCRIPT, labels={"note": SCRIPT})
    with pytest.raises(mk.errors.JobFailed):
        live.client.wait(job)
    live.submit(f"{SCRIPT}-2", labels={"note": SCRIPT})
    opened(page, live)
    live.submit(f'"><img src=x onerror=alert(1)>{SCRIPT}')
    live.changed()
    page.wait_for_selector("#queue li:has-text('onerror')")
    assert page.inner_text("#ended b") == SCRIPT
    assert page.locator("main img, main script").count() == 0
    page.click("#queue button[data-action=resume] >> nth=0")
    page.wait_for_selector("#ask[open]")
    assert "<script>" in page.inner_text("#ask-title")


def test_a_retry_asks_with_its_price_and_buys_once(live: Live, new_page: NewPage) -> None:
    live.sandbox.fault("fail:submit:times=1")
    job = live.submit("k1", out=live.folder / "k1.mp4")
    with pytest.raises(mk.errors.JobFailed):
        live.client.wait(job)
    page = opened(new_page(), live)
    page.click("#ended button[data-action=retry]")
    page.wait_for_selector("#ask-yes:has-text('Buy for 0.40 USD')")
    assert live.submits == 1
    page.keyboard.press("Escape")
    assert live.submits == 1
    page.click("#ended button[data-action=retry]")
    page.wait_for_selector("#ask-yes:has-text('Buy for 0.40 USD')")
    page.dblclick("#ask-yes")
    page.wait_for_selector("#ask-text:has-text('was bought')")
    page.click("#ask-no")
    page.wait_for_selector("#films li:has-text('k1~1')")
    page.wait_for_selector("#ended li:has-text('bought again as k1~1')")
    page.wait_for_selector("#activity li:has-text('is saved')")
    assert live.submits == 2


def test_the_page_is_read_without_a_script(live: Live, new_page: NewPage) -> None:
    live.film("k1")
    live.submit("k2")
    live.changed()
    page = new_page(java_script_enabled=False)
    page.goto(live.address)
    assert "k2" in page.inner_text("#queue")
    assert "k1" in page.inner_text("#films")
    assert page.locator("#films video[controls]").count() == 1
    assert page.locator("button:visible").count() == 0
    assert "reloads every" in page.inner_text("#live")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_serious_violation(
    live: Live,
    new_page: NewPage,
    violations: Callable[[Any], list[str]],
    scheme: str,
    width: int,
) -> None:
    live.sandbox.fault("fail:submit:times=1")
    job = live.submit("failed")
    with pytest.raises(mk.errors.JobFailed):
        live.client.wait(job)
    live.film("k1")
    live.submit("k2", labels={"project": "spring"})
    live.changed()
    fingerprint = live.client.account("pixverse").fingerprint
    journal_of(live.client).caches.put_cooldown(
        "pixverse",
        fingerprint,
        "busy",
        {"cause": "busy", "failures": 1, "until": 4e9, "reason": "too many"},
    )
    page = opened(new_page(color_scheme=scheme, viewport={"width": width, "height": 900}), live)
    page.wait_for_selector("#circuits .bad")
    assert violations(page) == []
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    page.click("#queue button[data-action=resume]")
    page.wait_for_selector("#ask[open]")
    assert violations(page) == []


def test_keys_alone_reach_every_button(live: Live, new_page: NewPage) -> None:
    live.submit("k1")
    live.changed()
    page = opened(new_page(), live)
    page.wait_for_selector("#queue button")
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
        if reached[-1] == "Resume k1":
            break
    assert reached[-1] == "Resume k1"
    page.keyboard.press("Enter")
    page.wait_for_selector("#ask[open]")
    page.wait_for_selector("#ask-text:has-text('followed')")
    page.keyboard.press("Escape")
    page.wait_for_selector("#ask", state="hidden")
