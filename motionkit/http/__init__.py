"""One HTTP call, bounded and under a deadline: session, response, retry, rate limit, download."""

from motionkit.http.addresses import checked_origin
from motionkit.http.connection import BLOCK, check_before_sending
from motionkit.http.download import check_target
from motionkit.http.exchange import NotSent
from motionkit.http.rate_limit import RateLimiter
from motionkit.http.response import Response
from motionkit.http.retry import TRANSIENT
from motionkit.http.session import CALL_TIMEOUT, JSON_LIMIT, Body, Session

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
    "check_before_sending",
    "check_target",
    "checked_origin",
]
