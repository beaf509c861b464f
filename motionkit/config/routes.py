"""Read the routes and compare their targets with the accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from motionkit.config import tables
from motionkit.config.credentials import no_key
from motionkit.config.files import Spot
from motionkit.errors import ConfigError
from motionkit.provider import registry
from motionkit.routing import Route

DEFAULT_ROUTE = "default"
"""The route that exists without being written: every account, in order."""


def read_routes(
    said: Mapping[str, Mapping[str, Any]],
    spot: Spot,
    accounts: Mapping[str, str],
    *,
    keyed: bool,
) -> dict[str, Route]:
    """Make the routes.

    Args:
        said: Their tables by name.
        spot: Their place.
        accounts: Account to provider, in order.
        keyed: Whether the environment's keys made the accounts.
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
