"""Progress: events as JSON lines, a bar with the expected end, a table, plain lines elsewhere."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from cli_support import Account, Cli
from rich.console import Console

from motionkit.cli import screen as screens
from motionkit.cli.live import Board, Line
from motionkit.cli.screen import Screen
from motionkit.client.progress import Shown, progress
from motionkit.model.events import Progressed
from motionkit.model.job import Job, State, Status, utcnow

ORDER = ["--via", "pixverse", "--key", "order-17"]


def test_json_writes_an_event_a_line_and_the_result_last(
    cli: Cli, account: Account, media: list[str]
) -> None:
    told = cli("mimic", *media, *ORDER, "--out", "o.mp4", "--json")
    assert told.code == 0
    events = told.events
    names = [one["event"] for one in events]
    assert names[:2] == ["submitted", "state"]
    assert names[-2:] == ["state", "delivered"]
    assert {one["key"] for one in events} == {"order-17"}
    assert all(one["time"].endswith("+00:00") for one in events)
    assert events[0]["cost"]["amount"] == "40"
    assert events[-2]["state"] == "succeeded"
    assert events[-1]["file"] == str(Path("o.mp4").absolute())
    assert events[-1]["cost"]["usd"] == "0.40"
    assert told.one == events[-1]


def test_a_job_that_runs_is_reported_at_each_poll_with_its_expected_end(
    cli: Cli, slow_account: Account, media: list[str]
) -> None:
    cli("submit", "mimic", *media, *ORDER)
    told = cli("wait", "order-17", "--timeout", "0.2", "--json")
    assert told.code == 9
    first = told.events[0]
    assert (first["event"], first["state"]) == ("state", "running")
    assert 0 < first["expected_seconds"] < first["longest_seconds"]
    last = told.events[-1]
    assert (last["event"], last["error"], last["exit_code"]) == ("error", "WaitTimeout", 9)


def test_submit_prints_the_job_alone_as_wait_reads_it(
    cli: Cli, account: Account, media: list[str]
) -> None:
    told = cli("submit", "mimic", *media, *ORDER, "--json")
    assert len(told.events) == 1
    assert Job.from_json(told.out).key == "order-17"


def test_several_jobs_are_waited_for_at_once(cli: Cli, account: Account, media: list[str]) -> None:
    for key in ("a", "b", "c"):
        out = ["--out", f"{key}.mp4"] if key != "c" else []
        cli("submit", "mimic", *media, "--via", "pixverse", "--key", key, *out)
    told = cli("wait", "a", "b", "c", "--json")
    assert told.code == 0, told.err
    by_key = {one["key"]: one for one in told.data}
    assert [by_key[key]["event"] for key in "abc"] == ["delivered", "delivered", "result"]
    assert Path("a.mp4").is_file()
    assert by_key["c"]["url"].startswith(account.sandbox.url)
    states = [one["key"] for one in told.events if one["event"] == "state"]
    assert set(states) == {"a", "b", "c"}


def test_several_jobs_have_no_single_file(cli: Cli, account: Account) -> None:
    told = cli("wait", "a", "b", "--out", "o.mp4", "--json")
    assert told.code == 2
    assert told.one["field"] == "out"


# The views.


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (0.0, "0.0 s, about 2 min left"),
        (72.0, "1 min 12 s, about 48 s left"),
        (130.0, "2 min 10 s, 9 of 10 end by 3 min 20 s"),
        (201.0, "3 min 21 s, longer than usual"),
    ],
)
def test_the_expected_end_is_the_median_then_the_ninth_of_ten_then_late(
    age: float, text: str
) -> None:
    assert progress(age, 120.0, 200.0) == text


def test_a_job_of_unknown_duration_shows_its_age_alone() -> None:
    assert progress(72.0, None, None) == "1 min 12 s"


def shown(name: str, age: float, state: str = "running") -> Shown:
    one = Shown(name, state, "account/model", 120.0, 200.0, clock=lambda: 1000.0)
    one.aged(age)
    return one


def drawn(view: object, width: int, height: int = 24) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, height=height, force_terminal=True, no_color=True).print(view)
    lines = out.getvalue().splitlines()
    plain = [screens.plain(line) for line in lines]
    assert all(len(line) <= width for line in plain), plain
    return plain


@pytest.mark.parametrize("width", [36, 44, 60, 80, 120])
def test_a_line_fits_every_terminal_and_has_its_bar_where_there_is_room(width: int) -> None:
    (line,) = drawn(Line(shown("k", 72.0)), width)
    assert line.startswith("running")
    assert ("━" in line) is (width >= 60)
    if width >= 44:
        assert "about 48 s left" in line


@pytest.mark.parametrize("width", [36, 44, 60, 80, 100, 120])
def test_a_table_fits_every_terminal(width: int) -> None:
    jobs = {name: shown(name, 72.0) for name in ("anna", "a-key-of-many-letters-" * 3)}
    lines = drawn(Board(jobs, lambda: "2 jobs left: 2 running"), width)
    assert lines[0].startswith("KEY")
    assert len(lines) == 4
    assert lines[-1].startswith("2 jobs left: 2 ru")
    assert any("━" in line for line in lines) is (width >= 80)
    assert ("account/model" in lines[1]) is (width >= 100)


def test_a_table_of_hundreds_shows_what_fits_and_counts_the_rest() -> None:
    jobs = {str(number): shown(str(number), 1.0) for number in range(300)}
    lines = drawn(Board(jobs, lambda: "300 jobs left"), 80, height=24)
    assert len(lines) == 22
    assert lines[-1] == "300 jobs left; 280 jobs not shown"


def test_a_vendors_word_cannot_command_the_terminal_from_a_table() -> None:
    lines = drawn(Board({"k": shown("k\x1b[2J", 1.0, "run\x07ning")}, lambda: ""), 80)
    assert lines[1].startswith("k ")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


JOB = Job("7", "p", "account", "f" * 16, "mimic", "model", "k", "a", utcnow())


def progressed(seconds: float) -> Progressed:
    status = Status(State.RUNNING, "5", utcnow())
    return Progressed(
        key="k",
        job=JOB,
        status=status,
        seconds=seconds,
        expected_seconds=120.0,
        longest_seconds=200.0,
    )


@pytest.fixture
def dumb(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal that cannot move its cursor."""
    out = io.StringIO()
    monkeypatch.setenv("TERM", "dumb")
    console = Console(file=out, force_terminal=True, width=80)
    monkeypatch.setattr(screens, "_err", lambda: console)
    monkeypatch.setattr(screens, "_LIVE", [object()])  # as on a terminal: rich writes all lines
    return out


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(dumb: io.StringIO) -> None:
    clock = Clock()
    with Screen().following(JOB, (120.0, 200.0), clock=clock) as watch:
        for second in range(0, 130, 5):
            clock.now = float(second)
            watch(progressed(second))
    lines = [screens.plain(line) for line in dumb.getvalue().splitlines()]
    assert "usually 2 min, 9 of 10 within 3 min 20 s" in lines[0]
    assert lines[1:] == [
        "running 30 s, about 1 min 30 s left",
        "running 1 min, about 1 min left",
        "running 1 min 30 s, about 30 s left",
        "running 2 min, 9 of 10 end by 3 min 20 s",
    ]
    assert "\x1b[?25l" not in dumb.getvalue()


def test_lines_of_json_have_no_colour_and_no_cursor_in_them(
    cli: Cli, account: Account, media: list[str]
) -> None:
    told = cli("mimic", *media, *ORDER, "--json")
    assert "\x1b" not in told.out
    assert [json.loads(line) for line in told.out.splitlines()]
