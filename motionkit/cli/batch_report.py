"""What the verbs on batches print: a plan, the progress, what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import attrs

import motionkit as mk
from motionkit._support.text import duration, many
from motionkit.cli import exit_codes
from motionkit.cli.format import in_world
from motionkit.cli.screen import Screen, labelled
from motionkit.model import codec
from motionkit.model.money import dollars

if TYPE_CHECKING:
    from motionkit.batch import BatchRecord, Need, Plan, Progress, SlotUse, TargetPlan

_WITHOUT_FILE = ("failed", "blocked", "refused")
_TROUBLES = 5
"""Items without a file whose errors the end of a run shows."""

Line = tuple[str, str]
"""A label and what is said of it."""


# A plan.


def plan_lines(plan: Plan, now: datetime, by: datetime | None) -> list[Line]:
    """Return a plan as labelled lines.

    Args:
        plan: The plan.
        now: The present, in the user's time zone.
        by: When the user wants it to end.
    """
    lines = [("batch", f"{plan.batch}: {many(plan.total, 'item')} of {plan.source}")]
    lines.append(("out", plan.out))
    if plan.known:
        left = many(plan.left, "item") if plan.left else "nothing"
        lines.append(("continues", f"{left} left to buy"))
    if not plan.left:
        return lines
    lines.append(("price", _price(plan)))
    lines += [("target", _target(one)) for one in plan.targets]
    lines += [("no key", f"{name}: {needed}") for name, needed in plan.no_keys.items()]
    if plan.max_usd is not None:
        used = f", {dollars(plan.used)} used" if plan.used else ""
        lines.append(("budget", f"{dollars(plan.max_usd)}{used}"))
    lines.append(("ends", f"{_ends(plan.seconds, now)} if every slot is free"))
    if by is not None:
        lines += [("by", _need(one, by, now)) for one in plan.needs((by - now).total_seconds())]
    if plan.fallbacks:
        others = " and ".join(plan.fallbacks)
        cap = "" if plan.max_usd is not None else "; --max-usd bounds what the batch may cost"
        lines.append(("note", f"where a route falls back, to {others}, its own price holds{cap}"))
    if plan.repeated:
        again = "asks" if plan.repeated == 1 else "ask"
        rows = f"{many(plan.repeated, 'row')} {again} for the same as an earlier row"
        lines.append(("note", f"{rows}; each is bought"))
    lines += [("warning", f"{text} ({many(rows, 'row')})") for text, rows in plan.warnings]
    return lines


def much(plan: Plan) -> str:
    """Return what a plan costs at most, as a confirmation asks."""
    if plan.high is not None and not plan.fallbacks:
        return f"up to {dollars(plan.high)}"
    if plan.max_usd is not None:
        return f"about {dollars(plan.likely)}, never more than {dollars(plan.max_usd)} in all"
    if plan.high is not None:
        return f"about {dollars(plan.high)}, more where a route falls back to a dearer target"
    if plan.unknown == plan.left:
        return "for an unknown amount"
    if plan.unknown:
        return f"about {dollars(plan.likely)}, and {many(plan.unknown, 'item')} of unknown price"
    return f"about {dollars(plan.likely)}, without a known upper bound"


def _price(one: Plan | TargetPlan) -> str:
    if one.unknown and not one.high and not one.likely:
        return "unknown"
    if one.low == one.likely == one.high:
        return dollars(one.likely)
    high = "unknown" if one.high is None else dollars(one.high)
    more = f"; {many(one.unknown, 'item')} of unknown price" if one.unknown else ""
    return f"low {dollars(one.low)}, likely {dollars(one.likely)}, high {high}{more}"


def _target(one: TargetPlan) -> str:
    slots = "max_concurrent not set" if one.slots is None else f"{one.slots:,} at once"
    usual = duration(one.seconds / one.items)
    return (
        f"{in_world(one.target, one.sandbox)}: {many(one.items, 'item')}, {_price(one)}; {slots}, "
        f"usually {usual} each"
    )


def _need(one: Need, by: datetime, now: datetime) -> str:
    when = clock(by, now)
    if one.needed is None:
        return f"{when}: not possible at {one.account}; one job takes longer"
    if one.slots is None:
        return f"{when}: {one.account} has to run {many(one.needed, 'job')} at once"
    if one.enough:
        return f"{when}: {one.needed} of the {many(one.slots, 'slot')} of {one.account} suffice"
    return (
        f"{when}: {one.account} has {many(one.slots, 'slot')} and needs {one.needed}: "
        f"{one.accounts} such accounts"
    )


def plan_data(plan: Plan, now: datetime, by: datetime | None) -> dict[str, Any]:
    """Return a plan as data."""
    needs = () if by is None else plan.needs((by - now).total_seconds())
    return {
        **codec.unstructure(attrs.asdict(plan, recurse=False)),
        "low": plan.low,
        "likely": plan.likely,
        "high": plan.high,
        "unknown": plan.unknown,
        "seconds": plan.seconds,
        "targets": [attrs.asdict(one) for one in plan.targets],
        "needs": [{**attrs.asdict(one), "enough": one.enough} for one in needs],
        "warnings": [{"message": text, "rows": rows} for text, rows in plan.warnings],
        "refused": plan.over_budget(),
    }


# Times.


def clock(moment: datetime, now: datetime) -> str:
    """Return a moment as people of the time zone of `now` say it: with its date if not today."""
    local = moment.astimezone(now.tzinfo)
    return f"{local:%H:%M}" if local.date() == now.date() else f"{local:%Y-%m-%d %H:%M}"


def _ends(seconds: float, now: datetime) -> str:
    return f"about {clock(now + timedelta(seconds=seconds), now)}, in {duration(seconds)}"


# Progress.


def by_name(found: Progress) -> dict[str, int]:
    """Return how many items are in each state, by its name."""
    return {state.value: count for state, count in found.counts.items()}


def code(found: Progress) -> int:
    """Return the exit code of a batch: the highest that one of its items gives it."""
    counts = by_name(found)
    codes = [exit_codes.DONE]
    if any(counts[name] for name in _WITHOUT_FILE):
        codes.append(exit_codes.code_of(mk.errors.JobFailed("")))
    if found.left:
        codes.append(exit_codes.code_of(mk.errors.NotReady("")))
    if counts["uncertain"]:
        codes.append(exit_codes.UNCERTAIN)
    return max(codes)


def summary(found: Progress, now: datetime | None = None) -> str:
    """Return a batch's progress as one line."""
    now = now or datetime.now().astimezone()
    parts = [_counts(found), _money(found)]
    if found.left and found.ends is not None:
        parts.append(f"ends {_ends(max(0.0, (found.ends - now).total_seconds()), now)}")
    if found.left and found.rate is not None:
        parts.append(_rate(found.rate))
    return "; ".join(parts)


def _counts(found: Progress) -> str:
    counts = by_name(found)
    waiting = counts.pop("planned")
    done = counts.pop("done")
    parts = [f"{done:,} of {found.total:,} done"]
    parts += [f"{count:,} {name}" for name, count in counts.items() if count]
    if waiting:
        parts.append(f"{waiting:,} waiting")
    if found.planned < found.total:
        parts.append(f"{found.total - found.planned:,} not planned yet")
    return ", ".join(parts)


def _money(found: Progress) -> str:
    held = f" and {dollars(found.held)} held" if found.held else ""
    limit = "" if found.budget is None else f" of {dollars(found.budget.limit)}"
    return f"{dollars(found.spent)} spent{held}{limit}"


def _rate(rate: float) -> str:
    """Return jobs a minute in a suitable unit."""
    if rate >= 1:
        return f"{rate:.3g} items a minute"
    return f"{rate * 60:.3g} items an hour"


def data(batch: mk.Batch, found: Progress) -> dict[str, Any]:
    """Return a batch's progress as data."""
    record, budget = batch.record, found.budget
    return {
        "batch": found.batch,
        "state": found.state.value,
        "out": record.out,
        "source": record.options.get("source"),
        "made": _utc(record.made).isoformat(timespec="seconds"),
        "total": found.total,
        "planned": found.planned,
        "left": found.left,
        "counts": by_name(found),
        "spent_usd": found.spent,
        "held_usd": found.held,
        "max_usd": None if budget is None else budget.limit,
        "per_minute": None if found.rate is None else round(found.rate, 3),
        "ends": None if found.ends is None else found.ends.isoformat(timespec="seconds"),
        "slots": [attrs.asdict(one) for one in found.slots],
        "workers": found.workers,
    }


def show(screen: Screen, batch: mk.Batch) -> None:
    """Write a batch's progress: a line for each subject, or JSON."""
    found, record = batch.progress(), batch.record
    now = datetime.now().astimezone()
    made = _utc(record.made)
    source = record.options.get("source")
    whole = f"{found.batch}: {found.state.value}, made {clock(made, now)}"
    lines = [
        ("batch", f"{whole} of {source}" if source else whole),
        ("out", record.out),
        ("items", _counts(found)),
        ("money", _money(found)),
    ]
    lines += [("slots", _slots(one)) for one in found.slots]
    if found.rate is not None and found.left:
        lines.append(("rate", _rate(found.rate)))
    if found.left:
        ends = None if found.ends is None else (found.ends - now).total_seconds()
        lines.append(("ends", "unknown" if ends is None else _ends(max(0.0, ends), now)))
    lines.append(("workers", f"{found.workers:,} running"))
    screen.answer(data(batch, found), labelled(lines))


def _slots(one: SlotUse) -> str:
    if one.limit is None:
        return f"{one.account}: {one.used:,} in use, max_concurrent not set"
    return f"{one.account}: {one.used:,} of {one.limit:,} in use"


def listed(screen: Screen, records: Sequence[BatchRecord]) -> None:
    """Write a table of batches."""
    now = datetime.now().astimezone()
    screen.rows(
        [
            {
                "batch": one.id,
                "state": one.state.value,
                "made": _utc(one.made).isoformat(timespec="seconds"),
                "total": one.total,
                "source": one.options.get("source"),
                "out": one.out,
            }
            for one in records
        ],
        ["BATCH", "STATE", "MADE", "ITEMS", "OF", "OUT"],
        [
            [
                one.id,
                one.state.value,
                clock(_utc(one.made), now),
                f"{one.total:,}",
                one.options.get("source"),
                one.out,
            ]
            for one in records
        ],
    )
    if not records:
        screen.note("no batches yet")


def troubles(screen: Screen, batch: mk.Batch, found: Progress) -> None:
    """Show why items have no file: the first of them."""
    from motionkit.batch import ItemState  # noqa: PLC0415 - not for other verbs

    held = (one for one in batch.results([ItemState.RUNNING]) if one.error)
    for one in islice(held, _TROUBLES if found.counts[ItemState.RUNNING] else 0):
        screen.fact(one.state, f"item {one.item}, key {one.key}: {one.error}", style="red")
    states = [ItemState(name) for name in (*_WITHOUT_FILE, "uncertain")]
    count = sum(found.counts[state] for state in states)
    if not count:
        return
    for one in islice(batch.results(states), _TROUBLES):
        why = f": {one.error}" if one.error else ""
        screen.fact(one.state, f"item {one.item}, key {one.key}{why}", style="red")
    if count > _TROUBLES:
        screen.note(f"and {many(count - _TROUBLES, 'item')} more")
    screen.note(f"'motionkit batch results {found.batch}' shows all of them")
    retried = sum(found.counts[state] for state in states[:-1])
    if retried:
        screen.note(f"'motionkit batch retry {found.batch}' lets them be bought again")
    if found.counts[ItemState.UNCERTAIN]:
        screen.note("'motionkit reconcile' resolves what is uncertain")


def _utc(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)
