"""The values of a notebook in a browser: no script of a vendor runs, and a screen reader copes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from public_values import make, public

import motionkit as mk
from motionkit.client import notebook
from motionkit.client.notebook import Board
from motionkit.sandbox import sample_clip

DARK = "<style>body { background: #111; color: #eee; }</style>"


def page_of(parts: list[str], scheme: str) -> str:
    style = DARK if scheme == "dark" else ""
    title = "<title>values</title>" + style
    body = "".join(parts)
    return f'<!doctype html><html lang="en"><head>{title}</head><body><main>{body}</main></body>'


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_values_together_run_nothing_and_are_accessible(
    new_page: Callable[..., Any], violations: Callable[[Any], list[str]], scheme: str
) -> None:
    values = [make(kind) for kind in public()]
    lists = [mk.Listing([value] * 3) for value in values]
    dialogs: list[str] = []
    page = new_page(color_scheme=scheme)
    page.on("dialog", lambda dialog: dialogs.append(dialog.message) or dialog.dismiss())
    page.set_content(page_of([one._repr_html_() for one in [*values, *lists]], scheme))
    assert page.locator("table").count() >= 2 * len(values)
    assert page.locator("script").count() == 0
    assert not violations(page)
    assert not dialogs


class Observer:
    """How long jobs take, and how old each is."""

    def __init__(self, *ages: float) -> None:
        self._ages = iter(ages)

    def clock(self) -> float:
        return 1000.0

    def usual(self, job: mk.Job) -> tuple[float, float]:
        return 60.0, 90.0

    def accepted(self, job: mk.Job) -> float:
        return self.clock() - next(self._ages)


def test_the_progress_of_jobs_is_accessible_and_moves_only_while_one_is_late(
    new_page: Callable[..., Any], violations: Callable[[Any], list[str]], kernel: list[Any]
) -> None:
    job = make(mk.Job)
    board = Board(Observer(30.0, 75.0, 200.0, 40.0), [job] * 4)  # type: ignore[arg-type]
    board.begin()
    board.ended(3, mk.errors.JobFailed("no face", job=job))
    board.end()
    single = Board(Observer(30.0), [job])  # type: ignore[arg-type]
    single.begin()
    single.end()
    page = new_page()
    page.set_content(page_of([one["text/html"] for one in kernel], "light"))
    assert not violations(page)
    bars = page.locator("table").first.locator("progress")
    assert bars.count() == 4
    shares = bars.evaluate_all("found => found.map(one => one.position)")
    assert shares[0] == pytest.approx(30 / 90)
    assert shares[1] == pytest.approx(75 / 90)
    assert shares[2] == -1  # later than nine of ten


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return what is displayed, as if this were a kernel."""
    shown: list[Any] = []

    def display(drawn: dict[str, str]) -> Callable[[dict[str, str]], object]:
        shown.append(drawn)
        return shown.append

    monkeypatch.setattr(notebook, "_display", display)
    return shown


@pytest.mark.parametrize("width", [390, 1280])
def test_wide_tables_scroll_and_the_page_does_not(new_page: Callable[..., Any], width: int) -> None:
    page = new_page(viewport={"width": width, "height": 800})
    rows = mk.Listing([make(mk.Comparison), make(mk.Comparison)], title="targets")
    page.set_content(page_of([rows._repr_html_()], "light"))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    region = page.get_by_role("region", name="Targets (2)")
    region.focus()  # by the keyboard, too
    assert region.evaluate("one => one === document.activeElement")


def test_a_film_of_a_result_plays(new_page: Callable[..., Any], tmp_path: Path) -> None:
    film = tmp_path / "a.mp4"
    film.write_bytes(sample_clip())
    result = make(mk.Result)
    result.files[0] = film
    page = new_page()
    page.set_content(page_of([result._repr_html_()], "light"))
    video = page.locator("video")
    video.evaluate("film => { film.muted = true; return film.play(); }")
    page.wait_for_function("document.querySelector('video').currentTime > 0.1")
    assert video.evaluate("film => film.error") is None
