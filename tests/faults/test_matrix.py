"""Every case of the matrix: whatever goes wrong, nothing is paid twice and no paid job is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import perform
from matrix import CASES, Case
from matrix_machine import MACHINE_CASES
from matrix_sync import SYNC_CASES
from summary import Tally

ALL = (*CASES, *SYNC_CASES, *MACHINE_CASES)


def _parameter(case: Case) -> object:
    marks = [pytest.mark.soak] if case.soak else []
    return pytest.param(case, id=case.name, marks=marks)


@pytest.mark.parametrize("case", [_parameter(case) for case in ALL])
def test_it_is_paid_at_most_once_and_never_lost(case: Case, tmp_path: Path, tally: Tally) -> None:
    perform(case, tmp_path, tally)


def test_the_default_run_has_enough_cases() -> None:
    assert sum(not case.soak for case in CASES) >= 150
