"""The live recording path is real code: here it records from a loopback address."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from patience import PATIENCE

from motionkit.sandbox import Sandbox
from motionkit.testing import cassettes

ROOT = Path(__file__).parents[2]
TESTS = ["a_submit_gives", "the_balance", "a_fresh_job"]


def contract(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *[sys.executable, "-m", "pytest", "tests/contract/test_pixverse.py", "-q"],
            *["-p", "no:cacheprovider", "--cassettes", str(folder)],
            *["-k", f"Replayed and ({' or '.join(TESTS)})", *options],
        ],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_what_is_recorded_live_is_replayed_without_the_service(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        recorded = contract(tmp_path, "--record=live", **sandbox.environment)
        origin = sandbox.url
        secrets = [v for name, v in sandbox.environment.items() if name.endswith("_API_KEY")]
    assert recorded.returncode == 0, recorded.stdout
    assert "3 passed" in recorded.stdout
    made = sorted((tmp_path / "pixverse").glob("*.yaml"))
    assert len(made) == len(TESTS)
    for path in made:
        told = cassettes.head(path)
        assert told["where"] == "live service"
        assert told["origin"] == origin
        text = path.read_text("utf-8")
        assert not any(key in text for key in secrets)
    replayed = contract(tmp_path)
    assert replayed.returncode == 0, replayed.stdout
    assert "3 passed" in replayed.stdout


def test_a_renamed_request_field_fails_the_recordings(tmp_path: Path) -> None:
    """The body is part of the match: what the adapter sends is what was recorded."""
    (tmp_path / "renamed_field.py").write_text(
        """
import attrs
from motionkit_pixverse.adapter import PixVerse

mimic = PixVerse.offers[0]
clip = attrs.evolve(mimic.media["video"], field="video_id")
PixVerse.offers = (attrs.evolve(mimic, media={**mimic.media, "video": clip}),)
""",
        "utf-8",
    )
    replayed = contract(ROOT / "cassettes", "-p", "renamed_field", PYTHONPATH=os.fspath(tmp_path))
    assert replayed.returncode == 1
    assert "2 failed, 1 passed" in replayed.stdout
