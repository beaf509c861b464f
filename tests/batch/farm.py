"""Workers in processes of their own, a vendor whose ledger is compared, and a batch for them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
from patience import PATIENCE, until

from motionkit.batch.cells import packed
from motionkit.batch.tables import Batches, Item, ItemState
from motionkit.client.client import Client
from motionkit.config import Config, load
from motionkit.journal.databases import located
from motionkit.model.operations import Mimic
from motionkit.sandbox import Sandbox
from motionkit.testing import samples
from motionkit_pixverse.sandbox import PixVerseSandbox

_SCRIPT = Path(__file__).with_name("child.py")
KEY = "batch-key-0123456789"
BATCH = "b-0123abcd"
SLOTS = 15


@attrs.define
class Farm:
    """One vendor, one journal, and the processes that work on a batch."""

    folder: Path
    sandbox: Sandbox
    journal: Path | str
    slots: int = SLOTS
    rpm: int | None = None
    workers: list[subprocess.Popen[str]] = attrs.field(factory=list)
    hosts: dict[str, subprocess.Popen[str]] = attrs.field(factory=dict)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def config_file(self) -> Path:
        return self.folder / "motionkit.toml"

    def config(self) -> Config:
        return attrs.evolve(load(self.config_file), journal=located(self.journal))

    def prepare(self) -> None:
        self.sandbox.add_account(
            "pixverse", KEY, label="batch", balance=1_000_000, concurrency=self.slots
        )
        self.config_file.write_text(
            f"journal = {json.dumps(str(self.folder / 'unused.db'))}\n"
            "[accounts.pixverse]\n"
            f"api_key = {json.dumps(KEY)}\n"
            f"base_url = {json.dumps(self.sandbox.environment['PIXVERSE_BASE_URL'])}\n"
            f"max_concurrent = {self.slots}\n"
            + ("" if self.rpm is None else f"rpm = {self.rpm}\n"),
            "utf-8",
        )
        self.config_file.chmod(0o600)

    def plan(self, pictures: int, clips: int, *, batch: str = BATCH, **options: Any) -> None:
        """Make a batch of every picture with every clip."""
        for n in range(pictures):
            # Trailing bytes make each a file of its own.
            (self.folder / f"{n}.png").write_bytes(samples.PICTURE + bytes([n]))
        for n in range(clips):
            (self.folder / f"{n}.mp4").write_bytes(samples.CLIP)
        pairs = [(image, video) for image in range(pictures) for video in range(clips)]
        with Client(self.config()) as client:
            batches = Batches(client._journal.store)
            batches.create(
                batch,
                via="pixverse",
                out=str(self.out),
                options=options,
                accounts={"pixverse": client.account("pixverse").fingerprint},
                total=len(pairs),
            )
            self._add(batches, batch, 1, pairs)

    def more(self, total: int) -> None:
        """Let the batch have so many items, all of the first picture and clip."""
        with Client(self.config()) as client:
            batches = Batches(client._journal.store)
            planned = batches.extend(BATCH, total=total).planned
            self._add(batches, BATCH, planned + 1, [(0, 0)] * (total - planned))

    def _add(
        self, batches: Batches, batch: str, first: int, pairs: Iterable[tuple[int, int]]
    ) -> None:
        items = (
            Item(
                batch,
                n,
                f"{batch}/{n}",
                packed(
                    Mimic(
                        self.folder / f"{image}.png", self.folder / f"{video}.mp4", quality="540p"
                    )
                ),
                None,
                None,
                f"{n:03}.mp4",
            )
            for n, (image, video) in enumerate(pairs, first)
        )
        assert list(batches.add(batch, items))

    def start(self, **told: Any) -> subprocess.Popen[str]:
        """Start a worker; see `child.py` for what it is told."""
        told = {
            "config": self.config_file,
            "journal": self.journal,
            "batch": BATCH,
            **told,
        }
        environment = {
            name: value
            for name, value in os.environ.items()
            if "proxy" not in name.lower() and not name.startswith("MOTIONKIT_")
        }
        environment["MOTIONKIT_SANDBOX_SPEED"] = self.sandbox.environment["MOTIONKIT_SANDBOX_SPEED"]
        worker = subprocess.Popen(
            [sys.executable, str(_SCRIPT), json.dumps(told, default=str)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.workers.append(worker)
        return worker

    def on(self, host: str, **told: Any) -> subprocess.Popen[str]:
        """Start a worker that claims to be a host."""
        self.hosts[host] = self.start(host=host, **told)
        return self.hosts[host]

    @staticmethod
    def finish(worker: subprocess.Popen[str], patience: float = PATIENCE) -> Mapping[str, Any]:
        """Wait for a worker, and return what it said last."""
        said, _ = worker.communicate(timeout=patience)
        assert worker.returncode == 0, said
        told: Mapping[str, Any] = json.loads(said.splitlines()[-1])
        return told

    @staticmethod
    def died(worker: subprocess.Popen[str], patience: float = PATIENCE) -> bool:
        """Wait for a worker that kills itself; return whether it did."""
        worker.communicate(timeout=patience)
        return worker.returncode == -signal.SIGKILL

    def counts(self, batch: str = BATCH) -> dict[str, int]:
        with Client(self.config()) as client:
            found = Batches(client._journal.store).counts(batch)
        return {state.value: count for state, count in found.items() if count}

    def reach(self, done: int) -> None:
        """Wait until so many items are done; a batch that stands still fails the test."""
        known = self.counts().get(ItemState.DONE.value, 0)
        while known < done:
            before = known
            until(lambda: self.counts().get(ItemState.DONE.value, 0) > before)  # noqa: B023
            known = self.counts().get(ItemState.DONE.value, 0)

    @property
    def account(self) -> Mapping[str, Any]:
        account: Mapping[str, Any] = self.sandbox.ledger()["vendors"]["pixverse"]["accounts"][
            "batch"
        ]
        return account

    def judge(self, total: int) -> None:
        """Compare the vendor's ledger with the journal and the files, when all is done."""
        jobs = [job for job in self.account["jobs"] if not job["twin"]]
        with Client(self.config()) as client:
            entries = client.jobs.list()
            items = list(Batches(client._journal.store).items(BATCH))
        owned = Counter(entry.job.id for entry in entries if entry.job is not None)
        lost = [job["id"] for job in jobs if job["id"] not in owned]
        assert not lost, f"paid and lost: {lost}"
        assert len(jobs) == total, f"{len(jobs)} jobs for {total} items"
        assert {item.state for item in items} == {ItemState.DONE}
        files = sorted(path.name for path in self.out.iterdir())
        assert files == [f"{n:03}.mp4" for n in range(1, total + 1)]
        assert all(path.read_bytes()[4:8] == b"ftyp" for path in self.out.iterdir())
        assert all(entry.batch == BATCH for entry in entries)
        assert sorted(entry.item or 0 for entry in entries) == list(range(1, total + 1))

    def close(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
            worker.wait()
            if worker.stdout is not None:
                worker.stdout.close()


@contextlib.contextmanager
def farm(
    folder: Path,
    journal: Path | str,
    *,
    job_seconds: float = 120.0,
    speed: float = 60.0,
    slots: int = SLOTS,
    rpm: int | None = None,
) -> Iterator[Farm]:
    with Sandbox(apps=[PixVerseSandbox], job_seconds=job_seconds, speed=speed) as sandbox:
        made = Farm(folder, sandbox, journal, slots, rpm)
        made.prepare()
        try:
            yield made
        finally:
            made.close()
