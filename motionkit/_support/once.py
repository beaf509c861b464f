"""Parts of an object that are made when they are first used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class once(Generic[T]):  # noqa: N801 - a decorator, as `property` is
    """A property that is computed when it is first read, and kept.

    Of two threads that compute it at once, both get what one of them made; the other is dropped.
    It takes no lock, which a forked child might find held for ever.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, owner: None, kind: type | None = None) -> Self: ...
    @overload
    def __get__(self, owner: object, kind: type | None = None) -> T: ...

    def __get__(self, owner: object, kind: type | None = None) -> T | Self:
        if owner is None:
            return self
        # Python reads the kept value from now on: this class has no __set__.
        value: T = owner.__dict__.setdefault(self._name, self._make(owner))
        return value

    def made(self, owner: object) -> T | None:
        """Return the part if it was made."""
        return owner.__dict__.get(self._name)
