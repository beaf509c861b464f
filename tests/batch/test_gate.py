"""Items wait at a gate in their order, and no more are let in than slots are free."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

import attrs
import pytest
from patience import PATIENCE, eventually

from motionkit.batch import gate as gates
from motionkit.batch.gate import Gate, Slots
from motionkit.errors import Busy, JournalError, RateLimited


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "ASK_EVERY", 0.001)


@attrs.define
class Door:
    """A gate, the slots behind it, and a clock that a test moves."""

    slots: float = 2
    now: float = 1000.0
    taken: int = 0
    order: list[int] = attrs.field(factory=list)
    looked: int = 0
    failing: bool = False
    gate: Gate = attrs.field(init=False)

    @gate.default
    def _made(self) -> Gate:
        return Gate(self.counted, self.clock)

    def clock(self) -> float:
        self.looked += 1
        return self.now

    async def counted(self) -> Slots:
        if self.failing:
            raise JournalError("the journal is away")
        return Slots(self.taken, self.slots)

    async def submit(self, n: int, *, first: bool = False) -> None:
        async with self.gate.entered(first=first):
            self.order.append(n)
            self.taken += 1

    async def turns(self, count: int = 10) -> None:
        """Let the gate look whom to let in some times more."""
        until = self.looked + 2 * count
        await eventually(lambda: self.looked >= until)


def run(play: Callable[[Door], Awaitable[None]], **values: float) -> None:
    async def played() -> None:
        async with asyncio.timeout(PATIENCE):
            await play(Door(**values))  # type: ignore[arg-type]

    asyncio.run(played())


def test_items_are_let_in_in_their_order_as_slots_become_free() -> None:
    async def play(door: Door) -> None:
        tasks = [asyncio.create_task(door.submit(n)) for n in range(5)]
        await door.turns()
        assert door.order == [0, 1]
        for _ in range(3):
            door.taken -= 1
            door.gate.ended()
        await asyncio.gather(*tasks)
        assert door.order == [0, 1, 2, 3, 4]

    run(play)


def test_an_item_that_was_inside_goes_before_all_who_wait() -> None:
    async def play(door: Door) -> None:
        waiting = [asyncio.create_task(door.submit(n)) for n in range(3)]
        await door.turns()
        again = asyncio.create_task(door.submit(9, first=True))
        await door.turns()
        door.taken -= 2
        await asyncio.gather(*waiting, again)
        assert door.order == [0, 1, 9, 2]

    run(play)


def test_no_more_are_inside_than_there_are_threads_for_submits() -> None:
    async def play(door: Door) -> None:
        inside, done = 0, asyncio.Event()

        async def stay() -> None:
            nonlocal inside
            async with door.gate.entered():
                inside += 1
                await done.wait()

        tasks = [asyncio.create_task(stay()) for _ in range(50)]
        await eventually(lambda: inside == gates.MOST_AT_ONCE)
        await door.turns()
        assert inside == gates.MOST_AT_ONCE
        done.set()
        await asyncio.gather(*tasks)

    run(play, slots=float("inf"))


def test_after_a_refusal_nobody_comes_in_for_a_while_and_then_one_alone() -> None:
    async def play(door: Door) -> None:
        await door.gate.refused(Busy("full"))
        tasks = [asyncio.create_task(door.submit(n)) for n in range(4)]
        await door.turns()
        assert door.order == []
        door.now += 5.0
        await door.turns()
        assert door.order == [0, 1]  # one after the other: the second came when the first had left
        door.gate.taken()
        door.taken = 0
        door.slots = 10
        await asyncio.gather(*tasks)
        assert door.order == [0, 1, 2, 3]

    run(play)


def test_items_that_are_refused_together_count_as_one_refusal() -> None:
    async def play(door: Door) -> None:
        for _ in range(8):
            await door.gate.refused(Busy("full"))
        task = asyncio.create_task(door.submit(1))
        await door.turns()
        assert door.order == []
        door.now += 5.0
        await task

    run(play)


def test_a_vendor_that_names_a_time_is_asked_again_after_it() -> None:
    async def play(door: Door) -> None:
        await door.gate.refused(Busy("full", retry_after=30.0))
        task = asyncio.create_task(door.submit(1))
        for passed in (10.0, 19.0):
            door.now += passed
            await door.turns()
            assert door.order == []
        door.now += 2.0
        await task

    run(play)


def test_a_full_account_is_tried_now_and_then_so_that_its_running_jobs_are_polled() -> None:
    async def play(door: Door) -> None:
        tasks = [asyncio.create_task(door.submit(n)) for n in range(3)]
        await door.turns()
        assert door.order == [0]
        door.now += gates.PROBE_EVERY / 2
        await door.turns()
        assert door.order == [0]
        door.now += gates.PROBE_EVERY / 2
        await door.turns()
        assert door.order == [0, 1]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    run(play, slots=0)


def test_an_item_that_is_cancelled_while_it_waits_leaves_its_place_to_the_next() -> None:
    async def play(door: Door) -> None:
        tasks = [asyncio.create_task(door.submit(n)) for n in range(4)]
        await door.turns()
        tasks[2].cancel()
        await door.turns()
        door.taken -= 1
        await tasks[3]
        assert door.order == [0, 1, 3]

    run(play)


def test_a_journal_that_cannot_be_read_lets_nobody_in_and_ends_no_wait() -> None:
    async def play(door: Door) -> None:
        door.failing = True
        task = asyncio.create_task(door.submit(1))
        await door.turns()
        assert door.order == []
        door.failing = False
        await task

    run(play)


@attrs.define
class Vendor:
    """Takes so many jobs at once, which no configuration says."""

    door: Door
    capacity: int
    items: int
    refusals: int = 0
    tasks: list[asyncio.Task[None]] = attrs.field(factory=list)

    async def __aenter__(self) -> Self:
        self.tasks += [asyncio.create_task(self.submit()) for _ in range(self.items)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)

    @property
    def done(self) -> bool:
        return all(task.done() for task in self.tasks)

    async def submit(self) -> None:
        first = False
        while True:
            async with self.door.gate.entered(first=first):
                self.door.taken += 1  # the intention counts, too
                await asyncio.sleep(0)
                if self.door.taken <= self.capacity:
                    self.door.gate.taken()
                    return
                self.door.taken -= 1
                self.refusals += 1
                await self.door.gate.refused(Busy("full"))
            first = True

    async def pass_time(self, seconds: float) -> None:
        """Let time pass in steps in which everybody may act."""
        for _ in range(int(seconds / 5)):
            self.door.now += 5.0
            self.door.gate.ended()
            until = self.door.looked + 20
            await eventually(lambda: self.done or self.door.looked >= until)  # noqa: B023

    async def end_one(self) -> None:
        self.door.taken -= 1
        await self.pass_time(5.0)


def test_a_limit_that_is_not_configured_is_learnt_from_the_refusals() -> None:
    async def play(door: Door) -> None:
        async with Vendor(door, capacity=4, items=40) as vendor:
            await vendor.pass_time(25.0)
            assert door.taken == 4
            first = vendor.refusals
            assert first <= gates.MOST_AT_ONCE
            while not vendor.done:
                await vendor.pass_time(5.0)
                await vendor.end_one()
            assert vendor.refusals - first <= 5  # the trials of six minutes

    run(play, slots=float("inf"))


def test_a_vendor_that_takes_more_than_before_gets_more() -> None:
    async def play(door: Door) -> None:
        async with Vendor(door, capacity=2, items=20) as vendor:
            await vendor.pass_time(25.0)
            assert door.taken == 2
            vendor.capacity = 15
            await vendor.pass_time(gates.LONGEST_TRIAL)
            assert door.taken == 15

    run(play, slots=float("inf"))


def test_a_refusal_for_another_reason_teaches_no_limit() -> None:
    async def play(door: Door) -> None:
        await door.gate.refused(RateLimited("slower"))
        tasks = [asyncio.create_task(door.submit(n)) for n in range(3)]
        door.now += 5.0
        await asyncio.gather(*tasks)
        assert door.taken == 3

    run(play, slots=float("inf"))
