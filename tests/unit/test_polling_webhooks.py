"""What a webhook says goes where an observation goes; a job that it ended is not polled again."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest
from patience import PATIENCE
from webhook_signer import SECRET, signed

import motionkit as mk
from motionkit.client.client import Client
from motionkit.errors import ConfigError, ContentBlocked, JobFailed, SignatureError
from motionkit.journal.journal import Journal
from motionkit.model.job import Job, Status
from motionkit.polling import observe
from motionkit.sandbox import Sandbox, sample_clip, sample_picture

KEY = "sandbox-pixverse-key"
URL = "https://media.pixverse.ai/openapi%2Fa-file.mp4"


@pytest.fixture
def vendor() -> Iterator[Sandbox]:
    with Sandbox(speed=1, job_seconds=60) as running:
        yield running


def a_client(vendor: Sandbox, folder: Path, *lines: str, name: str = "journal") -> Client:
    file = folder / f"{name}.toml"
    file.write_text(
        f'journal = "{folder / name}.db"\n[accounts.pixverse]\napi_key = "{KEY}"\n'
        f'base_url = "{vendor.url}"\nwebhook_secret = "{SECRET}"\n' + "\n".join(lines)
    )
    file.chmod(0o600)
    return Client(file, sleep=vendor.advance)


@pytest.fixture
def client(vendor: Sandbox, tmp_path: Path) -> Iterator[Client]:
    with a_client(vendor, tmp_path) as made:
        yield made


def buy(client: Client, key: str = "order-17") -> Job:
    request = mk.Mimic(image=sample_picture(), video=sample_clip(2.0), quality="540p")
    return client.submit(request, via="pixverse", key=key)


def news(job: Job, **fields: Any) -> dict[str, Any]:
    told = {"id": job.id, "status": 1, "url": URL, "size": 10.5, "has_audio": True, "credits": 20}
    return {**told, **fields}


def polls(vendor: Sandbox) -> int:
    told = vendor.ledger()["vendors"]["pixverse"]["accounts"]["default"]["polls"]
    assert isinstance(told, int)
    return told


def test_a_job_that_ended_by_webhook_is_not_polled(vendor: Sandbox, client: Client) -> None:
    job = buy(client)
    delivery = client.parse_webhook("pixverse", *signed(news(job)))

    result = client.wait(job)

    assert polls(vendor) == 0
    assert delivery.acknowledgement == b"ok"
    assert (delivery.job, delivery.state, delivery.repeated) == (job, mk.State.SUCCEEDED, False)
    assert result.url == URL
    assert result.cost is not None
    assert (result.cost.amount, result.cost.basis.value) == (20, "reported")
    assert client.jobs.get("order-17").state is mk.State.SUCCEEDED


def test_an_address_that_no_longer_holds_is_asked_for_anew(
    vendor: Sandbox, client: Client, tmp_path: Path
) -> None:
    job = buy(client)
    vendor.advance(3600)
    gone = f"{vendor.url}/media/openapi%2Fgone.mp4"
    client.parse_webhook("pixverse", *signed(news(job, url=gone)))

    assert client.result(job).url == gone
    assert polls(vendor) == 0
    assert client.download(client.result(job), tmp_path / "out.mp4").stat().st_size > 1000
    assert polls(vendor) == 1


def test_a_job_ended_when_its_webhook_came(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    job = buy(client)
    monkeypatch.setattr(client._observer.__class__, "age", staticmethod(lambda _: 600.0))
    learnt: list[float] = []
    monkeypatch.setattr(client._durations, "learn", lambda _, seconds: learnt.append(seconds))
    client.parse_webhook("pixverse", *signed(news(job)))
    assert learnt == [600.0]


def test_a_webhook_and_a_poll_give_the_same_status(vendor: Sandbox, client: Client) -> None:
    job = buy(client)
    vendor.advance(3600)
    polled = client.poll(job)
    assert polled.result is not None

    told = client.parse_webhook("pixverse", *signed(news(job, url=polled.result.url))).status

    assert told is not None
    assert told.result is not None
    for name in ("state", "word", "doubt", "billed", "message", "code"):
        assert getattr(told, name) == getattr(polled, name), name
    assert (told.result.url, told.result.cost) == (polled.result.url, polled.result.cost)


def test_a_webhook_that_comes_during_a_wait_ends_it(vendor: Sandbox, tmp_path: Path) -> None:
    with a_client(vendor, tmp_path) as waiting, a_client(vendor, tmp_path) as receiving:

        def deliver(job: Job, status: Status) -> None:
            if not status.state.terminal:
                receiving.parse_webhook("pixverse", *signed(news(job)))

        assert waiting.wait(buy(waiting), watch=deliver).url == URL
        assert polls(vendor) == 1


@pytest.mark.parametrize(("signed_link", "asked"), [(False, 1), (True, 2)])
def test_a_webhook_ends_the_wait_of_another_process_before_its_next_poll(
    vendor: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signed_link: bool, asked: int
) -> None:
    monkeypatch.setattr(observe.JobObserver, "gap", lambda *_: 1e6)
    with (
        a_client(vendor, tmp_path) as receiving,
        Client(tmp_path / "journal.toml") as waiting,
        ThreadPoolExecutor() as pool,
    ):
        job = buy(receiving)
        polled = threading.Event()
        wait = pool.submit(waiting.wait, job, timeout=1e6, watch=lambda *_: polled.set())
        assert polled.wait(PATIENCE)
        vendor.advance(3600)
        url = f"{URL}?Signature=abc" if signed_link else URL
        receiving.parse_webhook("pixverse", *signed(news(job, url=url)))
        assert wait.result(timeout=PATIENCE).job == job
        assert polls(vendor) == asked


def test_an_account_without_webhooks_never_asks_the_journal_for_news(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = buy(client)
    observer = client._observer
    assert not observer.hears([job.account])  # no adapter is made for it under the engine's lock
    observer.once(job)
    observer.poll(job, None)
    assert observer.hears([job.account])
    monkeypatch.setitem(observer._webhooks, job.account, False)
    assert not observer.hears([job.account])
    monkeypatch.setattr(Journal, "endings", None)
    assert observer.ended([job]) == ()


def test_a_clock_that_is_set_during_a_wait_teaches_no_duration(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = buy(client)
    before = client._observer.age(job)
    later = job.submitted_at + dt.timedelta(hours=5)
    monkeypatch.setattr(observe, "utcnow", lambda: later)
    assert client._observer.age(job) - before < 3600


def test_a_job_whose_webhook_never_comes_is_polled_as_usual(
    vendor: Sandbox, client: Client
) -> None:
    assert client.wait(buy(client)).url.startswith(vendor.url)
    assert polls(vendor) > 1


@pytest.mark.parametrize(
    ("status", "kind", "billed"),
    [(7, ContentBlocked, mk.Billed.NO), (8, JobFailed, mk.Billed.UNKNOWN)],
)
def test_a_failure_by_webhook_is_the_failure_that_a_poll_would_tell(
    vendor: Sandbox, client: Client, status: int, kind: type[Exception], billed: mk.Billed
) -> None:
    job = buy(client)
    client.parse_webhook("pixverse", *signed(news(job, status=status, url="")))

    with pytest.raises(kind) as caught:
        client.wait(job)
    assert caught.value.billed is billed  # type: ignore[attr-defined]
    assert polls(vendor) == 0
    assert client.jobs.get("order-17").word == str(status)


@pytest.mark.parametrize("status", [1, 7, 8])
def test_a_redelivery_changes_nothing(client: Client, tmp_path: Path, status: int) -> None:
    job = buy(client)
    url = URL if status == 1 else ""
    sent = signed(news(job, status=status, url=url))
    client.parse_webhook("pixverse", *sent)
    before, kept = client.jobs.get("order-17"), rows(tmp_path / "journal.db")

    again = client.parse_webhook("pixverse", *sent)

    assert again.repeated
    assert again.acknowledgement == b"ok"
    assert client.jobs.get("order-17") == before
    assert rows(tmp_path / "journal.db") == kept


def rows(path: Path) -> list[tuple[Any, ...]]:
    with Journal(path) as journal:
        return [tuple(row) for row in journal.store.query("SELECT * FROM notices")]


@pytest.mark.parametrize("first", [7, 8])
def test_a_success_that_follows_a_failure_wins(client: Client, first: int) -> None:
    job = buy(client)
    client.parse_webhook("pixverse", *signed(news(job, status=first, url="")))
    assert client.jobs.get("order-17").state.value in {"blocked", "failed"}

    told = client.parse_webhook("pixverse", *signed(news(job)))

    entry = client.jobs.get("order-17")
    assert (told.state, told.repeated) == (mk.State.SUCCEEDED, False)
    assert (entry.state, entry.word, entry.error) == (mk.State.SUCCEEDED, "1", None)
    assert client.wait(job).url == URL
    assert client.result(job).url == URL
    assert client.jobs.list(open_only=True) == [entry]


def test_a_success_with_a_signed_link_wins_and_its_address_is_asked_for(
    vendor: Sandbox, client: Client
) -> None:
    job = buy(client)
    client.parse_webhook("pixverse", *signed(news(job, status=8, url="")))
    client.parse_webhook("pixverse", *signed(news(job, url=f"{URL}?Signature=abc")))
    vendor.advance(3600)

    assert client.jobs.get("order-17").state is mk.State.SUCCEEDED
    assert client.wait(job).url.startswith(vendor.url)


def test_a_poll_that_sees_the_result_after_a_failure_by_webhook_wins(
    vendor: Sandbox, client: Client
) -> None:
    job = buy(client)
    client.parse_webhook("pixverse", *signed(news(job, status=8, url="")))
    vendor.advance(3600)
    url = client.poll(job).need_result(job).url

    assert client.jobs.get("order-17").state is mk.State.SUCCEEDED
    assert client.result(job).url == url
    assert client.wait(job).url == url


def test_a_success_without_an_address_takes_no_failure_back(
    vendor: Sandbox, client: Client
) -> None:
    job = buy(client)
    client.parse_webhook("pixverse", *signed(news(job, status=8, url="")))
    client.parse_webhook("pixverse", *signed(news(job, url="")))
    assert client.jobs.get("order-17").state is mk.State.FAILED


def test_an_older_delivery_that_comes_late_does_not_reopen_a_job(client: Client) -> None:
    job = buy(client)
    client.parse_webhook("pixverse", *signed(news(job)))
    client.parse_webhook("pixverse", *signed(news(job, status=5, url="")))
    client.parse_webhook("pixverse", *signed(news(job, status=8, url="")))

    assert client.wait(job).url == URL
    assert client.jobs.get("order-17").state is mk.State.SUCCEEDED


def test_a_job_that_the_journal_does_not_have_is_told_and_kept(
    vendor: Sandbox, client: Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job = buy(client)
    caplog.set_level(logging.INFO, "motionkit")
    with a_client(vendor, tmp_path, name="elsewhere") as other:
        first = other.parse_webhook("pixverse", *signed(news(job)))
        second = other.parse_webhook("pixverse", *signed(news(job)))
        result = other.wait(mk.Job.from_json(job.to_json()))

    assert (first.job, first.job_id, first.acknowledgement) == (None, job.id, b"ok")
    assert (first.repeated, second.repeated) == (False, True)
    assert f"job {job.id} at pixverse: not in this journal" in caplog.text
    assert (result.url, polls(vendor)) == (URL, 0)


def test_a_forged_webhook_leaves_no_trace(vendor: Sandbox, client: Client, tmp_path: Path) -> None:
    job = buy(client)
    before = client.jobs.get("order-17")

    with pytest.raises(SignatureError):
        client.parse_webhook("pixverse", *signed(news(job), secret="somebody-elses"))
    assert client.jobs.get("order-17") == before
    assert rows(tmp_path / "journal.db") == []
    assert client.wait(job).url.startswith(vendor.url)


def test_a_signed_link_does_not_lie_in_the_journal_and_is_asked_for(
    vendor: Sandbox, client: Client, tmp_path: Path
) -> None:
    job = buy(client)
    vendor.advance(3600)
    client.parse_webhook("pixverse", *signed(news(job, url=f"{URL}?Signature=s3cr3t")))

    assert client.jobs.get("order-17").state is mk.State.SUCCEEDED
    assert client.wait(job).url.startswith(vendor.url)
    assert polls(vendor) == 1
    held = b"".join(file.read_bytes() for file in tmp_path.glob("journal.db*"))
    assert b"s3cr3t" not in held
    assert SECRET.encode() not in held


def test_a_success_without_a_usable_address_is_asked_for(vendor: Sandbox, client: Client) -> None:
    job = buy(client)
    vendor.advance(3600)
    told = client.parse_webhook("pixverse", *signed(news(job, url="soon")))

    assert told.status is not None
    assert told.status.state is mk.State.UNKNOWN
    assert client.wait(job).url.startswith(vendor.url)


def test_the_same_id_at_another_account_is_another_job(vendor: Sandbox, tmp_path: Path) -> None:
    vendor.add_account("pixverse", "a-second-key-0123456789", label="second")
    lines = (
        "[accounts.team]",
        'provider = "pixverse"',
        'api_key = "a-second-key-0123456789"',
        f'base_url = "{vendor.url}"',
        f'webhook_secret = "{SECRET}"',
    )
    with a_client(vendor, tmp_path, *lines) as client:
        job = buy(client)
        assert client.parse_webhook("team", *signed(news(job))).job is None
        assert client.jobs.get("order-17").state is mk.State.QUEUED


def test_a_provider_without_webhooks_says_so(vendor: Sandbox, tmp_path: Path) -> None:
    lines = ("[accounts.segmind]", 'api_key = "SG_0123456789abcdef"', f'base_url = "{vendor.url}"')
    with (
        a_client(vendor, tmp_path, *lines) as client,
        pytest.raises(ConfigError, match="segmind sends no webhooks"),
    ):
        client.parse_webhook("segmind", {}, b"{}")


def test_the_configured_webhook_goes_with_what_the_vendor_reports_on(
    vendor: Sandbox, tmp_path: Path
) -> None:
    from motionkit_pixverse.operations import ImageTemplate, MaskSelection

    picture, clip = sample_picture(), sample_clip(2.0)
    mimic = mk.Mimic(image=picture, video=clip)
    own = attrs.evolve(mimic, extra={"pixverse": {"webhook_id": 77}})
    with a_client(vendor, tmp_path, 'webhook_id = "hook-1"') as client:
        asked = [
            client.explain(request, via="pixverse").calls[-1].json.get("webhook_id")
            for request in (mimic, own, ImageTemplate(7, [picture]), MaskSelection(clip))
        ]
    assert asked == ["hook-1", 77, None, None]


def test_the_secret_shows_nowhere(vendor: Sandbox, client: Client) -> None:
    settings = client.config.account("pixverse").settings
    assert SECRET not in repr(settings)
    assert SECRET not in str(attrs.asdict(settings))


@pytest.mark.parametrize(
    ("line", "does"),
    [
        ('webhook_secret = "chosen-by-the-project"', "decides whose messages are believed"),
        ('webhook_secret = "${HOME}"', "decides whose messages are believed"),
        (
            'webhook_id = "hook-1"',
            "may only be set in your own configuration; this file sets it from nothing to",
        ),
        ('webhook_secret = "${PIXVERSE_WEBHOOK_SECRET}"', None),
        ("webhook_window = 60", None),
    ],
)
def test_a_project_does_not_decide_whose_webhooks_are_believed(
    home: Path, monkeypatch: pytest.MonkeyPatch, line: str, does: str | None
) -> None:
    monkeypatch.setenv("PIXVERSE_API_KEY", KEY)
    monkeypatch.setenv("PIXVERSE_WEBHOOK_SECRET", SECRET)
    (home / "motionkit.toml").write_text(
        f'[accounts.pixverse]\napi_key = "${{PIXVERSE_API_KEY}}"\n{line}\n'
    )
    if does is None:
        Client().close()
        return
    with pytest.raises(ConfigError, match=does) as caught:
        Client()
    assert "chosen-by-the-project" not in str(caught.value)
