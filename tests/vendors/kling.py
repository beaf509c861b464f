"""Kling: an attempt id in the body, which is accepted once and listed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from motionkit.errors import (
    AuthenticationError,
    Busy,
    ContentBlocked,
    InsufficientCredits,
    InvalidRequest,
    PermissionDenied,
    RateLimited,
)
from motionkit.http.response import Response
from motionkit.model.job import State
from vendors.answers import anything, number, scalars
from vendors.record import Kind, Probe, Vendor, data_of

PROBES: dict[str, Probe] = {
    "access_key": Probe("nothing", refused=('"planted-text"', '"${HOME}"')),
    "usd_per_unit": Probe("nothing", '"0.14"', ('"0.140"',), ('"0.01"', '"0"')),
}

REFUSALS: dict[int, Kind] = {
    1000: AuthenticationError,
    1001: AuthenticationError,
    1002: AuthenticationError,
    1003: AuthenticationError,
    1004: AuthenticationError,
    1100: PermissionDenied,
    1101: InsufficientCredits,
    1102: InsufficientCredits,
    1103: PermissionDenied,
    1200: InvalidRequest,
    1201: InvalidRequest,
    1202: InvalidRequest,
    1203: InvalidRequest,
    1300: ContentBlocked,
    1301: ContentBlocked,
    1302: RateLimited,
    1303: Busy,
    1304: PermissionDenied,
}
ENDS = {
    "succeeded": {State.SUCCEEDED},
    "succeed": {State.SUCCEEDED},
    "failed": {State.FAILED, State.BLOCKED},
}
JOB_ID = "400000000000000017"
"""The job of the hostile answers: a poll is answered with a list, and read by its id."""


def _envelope(answer: Response) -> Mapping[str, Any]:
    data = data_of(answer)
    return data if isinstance(data, Mapping) else {}


def is_refusal(answer: Response) -> bool:
    """5xx may hide a task; so does a text that says that the id exists."""
    envelope = _envelope(answer)
    code, text = number(envelope.get("code")), str(envelope.get("message")).casefold()
    if answer.status >= 500 or "already exists" in text:
        return False
    return answer.status in {401, 403} if code is None else code in REFUSALS


def _tasks(data: Any) -> Iterator[Mapping[str, Any]]:
    for row in data if isinstance(data, list) else [data]:
        if isinstance(row, Mapping):
            yield row


def ends(answer: Response, age: dt.timedelta) -> set[State]:
    del age
    words = [
        row.get(name)
        for row in _tasks(_envelope(answer).get("data"))
        for name in ("status", "task_status")
    ]
    return {state for word in words if isinstance(word, str) for state in ENDS.get(word, ())}


def _attempt_id(headers: Mapping[str, str], body: Any) -> str:
    del headers
    try:
        sent = json.loads(body or b"{}")
    except (TypeError, ValueError):  # a form, or a file
        return ""
    return str(sent.get("options", sent).get("external_task_id", ""))


def _listed(content: str) -> str:
    return f'{{"code":0,"message":"SUCCEED","data":[{{"id":"{JOB_ID}",{content}}}]}}'


_task = st.fixed_dictionaries(
    {},
    optional={
        "id": st.one_of(st.just(JOB_ID), anything),
        "status": st.one_of(st.sampled_from([*ENDS, "processing"]), scalars),
        "external_id": anything,
        "message": anything,
        "outputs": st.one_of(
            st.lists(st.fixed_dictionaries({"type": st.just("video"), "url": anything})), anything
        ),
        "billing": anything,
        "resource_pack_subscribe_infos": anything,
    },
)

_WITHOUT_CODE = (
    "a negative length",
    "a length of letters",
    "NaN",
    "Infinity",
    "a number beyond all numbers",
    "an exponent beyond Decimal",
    "a hundred thousand digits",
    "a fraction of a hundred thousand digits",
    "nested deeper than anybody means",
    "one name twice",
    "an empty object",
    "a success without content",
    "content that is a list",
    "a code that is an object",
    "a code of a fraction",
    "a code of true",
    "a code that nobody knows",
    "a refusal's code under 200, and an id",
    "terminal codes in a message",
    "a message of a megabyte",
    "a message that is an object",
)
"""Answers in which no ``code`` is 0: here the code is the truth, whatever else is in them."""

VENDOR = Vendor(
    name="kling",
    paid_path="/motion-control/kling-3.0",
    key_header="Authorization",
    price=Decimal("4.5"),  # 0.9 units a second, of five
    remote_price=Decimal("4.5"),
    refusals=REFUSALS,
    busy="refuse:submit:code=1303:status=429",
    no_credits="refuse:submit:code=1102:status=429",
    is_refusal=is_refusal,
    ends=ends,
    resends=True,
    attempt_id=_attempt_id,
    remote_only=True,
    sample={"quality": "720p"},
    qualities=("540p", "720p", "1080p"),
    answers=st.fixed_dictionaries(
        {
            "code": st.one_of(st.just(0), scalars),
            "data": st.one_of(_task, st.lists(_task, max_size=3), anything),
        },
        optional={"message": st.one_of(st.just("x already exists"), anything)},
    ),
    submitted=lambda id_: f'{{"code":0,"data":{{"id":{id_},"status":"submitted"}}}}',
    polled=lambda word: _listed(f'"status":{word}'),
    done=(
        lambda url: _listed(
            f'"status":"succeeded","outputs":[{{"type":"video","url":{url},"duration":"5.1"}}]'
        ),
        lambda url: _listed(f'"status":"succeed","task_result":{{"videos":[{{"url":{url}}}]}}'),
    ),
    done_word='"succeeded"',
    expected=dict.fromkeys((f"poll {name}" for name in _WITHOUT_CODE), "ProtocolError"),
)
