"""Read the rows of a batch: CSV, JSON Lines, Parquet, mappings, or a matrix of media files.

A row has the fields of its request and those of `cells.COLUMNS`. An empty cell is not given.
The row numbers in errors are those of the file as a spreadsheet shows it: the header is row 1.

CSV is read as spreadsheets write it: UTF-8 with or without a byte order mark, UTF-16 with one, and
separated by commas, semicolons, tabs or bars, whichever makes the header's names known ones. A cell
is text, also where it begins like a formula.
"""

from __future__ import annotations

import codecs
import csv
import glob
import importlib
import io
import itertools
import json
import math
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import attrs

from motionkit.batch.cells import LABEL, every_column, held, short
from motionkit.errors import ConfigError, InvalidRequest
from motionkit.model.containers import MEDIA_SUFFIXES

MOST_PROBLEMS = 20
"""Different problems that an error lists."""
_MOST_ROWS = 3
"""Rows that a problem names."""
_CELL = 16 * 1024 * 1024
"""Characters of the longest cell; Python's own limit is below the longest prompts."""


@attrs.frozen
class Problem:
    """What is wrong with one or more rows.

    Attributes:
        column: The column; None for the row as a whole.
        message: What is wrong, as a sentence.
        rows: Where, for the first rows: ``row 7``.
        more: How many further rows have the same problem.
    """

    column: str | None
    message: str
    rows: tuple[str, ...]
    more: int = 0

    def __str__(self) -> str:
        places = ", ".join(self.rows) + (f" and {self.more:,} more" if self.more else "")
        return f"{places}{f', column {self.column}' if self.column else ''}: {self.message}"


class InvalidRows(InvalidRequest):
    """Rows of a table are wrong; all of them were read, and nothing was bought or written.

    `problems` lists what is wrong, equal problems of several rows as one; `count` says how many
    problems there are in all, and `rows` in how many rows.
    """

    problems: tuple[Problem, ...] = ()
    count: int = 0
    rows: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the base fields with the problems."""
        listed = [
            {"rows": one.rows, "more": one.more, "column": one.column, "message": one.message}
            for one in self.problems
        ]
        return super().to_dict() | {"problems": listed, "count": self.count}


class Problems:
    """Collects what is wrong with rows; memory is bounded however many there are."""

    def __init__(self) -> None:
        self._found: dict[tuple[str | None, str], tuple[list[str], int]] = {}
        self.count = self._unlisted = 0
        self._rows = 0
        self._last = ""

    def add(self, place: str, column: str | None, message: str) -> None:
        """Note one problem of a row; those of one row come one after the other."""
        self.count += 1
        if place != self._last:
            self._rows, self._last = self._rows + 1, place
        key = column, message
        if key not in self._found and len(self._found) >= MOST_PROBLEMS:
            self._unlisted += 1
            return
        rows, more = self._found.get(key, ([], 0))
        if len(rows) < _MOST_ROWS:
            rows.append(place)
        else:
            more += 1
        self._found[key] = rows, more

    def raise_if_any(self, name: str) -> None:
        """Raise what was noted.

        Raises:
            InvalidRows: Something was.
        """
        if not self.count:
            return
        problems = tuple(
            Problem(column, message, tuple(rows), more)
            for (column, message), (rows, more) in self._found.items()
        )
        lines = [f"{name}: {_number(self.count, 'problem')} in {_number(self._rows, 'row')}"]
        lines += [f"  {one}" for one in problems]
        if self._unlisted:
            lines.append(f"  and {_number(self._unlisted, 'other problem')}")
        error = InvalidRows("\n".join(lines), field=problems[0].column)
        error.problems, error.count, error.rows = problems, self.count, self._rows
        raise error


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


@attrs.frozen
class Row:
    """One row of an input.

    Attributes:
        n: Its number among the rows that are not blank, from 1: the item's number.
        place: How errors call it: ``row 7``.
        values: What it gives, by column; blank cells are left out.
    """

    n: int
    place: str
    values: Mapping[str, Any]


@attrs.frozen
class Input:
    """Rows that can be read once.

    Attributes:
        name: What errors call it.
        folder: What relative paths start from.
        rows: The rows; reading one may raise `InvalidRequest` or add to `problems`.
        problems: What is wrong with the file itself.
    """

    name: str
    folder: Path
    rows: Iterator[Row]
    problems: Problems


def read(rows: Input | str | os.PathLike[str] | Iterable[Mapping[str, Any]]) -> Input:
    """Return the rows of a file, or of mappings from column to value.

    A path in a file is relative to the file's folder; one in a mapping to the current folder.

    Raises:
        InvalidRequest: There is no such file, or it cannot be read as a table.
        ConfigError: It is Parquet, and the extra ``motionkit[parquet]`` is not installed.
    """
    if isinstance(rows, Input):
        return rows
    problems = Problems()
    if isinstance(rows, str | os.PathLike):
        path = Path(rows)
        suffix = path.suffix.lower()
        if suffix not in _READERS:
            raise InvalidRequest(
                f"items: {str(path)!r} is not a table; it takes {', '.join(_READERS)}",
                field="items",
                value=str(path),
                limit=", ".join(_READERS),
            )
        try:
            path.open("rb").close()
        except OSError as error:
            raise InvalidRequest(
                f"items: {str(path)!r} cannot be read: {error.strerror or error}",
                field="items",
                value=str(path),
            ) from error
        found = _READERS[suffix](path, problems)
        return Input(path.name, path.absolute().parent, _numbered(found), problems)
    if isinstance(rows, Mapping) or not isinstance(rows, Iterable):
        raise InvalidRequest.expected("rows", rows, "the path of a table, or mappings in a list")
    return Input("the rows", Path.cwd(), _numbered(_mappings(rows, problems)), problems)


def matrix(files: Mapping[str, Sequence[str]]) -> Input:
    """Return every combination of media files: each image with each video, in sorted order.

    Args:
        files: Paths, patterns such as ``chars/*.jpg``, folders, or URLs, by the request's field; a
            folder stands for the media files in it.

    Raises:
        InvalidRequest: A pattern matches no file.
    """
    found = {name: _expanded(name, patterns) for name, patterns in files.items() if patterns}
    if not found:
        raise InvalidRequest("give a table, or files for a matrix", field="items")
    combinations = (
        (f"row {number}", dict(zip(found, values, strict=True)))
        for number, values in enumerate(itertools.product(*found.values()), 1)
    )
    return Input("the matrix", Path.cwd(), _numbered(combinations), Problems())


def _expanded(name: str, patterns: Sequence[str]) -> list[str]:
    every: dict[str, None] = {}
    for pattern in patterns:
        if "://" in pattern or held(pattern):
            every[pattern] = None
            continue
        path = os.path.expanduser(pattern)  # noqa: PTH111 - a pattern, not a path
        if os.path.isdir(path):  # noqa: PTH112
            matches = [str(one) for one in sorted(Path(path).iterdir()) if _is_media(one)]
        else:
            matches = [path] if os.path.lexists(path) else sorted(glob.glob(path, recursive=True))  # noqa: PTH207
        matches = [one for one in matches if not os.path.isdir(one)]  # noqa: PTH112
        if not matches:
            raise InvalidRequest(f"{name}: no file matches {pattern!r}", field=name, value=pattern)
        every |= dict.fromkeys(matches)
    return list(every)


def _is_media(path: Path) -> bool:
    return path.suffix.lower() in MEDIA_SUFFIXES and not path.name.startswith(".")


def _numbered(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[Row]:
    n = 0
    for place, values in rows:
        given = {name: value for name, value in values.items() if not _blank(value)}
        if given:
            n += 1
            yield Row(n, place, given)


def _blank(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


def _mappings(rows: Iterable[Any], problems: Problems) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, row in enumerate(rows, 1):
        place = f"row {number}"
        if isinstance(row, Mapping):
            yield place, {str(name): value for name, value in row.items()}
        else:
            problems.add(place, None, f"expected a mapping, not {type(row).__name__}")


# Files.


def as_text(stream: IO[bytes], name: str, field: str = "items") -> IO[str]:
    """Return a seekable stream as text: UTF-8, or UTF-16 with a byte order mark.

    Args:
        stream: The bytes; closing the text closes it.
        name: What errors call it.
        field: The argument or option that it comes from, for errors.

    Raises:
        InvalidRequest: It is encoded otherwise, as far as its beginning shows.
    """
    head = stream.read(4)
    stream.seek(0)
    encoding = "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in head:
        raise InvalidRequest(
            f"{field}: {name} is neither UTF-8 nor UTF-16 with a byte order mark",
            field=field,
            value=name,
            hint="save it as 'CSV UTF-8'",
        )
    return io.TextIOWrapper(stream, encoding, newline="")


def _not_text(name: str, number: int, field: str = "items") -> InvalidRequest:
    return InvalidRequest(
        f"{field}: {name} has bytes after row {number} that are not UTF-8",
        field=field,
        value=name,
        hint="save it as 'CSV UTF-8'",
    )


def _csv(path: Path, problems: Problems) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with path.open("rb") as stream:
        yield from csv_rows(stream, path.name, problems)


def csv_rows(
    stream: IO[bytes],
    name: str,
    problems: Problems,
    *,
    known: Collection[str] | None = None,
    field: str = "items",
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield place and cells, by column, of each row of a table as spreadsheets write it.

    Args:
        stream: A seekable stream, which is closed at the end.
        name: What errors call it.
        problems: Takes what is wrong with its shape.
        known: The columns that it may have, which tell its separator; those of batches when None.
        field: The argument or option that it comes from, for errors.

    Raises:
        InvalidRequest: It cannot be read as a table.
    """
    csv.field_size_limit(max(_CELL, csv.field_size_limit()))
    known = every_column() if known is None else known
    number = 0
    try:
        with as_text(stream, name, field) as text:
            said, hidden, number, first = _beginning(text)
            # A quoted name may hold a line break: the rest of the header comes from the reader.
            lines = itertools.chain([first], text) if first else iter(())
            reader = csv.reader(lines, delimiter=said or _separator(first, known), strict=True)
            skipped, header = hidden + number, _header(next(reader, []), problems)
            number, before = number + 1, reader.line_num
            for cells in reader:
                number, line, before = number + 1, skipped + before + 1, reader.line_num
                place = f"row {number}" + (f" (line {line})" if line != number else "")
                for at, cell in enumerate(cells, 1):
                    if cell.strip() and (at > len(header) or not header[at - 1]):
                        problems.add(place, None, f"cell {at} has no column: {short(cell)}")
                yield place, {one: cell for one, cell in zip(header, cells, strict=False) if one}
    except UnicodeError as error:
        raise _not_text(name, number, field) from error
    except csv.Error as error:
        raise InvalidRequest(
            f"{field}: {name} cannot be read after row {number}: {error}",
            field=field,
            value=name,
            hint="check the quotes: one that opens a cell must close it",
        ) from error


def _beginning(text: IO[str]) -> tuple[str | None, int, int, str]:
    """Read up to the header.

    Returns:
        The separator that the file names, lines that a spreadsheet does not show, blank rows, and
        the header's first line.
    """
    first = text.readline()
    said = re.fullmatch(r'"?sep=(.)"?\s*', first)  # Excel's own hint, which it does not show
    if said:
        first = text.readline()
    blank = 0
    while first and not first.strip(" \t\r\n,;|"):
        blank, first = blank + 1, text.readline()
    return (said[1] if said else None), int(said is not None), blank, first


def _separator(header: str, known: Collection[str]) -> str:
    """Return the separator that makes the most names of a header known ones."""

    def count(separator: str) -> int:
        try:
            cells = next(csv.reader([header], delimiter=separator), [])
        except csv.Error:
            return 0
        return sum(_name(cell) in known for cell in cells)

    return max(",;\t|", key=count)


def _name(cell: str) -> str:
    name = cell.strip()
    if name.lower().startswith(LABEL):  # a label's name is the user's own
        return LABEL + name[len(LABEL) :]
    return re.sub(r"[\s-]+", "_", name.lower())


def _header(cells: Sequence[str], problems: Problems) -> list[str]:
    names = [_name(cell) for cell in cells]
    for name in dict.fromkeys(names):
        if name and names.count(name) > 1:
            problems.add("row 1", name, "the column is there twice")
    return names


def _json_lines(path: Path, problems: Problems) -> Iterator[tuple[str, Mapping[str, Any]]]:
    number = 0
    try:
        with path.open("rb") as stream, as_text(stream, path.name) as text:
            for number, line in enumerate(text, 1):
                place = f"line {number}"
                row, why = object_of(line) if line.strip() else (None, None)
                if why is not None:
                    problems.add(place, None, why)
                elif row is not None:
                    yield place, row
    except UnicodeError as error:
        raise _not_text(path.name, number) from error


def object_of(line: str) -> tuple[dict[str, Any] | None, str | None]:
    """Return the JSON object of a line, or why it is none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return None, f"not JSON: {error}"
    return (row, None) if isinstance(row, dict) else (None, "not a JSON object")


def _parquet(path: Path, _: Problems) -> Iterator[tuple[str, Mapping[str, Any]]]:
    parquet = need_parquet()
    try:
        with parquet.ParquetFile(path) as file:
            batches = file.iter_batches(batch_size=1000)
            rows = (row for batch in batches for row in batch.to_pylist())
            yield from ((f"row {number}", row) for number, row in enumerate(rows, 1))
    except (OSError, ValueError) as error:  # pyarrow's errors are both
        raise InvalidRequest(
            f"items: {path.name} cannot be read as Parquet: {error}",
            field="items",
            value=path.name,
        ) from error


def need_parquet() -> Any:
    """Return ``pyarrow.parquet``.

    Raises:
        ConfigError: It is not installed.
    """
    return need("pyarrow.parquet", "Parquet", "parquet")


def need(module: str, what: str, extra: str) -> Any:
    """Return a module of an extra.

    Args:
        module: The module's name.
        what: What needs it, for the error.
        extra: The extra that installs it.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"{what} needs {module.partition('.')[0]}",
            hint=f"install it: pip install 'motionkit[{extra}]'",
        ) from error


_READERS: Mapping[str, Callable[[Path, Problems], Iterator[tuple[str, Mapping[str, Any]]]]] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".txt": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}
