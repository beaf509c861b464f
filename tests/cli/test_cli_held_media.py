"""Media options name what a vendor holds: a job of the journal, its videos, its uploads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli_support import Account, Cli, Ended

from motionkit.sandbox import sample_picture


@pytest.fixture
def made(account: Account, cli: Cli, media: list[str]) -> dict[str, Any]:
    """Return the job of a mimic that succeeded under the key ``dance``."""
    told = cli("mimic", *media, "--quality", "360p", "--key", "dance")
    assert told.code == 0, told.err
    (job,) = account.ledger["jobs"]
    assert isinstance(job, dict)
    return job


def paid(told: Ended) -> dict[str, Any]:
    """Return the body of the paid call that a dry run shows."""
    assert told.code == 0, told.err
    body: dict[str, Any] = told.one["calls"][-1]["json"]
    return body


def dry(cli: Cli, *argv: object) -> Ended:
    return cli(*argv, "--dry-run", "--json", "--yes")


def test_a_job_of_the_journal_is_named_by_key_beginning_or_id(
    cli: Cli, made: dict[str, Any]
) -> None:
    number = made["id"]
    for reference in ("dance", "danc", number):
        told = dry(cli, "mimic", "--image", "hero.png", "--video", f"job:{reference}")
        assert paid(told) == {
            "img_id": "<img_id of hero.png>",
            "source_video_id": int(number),
            "quality": "540p",
        }


def test_a_video_made_from_a_named_job_is_bought_and_delivered(
    cli: Cli, account: Account, made: dict[str, Any], own_place: Path
) -> None:
    told = cli("upscale", "--video", "job:dance", "--yes", "--out", "large.mp4")
    assert told.code == 0, told.err
    assert (own_place / "large.mp4").read_bytes()[4:8] == b"ftyp"
    assert len(account.ledger["jobs"]) == 2
    again = cli("upscale", "--video", f"id:{made['id']}", "--yes", "--out", "large.mp4")
    assert again.code == 0, again.err
    assert len(account.ledger["jobs"]) == 2, "job: and id: name the same video"


def test_without_out_the_file_is_named_after_the_job(
    cli: Cli, made: dict[str, Any], own_place: Path
) -> None:
    told = cli("upscale", "--video", "job:dance", "--yes")
    assert told.code == 0, told.err
    saved = own_place / told.out.strip()
    assert saved.name == f"job_{made['id']}.mp4"
    assert saved.is_file()


@pytest.mark.parametrize("verb", ["upscale", "restyle", "lipsync", "extend", "modify", "mask"])
def test_a_video_of_the_vendor_is_named_by_its_id_wherever_a_clip_goes(
    cli: Cli, account: Account, verb: str
) -> None:
    needed = {
        "restyle": ["--prompt", "ink"],
        "lipsync": ["--text", "hello", "--voice", "7"],
        "extend": ["--prompt", "it goes on", "--seed", "1"],
        "modify": ["--prompt", "make it snow"],
    }
    told = dry(cli, verb, "--video", "id:627410861853514292", *needed.get(verb, []))
    body = paid(told)
    assert body["source_video_id"] == 627410861853514292
    assert "video_media_id" not in body


def test_pictures_and_recordings_that_the_vendor_holds_are_named_by_their_ids(
    cli: Cli, account: Account
) -> None:
    told = dry(cli, "transition", "--first-frame", "id:11", "--last-frame", "upload:12",
               "--prompt", "it melts")  # fmt: skip
    body = paid(told)
    assert (body["first_frame_img"], body["last_frame_img"]) == (11, 12)
    told = dry(cli, "lipsync", "--video", "upload:13", "--audio", "id:14")
    assert paid(told) == {"video_media_id": 13, "audio_media_id": 14}
    told = dry(cli, "modify", "--video", "upload:1", "--image", "id:2", "--image", "upload:3",
               "--prompt", "add @img0, @img1")  # fmt: skip
    assert paid(told)["img_ids"] == [2, 3]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("job:nope", "video: no job matches 'nope'"),
        ("job:", "video: 'job:' is incomplete; it takes job: with a key or a job id"),
        ("id:", "video: 'id:' is incomplete; it takes id: with the vendor's id"),
        ("upload: ", "video: 'upload: ' is incomplete; it takes upload: with an upload's id"),
        ("id:abc", "video"),
    ],
)
def test_a_name_that_names_nothing_is_refused(
    cli: Cli, account: Account, value: str, message: str
) -> None:
    told = cli("upscale", "--video", value, "--yes")
    assert told.code == 2
    assert message in told.err
    assert account.ledger["jobs"] == []


def test_a_job_that_did_not_succeed_is_refused(
    cli: Cli, slow_account: Account, media: list[str]
) -> None:
    assert cli("mimic", *media, "--key", "slow", "--no-wait").code == 0
    told = cli("upscale", "--video", "job:slow", "--yes")
    assert told.code == 2
    assert "it takes a succeeded job" in told.err
    assert "motionkit wait slow" in told.err


def test_a_job_that_made_a_picture_or_masks_is_no_video(
    cli: Cli, account: Account, media: list[str]
) -> None:
    template = ["--template", "384268229671690", "--image", "hero.png"]
    assert cli("image-template", *template, "--key", "picture", "--yes").code == 0
    assert cli("mask", "--video", "dance.mp4", "--key", "masks", "--yes").code == 0
    for key, reason in (("picture", "it takes a job's video"), ("masks", "not an id")):
        told = cli("upscale", "--video", f"job:{key}", "--yes")
        assert told.code == 2
        assert reason in told.err
    told = cli("animate", "--image", "job:picture", "--prompt", "it turns", "--yes")
    assert told.code == 2
    assert "does not accept a generated video by its id" in told.err


def test_a_file_of_such_a_name_is_named_with_its_folder(
    cli: Cli, account: Account, own_place: Path
) -> None:
    (own_place / "id:5").write_bytes(sample_picture())
    told = dry(cli, "animate", "--image", "./id:5", "--prompt", "it turns")
    assert paid(told)["img_id"] == "<img_id of id:5>"


def test_a_vendor_that_takes_no_ids_refuses_them(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGMIND_API_KEY", "SG_0123456789abcdef")
    monkeypatch.setenv("SEGMIND_BASE_URL", account.sandbox.url)
    for name in ("--image", "--video"):
        given = dict(zip(media[::2], media[1::2], strict=True)) | {name: "id:5"}
        argv = [one for pair in given.items() for one in pair]
        told = cli("mimic", *argv, "--via", "segmind", "--yes")
        assert told.code == 2
        assert "by a" in told.err or "by its id" in told.err


UPLOADED = ["--video", "upload:1234", "--quality", "540p"]
TWO_PICTURES = ["--image", "upload:123", "--image", "upload:123"]
SWAP = "@selection{0} subject is swapped with @img{0}"
EXAMPLES: dict[str, tuple[list[str], dict[str, Any]]] = {
    # https://docs.platform.pixverse.ai/modify-2082369m0: the seven features. The page's examples
    # write keyframe_ids and @ima0; its own table says keyframe_id and @img0.
    "single subject swap": (
        ["modify", *UPLOADED, *TWO_PICTURES, "--mask", "3847593904", "--keyframe", "1",
         "--prompt", SWAP.format(0)],
        {
            "video_media_id": 1234,
            "prompt": "@selection0 subject is swapped with @img0",
            "img_ids": [123, 123],
            "mask_ids": ["3847593904"],
            "keyframe_id": 1,
            "quality": "540p",
        },
    ),
    "multi-subject swap": (
        ["modify", *UPLOADED, *TWO_PICTURES, "--image", "upload:123", "--mask", "3847593904",
         "--mask", "3847593904", "--mask", "3847593904", "--keyframe", "1",
         "--prompt", " ".join(SWAP.format(one) for one in range(3))],
        {
            "video_media_id": 1234,
            "prompt": "@selection0 subject is swapped with @img0 @selection1 subject is swapped "
            "with @img1 @selection2 subject is swapped with @img2",
            "img_ids": [123, 123, 123],
            "mask_ids": ["3847593904", "3847593904", "3847593904"],
            "keyframe_id": 1,
            "quality": "540p",
        },
    ),
    "smart add": (
        ["modify", *UPLOADED, *TWO_PICTURES, "--prompt", "add @img0, @img1"],
        {
            "video_media_id": 1234,
            "prompt": "add @img0, @img1",
            "img_ids": [123, 123],
            "quality": "540p",
        },
    ),
    "remove": (
        ["modify", *UPLOADED, "--mask", "3847593904", "--prompt", "remove xxx"],
        {
            "video_media_id": 1234,
            "prompt": "remove xxx",
            "mask_ids": ["3847593904"],
            "quality": "540p",
        },
    ),
    "type anything": (
        ["modify", *UPLOADED, "--prompt", "把天气变成冬天白天"],
        {"video_media_id": 1234, "prompt": "把天气变成冬天白天", "quality": "540p"},
    ),
    "text replacement": (
        ["modify", *UPLOADED, "--prompt", 'change the text to "Happy birthday"'],
        {
            "video_media_id": 1234,
            "prompt": 'change the text to "Happy birthday"',
            "quality": "540p",
        },
    ),
    "scene style transfer": (
        ["modify", *UPLOADED, "--image", "upload:123", "--prompt",
         "The video is restyled with @img0"],
        {
            "video_media_id": 1234,
            "prompt": "The video is restyled with @img0",
            "img_ids": [123],
            "quality": "540p",
        },
    ),
    "scene style transfer as the page misspells it": (
        ["modify", *UPLOADED, "--image", "upload:123", "--prompt",
         "The video is restyled with @ima0"],
        {
            "video_media_id": 1234,
            "prompt": "The video is restyled with @ima0",
            "img_ids": [123],
            "quality": "540p",
        },
    ),
    # https://docs.platform.pixverse.ai/motion-controlmimic-1982936m0
    "mimic of an upload": (
        ["mimic", *UPLOADED, "--image", "id:123"],
        {"video_media_id": 1234, "img_id": 123, "quality": "540p"},
    ),
    "mimic of a generated video": (
        ["mimic", "--video", "id:111", "--image", "id:123", "--quality", "540p"],
        {"source_video_id": 111, "img_id": 123, "quality": "540p"},
    ),
    # https://docs.platform.pixverse.ai/image-to-video-generation-13016633e0
    "image-to-video": (
        ["animate", "--via", "pixverse/v4.5", "--image", "id:0", "--prompt", "string",
         "--negative-prompt", "string", "--duration", "5", "--motion", "normal",
         "--quality", "540p", "--seed", "0"],
        {
            "model": "v4.5",
            "img_id": 0,
            "prompt": "string",
            "negative_prompt": "string",
            "duration": 5,
            "motion_mode": "normal",
            "quality": "540p",
            "seed": 0,
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_pages_examples_are_the_bodies_of_a_dry_run(
    cli: Cli, account: Account, name: str
) -> None:
    argv, body = EXAMPLES[name]
    sent = paid(dry(cli, *argv))
    assert sent == body
    assert [type(sent[field]) for field in body] == [type(value) for value in body.values()]


def test_the_dry_run_of_a_selection_shows_the_frame_that_it_will_send(
    cli: Cli, account: Account, media: list[str]
) -> None:
    swap = ["modify", "--video", "dance.mp4", "--prompt", "@selection0 is red", "--select", "0"]
    for given, frame in (([], 1), (["--keyframe", "7"], 7)):
        told = dry(cli, *swap, *given)
        assert told.code == 0, told.err
        selection, main = (one["calls"][-1]["json"] for one in told.data)
        assert selection["keyframe_id"] == main["keyframe_id"] == frame
        assert main["mask_ids"] == ["<mask 0>"]


def test_a_mask_that_is_a_file_is_refused_with_the_reason(
    cli: Cli, account: Account, media: list[str]
) -> None:
    clip = ["modify", "--video", "dance.mp4", "--prompt", "@selection0 is red"]
    told = cli(*clip, "--mask", "mask.png", "--yes")
    assert told.code == 2
    assert "'mask.png' is a local file, and the vendor takes no mask files" in told.err
    assert account.ledger["jobs"] == []
    told = dry(cli, *clip, "--mask", "http://example.com/mask.png")
    assert paid(told)["mask_urls"] == ["http://example.com/mask.png"]
    assert any("keyframe" in warning for warning in told.one["warnings"])
