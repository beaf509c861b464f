"""A hostile ``motionkit.toml`` in a cloned folder loosens, sends and runs nothing."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from motionkit import Client, config
from motionkit.cli import main
from motionkit.errors import Billed, ConfigError

KEY = "sk-planted-0123456789"
OWN = f"""
[accounts.pixverse]
api_key = "{KEY}"
usd_per_credit = "0.02"
rpm = 10
[defaults]
budget_usd = {{ day = "5.00" }}
[routes.default]
targets = ["pixverse"]
max_usd = "1.00"
budget_usd = {{ day = "2.00" }}
fall_back_on = ["busy"]
"""
MINE = "[accounts.pixverse]\n"
NEW = '[accounts.segmind]\napi_key = "${SEGMIND_API_KEY}"\n'
ROUTE = "[routes.default]\n"
DEFAULTS = "[defaults]\n"
UNTRUSTED = "a file that was merely found in a project folder may not do that"

HOSTILE: dict[str, tuple[str, str]] = {
    # What would loosen, change a price, a key, an account or the journal.
    "another key for the user's account": (MINE + 'api_key = "sk-strangers-1"', UNTRUSTED),
    "the user's account by the environment": (MINE + 'api_key = "${PIXVERSE_API_KEY}"', UNTRUSTED),
    "a key of its own": ('[accounts.segmind]\napi_key = "sk-strangers-1"', UNTRUSTED),
    "a second account": (
        '[accounts.two]\nprovider = "pixverse"\napi_key = "${PIXVERSE_API_KEY}"',
        UNTRUSTED,
    ),
    "the key to another vendor": (MINE + 'provider = "segmind"', UNTRUSTED),
    "another vendor's name": (
        '[accounts.segmind]\nprovider = "pixverse"\napi_key = "${PIXVERSE_API_KEY}"',
        UNTRUSTED,
    ),
    "a command": (MINE + 'api_key = { command = ["touch", "ran"] }', UNTRUSTED),
    "a command of an unused account": (
        NEW.replace('"${SEGMIND_API_KEY}"', '{ command = ["touch", "ran"] }'),
        UNTRUSTED,
    ),
    "a file": (MINE + 'api_key = { file = "/etc/passwd" }', UNTRUSTED),
    "a variable": (MINE + 'api_key = "${AWS_SECRET_ACCESS_KEY}"', UNTRUSTED),
    "a variable in a choice": (MINE + 'region = "${AWS_SECRET_ACCESS_KEY}"', UNTRUSTED),
    "a foreign host": (MINE + 'base_url = "https://gateway.example"', UNTRUSTED),
    "a foreign host for uploads": (NEW + 'upload_url = "https://up.example"', UNTRUSTED),
    "a host that looks like this machine": (
        MINE + 'base_url = "https://127.0.0.1@gateway.example"',
        UNTRUSTED,
    ),
    "another region": (MINE + 'region = "cn"', UNTRUSTED),
    "a cheap credit": (MINE + 'usd_per_credit = "0.0000001"', UNTRUSTED),
    "a free credit": (MINE + 'usd_per_credit = "0"', UNTRUSTED),
    "more calls": (MINE + "rpm = 1000", UNTRUSTED),
    "no look into the history": (NEW + "history = false", UNTRUSTED),
    "a short look into the history": (MINE + "reconcile_window = 0", UNTRUSTED),
    "blocking calls": (NEW + 'mode = "sync"', UNTRUSTED),
    "somebody's webhook": (MINE + 'webhook_id = "theirs"', UNTRUSTED),
    "somebody's webhook secret": (MINE + 'webhook_secret = "whsec-strangers"', UNTRUSTED),
    "a higher cap": (ROUTE + 'max_usd = "900"', UNTRUSTED),
    "a higher budget of a route": (ROUTE + 'budget_usd = { day = "900" }', UNTRUSTED),
    "a higher budget among lower ones": (
        ROUTE + 'budget_usd = { week = "1", day = "2.01", total = "1" }',
        UNTRUSTED,
    ),
    "a higher budget over everything": (DEFAULTS + 'budget_usd = { day = "900" }', UNTRUSTED),
    "budgets of routes alone": (DEFAULTS + 'route_budgets = "always"', UNTRUSTED),
    "no memory": (DEFAULTS + "remember = 0", UNTRUSTED),
    "no patience": (DEFAULTS + "wait_for_slot = 0", UNTRUSTED),
    "rare looks": (DEFAULTS + "lateness = 90000", UNTRUSTED),
    "paid retries": (ROUTE + "paid_retries = 12", UNTRUSTED),
    "paid retries of a route of its own": (
        '[routes.theirs]\ntargets = ["pixverse"]\npaid_retries = 12',
        UNTRUSTED,
    ),
    "wide fallbacks": (ROUTE + 'fall_back_on = ["busy", "unavailable"]', UNTRUSTED),
    "hasty fallbacks": (ROUTE + 'on_busy = "next"', UNTRUSTED),
    "more targets": (NEW + ROUTE + 'targets = ["segmind", "pixverse"]', UNTRUSTED),
    "no journal": ("journal = false", UNTRUSTED),
    "another journal": ('journal = "x.db"', UNTRUSTED),
    "another journal in the state folder": (
        'journal = "~/.local/state/motionkit/other.db"',
        UNTRUSTED,
    ),
    "a journal by a variable": ('journal = "${HOME}/.local/state/motionkit/j.db"', UNTRUSTED),
    "loosening between tightenings": (
        DEFAULTS + 'timeout = 5\nbudget_usd = { day = "1" }\n' + ROUTE + 'max_usd = "1.01"',
        UNTRUSTED,
    ),
    # What would take for ever or end in a traceback.
    "a long dotted key": (".".join("a" * 20_000) + " = 1", "a dotted key has too many parts"),
    "a long header": ("[" + ".".join("a" * 20_000) + "]", "a dotted key has too many parts"),
    "many quoted parts": (".".join(["'a.b'"] * 9_000) + " = 1", "a dotted key has too many parts"),
    "deep lists": ("a = " + "[" * 90_000, "nested too deeply"),
    "deep tables": ("a = " + "{ a = " * 40_000, "nested too deeply"),
    "deep after text": ("x = '[[['\na = " + "[\n" * 90_000, "nested too deeply"),
    "too large": ("# " + "x" * 300_000, "has more than 262,144 bytes"),
    "too many digits": (MINE + "rpm = 1" + "0" * 5_000, "a whole number has too many digits"),
    "a number far too large": (MINE + "rpm = 1" + "0" * 4_000, "above the limit of 1,000,000"),
    "a number by hexadecimals": (MINE + f"rpm = 0x{'f' * 90_000}", "above the limit of 1,000,000"),
    "a huge amount": (ROUTE + 'max_usd = "1e999999"', "above the limit of 1,000,000"),
    "a tiny amount": (ROUTE + 'max_usd = "1e-999999"', "more than 12 digits after"),
    "an endless wait": (DEFAULTS + "timeout = 1e300", "above the limit of 100,000,000"),
    "no number": (DEFAULTS + "timeout = nan", "defaults.timeout is nan"),
    "no call ever": (MINE + "rpm = 0", "rpm is 0; give at least 1"),
    "a key of terminal codes": ('"\\u001b[2J\\u001b]0;x\\u0007" = 1', "is not a key that we know"),
    "a long unknown key": (f"{'k' * 200_000} = 1", "is not a key that we know"),
    "a long unknown target": (ROUTE + f'targets = ["{"t" * 200_000}"]', UNTRUSTED),
    "tables for values": ("[defaults.timeout.a.b]\nc = 1", "defaults.timeout is a table"),
    "values for tables": ("accounts = 1\nroutes = 2", "is not a table"),
    "lists for tables": ("[[accounts]]\n[[routes]]", "is not a table"),
    "a provider of no kind": ("[accounts.x]\nprovider = [[[1]]]", "there is no provider"),
    "many accounts": (
        "".join(f'[accounts.a{n}]\nprovider="pixverse"\napi_key="x"\n' for n in range(4_000)),
        "accounts has 4,000 entries; the limit is 100",
    ),
    "many routes": (
        "".join(f"[routes.r{n}]\npaid_retries=1\n" for n in range(4_000)),
        "routes has 4,000 entries; the limit is 100",
    ),
    "many targets": (
        '[routes.r]\ntargets = ["pixverse"' + ', "pixverse"' * 20_000 + "]",
        "routes.r.targets has 20,001 entries; the limit is 100",
    ),
    "much of what is refused": (
        "".join(f'[accounts.a{n}]\nprovider="pixverse"\napi_key="x"\n' for n in range(100)),
        "and 80 more",
    ),
    "half a character": ('a = "\\ud800"', "motionkit.toml: "),
    "no TOML": ("\x00\x01\x02", "motionkit.toml: "),
}
"""A file's text by what it tries, and the words of its refusal."""

VERBS = [
    ["config", "check", "--online"],
    ["mimic", "--image", "hero.png", "--video", "dance.mp4", "--yes"],
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a cloned project, with a configuration of one's own; nothing may be connected to."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-cloud-secret")
    monkeypatch.setenv("PIXVERSE_API_KEY", "sk-planted-of-the-environment")
    monkeypatch.setenv("SEGMIND_API_KEY", "sk-planted-of-the-environment")
    own = tmp_path / ".config" / "motionkit" / "motionkit.toml"
    own.parent.mkdir(parents=True)
    own.write_text(OWN)
    own.chmod(0o600)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("something was looked up or connected to")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    folder = tmp_path / "clone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder / "motionkit.toml"


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_refused_with_a_clear_word_and_nothing_happens(
    what: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, said = HOSTILE[what]
    project.write_text(text, encoding="utf-8")
    before = sorted(project.parent.parent.rglob("*"))
    with pytest.raises(ConfigError) as caught:
        config.load()
    error = caught.value
    assert error.billed is Billed.NO
    assert said in error.message
    assert str(project) in error.message
    assert len(error.message) < 8_000
    if said == UNTRUSTED:
        assert "motionkit config trust" in str(error.hint)
    with pytest.raises(ConfigError):
        Client()
    for argv in VERBS:
        assert main(argv) == 2, argv
        told = "".join(capsys.readouterr())
        assert "planted" not in told
        assert "strangers" not in told
        assert "\x1b" not in told
        assert "Traceback" not in told
        assert str(project).replace("\n", "") in told.replace("\n", "")
    assert sorted(project.parent.parent.rglob("*")) == before


def test_no_hostile_file_is_trusted_without_a_word_of_the_user(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write_text(HOSTILE["loosening between tightenings"][0])
    assert main(["config", "trust"]) == 2
    told = capsys.readouterr().err
    assert "--yes" in told
    assert "routes.default.max_usd" in told
    assert "defaults.budget_usd" not in told
    assert not (project.parent.parent / ".local").exists()


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "socket"])
def test_what_is_no_file_is_refused_and_not_waited_for(
    kind: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if kind == "pipe":
        os.mkfifo(project)
    elif kind == "device":
        project.symlink_to("/dev/zero")
    elif kind == "folder":
        project.mkdir()
    else:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(os.path.relpath(project))
    assert main(["balance"]) == 2
    assert "motionkit.toml" in capsys.readouterr().err


def test_a_file_that_tightens_holds_and_what_is_the_users_stays(project: Path) -> None:
    project.write_text(
        MINE
        + "rpm = 3\n"
        + DEFAULTS
        + 'budget_usd = { week = "9", day = "4.00" }\n'
        + ROUTE
        + 'max_usd = "0.50"\nfall_back_on = []\n'
        + '[routes.theirs]\ntargets = ["pixverse"]\nmax_usd = "0.25"\n'
    )
    found = config.load()
    account = found.account("pixverse").settings
    assert (account.api_key.reveal(), account.rpm) == (KEY, 3)
    assert found.defaults.budget_usd == {"day": 4, "week": 9}
    route = found.routes["default"]
    assert (str(route.max_usd), route.fall_back_on, route.budget_usd) == ("0.50", (), {"day": 2})
    assert str(found.routes["theirs"].max_usd) == "0.25"
