"""The official SDK 2.x, unmodified, against the sandbox.

Its distribution has the name of 1.x, which is in the environment: `test_sandbox_replicate_sdk_2`
puts it into a folder of its own and runs this file with that folder first.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import hashlib
import hmac
import importlib.metadata
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import replicate
from replicate.exceptions import ModelError
from sandbox_replicate_support import BODY, BY_TIME, KEY, MODEL, TIMED, account, receiving

from motionkit.sandbox import Sandbox, sample_clip
from motionkit_replicate.sandbox import ReplicateSandbox
from motionkit_replicate.sandbox.storage import signed


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(
        apps=[lambda world: ReplicateSandbox(world, page=3)], speed=10, job_seconds=5
    ) as running:
        yield running


@pytest.fixture
def slow() -> Iterator[Sandbox]:
    """A sandbox whose predictions end when a test moves the clock."""
    with Sandbox(apps=[ReplicateSandbox], speed=0.01, job_seconds=600) as running:
        yield running


@pytest.fixture
def opened() -> Iterator[Any]:
    """Give a function that opens a client, and close what was opened."""
    clients: list[Any] = []

    def open_one(sandbox: Sandbox, key: str = KEY, **options: Any) -> Any:
        base = f"{sandbox.url}/v1"
        clients.append(replicate.Replicate(bearer_token=key, base_url=base, **options))
        return clients[-1]

    yield open_one
    for client in clients:
        client.close()


@pytest.fixture
def sdk(opened: Any, sandbox: Sandbox) -> Any:
    return opened(sandbox)


def create(sdk: Any, **options: Any) -> Any:
    owner, name = MODEL.split("/")
    return sdk.models.predictions.create(
        model_owner=owner, model_name=name, **{"input": BODY, **options}
    )


def test_the_sdk_is_the_version_that_was_read() -> None:
    assert importlib.metadata.version("replicate") == "2.0.0b4"


def test_run_holds_the_submit_and_returns_the_output(sdk: Any, sandbox: Sandbox) -> None:
    output = sdk.run(MODEL, input=BODY)
    assert output.startswith(f"{sandbox.url}/xezq/")
    assert account(sandbox)["submits"] == 1
    assert account(sandbox)["charged"] == "0.6"


def test_run_of_a_failed_prediction_raises_its_text(sdk: Any, sandbox: Sandbox) -> None:
    sandbox.fault("moderate:submit")
    with pytest.raises(ModelError, match="E005"):
        sdk.run(MODEL, input=BODY)


def test_create_answers_at_once_and_wait_polls_to_the_end(opened: Any, slow: Sandbox) -> None:
    sdk = opened(slow)
    prediction = create(sdk)
    assert (prediction.status, prediction.version) == ("starting", "hidden")
    assert prediction.input == BODY
    slow.advance(700)
    done = sdk.predictions.wait(prediction.id)
    assert done.status == "succeeded"
    assert done.metrics.video_output_duration_seconds == 5
    assert done.data_removed is False
    assert done.created_at < done.started_at < done.completed_at


def test_a_version_runs_by_its_digits_and_by_its_whole_name(sdk: Any) -> None:
    owner, name = BY_TIME.split("/")
    version = sdk.models.get(model_owner=owner, model_name=name).latest_version.id
    for reference in (version, f"{BY_TIME}:{version}"):
        prediction = sdk.predictions.create(version=reference, input=TIMED)
        assert (prediction.model, prediction.version) == (BY_TIME, version)


def test_an_official_model_runs_by_its_name_and_a_community_model_does_not(sdk: Any) -> None:
    assert sdk.predictions.create(version=MODEL, input=BODY).version == "hidden"
    with pytest.raises(replicate.UnprocessableEntityError):
        sdk.predictions.create(version=BY_TIME, input=TIMED)


def test_a_deployment_runs_the_version_of_its_release(sdk: Any) -> None:
    names = {"deployment_owner": "sandbox", "deployment_name": "animate"}
    release = sdk.deployments.get(**names).current_release
    assert [one.name for one in sdk.deployments.list()] == ["animate"]
    prediction = sdk.deployments.predictions.create(**names, input=TIMED)
    assert prediction.deployment == "sandbox/animate"
    assert prediction.version == release.version


def test_a_deadline_ends_a_prediction_that_has_not_started_for_free(
    opened: Any, slow: Sandbox
) -> None:
    sdk = opened(slow)
    prediction = create(sdk, cancel_after="20s")
    assert prediction.deadline - prediction.created_at == dt.timedelta(seconds=20)
    slow.advance(30)
    assert sdk.predictions.get(prediction_id=prediction.id).status == "aborted"
    assert account(slow)["charged"] == "0"


def test_a_deadline_ends_a_running_prediction_which_is_charged(opened: Any, slow: Sandbox) -> None:
    sdk = opened(slow)
    prediction = create(sdk, cancel_after="1m30s")
    slow.advance(100)
    assert sdk.predictions.get(prediction_id=prediction.id).status == "canceled"
    assert account(slow)["charged"] == "0.6"


def test_cancel_ends_a_prediction(opened: Any, slow: Sandbox) -> None:
    sdk = opened(slow)
    prediction = create(sdk)
    assert sdk.predictions.cancel(prediction_id=prediction.id).status == "canceled"
    assert account(slow)["charged"] == "0"


def test_a_list_goes_through_all_pages_and_keeps_its_window(opened: Any) -> None:
    with Sandbox(apps=[lambda world: ReplicateSandbox(world, page=3)], job_seconds=600) as slow:
        sdk, made = opened(slow), []
        for _ in range(8):
            made.append(create(sdk))
            slow.advance(10)
        assert [one.id for one in sdk.predictions.list()] == [one.id for one in made[::-1]]
        window = {"created_after": made[1].created_at, "created_before": made[6].created_at}
        listed = list(sdk.predictions.list(**window))
        assert [one.id for one in listed] == [one.id for one in made[5:0:-1]]
        assert listed[0].input == BODY
        assert listed[0].source == "api"


def test_files_are_created_listed_downloaded_and_deleted(sdk: Any, sandbox: Sandbox) -> None:
    film = sample_clip(2.0, height=64)
    file = sdk.files.create(content=film, filename="dance.mp4", type="video/mp4")
    assert (file.size, file.content_type) == (len(film), "video/mp4")
    assert file.expires_at - file.created_at == dt.timedelta(hours=1)
    assert [one.id for one in sdk.files.list()] == [file.id]
    assert sdk.files.get(file_id=file.id).checksums.sha256 == hashlib.sha256(film).hexdigest()
    until = int(time.time()) + 10**6
    rights = {"owner": "default", "expiry": until}
    signature = signed("default", file.id, until)
    assert sdk.files.download(file_id=file.id, **rights, signature=signature).read() == film
    with pytest.raises(replicate.PermissionDeniedError):
        sdk.files.download(file_id=file.id, **rights, signature="AAAA")
    sdk.files.delete(file_id=file.id)
    with pytest.raises(replicate.NotFoundError):
        sdk.files.get(file_id=file.id)


def test_a_local_file_in_an_input_is_uploaded_and_measured(
    opened: Any, slow: Sandbox, tmp_path: Path
) -> None:
    sdk = opened(slow)
    clip = tmp_path / "dance.mp4"
    clip.write_bytes(sample_clip(4.0, height=64))
    create(sdk, input={**BODY, "video": clip, "mode": "std"})
    slow.advance(700)
    assert account(slow)["uploads"] == 1
    assert account(slow)["charged"] == "0.28"  # four seconds at std


def test_an_output_is_read_without_the_token(sdk: Any, sandbox: Sandbox) -> None:
    from replicate.lib._files import FileOutput

    assert FileOutput(sdk.run(MODEL, input=BODY), sdk).read()[4:8] == b"ftyp"
    assert sandbox.ledger()["vendors"]["replicate"]["keys_sent_to_files"] == 0


def test_models_versions_hardware_and_the_account_are_read(sdk: Any) -> None:
    owner, name = MODEL.split("/")
    one = {"model_owner": owner, "model_name": name}
    model = sdk.models.get(**one)
    assert model.is_official
    assert [version.id for version in sdk.models.versions.list(**one)] == [model.latest_version.id]
    assert sdk.models.versions.get(**one, version_id=model.latest_version.id).cog_version
    assert list(sdk.models.examples.list(**one)) == []
    assert sdk.models.readme.get(**one).startswith("# ")
    assert {found.name for found in sdk.models.list()} >= {name}
    assert sdk.search(query="motion v3").models[0].model.name == name
    assert sdk.hardware.list()[0].sku == "cpu"
    assert sdk.account.get().username == "default"


def test_errors_are_classes_with_the_vendors_body(sdk: Any, opened: Any, sandbox: Sandbox) -> None:
    sandbox.add_account("replicate", "r8_poor", balance="0")
    for client, body, status, title in (
        (opened(sandbox, "r8_wrong"), BODY, 401, "Unauthenticated"),
        (opened(sandbox, "r8_poor"), BODY, 402, "Insufficient credit"),
        (sdk, {**BODY, "mode": "4k"}, 422, "Input validation failed"),
    ):
        with pytest.raises(replicate.APIStatusError) as caught:
            create(client, input=body)
        assert (caught.value.status_code, caught.value.body["title"]) == (status, title)
    assert caught.value.body["invalid_fields"][0]["field"] == "input.mode"


def test_a_submit_is_sent_again_by_this_sdk_and_paid_twice(opened: Any, sandbox: Sandbox) -> None:
    sandbox.fault("accept_then_reset:submit")
    create(opened(sandbox))
    assert len(account(sandbox)["jobs"]) == 2
    sandbox.fault("accept_then_reset:submit")
    with pytest.raises(replicate.APIConnectionError):
        create(opened(sandbox, max_retries=0))
    assert len(account(sandbox)["jobs"]) == 3


def test_a_webhook_is_signed_with_the_secret_that_the_sdk_reads(opened: Any, slow: Sandbox) -> None:
    sdk = opened(slow)
    with receiving() as received:
        create(sdk, webhook=received.url, webhook_events_filter=["completed"])
        slow.advance(700)
    headers, body = received.seen[0]
    key = base64.b64decode(sdk.webhooks.default.secret.get().key.removeprefix("whsec_"))
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, text, "sha256").digest()).decode()
    assert headers["webhook-signature"].split() == [f"v1,{wanted}"]
    assert json.loads(body)["status"] == "succeeded"


def test_video_models_do_not_stream(sdk: Any) -> None:
    assert create(sdk).urls.stream is None


def test_the_asynchronous_client_does_the_same(sandbox: Sandbox) -> None:
    async def play() -> str:
        async with replicate.AsyncReplicate(
            bearer_token=KEY, base_url=f"{sandbox.url}/v1"
        ) as client:
            return str(await client.run(MODEL, input=BODY))

    assert asyncio.run(play()).endswith(".mp4")
