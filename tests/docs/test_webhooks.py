"""The page on webhooks: its recipe without the vendor works as written, but for the ports."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from blocks import ROOT
from patience import PATIENCE, bounded

PAGE = (ROOT / "docs" / "webhooks.md").read_text("utf-8").split("## Try it without the vendor")[1]
COMMANDS = re.findall(r"^motionkit (.+)$", PAGE, flags=re.MULTILINE)


@contextmanager
def started(command: str, *more: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    with (
        subprocess.Popen(
            [sys.executable, "-m", "motionkit", *shlex.split(command), *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **variables},
        ) as running,
        bounded(running),
    ):
        yield running


def read_until(running: subprocess.Popen[str], pattern: str) -> str:
    assert running.stdout is not None
    read = ""
    for line in running.stdout:
        read += line
        if re.search(pattern, read):
            return read
    pytest.fail(f"{pattern!r} did not come; there was {read!r}")


def test_the_recipe_without_the_vendor_works_as_written(reader: Path) -> None:
    configuration = re.search(r'```toml title="(.+)"\n([^`]+)```', PAGE)
    assert configuration is not None
    Path(configuration[1]).write_text(configuration[2], "utf-8")
    sandbox, webhook, mimic = COMMANDS
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])

    here = re.sub(r"(?<=http://127.0.0.1:)\d+", port, sandbox)
    with started(here, "--port", "0") as vendor:
        said = read_until(vendor, "webhooks are sent to")
        variables = dict(re.findall(r"^export (\w+)=(\S+)$", said, flags=re.MULTILINE))
        with started(webhook, "--port", port, **variables) as receiver:
            read_until(receiver, "receiving webhooks of")
            with started(mimic, **variables) as buyer:
                told = buyer.communicate(timeout=PATIENCE)[0]
                assert buyer.returncode == 0, told
            read_until(receiver, r"succeeded job \d+ at pixverse: mimic, key")
            assert Path("out.mp4").stat().st_size > 1000
            receiver.send_signal(signal.SIGINT)
        vendor.send_signal(signal.SIGINT)
