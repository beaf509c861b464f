"""Report calls, jobs and charges per vendor and account; keys never appear."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from motionkit.sandbox.app import SandboxApp
from motionkit.sandbox.clock import stamp
from motionkit.sandbox.world import Account, Job, World


def ledger(world: World, apps: Iterable[SandboxApp]) -> dict[str, Any]:
    """Return the whole ledger as JSON-able data; money is text."""
    world.settle()
    return {
        "time": stamp(world.clock.now()),
        "speed": world.clock.speed,
        "keys_sent_elsewhere": world.keys_sent_elsewhere,
        "faults_left": world.faults.left(),
        "webhooks": world.hooks.as_data(),
        "vendors": {app.name: _vendor(world, app) for app in apps},
    }


def _vendor(world: World, app: SandboxApp) -> dict[str, Any]:
    return {
        "files_served": world.files.served[app.name],
        "keys_sent_to_files": world.files.keys_sent[app.name],
        "accounts": {
            account.label: _account(world, account, app.unit)
            for account in (*world.accounts(app.name), world.stranger(app.name))
        },
    }


def _account(world: World, account: Account, unit: str) -> dict[str, Any]:
    jobs = [_job(world, job) for job in world.jobs(account)]
    return {
        "submits": account.calls["submit"],
        "uploads": account.calls["upload"],
        "polls": account.calls["poll"],
        "calls": dict(account.calls),
        "jobs": jobs,
        "trace_ids": list(account.trace_ids),
        "reused_trace_ids": account.reused_trace_ids,
        "charged": money(account.charged),
        "refunded": money(account.refunded),
        "balance": money(account.balance),
        "balances": {pool: money(held) for pool, held in account.balances.items()},
        "unit": unit,
    }


def _job(world: World, job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "state": job.state(world.clock.now()).value,
        "model": job.model,
        "trace_id": job.trace_id,
        "charge": money(job.charged),
        "refund": money(job.refunded),
        "time": stamp(job.created),
        "twin": job.twin,
    }


def money(amount: Decimal) -> str:
    """Return an amount as digits, without an exponent or trailing zeros."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
