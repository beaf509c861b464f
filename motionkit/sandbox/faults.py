"""Faults: their names, phases and parameters.

A fault is written as `name:phase[:parameter=value]...`:

    accept_then_reset:submit
    refuse:submit:code=500044:times=3
    http:poll:status=429:retry_after=5
    redirect:poll:to=http://127.0.0.1:9/

The phases are upload, submit, poll, result, balance, history, list, download. Every fault takes
three more parameters: `vendor` (this vendor only), `times` (how often it fires; 0 is without end)
and `after` (how many matching calls pass first). A value may contain colons, but nothing like the
next parameter (`:word=`). Over HTTP the same fault is an object:
`{"name": "refuse", "phase": "submit", "code": 500044, "times": 3}`.

The sandbox's HTTP layer applies wire faults (`WIRE`). Those named `accept_then_...` run the call
first and spoil only the response. The vendor's app applies the others, in the vendor's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeAlias

import attrs

API_PHASES = ("upload", "submit", "poll", "result", "balance", "history", "list")
PHASES = (*API_PHASES, "download")


class FaultError(ValueError):
    """An unknown fault; the message lists the known ones."""


@attrs.frozen
class Parameter:
    """One parameter of a fault: its parser, its default, its choices if limited."""

    read: Callable[[Any], Any]
    default: Any = None
    choices: tuple[str, ...] = ()


@attrs.frozen
class Kind:
    """One kind of fault: its phases, parameters and default number of firings."""

    phases: tuple[str, ...] = API_PHASES
    parameters: Mapping[str, Parameter] = attrs.field(factory=dict)
    times: int = 1


_STATUS = {"status": Parameter(int, 503), "body": Parameter(str, ""), "retry_after": Parameter(str)}
_WHERE = {"status": Parameter(int, 307), "to": Parameter(str)}
_SPOILED: Mapping[str, Kind] = {
    "reset": Kind(PHASES),
    "close": Kind(PHASES),
    "hang": Kind(PHASES),
    "http": Kind(PHASES, _STATUS),
    "html": Kind(PHASES, {"status": Parameter(int, 502)}),
}
WIRE: Mapping[str, Kind] = {
    **_SPOILED,
    **{
        f"accept_then_{name}": attrs.evolve(kind, phases=API_PHASES)
        for name, kind in _SPOILED.items()
    },
    "truncate": Kind(parameters={"cut": Parameter(str, "body", ("body", "connection"))}),
    "oversize": Kind(parameters={"bytes": Parameter(int, 16 * 2**20)}),
    "slow": Kind(PHASES, {"seconds": Parameter(float, 1.0)}),
    "redirect": Kind(PHASES, _WHERE),
}
KINDS: Mapping[str, Kind] = {
    **WIRE,
    "refuse": Kind(
        parameters={"code": Parameter(int), "status": Parameter(int), "message": Parameter(str)}
    ),
    "moderate": Kind(("upload", "submit"), {"message": Parameter(str)}),
    "fail": Kind(("submit",), {"message": Parameter(str)}),
    "stuck": Kind(("submit",)),
    "webhook_lost": Kind(("submit",)),
    "cost": Kind(("submit",), {"usd": Parameter(float, 1.0)}),
    "twin": Kind(("submit",)),
    "dedupe": Kind(
        ("submit",),
        {
            "mode": Parameter(str, "replay", ("replay", "stuck", "error", "new")),
            "code": Parameter(int),
        },
        times=0,
    ),
    "not_found": Kind(("poll", "result"), {"seconds": Parameter(float)}),
    "unknown_word": Kind(("poll",), {"word": Parameter(str)}),
    "empty_url": Kind(("poll", "result")),
    "expire": Kind(("poll", "result"), {"form": Parameter(str, "status", ("status", "code"))}),
    "shape": Kind(("submit", "poll", "result", "history"), {"shape": Parameter(str)}),
    "foreign_status_url": Kind(("submit", "poll"), {"url": Parameter(str)}),
    "history_lag": Kind(("history",), {"seconds": Parameter(float, 30.0)}, times=0),
    "cut": Kind(("download",), {"bytes": Parameter(int, 1024)}),
    "changed": Kind(("download",)),
    "no_range": Kind(("download",), times=0),
}
_COMMON = {"vendor": Parameter(str), "times": Parameter(int), "after": Parameter(int, 0)}
Spec: TypeAlias = str | Mapping[str, Any]


@attrs.define(eq=False)
class Fault:
    """An active fault, its matching calls and firings."""

    name: str
    phase: str
    vendor: str | None
    times: int
    after: int
    parameters: Mapping[str, Any]
    asked: int = 0
    fired: int = 0

    def __getitem__(self, parameter: str) -> Any:
        return self.parameters[parameter]

    @property
    def spent(self) -> bool:
        """Return whether no firing is left."""
        return bool(self.times) and self.fired >= self.times

    def as_data(self) -> dict[str, Any]:
        """Return the fault with the firings left, in the form that the endpoint accepts."""
        return {
            "name": self.name,
            "phase": self.phase,
            "vendor": self.vendor,
            "times": self.times - self.fired if self.times else 0,
            "after": max(0, self.after - self.asked),
            **self.parameters,
        }


def _parsed(text: str) -> dict[str, Any]:
    name, _, rest = text.partition(":")
    phase, *pairs = re.split(r":(?=[a-z_]+=)", rest)
    return {"name": name, "phase": phase, **dict(pair.split("=", 1) for pair in pairs)}


def _known(what: str, value: object, known: Iterable[str]) -> None:
    if value not in (listed := sorted(known)):
        raise FaultError(f"unknown {what} {value!r}; known: {', '.join(listed)}")


class FaultBook:
    """The active faults, in the order of their addition."""

    def __init__(self, vendors: Collection[str] = (), shapes: Collection[str] = ()) -> None:
        self._vendors = vendors
        self._shapes = shapes
        self._faults: list[Fault] = []

    def read(self, spec: Spec) -> Fault:
        """Return the fault that a text or an object describes.

        Raises:
            FaultError: A name, phase, parameter or value is unknown.
        """
        fields = _parsed(spec) if isinstance(spec, str) else dict(spec)
        name, phase = fields.pop("name", None), fields.pop("phase", None)
        _known("fault", name, KINDS)
        kind = KINDS[str(name)]
        _known(f"phase of {name}", phase, kind.phases)
        rows = {**_COMMON, **kind.parameters}
        values = {key: row.default for key, row in rows.items()}
        for key, value in fields.items():
            _known(f"parameter of {name}", key, rows)
            if value is None:
                continue
            try:
                values[key] = rows[key].read(value)
            except (TypeError, ValueError):
                raise FaultError(f"{name}: {key}={value!r} is invalid") from None
            if rows[key].choices:
                _known(f"{key} of {name}", values[key], rows[key].choices)
        if values["vendor"] is not None:
            _known("vendor", values["vendor"], self._vendors)
        if name == "shape":
            _known("shape", values["shape"], self._shapes)
        times = kind.times if values["times"] is None else values["times"]
        if times < 0 or values["after"] < 0:
            raise FaultError(f"{name}: times and after must be at least 0")
        return Fault(
            str(name),
            str(phase),
            values["vendor"],
            times,
            values["after"],
            {key: values[key] for key in kind.parameters},
        )

    def add(self, spec: Spec) -> Fault:
        """Add a fault."""
        fault = self.read(spec)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def left(self) -> list[dict[str, Any]]:
        """Return the faults that may still fire."""
        return [fault.as_data() for fault in self._faults if not fault.spent]

    def take(
        self,
        names: str | Collection[str],
        phases: Collection[str],
        vendor: str,
        where: Callable[[Fault], bool] = lambda _: True,
    ) -> Fault | None:
        """Fire the first fault that matches this call."""
        wanted = {names} if isinstance(names, str) else names
        for fault in self._faults:
            if (
                fault.spent
                or fault.name not in wanted
                or fault.phase not in phases
                or fault.vendor not in {None, vendor}
                or not where(fault)
            ):
                continue
            fault.asked += 1
            if fault.asked > fault.after:
                fault.fired += 1
                return fault
        return None
