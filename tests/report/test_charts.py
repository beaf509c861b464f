"""Charts are legible on any page, in any colour, and say what they do not show."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import attrs
import pytest

from motionkit.model.money import Unit
from motionkit.model.spending import Amounts, Spend
from motionkit.report import Chart, Figures, draw_charts, write_report
from motionkit.report import charts as drawing
from motionkit.report.charts import wrapped
from motionkit.report.figures import Failure, SecondPrice, Target, TargetStars, Wait
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import ACCOUNT, client_for, sample_request

EVIL = "x/<script>alert(1)</script>&\"'"
LONG = "segmind-eu-production-account/wan-2.2-animate-move-character-replacement-720p"
NOTHING = Figures(
    purchases=0, results=0, unfinished=0, uncertain=0, prices=(), unknown_length=0, unpriced=0,
    free=0, waits=(), unobserved=0, failures=(), days=(), labels={}, more_labels=(), ratings=(),
    pruned=0,
)  # fmt: skip
NAMES = [LONG, EVIL, "a/b", "\u6e2c\u8a66/\u975e\u5e38\u306b\u9577\u3044\u30e2\u30c7\u30eb"]
NAMES += [f"account-{number}/model-with-a-long-name-{number}-turbo" for number in range(16)]


def target(name: str, *, sandbox: bool = False) -> Target:
    return Target(sandbox=sandbox, name=name)


def price(name: str, usd: str | None = "1", *, assumed: bool = False) -> SecondPrice:
    return SecondPrice(
        target=target(name),
        unit=Unit.CREDIT,
        assumed=assumed,
        jobs=3,
        seconds=Decimal(10),
        measured=1,
        amount=Decimal(100),
        usd=None if usd is None else Decimal(usd) * 10,
    )


def spend(by: Any, name: str | None, *, usd: bool = True, **more: Any) -> Spend:
    amounts = {kind: Decimal(much) for kind, much in more.items() if kind != "sandbox"}
    made = Amounts(**amounts)
    return Spend(
        by=by,
        name=name,
        unit=Unit.CREDIT,
        sandbox=more.get("sandbox", False),
        jobs=2,
        unpriced=0,
        amounts=made,
        usd=Amounts(**{kind: much / 100 for kind, much in amounts.items()}) if usd else None,
    )


def days(count: int, step: int = 1) -> tuple[Spend, ...]:
    first = dt.date(2026, 1, 1)
    return tuple(
        spend("day", (first + dt.timedelta(days=n * step)).isoformat(), charged=n + 1)
        for n in range(count)
    )


def figures(**changes: Any) -> Figures:
    return attrs.evolve(NOTHING, **changes)


FULL = figures(
    purchases=99,
    results=80,
    uncertain=2,
    prices=tuple(price(name, str(n + 1), assumed=n % 3 == 1) for n, name in enumerate(NAMES)),
    waits=tuple(
        Wait(target=target(one), n=n + 1, p50=20.0 * n + 5, p90=31.0 * n + 9)
        for n, one in enumerate(NAMES)
    ),
    failures=(
        Failure(kind="blocked", reason=f"shop: {'was blocked by a long policy ' * 5}", jobs=12),
        Failure(kind="failed", reason=EVIL, jobs=3),
        Failure(kind="gone", reason="gone", jobs=1),
        Failure(kind="refused", reason="too expensive", jobs=1),
        Failure(kind="cancelled", reason="cancelled", jobs=1),
    ),
    days=tuple(
        spend("day", f"2026-11-{n:02}", charged=n * 10, assumed=n, held=n % 5, uncertain=n % 3)
        for n in range(1, 28)
    ),
    labels={
        "project": (
            spend("label", EVIL, charged=40),
            spend("label", "x" * 256, charged=30, assumed=10),
            spend("label", None, charged=3),
        )
    },
    ratings=tuple(TargetStars(target=target(one), n=4, mean=4.5) for one in NAMES),
)


def chart(name: str, figures: Figures) -> Chart:
    return next(one for one in draw_charts(figures) if one.name == name)


def parts(one: Chart) -> list[ET.Element]:
    """Return the areas of a drawing, without tracks, lines and the legend."""
    svg = ET.fromstring(one.svg)  # noqa: S314 - our own
    areas = svg.iter("{http://www.w3.org/2000/svg}rect")
    return [area for area in areas if "%" in area.get("width", "") and area.get("fill")]


def texts(one: Chart) -> list[str]:
    svg = ET.fromstring(one.svg)  # noqa: S314 - our own
    return [text.text or "" for text in svg.iter("{http://www.w3.org/2000/svg}text")]


def widths(one: Chart) -> list[float]:
    return [float(area.get("width", "").rstrip("%")) for area in parts(one)]


def test_without_purchases_each_chart_says_so_and_draws_nothing() -> None:
    found = draw_charts(NOTHING)
    assert [(one.name, one.svg, one.rows) for one in found] == [
        (name, "", ()) for name in ("cost-per-second", "time-to-result", "spend-by-day", "failures")
    ]
    assert [one.note for one in found] == [
        "No result with a known cost and length yet.",
        "No result whose end was observed yet.",
        "Nothing was submitted.",
        "0 of 0 jobs ended without a result.",
    ]


def test_every_chart_is_one_described_picture_with_the_table_of_its_numbers() -> None:
    found = draw_charts(FULL)
    assert [one.name for one in found] == [
        *("cost-per-second", "time-to-result", "spend-by-day", "spend-by-label-1"),
        *("failures", "ratings"),
    ]
    seen: set[str] = set()
    for one in found:
        svg = ET.fromstring(one.svg)  # noqa: S314 - our own
        assert svg.get("role") == "img"
        named = [svg.find(f".//*[@id='{name}']") for name in svg.get("aria-labelledby", "").split()]
        assert [each is not None and bool(each.text) for each in named] == [True, True]
        ids = [each.get("id") for each in svg.iter() if each.get("id")]
        assert not seen & {*ids}
        seen |= {str(each) for each in ids}
        assert one.rows
        assert {len(row) for row in one.rows} == {len(one.heads)}
        assert one.numbers <= {*one.heads}


def test_a_drawing_has_no_script_no_style_and_no_markup_of_a_name() -> None:
    for one in draw_charts(FULL):
        svg = ET.fromstring(one.svg)  # noqa: S314 - our own
        tags = {each.tag.rpartition("}")[2] for each in svg.iter()}
        assert tags <= {*("svg", "title", "desc", "defs", "pattern", "path", "rect", "text", "g")}
        names = {name for each in svg.iter() for name in each.keys()}  # noqa: SIM118 - no mapping
        assert not {name for name in names if name.startswith("on") or name in {"style", "href"}}
        assert "<script" not in one.svg
    assert "&lt;script&gt;alert(1)" in chart("cost-per-second", FULL).svg
    assert any("<script>alert(1)" in text for text in texts(chart("ratings", FULL)))


@pytest.mark.parametrize("bad", ["\x00", "\x1b[31m", "\ud800", "\u202e"])
def test_a_control_character_in_a_name_does_not_reach_the_drawing(bad: str) -> None:
    found = figures(prices=(price(f"a/{bad}b"),), ratings=(
        TargetStars(target=target(f"a/{bad}b"), n=1, mean=3.0),
    ))  # fmt: skip
    for name in ("cost-per-second", "ratings"):
        one = chart(name, found)
        assert bad not in one.svg + "".join(one.rows[0])
        assert "a/b" in one.svg
        one.svg.encode()


def test_bars_are_to_scale_and_one_too_small_to_see_still_has_a_base() -> None:
    one = chart("cost-per-second", figures(prices=(price("a/a", "0.00001"), price("a/b", "1000"))))
    assert widths(one) == [0.0, 100.0]
    bases = re.findall(r'width="2" height="14" fill="var', one.svg)
    assert len(bases) == 2
    assert {"0.00001 USD/s", "1000.00 USD/s"} <= {*texts(one)}


def test_a_single_bar_fills_the_width() -> None:
    assert widths(chart("cost-per-second", figures(prices=(price("a/a"),)))) == [100.0]


def test_reported_and_assumed_prices_differ_in_pattern_and_the_legend_says_which() -> None:
    found = figures(prices=(price("a/a"), price("a/b", "2", assumed=True)))
    one = chart("cost-per-second", found)
    assert [area.get("fill") for area in parts(one)] == [
        "var(--chart, #3f7fe0)",
        "url(#cost-per-second-hatched)",
    ]
    assert {"reported by the vendor", "assumed from the quote"} <= {*texts(one)}
    assert [row[1] for row in one.rows] == ["reported", "assumed"]
    assert "Assumed: the vendor reported no charge" in one.note
    plain = chart("cost-per-second", figures(prices=(price("a/a"),)))
    assert "assumed" not in plain.svg + plain.note


def test_a_price_without_dollars_has_no_bar_and_the_note_says_so() -> None:
    one = chart("cost-per-second", figures(prices=(price("a/a"), price("a/b", None)), uncertain=1))
    assert len(widths(one)) == 1
    assert "1 row of the table without a bar" in one.note
    assert "1 uncertain job not included." in one.note
    assert one.rows[1] == ("a/b", "reported", "10 credits", "unknown", "3", "10.0", "100 credits")


def test_what_is_left_out_of_a_price_or_a_time_is_said() -> None:
    found = figures(unknown_length=1, unpriced=2, free=3, unobserved=4)
    assert "1 result with an unknown length, 2 results with an unknown price, 3 results that " in (
        chart("cost-per-second", found).note
    )
    assert "4 results whose end was not observed" in chart("time-to-result", found).note


def test_a_time_has_its_median_its_p90_and_its_number_of_results() -> None:
    waits = (Wait(target=target("a/a"), n=3, p50=60.0, p90=120.0),)
    one = chart("time-to-result", figures(waits=waits))
    assert widths(one) == [50.0, 50.0]
    assert "1 min, p90 2 min (n=3)" in texts(one)
    assert one.rows == (("a/a", "1 min", "2 min", "3"),)
    assert "fewer than 10 results says little" in one.note
    many = (attrs.evolve(waits[0], n=10),)
    assert "says little" not in chart("time-to-result", figures(waits=many)).note


@pytest.mark.parametrize(
    ("rows", "title", "columns", "ends"),
    [
        (days(31), "Spend by day", 31, ("2026-01-01", "2026-01-31")),
        (days(2, step=29), "Spend by day", 2, ("2026-01-01", "2026-01-30")),
        (days(32), "Spend by week", 5, None),
        (days(100), "Spend by week", 15, ("2025-12-29", "2026-04-06")),
        (days(400), "Spend by month", 14, ("2026-01", "2027-02")),
    ],
)
def test_more_days_than_columns_are_shown_as_weeks_or_months(
    rows: tuple[Spend, ...], title: str, columns: int, ends: tuple[str, str] | None
) -> None:
    one = chart("spend-by-day", figures(days=rows))
    assert (one.title, len(one.rows)) == (title, columns)
    assert sum(int(row[2].split()[0]) for row in one.rows) == sum(range(1, len(rows) + 1))
    if ends:
        assert len(parts(one)) == columns
        assert {*ends} <= {*texts(one)}


def test_few_days_are_bars_and_a_day_without_a_purchase_is_nothing() -> None:
    one = chart("spend-by-day", figures(days=days(2, step=2)))
    assert widths(one) == [50.0, 100.0]
    assert [text for text in texts(one) if text.startswith("2026")] == [
        *("2026-01-01", "2026-01-02", "2026-01-03")
    ]
    assert "0.00 USD" in texts(one)


def test_columns_have_a_part_for_what_is_reported_assumed_held_and_uncertain() -> None:
    row = {"charged": 30, "assumed": 10, "held": 40, "uncertain": 20}
    rows = tuple(spend("day", f"2026-11-{n:02}", **row) for n in range(1, 9))
    one = chart("spend-by-day", figures(days=rows))
    heights = [float(area.get("height", "")) for area in parts(one)[:4]]
    assert heights == pytest.approx([36, 18, 72, 36], abs=0.1)  # of 180 pixels for 1.00 USD
    assert "1.00 USD" in texts(one)
    legend = {"charged, reported", "charged, assumed", "held, unfinished", "uncertain"}
    assert legend <= {*texts(one)}
    assert "Held and uncertain are upper bounds" in one.note
    assert one.rows[0][2:] == (
        *("30 credits", "10 credits", "0 credits", "40 credits", "20 credits", "0.90 USD"),
    )


def test_sandbox_and_real_spend_are_never_in_one_chart() -> None:
    rows = (
        spend("day", "2026-11-01", charged=1),
        spend("day", "2026-11-01", charged=99, sandbox=True),
    )
    found = [one for one in draw_charts(figures(days=rows)) if one.name.startswith("spend")]
    assert [(one.title, one.rows[0][2]) for one in found] == [
        ("Spend by day", "1 credit"),
        ("Spend by day, sandbox", "99 credits"),
    ]
    only = [one.title for one in draw_charts(figures(days=rows[1:]))]
    assert "Spend by day" not in only


def test_credits_of_no_known_value_are_drawn_alone_and_never_added_to_dollars() -> None:
    alone = chart(
        "spend-by-label-1", figures(labels={"x": (spend("label", "a", usd=False, charged=7),)})
    )
    assert "7 credits" in texts(alone)
    mixed = chart(
        "spend-by-label-1",
        figures(labels={"x": (
            spend("label", "a", charged=700),
            attrs.evolve(spend("label", "b", usd=False, charged=9)),
        )}),
    )  # fmt: skip
    assert [text for text in texts(mixed) if text[0].isdigit()] == ["7.00 USD"]
    assert "What has no known value in US dollars is in the table only." in mixed.note
    assert [row[-1] for row in mixed.rows] == ["7.00 USD", "unknown"]


def test_nothing_charged_is_a_bar_of_no_length() -> None:
    one = chart("spend-by-label-1", figures(labels={"x": (spend("label", "a", charged=0),)}))
    assert widths(one) == []
    assert "0.00 USD" in texts(one)


def test_pruned_jobs_and_further_labels_are_said() -> None:
    found = figures(labels={"x": (spend("label", "a", charged=1),)}, more_labels=("y",), pruned=3)
    one = chart("spend-by-label-1", found)
    assert "Labels without a chart: y." in one.note
    assert "3 jobs pruned from the journal not included" in one.note


def test_more_bars_and_rows_than_a_page_takes_are_cut_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drawing, "MOST_BARS", 2)
    monkeypatch.setattr(drawing, "MOST_ROWS", 3)
    one = chart("cost-per-second", figures(prices=tuple(price(f"a/{n}") for n in range(4))))
    assert (len(widths(one)), len(one.rows)) == (2, 3)
    assert "The chart has the first 2 of 4 rows." in one.note
    assert "The table has the first 3 of 4 rows." in one.note


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("short", ["short"]),
        ("studio/kling-v2", ["studio/", "kling-v2"]),
        ("abcdefghijklmnop", ["abcdefghij", "klmnop"]),
        ("a b c d e f g h", ["a b c d e", "f g h"]),
        ("\u6e2c\u8a66\u6e2c\u8a66\u6e2c\u8a66", ["\u6e2c\u8a66\u6e2c\u8a66\u6e2c", "\u8a66"]),
        ("x" * 99, ["x" * 10, "x" * 10, "x" * 9 + "\u2026"]),
    ],
)
def test_a_long_name_is_broken_into_lines(text: str, lines: Sequence[str]) -> None:
    assert wrapped(text, 10) == lines


OVERLAPS = """() => {
  const found = [];
  for (const svg of document.querySelectorAll("svg[role=img]")) {
    const edge = svg.getBoundingClientRect();
    const boxes = [...svg.querySelectorAll("text")].map(
      (one) => [one.textContent, one.getBoundingClientRect()]);
    boxes.forEach(([text, box], n) => {
      if (box.left < edge.left - 1 || box.right > edge.right + 1 || box.bottom > edge.bottom + 1)
        found.push([text, "outside"]);
      boxes.slice(0, n).forEach(([other, at]) => {
        if (box.left < at.right && at.left < box.right && box.top < at.bottom - 4
            && at.top < box.bottom - 4) found.push([text, other]);
      });
    });
  }
  return [found, document.querySelectorAll("svg[role=img]").length,
    [...document.querySelectorAll("svg[role=img] text")].map(
      (one) => parseFloat(getComputedStyle(one).fontSize)),
    document.documentElement.scrollWidth, window.evil ?? null];
}"""


@pytest.mark.parametrize("width", [390, 1280])
def test_no_text_of_a_chart_covers_another_or_leaves_it(new_page: Any, width: int) -> None:
    body = "".join(f"<div>{one.svg}</div>" for one in draw_charts(FULL))
    page = new_page(viewport={"width": width, "height": 800})
    page.set_content(
        "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<style>body{{margin:24px;font-family:sans-serif}}</style>{body}"
    )
    overlaps, count, sizes, scroll, evil = page.evaluate(OVERLAPS)
    assert overlaps == []
    assert count == 6
    assert min(sizes) >= 12
    assert scroll <= width
    assert evil is None


def test_where_all_targets_are_in_a_sandbox_the_title_says_so_once() -> None:
    real = Wait(target=target("a/a"), n=1, p50=1.0, p90=1.0)
    tried = attrs.evolve(real, target=target("a/b", sandbox=True))
    alone = chart("time-to-result", figures(waits=(tried,)))
    assert alone.title == "Time from submit to result, sandbox"
    assert "a/b" in texts(alone)
    mixed = chart("time-to-result", figures(waits=(real, tried)))
    assert mixed.title == "Time from submit to result"
    assert "a/b (sandbox)" in texts(mixed)
    assert [row[0] for row in alone.rows] == ["a/b (sandbox)"]


def test_credits_and_dollars_of_one_day_are_one_bar_where_both_are_known() -> None:
    dollars = attrs.evolve(
        spend("day", "2026-11-01", charged=1), unit=Unit.USD, usd=Amounts(charged=Decimal(1))
    )
    one = chart("spend-by-day", figures(days=(spend("day", "2026-11-01", charged=50), dollars)))
    assert "1.50 USD" in texts(one)
    assert "no known value" not in one.note
    assert len(one.rows) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_has_the_charts_with_their_numbers_and_no_barrier(
    new_page: Any, violations: Any, tmp_path: Path, scheme: str
) -> None:
    with client_for(MemoryStage(), tmp_path) as client:
        client.run(sample_request(), via=ACCOUNT, labels={"project": "<b>x</b>"})
        made = write_report(client, tmp_path / "report")
    assert made.figures.results == 1
    page = new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page.goto(made.file.as_uri())
    page.evaluate("document.querySelectorAll('.chart details').forEach((one) => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    drawings = page.locator("#numbers figure svg")
    assert drawings.count() >= 3
    for number in range(drawings.count()):
        one = drawings.nth(number)
        box = one.bounding_box()
        assert box is not None
        assert box["height"] == float(one.get_attribute("height"))
    assert page.locator("#numbers figure", has_text="Spend by label project").count() == 1
    assert "<b>x</b>" in page.locator("#numbers").inner_text()
    assert page.locator("#numbers tbody tr").count() >= 3
    assert violations(page) == []
