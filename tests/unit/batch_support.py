"""Helpers of the batch tests: a folder with media, tables of rows, drafts of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from motionkit.batch import inputs
from motionkit.batch.drafts import Draft, draft
from motionkit.batch.inputs import Input, InvalidRows, Row
from motionkit.client import Client
from motionkit.testing import samples

HEADER = "image,video,quality"


def media(folder: Path, *names: str) -> Path:
    """Make pictures and clips of these names, each with its own content."""
    for name in names:
        content = samples.CLIP if name.endswith(".mp4") else samples.PICTURE
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def table(folder: Path, *lines: str, name: str = "items.csv") -> Path:
    """Write a table of these lines."""
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def rows_of(source: Any) -> list[Row]:
    """Return all rows of an input, which has no problem of its own."""
    found = inputs.read(source)
    rows = list(found.rows)
    found.problems.raise_if_any(found.name)
    return rows


def drafted(client: Client, rows: Any, out: Path | str, **options: Any) -> Draft:
    """Return a draft of rows, a file, or an input."""
    given = rows if isinstance(rows, Input) else inputs.read(rows)
    return draft(client, given, out=out, **options)


def problems(error: InvalidRows) -> Sequence[tuple[tuple[str, ...], str | None, str]]:
    """Return rows, column and message of each problem."""
    return [(one.rows, one.column, one.message) for one in error.problems]


def mimic(n: int = 1, **values: Any) -> Mapping[str, Any]:
    """Return a row for the files of `media(folder, "a.png", "b.mp4")`."""
    return {"image": "a.png", "video": "b.mp4", **values}
