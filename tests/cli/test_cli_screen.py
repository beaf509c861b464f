"""Progress of many items: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

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
