"""What PixVerse lets one look up, and the voices that one may add. None of it costs.

Vendor pages, under https://docs.platform.pixverse.ai: templates ``get-template-list-38573064e0``,
custom voices ``create-custom-voice-40528181e0`` and ``delete-custom-voice-40528243e0``, charges
``usage-deduction-query-41209884e0``. What stands in the rows of styles, templates and charges is
not documented: each record keeps its row as `raw`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from motionkit.errors import InvalidRequest, ProtocolError
from motionkit.model import media
from motionkit.model.job import utcnow
from motionkit.model.submission import Call
from motionkit.provider import Phase
from motionkit_pixverse._wire import number

PAGE = 100
"""Rows; voices and templates take 10, 20, 50 or 100, charges up to 100."""
MAX_PAGES = 1000
"""A list that is longer does not end."""
WINDOW = dt.timedelta(days=30)
"""The longest span of one question for charges; a longer one is asked in parts."""
AHEAD = dt.timedelta(days=1)
"""Into the future, so that no clock's error hides the newest charge."""
VOICE_KINDS = ("all", "system", "custom")
TEMPLATE_KINDS = ("1", "2")
CHARGES = ("consume", "refund")
CREATIONS = frozenset(
    {
        "text_to_video",
        "image_to_video",
        "transition",
        "lip_sync",
        "extend",
        "sound_effect",
        "fusion",
        "restyle",
        "multi_transition",
        "swap",
        "agent",
        "swap_mask",
        "avatar",
        "image_to_image",
        "mimic",
        "modify",
        "upscale",
    }
)
"""What a charge may be for, in the vendor's words."""

_SPEAKERS = "/openapi/v2/video/tts_speaker"
_OLD_SPEAKERS = "/openapi/v2/video/lip_sync/tts_list"
_STYLES = "/openapi/v2/video/restyle/list"
_TEMPLATES = "/openapi/v2/video/effects/templates/list"
_CHARGES = "/openapi/v2/account/billing/usage-detail"
_MOMENT = "%Y-%m-%d %H:%M:%S"
"""UTC."""

Row = Mapping[str, Any]


Send = Callable[[Call, Phase], Row]
"""Make one call and return what a successful answer carries."""


@attrs.frozen
class Voice:
    """Who can say words: `LipSync.voice` takes the id."""

    id: str
    name: str
    raw: Row = attrs.field(factory=dict, repr=False, eq=False)


@attrs.frozen
class Style:
    """A look for `Restyle.style`; id and name as far as they can be told."""

    id: int | None
    name: str
    raw: Row = attrs.field(factory=dict, repr=False, eq=False)


@attrs.frozen
class Template:
    """An effect or image template; id and name as far as they can be told.

    Attributes:
        type: ``1`` or ``2``, as the vendor numbers them.
    """

    id: int | None
    name: str
    type: str
    raw: Row = attrs.field(factory=dict, repr=False, eq=False)


@attrs.frozen
class Charge:
    """Credits that were taken or given back; what can be told of them.

    Attributes:
        at: When, in the vendor's words (UTC).
        what: What for.
        credits: How many.
        status: ``consume`` or ``refund``.
    """

    at: str
    what: str
    credits: str
    status: str
    raw: Row = attrs.field(factory=dict, repr=False, eq=False)


@attrs.frozen
class Library:
    """One account's lists.

    Attributes:
        send: Make one call.
        hold: Upload a recording and return its id.
    """

    send: Send
    hold: Callable[[media.Ref], int]

    @property
    def lists(self) -> Mapping[str, Callable[..., Sequence[Any]]]:
        """The lists by name."""
        return {
            "voices": self.voices,
            "styles": self.styles,
            "templates": self.templates,
            "charges": self.charges,
        }

    def voices(self, *, kind: str = "all", endpoint: str | None = None) -> tuple[Voice, ...]:
        """Return the voices that can say words.

        Args:
            kind: ``all``, ``system`` (the vendor's) or ``custom`` (the account's own).
            endpoint: ``new`` or ``old``; by default the new one, and the old one where that is not
                there yet. The old one knows the vendor's own voices alone.
        """
        _check("kind", kind, VOICE_KINDS)
        _check("endpoint", endpoint or "new", ("new", "old"))
        if endpoint != "old":
            try:
                return self._voices(_SPEAKERS, {"speaker_type": kind})
            except ProtocolError as error:
                if endpoint == "new" or error.http_status not in {404, 405} or kind == "custom":
                    raise
        return self._voices(_OLD_SPEAKERS, {})

    def _voices(self, path: str, query: Mapping[str, str]) -> tuple[Voice, ...]:
        rows = self._pages(path, ("page_num", "page_size"), query)
        return tuple(Voice(str(row.get("speaker_id", "")), _text(row, "name"), row) for row in rows)

    def create_voice(self, name: str, audio: media.Source) -> Voice:
        """Make a voice of one's own out of a recording; it is listed as ``custom``.

        Args:
            name: What to call it.
            audio: The recording: a path, an https:// URL, bytes, or `Uploaded`.
        """
        body = {"name": name, "audio_media_id": self.hold(media.ref(audio))}
        row = self.send(Call("POST", _SPEAKERS, json=body), Phase.UPLOAD)
        made = row.get("speaker_id")
        if made is None:  # what it answers is not documented; the list has it
            named = [voice for voice in self.voices(kind="custom") if voice.name == name]
            if not named:
                raise ProtocolError(f"voice {name!r} was made, and is not in the list yet")
            return named[-1]
        return Voice(str(made), _text(row, "name") or name, row)

    def delete_voice(self, voice: Voice | str) -> None:
        """Delete a voice of one's own.

        Args:
            voice: From `voices`, or its id.
        """
        speaker = voice.id if isinstance(voice, Voice) else voice
        if not speaker.isalnum():
            raise InvalidRequest(f"{speaker!r} is no voice's id", field="voice", value=speaker)
        self.send(Call("DELETE", f"{_SPEAKERS}/{speaker}"), Phase.UPLOAD)

    def styles(self) -> tuple[Style, ...]:
        """Return the looks that `Restyle.style` takes."""
        rows = self._pages(_STYLES, ("page_num", "page_size"), {})
        return tuple(
            Style(_id(row, "restyle_id"), _text(row, "restyle_name", "name"), row) for row in rows
        )

    def templates(self, *, type: str | None = None) -> tuple[Template, ...]:  # noqa: A002 - theirs
        """Return the effects and image templates.

        Args:
            type: ``1`` or ``2``, as the vendor numbers them; both when None.
        """
        kinds = TEMPLATE_KINDS if type is None else (_check("type", type, TEMPLATE_KINDS),)
        return tuple(
            Template(_id(row, "template_id"), _text(row, "template_name", "name"), kind, row)
            for kind in kinds
            for row in self._pages(_TEMPLATES, ("page", "pageSize"), {"type": kind})
        )

    def charges(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        status: str = "consume",
        what: str | None = None,
    ) -> tuple[Charge, ...]:
        """Return what the account was charged, or given back.

        Args:
            since: Epoch seconds; a week ago when None.
            until: Epoch seconds; now when None.
            status: ``consume`` or ``refund``.
            what: The vendor's words for what it was for, commas between them; everything when None.
        """
        _check("status", status, CHARGES)
        words = (
            [] if what is None else [_check("what", w.strip(), CREATIONS) for w in what.split(",")]
        )
        now = utcnow()
        start = now - dt.timedelta(days=7) if since is None else _moment("since", since)
        end = now + AHEAD if until is None else _moment("until", until)
        if start > end:
            raise _reversed(start, end, "until" if since is None else "since")
        found: list[Charge] = []
        for first, last in _windows(start, end):
            query = {
                "start_time": first.strftime(_MOMENT),
                "end_time": last.strftime(_MOMENT),
                "credits_status": status,
                "limit": PAGE,
                **({"creation_type": words} if words else {}),
            }
            found += [_charge(row, status) for row in self._cursor(query)]
        return tuple(found)

    def _pages(self, path: str, names: tuple[str, str], query: Mapping[str, str]) -> Iterator[Row]:
        """Ask page by page until one is not full, or is the last one again."""
        page_name, size_name = names
        before: list[Row] = []
        for page in range(1, MAX_PAGES + 1):
            asked = {page_name: str(page), size_name: str(PAGE), **query}
            content = self.send(Call("GET", path, query=asked), Phase.BALANCE)
            rows = _rows(content)
            if rows == before:
                return
            yield from rows
            if len(rows) < PAGE:
                return
            before = rows

    def _cursor(self, query: Mapping[str, Any]) -> Iterator[Row]:
        """Ask for charges until the vendor says that there are no more."""
        seen: set[str] = set()
        cursor = ""
        for _ in range(MAX_PAGES):
            asked = {**query, "cursor": cursor} if cursor else query
            content = self.send(Call("POST", _CHARGES, json=asked), Phase.BALANCE)
            yield from _rows(content)
            cursor = str(content.get("next_cursor") or "")
            if content.get("has_more") is not True or not cursor or cursor in seen:
                return
            seen.add(cursor)


def _windows(start: dt.datetime, end: dt.datetime) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """Cut a span into pieces that the vendor takes and that share no second."""
    second = dt.timedelta(seconds=1)
    while start <= end:
        yield start, min(end, start + WINDOW - second)
        start += WINDOW


def _rows(content: Row) -> list[Row]:
    """Return the rows of an answer: what is a list of objects there, whatever it is called."""
    for value in content.values():
        if isinstance(value, list):
            return [row for row in value if isinstance(row, Mapping)]
    return []


def _charge(row: Row, status: str) -> Charge:
    return Charge(
        at=_text(row, "create_time", "created_at", "time"),
        what=_text(row, "creation_type", "type"),
        credits=_text(row, "credits", "credit", "amount"),
        status=_text(row, "credits_status") or status,
        raw=row,
    )


def _id(row: Row, *names: str) -> int | None:
    return next((number(row[name]) for name in (*names, "id") if name in row), None)


def _text(row: Row, *names: str) -> str:
    return next((str(row[name]) for name in names if name in row), "")


def _moment(name: str, seconds: float) -> dt.datetime:
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (OverflowError, ValueError, OSError, TypeError) as error:
        limit = f"epoch seconds, up to the year {dt.MAXYEAR}"
        raise InvalidRequest(
            f"{name}={seconds!r} is no moment; it takes {limit}",
            field=name,
            value=str(seconds),
            limit=limit,
        ) from error


def _reversed(start: dt.datetime, end: dt.datetime, name: str) -> InvalidRequest:
    """Return the error for a span that ends before it begins.

    Args:
        start: Its beginning.
        end: Its end.
        name: The argument to name: ``since``, or ``until`` where only that was given.
    """
    first, last = (one.strftime(_MOMENT) for one in (start, end))
    shown, relation, other, limit = {
        "since": (first, "after until", last, f"at most {last}"),
        "until": (last, "before since", first, f"at least {first}"),
    }[name]
    return InvalidRequest(
        f"{name}={shown!r} is {relation}={other!r} (UTC)", field=name, value=shown, limit=limit
    )


def _check(name: str, value: str, allowed: Sequence[str] | frozenset[str]) -> str:
    if value not in allowed:
        listed = ", ".join(sorted(allowed))
        raise InvalidRequest(
            f"{name}={value!r} is not known; it is one of {listed}",
            field=name,
            value=value,
            limit=listed,
        )
    return value
