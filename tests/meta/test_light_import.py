"""Saying what one wants loads neither an HTTP library, nor a ledger, nor a vendor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from motionkit._support.plugins import entry_points
from motionkit.cli.verbs import ROWS, Verb
from motionkit.provider import registry
from motionkit.sandbox import sample_clip, sample_picture

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
    assert "requests" not in found  # not before the first call
    assert not {name for name in found if name.startswith("motionkit_")}
    assert not {"aiohttp", "av", "PIL", "rich", "click"} & found


SHARING = {
    "IPython",
    "dbos",
    "fsspec",
    "pandas",
    "psycopg",
    "psycopg_pool",
    "pyarrow",
    "sqlalchemy",
}
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


ADAPTERS = {point.value.partition(":")[0] for point in entry_points(group=registry.GROUP)}
NETWORK = {"requests", "urllib3", "stamina", "tenacity", "asyncio", "http.client", "ssl"}
CLASSES = {
    "the version": (["--version"], {"click", "rich", "attrs", "typer", "importlib.metadata"}),
    "the help": (["--help"], {"click", "rich", "attrs", "typer", "importlib.metadata"}),
    "the help of a verb": (["jobs", "--help"], {"rich", "typer", "pydantic", "sqlite3", "cattrs"}),
    "what reads the journal": (
        ["jobs"],
        {
            *("typer", "pydantic", "importlib.metadata", "rich", "tomllib"),
            *("motionkit.http.session", "motionkit.provider.contract", "motionkit.provider.offers"),
            *(
                "motionkit.polling.engine",
                "motionkit.purchase.submit",
                "motionkit.model.mimic",
            ),
        },
    ),
}
"""Command lines, and what they need not load."""
RUN = """
import contextlib, io, sys
from motionkit.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    assert main({argv!r}) == 0
"""


CERTIFICATES = ("_ca_bundle", "ssl_cert_file", "ssl_cert_dir")
"""Endings of variables, beside those of proxies, that only requests and OpenSSL can read."""


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MOTIONKIT_JOURNAL", str(tmp_path / "journal.db"))
    monkeypatch.setenv("PIXVERSE_API_KEY", "a-planted-key")
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "MOTIONKIT_CONFIG", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name in [one for one in os.environ if one.lower().endswith(("_proxy", *CERTIFICATES))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("what", CLASSES)
def test_a_verb_loads_no_more_than_it_uses(fresh: None, what: str) -> None:
    argv, needless = CLASSES[what]
    found = loaded_by(RUN.format(argv=argv))
    assert not (needless | NETWORK | ADAPTERS) & found


def test_another_verbs_module_is_not_loaded(fresh: None) -> None:
    found = {name for name in loaded_by(RUN.format(argv=["jobs"])) if "motionkit.cli." in name}
    others = {row.target.partition(":")[0] for row in ROWS.values() if isinstance(row, Verb)}
    assert not found & {f"motionkit.cli.{name}" for name in others}
    assert "motionkit.cli.journal" in found


DRY_RUN = ["mimic", "--image", "hero.png", "--video", "dance.mp4", "--via", "pixverse", "--dry-run"]


def test_a_dry_run_loads_what_reads_media_and_nothing_that_sends(
    fresh: None, tmp_path: Path
) -> None:
    (tmp_path / "hero.png").write_bytes(sample_picture())
    (tmp_path / "dance.mp4").write_bytes(sample_clip())
    found = loaded_by(RUN.format(argv=DRY_RUN))
    assert {"motionkit_pixverse.adapter", "av", "PIL.PngImagePlugin"} <= found
    needless = {"rich", "concurrent.futures", "PIL.JpegImagePlugin", "cattrs", "tomllib"}
    assert not (NETWORK | needless) & found
    assert not OF_OTHERS & found


def test_a_purchase_loads_nothing_of_retries_routes_and_waiting() -> None:
    found = loaded_by(PURCHASE)
    assert "motionkit.purchase.submit" in found
    assert not (OF_OTHERS | {"stamina", "tenacity", "cattrs"}) & found


OF_OTHERS = {
    *("motionkit.cli.compare", "motionkit.cli.masks", "motionkit.cli.takes", "motionkit.cli.quote"),
    *("motionkit.client.following", "motionkit.client.placing", "motionkit.http.download"),
    *("motionkit.journal.statistics", "motionkit.polling.cancel", "motionkit.polling.watch"),
    *("motionkit.polling.observe", "motionkit.polling.schedule", "motionkit.polling.webhooks"),
    *("motionkit.purchase.fallback", "motionkit.purchase.takes", "motionkit.routing.router"),
    *("motionkit.model.editing", "motionkit.model.generation"),
    *(ADAPTERS - {"motionkit_pixverse.adapter"}),
}
"""What only other purchases need, or what follows them."""


def test_a_client_that_only_reads_its_journal_loads_no_network(fresh: None) -> None:
    code = "import motionkit as mk\nwith mk.Client() as client: client.jobs.list()"
    found = loaded_by(code)
    assert "sqlite3" in found
    assert not (NETWORK | ADAPTERS | {"motionkit.provider.contract"}) & found
