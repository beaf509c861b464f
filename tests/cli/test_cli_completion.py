"""What a shell offers at TAB: verbs, options, accounts, routes, models, qualities, job keys."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_support import Account, Cli
from patience import PATIENCE

from motionkit.cli.completion import SHELLS

Complete = Callable[[str], list[str]]
CONFIG = """
[accounts.studio]
provider = "pixverse"
api_key = "a-planted-key"
[accounts.second]
provider = "segmind"
api_key = "another-planted-key"
[routes.night]
targets = ["studio", "second"]
"""
OFFERED = [
    ("mi", ["mimic"]),
    ("wor", ["worker"]),
    ("jobs s", ["show"]),
    ("config ", ["check", "trust", "schema"]),
    ("submit li", ["lipsync", "live-portrait"]),
    ("mimic --over", ["--overwrite"]),
    ("--ver", ["--version"]),
    ("--show-completion z", ["zsh"]),
    ("balance s", ["studio", "second"]),
    ("mimic --via n", ["night"]),
    ("mimic --via s", ["studio", "second"]),
    ("mimic --via studio/mi", ["studio/mimic"]),
    ("shootout --via studio/mi", ["studio/mimic"]),
    ("shootout --operation s", ["swap", "sound"]),
    ("offers --operation mod", ["modify"]),
    ("offers --model mim", ["mimic"]),
    ("mimic --quality 7", ["720p"]),
    ("reconcile --assume ", ["lost", "charged"]),
]


@pytest.fixture
def complete(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Complete:
    def offered(line: str) -> list[str]:
        words = f"motionkit {line}".split(" ")
        monkeypatch.setenv("COMP_WORDS", f"motionkit {line}")
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        monkeypatch.setenv("_MOTIONKIT_COMPLETE", "bash_complete")
        told = cli()
        assert told.err == ""
        return [one.partition(",")[2] for one in told.out.splitlines() if one]

    return offered


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    file = tmp_path / "named.toml"
    file.write_text(CONFIG)
    monkeypatch.setenv("MOTIONKIT_CONFIG", str(file))
    return file


@pytest.mark.parametrize(("line", "offered"), OFFERED)
def test_a_shell_is_offered_what_fits(
    own_place: Path, configured: Path, complete: Complete, line: str, offered: list[str]
) -> None:
    found = complete(line)
    assert set(offered) <= set(found)
    last = line.rpartition(" ")[2]
    assert all(one.startswith(last) for one in found)
    assert len(found) == len(set(found))


def test_the_keys_of_jobs_are_offered_newest_first(
    cli: Cli,
    account: Account,
    media: list[str],
    complete: Complete,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for key in ("order-1", "order-2", "other"):
        assert cli("submit", "mimic", *media, "--key", key).code == 0
    found = complete("wait o")
    assert found == ["other", "order-2", "order-1"]
    assert complete("jobs show order-1") == ["order-1"]


@pytest.mark.parametrize("line", ["wait ", "balance ", "mimic --via ", "mimic --via nobody/"])
def test_what_is_broken_makes_no_noise(
    own_place: Path, configured: Path, complete: Complete, line: str
) -> None:
    configured.write_text("broken = [")
    assert complete(line) == []


def test_a_journal_that_cannot_be_read_makes_no_noise(
    own_place: Path,
    configured: Path,
    complete: Complete,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journal = tmp_path / "broken.db"
    monkeypatch.setenv("MOTIONKIT_JOURNAL", str(journal))
    assert complete("wait ") == []
    assert not journal.exists()
    journal.write_bytes(b"no database" * 100)
    assert complete("wait ") == []


def test_no_command_of_a_key_is_run(
    own_place: Path, configured: Path, complete: Complete, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    configured.write_text(
        f'[accounts.studio]\nprovider = "pixverse"\napi_key = {{ command = ["touch", "{ran}"] }}\n'
    )
    assert complete("balance ") == ["studio"]
    assert not ran.exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_is_printed_and_installed_where_the_shell_finds_it(
    cli: Cli, own_place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shell: str
) -> None:
    home = tmp_path / "fresh"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)

    printed = cli("--show-completion", shell).out
    assert "_MOTIONKIT_COMPLETE=" in printed
    for _ in range(2):  # a second time changes nothing
        assert cli("--install-completion").code == 0
    (script,) = [one for one in home.rglob("*motionkit*") if one.is_file()]
    assert script.read_text("utf-8").strip() == printed.strip()
    startup = home / ".zshrc"
    assert startup.exists() == (shell == "zsh")
    assert not startup.exists() or startup.read_text("utf-8").count("compinit;") == 1


def test_another_shell_is_refused_by_name(
    cli: Cli, own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    for options in (["--show-completion"], ["--install-completion", "tcsh"]):
        told = cli(*options)
        assert told.code == 2
        assert "'tcsh' is not one of bash, zsh, fish" in told.err


def test_bash_completes_with_the_installed_script(own_place: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    program = (
        'eval "$(motionkit --show-completion bash)"\n'
        "COMP_WORDS=(motionkit resum) COMP_CWORD=1\n"
        "_motionkit_completion motionkit\n"
        'echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", program],  # noqa: S607 - the one that users have
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PATH": path},
        check=True,
    )
    assert (done.stdout, done.stderr) == ("resume\n", "")
