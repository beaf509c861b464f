"""A dry run sends nothing, and refuses with the exit code that the real run would have."""

from __future__ import annotations

import io
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest
from cli_support import Account, Cli, Ended

from motionkit.cli.screen import Screen
from motionkit.sandbox import sample_clip, sample_picture

LIMITS = {
    "a cap": ("", ("--max-usd", "0.39"), 4),
    "a route's cap": ('[routes.r]\ntargets = ["first"]\nmax_usd = "0.39"\n', ("--via", "r"), 4),
    "a route's budget": (
        '[routes.r]\ntargets = ["first"]\nbudget_usd = { total = "0.39" }\n',
        ("--via", "r"),
        4,
    ),
    "the budget of everything": ('[defaults]\nbudget_usd = { total = "0.39" }\n', (), 4),
    "the budget of everything behind a route": (
        '[defaults]\nbudget_usd = { total = "0.39" }\n[routes.r]\ntargets = ["first", "dear"]\n',
        ("--via", "r"),
        4,
    ),
    "a file in the way": ("", ("--out", "hero.png"), 2),
    "a price to be confirmed": ("", ("--via", "dear"), 2),
    "a price to be confirmed under a high cap": ("", ("--via", "dear", "--max-usd", "9"), 2),
    "an option that no target takes": ("", ("--quality", "9p"), 2),
    "two ways to buy again": ("", ("--new", "--key", "k1"), 2),
    "nothing": ("", (), 0),
    "nothing, once it is confirmed": ("", ("--via", "dear", "--yes"), 0),
}


@pytest.fixture
def configure(account: Account, monkeypatch: pytest.MonkeyPatch, own_place: Path) -> Any:
    """Write two accounts, one of which makes everything cost 8 USD, and these rules."""
    path = own_place / "rules.toml"
    monkeypatch.setenv("MOTIONKIT_CONFIG", str(path))
    vendor = f'provider = "pixverse"\napi_key = "{account.key}"\n'
    vendor += f'base_url = "{account.sandbox.url}"\n'

    def write(rules: str) -> Account:
        path.write_text(
            f'[accounts.first]\n{vendor}[accounts.dear]\n{vendor}usd_per_credit = "0.20"\n{rules}'
        )
        return account

    return write


def without_network(cli: Cli, monkeypatch: pytest.MonkeyPatch, *argv: object) -> Ended:
    """Run a command line in which every connection and every look-up of a name fails the test."""

    def guard(*args: object, **_: object) -> NoReturn:
        pytest.fail(f"a dry run opens no connection: {args}")

    with monkeypatch.context() as patched:
        for name in ("connect", "connect_ex", "sendto"):
            patched.setattr(socket.socket, name, guard)
        for name in ("create_connection", "getaddrinfo"):
            patched.setattr(socket, name, guard)
        return cli(*argv)


@pytest.mark.parametrize(
    ("verb", "limit"),
    [
        *((("submit", "mimic"), limit) for limit in LIMITS),
        *((("mimic",), limit) for limit in ("a cap", "a file in the way", "nothing")),
    ],
)
def test_a_dry_run_ends_with_the_exit_code_of_the_real_run(  # noqa: PLR0917 - fixtures
    cli: Cli,
    configure: Any,
    media: list[str],
    monkeypatch: pytest.MonkeyPatch,
    verb: tuple[str, ...],
    limit: str,
) -> None:
    rules, options, code = LIMITS[limit]
    account = configure(rules)
    line = (*verb, *media, *(() if "--via" in options else ("--via", "first")), *options)

    dry = without_network(cli, monkeypatch, *line, "--dry-run")
    assert (dry.code, account.ledger["calls"]) == (code, {})
    real = cli(*line)
    assert real.code == code
    assert len(account.ledger["jobs"]) == (code == 0)
    said = [line for line in real.err.splitlines() if line.startswith("error:")]
    assert [line for line in dry.err.splitlines() if line.startswith("error:")] == said


def test_a_dry_run_shows_the_requests_and_then_what_refuses_them(
    cli: Cli, configure: Any, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(LIMITS["the budget of everything"][0])
    line = ("mimic", *media, "--via", "first", "--dry-run")

    told = without_network(cli, monkeypatch, *line)
    shown, refused = without_network(cli, monkeypatch, *line, "--json").data

    assert "(charged)" in told.out
    assert "defaults.budget_usd: 0.39 USD of 0.39 USD in total left" in told.err
    assert shown["quote"]["usd_high"] == "0.40"
    assert (refused["error"], refused["exit_code"]) == ("BudgetExceeded", 4)


def test_a_dry_run_explains_the_route(
    cli: Cli, configure: Any, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure('[routes.r]\ntargets = ["dear", "first"]\nmax_usd = "1.00"\n')
    line = ("mimic", *media, "--via", "r", "--dry-run", "--explain")

    told = without_network(cli, monkeypatch, *line)
    data = without_network(cli, monkeypatch, *line, "--json").one

    assert told.code == 0
    assert "at        first/mimic" in told.out
    assert "route     dear ruled out: Its quote's high exceeds max_usd." in told.err
    assert "route     first chosen" in told.err
    assert [row["target"] for row in data["decision"]] == ["dear", "first"]


def test_a_cap_on_the_command_line_chooses_in_a_dry_run_as_in_a_real_one(
    cli: Cli, configure: Any, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = configure('[routes.r]\ntargets = ["dear", "first"]\n')
    line = ("submit", "mimic", *media, "--via", "r", "--max-usd", "1")

    dry = without_network(cli, monkeypatch, *line, "--dry-run")
    real = cli(*line)

    assert "at        first/mimic" in dry.out
    assert "at        first/mimic" in real.err
    assert (dry.code, real.code, len(account.ledger["jobs"])) == (0, 0, 1)


def test_at_a_terminal_a_dry_run_says_what_would_be_asked(
    cli: Cli, configure: Any, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("")
    monkeypatch.setattr(Screen, "asks", property(lambda _: True))
    monkeypatch.setattr("sys.stdin", io.StringIO())

    told = without_network(cli, monkeypatch, "mimic", *media, "--via", "dear", "--dry-run")

    assert told.code == 0
    assert "a real run would ask: submit this for up to 8.00 USD?" in told.err


def test_a_dry_run_of_what_was_bought_says_so_and_no_cap_refuses_it(
    cli: Cli, configure: Any, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = configure("")
    line = ("mimic", *media, "--via", "first", "--key", "k1", "--out", "out.mp4")
    assert cli(*line).code == 0

    again = without_network(cli, monkeypatch, *line, "--max-usd", "0", "--dry-run")
    elsewhere = without_network(cli, monkeypatch, *line[:-1], "hero.png", "--dry-run")

    assert again.code == 0
    assert again.out == "was bought already as k1: succeeded; nothing is charged again\n"
    assert "a real run would resume it without paying again" in again.err
    assert elsewhere.code == 2
    assert len(account.ledger["jobs"]) == 1


def test_a_dry_run_of_what_is_unfinished_says_what_it_would_resume(
    cli: Cli, slow_account: Any, media: list[str]
) -> None:
    assert cli("submit", "mimic", *media, "--key", "k1").code == 0
    again = cli("mimic", *media, "--dry-run")
    assert (again.code, again.out) == (0, "would resume k1: queued; nothing is charged again\n")


# Masks: two purchases, one cap.


@pytest.fixture
def edit(own_place: Path) -> list[str]:
    """A modification of four seconds for 0.40 USD, whose masks cost 0.02 USD."""
    (own_place / "hero.png").write_bytes(sample_picture())
    (own_place / "clip.mp4").write_bytes(sample_clip(4.0, height=64))
    prompt = "@selection0 is swapped with @img0"
    files = ["--video", "clip.mp4", "--image", "hero.png"]
    return ["modify", *files, "--select", "0", "--prompt", prompt, "--via", "first"]


@pytest.mark.parametrize(
    ("rules", "options"),
    [
        ("", ("--max-usd", "0.41")),
        ('[defaults]\nbudget_usd = { total = "0.41" }\n', ()),
    ],
)
def test_masks_and_what_they_are_for_are_refused_together_before_either_is_paid(  # noqa: PLR0917 - fixtures
    cli: Cli,
    configure: Any,
    edit: list[str],
    monkeypatch: pytest.MonkeyPatch,
    rules: str,
    options: tuple[str, ...],
) -> None:
    account = configure(rules)

    dry = without_network(cli, monkeypatch, *edit, *options, "--dry-run")
    real = cli(*edit, *options)

    assert (dry.code, real.code) == (4, 4)
    assert account.ledger["calls"] == {}


def test_piece_by_piece_one_cap_counts_the_masks_that_were_selected_before(
    cli: Cli, configure: Any, edit: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = configure("")
    account.sandbox.fault("refuse:submit:vendor=pixverse:code=400017:after=1")
    assert cli(*edit, "--max-usd", "0.42", "--out", "a.mp4").code == 2  # the masks are paid
    assert account.ledger["charged"] == "2"

    dry = without_network(cli, monkeypatch, *edit, "--max-usd", "0.41", "--dry-run")
    refused = cli(*edit, "--max-usd", "0.41", "--out", "a.mp4")

    assert (dry.code, refused.code) == (4, 4)
    assert account.ledger["charged"] == "2"
    assert cli(*edit, "--max-usd", "0.42", "--out", "a.mp4").code == 0
    assert account.ledger["charged"] == "42"


@pytest.mark.parametrize("via", ["first", "r"])
def test_a_delivered_modification_run_again_is_refused_by_no_exhausted_budget(
    cli: Cli, configure: Any, edit: list[str], via: str
) -> None:
    account = configure(
        '[defaults]\nbudget_usd = { total = "0.42" }\n[routes.r]\ntargets = ["first"]\n'
    )
    line = [*edit[:-1], via, "--out", "done.mp4", "--max-usd", "0.42"]

    assert [cli(*line).code, cli(*line).code] == [0, 0]
    assert account.ledger["charged"] == "42"
