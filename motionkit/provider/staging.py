"""Media on this machine for vendors that fetch by URL only: by way of a store of the user's."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from motionkit.errors import Unsupported
from motionkit.model import media, probe
from motionkit.model.request import Request
from motionkit.model.submission import Call
from motionkit.provider.offers import MediaField
from motionkit.provider.prepare import Upload

if TYPE_CHECKING:
    from motionkit.provider.contract import Uploads

STAGE = "stage"
"""The origin of the call that a dry run shows for a copy to the store; its path is a whole URL."""


def staged(
    uploads: Uploads,
    request: Request,
    slot: MediaField,
    reference: media.File | media.Data,
    facts: probe.Facts,
) -> Upload:
    """Return how a local file gets a URL: by the store that the request or the configuration names.

    Nothing is read or sent yet, so that a check may call it, too.

    Raises:
        Unsupported: Neither names one; the error says what else can be done.
        InvalidRequest: It is no URL of a store, or has credentials.
        ConfigError: The store's package is not installed.
    """
    from motionkit.storage import Staging  # noqa: PLC0415 - most vendors take files

    where = request.stage or uploads.stage
    if where is None:
        raise Unsupported(
            f"{slot.kind}: {facts.label} is on this machine, and this vendor fetches {slot.kind} "
            "files by URL only",
            field=slot.kind,
            value=facts.label,
            limit="a URL",
            hint="give its https:// URL, or a store of yours to copy it to with "
            "stage='s3://BUCKET/FOLDER', or choose another target",
        )
    store = Staging(where)
    store.check()
    call = Call(
        "PUT",
        f"{where.rstrip('/')}/{store.name(facts)}",
        origin=STAGE,
        files={"file": facts.shown},
    )
    return Upload(call, partial(store.put, reference, facts), shared=False)
