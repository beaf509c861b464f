"""What type checkers must understand of the public surface. Checked, never run."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import assert_type

import motionkit as mk
from motionkit.batch import ItemResult, Progress
from motionkit.config import AccountTable
from motionkit.provider import Provider
from motionkit_pixverse.adapter import PixVerse
from motionkit_pixverse.records import Voice
from motionkit_pixverse.settings import Settings
from motionkit_segmind.adapter import Segmind

client = mk.Client()
assert_type(client.config, mk.Config)
table: AccountTable = {"api_key": "...", "rpm": 60}
wrong: AccountTable = {"api_key": "...", "rmp": 60}  # type: ignore[typeddict-unknown-key]
mk.Client(
    accounts={"a": table, "b": Settings(api_key="...", region="cn"), "c": {"api_key": "..."}},
    routes={"r": {"targets": ["a", "b"], "choose": "cheapest", "max_usd": Decimal("1.50")}},
    defaults={"timeout": 900, "budget_usd": {"day": "50"}},
    journal=Path("journal.db"),
)
mk.Client(routes={"r": {"chose": "first"}})  # type: ignore[dict-item]
mk.Client(defaults={"budget_usd": {"daily": "50"}})  # type: ignore[arg-type]
Settings(api_key="...", regoin="cn")  # type: ignore[call-arg]
assert_type(mk.Config.of(accounts={"pixverse": {"api_key": "..."}}), mk.Config)
request = mk.Mimic(image="hero.png", video="dance.mp4", quality="540p")
mk.Mimic("hero.png", b"bytes", seed=3, extra={"name": {"field": 1}})

quote = client.quote(request)
assert_type(quote, mk.Quote | None)
if quote is not None:
    assert_type(quote.likely, Decimal | None)

job = client.submit(request, via="account/model", key="order-17", max_usd="1.50")
assert_type(job, mk.Job)
assert_type(mk.Job.from_json(job.to_json()), mk.Job)
status = client.poll(job)
assert_type(status, mk.Status)
assert_type(status.state, mk.State)
assert_type(status.state.terminal, bool)
result = client.wait(job, timeout=900)
assert_type(result, mk.Result)
assert_type(result.url, str)
client.download(result, "out.mp4")
assert_type(client.run(request, timeout=60.0), mk.Result)
assert_type(client.balance("account").amount, Decimal)
for budget in client.budget():
    assert_type(budget, mk.BudgetStatus)
    assert_type(budget.left, Decimal)
for circuit in client.circuits():
    assert_type(circuit, mk.Circuit)
    assert_type(client.reset_circuits(circuit.account), int)

assert_type(mk.Request.from_json(request.to_json()), mk.Request)
assert_type(mk.Mimic.from_json(request.to_json()), mk.Mimic)
client.submit(request, labels={"project": "spring"})
client.submit(request, labels={"shot": 12})  # type: ignore[dict-item]
assert_type(client.plan_takes(request, 3), mk.TakesPlan)
assert_type(client.plan_shootout([request], ["a", "b"]), mk.ShootoutPlan)
assert_type(
    client.shootout(request, "a"), mk.Listing[tuple[mk.ShootoutCell, mk.Result | mk.MotionKitError]]
)
assert_type(client.plan_takes(request, 3).missing, tuple[mk.Take, ...])
assert_type(client.submit_takes(request, 3, key="hero"), mk.Listing[mk.Job | mk.MotionKitError])
assert_type(client.run_takes(request, 3), mk.Listing[mk.Result | mk.MotionKitError])

as_before: list[mk.Comparison] = client.compare(request)
assert_type(client.compare(request)[:2], mk.Listing[mk.Comparison])
assert_type(client.compare(request)[0], mk.Comparison)
for row in client.compare(request):
    assert_type(row, mk.Comparison)
assert_type(client.bought_before(request), mk.PurchaseRecord | None)
assert_type(client.jobs.get("order-17"), mk.PurchaseRecord)
assert_type(client.parse_webhook("account", {}, b"{}"), mk.Delivery)
assert_type(client.account("account"), Provider)
assert_type(client.account("account", Segmind), Segmind)
assert_type(client.account("account", PixVerse).voices(), tuple[Voice, ...])


def announce(submit: mk.Announcement) -> None:
    """Take what is announced before each submit."""
    assert_type(submit.quote, mk.Quote | None)


client.submit(request, max_usd="1.50", announce=announce)


def hear(event: mk.Event) -> None:
    """Take an event."""
    if isinstance(event, mk.Progressed):
        assert_type(event.share, float | None)
    elif isinstance(event, mk.StateChanged):
        assert_type(event.state, mk.State)
    elif isinstance(event, mk.Failed):
        assert_type(event.error, mk.MotionKitError)
    else:
        assert_type(event, mk.Submitted | mk.Delivered)


def see(job: mk.Job, status: mk.Status) -> None:
    """Take a job and its status."""


assert_type(client.wait(job, watch=hear), mk.Result)
client.run(request, watch=see)
client.wait(job, watch="print")  # type: ignore[arg-type]  # not a function
ended = client.cancel(job, timeout=5)
assert_type(ended, mk.CancelResult)
assert_type(ended.outcome, mk.CancelOutcome)
assert_type(ended.billed, mk.Billed)
client.cancel("order-17")

found = client.wait_all([job], timeout=900)
assert_type(found, mk.Listing[mk.Result | mk.MotionKitError])
for one, ending in client.as_completed([job]):
    assert_type(one, mk.Job)
    assert_type(ending, mk.Result | mk.MotionKitError)


async def coroutines() -> None:
    """Take the same verbs."""
    async with mk.AsyncClient() as many:
        made = await many.submit(request)
        assert_type(made, mk.Job)
        assert_type(await many.compare(request, balances=False), mk.Listing[mk.Comparison])
        assert_type(await many.download(await many.result(made), "out.mp4", output=1), Path)
        assert_type(many.account("account", PixVerse).voices(), tuple[Voice, ...])
        await many.submit(request, vai="account")  # type: ignore[call-arg]  # no such argument
        await many.poll("job")  # type: ignore[arg-type]  # not a Job
        assert_type(await many.wait(made, timeout=900), mk.Result)
        assert_type(await many.wait_all([made]), mk.Listing[mk.Result | mk.MotionKitError])
        async for one, ending in many.as_completed([made]):
            assert_type(one, mk.Job)
            assert_type(ending, mk.Result | mk.MotionKitError)


with mk.Batch.plan("items.csv", out="results/", max_usd="50") as batch:
    assert_type(batch, mk.Batch)
    assert_type(batch.run(concurrency=5), Progress)
    assert_type(batch.cancel(), int)
    assert_type(batch.retry(failed=True), int)
    for item in batch.results():
        assert_type(item, ItemResult)
mk.Batch.plan([{"image": "a.png"}], out=Path("results"), limit=5)  # type: ignore[call-arg]  # no such argument


async def batches() -> None:
    """Take the same verbs."""
    async with await mk.AsyncBatch.get("b-7f3a") as many:
        assert_type(await many.progress(), Progress)
        assert_type(await many.retry(refused=True), int)
        async for item in many.results():
            assert_type(item, ItemResult)


try:
    client.result(job)
except mk.errors.NotReady as error:
    failed: mk.Job | None = error.job
    assert_type(error.billed, mk.Billed)

listed = client.jobs.list(
    state=[mk.State.FAILED, "blocked"], since="7d", label={"project": "spring"}, limit=50
)
assert_type(listed, mk.Listing[mk.PurchaseRecord])
client.jobs.list(stat="failed")  # type: ignore[call-arg]
client.jobs.count(since=7)  # type: ignore[arg-type]
spent = client.spend("account", since=None)
assert_type(spent, mk.Listing[mk.Spend])
assert_type(spent[0].usd, mk.Amounts | None)
client.spend("colour")  # type: ignore[arg-type]
