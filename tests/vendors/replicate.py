"""Replicate: HTTP statuses, no attempt id, a list that repeats inputs for an hour, no balance."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

from hypothesis import strategies as st

from motionkit.errors import (
    AuthenticationError,
    InsufficientCredits,
    InvalidRequest,
    MediaRejected,
    PermissionDenied,
    ProtocolError,
    RateLimited,
)
from motionkit.http.response import Response
from motionkit.model.job import State
from vendors.answers import anything, scalars
from vendors.record import Kind, Probe, Vendor, data_of

REFUSALS: dict[int, Kind] = {
    400: InvalidRequest,
    401: AuthenticationError,
    402: InsufficientCredits,
    403: PermissionDenied,
    404: InvalidRequest,
    405: ProtocolError,
    413: MediaRejected,
    422: InvalidRequest,
    429: RateLimited,
}
_ENDS = {
    "succeeded": {State.SUCCEEDED},
    "failed": {State.FAILED, State.BLOCKED},
    "canceled": {State.FAILED},
    "aborted": {State.FAILED},
}


def is_refusal(answer: Response) -> bool:
    """A gateway's 429 has no body, and refuses nothing."""
    said = isinstance(data_of(answer), Mapping) and data_of(answer) != {}
    return answer.status in REFUSALS and (said or answer.status != 429)


def ends(answer: Response, age: dt.timedelta) -> set[State]:
    """Only the word ends a job; a success without its data is lost."""
    del age
    data = data_of(answer)
    if not isinstance(data, Mapping) or not isinstance(data.get("status"), str):
        return set()
    gone = {State.GONE} if data.get("data_removed") is True else set()
    found = _ENDS.get(data["status"], set())
    return found | gone if data["status"] == "succeeded" else found


_row = st.fixed_dictionaries(
    {},
    optional={
        "id": anything,
        "model": anything,
        "input": anything,
        "source": anything,
        "created_at": anything,
        "data_removed": scalars,
    },
)

PROBES: dict[str, Probe] = {
    "cancel_after": Probe("nothing", "90", ("90",), ("91", "5")),
    "data_urls": Probe("nothing", "1000", ("1000",), ("1001", "0")),
}

VENDOR = Vendor(
    name="replicate",
    model="wan-video/wan-2.2-animate-replace",  # the default takes no picture of 8 pixels
    paid_path="/v1/models/wan-video/wan-2.2-animate-replace/predictions",
    key_header="Authorization",
    price=Decimal("0.10"),  # 0.05 dollars a second
    remote_price=Decimal("0.25"),
    refusals=REFUSALS,
    busy="refuse:submit:status=429",
    no_credits="refuse:submit:status=402",
    is_refusal=is_refusal,
    ends=ends,
    balance=False,
    no_history={"history": False},
    qualities=("480p", "540p", "720p"),
    answers=st.fixed_dictionaries(
        {},
        optional={
            "id": anything,
            "urls": anything,
            "status": st.one_of(scalars, st.sampled_from([*_ENDS, "starting", "processing"])),
            "output": anything,
            "error": anything,
            "input": anything,
            "metrics": st.one_of(
                st.fixed_dictionaries({"video_output_duration_seconds": anything}), anything
            ),
            "data_removed": scalars,
            "started_at": anything,
            "completed_at": anything,
            "deadline": anything,
            "next": anything,
            "results": st.lists(_row, max_size=3),
            "invalid_fields": st.lists(
                st.fixed_dictionaries({}, optional={"field": anything, "description": anything}),
                max_size=2,
            ),
            "detail": anything,
            "key": anything,
        },
    ),
    submitted=lambda id_: f'{{"id":{id_},"status":"starting"}}',
    polled=lambda word: f'{{"status":{word}}}',
    done=(
        lambda url: f'{{"status":"succeeded","output":{url}}}',
        lambda url: f'{{"status":"succeeded","output":[{url}]}}',
        lambda url: f'{{"status":"succeeded","output":{{"video":{url}}}}}',
    ),
    done_word='"succeeded"',
)
