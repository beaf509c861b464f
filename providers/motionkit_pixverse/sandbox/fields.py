"""Read bodies by tables: one row per field, one refusal per broken rule."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Literal, TypeAlias

import attrs

from motionkit_pixverse.sandbox.codes import Refusal

Kind: TypeAlias = Literal["text", "whole", "flag", "id", "ids", "texts", "rows", "any"]
Values: TypeAlias = dict[str, Any]

_PROMPT, _OLD_PROMPT = 5000, 2048  # the newer pages' limit, and the older one (section 4.1)
_SEEDS = range(2_147_483_648)


@attrs.frozen
class Field:
    """One row: a field that an endpoint reads. Other fields are ignored.

    Attributes:
        name: Its name in the body.
        kind: `id` and `ids` are integers; text of digits passes while `strict_ints` is off.
        required: Absent, null, empty or id 0 is refused with 400011.
        allowed: Every other value is refused with 400017.
        longest: Characters of a text, or items of a list.
        too_long: ErrCode for more than `longest`.
        unquoted: Refuse ids as text whatever the switch says (section 1.6).
    """

    name: str
    kind: Kind
    required: bool = False
    allowed: Collection[object] | None = None
    longest: int | None = None
    too_long: int = 400017
    unquoted: bool = False


PROMPT = Field("prompt", "text", required=True, longest=_PROMPT, too_long=400018)
SHORT_PROMPT = attrs.evolve(PROMPT, longest=_OLD_PROMPT)
NEGATIVE = Field("negative_prompt", "text", longest=_OLD_PROMPT, too_long=400019)
SEED = Field("seed", "whole", allowed=_SEEDS)
# Its type was not observed: any value that names a registered webhook is accepted (section 4).
WEBHOOK = Field("webhook_id", "any")
SOURCE = (Field("source_video_id", "id"), Field("video_media_id", "id"))
# 1080p is advertised in one place for these and refused in fact (sections 4.10, 4.12, 4.13).
QUALITY_720 = Field("quality", "text", required=True, allowed=("360p", "540p", "720p"))
QUALITY = attrs.evolve(QUALITY_720, allowed=("360p", "540p", "720p", "1080p"))
_SPEECH_TEXT = 200  # "about 140"; a client of theirs cuts at 200 (section 4.1)
SPEECH = (
    Field("lip_sync_tts_speaker_id", "text"),
    Field("lip_sync_tts_content", "text", longest=_SPEECH_TEXT),
)


def read(body: Mapping[str, Any], rows: Iterable[Field], *, strict_ints: bool) -> Values:
    """Return the fields of the rows; missing ones are None.

    Raises:
        Refusal: 400013 for a wrong type, 400011 for what is missing, then the rows' own codes.
    """
    rows = tuple(rows)
    values = {
        row.name: _READERS[row.kind](body.get(row.name), strict_ints or row.unquoted)
        for row in rows
    }
    for row in rows:
        if row.required and values[row.name] in (None, []):
            raise Refusal(400011, f"{row.name} is empty")
    for row in rows:
        value = values[row.name]
        if value is None:
            continue
        if value == [] or (row.allowed is not None and value not in row.allowed):
            raise Refusal(400017, f"invalid param: {row.name}")
        if row.longest is not None and len(value) > row.longest:
            raise Refusal(row.too_long)
    return values


def exactly_one(values: Values, *names: str) -> str:
    """Return the one name of these that was given; none or several are 400017."""
    given = [name for name in names if values[name] is not None]
    if len(given) != 1:
        raise Refusal(400017, f"invalid param: exactly one of {', '.join(names)}")
    return given[0]


def require(holds: object, what: str) -> None:
    """Refuse a combination of values that the vendor does not take (400017)."""
    if not holds:
        raise Refusal(400017, f"invalid param: {what}")


def _text(value: object, _strict: bool) -> str | None:
    if value is not None and not isinstance(value, str):
        raise Refusal(400013)
    return value or None


def _whole(value: object, _strict: bool) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise Refusal(400013)
    return value


def _flag(value: object, _strict: bool) -> bool:
    if value is not None and not isinstance(value, bool):
        raise Refusal(400013)
    return bool(value)


def _id(value: object, strict: bool) -> int | None:
    if isinstance(value, str) and not strict and value.isdecimal():
        value = int(value)
    return _whole(value, strict) or None


def _items(value: object, read_one: Callable[[object], Any]) -> list[Any] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise Refusal(400013)
    read_items = [read_one(item) for item in value]
    if None in read_items:
        raise Refusal(400013)
    return read_items


def _ids(value: object, strict: bool) -> list[int] | None:
    return _items(value, lambda item: _id(item, strict))


def _texts(value: object, strict: bool) -> list[str] | None:
    return _items(value, lambda item: _text(item, strict))


def _rows(value: object, _strict: bool) -> list[dict[str, Any]] | None:
    return _items(value, lambda item: item if isinstance(item, dict) else None)


def _any(value: object, _strict: bool) -> object:
    return None if value == "" else value


_READERS: Mapping[Kind, Callable[[object, bool], Any]] = {
    "text": _text,
    "whole": _whole,
    "flag": _flag,
    "id": _id,
    "ids": _ids,
    "texts": _texts,
    "rows": _rows,
    "any": _any,
}
