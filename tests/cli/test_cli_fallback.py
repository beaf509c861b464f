"""A fallback costs no more than was announced, confirmed, or allowed by a cap."""

from __future__ import annotations

import io
import uuid
from pathlib import Path

import attrs
import pytest
from cli_support import Account, Cli

from motionkit.cli.screen import Screen
from motionkit.sandbox import Sandbox

DEARER = "segmind/pixverse-mimic costs up to 0.60 USD, but 0.40 USD was quoted"


@attrs.frozen
class Vendors:
    """The cheap first target of a route, and the dearer ones."""

    first: Account
    second: Account

    def first_is(self, code: int) -> None:
        """Let the first vendor refuse every submit."""
        fault = f"refuse:submit:vendor=pixverse:code={code}:times=0"
        self.first.sandbox.fault(fault)

    @property
    def jobs(self) -> tuple[int, int]:
        return len(self.first.ledger["jobs"]), len(self.second.ledger["jobs"])


@pytest.fixture
def both(
    account: Account, quick: Sandbox, monkeypatch: pytest.MonkeyPatch, own_place: Path
) -> Vendors:
    label = uuid.uuid4().hex
    quick.add_account("segmind", f"test-key-{label}", label=label, balance="50")
    path = own_place / "both.toml"
    path.write_text(f"""
[accounts.pixverse]
api_key = "{account.key}"
base_url = "{quick.url}"
[accounts.segmind]
api_key = "test-key-{label}"
base_url = "{quick.url}"
[defaults]
wait_for_slot = 0
[routes.default]
targets = ["pixverse", "segmind/pixverse-mimic"]
fall_back_on = ["busy", "credits", "authentication"]
[routes.capped]
targets = ["pixverse", "segmind/pixverse-mimic"]
max_usd = "2.50"
[routes.average]
targets = ["pixverse", "segmind/wan-animate"]
[routes.twins]
targets = ["pixverse", "pixverse/mimic"]
""")
    monkeypatch.setenv("MOTIONKIT_CONFIG", str(path))
    return Vendors(account, Account(quick, "segmind", label, f"test-key-{label}"))


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Somebody sits there and has typed this."""
    typed = io.StringIO()
    monkeypatch.setattr(Screen, "asks", property(lambda _: True))
    monkeypatch.setattr("sys.stdin", typed)
    return typed


@pytest.mark.parametrize(
    ("code", "why"), [(500044, "busy"), (500090, "too few credits"), (400012, "wrong key")]
)
def test_a_dearer_fallback_without_a_terminal_is_refused_with_the_words_to_allow_it(
    cli: Cli, both: Vendors, media: list[str], code: int, why: str
) -> None:
    both.first_is(code)

    told = cli("submit", "mimic", *media)

    assert told.code == 4
    assert f"fallback  pixverse/mimic: {why}; nothing was charged there" in told.err
    assert "at        segmind/pixverse-mimic" in told.err
    assert DEARER in told.err
    assert "--max-usd 0.6" in told.err
    assert both.jobs == (0, 0)


def test_yes_alone_does_not_raise_what_was_announced(
    cli: Cli, both: Vendors, media: list[str], at_a_terminal: io.StringIO
) -> None:
    both.first_is(500090)

    told = cli("submit", "mimic", *media, "--yes")

    assert (told.code, both.jobs) == (4, (0, 0))
    assert DEARER in told.err


@pytest.mark.parametrize("allowed", [("--max-usd", "2.1"), ("--via", "capped")])
def test_a_cap_allows_a_dearer_fallback_which_is_announced_before_it_is_bought(
    cli: Cli, both: Vendors, media: list[str], allowed: tuple[str, str]
) -> None:
    both.first_is(500090)

    told = cli("submit", "mimic", *media, *allowed)

    assert (told.code, both.jobs) == (0, (0, 1))
    lines = told.err.splitlines()
    second = lines.index("at        segmind/pixverse-mimic (SANDBOX, loopback)")
    assert lines.index("at        pixverse/mimic (SANDBOX, loopback)") < second
    assert any("0.60 USD" in line for line in lines[second:])
    assert second < next(n for n, line in enumerate(lines) if line.startswith("submitted"))


@pytest.mark.parametrize(("typed", "jobs"), [("y\n", (0, 1)), ("n\n", (0, 0)), ("", (0, 0))])
def test_a_terminal_asks_before_a_dearer_fallback(
    *,
    cli: Cli,
    both: Vendors,
    media: list[str],
    at_a_terminal: io.StringIO,
    typed: str,
    jobs: tuple[int, int],
) -> None:
    at_a_terminal.write(typed)
    at_a_terminal.seek(0)
    both.first_is(500090)

    told = cli("submit", "mimic", *media)

    question = "0.40 USD was quoted; submit to segmind/pixverse-mimic for up to 0.60 USD?"
    assert question in told.err
    assert (told.code, both.jobs) == (0 if jobs[1] else 1, jobs)


@pytest.mark.parametrize(("typed", "jobs"), [("y\n", (0, 1)), ("n\n", (0, 0))])
def test_a_terminal_asks_before_a_fallback_without_a_known_bound(
    *,
    cli: Cli,
    both: Vendors,
    media: list[str],
    at_a_terminal: io.StringIO,
    typed: str,
    jobs: tuple[int, int],
) -> None:
    at_a_terminal.write(typed)
    at_a_terminal.seek(0)
    both.first_is(500090)

    told = cli("submit", "mimic", *media, "--via", "average")

    assert "without a known upper bound?" in told.err
    assert both.jobs == jobs


def test_a_fallback_without_a_known_bound_is_refused_without_a_terminal(
    cli: Cli, both: Vendors, media: list[str]
) -> None:
    both.first_is(500090)

    told = cli("submit", "mimic", *media, "--via", "average")

    assert (told.code, both.jobs) == (4, (0, 0))
    assert "--via segmind/wan-animate --yes allows it" in told.err


def test_a_target_that_fell_out_between_announcement_and_submit_is_told_too(
    cli: Cli, both: Vendors, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The balance, asked right before the paid call, shows that the first cannot pay."""
    poor = f"poor-{uuid.uuid4().hex}"
    both.first.sandbox.add_account("pixverse", poor, label=poor, balance="1")
    text = Path("both.toml").read_text("utf-8").replace(both.first.key, poor)
    Path("both.toml").write_text(text, "utf-8")

    told = cli("submit", "mimic", *media)

    assert told.code == 4
    assert "fallback  pixverse/mimic: too few credits" in told.err
    assert both.jobs == (0, 0)


def test_a_fallback_that_costs_no_more_needs_no_word(
    cli: Cli, both: Vendors, media: list[str]
) -> None:
    both.first.sandbox.fault("refuse:submit:vendor=pixverse:code=500090")

    told = cli("submit", "mimic", *media, "--via", "twins")

    assert (told.code, both.jobs) == (0, (1, 0))


def test_above_five_dollars_a_capped_fallback_is_confirmed_as_a_first_target_would_be(
    cli: Cli, both: Vendors, media: list[str]
) -> None:
    refusal = "refuse:submit:vendor=pixverse:code=500090"
    with Path("both.toml").open("a", encoding="utf-8") as more:
        more.write(
            f'[accounts.dear]\nprovider = "pixverse"\napi_key = "{both.first.key}"\n'
            f'base_url = "{both.first.sandbox.url}"\nusd_per_credit = "0.20"\n'
            '[routes.dearer]\ntargets = ["pixverse", "dear"]\n'
        )
    options = [*media, "--via", "dearer", "--max-usd", "100", "--key"]

    both.first.sandbox.fault(refusal)
    told = cli("submit", "mimic", *options, "k1")

    assert (told.code, both.jobs) == (2, (0, 0))
    assert (
        "this costs up to 8.00 USD, above 5.00 USD: confirmation required; pass --yes" in told.err
    )
    assert "fallback  pixverse/mimic: too few credits" in told.err
    assert cli("providers", "--reset", "pixverse").code == 0
    both.first.sandbox.fault(refusal)
    assert cli("submit", "mimic", *options, "k2", "--yes").code == 0
    assert both.jobs == (1, 0)


def test_an_extra_option_behind_a_route_goes_to_the_provider_of_its_targets(
    cli: Cli, both: Vendors, media: list[str]
) -> None:
    line = ["mimic", *media, "--dry-run", "--json", "--extra"]

    alone = cli(*line, "water_mark=true", "--via", "twins")
    unclear = cli(*line, "water_mark=true", "--via", "capped")
    clear = cli(*line, "pixverse.water_mark=true", "--via", "capped")

    assert unclear.code == 2
    assert "write pixverse.water_mark or segmind.water_mark instead of 'water_mark'" in unclear.err
    for told in (alone, clear):
        assert told.one["calls"][2]["json"]["water_mark"] is True


def test_a_fallback_is_told_once(cli: Cli, both: Vendors, media: list[str]) -> None:
    both.first_is(500044)

    told = cli("submit", "mimic", *media, "--max-usd", "2.50")
    lines = [line for line in told.err.splitlines() if "pixverse/mimic" in line and "busy" in line]

    assert told.code == 0, told.err
    assert len(lines) == 1
    assert "nothing was bought at" not in told.err


def test_no_target_left_tells_the_reasons_against_each_target_only(
    cli: Cli, both: Vendors, media: list[str]
) -> None:
    both.first_is(500044)
    told = cli("submit", "mimic", *media, "--via", "twins", "--json")

    assert told.code == 8
    message = told.one["message"]
    assert "can take the request now" not in message
    assert "comes after the one preferred" not in message
    assert message.count("at its limit of running jobs") == 2
