"""fal: a queue without attempt ids, a history with payloads, a result that decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

from motionkit.errors import (
    AuthenticationError,
    InvalidRequest,
    PermissionDenied,
    ProtocolError,
    RateLimited,
)
from motionkit.http.response import Response
from motionkit.model.job import State
from vendors.record import Kind, Probe, Vendor, data_of

REFUSALS: dict[int, Kind] = {
    400: InvalidRequest,
    401: AuthenticationError,
    403: PermissionDenied,
    404: InvalidRequest,
    405: ProtocolError,
    422: InvalidRequest,
    429: RateLimited,
}


def is_refusal(answer: Response) -> bool:
    """A gateway's 429 has no body, and refuses nothing."""
    said = isinstance(data_of(answer), Mapping) and data_of(answer) != {}
    return answer.status in REFUSALS and (said or answer.status != 429)


def ends(answer: Response, age: dt.timedelta) -> set[State]:
    """What the result says is checked row by row elsewhere."""
    del age
    data = data_of(answer)
    done = isinstance(data, Mapping) and data.get("status") == "COMPLETED"
    return {State.SUCCEEDED, State.FAILED, State.BLOCKED} if done else set()


PROBES: dict[str, Probe] = {
    "platform_url": Probe(
        "only this machine or the provider's own variable, where yours names none",
        honoured=('"http://127.0.0.1:8000"',),
        refused=('"https://gateway.example"',),
    ),
    "prices": Probe("only higher", "true", ("true",), ("false",)),
    "fallback": Probe("nothing", "false", ("false",), ("true",)),
    "no_retry": Probe("nothing", "false", ("false",), ("true",)),
    "start_timeout": Probe("nothing", "90", ("90",), ("91", "2")),
    "webhook": Probe(
        "nothing",
        '"https://h.example/a"',
        ('"https://h.example/a"',),
        ('"https://h.example/b"',),
    ),
}

VENDOR = Vendor(
    name="fal",
    daily=True,
    paid_path="/fal-ai/wan/v2.2-14b/animate/move",
    key_header="Authorization",
    price=Decimal("0.12"),  # 0.06 dollars a second
    remote_price=Decimal("0.30"),
    refusals=REFUSALS,
    busy="refuse:submit:status=429",
    no_credits="refuse:submit:status=403:message=User is locked. Reason: Exhausted balance",
    is_refusal=is_refusal,
    ends=ends,
    no_history={"history": False},
    qualities=("480p", "540p", "720p"),
    submitted=lambda id_: f'{{"request_id":{id_},"status":"IN_QUEUE"}}',
    polled=lambda word: f'{{"status":{word}}}',
    done=(
        lambda url: f'{{"status":"COMPLETED","video":{{"url":{url}}}}}',
        lambda url: f'{{"status":"COMPLETED","output":{url}}}',
        lambda url: f'{{"status":"COMPLETED","video":[{url}]}}',
    ),
    done_word='"COMPLETED"',
)
