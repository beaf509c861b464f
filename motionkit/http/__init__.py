"""One HTTP call, bounded and under a deadline: session, response, retry, rate limit, download."""

from motionkit.http.connection import BLOCK, departing
from motionkit.http.download import check_target
from motionkit.http.rate_limit import RateLimiter
from motionkit.http.response import Response
from motionkit.http.retry import TRANSIENT
from motionkit.http.session import (
    CALL_TIMEOUT,
    JSON_LIMIT,
    Body,
    NotSent,
    Session,
    checked_origin,
)

__all__ = [
    "BLOCK",
    "CALL_TIMEOUT",
    "JSON_LIMIT",
    "TRANSIENT",
    "Body",
    "NotSent",
    "RateLimiter",
    "Response",
    "Session",
    "check_target",
    "checked_origin",
    "departing",
]
