"""What a batch needs of a client: which target each of many requests takes, at which price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import attrs

from motionkit.client.arguments import choice, optional
from motionkit.client.client import Client
from motionkit.errors import MotionKitError
from motionkit.journal import Journal
from motionkit.model.money import Quote
from motionkit.model.probe import Facts
from motionkit.model.request import Request
from motionkit.purchase import Choose

if TYPE_CHECKING:
    from motionkit.client.aio import AsyncClient

__all__ = [
    "Choose",
    "Expected",
    "expected",
    "fingerprints",
    "journal_of",
    "preferred",
    "wanted",
]


@attrs.frozen
class Expected:
    """Where a request goes if no target is busy, failing or over a budget.

    Attributes:
        target: ``account/model``.
        quote: What it is expected to cost; None when no price is known.
        seconds: How long a job usually takes, as learnt; None when unknown.
        slots: How many jobs the account may run at once; None without a limit.
        sandbox: Whether the account is in a sandbox on this machine.
        warnings: What the user should know before paying.
        no_key: What has to hold the account's key and does not; None where it has one.
    """

    target: str
    quote: Quote | None
    seconds: float | None
    slots: int | None
    sandbox: bool
    warnings: tuple[str, ...]
    no_key: str | None = None


def expected(
    client: Client,
    request: Request,
    via: str | None,
    facts: Mapping[str, Facts],
    choose: Choose | None = None,
) -> Expected:
    """Return where a request goes; nothing is sent. `choose` is for routes: a target needs none.

    An account without a key is expected only where none with a key takes the request.

    Raises:
        MotionKitError: No target can take it.
    """
    place = client._checkout.expected(request, via, facts, preferred(client, via, choose))
    submitter, _ = place.priced()
    row = place.row
    warnings = row.warnings
    if row.conversions:  # each row's own text would be too long a list
        warnings = (*warnings, "its media are cut or made to fit before their upload")
    return Expected(
        row.target,
        row.quote,
        row.seconds,
        submitter.slots,
        place.sandbox,
        warnings,
        row.no_key,
    )


def wanted(choose: Choose | None) -> Choose | None:
    """Return what a route is to prefer, checked.

    Raises:
        InvalidRequest: It is none of the choices.
    """
    return optional(choice, "choose", choose)


def preferred(client: Client, via: str | None, choose: Choose | None) -> Choose | None:
    """Return a batch's preference for an item; None where that names a single target."""
    return choose if via is None or via in client.config.routes else None


def fingerprints(client: Client, vias: Iterable[str | None]) -> dict[str, str]:
    """Return the fingerprint of each usable account of targets and routes, by its name.

    Raises:
        ConfigError: There is no such target or route.
    """
    accounts: dict[str, None] = {}
    for via in vias:
        route, name = client._checkout._route(via, dry=True)
        for target in (name,) if route is None else route.targets:
            accounts[target.partition("/")[0]] = None
    found = {}
    for account in accounts:
        try:
            found[account] = client.account(account).fingerprint
        except MotionKitError:  # a route goes without it
            continue
    return found


def journal_of(client: Client | AsyncClient) -> Journal:
    """Return a client's journal."""
    return (client if isinstance(client, Client) else client._client)._journal
