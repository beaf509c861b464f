"""The verbs that go on with what was bought, and those that only look."""

from __future__ import annotations

import errno
import io
import os
import sqlite3
import threading
import types
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cli_support import Account, Cli
from patience import PATIENCE

from motionkit.cli.delivery import default_target
from motionkit.cli.format import brief
from motionkit.journal.entries import PurchaseRecord
from motionkit.journal.journal import Journal
from motionkit.model.job import Job, State
from motionkit.purchase.jobs import Jobs


@pytest.fixture
def order(cli: Cli, account: Account, media: list[str]) -> str:
    """A job that was bought and not waited for, as JSON."""
    return cli("submit", "mimic", *media, "--key", "order-17", "--json").out


@pytest.mark.parametrize("reference", ["order-17", "ord", "the job id", "the job", "a file", "-"])
def test_a_job_is_found_by_whatever_names_it(
    cli: Cli, account: Account, order: str, reference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("job.json").write_text(order)
    monkeypatch.setattr("sys.stdin", io.StringIO(order))
    given = {
        "the job id": account.ledger["jobs"][0]["id"],
        "the job": order,
        "a file": "job.json",
    }

    told = cli("poll", given.get(reference, reference), "--json")

    assert told.code == 0
    assert told.one["key"] == "order-17"
    assert (told.one["state"], told.one["word"]) == ("succeeded", "1")


def test_a_job_is_found_by_a_key_with_a_slash_such_as_a_batch_gives(
    cli: Cli, account: Account, media: list[str]
) -> None:
    key = "b-5ad5c8f7/1"
    assert cli("submit", "mimic", *media, "--key", key).code == 0
    for verb in ("poll", "result", "wait"):
        assert cli(verb, key, "--json").code == 0, verb
    told = cli("poll", "b-5ad5c8f7/2")
    assert (told.code, "no job matches 'b-5ad5c8f7/2'" in told.err) == (2, True)


@pytest.mark.parametrize(
    "reference", ["x" * 400, "nobody", "a/b", "{}", '{"version": 9}', "no.json", "./x"]
)
def test_what_names_no_job_is_said_in_a_sentence(cli: Cli, order: str, reference: str) -> None:
    for verb in ("poll", "result", "wait", "resume"):
        told = cli(verb, reference)
        assert told.code == 2
        assert told.err.startswith("error:")
        assert told.err.count("error:") == 1


def test_a_job_is_picked_up_where_no_journal_knows_it(
    cli: Cli, account: Account, order: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MOTIONKIT_JOURNAL", str(tmp_path / "elsewhere.db"))
    monkeypatch.setattr("sys.stdin", io.StringIO(order))

    told = cli("wait", "-", "--out", "out.mp4")

    assert (told.code, told.out) == (0, "out.mp4\n")
    assert account.bought == (1, 1, "40")


def test_a_job_of_another_key_is_refused(
    cli: Cli, account: Account, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXVERSE_API_KEY", "another-key")

    told = cli("poll", "order-17")

    assert told.code == 2
    assert "different API key or base URL" in told.err


def test_a_wait_for_a_job_that_ended_before_tells_no_duration_from_its_age(
    cli: Cli, account: Account, order: str
) -> None:
    account.finish_jobs()
    told = cli("wait", order)
    assert told.code == 0
    assert "succeeded (vendor status 1)" in told.err
    assert "after" not in told.err


def test_result_prints_the_address_or_that_it_runs(cli: Cli, account: Account, order: str) -> None:
    told = cli("result", "order-17")
    assert told.code == 0
    assert told.out.startswith(account.sandbox.url)


def test_a_running_job_has_no_result(cli: Cli, slow_account: Account, media: list[str]) -> None:
    cli("submit", "mimic", *media, "--key", "order-17")

    polled = cli("poll", "order-17")
    told = cli("result", "order-17", "--json")

    assert (polled.code, polled.out) == (0, "running\n")
    assert told.code == 9
    assert told.one["error"] == "NotReady"


def test_a_wait_that_times_out_says_how_to_go_on(
    cli: Cli, slow_account: Account, media: list[str]
) -> None:
    cli("submit", "mimic", *media, "--key", "order-17")

    told = cli("wait", "order-17", "--timeout", "0", "--json")

    assert told.code == 9
    assert told.one["error"] == "WaitTimeout"
    assert "'motionkit resume order-17'" in told.err
    assert "'motionkit wait order-17 --out FILE'" in told.err
    assert "this may have been charged" in told.err


def test_wait_delivers_where_the_purchase_wanted_it(
    cli: Cli, account: Account, media: list[str]
) -> None:
    cli("submit", "mimic", *media, "--key", "order-17", "--out", "wanted.mp4")

    assert Path(cli("wait", "order-17").out.strip()).name == "wanted.mp4"
    assert Path("wanted.mp4").is_file()


def test_resume_delivers_everything_and_one_failure_stops_nothing(
    cli: Cli, account: Account, media: list[str]
) -> None:
    account.sandbox.fault("fail:submit")
    cli("submit", "mimic", *media, "--key", "bad")
    cli("submit", "mimic", *media, "--key", "a", "--quality", "360p")
    cli("submit", "mimic", *media, "--key", "b", "--quality", "720p", "--out", "b.mp4")

    told = cli("resume", "--json")

    assert told.code == 6
    by_key = {row["key"]: row for row in told.data}
    assert by_key["bad"]["error"] == "JobFailed"
    assert Path(by_key["a"]["file"]).name == "hero-dance.mp4"
    assert Path(by_key["b"]["file"]).name == "b.mp4"
    again = cli("resume")
    assert (again.code, again.out) == (0, "")
    assert "no unfinished jobs" in again.err


@pytest.mark.parametrize("others", [0, 1, 2])
def test_a_job_that_is_corrupt_in_the_journal_keeps_no_other_from_its_owner(
    cli: Cli, account: Account, media: list[str], others: int
) -> None:
    keys = ["first", "second"][:others]
    for key in ("odd", *keys):
        cli("submit", "mimic", *media, "--key", key, "--out", f"{key}.mp4")
    with closing(sqlite3.connect(os.environ["MOTIONKIT_JOURNAL"])) as db, db:
        db.execute("UPDATE purchases SET state='bogus' WHERE key='odd'")
    corrupt = "the purchase 'odd' is corrupt: unknown state 'bogus'"

    for options in ((), ("--all",), ("--open", "--csv")):
        told = cli("jobs", *options)
        assert (told.code, told.err.count(corrupt)) == (11, 1)
        assert all(key in told.out for key in keys)
        assert "no jobs yet" not in told.err
    rows = cli("jobs", "--json").data
    assert {row["key"] for row in rows if "key" in row} == set(keys)
    assert [row["exit_code"] for row in rows if "error" in row and "exit_code" in row] == [11]
    told = cli("reconcile")
    assert (told.code, told.err.count(corrupt)) == (11, 1)

    resumed = cli("resume")
    assert (resumed.code, resumed.err.count(corrupt)) == (11, 1)
    assert all(Path(f"{key}.mp4").is_file() for key in keys)
    assert "'motionkit journal check'" in resumed.err
    assert len(account.ledger["jobs"]) == 1 + others


def test_what_is_finished_does_not_wait_behind_what_runs(
    cli: Cli, slow_account: Account, media: list[str]
) -> None:
    slow_account.sandbox.fault("stuck:submit")
    cli("submit", "mimic", *media, "--key", "stuck")
    cli("submit", "mimic", *media, "--key", "done")
    slow_account.finish_jobs()

    told = cli("resume", "--timeout", "0", "--json")

    assert told.code == 9
    by_key = {row["key"]: row for row in told.data}
    assert set(by_key) == {"done", "stuck"}
    assert Path(by_key["done"]["file"]).is_file()
    assert by_key["stuck"]["error"] == "WaitTimeout"


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ENOSPC])
def test_a_standard_output_that_cannot_be_written_changes_no_exit_code(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    class Broken(io.StringIO):
        def flush(self) -> None:
            raise OSError(number, "cannot be written")

    monkeypatch.setattr("sys.stdout", Broken())
    told = cli("mimic", *media, "--key", "order-17", "--out", "out.mp4")
    assert told.code == 0
    assert Path("out.mp4").is_file()
    assert account.bought[:2] == (1, 1)
    assert ("standard output" in told.err) is (number == errno.ENOSPC)


def test_a_console_that_lacks_a_files_letters_is_written_with_replacement(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    console = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", console)
    told = cli("mimic", *media, "--key", "order-17", "--out", "tänzer.mp4")
    assert told.code == 0
    assert Path("tänzer.mp4").is_file()
    console.seek(0)
    assert console.read() == "t?nzer.mp4\n"


def test_resume_of_what_was_delivered_names_the_file(
    cli: Cli, account: Account, media: list[str]
) -> None:
    cli("mimic", *media, "--key", "order-17", "--out", "out.mp4")
    served = account.sandbox.ledger()["vendors"]["pixverse"]["files_served"]

    assert Path(cli("resume", "order-17").out.strip()).name == "out.mp4"
    assert account.sandbox.ledger()["vendors"]["pixverse"]["files_served"] == served


def test_an_interrupted_submit_is_settled_by_resume_alone(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("motionkit_pixverse.adapter.PixVerse.submit", interrupt)
        stopped = cli("mimic", *media, "--key", "order-17", "--out", "out.mp4", "--json")
    assert stopped.code == 10
    assert stopped.one["error"] == "SubmitUncertain"
    assert "'motionkit resume order-17' resolves it" in stopped.err
    polled = cli("poll", "order-17")
    assert polled.code == 10
    assert account.bought == (0, 0, "0")

    monkeypatch.setattr("motionkit.purchase.submit.RESEND_PAUSE", 0.0)
    monkeypatch.setattr("motionkit.purchase.submit.resend_at", lambda *_: 0.0)
    resumed = cli("resume")

    assert (resumed.code, Path(resumed.out.strip()).name) == (0, "out.mp4")
    assert account.bought == (1, 1, "40")


def test_an_interrupt_before_anything_was_paid_says_so(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("motionkit.provider.uploads.CarefulUploads.put", interrupt)

    told = cli("submit", "mimic", *media)

    assert told.code == 1
    assert "stopped; nothing further was submitted" in told.err
    assert account.bought == (0, 0, "0")


def test_ctrl_c_ends_a_resume_with_the_job_it_waited_for(
    cli: Cli, slow_account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    cli("submit", "mimic", *media, "--key", "a")
    cli("submit", "mimic", *media, "--key", "b")
    monkeypatch.setattr("motionkit.client.client.Client.wait", interrupt)

    told = cli("resume", "a", "--json")

    assert told.code == 9
    assert told.one["key"] == "a"
    assert "'motionkit resume a'" in told.err


def test_ctrl_c_ends_a_resume_of_many_and_says_of_each_that_it_still_runs(
    cli: Cli, slow_account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    cli("submit", "mimic", *media, "--key", "a")
    cli("submit", "mimic", *media, "--key", "b", "--quality", "720p")
    monkeypatch.setattr("motionkit.cli.resuming.Resuming._take", interrupt)

    told = cli("resume", "--json")

    assert told.code == 9
    assert {row["key"]: row["error"] for row in told.data} == {
        "a": "WaitTimeout",
        "b": "WaitTimeout",
    }
    assert "'motionkit resume a'" in told.err
    assert "'motionkit resume b'" in told.err
    assert [job["key"] for job in cli("jobs", "--open", "--json").data] == ["a", "b"]


def test_interrupted_submits_of_a_resume_are_resolved_beside_each_other(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("motionkit_pixverse.adapter.PixVerse.submit", interrupt)
        cli("mimic", *media, "--key", "a", "--out", "same.mp4")
        cli("mimic", *media, "--key", "b", "--quality", "720p", "--out", "same.mp4")
    both = threading.Barrier(2, timeout=PATIENCE)
    resolve = Jobs.resume

    def together(jobs: Jobs, entry: PurchaseRecord) -> Job:
        both.wait()  # each waits for the other: one after the other, neither would go on
        return resolve(jobs, entry)

    monkeypatch.setattr(Jobs, "resume", together)
    monkeypatch.setattr("motionkit.purchase.submit.RESEND_PAUSE", 0.0)
    monkeypatch.setattr("motionkit.purchase.submit.resend_at", lambda *_: 0.0)

    told = cli("resume", "a", "b", "--json")

    assert told.code == 0
    assert sorted(row["key"] for row in told.data) == ["a", "b"]
    assert sorted(Path(row["file"]).name for row in told.data) == ["same-2.mp4", "same.mp4"]
    assert account.bought[:2] == (2, 2)


def test_ctrl_c_while_fetching_keeps_the_paid_result(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("motionkit.http.download_file", interrupt)
        told = cli("mimic", *media, "--out", "out.mp4")
    assert told.code == 11
    assert "motionkit resume" in told.err
    assert "this was charged" in told.err

    assert cli("resume").code == 0
    assert Path("out.mp4").is_file()


def test_a_failing_poll_is_told_and_repeated(
    cli: Cli, account: Account, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("motionkit._support.backoff.FIRST_PAUSE", 0.0)
    account.sandbox.fault("html:poll")

    told = cli("wait", "order-17", "--out", "out.mp4")

    assert told.code == 0
    assert "failed and is repeated" in told.err


def test_jobs_lists_what_was_bought(cli: Cli, account: Account, media: list[str]) -> None:
    cli("mimic", *media, "--key", "delivered")
    cli("submit", "mimic", *media, "--key", "open")
    cli("submit", "mimic", *media, "--new")

    table = cli("jobs").out.splitlines()
    listed = cli("jobs", "--json").data
    still = cli("jobs", "--open", "--json").data

    assert table[0].split() == ["KEY", "STATE", "AGE", "COST", "TARGET", "FILE", "WHAT"]
    assert [row["key"] for row in listed][:2] == ["delivered", "open"]
    assert [row["state"] for row in listed] == ["succeeded", "queued", "queued"]
    assert [row["key"] for row in still] == [row["key"] for row in listed[1:]]
    assert table[1].startswith("delivered")
    assert "40 credits = 0.40 USD" in table[1]
    assert "mimic hero.png dance.mp4" in table[1]
    assert table[3].split()[0] == listed[2]["key"][:8]


@pytest.mark.usefixtures("account")
def test_a_long_list_is_written_in_parts_and_reads_as_one(
    cli: Cli, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("first-of-all", "b", "c", "d", "e"):
        cli("submit", "mimic", *media, "--key", key)
    now = types.SimpleNamespace(time=lambda: 2e9)  # the ages are the same in every list
    monkeypatch.setattr("motionkit.cli.journal.time", now)
    whole = cli("jobs").out
    data = cli("jobs", "--json").out
    monkeypatch.setattr("motionkit.cli.journal._PART", 2)
    assert cli("jobs").out == whole
    assert cli("jobs", "--json").out == data
    assert len(whole.splitlines()) == 6


@pytest.mark.usefixtures("account")
def test_jobs_lists_only_the_newest_where_asked(cli: Cli, media: list[str]) -> None:
    for key in ("a", "b", "c"):
        cli("submit", "mimic", *media, "--key", key)
    assert [row["key"] for row in cli("jobs", "--limit", "2", "--json").data] == ["b", "c"]
    newest = cli("jobs", "--open", "--limit", "1").out.splitlines()
    assert [line.split()[0] for line in newest] == ["KEY", "c"]
    assert cli("jobs", "--limit", "0").code == 2


@pytest.mark.parametrize(
    ("description", "shown"),
    [
        (
            {"operation": "modify", "video": "clip.mp4", "images[0]": "hero.png", "keyframe": 1,
             "masks": ["400000005071749635"], "quality": "540p", "seed": 7, "prompt": "in snow"},
            "modify clip.mp4 hero.png 540p in snow",
        ),
        (
            {"operation": "image_to_video", "image": "hero.png", "audio": True, "prompt": "x"},
            "image_to_video hero.png x",
        ),
        ({"operation": "effect", "images[0]": "a.png", "template": 7, "prompt": "x"},
         "effect a.png x template=7"),
        ({"operation": "lip_sync", "video": "a.mp4", "text": "hello", "voice": "7"},
         "lip_sync a.mp4 hello"),
        ({"operation": "of a provider that is gone", "image": "a.png", "strength": 3},
         "of a provider that is gone a.png"),
    ],
)  # fmt: skip
def test_a_request_is_told_in_a_line_by_media_quality_and_words(
    description: dict[str, Any], shown: str
) -> None:
    assert brief(description) == shown


def test_a_switch_is_no_part_of_a_files_name() -> None:
    description = {"operation": "image_to_video", "image": "hero.png", "audio": True}
    assert default_target(description).name == "hero.mp4"


def test_jobs_show_tells_all_of_one(cli: Cli, account: Account, order: str) -> None:
    told = cli("jobs", "show", "order")
    data = cli("jobs", "show", "order", "--json").one

    assert "attempt 1" in told.out
    assert data["key"] == "order-17"
    assert data["attempts"][0]["job"] == account.ledger["jobs"][0]["id"]
    assert account.key not in told.out


def test_a_journal_that_cannot_be_opened_is_local_storage(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken.db").write_bytes(b"this is no database" * 100)
    monkeypatch.setenv("MOTIONKIT_JOURNAL", str(tmp_path / "broken.db"))

    told = cli("mimic", *media)

    assert told.code == 11
    assert account.ledger["calls"] == {}


def test_an_uncertain_purchase_is_named_in_the_list(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("motionkit.purchase.submit.RESEND_PAUSE", 0.0)
    monkeypatch.setattr("motionkit.purchase.submit.resend_at", lambda *_: 0.0)
    account.sandbox.fault("accept_then_reset:submit:times=0")
    cli("mimic", *media, "--key", "order-17")

    assert "uncertain" in cli("jobs").out
    assert cli("wait", "order-17").code == 10


def test_balance_names_amount_unit_and_dollars(cli: Cli, account: Account) -> None:
    assert cli("balance").out.startswith("pixverse: 5000 credits = 50.00 USD")
    told = cli("balance", "pixverse", "--json").one
    assert (told["amount"], told["unit"], told["usd"]) == ("5000", "credit", "50.00")


def test_balance_without_an_account_names_the_way(cli: Cli) -> None:
    told = cli("balance")
    assert told.code == 2
    assert "motionkit init" in told.err


def test_providers_tells_which_keys_are_there_and_never_the_key(
    cli: Cli, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = cli("providers", "--json")
    own = {"provider": "pixverse", "accounts": ["pixverse"], "variable": "PIXVERSE_API_KEY"}
    own["console"] = "https://platform.pixverse.ai/api-key"
    assert {**own, "circuits": [], "sandbox": ["pixverse"]} in told.data
    assert account.key not in told.out
    monkeypatch.delenv("PIXVERSE_API_KEY")
    assert "set PIXVERSE_API_KEY" in cli("providers").out


def test_the_journal_of_a_purchase_ends_delivered(
    cli: Cli, account: Account, media: list[str], tmp_path: Path
) -> None:
    cli("mimic", *media, "--key", "order-17", "--out", "out.mp4")

    with Journal(tmp_path / "state" / "journal.db") as journal:
        entry = journal.entry("order-17")
    assert entry.state is State.SUCCEEDED
    assert entry.delivered == str(Path("out.mp4").absolute())


# Labels.


def test_a_job_shows_the_labels_that_it_was_submitted_with(
    cli: Cli, account: Account, media: list[str]
) -> None:
    labels = ("--label", "project=spring", "--label", "shot=a=b")
    assert cli("submit", "mimic", *media, "--key", "k1", *labels).code == 0
    assert cli("jobs", "show", "k1", "--json").one["labels"] == {"project": "spring", "shot": "a=b"}
    assert "labels     project=spring, shot=a=b\n" in cli("jobs", "show", "k1").out
    assert cli("jobs", "--json").one["labels"] == {"project": "spring", "shot": "a=b"}


def test_a_resumed_job_keeps_its_labels_and_says_so(
    cli: Cli, account: Account, media: list[str]
) -> None:
    assert cli("submit", "mimic", *media, "--label", "project=spring").code == 0
    told = cli("mimic", *media, "--label", "project=autumn")
    assert told.code == 0
    assert "it keeps its labels: project=spring" in told.err
    assert cli("jobs", "--json").one["labels"] == {"project": "spring"}
    assert account.bought[1] == 1


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("project", "invalid value for label: 'project'; expected NAME=VALUE"),
        ("a b=x", "invalid value for a label's name: 'a b'"),
        (f"a={'x' * 257}", "expected at most 256 printable characters"),
    ],
)
def test_a_wrong_label_is_refused_before_anything_is_sent(
    cli: Cli, account: Account, media: list[str], label: str, said: str
) -> None:
    for verb in (["mimic"], ["submit", "mimic"], ["mimic", "--dry-run"]):
        told = cli(*verb, *media, "--label", label)
        assert (told.code, said in told.err) == (2, True), told.err
    assert account.bought[0] == 0
    assert cli("jobs", "--json").data == []
