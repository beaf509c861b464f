"""A program that buys, is killed at a chosen event, and comes back: what the kill test kills.

Run as a script it reads one JSON command a line and forks a process for each, so that every run is
a process of its own and none pays for the imports. An event is a statement that changes the
journal, or a step of a connection, or a step of the file's way onto the disk; each counts twice,
before and after.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import sqlite3
import sys
import threading
import time
import traceback
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import psycopg
import stamina

from motionkit._support.redaction import Secret
from motionkit.client.client import Client
from motionkit.errors import MotionKitError
from motionkit.journal.databases import located
from motionkit.model.job import Job, Result
from motionkit.model.operations import Mimic, Request
from motionkit.provider import registry
from motionkit.provider.fit import inspect
from motionkit.testing.sandboxed import SandboxStage
from motionkit.testing.stage import ACCOUNT, options_for, sample_request

_READING = ("SELECT", "PRAGMA")
_FILE_STEPS = ("fsync", "link", "replace", "rename", "unlink")


@attrs.define
class Seam:
    """Counts the events of this process, and kills it at one of them.

    Attributes:
        limit: The event at which to die; 0 for never.
        tell: Where the last words go.
        count: Events so far.
        labels: What they were.
        paused: Whether something happens that is not the program's.
    """

    limit: int
    tell: Callable[[Mapping[str, Any]], None]
    count: int = 0
    labels: list[str] = attrs.field(factory=list)
    paused: bool = False

    def tick(self, label: str) -> None:
        """Count one event."""
        if self.paused:
            return
        self.count += 1
        self.labels.append(label)
        if self.count == self.limit:
            self.tell({"killed at": label, "labels": self.labels})
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, label: str, call: Callable[[], Any]) -> Any:
        """Count before and after a call."""
        self.tick(f"before {label}")
        done = call()
        self.tick(f"after {label}")
        return done

    def install(self) -> None:
        """Put the seam under sockets, both databases and the file system of this process."""
        socket.socket = self._sockets()  # type: ignore[misc]
        real_connect, factory = sqlite3.connect, self._connections()

        def connect(*args: Any, **options: Any) -> sqlite3.Connection:
            made: sqlite3.Connection = real_connect(*args, **{**options, "factory": factory})
            return made

        sqlite3.connect = connect  # type: ignore[assignment]
        self._watch_postgresql()
        for name in _FILE_STEPS:
            setattr(os, name, self._file_step(name, getattr(os, name)))

    def _file_step(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **options: Any) -> Any:
            return self.around(f"file {name}", lambda: real(*args, **options))

        return step

    def _watch_postgresql(self) -> None:
        from motionkit.journal.postgres import Session

        plain_connect = psycopg.Connection.connect.__func__  # type: ignore[attr-defined]
        plain_execute, plain_flush = psycopg.Connection.execute, Session.execute

        def connect(kind: Any, *args: Any, **options: Any) -> Any:
            return self.around("journal connect", lambda: plain_connect(kind, *args, **options))

        def flush(session: Any, statement: str, *args: Any) -> Any:
            """Run statements of a pipeline, which are done when the server has answered it."""
            piped = [one for one, _ in session._unsent]
            done = plain_flush(session, statement, *args)
            if piped:
                self.tick(f"answered journal {' '.join(statement.split()[:3])}")
            return done

        def execute(db: Any, statement: str, *args: Any, **options: Any) -> Any:
            words = " ".join(statement.split()[:3])
            if words.upper().startswith(_READING):
                return plain_execute(db, statement, *args, **options)
            return self.around(
                f"journal {words}", lambda: plain_execute(db, statement, *args, **options)
            )

        psycopg.Connection.connect = classmethod(connect)  # type: ignore[assignment,method-assign]
        psycopg.Connection.execute = execute  # type: ignore[assignment,method-assign]
        Session.execute = flush  # type: ignore[assignment,method-assign]

    def _connections(self) -> type[sqlite3.Connection]:
        seam = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
                plain = super().execute
                words = " ".join(sql.split()[:3])
                if words.upper().startswith(_READING):
                    return plain(sql, *args)
                cursor: sqlite3.Cursor = seam.around(f"journal {words}", lambda: plain(sql, *args))
                return cursor

            send = execute  # as the journal's own class has

        return Connection

    def _sockets(self) -> type[socket.socket]:
        seam = self

        class Socket(socket.socket):
            asked = ""

            def connect(self, address: Any) -> None:
                plain = super().connect
                seam.around("connect", lambda: plain(address))

            def sendall(self, data: Any, *flags: int) -> None:
                plain = super().sendall
                first = bytes(memoryview(data)[:200]).split(b"\r\n")[0].split(b" ")
                if first[-1].startswith(b"HTTP/"):
                    self.asked = b" ".join(first[:2]).decode()
                seam.around(f"send {self.asked}", lambda: plain(data, *flags))

            def recv_into(self, buffer: Any, *rest: int) -> int:
                plain = super().recv_into
                size: int = seam.around(f"read {self.asked}", lambda: plain(buffer, *rest))
                return size

        return Socket


@attrs.frozen
class Program:
    """What a user's program does, with the journal and the vendor that the command names."""

    told: Mapping[str, Any]
    seam: Seam

    def client(self) -> Client:
        """Return a client whose sleeping moves the vendor's clock."""
        return Client(**self._options())

    def _options(self) -> dict[str, Any]:
        if "state" in self.told:
            os.environ["XDG_STATE_HOME"] = self.told["state"]
        adapter: Any = registry.load(self.told["provider"])
        settings = adapter.settings(
            api_key=Secret(self.told["api_key"]),
            base_url=self.told["url"],
            **self.told.get("settings", {}),
        )
        stage = SandboxStage(adapter, settings, {}, lambda _: None, self._advance)
        options = options_for(stage, Path(self.told["folder"]))
        if "journal" in self.told:
            place = located(self.told["journal"])
            options["config"] = attrs.evolve(options["config"], journal=place)
        return options

    def _advance(self, seconds: float) -> None:
        self.seam.paused = True
        body = json.dumps({"advance": seconds}).encode()
        with urllib.request.urlopen(  # noqa: S310 - loopback
            f"{self.told['url']}/_sandbox/clock", body, timeout=300
        ):
            pass
        self.seam.paused = False

    def request(self, **values: Any) -> Request:
        """Return the sample request, with media by address where the command says so."""
        given = {**self.told["values"], **values}
        if self.told["media"]:
            return Mimic(*self.told["media"], **given)
        made, clip = sample_request(**given), self.told["clip"]
        return attrs.evolve(made, video=bytes.fromhex(clip)) if clip else made

    def buy(self) -> dict[str, Any]:
        """Submit, wait, download."""
        with self.client() as client:
            job = client.submit(
                self.request(), via=self.told["via"], key=self.told["key"], out=self.told["out"]
            )
            return self._deliver(client, job)

    def resume(self) -> dict[str, Any]:
        """Go on with whatever is open."""
        told = {}
        with self.client() as client:
            for entry in client.jobs.list(open_only=True):
                try:
                    told[entry.key] = self._deliver(client, client.jobs.resume(entry))
                except MotionKitError as error:
                    told[entry.key] = _shown(error)
        return told

    def takes(self) -> dict[str, Any]:
        """Submit three takes, without a key, and wait for all of them."""
        with self.client() as client:
            return _endings(client.run_takes(self.request(), 3, via=self.told["via"]))

    def shootout(self) -> dict[str, Any]:
        """Buy the three cells of a shootout, without a name, and wait for all of them."""
        requests = [self.request(**cell) for cell in self.told["cells"]]
        with self.client() as client:
            return _endings([ended for _, ended in client.shootout(requests, self.told["via"])])

    def many(self) -> dict[str, Any]:
        """Submit under many keys, as fast as it goes."""
        told: dict[str, Any] = {}
        with self.client() as client:
            for key in self.told["keys"]:
                try:
                    told[key] = {
                        "job": client.submit(self.request(), via=self.told["via"], key=key).id
                    }
                except MotionKitError as error:
                    told[key] = _shown(error)
        return told

    def ask(self) -> dict[str, Any]:
        """Read the balance on real time, in four threads for so many seconds; return how often."""
        until = time.monotonic() + self.told["seconds"]
        answers: list[str] = []

        def asking() -> None:
            while time.monotonic() < until:
                try:
                    client.balance(ACCOUNT)
                    answers.append("answered")
                except MotionKitError as error:
                    answers.append(type(error).__name__)

        with Client(**{**self._options(), "sleep": time.sleep, "clock": time.monotonic}) as client:
            threads = [threading.Thread(target=asking) for _ in range(4)]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
        return dict(Counter(answers))

    def _deliver(self, client: Client, job: Job) -> dict[str, Any]:
        result = client.wait(job)
        client.download(result, self.told["out"], overwrite=True)
        return {"job": job.id}


def _endings(ended: Sequence[Result | MotionKitError]) -> dict[str, Any]:
    return {
        str(number): {"job": one.job.id} if isinstance(one, Result) else _shown(one)
        for number, one in enumerate(ended, 1)
    }


def _shown(error: MotionKitError) -> dict[str, Any]:
    return {"error": type(error).__name__, "message": str(error), "billed": error.billed.value}


def _live(told: Mapping[str, Any], tell: Callable[[Mapping[str, Any]], None]) -> None:
    seam = Seam(told.get("limit", 0), tell)
    seam.install()
    stamina.set_testing(True, attempts=4, cap=True)
    program = Program(told, seam)
    try:
        outcome = getattr(program, told["do"])()
    except MotionKitError as error:
        outcome = _shown(error)
    tell({"outcome": outcome, "labels": seam.labels})


def _fork(told: Mapping[str, Any]) -> dict[str, Any]:
    """Run one command in a process of its own and return its last words."""
    ear, mouth = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ear)

        def tell(words: Mapping[str, Any]) -> None:
            data = json.dumps(words).encode()
            while data:
                data = data[os.write(mouth, data) :]

        try:
            _live(told, tell)
        except BaseException:  # noqa: BLE001 - the test must see it
            tell({"crashed": traceback.format_exc()})
        finally:
            os._exit(0)
    os.close(mouth)
    with os.fdopen(ear, "rb") as stream:
        words = json.loads(stream.read() or b"{}")
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return {**words, "killed": killed}


def main() -> None:
    """Serve commands until standard input ends."""
    sample_request().fingerprint(inspect(sample_request()))  # what loads late, loads here
    importlib.import_module("motionkit.journal.postgres")
    for name in registry.names():
        registry.load(name)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_fork(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
