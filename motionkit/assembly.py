"""Make a submission: the part of `prepare` that is the same at every vendor.

An adapter says how one upload is done; everything else about a request is its offer's data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from motionkit import media
from motionkit.errors import InvalidRequest
from motionkit.model import Call, Submission
from motionkit.offers import Offer, Slot, fit, inspect
from motionkit.operations import Request
from motionkit.provider import Provider, Uploads


@attrs.frozen
class Upload:
    """How a vendor is given one piece of media.

    Attributes:
        call: The upload as people read it.
        send: Send it once and return the vendor's reference.
        shared: Whether the vendor's copy may serve other submissions too. One that may not is what
            this submission can be recognised by.
    """

    call: Call
    send: Callable[[], str]
    shared: bool = True


Placing = Callable[[Slot, media.File | media.Data | media.Remote, media.Facts], Upload | None]
"""Say how to upload; None passes a URL on as it is."""


def assemble(
    provider: Provider,
    uploads: Uploads,
    request: Request,
    offer: Offer,
    placing: Placing,
    *,
    dry: bool,
) -> Submission:
    """Validate a request, upload its media, and return the exact paid call.

    Args:
        provider: The account's adapter.
        uploads: The core's care for uploads.
        request: What is wanted.
        offer: The row to fit it to.
        placing: How this vendor is given media.
        dry: Do no I/O but looking at local media; placeholders stand for uploads.

    Raises:
        InvalidRequest: The request does not fit; nothing was uploaded.
        MotionKitError: An upload failed, with ``billed=NO``.
    """
    fitted = fit(request, offer, inspect(request))
    body = dict(fitted.body)
    calls: list[Call] = []
    token: str | None = None
    for name, reference in request.media().items():
        slot, facts = offer.media[name], fitted.facts[name]
        if isinstance(reference, media.Generated):
            body[slot.generated or slot.field] = _held(name, slot, reference.id)
            continue
        if isinstance(reference, media.Uploaded):
            body[slot.field] = _held(name, slot, reference.id)
            continue
        upload = placing(slot, reference, facts)
        if upload is None:
            body[slot.field] = getattr(reference, "url", reference.label)
            continue
        calls.append(upload.call)
        if dry:
            body[slot.field] = f"<{slot.field} of {facts.label}>"
            continue
        digest = facts.sha256 if upload.shared else None
        held = uploads.put(provider.fingerprint, slot.kind, digest, upload.send)
        body[slot.field] = _held(name, slot, held)
        token = token or (None if upload.shared else held)
    body |= request.extra.get(provider.name, {})
    paid = Call("POST", offer.path, json=body, paid=True)
    return Submission(
        provider=provider.name,
        account=provider.account,
        operation=offer.operation,
        model=offer.model,
        call=paid,
        calls=(*calls, paid),
        token=token,
        expected_seconds=offer.expected_seconds,
        quality=fitted.quality,
        clip_seconds=fitted.clip_seconds,
        warnings=fitted.warnings,
    )


def _held(name: str, slot: Slot, reference: str) -> Any:
    """Return a vendor's reference as the vendor wants it: text, or an integer token."""
    if not slot.integer:
        return reference
    if not (reference.isascii() and reference.isdecimal()):
        raise InvalidRequest(
            f"{name}: {reference!r} is no id of this vendor; ids are whole numbers",
            field=name,
            value=reference,
            limit="a whole number",
        )
    return int(reference)
