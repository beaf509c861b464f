"""One item, done to its end: what it ends as, what it costs, and what it waits for."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from patience import PATIENCE, eventually

from motionkit.batch import gate as gates
from motionkit.batch import item as items
from motionkit.batch.batch import Batch
from motionkit.batch.cells import packed, request_of
from motionkit.batch.gate import Gate, Slots
from motionkit.batch.item import Items
from motionkit.batch.tables import Batches, Item, ItemState
from motionkit.client import journal_of
from motionkit.client.aio import AsyncClient
from motionkit.errors import BudgetExceeded, JournalError
from motionkit.http.partial_file import partial_path
from motionkit.model.job import Job, Output, State, Status, utcnow
from motionkit.model.operations import Mimic
from motionkit.testing import samples
from motionkit.testing.memory import Memory, MemoryStage
from motionkit.testing.stage import ACCOUNT, Situation, options_for

BATCH = "b-0123abcd"
CLIP = f"data:video/mp4;base64,{base64.b64encode(samples.CLIP).decode()}"


class Delivering(Memory):
    """Gives results that can be fetched without a network."""

    url_of_result = CLIP
    held: threading.Event | None = None

    def poll(self, job: Job) -> Status:
        if self.held is not None:
            assert self.held.wait(PATIENCE)
            return Status(State.RUNNING, "held", utcnow())
        status = super().poll(job)
        if status.result is None:
            return status
        result = attrs.evolve(status.result, outputs=(Output(type(self).url_of_result),))
        return attrs.evolve(status, result=result)


@attrs.define
class Play:
    """A batch of some items, and one process that does them."""

    folder: Path
    stage: MemoryStage
    client: AsyncClient
    batches: Batches
    items: Items
    pauses: list[float]
    news: list[str]
    url: list[str]

    async def do(self, *numbers: int) -> None:
        async with asyncio.timeout(PATIENCE):
            for n in numbers or (1,):
                await self.items.do(BATCH, n)

    async def leave(self) -> None:
        """Begin with the first item, and go away when its job is bought and has not ended."""
        vendor = type(self.client.account(ACCOUNT))
        assert issubclass(vendor, Delivering)
        vendor.held = threading.Event()
        task = asyncio.create_task(self.do(1))
        await eventually(lambda: any(one.job for one in self.client.jobs._journal.entries()))
        task.cancel()
        await asyncio.wait([task])
        held, vendor.held = vendor.held, None
        held.set()
        assert self.state() is ItemState.RUNNING

    def item(self, n: int = 1) -> Item:
        return self.batches.item(BATCH, n)

    def state(self, n: int = 1) -> ItemState:
        return self.item(n).state

    def error(self, n: int = 1) -> str:
        return str((self.item(n).error or {}).get("message"))

    @property
    def out(self) -> Path:
        return self.folder / "out"


Act = Callable[[Play], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    """Run a test's coroutine with a batch of three items."""

    def run(
        act: Act,
        *,
        out: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        asyncio.run(_played(tmp_path, act, out or str(tmp_path / "out"), options or {}))

    return run


async def _played(folder: Path, act: Act, out: str, options: Mapping[str, Any]) -> None:
    stage = MemoryStage()

    class Vendor(Delivering):
        pass

    given = options_for(attrs.evolve(stage, provider_class=Vendor), folder)
    pauses: list[float] = []
    news: list[str] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        given["sleep"](seconds)
        await asyncio.sleep(0)

    async with AsyncClient(**given) as client:
        journal = journal_of(client)
        batches = Batches.of(journal)
        gate = Gate(_unlimited, given["clock"])
        doing = Items(client, batches, lambda _: gate, request_of, news.append, sleep=sleep)
        for name, content in (("a.png", samples.PICTURE), ("b.mp4", samples.CLIP)):
            (folder / name).write_bytes(content)
        batches.create(
            BATCH,
            via=ACCOUNT,
            out=out,
            options=options,
            accounts={ACCOUNT: client.account(ACCOUNT).fingerprint},
            total=3,
        )
        request = packed(Mimic(folder / "a.png", folder / "b.mp4", quality="540p"))
        planned = (
            Item(BATCH, n, f"{BATCH}/{n}", request, None, None, f"{n}.mp4", labels={"shot": str(n)})
            for n in range(1, 4)
        )
        assert list(batches.add(BATCH, planned))

        def passing() -> float:
            # Whoever waits at the gate waits by the same clock as everybody.
            given["sleep"](1.0)
            return float(given["clock"]())

        gate._clock = passing
        await act(Play(folder, stage, client, batches, doing, pauses, news, [CLIP]))


async def _unlimited() -> Slots:
    return Slots(0, float("inf"))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "ASK_EVERY", 0.001)


def test_an_item_ends_with_its_file_and_its_purchase_names_it(play: Callable[..., None]) -> None:
    async def act(at: Play) -> None:
        await at.do(1)
        assert at.state() is ItemState.DONE
        assert (at.out / "1.mp4").read_bytes() == samples.CLIP
        entry = at.client.jobs.list()[0]
        assert (entry.key, entry.batch, entry.item) == (f"{BATCH}/1", BATCH, 1)
        assert entry.labels == {"shot": "1"}
        assert entry.delivered == str(at.out / "1.mp4")
        assert at.news == [ACCOUNT]
        await at.do(1)  # again: there is nothing to do
        assert at.stage.bought() == 1

    play(act)


@pytest.mark.parametrize(
    ("situation", "state", "bought"),
    [
        (Situation.JOB_FAILS, ItemState.FAILED, 1),
        (Situation.JOB_GONE, ItemState.FAILED, 1),
        (Situation.JOB_BLOCKED, ItemState.BLOCKED, 1),
        (Situation.CONTENT_BLOCKED, ItemState.BLOCKED, 0),
        (Situation.INVALID, ItemState.REFUSED, 0),
        (Situation.MEDIA_REJECTED, ItemState.REFUSED, 0),
        (Situation.FORBIDDEN, ItemState.REFUSED, 0),
        (Situation.SUBMIT_5XX, ItemState.UNCERTAIN, 1),
        (Situation.SUBMIT_GARBAGE, ItemState.UNCERTAIN, 1),
    ],
)
def test_every_end_is_told_from_the_others_and_is_bought_once(
    situation: Situation, state: ItemState, bought: int, play: Callable[..., None]
) -> None:
    async def act(at: Play) -> None:
        at.stage.arrange(situation)
        await at.do(1)
        assert at.state() is state
        assert at.stage.bought() == bought
        assert at.error() != "None"
        at.stage.vendor.pending.clear()
        await at.do(1)
        assert (at.state(), at.stage.bought()) == (state, bought)

    play(act)


@pytest.mark.parametrize(
    "situation",
    [
        Situation.BUSY,
        Situation.RATE_LIMITED,
        Situation.POLL_5XX,
        Situation.POLL_GARBAGE,
        Situation.POLL_RATE_LIMITED,
        Situation.STRANGE_WORD,
        Situation.NOT_FOUND,
        Situation.NO_OUTPUT,
    ],
)
def test_what_passes_is_waited_out(situation: Situation, play: Callable[..., None]) -> None:
    async def act(at: Play) -> None:
        at.stage.arrange(situation)
        await at.do(1)
        assert at.state() is ItemState.DONE
        assert at.stage.bought() == 1

    play(act)


def test_a_key_that_the_vendor_refuses_stops_the_buying_and_leaves_the_items_planned(
    play: Callable[..., None],
) -> None:
    async def act(at: Play) -> None:
        at.stage.vendor.keys.clear()
        await at.do(1, 2)
        assert [at.state(n) for n in (1, 2)] == [ItemState.PLANNED] * 2
        assert "the key is unknown" in at.error(2)
        assert at.items.rests(at.item(3), ACCOUNT)
        halted, _ = at.items.halted[BATCH, ACCOUNT]
        assert at.items.halt(BATCH, ACCOUNT) is halted
        assert len(at.client.jobs.list()[0].attempts) == 1  # the second was not even tried

    play(act)


def test_no_credits_stop_the_buying_and_what_is_bought_is_still_fetched(
    play: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    async def act(at: Play) -> None:
        first = asyncio.create_task(at.do(1))
        await eventually(at.stage.bought)
        at.stage.arrange(Situation.NO_CREDITS)
        await at.do(2, 3)
        await first
        states = [at.state(n) for n in (1, 2, 3)]
        assert states == [ItemState.DONE, ItemState.PLANNED, ItemState.PLANNED]
        told = [one for one in caplog.messages if "buys nothing more" in one]
        assert len(told) == 1

    play(act)


def test_a_batch_spends_no_more_than_its_budget(play: Callable[..., None]) -> None:
    async def act(at: Play) -> None:
        await at.do(1, 2, 3)
        assert [at.state(n) for n in (1, 2, 3)] == [
            *[ItemState.DONE] * 2,
            ItemState.PLANNED,
        ]
        why = at.items.halt(BATCH, ACCOUNT)
        assert isinstance(why, BudgetExceeded)
        assert f"batch:{BATCH}" in at.error(3)
        assert at.stage.bought() == 2

    play(act, options={"max_usd": "0.45"})


def test_a_cancelled_batch_buys_nothing_and_fetches_what_it_bought(
    play: Callable[..., None],
) -> None:
    async def act(at: Play) -> None:
        first = asyncio.create_task(at.do(1))
        await eventually(at.stage.bought)
        assert at.batches.put(BATCH, 2, ItemState.RUNNING)  # a worker had begun with it
        assert at.batches.cancel(BATCH) == 1
        await at.do(2, 3)
        await first
        states = [at.state(n) for n in (1, 2, 3)]
        assert states == [ItemState.DONE, ItemState.CANCELLED, ItemState.CANCELLED]
        assert at.stage.bought() == 1

    play(act)


def test_a_journal_that_fails_for_a_while_is_waited_out_before_and_after_the_purchase(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = {"get": 2, "put": 5}

    def sometimes(name: str) -> None:
        real = getattr(Batches, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if failing[name]:
                failing[name] -= 1
                raise JournalError("the database is away")
            return real(*args, **kwargs)

        monkeypatch.setattr(Batches, name, call)

    async def act(at: Play) -> None:
        sometimes("get")
        sometimes("put")
        await at.do(1)
        assert at.state() is ItemState.DONE
        assert at.stage.bought() == 1
        assert len(at.pauses) == 7
        assert max(at.pauses) <= items.LONGEST_PAUSE

    play(act)


def test_a_paid_retry_that_the_journal_failed_to_write_is_waited_for_and_not_called_failed(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(at: Play) -> None:
        async def bought_unnoticed(client: AsyncClient, *_: object) -> Job:
            at.stage.vendor.pending.clear()
            request = request_of(at.item().request)
            await client.submit(request, via=ACCOUNT, key=f"{BATCH}/1~2")
            raise JournalError("the database is away")

        monkeypatch.setattr(items, "order_again", bought_unnoticed)
        at.stage.arrange(Situation.JOB_FAILS)
        await at.do(1)
        assert at.state() is ItemState.DONE
        assert at.stage.bought() == 2

    play(act)


def test_a_file_that_another_worker_writes_is_waited_for(play: Callable[..., None]) -> None:
    async def act(at: Play) -> None:
        at.out.mkdir()
        part = partial_path(at.out / "1.mp4")
        with part.open("wb") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            task = asyncio.create_task(at.do(1))
            await eventually(lambda: items.IN_USE_PAUSE in at.pauses)
            assert at.state() is ItemState.RUNNING
        await task
        assert at.state() is ItemState.DONE
        assert at.stage.bought() == 1

    play(act)


def test_a_paid_file_that_cannot_be_fetched_is_left_to_a_later_run_which_pays_nothing(
    play: Callable[..., None],
) -> None:
    async def act(at: Play) -> None:
        account = type(at.client.account(ACCOUNT))
        account.url_of_result = "data:video/mp4,broken"  # type: ignore[attr-defined]
        await at.do(1)
        assert at.state() is ItemState.RUNNING
        assert "enclosed result" in at.error()
        assert len(at.pauses) >= items.DOWNLOADS - 1
        assert at.items.rests(at.item(), ACCOUNT)
        account.url_of_result = CLIP  # type: ignore[attr-defined]
        await at.do(1)
        assert at.state() is ItemState.DONE
        assert at.stage.bought() == 1

    play(act)


def test_a_paid_file_that_has_no_place_here_is_left_to_a_later_run_which_pays_nothing(
    play: Callable[..., None],
) -> None:
    async def act(at: Play) -> None:
        await at.leave()
        (at.out / "1.mp4").mkdir(parents=True)
        await at.do(1)
        assert at.state() is ItemState.RUNNING
        assert "1.mp4" in at.error()
        (at.out / "1.mp4").rmdir()
        await at.do(1)
        assert at.state() is ItemState.DONE
        assert at.stage.bought() == 1

    play(act)


def test_a_file_that_was_deleted_is_fetched_again_on_demand_and_not_paid_again(
    play: Callable[..., None],
) -> None:
    async def act(at: Play) -> None:
        await at.do(1, 2)
        (at.out / "1.mp4").unlink()
        assert at.batches.finish(BATCH) is False  # the third is planned
        with Batch(at.client._client, at.batches.get(BATCH)) as batch:
            assert batch.retry(missing=True) == 1
            assert batch.retry(missing=True) == 0
            assert [at.state(n) for n in (1, 2)] == [ItemState.PLANNED, ItemState.DONE]
            await at.do(1)
            assert at.state() is ItemState.DONE
            assert (at.out / "1.mp4").read_bytes() == samples.CLIP
            assert at.stage.bought() == 2

    play(act)


def test_a_file_is_fetched_although_its_owner_has_another_copy_elsewhere(
    play: Callable[..., None],
) -> None:
    async def act(at: Play) -> None:
        await at.do(1)
        entry = at.client.jobs.list()[0]
        assert entry.job is not None
        (at.out / "1.mp4").unlink()
        await at.client.download(await at.client.wait(entry.job), at.folder / "copy.mp4")
        assert at.batches.fetch_again(BATCH, [at.item()]) == 1
        await at.do(1)
        assert (at.out / "1.mp4").read_bytes() == samples.CLIP

    play(act)


def test_what_was_bought_is_fetched_although_its_source_is_gone(
    play: Callable[..., None],
) -> None:
    async def act(at: Play) -> None:
        await at.leave()
        entry = at.client.jobs.list()[0]
        assert entry.job is not None
        for name in ("a.png", "b.mp4"):
            (at.folder / name).unlink()
        await at.do(1)
        assert at.state() is ItemState.DONE
        assert at.stage.bought() == 1

    play(act)


def test_a_key_that_names_another_request_is_refused_and_its_video_is_not_taken(
    play: Callable[..., None],
) -> None:
    async def act(at: Play) -> None:
        other = Mimic(at.folder / "a.png", at.folder / "b.mp4", quality="720p")
        await at.client.submit(other, via=ACCOUNT, key=f"{BATCH}/1")
        await at.do(1)
        assert at.state() is ItemState.REFUSED
        assert "names another request" in at.error()
        assert at.stage.bought() == 1

    play(act)


def test_an_item_whose_file_is_not_on_this_machine_is_left_to_other_workers(
    play: Callable[..., None],
) -> None:
    async def act(at: Play) -> None:
        (at.folder / "b.mp4").unlink()
        at.items.shared = True
        await at.do(1)
        assert at.state() is ItemState.PLANNED
        assert "not readable on this machine" in at.error()
        assert at.items.rests(at.item(), ACCOUNT)
        at.items.shared = False
        at.items.resting.clear()
        await at.do(1)
        assert at.state() is ItemState.REFUSED

    play(act)


def test_the_job_of_a_lost_key_is_left_running_and_is_not_bought_anew(
    play: Callable[..., None],
) -> None:
    async def act(at: Play) -> None:
        await at.leave()
        monkeyed = at.client.account(ACCOUNT)
        monkeyed.fingerprint = "memory-another"
        await at.do(1)
        assert at.state() is ItemState.RUNNING
        assert "different API key" in at.error()
        assert at.items.rests(at.item(), ACCOUNT)
        assert at.stage.bought() == 1

    play(act)


def test_a_job_that_the_vendor_says_nothing_usable_of_is_uncertain_in_the_end(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(at: Play) -> None:
        def poll(self: Memory, job: Job) -> Status:
            status = Memory.poll(self, job)
            doubt = {State.SUCCEEDED: "404"}
            if status.state in doubt or status.state is State.UNKNOWN:
                at.stage.arrange(Situation.NOT_FOUND)
                return Memory.poll(self, job)
            return status

        monkeypatch.setattr(type(at.client.account(ACCOUNT)), "poll", poll)
        await at.do(1)
        assert at.state() is ItemState.UNCERTAIN
        assert at.stage.bought() == 1

    play(act)


def test_files_go_whole_to_a_url_and_are_not_fetched_twice(play: Callable[..., None]) -> None:
    pytest.importorskip("fsspec")
    from fsspec.implementations.memory import MemoryFileSystem

    async def act(at: Play) -> None:
        await at.do(1)
        assert at.state() is ItemState.DONE
        store = MemoryFileSystem()
        assert store.cat("/bucket/run/1.mp4") == samples.CLIP
        entry = at.client.jobs.list()[0]
        assert entry.delivered == "memory://bucket/run/1.mp4"
        assert at.batches.put(BATCH, 1, ItemState.RUNNING) is False
        at.batches._store.execute("UPDATE items SET state='running'", {})
        store.pipe("/bucket/run/1.mp4", b"kept")
        await at.do(1)
        assert store.cat("/bucket/run/1.mp4") == b"kept"

    play(act, out="memory://bucket/run")


def test_a_fault_of_ours_is_logged_and_is_no_end_of_the_item(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(at: Play) -> None:
        def broken(text: str) -> Any:
            raise ZeroDivisionError

        at.items.request_of = broken
        with caplog.at_level(logging.ERROR):
            await at.do(1)
        assert at.state() is ItemState.PLANNED
        assert at.items.rests(at.item(), ACCOUNT)
        assert "cannot be done here" in caplog.text

    play(act)


def test_the_same_item_is_not_done_twice_at_once_in_one_process(
    play: Callable[..., None],
) -> None:
    async def act(at: Play) -> None:
        first = asyncio.create_task(at.do(1))
        await asyncio.sleep(0)
        await at.do(1)  # at once
        assert not first.done()
        await first
        assert at.stage.bought() == 1

    play(act)
