"""The verb `worker`: it does what others planned, says that it is well, and stops in order."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cli_support import Account, Cli, ended, process, read_until
from patience import PATIENCE, until

import motionkit as mk

ROWS = [{"image": "hero.png", "video": "dance.mp4", "key": f"order-{n}"} for n in range(3)]


def test_a_worker_does_what_was_planned_until_it_is_stopped(
    cli: Cli, account: Account, media: list[str]
) -> None:
    assert cli("worker", "--health").code == 1
    with process("worker") as running:
        read_until(running, "Ctrl-C stops it")
        until(lambda: cli("worker", "--health").code == 0)
        assert cli("worker", "--health", "--json").one == {"healthy": True}
        with mk.Batch.plan(ROWS, out="films") as batch:  # by a web service, say
            until(lambda: batch.progress().finished)
        running.send_signal(signal.SIGTERM)
        told = ended(running)
    assert told.code == 0
    assert told.err.endswith("the worker stopped\n")
    assert account.bought == (3, 3, "120")
    assert len(list(Path("films").glob("*.mp4"))) == 3
    well = cli("worker", "--health")
    assert (well.code, well.out) == (1, "no worker of this machine runs\n")


def test_workers_share_a_journal_on_postgresql(
    cli: Cli,
    account: Account,
    media: list[str],
    postgresql: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOTIONKIT_JOURNAL", postgresql)
    with process("worker") as first, process("worker", "--concurrency", "2") as second:
        for running in (first, second):
            read_until(running, "Ctrl-C stops it")
        until(lambda: cli("worker", "--health").code == 0)
        with mk.Batch.plan(ROWS, out="films") as batch:
            until(lambda: batch.progress().finished)
            assert cli("batch", "status", batch.id, "--json").one["workers"] >= 2
            told = cli("batch", "run", batch.id)  # beside the workers
            assert (told.code, told.out) == (0, f"{Path('films/results.csv').absolute()}\n")
        for running in (first, second):
            running.send_signal(signal.SIGTERM)
            assert ended(running).code == 0
    assert account.bought == (3, 3, "120")


def test_only_one_process_works_on_a_journal_on_sqlite_and_a_run_waits_for_it(
    cli: Cli, account: Account, media: list[str]
) -> None:
    Path("items.csv").write_text("image,video\nhero.png,dance.mp4\n")
    with process("worker") as running:
        read_until(running, "Ctrl-C stops it")
        until(lambda: cli("worker", "--health").code == 0)
        told = cli("worker")
        assert told.code == 2
        assert "works on the batches of this journal" in told.err
        assert "PostgreSQL" in told.err
        told = cli("batch", "run", "items.csv", "--out", "films", "--yes")
    assert told.code == 0, told.err
    assert "works on the batches of this journal: waiting for it" in told.err
    assert account.bought == (1, 1, "40")


@pytest.mark.parametrize(
    ("module", "argv"),
    [
        ("dbos", ["worker"]),
        ("fsspec", ["batch", "run", "items.csv", "--out", "films", "--yes"]),
    ],
)
def test_without_the_extra_it_says_what_to_install_before_anything_is_planned(
    cli: Cli, account: Account, media: list[str], module: str, argv: list[str]
) -> None:
    Path("items.csv").write_text("image,video\nhero.png,dance.mp4\n")
    program = (
        "import importlib.util as u, sys\nfind = u.find_spec\n"
        f"u.find_spec = lambda name, *rest: None if name == {module!r} else find(name, *rest)\n"
        f"from motionkit.cli import main\nsys.exit(main({argv!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "pip install 'motionkit[batch]'" in done.stderr
    assert cli("batch", "plan", "items.csv", "--out", "films").code == 0  # it needs neither
    assert cli("batch", "status", "--json").data == []
