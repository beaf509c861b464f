"""Parse Runway's responses, and write its nested bodies."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from motionkit.errors import Billed
from motionkit.model.job import Job, State, Status
from motionkit.model.money import Cost, CostBasis, Rates, Unit, amount
from motionkit.model.submission import Call
from motionkit.provider import Fault, Response, Responses, observed, outputs_of, succeeded
from motionkit_runway._tables import (
    CANCELLED,
    CREDITS,
    DONE,
    FAILURES,
    JOB_NAMES,
    MEDIA,
    NO_CREDITS,
    STALE,
    STATES,
    STATUSES,
)

UPLOAD = "runway://"
"""Beginning of an upload's address."""
_ADDRESSES = (UPLOAD, "https://", "data:")


def responses(context: Mapping[str, Any]) -> Responses:
    """Return how an account's responses are read."""
    return Responses(context, STATUSES, "id", JOB_NAMES, _fault, words=STATES)


def _fault(answer: Response, data: Mapping[str, Any], call: Call) -> Fault:
    """Return what an error body says: a text, and the issues of a body that was not accepted."""
    found = data.get("issues")
    issues = [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
    text, row = data.get("error"), None
    said = [text] if isinstance(text, str) else []
    said += [f"{_path(one)}: {one['message']}" for one in issues if _is_said(one)]
    if answer.status == 400:
        sent = [value for one in issues if (value := _sent(call.json, one)) is not None]
        if any(NO_CREDITS in one.casefold() for one in said):
            row = CREDITS
        elif sent:
            row = STALE if any(one.startswith(UPLOAD) for one in sent) else MEDIA
    code = next((one["code"] for one in issues if isinstance(one.get("code"), str)), None)
    return Fault(code, "; ".join(said) or None, row)


def _is_said(issue: Mapping[str, Any]) -> bool:
    return isinstance(issue.get("message"), str)


def _path(issue: Mapping[str, Any]) -> str:
    path = issue.get("path")
    return ".".join(map(str, path)) if isinstance(path, list) else str(path)


def _sent(body: Any, issue: Mapping[str, Any]) -> str | None:
    """Return the address of a file that an issue is about; None if it is about something else."""
    path = issue.get("path")
    for step in path if isinstance(path, list) else ():
        if isinstance(body, Mapping) and isinstance(step, str):
            body = body.get(step)
        elif isinstance(body, list) and type(step) is int and 0 <= step < len(body):
            body = body[step]
        else:
            return None
    return body if isinstance(body, str) and body.startswith(_ADDRESSES) else None


def credits_of(content: Mapping[str, Any], name: str, rates: Rates) -> Cost | None:
    """Return the credits in a field such as ``cost``; None if there are none."""
    field = content.get(name)
    found = amount(field.get("credits")) if isinstance(field, Mapping) else None
    if found is None:
        return None
    rate = rates.usd(Unit.CREDIT)
    return Cost(found, Unit.CREDIT, None if rate is None else found * rate, CostBasis.REPORTED)


def status_of(job: Job, content: Mapping[str, Any], rates: Rates) -> Status:
    """Return the status that a task's body says."""
    word, cost = content.get("status"), credits_of(content, "cost", rates)
    if word == DONE:
        return succeeded(job, outputs_of(content.get("output")), DONE, content, cost)
    status = observed(word, STATES, content)
    if status.state is not State.FAILED:
        return status
    code, text = content.get("failureCode"), content.get("failure")
    state, billed, meaning = _failure(code)
    if cost is not None:
        billed = Billed.YES if cost.amount else Billed.NO
    cancelled = word in CANCELLED
    return attrs.evolve(
        status,
        state=State.FAILED if cancelled else state,
        billed=billed,
        message=text if isinstance(text, str) else meaning or None,
        code=code if isinstance(code, str) else None,
        cancelled=cancelled,
        cost=unconfirmed(job)
        if billed is Billed.UNKNOWN
        else cost
        if cost and cost.amount
        else None,
    )


def unconfirmed(job: Job) -> Cost | None:
    """Return the estimate of a job that ended without saying what it cost: no reported charge."""
    return None if job.cost is None else attrs.evolve(job.cost, basis=CostBasis.ASSUMED)


def _failure(code: Any) -> tuple[State, Billed, str]:
    """Return what a failure code means."""
    parts = code.split(".") if isinstance(code, str) else [""]
    family = FAILURES.get(f"{parts[0]}.*", (State.FAILED, Billed.UNKNOWN, ""))
    return FAILURES.get(".".join(parts[:2]), family)


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body of flat names as the vendor nests it.

    ``a.b`` is a field of an object, ``a.0.b`` one of the first object in a list, and ``a[]`` a list
    of objects that have a `uri`.
    """
    body: dict[str, Any] = {}
    for name, value in flat.items():
        if name.endswith("[]"):
            body[name.removesuffix("[]")] = [{"uri": one} for one in value]
            continue
        first, *steps = name.split(".")
        place: Any = body
        key: Any = first
        for step in steps:
            further = int(step) if step.isdecimal() else step
            if isinstance(key, int):
                place.extend({} for _ in range(key + 1 - len(place)))
                place = place[key]
            else:
                place = place.setdefault(key, [] if isinstance(further, int) else {})
            key = further
        place[key] = value
    return body


def generations(content: Mapping[str, Any]) -> dict[str, int]:
    """Return how many tasks of each model the organization made in 24 hours, where it made any."""
    usage = content.get("usage")
    models = usage.get("models") if isinstance(usage, Mapping) else None
    found = {
        str(model): one.get("dailyGenerations")
        for model, one in (models.items() if isinstance(models, Mapping) else ())
        if isinstance(one, Mapping)
    }
    return {model: count for model, count in found.items() if type(count) is int and count > 0}


def held(content: Mapping[str, Any]) -> Decimal | None:
    """Return the credits of an organization; None if they are not stated."""
    return amount(content.get("creditBalance"))
