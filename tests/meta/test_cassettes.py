"""What every recording must be: headed, used, small, and without secrets."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
import yaml

from motionkit.testing import cassettes
from motionkit.testing.contract import ProviderContract

ROOT = Path(__file__).parents[2]
ALL = sorted((ROOT / "cassettes").rglob("*.yaml"))
SECRETS = re.compile(
    r"api-key|x-api-key|authorization|sandbox-\w+-key|replayed-key|wrong-key|"
    r"X-Amz-Signature(?!\":\s*\"scrubbed\")|[?&](sig|token|Signature)=",
    re.IGNORECASE,
)
SIGNED_PART = re.compile(rb'name="(policy|x-amz-[^"]+)"\r\n\r\n(?!scrubbed)', re.IGNORECASE)
"""A field of a signed form, in a body that is written as base64."""
FURTHER = {"x-fal-billable-units"}
"""Headers that a contract test names as `response_headers`."""
LARGEST = 32 * 1024
"""Bytes of one recording."""


def ids(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def test_there_are_recordings() -> None:
    assert len(ALL) > 30


@pytest.mark.parametrize("path", ALL, ids=ids)
def test_every_recording_says_where_when_and_with_what(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith("recorded:\n")
    recorded = cassettes.head(path)
    assert recorded["where"] in {"motionkit sandbox", "live service"}
    assert cassettes.recorded_at(path) > dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    assert recorded["motionkit"]
    assert recorded["origin"]


@pytest.mark.parametrize("path", ALL, ids=ids)
def test_no_recording_holds_a_secret(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not SECRETS.search(text)
    for pair in yaml.safe_load(text)["interactions"]:
        body = pair["request"]["body"]
        assert not SIGNED_PART.search(body if isinstance(body, bytes) else b"")
        kept = {name.lower() for name in pair["request"]["headers"]}
        assert kept <= cassettes.REQUEST_HEADERS
        kept = {name.lower() for name in pair["response"]["headers"]}
        assert kept <= cassettes.RESPONSE_HEADERS | FURTHER
    assert len(text) < LARGEST


@pytest.mark.parametrize("path", ALL, ids=ids)
def test_every_recording_belongs_to_a_contract_test(path: Path) -> None:
    written = "".join(file.read_text("utf-8") for file in (ROOT / "tests/contract").glob("*.py"))
    own = re.findall(r"    def (test_\w+)\(", written)
    names = {
        name.removeprefix("test_").replace("_", "-")
        for name in (*vars(ProviderContract), *own)
        if name.startswith("test_")
    }
    stem = path.stem.removeprefix("test-")
    assert any(stem == name or stem.startswith(f"{name}-") for name in names)
