"""How values look in a notebook: a small table, everything escaped."""

from __future__ import annotations

from collections.abc import Iterable


def table(rows: Iterable[tuple[str, object]]) -> str:
    """Return an HTML table of names and values; None is left out."""
    from html import escape  # noqa: PLC0415 - only a notebook draws it

    body = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
        for name, value in rows
        if value is not None and value != ""
    )
    return f"<table>{body}</table>"


def grid(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return an HTML table with headers."""
    from html import escape  # noqa: PLC0415 - only a notebook draws it

    head = "".join(f"<th style='text-align:left'>{escape(name)}</th>" for name in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
