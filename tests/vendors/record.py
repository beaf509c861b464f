"""What the shared tests have to know of a vendor: a second reading of its pages."""

from __future__ import annotations

import datetime as dt
import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from types import ModuleType
from typing import Any

import attrs
from hypothesis import strategies as st

from motionkit._support.plugins import entry_points
from motionkit.errors import MotionKitError
from motionkit.http.response import Response
from motionkit.model.job import State
from motionkit.model.operations import Mimic, Request
from motionkit.provider import registry
from motionkit.testing.stage import ACCOUNT, sample_request

Kind = type[MotionKitError]
REMOTE = "https://media.invalid/"


@attrs.frozen
class Probe:
    """What SECURITY.md says of a key of the configuration, and values that try it.

    `own` is what the user's own file has, in the same table; `honoured` and `refused` are what
    the project's file says.
    """

    may: str
    own: str = ""
    honoured: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def _no_attempt_id(headers: Mapping[str, str], body: Any) -> str:
    del headers, body
    return ""


@attrs.frozen(kw_only=True, slots=False, eq=False)
class Vendor:
    """One vendor. Everything here is a literal of its pages; nothing is imported from its adapter.

    Attributes:
        name: As in the entry points.
        paid_path: The path of the paid call of the sample request.
        key_header: The header in which a key goes out.
        model: The model of the sample request, where the default one does not take its media.
        sample: Values of the sample request beside its media, a clip of two seconds.
        price: What the sample request costs, in the vendor's unit.
        remote_price: The sandbox's price of media that are addresses, taken on trust.
        refusals: Statuses or codes of a paid call with which the vendor says that nothing was
            accepted, and what is raised.
        busy: A fault of the sandbox: a refusal of a submit that passes.
        no_credits: A fault of the sandbox: a submit is refused for lack of credits.
        is_refusal: Tells whether the pages call an answer a refusal of a paid call.
        ends: Returns the terminal states that an answer may mean for a job of an age.
        resends: Whether the same attempt id may be sent again: the vendor deduplicates.
        balance: Whether the vendor tells an account's balance.
        history: Whether a lost submit is found in a listing of the vendor.
        no_history: Settings with which no listing is asked.
        attempt_id: Finds the attempt id in the headers and the body of a paid call; empty text
            where the vendor takes none.
        traces: Whether free calls have an id of their own too.
        sync_path: Where blocking calls go, at a vendor that has some.
        remote_only: Whether media have to be addresses: nothing can be uploaded.
        uploads: Whether media are uploaded in calls of their own before the paid one.
        settings: Further settings of an account of the tests.
        clip: The sample's clip, at a vendor that does not take the common one of two seconds.
        qualities: Three qualities of the default model, the cells of a shootout.
        cells: The cells of a shootout, where the default model has no three qualities.
        answers: What its answers look like, with arbitrary JSON in the places of its own.
        submitted: Makes the body that accepts a submit, of an id in raw JSON.
        polled: Makes the body that a poll is answered with, of a word in raw JSON.
        done: Make the same for a finished job, of the output's address in raw JSON.
        done_word: The word of a finished job, in raw JSON.
        expected: What comes of a row of `tests/hostile/answers.py` where it is not what comes of it
            at the other vendors, by ``"submit NAME"`` or ``"poll NAME"``.
        adopted: Rows whose paid call takes the job 7 that the answer names.
        refused: Rows that the pages call a refusal of the paid call.
        documented_models: Whether the page of the provider lists every model.
        first: Whether it is one of those that come first where several have a key.
        daily: Whether a default run plays the kill tests on both databases.
    """

    name: str
    paid_path: str
    key_header: str
    price: Decimal
    remote_price: Decimal
    refusals: Mapping[int, Kind]
    busy: str
    no_credits: str
    is_refusal: Callable[[Response], bool]
    ends: Callable[[Response, dt.timedelta], set[State]]
    resends: bool = False
    balance: bool = True
    history: bool = True
    no_history: Mapping[str, Any] = attrs.field(factory=dict)
    attempt_id: Callable[[Mapping[str, str], Any], str] = _no_attempt_id
    traces: bool = False
    sync_path: str = ""
    remote_only: bool = False
    uploads: bool = True
    settings: Mapping[str, Any] = attrs.field(factory=dict)
    model: str = ""
    sample: Mapping[str, Any] = attrs.field(factory=lambda: {"quality": "540p"})
    clip: bytes | None = attrs.field(default=None, repr=False)
    qualities: tuple[str, str, str] = ("360p", "540p", "720p")
    cells: tuple[Mapping[str, Any], ...] = ()
    answers: st.SearchStrategy[Any] | None = None
    submitted: Callable[[str], str]
    polled: Callable[[str], str]
    done: Sequence[Callable[[str], str]]
    done_word: str
    expected: Mapping[str, str] = attrs.field(factory=dict)
    adopted: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    documented_models: bool = True
    first: bool = False
    daily: bool = False

    @cached_property
    def adapter(self) -> type[Any]:
        """The adapter's class."""
        return registry.load(self.name)

    @cached_property
    def sandbox(self) -> type[Any]:
        """The class of the vendor's sandbox."""
        (point,) = entry_points(group="motionkit.sandboxes", name=self.name)
        found: type[Any] = point.load()
        return found

    @property
    def package(self) -> str:
        """The package of the vendor."""
        return self.adapter.__module__.partition(".")[0]

    @property
    def tables(self) -> ModuleType:
        """The module of its words and codes."""
        return importlib.import_module(f"{self.package}._tables")

    @property
    def key(self) -> str:
        """The environment variable of its key."""
        return f"{self.name.upper()}_API_KEY"

    def account(self, **values: Any) -> Any:
        """Return the settings of an account of the tests."""
        return self.adapter.settings(**{**self.settings, **values})

    @property
    def via(self) -> str:
        """The target of the sample request, at the account of the tests."""
        return f"{ACCOUNT}/{self.model}" if self.model else ACCOUNT

    @property
    def media(self) -> tuple[str, str] | None:
        """Addresses of the sample's media; None where they are uploaded."""
        return (f"{REMOTE}face.png", f"{REMOTE}dance.mp4") if self.remote_only else None

    def command(self, **settings: Any) -> Mapping[str, Any]:
        """Return what a process of `tests/faults/child.py` is told of the vendor."""
        return {
            "provider": self.name,
            "via": self.via,
            "settings": {**self.settings, **settings},
            "values": self.sample,
            "cells": self.cells or [{"quality": one} for one in self.qualities],
            "media": self.media,
            "clip": None if self.clip is None else self.clip.hex(),
        }

    def request(self, *, remote: bool = False, **values: Any) -> Request:
        """Return the sample request, with media that the vendor takes."""
        given = {**self.sample, **values}
        if remote or self.remote_only:
            return Mimic(f"{REMOTE}face.png", f"{REMOTE}dance.mp4", **given)
        made = sample_request(**given)
        return made if self.clip is None else attrs.evolve(made, video=self.clip)

    def fault(self, spec: str) -> str:
        """Return a fault of the sandbox that strikes at this vendor only."""
        kind, phase, *rest = spec.split(":", 2)
        return ":".join([kind, phase, f"vendor={self.name}", *rest])


def data_of(answer: Response) -> Any:
    """Read an answer with the standard library alone; None when it is no JSON."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
