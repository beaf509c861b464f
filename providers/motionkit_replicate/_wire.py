"""Parse Replicate's responses: error bodies, and the prediction that all others are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import attrs

from motionkit.errors import Billed, InvalidRequest
from motionkit.model.job import Job, Output, State, Status, utcnow
from motionkit.model.money import Cost, CostBasis, Unit, amount
from motionkit.model.submission import Call, Submission
from motionkit.provider import (
    Fault,
    Offer,
    Response,
    Responses,
    moment,
    observed,
    outputs_of,
    succeeded,
)
from motionkit_replicate._tables import (
    CANCELED,
    CODES,
    DONE,
    FAILED,
    JOB_NAMES,
    LITTLE_CREDIT,
    LOST,
    MODERATED,
    NEVER_RAN,
    POOR,
    RUN_PRICES,
    SENSITIVE,
    STATES,
    STATUSES,
    TOO_LATE,
    UNPRICED,
    VALUES,
)

_CODE = re.compile(r"\b(E\d{3,4})\b|\(code: (PA)\)", re.ASCII)
_DELIVERED = {"quality": "resolution_target", "audio": "with_audio"}
"""Neutral field to the metric that says what was delivered."""
_DATA = re.compile(r"(data:[^,]*,)[^'\"\s]+")
_RESET = re.compile(r"resets in ~(\d{1,5})s", re.ASCII)


def responses(context: Mapping[str, Any]) -> Responses:
    """Return how an account's responses are read."""
    return Responses(context, STATUSES, "id", JOB_NAMES, _fault, words=STATES)


def _fault(answer: Response, data: Mapping[str, Any], _: Call) -> Fault:
    """Return what an error body says: a title, a detail, or both."""
    title, detail = (
        one.strip() if isinstance(one, str) else ""
        for one in (data.get("title"), data.get("detail"))
    )
    text = ": ".join(filter(None, (title, detail.removeprefix("- "))))
    poor = answer.status == 429 and LITTLE_CREDIT in detail
    reset = _RESET.search(detail)
    return Fault(
        str(answer.status) if text else None,
        text or None,
        POOR if poor else None,
        float(reset[1]) if reset else None,
    )


def name_field(error: InvalidRequest, submission: Submission, offer: Offer | None) -> None:
    """Set the field, value and limit of a refused input, by the vendor's list of invalid fields."""
    rows = error.raw.get("invalid_fields") if isinstance(error.raw, Mapping) else None
    row = rows[0] if isinstance(rows, list) and rows else None
    if not isinstance(row, Mapping) or not isinstance(row.get("field"), str):
        return
    field = row["field"].removeprefix("input.")
    neutral = {} if offer is None else {vendor: name for name, vendor in offer.fields.items()}
    if offer is not None:
        neutral |= {slot.field: name for name, slot in offer.media.items()}
    sent = submission.call.json.get("input", {}).get(field)
    error.fill(
        field=neutral.get(field, field),
        value=None if sent is None else _DATA.sub(r"\1...", str(sent)),
        limit=str(row.get("description") or row.get("type")),
    )


def status_of(job: Job, content: Mapping[str, Any], offer: Offer | None) -> Status:
    """Return the status that a prediction means for a job."""
    word, text = content.get("status"), content.get("error")
    if word == DONE:
        files = tuple(_files(content.get("output")))
        if not files and content.get("data_removed") is True:
            now = utcnow()
            return Status(State.GONE, DONE, now, billed=Billed.YES, message=LOST, raw=content)
        return succeeded(job, files, DONE, content, _cost(job, content, offer))
    message = text if isinstance(text, str) and text else None
    status = observed(word, STATES, content, message=message)
    if word == FAILED:
        return _failed(status, message or "")
    if word == CANCELED:
        return _canceled(status, content, _cost(job, content, offer))
    if status.state is State.FAILED:  # aborted
        return attrs.evolve(status, message=message or NEVER_RAN)
    return status


def _failed(status: Status, text: str) -> Status:
    """Return how a failed job ended, by the code in its text."""
    found = _CODE.search(text)
    code = (found[1] or found[2]) if found else None
    if code is None and SENSITIVE in text:
        code = MODERATED
    state, meaning = CODES.get(code or "", (State.FAILED, ""))
    message = f"{text} ({meaning})" if meaning else status.message
    return attrs.evolve(status, state=state, code=code, message=message)


def _canceled(status: Status, content: Mapping[str, Any], cost: Cost | None) -> Status:
    """Return how a cancelled job ended: by request or by its deadline, charged if it ran."""
    ran = content.get("started_at") is not None or bool(_metric(content, "predict_time"))
    deadline, end = moment(content.get("deadline")), moment(content.get("completed_at"))
    late = deadline is not None and end is not None and end >= deadline
    return attrs.evolve(
        status,
        billed=Billed.YES if ran else Billed.UNKNOWN,
        message=TOO_LATE if late else status.message,
        cancelled=not late,
        cost=cost if ran else None,
    )


def _files(value: Any) -> Iterator[Output]:
    """Return the outputs: one address, a list of them, or an object with them."""
    if isinstance(value, Mapping) and "url" not in value:
        value = list(value.values())
    yield from outputs_of(value)


def _metric(content: Mapping[str, Any], name: str) -> Decimal | None:
    metrics = content.get("metrics")
    return amount(metrics.get(name)) if isinstance(metrics, Mapping) else None


def _cost(job: Job, content: Mapping[str, Any], offer: Offer | None) -> Cost | None:
    """Return what the reported quantities cost by the model's price; None where that is unknown.

    The vendor reports no charge, so the basis is ``assumed``. Without a quantity or a matching
    price the quote remains.
    """
    rate = RUN_PRICES.get(job.model)
    if rate is not None:
        quantity = _metric(content, "predict_time")
    else:
        rate, name = _rate(content, offer)
        quantity = _metric(content, name)
    if rate is None or quantity is None:
        return None
    return Cost(rate * quantity, Unit.USD, rate * quantity, CostBasis.ASSUMED)


def _rate(content: Mapping[str, Any], offer: Offer | None) -> tuple[Decimal | None, str]:
    """Return an offer's price for what was sent and delivered, and the metric that it counts."""
    sent, metrics = content.get("input"), content.get("metrics")
    if offer is None or offer.price is None or not isinstance(sent, Mapping):
        return None, ""
    known = {*offer.fields.values(), *(slot.field for slot in offer.media.values()), *offer.fixed}
    if not sent.keys() <= known | UNPRICED.keys():  # its price with other fields is not known
        return None, ""
    words = VALUES.get(offer.model, {})
    told = metrics if isinstance(metrics, Mapping) else {}
    values = {}
    for name, field in offer.fields.items():  # as delivered, else as sent
        value = told.get(_DELIVERED.get(name, ""), sent.get(field))
        neutral = {word: one for one, word in words.get(field, {}).items()}
        values[name] = neutral.get(value, value) if isinstance(value, str) else value
    for cell in offer.price.cells:
        fits = all(values.get(name) == value for name, value in cell.when.items())
        if cell.bound is None and fits:
            by_second = cell.per == "second"
            return cell.amount, (
                "video_output_duration_seconds" if by_second else "video_output_count"
            )
    return None, ""
