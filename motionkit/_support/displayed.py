"""The base of the values that a notebook shows as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Displayed:
    """A value that a notebook shows as a table of its fields, and a list as a row of a table.

    A class of attrs needs no more than this base: fields with ``repr=False`` are left out. It
    overrides a method where another choice reads better. Whatever they return is escaped and
    freed of secrets where it is drawn, by `motionkit._support.html`, which loads only then.

    Such a class is made with ``repr=False``: the base's shows the same text, and attrs compiles one
    for every class when it is imported, 2 % of the instructions of a purchase.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        fields = getattr(type(self), "__attrs_attrs__", None)
        if fields is None:
            return super().__repr__()
        shown = (
            f"{one.name}={(repr if one.repr is True else one.repr)(getattr(self, one.name, None))}"
            for one in fields
            if one.repr
        )
        return f"{type(self).__qualname__.rpartition('>.')[2]}({', '.join(shown)})"

    def __shown__(self) -> Iterable[tuple[str, object]]:
        """Return what is shown of the value alone: names and values, None for what is unknown."""
        from motionkit._support import html  # noqa: PLC0415 - only a notebook draws it

        return html.fields(self)

    def __cells__(self) -> Mapping[str, object]:
        """Return the value as a row of a table for people, by column."""
        return dict(self.__shown__())

    def __record__(self) -> Mapping[str, object]:
        """Return the value as a row of data, by column; money is `Decimal`, times are aware."""
        from motionkit._support import html  # noqa: PLC0415 - see `__shown__`

        return html.flat(self)

    def _repr_html_(self) -> str:
        from motionkit._support import html  # noqa: PLC0415 - see `__shown__`

        return html.table(self.__shown__(), html.caption(type(self)))
