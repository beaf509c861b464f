"""PixVerse's lists, and the account's own voices. Nothing here is billed.

Vendor pages, under https://docs.platform.pixverse.ai: templates ``get-template-list-38573064e0``,
custom voices ``create-custom-voice-40528181e0`` and ``delete-custom-voice-40528243e0``, charges
``usage-deduction-query-41209884e0``. The rows of styles, templates and charges are not
documented: each record keeps its row as `raw`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from motionkit.errors import InvalidRequest, ProtocolError
from motionkit.model import media
from motionkit.model.job import utcnow
from motionkit.model.submission import Call
from motionkit.provider import Phase
from motionkit_pixverse._wire import number

if TYPE_CHECKING:
    from motionkit_pixverse.records import Charge, Style, Template, Voice

PAGE = 100
"""Rows per page; voices and templates accept 10, 20, 50 or 100, charges up to 100."""
MAX_PAGES = 1000
"""Guards against a list that never ends."""
WINDOW = dt.timedelta(days=30)
"""The longest span of one request for charges; a longer one is split."""
AHEAD = dt.timedelta(days=1)
"""Added to now, so that a wrong clock does not hide the newest charge."""
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
"""The vendor's creation types."""

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


@attrs.frozen(eq=False, repr=False)
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
        """Return the text-to-speech voices.

        Args:
            kind: ``all``, ``system`` (the vendor's) or ``custom`` (the account's).
            endpoint: ``new`` or ``old``; by default the new one, else the old one if the new one
                does not exist. The old one lists the vendor's voices only.
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
        return tuple(_voice(row) for row in rows)

    def create_voice(self, name: str, audio: media.Source) -> Voice:
        """Create a custom voice from a recording.

        Args:
            name: The voice's name.
            audio: The recording: a path, an https:// URL, bytes, or `Uploaded`.
        """
        body = {"name": name, "audio_media_id": self.hold(media.ref(audio))}
        row = self.send(Call("POST", _SPEAKERS, json=body), Phase.UPLOAD)
        made = row.get("speaker_id")
        if made is None:  # the answer is not documented; the list has the voice
            named = [voice for voice in self.voices(kind="custom") if voice.name == name]
            if not named:
                raise ProtocolError(f"voice '{name}' was created, but is not listed yet")
            return named[-1]
        return _voice(row, name)

    def delete_voice(self, voice: Voice | str) -> None:
        """Delete a custom voice.

        Args:
            voice: One of `voices`, or its id.
        """
        speaker = voice if isinstance(voice, str) else voice.id
        if not speaker.isalnum():
            raise InvalidRequest(
                f"voice: '{speaker}' is not a voice id; it takes letters and digits",
                field="voice",
                value=speaker,
                limit="letters and digits",
            )
        self.send(Call("DELETE", f"{_SPEAKERS}/{speaker}"), Phase.UPLOAD)

    def styles(self) -> tuple[Style, ...]:
        """Return the styles for `Restyle.style`."""
        from motionkit_pixverse.records import Style  # noqa: PLC0415 - a purchase lists nothing

        rows = self._pages(_STYLES, ("page_num", "page_size"), {})
        return tuple(
            Style(_id(row, "restyle_id"), _text(row, "restyle_name", "name"), row) for row in rows
        )

    def templates(self, *, type: str | None = None) -> tuple[Template, ...]:  # noqa: A002 - theirs
        """Return the effects and image templates.

        Args:
            type: The vendor's type, ``1`` or ``2``; both when None.
        """
        from motionkit_pixverse.records import Template  # noqa: PLC0415 - a purchase lists nothing

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
        """Return the account's charges or refunds.

        Args:
            since: Epoch seconds; a week ago when None.
            until: Epoch seconds; now when None.
            status: ``consume`` or ``refund``.
            what: The vendor's creation types, separated by commas; all when None.
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
        """Yield rows page by page until a page is not full, or repeats."""
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
        """Yield charges until the vendor says that there are no more."""
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
    """Split a span into windows that the vendor accepts, without overlap."""
    second = dt.timedelta(seconds=1)
    while start <= end:
        yield start, min(end, start + WINDOW - second)
        start += WINDOW


def _rows(content: Row) -> list[Row]:
    """Return the rows of an answer: its first list, whatever its name."""
    for value in content.values():
        if isinstance(value, list):
            return [row for row in value if isinstance(row, Mapping)]
    return []


def _voice(row: Row, name: str = "") -> Voice:
    from motionkit_pixverse.records import Voice  # noqa: PLC0415 - a purchase lists nothing

    return Voice(str(row.get("speaker_id", "")), _text(row, "name") or name, row)


def _charge(row: Row, status: str) -> Charge:
    from motionkit_pixverse.records import Charge  # noqa: PLC0415 - a purchase lists nothing

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
            f"{name}={seconds} is not a time; it takes {limit}",
            field=name,
            value=str(seconds),
            limit=limit,
        ) from error


def _reversed(start: dt.datetime, end: dt.datetime, name: str) -> InvalidRequest:
    """Return the error for a span that ends before it starts.

    Args:
        start: The start.
        end: The end.
        name: The argument to name: ``since``, or ``until`` if only that was given.
    """
    first, last = (one.strftime(_MOMENT) for one in (start, end))
    shown, relation, other, limit = {
        "since": (first, "after until", last, f"at most {last}"),
        "until": (last, "before since", first, f"at least {first}"),
    }[name]
    return InvalidRequest(
        f"{name}='{shown}' is {relation}='{other}' (UTC)", field=name, value=shown, limit=limit
    )


def _check(name: str, value: str, allowed: Sequence[str] | frozenset[str]) -> str:
    if value not in allowed:
        listed = ", ".join(sorted(allowed))
        raise InvalidRequest(
            f"{name}='{value}' is not known; it is one of {listed}",
            field=name,
            value=value,
            limit=listed,
        )
    return value
