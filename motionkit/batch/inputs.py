"""Read the rows of a batch: CSV, JSON Lines, Parquet, mappings, or a matrix of media files.

A row has the fields of its request and the columns of `COLUMNS`. A cell that is empty is not given.
The row numbers in errors are those of the file as a spreadsheet shows it: the header is row 1.

CSV is read as spreadsheets write it: UTF-8 with or without a byte order mark, UTF-16 with one, and
separated by commas, semicolons, tabs or bars, whichever makes the header's names known ones. A cell
is text, also where it begins like a formula.
"""

from __future__ import annotations

import codecs
import csv
import functools
import glob
import itertools
import json
import math
import os
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import attrs

from motionkit._support.redaction import redact_urls
from motionkit.client import registry
from motionkit.errors import ConfigError, InvalidRequest
from motionkit.model import codec
from motionkit.model.job import Job
from motionkit.model.media import Data, File, Generated, Ref, Remote, Uploaded, ref
from motionkit.model.request import Request

COLUMNS = ("operation", "via", "key", "out")
"""The columns that every row may have besides its request's fields."""
SEVERAL = "|"
"""Separates the values of a cell that takes several; a JSON list does as well."""
MOST_PROBLEMS = 20
"""Different problems that an error lists."""
_MOST_ROWS = 3
"""Rows that a problem names."""
_CELL = 16 * 1024 * 1024
"""Characters of the longest cell; Python's own limit is below the longest prompts."""

_WORDS: Mapping[str, bool] = {
    **dict.fromkeys(("true", "yes", "1", "wahr", "vrai", "verdadero", "vero"), True),
    **dict.fromkeys(("false", "no", "0", "falsch", "faux", "falso"), False),
}
"""Switches as people and spreadsheets of several languages write them."""


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
    """Rows of a batch's input are wrong; all of them were read, and nothing was bought.

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
        files: Paths, patterns such as ``chars/*.jpg``, or URLs, by the request's field.

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
        if "://" in pattern or _held(pattern):
            every[pattern] = None
            continue
        path = os.path.expanduser(pattern)  # noqa: PTH111 - a pattern, not a path
        matches = [path] if os.path.lexists(path) else sorted(glob.glob(path, recursive=True))  # noqa: PTH207
        matches = [one for one in matches if not os.path.isdir(one)]  # noqa: PTH112
        if not matches:
            raise InvalidRequest(f"{name}: no file matches {pattern!r}", field=name, value=pattern)
        every |= dict.fromkeys(matches)
    return list(every)


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


def _opened(path: Path) -> IO[str]:
    with path.open("rb") as stream:
        head = stream.read(4)
    encoding = "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in head:
        raise InvalidRequest(
            f"items: {path.name} is neither UTF-8 nor UTF-16 with a byte order mark",
            field="items",
            value=path.name,
            hint="save it as 'CSV UTF-8'",
        )
    return path.open(encoding=encoding, newline="")


def _not_text(name: str, number: int) -> InvalidRequest:
    return InvalidRequest(
        f"items: {name} has bytes after row {number} that are not UTF-8",
        field="items",
        value=name,
        hint="save it as 'CSV UTF-8'",
    )


def _csv(path: Path, problems: Problems) -> Iterator[tuple[str, Mapping[str, Any]]]:
    csv.field_size_limit(max(_CELL, csv.field_size_limit()))
    number = 0
    try:
        with _opened(path) as text:
            said, hidden, number, first = _beginning(text)
            # A quoted name may hold a line break: the rest of the header comes from the reader.
            lines = itertools.chain([first], text) if first else iter(())
            reader = csv.reader(lines, delimiter=said or _separator(first), strict=True)
            skipped, header = hidden + number, _header(next(reader, []), problems)
            number, before = number + 1, reader.line_num
            for cells in reader:
                number, line, before = number + 1, skipped + before + 1, reader.line_num
                place = f"row {number}" + (f" (line {line})" if line != number else "")
                for at, cell in enumerate(cells, 1):
                    if cell.strip() and (at > len(header) or not header[at - 1]):
                        problems.add(place, None, f"cell {at} has no column: {_short(cell)}")
                yield place, {one: cell for one, cell in zip(header, cells, strict=False) if one}
    except UnicodeError as error:
        raise _not_text(path.name, number) from error
    except csv.Error as error:
        raise InvalidRequest(
            f"items: {path.name} cannot be read after row {number}: {error}",
            field="items",
            value=path.name,
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


def _separator(header: str) -> str:
    """Return the separator that makes the most names of a header known ones."""

    def known(separator: str) -> int:
        try:
            cells = next(csv.reader([header], delimiter=separator), [])
        except csv.Error:
            return 0
        return sum(_name(cell) in every_column() for cell in cells)

    return max(",;\t|", key=known)


def _name(cell: str) -> str:
    return re.sub(r"[\s-]+", "_", cell.strip().lower())


def _header(cells: Sequence[str], problems: Problems) -> list[str]:
    names = [_name(cell) for cell in cells]
    for name in dict.fromkeys(names):
        if name and names.count(name) > 1:
            problems.add("row 1", name, "the column is there twice")
    return names


def _json_lines(path: Path, problems: Problems) -> Iterator[tuple[str, Mapping[str, Any]]]:
    number = 0
    try:
        with _opened(path) as text:
            for number, line in enumerate(text, 1):
                place = f"line {number}"
                row, why = _object_of(line) if line.strip() else (None, None)
                if why is not None:
                    problems.add(place, None, why)
                elif row is not None:
                    yield place, row
    except UnicodeError as error:
        raise _not_text(path.name, number) from error


def _object_of(line: str) -> tuple[dict[str, Any] | None, str | None]:
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
    try:
        from pyarrow import parquet  # noqa: PLC0415 - optional extra
    except ImportError as error:
        raise ConfigError(
            "Parquet needs pyarrow", hint="install it: pip install 'motionkit[parquet]'"
        ) from error
    return parquet


_READERS: Mapping[str, Callable[[Path, Problems], Iterator[tuple[str, Mapping[str, Any]]]]] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".txt": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}


# Values.


@functools.cache
def operations() -> Mapping[str, type[Request]]:
    """Return every class of request by its operation and by its verb."""
    kinds = registry.operations()
    return {**{kind.operation: kind for kind in kinds}, **{kind.verb: kind for kind in kinds}}


@functools.cache
def every_column() -> frozenset[str]:
    """Return the columns of every operation."""
    names = (field.name for kind in operations().values() for field in attrs.fields(kind))
    return frozenset([*COLUMNS, *names])


@functools.cache
def _kinds(operation: str) -> Mapping[str, str]:
    """Return what each field of an operation takes, as a key of `_CONVERTERS`."""
    kind = operations()[operation]
    media, hints = kind.media_kinds(), get_type_hints(kind)
    found = {}
    for field in attrs.fields(kind):
        hint: Any = hints[field.name]
        if get_origin(hint) in {Union, types.UnionType}:  # what may be left out, or anything
            choices = [one for one in get_args(hint) if one is not type(None)]
            hint = choices[0] if len(choices) == 1 else None
        several = get_origin(hint) is tuple
        hint = get_args(hint)[0] if several else get_origin(hint) or hint
        name = "media" if field.name in media else getattr(hint, "__name__", "other")
        name = name if name in _CONVERTERS else "other"
        found[field.name] = f"{name}s" if several and f"{name}s" in _CONVERTERS else name
    return found


def make(
    values: Mapping[str, Any], kind: type[Request], folder: Path, find: Callable[[str], Job]
) -> tuple[Request | None, list[tuple[str | None, str]]]:
    """Make the request of a row.

    Args:
        values: The row's values, without those of `COLUMNS`.
        kind: The operation.
        folder: What relative paths start from.
        find: Returns the succeeded job that ``job:KEY_OR_ID`` names.

    Returns:
        The request, None where something is wrong; and column and message of all that is.
    """
    kinds = _kinds(kind.operation)
    made: dict[str, Any] = {}
    wrong: list[tuple[str | None, str]] = []
    for name, value in values.items():
        if name not in kinds:
            wrong.append((name, f"{kind.operation} does not have it; it has {_listed(kinds)}"))
            continue
        try:
            made[name] = _CONVERTERS[kinds[name]](value, folder, find)
        except InvalidRequest as error:
            wrong.append((name, error.message))
        except (ValueError, TypeError) as error:
            wrong.append((name, f"{_short(value)} is not {error}"))
    for field in attrs.fields(kind):
        needed = field.default is attrs.NOTHING
        if needed and field.name not in made and field.name not in values:
            wrong.append((field.name, "it is missing"))
    if wrong:
        return None, wrong
    try:
        return kind(**made), []
    except InvalidRequest as error:
        return None, [(error.field, error.message)]


def _listed(names: Iterable[str]) -> str:
    return ", ".join([*names, *COLUMNS])


def _short(value: Any) -> str:
    text = repr(redact_urls(value)) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


Find = Callable[[str], Job]


def _int(value: Any, _: Path, __: Find) -> int:
    if isinstance(value, str):
        match = re.fullmatch(r"\s*([+-]?[0-9]{1,40})(?:\.0*)?\s*", value)
        if match:
            return int(match[1])
    elif isinstance(value, int) and not isinstance(value, bool):
        return value
    elif isinstance(value, float) and value.is_integer():
        return int(value)
    raise ValueError("a whole number")


def _float(value: Any, _: Path, __: Find) -> float:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            found = float(value)
        except ValueError:
            found = math.nan
        if math.isfinite(found):
            return found
    raise ValueError("a number")


def _bool(value: Any, _: Path, __: Find) -> bool:
    if isinstance(value, bool):
        return value
    found = _WORDS.get(str(value).strip().lower()) if isinstance(value, str | int) else None
    if found is None:
        raise ValueError("true or false")
    return found


def _str(value: Any, _: Path, __: Find) -> str:
    if not isinstance(value, str):
        raise TypeError("text")
    return value


def _parts(value: Any) -> list[Any]:
    if isinstance(value, str):
        if value.lstrip().startswith("["):
            try:
                value = json.loads(value)
            except ValueError:
                raise ValueError("a JSON list") from None
        else:
            value = [one for one in value.split(SEVERAL) if one.strip()]
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return list(value)
    return [value]


def _several(one: Callable[[Any, Path, Find], Any]) -> Callable[[Any, Path, Find], Any]:
    def convert(value: Any, folder: Path, find: Find) -> tuple[Any, ...]:
        return tuple(one(part, folder, find) for part in _parts(value))

    return convert


def _trimmed(value: Any, folder: Path, find: Find) -> str:
    return _str(value, folder, find).strip()


def _media(value: Any, folder: Path, find: Find) -> Ref:
    """Return a reference: a path, URL, ``job:KEY_OR_ID``, ``id:ID`` or ``upload:ID``."""
    if isinstance(value, str):
        value = value.strip()
        scheme = _held(value)
        rest = value.partition(":")[2].strip()
        if scheme and not rest:
            raise ValueError(f"{scheme}: with what it names")
        if scheme == "job":
            return Generated(find(rest))
        if scheme:
            return Generated(rest) if scheme == "id" else Uploaded(rest)
    found = ref(value) if isinstance(value, str | os.PathLike | Ref) else None
    if found is None or isinstance(found, Data):
        raise ValueError("a path, an https:// URL, or a reference; batches take no bytes")
    if isinstance(found, File):
        return File(Path(os.path.normpath(folder / found.path)))
    return found


def _held(value: str) -> str:
    """Return the scheme of a name of what a vendor holds: job, id or upload; else nothing."""
    scheme, colon, rest = value.partition(":")
    return scheme if colon and scheme in {"job", "id", "upload"} and rest[:2] != "//" else ""


def _object(value: Any, _: Path, __: Find) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if not isinstance(value, Mapping) or not all(isinstance(v, Mapping) for v in value.values()):
        raise ValueError('a JSON object such as {"PROVIDER": {"FIELD": 1}}')
    return {str(name): dict(fields) for name, fields in value.items()}


def _other(value: Any, _: Path, __: Find) -> Any:
    return value


_CONVERTERS: Mapping[str, Callable[[Any, Path, Find], Any]] = {
    "int": _int,
    "float": _float,
    "bool": _bool,
    "str": _str,
    "strs": _several(_trimmed),
    "media": _media,
    "medias": _several(_media),
    "Mapping": _object,
    "other": _other,
}


# Requests as items hold them.


def packed(request: Request) -> str:
    """Return a request as an item holds it: JSON with absolute paths.

    A URL is kept whole, its signature too: without it the vendor could not fetch the file.
    """
    fields: dict[str, Any] = {"operation": request.operation}
    media = type(request).media_kinds()
    for field in attrs.fields(type(request)):
        value = getattr(request, field.name)
        if field.name in media:
            value = [*map(_plain, value)] if isinstance(value, tuple) else _plain(value)
        empty = value is None or value is field.default or value in ([], (), {})
        if not empty:
            fields[field.name] = value
    return codec.dumps(fields)


def _plain(value: Ref | None) -> Any:
    if isinstance(value, File):
        return str(value.path)
    if isinstance(value, Remote):
        return str(value.url)
    if isinstance(value, Uploaded):
        return f"upload:{value.id}"
    if isinstance(value, Generated):
        made = value.job
        return f"id:{made}" if isinstance(made, str) else {"job": made.to_json()}
    return None


def request_of(text: str) -> Request:
    """Return the request that an item holds.

    Raises:
        InvalidRequest: Its operation is not installed here, or it is not a request.
    """
    try:
        fields = json.loads(text)
        kind = operations().get(fields.pop("operation"))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise InvalidRequest("the item holds no request", field="request") from error
    if kind is None:
        raise InvalidRequest("the item's operation is not installed here", field="operation")
    media = kind.media_kinds()
    for name in media:
        value = fields.get(name)
        if isinstance(value, list):
            fields[name] = tuple(map(_reference, value))
        elif value is not None:
            fields[name] = _reference(value)
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
    return kind(**given)


def _reference(value: Any) -> Ref:
    if isinstance(value, Mapping):
        return Generated(Job.from_json(value["job"]))
    scheme = _held(value)
    if scheme:
        rest = value.partition(":")[2]
        return Generated(rest) if scheme == "id" else Uploaded(rest)
    return Remote(value) if re.match(r"https?://", value) else File(Path(value))


# Names of files.

_UNFIT = re.compile(r"[^\w.+-]+")
_LONGEST_STEM = 40
_LONGEST_NAME = 200
"""Bytes of a file's name; most file systems take 255, and a partial file's name is longer."""
_ENDINGS: Mapping[str, str] = {"video": ".mp4", "image": ".png", "audio": ".mp3"}
_FLAT = 10_000
"""Files of one folder; items with higher numbers have folders of their own."""


def default_out(n: int, key: str | None, request: Request) -> str:
    """Return the name of an item's file: its number, then its key or its media."""
    labels = [] if key is None else [key]
    labels = labels or [_stem(value) for value in request.media().values()][:3]
    stem = "-".join(filter(None, (_UNFIT.sub("_", one).strip("._") for one in labels)))
    ending = _ENDINGS[request.delivers]
    name = f"{n:06d}{f'-{stem}' if stem else ''}"
    while len(name.encode("utf-8", "replace")) > _LONGEST_NAME:
        name = name[:-1]
    return f"{n // _FLAT:04d}/{name}{ending}" if n >= _FLAT else f"{name}{ending}"


def _stem(value: Ref) -> str:
    if isinstance(value, File):
        return value.path.stem[:_LONGEST_STEM]
    if isinstance(value, Remote):
        return PurePosixPath(urlsplit(value.url).path).stem[:_LONGEST_STEM]
    return str(getattr(value, "id", ""))[:_LONGEST_STEM]


def checked_out(value: Any) -> str:
    """Return the name of a file below the batch's folder.

    Raises:
        ValueError, TypeError: Saying what is expected instead.
    """
    if not isinstance(value, str):
        raise TypeError("text")
    name = value.strip()
    parts = name.split("/")
    if (
        "\\" in name
        or not name.isprintable()
        or any(part.strip() in {"", ".", ".."} for part in parts)
        or parts[0].startswith("~")
        or re.match(r"[A-Za-z]:", name)
        or "://" in name
    ):
        raise ValueError("a file below the batch's folder, such as films/anna.mp4")
    if any(len(part.encode("utf-8", "replace")) > _LONGEST_NAME for part in parts):
        raise ValueError(f"a name of at most {_LONGEST_NAME} bytes")
    if re.fullmatch(r"results\.(csv|jsonl|parquet)", name, re.IGNORECASE):
        raise ValueError("a name of your own: the batch's results are saved there")
    return name
