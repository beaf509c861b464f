"""What arbitrary answers are made of: words of the vendors in their places, and anything else."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

FILM = "https://media.invalid/film.mp4"

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 10),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from([1, 5, 6, 7, 8, "1", "7", "", FILM, "-0", "1e400", "1e999999", "٣", "0x1"]),
    st.sampled_from(["QUEUED", "PROCESSING", "COMPLETED", "FAILED", "PENDING", "completed"]),
    st.sampled_from([0, "0", 500044, 500063, 500064, 500008, 99999, 500100, 400017, 123456]),
    st.sampled_from(["record not found", "content policy violation", "[[", '{"a":1}', "AAAA" * 40]),
)
names = st.sampled_from(
    [
        "ErrCode",
        "ErrMsg",
        "Resp",
        "err_code",
        "err_msg",
        "resp",
        "status",
        "url",
        "id",
        "video_id",
        "credit",
        "credits",
        "request_id",
        "output",
        "video",
        "error",
        "metrics",
        "cost",
        "detail",
        "message",
        "data",
        "images",
        "outputWidth",
        "size",
        "free-credits",
        "credit_monthly",
        "credit_package",
        "request_body",
        "model_status",
        "generation_url",
        "model_created",
    ]
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(names, st.text(max_size=4)), inner, max_size=6),
    ),
    max_leaves=12,
)


def number(value: Any) -> int | None:
    """Read an integer as a vendor may write it."""
    if type(value) is int:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        return int(value)
    return None
