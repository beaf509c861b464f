"""The table ``[defaults]`` of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

import attrs

from motionkit.routing import Period


@attrs.frozen(kw_only=True)
class Defaults:
    """Values for calls that give none.

    Attributes:
        timeout: Seconds that a wait takes at most.
        wait_for_slot: Seconds that a submit waits for a slot while the account is at its limit of
            running jobs, or refuses for another passing cause; 0 refuses at once.
        remember: Seconds for which an identical request that was submitted and delivered returns
            its job instead of submitting again; 0 submits again.
        lateness: How often jobs are polled, as the target mean detection delay: seconds from a
            job's end to the poll that sees it.
        upload_timeout: Seconds that one attempt to upload a file takes at most; if not set, an
            upload ends only when no byte moved for 60 s.
        stage: URL of a folder in a store of yours, for vendors that fetch media by URL only; see
            `Request.stage`.
        budget_usd: US dollars that everything together may spend in a day, week, month, or in
            total, whatever the target or the route.
        route_budgets: Whether a route's budget holds for the ``route`` alone, or ``always``: also
            for requests directly to one of its accounts.
    """

    timeout: float = 1800.0
    wait_for_slot: float = 600.0
    remember: float = 604800.0
    lateness: float = 2.0
    upload_timeout: float | None = None
    stage: str | None = None
    budget_usd: Mapping[Period, Decimal] = attrs.field(factory=dict, hash=False)
    route_budgets: Literal["route", "always"] = "route"
