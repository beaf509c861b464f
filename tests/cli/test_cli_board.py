"""The board's verb: its address, its end, and what it writes to a terminal."""

from __future__ import annotations

import importlib
import json
import re
import signal
import subprocess
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from cli_support import Account, Cli, ended, process, read_until
from patience import PATIENCE

from motionkit.cli import serving


def address_of(running: subprocess.Popen[str]) -> str:
    read_until(running, "Ctrl-C stops it")
    assert running.stdout is not None
    return running.stdout.readline().strip()


def ask(address: str, path: str = "", **headers: str) -> tuple[int, str]:
    parts = urlsplit(address)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
    connection.request("GET", parts.path + path, headers=headers)
    answer = connection.getresponse()
    read = answer.status, answer.read(2000).decode()
    connection.close()
    return read


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_board_serves_its_address_until_a_signal(
    account: Account, number: signal.Signals
) -> None:
    with process("board", "--port", "0") as running:
        address = address_of(running)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{43}/", address)
        assert ask(address)[0] == 200
        assert ask(address, Host="evil.test")[0] == 421
        parts = urlsplit(address)
        # An open stream does not keep it from ending.
        stream = HTTPConnection("127.0.0.1", parts.port, timeout=PATIENCE)
        stream.request("GET", f"{parts.path}events")
        assert stream.getresponse().readline() == b"retry: 1000\n"
        running.send_signal(number)
        last = ended(running)
        stream.close()
    token = parts.path.strip("/")
    assert (last.code, last.out) == (0, "")
    assert "the board stopped" in last.err
    assert token not in last.err


def test_another_process_changes_the_page(
    cli: Cli, slow_account: Account, media: list[str]
) -> None:
    with process("board", "--port", "0") as running:
        address = address_of(running)
        parts = urlsplit(address)
        stream = HTTPConnection("127.0.0.1", parts.port, timeout=PATIENCE)
        stream.request("GET", f"{parts.path}events")
        answer = stream.getresponse()
        lines = iter(answer.readline, b"")
        first = next(line for line in lines if line.startswith(b"data: "))
        assert b"order-17" not in first
        assert cli("submit", "mimic", *media, "--key", "order-17").code == 0
        assert any(b">order-17</b>" in line for line in lines if line.startswith(b"data: "))
        stream.close()
        running.send_signal(signal.SIGINT)
        assert ended(running).code == 0
    assert slow_account.bought[:2] == (1, 1)


def test_with_json_the_address_is_an_object(account: Account) -> None:
    with process("board", "--port", "0", "--json", "--allow-actions") as running:
        assert running.stdout is not None
        address = json.loads(running.stdout.readline())["address"]
        assert "cancel, resume, retry" in ask(address)[1]
        running.send_signal(signal.SIGINT)
        assert ended(running).code == 0


def test_a_port_in_use_names_the_option(cli: Cli, account: Account) -> None:
    port = account.sandbox.url.rpartition(":")[2]
    told = cli("board", "--port", port)
    assert told.code == 2
    assert "port:" in told.err
    assert "is in use" in told.err


def test_an_address_that_other_machines_reach_is_refused(cli: Cli, account: Account) -> None:
    told = cli("board", "--host", "0.0.0.0")  # noqa: S104 - it is refused
    assert told.code == 2
    assert "can be reached by other machines" in told.err


def test_without_its_extra_the_board_says_what_to_install(
    cli: Cli, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = importlib.import_module

    def missing(name: str) -> object:
        if name == "motionkit.report.board":
            raise ModuleNotFoundError(name="uvicorn")
        return load(name)

    monkeypatch.setattr(serving.importlib, "import_module", missing)
    told = cli("board")
    assert told.code != 0
    assert "pip install 'motionkit[board]'" in told.err
