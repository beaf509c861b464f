"""Replicate from the command line: literal bodies of every row, purchases of the motion rows."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from cli_support import Account, Cli

from motionkit.sandbox import Sandbox, sample_clip, sample_picture
from motionkit.sandbox.drawing import png, scene
from motionkit_replicate.adapter import Replicate
from motionkit_replicate.sandbox import ReplicateSandbox, jobs, storage

KEY = "r8_key_of_the_studio_0123456789abcdefgh"
IMAGE, CLIP = "<image of hero.png>", "<video of dance.mp4>"
PAIR = {"image": IMAGE, "video": CLIP}
KLING = {**PAIR, "mode": "std", "character_orientation": "video"}
WAN = {"character_image": "<character_image of hero.png>", "video": CLIP, "resolution": "720"}
PRUNA = {"resolution": "720p", "video": CLIP}
BY_VERSION = "wan-video/wan-2.2-animate-animation"
VERSION = "d6b167d60fdadef11966e5824b19b9c0fc7597d663192c278e67e9d1f2dbbf48"
BODIES: dict[str, dict[str, Any]] = {
    "kwaivgi/kling-v3-motion-control": KLING,
    "kwaivgi/kling-v2.6-motion-control": KLING,
    "bytedance/dreamactor-m2.0": PAIR,
    "wan-video/wan-2.2-animate-replace": WAN,
    BY_VERSION: WAN,
    "prunaai/p-video-animate": {**PRUNA, "image": IMAGE},
    "prunaai/p-video-replace": {**PRUNA, "images": ["<images of hero.png>"]},
}
"""What a picture and a clip alone become as the input of a motion transfer, by model."""
WHOLE: dict[str, tuple[str, dict[str, Any]]] = {
    "kwaivgi/kling-v3-motion-control": (
        "--prompt jump --quality 1080p --orientation image --no-keep-audio",
        {
            "prompt": "jump",
            "mode": "pro",
            "character_orientation": "image",
            "keep_original_sound": False,
        },
    ),
    "kwaivgi/kling-v2.6-motion-control": (
        "--quality 540p --orientation video --keep-audio",
        {"mode": "std", "character_orientation": "video", "keep_original_sound": True},
    ),
    "wan-video/wan-2.2-animate-replace": (
        "--quality 480p --seed 7 --keep-audio",
        {"resolution": "480", "seed": 7, "merge_audio": True},
    ),
    BY_VERSION: (
        "--quality 480p --seed 7 --no-keep-audio",
        {"resolution": "480", "seed": 7, "merge_audio": False},
    ),
    "prunaai/p-video-animate": (
        "--prompt jump --quality 1080p --seed 7 --no-keep-audio",
        {"instruction_prompt": "jump", "resolution": "1080p", "seed": 7, "save_audio": False},
    ),
    "prunaai/p-video-replace": (
        "--prompt jump --quality 1080p --seed 7 --keep-audio",
        {"instruction_prompt": "jump", "resolution": "1080p", "seed": 7, "save_audio": True},
    ),
}
"""All that a model takes besides picture and clip, and what is sent of it."""
CHARGED = {
    "kwaivgi/kling-v3-motion-control": ("0.28", "0.28"),
    "kwaivgi/kling-v2.6-motion-control": ("0.28", "0.28"),
    "bytedance/dreamactor-m2.0": ("0.20", "0.20"),
    "wan-video/wan-2.2-animate-replace": ("0.20", "0.20"),
    "prunaai/p-video-animate": (None, None),
    "prunaai/p-video-replace": (None, None),
}
"""Likely quote and cost of a clip of 4 seconds."""
V6 = {"duration": 5, "quality": "540p", "generate_audio_switch": False}
TOLD = {"prompt": "a dancer"}
OMNI = {"duration": 5, "mode": "standard", "generate_audio": False}
O1 = {"duration": 5, "mode": "std"}
HORSE = {"duration": 5, "resolution": "720p"}
EDIT = ("modify", "--video", "short.mp4", "--prompt", "a dancer")
STILL = ("animate", "--image", "hero.png", "--prompt", "a dancer")
WORDS = ("generate", "--prompt", "a dancer")
FRAMES = ("transition", "--first-frame", "hero.png", "--last-frame", "hero.png")
FRAMES = (*FRAMES, "--prompt", "a dancer")
START, END = "<start_image of hero.png>", "<end_image of hero.png>"
OTHERS: list[tuple[tuple[str, ...], str, dict[str, Any]]] = [
    (STILL, "pixverse/pixverse-v6", {**V6, "image": IMAGE}),
    (STILL, "pixverse/pixverse-v6-max", {**V6, "image": IMAGE}),
    (STILL, "pixverse/pixverse-v5.6", {**V6, "image": IMAGE}),
    (STILL, "kwaivgi/kling-o1", {**O1, "start_image": START}),
    (STILL, "kwaivgi/kling-v3-omni-video", {**OMNI, "start_image": START}),
    (STILL, "alibaba/happyhorse-1.0", {**HORSE, "image": IMAGE}),
    (STILL, "runwayml/gen-4.5", {"duration": 5, "image": IMAGE}),
    (STILL, "wan-video/wan-2.2-i2v-fast", {"resolution": "480p", "image": IMAGE}),
    (WORDS, "pixverse/pixverse-v6", V6),
    (WORDS, "pixverse/pixverse-v6-max", V6),
    (WORDS, "pixverse/pixverse-v5.6", V6),
    (WORDS, "kwaivgi/kling-o1", O1),
    (WORDS, "kwaivgi/kling-v3-omni-video", OMNI),
    (WORDS, "alibaba/happyhorse-1.0", HORSE),
    (WORDS, "runwayml/gen-4.5", {"duration": 5}),
    (
        FRAMES,
        "pixverse/pixverse-v6",
        {**V6, "image": IMAGE, "last_frame_image": "<last_frame_image of hero.png>"},
    ),
    (
        FRAMES,
        "pixverse/pixverse-v5.6",
        {**V6, "image": IMAGE, "last_frame_image": "<last_frame_image of hero.png>"},
    ),
    (FRAMES, "kwaivgi/kling-o1", {**O1, "start_image": START, "end_image": END}),
    (FRAMES, "kwaivgi/kling-v3-omni-video", {**OMNI, "start_image": START, "end_image": END}),
    (
        (*EDIT, "--image", "hero.png"),
        "kwaivgi/kling-o1",
        {
            "mode": "std",
            "video_reference_type": "base",
            "reference_video": "<reference_video of short.mp4>",
            "reference_images": ["<reference_images of hero.png>"],
        },
    ),
    (EDIT, "runwayml/aleph-2", {"video": "<video of short.mp4>"}),
    (
        (*EDIT, "--image", "hero.png"),
        "wan-video/wan-2.7-videoedit",
        {
            "resolution": "720p",
            "video": "<video of short.mp4>",
            "reference_image": "<reference_image of hero.png>",
        },
    ),
    (
        ("lipsync", "--video", "short.mp4", "--audio", "voice.wav"),
        "pixverse/lipsync",
        {"video": "<video of short.mp4>", "audio": "<audio of voice.wav>"},
    ),
]
"""A command of each other row, and its input besides the prompt."""
MODELS = [offer.model for offer in Replicate.offers if offer.operation == "mimic"]


LIFE = 1e6
"""Vendor's seconds for which data are kept here: an hour is 3.6 s of this sandbox."""


@pytest.fixture
def studio(own_place: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account at Replicate, with media that every model takes."""
    monkeypatch.setattr(jobs, "DATA_LIFE", LIFE)
    monkeypatch.setattr(storage, "FILE_LIFE", LIFE)
    (own_place / "hero.png").write_bytes(png(scene(480, 720)))
    (own_place / "dance.mp4").write_bytes(sample_clip(4.0, height=400))
    (own_place / "short.mp4").write_bytes(sample_clip(4.0, height=400))
    (own_place / "small.png").write_bytes(sample_picture())
    (own_place / "voice.wav").write_bytes(_sound())
    with Sandbox(apps=[ReplicateSandbox], speed=1000, job_seconds=50) as sandbox:
        sandbox.add_account("replicate", KEY, label="studio", balance="100")
        monkeypatch.setenv("REPLICATE_API_KEY", KEY)
        monkeypatch.setenv("REPLICATE_BASE_URL", sandbox.url)
        monkeypatch.setenv("MOTIONKIT_SANDBOX_SPEED", "1000")
        yield Account(sandbox, "replicate", "studio", KEY)


def _sound() -> bytes:
    """Return a second of silence."""
    size = 8000
    head = b"RIFF" + (36 + size).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    form = b"".join(
        one.to_bytes(width, "little")
        for one, width in ((1, 2), (1, 2), (8000, 4), (8000, 4), (1, 2), (8, 2))
    )
    return head + form + b"data" + size.to_bytes(4, "little") + b"\x80" * size


MEDIA = ("--image", "hero.png", "--video", "dance.mp4")


def test_every_row_is_in_the_tables() -> None:
    assert list(BODIES) == MODELS
    assert set(BODIES) - set(WHOLE) == {"bytedance/dreamactor-m2.0"}
    assert set(BODIES) - set(CHARGED) == {BY_VERSION}
    others = [offer.model for offer in Replicate.offers if offer.operation != "mimic"]
    assert [model for _, model, _ in OTHERS] == others


@pytest.mark.parametrize("model", BODIES)
def test_a_dry_run_shows_the_body_of_a_picture_and_a_clip(
    model: str, cli: Cli, studio: Account
) -> None:
    shown = cli("mimic", *MEDIA, "--via", f"replicate/{model}", "--yes", "--dry-run", "--json").one
    *uploads, paid = shown["calls"]
    if model == BY_VERSION:
        assert paid["url"] == f"{studio.sandbox.url}/v1/predictions"
        assert paid["json"] == {"input": BODIES[model], "version": VERSION}
        assert paid["headers"] == {"Cancel-After": "1800s"}
    else:
        assert paid["url"] == f"{studio.sandbox.url}/v1/models/{model}/predictions"
        assert paid["json"] == {"input": BODIES[model]}
        assert not paid.get("headers")
    assert [(one["method"], one["url"]) for one in uploads] == [
        ("POST", f"{studio.sandbox.url}/v1/files")
    ] * 2
    assert studio.bought == (0, 0, "0")


@pytest.mark.parametrize("model", WHOLE)
def test_a_dry_run_shows_every_option_under_the_vendors_name(
    model: str, cli: Cli, studio: Account
) -> None:
    options, sent = WHOLE[model]
    via = ("--via", f"replicate/{model}")
    shown = cli("mimic", *MEDIA, *options.split(), *via, "--yes", "--dry-run", "--json")
    assert shown.one["calls"][-1]["json"]["input"] == {**BODIES[model], **sent}


@pytest.mark.parametrize(
    ("argv", "model", "sent"), OTHERS, ids=[f"{argv[0]}-{model}" for argv, model, _ in OTHERS]
)
def test_another_operation_sends_its_body_which_the_vendor_takes(
    *, argv: tuple[str, ...], model: str, sent: dict[str, Any], cli: Cli, studio: Account
) -> None:
    via = ("--via", f"replicate/{model}")
    ended = cli(*argv, *via, "--yes", "--dry-run", "--json")
    assert ended.code == 0, ended.err
    paid = ended.one["calls"][-1]
    assert paid["url"] == f"{studio.sandbox.url}/v1/models/{model}/predictions"
    told = {} if argv[0] == "lipsync" else TOLD
    assert paid["json"] == {"input": {**told, **sent}}
    bought = cli(*argv, *via, "--yes", "--no-wait")
    assert bought.code == 0, bought.err
    assert [job["model"] for job in studio.ledger["jobs"]] == [model]


@pytest.mark.parametrize("model", CHARGED)
def test_every_motion_row_is_bought_once_and_charged_as_quoted(
    model: str, cli: Cli, studio: Account
) -> None:
    via = ("--via", f"replicate/{model}")
    quoted, charged = CHARGED[model]
    quote = cli("quote", "mimic", *MEDIA, *via, "--json").one["quote"]
    assert (None if quote is None else Decimal(quote["likely"])) == (quoted and Decimal(quoted))
    argv = ("mimic", *MEDIA, *via, "--out", "out.mp4", "--yes", "--json")
    ended = cli(*argv)
    assert ended.code == 0, ended.err
    told = studio.ledger
    (job,) = told["jobs"]
    assert (told["submits"], job["model"], job["state"]) == (1, model, "succeeded")
    cost = ended.data[-1]["cost"]
    if charged is None:
        assert cost is None
    else:
        assert (Decimal(cost["amount"]), cost["basis"]) == (Decimal(charged), "assumed")
        assert Decimal(job["charge"]) == Decimal(charged)
    assert cli(*argv).code == 0
    assert studio.ledger["submits"] == 1


def test_a_model_by_version_is_charged_by_the_time_of_its_run(cli: Cli, studio: Account) -> None:
    via = ("--via", f"replicate/{BY_VERSION}", "--out", "out.mp4", "--yes", "--json")
    ended = cli("mimic", *MEDIA, *via)
    assert ended.code == 0, ended.err
    (job,) = studio.ledger["jobs"]
    cost = ended.data[-1]["cost"]
    assert cost["basis"] == "assumed"
    assert Decimal(cost["amount"]) == Decimal(job["charge"]) > 0


@pytest.mark.parametrize(
    ("orientation", "seconds", "limit"), [("image", 12, 10), ("video", 31, 30)]
)
def test_a_clip_beyond_an_orientations_limit_is_refused_before_anything_is_uploaded(
    *, orientation: str, seconds: int, limit: int, cli: Cli, studio: Account, own_place: Any
) -> None:
    (own_place / "long.mp4").write_bytes(sample_clip(seconds, height=64, fps=2))
    argv = ("--image", "hero.png", "--video", "long.mp4", "--orientation", orientation)
    ended = cli("mimic", *argv, "--via", "replicate", "--yes")
    assert ended.code != 0
    assert f"{limit} s" in ended.err
    assert studio.ledger["uploads"] == 0


def test_an_unlisted_model_needs_to_be_confirmed(cli: Cli, studio: Account) -> None:
    argv = ("mimic", *MEDIA, "--via", "replicate/some-owner/some-model", "--dry-run", "--json")
    assert "not documented" in cli(*argv).err
    options = ("--allow-undocumented", "--extra", "strength=0.5", "--yes")
    call = cli(*argv, *options).one["calls"][-1]
    assert call["url"].endswith("/v1/models/some-owner/some-model/predictions")
    assert call["json"] == {"input": {**PAIR, "strength": 0.5}}
    by_version = ("--via", f"replicate/some-owner/some-model:{VERSION}")
    call = cli("mimic", *MEDIA, *by_version, *options, "--dry-run", "--json").one["calls"][-1]
    assert call["url"].endswith("/v1/predictions")
    assert call["json"]["version"] == f"some-owner/some-model:{VERSION}"


def test_an_extra_field_that_changes_the_price_makes_the_quote_unknown(
    cli: Cli, studio: Account
) -> None:
    argv = ("quote", "mimic", *MEDIA, "--via", "replicate", "--json")
    assert cli(*argv, "--extra", "seed=7").one["quote"]["likely"] is not None
    assert cli(*argv, "--extra", "mode=pro").one["quote"]["likely"] is None


def test_an_images_mark_in_a_prompt_is_written_as_kling_o1_has_it(
    cli: Cli, studio: Account
) -> None:
    argv = ("modify", "--video", "short.mp4", "--image", "hero.png", "--image", "hero.png")
    words = ("--prompt", "@img0 meets @img1", "--via", "replicate/kwaivgi/kling-o1")
    sent = cli(*argv, *words, "--yes", "--dry-run", "--json").one["calls"][-1]["json"]["input"]
    assert sent["prompt"] == "<<<image_1>>> meets <<<image_2>>>"


def test_missing_credit_is_shown_with_the_page_that_sells_it(cli: Cli, studio: Account) -> None:
    studio.sandbox.fault("refuse:submit:status=402")
    ended = cli("mimic", *MEDIA, "--via", "replicate", "--yes", "--json")
    (event,) = [one for one in ended.events if "error" in one]
    assert (event["error"], event["billed"]) == ("InsufficientCredits", "no")
    assert "https://replicate.com/account/billing" in str(event)


def test_a_key_works_everywhere_although_no_balance_is_shown(
    cli: Cli, studio: Account, own_place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = cli("balance", "replicate")
    assert told.code != 0
    assert "the API shows no balance" in told.err
    assert "https://replicate.com/account/billing" in told.err
    every = cli("balance")
    assert (every.code, every.err) == (0, "")
    assert "the API shows no balance (see https://replicate.com/account/billing)" in every.out
    assert cli("balance", "--json").data[0]["account"] == "replicate"
    checks = cli("doctor", "--json").data
    about = [row for row in checks if row["check"] == "key of replicate"]
    assert [row["status"] for row in about] == ["ok", "ok"]
    assert about[1]["text"].startswith("works: ")
    row = cli("compare", "mimic", *MEDIA, "--json").data[0]
    assert row["quote"] is not None
    assert row.get("error") is None
    (own_place / "c.toml").write_text(
        f'[accounts.replicate]\napi_key = "{KEY}"\n[routes.r]\ntargets = ["replicate"]\n'
    )
    monkeypatch.setenv("MOTIONKIT_CONFIG", str(own_place / "c.toml"))
    assert cli("mimic", *MEDIA, "--via", "r", "--yes").code == 0
    assert studio.ledger["submits"] == 1


def test_a_wrong_key_is_told_by_the_doctor(
    cli: Cli, studio: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICATE_API_KEY", "r8_another")
    checks = cli("doctor", "--json").data
    about = [row for row in checks if row["check"] == "key of replicate"]
    assert about[-1]["status"] != "ok"
    assert "the token is missing or wrong" in about[-1]["text"]


def test_a_result_that_is_fetched_too_late_was_paid_and_says_so(cli: Cli, studio: Account) -> None:
    assert cli("mimic", *MEDIA, "--via", "replicate", "--yes", "--no-wait").code == 0
    (key,) = [row["key"] for row in cli("jobs", "--json").data]
    studio.sandbox.advance(2 * LIFE)
    ended = cli("wait", key, "--json")
    assert ended.code != 0
    (event,) = [one for one in ended.events if "error" in one]
    assert (event["error"], event["billed"]) == ("JobGone", "yes")
    assert "deleted an hour after the job; the run was charged" in str(event)
    assert cli("jobs", "--json").data[0]["state"] == "gone"
    assert studio.ledger["submits"] == 1
