"""Each of PixVerse's operations is bought, waited for and fetched, from cassettes and the sandbox.

What it was charged is a literal beside it: two readings of the vendor's prices agree, the adapter's
quote and the sandbox's charge.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

import motionkit as mk
from motionkit.client.client import Client
from motionkit.errors import InvalidRequest
from motionkit.model.job import Result, State
from motionkit.model.operations import (
    Extend,
    ImageToVideo,
    LipSync,
    Mimic,
    Modify,
    Request,
    Restyle,
    Swap,
    TextToVideo,
    Transition,
    Upscale,
)
from motionkit.sandbox import Sandbox
from motionkit.testing.samples import CLIP, PICTURE, SOUND
from motionkit.testing.sandboxed import CassetteStages, SandboxStage, SandboxStages, sandbox_stage
from motionkit.testing.stage import ACCOUNT, client_for
from motionkit_pixverse.adapter import PixVerse
from motionkit_pixverse.operations import (
    Avatar,
    Effect,
    ImageTemplate,
    MaskSelection,
    MultiTransition,
    MusicVideo,
    RealEstate,
    ReferenceToVideo,
    SoundEffect,
    ViralRecreation,
)


@attrs.frozen
class Order:
    """What is bought.

    Attributes:
        request: The request, or what makes it of a mask selection's result.
        credits: What it costs, in credits; None where no page says.
        via: The model, where it is not the default.
        kind: What comes of it.
    """

    request: Request | Callable[[Result], Request]
    credits: int | None
    via: str | None = None
    kind: str = "video"


def modified(masks: Result) -> Request:
    """Swap the first subject that the masks show."""
    prompt = "@selection0 is swapped with @img0"
    return Modify(CLIP, prompt, images=PICTURE, masks=[str(masks.outputs[0].id)], keyframe=1)


def swapped(masks: Result) -> Request:
    return Swap(CLIP, PICTURE, mask=str(masks.outputs[0].id), keyframe=1)


PLACES = [PICTURE] * 5
RATE = 100
SONG = (  # 12 s of a WAV, as small as recordings should be
    b"RIFF"
    + (36 + 12 * RATE).to_bytes(4, "little")
    + b"WAVEfmt "
    + struct.pack("<IHHIIHH", 16, 1, 1, RATE, RATE, 1, 8)
    + b"data"
    + (12 * RATE).to_bytes(4, "little")
    + bytes([128]) * (12 * RATE)
)
FAR_CLIP = "https://example.com/dance.mp4"
ORDERS: Mapping[str, Order] = {
    "text_to_video": Order(TextToVideo("a fox runs"), 35),
    "text_to_video with sound": Order(TextToVideo("a fox", audio=True, duration=8), 72),
    "text_to_video with speech": Order(
        TextToVideo("a fox", speech="hello", voice="7", quality="720p"), 64, "v5"
    ),
    "image_to_video": Order(ImageToVideo(PICTURE, "it turns", quality="1080p"), 90),
    "image_to_video with a sound effect": Order(
        ImageToVideo(PICTURE, "it turns", sound_effect="wind"), 55, "v4.5"
    ),
    "effect": Order(Effect(377378608924544, PICTURE, "snow", quality="720p"), 60),
    "effect of two pictures": Order(Effect(302325299692608, [PICTURE, PICTURE], "dance"), 45),
    "transition": Order(Transition(PICTURE, PICTURE, "it melts", duration=8), 70),
    "multi_transition": Order(MultiTransition([PICTURE] * 3, [5, 3], prompts=["up", ""]), None),
    "extend": Order(Extend(CLIP, "it goes on", seed=7), 35),
    "lip_sync by a recording": Order(LipSync(CLIP, audio=SOUND), 4),
    "lip_sync by words": Order(LipSync(CLIP, text="sixteen letters!", voice="auto"), 8),
    "reference_to_video": Order(
        ReferenceToVideo([PICTURE, PICTURE], ["hero", "park"], "@hero walks in @park"), 40
    ),
    "restyle": Order(Restyle(CLIP, prompt="ink"), 20),
    "mask_selection": Order(MaskSelection(CLIP), 2, kind="image"),
    "swap": Order(swapped, None),
    "sound_effect": Order(SoundEffect(CLIP, prompt="rain", keep_audio=True), 4),
    "mimic": Order(Mimic(PICTURE, CLIP, quality="360p"), 18),
    "modify": Order(Modify(CLIP, "make it snow", quality="720p", seed=1), 24),
    "modify by masks": Order(modified, 20),
    "upscale": Order(Upscale(CLIP), 10),
    "image_template": Order(ImageTemplate(384268229671690, PICTURE), None, kind="image"),
    "avatar": Order(Avatar(PICTURE, audio=SOUND), None),
    "real_estate": Order(RealEstate(page="https://example.com/house"), None),
    "real_estate by pictures": Order(
        RealEstate(images=PLACES, prompt="bright", mode="property_tour"), None, "real_estate_pro"
    ),
    "real_estate of an ad": Order(
        RealEstate(
            page="https://example.com/house", mode="ad_house_tour", duration=15, style="cozy"
        ),
        None,
        "real_estate_pro",
    ),
    "viral_recreation": Order(ViralRecreation(FAR_CLIP, PICTURE, "the same with a fox"), None),
    "music_video": Order(MusicVideo(SONG), 180),
    "music_video with pictures": Order(
        MusicVideo(SONG, image=PICTURE, style="Custom", timed_lyrics=["0 1 la", "1 2.5 la"]),
        180,
        "vibe_mv_v3_custom",
    ),
}


@pytest.mark.parametrize("name", ORDERS)
class Operations:
    """Subclass it with a ``stage`` fixture."""

    provider_class = PixVerse
    faults: Mapping[mk.testing.stage.Situation, list[str]] = {}

    @pytest.fixture
    def client(self, stage: SandboxStage, tmp_path: Path) -> Iterator[Client]:
        with client_for(stage, tmp_path) as made:
            yield made

    def test_an_operation_is_bought_waited_for_and_fetched(self, client: Client, name: str) -> None:
        order = ORDERS[name]
        request = order.request
        if not isinstance(request, Request):
            request = request(client.wait(client.submit(MaskSelection(CLIP), via=ACCOUNT)))
        via = f"{ACCOUNT}/{order.via}" if order.via else ACCOUNT
        quote = client.quote(request, via=via)
        assert (quote and quote.likely) == order.credits
        job = client.submit(request, via=via)
        result = client.wait(job)
        assert result.outputs
        assert {output.kind for output in result.outputs} == {order.kind}
        assert client.jobs.get(job.key).state is State.SUCCEEDED
        if order.credits is not None:
            assert result.cost is not None
            assert result.cost.amount == Decimal(order.credits)


class TestOperationsReplayed(Operations, CassetteStages):
    pass


class TestOperationsInTheSandbox(Operations, SandboxStages):
    pass


def test_every_operation_that_pixverse_sells_is_bought_here() -> None:
    told = {name.partition(" ")[0] for name in ORDERS}
    assert told == {offer.operation for offer in PixVerse.offers}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(job_seconds=60) as made:
        yield made


@pytest.fixture
def client(sandbox: Sandbox, tmp_path: Path) -> Iterator[Client]:
    with client_for(sandbox_stage(PixVerse, {}, sandbox), tmp_path) as made:
        yield made


def test_the_sandbox_charges_what_stands_beside_each_operation(
    client: Client, sandbox: Sandbox
) -> None:
    for name, order in ORDERS.items():
        if order.credits is None or not isinstance(order.request, Request):
            continue
        via = f"{ACCOUNT}/{order.via}" if order.via else ACCOUNT
        client.wait(client.submit(order.request, via=via))
        account = sandbox.ledger()["vendors"]["pixverse"]["accounts"]["default"]
        assert Decimal(account["jobs"][-1]["charge"]) == order.credits, name


def test_a_mask_selection_is_answered_at_once_and_kept_whole(
    client: Client, sandbox: Sandbox
) -> None:
    job = client.submit(MaskSelection(CLIP), via=ACCOUNT)
    sandbox.fault("http:poll:status=503:times=0")  # nobody is asked
    again = mk.Job.from_json(job.to_json())
    result = client.result(again)
    labels = [output.label for output in result.outputs]
    assert labels == ["person", "object", "background", "keyframe"]
    assert all(output.id for output in result.outputs)
    assert result.raw["keyframe_id"] == 1
    assert job.cost == result.cost
    assert client.jobs.get(job.key).job == job


@pytest.mark.parametrize(
    "request_",
    [Modify(CLIP, "@selection0 is red", masks="123"), Swap(CLIP, PICTURE, mask="123", keyframe=1)],
)
def test_masks_that_the_vendor_does_not_find_are_told_with_what_they_belong_to(
    client: Client, request_: Request
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.submit(request_, via=ACCOUNT)
    assert caught.value.code == "500008"
    assert caught.value.hint is not None
    assert "masks and keyframe belong to one selection" in caught.value.hint


def test_what_is_not_found_without_masks_is_not_told_of_masks(
    client: Client, sandbox: Sandbox
) -> None:
    sandbox.fault("refuse:submit:code=500008:times=0")
    with pytest.raises(InvalidRequest) as caught:
        client.submit(Upscale(CLIP), via=ACCOUNT)
    assert caught.value.hint is None


def test_an_image_template_is_asked_for_where_pictures_are(
    client: Client, sandbox: Sandbox, tmp_path: Path
) -> None:
    job = client.submit(ImageTemplate(384268229671690, PICTURE), via=ACCOUNT)
    result = client.wait(job)
    saved = client.download(result, tmp_path / "picture.png")
    assert saved.read_bytes()[:4] == b"\x89PNG"


def test_a_song_is_verified_once_and_then_bought(client: Client, sandbox: Sandbox) -> None:
    job = client.submit(MusicVideo(SONG), via=ACCOUNT)
    paths = [call.path for call in client.jobs.get(job.key).attempts[0].submission.calls]
    assert paths == [
        "/openapi/v2/media/upload",
        "/openapi/v2/audio/verification",
        "/openapi/v2/video/music_mv_agent/generate",
    ]


def test_a_made_video_goes_on_by_its_job(client: Client) -> None:
    first = client.submit(TextToVideo("a fox runs"), via=ACCOUNT)
    client.wait(first)
    job = client.submit(Upscale(mk.Generated(first)), via=ACCOUNT)
    body = client.jobs.get(job.key).attempts[0].submission.call.json
    assert body == {"source_video_id": int(first.id)}
    assert client.wait(job).url
