"""Take from this interpreter what Windows lacks, and give it what Windows does differently.

Import it before motionkit. The standard library is imported first: it would look for Windows.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import ctypes
import email.parser
import http.client
import json
import logging.handlers
import multiprocessing
import os
import signal
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time
import types
import urllib.request
from pathlib import Path
from typing import Any

import requests
import stamina

READY = (
    asyncio,
    concurrent.futures,
    ctypes,
    email.parser,
    http.client,
    json,
    logging.handlers,
    multiprocessing,
    requests,
    sqlite3,
    ssl,
    stamina,
    subprocess,
    tempfile,
    urllib.request,
)
LACKS = {
    os: """
        O_CLOEXEC O_NOFOLLOW O_NONBLOCK O_DIRECTORY fork forkpty register_at_fork mknod mkfifo
        getuid geteuid getgid getegid chown fchmod fchown killpg getpgid setsid statvfs lockf
    """,
    time: "clock_gettime clock_gettime_ns CLOCK_BOOTTIME CLOCK_MONOTONIC CLOCK_REALTIME",
    signal: "SIGKILL SIGHUP SIGUSR1 SIGUSR2 SIGALRM SIGCHLD SIGPIPE SIGQUIT pthread_kill",
}
MODULES = ("fcntl", "pwd", "grp", "termios", "resource", "tty", "pty", "syslog")


def _in_use(path: Any) -> None:
    """Refuse what Windows refuses: to rename or delete a file that this process has open."""
    real = os.path.realpath(os.fspath(path))
    for number in Path("/proc/self/fd").iterdir():
        try:
            opened = number.readlink()
        except OSError:
            continue
        if str(opened) == real:
            raise PermissionError(13, "the process cannot access the file: it is in use", real)


def _guarded(name: str, places: tuple[int, ...]) -> None:
    original = getattr(os, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        for place in places:
            _in_use(args[place])
        return original(*args, **kwargs)

    setattr(os, name, call)


def _no_folders() -> None:
    original = os.open

    def call(path: Any, *args: Any, **kwargs: Any) -> int:
        if Path(path).is_dir():
            raise PermissionError(13, "a folder cannot be opened", os.fspath(path))
        return original(path, *args, **kwargs)

    os.open = call


def simulate() -> None:
    """Make this interpreter lack what Windows lacks."""
    import fcntl

    msvcrt = types.ModuleType("msvcrt")

    def locking(number: int, mode: int, size: int) -> None:
        try:
            fcntl.lockf(number, fcntl.LOCK_EX | fcntl.LOCK_NB, size, os.lseek(number, 0, 1))
        except BlockingIOError as error:
            raise PermissionError(13, "permission denied") from error

    msvcrt.locking, msvcrt.LK_NBLCK = locking, 2  # type: ignore[attr-defined]
    sys.modules["msvcrt"] = msvcrt
    for module, names in LACKS.items():
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    os.O_BINARY = os.O_NOINHERIT = 0  # type: ignore[attr-defined]
    _no_folders()
    for name, places in {
        "rename": (0, 1),
        "replace": (0, 1),
        "unlink": (0,),
        "remove": (0,),
    }.items():
        _guarded(name, places)

    def no_handler(*_: Any) -> None:
        raise NotImplementedError

    asyncio.unix_events._UnixSelectorEventLoop.add_signal_handler = no_handler  # type: ignore[assignment]
    sys.platform = "win32"
    os.environ["APPDATA"] = str(Path.home() / "Roaming")
    os.environ["LOCALAPPDATA"] = str(Path.home() / "Local")
