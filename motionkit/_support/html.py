"""How values look in a notebook: tables in the colours of its theme, everything escaped.

No colour is set, so that a dark theme stays dark. Tables have captions and header cells, so that a
screen reader says what a cell is about. Long values are folded, and wide tables scroll.
"""

from __future__ import annotations

import base64
import datetime as dt
import enum
import mimetypes
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import attrs

from motionkit._support.redaction import printable, redact
from motionkit._support.text import verdict_text

LONGEST: Final = 240
"""Characters of a value above which it is folded."""
LONGEST_LIST: Final = 60
"""Rows of a list that are drawn; the others are counted."""
EMBEDDED: Final = 10_000_000
"""Bytes up to which a file is a part of the page; the notebook grows by a third more."""

_CELL = "text-align:left;vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere"
_WIDE = f"{_CELL};min-width:14em"
_SHORT = "text-align:left;vertical-align:top;white-space:nowrap"
_NUMBER = "text-align:right;vertical-align:top;white-space:nowrap"
_SHORTEST = 26
"""Characters of a line up to which a cell of a wide table is not folded: it scrolls instead."""
_CAPTION = "text-align:left;font-weight:bold"
_MEDIUM = "max-width:100%;max-height:30em"


@attrs.frozen
class Markup:
    """HTML that is made here, of parts that are escaped already."""

    html: str


# Values as text.


def fields(value: Any) -> Iterator[tuple[str, object]]:
    """Yield names and values of a record of attrs; those without ``repr`` are left out."""
    for field in attrs.fields(type(value)):
        if field.repr and not field.name.startswith("_"):
            yield field.name.replace("_", " "), getattr(value, field.name)


def flat(value: Any) -> dict[str, object]:
    """Return a record as one level of plain values: ``quote_low`` is the `low` of its `quote`.

    A record of attrs without ``repr`` fields; other values have one column, ``value``.
    """
    if not attrs.has(type(value)):
        return {"value": value}
    row: dict[str, object] = {}
    for field in attrs.fields(type(value)):
        if not field.repr or field.name.startswith("_"):
            continue
        one = getattr(value, field.name)
        if attrs.has(type(one)):
            row |= {f"{field.name}_{name}": part for name, part in flat(one).items()}
        else:
            row[field.name] = one.value if isinstance(one, enum.Enum) else one
    return row


def record(value: object) -> dict[str, object]:
    """Return a value as a row of data; a tuple's parts are beside each other."""
    if isinstance(value, tuple):
        return {name: part for one in value for name, part in record(one).items()}
    return dict(value.__record__()) if hasattr(value, "__record__") else flat(value)


def cells(value: object) -> dict[str, object]:
    """Return a value as a row of a table for people; a tuple's parts are beside each other."""
    if isinstance(value, tuple):
        return {name: part for one in value for name, part in cells(one).items()}
    return dict(value.__cells__()) if hasattr(value, "__cells__") else flat(value)


def text(value: object) -> str:  # noqa: C901, PLR0911 - a table of kinds
    """Return a value for people, on one line where it is short; empty where it is unknown."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dt.datetime):
        return moment(value)
    if isinstance(value, bytes | bytearray):
        return f"{len(value):,} bytes"
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {text(one)}" for name, one in value.items())
    if isinstance(value, Collection) and not isinstance(value, str):
        return "\n".join(text(one) for one in value)
    if attrs.has(type(value)) and type(value).__str__ is object.__str__:
        shown = getattr(value, "__shown__", lambda: fields(value))()
        return ", ".join(f"{name} {text(one)}" for name, one in shown if text(one))
    return str(value)


def moment(when: dt.datetime) -> str:
    """Return a time in UTC."""
    return f"{when.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


def caption(kind: type) -> str:
    """Return the name of a class as words: ``Budget status``."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]*", kind.__name__)
    return " ".join([words[0], *(word.lower() for word in words[1:])]) if words else kind.__name__


# Text as HTML.


def safe(value: object) -> str:
    """Return a value's text, without secrets and control characters, escaped."""
    return escape(redact(printable(text(value))))


def cell(value: object) -> str:
    """Return what a cell holds; a long text is folded under its beginning."""
    if isinstance(value, Markup):
        return value.html
    whole = safe(value)
    if len(whole) <= LONGEST:
        return whole
    first = escape(redact(printable(text(value)))[:LONGEST].partition("\n")[0][:80])
    return f"<details><summary>{first} …</summary>{whole}</details>"


def table(rows: Iterable[tuple[str, object]], title: str) -> str:
    """Return a table of names and values with a title; what is unknown or empty is left out."""
    body = "".join(
        f'<tr><th scope="row" style="{_SHORT}">{safe(name)}</th>'
        f'<td style="{_CELL}">{cell(value)}</td></tr>'
        for name, value in rows
        if isinstance(value, Markup) or text(value)
    )
    return _scrolling(title, f"<tbody>{body}</tbody>")


def grid(rows: Iterable[Mapping[str, object]], title: str, *, more: int = 0) -> str:
    """Return a table with a row for each mapping, and a column for each name that has a value.

    Args:
        rows: The rows; numbers are aligned to the right.
        title: What the table is, above it.
        more: How many rows are not among them.
    """
    drawn = list(rows)
    shown = {name for row in drawn for name, value in row.items() if text(value)}
    order = dict.fromkeys(name for row in drawn for name in row)
    names = [name for name in order if name in shown]
    head = "".join(f'<th scope="col" style="{_SHORT}">{safe(name)}</th>' for name in names)
    body = "".join(f"<tr>{_line(row, names)}</tr>" for row in drawn)
    rest = f"<p>{more:,} more rows are not drawn: to_dataframe() has all.</p>" if more else ""
    return _scrolling(title, f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>") + rest


def decisions(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a table of a route's decision: what became of each target, and why."""
    heads = {"target": "target", "verdict": "verdict", "sentence": "why", "note": "note"}
    lines = [{head: row.get(name) for name, head in heads.items()} for row in rows]
    for line in lines:
        line["verdict"] = verdict_text(text(line["verdict"]))
    return grid(lines, "Decision")


def _line(row: Mapping[str, object], names: Sequence[str]) -> str:
    first, *others = names
    drawn = [f'<th scope="row" style="{_style(row.get(first))}">{cell(row.get(first))}</th>']
    for name in others:
        value = row.get(name)
        drawn.append(f'<td style="{_style(value)}">{cell(value)}</td>')
    return "".join(drawn)


def _style(value: object) -> str:
    """Return the style of a cell beside others."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _NUMBER
    short = isinstance(value, Markup) or len(text(value)) <= _SHORTEST
    return _SHORT if short else _WIDE


def _scrolling(title: str, content: str) -> str:
    """Return a table that scrolls where it is too wide, also by keys."""
    named = safe(title)
    return (
        f'<div role="region" tabindex="0" aria-label="{named}" style="overflow-x:auto">'
        f'<table><caption style="{_CAPTION}">{named}</caption>{content}</table></div>'
    )


# Films.


def film(place: Path | str) -> Markup:
    """Return a player of a file on this machine, with a sentence that says where it is.

    A file of up to `EMBEDDED` bytes becomes a part of the page. A larger one is named relative to
    the notebook, where Jupyter says which one that is and the file is below its folder. What cannot
    be played is a sentence alone: no address is written that may lead nowhere.
    """
    path = Path(place)
    kind = mimetypes.guess_type(path.name, strict=False)[0] or ""
    element = {"video": "video", "audio": "audio", "image": "img"}.get(kind.partition("/")[0])
    try:
        size = path.stat().st_size
        if not path.is_file():
            return Markup(safe(f"{path} is not a file"))
        source = None
        if element and size <= EMBEDDED:
            source = f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
        elif element:
            source = _relative(path)
    except FileNotFoundError:
        return Markup(safe(f"{path} is not there any more"))
    except OSError as error:
        return Markup(safe(f"{path} cannot be read: {error.strerror or error}"))
    much = f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size:,} bytes"
    said = f"{path} ({much})"
    if element and size > EMBEDDED:
        said += f"; larger than {EMBEDDED / 1e6:.0f} MB, so it is not a part of this page"
    if source is None:
        return Markup(safe(said))
    named = f'src="{escape(source)}" style="{_MEDIUM}"'
    if element == "img":
        return Markup(f'<img {named} alt="{safe(path.name)}"><br>{safe(said)}')
    controls = f'controls preload="metadata" {named} aria-label="{safe(path.name)}"'
    return Markup(f"<{element} {controls}></{element}><br>{safe(said)}")


def _relative(path: Path) -> str | None:
    """Return a file's address beside the notebook; None where that is not known to lead there."""
    notebook = os.environ.get("JPY_SESSION_NAME", "")  # Jupyter Server: the notebook's path
    folder = Path(notebook).parent
    if not notebook.endswith(".ipynb") or not folder.is_absolute():
        return None
    try:
        return quote(path.resolve().relative_to(folder.resolve()).as_posix())
    except ValueError:
        return None
