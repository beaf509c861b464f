"""The vendor's own client, unmodified, against the sandbox: what runs, and what does not and why.

``pip install pixverse-mcp`` needs Python 3.12; its client module alone runs on 3.11 too.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from sandbox_support import CLIP, PICTURE, sound

from motionkit.sandbox import Sandbox
from motionkit_pixverse.sandbox import PixVerseSandbox

with warnings.catch_warnings():  # it is written for an older pydantic
    warnings.simplefilter("ignore")
    pixverse_mcp = pytest.importorskip("pixverse_mcp")
    asked = pytest.importorskip("pixverse_mcp.models.requests")
    tenacity = pytest.importorskip("tenacity")

pytestmark = pytest.mark.filterwarnings("ignore")
DANCE, PORTRAIT = 302325299692608, 377378608924544
EXAMPLE = "https://example.com/"


@attrs.frozen
class World:
    """The sandbox, the client's key, files, and ids of what was uploaded and generated."""

    sandbox: Sandbox
    folder: Path
    ids: dict[str, int] = attrs.field(factory=dict)

    def call(self, act: Callable[[Any], Awaitable[Any]]) -> Any:
        """Make one call with a client of its own: a second one would wait for a second."""

        async def alone() -> Any:
            key = "sandbox-pixverse-key"
            async with pixverse_mcp.PixverseClient(key, base_url=self.sandbox.url) as client:
                return await act(client)

        return asyncio.run(alone())

    def file(self, name: str) -> str:
        return str(self.folder / name)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("media")
    for name, content in (("a.png", PICTURE), ("a.mp4", CLIP), ("a.wav", sound(2.5))):
        (folder / name).write_bytes(content)
    app = lambda world: PixVerseSandbox(world, seedless_extend=True)  # noqa: E731
    with warnings.catch_warnings(), Sandbox(apps=[app]) as sandbox:
        warnings.simplefilter("ignore")
        made = World(sandbox, folder)
        made.ids["img"] = made.call(lambda c: c.upload_image(made.file("a.png"))).img_id
        made.ids["clip"] = made.call(lambda c: c.upload_media(made.file("a.mp4"))).media_id
        made.ids["sound"] = made.call(
            lambda c: c.upload_media(made.file("a.wav"), media_type="audio")
        ).media_id
        made.ids["video"] = made.call(lambda c: c.quick_text_video("a fox")).video_id
        sandbox.advance(300)
        yield made


def text(**values: Any) -> Any:
    return asked.TextToVideoRequest(**{"prompt": "a fox", **values})


def picture(world: World, **values: Any) -> Any:
    given = {"prompt": "it turns", "model": "v4.5", "duration": 5, "quality": "360p", **values}
    return asked.ImageToVideoRequest(**{"img_id": world.ids["img"], **given})


def transition(world: World, **values: Any) -> Any:
    img = world.ids["img"]
    given = {"prompt": "it melts", "model": "v5", "duration": 8, "quality": "540p", **values}
    return asked.TransitionVideoRequest(first_frame_img=img, last_frame_img=img, **given)


def extend(**values: Any) -> Any:
    given = {"prompt": "it goes on", "model": "v5", "duration": 5, "quality": "540p", **values}
    return asked.ExtendVideoRequest(**given)


def fusion(world: World, prompt: str) -> Any:
    names = ("hero", "park")
    rows = [
        {"type": kind, "img_id": world.ids["img"], "ref_name": name}
        for kind, name in zip(("subject", "background"), names, strict=True)
    ]
    given = {"duration": 5, "quality": "540p", "aspect_ratio": "16:9"}
    return asked.FusionVideoRequest(image_references=rows, prompt=prompt, **given)


def lip_sync(**values: Any) -> Any:
    return asked.LipSyncVideoRequest(**values)


def effect(**values: Any) -> Any:
    return asked.SoundEffectVideoRequest(sound_effect_content="rain", **values)


SPEECH = {"lip_sync_tts_speaker_id": "7", "lip_sync_tts_content": "Good morning"}
Act = Callable[[Any, World], Awaitable[Any]]
CALLS: dict[str, Act] = {
    "upload a picture": lambda c, w: c.upload_image(w.file("a.png")),
    "upload a picture by its URL": lambda c, _: c.upload_image(image_url=f"{EXAMPLE}a.png"),
    "upload a clip": lambda c, w: c.upload_media(w.file("a.mp4")),
    "upload a recording": lambda c, w: c.upload_media(w.file("a.wav"), media_type="audio"),
    "upload a clip by its URL": lambda c, _: c.upload_media(file_url=f"{EXAMPLE}a.mp4"),
    "text to video": lambda c, _: c.text_to_video(text()),
    "text to video, fast": lambda c, _: c.text_to_video(text(model="v4.5", motion_mode="fast")),
    "text to video, all words": lambda c, _: c.text_to_video(
        text(model="v4", negative_prompt="rain", seed=7, camera_movement="zoom_in", duration=8)
    ),
    "text to video, the default camera": lambda c, _: c.text_to_video(
        text(model="v4", camera_movement="default")
    ),
    "text to video in a style": lambda c, _: c.text_to_video(text(model="v3.5", style="anime")),
    "text to video, realistic": lambda c, _: c.text_to_video(text(model="v3.5", style="realistic")),
    "text to video with a sound effect": lambda c, _: c.text_to_video(
        text(sound_effect_switch=True, sound_effect_content="wind")
    ),
    "text to video with the client's music": lambda c, _: c.text_to_video(
        text(sound_effect_switch=True, sound_mode="default_music", play_bgm=True, water_mark=True)
    ),
    "text to video by a template": lambda c, _: c.text_to_video(text(template_id=PORTRAIT)),
    "a picture to video": lambda c, w: c.image_to_video(picture(w)),
    "a picture to video with a camera": lambda c, w: c.image_to_video(
        picture(w, camera_movement="whip_pan", seed=0, negative_prompt="rain")
    ),
    "a picture to video by a template": lambda c, w: c.image_to_video(
        picture(w, template_id=PORTRAIT)
    ),
    "two pictures to video by a template": lambda c, w: c.image_to_video(
        picture(w, img_id=None, img_ids=[w.ids["img"]] * 2, template_id=DANCE)
    ),
    "a transition": lambda c, w: c.transition_video(transition(w)),
    "a transition with a sound effect": lambda c, w: c.transition_video(
        transition(w, sound_effect_switch=True, sound_effect_content="wind", seed=1)
    ),
    "extend a generated video": lambda c, w: c.extend_video(
        extend(source_video_id=w.ids["video"], seed=5)
    ),
    "extend an upload": lambda c, w: c.extend_video(extend(video_media_id=w.ids["clip"], seed=5)),
    "extend without a seed": lambda c, w: c.extend_video(extend(video_media_id=w.ids["clip"])),
    "lip sync from text": lambda c, w: c.lip_sync_video(
        lip_sync(source_video_id=w.ids["video"], **SPEECH)
    ),
    "lip sync from a recording": lambda c, w: c.lip_sync_video(
        lip_sync(video_media_id=w.ids["clip"], audio_media_id=w.ids["sound"])
    ),
    "a sound effect": lambda c, w: c.sound_effect_video(effect(video_media_id=w.ids["clip"])),
    "a sound effect over the old sound": lambda c, w: c.sound_effect_video(
        effect(source_video_id=w.ids["video"], original_sound_switch=True, seed=1)
    ),
    "fusion": lambda c, w: c.fusion_video(fusion(w, "@hero walks in @park at night")),
    "fusion with a comma after a name": lambda c, w: c.fusion_video(
        fusion(w, "@hero, alone, walks in @park, at night")
    ),
    "the list of voices": lambda c, _: c.get_lip_sync_tts_list(page_size=5),
    "the result of a video": lambda c, w: c.get_video_result(w.ids["video"]),
    "the end of a video": lambda c, w: c.wait_for_video_completion(w.ids["video"]),
    "quick text to video": lambda c, _: c.quick_text_video("a fox", seed=1),
    "quick picture to video": lambda c, w: c.quick_image_video(w.ids["img"], "it turns"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_of_the_vendors_client_is_answered_as_it_expects(world: World, name: str) -> None:
    answer = world.call(lambda client: CALLS[name](client, world))
    world.sandbox.advance(300)
    number = getattr(answer, "video_id", None)
    if number is None:
        assert getattr(answer, "img_id", 0) or getattr(answer, "media_id", 0) or answer.data
        return
    result = world.call(lambda client: client.get_video_result(number))
    assert result.status.value == "completed"
    assert result.url.startswith(world.sandbox.url)
    assert result.outputWidth > 0


def test_the_whole_way_of_the_vendors_client_from_a_file_to_a_video(world: World) -> None:
    made = world.call(
        lambda client: client.upload_and_generate_video(
            world.file("a.png"), "it turns", wait_for_completion=False
        )
    )
    running = world.call(lambda client: client.get_video_result(made.video_id))
    assert (running.status.value, running.has_audio, running.outputWidth) == ("pending", False, 0)
    world.sandbox.advance(300)
    assert world.call(lambda client: client.get_video_result(made.video_id)).url == running.url


REFUSED: dict[str, tuple[Act, str]] = {
    # No table of the vendor's describes or prices these models.
    "the model v3": (lambda c, _: c.text_to_video(text(model="v3")), "model"),
    "the model visionary": (lambda c, _: c.text_to_video(text(model="visionary")), "model"),
    "the model v1": (lambda c, _: c.text_to_video(text(model="v1")), "model"),
    # Its types allow what the models do not.
    "10 s of v5": (lambda c, _: c.text_to_video(text(duration=10)), "duration of v5"),
    # Not a path of the platform API.
    "the credits of a video": (lambda c, w: c.get_video_credits(w.ids["video"]), "404"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_run_is_refused_for_a_reason(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = pixverse_mcp.PixverseClient._make_request
    monkeypatch.setattr(send.retry, "wait", tenacity.wait_none())  # it retries what is refused
    act, reason = REFUSED[name]
    with pytest.raises(pixverse_mcp.PixverseError, match=reason):
        world.call(lambda client: act(client, world))
