"""The network is cut in real time, between a process of the command line and the vendor.

Everything else in this folder runs on time of its own; this takes about four minutes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest
from cutter import Cutter
from harness import KEY, find_entry
from matrix import PIXVERSE
from vendors import VENDORS

from motionkit.model.job import KeyState, State
from motionkit.sandbox import Sandbox, sample_clip, sample_picture

SECONDS = (10.0, 60.0, 110.0, 130.0)
WINDOW = 120.0
PATIENCE = 900.0
"""Wall seconds for a whole run of the command line."""


@attrs.frozen
class Run:
    """One purchase with an outage in it.

    Attributes:
        sandbox: The vendor of all.
        folder: Its own.
        seconds: How long the outage lasts.
        gateway: Whether a gateway answers 502 meanwhile; else connections are refused.
        killed: Whether the process is killed in it, and another one resumes.
    """

    sandbox: Sandbox
    folder: Path
    seconds: float
    gateway: bool
    killed: bool

    @property
    def name(self) -> str:
        """What tells it from the others."""
        what = "502" if self.gateway else "cut"
        return f"{what} for {self.seconds:g} s{', killed' if self.killed else ''}"

    @property
    def api_key(self) -> str:
        """The account's key."""
        return "cut-key-0123456789-" + self.name.replace(" ", "-").replace(",", "")

    def start(self, port: int, *words: str) -> subprocess.Popen[str]:
        """Start the command line."""
        state = {
            "MOTIONKIT_JOURNAL": str(self.folder / "journal.db"),
            "PIXVERSE_API_KEY": self.api_key,
            "PIXVERSE_BASE_URL": f"http://127.0.0.1:{port}",
        }
        return subprocess.Popen(
            [sys.executable, "-m", "motionkit", *words],
            cwd=self.folder,
            env={**os.environ, **state},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def play(self) -> str:
        """Submit, lose the answer, and go on; return what is wrong, empty when nothing is."""
        self.folder.mkdir()
        (self.folder / "hero.png").write_bytes(sample_picture())
        (self.folder / "dance.mp4").write_bytes(sample_clip())
        self.sandbox.add_account(PIXVERSE, self.api_key, label=self.name, balance="1000")
        media = ("--image", "hero.png", "--video", "dance.mp4", "--quality", "540p")
        words = ("mimic", *media, "--via", PIXVERSE, "--key", KEY, "--out", "out.mp4")
        vendor = int(self.sandbox.url.rpartition(":")[2])
        with Cutter(vendor, self.seconds, gateway=self.gateway) as cutter:
            running = self.start(cutter.port, *words)
            if not cutter.cut.wait(PATIENCE):
                running.kill()
                return f"{self.name}: no paid call arrived: {running.communicate()[1]}"
            if self.killed:
                running.send_signal(signal.SIGKILL)
                running.communicate(timeout=PATIENCE)
                running = self.start(cutter.port, "resume")
            _, told = running.communicate(timeout=PATIENCE)
        return self.judge(running.returncode, told)

    def judge(self, code: int, told: str) -> str:
        """Compare the vendor's ledger with the journal and the file."""
        books: Mapping[str, Any] = self.sandbox.ledger()["vendors"][PIXVERSE]["accounts"]
        jobs = books[self.name]["jobs"]
        entry = find_entry(self.folder / "journal.db", KEY)
        assert entry is not None
        seen = (code, len(jobs), entry.state, (self.folder / "out.mp4").exists())
        wanted: tuple[object, ...] = (0, 1, State.SUCCEEDED, True)
        if self.seconds > WINDOW:
            wanted = (10, 1, KeyState.UNCERTAIN, False)
        if seen == wanted and (entry.job is None or entry.job.id == jobs[0]["id"]):
            return ""
        return f"{self.name}: {seen} is not {wanted}: {told}"


@pytest.mark.soak
@pytest.mark.parametrize("killed", [False, True], ids=["running", "killed and resumed"])
def test_a_network_cut_within_the_window_ends_in_the_one_job_and_beyond_it_in_a_doubt(
    tmp_path: Path, *, killed: bool
) -> None:
    with Sandbox(apps=[VENDORS[PIXVERSE].sandbox], job_seconds=2.0) as sandbox:
        runs = [
            Run(sandbox, tmp_path / f"{int(seconds)}-{gateway}", seconds, gateway, killed)
            for seconds in SECONDS
            for gateway in (False, True)
        ]
        with ThreadPoolExecutor(len(runs)) as pool:
            wrong = [problem for problem in pool.map(Run.play, runs) if problem]
    assert not wrong, "\n".join(wrong)
