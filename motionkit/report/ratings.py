"""Import ratings that a report's page exported, or that a spreadsheet or another program wrote."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import attrs

from motionkit.batch import Problems, as_text, csv_rows, object_of, unsafe_cell
from motionkit.client import Client
from motionkit.errors import InvalidRequest
from motionkit.model.job import utcnow
from motionkit.model.rating import FIELDS, Rated, Rating, moment_of

MOST_BYTES = 64 * 1024 * 1024
"""The longest file of ratings."""
_FIELD = "ratings"
"""What errors call the file."""
_LONGEST_SHOWN = 60
_AHEAD = dt.timedelta(days=1)
"""By how much the clock of who rated may be ahead."""
_WHOLE = re.compile(r"\s*([+-]?[0-9]{1,10})(?:\.0*)?\s*")

Place = tuple[str, Mapping[str, Any]]
"""How errors call a row, and what it gives."""


@attrs.frozen
class Imported:
    """What `import_ratings` did.

    Attributes:
        rated: What became of the ratings.
        skipped: The keys that were left out, and why.
        columns: Columns or names that are none of a rating, and were not read.
    """

    rated: Rated
    skipped: Mapping[str, str] = attrs.field(factory=dict)
    columns: tuple[str, ...] = ()


def import_ratings(
    client: Client,
    source: str | os.PathLike[str] | IO[bytes] | Iterable[Mapping[str, Any]],
    *,
    skip_unknown: bool = False,
) -> Imported:
    """Write ratings from a file into the journal. Nothing is sent.

    Each has a ``key``, the whole key of a job with a result; ``stars``, 1 to 5; a ``note``, which
    may be left out; and ``rated_at``, ISO 8601 with a zone. The same file again changes nothing,
    and a newer rating of a key wins.

    Args:
        client: The client with the journal.
        source: A path or a binary stream with CSV (as spreadsheets write it), a JSON list of
            objects, or JSON Lines; or mappings.
        skip_unknown: Leave out jobs that the journal does not have, or that have no result.

    Raises:
        InvalidRows: Rows are wrong; it names row, field, value and limit of each. Nothing was
            written.
        InvalidRequest: It cannot be read.
        JournalError: The journal cannot be written; the same call again continues.

    Examples:
        >>> print(import_ratings(client, "ratings.csv").rated.new)
    """
    problems, read = Problems(), _Reader(utcnow() + _AHEAD)
    name, rows = _rows(source, problems)
    for place, values in rows:
        read.row(place, values, problems)
    unrateable = client.jobs.unrateable(one.key for one in read.ratings.values())
    if not skip_unknown:
        for place, rating in read.ratings.items():
            if rating.key in unrateable:
                problems.add(place, "key", f"{_short(rating.key)}: {unrateable[rating.key]}")
    problems.raise_if_any(name)
    wanted = [one for one in read.ratings.values() if one.key not in unrateable]
    return Imported(client.jobs.rate_all(wanted), unrateable, tuple(sorted(read.unknown)))


@attrs.define
class _Reader:
    """Makes ratings of rows.

    Attributes:
        latest: The latest moment of a rating.
        ratings: The ratings by the place of their row.
        unknown: Names that are none of a rating.
    """

    latest: dt.datetime
    ratings: dict[str, Rating] = attrs.field(factory=dict)
    unknown: set[str] = attrs.field(factory=set)
    _moments: dict[tuple[str, dt.datetime], str] = attrs.field(factory=dict)

    def row(self, place: str, values: Mapping[str, Any], problems: Problems) -> None:
        """Take one row."""
        given = {name: value for name, value in values.items() if value not in (None, "")}
        if not given:
            return
        self.unknown |= values.keys() - set(FIELDS)
        made: dict[str, Any] = {}
        for name in FIELDS:
            if name not in given:
                if name != "note":
                    problems.add(place, name, "it is missing")
                continue
            try:
                made[name] = _READ[name](given[name])
            except InvalidRequest as error:
                problems.add(place, name, f"{_short(given[name])} is not {error.limit}")
        if made.keys() | {"note"} != set(FIELDS):
            return
        if made["rated_at"] > self.latest:
            problems.add(place, "rated_at", f"{_short(given['rated_at'])} is in the future")
        elif "note" in made or "note" not in given:
            self._keep(place, Rating(**made), problems)

    def _keep(self, place: str, rating: Rating, problems: Problems) -> None:
        before = self._moments.setdefault((rating.key, rating.rated_at), place)
        if before == place:
            self.ratings[place] = rating
        elif self.ratings[before] != rating:
            problems.add(place, "rated_at", f"{before} has another rating of the key at that time")


def _key(value: Any) -> str:
    return Rating(value, 1).key


def _stars(value: Any) -> int:
    match = _WHOLE.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        value = int(match[1])
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    return Rating("k", value).stars


def _note(value: Any) -> str:
    return Rating("k", 1, value).note


_READ: Mapping[str, Callable[[Any], Any]] = {
    "key": _key,
    "stars": _stars,
    "note": _note,
    "rated_at": moment_of,
}


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


# Files.


def _rows(source: Any, problems: Problems) -> tuple[str, Iterator[Place]]:
    """Return what errors call the ratings, and their rows."""
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        try:
            with path.open("rb") as stream:
                content = stream.read(MOST_BYTES + 1)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise InvalidRequest(
                f"{_FIELD}: {str(path)!r} cannot be read: {why}", field=_FIELD, value=str(path)
            ) from error
        return path.name, _content(content, path.name, problems)
    if hasattr(source, "read"):
        return "the ratings", _content(source.read(MOST_BYTES + 1), "the ratings", problems)
    if isinstance(source, Mapping) or not isinstance(source, Iterable):
        raise InvalidRequest.expected(_FIELD, source, "a path, a stream, or mappings in a list")
    return "the ratings", _objects(source, problems)


def _content(content: bytes, name: str, problems: Problems) -> Iterator[Place]:
    if len(content) > MOST_BYTES:
        limit = f"at most {MOST_BYTES // 1024**2} MiB"
        raise InvalidRequest(
            f"{_FIELD}: {name} is too large: {limit}", field=_FIELD, value=name, limit=limit
        )
    try:
        with as_text(io.BytesIO(content), name, _FIELD) as text:
            whole = text.read()
    except UnicodeError as error:
        raise InvalidRequest(
            f"{_FIELD}: {name} is not UTF-8", field=_FIELD, value=name, hint="save it as UTF-8"
        ) from error
    first = whole.lstrip()[:1]
    if first == "[":
        return _objects(_list(whole, name), problems)
    if first == "{":
        return _lines(whole, problems)
    return _cells(content, name, problems)


def _list(whole: str, name: str) -> Any:
    try:
        return json.loads(whole)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(
            f"{_FIELD}: {name} is not JSON: {error}", field=_FIELD, value=name
        ) from error


def _objects(rows: Iterable[Any], problems: Problems) -> Iterator[Place]:
    for number, row in enumerate(rows, 1):
        if isinstance(row, Mapping):
            yield f"row {number}", {str(name): value for name, value in row.items()}
        else:
            problems.add(f"row {number}", None, "not an object with the fields of a rating")


def _lines(whole: str, problems: Problems) -> Iterator[Place]:
    for number, line in enumerate(whole.splitlines(), 1):
        row, why = object_of(line) if line.strip() else (None, None)
        if why is not None:
            problems.add(f"line {number}", None, why)
        elif row is not None:
            yield f"line {number}", row


def _cells(content: bytes, name: str, problems: Problems) -> Iterator[Place]:
    for place, cells in csv_rows(
        io.BytesIO(content), name, problems, known=frozenset(FIELDS), field=_FIELD
    ):
        yield place, {column: unsafe_cell(cell) for column, cell in cells.items()}
