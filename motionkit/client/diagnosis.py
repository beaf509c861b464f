"""The free network calls of `motionkit doctor`, each made once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

import attrs

from motionkit._support.redaction import redact_urls
from motionkit.errors import MotionKitError
from motionkit.http import Session, at_loopback, network_environment
from motionkit.model.job import utcnow
from motionkit.model.money import Balance
from motionkit.model.submission import Call
from motionkit.provider import Provider, base_url

TIMEOUT = 15.0
"""Seconds for the call that reads a vendor's clock."""


@attrs.frozen
class Answered:
    """The answers of an account's vendor.

    Attributes:
        balance: What the account holds, or why that is not known.
        ahead: Seconds by which this machine's clock is ahead of the vendor's, as far as a response
            shows: between the first and the second. None where no clock was read: the host was not
            reached, or is a sandbox, whose clock runs at a speed of its own.
    """

    balance: Balance | MotionKitError
    ahead: tuple[float, float] | None = None


def ask(provider: Provider, now: Callable[[], dt.datetime] = utcnow) -> Answered:
    """Ask an account's vendor for the balance, and read its clock. Free of charge; no retries."""
    try:
        balance: Balance | MotionKitError = provider.balance()
    except MotionKitError as error:
        balance = error
    origin = base_url(provider)
    if at_loopback(origin):
        return Answered(balance)
    try:
        # Without the key: any answer has a Date.
        session = Session(
            provider=provider.name,
            account=provider.account,
            origins={"api": origin.rstrip("/")},
            auth={},
            limiter=None,
        )
        before = now()
        response = session.send(Call("GET", "/"), timeout=TIMEOUT)
        after = now()
    except MotionKitError:
        return Answered(balance)
    if response.date is None:
        return Answered(balance)
    second = dt.timedelta(seconds=1)  # the header has no fractions
    ahead = (before - response.date - second, after - response.date)
    return Answered(balance, (ahead[0].total_seconds(), ahead[1].total_seconds()))


def proxies(url: str) -> Mapping[str, str]:
    """Return the proxies that calls to a URL go through, by scheme, without credentials.

    Raises:
        ConfigError: A proxy cannot be used, or a variable names certificates that are not there.
    """
    found = network_environment(url)["proxies"]
    return {scheme: redact_urls(str(proxy)) for scheme, proxy in found.items()}
