"""Routes as the configuration writes them: a named list of targets with rules.

What they lead to is decided elsewhere; here they are read and compared with the accounts.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import attrs

from motionkit.config import tables
from motionkit.config.credentials import no_key
from motionkit.config.files import Spot
from motionkit.errors import ConfigError
from motionkit.provider import registry

DEFAULT_ROUTE = "default"
"""The route that is there without being written: every account, in order."""

Choose = Literal["first", "cheapest", "fastest"]
Period = Literal["day", "week", "month", "total"]
OnBusy = Literal["wait", "next"]
FallBackOn = Literal[
    "unavailable", "busy", "rate_limited", "credits", "authentication", "permission"
]

FALL_BACK_ON: tuple[FallBackOn, ...] = ("unavailable", "busy", "rate_limited", "credits")
"""The default. A wrong key or a missing right is a mistake to be told, not a passing failure."""


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
            was billed. By default a wrong key (``authentication``) or a missing right
            (``permission``) stops the route and is told.
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


def read_routes(
    said: Mapping[str, Mapping[str, Any]],
    spot: Spot,
    accounts: Mapping[str, str],
    *,
    keyed: bool,
) -> dict[str, Route]:
    """Make the routes.

    Args:
        said: Their tables by name, as TOML says them.
        spot: Where they stand.
        accounts: Account to provider, in order.
        keyed: Whether the environment's keys made the accounts.

    Raises:
        ConfigError: Naming the place and what is allowed there.
    """
    made = {}
    for name, data in said.items():
        tables.need_name(name, spot / name, "a route")
        if name in accounts:
            raise ConfigError(f"{spot / name} has the name of an account; rename one of them")
        given: dict[str, Any] = {"name": name}
        if name == DEFAULT_ROUTE and "targets" not in data and accounts:
            given["targets"] = tuple(accounts)
        also = ["targets"] if "targets" in given else []
        route = tables.record(Route, data, spot / name, given=given, also=also)
        _check_targets(route.targets, spot / name / "targets", accounts, keyed=keyed)
        made[name] = route
    if accounts and not {*made, *accounts} & {DEFAULT_ROUTE}:
        made[DEFAULT_ROUTE] = Route(name=DEFAULT_ROUTE, targets=tuple(accounts))
    return made


def _check_targets(
    targets: tuple[str, ...], spot: Spot, accounts: Mapping[str, str], *, keyed: bool
) -> None:
    if not targets:
        raise ConfigError(f"{spot} is empty; name at least one account or account/model")
    for number, target in enumerate(targets):
        account, slash, model = target.partition("/")
        if account not in accounts:
            known = ", ".join(accounts) or "none"
            said = f"there is no such account; configured are: {known}"
            if keyed and account in registry.names():
                said = no_key(account)
            raise ConfigError(f"{spot} names {target!r}: {said}{tables.nearest(account, accounts)}")
        if target in targets[:number]:
            raise ConfigError(f"{spot} names {target!r} twice")
        sold = sorted({one.model for one in registry.load(accounts[account]).offers})
        if slash and model not in sold and (sold or not model):
            raise ConfigError(
                f"{spot} names {target!r}: {accounts[account]} sells no such model; "
                f"it sells {', '.join(sold)}{tables.nearest(model, sold)}"
            )
