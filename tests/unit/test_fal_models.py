"""fal's models besides those of motion transfer: literal bodies, limits, and a run of each."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import attrs
import pytest
from scripted import NoUploads

import motionkit as mk
from motionkit.errors import InvalidRequest
from motionkit.model import probe
from motionkit.model.job import State
from motionkit.provider import Fit, fit_at, pick_offer
from motionkit.sandbox import Sandbox
from motionkit_fal.adapter import Fal, Settings
from motionkit_fal.sandbox import FalSandbox

A, B, CLIP, SONG = (f"https://h.example/{name}" for name in ("a.png", "b.png", "c.mp4", "d.mp3"))
V6 = {"duration": 5, "resolution": "540p", "generate_audio_switch": False}
V6_ALL: dict[str, Any] = {
    "duration": 7,
    "quality": "1080p",
    "negative_prompt": "rain",
    "seed": 7,
    "style": "clay",
    "audio": True,
}
V6_SENT: dict[str, Any] = {
    "prompt": "run",
    "duration": 7,
    "resolution": "1080p",
    "negative_prompt": "rain",
    "seed": 7,
    "style": "clay",
    "generate_audio_switch": True,
}
NEW: dict[str, Any] = {"multi_clip": True, "thinking": "auto"}
NEW_SENT = {"generate_multi_clip_switch": True, "thinking_type": "auto"}

Row = tuple[str, mk.Request, dict[str, Any], str | None]
ROWS: list[Row] = [
    (
        "fal-ai/pixverse/v6/image-to-video",
        mk.ImageToVideo(A, "run"),
        {"image_url": A, "prompt": "run", **V6},
        "0.175",
    ),
    (
        "fal-ai/pixverse/v6/image-to-video",
        mk.ImageToVideo(A, "run", **V6_ALL, **NEW),
        {"image_url": A, **V6_SENT, **NEW_SENT},
        "0.805",
    ),
    (
        "fal-ai/kling-video/v2.6/pro/image-to-video",
        mk.ImageToVideo(A, "run"),
        {"start_image_url": A, "prompt": "run", "duration": "5", "generate_audio": False},
        "0.35",
    ),
    (
        "fal-ai/kling-video/v3/pro/image-to-video",
        mk.ImageToVideo(A, "run", duration=15, audio=True, negative_prompt="rain"),
        {
            "start_image_url": A,
            "prompt": "run",
            "duration": "15",
            "generate_audio": True,
            "negative_prompt": "rain",
        },
        "2.52",
    ),
    (
        "fal-ai/pixverse/v6/text-to-video",
        mk.TextToVideo("run", aspect_ratio="9:16"),
        {"prompt": "run", "aspect_ratio": "9:16", **V6},
        "0.175",
    ),
    (
        "fal-ai/pixverse/v6/transition",
        mk.Transition(A, B, "run"),
        {"first_image_url": A, "end_image_url": B, "prompt": "run", **V6},
        "0.175",
    ),
    (
        "fal-ai/pixverse/v5.6/transition",
        mk.Transition(A, B, "run", duration=8, quality="720p"),
        {
            "first_image_url": A,
            "end_image_url": B,
            "prompt": "run",
            "duration": "8",
            "resolution": "720p",
            "generate_audio_switch": False,
        },
        "0.90",
    ),
    (
        "fal-ai/pixverse/v6/extend",
        mk.Extend(CLIP, "run", **V6_ALL),
        {"video_url": CLIP, **V6_SENT},
        "0.805",
    ),
    (
        "fal-ai/pixverse/lipsync",
        mk.LipSync(CLIP, audio=SONG),
        {"video_url": CLIP, "audio_url": SONG},
        None,
    ),
    (
        "fal-ai/pixverse/lipsync",
        mk.LipSync(CLIP, text="hello", voice="Liam"),
        {"video_url": CLIP, "text": "hello", "voice_id": "Liam"},
        None,
    ),
    ("fal-ai/topaz/upscale/video", mk.Upscale(CLIP), {"video_url": CLIP}, None),
    (
        "decart/lucy-restyle",
        mk.Restyle(CLIP, prompt="clay", seed=7),
        {"video_url": CLIP, "prompt": "clay", "seed": 7},
        "0.05",
    ),
    (
        "fal-ai/luma-dream-machine/ray-2-flash/modify",
        mk.Restyle(CLIP, prompt="clay"),
        {"video_url": CLIP, "prompt": "clay"},
        "0.60",
    ),
    (
        "fal-ai/wan/v2.7/edit-video",
        mk.Modify(CLIP, "a red coat"),
        {"video_url": CLIP, "prompt": "a red coat", "resolution": "720p"},
        "0.50",
    ),
    (
        "fal-ai/wan/v2.7/edit-video",
        mk.Modify(CLIP, "a red coat", images=A, quality="1080p", seed=7),
        {
            "video_url": CLIP,
            "prompt": "a red coat",
            "reference_image_url": A,
            "resolution": "1080p",
            "seed": 7,
        },
        "0.50",
    ),
    (
        "alibaba/happy-horse/video-edit",
        mk.Modify(CLIP, "the coat of @img0, the hat of @img1", images=(A, B), seed=7),
        {
            "video_url": CLIP,
            "prompt": "the coat of @Image1, the hat of @Image2",
            "reference_image_urls": [A, B],
            "resolution": "720p",
            "seed": 7,
        },
        "1.40",
    ),
    (
        "fal-ai/kling-video/o3/standard/video-to-video/edit",
        mk.Modify(CLIP, "a red coat"),
        {"video_url": CLIP, "prompt": "a red coat"},
        "0.63",
    ),
    (
        "fal-ai/kling-video/o3/pro/video-to-video/edit",
        mk.Modify(CLIP, "the coat of @img0", images=A),
        {"video_url": CLIP, "prompt": "the coat of @Image1", "image_urls": [A]},
        "0.84",
    ),
]
"""Model, request, the body that is sent, and the dollars of a run; a clip given by URL counts as 5
seconds in the sandbox."""
IDS = [f"{number}-{model}" for number, (model, *_) in enumerate(ROWS)]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=[FalSandbox], job_seconds=100) as running:
        running.add_account("fal", "id:secret", balance="1000")
        yield running


@pytest.fixture
def fal(sandbox: Sandbox) -> Iterator[Fal]:
    made = Fal("studio", Settings(api_key="id:secret", base_url=sandbox.url), NoUploads())
    yield made
    made.close()


def fitted(fal: Fal, model: str, request: mk.Request, **facts: Any) -> Fit:
    offer = pick_offer(fal.offers, request.operation, model, target="studio")
    found = probe.inspect_all(request.media())
    changed = {name: attrs.evolve(found[name], **change) for name, change in facts.items()}
    return fit_at(fal, request, offer, {**found, **changed})


def test_every_row_that_is_no_motion_transfer_is_here() -> None:
    rows = {offer.model for offer in Fal.offers if offer.operation != "mimic"}
    assert rows == {model for model, *_ in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_a_request_is_its_literal_body_and_runs_at_the_price_of_its_row(
    row: Row, fal: Fal, sandbox: Sandbox
) -> None:
    model, request, body, dollars = row
    made = fal.prepare(fitted(fal, model, request))
    assert (made.call.path, made.call.json) == (f"/{model}", body)
    assert made.token is None, "URLs of the user's tell no two submissions apart"
    job = fal.submit(made, "a")
    sandbox.advance(500)
    status = fal.poll(job)
    assert status.state is State.SUCCEEDED, status
    assert status.result is not None
    assert status.result.cost is not None
    assert dollars is None or status.result.cost.amount == Decimal(dollars)


WAN, HORSE = "fal-ai/wan/v2.7/edit-video", "alibaba/happy-horse/video-edit"
O3 = "fal-ai/kling-video/o3/pro/video-to-video/edit"
FILM = {"kind": "video", "container": "mp4", "width": 1280, "height": 720, "seconds": 5.0}
PICTURE = {"kind": "image", "container": "png", "width": 720, "height": 720}
LIMITS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("decart/lucy-restyle", {"seconds": 1801.0}, {}, "at most 1,800 seconds"),
    (WAN, {"seconds": 1.5}, {}, "at least 2 seconds"),
    (WAN, {"seconds": 10.5}, {}, "at most 10 seconds"),
    (WAN, {"size": 100_000_001}, {}, "at most 100,000,000 bytes"),
    (WAN, {"container": "webm"}, {}, "mp4, mov"),
    (HORSE, {"seconds": 2.5}, {}, "at least 3 seconds"),
    (HORSE, {"seconds": 15.5}, {}, "at most 15 seconds"),
    (HORSE, {"height": 319}, {}, "at least 320 pixels"),
    (HORSE, {"width": 2161}, {}, "at most 2,160 pixels"),
    (HORSE, {"width": 2000}, {}, "1:2.5 to 2.5:1"),
    (HORSE, {}, {"width": 299}, "at least 300 pixels"),
    (HORSE, {}, {"size": 10_000_001}, "at most 10,000,000 bytes"),
    (HORSE, {}, {"container": "gif"}, "jpeg, png, webp"),
    (O3, {"seconds": 10.5}, {}, "at most 10 seconds"),
    (O3, {"height": 719}, {}, "at least 720 pixels"),
    (O3, {"size": 200_000_001}, {}, "at most 200,000,000 bytes"),
    (O3, {}, {"height": 1801}, "1:2.5 to 2.5:1"),
]


@pytest.mark.parametrize(("model", "clip", "picture", "limit"), LIMITS)
def test_media_beyond_a_page_are_refused_before_anything_is_sent(
    model: str, clip: dict[str, Any], picture: dict[str, Any], limit: str, fal: Fal
) -> None:
    restyles = model == "decart/lucy-restyle"
    request = mk.Restyle(CLIP, prompt="x") if restyles else mk.Modify(CLIP, "x", images=A)
    media = request.media()
    shown = {name: PICTURE for name in media if name != "video"}
    fitted(fal, model, request, video=FILM, **shown)
    worse = {name: {**PICTURE, **picture} for name in shown}
    with pytest.raises(InvalidRequest) as caught:
        fitted(fal, model, request, video={**FILM, **clip}, **worse)
    assert caught.value.limit == limit


@pytest.mark.parametrize(
    ("model", "request_", "field"),
    [
        ("decart/lucy-restyle", mk.Restyle(CLIP, prompt=None, style=3), "style"),
        ("decart/lucy-restyle", mk.Restyle(CLIP), "prompt"),
        (WAN, mk.Modify(CLIP, "x", images=(A, B)), "images"),
        (WAN, mk.Modify(CLIP, "x", quality="480p"), "quality"),
        (WAN, mk.Modify(CLIP, "x", seed=2**31), "seed"),
        (WAN, mk.Modify(CLIP, "x", masks="7"), "masks"),
        (HORSE, mk.Modify(CLIP, "x", images=(A,) * 6), "images"),
        (HORSE, mk.Modify(CLIP, "x" * 2501), "prompt"),
        (O3, mk.Modify(CLIP, "x", images=(A,) * 5), "images"),
        (O3, mk.Modify(CLIP, "x" * 2501), "prompt"),
        (O3, mk.Modify(CLIP, "x", seed=1), "seed"),
    ],
)
def test_values_that_a_model_does_not_take_are_named(
    model: str, request_: mk.Request, field: str, fal: Fal
) -> None:
    with pytest.raises(mk.errors.MotionKitError) as caught:
        fitted(fal, model, request_)
    assert caught.value.field == field
