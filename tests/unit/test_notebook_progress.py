"""What a wait displays in a notebook's kernel, and that nothing is displayed elsewhere."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from patience import PATIENCE

from motionkit.client import notebook
from motionkit.client.aio import AsyncClient
from motionkit.client.client import Client
from motionkit.errors import JobFailed, WaitTimeout
from motionkit.model.job import Job
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import ACCOUNT, Situation, options_for, sample_request


class ZMQInteractiveShell:
    """Called like the shell of IPython's kernel."""


class Colab(ZMQInteractiveShell):
    """A shell of another front end."""


@attrs.define
class Kernel:
    """What a kernel was told to display."""

    shell: object = attrs.field(factory=ZMQInteractiveShell)
    bundles: list[dict[str, str]] = attrs.field(factory=list)
    displays: int = 0
    broken: bool = False
    updated: threading.Event = attrs.field(factory=threading.Event)

    def display(self, bundle: dict[str, str], *, raw: bool, display_id: bool) -> Kernel:
        assert raw
        assert display_id
        self.displays += 1
        self.bundles.append(bundle)
        return self

    def update(self, bundle: dict[str, str], *, raw: bool) -> None:
        assert raw
        if self.broken:
            raise OSError("the front end is gone")
        self.bundles.append(bundle)
        self.updated.set()

    @property
    def pages(self) -> list[str]:
        return [bundle["text/html"] for bundle in self.bundles]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    made = Kernel()
    ipython: Any = types.ModuleType("IPython")
    ipython.get_ipython = lambda: made.shell
    displays: Any = types.ModuleType("IPython.display")
    displays.display = made.display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", displays)
    monkeypatch.setattr(notebook, "EVERY", PATIENCE)  # a test that wants updates makes it short
    yield made
    alive = [one.name for one in threading.enumerate() if one.name == notebook.THREAD]
    assert not alive


def submitted(client: Client, count: int) -> list[Job]:
    return [client.submit(sample_request(), via=ACCOUNT, key=f"k-{n}") for n in range(count)]


def test_a_wait_updates_one_display_until_the_end(client: Client, kernel: Kernel) -> None:
    (job,) = submitted(client, 1)
    result = client.wait(job)
    assert kernel.displays == 1
    first, last = kernel.pages[0], kernel.pages[-1]
    assert "waiting" in first
    assert "<progress" in first
    assert "progress of k-0" in first
    assert "9 of 10 within" in first
    assert "succeeded" in last
    assert str(result.cost) in last
    assert 'value="1" max="1"' in last
    assert "succeeded after" in kernel.bundles[-1]["text/plain"]


def test_it_is_updated_between_polls(
    stage: MemoryStage, tmp_path: Path, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook, "EVERY", 0.001)
    seen: list[str] = []
    options = options_for(stage, tmp_path)
    sleep = options["sleep"]

    def slept(seconds: float) -> None:
        kernel.updated.clear()  # before time passes: the display may be updated at once
        sleep(seconds)
        assert kernel.updated.wait(PATIENCE)
        seen.append(kernel.pages[-1])

    with Client(**{**options, "sleep": slept}) as client:
        (job,) = submitted(client, 1)
        client.wait(job)
    assert any("about" in page and "left" in page for page in seen)
    assert kernel.displays == 1


def test_an_end_that_the_first_poll_finds_is_not_given_the_age_as_its_time(
    client: Client, kernel: Kernel, stage: MemoryStage
) -> None:
    (job,) = submitted(client, 1)
    stage.pass_time(100_000)
    result = client.wait(job)
    assert kernel.bundles[-1]["text/plain"] == f"succeeded {result.cost}"
    assert "after" not in kernel.pages[-1]


def test_many_jobs_are_one_table(client: Client, kernel: Kernel, stage: MemoryStage) -> None:
    jobs = submitted(client, 3)
    stage.vendor.jobs[jobs[1].id][1].add(Situation.JOB_FAILS)
    found = client.wait_all(jobs)
    assert isinstance(found[1], JobFailed)
    assert kernel.displays == 1
    assert "3 jobs: 3 waiting" in kernel.pages[0]
    last = kernel.pages[-1]
    assert "3 jobs: 2 succeeded, 1 failed" in last
    assert all(f"k-{n}" in last for n in range(3))
    assert found[1].message in last


def test_a_table_of_many_jobs_says_how_many_are_left_out(client: Client, kernel: Kernel) -> None:
    jobs = submitted(client, 1) * (notebook.MOST_ROWS + 2)
    client.wait_all(jobs)
    assert kernel.pages[-1].count("<tr>") == notebook.MOST_ROWS + 1
    assert "2 jobs not drawn" in kernel.pages[-1]


def test_coroutines_display_the_same(stage: MemoryStage, tmp_path: Path, kernel: Kernel) -> None:
    async def run() -> None:
        async with AsyncClient(**options_for(stage, tmp_path)) as client:
            one = await client.submit(sample_request(), via=ACCOUNT, key="one")
            two = await client.submit(sample_request(), via=ACCOUNT, key="two")
            await client.wait(one)
            await client.wait_all([one, two])

    asyncio.run(run())
    assert kernel.displays == 2
    assert any("2 jobs: 2 succeeded" in page for page in kernel.pages)


def test_a_wait_that_is_over_says_that_the_job_runs(client: Client, kernel: Kernel) -> None:
    (job,) = submitted(client, 1)
    with pytest.raises(WaitTimeout) as caught:
        client.wait(job, timeout=1)
    assert caught.value.message in kernel.pages[-1]


def test_an_interrupted_wait_says_that_the_job_continues(
    stage: MemoryStage, tmp_path: Path, kernel: Kernel
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with Client(**{**options_for(stage, tmp_path), "sleep": interrupted}) as client:
        (job,) = submitted(client, 1)
        with pytest.raises(KeyboardInterrupt):
            client.wait(job)
    assert "the wait was interrupted; the job continues" in kernel.pages[-1]


def test_a_display_that_fails_is_a_warning_and_the_wait_continues(
    client: Client, kernel: Kernel, caplog: pytest.LogCaptureFixture
) -> None:
    kernel.broken = True
    (job,) = submitted(client, 1)
    assert client.wait(job).job == job
    warned = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert len(warned) == 1
    assert "the wait continues: OSError: the front end is gone" in warned[0].getMessage()


def test_an_own_watch_takes_the_place_of_the_display(client: Client, kernel: Kernel) -> None:
    events: list[Any] = []
    (job,) = submitted(client, 1)
    client.wait(job, watch=events.append)
    assert events
    assert not kernel.displays


@pytest.mark.parametrize("shell", [None, object()], ids=["no shell", "a terminal's"])
def test_nothing_is_displayed_outside_of_a_kernel(
    client: Client, kernel: Kernel, shell: object, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel.shell = shell
    (job,) = submitted(client, 1)
    client.wait(job)
    client.wait_all([job])
    assert not kernel.displays
    assert capsys.readouterr() == ("", "")


def test_other_front_ends_that_build_on_ipythons_kernel_count(kernel: Kernel) -> None:
    kernel.shell = Colab()
    assert notebook.is_kernel()


def test_without_ipython_nothing_of_it_is_loaded(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    (job,) = submitted(client, 1)
    client.wait(job)
    assert "IPython" not in sys.modules


def test_what_a_vendor_said_is_escaped(client: Client, kernel: Kernel, stage: MemoryStage) -> None:
    job = client.submit(sample_request(), via=ACCOUNT, key="<script>alert(1)</script>")
    client.wait_all([job, job])
    assert "<script" not in "".join(kernel.pages)
    assert "&lt;script&gt;" in kernel.pages[-1]
