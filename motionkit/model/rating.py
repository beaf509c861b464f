"""What a person thought of a result: one to five stars, and a note."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import attrs

from motionkit._support.displayed import Displayed
from motionkit._support.redaction import printable, redact
from motionkit._support.text import is_name
from motionkit.errors import InvalidRequest
from motionkit.model.job import utcnow

FEWEST_STARS, MOST_STARS = 1, 5
LONGEST_NOTE = 2000
"""Characters."""

_STARS = f"a whole number from {FEWEST_STARS} to {MOST_STARS}"
_NOTE = f"text of at most {LONGEST_NOTE:,} characters"
_KEY = "the key of a job"
_WHEN = "a time with its zone, such as 2026-11-27T12:00:00Z, in the years 1970 to 9998"
_YEARS = range(1970, 9999)


def _key(_: Any, __: Any, value: Any) -> None:
    if not isinstance(value, str) or not value or not is_name(value):
        raise InvalidRequest.expected("key", value, _KEY)


def _stars(_: Any, __: Any, value: Any) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value not in range(FEWEST_STARS, MOST_STARS + 1):
        raise InvalidRequest.expected("stars", value, _STARS)


def _note(_: Any, __: Any, value: Any) -> None:
    if not isinstance(value, str) or not is_name(value) or len(value) > LONGEST_NOTE:
        raise InvalidRequest.expected("note", value, _NOTE)


def _rated_at(_: Any, __: Any, value: Any) -> None:
    if not isinstance(value, dt.datetime) or value.tzinfo is None or value.year not in _YEARS:
        raise InvalidRequest.expected("rated_at", value, _WHEN)


def _masked(value: Any) -> Any:
    """Return a note as the journal has it: line breaks alike, secrets masked, no other controls."""
    if not isinstance(value, str):
        return value
    return printable(redact(value.replace("\r\n", "\n").replace("\r", "\n"))).strip()


@attrs.frozen(repr=False)
class Rating(Displayed):
    """A person's rating of the result of one purchase.

    Attributes:
        key: The purchase.
        stars: 1 to 5; 5 is the best.
        note: What the person wrote, at most 2,000 characters; known secrets in it are masked, and
            control characters are left out.
        rated_at: When, with its zone. Of two ratings of a purchase the newer one is kept.

    Raises:
        InvalidRequest: A value is not allowed; it names field, value and limit.
    """

    key: str = attrs.field(validator=_key)
    stars: int = attrs.field(validator=_stars)
    note: str = attrs.field(default="", converter=_masked, validator=_note)
    rated_at: dt.datetime = attrs.field(factory=utcnow, validator=_rated_at)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able values; the time is in UTC, as ISO 8601."""
        return {
            "key": self.key,
            "stars": self.stars,
            "note": self.note,
            "rated_at": self.rated_at.astimezone(dt.UTC).isoformat(),
        }


FIELDS = tuple(one.name for one in attrs.fields(Rating))
"""The names of a rating's fields, as files of ratings have them."""


def moment_of(value: object) -> dt.datetime:
    """Return a moment that is written as ISO 8601 with a zone.

    Raises:
        InvalidRequest: It is written otherwise.
    """
    try:
        found = dt.datetime.fromisoformat(value.strip()) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or found.year not in _YEARS:
        raise InvalidRequest.expected("rated_at", value, _WHEN)
    return found


@attrs.frozen(repr=False)
class Rated(Displayed):
    """What the import of ratings did.

    Attributes:
        new: Ratings of purchases that had none.
        changed: Ratings that replaced an older one.
        unchanged: Ratings that the journal has already.
        older: Ratings that were left out: the journal has a newer one.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    older: int = 0

    def __add__(self, other: Rated) -> Rated:
        pairs = zip(attrs.astuple(self), attrs.astuple(other), strict=True)
        return Rated(*(one + more for one, more in pairs))


@attrs.frozen
class Stars:
    """The ratings of one target.

    Attributes:
        mean: The mean of the stars, 1 to 5.
        n: How many results were rated.
    """

    mean: float
    n: int


Target = tuple[str, str, bool]
"""Account, model, and whether it is in a sandbox on this machine."""
Means = Mapping[Target, Stars]
