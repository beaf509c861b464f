"""What PixVerse does not take is refused here: nothing is sent, and the sandbox's ledger is empty.

One row for each limit and combination: the request, the model, the field that the error names, and
what the error says is taken instead.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import av
import pytest

import motionkit as mk
from motionkit.client.client import Client
from motionkit.errors import Billed, InvalidRequest
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
from motionkit.sandbox import Sandbox, sample_clip
from motionkit.testing.samples import CLIP, PICTURE, SOUND
from motionkit.testing.sandboxed import sandbox_stage
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
from motionkit_pixverse.rules import RULES

A, B, VIDEO, SONG = (mk.Uploaded(str(number)) for number in (1, 2, 3, 4))
Row = tuple[Request, str | None, str, str]


def words(**values: Any) -> TextToVideo:
    return TextToVideo("a fox", **values)


def turns(**values: Any) -> ImageToVideo:
    return ImageToVideo(PICTURE, "it turns", **values)


def named(prompt: str, *names: str, **values: Any) -> ReferenceToVideo:
    return ReferenceToVideo([PICTURE] * len(names), names, prompt, **values)


MODELS: Mapping[str, Row] = {
    "1080p has no 10 s (v5.6)": (
        words(quality="1080p", duration=10),
        "v5.6",
        "quality",
        "quality 1080p with duration 5, 8",
    ),
    "1080p has no 10 s (v5.5)": (
        turns(quality="1080p", duration=10),
        "v5.5",
        "quality",
        "quality 1080p with duration 5, 8",
    ),
    "v5 has no 10 s": (words(duration=10), "v5", "duration", "5, 8"),
    "v3.5 has no 8 s at 1080p": (words(quality="1080p", duration=8), "v3.5", "quality", "1080p"),
    "v4.5 has no 8 s at 1080p": (words(quality="1080p", duration=8), "v4.5", "quality", "1080p"),
    "fast is 5 s": (words(motion="fast", duration=8), "v4.5", "motion", "fast"),
    "fast is not 1080p": (turns(motion="fast", quality="1080p"), "v4", "motion", "fast"),
    "fast is not for v5": (words(motion="fast"), "v5", "motion", "normal"),
    "fast is not for v5.6": (words(motion="fast"), "v5.6", "motion", "normal"),
    "fast is not for v6": (words(motion="fast"), "v6", "motion", "audio"),
    "slow is no motion": (words(motion="slow"), "v4", "motion", "normal, fast"),
    "style is v3.5's alone": (words(style="clay"), "v4", "style", "camera"),
    "day is no style": (words(style="day"), "v3.5", "style", "clay"),
    "camera is not for v3.5": (words(camera="zoom_in"), "v3.5", "camera", "style"),
    "camera is not for v5": (words(camera="zoom_in"), "v5", "camera", "motion"),
    "no such camera": (words(camera="spiral"), "v4", "camera", "zoom_in"),
    "v5 has no sound": (words(audio=True), "v5", "audio", "sound_effect"),
    "v6 has no sound effect": (words(sound_effect="rain"), "v6", "sound_effect", "audio"),
    "c1 has one shot": (words(multi_clip=True), "c1", "multi_clip", "audio"),
    "v5.6 thinks in three ways": (words(thinking="on"), "v5.6", "thinking", "enabled"),
    "c1 does not think": (words(thinking="auto"), "c1", "thinking", "audio"),
    "a style of v6 comes with a picture": (words(style="clay"), "v6", "style", "audio"),
    "v6 has no other styles": (turns(style="day"), "v6", "style", "clay"),
    "no such thinking": (words(thinking="hard"), "v5.5", "thinking", "enabled, disabled, auto"),
    "v6 lasts 15 s": (words(duration=16), "v6", "duration", "1 to 15"),
    "v6 lasts 1 s at least": (words(duration=0), None, "duration", "1 to 15"),
    "c1 lasts 15 s": (turns(duration=20), "c1", "duration", "1 to 15"),
    "v5 is not wide": (words(aspect_ratio="21:9"), "v5", "aspect_ratio", "16:9"),
    "no such shape": (words(aspect_ratio="5:4"), "v6", "aspect_ratio", "16:9"),
    "the picture decides the shape": (turns(aspect_ratio="16:9"), "v6", "aspect_ratio", "audio"),
    "no such quality": (words(quality="4k"), "v6", "quality", "360p, 540p, 720p, 1080p"),
    "no such model": (words(), "v7", "via", "v6"),
    "a seed is not negative": (words(seed=-1), None, "seed", "0 to 2,147,483,647"),
    "a seed has 31 bits": (words(seed=2**31), "v5", "seed", "0 to 2,147,483,647"),
    "a true duration is none": (words(duration=True), "v6", "duration", "1 to 15"),
    "a prompt says something": (TextToVideo("  "), None, "prompt", "not blank"),
    "a prompt has 5000 characters": (TextToVideo("x" * 5001), None, "prompt", "5,000"),
    "what is not wanted has 2048": (
        words(negative_prompt="x" * 2049),
        "v5",
        "negative_prompt",
        "2,048",
    ),
    "v6 has no negative prompt": (words(negative_prompt="x"), "v6", "negative_prompt", "audio"),
    "speech needs a voice": (words(speech="hello"), None, "voice", "speech and voice"),
    "a voice needs speech": (turns(voice="7"), "v5", "speech", "speech and voice"),
    "speech is short": (words(speech="x" * 201, voice="7"), None, "speech", "200"),
    "a transition is not observed to think": (
        Transition(PICTURE, PICTURE, "x", thinking="auto"),
        None,
        "thinking",
        "audio",
    ),
}
PRO = "real_estate_pro"
SONG = mk.Uploaded("7")


def tour(**values: Any) -> RealEstate:
    return RealEstate(page="https://example.com/house", **values)


def ad(**values: Any) -> RealEstate:
    return tour(**{"mode": "ad_house_tour", "duration": 15, "style": "cozy", **values})


def viral(**values: Any) -> ViralRecreation:
    given = {"video": "https://example.com/a.mp4", "images": PICTURE, "prompt": "x", **values}
    return ViralRecreation(**given)


def timed(*words: str) -> MusicVideo:
    return MusicVideo(SONG, timed_lyrics=words)


OPERATIONS: Mapping[str, Row] = {
    "extend needs a seed": (Extend(CLIP, "on"), None, "seed", "required"),
    "extending has 2048 characters": (Extend(CLIP, "x" * 2049, seed=1), None, "prompt", "2,048"),
    "v5.6 does not extend": (Extend(CLIP, "on", seed=1), "v5.6", "via", "v5.5"),
    "an effect has pictures": (Effect(1, [], "x"), None, "images", "at least 1"),
    "an effect says something": (Effect(1, PICTURE, ""), None, "prompt", "not blank"),
    "an effect has 2048 characters": (Effect(1, PICTURE, "x" * 2049), None, "prompt", "2,048"),
    "a template is a number": (Effect(0, PICTURE, "x"), None, "template", "1 to"),
    "an effect has no camera": (
        Effect(1, PICTURE, "x", camera="zoom_in"),
        "v4.5",
        "camera",
        "motion",
    ),
    "one picture leads nowhere": (MultiTransition([PICTURE], []), None, "images", "2 to 7"),
    "eight pictures are too many": (
        MultiTransition([PICTURE] * 8, [1] * 7),
        None,
        "images",
        "2 to 7",
    ),
    "one duration is missing": (MultiTransition([PICTURE] * 3, [5]), None, "durations", "2"),
    "no way is 0 s": (MultiTransition([PICTURE] * 2, [0]), None, "durations", "1 at least"),
    "30 s in all": (MultiTransition([PICTURE] * 3, [20, 11]), None, "durations", "30 s"),
    "a prompt for each way": (
        MultiTransition([PICTURE] * 3, [5, 5], prompts="x"),
        None,
        "prompts",
        "none, or 2",
    ),
    "v6 has one way": (MultiTransition([PICTURE] * 2, [5]), "v6", "via", "v5"),
    "a reference is named in the prompt": (named("she waves", "hero"), None, "prompt", "@hero"),
    "a reference has a space after it": (named("@heroes wave", "hero"), None, "prompt", "space"),
    "only references are referred to": (
        named("@hero meets @villain ", "hero"),
        None,
        "prompt",
        "@hero",
    ),
    "names are unique": (named("@a @a", "a", "a"), None, "names", "different"),
    "names are plain": (named("@a-b ", "a-b"), None, "names", "letters"),
    "names are short": (named(f"@{'a' * 31} ", "a" * 31), None, "names", "30"),
    "every picture has a name": (
        ReferenceToVideo([PICTURE, PICTURE], "a", "@a "),
        None,
        "names",
        "2",
    ),
    "a kind is known": (named("@a ", "a", kinds="style"), None, "kinds", "subject, background"),
    "kinds are for all": (named("@a @b ", "a", "b", kinds="subject"), None, "kinds", "2"),
    "v5 takes three references": (named("@a @b @c @d ", *"abcd"), "v5", "images", "1 to 3"),
    "c1 takes seven references": (
        named("@a @b @c @d @e @f @g @h ", *"abcdefgh"),
        None,
        "images",
        "1 to 7",
    ),
    "references of v5.5 have no sound": (
        named("@a ", "a", audio=True),
        "v5.5",
        "audio",
        "aspect_ratio",
    ),
    "nobody speaks": (LipSync(CLIP), None, "audio", "text and voice"),
    "a recording or words": (
        LipSync(CLIP, audio=SOUND, text="x", voice="7"),
        None,
        "audio",
        "either audio",
    ),
    "words need a voice": (LipSync(CLIP, text="x"), None, "voice", "text and voice"),
    "words are short": (LipSync(CLIP, text="x" * 201, voice="7"), None, "text", "200"),
    "a recording is no picture": (LipSync(CLIP, audio=PICTURE), None, "audio", "mp3"),
    "a style or words": (Restyle(CLIP, style=1, prompt="ink"), None, "style", "either style"),
    "no style and no words": (Restyle(CLIP), None, "style", "either style"),
    "restyling has a seed of 31 bits": (
        Restyle(CLIP, style=1, seed=2**31),
        None,
        "seed",
        "2,147,483,647",
    ),
    "a frame is not negative": (MaskSelection(CLIP, keyframe=-1), None, "keyframe", "0 to"),
    "a swap is not 1080p": (
        Swap(CLIP, PICTURE, mask="1", keyframe=1, quality="1080p"),
        None,
        "quality",
        "360p, 540p, 720p",
    ),
    "a swap has a mask": (Swap(CLIP, PICTURE, mask="", keyframe=1), None, "mask", "not blank"),
    "a sound effect has 2048": (SoundEffect(CLIP, prompt="x" * 2049), None, "prompt", "2,048"),
    "mimic is not 1080p": (Mimic(PICTURE, CLIP, quality="1080p"), None, "quality", "720p"),
    "modify is not 1080p": (Modify(CLIP, "x", quality="1080p"), None, "quality", "720p"),
    "modify says something": (Modify(CLIP, ""), None, "prompt", "not blank"),
    "a mask is there": (Modify(CLIP, "@selection0 is red"), None, "prompt", "masks has 0"),
    "a second mask is there": (
        Modify(CLIP, "@selection1 is red", masks="1"),
        None,
        "prompt",
        "@selection0",
    ),
    "a picture is there": (Modify(CLIP, "add @img1", images=PICTURE), None, "prompt", "@img0"),
    "three masks": (Modify(CLIP, "x", masks=["1", "2", "3", "4"]), None, "masks", "0 to 3"),
    "nine pictures": (Modify(CLIP, "x", images=[PICTURE] * 10), None, "images", "0 to 9"),
    "masks of one kind": (
        Modify(CLIP, "x", masks=["1", "https://example.com/a.png"]),
        None,
        "masks",
        "not both",
    ),
    "masks over http": (
        Modify(CLIP, "x", masks=["ftp://example.com/a.png"]),
        None,
        "masks",
        "http(s)://",
    ),
    "a mask is no file": (Modify(CLIP, "x", masks="mask.png"), None, "masks", "public http"),
    "a mask is no file in a folder": (
        Modify(CLIP, "x", masks="./masks/m1"),
        None,
        "masks",
        "public http",
    ),
    "a mask's id has digits": (Modify(CLIP, "x", masks="person-1"), None, "masks", "digits"),
    "a placeholder is no id": (Modify(CLIP, "x", masks="<mask 0>"), None, "masks", "digits"),
    "a mask of a swap is an id": (
        Swap(CLIP, PICTURE, mask="https://example.com/a.png", keyframe=1),
        None,
        "mask",
        "digits",
    ),
    "a mask of a swap is no file": (
        Swap(CLIP, PICTURE, mask="mask.png", keyframe=1),
        None,
        "mask",
        "digits",
    ),
    "masks are not blank": (Modify(CLIP, "x", masks=[" "]), None, "masks", "not blank"),
    "a clip is not a picture": (Upscale(PICTURE), None, "video", "mp4, mov, webm"),
    "a picture is not a clip": (Mimic(CLIP, CLIP), None, "image", "jpeg, png, webp"),
    "an id is a number": (Mimic(PICTURE, mk.Generated("abc")), None, "video", "a whole number"),
    "an upload is a number": (Mimic(PICTURE, mk.Uploaded("x")), None, "video", "a whole number"),
    "an image template has pictures": (ImageTemplate(1, []), None, "images", "at least 1"),
    "an avatar says something": (Avatar(PICTURE), None, "audio", "text and voice"),
    "an avatar has one voice": (
        Avatar(PICTURE, audio=SOUND, text="x", voice="7"),
        None,
        "audio",
        "either audio",
    ),
    "a property is shown": (RealEstate(), None, "page", "either page"),
    "a page or pictures": (
        RealEstate(page="https://example.com", images=[PICTURE] * 5),
        None,
        "page",
        "either page",
    ),
    "five pictures": (RealEstate(images=[PICTURE] * 4, prompt="x"), None, "images", "at least 5"),
    "twenty pictures": (RealEstate(images=[PICTURE] * 21, prompt="x"), None, "images", "0 to 20"),
    "a page over https": (RealEstate(page="http://example.com"), None, "page", "https://"),
    "no words beside a page": (
        RealEstate(page="https://example.com", prompt="x"),
        None,
        "prompt",
        "no page",
    ),
    "the fast agent has no mode": (
        RealEstate(page="https://example.com", mode="property_tour"),
        None,
        "mode",
        "language",
    ),
    "no such mode": (
        RealEstate(page="https://example.com", mode="walk"),
        "real_estate_pro",
        "mode",
        "property_tour",
    ),
    "a tour has no length": (tour(mode="property_tour", duration=15), PRO, "duration", "no dura"),
    "an ad has a length": (tour(mode="ad_house_tour", style="pov"), PRO, "duration", "15, 30"),
    "an ad has its lengths": (ad(duration=20), PRO, "duration", "15, 30"),
    "an ad has a style": (tour(mode="ad_house_tour", duration=15), PRO, "style", "cozy, pov"),
    "an ad has its styles": (ad(style="dark"), PRO, "style", "cozy, pov"),
    "an ad has no language": (ad(language="auto"), PRO, "language", "no language"),
    "the fast agent has no 480p": (tour(quality="480p"), None, "quality", "720p, 1080p"),
    "the fast agent is not wide": (tour(aspect_ratio="21:9"), None, "aspect_ratio", "4:3"),
    "presence has a level": (tour(presence="full"), None, "presence", "medium"),
    "a viral clip has pictures": (viral(images=[]), None, "images", "1 to 5"),
    "a viral clip has five pictures": (viral(images=[PICTURE] * 6), None, "images", "1 to 5"),
    "a viral clip is large": (viral(quality="540p"), None, "quality", "720p, 1080p"),
    "a viral clip is named by its URL": (viral(video=mk.Uploaded("7")), None, "video", "URL"),
    "a viral clip is not a video of the vendor": (
        viral(video=mk.Generated("7")),
        None,
        "video",
        "URL",
    ),
    "a viral clip has 640 pixels": (viral(video=CLIP), None, "video", "at least 640 pixels"),
    "a song has 10 s": (MusicVideo(SOUND), None, "audio", "at least 10"),
    "a music video is large": (MusicVideo(SONG, quality="540p"), None, "quality", "720p, 1080p"),
    "a music video is not 21:9": (MusicVideo(SONG, aspect_ratio="21:9"), None, "aspect_ratio", "4"),
    "no such style of a music video": (MusicVideo(SONG, style="Noir"), None, "style", "Voxel"),
    "no such music": (MusicVideo(SONG, music_style="Polka"), None, "music_style", "R&B"),
    "a custom style has a picture": (MusicVideo(SONG, style="Custom"), None, "style", "image"),
    "lyrics are short": (MusicVideo(SONG, lyrics="x" * 5000), None, "lyrics", "4,999"),
    "timed words have times": (timed("la la la"), None, "timed_lyrics", "in seconds"),
    "timed words have a word": (timed("0 1"), None, "timed_lyrics", "then the word"),
    "timed words are finite": (timed("0 inf la"), None, "timed_lyrics", "in seconds"),
    "timed words end after they start": (timed("2 1 la"), None, "timed_lyrics", "in order"),
    "timed words follow each other": (timed("0 2 la", "1 3 la"), None, "timed_lyrics", "from 2 s"),
    "timed words are short": (timed("0 1 " + "x" * 5000), None, "timed_lyrics", "5,000"),
}
ROWS = {**MODELS, **OPERATIONS}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(job_seconds=60) as made:
        yield made


@pytest.fixture
def client(sandbox: Sandbox, tmp_path: Path) -> Iterator[Client]:
    with client_for(sandbox_stage(PixVerse, {}, sandbox), tmp_path) as made:
        yield made


def refused(client: Client, sandbox: Sandbox, request: Request, via: str | None) -> InvalidRequest:
    """Return the refusal of a request that leaves nothing behind at the vendor."""
    with pytest.raises(InvalidRequest) as caught:
        client.submit(request, via=f"{ACCOUNT}/{via}" if via else ACCOUNT)
    told = sandbox.ledger()["vendors"]["pixverse"]["accounts"]["default"]
    assert (told["calls"], told["jobs"], told["trace_ids"]) == ({}, [], [])
    assert caught.value.billed is Billed.NO
    return caught.value


@pytest.mark.parametrize("limit", ROWS)
def test_what_is_not_taken_is_refused_before_anything_is_sent(
    client: Client, sandbox: Sandbox, limit: str
) -> None:
    request, via, field, takes = ROWS[limit]
    error = refused(client, sandbox, request, via)
    assert error.field == field
    assert takes in str(error.limit)
    assert field in error.message or field == "via"


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (LipSync(CLIP), "lip_sync needs audio, or text and voice; it has neither"),
        (LipSync(CLIP, text="x"), "lip_sync needs audio, or text and voice; it has only text"),
        (
            LipSync(CLIP, audio=SOUND, text="x", voice="7"),
            "lip_sync needs either audio, or text and voice; it has audio and text and voice",
        ),
    ],
)
def test_what_is_missing_is_named_and_not_shown_as_a_value(
    client: Client, sandbox: Sandbox, request_: Request, message: str
) -> None:
    assert refused(client, sandbox, request_, None).message == message


def big(content: bytes, size: int) -> bytes:
    """Return a clip that is as large as that and still plays: free space follows it."""
    more = size - len(content)
    return content + more.to_bytes(4, "big") + b"free" + bytes(more - 8)


def coded(codec: str, width: int = 32) -> bytes:
    """Return a clip of one frame."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=5)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, 32, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(width, 32, "yuv420p")))
        container.mux(stream.encode())
    return target.getvalue()


@cache
def media(what: str) -> bytes:
    if what == "31 s":
        return sample_clip(31, height=32)
    if what == "1922 pixels":
        return coded("libx264", 1922)
    if what == "100 MB":
        return big(CLIP, 100_000_001)
    raise LookupError(what)


@pytest.mark.parametrize(
    ("what", "limit"),
    [("31 s", "30 seconds"), ("1922 pixels", "1,920 pixels"), ("100 MB", "100,000,000 bytes")],
)
@pytest.mark.parametrize("name", ["mimic", "upscale", "modify", "extend"])
def test_clips_beyond_the_limits_are_refused_before_they_are_uploaded(
    client: Client, sandbox: Sandbox, what: str, limit: str, name: str
) -> None:
    clip = media(what)
    request: Request = {
        "mimic": lambda: Mimic(PICTURE, clip),
        "upscale": lambda: Upscale(clip),
        "modify": lambda: Modify(clip, "x"),
        "extend": lambda: Extend(clip, "x", seed=1),
    }[name]()
    error = refused(client, sandbox, request, None)
    assert error.field == "video"
    assert limit in str(error.limit)


def test_a_mask_selection_reads_known_codecs_alone(client: Client, sandbox: Sandbox) -> None:
    error = refused(client, sandbox, MaskSelection(coded("mpeg4")), None)
    assert (error.field, error.value, error.limit) == ("video", "mpeg4", "H.264 or H.265")


def test_long_prompts_and_speech_are_sent_with_a_warning(client: Client) -> None:
    said = client.explain(TextToVideo("x" * 2049), via=ACCOUNT).warnings
    assert any("2,048" in warning for warning in said)
    said = client.explain(LipSync(VIDEO, text="x" * 141, voice="7"), via=ACCOUNT).warnings
    assert any("about 140" in warning for warning in said)


def test_a_clip_over_50_mb_is_taken_with_a_warning(client: Client) -> None:
    clip = big(CLIP, 50_000_001)
    said = client.explain(Upscale(clip), via=ACCOUNT).warnings
    assert any("50,000,000" in warning for warning in said)


@pytest.mark.parametrize(
    ("request_", "sentence", "value"),
    [
        (
            Modify(CLIP, "@selection9 is red", masks="1"),
            "the prompt says @selection9, and there is one mask: @selection0",
            "@selection9",
        ),
        (
            Modify(CLIP, "@selection2 is red", masks=["1", "2"]),
            "the prompt says @selection2, and there are 2 masks: @selection0, @selection1",
            "@selection2",
        ),
        (
            Modify(CLIP, "add @img0"),
            "the prompt says @img0, and there are no pictures",
            "@img0",
        ),
    ],
)
def test_a_name_in_the_prompt_that_nothing_has_is_told_with_what_there_is(
    client: Client, sandbox: Sandbox, request_: Request, sentence: str, value: str
) -> None:
    error = refused(client, sandbox, request_, None)
    assert error.message == sentence
    assert (error.field, error.value) == ("prompt", value)
    assert error.limit


def test_every_operation_with_rules_is_refused_something_here() -> None:
    refusals = {request.operation for request, *_ in ROWS.values()}
    assert set(RULES) - refusals == set()
