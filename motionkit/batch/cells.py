"""Make requests of the values of rows, and of what items hold; name the files of items."""

from __future__ import annotations

import functools
import json
import math
import os
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import attrs

from motionkit._support.redaction import redact_urls
from motionkit.client import registry
from motionkit.errors import InvalidRequest
from motionkit.model import codec
from motionkit.model.containers import usual_suffix
from motionkit.model.job import Job
from motionkit.model.media import Data, File, Generated, Ref, Remote, Uploaded, ref
from motionkit.model.request import Request

COLUMNS = ("operation", "via", "key", "out")
"""The columns that every row may have besides its request's fields, and those of labels."""
LABEL = "label."
"""What the name of a label's column begins with: ``label.project``."""
SEVERAL = "|"
"""Separates the values of a cell that takes several; a JSON list does as well."""

_WORDS: Mapping[str, bool] = {
    **dict.fromkeys(("true", "yes", "1", "wahr", "vrai", "verdadero", "vero"), True),
    **dict.fromkeys(("false", "no", "0", "falsch", "faux", "falso"), False),
}
"""Switches as people and spreadsheets of several languages write them."""


def is_common(column: str) -> bool:
    """Return whether a column belongs to no field of a request."""
    return column in COLUMNS or column.startswith(LABEL)


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
            wrong.append((name, f"{short(value)} is not {error}"))
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


def media(
    values: Mapping[str, Any], kind: type[Request], folder: Path, find: Callable[[str], Job]
) -> Iterator[tuple[str, Ref]]:
    """Yield column and reference of a row's media that are references; `make` says what is not.

    The arguments are those of `make`.
    """
    kinds = _kinds(kind.operation)
    for name in kind.media_kinds():
        if name not in values:
            continue
        try:
            found = _CONVERTERS[kinds[name]](values[name], folder, find)
        except (InvalidRequest, ValueError, TypeError):
            continue
        yield from ((name, one) for one in (found if isinstance(found, tuple) else (found,)))


def _listed(names: Iterable[str]) -> str:
    return ", ".join([*names, *COLUMNS])


def short(value: Any) -> str:
    """Return a value as an error shows it."""
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
        scheme = held(value)
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


def held(value: str) -> str:
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
    scheme = held(value)
    if scheme:
        rest = value.partition(":")[2]
        return Generated(rest) if scheme == "id" else Uploaded(rest)
    return Remote(value) if re.match(r"https?://", value) else File(Path(value))


# Names of files.

_UNFIT = re.compile(r"[^\w.+-]+")
_LONGEST_STEM = 40
_LONGEST_NAME = 200
"""Bytes of a file's name; most file systems take 255, and a partial file's name is longer."""
_FLAT = 10_000
"""Files of one folder; items with higher numbers have folders of their own."""


def default_out(n: int, key: str | None, request: Request) -> str:
    """Return the name of an item's file: its number, then its key or its media."""
    labels = [] if key is None else [key]
    labels = labels or [_stem(value) for value in request.media().values()][:3]
    stem = "-".join(filter(None, (_UNFIT.sub("_", one).strip("._") for one in labels)))
    ending = usual_suffix(request.delivers)
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
