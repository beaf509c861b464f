"""A cloned project's file may tighten; it may not loosen, run, read, or send elsewhere."""

from __future__ import annotations

import json
import logging
import os
import re
import tomllib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
import vendors
from support import FakeProvider, FakeSettings, Server
from vendors.record import Probe

from motionkit import Client, config
from motionkit._support.redaction import Secret
from motionkit.config import files, trust
from motionkit.config.files import Origin
from motionkit.errors import Billed, ConfigError
from motionkit.provider import registry

KEY = "sk-planted-0123456789"
ACCOUNT = "[accounts.fake]\n"
KEYED = ACCOUNT + 'api_key = "${FAKE_API_KEY}"\n'


@attrs.frozen(kw_only=True)
class OddSettings(FakeSettings):
    upload_url: str | None = None
    proxy: str = ""
    hook_secret: str = ""
    tags: tuple[str, ...] = ()
    steps: int | float = 1


class OddProvider(FakeProvider):
    settings = OddSettings


@pytest.fixture(autouse=True)
def _providers(install: Callable[..., None], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(
        ("fake", "support:FakeProvider"),
        ("odd", "test_config_trust:OddProvider"),
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
        "(only FAKE_API_KEY may be read here); a file that was merely found in a project folder "
        "may not do that"
    )


def test_a_secret_may_name_the_documented_variable_of_a_provider_with_a_hyphen(
    project: Path, install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(("odd-one", "test_config_trust:OddProvider"))
    monkeypatch.setenv("ODD_ONE_API_KEY", KEY)
    monkeypatch.setenv("ODD_ONE_HOOK_SECRET", "planted-secret")
    text = '[accounts.odd-one]\napi_key = "${ODD_ONE_API_KEY}"\nhook_secret = '
    refused(project, text + '"${ODD-ONE_HOOK_SECRET}"')
    project.write_text(text + '"${ODD_ONE_HOOK_SECRET}"')
    assert list(config.load().accounts) == ["odd-one"]


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
    assert "journal switches the journal off" in said
    assert "accounts.fake.api_key reads" in said


def test_an_address_as_the_journal_is_refused_without_its_password(project: Path) -> None:
    said = refused(project, f'journal = "postgresql://u:s3cret@db.example/x"\n{KEYED}')
    assert "s3cret" not in f"{said} {said.hint}"


def test_a_project_may_repeat_the_users_own_database_and_name_no_other(
    project: Path, home: Path
) -> None:
    own = home / ".config" / "motionkit" / "motionkit.toml"
    own.parent.mkdir(parents=True)
    own.write_text('journal = "postgresql://u:s3cret@db.example/x"\n')
    project.write_text('journal = "postgresql://u:s3cret@db.example/x"\n')
    assert str(config.load().journal) == "postgresql://db.example/x"
    said = refused(project, 'journal = "postgresql://u:s3cret@db.example/y"\n')
    assert "journal moves the journal" in said.message
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


# What the table in SECURITY.md says, key by key.


TEXTS = {
    "accounts": "[accounts.{name}]\n{said}\n",
    "defaults": "[defaults]\n{said}\n",
    "routes": "[routes.{name}]\n{said}\n",
}
OWN_ACCOUNT = f'[accounts.mine]\nprovider = "pixverse"\napi_key = "{KEY}"\n'
OWN_SEGMIND = f'[accounts.second]\nprovider = "segmind"\napi_key = "{KEY}"\n'
PROBES = {
    "journal": Probe(
        "nothing",
        refused=("false", '"x.db"', '"/tmp/x.db"', '"~/.local/state/motionkit/other.db"',
                 '"${HOME}/x.db"'),
    ),
    "accounts.NAME.provider": Probe("only in what it adds", refused=('"segmind"',)),
    "accounts.NAME.api_key": Probe(
        "only the provider's own variable, where you have no account there",
        own='"${PIXVERSE_API_KEY}"',
        honoured=('"${PIXVERSE_API_KEY}"',),
        refused=('"sk-planted-theirs"', '"${SEGMIND_API_KEY}"', '"${HOME}"',
                 '"x${PIXVERSE_API_KEY}"', '{ file = "key" }', '{ command = ["id"] }'),
    ),
    "accounts.NAME.base_url": Probe(
        "only this machine or the provider's own variable, where yours names none",
        honoured=('"http://127.0.0.1:8000"', '"http://[::1]:8000"', '"http://localhost:8000"'),
        refused=('"https://gateway.example"', '"https://127.0.0.1.example"'),
    ),
    "accounts.NAME.max_concurrent": Probe("only lower", "4", ("3", "4"), ("5",)),
    "accounts.NAME.rpm": Probe("only lower", "50", ("7",), ("51", "1000000")),
    "accounts.NAME.reconcile_window": Probe("only higher", "90", ("91",), ("89", "0")),
    "accounts.NAME.region": Probe("only in what it adds", '"international"', (), ('"cn"',)),
    "accounts.NAME.usd_per_credit": Probe(
        "nothing", '"0.02"', ('"0.020"',), ('"0.01"', '"0.03"', '"0.000001"', '"0"')
    ),
    "accounts.NAME.webhook_secret": Probe(
        "only the provider's own variable, where yours has none",
        honoured=('"${PIXVERSE_WEBHOOK_SECRET}"',),
        refused=('"planted-text"', '"${HOME}"'),
    ),
    "accounts.NAME.webhook_id": Probe("nothing", '"hook-1"', ('"hook-1"',), ('"hook-2"',)),
    "accounts.NAME.webhook_window": Probe("only lower", "600", ("60",), ("601",)),
    **{
        f"accounts.NAME.{setting}": probe
        for probes in vendors.PROBES.values()
        for setting, probe in probes.items()
    },
    "defaults.timeout": Probe("any value", "60", ("0", "61"), ()),
    "defaults.wait_for_slot": Probe("only higher", "", ("601",), ("599", "0")),
    "defaults.remember": Probe("only higher", "", ("604801",), ("604799", "0")),
    "defaults.lateness": Probe("only lower", "", ("1.5",), ("2.5",)),
    "defaults.upload_timeout": Probe("any value", "60", ("0.5", "61"), ()),
    "defaults.stage": Probe("nothing", '"s3://mine/x"', ('"s3://mine/x"',), ('"s3://theirs/x"',)),
    "defaults.budget_usd": Probe(
        "only lower",
        '{ day = "5" }',
        ('{ day = "4" }', '{ total = "900" }', "{}"),
        ('{ day = "5.01" }', '{ day = "6", total = "1" }'),
    ),
    "defaults.route_budgets": Probe(
        "nothing", '"always"', ('"always"',), ('"route"',)
    ),
    "routes.NAME.targets": Probe(
        "only a part of yours, in your order",
        '["mine/mimic", "second", "mine"]',
        ('["mine/mimic", "mine"]', '["second"]'),
        ('["second", "mine/mimic"]', '["mine/modify"]', '["second/wan-animate", "mine"]'),
    ),
    "routes.NAME.choose": Probe("only in what it adds", '"cheapest"', (), ('"first"',)),
    "routes.NAME.max_usd": Probe("only lower", '"2.00"', ('"1.99"',), ('"2.01"', '"1000"')),
    "routes.NAME.budget_usd": Probe(
        "only lower", '{ day = "5" }', ('{ day = "4", week = "9" }',), ('{ day = "50" }',)
    ),
    "routes.NAME.wait_for_slot": Probe("only higher", "", ("601",), ("599", "0")),
    "routes.NAME.on_busy": Probe("nothing", "", ('"wait"',), ('"next"',)),
    "routes.NAME.fall_back_on": Probe(
        "only fewer", '["busy", "credits"]', ('["credits"]', "[]"), ('["unavailable", "busy"]',)
    ),
    "routes.NAME.paid_retries": Probe("only lower", "1", ("0",), ("2", "12")),
}  # fmt: skip
CLASSES = {name: registry.load(name) for name in vendors.PROBES}
ADAPTERS = [(name, f"{one.__module__}:{one.__qualname__}") for name, one in CLASSES.items()]
ELSEWHERE = {
    setting: name for name, probes in reversed(vendors.PROBES.items()) for setting in probes
}
"""Settings that the vendor of the account ``mine`` does not have, and one that has them."""


def table() -> dict[str, str]:
    """Return the rows of SECURITY.md: key to what an untrusted file may do with it."""
    text = (Path(__file__).parents[2] / "SECURITY.md").read_text()
    rows = {}
    for keys, may in re.findall(r"^\| (`[a-zA-Z_.`, ]+) \| ([^|]+) \|", text, re.MULTILINE):
        rows |= dict.fromkeys(re.findall(r"`([^`]+)`", keys), may.strip())
    return rows


@pytest.fixture
def every_provider(install: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    install(*ADAPTERS)
    for name in ("PIXVERSE_API_KEY", "SEGMIND_API_KEY", "PIXVERSE_WEBHOOK_SECRET"):
        monkeypatch.setenv(name, f"sk-planted-{name}")


@pytest.mark.usefixtures("every_provider")
def test_the_table_has_every_key_and_says_what_is_so() -> None:
    keys = {"journal", "accounts.NAME.provider"}
    for name in registry.names():
        keys |= {f"accounts.NAME.{one.name}" for one in attrs.fields(registry.load(name).settings)}
    keys |= {f"defaults.{one.name}" for one in attrs.fields(config.Defaults)}
    keys |= {f"routes.NAME.{one.name}" for one in attrs.fields(config.Route)} - {"routes.NAME.name"}
    assert set(PROBES) == keys
    assert table() == {key: probe.may for key, probe in PROBES.items()}


def place_of(key: str) -> tuple[str, str, str, str]:
    """Return section, name, setting and dotted path of a key of the table."""
    *lead, setting = key.split(".")
    section = lead[0] if lead else ""
    vendor = ELSEWHERE.get(setting)
    account = f"of_{vendor}" if vendor else "mine"
    name = {"accounts": account, "routes": "night"}.get(section, "")
    return section, name, setting, key.replace("NAME", name)


def write_both(project: Path, home: Path, key: str, said: str) -> str:
    """Write the user's own file and the project's, and return the key's dotted path."""
    section, name, setting, dotted = place_of(key)
    mine = {"accounts.mine": OWN_ACCOUNT, "accounts.second": OWN_SEGMIND}
    for vendor in sorted(set(ELSEWHERE.values())):
        account = f"accounts.of_{vendor}"
        mine[account] = f'[{account}]\nprovider = "{vendor}"\napi_key = "{KEY}"\n'
    mine["routes.night"] = "[routes.night]\n"
    own, theirs = PROBES[key].own, f"{setting} = {said}\n"
    if setting == "api_key":
        mine["accounts.mine"] = '[accounts.mine]\nprovider = "pixverse"\n'
    if own and section in {"accounts", "routes"}:
        mine[f"{section}.{name}"] += f"{setting} = {own}\n"
    if setting != "targets":
        mine["routes.night"] += 'targets = ["mine"]\n'
    if section == "defaults":
        mine["defaults"] = f"[defaults]\n{setting} = {own}\n" if own else ""
    path = home / ".config" / "motionkit" / "motionkit.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(mine.values()))
    head = TEXTS[section].format(name=name, said=theirs) if section else theirs
    project.write_text(head)
    return dotted


HONOURED = [(key, said) for key, probe in PROBES.items() for said in probe.honoured]
REFUSED = [(key, said) for key, probe in PROBES.items() for said in probe.refused]


@pytest.mark.usefixtures("every_provider")
@pytest.mark.parametrize(("key", "said"), HONOURED)
def test_what_the_table_allows_holds_without_trust(
    key: str, said: str, project: Path, home: Path
) -> None:
    write_both(project, home, key, said)
    config.load()
    section, name, setting, _ = place_of(key)
    given = tomllib.loads(project.read_text())
    told = given[section].get(name, given[section])[setting] if section else given[setting]
    found = config.load()
    holder: Any = {
        "accounts": lambda: found.account(name).settings,
        "routes": lambda: found.routes[name],
        "defaults": lambda: found.defaults,
    }[section]()
    held = getattr(holder, setting)
    if isinstance(told, dict):
        assert {period: held[period] for period in told} == {p: Decimal(v) for p, v in told.items()}
    elif isinstance(told, list):
        assert list(held) == told
    elif isinstance(held, Secret):
        assert held.reveal() == os.environ[told.strip("${}")]
    else:
        assert held == (Decimal(told) if isinstance(held, Decimal) else told)


@pytest.mark.usefixtures("every_provider")
@pytest.mark.parametrize(("key", "said"), REFUSED)
def test_what_the_table_does_not_allow_is_refused_until_it_is_trusted(
    key: str, said: str, project: Path, home: Path
) -> None:
    dotted = write_both(project, home, key, said)
    error = refused(project, project.read_text())
    assert f"{project}: {dotted}" in error.message
    asked = trust.findings(
        config_file(project), files.read(home / ".config/motionkit/motionkit.toml", Origin.OWN)
    )
    assert "planted" not in f"{[(one.does, one.shown) for one in asked if 'secret' in one.dotted]}"
    trust.record(config_file(project))
    config.load()


def test_limits_that_a_project_adds_start_from_the_defaults(project: Path) -> None:
    route = '[routes.theirs]\ntargets = ["fake"]\n'
    for said in ('max_usd = "900"', 'budget_usd = { day = "900" }', 'choose = "cheapest"',
                 'fall_back_on = ["busy"]', "wait_for_slot = 900"):  # fmt: skip
        project.write_text(KEYED + route + said)
        assert config.load().routes["theirs"].targets == ("fake",)
    for said in ("paid_retries = 1", "wait_for_slot = 5", 'on_busy = "next"'):
        refused(project, KEYED + route + said)


@pytest.mark.parametrize(
    "text",
    [
        KEYED + 'region = "cn"\nrpm = 6\nusd_per_credit = "0.01"\npatience = 3.5',
        KEYED + '[routes.default]\ntargets = ["fake"]\nmax_usd = "1"\n[defaults]\ntimeout = 9',
        KEYED + 'base_url = "${FAKE_BASE_URL}"',
        '[accounts.second]\nprovider = "fake"\napi_key = "${FAKE_API_KEY}"',
        '[accounts.odd]\napi_key = "${ODD_API_KEY}"\nupload_url = "http://127.0.0.1:1"',
    ],
)
def test_routes_limits_and_documented_names_need_no_trust(
    text: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODD_API_KEY", "sk-planted-odd")
    if "FAKE_BASE_URL" in text:
        monkeypatch.setenv("FAKE_BASE_URL", "https://of-the-users-own-choice.example")
    project.write_text(text)
    for account in config.load().accounts.values():
        assert account.settings.api_key.reveal().startswith("sk-planted")


def own_file(home: Path, text: str) -> None:
    own = home / ".config" / "motionkit" / "motionkit.toml"
    own.parent.mkdir(parents=True)
    own.write_text(text)


def test_a_projects_key_does_not_replace_the_account_of_the_user(project: Path, home: Path) -> None:
    own_file(home, f'{ACCOUNT}api_key = "{KEY}"\n')
    for said in ('"sk-planted-strangers"', '"${FAKE_API_KEY}"'):
        error = refused(project, f"{ACCOUNT}api_key = {said}\n")
        assert "accounts.fake.api_key replaces the key of your own account" in error.message
    project.unlink()
    assert config.load().account("fake").settings.api_key.reveal() == KEY


def test_a_project_adds_no_second_account_where_the_user_has_one(project: Path, home: Path) -> None:
    own_file(home, f'[accounts.mine]\nprovider = "fake"\napi_key = "{KEY}"\nrpm = 3\n')
    error = refused(project, KEYED)
    assert "adds a second account at a provider where you have one" in error.message


def test_a_project_does_not_call_an_account_by_another_providers_name(project: Path) -> None:
    text = '[accounts.other]\nprovider = "fake"\napi_key = "${FAKE_API_KEY}"\n'
    assert "by another provider's name" in refused(project, text).message


def test_a_route_is_not_shortened_where_its_budget_holds_for_direct_purchases_too(
    project: Path, home: Path
) -> None:
    route = '[routes.night]\ntargets = ["fake", "second"]\nbudget_usd = { day = "1" }\n'
    second = f'[accounts.second]\nprovider = "fake"\napi_key = "{KEY}"\n'
    mine = f'{ACCOUNT}api_key = "{KEY}"\n{second}{route}'
    own_file(home, mine)
    project.write_text('[routes.night]\ntargets = ["fake"]\n')
    assert config.load().routes["night"].targets == ("fake",)
    own = home / ".config" / "motionkit" / "motionkit.toml"
    own.write_text(mine + '[defaults]\nroute_budgets = "always"\n')
    assert (
        "routes.night.targets may only be set in your own"
        in refused(project, project.read_text()).message
    )


def test_a_project_does_not_move_an_address_that_the_user_set(project: Path, home: Path) -> None:
    own_file(home, f'{ACCOUNT}api_key = "{KEY}"\nbase_url = "https://gateway.example"\n')
    error = refused(project, ACCOUNT + 'base_url = "http://127.0.0.1:8000"\n')
    assert "to another address than yours" in error.message


def test_an_address_in_another_users_file_needs_trust(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    project.write_text(KEYED + 'base_url = "http://127.0.0.1:8000"\n')
    (asked,) = trust.findings(attrs.evolve(config_file(project), owner=12345), None)
    assert "is in another user's file" in asked.does
    assert not trust.findings(attrs.evolve(config_file(project), owner=54321), None)
    assert not trust.findings(attrs.evolve(config_file(project), owner=0), None)


def test_a_file_that_asks_for_very_much_is_refused_in_few_words(project: Path) -> None:
    accounts = "".join(
        f'[accounts.a{number}]\nprovider = "fake"\napi_key = "sk-x"\n' for number in range(100)
    )
    error = refused(project, accounts)
    assert error.message.count("accounts.") == 20
    assert "; and 80 more; a file that was merely found" in error.message


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
        trust.record(files.read(file, Origin.FOUND))
    found = config.load(file if way == "argument" else None)
    assert found.account("fake").settings.api_key.reveal() == KEY
    assert found.account("fake").settings.base_url == "https://gateway.example"
    assert found.journal == file.parent / "ledger.db"


# The store.


def test_an_edited_file_must_be_trusted_again(project: Path, home: Path) -> None:
    project.write_text(BOLD)
    store = trust.record(files.read(project, Origin.FOUND))
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
    trust.record(files.read(project, Origin.FOUND))
    assert not trust.is_trusted(files.read(other, Origin.FOUND))
    trust.record(files.read(other, Origin.FOUND))
    assert trust.is_trusted(files.read(other, Origin.FOUND))
    assert trust.is_trusted(files.read(project, Origin.FOUND))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": 7}', '{"files": {"a": 1}}', "\xff"])
def test_a_store_that_cannot_be_read_trusts_nothing(
    content: str, project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    project.write_text(BOLD)
    store = trust.record(files.read(project, Origin.FOUND))
    store.write_bytes(content.encode("latin-1"))
    with caplog.at_level(logging.WARNING, "motionkit"):
        refused(project, BOLD)
    trust.record(files.read(project, Origin.FOUND))
    config.load()


def test_a_state_folder_that_cannot_be_written_is_named(project: Path, home: Path) -> None:
    project.write_text(BOLD)
    (home / ".local").write_text("no folder")
    with pytest.raises(ConfigError) as caught:
        trust.record(files.read(project, Origin.FOUND))
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


def test_what_is_asked_for_steers_no_terminal_and_is_whole(project: Path) -> None:
    long = "x" * 5_000
    project.write_text(
        f'{ACCOUNT}base_url = "https://\\u001b[2J\\u202ehost"\n'
        f'api_key = {{ command = ["{long}", "\\u001b[31m"] }}\n'
    )
    address, command = trust.findings(config_file(project), None)
    assert address.shown == "https://host"
    assert long in command.shown
    assert "\x1b" not in command.shown
    assert len(command.does) < 400


def config_file(path: Path) -> files.File:
    return files.read(path, Origin.FOUND)
