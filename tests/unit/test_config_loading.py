"""The configuration is exact, and names file, path and remedy when it is wrong."""

from __future__ import annotations

import copy
import enum
import errno
import json
import os
import pickle
import re
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from support import FakeProvider, FakeSettings

from motionkit import config
from motionkit._support.addresses import DatabaseAddress
from motionkit._support.redaction import redact
from motionkit.config import Config, Defaults, Route, credentials, files, schema, trust
from motionkit.errors import Billed, ConfigError
from motionkit.testing.memory import Memory

KEY = "sk-planted-0123456789"
ACCOUNT = f'[accounts.fake]\napi_key = "{KEY}"\n'
ROUTE = ACCOUNT + "[routes.quick]\n"
TO_FAKE = ROUTE + 'targets = ["fake"]\n'
KEYED = "[accounts.fake]\napi_key = "

KEYS = (
    "known are api_key, provider, base_url, max_concurrent, rpm, reconcile_window, region, "
    "usd_per_credit, patience"
)
ROUTE_KEYS = (
    "known are targets, choose, max_usd, budget_usd, wait_for_slot, on_busy, fall_back_on, "
    "paid_retries"
)
AMOUNT = 'give an amount as text in quotes, such as "2.50"'
RAW_PYTHON = re.compile(r"<class|object at|Error\b|\[Errno|\b(True|None|NoneType|Decimal)\b|\('")
FORMS = 'give text, { file = "..." }, { command = ["...", "..."] } or { keyring = "..." }'


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
    assert not RAW_PYTHON.search(error.message)
    return error.message.removeprefix(prefix)


def settings(found: Config, name: str = "fake") -> FakeSettings:
    made = found.account(name).settings
    assert isinstance(made, FakeSettings)
    return made


# Where it comes from.


def keyed(path: Path, name: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'[accounts.{name}]\nprovider = "fake"\napi_key = "{KEY}"\n')
    return trusted(path)


def trusted(path: Path) -> Path:
    trust.record(files.read(path, files.Origin.FOUND))
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
    assert list(config.load().accounts) == ["above", "own"]
    keyed(home / "a" / "motionkit.toml", "near")
    found = config.load()
    assert list(found.accounts) == ["near", "own"]
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
    assert settings(found).api_key.reveal() == KEY
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
    assert settings(load(ACCOUNT, home)).api_key.reveal() == KEY


@pytest.mark.parametrize("account", ["fake", "team"])
def test_an_address_in_the_environment_goes_over_the_vendors_own(
    account: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_BASE_URL", "http://127.0.0.1:8000")
    found = load(f'[accounts.{account}]\nprovider = "fake"\napi_key = "{KEY}"\n', home)
    assert settings(found, account).base_url == "http://127.0.0.1:8000"
    assert found.account(account).origins == {"base_url": "http://127.0.0.1:8000"}


@pytest.mark.parametrize(
    "said", ["http://127.0.0.1:8000", "http://127.0.0.1:8000/", "${FAKE_BASE_URL}"]
)
def test_a_file_may_name_the_same_address_as_the_environment(
    said: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_BASE_URL", "http://127.0.0.1:8000")
    found = load(f'{ACCOUNT}base_url = "{said}"\n', home)
    assert str(settings(found).base_url).rstrip("/") == "http://127.0.0.1:8000"


def test_an_address_in_a_file_and_another_in_the_environment_are_both_named(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_BASE_URL", "http://127.0.0.1:8000")
    assert complaint(ACCOUNT + 'base_url = "https://gateway.example"', home) == (
        ": accounts.fake.base_url is 'https://gateway.example', and the environment variable "
        "FAKE_BASE_URL is 'http://127.0.0.1:8000': it is unclear which is meant"
    )


def test_an_address_of_uploads_in_a_file_does_not_outlive_the_environments(
    install: Callable[..., None], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(("segmind", "motionkit_segmind.adapter:Segmind"))
    monkeypatch.setenv("SEGMIND_BASE_URL", "http://127.0.0.1:8000")
    said = f'[accounts.segmind]\napi_key = "{KEY}"\nupload_url = "https://up.example"\n'
    assert "accounts.segmind.upload_url is 'https://up.example', and" in complaint(said, home)
    both = said + 'base_url = "http://127.0.0.1:8000"\n'
    assert load(both, home).account("segmind").origins["upload_url"] == "https://up.example"


def test_an_address_in_the_environment_that_is_none_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_BASE_URL", "gateway")
    with pytest.raises(ConfigError, match=r"environment: FAKE_BASE_URL: 'gateway' is not https"):
        load(ACCOUNT, home)


def test_an_unusable_key_in_the_environment_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAKE_API_KEY", "planted\nwith a line")
    with pytest.raises(ConfigError) as caught:
        config.load()
    assert caught.value.message == (
        "environment: accounts.fake.api_key has characters that an HTTP header cannot hold"
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
    assert settings(found).api_key.reveal() == KEY
    assert settings(found).base_url == "https://gateway.example/gateway"


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_named_when_its_account_is_used(
    value: str | None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    found = load('[accounts.fake]\napi_key = "${MY_KEY}"\n', home)
    with pytest.raises(ConfigError) as caught:
        _ = found.account("fake").settings
    assert caught.value.message == (
        f"{home / 'motionkit.toml'}: accounts.fake.api_key needs the environment variable MY_KEY, "
        "which is not set"
    )


def test_a_variable_of_another_setting_is_needed_at_once_and_never_shown(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert complaint(ACCOUNT + 'base_url = "${MY_HOST}"', home) == (
        ": accounts.fake.base_url needs the environment variable MY_HOST, which is not set"
    )
    monkeypatch.setenv("MY_REGION", "planted-text")
    assert complaint(ACCOUNT + 'region = "${MY_REGION}"', home) == (
        ": accounts.fake.region is text; give one of 'international', 'cn'"
    )


def test_what_only_looks_like_a_variable_stays(home: Path) -> None:
    found = load('[accounts.fake]\napi_key = "$MY_KEY-${1}-{x}"\n', home)
    assert settings(found).api_key.reveal() == "$MY_KEY-${1}-{x}"


# What is wrong.


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("acounts = 1", (": acounts is not a key that we know; known are journal, accounts,"
         " defaults, routes; did you mean 'accounts'?")),
        (ACCOUNT + "api_kee = 1", (": accounts.fake.api_kee is not a key that we know;"
         f" {KEYS}; did you mean 'api_key'?")),
        (ACCOUNT + "zzz = 1", f": accounts.fake.zzz is not a key that we know; {KEYS}"),
        ("[defaults]\ntimeuot = 1", (": defaults.timeuot is not a key that we know; known are"
         " timeout, wait_for_slot, remember, lateness, upload_timeout, stage, budget_usd,"
         " route_budgets; did you mean 'timeout'?")),
        (TO_FAKE + 'chose = "first"', (": routes.quick.chose is not a key that we know;"
         f" {ROUTE_KEYS}; did you mean 'choose'?")),
        (TO_FAKE + 'name = "x"',
         f": routes.quick.name is not a key that we know; {ROUTE_KEYS}"),
        (TO_FAKE + 'budget_usd = { daily = "1" }',
         (": routes.quick.budget_usd.daily is not a key that we know; known are day, week, month,"
          " total; did you mean 'day'?")),
    ],
)  # fmt: skip
def test_an_unknown_key_is_refused_with_the_nearest(text: str, said: str, home: Path) -> None:
    assert complaint(text, home) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ACCOUNT + 'rpm = "60"', "accounts.fake.rpm is text; give a whole number, 0 or more"),
        (ACCOUNT + "rpm = 6.5", "accounts.fake.rpm is 6.5; give a whole number, 0 or more"),
        (ACCOUNT + "rpm = -1", "accounts.fake.rpm is -1; give a whole number, 0 or more"),
        (ACCOUNT + "max_concurrent = true",
         "accounts.fake.max_concurrent is true; give a whole number, 0 or more"),
        (ACCOUNT + "base_url = 7", "accounts.fake.base_url is 7; give text in quotes"),
        (ACCOUNT + "base_url = 1979-05-27",
         "accounts.fake.base_url is a date; give text in quotes"),
        (ACCOUNT + 'region = "cnn"', ("accounts.fake.region is 'cnn'; give one of 'international',"
         " 'cn'; did you mean 'cn'?")),
        (ACCOUNT + "region = 7", "accounts.fake.region is 7; give one of 'international', 'cn'"),
        (ACCOUNT + "region = ['cn']",
         "accounts.fake.region is a list; give one of 'international', 'cn'"),
        (ACCOUNT + 'patience = "long"', "accounts.fake.patience is text; give a number, 0 or more"),
        (ACCOUNT + "patience = nan", "accounts.fake.patience is nan; give a number, 0 or more"),
        (ACCOUNT + "patience = inf", "accounts.fake.patience is inf; give a number, 0 or more"),
        (ACCOUNT + 'usd_per_credit = "cheap"',
         f"accounts.fake.usd_per_credit is not an amount; {AMOUNT}"),
        (ACCOUNT + 'usd_per_credit = "-1"',
         f"accounts.fake.usd_per_credit is not an amount; {AMOUNT}"),
        (ACCOUNT + 'usd_per_credit = "nan"',
         f"accounts.fake.usd_per_credit is not an amount; {AMOUNT}"),
        (ACCOUNT + "usd_per_credit = 0.01", f"accounts.fake.usd_per_credit is 0.01; {AMOUNT}"),
        (ACCOUNT + "usd_per_credit = 1", f"accounts.fake.usd_per_credit is 1; {AMOUNT}"),
        (ACCOUNT + f"patience = 1{'0' * 400}",
         "accounts.fake.patience is a whole number of more than 64 bits; give a number, 0 or more"),
        (ACCOUNT + "patience = 100000001", ("accounts.fake.patience is above the limit"
         " of 100,000,000; give a number, 0 or more")),
        (ACCOUNT + "patience = 1e99", ("accounts.fake.patience is above the limit"
         " of 100,000,000; give a number, 0 or more")),
        (ACCOUNT + "rpm = 1000001", ("accounts.fake.rpm is above the limit of 1,000,000;"
         " give a whole number, 0 or more")),
        (ACCOUNT + f"rpm = 1{'0' * 4000}", ("accounts.fake.rpm is above the limit of"
         " 1,000,000; give a whole number, 0 or more")),
        (ACCOUNT + f"rpm = 0x{'f' * 9000}", ("accounts.fake.rpm is above the limit of"
         " 1,000,000; give a whole number, 0 or more")),
        (ACCOUNT + "rpm = 0", "accounts.fake: rpm is 0; give at least 1"),
        (ACCOUNT + "max_concurrent = 0", "accounts.fake: max_concurrent is 0; give at least 1"),
        (ACCOUNT + 'usd_per_credit = "1e999999"',
         f"accounts.fake.usd_per_credit is above the limit of 1,000,000; {AMOUNT}"),
        (ACCOUNT + 'usd_per_credit = "1e-999999"', ("accounts.fake.usd_per_credit has more than 12"
         f" digits after its decimal point, which is the limit; {AMOUNT}")),
        (TO_FAKE + 'max_usd = "1e7"',
         f"routes.quick.max_usd is above the limit of 1,000,000; {AMOUNT}"),
        ('[defaults]\nbudget_usd = { day = "1000001" }',
         f"defaults.budget_usd.day is above the limit of 1,000,000; {AMOUNT}"),
        ("[defaults]\ntimeout = true", "defaults.timeout is true; give a number, 0 or more"),
        ('[defaults]\ntimeout = "60"', "defaults.timeout is text; give a number, 0 or more"),
        ('[defaults]\ntimeout = "1"\nlateness = []', ("defaults.timeout is text; give a number,"
         " 0 or more; {file}: defaults.lateness is a list; give a number, 0 or more")),
        (ROUTE + 'targets = "fake"', ("routes.quick.targets is text;"
         " give a list of which each is text in quotes")),
        (ROUTE + "targets = [7]", "routes.quick.targets[0] is 7; give text in quotes"),
        (ROUTE, "routes.quick.targets is missing; give a list of which each is text in quotes"),
        (TO_FAKE + 'choose = "fast"', ("routes.quick.choose is 'fast'; give one of 'first',"
         " 'cheapest', 'fastest'; did you mean 'fastest'?")),
        (TO_FAKE + "max_usd = 2.0", f"routes.quick.max_usd is 2.0; {AMOUNT}"),
        (TO_FAKE + 'budget_usd = "20"', ("routes.quick.budget_usd is text; give a table of which"
         ' each value is an amount as text in quotes, such as "2.50"')),
        ("[defaults]\nbudget_usd = 20", ("defaults.budget_usd is 20; give a table of which"
         ' each value is an amount as text in quotes, such as "2.50"')),
        ("[defaults]\nbudget_usd = { day = 20 }", f"defaults.budget_usd.day is 20; {AMOUNT}"),
        ('[defaults]\nbudget_usd = { day = "-1" }',
         f"defaults.budget_usd.day is not an amount; {AMOUNT}"),
        (TO_FAKE + "budget_usd = { day = 20 }", f"routes.quick.budget_usd.day is 20; {AMOUNT}"),
        (TO_FAKE + 'fall_back_on = ["rate-limited"]',
         ("routes.quick.fall_back_on[0] is 'rate-limited'; give one of 'unavailable', 'busy',"
          " 'rate_limited', 'credits', 'authentication', 'permission';"
          " did you mean 'rate_limited'?")),
        (TO_FAKE + "paid_retries = -1",
         "routes.quick.paid_retries is -1; give a whole number, 0 or more"),
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
         ": accounts.fake.api_key has characters that an HTTP header cannot hold"),
        ('[accounts.fake]\napi_key = "planted-\\u00e9"',
         ": accounts.fake.api_key has characters that an HTTP header cannot hold"),
        (KEYED + "7", f": accounts.fake.api_key is not text; {FORMS}"),
        (KEYED + '{ file = "a", command = ["b"] }',
         f": accounts.fake.api_key is a table of another form; {FORMS}"),
        (KEYED + '{ comand = ["b"] }',
         f": accounts.fake.api_key is a table of another form; {FORMS}"),
        (KEYED + '{ file = "" }',
         ": accounts.fake.api_key.file is not a path; give it as text in quotes"),
        (KEYED + '{ command = "pass show it" }', (": accounts.fake.api_key.command is not a list"
         " of texts; give the program and each of its arguments in quotes, such as"
         ' ["pass", "show", "motionkit"]; there is no shell')),
        (ACCOUNT + 'base_url = "http://gateway.example"', (": accounts.fake.base_url:"
         " 'http://gateway.example' is not https://host (http on loopback only)")),
        ('[accounts." "]\nprovider = "fake"\napi_key = "x"',
         ": accounts. : an account's name is printable text without blanks at its ends"),
        ("routes = 7", ": routes is not a table"),
        ("[[routes]]", ": routes is not a table"),
        (ACCOUNT + "[routes]\nquick = 7", ": routes.quick is not a table"),
        (ACCOUNT + '[routes."a/b"]\ntargets = ["fake"]', ": routes.a/b: a route's name has no '/'"),
        (ACCOUNT + '[routes.fake]\ntargets = ["fake"]',
         ": routes.fake has the name of an account; rename one of them"),
        (ROUTE + "targets = []", (": routes.quick.targets is empty;"
         " name at least one account or account/model")),
        (ROUTE + 'targets = ["fke"]', (": routes.quick.targets names 'fke': there is no such"
         " account; configured are: fake; did you mean 'fake'?")),
        (ROUTE + 'targets = ["other/mimic"]', (": routes.quick.targets names 'other/mimic': there"
         " is no such account; configured are: fake")),
        (ROUTE + 'targets = ["fake", "fake"]', ": routes.quick.targets names 'fake' twice"),
        ("journal = 7", ": journal is 7; give a path, an address or false"),
        ("journal = true", ": journal is true; give a path, an address or false"),
        ("journal = []", ": journal is a list; give a path, an address or false"),
        ('journal = "a\\u0000b"', ": 'a\\x00b' is not a path"),
        ('journal = ""', ": journal is empty text; give a path, an address or false"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(text: str, said: str, home: Path) -> None:
    assert complaint(text, home) == said


@pytest.mark.parametrize("provider", ["'nobody'", "7", "[]"])
def test_an_account_of_no_provider_names_its_place(provider: str, home: Path) -> None:
    said = complaint(f'[accounts.shop]\nprovider = {provider}\napi_key = "x"', home)
    assert said.startswith(": accounts.shop")
    assert "provider" in said


class Pace(enum.Enum):
    SLOW = "slow"


@attrs.frozen(kw_only=True)
class OddSettings(FakeSettings):
    pace: Pace = Pace.SLOW
    steps: int = attrs.field(default=1, validator=attrs.validators.lt(9))


class OddProvider(FakeProvider):
    settings = OddSettings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pace = 'fast'", "accounts.odd.pace is text; give what its provider documents"),
        ("pace = 7", "accounts.odd.pace is 7; give what its provider documents"),
        ("steps = 9", "accounts.odd has a value that cannot be used"),
    ],
)
def test_a_type_and_a_check_of_a_providers_own_refuse_without_raw_python(
    text: str, said: str, home: Path, install: Callable[..., None]
) -> None:
    install(("odd", "test_config_loading:OddProvider"))
    account = f'[accounts.odd]\napi_key = "{KEY}"\n'
    assert complaint(account + text, home) == f": {said}"
    found = load(account + "pace = 'slow'", home).account("odd").settings
    assert isinstance(found, OddSettings)
    assert found.pace is Pace.SLOW


def test_a_misspelt_provider_comes_with_the_nearest(home: Path) -> None:
    said = complaint('[accounts.shop]\nprovider = "fakke"\napi_key = "x"', home)
    assert said == (
        ": accounts.shop: there is no provider 'fakke'; installed are fake; did you mean 'fake'?"
    )


def test_toml_that_cannot_be_read_is_named_with_its_line(home: Path) -> None:
    assert "line 2" in complaint("[defaults]\ntimeout = = 7", home)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (".".join("a" * 20_000) + " = 1", (": a dotted key has too many parts (at line 1);"
         " at most 16 are read")),
        ("\n[" + ".".join("a" * 20_000) + "]", (": a dotted key has too many parts (at line 2);"
         " at most 16 are read")),
        (" . ".join(["'a.b'", '"c"'] * 9) + "=1", (": a dotted key has too many parts (at line 1);"
         " at most 16 are read")),
        ("a = " + "[" * 20_000, (": arrays and tables are nested too deeply (at line 1);"
         " at most 16 are read")),
        ("\n\na = " + "{ a = " * 5_000, (": arrays and tables are nested too deeply (at line 3);"
         " at most 16 are read")),
        ("x = '''\n'''\na = " + "[\n" * 17, (": arrays and tables are nested too deeply"
         " (at line 19); at most 16 are read")),
        ("#" * (256 * 1024 + 1), " has more than 262,144 bytes, which is the limit"),
        ("[accounts.fake]\nrpm = 1" + "0" * 5000, ": a whole number has too many digits"),
        (f"{'k' * 900} = 1", (f": {'k' * 80}... is not a key that we know; known are journal,"
         " accounts, defaults, routes")),
        (f"[accounts.fake]\napi_key = '{KEY}'\nregion = '{'r' * 9000}'",
         ": accounts.fake.region is text; give one of 'international', 'cn'"),
        ('"\\u001b[2J\\u202e" = 1', (":  is not a key that we know; known are journal,"
         " accounts, defaults, routes")),
    ],
)  # fmt: skip
def test_a_file_that_would_take_for_ever_is_refused(text: str, said: str, home: Path) -> None:
    assert complaint(text, home) == said


@pytest.mark.parametrize(
    "text",
    [
        'journal = "' + "." * 99 + '"',
        "journal = '''" + "[{" * 99 + "'''",
        'journal = """a\\"""' + "[" * 99 + '"""',
        "# " + "[a." * 99 + "\n" + 'journal = "x" # ' + "{" * 99,
    ],
)
def test_what_stands_in_text_or_comments_is_not_counted(text: str, home: Path) -> None:
    load(text, home)


@pytest.mark.parametrize("way", ["found", "own", "argument", "variable", "trust"])
def test_a_named_pipe_in_a_files_place_is_refused_and_not_waited_for(
    way: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own_path(home) if way == "own" else home / "motionkit.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    if way == "variable":
        monkeypatch.setenv("MOTIONKIT_CONFIG", str(path))
    named = path if way == "argument" else None
    with pytest.raises(ConfigError) as caught:
        _ = files.read(path, files.Origin.FOUND) if way == "trust" else config.load(named)
    assert caught.value.message == f"{path} is not a regular file"


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty", "/proc/self/mem"])
def test_a_device_is_no_configuration(device: str, home: Path) -> None:
    (home / "motionkit.toml").symlink_to(device)
    with pytest.raises(ConfigError, match=r"motionkit\.toml(:| is not a regular file)"):
        config.load()


@pytest.fixture
def closed(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another user's folder, as `stat` and `open` see it; root could look into a real one."""
    folder = home / "another"
    folder.mkdir()
    real_stat, real_open = os.stat, os.open

    def refuse(path: Any) -> None:
        if isinstance(path, str | Path) and folder in Path(path).parents:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

    def stat(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
        refuse(path)
        return real_stat(path, *args, **kwargs)

    def opening(path: Any, *args: Any, **kwargs: Any) -> int:
        refuse(path)
        return real_open(path, *args, **kwargs)

    monkeypatch.setattr(os, "stat", stat)
    monkeypatch.setattr(os, "open", opening)
    return folder


@pytest.mark.parametrize("variable", ["HOME", "XDG_CONFIG_HOME", "MOTIONKIT_CONFIG"])
def test_another_users_configuration_is_an_error_of_ours(
    variable: str, closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = closed / "motionkit.toml"
    monkeypatch.setenv(variable, str(path if variable == "MOTIONKIT_CONFIG" else closed))
    with pytest.raises(ConfigError) as caught:
        config.load()
    assert caught.value.message.startswith(str(closed))
    assert caught.value.message.endswith("motionkit.toml: Permission denied")
    assert "HOME" in str(caught.value.hint)


def test_a_named_file_of_another_user_is_an_error_of_ours(closed: Path) -> None:
    with pytest.raises(ConfigError, match="Permission denied"):
        config.load(closed / "motionkit.toml")


def test_a_found_file_that_cannot_be_read_is_not_passed_over(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "motionkit.toml").write_text("journal = false")

    def refuse(path: Any, *_: Any, **__: Any) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ConfigError, match=r"motionkit\.toml: Permission denied"):
        config.load()


def test_a_working_directory_that_is_gone_is_an_error_of_ours(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = home / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError) as caught:
        config.load()
    assert caught.value.message == (
        "the working directory cannot be read: No such file or directory"
    )


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


def test_a_providers_hyphen_is_an_underline_in_its_variables(
    install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(("my-vendor.v2", "support:FakeProvider"))
    assert credentials.documented("my-vendor.v2") == (
        "MY_VENDOR_V2_API_KEY",
        "MY_VENDOR_V2_BASE_URL",
    )
    monkeypatch.setenv("MY_VENDOR_V2_API_KEY", KEY)
    monkeypatch.setenv("MY_VENDOR_V2_BASE_URL", "https://h.example")
    found = config.from_environment().accounts["my-vendor.v2"].settings
    assert found.api_key.reveal() == KEY
    assert found.base_url == "https://h.example"


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


DATABASES = [
    ("postgresql://user:s3cret@db.example/motionkit", "postgresql://db.example/motionkit"),
    (" postgres://db.example:6432/x?password=s3cret", "postgresql://db.example:6432/x"),
    ("postgresql://", "postgresql://"),
    ("postgresql:///x?host=/var/run/db", "postgresql://%2Fvar%2Frun%2Fdb/x"),
    ("postgresql://u:%2Fs3%40cret@one,two:5433/x", "postgresql://one,two:5433/x"),
    ("postgresql://u@[::1]:5433/x", "postgresql://[::1]:5433/x"),
]


@pytest.mark.parametrize(("address", "place"), DATABASES)
def test_a_database_is_a_journal_and_its_password_is_not_shown(
    address: str, place: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADDRESS", address)
    found = [load(f'journal = "{address}"', home), load('journal = "${ADDRESS}"', home)]
    (home / "motionkit.toml").unlink()
    monkeypatch.setenv("MOTIONKIT_JOURNAL", address)
    found.append(config.load())
    for one in found:
        assert isinstance(one.journal, DatabaseAddress)
        assert one.journal.secret.reveal() == address.strip()
        assert str(one.journal) == place
        assert "cret" not in f"{one!r} {one.journal!r} {one.journal:s}"
        assert copy.deepcopy(one.journal) == one.journal
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(one.journal)


def test_the_password_of_a_database_is_masked_wherever_it_turns_up(home: Path) -> None:
    load('journal = "postgresql://user:pl%40nted-s3cret@db.example/x"', home)
    assert redact("with pl@nted-s3cret or pl%40nted-s3cret") == "with *** or ***"


ENCODED = "percent-encoded in an address: write %40 for '@', %2F for '/', %3F for '?', %23 for '#'"
NO_DATABASE = "give a path, or a PostgreSQL database: postgresql://HOST/DATABASE"


@pytest.mark.parametrize(
    ("address", "shown", "why"),
    [
        ("postgresql://u:s3cret/@s3cret@db/x", "postgresql://***@db/x", ENCODED),
        ("postgresql://u:12/s3cret@db/x", "postgresql://***@db/x", ENCODED),
        ("postgresql://u:s3?cret@db.example/x", "postgresql://***", ENCODED),
        ("postgresql://u:s3#cret@db.example/x", "postgresql://***@db.example/x", ENCODED),
        ("postgres://db.example/x?user=a@b&password=s3cret", "postgres://***", ENCODED),
        ("postgresql://db.example:port/x", "postgresql://db.example:port/x", "a number"),
        ("postgresql://db.exam ple/x", "postgresql://db.exam ple/x", "no spaces"),
        ("sqlite:///journal.db", "sqlite:///journal.db", NO_DATABASE),
        ("mysql://user:s3cret@db.example/x", "mysql://***@db.example/x", NO_DATABASE),
        ("  S3+x.y-z://bucket/journal", "  S3+x.y-z://bucket/journal", NO_DATABASE),
    ],
)
def test_another_address_is_no_journal_and_its_password_is_not_shown(
    address: str, shown: str, why: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADDRESS", address)
    for text in (f'journal = "{address}"', 'journal = "${ADDRESS}"'):
        said = complaint(text, home)
        assert said.startswith(f": journal is {shown!r}")
        assert why in said
    (home / "motionkit.toml").unlink()
    monkeypatch.setenv("MOTIONKIT_JOURNAL", address)
    with pytest.raises(ConfigError) as caught:
        config.load()
    assert caught.value.message.startswith(f"MOTIONKIT_JOURNAL is {shown!r}")
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ('journal = "postgresql://user:s3cret-word@db.example/x"', True),
        ('journal = "postgresql://user:${PASSWORD}@db.example/x"', False),
        ('journal = "postgresql://user@db.example/x"', False),
    ],
)
def test_a_file_with_a_password_that_others_can_read_is_warned_of(
    text: str,
    warned: bool,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("PASSWORD", "s3cret-word")
    (home / "motionkit.toml").touch(0o644)
    load(text, home)
    assert ("can be read by others" in caplog.text) is warned


@pytest.mark.parametrize(
    "name", ["MOTIONKIT_JOURNAL", "MOTIONKIT_CONFIG", "XDG_STATE_HOME", "XDG_CONFIG_HOME"]
)
def test_a_home_folder_of_nobody_is_named_with_its_variable(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "~nobody-of-that-name/x")
    with pytest.raises(ConfigError) as caught:
        config.load()
    assert caught.value.message == (
        f"{name} is '~nobody-of-that-name/x', and that home folder is unknown"
    )


def test_a_relative_journal_is_the_siblings_of_its_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load('journal = "ledger.db"', home)
    elsewhere = home / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert config.load(home / "motionkit.toml").journal == home / "ledger.db"


def test_without_a_file_the_journal_is_in_the_state_folder(home: Path) -> None:
    assert config.load().journal == home / ".local" / "state" / "motionkit" / "journal.db"


# Two files.


OWN = """
journal = "~/own.db"

[defaults]
timeout = 60
lateness = 0.5

[accounts.team]
provider = "fake"
api_key = "sk-of-the-team"
rpm = 6

[accounts.fake]
api_key = "sk-planted-0123456789"
rpm = 7
max_concurrent = 2

[routes.night]
targets = ["team", "fake"]
max_usd = "1.00"
"""


def own(home: Path, text: str = OWN) -> Path:
    path = home / ".config" / "motionkit" / "motionkit.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("way", ["found", "argument", "variable"])
def test_another_file_goes_over_the_users_own_by_name_and_by_key(
    way: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(home)
    named = home / ("motionkit.toml" if way == "found" else "other.toml")
    named.write_text(
        "[defaults]\ntimeout = 30\n[accounts.fake]\nrpm = 70\n"
        "[routes.night]\nmax_usd = '3.00'\n[routes.day]\ntargets = ['team']\n"
    )
    trusted(named)
    if way == "variable":
        monkeypatch.setenv("MOTIONKIT_CONFIG", str(named))
    found = config.load(named if way == "argument" else None)
    assert (found.defaults.timeout, found.defaults.lateness) == (30.0, 0.5)
    assert list(found.accounts) == ["fake", "team"]
    assert (settings(found).rpm, settings(found).max_concurrent) == (70, 2)
    assert settings(found).api_key.reveal() == KEY
    assert settings(found, "team").rpm == 6
    assert found.routes["night"].targets == ("team", "fake")
    assert found.routes["night"].max_usd == Decimal("3.00")
    assert list(found.routes) == ["night", "day", "default"]
    assert found.journal == home / "own.db"
    assert found.source == named
    assert [file.path for file in found.files] == [named, own_path(home)]


def own_path(home: Path) -> Path:
    return home / ".config" / "motionkit" / "motionkit.toml"


def test_a_budget_over_everything_is_read(home: Path) -> None:
    found = load('[defaults]\nbudget_usd = { day = "50.00", total = "900" }', home)
    assert found.defaults.budget_usd == {"day": Decimal("50.00"), "total": Decimal(900)}
    assert load("", home).defaults.budget_usd == {}


def test_budgets_of_two_files_merge_by_period(home: Path) -> None:
    own(
        home,
        f'{ACCOUNT}[defaults]\nbudget_usd = {{ day = "50", month = "400" }}\n'
        '[routes.night]\ntargets = ["fake"]\nbudget_usd = { day = "5" }\n',
    )
    found = load(
        '[defaults]\nbudget_usd = { day = "40", week = "90" }\n'
        '[routes.night]\nbudget_usd = { total = "70" }\n',
        home,
    )
    assert found.defaults.budget_usd == {"day": 40, "month": 400, "week": 90}
    assert found.routes["night"].budget_usd == {"day": 5, "total": 70}


def test_accounts_that_an_untrusted_project_adds_come_after_the_users_own(
    install: Callable[..., None], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(("fake", "support:FakeProvider"), ("other", "support:FakeProvider"))
    own(home)
    monkeypatch.setenv("OTHER_API_KEY", KEY)
    (home / "motionkit.toml").write_text(
        '[accounts.other]\napi_key = "${OTHER_API_KEY}"\n[accounts.fake]\nrpm = 3\n'
    )
    found = config.load()
    assert list(found.accounts) == ["team", "fake", "other"]
    assert found.routes["default"].targets == ("team", "fake", "other")
    trusted(home / "motionkit.toml")
    assert list(config.load().accounts) == ["other", "fake", "team"]


def test_an_error_names_the_file_that_says_it(home: Path) -> None:
    mine = own(home, OWN.replace("rpm = 7", "rpm = true"))
    theirs = home / "motionkit.toml"
    theirs.write_text('[accounts.fake]\nmax_concurrent = 1\n[accounts.new]\nprovider = "fake"\n')
    with pytest.raises(ConfigError) as caught:
        config.load()
    assert caught.value.message.startswith(f"{mine}: accounts.fake.rpm is true")
    own_path(home).write_text(OWN)
    with pytest.raises(ConfigError) as caught:
        config.load()
    assert (
        caught.value.message == f"{theirs}: accounts.new.api_key is missing: give the key of fake"
    )
    assert caught.value.hint == 'write api_key = "${FAKE_API_KEY}", and set that variable'


def test_the_users_own_file_is_read_once_when_it_is_the_nearest(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own(home)
    monkeypatch.chdir(path.parent)
    assert [file.path for file in config.load().files] == [path]
    assert [file.path for file in config.load(path).files] == [path]


def test_a_file_without_accounts_leaves_them_to_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_API_KEY", KEY)
    found = load('[routes.night]\ntargets = ["fake"]\nmax_usd = "1"', home)
    assert settings(found).api_key.reveal() == KEY
    assert list(found.routes) == ["night", "default"]
    monkeypatch.delenv("FAKE_API_KEY")
    assert complaint('[routes.night]\ntargets = ["fake"]', home) == (
        ": routes.night.targets names 'fake': no key for 'fake': set FAKE_API_KEY, or write "
        "[accounts.fake] in motionkit.toml"
    )


# Routes.


def test_every_setting_of_a_route_is_read(home: Path) -> None:
    found = load(
        ROUTE
        + """
        targets = ["fake"]
        choose = "cheapest"
        max_usd = "2.00"
        budget_usd = { day = "20.00", total = "100" }
        wait_for_slot = 5
        fall_back_on = ["busy", "credits"]
        paid_retries = 1
        """,
        home,
    )
    assert found.routes["quick"] == Route(
        name="quick",
        targets=("fake",),
        choose="cheapest",
        max_usd=Decimal("2.00"),
        budget_usd={"day": Decimal("20.00"), "total": Decimal(100)},
        wait_for_slot=5.0,
        fall_back_on=("busy", "credits"),
        paid_retries=1,
    )


def test_a_route_is_careful_unless_it_says_otherwise(home: Path) -> None:
    route = load(ROUTE + 'targets = ["fake"]', home).routes["quick"]
    assert (route.choose, route.max_usd, route.budget_usd) == ("first", None, {})
    assert (route.wait_for_slot, route.on_busy, route.paid_retries) == (None, "wait", 0)
    assert route.fall_back_on == (
        "unavailable",
        "busy",
        "rate_limited",
        "credits",
    )


SECOND = '[accounts.second]\nprovider = "fake"\napi_key = "sk-second"\n'


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        (ACCOUNT + SECOND, ("fake", "second")),
        (SECOND + ACCOUNT, ("second", "fake")),
        (ACCOUNT + SECOND + '[routes.default]\nmax_usd = "1"', ("fake", "second")),
        (ACCOUNT + SECOND + '[routes.default]\ntargets = ["second"]', ("second",)),
        ('[accounts.default]\nprovider = "fake"\napi_key = "sk-x"', None),
        ("", None),
    ],
)
def test_the_route_default_holds_every_account_in_order_unless_written(
    text: str, targets: tuple[str, ...] | None, home: Path
) -> None:
    found = load(text, home).routes.get("default")
    assert (found.targets if found else None) == targets


def test_without_a_file_the_route_default_holds_the_accounts_that_have_a_key(
    install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(*((name, "support:FakeProvider") for name in ("other", "keyless", "fake")))
    assert not config.load().routes
    monkeypatch.setenv("OTHER_API_KEY", "sk-of-the-other")
    monkeypatch.setenv("FAKE_API_KEY", KEY)
    assert config.load().routes["default"].targets == ("fake", "other")


def test_a_name_is_told_to_be_a_route_or_a_target(home: Path) -> None:
    found = load(ROUTE + 'targets = ["fake"]', home)
    assert found.route("quick") is found.routes["quick"]
    assert found.route("default") is found.routes["default"]
    assert found.route("fake") is None
    assert found.route("fake/any-model") is None
    with pytest.raises(ConfigError) as caught:
        found.route("quik")
    assert caught.value.message == (
        "there is no account or route 'quik'; accounts are: fake; routes are: quick, default; "
        "did you mean 'quick'?"
    )
    with pytest.raises(ConfigError, match="there is no account 'quick'"):
        found.route("quick/model")


def test_a_model_that_nobody_sells_is_refused_with_the_nearest(
    install: Callable[..., None], home: Path
) -> None:
    install(("memory", "motionkit.testing.memory:Memory"))
    model = Memory.offers[0].model
    text = f'[accounts.memory]\napi_key = "{KEY}"\n[routes.quick]\ntargets = ["memory/{{}}"]\n'
    assert load(text.format(model), home).routes["quick"].targets == (f"memory/{model}",)
    said = complaint(text.format(model + "x"), home)
    assert said.startswith(f": routes.quick.targets names 'memory/{model}x': memory sells no such")
    assert said.endswith(f"did you mean {model!r}?")
    assert "sells no such model" in complaint(text.format(""), home)


# Keys.


def key_of(text: str, home: Path) -> str:
    """Return the key in the clear: a `Secret` shows itself to nobody else."""
    found = load(f"[accounts.fake]\napi_key = {text}\n", home).account("fake").settings
    return found.api_key.encode().decode()


def refusal(text: str, home: Path) -> str:
    found = load(f"[accounts.fake]\napi_key = {text}\n", home)
    with pytest.raises(ConfigError) as caught:
        _ = found.account("fake").settings
    told = f"{caught.value} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert "planted" not in told
    assert caught.value.billed is Billed.NO
    assert not RAW_PYTHON.search(caught.value.message)
    return caught.value.message.removeprefix(f"{home / 'motionkit.toml'}: accounts.fake.")


def test_a_key_may_lie_in_a_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "key").write_text(f"  {KEY}\n")
    monkeypatch.setenv("PLACE", "key")
    for name in ("key", "~/key", str(home / "key"), "${PLACE}"):
        assert key_of(f'{{ file = "{name}" }}', home) == KEY


def program(code: str) -> str:
    return json.dumps([sys.executable, "-c", code])


def test_a_command_may_print_the_key(home: Path) -> None:
    said = program(f"print('  {KEY} '); print('more')")
    assert key_of(f"{{ command = {said} }}", home) == KEY


def test_a_commands_folder_is_its_files_and_there_is_no_shell(home: Path) -> None:
    (home / "give").write_text('#!/bin/sh\nprintf %s "$1"\n')
    (home / "give").chmod(0o700)
    assert key_of('{ command = ["./give", "$(id);a*b"] }', home) == "$(id);a*b"


def test_a_command_runs_once_and_only_when_its_account_is_used(home: Path) -> None:
    code = f"open('runs', 'a').write('x'); print('{KEY}')"
    found = load(f"[accounts.fake]\napi_key = {{ command = {program(code)} }}\n" + SECOND, home)
    assert settings(found, "second").api_key.reveal() == "sk-second"
    assert "planted" not in repr(found)
    assert not (home / "runs").exists()
    assert settings(found).api_key.reveal() == settings(found).api_key.reveal() == KEY
    assert (home / "runs").read_text() == "x"
    assert "planted" not in repr(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{ file = "absent" }', "api_key.file: {home}/absent: No such file or directory"),
        ('{ file = "." }', "api_key.file: {home}: Is a directory"),
        ('{ file = "empty" }', "api_key is empty"),
        ('{ file = "two" }', "api_key has characters that an HTTP header cannot hold"),
        ('{ file = "bytes" }', "api_key.file: {home}/bytes does not give text"),
        ('{ command = ["./absent"] }',
         "api_key.command: './absent' cannot be run: No such file or directory"),
        ('{ command = ["./empty"] }',
         "api_key.command: './empty' cannot be run: Permission denied"),
        ('{ command = ["sh", "-c", "echo planted; echo planted >&2; exit 3"] }',
         "api_key.command: 'sh' ended with code 3"),
        ('{ command = ["true"] }', "api_key.command: 'true' printed no key on its first line"),
        ('{ command = ["echo"] }', "api_key.command: 'echo' printed no key on its first line"),
        ('{ command = ["printf", "\\\\377"] }', "api_key.command: 'printf' does not give text"),
        ('{ command = ["printf", "planted\\\\tkey"] }',
         "api_key has characters that an HTTP header cannot hold"),
        ('{ command = ["sh", "-c", "echo planted; sleep 30"] }',
         "api_key.command: 'sh' did not end within 0.3 s"),
    ],
)  # fmt: skip
def test_a_key_that_cannot_be_had_says_why_and_shows_nothing(
    text: str, said: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "empty").touch(mode=0o600)
    (home / "two").write_text("planted\nlines")
    (home / "bytes").write_bytes(b"\xff")
    if "sleep" in text:
        monkeypatch.setattr(credentials, "COMMAND_TIMEOUT", 0.3)
    assert refusal(text, home) == said.format(home=home)


def test_where_a_key_comes_from_is_told_without_the_key(home: Path) -> None:
    for text, source in [
        (f'"{KEY}"', f"written in {home / 'motionkit.toml'}"),
        ('"${MY_KEY}"', "environment variable MY_KEY"),
        ('{ file = "~/key" }', "file ~/key"),
        ('{ command = ["pass", "show", "planted"] }', "command 'pass'"),
    ]:
        key = load(f"[accounts.fake]\napi_key = {text}\n", home).account("fake").key
        assert key is not None
        assert key.source == source
        assert "planted" not in repr(key)


@pytest.mark.parametrize(
    ("text", "mode", "warned"),
    [
        (f'"{KEY}"', 0o644, True),
        (f'"{KEY}"', 0o640, True),
        (f'"{KEY}"', 0o600, False),
        ('"${MY_KEY}"', 0o644, False),
        ('{ file = "key" }', 0o644, False),
    ],
)
def test_a_readable_file_that_holds_a_key_is_warned_of(
    text: str, mode: int, warned: bool, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = home / "motionkit.toml"
    path.write_text(f"[accounts.fake]\napi_key = {text}\n" + SECOND.replace("sk-second", "${X}"))
    path.chmod(mode)
    config.load(path)
    told = [record.getMessage() for record in caplog.records]
    assert told == ([f"{path} holds a key and can be read by others: chmod 600 {path}"] * warned)


# The schema.


def test_the_schema_knows_every_setting_with_its_meaning(install: Callable[..., None]) -> None:
    install(("fake", "support:FakeProvider"), ("other", "support:FakeProvider"))
    made = schema.schema()
    assert list(made["properties"]) == ["journal", "accounts", "defaults", "routes"]
    account = made["definitions"]["account-fake"]
    assert account["additionalProperties"] is False
    assert list(account["properties"]) == [
        "provider",
        *(field.name for field in attrs.fields(FakeSettings)),
    ]
    assert account["properties"]["region"]["enum"] == ["international", "cn"]
    assert account["properties"]["usd_per_credit"]["default"] == "0.01"
    assert account["properties"]["rpm"]["type"] == "integer"
    assert "FAKE_API_KEY" in account["properties"]["api_key"]["description"]
    route = made["properties"]["routes"]["additionalProperties"]
    assert "name" not in route["properties"]
    assert list(route["properties"]["budget_usd"]["properties"]) == [
        "day",
        "week",
        "month",
        "total",
    ]
    defaults = made["properties"]["defaults"]["properties"]
    assert all(one["description"] for one in (*route["properties"].values(), *defaults.values()))
    assert defaults["timeout"]["default"] == 1800.0
    json.dumps(made)
