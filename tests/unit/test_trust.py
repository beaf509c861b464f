"""A cloned project's file may choose and limit; it may not run, read, or send elsewhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from support import FakeProvider, FakeSettings, Server

from motionkit import Client, config, places, trust
from motionkit.errors import Billed, ConfigError
from motionkit.places import Origin

KEY = "sk-planted-0123456789"
ACCOUNT = "[accounts.fake]\n"
KEYED = ACCOUNT + 'api_key = "${FAKE_API_KEY}"\n'


@attrs.frozen(kw_only=True)
class OddSettings(FakeSettings):
    upload_url: str | None = None
    proxy: str = ""
    tags: tuple[str, ...] = ()
    steps: int | float = 1


class OddProvider(FakeProvider):
    settings = OddSettings


@pytest.fixture(autouse=True)
def _providers(install: Callable[..., None], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(
        ("fake", "support:FakeProvider"),
        ("odd", "test_trust:OddProvider"),
        ("other", "support:FakeProvider"),
    )
    monkeypatch.setenv("FAKE_API_KEY", KEY)
    monkeypatch.setenv("OTHER_API_KEY", "sk-of-the-other")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-cloud-secret")


@pytest.fixture
def project(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand somewhere in a cloned project, and return its configuration file."""
    deep = home / "clone" / "src"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    return home / "clone" / "motionkit.toml"


def refused(file: Path, text: str) -> ConfigError:
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        config.load()
    error = caught.value
    assert error.billed is Billed.NO
    assert str(file) in error.message
    assert "may not do that" in error.message
    assert f"motionkit config trust {file}" in str(error.hint)
    assert "planted" not in f"{error} {error.__cause__!r} {error.__context__!r}"
    return error


# What is refused.


def test_a_command_in_a_cloned_project_is_refused_and_not_run(project: Path, home: Path) -> None:
    ran = home / "ran"
    command = json.dumps(["touch", str(ran)])
    for text in (
        f"{ACCOUNT}api_key = {{ command = {command} }}\n",
        f"{KEYED}[accounts.unused]\nprovider = 'fake'\napi_key = {{ command = {command} }}\n",
    ):
        error = refused(project, text)
        assert "api_key.command runs the command 'touch'" in error.message
        with pytest.raises(ConfigError):
            Client()
    assert not ran.exists()
    assert not (home / ".local").exists()


def test_a_foreign_address_in_a_cloned_project_is_refused_and_nothing_is_sent(
    project: Path,
) -> None:
    with Server(lambda peer: peer.close()) as server:
        foreign = server.url.replace("127.0.0.1", "127.0.0.1.example")
        error = refused(project, f'{KEYED}base_url = "{foreign}"\n')
        assert server.connections == 0
    assert "accounts.fake.base_url sends the account's key and media" in error.message


def test_a_foreign_variable_in_a_cloned_project_is_refused(project: Path) -> None:
    error = refused(project, ACCOUNT + 'api_key = "${AWS_SECRET_ACCESS_KEY}"\n')
    assert error.message == (
        f"{project}: accounts.fake.api_key reads the environment variable AWS_SECRET_ACCESS_KEY "
        "(only the provider's documented FAKE_API_KEY may stand there); a file that was merely "
        "found in a project folder may not do that"
    )


@pytest.mark.parametrize(
    ("text", "dotted"),
    [
        (ACCOUNT + 'api_key = { file = "~/.ssh/id_ed25519" }', "accounts.fake.api_key.file"),
        (ACCOUNT + "api_key = { file = 7, command = [] }", "accounts.fake.api_key.file"),
        (ACCOUNT + "api_key = { command = 7 }", "accounts.fake.api_key.command"),
        (ACCOUNT + 'api_key = "x${FAKE_API_KEY}${HOME}"', "accounts.fake.api_key"),
        (ACCOUNT + 'api_key = "${OTHER_API_KEY}"', "accounts.fake.api_key"),
        (ACCOUNT + 'api_key = "${FAKE_TEAM_API_KEY}"', "accounts.fake.api_key"),
        (ACCOUNT + 'provider = "other"\napi_key = "${FAKE_API_KEY}"', "accounts.fake.api_key"),
        (KEYED + 'base_url = "https://gateway.example"', "accounts.fake.base_url"),
        (KEYED + 'base_url = "https://127.0.0.1@gateway.example"', "accounts.fake.base_url"),
        (KEYED + 'base_url = "http://127.0.0.1\\\\.example"', "accounts.fake.base_url"),
        (KEYED + 'base_url = "http://127.0.0.1\\t.example"', "accounts.fake.base_url"),
        (KEYED + 'base_url = "https://${FAKE_API_KEY}.example"', "accounts.fake.base_url"),
        (KEYED + 'base_url = "http://127.0.0.1/${FAKE_BASE_URL}"', "accounts.fake.base_url"),
        (KEYED + 'base_url = "${HOME}"', "accounts.fake.base_url"),
        (KEYED + 'base_url = "${OTHER_BASE_URL}"', "accounts.fake.base_url"),
        (KEYED + 'region = "${HOME}"', "accounts.fake.region"),
        ('[accounts.odd]\napi_key = "x"\nupload_url = "https://up.example"',
         "accounts.odd.upload_url"),
        ('[accounts.odd]\napi_key = "x"\nproxy = "gateway.example:80"', "accounts.odd.proxy"),
        ('[accounts.odd]\napi_key = "x"\ntags = ["https://up.example"]', "accounts.odd.tags"),
        ("journal = false", "journal"),
        ('journal = "ledger.db"', "journal"),
        ('journal = "/nowhere/ledger.db"', "journal"),
        ('journal = "~/.local/state/motionkit/../ledger.db"', "journal"),
        ('journal = "${XDG_STATE_HOME}/ledger.db"', "journal"),
    ],
)  # fmt: skip
def test_what_needs_trust_is_refused_by_its_dotted_path(
    text: str, dotted: str, project: Path
) -> None:
    assert f"{project}: {dotted} " in refused(project, text).message


def test_every_refused_setting_is_named_at_once(project: Path) -> None:
    said = refused(project, f'journal = false\n{ACCOUNT}api_key = "${{HOME}}"\n').message
    assert "journal switches the ledger off" in said
    assert "accounts.fake.api_key reads" in said


def test_an_address_as_the_journal_is_refused_without_its_password(project: Path) -> None:
    said = refused(project, f'journal = "postgresql://u:s3cret@db.example/x"\n{KEYED}')
    assert "s3cret" not in f"{said} {said.hint}"


def test_a_journal_that_leaves_the_state_folder_by_a_link_is_refused(
    project: Path, home: Path
) -> None:
    state = home / ".local" / "state" / "motionkit"
    state.mkdir(parents=True)
    (state / "link").symlink_to(home / "clone")
    refused(project, 'journal = "~/.local/state/motionkit/link/ledger.db"')


def test_a_project_may_not_send_an_accounts_own_key_to_another_vendor(
    project: Path, home: Path
) -> None:
    own = home / ".config" / "motionkit" / "motionkit.toml"
    own.parent.mkdir(parents=True)
    own.write_text(f'{ACCOUNT}api_key = "{KEY}"\n')
    error = refused(project, ACCOUNT + 'provider = "other"\n')
    assert "would send the key of your own account 'fake' to another vendor" in error.message
    project.write_text(ACCOUNT + 'provider = "fake"\nrpm = 3\n')
    assert config.load().account("fake").settings.rpm == 3


# What is honoured.


@pytest.mark.parametrize(
    "text",
    [
        KEYED + 'region = "cn"\nrpm = 6\nusd_per_credit = "0.02"\npatience = 3.5',
        KEYED + '[routes.default]\ntargets = ["fake"]\nmax_usd = "1"\n[defaults]\ntimeout = 9',
        KEYED + 'base_url = "http://127.0.0.1:8000"',
        KEYED + 'base_url = "http://[::1]:8000"',
        KEYED + 'base_url = "http://localhost:8000"',
        KEYED + 'base_url = "${FAKE_BASE_URL}"',
        ACCOUNT + 'api_key = "sk-of-the-project"',
        '[accounts.second]\nprovider = "fake"\napi_key = "${FAKE_API_KEY}"',
        '[accounts.odd]\napi_key = "x"\nsteps = 3\nupload_url = "http://127.0.0.1:1"',
        'journal = "~/.local/state/motionkit/project.db"',
    ],
)
def test_routes_limits_and_documented_names_need_no_trust(
    text: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "FAKE_BASE_URL" in text:
        monkeypatch.setenv("FAKE_BASE_URL", "https://of-the-users-own-choice.example")
    project.write_text(text)
    for account in config.load().accounts.values():
        assert account.settings.api_key


BOLD = """
journal = "ledger.db"
[accounts.fake]
api_key = { file = "key" }
base_url = "https://gateway.example"
"""


@pytest.mark.parametrize("way", ["argument", "variable", "own", "trusted"])
def test_a_file_that_the_user_vouches_for_may_do_all_of_it(
    way: str, project: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project
    if way == "own":
        file = home / ".config" / "motionkit" / "motionkit.toml"
        file.parent.mkdir(parents=True)
    file.write_text(BOLD)
    (file.parent / "key").write_text(KEY)
    if way == "variable":
        monkeypatch.setenv("MOTIONKIT_CONFIG", str(file))
    if way == "trusted":
        trust.record(places.read(file, Origin.FOUND))
    found = config.load(file if way == "argument" else None)
    assert found.account("fake").settings.api_key.reveal() == KEY
    assert found.account("fake").settings.base_url == "https://gateway.example"
    assert found.journal == file.parent / "ledger.db"


# The store.


def test_an_edited_file_must_be_trusted_again(project: Path, home: Path) -> None:
    project.write_text(BOLD)
    store = trust.record(places.read(project, Origin.FOUND))
    assert store == home / ".local" / "state" / "motionkit" / "trusted.json"
    assert store.stat().st_mode & 0o777 == 0o600
    config.load()
    project.write_text(BOLD + "rpm = 7\n")
    with pytest.raises(ConfigError) as caught:
        config.load()
    assert str(caught.value.hint).startswith("it has changed since it was trusted: read it")
    project.write_text(BOLD)
    config.load()


def test_trust_is_for_one_place_and_many_files_keep_theirs(project: Path, home: Path) -> None:
    project.write_text(BOLD)
    other = home / "other" / "motionkit.toml"
    other.parent.mkdir()
    other.write_text(BOLD)
    trust.record(places.read(project, Origin.FOUND))
    assert not trust.is_trusted(places.read(other, Origin.FOUND))
    trust.record(places.read(other, Origin.FOUND))
    assert trust.is_trusted(places.read(other, Origin.FOUND))
    assert trust.is_trusted(places.read(project, Origin.FOUND))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": 7}', '{"files": {"a": 1}}', "\xff"])
def test_a_store_that_cannot_be_read_trusts_nothing(
    content: str, project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    project.write_text(BOLD)
    store = trust.record(places.read(project, Origin.FOUND))
    store.write_bytes(content.encode("latin-1"))
    with caplog.at_level(logging.WARNING, "motionkit"):
        refused(project, BOLD)
    trust.record(places.read(project, Origin.FOUND))
    config.load()


def test_a_state_folder_that_cannot_be_written_is_named(project: Path, home: Path) -> None:
    project.write_text(BOLD)
    (home / ".local").write_text("no folder")
    with pytest.raises(ConfigError) as caught:
        trust.record(places.read(project, Origin.FOUND))
    assert str(home / ".local") in caught.value.message


def test_what_is_asked_for_is_shown_with_keys_masked(project: Path) -> None:
    project.write_text(
        "[accounts.one]\nprovider = 'fake'\napi_key = 'sk-planted-${HOME}'\n"
        "base_url = 'https://u:planted@gateway.example'\n"
        "[accounts.two]\nprovider = 'fake'\napi_key = { command = ['pass', 'show', 'two words'] }\n"
    )
    shown = [(one.dotted, one.shown) for one in trust.findings(config_file(project), None)]
    assert shown == [
        ("accounts.one.api_key", "*** with ${HOME}"),
        ("accounts.one.base_url", "https://***@gateway.example"),
        ("accounts.two.api_key.command", '["pass", "show", "two words"]'),
    ]


def config_file(path: Path) -> places.File:
    return places.read(path, Origin.FOUND)
