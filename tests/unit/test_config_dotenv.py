"""A `.env` beside a project's file counts like the environment, where the folder is trusted."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from motionkit import config
from motionkit.config import Config, environment
from motionkit.config.toml import SIZE_LIMIT
from motionkit.errors import ConfigError

KEY = "sk-planted-0123456789"


@pytest.fixture(autouse=True)
def _one_provider(install: Callable[..., None], home: Path) -> None:
    install(("fake", "support:FakeProvider"))


@pytest.fixture
def project(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a project with an empty configuration, and return its folder."""
    folder = home / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "motionkit.toml").touch()
    return folder


def write(folder: Path, text: str) -> Path:
    file = folder / ".env"
    file.write_text(text, "utf-8")
    file.chmod(0o600)
    return file


def trust(folder: Path) -> None:
    found = config.untrusted_dotenv(config.find_files()[0])
    assert found is not None
    assert found.path == folder / ".env"
    config.trust_file(found)


def key_of(found: Config) -> str:
    return found.account("fake").settings.api_key.reveal()


def test_the_keys_of_a_trusted_dotenv_make_the_accounts(project: Path) -> None:
    file = write(project, f"FAKE_API_KEY={KEY}\n")
    trust(project)
    found = config.load()
    assert key_of(found) == KEY
    assert found.keyed
    key = found.account("fake").key
    assert key is not None
    assert key.source == f"FAKE_API_KEY in {file}"
    assert KEY not in repr(found)


def test_the_environment_wins_over_a_dotenv_even_where_it_is_empty(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, f"FAKE_API_KEY={KEY}\n")
    trust(project)
    monkeypatch.setenv("FAKE_API_KEY", "sk-of-the-environment")
    found = config.load()
    assert key_of(found) == "sk-of-the-environment"
    key = found.account("fake").key
    assert key is not None
    assert key.source == "environment variable FAKE_API_KEY"
    monkeypatch.setenv("FAKE_API_KEY", "")
    assert not config.load().accounts


def test_a_dotenv_in_a_found_folder_is_not_read_and_a_warning_says_so(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = write(project, f"FAKE_API_KEY={KEY}\nnot readable at all")
    with caplog.at_level(logging.WARNING, "motionkit"):
        assert not config.load().accounts
    assert str(file) in caplog.text
    assert f"motionkit config trust {project / 'motionkit.toml'}" in caplog.text
    assert KEY not in caplog.text


def test_a_dotenv_that_changed_is_not_read_until_it_is_trusted_again(project: Path) -> None:
    write(project, f"FAKE_API_KEY={KEY}\n")
    trust(project)
    write(project, f"FAKE_API_KEY={KEY}\nFAKE_BASE_URL=https://elsewhere.example\n")
    assert not config.load().accounts


def test_a_dotenv_beside_a_file_that_the_user_names_is_read(
    home: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, f"FAKE_API_KEY={KEY}\n")
    monkeypatch.chdir(home)
    assert key_of(config.load(project / "motionkit.toml")) == KEY
    monkeypatch.setenv("MOTIONKIT_CONFIG", str(project / "motionkit.toml"))
    assert key_of(config.load()) == KEY


def test_a_dotenv_without_a_configuration_beside_it_is_not_read(project: Path) -> None:
    write(project, f"FAKE_API_KEY={KEY}\n")
    trust(project)
    (project / "motionkit.toml").unlink()
    assert not config.load().accounts


def test_a_dotenv_beside_the_users_own_file_is_not_read_even_where_that_is_named(
    home: Path, project: Path
) -> None:
    own = home / ".config" / "motionkit" / "motionkit.toml"
    own.parent.mkdir(parents=True)
    own.touch()
    write(own.parent, f"FAKE_API_KEY={KEY}\n")
    assert not config.load(own).accounts
    (project / "motionkit.toml").unlink()
    assert not config.load().accounts


def test_a_dotenv_gives_the_variables_that_a_file_names(project: Path) -> None:
    (project / "motionkit.toml").write_text(
        '[accounts.mine]\nprovider = "fake"\napi_key = "${MINE}"\nbase_url = "${HERE}"\n'
    )
    write(project, f"MINE={KEY}\nHERE=http://127.0.0.1:9\nMOTIONKIT_JOURNAL=jobs.db\n")
    found = config.load(project / "motionkit.toml")
    assert found.account("mine").settings.api_key.reveal() == KEY
    assert found.account("mine").origins == {"base_url": "http://127.0.0.1:9"}
    assert found.journal == project / "jobs.db"


def test_an_address_in_a_dotenv_goes_over_the_vendors_own(project: Path) -> None:
    write(project, f"FAKE_API_KEY={KEY}\nFAKE_BASE_URL=http://127.0.0.1:9\n")
    found = config.load(project / "motionkit.toml")
    assert found.account("fake").in_sandbox


def test_a_dotenv_is_not_exported_to_the_program_that_gives_a_key(project: Path) -> None:
    script = "import os; print(os.environ.get('FAKE_API_KEY', 'sk-nothing-inherited'))"
    (project / "motionkit.toml").write_text(
        f"[accounts.fake]\napi_key = {{ command = ['{sys.executable}', '-c', \"{script}\"] }}\n"
    )
    write(project, f"FAKE_API_KEY={KEY}\n")
    assert key_of(config.load(project / "motionkit.toml")) == "sk-nothing-inherited"
    assert "FAKE_API_KEY" not in os.environ


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f"export FAKE_API_KEY={KEY}", KEY),
        (f"# a comment\n\nFAKE_API_KEY = '{KEY}'  # mine", KEY),
        (f'FAKE_API_KEY="{KEY}"', KEY),
        ("FAKE_API_KEY=sk-${HOME}-literal", "sk-${HOME}-literal"),
        (f"\ufeffFAKE_API_KEY={KEY}", KEY),
        (f"FAKE_API_KEY=other\nFAKE_API_KEY={KEY}", KEY),
    ],
)
def test_a_dotenv_is_read_as_other_programs_read_it_but_for_variables(
    text: str, value: str, project: Path
) -> None:
    write(project, text)
    assert key_of(config.load(project / "motionkit.toml")) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"A=1\n{KEY}\n", "line 2 is not NAME=VALUE"),
        (f"FAKE_API_KEY='{KEY}\n", "line 1 is not NAME=VALUE"),
        (f"{KEY} = = 'x\n", "line 1 is not NAME=VALUE"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_not_shown(
    text: str, why: str, project: Path
) -> None:
    file = write(project, text)
    with pytest.raises(ConfigError) as caught:
        config.load(project / "motionkit.toml")
    assert caught.value.message == f"{file}: {why}"
    assert KEY not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_a_dotenv_that_is_no_text_or_too_large_is_refused(project: Path) -> None:
    file = write(project, "")
    file.write_bytes(b"FAKE_API_KEY=\xff")
    with pytest.raises(ConfigError, match=r"\.env: byte 13 is not UTF-8"):
        config.load(project / "motionkit.toml")
    file.write_bytes(b"#" * (SIZE_LIMIT + 1))
    with pytest.raises(ConfigError, match=r"has more than 262,144 bytes"):
        config.load(project / "motionkit.toml")


def test_a_dotenv_whose_key_others_can_read_is_warned_of(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = write(project, f"FAKE_API_KEY={KEY}\n")
    file.chmod(0o644)
    with caplog.at_level(logging.WARNING, "motionkit"):
        config.load(project / "motionkit.toml")
    assert f"{file} holds a key and can be read by others: chmod 600 {file}" in caplog.text


def test_trusting_shows_the_names_and_the_addresses_and_no_key(project: Path) -> None:
    write(project, f"FAKE_API_KEY={KEY}\nFAKE_BASE_URL=https://x.example/?s={KEY}\nOTHER={KEY}\n")
    found = environment.beside(project / "motionkit.toml")
    assert found is not None
    shown = [(one.dotted, one.shown) for one in config.dotenv_findings(found)]
    assert shown == [
        ("FAKE_API_KEY", "***"),
        ("FAKE_BASE_URL", "https://x.example/?***"),
        (".env", "***"),
    ]
    assert KEY not in repr(found)


def test_a_dotenv_that_nothing_here_can_read_is_an_error_with_the_remedy(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, f"FAKE_API_KEY={KEY}\n")
    monkeypatch.delitem(sys.modules, "dotenv.parser", raising=False)
    monkeypatch.setitem(sys.modules, "dotenv", None)
    dotenv = environment.beside(project / "motionkit.toml")
    assert dotenv is not None
    with pytest.raises(ConfigError, match="python-dotenv") as refused:
        dotenv.variables()
    assert "motionkit[dotenv]" in (refused.value.hint or "")
