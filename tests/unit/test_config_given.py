"""A configuration that a program gives: read like a file, and nothing else is read."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import pickle
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, get_type_hints

import attrs
import pytest

import motionkit as mk
from motionkit._support.addresses import DatabaseAddress
from motionkit.batch import child
from motionkit.client import Client
from motionkit.config import (
    AccountTable,
    Config,
    Defaults,
    DefaultsTable,
    Route,
    RouteTable,
    files,
    load,
)
from motionkit.errors import Billed, ConfigError, InsufficientCredits, InvalidRequest
from motionkit.provider import AccountSettings, Secret
from motionkit.sandbox import Sandbox
from motionkit.testing.stage import sample_request
from motionkit_pixverse.adapter import Settings as PixVerse
from motionkit_segmind.adapter import Settings as Segmind

KEY = "sk-planted-0123456789"
ACCOUNTS = {"pixverse": {"api_key": KEY}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and nothing of the user's."""
    for name in ("PIXVERSE", "SEGMIND"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
        monkeypatch.delenv(f"{name}_BASE_URL", raising=False)
    monkeypatch.delenv("MOTIONKIT_CONFIG", raising=False)
    monkeypatch.delenv("MOTIONKIT_JOURNAL", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def write(folder: Path, text: str) -> Path:
    path = folder / "motionkit.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


# What is read.


def test_accounts_in_python_are_read_like_those_of_a_file(folder: Path) -> None:
    given = {
        "pixverse": {"api_key": KEY, "region": "cn", "max_concurrent": 3, "usd_per_credit": "0.02"},
        "other": {"provider": "segmind", "api_key": "sk-another-0123456789", "mode": "sync"},
    }
    path = write(
        folder,
        f'[accounts.pixverse]\napi_key = "{KEY}"\nregion = "cn"\nmax_concurrent = 3\n'
        'usd_per_credit = "0.02"\n[accounts.other]\nprovider = "segmind"\n'
        'api_key = "sk-another-0123456789"\nmode = "sync"\n',
    )
    config, same = Config.of(accounts=given), load(path)
    assert list(config.accounts) == list(same.accounts)
    for name, account in config.accounts.items():
        assert account.settings == same.accounts[name].settings
        assert account.provider == same.accounts[name].provider
    assert config.routes == same.routes
    assert (config.defaults, config.journal) == (same.defaults, same.journal)
    assert (config.source, config.files, config.keyed) == (None, (), False)
    assert config.given == {"accounts"}


def test_values_may_be_those_that_a_program_has(folder: Path) -> None:
    config = load(
        accounts={
            "pixverse": {"api_key": Secret(KEY), "rpm": None, "usd_per_credit": Decimal("1E-2")}
        },
        routes={"r": {"targets": ("pixverse",), "max_usd": Decimal("1.50"), "on_busy": "next"}},
        defaults={"timeout": dt.timedelta(minutes=5), "budget_usd": {"day": Decimal(50)}},
        journal=Path("j.db"),
    )
    settings = config.accounts["pixverse"].settings
    assert isinstance(settings, PixVerse)
    assert (settings.api_key, settings.rpm) == (Secret(KEY), None)
    assert settings.usd_per_credit == Decimal("0.01")
    assert (config.routes["r"].max_usd, config.routes["r"].on_busy) == (Decimal("1.50"), "next")
    assert config.defaults.timeout == 300
    assert config.defaults.budget_usd == {"day": Decimal(50)}
    assert config.journal == folder / "j.db"


def test_records_may_be_given_instead_of_tables() -> None:
    config = load(
        accounts={
            "cn": PixVerse(api_key=KEY, region="cn"),
            "segmind": Segmind(api_key=KEY, rpm=5),
        },
        routes={"r": Route(name="r", targets=("segmind", "cn"), choose="cheapest")},
        defaults=Defaults(remember=0.0),
        journal=False,
    )
    cn = config.accounts["cn"]
    assert (cn.provider, cn.settings) == ("pixverse", PixVerse(api_key=KEY, region="cn"))
    assert config.accounts["segmind"].rpm == 5
    assert config.routes["r"] == Route(name="r", targets=("segmind", "cn"), choose="cheapest")
    assert (config.defaults.remember, config.journal) == (0.0, None)


def test_a_key_may_be_in_a_file_or_come_from_a_command(folder: Path) -> None:
    (folder / "key").write_text(f"{KEY}\n")
    for form in ({"file": "key"}, {"command": ("cat", "key")}):
        config = Config.of(accounts={"pixverse": {"api_key": form}})
        assert config.accounts["pixverse"].settings.api_key == Secret(KEY)


def test_no_file_and_no_environment_is_read_where_accounts_are_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "this is no TOML [")
    (folder / ".env").write_text("no variable\n")
    monkeypatch.setenv("MOTIONKIT_CONFIG", "/none")
    monkeypatch.setenv("PIXVERSE_API_KEY", "sk-environment-0123")
    monkeypatch.setattr(files, "read", lambda *_: pytest.fail("a file was read"))
    config = Config.of(accounts=ACCOUNTS)
    assert config.accounts["pixverse"].settings.api_key == Secret(KEY)
    assert list(config.routes) == ["default"]


def test_what_the_environment_still_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXVERSE_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("MOTIONKIT_JOURNAL", str(folder / "env.db"))
    config = Config.of(accounts=ACCOUNTS)
    assert config.accounts["pixverse"].origins == {"base_url": "http://127.0.0.1:9"}
    assert config.journal == folder / "env.db"
    own = {"pixverse": {"api_key": KEY, "base_url": "http://127.0.0.1:8"}}
    config = Config.of(accounts=own, journal="own.db")
    assert config.accounts["pixverse"].origins == {"base_url": "http://127.0.0.1:8"}
    assert config.journal == folder / "own.db"


def test_an_address_of_the_environment_is_not_overruled_in_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SEGMIND_BASE_URL", "http://127.0.0.1:9")
    with pytest.raises(ConfigError, match="it is unclear which is meant"):
        Config.of(accounts={"segmind": {"api_key": KEY, "upload_url": "http://127.0.0.1:8"}})


def test_routes_defaults_and_journal_go_over_those_of_a_file(folder: Path) -> None:
    path = write(
        folder,
        f'journal = "file.db"\n[accounts.pixverse]\napi_key = "{KEY}"\n[defaults]\ntimeout = 60\n'
        'budget_usd = { day = "5", month = "50" }\n'
        '[routes.a]\ntargets = ["pixverse"]\nmax_usd = "1"\n[routes.b]\ntargets = ["pixverse"]\n',
    )
    config = load(
        path,
        routes={"a": {"max_usd": "2"}, "c": {"targets": ["pixverse"]}},
        defaults={"budget_usd": {"day": "3"}},
        journal="postgresql://host/db",
    )
    assert (config.routes["a"].max_usd, [*config.routes]) == (
        Decimal(2),
        ["a", "c", "b", "default"],
    )
    assert config.defaults.timeout == 60
    assert config.defaults.budget_usd == {"day": Decimal(3), "month": Decimal(50)}
    assert isinstance(config.journal, DatabaseAddress)
    assert (config.source, config.given) == (path, {"routes", "defaults", "journal"})


def test_the_environments_keys_make_the_accounts_of_a_journal_in_python(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXVERSE_API_KEY", KEY)
    config = load(journal="own.db", routes={"r": {"targets": ["pixverse"]}})
    assert (config.keyed, [*config.accounts]) == (True, ["pixverse"])
    assert (config.journal, [*config.routes]) == (folder / "own.db", ["r", "default"])


# What is refused.


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"accounts": {}}, "accounts is empty; give one at least"),
        ({"accounts": ["pixverse"]}, 'accounts is a list; give a mapping such as {"NAME":'),
        ({"accounts": {"pixverse": KEY}}, "accounts.pixverse is not a table"),
        ({"accounts": {1: {}}}, "accounts has a name that is an int; names are text"),
        ({"accounts": {"pixverse": {}}}, "accounts.pixverse.api_key is missing"),
        ({"accounts": {"pixverse": {"api_kye": KEY}}}, "did you mean 'api_key'?"),
        ({"accounts": {"pixverse": {"api_key": KEY, "rmp": 5}}}, "did you mean 'rpm'?"),
        (
            {"accounts": {"pixverse": {"api_key": KEY, "rpm": "60"}}},
            "rpm is text; give a whole num",
        ),
        (
            {"accounts": {"pixverse": {"api_key": KEY, "rpm": {60}}}},
            "rpm is a set, which no setting",
        ),
        (
            {"accounts": {"pixverse": {"api_key": KEY, "region": "xx"}}},
            "region is 'xx'; give one of",
        ),
        ({"accounts": {"pixverse": {"api_key": KEY.encode()}}}, "api_key is a bytes, which no set"),
        (
            {"accounts": {"pixverse": {"api_key": "${MY_KEY}"}}},
            "api_key holds ${MY_KEY}, which only",
        ),
        ({"accounts": {"pixvers": {"api_key": KEY}}}, "did you mean 'pixverse'?"),
        ({"accounts": {"a/b": {"api_key": KEY}}}, "an account's name has no '/'"),
        (
            {"accounts": {"x": AccountSettings(api_key=KEY)}},
            "no installed provider has such settings",
        ),
        ({"accounts": {"x": Defaults()}}, "accounts.x is a Defaults, which no setting takes"),
        (
            {"accounts": {"pixverse": {"api_key": KEY, "base_url": "http://vendor.example"}}},
            "accounts.pixverse.base_url",
        ),
        ({"routes": {"r": {"targets": ["pixvers"]}}}, "did you mean 'pixverse'?"),
        ({"routes": {"r": Route(name="s", targets=("pixverse",))}}, "give it under its own name"),
        ({"routes": {"r": {"targets": ["pixverse"], "max_usd": 1.5}}}, "routes.r.max_usd is 1.5"),
        ({"defaults": {"timeuot": 5}}, "did you mean 'timeout'?"),
        ({"defaults": 5}, "defaults is an int; give a mapping"),
        ({"journal": ""}, "journal is empty text; give a path, an address or false"),
        ({"journal": True}, "journal is true; give a path, an address or false"),
        ({"journal": "mysql://host/db"}, "give a path, or a PostgreSQL database"),
        ({"journal": "${PLACE}/j.db"}, "journal holds ${PLACE}, which only a file may"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Client(**{"accounts": ACCOUNTS, **given})
    assert "Python: " in caught.value.message
    assert said in caught.value.message
    assert KEY not in repr(caught.value) + str(caught.value)


def test_what_a_configuration_has_is_not_given_again(folder: Path) -> None:
    path = write(folder, f'[accounts.pixverse]\napi_key = "{KEY}"\n')
    with pytest.raises(
        ConfigError, match=r"both accounts and the file .*motionkit\.toml are given"
    ):
        Client(path, accounts=ACCOUNTS)
    config = Config.of(accounts=ACCOUNTS)
    for given in ({"accounts": ACCOUNTS}, {"routes": {}}, {"defaults": {}}, {"journal": "j.db"}):
        with pytest.raises(ConfigError, match="is given besides a configuration, which has it"):
            Client(config, **given)  # type: ignore[arg-type]


def test_keys_are_in_no_representation_and_in_no_pickle() -> None:
    config = Config.of(accounts=ACCOUNTS, journal=False)
    assert KEY not in repr(config) + str(config) + str(config.accounts["pixverse"].key)
    assert config.accounts["pixverse"].key is not None
    assert config.accounts["pixverse"].key.source == "written in Python"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(config.accounts["pixverse"].settings)


def test_no_warning_is_given_of_a_file_that_others_can_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    Config.of(accounts=ACCOUNTS, journal="postgresql://u:secret@host/db")
    assert not caplog.records


@pytest.mark.parametrize("given", [{"accounts": ACCOUNTS}, {"journal": "own.db"}])
def test_a_batch_is_not_run_by_a_process_that_does_not_know_what_is_given(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXVERSE_API_KEY", KEY)
    with pytest.raises(ConfigError, match="cannot read a configuration made in Python"):
        child.place_of(load(**given))


@pytest.mark.parametrize(
    ("table", "record", "without"),
    [
        (AccountTable, AccountSettings, {"provider"}),
        (RouteTable, Route, set()),
        (DefaultsTable, Defaults, set()),
    ],
)
def test_type_checkers_know_every_key(
    table: type[Any], record: type[Any], without: set[str]
) -> None:
    own = {one.name for one in attrs.fields(record)} - ({"name"} if record is Route else set())
    assert set(get_type_hints(table)) - without == own


# Two clients in one process.


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(speed=1000, job_seconds=50) as made:
        for name in ("anna", "ben"):
            made.add_account("pixverse", key_of(name), label=name, balance="500")
        yield made


def key_of(customer: str) -> str:
    return f"key-of-{customer}-0123456789"


def client_of(customer: str, sandbox: Sandbox, **more: Any) -> Client:
    account = {"api_key": key_of(customer), "base_url": sandbox.url, **more}
    return Client(accounts={"pixverse": account}, journal="shared.db")


def bought(sandbox: Sandbox) -> dict[str, int]:
    accounts = sandbox.ledger()["vendors"]["pixverse"]["accounts"]
    return {name: len(accounts[name]["jobs"]) for name in ("anna", "ben")}


def test_two_customers_with_one_journal_buy_the_same_request_each(sandbox: Sandbox) -> None:
    with client_of("anna", sandbox) as anna, client_of("ben", sandbox) as ben:
        first, second = anna.submit(sample_request()), ben.submit(sample_request())
        assert first.fingerprint != second.fingerprint
        assert bought(sandbox) == {"anna": 1, "ben": 1}
        assert anna.submit(sample_request()) == first
        assert ben.submit(sample_request()) == second
        assert anna.wait(first).job == first
        assert ben.wait(second).job == second
        assert bought(sandbox) == {"anna": 1, "ben": 1}
    with client_of("anna", sandbox) as again:  # after a restart
        assert again.submit(sample_request()) == first
    assert bought(sandbox) == {"anna": 1, "ben": 1}


def test_a_customers_key_does_not_poll_or_continue_another_ones_job(sandbox: Sandbox) -> None:
    with client_of("anna", sandbox) as anna, client_of("ben", sandbox) as ben:
        job = anna.submit(sample_request(), key="order-1")
        with pytest.raises(ConfigError, match="with a different API key"):
            ben.poll(job)
        for again in (None, False, True):
            with pytest.raises(InvalidRequest, match="names a purchase of another API key"):
                ben.submit(sample_request(), key="order-1", again=again)
    assert bought(sandbox) == {"anna": 1, "ben": 0}


def test_slots_rate_limits_and_circuits_are_those_of_a_key(sandbox: Sandbox) -> None:
    limits = {"max_concurrent": 1, "rpm": 1000}
    with client_of("anna", sandbox, **limits) as anna, client_of("ben", sandbox, **limits) as ben:
        anna.submit(sample_request())
        ben.submit(sample_request(), wait_for_slot=0)  # anna's slot is not his
        found = [one.limiter("pixverse") for one in (anna._accounts, ben._accounts)]
        assert None not in found
        assert found[0] is not found[1]
        calls = [one.shared.fingerprint for one in found if one is not None and one.shared]
        assert calls == [one.account("pixverse").fingerprint for one in (anna, ben)]
        breaker = anna._circuits
        cause = InsufficientCredits("empty", account="pixverse", billed=Billed.NO)
        breaker.failed("pixverse", anna.account("pixverse").fingerprint, cause)
        assert [one.account for one in anna.circuits()] == ["pixverse"]
        assert ben.circuits() == []
    assert bought(sandbox) == {"anna": 1, "ben": 1}


def test_an_upload_of_one_customer_is_not_referred_to_by_another(sandbox: Sandbox) -> None:
    calls = []
    with client_of("anna", sandbox) as anna, client_of("ben", sandbox) as ben:
        for client in (anna, ben, anna):
            job = client.submit(sample_request(), again=True)
            (attempt,) = client.jobs.get(job.key).attempts
            calls.append(attempt.submission.call.json)
    assert calls[0] == calls[2] != calls[1]


def test_a_key_that_changes_in_a_file_still_continues_what_it_bought(
    sandbox: Sandbox, folder: Path
) -> None:
    jobs = []
    for name in ("anna", "ben"):
        path = write(
            folder,
            f'journal = "file.db"\n[accounts.pixverse]\napi_key = "{key_of(name)}"\n'
            f'base_url = "{sandbox.url}"\n',
        )
        with Client(path) as client:
            jobs.append(client.submit(sample_request()))
    assert jobs[0] == jobs[1]
    assert bought(sandbox) == {"anna": 1, "ben": 0}


def test_coroutines_take_the_same(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        account = PixVerse(api_key=key_of("anna"), base_url=sandbox.url)
        async with mk.AsyncClient(
            accounts={"anna": account}, routes={"r": {"targets": ["anna"]}}, journal=False
        ) as client:
            result = await client.run(sample_request(), via="r")
            assert result.job.account == "anna"

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert "the journal is off" in caplog.text
