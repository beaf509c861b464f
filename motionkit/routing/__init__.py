"""Pure: which target comes next, and why. No I/O, no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motionkit._support.exports import exports

if TYPE_CHECKING:
    from motionkit.routing.circuit_breaker import CAUSES, Breaker, Cause, cause_of, claim, trip
    from motionkit.routing.reasons import SENTENCES, SHORT, Reason, Stage, Verdict
    from motionkit.routing.route import Choose, FallBackOn, OnBusy, Period, Route
    from motionkit.routing.router import (
        Candidate,
        Decision,
        Row,
        Stop,
        Tried,
        Try,
        Wait,
        decide,
        follow,
        suffices,
    )

__all__ = [
    "CAUSES",
    "SENTENCES",
    "SHORT",
    "Breaker",
    "Candidate",
    "Cause",
    "Choose",
    "Decision",
    "FallBackOn",
    "OnBusy",
    "Period",
    "Reason",
    "Route",
    "Row",
    "Stage",
    "Stop",
    "Tried",
    "Try",
    "Verdict",
    "Wait",
    "cause_of",
    "claim",
    "decide",
    "follow",
    "suffices",
    "trip",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "motionkit.routing.circuit_breaker": "CAUSES Breaker Cause cause_of claim trip",
        "motionkit.routing.reasons": "SENTENCES SHORT Reason Stage Verdict",
        "motionkit.routing.route": "Choose FallBackOn OnBusy Period Route",
        "motionkit.routing.router": (
            "Candidate Decision Row Stop Tried Try Wait decide follow suffices"
        ),
    },
)
