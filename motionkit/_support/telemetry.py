"""Spans and metrics, for a program that uses OpenTelemetry; nothing for any other.

OpenTelemetry is never imported here: a program that has set it up has imported it already. Whatever
goes wrong in it is logged once and changes nothing. `METRICS` is the whole list of instruments.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal

log = logging.getLogger("motionkit")

SCOPE = "motionkit"
"""The name of the tracer and of the meter."""

Kind = Literal["counter", "up_down_counter", "histogram"]

METRICS: Mapping[str, tuple[Kind, str, str]] = {
    "gen_ai.client.operation.duration": (
        "histogram",
        "s",
        "From a job's submit to its end, as observed.",
    ),
    "motionkit.submits": ("counter", "{submit}", "Paid calls, by outcome."),
    "motionkit.polls": ("counter", "{poll}", "Polls, by the state they saw."),
    "motionkit.downloads": ("counter", "{file}", "Files saved."),
    "motionkit.cost": ("counter", "{USD}", "US dollars that vendors charged."),
    "motionkit.refunds": ("counter", "{USD}", "US dollars that vendors gave back."),
    "motionkit.circuit.openings": ("counter", "{opening}", "Failures that opened a circuit."),
    "motionkit.queue.depth": ("up_down_counter", "{job}", "Jobs that this process follows."),
}
"""Each metric's instrument, unit and meaning."""

BUCKETS = (1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0, 600.0, 1800.0)
"""Seconds: the boundaries that the conventions advise end where a video begins."""

_instruments: dict[str, Any] = {}
_failed: set[str] = set()


def _api(name: Literal["trace", "metrics"]) -> Any:
    """Return a module of OpenTelemetry's API, if the program has imported it."""
    return sys.modules.get(f"opentelemetry.{name}")


def _failure(what: str, error: Exception) -> None:
    """Log a failure of OpenTelemetry once: it must not change how a purchase ends."""
    if what not in _failed:
        _failed.add(what)
        log.warning("telemetry: %s failed: %s", what, type(error).__name__)


def measure(name: str, amount: float = 1, **attributes: str | None) -> None:
    """Add to a counter, or record a value of a histogram.

    Args:
        name: A metric of `METRICS`.
        amount: How much.
        **attributes: Its attributes, with ``__`` for a dot; None is left out.
    """
    api = _api("metrics")
    if api is None:
        return
    try:
        kind = METRICS[name][0]
        instrument = _instruments.get(name)
        if instrument is None:
            instrument = _instruments[name] = _made(api.get_meter(SCOPE), name)
        add = instrument.record if kind == "histogram" else instrument.add
        add(amount, _named(attributes))
    except Exception as error:  # noqa: BLE001 - an exporter's failure is no purchase's
        _failure(f"the metric {name}", error)


def _made(meter: Any, name: str) -> Any:
    kind, unit, description = METRICS[name]
    more = {"explicit_bucket_boundaries_advisory": BUCKETS} if kind == "histogram" else {}
    return getattr(meter, f"create_{kind}")(name, unit=unit, description=description, **more)


def _named(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("__", "."): one for name, one in attributes.items() if one is not None}


class Span:
    """A span that is running, or nothing."""

    def __init__(self, span: Any = None) -> None:
        self._span = span

    def set(self, **attributes: str | float | None) -> None:
        """Set attributes, with ``__`` for a dot; None is left out."""
        if self._span is None:
            return
        try:
            self._span.set_attributes(_named(attributes))
        except Exception as error:  # noqa: BLE001 - as in `measure`
            _failure("a span", error)


_NOTHING = Span()


def span(name: str, **attributes: str | float | None) -> AbstractContextManager[Span]:
    """Run a block in a span of a call to a vendor; an error of the block ends it as failed.

    Args:
        name: Of the span.
        **attributes: Its attributes, with ``__`` for a dot; None is left out.
    """
    api = _api("trace")
    return nullcontext(_NOTHING) if api is None else _traced(api, name, attributes)


@contextmanager
def _traced(api: Any, name: str, attributes: Mapping[str, Any]) -> Iterator[Span]:
    span, scope = None, None
    try:
        span = api.get_tracer(SCOPE).start_span(
            name, kind=api.SpanKind.CLIENT, attributes=_named(attributes)
        )
        scope = api.use_span(
            span, end_on_exit=False, record_exception=False, set_status_on_exception=False
        )
        scope.__enter__()
    except Exception as error:  # noqa: BLE001 - as in `measure`
        _failure("a span", error)
        scope = None
    failed: BaseException | None = None
    try:
        yield Span(span)
    except BaseException as error:
        failed = error
        raise
    finally:
        _end(api, span, scope, failed)


def _end(api: Any, span: Any, scope: Any, failed: BaseException | None) -> None:
    """End a span; an error is named by its class: its text may be the vendor's."""
    try:
        if span is not None and failed is not None:
            span.set_attributes({"error.type": type(failed).__name__})
            span.set_status(api.Status(api.StatusCode.ERROR, type(failed).__name__))
        if scope is not None:
            scope.__exit__(None, None, None)
        if span is not None:
            span.end()
    except Exception as error:  # noqa: BLE001 - as in `measure`
        _failure("a span", error)
