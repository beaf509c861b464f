"""Lists that a notebook shows as one table, and that become dictionaries or a data frame."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, SupportsIndex, TypeVar, overload

from motionkit.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class _Tabular:
    """What `Listing` and `Records` have beyond a list and a tuple."""

    if TYPE_CHECKING:

        def __iter__(self) -> Iterator[Any]: ...
        def __len__(self) -> int: ...

    kind: type | None = None
    """The class of the values, whose columns an empty list has too."""
    title: str = "values"
    """What the values are, in the plural, for the table's caption."""

    def to_dict(self) -> list[dict[str, Any]]:
        """Return a dictionary for each value, all with the same keys, JSON-able.

        The keys are the columns of `to_dataframe`. Money is text, so that no digit is lost
        (``"0.40"``); times are ISO 8601 text with their zone. What is not known is None.

        Examples:
            >>> json.dumps(client.compare(request).to_dict())
        """
        columns, rows = self._data()
        return [{name: _plain(row.get(name)) for name in columns} for row in rows]

    def to_dataframe(self) -> pd.DataFrame:
        """Return a pandas data frame with a row for each value.

        Money is `decimal.Decimal` in columns of objects: sums are exact, and plots want
        ``astype(float)``. Times are aware, in UTC. What is not known is None, or NaT in a column of
        times.

        Raises:
            ConfigError: The package pandas is not installed.

        Examples:
            >>> frame = client.jobs.list(since="30d").to_dataframe()
            >>> frame.groupby("target")["usd"].sum()
        """
        try:
            import pandas as pd  # noqa: PLC0415 - few want it, and it takes long
        except ImportError as error:
            raise ConfigError(
                "to_dataframe needs the package pandas",
                hint="install it: pip install pandas; to_dict() needs no package",
            ) from error
        columns, rows = self._data()
        found = {}
        for name in columns:
            cells = [_typed(row.get(name)) for row in rows]
            known = [cell for cell in cells if cell is not None]
            column = pd.Series(cells, dtype=object)
            if known and all(isinstance(cell, dt.datetime) for cell in known):
                column = pd.to_datetime(column, utc=True)
            elif len(known) == len(cells):
                column = column.infer_objects()  # numbers and truth values; never Decimal
            # What has a None stays as it is: pandas would make a float of a whole number.
            found[name] = column
        return pd.DataFrame(found, columns=columns)

    def _data(self) -> tuple[list[str], list[dict[str, object]]]:
        from motionkit._support import html  # noqa: PLC0415 - see `_repr_html_`

        rows = [html.record(one) for one in self]
        first: tuple[str, ...] = getattr(self.kind, "__columns__", ())
        return list(dict.fromkeys([*first, *(name for row in rows for name in row)])), rows

    def _repr_html_(self) -> str:
        from motionkit._support import html  # noqa: PLC0415 - only a notebook draws it

        count, title = len(self), self.title
        if not count:
            return f"<p>no {html.safe(title)}</p>"
        drawn = [html.cells(one) for one in islice(self, html.LONGEST_LIST)]
        return html.grid(
            drawn, f"{title[:1].upper()}{title[1:]} ({count:,})", more=count - len(drawn)
        )


class Listing(list[T], _Tabular):
    """A list whose values a notebook shows as a table; it is a `list` in every other way.

    The lists that a client returns are of this class. Others become one: ``mk.Listing(rows)``.

    Args:
        values: What it holds.
        kind: The class of the values, whose columns an empty list has too.
        title: What they are, in the plural and small letters, such as ``jobs``.
    """

    def __init__(
        self, values: Iterable[T] = (), *, kind: type | None = None, title: str = "values"
    ) -> None:
        super().__init__(values)
        self.kind, self.title = kind, title

    @overload
    def __getitem__(self, place: SupportsIndex) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> Self: ...

    def __getitem__(self, place: SupportsIndex | slice) -> T | Self:
        if isinstance(place, slice):
            return type(self)(super().__getitem__(place), kind=self.kind, title=self.title)
        return super().__getitem__(place)


class Records(tuple[T_co, ...], _Tabular):  # noqa: SLOT001 - its title is its own
    """A tuple whose values a notebook shows as a table; see `Listing`."""

    def __new__(cls, values: Iterable[T_co] = (), *, title: str = "values") -> Self:
        """Return a tuple of the values; `title` is as for `Listing`."""
        made = super().__new__(cls, values)
        made.title = title
        return made


def _typed(value: object) -> object:
    """Return a value as a cell of a data frame."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC)
    if isinstance(value, Exception):
        return str(value)
    return str(value) if isinstance(value, Path) else value


def _plain(value: object) -> Any:
    """Return a value as JSON has it."""
    value = _typed(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dt.date):  # a datetime is one too
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, Iterable):
        return [_plain(one) for one in value]
    return str(value)
