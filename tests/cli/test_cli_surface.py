"""What the program says of itself; what it needs; the demo."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import av
import pytest
from cli_support import Account, Cli
from patience import PATIENCE

import motionkit.cli
from motionkit._support.text import duration
from motionkit.cli.exit_codes import MEANINGS
from motionkit.cli.format import beginnings, plain, short
from motionkit.cli.records import Common, command, example
from motionkit.cli.screen import Screen
from motionkit.errors import InvalidRequest
from motionkit.model.money import dollars
from motionkit.model.request import Request
from motionkit.provider import registry

VERBS = [
    "mimic",
    "submit",
    "poll",
    "result",
    "wait",
    "jobs",
    "resume",
    "balance",
    "providers",
    "offers",
    "sandbox",
    "demo",
    "batch",
    "worker",
]


def test_the_help_names_every_verb_and_every_exit_code(cli: Cli) -> None:
    told = cli("--help")

    assert told.code == 0
    for verb in VERBS:
        assert f" {verb} " in told.out
    for code, meaning in MEANINGS.items():
        assert f"{code:>2}  {meaning}" in told.out
    assert cli().out == told.out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(cli: Cli, verb: str) -> None:
    told = cli(verb, "--help")
    assert told.code == 0
    assert "Usage: motionkit" in told.out


@pytest.mark.parametrize("kind", registry.operations(), ids=lambda kind: kind.verb)
def test_an_operation_has_a_verb_and_a_place_under_submit_and_compare(
    cli: Cli, kind: type[Request]
) -> None:
    needed = [word for word in example(kind).split() if word.startswith("--")]
    for argv in ([kind.verb], ["submit", kind.verb]):
        told = cli(*argv, "--help").out
        for option in (*needed, "--extra", "--max-usd", "--dry-run"):
            assert option in told
    assert all(option in cli("compare", kind.verb, "--help").out for option in needed)


def test_every_option_of_an_operation_is_explained() -> None:
    for kind in registry.operations():
        unexplained = [
            one.name
            for one in command(kind, Common, lambda *_: 0).__signature__.parameters.values()  # type: ignore[attr-defined]
            if not get_args(one.annotation)[-1].help
        ]
        assert not unexplained, kind


def test_the_core_commands_name_no_vendor() -> None:
    folder = Path(motionkit.cli.__file__).parent
    for file in folder.glob("*.py"):
        text = file.read_text("utf-8").casefold()
        words = set(re.findall(r"[a-z]+", text))
        assert not words & set(registry.names()), file.name


def test_the_version_is_printed(cli: Cli) -> None:
    assert cli("--version").out == f"{version('motionkit')}\n"


@pytest.mark.parametrize(
    ("argv", "verb"),
    [
        (["juggle"], ""),
        (["poll"], " poll"),
        (["mimic"], " mimic"),
        (["mimic", "--image"], " mimic"),
        (["submit"], " submit"),
        (["jobs", "show"], " jobs show"),
    ],
)
def test_a_command_that_cannot_be_read_is_a_usage_error_that_names_its_verb(
    cli: Cli, argv: list[str], verb: str
) -> None:
    told = cli(*argv, "--json")
    assert told.code == 2
    assert told.one["exit_code"] == 2
    assert told.one["message"]
    assert f"see 'motionkit{verb} --help'" in told.err


@pytest.mark.parametrize(
    ("option", "value", "limit"),
    [
        ("--timeout", "x", "expected a number"),
        ("--timeout", "-3", "expected at least 0"),
        ("--duration", "2.5", "expected a whole number"),
        ("--assume", "zz", "'zz' is not one of 'lost', 'charged'"),
        ("--port", "99999", "expected at most 65535"),
    ],
)
def test_an_option_that_cannot_be_read_names_field_value_and_limit(
    cli: Cli, option: str, value: str, limit: str
) -> None:
    verb = {"--assume": ["reconcile"], "--port": ["sandbox"]}.get(
        option, ["animate", "--image", "hero.png"]
    )
    told = cli(*verb, option, value, "--json")
    assert told.code == 2
    assert told.one["field"] == option.removeprefix("--")
    assert told.one["value"] == value
    assert told.one["message"] == f"invalid value for {option}: {value!r}; {limit}"


def run_without(module: str, *argv: str) -> subprocess.CompletedProcess[str]:
    program = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from motionkit.cli import main\n"
        f"sys.exit(main({list(argv)!r}))"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_without_the_cli_extra_one_sentence_says_what_to_install() -> None:
    told = run_without("click", "poll")
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert "motionkit[cli]" in told.stderr


def test_without_the_sandbox_extra_one_sentence_says_what_to_install() -> None:
    told = run_without("aiohttp", "demo")
    assert told.returncode == 2
    assert "motionkit[sandbox]" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--fault", "sneeze:submit"], "fault: "),
        (["--host", "0.0.0.0"], "host: the sandbox listens on loopback only"),  # noqa: S104
    ],
)
def test_a_sandbox_that_cannot_start_says_why(cli: Cli, options: list[str], sentence: str) -> None:
    told = cli("sandbox", "--port", "0", *options)
    assert told.code == 2
    assert sentence in told.err


def test_the_demo_makes_a_video_without_keys_or_files(cli: Cli, own_place: Path) -> None:
    told = cli("demo", "--speed", "1000", "--json")

    assert told.code == 0
    assert "no network, no money" in told.err
    assert "quote     40 credits = 0.40 USD" in told.err
    assert "basis     listed, read" in told.err
    for row in told.data:
        assert row["sandbox"] is True
        with av.open(row["file"]) as container:
            assert container.streams.video[0].codec_context.name == "h264"
    assert [row["target"].partition("/")[0] for row in told.data] == ["pixverse", "segmind"]
    (row,) = [row for row in told.data if row["target"] == "pixverse/mimic"]
    assert (row["quote"]["likely"], row["cost"]["amount"]) == ("40", "40")


def test_the_demo_of_all_has_a_row_for_each_vendor_that_fails_too(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(screen: object, client: object, request: object, account: str, out: Path) -> None:
        raise InvalidRequest(f"no demo at {account}", field="image")

    monkeypatch.setattr("motionkit.cli.demo._one", nothing)
    told = cli("demo", "--all", "--json")
    assert told.code == 2
    rows = [row for row in told.data if "target" in row]
    assert {row["target"] for row in rows} == set(registry.names())
    assert all(row["error"]["message"] == f"no demo at {row['target']}" for row in rows)
    assert "more vendors" in cli("demo").err


@pytest.mark.soak  # the films of the slower vendors are minutes on the sandbox's clock
def test_the_demo_runs_at_every_vendor_and_shows_one_table_of_them(cli: Cli) -> None:
    told = cli("demo", "--all")
    assert told.code == 0, told.err
    rows = [line for line in told.out.splitlines()[1:] if line]
    assert {row.partition("/")[0] for row in rows} == set(registry.names())
    for row in rows:
        assert re.search(r" USD .* USD \((reported|assumed)\)|unknown .* USD ", row), row
        assert Path(row.split()[-1]).read_bytes()[4:8] == b"ftyp"


def test_the_demo_touches_neither_the_users_accounts_nor_their_journal(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIXVERSE_API_KEY", "the-users-own-key")
    monkeypatch.setenv("PIXVERSE_BASE_URL", "https://192.0.2.1")

    told = cli("demo", "--speed", "1000", "--out", "here")
    assert told.code == 0
    for film in Path("here").glob("*.mp4"):
        assert (told.out + told.err).count(str(film)) <= 1
    assert not (tmp_path / "state").exists()
    assert list(Path("here").glob("*.mp4"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0.0 s"), (59.4, "59 s"), (132.6, "2 min 13 s"), (3700, "1 h 1 min"), (9e5, "10 d")],
)
def test_durations_are_told_in_the_unit_that_suits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("amount", "text"), [("0.4", "0.40 USD"), ("2", "2.00 USD"), ("0.0042", "0.0042 USD")]
)
def test_dollars_keep_their_cents(amount: str, text: str) -> None:
    from decimal import Decimal

    assert dollars(Decimal(amount)) == text


def test_only_a_minted_key_is_shortened_and_only_when_it_stays_clear() -> None:
    one = "0b45e46e-8694-4498-844c-5053bc010a96"
    alike = "0b45e46e-0000-4498-844c-5053bc010a96"
    assert short(one) == "0b45e46e"
    assert short(one, {"0b45e46e"}) == one
    assert beginnings([one, "order-17", alike]) == ["0b45e46e", "0b45e46e"]
    assert short("order-17-of-a-customer", []) == "order-17-of-a-customer"


def test_plain_text_keeps_words_and_drops_commands() -> None:
    assert plain("a\x1b[1;31mb\x1b]8;;http://x\x1b\\c\x00\nd\x9b") == "abc d"


def test_offers_show_how_long_jobs_take_and_when_they_are_polled(cli: Cli) -> None:
    rows = {row["target"]: row for row in cli("offers", "--timing", "--json").data}
    row = rows["pixverse/mimic"]
    assert row["n"] == 0
    assert row["median_seconds"] == row["expected_seconds"]
    assert 1.5 < row["lateness_seconds"] <= 2.0
    assert row["looks_at_seconds"][0] == 0.0
    assert row["looks_at_seconds"] == sorted(row["looks_at_seconds"])


def test_the_timing_of_an_account_rests_on_its_own_jobs(
    cli: Cli, account: Account, media: list[str]
) -> None:
    for n in range(4):
        assert cli("mimic", *media, "--new", "--out", f"{n}.mp4").code == 0
    (row,) = [row for row in cli("offers", "--timing", "--json").data if row["n"]]
    assert row["target"] == "pixverse/mimic"
    assert row["median_seconds"] < 60  # the sandbox's jobs took no time


def test_timing_can_be_asked_for_one_operation_and_account(cli: Cli) -> None:
    assert cli("offers", "--operation", "nonsense", "--timing").code == 2
    rows = cli("offers", "--via", "segmind", "--operation", "mimic", "--timing", "--json").data
    assert {row["operation"] for row in rows} == {"mimic"}
    assert {row["target"].partition("/")[0] for row in rows} == {"segmind"}


@pytest.mark.parametrize(
    ("options", "shown"), [([], "querying balances"), (["--offline"], "comparing targets")]
)
def test_a_comparison_says_what_it_does(
    *,
    cli: Cli,
    account: Account,
    media: list[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    shown: str,
) -> None:
    said: list[str] = []

    def busy(_: Screen, text: str) -> contextlib.nullcontext[None]:
        said.append(text)
        return contextlib.nullcontext()

    monkeypatch.setattr(Screen, "busy", busy)
    assert cli("compare", "mimic", *media, *options).code == 0
    assert said == [shown]
