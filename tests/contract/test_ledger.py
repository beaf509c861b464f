"""The journal's money equals the vendors' own books, job by job, however the jobs end."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest

from motionkit import config
from motionkit.client.client import Client
from motionkit.errors import Billed, JobFailed, MotionKitError
from motionkit.journal.entries import PurchaseRecord
from motionkit.model.job import KeyState, State
from motionkit.model.money import CostBasis
from motionkit.purchase import submit
from motionkit.sandbox import Sandbox
from motionkit.sandbox.app import installed_apps
from motionkit.testing.stage import JOB_SECONDS, Time, sample_request

QUICK, LONG = 40, 200
"""Purchases at each vendor, in one run."""


Buy = Callable[..., tuple[Client, Sandbox]]


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
        "failed": Case(State.FAILED, ["fail:submit"], costs=CostBasis.REFUNDED),
        "blocked": Case(State.BLOCKED, ["moderate:submit"], costs=CostBasis.REFUNDED),
        "gone": Case(State.GONE, ["expire:poll"]),
        "refused": Case(KeyState.REFUSED, ["refuse:submit:code=500090"], costs=None),
        "adopted": Case(State.SUCCEEDED, [ACCEPTED]),
        "adopted and failed": Case(
            State.FAILED, [ACCEPTED, "fail:submit"], costs=CostBasis.REFUNDED
        ),
        "adopted and blocked": Case(
            State.BLOCKED, [ACCEPTED, "moderate:submit"], costs=CostBasis.REFUNDED
        ),
        "never confirmed": Case(KeyState.UNCERTAIN, [LOST], costs=None),
        "paid again": Case(
            State.FAILED, ["fail:submit"], "again-pixverse", costs=CostBasis.REFUNDED
        ),
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


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(job_seconds=JOB_SECONDS) as made:
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
    monkeypatch.setattr(submit, "RESEND_PAUSE", 0.0)
    monkeypatch.setattr(submit, "resend_at", lambda *_: 0.0)
    time = Time(sandbox.advance)
    with Client(config.load(path), sleep=time.sleep, clock=time) as made:
        yield made


def books(sandbox: Sandbox, vendor: str) -> dict[str, Decimal]:
    """Return what the vendor kept for each job."""
    account = sandbox.ledger()["vendors"][vendor]["accounts"]["rich"]
    kept = {job["id"]: Decimal(job["charge"]) - Decimal(job["refund"]) for job in account["jobs"]}
    assert sum(kept.values()) == Decimal(account["charged"]) - Decimal(account["refunded"])
    return kept


def bought(
    sandbox: Sandbox, client: Client, vendor: str, count: int
) -> list[tuple[Case, PurchaseRecord]]:
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


@pytest.fixture
def failed(tmp_path: Path) -> Iterator[Buy]:
    """Buy a job at PixVerse that fails with status 8."""
    with contextlib.ExitStack() as stack:

        def buy(fault: str | None = None, **options: Any) -> tuple[Client, Sandbox]:
            apps = [
                partial(app, **options) for app in installed_apps() if "pixverse" in app.__module__
            ]
            sandbox = stack.enter_context(Sandbox(job_seconds=JOB_SECONDS, apps=apps))
            sandbox.fault("fail:submit")
            path = tmp_path / "motionkit.toml"
            path.write_text(
                f'journal = "{tmp_path / "journal.db"}"\n[accounts.pixverse]\n'
                f'api_key = "{sandbox.accounts["pixverse"]["default"]}"\n'
                f'base_url = "{sandbox.url}"\n'
            )
            time = Time(sandbox.advance)
            client = stack.enter_context(Client(config.load(path), sleep=time.sleep, clock=time))
            job = client.submit(sample_request(), via="pixverse", key="k")
            if fault:
                sandbox.fault(fault)
            with pytest.raises(JobFailed):
                client.wait(job)
            return client, sandbox

        yield buy


def test_a_failed_job_costs_nothing_where_the_statement_lists_its_refund(failed: Buy) -> None:
    client, _ = failed()
    cost = client.jobs.get("k").cost
    assert cost is not None
    assert (cost.amount, cost.basis) == (Decimal(0), CostBasis.REFUNDED)


@pytest.mark.parametrize(
    ("fault", "options"),
    [(None, {"refund_failed": False}), ("http:history:status=500:times=0", {})],
    ids=["not listed", "statement unreadable"],
)
def test_a_failed_job_costs_what_was_reported_until_a_refund_is_seen(
    failed: Buy, fault: str | None, options: Mapping[str, Any]
) -> None:
    client, sandbox = failed(fault, **options)
    (job,) = sandbox.ledger()["vendors"]["pixverse"]["accounts"]["default"]["jobs"]
    cost = client.jobs.get("k").cost
    assert cost is not None
    assert (cost.amount, cost.basis) == (Decimal(job["charge"]), CostBasis.REPORTED)


def test_a_refund_that_is_listed_late_reaches_the_journal(failed: Buy) -> None:
    client, sandbox = failed("http:history:status=500:times=0")
    sandbox.clear_faults()
    job = client.jobs.get("k").job
    assert job is not None
    assert client.poll(job).billed is Billed.NO
    cost = client.jobs.get("k").cost
    assert cost is not None
    assert cost.basis is CostBasis.REFUNDED
