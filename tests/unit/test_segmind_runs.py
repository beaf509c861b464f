"""Segmind against the sandbox: new rows, unlisted models, prices seen, jobs that are forgotten."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest

import motionkit as mk
from motionkit.config import Account, Config, Defaults, Route
from motionkit.errors import Billed, BudgetExceeded, JobGone, JobNotFound, Unsupported
from motionkit.model.job import Job, State, utcnow
from motionkit.model.money import Basis
from motionkit.provider import Offer
from motionkit.provider.offers import parse_offers
from motionkit.sandbox import Sandbox
from motionkit.testing import samples
from motionkit.testing.stage import JOB_SECONDS, Time
from motionkit_segmind.adapter import Segmind, Settings

PROMPT = "The character performs the motion of the reference video."


ROW = """
[[offer]]
operation = "mimic"
model = "mock-inference"
path = "/v2/mock-inference"
source = "https://www.segmind.com/models/mock-inference/api"
fields = { seed = "sleep", quality = "prompt" }
fixed = { credits = 0.07 }
defaults = { quality = "good" }
allowed = { quality = ["good", "better"] }
media = { image = "image_url", video = "video_url" }
price = { like = "average", cells = [{ per = "run", amount = "0.07" }] }
"""
"""A model that nobody had listed; all it takes to sell it."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(job_seconds=JOB_SECONDS) as made:
        yield made


def client_of(
    sandbox: Sandbox, journal: Path | None, kind: type[Segmind] = Segmind, **settings: Any
) -> mk.Client:
    key = sandbox.environment["SEGMIND_API_KEY"]
    made = Settings(api_key=key, base_url=sandbox.url, **settings)
    config = Config(
        accounts={"segmind": Account("segmind", "segmind", made)},
        defaults=Defaults(),
        journal=journal,
    )
    time = Time(sandbox.advance)
    return mk.Client(config, provider_classes={"segmind": kind}, sleep=time.sleep, clock=time)


def local(**values: Any) -> mk.Mimic:
    return mk.Mimic(samples.PICTURE, samples.CLIP, **values)


def test_adding_a_model_is_adding_a_row(sandbox: Sandbox, tmp_path: Path) -> None:
    written = tmp_path / "offers.toml"
    written.write_text((files("motionkit_segmind") / "offers.toml").read_text("utf-8") + ROW)

    class Grown(Segmind):
        offers: ClassVar[tuple[Offer, ...]] = parse_offers(
            written.read_text("utf-8"), name=str(written)
        )

    with client_of(sandbox, tmp_path / "journal.db", Grown) as client:
        result = client.run(local(seed=1), via="segmind/mock-inference", max_usd="0.07")
        path = client.download(result, tmp_path / "out.mp4")
        entry = client.jobs.get(result.job.key)

    assert path.stat().st_size > 0
    assert result.cost is not None
    assert result.cost.usd == Decimal("0.07")
    assert entry.attempts[0].submission.quality == "good"
    body = entry.attempts[0].submission.call.json
    assert {name: body[name] for name in ("sleep", "prompt", "credits")} == {
        "sleep": 1,
        "prompt": "good",
        "credits": 0.07,
    }
    assert set(body) == {"sleep", "prompt", "credits", "image_url", "video_url"}


def test_an_unlisted_model_runs_when_confirmed_and_a_cap_refuses_its_unknown_price(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with client_of(sandbox, tmp_path / "journal.db") as client:
        with pytest.raises(Unsupported):
            client.submit(local(), via="segmind/mock-inference")
        with pytest.raises(BudgetExceeded) as caught:
            client.submit(
                local(allow_undocumented=True), via="segmind/mock-inference", max_usd="100"
            )
        assert "unknown" in caught.value.message
        extra = {"segmind": {"credits": 0.2}}
        request = local(extra=extra, allow_undocumented=True)
        result = client.run(request, via="segmind/mock-inference")
        assert result.cost is not None
        assert result.cost.usd == Decimal("0.2")


NO_CREDITS = [
    "http:submit:status=406:vendor=segmind",
    "html:submit:status=406:vendor=segmind",
    "refuse:submit:status=406:message=insufficient balance:vendor=segmind",
    "refuse:submit:status=406:message=Top up to continue:vendor=segmind",
]


@pytest.mark.parametrize("fault", NO_CREDITS)
def test_a_route_goes_on_where_the_credits_of_one_account_are_too_few(
    sandbox: Sandbox, tmp_path: Path, fault: str
) -> None:
    sandbox.add_account("segmind", "SG_second", label="second", balance="50")
    sandbox.fault(fault)
    keys = {"first": sandbox.environment["SEGMIND_API_KEY"], "second": "SG_second"}
    accounts = {
        name: Account(name, "segmind", Settings(api_key=key, base_url=sandbox.url))
        for name, key in keys.items()
    }
    route = Route(name="all", targets=tuple(keys))
    config = Config(
        accounts=accounts,
        defaults=Defaults(),
        routes={"all": route},
        journal=tmp_path / "journal.db",
    )
    time = Time(sandbox.advance)
    with mk.Client(
        config, provider_classes={"segmind": Segmind}, sleep=time.sleep, clock=time
    ) as client:
        result = client.run(local(), via="all")
    assert result.job.account == "second"


COSTS = ("0.25", "0.50", "1.00", "0.75", "0.30")
MEAN = Decimal("0.56")


@pytest.mark.parametrize(
    ("kept", "told"),
    [(True, (Basis.OBSERVED, 5, MEAN)), (False, (Basis.ESTIMATED, 0, Decimal("1.93")))],
    ids=["kept", "off"],
)
def test_five_jobs_make_an_observed_price_and_without_a_journal_it_stays_estimated(
    sandbox: Sandbox, tmp_path: Path, kept: bool, told: tuple[Basis, int, Decimal]
) -> None:
    journal = tmp_path / "journal.db" if kept else None
    for number, usd in enumerate(COSTS):
        sandbox.fault(f"cost:submit:usd={usd}")
        with client_of(sandbox, journal) as client:
            client.run(local(quality="540p"), via="segmind/scail", key=f"k{number}")
    with client_of(sandbox, journal) as client:
        (row,) = client.compare(local(quality="540p"), via="segmind/scail", balances=False)
    assert row.quote is not None
    assert (row.quote.basis, row.quote.n, row.quote.usd_likely) == told
    assert row.quality == "576p"


def test_compare_tells_what_is_delivered_and_what_is_lacking(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with client_of(sandbox, tmp_path / "journal.db") as client:
        rows = {
            row.target.partition("/")[2]: row
            for row in client.compare(local(quality="540p"), balances=False)
        }
    told = {name: (row.quality, row.delivers is not None, row.lacks) for name, row in rows.items()}
    assert told == {
        "pixverse-mimic": ("540p", True, ("prompt", "seed", "keep_audio", "orientation")),
        "kling-2.6-pro-motion-control": (None, False, ("quality", "seed")),
        "kling-2.6-standard-motion-control": (None, False, ("quality", "seed")),
        "wan-animate": ("540p", True, ("keep_audio", "orientation")),
        "scail": ("576p", True, ("keep_audio", "orientation")),
        "p-video-animate": (None, False, ("orientation",)),  # 720p and 1080p only
        "p-video-replace": ("540p", True, ("orientation",)),
    }
    assert isinstance(rows["kling-2.6-pro-motion-control"].problem, Unsupported)
    assert rows["kling-2.6-pro-motion-control"].problem.field == "quality"
    assert rows["scail"].defaults == {"prompt": PROMPT}
    assert rows["pixverse-mimic"].defaults == {}


# After the vendor has forgotten.


def aged(job: Job, minutes: float) -> Job:
    return attrs.evolve(job, submitted_at=utcnow() - dt.timedelta(minutes=minutes))


def expired(client: mk.Client, sandbox: Sandbox, model: str) -> Job:
    """Buy a job and let the vendor's hour pass."""
    job = client.submit(local(), via=f"segmind/{model}")
    sandbox.advance(3700)
    return aged(job, 62)


@pytest.mark.parametrize(("model", "usd"), [("pixverse-mimic", "0.25"), ("wan-animate", "1.57")])
def test_a_job_older_than_the_hour_is_found_in_the_history_with_its_cost_and_file(
    sandbox: Sandbox, tmp_path: Path, model: str, usd: str
) -> None:
    with client_of(sandbox, tmp_path / "journal.db") as client:
        job = expired(client, sandbox, model)
        result = client.wait(job, timeout=60)
        assert result.cost is not None
        assert result.cost.usd == Decimal(usd)
        assert client.download(result, tmp_path / "out.mp4").stat().st_size > 0


@pytest.mark.parametrize("history", [True, False])
def test_such_a_job_is_gone_only_where_the_history_does_not_know_it(
    sandbox: Sandbox, tmp_path: Path, history: bool
) -> None:
    with client_of(sandbox, tmp_path / "journal.db", history=history) as client:
        job = expired(client, sandbox, "wan-animate")
        sandbox.fault("refuse:history:status=404:times=0")
        with pytest.raises(JobGone if history else JobNotFound) as caught:
            client.wait(job, timeout=600)
        assert caught.value.billed is Billed.UNKNOWN
        assert client.jobs.get(job.key).state is (State.GONE if history else State.UNKNOWN)


def test_a_submit_while_the_clock_was_two_hours_behind_is_waited_for_all_the_same(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with client_of(sandbox, tmp_path / "journal.db") as client:
        job = aged(client.submit(local(), via="segmind/wan-animate"), 120)
        sandbox.fault("not_found:poll:times=2")
        sandbox.fault("refuse:history:status=404:times=0")
        result = client.wait(job, timeout=600)
        assert result.outputs
        assert client.jobs.get(job.key).state is State.SUCCEEDED


@pytest.mark.parametrize(("minutes", "warned"), [(40, 0), (45.1, 1)])
def test_a_wait_warns_once_when_three_quarters_of_the_hour_are_over(
    sandbox: Sandbox,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    minutes: float,
    warned: int,
) -> None:
    with client_of(sandbox, tmp_path / "journal.db") as client:
        job = client.submit(local(), via="segmind/scail")
        polls: list[State] = []
        client.wait(aged(job, minutes), timeout=600, watch=lambda _, seen: polls.append(seen.state))
    assert len(polls) > 2
    told = [
        record.message for record in caplog.records if "the vendor keeps jobs" in record.message
    ]
    assert len(told) == warned
    if warned:
        assert told[0] == (
            f"job {job.id} at segmind is 45 min old; the vendor keeps jobs for 60 min"
        )
