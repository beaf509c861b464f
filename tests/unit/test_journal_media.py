"""The journal keeps where the media of a request are, for pages that show them."""

from __future__ import annotations

from pathlib import Path

import motionkit as mk
from motionkit.sandbox import sample_clip, sample_picture
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import ACCOUNT, client_for


def test_a_purchase_names_its_files_absolutely_with_their_digests(tmp_path: Path) -> None:
    stage = MemoryStage()
    (tmp_path / "dance.mp4").write_bytes(sample_clip())
    with client_for(stage, tmp_path) as client:
        request = mk.Mimic(image=sample_picture(), video=tmp_path / "dance.mp4")
        client.submit(request, via=ACCOUNT, key="k1")
        found = client.jobs.get("k1").media
        assert found is not None
        assert [(one.field, one.kind) for one in found] == [("image", "image"), ("video", "video")]
        assert found[0].path is None
        assert found[1].path == str(tmp_path / "dance.mp4")
        assert all(one.sha256 and len(one.sha256) == 64 for one in found)


def test_an_address_is_kept_without_its_signature(tmp_path: Path) -> None:
    stage = MemoryStage()
    with client_for(stage, tmp_path) as client:
        address = "https://media.test/dance.mp4?signature=0123456789abcdef"
        request = mk.Mimic(image=sample_picture(), video=address)
        client.submit(request, via=ACCOUNT, key="k1")
        (_, video) = client.jobs.get("k1").media or ()
        assert (video.path, video.sha256) == (None, None)
        assert "0123456789abcdef" not in video.label
