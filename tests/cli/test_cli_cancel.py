"""`motionkit cancel`: the vendor's word, a question where money is lost, and true exit codes."""

from __future__ import annotations

from typing import Any

import click
import pytest
from cli_support import Account, Cli

from motionkit.cli.screen import Screen
from motionkit.errors import Billed
from motionkit.model.job import Job, State, Status, UnknownReason, utcnow
from motionkit.provider import CancelTerms
from motionkit_pixverse.adapter import PixVerse


@pytest.fixture
def cancels(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the vendor what it lacks: it confirms at once, and charges what ran."""
    asked: list[str] = []

    def cancel(self: PixVerse, job: Job) -> Status:
        asked.append(job.id)
        return Status(State.FAILED, "canceled", utcnow(), billed=Billed.YES, cancelled=True)

    terms = CancelTerms({State.QUEUED: Billed.NO}, "tests", "What ran is charged.")
    monkeypatch.setattr(PixVerse, "cancel_terms", terms, raising=False)
    monkeypatch.setattr(PixVerse, "cancel", cancel, raising=False)
    return asked


def submit(cli: Cli, media: list[str]) -> None:
    told = cli("submit", "mimic", *media, "--via", "pixverse", "--key", "order-17")
    assert told.code == 0, told.err


@pytest.fixture
def running(cli: Cli, slow_account: Account, media: list[str]) -> None:
    """Submit order-17, which runs until the sandbox lets it end."""
    submit(cli, media)


@pytest.mark.usefixtures("running")
def test_a_vendor_that_cannot_cancel_says_so_in_one_sentence(cli: Cli) -> None:
    told = cli("cancel", "order-17")
    assert told.code == 2
    assert "cannot cancel a job" in told.err
    assert "is running and continues, for 40 credits = 0.40 USD (reported)" in told.err
    assert "'motionkit resume' picks it up again" in told.err
    assert "this may have been charged" in told.err
    assert cli("jobs", "--open", "--json").one["state"] == "running"


@pytest.mark.usefixtures("running")
def test_a_cancelled_job_is_shown_as_cancelled(
    cli: Cli, cancels: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = cli("cancel", "order-17", "--yes", "--json")
    assert told.code == 0, told.err
    assert told.one["outcome"] == "cancelled"
    assert told.one["billed"] == "yes"
    assert "order-17 is cancelled; it was charged, or will be: 40 credits" in told.err
    assert "cancelled" in cli("jobs").out
    gone = Status(State.UNKNOWN, "404", utcnow(), doubt=UnknownReason.NOT_FOUND)
    monkeypatch.setattr(PixVerse, "poll", lambda *_: gone)  # some vendors forget it
    waited = cli("wait", "order-17")
    assert waited.code == 6
    assert "was cancelled" in waited.err
    assert len(cancels) == 1


@pytest.mark.usefixtures("running")
def test_without_a_terminal_a_charge_needs_a_yes(cli: Cli, cancels: list[str]) -> None:
    told = cli("cancel", "order-17")
    assert told.code == 2
    assert "it may be charged all the same; confirmation required; pass --yes" in told.err
    assert not cancels


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("answer", [True, False])
def test_on_a_terminal_a_charge_is_asked_about(
    cli: Cli, cancels: list[str], monkeypatch: pytest.MonkeyPatch, answer: bool
) -> None:
    asked: list[str] = []

    def confirm(question: str, **_: Any) -> bool:
        asked.append(question)
        if not answer:
            raise click.Abort
        return True

    monkeypatch.setattr(Screen, "asks", property(lambda _: True))
    monkeypatch.setattr(click, "confirm", confirm)
    told = cli("cancel", "order-17")
    assert len(asked) == 1
    assert "it may be charged all the same. Cancel it?" in asked[0]
    assert bool(cancels) is answer
    assert told.code == (0 if answer else 1)


def test_a_finished_job_is_too_late_and_can_be_downloaded(
    cli: Cli, account: Account, media: list[str], cancels: list[str]
) -> None:
    submit(cli, media)
    account.finish_jobs()
    told = cli("cancel", "order-17", "--json")
    assert told.code == 2
    assert told.one["outcome"] == "too_late"
    assert told.one["state"] == "succeeded"
    assert "too late: order-17 had ended as succeeded" in told.err
    assert "'motionkit wait order-17 --out FILE' downloads it" in told.err
    assert not cancels


@pytest.mark.usefixtures("running", "cancels")
def test_a_request_that_is_not_confirmed_is_exit_code_9(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PixVerse, "cancel", lambda *_: Status(State.UNKNOWN, "202", utcnow()))
    told = cli("cancel", "order-17", "--yes", "--timeout", "0", "--json")
    assert told.code == 9
    assert told.one["outcome"] == "requested"
    assert "the vendor has not confirmed it: order-17 may still run" in told.err
    assert cli("jobs", "--open", "--json").one["key"] == "order-17"


@pytest.mark.usefixtures("slow_account")
def test_a_job_that_the_journal_lacks_is_cancelled_by_its_json(
    cli: Cli,
    media: list[str],
    cancels: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    text = cli("submit", "mimic", *media, "--via", "pixverse", "--json").out
    monkeypatch.setenv("MOTIONKIT_JOURNAL", str(tmp_path / "other.db"))
    told = cli("cancel", text, "--yes")
    assert told.code == 0, told.err
    assert cancels == [Job.from_json(text).id]


def test_a_reference_that_names_nothing_is_refused(cli: Cli, account: Account) -> None:
    told = cli("cancel", "nothing")
    assert told.code == 2
    assert "no job matches 'nothing'" in told.err
    assert "press Ctrl-C where it runs" in told.err  # it may wait for a slot in another process
    assert "nothing is charged" in told.err


@pytest.mark.usefixtures("running", "cancels")
def test_ctrl_c_while_the_vendor_is_asked_says_that_the_job_may_run(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> Status:
        raise KeyboardInterrupt

    monkeypatch.setattr(PixVerse, "cancel", interrupt)
    told = cli("cancel", "order-17", "--yes", "--json")
    assert told.code == 9
    assert told.one["billed"] == "unknown"
    assert "which may still run" in told.err
    assert cli("jobs", "--open", "--json").one["key"] == "order-17"
