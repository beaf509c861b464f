"""What is sent to Kling, as literals: groups in the new API, flat fields in the legacy one."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

import motionkit as mk
from motionkit.client import inspect_media
from motionkit.errors import Billed, InvalidRequest, MotionKitError, Unsupported
from motionkit.model import codec, media, probe
from motionkit.model.media import Generated
from motionkit.model.request import Request
from motionkit.model.submission import Submission
from motionkit.provider import fit_at, pick_offer
from motionkit.sandbox import sample_clip, sample_picture
from motionkit_kling.adapter import Kling, Settings
from motionkit_kling.bodies import filled
from motionkit_kling.operations import SceneEffect
from motionkit_pixverse.operations import Avatar

HERO, DANCE = "https://h.example/hero.png", "https://h.example/dance.mp4"
VOICE = "https://h.example/voice.mp3"
OFF = {"audio": "off"}


@dataclasses.dataclass
class _Uploads:
    limiter: None = None
    timeout: float = 60.0
    stage: str | None = None

    def put(self, _account: str, _slot: str, sha256: str | None, send: Any) -> str:
        assert sha256 is None, "a signed URL is not kept for the next submit"
        return str(send())


def adapter(*, stage: str | None = None, **settings: Any) -> Kling:
    given = {"api_key": "planted-key", **settings}
    return Kling("studio", Settings(**given), _Uploads(stage=stage))  # type: ignore[arg-type]


def prepared(
    request: Request, model: str | None = None, *, dry: bool = False, **settings: Any
) -> Submission:
    kling = adapter(**settings)
    offer = pick_offer(kling.offers, request.operation, model, target="studio")
    return kling.prepare(fit_at(kling, request, offer, inspect_media(request)), dry=dry)


def body(request: Request, model: str | None = None, **settings: Any) -> Any:
    return prepared(request, model, **settings).call.json


def test_motion_control() -> None:
    made = prepared(mk.Mimic(HERO, DANCE))
    assert (made.call.method, made.call.path) == ("POST", "/motion-control/kling-3.0")
    assert made.call.json == {
        "contents": [{"type": "image", "url": HERO}, {"type": "video", "url": DANCE}],
        "settings": {
            "character_orientation": "video",
            "resolution": "720p",
            "audio": "original",
        },
    }
    assert (made.token, made.calls) == (None, (made.call,))


def test_motion_control_with_every_field() -> None:
    request = mk.Mimic(
        HERO, DANCE, quality="1080p", prompt="A stage.", keep_audio=False, orientation="image"
    )
    assert body(request, "kling-2.6", webhook="https://me.example/hook") == {
        "contents": [
            {"type": "prompt", "text": "A stage."},
            {"type": "image", "url": HERO},
            {"type": "video", "url": DANCE},
        ],
        "settings": {"character_orientation": "image", "resolution": "1080p", "audio": "off"},
        "options": {"callback_url": "https://me.example/hook"},
    }


def test_legacy_motion_control_has_words_for_its_values() -> None:
    request = mk.Mimic(HERO, DANCE, quality="1080p", keep_audio=False)
    assert body(request, "kling-v3", webhook="https://me.example/hook") == {
        "callback_url": "https://me.example/hook",
        "model_name": "kling-v3",
        "image_url": HERO,
        "video_url": DANCE,
        "mode": "pro",
        "keep_original_sound": "no",
        "character_orientation": "video",
    }


def test_text_to_video_has_its_prompt_beside_the_settings() -> None:
    request = mk.TextToVideo("A fox.", duration=7, quality="4k", aspect_ratio="9:16", audio=True)
    assert body(request) == {
        "prompt": "A fox.",
        "settings": {
            "duration": 7,
            "resolution": "4k",
            "aspect_ratio": "9:16",
            "audio": "native",
            "multi_shot": False,
        },
    }


def test_several_shots_are_made_only_where_they_are_wanted() -> None:
    assert body(mk.TextToVideo("A fox."))["settings"]["multi_shot"] is False
    wanted = mk.TextToVideo("A fox.", multi_clip=True)
    assert body(wanted)["settings"]["multi_shot"] is True


def test_image_to_video_and_transition_name_their_frames() -> None:
    settings = {"resolution": "720p", "duration": 5}
    assert body(mk.ImageToVideo(HERO, "It turns."), "kling-3.0-turbo") == {
        "contents": [
            {"type": "prompt", "text": "It turns."},
            {"type": "first_frame", "url": HERO},
        ],
        "settings": settings,
    }
    other = "https://h.example/end.png"
    assert body(mk.Transition(HERO, other, "It turns."), "kling-2.6") == {
        "contents": [
            {"type": "prompt", "text": "It turns."},
            {"type": "first_frame", "url": HERO},
            {"type": "last_frame", "url": other},
        ],
        "settings": {"resolution": "1080p", "duration": 5, **OFF},
    }


def test_a_legacy_duration_is_text() -> None:
    request = mk.ImageToVideo(HERO, "It turns.", duration=10, negative_prompt="blur")
    assert body(request, "kling-v2-6") == {
        "model_name": "kling-v2-6",
        "image": HERO,
        "prompt": "It turns.",
        "duration": "10",
        "mode": "std",
        "sound": "off",
        "negative_prompt": "blur",
    }


def test_an_edit_takes_a_base_video_and_one_shot() -> None:
    assert body(mk.Modify(DANCE, "Make it snow.")) == {
        "contents": [
            {"type": "prompt", "text": "Make it snow."},
            {"type": "base_video", "url": DANCE},
        ],
        "settings": {"multi_shot": False, "resolution": "720p", **OFF},
    }


def test_an_extension_takes_a_generated_video_by_its_id() -> None:
    made = prepared(mk.Extend(Generated("893605946402811985"), "It goes on."))
    assert made.call.path == "/v1/videos/video-extend"
    assert made.call.json == {"prompt": "It goes on.", "video_id": "893605946402811985"}


def test_an_avatar_speaks_a_recording() -> None:
    made = prepared(Avatar(HERO, audio=VOICE, quality="1080p"))
    assert made.call.path == "/v1/videos/avatar/image2video"
    assert made.call.json == {"image": HERO, "sound_file": VOICE, "mode": "pro"}
    with pytest.raises(InvalidRequest) as caught:
        prepared(Avatar(HERO))
    assert caught.value.field == "audio"


@pytest.mark.parametrize(
    ("images", "expected"),
    [((HERO,), {"image": HERO}), ((HERO, VOICE), {"images": [HERO, VOICE]})],
)
def test_an_effect_has_one_image_or_two(images: tuple[str, ...], expected: Any) -> None:
    made = prepared(SceneEffect("hug_pro", images))
    assert made.call.path == "/v1/videos/effects"
    assert made.call.json == {"effect_scene": "hug_pro", "input": expected}


def test_an_effect_of_three_images_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        prepared(SceneEffect("hug_pro", (HERO,) * 3))
    assert (caught.value.field, caught.value.limit) == ("images", "1 to 2")


# Extra options.


def with_extra(**extra: Any) -> mk.Mimic:
    return mk.Mimic(HERO, DANCE, extra={"kling": extra})


def test_extra_options_join_the_group_that_they_belong_to() -> None:
    element = {"type": "element", "element_id": "7", "id": "1"}
    found = body(
        with_extra(
            contents=[element],
            settings={"resolution": "1080p"},
            watermark_info={"enabled": True},
            character_orientation="image",
        )
    )
    assert found["contents"][-1] == element
    assert found["settings"] == {
        "character_orientation": "image",
        "resolution": "1080p",
        "audio": "original",
    }
    assert found["options"] == {"watermark_info": {"enabled": True}}


def test_an_extra_word_of_the_vendor_is_sent_as_it_is() -> None:
    assert body(with_extra(audio="native"))["settings"]["audio"] == "native"


@pytest.mark.parametrize(
    "extra",
    [{"external_task_id": "mine"}, {"options": {"external_task_id": "mine"}}],
    ids=["alone", "in options"],
)
def test_an_external_id_of_ones_own_is_refused(extra: Any) -> None:
    with pytest.raises(InvalidRequest, match="id of the attempt") as caught:
        body(with_extra(**extra))
    assert (caught.value.field, caught.value.billed) == ("extra", Billed.NO)


@pytest.mark.parametrize("group", ["contents", "settings", "options"])
def test_a_group_of_another_form_is_refused(group: str) -> None:
    with pytest.raises(InvalidRequest, match=f"extra {group}"):
        body(with_extra(**{group: "text"}))


# Media of this machine.


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Return the objects of a store in memory that signs URLs."""
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
    monkeypatch.setattr(
        MemoryFileSystem, "sign", lambda _, path, **__: f"https://store.example{path}?sig=planted"
    )
    yield MemoryFileSystem.store
    MemoryFileSystem.store.clear()


CLIP = sample_clip(4.0, height=640)
PICTURE = sample_picture()


@pytest.mark.parametrize("model", ["kling-3.0", "kling-v3"])
def test_a_picture_of_this_machine_is_sent_as_base64_without_a_head(model: str) -> None:
    found = filled(body(mk.Mimic(PICTURE, DANCE), model))
    sent = found["image_url"] if model == "kling-v3" else found["contents"][0]["url"]
    assert base64.b64decode(sent, validate=True) == PICTURE


@pytest.mark.parametrize("dry", [False, True])
def test_what_is_shown_and_kept_in_the_journal_has_no_base64(dry: bool) -> None:
    made = prepared(mk.Mimic(PICTURE, DANCE), dry=dry)
    kept = codec.pack(made)
    shown = probe.inspect(media.Data(PICTURE), "image").shown
    assert f"<Base64 of {shown}>" in kept
    assert len(kept) < 3000


def test_a_picture_of_a_journal_is_never_sent_as_the_text_that_it_is_kept_as() -> None:
    made = prepared(mk.Mimic(PICTURE, DANCE))
    read_back = json.loads(json.dumps(made.call.json))
    with pytest.raises(InvalidRequest, match="not kept in the journal") as caught:
        filled(read_back)
    assert caught.value.billed is Billed.NO


def test_a_picture_that_changes_before_it_is_sent_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hero.png"
    path.write_bytes(PICTURE)
    made = prepared(mk.Mimic(path, DANCE))
    path.write_bytes(PICTURE + b"more")
    with pytest.raises(InvalidRequest, match="changed") as caught:
        filled(made.call.json)
    assert caught.value.billed is Billed.NO


def test_a_clip_of_this_machine_is_refused_with_the_ways_out_before_anything_is_sent() -> None:
    with pytest.raises(Unsupported, match="by URL only") as caught:
        prepared(mk.Mimic(HERO, CLIP))
    hint = caught.value.hint or ""
    assert (caught.value.field, caught.value.billed) == ("video", Billed.NO)
    assert "stage=" in hint
    assert "another target" in hint


@pytest.mark.parametrize("where", ["request", "configuration"])
def test_a_clip_of_this_machine_goes_by_the_users_store(where: str, store: dict[str, Any]) -> None:
    url = "memory://clips"
    request = mk.Mimic(HERO, CLIP, stage=url if where == "request" else None)
    made = prepared(request, stage=None if where == "request" else url)
    ((path, _),) = store.items()
    sent = made.call.json["contents"][1]["url"]
    assert sent == f"https://store.example{path}?sig=planted"
    assert [(call.method, call.origin) for call in made.calls] == [
        ("PUT", "stage"),
        ("POST", "api"),
    ]
    assert adapter().url(made.calls[0]) == f"memory:/{path}"


def test_a_dry_run_copies_nothing_to_the_store(store: dict[str, Any]) -> None:
    made = prepared(mk.Mimic(HERO, CLIP, stage="memory://clips"), dry=True)
    assert not store
    assert made.call.json["contents"][1]["url"].startswith("<video of ")


@pytest.mark.parametrize(
    ("seconds", "orientation", "refused"),
    [(2.9, "video", True), (30.0, "video", False), (30.1, "video", True), (10.1, "image", True)],
)
def test_a_clip_of_the_wrong_length_is_refused(
    seconds: float, orientation: str, refused: bool
) -> None:
    kling = adapter(stage="memory://clips")
    request = mk.Mimic(HERO, media.Data(CLIP), orientation=orientation)
    facts = {
        "image": probe.Facts("hero.png"),
        "video": probe.Facts("dance.mp4", "video", "mp4", "h264", 400, 640, seconds, 9, "0" * 64),
    }
    offer = pick_offer(kling.offers, "mimic", None, target="studio")
    try:
        fit_at(kling, request, offer, facts)
    except MotionKitError as error:
        assert refused, error  # noqa: PT017 - either end is right
        assert isinstance(error, InvalidRequest)  # noqa: PT017
        assert error.field == "video"  # noqa: PT017
    else:
        assert not refused


# A pair of keys.


def test_a_pair_of_keys_is_told_which_models_it_can_call() -> None:
    with pytest.raises(Unsupported, match="API keys only") as caught:
        prepared(mk.Mimic(HERO, DANCE), access_key="planted-access")
    error = caught.value
    assert (error.field, error.value, error.limit) == ("model", "kling-3.0", "kling-v3, kling-v2-6")
    assert "planted" not in str(error)
    assert body(mk.Mimic(HERO, DANCE), "kling-v3", access_key="planted-access")["mode"] == "std"
