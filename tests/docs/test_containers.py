"""The containers of the documentation: their commands, configuration and health check work.

No image is built and no container is started: the commands run as processes of this machine.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from accounts import Accounts
from blocks import EXAMPLES, ROOT
from patience import PATIENCE, bounded, until

from motionkit.config import load

FOLDER = EXAMPLES / "containers"
SECRET = "the-secret-of-the-console"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (FOLDER / "Dockerfile").read_text("utf-8")
OURS = ("worker", "webhook")


@pytest.fixture
def container(
    slow_accounts: Accounts, reader: Path, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> Accounts:
    """Set the environment of the containers; the journal is a PostgreSQL of this machine."""
    given = {
        "MOTIONKIT_JOURNAL": postgresql,
        "PGPASSWORD": "not-needed-by-the-socket",
        "PIXVERSE_API_KEY": slow_accounts.keys["pixverse"],
        "PIXVERSE_WEBHOOK_ID": slow_accounts.label,
        "PIXVERSE_WEBHOOK_SECRET": SECRET,
    }
    assert set(SERVICES["worker"]["environment"]) == set(given)
    monkeypatch.delenv("SEGMIND_API_KEY")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MOTIONKIT_CONFIG", str(FOLDER / "motionkit.toml"))
    return slow_accounts


@contextmanager
def started(*argv: str, until_said: str) -> Iterator[subprocess.Popen[str]]:
    """Run a container's command until the block ends, and stop it as Docker does."""
    with (
        subprocess.Popen(
            [sys.executable, "-m", "motionkit", *argv], stderr=subprocess.PIPE, text=True
        ) as process,
        bounded(process),
    ):
        assert process.stderr is not None
        said = next((line for line in process.stderr if until_said in line), "")
        assert said, f"{argv} ended with {process.wait()}"
        process.said = said  # type: ignore[attr-defined]
        yield process
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0


def healthy() -> bool:
    """Run the health check of the worker as Docker does."""
    kind, program, *argv = SERVICES["worker"]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "motionkit")
    checked = subprocess.run(
        [sys.executable, "-m", "motionkit", *argv], check=False, timeout=PATIENCE
    )
    assert checked.returncode in {0, 1}
    return checked.returncode == 0


def test_the_commands_of_the_containers_make_a_batch_and_their_health_check_tells(
    container: Accounts, reader: Path
) -> None:
    (reader / "items.csv").write_text("image,video\nanna.png,dance.mp4\nben.png,dance.mp4\n")
    worker, webhook = (list(SERVICES[name]["command"]) for name in OURS)
    for option, value in (("--host", "127.0.0.1"), ("--port", "0")):  # tests run side by side
        webhook[webhook.index(option) + 1] = value
    page = (ROOT / "docs" / "containers.md").read_text("utf-8")
    (said,) = re.findall(r"docker compose run --rm worker (batch run .+)", page)

    assert not healthy()
    with (
        started(*webhook, until_said="receiving webhooks of pixverse at") as receiver,
        started(*worker, until_said="Ctrl-C stops it"),
        started(*worker, until_said="Ctrl-C stops it"),
    ):
        until(healthy)
        url = re.search(r"http://\S+?:\d+", receiver.said)  # type: ignore[attr-defined]
        assert url is not None
        container.sandbox.add_webhook(container.label, f"{url[0]}/", SECRET)
        with (
            subprocess.Popen(
                [sys.executable, "-m", "motionkit", *shlex.split(said)],
                stdout=subprocess.PIPE,
                text=True,
            ) as batch,
            bounded(batch),
        ):
            until(lambda: container.jobs == 2)
            container.sandbox.advance(3600)
            out, _ = batch.communicate(timeout=PATIENCE)
            assert batch.returncode == 0
        assert out == f"{reader / 'results' / 'results.csv'}\n"
        assert len(list((reader / "results").glob("*.mp4"))) == 2
    assert not healthy()
    assert container.jobs == 2
    sent = [
        one["state"]
        for one in container.sandbox.webhooks()["deliveries"]
        if one["webhook"] == container.label
    ]
    assert sent == ["delivered", "delivered"]


def test_the_configuration_takes_all_that_it_reads_from_the_containers_environment(
    container: Accounts,
) -> None:
    text = (FOLDER / "motionkit.toml").read_text("utf-8")
    assert set(re.findall(r"\$\{(\w+)\}", text)) <= set(SERVICES["worker"]["environment"])
    config = load()
    assert config.source == FOLDER / "motionkit.toml"
    assert list(config.accounts) == ["pixverse"]
    settings: Any = config.accounts["pixverse"].settings
    assert (settings.webhook_id, settings.max_concurrent) == (container.label, 15)


def test_the_services_share_one_image_one_journal_and_one_folder() -> None:
    worker, webhook = (SERVICES[name] for name in OURS)
    for key in ("build", "environment", "volumes", "depends_on"):
        assert worker[key] == webhook[key]
    context = (FOLDER / worker["build"]["context"]).resolve()
    assert context == ROOT
    assert (context / worker["build"]["dockerfile"]).samefile(FOLDER / "Dockerfile")
    journal = urlsplit(worker["environment"]["MOTIONKIT_JOURNAL"])
    database = SERVICES["db"]["environment"]
    assert (journal.scheme, journal.hostname, journal.password) == ("postgresql", "db", None)
    assert journal.username == database["POSTGRES_USER"]
    assert journal.path == f"/{database['POSTGRES_DB']}"
    assert worker["environment"]["PGPASSWORD"] == database["POSTGRES_PASSWORD"]
    named = {volume.partition(":")[0] for one in SERVICES.values() for volume in one["volumes"]}
    assert {name for name in named if not name.startswith(".")} == set(COMPOSE["volumes"])


def test_the_image_installs_extras_that_exist_and_starts_the_command_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (extras,) = re.findall(r"/src\[([\w,]+)\]", DOCKERFILE)
    assert {"batch", "cli", "postgres", "webhook"} <= set(extras.split(","))
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    assert 'ENTRYPOINT ["motionkit"]' in DOCKERFILE
    assert "motionkit" in project["scripts"]
    (configured,) = re.findall(r"MOTIONKIT_CONFIG=(\S+)", DOCKERFILE)
    copied = dict(re.findall(r"^COPY (\S+) (\S+)$", DOCKERFILE, re.MULTILINE))
    assert copied["docs/examples/containers/motionkit.toml"] == configured
    assert all((ROOT / source).exists() for source in copied)
    user = re.search(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE)
    assert user is not None
    assert user[1] != "root"
    assert any(
        volume.endswith(f":/home/{user[1]}/.local/state/motionkit")
        for volume in SERVICES["worker"]["volumes"]
    )
    assert f"WORKDIR {os.sep}data" in DOCKERFILE
