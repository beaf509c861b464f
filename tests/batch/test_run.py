"""`Batch.run`: a child process works, and neither its end nor its parent's loses anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from farm import Farm, farm
from patience import PATIENCE, until

import motionkit as mk
from motionkit.batch import ItemState, child
from motionkit.config import Config, load
from motionkit.errors import BudgetExceeded, ConfigError, InvalidRequest, MotionKitError
from motionkit.testing import samples

pytest.importorskip("dbos")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with a picture and two clips; no configuration of the machine counts."""
    for name in [one for one in os.environ if one.startswith("MOTIONKIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(samples.PICTURE)
    for n in (1, 2):
        (tmp_path / f"{n}.mp4").write_bytes(samples.CLIP + b"\0\0\0\x08free" * n)
    return tmp_path


def planned(made: Farm, **options: Any) -> mk.Batch:
    rows = mk.Batch.matrix(image="a.png", video=["[12].mp4"])
    values = {"quality": "540p"}
    return mk.Batch.plan(rows, out="out", values=values, config=made.config_file, **options)


def test_a_batch_is_planned_run_and_run_again_and_each_row_is_bought_once(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with farm(place, place / "unused.db") as made:
        monkeypatch.setenv(
            "MOTIONKIT_SANDBOX_SPEED", made.sandbox.environment["MOTIONKIT_SANDBOX_SPEED"]
        )
        for _ in range(2):
            with planned(made) as batch:
                progress = batch.run(concurrency=2)
                rows = list(batch.results())
            assert progress.counts[ItemState.DONE] == 2
            assert progress.finished
        assert [(one.state, one.file) for one in rows] == [
            ("done", "000001-a-1.mp4"),
            ("done", "000002-a-2.mp4"),
        ]
        assert len(made.account["jobs"]) == 2
        assert sorted(one.name for one in (place / "out").glob("*.mp4")) == [
            "000001-a-1.mp4",
            "000002-a-2.mp4",
        ]


def test_what_stops_the_buying_is_raised(place: Path) -> None:
    with farm(place, place / "unused.db") as made, planned(made, max_usd="50") as batch:
        batch._journal.store.execute(
            "UPDATE batches SET options=:options", {"options": '{"max_usd": "0.01"}'}
        )
        with pytest.raises(BudgetExceeded, match=f"batch:{batch.id}"):
            batch.run()
        assert batch.progress().counts[ItemState.PLANNED] == 2
        assert made.account["jobs"] == []


def test_what_the_child_raises_is_raised_and_a_child_that_breaks_off_is_told(place: Path) -> None:
    with farm(place, place / "unused.db") as made:
        config = str(made.config_file)
        with pytest.raises(InvalidRequest, match="no batch matches 'b-none'"):
            child.run("b-none", config)
        with pytest.raises(MotionKitError, match="broke off with code 1"):
            child.run("b-none", config, nonsense=1)


def test_a_child_stops_when_its_parent_is_gone(place: Path) -> None:
    with farm(place, place / "unused.db", job_seconds=36_000.0) as made, planned(made) as batch:
        reading, writing = os.pipe()
        with (
            os.fdopen(reading, "rb") as answer,
            subprocess.Popen(
                [sys.executable, "-m", "motionkit.batch.child"],
                stdin=subprocess.PIPE,
                pass_fds=[writing],
            ) as process,
        ):
            os.close(writing)
            task = {
                "batch": batch.id,
                "config": str(made.config_file),
                "answer": writing,
                "options": {},
            }
            assert process.stdin is not None
            process.stdin.write(f"{json.dumps(task)}\n".encode())
            process.stdin.flush()
            until(lambda: len(made.account["jobs"]) == 2)
            process.stdin.close()
            assert process.wait(PATIENCE) == 0
            assert answer.read()
        assert batch.progress().left == 2


def test_a_configuration_made_in_python_is_not_handed_to_a_child(place: Path) -> None:
    file = place / "motionkit.toml"
    file.write_text('[accounts.pixverse]\napi_key = "0123456789abcdef"\n')
    found = load(file)
    assert child.place_of(found) == str(file)
    assert child.place_of("motionkit.toml") == str(file)
    assert child.place_of(None) is None
    made = Config(accounts=found.accounts, defaults=found.defaults, journal=found.journal)
    with pytest.raises(ConfigError, match="made in Python"):
        child.place_of(made)
