"""`motionkit doctor`: a line for each part of the set-up, and what to do where it is wrong."""

from __future__ import annotations

import datetime as dt
import shutil
import sqlite3
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cli_support import Account, Cli, Ended

import motionkit as mk
from motionkit.cli import doctor
from motionkit.client import Answered, ask, diagnosis
from motionkit.errors import ProviderUnavailable
from motionkit.model.job import utcnow
from motionkit.model.money import Balance

ROOT = Path(__file__).parents[2]


def rows(told: Ended, check: str) -> list[dict[str, Any]]:
    return [row for row in told.data if row["check"] == check]


def test_a_sound_set_up_is_ok_line_by_line_and_sends_nothing_that_costs(
    cli: Cli, account: Account
) -> None:
    told = cli("doctor", "--json")
    assert told.code == 0, told.out
    assert {row["status"] for row in told.data} == {"ok"}
    key = rows(told, "key of pixverse")
    assert "environment variable PIXVERSE_API_KEY, at a sandbox" in key[0]["text"]
    assert key[1]["text"] == "works: 5000 credits = 50.00 USD"
    for check in ("python", "motionkit", "extras", "config", "network", "journal", "disk"):
        assert rows(told, check)
    assert account.key not in told.out + told.err
    assert account.bought == (0, 0, "0")
    assert "0 faults, 0 warnings" in told.err


def test_offline_sends_nothing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXVERSE_API_KEY", "sk-planted-0123456789")
    monkeypatch.setenv("PIXVERSE_BASE_URL", "http://127.0.0.1:9")
    assert cli("doctor", "--offline").code == 0
    told = cli("doctor", "--json")
    assert told.code == 2
    (_, fault) = rows(told, "key of pixverse")
    assert fault["status"] == "fault"
    assert "check the network" in fault["remedy"]
    assert "planted" not in told.out + told.err


def test_a_refused_key_is_a_fault_with_its_remedy(
    cli: Cli, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXVERSE_API_KEY", "sk-of-nobody")
    told = cli("doctor", "--json")
    assert told.code == 2
    fault = rows(told, "key of pixverse")[1]
    assert fault["status"] == "fault"
    assert fault["remedy"]


def test_without_a_key_it_warns_and_names_consoles(cli: Cli) -> None:
    told = cli("doctor", "--json")
    assert told.code == 0
    (row,) = rows(told, "keys")
    assert row["status"] == "warning"
    assert "PIXVERSE_API_KEY" in row["text"]
    assert "motionkit init" in row["remedy"]


def test_a_configuration_that_is_refused_is_a_fault_and_the_rest_is_checked(
    cli: Cli, own_place: Path
) -> None:
    (own_place / "motionkit.toml").write_text('[accounts.x]\nprovider = "nobody"\n')
    told = cli("doctor", "--json")
    assert told.code == 2
    assert "there is no provider 'nobody'" in rows(told, "config")[-1]["text"]
    assert rows(told, "disk")


def test_an_untrusted_dotenv_is_a_warning(cli: Cli, own_place: Path) -> None:
    file = own_place / "motionkit.toml"
    file.touch()
    (own_place / ".env").write_text("PIXVERSE_API_KEY=sk-planted-0123456789\n")
    told = cli("doctor", "--json", "--offline")
    assert told.code == 0
    (row,) = [row for row in rows(told, "config") if row["status"] == "warning"]
    assert row["remedy"] == f"read it, then run 'motionkit config trust {file}'"
    assert "planted" not in told.out + told.err


def test_a_key_that_is_not_there_and_one_that_others_read_are_named(
    cli: Cli, tmp_path: Path
) -> None:
    own = tmp_path / "config" / "motionkit" / "motionkit.toml"
    own.parent.mkdir(parents=True)
    own.write_text(
        '[accounts.a]\nprovider = "pixverse"\napi_key = "sk-planted-0123456789"\n'
        '[accounts.b]\nprovider = "segmind"\napi_key = "${NOWHERE}"\n'
    )
    own.chmod(0o644)
    told = cli("doctor", "--json", "--offline")
    assert told.code == 2
    (first,) = rows(told, "key of a")
    assert (first["status"], first["remedy"]) == ("warning", f"chmod 600 {own}")
    (second,) = rows(told, "key of b")
    assert second["status"] == "fault"
    assert "NOWHERE" in second["text"]
    assert "keys are made at" in second["remedy"]
    assert "planted" not in told.out + told.err


def test_certificates_that_do_not_exist_are_a_fault_and_a_proxy_is_shown_without_its_password(
    cli: Cli, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:planted-word@127.0.0.1:9")
    told = cli("doctor", "--json", "--offline")
    assert told.code == 0
    (row,) = rows(told, "network")
    assert "heeds HTTPS_PROXY" in row["text"]
    assert "127.0.0.1:9" in row["text"]
    assert "planted" not in told.out + told.err
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    told = cli("doctor", "--json", "--offline")
    assert told.code == 2
    (row,) = rows(told, "network")
    assert "/nowhere/ca.pem" in row["text"]
    assert "REQUESTS_CA_BUNDLE" in row["remedy"]


def test_a_corrupt_journal_is_a_fault(cli: Cli, account: Account, tmp_path: Path) -> None:
    path = tmp_path / "state" / "journal.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"this is no database at all" * 400)
    told = cli("doctor", "--json", "--offline")
    assert told.code == 2
    assert [row for row in rows(told, "journal") if row["status"] == "fault"]


def test_a_journal_that_others_can_read_and_one_that_is_wrong_inside_are_told(
    cli: Cli, account: Account, media: list[str], tmp_path: Path
) -> None:
    assert cli("submit", "mimic", *media, "--yes").code == 0
    path = tmp_path / "state" / "journal.db"
    path.chmod(0o644)
    told = cli("doctor", "--json", "--offline")
    assert told.code == 0
    assert any(row["remedy"] == f"chmod 600 {path}" for row in rows(told, "journal"))
    assert any("1 purchase, sound" in row["text"] for row in rows(told, "journal"))
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM attempts")
    connection.commit()
    connection.close()
    told = cli("doctor", "--json", "--offline")
    assert told.code == 2
    assert any("without an attempt" in row["text"] for row in rows(told, "journal"))


def test_a_journal_that_is_off_is_a_warning_and_a_database_out_of_reach_a_fault(
    cli: Cli, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "off.toml"
    file.write_text("journal = false\n")
    told = cli("doctor", "--json", "--offline", "--config", file)
    assert told.code == 0
    assert rows(told, "journal")[0]["status"] == "warning"
    monkeypatch.setenv("MOTIONKIT_JOURNAL", "postgresql://me:planted-word@127.0.0.1:9/jobs")
    told = cli("doctor", "--json", "--offline")
    assert told.code == 2
    assert rows(told, "journal")[-1]["status"] == "fault"
    assert "planted" not in told.out + told.err


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(
    ("free", "status", "code"), [(10**8, "fault", 2), (10**9, "warning", 0), (10**10, "ok", 0)]
)
def test_a_disk_that_is_full_is_a_fault(
    *,
    cli: Cli,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    free: int,
    status: str,
    code: int,
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free, 0, free))
    told = cli("doctor", "--json", "--offline")
    assert told.code == code
    assert {row["status"] for row in rows(told, "disk")} == {status}


def test_a_missing_extra_is_named_with_its_purpose(
    cli: Cli, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = doctor.importlib.util.find_spec
    monkeypatch.setattr(
        doctor.importlib.util, "find_spec", lambda name: None if name == "psycopg" else real(name)
    )
    told = cli("doctor", "--json", "--offline")
    assert told.code == 0
    row = rows(told, "extras")[1]
    assert "postgres (a journal for many machines)" in row["text"]
    assert "pip install 'motionkit[postgres]'" in row["remedy"]


def test_every_extra_that_a_user_may_want_is_checked() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    others = {"all", "cli", "dev", "docs", "vendor-clients"}
    assert set(declared["optional-dependencies"]) - others == set(doctor.EXTRAS)


def test_a_python_that_is_newer_than_tested_is_a_warning(
    cli: Cli, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_NEWEST", (sys.version_info[0], sys.version_info[1] - 1))
    told = cli("doctor", "--json", "--offline")
    assert told.code == 0
    assert rows(told, "python")[0]["status"] == "warning"


# The clock.


@pytest.mark.parametrize(
    ("ahead", "status", "words"),
    [
        ((-1.0, 0.5), "ok", "agrees"),
        ((4.0, 6.0), "ok", "agrees"),
        ((20.0, 21.0), "warning", "20 s ahead of"),
        ((-31.0, -30.0), "warning", "30 s behind"),
        ((300.0, 302.0), "fault", "300 s ahead of"),
    ],
)
def test_a_clock_that_is_off_is_told_with_direction_and_remedy(
    ahead: tuple[float, float], status: str, words: str
) -> None:
    found = list(doctor._answer("shop", Answered(ProviderUnavailable("down"), ahead)))
    clock = found[-1]
    assert clock.status == status
    assert words in clock.text
    assert (clock.remedy is None) is (status == "ok")


def test_the_vendors_clock_is_read_from_an_answer_without_the_key(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis, "at_loopback", lambda _: False)
    with mk.Client() as client:
        provider = client.account("pixverse")
        told = ask(provider)
        assert isinstance(told.balance, Balance)
        assert told.ahead is not None
        later = ask(provider, now=lambda: utcnow() + dt.timedelta(days=40000))
        assert later.ahead is not None
        assert later.ahead[0] > 1e9
        monkeypatch.undo()
        assert ask(provider).ahead is None
