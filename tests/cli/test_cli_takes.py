"""`--takes N`: variations on purpose, quoted and confirmed together, each bought once."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from cli_support import Account, Cli, ended, process, read_until

from motionkit.client import Client

TAKES = ("--takes", "3")


def films(pattern: str = "*.mp4") -> list[str]:
    return sorted(path.name for path in Path().glob(pattern) if path.name != "dance.mp4")


def jobs(cli: Cli) -> list[dict[str, Any]]:
    return cli("jobs", "--json").data


def test_takes_are_bought_and_saved_under_numbers(
    cli: Cli, account: Account, media: list[str]
) -> None:
    told = cli("mimic", *media, *TAKES, "--key", "order", "--out", "film.mp4")
    assert told.code == 0, told.err
    assert account.bought == (3, 3, "120")
    assert films() == ["film-1.mp4", "film-2.mp4", "film-3.mp4"]
    assert sorted(told.out.split()) == films()
    assert "takes     3 of 3 to submit, for up to 1.20 USD together\n" in told.err
    for number in (1, 2, 3):
        assert f"take {number}    succeeded, {Path(f'film-{number}.mp4').absolute()}" in told.err
    assert [(one["key"], one["take"]) for one in jobs(cli)] == [
        ("order-1", 1),
        ("order-2", 2),
        ("order-3", 3),
    ]


@pytest.mark.parametrize("key", [(), ("--key", "order")])
def test_the_same_command_again_buys_nothing_and_a_higher_number_buys_the_new_ones(
    cli: Cli, account: Account, media: list[str], key: tuple[str, ...]
) -> None:
    command = ("mimic", *media, *key, "--out", "film.mp4", "--takes")
    assert cli(*command, 2).code == 0
    told = cli(*command, 2)
    assert (told.code, told.out.split()) == (0, ["film-1.mp4", "film-2.mp4"])
    assert "take 1 was submitted before as" in told.err
    assert account.bought[1] == 2
    told = cli(*command, 3, "--json")
    assert (told.code, account.bought[1]) == (0, 3)
    assert "takes     1 of 3 to submit, for up to 0.40 USD together" in told.err
    last = told.data[-1]
    assert [one["state"] for one in last["takes"]] == ["succeeded"] * 3
    assert last["exit_code"] == 0
    assert cli(*command, 1).out == "film-1.mp4\n"
    new = ("--key", "other") if key else ("--new",)
    assert cli("mimic", *media, *new, "--takes", 2, "--out", "new.mp4").code == 0
    assert account.bought[1] == 5


def test_takes_and_a_plain_job_of_the_same_request_are_not_mixed_up(
    cli: Cli, account: Account, media: list[str]
) -> None:
    assert cli("mimic", *media, "--out", "plain.mp4").code == 0
    assert cli("mimic", *media, "--takes", 2, "--out", "film.mp4").code == 0
    assert cli("mimic", *media, "--out", "plain.mp4").code == 0
    assert account.bought[1] == 3
    assert films() == ["film-1.mp4", "film-2.mp4", "plain.mp4"]


def test_takes_without_a_file_are_named_after_their_inputs(
    cli: Cli, account: Account, media: list[str]
) -> None:
    assert cli("mimic", *media, *TAKES).code == 0
    assert films() == ["hero-dance-1.mp4", "hero-dance-2.mp4", "hero-dance-3.mp4"]


def test_submit_prints_a_job_for_each_take(cli: Cli, account: Account, media: list[str]) -> None:
    told = cli("submit", "mimic", *media, *TAKES, "--key", "order", "--out", "film.mp4")
    assert (told.code, told.out.split()) == (0, ["order-1", "order-2", "order-3"])
    assert cli("resume").code == 0
    assert films() == ["film-1.mp4", "film-2.mp4", "film-3.mp4"]
    assert account.bought[1] == 3


def test_a_dry_run_shows_the_requests_of_one_take_and_the_price_of_all(
    cli: Cli, account: Account, media: list[str]
) -> None:
    told = cli("mimic", *media, *TAKES, "--dry-run")
    assert told.code == 0
    assert told.out.count("(charged)") == 1
    assert "takes     3 of 3 to submit, for up to 1.20 USD together" in told.err
    told = cli("mimic", *media, *TAKES, "--dry-run", "--json", "--key", "order")
    assert [one["key"] for one in told.data[-1]["takes"]] == ["order-1", "order-2", "order-3"]
    assert told.data[-1]["usd_high"] == "1.20"
    assert account.bought == (0, 0, "0")
    assert cli("mimic", *media, "--takes", 2, "--key", "order").code == 0
    told = cli("mimic", *media, "--takes", 2, "--key", "order", "--dry-run")
    assert (told.code, told.out) == (0, "nothing is charged again\n")


def test_takes_are_capped_and_confirmed_together(
    cli: Cli, account: Account, media: list[str]
) -> None:
    told = cli("mimic", *media, *TAKES, "--max-usd", "1.19")
    assert told.code == 4
    assert "3 takes together cost up to 1.20 USD; max_usd is 1.19 USD for all takes" in told.err
    told = cli("mimic", *media, "--takes", 13)  # 5.20 USD
    assert (told.code, "this costs up to 5.20 USD, above 5.00 USD" in told.err) == (2, True)
    assert cli("mimic", *media, *TAKES, "--max-usd", "1.19", "--dry-run").code == 4
    assert account.bought == (0, 0, "0")
    assert cli("mimic", *media, *TAKES, "--max-usd", "1.20").code == 0


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--takes", "0"), "invalid value for --takes: '0'; expected at least 1"),
        (("--takes", "51"), "invalid value for --takes: '51'; expected at most 50"),
        (("--takes", "2", "--new", "--key", "k"), "--new creates its own key"),
        (("--takes", "2", "--extra", "seed=7"), "pixverse.seed would make every take the same"),
    ],
)
def test_what_takes_cannot_be_combined_with_is_refused(
    cli: Cli, account: Account, media: list[str], argv: tuple[str, ...], said: str
) -> None:
    told = cli("mimic", *media, *argv)
    assert told.code == 2
    assert said in told.err
    assert account.bought == (0, 0, "0")


def test_takes_and_masks_that_are_selected_first_exclude_each_other(
    cli: Cli, account: Account, media: list[str]
) -> None:
    told = cli("modify", *media[2:], "--prompt", "x", "--select", 0, "--takes", 2)
    assert (told.code, "--takes and --select exclude each other" in told.err) == (2, True)


def test_a_file_in_the_way_of_any_take_is_refused_before_anything_is_bought(
    cli: Cli, account: Account, media: list[str]
) -> None:
    Path("film-2.mp4").write_bytes(b"mine")
    told = cli("mimic", *media, *TAKES, "--out", "film.mp4")
    assert (told.code, "film-2.mp4" in told.err) == (2, True)
    assert account.bought == (0, 0, "0")
    assert cli("mimic", *media, *TAKES, "--out", "film.mp4", "--overwrite").code == 0
    assert Path("film-2.mp4").read_bytes() != b"mine"
    assert films() == ["film-1.mp4", "film-2.mp4", "film-3.mp4"]


def test_a_take_that_cannot_be_bought_ends_the_buying_and_the_summary_says_which(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("mimic", *media, *TAKES, "--key", "order", "--out", "film.mp4")
    original = Client.submit_takes

    def submit_takes(self: Client, *args: Any, decided: Any, **more: Any) -> Any:
        def after(take: Any, ending: Any) -> None:
            if take.number == 1:
                account.sandbox.fault("refuse:submit:code=500090")
            decided(take, ending)

        return original(self, *args, decided=after, **more)

    monkeypatch.setattr(Client, "submit_takes", submit_takes)
    told = cli(*command)
    assert told.code == 4, told.err
    assert films() == ["film-1.mp4"]  # what was bought is delivered
    assert "take 3 was not submitted, because take 2 could not be bought" in told.err
    assert f"take 1    succeeded, {Path('film-1.mp4').absolute()}" in told.err
    assert "take 2    refused" in told.err
    assert "take 3    not submitted" in told.err
    monkeypatch.setattr(Client, "submit_takes", original)
    assert cli(*command).code == 0
    assert account.bought[1] == 3
    assert films() == ["film-1.mp4", "film-2.mp4", "film-3.mp4"]


def test_a_program_that_disappears_while_takes_are_bought_changes_nothing(
    cli: Cli, account: Account, media: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "note"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    original = Client.submit_takes

    def submit_takes(self: Client, *args: Any, **more: Any) -> Any:
        bought = original(self, *args, **more)
        program.unlink()
        return bought

    monkeypatch.setattr(Client, "submit_takes", submit_takes)
    command = ("mimic", *media, "--takes", "2", "--key", "order", "--out", "film.mp4")
    told = cli(*command, "--on-done", str(program))
    assert told.code == 0, told.err
    assert account.bought[1] == 2
    assert films() == ["film-1.mp4", "film-2.mp4"]
    assert "cannot be run" in told.err
    assert "the purchase is not affected" in told.err


def test_ctrl_c_between_two_takes_says_how_many_run_and_the_same_command_goes_on(
    cli: Cli, slow_account: Account, media: list[str]
) -> None:
    Path("one.toml").write_text(
        '[accounts.pixverse]\napi_key = "${PIXVERSE_API_KEY}"\nmax_concurrent = 1\n'
    )
    command = ("mimic", *media, "--takes", "2", "--key", "order", "--out", "film.mp4")
    with process(*command, "--config", "one.toml") as running:
        read_until(running, "submitted take 1")
        running.send_signal(signal.SIGINT)
        told = ended(running)
    assert told.code == 9, told.err
    assert "interrupted; 1 of 2 takes run" in told.err
    assert "the same command continues; nothing is paid for again" in told.err
    assert slow_account.bought[1] == 1
    told = cli("submit", *command[:-2])  # without the limit
    assert (told.code, told.out.split()) == (0, ["order-1", "order-2"])
    assert slow_account.bought[1] == 2
