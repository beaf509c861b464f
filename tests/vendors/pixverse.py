"""PixVerse: an envelope with codes, and an attempt id that it deduplicates by."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from motionkit.errors import (
    AuthenticationError,
    Busy,
    ContentBlocked,
    InsufficientCredits,
    InvalidRequest,
    MediaRejected,
    PermissionDenied,
    ProviderUnavailable,
)
from motionkit.http.response import Response
from motionkit.model.job import State
from vendors.answers import anything, number, scalars
from vendors.record import Kind, Vendor, data_of

REFUSALS: dict[int, Kind] = {
    400011: InvalidRequest,
    400012: AuthenticationError,
    400013: InvalidRequest,
    400017: InvalidRequest,
    400018: InvalidRequest,
    400019: InvalidRequest,
    400032: InvalidRequest,
    400080: InvalidRequest,
    500008: InvalidRequest,
    500020: PermissionDenied,
    500030: MediaRejected,
    500031: MediaRejected,
    500032: MediaRejected,
    500033: MediaRejected,
    500041: ProviderUnavailable,
    500042: MediaRejected,
    500043: InsufficientCredits,
    500044: Busy,
    500045: InsufficientCredits,
    500052: ContentBlocked,
    500054: ContentBlocked,
    500060: PermissionDenied,
    500063: ContentBlocked,
    500064: InvalidRequest,
    500067: InsufficientCredits,
    500069: ProviderUnavailable,
    500070: PermissionDenied,
    500071: InvalidRequest,
    500090: InsufficientCredits,
    500323: InsufficientCredits,
    701002: MediaRejected,
    701003: MediaRejected,
    701020: InvalidRequest,
    10001: AuthenticationError,
    10002: AuthenticationError,
    10003: AuthenticationError,
    10004: AuthenticationError,
    10005: AuthenticationError,
}
ENDS = {7: State.BLOCKED, 8: State.FAILED, 6: State.GONE}


def _envelope(answer: Response) -> Mapping[str, Any]:
    data = data_of(answer)
    if not isinstance(data, Mapping):
        return {}
    return {str(name).replace("_", "").casefold(): value for name, value in data.items()}


def is_refusal(answer: Response) -> bool:
    code = number(_envelope(answer).get("errcode"))
    return answer.status in {401, 403, 429} if code is None else code in REFUSALS


def ends(answer: Response, age: dt.timedelta) -> set[State]:
    del age
    envelope = _envelope(answer)
    code, content = number(envelope.get("errcode")), envelope.get("resp")
    if code == 500064:
        return {State.GONE}
    if code != 0 or not isinstance(content, Mapping):
        return set()
    word, url = number(content.get("status")), content.get("url")
    if word == 1 and isinstance(url, str) and url.startswith(("http://", "https://")):
        return {State.SUCCEEDED}
    return {ENDS[word]} if word in ENDS else set()


def _body(content: str) -> str:
    return f'{{"ErrCode":0,"ErrMsg":"ok","Resp":{{{content}}}}}'


def _attempt_id(headers: Mapping[str, str], body: Any) -> str:
    del body
    return str(headers.get("Ai-trace-id", ""))


_inside = st.fixed_dictionaries(
    {},
    optional={
        "status": scalars,
        "url": anything,
        "id": scalars,
        "video_id": anything,
        "credit": anything,
        "credits": anything,
        "credit_monthly": anything,
        "credit_package": anything,
        "outputWidth": anything,
        "size": anything,
    },
)

VENDOR = Vendor(
    name="pixverse",
    first=True,
    daily=True,
    paid_path="/openapi/v2/video/mimic/generate",
    key_header="API-KEY",
    price=Decimal(20),  # 10 credits a second
    remote_price=Decimal(50),
    refusals=REFUSALS,
    busy="refuse:submit:code=500044",
    no_credits="refuse:submit:code=500090",
    is_refusal=is_refusal,
    ends=ends,
    resends=True,
    history=False,
    attempt_id=_attempt_id,
    traces=True,
    answers=st.fixed_dictionaries(
        {"ErrCode": st.one_of(st.just(0), scalars), "Resp": st.one_of(_inside, anything)},
        optional={"ErrMsg": st.one_of(st.just("invalid param"), anything)},
    ),
    submitted=lambda id_: _body(f'"video_id":{id_}'),
    polled=lambda word: _body(f'"status":{word}'),
    done=(lambda url: _body(f'"status":1,"url":{url}'),),
    done_word="1",
    adopted=frozenset(
        {
            "a code of a fraction",
            "a code of true",
            "a code that nobody knows",
            "a refusal's code under 200, and an id",
        }
    ),
    documented_models=False,  # its page goes endpoint by endpoint
)
