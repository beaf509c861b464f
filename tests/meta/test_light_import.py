"""Saying what one wants loads neither an HTTP library, nor a ledger, nor a vendor."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "aiohttp",
    "av",
    "cattrs",
    "hashlib",
    "PIL",
    "requests",
    "rich",
    "sqlite3",
    "ssl",
    "stamina",
    "click",
    "urllib3",
}
TELL = "import json, sys; print(json.dumps(sorted(sys.modules)))"


def loaded_by(code: str) -> set[str]:
    """Return the modules that some lines load in an interpreter of their own."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{TELL}"], capture_output=True, text=True, check=True
    )
    bare = subprocess.run([sys.executable, "-c", TELL], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout)) - set(json.loads(bare.stdout))


def test_importing_motionkit_loads_motionkit_alone() -> None:
    found = loaded_by("import motionkit")
    assert {name for name in found if name.startswith("motionkit")} == {"motionkit"}
    assert not HEAVY & found
    assert "attrs" not in found


@pytest.mark.parametrize(
    "code",
    [
        "import motionkit as mk; mk.Mimic(image='a.png', video='b.mp4')",
        "import motionkit as mk; mk.Mimic(image=mk.Uploaded('7'), video=mk.Generated('8'))",
        "import motionkit as mk; mk.Billed.NO, mk.errors.MotionKitError('no')",
    ],
)
def test_a_request_or_an_error_loads_no_transport_no_ledger_and_no_vendor(code: str) -> None:
    found = loaded_by(code)
    assert not HEAVY & found
    assert not {name for name in found if name.startswith("motionkit_")}
    assert "motionkit.client.client" not in found


def test_a_client_loads_no_vendor_until_an_account_is_used() -> None:
    found = loaded_by("import motionkit as mk; mk.Client")
    assert "requests" in found
    assert not {name for name in found if name.startswith("motionkit_")}
    assert not {"aiohttp", "av", "PIL", "rich", "click"} & found


SHARING = {"dbos", "fsspec", "psycopg", "psycopg_pool", "pyarrow", "sqlalchemy"}
"""What only a journal of many machines, or a batch, needs."""
PURCHASE = """
import tempfile
from pathlib import Path
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import ACCOUNT, client_for, sample_request

with tempfile.TemporaryDirectory() as folder:
    stage = MemoryStage()
    with client_for(stage, Path(folder)) as client:
        client.submit(sample_request(), via=ACCOUNT, key="k")
        assert list(Path(folder).glob("*.db"))
"""


def test_a_purchase_with_a_journal_in_a_file_loads_nothing_for_many_machines() -> None:
    found = loaded_by(PURCHASE)
    assert "sqlite3" in found
    assert not SHARING & found


def test_the_command_line_loads_no_batch_and_no_server_until_a_verb_needs_them() -> None:
    found = loaded_by("import motionkit.cli.app")
    assert "motionkit.batch" not in found
    assert "aiohttp" not in found
    assert not SHARING & found
