"""Segmind: HTTP statuses, no attempt id, a history with payloads, blocking calls."""

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
    Unsupported,
)
from motionkit.http.response import Response
from motionkit.model.job import State
from vendors.answers import anything, scalars
from vendors.record import Kind, Probe, Vendor, data_of

REFUSALS: dict[int, Kind] = {
    400: InvalidRequest,
    401: AuthenticationError,
    403: PermissionDenied,
    404: InvalidRequest,
    405: ProtocolError,
    406: InsufficientCredits,
    410: Unsupported,
    422: InvalidRequest,
    429: RateLimited,
}


def ends(answer: Response, age: dt.timedelta) -> set[State]:
    data = data_of(answer)
    found = {State.GONE} if answer.status == 404 and age > dt.timedelta(hours=1) else set()
    for row in (data, data.get("data") if isinstance(data, Mapping) else None):
        if not isinstance(row, Mapping):
            continue
        words = [row.get("status"), row.get("model_status")]
        found |= {State.FAILED, State.BLOCKED} if "FAILED" in words else set()
        found |= {State.SUCCEEDED} if "COMPLETED" in words else set()
    return found


_row = st.fixed_dictionaries(
    {},
    optional={
        "request_id": anything,
        "request_body": anything,
        "model_status": scalars,
        "generation_url": anything,
        "model_created": anything,
        "credits_deduction": anything,
    },
)

PROBES: dict[str, Probe] = {
    "upload_url": Probe(
        "only this machine or the provider's own variable, where yours names none",
        honoured=('"http://127.0.0.1:8000"',),
        refused=('"https://gateway.example"',),
    ),
    "history_url": Probe(
        "only this machine or the provider's own variable, where yours names none",
        honoured=('"http://127.0.0.1:8000"',),
        refused=('"https://gateway.example"',),
    ),
    "history": Probe("only higher", "true", ("true",), ("false",)),
    "mode": Probe("nothing", '"async"', ('"async"',), ('"sync"',)),
    "sync_timeout": Probe("only higher", "500", ("501",), ("499",)),
}

VENDOR = Vendor(
    name="segmind",
    first=True,
    daily=True,
    paid_path="/v2/pixverse-mimic",
    sync_path="/v1/pixverse-mimic",
    key_header="x-api-key",
    price=Decimal("0.25"),  # 0.125 dollars a second
    remote_price=Decimal("2.03"),
    refusals=REFUSALS,
    busy="refuse:submit:code=429",
    no_credits="refuse:submit:status=406:message=Insufficient credits. Balance: 0",
    is_refusal=lambda answer: answer.status in REFUSALS,
    ends=ends,
    no_history={"history": False},
    answers=st.fixed_dictionaries(
        {},
        optional={
            "status": scalars,
            "request_id": anything,
            "output": anything,
            "video": anything,
            "images": anything,
            "metrics": st.one_of(st.fixed_dictionaries({"cost": anything}), anything),
            "error": anything,
            "credits": anything,
            "free-credits": anything,
            "data": st.lists(_row, max_size=3),
            "model_status": scalars,
            "generation_url": anything,
            "credits_deduction": anything,
        },
    ),
    submitted=lambda id_: f'{{"request_id":{id_},"status":"QUEUED"}}',
    polled=lambda word: f'{{"status":{word}}}',
    done=(
        lambda url: f'{{"status":"COMPLETED","output":{url}}}',
        lambda url: f'{{"status":"COMPLETED","video":{{"url":{url}}}}}',
        lambda url: f'{{"status":"COMPLETED","video":[{url}]}}',
    ),
    done_word='"COMPLETED"',
)
