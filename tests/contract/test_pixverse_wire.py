"""PixVerse's particulars against the live sandbox: what only this vendor's wire has."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import requests

import motionkit as mk
from motionkit._support.redaction import Secret
from motionkit.client.client import Client
from motionkit.errors import (
    Busy,
    ContentBlocked,
    InsufficientCredits,
    InvalidRequest,
    JobFailed,
    SubmitUncertain,
)
from motionkit.sandbox import Sandbox
from motionkit.testing import samples
from motionkit.testing.sandboxed import SandboxStage, sandbox_stage
from motionkit.testing.stage import ACCOUNT, JOB_SECONDS, client_for, sample_request
from motionkit_pixverse.adapter import PixVerse
from motionkit_pixverse.sandbox import PixVerseSandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(job_seconds=JOB_SECONDS) as made:
        yield made


@pytest.fixture
def stage(sandbox: Sandbox) -> SandboxStage:
    return sandbox_stage(PixVerse, {}, sandbox)


@pytest.fixture
def client(stage: SandboxStage, tmp_path: Path) -> Iterator[Client]:
    with client_for(stage, tmp_path) as made:
        yield made


def ledger(sandbox: Sandbox, label: str = "default") -> Any:
    return sandbox.ledger()["vendors"]["pixverse"]["accounts"][label]


def test_every_call_has_a_fresh_trace_id_and_the_submit_its_attempt_id(
    client: Client, sandbox: Sandbox
) -> None:
    job = client.submit(sample_request(), via=ACCOUNT)
    client.wait(job)
    told = ledger(sandbox)
    assert told["reused_trace_ids"] == 0
    assert job.attempt_id in told["trace_ids"]
    assert len(told["trace_ids"]) == len(set(told["trace_ids"]))
    assert [bought["trace_id"] for bought in told["jobs"]] == [job.attempt_id]


def test_the_ledger_charges_what_the_quote_said(client: Client, sandbox: Sandbox) -> None:
    quote = client.quote(sample_request(quality="720p"), via=ACCOUNT)
    assert quote is not None
    assert str(quote.likely) == "24"
    assert str(quote.usd_likely) == "0.24"
    client.submit(sample_request(quality="720p"), via=ACCOUNT)
    assert ledger(sandbox)["charged"] == "24"


def test_a_result_is_downloaded_without_the_key(
    client: Client, sandbox: Sandbox, tmp_path: Path
) -> None:
    result = client.run(sample_request(), via=ACCOUNT)
    path = client.download(result, tmp_path / "out.mp4")
    assert path.read_bytes()[4:8] == b"ftyp"
    told = sandbox.ledger()
    assert told["vendors"]["pixverse"]["keys_sent_to_files"] == 0
    assert told["keys_sent_elsewhere"] == 0
    assert client.jobs.get(result.job.key).delivered == str(path)


def test_a_finished_video_is_referred_to_by_its_id(client: Client, sandbox: Sandbox) -> None:
    result = client.run(sample_request(), via=ACCOUNT)
    again = mk.Mimic(samples.PICTURE, mk.Generated(result.job), quality="360p")
    explained = client.explain(again, via=ACCOUNT)
    assert explained.calls[-1].json["source_video_id"] == int(result.job.id)
    assert "video_media_id" not in explained.calls[-1].json
    assert client.submit(again, via=ACCOUNT).id != result.job.id


def test_a_video_of_another_account_is_refused_before_anything_is_sent(
    client: Client, sandbox: Sandbox
) -> None:
    result = client.run(sample_request(), via=ACCOUNT)
    foreign = attrs.evolve(result.job, account="elsewhere", fingerprint="0" * 16)
    before = ledger(sandbox)["uploads"]
    with pytest.raises(InvalidRequest, match="elsewhere"):
        client.submit(mk.Mimic(samples.PICTURE, mk.Generated(foreign)), via=ACCOUNT)
    assert ledger(sandbox)["uploads"] == before


def test_an_upload_that_the_vendor_holds_is_not_sent_again(
    client: Client, sandbox: Sandbox
) -> None:
    job = client.submit(sample_request(), via=ACCOUNT)
    body = client.jobs.get(job.key).attempts[0].submission.call.json
    held = mk.Mimic(
        mk.Uploaded(body["img_id"]), mk.Uploaded(body["video_media_id"]), quality="360p"
    )
    before = ledger(sandbox)["uploads"]
    client.submit(held, via=ACCOUNT)
    assert ledger(sandbox)["uploads"] == before


def test_the_same_files_are_uploaded_once(client: Client, sandbox: Sandbox) -> None:
    client.submit(sample_request(quality="360p"), via=ACCOUNT)
    client.submit(sample_request(quality="540p"), via=ACCOUNT)
    assert ledger(sandbox)["uploads"] == 2
    assert ledger(sandbox)["submits"] == 2


@pytest.mark.parametrize("code", [400032, 500008])
def test_an_upload_that_the_vendor_dropped_is_sent_again_under_a_new_attempt(
    client: Client, sandbox: Sandbox, code: int
) -> None:
    sandbox.fault(f"refuse:submit:code={code}")
    job = client.submit(sample_request(), via=ACCOUNT, key="k1")
    told = ledger(sandbox)
    assert (told["uploads"], told["submits"], len(told["jobs"])) == (4, 2, 1)
    refused, accepted = client.jobs.get("k1").attempts
    assert (refused.state, accepted.state) == ("refused", "accepted")
    assert refused.id != accepted.id == job.attempt_id


@pytest.mark.parametrize("error_http", [200, 400, 500])
@pytest.mark.parametrize("code", [701009, 701050, 400404])
def test_a_plain_refusal_is_sent_once_and_leaves_nothing_uncertain(
    client: Client, sandbox: Sandbox, code: int, error_http: int
) -> None:
    sandbox.fault(f"refuse:submit:code={code}:status={error_http}:times=0")
    with pytest.raises(InvalidRequest) as caught:
        client.submit(sample_request(), via=ACCOUNT, key="k1")
    assert (caught.value.billed, caught.value.code) == (mk.Billed.NO, str(code))
    told = ledger(sandbox)
    assert (told["submits"], told["jobs"]) == (1, [])
    assert [one.state for one in client.jobs.get("k1").attempts] == ["refused"]
    sandbox.clear_faults()
    assert client.submit(sample_request(), via=ACCOUNT, key="k1").id


def test_an_accident_is_never_taken_for_a_refusal(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("refuse:submit:code=500100:times=0")
    with pytest.raises(SubmitUncertain):
        client.submit(sample_request(), via=ACCOUNT, key="k1")
    assert ledger(sandbox)["submits"] > 1
    assert client.jobs.get("k1").attempts[0].state == "uncertain"


def test_media_of_another_account_are_refused_with_what_to_do(
    client: Client, sandbox: Sandbox
) -> None:
    sandbox.add_account("pixverse", "other-key-012345", label="other")
    headers = {"API-KEY": "other-key-012345", "Ai-trace-id": "t1"}
    url = f"{sandbox.url}/openapi/v2/media/upload"
    sent = requests.post(url, headers=headers, files={"file": samples.CLIP}, timeout=120)
    clip = mk.Uploaded(str(sent.json()["Resp"]["media_id"]))
    with pytest.raises(InvalidRequest, match="belongs to another account") as caught:
        client.submit(mk.Mimic(samples.PICTURE, clip, quality="360p"), via=ACCOUNT)
    assert (caught.value.billed, caught.value.code) == (mk.Billed.NO, "701009")
    assert caught.value.hint is not None
    assert ledger(sandbox)["submits"] == 1


def test_a_reference_that_stays_refused_is_told_and_not_tried_for_ever(
    client: Client, sandbox: Sandbox
) -> None:
    sandbox.fault("refuse:submit:code=400032:times=0")
    with pytest.raises(InvalidRequest) as caught:
        client.submit(sample_request(), via=ACCOUNT)
    assert caught.value.billed is mk.Billed.NO
    assert ledger(sandbox)["submits"] == 2


def test_what_stands_in_extra_is_sent_unread(client: Client) -> None:
    request = sample_request(extra={"pixverse": {"quality": "1080p"}, "elsewhere": {"x": 1}})
    body = client.explain(request, via=ACCOUNT).calls[-1].json
    assert body["quality"] == "1080p"
    assert "x" not in body


@pytest.mark.parametrize("error_http", ["documented", "200"])
def test_errors_mean_the_same_under_http_200(tmp_path: Path, error_http: str) -> None:
    app = partial(PixVerseSandbox, error_http=error_http)
    with Sandbox(apps=[app], job_seconds=JOB_SECONDS) as sandbox:
        sandbox.add_account("pixverse", "poor-key-012345", label="poor", balance="5")
        stage = sandbox_stage(PixVerse, {}, sandbox)
        poor = PixVerse.settings(
            api_key=Secret("poor-key-012345"), base_url=stage.settings.base_url
        )
        with (
            client_for(stage, tmp_path, poor) as client,
            pytest.raises(InsufficientCredits) as caught,
        ):
            client.submit(sample_request(), via=ACCOUNT)
        assert caught.value.billed is mk.Billed.NO
        assert ledger(sandbox, "poor")["jobs"] == []


def test_the_concurrency_limit_is_busy_and_buys_nothing(
    sandbox: Sandbox, stage: SandboxStage, tmp_path: Path
) -> None:
    sandbox.add_account("pixverse", "one-slot-key-01", label="one", balance="500", concurrency=1)
    one = PixVerse.settings(api_key=Secret("one-slot-key-01"), base_url=stage.settings.base_url)
    with client_for(stage, tmp_path, one) as client:
        client.submit(sample_request(quality="360p"), via=ACCOUNT)
        with pytest.raises(Busy):
            client.submit(sample_request(quality="540p"), via=ACCOUNT, wait_for_slot=0)
    assert len(ledger(sandbox, "one")["jobs"]) == 1


def test_a_moderated_upload_is_blocked_before_anything_is_bought(
    client: Client, sandbox: Sandbox
) -> None:
    sandbox.fault("moderate:upload")
    with pytest.raises(ContentBlocked) as caught:
        client.submit(sample_request(), via=ACCOUNT)
    assert caught.value.billed is mk.Billed.NO
    assert caught.value.code == "500052"
    assert ledger(sandbox)["submits"] == 0


@pytest.mark.parametrize(
    ("fault", "billed"),
    [("http:history:status=500:times=0", mk.Billed.UNKNOWN), (None, mk.Billed.NO)],
    ids=["no statement", "refund listed"],
)
def test_a_failed_job_was_not_billed_only_where_its_refund_is_listed(
    client: Client, sandbox: Sandbox, fault: str | None, billed: mk.Billed
) -> None:
    sandbox.fault("fail:submit")
    if fault:
        sandbox.fault(fault)
    job = client.submit(sample_request(), via=ACCOUNT)
    with pytest.raises(JobFailed) as caught:
        client.wait(job)
    assert caught.value.billed is billed
    assert caught.value.code == "8"
    assert not client.jobs.get(job.key).open


def test_the_balance_has_both_pools(client: Client) -> None:
    balance = client.balance(ACCOUNT)
    assert set(balance.pools) == {"monthly", "package"}
    assert str(balance.amount) == "15000"
    assert str(balance.usd) == "150.00"
