"""Charts of a report's numbers: SVG without JavaScript, each with the table of its numbers.

Bars have the width of the page in percent and text the page's size, so that a chart is legible at
any width. Text and lines have the colour of the page's text, bars that of ``--chart`` of its style
sheet. What differs in kind differs in its pattern, and each bar has its number beside it, so that
nothing depends on colour. No style is in the SVG: a strict content security policy allows it.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Context, Decimal
from math import floor, log10
from xml.etree import ElementTree as ET

import attrs

from motionkit._support.redaction import printable
from motionkit._support.text import duration, many
from motionkit.model.money import Unit, dollars, noun, number, shown
from motionkit.model.rating import MOST_STARS
from motionkit.model.spending import Amounts, Spend, merged
from motionkit.report.figures import (
    Failure,
    Figures,
    SecondPrice,
    Target,
    TargetStars,
    Wait,
    days_between,
)

MOST_BARS = 24
"""Bars of a chart; its table has every row."""
MOST_ROWS = 500
"""Rows of a table."""
FEWEST_COLUMNS, MOST_COLUMNS = 7, 31
"""Columns of a chart over time: more days are shown as weeks, and more weeks as months; fewer are
bars."""
_ZERO = Decimal(0)
_DIGITS = Context(prec=4)
"""Of prices beside bars."""
_ASSUMED = "Assumed: the vendor reported no charge, and the quote is counted instead."
_FEW = 10
"""Results below which a 90th percentile says little."""

_LINE, _BAR, _GAP = 18, 14, 14
"""Heights of a line of text, of a bar, and of the space below it, in pixels."""
_ROOM = 36
"""Letters of a line on the narrowest page, 390 pixels wide."""
_MORE = "\N{HORIZONTAL ELLIPSIS}"
_SIZE = "13"
"""Of the text, in pixels."""
_PLOT = 180
"""Height of columns, in pixels."""
_COLOR = "var(--chart, #3f7fe0)"
_WORDS = re.compile(r"(?<=[/\s_:-])")
"""Where a long name may be broken."""

SOLID, HATCHED, DOTTED, CROSSED, FAINT = "solid", "hatched", "dotted", "crossed", "faint"
"""The patterns of bars."""


@attrs.frozen(kw_only=True)
class Chart:
    """A chart with the table of its numbers.

    Attributes:
        name: A word for anchors and file names: ``cost-per-second``.
        title: What it shows, for a heading.
        note: What a reader has to know, in sentences; may be empty.
        svg: An ``<svg>`` element, escaped; empty where there is nothing to draw.
        heads: The heads of the table.
        rows: Its rows, as text; not escaped.
        numbers: The heads of columns with numbers, which are aligned to the right.
    """

    name: str
    title: str
    note: str
    svg: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[str] = frozenset()


def draw_charts(figures: Figures) -> list[Chart]:
    """Return the charts of a report's numbers; one without data says so in its note."""
    made = [_prices(figures), _waits(figures)]
    made += _spend("spend-by-day", "Spend by day", figures.days, figures, over_time=True)
    for number_of, (name, rows) in enumerate(figures.labels.items(), 1):
        title = f"Spend by label {printable(name)}"
        made += _spend(f"spend-by-label-{number_of}", title, rows, figures)
    made.append(_failures(figures))
    if figures.ratings:
        made.append(_ratings(figures.ratings))
    return [_cut(chart) for chart in made]


def _cut(chart: Chart) -> Chart:
    """Return a chart whose table is not too long for a page."""
    if len(chart.rows) <= MOST_ROWS:
        return chart
    note = f"{chart.note} The table has the first {MOST_ROWS} of {len(chart.rows):,} rows."
    return attrs.evolve(chart, rows=chart.rows[:MOST_ROWS], note=note.strip())


# The charts.


def _prices(figures: Figures) -> Chart:
    known = [row for row in figures.prices if row.usd_per_second is not None]
    unknown = len(figures.prices) - len(known)
    bars = [
        Bar(
            name=_target(row.target) + (", assumed" if row.assumed else ""),
            value=f"{_each(row.usd_per_second)}/s",
            parts=(Part(HATCHED if row.assumed else SOLID, float(row.usd_per_second or 0)),),
        )
        for row in known
    ]
    targets = [row.target for row in known]
    title, bars = _titled("Cost per delivered second", bars, targets)
    counted = sum(row.jobs for row in figures.prices)
    measured = sum(row.measured for row in figures.prices)
    notes = []
    if counted:
        length = f"the file's own for {measured:,}, and as ordered for {counted - measured:,}"
        if measured in {0, counted}:
            length = "the file's own" if measured else "as ordered"
        notes.append(
            f"{many(counted, 'result')} with a known cost and length; the length is {length}."
        )
        if any(row.assumed for row in figures.prices):
            notes.append(_ASSUMED)
    else:
        notes.append("No result with a known cost and length yet.")
    notes += _left_out(
        (figures.unknown_length, "with an unknown length"),
        (figures.unpriced, "with an unknown price"),
        (figures.free, "that cost nothing"),
    )
    if unknown:
        notes.append(
            f"{many(unknown, 'row')} of the table without a bar: the value of a credit in US "
            "dollars is unknown."
        )
    if figures.uncertain:
        notes.append(f"{many(figures.uncertain, 'uncertain job')} not included.")
    legend = ((SOLID, "reported by the vendor"), (HATCHED, "assumed from the quote"))
    return Chart(
        name="cost-per-second",
        title=title,
        note=_note(notes, bars),
        svg=_bars("cost-per-second", title, bars, legend if _mixed(bars) else ()),
        heads=(*("Target", "Evidence", "Per second", "In USD", "Results", "Seconds"), "Cost"),
        rows=tuple(map(_price_row, figures.prices)),
        numbers=frozenset({"Per second", "In USD", "Results", "Seconds", "Cost"}),
    )


def _price_row(row: SecondPrice) -> tuple[str, ...]:
    usd = row.usd_per_second
    return (
        _target(row.target),
        "assumed" if row.assumed else "reported",
        shown(row.per_second, row.unit),
        "unknown" if usd is None else _each(usd),
        f"{row.jobs:,}",
        f"{row.seconds:,.1f}",
        shown(row.amount, row.unit),
    )


def _waits(figures: Figures) -> Chart:
    bars = [
        Bar(
            name=_target(row.target),
            value=f"{duration(row.p50)}, p90 {duration(row.p90)} (n={row.n:,})",
            parts=(Part(SOLID, row.p50), Part(HATCHED, max(0.0, row.p90 - row.p50))),
        )
        for row in figures.waits
    ]
    targets = [row.target for row in figures.waits]
    title, bars = _titled("Time from submit to result", bars, targets)
    notes = []
    if not bars:
        notes.append("No result whose end was observed yet.")
    else:
        notes.append("Half of the results took at most p50, nine of ten at most p90.")
    if any(row.n < _FEW for row in figures.waits):
        notes.append(f"A p90 of fewer than {_FEW} results says little.")
    notes += _left_out((figures.unobserved, "whose end was not observed as it came"))
    return Chart(
        name="time-to-result",
        title=title,
        note=_note(notes, bars),
        svg=_bars("time-to-result", title, bars, ((SOLID, "p50, the median"), (HATCHED, "to p90"))),
        heads=("Target", "p50", "p90", "Results"),
        rows=tuple(map(_wait_row, figures.waits)),
        numbers=frozenset({"p50", "p90", "Results"}),
    )


def _wait_row(row: Wait) -> tuple[str, ...]:
    return _target(row.target), duration(row.p50), duration(row.p90), f"{row.n:,}"


_KINDS = (
    ("charged", SOLID, "charged, reported"),
    ("assumed", HATCHED, "charged, assumed"),
    ("held", DOTTED, "held, unfinished"),
    ("uncertain", CROSSED, "uncertain"),
)
"""What columns and bars of the spend consist of."""


def _parts(amounts: Amounts) -> tuple[Part, ...]:
    of = {kind: float(getattr(amounts, kind)) for kind, _, _ in _KINDS}
    of["charged"] -= of["assumed"]
    return tuple(Part(pattern, max(0.0, of[kind])) for kind, pattern, _ in _KINDS)


def _spend(
    name: str, title: str, rows: Sequence[Spend], figures: Figures, *, over_time: bool = False
) -> Iterator[Chart]:
    """Yield a chart of the real purchases, and one of those in a sandbox."""
    for sandbox in (False, True):
        own = [row for row in rows if row.sandbox is sandbox]
        if own or (not sandbox and not rows):
            said = f"{title}, sandbox" if sandbox else title
            where = f"{name}-sandbox" if sandbox else name
            yield _spent(where, said, own, figures, over_time=over_time)


def _spent(
    name: str, title: str, rows: Sequence[Spend], figures: Figures, *, over_time: bool
) -> Chart:
    span = "day"
    if over_time:
        span, rows = _spans(rows)
        title = title.replace("by day", f"by {span}")
    dollars = _in_dollars(rows)
    unit = rows[0].unit if rows and dollars is None else Unit.USD
    drawn = rows if dollars is None else dollars
    amounts = {
        row.name: row.amounts if dollars is None or row.usd is None else row.usd for row in drawn
    }
    notes = [] if rows else ["Nothing was submitted."]
    if over_time and rows:
        notes.append("Days are UTC, that of the submit.")
    if dollars is not None and any(row.usd is None for row in rows):
        notes.append("What has no known value in US dollars is in the table only.")
    if any(row.amounts.assumed for row in rows):
        notes.append(_ASSUMED)
    if any(row.amounts.held or row.amounts.uncertain for row in rows):
        notes.append("Held and uncertain are upper bounds; they may cost less.")
    unpriced = sum(row.unpriced for row in rows)
    if unpriced:
        notes.append(f"{many(unpriced, 'job')} with an unknown price: counted as 0.")
    if figures.more_labels and not over_time:
        notes.append(f"Labels without a chart: {printable(', '.join(figures.more_labels), 200)}.")
    if figures.pruned:
        notes.append(
            f"{many(figures.pruned, 'job')} pruned from the journal not included; 'motionkit "
            "spend' has them."
        )
    present = {part.pattern for one in amounts.values() for part in _parts(one) if part.size > 0}
    legend = tuple((pattern, text) for _, pattern, text in _KINDS if pattern in present)
    bars = [
        Bar(name=_named(one), value=_money(spent, unit), parts=_parts(spent))
        for one, spent in amounts.items()
    ]
    if over_time:
        svg = _columns(name, title, bars, legend, unit=unit, span=span)
        head = {"day": "Day (UTC)", "week": "Week from", "month": "Month"}[span]
    else:
        svg, head = _bars(name, title, bars, legend), "Value"
        notes = [_note(notes, bars)]
    kinds = ("Charged", "Of it assumed", "Refunded", "Held", "Uncertain")
    return Chart(
        name=name,
        title=title,
        note=" ".join(filter(None, notes)),
        svg=svg,
        heads=(head, "Jobs", *kinds, "Submitted in USD"),
        rows=tuple(map(_spend_row, rows)),
        numbers=frozenset({"Jobs", *kinds, "Submitted in USD"}),
    )


def _spend_row(row: Spend) -> tuple[str, ...]:
    kinds = ("charged", "assumed", "refunded", "held", "uncertain")
    amounts = [shown(getattr(row.amounts, kind), row.unit) for kind in kinds]
    usd = "unknown" if row.usd is None else shown(row.usd.submitted, Unit.USD)
    return (_named(row.name), f"{row.jobs:,}", *amounts, usd)


def _in_dollars(rows: Sequence[Spend]) -> list[Spend] | None:
    """Return rows in dollars, one for each name; None where all are in one unit without a value."""
    known = [row for row in rows if row.usd is not None]
    if not known and len({row.unit for row in rows}) == 1:
        return None
    as_dollars = (attrs.evolve(row, unit=Unit.USD, amounts=row.usd or row.amounts) for row in known)
    return merged(as_dollars)


def _spans(rows: Sequence[Spend]) -> tuple[str, list[Spend]]:
    """Return the rows by day, week or month, whichever is the first that fits a chart."""
    names = sorted(row.name for row in rows if row.name)
    if not names:
        return "day", list(rows)
    found = "day"
    for found in ("day", "week", "month"):
        if len(_every(names, found)) <= MOST_COLUMNS:
            break
    return found, merged(attrs.evolve(row, name=_span(row.name or "", found)) for row in rows)


def _span(day: str, span: str) -> str:
    """Return what names the day, week or month of a day."""
    if span == "month":
        return day[:7]
    at = dt.date.fromisoformat(day)
    return (at - dt.timedelta(days=at.weekday() if span == "week" else 0)).isoformat()


def _every(names: Sequence[str], span: str) -> list[str]:
    """Return each day, week or month between the first and the last one."""
    first, last = min(names), max(names)
    if span == "month" and len(first) == len("2026-11"):
        first, last = f"{first}-01", f"{last}-01"
    return list(dict.fromkeys(_span(day.isoformat(), span) for day in days_between(first, last)))


_FAILURES = {
    "blocked": HATCHED,
    "failed": SOLID,
    "gone": DOTTED,
    "refused": FAINT,
    "cancelled": CROSSED,
}


def _failures(figures: Figures) -> Chart:
    rows = figures.failures
    bars = [
        Bar(
            name=f"{row.kind}: {row.reason}",
            value=f"{row.jobs:,}",
            parts=(Part(_FAILURES[row.kind], float(row.jobs)),),
        )
        for row in rows
    ]
    ended = sum(row.jobs for row in rows)
    notes = [f"{ended:,} of {many(figures.purchases, 'job')} ended without a result."]
    if figures.uncertain:
        notes.append(
            f"{many(figures.uncertain, 'uncertain job')} not included: the outcome is unknown."
        )
    present = {row.kind for row in rows}
    texts = {
        "blocked": "blocked by moderation",
        "failed": "failed",
        "gone": "gone at the vendor",
        "refused": "refused, not charged",
        "cancelled": "cancelled",
    }
    legend = tuple((_FAILURES[kind], texts[kind]) for kind in texts if kind in present)
    title = "Jobs without a result, by reason"
    return Chart(
        name="failures",
        title=title,
        note=_note(notes, bars),
        svg=_bars("failures", title, bars, legend),
        heads=("Ended as", "Reason", "Jobs"),
        rows=tuple(map(_failure_row, rows)),
        numbers=frozenset({"Jobs"}),
    )


def _failure_row(row: Failure) -> tuple[str, ...]:
    return row.kind, printable(row.reason), f"{row.jobs:,}"


def _ratings(rows: Sequence[TargetStars]) -> Chart:
    bars = [
        Bar(
            name=_target(row.target),
            value=f"{row.mean:.1f} of {MOST_STARS} (n={row.n:,})",
            parts=(Part(SOLID, row.mean),),
        )
        for row in rows
    ]
    title, bars = _titled("People's ratings", bars, [row.target for row in rows])
    return Chart(
        name="ratings",
        title=title,
        note=_note(["The mean of the stars."], bars),
        svg=_bars("ratings", title, bars, (), top=float(MOST_STARS)),
        heads=("Target", "Mean", "Rated"),
        rows=tuple((_target(row.target), f"{row.mean:.2f}", f"{row.n:,}") for row in rows),
        numbers=frozenset({"Mean", "Rated"}),
    )


# Words.


def _target(target: Target) -> str:
    return printable(target.name) + " (sandbox)" * target.sandbox


def _titled(title: str, bars: Sequence[Bar], targets: Iterable[Target]) -> tuple[str, list[Bar]]:
    """Return title and bars; where all targets are in a sandbox, the title alone says so."""
    if not bars or not all(target.sandbox for target in targets):
        return title, list(bars)
    shorter = [attrs.evolve(bar, name=bar.name.replace(" (sandbox)", "", 1)) for bar in bars]
    return f"{title}, sandbox", shorter


def _named(name: str | None) -> str:
    return printable(name) if name else "(none)"


def _each(amount: Decimal | None) -> str:
    return "" if amount is None else dollars(_DIGITS.plus(amount))


def _money(amounts: Amounts, unit: Unit) -> str:
    total = amounts.charged + amounts.held + amounts.uncertain
    return shown(total, unit)


def _left_out(*counts: tuple[int, str]) -> Iterator[str]:
    found = [f"{many(count, 'result')} {what}" for count, what in counts if count]
    if found:
        yield f"Not included: {', '.join(found)}."


def _note(notes: Sequence[str], bars: Sequence[Bar]) -> str:
    more = len(bars) - MOST_BARS
    tail = [f"The chart has the first {MOST_BARS} of {len(bars):,} rows."] if more > 0 else []
    return " ".join(filter(None, [*notes, *tail]))


def _mixed(bars: Sequence[Bar]) -> bool:
    return any(part.pattern is not SOLID for bar in bars for part in bar.parts)


# Drawing.


@attrs.frozen
class Part:
    """A part of a bar: its pattern and its size."""

    pattern: str
    size: float


@attrs.frozen
class Bar:
    """A bar: its name, its number for people, and its parts from the base on."""

    name: str
    value: str
    parts: tuple[Part, ...]

    @property
    def size(self) -> float:
        """All parts together."""
        return sum(part.size for part in self.parts)


_Legend = Sequence[tuple[str, str]]


def _svg(name: str, title: str, description: str, height: int) -> ET.Element:
    """Return an empty drawing as wide as its place."""
    svg = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "class": "chart",
            "role": "img",
            "aria-labelledby": f"{name}-title {name}-desc",
            "width": "100%",
            "height": str(height),
            "font-size": _SIZE,
            "fill": "currentColor",
        },
    )
    ET.SubElement(svg, "title", {"id": f"{name}-title"}).text = title
    ET.SubElement(svg, "desc", {"id": f"{name}-desc"}).text = description
    return svg


def _define(svg: ET.Element, name: str, patterns: Iterable[str]) -> None:
    """Define the patterns that a drawing uses, each under a name of its own on the page."""
    wanted = sorted(set(patterns) & _PATHS.keys())
    if not wanted:
        return
    defs = ET.SubElement(svg, "defs")
    for pattern in wanted:
        size = "6"
        tile = ET.SubElement(
            defs,
            "pattern",
            {
                "id": f"{name}-{pattern}",
                "width": size,
                "height": size,
                "patternUnits": "userSpaceOnUse",
            },
        )
        base = {"width": size, "height": size, "fill": _COLOR, "fill-opacity": "0.15"}
        ET.SubElement(tile, "rect", base)
        ET.SubElement(
            tile,
            "path",
            {"d": _PATHS[pattern], "stroke": _COLOR, "stroke-width": "1.6", "fill": "none"},
        )


_PATHS: Mapping[str, str] = {
    HATCHED: "M-1 1L1 -1M0 6L6 0M5 7L7 5",
    DOTTED: "M1.5 2.2h1.6M4.5 5.2h1.6",
    CROSSED: "M0 0L6 6M6 0L0 6",
}


def _filled(name: str, pattern: str) -> dict[str, str]:
    """Return the attributes of an area with a pattern."""
    edge = {"stroke": _COLOR, "stroke-width": "1"}
    if pattern == FAINT:
        return {"fill": _COLOR, "fill-opacity": "0.15", **edge}
    if pattern in _PATHS:
        return {"fill": f"url(#{name}-{pattern})", **edge}
    return {"fill": _COLOR}


def _text(svg: ET.Element, text: str, x: str, y: int, anchor: str = "start", **more: str) -> None:
    at = {"x": x, "y": str(y), "text-anchor": anchor, **more}
    ET.SubElement(svg, "text", at).text = text


def _legend(svg: ET.Element, name: str, legend: _Legend) -> int:
    """Draw the patterns with their meaning; return the height that it takes."""
    for line, (pattern, text) in enumerate(legend):
        y = line * _LINE
        box = {"x": "1", "y": str(y + 3), "width": "22", "height": "12"}
        ET.SubElement(svg, "rect", {**box, **_filled(name, pattern)})
        _text(svg, text, "32", y + _BAR)
    return len(legend) * _LINE + 12 if legend else 0


def _described(bars: Sequence[Bar]) -> str:
    """Return a drawing in words."""
    numbers = "; ".join(f"{bar.name}: {bar.value}" for bar in bars[:MOST_BARS])
    return f"{numbers}. The table has the same numbers."


def _bars(
    name: str, title: str, bars: Sequence[Bar], legend: _Legend, *, top: float | None = None
) -> str:
    """Return bars, one below the other, each under its name and number; empty without any."""
    if not bars:
        return ""
    shown_bars = bars[:MOST_BARS]
    most = top or max(bar.size for bar in shown_bars) or 1.0
    laid = list(zip(shown_bars, _lines(shown_bars), strict=True))
    heights = [len(lines) * _LINE + _BAR + _GAP for _, lines in laid]
    lead = len(legend) * _LINE + 12 if legend else 0
    svg = _svg(name, title, _described(bars), lead + sum(heights))
    _define(svg, name, [part.pattern for bar in bars for part in bar.parts])
    y = _legend(svg, name, legend)
    for bar, lines in laid:
        for text in lines:
            y += _LINE
            if text:
                _text(svg, text, "0", y - 5)
        _text(svg, bar.value, "100%", y - 5, "end")
        _bar(svg, name, bar, y, most)
        y += _BAR + _GAP
    return _written(svg)


def _bar(svg: ET.Element, name: str, bar: Bar, y: int, most: float) -> None:
    track = {"x": "0", "y": str(y), "width": "100%", "height": str(_BAR), "fill-opacity": "0.08"}
    ET.SubElement(svg, "rect", track)
    at = 0.0
    for part in bar.parts:
        if part.size > 0:
            share = 100 * part.size / most
            place = {"x": _share(at), "y": str(y), "width": _share(share), "height": str(_BAR)}
            ET.SubElement(svg, "rect", {**place, **_filled(name, part.pattern)})
            at += share
    # The base: a bar that is too small to see differs from none.
    edge = {"x": "0", "y": str(y), "width": "2", "height": str(_BAR)}
    if bar.size > 0:
        ET.SubElement(svg, "rect", {**edge, "fill": _COLOR})


def _lines(bars: Sequence[Bar]) -> list[list[str]]:
    """Return the lines above each bar; its number is on the last one.

    It is beside the name where all of a chart have room for that, else below.
    """
    found = [wrapped(bar.name, _ROOM) for bar in bars]
    beside = all(
        _width(lines[-1]) + _width(bar.value) + 2 <= _ROOM
        for bar, lines in zip(bars, found, strict=True)
    )
    return found if beside else [[*lines, ""] for lines in found]


def wrapped(text: str, room: int, most: int = 3) -> list[str]:
    """Return a text in lines, broken behind spaces and signs; the rest of a long one is left out.

    Args:
        text: The text.
        room: Letters of a line.
        most: Lines.
    """
    lines = [""]
    for word in _WORDS.split(text):
        rest = word
        while rest:
            if _width(lines[-1] + rest.rstrip()) <= room:
                lines[-1] += rest
                break
            if lines[-1]:
                lines.append("")
                continue
            fits = max(1, next(n for n in range(len(rest), 0, -1) if _width(rest[:n]) <= room))
            lines[-1], rest = rest[:fits], rest[fits:]
            lines.append("")
    found = [line.strip() for line in lines if line.strip()] or [""]
    if len(found) > most:
        kept = found[most - 1]
        while _width(kept) > room - 1:
            kept = kept[:-1]
        found = [*found[: most - 1], kept + _MORE]
    return found


def _width(text: str) -> int:
    """Return the room of a text, in letters: wide ones of East Asian scripts take two."""
    return sum(
        0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in "WF")
        for one in text
    )


def _columns(
    name: str, title: str, bars: Sequence[Bar], legend: _Legend, *, unit: Unit, span: str
) -> str:
    """Return columns over time, those without a purchase included; bars where they are few."""
    of = {bar.name: bar for bar in bars}
    names = _every(list(of), span)[-MOST_COLUMNS:] if bars else []
    if len(names) < FEWEST_COLUMNS:
        nothing = number(_ZERO, unit)
        all_bars = [of.get(one) or Bar(one, f"{nothing} {noun(unit)}", ()) for one in names]
        return _bars(name, title, all_bars, legend)
    top = _nice(max(bar.size for bar in bars))
    lead = len(legend) * _LINE + 12 if legend else 0
    base = lead + _LINE + _PLOT
    svg = _svg(name, title, _described(bars), base + 2 * _LINE)
    _define(svg, name, [part.pattern for bar in bars for part in bar.parts])
    _legend(svg, name, legend)
    for share in (1.0, 0.5, 0.0):
        y = base - round(share * _PLOT)
        line = {"x": "0", "y": str(y), "width": "100%", "height": "1"}
        ET.SubElement(svg, "rect", {**line, "fill-opacity": "0.25" if share else "0.7"})
        if share == 1:  # what is above the columns never covers one
            _text(svg, shown(Decimal(str(top)), unit), "0", y - 5)
    slot = 100 / len(names)
    for place, one in enumerate(names):
        bar = of.get(one)
        if bar is None:
            continue
        group = ET.SubElement(svg, "g")
        ET.SubElement(group, "title").text = f"{one}: {bar.value}"
        edge, x = float(base), place * slot + slot * 0.14
        for part in bar.parts:
            if part.size > 0:
                height = max(1.0, _PLOT * part.size / top)
                edge -= height
                at = {"x": _share(x), "y": f"{edge:.1f}", "width": _share(slot * 0.72)}
                area = {**at, "height": f"{height:.1f}", **_filled(name, part.pattern)}
                ET.SubElement(group, "rect", area)
    y = base + _LINE
    _text(svg, names[0], "0", y)
    if len(names) > 1:
        _text(svg, names[-1], "100%", y, "end")
    if len(names) > 2 and len(names) % 2:
        _text(svg, names[len(names) // 2], "50%", y, "middle")
    return _written(svg)


def _nice(most: float) -> float:
    """Return the end of a scale: 1, 2, 2.5 or 5 times a power of ten."""
    if most <= 0:
        return 1.0
    power = 10.0 ** floor(log10(most))
    return next(
        (step * power for step in (1.0, 2.0, 2.5, 5.0) if step * power >= most), 10.0 * power
    )


def _share(percent: float) -> str:
    return f"{percent:.3f}".rstrip("0").rstrip(".") + "%"


def _written(svg: ET.Element) -> str:
    return ET.tostring(svg, encoding="unicode")
