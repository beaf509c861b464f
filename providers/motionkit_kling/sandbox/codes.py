"""The vendor's error codes and its envelope.

https://kling.ai/document-api/api/get-started/error-code, as read on 2026-09-20; texts that a third
party met with a key (2026-09) are marked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

CODES: Mapping[int, tuple[int, str]] = {
    1000: (401, "Authentication failed"),
    1001: (401, "Authorization is empty"),
    1002: (401, "Authorization is invalid"),
    1003: (401, "Authorization is not yet valid"),
    1004: (401, "Authorization has expired"),
    1100: (429, "The account is in an abnormal state"),
    1101: (429, "The account is in arrears"),
    1102: (429, "Account balance not enough"),  # met
    1103: (403, "No permission for this model or interface"),
    1200: (400, "Invalid request parameters"),
    1201: (400, "Invalid parameters"),
    1202: (404, "The requested method or path is invalid"),
    1203: (404, "The requested resource does not exist"),
    1300: (400, "The request triggers the policy of the platform"),
    1301: (400, "The request triggers the content security policy of the platform"),
    1302: (429, "The API request is too fast"),
    1303: (429, "parallel task over resource pack limit"),  # met
    1304: (429, "The IP address is not in the whitelist"),
    5000: (500, "Internal server error"),
    5001: (503, "The server is temporarily unavailable: maintenance"),
    5002: (504, "Internal timeout of the server: backlog"),
}
"""HTTP status and text of each code."""


class Refusal(Exception):
    """A refusal in the vendor's envelope.

    Args:
        code: The vendor's code.
        message: Text, if not the listed one.
        status: HTTP status, if not the listed one.
    """

    def __init__(self, code: int, message: str | None = None, *, status: int | None = None) -> None:
        super().__init__(code, message)
        usual, text = CODES.get(code, (400, "error"))
        self.code = code
        self.message = text if message is None else message
        self.status = usual if status is None else status


def invalid(what: str, value: object) -> Refusal:
    """Return the refusal of one value."""
    shown = repr(value)
    return Refusal(1201, f"{what} value {shown if len(shown) < 80 else 'given'} is invalid")


Envelope = dict[str, Any]
Row = dict[str, Any]


def _rows(change: Callable[[Row], Row]) -> Callable[[Envelope], Envelope]:
    """Return a change of each task of an answer."""

    def changed(body: Envelope) -> Envelope:
        data = body["data"]
        if isinstance(data, list):
            return {**body, "data": [change(row) for row in data]}
        return {**body, "data": change(data)}

    return changed


def _number_ids(row: Row) -> Row:
    ids: Row = {name: int(row[name]) for name in ("id", "task_id") if name in row}
    return {**row, **ids}


def _without(*names: str) -> Callable[[Row], Row]:
    return lambda row: {name: value for name, value in row.items() if name not in names}


def _outputs(change: Callable[[list[Row]], object]) -> Callable[[Row], Row]:
    def changed(row: Row) -> Row:
        if "outputs" in row:
            return {**row, "outputs": change(row["outputs"])}
        if "task_result" in row:
            return {**row, "task_result": {"videos": change(row["task_result"]["videos"])}}
        return row

    return changed


def _each(change: Callable[[Row], Row]) -> Callable[[list[Row]], object]:
    return lambda outputs: [change(one) for one in outputs]


def _stranger(body: Envelope) -> Envelope:
    """Put the row of somebody else's task first."""
    data = body["data"]
    if not isinstance(data, list) or not data:
        return body
    other = {**data[0], "id": "100000000000000001", "external_id": "another", "status": "failed"}
    return {**body, "data": [other, *data]}


SHAPES: Mapping[str, Callable[[Envelope], object]] = {
    "text_code": lambda body: {**body, "code": str(body["code"])},
    "no_code": lambda body: {name: value for name, value in body.items() if name != "code"},
    "coded": lambda body: {**body, "code": 5000, "message": "Internal server error"},
    "coded_empty": lambda body: {"code": 5000, "message": "", "request_id": body["request_id"]},
    "no_data": lambda body: {name: value for name, value in body.items() if name != "data"},
    "null_data": lambda body: {**body, "data": None},
    "list": lambda body: [body],
    "number_ids": _rows(_number_ids),
    "no_id": _rows(_without("id", "task_id")),
    "no_status": _rows(_without("status", "task_status")),
    "no_times": _rows(_without("create_time", "update_time", "created_at", "updated_at")),
    "no_external": _rows(_without("external_id", "task_info")),
    "no_billing": _rows(_without("billing", "final_unit_deduction", "final_balance_deduction")),
    "no_outputs": _rows(_outputs(lambda _: [])),
    "null_outputs": _rows(_outputs(lambda _: None)),
    "no_duration": _rows(_outputs(_each(_without("duration")))),
    "image_first": _rows(
        _outputs(lambda found: [{"type": "image", "id": "1", "url": "https://h.invalid/a.png"},
                                *found])
    ),
    "stranger": _stranger,
}  # fmt: skip
"""Answers of another shape than the documented one, by the name of the fault."""
