"""A route over three vendors: a refusal at fal goes on to the next, doubt about a submit stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import motionkit as mk
from motionkit import config
from motionkit.client.client import Client
from motionkit.errors import SubmitUncertain
from motionkit.sandbox import Sandbox
from motionkit.testing.stage import JOB_SECONDS, Time, sample_request

ROUTE = """
[routes.all]
targets = ["fal", "fal/fal-ai/wan-motion", "pixverse", "segmind/pixverse-mimic"]
fall_back_on = ["unavailable", "busy", "rate_limited", "credits", "authentication", "permission"]
[routes.cheap]
targets = ["pixverse", "segmind/pixverse-mimic", "fal"]
choose = "cheapest"
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(job_seconds=JOB_SECONDS) as made:
        yield made


def client_of(sandbox: Sandbox, folder: Path, extra: str = "") -> Client:
    text = f'journal = "{folder / "journal.db"}"\n'
    for name in ("fal", "pixverse", "segmind"):
        key = sandbox.accounts[name]["default"]
        text += f'[accounts.{name}]\napi_key = "{key}"\nbase_url = "{sandbox.url}"\n'
        text += extra if name == "fal" else ""
    (folder / "motionkit.toml").write_text(text + ROUTE)
    time = Time(sandbox.advance)
    found = config.load(folder / "motionkit.toml")
    return Client(found, sleep=time.sleep, clock=time)


def bought(sandbox: Sandbox) -> dict[str, tuple[int, int]]:
    """Return paid calls and jobs of each vendor that was asked."""
    vendors = sandbox.ledger()["vendors"]
    told = {name: of["accounts"]["default"] for name, of in vendors.items()}
    return {
        name: (one["submits"], len(one["jobs"])) for name, one in told.items() if one["submits"]
    }


REFUSED = (
    "refuse:submit:vendor=fal:status=401:times=0",
    "refuse:submit:vendor=fal:status=403:times=0",
    "refuse:submit:vendor=fal:status=403:message=User is locked. Reason: Exhausted balance:times=0",
    "refuse:submit:vendor=fal:status=429:times=0",
)


@pytest.mark.parametrize("fault", REFUSED)
def test_a_refusal_goes_on_to_the_next_vendor_with_one_charge_in_all(
    fault: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.fault(fault)
    with client_of(sandbox, tmp_path) as client:
        result = client.run(sample_request(quality=None), via="all")
    assert result.job.provider == "pixverse"
    jobs = {name: jobs for name, (_, jobs) in bought(sandbox).items()}
    assert jobs == {"fal": 0, "pixverse": 1}


@pytest.mark.parametrize("fault", ["http:upload:status=500", "http:balance:status=500"])
def test_trouble_before_the_submit_goes_on_without_a_paid_call(
    fault: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.fault(f"{fault}:vendor=fal:times=0")
    with client_of(sandbox, tmp_path) as client:
        result = client.run(sample_request(quality=None), via="all")
    assert result.job.provider == "pixverse"
    assert bought(sandbox) == {"pixverse": (1, 1)}


@pytest.mark.parametrize("jobs", [0, 1])
def test_a_lost_submit_never_leaves_its_vendor(jobs: int, sandbox: Sandbox, tmp_path: Path) -> None:
    lost = "accept_then_reset" if jobs else "reset"
    sandbox.fault(f"{lost}:submit:vendor=fal")
    with client_of(sandbox, tmp_path) as client:
        if jobs:
            assert client.run(sample_request(quality=None), via="all").job.provider == "fal"
        else:
            with pytest.raises(SubmitUncertain):
                client.run(sample_request(quality=None), via="all")
    assert bought(sandbox) == {"fal": (1, jobs)}


def test_with_the_history_off_a_lost_submit_is_uncertain_and_there_is_no_second_job(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.fault("accept_then_reset:submit:vendor=fal")
    with client_of(sandbox, tmp_path, "history = false\n") as client:
        for _ in range(2):
            with pytest.raises(SubmitUncertain):
                client.run(sample_request(quality=None), via="all", key="order-1")
    assert bought(sandbox) == {"fal": (1, 1)}


def test_the_cheapest_of_three_vendors_is_bought(sandbox: Sandbox, tmp_path: Path) -> None:
    with client_of(sandbox, tmp_path) as client:
        result: mk.Result = client.run(sample_request(quality=None), via="cheap")
    assert result.job.provider == "fal"
    assert bought(sandbox) == {"fal": (1, 1)}
