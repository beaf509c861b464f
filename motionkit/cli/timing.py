"""Estimated durations of jobs and the resulting polling schedules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

import motionkit as mk
from motionkit._support.text import duration
from motionkit.cli.screen import Screen
from motionkit.client import Offer, Plan, plan, registry
from motionkit.errors import ConfigError

_SHOWN = 6
"""Polls whose ages are shown."""


@attrs.frozen
class _Row:
    """One target and its plan."""

    target: str
    offer: Offer
    plan: Plan


def show(screen: Screen, config: Path | None, account: str, wanted: Callable[[Offer], bool]) -> int:
    """Write estimate and schedule of each offer wanted at the account; return their number."""
    with mk.Client(config) as client:
        rows = [row for row in _rows(client, account) if wanted(row.offer)]
    if not rows:
        return 0
    screen.rows(
        [_data(row) for row in rows],
        ["TARGET", "OPERATION", "USUALLY", "JOBS SEEN", "POLLS", "DELAY", "POLLS AT"],
        [_cells(row) for row in rows],
    )
    return len(rows)


def _rows(client: mk.Client, only: str) -> Iterator[_Row]:
    for name, account in client.config.accounts.items():
        if only not in {"", name, account.provider}:
            continue
        try:
            provider = client.account(name)
        except ConfigError:  # without its key; 'motionkit config check' says why
            continue
        for offer in provider.offers:
            floor = float(getattr(provider, "poll_floor", 0.0))
            schedule = plan(client, provider.fingerprint, offer, floor=floor)
            yield _Row(f"{name}/{offer.model}", offer, schedule)
    if client.config.accounts:
        return
    for name in registry.names():
        if only not in {"", name}:
            continue
        for offer in registry.load(name).offers:
            yield _Row(f"{name}/{offer.model}", offer, plan(client, name, offer))


def _data(row: _Row) -> dict[str, Any]:
    polls, delay = row.plan.expected()
    estimate = row.plan.estimate
    return {
        "target": row.target,
        "operation": row.offer.operation,
        "expected_seconds": row.offer.expected_seconds,
        "median_seconds": round(estimate.median, 1),
        "sigma": round(estimate.sigma, 3),
        "n": estimate.n,
        "looks": round(polls, 1),
        "lateness_seconds": round(delay, 2),
        "looks_at_seconds": [0.0, *(round(age, 1) for age in row.plan.times(_SHOWN - 1))],
    }


def _cells(row: _Row) -> list[Any]:
    estimate = row.plan.estimate
    polls, delay = row.plan.expected()
    ages = ["0", *(f"{age:.0f}" for age in row.plan.times(_SHOWN - 1)), "..."]
    silent = row.offer.expected_seconds is None
    guessed = silent and not estimate.n  # no duration in the offer and no past job
    return [
        row.target,
        row.offer.operation,
        "?" if guessed else duration(estimate.median),
        str(estimate.n) if estimate.n else "none" if silent else "none: documented",
        "?" if guessed else f"{polls:.0f}",
        "?" if guessed else f"{delay:.1f} s",
        ", ".join(ages) + " s",
    ]
