"""Read Kling's responses: the envelope, tasks of both APIs, outputs, charges."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import attrs

from motionkit.errors import Billed, MotionKitError
from motionkit.model.job import Job, Output, State, Status
from motionkit.model.money import Cost, CostBasis, Unit, amount
from motionkit.model.submission import Call
from motionkit.provider import (
    ErrorRow,
    Fault,
    Phase,
    Response,
    Responses,
    observed,
    outputs_of,
    path_id,
    succeeded,
)
from motionkit_kling._tables import (
    ERRORS,
    EXISTS,
    JOB_NAMES,
    MODERATED,
    STATES,
    STATUSES,
    TEXTS,
    UNCODED,
)

_CODE = re.compile(r"\d{1,6}", re.ASCII)
_LARGEST_ID = 10**20
"""Ids are numbers of 18 digits, mostly as text."""
_KINDS = ("video", "image", "audio")


def responses(context: Mapping[str, Any], *, legacy: bool) -> Responses:
    """Return how an account's responses are read: HTTP 2xx with code 0 is a success."""
    name = "task_id" if legacy else "id"
    return Responses(context, STATUSES, name, JOB_NAMES, _fault, succeeds=_succeeds, whole_id=id_of)


def _succeeds(answer: Response, body: Mapping[str, Any], _: Phase) -> bool:
    return 200 <= answer.status < 300 and code_of(body.get("code")) == 0


def _fault(answer: Response, body: Mapping[str, Any], _: Call) -> Fault:
    code, text = code_of(body.get("code")), body.get("message")
    text, row = text if isinstance(text, str) else None, _row(code, text)
    if row is None and (200 <= answer.status < 300 or _refuses_alone(answer, body)):
        row = UNCODED
    return Fault(None if code is None else str(code), text, row)


def _refuses_alone(answer: Response, body: Mapping[str, Any]) -> bool:
    """Return whether a status would refuse, and an unknown code beside it does not say so."""
    said = STATUSES.get(answer.status)
    return said is not None and said.refuses and body.get("code") is not None


def _row(code: int | None, text: str | None) -> ErrorRow | None:
    """Return the meaning of a code, by its text where a code has several."""
    for part, row in TEXTS.get(code or 0, ()):
        if part in (text or "").casefold():
            return row
    return ERRORS.get(code or 0)


def code_of(value: Any) -> int | None:
    """Return a code, which gateways send as text; None if it is none."""
    return int(value) if _CODE.fullmatch(str(value)) else None


def id_of(value: Any) -> str | None:
    """Return a task's id as text; a number keeps all its digits."""
    number = isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LARGEST_ID
    return path_id(str(value) if number else value)


def already_exists(error: MotionKitError) -> bool:
    """Return whether a paid call was refused because the vendor has its id."""
    fault = error.raw if isinstance(error.raw, Mapping) else {}
    return _row(code_of(fault.get("code")), str(fault.get("message"))) is EXISTS


@attrs.frozen
class Task:
    """A task as either API shows it.

    Attributes:
        id: The vendor's id.
        word: Its status.
        message: Why it failed.
        external_id: The attempt's id.
        outputs: What it made, the main one first.
        cost: What it was charged, where the response says so.
        raw: The vendor's record.
    """

    id: str
    word: str
    message: str | None
    external_id: str | None
    outputs: tuple[Output, ...]
    cost: Cost | None
    raw: Mapping[str, Any]

    @property
    def state(self) -> State:
        """The neutral state; a success without outputs is not known to be one."""
        said = observed(self.word, STATES, None).state
        if said is State.SUCCEEDED and not self.outputs:
            return State.UNKNOWN
        moderated = said is State.FAILED and MODERATED in (self.message or "").casefold()
        return State.BLOCKED if moderated else said

    def status(self, job: Job) -> Status:
        """Return the status of the task's job."""
        said = observed(self.word, STATES, self.raw)
        if said.state is State.SUCCEEDED:
            return succeeded(job, self.outputs, self.word, self.raw, self.cost)
        if said.state is not State.FAILED:
            return said
        billed, cost = said.billed, self.cost
        if cost is not None and not cost.amount:
            billed, cost = Billed.NO, None
        elif cost is not None:
            billed = Billed.YES
        return attrs.evolve(said, state=self.state, message=self.message, billed=billed, cost=cost)


def tasks_of(data: Any, usd_per_unit: Decimal) -> list[Task]:
    """Return the tasks of a response that holds one or a list; those without an id are left out."""
    rows = data if isinstance(data, list) else [data]
    return [task for row in rows if (task := _task(row, usd_per_unit)) is not None]


def _task(data: Any, usd_per_unit: Decimal) -> Task | None:
    """Return a task of the new API or of the legacy one; None if it has no id."""
    if not isinstance(data, Mapping):
        return None
    found = id_of(data.get("id") or data.get("task_id"))
    if found is None:
        return None
    info, external = data.get("task_info"), data.get("external_id")
    if external is None and isinstance(info, Mapping):
        external = info.get("external_task_id")
    message = data.get("message") or data.get("task_status_msg")
    return Task(
        found,
        str(data.get("status") or data.get("task_status")),
        message if isinstance(message, str) else None,
        id_of(external),
        tuple(_outputs(data)),
        cost_of(data, usd_per_unit),
        data,
    )


def _outputs(data: Mapping[str, Any]) -> Iterator[Output]:
    """Yield what a task made, videos first: a list with types, or a list for each type."""
    outputs, result = data.get("outputs"), data.get("task_result")
    typed = _records(outputs)
    for kind in _KINDS:
        rows = [row for row in typed if row.get("type") == kind]
        rows += _records(result.get(f"{kind}s") if isinstance(result, Mapping) else None)
        for row in rows:
            url = row.get("url") or row.get("mp3_url") or row.get("wav_url")
            for output in outputs_of({"url": url}, kind):
                yield attrs.evolve(output, id=id_of(row.get("id")))


def _records(rows: Any) -> list[Mapping[str, Any]]:
    return [row for row in (rows if isinstance(rows, list) else ()) if isinstance(row, Mapping)]


def cost_of(data: Mapping[str, Any], usd_per_unit: Decimal) -> Cost | None:
    """Return what a task was charged: in units or, from a balance of dollars, in dollars.

    None if the response does not say it, or only in another currency; the legacy API says none.
    """
    rows, cash = data.get("billing"), data.get("final_balance_deduction")
    if not isinstance(rows, list) or not rows:
        if isinstance(cash, Mapping) and amount(cash.get("quota")):
            return None
        rows = [{"charge_type": "unit", "amount": data.get("final_unit_deduction")}]
    units = usd = Decimal(0)
    unit = Unit.CREDIT
    for row in _records(rows):
        paid, kind = amount(row.get("amount")), row.get("charge_type")
        if paid is None or (kind != "unit" and (kind, row.get("currency")) != ("cash", "USD")):
            return None
        units += paid
        usd += paid * usd_per_unit if kind == "unit" else paid
        unit = unit if kind == "unit" else Unit.USD
    if len(_records(rows)) < len(rows):
        return None
    return Cost(units if unit is Unit.CREDIT else usd, unit, usd, CostBasis.REPORTED)
