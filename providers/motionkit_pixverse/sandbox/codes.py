"""The vendor's error codes and envelopes.

https://docs.platform.pixverse.ai/error-codes-796041m0, and codes that clients met.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import attrs
from aiohttp import web

ErrorHttp: TypeAlias = Literal["documented", "200"]

MESSAGES = {
    10001: "Invalid API-KEY",
    400011: "empty parameter",
    400012: "apiKey is not registered",
    400013: "Invalid binding request",
    400017: "invalid param",
    400018: "prompt is longer than 2048 characters",
    400019: "negative prompt is longer than 2048 characters",
    400032: "invalid image id",
    400080: "invalid lyrics",
    99999: "unknown error",
    500008: "Requested data not found",
    500020: "no permission for this operation",
    500030: "image larger than 20M or 10000*10000",
    500031: "failed to retrieve image information",
    500032: "invalid image format",
    500033: "invalid image width or height",
    500041: "image upload failed",
    500042: "invalid image path",
    500044: "reached the limit for concurrent generations",
    500052: "图片内容未通过审核",
    500054: "content moderation failure",
    500060: "monthly effect activation limit",
    500063: "video content moderation failure",
    500064: "content has been deleted",
    500069: "system is under high load, please try again later",
    500070: "template is not activated",
    500071: "effect does not support 720p or 1080p",
    500090: "insufficient balance",
    500100: "MySQL error",
    701002: "upload a photo with a clear subject such as a person or an animal",
    701003: "the reference video must have a person as its primary focus",
    701009: "only your own generated or uploaded content can be used",
    701020: "audio is not verified",
}


class Refusal(Exception):
    """A refusal in the vendor's envelope.

    Args:
        code: The vendor's ErrCode.
        message: ErrMsg, if not the listed one.
        status: HTTP status, if not the usual one.
        lower_case: Use the odd envelope of the image upload.
    """

    def __init__(
        self,
        code: int,
        message: str | None = None,
        *,
        status: int | None = None,
        lower_case: bool = False,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = MESSAGES.get(code, "error") if message is None else message
        self.status = status
        self.lower_case = lower_case


@attrs.frozen
class Answer:
    """One answer, kept for repeated trace ids."""

    status: int
    body: Any

    def response(self, trace_id: str) -> web.Response:
        """Return the HTTP response; the trace id is echoed."""
        return web.json_response(self.body, status=self.status, headers={"Ai-Trace-Id": trace_id})


def accepted(resp: object) -> Answer:
    """Return the envelope of success."""
    return Answer(200, {"ErrCode": 0, "ErrMsg": "success", "Resp": resp})


def refused(refusal: Refusal, error_http: ErrorHttp) -> Answer:
    """Return the envelope of a refusal, under the HTTP status of the switch."""
    status = refusal.status or (200 if error_http == "200" else _http_status(refusal.code))
    if refusal.lower_case:  # documented with HTTP 500, unlike the others
        body = {"err_code": refusal.code, "err_msg": refusal.message, "resp": ""}
        return Answer(refusal.status or 500, body)
    return Answer(status, {"ErrCode": refusal.code, "ErrMsg": refusal.message, "Resp": None})


def _http_status(code: int) -> int:
    if 10000 < code < 10010:
        return 401
    return 400 if 400000 <= code < 500000 else 500


def _text_ids(body: dict[str, Any]) -> dict[str, Any]:
    resp = body.get("Resp") or {}
    ids = {key: str(value) for key, value in resp.items() if key == "id" or key.endswith("_id")}
    return {**body, "Resp": {**resp, **ids}}


def _renamed_credit(body: dict[str, Any]) -> dict[str, Any]:
    resp = dict(body.get("Resp") or {})
    if "credit" in resp:
        resp["credits"] = resp.pop("credit")
    return {**body, "Resp": resp}


def _without_credit(body: dict[str, Any]) -> dict[str, Any]:
    resp = {k: v for k, v in (body.get("Resp") or {}).items() if k not in {"credit", "credits"}}
    return {**body, "Resp": resp}


# Answers of another shape than the documented one, by the name of the fault.
SHAPES: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "string_code": lambda body: {**body, "ErrCode": str(body["ErrCode"])},
    "lower_case": lambda body: {
        "err_code": body["ErrCode"],
        "err_msg": body["ErrMsg"],
        "resp": body["Resp"],
    },
    "null_resp": lambda body: {**body, "Resp": None},
    "no_resp": lambda body: {key: value for key, value in body.items() if key != "Resp"},
    "string_ids": _text_ids,
    "credits": _renamed_credit,
    "no_credit": _without_credit,
    "list": lambda body: [body],
}
