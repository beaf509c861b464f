"""Labels go with every purchase into the journal, and change nothing of what is bought."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from support import fail_first

import motionkit as mk
from motionkit._support.redaction import Secret
from motionkit.client import Client
from motionkit.errors import InvalidRequest
from motionkit.model.job import Job
from motionkit.model.submission import Submission
from motionkit.testing.memory import Memory, MemoryStage
from motionkit.testing.stage import ACCOUNT, client_for, options_for, sample_request

LABELS = {"project": "spring", "shot": "12"}


@pytest.fixture
def client(stage: MemoryStage, tmp_path: Path) -> Client:
    return client_for(stage, tmp_path)


def test_a_job_is_submitted_with_labels(client: Client) -> None:
    job = client.submit(sample_request(), via=ACCOUNT, labels=LABELS)
    assert client.jobs.get(job.key).labels == LABELS
    result = client.run(sample_request(quality="720p"), via=ACCOUNT, labels={"shot": "13"})
    assert client.jobs.get(result.job.key).labels == {"shot": "13"}
    assert [one.labels for one in client.jobs.list()] == [LABELS, {"shot": "13"}]


def test_coroutines_submit_with_labels(stage: MemoryStage, tmp_path: Path) -> None:
    async def main() -> None:
        async with mk.AsyncClient(**options_for(stage, tmp_path)) as client:
            job = await client.submit(sample_request(), via=ACCOUNT, labels=LABELS)
            assert client.jobs.get(job.key).labels == LABELS
            again = await client.run(sample_request(), via=ACCOUNT, labels=LABELS)
            assert again.job == job

    asyncio.run(main())


def test_other_labels_make_no_other_request_and_the_first_ones_stay(
    client: Client, stage: MemoryStage, caplog: pytest.LogCaptureFixture
) -> None:
    job = client.submit(sample_request(), via=ACCOUNT, labels=LABELS)
    assert client.submit(sample_request(), via=ACCOUNT, labels={"project": "autumn"}) == job
    assert "keeps its labels (project=spring, shot=12), not project=autumn" in caplog.text
    caplog.clear()
    client.submit(sample_request(), via=ACCOUNT)
    client.submit(sample_request(), via=ACCOUNT, labels=dict(reversed(LABELS.items())))
    assert "labels" not in caplog.text
    assert (stage.bought(), client.jobs.get(job.key).labels) == (1, LABELS)


def test_a_purchase_without_labels_says_so_where_some_are_given_later(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.submit(sample_request(), via=ACCOUNT, key="k1")
    client.submit(sample_request(), via=ACCOUNT, key="k1", labels=LABELS)
    assert "k1 was bought before and keeps its labels (none)" in caplog.text


def test_no_vendor_gets_labels(stage: MemoryStage, tmp_path: Path) -> None:
    sent: list[Any] = []

    class Watched(Memory):
        def submit(self, submission: Submission, attempt_id: str) -> Job:
            sent.append(submission)
            return super().submit(submission, attempt_id)

    stage.provider_class = Watched
    with client_for(stage, tmp_path) as client:
        client.submit(sample_request(), via=ACCOUNT, key="a", labels={"project": "x"})
        client.submit(sample_request(), via=ACCOUNT, key="b")
    assert "project" not in repr(sent)
    assert sent[0] == sent[1]


@pytest.mark.parametrize("labels", [{"a b": "x"}, {"project": "x\n"}, ["project"]])
def test_a_wrong_label_is_refused_before_anything_is_uploaded(
    client: Client, stage: MemoryStage, monkeypatch: pytest.MonkeyPatch, labels: Any
) -> None:
    monkeypatch.setattr(Memory, "prepare", lambda *_, **__: pytest.fail("uploaded"))
    for verb in (client.submit, client.run):
        with pytest.raises(InvalidRequest, match="label"):
            verb(sample_request(), via=ACCOUNT, labels=labels)
    assert (stage.bought(), client.jobs.list()) == (0, [])


def test_a_paid_retry_has_the_labels_of_the_job_that_failed(
    stage: MemoryStage, tmp_path: Path
) -> None:
    options = options_for(stage, tmp_path)
    fail_first(options, stage)
    with Client(**options) as client:
        client.run(sample_request(), via="r", key="k1", labels=LABELS)
        assert [(one.key, one.labels) for one in client.jobs.list()] == [
            ("k1", LABELS),
            ("k1~2", LABELS),
        ]


def test_a_key_in_a_label_is_masked_in_the_journal_and_in_the_log(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    key = Secret("planted-key-of-a-label")
    for _ in range(2):
        job = client.submit(
            sample_request(), via=ACCOUNT, key="k", labels={"project": f"x {key.reveal()}"}
        )
    assert client.jobs.get(job.key).labels == {"project": "x ***"}
    assert client.jobs.list(label={"project": f"x {key.reveal()}"})
    client.submit(sample_request(), via=ACCOUNT, key="k", labels={"project": key.reveal()})
    assert "keeps its labels (project=x ***), not project=***" in caplog.text
    assert key.reveal() not in caplog.text
