"""A board over a vendor in memory, asked in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from ledger import Place, change, options_at

import motionkit as mk
from motionkit.client import Client, journal_of
from motionkit.journal import PurchaseRecord
from motionkit.report.board import Board, board_of, film_name
from motionkit.testing import samples
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import ACCOUNT, options_for

TOKEN = "token-of-the-test"
HOST = "127.0.0.1:8791"


@attrs.frozen
class Answer:
    """An answer of the board."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@attrs.define
class Stand:
    """A client and its board.

    Attributes:
        stage: The vendor.
        folder: Where media and films are.
        client: The client.
        board: The board.
    """

    stage: MemoryStage
    folder: Path
    client: Client
    board: Board

    def request(self, **values: Any) -> mk.Request:
        return mk.Mimic(self.folder / "hero.png", self.folder / "dance.mp4", **values)

    def submit(self, key: str, **options: Any) -> mk.Job:
        return self.client.submit(self.request(), via=ACCOUNT, key=key, **options)

    def entry(self, key: str) -> PurchaseRecord:
        return self.client.jobs.get(key)

    def delivered(self, key: str, film: Path | str) -> None:
        """Submit a job, let it end, and say that its film is in a file."""
        job = self.submit(key)
        self.stage.pass_time(1000)
        self.client.poll(job)
        journal_of(self.client).delivered(job, film, "0" * 64)

    def change(self, statement: str, **values: Any) -> None:
        change(journal_of(self.client), statement, **values)
        self.board.feed.mark()  # another process would change the database's own token

    def page(self) -> str:
        answer = self.get("/{token}/")
        assert answer.status == 200, answer
        return answer.text

    def film(self, key: str, **headers: str) -> Answer:
        return self.get("/{token}/film/" + film_name(key), **headers)

    def get(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        """Ask the board; ``{token}`` in the path is its token, ``_`` in a header's name a dash."""
        given = {"host": HOST, **{name.replace("_", "-"): text for name, text in headers.items()}}
        return asyncio.run(
            asked(self.board.app, method, path.replace("{token}", TOKEN), given, body)
        )

    def post(self, body: bytes, **headers: str | None) -> Answer:
        """Ask for an action as the page does; headers replace its own, None leaves one out."""
        given: dict[str, str | None] = {
            "x_motionkit_token": TOKEN,
            "origin": f"http://{HOST}",
            "content_type": "application/json",
            **headers,
        }
        kept = {name: text for name, text in given.items() if text is not None}
        return self.get("/actions", "POST", body, **kept)


@contextmanager
def stand(
    folder: Path,
    stage: MemoryStage | None = None,
    *,
    acts: bool = False,
    defaults: Mapping[str, Any] | None = None,
    place: Place | None = None,
) -> Iterator[Stand]:
    stage = stage or MemoryStage()
    options = options_for(stage, folder) if place is None else options_at(stage, folder, place)
    if defaults is not None:
        config = options["config"]
        options["config"] = attrs.evolve(config, defaults=attrs.evolve(config.defaults, **defaults))
    (folder / "hero.png").write_bytes(samples.PICTURE)
    (folder / "dance.mp4").write_bytes(samples.CLIP)
    with (
        Client(**options) as client,
        board_of(client, acts=acts, token=TOKEN) as board,
    ):
        yield Stand(stage, folder, client, board)


async def asked(
    app: Any, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
) -> Answer:
    """Ask an ASGI application, and read its whole answer."""
    plain, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": plain,
        "raw_path": plain.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), text.encode()) for name, text in headers.items()],
        "server": ("127.0.0.1", 8791),
        "client": ("127.0.0.1", 50_000),
    }
    sent: list[Any] = []
    given = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if not given:
            await asyncio.Event().wait()  # the browser stays
        return given.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *parts = sent
    return Answer(
        start["status"],
        {name.decode(): text.decode() for name, text in start["headers"]},
        b"".join(part.get("body", b"") for part in parts),
    )
