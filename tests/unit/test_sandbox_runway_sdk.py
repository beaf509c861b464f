"""The official SDK, unmodified, against the sandbox.

Its base URL and its key are set as its own documentation says. Where it sleeps, between two polls
or before a retry, the vendor's time passes instead.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib.metadata
import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from patience import PATIENCE
from sandbox_runway_support import CLIP, KEY, PICTURE, account

from motionkit.sandbox import Sandbox
from motionkit_runway.sandbox import RunwaySandbox
from motionkit_runway.sandbox.models import ENDPOINTS

runwayml = pytest.importorskip("runwayml")
from runwayml import _base_client  # noqa: E402 - only where it is installed
from runwayml.lib import polling  # noqa: E402

SECONDS = 100.0
IMAGE, VIDEO = "https://media.example/hero.png", "https://media.example/dance.mp4"
ACT_TWO: dict[str, Any] = {
    "model": "act_two",
    "character": {"type": "image", "uri": IMAGE},
    "reference": {"type": "video", "uri": VIDEO},
}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=[RunwaySandbox], job_seconds=SECONDS) as running:
        yield running


class Time:
    """The time of the SDK: its sleeps advance it, and the vendor's too."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.naps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.sandbox.advance(seconds)

    async def nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        await asyncio.to_thread(self.sandbox.advance, seconds)

    def time(self) -> float:
        return sum(self.naps)


@pytest.fixture
def naps(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the SDK wanted to sleep."""
    clock = Time(sandbox)
    stead = SimpleNamespace(sleep=clock.sleep, time=clock.time)
    monkeypatch.setattr(polling, "time", stead)
    monkeypatch.setattr(_base_client, "time", SimpleNamespace(sleep=clock.sleep, time=time.time))
    monkeypatch.setattr(polling, "anyio", SimpleNamespace(sleep=clock.nap, current_time=clock.time))
    return clock.naps


@pytest.fixture
def sdk(sandbox: Sandbox, naps: list[float], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("RUNWAYML_API_SECRET", KEY)
    monkeypatch.setenv("RUNWAYML_BASE_URL", sandbox.url)
    with runwayml.RunwayML() as client:
        yield client


def another(sandbox: Sandbox, key: str, **options: Any) -> Any:
    return runwayml.RunwayML(api_key=key, base_url=sandbox.url, **options)


def test_the_sdk_is_the_version_that_was_read() -> None:
    assert importlib.metadata.version("runwayml") == "5.24.0"


def test_create_answers_with_an_id_and_the_estimate(sdk: Any, sandbox: Sandbox) -> None:
    made = sdk.character_performance.create(**ACT_TWO, ratio="720:1280", body_control=True, seed=7)
    assert made.id == account(sandbox)["jobs"][0]["id"]
    assert made.estimated_cost.credits == 25


@pytest.mark.parametrize(
    ("resource", "body", "charged"),
    [
        (
            "image_to_video",
            {
                "model": "gen4.5",
                "prompt_image": IMAGE,
                "prompt_text": "She waves.",
                "ratio": "1280:720",
                "duration": 5,
            },
            60,
        ),
        (
            "image_to_video",
            {
                "model": "veo3.1",
                "prompt_image": [
                    {"uri": IMAGE, "position": "first"},
                    {"uri": IMAGE, "position": "last"},
                ],
                "ratio": "1920:1080",
                "audio": False,
            },
            160,
        ),
        (
            "text_to_video",
            {"model": "gen4.5", "prompt_text": "Rain.", "ratio": "720:1280", "duration": 2},
            24,
        ),
        (
            "video_to_video",
            {
                "model": "aleph2",
                "video_uri": VIDEO,
                "prompt_text": "Snow.",
                "keyframes": [
                    {
                        "uri": IMAGE,
                        "seconds": 1.5,
                        "range": {"start_seconds": 0, "end_seconds": 2},
                    }
                ],
            },
            140,
        ),
        (
            "video_upscale",
            {
                "model": "magnific_video_upscaler_creative",
                "video_uri": VIDEO,
                "fps_boost": False,
                "smart_grain": 10,
            },
            135,
        ),
        ("video_to_hdr", {"model": "ruby", "video_uri": VIDEO}, 100),
        (
            "avatar_videos",
            {
                "model": "gwm1_avatars",
                "avatar": {"type": "runway-preset", "preset_id": "influencer"},
                "speech": {"type": "audio", "audio": "https://media.example/voice.mp3"},
            },
            10,
        ),
    ],
)
def test_every_kind_of_work_is_created_and_waited_for(
    sdk: Any, sandbox: Sandbox, resource: str, body: dict[str, Any], charged: int
) -> None:
    made = getattr(sdk, resource).create(**body)
    done = made.wait_for_task_output()
    assert done.status == "SUCCEEDED"
    assert account(sandbox)["charged"] == str(charged)


def test_a_recipe_is_created_and_waited_for(sdk: Any) -> None:
    made = sdk.recipes.product_swap(
        version="2026-06",
        new_product_images=[{"uri": IMAGE, "view": "front"}],
        original_product_image={"uri": IMAGE},
        reference_video={"uri": VIDEO},
    )
    assert made.estimated_cost.credits == 212 + 6 * 36
    assert made.wait_for_task_output().status == "SUCCEEDED"


def test_retrieve_has_every_word_with_its_fields(sdk: Any, sandbox: Sandbox) -> None:
    name = sdk.character_performance.create(**ACT_TWO).id
    pending = sdk.tasks.retrieve(name)
    assert (pending.status, pending.estimated_cost.credits) == ("PENDING", 25)
    assert isinstance(pending.created_at, dt.datetime)
    sandbox.advance(SECONDS / 2)
    running = sdk.tasks.retrieve(name)
    assert running.status == "RUNNING"
    assert 0 < running.progress < 1
    sandbox.advance(SECONDS)
    done = sdk.tasks.retrieve(name)
    assert (done.status, done.cost.credits, len(done.output)) == ("SUCCEEDED", 25, 1)


def test_a_throttled_task_is_waited_for_and_never_sent_again(sdk: Any, sandbox: Sandbox) -> None:
    sandbox.add_account("runway", "key_one", label="one", balance=100, concurrency=1)
    with another(sandbox, "key_one") as one:
        one.character_performance.create(**ACT_TWO)
        second = one.character_performance.create(**ACT_TWO)
        assert one.tasks.retrieve(second.id).status == "THROTTLED"
        assert second.wait_for_task_output().status == "SUCCEEDED"
    assert account(sandbox, "one")["submits"] == 2


def test_waiting_polls_every_six_seconds_with_jitter(
    sdk: Any, sandbox: Sandbox, naps: list[float]
) -> None:
    done = sdk.character_performance.create(**ACT_TWO).wait_for_task_output()
    assert done.status == "SUCCEEDED"
    assert len(naps) == account(sandbox)["polls"] > 10
    assert all(4.5 <= nap <= 7.5 for nap in naps)


def test_waiting_for_a_failed_task_raises_with_its_code(sdk: Any, sandbox: Sandbox) -> None:
    sandbox.fault("moderate:submit")
    made = sdk.character_performance.create(**ACT_TWO)
    with pytest.raises(polling.TaskFailedError) as caught:
        made.wait_for_task_output()
    details = pickle.loads(pickle.dumps(caught.value.task_details.model_dump()))  # noqa: S301 - made here
    assert details["failure_code"] == "SAFETY.INPUT.IMAGE"
    assert details["cost"] == {"credits": 25}


def test_waiting_ends_at_the_timeout_while_the_task_goes_on(sdk: Any, sandbox: Sandbox) -> None:
    made = sdk.character_performance.create(**ACT_TWO)
    with pytest.raises(polling.TaskTimeoutError) as caught:
        made.wait_for_task_output(timeout=20)
    assert caught.value.task_details.status == "RUNNING"
    sandbox.advance(SECONDS)
    assert sdk.tasks.retrieve(made.id).status == "SUCCEEDED"


def test_waiting_meets_a_cancelled_word_as_the_sdk_reads_it(sdk: Any, sandbox: Sandbox) -> None:
    """The synchronous client polls on to its timeout."""
    sandbox.fault("shape:submit:shape=cancelled")
    made = sdk.character_performance.create(**ACT_TWO)
    with pytest.raises(polling.TaskTimeoutError) as caught:
        made.wait_for_task_output(timeout=200)
    assert caught.value.task_details.status == "CANCELLED"


def test_the_address_of_an_output_is_fetched_without_a_key(sdk: Any, sandbox: Sandbox) -> None:
    done = sdk.character_performance.create(**ACT_TWO).wait_for_task_output()
    film = requests.get(done.output[0], timeout=PATIENCE)
    assert film.content[4:8] == b"ftyp"
    assert sandbox.ledger()["vendors"]["runway"]["keys_sent_to_files"] == 0


def test_delete_cancels_a_pending_task_and_a_second_one_is_not_found(
    sdk: Any, sandbox: Sandbox
) -> None:
    name = sdk.character_performance.create(**ACT_TWO).id
    assert sdk.tasks.delete(name) is None
    for call in (sdk.tasks.delete, sdk.tasks.retrieve):
        with pytest.raises(runwayml.NotFoundError):
            call(name)
    assert account(sandbox)["refunded"] == "25"


def test_uploads_of_a_path_and_of_bytes_are_used_by_a_task(
    sdk: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    clip = tmp_path / "dance.mp4"
    clip.write_bytes(CLIP)
    video = sdk.uploads.create_ephemeral(file=clip).uri
    image = sdk.uploads.create_ephemeral(file=("hero.png", PICTURE)).uri
    assert video.startswith("runway://")
    sdk.character_performance.create(
        model="act_two",
        character={"type": "image", "uri": image},
        reference={"type": "video", "uri": video},
    ).wait_for_task_output()
    assert account(sandbox)["uploads"] == 2
    assert account(sandbox)["jobs"][0]["charge"] == "20"
    assert account(sandbox)["jobs"][0]["refund"] == "2"


def test_a_file_that_the_storage_refuses_is_not_sent_again(sdk: Any) -> None:
    with pytest.raises(runwayml.APIStatusError, match="Upload failed with status 400"):
        sdk.uploads.create_ephemeral(file=("tiny.png", b"x"))


def test_the_organization_and_its_usage_are_read(sdk: Any, sandbox: Sandbox) -> None:
    sdk.character_performance.create(**ACT_TWO)
    told = sdk.organization.retrieve()
    assert told.credit_balance == 10_000 - 25
    assert told.tier.models["act_two"].max_concurrent_generations == 5
    assert told.usage.models["act_two"].daily_generations == 1
    today = dt.date.fromisoformat(sandbox.ledger()["time"][:10])
    usage = sdk.organization.retrieve_usage(
        start_date=today - dt.timedelta(days=1), before_date=today + dt.timedelta(days=2)
    )
    amounts = [used.amount for day in usage.results for used in day.used_credits]
    assert (usage.models, amounts) == (["act_two"], [25])


def test_errors_before_a_task_have_their_types_and_are_not_retried(
    sdk: Any, sandbox: Sandbox
) -> None:
    sandbox.add_account("runway", "key_poor", label="poor", balance=1, denied=["gen4_turbo"])
    with another(sandbox, "key_poor") as poor:
        with pytest.raises(runwayml.BadRequestError, match="enough credits"):
            poor.character_performance.create(**ACT_TWO)
        with pytest.raises(runwayml.BadRequestError) as caught:
            poor.character_performance.create(**{**ACT_TWO, "seed": -1})
        assert caught.value.body["issues"][0]["path"] == ["seed"]
        with pytest.raises(runwayml.PermissionDeniedError):
            poor.image_to_video.create(model="gen4_turbo", prompt_image=IMAGE, ratio="1280:720")
    assert account(sandbox, "poor")["submits"] == 3
    with another(sandbox, "key_wrong") as wrong, pytest.raises(runwayml.AuthenticationError):
        wrong.organization.retrieve()
    headers = {"X-Runway-Version": "2023-01-01"}
    with pytest.raises(runwayml.BadRequestError, match="X-Runway-Version"):
        sdk.organization.retrieve(extra_headers=headers)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
def test_a_submit_that_is_refused_so_is_sent_three_times(
    sdk: Any, sandbox: Sandbox, status: int
) -> None:
    sandbox.fault(f"refuse:submit:status={status}:times=0")
    with pytest.raises(runwayml.APIStatusError) as caught:
        sdk.character_performance.create(**ACT_TWO)
    assert caught.value.status_code == status
    assert account(sandbox)["submits"] == 3


@pytest.mark.parametrize(
    ("fault", "tasks"),
    [
        ("accept_then_reset:submit", 2),
        ("accept_then_close:submit:times=2", 3),
        ("accept_then_http:submit:status=503", 2),
        ("truncate:submit:cut=connection", 2),
    ],
)
def test_the_sdk_sends_a_lost_submit_again_and_pays_twice(
    sdk: Any, sandbox: Sandbox, fault: str, tasks: int
) -> None:
    sandbox.fault(fault)
    sdk.character_performance.create(**ACT_TWO)
    assert len(account(sandbox)["jobs"]) == tasks
    assert account(sandbox)["charged"] == str(25 * tasks)


def test_without_retries_a_lost_submit_is_one_task(sandbox: Sandbox, naps: list[float]) -> None:
    sandbox.fault("accept_then_reset:submit")
    with (
        another(sandbox, KEY, max_retries=0) as client,
        pytest.raises(runwayml.APIConnectionError),
    ):
        client.character_performance.create(**ACT_TWO)
    assert len(account(sandbox)["jobs"]) == 1
    assert naps == []


def test_the_async_client_does_the_same(sandbox: Sandbox, naps: list[float]) -> None:
    async def run() -> Any:
        async with runwayml.AsyncRunwayML(api_key=KEY, base_url=sandbox.url) as client:
            upload = await client.uploads.create_ephemeral(file=("hero.png", PICTURE))
            body = {**ACT_TWO, "character": {"type": "image", "uri": upload.uri}}
            made = await client.character_performance.create(**body)
            return await made.wait_for_task_output()

    assert asyncio.run(run()).status == "SUCCEEDED"
    assert account(sandbox)["submits"] == 1


@pytest.fixture
def router(sdk: Any) -> Any:
    return sdk.routers.create(slug="lane-1", settings={"optimize_for": "cost"})


def test_a_router_is_saved_listed_changed_and_deleted(sdk: Any, router: Any) -> None:
    assert (router.slug, router.name, router.version) == ("lane-1", "lane-1", 1)
    assert [one.id for one in sdk.routers.list(limit=1)] == [router.id]
    changed = sdk.routers.update(router.id, name="First", settings={"optimize_for": "quality"})
    assert (changed.name, changed.version) == ("First", 2)
    assert sdk.routers.retrieve(router.id).settings.optimize_for == "quality"
    assert sdk.routers.delete(router.id) is None
    with pytest.raises(runwayml.NotFoundError):
        sdk.routers.retrieve(router.id)


@pytest.mark.parametrize(
    "fields",
    [
        {"slug": "Lane 1"},
        {"slug": "lane-1"},
        {"slug": "lane-2", "settings": {"models": {"mode": "allowlist_only", "ids": ["nobody"]}}},
    ],
)
def test_an_invalid_router_is_a_400(sdk: Any, router: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(runwayml.BadRequestError) as caught:
        sdk.routers.create(**fields)
    assert caught.value.body["issues"]


def test_a_routed_generation_is_a_task_of_the_cheapest_model_and_in_the_log(
    sdk: Any, router: Any, sandbox: Sandbox
) -> None:
    wanted = {"prompt_text": "Rain.", "duration": 5, "aspect_ratio": "16:9"}
    made = sdk.generate.video.create(config_id="lane-1", input=wanted)
    assert made.routing.config_id == "lane-1"
    assert made.routing.estimated_cost.credits == int(account(sandbox)["charged"])
    assert made.wait_for_task_output().status == "SUCCEEDED"
    (logged,) = sdk.routers.list_requests(router.id, limit=10)
    assert (logged.status, logged.task_id) == ("routed", made.id)
    assert logged.model == made.routing.model == account(sandbox)["jobs"][0]["model"]
    assert logged.estimated_credits == made.routing.estimated_cost.credits
    assert logged.pipeline[0].filter == "capability"
    assert len(logged.pipeline[0].models) > 10


@pytest.mark.parametrize(
    ("wanted", "endpoint"),
    [
        ({"reference_images": [{"uri": IMAGE, "role": "first"}]}, "image_to_video"),
        (
            {"reference_videos": [{"uri": VIDEO, "role": "source"}], "prompt_text": "Snow."},
            "video_to_video",
        ),
    ],
)
def test_the_roles_of_media_decide_on_the_kind_of_work(
    sdk: Any, router: Any, sandbox: Sandbox, wanted: dict[str, Any], endpoint: str
) -> None:
    made = sdk.generate.video.create(config_id="lane-1", input=wanted)
    assert made.routing.model in ENDPOINTS[endpoint][1]
    assert len(account(sandbox)["jobs"]) == 1


def test_a_dry_run_tells_the_price_and_makes_nothing(
    sdk: Any, router: Any, sandbox: Sandbox
) -> None:
    wanted = {"prompt_text": "Rain."}
    told = sdk.generate.video.with_raw_response.create(
        config_id="lane-1", input=wanted, extra_body={"dryRun": True}
    ).json()
    assert told["dryRun"] is True
    assert told["routing"]["estimatedCost"]["credits"] > 0
    assert set(told) == {"dryRun", "routing"}
    assert account(sandbox)["jobs"] == []
    assert list(sdk.routers.list_requests(router.id, limit=10)) == []


def test_a_ceiling_or_an_allowlist_may_leave_no_model(sdk: Any) -> None:
    models = {"mode": "allowlist_only", "ids": ["gen4_turbo"]}
    sdk.routers.create(slug="none", settings={"models": models})
    poor = sdk.routers.create(slug="poor", settings={"max_credits_per_generation": {"video": 1}})
    for slug, stage in (("none", "allow_deny"), ("poor", "price")):
        with pytest.raises(runwayml.BadRequestError) as caught:
            sdk.generate.video.create(config_id=slug, input={"prompt_text": "Rain."})
        assert caught.value.body["code"] == "no_eligible_model"
        assert caught.value.body["emptiedBy"] == [stage]
    (logged,) = sdk.routers.list_requests(poor.id, limit=10)
    assert (logged.status, logged.task_id) == ("no_eligible_model", None)
    with pytest.raises(runwayml.NotFoundError) as missing:
        sdk.generate.video.create(config_id="nowhere", input={"prompt_text": "Rain."})
    assert missing.value.body["code"] == "router_config_not_found"
