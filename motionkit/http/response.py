"""A complete HTTP response, and its JSON: lossless, in bounded time and memory."""

from __future__ import annotations

import codecs
import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import attrs

from motionkit._support.redaction import guarded, is_sensitive, redact_data
from motionkit.errors import ProtocolError

MAX_RETRY_AFTER = 86_400.0
"""Seconds; a longer delay is cut."""
_MAX_SECONDS_DIGITS = 20
MAX_NESTING = 100
"""Levels of JSON."""
MAX_ITEMS = 200_000
"""Values in one JSON body: two bytes on the wire take sixty in memory."""
MAX_DIGITS = 300
"""Digits, and the largest exponent, of one number in JSON."""
LONGEST_REASON = 200
"""Characters of a library's text in our errors."""
_BRACKETS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


@attrs.frozen(eq=False)
class Response:
    """A complete response.

    Attributes:
        status: The HTTP status.
        headers: By name in lower case.
        body: All of it, bounded.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(repr=lambda headers: repr(redact_data(headers)))
    body: bytes = attrs.field(repr=False)

    def json(self, *, lenient: bool = False) -> Any:
        """Return the body as JSON: integers lossless, fractions as Decimal.

        Args:
            lenient: Read NaN, a number of thousands of digits, a value that is nested too deeply,
                and a name with two different values as None, so that a field that is not needed
                decides nothing. Never for the response to a paid call: it may name a job under an
                unreadable field.

        Raises:
            ProtocolError: It is not JSON, or hostile: too many values; unless lenient, one of the
                above.
        """
        try:
            return _parsed(self.body, lenient=lenient)
        except json.JSONDecodeError as error:
            why = f"it cannot be read at character {error.pos}" if error.pos else ""
        except UnicodeDecodeError:
            why = "it is not UTF-8"
        except (ValueError, ArithmeticError, RecursionError) as error:
            why = str(error)[:LONGEST_REASON]
        # Raised outside of `except`, because the decoder's error holds the whole body.
        raise ProtocolError(
            f"the response is not JSON{': ' * bool(why)}{why}", http_status=self.status
        )

    @property
    def opens_object(self) -> bool:
        """Whether the body begins like a JSON object; if unreadable, it may say anything."""
        return self.body.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{")

    @property
    def date(self) -> dt.datetime | None:
        """The ``Date`` by the server's clock, if any."""
        return _date(self.headers.get("date", "").strip())

    @property
    def retry_after(self) -> float | None:
        """Requested delay in seconds: ``Retry-After``, a number or date, or the body's own."""
        value = self.headers.get("retry-after", "").strip()
        if value.isdecimal():
            return min(float(value[:_MAX_SECONDS_DIGITS]), MAX_RETRY_AFTER)
        when = _date(value)
        if when is None:
            return self._retry_after_in_body()
        left = (when - (self.date or dt.datetime.now(dt.UTC))).total_seconds()
        return min(max(0.0, left), MAX_RETRY_AFTER)

    def _retry_after_in_body(self) -> float | None:
        if self.status < 400:
            return None
        try:
            data = self.json()
        except ProtocolError:
            return None
        value = data.get("retry_after") if isinstance(data, Mapping) else None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            return None
        return float(value) if 0 <= value < MAX_RETRY_AFTER else None


def _date(value: str) -> dt.datetime | None:
    try:
        import email.utils  # noqa: PLC0415 - few responses ask for a pause until a time

        when = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=dt.UTC)


def _parsed(body: bytes, *, lenient: bool) -> Any:
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_ITEMS:
        raise ValueError(f"it has more than {MAX_ITEMS} values")
    if _nesting(body) > MAX_NESTING:
        if not lenient:
            raise ValueError(f"it is nested deeper than {MAX_NESTING} levels")
        body = _shallow(body)
    text = body.removeprefix(codecs.BOM_UTF8).decode()
    if "\\" in text or is_sensitive(text):  # an escape may hide either
        return guarded(_DECODERS[lenient, True].decode(text))
    return _DECODERS[lenient, False].decode(text)


def _nesting(body: bytes) -> int:
    """Count the levels of brackets outside strings, up to one too many."""
    if body.count(b"[") + body.count(b"{") <= MAX_NESTING:
        return 0
    depth = deepest = 0
    for found in _BRACKETS.finditer(body):
        if found[0] in {b"[", b"{"}:
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_NESTING:
                break
        elif found[0] in {b"]", b"}"}:
            depth -= 1
    return deepest


def _shallow(body: bytes) -> bytes:
    """Return JSON with ``null`` for each value that is nested too deeply; too few ends stay."""
    kept, depth, start = [], 0, 0
    for found in _BRACKETS.finditer(body):
        if found[0] in {b"[", b"{"}:
            depth += 1
            if depth == MAX_NESTING + 1:
                kept += [body[start : found.start()], b"null"]
        elif found[0] in {b"]", b"}"}:
            if depth == MAX_NESTING + 1:
                start = found.end()
            depth -= 1
    return b"".join(kept) + (body[start:] if depth <= MAX_NESTING else b"")


def _guard(pairs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(name, guarded(value)) for name, value in pairs]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object has one name twice")
    return made


def _lenient_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        return made | {name: None for name, value in pairs if value != made[name]}
    return made


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")
    return int(text)


def _fraction(text: str) -> Decimal:
    number = Decimal(text) if len(text) <= MAX_DIGITS else None
    if number is None or abs(number.adjusted()) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")
    return number


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _or_none(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a parser that yields None for what `parse` refuses."""

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except (ValueError, ArithmeticError):
            return None

    return parsed


def _decoder(*, lenient: bool, guarding: bool) -> json.JSONDecoder:
    wrap = _or_none if lenient else lambda parse: parse
    made = _lenient_object if lenient else _object
    return json.JSONDecoder(
        parse_float=wrap(_fraction),
        parse_int=wrap(_integer),
        parse_constant=wrap(_refuse_constant),
        object_pairs_hook=(lambda pairs: made(_guard(pairs))) if guarding else made,
    )


_DECODERS = {
    (lenient, guarding): _decoder(lenient=lenient, guarding=guarding)
    for lenient in (False, True)
    for guarding in (False, True)
}
