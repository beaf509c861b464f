"""Every case of the matrix: whatever goes wrong, nothing is paid twice and no paid job is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import perform
from ledger import Place
from matrix import CASES, Case
from matrix_fal import FAL_CASES
from matrix_machine import MACHINE_CASES
from matrix_sync import SYNC_CASES
from summary import Tally

SAMPLED = 10
ALL = (*CASES, *SYNC_CASES, *MACHINE_CASES, *FAL_CASES)


QUICK = [case for case in ALL if not case.soak]
SAMPLE = {case.name for case in QUICK[::SAMPLED]} | {case.name for case in QUICK if case.journal}
"""Cases that a default run plays on PostgreSQL too: one in `SAMPLED`, and all of the journal."""


def _parameters() -> Iterator[object]:
    for database in ("sqlite", "postgresql"):
        for case in ALL:
            soak = case.soak or (database == "postgresql" and case.name not in SAMPLE)
            marks = [pytest.mark.soak] if soak else []
            yield pytest.param(database, case, id=f"{case.name}-{database}", marks=marks)


@pytest.mark.parametrize(("database", "case"), list(_parameters()), indirect=["database"])
def test_it_is_paid_at_most_once_and_never_lost(
    case: Case, database: Place, tmp_path: Path, tally: Tally
) -> None:
    perform(case, tmp_path, database, tally)


def test_the_default_run_has_enough_cases() -> None:
    assert sum(not case.soak for case in CASES) >= 150
