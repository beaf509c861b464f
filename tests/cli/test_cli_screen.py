"""Progress of many items: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from motionkit.cli import screen
from motionkit.cli.screen import Screen


def test_without_a_terminal_progress_is_a_line_now_and_then() -> None:
    now, said = [0.0], []

    class Quiet(Screen):
        def note(self, text: str, *, style: str = "") -> None:
            said.append(text)

    with Quiet().counting(9, clock=lambda: now[0]) as change:
        for second, text in enumerate(["0 of 9", "0 of 9", *["1 of 9"] * 58, "2 of 9"]):
            now[0] = float(second)
            change(0, text)
    assert said == ["0 of 9", "1 of 9", "2 of 9"]


def test_progress_that_does_not_change_is_said_once() -> None:
    now, said = [0.0], []

    class Quiet(Screen):
        def note(self, text: str, *, style: str = "") -> None:
            said.append(text)

    with Quiet().counting(9, clock=lambda: now[0]) as change:
        for hour in range(5):
            now[0] = hour * 3600.0
            change(0, "1 of 9")
    assert said == ["1 of 9"]


def test_a_narrow_terminal_shows_the_bar_and_the_whole_text_word_by_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "37 of 150 done, 93 waiting; 14.98 USD spent of 500.00 USD; ends about 14:32, in 12 min"
    shown = io.StringIO()
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(screen, "_err", lambda: Console(file=shown, force_terminal=True, width=80))
    with Screen().counting(150) as change:
        change(37, text)
    last = Text.from_ansi(shown.getvalue()).plain.split("━ ")[-1]
    assert last.split() == text.split()
