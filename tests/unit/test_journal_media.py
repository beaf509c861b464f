"""The journal keeps where the media of a request are, for pages that show them."""

from __future__ import annotations

from pathlib import Path

import attrs
from ledger import Place
from support import submission

import motionkit as mk
from motionkit.errors import Billed, MotionKitError
from motionkit.journal import Journal, NewPurchase
from motionkit.model.media import MediaRecord
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


def test_media_are_the_same_after_reading_whatever_the_database_and_the_path(
    database: Place,
) -> None:
    media = (
        MediaRecord("images[0]", "image", "hero.png", "/media/\udcff hero.png", "a" * 64),
        MediaRecord("video", "video", "https://media.test/dance.mp4"),
    )
    new = NewPurchase(
        key="k1",
        request="r",
        via="shop",
        description={one.field: one.label for one in media},
        again=True,
        media=tuple((one.field, one.kind, one.path, one.sha256) for one in media),
    )
    with Journal(database) as journal:
        attempt = journal.intend(new, "a1", submission(), "f" * 16)
        assert journal.entry("k1").media == media
        journal.refused(attempt, MotionKitError("no", billed=Billed.NO))
        older = attrs.evolve(new, media=())
        journal.intend(older, "a2", submission(), "f" * 16, after_refusal=True)
        assert journal.entry("k1").media == media
        assert [one.key for one in journal.listed(["none", "k1"])] == ["k1"]


def test_a_purchase_of_an_older_version_has_no_media(database: Place) -> None:
    new = NewPurchase(key="k1", request="r", via="shop", description={}, again=True)
    with Journal(database) as journal:
        journal.intend(new, "a1", submission(), "f" * 16)
        assert journal.entry("k1").media is None
