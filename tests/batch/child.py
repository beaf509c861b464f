"""A worker in a process of its own, which may claim to be another host, and may kill itself.

Its one argument is JSON: ``config``, ``journal``, ``batch`` and ``concurrency`` of the worker;
``host`` to claim; ``first``, code that is run before; ``kill`` with the number of the paid call
(``submit``) or of the poll (``wait``) in whose middle the process dies: the vendor has answered,
and nobody here has heard of it.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
from urllib3.connectionpool import HTTPConnectionPool

from motionkit._support import process
from motionkit.batch.worker import Worker
from motionkit.config import load
from motionkit.journal.databases import located

PAID = "/openapi/v2/video/mimic/generate"
POLL = "/openapi/v2/video/result/"


class Deaths:
    """Kills this process in the middle of the calls that are named."""

    def __init__(self, kill: dict[str, int]) -> None:
        self._kill, self._made = kill, {"submit": 0, "wait": 0}
        self._lock = threading.Lock()

    def install(self) -> None:
        real = HTTPConnectionPool.urlopen

        def urlopen(pool: HTTPConnectionPool, method: str, url: str, **options: Any) -> Any:
            answer = real(pool, method, url, **options)
            path = urlsplit(url).path
            kind = "submit" if path == PAID else "wait" if path.startswith(POLL) else None
            if kind is not None:
                with self._lock:
                    self._made[kind] += 1
                    if self._made[kind] == self._kill.get(kind):
                        os.kill(os.getpid(), signal.SIGKILL)
            return answer

        HTTPConnectionPool.urlopen = urlopen  # type: ignore[method-assign]


def main() -> None:
    told = json.loads(sys.argv[1])
    logging.basicConfig(
        level=os.environ.get("LEVEL", "WARNING"), format="%(asctime)s %(levelname)s %(message)s"
    )
    if told.get("host"):
        process.host = lambda: told["host"]
        process.machine = lambda: told["host"]
    if told.get("first"):
        exec(told["first"])  # noqa: S102 - what a test wants to be otherwise
    if told.get("kill"):
        Deaths(told["kill"]).install()
    config = attrs.evolve(load(Path(told["config"])), journal=located(told["journal"]))
    worker = Worker(config, concurrency=told.get("concurrency"), batch=told.get("batch"))
    ended = worker.run()
    counts = {state.value: count for state, count in ended.counts.items() if count}
    sys.stdout.write(json.dumps({"counts": counts, "stopped": ended.stopped}) + "\n")


if __name__ == "__main__":
    main()
