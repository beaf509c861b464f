"""Kling from the command line: every model bought, clips by a store, what it says of money."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from cli_support import Account, Cli
from fsspec.implementations.memory import MemoryFileSystem

from motionkit.sandbox import Sandbox, sample_clip, sample_picture
from motionkit_kling.adapter import Kling
from motionkit_kling.sandbox import KlingSandbox

KEY = "kling-key-of-the-studio"
HERO, DANCE = "https://media.invalid/hero.png", "https://media.invalid/dance.mp4"
MEDIA = {
    "mimic": ("--image", HERO, "--video", DANCE),
    "text_to_video": ("--prompt", "A fox."),
    "image_to_video": ("--image", HERO, "--prompt", "It turns."),
    "transition": ("--first-frame", HERO, "--last-frame", HERO, "--prompt", "It turns."),
    "modify": ("--video", DANCE, "--prompt", "Make it snow."),
    "avatar": ("--image", HERO, "--audio", "https://media.invalid/voice.mp3"),
    "scene_effect": ("--scene", "hug_pro", "--image", HERO, "--image", HERO),
}
VERBS = {
    "text_to_video": "generate",
    "image_to_video": "animate",
    "scene_effect": "scene-effect",
}
MODELS = [(one.operation, one.model) for one in Kling.offers if one.operation != "extend"]


@pytest.fixture
def studio(own_place: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account at Kling, with a picture and a clip that it takes."""
    (own_place / "hero.png").write_bytes(sample_picture())
    (own_place / "dance.mp4").write_bytes(sample_clip(4.0, height=640))
    with Sandbox(apps=[KlingSandbox], speed=1000, job_seconds=50) as sandbox:
        balances = {"video": "100", "image": "10"}
        sandbox.add_account("kling", KEY, label="studio", balances=balances)
        monkeypatch.setenv("KLING_API_KEY", KEY)
        monkeypatch.setenv("KLING_BASE_URL", sandbox.url)
        monkeypatch.setenv("MOTIONKIT_SANDBOX_SPEED", "1000")
        yield Account(sandbox, "kling", "studio", KEY)


@pytest.mark.parametrize(("operation", "model"), MODELS)
def test_every_model_is_bought_once_and_costs_what_the_vendor_says(
    operation: str, model: str, cli: Cli, studio: Account
) -> None:
    verb = VERBS.get(operation, operation)
    argv = (verb, *MEDIA[operation], "--via", f"kling/{model}", "--out", "out.mp4", "--yes")
    ended = cli(*argv, "--json")
    assert ended.code == 0, ended.err
    (job,) = studio.ledger["jobs"]
    assert job["state"] == "succeeded"
    cost = ended.data[-1]["cost"]
    assert (Decimal(cost["amount"]), cost["unit"]) == (Decimal(job["charge"]), "credit")
    assert cost["basis"] == "reported"
    assert cli(*argv).code == 0
    assert studio.ledger["submits"] == 1


def test_the_external_id_of_a_task_is_the_attempt_of_the_journal(cli: Cli, studio: Account) -> None:
    ended = cli("mimic", *MEDIA["mimic"], "--via", "kling", "--out", "o.mp4", "--yes", "--json")
    assert ended.code == 0, ended.err
    submitted = next(one for one in ended.events if one.get("event") == "submitted")
    shown = cli("jobs", "show", submitted["key"], "--json").one
    (attempt,) = shown["attempts"]
    told = str(studio.sandbox.ledger())
    assert attempt["id"] in told


def test_a_clip_of_this_machine_is_refused_with_commands_and_nothing_is_sent(
    cli: Cli, studio: Account
) -> None:
    ended = cli("mimic", "--image", "hero.png", "--video", "dance.mp4", "--via", "kling", "--yes")
    assert ended.code != 0
    assert "by URL only" in ended.err
    assert "--stage s3://BUCKET/FOLDER" in ended.err
    assert studio.ledger["submits"] == 0


def test_a_clip_of_this_machine_is_bought_by_way_of_a_store(
    cli: Cli, studio: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    MemoryFileSystem.store.clear()
    monkeypatch.setattr(
        MemoryFileSystem, "sign", lambda _, path, **__: f"https://media.invalid{path}?sig=planted"
    )
    argv = ("mimic", "--image", "hero.png", "--video", "dance.mp4", "--via", "kling")
    staged = (*argv, "--stage", "memory://clips", "--out", "out.mp4")
    dry = cli(*staged, "--dry-run", "--json").one
    assert [call["method"] for call in dry["calls"]] == ["PUT", "POST"]
    assert dry["calls"][0]["url"].startswith("memory://clips/")
    assert Decimal(dry["quote"]["likely"]) == Decimal("3.6"), "the seconds of the file are known"
    assert not MemoryFileSystem.store
    ended = cli(*staged)
    assert ended.code == 0, ended.err
    assert len(MemoryFileSystem.store) == 1
    assert "planted" not in ended.out + ended.err
    assert studio.ledger["submits"] == 1
    MemoryFileSystem.store.clear()


def test_the_balance_says_how_old_it_is(cli: Cli, studio: Account) -> None:
    ended = cli("balance", "kling")
    assert "up to 12 h ago" in ended.out
    assert "100 credits = 14.00 USD" in ended.out, "a pack for images pays no video"


@pytest.mark.parametrize(
    ("code", "error"),
    [(1100, "PermissionDenied"), (1101, "InsufficientCredits"), (1304, "PermissionDenied")],
)
def test_a_429_that_no_waiting_mends_is_not_waited_for(
    code: int, error: str, cli: Cli, studio: Account
) -> None:
    studio.sandbox.fault(f"refuse:submit:code={code}:status=429:times=0")
    ended = cli("mimic", *MEDIA["mimic"], "--via", "kling", "--yes", "--json")
    (event,) = [one for one in ended.events if "error" in one]
    assert (event["error"], event["billed"]) == (error, "no")
    assert studio.ledger["submits"] <= 1
