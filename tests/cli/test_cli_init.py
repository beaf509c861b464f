"""`motionkit init`: keys are asked for hidden, checked, and stored where only their user reads."""

from __future__ import annotations

import io
import stat
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import keyring
import pytest
from cli_support import Account, Cli
from keyring.backend import KeyringBackend
from terminal import terminal

from motionkit import config
from motionkit.config import writing
from motionkit.errors import ConfigError
from motionkit.provider import registry
from motionkit.sandbox import Sandbox

OWN = """\
# my settings
[defaults]
timeout = 90   # seconds

[accounts.other]   # not to be touched
provider = "segmind"
api_key = "${OTHER}"
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The path of the user's own file."""
    return tmp_path / "config" / "motionkit" / "motionkit.toml"


@pytest.fixture
def keyless(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account at the sandbox whose key is set nowhere."""
    monkeypatch.delenv("PIXVERSE_API_KEY")
    return account


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def accounts(own: Path) -> Any:
    return tomllib.loads(own.read_text())["accounts"]


def test_a_key_is_typed_hidden_checked_and_written_for_its_user_only(
    keyless: Account, own: Path
) -> None:
    with terminal("init", "pixverse") as at:
        at.expect("keys are made at https://platform.pixverse.ai/api-key")
        at.expect("key (hidden; Enter skips)")
        at.type(f"  {keyless.key} ")
        at.expect("works:")
        at.expect("5000 credits = 50.00 USD")
        at.expect("stored:")
        assert at.end() == 0
    assert keyless.key not in at.seen
    assert accounts(own) == {"pixverse": {"api_key": keyless.key}}
    assert mode(own) == 0o600
    assert mode(own.parent) == 0o700
    assert keyless.bought == (0, 0, "0")


def test_what_the_file_has_stays_with_its_comments(keyless: Account, own: Path) -> None:
    own.parent.mkdir(parents=True)
    own.write_text(OWN)
    own.chmod(0o644)
    with terminal("init", "pixverse") as at:
        at.expect("Enter skips")
        at.type(keyless.key)
        assert at.end() == 0
    text = own.read_text()
    assert text.startswith(OWN.rstrip())
    assert accounts(own)["pixverse"] == {"api_key": keyless.key}
    assert mode(own) == 0o600


def test_enter_skips_and_nothing_is_written(keyless: Account, own: Path) -> None:
    with terminal("init") as at:
        for _ in registry.names():
            at.expect("Enter skips")
            at.type("")
        at.expect("nothing was changed")
        assert at.end() == 0
    assert not own.exists()


def test_a_second_run_shows_what_is_set_masked_and_changes_only_what_is_asked(
    keyless: Account, own: Path
) -> None:
    own.parent.mkdir(parents=True)
    own.write_text(f'[accounts.pixverse]\napi_key = "{keyless.key}"\nrpm = 60\n{OWN}')
    own.chmod(0o600)
    before = own.read_bytes()
    with terminal("init", "pixverse") as at:
        at.expect(f"set: ***{keyless.key[-4:]}, written in")
        at.expect("new key (hidden; Enter keeps)")
        at.type("")
        assert at.end() == 0
    assert keyless.key not in at.seen
    assert own.read_bytes() == before


def test_a_refused_key_is_stored_only_if_its_user_says_so(keyless: Account, own: Path) -> None:
    for answer in ("n", "y"):
        with terminal("init", "pixverse") as at:
            at.expect("Enter skips")
            at.type("sk-of-nobody-at-all")
            at.expect("refused:")
            at.expect("store it all the same? [y/N]")
            at.type(answer)
            assert at.end() == 0
        assert "sk-of-nobody" not in at.seen
        assert own.exists() is (answer == "y")


def test_a_key_that_cannot_be_checked_may_be_kept(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXVERSE_BASE_URL", "http://127.0.0.1:9")
    with terminal("init", "pixverse") as at:
        at.expect("Enter skips")
        at.type("sk-planted-0123456789")
        at.expect("could not be checked:")
        at.expect("store it all the same? [Y/n]")
        at.type("")
        assert at.end() == 0
    assert accounts(own) == {"pixverse": {"api_key": "sk-planted-0123456789"}}


def test_text_that_cannot_be_a_key_is_asked_for_again(keyless: Account, own: Path) -> None:
    with terminal("init", "pixverse", "--offline") as at:
        at.expect("Enter skips")
        at.type("sk-schlüssel")
        at.expect("the key has characters that an HTTP header cannot hold")
        at.expect("Enter skips")
        at.type("sk-planted-0123456789")
        at.expect("stored:")
        assert at.end() == 0
    assert "sk-schl" not in at.seen


def test_keys_of_the_environment_stay_in_use_when_a_file_gets_an_account(
    keyless: Account, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGMIND_API_KEY", "SG_planted")
    with terminal("init", "pixverse") as at:
        at.expect("Enter skips")
        at.type(keyless.key)
        at.expect("segmind still takes its key from SEGMIND_API_KEY")
        assert at.end() == 0
    assert accounts(own) == {
        "pixverse": {"api_key": keyless.key},
        "segmind": {"api_key": "${SEGMIND_API_KEY}"},
    }
    assert list(config.load().accounts) == ["pixverse", "segmind"]


# Without a terminal.


def test_without_a_terminal_it_says_what_to_do_instead(cli: Cli, own: Path) -> None:
    told = cli("init")
    assert told.code == 2
    assert "init asks for keys, which needs a terminal" in told.err
    variables = " or ".join(f"{name.upper()}_API_KEY" for name in registry.names())
    assert f"set {variables} instead" in told.err
    assert "--stdin" in told.err
    assert not own.exists()


def test_a_key_comes_from_standard_input(
    cli: Cli, keyless: Account, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{keyless.key}\nsecond line\n"))
    told = cli("init", "pixverse", "--stdin", "--json")
    assert told.code == 0, told.err
    assert told.one["key"] == "stored"
    assert told.one["check"] == "works"
    assert keyless.key not in told.out + told.err
    assert accounts(own) == {"pixverse": {"api_key": keyless.key}}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "the first line of standard input is empty"),
        ("sk-\u00fc\n", "the first line of standard input has characters"),
        ("sk-of-nobody\n", "the key of pixverse was not stored"),
    ],
)
def test_a_key_from_standard_input_that_does_not_work_is_not_stored(
    line: str,
    why: str,
    *,
    cli: Cli,
    keyless: Account,
    own: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(line))
    told = cli("init", "pixverse", "--stdin")
    assert told.code == 2
    assert why in told.err
    assert not line.strip() or line.strip() not in told.out + told.err
    assert not own.exists()


def test_standard_input_gives_one_key_only_and_names_are_checked(cli: Cli) -> None:
    told = cli("init", "--stdin")
    assert told.code == 2
    known = ", ".join(registry.names())
    assert f"{len(registry.names())} accounts are meant: {known}" in told.err
    told = cli("init", "nobody")
    assert told.code == 2
    assert f"'nobody' is none; known: {known}" in told.err


# The key store.


class Store(KeyringBackend):
    """A key store in memory."""

    priority = 1  # type: ignore[assignment]  # a property of the class there

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


@attrs.define
class Broken(Exception):
    text: str


@pytest.fixture
def store() -> Iterator[Store]:
    before = keyring.get_keyring()
    made = Store()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def test_with_keyring_the_file_names_the_entry_only(
    *, cli: Cli, keyless: Account, own: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(keyless.key))
    told = cli("init", "pixverse", "--stdin", "--keyring")
    assert told.code == 0, told.err
    assert accounts(own) == {"pixverse": {"api_key": {"keyring": "pixverse"}}}
    assert store.held == {("motionkit", "pixverse"): keyless.key}
    told = cli("balance")
    assert told.code == 0, told.err
    assert "key store, motionkit/pixverse" in cli("config", "check").out


def test_an_entry_that_is_not_there_or_a_store_that_fails_is_named(
    cli: Cli, own: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.parent.mkdir(parents=True)
    own.write_text('[accounts.pixverse]\napi_key = { keyring = "mine" }\n')
    told = cli("balance")
    assert told.code == 2
    assert "the key store has no entry motionkit/mine" in told.err
    assert "'keyring set motionkit mine' makes it" in told.err

    def fail(*_: str) -> None:
        raise Broken("sk-planted-0123456789")

    monkeypatch.setattr(store, "get_password", fail)
    told = cli("balance")
    assert told.code == 2
    assert "it does not answer (Broken)" in told.err
    assert "planted" not in told.err
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert "pip install 'motionkit[keyring]'" in cli("balance").err


def test_a_found_file_may_not_take_a_key_from_the_key_store(cli: Cli, own_place: Path) -> None:
    (own_place / "motionkit.toml").write_text(
        '[accounts.pixverse]\napi_key = { keyring = "pixverse" }\n'
    )
    told = cli("balance")
    assert told.code == 2
    assert "takes a key from your key store" in told.err


# The file.


def test_a_file_whose_layout_cannot_be_kept_is_left_alone(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.parent.mkdir(parents=True)
    own.write_text(OWN)
    monkeypatch.setattr("tomlkit.dumps", lambda _: "broken = [")
    with pytest.raises(ConfigError, match="cannot be changed without changing more") as caught:
        writing.write_keys({"pixverse": ("pixverse", "sk-planted-0123456789")})
    assert "planted" not in f"{caught.value!r}"
    assert own.read_text() == OWN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "accounts = {}\n",
        'accounts.pixverse.api_key = "old"\r\naccounts.pixverse.rpm = 5\r\n',
        '[accounts]\npixverse = { api_key = "old" }\n',
        '[accounts.mine]\nprovider = "pixverse"\napi_key = "x"\n[routes.a]\ntargets = ["mine"]\n',
        "[defaults]\ntimeout = 5\n\n\n# the end",
    ],
)
def test_every_layout_is_kept_and_reads_as_wanted(text: str, own: Path) -> None:
    own.parent.mkdir(parents=True)
    own.write_bytes(text.encode())
    before = tomllib.loads(text)
    writing.write_keys({"pixverse": ("pixverse", 'sk-"quoted"\\')})
    after = tomllib.loads(own.read_bytes().decode())
    assert after["accounts"]["pixverse"].pop("api_key") == 'sk-"quoted"\\'
    kept = before.get("accounts", {}).get("pixverse", {})
    kept.pop("api_key", None)
    assert after["accounts"].pop("pixverse") == kept
    before.get("accounts", {}).pop("pixverse", None)
    assert after == {"accounts": {}, **before}


def test_a_link_to_the_file_stays_a_link(own: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text(OWN)
    own.parent.mkdir(parents=True)
    own.symlink_to(real)
    writing.write_keys({"pixverse": ("pixverse", "sk-planted-0123456789")})
    assert own.is_symlink()
    assert "planted" in real.read_text()
    assert [one.name for one in own.parent.iterdir()] == ["motionkit.toml"]


# The trial.


def test_a_trial_makes_a_film_and_leaves_nothing_running(cli: Cli, own_place: Path) -> None:
    with Sandbox() as free:
        port = int(free.url.rpartition(":")[2])
    told = cli("init", "--sandbox", "--yes", "--port", port)
    assert told.code == 0, told.err
    folder = own_place / "motionkit-trial"
    assert told.out == "motionkit-trial/film.mp4\n"
    assert "film.mp4" not in told.err  # a terminal shows both
    assert (folder / "film.mp4").stat().st_size > 1000
    assert "SANDBOX" in told.err
    assert f"motionkit sandbox --port {port}" in told.err
    assert mode(folder / "motionkit.toml") == 0o600
    found = config.load(folder / "motionkit.toml")
    assert all(one.in_sandbox for one in found.accounts.values())
    before = (folder / "motionkit.toml").read_bytes()
    with Sandbox(port=port, speed=20.0) as _:  # one that is there is used
        told = cli("init", "--sandbox", "--yes", "--port", port)
    assert told.code == 0, told.err
    assert "kept" in told.err
    assert (folder / "motionkit.toml").read_bytes() == before
    assert len(list(folder.glob("film*.mp4"))) == 2


def test_a_trial_without_a_terminal_makes_the_folder_and_no_film(
    cli: Cli, own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = cli("init", "--sandbox", "--out", "try")
    assert told.code == 0, told.err
    assert told.out == "try\n"
    assert sorted(one.name for one in Path("try").iterdir()) == [
        ".env",
        "clip.mp4",
        "motionkit.toml",
        "picture.png",
    ]
    monkeypatch.chdir(own_place / "try")
    found = config.load()
    assert found.routes["default"].targets == tuple(found.accounts)
    assert found.sandbox_speed == 20.0
