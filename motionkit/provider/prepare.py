"""Assemble a submission: the part of `prepare` that all vendors share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from motionkit.model import media, probe
from motionkit.model.submission import Call, Submission
from motionkit.provider.contract import Provider, Uploads
from motionkit.provider.fit import Fit, whole_number
from motionkit.provider.offers import MediaField


@attrs.frozen(eq=False, repr=False)
class Upload:
    """How to upload one piece of media to a vendor.

    Attributes:
        call: The upload, for display.
        send: Sends it once and returns the vendor's reference.
        shared: Whether other submissions may use the same upload. One that is not shared identifies
            this submission.
    """

    call: Call
    send: Callable[[], str]
    shared: bool = True


Placing = Callable[[MediaField, media.File | media.Data | media.Remote, probe.Facts], Upload | None]
"""Returns how to upload; None passes a URL on unchanged."""
Shape = Callable[[Fit, dict[str, Any]], dict[str, Any]]
"""Turns a flat body into the vendor's nested one."""


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
        uploads: Retries and caches uploads.
        fitted: The fitted request.
        placing: How this vendor takes media.
        dry: Do no I/O; use placeholders for uploads.
        shape: Makes a nested body of the flat one.

    Raises:
        MotionKitError: An upload failed, with ``billed=NO``.
    """
    offer = fitted.offer
    fingerprint = provider.fingerprint
    body = dict(fitted.body)
    calls: list[Call] = []
    token: str | None = None
    for name, (slot, reference) in fitted.references.items():
        field, facts = slot.field, fitted.facts[name]
        value: Any = f"<{field} of {facts.label}>"
        held: str | None = None
        if isinstance(reference, media.Generated | media.Uploaded):
            held = reference.id
            if isinstance(reference, media.Generated):
                field = slot.generated or field
        elif (upload := placing(slot, reference, facts)) is None:
            value = getattr(reference, "url", facts.label)
        else:
            calls.append(upload.call)
            if not dry:
                digest = facts.sha256 if upload.shared else None
                held = uploads.put(fingerprint, slot.kind, digest, upload.send)
                token = token or (None if upload.shared else held)
        if held is not None:
            value = whole_number(name, held) if slot.integer else held
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
