"""Processor time of a poll and of a submit against ``requests.Session.get(url).json()``.

A poll is the whole adapter's: `Session.send`, the JSON, the vendor's tables, the `Status`. A submit
is `Client.submit` with media that the vendor holds already: the quote, the paid call over a
connection of its own, and a journal on this disk with ``synchronous=FULL``, which is synced three
times. ``python tests/bench/calls.py [--rounds N] [--json]``
"""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import importlib.util
import itertools
import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import server
from figures import Figure, compared, options, taking_turns, told

import motionkit as mk
from motionkit.http.session import Session
from motionkit.journal.journal import Journal
from motionkit.model.submission import Call
from motionkit.provider.uploads import CarefulUploads
from motionkit_pixverse.adapter import PixVerse
from motionkit_segmind.adapter import Segmind

POLLS, SUBMITS = 100, 25
KEY = "bench-key-0123456789"
MIMIC = mk.Mimic(image=mk.Uploaded("7"), video=mk.Uploaded("8"), quality="540p")
LIMIT = (
    "of it, three commits that are on the disk take {commits:.2f}x, a POST over a new connection "
    "{paid:.2f}x (by bare http.client {fresh:.2f}x)"
)


def polls(host: server.Running, rounds: int) -> list[Figure]:
    host.plan(seconds=1e6)
    begun = requests.post(f"{host.url}/v2/pixverse-mimic", json={}, timeout=5).json()["request_id"]
    bare = requests.Session()
    calls: dict[str, Callable[[], object]] = {}
    for adapter, path in (
        (PixVerse, f"/openapi/v2/video/result/{begun}"),
        (Segmind, f"/v2/requests/{begun}/status"),
    ):
        settings: Any = adapter.settings(api_key=KEY, base_url=host.url)
        provider: Any = adapter("bench", settings, CarefulUploads(Journal(None).caches))
        job = mk.Job(
            id=begun,
            provider=provider.name,
            account="bench",
            fingerprint=provider.fingerprint,
            operation="mimic",
            model="mimic",
            key="k",
            attempt_id="a",
            submitted_at=dt.datetime.now(dt.UTC),
        )
        url = host.url + path
        calls[provider.name] = lambda provider=provider, job=job: provider.poll(job)
        calls[f"{provider.name} floor"] = lambda url=url: bare.get(url).json()
    url = f"{host.url}/openapi/v2/video/result/{begun}"
    if importlib.util.find_spec("httpx"):
        import httpx

        client = httpx.Client()
        calls["httpx"] = lambda: client.get(url).json()
    kept = http.client.HTTPConnection(urlsplit(host.url).netloc)

    def barest() -> object:
        kept.request("GET", urlsplit(url).path)
        return json.loads(kept.getresponse().read())

    calls["http.client"] = barest
    taken = taking_turns(calls, rounds=rounds, times=POLLS)
    floor = taken["pixverse floor"]
    figures = [
        _figure(f"poll, whole adapter ({name})", taken[name], taken[f"{name} floor"], bar=0.45)
        for name in ("pixverse", "segmind")
    ]
    for name, note in (("httpx", "without an adapter"), ("http.client", "no pool, no deadline")):
        if name in taken:
            figures.append(_figure(f"the same call by {name}", taken[name], floor, note=note))
    return figures


def _figure(
    what: str,
    mine: list[float],
    floor: list[float],
    *,
    bar: float | None = None,
    note: str = "",
) -> Figure:
    ours, base = compared(mine, floor)
    return Figure(
        what=what, ours=round(ours * 1e6, 1), floor=round(base * 1e6, 1), unit="us of CPU", bar=bar,
        note=note,
    )  # fmt: skip


@contextlib.contextmanager
def shop(url: str) -> Iterator[tuple[mk.Client, Path]]:
    """Give a client with one account and a journal on the disk, and their folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "motionkit.toml"
        file.write_text(
            f'journal = "{folder}/journal.db"\n[accounts.pixverse]\n'
            f'api_key = "{KEY}"\nbase_url = "{url}"\n'
        )
        file.chmod(0o600)
        with mk.Client(file) as client:
            yield client, folder


def submits(host: server.Running, rounds: int) -> list[Figure]:
    host.plan(seconds=1e6)
    bare = requests.Session()
    begun = requests.post(f"{host.url}/v2/pixverse-mimic", json={}, timeout=5).json()["request_id"]
    url = f"{host.url}/openapi/v2/video/result/{begun}"
    number = itertools.count()
    path = "/openapi/v2/video/mimic/generate"
    body = {"img_id": 7, "video_media_id": 8, "quality": "540p"}
    with shop(host.url) as (client, folder):
        session = Session(
            provider="bench", account="bench", origins={"api": host.url}, auth={}, limiter=None
        )
        ledger = sqlite3.connect(folder / "bare.db", isolation_level=None)
        ledger.execute("PRAGMA journal_mode=WAL")
        ledger.execute("PRAGMA synchronous=FULL")
        ledger.execute("CREATE TABLE kept (id INTEGER PRIMARY KEY, said TEXT)")

        def fresh() -> object:
            connection = http.client.HTTPConnection(urlsplit(host.url).netloc)
            with contextlib.closing(connection):
                connection.request("POST", path, json.dumps(body))
                return json.loads(connection.getresponse().read())

        def commits() -> None:
            for _ in range(3):
                ledger.execute("BEGIN IMMEDIATE")
                ledger.execute("INSERT INTO kept (said) VALUES (?)", ("x" * 500,))
                ledger.execute("COMMIT")

        calls: dict[str, Callable[[], object]] = {
            "floor": lambda: bare.get(url).json(),
            "submit": lambda: client.submit(MIMIC, via="pixverse", key=f"k{next(number)}"),
            "paid": lambda: session.send(Call("POST", path, json=body, paid=True)).json(),
            "fresh": fresh,
            "commits": commits,
        }
        taken = taking_turns(calls, rounds=rounds, times=SUBMITS)
        ledger.close()
    parts = {name: compared(taken[name], taken["floor"]) for name in ("commits", "fresh", "paid")}
    note = LIMIT.format(**{name: ours / base for name, (ours, base) in parts.items()})
    return [_figure("submit, journal on disk", taken["submit"], taken["floor"], bar=1.5, note=note)]


def main() -> None:
    chosen = options(__doc__).parse_args()
    rounds = chosen.rounds or 21
    with server.running() as host:
        told([*polls(host, rounds), *submits(host, rounds)], as_json=chosen.json)


if __name__ == "__main__":
    main()
