"""The official SDK 1.x, unmodified, against the sandbox; 2.x is in `replicate_sdk_2`."""

from __future__ import annotations

import asyncio
import importlib.metadata
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sandbox_replicate_support import BODY, BY_TIME, KEY, MODEL, TIMED, account, receiving

from motionkit.sandbox import Sandbox, sample_clip, sample_picture
from motionkit_replicate.sandbox import ReplicateSandbox

replicate = pytest.importorskip("replicate")
if importlib.metadata.version("replicate").partition(".")[0] != "1":
    pytest.skip("another major version of the SDK is installed", allow_module_level=True)


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
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give a function that opens a client, and close what was opened."""
    monkeypatch.setenv("REPLICATE_POLL_INTERVAL", "0.01")
    clients: list[Any] = []

    def open_one(sandbox: Sandbox, key: str = KEY) -> Any:
        clients.append(replicate.Client(api_token=key, base_url=sandbox.url))
        return clients[-1]

    yield open_one
    for client in clients:
        client._client.close()


@pytest.fixture
def sdk(opened: Any, sandbox: Sandbox) -> Any:
    return opened(sandbox)


def test_the_sdk_is_the_version_that_was_read() -> None:
    assert importlib.metadata.version("replicate") == "1.0.7"


def test_run_holds_the_submit_and_returns_the_output(sdk: Any, sandbox: Sandbox) -> None:
    output = sdk.run(MODEL, input=BODY)
    assert output.startswith(f"{sandbox.url}/xezq/")
    assert account(sandbox)["submits"] == 1
    assert account(sandbox)["charged"] == "0.6"


def test_run_of_a_failed_prediction_raises_its_text(sdk: Any, sandbox: Sandbox) -> None:
    sandbox.fault("shape:submit:shape=fail_director")
    with pytest.raises(replicate.exceptions.ModelError, match="E9828"):
        sdk.run(MODEL, input=BODY)


def test_run_loses_a_prediction_that_outlasts_the_hold(opened: Any) -> None:
    with Sandbox(apps=[ReplicateSandbox], speed=50, job_seconds=1400) as sandbox:
        assert opened(sandbox).run(MODEL, input=BODY) is None
        assert len(account(sandbox)["jobs"]) == 1


def test_create_answers_at_once_and_wait_polls_to_the_end(opened: Any, slow: Sandbox) -> None:
    prediction = opened(slow).predictions.create(model=MODEL, input=BODY)
    assert prediction.status == "starting"
    assert prediction.version == "hidden"
    assert prediction.input == BODY
    slow.advance(700)
    prediction.wait()
    assert prediction.status == "succeeded"
    assert prediction.metrics["model_variant"] == "pro"
    assert prediction.metrics["video_output_duration_seconds"] == 5
    assert account(slow)["polls"] == 1


def test_a_version_runs_by_its_digits_and_by_its_whole_name(sdk: Any) -> None:
    version = sdk.models.get(BY_TIME).latest_version
    for reference in (version.id, version):
        prediction = sdk.predictions.create(version=reference, input=TIMED)
        assert (prediction.model, prediction.version) == (BY_TIME, version.id)
    assert sdk.run(f"{BY_TIME}:{version.id}", input=TIMED).endswith(".mp4")


def test_an_unknown_version_is_refused(sdk: Any, sandbox: Sandbox) -> None:
    with pytest.raises(replicate.exceptions.ReplicateError) as caught:
        sdk.predictions.create(version="0" * 64, input=TIMED)
    assert caught.value.status == 422
    assert caught.value.title == "Invalid version or not permitted"
    assert account(sandbox)["jobs"] == []


def test_a_deployment_runs_the_version_of_its_release(sdk: Any) -> None:
    deployment = sdk.deployments.get("sandbox/animate")
    assert sdk.deployments.list()[0].id == deployment.id
    assert deployment.current_release.model == BY_TIME
    prediction = deployment.predictions.create(input=TIMED)
    prediction.wait()
    assert prediction.status == "succeeded"
    assert prediction.version == deployment.current_release.version


def test_models_versions_and_hardware_are_listed(sdk: Any) -> None:
    model = sdk.models.get(MODEL)
    assert model.latest_version.openapi_schema["components"]["schemas"]["Input"]["required"] == [
        "image",
        "video",
    ]
    assert [one.id for one in model.versions.list()] == [model.latest_version.id]
    assert model.versions.get(model.latest_version.id).cog_version
    assert [one.id for one in sdk.models.search("kling motion v3")] == [MODEL]
    assert "gpu-h100" in {one.sku for one in sdk.hardware.list()}
    assert sdk.accounts.current().username == "default"


def test_a_list_is_read_page_by_page(sdk: Any) -> None:
    made = [sdk.predictions.create(model=MODEL, input=BODY).id for _ in range(7)]
    pages = list(replicate.pagination.paginate(sdk.predictions.list))
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [one.id for page in pages for one in page] == made[::-1]
    assert [one.id for one in sdk.predictions.list(pages[1].previous)] == made[:3:-1]


def test_cancel_ends_a_running_prediction_which_is_charged(opened: Any, slow: Sandbox) -> None:
    sdk = opened(slow)
    prediction = sdk.predictions.create(model=MODEL, input=BODY)
    slow.advance(300)
    prediction.reload()
    assert prediction.status == "processing"
    prediction.cancel()
    assert prediction.status == "canceled"
    assert account(slow)["charged"] == "0.6"


def test_cancel_ends_a_prediction_that_has_not_started_for_free(opened: Any, slow: Sandbox) -> None:
    prediction = opened(slow).predictions.create(model=MODEL, input=BODY)
    prediction.cancel()
    assert (prediction.status, prediction.started_at) == ("canceled", None)
    assert account(slow)["charged"] == "0"


def test_a_new_word_breaks_this_sdk(sdk: Any, sandbox: Sandbox) -> None:
    prediction = sdk.predictions.create(model=MODEL, input=BODY)
    sandbox.fault("unknown_word:poll:word=aborted")
    with pytest.raises(ValueError, match="status"):
        prediction.reload()


def test_files_are_created_listed_read_and_deleted(sdk: Any, tmp_path: Path) -> None:
    clip = tmp_path / "dance.mp4"
    clip.write_bytes(sample_clip(2.0, height=64))
    file = sdk.files.create(clip, metadata={"take": 1})
    assert (file.name, file.content_type) == ("dance.mp4", "video/mp4")
    assert file.metadata == {"take": 1}
    assert [one.id for one in sdk.files.list()] == [file.id]
    assert sdk.files.get(file.id).checksums == file.checksums
    assert sdk.files.delete(file.id)
    with pytest.raises(replicate.exceptions.ReplicateError) as caught:
        sdk.files.get(file.id)
    assert caught.value.status == 404


def test_a_local_file_in_an_input_is_uploaded_and_measured(
    opened: Any, slow: Sandbox, tmp_path: Path
) -> None:
    sdk = opened(slow)
    clip = tmp_path / "dance.mp4"
    clip.write_bytes(sample_clip(4.0, height=64))
    with clip.open("rb") as film:
        body = {"image": io.BytesIO(sample_picture()), "video": film, "mode": "std"}
        prediction = sdk.predictions.create(model=MODEL, input=body)
    assert prediction.input["video"].startswith(f"{slow.url}/v1/files/")
    slow.advance(700)
    prediction.reload()
    assert prediction.status == "succeeded"
    assert account(slow)["charged"] == "0.28"  # four seconds at std


def test_a_small_file_may_be_inlined(opened: Any, slow: Sandbox, tmp_path: Path) -> None:
    clip = tmp_path / "dance.mp4"
    clip.write_bytes(sample_clip(3.0, height=64))
    sdk = opened(slow)
    with clip.open("rb") as film:
        body = {**BODY, "video": film}
        prediction = sdk.models.predictions.create(
            model=MODEL, input=body, file_encoding_strategy="base64"
        )
    assert prediction.input["video"].startswith("data:video/mp4;base64,")
    assert account(slow)["uploads"] == 0
    slow.advance(700)
    prediction.reload()
    assert prediction.metrics["video_output_duration_seconds"] == 3


def test_an_output_is_read_and_this_sdk_sends_its_token_along(sdk: Any, sandbox: Sandbox) -> None:
    url = sdk.run(MODEL, input=BODY)
    film = replicate.helpers.FileOutput(url, sdk).read()
    assert film[4:8] == b"ftyp"
    assert sandbox.ledger()["vendors"]["replicate"]["keys_sent_to_files"] == 1


def test_errors_carry_what_the_vendor_says(sdk: Any, opened: Any, sandbox: Sandbox) -> None:
    sandbox.add_account("replicate", "r8_poor", balance="0")
    for client, body, status, title in (
        (opened(sandbox, "r8_wrong"), BODY, 401, "Unauthenticated"),
        (opened(sandbox, "r8_poor"), BODY, 402, "Insufficient credit"),
        (sdk, {**BODY, "mode": "4k"}, 422, "Input validation failed"),
    ):
        with pytest.raises(replicate.exceptions.ReplicateError) as caught:
            client.predictions.create(model=MODEL, input=body)
        assert (caught.value.status, caught.value.title) == (status, title)
    with pytest.raises(replicate.exceptions.ReplicateError) as caught:
        sdk.models.get("nobody/nothing")
    assert caught.value.status == 404


def test_a_submit_is_never_sent_twice_by_this_sdk(sdk: Any, sandbox: Sandbox) -> None:
    for fault in ("accept_then_http:submit:status=503", "accept_then_http:submit:status=429"):
        sandbox.fault(fault)
        with pytest.raises(replicate.exceptions.ReplicateError):
            sdk.predictions.create(model=MODEL, input=BODY)
    sandbox.fault("accept_then_reset:submit")
    with pytest.raises(httpx.TransportError):
        sdk.predictions.create(model=MODEL, input=BODY)
    assert account(sandbox)["submits"] == 3
    assert len(account(sandbox)["jobs"]) == 3


def test_video_models_do_not_stream(sdk: Any) -> None:
    prediction = sdk.predictions.create(model=MODEL, input=BODY)
    with pytest.raises(replicate.exceptions.ReplicateError, match="does not support streaming"):
        next(iter(prediction.stream()))


def test_webhooks_pass_the_sdks_own_validation(opened: Any, slow: Sandbox) -> None:
    sdk = opened(slow)
    with receiving() as received:
        sdk.predictions.create(
            model=MODEL, input=BODY, webhook=received.url, webhook_events_filter=["completed"]
        )
        slow.advance(700)
    headers, body = received.seen[0]
    secret = sdk.webhooks.default.secret()
    told = {"headers": headers, "body": body.decode(), "secret": secret}
    replicate.webhook.Webhooks.validate(**told)
    with pytest.raises(replicate.webhook.InvalidSignatureError):
        replicate.webhook.Webhooks.validate(**{**told, "body": body.decode() + " "})
    ahead = int(headers["webhook-timestamp"]) - time.time()
    assert ahead > 500  # the sandbox's clock was moved
    with pytest.raises(replicate.webhook.InvalidTimestampError):
        replicate.webhook.Webhooks.validate(**told, tolerance=300)


def test_the_asynchronous_methods_do_the_same(sandbox: Sandbox) -> None:
    async def play() -> str:
        client = replicate.Client(api_token=KEY, base_url=sandbox.url)
        try:
            return str(await client.async_run(MODEL, input=BODY))
        finally:
            await client._async_client.aclose()

    assert asyncio.run(play()).endswith(".mp4")
