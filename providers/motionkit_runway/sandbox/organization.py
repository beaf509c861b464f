"""The organization: credits, limits of its tier, and usage by day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from aiohttp import web

from motionkit.sandbox import Route
from motionkit_runway.sandbox.gate import Call, Gate, invalid
from motionkit_runway.sandbox.models import public_names
from motionkit_runway.sandbox.schema import Findings, may, record, text
from motionkit_runway.sandbox.tasks import Task, Tasks

DAILY: Mapping[int, int] = {1: 50, 3: 500, 5: 1000, 10: 5000, 20: 25_000}
"""Generations in 24 hours, by the number of concurrent ones: the tiers of 2026-08-15."""
_MONTHLY = {1: 10_000, 3: 50_000, 5: 200_000, 10: 2_000_000, 20: 10_000_000}
_LONGEST = 90
_MONTH = timedelta(days=30)
_RANGE = record({"startDate": may(text()), "beforeDate": may(text())})


class Organization:
    """`GET /v1/organization` and `POST /v1/organization/usage`."""

    def __init__(self, gate: Gate, tasks: Tasks) -> None:
        self._gate = gate
        self._tasks = tasks

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            *self._gate.routes("/v1/organization/usage", {"POST": (self._usage, "history")}),
            *self._gate.routes("/v1/organization", {"GET": (self._show, "balance")}),
        ]

    async def _show(self, call: Call) -> web.StreamResponse:
        account = call.account
        limits = {
            "maxConcurrentGenerations": account.concurrency,
            "maxDailyGenerations": self._tasks.daily(account),
        }
        rows = sorted(_MONTHLY)
        row = next((one for one in rows if one >= (account.concurrency or 0)), rows[-1])
        used = Counter(task.model for task in self._tasks.today(account))
        names = public_names()
        return web.json_response(
            {
                "creditBalance": int(account.balance),
                "tier": {
                    "maxMonthlyCreditSpend": _MONTHLY[row],
                    "models": dict.fromkeys(names, limits),
                },
                "usage": {"models": {name: {"dailyGenerations": used[name]} for name in names}},
            }
        )

    async def _usage(self, call: Call) -> web.StreamResponse:
        start, before = self._range(await call.fields())
        booked: dict[date, Counter[str]] = {}
        for task in self._tasks.tasks(call.account):
            for day, amount in _bookings(task):
                booked.setdefault(day, Counter())[task.model] += amount
        days = [start + timedelta(days=number) for number in range((before - start).days)]
        results: list[dict[str, Any]] = []
        for day in days:
            amounts = sorted(booked.get(day, Counter()).items())
            used = [{"model": model, "amount": amount} for model, amount in amounts]
            results.append({"date": day.isoformat(), "usedCredits": used})
        models = sorted({one["model"] for result in results for one in result["usedCredits"]})
        return web.json_response({"results": results, "models": models})

    def _range(self, fields: Mapping[str, Any]) -> tuple[date, date]:
        """Return the first day and the day after the last one."""
        findings = Findings()
        _RANGE(findings, fields, ())
        days: dict[str, date] = {}
        for name in ("startDate", "beforeDate"):
            if isinstance(fields.get(name), str):
                try:
                    days[name] = date.fromisoformat(fields[name])
                except ValueError:
                    findings.issue((name,), "invalid_string", "Invalid date")
        today = _day(self._gate.world.clock.now())
        start = days.get("startDate", today - _MONTH)
        before = days.get("beforeDate", start + _MONTH)
        if not 0 <= (before - start).days <= _LONGEST:
            findings.issue(("beforeDate",), "custom", f"At most {_LONGEST} days after startDate")
        if findings.issues:
            raise invalid(findings.issues)
        return start, before


def _bookings(task: Task) -> list[tuple[date, int]]:
    """Return what a task adds to the usage of its days; a refund is booked when it is made."""
    booked = [(_day(task.created), int(task.charged))]
    if task.refunded_at is not None:
        booked.append((_day(task.refunded_at), -int(task.refunded)))
    return booked


def _day(when: float) -> date:
    return datetime.fromtimestamp(when, UTC).date()
