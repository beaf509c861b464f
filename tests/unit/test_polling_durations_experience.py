"""What finished purchases tell is told at once, and each is read once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from support import NOON, job, submission

from motionkit.journal.entries import NewPurchase
from motionkit.journal.journal import Journal
from motionkit.model.job import State, Status
from motionkit.purchase.compare import Experience


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.db") as opened:
        yield opened


def begun(journal: Journal, key: str) -> None:
    wanted = NewPurchase(key=key, request=key, via="shop", description={})
    attempt = journal.sending(journal.intend(wanted, f"a-{key}", submission(), "f" * 16))
    journal.accepted(attempt, job(key, key=key))


def ended(journal: Journal, key: str, state: State = State.SUCCEEDED) -> None:
    journal.observed(job(key, key=key), Status(state, "w", NOON))


def counted(experience: Experience) -> int:
    return sum(one.durations.n for one in experience.past().values() if one.durations)


def test_a_purchase_counts_when_it_has_ended_well(journal: Journal) -> None:
    experience = Experience(journal)
    assert counted(experience) == 0
    begun(journal, "k1")
    begun(journal, "k2")
    assert counted(experience) == 0
    ended(journal, "k1")
    assert counted(experience) == 1
    ended(journal, "k2", State.FAILED)
    assert counted(experience) == 1


def test_what_another_process_has_seen_end_counts(journal: Journal, tmp_path: Path) -> None:
    experience = Experience(journal)
    begun(journal, "k1")
    assert counted(experience) == 0
    with Journal(tmp_path / "journal.db") as other:
        ended(other, "k1")
    assert counted(experience) == 1


def test_only_the_newest_count(journal: Journal) -> None:
    for key in ("k1", "k2", "k3"):
        begun(journal, key)
        ended(journal, key)
    assert counted(Experience(journal, limit=2)) == 2


def test_each_purchase_is_read_once(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = Journal.readable
    monkeypatch.setattr(Journal, "readable", lambda *of: (read.extend(of[1]), real(*of))[1])
    experience = Experience(journal)
    for key in ("k1", "k2"):
        begun(journal, key)
        ended(journal, key)
        assert counted(experience) == counted(experience)
    begun(journal, "k3")
    assert counted(experience) == 2
    assert read == ["k1", "k2"]


def test_a_new_job_under_way_changes_nothing(journal: Journal) -> None:
    begun(journal, "k1")
    ended(journal, "k1")
    experience = Experience(journal)
    before = experience.past()
    begun(journal, "k2")
    assert experience.past() is before
    assert attrs.asdict(next(iter(before.values())).offer)["model"] == "m1"
