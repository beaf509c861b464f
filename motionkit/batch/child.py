"""Work on a batch in a child process: no thread or signal of the engine in a user's program.

The parent writes what to do to the child's standard input and keeps that open: when it closes, also
because the parent was killed, the child stops as on Ctrl-C. The child answers with a pickle through
a pipe of its own, because others may write to standard output.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from motionkit.config import Config
from motionkit.errors import ConfigError, MotionKitError


def place_of(config: Config | Path | str | None) -> str | None:
    """Return the file that a child process reads the configuration from; None lets it search.

    Raises:
        ConfigError: It was made in Python: keys are not handed over.
    """
    if isinstance(config, Config):
        if config.given or (config.source is None and not config.keyed):
            raise ConfigError(
                "a batch runs in a child process, which cannot read a configuration made in Python",
                hint="name a file as config, or run motionkit.Worker in a program of your own",
            )
        config = config.source
    return None if config is None else os.path.abspath(config)  # noqa: PTH100 - no link is followed


def run(batch: str, config: str | None, **options: Any) -> Mapping[str, MotionKitError]:
    """Work on a batch in a child process until nothing is left.

    Args:
        batch: Its id.
        config: As `place_of` returns it.
        **options: Those of `motionkit.batch.worker.run_batch`.

    Returns:
        Why nothing more was bought at some targets or routes, by their name.

    Raises:
        MotionKitError: What the worker raised, or the child process broke off: the same call again
            continues.
    """
    reading, writing = os.pipe()
    task = {"batch": batch, "config": config, "answer": writing, "options": options}
    with os.fdopen(reading, "rb") as answer:
        try:
            child = subprocess.Popen(
                [sys.executable, "-m", "motionkit.batch.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[writing],
            )
        finally:
            os.close(writing)
        with child:
            assert child.stdin is not None  # noqa: S101 - it was asked for
            try:
                child.stdin.write(f"{json.dumps(task)}\n".encode())
                child.stdin.flush()
                content = answer.read()
            finally:  # also on Ctrl-C: it ends what it has begun, and the parent waits for that
                child.stdin.close()
                child.wait()
    if not content:
        raise MotionKitError(
            f"the process that worked on batch {batch} broke off with code {child.returncode}",
            hint="run the batch again: it continues, and nothing is bought twice",
        )
    found = pickle.loads(content)  # noqa: S301 - our own child's
    if isinstance(found, BaseException):
        raise found
    halts: Mapping[str, MotionKitError] = found
    return halts


def main() -> None:
    """Do what the parent asks for."""
    task = json.loads(sys.stdin.readline())
    stop = threading.Event()
    threading.Thread(target=_watch, args=(stop,), daemon=True).start()
    work = importlib.import_module("motionkit.batch.worker").run_batch
    try:
        ended = work(task["config"], task["batch"], stop=stop, **task["options"])
        answer: Any = dict(ended.halts)
    except MotionKitError as error:
        answer = error
    with os.fdopen(task["answer"], "wb") as stream:
        pickle.dump(answer, stream)


def _watch(stop: threading.Event) -> None:
    """Stop when the parent closes standard input, or is gone."""
    sys.stdin.read()
    stop.set()


if __name__ == "__main__":
    main()
