"""`motionkit config`: what is used, what is trusted, what an editor should know."""

from __future__ import annotations

import io
import json
import socket
from pathlib import Path
from typing import Any

import attrs
import pytest
from cli_support import Account, Cli, Ended

from motionkit.cli.screen import Screen
from motionkit.provider import registry

BOLD = """
[accounts.bold]
provider = "pixverse"
api_key = { command = ["touch", "ran"] }
"""


def of_kind(told: Ended, kind: str) -> list[dict[str, Any]]:
    return [row for row in told.data if row.get("kind") == kind]


@pytest.fixture
def file(own_place: Path) -> Path:
    return own_place / "motionkit.toml"


# check


def test_without_a_file_the_environment_is_told(cli: Cli, account: Account) -> None:
    told = cli("config", "check", "--json")
    assert told.code == 0
    (row,) = of_kind(told, "account")
    assert (row["account"], row["key_source"], row["key_found"]) == (
        "pixverse",
        "environment variable PIXVERSE_API_KEY",
        True,
    )
    (route,) = of_kind(told, "route")
    assert (route["name"], route["targets"]) == ("default", ["pixverse"])
    assert account.key not in told.out + told.err
    assert account.bought == (0, 0, "0")


def test_with_nothing_configured_check_says_so(cli: Cli) -> None:
    told = cli("config", "check")
    assert told.code == 2
    assert "no account is configured" in told.err


def test_the_files_their_trust_and_where_keys_come_from_are_shown(
    cli: Cli, file: Path, account: Account, tmp_path: Path
) -> None:
    own = tmp_path / "config" / "motionkit" / "motionkit.toml"
    own.parent.mkdir(parents=True)
    own.write_text(
        '[accounts.mine]\nprovider = "segmind"\napi_key = { command = ["echo", "sk"] }\n'
    )
    file.write_text(
        '[accounts.team]\nprovider = "pixverse"\napi_key = "${PIXVERSE_API_KEY}"\n'
        '[routes.night]\ntargets = ["team/mimic", "mine"]\nmax_usd = "2"\n'
        'budget_usd = { day = "20.00", total = "100" }\n'
    )
    told = cli("config", "check")
    assert told.code == 0, told.err
    for words in (
        str(file),
        str(own),
        "found in a project folder",
        "not trusted; not needed",
        "your own",
        "environment variable PIXVERSE_API_KEY",
        "command 'echo'",
        "2.00 USD",
        "20.00 USD a day",
        "100.00 USD in total",
    ):
        assert words in told.out
    assert account.key not in told.out + told.err


def test_a_key_that_is_not_found_is_a_line_and_the_exit_code(cli: Cli, file: Path) -> None:
    file.write_text(
        '[accounts.one]\nprovider = "pixverse"\napi_key = "sk-written-here"\n'
        '[accounts.two]\nprovider = "segmind"\napi_key = "${SEGMIND_API_KEY}"\n'
    )
    assert cli("config", "trust", "--yes").code == 0
    told = cli("config", "check")
    assert told.code == 2
    assert "no: needs the environment variable SEGMIND_API_KEY, which is not set" in told.out
    told = cli("config", "check", "--json")
    assert [row["key_found"] for row in of_kind(told, "account")] == [True, False]
    assert "SEGMIND_API_KEY" in of_kind(told, "account")[1]["error"]["message"]
    assert "sk-written" not in told.out + told.err


def test_online_asks_each_account_and_a_dead_one_is_a_line(
    cli: Cli, file: Path, account: Account
) -> None:
    file.write_text(
        '[accounts.good]\nprovider = "pixverse"\napi_key = "${PIXVERSE_API_KEY}"\n'
        f'base_url = "{account.sandbox.url}"\n'
        '[accounts.bad]\nprovider = "pixverse"\napi_key = "sk-of-nobody"\n'
        f'base_url = "{account.sandbox.url}"\n'
    )
    assert cli("config", "trust", "--yes").code == 0
    told = cli("config", "check", "--online", "--json")
    assert told.code == 3
    good, bad = of_kind(told, "account")
    assert good["balance"]["amount"] == "5000"
    assert bad["error"]["error"] == "AuthenticationError"
    told = cli("config", "check", "--online")
    assert "5000 credits = 50.00 USD" in told.out
    assert "error: bad: " in told.out
    assert account.bought == (0, 0, "0")


def test_check_shows_an_untrusted_file_and_what_it_asks_for(cli: Cli, file: Path) -> None:
    file.write_text(BOLD)
    told = cli("config", "check")
    assert told.code == 2
    assert "not trusted, but required by accounts.bold.api_key.command" in told.out
    assert "motionkit config trust" in told.err
    (row,) = of_kind(cli("config", "check", "--json"), "file")
    assert (row["trusted"], row["needs_trust"]) == (False, ["accounts.bold.api_key.command"])
    assert not file.with_name("ran").exists()


@pytest.mark.parametrize(
    "argv",
    [
        ["balance"],
        ["providers"],
        ["jobs"],
        ["resume"],
        ["config", "check", "--online"],
        ["mimic", "--image", "hero.png", "--video", "dance.mp4", "--yes"],
    ],
)
def test_no_verb_runs_what_a_cloned_project_asks_for(
    argv: list[str], cli: Cli, file: Path, account: Account, media: list[str]
) -> None:
    file.write_text(BOLD + '[accounts.good]\nprovider = "pixverse"\napi_key = "${HOME}"\n')
    told = cli(*argv)
    assert told.code == 2
    assert "may not do that" in told.err
    assert not file.with_name("ran").exists()
    assert account.bought == (0, 0, "0")


def test_a_verb_that_needs_no_key_runs_no_command(cli: Cli, file: Path) -> None:
    file.write_text(BOLD)
    assert cli("config", "trust", "--yes").code == 0
    assert cli("jobs").code == 0
    assert cli("providers").code == 0
    assert not file.with_name("ran").exists()


# addresses


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every host that is looked up or connected to; what is not this machine is refused."""
    hosts: list[str] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def known(host: object) -> None:
        hosts.append(str(host))
        if host not in {"127.0.0.1", "::1", "localhost"}:
            raise AssertionError(f"{host} is not this machine")

    def connecting(self: socket.socket, address: Any) -> None:
        known(address[0])
        connect(self, address)

    def looking_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        known(host)
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", connecting)
    monkeypatch.setattr(socket, "getaddrinfo", looking_up)
    return hosts


@pytest.mark.parametrize("where", ["found", "own", "named"])
def test_with_the_sandboxs_lines_and_a_file_no_byte_goes_to_a_real_host(  # noqa: PLR0917 - fixtures
    where: str,
    cli: Cli,
    file: Path,
    tmp_path: Path,
    account: Account,
    media: list[str],
    reached: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if where == "own":
        file = tmp_path / "config" / "motionkit" / "motionkit.toml"
        file.parent.mkdir(parents=True)
    if where == "named":
        file = tmp_path / "elsewhere.toml"
        monkeypatch.setenv("MOTIONKIT_CONFIG", str(file))
    monkeypatch.setenv("SEGMIND_API_KEY", "sk-of-the-sandbox-0123")
    monkeypatch.setenv("SEGMIND_BASE_URL", account.sandbox.url)
    file.write_text(
        '[accounts.pixverse]\napi_key = "${PIXVERSE_API_KEY}"\n'
        '[accounts.team]\nprovider = "pixverse"\napi_key = "${PIXVERSE_API_KEY}"\nregion = "cn"\n'
        '[accounts.segmind]\napi_key = "${SEGMIND_API_KEY}"\n'
    )
    told = cli("config", "check", "--online", "--json")
    assert [row["balance"]["unit"] for row in of_kind(told, "account")[:2]] == ["credit"] * 2
    bought = cli("mimic", *media, "--via", "team", "--quality", "540p", "--out", "a.mp4", "--yes")
    assert bought.code == 0, bought.err
    assert cli("mimic", *media, "--via", "segmind", "--quality", "540p", "--yes").code == 3
    assert reached
    assert account.bought[:2] == (1, 1)


# trust


def test_trust_shows_what_is_asked_for_and_lets_it(cli: Cli, file: Path, tmp_path: Path) -> None:
    file.write_text(BOLD)
    told = cli("config", "trust", "--yes")
    assert told.code == 0
    assert 'accounts.bold.api_key.command runs the command \'touch\': ["touch", "ran"]' in told.err
    assert told.out == f"{file} is trusted until it changes\n"
    store = tmp_path / "state" / "motionkit" / "trusted.json"
    assert store.stat().st_mode & 0o777 == 0o600
    assert not file.with_name("ran").exists()

    told = cli("config", "check")  # trusted: now the command runs, and prints no key
    assert told.code == 2
    assert "'touch' printed no key on its first line" in told.out
    assert file.with_name("ran").exists()
    file.write_text(BOLD + "rpm = 3\n")
    assert "changed since it was trusted" in cli("config", "check").err


def test_trust_asks_on_a_terminal_and_takes_no_for_an_answer(
    cli: Cli, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(BOLD)
    monkeypatch.setattr(Screen, "asks", property(lambda _: True))
    for answer, code in (("n\n", 1), ("y\n", 0)):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert cli("config", "trust").code == code
        assert (tmp_path / "state" / "motionkit" / "trusted.json").exists() is (code == 0)


def test_trust_wants_a_terminal_or_a_yes(cli: Cli, file: Path) -> None:
    file.write_text(BOLD)
    told = cli("config", "trust", file)
    assert told.code == 2
    assert "--yes" in told.err
    assert cli("config", "check").code == 2


def test_trust_tells_what_it_did_as_data(cli: Cli, file: Path) -> None:
    file.write_text(BOLD)
    told = cli("config", "trust", file, "--yes", "--json").one
    assert told["file"] == str(file)
    assert told["trusted"] is True
    (asked,) = told["settings"]
    assert (asked["path"], asked["is"]) == ("accounts.bold.api_key.command", '["touch", "ran"]')


def test_a_file_that_asks_for_nothing_needs_no_trust(
    cli: Cli, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('[accounts.pixverse]\napi_key = "${PIXVERSE_API_KEY}"\n')
    assert cli("config", "trust").out == f"{file} does not need trust\n"
    file.write_text(BOLD)
    monkeypatch.setenv("MOTIONKIT_CONFIG", str(file))
    assert cli("config", "trust").out == f"{file} does not need trust (named explicitly)\n"
    assert not (tmp_path / "state").exists()


def test_without_a_file_there_is_nothing_to_trust(cli: Cli) -> None:
    told = cli("config", "trust")
    assert told.code == 2
    assert "there is no motionkit.toml" in told.err


# schema


def test_the_schema_describes_every_setting_of_the_installed_providers(cli: Cli) -> None:
    told = cli("config", "schema")
    assert told.code == 0
    definitions = json.loads(told.out)["definitions"]
    for name in registry.names():
        said = definitions[f"account-{name}"]["properties"]
        fields = {field.name for field in attrs.fields(registry.load(name).settings)}
        assert set(said) == {"provider", *fields}
        for setting, one in said.items():
            assert one.get("description"), f"{name}: {setting} has no meaning in its docstring"


# a .env beside the file


def test_a_dotenv_counts_once_its_folder_is_trusted_and_its_key_is_never_shown(
    cli: Cli, file: Path, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIXVERSE_API_KEY")
    file.touch()
    dotenv = file.with_name(".env")
    dotenv.write_text(f"PIXVERSE_API_KEY={account.key}\nDATABASE=mine\n")
    dotenv.chmod(0o600)
    told = cli("balance")
    assert told.code == 2
    assert f"{dotenv} is not read" in told.err
    assert f"motionkit config trust {file}" in told.err
    told = cli("config", "trust", "--yes")
    assert told.code == 0, told.err
    assert "PIXVERSE_API_KEY sets this variable: ***" in told.err
    assert ".env      has 1 more, which ${NAME} may read: ***" in told.err
    assert told.out == f"{dotenv} is trusted until it changes\n"
    told = cli("balance")
    assert told.code == 0, told.err
    assert account.key not in told.out + told.err
    told = cli("config", "check")
    assert f"PIXVERSE_API_KEY in {dotenv}" in told.out
    assert cli("config", "trust", "--yes").out.startswith(f"{file} does not need trust")
