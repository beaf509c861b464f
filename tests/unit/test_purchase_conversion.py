"""Requests whose media are cut or made to fit: quoted first, converted before the upload."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
from films import film, picture

import motionkit as mk
from motionkit._support.redaction import Secret
from motionkit._support.system import cache_folder
from motionkit.client.aio import AsyncClient
from motionkit.client.client import Client
from motionkit.config import Account, Config, Defaults, Route
from motionkit.errors import Billed, Busy, InvalidRequest, MotionKitError
from motionkit.model import probe
from motionkit.model.job import Job
from motionkit.model.media import File
from motionkit.model.submission import Submission
from motionkit.provider import Fit, Offer, Uploads
from motionkit.testing.memory import Memory, Settings, Vendor
from motionkit.testing.stage import Time

BOTH = Route(name="both", targets=("wide", "narrow"))
SIDES = {"wide": 120, "narrow": 60}
LENGTHS = {"wide": 2, "narrow": 1}


class Fitting(Memory):
    """Accounts that take films of different sizes and lengths."""

    prepared: ClassVar[list[tuple[str, probe.Facts]]] = []
    refusing: ClassVar[set[str]] = set()

    def __init__(self, account: str, settings: Settings, uploads: Uploads) -> None:
        super().__init__(account, settings, uploads)
        self.fingerprint += account
        offer = Memory.offers[0]
        video = attrs.evolve(
            offer.media["video"], max_side=SIDES[account], max_seconds=LENGTHS[account]
        )
        media = {**offer.media, "video": video}
        self.offers: Sequence[Offer] = (attrs.evolve(offer, media=media),)  # type: ignore[misc]

    def prepare(self, fitted: Fit, *, dry: bool = False) -> Submission:
        if not dry:
            self.prepared.append((self.account, fitted.facts["video"]))
        return super().prepare(fitted, dry=dry)

    def submit(self, submission: Submission, attempt_id: str) -> Job:
        if self.account in self.refusing:
            raise Busy("busy", account=self.account)
        return super().submit(submission, attempt_id)


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(Fitting, "prepared", [])
    monkeypatch.setattr(Fitting, "refusing", set())
    vendor = Vendor()
    settings = Settings(api_key=Secret("memory-key-0123456789"), vendor=vendor)
    time = Time(lambda seconds: setattr(vendor, "now", vendor.now + seconds))
    return {
        "config": Config(
            accounts={name: Account(name, "memory", settings) for name in SIDES},
            defaults=Defaults(wait_for_slot=0),
            journal=tmp_path / "journal.db",
            routes={"both": BOTH},
        ),
        "provider_classes": {"memory": Fitting},
        "sleep": time.sleep,
        "clock": time,
        "spread": lambda: 0.5,
    }


@pytest.fixture
def client(options: dict[str, Any]) -> Any:
    with Client(**options) as made:
        yield made


@pytest.fixture
def media(tmp_path: Path) -> dict[str, Any]:
    picture(64, 64).save(tmp_path / "hero.png")
    return {
        "image": tmp_path / "hero.png",
        "video": film(tmp_path / "dance.mp4", seconds=3.0, size=(160, 96), sound=True),
    }


def kept() -> list[Path]:
    folder = cache_folder() / "media"
    return sorted(folder.iterdir()) if folder.exists() else []


def test_a_quote_names_what_is_made_and_prices_it_and_makes_nothing(
    client: Client, media: dict[str, Any]
) -> None:
    request = mk.Mimic(**media, fit=True, start=0.5, seconds=1)
    explained = client.explain(request, via="wide")
    assert explained.quote is not None
    assert explained.quote.usd_high == Decimal("0.10")
    made, saved = explained.conversions
    assert "-> 1.0 s, 120x72 h264 mp4 from 0.5 s on, with its sound" in made
    assert saved == "1.0 s instead of 2.0 s: saves 0.10 USD"  # it takes 2 s at most
    assert explained.calls[1].files == {"video": "dance.mp4"}
    (row,) = client.compare(request, via="narrow")
    assert row.conversions[0].startswith("video: dance.mp4: 3.0 s, 160x96")
    assert row.clip_seconds == 1.0
    assert client.quote(request, via="wide") == explained.quote
    assert kept() == []


def test_media_that_exceed_the_limits_are_refused_without_fit_and_the_hint_says_so(
    client: Client, media: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest, match="width of 160 pixels") as caught:
        client.submit(mk.Mimic(**media), via="wide")
    assert caught.value.hint == "fit=True makes a copy that fits"
    with pytest.raises(InvalidRequest, match="width of 160 pixels"):
        client.submit(mk.Mimic(**media, seconds=1), via="wide")


def test_what_is_uploaded_fits_and_is_recorded_as_billed(
    client: Client, media: dict[str, Any]
) -> None:
    job = client.submit(mk.Mimic(**media, fit=True), via="wide")
    ((account, facts),) = Fitting.prepared
    assert (account, facts.label, facts.codec) == ("wide", "dance.mp4", "h264")
    assert (facts.seconds, facts.seconds_high, facts.width, facts.height) == (2.0, 2.0, 120, 72)
    (file,) = kept()
    assert probe.inspect(File(file), "video").sha256 == facts.sha256
    record = client.jobs.get(job.key)
    assert record.attempts[-1].submission.clip_seconds == 2.0
    assert record.quote is not None
    assert record.quote.usd_high == Decimal("0.20")
    assert probe.inspect(File(media["video"]), "video").seconds == 3.0


def test_the_same_request_is_found_again_although_its_file_is_gone(
    client: Client, options: dict[str, Any], media: dict[str, Any]
) -> None:
    request = mk.Mimic(**media, fit=True, seconds=1.5)
    job = client.submit(request, via="wide")
    shutil.rmtree(cache_folder())
    with Client(**options) as other:
        assert other.submit(request, via="wide") == job
        assert other.bought_before(request, via="wide") is not None
    assert kept() == []
    again = client.submit(attrs.evolve(request, seconds=1), via="wide")
    assert again != job


def test_each_target_of_a_route_gets_what_fits_it(client: Client, media: dict[str, Any]) -> None:
    Fitting.refusing.add("wide")
    job = client.submit(mk.Mimic(**media, fit=True), via="both")
    assert job.account == "narrow"
    found = [(account, facts.width, facts.seconds) for account, facts in Fitting.prepared]
    assert found == [("wide", 120, 2.0), ("narrow", 60, 1.0)]
    assert len(kept()) == 2


def test_what_fits_two_targets_alike_is_made_once(client: Client, media: dict[str, Any]) -> None:
    Fitting.refusing.add("wide")
    media["video"] = film(media["video"].with_name("small.mp4"), seconds=1.5, size=(60, 36))
    job = client.submit(mk.Mimic(**media, seconds=1), via="both")
    assert job.account == "narrow"
    first, second = (facts.sha256 for _, facts in Fitting.prepared)
    assert first == second
    assert len(kept()) == 1


def test_nothing_is_bought_where_a_conversion_fails(
    client: Client, media: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("motionkit.conversion.cache._make", full)
    with pytest.raises(MotionKitError, match="No space left on device") as caught:
        client.submit(mk.Mimic(**media, fit=True), via="wide", key="order-17")
    assert caught.value.billed is Billed.NO
    assert client.jobs.list() == []
    monkeypatch.undo()
    assert client.submit(mk.Mimic(**media, fit=True), via="wide", key="order-17").key == "order-17"


def test_facts_without_details_are_read_again(client: Client, media: dict[str, Any]) -> None:
    request = mk.Mimic(**media, fit=True)
    facts = probe.inspect_all(request.media())
    assert client.explain(request, via="wide", facts=facts).conversions


def test_coroutines_and_bytes_are_served_alike(
    options: dict[str, Any], media: dict[str, Any]
) -> None:
    async def buy() -> Job:
        async with AsyncClient(**options) as client:
            content = media["video"].read_bytes()
            return await client.submit(
                mk.Mimic(media["image"], content, fit=True, seconds=1), via="wide"
            )

    asyncio.run(buy())
    ((_, facts),) = Fitting.prepared
    assert (facts.seconds, facts.width) == (1.0, 120)
