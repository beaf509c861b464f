"""A route: a named list of targets, with rules for choosing among them and for falling back."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

import attrs

Choose = Literal["first", "cheapest", "fastest"]
Period = Literal["day", "week", "month", "total"]
OnBusy = Literal["wait", "next"]
FallBackOn = Literal[
    "unavailable", "busy", "rate_limited", "credits", "authentication", "permission"
]

FALL_BACK_ON: tuple[FallBackOn, ...] = ("unavailable", "busy", "rate_limited", "credits")
"""The default. A wrong key or a missing permission is a mistake to correct; it does not pass."""


@attrs.frozen(kw_only=True)
class Route:
    """A named list of targets with rules for choosing and falling back.

    Attributes:
        name: What ``--via`` calls it.
        targets: ``account`` or ``account/model``, in order of preference. The route ``default`` may
            leave them out: every account, in order.
        choose: Which capable target goes first: the ``first`` of the list, the ``cheapest`` or the
            ``fastest``.
        max_usd: US dollars that one job's quote may reach at its high; an unknown price under a cap
            is refused.
        budget_usd: US dollars that the route may spend in a day, week, month, or in total.
        wait_for_slot: Seconds to wait for the slot of an account that is at its limit of running
            jobs before falling back; what ``[defaults]`` says when None.
        on_busy: With ``wait`` the chosen target's slot is waited for, then the next one tried: the
            price stays as announced. With ``next`` the next target is tried at once, at its own
            price, and a slot is waited for only when every target is busy.
        fall_back_on: The kinds of failure after which the next target is tried; only where nothing
            was billed. By default a wrong key (``authentication``) or a missing permission
            (``permission``) stops the route with its error.
        paid_retries: How often a job may be bought again although an earlier one may have been
            billed.
    """

    name: str
    targets: tuple[str, ...]
    choose: Choose = "first"
    max_usd: Decimal | None = None
    budget_usd: Mapping[Period, Decimal] = attrs.field(factory=dict)
    wait_for_slot: float | None = None
    on_busy: OnBusy = "wait"
    fall_back_on: tuple[FallBackOn, ...] = FALL_BACK_ON
    paid_retries: int = 0
