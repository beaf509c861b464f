"""Make request bodies: groups of fields in the new API, a flat object in the legacy one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from motionkit.errors import InvalidRequest
from motionkit.model import media, probe
from motionkit.provider import Fit, Stream
from motionkit_kling._tables import CONTENTS, OPTIONS, SPELLED

LEGACY = "/v1/"
"""The beginning of the legacy API's paths."""
_EXTERNAL = "external_task_id"
_BASE64 = "<Base64 of "
Body = dict[str, Any]


def is_legacy(path: str) -> bool:
    """Return whether a path is the legacy API's."""
    return path.startswith(LEGACY)


def shape(fitted: Fit, flat: Mapping[str, Any], webhook: str | None) -> Body:
    """Return the body of a paid call.

    Args:
        fitted: The request.
        flat: Its fields by the vendor's names, media and extra options included.
        webhook: The address for callbacks.
    """
    path = fitted.offer.path
    legacy = is_legacy(path)
    body: Body = {} if webhook is None else {"callback_url": webhook}
    body |= flat
    for name, field in fitted.offer.fields.items():
        words = SPELLED.get((name, legacy))
        if words is not None and field in body and field not in fitted.extra:
            body[field] = words.get(fitted.values[name], body[field])
    if legacy:
        return _nested(body)
    return _grouped(body, path.startswith("/text-to-video/"))


def _grouped(flat: Body, from_text: bool) -> Body:
    """Return the new API's groups; whole groups among the extra options are added to them."""
    body: Body = {}
    contents, settings, options = [], Body(), Body()
    for field, value in flat.items():
        if field == "prompt" and from_text:
            body[field] = value
        elif field == "prompt":
            contents.append({"type": field, "text": value})
        elif field in CONTENTS:
            contents.append({"type": field, "url": value})
        elif field == "contents":
            contents += value
        elif field in {"settings", "options"}:
            (settings if field == "settings" else options).update(value)
        else:
            (options if field in OPTIONS else settings)[field] = value
    groups = {"contents": contents, "settings": settings, "options": options}
    return body | {name: group for name, group in groups.items() if group}


def _nested(flat: Body) -> Body:
    """Return the legacy API's object: an effect has its images in ``input``."""
    if "effect_scene" in flat and "images" in flat:
        images = flat.pop("images")
        flat["input"] = {"image": images[0]} if len(images) == 1 else {"images": images}
    return flat


class Inlined(str):
    """What a file is called in a body that is kept and shown; its Base64 is sent instead.

    Args:
        content: The file.
        facts: Its facts, which have to hold when it is sent.
    """

    __slots__ = ("content", "facts")
    content: media.File | media.Data
    facts: probe.Facts

    def __new__(cls, content: media.File | media.Data, facts: probe.Facts) -> Self:
        """Make the text."""
        made = super().__new__(cls, f"{_BASE64}{facts.shown}>")
        made.content, made.facts = content, facts
        return made


def filled(value: Any) -> Any:
    """Return a body with the Base64 of its files, without any head.

    Raises:
        InvalidRequest: A file has changed, or the body is one that the journal kept: it is read
            back as text.
    """
    if isinstance(value, Inlined):
        return Stream(b"", value.content, b"", value.facts, encoded=True).read().decode()
    if isinstance(value, str) and value.startswith(_BASE64):
        raise InvalidRequest(
            f"{value} is not kept in the journal, so it cannot be sent again", field="media"
        )
    if isinstance(value, Mapping):
        return {name: filled(one) for name, one in value.items()}
    return [filled(one) for one in value] if isinstance(value, list) else value


def with_id(path: str, body: Any, attempt_id: str) -> Body:
    """Return a body with the attempt's id, which the vendor accepts once."""
    if is_legacy(path):
        return {**body, _EXTERNAL: attempt_id}
    return {**body, "options": {**body.get("options", {}), _EXTERNAL: attempt_id}}


def names_id(extra: Mapping[str, Any]) -> bool:
    """Return whether extra options hold an id of their own."""
    options = extra.get("options")
    return _EXTERNAL in extra or (isinstance(options, Mapping) and _EXTERNAL in options)
