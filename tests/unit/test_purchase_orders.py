"""From a request to one purchase: found again, remembered, waited for, cancelled."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import attrs
import pytest
from engine_support import PATIENCE
from ledger import Place, change
from patience import until

from motionkit._support.redaction import Secret
from motionkit.client.aio import AsyncClient
from motionkit.client.client import Client
from motionkit.config import Account, Config, Defaults, Route
from motionkit.errors import (
    Billed,
    Busy,
    InvalidRequest,
    JobFailed,
    MotionKitError,
    ProviderUnavailable,
    RateLimited,
    SubmitUncertain,
)
from motionkit.journal.entries import PurchaseRecord
from motionkit.journal.journal import Journal
from motionkit.model import probe
from motionkit.model.job import Job, KeyState, State
from motionkit.model.money import Balance
from motionkit.model.submission import Submission
from motionkit.provider import Fit, Uploads, contract, fit
from motionkit.purchase import BuyOptions, compare, submit
from motionkit.purchase.jobs import Jobs
from motionkit.testing.memory import Memory, Settings, Vendor
from motionkit.testing.stage import (
    ACCOUNT,
    JOB_SECONDS,
    Situation,
    Time,
    sample_request,
)

OTHER = "other"
ROUTE = Route(name="r", targets=(ACCOUNT,))
BOTH = Route(name="both", targets=(ACCOUNT, OTHER))


class Crowded(Memory):
    """A vendor that runs so many jobs an account, and refuses as it is told."""

    limit: int | None = None
    refusals: list[MotionKitError]
    refusing = frozenset({ACCOUNT})
    asked: list[str]
    made = 0
    key = ""

    def __init__(self, account: str, settings: Settings, uploads: Uploads) -> None:
        super().__init__(account, settings, uploads)
        self.fingerprint += f"-{account}-{self.key}"

    def prepare(self, fitted: Fit, *, dry: bool = False) -> Submission:
        if not dry:
            type(self).made += 1
        return super().prepare(fitted, dry=dry)

    def submit(self, submission: Submission, attempt_id: str) -> Job:
        self.asked.append(self.account)
        if self.refusals and self.account in self.refusing:
            raise self.refusals.pop(0)
        open_jobs = [due for due, _ in self._vendor.jobs.values() if due > self._vendor.now]
        if self.limit is not None and len(open_jobs) >= self.limit:
            raise Busy(f"{self.limit} jobs run", account=self.account)
        return super().submit(submission, attempt_id)


@attrs.define
class Shop:
    """Two accounts at two crowded vendors, a journal, and time that moves when somebody sleeps."""

    folder: Path
    journal: Place
    vendors: dict[str, Vendor]
    kind: type[Crowded]
    slept: list[float] = attrs.field(factory=list)

    def client(
        self,
        *routes: Route,
        defaults: Defaults | None = None,
        slots: int | None = None,
        on_sleep: Callable[[], None] = lambda: None,
        **more: Any,
    ) -> Client:
        return Client(
            **self.options(*routes, defaults=defaults, slots=slots, on_sleep=on_sleep), **more
        )

    def options(
        self,
        *routes: Route,
        defaults: Defaults | None = None,
        slots: int | None = None,
        on_sleep: Callable[[], None] = lambda: None,
    ) -> dict[str, Any]:
        def passing(seconds: float) -> None:
            self.slept.append(seconds)
            for vendor in self.vendors.values():
                vendor.now += seconds
            on_sleep()

        time = Time(passing)
        accounts = {
            name: Account(
                name,
                "memory",
                Settings(
                    api_key=Secret("memory-key-0123456789"), vendor=vendor, max_concurrent=slots
                ),
            )
            for name, vendor in self.vendors.items()
        }
        config = Config(
            accounts=accounts,
            defaults=defaults or Defaults(),
            journal=self.journal,
            routes={route.name: route for route in routes},
        )
        return {
            "config": config,
            "provider_classes": {"memory": self.kind},
            "sleep": time.sleep,
            "clock": time,
            "spread": lambda: 0.5,
        }

    def bought(self) -> tuple[int, ...]:
        return tuple(len(vendor.jobs) for vendor in self.vendors.values())

    def change(self, statement: str, **values: Any) -> None:
        """Change the journal behind its back."""
        change(self.journal, statement, **values)


@pytest.fixture
def shop(tmp_path: Path, database: Place) -> Shop:
    kind = type("Crowded", (Crowded,), {"limit": None, "refusals": [], "asked": [], "made": 0})
    return Shop(tmp_path, database, {ACCOUNT: Vendor(), OTHER: Vendor()}, kind)


def delivered(client: Client, folder: Path, **how: Any) -> Job:
    """Buy the sample and let its file be written down as delivered."""
    how.setdefault("via", ACCOUNT)
    job = client.submit(sample_request(), **how)
    client.wait(job)
    client._journal.delivered(job, folder / "out.mp4", "0" * 64)
    return job


# A key after a paid retry.


def test_after_a_paid_retry_the_key_names_the_job_that_was_paid_last(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    paying = attrs.evolve(ROUTE, paid_retries=1)
    vendor = shop.vendors[ACCOUNT]
    with shop.client(paying) as client:
        vendor.pending.append(Situation.JOB_FAILS)
        order = client._order(sample_request(), BuyOptions(via="r", key="order-17"))
        vendor.pending.clear()
        with pytest.raises(JobFailed) as failed:
            client.wait(order.job)
        with caplog.at_level(logging.INFO, "motionkit"):
            paid = client._order_again(order, order.job, failed.value)
        assert f"the job at {ACCOUNT} failed; paying for another try" in caplog.text
        assert "nothing was bought" not in caplog.text
        assert client.wait(paid).job == paid

        assert client.run(sample_request(), via="r", key="order-17").job == paid
        assert client.submit(sample_request(), via=ACCOUNT, key="order-17") == paid
        assert client.jobs.get("order-17").job == paid
        assert client.jobs.get("order-1").job == paid
        assert client.jobs.get(order.job.id).job == order.job
        assert shop.bought() == (2, 0)


def test_a_paid_retry_that_was_refused_leaves_the_key_with_the_job_that_was_paid(
    shop: Shop,
) -> None:
    paying = attrs.evolve(ROUTE, paid_retries=1)
    with shop.client(paying) as client:
        shop.vendors[ACCOUNT].pending.append(Situation.JOB_FAILS)
        order = client._order(sample_request(), BuyOptions(via="r", key="order-17"))
        with pytest.raises(JobFailed) as failed:
            client.wait(order.job)
        shop.kind.refusals.append(InvalidRequest("no"))
        with pytest.raises(InvalidRequest):
            client._order_again(order, order.job, failed.value)
        assert client.jobs.get("order-17").job == order.job


# An identical request.


@pytest.mark.parametrize("word", [None, ACCOUNT, f"{ACCOUNT}/memory", "r", "both", OTHER])
def test_an_uncertain_request_is_found_whatever_word_names_it(shop: Shop, word: str | None) -> None:
    shop.vendors[ACCOUNT].pending.append(Situation.SUBMIT_5XX)
    with shop.client(ROUTE, BOTH) as client:
        with pytest.raises(SubmitUncertain):
            client.submit(sample_request(), via=ACCOUNT)
        with pytest.raises(SubmitUncertain):
            client.submit(sample_request(), via=word)
    assert shop.bought() == (1, 0)


@pytest.mark.parametrize("word", [None, f"{ACCOUNT}/memory", "r", OTHER])
def test_an_unfinished_request_is_found_whatever_word_names_it(
    shop: Shop, word: str | None
) -> None:
    with shop.client(ROUTE) as client:
        job = client.submit(sample_request(), via=ACCOUNT)
        assert client.submit(sample_request(), via=word) == job
        assert client.submit(sample_request(quality="720p"), via=word) != job


def test_what_an_earlier_version_wrote_under_a_word_is_found_too(shop: Shop) -> None:
    request = sample_request()
    told = {
        "operation": "mimic",
        "via": ACCOUNT,
        "media": {name: one.sha256 for name, one in fit.inspect(request).items()},
        "extra": {},
        "values": {"quality": "540p"},
    }
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    written = hashlib.sha256(text.encode()).hexdigest()
    with shop.client(ROUTE) as client:
        job = client.submit(request, via=ACCOUNT, key="order-17")
        shop.change("UPDATE purchases SET request=:written", written=written)
        assert client.submit(request, via=f"{ACCOUNT}/memory") == job
        assert client.submit(request, via="r", key="order-17") == job


# What was bought not long ago.


@pytest.mark.parametrize("word", [None, ACCOUNT, f"{ACCOUNT}/memory", "r", "both"])
def test_what_was_delivered_not_long_ago_returns_its_job_and_says_so(
    shop: Shop, word: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    with shop.client(ROUTE, BOTH) as client:
        job = delivered(client, shop.folder)
        with caplog.at_level(logging.WARNING, "motionkit"):
            assert client.submit(sample_request(), via=word) == job
        (record,) = [one.getMessage() for one in caplog.records if "same request" in one.message]
        assert "out.mp4" in record
        assert "again=True" in record
        assert client.run(sample_request(), via=word).job == job
    assert shop.bought() == (1, 0)


@pytest.mark.parametrize(
    "how", [{"again": True}, {"key": "another"}, {"via": OTHER}], ids=["again", "key", "via"]
)
def test_what_was_delivered_is_bought_again_by_again_another_key_or_another_target(
    shop: Shop, how: dict[str, Any]
) -> None:
    with shop.client() as client:
        job = delivered(client, shop.folder)
        assert client.submit(sample_request(), **{"via": ACCOUNT, **how}) != job
    assert sum(shop.bought()) == 2


def test_nothing_that_was_delivered_is_remembered_with_0(shop: Shop) -> None:
    with shop.client(defaults=Defaults(remember=0.0)) as client:
        assert delivered(client, shop.folder) != delivered(client, shop.folder)


def test_what_was_delivered_is_remembered_for_so_long_and_no_longer(shop: Shop) -> None:
    with shop.client(defaults=Defaults(remember=3600.0)) as client:
        job = delivered(client, shop.folder)
        shop.change("UPDATE attempts SET first_sent=first_sent-3590")
        assert client.submit(sample_request(), via=ACCOUNT) == job
        shop.change("UPDATE attempts SET first_sent=first_sent-20")
        assert client.submit(sample_request(), via=ACCOUNT) != job


def test_another_key_at_the_vendor_is_another_target(shop: Shop) -> None:
    with shop.client() as client:
        job = delivered(client, shop.folder)
    shop.kind.key = "another"
    with shop.client() as client:
        assert client.submit(sample_request(), via=ACCOUNT) != job


@pytest.mark.parametrize(
    "ending", [Situation.JOB_FAILS, Situation.JOB_BLOCKED, Situation.JOB_GONE], ids=str
)
def test_what_ended_without_a_result_is_not_held(shop: Shop, ending: Situation) -> None:
    shop.vendors[ACCOUNT].pending.append(ending)
    with shop.client() as client:
        job = client.submit(sample_request(), via=ACCOUNT)
        with pytest.raises(MotionKitError):
            client.wait(job)
        shop.vendors[ACCOUNT].pending.clear()
        assert client.submit(sample_request(), via=ACCOUNT) != job


@pytest.mark.parametrize("word", [ACCOUNT, "r"])
def test_a_submit_that_waited_finds_what_another_process_bought_meanwhile(
    shop: Shop, word: str
) -> None:
    others: list[Job] = []

    def buy_elsewhere() -> None:
        if not others:
            with shop.client() as other:
                others.append(delivered(other, shop.folder))

    shop.kind.refusals.append(Busy("5 jobs run"))
    with shop.client(ROUTE, on_sleep=buy_elsewhere) as client:
        job = client.submit(sample_request(), via=word)
    assert others == [job]
    assert shop.bought() == (1, 0)


# A crash between the intention and the call.


@pytest.mark.parametrize("word", [ACCOUNT, "r"])
@pytest.mark.parametrize("key", ["order-17", None])
def test_after_a_crash_before_the_call_left_the_same_request_buys_at_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, word: str, key: str | None
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with shop.client(ROUTE) as client:
        with monkeypatch.context() as dying:
            dying.setattr(Journal, "sending", die)
            with pytest.raises(Killed):
                client.submit(sample_request(), via=word, key=key)
        (entry,) = client.jobs.list()
        assert entry.state is KeyState.INTENDED
        monkeypatch.setattr(Journal, "alive", lambda *_: False)
        job = client.submit(sample_request(), via=word, key=key)
        assert job.key == entry.key
        assert shop.bought() == (1, 0)


# Waiting for a slot.

PASSING: Mapping[str, Callable[[], MotionKitError]] = {
    "busy": lambda: Busy("5 jobs run"),
    "too many calls": lambda: RateLimited("slow down", retry_after=20.0),
    "overload": lambda: ProviderUnavailable("high load", passing=True),
}


@pytest.mark.parametrize("refusal", PASSING)
@pytest.mark.parametrize("word", [ACCOUNT, "r", "both"])
def test_a_refusal_that_passes_is_waited_for_by_default(
    shop: Shop, word: str, refusal: str, caplog: pytest.LogCaptureFixture
) -> None:
    shop.kind.refusals += [PASSING[refusal](), PASSING[refusal]()]
    with shop.client(ROUTE, BOTH) as client, caplog.at_level(logging.INFO, "motionkit"):
        job = client.submit(sample_request(), via=word)
    assert job.account == ACCOUNT
    assert shop.kind.asked == [ACCOUNT] * 3
    assert f"{ACCOUNT}: {PASSING[refusal]().message}; nothing was bought" in caplog.text
    assert "waiting up to 600 s for a slot" in caplog.text
    assert "; trying" not in caplog.text
    assert shop.kind.made == 1  # what was uploaded survives the wait


@pytest.mark.parametrize("refusal", PASSING)
def test_the_next_target_is_tried_when_the_wait_is_over(shop: Shop, refusal: str) -> None:
    shop.kind.refusals += [PASSING[refusal]() for _ in range(3)]
    with shop.client(BOTH) as client:
        job = client.submit(sample_request(), via="both", wait_for_slot=30)
    assert job.account == OTHER
    assert shop.kind.asked[-1] == OTHER
    assert 0 < sum(shop.slept) <= 30


@pytest.mark.parametrize("refusal", PASSING)
@pytest.mark.parametrize("word", [ACCOUNT, "r"])
def test_no_wait_for_a_slot_refuses_at_once(shop: Shop, word: str, refusal: str) -> None:
    shop.kind.refusals.append(PASSING[refusal]())
    error = PASSING[refusal]()
    with shop.client(ROUTE) as client, pytest.raises(type(error)) as caught:
        client.submit(sample_request(), via=word, wait_for_slot=0)
    assert caught.value.billed is Billed.NO
    assert shop.slept == []
    assert shop.bought() == (0, 0)


def test_an_outage_is_not_waited_for_where_there_is_another_target(shop: Shop) -> None:
    shop.kind.refusals.append(ProviderUnavailable("not a byte left"))
    with shop.client(BOTH) as client:
        assert client.submit(sample_request(), via="both").account == OTHER
    assert shop.slept == []


@pytest.mark.parametrize(
    ("route", "seconds"), [(ROUTE, 90.0), (attrs.evolve(ROUTE, wait_for_slot=30.0), 30.0)]
)
def test_a_route_waits_as_it_says_itself_or_else_as_the_defaults_say(
    shop: Shop, route: Route, seconds: float
) -> None:
    shop.kind.limit = 0
    default = Defaults(wait_for_slot=90.0)
    with shop.client(route, defaults=default) as client, pytest.raises(Busy):
        client.submit(sample_request(), via="r")
    assert 0 < sum(shop.slept) <= seconds
    assert sum(shop.slept) > seconds / 3


def test_on_busy_next_tries_the_next_target_at_once(shop: Shop) -> None:
    shop.kind.refusals.append(Busy("5 jobs run"))
    with shop.client(attrs.evolve(BOTH, on_busy="next")) as client:
        assert client.submit(sample_request(), via="both").account == OTHER
    assert shop.slept == []


def test_on_busy_next_waits_when_every_target_is_busy(shop: Shop) -> None:
    shop.kind.refusals += [Busy("5 jobs run"), Busy("5 jobs run")]
    shop.kind.refusing = frozenset({ACCOUNT, OTHER})
    with shop.client(attrs.evolve(BOTH, on_busy="next")) as client:
        client.submit(sample_request(), via="both")
    assert shop.kind.asked[:2] == [ACCOUNT, OTHER]
    assert len(shop.kind.asked) == 3
    assert shop.slept


@pytest.mark.parametrize("slots", [5, None], ids=["counted here", "counted by the vendor"])
@pytest.mark.parametrize("word", [None, ACCOUNT, "r", "both"])
def test_twelve_submits_of_one_thread_get_through_five_slots_while_nobody_polls(
    shop: Shop, word: str | None, slots: int | None
) -> None:
    shop.kind.limit = 5
    with shop.client(ROUTE, BOTH, slots=slots) as client:
        jobs = [client.submit(sample_request(), via=word, key=f"k-{n}") for n in range(12)]
        assert {job.account for job in jobs} == {ACCOUNT}
        assert len({job.id for job in jobs}) == 12
        if slots is not None:
            assert shop.kind.asked == [ACCOUNT] * 12  # the count is waited out before asking


def test_a_full_account_is_not_asked_and_a_slot_that_is_free_is_not_waited_for(
    shop: Shop,
) -> None:
    with shop.client(BOTH, slots=2) as client:
        for number in range(2):
            client.submit(sample_request(), via=ACCOUNT, key=f"k-{number}")
            assert shop.slept == []
        third = client.submit(sample_request(), via="both", key="k-2", wait_for_slot=0)
    assert third.account == OTHER
    assert shop.kind.asked == [ACCOUNT, ACCOUNT, OTHER]


def test_jobs_that_ended_are_noticed_before_an_account_counts_as_full(shop: Shop) -> None:
    with shop.client(BOTH, slots=1) as client:
        first = client.submit(sample_request(), via=ACCOUNT, key="k-1")
        for vendor in shop.vendors.values():
            vendor.now += JOB_SECONDS
        second = client.submit(sample_request(), via="both", key="k-2", wait_for_slot=0)
        assert (first.account, second.account) == (ACCOUNT, ACCOUNT)
        assert client.jobs.get("k-1").state is State.SUCCEEDED


def test_an_account_at_its_max_concurrent_refuses_at_once_where_nobody_waits(shop: Shop) -> None:
    with shop.client(slots=1) as client:
        client.submit(sample_request(), via=ACCOUNT, key="k-1")
        with pytest.raises(Busy, match="max_concurrent = 1") as caught:
            client.submit(sample_request(), via=ACCOUNT, key="k-2", wait_for_slot=0)
        assert caught.value.billed is Billed.NO
        assert [entry.key for entry in client.jobs.list()] == ["k-1"]
    assert shop.slept == []


def test_an_account_that_cannot_be_polled_is_left_to_its_vendor_after_the_wait(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ProviderUnavailable("the network is down")

    with shop.client(slots=1) as client:
        client.submit(sample_request(), via=ACCOUNT, key="k-1")
        monkeypatch.setattr(shop.kind, "poll", fail)
        client.submit(sample_request(), via=ACCOUNT, key="k-2", wait_for_slot=60)
    assert 55 <= sum(shop.slept) <= 60


@pytest.mark.parametrize("word", [ACCOUNT, "r"])
def test_submits_of_many_threads_at_once_take_no_more_slots_than_there_are(
    shop: Shop, word: str
) -> None:
    together = threading.Barrier(12)
    refused: list[MotionKitError] = []

    def submit(client: Client, number: int) -> None:
        together.wait(PATIENCE)
        try:
            client.submit(sample_request(), via=word, key=f"k-{number}", wait_for_slot=0)
        except MotionKitError as error:
            refused.append(error)

    with shop.client(ROUTE, slots=5) as first, shop.client(ROUTE, slots=5) as second:
        threads = [
            threading.Thread(target=submit, args=(client, number))
            for number, client in enumerate([first, second] * 6)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join(PATIENCE)
    assert shop.kind.asked == [ACCOUNT] * 5
    assert [error.billed for error in refused] == [Billed.NO] * 7


def test_a_slot_that_is_taken_while_a_target_is_tried_leads_to_the_next_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    balance = shop.kind.balance

    with shop.client(BOTH, slots=1) as client, shop.client(BOTH, slots=1) as other:

        def slow(self: Crowded) -> Balance:
            monkeypatch.setattr(shop.kind, "balance", balance)
            other.submit(sample_request(), via=ACCOUNT, key="faster")
            return balance(self)

        monkeypatch.setattr(shop.kind, "balance", slow)
        job = client.submit(sample_request(), via="both", key="slower", wait_for_slot=0)
        assert job.account == OTHER
        assert client.circuits() == []
    assert shop.kind.asked == [ACCOUNT, OTHER]


STRICT = Route(name="strict", targets=(ACCOUNT,), fall_back_on=("unavailable",), wait_for_slot=30.0)


def test_a_route_that_does_not_fall_back_on_busy_ends_with_it_and_asks_no_vendor(
    shop: Shop,
) -> None:
    with shop.client(STRICT, slots=1) as client:
        client.submit(sample_request(), via=ACCOUNT, key="k-1")
        with pytest.raises(Busy, match="max_concurrent = 1") as caught:
            client.submit(sample_request(), via="strict", key="k-2")
        assert caught.value.billed is Billed.NO
        assert client.circuits() == []
    assert sum(shop.slept) == 30.0
    assert shop.kind.asked == [ACCOUNT]


def test_a_route_leaves_an_account_that_cannot_be_polled_to_its_vendor_after_the_wait(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ProviderUnavailable("the network is down")

    with shop.client(STRICT, slots=1) as client:
        client.submit(sample_request(), via=ACCOUNT, key="k-1")
        monkeypatch.setattr(shop.kind, "poll", fail)
        client.submit(sample_request(), via="strict", key="k-2")
    assert sum(shop.slept) == 30.0
    assert shop.kind.asked == [ACCOUNT, ACCOUNT]


def test_a_rate_limit_is_shared_with_the_jobs_of_other_clients(shop: Shop) -> None:
    """Ten jobs run, whoever waits for them: each is polled as often as ten can be."""

    def config(options: dict[str, Any]) -> dict[str, Any]:
        accounts = {
            name: attrs.evolve(one, settings=attrs.evolve(one.settings, rpm=6))
            for name, one in options["config"].accounts.items()
        }
        return {**options, "config": attrs.evolve(options["config"], accounts=accounts)}

    with Client(**config(shop.options())) as other:
        jobs = [
            other.submit(sample_request(), via=ACCOUNT, key=f"k-{number}") for number in range(10)
        ]
    with Client(**config(shop.options())) as client:
        alone = client._observer.gap(jobs[0], JOB_SECONDS, 1)
    for vendor in shop.vendors.values():
        vendor.now += JOB_SECONDS
    with Client(**config(shop.options())) as client:
        for job in jobs[1:]:
            client.poll(job)
    with Client(**config(shop.options())) as client:
        left = client._observer.gap(jobs[0], JOB_SECONDS, 1)
    assert alone >= 100.0
    assert left <= 15.0


@pytest.mark.parametrize("word", [ACCOUNT, "r"])
def test_an_upload_that_went_stale_is_made_afresh_at_a_target_and_behind_a_route(
    shop: Shop, word: str
) -> None:
    shop.kind.refusals += [Busy("5 jobs run"), InvalidRequest("no such upload", stale=True)]
    with shop.client(ROUTE) as client:
        client.submit(sample_request(), via=word)
    assert shop.kind.made == 2


# Giving up.


def waiting_shop(shop: Shop) -> threading.Event:
    """Let the vendor be full, and tell when it has said so."""
    told = threading.Event()

    def refuse(self: Crowded, submission: Submission, attempt_id: str) -> Job:
        if shop.kind.limit == 0:
            told.set()
            raise Busy("0 jobs run")
        return Memory.submit(self, submission, attempt_id)

    shop.kind.limit = 0
    shop.kind.submit = refuse  # type: ignore[method-assign]
    return told


def real(shop: Shop) -> dict[str, Any]:
    return {
        name: value for name, value in shop.options(ROUTE).items() if name not in {"sleep", "clock"}
    }


@pytest.mark.parametrize("word", [ACCOUNT, "r"])
def test_a_cancelled_coroutine_that_waits_for_a_slot_buys_nothing(shop: Shop, word: str) -> None:
    told = waiting_shop(shop)

    async def main() -> None:
        async with AsyncClient(**real(shop)) as client:
            task = asyncio.create_task(client.submit(sample_request(), via=word))
            assert await asyncio.to_thread(told.wait, PATIENCE)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            shop.kind.limit = None
        # closing has waited for the threads

    asyncio.run(main())
    assert shop.bought() == (0, 0)


def test_a_coroutine_that_is_cancelled_while_it_uploads_buys_nothing(shop: Shop) -> None:
    uploading, go_on = threading.Event(), threading.Event()

    def slow(self: Crowded, fitted: Fit, *, dry: bool = False) -> Submission:
        uploading.set()
        assert go_on.wait(PATIENCE)
        return Memory.prepare(self, fitted, dry=dry)

    shop.kind.prepare = slow  # type: ignore[method-assign]

    async def main() -> None:
        async with AsyncClient(**real(shop)) as client:
            task = asyncio.create_task(client.submit(sample_request(), via=ACCOUNT))
            assert await asyncio.to_thread(uploading.wait, PATIENCE)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            go_on.set()

    asyncio.run(main())
    assert shop.bought() == (0, 0)


def test_a_coroutine_that_is_cancelled_in_the_paid_call_leaves_its_job_in_the_journal(
    shop: Shop,
) -> None:
    sending, go_on = threading.Event(), threading.Event()

    def slow(self: Crowded, submission: Submission, attempt_id: str) -> Job:
        sending.set()
        assert go_on.wait(PATIENCE)
        return Memory.submit(self, submission, attempt_id)

    shop.kind.submit = slow  # type: ignore[method-assign]

    async def main() -> None:
        async with AsyncClient(**real(shop)) as client:
            task = asyncio.create_task(client.submit(sample_request(), via=ACCOUNT, key="k"))
            assert await asyncio.to_thread(sending.wait, PATIENCE)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            go_on.set()

    asyncio.run(main())
    assert shop.bought() == (1, 0)
    with shop.client() as client:
        assert client.jobs.get("k").job is not None


@pytest.mark.parametrize("word", [ACCOUNT, "r"])
@pytest.mark.parametrize("slots", [None, 1], ids=["the vendor's word", "the journal's count"])
def test_closing_the_client_ends_a_wait_for_a_slot(
    shop: Shop, word: str, slots: int | None
) -> None:
    told = waiting_shop(shop)
    options = real(shop)
    if slots is not None:
        shop.kind.limit = None
        options = {**options, "config": shop.options(ROUTE, slots=1)["config"]}
        with shop.client(slots=1) as other:
            other.submit(sample_request(), via=ACCOUNT, key="first")

        def poll(self: Crowded, job: Job) -> Any:
            told.set()
            return Memory.poll(self, job)

        shop.kind.poll = poll  # type: ignore[method-assign, assignment]
    before = shop.bought()
    ended: list[MotionKitError] = []
    client = Client(**options)

    def submit() -> None:
        try:
            client.submit(sample_request(), via=word, key="second")
        except MotionKitError as error:
            ended.append(error)

    thread = threading.Thread(target=submit)
    thread.start()
    assert told.wait(PATIENCE)
    client.close()
    thread.join(PATIENCE)
    (error,) = ended
    assert error.billed is Billed.NO
    assert "the client was closed" in error.message
    assert shop.bought() == before


@pytest.mark.parametrize("word", [ACCOUNT, "r"])
def test_ctrl_c_while_a_slot_is_waited_for_buys_nothing(shop: Shop, word: str) -> None:
    def press() -> None:
        raise KeyboardInterrupt

    shop.kind.limit = 0
    with shop.client(ROUTE, on_sleep=press) as client:
        with pytest.raises(KeyboardInterrupt):
            client.submit(sample_request(), via=word, key="k")
        assert client.jobs.get("k").state is KeyState.REFUSED
    assert shop.bought() == (0, 0)


def test_closing_the_coroutines_client_ends_a_wait_for_a_slot_and_lets_a_paid_call_end(
    shop: Shop,
) -> None:
    told = waiting_shop(shop)
    sending, go_on = threading.Event(), threading.Event()
    refuse = shop.kind.submit

    def submit(self: Crowded, submission: Submission, attempt_id: str) -> Job:
        if self.account == ACCOUNT:
            return refuse(self, submission, attempt_id)
        sending.set()
        assert go_on.wait(PATIENCE)
        return Memory.submit(self, submission, attempt_id)

    shop.kind.submit = submit  # type: ignore[method-assign]

    async def main() -> list[Job | BaseException]:
        client = AsyncClient(**real(shop))
        tasks = [
            asyncio.create_task(client.submit(sample_request(), via=name, key=name))
            for name in (ACCOUNT, OTHER)
        ]
        for event in (told, sending):
            assert await asyncio.to_thread(event.wait, PATIENCE)
        closing = asyncio.create_task(client.close())
        (waited,) = await asyncio.gather(tasks[0], return_exceptions=True)
        assert isinstance(waited, MotionKitError)  # and the other still sends
        assert "the client was closed" in waited.message
        go_on.set()
        await closing
        return await asyncio.gather(*tasks, return_exceptions=True)

    _, paid = asyncio.run(main())
    assert isinstance(paid, Job)
    assert shop.bought() == (0, 1)


# What a routed purchase does right before and after the paid call.


def test_a_routed_purchase_asks_for_the_balance_before_it_uploads(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("prepare", "balance", "submit"):
        real = getattr(shop.kind, name)

        def noted(
            self: Crowded, *given: Any, _name: str = name, _real: Any = real, **by: Any
        ) -> Any:
            calls.append(_name)
            return _real(self, *given, **by)

        monkeypatch.setattr(shop.kind, name, noted)
    with shop.client(ROUTE) as client:
        client.submit(sample_request(), via="r")
    assert calls == ["balance", "prepare", "submit"]


@pytest.mark.parametrize(("on_busy", "bought"), [("wait", (0, 0)), ("next", (0, 1))])
def test_who_waits_itself_is_not_sent_on_by_a_busy_account_unless_the_route_says_so(
    shop: Shop, on_busy: Any, bought: tuple[int, int]
) -> None:
    route = attrs.evolve(BOTH, on_busy=on_busy)
    options = BuyOptions(via=route.name, wait_for_slot=0.0, waits_itself=True)
    shop.kind.refusals.append(Busy("5 jobs run"))
    with shop.client(route) as client:
        if bought == (0, 0):
            with pytest.raises(Busy):
                client._checkout.order(sample_request(), options)
        else:
            client._checkout.order(sample_request(), options)
    assert shop.bought() == bought


def test_an_error_that_may_have_been_billed_opens_no_circuit(shop: Shop) -> None:
    def fail(*_: object) -> None:
        raise ProviderUnavailable("nobody knows", billed=Billed.UNKNOWN)

    shop.kind.balance = fail  # type: ignore[method-assign, assignment]
    with shop.client(BOTH) as client:
        with pytest.raises(MotionKitError):
            client.submit(sample_request(), via="both")
        assert not client._journal.caches.cooldowns()
    assert shop.bought() == (0, 0)


def test_a_purchase_that_another_one_submits_again_after_its_refusal_is_waited_for(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look that finds it refused and the next one it is submitted again."""
    with shop.client() as client:
        shop.kind.refusals.append(Busy("5 jobs run"))
        with pytest.raises(Busy):
            client.submit(sample_request(), via=ACCOUNT, key="k", wait_for_slot=0)
        refused = client.jobs.get("k")
        bought = client.submit(sample_request(), via=ACCOUNT, key="k")
        real, answers = Jobs.resume, [InvalidRequest("k was refused")]

        def resume(self: Jobs, entry: PurchaseRecord) -> Job:
            if answers:
                raise answers.pop()
            return real(self, entry)

        monkeypatch.setattr(Jobs, "resume", resume)
        assert client._checkout._bought(refused) == bought


def test_two_that_wait_for_a_slot_for_one_request_buy_it_once(shop: Shop) -> None:
    """One finds the other in the middle of a submit that is then refused, and waits as well."""
    told = waiting_shop(shop)
    pauses = threading.Event()

    def sleep(_: float) -> None:
        assert pauses.wait(PATIENCE)
        until(lambda: not submit._IN_FLIGHT)  # a wait for the other's submit counts its pauses

    jobs: list[Job] = []
    with Client(**real(shop), sleep=sleep) as one, Client(**real(shop), sleep=sleep) as two:

        def run(client: Client) -> None:
            jobs.append(client.submit(sample_request(), via=ACCOUNT))

        threads = [threading.Thread(target=run, args=(client,)) for client in (one, two)]
        for thread in threads:
            thread.start()
        assert told.wait(PATIENCE)
        shop.kind.limit = None
        pauses.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert len(jobs) == 2
    assert jobs[0] == jobs[1]
    assert shop.bought() == (1, 0)


# The straight way of a request.


@pytest.mark.parametrize("via", [ACCOUNT, "both"])
def test_a_submit_reads_each_file_once_and_fits_each_target_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, via: str
) -> None:
    calls: list[str] = []

    def counted(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*given: Any, **options: Any) -> Any:
            calls.append(name)
            return real(*given, **options)

        monkeypatch.setattr(owner, name, call)

    counted(probe, "inspect")
    counted(contract, "fit")
    counted(compare, "quote_fit")
    with shop.client(BOTH) as client:
        client.submit(sample_request(), via=via)
    targets = 1 if via == ACCOUNT else 2
    assert sorted(calls) == ["fit"] * targets + ["inspect"] * 2 + ["quote_fit"] * targets


def test_facts_that_are_handed_down_are_not_read_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = sample_request()
    facts = fit.inspect(request)

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a file was read again")

    monkeypatch.setattr(probe, "inspect", refuse)
    with shop.client(ROUTE) as client:
        assert client.bought_before(request, via="r", facts=facts) is None
        assert client.explain(request, via="r", facts=facts).refused is None
        assert client.submit(request, via="r", facts=facts).account == ACCOUNT
