"""Killed at any event of its life, a program loses no paid job and buys none twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from harness import KEY, find_entry, known
from ledger import Place
from matrix import PIXVERSE
from nursery import Nursery, nursery
from summary import Killed
from vendors import VENDORS, on_both

from motionkit.journal.databases import located
from motionkit.journal.journal import Journal
from motionkit.model.job import KeyState
from motionkit.sandbox import Sandbox

NewJournal = Callable[[Path], AbstractContextManager[Place]]
STRIDE = 20
"""A default run tries every twentieth event, and all around the paid call."""
SECONDS = 2.0
SOME = on_both(lambda database, vendor: vendor.daily or database == "sqlite")
FEW = on_both(lambda database, vendor: vendor.daily)


def sandbox_of(provider: str) -> Sandbox:
    """Return a sandbox of one vendor."""
    return Sandbox(apps=[VENDORS[provider].sandbox], job_seconds=SECONDS)


@pytest.fixture(scope="module")
def family() -> Iterator[Nursery]:
    with nursery() as made:
        yield made


@attrs.define
class Life:
    """One purchase at a vendor of its own, told by the processes that cared for it."""

    family: Nursery
    sandbox: Sandbox
    provider: str
    folder: Path
    journal: Place

    def run(self, do: str, limit: int = 0) -> Mapping[str, Any]:
        """Let a fresh process do something, and kill it at an event."""
        prefix = self.provider.upper()
        return self.family.run(
            do=do,
            limit=limit,
            **VENDORS[self.provider].command(),
            api_key=self.sandbox.environment[f"{prefix}_API_KEY"],
            url=self.sandbox.environment[f"{prefix}_BASE_URL"],
            folder=self.folder,
            journal=self.journal,
            state=self.folder / "state",
            key=KEY,
            out=self.folder / "out.mp4",
        )

    def judge(self, counted: Killed, last: Mapping[str, Any]) -> str:
        """Compare ledger and journal when nothing more is to be done; return how it ended."""
        self.sandbox.advance(2 * SECONDS)
        account = self.sandbox.ledger()["vendors"][self.provider]["accounts"]["default"]
        jobs, entry = account["jobs"], find_entry(self.journal, KEY)
        counted.doubled += max(0, len(jobs) - 1)
        counted.lost += sum(not known(job, entry) for job in jobs)
        assert len(jobs) <= 1, "bought twice"
        assert all(known(job, entry) for job in jobs), "a paid job is lost"
        assert entry is not None
        assert all(a.state == KeyState.REFUSED.value for a in entry.attempts[:-1])
        if not VENDORS[self.provider].resends:
            assert account["submits"] <= 1, "without deduplication nothing is sent twice"
        outcome = last["outcome"]
        if "job" in outcome:
            assert [job["id"] for job in jobs] == [outcome["job"]]
            assert entry.delivered is not None
            assert Path(entry.delivered).read_bytes()[4:8] == b"ftyp"
            return "delivered"
        assert outcome["error"] == "SubmitUncertain", outcome
        assert entry.state is KeyState.UNCERTAIN
        return "uncertain"


def _measured(
    family: Nursery, provider: str, folder: Path, new_journal: NewJournal
) -> Sequence[str]:
    folder.mkdir()
    with sandbox_of(provider) as sandbox, new_journal(folder) as journal:
        told = Life(family, sandbox, provider, folder, journal).run("buy")
    assert "job" in told["outcome"], told
    labels: Sequence[str] = told["labels"]
    return labels


def _chosen(labels: Sequence[str], provider: str, *, every: bool) -> list[int]:
    """Return the events to be killed at, counted from 1."""
    numbers = range(1, len(labels) + 1)
    if every:
        return list(numbers)
    paid = [n for n in numbers if VENDORS[provider].paid_path in labels[n - 1]]
    first = max(n for n in numbers if n < paid[0] and "INSERT INTO purchases" in labels[n - 1])
    around = range(first - 4, paid[-1] + 6)
    return [n for n in numbers if n % STRIDE == 0 or n in around]


def _least(labels: Sequence[str]) -> int:
    """Return the events that every run has: the network cuts answers as it likes."""
    return len(labels) - max(6, len(labels) // 10)


def _kill_at_events(
    family: Nursery,
    provider: str,
    folder: Path,
    new_journal: NewJournal,
    counted: Killed,
    *,
    every: bool,
) -> None:
    labels = _measured(family, provider, folder / "measured", new_journal)
    counted.events[provider] = len(labels)
    for number in _chosen(labels, provider, every=every):
        here = folder / str(number)
        here.mkdir()
        with sandbox_of(provider) as sandbox, new_journal(here) as journal:
            life = Life(family, sandbox, provider, here, journal)
            first = life.run("buy", limit=number)
            assert first["killed"] or number > _least(labels), f"event {number} did not happen"
            life.run("resume")
            ended = life.judge(counted, life.run("buy"))
            counted.tried += 1
            counted.ended[ended] = counted.ended.get(ended, 0) + 1
            if VENDORS[provider].resends:
                assert ended == "delivered", f"{first.get('killed at')}: it deduplicates"
            else:
                _check_doubt(provider, ended, first)


def _check_doubt(provider: str, ended: str, first: Mapping[str, Any]) -> None:
    """Only the paid call itself may leave a doubt."""
    if ended == "uncertain":
        label = str(first["killed at"])
        assert VENDORS[provider].paid_path in label or "journal" in label or "connect" in label, (
            label
        )


def test_every_write_of_a_purchase_is_an_event_on_both_databases(
    family: Nursery, tmp_path: Path, new_journal: NewJournal
) -> None:
    """Otherwise the kills below would miss the moments that matter."""
    places: list[Place] = []

    @contextmanager
    def noted(folder: Path) -> Iterator[Place]:
        with new_journal(folder) as place:
            places.append(place)
            yield place

    labels = _measured(family, PIXVERSE, tmp_path / "measured", noted)
    first = labels.index("before journal INSERT INTO purchases")
    paid = next(n for n, label in enumerate(labels) if VENDORS[PIXVERSE].paid_path in label)
    ahead, behind = labels[first:paid], labels[paid:]
    for part, writes in (
        (ahead, ("INSERT INTO purchases", "INSERT INTO attempts", "UPDATE attempts SET")),
        (behind, ("UPDATE attempts SET", "UPDATE purchases SET")),
    ):
        for write in (*writes, "COMMIT"):
            assert f"before journal {write}" in part
            assert f"after journal {write}" in part
        # A statement of a pipeline has returned before the server has it.
        assert ("answered journal COMMIT" in part) is isinstance(places[0], str)
    commits = [label for label in labels if label.startswith("after journal COMMIT")]
    begins = [label for label in labels if label.startswith("after journal BEGIN")]
    assert len(commits) == len(begins)


@pytest.mark.parametrize(("new_journal", "provider"), SOME, indirect=["new_journal"])
def test_killed_at_some_events_and_at_all_around_the_paid_call(
    provider: str, family: Nursery, tmp_path: Path, new_journal: NewJournal, killed: Killed
) -> None:
    _kill_at_events(family, provider, tmp_path, new_journal, killed, every=False)


@pytest.mark.soak
@pytest.mark.parametrize("provider", VENDORS)
def test_killed_at_every_event(
    provider: str, family: Nursery, tmp_path: Path, new_journal: NewJournal, killed: Killed
) -> None:
    _kill_at_events(family, provider, tmp_path, new_journal, killed, every=True)


@pytest.mark.parametrize(("new_journal", "provider"), FEW, indirect=["new_journal"])
@pytest.mark.parametrize("stride", [9, pytest.param(1, marks=pytest.mark.soak)])
def test_killed_after_the_paid_call_left_and_killed_again_while_resuming(
    *,
    provider: str,
    stride: int,
    family: Nursery,
    tmp_path: Path,
    new_journal: NewJournal,
    killed: Killed,
) -> None:
    labels = _measured(family, provider, tmp_path / "measured", new_journal)
    sent = max(
        n
        for n, label in enumerate(labels, 1)
        if f"after send POST {VENDORS[provider].paid_path}" in label
    )
    number = 0
    died = True
    while died:
        number += stride
        here = tmp_path / str(number)
        here.mkdir()
        with sandbox_of(provider) as sandbox, new_journal(here) as journal:
            life = Life(family, sandbox, provider, here, journal)
            assert life.run("buy", limit=sent)["killed"]
            died = bool(life.run("resume", limit=number)["killed"])
            life.run("resume")
            ended = life.judge(killed, life.run("buy"))
            killed.tried += 1
            killed.ended[ended] = killed.ended.get(ended, 0) + 1
            vendor = VENDORS[provider]
            found = vendor.resends or vendor.history
            assert ended == ("delivered" if found else "uncertain")
    assert number > stride, "resuming has events"


TAKES = 3
"""Purchases of one call, be they takes or the cells of a shootout."""
STRIDES = {"takes": 60, "shootout": 180}
"""A default run of them tries so few events, and some around each paid call."""


def _around(labels: Sequence[str], provider: str, do: str, *, every: bool) -> list[int]:
    """Return the events to be killed at, counted from 1: between and in the paid calls."""
    numbers = range(1, len(labels) + 1)
    if every:
        return list(numbers)
    paid = [n for n in numbers if f"send POST {VENDORS[provider].paid_path}" in labels[n - 1]]
    assert len(paid) % TAKES == 0, "before and after each part of each call"
    each = len(paid) // TAKES
    wanted = {n for n in numbers if n % STRIDES[do] == 0}
    wanted |= {paid[0] - 1, paid[each - 1], paid[each - 1] + 8}  # in the first, and after it
    wanted |= {paid[each] - 3, paid[2 * each - 1] + 2, paid[-1] + 2}
    return sorted(wanted & set(numbers))


@pytest.mark.parametrize(("new_journal", "provider"), FEW, indirect=["new_journal"])
@pytest.mark.parametrize("do", ["takes", "shootout"])
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_killed_in_the_middle_of_several_purchases_and_run_again_each_is_charged_once(
    *,
    provider: str,
    do: str,
    every: bool,
    family: Nursery,
    tmp_path: Path,
    new_journal: NewJournal,
) -> None:
    (tmp_path / "measured").mkdir()
    with (
        sandbox_of(provider) as sandbox,
        new_journal(tmp_path / "measured") as journal,
    ):
        life = Life(family, sandbox, provider, tmp_path / "measured", journal)
        labels: Sequence[str] = life.run(do)["labels"]
    for number in _around(labels, provider, do, every=every):
        here = tmp_path / str(number)
        here.mkdir()
        with sandbox_of(provider) as sandbox, new_journal(here) as journal:
            life = Life(family, sandbox, provider, here, journal)
            first = life.run(do, limit=number)
            assert first["killed"] or number > _least(labels), f"event {number} did not happen"
            last = life.run(do)["outcome"]
            _judge_several(life, do, last, f"{number}: {first.get('killed at')}")


def _judge_several(life: Life, do: str, last: Mapping[str, Any], about: str) -> None:
    """Compare the vendor's ledger with what the second run says of each purchase."""
    life.sandbox.advance(2 * SECONDS)
    account = life.sandbox.ledger()["vendors"][life.provider]["accounts"]["default"]
    jobs = {job["id"] for job in account["jobs"]}
    assert sorted(last) == ["1", "2", "3"], (about, last)
    doubtful = [one for one in last.values() if "job" not in one]
    named = {one["job"] for one in last.values() if "job" in one}
    assert {one["error"] for one in doubtful} <= {"SubmitUncertain"}, (about, last)
    if VENDORS[life.provider].resends:
        assert not doubtful, f"{about}: it deduplicates"
    assert named <= jobs, about
    assert len(named) == TAKES - len(doubtful), f"{about}: two of them are one job"
    # A doubtful one may have been charged once, and is not bought again.
    assert len(jobs) - len(named) <= len(doubtful), f"{about}: bought twice"
    assert account["submits"] <= TAKES + VENDORS[life.provider].resends, about
    with Journal(located(life.journal)) as opened:
        entries = opened.entries()
    takes = [1, 2, 3] if do == "takes" else [None] * TAKES
    assert len({one.family for one in entries}) == 1, about
    assert [one.take for one in entries] == takes, about
    assert len({one.labels.get("shootout") for one in entries}) == 1, about
