"""The journal's money equals the vendors' own books, job by job, however the jobs end."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path

import attrs
import pytest

from motionkit import config, submission
from motionkit.client import Client
from motionkit.errors import Billed, JobFailed, MotionKitError
from motionkit.ledger import Entry
from motionkit.model import KeyState, State
from motionkit.money import CostBasis
from motionkit.sandbox import Sandbox
from motionkit.sandbox.app import AppFactory, installed_apps
from motionkit.testing.stage import JOB_SECONDS, Time, sample_request

QUICK, LONG = 40, 200
"""Purchases at each vendor, in one run."""


@attrs.frozen
class Case:
    """How one purchase goes.

    Attributes:
        ends: The state that the journal ends in.
        faults: What the vendor is brought to.
        via: A route; the vendor's account itself when None.
        costs: What the cost in the journal rests on; None where there is no job, or where the
            vendor forgot it: then the amount is unknown and what was reserved covers it.
    """

    ends: State | KeyState
    faults: Sequence[str] = ()
    via: str | None = None
    costs: CostBasis | None = CostBasis.REPORTED


LOST = "reset:submit:times=0"
ACCEPTED = "accept_then_reset:submit"
CASES: dict[str, dict[str, Case]] = {
    "pixverse": {
        "delivered": Case(State.SUCCEEDED),
        "failed": Case(State.FAILED, ["fail:submit"]),
        "blocked": Case(State.BLOCKED, ["moderate:submit"], costs=CostBasis.REFUNDED),
        "gone": Case(State.GONE, ["expire:poll"]),
        "refused": Case(KeyState.REFUSED, ["refuse:submit:code=500090"], costs=None),
        "adopted": Case(State.SUCCEEDED, [ACCEPTED]),
        "adopted and failed": Case(State.FAILED, [ACCEPTED, "fail:submit"]),
        "adopted and blocked": Case(
            State.BLOCKED, [ACCEPTED, "moderate:submit"], costs=CostBasis.REFUNDED
        ),
        "never confirmed": Case(KeyState.UNCERTAIN, [LOST], costs=None),
        "paid again": Case(State.FAILED, ["fail:submit"], "again-pixverse"),
    },
    "segmind": {
        "delivered": Case(State.SUCCEEDED),
        "dearer than quoted": Case(State.SUCCEEDED, ["cost:submit:usd=3.07"]),
        "cheaper than quoted": Case(State.SUCCEEDED, ["cost:submit:usd=0.03"]),
        "failed": Case(State.FAILED, ["fail:submit"], costs=CostBasis.REFUNDED),
        "blocked": Case(State.BLOCKED, ["moderate:submit"], costs=CostBasis.REFUNDED),
        "gone": Case(State.UNKNOWN, ["expire:poll:times=0"], costs=None),
        "found in the history": Case(State.SUCCEEDED, ["not_found:poll"]),
        "refused": Case(KeyState.REFUSED, ["refuse:submit:status=403"], costs=None),
        "adopted": Case(State.SUCCEEDED, [ACCEPTED]),
        "adopted and failed": Case(
            State.FAILED, [ACCEPTED, "fail:submit"], costs=CostBasis.REFUNDED
        ),
        "never confirmed": Case(KeyState.UNCERTAIN, [LOST], costs=None),
        "paid again": Case(
            State.FAILED, ["fail:submit"], "again-segmind", costs=CostBasis.REFUNDED
        ),
    },
}


def keeping_failed() -> list[AppFactory]:
    """Return the vendors, of which PixVerse gives nothing back for a job of status 8."""
    return [
        partial(app, refund_failed=False) if "pixverse" in app.__module__ else app  # type: ignore[call-arg]
        for app in installed_apps()
    ]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(job_seconds=JOB_SECONDS, apps=keeping_failed()) as made:
        yield made


@pytest.fixture
def client(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    lines = [f'journal = "{tmp_path / "journal.db"}"']
    for vendor in CASES:
        sandbox.add_account(vendor, f"rich-{vendor}-key", label="rich", balance="100000")
        lines += [f"[accounts.{vendor}]", f'api_key = "rich-{vendor}-key"']
        lines += [f'base_url = "{sandbox.url}"']
        lines += [f"[routes.again-{vendor}]", f'targets = ["{vendor}"]', "paid_retries = 1"]
    path = tmp_path / "motionkit.toml"
    path.write_text("\n".join(lines))
    path.chmod(0o600)
    monkeypatch.setattr(submission, "RESEND_PAUSE", 0.0)
    monkeypatch.setattr(submission, "resend_at", lambda *_: 0.0)
    time = Time(sandbox.advance)
    with Client(config.load(path), sleep=time.sleep, clock=time) as made:
        yield made


def books(sandbox: Sandbox, vendor: str) -> dict[str, Decimal]:
    """Return what the vendor kept for each job."""
    account = sandbox.ledger()["vendors"][vendor]["accounts"]["rich"]
    kept = {job["id"]: Decimal(job["charge"]) - Decimal(job["refund"]) for job in account["jobs"]}
    assert sum(kept.values()) == Decimal(account["charged"]) - Decimal(account["refunded"])
    return kept


def bought(sandbox: Sandbox, client: Client, vendor: str, count: int) -> list[tuple[Case, Entry]]:
    """Make purchases of every case in turn; return the entries, paid retries among them."""
    cases = itertools.islice(itertools.cycle(CASES[vendor].items()), count)
    made = []
    for number, (name, case) in enumerate(cases):
        for fault in case.faults:
            sandbox.fault(f"{fault}:vendor={vendor}")
        key = f"{number:03d} {name}"
        request = sample_request(quality=("360p", "540p", "720p")[number % 3])
        with contextlib.suppress(MotionKitError):  # its state is compared afterwards
            client.run(request, via=case.via or vendor, key=key)
        sandbox.clear_faults()
        client.reset_circuits(vendor)
        made.append((case, client._journal.entry(key)))
        made += [(CASES[vendor]["delivered"], entry) for entry in client._journal.retries(key)]
    return made


@pytest.mark.parametrize("count", [QUICK, pytest.param(LONG, marks=pytest.mark.soak)])
@pytest.mark.parametrize("vendor", CASES)
def test_the_journals_money_is_the_vendors_to_the_cent(
    sandbox: Sandbox, client: Client, vendor: str, count: int
) -> None:
    entries = bought(sandbox, client, vendor, count)
    kept = books(sandbox, vendor)
    for case, entry in entries:
        told = None if entry.cost is None else entry.cost.basis
        assert (entry.state, told) == (case.ends, case.costs), entry.key
        if entry.job is not None and entry.cost is None:
            assert entry.quote is not None
            assert kept.pop(entry.job.id) <= entry.quote.usd_high, entry.key
        elif entry.job is not None:
            assert entry.cost is not None
            assert entry.cost.amount == kept.pop(entry.job.id), entry.key
    assert kept == {}, "every job that the vendor made is a purchase here"


def test_what_pixverse_gives_back_for_a_failed_job_counts_as_charged(tmp_path: Path) -> None:
    """No page says that it does, and its answer does not: the journal tells what was reported."""
    with Sandbox(job_seconds=JOB_SECONDS) as sandbox:
        sandbox.fault("fail:submit:vendor=pixverse")
        path = tmp_path / "motionkit.toml"
        path.write_text(
            f'journal = "{tmp_path / "journal.db"}"\n[accounts.pixverse]\n'
            f'api_key = "{sandbox.accounts["pixverse"]["default"]}"\nbase_url = "{sandbox.url}"\n'
        )
        time = Time(sandbox.advance)
        with Client(config.load(path), sleep=time.sleep, clock=time) as client:
            with pytest.raises(JobFailed) as caught:
                client.run(sample_request(), via="pixverse", key="k")
            entry = client.jobs.get("k")
        (job,) = sandbox.ledger()["vendors"]["pixverse"]["accounts"]["default"]["jobs"]
    assert caught.value.billed is Billed.UNKNOWN
    assert entry.cost is not None
    assert (entry.cost.amount, entry.cost.basis) == (Decimal(job["charge"]), CostBasis.REPORTED)
    assert job["refund"] == job["charge"]
