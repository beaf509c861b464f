"""Processes that end in the middle: killed, interrupted, started again."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from cli_support import Account, Cli, ended, process, read_until
from patience import until


def test_a_job_of_one_process_is_finished_by_another(
    slow_account: Account, media: list[str]
) -> None:
    Path("motionkit.toml").write_text("[defaults]\nlateness = 0.2\n")  # it is looked at often
    with process("mimic", *media, "--key", "order-17") as first:
        read_until(first, "running")
        first.kill()
        first.wait()

    with process("wait", "order-17", "--out", "out.mp4", "--json") as second:
        read_until(second, "running")
        slow_account.finish_jobs()
        told = ended(second)

    assert told.code == 0, told.err
    assert told.one["job"] == slow_account.ledger["jobs"][0]["id"]
    assert Path("out.mp4").stat().st_size > 1000
    assert slow_account.bought == (1, 1, "40")


def test_resume_brings_the_file_of_a_killed_process(
    cli: Cli, slow_account: Account, media: list[str]
) -> None:
    with process("mimic", *media, "--out", "out.mp4") as killed:
        until(lambda: slow_account.ledger["polls"] > 0)
        killed.kill()
        killed.wait()
    slow_account.finish_jobs()

    told = cli("resume")

    assert (told.code, told.out.strip()) == (0, str(Path("out.mp4").absolute()))
    assert slow_account.bought == (1, 1, "40")


def test_ctrl_c_while_waiting_leaves_the_job_and_the_words_to_go_on(
    cli: Cli, slow_account: Account, media: list[str]
) -> None:
    command = ["mimic", *media, "--out", "out.mp4", "--key", "order-17"]
    with process(*command) as waiting:
        read_until(waiting, "running")
        waiting.send_signal(signal.SIGINT)
        told = ended(waiting)

    assert told.code == 9
    assert "still runs" in told.err
    assert "this may have been charged" in told.err
    assert "'motionkit resume order-17'" in told.err
    assert "Traceback" not in told.err
    assert cli("poll", "order-17").out == "running\n"

    slow_account.finish_jobs()
    again = cli(*command)

    assert (again.code, again.out) == (0, "out.mp4\n")
    assert slow_account.bought == (1, 1, "40")


def test_ctrl_c_during_the_submit_is_settled_by_resume_without_a_second_purchase(
    cli: Cli, slow_account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_account.sandbox.fault("accept_then_hang:submit")
    with process("mimic", *media, "--out", "out.mp4", "--key", "order-17") as submitting:
        until(lambda: len(slow_account.ledger["jobs"]) == 1)
        submitting.send_signal(signal.SIGINT)
        told = ended(submitting)

    assert told.code == 10
    assert "'motionkit resume order-17' resolves it" in told.err
    assert "this may have been charged" in told.err

    monkeypatch.setattr("motionkit.purchase.submit.RESEND_PAUSE", 0.0)
    monkeypatch.setattr("motionkit.purchase.submit.resend_at", lambda *_: 0.0)
    slow_account.finish_jobs()
    resumed = cli("resume")

    assert (resumed.code, Path(resumed.out.strip()).name) == (0, "out.mp4")
    assert len(slow_account.ledger["jobs"]) == 1
    assert slow_account.ledger["charged"] == "40"


def test_the_sandbox_prints_its_environment_and_ends_cleanly() -> None:
    with process("sandbox", "--port", "0", "--speed", "500") as serving:
        read_until(serving, "the sandbox serves http://127.0.0.1:")
        assert serving.stdout is not None
        lines = [next(serving.stdout)]
        while not lines[-1].startswith("export PIXVERSE_BASE_URL=http://127.0.0.1:"):
            lines.append(next(serving.stdout))
        serving.send_signal(signal.SIGINT)
        told = ended(serving)

    assert any(line.startswith("export PIXVERSE_API_KEY=") for line in lines)
    assert told.code == 0
    assert "Traceback" not in told.err
