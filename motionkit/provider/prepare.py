"""Assemble a submission: the part of `prepare` that is the same at every vendor.

An adapter defines how one upload is made; the rest is its offer's data. Nothing is checked here:
the request was fitted before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from motionkit.model import media, probe
from motionkit.model.submission import Call, Submission
from motionkit.provider.contract import Provider, Uploads
from motionkit.provider.fit import Fit, whole_number
from motionkit.provider.offers import MediaField


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


Placing = Callable[[MediaField, media.File | media.Data | media.Remote, probe.Facts], Upload | None]
"""Say how to upload; None passes a URL on as it is."""
Shape = Callable[[Fit, dict[str, Any]], dict[str, Any]]
"""Turn a flat body into the vendor's own, where its fields are nested."""


def assemble(
    provider: Provider,
    uploads: Uploads,
    fitted: Fit,
    placing: Placing,
    *,
    dry: bool,
    shape: Shape | None = None,
) -> Submission:
    """Upload the media of a fitted request, and return the exact paid call.

    Args:
        provider: The account's adapter.
        uploads: Retries uploads, and caches them.
        fitted: The request as its offer takes it.
        placing: How this vendor is given media.
        dry: Do no I/O; placeholders stand for uploads.
        shape: Makes the vendor's body of a flat one, where it is nested.

    Raises:
        MotionKitError: An upload failed, with ``billed=NO``.
    """
    offer = fitted.offer
    fingerprint = provider.fingerprint
    body = dict(fitted.body)
    calls: list[Call] = []
    token: str | None = None

    def held(name: str, slot: MediaField, reference: media.Ref) -> tuple[str, Any]:
        """Return the vendor's field for a medium, and its value."""
        nonlocal token
        if isinstance(reference, media.Generated):
            return slot.generated or slot.field, _token(name, slot, reference.id)
        if isinstance(reference, media.Uploaded):
            return slot.field, _token(name, slot, reference.id)
        facts = fitted.facts[name]
        upload = placing(slot, reference, facts)
        if upload is None:
            return slot.field, getattr(reference, "url", facts.label)
        calls.append(upload.call)
        if dry:
            return slot.field, f"<{slot.field} of {facts.label}>"
        digest = facts.sha256 if upload.shared else None
        made = uploads.put(fingerprint, slot.kind, digest, upload.send)
        token = token or (None if upload.shared else made)
        return slot.field, _token(name, slot, made)

    for name, (slot, reference) in fitted.references.items():
        field, value = held(name, slot, reference)
        body[field] = [*body.get(field, ()), value] if slot.many else value
    if shape is not None:
        body = shape(fitted, body)
    paid = Call("POST", offer.path, json={**body, **fitted.extra}, paid=True)
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


def _token(name: str, slot: MediaField, reference: str) -> Any:
    """Return a vendor's reference in the type that the vendor takes: text, or an integer."""
    return whole_number(name, reference) if slot.integer else reference
