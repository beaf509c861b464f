"""fal from the command line: literal bodies of every motion row, purchases, the price list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from cli_support import Account, Cli

from motionkit.sandbox import Sandbox, sample_clip, sample_picture
from motionkit.sandbox.drawing import png, scene
from motionkit_fal.adapter import Fal
from motionkit_fal.sandbox import FalSandbox

KEY = "id-of-the-key:secret-of-the-key"
PROMPT = "The character performs the motion of the reference video."
IMAGE, CLIP = "<image_url of hero.png>", "<video_url of dance.mp4>"
PAIR = {"image_url": IMAGE, "video_url": CLIP}
MAREY = {
    "reference_image_url": "<reference_image_url of hero.png>",
    "video_url": CLIP,
    "prompt": PROMPT,
}
BODIES: dict[str, dict[str, Any]] = {
    "fal-ai/wan/v2.2-14b/animate/move": {**PAIR, "resolution": "480p"},
    "fal-ai/wan/v2.2-14b/animate/replace": {**PAIR, "resolution": "480p"},
    "fal-ai/wan-motion": PAIR,
    "fal-ai/kling-video/v2.6/standard/motion-control": {**PAIR, "character_orientation": "video"},
    "fal-ai/kling-video/v2.6/pro/motion-control": {**PAIR, "character_orientation": "video"},
    "fal-ai/kling-video/v3/standard/motion-control": {**PAIR, "character_orientation": "video"},
    "fal-ai/kling-video/v3/pro/motion-control": {**PAIR, "character_orientation": "video"},
    "fal-ai/bytedance/dreamactor/v2": PAIR,
    "fal-ai/steady-dancer": {**PAIR, "resolution": "576p"},
    "fal-ai/scail": {**PAIR, "prompt": PROMPT, "resolution": "512p"},
    "fal-ai/scail-2": {**PAIR, "prompt": PROMPT},
    "fal-ai/one-to-all-animation/14b": {
        **PAIR,
        "prompt": PROMPT,
        "negative_prompt": "",
        "resolution": "480p",
    },
    "fal-ai/one-to-all-animation/1.3b": {
        **PAIR,
        "prompt": PROMPT,
        "negative_prompt": "",
        "resolution": "480p",
    },
    "moonvalley/marey/motion-transfer": MAREY,
    "moonvalley/marey/pose-transfer": MAREY,
}
"""What a picture and a clip alone become, by model."""
WHOLE: dict[str, tuple[str, dict[str, Any]]] = {
    "fal-ai/wan/v2.2-14b/animate/move": (
        "--quality 540p --seed 7",
        {"resolution": "580p", "seed": 7},
    ),
    "fal-ai/wan/v2.2-14b/animate/replace": (
        "--quality 720p --seed 7",
        {"resolution": "720p", "seed": 7},
    ),
    "fal-ai/wan-motion": ("--prompt jump --seed 7", {"prompt": "jump", "seed": 7}),
    "fal-ai/kling-video/v2.6/standard/motion-control": (
        "--prompt jump --orientation image --no-keep-audio",
        {"prompt": "jump", "character_orientation": "image", "keep_original_sound": False},
    ),
    "fal-ai/kling-video/v2.6/pro/motion-control": (
        "--prompt jump --orientation video --keep-audio",
        {"prompt": "jump", "character_orientation": "video", "keep_original_sound": True},
    ),
    "fal-ai/kling-video/v3/standard/motion-control": (
        "--orientation image",
        {"character_orientation": "image"},
    ),
    "fal-ai/kling-video/v3/pro/motion-control": (
        "--prompt jump --orientation image --keep-audio",
        {"prompt": "jump", "character_orientation": "image", "keep_original_sound": True},
    ),
    "fal-ai/steady-dancer": (
        "--prompt jump --quality 720p --seed 7 --no-keep-audio",
        {"prompt": "jump", "resolution": "720p", "seed": 7, "preserve_audio": False},
    ),
    "fal-ai/scail": ("--prompt jump --quality 512p", {"prompt": "jump", "resolution": "512p"}),
    "fal-ai/scail-2": ("--prompt jump", {"prompt": "jump"}),
    "fal-ai/one-to-all-animation/14b": (
        "--prompt jump --quality 720p",
        {"prompt": "jump", "resolution": "720p"},
    ),
    "fal-ai/one-to-all-animation/1.3b": (
        "--prompt jump --quality 540p",
        {"prompt": "jump", "resolution": "580p"},
    ),
    "moonvalley/marey/motion-transfer": ("--prompt jump --seed 7", {"prompt": "jump", "seed": 7}),
    "moonvalley/marey/pose-transfer": ("--prompt jump --seed 7", {"prompt": "jump", "seed": 7}),
}
"""All that a model takes besides picture and clip, and what is sent of it."""
MODELS = [offer.model for offer in Fal.offers if offer.operation == "mimic"]


@pytest.fixture
def studio(own_place: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account at fal, with a picture and a clip that every model takes."""
    (own_place / "hero.png").write_bytes(png(scene(480, 720)))
    (own_place / "dance.mp4").write_bytes(sample_clip(4.0, height=400))
    (own_place / "small.png").write_bytes(sample_picture())
    with Sandbox(apps=[FalSandbox], speed=1000, job_seconds=50) as sandbox:
        sandbox.add_account("fal", KEY, label="studio", balance="100")
        monkeypatch.setenv("FAL_API_KEY", KEY)
        monkeypatch.setenv("FAL_BASE_URL", sandbox.url)
        monkeypatch.setenv("MOTIONKIT_SANDBOX_SPEED", "1000")
        yield Account(sandbox, "fal", "studio", KEY)


MEDIA = ("--image", "hero.png", "--video", "dance.mp4")


def test_every_motion_row_is_in_the_tables() -> None:
    assert list(BODIES) == MODELS
    assert set(BODIES) - set(WHOLE) == {"fal-ai/bytedance/dreamactor/v2"}


@pytest.mark.parametrize("model", BODIES)
def test_a_dry_run_shows_the_body_of_a_picture_and_a_clip(
    model: str, cli: Cli, studio: Account
) -> None:
    shown = cli("mimic", *MEDIA, "--via", f"fal/{model}", "--yes", "--dry-run", "--json").one
    *uploads, paid = shown["calls"]
    assert paid["url"] == f"{studio.sandbox.url}/{model}"
    assert paid["json"] == BODIES[model]
    assert paid["method"] == "POST"
    assert [one["json"] for one in uploads] == [
        {"file_name": "upload.png", "content_type": "image/png"},
        {"file_name": "upload.mp4", "content_type": "video/mp4"},
    ]
    assert studio.bought == (0, 0, "0")


@pytest.mark.parametrize("model", WHOLE)
def test_a_dry_run_shows_every_option_under_the_vendors_name(
    model: str, cli: Cli, studio: Account
) -> None:
    options, sent = WHOLE[model]
    shown = cli(
        "mimic", *MEDIA, *options.split(), "--via", f"fal/{model}", "--yes", "--dry-run", "--json"
    )
    assert shown.one["calls"][-1]["json"] == {**BODIES[model], **sent}


@pytest.mark.parametrize("model", BODIES)
def test_every_motion_row_is_bought_once_and_charged_as_quoted(
    model: str, cli: Cli, studio: Account
) -> None:
    argv = ("mimic", *MEDIA, "--via", f"fal/{model}", "--out", "out.mp4", "--yes", "--json")
    ended = cli(*argv)
    assert ended.code == 0, ended.err
    told = studio.ledger
    (job,) = told["jobs"]
    assert (told["submits"], job["model"], job["state"]) == (1, model, "succeeded")
    cost = ended.data[-1]["cost"]
    assert (Decimal(cost["amount"]), cost["basis"]) == (Decimal(job["charge"]), "reported")
    offer = next(one for one in Fal.offers if one.model == model)
    if offer.price is not None:
        assert Decimal(job["charge"]) in {4 * cell.amount for cell in offer.price.cells}
    assert cli(*argv).code == 0
    assert studio.ledger["submits"] == 1


def test_fallback_is_off_and_options_of_the_account_are_headers(
    cli: Cli, studio: Account, own_place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = cli("mimic", *MEDIA, "--via", "fal", "--dry-run", "--json").one["calls"][-1]
    assert plain["headers"] == {"x-app-fal-disable-fallback": "true"}
    (own_place / "c.toml").write_text(
        '[accounts.fal]\napi_key = "a:b"\nno_retry = true\nfallback = true\nstart_timeout = 90\n'
        'webhook = "https://h.example/hook"\n'
    )
    monkeypatch.setenv("MOTIONKIT_CONFIG", str(own_place / "c.toml"))
    call = cli("mimic", *MEDIA, "--via", "fal", "--dry-run", "--json").one["calls"][-1]
    assert call["headers"] == {"X-Fal-No-Retry": "1", "X-Fal-Request-Timeout": "90"}
    assert call["url"].endswith("?***"), "a query may hold a signature, so it is not shown"


@pytest.mark.parametrize(
    ("orientation", "seconds", "limit"),
    [("image", 12, "10 seconds with orientation 'image'"), ("video", 31, "30 seconds")],
)
def test_a_clip_beyond_an_orientations_limit_is_refused_before_anything_is_uploaded(
    *, orientation: str, seconds: int, limit: str, cli: Cli, studio: Account, own_place: Any
) -> None:
    (own_place / "long.mp4").write_bytes(sample_clip(seconds, height=64, fps=2))
    model = "fal-ai/kling-video/v3/pro/motion-control"
    argv = ("--image", "hero.png", "--video", "long.mp4", "--orientation", orientation)
    ended = cli("mimic", *argv, "--via", f"fal/{model}", "--yes")
    assert ended.code != 0
    assert f"the vendor takes at most {limit}" in ended.err
    assert studio.ledger["uploads"] == 0


def test_the_limits_of_a_model_say_what_they_depend_on(cli: Cli, studio: Account) -> None:
    model = "fal-ai/kling-video/v3/pro/motion-control"
    shown = cli("offers", "--via", "fal", "--model", model).out
    assert f"  {model}: image: jpeg/png, 340 to 3850 px, 1:2.5 to 2.5:1\n" in shown
    assert f"  {model}: video: mp4/mov, 3 to 30 s, 3 to 10 s with orientation image\n" in shown


def test_an_unlisted_endpoint_needs_to_be_confirmed(cli: Cli, studio: Account) -> None:
    argv = ("mimic", *MEDIA, "--via", "fal/some-owner/some-app/animate", "--dry-run", "--json")
    assert "not documented" in cli(*argv).err
    options = ("--allow-undocumented", "--extra", "strength=0.5", "--yes")
    call = cli(*argv, *options).one["calls"][-1]
    assert call["url"].endswith("/some-owner/some-app/animate")
    assert call["json"] == {**PAIR, "strength": 0.5}


def test_offers_update_shows_the_price_list_and_writes_nothing(
    cli: Cli, studio: Account, own_place: Any
) -> None:
    before = sorted(own_place.iterdir())
    rows = cli("offers", "--update", "--via", "fal", "--operation", "mimic", "--json").data
    assert [row["target"] for row in rows] == [f"fal/{model}" for model in MODELS]
    by = {row["target"].removeprefix("fal/"): row for row in rows}
    assert by["fal-ai/wan-motion"]["verdict"] == "same"
    assert by["fal-ai/wan-motion"]["listed"] == "0.06 USD per seconds"
    assert by["fal-ai/steady-dancer"]["verdict"] == "no price here"
    assert sorted(own_place.iterdir()) == before
    studio.sandbox.fault(
        'http:list:status=200:body={"prices": [{"endpoint_id": "fal-ai/wan-motion", '
        '"unit_price": 0.07, "unit": "seconds", "currency": "USD"}]}:times=0'
    )
    ended = cli("offers", "--update", "--model", "fal-ai/wan-motion")
    assert re.search(r"wan-motion +mimic +0\.06 USD +0\.07 USD per seconds +differs", ended.out)
    other = cli("offers", "--update", "--model", "fal-ai/scail-2")
    assert re.search(r"scail-2 +mimic +0\.20 USD +- +not listed", other.out)


def test_without_an_account_there_is_no_price_list(cli: Cli) -> None:
    assert "no configured account with a key" in cli("offers", "--update").err


def test_an_exhausted_balance_is_shown_as_credits_and_not_as_a_wrong_key(
    cli: Cli, studio: Account
) -> None:
    studio.sandbox.fault(
        "refuse:submit:status=403:message=User is locked. Reason: Exhausted balance. Top up"
    )
    ended = cli("mimic", *MEDIA, "--via", "fal", "--yes", "--json")
    (event,) = [one for one in ended.events if "error" in one]
    assert event["error"] == "InsufficientCredits"
    assert event["billed"] == "no"


def test_a_key_that_may_not_read_the_balance_works_everywhere_else(
    cli: Cli, studio: Account, own_place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.sandbox.add_account("fal", "api:scope", label="api", balance="9", denied=["admin"])
    monkeypatch.setenv("FAL_API_KEY", "api:scope")
    told = cli("balance", "fal")
    assert told.code != 0
    assert "keys with the scope ADMIN" in told.err
    checks = cli("doctor", "--json").data
    about = [row for row in checks if row["check"] == "key of fal"]
    assert [row["status"] for row in about] == ["ok", "ok"]
    assert about[1]["text"].startswith("works: ")
    row = cli("compare", "mimic", *MEDIA, "--json").data[0]
    assert row["quote"] is not None
    assert "error" not in row or row["error"] is None
    (own_place / "c.toml").write_text(
        '[accounts.fal]\napi_key = "api:scope"\n[routes.r]\ntargets = ["fal"]\n'
    )
    monkeypatch.setenv("MOTIONKIT_CONFIG", str(own_place / "c.toml"))
    assert cli("mimic", *MEDIA, "--via", "r", "--yes").code == 0
    accounts = studio.sandbox.ledger()["vendors"]["fal"]["accounts"]
    assert accounts["api"]["submits"] == 1
