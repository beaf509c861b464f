"""A purchase is its job's own, whatever else has the same key; what is learnt of it is written."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE

from motionkit.client.client import Client
from motionkit.errors import InvalidRequest
from motionkit.journal.entries import PurchaseRecord
from motionkit.model.job import Job, State
from motionkit.provider.contract import references
from motionkit.purchase import orders
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import ACCOUNT, JOB_SECONDS, client_for, sample_request


def entry(client: Client, key: str = "hero") -> PurchaseRecord:
    found = client.jobs.get(key)
    assert found is not None
    return found


def test_a_job_of_another_journal_leaves_the_purchase_of_the_same_key_alone(
    stage: MemoryStage, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    mine = client.submit(sample_request(), via=ACCOUNT, key="hero")
    with client_for(stage, tmp_path / "other") as other:
        theirs = other.submit(sample_request(quality="720p"), via=ACCOUNT, key="hero")
    before = entry(client)

    result = client.wait(Job.from_json(theirs.to_json()))
    client._journal.delivered(result.job, tmp_path / "theirs.mp4", "ab" * 32)

    assert entry(client) == before
    assert entry(client).open
    assert client.bought_before(sample_request(), via=ACCOUNT) == before
    assert client.wait(mine).job.id == mine.id
    assert entry(client).state is State.SUCCEEDED


def test_asking_for_a_result_writes_how_the_job_ended(client: Client, stage: MemoryStage) -> None:
    job = client.submit(sample_request(), via=ACCOUNT, key="hero")
    stage.pass_time(JOB_SECONDS + 1)

    result = client.result(job)

    assert entry(client).state is State.SUCCEEDED
    assert entry(client).cost == result.cost
    assert entry(client).finished is not None


@pytest.fixture
def unseen(client: Client, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """For how long nobody had looked, as the journal was told."""
    told: list[float] = []
    real = client._journal.observed

    def observed(*args: Any, unseen: float) -> bool:
        told.append(unseen)
        return real(*args, unseen=unseen)

    monkeypatch.setattr(client._journal, "observed", observed)
    return told


def test_a_job_that_a_caller_polls_ended_since_it_was_last_seen_running(
    client: Client, stage: MemoryStage, unseen: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    age = 100.0
    job = client.submit(sample_request(), via=ACCOUNT, key="hero")
    monkeypatch.setattr(client._observer.__class__, "age", staticmethod(lambda _: age))
    client.poll(job)
    stage.pass_time(JOB_SECONDS + 1)
    age = 112.0
    client.poll(job)
    assert unseen == [100.0, 12.0]


def test_a_job_that_nobody_watched_ended_somewhere_in_its_life(
    client: Client, stage: MemoryStage, unseen: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client._observer.__class__, "age", staticmethod(lambda _: 7200.0))
    job = client.submit(sample_request(), via=ACCOUNT, key="hero")
    stage.pass_time(JOB_SECONDS + 1)
    client.poll(job)
    assert unseen == [7200.0]


@pytest.mark.parametrize("key", ["", " ", "\t\n"])
def test_a_blank_key_is_refused_before_anything_is_paid(
    client: Client, stage: MemoryStage, key: str
) -> None:
    with pytest.raises(InvalidRequest, match="blank") as caught:
        client.submit(sample_request(), via=ACCOUNT, key=key)
    assert (caught.value.field, caught.value.value) == ("key", key)
    assert stage.bought() == 0


@pytest.mark.parametrize("key", ["a\0b", "a\ud800"])
def test_a_key_that_no_database_takes_is_refused_before_anything_is_paid_and_names_no_job(
    client: Client, stage: MemoryStage, key: str
) -> None:
    with pytest.raises(InvalidRequest, match="NUL") as caught:
        client.submit(sample_request(), via=ACCOUNT, key=key)
    assert caught.value.field == "key"
    assert stage.bought() == 0
    with pytest.raises(InvalidRequest, match="no job matches"):
        client.jobs.get(key)


def test_of_two_requests_that_take_one_key_at_once_one_is_refused(
    client: Client, stage: MemoryStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2, timeout=PATIENCE)
    real = orders.Checkout._known

    def known(*args: Any, **options: Any) -> PurchaseRecord | None:
        found = real(*args, **options)
        both.wait()  # neither sees the other's purchase here
        return found

    monkeypatch.setattr(orders.Checkout, "_known", known)
    ends: dict[str, object] = {}

    def buy(quality: str) -> None:
        try:
            job = client.submit(sample_request(quality=quality), via=ACCOUNT, key="hero")
            ends[quality] = job.id
        except InvalidRequest as error:
            ends[quality] = error.field

    threads = [threading.Thread(target=buy, args=(quality,)) for quality in ("540p", "720p")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    job = entry(client).job
    assert job is not None
    assert sorted(ends.values(), key=str) == sorted([job.id, "key"])
    assert stage.bought() == 1


def test_uploads_are_found_wherever_they_stand_in_a_body() -> None:
    body = {
        "img_ids": [7, 8],
        "image_references": [{"img_id": 9, "ref_name": "hero"}],
        "video_media_id": "10",
        "seed": None,
        "rate": 1.5,
    }
    assert references(body) == ["7", "8", "9", "hero", "10"]
