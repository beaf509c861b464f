"""Read jobs from PixVerse's answers: paths, states, files and costs.

Vendor pages: "Get Video Generation Status", "Get Image generation" and "Swap mask generation" of
https://docs.platform.pixverse.ai.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from motionkit.errors import Billed, ProtocolError
from motionkit.model.job import Job, Output, State, Status, UnknownReason, utcnow
from motionkit.model.money import Cost, CostBasis, Rates, Unit
from motionkit.provider import succeeded
from motionkit_pixverse._tables import STATES
from motionkit_pixverse._wire import credits_of, number

_STRANGE = (State.UNKNOWN, Billed.UNKNOWN)


@attrs.frozen(eq=False, repr=False)
class Place:
    """Where the results of an operation are read.

    Attributes:
        id_name: The field of the job id in the submit's answer.
        path: The path to poll, without the id.
        kind: The kind of output.
        content_type: The media type, if all outputs share one.
    """

    id_name: str
    path: str
    kind: str
    content_type: str | None = None


VIDEOS = Place("video_id", "/openapi/v2/video/result", "video", "video/mp4")
PLACES: Mapping[str, Place] = {
    "image_template": Place("image_id", "/openapi/v2/image/result", "image"),
}
"""Operation to its place; every other operation generates a video."""

ANSWERED_AT_ONCE = frozenset({"mask_selection"})
"""Operations whose submit returns the result: the job keeps that answer."""


def place_of(operation: str) -> Place:
    """Return where an operation's results are."""
    return PLACES.get(operation, VIDEOS)


def status_of(job: Job, content: Mapping[str, Any], rates: Rates) -> Status:
    """Return the status in an answer about a job, with its result."""
    word = number(content.get("status"))
    state, billed = _STRANGE if word is None else STATES.get(word, _STRANGE)
    named = str(content.get("status"))
    if state is State.SUCCEEDED:
        files = _files(content, place_of(job.operation))
        return succeeded(job, files, named, content, cost_of(content, rates) or job.cost)
    doubt = UnknownReason.STRANGE_WORD if state is State.UNKNOWN else None
    return Status(state, named, utcnow(), doubt=doubt, billed=billed, raw=content)


def answered(job: Job, rates: Rates) -> Status:
    """Return the status of a job whose submit returned the result; makes no call."""
    content = job.data.get("answer")
    content = content if isinstance(content, Mapping) else {}
    return succeeded(job, _masks(content), "answered", content, cost_of(content, rates) or job.cost)


def need_url(content: Mapping[str, Any], **context: Any) -> str:
    """Return the URL of an upload.

    Raises:
        ProtocolError: The answer has none.
    """
    url = _address(content.get("url"))
    if url is None:
        raise ProtocolError(
            f"{context['account']}: the answer has no usable url",
            billed=Billed.NO,
            raw=dict(content),
            **context,
        )
    return url


def cost_of(content: Mapping[str, Any], rates: Rates) -> Cost | None:
    """Read ``credit`` or ``credits``; the name depends on the endpoint."""
    for name in ("credit", "credits"):
        amount = credits_of(content.get(name))
        if amount is not None:
            return Cost(amount, Unit.CREDIT, dollars(amount, rates), CostBasis.REPORTED)
    return None


def dollars(amount: Decimal, rates: Rates) -> Decimal:
    """Return the value of credits in US dollars."""
    return amount * (rates.credit or Decimal(0))


def _files(content: Mapping[str, Any], place: Place) -> tuple[Output, ...]:
    """Return the file of a result; none while its URL is empty or a placeholder."""
    url = _address(content.get("url"))
    if url is None:
        return ()
    width, height, size = (
        number(content.get(name)) or None for name in ("outputWidth", "outputHeight", "size")
    )
    return (Output(url, place.kind, place.content_type, width, height, size),)


def _masks(content: Mapping[str, Any]) -> tuple[Output, ...]:
    """Return the masks of a selection, then the frame they were found on."""
    masks = content.get("mask_info")
    found = [
        Output(url, "image", label=_text(mask.get("mask_name")), id=_text(mask.get("mask_id")))
        for mask in (masks if isinstance(masks, list) else ())
        if isinstance(mask, Mapping) and (url := _address(mask.get("mask_url")))
    ]
    frame = _address(content.get("keyframe_url"))
    if found and frame:
        found.append(Output(frame, "image", label="keyframe", id=_text(content.get("keyframe_id"))))
    return tuple(found)


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) else None


def _address(value: Any) -> str | None:
    if isinstance(value, str) and value.startswith(("https://", "http://")):
        return value
    return None
