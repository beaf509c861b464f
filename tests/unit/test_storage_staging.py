"""Clips that reach a vendor by a store of the user's: named by content, signed, never unasked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from motionkit.errors import Billed, ConfigError, InvalidRequest, Unsupported
from motionkit.model import media, probe
from motionkit.model.operations import Mimic
from motionkit.provider import MediaField, staged
from motionkit.storage import Staging
from motionkit.storage.staging import SIGNED_FOR
from motionkit.testing import samples

CLIP = media.Data(samples.CLIP)
NAME = f"{hashlib.sha256(samples.CLIP).hexdigest()}.mp4"
SLOT = MediaField("video", "video", ("mp4",), urls=True)


@attrs.frozen
class Cache:
    """What an adapter gets for its uploads, as far as a stage needs it."""

    stage: str | None = None
    limiter: None = None
    timeout: float = 60.0

    def put(self, account: str, slot: str, sha256: str | None, send: Any) -> str:
        raise AssertionError("a staged file is no upload to a vendor")


@pytest.fixture(autouse=True)
def empty_store() -> Iterator[None]:
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
    yield
    MemoryFileSystem.store.clear()


@pytest.fixture
def signing(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Let the store in memory sign URLs, as those of clouds do."""
    asked: list[tuple[str, int]] = []

    def sign(_: Any, path: str, expiration: int = 100, **__: Any) -> str:
        asked.append((path, expiration))
        return f"https://store.example{path}?X-Signature=planted"

    monkeypatch.setattr(MemoryFileSystem, "sign", sign)
    return asked


def facts_of(content: media.Ref = CLIP) -> probe.Facts:
    return probe.inspect(content, "video")


def stored() -> dict[str, bytes]:
    return {path: file.getvalue() for path, file in MemoryFileSystem.store.items()}


def request(**values: Any) -> Mimic:
    return Mimic("https://cdn.example/hero.png", CLIP, **values)


def test_a_clip_is_stored_under_its_digest_and_gets_a_signed_url(
    signing: list[tuple[str, int]],
) -> None:
    url = Staging("memory://clips/in").put(CLIP, facts_of())
    assert stored() == {f"/clips/in/{NAME}": samples.CLIP}
    assert url == f"https://store.example/clips/in/{NAME}?X-Signature=planted"
    assert {expiration for _, expiration in signing} == {SIGNED_FOR}


@pytest.mark.usefixtures("signing")
def test_a_clip_that_is_there_is_not_copied_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Staging("memory://clips").put(CLIP, facts_of())

    def refuse(*_: Any) -> None:
        raise AssertionError("copied again")

    monkeypatch.setattr("motionkit.storage.staging._copied", refuse)
    assert Staging("memory://clips/").put(CLIP, facts_of()) == first


@pytest.mark.usefixtures("signing")
def test_a_file_that_changes_meanwhile_is_never_stored_under_the_old_digest(
    tmp_path: Path,
) -> None:
    path = tmp_path / "dance.mp4"
    path.write_bytes(samples.CLIP)
    facts = facts_of(media.File(path))
    path.write_bytes(samples.CLIP + b"more")
    with pytest.raises(InvalidRequest, match="changed while it was sent") as caught:
        Staging("memory://clips").put(media.File(path), facts)
    assert caught.value.billed is Billed.NO
    assert stored() == {}


def test_a_store_that_signs_nothing_is_refused_before_a_byte_is_copied() -> None:
    with pytest.raises(ConfigError, match="makes no signed URLs") as caught:
        Staging("memory://clips").put(CLIP, facts_of())
    assert "s3://" in (caught.value.hint or "")
    assert stored() == {}


@pytest.mark.usefixtures("signing")
def test_a_store_that_fails_is_no_fault_of_the_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("Access Denied")

    monkeypatch.setattr(MemoryFileSystem, "_open", fail)
    with pytest.raises(ConfigError, match="Access Denied; nothing was submitted") as caught:
        Staging("memory://clips").put(CLIP, facts_of())
    assert caught.value.billed is Billed.NO


@pytest.mark.parametrize("url", ["http://store.example/x.mp4", "file:///etc/x.mp4", "gibberish"])
def test_a_signed_url_that_no_vendor_may_fetch_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryFileSystem, "sign", lambda *_, **__: url)
    with pytest.raises(InvalidRequest) as caught:
        Staging("memory://clips").put(CLIP, facts_of())
    assert caught.value.field == "stage"
    assert stored() == {}


@pytest.mark.parametrize("where", ["clips", "/tmp/clips", "file:///tmp/clips", ""])  # noqa: S108
def test_a_folder_of_this_machine_is_no_stage(where: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Staging(where).check()
    assert (caught.value.field, caught.value.billed) == ("stage", Billed.NO)


def test_a_stage_with_credentials_is_refused_and_they_are_not_shown() -> None:
    with pytest.raises(InvalidRequest) as caught:
        Staging("s3://me:planted@bucket/x").check()
    assert "planted" not in str(caught.value)


def test_a_store_whose_package_is_missing_says_what_to_install() -> None:
    with pytest.raises(ConfigError):
        Staging("nosuchstore://bucket").check()


def test_a_clip_of_this_machine_without_a_stage_is_refused_with_the_ways_out() -> None:
    with pytest.raises(Unsupported) as caught:
        staged(Cache(), request(), SLOT, CLIP, facts_of())
    error = caught.value
    assert (error.field, error.billed, error.limit) == ("video", Billed.NO, "a URL")
    hint = error.hint or ""
    assert all(way in hint for way in ("https://", "stage='s3://BUCKET/FOLDER'", "another target"))


@pytest.mark.parametrize(
    ("asked", "configured"),
    [("memory://mine", None), (None, "memory://mine"), ("memory://mine", "memory://theirs")],
)
def test_the_requests_stage_goes_before_the_configurations(
    asked: str | None, configured: str | None
) -> None:
    upload = staged(Cache(configured), request(stage=asked), SLOT, CLIP, facts_of())
    assert (upload.call.method, upload.call.path) == ("PUT", f"memory://mine/{NAME}")
    assert stored() == {}, "saying where a clip would go copies nothing"


def test_a_stage_is_no_part_of_what_is_bought() -> None:
    assert request(stage="s3://a/b") == request(stage="s3://c/d") == request()
