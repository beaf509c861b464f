"""Routes end to end over the sandbox: swapped by a word, falling back without a second bill."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from three_accounts import SECOND_KEY, configured

import motionkit as mk
from motionkit import config
from motionkit.client.client import Client
from motionkit.errors import (
    AuthenticationError,
    BudgetExceeded,
    ConfigError,
    InvalidRequest,
    JobFailed,
    MotionKitError,
    NoTargetLeft,
    SubmitUncertain,
)
from motionkit.http import session
from motionkit.model import budget
from motionkit.model.media import Data, File
from motionkit.model.probe import Facts
from motionkit.provider import Stream, uploads
from motionkit.purchase import submit as submission
from motionkit.sandbox import Sandbox, sample_clip
from motionkit.testing import samples
from motionkit.testing.stage import JOB_SECONDS, Time, sample_request

FREE = ("upload", "balance")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(job_seconds=JOB_SECONDS) as made:
        made.add_account("pixverse", SECOND_KEY, label="second", balance="500")
        yield made


EVERY_CAUSE = (
    'fall_back_on = ["unavailable", "busy", "rate_limited", "credits", "authentication",'
    ' "permission"]\n'
)
BOTH = f"""
[routes.typical]
targets = ["pixverse", "segmind/pixverse-mimic"]
[routes.both]
targets = ["pixverse", "segmind/pixverse-mimic"]
{EVERY_CAUSE}"""


@pytest.fixture
def client(sandbox: Sandbox, tmp_path: Path) -> Iterator[Client]:
    with configured(sandbox, tmp_path, BOTH) as made:
        yield made


def bought(sandbox: Sandbox) -> dict[str, tuple[int, int, str]]:
    """Return paid calls, jobs and charges by the accounts' labels, those with any."""
    told = {
        f"{vendor}:{label}": (account["submits"], len(account["jobs"]), account["charged"])
        for vendor, of in sandbox.ledger()["vendors"].items()
        for label, account in of["accounts"].items()
    }
    return {name: numbers for name, numbers in told.items() if numbers[0]}


def the_script(client: Client, word: str, folder: Path) -> mk.Result:
    """Stand for a user's program: only the word comes from outside."""
    request = sample_request()
    result = client.run(request, via=word)
    client.download(result, folder / "out.mp4")
    return result


@pytest.mark.parametrize(
    ("word", "account"),
    [
        ("pixverse", "pixverse:default"),
        ("segmind/pixverse-mimic", "segmind:default"),
        ("team", "pixverse:second"),
        ("both", "pixverse:default"),
    ],
)
def test_one_script_runs_anywhere_by_changing_one_word(
    sandbox: Sandbox, client: Client, tmp_path: Path, word: str, account: str
) -> None:
    result = the_script(client, word, tmp_path)
    assert (tmp_path / "out.mp4").read_bytes()[4:8] == b"ftyp"
    assert [name for name, numbers in bought(sandbox).items() if numbers[1]] == [account]
    assert result.path[-1].partition("/")[0] in {"pixverse", "team", "segmind"}


def everywhere(fault: str, phases: tuple[str, ...]) -> list[str]:
    return [f"http:{phase}:vendor=pixverse:{fault}:times=0" for phase in phases]


OUTAGES = {
    "down": [f"reset:{phase}:vendor=pixverse:times=0" for phase in (*FREE, "submit")],
    "without credits": ["refuse:submit:vendor=pixverse:code=500090:times=0"],
    "at its limit": ["refuse:submit:vendor=pixverse:code=500044:times=0"],
    "with a bad key": [
        f"refuse:{phase}:vendor=pixverse:code=400012:times=0" for phase in (*FREE, "submit")
    ],
    "answering 503 to everything": everywhere("status=503", (*FREE, "submit", "poll")),
}


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_falls_back_to_the_other_vendor(
    sandbox: Sandbox, client: Client, outage: str
) -> None:
    for fault in OUTAGES[outage]:
        sandbox.fault(fault)
    result = client.run(sample_request(), via="both", key="k1")
    assert result.path == ("pixverse", "segmind/pixverse-mimic")
    numbers = bought(sandbox)
    assert numbers["segmind:default"][1] == 1
    assert sum(jobs for _, jobs, _ in numbers.values()) == 1
    decision = client.jobs.get("k1").decision
    assert ("pixverse", "failed") in {(row["target"], row["verdict"]) for row in decision}
    assert all(row["sentence"] for row in decision)


@pytest.mark.parametrize(
    "faults",
    [
        ["accept_then_hang:submit:vendor=pixverse:times=0"],
        [
            "accept_then_reset:submit:vendor=pixverse",
            "refuse:submit:vendor=pixverse:code=500044:times=0",
        ],
        ["reset:submit:vendor=pixverse:times=0"],
        ["accept_then_http:submit:vendor=pixverse:status=500:times=0"],
    ],
)
def test_what_may_have_been_bought_is_never_bought_elsewhere(
    sandbox: Sandbox, client: Client, monkeypatch: pytest.MonkeyPatch, faults: list[str]
) -> None:
    monkeypatch.setitem(session.Session.send.__kwdefaults__, "timeout", 0.5)
    monkeypatch.setattr(submission, "RESEND_PAUSE", 0.0)
    monkeypatch.setattr(submission, "resend_at", lambda *_: 0.0)
    for fault in faults:
        sandbox.fault(fault)
    try:
        job = client.submit(sample_request(), via="both", key="k1")
    except SubmitUncertain:
        assert client.jobs.get("k1").ambiguous
    else:
        assert job.account == "pixverse"
    assert "segmind:default" not in bought(sandbox)
    with pytest.raises((SubmitUncertain, MotionKitError)):
        client.run(sample_request(), via="both", key="k1", timeout=0)
    assert "segmind:default" not in bought(sandbox)


def test_a_failed_job_is_not_bought_again_unless_the_route_pays_for_it(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.fault("fail:submit:times=0")
    with configured(sandbox, tmp_path, BOTH) as client, pytest.raises(JobFailed):
        client.run(sample_request(), via="both")
    assert sum(jobs for _, jobs, _ in bought(sandbox).values()) == 1


def test_paid_retries_are_made_and_no_more(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.fault("fail:submit:times=0")
    routes = BOTH + "paid_retries = 1\n"
    with configured(sandbox, tmp_path, routes) as client, pytest.raises(JobFailed):
        client.run(sample_request(), via="both")
    assert sum(jobs for _, jobs, _ in bought(sandbox).values()) == 2


def test_a_paid_retry_may_succeed(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.fault("fail:submit:vendor=pixverse")
    with configured(sandbox, tmp_path, BOTH + "paid_retries = 1\n") as client:
        result = client.run(sample_request(), via="both")
    assert result.job.account == "segmind"
    assert sum(jobs for _, jobs, _ in bought(sandbox).values()) == 2


def test_every_target_that_was_tried_is_named_when_none_is_left(
    sandbox: Sandbox, client: Client
) -> None:
    for vendor, refusal in (("pixverse", "code=500090"), ("segmind", "status=403")):
        sandbox.fault(f"refuse:submit:vendor={vendor}:{refusal}:times=0")
    with pytest.raises(NoTargetLeft) as caught:
        client.run(sample_request(), via="both")
    assert [error.account for error in caught.value.attempts] == ["pixverse", "segmind"]
    assert caught.value.billed is mk.Billed.NO
    assert caught.value.decision


def test_what_a_route_says_after_a_colon_begins_small(client: Client) -> None:
    with pytest.raises(MotionKitError) as caught:
        client.run(mk.Modify(video=sample_request().video, prompt="snow", quality="9p"), via="both")
    told = caught.value.message
    assert told.startswith("route 'both': no target of the route can take this request. pixverse")


def test_a_hint_that_helps_at_every_target_is_the_routes_hint(
    client: Client, tmp_path: Path
) -> None:
    clip = tmp_path / "long.mp4"
    clip.write_bytes(sample_clip(40.0, height=64))
    with pytest.raises(InvalidRequest) as caught:
        client.run(attrs.evolve(sample_request(), video=clip), via="both")
    assert caught.value.hint == "fit=True makes a copy that fits"


def test_an_error_that_the_route_does_not_fall_back_on_keeps_its_class(
    sandbox: Sandbox, client: Client
) -> None:
    sandbox.fault("refuse:submit:vendor=pixverse:code=400017")
    with pytest.raises(InvalidRequest):
        client.run(sample_request(), via="both")
    assert "segmind:default" not in bought(sandbox)


@pytest.mark.parametrize("harm", ["vanishes", "becomes a folder", "changes"])
def test_a_clip_that_is_lost_before_its_upload_is_no_vendors_fault(
    harm: str, sandbox: Sandbox, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = tmp_path / "dance.mp4"
    clip.write_bytes(samples.CLIP)
    real, tries = uploads.multipart, list[str]()

    def lost(field: str, content: File | Data, facts: Facts) -> tuple[Stream, str]:
        if content == File(clip):
            tries.append(field)
            clip.unlink()
            if harm == "becomes a folder":
                clip.mkdir()
            elif harm == "changes":
                clip.write_bytes(bytes(facts.size or 0))
        return real(field, content, facts)

    monkeypatch.setattr("motionkit_pixverse.adapter.multipart", lost)
    request = mk.Mimic(image=samples.PICTURE, video=clip, quality="540p")
    with pytest.raises(InvalidRequest, match=r"dance\.mp4 ") as caught:
        client.submit(request, via="both", key="k")
    assert "nothing was submitted" in caught.value.message
    assert bought(sandbox) == {}
    assert client.circuits() == []
    assert len(tries) == 1  # nothing was tried again


def test_the_cheapest_is_chosen_by_what_is_likely(sandbox: Sandbox, tmp_path: Path) -> None:
    routes = '[routes.r]\ntargets = ["segmind", "pixverse"]\nchoose = "cheapest"\n'
    with configured(sandbox, tmp_path, routes) as client:
        assert client.run(sample_request(), via="r").path == ("pixverse",)


def test_a_cap_rules_out_what_may_cost_more(sandbox: Sandbox, tmp_path: Path) -> None:
    routes = '[routes.r]\ntargets = ["segmind", "pixverse"]\nmax_usd = "0.25"\n'
    with configured(sandbox, tmp_path, routes) as client:
        assert client.run(sample_request(), via="r").path == ("pixverse",)
        with pytest.raises(BudgetExceeded):
            client.run(sample_request(quality="720p"), via="r", max_usd="0.01")


def test_a_budget_is_spent_once(sandbox: Sandbox, tmp_path: Path) -> None:
    routes = '[routes.r]\ntargets = ["pixverse"]\nbudget_usd = { total = "0.45" }\n'
    with configured(sandbox, tmp_path, routes) as client:
        for number in range(2):
            client.run(sample_request(), via="r", key=f"k{number}")
        with pytest.raises(BudgetExceeded):
            client.run(sample_request(), via="r", key="k2")
    assert bought(sandbox) == {"pixverse:default": (2, 2, "40")}


def test_an_account_that_failed_is_left_alone_for_a_while(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("refuse:submit:vendor=pixverse:code=500090")
    client.run(sample_request(), via="both", key="k1")
    result = client.run(sample_request(), via="both", key="k2")
    assert result.path == ("segmind/pixverse-mimic",)
    reasons = {row["target"]: row["reason"] for row in client.jobs.get("k2").decision}
    assert reasons["pixverse"] == "cooling_down"
    assert bought(sandbox)["pixverse:default"][0] == 1


WRONG_KEY = [f"refuse:{phase}:vendor=pixverse:code=400012:times=0" for phase in (*FREE, "submit")]


def test_a_wrong_key_stops_a_route_and_is_told(sandbox: Sandbox, client: Client) -> None:
    for fault in WRONG_KEY:
        sandbox.fault(fault)
    for key in ("k1", "k2"):
        with pytest.raises(AuthenticationError) as caught:
            client.run(sample_request(), via="typical", key=key)
        assert caught.value.account == "pixverse"
    assert bought(sandbox) == {}


def rejected(sandbox: Sandbox, client: Client) -> None:
    """Open the circuit of the account pixverse for a wrong key, and correct the vendor."""
    for fault in WRONG_KEY:
        sandbox.fault(fault)
    client.run(sample_request(), via="both", key="k1")
    sandbox.clear_faults()
    (circuit,) = client.circuits()
    assert (circuit.account, circuit.cause, circuit.open) == ("pixverse", "authentication", True)
    assert circuit.reason
    assert circuit.until - circuit.since == dt.timedelta(seconds=300)


CLOSERS: dict[str, Callable[[Client], object]] = {
    "a balance": lambda client: client.balance("pixverse"),
    "a comparison": lambda client: client.compare(sample_request(), via="pixverse"),
    "a direct purchase": lambda client: client.submit(sample_request(), via="pixverse", key="k2"),
    "a reset": lambda client: client.reset_circuits("pixverse"),
}


@pytest.mark.parametrize("way", CLOSERS)
def test_a_success_by_any_way_closes_an_accounts_circuit(
    sandbox: Sandbox, client: Client, way: str
) -> None:
    rejected(sandbox, client)
    CLOSERS[way](client)
    assert client.circuits() == []
    assert client.run(sample_request(), via="both", key="k3").path == ("pixverse",)


def test_a_corrected_key_is_used_at_once(sandbox: Sandbox, tmp_path: Path) -> None:
    with configured(sandbox, tmp_path, BOTH) as client:
        rejected(sandbox, client)
    text = (tmp_path / "motionkit.toml").read_text()
    other = text.replace(sandbox.accounts["pixverse"]["default"], SECOND_KEY)
    (tmp_path / "motionkit.toml").write_text(other)
    time = Time(sandbox.advance)
    path = tmp_path / "motionkit.toml"
    with Client(config.load(path), sleep=time.sleep, clock=time) as client:
        assert client.circuits() == []
        assert client.run(sample_request(), via="both", key="k2").path == ("pixverse",)


def test_a_balance_of_nothing_keeps_the_circuit_of_an_account_without_credits(
    sandbox: Sandbox, client: Client
) -> None:
    sandbox.fault("refuse:submit:vendor=pixverse:code=500090")
    client.run(sample_request(), via="both", key="k1")
    provider: Any = client.account("pixverse")
    full = provider.balance
    provider.balance = lambda: attrs.evolve(full(), amount=Decimal(0), usd=Decimal(0))
    client.balance("pixverse")
    assert [one.cause for one in client.circuits()] == ["credits"]
    provider.balance = full
    client.balance("pixverse")
    assert client.circuits() == []


def test_each_submit_is_announced_with_its_price_and_why_the_one_before_fell_out(
    sandbox: Sandbox, client: Client
) -> None:
    sandbox.fault("refuse:submit:vendor=pixverse:code=500044")
    heard: list[mk.Announcement] = []

    client.submit(sample_request(), via="both", key="k1", wait_for_slot=0, announce=heard.append)
    client.submit(sample_request(), via="team", key="k2", max_usd="9", announce=heard.append)

    first, fallback, direct = heard
    assert (first.target, dict(first.after), first.max_usd) == ("pixverse/mimic", {}, None)
    assert fallback.target == "segmind/pixverse-mimic"
    assert fallback.after == {"pixverse/mimic": "busy"}
    assert fallback.quote is not None
    assert first.quote is not None
    assert fallback.quote.usd_high > first.quote.usd_high
    assert (direct.target, direct.max_usd) == ("team/mimic", Decimal(9))


def test_what_an_announcement_raises_ends_the_purchase_with_nothing_bought(
    sandbox: Sandbox, client: Client
) -> None:
    sandbox.fault("refuse:submit:vendor=pixverse:code=500090")

    def cheap_only(submit: mk.Announcement) -> None:
        if submit.quote is None or submit.quote.usd_high != Decimal("0.20"):
            raise BudgetExceeded(f"{submit.target} is too dear")

    with pytest.raises(BudgetExceeded, match="segmind/pixverse-mimic is too dear") as caught:
        client.submit(sample_request(), via="both", key="k1", announce=cheap_only)
    assert ("pixverse", "failed") in {
        (row["target"], row["verdict"]) for row in caught.value.decision
    }
    assert bought(sandbox) == {"pixverse:default": (1, 0, "0")}
    assert client.jobs.get("k1").decision == caught.value.decision
    client.submit(sample_request(), via="both", key="k1", announce=print)
    assert sum(jobs for _, jobs, _ in bought(sandbox).values()) == 1


def test_circuits_of_an_account_that_is_not_configured_cannot_be_reset(client: Client) -> None:
    with pytest.raises(ConfigError, match="no account 'pixvers'"):
        client.reset_circuits("pixvers")


# Comparing.


def test_comparing_asks_each_account_once_and_buys_nothing(
    sandbox: Sandbox, client: Client
) -> None:
    rows = client.compare(sample_request())
    assert [row.target for row in rows] == [
        "pixverse/mimic",
        "team/mimic",
        "segmind/pixverse-mimic",
        "segmind/p-video-replace",
        "segmind/wan-animate",
        "segmind/scail",
        "segmind/kling-2.6-pro-motion-control",
        "segmind/kling-2.6-standard-motion-control",
        "segmind/p-video-animate",
    ]
    calls = {
        f"{vendor}:{label}": account["calls"]
        for vendor, of in sandbox.ledger()["vendors"].items()
        for label, account in of["accounts"].items()
        if account["calls"]
    }
    once = {"balance": 1}
    assert calls == {
        "pixverse:default": once,
        "pixverse:second": once,
        "segmind:default": once,
    }
    bounded = [row for row in rows if row.quote is not None and row.quote.high is not None]
    assert [row.suffices for row in bounded] == [True, True, True]
    assert all(row.suffices is None for row in rows if row not in bounded)


def test_a_dead_vendor_is_a_row_with_its_error(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("http:balance:vendor=segmind:status=503:times=0")
    rows = {row.account: row for row in client.compare(sample_request())}
    assert isinstance(rows["segmind"].error, mk.errors.ProviderUnavailable)
    assert rows["pixverse"].error is None
    (row,) = client.compare(sample_request(), via="segmind")
    assert row.quote is not None


def test_what_was_paid_before_is_shown_as_observed(tmp_path: Path) -> None:
    """On the wall clock, which the journal's durations are measured by."""
    with Sandbox(speed=1000, job_seconds=1) as quick:
        configured(quick, tmp_path, BOTH).close()
        with Client(tmp_path / "motionkit.toml") as client:
            for number in range(5):
                client.run(sample_request(), via="segmind", key=f"k{number}")
            (row,) = client.compare(sample_request(), via="segmind")
    assert row.quote is not None
    assert (row.quote.basis.value, row.quote.n) == ("observed", 5)
    assert row.quote.usd_likely == Decimal("0.25")
    assert row.listed is not None
    assert row.listed.basis.value == "estimated"
    assert row.p90 is not None, "five jobs that were waited for teach how long jobs take"


def test_a_request_that_a_target_cannot_express_says_why(client: Client) -> None:
    rows = client.compare(mk.Mimic(samples.PICTURE, samples.CLIP, seed=7), balances=False)
    assert {row.target: row.problem.field for row in rows if row.problem} == {
        "pixverse/mimic": "seed",
        "team/mimic": "seed",
        "segmind/pixverse-mimic": "seed",
        "segmind/kling-2.6-pro-motion-control": "seed",
        "segmind/kling-2.6-standard-motion-control": "seed",
    }


def test_budget_periods_begin_in_utc() -> None:
    now = dt.datetime(2026, 11, 19, 13, 5, tzinfo=dt.UTC)  # a Thursday
    begins: dict[str, Any] = {name: begin(now) for name, begin in budget.PERIODS.items()}
    assert begins["day"] == dt.datetime(2026, 11, 19, tzinfo=dt.UTC)
    assert begins["week"] == dt.datetime(2026, 11, 16, tzinfo=dt.UTC)
    assert begins["month"] == dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    assert begins["total"].timestamp() == 0


def test_past_jobs_do_not_price_a_clip_of_unknown_length(sandbox: Sandbox, client: Client) -> None:
    client.run(sample_request(), via="pixverse", key="k1")
    unseen = mk.Mimic("https://h.example/a.png", "https://h.example/b.mp4", quality="540p")
    (row,) = client.compare(unseen, via="pixverse", balances=False)
    assert row.quote is not None
    assert (row.quote.likely, row.quote.basis.value) == (None, "listed")
    assert any("unknown" in note for note in row.quote.notes)
