"""Shootouts over the sandbox: the same requests at both vendors, each cell bought once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from three_accounts import SECOND_KEY, configured

import motionkit as mk
from motionkit.client.client import Client
from motionkit.errors import (
    Billed,
    BudgetExceeded,
    Busy,
    ConfigError,
    InsufficientCredits,
    InvalidRequest,
    JobFailed,
    MotionKitError,
    SubmitUncertain,
)
from motionkit.sandbox import Sandbox, sample_clip, sample_picture
from motionkit.testing.stage import JOB_SECONDS

TARGETS = ("pixverse", "segmind/pixverse-mimic")
PRICES = {"pixverse/mimic": Decimal("0.20"), "segmind/pixverse-mimic": Decimal("0.30")}
"""What two seconds at 540p cost at most."""
TOGETHER = 2 * sum(PRICES.values())


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(job_seconds=JOB_SECONDS) as made:
        made.add_account("pixverse", SECOND_KEY, label="second", balance="5000")
        yield made


@pytest.fixture
def client(sandbox: Sandbox, tmp_path: Path) -> Iterator[Client]:
    with configured(sandbox, tmp_path) as made:
        yield made


@pytest.fixture
def requests(tmp_path: Path) -> list[mk.Request]:
    """Two pictures with one clip."""
    clip = tmp_path / "dance.mp4"
    clip.write_bytes(sample_clip(2.0, height=64))
    made: list[mk.Request] = []
    for number, name in enumerate(("anna", "ben"), 1):
        picture = tmp_path / f"{name}.png"
        picture.write_bytes(sample_picture() + bytes(number))
        made.append(mk.Mimic(picture, clip, quality="540p"))
    return made


def bought(sandbox: Sandbox) -> dict[str, int]:
    """Return how many jobs the vendors have, by account; accounts without any are left out."""
    found = {}
    for vendor, of in sandbox.ledger()["vendors"].items():
        for label, account in of["accounts"].items():
            if account["jobs"]:
                found[f"{vendor}:{label}"] = len(account["jobs"])
    return found


ALL = {"pixverse:default": 2, "segmind:default": 2}


def jobs_of(found: list[mk.Job | MotionKitError]) -> list[mk.Job]:
    assert all(isinstance(one, mk.Job) for one in found), found
    return [one for one in found if isinstance(one, mk.Job)]


def buy(client: Client, requests: Any, via: Any = TARGETS, **given: Any) -> list[Any]:
    return client.submit_shootout(client.plan_shootout(requests, via, **given))


# Buying.


@pytest.mark.parametrize("key", [None, "spring"])
def test_each_cell_is_a_purchase_of_its_own_and_the_same_call_again_buys_nothing(
    client: Client, sandbox: Sandbox, requests: list[mk.Request], key: str | None
) -> None:
    ended = client.shootout(requests, TARGETS, key=key, labels={"project": "x"})
    assert all(isinstance(one, mk.Result) for _, one in ended), ended
    assert [cell.target for cell, _ in ended] == [*PRICES] * 2
    assert [cell.request for cell, _ in ended] == [requests[0]] * 2 + [requests[1]] * 2
    assert bought(sandbox) == ALL
    entries = client.jobs.list()
    assert {one.key for one in entries} == {cell.key for cell, _ in ended}
    assert len(entries) == 4
    assert all(one.key.startswith(f"{key or 'shootout'}-") for one in entries)
    name = client.plan_shootout(requests, TARGETS, key=key).name
    assert [one.labels for one in entries] == [{"project": "x", "shootout": name}] * 4
    again = client.shootout(requests, TARGETS, key=key)
    assert [one.job for _, one in again if isinstance(one, mk.Result)] == [
        one.job for _, one in ended if isinstance(one, mk.Result)
    ]
    plan = client.plan_shootout(requests, TARGETS, key=key)
    assert (plan.missing, plan.high, plan.refused) == ((), 0, None)
    assert bought(sandbox) == ALL


@pytest.mark.parametrize("key", [None, "spring"])
def test_a_further_target_or_request_adds_its_cells_only(
    client: Client, sandbox: Sandbox, requests: list[mk.Request], key: str | None
) -> None:
    jobs_of(buy(client, requests[0], "pixverse", key=key))
    assert bought(sandbox) == {"pixverse:default": 1}
    jobs_of(buy(client, requests[::-1], [*TARGETS[::-1], "team"], key=key))
    assert bought(sandbox) == ALL | {"pixverse:second": 2}


def test_a_target_that_is_named_twice_is_bought_once_and_a_route_stands_for_its_targets(
    sandbox: Sandbox, tmp_path: Path, requests: list[mk.Request]
) -> None:
    rules = '[routes.both]\ntargets = ["segmind/pixverse-mimic", "pixverse"]'
    with configured(sandbox, tmp_path, rules) as client:
        plan = client.plan_shootout(requests, ["both", "pixverse/mimic", "pixverse"])
        assert [cell.target for cell in plan.cells] == [*PRICES][::-1] * 2
        jobs_of(client.submit_shootout(plan))
        assert {one.route for one in client.jobs.list()} == {None}
    assert bought(sandbox) == ALL


def test_a_plain_purchase_is_no_cell_and_the_other_way_round(
    client: Client, sandbox: Sandbox, requests: list[mk.Request]
) -> None:
    plain = client.submit(requests[0], via="pixverse")
    (cell,) = jobs_of(buy(client, requests[0], "pixverse"))
    assert plain != cell
    assert bought(sandbox) == {"pixverse:default": 2}


def test_a_cell_keeps_its_labels_and_a_warning_says_so_where_others_were_asked_for(
    client: Client, requests: list[mk.Request], caplog: pytest.LogCaptureFixture
) -> None:
    (job,) = jobs_of(buy(client, requests[0], "pixverse", labels={"project": "x"}))
    labels = client.jobs.get(job.key).labels
    jobs_of(buy(client, requests, "pixverse"))  # whose name is another one
    assert "keeps its labels" not in caplog.text
    jobs_of(buy(client, requests[0], "pixverse", labels={"project": "y"}))
    assert f"{job.key} was bought before and keeps its labels" in caplog.text
    assert client.jobs.get(job.key).labels == labels


def test_coroutines_buy_the_same_cells(
    client: Client, sandbox: Sandbox, requests: list[mk.Request]
) -> None:
    async def main() -> list[Any]:
        async with mk.AsyncClient(client.config, sleep=client._sleep, clock=client._clock) as other:
            plan = await other.plan_shootout(requests, TARGETS)
            assert len(plan.missing) == 4
            await other.submit_shootout(plan)
            return await other.shootout(requests, TARGETS)

    ended = asyncio.run(main())
    assert [one.job for _, one in ended] == jobs_of(buy(client, requests))
    assert bought(sandbox) == ALL


def test_two_plans_of_one_shootout_buy_each_cell_once(
    client: Client, sandbox: Sandbox, requests: list[mk.Request]
) -> None:
    first = client.plan_shootout(requests, TARGETS)
    second = client.plan_shootout(requests, TARGETS)
    assert len(second.missing) == 4
    assert client.submit_shootout(first) == client.submit_shootout(second)
    assert bought(sandbox) == ALL


def test_cells_of_a_busy_account_are_bought_last(
    sandbox: Sandbox, tmp_path: Path, requests: list[mk.Request]
) -> None:
    rules = f"""
[accounts.narrow]
provider = "pixverse"
api_key = "{SECOND_KEY}"
base_url = "{sandbox.url}"
max_concurrent = 1
"""
    targets, order = ["narrow", "segmind/pixverse-mimic"], list[str]()
    with configured(sandbox, tmp_path, rules) as client:
        plan = client.plan_shootout(requests, targets)
        client.submit_shootout(plan, decided=lambda cell, _: order.append(cell.target))
        assert order == ["narrow/mimic", *["segmind/pixverse-mimic"] * 2, "narrow/mimic"]
        more = [attrs.evolve(one, quality="360p") for one in requests]
        found = client.submit_shootout(client.plan_shootout(more, targets), wait_for_slot=0)
    assert [type(one) for one in found] == [Busy, mk.Job, Busy, mk.Job]
    assert bought(sandbox) == {"pixverse:second": 2, "segmind:default": 4}


# What cannot be bought.


def test_a_cell_that_does_not_fit_is_refused_before_anything_is_bought_or_left_out_on_demand(
    client: Client, sandbox: Sandbox, requests: list[mk.Request]
) -> None:
    given = attrs.evolve(requests[0], quality="480p")  # only one of the models has it
    targets = ["pixverse", "segmind/scail"]
    plan = client.plan_shootout(given, targets)
    assert [cell.problem is None for cell in plan.cells] == [False, True]
    with pytest.raises(
        InvalidRequest, match=r"1 of 2 cells cannot be bought:\n  pixverse/mimic: "
    ) as caught:
        client.submit_shootout(plan)
    assert caught.value.field == "quality"
    assert bought(sandbox) == {}
    ended = client.shootout(given, targets, skip_unfit=True)
    assert [type(one) for _, one in ended] == [type(plan.cells[0].problem), mk.Result]
    assert bought(sandbox) == {"segmind:default": 1}
    alone = client.plan_shootout(given, "pixverse", skip_unfit=True)
    assert isinstance(alone.refused, InvalidRequest)  # nothing would be left


def test_a_refused_cell_does_not_keep_the_others_from_being_bought(
    client: Client, sandbox: Sandbox, requests: list[mk.Request]
) -> None:
    sandbox.fault("refuse:submit:vendor=pixverse:code=500090")
    found = buy(client, requests)
    assert [type(one) for one in found] == [InsufficientCredits, mk.Job, mk.Job, mk.Job]
    again = jobs_of(buy(client, requests))
    assert again[1:] == found[1:]
    assert bought(sandbox) == ALL


def test_a_cell_that_may_have_arrived_is_not_bought_again(
    client: Client, sandbox: Sandbox, requests: list[mk.Request]
) -> None:
    sandbox.fault("accept_then_reset:submit:vendor=segmind")
    sandbox.fault("http:history:vendor=segmind:status=503:times=0")
    found = buy(client, requests)
    (doubtful,) = [one for one in found if isinstance(one, MotionKitError)]
    assert isinstance(doubtful, SubmitUncertain)
    buy(client, requests)
    assert bought(sandbox) == ALL


def test_a_cell_whose_job_failed_stays_failed_and_is_not_paid_for_again(
    client: Client, sandbox: Sandbox, requests: list[mk.Request]
) -> None:
    sandbox.fault("fail:submit:vendor=segmind")
    ended = client.shootout(requests, TARGETS)
    assert [type(one) for _, one in ended] == [mk.Result, JobFailed, mk.Result, mk.Result]
    again = client.shootout(requests, TARGETS)
    assert [type(one) for _, one in again] == [type(one) for _, one in ended]
    assert bought(sandbox) == ALL


def test_a_changed_picture_under_the_same_name_is_refused_and_without_a_name_it_is_another_cell(
    client: Client, sandbox: Sandbox, requests: list[mk.Request], tmp_path: Path
) -> None:
    jobs_of(buy(client, requests, key="spring"))
    before = client.plan_shootout(requests, TARGETS)
    (tmp_path / "ben.png").write_bytes(sample_picture() + bytes(9))
    with pytest.raises(
        InvalidRequest,
        match=r"ben\.png, dance\.mp4 at pixverse/mimic was bought in this shootout with other",
    ):
        client.plan_shootout(requests, TARGETS, key="spring")
    more = attrs.evolve(requests[0], quality="720p")
    with pytest.raises(InvalidRequest, match="was bought in this shootout with other"):
        client.plan_shootout(more, TARGETS, key="spring")
    assert bought(sandbox) == ALL
    after = client.plan_shootout(requests, TARGETS)
    same = [one.key == other.key for one, other in zip(before.cells, after.cells, strict=True)]
    assert same == [True, True, False, False]


def test_files_of_one_name_in_two_folders_are_two_cells_of_a_named_shootout(
    client: Client, requests: list[mk.Request], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "anna.png"
    other.write_bytes(sample_picture() + bytes(9))
    both = [requests[0], attrs.evolve(requests[0], image=other)]
    plan = client.plan_shootout(both, "pixverse", key="spring")
    assert len({cell.key for cell in plan.cells}) == 2
    client.submit_shootout(plan)
    with pytest.raises(InvalidRequest, match="was bought in this shootout with other"):
        client.plan_shootout(both[::-1], "pixverse", key="spring")


# Money.


def test_a_plan_quotes_every_cell_and_sends_nothing(
    client: Client, sandbox: Sandbox, requests: list[mk.Request]
) -> None:
    plan = client.plan_shootout(requests, TARGETS)
    assert {cell.target: cell.quote.usd_high for cell in plan.cells if cell.quote} == PRICES
    assert (plan.high, plan.refused, plan.missing) == (TOGETHER, None, plan.cells)
    calls = [
        account["calls"]
        for of in sandbox.ledger()["vendors"].values()
        for account in of["accounts"].values()
    ]
    assert not any(calls), calls
    assert client.jobs.list() == []


def test_max_usd_holds_for_all_cells_together(
    client: Client, sandbox: Sandbox, requests: list[mk.Request]
) -> None:
    with pytest.raises(BudgetExceeded) as caught:
        client.shootout(requests, TARGETS, max_usd=TOGETHER - Decimal("0.01"))
    assert caught.value.message == (
        "4 cells together cost up to 1.00 USD; max_usd is 0.99 USD for all cells"
    )
    assert bought(sandbox) == {}
    jobs_of(buy(client, requests, max_usd=TOGETHER))
    jobs_of(buy(client, requests, max_usd="0"))  # nothing is left to buy
    assert bought(sandbox) == ALL


def test_a_budget_holds_all_cells_that_count_against_it_or_nothing_is_bought(
    sandbox: Sandbox, tmp_path: Path, requests: list[mk.Request]
) -> None:
    def rules(limit: str) -> str:
        return f'[defaults]\nbudget_usd = {{ day = "{limit}" }}'

    with configured(sandbox, tmp_path, rules("0.99")) as client:
        plan = client.plan_shootout(requests, TARGETS)
        with pytest.raises(BudgetExceeded, match=r"defaults\.budget_usd"):
            client.submit_shootout(plan)
        assert bought(sandbox) == {}
    with configured(sandbox, tmp_path, rules("1.00")) as client:
        jobs_of(buy(client, requests))
    assert bought(sandbox) == ALL


def test_a_budget_of_one_account_holds_its_own_cells_only(
    sandbox: Sandbox, tmp_path: Path, requests: list[mk.Request]
) -> None:
    def rules(limit: str) -> str:
        return f"""
[defaults]
route_budgets = "always"
[routes.one]
targets = ["pixverse"]
budget_usd = {{ day = "{limit}" }}
"""

    with configured(sandbox, tmp_path, rules("0.39")) as client:
        refused = client.plan_shootout(requests, TARGETS).refused
        assert isinstance(refused, BudgetExceeded)
        assert "routes.one.budget_usd" in refused.message
    with configured(sandbox, tmp_path, rules("0.40")) as client:
        jobs_of(buy(client, requests))
    assert bought(sandbox) == ALL


# Wrong arguments.


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"via": []}, InvalidRequest, "invalid value for via"),
        ({"via": ["pixverse", 3]}, InvalidRequest, r"via\[1\]"),
        ({"via": "nobody"}, ConfigError, "nobody"),
        ({"requests": []}, InvalidRequest, "invalid value for requests"),
        ({"requests": ["x"]}, InvalidRequest, r"requests\[0\]"),
        ({"key": " "}, InvalidRequest, "blank"),
        ({"key": "x" * 300}, InvalidRequest, "label 'shootout'"),
        ({"labels": {"shootout": "x"}}, InvalidRequest, "no label 'shootout'"),
        ({"max_usd": "lots"}, InvalidRequest, "max_usd"),
    ],
)
def test_a_wrong_argument_is_refused(
    client: Client, requests: list[mk.Request], given: dict[str, Any], kind: type[Any], said: str
) -> None:
    with pytest.raises(kind, match=said) as caught:
        client.plan_shootout(**{"requests": requests, "via": TARGETS, **given})
    assert caught.value.billed is Billed.NO
