"""Balance and usage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from motionkit.sandbox import Job, Route
from motionkit_pixverse.sandbox.codes import Refusal
from motionkit_pixverse.sandbox.gate import VENDOR, Call, Gate

_TIME = "%Y-%m-%d %H:%M:%S"
_LONGEST = timedelta(days=30)
_KINDS = frozenset(
    {
        *(
            "text_to_video",
            "image_to_video",
            "transition",
            "multi_transition",
            "extend",
            "lip_sync",
        ),
        *("sound_effect", "fusion", "restyle", "swap", "swap_mask", "mimic", "modify", "upscale"),
        *("agent", "avatar", "image_to_image"),
    }
)
_STATUSES = {None, "", "consume", "refund"}


class Money:
    """`/account/balance` and `/account/billing/usage-detail`."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """Return the endpoints about money."""
        usage = "/account/billing/usage-detail"
        return [
            self._gate.route("GET", "/account/balance", ("balance",), self._balance),
            self._gate.route("POST", usage, ("history",), self._usage),
        ]

    async def _balance(self, call: Call) -> object:
        pools = {f"credit_{pool}": int(held) for pool, held in call.account.balances.items()}
        return {"account_id": 123452341, "credit_monthly": 0, "credit_package": 0, **pools}

    async def _usage(self, call: Call) -> object:
        fields = await call.fields()
        start, end = _when(fields, "start_time"), _when(fields, "end_time")
        limit, status = fields.get("limit", 100), fields.get("credits_status")
        kinds = fields.get("creation_type") or list(_KINDS)
        cursor = fields.get("cursor") or "0"
        if (
            not timedelta(0) <= end - start <= _LONGEST
            or not isinstance(limit, int)
            or not 1 <= limit <= 100
            or status not in _STATUSES
            or not isinstance(kinds, list)
            or not _KINDS.issuperset(kinds)
            or not str(cursor).isdecimal()
        ):
            raise Refusal(400017)
        rows = [
            row
            for job in self._visible(call)
            for row in _rows(job)
            if start.timestamp() <= job.created < end.timestamp() + 1
            and row["creation_type"] in kinds
            and (not status or row["credits_status"] == status)
        ]
        first = int(cursor)
        after = first + limit
        more = after < len(rows)
        return {
            "items": rows[first:after],
            "next_cursor": str(after) if more else "",
            "has_more": more,
        }

    def _visible(self, call: Call) -> list[Job]:
        """Return the paid jobs, latest first, without those that a lag still hides."""
        world = self._gate.world
        lag = world.faults.take("history_lag", call.phases, VENDOR)
        newest = world.clock.now() - (lag["seconds"] if lag else 0)
        return [
            job
            for job in reversed(world.jobs(call.account))
            if job.charged and job.created <= newest
        ]


def _when(fields: dict[str, Any], name: str) -> datetime:
    try:
        return datetime.strptime(fields[name], _TIME).replace(tzinfo=UTC)
    except KeyError:
        raise Refusal(400011) from None
    except (TypeError, ValueError):
        raise Refusal(400013) from None


def _rows(job: Job) -> list[dict[str, Any]]:
    consumed = {
        "video_id": int(job.id),
        "creation_type": job.model,
        "credits": int(job.charged),
        "credits_status": "consume",
        "create_time": datetime.fromtimestamp(job.created, UTC).strftime(_TIME),
    }
    if not job.refunded:
        return [consumed]
    return [{**consumed, "credits": int(job.refunded), "credits_status": "refund"}, consumed]
