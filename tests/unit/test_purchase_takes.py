"""Takes: variations bought on purpose, each once, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from support import fail_first

import motionkit as mk
from motionkit.client import Client
from motionkit.config import Defaults, Route
from motionkit.errors import (
    Billed,
    BudgetExceeded,
    ContentBlocked,
    InsufficientCredits,
    InvalidRequest,
    JobFailed,
    MotionKitError,
    SubmitUncertain,
)
from motionkit.journal import PurchaseRecord
from motionkit.model.job import Job, KeyState
from motionkit.model.submission import Submission
from motionkit.provider.offers import parse_offers
from motionkit.testing.memory import OFFERS, Memory, MemoryStage
from motionkit.testing.stage import (
    ACCOUNT,
    JOB_SECONDS,
    Situation,
    options_for,
    sample_request,
)

PRICE = Decimal("0.20")
"""What one take of the sample costs at most: a clip of up to two seconds."""


class Seeded(Memory):
    """A vendor with seeds, as far as 9."""

    offers = parse_offers(
        OFFERS.replace(
            'fields = { quality = "quality" }',
            'fields = { quality = "quality", seed = "seed" }\nranges = { seed = [0, 9] }',
        ),
        name="memory",
    )


@pytest.fixture
def options(stage: MemoryStage, tmp_path: Path) -> dict[str, Any]:
    return options_for(attrs.evolve(stage, provider_class=Seeded), tmp_path)


@pytest.fixture
def client(options: dict[str, Any]) -> Client:
    return Client(**options)


def keys(client: Client) -> list[str]:
    return [one.key for one in client.jobs.list()]


def jobs_of(found: list[Job | MotionKitError]) -> list[Job]:
    assert all(isinstance(one, Job) for one in found), found
    return [one for one in found if isinstance(one, Job)]


def stop_at(number: int) -> Callable[[mk.Announcement], object]:
    """Return what ends the process in front of a paid call."""
    left = [number]

    def announce(_: mk.Announcement) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    return announce


# Buying.


def test_each_take_is_a_purchase_of_its_own(client: Client, stage: MemoryStage) -> None:
    jobs = jobs_of(client.submit_takes(sample_request(), 3, via=ACCOUNT, key="order"))
    assert [job.key for job in jobs] == ["order-1", "order-2", "order-3"] == keys(client)
    assert stage.bought() == 3
    entries = client.jobs.list()
    assert [one.take for one in entries] == [1, 2, 3]
    assert {one.family for one in entries} == {"order"}
    assert len({one.request for one in entries}) == 3
    assert client.submit_takes(sample_request(), 3, via=ACCOUNT, key="order") == jobs
    assert stage.bought() == 3


def test_the_same_call_without_a_key_continues_and_more_takes_are_added(
    client: Client, stage: MemoryStage
) -> None:
    first = jobs_of(client.submit_takes(sample_request(), 2, via=ACCOUNT))
    assert client.submit_takes(sample_request(), 2, via=ACCOUNT) == first
    more = jobs_of(client.submit_takes(sample_request(), 4, via=ACCOUNT))
    family = client.jobs.get(first[0].key).family
    assert more[:2] == first
    assert [job.key for job in more] == [f"{family}-{n}" for n in (1, 2, 3, 4)]
    for job in more:
        client.wait(job)
    assert client.submit_takes(sample_request(), 4, via=ACCOUNT) == more
    assert stage.bought() == 4
    new = jobs_of(client.submit_takes(sample_request(), 2, via=ACCOUNT, again=True))
    assert not {job.key for job in new} & {job.key for job in more}
    assert stage.bought() == 6


def test_a_plain_purchase_is_no_take_and_a_take_no_plain_purchase(
    client: Client, stage: MemoryStage
) -> None:
    plain = client.submit(sample_request(), via=ACCOUNT)
    takes = jobs_of(client.submit_takes(sample_request(), 2, via=ACCOUNT))
    assert plain not in takes
    assert client.submit(sample_request(), via=ACCOUNT) == plain
    assert client.submit_takes(sample_request(), 2, via=ACCOUNT) == takes
    assert stage.bought() == 3


def test_a_key_of_a_plain_purchase_is_not_taken_by_a_take(client: Client) -> None:
    client.submit(sample_request(), via=ACCOUNT, key="order-2")
    with pytest.raises(InvalidRequest, match="key 'order-2' names another request"):
        client.submit_takes(sample_request(), 2, via=ACCOUNT, key="order")
    assert keys(client) == ["order-2"]


def test_coroutines_buy_and_run_takes(options: dict[str, Any], stage: MemoryStage) -> None:
    async def main() -> None:
        async with mk.AsyncClient(**options) as client:
            plan = await client.plan_takes(sample_request(), 2, via=ACCOUNT)
            assert len(plan.missing) == 2
            jobs = await client.submit_takes(sample_request(), 2, via=ACCOUNT)
            ended = await client.run_takes(sample_request(), 3, via=ACCOUNT)
            assert [one.job for one in ended if isinstance(one, mk.Result)][:2] == jobs

    asyncio.run(main())
    assert stage.bought() == 3


def test_takes_are_waited_for_together(client: Client, options: dict[str, Any]) -> None:
    results = client.run_takes(sample_request(), 3, via=ACCOUNT, labels={"project": "x"})
    assert all(isinstance(one, mk.Result) for one in results)
    assert options["clock"].now < 2 * JOB_SECONDS
    assert [one.labels for one in client.jobs.list()] == [{"project": "x"}] * 3


@pytest.mark.parametrize("takes", [0, 51, -1, True, 2.0, "3", None])
def test_a_wrong_number_of_takes_is_refused(client: Client, takes: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"takes: .*; expected a whole number from 1 to 50"):
        client.submit_takes(sample_request(), takes, via=ACCOUNT)


# Seeds.


def test_takes_count_a_given_seed_up(client: Client) -> None:
    client.submit_takes(sample_request(seed=5), 3, via=ACCOUNT)
    sent = [one.attempts[0].submission.call.json for one in client.jobs.list()]
    assert [one["seed"] for one in sent if isinstance(one, dict)] == [5, 6, 7]
    assert [one.description["seed"] for one in client.jobs.list()] == [5, 6, 7]


def test_a_seed_beyond_the_targets_range_is_refused_before_anything_is_bought(
    client: Client, stage: MemoryStage
) -> None:
    with pytest.raises(InvalidRequest, match="seed"):
        client.submit_takes(sample_request(seed=8), 3, via=ACCOUNT)
    assert stage.bought() == 0
    assert len(client.submit_takes(sample_request(seed=8), 2, via=ACCOUNT)) == 2


def test_a_seed_in_extra_that_all_takes_would_have_is_refused(client: Client) -> None:
    request = sample_request(extra={"memory": {"seed": 7}})
    with pytest.raises(InvalidRequest, match=r"memory\.seed would make every take the same"):
        client.submit_takes(request, 2, via=ACCOUNT)


# Money.


def test_takes_are_quoted_together_and_nothing_is_sent(
    client: Client, stage: MemoryStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Memory, "balance", lambda _: pytest.fail("asked the vendor"))
    plan = client.plan_takes(sample_request(), 3, via=ACCOUNT, key="order")
    assert [take.key for take in plan.takes] == ["order-1", "order-2", "order-3"]
    assert {take.target for take in plan.takes} == {"stage/memory"}
    quote = client.quote(sample_request(), via=ACCOUNT)
    assert quote is not None
    assert quote.usd_high == PRICE
    assert (plan.high, plan.refused, plan.missing) == (3 * PRICE, None, plan.takes)
    assert (stage.bought(), client.jobs.list()) == (0, [])
    client.submit_takes(sample_request(), 2, via=ACCOUNT, key="order")
    plan = client.plan_takes(sample_request(), 3, via=ACCOUNT, key="order")
    assert [take.bought for take in plan.takes] == [True, True, False]
    assert plan.high == PRICE


def test_max_usd_holds_for_all_takes_together(client: Client, stage: MemoryStage) -> None:
    low = {"via": ACCOUNT, "max_usd": 3 * PRICE - Decimal("0.01")}
    plan = client.plan_takes(sample_request(), 3, **low)
    assert plan.refused is not None
    with pytest.raises(BudgetExceeded) as caught:
        client.submit_takes(sample_request(), 3, **low)
    assert caught.value.message == (
        "3 takes together cost up to 0.60 USD; max_usd is 0.59 USD for all takes"
    )
    assert stage.bought() == 0
    client.submit_takes(sample_request(), 2, **low)
    with pytest.raises(
        BudgetExceeded, match=r"1 take costs up to 0\.20 USD, besides 0\.40 USD for"
    ):
        client.submit_takes(sample_request(), 3, **low)
    with pytest.raises(BudgetExceeded, match=r"besides 0\.40 USD .*max_usd is 0\.10 USD"):
        client.submit_takes(sample_request(), 3, via=ACCOUNT, max_usd="0.10")
    assert len(client.submit_takes(sample_request(), 3, via=ACCOUNT, max_usd=3 * PRICE)) == 3
    assert stage.bought() == 3
    client.submit_takes(sample_request(), 3, via=ACCOUNT, max_usd="0")  # nothing is bought


def test_a_budget_holds_all_takes_or_none_is_bought(
    options: dict[str, Any], stage: MemoryStage
) -> None:
    defaults = Defaults(budget_usd={"day": 3 * PRICE - Decimal("0.01")})
    options["config"] = attrs.evolve(options["config"], defaults=defaults)
    with Client(**options) as client:
        with pytest.raises(BudgetExceeded, match=r"defaults\.budget_usd"):
            client.submit_takes(sample_request(), 3, via=ACCOUNT)
        assert stage.bought() == 0
        assert len(jobs_of(client.submit_takes(sample_request(), 2, via=ACCOUNT))) == 2


def test_a_route_keeps_to_the_share_of_each_take(
    options: dict[str, Any], stage: MemoryStage
) -> None:
    config = options["config"]
    route = Route(name="r", targets=(ACCOUNT,))
    options["config"] = attrs.evolve(config, routes={"r": route})
    with Client(**options) as client:
        with pytest.raises(MotionKitError, match="max_usd"):
            client.submit_takes(sample_request(), 3, via="r", max_usd="0.59")
        assert stage.bought() == 0
        jobs_of(client.submit_takes(sample_request(), 3, via="r", max_usd="0.60"))
        assert stage.bought() == 3


# Interrupted, refused, failed.


@pytest.mark.parametrize("key", [None, "order"])
@pytest.mark.parametrize("before", [1, 2, 3])
def test_a_call_that_is_interrupted_between_two_takes_buys_the_rest_when_it_is_made_again(
    options: dict[str, Any], stage: MemoryStage, before: int, key: str | None
) -> None:
    with Client(**options) as client, pytest.raises(KeyboardInterrupt):
        client.submit_takes(sample_request(), 3, via=ACCOUNT, key=key, announce=stop_at(before))
    assert stage.bought() == before - 1
    with Client(**options) as client:
        jobs = jobs_of(client.submit_takes(sample_request(), 3, via=ACCOUNT, key=key))
        assert len({job.id for job in jobs}) == 3
        assert len({one.family for one in client.jobs.list()}) == 1
    assert stage.bought() == 3


def test_a_take_that_may_have_arrived_is_not_bought_again_and_the_others_are(
    client: Client, stage: MemoryStage
) -> None:
    stage.arrange(Situation.SUBMIT_5XX)
    found = client.submit_takes(sample_request(), 3, via=ACCOUNT, key="order")
    assert isinstance(found[0], SubmitUncertain)
    for number in (1, 2):
        late = found[number]
        assert isinstance(late, MotionKitError)
        assert late.billed is Billed.NO
        assert late.message.startswith(f"take {number + 1} was not submitted, because take 1")
    again = client.submit_takes(sample_request(), 3, via=ACCOUNT, key="order")
    assert isinstance(again[0], SubmitUncertain)
    assert len(jobs_of(again[1:])) == 2
    assert stage.bought() == 3


def test_what_a_take_that_may_have_arrived_may_cost_is_left_out_of_the_others_cap(
    client: Client, stage: MemoryStage
) -> None:
    stage.arrange(Situation.SUBMIT_5XX)
    client.submit_takes(sample_request(), 3, via=ACCOUNT, key="order")
    seen: list[mk.Announcement] = []
    client.submit_takes(
        sample_request(), 3, via=ACCOUNT, key="order", max_usd=3 * PRICE, announce=seen.append
    )
    assert [one.max_usd for one in seen] == [PRICE, PRICE]


def test_a_refused_take_ends_the_buying_and_the_same_call_goes_on(
    client: Client, stage: MemoryStage
) -> None:
    seen: list[tuple[int, type[object]]] = []

    def decided(take: mk.Take, ending: Job | MotionKitError) -> None:
        seen.append((take.number, type(ending)))
        if take.number == 1:
            stage.arrange(Situation.NO_CREDITS)

    found = client.submit_takes(sample_request(), 3, via=ACCOUNT, decided=decided)
    assert seen == [(1, Job), (2, InsufficientCredits), (3, MotionKitError)]
    assert [type(one) for one in found] == [one for _, one in seen]
    jobs = jobs_of(client.submit_takes(sample_request(), 3, via=ACCOUNT))
    assert jobs[0] == found[0]
    assert stage.bought() == 3
    assert len({one.family for one in client.jobs.list()}) == 1


@pytest.mark.parametrize("situation", [Situation.JOB_FAILS, Situation.JOB_BLOCKED])
def test_a_take_whose_job_failed_is_bought_again_without_a_key_only(
    client: Client, stage: MemoryStage, situation: Situation
) -> None:
    stage.arrange(situation)
    first = client.submit_takes(
        sample_request(), 2, via=ACCOUNT, decided=lambda *_: stage.vendor.pending.clear()
    )
    ended = client.wait_all(jobs_of(first))
    assert isinstance(ended[0], JobFailed | ContentBlocked)
    assert isinstance(ended[1], mk.Result)
    results = client.run_takes(sample_request(), 2, via=ACCOUNT)
    assert all(isinstance(one, mk.Result) for one in results)
    family = client.jobs.list()[0].family
    assert keys(client) == [f"{family}-1", f"{family}-2", f"{family}-1~2"]
    assert [one.take for one in client.jobs.list()] == [1, 2, 1]
    again = client.submit_takes(sample_request(), 2, via=ACCOUNT)
    assert again == [one.job for one in results if isinstance(one, mk.Result)]
    assert stage.bought() == 3


def test_a_key_names_the_take_whose_job_failed(client: Client, stage: MemoryStage) -> None:
    stage.arrange(Situation.JOB_FAILS)
    client.run_takes(sample_request(), 1, via=ACCOUNT, key="order")
    stage.vendor.pending.clear()
    results = client.run_takes(sample_request(), 2, via=ACCOUNT, key="order")
    assert isinstance(results[0], JobFailed)
    assert isinstance(results[1], mk.Result)
    assert keys(client) == ["order-1", "order-2"]


def test_a_route_pays_for_another_try_of_a_take(
    options: dict[str, Any], stage: MemoryStage
) -> None:
    fail_first(options, stage)
    with Client(**options) as client:
        results = client.run_takes(sample_request(), 2, via="r", key="order")
        assert all(isinstance(one, mk.Result) for one in results)
        assert keys(client) == ["order-1", "order-2", "order-1~2", "order-2~2"]


def test_a_submit_that_never_left_is_made_when_the_call_is_made_again(
    options: dict[str, Any], stage: MemoryStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken, Client(**options) as client:
        broken.setattr(
            "motionkit.journal.Journal.sending",
            lambda *_: (_ for _ in ()).throw(KeyboardInterrupt),
        )
        with pytest.raises(KeyboardInterrupt):
            client.submit_takes(sample_request(), 2, via=ACCOUNT)
        (entry,) = client.jobs.list()
        assert entry.state is KeyState.INTENDED
    with Client(**options) as client:
        plan = client.plan_takes(sample_request(), 2, via=ACCOUNT)
        assert (len(plan.missing), plan.high) == (2, 2 * PRICE)
        jobs = jobs_of(client.submit_takes(sample_request(), 2, via=ACCOUNT))
        assert jobs[0].key == entry.key
    assert stage.bought() == 2


def test_two_calls_at_once_buy_each_take_once(
    options: dict[str, Any], stage: MemoryStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one buys between this one's look into the journal and its first submit."""
    original, others = Memory.prepare, []

    def prepare(self: Memory, fitted: Any, *, dry: bool = False) -> Submission:
        if not dry and not others:
            others.append(None)
            with Client(**options) as other:
                others[0] = other.submit_takes(sample_request(), 2, via=ACCOUNT)
        return original(self, fitted, dry=dry)

    monkeypatch.setattr(Memory, "prepare", prepare)
    with Client(**options) as client:
        assert client.submit_takes(sample_request(), 2, via=ACCOUNT) == others[0]
    assert stage.bought() == 2


def test_takes_of_one_request_in_two_families_are_all_found(
    client: Client, stage: MemoryStage
) -> None:
    first: PurchaseRecord = client.jobs.get(
        jobs_of(client.submit_takes(sample_request(), 1, via=ACCOUNT, key="a"))[0].key
    )
    client.submit_takes(sample_request(), 2, via=ACCOUNT, key="b")
    found = jobs_of(client.submit_takes(sample_request(), 2, via=ACCOUNT))
    assert [job.key for job in found] == ["b-1", "b-2"]
    assert first.key == "a-1"
    assert stage.bought() == 3


def test_each_take_has_its_number_in_its_files_name(client: Client, tmp_path: Path) -> None:
    out = tmp_path / "film.mp4"
    client.submit_takes(sample_request(), 2, via=ACCOUNT, out=out)
    assert [one.out for one in client.jobs.list()] == [
        str(tmp_path / "film-1.mp4"),
        str(tmp_path / "film-2.mp4"),
    ]


def test_takes_do_not_share_a_file_whose_name_has_the_placeholders_word(client: Client) -> None:
    client.submit_takes(sample_request(), 2, via=ACCOUNT, out="{{take}}.mp4")
    assert len({one.out for one in client.jobs.list()}) == 2
