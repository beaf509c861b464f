"""How long tests wait for other processes and threads.

A loaded machine delays a process by many seconds, so the bound only ends a test that would hang.
"""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

PATIENCE = 300.0
"""Seconds after which a test gives up waiting."""


@contextmanager
def bounded(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Kill a process whose output is read, at the end of the block or of our patience."""
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        watchdog.join()
        process.kill()


def until(condition: Callable[[], object]) -> None:
    """Ask again until the condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"the condition did not hold within {PATIENCE:.0f} s")
        time.sleep(0.01)


async def eventually(condition: Callable[[], object]) -> None:
    """Ask again until the condition holds, and let other coroutines run."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"the condition did not hold within {PATIENCE:.0f} s")
        await asyncio.sleep(0.01)
