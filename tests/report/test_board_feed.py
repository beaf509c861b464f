"""One reader for all pages; each is brought up to date from what it has."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Hashable
from pathlib import Path
from typing import Any

import attrs
import pytest
from board_support import HOST, TOKEN, stand
from ledger import Place
from patience import PATIENCE

from motionkit.errors import JournalError, MotionKitError
from motionkit.report.board_feed import LONGEST, PAUSE, PROBLEM, Feed, Pieces


@attrs.define
class Scripted:
    """A journal that holds what the test says."""

    html: dict[str, str] = attrs.field(factory=dict)
    order: tuple[str, ...] = ()
    token: Hashable = 0
    now: float = 100.0
    reads: int = 0
    fails: MotionKitError | None = None
    slept: list[float] = attrs.field(factory=list)

    def read(self) -> Pieces:
        self.reads += 1
        if self.fails is not None:
            raise self.fails
        return Pieces({PROBLEM: "", **self.html}, {"queue": self.order})

    def feed(self, heartbeat: float = 3600.0) -> Feed:
        return Feed(
            self.read,
            lambda: self.token,
            lambda error: error.message,
            clock=lambda: self.now,
            heartbeat=heartbeat,
        )

    def write(self, *, token: Hashable = None, **html: str) -> None:
        self.html |= html
        self.order = tuple(self.html)
        self.token = object() if token is None else token


async def event(stream: AsyncIterator[str]) -> dict[str, Any]:
    """Return the next event, with its id."""
    text = await anext(stream)
    found = re.fullmatch(r"id: (\S+)\nevent: change\ndata: (.*)\n\n", text)
    assert found is not None, text
    return {"id": found[1], **json.loads(found[2])}


def play(scene: Callable[[], Any]) -> None:
    asyncio.run(scene())


def test_a_page_gets_all_and_then_what_changes() -> None:
    async def scene() -> None:
        journal = Scripted()
        journal.write(a="<p>1</p>", b="<p>2</p>")
        feed = journal.feed()
        await feed.refresh()
        stream = feed.events(None)
        assert await anext(stream) == "retry: 1000\n\n"
        first = await event(stream)
        assert first["html"] == {PROBLEM: "", "a": "<p>1</p>", "b": "<p>2</p>"}
        assert first["lists"] == {"queue": ["a", "b"]}
        journal.write(b="<p>3</p>")
        await feed.refresh()
        second = await event(stream)
        assert (second["html"], second["lists"]) == ({"b": "<p>3</p>"}, {})
        journal.html.pop("a")
        journal.write()
        await feed.refresh()
        third = await event(stream)
        assert (third["html"], third["lists"]) == ({}, {"queue": ["b"]})

    play(scene)


def test_a_change_wakes_every_page_and_the_journal_is_read_once() -> None:
    async def scene() -> None:
        journal = Scripted()
        journal.write(a="1")
        feed = journal.feed()
        await feed.refresh()
        streams = [feed.events(feed.position) for _ in range(20)]
        for stream in streams:
            await anext(stream)
        waiting = [asyncio.ensure_future(event(stream)) for stream in streams]
        await asyncio.sleep(0)  # each runs up to its wait
        assert feed.pages == len(streams)
        assert not any(one.done() for one in waiting)
        before = journal.reads
        journal.write(a="2")
        await feed.refresh()
        assert [one["html"] for one in await asyncio.gather(*waiting)] == [{"a": "2"}] * 20
        assert journal.reads == before + 1

    play(scene)


def test_a_page_that_was_away_gets_the_present_and_not_the_past() -> None:
    async def scene() -> None:
        journal = Scripted()
        journal.write(a="1", b="1")
        feed = journal.feed()
        await feed.refresh()
        left = feed.position
        for number in range(2, 1000):
            journal.write(a=str(number))
            await feed.refresh()
        stream = feed.events(left)
        await anext(stream)
        assert (await event(stream))["html"] == {"a": "999"}
        journal.write(b="last")
        await feed.refresh()
        assert (await event(stream))["html"] == {"b": "last"}

    play(scene)


@pytest.mark.parametrize("position", [None, "", "-", "other-3", "{name}-", "{name}-x", "{name}-99"])
def test_a_position_of_another_start_gets_everything(position: str | None) -> None:
    async def scene() -> None:
        journal = Scripted()
        journal.write(a="1")
        feed = journal.feed()
        await feed.refresh()
        name = feed.position.partition("-")[0]
        stream = feed.events(position and position.replace("{name}", name))
        await anext(stream)
        assert (await event(stream))["html"] == {PROBLEM: "", "a": "1"}

    play(scene)


def test_a_silent_stream_has_comments_that_keep_it_alive() -> None:
    async def scene() -> None:
        feed = Scripted().feed(heartbeat=0.001)
        await feed.refresh()
        stream = feed.events(feed.position)
        await anext(stream)
        assert [await anext(stream) for _ in range(3)] == [": alive\n\n"] * 3

    play(scene)


def test_an_unchanged_journal_is_not_read_again_before_long() -> None:
    async def scene() -> None:
        journal = Scripted()
        feed = journal.feed()
        for _ in range(5):
            await feed.refresh()
        assert journal.reads == 1
        journal.now += LONGEST
        await feed.refresh()
        assert journal.reads == 2
        feed.mark()
        await feed.refresh()
        assert journal.reads == 3

    play(scene)


def test_what_changes_while_the_journal_is_read_is_read_the_next_time() -> None:
    async def scene() -> None:
        journal = Scripted()
        feed = journal.feed()
        read = journal.read

        def slow() -> Pieces:
            found = read()
            if journal.reads == 1:
                journal.write(a="meanwhile")
            return found

        feed._read = slow
        await feed.refresh()
        await feed.refresh()
        assert feed.pieces().html == {PROBLEM: "", "a": "meanwhile"}

    play(scene)


def test_a_journal_that_cannot_be_read_is_said_until_it_can() -> None:
    async def scene() -> None:
        journal = Scripted()
        journal.write(a="1")
        feed = journal.feed()
        await feed.refresh()
        journal.fails = JournalError("the disk is gone")
        journal.write(a="2")
        await feed.refresh()
        assert feed.pieces().html == {PROBLEM: "the disk is gone", "a": "1"}
        assert feed.pieces().lists == {"queue": ("a",)}
        journal.fails = None
        await feed.refresh()
        assert feed.pieces().html == {PROBLEM: "", "a": "2"}

    play(scene)


def test_without_a_page_the_journal_is_not_read() -> None:
    async def scene() -> None:
        journal = Scripted()
        feed = journal.feed()
        sleeping, wake = asyncio.Event(), asyncio.Event()

        async def sleep(seconds: float) -> None:
            journal.slept.append(seconds)
            sleeping.set()
            await wake.wait()
            wake.clear()

        feed._sleep = sleep
        running = asyncio.ensure_future(feed.run())
        for _ in range(10):
            await asyncio.sleep(0)
        assert journal.reads == 0
        stream = feed.events(None)
        await anext(stream)
        await sleeping.wait()
        assert (journal.reads, journal.slept) == (1, [PAUSE])
        await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
        journal.write(a="1")
        wake.set()
        for _ in range(10):
            await asyncio.sleep(0)
        assert journal.reads == 1
        feed.close()
        await running

    play(scene)


def test_a_journal_that_takes_long_is_read_less_often() -> None:
    async def scene() -> None:
        journal = Scripted()
        feed = journal.feed()
        read = journal.read

        def slow() -> Pieces:
            journal.now += 2.0
            return read()

        async def sleep(seconds: float) -> None:
            journal.slept.append(seconds)
            feed.close()

        feed._read, feed._sleep = slow, sleep
        stream = feed.events(None)
        await anext(stream)
        await feed.run()
        assert journal.slept == [20.0]

    play(scene)


def test_closing_ends_every_stream() -> None:
    async def scene() -> None:
        feed = Scripted().feed()
        await feed.refresh()
        stream = feed.events(feed.position)
        await anext(stream)
        waiting = asyncio.ensure_future(anext(stream, "the end"))
        await asyncio.sleep(0)
        feed.close()
        assert await waiting == "the end"
        assert feed.pages == 0

    play(scene)


def test_a_browser_that_reads_slowly_holds_nothing_back() -> None:
    """Server and page in one loop: the page takes one message, and none until the end."""

    async def scene() -> None:
        journal = Scripted()
        journal.write(a="0")
        feed = journal.feed()
        await feed.refresh()
        stuck = feed.events(None)
        await anext(stuck)
        await anext(stuck)
        for number in range(1, 5000):
            journal.write(a=str(number), b="x" * 100)
            await feed.refresh()
        late = await event(stuck)
        assert late["html"] == {"a": "4999", "b": "x" * 100}

    play(scene)


def test_the_stream_shows_what_another_process_writes(tmp_path: Path, database: Place) -> None:
    async def scene() -> None:
        with stand(tmp_path, place=database) as made:
            feed = made.board.feed
            await feed.refresh()
            sent: asyncio.Queue[Any] = asyncio.Queue()
            gone = asyncio.Event()

            async def receive() -> Any:
                await gone.wait()
                return {"type": "http.disconnect"}

            scope = {
                "type": "http",
                "asgi": {"version": "3.0"},
                "http_version": "1.1",
                "method": "GET",
                "scheme": "http",
                "path": f"/{TOKEN}/events",
                "raw_path": b"",
                "query_string": f"after={feed.position}".encode(),
                "root_path": "",
                "headers": [(b"host", HOST.encode())],
            }
            page = asyncio.ensure_future(made.board.app(scope, receive, sent.put))  # type: ignore[arg-type]
            start = await sent.get()
            headers = dict(start["headers"])
            assert headers[b"content-type"].startswith(b"text/event-stream")
            assert headers[b"cache-control"] == b"no-store"
            assert (await sent.get())["body"] == b"retry: 1000\n\n"
            running = asyncio.ensure_future(feed.run())
            await asyncio.to_thread(from_elsewhere, database)
            assert ">from-elsewhere</b>" in (await sent.get())["body"].decode()
            feed.close()
            gone.set()
            await asyncio.gather(page, running)
            assert feed.pages == 0

    play(scene)


def from_elsewhere(place: Place) -> None:
    """Submit in another process: one of this process would change no token of the database."""
    submit = (
        "import sys\n"
        "from pathlib import Path\n"
        "from ledger import options_at\n"
        "from motionkit.client import Client\n"
        "from motionkit.testing.memory import MemoryStage\n"
        "from motionkit.testing.stage import ACCOUNT, sample_request\n"
        "place = sys.argv[1]\n"
        "where = place if '://' in place else Path(place)\n"
        "with Client(**options_at(MemoryStage(), Path('.'), where)) as client:\n"
        "    client.submit(sample_request(), via=ACCOUNT, key='from-elsewhere')\n"
    )
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(tests)}
    subprocess.run(
        [sys.executable, "-c", submit, str(place)], check=True, env=environment, timeout=PATIENCE
    )
