"""Two processes that deliver the same job at the same moment."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_support import Account, Cli

import motionkit as mk
from motionkit.cli import delivery
from motionkit.client import journal_of, placing
from motionkit.http.partial_file import PartialFile

OUT = Path("out.mp4")


@pytest.fixture
def order(cli: Cli, account: Account, media: list[str]) -> list[str]:
    """The command that delivers an ordered job to OUT."""
    cli("submit", "mimic", *media, "--key", "order-17", "--out", OUT)
    return ["mimic", *media, "--key", "order-17", "--out", str(OUT)]


def deliver_elsewhere() -> None:
    """Download the job as another process does."""
    with mk.Client() as client:
        client.download(client.result(client.jobs.get("order-17").job), OUT)  # type: ignore[arg-type]


def while_another_downloads(monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> list[str]:
    """Lock the partial file until the command waits for it; then let the other process end."""
    other = PartialFile(OUT)
    other.__enter__()
    waits: list[str] = []

    def pause() -> None:
        if not waits:
            other.__exit__(None, None, None)
            then()
        waits.append("waited")

    monkeypatch.setattr(delivery, "pause", pause)
    return waits


@pytest.mark.parametrize("verb", ["mimic", "resume", "resume two", "wait"])
def test_a_second_delivery_returns_the_file_of_the_first(
    cli: Cli,
    media: list[str],
    order: list[str],
    verb: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if verb == "resume two":
        cli("submit", "mimic", *media, "--new", "--out", "another.mp4")
    commands = {"mimic": order, "resume": ["resume", "order-17"], "resume two": ["resume"]}
    waits = while_another_downloads(monkeypatch, deliver_elsewhere)

    told = cli(*commands.get(verb, ["wait", "order-17", "--out", str(OUT)]), "--json")

    assert told.code == 0
    assert waits == ["waited"]
    assert str(OUT.absolute()) in {one["file"] for one in told.data}
    assert {one.name for one in Path().glob("out*")} == {"out.mp4"}
    with mk.Client() as client:
        entry = client.jobs.get("order-17")
    assert entry.sha256 == hashlib.sha256(OUT.read_bytes()).hexdigest()


NAMED = "films/{key}.{ext}"


def while_another_delivers(monkeypatch: pytest.MonkeyPatch, save: bool) -> list[str]:
    """Deliver as another process does, which ends once the command waits for it."""
    with mk.Client() as client:
        job = client.jobs.get("order-17").job
    assert job is not None
    other = placing.alone(journal_of(client), job, pytest.fail)
    other.__enter__()
    waits: list[str] = []

    def pause() -> None:
        if not waits:
            if save:
                with mk.Client() as client:
                    client.deliver(client.result(job))
            other.__exit__(None, None, None)
        waits.append("waited")

    monkeypatch.setattr(delivery, "pause", pause)
    return waits


@pytest.mark.parametrize("save", [True, False], ids=["saved", "died"])
@pytest.mark.parametrize("verb", ["mimic", "resume", "resume two", "wait", "wait there"])
def test_two_processes_save_one_file_under_a_name_with_placeholders(
    cli: Cli,
    account: Account,
    media: list[str],
    verb: str,
    *,
    save: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = ["mimic", *media, "--key", "order-17", "--out", NAMED]
    assert cli("submit", *line).code == 0
    if verb == "resume two":
        cli("submit", "mimic", *media, "--new", "--out", "another.mp4")
    waits = while_another_delivers(monkeypatch, save)
    commands = {
        "mimic": line,
        "resume": ["resume", "order-17"],
        "resume two": ["resume"],
        "wait": ["wait", "order-17"],
        "wait there": ["wait", "order-17", "--out", NAMED],
    }
    told = cli(*commands[verb], "--json")
    assert told.code == 0, told.err
    assert waits == ["waited"]
    (film,) = Path("films").iterdir()
    assert str(film.absolute()) in {one["file"] for one in told.data}


def test_a_paid_file_is_saved_where_no_lock_can_be_written(
    cli: Cli, account: Account, order: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("no folder")
    monkeypatch.setattr(placing, "_lock", lambda *_: blocked / "lock")
    assert cli("wait", "order-17", "--out", OUT).code == 0
    assert OUT.stat().st_size


def test_a_second_delivery_downloads_if_the_first_one_died(
    cli: Cli, order: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = while_another_downloads(monkeypatch, lambda: None)
    assert cli("resume", "order-17").code == 0
    assert waits == ["waited"]
    assert {one.name for one in Path().glob("out*")} == {"out.mp4"}


def test_a_file_that_is_not_of_the_job_is_never_replaced(
    cli: Cli, order: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = while_another_downloads(monkeypatch, OUT.touch)
    told = cli("wait", "order-17", "--out", OUT)
    assert told.code == 2
    assert waits == ["waited", "waited"]
    assert not OUT.read_bytes()


def test_ctrl_c_while_another_process_downloads_keeps_the_job(
    cli: Cli, order: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    while_another_downloads(monkeypatch, interrupt)
    told = cli("wait", "order-17", "--out", OUT)
    assert told.code == 11
    assert "interrupted while downloading out.mp4" in told.err


@pytest.mark.parametrize("verb", ["mimic", "wait"])
def test_a_failed_download_is_no_success_over_another_file_of_that_name(
    cli: Cli, account: Account, order: list[str], verb: str
) -> None:
    assert cli(*order).code == 0
    OUT.write_text("my own notes")
    account.sandbox.fault("http:download:status=404:times=0")
    command = order if verb == "mimic" else ["wait", "order-17", "--out", OUT]
    told = cli(*command, "--overwrite")
    assert told.code == 11
    assert not told.out
    assert OUT.read_text() == "my own notes"
