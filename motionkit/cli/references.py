"""Media options that name what a vendor holds: ``job:KEY_OR_ID``, ``id:ID``, ``upload:ID``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from motionkit.cli.format import short, state_of
from motionkit.client import Client
from motionkit.errors import InvalidRequest
from motionkit.model.job import Job, State
from motionkit.model.media import Generated, Kind, Uploaded
from motionkit.model.request import Request

_NAMES = {"job": "a key or a job id", "id": "the vendor's id", "upload": "an upload's id"}


def read(kind: type[Request], values: Mapping[str, Any], client: Client) -> dict[str, Any]:
    """Return the media options of a request, names of what a vendor holds as references.

    ``job:KEY_OR_ID`` is the video of a job in the journal; ``id:ID`` a video that the vendor
    generated, or a picture or recording that it holds; ``upload:ID`` an upload of any kind. Whether
    a target takes them is its offer's to say.

    Raises:
        InvalidRequest: A name is incomplete, or its job did not succeed.
    """
    media = kind.media_kinds()
    return {
        name: _reference(name, value, media[name], client)
        for name, value in values.items()
        if name in media
    }


def _reference(name: str, value: Any, kind: Kind, client: Client) -> Any:
    if not isinstance(value, str):
        return [_reference(name, one, kind, client) for one in value]
    scheme, colon, rest = value.partition(":")
    if not colon or scheme not in _NAMES or rest.startswith("//"):
        return value
    if not rest.strip():
        limit = f"{scheme}: with {_NAMES[scheme]}"
        raise InvalidRequest(
            f"{name}: {value!r} is incomplete; it takes {limit}",
            field=name,
            value=value,
            limit=limit,
            hint=f"write ./{value} for a file of that name",
        )
    if scheme == "job":
        return Generated(_succeeded(name, rest, client))
    return Generated(rest) if scheme == "id" and kind == "video" else Uploaded(rest)


def _succeeded(name: str, reference: str, client: Client) -> Job:
    try:
        entry = client.jobs.get(reference)
    except InvalidRequest as error:
        raise InvalidRequest(f"{name}: {error.message}", field=name, value=reference) from error
    if entry.job is None or entry.state is not State.SUCCEEDED:
        raise InvalidRequest(
            f"{name}: job {short(entry.key)} is {state_of(entry)}; it takes a succeeded job",
            field=name,
            value=reference,
            limit="a succeeded job",
            hint=f"if it is unfinished, run 'motionkit wait {short(entry.key)}' first",
        )
    return entry.job
