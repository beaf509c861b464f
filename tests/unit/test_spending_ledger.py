"""`spend` and budgets say what the vendors' ledgers say, to the cent, over jobs of all endings."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from ledger import change
from support import submission

import motionkit as mk
from motionkit.errors import InvalidRequest, MotionKitError
from motionkit.journal import NewPurchase, check_journal
from motionkit.model.spending import SPEND_BY, Amounts, Spend, totals
from motionkit.sandbox import Sandbox, sample_clip, sample_picture

PIXVERSE, SEGMIND = "pixverse", "segmind"
NOON = dt.datetime(2026, 11, 18, 12, tzinfo=dt.UTC).timestamp()
JOBS = 200


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@attrs.define
class Shop:
    """A client with an account at each vendor, and what the vendors have in their ledgers."""

    client: mk.Client
    sandbox: Sandbox
    labels: dict[str, str]
    journal: Path
    request: mk.Mimic

    def ledger(self, vendor: str) -> dict[str, Any]:
        found = self.sandbox.ledger()["vendors"][vendor]["accounts"][self.labels[vendor]]
        assert isinstance(found, dict)
        return found

    def submit(self, via: str, key: str, *faults: str) -> mk.Job | None:
        for fault in faults:
            self.sandbox.fault(f"{fault}:vendor={via}")
        try:
            return self.client.submit(
                self.request,
                via="both" if int(key[1:]) % 5 == 0 and via == PIXVERSE else via,
                key=key,
                labels={"project": f"p{int(key[1:]) % 3}"},
                wait_for_slot=0,
            )
        except MotionKitError:
            return None
        finally:
            self.sandbox.clear_faults()

    def end(self, job: mk.Job | None, *faults: str) -> None:
        assert job is not None
        for fault in faults:
            self.sandbox.fault(f"{fault}:vendor={job.provider}")
        self.client.poll(job)
        self.sandbox.clear_faults()


@pytest.fixture
def shop(quick: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr("motionkit.journal.database.SQLiteStore.now", lambda _: NOON)
    monkeypatch.setattr("motionkit.purchase.submit.RESEND_PAUSE", 0.0)
    monkeypatch.setattr("motionkit.purchase.submit.resend_at", lambda *_: 0.0)
    monkeypatch.setattr("motionkit._support.backoff.FIRST_PAUSE", 0.0)
    labels = {}
    text = [
        f'journal = "{tmp_path / "journal.db"}"',
        '[defaults]\nbudget_usd = { day = "900.00", total = "1000.00" }',
        '[routes.both]\ntargets = ["pixverse", "segmind/pixverse-mimic"]',
        'fall_back_on = []\nbudget_usd = { month = "500.00" }',
    ]
    for vendor in (PIXVERSE, SEGMIND):
        labels[vendor] = label = uuid.uuid4().hex
        quick.add_account(vendor, f"key-{label}", label=label, balance="100000", concurrency=500)
        text.append(
            f'[accounts.{vendor}]\napi_key = "key-{label}"\nbase_url = "{quick.url}"\n'
            "max_concurrent = 400\nrpm = 1000000"
        )
    config = tmp_path / "motionkit.toml"
    config.write_text("\n".join(text))
    config.chmod(0o600)
    clip, picture = tmp_path / "a.mp4", tmp_path / "a.png"
    clip.write_bytes(sample_clip(2.0, height=64))
    picture.write_bytes(sample_picture())
    clock = Clock()
    with mk.Client(config, clock=clock, sleep=clock.sleep) as client:
        request = mk.Mimic(image=picture, video=clip, quality="540p")
        yield Shop(client, quick, labels, tmp_path / "journal.db", request)
    quick.clear_faults()


def succeeded(shop: Shop, via: str, key: str) -> None:
    job = shop.submit(via, key)
    shop.end(job)
    assert job is not None
    shop.client._journal.delivered(job, f"/films/{key}.mp4", "0" * 64)


def not_downloaded(shop: Shop, via: str, key: str) -> None:
    shop.end(shop.submit(via, key))


def given_up(shop: Shop, via: str, key: str) -> None:
    not_downloaded(shop, via, key)
    shop.client.jobs.forget(shop.client.jobs.get(key))


def failed(shop: Shop, via: str, key: str) -> None:
    shop.end(shop.submit(via, key, "fail:submit"))


def blocked(shop: Shop, via: str, key: str) -> None:
    shop.end(shop.submit(via, key, "moderate:submit"))


def refused(shop: Shop, via: str, key: str) -> None:
    code = {PIXVERSE: "refuse:submit:code=400017", SEGMIND: "refuse:submit:status=400"}[via]
    assert shop.submit(via, key, code) is None


def running(shop: Shop, via: str, key: str) -> None:
    shop.end(shop.submit(via, key, "stuck:submit"))


def queued(shop: Shop, via: str, key: str) -> None:
    assert shop.submit(via, key, "stuck:submit") is not None


def answered_late(shop: Shop, via: str, key: str) -> None:
    """The answer is lost; the vendor's memory or history has the job."""
    shop.end(shop.submit(via, key, "accept_then_reset:submit"))


LOST = ("accept_then_reset:submit:times=0", "refuse:history:status=503:times=0")


def uncertain(shop: Shop, via: str, key: str) -> None:
    assert shop.submit(via, key, *LOST[: 1 + (via == SEGMIND)]) is None


def lost_before(shop: Shop, via: str, key: str) -> None:
    """It never arrived, which the client cannot know."""
    assert shop.submit(via, key, "close:submit:times=0", *LOST[1 : 1 + (via == SEGMIND)]) is None


def resolved_as_charged(shop: Shop, via: str, key: str) -> None:
    uncertain(shop, via, key)
    shop.client.jobs.reconcile(shop.client.jobs.get(key), assume="charged")


def resolved_as_lost(shop: Shop, via: str, key: str) -> None:
    lost_before(shop, via, key)
    shop.client.jobs.reconcile(shop.client.jobs.get(key), assume="lost")


def gone(shop: Shop, via: str, key: str) -> None:
    shop.end(shop.submit(via, key), "expire:poll")


def dearer(shop: Shop, via: str, key: str) -> None:
    shop.end(shop.submit(via, key, "cost:submit:usd=0.77"))


def cancelled(shop: Shop, via: str, key: str) -> None:
    """No vendor of these cancels a job; what has not left is cancelled free of charge."""
    quote = shop.client.quote(shop.request, via=via)
    made = NewPurchase(
        key=key, request=key, via=via, description={}, again=True, quote=quote, sandbox=True
    )
    unsent = attrs.evolve(submission(), provider=via, account=via)
    fingerprint = shop.client.account(via).fingerprint
    shop.client._journal.intend(made, f"attempt-{key}", unsent, fingerprint)
    assert shop.client.cancel(key).outcome is mk.CancelOutcome.NOT_SENT


Ending = Callable[[Shop, str, str], None]
ENDINGS: tuple[tuple[str, Ending], ...] = (
    *((via, ending) for via in (PIXVERSE, SEGMIND) for ending in (
        succeeded, not_downloaded, given_up, failed, blocked, refused, running, queued,
        answered_late, uncertain, lost_before, resolved_as_lost,
    )),
    (PIXVERSE, resolved_as_charged),
    (PIXVERSE, gone),
    (SEGMIND, dearer),
    (PIXVERSE, cancelled),
    (SEGMIND, cancelled),
)  # fmt: skip


def played(shop: Shop) -> dict[str, Ending]:
    """Buy all the jobs, in an order that is the same each time."""
    plan = [ENDINGS[number % len(ENDINGS)] for number in range(JOBS)]
    random.Random(7).shuffle(plan)  # noqa: S311 - an order, no secret
    for number, (via, ending) in enumerate(plan):
        ending(shop, via, f"k{number}")
    return {f"k{number}": ending for number, (_, ending) in enumerate(plan)}


def of(rows: list[Spend], name: str) -> Amounts:
    (row,) = [one for one in rows if one.name == name]
    return row.amounts


def test_spend_and_budgets_agree_with_the_vendors_ledgers_over_jobs_of_all_endings(
    shop: Shop,
) -> None:
    endings = played(shop)
    records = {one.key: one for one in shop.client.jobs.list()}
    assert len(records) == JOBS
    rows = shop.client.spend("account")
    owned = {one.job.id for one in records.values() if one.job is not None}
    for vendor in (PIXVERSE, SEGMIND):
        jobs = shop.ledger(vendor)["jobs"]
        known = [job for job in jobs if job["id"] in owned]
        spent = of(rows, vendor)
        charged = sum((Decimal(job["charge"]) for job in known), Decimal(0))
        refunded = sum((Decimal(job["refund"]) for job in known), Decimal(0))
        assert spent.refunded == refunded
        assert spent.charged - spent.assumed == charged - refunded
        # Jobs that the vendor has and the journal does not: the lost answers.
        arrived = [key for key, ending in endings.items()
                   if ending in {uncertain, resolved_as_charged}
                   and records[key].attempts[-1].account == vendor]  # fmt: skip
        lost = [job for job in jobs if job["id"] not in owned]
        assert len(lost) == len(arrived)
    lost_charge = sum(
        Decimal(job["charge"]) for job in shop.ledger(PIXVERSE)["jobs"] if job["id"] not in owned
    )
    never = [key for key, ending in endings.items() if ending is lost_before]
    quoted = [records[key] for key in never if records[key].attempts[-1].account == PIXVERSE]
    doubtful = of(rows, PIXVERSE)
    assert doubtful.uncertain + doubtful.assumed - lost_charge == sum(
        one.quote.high for one in quoted if one.quote and one.quote.high
    )

    # Every way to add it up comes to the same, and budgets to the same dollars.
    whole = {(row.unit, row.jobs, row.unpriced): row.amounts for row in totals(rows)}
    for by in SPEND_BY:
        found = shop.client.spend(by, label="project" if by == "label" else None)
        assert {(row.unit, row.jobs, row.unpriced): row.amounts for row in totals(found)} == whole
    dollars = sum((row.usd for row in rows if row.usd), Amounts())
    for budget in shop.client.budget():
        if budget.name == "defaults.budget_usd":
            assert (budget.spent, budget.held) == (
                dollars.charged,
                dollars.held + dollars.uncertain,
            )
    routed = sum((row.usd for row in shop.client.spend("route") if row.name and row.usd), Amounts())
    (month,) = [one for one in shop.client.budget() if one.name.startswith("routes.")]
    assert (month.spent, month.held) == (routed.charged, routed.held + routed.uncertain)
    assert all(row.sandbox for row in rows)

    # What is pruned is still spent.
    change(shop.client._journal, "UPDATE purchases SET updated=updated-864000")
    before = {by: shop.client.spend(by) for by in SPEND_BY}
    budgets = shop.client.budget()
    would = shop.client.jobs.prunable("8d")
    done = shop.client.jobs.prune("8d")
    assert done == would
    left = {one.key for one in shop.client.jobs.list()}
    stays = {running, queued, uncertain, lost_before, not_downloaded, answered_late, dearer}
    assert left == {key for key, ending in endings.items() if ending in stays}
    assert done.jobs == JOBS - len(left)
    assert {by: shop.client.spend(by) for by in SPEND_BY} == before
    assert shop.client.budget() == budgets
    assert check_journal(shop.journal).problems == ()
    again = next(key for key, ending in endings.items() if ending is succeeded)
    with pytest.raises(InvalidRequest, match="was bought before, and pruned"):
        shop.client.submit(shop.request, via=PIXVERSE, key=again)
    assert shop.client.jobs.prune("8d").jobs == 0
