"""`motionkit shootout`: the same request at several targets, quoted together, each bought once."""

from __future__ import annotations

import io
import os
import signal
import uuid
from pathlib import Path
from typing import Any

import attrs
import pytest
from cli_support import Account, Cli, Ended, ended, process, read_until

from motionkit.cli.screen import Screen
from motionkit.errors import InvalidRequest
from motionkit.sandbox import sample_clip, sample_picture

TARGETS = ("pixverse", "segmind/pixverse-mimic")
FILES = ("--images", "anna.png", "ben.png", "--videos", "dance.mp4")
BUY = ("shootout", *FILES, "--via", *TARGETS)
FILMS = [
    f"{name}-dance-{target}.mp4"
    for name in ("anna", "ben")
    for target in ("pixverse-mimic", "segmind-pixverse-mimic")
]


@attrs.frozen
class Vendors:
    """An account at each vendor."""

    first: Account
    second: Account

    @property
    def jobs(self) -> tuple[int, int]:
        """How many jobs each vendor has."""
        return len(self.first.ledger["jobs"]), len(self.second.ledger["jobs"])


def _vendors(first: Account, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Vendors:
    label = uuid.uuid4().hex
    key = f"test-key-{label}"
    first.sandbox.add_account("segmind", key, label=label, balance="50")
    monkeypatch.setenv("SEGMIND_API_KEY", key)
    monkeypatch.setenv("SEGMIND_BASE_URL", first.sandbox.url)
    write_files(folder)
    return Vendors(first, Account(first.sandbox, "segmind", label, key))


@pytest.fixture
def both(account: Account, monkeypatch: pytest.MonkeyPatch, own_place: Path) -> Vendors:
    """Two vendors whose jobs end at once."""
    return _vendors(account, monkeypatch, own_place)


@pytest.fixture
def slow(slow_account: Account, monkeypatch: pytest.MonkeyPatch, own_place: Path) -> Vendors:
    """Two vendors whose jobs end when the test moves their clock."""
    return _vendors(slow_account, monkeypatch, own_place)


def write_files(folder: Path) -> None:
    (folder / "anna.png").write_bytes(sample_picture())
    (folder / "ben.png").write_bytes(sample_picture() + b"\0")
    (folder / "dance.mp4").write_bytes(sample_clip(4.0, height=64))


def configured(more: str = "") -> str:
    """Return a configuration of both accounts."""
    return "".join(
        f'[accounts.{name}]\napi_key = "${{{name.upper()}_API_KEY}}"\n{more}\n'
        for name in ("pixverse", "segmind")
    )


def films(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).glob("*.mp4"))


def states(told: Ended) -> list[str]:
    return [one["state"] for one in told.data[-1]["cells"]]


# Buying.


def test_every_cell_is_quoted_bought_once_and_saved_under_a_name_of_its_own(
    cli: Cli, both: Vendors
) -> None:
    told = cli(*BUY, "--key", "spring", "--label", "project=x")
    assert told.code == 0, told.err
    assert both.jobs == (2, 2)
    assert films("shootout-spring") == FILMS
    assert sorted(Path(line).name for line in told.out.splitlines()) == FILMS
    table = told.err.splitlines()[:5]
    assert table[0].split() == ["INPUTS", "TARGET", "PRICE", "UP", "TO", "TAKES", "STATE"]
    assert [line.split()[:2] for line in table[1:]] == [
        [picture, target]
        for picture in ("anna.png", "ben.png")
        for target in ("pixverse/mimic", "segmind/pixverse-mimic")
    ]
    assert "4 of 4 cells to submit, for up to 2.00 USD\n" in told.err
    assert "cell 4    ben.png dance.mp4 at segmind/pixverse-mimic: succeeded, 0.50 USD" in told.err
    listed = cli("jobs", "--label", "shootout=spring", "--json").data
    assert [one["labels"] for one in listed] == [{"project": "x", "shootout": "spring"}] * 4
    assert all(one["key"].startswith("spring-") for one in listed)
    (row,) = {
        one["name"]
        for one in cli("spend", "--by", "label", "--label-name", "shootout", "--json").data
        if one["name"] == "spring"
    }
    assert row == "spring"


@pytest.mark.parametrize("key", [(), ("--key", "spring")])
def test_the_same_command_again_buys_nothing_and_a_further_target_or_picture_its_cells(
    cli: Cli, both: Vendors, key: tuple[str, ...]
) -> None:
    few = ("shootout", "--images", "anna.png", "--videos", "dance.mp4", *key, "--out", "films/")
    assert cli(*few, "--via", TARGETS[0]).code == 0
    assert both.jobs == (1, 0)
    told = cli(*few, "--image", "ben.png", "--via", *TARGETS)
    assert (told.code, both.jobs) == (0, (2, 2))
    assert "3 of 4 cells to submit" in told.err
    told = cli(*few, "--image", "ben.png", "--via", *TARGETS, "--json")
    assert (told.code, both.jobs, states(told)) == (0, (2, 2), ["succeeded"] * 4)
    assert films("films") == FILMS
    Path("films", FILMS[0]).unlink()
    told = cli(*few, "--image", "ben.png", "--via", *TARGETS)
    assert (told.code, both.jobs, films("films")) == (0, (2, 2), FILMS)
    assert "4 cells, nothing to submit" in told.err


def test_patterns_and_folders_name_the_files(cli: Cli, both: Vendors) -> None:
    Path("chars").mkdir()
    for name in ("anna.png", "ben.png"):
        Path(name).rename(Path("chars", name))
    Path("chars", "notes.txt").write_text("no picture")
    Path("chars", ".hidden.png").write_bytes(b"x")
    for given in (("chars",), ("chars/*.png",), ("chars/anna.png", "chars/ben.png")):
        line = ("shootout", "--images", *given, "--videos=dance.mp4", "--via", "pixverse")
        told = cli(*line, "--dry-run", "--json")
        assert told.code == 0, told.err
        assert [one["request"]["image"] for one in told.one["cells"]] == ["anna.png", "ben.png"]
    assert both.jobs == (0, 0)


def test_other_operations_and_options_are_bought_too(cli: Cli, both: Vendors) -> None:
    line = ("shootout", "--operation", "generate", "--prompt", "rain", "--set", "duration=5")
    told = cli(
        *line, "--quality", "360p", "--via", "pixverse/v5", "pixverse/v4.5", "--out", "rain/"
    )
    assert told.code == 0, told.err
    assert both.jobs == (2, 0)
    assert films("rain") == [
        "text_to_video-pixverse-v4.5.mp4",
        "text_to_video-pixverse-v5.mp4",
    ]


def test_without_waiting_the_jobs_are_printed_and_resume_fetches_them(
    cli: Cli, both: Vendors
) -> None:
    told = cli(*BUY, "--no-wait", "--key", "spring")
    assert (told.code, both.jobs) == (0, (2, 2))
    assert len(told.out.split()) == 4
    assert cli("resume").code == 0
    assert films("shootout-spring") == FILMS


# Before paying.


def test_a_dry_run_shows_every_quote_and_sends_nothing(cli: Cli, both: Vendors) -> None:
    told = cli(*BUY, "--dry-run", "--json", "--key", "spring")
    assert told.code == 0
    assert told.one["usd_high"] == "2.00"
    assert [one["quote"]["usd_high"] for one in told.one["cells"]] == ["0.40", "0.6"] * 2
    assert cli(*BUY, "--dry-run").out.count("to submit") == 4
    calls = [one.ledger["calls"] for one in (both.first, both.second)]
    assert calls == [{}, {}]
    assert cli("jobs", "--json").data == []
    assert cli(*BUY).code == 0
    told = cli(*BUY, "--dry-run")
    assert (told.code, "nothing to submit" in told.err) == (0, True)


def test_a_dry_run_needs_no_key_and_a_real_run_says_whose_is_missing(
    cli: Cli, both: Vendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEGMIND_API_KEY")
    told = cli(*BUY, "--dry-run")
    assert told.code == 0, told.err
    assert "no key: SEGMIND_API_KEY" in told.out
    told = cli(*BUY)
    assert (told.code, "SEGMIND_API_KEY" in told.err) == (2, True)
    assert len(both.first.ledger["jobs"]) == 0


def test_a_cap_and_a_budget_refuse_before_anything_is_bought(cli: Cli, both: Vendors) -> None:
    for more in ((), ("--dry-run",)):
        told = cli(*BUY, "--max-usd", "1.99", *more)
        assert told.code == 4
        assert "4 cells together cost up to 2.00 USD; max_usd is 1.99 USD" in told.err
    Path("budget.toml").write_text(configured() + "[defaults]\nbudget_usd = { day = '1.99' }\n")
    told = cli(*BUY, "--config", "budget.toml")
    assert (told.code, "defaults.budget_usd" in told.err) == (4, True)
    assert both.jobs == (0, 0)
    assert cli(*BUY, "--max-usd", "2.00").code == 0


def test_more_than_five_dollars_together_need_one_confirmation(
    cli: Cli, both: Vendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = (*BUY, "segmind/wan-animate")
    told = cli(*line)
    assert told.code == 2
    assert "this costs about 4.94 USD, without a known upper bound: confirmation" in told.err
    assert both.jobs == (0, 0)
    typed = io.StringIO("n\ny\n")
    monkeypatch.setattr(Screen, "asks", property(lambda _: True))
    monkeypatch.setattr("sys.stdin", typed)
    assert cli(*line).code == 1
    assert both.jobs == (0, 0)
    told = cli(*line)
    assert (told.code, both.jobs) == (0, (2, 4))
    assert told.err.count("submit this for") == 1


def test_a_cell_that_does_not_fit_refuses_all_unless_it_may_be_left_out(
    cli: Cli, both: Vendors
) -> None:
    line = ("shootout", *FILES, "--quality", "480p", "--via", "pixverse", "segmind/scail", "--yes")
    for more in ((), ("--dry-run",)):
        told = cli(*line, *more)
        assert told.code == 2
        assert "2 of 4 cells cannot be bought:\n  pixverse/mimic: quality='480p'" in told.err
        assert "hint:     --skip-unfit leaves them out, and the others are bought" in told.err
    assert both.jobs == (0, 0)
    told = cli(*line, "--skip-unfit", "--json")
    assert (told.code, both.jobs) == (0, (0, 2))
    assert states(told) == ["unfit", "succeeded"] * 2
    assert "left out  pixverse/mimic: quality='480p'" in told.err


def test_a_changed_picture_under_the_same_name_is_told_and_not_bought(
    cli: Cli, both: Vendors
) -> None:
    assert cli(*BUY, "--key", "spring").code == 0
    Path("ben.png").write_bytes(sample_picture() + b"new")
    told = cli(*BUY, "--key", "spring")
    assert told.code == 2
    assert "ben.png, dance.mp4 at pixverse/mimic was bought in this shootout with other" in told.err
    assert both.jobs == (2, 2)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (FILES, "--via is missing"),
        (("--via", "pixverse"), "image: it is missing"),
        ((*FILES, "--via", "nobody"), "nobody"),
        ((*FILES, "--via", "pixverse", "--out", "film.mp4"), "'film.mp4' is one file"),
        ((*FILES, "--via", "pixverse", "--operation", "dance"), "invalid value for operation"),
        ((*FILES, "--via", "pixverse", "--set", "quality"), "invalid value for set"),
        ((*FILES, "--via", "pixverse", "--set", "colour=red"), "column colour"),
        (("--images", "none*.png", "--via", "pixverse"), "image: no file matches 'none*.png'"),
        ((*FILES, "--via", "pixverse", "--label", "shootout=x"), "no label 'shootout'"),
        ((*FILES, "--key", "a", "b", "--via", "pixverse"), "unexpected extra argument"),
    ],
)
def test_what_cannot_be_a_shootout_is_refused(
    cli: Cli, both: Vendors, argv: tuple[str, ...], said: str
) -> None:
    told = cli("shootout", *argv)
    assert told.code == 2, told.err
    assert said in told.err
    assert both.jobs == (0, 0)


# The report.


def test_the_films_of_a_shootout_are_on_one_page(cli: Cli, both: Vendors) -> None:
    told = cli(*BUY, "--key", "spring")
    page = Path("shootout-spring/index.html").absolute()
    assert f"report    {page}\n" in told.err
    text = page.read_text()
    assert "Shootout spring" in text
    assert all(f'src="{name}' in text for name in FILMS)
    few = ("--images", "anna.png", "--videos", "dance.mp4", "--via", TARGETS[0])
    told = cli("shootout", *few, "--key", "spring", "--report", "page", "--json")
    assert told.data[-1]["report"] == str(Path("page/index.html").absolute())
    text = Path("page/index.html").read_text()  # all cells of that name
    assert all(f'src="../shootout-spring/{name}' in text for name in FILMS)
    assert both.jobs == (2, 2)
    told = cli("shootout", *few, "--out", "films/")
    page = next(Path().glob("shootout-????????/index.html"))
    assert f'src="../films/{FILMS[0]}' in page.read_text()


@pytest.mark.parametrize("more", [("--no-report",), ("--no-wait",)])
def test_no_report_is_written_where_none_is_wanted(
    cli: Cli, both: Vendors, more: tuple[str, ...]
) -> None:
    told = cli(*BUY, "--key", "spring", *more)
    assert told.code == 0
    assert "\nreport " not in told.err
    assert not Path("shootout-spring/index.html").exists()


@pytest.mark.parametrize("error", [RuntimeError("boom"), InvalidRequest("boom")])
def test_a_report_that_fails_is_a_warning_and_changes_no_exit_code(
    cli: Cli, both: Vendors, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("motionkit.report.write_report", fail)
    told = cli(*BUY, "--key", "spring", "--json")
    assert (told.code, states(told), films("shootout-spring")) == (0, ["succeeded"] * 4, FILMS)
    assert told.data[-1]["report"] is None
    assert all(cell["bought"] for cell in told.data[-1]["cells"])
    assert "warning: no report was written: boom; the purchases are not affected" in told.err
    assert "'motionkit report --label shootout=spring' writes it" in told.err


# Interrupted, refused, failed.


def test_a_refused_cell_leaves_the_others_alone_and_the_same_command_buys_it(
    cli: Cli, both: Vendors
) -> None:
    both.first.sandbox.fault("refuse:submit:vendor=pixverse:code=500090")
    told = cli(*BUY, "--json")
    assert told.code == 4, told.err
    assert states(told) == ["refused", "succeeded", "succeeded", "succeeded"]
    assert told.data[-1]["exit_code"] == 4
    assert both.jobs == (1, 2)
    told = cli(*BUY)
    assert (told.code, both.jobs) == (0, (2, 2))


def test_a_cell_whose_job_fails_tells_by_the_exit_code_and_is_not_paid_for_again(
    cli: Cli, both: Vendors
) -> None:
    both.first.sandbox.fault("fail:submit:vendor=segmind")
    for _ in range(2):
        told = cli(*BUY, "--json")
        assert told.code == 6, told.err
        assert sorted(states(told)) == ["failed", "succeeded", "succeeded", "succeeded"]
    assert both.jobs == (2, 2)


@pytest.mark.parametrize("when", [signal.SIGINT, signal.SIGKILL])
def test_ended_between_two_cells_the_same_command_buys_the_rest_once(
    cli: Cli, slow: Vendors, when: signal.Signals
) -> None:
    Path("one.toml").write_text(configured("max_concurrent = 1"))
    line = (*BUY, "--key", "spring", "--config", "one.toml")
    with process(*line) as running:
        read_until(running, "segmind/pixverse-mimic (SANDBOX, loopback), key")
        running.send_signal(when)
        told = ended(running)
    assert slow.jobs == (1, 1)
    if when is signal.SIGINT:
        assert told.code == 9, told.err
        assert "interrupted; 2 of 4 cells are bought" in told.err
        assert "the same command continues; nothing is paid for again" in told.err
    told = cli(*BUY, "--key", "spring", "--no-wait")
    assert (told.code, slow.jobs) == (0, (2, 2))
    slow.first.finish_jobs()
    assert cli(*BUY, "--key", "spring").code == 0
    assert (slow.jobs, films("shootout-spring")) == ((2, 2), FILMS)


def test_two_processes_that_run_the_same_shootout_at_once_buy_each_cell_once(
    cli: Cli, both: Vendors
) -> None:
    with process(*BUY) as one, process(*BUY) as other:
        both_told = [ended(running) for running in (one, other)]
    for told in both_told:
        assert told.code == 0, told.err
    told = cli(*BUY, "--json")
    assert told.code == 0, told.err
    assert both.jobs == (2, 2)
    assert states(told) == ["succeeded"] * 4
    names = [name for name, _, _ in os.walk(".")]
    (folder,) = [one for one in names if "shootout-" in one]
    assert films(folder) == FILMS


def test_options_of_several_words_are_read_up_to_the_next_option(cli: Cli, both: Vendors) -> None:
    def cells(*argv: str) -> list[tuple[Any, str]]:
        told = cli("shootout", *argv, "--dry-run", "--json")
        assert told.code == 0, told.err
        return [(one["request"]["image"], one["target"]) for one in told.one["cells"]]

    expected = [
        (picture, target)
        for picture in ("anna.png", "ben.png")
        for target in ("pixverse/mimic", "segmind/pixverse-mimic")
    ]
    assert cells(*FILES, "--via", *TARGETS) == expected
    repeated = ("--via", TARGETS[0], "--image", "anna.png", "--via", TARGETS[1])
    assert cells(*repeated, "--image=ben.png", "--video=dance.mp4") == expected
    assert cells("--images=anna.png", "ben.png", *FILES[3:], "--via", *TARGETS) == expected
