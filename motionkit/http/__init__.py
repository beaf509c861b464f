"""One HTTP call, bounded and under a deadline: session, response, retry, rate limit, download."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motionkit._support.exports import exports

if TYPE_CHECKING:
    from motionkit.http.addresses import at_loopback, checked_origin
    from motionkit.http.connection import (
        TrackedHTTPConnection,
        TrackedHTTPPool,
        TrackedHTTPSConnection,
        TrackedHTTPSPool,
        at_most,
        check_before_sending,
    )
    from motionkit.http.download import Downloaded, check_target, wrong_ending
    from motionkit.http.download import download as download_file
    from motionkit.http.environment import environment as network_environment
    from motionkit.http.limits import BLOCK
    from motionkit.http.partial_file import PartialFile, fits
    from motionkit.http.rate_limit import WINDOW, RateLimiter
    from motionkit.http.response import Response
    from motionkit.http.retry import TRANSIENT
    from motionkit.http.retry import read as with_retries
    from motionkit.http.session import (
        CALL_TIMEOUT,
        JSON_LIMIT,
        Body,
        Session,
    )
    from motionkit.http.unsent import NotSent, Untrusted

__all__ = [
    "BLOCK",
    "CALL_TIMEOUT",
    "JSON_LIMIT",
    "TRANSIENT",
    "WINDOW",
    "Body",
    "Downloaded",
    "NotSent",
    "PartialFile",
    "RateLimiter",
    "Response",
    "Session",
    "TrackedHTTPConnection",
    "TrackedHTTPPool",
    "TrackedHTTPSConnection",
    "TrackedHTTPSPool",
    "Untrusted",
    "at_loopback",
    "at_most",
    "check_before_sending",
    "check_target",
    "checked_origin",
    "download_file",
    "fits",
    "network_environment",
    "with_retries",
    "wrong_ending",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "motionkit.http.addresses": "at_loopback checked_origin",
        "motionkit.http.connection": (
            "TrackedHTTPConnection TrackedHTTPPool TrackedHTTPSConnection "
            "TrackedHTTPSPool at_most check_before_sending"
        ),
        "motionkit.http.download": "Downloaded check_target wrong_ending download_file=download",
        "motionkit.http.environment": "network_environment=environment",
        "motionkit.http.limits": "BLOCK",
        "motionkit.http.partial_file": "PartialFile fits",
        "motionkit.http.rate_limit": "WINDOW RateLimiter",
        "motionkit.http.response": "Response",
        "motionkit.http.retry": "TRANSIENT with_retries=read",
        "motionkit.http.session": "CALL_TIMEOUT JSON_LIMIT Body Session",
        "motionkit.http.unsent": "NotSent Untrusted",
    },
)
