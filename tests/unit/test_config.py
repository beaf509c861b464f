"""The configuration is exact, and names file, path and remedy when it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support import FakeSettings

from motionkit import config
from motionkit.config import Config, Defaults
from motionkit.errors import Billed, ConfigError

KEY = "sk-planted-0123456789"
ACCOUNT = f'[accounts.fake]\napi_key = "{KEY}"\n'


@pytest.fixture(autouse=True)
def _one_provider(install: Callable[..., None], home: Path) -> None:
    install(("fake", "support:FakeProvider"))


def load(text: str, home: Path) -> Config:
    file = home / "motionkit.toml"
    file.write_text(text)
    return config.load(file)


def complaint(text: str, home: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text, home)
    error = caught.value
    assert error.billed is Billed.NO
    assert "planted" not in str(error)
    assert "planted" not in repr(error.__cause__)
    prefix = str(home / "motionkit.toml")
    assert error.message.startswith(prefix)
    return error.message.removeprefix(prefix)


def settings(found: Config, name: str = "fake") -> FakeSettings:
    made = found.account(name).settings
    assert isinstance(made, FakeSettings)
    return made


# Where it comes from.


def keyed(path: Path, name: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'[accounts.{name}]\nprovider = "fake"\napi_key = "{KEY}"\n')
    return path


def test_a_named_file_goes_before_all_others(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = keyed(home / "given.toml", "given")
    variable = keyed(home / "variable.toml", "variable")
    keyed(home / "motionkit.toml", "found")
    monkeypatch.setenv("MOTIONKIT_CONFIG", str(variable))
    assert list(config.load(given).accounts) == ["given"]
    assert list(config.load().accounts) == ["variable"]
    monkeypatch.delenv("MOTIONKIT_CONFIG")
    assert list(config.load().accounts) == ["found"]


def test_the_nearest_file_upwards_goes_before_the_users_own(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyed(home / ".config" / "motionkit" / "motionkit.toml", "own")
    assert list(config.load().accounts) == ["own"]
    keyed(home / "motionkit.toml", "above")
    deep = home / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert list(config.load().accounts) == ["above"]
    keyed(home / "a" / "motionkit.toml", "near")
    found = config.load()
    assert list(found.accounts) == ["near"]
    assert found.source == home / "a" / "motionkit.toml"


def test_the_users_own_file_may_lie_elsewhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "etc"))
    keyed(home / "etc" / "motionkit" / "motionkit.toml", "own")
    assert list(config.load().accounts) == ["own"]


def test_a_variable_that_names_no_file_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTIONKIT_CONFIG", "~/nowhere.toml")
    with pytest.raises(ConfigError) as caught:
        config.load()
    assert caught.value.message == "MOTIONKIT_CONFIG names '~/nowhere.toml', which is not a file"


def test_a_named_file_that_is_not_there_is_refused(home: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: .*No such file"):
        config.load(home / "absent.toml")


# The environment.


def test_without_a_file_the_keys_of_the_environment_make_the_accounts(
    install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(
        ("fake", "support:FakeProvider"),
        ("other", "support:FakeProvider"),
        ("keyless", "support:FakeProvider"),
    )
    monkeypatch.setenv("FAKE_API_KEY", f" {KEY}\n")
    monkeypatch.setenv("OTHER_API_KEY", "sk-of-the-other")
    monkeypatch.setenv("OTHER_BASE_URL", "http://127.0.0.1:8000")
    found = config.load()
    assert list(found.accounts) == ["fake", "other"]
    assert found.source is None
    assert settings(found).api_key == KEY
    assert settings(found).base_url is None
    assert settings(found, "other").base_url == "http://127.0.0.1:8000"
    assert found.defaults == Defaults()
    assert (found.defaults.timeout, found.defaults.wait_for_slot, found.defaults.lateness) == (
        1800.0,
        600.0,
        2.0,
    )


def test_a_file_goes_before_the_keys_of_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_API_KEY", "sk-of-the-environment")
    assert settings(load(ACCOUNT, home)).api_key == KEY


def test_an_unusable_key_in_the_environment_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAKE_API_KEY", "planted\nwith a line")
    with pytest.raises(ConfigError) as caught:
        config.load()
    assert caught.value.message == (
        "environment: accounts.fake.api_key has characters that cannot stand in an HTTP header"
    )


# Reading.


def test_every_setting_of_an_account_is_read(home: Path) -> None:
    found = load(
        """
        [defaults]
        timeout = 60
        lateness = 0.5

        [accounts.main]
        provider = "fake"
        api_key = "sk-planted-0123456789"
        region = "cn"
        usd_per_credit = "0.0075"
        base_url = "https://gateway.example"
        max_concurrent = 5
        rpm = 60
        patience = 30

        [accounts.fake]
        api_key = "sk-another-0123456789"
        """,
        home,
    )
    assert list(found.accounts) == ["main", "fake"]
    assert found.account("main").provider == "fake"
    main = settings(found, "main")
    assert (main.region, main.usd_per_credit) == ("cn", Decimal("0.0075"))
    assert (main.base_url, main.max_concurrent, main.rpm) == ("https://gateway.example", 5, 60)
    assert (main.patience, type(main.patience)) == (30.0, float)
    assert settings(found).region == "international"
    assert (found.defaults.timeout, found.defaults.lateness) == (60.0, 0.5)
    assert found.defaults.wait_for_slot == 600.0


def test_a_key_is_not_shown_by_the_configuration(home: Path) -> None:
    found = load(ACCOUNT, home)
    assert settings(found).api_key.encode() == KEY.encode()
    assert "planted" not in repr(found)
    assert "planted" not in f"{found.accounts}"


def test_variables_are_expanded_from_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    monkeypatch.setenv("MY_HOST", "gateway")
    found = load(
        '[accounts.fake]\napi_key = "${MY_KEY}"\nbase_url = "https://${MY_HOST}.example/${MY_HOST}"\n',
        home,
    )
    assert settings(found).api_key == KEY
    assert settings(found).base_url == "https://gateway.example/gateway"


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_named(
    value: str | None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    assert complaint('[accounts.fake]\napi_key = "${MY_KEY}"\n', home) == (
        ": accounts.fake.api_key needs the environment variable MY_KEY, which is not set"
    )


def test_what_only_looks_like_a_variable_stays(home: Path) -> None:
    found = load('[accounts.fake]\napi_key = "$MY_KEY-${1}-{x}"\n', home)
    assert settings(found).api_key == "$MY_KEY-${1}-{x}"


# What is wrong.


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("acounts = 1", (": acounts is not a key that we know; known are journal, accounts,"
         " defaults; did you mean 'accounts'?")),
        (ACCOUNT + "api_kee = 1", (": accounts.fake.api_kee is not a key that we know; known are"
         " api_key, base_url, max_concurrent, rpm, reconcile_window, region, usd_per_credit, patience, provider;"
         " did you mean 'api_key'?")),
        (ACCOUNT + "zzz = 1", (": accounts.fake.zzz is not a key that we know; known are"
         " api_key, base_url, max_concurrent, rpm, reconcile_window, region, usd_per_credit, patience, provider")),
        ("[defaults]\ntimeuot = 1", (": defaults.timeuot is not a key that we know; known are"
         " timeout, wait_for_slot, lateness; did you mean 'timeout'?")),
    ],
)  # fmt: skip
def test_an_unknown_key_is_refused_with_the_nearest(text: str, said: str, home: Path) -> None:
    assert complaint(text, home) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ACCOUNT + 'rpm = "60"', "accounts.fake.rpm: expected int, got str"),
        (ACCOUNT + "rpm = 6.5", "accounts.fake.rpm: expected int, got float"),
        (ACCOUNT + "max_concurrent = true",
         "accounts.fake.max_concurrent: expected int, got bool"),
        (ACCOUNT + "base_url = 7", "accounts.fake.base_url: expected str, got int"),
        (ACCOUNT + 'region = "mars"', ("accounts.fake.region: mars not in literal"
         " typing.Literal['international', 'cn']")),
        (ACCOUNT + 'patience = "long"', "accounts.fake.patience: expected float, got str"),
        (ACCOUNT + 'usd_per_credit = "cheap"',
         "accounts.fake.usd_per_credit has a value that cannot be used"),
        (ACCOUNT + "usd_per_credit = 0.01",
         "accounts.fake.usd_per_credit is not text; put it in quotes"),
        ("[defaults]\ntimeout = true", "defaults.timeout: expected float, got bool"),
        ('[defaults]\ntimeout = "60"', "defaults.timeout: expected float, got str"),
        ('[defaults]\ntimeout = "1"\nlateness = "2"', ("defaults.timeout: expected float, got str;"
         " {file}: defaults.lateness: expected float, got str")),
    ],
)  # fmt: skip
def test_a_wrong_type_is_refused_with_its_dotted_path(text: str, said: str, home: Path) -> None:
    assert complaint(text, home) == ": " + said.format(file=home / "motionkit.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accounts = 7", ": accounts is not a table"),
        ("[accounts]\nfake = 7", ": accounts.fake is not a table"),
        ("defaults = 7", ": defaults is not a table"),
        ('[accounts."a/b"]\nprovider = "fake"\napi_key = "x"',
         ": accounts.a/b: an account's name has no '/'"),
        ("[accounts.fake]", ": accounts.fake.api_key is missing: give the key of fake"),
        ('[accounts.fake]\napi_key = "  "', ": accounts.fake.api_key is empty"),
        ('[accounts.fake]\napi_key = "planted\\u0007"',
         ": accounts.fake.api_key has characters that cannot stand in an HTTP header"),
        ('[accounts.fake]\napi_key = "planted-\\u00e9"',
         ": accounts.fake.api_key has characters that cannot stand in an HTTP header"),
        ("[accounts.fake]\napi_key = 7", ": accounts.fake.api_key is not text; put it in quotes"),
        ("journal = 7", ": journal is 7; give a path or false"),
        ("journal = true", ": journal is True; give a path or false"),
        ("journal = []", ": journal is []; give a path or false"),
        ('journal = ""', ": journal is ''; give a path or false"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(text: str, said: str, home: Path) -> None:
    assert complaint(text, home) == said


@pytest.mark.parametrize("provider", ["'nobody'", "7", "[]"])
def test_an_account_of_no_provider_names_its_place(provider: str, home: Path) -> None:
    said = complaint(f'[accounts.shop]\nprovider = {provider}\napi_key = "x"', home)
    assert said.startswith(": accounts.shop")
    assert "provider" in said


def test_toml_that_cannot_be_read_is_named_with_its_line(home: Path) -> None:
    assert "line 2" in complaint("[defaults]\ntimeout = = 7", home)


def test_a_file_that_is_no_text_is_named(home: Path) -> None:
    (home / "motionkit.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"motionkit\.toml: "):
        config.load()


# Asking for an account.


def test_an_unknown_account_is_refused_with_what_there_is(home: Path) -> None:
    found = load(ACCOUNT, home)
    with pytest.raises(ConfigError) as caught:
        found.account("fcke")
    assert caught.value.message == (
        "there is no account 'fcke'; configured are: fake; did you mean 'fake'?"
    )
    with pytest.raises(ConfigError) as caught:
        found.account("zzz")
    assert caught.value.message == "there is no account 'zzz'; configured are: fake"


def test_a_provider_without_a_key_says_which_variable_to_set() -> None:
    with pytest.raises(ConfigError) as caught:
        config.load().account("fake")
    assert caught.value.message == (
        "no key for 'fake': set FAKE_API_KEY, or write [accounts.fake] in motionkit.toml"
    )


def test_nothing_configured_is_said(install: Callable[..., None]) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load().account("zzz")
    assert caught.value.message == "there is no account 'zzz'; configured are: none"
    install()
    with pytest.raises(ConfigError, match="no provider is installed"):
        config.load().account("zzz")


# The journal's place.


@pytest.mark.parametrize(
    ("text", "variables", "place"),
    [
        ("", {}, ".local/state/motionkit/journal.db"),
        ("", {"XDG_STATE_HOME": "~/var"}, "var/motionkit/journal.db"),
        ("", {"MOTIONKIT_JOURNAL": "~/env.db"}, "env.db"),
        ('journal = "~/file.db"', {}, "file.db"),
        ('journal = "~/file.db"', {"MOTIONKIT_JOURNAL": "~/env.db"}, "file.db"),
        ("journal = false", {}, None),
        ("journal = false", {"MOTIONKIT_JOURNAL": "~/env.db"}, None),
    ],
)
def test_the_journal_is_where_it_is_said_to_be(
    text: str,
    variables: dict[str, str],
    place: str | None,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    expected: Any = None if place is None else home / place
    assert load(text, home).journal == expected


def test_without_a_file_the_journal_is_in_the_state_folder(home: Path) -> None:
    assert config.load().journal == home / ".local" / "state" / "motionkit" / "journal.db"
