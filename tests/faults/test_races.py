"""Two programs meet over one key, one in the middle of the other's paid call."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from harness import Act, Play, known, playing
from ledger import Place, options_at
from matrix import Case, delivered
from vendors import VENDORS, on_both

from motionkit.client.client import Client
from motionkit.errors import Billed, MotionKitError, SubmitUncertain
from motionkit.model.job import Job, KeyState
from motionkit.model.submission import Submission
from motionkit.purchase import submit as submission
from motionkit.testing.stage import ACCOUNT

BEFORE, AFTER = "before the vendor has it", "after the vendor took it"
FIRST_ANSWERS = {
    "accepted": (),
    "lost": ("accept_then_reset:submit",),
    "never arrived": ("reset:submit",),
    "refused": ("{refusal}",),
}
RACES = on_both(lambda database, vendor: vendor.first)
LATE = on_both(lambda database, vendor: vendor.first or database == "sqlite")


@attrs.define
class Meeting:
    """The second program starts inside the first one's paid call.

    Attributes:
        play: The first program.
        other: The second one's client, on the same journal.
        moment: When it starts.
        second: What the second one came to.
    """

    play: Play
    other: Client
    moment: str
    second: Act | None = None

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Let the second program run inside the first one's paid call."""
        patch.setattr(submission, "PATIENCE", -1.0)  # the first one takes longer than anybody waits
        provider = self.play.client.account(ACCOUNT)
        real = provider.submit

        def submit(paid: Submission, attempt_id: str) -> Job:
            if self.moment == BEFORE:
                self._meet()
            try:
                return real(paid, attempt_id)
            finally:
                if self.moment == AFTER:
                    self._meet()

        patch.setattr(provider, "submit", submit)

    def _meet(self) -> None:
        if self.second is None:
            self.second = Act(None, None)
            self.second = attrs.evolve(self.play, client=self.other).run("second.mp4")


@contextlib.contextmanager
def meeting(
    provider: str, moment: str, faults: tuple[str, ...], folder: Path, journal: Place
) -> Iterator[Meeting]:
    case = Case(name="race", provider=provider, faults=faults, expected=delivered())
    with (
        playing(case, folder, journal) as play,
        pytest.MonkeyPatch.context() as patch,
        Client(**options_at(play.stage, folder, journal)) as other,
    ):
        made = Meeting(play, other, moment)
        made.install(patch)
        yield made


@pytest.mark.parametrize(("database", "provider"), RACES, indirect=["database"])
@pytest.mark.parametrize("moment", [BEFORE, AFTER])
@pytest.mark.parametrize("answer", FIRST_ANSWERS)
def test_a_key_that_two_programs_buy_at_once_has_one_job_and_one_truth(
    provider: str, moment: str, answer: str, tmp_path: Path, database: Place
) -> None:
    vendor = VENDORS[provider]
    faults = tuple(fault.format(refusal=vendor.busy) for fault in FIRST_ANSWERS[answer])
    with meeting(provider, moment, faults, tmp_path, database) as met:
        first = met.play.run("first.mp4")
        assert met.second is not None
        jobs, entry = met.play.jobs(), met.play.entry()
        assert entry is not None
        assert len(jobs) <= 1
        assert all(known(job, entry) for job in jobs)
        assert len(set(met.play.wire.paid)) == 1, "one attempt id, whoever sends it"
        if not vendor.resends:
            assert len(met.play.wire.paid) == 1
        for act in (first, met.second):
            _check(act.error, bought=bool(jobs))
        if entry.job is not None:
            assert not entry.ambiguous
            assert not isinstance(entry.state, KeyState)
        elif jobs:
            assert entry.state is KeyState.UNCERTAIN


def _check(error: MotionKitError | None, *, bought: bool) -> None:
    """A program may be told that nobody can tell; never that nothing was bought if it was."""
    if error is not None and bought:
        assert error.billed is not Billed.NO, f"{type(error).__name__}: {error}"
    if error is not None and error.billed is not Billed.NO:
        assert isinstance(error, SubmitUncertain) or error.job is not None


@pytest.mark.parametrize(("database", "provider"), LATE, indirect=["database"])
def test_a_job_that_is_known_is_not_made_uncertain_by_a_program_that_came_too_late(
    provider: str, tmp_path: Path, database: Place
) -> None:
    with meeting(provider, AFTER, (), tmp_path, database) as met:
        first = met.play.run("first.mp4")
        entry = met.play.entry()
        assert first.error is None
        assert entry is not None
        assert entry.delivered is not None
        assert not entry.ambiguous
