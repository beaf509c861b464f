"""The library works where a system lacks what Windows lacks. Windows itself was not at hand."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_support import Account
from patience import PATIENCE

LOCKED_AT = 0x7FFF0000
BEGIN = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import windows
windows.simulate()
import json, motionkit as mk
"""
BUY = """
with mk.Client() as client:
    request = mk.Mimic(image="hero.png", video="dance.mp4")
    job = client.submit(request, key="on-windows")
    result = client.wait(job)
    try:
        path = client.download(result, "film.mp4", overwrite={overwrite})
    except mk.errors.DownloadFailed as error:
        path = error
    delivered = client.jobs.get("on-windows").delivered
    print(json.dumps([job.id, str(path), str(result.cost), delivered]))
"""


def run(code: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_purchase_and_its_download_need_nothing_that_windows_lacks(
    account: Account, media: list[str], own_place: Path
) -> None:
    job, path, cost, delivered = run(BUY.format(overwrite=False))
    assert path == "film.mp4"
    assert "0.40 USD" in cost
    assert Path(delivered) == own_place / "film.mp4"
    assert (own_place / "film.mp4").stat().st_size
    assert run(BUY.format(overwrite=True))[0] == job
    assert not list(own_place.glob("*.part"))
    assert account.bought == (1, 1, "40")


def test_a_file_that_another_process_downloads_is_in_use_there_too(
    account: Account, media: list[str], own_place: Path
) -> None:
    with (own_place / "film.mp4.part").open("wb") as part:
        fcntl.lockf(part, fcntl.LOCK_EX, 1, LOCKED_AT)
        _, said, _, _ = run(BUY.format(overwrite=False))
    assert "in use by another download" in said


def test_what_is_synced_to_the_disk_needs_no_open_folder(own_place: Path) -> None:
    kept, read = run("""
from pathlib import Path
from motionkit.journal.pending import Pending
from motionkit.provider import spool
path = Pending(Path("pending")).put({"kind": "test"})
with spool.create("attempt-1") as stream:
    stream.write(b"film")
    spool.settle(stream, "attempt-1")
with spool.open_kept("attempt-1") as stream:
    print(json.dumps([path.is_file(), stream.read().decode()]))
""")
    assert kept is True
    assert read == "film"


def test_settings_and_journal_are_in_the_folders_of_the_system(
    own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(own_place))
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.delenv("XDG_STATE_HOME")
    found = run("""
from motionkit._support.system import state_folder, user_folder
print(json.dumps([str(user_folder("XDG_CONFIG_HOME")), str(state_folder())]))
""")
    assert found == [str(own_place / "Roaming/motionkit"), str(own_place / "Local/motionkit")]


@pytest.mark.parametrize(
    ("name", "said"),
    [("a:b.mp4", "has :"), ("CON.mp4", "device"), ("nul", "device"), ("film. ", "ends in")],
)
def test_a_name_that_no_file_has_there_is_refused_before_anything_is_bought(
    own_place: Path, name: str, said: str
) -> None:
    why = run(f"""
from motionkit.http import check_target
from pathlib import Path
try:
    check_target(Path({name!r}), overwrite=False)
except mk.errors.InvalidRequest as error:
    print(json.dumps(str(error)))
""")
    assert said in why


def test_a_signal_reaches_the_loop_without_a_handler_of_the_loop() -> None:
    found = run("""
import asyncio, signal
from motionkit._support import system

async def main():
    heard = asyncio.get_running_loop().create_future()
    undo = system.on_signals(asyncio.get_running_loop(), [signal.SIGINT], heard.set_result)
    signal.raise_signal(signal.SIGINT)
    number = await heard
    undo()
    return number

number = asyncio.run(main())
print(json.dumps([number, signal.getsignal(signal.SIGINT) is signal.default_int_handler]))
""")
    assert found == [2, True]
