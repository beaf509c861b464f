"""Runway from the command line: purchases, what differs from the quote, a lost submit, a cancel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from cli_support import Account, Cli

from motionkit.cli import exit_codes
from motionkit.sandbox import Sandbox, sample_clip
from motionkit.sandbox.drawing import png, scene
from motionkit_runway.adapter import Runway
from motionkit_runway.sandbox import RunwaySandbox

KEY = "key_" + "0f" * 32


@pytest.fixture
def studio(own_place: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account at Runway, with a picture and a clip that every model takes."""
    (own_place / "hero.png").write_bytes(png(scene(480, 720)))
    (own_place / "dance.mp4").write_bytes(sample_clip(4.0, height=400))
    with Sandbox(apps=[RunwaySandbox], speed=1000, job_seconds=50) as sandbox:
        sandbox.add_account("runway", KEY, label="studio", balance="10000")
        monkeypatch.setenv("RUNWAY_API_KEY", KEY)
        monkeypatch.setenv("RUNWAY_BASE_URL", sandbox.url)
        monkeypatch.setenv("MOTIONKIT_SANDBOX_SPEED", "1000")
        yield Account(sandbox, "runway", "studio", KEY)


HERO, DANCE = ("--image", "hero.png"), ("--video", "dance.mp4")
VERBS: dict[str, tuple[str, ...]] = {
    "mimic": ("mimic", *HERO, *DANCE),
    "image_to_video": ("animate", *HERO, "--prompt", "she waves"),
    "text_to_video": ("generate", "--prompt", "a hill"),
    "transition": (
        *("transition", "--first-frame", "hero.png", "--last-frame", "hero.png"),
        *("--prompt", "she turns"),
    ),
    "modify": ("modify", *DANCE, "--prompt", "make it snow"),
    "restyle": ("restyle", *DANCE, "--prompt", "clay"),
    "upscale": ("upscale", *DANCE),
}
ROWS = [
    pytest.param(
        (offer.operation, offer.model),
        id=f"{offer.operation}-{offer.model}",
        marks=() if offer.default else pytest.mark.soak,
    )
    for offer in Runway.offers
]
MIMIC = (*VERBS["mimic"], "--via", "runway/act_two", "--yes")


@pytest.mark.parametrize("row", ROWS)
def test_every_row_is_bought_once_and_costs_what_the_task_says(
    row: tuple[str, str], cli: Cli, studio: Account
) -> None:
    operation, model = row
    argv = (*VERBS[operation], "--via", f"runway/{model}", "--out", "out.mp4", "--yes", "--json")
    ended = cli(*argv)
    assert ended.code == 0, ended.err
    told = studio.ledger
    (job,) = told["jobs"]
    assert (told["submits"], job["model"], job["state"]) == (1, model, "succeeded")
    cost = ended.data[-1]["cost"]
    kept = Decimal(job["charge"]) - Decimal(job["refund"])
    assert (Decimal(cost["amount"]), cost["basis"]) == (kept, "reported")
    assert cli(*argv).code == 0
    assert studio.ledger["submits"] == 1


def test_a_dry_run_shows_the_calls_and_buys_nothing(cli: Cli, studio: Account) -> None:
    options = ("--extra", "bodyControl=true", "--extra", "expressionIntensity=4", "--seed", 7)
    calls = cli(*MIMIC, *options, "--dry-run", "--json").one["calls"]
    assert [call["url"].removeprefix(studio.sandbox.url) for call in calls] == [
        *("/v1/uploads", "/v1/uploads", "/v1/organization", "/v1/character_performance"),
    ]
    assert all(call["headers"] == {"X-Runway-Version": "2024-11-06"} for call in calls)
    assert calls[-1]["json"] == {
        "model": "act_two",
        "character": {"type": "image", "uri": "<character.uri of hero.png>"},
        "reference": {"type": "video", "uri": "<reference.uri of dance.mp4>"},
        "ratio": "832:1104",
        "seed": 7,
        "bodyControl": True,
        "expressionIntensity": 4,
    }
    assert studio.bought == (0, 0, "0")


def test_what_the_vendor_reports_at_the_submit_is_shown_where_it_is_not_the_quote(
    cli: Cli, studio: Account
) -> None:
    assert "other than quoted" not in cli(*MIMIC, "--out", "same.mp4").err
    studio.sandbox.fault("cost:submit:usd=0.35")
    shown = cli(*MIMIC, "--seed", 1, "--out", "other.mp4")
    assert re.search(
        r"^reported +35 credits = 0\.35 USD by the vendor at the submit, other than quoted$",
        shown.err,
        re.MULTILINE,
    )


def test_a_lost_submit_is_shown_with_the_numbers_before_and_after_it(
    cli: Cli, studio: Account
) -> None:
    studio.sandbox.fault("accept_then_reset:submit")
    assert cli(*MIMIC).code == exit_codes.UNCERTAIN
    shown = cli("reconcile", "--json")
    assert shown.code == exit_codes.UNCERTAIN
    (entry,) = shown.data
    before, now, *days = entry["usage"]
    assert (before["when"], before["creditBalance"]) == ("before the submit", 10_000)
    assert (now["when"], now["creditBalance"]) == ("now", 9_980)
    assert (before["dailyGenerations"], now["dailyGenerations"]) == ({}, {"act_two": 1})
    assert [day["usedCredits"] for day in days] == [[{"model": "act_two", "amount": 20}]]
    assert cli(*MIMIC).code == exit_codes.UNCERTAIN
    assert studio.ledger["submits"] == 1, "the same command buys nothing while that is open"


def test_not_enough_credits_is_an_error_of_money(cli: Cli, studio: Account) -> None:
    studio.sandbox.fault(
        "refuse:submit:status=400:message=You do not have enough credits to run this task."
    )
    ended = cli(*MIMIC, "--json")
    (event,) = [one for one in ended.events if "error" in one]
    assert (event["error"], event["billed"]) == ("InsufficientCredits", "no")
    assert "dev.runwayml.com" in event["hint"]


def test_a_task_above_the_tiers_limit_waits_and_is_not_bought_again(
    cli: Cli, studio: Account
) -> None:
    studio.sandbox.add_account("runway", "key_one", label="one", balance="500", concurrency=1)
    ended = cli(*MIMIC, "--takes", 3, "--out", "take.mp4")
    assert ended.code == 0, ended.err
    assert studio.bought[:2] == (3, 3)


def test_the_balance_is_in_credits_and_dollars(cli: Cli, studio: Account) -> None:
    assert "10000 credits = 100.00 USD" in cli("balance", "runway").out


def test_a_model_without_a_row_has_to_be_confirmed(cli: Cli, studio: Account) -> None:
    argv = (*VERBS["image_to_video"], "--via", "runway/kling3.0_pro", "--dry-run", "--json")
    assert "not documented" in cli(*argv).err
    options = ("--allow-undocumented", "--extra", "ratio=1920:1080", "--yes")
    call = cli(*argv, *options).one["calls"][-1]
    assert call["url"].endswith("/v1/image_to_video")
    assert call["json"] == {
        "model": "kling3.0_pro",
        "promptText": "she waves",
        "promptImage": "<promptImage of hero.png>",
        "ratio": "1920:1080",
    }
