"""Every case of the matrix: whatever goes wrong, nothing is paid twice and no paid job is lost."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import perform
from ledger import Place
from matrix import CASES, Case
from matrix_machine import MACHINE_CASES
from matrix_sync import SYNC_CASES
from summary import Tally
from vendors import VENDORS

SAMPLED = 10
OTHERS = {name: Path(__file__).with_name(f"matrix_{name}.py") for name in VENDORS}
OF_OTHERS = [
    case
    for name, file in OTHERS.items()
    if file.exists()
    for case in importlib.import_module(file.stem).CASES
]
ALL = (*CASES, *SYNC_CASES, *MACHINE_CASES, *OF_OTHERS)
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


def test_every_vendor_has_cases_of_every_phase() -> None:
    for name in VENDORS:
        faults = [fault for case in ALL if case.provider == name for fault in case.faults]
        phases = {fault.split(":")[1] for fault in faults}
        assert {"submit", "poll", "download"} <= phases, name
        assert sum(not case.soak for case in ALL if case.provider == name) >= 100, name
