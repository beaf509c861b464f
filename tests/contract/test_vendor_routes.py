"""Routes over every vendor: what was refused goes on to the next, what may have been bought stays.

The vendors are those of `tests/vendors`; a new one joins with its file there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from vendors import VENDORS, Vendor

import motionkit as mk
from motionkit import config
from motionkit.client.client import Client
from motionkit.errors import SubmitUncertain
from motionkit.model import codec
from motionkit.provider import registry
from motionkit.sandbox import Sandbox, sample_clip
from motionkit.sandbox.drawing import png, scene
from motionkit.testing.stage import JOB_SECONDS, Time

PICTURE, CLIP = png(scene(480, 720)), sample_clip(4.0, height=400)
"""Media that every vendor's default takes."""
NOWHERE = "http://127.0.0.1:9"
"""An origin that nothing listens at."""
FALLS_BACK = 'fall_back_on = ["unavailable", "busy", "rate_limited", "credits", "authentication",\
 "permission"]\n'
TARGETS = [
    f"{name}/{offer.model}"
    for name, vendor in VENDORS.items()
    for offer in registry.load(vendor.name).offers
    if offer.operation == "mimic"
]
"""Every model of motion transfer, by vendor."""
UPLOADING = [name for name, vendor in VENDORS.items() if not vendor.remote_only]
OF_FILES = [target for target in TARGETS if target.partition("/")[0] in UPLOADING]
"""Those of vendors that take files."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(job_seconds=JOB_SECONDS) as made:
        yield made


def order(first: str, names: Sequence[str]) -> list[str]:
    """Return the vendors in their order, beginning with one of them."""
    at = list(names).index(first)
    return [*names[at:], *names[:at]]


def client_of(
    sandbox: Sandbox,
    folder: Path,
    names: Sequence[str],
    *,
    settings: Mapping[str, Mapping[str, object]] | None = None,
    choose: str = "first",
    targets: Sequence[str] = (),
) -> Client:
    """Return a client with an account at each vendor and the route ``all`` over them."""
    text = f'journal = "{folder / "journal.db"}"\n'
    for name in names:
        given: dict[str, object] = {
            "api_key": sandbox.accounts[name]["default"],
            "base_url": sandbox.url,
            **VENDORS[name].settings,
            **(settings or {}).get(name, {}),
        }
        lines = (f"{key} = {codec.dumps(value)}\n" for key, value in given.items())
        text += f"[accounts.{name}]\n{''.join(lines)}"
    text += f'[routes.all]\ntargets = {codec.dumps(list(targets or names))}\nchoose = "{choose}"\n'
    file = folder / "motionkit.toml"
    file.touch(0o600)
    file.write_text(text + FALLS_BACK)
    time = Time(sandbox.advance)
    found = config.load(file)
    return Client(found, sleep=time.sleep, clock=time)


def request(*, remote: bool = False) -> mk.Request:
    """Return a request that every vendor's own default fits."""
    if remote:
        return mk.Mimic("https://media.invalid/face.png", "https://media.invalid/dance.mp4")
    return mk.Mimic(PICTURE, CLIP)


def bought(sandbox: Sandbox) -> dict[str, tuple[int, int]]:
    """Return paid calls and jobs of each vendor that a paid call reached."""
    told = {name: of["accounts"]["default"] for name, of in sandbox.ledger()["vendors"].items()}
    return {
        name: (one["submits"], len(one["jobs"])) for name, one in told.items() if one["submits"]
    }


def charged(sandbox: Sandbox) -> dict[str, list[Decimal]]:
    """Return what each vendor has charged, refunds off."""
    told = {
        name: of["accounts"]["default"]["jobs"] for name, of in sandbox.ledger()["vendors"].items()
    }
    return {
        name: [Decimal(job["charge"]) - Decimal(job["refund"]) for job in jobs]
        for name, jobs in told.items()
        if jobs
    }


REFUSALS = {
    "wrong key": lambda vendor: "http:submit:status=401",
    "busy": lambda vendor: vendor.busy,
    "no credits": lambda vendor: vendor.no_credits,
}


def refusing(vendor: Vendor, why: str) -> str:
    """Return a fault with which a vendor refuses every submit."""
    spec: str = REFUSALS[why](vendor)
    return f"{vendor.fault(spec)}:times=0"


@pytest.mark.parametrize("why", REFUSALS)
@pytest.mark.parametrize("first", VENDORS)
def test_a_refusal_goes_on_to_the_next_vendor_with_one_charge_in_all(
    first: str, why: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    names = order(first, list(VENDORS))
    sandbox.fault(refusing(VENDORS[first], why))
    more = [one for one in TARGETS if one.startswith(f"{first}/")][1:2]
    targets = [first, *more, *names[1:]]
    with client_of(sandbox, tmp_path, names, targets=targets) as client:
        result = client.run(request(remote=True), via="all", key="order-1")
        decision = client.jobs.get("order-1").decision
    assert result.job.provider == names[1]
    assert {name: jobs for name, (_, jobs) in bought(sandbox).items() if jobs} == {names[1]: 1}
    assert list(charged(sandbox)) == [names[1]]
    assert [row["verdict"] for row in decision if row["target"] == first][-1] == "failed"


@pytest.mark.parametrize("first", VENDORS)
def test_a_vendor_that_cannot_be_reached_is_left_without_a_paid_call(
    first: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    names = order(first, list(VENDORS))
    nowhere = {first: {"base_url": NOWHERE}}
    with client_of(sandbox, tmp_path, names, settings=nowhere) as client:
        result = client.run(request(remote=True), via="all")
    assert result.job.provider == names[1]
    assert bought(sandbox) == {names[1]: (1, 1)}


@pytest.mark.parametrize("first", [name for name in UPLOADING if VENDORS[name].uploads])
def test_an_upload_that_fails_goes_on_without_a_paid_call(
    first: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    names = order(first, UPLOADING)
    sandbox.fault(f"http:upload:vendor={first}:status=500:times=0")
    with client_of(sandbox, tmp_path, names) as client:
        result = client.run(request(), via="all")
    assert result.job.provider == names[1]
    assert bought(sandbox) == {names[1]: (1, 1)}


@pytest.mark.parametrize("last", VENDORS)
def test_every_vendor_but_the_last_fails_in_its_own_way_and_the_last_is_charged_once(
    last: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    names = order(last, list(VENDORS))
    names = [*names[1:], last]
    ways = [*REFUSALS, "unreachable"]
    settings = {}
    for number, name in enumerate(names[:-1]):
        way = ways[number % len(ways)]
        if way == "unreachable":
            settings[name] = {"base_url": NOWHERE}
        else:
            sandbox.fault(refusing(VENDORS[name], way))
    with client_of(sandbox, tmp_path, names, settings=settings) as client:
        result = client.run(request(remote=True), via="all")
    assert result.job.provider == last
    assert result.path == tuple(client.config.routes["all"].targets)
    assert {name: jobs for name, (_, jobs) in bought(sandbox).items() if jobs} == {last: 1}
    assert [len(amounts) for amounts in charged(sandbox).values()] == [1]


LOST = {"a cut connection": "reset:submit", "a lost answer": "accept_then_reset:submit"}
MAYBE = {
    **LOST,
    "a server error": "http:submit:status=500",
    "a server error after acceptance": "accept_then_http:submit:status=502",
    "half an answer": "truncate:submit",
}


@pytest.mark.parametrize("fault", MAYBE)
@pytest.mark.parametrize("remote", [False, True], ids=["uploaded", "by address"])
@pytest.mark.parametrize("first", VENDORS)
def test_what_may_have_been_bought_never_leaves_its_vendor(
    first: str, fault: str, sandbox: Sandbox, tmp_path: Path, *, remote: bool
) -> None:
    vendor = VENDORS[first]
    remote = remote or vendor.remote_only
    names = order(first, list(VENDORS) if remote else UPLOADING)
    sandbox.fault(vendor.fault(MAYBE[fault]))
    with client_of(sandbox, tmp_path, names) as client:
        try:
            job = client.run(request(remote=remote), via="all", key="order-1").job
        except SubmitUncertain:
            assert not vendor.resends, "it deduplicates"
            assert client.jobs.get("order-1").ambiguous
        else:
            assert job.provider == first
            assert vendor.resends or vendor.history
        try:
            again = client.run(request(remote=remote), via="all", key="order-1").job
        except SubmitUncertain:
            assert client.jobs.get("order-1").ambiguous
        else:
            assert again.provider == first
    submits, jobs = bought(sandbox)[first]
    assert list(bought(sandbox)) == [first]
    assert jobs <= 1
    assert submits <= (3 if vendor.resends else 1)


@pytest.mark.parametrize("first", [name for name in UPLOADING if VENDORS[name].history])
def test_a_lost_submit_is_found_by_the_vendors_history(
    first: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.fault(VENDORS[first].fault("accept_then_reset:submit"))
    with client_of(sandbox, tmp_path, order(first, UPLOADING)) as client:
        result = client.run(request(), via="all")
    assert result.job.provider == first
    assert bought(sandbox) == {first: (1, 1)}


@pytest.mark.parametrize("first", [name for name, vendor in VENDORS.items() if not vendor.resends])
def test_without_a_history_a_lost_submit_is_uncertain_and_there_is_no_second_job(
    first: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    vendor = VENDORS[first]
    names = order(first, list(VENDORS) if vendor.remote_only else UPLOADING)
    sandbox.fault(vendor.fault("accept_then_reset:submit"))
    off = {first: vendor.no_history} if vendor.history else {}
    with client_of(sandbox, tmp_path, names, settings=off) as client:
        for _ in range(2):
            with pytest.raises(SubmitUncertain):
                client.run(request(remote=vendor.remote_only), via="all", key="order-1")
    assert bought(sandbox) == {first: (1, 1)}


def test_the_cheapest_of_all_vendors_is_bought(sandbox: Sandbox, tmp_path: Path) -> None:
    with client_of(sandbox, tmp_path, UPLOADING, choose="cheapest") as client:
        prices = {
            row.target.partition("/")[0]: row.quote.usd_likely
            for row in client.compare(request(), via="all", balances=False)
            if row.quote is not None and row.quote.usd_likely is not None
        }
        result = client.run(request(), via="all")
    assert result.job.provider == min(prices, key=lambda name: prices[name])
    assert bought(sandbox) == {result.job.provider: (1, 1)}


def test_the_cheapest_of_more_than_20_targets_is_chosen_and_each_other_one_has_a_reason(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    assert len(TARGETS) > 20
    with client_of(sandbox, tmp_path, UPLOADING, choose="cheapest", targets=OF_FILES) as client:
        rows = client.compare(request(), via="all", balances=False)
        explanation = client.explain(request(), via="all")
        client.submit(request(), via="all", key="order-1")
        decision = client.jobs.get("order-1").decision
    prices = [
        None if row.quote is None else row.quote.usd_likely for row in rows if not row.problem
    ]
    known = [price for price in prices if price is not None]
    assert len(prices) > 20
    assert prices == [*sorted(known), *[None] * (len(prices) - len(known))], "unknown ones are last"
    assert None in prices
    assert explanation.target == rows[0].target
    told = {row["target"]: row["sentence"] for row in decision}
    assert set(told) == set(OF_FILES)
    assert told[rows[0].target] == "It is the cheapest that can take the request now."
    able = {row.target for row in rows if not row.problem} - {rows[0].target}
    assert {told[name] for name in able} == {
        "It can take the request; another target is preferred."
    }
