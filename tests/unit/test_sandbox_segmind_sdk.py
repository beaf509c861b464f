"""The official SDK, unmodified, against the sandbox: its whole public surface.

Its hosts are literals, so the transport below it sends every request to the sandbox.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE
from sandbox_segmind_support import BODY, KEY, SLUG, account
from sandbox_support import PICTURE

from motionkit.sandbox import Sandbox
from motionkit_segmind.sandbox import SegmindSandbox

segmind = pytest.importorskip("segmind")
httpx = pytest.importorskip("httpx")

HOSTS = {
    "127.0.0.1",
    "api.segmind.com",
    "api.spotprod.segmind.com",
    "cloud.segmind.com",
    "workflows-api.segmind.com",
}
"""Every host that the SDK calls."""
NAMESPACES = (
    "accounts",
    "files",
    "finetune",
    "generations",
    "models",
    "pixelflows",
    "webhooks",
)
MODULE_ONLY = {"image_url"}
"""A helper without a call."""


class ToSandbox(httpx.HTTPTransport):  # type: ignore[misc]  # the SDK's dependency is optional
    """Send the requests of all hosts to one origin, path and body unchanged."""

    def __init__(self, origin: str) -> None:
        super().__init__()
        self._origin = httpx.URL(origin)
        self.hosts: set[str] = set()

    def handle_request(self, request: Any) -> Any:
        self.hosts.add(request.url.host)
        scheme, host, port = self._origin.scheme, self._origin.host, self._origin.port
        request.url = request.url.copy_with(scheme=scheme, host=host, port=port)
        return super().handle_request(request)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=[SegmindSandbox], speed=1000, job_seconds=100) as running:
        yield running


@pytest.fixture
def sdk(sandbox: Sandbox) -> Iterator[Any]:
    client = segmind.SegmindClient(api_key=KEY)
    headers = client._client.headers
    client._client.close()
    client._client = httpx.Client(
        headers=headers,
        base_url=client.base_url,
        timeout=PATIENCE,
        transport=ToSandbox(sandbox.url),
    )
    yield client
    assert client._client._transport.hosts <= HOSTS
    client._client.close()


def public(kind: type) -> set[str]:
    """Return the public methods of a class of the SDK."""
    return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if name[0] != "_"}


def surface(sdk: Any) -> set[str]:
    """Return every public method of the client and its namespaces."""
    found = public(type(sdk))
    for name in NAMESPACES:
        found |= {f"{name}.{one}" for one in public(type(getattr(sdk, name)))}
    return found


def done(sdk: Any) -> str:
    """Run a job to its end and return its id."""
    job = sdk.submit_async(SLUG, **BODY)
    job.wait(timeout=PATIENCE, interval=0.02)
    name = job.request_id
    assert isinstance(name, str)
    return name


def runs(sdk: Any, _: Path) -> None:
    told = sdk.run(SLUG, **BODY)
    assert (told["status"], told["error"]) == ("COMPLETED", None)


def runs_sync(sdk: Any, _: Path) -> None:
    assert sdk.run_sync(SLUG, **BODY).content[4:8] == b"ftyp"


def submits(sdk: Any, _: Path) -> None:
    job = sdk.submit_async(SLUG, **BODY)
    assert job.submit_response["status"] == "QUEUED"
    assert job.wait(timeout=PATIENCE, interval=0.02)["request_id"] == job.request_id
    assert job.result()["video"]["content_type"] == "video/mp4"


def uploads(sdk: Any, folder: Path) -> None:
    (folder / "hero.png").write_bytes(PICTURE)
    (url,) = sdk.files.upload([folder / "hero.png"])["file_urls"]
    assert sdk._client.get(url).content == PICTURE


def lists_generations(sdk: Any, _: Path) -> None:
    name = done(sdk)
    running = sdk.submit_async("mock-inference", sleep=1_000_000)
    (row,) = sdk.generations.list()["data"]
    assert row["generation_url"].endswith(".mp4")
    assert {key: row[key] for key in ("request_id", "status", "prompt", "parameters")} == {
        "request_id": name,
        "status": "COMPLETED",
        "prompt": None,
        "parameters": BODY,
    }
    assert row["credits_deduction"] > 0
    assert running.request_id != name
    assert sdk.generations.list(page=2)["data"] == []
    assert sdk.generations.list(model_name="scail")["data"] == []
    assert sdk.generations.list(start_date="2000-01-01", end_date="2000-01-31")["data"] == []
    assert refused(lambda: sdk.generations.list(page=0)) == 400
    assert refused(lambda: sdk.generations.list(start_date="yesterday")) == 400


def lists_recent(sdk: Any, _: Path) -> None:
    names = [done(sdk), done(sdk)]
    found = [row["request_id"] for row in sdk.generations.recent(SLUG)["data"]]
    assert found == names[::-1]
    assert sdk.generations.recent("scail")["data"] == []
    assert refused(lambda: sdk.generations.recent("")) == 400


def reads_history(sdk: Any, _: Path) -> None:
    name = done(sdk)
    assert [row["request_id"] for row in sdk.generations.history()["data"]] == [name]


def gets_one(sdk: Any, _: Path) -> None:
    assert sdk.generations.get(done(sdk))["model_status"] == "COMPLETED"
    assert refused(lambda: sdk.generations.get("nothing")) == 404


def reads_account(sdk: Any, _: Path) -> None:
    assert sdk.accounts.current() == {"id": "user-default", "name": "default"}


def lists_models(sdk: Any, _: Path) -> None:
    names = {row["model_name"] for row in sdk.models.list()["data"]}
    assert {SLUG, "pixverse-v6", "kling-o1-video-to-video-edit"} <= names
    assert "sandbox-retired" not in names


def keeps_webhooks(sdk: Any, _: Path) -> None:
    assert sdk.webhooks.get() == {"data": []}
    made = sdk.webhooks.add("https://example.org/hook", ["PIXELFLOW"])
    assert made["event"] == {"types": ["PIXELFLOW"]}
    name = made["webhook_id"]
    sdk.webhooks.update(name, "https://example.org/other", ["NODE_RUN", "GRAPH_RUN"])
    assert sdk.webhooks.logs(name) == {"data": []}
    assert sdk.webhooks.delete(name)["active"] is False
    assert sdk.webhooks.get() == {
        "data": [
            {
                "webhook_id": name,
                "webhook_url": "https://example.org/other",
                "event": {"types": ["NODE_RUN", "GRAPH_RUN"]},
                "active": False,
            }
        ]
    }
    assert refused(lambda: sdk.webhooks.logs("nothing")) == 404
    assert refused(lambda: sdk.webhooks.add("no address", ["PIXELFLOW"])) == 400


Play = Callable[[Any, Path], None]
RUNS: Mapping[str, Play] = {
    "run": runs,
    "run_sync": runs_sync,
    "submit_async": submits,
    "files.upload": uploads,
    "generations.list": lists_generations,
    "generations.recent": lists_recent,
    "generations.history": reads_history,
    "generations.get": gets_one,
    "accounts.current": reads_account,
    "models.list": lists_models,
    "webhooks.get": keeps_webhooks,
    "webhooks.add": keeps_webhooks,
    "webhooks.update": keeps_webhooks,
    "webhooks.delete": keeps_webhooks,
    "webhooks.logs": keeps_webhooks,
}

NO_LANGUAGE_MODEL = "the sandbox hosts no language model"
NO_WORKFLOWS = "PixelFlow workflows are made in the vendor's console; the sandbox has none"
RETIRED = "the vendor's finetune service is deprecated"
WITHOUT: Mapping[str, tuple[str, Callable[[Any], object]]] = {
    "chat": (NO_LANGUAGE_MODEL, lambda sdk: sdk.chat("gpt-5.5", prompt="hi")),
    "chat_sync": (NO_LANGUAGE_MODEL, lambda sdk: sdk.chat_sync("gpt-5.5", prompt="hi")),
    "submit_chat": (NO_LANGUAGE_MODEL, lambda sdk: sdk.submit_chat("gpt-5.5", prompt="hi")),
    "pixelflows.run": (NO_WORKFLOWS, lambda sdk: sdk.pixelflows.run(workflow_id="w", data={})),
    "pixelflows.get_status": (NO_WORKFLOWS, lambda sdk: sdk.pixelflows.get_status(poll_id="p")),
    "pixelflows.poll": (NO_WORKFLOWS, lambda sdk: sdk.pixelflows.poll(poll_id="p")),
    "finetune.submit": (RETIRED, lambda sdk: sdk.finetune.submit(*"abcdefg")),
    "finetune.details": (RETIRED, lambda sdk: sdk.finetune.details("r")),
    "finetune.list": (RETIRED, lambda sdk: sdk.finetune.list()),
    "finetune.upload_presigned_url": (
        RETIRED,
        lambda sdk: sdk.finetune.upload_presigned_url("n"),
    ),
    "finetune.access_update": (RETIRED, lambda sdk: sdk.finetune.access_update("r", True)),
    "finetune.file_download": (RETIRED, lambda sdk: sdk.finetune.file_download("u")),
}
"""What the sandbox does not have, and why: the SDK gets HTTP 404."""
RAISES = {"stream": NotImplementedError}
"""What the SDK itself does not implement."""


def refused(action: Callable[[], object]) -> int:
    """Return the HTTP status under which the SDK's call is refused."""
    with pytest.raises(segmind.SegmindError) as caught:
        action()
    status = caught.value.status
    assert isinstance(status, int)
    return status


def test_every_public_method_of_the_sdk_is_in_one_of_the_tables(sdk: Any) -> None:
    assert surface(sdk) == RUNS.keys() | WITHOUT.keys() | RAISES.keys()
    functions = {
        name for name in segmind.__all__ if inspect.isfunction(getattr(segmind, name))
    } - MODULE_ONLY
    assert functions <= surface(sdk)


@pytest.mark.parametrize("name", RUNS)
def test_the_sdk_runs_unmodified(sdk: Any, tmp_path: Path, name: str) -> None:
    RUNS[name](sdk, tmp_path)


@pytest.mark.parametrize("name", WITHOUT)
def test_what_the_sandbox_does_not_have_is_not_found_and_costs_nothing(
    sandbox: Sandbox, sdk: Any, name: str
) -> None:
    _, action = WITHOUT[name]
    assert refused(lambda: action(sdk)) == 404
    assert account(sandbox)["charged"] == "0"


@pytest.mark.parametrize("name", RAISES)
def test_what_the_sdk_does_not_implement_raises(sdk: Any, name: str) -> None:
    with pytest.raises(RAISES[name]):
        getattr(sdk, name)("gpt-5.5", prompt="hi")
