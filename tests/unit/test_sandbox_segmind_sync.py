"""Segmind's v1: one call that waits, the film as its answer, the accounts in its headers."""

from __future__ import annotations

import base64
import datetime as dt
import io
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import requests
from patience import PATIENCE, until
from sandbox_segmind_support import KEY, Client, account, talking

from motionkit.sandbox import Sandbox
from motionkit.sandbox.media import probe
from motionkit_segmind.sandbox import SegmindSandbox

SCAIL = {
    "input_video": "https://example.org/dance.mp4",
    "prompt": "dance",
    "reference_image": "https://example.org/hero.png",
}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a vendor that takes 429 of its seconds, a fifth of one of ours."""
    with Sandbox(apps=[SegmindSandbox], speed=2000) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    yield from talking(sandbox)


@pytest.fixture
def patient() -> Iterator[Sandbox]:
    """Run a vendor whose 429 seconds nobody waits for."""
    with Sandbox(apps=[SegmindSandbox]) as running:
        yield running


def sync(client: Client, **fields: Any) -> requests.Response:
    return client.post("/v1/scail", json={**SCAIL, **fields})


def vendor_time(sandbox: Sandbox) -> dt.datetime:
    """Return the vendor's time."""
    return dt.datetime.fromisoformat(sandbox.ledger()["time"])


def history(client: Client) -> list[dict[str, Any]]:
    rows = client.get("/inference-request/request-history").json()["data"]
    assert isinstance(rows, list)
    return rows


def test_the_answer_is_the_film_and_the_accounts_are_headers(
    sandbox: Sandbox, client: Client
) -> None:
    answer = sync(client, seed=11)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "video/mp4")
    clip = probe(io.BytesIO(answer.content))
    assert clip is not None
    assert (clip.codec, clip.width) == ("h264", 576)
    (job,) = account(sandbox)["jobs"]
    assert answer.headers["x-request-id"] == job["id"]
    assert answer.headers["x-cost"] == job["charge"] == "1.93"
    assert answer.headers["x-remaining-credits"] == account(sandbox)["balance"] == "48.07"
    assert float(answer.headers["x-generation-time"]) == pytest.approx(429, rel=0.1)
    assert answer.headers["x-seed-value"] == "11"
    assert answer.headers["x-rate-limit-reset-at-utc"].endswith("Z")
    (row,) = history(client)
    assert (row["request_id"], row["model_status"]) == (job["id"], "COMPLETED")
    assert row["credits_deduction"] == 1.93
    assert requests.get(row["generation_url"], timeout=PATIENCE).content == answer.content


def test_a_fault_may_name_the_cost_in_the_header(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("cost:submit:usd=2.5")
    assert [sync(client).headers["x-cost"] for _ in range(2)] == ["2.5", "1.93"]


def test_base64_is_answered_where_it_was_asked_for(client: Client) -> None:
    answer = sync(client, base64=True)
    assert base64.b64decode(answer.text, validate=True)[4:8] == b"ftyp"
    assert answer.headers["x-cost"] == "1.93"
    refused = client.post("/v1/pixverse-mimic", json={"video_url": "x", "base64": True})
    assert refused.status_code == 406


@pytest.mark.parametrize(
    ("change", "status"),
    [({"prompt": None}, 400), ({"resolution": "1080p"}, 406), ({"colour": "red"}, 406),
     ({"seed": "seven"}, 500)],
)  # fmt: skip
def test_what_is_wrong_is_said_as_for_a_queued_run_but_a_failed_run_is_500(
    sandbox: Sandbox, client: Client, change: dict[str, Any], status: int
) -> None:
    answer = sync(client, **change)
    assert answer.status_code == status
    assert min(change) in answer.json()["error"]
    assert "x-cost" not in answer.headers
    assert account(sandbox)["charged"] == "0"


def test_a_sync_call_waits_as_long_as_the_vendor_s_clock_says(
    sandbox: Sandbox, client: Client
) -> None:
    before = vendor_time(sandbox)
    answer = client.post(
        "/v1/kling-2.6-pro-motion-control",
        json={"prompt": "x", "image_url": "https://example.org/a.png", "video_url": "https://b.c"},
    )
    waited = vendor_time(sandbox) - before
    assert answer.status_code == 200
    assert waited.total_seconds() >= float(answer.headers["x-generation-time"]) - 0.1


def test_moving_the_clock_ends_the_wait(patient: Sandbox) -> None:
    answers: list[int] = []

    def buy() -> None:
        answers.extend(sync(client).status_code for client in talking(patient))

    buying = threading.Thread(target=buy)
    buying.start()
    until(lambda: account(patient)["jobs"])
    patient.advance(400)
    assert answers == []
    patient.advance(100)
    buying.join(PATIENCE)
    assert answers == [200]


def test_half_a_film_may_come_as_if_it_were_whole(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("truncate:submit")
    half, whole = sync(client), sync(client)
    assert half.status_code == 200
    assert half.headers["x-cost"] == "1.93"
    assert half.content == whole.content[: len(whole.content) // 2]


def test_the_line_may_break_in_the_middle_of_a_paid_film(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("truncate:submit:cut=connection")
    with client.http.post(
        f"{client.base}/v1/scail", json=SCAIL, stream=True, timeout=PATIENCE
    ) as answer:  # the head has come whole
        assert answer.headers["x-cost"] == "1.93"
        with pytest.raises(requests.RequestException):
            _ = answer.content
    assert account(sandbox)["charged"] == "1.93"
    assert history(client)[0]["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("fault", ["reset", "close"])
def test_a_line_that_breaks_after_acceptance_leaves_a_run_that_goes_on(
    patient: Sandbox, fault: str
) -> None:
    patient.fault(f"accept_then_{fault}:submit")
    for client in talking(patient):
        with pytest.raises(requests.ConnectionError):
            sync(client)
        (row,) = history(client)
        assert (row["model_status"], row["credits_deduction"]) == ("PENDING", 0)
        assert row["request_body"] == SCAIL
        patient.advance(600)
        (row,) = history(client)
        assert (row["model_status"], row["credits_deduction"]) == ("COMPLETED", 1.93)
        assert requests.get(row["generation_url"], timeout=PATIENCE).content[4:8] == b"ftyp"


def test_a_client_that_no_longer_waits_has_bought_all_the_same(patient: Sandbox) -> None:
    for client in talking(patient):
        with pytest.raises(requests.ReadTimeout):
            client.http.post(f"{client.base}/v1/scail", json=SCAIL, timeout=0.2)  # meant to expire
        until(lambda: account(patient)["jobs"])
        patient.advance(600)
        (row,) = history(client)
        assert (row["model_status"], row["credits_deduction"]) == ("COMPLETED", 1.93)


@pytest.mark.parametrize("fault", ["reset", "close", "http", "html"])
def test_a_line_that_breaks_before_acceptance_leaves_nothing(patient: Sandbox, fault: str) -> None:
    patient.fault(f"{fault}:submit")
    for client in talking(patient):
        if fault in {"reset", "close"}:
            with pytest.raises(requests.ConnectionError):
                sync(client)
        else:
            assert sync(client).status_code >= 500
        assert history(client) == account(patient)["jobs"] == []


@pytest.mark.parametrize(("polls", "status"), [(True, 200), (False, 404)])
def test_a_sync_run_may_or_may_not_be_polled_but_the_history_has_it(
    polls: bool, status: int
) -> None:
    app = partial(SegmindSandbox, sync_polls=polls)
    with Sandbox(apps=[app], speed=2000) as sandbox:
        for client in talking(sandbox):
            name = sync(client).headers["x-request-id"]
            assert client.status(name).status_code == status
            assert client.result(name).status_code == status
            kept = client.get(f"/inference-request/request-history/{name}").json()
            assert kept["model_status"] == "COMPLETED"


def test_a_sync_call_counts_as_one_call_of_the_minute(patient: Sandbox) -> None:
    patient.add_account("segmind", "SG_slow", balance=50, rpm=1)
    patient.fault("accept_then_close:submit")
    for client in talking(patient, "SG_slow"):
        with pytest.raises(requests.ConnectionError):
            sync(client)
        refused = sync(client)
        assert refused.status_code == 429
        assert refused.headers["x-rate-limit-reset-at-utc"].endswith("Z")


def test_the_sdk_gets_the_film_of_a_further_model_and_its_price(sandbox: Sandbox) -> None:
    segmind = pytest.importorskip("segmind")
    sdk = segmind.SegmindClient(api_key=KEY, base_url=f"{sandbox.url}/v1")
    answer = sdk.run_sync("scail", **SCAIL)
    assert answer.content[4:8] == b"ftyp"
    assert answer.headers["x-cost"] == "1.93"
    sdk._client.close()
