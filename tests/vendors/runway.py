"""Runway: tasks that state their cost; no attempt id, no list, no webhook."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

from hypothesis import strategies as st

from motionkit.errors import (
    AuthenticationError,
    InsufficientCredits,
    InvalidRequest,
    PermissionDenied,
    ProtocolError,
    RateLimited,
)
from motionkit.http.response import Response
from motionkit.model.job import State
from motionkit.sandbox import sample_clip
from vendors.answers import anything, scalars
from vendors.record import Kind, Probe, Vendor, data_of

REFUSALS: dict[int, Kind] = {
    400: InvalidRequest,
    401: AuthenticationError,
    402: InsufficientCredits,
    403: PermissionDenied,
    404: InvalidRequest,
    405: ProtocolError,
    429: RateLimited,
}
ENDS: dict[str, set[State]] = {
    "SUCCEEDED": {State.SUCCEEDED},
    "FAILED": {State.FAILED, State.BLOCKED},
    "CANCELLED": {State.FAILED},
    "CANCELED": {State.FAILED},
}
PROBES: dict[str, Probe] = {
    "usd_per_credit": Probe("nothing", '"0.01"', ('"0.010"',), ('"0.001"', '"0"')),
}


def is_refusal(answer: Response) -> bool:
    """A gateway's 429 has no body, and refuses nothing."""
    said = isinstance(data_of(answer), Mapping) and data_of(answer) != {}
    return answer.status in REFUSALS and (said or answer.status != 429)


def ends(answer: Response, age: dt.timedelta) -> set[State]:
    """A task that is not found may have been deleted by somebody: that ends nothing."""
    del age
    data = data_of(answer)
    word = data.get("status") if isinstance(data, Mapping) else None
    return ENDS.get(word, set()) if isinstance(word, str) else set()


_credits = st.one_of(st.fixed_dictionaries({"credits": anything}), anything)

VENDOR = Vendor(
    name="runway",
    paid_path="/v1/character_performance",
    key_header="Authorization",
    price=Decimal(20),  # 5 credits a second; four seconds, at 720p
    remote_price=Decimal(25),
    refusals=REFUSALS,
    busy="refuse:submit:status=429",
    no_credits="refuse:submit:status=400:message=You do not have enough credits to run this task.",
    is_refusal=is_refusal,
    ends=ends,
    history=False,
    clip=sample_clip(4.0, height=32, fps=2),
    cells=({"seed": 1}, {"seed": 2}, {"seed": 3}),
    answers=st.fixed_dictionaries(
        {},
        optional={
            "id": anything,
            "status": st.one_of(scalars, st.sampled_from([*ENDS, "THROTTLED", "RUNNING"])),
            "createdAt": anything,
            "estimatedCost": _credits,
            "cost": _credits,
            "progress": anything,
            "output": st.one_of(st.lists(anything, max_size=3), anything),
            "failure": anything,
            "failureCode": st.one_of(anything, st.sampled_from(["SAFETY.INPUT.TEXT", "INTERNAL"])),
            "error": anything,
            "issues": anything,
            "creditBalance": anything,
            "usage": anything,
        },
    ),
    submitted=lambda id_: f'{{"id":{id_},"estimatedCost":{{"credits":20}}}}',
    polled=lambda word: f'{{"status":{word},"cost":{{"credits":20}}}}',
    done=(
        lambda url: f'{{"status":"SUCCEEDED","output":[{url}],"cost":{{"credits":20}}}}',
        lambda url: f'{{"status":"SUCCEEDED","output":{url}}}',
        lambda url: f'{{"status":"SUCCEEDED","output":[{url},{url}]}}',
    ),
    done_word='"SUCCEEDED"',
)
